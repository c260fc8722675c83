"""Factor: one setting that an experiment varies, with the values it takes. No torch.

A key is a dotted config key such as `loss.name`, or `recipe`: then a value is the name of a recipe, or the fields of
one (what they leave out does nothing).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from seglib.exceptions import InputError
from seglib.settings import Spec, nearest, specs
from seglib.training.config import Config

RECIPE = "recipe"
EXTRA = "model.extra."
# Seeds are given as seeds; with other pictures or another split the val images differ, and so nothing is compared.
NOT_FACTORS = {
    "training.seed": "give seeds as seeds",
    **dict.fromkeys(
        ("data.path", "data.grouping", "data.split", "data.fold"),
        "all trials must be scored on the same val images; make an experiment for each",
    ),
}


@dataclass(frozen=True)
class Factor:
    """key: what is varied. values: its levels; labels: how each is called, () = as it is written.

    low, high, log: a range of numbers instead of values, for a sampler that draws from it.
    """

    key: str
    values: tuple[Any, ...] = ()
    labels: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    log: bool = False

    @property
    def is_range(self) -> bool:
        return not self.values

    @property
    def title(self) -> str:
        """`loss` of loss.name, `depth` of model.depth."""
        parts = self.key.split(".")
        return (parts[-2] if parts[-1] == "name" else parts[-1]).replace("_", " ")

    def label(self, value: Any) -> str:
        """How one of the values, or a number out of the range, is called."""
        if self.labels:
            for known, label in zip(self.values, self.labels):
                if same(known, value):
                    return label
        return written(value)

    def told(self, value: Any) -> str:
        """As it stands in the name of a run: `norm batch`, or the label alone where the value has one of its own."""
        label = self.label(value)
        return label if self.labels and label != written(value) else f"{self.title} {label}"

    def check(self) -> None:
        """Raises InputError for a key that is no setting, no levels, or levels that cannot be told apart.

        Whether a value is allowed is known to the config alone; limits of a range are checked here.
        """
        spec = spec_of(self.key)
        if self.is_range:
            self._check_range(spec)
            return
        if self.low is not None or self.high is not None or self.log:
            raise InputError(f"factor {self.key}: give values or a range, not both.")
        if self.labels and len(self.labels) != len(self.values):
            raise InputError(f"factor {self.key} has {len(self.values)} values and {len(self.labels)} labels.")
        labels = [self.label(value) for value in self.values]
        twice = next((label for i, label in enumerate(labels) if label in labels[:i]), None)
        if twice is not None:
            raise InputError(f"factor {self.key} has two values called {twice!r}; give each once, with its own label.")

    def _check_range(self, spec: Spec | None) -> None:
        if self.low is None or self.high is None:
            raise InputError(f"factor {self.key} has no values; give two or more, or a range from low to high.")
        if spec is None or spec.kind not in ("int", "float"):
            raise InputError(f"factor {self.key} is no number, so it has no range; give values.")
        for name, value in (("low", self.low), ("high", self.high)):
            if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
                raise InputError(f"factor {self.key}: {name} is {value!r}; it must be a number.")
            if spec.kind == "int" and value != int(value):
                raise InputError(f"factor {self.key}: {name} is {value}; it must be a whole number.")
            if (spec.low is not None and value < spec.low) or (spec.high is not None and value > spec.high):
                raise InputError(f"factor {self.key}: {name} is {value}; allowed: from {spec.low} to {spec.high}.")
        if not self.low < self.high:
            raise InputError(f"factor {self.key}: low is {self.low}, high {self.high}; high must be the larger.")
        if self.log and self.low <= 0:
            raise InputError(f"factor {self.key}: low is {self.low}; on a logarithmic scale it must be above 0.")


def written(value: Any) -> str:
    """A value as a person reads it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def same(a: Any, b: Any) -> bool:
    """Equal as settings: 1 and 1.0 are, 1 and true are not."""
    return isinstance(a, bool) == isinstance(b, bool) and a == b


@lru_cache(maxsize=1)
def _specs() -> dict[str, Spec]:
    return {spec.path: spec for spec in specs(Config)}


def spec_of(key: str) -> Spec | None:
    """The setting that `key` names; None for `recipe` and for what a class of one's own takes.

    Raises InputError, naming the nearest, where there is none, and for what cannot be a factor.
    """
    if key in NOT_FACTORS:
        raise InputError(f"factor {key}: {NOT_FACTORS[key]}.")
    if key == RECIPE or (key.startswith(EXTRA) and len(key) > len(EXTRA)):
        return None
    known = _specs()
    if key not in known:
        leaf = key.rpartition(".")[2]
        alike = [path for path in known if path.rpartition(".")[2] == leaf or path.partition(".")[0] == key]
        hint = f" Did you mean {alike[0]}?" if alike else nearest(key, [*known, RECIPE])
        raise InputError(f"factor {key!r} is no setting; give a dotted key such as loss.name, or recipe.{hint}")
    return known[key]


def plain(factor: Factor) -> dict[str, Any]:
    """As it stands in experiment.json."""
    if factor.is_range:
        return {"key": factor.key, "low": factor.low, "high": factor.high, "log": factor.log}
    return {"key": factor.key, "values": list(factor.values), "labels": list(factor.labels)}


def from_plain(values: Any) -> Factor:
    """The factor that `plain` wrote, or that a person wrote. Raises InputError for anything else."""
    if not isinstance(values, Mapping) or not isinstance(values.get("key"), str):
        raise InputError(f"a factor must have a key and values, not {values!r}.")
    fields = ("key", "values", "labels", "low", "high", "log")
    for key in values:
        if key not in fields:
            raise InputError(f"factor {values['key']}: unknown {key!r}; allowed: {', '.join(fields)}.")
    for key in ("values", "labels"):
        if not isinstance(values.get(key) or [], (list, tuple)):
            raise InputError(f"factor {values['key']}: {key} must be a list, not {values[key]!r}.")
    levels, labels = tuple(values.get("values") or ()), tuple(map(str, values.get("labels") or ()))
    return Factor(values["key"], levels, labels, values.get("low"), values.get("high"), bool(values.get("log", False)))
