"""How a detached trainer ends is known and written down with no server alive; and nothing depends on its warden."""

import os
import signal
import subprocess
import sys
import threading
import time

import family
import light_trainer
import psutil
import pytest
from tiny_run import make_data, tiny_config, wait_until

from seglib.runs import launcher, process, queue, record, warden

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals")


@pytest.fixture
def root(tmp_path, monkeypatch):
    light_trainer.install(tmp_path / "light", monkeypatch)
    yield tmp_path / "checkpoints"
    family.end_all(tmp_path / "checkpoints")


@pytest.fixture
def data(tmp_path):
    return make_data(tmp_path / "data")


@pytest.fixture
def run(data, root):
    """A long training that nobody's server looks after."""
    run = launcher.create(tiny_config(data), "long", root)
    family.start_from_elsewhere(run)
    return run


def told_within_10_s(run, words, state="failed"):
    """The drill: what run.json itself says, 10 s after the end at the latest."""
    return wait_until(lambda: written_end(run)[0] == state and words in written_end(run)[1], 10)


def written_end(run):
    return family.written(run)["state"], family.written(run)["reason"]


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV"])
def test_the_signal_is_written_down_with_no_server_alive(run, name):
    family.trainer(run).send_signal(getattr(signal, name))
    assert told_within_10_s(run, f"killed by {name}")
    assert run.state().name == "failed"
    assert wait_until(lambda: not family.wardens(run), 10)


def test_the_drill_notices_a_missing_warden(run):
    """Without a warden nobody learns the signal; that it failed is still true at every look."""
    dies = family.trainer(run)
    for one in family.wardens(run):
        one.kill()
    assert run.state().name == "running"  # the trainer does not need it
    dies.kill()
    assert wait_until(lambda: run.state().name == "failed", 10)
    assert not wait_until(lambda: "SIGKILL" in written_end(run)[1], 1)


def test_sigterm_is_a_request_to_stop(run):
    family.trainer(run).terminate()
    assert told_within_10_s(run, "asked by SIGTERM", "stopped")


def test_before_it_listens_sigterm_is_a_death_and_a_slow_start_is_a_start(data, root, tmp_path, monkeypatch):
    slow = "if 'seglib.runs.worker' in sys.orig_argv: import time; time.sleep(30)\n"
    light_trainer.install(tmp_path / "light", monkeypatch, slow)
    run = launcher.create(tiny_config(data), "early", root)
    family.start_from_elsewhere(run)
    assert wait_until(lambda: family.processes_of(run.folder, "seglib.runs.worker"), 10)
    monkeypatch.setattr(record, "START_GRACE_S", 0.0)
    assert run.state().name == "starting"  # the machine is busy, that is all
    monkeypatch.setattr(record, "LONGEST_START_S", 0.0)
    assert run.state().name == "failed"
    family.processes_of(run.folder, "seglib.runs.worker")[0].terminate()
    assert told_within_10_s(run, "killed by SIGTERM")


def test_a_worker_that_cannot_even_begin_is_told_at_once(data, root, tmp_path, monkeypatch):
    broken = "import os\nif 'seglib.runs.worker' in sys.orig_argv: os._exit(3)\n"
    light_trainer.install(tmp_path / "light", monkeypatch, broken)
    run = launcher.create(tiny_config(data), "broken", root)
    family.start_from_elsewhere(run)
    assert told_within_10_s(run, "code 3")


def test_stop_is_heard_without_force(run):
    family.trainer(run)
    launcher.stop(run)
    assert told_within_10_s(run, "as asked", "stopped")
    assert [h["state"] for h in run.record()["history"]] == ["starting", "running", "stopping", "stopped"]


def test_warden_and_trainer_killed_together_the_queue_goes_on_at_the_next_look(data, root):
    first, second = queue.submit_many([(tiny_config(data), name, "") for name in ("long", "next")], root)
    both = [family.trainer(first), *family.wardens(first)]
    for one in both:
        one.kill()
    psutil.wait_procs(both, 10)
    assert second.state().name == "queued"
    assert wait_until(lambda: first.state().name == "failed", 10)
    assert queue.advance(root) == [second]
    assert wait_until(lambda: second.state().name == "finished", 20)


# -- a trainer that does not answer


@pytest.fixture
def stubborn(data, root, monkeypatch):
    """A deaf trainer with a deaf helper, and a warden in this process whose patience is short."""
    monkeypatch.setattr(warden, "STOP_GRACE_S", 0.5)
    monkeypatch.setattr(warden, "KILL_GRACE_S", 0.3)
    run = launcher.create(tiny_config(data), "deaf", root)
    thread = threading.Thread(target=lambda: warden.main(["train", str(run.folder)]))
    thread.start()
    family.trainer(run)
    assert wait_until(lambda: family.events(run, "note"), 10)
    yield run
    for pid in (run.record()["pid"], helper(run)):
        if not family.is_gone(pid):
            os.kill(pid, signal.SIGKILL)
    thread.join(20)
    assert not thread.is_alive()


def helper(run):
    return family.events(run, "note")[0]["pid"]


def ended_by_force(run):
    """The drill: the trainer, its helper and nobody else are gone within 10 s, and it is told."""
    launcher.stop(run)
    pids = (run.record()["pid"], helper(run))
    return wait_until(lambda: all(map(family.is_gone, pids)) and "force" in written_end(run)[1], 10)


def test_a_deaf_trainer_and_its_helpers_are_ended_by_force_and_no_stranger_is(stubborn):
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        assert ended_by_force(stubborn)
        assert written_end(stubborn) == ("stopped", record.FORCED)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_the_drill_notices_a_warden_that_does_not_force(stubborn, monkeypatch):
    monkeypatch.setattr(warden, "_end_by_force", lambda trainer: None)
    launcher.stop(stubborn)
    assert not wait_until(lambda: family.is_gone(stubborn.record()["pid"]), 2)
    assert stubborn.state().name == "stopping"


def test_force_from_the_page_is_not_taken_for_an_accident(stubborn, monkeypatch):
    monkeypatch.setattr(warden, "STOP_GRACE_S", 1000.0)
    assert launcher.escalate(stubborn, grace_s=0.2).name == "stopped"
    assert wait_until(lambda: not (stubborn.folder / "requests" / "force").exists(), 10)  # the warden has seen it
    assert written_end(stubborn) == ("stopped", record.FORCED)


def test_helpers_die_with_a_trainer_that_is_killed(stubborn):
    os.kill(stubborn.record()["pid"], signal.SIGKILL)
    assert wait_until(lambda: family.is_gone(helper(stubborn)), 10)
    assert told_within_10_s(stubborn, "SIGKILL")


def test_the_drill_notices_helpers_that_are_left(stubborn, monkeypatch):
    monkeypatch.setattr(warden, "_end_helpers", lambda trainer: None)
    os.kill(stubborn.record()["pid"], signal.SIGKILL)
    assert told_within_10_s(stubborn, "SIGKILL")
    assert not wait_until(lambda: family.is_gone(helper(stubborn)), 1)


def test_a_trainer_that_saves_is_left_alone_but_not_for_ever(tmp_path):
    (tmp_path / "validation" / "last.tmp").mkdir(parents=True)
    (tmp_path / "events.jsonl").touch()
    now = time.time()
    for path in (tmp_path / "events.jsonl", tmp_path / "validation", tmp_path / "validation" / "last.tmp"):
        os.utime(path, (now - 100, now - 100))
    assert not warden._is_overdue(tmp_path, asked=now - 20)
    assert warden._is_overdue(tmp_path, asked=now - 40)
    (tmp_path / "lock").touch()  # every look at a run touches that
    assert warden._is_overdue(tmp_path, asked=now - 40)
    (tmp_path / "validation" / "last.tmp" / "3.png").touch()
    assert not warden._is_overdue(tmp_path, asked=now - 40)
    assert warden._is_overdue(tmp_path, asked=now - 400)


def test_memory_that_ran_out_is_said(monkeypatch):
    assert process.how_it_ended(-9, out_of_memory=True).startswith("out of memory: the system killed it (SIGKILL)")
    assert "out of memory" not in process.how_it_ended(-11, out_of_memory=True)
    assert process.how_it_ended(0) == "the process ended with code 0; see log.txt"


def test_a_warden_is_small_while_it_waits(run):
    family.trainer(run)
    [one] = family.wardens(run)
    assert one.memory_info().rss < 20e6
    assert family.trainer(run).nice() > one.nice()  # the training gives way, not the warden
