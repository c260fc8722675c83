"""Looks: which tables of wrong regions are held against each other, and what they are called."""

import pandas as pd
import pytest
from made_up_runs import made_up_run, write_validations

from seglib.errors.regions import COLUMNS
from seglib.exceptions import InputError
from seglib.runs import looks, validation


def with_regions(run, steps):
    """Validations at `steps`; one wrong region at each, as large as its step."""
    write_validations(run, dict.fromkeys(steps, 0.9), n_images=2)
    for step in steps:
        row = dict.fromkeys(COLUMNS, 1) | {"class": "other", "kind": "fp", "rle": f"0 {step}", "n_pixels": step}
        table = pd.DataFrame([{"image": "m_t000.png", **row}])
        table.to_parquet(validation.folder_of(run, step) / "regions.parquet")
    return run


def test_checkpoints_of_a_run_up_to_the_one_in_view(tmp_path):
    run = with_regions(made_up_run(tmp_path, "a", tmp_path), [10, 20, 30])
    found = looks.of_run(run, 20)
    assert [(look.name, look.step, look.kind, look.run_id) for look in found] == [
        ("step 10", 10, "checkpoint", "a"),
        ("step 20", 20, "checkpoint", "a"),
    ]
    assert found[1].regions.n_pixels.tolist() == [20]
    assert found[1].images == {"m_t000.png", "m_t001.png"}  # also the one where nothing is wrong
    assert (found[1].counts.tp, found[1].counts.fp) == (1800, 200)
    (validation.folder_of(run, 10) / "regions.parquet").unlink()
    assert [look.step for look in looks.of_run(run, "last")] == [20, 30]
    assert [look.step for look in looks.of_run(run, "best")] == [20]


@pytest.mark.parametrize("most", [1, 2, 3, 20, 50])
def test_of_many_checkpoints_first_and_last_and_some_between(tmp_path, most):
    steps = list(range(1, 51))
    run = with_regions(made_up_run(tmp_path, "a", tmp_path, val=(0.5,) * 50, train=(0.5,) * 50, n_steps=50), steps)
    found = [look.step for look in looks.of_run(run, 50, most)]
    assert len(found) == most == len(set(found)) and found == sorted(found)
    assert found[-1] == 50 and (most == 1 or found[0] == 1)


def test_a_run_without_a_validation_is_refused_alone_and_left_out_among_others(tmp_path):
    bare = made_up_run(tmp_path, "bare", tmp_path)
    full = with_regions(made_up_run(tmp_path, "full", tmp_path), [10, 20])
    with pytest.raises(InputError, match="no validation yet"):
        looks.of_run(bare)
    assert [look.name for look in looks.of_runs([bare, full])] == ["full"]


def test_seeds_are_runs_that_differ_in_nothing_else(tmp_path):
    runs = [made_up_run(tmp_path, f"s{i}", tmp_path, training__seed=i) for i in (0, 1)]
    assert looks.names(runs) == {"s0": "seed 0", "s1": "seed 1"}
    other = made_up_run(tmp_path, "wide", tmp_path, training__seed=1, model__channels=4)
    assert [[run.id for run in group] for group in looks.seeds([*runs, other])] == [["s0", "s1"], ["wide"]]
    assert looks.names([*runs, other]) == {"s0": "s0 · seed 0", "s1": "s1 · seed 1", "wide": "wide"}


def test_names_are_different_though_the_runs_are_called_the_same(tmp_path):
    runs = [made_up_run(tmp_path, name, tmp_path) for name in ("a", "b")]  # one seed: a repetition
    for run in runs:
        run.rename("mine")
    assert looks.names(runs) == {"a": "mine (a)", "b": "mine (b)"}
