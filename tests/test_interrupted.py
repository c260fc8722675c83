"""Which runs count as interrupted, and until when: by the words of those who write the end of a run."""

from __future__ import annotations

import pytest
from tiny_run import make_data, tiny_config

from seglib.runs import launcher, process, record
from seglib.runs.files import read_json, write_json
from seglib.runs.interrupted import dismiss, interrupted
from seglib.runs.store import Run


@pytest.fixture
def run(tmp_path) -> Run:
    return launcher.create(tiny_config(make_data(tmp_path / "data")), "one", tmp_path / "checkpoints")


def test_a_run_of_another_boot_is_interrupted_until_dismissed_for_good(run):
    record.update(run.folder, "running", boot_id="another", pid=1)
    assert run.state().name == "interrupted" and interrupted([run]) == [run]
    run.rename("kept")
    dismiss(run)
    assert interrupted([Run(run.folder)]) == [] and run.name == "kept"
    run.rename("still dismissed")
    assert interrupted([run]) == []
    record.update(run.folder, "running", "resumed", boot_id="yet another", pid=1)
    assert interrupted([run]) == [run]  # cut off another time


@pytest.mark.parametrize(
    ("state", "reason", "named"),
    [
        ("failed", process.how_it_ended(-9), True),
        ("failed", process.how_it_ended(-9, out_of_memory=True), True),
        ("failed", process.how_it_ended(-15), True),
        ("failed", process.how_it_ended(1), True),
        ("failed", record._DIED, True),
        ("failed", "run x: its data set has changed (train 3 → 4); put it back as it was, or start a new run.", True),
        ("failed", "the loss is not a finite number at step 3", False),
        ("stopped", record.FORCED, False),
        ("stopped", "", False),
        ("finished", "", False),
        ("queued", "", False),
    ],
)
def test_only_accidents_are_named(run, state, reason, named):
    record.update(run.folder, state, reason)
    assert bool(interrupted([run])) is named


def test_a_damaged_label_does_not_hide_or_break(run):
    record.update(run.folder, "failed", record._DIED)
    write_json(run.folder / "label.json", {"dismissed": "yes"})
    assert interrupted([run]) == [run]
    (run.folder / "label.json").write_text("nonsense", encoding="utf-8")
    assert interrupted([run]) == [run]
    dismiss(run)
    assert interrupted([run]) == [] and read_json(run.folder / "label.json")["dismissed"] == run.state().since
