"""Design: the question of an experiment as data: base config, factors, seeds, and how combinations are chosen.

Nothing here touches the disk but for recipes named and the data set that `check` opens. No torch.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from seglib.augment.recipe import Recipe, load_recipe
from seglib.data.dataset import open_dataset
from seglib.exceptions import InputError
from seglib.experiments import factor as factors_
from seglib.experiments.factor import RECIPE, Factor, same
from seglib.models.listing import check_name
from seglib.runs.store import located
from seglib.settings import build, flatten, merge, nearest, nest, plain
from seglib.training.config import BUDGET, Config

GRID, ONE_AT_A_TIME, OPTUNA = "grid", "one_at_a_time", "optuna"
SAMPLERS = (GRID, ONE_AT_A_TIME, OPTUNA)
MOST_TRIALS = 1000
TARGET_IOU = 0.91


@dataclass(frozen=True)
class Design:
    """base: plain config, nested; its budget is that of every run. sampler: grid (all combinations of levels),
    one_at_a_time (the base, and each level with everything else as in the base) or optuna (n_trials, chosen by what
    the ones before came to; one seed). target_iou: what the best model is held against."""

    name: str
    question: str
    base: dict[str, Any]
    factors: tuple[Factor, ...]
    seeds: tuple[int, ...] = (0,)
    sampler: str = GRID
    n_trials: int | None = None
    target_iou: float = TARGET_IOU

    def factor(self, key: str) -> Factor:
        return next(factor for factor in self.factors if factor.key == key)

    def base_levels(self) -> dict[str, Any]:
        """factor key -> the value it has in the base."""
        whole = plain(build(Config, self.base))
        flat = {**flatten(whole), RECIPE: whole["recipe"]}
        extra = {f"{factors_.EXTRA}{key}": value for key, value in whole["model"]["extra"].items()}
        flat |= extra
        return {factor.key: _as_level(factor, flat.get(factor.key)) for factor in self.factors}

    def combinations(self) -> list[dict[str, Any]]:
        """factor key -> value, of every combination of the grid, or of one factor at a time; none for a search."""
        if self.sampler == GRID:
            product = itertools.product(*(factor.values for factor in self.factors))
            return [{f.key: value for f, value in zip(self.factors, values)} for values in product]
        if self.sampler == ONE_AT_A_TIME:
            base = self.base_levels()
            others = ((f.key, value) for f in self.factors for value in f.values if not same(value, base[f.key]))
            return [base, *({**base, key: value} for key, value in others)]
        return []

    def config(self, levels: Mapping[str, Any], seed: int) -> Config:
        """The checked config of one trial; data.path absolute. Raises InputError naming the factor's value."""
        try:
            values = _laid(self.base, levels)
            values = merge(values, {"training": {"seed": seed}})
            config = build(Config, values)
            check_name(config.model.name)
        except InputError as error:
            raise InputError(f"{self.told(levels)}: {error}") from None
        return replace(config, data=replace(config.data, path=str(located(config.data.path))))

    def told(self, levels: Mapping[str, Any], seed: int | None = None) -> str:
        """`loss dice, norm batch, seed 1`; of one factor at a time only what differs from the base."""
        shown = self.factors
        if self.sampler == ONE_AT_A_TIME:
            base = self.base_levels()
            shown = [f for f in self.factors if not same(levels[f.key], base[f.key])]
        said = [factor.told(levels[factor.key]) for factor in shown if factor.key in levels] or ["base"]
        return ", ".join([*said, *([] if seed is None else [f"seed {seed}"])])

    def check(self) -> None:
        """Raises InputError where it cannot be carried out: every combination is built, the data set opened."""
        self._check_words()
        for factor in self.factors:
            factor.check()
            if factor.is_range and self.sampler != OPTUNA:
                raise InputError(f"factor {factor.key}: a range is for the sampler optuna; give values for a grid.")
        keys = [factor.key for factor in self.factors]
        for key in keys:
            if keys.count(key) > 1 or (key == RECIPE and any(k.startswith("recipe.") for k in keys)):
                raise InputError(f"factor {key} is given twice; give all its values at once.")
        self._check_trials()
        for levels in self.combinations() or self._corners():
            self.config(levels, self.seeds[0])
        self._check_data()

    def _check_words(self) -> None:
        if not self.name.strip() or len(self.name) > 120:
            raise InputError(f"an experiment needs a name of 1 to 120 characters; this has {len(self.name.strip())}.")
        if self.sampler not in SAMPLERS:
            allowed = ", ".join(SAMPLERS)
            raise InputError(f"sampler is {self.sampler!r}; allowed: {allowed}.{nearest(self.sampler, SAMPLERS)}")
        if not self.factors:
            raise InputError("no factor is given: nothing to compare; give one such as loss.name with its values.")
        check_seeds(self.seeds)
        if not 0 < self.target_iou <= 1:
            raise InputError(f"target_iou is {self.target_iou}; allowed: above 0, up to 1.")

    def _check_trials(self) -> None:
        if self.sampler == OPTUNA:
            if self.n_trials is None or not 1 <= self.n_trials <= MOST_TRIALS:
                raise InputError(f"n_trials (--trials) is {self.n_trials}; a search needs from 1 to {MOST_TRIALS}.")
            if len(self.seeds) != 1:
                raise InputError(
                    f"a search takes one seed, not {len(self.seeds)}; ask the best few again in a grid of several."
                )
            return
        if self.n_trials is not None:
            raise InputError("n_trials is for the sampler optuna; a grid has as many trials as combinations × seeds.")
        counts = [len(factor.values) for factor in self.factors]
        n = sum(counts) if self.sampler == ONE_AT_A_TIME else _product(counts)
        if n * len(self.seeds) > MOST_TRIALS:
            raise InputError(
                f"{n} combinations × {len(self.seeds)} seeds are {n * len(self.seeds):,} runs; at most {MOST_TRIALS}."
            )
        if n < 2:
            raise InputError(f"factor {self.factors[0].key} has one value: nothing to compare; give two or more.")

    def _corners(self) -> Iterator[dict[str, Any]]:
        """Of a search: every value of every factor once, the others at their first."""
        ends = {f.key: (f.low, f.high) if f.is_range else f.values for f in self.factors}
        first = {key: values[0] for key, values in ends.items()}
        yield from ({**first, key: value} for key, values in ends.items() for value in values)

    def _check_data(self) -> None:
        data = self.config((self.combinations() or list(self._corners()))[0], self.seeds[0]).data
        dataset = open_dataset(data.path, grouping=data.grouping, split=data.split, fold=data.fold)
        for side in ("train", "val"):
            if not dataset.indices(side):
                raise InputError(f"{data.path}: no picture with a mask is on the {side} side; nothing to compare by.")


def check_seeds(seeds: tuple[int, ...]) -> None:
    """Raises InputError for none, for one given twice and for what is no seed."""
    if not seeds:
        raise InputError("no seed is given; give one or more, such as 0 1.")
    for seed in seeds:
        if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**31:
            raise InputError(f"seed is {seed!r}; allowed: whole numbers from 0 to {2**31 - 1}.")
        if seeds.count(seed) > 1:
            raise InputError(f"seed {seed} is given twice; the same seed gives the same run.")


def with_base_levels(design: Design) -> Design:
    """Of one factor at a time: the base's own value goes in front of the values that lack it."""
    if design.sampler != ONE_AT_A_TIME:
        return design
    base = design.base_levels()
    return replace(design, factors=tuple(_with(factor, base[factor.key]) for factor in design.factors))


def plain_design(design: Design) -> dict[str, Any]:
    """What experiment.json holds."""
    return {
        "name": design.name,
        "question": design.question,
        "base": design.base,
        "factors": [factors_.plain(factor) for factor in design.factors],
        "seeds": list(design.seeds),
        "sampler": design.sampler,
        "n_trials": design.n_trials,
        "target_iou": design.target_iou,
    }


def from_plain(values: Mapping[str, Any]) -> Design:
    """The design that `plain_design` wrote. Raises InputError for anything else."""
    try:
        return Design(
            name=str(values["name"]),
            question=str(values.get("question", "")),
            base=dict(values["base"]),
            factors=tuple(factors_.from_plain(factor) for factor in values["factors"]),
            seeds=tuple(int(seed) for seed in values["seeds"]),
            sampler=str(values.get("sampler", GRID)),
            n_trials=None if values.get("n_trials") is None else int(values["n_trials"]),
            target_iou=float(values.get("target_iou", TARGET_IOU)),
        )
    except InputError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"it holds no design of an experiment ({type(error).__name__}: {error}).") from None


def _laid(base: Mapping[str, Any], levels: Mapping[str, Any]) -> dict[str, Any]:
    """The base with the levels in place. A recipe replaces the whole recipe, a budget the whole budget."""
    others = {key: value for key, value in levels.items() if key != RECIPE}
    values = dict(base)
    if RECIPE in levels:
        values["recipe"] = plain(recipe_of(levels[RECIPE]))
    if any(f"training.{key}" in levels for key in BUDGET):
        values = merge(values, {"training": dict.fromkeys(BUDGET)})
    return merge(values, nest(others))


def recipe_of(value: Any) -> Recipe:
    """The recipe of that name, or of those fields. Raises InputError."""
    return build(Recipe, value, "recipe.") if isinstance(value, Mapping) else load_recipe(str(value))


def _as_level(factor: Factor, value: Any) -> Any:
    """A recipe as the factor's own value for it where it has one."""
    if factor.key == RECIPE:
        return next((level for level in factor.values if plain(recipe_of(level)) == value), value)
    return next((level for level in factor.values if same(level, value)), value)


def _with(factor: Factor, value: Any) -> Factor:
    if any(same(value, level) for level in factor.values):
        return factor
    labels = ("as in the base", *factor.labels) if factor.labels else ()
    if factor.key == RECIPE and not labels:
        labels = ("as in the base", *map(factors_.written, factor.values))
    return replace(factor, values=(value, *factor.values), labels=labels)


def _product(counts: list[int]) -> int:
    n = 1
    for count in counts:
        n *= count
    return n
