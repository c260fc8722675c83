"""Version: a new folder with corrected masks, ignored areas and weights made of a data set, which stays as it is.

In the new folder:

- images are hard links to the same bytes where the disk allows it, copies where not. Masks and ignore pictures are
  always files of their own, because people draw in them: a link would carry the stroke into the original.
- masks/… of changed images are corrected in their own format (`seglib.data.mask_files`); ignore/<stem>.png, 0 and 255,
  is what was ignored before and now; dataset.csv has every old row and column, with `ignore` and `weight` added where
  needed. A data set without a csv gets one only if it needs one of these columns.
- before/ holds the masks, ignore pictures and dataset.csv that were changed, byte for byte: `without` makes the next
  version from them, with the changes one likes taken back.
- changes.json lists every change with its verdict and numbers before and after, and the data set it comes from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from seglib.data import changes as rules
from seglib.data.changes import Change
from seglib.data.dataset import Dataset, open_dataset
from seglib.data.lineage import Done, Version, read_version
from seglib.data.origin import Base, base_before, base_of
from seglib.data.records import CSV_NAME
from seglib.data.version_proof import Verified, compare, verify
from seglib.data.version_writer import Maker, can_link, check_room
from seglib.exceptions import InputError
from seglib.files import check_free, made_beside

__all__ = [
    "Change",
    "Done",
    "Stopped",
    "Verified",
    "Version",
    "check_place",
    "make_version",
    "read_version",
    "usable",
    "verify",
    "weights_after",
    "without",
]

_DIGEST_SHARE = 0.3  # of the bar
_MADE_SHARE = 0.6  # of the rest; then it is compared with what it was made from


class Stopped(Exception):
    """The person wants no more of it; nothing is left."""


Progress = Callable[[float, str], None]
StopAsked = Callable[[], bool]


def _never() -> bool:
    return False


def make_version(
    dataset: Dataset,
    out: Path,
    changes: Sequence[Change],
    progress: Progress = lambda fraction, text: None,
    should_stop: StopAsked = _never,
) -> Version:
    """Make the folder `out`: `dataset` with `changes`, applied in their order. The data set itself is only read.

    Whole or not at all: it is made beside `out` under a hidden name, compared with the data set and renamed at the
    end. Raises InputError where `out` is not new, lies in the data set or has not enough room, and for a change that
    fits no image; Stopped where `should_stop()` says so.
    """
    wanted, left_out = usable(dataset, changes)
    check_place(dataset.path, out)
    source = {"name": dataset.path.resolve().name, "path": str(dataset.path.resolve())}
    source["fingerprint"] = _fingerprint(dataset, _part(progress, 0.0, _DIGEST_SHARE), should_stop)
    base = base_of(dataset, source)
    return _make(base, Path(out), wanted, left_out, {}, _part(progress, _DIGEST_SHARE, 1.0), should_stop)


def without(
    version: Path,
    ids: Iterable[str],
    out: Path,
    progress: Progress = lambda fraction, text: None,
    should_stop: StopAsked = _never,
) -> Version:
    """Make the folder `out`: the version in folder `version` with the changes `ids` taken back; raises as
    `make_version`, and for an id that the version does not have. The version stays as it is."""
    version, ids = Path(version), list(dict.fromkeys(ids))
    made = read_version(version)
    known = {done.change.id for done in made.done}
    unknown = [i for i in ids if i not in known]
    if unknown or not ids:
        got = f"no change {unknown[0]!r}" if unknown else "no change named"
        raise InputError(f"{version}: {got}; it has: {', '.join(sorted(known)) or 'none'}.")
    check_place(version, out)
    kept = [done.change for done in made.done if done.change.id not in ids]
    about = {"taken_back": ids, "from": version.resolve().name}
    return _make(base_before(version), Path(out), kept, made.left_out, about, progress, should_stop)


def usable(dataset: Dataset, changes: Sequence[Change]) -> tuple[list[Change], tuple[tuple[Change, str], ...]]:
    """The changes that a version can hold, and the others with the reason. Raises InputError for a change of an image
    that is not there, and for two of one id."""
    records, seen = {record.image: record for record in dataset.records}, set()
    wanted, left_out = [], []
    for change in changes:
        rules.check_change(change)
        record = records.get(change.image)
        if record is None:
            raise InputError(f"{dataset.path}: change {change.id} is of {change.image}, which is not in the data set.")
        if change.id in seen:
            raise InputError(f"{dataset.path}: change {change.id} stands there twice.")
        seen.add(change.id)
        if change.action == "weight" and (record.split != "train" or not record.mask):
            side = f"a {record.split} image" if record.split else "an image that is not used"
            left_out.append((change, f"{side} is never trained on, so it cannot be drawn more often"))
        elif change.action in ("fill", "erase") and not record.mask:
            left_out.append((change, "the image has no mask to correct"))
        else:
            wanted.append(change)
    return wanted, tuple(left_out)


def weights_after(dataset: Dataset, changes: Sequence[Change]) -> dict[str, tuple[float, float]]:
    """Image -> (sampling weight before, after) of the images that `changes` draw more often: shown before writing."""
    added: dict[str, list[float]] = {}
    for change in usable(dataset, changes)[0]:
        if change.action == "weight":
            added.setdefault(change.image, []).append(change.weight)
    before = {record.image: record.weight for record in dataset.records}
    return {image: (before[image], before[image] * rules.weight_factor(more)) for image, more in added.items()}


def check_place(data: Path, out: Path) -> None:
    """Raises InputError unless `out` is a new folder outside the data set."""
    out = Path(out)
    check_free(out)
    if out.resolve().is_relative_to(Path(data).resolve()):
        raise InputError(f"{out}: lies in the data set itself, which stays as it is; choose a folder beside it.")


def _fingerprint(dataset: Dataset, progress: Progress, should_stop: StopAsked) -> str:
    """`dataset.fingerprint()`, picture by picture, so that it can be stopped."""
    digest, used = hashlib.sha256(), dataset.used()
    for number, index in enumerate(used):
        _go_on(should_stop)
        for part in dataset.content(index):
            digest.update(part)
        progress((number + 1) / len(used), f"reading {dataset.records[index].image}")
    return digest.hexdigest()


def _make(
    base: Base,
    out: Path,
    changes: Sequence[Change],
    left_out: Sequence[tuple[Change, str]],
    about: Mapping[str, Any],
    progress: Progress,
    should_stop: StopAsked,
) -> Version:
    with made_beside(out) as made:
        links = can_link(base, made)
        check_room(base, out.parent, links)
        maker, making = Maker(base, made, links), _part(progress, 0.0, _MADE_SHARE)
        for number, row in enumerate(base.rows):
            _go_on(should_stop)
            maker.add(row, [change for change in changes if change.image == row["image"].strip()])
            making((number + 1) / len(base.rows), row["image"])
        version = maker.finish(out, changes, left_out, about)
        _prove(made, base, out, _part(progress, _MADE_SHARE, 1.0), should_stop)
    return version


def _prove(made: Path, base: Base, out: Path, progress: Progress, should_stop: StopAsked) -> None:
    """Nobody is left with a folder that does not open, or that differs from its original in what is not listed."""

    def told(fraction: float, text: str) -> None:
        _go_on(should_stop)
        progress(fraction, text)

    if (made / CSV_NAME).is_file():
        open_dataset(made)
    problems = compare(made, base, told).problems
    if problems:
        raise InputError(f"{out} was not made: {problems[0]} Did the data set change meanwhile? Try again.")


def _part(progress: Progress, low: float, high: float) -> Progress:
    return lambda fraction, text: progress(low + (high - low) * fraction, text)


def _go_on(should_stop: StopAsked) -> None:
    if should_stop():
        raise Stopped
