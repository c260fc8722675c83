"""The normalisation lab: what each method makes of one picture and of the whole data set, before training with it."""

from __future__ import annotations

import numpy as np
import streamlit as st

from seglib.data import background, separation
from seglib.data.dataset import Dataset
from seglib.data.grey import grey_edges
from seglib.data.normalise import NORMALISATION_NAMES, NORMALISATIONS, normalise
from seglib.data.readers import to_gray
from seglib.data.separation import Comparison
from seglib.data.survey import Survey
from seglib.exceptions import InputError
from ui import browse, form, navigation, opened, registry, routes
from ui.components.profile_viewer import profile_viewer
from ui.data import comparison, lab_charts
from ui.literal import literal
from ui.normalised import UNITS, normalised_url

AFTER = tuple(name for name in NORMALISATION_NAMES if name != "none")
FIRST = ("zscore", "background", "percentile")
_PLAIN = {"displayModeBar": False}
REMEDY = (
    "Use `zscore` or `percentile`, or train on fields with more background; "
    "the peak of the histogram falls into the cells as well."
)


def show(name: str, entry: registry.Entry, data: Dataset, found: Survey | None) -> None:
    """The whole view. name: the data set's, for addresses; found: its survey, None while it is being made."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        index = _picture(name, data, found)
        methods = _methods()
        st.space("stretch")
        _train_with(methods)
    above = st.container()
    st.header("All pictures", anchor=False)
    compared = comparison.of(entry, data)
    _whole(compared, found, methods)
    with above:
        labels = routes.labels_url(name, data, index)
        windows = {} if compared is None else _windows(compared)
        url, title = normalised_url(name, data, index), data.records[index].image
        profile_viewer(url, methods, key=f"lab_{name}", labels_url=labels, windows=windows, title=title)
        _one(data, index, methods)


def _picture(name: str, data: Dataset, found: Survey | None) -> int:
    """Number of the picture shown, with a step to both sides."""
    offered, key = list(range(len(data.records))), f"lab_picture_{name}"
    if st.session_state.get(key) not in offered:
        st.session_state[key] = _first(data, found)
    st.selectbox(
        "Picture",
        offered,
        key=key,
        format_func=lambda i: opened.short_name(data.records[i].image),
        width=180,
        persist_state="session",
    )
    before, after = browse.beside(offered, st.session_state[key])
    for index, icon, label in ((before, "chevron_left", "Previous picture"), (after, "chevron_right", "Next picture")):
        st.button(
            "",
            icon=f":material/{icon}:",
            key=f"lab_{icon}",
            help=label,
            disabled=index is None,
            on_click=st.session_state.update,
            args=({key: index},),
        )
    return st.session_state[key]


def _first(data: Dataset, found: Survey | None) -> int:
    """A picture with a mask; of which a quarter has more cells, where that is known."""
    labelled = data.indices("train") or data.indices("val")
    if found is not None and labelled:
        rows = found.images[found.images["index"].isin(labelled)].sort_values("foreground")
        labelled = rows["index"].tolist() or labelled
    return int(labelled[3 * len(labelled) // 4]) if labelled else 0


def _methods() -> list[str]:
    chosen = st.pills(
        "After",
        AFTER,
        selection_mode="multi",
        default=list(FIRST),
        key="lab_methods",
        help="  \n".join(f"**{name}** {_about(name)}" for name in AFTER),
    )
    return [name for name in AFTER if name in (chosen or ())]


def _about(name: str) -> str:
    return (NORMALISATIONS[name].__doc__ or "").split("\n")[0]


def _train_with(methods: list[str]) -> None:
    offered = methods or list(AFTER)
    if st.session_state.get("lab_train") not in offered:
        st.session_state["lab_train"] = offered[0]
    st.selectbox("Train with", offered, key="lab_train", width=125)
    if st.button(
        "Train",
        icon=":material/model_training:",
        type="primary",
        key="lab_train_go",
        help="Opens the Train page with this normalisation.",
    ):
        st.session_state[form.NORMALISATION] = st.session_state["lab_train"]
        navigation.go("train")


def _windows(compared: Comparison) -> dict[str, tuple[float, float]]:
    """Method -> the values shown as black and white when all pictures are to be seen on one scale."""
    rows = compared.methods.dropna(subset=["low", "high"])
    return {row.method: (row.low, row.high) for row in rows.itertuples() if row.high > row.low}


# ---- one picture


def _one(data: Dataset, index: int, methods: list[str]) -> None:
    """Histograms of cells and background before and after, with the background as the methods estimate it."""
    try:
        looked = {name: _looked(data, index, opened.tag(data, index), name) for name in ("none", *methods)}
    except InputError as error:
        st.error(literal(error), icon=":material/broken_image:")
        return
    if looked["none"]["crowded"]:
        st.warning(
            f"Cells cover {looked['none']['foreground']:.0%} of this picture and its median grey value is a cell's: "
            f"`background` subtracts cells here. {REMEDY}",
            icon=":material/warning:",
        )
    masked = bool(data.records[index].mask)
    st.markdown(
        "**Values of this picture**",
        help="Each histogram sums to 1. Median: of all pixels, what `background` subtracts. Peak: of the smoothed "
        "histogram. AUC: the probability that a cell's pixel is brighter than one of the background (0.5 = no "
        "threshold tells them apart). σ: difference of their medians ÷ the pooled robust spread.",
    )
    st.markdown(_legend(masked))
    grid = st.grid(4, min_column_width=210, gap="small")
    for name, facts in looked.items():
        with grid.cell():
            title = "Before" if name == "none" else name
            st.markdown(f"**{title}**{_apart(facts) if masked else ''}")
            figure = lab_charts.levels(facts["counts"], facts["edges"], facts["marks"])
            st.plotly_chart(figure, key=f"lab_levels_{name}", config=_PLAIN)


def _legend(masked: bool) -> str:
    """One for all charts; the page's own colours, which come near those of the lines."""
    parts = ":blue[▬ background] · :green[▬ cells of the mask]" if masked else ":blue[▬ all pixels]"
    return f"{parts} · :orange[╌ median] · :violet[┈ peak of the histogram]"


def _apart(facts: dict) -> str:
    if not np.isfinite(facts["auc"]):
        return " · no cells" if not facts["foreground"] else ""
    effect = f", {facts['effect']:+.1f} σ" if np.isfinite(facts["effect"]) else ""
    return f" · AUC {facts['auc']:.2f}{effect}"


@st.cache_data(max_entries=64, show_spinner=False)
def _looked(_data: Dataset, index: int, tag: str, method: str) -> dict:
    """Histograms, estimates and separation of one picture after one method; `none` in the units of its file."""
    sample = opened.sample(_data, index)
    unit = UNITS.get(sample.image.dtype.name, 1) if method == "none" else 1
    gray = normalise(to_gray(sample.image), method) * np.float32(unit)
    mask = sample.mask if _data.records[index].mask else None
    found = background.levels(gray, mask, sample.valid)
    edges = grey_edges(gray[sample.valid] if sample.valid.any() else gray, 80)
    parts = {lab_charts.ALL: gray[sample.valid]}
    if mask is not None and mask.any():
        parts = {lab_charts.REST: gray[sample.valid & ~mask], lab_charts.CELLS: gray[sample.valid & mask]}
    inside, outside = parts.get(lab_charts.CELLS, ()), parts.get(lab_charts.REST, ())
    share = float(mask[sample.valid].mean()) if mask is not None and sample.valid.any() else 0.0
    return {
        "counts": {name: np.histogram(values, edges)[0].tolist() for name, values in parts.items()},
        "edges": edges.tolist(),
        "marks": {"median": found.median, "peak": found.peak},
        "auc": separation.auc(inside, outside),
        "effect": separation.effect(np.asarray(inside), np.asarray(outside)),
        "foreground": share,
        "crowded": share > 0.5 and abs(found.median - found.inside) < abs(found.median - found.outside),
    }


# ---- all pictures


def _whole(compared: Comparison | None, found: Survey | None, methods: list[str]) -> None:
    if found is not None:
        _crowded(found)
    if compared is None:
        return
    st.dataframe(
        _table(compared), hide_index=True, column_config=_columns(), width="content", alt="How well each method does"
    )
    st.caption(
        "Within one picture most methods keep the order of the pixels; what counts is whether a value means the same "
        "in the next picture. A network sees shape and surroundings as well, so this ranks scales, not networks."
    )
    _drift(compared, found, methods)


def _crowded(found: Survey) -> None:
    rows = background.crowded(found.images)
    n_masked = int(found.images["foreground"].notna().sum())
    if len(rows):
        st.warning(
            f"In {len(rows):,} of {n_masked:,} pictures with a mask, such as {rows['image'].iloc[0]}, cells cover more "
            f"than half and the median grey value is a cell's: `background` subtracts cells there. {REMEDY}",
            icon=":material/warning:",
        )
    elif n_masked:
        largest = float(found.images["foreground"].max())
        st.caption(
            f":material/check: In none of {n_masked:,} pictures with a mask do cells cover more than half and hold the "
            f"median (most: {largest:.0%}); the median may stand for the background."
        )


def _table(compared: Comparison) -> list[dict]:
    order = {"none": "before"}
    return [
        {
            "method": order.get(row.method, row.method),
            "auc": row.auc,
            "apart": abs(2 * row.auc - 1),
            "wander": row.wander,
            "pictures": int(row.n_images),
        }
        for row in compared.methods.itertuples()
    ]


def _columns() -> dict:
    number = st.column_config.NumberColumn
    return {
        "method": st.column_config.TextColumn("Method", pinned=True),
        "auc": number(
            "AUC",
            format="%.3f",
            help="Probability that a cell's pixel is brighter than one of the background, of all pictures together, as "
            "many pixels from each; ties count half. 0.5: no threshold tells them apart.",
        ),
        "apart": st.column_config.ProgressColumn(
            "Apart", format="%.2f", min_value=0, max_value=1, help="|2 · that - 1|: 0 = not at all, 1 = wholly."
        ),
        "wander": number(
            "Background wanders",
            format="%.2f",
            help="Standard deviation of the background over the pictures with cells ÷ the median difference of cells "
            "and background within a picture. 0 = the same in every picture.",
        ),
        "pictures": number("Pictures", format="localized", help="With cells and background."),
    }


def _drift(compared: Comparison, found: Survey | None, methods: list[str]) -> None:
    st.markdown(
        "**Background over the frames**",
        help="The median outside the mask; without a mask the peak of the histogram. A line a group.",
    )
    if not methods:
        st.caption("Choose a method above to see what becomes of it.")
    grid = st.grid(2, min_column_width=380, gap="medium")
    for name in ("none", *methods):
        rows = compared.images[compared.images["method"] == name]
        if name == "none" and found is not None:
            rows = rows.assign(background=rows["background"] * found.grey_unit)
        with grid.cell():
            title = "Before" if name == "none" else f"After {name}"
            figure = lab_charts.drift(rows, "background", "Background")
            figure.update_layout(showlegend=name == "none")  # the same groups in all
            st.markdown(f"{title}")
            st.plotly_chart(figure, key=f"lab_drift_{name}", config=_PLAIN)
