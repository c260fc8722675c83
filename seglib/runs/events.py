"""events.jsonl: an append-only stream that pages follow by byte offset and never see half a line of."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any


def tail(path: Path, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
    """Events of whole lines from byte `offset` on, and the offset to go on from.

    A line that is not JSON (a writer was killed inside it) is left out. A file shorter than `offset` starts anew.
    """
    try:
        with path.open("rb") as file:
            if offset > os.fstat(file.fileno()).st_size:
                offset = 0
            file.seek(offset)
            block = file.read()
    except FileNotFoundError:
        return [], 0
    end = block.rfind(b"\n") + 1
    return [e for e in map(_parsed, block[:end].splitlines()) if e is not None], offset + end


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
    last_iou: float | None = None
    last_validation_step: int | None = None
    finished: str = ""

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
        news |= {"best_iou": iou, "best_step": event.get("step")}
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
                news, offset = tail(path, offset)
                for event in news:
                    progress = advance(progress, event)
            self._seen[path] = (stat.st_ino, offset, progress)
            return progress
