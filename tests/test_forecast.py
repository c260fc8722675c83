"""When each waiting run begins, by hand-computed tables."""

from __future__ import annotations

import pytest

from seglib.runs.forecast import starts_s


@pytest.mark.parametrize(
    ("left", "lengths", "at_once", "begins"),
    [
        ([], [], 1, []),
        ([], [10.0, 20.0, 5.0], 1, [0, 10, 30]),
        ([7.0], [10.0, 20.0], 1, [7, 17]),
        ([7.0, 3.0], [10.0, 20.0, 1.0], 2, [3, 7, 13]),
        ([7.0, 3.0], [10.0], 1, [7]),  # one was started beside: both must end
        ([7.0], [10.0, 1.0], 3, [0, 0]),
        ([None], [10.0], 1, [None]),
        ([4.0], [None, 1.0], 1, [4, None]),
        ([4.0, 1.0], [None, 1.0, 1.0], 2, [1, 4, 5]),
    ],
)
def test_begins(left, lengths, at_once, begins):
    assert starts_s(left, lengths, at_once) == begins
