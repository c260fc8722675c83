"""Review: what people said of wrong places, kept beside the data set in review.jsonl. Appended to, never rewritten.

One JSON object a line, each with who, when and why; the latest word on a place holds, and taking a word back is one
more line. A line that was cut off (the power failed) is left where it is, said, and counts for nothing; any other
line that cannot be understood stops `history` with its number, because the word it held may take back another.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import MISSING, asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from seglib.data.substitute import writable
from seglib.exceptions import InputError
from seglib.places import cache_root
from seglib.settings import nearest

FILE_NAME = "review.jsonl"
VERDICTS = ("label_wrong", "ignore", "hard_negative", "model_error", "unsure")
KINDS = ("fp", "fn")
SAME_PLACE_IOU = 0.5  # of two boxes
PATIENCE_S = 10.0
_PLACE = ("row", "col", "height", "width")
_CUT = "cut_line"  # key of the line that says: the line of this number was cut off, and that was seen


@dataclass(frozen=True)
class Verdict:
    """One word on one place. row, col: top left corner of its box in pixels; rle: its pixels in the box, as
    `seglib.errors.regions.encode`; verdict: one of VERDICTS, None = taken back; when: ISO 8601, UTC; run, checkpoint,
    threshold: whose prediction was looked at; probability: its mean there, 0 to 1, None where it is not known."""

    image: str
    kind: str
    row: int
    col: int
    height: int
    width: int
    n_pixels: int
    rle: str
    verdict: str | None
    who: str
    when: str
    why: str = ""
    run: str = ""
    checkpoint: str = "best"
    threshold: float = 0.5
    probability: float | None = None


@dataclass(frozen=True)
class ClusterName:
    """What a person calls a kind of mistake. members: {image, row, col, height, width} of examples, by which a later
    clustering finds the name again."""

    name: str
    kind: str
    who: str
    when: str
    members: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Review:
    """All that is in the file, oldest first. notes: lines that were cut off; damage: lines that make no sense."""

    verdicts: tuple[Verdict, ...] = ()
    names: tuple[ClusterName, ...] = ()
    notes: tuple[str, ...] = ()
    damage: tuple[str, ...] = ()


def now() -> str:
    """The time as it is written: ISO 8601, UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


# ---- where it lies


def place(data: Path) -> Path:
    """The file that the next word goes into: beside the data set, or in the cache where that folder is read-only."""
    own = Path(data) / FILE_NAME
    return own if _can_write(own) else _in_cache(data) / FILE_NAME


def in_cache(data: Path) -> bool:
    """Whether the folder is read-only, so that words are kept in the cache; to be said on screen."""
    return place(data).parent != Path(data)


def files(data: Path) -> list[Path]:
    """What is read: the file beside the data set, then that in the cache; those that are there."""
    return [file for file in (Path(data) / FILE_NAME, _in_cache(data) / FILE_NAME) if file.is_file()]


def stamp(data: Path) -> str:
    """Changes when a word is added."""
    stats = [(str(file), file.stat()) for file in files(data)]
    return "|".join(f"{name}:{stat.st_size}:{stat.st_mtime_ns}" for name, stat in stats)


def _in_cache(data: Path) -> Path:
    name = hashlib.sha256(str(Path(data).resolve()).encode("utf-8")).hexdigest()[:32]
    return cache_root() / "reviews" / name


def _can_write(file: Path) -> bool:
    if not file.exists():
        return writable(file.parent)
    try:
        with file.open("ab"):
            return True
    except OSError:
        return False


# ---- reading


def read(data: Path) -> Review:
    """All that can be understood, with what cannot said in `notes` and `damage`; never an error because of a line."""
    verdicts, names, notes, damage = [], [], [], []
    found = files(data)
    for file in found:
        for entry in _entries(file, notes, damage):
            (verdicts if isinstance(entry, Verdict) else names).append(entry)
    if len(found) > 1:  # two files: told apart by time alone
        verdicts.sort(key=lambda verdict: verdict.when)
        names.sort(key=lambda name: name.when)
    return Review(tuple(verdicts), tuple(names), tuple(notes), tuple(damage))


def history(data: Path) -> list[Verdict]:
    """Every word on this data set, oldest first. Raises InputError naming the first line that makes no sense."""
    return list(_whole(data).verdicts)


def standing(data: Path) -> list[Verdict]:
    """The latest word on each place that was not taken back, in the order they were said; as `history` raises."""
    return latest(_whole(data).verdicts)


def cluster_names(data: Path) -> list[ClusterName]:
    """Every name that was given, oldest first; as `history` raises."""
    return list(_whole(data).names)


def _whole(data: Path) -> Review:
    found = read(data)
    if found.damage:
        raise InputError(found.damage[0])
    return found


def _entries(file: Path, notes: list[str], damage: list[str]) -> Iterator[Verdict | ClusterName]:
    try:
        lines = file.read_bytes().split(b"\n")
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}).") from None
    parsed = [(number, _parsed(line)) for number, line in enumerate(lines, start=1) if line.strip()]
    cut = {entry[_CUT] for _, entry in parsed if isinstance(entry, dict) and _CUT in entry}
    for number, entry in parsed:
        if isinstance(entry, dict) and _CUT in entry:
            continue
        if entry is None and (number in cut or number == len(lines)):
            notes.append(f"{file}, line {number} was cut off while it was written and counts for nothing.")
            continue
        try:
            yield _understood(entry)
        except InputError as error:
            damage.append(f"{file}, line {number}: {error} Correct that line or remove it; the file was not changed.")


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line.decode("utf-8"))
    except ValueError:
        return None


def _understood(entry: Any) -> Verdict | ClusterName:
    if not isinstance(entry, dict):
        raise InputError("no JSON object.")
    kind = ClusterName if "members" in entry else Verdict
    names = {field.name: field.default for field in fields(kind)}
    missing = [name for name, default in names.items() if name not in entry and default is MISSING]
    if missing:
        raise InputError(f"{', '.join(missing)} is missing.")
    made = kind(**{name: entry[name] for name in names if name in entry})
    check(made)
    return made


def check(entry: Verdict | ClusterName) -> None:
    """Raises InputError for what could not be read again."""
    texts = ("name", "who", "when") if isinstance(entry, ClusterName) else ("image", "rle", "who", "when", "why")
    for name in texts:
        if not isinstance(getattr(entry, name), str):
            raise InputError(f"{name} is {str(getattr(entry, name))[:40]!r}; allowed: text.")
    if entry.kind not in KINDS:
        raise InputError(f"kind is {str(entry.kind)[:40]!r}; allowed: {', '.join(KINDS)}.")
    if isinstance(entry, ClusterName):
        boxes: Iterable[Any] = entry.members
        if not isinstance(entry.members, list | tuple):
            raise InputError("members is no list of places.")
    else:
        boxes = [asdict(entry)]
        if entry.verdict is not None and entry.verdict not in VERDICTS:
            near = nearest(str(entry.verdict), VERDICTS)
            raise InputError(f"verdict is {str(entry.verdict)[:40]!r}; allowed: {', '.join(VERDICTS)}, null.{near}")
    for box in boxes:
        _check_box(box)


def _check_box(box: Any) -> None:
    if not isinstance(box, dict) or not isinstance(box.get("image"), str):
        raise InputError("a place without an image.")
    for name in _PLACE:
        value = box.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or value < (name in _PLACE[2:]):
            raise InputError(f"{name} is {str(value)[:40]!r}; allowed: a whole number of pixels.")


# ---- writing


def append(data: Path, verdict: Verdict) -> Path:
    """Add one word; the file it went into. Raises InputError for what cannot be read again or cannot be written."""
    return append_all(data, [verdict])


def append_name(data: Path, cluster_name: ClusterName) -> Path:
    """Add the name of a kind of mistake; as `append`."""
    return append_all(data, [cluster_name])


def append_all(data: Path, entries: Sequence[Verdict | ClusterName]) -> Path:
    """Several at once, all of them or none."""
    for entry in entries:
        check(entry)
    file = place(data)
    lines = b"".join(_line(asdict(entry)) for entry in entries)
    lock_folder = _in_cache(data)
    try:
        lock_folder.mkdir(parents=True, exist_ok=True)
        with FileLock(str(lock_folder / "lock"), timeout=PATIENCE_S):
            _write(file, _mended(file) + lines)
    except Timeout:
        raise InputError(f"{file} is busy: another process writes to it; try again.") from None
    except OSError as error:
        raise InputError(f"{file}: cannot be written ({error.strerror or error}); nothing was added.") from None
    return file


def _line(content: dict[str, Any]) -> bytes:
    try:
        return json.dumps(content, ensure_ascii=False, allow_nan=False).encode("utf-8") + b"\n"
    except ValueError as error:
        raise InputError(f"a verdict that JSON cannot hold: {error}.") from None


def _mended(file: Path) -> bytes:
    """What goes before the next line where the last one has no end: its end, and a note if it was cut off."""
    before = file.read_bytes() if file.exists() else b""
    last = before.rpartition(b"\n")[2]
    if not last.strip():
        return b""
    whole = _parsed(last) is not None
    return b"\n" if whole else b"\n" + _line({_CUT: before.count(b"\n") + 1, "when": now()})


def _write(file: Path, content: bytes) -> None:
    """In one call, and on the disk when it returns; a part that got there (a full disk) is taken away again."""
    before = file.stat().st_size if file.exists() else 0
    with file.open("ab", buffering=0) as stream:
        try:
            if stream.write(content) != len(content):
                raise OSError("the disk is full")
            os.fsync(stream.fileno())
        except OSError:
            with contextlib.suppress(OSError):
                stream.truncate(before)
            raise


def taken_back(verdict: Verdict, who: str) -> Verdict:
    """The line that takes `verdict` back."""
    return replace(verdict, verdict=None, who=who, when=now(), why="")


# ---- places


def box_iou(a: Any, b: Any) -> float:
    """IoU of the bounding boxes of two places (attributes row, col, height, width, in pixels)."""
    rows = min(a.row + a.height, b.row + b.height) - max(a.row, b.row)
    cols = min(a.col + a.width, b.col + b.width) - max(a.col, b.col)
    both = max(0, rows) * max(0, cols)
    return both / (a.height * a.width + b.height * b.width - both)


def same_place(a: Any, b: Any) -> bool:
    """Whether two places are one: of the same image and kind, boxes with an IoU of at least SAME_PLACE_IOU."""
    return a.image == b.image and a.kind == b.kind and box_iou(a, b) >= SAME_PLACE_IOU


def latest(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """The last word on each place, those taken back left out. verdicts: oldest first."""
    kept: dict[tuple[str, str], list[tuple[int, Verdict]]] = {}
    for number, verdict in enumerate(verdicts):
        same_image = kept.setdefault((verdict.image, verdict.kind), [])
        same_image[:] = [(n, other) for n, other in same_image if box_iou(verdict, other) < SAME_PLACE_IOU]
        if verdict.verdict is not None:
            same_image.append((number, verdict))
    return [verdict for _, verdict in sorted((pair for pairs in kept.values() for pair in pairs), key=lambda p: p[0])]


class Known:
    """Finds the word on a place of another run or checkpoint: `Known(standing(data)).of(region)`."""

    def __init__(self, verdicts: Iterable[Verdict]):
        self._by_image: dict[tuple[str, str], list[Verdict]] = {}
        for verdict in verdicts:
            self._by_image.setdefault((verdict.image, verdict.kind), []).append(verdict)

    def of(self, region: Any) -> Verdict | None:
        """The word whose box overlaps most with that of `region` (image, kind, row, col, height, width), or None."""
        near = self._by_image.get((region.image, region.kind), ())
        best = max(near, key=lambda verdict: box_iou(verdict, region), default=None)
        return best if best is not None and box_iou(best, region) >= SAME_PLACE_IOU else None
