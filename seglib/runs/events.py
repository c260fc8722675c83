"""events.jsonl: an append-only stream that pages follow by byte offset and never see half a line of."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any

_STEP = b'{"kind": "step"'  # as EventFile writes them


def tail(path: Path, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
    """Events of whole lines from byte `offset` on, and the offset to go on from.

    A line that is not JSON (a writer was killed inside it) is left out. A file shorter than `offset` starts anew.
    """
    lines, offset = _lines(path, offset)
    return _all_parsed(lines), offset


def _lines(path: Path, offset: int) -> tuple[list[bytes], int]:
    try:
        with path.open("rb") as file:
            if offset > os.fstat(file.fileno()).st_size:
                offset = 0
            file.seek(offset)
            block = file.read()
    except FileNotFoundError:
        return [], 0
    end = block.rfind(b"\n") + 1
    return block[:end].splitlines(), offset + end


def _without_early_steps(lines: list[bytes]) -> list[bytes]:
    """Of the step lines only the last: progress needs no other, and parsing 100,000 of them takes a second."""
    steps = [i for i, line in enumerate(lines) if line.startswith(_STEP)]
    dropped = set(steps[:-1])
    return [line for i, line in enumerate(lines) if i not in dropped]


def _all_parsed(lines: list[bytes]) -> list[dict[str, Any]]:
    """As one JSON list, which takes two thirds of the time; line by line where one of them is no JSON."""
    try:
        found = json.loads(b"[" + b",".join(lines) + b"]") if all(map(_looks_whole, lines)) else None
    except ValueError:
        found = None
    if found is None or len(found) != len(lines):
        return [event for event in map(_parsed, lines) if event is not None]
    return [event for event in found if isinstance(event, dict)]


def _looks_whole(line: bytes) -> bool:
    return line[:1] == b"{" and line[-1:] == b"}"


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None


def without_replays(events: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Events as one training saw them: steps that a resume repeated stand once, as computed last."""
    kept: list[dict[str, Any]] = []
    for event in events:
        step = event.get("step")
        if event.get("kind") == "started" and step is not None:
            kept = [e for e in kept if e.get("kind") == "started" or (e.get("step") or 0) <= step]
        kept.append(event)
    return kept


@dataclass(frozen=True)
class Progress:
    """Where a training stands. IoU is pooled over the val set; None = no validation yet or no val set."""

    step: int = 0
    epoch: int = 0
    elapsed_s: float = 0.0
    planned_steps: int | None = None
    loss: float | None = None
    lr: float | None = None
    samples_per_s: float | None = None
    best_iou: float | None = None
    best_step: int | None = None
    best_elapsed_s: float | None = None
    last_iou: float | None = None
    last_validation_step: int | None = None
    finished: str = ""

    @property
    def seconds_since_best(self) -> float | None:
        """Of training and validation, since the best validation so far."""
        return None if self.best_elapsed_s is None else max(0.0, self.elapsed_s - self.best_elapsed_s)

    @property
    def seconds_left(self) -> float | None:
        """To the planned end, at the pace so far."""
        if not self.planned_steps or not self.step:
            return None
        return max(0.0, self.elapsed_s * (self.planned_steps - self.step) / self.step)


def advance(progress: Progress, event: dict[str, Any]) -> Progress:
    """`progress` after one more event."""
    kind = event.get("kind")
    known = {k: event[k] for k in ("step", "epoch", "elapsed_s") if event.get(k) is not None}
    if event.get("planned_steps"):
        known["planned_steps"] = event["planned_steps"]
    if kind == "step":
        known |= {k: event.get(k) for k in ("loss", "lr", "samples_per_s")}
    elif kind == "validation":
        known |= _validated(progress, event)
    elif kind == "finished":
        known["finished"] = str(event.get("reason") or "finished")
    elif kind == "started":
        known["finished"] = ""
    elif kind == "checkpoint":
        known = {}
    return replace(progress, **known)


def _validated(progress: Progress, event: dict[str, Any]) -> dict[str, Any]:
    iou = (event.get("val") or {}).get("pooled_iou")
    news: dict[str, Any] = {"last_iou": iou, "last_validation_step": event.get("step")}
    if event.get("best"):
        news |= {"best_iou": iou, "best_step": event.get("step"), "best_elapsed_s": event.get("elapsed_s")}
    return news


class Follower:
    """Progress of many runs, each file read on from where the last look ended; safe for several threads."""

    def __init__(self) -> None:
        self._seen: dict[Path, tuple[int, int, Progress]] = {}
        self._lock = Lock()

    def progress(self, path: Path) -> Progress:
        try:
            stat = path.stat()
        except OSError:
            return Progress()
        with self._lock:
            inode, offset, progress = self._seen.get(path, (stat.st_ino, 0, Progress()))
            if inode != stat.st_ino or stat.st_size < offset:
                offset, progress = 0, Progress()
            if stat.st_size > offset:
                lines, offset = _lines(path, offset)
                for event in filter(None, map(_parsed, _without_early_steps(lines))):
                    progress = advance(progress, event)
            self._seen[path] = (stat.st_ino, offset, progress)
            return progress


class EventFile:
    """Appends whole lines; a half line that a killed writer left is closed first."""

    def __init__(self, path: Path):
        self._file = path.open("ab")
        if path.stat().st_size and not _ends_with_newline(path):
            self._file.write(b"\n")

    def append(self, event: dict[str, Any]) -> None:
        stamped = {**_finite(event), "time": round(time.time(), 3)}
        self._file.write(json.dumps(stamped, ensure_ascii=False, allow_nan=False).encode("utf-8") + b"\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read(1) == b"\n"


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity: null stands for them."""
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
