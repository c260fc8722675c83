"""The live view of a training: what it says in each state, once and in words, and what can be done."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import make_disc_data
from streamlit.testing.v1 import AppTest
from tiny_run import finished_run, tiny_config

from seglib.runs import identity, launcher, lock, queue, record
from seglib.runs.events import EventFile, Progress
from seglib.runs.store import Run
from ui import progress, registry
from ui.live import ending, figures, head, waiting
from ui.progress import Standing

SHELL = Path(__file__).resolve().parents[1] / "ui" / "shell.py"


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """Discs as the demo; runs in a place of their own; nothing is started by the queue."""
    for key, name in {"DATASETS": "datasets.json", "CHECKPOINTS": "checkpoints", "CACHE": "cache"}.items():
        monkeypatch.setenv(f"SEGLIB_{key}", str(tmp_path / name))
    make_disc_data(tmp_path / "discs")
    monkeypatch.setenv("SEGLIB_DEMO", str(tmp_path / "discs"))
    return tmp_path


@pytest.fixture
def run(home) -> Run:
    """A run that nobody trains, with one step."""
    run = launcher.create(tiny_config(home / "discs"), "one", home / "checkpoints")
    append(run, {"kind": "step", "step": 2, "loss": 0.7, "lr": 0.1, "samples_per_s": 3.0, "elapsed_s": 1.0})
    return run


def append(run: Run, *rows: dict) -> None:
    file = EventFile(run.folder / "events.jsonl")
    for row in rows:
        file.append(row)
    file.close()


def curves(run: Run) -> AppTest:
    at = AppTest.from_file(str(SHELL), default_timeout=60)
    at.query_params["data"], at.query_params["run"] = "demo", run.id
    at.session_state["train_view_next"] = "Curves"
    return at.switch_page("../pages/train.py").run()


def texts(elements) -> str:
    return " ".join(element.value for element in elements)


def test_since_the_best():
    assert progress.best(Progress()) == ""
    now = Progress(step=500, elapsed_s=320.0, best_iou=0.93124, best_step=480, best_elapsed_s=200.0)
    assert progress.best(now) == " · best 0.9312 at step 480, 2 min ago"
    ended = Progress(elapsed_s=320.0, best_iou=0.93124, best_step=480, best_elapsed_s=200.0, finished="steps")
    assert progress.best(ended) == " · best 0.9312 at step 480, 2 min before the end"


@pytest.mark.parametrize(
    ("standing", "said"),
    [
        (Standing("starting", "", True, None, "step 0"), "Starting: loading"),
        (Standing("stopping", "", True, 0.5, "step 5"), "Stopping: finishing"),
        (Standing("running", "", True, 0.5, "step 5 of 10", 125.0), "step 5 of 10 · about 2 min left"),
        (Standing("running", "", True, 1.0, "step 10 of 10", 0.0), "step 10 of 10 · last validation"),
        (Standing("running", "paused: disk full", True, 0.5, "step 5 of 10", 125.0), "step 5 of 10"),
    ],
)
def test_the_line_over_the_bar(standing, said):
    assert head.line(standing).startswith(said)


def test_the_end_is_said_with_its_figures(run):
    append(run, {"kind": "validation", "step": 2, "elapsed_s": 1.0, "best": True, "val": {"pooled_iou": 0.5}})
    assert ending.line(run, Standing("finished", "", False, 1.0, "")).startswith(
        "**one** has finished: best val IoU 0.5000 at step 2."
    )
    failed = ending.line(run, Standing("failed", "a *bad* loss", False, 1.0, ""))
    assert failed == r"**one** failed: a \*bad\* loss"


def test_a_place_in_the_queue(run):
    record.update(run.folder, "queued")
    now = queue.Queue(("other", "one", "third"), 1, False)
    assert waiting.line(run, now) == "Place 2 of 3 in the queue. 1 training at a time."
    assert "2 trainings at a time" in waiting.line(run, queue.Queue(("one",), 2, False))
    assert "held" in waiting.line(run, queue.Queue(("one",), 1, True))
    assert waiting.line(run, queue.Queue((), 1, False)) == "It is about to start."


def test_memory_is_what_the_trainer_said_last(run):
    assert figures.memory_mb(run) is None
    append(run, {"kind": "memory", "step": 2, "process_bytes": 4e8, "device_bytes": None})
    append(run, {"kind": "memory", "step": 9, "process_bytes": 5e8, "device_bytes": None})
    assert figures.memory_mb(run) == pytest.approx(500)


def test_an_old_run_shows_nothing_where_it_knows_nothing(run):
    record.update(run.folder, "stopped", "as asked")
    at = curves(run)
    assert not at.exception and "Memory" not in {metric.label for metric in at.metric}
    assert len(at.get("echarts_chart")) == 3 and "As asked" in texts(at.caption)


def test_a_paused_run_says_why_and_goes_on_to_be_watched(run):
    reason = "paused: disk full, needs 12 MB more in checkpoints; goes on by itself when there is room"
    with lock.hold(run.folder):
        record.update(run.folder, "running", reason, **identity.mine().to_dict())
        at = curves(run)
        assert not at.exception and texts(at.warning) == reason[0].upper() + reason[1:]
        assert at.button(key="train_stop")


def test_a_page_of_an_ended_run_notices_that_it_goes_on(run, monkeypatch):
    from ui import live_training

    reruns = []
    monkeypatch.setattr(live_training.st, "rerun", lambda scope: reruns.append(scope))
    record.update(run.folder, "failed", "it did not start")
    before = live_training._news(run)
    live_training._look(run, before)
    assert reruns == []
    record.update(run.folder, "starting", boot_id=identity.boot_id())
    live_training._look(run, before)
    assert reruns == ["app"]


def test_a_waiting_run_shows_its_place_and_is_taken_out(run, home):
    record.update(run.folder, "stopped", "as asked")
    (run.folder / "last.pt").write_bytes(b"x")
    queue.hold(home / "checkpoints")
    waits = queue.submit(tiny_config(home / "discs"), "waits", home / "checkpoints")
    at = curves(waits)
    assert not at.exception and "Place 1 of 1" in texts(at.info)
    at.button(key="train_take_out").click().run()
    assert not at.exception and str(waits.state()) == "stopped" and "Taken out" in texts(at.caption)


@pytest.mark.parametrize(("checkpoint", "said"), [(True, "**Resume** goes on"), (False, "no checkpoint to go on from")])
def test_a_run_that_broke_off_says_why_and_the_way_on(run, checkpoint, said):
    record.update(run.folder, "interrupted", "the machine was restarted")
    if checkpoint:
        (run.folder / "last.pt").write_bytes(b"x")
    at = curves(run)
    assert not at.exception and texts(at.error) == "the machine was restarted" and said in texts(at.caption)


def test_the_end_is_said_once_to_who_watched_and_the_film_is_there(tmp_path, home):
    run = finished_run(tmp_path)
    registry.add(run.data_path())
    state = run.record()
    with lock.hold(run.folder):
        record.update(run.folder, "running", **identity.mine().to_dict())
        at = AppTest.from_file(str(SHELL), default_timeout=60)
        at.query_params["data"], at.query_params["run"] = run.data_path().name, run.id
        at.switch_page("../pages/train.py").run()
        assert not at.exception and not at.toast
        record.update(run.folder, state["state"], state["reason"])
    at.run()
    assert not at.exception and "has finished" in texts(at.toast)
    assert "Predictions through 2 validations" in texts(at.markdown)
    at.run()
    assert not at.toast
