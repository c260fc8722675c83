"""Runs that may vote: their stored probabilities are the true cells of a data set, as a good network sees them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from made_up_runs import made_up_run

from seglib.data.dataset import open_dataset
from seglib.images import write_png
from seglib.metrics import count
from seglib.runs.store import Run


def draw_cells(rng: np.random.Generator, size: int = 128) -> np.ndarray:
    """Labels of a grid of discs, jittered."""
    rows, cols = np.mgrid[:size, :size]
    labels, places = np.zeros((size, size), np.int32), range(16, size, 32)
    for number, (row, col) in enumerate(((r, c) for r in places for c in places), start=1):
        row, col, radius = row + rng.uniform(-2, 2), col + rng.uniform(-2, 2), rng.uniform(7, 10)
        labels[(rows - row) ** 2 + (cols - col) ** 2 <= radius**2] = number
    return labels


def q_of(labels: np.ndarray, rng: np.random.Generator, sure: float = 0.95) -> np.ndarray:
    """What a good network says of these labels: sure inside, in doubt at the edge."""
    soft = cv2.GaussianBlur((labels > 0).astype(np.float32), (0, 0), 1.2)
    noisy = np.clip((1 - sure) + (2 * sure - 1) * soft + rng.normal(0, 0.02, labels.shape), 0, 1)
    return np.floor(255 * noisy + 0.5).astype(np.uint8)


def voting_run(data: Path, name: str, judged: Sequence[int], learned: Sequence[int], **more) -> Run:
    """A run validated on the records `judged`, with probabilities, and a note that it trained on `learned`."""
    rng, run = np.random.default_rng(len(name)), made_up_run(data.parent / "checkpoints", name, data, **more)
    best, step = run.folder / "validation" / "best", run.folder / "validation" / "000020"
    for folder in (best, step):
        folder.mkdir(parents=True)
    dataset, rows = open_dataset(data), []
    for number, index in enumerate(judged):
        sample = dataset.sample(index)
        q = q_of(sample.labels, rng)
        write_png(best / f"{number}.png", q)
        counts = count(q, sample.mask, sample.valid)
        sides = {side: getattr(counts, side) for side in ("tp", "fp", "fn", "tn")}
        rows.append({"image": sample.name, "group": sample.group, **sides, "n_valid": int(sample.valid.sum())})
    pd.DataFrame(rows).to_parquet(step / "images.parquet")
    (best / "step").write_text("20", encoding="ascii")
    names = [record.image for record in dataset.records]
    pictures = {names[i]: {"split": side} for side, those in (("val", judged), ("train", learned)) for i in those}
    (run.folder / "data.json").write_text(json.dumps({"pictures": pictures}), encoding="utf-8")
    return run
