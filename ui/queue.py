"""The queue as a card: what runs now, what waits, when each begins, and what can be done about it.

It draws itself again every few seconds while something runs or waits; the rest of the page follows when a run comes
or goes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

from seglib.data.dataset import Dataset, open_dataset
from seglib.exceptions import InputError
from seglib.runs import estimate, forecast
from seglib.runs import queue as runs_queue
from seglib.runs.order import MOST_AT_ONCE
from seglib.runs.store import Run, checkpoints_root, list_runs, located
from seglib.training.config import Config
from ui import navigation, progress, run_actions
from ui.literal import literal

REFRESH_S = 3.0
EMPTY = "Nothing waits. Start as many trainings as you like: they run one after another."
_ERROR, _UNDO, _AT_ONCE = "queue_error", "queue_undo", "queue_at_once"
_SCROLL_FROM, _SCROLL_PX = 6, 420  # waiting runs; more than these scroll within the card


def draw(root: Path | None = None) -> None:
    """The whole card."""
    root = root or checkpoints_root()
    news = _news(root)
    st.fragment(run_every=REFRESH_S if any(news) else None, key="queue_card")(_draw)(root, news)


def _news(root: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What the rest of the page shows too: who runs, who waits."""
    return tuple(run.id for run in runs_queue.running(root)), runs_queue.read(root).order


def _draw(root: Path, before: tuple[tuple[str, ...], tuple[str, ...]]) -> None:
    runs_queue.advance(root, patience_s=0)
    if _news(root) != before:
        st.rerun(scope="app")
    now, live = runs_queue.read(root), runs_queue.running(root)
    waiting = [Run(root / name) for name in now.order]
    with st.container(border=True, key="queue"):
        _head(root, now, bool(live or waiting))
        _say(root, now)
        for run in live:
            _running(run)
        if waiting:
            with st.container(height=_SCROLL_PX if len(waiting) > _SCROLL_FROM else "content", border=False, gap=None):
                _waiting(waiting, live, now)


def _head(root: Path, now: runs_queue.Queue, busy: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.header("Queue", anchor=False, width="stretch")
        if not busy and not now.held:
            return
        st.session_state[_AT_ONCE] = now.at_once
        st.markdown("at once")
        st.number_input(
            "At once",
            min_value=1,
            max_value=MOST_AT_ONCE,
            step=1,
            key=_AT_ONCE,
            on_change=_set_at_once,
            args=(root,),
            label_visibility="collapsed",
            width=110,
            help="How many train at the same time. On one processor or GPU they share it: more at once end no sooner.",
        )
        if now.held:
            label, icon, action, help = "Go on", ":material/play_arrow:", runs_queue.release, "Start what waits again."
        else:
            label, icon, action = "Hold", ":material/pause:", runs_queue.hold
            help = "Start nothing more; what runs goes on."
        st.button(label, icon=icon, key="queue_hold", on_click=_do, args=(action, root), help=help)


def _say(root: Path, now: runs_queue.Queue) -> None:
    """What there is to tell: nothing waits, on hold, a damaged file, a refusal, an undo."""
    if not now.order:
        st.caption(EMPTY)
    if now.held:
        st.caption(":material/pause: On hold: nothing that waits is started until you press **Go on**.")
    if now.problem:
        st.warning(literal(now.problem), icon=":material/build:")
    if message := st.session_state.pop(_ERROR, None):
        st.error(literal(message), icon=":material/error:")
    if _UNDO in st.session_state:
        run_id, name, place = st.session_state[_UNDO]
        with st.container(horizontal=True, vertical_alignment="center", key="queue_undo_line"):
            st.markdown(f"**{literal(name)}** is out of the queue.", width="stretch")
            arguments = (root / run_id, place)
            st.button("Undo", icon=":material/undo:", key="queue_undo_button", on_click=_put_back, args=arguments)


def _running(run: Run) -> None:
    standing = progress.of_run(run)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        progress.badge(standing.state)
        st.markdown(f"**{literal(run.name)}**", width="stretch")
        watch = {"key": f"queue_watch_{run.id}", "on_click": run_actions.watch, "args": (run,)}
        if st.button("Watch", icon=":material/show_chart:", type="tertiary", **watch):
            navigation.go("train")  # a press redraws this card alone
    st.progress(standing.fraction or 0.0, text=progress.line(standing))
    if standing.reason:
        st.caption(literal(standing.reason))


# -- those that wait


def _waiting(waiting: list[Run], live: list[Run], now: runs_queue.Queue) -> None:
    lengths = [_left_s(str(run.folder), _stamp(run)) for run in waiting]
    running_left = [_running_left_s(run) for run in live]
    begins = [None] * len(waiting) if now.held else forecast.starts_s(running_left, lengths, now.at_once)
    for place, (run, begin, length) in enumerate(zip(waiting, begins, lengths)):
        _row(run, place, len(waiting), _when(begin, length))


def _running_left_s(run: Run) -> float | None:
    """As it says itself; until it does, as it was expected."""
    said = progress.of_run(run).seconds_left
    return _left_s(str(run.folder), _stamp(run)) if said is None else said


def _when(begin_s: float | None, length_s: float | None) -> str:
    """`in about 12 min, for 6 min`."""
    begin = "" if begin_s is None else "now" if begin_s < 1 else f"in about {progress.duration(begin_s)}"
    length = "for an unknown time" if length_s is None else f"for {progress.duration(length_s)}"
    return ", ".join(filter(None, [begin, length]))


def _row(run: Run, place: int, n: int, when: str) -> None:
    settings = run.settings()
    about = " · ".join(str(settings.get(part, {}).get("name", "?")).replace("_", " ") for part in ("model", "loss"))
    resumed = " · goes on" if run.last_step else ""
    name = literal(run.name if len(run.name) <= 60 else f"{run.name[:40]}…{run.name[-18:]}")
    told = f"{literal(about)} · {literal(run.data_path().name)}{resumed} · {when}"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{place + 1}. {name}**  \n:small[{told}]", width="stretch")
        with st.container(horizontal=True, width="content", gap="small"):
            _button(run, "First", place == 0, runs_queue.first, run)
            _button(run, "Up", place == 0, runs_queue.move, run, place - 1)
            _button(run, "Down", place == n - 1, runs_queue.move, run, place + 1)
            _button(run, "Take out", False, _take_out, run, place)


def _button(run: Run, label: str, disabled: bool, action: Callable[..., Any], *arguments: Any) -> None:
    """In words: an icon alone has no name for who does not see it."""
    key = f"queue_{label.split()[0].lower()}_{run.id}"
    wanted = {"on_click": _do, "args": (action, *arguments), "disabled": disabled}
    st.button(label, key=key, type="tertiary", **wanted)


def _do(action: Callable[..., Any], *arguments: Any) -> None:
    """Callback of a button: one call, its refusal shown on the next draw."""
    st.session_state.pop(_UNDO, None)
    try:
        action(*arguments)
    except InputError as error:
        st.session_state[_ERROR] = str(error)


def _take_out(run: Run, place: int) -> None:
    runs_queue.cancel(run)
    st.session_state[_UNDO] = (run.id, run.name, place)


def _put_back(folder: Path, place: int) -> None:
    _do(runs_queue.put_back, Run(folder), place)


def _set_at_once(root: Path) -> None:
    _do(runs_queue.set_at_once, st.session_state[_AT_ONCE], root)


# -- how long they take


def _stamp(run: Run) -> tuple[int, int]:
    """Changes when the run's settings or its place in time do."""
    try:
        return (run.folder / "config.json").stat().st_mtime_ns, run.last_step
    except OSError:  # to the bin, this very moment
        return 0, 0


@st.cache_data(max_entries=512, ttl=600, show_spinner=False)
def _left_s(folder: str, stamp: tuple[int, int]) -> float | None:
    run = Run(folder)
    return forecast.left_s(run, _work, list_runs(run.folder.parent))


def _work(config: Config) -> estimate.Work:
    data = config.data
    return _measured(_opened(data.path, data.grouping, data.split, data.fold), data.crop_px)


def _opened(path: str, grouping: str | None, split: str | None, fold: int | None) -> Dataset:
    return open_dataset(located(path), grouping=grouping, split=split, fold=fold)


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs={Dataset: lambda d: (str(d.path), d.records)})
def _measured(data: Dataset, crop_px: int) -> estimate.Work:
    return estimate.work(data, crop_px)
