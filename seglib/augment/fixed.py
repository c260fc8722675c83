"""Fixed: one draw as settings, each value exactly as given, with the limits of the recipe's ranges. No pixels here.

What the preview's "Exactly this" is built from, and how a draw is written to and read from JSON. Seeds have up to 19
digits, more than a browser's numbers hold, so they are texts of digits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Any

from seglib.augment.draw import Draw
from seglib.augment.recipe import BORDER_NAMES, Elastic, Recipe
from seglib.exceptions import InputError
from seglib.settings import Settings, setting, specs

SEEDS = ("elastic_seed", "noise_seed", "background_seed")
_OF_RECIPE = {spec.path: spec for spec in specs(Recipe)}


def _like(path: str, default: float, label: str) -> Any:
    """A single value with the limits, step, unit and help of a range of the recipe."""
    spec = _OF_RECIPE[path]
    return setting(default, spec.help, low=spec.low, high=spec.high, step=spec.step, unit=spec.unit, label=label)


def _seed(what: str) -> Any:
    return setting("0", f"Decides {what}; a whole number in digits")


@dataclass(frozen=True)
class Fixed(Settings):
    """The values of a `Draw` in the order the page shows them; the defaults leave the picture as it is."""

    displacement_px: float = _like("elastic.displacement_px", 0.0, "Displacement")
    sigma_px: float = _like("elastic.sigma_px", 20.0, "Sigma")
    angle_deg: float = _like("rotation.angle_deg", 0.0, "Angle")
    scale: float = _like("scale.factor", 1.0, "Scale")
    flip_cols: bool = setting(False, "Mirror left and right", label="Flip left-right")
    flip_rows: bool = setting(False, "Mirror top and bottom", label="Flip up-down")
    quarter_turns: int = setting(0, "Turns by 90°, counterclockwise", low=0, high=3, step=1, label="Quarter turns")
    border: str = setting("reflect", _OF_RECIPE["border"].help, choices=BORDER_NAMES)
    brightness: float = _like("brightness.shift", 0.0, "Brightness")
    contrast: float = _like("contrast.factor", 1.0, "Contrast")
    gamma: float = _like("gamma.exponent", 1.0, "Gamma")
    blur_sigma_px: float = _like("blur.sigma_px", 0.0, "Blur")
    noise: float = _like("noise.deviation", 0.0, "Noise")
    background: float = _like("background.amplitude", 0.0, "Uneven light")
    background_width: float = _like("background.width", 0.3, "Width of the light")
    elastic_seed: str = _seed("which way it bends")
    noise_seed: str = _seed("the grain")
    background_seed: str = _seed("where it is light and dark")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in SEEDS:
            if not re.fullmatch(r"[0-9]{1,19}", getattr(self, name)):
                raise InputError(f"{name} is {getattr(self, name)[:40]!r}; allowed: 1 to 19 digits.")

    @classmethod
    def of(cls, draw: Draw) -> Fixed:
        """The same draw as settings: `Fixed.of(draw).draw() == draw`."""
        values = {f.name: getattr(draw, f.name) for f in fields(cls)}
        return cls(**{name: str(value) if name in SEEDS else value for name, value in values.items()})

    def draw(self) -> Draw:
        """The draw of these values."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return Draw(**{name: int(value) if name in SEEDS else value for name, value in values.items()})

    def warnings(self) -> list[str]:
        """One sentence where the bending can fold, as a recipe of these values would say it."""
        bent = (self.displacement_px,) * 2, (self.sigma_px,) * 2
        return Recipe(elastic=Elastic(float(self.displacement_px > 0), *bent)).warnings()


def described(draw: Draw) -> str:
    """What a draw does, in one line: `bent 2.1 px (sigma 18 px) · rotated 37°`; `unchanged` for none of it."""
    mirrored = {(1, 0): "mirrored up-down", (0, 1): "mirrored left-right", (1, 1): "mirrored both ways"}
    parts = {
        f"bent {draw.displacement_px:.1f} px (sigma {draw.sigma_px:.0f} px)": draw.displacement_px,
        f"rotated {draw.angle_deg:.1f}°": draw.angle_deg,
        f"scaled × {draw.scale:.2f}": draw.scale != 1,
        mirrored.get((int(draw.flip_rows), int(draw.flip_cols)), ""): draw.flip_rows or draw.flip_cols,
        f"turned {90 * (draw.quarter_turns % 4)}°": draw.quarter_turns % 4,
        f"brightness {draw.brightness:+.2f}": draw.brightness,
        f"contrast × {draw.contrast:.2f}": draw.contrast != 1,
        f"gamma {draw.gamma:.2f}": draw.gamma != 1,
        f"blur {draw.blur_sigma_px:.1f} px": draw.blur_sigma_px,
        f"noise {draw.noise:.3f}": draw.noise,
        f"uneven light {draw.background:.2f}": draw.background,
    }
    return " · ".join(text for text, happens in parts.items() if happens) or "unchanged"
