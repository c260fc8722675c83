"""Over time: any measure along the frames of movies: how a colony grows, how the light drifts."""

from __future__ import annotations

import streamlit as st

from seglib.data.dataset import Dataset
from seglib.data.survey import Survey
from ui import surveyed
from ui.data import behind, plots
from ui.data.measures import OF_PICTURES, known, movies

AT_ONCE = 6


def show(name: str, data: Dataset, found: Survey) -> None:
    table = surveyed.table(found)
    framed = movies(table)
    columns = [column for column in known(table) if column != "frame"]
    if not framed or not columns:
        st.info(
            "There is no movie here: a movie is a group of three pictures or more whose names end in different "
            "numbers, such as `colony2_t040`.",
            icon=":material/movie:",
        )
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        column = st.selectbox(
            "Measure",
            columns,
            format_func=lambda c: OF_PICTURES[c].label,
            key="time_measure",
            width=240,
            persist_state="session",
        )
        wanted = list(framed)
        if len(framed) > 1:
            # one list a data set: the movies of another mean nothing here
            wanted = st.multiselect(
                "Movies", list(framed), default=list(framed)[:AT_ONCE], key=f"time_movies_{name}", width="stretch"
            )
        behind.select_by()
    measure = OF_PICTURES[column]
    movies_drawn = {movie: framed[movie] for movie in wanted}
    figure = plots.over_frames(movies_drawn, measure)

    def chosen(selection: behind.Selection) -> behind.Chosen | None:
        pictures = plots.in_boxes(selection, movies_drawn, "frame", column) or behind.pictures_of_points(selection)
        return behind.Chosen(f"{measure.label.lower()} along {', '.join(wanted[:3])}", pictures)

    key = f"time_{column}_{len(wanted)}"
    text = f"{measure.meaning} One value a picture."
    behind.charts(name, data, [behind.Chart(key, measure.label, text, figure, chosen)], "Choose a movie above.")
