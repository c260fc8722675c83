"""One training, live or ended: state, progress, what can be done, curves, predictions. Only reads the run's files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any

import streamlit as st

from seglib.data.dataset import Dataset
from seglib.data.splits import NOT_INDEPENDENT
from seglib.exceptions import InputError
from seglib.runs import launcher, validation
from seglib.runs.events import without_replays
from seglib.runs.store import Run
from ui import charts, navigation, opened, progress, routes, state
from ui.components.gallery import gallery
from ui.errors import scene
from ui.glossary import explain
from ui.literal import literal

REFRESH_S = 1.5
FORCE_AFTER_S = 20.0  # a step and a checkpoint may take a while; then the person may insist
SHOWN = 6


class EventLog:
    """All events of one run, each read once; many sessions may share it."""

    def __init__(self, run: Run) -> None:
        self.run, self.offset, self.events, self.lock = run, 0, [], Lock()

    def update(self) -> list[dict[str, Any]]:
        with self.lock:
            new, offset = self.run.events(self.offset)
            if offset < self.offset:  # the file was replaced: it was read from its start
                self.events = []
            self.offset = offset
            self.events = self.events + new
            if any(event.get("kind") == "started" and event.get("step") for event in new):
                self.events = without_replays(self.events)
            return self.events


@st.cache_resource(max_entries=32, show_spinner=False)
def _log(folder: str, born_ns: int) -> EventLog:
    return EventLog(Run(folder))


def events_of(run: Run) -> list[dict[str, Any]]:
    config = run.folder / "config.json"  # a name used again after the bin is another run
    return _log(str(run.folder), config.stat().st_mtime_ns if config.exists() else 0).update()


def draw(run: Run, data: Dataset | None) -> None:
    """The whole view; while the trainer lives it draws itself again and again, and nothing else on the page."""
    live = run.state().live
    st.fragment(run_every=REFRESH_S if live else None, key=f"live_{run.id}")(_draw)(run, data, _news(run))


def _news(run: Run) -> tuple[str, int | None]:
    """What the rest of the page shows too: the list of runs, the sidebar."""
    return run.state().name, run.progress().last_validation_step


def _draw(run: Run, data: Dataset | None, before: tuple[str, int | None]) -> None:
    if _news(run) != before:
        st.rerun(scope="app")
    standing = _timed(run, progress.of_run(run))
    with st.container(border=True):
        _head(run, standing)
        _figures(run, standing)
    events = events_of(run)
    _curves(run, events, standing)
    _strip(run, data, standing)
    _folded(run, events)


# -- the head: where it stands and what can be done


def _head(run: Run, standing: progress.Standing) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.header(run.name, anchor=False, width="content")
        progress.badge(standing.state)
        st.space("stretch")
        if standing.live:
            _stop_buttons(run, standing)
        else:
            _after(run, standing)
    if standing.live:
        st.progress(standing.fraction or 0.0, text=_line(standing))
    if standing.state in ("failed", "interrupted"):
        st.error(literal(standing.reason) or "It ended without saying why; see the log below.", icon=":material/error:")
    elif standing.reason and not standing.live:
        st.caption(standing.reason[:1].upper() + standing.reason[1:])
    if message := st.session_state.pop("train_run_error", None):
        st.error(literal(message), icon=":material/error:")


def _timed(run: Run, standing: progress.Standing) -> progress.Standing:
    """Until the number of steps is fixed, the share of the minutes that is over."""
    minutes = limits_of(run).get("minutes")
    if standing.fraction is not None or not minutes:
        return standing
    elapsed_s = run.progress().elapsed_s
    fraction = min(1.0, elapsed_s / (minutes * 60))
    return replace(standing, fraction=fraction, seconds_left=max(0.0, minutes * 60 - elapsed_s))


def _line(standing: progress.Standing) -> str:
    if standing.state == "starting":
        return "Starting: loading torch and the images …"
    if standing.state == "stopping":
        return "Stopping: finishing the step, saving …"
    if standing.seconds_left == 0:
        return f"{standing.text} · last validation, saving …"
    return progress.line(standing)


def _stop_buttons(run: Run, standing: progress.Standing) -> None:
    asked_s = launcher.asked_to_stop_s(run) if standing.state == "stopping" else None
    if asked_s is not None and asked_s > FORCE_AFTER_S:
        st.button(
            "End by force",
            icon=":material/dangerous:",
            key="train_force",
            on_click=_do,
            args=(launcher.escalate, run),
            help="It has not answered. Ends the process; the last checkpoint is untouched.",
        )
    else:
        st.button(
            "Stop",
            icon=":material/stop:",
            key="train_stop",
            on_click=_do,
            args=(launcher.stop, run),
            disabled=standing.state == "stopping",
            help="Finishes the step, saves, ends. It can be resumed.",
        )


def _after(run: Run, standing: progress.Standing) -> None:
    if run.has_checkpoint("last"):
        _resume(run, standing)
    if run.progress().best_step is not None:
        navigation.link("errors", "See its mistakes", run=run.id)


def _resume(run: Run, standing: progress.Standing) -> None:
    """More of what limits the run; a training that reached its end needs more, another may just go on."""
    limits = limits_of(run)
    with st.popover("Resume", icon=":material/play_arrow:", key="train_resume"):
        st.caption("Goes on from the last checkpoint. New totals, not additions.")
        asked = {key: _limit_input(run, key, value, standing.state == "finished") for key, value in limits.items()}
        more = {key: value for key, value in asked.items() if value is not None and value > limits[key]}
        nothing_left = standing.state == "finished" and not more
        st.button(
            "Resume training",
            type="primary",
            key="train_resume_start",
            on_click=_do,
            args=(launcher.resume, run),
            kwargs=more,
            disabled=nothing_left,
            help="It has reached its end: raise a limit." if nothing_left else None,
        )


def _limit_input(run: Run, key: str, value: float, finished: bool) -> float | None:
    words = {"minutes": "Minutes in all", "steps": "Steps in all", "epochs": "Epochs in all"}
    suggested = value * 2 if finished else value
    return st.number_input(
        words[key],
        min_value=value,
        value=suggested,
        key=f"train_more_{key}_{run.id}",
        format="%g" if key == "minutes" else "%d",
    )


def limits_of(run: Run) -> dict[str, float]:
    """The limits the run goes by now: those of its config, raised by resumes."""
    stored = {**run.settings().get("training", {}), **run.record().get("budget", {})}
    return {key: stored[key] for key in ("minutes", "steps", "epochs") if stored.get(key) is not None}


def _do(action, run: Run, **arguments: Any) -> None:
    """Callback of a button: one call, its refusal shown on the next draw."""
    try:
        action(run, **arguments)
    except InputError as error:
        st.session_state["train_run_error"] = str(error)


def _figures(run: Run, standing: progress.Standing) -> None:
    now = run.progress()
    with st.grid(5, min_column_width=120, gap=("xsmall", "small")):
        missing = "no validation set" if has_no_validation(run) else None  # as small print: too long for a big number
        st.metric(
            "Best val IoU",
            _best(run),
            delta=missing,
            delta_color="off",
            delta_arrow="off",
            help=explain("pooled iou"),
        )
        st.metric("Loss", "–" if now.loss is None else f"{now.loss:.4f}", help=explain("loss"))
        st.metric("Step", f"{now.step} / {now.planned_steps}" if now.planned_steps else str(now.step))
        time_help = "Training and validation, over all resumes; start-up is not counted."
        st.metric("Time", progress.duration(now.elapsed_s), help=time_help)
        speed = "–" if now.samples_per_s is None else f"{now.samples_per_s:.3g} / s"
        st.metric("Samples", speed, help="Augmented crops a second, at the last step.")
    if not run.independent:
        st.caption(f":material/info: {NOT_INDEPENDENT}: this IoU is higher than on pictures of another day.")


def _best(run: Run) -> str:
    iou = run.best_iou()
    return "–" if iou is None else f"{iou:.4f}"


def has_no_validation(run: Run) -> bool:
    """True once a validation has shown that there is no val image."""
    now = run.progress()
    return now.best_step is not None and now.best_iou is None


# -- curves, predictions, the small print


def _curves(run: Run, events: list[dict[str, Any]], standing: progress.Standing) -> None:
    if not any(event.get("kind") == "step" for event in events):
        if standing.live:
            st.caption("The curves appear with the first step.")
        return
    halves = st.grid(2, min_column_width=340, gap="small")
    with halves.cell(), st.container(border=True):
        st.markdown("**Loss**", help=explain("loss") + " Each line of the grid halves it.")
        st.echarts_chart(charts.loss_curve(events, log=True, rate=False), height=300, key=f"loss_{run.id}", alt="Loss")
    with halves.cell(), st.container(border=True):
        st.markdown(
            "**IoU at each validation**",
            help=f"{explain('pooled iou')} Train: a fixed sample of train images, as many as there are val images.",
        )
        if any(event.get("kind") == "validation" for event in events):
            st.echarts_chart(charts.iou_curve(events), height=300, key=f"iou_{run.id}", alt="Pooled IoU, train and val")
        else:
            st.caption("The first point comes with the first validation.")


def _strip(run: Run, data: Dataset | None, standing: progress.Standing) -> None:
    """A few validation images with mask and prediction; a click opens the errors of that image."""
    which = "last" if standing.live else "best"
    items = strip_items(run, data, state.dataset_name(), which) if data is not None else []
    if not items:
        return
    with st.container(border=True):
        step = validation.step_of(run, which)
        st.markdown(
            f"**{len(items)} of {len(_rows(run, step))} validation images, {which} checkpoint** "
            f"(step {step}) · :green[green: your mask] · "
            ":orange[orange: the prediction]",
            help="Threshold 0.5. IoU of each image by itself. Click one for its mistakes.",
        )
        picked = gallery(items, key=f"strip_{run.id}", size_px=150, strip=True, toggle="Mask and prediction").pick
        if picked is not None:
            scene.show(data.records[picked].image)
            navigation.go("errors", run=run.id)


def strip_items(run: Run, data: Dataset, name: str, which: str) -> list[dict[str, Any]]:
    """Gallery items of up to SHOWN images, spread over the val set; empty before the first validation.

    name: the data set's, for the addresses.
    """
    try:
        rows = _rows(run, validation.step_of(run, which))
    except InputError:
        return []
    numbers = {record.image: index for index, record in enumerate(data.records)}
    some = range(0, len(rows), max(1, -(-len(rows) // SHOWN)))
    items = []
    for number in some:
        image, iou = rows[number]
        if image not in numbers:
            continue  # the data set has changed since
        outlined = routes.compared_url(name, data, numbers[image], run.id, which, number)
        if outlined:
            thumb = routes.thumb_url(name, data, numbers[image], 256)
            note = "no cell in mask or prediction" if iou is None else f"IoU {iou:.3f}"
            caption = opened.short_name(image)
            items.append({"id": numbers[image], "thumb": thumb, "outlined": outlined, "caption": caption, "note": note})
    return items


def _rows(run: Run, step: int) -> list[tuple[str, float | None]]:
    written = validation.folder_of(run, step)
    return _scores(str(run.folder), step, written.stat().st_mtime_ns if written.exists() else 0)


@st.cache_data(max_entries=64, show_spinner=False)
def _scores(folder: str, step: int, stamp: int) -> list[tuple[str, float | None]]:
    """(image, its IoU or None where undefined) of each validation image; `stamp` tells two runs of one name apart."""
    table = validation.scores(Run(Path(folder)), step)
    unions = table["tp"] + table["fp"] + table["fn"]
    return [
        (str(image), float(tp / union) if union else None)
        for image, tp, union in zip(table["image"], table["tp"], unions)
    ]


def _folded(run: Run, events: list[dict[str, Any]]) -> None:
    with st.expander("Learning rate", icon=":material/trending_down:", key=f"fold_rate_{run.id}", type="compact"):
        st.echarts_chart(charts.rate_curve(events), height=220, key=f"rate_{run.id}", alt="Learning rate")
    with st.expander("Log", icon=":material/article:", key=f"fold_log_{run.id}", type="compact"):
        st.code(run.log_tail() or "The log is empty.", language=None, height=280)
        notes = [event["text"] for event in events if event.get("kind") == "note" and event.get("text")]
        for note in notes[-5:]:
            st.caption(f":material/info: {note}")
    with st.container(horizontal=True):
        st.link_button(
            "TensorBoard",
            "/tensorboard/",
            icon=":material/monitoring:",
            type="tertiary",
            help="All runs; starts on first use.",
        )
