"""The realism meter: nine gauges of a recipe that fill up while its draws are measured, and what to change.

The figures come from /seg/realism, which runs the trainer's code; the sliders of the live preview on the same page are
followed by its event `seglib-recipe`, before the page itself has run again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ui.components.assets import register

_mount = register("realism_meter")


def realism_meter(
    url: str, recipe: Mapping[str, Any], *, key: str, seed: int = 0, on_show: Callable[[], None] = lambda: None
):
    """Draw the gauges.

    url: `ui.realism.url(…)`. recipe: nested mapping (`settings.plain(recipe)`) and seed: what is measured, until the
    preview says something newer. on_show: called when a person asks for a draw; the component's state then has `show`,
    the number of its image.
    """
    return _mount(data={"url": url, "recipe": dict(recipe), "seed": seed}, key=key, on_show_change=on_show)
