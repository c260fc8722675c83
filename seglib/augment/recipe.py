"""Recipe: which augmentations are applied, how often and how strongly. No pixels here.

Every part has a probability and a range [from, to] that a value is drawn from; limits, units and help stand in the
field metadata, from which the app builds its sliders. `Recipe()` does nothing: all probabilities are 0.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seglib.exceptions import InputError
from seglib.settings import Settings, build, nearest, plain, setting

BORDER_NAMES = ("reflect", "constant")
SHIPPED = ("none", "exercise", "light", "gentle", "strong")
RECIPES_FOLDER = Path(__file__).resolve().parents[2] / "recipes"

# Devices of Windows, which open no file whatever their ending
_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{i}" for port in ("com", "lpt") for i in range(1, 10))}


def _probability(help: str, *, basic: bool = False) -> Any:
    return setting(0.0, help, low=0.0, high=1.0, step=0.05, label="Probability", basic=basic)


@dataclass(frozen=True)
class Elastic(Settings):
    probability: float = _probability("How often cells are bent", basic=True)
    displacement_px: tuple[float, float] = setting(
        (1.0, 3.0),
        "Standard deviation of the displacement along each axis: how far pixels move",
        low=0.0,
        high=40.0,
        step=0.5,
        unit="px",
        label="Displacement",
        basic=True,
    )
    sigma_px: tuple[float, float] = setting(
        (16.0, 24.0),
        "Smoothness: pixels closer than this move together; small = ripples within a cell, large = whole cells lean",
        low=3.0,
        high=200.0,
        step=1.0,
        unit="px",
        label="Sigma",
        basic=True,
    )

    @staticmethod
    def folding_limit(sigma_px: float) -> float:
        """Largest displacement_px (standard deviation) at which a field of smoothness `sigma_px` does not fold.

        The field is white noise under a Gaussian of sigma s, so each derivative of a displacement of standard
        deviation d has standard deviation g = d / (s √2). The map p + u(p) folds where I + ∇u becomes singular, which
        needs a Frobenius norm of at least 1 in ∇u, of probability about exp(-1 / 2g²) at a place. d = s / 5 makes
        that exp(-25), about 1e-11: no fold in any number of images a person trains on.
        """
        return 0.2 * sigma_px


@dataclass(frozen=True)
class Rotation(Settings):
    probability: float = _probability("How often the picture is rotated by any angle", basic=True)
    angle_deg: tuple[float, float] = setting(
        (-180.0, 180.0),
        "Angle, counterclockwise, about the middle of the picture",
        low=-180.0,
        high=180.0,
        step=1.0,
        unit="°",
        label="Angle",
        basic=True,
    )


@dataclass(frozen=True)
class Scale(Settings):
    probability: float = _probability("How often cells are made larger or smaller")
    factor: tuple[float, float] = setting(
        (0.8, 1.25),
        "Size after / size before; 2 = twice as large; halving is as likely as doubling",
        low=0.5,
        high=2.0,
        step=0.05,
        unit="×",
        label="Factor",
    )


@dataclass(frozen=True)
class Flip(Settings):
    probability: float = _probability("How often the picture is mirrored, left-right and up-down each on its own")


@dataclass(frozen=True)
class QuarterTurns(Settings):
    probability: float = _probability("How often it is turned by 90°, 180° or 270°; 0.75 makes all four equally likely")


@dataclass(frozen=True)
class Brightness(Settings):
    probability: float = _probability("How often the whole picture is made lighter or darker")
    shift: tuple[float, float] = setting(
        (-0.1, 0.1),
        "Added to every pixel, as a share of the picture's own grey range",
        low=-1.0,
        high=1.0,
        step=0.01,
        unit="of range",
        label="Shift",
    )


@dataclass(frozen=True)
class Contrast(Settings):
    probability: float = _probability("How often contrast is changed")
    factor: tuple[float, float] = setting(
        (0.8, 1.25),
        "Distance of every pixel from the middle grey is multiplied by this",
        low=0.25,
        high=4.0,
        step=0.05,
        unit="×",
        label="Factor",
    )


@dataclass(frozen=True)
class Gamma(Settings):
    probability: float = _probability("How often middle greys are moved while black and white stay")
    exponent: tuple[float, float] = setting(
        (0.8, 1.25),
        "Power of the grey value between the picture's black and white; above 1 = darker middle",
        low=0.25,
        high=4.0,
        step=0.05,
        label="Exponent",
    )


@dataclass(frozen=True)
class Blur(Settings):
    probability: float = _probability("How often the picture goes out of focus")
    sigma_px: tuple[float, float] = setting(
        (0.3, 1.0), "Width of the Gaussian blur", low=0.0, high=10.0, step=0.1, unit="px", label="Sigma"
    )


@dataclass(frozen=True)
class Noise(Settings):
    probability: float = _probability("How often grain is added")
    deviation: tuple[float, float] = setting(
        (0.0, 0.05),
        "Standard deviation of the grain, as a share of the picture's own grey range",
        low=0.0,
        high=0.5,
        step=0.01,
        unit="of range",
        label="Strength",
    )


@dataclass(frozen=True)
class Background(Settings):
    probability: float = _probability("How often uneven light is added")
    amplitude: tuple[float, float] = setting(
        (0.0, 0.1),
        "Standard deviation of the uneven light, as a share of the picture's own grey range",
        low=0.0,
        high=1.0,
        step=0.01,
        unit="of range",
        label="Strength",
    )
    width: tuple[float, float] = setting(
        (0.2, 0.5),
        "How broad the light and dark patches are, as a share of the picture's longer side",
        low=0.05,
        high=1.0,
        step=0.05,
        unit="of side",
        label="Width",
    )


@dataclass(frozen=True)
class Recipe(Settings):
    """All parts of an augmentation; elastic and rotation first, as the page shows them."""

    elastic: Elastic = field(default_factory=Elastic)
    rotation: Rotation = field(default_factory=Rotation)
    scale: Scale = field(default_factory=Scale)
    flip: Flip = field(default_factory=Flip)
    quarter_turns: QuarterTurns = field(default_factory=QuarterTurns)
    brightness: Brightness = field(default_factory=Brightness)
    contrast: Contrast = field(default_factory=Contrast)
    gamma: Gamma = field(default_factory=Gamma)
    blur: Blur = field(default_factory=Blur)
    noise: Noise = field(default_factory=Noise)
    background: Background = field(default_factory=Background)
    border: str = setting(
        "reflect",
        "What fills the corners outside the picture: its mirror image, or its middle grey; never trained on either way",
        choices=BORDER_NAMES,
    )

    def warnings(self) -> list[str]:
        """One sentence for each setting that is allowed but hardly meant."""
        elastic, found = self.elastic, []
        strongest, sharpest = elastic.displacement_px[1], elastic.sigma_px[0]
        limit = Elastic.folding_limit(sharpest)
        if elastic.probability > 0 and strongest > limit:
            found.append(
                f"Elastic displacement of {strongest:g} px at sigma {sharpest:g} px can fold cells over themselves; "
                f"keep it at {limit:.3g} px or below, "
                f"or sigma at {strongest / Elastic.folding_limit(1.0):.3g} px or above."
            )
        return found


def load_recipe(name_or_file: str | Path, folder: Path | None = None) -> Recipe:
    """The recipe `name` in `folder` (default: the repository's recipes/), or the JSON file at a path.

    A text that ends in .json or holds a slash is a path. Raises InputError naming the file, or the nearest name.
    """
    text = str(name_or_file)
    folder = RECIPES_FOLDER if folder is None else Path(folder)
    if text.endswith(".json") or "/" in text or "\\" in text:
        return _read(Path(text))
    known = list_recipes(folder)
    if text not in known:
        raise InputError(f"recipe is {text!r}; known in {folder}: {', '.join(known) or 'none'}.{nearest(text, known)}")
    return _read(folder / f"{text}.json")


def save_recipe(recipe: Recipe, name: str, folder: Path | None = None, overwrite: bool = False) -> Path:
    """Write `recipe` to folder/name.json, whole or not at all; the file's path.

    Raises InputError for a name that could be a path, one that ships with the program, or one that exists (unless
    `overwrite`).
    """
    folder = RECIPES_FOLDER if folder is None else Path(folder)
    path = folder / f"{check_name(name)}.json"
    if path.exists() and not overwrite:
        raise InputError(f"recipe {path} exists; choose another name or overwrite it.")
    folder.mkdir(parents=True, exist_ok=True)
    _write(path, recipe_json(recipe))
    return path


def check_name(name: str) -> str:
    """`name`, if a recipe of one's own may be called so. Raises InputError."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name) or name.lower() in _RESERVED:
        raise InputError(f"recipe name is {name!r}; allowed: 1 to 64 letters, digits, - and _.")
    if name.lower() in SHIPPED:
        raise InputError(f"recipe {name!r} ships with the program and is kept as it is; choose another name.")
    return name


def list_recipes(folder: Path | None = None) -> list[str]:
    """Names in `folder`: the shipped ones first, from weak to strong, then the others by name."""
    folder = RECIPES_FOLDER if folder is None else Path(folder)
    names = {file.stem for file in folder.glob("*.json")}
    return [name for name in SHIPPED if name in names] + sorted(names - set(SHIPPED))


def recipe_json(recipe: Recipe) -> str:
    """The text of a recipe file; every key is written, so that it means the same after a default changes."""
    return json.dumps(plain(recipe), indent=2) + "\n"


def _read(file: Path) -> Recipe:
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"recipe {file} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise InputError(f"recipe {file} is not JSON: {error}.") from None
    try:
        return build(Recipe, values)
    except InputError as error:
        raise InputError(f"recipe {file}: {error}") from None


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise InputError(f"recipe {path} cannot be written: {error.strerror}.") from None
