"""Axes: the augmentation parameters whose effect on a network can be mapped, and the values it is asked at. No torch.

An axis is a range of the recipe: limits, unit and label are those of its field, and one value of it is one field of a
Draw.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from seglib.augment.recipe import Recipe
from seglib.exceptions import InputError
from seglib.settings import Spec, nearest, specs

MOST_VALUES = 25
_SPECS: dict[str, Spec] = {spec.path: spec for spec in specs(Recipe)}


@dataclass(frozen=True)
class Axis:
    """path: field of the recipe. field: of the Draw. neutral: the value that changes nothing. low, high, n: the values
    offered first, evenly spaced, for factors (neutral 1) by their ratio."""

    path: str
    field: str
    title: str
    neutral: float
    low: float
    high: float
    n: int

    @property
    def spec(self) -> Spec:
        return _SPECS[self.path]

    @property
    def part(self) -> str:
        """Name of the recipe's part, which holds the probability."""
        return self.path.partition(".")[0]

    @property
    def unit(self) -> str:
        return self.spec.unit

    def said(self, value: float) -> str:
        """`−30°`, `4 px`, `1.5×`, `0.1 of range`."""
        number = f"{value:.3g}".replace("-", "−")
        return f"{number}{self.unit}" if self.unit in ("°", "×") else f"{number} {self.unit}".rstrip()

    def values(self, low: float | None = None, high: float | None = None, n: int | None = None) -> tuple[float, ...]:
        """`n` increasing values from low to high; the one nearest to no change is set to no change exactly.

        Raises InputError for a range or a number that is not allowed.
        """
        low, high, n = self.low if low is None else low, self.high if high is None else high, n or self.n
        if not 2 <= n <= MOST_VALUES:
            raise InputError(f"{self.path}: {n} values; allowed: 2 to {MOST_VALUES}.")
        if not low < high:
            raise InputError(f"{self.path}: from {low:g} to {high:g}; the first number must be below the second.")
        self._check_limits((low, high))
        spread = np.geomspace if self.neutral == 1 else np.linspace
        found = [float(f"{value:.3g}") for value in spread(low, high, n)]
        if low <= self.neutral <= high:
            distances = [abs(self._place(value) - self._place(self.neutral)) for value in found]
            found[distances.index(min(distances))] = self.neutral
        return self.checked(found)

    def checked(self, values: object) -> tuple[float, ...]:
        """`values` if they can be mapped. Raises InputError: none, too many, not increasing, beyond the limits."""
        try:
            found = tuple(float(value) for value in values)
        except (TypeError, ValueError):
            raise InputError(f"{self.path}: {values!r} are no numbers.") from None
        if not 1 <= len(found) <= MOST_VALUES:
            raise InputError(f"{self.path}: {len(found)} values; allowed: 1 to {MOST_VALUES}.")
        self._check_limits(found)
        if any(b <= a for a, b in pairwise(found)):
            raise InputError(f"{self.path}: {', '.join(f'{v:g}' for v in found)}; each value must exceed the last.")
        return found

    def _check_limits(self, values: tuple[float, ...]) -> None:
        low, high = self.spec.low, self.spec.high
        for value in values:
            if not low <= value <= high:
                raise InputError(f"{self.path} is {value:g}; allowed: from {self.said(low)} to {self.said(high)}.")

    def _place(self, value: float) -> float:
        return math.log(value) if self.neutral == 1 else value

    def nearest_to_neutral(self, values: tuple[float, ...]) -> int:
        """Position of the value that changes least."""
        return min(range(len(values)), key=lambda i: abs(self._place(values[i]) - self._place(self.neutral)))

    def reach(self, recipe: Recipe) -> tuple[float, float]:
        """From where to where a training with `recipe` sees this parameter; (neutral, neutral) if never changed.

        A part that does not happen to every sample leaves the others as they are, so no change is within.
        """
        low, high = getattr(getattr(recipe, self.part), self.path.partition(".")[2])
        probability = getattr(recipe, self.part).probability
        if probability == 0:
            return self.neutral, self.neutral
        return (low, high) if probability == 1 else (min(low, self.neutral), max(high, self.neutral))


def _axes(*axes: Axis) -> dict[str, Axis]:
    return {axis.path: axis for axis in axes}


AXES: dict[str, Axis] = _axes(
    Axis("rotation.angle_deg", "angle_deg", "Rotation", 0.0, 0.0, 90.0, 7),
    Axis("elastic.displacement_px", "displacement_px", "Elastic displacement", 0.0, 0.0, 6.0, 5),
    Axis("scale.factor", "scale", "Scale", 1.0, 0.5, 2.0, 7),
    Axis("gamma.exponent", "gamma", "Gamma", 1.0, 0.4, 2.5, 7),
    Axis("blur.sigma_px", "blur_sigma_px", "Blur", 0.0, 0.0, 4.0, 5),
    Axis("brightness.shift", "brightness", "Brightness", 0.0, -0.6, 0.6, 7),
    Axis("contrast.factor", "contrast", "Contrast", 1.0, 0.4, 2.5, 7),
    Axis("noise.deviation", "noise", "Noise", 0.0, 0.0, 0.2, 5),
    Axis("background.amplitude", "background", "Uneven light", 0.0, 0.0, 0.4, 5),
)


def axis(path: str) -> Axis:
    """The axis of that recipe field. Raises InputError naming those there are."""
    if path not in AXES:
        raise InputError(f"{path!r} cannot be mapped; allowed: {', '.join(AXES)}.{nearest(path, AXES)}")
    return AXES[path]
