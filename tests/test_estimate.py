"""How long it will take: multiply-adds against the network itself, speeds against runs with known times."""

from __future__ import annotations

import os
import platform
from dataclasses import replace

import pytest
import torch
from tiny_run import tiny_config

from seglib.models import build_model
from seglib.models.plan import multiply_adds
from seglib.runs import estimate, launcher
from seglib.runs.estimate import MEASURED, ROUGH, SCALED, Work
from seglib.runs.events import EventFile
from seglib.runs.files import write_json
from seglib.runs.store import Run
from seglib.training.config import ModelConfig

WORK = Work(draws_per_epoch=40, validated=0, image_px=32 * 32)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"upsampling": "transposed_convolution", "downsampling": "strided_convolution", "norm": "none"},
        {"merge": "add", "residual": True, "upsampling": "bilinear", "growth": 1.5},
    ],
)
def test_multiply_adds_are_those_of_the_network(settings):
    config = ModelConfig(depth=2, channels=8, **settings)
    model, counted = build_model(config).eval(), []

    def count(module, inputs, output):
        transposed = isinstance(module, torch.nn.ConvTranspose2d)
        pixels = (inputs[0] if transposed else output)[0, 0].numel()
        counted.append(pixels * module.weight.numel())

    for module in model.modules():
        if isinstance(module, (torch.nn.Conv2d, torch.nn.ConvTranspose2d)):
            module.register_forward_hook(count)
    with torch.no_grad():
        model(torch.zeros(1, 1, 64, 64))
    assert multiply_adds(config, 64) == pytest.approx(sum(counted), rel=0.05)


def timed_run(root, data, name: str, seconds: float, here: bool = True, **settings) -> Run:
    """A run that says its steps took `seconds` each, after a slow first five."""
    config = tiny_config(data, **settings)
    run = launcher.create(config, name, root)
    machine = platform.platform() if here else "Somebody else's"
    write_json(run.folder / "environment.json", {"platform": machine, "processors": os.cpu_count(), "device": "cpu"})
    file = EventFile(run.folder / "events.jsonl")
    for step in range(1, 12):
        rate = config.training.batch_size / (seconds if step > 5 else 50.0)
        file.append({"kind": "step", "step": step, "loss": 1.0, "lr": 1.0, "samples_per_s": rate, "elapsed_s": 1.0})
    file.close()
    return run


def test_the_speed_of_the_same_network_is_taken_as_it_is(tmp_path, discs):
    same = timed_run(tmp_path / "ck", discs, "same", 0.5)
    other = timed_run(tmp_path / "ck", discs, "other", 9.0, model__channels=16)
    foreign = timed_run(tmp_path / "ck", discs, "foreign", 0.01, here=False)
    found = estimate.estimate(tiny_config(discs, training__steps=240), WORK, [foreign, other, same])
    assert (found.source, found.run, found.steps) == (MEASURED, "same", 240)
    assert found.minutes == pytest.approx(2.0) and found.epochs == pytest.approx(24.0)


def test_another_network_is_scaled_by_its_arithmetic(tmp_path, discs):
    known = timed_run(tmp_path / "ck", discs, "known", 4.0, model__channels=16, data__crop_px=256)
    config = tiny_config(discs, model__channels=32, data__crop_px=256)
    seconds, source, name = estimate.seconds_per_step(config, [known])
    ratio = multiply_adds(config.model, 256) / multiply_adds(known.config().model, 256)
    overhead = 4 * estimate.PER_SAMPLE_S
    assert (source, name) == (SCALED, "known")
    assert seconds == pytest.approx((4.0 - overhead) * ratio + overhead)


def test_without_a_timed_run_it_says_that_it_guesses(tmp_path, discs):
    foreign = timed_run(tmp_path / "ck", discs, "foreign", 0.5, here=False)
    short = launcher.create(tiny_config(discs), "short", tmp_path / "ck")
    found = estimate.estimate(tiny_config(discs), WORK, [foreign, short])
    assert found.source == ROUGH and "rough guess" in found.explanation and found.minutes > 0


def test_minutes_given_are_the_minutes_and_whatever_ends_first_counts(tmp_path, discs):
    run = timed_run(tmp_path / "ck", discs, "r", 0.5)
    timed = estimate.estimate(tiny_config(discs, training__minutes=3.0, training__steps=None), WORK, [run])
    assert timed.minutes == 3.0 and timed.steps == pytest.approx(360, rel=0.02)
    both = estimate.estimate(tiny_config(discs, training__minutes=3.0, training__steps=60), WORK, [run])
    assert both.steps == 60 and both.minutes == pytest.approx(0.5)


def test_validations_are_counted(tmp_path, discs):
    run = timed_run(tmp_path / "ck", discs, "r", 0.5)
    config = tiny_config(discs, training__steps=240, training__validate_every=24)
    with_val = estimate.estimate(config, replace(WORK, validated=100), [run])
    without = estimate.estimate(config, WORK, [run])
    image_s = (0.5 - 4 * estimate.PER_SAMPLE_S) / (4 * 3) + estimate.PER_SAMPLE_S / 2
    assert with_val.minutes - without.minutes == pytest.approx(10 * 100 * image_s / 60, rel=1e-6)


def test_work_reads_sizes_from_the_pictures(discs):
    from seglib.data.dataset import open_dataset

    found = estimate.work(open_dataset(discs), crop_px=16)
    assert found == Work(draws_per_epoch=4 * 9, validated=4, image_px=48 * 48)


def test_predicting_one_image_takes_a_third_of_its_share_of_a_step_and_grows_with_its_pixels(tmp_path, discs):
    run = timed_run(tmp_path / "ck", discs, "timed", 2.0)
    config = run.config()
    crop = config.data.crop_px**2
    small, source, name = estimate.prediction_s(config, crop, [run])
    assert (source, name) == (MEASURED, "timed")
    samples_s = config.training.batch_size * estimate.PER_SAMPLE_S
    forward_s = (2.0 - samples_s) / config.training.batch_size / estimate.TRAINING_COST
    assert small == pytest.approx(forward_s + estimate.PER_SAMPLE_S / 2)
    assert estimate.prediction_s(config, 4 * crop, [run])[0] == pytest.approx(4 * forward_s + estimate.PER_SAMPLE_S / 2)
