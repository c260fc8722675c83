"""Label or model? One wrong place at a time, judged by a key and kept in review.jsonl beside the data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from seglib.errors import review
from seglib.errors.report import Measured
from seglib.errors.review import Known, Verdict
from seglib.exceptions import InputError
from seglib.runs.votes import Vote, covered
from ui import opened, places, state
from ui.components.triage import triage
from ui.errors import act, more_votes, reviewer, suspects, verdicts, votes
from ui.errors import scene as scenes
from ui.errors.scene import Scene, Shown
from ui.errors.suspects import Place
from ui.literal import literal

_COMPONENT = "triage_card"
_ASKED, _DONE, _ERROR = "triage_allowed", "triage_words", "triage_write_error"
_ACTED = "triage_acted"  # the state of the file that the part below has read


def draw(shown: Shown) -> None:
    """Who votes, the queue, and what was said so far."""
    scene = shown.scene
    st.caption(
        "A mistake is the model's, or the label is wrong. Places where models that never trained on an image agree "
        "against its label come first, then the other mistakes of this run, the largest first. Judge one by a key."
    )
    head = st.container(horizontal=True, vertical_alignment="bottom", gap="medium")
    with head:
        voting = votes.choose(state.runs_of(state.current_entry()))
        reviewer.draw()
    known = votes.of(voting)
    index_of = votes.labelled(scene.data)
    images = covered(known, index_of)
    st.caption(votes.told(scene.data, known))
    with st.container():  # what comes and goes above the card must not move it: it would be built anew
        found = votes.search(voting, scene.data, images)
        for image, why in votes.left_out(voting, scene.data, images).items():
            st.warning(f"{literal(image)} was left out: {literal(why)}", icon=":material/image_not_supported:")
    used = [image for image, index in index_of.items() if scene.data.records[index].split]
    with st.container():
        more_votes.draw(shown.run, scene.data, len(used) - len(covered(known, used)), len(used))
    if not _allowed(scene):
        act.draw(shown)  # an export needs no verdict
        return
    listed = _listed(scene, found, shown.measured)
    stamp = votes.stamp(voting)
    _queue(shown, listed, known, stamp)


def _allowed(scene: Scene) -> bool:
    """Whether verdicts may be kept: asked once, until there is a file."""
    folder = scene.data.path
    if review.files(folder) or st.session_state.get(_ASKED) == str(folder):
        return True
    file = review.place(folder)
    where = "in the cache, because that folder is read-only" if review.in_cache(folder) else "beside the images"
    with st.container(border=True):
        st.markdown(
            f"Verdicts are kept {where}, in `{file}`, one line each with who, when and why. Masks are not touched."
        )
        st.button("Keep verdicts there", icon=":material/check:", type="primary", key="triage_allow", on_click=_allow)
    return False


def _allow() -> None:
    st.session_state[_ASKED] = str(state.current_dataset().path)


# ---- the queue


def _listed(scene: Scene, found: pd.DataFrame | None, measured: Measured | None) -> list[Place]:
    key = (scene.predicted.stamp, scene.threshold, id(found), measured is None, scene.name, len(scene.data.records))
    return _kept(key, found, measured, votes.labelled(scene.data))


@st.cache_resource(max_entries=8, show_spinner=False)
def _kept(key: tuple, _found: pd.DataFrame | None, _measured: Measured | None, _images: dict[str, int]) -> list[Place]:
    return suspects.queue(_found, _measured, _images)


@st.fragment
def _queue(shown: Shown, listed: Sequence[Place], known: Mapping[str, Sequence[Vote]], stamp: str) -> None:
    """A fragment: a verdict draws nothing else anew than the list and what the verdicts come to."""
    scene = shown.scene
    _take_down(scene, listed)
    words = verdicts.read(scene.data.path)
    with st.container():
        _say(scene, words)
    standing = review.latest(words.verdicts)
    items = _items(scene, listed, known, stamp, Known(standing))
    result = triage(items, key=_COMPONENT, seen=st.session_state.get(_DONE, ()))
    if result.show is not None:
        _fly(scene, listed, result.show)
    verdicts.draw(scene, standing)
    if st.session_state.get(_ACTED) not in (None, review.stamp(scene.data.path)) and st.button(
        "Bring what acting on them would do up to date",
        icon=":material/refresh:",
        key="triage_refresh",
        help="Reading the masks takes longer than a verdict may, so it is not done after each.",
    ):
        st.rerun(scope="app")
    act.draw(shown)


def _say(scene: Scene, words: review.Review) -> None:
    if message := st.session_state.pop(_ERROR, None):
        st.error(literal(message), icon=":material/error:")
    for line in (*words.notes, *words.damage):
        st.warning(literal(line), icon=":material/warning:")
    if review.in_cache(scene.data.path):
        st.caption(f"The folder is read-only: verdicts are kept in `{review.place(scene.data.path)}`.")


def _items(scene: Scene, listed, known, stamp: str, said: Known) -> list[dict[str, Any]]:
    index_of = votes.labelled(scene.data)
    tags = {place.image: opened.tag(scene.data, index_of[place.image]) for place in listed}
    pictures = _pictures((scene.name, stamp, tuple(sorted(tags.items()))), scene, tuple(listed), known, index_of)
    return [_item(place, urls, said.of(place)) for place, urls in zip(listed, pictures)]


@st.cache_resource(max_entries=8, show_spinner=False)
def _pictures(key: tuple, _scene: Scene, listed: tuple[Place, ...], _known, _index_of) -> list[dict[str, str]]:
    stamp = key[1]
    return [
        places.urls(
            _scene.name, _scene.data, _index_of[p.image], p._asdict(), _ordered(_scene, _known.get(p.image, ())), stamp
        )
        for p in listed
    ]


def _ordered(scene: Scene, found: Sequence[Vote]) -> list[Vote]:
    """The run in view first: its prediction is the one that is shown."""
    return sorted(found, key=lambda vote: vote.run.id != scene.predicted.run.id)


def _item(place: Place, urls: dict[str, str], verdict: Verdict | None) -> dict[str, Any]:
    item = {"id": place.id, "title": f"{place.name}, {opened.short_name(place.image)}", "about": place.about}
    said = {} if verdict is None else {"verdict": verdict.verdict, "why": verdict.why, "when": verdict.when}
    return item | {"urls": urls} | said


# ---- what was said


def _take_down(scene: Scene, listed: Sequence[Place]) -> None:
    """Write the words that came since the last look; those on disk are told to the component as seen."""
    state_ = st.session_state.get(_COMPONENT)
    words = (state_.get("words") if state_ else None) or []
    done = set(st.session_state.get(_DONE, ()))
    by_id = {place.id: place for place in listed}
    fresh = [word for word in words if word["n"] not in done]
    try:
        lines = [_verdict(scene, by_id[word["id"]], word) for word in fresh if word["id"] in by_id]
        if lines:
            review.append_all(scene.data.path, lines)
    except InputError as error:
        st.session_state[_ERROR] = str(error)
    st.session_state[_DONE] = tuple(word["n"] for word in words)  # what failed was said, and is not tried for ever


def _verdict(scene: Scene, place: Place, word: Mapping[str, Any]) -> Verdict:
    at = {name: getattr(place, name) for name in ("image", "kind", "row", "col", "height", "width", "n_pixels", "rle")}
    return Verdict(
        **at,
        verdict=word["verdict"],
        who=reviewer.name(),
        when=review.now(),
        why=str(word.get("why") or "")[:500],
        run=scene.predicted.run.id,
        checkpoint=scene.predicted.which,
        threshold=scene.threshold,
        probability=place.probability,
    )


def _fly(scene: Scene, listed: Sequence[Place], id_: str) -> None:
    place = next((place for place in listed if place.id == id_), None)
    if place is None:
        return
    if place.image not in scene.indices:
        st.toast("The viewer shows the images this run was validated on; this one is not among them.")
        return
    at = {name: getattr(place, name) for name in ("kind", "row", "col", "height", "width")}
    scenes.show(place.image, {"class": place.class_, **at})
    st.rerun(scope="app")
