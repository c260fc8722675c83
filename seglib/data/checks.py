"""Checks: what is wrong with this data set. Reads every file once and reports; a bad data set raises nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from seglib.data.dataset import Dataset, list_pictures, open_dataset
from seglib.data.duplicates import Neighbour, Scenes, duplicates
from seglib.data.facts import Facts, Look, look_at
from seglib.data.findings import findings
from seglib.data.likeness import Lineup
from seglib.data.masks import MaskValues
from seglib.data.readers import NotFinite, read_image, read_mask, to_gray
from seglib.data.records import CSV_NAME, Inside, Record, check_unique, read_csv
from seglib.data.report import SEVERITIES, Finding, Report
from seglib.data.splits import ChoiceNeeded, natural_key
from seglib.exceptions import InputError

__all__ = ["Finding", "Report", "check"]


def check(
    dataset: Dataset | Path | str,
    progress: Callable[[int, int], None] | None = None,
    seen: Callable[[Look], None] | None = None,
    **choices: str | int | None,
) -> Report:
    """Look at every picture and mask of a data set, opened or given by its folder (with the choices grouping, split and
    fold of `open_dataset`).

    `progress(done, total)` is called after every picture, `seen(look)` with every one that could be read, so that
    statistics need no second pass. Never raises InputError: what keeps a data set from being
    opened is a finding of severity error, and the rest is looked at as far as it goes.
    """
    found: list[Finding] = []
    if isinstance(dataset, Dataset):
        folder, records, independent = dataset.path, list(dataset.records), dataset.independent
    else:
        folder, records, independent = Path(dataset), *_opened(Path(dataset), found, choices)
    facts: list[Facts] = []
    lineup = Lineup()
    for index, record in enumerate(records):
        look = _look(folder, index, record, found)
        if look is not None:
            facts.append(look.facts)
            lineup.add(look.gray, None if look.labels is None else look.labels > 0, look.valid)
            if seen:
                seen(look)
        if progress:
            progress(index + 1, len(records))
    found += findings(records, facts, independent)
    alike, nearest = _compared(folder, records, facts, lineup)
    found += alike
    found.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    n_pairs = sum(record.mask is not None for record in records)
    return Report(len(records), n_pairs, len(records) - n_pairs, tuple(found), tuple(nearest))


def _compared(
    folder: Path, records: list[Record], facts: list[Facts], lineup: Lineup
) -> tuple[list[Finding], list[Neighbour]]:
    def gray(position: int) -> np.ndarray:
        return to_gray(read_image(folder / records[facts[position].index].image))

    return duplicates(Scenes(records, facts, lineup.compared(), gray))


def _opened(folder: Path, found: list[Finding], choices: dict[str, str | int | None]) -> tuple[list[Record], bool]:
    """The records of a folder; if it does not open, why, and those records that can be looked at all the same."""
    try:
        dataset = open_dataset(folder, **choices)
        return list(dataset.records), dataset.independent
    except ChoiceNeeded:
        return _by_name(folder), True
    except InputError as error:
        reason = str(error)
    records = _salvaged(folder, found)
    explained = any(reason == finding.explanation for finding in found) or "on both sides" in reason
    if not explained:
        found.append(
            Finding("cannot_open", "error", (), reason, "Correct this first; the rest was checked as far as it goes.")
        )
    return records, True


def _by_name(folder: Path) -> list[Record]:
    return list(open_dataset(folder, grouping="name").records)


def _salvaged(folder: Path, found: list[Finding]) -> list[Record]:
    """Records of a data set that does not open, without those whose files are missing or lie outside."""
    try:
        records = read_csv(folder / CSV_NAME) if (folder / CSV_NAME).is_file() else _pairs(folder, found)
    except (InputError, OSError):
        return []
    _report(found, "ambiguous_pair", (), lambda: check_unique(folder, records), "Keep one picture of each name.")
    inside = Inside(folder)
    remedy = f"Correct {CSV_NAME}, or put the file where it says, inside the folder."
    return [
        record
        for record in records
        if _report(found, "bad_path", (record.image,), lambda record=record: inside.check_record(record), remedy)
    ]


def _pairs(folder: Path, found: list[Finding]) -> list[Record]:
    images, masks = list_pictures(folder / "images")[0], list_pictures(folder / "masks")[0]
    orphans = tuple(f"masks/{name}" for stem, name in masks.items() if stem not in images)
    if orphans:
        text = f"{len(orphans)} masks without an image of that name"
        found.append(
            Finding("mask_without_image", "error", orphans, text, "Add the images, or remove or rename the masks.")
        )
    stems = sorted(images, key=natural_key)
    return [Record(f"images/{images[s]}", f"masks/{masks[s]}" if s in masks else None, group=s) for s in stems]


def _report(found: list[Finding], code: str, files: Sequence[str], action: Callable[[], object], remedy: str) -> bool:
    """Whether `action` went well; its InputError becomes a finding."""
    try:
        action()
    except InputError as error:
        found.append(Finding(code, "error", tuple(files), str(error), remedy))
        return False
    return True


def _look(folder: Path, index: int, record: Record, found: list[Finding]) -> Look | None:
    """One picture with its facts; what cannot be read becomes a finding."""
    try:
        image = read_image(folder / record.image)
    except NotFinite as error:
        remedy = "Find where they come from (a division by 0, a failed export) and export the file again."
        found.append(Finding("not_finite", "error", (record.image,), str(error), remedy))
        return None
    except InputError as error:
        found.append(
            Finding("unreadable_image", "error", (record.image,), str(error), "Copy or export the file again.")
        )
        return None
    labels, understood = _mask(folder, record, image.shape[:2], found) if record.mask else (None, "")
    valid = _valid(folder, record, image.shape[:2], found)
    return look_at(index, image, labels, understood, valid)


def _mask(folder: Path, record: Record, shape: tuple[int, ...], found: list[Finding]) -> tuple[np.ndarray | None, str]:
    try:
        labels, understood = read_mask(folder / record.mask)
    except MaskValues as error:
        remedy = "Save masks as PNG or TIFF: 0 and 255, or one number a cell; never as JPEG, never smoothed."
        found.append(Finding("mask_values", "error", (record.mask,), str(error), remedy))
        return None, ""
    except InputError as error:
        found.append(Finding("unreadable_mask", "error", (record.mask,), str(error), "Copy or export the file again."))
        return None, ""
    if labels.shape != shape:
        found.append(_shapes_differ((record.image, record.mask), shape, labels.shape))
        return None, ""
    return labels, understood


def _valid(folder: Path, record: Record, shape: tuple[int, ...], found: list[Finding]) -> np.ndarray:
    """(H, W) bool, False where the `ignore` picture is not 0; all True where there is none that can be used."""
    everywhere = np.ones(shape, bool)
    if not record.ignore:
        return everywhere
    try:
        ignore = read_image(folder / record.ignore)
    except InputError as error:
        found.append(Finding("unreadable_ignore", "error", (record.ignore,), str(error), "Copy or export it again."))
        return everywhere
    if ignore.shape[:2] != shape:
        found.append(_shapes_differ((record.image, record.ignore), shape, ignore.shape[:2]))
        return everywhere
    return ~ignore.reshape(*shape, -1).any(axis=2)


def _shapes_differ(files: tuple[str, str], shape: tuple[int, ...], other: tuple[int, ...]) -> Finding:
    text = f"{files[0]} has {shape[0]} × {shape[1]} pixels but {files[1]} has {other[0]} × {other[1]}"
    remedy = "A pair must have one size: export image and mask from the same picture, uncropped."
    return Finding("shapes_differ", "error", files, text, remedy)
