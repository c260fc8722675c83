"""What verdicts come to: which change each makes, what is counted, and that hard negatives reach the trainer."""

from dataclasses import replace

import numpy as np

from seglib.data.dataset import open_dataset
from seglib.data.rle import encode
from seglib.data.version import make_version
from seglib.errors.corrections import change_of, changes, not_used, plan, sentence
from seglib.errors.review import Verdict
from seglib.training.config import resolve
from seglib.training.draws import Draws


def verdict(image, kind, said, row=10, col=20, size=4, why=""):
    rle = encode(np.ones((size, size), bool))
    return Verdict(image, kind, row, col, size, size, size * size, rle, said, "ada", "2026-11-25T10:00:00Z", why)


def test_each_verdict_and_what_it_does():
    table = {
        ("label_wrong", "fp"): "fill",
        ("label_wrong", "fn"): "erase",
        ("ignore", "fp"): "ignore",
        ("ignore", "fn"): "ignore",
        ("hard_negative", "fp"): "weight",
        ("hard_negative", "fn"): "weight",
    }
    for (said, kind), action in table.items():
        change = change_of(verdict("images/d0.png", kind, said, why="a bud"))
        assert (change.action, change.verdict, change.who, change.why) == (action, said, "ada", "a bud")
        assert (change.row, change.col, change.height, change.width) == (10, 20, 4, 4)
        assert change.weight == (1.0 if action == "weight" else 0.0)
    for said in ("model_error", "unsure", None):
        assert change_of(verdict("images/d0.png", "fp", said)) is None


def test_a_change_has_the_same_name_every_time_and_others_have_another():
    one = verdict("images/d0.png", "fp", "label_wrong")
    again = verdict("images/d0.png", "fp", "label_wrong", why="written later")
    assert len(changes([one, again])) == 1
    others = [verdict("images/d1.png", "fp", "label_wrong"), verdict("images/d0.png", "fp", "label_wrong", row=11)]
    assert len({change.id for change in changes([one, *others])}) == 3


def test_the_plan_counts_and_says_what_is_not_used(discs):
    said = [
        verdict("images/d0.png", "fp", "label_wrong"),
        verdict("images/d0.png", "fn", "label_wrong"),
        verdict("images/d1.png", "fp", "ignore"),
        verdict("images/d2.png", "fp", "hard_negative"),
        verdict("images/d2.png", "fp", "hard_negative", row=30),
        verdict("images/d4.png", "fp", "hard_negative"),  # val
        verdict("images/d3.png", "fp", "unsure"),
        verdict("images/gone.png", "fp", "ignore"),
        replace(verdict("images/d3.png", "fp", "ignore"), rle="1 2 x"),
    ]
    found = plan(open_dataset(discs), said)
    counts = found.counts()
    assert counts == {
        "verdicts": 9,
        "masks": 1,
        "filled": 1,
        "erased": 1,
        "ignored": 1,
        "weighted": 1,
        "hard_negatives": 2,
        "not_used": 1,
    }
    assert sentence(counts) == "9 verdicts: 1 mask corrected, 1 area ignored, 1 image drawn more often"
    assert not_used(counts).startswith("1 hard negative lies on images that are not train: counted, not used.")
    assert found.weights == {"images/d2.png": (1, 3)}
    reasons = [reason for _, reason in found.left_out]
    assert reasons[1] == "the image is not in the data set any more" and reasons[2].startswith(
        "run-length code '1 2 x'"
    )
    fewer = plan(open_dataset(discs), said, without=[found.changes[0].id])
    assert fewer.counts()["filled"] == 0 and len(fewer.changes) == len(found.changes) - 1


def test_nothing_to_do_is_said():
    counts = dict.fromkeys(("verdicts", "masks", "ignored", "weighted"), 0)
    assert sentence(counts) == "0 verdicts: nothing to change in the data set"
    assert not_used({"not_used": 0}) == ""


def test_hard_negatives_reach_the_trainer_and_val_images_never_do(discs, tmp_path):
    said = [verdict(f"images/d{i}.png", "fp", "hard_negative", row=r) for i, r in ((1, 4), (2, 4), (2, 30), (5, 4))]
    data = open_dataset(discs)
    make_version(data, tmp_path / "v2", changes(said))
    version = open_dataset(tmp_path / "v2")
    assert version.indices("val") == data.indices("val") == [4, 5]
    config = {"data.path": str(tmp_path / "v2"), "data.crop_px": 16, "recipe": "none"}
    draws = Draws(version, resolve(settings=config))
    drawn = np.concatenate([draws.order(epoch) for epoch in range(400)])
    shares = np.bincount(drawn, minlength=6) / len(drawn)
    expected = np.array([1, 2, 3, 1, 0, 0]) / 7  # weights 1, 2, 3, 1; val never
    deviation = np.sqrt(expected * (1 - expected) / len(drawn))
    assert (np.abs(shares - expected) <= 5 * deviation).all() and len(drawn) > 10_000
