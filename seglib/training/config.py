"""Config: everything that decides a training run, as frozen settings. No torch here: the app's form reads this.

`config.json`, `--config`, `--set` and the form use the same keys; `resolve` lays preset, file and single settings
over each other, later wins.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seglib.augment.recipe import Recipe, load_recipe
from seglib.data.normalise import NORMALISATION_NAMES
from seglib.exceptions import InputError
from seglib.settings import Settings, build, merge, nearest, nest, plain, setting

ACTIVATION_NAMES = ("relu", "leaky_relu", "elu", "gelu", "silu")
NORM_NAMES = ("none", "batch", "instance", "group", "layer")
DOWNSAMPLING_NAMES = ("max_pool", "average_pool", "strided_convolution")
UPSAMPLING_NAMES = ("nearest", "bilinear", "transposed_convolution")
MERGE_NAMES = ("concatenate", "add")
LOSS_NAMES = ("bce", "dice", "bce_dice", "focal", "tversky", "weighted_bce")
OPTIMIZER_NAMES = ("adam", "adamw", "sgd")
SCHEDULE_NAMES = ("constant", "cosine", "one_cycle")
PRECISION_NAMES = ("auto", "float32", "bfloat16")
DEVICE_NAMES = ("auto", "cuda", "mps", "cpu")


@dataclass(frozen=True)
class DataConfig(Settings):
    path: str = setting("", "Folder of the data set: images/ and masks/, or a dataset.csv", basic=True)
    grouping: str | None = setting(
        None,
        "How pictures belong together without a csv: by name before the frame number, or each file on its own",
        choices=("name", "file"),
    )
    split: str | None = setting(
        None, "Without a csv: by group, or blocks of one movie in time (not independent)", choices=("group", "blocks")
    )
    fold: int | None = setting(None, "Use this fold of dataset.csv as validation set", low=0, high=99)
    normalisation: str = setting(
        "zscore", "How grey values are brought to one scale, image by image", choices=NORMALISATION_NAMES, basic=True
    )
    crop_px: int = setting(
        256, "Side of the square the network sees in training", low=16, high=4096, step=16, unit="px"
    )


@dataclass(frozen=True)
class ModelConfig(Settings):
    name: str = setting("UNet", "Class of the network; classes in your_models.py appear here by name", basic=True)
    depth: int = setting(4, "Number of downscalings", low=0, high=8, basic=True)
    channels: int = setting(16, "Feature maps at full resolution", low=1, high=512, basic=True)
    growth: float = setting(2.0, "Factor on the channels from level to level", low=1.0, high=4.0, step=0.25)
    max_channels: int = setting(512, "No level gets more channels than this", low=1, high=4096)
    convs_per_block: int = setting(2, "Convolutions in each encoder and decoder module", low=1, high=6)
    kernel_size: int = setting(3, "Side of the convolution kernels, odd", low=1, high=11, step=2, unit="px")
    activation: str = setting("relu", "Non-linearity after each convolution", choices=ACTIVATION_NAMES)
    norm: str = setting("batch", "Normalisation layer after each convolution", choices=NORM_NAMES, basic=True)
    dropout: float = setting(
        0.0, "Share of channels dropped after each block in training", low=0.0, high=0.9, step=0.05
    )
    downsampling: str = setting("max_pool", "How resolution is halved", choices=DOWNSAMPLING_NAMES)
    upsampling: str = setting("nearest", "How resolution is doubled", choices=UPSAMPLING_NAMES)
    merge: str = setting("concatenate", "How the skip connection joins the decoder", choices=MERGE_NAMES)
    residual: bool = setting(
        False, "Add each block's input to its output (1×1 projection where channels change)", basic=True
    )
    extra: dict = setting({}, "Arguments of a class of your own, by name")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kernel_size % 2 == 0:
            raise InputError(f"kernel_size is {self.kernel_size}; it must be odd so that the output keeps its size.")


@dataclass(frozen=True)
class LossConfig(Settings):
    name: str = setting("bce_dice", "What the training minimises", choices=LOSS_NAMES, basic=True)
    bce_weight: float = setting(
        0.5, "bce_dice: share of the cross entropy; the rest is Dice", low=0.0, high=1.0, step=0.05
    )
    epsilon: float = setting(
        1.0,
        "dice, bce_dice, tversky: added to numerator and denominator sums so that an empty target has a gradient",
        low=1e-8,
        high=1e4,
        unit="px",
    )
    gamma: float = setting(
        2.0, "focal: how strongly easy pixels are played down; 0 = plain bce", low=0.0, high=10.0, step=0.5
    )
    alpha: float = setting(0.5, "tversky: weight of false positives", low=0.0, high=1.0, step=0.05)
    beta: float = setting(0.5, "tversky: weight of false negatives", low=0.0, high=1.0, step=0.05)
    border_weight: float = setting(
        10.0,
        "weighted_bce: extra weight of the gap between touching cells (w0 of the U-Net paper)",
        low=0.0,
        high=100.0,
    )
    border_sigma_px: float = setting(5.0, "weighted_bce: how far that weight reaches", low=0.5, high=50.0, unit="px")


@dataclass(frozen=True)
class OptimizerConfig(Settings):
    name: str = setting("adamw", "Optimiser", choices=OPTIMIZER_NAMES)
    lr: float = setting(1e-3, "Learning rate (the peak, for cosine and one-cycle)", low=1e-7, high=10.0, basic=True)
    weight_decay: float = setting(1e-4, "Pull of the weights towards zero", low=0.0, high=1.0)
    schedule: str = setting("one_cycle", "How the learning rate moves over the steps", choices=SCHEDULE_NAMES)
    clip_norm: float | None = setting(
        1.0, "Gradients longer than this are shortened to it; empty = never", low=1e-6, high=1e6
    )


@dataclass(frozen=True)
class TrainingConfig(Settings):
    batch_size: int = setting(4, "Samples per step", low=1, high=1024, basic=True)
    epochs: int | None = setting(None, "Stop after this many epochs", low=1, high=1_000_000)
    steps: int | None = setting(None, "Stop after this many steps", low=1, high=100_000_000)
    minutes: float | None = setting(
        6.0, "Stop after this many minutes of training and validation", low=0.01, high=100_000.0, unit="min", basic=True
    )
    seed: int = setting(0, "Decides every random draw", low=0, high=2**31 - 1)
    precision: str = setting("auto", "bfloat16 where the device is fast at it, else float32", choices=PRECISION_NAMES)
    device: str = setting("auto", "Where to compute: cuda, mps or cpu", choices=DEVICE_NAMES)
    workers: int = setting(0, "Processes that prepare samples; 0 = a thread of the trainer", low=0, high=64)
    validate_every: int | None = setting(
        None, "Steps between validations; empty = about ten times a run", low=1, high=1_000_000, unit="steps"
    )
    patience: int | None = setting(
        None, "Stop after this many validations without a better IoU; empty = never", low=1, high=10_000
    )
    ema: float = setting(
        0.0, "Decay of the running average of the weights that is validated and kept; 0 = none", low=0.0, high=0.99999
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.epochs is None and self.steps is None and self.minutes is None:
            raise InputError("training.epochs, steps and minutes are all empty: no end of training is set; set one.")


@dataclass(frozen=True)
class Config(Settings):
    data: DataConfig = field(default_factory=DataConfig)
    recipe: Recipe = field(default_factory=Recipe)
    model: ModelConfig = field(default_factory=ModelConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)


BUDGET = ("epochs", "steps", "minutes")  # asking for epochs says that the minutes of a preset no longer count

PRESETS: dict[str, dict[str, Any]] = {
    "quick": {
        "recipe": "light",
        "model.channels": 8,
        "optimizer.lr": 4e-3,
        "training.ema": 0.99,
        "training.minutes": 6.0,
    },
    "exercise": {
        "recipe": "exercise",
        "model.depth": 5,
        "model.channels": 16,
        "model.norm": "none",
        "loss.name": "dice",
        "optimizer.name": "adam",
        "optimizer.lr": 1e-4,
        "optimizer.weight_decay": 0.0,
        "optimizer.schedule": "constant",
        "optimizer.clip_norm": None,
        "training.batch_size": 4,
        "training.epochs": 20,
    },
    "best": {
        "recipe": "light",
        "model.channels": 16,
        "optimizer.lr": 3e-3,
        "training.ema": 0.995,
        "training.minutes": 30.0,
    },
}


def parse_value(text: str) -> Any:
    """A value of `--set key=value`: JSON where it parses, else the text itself."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def resolve(
    preset: str = "quick",
    file: Path | None = None,
    settings: Mapping[str, Any] | None = None,
    recipes: Path | None = None,
) -> Config:
    """The config of preset, then JSON file, then single dotted settings; later wins.

    Raises InputError for an unknown preset, key or recipe, and for a value out of its range.
    """
    if preset not in PRESETS:
        raise InputError(f"preset is {preset!r}; allowed: {', '.join(PRESETS)}.{nearest(preset, PRESETS)}")
    values: dict[str, Any] = {}
    for layer in (*_layers(PRESETS[preset]), _read(file) if file else {}, *_layers(settings or {})):
        values = _lay(values, layer, recipes)
    return build(Config, values)


def _layers(settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Single settings as layers: a whole recipe first, so that `recipe=strong` and one of its fields go together."""
    fields = {key: value for key, value in settings.items() if key != "recipe"}
    return [{"recipe": settings["recipe"]} if "recipe" in settings else {}, nest(fields)]


def _lay(base: dict[str, Any], layer: Mapping[str, Any], recipes: Path | None) -> dict[str, Any]:
    """`layer` over `base`; a recipe by name or file replaces the whole recipe below it, a budget the whole budget."""
    layer = dict(layer)
    if isinstance(layer.get("recipe"), str):
        base, layer["recipe"] = {**base, "recipe": {}}, plain(load_recipe(layer["recipe"], recipes))
    budget = layer.get("training") if isinstance(layer.get("training"), Mapping) else {}
    if any(key in budget for key in BUDGET):
        base = merge(base, {"training": dict.fromkeys(BUDGET)})
    return merge(base, layer)


def _read(file: Path) -> dict[str, Any]:
    try:
        values = json.loads(Path(file).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"config {file} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise InputError(f"config {file} is not JSON: {error}.") from None
    if not isinstance(values, dict):
        raise InputError(f"config {file} holds {type(values).__name__}; it must be a JSON object of settings.")
    return values


def to_json(config: Config) -> str:
    return json.dumps(plain(config), indent=2) + "\n"


def read_config(file: Path) -> Config:
    """The config of a run folder; every key as it was stored."""
    return build(Config, _read(file))
