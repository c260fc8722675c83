"""Making: finished runs -> a folder with the notebook, the page, and what is handed in.

The author's words are read when the work begins and again before the new file takes the old one's place: what was
written meanwhile is kept as well.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from seglib import __version__
from seglib.exceptions import InputError
from seglib.files import put_in_place
from seglib.places import cache_root
from seglib.report import comments, notebook, page, parcel, places
from seglib.report.kernel import Session
from seglib.report.notebook import Progress
from seglib.report.parts import Asked, Content, parts
from seglib.report.study import TARGET
from seglib.runs import lock
from seglib.runs.store import Run, find_run

TITLE = "Segmenting yeast cells"
MOST_TITLE = 120
SHARE_RUN = 0.92  # of the work; the rest is writing


@dataclass(frozen=True)
class Report:
    """What was made: notebook, html and (if asked for) zip. backup: the old notebook, kept because something of the
    author's stands in another place now. notes: what the person should know."""

    notebook: Path
    html: Path
    zip: Path | None = None
    backup: Path | None = None
    notes: tuple[str, ...] = ()


def build(
    runs: Iterable[Run | str],
    out: str | Path,
    *,
    experiments: Sequence[Any] = (),
    zip: bool = False,
    title: str = "",
    threshold: float = 0.5,
    progress: Progress = lambda fraction, text: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Report:
    """Make (or make again) the report of `runs` in the folder `out`; takes about a second a cell.

    runs: runs, their names or folders; those of `experiments` (or their names) are added. Of what lies in `out` only
    our own files are touched; comments and cells of the author are kept. Raises InputError where there is no run, two
    have one name, or the folder's report.ipynb is not ours; `kernel.Stopped` when should_stop() says so.
    """
    asked, of_experiments = _experiments(experiments)
    chosen = _distinct([*map(_as_run, runs), *of_experiments])
    _check(title, threshold)
    out = Path(out).expanduser().resolve()
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; give a folder for the report.")
    file = out / places.NOTEBOOK
    comments.read(file)  # refused before any work is done
    fresh = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    try:
        with _alone(out):
            content = _content(chosen, asked, out, title, threshold)
            made = _run(content, chosen, file, progress, should_stop)
            return _write(made, out, zip, chosen, progress)
    except BaseException:
        if fresh and not any(out.iterdir()):
            out.rmdir()
        raise


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """One process at a time makes a report in a folder; the lock lies in the cache, not in what is handed in."""
    folder = cache_root() / "reports" / comments.digest(str(out))[:24]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with lock.hold(folder):
            yield
    except lock.Busy:
        raise InputError(f"another report is being made in {out}; wait for it, or choose another folder.") from None


@dataclass(frozen=True)
class _Made:
    book: NotebookNode
    cells: list[NotebookNode]
    old: str
    carried: comments.Carried
    notes: tuple[str, ...]


def _content(runs: Sequence[Run], asked: tuple[Asked, ...], out: Path, title: str, threshold: float) -> Content:
    roots = [run.folder.parent for run in runs]
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    target = asked[0].target if asked else TARGET
    return Content(
        title or TITLE, day, tuple(run.id for run in runs), places.relative_root(out, roots), threshold, target, asked
    )


def _run(
    content: Content, runs: Sequence[Run], file: Path, progress: Progress, should_stop: Callable[[], bool]
) -> _Made:
    cells, before = notebook.written(parts(content)), _stamp(file)
    carried = comments.carry_over(cells, comments.read(file))
    about = {"version": __version__, "runs": list(content.runs), "experiments": [e.id for e in content.experiments]}
    book = notebook.notebook(carried.cells, about)
    session = Session(file.parent, tuple(run.folder for run in runs))
    failed = notebook.run(book, session, lambda f, text: progress(SHARE_RUN * f, text), should_stop)
    return _Made(book, cells, before, carried, tuple(failed))


def _write(made: _Made, out: Path, zip: bool, runs: Sequence[Run], progress: Progress) -> Report:
    file, carried = out / places.NOTEBOOK, made.carried
    if _stamp(file) != made.old:  # the author saved while we worked
        carried = comments.carry_over(made.cells, comments.read(file))
        made.book.cells = carried.cells
    hidden = places.private_folders(runs, out)
    book = notebook.without_places(made.book, lambda text: places.without_places(text, hidden))
    progress(0.95, "the page")
    html = page.render(book, out)
    backup = _backup(file) if carried.unplaced else None
    _put(file, nbformat.writes(book).encode("utf-8") + b"\n")
    _put(out / places.PAGE, html.encode("utf-8"))
    packed = None
    if zip:
        progress(0.98, "the zip")
        packed = out / places.ZIP
        _put(packed, parcel.pack(book, out))
    notes = made.notes
    if backup:
        where = "; ".join(dict.fromkeys(carried.unplaced))
        notes += (f"the old notebook is kept as {backup.name}: {where} could not be put where it stood",)
    progress(1.0, "done")
    return Report(file, out / places.PAGE, packed, backup, notes)


def _put(file: Path, content: bytes) -> None:
    temporary = file.with_name(f".{file.name}.tmp")
    temporary.write_bytes(content)
    put_in_place(temporary, file)


def _backup(file: Path) -> Path:
    """The old file under a name of its own, before the new one takes its place."""
    stem = f"{file.name}.bak-{time.strftime('%Y%m%d-%H%M%S')}"
    target = next(
        p for p in (file.with_name(stem + more) for more in ("", *(f"-{n}" for n in range(2, 999)))) if not p.exists()
    )
    target.write_bytes(file.read_bytes())
    return target


def _stamp(file: Path) -> str:
    return comments.digest(file.read_text(encoding="utf-8")) if file.exists() else ""


# -- what was asked for


def _as_run(run: Run | str) -> Run:
    return run if isinstance(run, Run) else find_run(run)


def _distinct(runs: Iterable[Run]) -> list[Run]:
    chosen = list(dict.fromkeys(runs))
    if not chosen:
        raise InputError("a report needs at least one run; name one, or an experiment that has runs.")
    names = [run.id for run in chosen]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"two runs are called {twice[0]}, in different folders; a report tells runs apart by name.")
    return chosen


def _check(title: str, threshold: float) -> None:
    if len(title) > MOST_TITLE:
        raise InputError(f"the title has {len(title)} characters; at most {MOST_TITLE} are shown.")
    if not 0 < threshold <= 1:
        raise InputError(f"threshold is {threshold}; allowed: above 0, up to 1.")


def _experiments(experiments: Sequence[Any]) -> tuple[tuple[Asked, ...], list[Run]]:
    """What the notebook says of each, and the runs of their trials."""
    asked, runs = [], []
    for one in experiments:
        experiment = _found(one)
        design = experiment.design()
        factors = tuple((f.key, getattr(f, "title", f.key)) for f in design.factors if f.values)
        asked.append(Asked(experiment.id, design.name, design.question, factors, design.target_iou))
        runs += [run for trial in experiment.trials() if (run := experiment.run_of(trial)) is not None]
    return tuple(asked), runs


def _found(experiment: Any) -> Any:
    if not isinstance(experiment, str):
        return experiment
    from seglib.experiments.experiment import find_experiment

    return find_experiment(experiment)
