"""Records: the rows of dataset.csv, read and written; every path stays inside the data set's folder."""

from __future__ import annotations

import csv
import io
import math
import os
import posixpath
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from seglib.exceptions import InputError
from seglib.settings import nearest

CSV_NAME = "dataset.csv"
REQUIRED = ("image", "mask", "group", "split")
OPTIONAL = ("ignore", "fold", "weight")
SPLITS = ("train", "val", "")


@dataclass(frozen=True)
class Record:
    """One picture of a data set: a row of dataset.csv.

    Paths are relative to the folder and `/`-separated. mask None = unlabelled; split '' = not used; weight = how often
    it is drawn in training, relative to 1; extra = the columns that are not ours, kept as text.
    """

    image: str
    mask: str | None = None
    group: str = ""
    split: str = ""
    ignore: str | None = None
    fold: int | None = None
    weight: float = 1.0
    extra: Mapping[str, str] = field(default_factory=dict)


def read_csv(file: Path) -> list[Record]:
    """The rows of `file` in order. Raises InputError naming file and line for whatever contracts.md does not allow."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{file}: not UTF-8 text; save it as CSV UTF-8.") from None
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}).") from None
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        _check_header(reader.fieldnames or [], file)
        return [_record(row, f"{file}, line {reader.line_num}") for row in reader]
    except csv.Error as error:
        raise InputError(f"{file}, line {reader.line_num}: not CSV ({error}).") from None


def _check_header(names: Sequence[str], file: Path) -> None:
    missing = [name for name in REQUIRED if name not in names]
    if len(set(names)) < len(names):
        raise InputError(f"{file}: a column stands there twice: {', '.join(names)}. Remove one.")
    if not missing:
        return
    if len(names) == 1 and (";" in names[0] or "\t" in names[0]):
        raise InputError(f"{file}: columns are separated by semicolons or tabs; save it separated by commas.")
    got = ", ".join(names) or "nothing"
    hint = nearest(missing[0], [name for name in names if name not in REQUIRED])
    raise InputError(f"{file}: column {missing[0]} is missing; got {got}; needed: {', '.join(REQUIRED)}.{hint}")


def _record(row: dict[str | None, str | None], where: str) -> Record:
    if None in row or None in row.values():
        raise InputError(f"{where}: the number of fields differs from the header's; quote fields that hold a comma.")
    values = {name: value.strip() for name, value in row.items()}
    if not values["image"]:
        what = "a mask without an image" if values["mask"] else "an empty line of fields"
        raise InputError(f"{where}: {what}; give the image's path or remove the line.")
    if values["split"] not in SPLITS:
        near = nearest(values["split"], SPLITS[:2])
        raise InputError(f"{where}: split is {values['split']!r}; allowed: train, val or empty (not used).{near}")
    if values["mask"] and not values["group"]:
        raise InputError(f"{where}: {values['image']} has no group; name the movie or field it belongs to.")
    extra = {name: value for name, value in row.items() if name not in REQUIRED + OPTIONAL}
    return Record(
        image=values["image"],
        mask=values["mask"] or None,
        group=values["group"] or PurePosixPath(values["image"]).stem,
        split=values["split"],
        ignore=values.get("ignore") or None,
        fold=_fold(values.get("fold", ""), where),
        weight=_weight(values.get("weight", ""), where),
        extra=extra,
    )


def _fold(text: str, where: str) -> int | None:
    if text and not (text.isascii() and text.isdigit()):
        raise InputError(f"{where}: fold is {text!r}; allowed: a whole number from 0, or empty.")
    return int(text) if text else None


def _weight(text: str, where: str) -> float:
    try:
        weight = float(text or 1)
    except ValueError:
        weight = math.nan
    if not (math.isfinite(weight) and weight >= 0):
        raise InputError(f"{where}: weight is {text!r}; allowed: a number from 0, or empty for 1.")
    return weight


def check_records(folder: Path, records: Sequence[Record]) -> None:
    """Refuse paths that leave `folder`, files that are not there, pictures listed twice and masks used twice."""
    check_unique(folder, records)
    inside = Inside(folder)
    for record in records:
        inside.check_record(record)


def check_groups(folder: Path, records: Iterable[Record]) -> None:
    """Refuse a group with labelled pictures on both sides of the split, by name."""
    both = groups_on_both_sides(records)
    if both:
        names = ", ".join(both[:3]) + (" …" if len(both) > 3 else "")
        raise InputError(
            f"{folder}: group {names} is on both sides of the split; put all its pictures in train or val."
        )


def groups_on_both_sides(records: Iterable[Record]) -> list[str]:
    """Names of the groups that have labelled pictures in train and in val."""
    sides: dict[str, set[str]] = {}
    for record in records:
        if record.mask and record.split:
            sides.setdefault(record.group, set()).add(record.split)
    return sorted(group for group, splits in sides.items() if len(splits) > 1)


def check_unique(folder: Path, records: Sequence[Record]) -> None:
    """Refuse two images of one stem in one folder, and one mask for two images."""
    stems: dict[str, str] = {}
    masks: dict[str, str] = {}
    for record in records:
        stem = posixpath.splitext(posixpath.normpath(record.image))[0]  # pathlib takes ten times as long
        if stem in stems:
            raise InputError(f"{folder}: two images of one stem, {stems[stem]} and {record.image}; keep one of them.")
        stems[stem] = record.image
        if record.mask and masks.setdefault(record.mask, record.image) != record.image:
            pair = f"{masks[record.mask]} and {record.image}"
            raise InputError(f"{folder}: {record.mask} is the mask of two images, {pair}; give each its own.")


class Inside:
    """Checks paths against one folder. Reads each directory once, so that 10,000 files cost a few listings."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.root = Path(os.path.realpath(folder))
        self._listings: dict[str, dict[str, bool]] = {}

    def check_record(self, record: Record) -> None:
        """Raise InputError for the first path of `record` that leaves the folder or is not there."""
        for column, name in (("image", record.image), ("mask", record.mask), ("ignore", record.ignore)):
            if name is not None:
                self._check(name, column)

    def _check(self, name: str, column: str) -> None:
        parts = name.split("/")
        if "\\" in name or ":" in parts[0] or name.startswith("/") or ".." in parts or "\0" in name:
            text = f"{column} {name!r} is not a path inside the folder; allowed: relative, with /, without .."
            raise InputError(f"{self.folder / CSV_NAME}: {text}.")
        parent, _, leaf = name.rpartition("/")
        if parent not in self._listings:
            self._listings[parent] = self._listing(parent, name)
        is_link = self._listings[parent].get(leaf)
        if is_link is None:
            raise InputError(
                f"{self.folder / name}: there is no such {column} file; correct {CSV_NAME} or add the file."
            )
        if is_link:
            self._resolve(name)

    def _listing(self, parent: str, name: str) -> dict[str, bool]:
        self._resolve(parent)
        try:
            with os.scandir(self.folder / parent) as entries:
                return {entry.name: entry.is_symlink() for entry in entries}
        except OSError:
            raise InputError(f"{self.folder / name}: there is no such file; correct {CSV_NAME} or add it.") from None

    def _resolve(self, name: str) -> None:
        target = Path(os.path.realpath(self.folder / name))
        if not target.is_relative_to(self.root):
            raise InputError(
                f"{self.folder / name}: a link that leaves the folder is not followed; copy the file there."
            )


def write_csv(folder: Path, records: Sequence[Record]) -> Path:
    """Write `folder`/dataset.csv whole or not at all; optional columns only where a record uses them."""
    file = Path(folder) / CSV_NAME
    temporary = file.with_name(f".{CSV_NAME}.{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerows(_rows(records))
        temporary.replace(file)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise InputError(f"{file}: cannot be written ({error.strerror}); is the folder read-only?") from None
    return file


def _rows(records: Sequence[Record]) -> Iterator[list[str]]:
    defaults = {"ignore": None, "fold": None, "weight": 1.0}
    used = [name for name in OPTIONAL if any(getattr(record, name) != defaults[name] for record in records)]
    extra = list(dict.fromkeys(name for record in records for name in record.extra))
    yield [*REQUIRED, *used, *extra]
    for record in records:
        ours = [getattr(record, name) for name in (*REQUIRED, *used)]
        yield ["" if value is None else str(value) for value in ours] + [record.extra.get(name, "") for name in extra]


def save_records(folder: Path, records: Sequence[Record], place: Path | None = None) -> Path | None:
    """Rewrite dataset.csv after the same checks as on opening; the file it replaces is kept and its path returned.

    It lies in `folder`, or in `place` where the folder is read-only (see `seglib.data.substitute`). The backup is
    dataset.csv.bak-<time>. Raises InputError for a record that could not be opened again, for a group
    on both sides, and where the folder cannot be written.
    """
    folder = Path(folder)
    check_records(folder, records)
    check_groups(folder, records)
    file = (place or folder) / CSV_NAME
    backup = keep_backup(file) if file.exists() else None
    write_csv(place or folder, records)
    return backup


def keep_backup(file: Path) -> Path:
    """Copy `file` to a name with the time in it that does not exist yet."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    for number in range(1, 1000):
        backup = file.with_name(f"{file.name}.bak-{stamp}" + (f"-{number}" if number > 1 else ""))
        try:
            with backup.open("xb") as stream:
                stream.write(file.read_bytes())
            return backup
        except FileExistsError:
            continue
        except OSError as error:
            raise InputError(
                f"{backup}: the backup cannot be written ({error.strerror}); nothing was changed."
            ) from None
    raise InputError(f"{file}: a thousand backups in one second; nothing was changed.")
