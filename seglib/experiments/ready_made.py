"""Ready-made questions: what people of this field ask first, as designs around a base config. Pure data, no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seglib.data.normalise import NORMALISATION_NAMES
from seglib.exceptions import InputError
from seglib.experiments.design import GRID, ONE_AT_A_TIME, Design
from seglib.experiments.factor import Factor
from seglib.settings import Settings, build, nearest, plain
from seglib.training.config import Config

LOSSES = Factor("loss.name", ("bce", "dice", "bce_dice"))
NORMS = Factor(
    "model.norm", ("none", "batch", "instance", "group"), ("no norm", "batch norm", "instance norm", "group norm")
)
RESIDUAL = Factor("model.residual", (False, True), ("plain", "residual"))
NORMALISATION = Factor("data.normalisation", NORMALISATION_NAMES)

_TURNS = {"flip": {"probability": 0.5}, "quarter_turns": {"probability": 0.75}}
_ANGLE = {"flip": {"probability": 0.5}, "rotation": {"probability": 1.0, "angle_deg": [-180.0, 180.0]}}
_ELASTIC = {"elastic": {"probability": 0.5, "displacement_px": [1.0, 3.0], "sigma_px": [16.0, 24.0]}}
AUGMENTATIONS = Factor(
    "recipe",
    ({}, _TURNS, _ANGLE, {**_ANGLE, **_ELASTIC}),
    ("no augmentation", "flips and quarter turns", "flips and any angle", "flips, any angle and elastic"),
)


@dataclass(frozen=True)
class Ready:
    """question: as a person asks it. about: what the runs differ in, and what the answer can and cannot say."""

    id: str
    question: str
    about: str
    factors: Callable[[Config], tuple[Factor, ...]]
    sampler: str = GRID


def _architecture(base: Config) -> tuple[Factor, ...]:
    """Around the base: a level more and one less, half and twice the channels, and each other way of doing a thing."""
    depth, channels = base.model.depth, base.model.channels
    return (
        Factor("model.depth", tuple(d for d in (depth - 1, depth, depth + 1) if 0 <= d <= 8)),
        Factor("model.channels", tuple(sorted({max(1, channels // 2), channels, min(512, 2 * channels)}))),
        Factor("model.activation", ("relu", "leaky_relu", "elu")),
        Factor("model.downsampling", ("max_pool", "strided_convolution")),
        Factor("model.upsampling", ("nearest", "bilinear", "transposed_convolution")),
    )


READY: dict[str, Ready] = {
    ready.id: ready
    for ready in (
        Ready(
            "which_loss",
            "Which loss?",
            "Cross entropy, Dice, or half of each; all else as in the base.",
            lambda base: (LOSSES,),
        ),
        Ready(
            "which_norm",
            "Does a norm help?",
            "No norm, batch, instance and group norm, each with cross entropy and with Dice, because a norm that helps "
            "one loss need not help the other. The learning rate is the base's; without a norm a smaller one may do "
            "better.",
            lambda base: (NORMS, Factor("loss.name", ("bce", "dice"))),
        ),
        Ready(
            "residual",
            "Residual or plain?",
            "Blocks that add their input to their output, against blocks that do not.",
            lambda base: (RESIDUAL,),
        ),
        Ready(
            "which_architecture",
            "Which architecture?",
            "Depth, channels, activation, pooling or strided, nearest, bilinear or transposed: one of them changed at "
            "a time, the others as in the base. So it says what one change does to this base. It cannot say what two "
            "do together, nor that the best of each make the best network: for that, cross two or three factors in a "
            "grid. With a budget in minutes a larger network makes fewer steps: the answer is then per minute, not per "
            "step.",
            _architecture,
            ONE_AT_A_TIME,
        ),
        Ready(
            "which_augmentation",
            "Which augmentation?",
            "None, flips and quarter turns, any angle, and any angle with elastic bending.",
            lambda base: (AUGMENTATIONS,),
        ),
        Ready(
            "which_normalisation",
            "Which normalisation of the images?",
            "Every way the grey values of an image can be brought to one scale.",
            lambda base: (NORMALISATION,),
        ),
    )
}


def ready(question_id: str) -> Ready:
    """Raises InputError naming the nearest."""
    if question_id not in READY:
        raise InputError(
            f"no ready-made question {question_id!r}; there are: {', '.join(READY)}.{nearest(question_id, READY)}"
        )
    return READY[question_id]


def design(
    question_id: str, base_config: Config | Mapping[str, Any], seeds: Sequence[int] = (0, 1), name: str = ""
) -> Design:
    """The design of a ready-made question around a base; its budget is that of every run."""
    asked = ready(question_id)
    base = base_config if isinstance(base_config, Settings) else build(Config, base_config)
    factors = asked.factors(base)
    return Design(name or asked.question, asked.question, plain(base), factors, tuple(seeds), asked.sampler)
