import json
import os
import subprocess
import sys
import time
from pathlib import Path

import light_trainer
import pytest
from family import ours
from tiny_run import make_data, tiny_config, wait_until

from seglib import cli
from seglib.exceptions import InputError
from seglib.runs import bin as run_bin
from seglib.runs import gpus, identity, launcher, lock, order, process, queue, record, store, warden, worker

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture
def data(tmp_path):
    return make_data(tmp_path / "data")


@pytest.fixture
def root(tmp_path):
    """Where runs live; whatever still runs there in the end is killed, and nothing is started after it."""
    root = tmp_path / "checkpoints"
    yield root
    if root.exists():
        queue.hold(root)
        for run in queue.running(root):
            process.end(identity.from_record(run.record()), grace_s=0.1)
    assert wait_until(lambda: process.reap() or not ours(), 20)


@pytest.fixture
def started(monkeypatch):
    """Names of the runs that were started, in order; no process is, and each stays `starting`."""
    names = []
    monkeypatch.setattr(process, "spawn", lambda kind, folder: names.append(folder.name))
    monkeypatch.setattr(record, "START_GRACE_S", 1000.0)
    return names


@pytest.fixture
def light(tmp_path, monkeypatch):
    light_trainer.install(tmp_path / "light", monkeypatch)


def end(run, state="finished"):
    """As its trainer and its warden do at the end."""
    record.update(run.folder, state)
    return queue.advance(run.folder.parent)


def states(root):
    return {run.id: run.state().name for run in store.list_runs(root)}


def test_one_after_another_in_order_of_submission(data, root, started):
    a, b, c = (queue.submit(tiny_config(data), name, root) for name in "abc")
    assert started == ["a"]
    assert [s.state().name for s in (a, b, c)] == ["starting", "queued", "queued"]
    assert queue.read(root).order == ("b", "c")
    assert queue.running(root) == [a]
    assert end(a, "failed") == [b]  # a failure holds nobody up
    assert end(b) == [c]
    assert queue.read(root).order == ()
    assert end(c) == []
    assert json.loads((root / "queue.json").read_text())["order"] == []


def test_k_at_once_and_any_run_counts(data, root, started):
    direct = launcher.start(tiny_config(data), "direct", root)  # started by hand, at once, whatever runs
    queue.set_at_once(2, root)
    queue.submit_many([(tiny_config(data), name, f"Run {name}") for name in "abc"], root)
    assert started == ["direct", "a"]
    assert {r.id for r in queue.running(root)} == {"direct", "a"}
    assert store.find_run("b", root).name == "Run b"
    assert end(direct) == [store.find_run("b", root)]
    queue.set_at_once(3, root)
    assert started == ["direct", "a", "b", "c"]


def test_moving_cancelling_holding(data, root, started):
    queue.hold(root)
    runs = queue.submit_many([(tiny_config(data), name, "") for name in "abcd"], root)
    a, b, c, d = runs
    assert started == []
    queue.first(d)
    queue.move(a, 2)
    assert queue.read(root).order == ("d", "b", "a", "c")
    queue.cancel(b)
    assert (b.state().name, b.state().reason) == ("stopped", "taken out of the queue")
    launcher.stop(a)  # the button of the run does the same
    assert a.state().reason == "taken out of the queue"
    assert queue.read(root).order == ("d", "c")
    with pytest.raises(InputError, match="is stopped, not waiting"):
        queue.cancel(b)
    with pytest.raises(InputError, match="only waiting runs are moved"):
        queue.move(b, 0)
    with pytest.raises(InputError, match="waits in the queue already"):
        launcher.prepare_resume(c)
    queue.release(root)
    assert started == ["d"]
    with pytest.raises(InputError, match="a running one is stopped"):
        queue.cancel(d)
    run_bin.move_to_bin(c)
    assert end(d) == []


def test_a_bad_number_at_once_is_refused(root):
    for k in (0, -1, 65, 1.5, True, "2"):
        with pytest.raises(InputError, match="allowed: 1 to 64"):
            queue.set_at_once(k, root)
    queue.set_at_once(3, root)
    assert (queue.read(root).at_once, queue.read(root).automatic) == (3, False)
    queue.set_at_once(None, root)
    assert queue.read(root).automatic


def test_many_are_all_or_none(data, root, started):
    queue.submit(tiny_config(data), "taken", root)
    with pytest.raises(InputError, match="exists in"):
        queue.submit_many([(tiny_config(data), name, "") for name in ("new", "taken")], root)
    with pytest.raises(InputError, match="no such folder"):
        queue.submit_many([(tiny_config(data), "x", ""), (tiny_config(data / "nowhere"), "y", "")], root)
    assert states(root) == {"taken": "starting"}
    assert not (root / "new").exists()


def test_a_resume_waits_its_turn_with_its_larger_budget(data, root, started, monkeypatch):
    old = launcher.create(tiny_config(data), "old", root)
    record.update(old.folder, "finished", pid=1, process_start=0.0)
    monkeypatch.setattr(launcher, "can_resume", lambda folder: True)
    busy = queue.submit(tiny_config(data), "busy", root)
    with pytest.raises(InputError, match="must be more than"):
        queue.submit_resume(old, steps=4)
    assert old.state().name == "finished"
    queue.submit_resume(old, steps=9)
    assert (old.state().name, queue.read(root).order) == ("queued", ("old",))
    assert end(busy) == [old]
    assert (old.record()["reason"], old.record()["budget"]) == ("resumed", {"steps": 9})
    assert "pid" not in old.record()


def test_what_waits_survives_a_reboot_and_what_ran_is_interrupted(data, root, started):
    a, b = (queue.submit(tiny_config(data), name, root) for name in "ab")
    for run, more in ((a, {"pid": os.getpid(), "process_start": 1.0}), (b, {})):
        written = run.record()
        record.update(run.folder, written["state"], written["reason"], boot_id="another boot", **more)
    assert (a.state().name, b.state().name) == ("interrupted", "queued")
    assert "resume goes on" in a.state().reason
    assert queue.advance(root) == [b]  # the first look after the reboot
    assert b.state().name == "starting"


@pytest.mark.parametrize("damage", ["{ half", "[1, 2]", '{"order": [3, null]}', '{"order": 7, "at_once": "many"}', ""])
def test_a_damaged_file_is_told_and_nobody_who_waits_is_lost(data, root, started, damage):
    busy = queue.submit(tiny_config(data), "busy", root)
    for name in ("z", "a", "m"):  # not the order of the alphabet
        queue.submit(tiny_config(data), name, root)
        time.sleep(0.002)
    (root / "queue.json").write_text(damage)
    assert queue.read(root).order == ("z", "a", "m")
    assert "could not be read" in queue.read(root).problem
    end(busy)
    assert started == ["busy", "z"]
    assert "could not be read" in queue.read(root).problem  # told, though the file is whole again
    assert json.loads((root / "queue.json").read_text())["order"] == ["a", "m"]
    queue.move(store.find_run("m", root), 0)
    assert queue.read(root) == order.Queue(("m", "a"), queue.read(root).at_once)  # a person has been there


def test_names_that_are_gone_or_are_paths_are_told_and_passed_over(data, root, started):
    queue.hold(root)
    queue.submit(tiny_config(data), "here", root)
    outside = launcher.create(tiny_config(data), "outside", root.parent / "other", state="queued")
    content = {"order": ["gone", "../other/outside", "here", "here"], "at_once": None, "held": False}
    (root / "queue.json").write_text(json.dumps(content))
    assert queue.read(root).order == ("here",)
    assert "gone, ../other/outside" in queue.read(root).problem
    assert [run.id for run in queue.advance(root)] == ["here"]
    assert outside.state().name == "queued"
    assert "gone" in queue.read(root).problem


def test_one_that_waits_without_standing_in_the_file_is_found(data, root, started):
    """A process was killed between making the run and writing the order."""
    launcher.create(tiny_config(data), "stray", root, state="queued")
    assert queue.read(root).order == ("stray",)
    assert [run.id for run in queue.advance(root)] == ["stray"]


def test_runs_are_spread_over_the_gpus(data, root, started, monkeypatch):
    monkeypatch.setenv("SEGLIB_GPUS", "2")
    auto = {"training__device": "auto"}
    runs = [queue.submit(tiny_config(data, **auto), name, root) for name in "abc"]
    assert [run.record().get("gpu") for run in runs] == ["0", "1", None]
    assert started == ["a", "b"]  # as many as there are GPUs
    end(runs[1])
    assert runs[2].record()["gpu"] == "1"
    queue.set_at_once(4, root)
    processor = queue.submit(tiny_config(data), "processor", root)
    third = queue.submit(tiny_config(data, **auto), "third", root)
    assert processor.record()["gpu"] is None
    assert third.record()["gpu"] == "0"


def test_several_at_once_share_the_processor_and_a_resumed_one_keeps_its_share(data, root, started, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(queue.os, "cpu_count", lambda: 8)
    queue.set_at_once(3, root)
    shared = queue.submit(tiny_config(data), "shared", root)
    assert shared.record()["threads"] == 2
    queue.set_at_once(1, root)
    end(shared)
    whole = queue.submit(tiny_config(data), "whole", root)
    assert whole.record()["threads"] is None
    end(whole)
    monkeypatch.setattr(launcher, "can_resume", lambda folder: True)
    assert queue.submit_resume(shared).record()["threads"] == 2
    end(shared)
    monkeypatch.setenv("OMP_NUM_THREADS", "5")  # a person's own choice
    queue.set_at_once(3, root)
    assert queue.submit(tiny_config(data), "own", root).record()["threads"] is None


def test_the_warden_hands_the_threads_on(monkeypatch, tmp_path):
    given = {}
    monkeypatch.setattr(warden.detached, "start", lambda *a, **variables: given.update(variables))
    (tmp_path / "run.json").write_text('{"threads": 2, "gpu": null}')
    warden.start("train", tmp_path)
    assert given == {"OMP_NUM_THREADS": "2"}


def test_gpus_are_counted_without_torch(monkeypatch, tmp_path):
    monkeypatch.delenv("SEGLIB_GPUS", raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    gpus._of_nvidia_smi.cache_clear()
    monkeypatch.setattr(
        gpus.subprocess,
        "run",
        lambda *a, **k: subprocess.CompletedProcess(a, 0, "GPU 0: NVIDIA (UUID: GPU-1)\nGPU 1: NVIDIA (UUID: GPU-2)\n"),
    )
    assert gpus.names() == ("0", "1")
    gpus._of_nvidia_smi.cache_clear()
    monkeypatch.setattr(gpus.subprocess, "run", lambda *a, **k: (_ for _ in ()).throw(FileNotFoundError("nvidia-smi")))
    assert gpus.names() == ()
    gpus._of_nvidia_smi.cache_clear()
    for visible, names in (("", ()), ("-1", ()), ("2,3", ("2", "3")), ("GPU-abc", ("GPU-abc",))):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        assert gpus.names() == names


def test_a_start_that_the_system_refuses_fails_and_the_next_begins(data, root, started, monkeypatch):
    queue.hold(root)
    a, _ = queue.submit_many([(tiny_config(data), name, "") for name in "ab"], root)
    spawn = process.spawn

    def refuse_the_first(kind, folder):
        if folder.name == "a":
            raise OSError(11, "Resource temporarily unavailable")
        spawn(kind, folder)

    monkeypatch.setattr(process, "spawn", refuse_the_first)
    queue.release(root)
    assert started == ["b"]
    assert (a.state().name, "could not be started: Resource" in a.state().reason) == ("failed", True)


def test_nothing_to_do_is_cheap_and_takes_no_lock(data, root, started, monkeypatch):
    for k in range(50):
        launcher.make(tiny_config(data), f"r{k}", root, state="finished")
    queue.advance(root)

    def no_lock(*arguments):
        raise AssertionError("a lock was taken")

    monkeypatch.setattr(order, "locked", no_lock)
    assert _median_s(lambda: queue.advance(root)) < 0.002
    monkeypatch.undo()
    monkeypatch.setattr(process, "spawn", lambda kind, folder: None)
    for name in "ab":
        queue.submit(tiny_config(data), name, root)
    monkeypatch.setattr(order, "locked", no_lock)
    assert _median_s(lambda: queue.advance(root)) < 0.002  # one waits, there is no room


def _median_s(call):
    times = []
    for _ in range(21):
        begun = time.perf_counter()
        call()
        times.append(time.perf_counter() - begun)
    return sorted(times)[10]


def test_a_busy_queue_is_said_in_one_line_and_a_page_does_not_wait(data, root, started, monkeypatch):
    queue.hold(root)
    queue.submit(tiny_config(data), "a", root)
    monkeypatch.setattr(order, "_PATIENCE_S", 0.1)
    (root / "queue.json").write_text('{"order": ["a"]}')
    with lock.hold(root, name=order.LOCK):
        with pytest.raises(InputError, match=r"the queue in .* is busy"):
            queue.release(root)
        assert queue.advance(root, patience_s=0.1) == []
    assert [run.id for run in queue.advance(root)] == ["a"]


def test_a_queue_knows_neither_torch_nor_numpy():
    code = "import sys, seglib.runs.queue, seglib.runs.warden\n"
    code += "print([m for m in ('torch', 'numpy', 'cv2', 'streamlit') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_train_on_the_command_line_counts_and_lets_the_next_begin(data, root, started, monkeypatch):
    seen = []

    def trained(folder, on_event):
        seen.append([run.id for run in queue.running(root)])
        queue.submit(tiny_config(data), "next", root)
        seen.append([*started])
        record.update(folder, "finished")
        return record.current(folder)

    monkeypatch.setattr(worker, "run_training", trained)
    assert cli.main(["train", "--data", str(data), "--run", "mine", "--checkpoints", str(root)]) == 0
    assert seen == [["mine"], []]
    assert started == ["next"]


# -- with real processes


def command(root, *arguments):
    line = [sys.executable, "-m", "seglib", "queue", *arguments, "--checkpoints", str(root)]
    return subprocess.run(line, cwd=REPOSITORY, capture_output=True, text=True)


def test_five_runs_in_their_order_with_nobody_looking(data, root, light):
    """One fails, one is cancelled, one is moved first; only the runs' own wardens call the next."""
    queue.hold(root)
    runs = queue.submit_many([(tiny_config(data), name, "") for name in ("a", "b-fails", "c", "d", "e")], root)
    queue.cancel(runs[2])
    queue.first(runs[4])
    assert command(root, "release").returncode == 0  # and this process is gone
    assert wait_until(lambda: "ended" if _ended_without_a_look(runs) else "", 40)
    assert _in_order_of_start(runs) == ["e", "a", "b-fails", "d"]
    assert states(root) == {"a": "finished", "b-fails": "failed", "c": "stopped", "d": "finished", "e": "finished"}
    assert "this one fails" in runs[1].state().reason


def test_the_drill_notices_wardens_that_forget_the_queue(data, root, tmp_path, monkeypatch):
    forgets = (
        "if 'seglib.runs.warden' in sys.orig_argv:\n    import seglib.runs.queue as q; q.advance = lambda *a: []\n"
    )
    light_trainer.install(tmp_path / "light", monkeypatch, forgets)
    runs = queue.submit_many([(tiny_config(data), name, "") for name in "ab"], root)
    assert wait_until(lambda: _ended_without_a_look(runs[:1]), 40)
    assert not wait_until(lambda: _ended_without_a_look(runs), 2)
    assert queue.advance(root) == [runs[1]]  # the next look mends it
    assert wait_until(lambda: _ended_without_a_look(runs), 40)


def test_every_trainer_gets_its_gpu_and_no_warden_is_narrowed_to_it(data, root, light, monkeypatch):
    monkeypatch.setenv("SEGLIB_GPUS", "2")
    names = ["long-1", "a", "b", "c"]
    runs = queue.submit_many([(tiny_config(data, training__device="auto"), name, "") for name in names], root)
    assert wait_until(lambda: _ended_without_a_look(runs[1:]), 60)
    gpus_seen = [next(e["gpu"] for e in run.events()[0] if e["kind"] == "started") for run in runs]
    assert gpus_seen == ["0", "1", "1", "1"]  # the long one keeps the first


def _ended_without_a_look(runs):
    """Read off the files alone: `state()` and `running()` might help them along."""
    written = [json.loads((run.folder / "run.json").read_text())["state"] for run in runs]
    return all(state in ("finished", "failed", "stopped") for state in written)


def _in_order_of_start(runs):
    begun = {r.id: h["time"] for r in runs for h in r.record()["history"] if h["state"] == "starting"}
    return sorted(begun, key=begun.get)


def test_the_command_line_adds_moves_and_lists(data, root, started, capsys):
    def press(*arguments):
        code = cli.main(["queue", *arguments, "--checkpoints", str(root)])
        return code, capsys.readouterr()

    assert press("hold")[0] == 0
    for name in "abc":
        code, told = press("add", "--data", str(data), "--run", name, "--set", "training.steps=3")
        assert (code, told.out.strip()) == (0, str(root / name))
    assert "place 3 of 3, held" in told.err
    assert "place 1" in press("move", "c", "1")[1].err
    assert "taken out" in press("cancel", "b")[1].err
    listed = json.loads(press("list", "--json")[1].out)
    assert [row["run"] for row in listed["waiting"]] == ["c", "a"]
    assert (listed["held"], listed["at_once"], listed["running"]) == (True, 1, [])
    for wrong in (("move", "b", "1"), ("move", "c", "0"), ("at-once", "0"), ("at-once", "many"), ("cancel", "nobody")):
        code, told = press(*wrong)
        assert (code, told.err.count("\n")) == (2, 1), told.err
    assert press("at-once", "2")[0] == 0
    code, told = press("release")
    assert started == ["c", "a"]
    assert "2 running, 0 waiting, 2 at once" in told.err
    assert press("add", "--resume", "--run", "a")[0] == 2
