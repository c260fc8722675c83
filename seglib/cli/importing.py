"""`import`: another program's data set -> a folder of ours, and what was decided on the way."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from seglib.cli.bar import bar

if TYPE_CHECKING:
    from seglib.sources.writer import Imported

TOLD = 12  # groups and things left out; --json names all


def run(args: argparse.Namespace) -> None:
    """Write the folder and print what it holds; without DIR only say what would be."""
    from seglib.sources import writer
    from seglib.sources.recognise import open_source
    from seglib.sources.source import Choices

    fields = ("axes", "image_key", "mask_key", "channel", "label", "grouping")
    choices = Choices(**{name: getattr(args, name) for name in fields})
    if args.folder is not None:
        writer.check_free(args.folder)
    scratch = writer.nearest_folder(args.folder) if args.folder is not None else None
    with bar("unpack") as unpacked, open_source(args.source, choices, scratch, unpacked) as source:
        if args.folder is None:
            imported = writer.plan(source)
        else:
            with bar("import") as move:
                imported = writer.write_dataset(source, args.folder, move)
    if args.json:
        print(json.dumps(writer.as_json(imported), indent=2, ensure_ascii=False))
    else:
        _print(imported)
    if args.folder is None:
        print("nothing was written: name a folder to import it", file=sys.stderr)


def _print(imported: Imported) -> None:
    print(f"{imported.source}: {imported.kind}")
    for array in imported.arrays[:TOLD]:
        print(f"    {array.key or '/'}  {' × '.join(map(str, array.shape))}  {array.dtype}  {array.axes}".rstrip())
    for line in imported.decisions:
        print(f"  · {line}")
    sides = ", ".join(f"{n:,} {side}" for side, n in imported.split.items() if n)
    print(f"  {imported.n_images:,} pictures: {imported.n_pairs:,} with a mask ({sides or 'none'}), "
          f"{imported.n_unlabelled:,} unlabelled")  # fmt: skip
    for group, n, side in imported.groups[:TOLD]:
        print(f"    group {group}: {n:,} {side or 'unlabelled or unused'}")
    _more(len(imported.groups), "groups")
    for line in imported.left_out[:TOLD]:
        print(f"  ! left out: {line}")
    _more(len(imported.left_out), "things left out")
    if imported.folder:
        print(imported.folder)


def _more(n: int, what: str) -> None:
    if n > TOLD:
        print(f"    and {n - TOLD:,} more {what}; --json names all")
