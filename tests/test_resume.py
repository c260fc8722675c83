"""Resume: exact in all that a training depends on, and never on other data without saying what changed."""

import json
import random

import cv2
import numpy as np
import pytest
import torch
from test_training import assert_same_weights, config, losses, run, weights
from tiny_run import make_data, tiny_config

from seglib.data.dataset import open_dataset
from seglib.exceptions import InputError
from seglib.runs import contents, launcher, worker
from seglib.training import validation
from seglib.training.checkpoint import load_last, load_weights, save_last
from seglib.training.events import Finished, Note, Validation
from seglib.training.integrity import BEST
from seglib.training.loop import train
from seglib.training.random_state import random_state, restore_random_state, seed_all
from seglib.training.trainer import Trainer


def numbers() -> list[float]:
    return [float(torch.rand(1)), np.random.rand(), np.random.randn(), random.random(), random.gauss(0, 1)]


def test_every_global_generator_goes_on_where_it_was(tmp_path):
    """An odd count of normal draws: numpy and Python keep the second of a pair for the next call."""
    seed_all(3)
    numbers()
    save_last(tmp_path, {"step": 1, "random": random_state("cpu")})  # stored, read back with weights_only
    wanted = numbers()
    seed_all(4)
    restore_random_state(load_last(tmp_path)[0], "cpu")
    assert numbers() == wanted


def test_a_checkpoint_of_version_0_2_is_read():
    seed_all(3)
    stored = {"random": torch.get_rng_state(), "random_cuda": []}
    wanted = float(torch.rand(1))
    restore_random_state(stored, "cpu")
    assert float(torch.rand(1)) == wanted


def stopped_at(folder, settings, step: int) -> list:
    folder.mkdir()
    events = []
    for event in train(settings, folder, should_stop=lambda: len(losses(events)) == step):
        events.append(event)
    return events


def test_a_module_of_ones_own_that_draws_from_numpy_and_python(discs, tmp_path, monkeypatch):
    loss = Trainer._loss
    monkeypatch.setattr(
        Trainer, "_loss", lambda self, batch: loss(self, batch) * (0.5 + np.random.rand() + random.gauss(0, 0.1))
    )
    settings = config(discs)
    run(tmp_path / "whole", settings)
    stopped_at(tmp_path / "parts", settings, 5)
    run(tmp_path / "parts", settings, resume=True)
    assert_same_weights(weights(tmp_path / "whole"), weights(tmp_path / "parts"))
    monkeypatch.setattr("seglib.training.trainer.restore_random_state", lambda state, device: None)
    stopped_at(tmp_path / "broken", settings, 5)
    run(tmp_path / "broken", settings, resume=True)
    with pytest.raises(AssertionError):
        assert_same_weights(weights(tmp_path / "whole"), weights(tmp_path / "broken"))


def test_a_stop_inside_a_validation_leaves_no_half_of_it(discs, tmp_path, monkeypatch):
    whole = run(tmp_path / "whole", config(discs))
    scored, real = [], validation.predictions

    def counted(predictor, samples, indices):
        scored.extend(indices)
        return real(predictor, samples, indices)

    monkeypatch.setattr(validation, "predictions", counted)
    (tmp_path / "parts").mkdir()
    parts = list(train(config(discs), tmp_path / "parts", should_stop=lambda: len(scored) > 5))
    assert len(scored) == 6  # four of step 4, two of the four of step 8
    assert (parts[-1].reason, parts[-1].step) == ("stopped", 8)
    folder = tmp_path / "parts" / "validation"
    assert sorted(p.name for p in folder.iterdir()) == ["000004", "best", "last"]
    assert (folder / "last" / "step").read_text() == "4"
    rest = run(tmp_path / "parts", config(discs), resume=True)
    wanted = [e for e in whole if isinstance(e, (Validation, Finished))]
    found = [e for e in [*parts[:-1], *rest] if isinstance(e, (Validation, Finished))]
    plain = [[{**e.to_dict(), "elapsed_s": 0} for e in each] for each in (found, wanted)]
    assert plain[0] == plain[1]
    assert_same_weights(*(load_weights(tmp_path / name / BEST)[0] for name in ("whole", "parts")))


def test_a_stop_before_a_validation_that_is_due_makes_up_for_it(discs, tmp_path):
    whole = run(tmp_path / "whole", config(discs))
    first = stopped_at(tmp_path / "parts", config(discs, **{"training.validate_every": 2}), 4)
    assert [e.step for e in first if isinstance(e, Validation)] == [2]
    rest = run(tmp_path / "parts", config(discs), resume=True)
    assert [e.step for e in rest if isinstance(e, Validation)] == [4, 8]
    assert [e.val for e in whole if isinstance(e, Validation)] == [e.val for e in rest if isinstance(e, Validation)]


def test_a_lost_best_is_said_and_found_anew(discs, tmp_path):
    stopped_at(tmp_path / "run", config(discs), 6)
    file = tmp_path / "run" / BEST
    file.write_bytes(file.read_bytes()[:-1])
    events = run(tmp_path / "run", config(discs), resume=True)
    assert isinstance(events[0], Note)
    assert "best.safetensors is missing or damaged: the weights of step 4 are lost" in events[0].text
    assert events[-1].best_step == 8
    assert load_weights(file)[1]["step"] == 8


def test_without_an_intact_checkpoint_nothing_is_started(discs, tmp_path):
    for name in ("empty", "damaged"):
        (tmp_path / name).mkdir()
    (tmp_path / "damaged" / "last.pt").write_bytes(b"PK")
    for name in ("empty", "damaged"):
        with pytest.raises(InputError, match="nothing to resume"):
            run(tmp_path / name, config(discs), resume=True)
        assert not list((tmp_path / name).glob("best*"))


# -- other data


@pytest.fixture
def ended(tmp_path):
    made = launcher.create(
        tiny_config(make_data(tmp_path / "data"), training__steps=1), "new", tmp_path / "checkpoints"
    )
    assert worker.run_training(made.folder).name == "finished"
    return made


def resumed(ended) -> str:
    launcher.prepare_resume(ended, steps=2)
    state = worker.run_training(ended.folder)
    return state.reason if state.name == "failed" else ""


def change(file, how) -> None:
    cv2.imwrite(str(file), how(cv2.imread(str(file), cv2.IMREAD_UNCHANGED)))


def test_a_resume_names_the_pictures_that_changed(ended):
    data = ended.data_path()
    for name in ("a_t000", "a_t001", "a_t002", "b_t000"):
        change(data / "images" / f"{name}.png", lambda image: 255 - image)
    change(data / "masks" / "b_t001.png", lambda mask: mask * 0)
    (data / "masks" / "b_t002.png").unlink()
    (data / "images" / "b_t002.png").rename(data / "images" / "b_t009.png")
    (data / "masks" / "b_t009.png").write_bytes((data / "masks" / "a_t000.png").read_bytes())
    reason = resumed(ended)
    assert "added: images/b_t009.png" in reason
    assert "removed: images/b_t002.png" in reason
    assert "other pixels: images/a_t000.png, images/a_t001.png, images/a_t002.png and 1 more" in reason
    assert "other mask: images/b_t001.png" in reason
    assert "\n" not in reason


def test_a_resume_names_what_went_to_the_other_side():
    before = {f"{k}.png": {"split": "train", "pixels": "a", "mask": "b"} for k in range(5)}
    now = before | {"4.png": {"split": "val", "pixels": "a", "mask": "b"}}
    assert contents.changes(before, now) == ["other side of the split: 4.png"]
    assert contents.changes(before, dict(reversed(before.items()))) == ["the same pictures in another order"]


def test_a_run_without_digests_keeps_to_the_numbers(ended):
    (ended.folder / "data.json").unlink()
    change(ended.data_path() / "masks" / "b_t000.png", lambda mask: 255 - mask)
    assert "its data set has changed (the same number of pictures, but other pixels" in resumed(ended)


def test_the_same_data_is_the_same_and_is_written_once(ended):
    stored = json.loads((ended.folder / "data.json").read_text(encoding="utf-8"))
    dataset = open_dataset(ended.data_path())
    assert contents.read(dataset).to_dict() == stored
    assert stored["fingerprint"] == dataset.fingerprint()
    before = (ended.folder / "data.json").stat().st_mtime_ns
    assert resumed(ended) == ""
    assert (ended.folder / "data.json").stat().st_mtime_ns == before


def test_a_stop_is_heard_while_the_pictures_are_read(tmp_path):
    made = launcher.create(tiny_config(make_data(tmp_path / "data")), "new", tmp_path / "checkpoints")
    (made.folder / "requests").mkdir()
    (made.folder / "requests" / "stop").touch()
    state = worker.run_training(made.folder)
    assert (state.name, state.reason) == ("stopped", "as asked, before its first step")
    assert not (made.folder / "events.jsonl").exists()
