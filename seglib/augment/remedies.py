"""Remedies: which slider to move, and to what value, so that a gauge of the realism meter turns green.

Values are rounded to the step of their slider, towards doing less. Each is found on the readings at hand, by one of
three ways: a bound (folding), the change of every cell made smaller as bending is made weaker (shapes), or the grey
values of the same draws computed anew (greys). Others scale what was measured: it falls with how often, or how far.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from seglib.augment.draw import recipe_draw
from seglib.augment.greys import Greys, Own, greys, own
from seglib.augment.intensity import blur_margin, change_intensity
from seglib.augment.pipeline import generator
from seglib.augment.realism import Material, Picture, Reading
from seglib.augment.recipe import Elastic, Recipe
from seglib.augment.warp import Window
from seglib.settings import Spec, build, merge, nest, plain, specs

Changes = dict[str, Any]
_WINDOW = 96  # side of the part of a picture that grey values are computed anew on
# path of the strength of each grey part -> whether it is a factor about 1, or a distance from 0
_GREY_PARTS = {
    "brightness.shift": False,
    "contrast.factor": True,
    "gamma.exponent": True,
    "blur.sigma_px": False,
    "noise.deviation": False,
    "background.amplitude": False,
}
_SHARES = (0.8, 0.6, 0.45, 0.3, 0.2, 0.1)


@dataclass(frozen=True)
class Remedy:
    """text: what to do, the beginning of a sentence. changes: dotted path of a setting -> its new value."""

    text: str = ""
    changes: Changes = field(default_factory=dict)


@cache
def setting(path: str) -> Spec:
    """The slider of a dotted path. Raises KeyError for an unknown one."""
    return {spec.path: spec for spec in specs(Recipe)}[path]


def slider(path: str) -> str:
    """`elastic.displacement_px` -> `Elastic › Displacement`, as it stands on the page."""
    group = path.partition(".")[0].replace("_", " ").capitalize()
    return f"{group} › {setting(path).label}"


def changed(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """The recipe with a remedy's changes."""
    return build(Recipe, merge(plain(recipe), nest(changes)))


def set_to(changes: Changes) -> Remedy:
    """`set Elastic › Displacement to 1 … 2.5 px and …`."""
    parts = [f"{slider(path)} to {_value(path, value)}" for path, value in changes.items()]
    return Remedy(f"set {_listed(parts)}" if parts else "", changes)


def together(found: Sequence[Remedy]) -> Remedy:
    """All of them at once."""
    found = [remedy for remedy in found if remedy.text]
    return Remedy(" and ".join(r.text for r in found), {k: v for r in found for k, v in r.changes.items()})


def _listed(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))


def _value(path: str, value: Any) -> str:
    numbers = value if isinstance(value, (list, tuple)) else [value]
    unit = setting(path).unit
    text = f"{numbers[0]:g}" if len(set(numbers)) == 1 else f"{numbers[0]:g} … {numbers[-1]:g}"
    return f"{text} {unit}".rstrip()


def _down(path: str, value: float) -> float:
    """To the slider's step below, within its limits."""
    spec = setting(path)
    return _inside(spec, math.floor(value / spec.step + 1e-6) * spec.step)


def _up(path: str, value: float) -> float:
    spec = setting(path)
    return _inside(spec, math.ceil(value / spec.step - 1e-6) * spec.step)


def _inside(spec: Spec, value: float) -> float:
    return round(min(max(value, spec.low), spec.high), 6)


# ---- bending


def bend_less(recipe: Recipe, most_px: float, smoother: bool = True) -> Remedy:
    """The range of displacements brought down to at most `most_px`; below one step: no bending.

    smoother: also name the sigma that would do instead.
    """
    path, highest = "elastic.displacement_px", recipe.elastic.displacement_px[1]
    top = _down(path, min(most_px, highest))
    if top <= 0:
        return set_to({"elastic.probability": 0.0})
    remedy = set_to({path: [_down(path, recipe.elastic.displacement_px[0] * top / highest), top]})
    smooth = math.ceil(recipe.elastic.sigma_px[0] * highest / max(most_px, 1e-9))
    if smoother and recipe.elastic.sigma_px[0] < smooth <= setting("elastic.sigma_px").high:
        return Remedy(f"{remedy.text}, or {slider('elastic.sigma_px')} to {smooth} px or more", remedy.changes)
    return remedy


def not_folding(recipe: Recipe) -> Remedy:
    """The displacement at which a field as sharp as the recipe allows does not fold."""
    return bend_less(recipe, Elastic.folding_limit(recipe.elastic.sigma_px[0]))


def scale_less(recipe: Recipe, share: float) -> Remedy:
    """The range of sizes brought towards 1, on a logarithmic scale, to `share` of what it is."""
    return set_to({"scale.factor": _softer("scale.factor", recipe.scale.factor, share, factor=True)})


def less_often(recipe: Recipe, parts: Sequence[str], share: float) -> Remedy:
    """Fewer draws: those that any of `parts` acts on made `share` times as many."""
    often = [getattr(recipe, part).probability for part in parts]
    target = share * (1 - math.prod(1 - p for p in often))

    def any_of(factor: float) -> float:
        return 1 - math.prod(1 - factor * p for p in often)

    factor = next(f for f in np.linspace(1, 0, 101) if any_of(f) <= target + 1e-9)
    chosen = {f"{part}.probability": _down(f"{part}.probability", factor * p) for part, p in zip(parts, often) if p}
    return set_to(chosen)


# ---- grey values


def _softer(path: str, limits: tuple[float, float], share: float, factor: bool) -> list[float]:
    """A range brought towards doing nothing, each end rounded to the step on that side."""
    ends = [limit**share if factor else limit * share for limit in limits]
    neutral = 1.0 if factor else 0.0
    return [_down(path, end) if end > neutral else _up(path, end) for end in ends]


def grey_remedy(
    sources: Material, readings: Sequence[Reading], recipe: Recipe, seed: int, badness: Callable[[list[Greys]], float]
) -> Remedy:
    """The parts that cause it, weakened until `badness` of the draws' grey values is 0 or less.

    The part whose absence helps most comes first; where that is not enough it goes altogether, and the next follows.
    """
    parts = {r.place: _part(sources.pictures[r.place]) for r in readings}

    def tried(changes: Changes) -> float:
        other = changed(recipe, changes)
        return badness([_grey_draw(sources.pictures[r.place], *parts[r.place], other, seed, r.epoch) for r in readings])

    def softened(path: str, share: float) -> list[float]:
        part, name = path.split(".")
        return _softer(path, getattr(getattr(recipe, part), name), share, _GREY_PARTS[path])

    now = tried({})
    active = [path for path in _GREY_PARTS if getattr(recipe, path.partition(".")[0]).probability > 0]
    without = {path: tried({path: softened(path, 0.0)}) for path in active}
    changes: Changes = {}
    for path in sorted((p for p in active if without[p] < now - 1e-3), key=without.__getitem__):
        if tried({**changes, path: softened(path, 0.0)}) > 0:
            changes[path] = softened(path, 0.0)
            continue
        enough = (softened(path, share) for share in _SHARES if tried({**changes, path: softened(path, share)}) <= 0)
        changes[path] = next(enough, softened(path, 0.0))
        break
    return set_to(changes)


def _part(source: Picture) -> tuple[Window, Own]:
    """A part of the picture about one of its cells, and what it has before any change."""
    window = _window(source)
    part = window.slices
    return window, own(source.image[part], source.labels[part] > 0, source.valid[part], source.own.limits, source.own)


def _window(source: Picture) -> Window:
    """A part of the picture about one of its cells."""
    height, width = source.image.shape
    middle = source.middles[len(source.middles) // 2] if len(source.middles) else np.array([height, width]) / 2
    size = min(height, _WINDOW), min(width, _WINDOW)
    row, col = (int(np.clip(m - s / 2, 0, side - s)) for m, s, side in zip(middle, size, source.image.shape))
    return Window(row, col, *size)


def _grey_draw(source: Picture, window: Window, before: Own, recipe: Recipe, seed: int, epoch: int) -> Greys:
    """Grey values of a draw on a part of the picture that is not moved."""
    draw = recipe_draw(recipe, generator(seed, epoch, source.index))
    part, margin = window.slices, blur_margin(draw)
    image = source.image[part]
    wide = np.pad(image, margin, mode="symmetric") if margin else image
    image = change_intensity(wide, draw, source.own.levels, window, source.image.shape)
    return greys(image, source.labels[part] > 0, source.valid[part], before)
