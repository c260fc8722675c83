"""The live preview: sliders of a recipe, and samples that follow them while they are dragged.

The sliders come from the settings' own metadata; the pixels from /seg/augment, which runs the trainer's code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from seglib.settings import Spec
from ui.components.assets import ignore, register

_mount = register("live_preview", "sliders", "preview_paint")


def live_preview(
    url: str,
    specs: Iterable[Spec],
    recipe: Mapping[str, Any],
    *,
    key: str,
    version: int = 0,
    label: str = "",
    loaded: Mapping[str, Any] | None = None,
    fixed_specs: Iterable[Spec] = (),
    fixed_groups: Mapping[str, str] | None = None,
    fixed: Mapping[str, Any] | None = None,
    seed: int = 0,
    crops: Iterable[int] = (),
    normalisations: Iterable[str] = (),
    start: Mapping[str, Any] | None = None,
):
    """Draw the sliders and the samples.

    url: `ui.preview_route.url(…)`. specs: `seglib.settings.specs(Recipe)`, grouped by the first part of their path in
    the order given. recipe: nested mapping (`settings.plain(recipe)`), loaded into the sliders when the component
    appears and whenever `version` changes; in between the sliders are the truth. label and loaded: name and values of
    the recipe it began as. fixed_specs, fixed_groups (path -> heading), fixed: the same for exact values.
    seed: the one it starts with. crops, normalisations: what the network's view offers; start: what it starts with.

    The result has `recipe` (nested mapping, when a slider was let go; None until then) and `seed`.
    """
    groups = fixed_groups or {}
    data = {
        "key": key,
        "url": url,
        "specs": [_slider(spec) for spec in specs],
        "recipe": dict(recipe),
        "version": version,
        "label": label,
        "loaded": dict(loaded or recipe),
        "fixed_specs": [_slider(spec) | {"group": groups.get(spec.path, "")} for spec in fixed_specs],
        "fixed": dict(fixed or {}),
        "seed": seed,
        "crops": list(crops),
        "normalisations": list(normalisations),
        "start": dict(start or {}),
    }
    return _mount(data=data, key=key, on_recipe_change=ignore, on_seed_change=ignore)


def _slider(spec: Spec) -> dict[str, Any]:
    """What the browser needs of a setting. An integer moves in whole steps, a number without a step in hundredths."""
    values = asdict(spec)
    span = (spec.high or 1.0) - (spec.low or 0.0)
    values["step"] = spec.step or (1 if spec.kind == "int" else span / 100)
    values["group"] = spec.path.partition(".")[0] if "." in spec.path else ""
    return values
