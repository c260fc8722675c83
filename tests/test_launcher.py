import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from family import ours
from tiny_run import make_data, tiny_config, wait_until

from seglib.exceptions import InputError
from seglib.runs import detached, identity, launcher, lock, process, record, store

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture
def data(tmp_path):
    return make_data(tmp_path / "data")


@pytest.fixture
def root(tmp_path):
    """Where runs live; whatever still runs there in the end is killed."""
    yield tmp_path / "checkpoints"
    for run in store.list_runs(tmp_path / "checkpoints"):
        process.end(identity.from_record(run.record()), grace_s=0.1)
    process.reap()


def no_trainer_is_left():
    process.reap()
    return not ours()


def test_kill_resume_stop_of_a_detached_training(data, root):
    """The whole life of a real process: start, running, killed, resumed, asked to stop, stopped."""
    run = launcher.start(tiny_config(data, training__steps=100_000, training__validate_every=20), "life", root)
    assert run.state().name == "starting"
    assert wait_until(lambda: run.has_checkpoint("last"))
    assert run.state().name == "running"
    who = identity.from_record(run.record())
    assert who.pid != os.getpid()
    if os.name != "nt":
        assert os.getpgid(who.pid) == who.pid  # a group of its own: what ends us does not end it
    with pytest.raises(InputError, match="busy"):
        launcher.resume(run)

    psutil.Process(who.pid).kill()
    assert wait_until(lambda: not run.state().live, 10)
    assert wait_until(lambda: "SIGKILL" in run.state().reason or os.name == "nt", 5)
    assert run.state().name == "failed"

    at = run.last_step
    launcher.resume(run)
    assert run.state().name == "starting"
    assert wait_until(lambda: run.last_step > at + 5)
    launcher.stop(run)
    assert run.state().name in ("stopping", "stopped")
    assert wait_until(lambda: not run.state().live, 20)
    assert run.state() == record.State("stopped", "as asked", run.state().since)
    assert [h["state"] for h in run.record()["history"]][-4:] == ["starting", "running", "stopping", "stopped"]
    assert wait_until(no_trainer_is_left, 5)


STUBBORN = """
import os, signal, subprocess, sys, time
from pathlib import Path
from seglib.runs import identity, lock, record
signal.signal(signal.SIGTERM, signal.SIG_IGN)
with lock.hold(Path(sys.argv[1])):
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", deaf])
    record.update(Path(sys.argv[1]), "running", **identity.mine().to_dict())
    print(child.pid, flush=True)
    time.sleep(60)
"""


def test_force_ends_a_deaf_trainer_and_its_children(data, root):
    run = launcher.create(tiny_config(data), "deaf", root)
    deaf = subprocess.Popen(
        [sys.executable, "-c", STUBBORN, str(run.folder)],
        stdout=subprocess.PIPE,
        cwd=REPOSITORY,
        text=True,
        **detached.session_of_its_own(),
    )
    child = int(deaf.stdout.readline())
    launcher.stop(run)
    assert run.state().name == "stopping"
    state = launcher.escalate(run, grace_s=0.3)
    assert (state.name, "force" in state.reason) == ("stopped", True)
    deaf.wait()
    deaf.stdout.close()
    assert wait_until(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == "zombie", 5)


def test_a_forged_record_leaves_the_stranger_alive(data, root):
    """The pid of another program, with a start time that is not its own: nobody is signalled."""
    run = launcher.create(tiny_config(data), "forged", root)
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        born = psutil.Process(stranger.pid).create_time()
        who = identity.Identity(stranger.pid, born - 60, identity.boot_id())
        record.update(run.folder, "running", **who.to_dict())
        with lock.hold(run.folder):  # somebody lives there, so that force has a reason to act
            assert launcher.escalate(run, grace_s=0.1).live
        assert process.end(identity.Identity(stranger.pid, born, "another-boot"), grace_s=0.1)
        assert stranger.poll() is None
        assert psutil.Process(stranger.pid).status() != psutil.STATUS_ZOMBIE
    finally:
        stranger.kill()
        stranger.wait()


def test_create_writes_the_config_once_with_a_readable_id(data, root):
    run = launcher.create(tiny_config(data, loss__name="dice"), root=root, name="My first", note="why")
    assert run.id.endswith("-unet-dice")
    assert run.id[:8].isdigit()
    assert (run.name, run.note, run.state().name) == ("My first", "why", "starting")
    assert run.config().loss.name == "dice"
    assert run.data_path() == data.resolve()
    other = launcher.create(tiny_config(data, loss__name="dice"), root=root)
    assert other.id != run.id


def test_data_inside_the_repository_is_stored_relative_to_it(data, root, monkeypatch):
    monkeypatch.setattr(store, "REPOSITORY", data.parent.parent)
    run = launcher.create(tiny_config(data), "inside", root)
    assert run.settings()["data"]["path"] == f"{data.parent.name}/data"
    assert run.data_path() == data


def test_a_name_that_is_taken_is_refused(data, root):
    launcher.create(tiny_config(data), "one", root)
    before = (root / "one" / "config.json").read_bytes()
    with pytest.raises(InputError, match=r"exists in .* resume"):
        launcher.create(tiny_config(data, loss__name="dice"), "one", root)
    assert (root / "one" / "config.json").read_bytes() == before


def test_bad_names_and_no_data_are_refused(data, root):
    with pytest.raises(InputError, match="run name"):
        launcher.create(tiny_config(data), "../outside", root)
    with pytest.raises(InputError, match="no data set"):
        launcher.create(tiny_config(""), "x", root)
    with pytest.raises(InputError, match="no such folder"):
        launcher.create(tiny_config(data / "nowhere"), "x", root)
    (data / "dataset.csv").write_text("image,mask,group,split\nimages/a_t000.png,masks/a_t000.png,a,val\n")
    with pytest.raises(InputError, match="nothing to train on"):
        launcher.create(tiny_config(data), "x", root)
    assert not (root / "x").exists()  # the name is not used up by a mistake


def test_four_at_once_start_one(data, root):
    """Of several that press Start at the same name, one wins."""
    code = "import json, sys\nfrom pathlib import Path\nfrom seglib.runs import launcher\n"
    code += "from seglib.settings import build\nfrom seglib.training.config import Config\n"
    code += "config = build(Config, json.loads(sys.argv[1]))\nsys.stdin.readline()\n"
    code += "launcher.create(config, 'same', Path(sys.argv[2]))\n"
    from seglib.settings import plain

    command = [sys.executable, "-c", code, json.dumps(plain(tiny_config(data))), str(root)]
    pipe = subprocess.PIPE
    starters = [subprocess.Popen(command, stdin=pipe, stderr=pipe, cwd=REPOSITORY, text=True) for _ in range(4)]
    for starter in starters:
        starter.stdin.write("go\n")
        starter.stdin.flush()
    errors = [starter.communicate()[1] for starter in starters]
    assert sorted(starter.returncode for starter in starters) == [0, 1, 1, 1]
    assert sum("exists in" in text for text in errors) == 3


def test_resume_needs_a_checkpoint_and_a_run_at_rest(data, root):
    run = launcher.create(tiny_config(data), "young", root)
    with pytest.raises(InputError, match="starting already"):
        launcher.prepare_resume(run)
    record.update(run.folder, "failed", "as a test")
    with pytest.raises(InputError, match="no intact checkpoint"):
        launcher.prepare_resume(run)
    (run.folder / "last.pt").write_bytes(b"damaged")
    (run.folder / "last.pt.sha256").write_text(hashlib.sha256(b"whole").hexdigest(), encoding="ascii")
    with pytest.raises(InputError, match="no intact checkpoint"):
        launcher.prepare_resume(run)
    assert run.state().name == "failed"


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        ({"minutes": 5.0}, "it ends by training.steps"),  # the run had no such limit: that would be less, not more
        ({"steps": 3}, "must be more than the 4"),
        ({"steps": "many"}, "whole number"),
        ({"steps": 10.5}, "whole number"),
    ],
)
def test_a_resume_is_given_more_of_what_ends_the_run(data, root, budget, words):
    run = launcher.create(tiny_config(data), "short", root)
    record.update(run.folder, "finished")
    (run.folder / "last.pt").write_bytes(b"state")
    (run.folder / "last.pt.sha256").write_text(hashlib.sha256(b"state").hexdigest(), encoding="ascii")
    with pytest.raises(InputError, match=words):
        launcher.prepare_resume(run, **budget)
    assert run.state().name == "finished"
    launcher.prepare_resume(run, steps=5)


def test_a_worker_finds_seglib_and_keeps_the_persons_environment(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    environment = detached.environment()
    assert environment["PYTHONPATH"].split(os.pathsep) == [str(REPOSITORY), "elsewhere"]
    assert environment["PYTHONUTF8"] == "1"
    assert environment["OMP_NUM_THREADS"] == "7"


def test_how_it_ended_names_the_signal():
    assert process.how_it_ended(-11) == "killed by SIGSEGV"
    assert "memory" in process.how_it_ended(-9)
    assert "code 3" in process.how_it_ended(3)
