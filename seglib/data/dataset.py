"""Data sets: what lies in a folder -> records, splits and samples. Opening lists files and decodes none."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from seglib.data import lineage
from seglib.data.readers import IMAGE_SUFFIXES, read_image, read_mask
from seglib.data.records import CSV_NAME, Record, check_groups, check_records, read_csv, save_records, write_csv
from seglib.data.sample import Sample
from seglib.data.splits import NOT_INDEPENDENT, ChoiceNeeded, assign, choose_fold, natural_key
from seglib.data.substitute import csv_of
from seglib.data.substitute import notes as substitute_notes
from seglib.exceptions import InputError

__all__ = ["ChoiceNeeded", "Dataset", "Record", "open_dataset", "save_records", "write_csv"]


@dataclass(frozen=True)
class Dataset:
    """A folder of pictures, some with masks.

    notes are to be said on screen; independent is False where train and val are parts of one movie.
    """

    path: Path
    records: tuple[Record, ...]
    has_csv: bool
    notes: list[str] = field(default_factory=list)
    independent: bool = True

    def indices(self, split: str) -> list[int]:
        """Numbers of the labelled records of `split`: 'train', 'val' or '' (labelled but not used)."""
        if split not in ("train", "val", ""):
            raise InputError(f"split is {split!r}; allowed: train, val.")
        return [i for i, record in enumerate(self.records) if record.mask and record.split == split]

    def unlabelled(self) -> list[int]:
        """Numbers of the records without a mask."""
        return [i for i, record in enumerate(self.records) if not record.mask]

    def counts(self) -> dict[str, int]:
        """How many pictures are train, val, unused (a mask but no split) and unlabelled."""
        train, val, unused = (len(self.indices(split)) for split in ("train", "val", ""))
        return {"train": train, "val": val, "unused": unused, "unlabelled": len(self.unlabelled())}

    def image_path(self, index: int) -> Path:
        return self.path / self.records[index].image

    def mask_path(self, index: int) -> Path | None:
        mask = self.records[index].mask
        return self.path / mask if mask else None

    def sample(self, index: int) -> Sample:
        """Read picture `index`. Labels are zeros without a mask; `valid` is False where `ignore` is not 0.

        Raises InputError naming the file where one cannot be read or the shapes of a pair differ.
        """
        record = self.records[index]
        image = read_image(self.path / record.image)
        shape = image.shape[:2]
        labels, valid = np.zeros(shape, np.int32), np.ones(shape, bool)
        if record.mask:
            labels, _ = read_mask(self.path / record.mask)
            self._check_shape(record.image, shape, record.mask, labels.shape)
        if record.ignore:
            ignore = read_image(self.path / record.ignore)
            self._check_shape(record.image, shape, record.ignore, ignore.shape[:2])
            valid = ~ignore.reshape(*shape, -1).any(axis=2)
        return Sample(name=record.image, group=record.group, image=image, labels=labels, valid=valid)

    def _check_shape(self, image: str, shape: tuple[int, ...], other: str, other_shape: tuple[int, ...]) -> None:
        if shape != other_shape:
            sizes = f"{shape[0]} × {shape[1]} pixels but {other} has {other_shape[0]} × {other_shape[1]}"
            raise InputError(f"{self.path / image}: {sizes}; a pair must have one size. Are they of the same picture?")

    def fingerprint(self) -> str:
        """sha256 over the decoded pixels of every train and val pair and its side, in order; names do not count."""
        digest = hashlib.sha256()
        for index in self.used():
            for part in self.content(index):
                digest.update(part)
        return digest.hexdigest()

    def used(self) -> list[int]:
        """Numbers of the records that train or val use, in order."""
        return [i for i, record in enumerate(self.records) if record.mask and record.split]

    def content(self, index: int) -> tuple[bytes, memoryview, memoryview, memoryview]:
        """What `fingerprint` reads of one picture: side, type and shape as text; pixels; labels; valid."""
        sample = self.sample(index)
        header = f"{self.records[index].split} {sample.image.dtype} {sample.image.shape}".encode()
        arrays = (sample.image, sample.labels, sample.valid)
        return header, *(np.ascontiguousarray(array).data for array in arrays)


def open_dataset(
    path: Path | str, grouping: str | None = None, split: str | None = None, fold: int | None = None
) -> Dataset:
    """The data set in folder `path`: its dataset.csv, or images/ and masks/ of equal stems.

    Without a csv, `grouping` ('name' or 'file') says which pictures stay on one side and `split` is 'group' (seeded,
    about a fifth of the pictures to val) or 'blocks' (parts of one movie in time). With a csv, `fold` makes that fold
    val. Raises ChoiceNeeded (an InputError) where names form one group and nothing was chosen, InputError for all else.
    """
    folder = Path(path)
    if folder.name == CSV_NAME and folder.is_file():
        folder = folder.parent
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "there is no such folder"
        raise InputError(f"{folder}: {what}; give the folder that holds {CSV_NAME} or images/ and masks/.")
    _check_choice("grouping", grouping, ("name", "file"))
    _check_choice("split", split, ("group", "blocks"))
    csv = csv_of(folder)
    if csv is not None:
        return _from_csv(folder, csv, grouping, split, fold)
    return _from_folders(folder, grouping, split, fold)


def _check_choice(name: str, value: str | None, allowed: tuple[str, ...]) -> None:
    if value is not None and value not in allowed:
        raise InputError(f"data.{name} is {value!r}; allowed: {', '.join(allowed)}.")


def _from_csv(folder: Path, csv: Path, grouping: str | None, split: str | None, fold: int | None) -> Dataset:
    for name, value in (("grouping", grouping), ("split", split)):
        if value is not None:
            text = f"data.{name}={value} has no effect, {CSV_NAME} decides; leave the setting out or edit that file"
            raise InputError(f"{folder}: {text}.")
    records = read_csv(csv)
    if not records:
        raise InputError(f"{csv}: lists no picture; add a line for each or remove the file.")
    check_records(folder, records)
    notes = substitute_notes(folder)
    if fold is not None:
        records = choose_fold(records, fold, str(folder))
        left = sum(1 for record in records if record.mask and record.fold is None)
        notes += [f"fold {fold} is val; {left} labelled pictures without a fold are not used"] if left else []
    check_groups(folder, records)
    return _dataset(folder, records, True, notes, independent=lineage.independent(folder))


def _from_folders(folder: Path, grouping: str | None, split: str | None, fold: int | None) -> Dataset:
    if fold is not None:
        raise InputError(f"{folder}: data.fold={fold} needs a {CSV_NAME} with a column fold.")
    images, notes = list_pictures(folder / "images")
    masks, mask_notes = list_pictures(folder / "masks")
    if not images:
        loose = any(entry.suffix.lower() in IMAGE_SUFFIXES for entry in folder.iterdir())
        hint = " The pictures lie beside each other; move them into images/ and masks/." if loose else ""
        needed = f"needed: {CSV_NAME}, or pictures ({', '.join(IMAGE_SUFFIXES)}) in images/"
        raise InputError(f"{folder}: no pictures found; {needed}, masks of equal names in masks/.{hint}")
    orphans = [name for stem, name in masks.items() if stem not in images]
    if orphans:
        names = ", ".join(orphans[:3]) + (" …" if len(orphans) > 3 else "")
        raise InputError(f"{folder}: mask without an image of that name: {names}. Add the image or remove the mask.")
    records = [
        Record(f"images/{images[stem]}", f"masks/{masks[stem]}" if stem in masks else None)
        for stem in sorted(images, key=natural_key)
    ]
    check_records(folder, records)
    records = assign(records, grouping, split, str(folder))
    return _dataset(folder, records, False, notes + mask_notes, independent=split != "blocks")


def list_pictures(folder: Path) -> tuple[dict[str, str], list[str]]:
    """Stem -> file name of the pictures in `folder`, and a note on what else lies there. Hidden files do not count."""
    found: dict[str, str] = {}
    others: list[str] = []
    for entry in sorted(folder.iterdir(), key=lambda path: path.name) if folder.is_dir() else ():
        if entry.name.startswith(".") or entry.name == "Thumbs.db":
            continue
        if entry.suffix.lower() not in IMAGE_SUFFIXES:
            others.append(entry.name)
            continue
        if entry.stem in found:
            text = f"two images of one stem, {found[entry.stem]} and {entry.name}; keep one of them"
            raise InputError(f"{folder}: {text}.")
        found[entry.stem] = entry.name
    example = (
        f"{folder.name}/: {len(others)} other files or folders are left alone, such as {others[0]}" if others else ""
    )
    return found, [example] if example else []


def _dataset(
    folder: Path, records: Sequence[Record], has_csv: bool, notes: list[str], independent: bool = True
) -> Dataset:
    notes = [*lineage.notes(folder), *notes]
    if not independent:
        notes = [NOT_INDEPENDENT, *notes]
    dataset = Dataset(folder, tuple(records), has_csv, notes, independent)
    counts = dataset.counts()
    if counts["train"] and not counts["val"]:
        notes.append("no validation set")
    return dataset
