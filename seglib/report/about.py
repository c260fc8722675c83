"""What a report is about: its runs, and the machines and versions they were made with."""

from __future__ import annotations

from typing import Any

from seglib.report.shown import Table, ratio
from seglib.report.study import Study
from seglib.runs.store import Run

_MADE = (
    ("seglib", lambda e: e.get("seglib")),
    ("git revision", lambda e: (e.get("git_revision") or "")[:10]),
    ("Python", lambda e: e.get("python")),
    ("system", lambda e: e.get("platform")),
    ("processors", lambda e: e.get("processors")),
    ("device", lambda e: e.get("device")),
    ("precision", lambda e: e.get("precision")),
    ("threads", lambda e: e.get("threads")),
)


def runs_in_short(study: Study) -> Table:
    """One row a run: set-up, seed, data set, state, when, how long, best val IoU."""
    columns = ("Run", "Set-up", "Seed", "Data", "State", "Began", "Minutes", "Steps", "Parameters", "Val best")
    rows = tuple(_row(study, run) for run in study.runs)
    notes = (
        "Began: day in UTC. Minutes: of training and validation. Val best: the best IoU, pooled (the pixels of all val "
        "images counted as one).",
        *(f"{run.name}: {state.name}, {state.reason}." for run in study.runs if (state := _told(run))),
    )
    return Table(columns, rows, "The runs.", notes, frozenset(("Seed", "Minutes", "Steps", "Parameters", "Val best")))


def _row(study: Study, run: Run) -> tuple[str, ...]:
    past, setup = study.history(run), study.setup_of(run)
    planned = f" of {past.planned_steps}" if past.planned_steps and past.planned_steps != past.step else ""
    return (
        run.name,
        setup.label,
        str(run.settings().get("training", {}).get("seed", 0)),
        study.material_of(run).name,
        run.state().name,
        past.began or "–",
        f"{past.elapsed_s / 60:.1f}",
        f"{past.step}{planned}",
        f"{past.n_parameters:,}" if past.n_parameters else "–",
        ratio(past.best.pooled if past.best else None),
    )


def _told(run: Run) -> Any:
    """The state of a run that did not simply come to its end."""
    state = run.state()
    return state if state.name != "finished" and state.reason else None


def made_with(study: Study) -> Table:
    """Versions and machine: what is the same in all runs once, what is not with the runs it belongs to."""
    about = {run.name: run.environment() for run in study.runs}
    lines = [(name, {run: _text(take(e)) for run, e in about.items()}) for name, take in _MADE]
    packages = dict.fromkeys(name for e in about.values() for name in e.get("packages", {}))
    lines += [(p, {run: _text(e.get("packages", {}).get(p)) for run, e in about.items()}) for p in packages]
    rows = tuple((name, _together(values)) for name, values in lines if any(values.values()))
    return Table(("What", "Version or value"), rows, "What the runs were made with, as each wrote it down.")


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _together(values: dict[str, str]) -> str:
    runs: dict[str, list[str]] = {}
    for run, value in values.items():
        runs.setdefault(value or "not known", []).append(run)
    if len(runs) == 1:
        return next(iter(runs))
    return "; ".join(f"{value} ({', '.join(names)})" for value, names in runs.items())
