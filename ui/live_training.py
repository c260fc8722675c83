"""One training, live or ended: state, progress, what can be done, curves, predictions. Only reads the run's files.

The parts of the view lie in ui/live/, one noun each; here they are put together and drawn again while it trains.
"""

from __future__ import annotations

import streamlit as st

from seglib.data.dataset import Dataset
from seglib.runs import curves, record
from seglib.runs.store import Run
from ui import progress
from ui.live import ending, figures, film, head, lines, log
from ui.live.figures import has_no_validation

__all__ = ["draw", "has_no_validation"]

REFRESH_S, LOOK_S = 1.5, 5.0


def draw(run: Run, data: Dataset | None) -> None:
    """The whole view; while the trainer lives it draws itself again and again, and nothing else on the page."""
    news = _news(run)
    moves = news[0] in ("queued", *record.LIVE)
    st.fragment(run_every=REFRESH_S if moves else None, key=f"live_{run.id}")(_draw)(run, data, news)
    if not moves:
        st.fragment(run_every=LOOK_S, key=f"look_{run.id}")(_look)(run, news)


def _news(run: Run) -> tuple[str, int | None]:
    """What the rest of the page shows too: the list of runs, the sidebar."""
    return run.state().name, run.progress().last_validation_step


def _look(run: Run, before: tuple[str, int | None]) -> None:
    """A run that has ended may be resumed elsewhere: on the command line, in another tab. Two small files a look."""
    if _news(run) != before:
        st.rerun(scope="app")


def _draw(run: Run, data: Dataset | None, before: tuple[str, int | None]) -> None:
    if _news(run) != before:
        st.rerun(scope="app")
    standing = head.timed(run, progress.of_run(run))
    ending.announce(run, standing)
    with st.container(border=True):
        head.draw(run, standing)
        figures.draw(run)
    now = curves.of(run)
    lines.draw(run, now, standing.live)
    film.draw(run, data, standing.live)
    log.draw(run, now)
