"""Version proof: that a version differs from its original in what its changes.json lists, and in nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from seglib.data import changes as rules
from seglib.data import mask_files
from seglib.data.changes import Change
from seglib.data.lineage import read_version
from seglib.data.origin import Base, base_before, read_rows
from seglib.data.readers import read_image
from seglib.data.records import CSV_NAME
from seglib.data.substitute import csv_of
from seglib.data.version_writer import ignored_in
from seglib.exceptions import InputError

_SAID = ("mask", "ignore", "weight")  # columns that a change may touch


@dataclass(frozen=True)
class Verified:
    """What was compared. problems: what is different and not listed, one line each; none = proven."""

    n_images: int
    n_masks_same: int
    n_masks_changed: int
    problems: tuple[str, ...]


def verify(version: Path, original: Path) -> Verified:
    """Hold a version against the data set it was made from, file by file, and changed masks pixel by pixel.

    Images, unchanged masks and ignore pictures must be the same bytes, every other column the same text; a changed
    mask, ignore picture or weight must be what the listed changes make of the original's. Raises InputError where the
    version cannot be read.
    """
    before, csv = base_before(Path(version)), csv_of(original)
    columns, rows = read_rows(csv) if csv is not None else (before.columns, before.rows)
    return compare(Path(version), replace(before, root=Path(original), columns=columns, rows=rows, kept={}))


def compare(version: Path, base: Base, told: Callable[[float, str], None] = lambda fraction, text: None) -> Verified:
    """The same against what the version was made from. told(fraction, image) is called after each and may raise."""
    found, before = read_version(version), base.rows
    after = read_rows(version / CSV_NAME)[1] if (version / CSV_NAME).is_file() else before
    if [row["image"] for row in before] != [row["image"] for row in after]:
        return Verified(len(after), 0, 0, ("the images listed are not those of the original.",))
    mine: dict[str, list[Change]] = {}
    for done in found.done:
        mine.setdefault(done.change.image, []).append(done.change)
    problems, same, changed = [], 0, 0
    for number, (old, new) in enumerate(zip(before, after), start=1):
        pair = _Pair(version, base, old, new, mine.get(old["image"].strip(), []))
        problems += pair.problems()
        changed, same = changed + pair.drawn, same + (bool(old["mask"]) and not pair.drawn)
        told(number / len(before), f"comparing {old['image']}")
    return Verified(len(after), same, changed, tuple(problems))


class _Pair:
    """One image in both: its rows, and the changes that are listed for it."""

    def __init__(self, version: Path, base: Base, old: Mapping[str, str], new: Mapping[str, str], mine):
        self.version, self.base, self.old, self.new = version, base, old, new
        self.mine: Sequence[Change] = mine
        self.actions = {change.action for change in mine}
        self.drawn = bool(self.actions & {"fill", "erase"})

    def problems(self) -> Iterator[str]:
        image = self.old["image"].strip()
        try:
            if not _same_bytes(self.version / image, self.base.file(image)):
                yield f"{image}: not the same bytes as in the original."
            yield from self._columns()
            yield from self._pictures()
        except (InputError, OSError) as error:
            yield f"{image}: {error}"

    def _columns(self) -> Iterator[str]:
        for name in self.base.columns:
            if name not in _SAID and self.old.get(name) != self.new.get(name):
                yield f"{self.old['image']}: {name} is {self.new.get(name)!r}, in the original {self.old.get(name)!r}."
        before, after = (float(row.get("weight", "").strip() or 1) for row in (self.old, self.new))
        added = [change.weight for change in self.mine if change.action == "weight"]
        if abs(after - before * rules.weight_factor(added)) > 1e-5 * after:
            yield f"{self.old['image']}: weight is {after:g}; the changes listed make {before:g} another."

    def _pictures(self) -> Iterator[str]:
        old_mask, old_ignore = (self._path(self.old, name, self.base.file) for name in ("mask", "ignore"))
        new_mask, new_ignore = (self._path(self.new, name, self.version.joinpath) for name in ("mask", "ignore"))
        drawn, left = self.drawn, "ignore" in self.actions
        for text, pair, listed in (
            ("mask", (old_mask, new_mask), drawn),
            ("ignore picture", (old_ignore, new_ignore), left),
        ):
            if not listed and not _same_file(*pair):
                yield f"{self.old['image']}: its {text} is another and no change says so."
        if not (drawn or left):
            return
        mask = mask_files.load(old_mask) if old_mask else None
        shape = mask.labels.shape if mask else read_image(self.base.file(self.old["image"].strip())).shape[:2]
        ignored = ignored_in(old_ignore, shape) if old_ignore else np.zeros(shape, bool)
        labels, binary = (mask.labels, mask.binary) if mask else (np.zeros(shape, np.int32), True)
        meant = rules.corrected(labels, ignored, self.mine, binary)
        if drawn and new_mask and not mask_files.reads_as(new_mask, meant.labels, binary):
            yield f"{self.old['image']}: its mask is not what the listed changes make of the original's."
        got = ignored_in(new_ignore, shape) if new_ignore else np.zeros(shape, bool)
        if left and not np.array_equal(got, meant.ignored):
            yield f"{self.old['image']}: its ignore picture is not what the listed changes make of the original's."

    @staticmethod
    def _path(row: Mapping[str, str], column: str, place: Callable[[str], Path]) -> Path | None:
        name = row.get(column, "").strip()
        return place(name) if name else None


def _same_file(a: Path | None, b: Path | None) -> bool:
    return a is b is None or (a is not None and b is not None and _same_bytes(a, b))


def _same_bytes(a: Path, b: Path) -> bool:
    if a.samefile(b):
        return True
    return a.stat().st_size == b.stat().st_size and a.read_bytes() == b.read_bytes()
