"""The line of `python -m seglib experiment run` that asks exactly what a design asks. No torch."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

from seglib.exceptions import InputError
from seglib.experiments import ready_made
from seglib.experiments.design import GRID, OPTUNA, TARGET_IOU, Design
from seglib.experiments.factor import Factor
from seglib.settings import build
from seglib.training.command import arguments as of_training
from seglib.training.config import Config, parse_value


def experiment_command(design: Design, preset: str, name: str, recipes: Path | None = None) -> str:
    """The command as it is typed into this system's shell. name: of the experiment's folder; preset: its base's."""
    words = ["python", "-m", "seglib", "experiment", "run", name, *arguments(design, preset, recipes)]
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def arguments(design: Design, preset: str, recipes: Path | None = None) -> list[str]:
    """What follows the name: the question, the seeds, and the base as `train` takes it."""
    base = build(Config, design.base)
    of_base = of_training(base, preset, "x", recipes)
    place = of_base.index("--run")
    return [*_question(design, base), "--seeds", *map(str, design.seeds), *of_base[:place], *of_base[place + 2 :]]


def _question(design: Design, base: Config) -> list[str]:
    asked = ready_id(design, base)
    if asked and design.target_iou == TARGET_IOU:
        return ["--ready", asked]
    words = [word for factor in design.factors for word in ("--factor", typed(factor))]
    words += ["--question", design.question] if design.question else []
    words += ["--sampler", design.sampler] if design.sampler != GRID else []
    words += ["--trials", str(design.n_trials)] if design.sampler == OPTUNA else []
    return words + (["--target", f"{design.target_iou:g}"] if design.target_iou != TARGET_IOU else [])


def ready_id(design: Design, base: Config) -> str:
    """The ready-made question that this is, to the last level; '' if it is none of them."""
    for asked in ready_made.READY.values():
        try:
            same = (asked.factors(base), asked.sampler, asked.question) == (
                design.factors,
                design.sampler,
                design.question,
            )
        except InputError:
            continue
        if same:
            return asked.id
    return ""


def typed(factor: Factor) -> str:
    """`loss.name=bce,dice`, `optimizer.lr=0.0001..0.01:log`; a JSON list where commas would be mistaken."""
    if factor.is_range:
        return f"{factor.key}={factor.low}..{factor.high}{':log' if factor.log else ''}"
    words = [_word(value) for value in factor.values]
    simple = all(w is not None and not set(w) & set(",.[{") for w in words) or all(
        isinstance(v, (int, float)) for v in factor.values
    )
    return f"{factor.key}={','.join(map(str, words)) if simple else json.dumps(list(factor.values))}"


def _word(value: Any) -> str | None:
    """As it is read back alone; None for what is not."""
    word = value if isinstance(value, str) else json.dumps(value)
    return word if parse_value(word) == value else None
