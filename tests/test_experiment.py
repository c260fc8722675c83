import json
from dataclasses import replace
from multiprocessing import get_context

import pytest
from conftest import make_disc_data
from tiny_run import tiny_config

from seglib.exceptions import InputError
from seglib.experiments import answers
from seglib.experiments import experiment as experiments
from seglib.experiments.design import Design
from seglib.experiments.factor import Factor
from seglib.experiments.trained import compared
from seglib.runs import bin as bin_
from seglib.runs import launcher, queue, record, worker
from seglib.runs.files import read_json, write_json
from seglib.settings import plain

LOSSES = Factor("loss.name", ("bce", "dice"))
NORMS = Factor("model.norm", ("none", "batch"))


@pytest.fixture
def root(tmp_path):
    """Where runs live; the queue is held, so that nothing is trained unless a test does it."""
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    queue.hold(folder)
    return folder


def design(data, factors=(LOSSES,), seeds=(0,), **more):
    settings = {key: more.pop(key) for key in list(more) if "__" in key}
    base = plain(tiny_config(data, training__steps=2, **settings))
    return Design("Which loss?", "Which loss?", base, tuple(factors), tuple(seeds), **more)


def trained(run):
    """The run, trained in this process as the queue would have it trained."""
    record.update(run.folder, "starting")
    assert worker.run_training(run.folder).name == "finished"
    return run


def test_a_grid_is_asked_seed_by_seed(discs, root):
    made = experiments.create(design(discs, (LOSSES, NORMS), (3, 5)), root=root)
    assert made.id == "which-loss"
    trials = made.trials()
    assert [t.seed for t in trials] == [3] * 4 + [5] * 4  # whoever ends it after the fourth has every level once
    assert [t.run_id for t in trials][:2] == ["which-loss-01", "which-loss-02"]
    combinations = {(t.levels["loss.name"], t.levels["model.norm"]) for t in trials[:4]}
    assert combinations == {(loss, norm) for loss in ("bce", "dice") for norm in ("none", "batch")}
    assert made.standing().planned == made.standing().n == 8


def test_every_trial_is_an_ordinary_waiting_run(discs, root):
    made = experiments.create(design(discs, seeds=(0, 1)), "losses", root)
    runs = experiments.start(made)
    assert [run.id for run in runs] == list(queue.read(root).order) == [f"losses-{n:02d}" for n in (1, 2, 3, 4)]
    assert [run.name for run in runs] == [f"loss {loss}, seed {seed}" for seed in (0, 1) for loss in ("bce", "dice")]
    assert "experiment losses" in runs[0].note
    config = runs[3].config()
    assert (config.loss.name, config.training.seed, config.training.steps) == ("dice", 1, 2)
    assert made.standing().queued == 4
    assert experiments.start(made) == []  # nothing is put in twice


def test_what_is_in_the_file_is_the_design_again(discs, root):
    recipes = Factor("recipe", ({}, {"flip": {"probability": 0.5}}, "strong"), ("nothing", "flips", "strong"))
    asked = design(discs, (recipes, Factor("model.depth", (1, 2))), (0, 7), target_iou=0.8)
    made = experiments.create(asked, root=root)
    again = made.design()
    assert again == replace(asked, base=again.base)
    assert [t.levels["recipe"] for t in made.trials()][::2][:3] == list(recipes.values)
    assert again.config({"recipe": recipes.values[1], "model.depth": 2}, 7).recipe.flip.probability == 0.5
    assert again.config({"recipe": "strong", "model.depth": 2}, 7).recipe.elastic.probability == 0.8


@pytest.mark.parametrize(
    ("factor", "told"),
    [
        (Factor("loss.nme", ("bce", "dice")), "Did you mean loss.name"),
        (Factor("norm", ("none", "batch")), "Did you mean model.norm"),
        (Factor("model", ("none", "batch")), "no setting"),
        (Factor("loss.name", ("bce", "dise")), "Did you mean dice"),
        (Factor("model.name", ("UNet", "UNett")), "Did you mean UNet"),
        (Factor("recipe", ("light", "strng")), "Did you mean strong"),
        (Factor("recipe", ({}, {"flp": {"probability": 1}})), "Did you mean flip"),
        (Factor("model.depth", (2, 99)), "depth is 99"),
        (Factor("model.norm", ("none",)), "one value"),
        (Factor("model.norm", ("none", "none")), "two values called 'none'"),
        (Factor("model.norm", ()), "no values"),
        (Factor("optimizer.lr", low=1e-4, high=1e-2), "for the sampler optuna"),
        (Factor("training.seed", (0, 1)), "give seeds as seeds"),
        (Factor("data.fold", (0, 1)), "same val images"),
    ],
)
def test_what_does_not_exist_is_refused_naming_the_nearest_and_nothing_is_written(discs, root, factor, told):
    with pytest.raises(InputError, match=told):
        experiments.create(design(discs, (factor,)), "refused", root)
    assert not (root / "experiments").exists()


def test_a_combination_that_cannot_be_is_refused_with_its_levels(discs, root):
    with pytest.raises(InputError, match=r"kernel size 4.*must be odd"):
        experiments.create(design(discs, (Factor("model.kernel_size", (3, 4)), LOSSES)), "odd", root)
    assert experiments.list_experiments(root) == []


def test_without_val_images_there_is_nothing_to_compare_by(tmp_path, root):
    data = make_disc_data(tmp_path / "only-train", n_val=0)
    with pytest.raises(InputError, match="val side"):
        experiments.create(design(data), root=root)


@pytest.mark.parametrize("name", ["../elsewhere", "a/b", "", ".hidden", "con", "x" * 95])
def test_names_are_never_paths(discs, root, name):
    with pytest.raises(InputError):
        experiments.create(design(discs), name, root)
    with pytest.raises(InputError):
        experiments.find_experiment(name, root)


def test_a_taken_name_is_refused_and_a_made_up_one_counts_on(discs, root):
    experiments.create(design(discs), root=root)
    with pytest.raises(InputError, match="exists"):
        experiments.create(design(discs), "which-loss", root)
    assert experiments.create(design(discs), root=root).id == "which-loss-2"
    with pytest.raises(InputError, match="Did you mean which-loss"):
        experiments.find_experiment("which-los", root)


def test_a_name_whose_runs_exist_is_refused(discs, root):
    launcher.create(tiny_config(discs), "mine-01", root)
    with pytest.raises(InputError, match="'mine-01' exists"):
        experiments.create(design(discs), "mine", root)


def _create(barrier, data, root, results):
    barrier.wait()
    try:
        experiments.create(design(data, seeds=(0, 1)), "race", root)
        results.put("made")
    except InputError as error:
        results.put(str(error))


def test_of_processes_that_create_the_same_name_one_has_it(discs, root):
    context = get_context("fork")
    barrier, results = context.Barrier(4), context.Queue()
    racers = [context.Process(target=_create, args=(barrier, discs, root, results)) for _ in range(4)]
    for racer in racers:
        racer.start()
    told = [results.get(timeout=30) for _ in racers]
    for racer in racers:
        racer.join()
    assert told.count("made") == 1
    assert sum("exists" in text for text in told) == 3
    assert [p.name for p in (root / "experiments").iterdir()] == ["race"]  # nobody left a half one
    assert len(experiments.find_experiment("race", root).trials()) == 4


def test_what_was_trained_already_is_not_trained_again(discs, root):
    first = experiments.create(design(discs), "first", root)
    for run in experiments.start(first):
        queue.cancel(run)
        trained(run)
    assert first.standing().done == 2

    second = experiments.create(design(discs, (LOSSES, NORMS)), "second", root)
    runs = experiments.start(second)
    assert len(runs) == 2  # batch is what the base has, so that the other two are there
    reused = {t.levels["loss.name"]: t.run_id for t in second.trials() if t.reused}
    assert reused == {"bce": "first-01", "dice": "first-02"}
    assert second.standing().done == 2
    assert all(t.levels["model.norm"] == "batch" for t in second.trials() if t.reused)


def test_another_seed_budget_or_picture_is_another_run(discs, root):
    first = experiments.create(design(discs), "first", root)
    for run in experiments.start(first):
        queue.cancel(run)
        trained(run)
    for name, asked in (
        ("seed", design(discs, seeds=(9,))),
        ("lr", design(discs, optimizer__lr=2e-3)),
        ("steps", replace(design(discs), base=plain(tiny_config(discs, training__steps=3)))),
    ):
        assert len(experiments.start(experiments.create(asked, name, root))) == 2
    picture = next((discs / "images").glob("*.png"))
    picture.write_bytes(sorted((discs / "images").glob("*.png"))[1].read_bytes())
    assert len(experiments.start(experiments.create(design(discs), "picture", root))) == 2


def test_more_seeds_train_only_the_new_ones(discs, root):
    made = experiments.create(design(discs), "losses", root)
    experiments.start(made)
    runs = experiments.add_seeds(made, [0, 4])
    assert [run.id for run in runs] == ["losses-03", "losses-04"]
    assert made.design().seeds == (0, 4)
    assert [t.seed for t in made.trials()] == [0, 0, 4, 4]
    with pytest.raises(InputError, match="seed is -1"):
        experiments.add_seeds(made, [-1])


def test_seeds_are_not_added_to_what_was_trained_on_other_pictures(discs, root):
    made = experiments.create(design(discs), "losses", root)
    for run in experiments.start(made):
        queue.cancel(run)
    trained(made.runs()[0])
    first, second = sorted((discs / "images").glob("*.png"))[:2]
    before = first.read_bytes()
    first.write_bytes(second.read_bytes())
    with pytest.raises(InputError, match=rf"has changed since run losses-01.*{first.name}"):
        experiments.add_seeds(made, [4])
    assert len(made.runs()) == 2
    first.write_bytes(before)
    assert "losses-03" in [run.id for run in experiments.start(made)]


def test_a_run_in_the_bin_is_missed_and_made_anew(discs, root):
    made = experiments.create(design(discs), "losses", root)
    first, _ = experiments.start(made)
    queue.cancel(first)
    bin_.move_to_bin(first)
    assert (made.standing().missing, made.standing().queued) == (1, 1)
    assert [run.id for run in experiments.start(made)] == ["losses-01"]
    assert made.standing().queued == 2


def test_cancel_takes_what_waits_out_and_start_puts_it_back(discs, root):
    made = experiments.create(design(discs, seeds=(0, 1)), "losses", root)
    runs = experiments.start(made)
    queue.cancel(runs[0])
    trained(runs[0])
    experiments.cancel(made)
    assert queue.read(root).order == ()
    standing = made.standing()
    assert (standing.done, standing.stopped, standing.over, standing.complete) == (1, 3, True, False)
    assert len(experiments.start(made)) == 3
    assert made.standing().queued == 3
    assert queue.read(root).order == tuple(run.id for run in runs[1:])  # in their order, and none of them in the bin
    assert bin_.binned(root) == []


def test_a_failed_trial_is_made_anew_only_when_asked(discs, root):
    made = experiments.create(design(discs), "losses", root)
    run, _ = experiments.start(made)
    queue.cancel(run)
    record.update(run.folder, "failed", "non-finite loss")
    assert made.standing().failed == 1
    assert experiments.start(made) == []
    assert [r.id for r in experiments.start(made, again=True)] == ["losses-01"]


def test_a_strangers_run_in_a_trials_place_is_left_alone(discs, root):
    made = experiments.create(design(discs), "losses", root)
    stranger = launcher.create(tiny_config(discs, training__seed=77), "losses-02", root)
    with pytest.raises(InputError, match="not of experiment losses"):
        experiments.start(made)
    assert stranger.config().training.seed == 77
    assert queue.read(root).order == ()


def test_half_a_run_that_a_kill_left_does_not_stand_in_the_way(discs, root):
    made = experiments.create(design(discs), "losses", root)
    (root / "losses-02").mkdir()
    record.update(root / "losses-02", "starting")  # killed before it had a config
    assert [run.id for run in experiments.start(made)] == ["losses-01", "losses-02"]
    assert made.standing().queued == 2


def test_one_factor_at_a_time_goes_round_the_base(discs, root):
    factors = (Factor("model.depth", (1, 2)), Factor("model.activation", ("elu", "gelu")))
    made = experiments.create(design(discs, factors, sampler="one_at_a_time"), "around", root)
    assert made.design().factor("model.activation").values == ("relu", "elu", "gelu")  # the base's own is a level too
    levels = [(t.levels["model.depth"], t.levels["model.activation"]) for t in made.trials()]
    assert levels == [(1, "relu"), (2, "relu"), (1, "elu"), (1, "gelu")]
    asked = made.design()
    assert [asked.told(t.levels) for t in made.trials()] == ["base", "depth 2", "activation elu", "activation gelu"]


def test_of_one_factor_at_a_time_a_level_is_judged_with_all_else_as_in_the_base(discs, root):
    factors = (Factor("model.depth", (1, 2)), Factor("model.activation", ("relu", "elu")))
    made = experiments.create(design(discs, factors, sampler="one_at_a_time"), "around", root)
    depth, activation = answers.answer(made)
    assert {level.label: level.runs for level in depth.levels} == {"1": ("around-01",), "2": ("around-02",)}
    assert {level.label: level.runs for level in activation.levels} == {"relu": ("around-01",), "elu": ("around-03",)}
    assert not any("Averaged" in note for note in (*depth.notes, *activation.notes))


def test_a_budget_as_factor_replaces_the_budget(discs, root):
    asked = design(discs, (Factor("training.epochs", (1, 2)),))
    config = asked.config({"training.epochs": 2}, 0)
    assert (config.training.epochs, config.training.steps, config.training.minutes) == (2, None, None)


def test_the_configs_of_two_spellings_of_a_folder_are_one(discs, monkeypatch):
    monkeypatch.chdir(discs.parent)
    a, b = tiny_config(discs), tiny_config(discs.parent / "." / "nowhere" / ".." / discs.name)
    assert compared(a) == compared(b)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"name": 1}', '{"name": "x", "base": {}, "factors": 3, "seeds": [0]}']
)
def test_a_damaged_design_is_told_and_the_others_go_on(discs, root, text):
    good = experiments.create(design(discs), "good", root)
    bad = experiments.create(design(discs, seeds=(1,)), "bad", root)
    (bad.folder / "experiment.json").write_text(text, encoding="utf-8")
    assert {e.id for e in experiments.list_experiments(root)} == {"good", "bad"}
    assert good.standing().n == 2
    for look in (bad.design, bad.trials, bad.standing):
        with pytest.raises(InputError, match=r"experiment\.json"):
            look()
    assert experiments.move_to_bin(bad).exists()
    assert [e.id for e in experiments.list_experiments(root)] == ["good"]


def test_trials_that_cannot_be_read_are_those_of_the_design(discs, root):
    made = experiments.create(design(discs), "losses", root)
    experiments.start(made)
    (made.folder / "trials.json").write_text('{"trials": [{"number": 1, "run_id": "../../etc"}]}', encoding="utf-8")
    assert [t.run_id for t in made.trials()] == ["losses-01", "losses-02"]
    assert made.standing().queued == 2
    content = read_json(made.folder / "experiment.json")
    write_json(made.folder / "trials.json", {"trials": [{**_row(), "run_id": "../x"}]})
    assert [t.run_id for t in made.trials()] == ["losses-01", "losses-02"]  # a name that is a path is no name
    assert content["seeds"] == [0]


def _row():
    return {"number": 1, "levels": {"loss.name": "bce"}, "seed": 0}


def test_deleting_leaves_the_runs(discs, root):
    made = experiments.create(design(discs), "losses", root)
    runs = experiments.start(made)
    with pytest.raises(InputError, match="cancel it first"):
        experiments.move_to_bin(made)
    experiments.cancel(made)
    kept = experiments.move_to_bin(made)
    assert json.loads((kept / "experiment.json").read_text(encoding="utf-8"))["name"] == "Which loss?"
    assert all((run.folder / "config.json").exists() for run in runs)
    assert experiments.list_experiments(root) == []
