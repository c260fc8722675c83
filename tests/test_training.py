"""The training loop: events, determinism, exact resume, the golden curve, and what ends a run."""

import json
import subprocess
import sys

import cv2
import numpy as np
import pandas as pd
import psutil
import pytest
import torch
from tiny_run import wait_until

from seglib.training import strip
from seglib.training.checkpoint import load_weights
from seglib.training.config import Config, resolve
from seglib.training.events import Finished, Memory, Note, Planned, Started, Step, Validation
from seglib.training.integrity import BEST
from seglib.training.loop import TrainingFailed, train
from seglib.training.memory import MemoryWatch

TINY = {
    "recipe": "strong",
    "data.crop_px": 32,
    "model.depth": 1,
    "model.channels": 4,
    "model.dropout": 0.2,
    "training.steps": 8,
    "training.validate_every": 4,
    "training.batch_size": 2,
    "training.device": "cpu",
    "training.ema": 0.9,
}


def config(data, **settings) -> Config:
    return resolve("quick", settings={**TINY, "data.path": str(data), **settings})


def run(folder, config, **options) -> list:
    folder.mkdir(exist_ok=True)
    return list(train(config, folder, **options))


def losses(events) -> list[float]:
    return [event.loss for event in events if isinstance(event, Step)]


def weights(folder) -> dict[str, torch.Tensor]:
    return torch.load(folder / "last.pt", weights_only=True)["model"]


def assert_same_weights(one, other):
    assert one.keys() == other.keys()
    for name in one:
        assert torch.equal(one[name], other[name]), name


@pytest.fixture(autouse=True)
def one_torch_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_events_and_files(discs, tmp_path):
    events = run(tmp_path / "run", config(discs))
    assert isinstance(events[0], Started)
    assert (events[0].planned_steps, events[0].n_train, events[0].n_val) == (8, 4, 2)
    validations = [event for event in events if isinstance(event, Validation)]
    assert [event.step for event in validations] == [4, 8]
    assert validations[0].val.n_images == validations[0].train.n_images == 2
    assert isinstance(events[-1], Finished)
    assert (events[-1].reason, events[-1].step, events[-1].train.n_images) == ("steps", 8, 4)
    names = {file.relative_to(tmp_path / "run").as_posix() for file in (tmp_path / "run").rglob("*")}
    assert {"last.pt", "last.previous.pt", "best.safetensors", "last.pt.sha256"} <= names
    assert {"validation/000004/images.parquet", "validation/last/1.png", "validation/best/train.parquet"} <= names
    assert not list((tmp_path / "run").rglob("*.tmp"))


def test_every_validation_leaves_a_strip(discs, tmp_path):
    run(tmp_path / "run", config(discs))
    for step in (4, 8):
        folder = tmp_path / "run" / "validation" / f"{step:06d}"
        listed = json.loads((folder / "strip" / "images.json").read_text(encoding="utf-8"))
        rows = pd.read_parquet(folder / "images.parquet")
        assert [(f["number"], f["image"]) for f in listed] == list(enumerate(rows["image"]))
    for frame in listed:  # small as they are, these are the probabilities themselves
        stored = tmp_path / "run" / "validation" / "last" / f"{frame['number']}.png"
        np.testing.assert_array_equal(
            cv2.imread(str(folder / "strip" / frame["file"]), cv2.IMREAD_UNCHANGED),
            cv2.imread(str(stored), cv2.IMREAD_UNCHANGED),
        )


def test_a_strip_is_six_pictures_from_first_to_last_of_256_px():
    assert strip.chosen(0) == []
    assert strip.chosen(2) == [0, 1]
    assert strip.chosen(11) == [0, 2, 4, 6, 8, 10]
    assert strip.shrunk(np.full((1024, 512), 200, np.uint8)).shape == (256, 128)
    assert strip.shrunk(np.full((40, 30), 200, np.uint8)).shape == (40, 30)
    halves = np.tile(np.array([0, 255], np.uint8), (512, 256))
    assert np.unique(strip.shrunk(halves)).tolist() == [128]  # the mean, not every second pixel


def test_memory_is_told_at_once_and_then_every_few_seconds(discs, tmp_path):
    told = [event for event in run(tmp_path / "run", config(discs)) if isinstance(event, Memory)]
    assert [event.step for event in told] == [1]
    assert told[0].process_bytes > 50 * 2**20  # torch alone
    assert told[0].device_bytes is None
    watch = MemoryWatch("cpu")
    watch.look(1)
    assert not watch.due()
    helper = subprocess.Popen([sys.executable, "-c", "x = bytearray(b'x' * 2**27); input()"], stdin=subprocess.PIPE)
    try:
        alone = psutil.Process().memory_info().rss
        assert wait_until(lambda: watch.look(1).process_bytes > alone + 2**27)  # a helper counts
    finally:
        helper.communicate(b"\n")


def test_same_seed_same_run_and_another_seed_another(discs, tmp_path):
    first, second = (run(tmp_path / name, config(discs)) for name in "ab")
    assert losses(first) == losses(second)
    assert_same_weights(weights(tmp_path / "a"), weights(tmp_path / "b"))
    third = run(tmp_path / "c", config(discs, **{"training.seed": 1}))
    assert losses(first) != losses(third)


def test_two_workers_see_the_same_samples(discs, tmp_path):
    alone = run(tmp_path / "a", config(discs, **{"training.steps": 3}))
    helped = run(tmp_path / "b", config(discs, **{"training.steps": 3, "training.workers": 2}))
    assert losses(alone) == losses(helped)


def test_resume_is_exact(discs, tmp_path):
    whole = run(tmp_path / "whole", config(discs))
    parts = []
    (tmp_path / "parts").mkdir()
    for event in train(config(discs), tmp_path / "parts", should_stop=lambda: len(losses(parts)) == 5):
        parts.append(event)
    assert (parts[-1].reason, parts[-1].step) == ("stopped", 5)
    rest = run(tmp_path / "parts", config(discs), resume=True)
    assert losses(parts) + losses(rest) == losses(whole)
    assert_same_weights(weights(tmp_path / "whole"), weights(tmp_path / "parts"))
    best = [load_weights(tmp_path / name / BEST)[0] for name in ("whole", "parts")]
    assert_same_weights(*best)


def test_resume_falls_back_to_the_checkpoint_before_a_damaged_one(discs, tmp_path):
    whole = run(tmp_path / "run", config(discs))
    damaged = tmp_path / "run" / "last.pt"
    damaged.write_bytes(damaged.read_bytes()[:-7] + b"garbage")
    events = run(tmp_path / "run", config(discs), resume=True)
    assert isinstance(events[0], Note)
    assert "damaged" in events[0].text
    assert losses(events) == losses(whole)[events[1].step :]


def test_a_non_finite_loss_takes_no_step_and_writes_nothing(discs, tmp_path):
    wild = {"optimizer.name": "sgd", "optimizer.lr": 10.0, "optimizer.schedule": "constant", "model.norm": "none"}
    wild |= {"optimizer.clip_norm": None, "training.steps": 400, "training.validate_every": 400, "training.ema": 0.0}
    stream = train(config(discs, **wild, **{"loss.name": "bce"}), tmp_path)
    taken = 0
    with pytest.raises(TrainingFailed, match="not finite"):
        for event in stream:
            taken += isinstance(event, Step)
    assert taken < 400
    assert not list(tmp_path.glob("last*"))
    assert not list(tmp_path.glob("best*"))


def test_without_val_images_the_last_state_is_the_best(discs, tmp_path):
    csv = discs / "dataset.csv"
    csv.write_text(csv.read_text(encoding="utf-8").replace(",val", ","), encoding="utf-8")
    events = run(tmp_path / "run", config(discs))
    validations = [event for event in events if isinstance(event, Validation)]
    assert all(event.val is None and event.best for event in validations)
    assert load_weights(tmp_path / "run" / BEST)[1]["step"] == 8


def test_patience_ends_a_run(discs, tmp_path):
    settings = {"optimizer.lr": 1e-7, "training.patience": 2, "training.validate_every": 1, "training.steps": 50}
    events = run(tmp_path / "run", config(discs, **settings, **{"training.ema": 0.0, "model.norm": "none"}))
    assert events[-1].reason == "patience"
    assert events[-1].step < 50


def test_a_time_budget_plans_its_steps_once_and_keeps_to_it(discs, tmp_path):
    events = run(tmp_path / "run", config(discs, **{"training.steps": None, "training.minutes": 0.05}))
    plan = next(event for event in events if isinstance(event, Planned))
    assert events[-1].reason in ("steps", "deadline")
    assert plan.planned_steps >= 25
    assert events[-1].elapsed_s < 3 * 2  # 3 s asked for; the machine may be busy


def test_one_batch_can_be_learnt_by_heart(discs, tmp_path):
    settings = {"recipe": "none", "model.dropout": 0.0, "training.ema": 0.0, "training.steps": 60,
                "training.validate_every": 60, "optimizer.lr": 0.02, "data.crop_px": 48}  # fmt: skip
    csv = discs / "dataset.csv"
    csv.write_text("\n".join(csv.read_text(encoding="utf-8").splitlines()[:3]) + "\n", encoding="utf-8")
    events = run(tmp_path / "run", config(discs, **settings))
    assert events[-1].train.pooled_iou > 0.97
    assert losses(events)[-1] < losses(events)[0] / 4


def test_every_loss_trains(discs, tmp_path):
    from seglib.training.config import LOSS_NAMES

    for name in LOSS_NAMES:
        quiet = {"training.steps": 12, "training.validate_every": 12, "recipe": "none", "optimizer.lr": 0.01}
        found = losses(run(tmp_path / name, config(discs, **quiet, **{"loss.name": name})))
        assert np.isfinite(found).all()
        assert np.mean(found[-4:]) < np.mean(found[:4]), name


# Float32, one thread, 20 steps of a plain net on discs with the recipe `gentle`. A change that should not alter
# numbers leaves this curve as it is; one that should records it anew and says so.
GOLDEN = """
0.5546 0.559133 0.552575 0.58017 0.529557 0.530378 0.525414 0.533099 0.510578 0.498755
0.525333 0.508972 0.474488 0.507877 0.488774 0.46517 0.488558 0.477014 0.485532 0.453747
"""


def test_golden_curve(discs, tmp_path):
    settings = {"recipe": "gentle", "model.dropout": 0.0, "training.steps": 20, "training.validate_every": 20}
    settings |= {"training.precision": "float32", "model.norm": "none", "optimizer.lr": 1e-3}
    found = losses(run(tmp_path / "run", config(discs, **settings)))
    np.testing.assert_allclose(found, [float(loss) for loss in GOLDEN.split()], atol=1e-4)
