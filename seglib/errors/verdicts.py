"""Verdicts: one word of a person on one wrong place, and which places are one. Nothing here touches the disk."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from seglib.exceptions import InputError
from seglib.settings import nearest

VERDICTS = ("label_wrong", "ignore", "hard_negative", "model_error", "unsure")
KINDS = ("fp", "fn")
SAME_PLACE_IOU = 0.5  # of two boxes
_PLACE = ("row", "col", "height", "width")


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


def now() -> str:
    """The time as it is written: ISO 8601, UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


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
