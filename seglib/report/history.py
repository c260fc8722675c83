"""History: what one run said while it trained, in the figures a report quotes. All of it at threshold 0.5."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from seglib.runs.events import without_replays
from seglib.runs.store import Run

SMOOTHING = 0.02  # a running mean over this share of the steps


@dataclass(frozen=True)
class Score:
    """IoU of one side at one step: pooled over all its pixels, and the mean of its images' own IoU."""

    step: int
    pooled: float | None
    mean: float | None
    n_images: int
    n_undefined: int


@dataclass(frozen=True)
class History:
    """loss: (step, loss) of every step. val, train: a Score at every validation; train is of a fixed sample.

    best: the val score of the weights that are kept. train_at_best: of the same sample at that step; train_all: of
    all train images with the best weights, measured at the end; None where a run did not come to its end.
    """

    loss: tuple[tuple[int, float], ...]
    val: tuple[Score, ...]
    train: tuple[Score, ...]
    best: Score | None
    train_at_best: Score | None
    train_all: Score | None
    step: int
    planned_steps: int | None
    elapsed_s: float
    began: str
    n_parameters: int | None

    @property
    def last(self) -> Score | None:
        return self.val[-1] if self.val else None

    @property
    def train_last(self) -> Score | None:
        return self.train[-1] if self.train else None


def history(run: Run) -> History:
    """Of a run as it stands; read once, unless it has gone on since."""
    file = run.folder / "events.jsonl"
    stamp = file.stat().st_mtime_ns if file.exists() else 0
    return _history(run, stamp)


@lru_cache(maxsize=128)
def _history(run: Run, stamp: int) -> History:
    events = without_replays(run.events()[0])
    validations = [e for e in events if e.get("kind") == "validation"]
    best = next((e for e in reversed(validations) if e.get("best") and e.get("val")), None)
    ends = [e for e in events if e.get("kind") == "finished"]
    starts = [e for e in events if e.get("kind") == "started"]
    progress = run.progress()
    return History(
        loss=tuple((e["step"], e["loss"]) for e in events if e.get("kind") == "step" and e.get("loss") is not None),
        val=_scores(validations, "val"),
        train=_scores(validations, "train"),
        best=_score(best, "val"),
        train_at_best=_score(best, "train"),
        train_all=_score(ends[-1], "train") if ends else None,
        step=progress.step,
        planned_steps=progress.planned_steps or run.record().get("planned_steps"),
        elapsed_s=progress.elapsed_s,
        began=_day(starts[0]) if starts else "",
        n_parameters=starts[0].get("n_parameters") if starts else None,
    )


def _scores(validations: list[dict[str, Any]], side: str) -> tuple[Score, ...]:
    return tuple(filter(None, (_score(event, side) for event in validations)))


def _score(event: dict[str, Any] | None, side: str) -> Score | None:
    found = (event or {}).get(side)
    if not found:
        return None
    return Score(
        int(event.get("step") or 0),
        found.get("pooled_iou"),
        found.get("mean_iou"),
        int(found.get("n_images") or 0),
        int(found.get("n_undefined") or 0),
    )


def _day(event: dict[str, Any]) -> str:
    """2026-11-25, in UTC: the same wherever the notebook is run again."""
    moment = event.get("time")
    return datetime.fromtimestamp(float(moment), UTC).strftime("%Y-%m-%d") if moment else ""


def running_mean(values: list[float]) -> list[float]:
    """Means over the values so far, the older ones fading out: as smooth for a short run as for a long one."""
    weight = min(1.0, 1.0 / max(1.0, SMOOTHING * len(values)))
    smooth: list[float] = []
    for value in values:
        smooth.append(value if not smooth else smooth[-1] + weight * (value - smooth[-1]))
    return smooth
