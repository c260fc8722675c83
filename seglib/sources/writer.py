"""Writer: any source -> a folder of ours, `images/`, `masks/` and `dataset.csv`, whole or not at all."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from seglib.data.masks import MaskValues
from seglib.data.readers import read_image, read_mask
from seglib.data.records import Record, check_groups, write_csv
from seglib.data.splits import by_group
from seglib.exceptions import InputError
from seglib.files import check_free, made_beside
from seglib.sources.pixels import save_image, save_mask
from seglib.sources.source import Choices, Found, LeftOut, Picture, Pixels, Source

__all__ = ["Imported", "Stems", "as_json", "check_free", "nearest_folder", "plan", "safe_stem", "write_dataset"]

Progress = Callable[[int, int], None]
NAMED_GROUPS = 200
_RESERVED = {"con", "prn", "aux", "nul", *(f"{d}{i}" for d in ("com", "lpt") for i in range(10))}


@dataclass(frozen=True)
class Imported:
    """What an import made, or would make (folder None): counts, groups and every decision, to be told and kept.

    groups: (name, number of pictures, train | val | '' = neither) of each. left_out: what was not taken, and why.
    """

    kind: str
    source: str
    folder: str | None
    axes: str | None
    image_key: str | None
    mask_key: str | None
    channel: int | None
    label: str | None
    n_images: int
    n_pairs: int
    n_unlabelled: int
    split: dict[str, int]
    groups: list[tuple[str, int, str]]
    arrays: list[Found]
    decisions: list[str]
    left_out: list[str]


def plan(source: Source) -> Imported:
    """What importing `source` would make; no pixel is read. Raises InputError where a question is open."""
    records = [_record(picture, picture.stem, "x") for picture in source.answered().pictures()]
    return _imported(source, None, *_split(source, records), [])


def write_dataset(source: Source, folder: Path, progress: Progress | None = None) -> Imported:
    """Make `folder` of the pictures of `source`, one in memory at a time.

    It is made beside it under a hidden name and renamed at the end. `progress(done, total)` is called after each
    picture; what it raises ends the import and leaves nothing. Raises InputError where `folder` is not empty, a
    question is open, or a picture cannot be read or kept without loss.
    """
    folder = Path(folder)
    check_free(folder)
    total = sum(1 for _ in source.answered().pictures())
    if not total:
        raise InputError(f"{source.path}: no picture in it, nothing to import.")
    with made_beside(folder) as made:
        for name in ("images", "masks"):
            (made / name).mkdir()
        records, missing = [], []
        stems = Stems()
        for done, picture in enumerate(source.pictures(), 1):
            try:
                records.append(_save(made, picture, stems.free(picture.stem)))
            except LeftOut as reason:
                missing.append(f"{picture.origin or picture.stem}: {reason}")
            if progress:
                progress(done, total)
        if not records:
            raise InputError(f"{source.path}: none of its {total:,} pictures could be taken; {missing[0]}.")
        records, decisions = _split(source, records)
        check_groups(source.path, records)
        write_csv(made, records)
    return _imported(source, folder, records, decisions, missing)


def nearest_folder(folder: Path) -> Path:
    """The nearest folder above `folder` that exists: on the same disk, there is room for what is unpacked."""
    return next(parent for parent in Path(folder).absolute().parents if parent.is_dir())


class Stems:
    """Names that are one file on every system, no two alike where capitals do not count."""

    def __init__(self):
        self._taken: set[str] = set()

    def free(self, stem: str) -> str:
        stem = safe_stem(stem)
        name, number = stem, 1
        while name.lower() in self._taken:
            number += 1
            name = f"{stem}-{number}"
        self._taken.add(name.lower())
        return name


def safe_stem(name: str) -> str:
    """Letters, digits, `.`, `_` and `-` of `name`, at most 120, not beginning or ending with a dot."""
    stem = re.sub(r"[^\w.-]+", "_", name)[-120:].strip("._ ") or "picture"
    return f"{stem}_" if stem.split(".")[0].lower() in _RESERVED else stem


def _save(made: Path, picture: Picture, stem: str) -> Record:
    """Write the files of one picture, and give its record."""
    shapes: dict[str, tuple[int, ...]] = {}
    names: dict[str, str] = {}
    parts = (("images", picture.image, save_image), ("masks", picture.mask, save_mask))
    for kind, pixels, save in (*parts, ("ignore", picture.ignore, save_mask)):
        if pixels is None:
            continue
        (made / kind).mkdir(exist_ok=True)
        suffix, shape = _save_one(made / kind / stem, pixels, save, picture.origin or stem)
        names[kind] = f"{kind}/{stem}{suffix}"
        shapes |= {kind: shape[:2]} if shape else {}
    if len(set(shapes.values())) > 1:
        sizes = ", ".join(f"{kind} {height} × {width}" for kind, (height, width) in shapes.items())
        raise InputError(f"{picture.origin or stem}: sizes differ ({sizes}); a pair must have one size.")
    record = _record(picture, stem, "")
    return replace(record, image=names["images"], mask=names.get("masks"), ignore=names.get("ignore"))


def _save_one(
    file: Path, pixels: Pixels, save: Callable[[Path, np.ndarray, str], str], origin: str
) -> tuple[str, tuple[int, ...]]:
    """(suffix, shape) of what was written; a file is copied as it is once it was read to its end."""
    if isinstance(pixels, Path):
        shape = _shape_of(pixels, is_mask=save is save_mask)
        shutil.copyfile(pixels, file.with_name(f"{file.name}{pixels.suffix.lower()}"))
        return pixels.suffix.lower(), shape
    array = pixels()
    return save(file, array, origin), array.shape


def _shape_of(file: Path, is_mask: bool) -> tuple[int, ...]:
    """Raises InputError for a file that cannot be read. What the values of a mask mean is for `check` to say."""
    if not is_mask:
        return read_image(file).shape
    try:
        return read_mask(file)[0].shape
    except MaskValues:
        return ()


def _record(picture: Picture, stem: str, mask: str) -> Record:
    return Record(
        image=f"images/{stem}",
        mask=mask if picture.mask is not None else None,
        group=picture.group,
        split=picture.split or "",
        fold=picture.fold,
        weight=picture.weight,
        extra=picture.extra,
    )


def _split(source: Source, records: Sequence[Record]) -> tuple[list[Record], list[str]]:
    """The records with a split, and what was decided about it: the source's own, else whole groups, a fifth to val."""
    if any(picture.split is not None for picture in source.pictures()):
        return list(records), ["the split of the source is kept"]
    labelled = {record.group for record in records if record.mask is not None}
    if not labelled:
        return list(records), ["no masks: every picture is unlabelled"]
    if len(labelled) == 1:
        return by_group(records), ["one group with masks: all of it is train, and there is no validation set"]
    records = by_group(records)
    n_val = len({record.group for record in records if record.mask is not None and record.split == "val"})
    return records, [f"the source has no split: {n_val} of {len(labelled)} groups with masks are val (drawn, seed 0)"]


def _imported(
    source: Source, folder: Path | None, records: Sequence[Record], decisions: list[str], missing: list[str]
) -> Imported:
    n_pairs = sum(record.mask is not None for record in records)
    sides = Counter(record.split or "unused" for record in records if record.mask is not None)
    sizes = Counter(record.group for record in records)
    splits = {record.group: record.split for record in records if record.mask is not None}
    choices: Choices = source.choices
    return Imported(
        kind=source.kind,
        source=str(source.path),
        folder=str(folder) if folder is not None else None,
        axes=choices.axes,
        image_key=choices.image_key,
        mask_key=choices.mask_key,
        channel=choices.channel,
        label=choices.label,
        n_images=len(records),
        n_pairs=n_pairs,
        n_unlabelled=len(records) - n_pairs,
        split={side: sides[side] for side in ("train", "val", "unused")},
        groups=[(group, n, splits.get(group, "")) for group, n in sizes.items()],
        arrays=list(source.arrays),
        decisions=[*source.decisions, *decisions],
        left_out=[*source.left_out, *missing],
    )


def as_json(imported: Imported) -> dict[str, Any]:
    """JSON values; groups as objects."""
    values = {name: getattr(imported, name) for name in imported.__dataclass_fields__}
    values["groups"] = [{"group": group, "n_images": n, "split": side} for group, n, side in imported.groups]
    values["arrays"] = [
        {"key": a.key, "shape": list(a.shape), "dtype": a.dtype, "axes": a.axes or None} for a in imported.arrays
    ]
    return values
