import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny_run import finished_run, make_data, tiny_config

from seglib.data.dataset import open_dataset
from seglib.errors.budget import CLASSES
from seglib.exceptions import InputError
from seglib.metrics import Counts, count
from seglib.runs import failure, launcher, lock, validation, worker
from seglib.runs.environment import git_revision

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture
def run(tmp_path):
    return finished_run(tmp_path)


def new_run(tmp_path, **settings):
    return launcher.create(tiny_config(make_data(tmp_path / "data"), **settings), "new", tmp_path / "checkpoints")


def test_a_training_leaves_what_the_contract_says(run):
    names = {p.relative_to(run.folder).as_posix() for p in run.folder.rglob("*") if p.is_file()}
    assert {"config.json", "environment.json", "run.json", "events.jsonl", "log.txt", "best.safetensors"} <= names
    assert {
        "last.pt",
        "last.pt.sha256",
        "validation/000002/images.parquet",
        "validation/000004/regions.parquet",
    } <= names
    assert any(n.startswith("tensorboard/events.out.tfevents") for n in names)
    assert run.record()["planned_steps"] == 4
    assert [h["state"] for h in run.record()["history"]] == ["starting", "running", "finished"]
    environment = run.environment()
    assert environment["device"] == "cpu"
    assert environment["precision"] == "float32"
    assert len(environment["data"]["fingerprint"]) == 64
    assert environment["packages"]["torch"].startswith("2.")


def test_the_run_reads_back_what_the_trainer_wrote(run):
    kinds = [e["kind"] for e in run.events()[0]]
    assert kinds[0] == "started"
    assert kinds.count("step") == 4
    assert kinds[-1] == "finished"
    assert validation.validation_steps(run) == [2, 4]
    scores = validation.scores(run, "last")
    pooled = Counts(*(int(scores[c].sum()) for c in ("tp", "fp", "fn", "tn")))
    assert pooled.iou == run.progress().last_iou  # to the last digit
    assert run.best_iou() >= run.progress().last_iou


def test_stored_probabilities_give_the_stored_counts(run):
    dataset = open_dataset(run.data_path())
    for which in ("best", "last"):
        rows = validation.scores(run, which).to_dict("records")
        for row, index in zip(rows, dataset.indices("val"), strict=True):
            sample = dataset.sample(index)
            assert row["image"] == sample.name
            q = validation.probability(run, which, index)
            assert count(q, sample.mask, sample.valid) == Counts(row["tp"], row["fp"], row["fn"], row["tn"])


def test_regions_hold_every_wrong_pixel_once(run):
    scores, table = validation.scores(run, "last"), validation.regions(run, "last")
    assert table.groupby("kind").n_pixels.sum().reindex(["fp", "fn"], fill_value=0).tolist() == [
        scores.fp.sum(),
        scores.fn.sum(),
    ]
    assert set(table.image) <= set(scores.image)


def test_budgets_add_up_to_what_is_wrong(run):
    scores, table = validation.scores(run, "last"), validation.budgets(run, "last")
    assert table.image.tolist() == scores.image.tolist()
    assert (table[[*CLASSES]].sum(axis=1) == scores.fp + scores.fn).all()
    assert (table["union"] == scores.tp + scores.fp + scores.fn).all()


def test_the_strip_of_predictions_is_in_tensorboard(run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = EventAccumulator(str(run.folder / "tensorboard")).Reload()
    tags = board.Tags()
    assert {"loss/train", "lr", "pooled_iou/val", "pooled_iou/train"} <= set(tags["scalars"])
    assert [i.step for i in board.Images("predictions")] == [2, 4]
    picture = cv2.imdecode(np.frombuffer(board.Images("predictions")[-1].encoded_image_string, np.uint8), 0)
    assert picture.shape[0] == 3 * (192 + 4)  # three val pictures one below the other
    assert picture.std() > 10


def test_callback_sees_events_that_are_on_disk_already(tmp_path):
    made, seen = new_run(tmp_path), []
    state = worker.run_training(made.folder, lambda e: seen.append((e.kind, made.events()[0][-1]["kind"])))
    assert state.name == "finished"
    assert all(a == b for a, b in seen)
    assert {"started", "step", "validation", "checkpoint", "finished"} <= {a for a, _ in seen}


def test_stop_then_resume_ends_in_the_same_weights_as_going_through(run, tmp_path):
    """Interrupted in the middle and resumed, the weights are the same to the last bit."""
    import torch

    halted = launcher.create(run.config(), "halted", run.folder.parent)

    def stop_at_one(event):
        if event.kind == "step" and event.step == 1:
            launcher.stop(halted)

    assert worker.run_training(halted.folder, stop_at_one).name == "stopped"
    assert halted.last_step == 1
    assert not (halted.folder / "requests" / "stop").exists()
    assert worker.run_training(launcher.prepare_resume(halted).folder).name == "finished"
    one, other = (torch.load(r.folder / "last.pt", weights_only=True)["model"] for r in (run, halted))
    assert all(torch.equal(one[k], other[k]) for k in one)
    losses = [[e["loss"] for e in r.events()[0] if e["kind"] == "step"] for r in (run, halted)]
    assert losses[0] == losses[1]


def test_resume_with_more_steps_goes_on_and_config_stays(run):
    before = (run.folder / "config.json").read_bytes()
    with pytest.raises(InputError, match="must be more than the 4"):
        launcher.prepare_resume(run, steps=4)
    launcher.prepare_resume(run, steps=6)
    assert worker.run_training(run.folder).name == "finished"
    assert run.last_step == 6
    assert (run.folder / "config.json").read_bytes() == before


def test_resume_on_changed_data_is_refused_and_says_what_changed(tmp_path):
    made = new_run(tmp_path, training__steps=1)
    assert worker.run_training(made.folder).name == "finished"
    mask = tmp_path / "data" / "masks" / "b_t000.png"
    cv2.imwrite(str(mask), 255 - cv2.imread(str(mask), 0))
    launcher.prepare_resume(made, steps=2)
    state = worker.run_training(made.folder)
    assert state.name == "failed"
    assert "data set has changed" in state.reason


def test_a_failure_is_one_line_for_the_person_and_a_traceback_in_the_log(tmp_path, capsys):
    made = new_run(tmp_path)
    (tmp_path / "data" / "images" / "a_t001.png").write_bytes(b"no picture")
    state = worker.run_training(made.folder)
    assert state.name == "failed"
    assert "a_t001.png" in state.reason
    assert "\n" not in state.reason
    assert "Traceback" in made.log_tail()
    assert "Traceback" not in "".join(capsys.readouterr())


def test_a_loss_that_is_not_finite_fails_with_its_reason(tmp_path):
    made = new_run(tmp_path, optimizer__lr=1.0, optimizer__name="sgd", optimizer__clip_norm=None)

    def poison(event):
        if event.kind == "started":  # from here on every weight the trainer holds is NaN
            import gc

            import torch

            for module in gc.get_objects():
                if type(module) is torch.nn.Conv2d:
                    module.weight.data.fill_(float("nan"))

    state = worker.run_training(made.folder, poison)
    assert state.name == "failed"
    assert "not finite" in state.reason
    assert not made.has_checkpoint("last")


def test_a_run_that_ended_is_not_trained_over(run):
    with pytest.raises(InputError, match="not waiting to start; resume it"):
        worker.run_training(run.folder)


def test_a_second_trainer_is_refused_while_the_lock_is_held(tmp_path):
    made = new_run(tmp_path)
    with lock.hold(made.folder):
        again = subprocess.run(
            [sys.executable, "-m", "seglib.runs.worker", "train", str(made.folder)],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
        )
    assert again.returncode == 2
    assert again.stderr.count("\n") == 1
    assert "busy" in again.stderr
    assert not (made.folder / "events.jsonl").exists()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "out of memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), "out of memory"),
        (OSError(28, "No space left on device"), "disk full"),
        (RuntimeError("PytorchStreamWriter failed writing file data/3: file write failed"), "disk full"),
        (InputError("a.png: truncated; make it anew."), "a.png: truncated; make it anew."),
        (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero; details in log.txt"),
    ],
)
def test_failures_are_told_in_one_line(error, words):
    told = failure.told(error)
    assert words in told
    assert "\n" not in told


def test_a_full_disk_inside_another_error_is_still_a_full_disk():
    try:
        try:
            raise OSError(28, "No space left on device")
        except OSError as cause:
            raise RuntimeError("could not write") from cause
    except RuntimeError as error:
        assert "disk full" in failure.told(error)


def test_git_revision_is_read_from_plain_and_packed_files(tmp_path):
    git = tmp_path / ".git"
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "packed-refs").write_text("# pack-refs\n" + "b" * 40 + " refs/heads/main\n")
    assert git_revision(tmp_path) == "b" * 40
    (git / "refs" / "heads" / "main").write_text("a" * 40 + "\n")
    assert git_revision(tmp_path) == "a" * 40
    assert git_revision(tmp_path / "nowhere") is None


def test_the_worker_names_its_kinds():
    assert worker.main(["dance", os.devnull]) == 2


def test_regions_that_would_hold_the_training_up_wait_for_its_end(tmp_path, monkeypatch):
    from seglib.runs import diagnosis

    monkeypatch.setattr(diagnosis, "SHARE", -1.0)
    made, at_once = new_run(tmp_path), []
    worker.run_training(
        made.folder, lambda e: at_once.append(validation.regions(made)) if e.kind == "validation" else 0
    )
    assert at_once == [None, None]
    assert all(validation.regions(made, step) is not None for step in (2, 4))


def test_regions_that_fail_do_not_end_the_training(tmp_path, monkeypatch):
    from seglib.runs import diagnosis

    monkeypatch.setattr(diagnosis, "measure", lambda cases: 1 / 0)
    made = new_run(tmp_path)
    assert worker.run_training(made.folder).name == "finished"
    notes = [e["text"] for e in made.events()[0] if e["kind"] == "note"]
    assert any("division by zero" in note for note in notes)


def hparams_of(folder: Path) -> dict[str, list]:
    """What TensorBoard's table of runs (HPARAMS) reads of the runs in a folder: tag -> its contents, one a run."""
    from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer
    from tensorboard.plugins.hparams import metadata

    board = EventMultiplexer().AddRunsFromDirectory(str(folder)).Reload()
    found: dict[str, list] = {}
    for content in board.PluginRunToTagToContent(metadata.PLUGIN_NAME).values():
        for tag, data in content.items():
            found.setdefault(tag, []).append(data)
    return found


def test_the_table_of_runs_in_tensorboard_has_settings_and_best_iou_and_a_resumed_run_once(run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import metadata

    (start,) = hparams_of(run.folder)[metadata.SESSION_START_INFO_TAG]
    values = metadata.parse_session_start_info_plugin_data(start).hparams
    assert values["model.channels"].number_value == 2 and values["loss.name"].string_value == run.config().loss.name
    assert values["data.path"].string_value == "data" and "training.minutes" not in values
    board = EventAccumulator(str(run.folder / "tensorboard")).Reload()
    assert board.Scalars("best_val_iou")[-1].value == pytest.approx(run.best_iou())
    launcher.prepare_resume(run, steps=6)
    assert worker.run_training(run.folder).name == "finished" and run.last_step == 6
    found = {tag: len(contents) for tag, contents in hparams_of(run.folder).items()}
    assert found == {metadata.SESSION_START_INFO_TAG: 1, metadata.SESSION_END_INFO_TAG: 1}
