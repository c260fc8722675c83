"""Run folders as a training leaves them, written in a millisecond: for lists and tables, where nothing is computed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from seglib.runs.events import EventFile
from seglib.runs.files import write_json
from seglib.runs.store import Run, portable
from seglib.settings import plain
from seglib.training.config import resolve


def made_up_run(
    root: Path,
    run_id: str,
    data: Path,
    *,
    val: Sequence[float | None] = (0.5, 0.8, 0.7),
    train: Sequence[float | None] = (0.6, 0.9, 0.95),
    of_all: float | None = 0.88,
    state: str = "finished",
    fingerprint: str = "one",
    n_steps: int = 30,
    **settings: Any,
) -> Run:
    """A run of `n_steps` steps validated at equal distances; dotted settings with `__` for the dot."""
    run = Run(root / run_id)
    run.folder.mkdir(parents=True)
    keys = {"data.path": portable(data)} | {key.replace("__", "."): value for key, value in settings.items()}
    write_json(run.folder / "config.json", plain(resolve(settings=keys)))
    write_json(run.folder / "run.json", {"state": state, "reason": "", "history": [{"time": 1.0, "state": state}]})
    write_json(run.folder / "environment.json", {"data": {"fingerprint": fingerprint}})
    _write_events(run, val, train, of_all, n_steps)
    return run


def _write_events(run: Run, val, train, of_all: float | None, n_steps: int) -> None:
    file = EventFile(run.folder / "events.jsonl")
    every, best_step, top = n_steps // max(len(val), 1), None, -1.0
    file.append({"kind": "started", "step": 0, "planned_steps": n_steps})
    for step in range(1, n_steps + 1):
        at = {"step": step, "epoch": step / 10, "elapsed_s": step * 2.0}
        file.append({"kind": "step", **at, "loss": 1 / step, "lr": 1e-3, "grad_norm": 1.0, "samples_per_s": 20.0})
        if len(val) and step % every == 0:
            place = step // every - 1
            better = val[place] is None or val[place] > top
            if better:
                best_step, top = step, val[place] or top
            file.append({"kind": "validation", **at, "best": better, **_summaries(val[place], train[place])})
    if of_all is not None:
        summary = {"best_step": best_step, **_summaries(None, of_all)}
        file.append({"kind": "finished", "step": n_steps, "reason": "steps", "elapsed_s": n_steps * 2.0, **summary})
    file.close()


def _summaries(val: float | None, train: float | None) -> dict[str, Any]:
    return {k: v if v is None else {"pooled_iou": v, "n_images": 2} for k, v in (("val", val), ("train", train))}


def write_validations(run: Run, ious: dict[int, float], n_images: int = 12) -> None:
    """Counts of each image of those validations, every image with the same IoU; all of one movie."""
    for step, iou in ious.items():
        folder = run.folder / "validation" / f"{step:06d}"
        folder.mkdir(parents=True)
        tp = round(1000 * iou)
        names = [f"m_t{i:03d}.png" for i in range(n_images)]
        counts = {"tp": tp, "fp": 1000 - tp, "fn": 0, "tn": 9000, "n_valid": 10_000}
        pd.DataFrame({"image": names, "group": "m", **counts}).to_parquet(folder / "images.parquet")
