"""Settings: frozen dataclasses whose fields carry their own range, unit, choices and help.

The recipe, the training config, the command line and the app's sliders all read the same metadata, so a limit
is written once. Unknown keys are refused and the nearest known one is named.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import math
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from seglib.exceptions import InputError


def setting(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    step: float | None = None,
    unit: str = "",
    choices: tuple[str, ...] | None = None,
    label: str | None = None,
    basic: bool = False,
) -> Any:
    """A dataclass field with limits [low, high] (both allowed), a unit and a one-line help; `basic` = unfolded."""
    metadata = dict(help=help, low=low, high=high, step=step, unit=unit, choices=choices, label=label, basic=basic)
    if isinstance(default, (dict, list)):
        return field(default_factory=lambda: type(default)(default), metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Spec:
    """One setting as a form or a command line sees it. `kind`: int, float, bool, str, range or mapping."""

    path: str
    kind: str
    optional: bool
    default: Any
    help: str
    low: float | None
    high: float | None
    step: float | None
    unit: str
    choices: tuple[str, ...] | None
    label: str
    basic: bool


def specs(cls: type, prefix: str = "") -> Iterator[Spec]:
    """Every setting of a (nested) settings class, in order, with dotted paths such as `model.depth`."""
    hints = _hints(cls)
    for f in fields(cls):
        if is_dataclass(hints[f.name]):
            yield from specs(hints[f.name], f"{prefix}{f.name}.")
        elif "help" in f.metadata:
            yield _spec(f, hints[f.name], prefix)


_hints = functools.cache(typing.get_type_hints)


def _spec(f: dataclasses.Field, hint: Any, prefix: str) -> Spec:
    kind, optional = _kind(hint)
    default = f.default if f.default is not dataclasses.MISSING else f.default_factory()
    metadata = dict(f.metadata)
    metadata["label"] = metadata["label"] or f.name.replace("_", " ").capitalize()
    return Spec(path=prefix + f.name, kind=kind, optional=optional, default=default, **metadata)


def _kind(hint: Any) -> tuple[str, bool]:
    """('int', False) for int, ('float', True) for float | None, ('range', False) for tuple[float, float]."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        inner = [a for a in typing.get_args(hint) if a is not type(None)]
        return _kind(inner[0])[0], True
    names = {tuple: "range", dict: "mapping"}
    origin = typing.get_origin(hint) or hint
    return names.get(origin, getattr(origin, "__name__", str(origin))), False


class Settings:
    """Base of all settings classes: checks every value against its field's metadata when built."""

    def __post_init__(self) -> None:
        for spec in _own_specs(type(self)):
            object.__setattr__(self, spec.path, _checked(spec, getattr(self, spec.path)))


@functools.cache
def _own_specs(cls: type) -> tuple[Spec, ...]:
    """Those that stand in `cls` itself; a form builds its settings at every look, so they are read once."""
    return tuple(_spec(f, _hints(cls)[f.name], "") for f in fields(cls) if "help" in f.metadata)


def _checked(spec: Spec, value: Any) -> Any:
    if value is None and spec.optional:
        return None
    value = _CASTS[spec.kind](spec, value)
    if spec.choices and value not in spec.choices:
        near = nearest(str(value), spec.choices)
        raise InputError(f"{spec.path} is {value!r}; allowed: {', '.join(spec.choices)}.{near}")
    for number in value if spec.kind == "range" else [value] if spec.kind in ("int", "float") else []:
        _check_limits(spec, number)
    if spec.kind == "range" and value[0] > value[1]:
        raise InputError(f"{spec.path} is {list(value)}; the first number must not exceed the second.")
    return value


def _check_limits(spec: Spec, number: float) -> None:
    too_low = spec.low is not None and number < spec.low
    too_high = spec.high is not None and number > spec.high
    if too_low or too_high or not math.isfinite(number):
        bounds = (
            f"from {spec.low if spec.low is not None else '-inf'} to {spec.high if spec.high is not None else 'inf'}"
        )
        raise InputError(f"{spec.path} is {number}; allowed: {bounds}{' ' + spec.unit if spec.unit else ''}.")


def _wrong(spec: Spec, value: Any, wanted: str) -> InputError:
    return InputError(f"{spec.path} is {value!r}; it must be {wanted}.")


def _number(spec: Spec, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _wrong(spec, value, "a number")
    try:
        return float(value)
    except OverflowError:  # JSON knows whole numbers of any length
        raise _wrong(spec, str(value)[:20] + "…", "a number that a computer can hold") from None


def _int(spec: Spec, value: Any) -> int:
    number = not isinstance(value, bool) and isinstance(value, (int, float))
    if not number or not math.isfinite(_number(spec, value)) or value != int(value):
        raise _wrong(spec, value, "a whole number")
    return int(value)


def _bool(spec: Spec, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _wrong(spec, value, "true or false")
    return value


def _str(spec: Spec, value: Any) -> str:
    if not isinstance(value, str):
        raise _wrong(spec, value, "a text")
    return value


def _range(spec: Spec, value: Any) -> tuple[float, float]:
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise _wrong(spec, value, "a list of two numbers, [from, to]")
    return _number(spec, value[0]), _number(spec, value[1])


def _mapping(spec: Spec, value: Any) -> dict:
    if not isinstance(value, Mapping):
        raise _wrong(spec, value, 'a mapping such as {"key": 1}')
    return dict(value)


_CASTS = dict(int=_int, float=_number, bool=_bool, str=_str, range=_range, mapping=_mapping)


def build(cls: type, values: Mapping[str, Any], where: str = "") -> Any:
    """A settings object of `cls` from a nested mapping; missing keys take their default.

    Raises InputError for an unknown key (naming the nearest), a wrong type or a value out of range.
    """
    if not isinstance(values, Mapping):
        raise InputError(f"{where.rstrip('.') or 'the settings'}: got {values!r}, expected a mapping of settings.")
    hints = _hints(cls)
    known = {f.name for f in fields(cls)}
    for key in values:
        if key not in known:
            raise InputError(
                f"unknown setting {where}{key}; allowed here: {', '.join(sorted(known))}.{nearest(key, known)}"
            )
    arguments = {
        key: build(hints[key], value, f"{where}{key}.")
        if is_dataclass(hints[key]) and not is_dataclass(value)
        else value
        for key, value in values.items()
    }
    try:
        return cls(**arguments)
    except InputError as error:
        message = str(error)
        raise InputError(message if not where or message.startswith(where) else where + message) from None


def nearest(word: str, known: typing.Iterable[str]) -> str:
    """' Did you mean X?' or the empty string."""
    match = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" Did you mean {match[0]}?" if match else ""


def plain(settings: Any) -> dict[str, Any]:
    """The nested mapping of JSON values that `build` takes back: ranges become lists."""
    return {f.name: _plain(getattr(settings, f.name)) for f in fields(settings)}


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return plain(value)
    return list(value) if isinstance(value, tuple) else value


def nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    """{'model.depth': 4} -> {'model': {'depth': 4}}."""
    nested: dict[str, Any] = {}
    for path, value in flat.items():
        *parents, leaf = path.split(".")
        node = nested
        for parent in parents:
            node = node.setdefault(parent, {})
            if not isinstance(node, dict):
                raise InputError(f"{path}: {parent} already has a value, it cannot hold {leaf}.")
        node[leaf] = value
    return nested


def flatten(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """{'model': {'depth': 4}} -> {'model.depth': 4}; the inverse of `nest`."""
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        if isinstance(value, Mapping) and key != "extra":
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = value
    return flat


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid on `base`, key by key at every depth."""
    result = dict(base)
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = merge(result[key], value) if both else value
    return result
