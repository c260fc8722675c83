"""Pre-flight: every light provoked by a real configuration that is broken so, and all green on one that is not."""

from __future__ import annotations

import math
import shutil
import textwrap
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from conftest import make_disc_data, real_data

from seglib.data.dataset import open_dataset, write_csv
from seglib.data.demo import make_demo
from seglib.experiments import preflight, preflight_job, preflight_report, preflight_rules, preflight_training
from seglib.experiments import preflight_verdicts as verdicts
from seglib.experiments.cost import Step
from seglib.experiments.preflight_machine import Memory, resident
from seglib.experiments.preflight_overfit import Overfit, chance, constant_loss, ranked
from seglib.models import registry
from seglib.runs.estimate import HERE
from seglib.settings import plain
from seglib.training import trainer as trainers
from seglib.training.config import Config, resolve
from seglib.training.device import choose_device
from seglib.training.draws import Drawn, Draws
from seglib.training.loader import collate
from seglib.training.trainer import Trainer

SMALL = {
    "data.crop_px": 48,
    "model.depth": 2,
    "model.channels": 4,
    "training.steps": 200,
    "training.minutes": None,
    "training.device": "cpu",
    "training.precision": "float32",
}
MODELS = """
import torch
from torch import nn
from seglib.models.unet import UNet

class Sigmoid(UNet):
    def construct_output_module(self):
        return nn.Sequential(nn.Conv2d(self.channels_at(0), 1, 1), nn.Sigmoid())

class ReluAtTheEnd(UNet):
    def construct_output_module(self):
        return nn.Sequential(nn.Conv2d(self.channels_at(0), 1, 1), nn.ReLU())

class Biased(UNet):
    def __init__(self, **unet):
        super().__init__(**unet)
        nn.init.constant_(self.output_module.bias, 40.0)

class Dead(UNet):
    def __init__(self, **unet):
        super().__init__(**unet)
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module is not self.output_module:
                nn.init.constant_(module.bias, -1000.0)

class Unused(UNet):
    def __init__(self, **unet):
        super().__init__(**unet)
        self.forgotten = nn.Linear(10, 10)

class Broken(UNet):
    def construct_base_module(self):
        return nn.Conv2d(3, 7, 1)

class TooSmall(UNet):
    def forward(self, x):
        if x.shape[-1] > 20:
            raise RuntimeError("only small pictures, please")
        return super().forward(x)
"""


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SEGLIB_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_disc_data(tmp_path_factory.mktemp("preflight") / "discs", n_train=8)


@pytest.fixture
def own_models(tmp_path, monkeypatch):
    """The classes above in the place of your_models.py."""
    file = tmp_path / "mine.py"
    file.write_text(textwrap.dedent(MODELS), encoding="utf-8")
    monkeypatch.setattr(trainers, "build_model", lambda config: registry.build_model(config, file))
    monkeypatch.setattr(preflight_report, "YOUR_MODELS", file)
    return file


def config_of(data, **settings) -> Config:
    return resolve(settings={**SMALL, "data.path": str(data), **{k.replace("__", "."): v for k, v in settings.items()}})


def checked(config: Config, tmp_path) -> preflight.Found:
    """The job's work, in this process."""
    result = tmp_path / "result"
    shutil.rmtree(result, ignore_errors=True)
    result.mkdir()
    preflight_job.preflight({"config": plain(config)}, result, lambda fraction, text="": None, lambda: False)
    return preflight.read(result)


def levels(found: preflight.Found) -> dict[str, str]:
    return {item.code: item.level for item in found.items}


def item(found: preflight.Found, code: str) -> preflight.Item:
    return next(i for i in found.items if i.code == code)


def not_green(found: preflight.Found) -> dict[str, str]:
    return {code: level for code, level in levels(found).items() if level != "green"}


EVERYTHING = {
    *("learning_rate", "depth", "parameters", "device", "validation_set", "foreground", "input", "masks"),
    *("receptive_field", "crop", "loss_at_start", "gradients", "memory", "speed", "time", "overfit", "output"),
}


def test_a_good_training_is_green_throughout(data, tmp_path):
    config = config_of(data)
    found = checked(config, tmp_path)
    assert not_green(found) == {} and set(levels(found)) == EVERYTHING and found.done
    losses = found.overfit["losses"]
    assert len(losses) == 31 and losses[-1] < losses[0] / 2 and found.overfit["iou_after"] > 0.7
    assert item(found, "parameters").value == f"{sum(p.numel() for p in Trainer(config, cpu()).model.parameters()):,}"
    assert all((tmp_path / "result" / sample["outlined"]).is_file() for sample in found.samples)
    assert len(found.samples) == config.training.batch_size
    assert not any(i.remedy for i in found.items) and found.worst == "green"
    expected = preflight.expected(found, config)
    assert expected.source == HERE and expected.steps == 200
    assert math.isclose(expected.minutes * 60, 200 * found.measured["step_s"] + 12 * found.measured["validation_s"])


def cpu():
    return choose_device("cpu", "float32")


@pytest.mark.parametrize("lr", [10.0, 1e-7])
def test_a_learning_rate_that_cannot_work_is_red_twice(data, tmp_path, lr):
    found = checked(config_of(data, optimizer__lr=lr), tmp_path)
    assert levels(found)["learning_rate"] == levels(found)["overfit"] == "red"
    remedy = "Set optimizer.lr to 0.001." if lr > 1 else "Try another optimizer.lr than 1e-07"
    assert item(found, "overfit").remedy.startswith(remedy)


def test_a_slow_start_is_amber_where_cells_are_told_apart_already():
    def verdict(last, ranked_after):
        losses = (0.65, *[0.6] * 29, last)
        told = Overfit(losses, 0.56, 0.0, 0.0, 0.44, ranked_after, 4, -2.0, 1.0)
        return verdicts.overfits(told, resolve()).level

    assert [verdict(0.49, 0.90), verdict(0.49, 0.50), verdict(0.64, 0.90)] == ["amber", "red", "red"]
    assert [verdict(0.46, 0.50), verdict(0.30, 0.99)] == ["amber", "green"]


def test_pairs_told_apart_are_the_area_under_the_roc_curve(data):
    from sklearn.metrics import roc_auc_score

    config = config_of(data)
    batch = collate([Draws(open_dataset(data), config)[k] for k in range(2)])
    logits = torch.randn(batch.x.shape, generator=torch.Generator().manual_seed(0)).round(decimals=1) + batch.target
    seen = batch.valid > 0
    assert ranked(logits, batch) == pytest.approx(roc_auc_score(batch.target[seen], logits[seen]))
    assert ranked(torch.zeros_like(logits), batch) == 0.5


def test_settings_that_do_not_fit_the_pictures(data, tmp_path):
    found = checked(
        config_of(data, model__depth=6, model__channels=1, data__crop_px=32, training__batch_size=2), tmp_path
    )
    assert levels(found)["depth"] == "amber" and "model.depth to 4" in item(found, "depth").remedy
    found = checked(
        config_of(data, model__depth=0, model__convs_per_block=1, data__crop_px=256, training__batch_size=1), tmp_path
    )
    assert levels(found)["receptive_field"] == "red" and "model.depth to" in item(found, "receptive_field").remedy
    assert levels(found)["valid"] == "amber" and item(found, "valid").value == "4% of a crop"


def test_a_crop_smaller_than_a_cell_is_red(tmp_path):
    data = make_disc_data(tmp_path / "large", n_train=2, n_val=1, size=160)
    for number in range(3):
        mask = cv2.circle(np.zeros((160, 160), np.uint8), (80, 80), 60, 255, -1)
        cv2.imwrite(str(data / "masks" / f"d{number}.png"), mask)
        cv2.imwrite(str(data / "images" / f"d{number}.png"), 60 + mask // 2)
    found = checked(config_of(data, data__crop_px=32), tmp_path)
    assert levels(found)["crop"] == "red" and "data.crop_px to 240" in item(found, "crop").remedy
    assert levels(found)["receptive_field"] == "red"


def test_masks_without_a_cell_and_pictures_of_one_grey_value(data, tmp_path):
    empty = shutil.copytree(data, tmp_path / "empty")
    for file in (empty / "masks").iterdir():
        cv2.imwrite(str(file), np.zeros((48, 48), np.uint8))
    found = checked(config_of(empty), tmp_path)
    assert levels(found)["foreground"] == levels(found)["crop"] == "red"
    flat = shutil.copytree(data, tmp_path / "flat")
    for file in (flat / "images").iterdir():
        cv2.imwrite(str(file), np.full((48, 48), 77, np.uint8))
    found = checked(config_of(flat), tmp_path)
    assert levels(found)["input"] == levels(found)["overfit"] == levels(found)["output"] == "red"


def test_masks_of_other_pictures_are_red_though_the_batch_is_learned(data, tmp_path):
    dataset = open_dataset(data)
    masks = [record.mask for record in dataset.records]
    mixed = shutil.copytree(data, tmp_path / "mixed")
    write_csv(mixed, [replace(record, mask=masks[k - 1]) for k, record in enumerate(dataset.records)])
    found = checked(config_of(mixed), tmp_path)
    assert levels(found)["masks"] == "red" and "doubtful" in item(found, "masks").value


def test_no_validation_set_and_parts_of_one_movie_are_amber(data, tmp_path):
    alone = shutil.copytree(data, tmp_path / "alone")
    dataset = open_dataset(alone)
    write_csv(alone, [replace(record, split="train") for record in dataset.records])
    assert preflight_rules.validation_set(open_dataset(alone)).level == "amber"
    (alone / "dataset.csv").unlink()
    movie = preflight_rules.validation_set(open_dataset(alone, split="blocks"))
    assert movie.level == "amber" and "flatter" in movie.explanation


def test_a_time_budget_too_short_is_amber_with_the_minutes_it_needs(data, tmp_path):
    found = checked(config_of(data, training__minutes=0.01, training__steps=None), tmp_path)
    assert levels(found)["time"] == "amber" and "training.minutes to" in item(found, "time").remedy


@pytest.mark.parametrize(
    ("name", "reds"),
    [
        ("Sigmoid", {"output"}),
        ("ReluAtTheEnd", {"output"}),
        ("Biased", {"loss_at_start"}),
        ("Dead", {"output", "overfit", "gradients"}),
        ("Unused", set()),
    ],
)
def test_a_network_of_ones_own_that_cannot_learn(data, tmp_path, own_models, name, reds):
    found = checked(config_of(data, model__name=name, model__norm="none"), tmp_path)
    got = not_green(found)
    assert reds <= {code for code, level in got.items() if level == "red"}, got
    if name == "Unused":
        assert got["gradients"] == "amber" and "forgotten" in item(found, "gradients").explanation


def test_a_class_that_does_not_build_or_run_is_one_red_item_with_its_line(data, tmp_path, own_models):
    lines = own_models.read_text(encoding="utf-8").splitlines()
    found = checked(config_of(data, model__name="Broken"), tmp_path)
    assert levels(found)["model"] == "red" and "Broken cannot be built" in item(found, "model").explanation
    assert levels(found)["masks"] == "green"  # what needs no network is looked at all the same
    found = checked(config_of(data, model__name="TooSmall"), tmp_path)
    where = f"line {1 + next(k for k, line in enumerate(lines) if 'raise RuntimeError' in line)}"
    text = item(found, "model").explanation
    assert where in text and "only small pictures, please" in text and "Traceback" not in text


def test_mistakes_in_config_and_data_are_one_red_item(data, tmp_path):
    found = checked(config_of(tmp_path / "nowhere"), tmp_path)
    assert levels(found)["data"] == "red" and "nowhere" in item(found, "data").explanation and found.done
    result = tmp_path / "result"
    shutil.rmtree(result)
    result.mkdir()
    wrong = {"config": {**plain(config_of(data)), "modle": {}}}
    preflight_job.preflight(wrong, result, lambda fraction, text="": None, lambda: False)
    assert item(preflight.read(result), "settings").level == "red"
    broken = shutil.copytree(data, tmp_path / "broken")
    (broken / "images" / "d1.png").write_bytes(b"no picture")
    found = checked(config_of(broken), tmp_path)
    assert levels(found)["data"] == "red" and "d1.png" in item(found, "data").explanation


def test_steps_that_take_nearly_all_memory_are_red(data, tmp_path, monkeypatch):
    """A machine that has hardly more than what this process holds already."""
    monkeypatch.setattr(preflight_training, "free_memory", lambda device: int(1.05 * resident()))
    monkeypatch.setattr(preflight_training, "UNCERTAIN", 99.0)
    found = checked(config_of(data), tmp_path)
    assert levels(found)["memory"] == "red" and item(found, "memory").remedy
    assert levels(found)["overfit"] == "green"
    config = config_of(data)
    assert [verdicts.memory(Memory(100, peak, 10, "memory"), config, 1).level for peak in (60, 61, 90, 91)] == [
        *("green", "amber", "amber", "red")
    ]


def test_a_step_that_cannot_fit_is_not_tried(data, tmp_path, monkeypatch):
    monkeypatch.setattr(preflight_training, "free_memory", lambda device: 1_000_000)
    found = checked(config_of(data), tmp_path)
    assert levels(found)["memory"] == "red" and "none was tried" in item(found, "memory").explanation
    assert "overfit" not in levels(found)


def test_the_remedy_for_memory_names_a_batch_that_fits():
    config = config_of("data", training__batch_size=8)
    memory = Memory(free=10_000, peak=8_600, before=200, place="memory")  # 1,050 a sample besides 400 fixed
    text = verdicts.memory_remedy(memory, config, fixed=0)
    assert "training.batch_size to 5" in text  # 200 + 5 × 1,050 = 5,450 of the 6,000 that are green
    alone = verdicts.memory_remedy(Memory(10_000, 80_200, 200, "memory"), config, fixed=0)
    assert "batch_size to 1" in alone and "channels to 2" in alone


def test_samples_that_come_too_slowly_are_amber():
    slow = verdicts.speed(Step(0.1, 4, 0, HERE, ""), sample_ms=60.0)
    assert slow.level == "amber" and "training.workers to 3" in slow.remedy
    assert verdicts.speed(Step(0.1, 4, 0, HERE, ""), sample_ms=6.0).level == "green"


def test_input_values_far_off_are_amber_and_not_finite_is_red():
    def drawn(x):
        return [Drawn("a.png", x.astype(np.float32), np.ones(x.shape, bool), np.ones(x.shape, bool))]

    noise = np.random.default_rng(0).normal(size=(8, 8))
    assert preflight_rules.input_values(drawn(noise), "zscore").level == "green"
    assert preflight_rules.input_values(drawn(1000 + 300 * noise), "none").level == "amber"
    assert preflight_rules.input_values(drawn(np.where(noise > 1, np.nan, noise)), "none").level == "red"


@pytest.mark.parametrize("loss", ["bce", "weighted_bce", "focal", "dice", "bce_dice", "tversky"])
def test_what_an_undecided_network_gives_is_what_the_formula_says(data, loss):
    config = config_of(data, loss__name=loss, training__batch_size=1, loss__epsilon=1.0, loss__alpha=0.3)
    trainer, draws = Trainer(config, cpu()), Draws(open_dataset(data), config)
    batch = collate([draws[0]])
    n, t = int(batch.valid.sum()), float((batch.target * batch.valid).sum())
    dice = 1 - (t + 1) / (n / 4 + t + 1)
    wanted = {
        "bce": math.log(2),
        "weighted_bce": math.log(2),
        "focal": math.log(2) / 4,
        "dice": dice,
        "bce_dice": (math.log(2) + dice) / 2,
        "tversky": 1 - (t / 2 + 1) / (t / 2 + 0.3 * (n - t) / 2 + 0.5 * t / 2 + 1),
    }
    assert constant_loss(trainer, batch, 0.5) == pytest.approx(wanted[loss], rel=1e-5)
    assert chance(trainer, batch) <= constant_loss(trainer, batch, 0.5)
    if loss == "bce":  # the best constant answer is the share of foreground
        share = t / n
        entropy = -share * math.log(share) - (1 - share) * math.log(1 - share)
        assert chance(trainer, batch) == pytest.approx(entropy, abs=2e-3)


def test_watching_leaves_the_numbers_alone(data):
    """The hooks that make Cancel quick change no loss: the same two steps, to the last bit."""
    from seglib.experiments.preflight_steps import Watch

    config = config_of(data)
    draws, losses = Draws(open_dataset(data), config), []
    batch = collate([draws[k] for k in range(4)])
    for watched in (False, True):
        trainer, calls = Trainer(config, cpu()), []
        if watched:
            Watch(lambda calls=calls: calls.append(1)).on(trainer)
        losses.append([trainer.step(batch, 100)["loss"] for _ in range(2)])
    assert losses[0] == losses[1] and len(calls) > 50
    assert torch.is_grad_enabled()


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["quick", "exercise", "best"])
@pytest.mark.parametrize("name", ["demo", "colony", "brightfield"])
def test_presets_on_real_images_are_green_but_for_the_time(tmp_path, preset, name):
    """How long it takes depends on what else the machine does."""
    folder = make_demo(tmp_path / "demo", n_images=12) if name == "demo" else real_data(name)
    config = resolve(preset, settings={"data.path": str(folder), "training.device": "cpu"})
    assert set(not_green(checked(config, tmp_path))) <= {"time"}
