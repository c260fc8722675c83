"""Votes on screen: which models may say something about which label, the search for suspects, and how to get more."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import streamlit as st

from seglib.data.dataset import Dataset
from seglib.exceptions import InputError
from seglib.runs import jobs, suspects, votes
from seglib.runs.store import Run
from seglib.runs.votes import MIN_VOTES, Vote
from ui import opened, progress, state
from ui.errors import source
from ui.literal import literal

_RUNS = "triage_runs"


def choose(runs: list[Run]) -> list[Run]:
    """Whose votes count: all that are able to, unless the person leaves some out."""
    able = votes.able(runs)
    names = {run.id: run.name for run in able}
    key = f"{_RUNS}_{hashlib.sha1('|'.join(names).encode(), usedforsecurity=False).hexdigest()[:8]}"
    n = len(st.session_state.get(key, names))
    with st.popover(f"Models that vote: {n}", icon=":material/how_to_vote:", key="triage_voters"):
        chosen = _picked(names, key)
    return [run for run in able if run.id in chosen]


def _picked(names: dict[str, str], key: str) -> list[str]:
    return st.multiselect(
        "Models that vote",
        list(names),
        default=list(names),
        format_func=names.get,
        key=key,
        help="Runs of this data set that have ended. Each votes only on images it never trained on. Runs whose best "
        f"IoU is below {votes.GOOD_SHARE:.0%} of the best one's are not asked, and a copy of a run has no second vote.",
    )


def of(runs: Sequence[Run]) -> dict[str, list[Vote]]:
    """Image -> votes, kept until a run's predictions change."""
    return _of(stamp(runs), tuple(runs))


@st.cache_resource(max_entries=8, show_spinner=False)
def _of(stamp: str, _runs: tuple[Run, ...]) -> dict[str, list[Vote]]:
    return votes.of_runs(_runs)


def stamp(runs: Sequence[Run]) -> str:
    """Changes when a run's best predictions do."""
    files = ((run, run.folder / "validation" / "best" / "step") for run in runs)
    seen = (f"{run.folder}:{file.stat().st_mtime_ns if file.exists() else 0}" for run, file in files)
    return hashlib.sha1("|".join(seen).encode(), usedforsecurity=False).hexdigest()[:12]


def labelled(data: Dataset) -> dict[str, int]:
    """Image -> its number, of the images with a mask."""
    return {record.image: index for index, record in enumerate(data.records) if record.mask}


def search(runs: Sequence[Run], data: Dataset, covered: Sequence[str]) -> pd.DataFrame | None:
    """The suggestions, if they have been looked for; else the button that does, or how far it is."""
    if not covered:
        return None
    job = jobs.find("suggestions", _inputs(runs, data, covered))
    if _done(job):
        return _table(job.id, job.result)
    known = (job.folder / "job.json").exists()
    if known and job.state().live:
        st.caption("Looking for labels that are probably wrong; the mistakes below can be judged meanwhile.")
        source.watch(job, "triage_job")
        return None
    if known:
        progress.draw(progress.of_job(job), key="triage_job")
    st.button(
        f"Look for label errors in {len(covered)} images",
        icon=":material/person_search:",
        type="primary",
        key="triage_search",
        on_click=_start,
        args=(tuple(runs), data, tuple(covered)),
        help="Reads the stored predictions; no network runs.",
    )
    return None


def left_out(runs: Sequence[Run], data: Dataset, covered: Sequence[str]) -> dict[str, str]:
    """Images that the search had to leave out, and why."""
    job = jobs.find("suggestions", _inputs(runs, data, covered))
    return suspects.left_out(job.result) if covered and _done(job) else {}


def _done(job: jobs.Job) -> bool:
    return (job.folder / "job.json").exists() and job.state().name == "done" and (job.result / suspects.TABLE).exists()


def _start(runs: Sequence[Run], data: Dataset, covered: Sequence[str]) -> None:
    jobs.start("suggestions", _inputs(runs, data, covered), again=True)


def _inputs(runs: Sequence[Run], data: Dataset, covered: Sequence[str]) -> dict:
    entry, index_of = state.current_entry(), labelled(data)
    tags = "|".join(opened.tag(data, index_of[image]) for image in covered)
    marks = hashlib.sha1(f"{tags}|{stamp(runs)}".encode(), usedforsecurity=False).hexdigest()
    return suspects.inputs_of(runs, data, entry.grouping, entry.split, marks)


@st.cache_resource(max_entries=8, show_spinner=False)
def _table(identity: str, _result: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(_result / suspects.TABLE)
    except (OSError, ValueError) as error:
        raise InputError(f"{_result}: the suggestions cannot be read ({str(error).splitlines()[0]}).") from None


def told(data: Dataset, known: dict[str, list[Vote]]) -> str:
    """One line on how many images may be voted on."""
    parts = []
    for side in ("val", "train"):
        images = [data.records[index].image for index in data.indices(side)]
        if images:
            parts.append(f"{len(votes.covered(known, images))} of {len(images)} {side} images")
    voting = len({vote.run.id for one in known.values() for vote in one})
    return literal(
        f"{voting} {'model votes' if voting == 1 else 'models vote'}. At least {MIN_VOTES} that never trained on the "
        f"image may vote on {' and '.join(parts)}."
    )
