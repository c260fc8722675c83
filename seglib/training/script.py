"""Script: the Python that draws what the Augment page shows. Text only; the command line is in `command`. No torch."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

from seglib.augment.recipe import Recipe
from seglib.training.config import DataConfig


def recipe_source(recipe: Recipe) -> str:
    """`recipe = Recipe(…)` with every part that differs from the default; executed, it gives `recipe`."""
    parts = [(f.name, getattr(recipe, f.name)) for f in fields(recipe)]
    changed = [(name, value) for name, value in parts if value != getattr(Recipe(), name)]
    lines = [f"    {name}={value!r},".replace("\n", " ") for name, value in changed]
    return "\n".join(["recipe = Recipe(", *lines, ")"]) if lines else "recipe = Recipe()"


def sample_script(recipe: Recipe, data: DataConfig, index: int, seed: int) -> str:
    """A program that draws sample 1 (epoch 0) of the image number `index`, as training draws and the page shows it.

    data: path, grouping, split and fold of the data set, normalisation and crop. Run in the repository.
    """
    names = [type(getattr(recipe, f.name)).__name__ for f in fields(recipe) if is_dataclass(getattr(recipe, f.name))]
    source = recipe_source(recipe)
    imported = sorted({"Recipe", *(name for name in names if f"={name}(" in source)})
    chosen = [(name, getattr(data, name)) for name in ("grouping", "split", "fold")]
    choices = "".join(f", {name}={value!r}" for name, value in chosen if value is not None)
    lines = [
        "from seglib.augment.pipeline import generator",
        f"from seglib.augment.recipe import {', '.join(imported)}",
        "from seglib.data.dataset import open_dataset",
        "from seglib.training.draws import Normalise, seen",
        "",
        source,
        "",
        f"data = open_dataset({data.path!r}{choices})",
        f"sample = Normalise({data.normalisation!r})(data.sample({index}))",
        f"numbers = generator(seed={seed}, epoch=0, index={index})",
        f"drawn = seen(sample, recipe, numbers, crop_px={data.crop_px})  # crop_px=None: the whole picture",
        "print(drawn.image.shape, drawn.draw)  # with drawn.labels and drawn.valid",
    ]
    return "\n".join(lines) + "\n"
