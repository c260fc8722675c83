"""Augment: what a recipe does to the cells of one image, before anything is trained with it.

From the top: the recipe in hand, the live preview, how realistic its draws are, where a trained network is weak, and
the recipe as code. Each is one call; `recipe_bar.in_hand()` is the recipe as the sliders were last let go.
"""

import streamlit as st

from ui import cost, preview_panel, realism, recipe_bar, recipe_code, state, weakness


def main() -> None:
    st.title("Augment")
    st.caption(
        "Every picture is changed a little each time the network sees it. Drag a slider and watch your cells: what no "
        "microscope could show should not be learned from."
    )
    data = state.dataset_or_stop()
    recipe_bar.hear(preview_panel.PREVIEW)
    recipe_bar.draw()
    index = preview_panel.draw(data)
    cost.draw(data, index)
    realism.draw(data)
    weakness.draw()
    recipe_code.draw(data, index)


main()
