"""Reasons of a failure, from the very exceptions that the libraries of today raise."""

import errno
import signal
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_run import make_data, tiny_config

from seglib.runs import failure, launcher, outbox, recorder, worker
from seglib.runs.store import Run
from seglib.training.trainer import Trainer


def raised(work) -> BaseException:
    try:
        work()
    except BaseException as error:
        return error
    raise AssertionError("it should have failed")


def killed_helper() -> None:
    import multiprocessing

    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        pool.submit(signal.raise_signal, signal.SIGTERM).result()


@pytest.mark.parametrize(
    "work",
    [
        lambda: torch.empty(10**15),  # of the processor: a RuntimeError
        lambda: np.empty(10**15),
        lambda: bytearray(10**15),
        lambda: (_ for _ in ()).throw(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")),
        lambda: (_ for _ in ()).throw(RuntimeError("MPS backend out of memory (MPS allocated: 8.00 GB)")),
    ],
    ids=["torch", "numpy", "python", "cuda", "mps"],
)
def test_memory_that_ran_out(work):
    assert failure.told(raised(work)).startswith("out of memory: a smaller training.batch_size")


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_a_helper_that_was_killed():
    assert "fewer training.workers" in failure.told(raised(killed_helper))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_disk_that_is_full(tmp_path):
    full = tmp_path / "full.pt"
    full.symlink_to("/dev/full")
    errors = [
        raised(lambda: torch.save({"w": torch.zeros(100_000)}, full)),  # torch's own writer
        raised(lambda: torch.save({"w": torch.zeros(100_000)}, full.open("wb", buffering=0))),
        raised(lambda: full.write_bytes(b"x")),
    ]
    assert type(errors[0]) is RuntimeError
    for error in errors:
        assert failure.told(error).startswith("disk full: free some space and resume")


def test_a_training_that_runs_out_of_memory_says_so(tmp_path, monkeypatch):
    made = launcher.create(tiny_config(make_data(tmp_path / "data")), "big", tmp_path / "checkpoints")
    monkeypatch.setattr(Trainer, "_loss", lambda self, batch: torch.empty(10**15))
    state = worker.run_training(made.folder)
    assert (state.name, state.reason.partition(":")[0]) == ("failed", "out of memory")


# -- what a full disk does to the words about it


def test_a_stop_that_cannot_be_noted_is_heard():
    answers = [OSError(errno.ENOSPC, "No space left on device"), True]

    def should_stop():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert recorder._heard(should_stop)() is True
    with pytest.raises(OSError, match="denied"):
        recorder._heard(lambda: (_ for _ in ()).throw(OSError(errno.EACCES, "denied")))()


def test_the_reserve_makes_room_for_the_reason(tmp_path, monkeypatch):
    made = Run(tmp_path)
    (tmp_path / "run.json").write_text('{"state": "running"}', encoding="utf-8")
    out = outbox.Outbox(made.folder)
    out.record(planned_steps=4)
    reserve = tmp_path / ".reserve"
    assert reserve.stat().st_size == outbox.RESERVE_BYTES

    def crowded(folder, *rest, **more):
        if reserve.exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        return update(folder, *rest, **more)

    update = outbox.record.update
    monkeypatch.setattr(outbox.record, "update", crowded)
    monkeypatch.setattr(outbox, "missing_bytes", lambda folder, n: 1)
    out.record(reason="paused: disk full")
    assert made.record()["reason"] == "paused: disk full"
    assert made.record()["planned_steps"] == 4
    assert not reserve.exists()
    out.close()


def test_one_who_stops_stays_stopping(tmp_path):
    (tmp_path / "run.json").write_text('{"state": "stopping"}', encoding="utf-8")
    out = outbox.Outbox(tmp_path)
    out.record(reason="", planned_steps=7)
    out.close()
    assert Run(tmp_path).record()["state"] == "stopping"
