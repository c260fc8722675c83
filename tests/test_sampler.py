"""A search: what it asks, what it gives up, and that it can be killed at any moment. Tiny, but with real trainings."""

import json
import random
import time
from collections import Counter

import psutil
import pytest
from tiny_run import tiny_config, wait_until

from seglib.exceptions import InputError
from seglib.experiments import conductor as conductors
from seglib.experiments import experiment as experiments
from seglib.experiments import trial as trials_
from seglib.experiments.conductor import Conductor
from seglib.experiments.design import OPTUNA, Design
from seglib.experiments.factor import Factor
from seglib.experiments.sampler import Search
from seglib.runs import bin as bin_
from seglib.runs import events, identity, process, queue, record, worker
from seglib.runs.files import write_json
from seglib.settings import plain

RATE = Factor("optimizer.lr", low=1e-4, high=1e-1, log=True)
NORM = Factor("model.norm", ("none", "batch"))
TOLD = 6  # what Optuna's log calls: a trial's state is set


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Where runs live; the queue is held, so that nothing is trained unless a test does it."""
    monkeypatch.setenv("SEGLIB_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    queue.hold(folder)
    return folder


def search_of(data, root, n_trials=4, factors=(RATE, NORM), seed=0, **settings):
    base = plain(tiny_config(data, **{"training__steps": 4, "training__validate_every": 1, **settings}))
    design = Design("Search", "Which rate?", base, tuple(factors), (seed,), OPTUNA, n_trials)
    return experiments.create(design, "search", root)


def scored(run, *ious, state="finished"):
    """The run as if it had been trained, with these pooled val IoUs."""
    file = events.EventFile(run.folder / "events.jsonl")
    for step, iou in enumerate(ious, 1):
        best = iou == max(ious[:step])
        file.append({"kind": "validation", "step": step, "val": {"pooled_iou": iou}, "best": best})
    file.close()
    record.update(run.folder, state)


def waiting(made):
    """Runs that its trials wait for."""
    return [run for run in made.runs() if run.state().name == "queued"]


def tellings(made):
    """trial -> how often its end was told, by the study's own log."""
    lines = (made.folder / "study.log").read_text(encoding="utf-8").splitlines()
    said = [json.loads(line) for line in lines]
    return Counter(row["trial_id"] for row in said if row["op_code"] == TOLD and row["state"] != 0)


def test_a_search_with_real_trainings_gives_up_what_is_hopeless(discs, root):
    """Four trainings in this process; the conductor looks after every validation, as its job does every second."""
    rates = Factor("optimizer.lr", (3e-2, 1e-7), ("fast", "hardly any"))
    made = search_of(
        discs,
        root,
        factors=(rates, Factor("training.batch_size", (1, 2, 4))),
        training__steps=16,
        training__ema=0.0,
        seed=1,
        model__channels=4,
    )
    conductor = Conductor(made)

    def look(event):
        if event.kind == "validation":
            conductor.round()

    while not conductor.over:
        conductor.round()
        for run in waiting(made):
            record.update(run.folder, "starting")
            worker.run_training(run.folder, look)
    ended = conductor.search.ended()
    outcomes = Counter(outcome for outcome, _, _ in ended.values())
    assert outcomes["pruned"] >= 1
    assert outcomes["complete"] + outcomes["pruned"] == 4
    assert all(ended[t.number][0] == "pruned" for t in made.trials() if t.levels["optimizer.lr"] == 1e-7)
    for trial in made.trials():
        run, (outcome, iou, why) = made.run_of(trial), ended[trial.number]
        if outcome == "pruned":
            assert run.state().name == "stopped"
            assert run.last_step < 16
            assert "given up after validation" in why == trial.pruned
        elif not trial.reused:
            assert iou == run.best_iou()
    standing = made.standing()
    assert (standing.pruned, standing.done, standing.complete) == (outcomes["pruned"], outcomes["complete"], True)


def test_the_same_seed_asks_the_same_whether_or_not_it_was_interrupted(discs, tmp_path, root):
    def asked(folder, restarted):
        folder.mkdir()
        search = Search(folder, made.design())
        rows = []
        for _ in range(8):
            if restarted:
                search = Search(folder, made.design())
            number = search.ask()
            rows.append(search.levels(number))
            search.tell(number, 0.5 + 0.01 * number)
        return rows

    made = search_of(discs, root, n_trials=8)
    through, restarted = asked(tmp_path / "a", False), asked(tmp_path / "b", True)
    assert through == restarted
    assert len({row["optimizer.lr"] for row in through}) == 8
    assert all(1e-4 <= row["optimizer.lr"] <= 1e-1 for row in through)


def test_levels_that_are_mappings_come_back_as_they_were(discs, tmp_path, root):
    recipes = Factor("recipe", ({}, {"flip": {"probability": 0.5}}), ("nothing", "flips"))
    depth = Factor("model.depth", low=1, high=3)
    made = search_of(discs, root, factors=(recipes, depth))
    search = Search(made.folder, made.design())
    for _ in range(4):
        levels = search.levels(search.ask())
        assert levels["recipe"] in recipes.values
        assert levels["model.depth"] in (1, 2, 3)
        assert made.design().config(levels, 0).model.depth == levels["model.depth"]


def test_a_failed_trial_is_told_and_the_search_goes_on(discs, root):
    made = search_of(discs, root)
    conductor = Conductor(made)
    conductor.round()
    [run] = waiting(made)
    record.update(run.folder, "failed", "non-finite loss at step 2")
    for _ in range(3):
        conductor.round()
        for run in waiting(made):
            scored(run, 0.5, 0.6)
    conductor.round()
    assert conductor.over
    assert conductor.search.ended()[1] == ("fail", None, "failed: non-finite loss at step 2")
    assert [outcome for outcome, _, _ in conductor.search.ended().values()] == ["fail"] + ["complete"] * 3
    assert (made.standing().failed, made.standing().done) == (1, 3)


def test_when_nothing_comes_to_its_end_the_search_says_why(discs, root):
    conductor = Conductor(made := search_of(discs, root, n_trials=9))
    with pytest.raises(InputError, match=r"3 trials in a row.*out of memory"):
        for _ in range(9):
            conductor.round()
            for run in waiting(made):
                record.update(run.folder, "failed", "out of memory")
    assert len(made.trials()) == 3


def test_a_run_in_the_bin_is_a_failed_trial(discs, root):
    conductor = Conductor(made := search_of(discs, root))
    conductor.round()
    [run] = waiting(made)
    queue.cancel(run)
    bin_.move_to_bin(run)
    conductor.round()
    assert conductor.search.ended()[1][2] == "run search-01 was put in the bin"


def test_a_config_that_was_trained_already_is_not_trained_again(discs, root):
    factors = (Factor("model.norm", ("none", "batch")),)
    made = search_of(discs, root, factors=factors, training__steps=1)
    conductor = Conductor(made)
    while not conductor.over:
        conductor.round()
        for run in waiting(made):
            record.update(run.folder, "starting")
            worker.run_training(run.folder)
    assert len(made.runs()) == 4
    assert len({run.id for run in made.runs()}) == 2  # two configs, so two trainings for four trials
    assert [t.number for t in made.trials() if t.reused]


def test_a_trial_is_given_up_only_against_others(discs, root):
    """Two trials come to their end; the third is below their lower quartile from the beginning and ends at its third
    validation; the fourth is above and goes on."""
    conductor = Conductor(made := search_of(discs, root))
    for ious in ((0.1, 0.2, 0.3, 0.4), (0.5, 0.6, 0.7, 0.8)):
        conductor.round()
        scored(*waiting(made), *ious)
    conductor.round()
    search, third = conductor.search, 3
    assert search.report(third, [0.2]) == ""
    assert search.report(third, [0.2, 0.2]) == ""
    assert search.report(third, [0.2, 0.2, 0.39]) == (
        "given up after validation 3: its best IoU 0.3900 is below 0.4000, the lower quartile of 2 trials by then"
    )
    assert search.report(third, [0.2, 0.2, 0.39]) != ""  # said twice, counted once
    search.tell_pruned(third, "as said")
    fourth = search.ask()
    assert search.report(fourth, [0.2, 0.2, 0.41]) == ""
    assert search.ended()[third] == ("pruned", 0.39, "as said")


class Killed(BaseException):
    """Stands for SIGKILL between two acts."""


def _killed_at(monkeypatch, owner, name, nth, before):
    original, calls = getattr(owner, name), [0]

    def act(*args, **kwargs):
        calls[0] += 1
        if calls[0] == nth and before:
            raise Killed
        result = original(*args, **kwargs)
        if calls[0] == nth:
            raise Killed
        return result

    monkeypatch.setattr(owner, name, act)


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (Search, "ask"),
        (Search, "levels"),
        (Search, "report"),
        (Search, "tell"),
        (Search, "_draw"),
        (trials_, "write"),
        (conductors, "submit"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_killed_between_any_two_acts_no_trial_is_lost_or_told_twice(discs, root, monkeypatch, owner, name, before):
    made = search_of(discs, root, n_trials=3)
    with monkeypatch.context() as patched:
        _killed_at(patched, owner, name, 2, before)
        with pytest.raises(Killed):
            _carry_through(made)
    ended = _carry_through(made)
    assert [ended[n] for n in (1, 2, 3)] == [("complete", 0.5 + n / 100, "") for n in (1, 2, 3)]
    assert [t.number for t in made.trials()] == [1, 2, 3]
    assert sorted(run.id for run in made.runs()) == ["search-01", "search-02", "search-03"]
    assert set(tellings(made).values()) == {1}
    assert len(tellings(made)) == 3


def _carry_through(made):
    conductor = Conductor(made)
    conductor.take_up()
    for _ in range(10):
        conductor.round()
        for run in waiting(made):
            scored(run, 0.5, 0.5 + int(run.id[-2:]) / 100)
    return conductor.search.ended()


def test_half_a_line_that_a_kill_left_in_the_study_is_taken_away(discs, root):
    made = search_of(discs, root)
    search = Search(made.folder, made.design())
    search.tell(search.ask(), 0.5)
    with (made.folder / "study.log").open("ab") as file:
        file.write(b'{"op_code":5,"trial_')
    search = Search(made.folder, made.design())
    assert search.ask() == 2
    assert Search(made.folder, made.design()).ended()[1][1] == 0.5


def test_a_study_of_something_else_is_told(discs, root):
    made = search_of(discs, root)
    (made.folder / "study.log").write_text("nonsense\nmore\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"study\.log is damaged"):
        Search(made.folder, made.design())


def test_the_conductor_is_a_job_that_can_be_killed_and_goes_on(discs, root):
    """A real process: SIGKILL while its first trial waits; standing says so; started again it goes on with it."""
    made = search_of(discs, root, n_trials=2)
    assert made.standing().problem
    experiments.start(made)
    try:
        assert wait_until(lambda: waiting(made))
        assert made.standing().problem == ""
        assert wait_until(lambda: "0 of 2 trials" in made.conductor().progress().text)
        psutil.Process(identity.from_record(record.read(made.conductor().folder, "job.json")).pid).kill()
        assert wait_until(lambda: made.standing().problem, 10)
        scored(*waiting(made), 0.4, 0.5)  # trainings need no conductor
        experiments.start(made)
        assert wait_until(lambda: waiting(made))
        scored(*waiting(made), 0.6, 0.7)
        assert wait_until(lambda: made.conductor().state().name == "done")
    finally:
        made.conductor().escalate(0.1)
        process.reap()
    assert Search(made.folder, made.design()).ended() == {1: ("complete", 0.5, ""), 2: ("complete", 0.7, "")}
    assert set(tellings(made).values()) == {1}
    assert made.standing().complete
    assert made.standing().problem == ""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_search_through_the_real_queue_with_its_conductor_killed_again_and_again(discs, root):
    """Trainings by the real queue; SIGKILL to the conductor whenever it has asked for the next, a moment later."""
    made = search_of(discs, root, training__steps=12)
    experiments.start(made)
    queue.release(root)
    try:
        for n_asked in range(2, 5):
            assert wait_until(lambda n=n_asked: len(made.trials()) >= n, 240), made.standing()
            time.sleep(random.Random(n_asked).uniform(0, 0.5))
            psutil.Process(identity.from_record(record.read(made.conductor().folder, "job.json")).pid).kill()
            assert wait_until(lambda: not made.standing().conducted, 10)
            experiments.start(made)
        assert wait_until(lambda: made.standing().over, 240), made.standing()
    finally:
        made.conductor().escalate(0.1)
        queue.hold(root)
        for run in made.runs():
            process.end(identity.from_record(run.record()), grace_s=0.1)
        process.reap()
    ended = Search(made.folder, made.design()).ended()
    assert sorted(ended) == [t.number for t in made.trials()] == [1, 2, 3, 4]
    assert {outcome for outcome, _, _ in ended.values()} <= {"complete", "pruned"}
    assert set(tellings(made).values()) == {1}
    for trial in made.trials():
        outcome, iou, _ = ended[trial.number]
        assert outcome == "pruned" or iou == made.run_of(trial).best_iou()


def test_cancel_sends_the_conductor_home_and_start_goes_on_with_what_waited(discs, root):
    made = search_of(discs, root, n_trials=2)
    experiments.start(made)
    try:
        assert wait_until(lambda: waiting(made))
        experiments.cancel(made)
        assert made.conductor().state().name == "cancelled"
        assert queue.read(root).order == ()
        assert "until it is started again" in made.standing().problem
        conductor = Conductor(made)
        conductor.take_up()
        assert [run.id for run in waiting(made)] == ["search-01"]
        assert conductor.search.ended() == {}
    finally:
        made.conductor().escalate(0.1)
        process.reap()


def test_a_search_takes_one_seed_and_a_number_of_trials(discs, root):
    base = plain(tiny_config(discs))
    for told, more in (("one seed", {"seeds": (0, 1), "n_trials": 3}), ("is None; a search needs", {})):
        with pytest.raises(InputError, match=told):
            experiments.create(Design("s", "", base, (RATE,), sampler=OPTUNA, **more), root=root)
    with pytest.raises(InputError, match="search"):
        experiments.add_seeds(search_of(discs, root), [4])


@pytest.mark.parametrize(
    ("factor", "told"),
    [
        (Factor("optimizer.lr", low=1e-9, high=1.0), "allowed: from 1e-07 to 10.0"),
        (Factor("optimizer.lr", low=1.0, high=0.1), "high must be the larger"),
        (Factor("optimizer.weight_decay", low=0.0, high=0.1, log=True), "above 0"),
        (Factor("model.norm", low=0, high=1), "is no number"),
        (Factor("model.depth", low=1.5, high=3), "whole number"),
    ],
)
def test_a_range_is_held_to_the_settings_own_limits(discs, root, factor, told):
    with pytest.raises(InputError, match=told):
        experiments.create(Design("s", "", plain(tiny_config(discs)), (factor,), (0,), OPTUNA, 3), root=root)


def test_a_damaged_list_of_trials_of_a_search_is_told(discs, root):
    made = search_of(discs, root)
    write_json(made.folder / "trials.json", {"trials": 3})
    with pytest.raises(InputError, match=r"trials\.json is damaged"):
        made.trials()
