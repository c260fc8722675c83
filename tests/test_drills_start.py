"""Drills of Start, Stop and the queue with several processes at once; each is also shown to notice when it must.

`make test` runs them small and with trainers that need no torch; `make test-all` in full and with real ones.
"""

from __future__ import annotations

import functools
import itertools
import os
import subprocess
import sys
import time
from pathlib import Path

import family
import light_trainer
import psutil
import pytest
from tiny_run import make_data, tiny_config, wait_until

from seglib.runs import bin as run_bin
from seglib.runs import identity, launcher, lock, process, queue, record, store, warden

REPOSITORY = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals")

# Between the look whether a run is free to be trained and the word that it is taken: long enough to fall into.
HESITATE = """
import seglib.runs.identity as _identity
_mine = _identity.mine
def _slowly():
    import time
    time.sleep(0.4)
    return _mine()
_identity.mine = _slowly
"""
# What must not happen: a lock that everybody gets.
NO_LOCKS = """
import filelock
filelock.FileLock.acquire = lambda self, *a, **k: None
filelock.FileLock.release = lambda self, *a, **k: None
"""
STARTER = """
import sys
from pathlib import Path
from seglib.runs import process, queue
print("ready", flush=True)
for line in sys.stdin:
    press, folder = line.split(maxsplit=1)
    if press == "start":
        process.spawn("train", Path(folder.strip()))
    else:
        queue.advance(Path(folder.strip()))
    print("done", flush=True)
"""


@pytest.fixture
def data(tmp_path):
    return make_data(tmp_path / "data")


@pytest.fixture
def root(tmp_path):
    yield tmp_path / "checkpoints"
    family.end_all(tmp_path / "checkpoints")


@pytest.fixture
def light(tmp_path, monkeypatch):
    """Call it: trainers are light from then on, with code of the test's besides."""
    return lambda more="": light_trainer.install(tmp_path / "light", monkeypatch, more)


class Starters:
    """Four processes that wait at a barrier; all go when the last has been told."""

    def __init__(self):
        pipe = subprocess.PIPE
        command = [sys.executable, "-c", STARTER]
        self._all = [
            subprocess.Popen(command, stdin=pipe, stdout=pipe, cwd=REPOSITORY, text=True, bufsize=1) for _ in range(4)
        ]
        self._heard("ready")

    def press(self, what, folder):
        for starter in self._all:
            starter.stdin.write(f"{what} {folder}\n")
        self._heard("done")

    def _heard(self, word):
        assert [starter.stdout.readline().strip() for starter in self._all] == [word] * 4

    def close(self):
        for starter in self._all:
            starter.stdin.close()
            starter.wait(20)
            starter.stdout.close()


@pytest.fixture
def starters():
    """Call it when the environment is as they are to have it."""
    made = []
    yield lambda: made.append(Starters()) or made[-1]
    for one in made:
        one.close()


def trainers_of_prepared_runs(data, root, starters, times):
    """The drill: four press Start on one prepared run; how many trainers it got, each time."""
    runs = [launcher.create(tiny_config(data), f"prepared-{k}", root) for k in range(times)]
    for run in runs:
        record.update(run.folder, "starting", f"round {run.id}")  # its seconds of grace begin now
        starters.press("start", run.folder)
        assert wait_until(lambda run=run: not family.wardens(run), 200)
    return [len(family.events(run, "started")) for run in runs], [run.state().name for run in runs]


def trainers_of_the_queue(data, root, starters, times):
    """The drill: four call `advance` when three runs wait and there is room for one; trainers each run got."""
    counts, overlaps = [], 0
    for k in range(times):
        here = root / f"queue-{k}"
        queue.hold(here)
        runs = queue.submit_many([(tiny_config(data), name, "") for name in ("a", "b", "c")], here)
        queue.order.write(here, queue.order.stored(here), [run.id for run in runs], held=False)  # without `advance`
        starters.press("advance", here)
        assert wait_until(lambda runs=runs: _all_ended(runs), 600), [family.written(r) for r in runs]
        assert wait_until(lambda here=here: not family.processes_of(here), 20)
        counts += [len(family.events(run, "started")) for run in runs]
        overlaps += _overlaps(runs)
    return counts, overlaps


def _all_ended(runs):
    return all(family.written(run)["state"] in ("finished", "failed") for run in runs)


def _overlaps(runs):
    """How often a run began before the one before it had ended."""
    spans = sorted((run.record()["history"][1]["time"], run.record()["history"][-1]["time"]) for run in runs)
    return sum(later[0] < earlier[1] for earlier, later in itertools.pairwise(spans))


def test_four_press_start_and_four_advance_the_queue(data, root, light, starters):
    light(HESITATE)
    together = starters()
    counts, states = trainers_of_prepared_runs(data, root, together, times=2)
    assert (counts, states) == ([1, 1], ["finished", "finished"])
    assert trainers_of_the_queue(data, root, together, times=1) == ([1, 1, 1], 0)


def test_the_drills_of_start_notice_missing_locks(data, root, light, starters):
    light(HESITATE + NO_LOCKS)
    together = starters()
    counts, _ = trainers_of_prepared_runs(data, root, together, times=1)
    assert counts[0] > 1
    counts, overlaps = trainers_of_the_queue(data, root, together, times=1)
    assert max(counts) > 1 or overlaps


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_ten_times_four_press_start_on_real_trainers(data, root, starters):
    counts, states = trainers_of_prepared_runs(data, root, starters(), times=10)
    assert (counts, states) == ([1] * 10, ["finished"] * 10)


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_ten_times_four_advance_a_queue(data, root, light, starters):
    light(HESITATE)
    assert trainers_of_the_queue(data, root, starters(), times=10) == ([1] * 30, 0)


# -- a stranger with the pid that a record names


@pytest.fixture
def forged(data, root, monkeypatch):
    """A run whose record names a living stranger by pid, with a start time that is not the stranger's."""
    monkeypatch.setattr(lock, "is_held", functools.partial(lock.is_held, patience_s=0.1))
    run = launcher.create(tiny_config(data), "forged", root)
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"], start_new_session=True)
    born = psutil.Process(stranger.pid).create_time()
    record.update(run.folder, "running", pid=stranger.pid, process_start=born - 600, boot_id=identity.boot_id())
    yield run, stranger
    stranger.kill()
    stranger.wait()


def everything_that_ends_a_run(run):
    """The drill: all that a person can press, and the queue; somebody holds the lock, so there is a reason to act."""
    with lock.hold(run.folder):
        launcher.stop(run)
        launcher.escalate(run, grace_s=0.1)
    launcher.stop(run)
    for press in (queue.cancel, run_bin.move_to_bin):
        try:
            press(run)
        except lock.InputError:
            continue
    process.end(identity.from_record(run.record()), grace_s=0.1)
    queue.advance(run.folder.parent)


def test_a_forged_record_leaves_the_stranger_alive(forged):
    run, stranger = forged
    everything_that_ends_a_run(run)
    time.sleep(0.2)
    assert stranger.poll() is None


def test_a_record_of_another_boot_leaves_the_stranger_alive(forged):
    run, stranger = forged
    born = psutil.Process(stranger.pid).create_time()
    record.update(run.folder, "running", process_start=born, boot_id="another-boot")
    everything_that_ends_a_run(run)
    time.sleep(0.2)
    assert stranger.poll() is None


def test_the_drill_notices_a_dead_stranger(forged, monkeypatch):
    monkeypatch.setattr(identity, "_CLOCK_TOLERANCE_S", 1e9)
    run, stranger = forged
    everything_that_ends_a_run(run)
    assert wait_until(lambda: stranger.poll() is not None, 5)


def test_a_warden_writes_no_end_of_another_trainers(forged, monkeypatch):
    """One that was refused by the lock ends with code 2; that is not the end of the run."""
    run, stranger = forged
    warden._write_end(run.folder, pid=stranger.pid + 1, code=2, forced=False, out_of_memory=False)
    assert family.written(run)["state"] == "running"


# -- real trainers, with data workers


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("how", ["kill", "kill with the warden", "stop", "force"])
def test_data_workers_die_with_the_trainer(data, root, how):
    run = launcher.create(tiny_config(data, training__steps=10**6, training__workers=2), "two", root)
    family.start_from_elsewhere(run)
    trainer = family.trainer(run)
    assert wait_until(lambda: run.last_step > 2, 120)
    helpers = trainer.children(recursive=True)
    assert len(helpers) >= 2
    if how == "kill with the warden":
        family.wardens(run)[0].kill()
    if how == "force":
        trainer.suspend()  # it hears nothing
        launcher.escalate(run, grace_s=1.0)
    elif how == "stop":
        launcher.stop(run)
    else:
        trainer.kill()
    assert wait_until(lambda: all(family.is_gone(p.pid) for p in (trainer, *helpers)), 10)
    expected = {"stop": "stopped", "force": "stopped"}.get(how, "failed")
    assert wait_until(lambda: run.state().name == expected, 10), run.state()
    assert run.has_checkpoint("last") or how != "stop"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_real_queue_with_nobody_looking(data, root):
    """One is cancelled, one moved first, one fails because its data set is gone, one has a wild learning rate."""
    gone = make_data(data.parent / "gone")
    wild = {"optimizer__name": "sgd", "optimizer__lr": 10.0, "optimizer__clip_norm": None, "training__steps": 400}
    configs = [
        (tiny_config(data), "a", ""),
        (tiny_config(gone), "b-gone", ""),
        (tiny_config(data), "c", ""),
        (tiny_config(data, **wild), "d-wild", ""),
        (tiny_config(data), "e", ""),
    ]
    queue.hold(root)
    runs = queue.submit_many(configs, root)
    (gone / "images").rename(data.parent / "elsewhere")
    queue.cancel(runs[2])
    queue.first(runs[4])
    command = [sys.executable, "-m", "seglib", "queue", "release", "--checkpoints", str(root)]
    subprocess.run(command, cwd=REPOSITORY, check=True)
    assert wait_until(lambda: all(family.written(r)["state"] in ("finished", "failed", "stopped") for r in runs), 800)
    begun = {r.id: h["time"] for r in runs for h in r.record()["history"] if h["state"] == "starting"}
    assert sorted(begun, key=begun.get) == ["e", "a", "b-gone", "d-wild"]
    states = {run.id: run.state() for run in store.list_runs(root)}
    assert {name: state.name for name, state in states.items() if name in "ace"} == dict(
        a="finished", c="stopped", e="finished"
    )
    assert states["b-gone"].name == "failed"
    assert states["d-wild"].name in ("failed", "finished")  # it may survive: then it has ended all the same
