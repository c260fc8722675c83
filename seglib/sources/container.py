"""Containers: arrays with keys in one file or store (HDF5, Zarr) -> a source."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from seglib.sources import keys, stack
from seglib.sources.source import Choices, Found, Picture, Source, unread
from seglib.sources.stack import Arrangement, Stack


def source_of(
    kind: str,
    path: Path,
    arrays: Sequence[Found],
    choices: Choices,
    open_stack: Callable[[str, bool], Stack],
    blocked: Mapping[str, str],
) -> Source:
    """The source of arrays found under keys. `open_stack(key, is_mask)` opens one and refuses what is not read.

    Where the keys are groups, every array in them is a picture or a stack with a group of its own. `blocked`: why a
    key is not read.
    """
    if choices.mask_key == "none":
        choices = replace(choices, mask_key="")
    options = keys.options(arrays)
    keyed, decided, questions = keys.choose(arrays, choices, path.name, blocked)
    if keyed is None:
        return Source(kind, path, choices, unread, tuple(arrays), tuple(decided), tuple(questions), (), options)
    choices = replace(choices, image_key=keyed.image_key, mask_key=keyed.mask_key)
    found: list[tuple[str, Arrangement]] = []
    for image_key, mask_key in keyed.pairs:
        image = open_stack(image_key, False)
        mask = open_stack(mask_key, True) if mask_key is not None else None
        arranged, used, more, questions = stack.arrange(image, mask, choices)
        if arranged is None:
            return Source(kind, path, used, unread, tuple(arrays), tuple(decided + more), tuple(questions), (), options)
        found.append((image_key, arranged))
    options |= stack.alternatives(found[0][1])
    if len(found) == 1:
        choices, decided = used, decided + more
        name = stack.named(path)
    else:
        name = ""
        decided.append(f"{len(found):,} arrays in {keyed.image_key!r}, each a group of its own")

    def pictures() -> Iterator[Picture]:
        for key, arranged in found:
            yield from stack.pictures(arranged, name or key[len(keyed.image_key) :].strip("/"), f"{path.name} {key!r}")

    left_out = (*_told(blocked), *keyed.left_out)
    return Source(kind, path, choices, pictures, tuple(arrays), tuple(decided), (), left_out, options)


def _told(blocked: Mapping[str, str], most: int = 20) -> list[str]:
    return [f"{key!r}: {reason}" for key, reason in list(blocked.items())[:most]]
