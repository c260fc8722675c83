import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tiny_run import make_data, tiny_config, wait_until

from seglib.exceptions import InputError
from seglib.runs import bin as run_bin
from seglib.runs import events, files, identity, launcher, lock, record, store, validation
from seglib.runs.files import read_json, write_json
from seglib.runs.store import Run

REPOSITORY = Path(__file__).resolve().parents[1]
HOLDER = "import sys, time\nfrom pathlib import Path\nfrom seglib.runs import lock\n"
HOLDER += "with lock.hold(Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(60)\n"


@pytest.fixture
def run(tmp_path):
    """A created run that nobody trains."""
    make_data(tmp_path / "data")
    return launcher.create(tiny_config(tmp_path / "data"), "one", tmp_path / "checkpoints")


@pytest.fixture
def holder(run):
    """A real process that holds the run's lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(run.folder)], stdout=subprocess.PIPE, cwd=REPOSITORY, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def claim(run, pid, state="running", boot=None):
    import psutil

    who = identity.Identity(pid, psutil.Process(pid).create_time(), boot or identity.boot_id())
    record.update(run.folder, state, **who.to_dict())


def write_events(run, *objects, end="\n"):
    with (run.folder / "events.jsonl").open("a", encoding="utf-8") as file:
        file.write("\n".join(map(json.dumps, objects)) + end)


def test_reading_runs_needs_neither_torch_nor_pandas():
    code = "import sys, seglib.runs.store, seglib.runs.launcher, seglib.runs.jobs, seglib.runs.bin\n"
    code += "print([m for m in ('torch', 'pandas', 'streamlit') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_a_held_lock_is_running_and_a_killed_holder_is_not(run, holder):
    claim(run, holder.pid)
    begun = time.monotonic()
    assert run.state().name == "running"
    assert time.monotonic() - begun < 0.5  # the recorded process lives: no need to look twice
    holder.send_signal(signal.SIGKILL if os.name != "nt" else signal.SIGTERM)
    begun = time.monotonic()
    assert wait_until(lambda: not run.state().live, 10)
    state = run.state()
    assert (state.name, time.monotonic() - begun < 10) == ("failed", True)
    assert "killed" in state.reason


def test_a_run_of_another_boot_is_interrupted(run):
    claim(run, os.getpid(), boot="another-boot")
    assert run.state().name == "interrupted"
    assert "restarted" in run.state().reason


def test_a_record_that_claims_a_living_pid_without_the_lock_is_not_running(run):
    claim(run, os.getpid())
    assert run.state().name == "failed"


def test_a_start_that_never_happens_is_failed_after_its_grace(run, monkeypatch):
    assert run.state().name == "starting"
    monkeypatch.setattr(record, "START_GRACE_S", 0.0)
    assert run.state().name == "failed"
    assert "log.txt" in run.state().reason


def test_a_probe_of_another_is_waited_for(run):
    """Two probes that meet do not take each other for a trainer."""
    import threading

    taken = threading.Event()

    def probe():
        with lock.hold(run.folder):
            taken.set()
            time.sleep(0.3)

    thread = threading.Thread(target=probe)
    thread.start()
    taken.wait()
    assert lock.is_held(run.folder) is False
    thread.join()


def test_the_tail_never_gives_half_a_line(run):
    write_events(run, {"kind": "step", "step": 1}, end='\n{"kind": "step", "st')
    rows, offset = run.events()
    assert [r["step"] for r in rows] == [1]
    write_events(run, end='ep": 2}\n')
    rows, offset = run.events(offset)
    assert [r["step"] for r in rows] == [2]
    assert run.events(offset) == ([], offset)


def test_a_line_cut_by_a_kill_is_left_out_and_the_next_one_kept(run):
    write_events(run, {"kind": "step", "step": 1}, end='\n{"kind": "st')
    file = events.EventFile(run.folder / "events.jsonl")
    file.append({"kind": "step", "step": 2, "loss": float("nan")})
    file.close()
    rows, _ = run.events()
    assert [(r["step"], r.get("loss")) for r in rows] == [(1, None), (2, None)]
    assert "NaN" not in (run.folder / "events.jsonl").read_text()


def test_progress_follows_the_events_as_they_come(run):
    write_events(
        run,
        {"kind": "started", "step": 0, "planned_steps": 40},
        {"kind": "step", "step": 1, "epoch": 0.5, "elapsed_s": 2.0, "loss": 0.7, "lr": 1e-3, "samples_per_s": 8.0},
        {"kind": "validation", "step": 2, "epoch": 1.0, "elapsed_s": 4.0, "best": True, "val": {"pooled_iou": 0.5}},
    )
    assert (run.best_iou(), run.last_step, run.elapsed_s) == (0.5, 2, 4.0)
    write_events(
        run,
        {"kind": "validation", "step": 4, "epoch": 2.0, "elapsed_s": 8.0, "best": False, "val": {"pooled_iou": 0.4}},
    )
    now = run.progress()
    assert (now.best_iou, now.best_step, now.last_iou, now.loss) == (0.5, 2, 0.4, 0.7)
    assert now.seconds_left == pytest.approx(8.0 * 36 / 4)


def test_steps_repeated_after_a_resume_stand_once():
    rows = [{"kind": "started", "step": 0}, *({"kind": "step", "step": s, "loss": 1} for s in (1, 2, 3))]
    rows += [{"kind": "started", "step": 2}, {"kind": "step", "step": 3, "loss": 2}]
    kept = [(e["step"], e["loss"]) for e in events.without_replays(rows) if e["kind"] == "step"]
    assert kept == [(1, 1), (2, 1), (3, 2)]


def test_names_and_notes_leave_config_and_record_alone(run):
    before = [(run.folder / name).read_bytes() for name in ("config.json", "run.json")]
    run.rename("Dice,  första försöket")
    run.write_note("with halo\nsecond line")
    assert (store.Run(run.folder).name, run.note) == ("Dice, första försöket", "with halo\nsecond line")
    run.rename("")
    assert (run.name, run.note) == ("one", "with halo\nsecond line")
    assert before == [(run.folder / name).read_bytes() for name in ("config.json", "run.json")]


def test_bin_and_undo(run):
    root = run.folder.parent
    record.update(run.folder, "stopped")
    binned = run_bin.move_to_bin(run)
    assert store.list_runs(root) == []
    assert run_bin.binned(root) == [binned]
    assert run_bin.restore(binned.id, root) == run
    assert (store.list_runs(root), run_bin.binned(root)) == ([run], [])


def test_the_bin_refuses_a_running_run(run, holder):
    claim(run, holder.pid)
    with pytest.raises(InputError, match="running; stop it"):
        run_bin.move_to_bin(run)
    assert run.folder.exists()


def test_nothing_comes_back_from_the_bin_over_another_run(run, tmp_path):
    record.update(run.folder, "stopped")
    run_bin.move_to_bin(run)
    launcher.create(tiny_config(tmp_path / "data"), "one", run.folder.parent)
    with pytest.raises(InputError, match="exists again"):
        run_bin.restore("one", run.folder.parent)
    record.update(run.folder, "stopped")
    assert run_bin.move_to_bin(run).id == "one-2"


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "a/b", "a\\b", "../x", ".hidden", "con", "NUL.txt", "x.", "a b", "é", "x" * 101, "queue.json"],
)
def test_names_that_some_system_cannot_have_are_refused(name):
    with pytest.raises(InputError, match="run name"):
        store.check_id(name)


@pytest.mark.parametrize("name", ["one", "20260102-153045-unet-bce_dice", "a.b_c-1"])
def test_good_names_pass(name):
    assert store.check_id(name) == name


def test_find_run_by_name_and_by_path_and_the_nearest_named(run):
    root = run.folder.parent
    assert store.find_run("one", root) == store.find_run(run.folder) == run
    with pytest.raises(InputError, match=r"no run 'onne'.*Did you mean one\?"):
        store.find_run("onne", root)
    with pytest.raises(InputError, match="no run ''"):
        store.find_run("", root)


def test_fifty_runs_of_two_thousand_events_list_fast(tmp_path):
    make_data(tmp_path / "data")
    config = tiny_config(tmp_path / "data")
    line = json.dumps({"kind": "step", "step": 7, "epoch": 1.0, "elapsed_s": 3.0, "loss": 0.5, "lr": 1e-3})
    for i in range(50):
        made = launcher.create(config, f"r{i:02d}", tmp_path / "checkpoints")
        record.update(made.folder, "finished")
        (made.folder / "events.jsonl").write_text((line + "\n") * 2000)

    def look():
        begun = time.perf_counter()
        rows = [(r.name, r.state().name, r.best_iou(), r.last_step) for r in store.list_runs(tmp_path / "checkpoints")]
        assert len(rows) == 50
        assert rows[0][1:] == ("finished", None, 7)
        return time.perf_counter() - begun

    look()
    assert min(look() for _ in range(3)) < 0.15  # the events are not read again


def test_a_validation_that_is_not_there_is_said_clearly(run):
    assert validation.validation_steps(run) == []
    with pytest.raises(InputError, match="no validation yet"):
        validation.scores(run)
    with pytest.raises(InputError, match="best and last only"):
        validation.probability(run, "000002", 0)


def test_what_is_read_often_is_parsed_once_and_anew_when_it_has_changed(tmp_path, monkeypatch):
    folder = tmp_path / "checkpoints" / "a"
    folder.mkdir(parents=True)
    write_json(folder / "config.json", {"data": {"path": "one"}})
    run = Run(folder)
    assert run.settings()["data"]["path"] == "one" and run.name == "a"
    parsed = []
    monkeypatch.setattr(files, "read_json", lambda path: parsed.append(path.name) or read_json(path))
    assert run.settings()["data"]["path"] == "one" and parsed == []
    write_json(folder / "config.json", {"data": {"path": "two"}})
    assert run.settings()["data"]["path"] == "two" and parsed == ["config.json"]
    run.rename("other")
    assert run.name == "other"
    (folder / "config.json").unlink()
    assert run.settings() == {} and store.list_runs(tmp_path / "checkpoints") == []


def test_a_run_that_starts_again_is_not_shown_as_ended(tmp_path):
    folder = tmp_path / "a"
    folder.mkdir()
    record.update(folder, "failed", "disk full")
    assert str(Run(folder).state()) == "failed" and Run(folder).state().reason == "disk full"
    record.update(folder, "starting", boot_id=identity.boot_id())
    assert str(Run(folder).state()) == "starting"
