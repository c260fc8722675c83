"""Settings: limits, unknown keys, ranges, and the round trip through plain values."""

from dataclasses import dataclass, field

import pytest

from seglib.exceptions import InputError
from seglib.settings import Settings, build, flatten, merge, nest, plain, setting, specs


@dataclass(frozen=True)
class Inner(Settings):
    angle_deg: tuple[float, float] = setting((-10.0, 10.0), "angle", low=-180, high=180, unit="deg")
    kind: str = setting("a", "kind", choices=("a", "b"))


@dataclass(frozen=True)
class Outer(Settings):
    count: int = setting(3, "count", low=1, high=9)
    limit: float | None = setting(None, "limit", low=0.0)
    inner: Inner = field(default_factory=Inner)
    extra: dict = setting({}, "extra")


def test_round_trip():
    outer = build(Outer, {"count": 4, "inner": {"angle_deg": [0, 5]}, "extra": {"a": {"b": 1}}})
    assert outer.inner.angle_deg == (0.0, 5.0)
    assert build(Outer, plain(outer)) == outer
    assert build(Outer, nest(flatten(plain(outer)))) == outer


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"count": 10}, ["count", "10", "from 1 to 9"]),
        ({"count": 2.5}, ["count", "2.5", "whole number"]),
        ({"count": float("nan")}, ["count", "nan", "whole number"]),
        ({"count": float("inf")}, ["count", "inf", "whole number"]),
        ({"count": 10**400}, ["count", "1000", "a number"]),
        ({"limit": 10**400}, ["limit", "1000", "a number"]),
        ({"count": True}, ["count", "whole number"]),
        ({"cuont": 2}, ["cuont", "Did you mean count?"]),
        ({"limit": -1.0}, ["limit", "-1.0"]),
        ({"limit": float("nan")}, ["limit", "nan"]),
        ({"inner": {"kind": "c"}}, ["inner.kind", "'c'", "a, b"]),
        ({"inner": {"angle_deg": [5, 0]}}, ["inner.angle_deg", "first number"]),
        ({"inner": {"angle_deg": 5}}, ["inner.angle_deg", "two numbers"]),
        ({"inner": 3}, ["inner", "mapping"]),
        ({"extra": 3}, ["extra", "mapping"]),
    ],
)
def test_bad_values_are_one_clear_line(values, words):
    with pytest.raises(InputError) as caught:
        build(Outer, values)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_specs_describe_every_setting():
    found = {spec.path: spec for spec in specs(Outer)}
    assert list(found) == ["count", "limit", "inner.angle_deg", "inner.kind", "extra"]
    assert (found["limit"].kind, found["limit"].optional) == ("float", True)
    assert (found["inner.angle_deg"].kind, found["inner.angle_deg"].unit) == ("range", "deg")


def test_merge_is_deep_and_later_wins():
    assert merge({"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"c": 4}}) == {"a": {"b": 1, "c": 4}, "d": 3}
