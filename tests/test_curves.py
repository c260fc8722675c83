"""The columns of a training: what was appended is there, what a resume repeated stands once."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from seglib.runs import curves, events
from seglib.runs.columns import Columns, extremes
from seglib.runs.curves import Reader


def step(number: int, loss: float | None = 0.5) -> dict:
    return {"kind": "step", "step": number, "loss": loss, "lr": 1e-3, "samples_per_s": 20.0, "elapsed_s": number / 10}


def validation(number: int, iou: float) -> dict:
    return {"kind": "validation", "step": number, "best": True, "val": {"pooled_iou": iou}, "train": None}


def append(path: Path, *rows: dict) -> None:
    file = events.EventFile(path)
    for row in rows:
        file.append(row)
    file.close()


def steps(reader: Reader) -> list[float]:
    return reader.read().steps["step"].tolist()


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "events.jsonl"


def test_no_file_is_an_empty_training(path):
    now = Reader(path).read()
    assert len(now.steps["loss"]) == 0 and now.validations == () and now.notes == ()


def test_every_kind_goes_into_its_columns_and_a_missing_value_is_nan(path):
    append(path, {"kind": "started", "step": 0}, step(1), step(2, None), {"kind": "note", "text": "careful"})
    append(path, {"kind": "memory", "step": 2, "process_bytes": 5e8, "device_bytes": None}, validation(2, 0.8))
    now = Reader(path).read()
    np.testing.assert_array_equal(now.steps["loss"], [0.5, np.nan])
    assert now.memory["process_bytes"].tolist() == [5e8] and np.isnan(now.memory["device_bytes"]).all()
    assert [v["step"] for v in now.validations] == [2] and now.notes == ("careful",)


def test_only_what_is_new_is_read(path, monkeypatch):
    append(path, step(1), step(2))
    reader = Reader(path)
    assert steps(reader) == [1, 2]
    asked = []
    tail = events.tail
    monkeypatch.setattr(events, "tail", lambda path, offset: asked.append(offset) or tail(path, offset))
    size = path.stat().st_size
    append(path, step(3))
    assert steps(reader) == [1, 2, 3] == steps(reader)
    assert asked == [size]


def test_half_a_line_waits_for_its_other_half(path):
    append(path, step(1))
    reader = Reader(path)
    whole = json.dumps(step(2)).encode() + b"\n"
    for part, seen in ((whole[:20], [1]), (whole[20:], [1, 2])):
        with path.open("ab") as file:
            file.write(part)
        assert steps(reader) == seen


def test_a_line_that_is_no_json_costs_only_itself(path):
    append(path, step(1))
    with path.open("ab") as file:
        file.write(b'{"kind": "step", "step": \n{"kind": [{}\n{}]}\n7\n')
    append(path, step(2))
    assert steps(Reader(path)) == [1, 2]


def test_steps_that_a_resume_repeats_stand_once(path):
    append(path, {"kind": "started", "step": 0}, step(1), step(2), step(3, 9.0), validation(3, 0.9))
    reader = Reader(path)
    before = reader.read()
    append(path, {"kind": "started", "step": 2}, step(3, 0.25), step(4), validation(4, 0.7))
    for now in (reader.read(), Reader(path).read()):  # followed, and read at once
        assert now.steps["step"].tolist() == [1, 2, 3, 4] and now.steps["loss"][2] == 0.25
        assert [v["step"] for v in now.validations] == [4]
    assert before.steps["loss"].tolist() == [0.5, 0.5, 9.0]  # what somebody holds does not change under him


def test_columns_agree_with_the_plain_list_of_events(path):
    rng = np.random.default_rng(0)
    at = 0
    for _ in range(40):
        rows = [step(at + i + 1, float(rng.random())) for i in range(int(rng.integers(0, 30)))]
        at += len(rows)
        if rng.random() < 0.4:
            at = int(rng.integers(0, at + 1))
            rows.append({"kind": "started", "step": at})
        append(path, *rows)
    kept = [e for e in events.without_replays(events.tail(path)[0]) if e["kind"] == "step"]
    now = Reader(path).read()
    assert now.steps["step"].tolist() == [e["step"] for e in kept]
    assert now.steps["loss"].tolist() == [e["loss"] for e in kept]


def test_another_file_of_that_name_is_another_training(path):
    append(path, step(1), step(2))
    reader = Reader(path)
    assert steps(reader) == [1, 2]
    other = path.with_name("other")
    append(other, step(7), step(8), step(9))
    other.replace(path)
    assert steps(reader) == [7, 8, 9]


def test_a_run_is_read_once_for_all_who_ask(tmp_path):
    from seglib.runs.store import Run

    append(tmp_path / "events.jsonl", step(1))
    assert curves.of(Run(tmp_path)).steps["step"].tolist() == [1]
    assert (tmp_path / "events.jsonl").resolve() in curves._readers


def test_columns_grow_and_are_cut():
    columns = Columns("step", "loss")
    for start in range(0, 1000, 7):
        columns.extend([{"step": i, "loss": -i} for i in range(start, start + 7)])
    assert len(columns) == 1001 and columns.arrays()["loss"][1000] == -1000
    columns.cut_after(99)
    assert columns.arrays()["step"].tolist() == list(range(100))
    with pytest.raises(ValueError):
        columns.arrays()["loss"][0] = 1


def test_extremes_keep_both_ends_and_what_stands_out():
    rng = np.random.default_rng(1)
    for n in (0, 1, 5, 10, 11, 101, 5003):
        values = rng.normal(size=n)
        kept = extremes(values, 10)
        assert len(kept) <= 10 and (np.diff(kept) > 0).all()
        if n:
            assert kept[0] == 0 and kept[-1] == n - 1
            assert values.argmax() in kept and values.argmin() in kept
    holes = np.full(1000, np.nan)
    holes[500] = 1.0
    assert 500 in extremes(holes, 20)
