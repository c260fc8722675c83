"""Home: the data set in view, its runs, and what to do next."""

import streamlit as st

from seglib.data.dataset import Dataset
from seglib.data.splits import NOT_INDEPENDENT
from seglib.runs.store import Run
from ui import navigation, opened, progress, routes, state
from ui.components.gallery import gallery
from ui.glossary import explain


def main() -> None:
    st.title("Yeast segmentation")
    st.caption("From images and masks of yeast to a trained U-Net, and to a map of the mistakes it keeps making.")
    data = state.dataset_or_stop()
    runs = state.runs_of(state.current_entry())
    page = st.grid(5, min_column_width=160)  # 3 to 2, one under the other where it is narrow
    with page.cell(column_span=3):
        _data_card(data)
    with page.cell(column_span=2):
        _next_card(data, runs)
        _runs_card(runs)


def _data_card(data: Dataset) -> None:
    name, counts = state.dataset_name(), data.counts()
    with st.container(border=True):
        st.header(f":material/image: {name}", anchor=False)
        with st.container(horizontal=True, gap="medium"):
            for split in ("train", "val", "unlabelled"):
                st.metric(split, counts[split], help=explain(split), width="content")
            if counts["unused"]:
                st.metric("unused", counts["unused"], help=explain("unused"), width="content")
        for note in data.notes:
            st.caption(f":material/info: {note}")
        picked = gallery(_examples(name, data), key=f"home_{name}", size_px=118).pick
        if picked is not None:
            navigation.go("data", image=str(picked))
        navigation.link("data", "Look at all images")


def _examples(name: str, data: Dataset, most: int = 8) -> list[dict]:
    """A few images spread over train, val and unlabelled."""
    parts = [part for part in (data.indices("train"), data.indices("val"), data.unlabelled()) if part]
    shares = [most // len(parts) + (place < most % len(parts)) for place in range(len(parts))]
    chosen = [i for part, share in zip(parts, shares) for i in _spread(part, share)]
    return [_item(name, data, i) for i in sorted(chosen)]


def _spread(indices: list[int], n: int) -> list[int]:
    return indices[:: max(1, -(-len(indices) // n))] if indices else []


def _item(name: str, data: Dataset, index: int) -> dict:
    record = data.records[index]
    outlined = routes.thumb_url(name, data, index, outlined=True) if record.mask else None
    badge = (record.split or "unused") if record.mask else "unlabelled"
    thumb = routes.thumb_url(name, data, index)
    return {
        "id": index,
        "thumb": thumb,
        "outlined": outlined,
        "caption": opened.short_name(record.image),
        "badge": badge,
    }


def _next_card(data: Dataset, runs: list[Run]) -> None:
    counts = data.counts()
    with st.container(border=True):
        st.header(":material/explore: What to do next", anchor=False)
        if not counts["train"]:
            st.markdown("No image is labelled for training yet: add masks, or open another folder in the sidebar.")
            navigation.link("data", "Look at the data")
            if counts["unlabelled"] and state.all_runs():
                st.markdown("Or let a network that was trained on other data draw the masks.")
                navigation.link("predict", f"Predict the {counts['unlabelled']:,} unlabelled images")
        elif not runs:
            st.markdown("Look at what an augmentation does to your cells, then train a first network.")
            navigation.link("augment", "Tune the augmentation")
            navigation.link("train", "Train a network")
        else:
            st.markdown("See where the best run is wrong, then change one thing and train again.")
            navigation.link("errors", "See its mistakes", run=runs[0].id)
            navigation.link("train", "Train another network")
            if counts["val"]:
                navigation.link("compare", "Ask which loss or norm does better", show="New experiment")
            if counts["unlabelled"]:
                navigation.link("predict", f"Predict the {counts['unlabelled']} unlabelled images", run=runs[0].id)


def _runs_card(runs: list[Run], most: int = 6) -> None:
    with st.container(border=True):
        st.header(":material/model_training: Runs", anchor=False, help=explain("pooled iou"))
        if not runs:
            st.caption("None on this data set yet. A run is one training; it appears here as soon as it starts.")
            return
        for run in runs[:most]:
            _run_row(run)
        if len(runs) > most:
            navigation.link("train", f"All {len(runs)} runs")
        if len(runs) > 1:
            navigation.link("compare", "Compare them")


def _run_row(run: Run) -> None:
    standing, iou = progress.of_run(run), run.best_iou()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        score = f"{iou:.4f}" if iou is not None else "no validation set" if standing.state == "finished" else "–"
        st.markdown(f"**{run.name}**", width="stretch")
        st.markdown(
            f"IoU **{score}**{'' if run.independent else ', not independent'}" if iou is not None else score,
            width="content",
            help=None if run.independent else f"Train and val are {NOT_INDEPENDENT}.",
        )
        progress.badge(standing.state)
        navigation.link("errors", "Errors", run=run.id)
    if standing.live:
        st.progress(standing.fraction or 0.0, text=progress.line(standing))


main()
