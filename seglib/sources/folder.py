"""Our own layout: a folder with dataset.csv, or with images/ and masks/ of equal names, pictures or TIFF stacks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path, PurePosixPath

from seglib.data.dataset import ChoiceNeeded, Dataset, open_dataset
from seglib.data.records import CSV_NAME, Record
from seglib.exceptions import InputError
from seglib.sources.grouping import MEANINGS
from seglib.sources.pairs import TIFF_SUFFIXES, open_stacks
from seglib.sources.source import Choices, Picture, Question, Source, unread
from seglib.sources.tiff_pages import Pages, is_tiff, page_offsets

KIND, STACKS_KIND = "folder of images and masks", "folder of TIFF stacks"


def matches(path: Path) -> bool:
    return (path / CSV_NAME).is_file() or (path / "images").is_dir()


def holds_stacks(path: Path) -> bool:
    """Whether the first TIFF in images/ has more than one page; a folder with a dataset.csv lists pictures."""
    if (path / CSV_NAME).is_file():
        return False
    first = min((p for p in (path / "images").iterdir() if p.suffix.lower() in TIFF_SUFFIXES), default=None)
    try:
        return first is not None and is_tiff(first) and len(page_offsets(first, most=2)) > 1
    except InputError:
        return False


def open_source(path: Path, choices: Choices, resources: ExitStack) -> Source:
    """Pictures are copied as they are. Raises InputError as `open_dataset` does, and for stacks beside pictures."""
    has_csv = (path / CSV_NAME).is_file()
    if has_csv and choices.grouping:
        raise InputError(f"{path}: grouping {choices.grouping} has no effect, {CSV_NAME} decides; leave it out.")
    grouping = None if has_csv else choices.grouping
    try:
        data = open_dataset(path, grouping=grouping)
    except ChoiceNeeded:
        data = open_dataset(path, grouping="file")
        if not _stacks(data):
            question = Question("grouping", "the names form one group.", tuple(MEANINGS.items()))
            return Source(KIND, path, choices, unread, questions=(question,))
    stacks = _stacks(data)
    if stacks:
        return _of_stacks(path, data, stacks, choices, resources)
    _check_unused(choices, path)
    decided = ["groups and split as in dataset.csv" if has_csv else f"groups by {grouping or 'name'}: "
               f"{MEANINGS[grouping or 'name']}"]  # fmt: skip

    def pictures() -> Iterator[Picture]:
        for record in data.records:
            yield _picture(data, record)

    left = tuple(note for note in data.notes if "left alone" in note)
    options = {} if has_csv else {"grouping": tuple(MEANINGS.items())}
    return Source(KIND, path, choices, pictures, (), tuple(decided), (), left, options)


def _check_unused(choices: Choices, path: Path) -> None:
    for name in ("axes", "channel", "label", "image_key", "mask_key"):
        if getattr(choices, name) is not None:
            raise InputError(f"{path}: {name.replace('_', ' ')} means nothing for single pictures; leave it out.")


def _picture(data: Dataset, record: Record) -> Picture:
    def file(name: str | None) -> Path | None:
        return data.path / name if name else None

    return Picture(
        stem=_stem(record.image),
        group=record.group,
        image=data.path / record.image,
        mask=file(record.mask),
        split=record.split if data.has_csv else None,
        origin=record.image,
        ignore=file(record.ignore),
        fold=record.fold,
        weight=record.weight,
        extra=dict(record.extra),
    )


def _stem(image: str) -> str:
    """`images/a/x.png` -> `a_x`."""
    parts = PurePosixPath(image).with_suffix("").parts
    return "_".join(parts[1:] if parts[0] == "images" and len(parts) > 1 else parts)


def _stacks(data: Dataset) -> list[Record]:
    """The records whose image is a TIFF of several pages; the first is looked into, of the others pages are counted."""
    found = []
    for number, record in enumerate(data.records):
        file = data.path / record.image
        if PurePosixPath(record.image).suffix.lower() not in TIFF_SUFFIXES or not is_tiff(file):
            continue
        many = len(page_offsets(file, most=2)) > 1
        if not many and number == 0:
            with Pages(file) as pages:
                many = pages.n_pages > 1
        found += [record] if many else []
    return found


def _of_stacks(path: Path, data: Dataset, stacks: list[Record], choices: Choices, resources: ExitStack) -> Source:
    others = [record.image for record in data.records if record not in stacks]
    if others:
        raise InputError(f"{path}: {stacks[0].image} is a stack and {others[0]} is not; import them from two folders.")
    if data.has_csv:
        raise InputError(f"{path}: {CSV_NAME} lists stacks, such as {stacks[0].image}; it may list pictures only.")
    files = [
        (_stem(r.image), _stem(r.image), data.path / r.image, data.path / r.mask if r.mask else None) for r in stacks
    ]
    return open_stacks(STACKS_KIND, path, files, choices, resources)
