"""`experiment` on the command line, in this process; what it starts is trained by the real queue."""

import json

import pytest

from seglib.cli import main
from seglib.experiments.experiment import find_experiment
from seglib.runs import identity, process, queue, store

SETTINGS = ["model.depth=1", "model.channels=2", "training.steps=2", "training.validate_every=1", "data.crop_px=32"]
SETTINGS += ["training.device=cpu", "training.batch_size=2"]


@pytest.fixture
def root(tmp_path):
    yield tmp_path / "checkpoints"
    for run in store.list_runs(tmp_path / "checkpoints"):
        process.end(identity.from_record(run.record()), grace_s=0.1)
    process.reap()


@pytest.fixture
def held(root):
    root.mkdir()
    queue.hold(root)
    return root


def told(capsys, *arguments) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(["experiment", *(str(argument) for argument in arguments)])
    out, err = capsys.readouterr()
    return code, out, err


def asked(capsys, root, discs, name, *more):
    return told(capsys, "run", name, "--data", discs, "--checkpoints", root, *more, "--set", *SETTINGS)


def test_a_question_is_asked_waited_for_and_read(capsys, root, discs):
    """The whole way with real trainings: run --wait, status, the same again with a seed that is there already."""
    code, out, err = asked(capsys, root, discs, "losses", "--factor", "loss.name=bce,dice", "--seeds", 0, "--wait")
    assert code == 0, err
    assert out.strip() == str(root / "experiments" / "losses")
    assert "2 trials: 2 done" in err

    code, out, _ = told(capsys, "status", "losses", "--json", "--checkpoints", root)
    found = json.loads(out)
    assert found["standing"]["done"] == found["standing"]["n"] == 2
    assert [t["levels"] for t in found["trials"]] == [{"loss.name": "bce"}, {"loss.name": "dice"}]
    assert all(0 <= t["best_val_iou"] <= 1 for t in found["trials"])

    code, _, err = asked(capsys, root, discs, "again", "--factor", "loss.name=bce,dice", "--seeds", 0, "--wait")
    assert code == 0
    assert "trial 1 is already trained: run losses-01" in err
    assert "0 runs put in the queue; 2 trials: 2 done" in err
    assert len(store.list_runs(root)) == 2
    _, out, _ = told(capsys, "status", "again", "--checkpoints", root)
    assert "already trained as losses-02" in out


def test_ready_made_questions_are_listed_and_asked(capsys, held, discs):
    _, out, _ = told(capsys, "ready")
    assert "which_loss\tWhich loss?" in out
    code, _, err = asked(capsys, held, discs, "loss", "--ready", "which_loss", "--seeds", 1, 2, "--target", 0.8)
    assert find_experiment("loss", held).design().target_iou == 0.8
    assert (code, "6 runs put in the queue" in err) == (0, True)
    _, out, _ = told(capsys, "list", "--checkpoints", held)
    assert out == "loss\tWhich loss?\t6 trials: 6 queued\n"
    _, out, _ = told(capsys, "status", "loss", "--checkpoints", held)
    assert "  1  loss bce, seed 1  -  queued" in out


def test_more_seeds_cancel_and_start_again(capsys, held, discs):
    asked(capsys, held, discs, "norm", "--factor", "model.norm=none,batch", "--seeds", 0)
    _, _, err = told(capsys, "add-seeds", "norm", 0, 5, "--checkpoints", held)
    assert "2 runs put in the queue; 4 trials: 4 queued" in err
    _, out, _ = told(capsys, "cancel", "norm", "--checkpoints", held)
    assert out == "4 trials: 4 stopped\n"
    _, _, err = told(capsys, "start", "norm", "--checkpoints", held)
    assert "4 runs put in the queue" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "x", "--ready", "which_los"], "Did you mean which_loss"),
        (["run", "x", "--factor", "loss.name"], "expected KEY=VALUE,VALUE"),
        (["run", "x", "--factor", "loss.nme=bce,dice"], "Did you mean loss.name"),
        (["run", "x", "--factor", "loss.name=bce,dise"], "Did you mean dice"),
        (["run", "x"], "give either --ready"),
        (["run", "x", "--ready", "which_loss", "--factor", "loss.name=bce,dice"], "give either --ready"),
        (["run", "x", "--ready", "which_loss", "--sampler", "optuna"], "leave --sampler"),
        (["run", "../x", "--ready", "which_loss"], "run name '../x'"),
        (["run", "x", "--factor", "optimizer.lr=1e-4..1e-2"], "for the sampler optuna"),
        (["run", "x", "--factor", "optimizer.lr=1e-4..1e-2:lg"], "LOW..HIGH:log"),
        (["run", "x", "--ready", "which_loss", "--seeds", "1", "1"], "seed 1 is given twice"),
    ],
)
def test_mistakes_end_in_one_line_and_code_2(capsys, held, discs, arguments, message):
    code, out, err = told(capsys, *arguments, "--data", discs, "--checkpoints", held)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
    assert not (held / "experiments").exists()


@pytest.mark.parametrize("word", ["status", "start", "cancel", "answer"])
def test_an_unknown_experiment_names_the_nearest(capsys, held, discs, word):
    asked(capsys, held, discs, "losses", "--factor", "loss.name=bce,dice", "--seeds", 0)
    code, _, err = told(capsys, word, "loses", "--checkpoints", held)
    assert code == 2
    assert "Did you mean losses?" in err


def test_a_search_is_asked_by_a_range(capsys, held, discs, monkeypatch):
    monkeypatch.setenv("SEGLIB_CACHE", str(held.parent / "cache"))
    started = []
    monkeypatch.setattr("seglib.runs.process.spawn", lambda kind, folder: started.append((kind, folder)))
    search = ["--sampler", "optuna", "--trials", 5, "--factor", "optimizer.lr=1e-4..1e-2:log"]
    code, _, err = asked(capsys, held, discs, "rate", *search, "--factor", "recipe=light,strong")
    assert (code, "5 trials: 5 planned" in err) == (0, True)
    assert [kind for kind, _ in started] == ["experiment"]
    design = find_experiment("rate", held).design()
    assert (design.factors[0].low, design.factors[0].high, design.factors[0].log) == (1e-4, 1e-2, True)
    assert (design.n_trials, design.seeds) == (5, (0,))


def test_without_data_nothing_is_asked(capsys, held):
    code, _, err = told(capsys, "run", "x", "--ready", "which_loss", "--checkpoints", held)
    assert code == 2
    assert "no data set" in err
