"""Draw: one concrete augmentation, every value fixed. Sampled from a recipe, or written down by hand for a preview."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seglib.augment.recipe import BORDER_NAMES, Recipe
from seglib.exceptions import InputError


@dataclass(frozen=True)
class Draw:
    """What happens to one picture. The defaults leave it as it is; the seeds decide fields and grain.

    Geometry, in this order: quarter_turns (counterclockwise), flips, rotation and scale about the middle, bending.
    Units and meanings of the values are those of the recipe's fields.
    """

    flip_rows: bool = False
    flip_cols: bool = False
    quarter_turns: int = 0
    angle_deg: float = 0.0
    scale: float = 1.0
    displacement_px: float = 0.0
    sigma_px: float = 20.0
    elastic_seed: int = 0
    brightness: float = 0.0
    contrast: float = 1.0
    gamma: float = 1.0
    blur_sigma_px: float = 0.0
    noise: float = 0.0
    noise_seed: int = 0
    background: float = 0.0
    background_width: float = 0.3
    background_seed: int = 0
    border: str = "reflect"

    def __post_init__(self) -> None:
        if self.border not in BORDER_NAMES:
            raise InputError(f"border is {self.border!r}; allowed: {', '.join(BORDER_NAMES)}.")
        for name in ("scale", "sigma_px", "contrast", "gamma", "background_width"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name} is {getattr(self, name)}; it must be above 0.")

    @property
    def interpolates(self) -> bool:
        """False: only flips and quarter turns, which move pixels and change none."""
        return self.angle_deg != 0 or self.scale != 1 or self.displacement_px != 0

    @property
    def changes_intensity(self) -> bool:
        changed = self.brightness, self.contrast != 1, self.gamma != 1, self.blur_sigma_px, self.noise, self.background
        return any(changed)


def recipe_draw(recipe: Recipe, rng: np.random.Generator, odd_turns: bool = True) -> Draw:
    """A draw from `recipe`.

    Takes the same count of numbers from `rng` whatever the recipe says: with the seed held, moving one slider moves
    only what it names. `odd_turns=False` (a picture that must keep unequal height and width) draws half turns only.
    """
    # two numbers for every part, whether it happens or not; four places are spare: append, never insert
    chance, place = rng.random(16), rng.random(16)
    seeds = [int(seed) for seed in rng.integers(0, 2**63, 3)]

    def value(part: int, probability: float, limits: tuple[float, float], otherwise: float = 0.0) -> float:
        return _between(limits, place[part]) if chance[part] < probability else otherwise

    def factor(part: int, probability: float, limits: tuple[float, float]) -> float:
        """Geometric, so that halving is as likely as doubling."""
        return float(np.exp(value(part, probability, (np.log(limits[0]), np.log(limits[1])))))

    turns = int(value(4, recipe.quarter_turns.probability, (1.0, 4.0)))
    return Draw(
        flip_rows=bool(chance[5] < recipe.flip.probability),
        flip_cols=bool(chance[6] < recipe.flip.probability),
        quarter_turns=turns if odd_turns else 2 * turns % 4,
        angle_deg=value(1, recipe.rotation.probability, recipe.rotation.angle_deg),
        scale=factor(2, recipe.scale.probability, recipe.scale.factor),
        displacement_px=value(0, recipe.elastic.probability, recipe.elastic.displacement_px),
        sigma_px=_between(recipe.elastic.sigma_px, place[3]),
        elastic_seed=seeds[0],
        brightness=value(7, recipe.brightness.probability, recipe.brightness.shift),
        contrast=factor(8, recipe.contrast.probability, recipe.contrast.factor),
        gamma=factor(9, recipe.gamma.probability, recipe.gamma.exponent),
        blur_sigma_px=value(10, recipe.blur.probability, recipe.blur.sigma_px),
        noise=value(11, recipe.noise.probability, recipe.noise.deviation),
        noise_seed=seeds[1],
        background=value(12, recipe.background.probability, recipe.background.amplitude),
        background_width=_between(recipe.background.width, place[13]),
        background_seed=seeds[2],
        border=recipe.border,
    )


def _between(limits: tuple[float, float], place: float) -> float:
    return float(limits[0] + place * (limits[1] - limits[0]))
