"""Answers of an experiment: pairs, levels, and sentences that claim no more than the interval allows."""

from dataclasses import replace

import numpy as np
import pytest
from tiny_run import finished_run

from seglib.experiments import statistics
from seglib.experiments.answers import Setup, compare, factor_answer
from seglib.experiments.outcome import Outcome, outcome
from seglib.experiments.wording import claim

N = 60
MOVIE = tuple(f"m_t{i:03d}.png" for i in range(N))


def left(iou: float, noise: int = 4, groups: tuple[str, ...] = ("m",) * N, seed: int = 0) -> Outcome:
    rng = np.random.default_rng(seed)
    tp = np.round(1000 * iou + rng.integers(-noise, noise + 1, N)).astype(int)
    return Outcome(MOVIE, groups, tp, np.full(N, 1000), iou, iou, iou, 3.0)


def setup(loss: str, seed: int, outcome: Outcome | None, **others: str) -> Setup:
    return Setup({"loss.name": loss, **others}, seed, f"{loss}-{seed}", outcome)


@pytest.fixture(autouse=True)
def few_draws(monkeypatch):
    monkeypatch.setattr(statistics, "DRAWS", 500)


def answered(*setups: Setup):
    levels = list(dict.fromkeys(s.levels["loss.name"] for s in setups))
    return factor_answer("loss.name", "loss", levels, setups)


def test_ahead_is_said_with_interval_scope_and_seeds():
    found = answered(
        *(setup(loss, seed, left(iou, seed=seed)) for loss, iou in (("bce", 0.90), ("dice", 0.91)) for seed in (0, 1))
    )
    assert [level.label for level in found.levels] == ["bce", "dice"]
    assert found.levels[1].mean == pytest.approx(0.91, abs=0.001)
    (sentence,) = found.sentences
    assert sentence.startswith("dice is ahead of bce by 1.0 points, 95 % interval ")
    assert sentence.endswith(", within this one movie, 2 seeds.")
    assert any("blocks of" in note for note in found.notes)


def test_whoever_is_ahead_is_named_first():
    d = answered(setup("bce", 0, left(0.95)), setup("dice", 0, left(0.90))).differences[0]
    assert (d.a, d.b, round(d.points)) == ("dice", "bce", -5)
    assert claim(d).startswith("bce is ahead of dice by 5.0 points, 95 % interval 5.0 to 5.0")
    assert "1 seed: another seed may turn it" in claim(d)


def test_an_interval_across_zero_claims_nothing():
    found = answered(setup("bce", 0, left(0.900, noise=80, seed=0)), setup("dice", 0, left(0.901, noise=80, seed=1)))
    d = found.differences[0]
    assert d.low < 0 < d.high
    assert "cannot be told apart" in found.sentences[0]
    assert "ahead" not in found.sentences[0]


def test_an_interval_that_shows_as_zero_claims_nothing():
    d = answered(setup("bce", 0, left(0.9, 0)), setup("dice", 0, left(0.91, 0))).differences[0]
    assert "is ahead" in claim(replace(d, low=0.06))
    assert "cannot be told apart" in claim(replace(d, low=0.04))


def test_seeds_that_disagree_forbid_the_claim():
    runs = [
        setup("bce", 0, left(0.90)),
        setup("bce", 1, left(0.92)),
        setup("dice", 0, left(0.95)),
        setup("dice", 1, left(0.91)),
    ]
    sentence = answered(*runs).sentences[0]
    assert "dice is not shown to be ahead of bce: +2.0 points" in sentence
    assert "its seeds disagree (+5.0, −1.0)" in sentence


def test_from_five_seeds_on_their_interval_counts_too():
    def runs(shifts):
        for seed, shift in enumerate(shifts):
            yield setup("bce", seed, left(0.90, 0))
            yield setup("dice", seed, left(0.90 + shift, 0))

    d = answered(*runs([0.01, 0.02, 0.01, 0.02, 0.01])).differences[0]
    assert 0.5 < d.seed_low < d.seed_high < 2.5
    assert "5 seeds, over seeds 0.7 to 2.1" in claim(d)
    wild = answered(*runs([0.001, 0.09, 0.001, 0.001, 0.001])).differences[0]
    assert wild.seed_low < 0
    assert "is ahead" not in claim(wild)
    four = answered(*runs([0.01, 0.02, 0.01, 0.02])).differences[0]
    assert four.seed_low is None


def test_only_runs_that_agree_in_all_else_are_paired():
    runs = [
        setup("bce", 0, left(0.80, 0), norm="none"),
        setup("bce", 0, left(0.90, 0), norm="batch"),
        setup("dice", 0, left(0.82, 0), norm="none"),
        setup("dice", 1, left(0.10, 0), norm="none"),  # no bce of seed 1
        setup("dice", 0, None, norm="batch"),  # not yet
    ]
    found = answered(*runs)
    assert found.differences[0].n_pairs == 1
    assert found.differences[0].points == pytest.approx(2.0)
    assert any("Averaged over norm" in note for note in found.notes)


def test_no_pair_no_difference_and_missing_runs_stay_visible():
    found = answered(setup("bce", 0, left(0.9)), setup("dice", 0, None))
    assert found.differences == found.sentences == ()
    assert found.levels[1].points == ((0, "dice-0", None),)
    assert found.levels[1].mean is None


def test_other_val_images_are_not_compared():
    other = replace(left(0.9), names=tuple(f"x{i}" for i in range(N)))
    found = answered(setup("bce", 0, left(0.8)), setup("dice", 0, other))
    assert found.differences == ()
    assert any("different val images" in note for note in found.notes)
    assert compare("loss.name", ("a", []), ("b", [])) is None


def test_five_groups_speak_of_groups():
    groups = tuple(f"g{i % 6}" for i in range(N))
    found = answered(setup("bce", 0, left(0.90, groups=groups)), setup("dice", 0, left(0.92, groups=groups)))
    assert "over 6 groups" in found.sentences[0]


def test_more_than_three_levels_are_each_compared_with_the_first():
    found = answered(
        *(setup(name, 0, left(0.9, seed=i)) for i, name in enumerate(("none", "batch", "instance", "group")))
    )
    assert [(d.a, d.b) for d in found.differences] == [("batch", "none"), ("instance", "none"), ("group", "none")]
    assert any("3 comparisons" in note for note in found.notes)


def test_the_outcome_of_a_real_run_is_what_its_tables_hold(tmp_path):
    run = finished_run(tmp_path)
    found = outcome(run)
    assert found.best_val == pytest.approx(run.best_iou())
    assert found.last_val == pytest.approx(run.progress().last_iou)
    trained = [e["train"]["pooled_iou"] for e in run.events()[0] if e["kind"] == "finished"]
    assert found.best_train == pytest.approx(trained[-1])
    assert len(found.names) == len(set(found.names)) == len(found.tp)


def test_a_run_without_validation_has_no_outcome(tmp_path):
    run = finished_run(tmp_path)
    for table in run.folder.glob("validation/*/images.parquet"):
        table.unlink()
    assert outcome(run) is None


def test_seeds_far_apart_are_said_where_the_interval_hides_them():
    """Two seeds that agree in sign alone: one network did not train at all."""
    runs = [
        setup("none", 0, left(0.0005, 0)),
        setup("none", 1, left(0.92, 0)),
        setup("group", 0, left(0.93, 0)),
        setup("group", 1, left(0.925, 0)),
    ]
    (sentence,) = answered(*runs).sentences
    assert sentence == (
        "group is ahead of none with both seeds, by 93.0 and 0.5 points: how far depends on the seed. "
        "Of their mean, 46.8, the 95 % interval is 46.8 to 46.8, within this one movie."
    )


def test_notes_say_which_interval_was_made_how():
    found = answered(*(setup(name, 0, left(0.9, seed=i)) for i, name in enumerate(("bce", "dice", "focal"))))
    assert sum("dice − bce" in note for note in found.notes) == 1
