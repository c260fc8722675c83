"""Who may vote on what: never a model on an image it trained on, and every set of weights once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_up_runs import made_up_run
from planted_labels import plant
from voting_runs import draw_cells, voting_run

from seglib.data.dataset import Record, open_dataset, write_csv
from seglib.exceptions import InputError
from seglib.images import write_png
from seglib.runs import jobs, more_votes, suspects, votes, worker
from seglib.runs.store import Run

NAMES = [f"images/m{number}.png" for number in range(4)]


@pytest.fixture
def data(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("SEGLIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SEGLIB_CHECKPOINTS", str(tmp_path / "checkpoints"))
    folder, rng = tmp_path / "data", np.random.default_rng(0)
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for name in NAMES:
        labels = draw_cells(rng)
        write_png(folder / name, (60 + 80 * (labels > 0)).astype(np.uint8))
        write_png(folder / name.replace("images", "masks"), labels.astype(np.uint16))
    sides = ("train", "train", "val", "val")
    write_csv(
        folder, [Record(n, n.replace("images", "masks"), f"g{i}", sides[i], fold=i // 2) for i, n in enumerate(NAMES)]
    )
    return folder


def test_a_run_votes_on_its_val_images_alone(data):
    run = voting_run(data, "a", [2, 3], [0, 1])
    assert [(vote.image, vote.number) for vote in votes.of_run(run)] == [(NAMES[2], 0), (NAMES[3], 1)]
    assert votes.of_run(run)[0].q().shape == (128, 128)


def test_an_image_it_trained_on_is_never_voted_on(data):
    """A split that changed between start and resume: the image is in the val table and among those trained on."""
    noted = voting_run(data, "noted", [2, 3], [0, 1, 3])
    assert [vote.image for vote in votes.of_run(noted)] == [NAMES[2]]
    sampled = voting_run(data, "sampled", [2, 3], [0, 1])
    pd.DataFrame({"image": [NAMES[2]]}).to_parquet(sampled.folder / "validation" / "000020" / "train.parquet")
    assert [vote.image for vote in votes.of_run(sampled)] == [NAMES[3]]
    (sampled.folder / "validation" / "000020" / "train.parquet").write_bytes(b"no parquet")
    with pytest.raises(InputError, match="nobody can say what the run trained on"):
        votes.of_run(sampled)


def test_an_image_without_probabilities_is_not_voted_on(data):
    run = voting_run(data, "a", [2, 3], [0, 1])
    (run.folder / "validation" / "best" / "0.png").unlink()
    assert [vote.image for vote in votes.of_run(run)] == [NAMES[3]]
    assert votes.of_run(made_up_run(data.parent / "checkpoints", "none", data)) == []


def test_copies_beginners_and_live_runs_are_not_asked(data):
    runs = [voting_run(data, name, [2, 3], [0, 1]) for name in ("a", "b", "copy")]
    for run in runs:
        (run.folder / "best.safetensors.sha256").write_text(f"{run.id if run.id != 'copy' else 'a'}  best\n")
    poor = voting_run(data, "poor", [2, 3], [0, 1], val=(0.1, 0.2, 0.3))
    assert [run.id for run in votes.able([*runs, poor])] == ["a", "b"]


def test_folds_cover_every_image_and_seeds_only_val(data):
    seeds = [voting_run(data, f"s{n}", [2, 3], [0, 1]) for n in range(2)]
    assert votes.covered(votes.of_runs(seeds), NAMES) == NAMES[2:]
    folds = [voting_run(data, f"f{n}", [0, 1], [2, 3]) for n in range(2)]
    assert votes.covered(votes.of_runs(seeds + folds), NAMES) == NAMES


# ---- the job


def plant_in(data: Path) -> list:
    """A removed and an added cell in the label of each val image; [(image, what, pixels)]."""
    dataset = open_dataset(data)
    labels, planted = plant([dataset.sample(i).labels for i in (2, 3)], 1, ("removed", "removed", "added"))
    for i, image in zip((2, 3), labels):
        write_png(data / NAMES[i].replace("images", "masks"), image.astype(np.uint16))
    return planted


def done(inputs: dict) -> jobs.Job:
    job = jobs.find("suggestions", inputs)
    job.folder.mkdir(parents=True)
    jobs._prepare(job, "suggestions", inputs)
    state = worker.run_job("suggestions", job.folder)
    assert state.name == "done", state.reason
    return job


def test_the_job_finds_what_was_planted_and_says_who_voted(data):
    runs = [voting_run(data, f"s{n}", [2, 3], [0, 1]) for n in range(2)]
    planted = plant_in(data)
    job = done(suspects.inputs_of(runs, open_dataset(data), None, None, "1"))
    table = pd.read_parquet(job.result / suspects.TABLE)
    assert set(table.image) <= set(NAMES[2:]) and table["rank"].tolist() == list(range(1, len(table) + 1))
    for one in planted:
        kind = "fn" if one.what == "added" else "fp"
        row, col = np.argwhere(one.pixels).mean(0)
        near = table[(table.image == NAMES[2 + one.image]) & (table.kind == kind)]
        hit = near[
            (near.row <= row) & (row < near.row + near.height) & (near.col <= col) & (col < near.col + near.width)
        ]
        assert hit["rank"].min() <= len(planted) and hit.extent.iloc[0] == "whole"
    notes = json.loads((job.result / suspects.NOTES).read_text())
    assert notes["n_images"] == 2 and notes["votes"] == {name: ["s0", "s1"] for name in NAMES[2:]}


def test_an_image_that_has_changed_its_size_is_left_out_and_said(data):
    runs = [voting_run(data, f"s{n}", [2, 3], [0, 1]) for n in range(2)]
    write_png(runs[0].folder / "validation" / "best" / "0.png", np.zeros((5, 5), np.uint8))
    job = done(suspects.inputs_of(runs, open_dataset(data), None, None, "1"))
    assert "5" in suspects.left_out(job.result)[NAMES[2]] and NAMES[3] not in suspects.left_out(job.result)


def test_one_model_is_not_enough_and_a_cancel_ends_it(data, tmp_path):
    runs = [voting_run(data, f"s{n}", [2, 3], [0, 1]) for n in range(2)]
    inputs = suspects.inputs_of(runs[:1], open_dataset(data), None, None, "1")
    with pytest.raises(InputError, match="no image on which two"):
        suspects.suggestions(inputs, tmp_path, lambda *_: None, lambda: False)
    inputs = suspects.inputs_of(runs, open_dataset(data), None, None, "1")
    with pytest.raises(suspects.Cancelled):
        suspects.suggestions(inputs, tmp_path, lambda *_: None, lambda: True)
    assert not (tmp_path / suspects.TABLE).exists()


def test_a_new_checkpoint_or_mask_is_a_new_job(data):
    runs = [voting_run(data, f"s{n}", [2, 3], [0, 1]) for n in range(2)]
    dataset = open_dataset(data)
    first = jobs.find("suggestions", suspects.inputs_of(runs, dataset, None, None, "1"))
    (runs[0].folder / "best.safetensors.sha256").write_text("other weights")
    assert jobs.find("suggestions", suspects.inputs_of(runs, dataset, None, None, "1")) != first
    assert jobs.find("suggestions", suspects.inputs_of(runs[::-1], dataset, None, None, "1")) != first
    assert jobs.find("suggestions", suspects.inputs_of(runs, dataset, None, None, "2")) != first


# ---- more votes


def test_the_trainings_that_are_missing(data):
    run = voting_run(data, "a", [2, 3], [0, 1])
    config = run.config()
    assert more_votes.folds_of(open_dataset(data).records) == [0, 1]
    have = [more_votes.FoldRun(run, 0, 0)]
    wanted = more_votes.missing_folds(config, [0, 1], have)
    assert [(c.data.fold, c.training.seed) for c, _, _ in wanted] == [(1, 0), (0, 1), (1, 1)]
    assert all(c.model == config.model and c.recipe == config.recipe for c, _, _ in wanted)
    assert more_votes.missing_folds(config, [0], [*have, more_votes.FoldRun(run, 0, 5)]) == []


def test_runs_of_folds_are_known_and_failed_ones_do_not_count(data):
    root = data.parent / "checkpoints"
    made_up_run(root, "f1", data, data__fold=1, training__seed=3)
    made_up_run(root, "f0", data, data__fold=0, state="failed")
    plain = made_up_run(root, "plain", data)
    runs = [Run(root / name) for name in ("f1", "f0", "plain")]
    assert [(one.fold, one.seed) for one in more_votes.fold_runs(runs)] == [(1, 3)]
    config, _, name = more_votes.another_seed(plain.config(), runs)
    assert config.data.fold is None and config.training.seed == 1 and name == "seed 1"
    shutil.rmtree(root)
