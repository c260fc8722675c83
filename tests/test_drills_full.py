"""Drills of the full disk: a training waits, says so, goes on by itself and has lost nothing; shown able to fail."""

import errno
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from tiny_run import make_data, tiny_config, wait_until

from seglib.runs import diagnosis, events, failure, launcher, outbox, worker
from seglib.runs.store import Run
from seglib.training import checkpoint, pause, room, saving, strip, validation
from seglib.training.integrity import BEST, is_intact

FULL = OSError(errno.ENOSPC, "No space left on device")
# As torch 2.13 raises them: its own writer, and that writer closed after a stream of Python's had failed.
WRITER = RuntimeError("PytorchStreamWriter failed writing file data/3: file write failed")
CLOSED = RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 576 vs 534")
SAFETENSORS = SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")
PYARROW = OSError("[Errno 28] Error writing bytes to file. Detail: [errno 28] No space left on device")


@pytest.fixture(autouse=True)
def hurry(monkeypatch):
    monkeypatch.setattr(pause, "POLL_S", 0.01)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Run:
    place = tmp_path_factory.mktemp("undisturbed")
    run = launcher.create(tiny_config(make_data(place / "data")), "whole", place / "checkpoints")
    assert worker.run_training(run.folder).name == "finished"
    return run


def copy_of(run: Run, tmp_path, name: str = "disturbed", **settings) -> Run:
    return launcher.create(tiny_config(run.data_path(), **settings), name, tmp_path / "checkpoints")


class Full:
    """The first `times` calls of a function find the disk full."""

    def __init__(self, monkeypatch, place, name: str, error: Exception, times: int = 2):
        self.left, self.error, self.real = times, error, getattr(place, name)
        monkeypatch.setattr(place, name, self)

    def __get__(self, instance, owner):
        return lambda *arguments, **more: self(instance, *arguments, **more)

    def __call__(self, *arguments, **more):
        if self.left:
            self.left -= 1
            raise self.error
        return self.real(*arguments, **more)


def check(run: Run, undisturbed: Run, is_paused: bool = True) -> None:
    """It finished, in the weights of a run that was not disturbed; all was written; the wait was told."""
    assert run.state().name == "finished", run.state().reason
    assert is_intact(run.folder / BEST)
    stored, other = (checkpoint.load_last(r.folder) for r in (run, undisturbed))
    assert stored[1] is None  # nothing damaged
    assert all(torch.equal(stored[0]["model"][name], other[0]["model"][name]) for name in stored[0]["model"])
    seen, wanted = ([e for e in r.events()[0] if e["kind"] != "memory"] for r in (run, undisturbed))
    kinds = [[e["kind"] for e in each if e["kind"] != "note"] for each in (seen, wanted)]
    assert kinds[0] == kinds[1]
    assert not [f for f in run.folder.rglob("*") if f.name.endswith(".tmp") or f.name == ".reserve"]
    if is_paused:
        notes = [e["text"] for e in seen if e["kind"] == "note"]
        assert any(n.startswith("paused: disk full, needs ") and str(run.folder) in n for n in notes)
        assert any("goes on after" in n for n in notes)
        reasons = [(h["state"], h["reason"]) for h in run.record()["history"]]
        assert [state for state, reason in reasons if reason.startswith("paused: disk full")] == ["running"]


@pytest.mark.parametrize("error", [FULL, OSError(errno.EDQUOT, "Disk quota exceeded"), WRITER, CLOSED])
def test_a_save_that_finds_the_disk_full_waits(undisturbed, tmp_path, monkeypatch, error):
    run = copy_of(undisturbed, tmp_path)
    Full(monkeypatch, saving, "save_last", error)
    worker.run_training(run.folder)
    check(run, undisturbed)


@pytest.mark.parametrize(
    ("place", "name", "error"),
    [
        (saving, "save_weights", SAFETENSORS),
        (validation, "write_png", FULL),
        (validation, "write_table", PYARROW),
        (strip, "write", FULL),
        (shutil, "copytree", shutil.Error([("a", "b", "[Errno 28] No space left on device: 'b'")])),
        (checkpoint._Hashing, "write", FULL),  # inside torch.save
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_whatever_the_loop_writes_waits(undisturbed, tmp_path, monkeypatch, place, name, error):
    run = copy_of(undisturbed, tmp_path)
    Full(monkeypatch, place, name, error)
    worker.run_training(run.folder)
    check(run, undisturbed)


def test_events_wait_and_come_in_order(undisturbed, tmp_path, monkeypatch):
    run = copy_of(undisturbed, tmp_path)
    Full(monkeypatch, events.EventFile, "append", FULL, times=5)
    Full(monkeypatch, outbox, "write_json", FULL, times=3)
    worker.run_training(run.folder)
    check(run, undisturbed, is_paused=False)
    assert run.environment()["device"] == "cpu"


def test_curves_and_wrong_regions_may_be_missing(undisturbed, tmp_path, monkeypatch):
    from seglib.runs.board import Board

    run = copy_of(undisturbed, tmp_path)
    Full(monkeypatch, Board, "step", FULL, times=1)
    Full(monkeypatch, diagnosis, "write_table", FULL, times=1)
    worker.run_training(run.folder)
    check(run, undisturbed, is_paused=False)
    notes = [e["text"] for e in run.events()[0] if e["kind"] == "note"]
    assert [n.partition(" ")[0] for n in notes] == ["TensorBoard", "wrong"]
    assert all((run.folder / "validation" / f"{s:06d}" / "regions.parquet").exists() for s in (2, 4))  # at the end


def test_the_drill_can_fail(undisturbed, tmp_path, monkeypatch):
    run = copy_of(undisturbed, tmp_path)
    Full(monkeypatch, saving, "save_last", FULL)
    monkeypatch.setattr(pause, "is_full", lambda error: False)
    worker.run_training(run.folder)
    with pytest.raises(AssertionError):
        check(run, undisturbed)


def test_space_is_checked_before_anything_is_written(undisturbed, tmp_path, monkeypatch):
    run, seen = copy_of(undisturbed, tmp_path), []
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(room.shutil, "disk_usage", lambda folder: usage._replace(free=10))
    thread = threading.Thread(target=worker.run_training, args=(run.folder, lambda e: seen.append(e.kind)))
    thread.start()
    assert wait_until(lambda: run.state().reason.startswith("paused: disk full, needs 17 MB more"))
    assert seen == ["note"]
    assert run.state().name == "running"
    time.sleep(0.3)  # the wait is no training time
    monkeypatch.setattr(room.shutil, "disk_usage", lambda folder: usage)
    thread.join(120)
    check(run, undisturbed)


def test_a_pause_is_no_training_time():
    from seglib.training.clock import Clock

    clock, answers = Clock(), [FULL, FULL, FULL]

    def work():
        if answers:
            time.sleep(0.05)
            raise answers.pop()

    clock.start()
    notes = list(pause.Pause(Path.cwd(), clock, lambda: False).writing(work))
    assert [n.paused for n in notes] == [True, False]
    assert clock.elapsed_s < 0.1  # of 0.15 s and more


def test_a_stop_asked_while_it_waits_fails_with_the_disk_as_reason(undisturbed, tmp_path, monkeypatch):
    run = copy_of(undisturbed, tmp_path, training__validate_every=1)
    real, saved = saving.save_last, []

    def save(folder, state):
        if saved:
            launcher.stop(run)
            raise FULL
        saved.append(state["step"])
        return real(folder, state)

    monkeypatch.setattr(saving, "save_last", save)
    state = worker.run_training(run.folder)
    assert state.name == "failed"
    assert state.reason.startswith("disk full, needs ")
    assert "the last complete checkpoint is untouched" in state.reason
    assert checkpoint.load_last(run.folder)[0]["step"] == saved[0] == 1


def test_after_an_hour_it_fails(undisturbed, tmp_path, monkeypatch):
    monkeypatch.setattr(pause, "GIVE_UP_S", 0.05)
    run = copy_of(undisturbed, tmp_path)
    Full(monkeypatch, saving, "save_last", FULL, times=10**9)
    state = worker.run_training(run.folder)
    assert (state.name, state.reason[:16]) == ("failed", "disk full, needs")


@pytest.mark.skipif(sys.platform != "linux", reason="needs tmpfs")
def test_a_small_disk_that_really_fills(undisturbed, tmp_path):
    """24 MB, filled to the last byte after the first checkpoint, freed a moment later."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("this account may not mount a tmpfs")
    try:
        config = tiny_config(undisturbed.data_path())
        run, filler = launcher.create(config, "disturbed", disk / "checkpoints"), disk / "filler"

        def fill(event):
            if event.kind == "step" and event.step == 3:
                fill_up(filler)
                threading.Timer(0.5, filler.unlink).start()

        worker.run_training(run.folder, fill)
        check(run, undisturbed)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def fill_up(file: Path) -> None:
    with file.open("wb", buffering=0) as stream:
        try:
            while True:
                stream.write(bytes(4096))
        except OSError as error:
            assert error.errno == errno.ENOSPC


def test_a_full_disk_in_every_librarys_words():
    def wrapped(text: str, number: int) -> Exception:
        try:
            try:
                raise OSError(number, "x")
            except OSError:
                raise RuntimeError(text)  # noqa: B904 - as torch does
        except RuntimeError as error:
            return error

    for error in (FULL, WRITER, CLOSED, wrapped(str(CLOSED), errno.ENOSPC), OSError(errno.EDQUOT, "x")):
        assert room.is_full(error)
        assert "disk full" in failure.told(error)
    for error in (wrapped(str(CLOSED), errno.EIO), OSError(errno.EFBIG, "File too large"), ValueError("no"), None):
        assert not room.is_full(error)  # torch says the same of any failed write: the number decides
