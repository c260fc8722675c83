"""Axes: what each dimension of an array means. Named by the file or by the person, never guessed."""

from __future__ import annotations

import math
from collections.abc import Sequence

from seglib.exceptions import InputError

AXES = {
    "T": "time",
    "Z": "focal plane",
    "N": "independent pictures",
    "C": "channel",
    "Y": "row",
    "X": "column",
    "S": "colour (RGB)",
}
_NAMES = {
    "t": "T", "time": "T", "frame": "T", "frames": "T",
    "z": "Z", "depth": "Z", "plane": "Z",
    "n": "N", "b": "N", "batch": "N", "sample": "N", "image": "N", "p": "N", "position": "N",
    "c": "C", "channel": "C", "channels": "C", "ch": "C", "band": "C",
    "y": "Y", "row": "Y", "height": "Y",
    "x": "X", "col": "X", "column": "X", "width": "X",
    "s": "S", "rgb": "S",
}  # fmt: skip
_CANDIDATES = {
    3: ("TYX", "NYX", "ZYX", "CYX"),
    4: ("TCYX", "TZYX", "NCYX", "NZYX", "CZYX", "CTYX", "ZCYX"),
    5: ("TCZYX", "TZCYX", "NCZYX", "NZCYX", "CTZYX"),
}


def parse(text: str, n_dimensions: int, what: str) -> str:
    """`text` as upper-case axes. Raises InputError unless each letter is known, stands once, and Y and X are there."""
    axes = text.strip().upper()
    allowed = ", ".join(f"{letter} {meaning}" for letter, meaning in AXES.items())
    if set(axes) - set(AXES) or len(set(axes)) < len(axes) or not {"Y", "X"} <= set(axes):
        raise InputError(f"{what}: axes {text!r}; allowed: Y, X and others of {allowed}, each once, as in TYX.")
    if len(axes) != n_dimensions:
        raise InputError(f"{what}: axes {axes} name {len(axes)} dimensions, the array has {n_dimensions}.")
    return axes


def from_names(names: Sequence[object]) -> str:
    """Axes from the words of a file, such as ('time', 'y', 'x') -> 'TYX'; '' where one is unknown or stands twice."""
    letters = [_NAMES.get(str(name).strip().lower(), "?") for name in names]
    axes = "".join(letters)
    return axes if "?" not in axes and len(set(axes)) == len(axes) and {"Y", "X"} <= set(axes) else ""


def candidates(shape: Sequence[int], paired: bool) -> list[str]:
    """What `shape` may mean, the likelier first. `paired`: a mask of the same shape, so that no axis is a channel."""
    n = len(shape)
    found = list(_CANDIDATES.get(n, ()))
    if n == 3 and shape[-1] <= 8 < min(shape[:2]):
        found.append("YXC")
    if shape[-1] == 3 and n in (3, 4, 5):
        colour = [axes + "S" for axes in ("YX", *_CANDIDATES.get(n - 1, ())) if len(axes) == n - 1]
        found = colour + found if min(shape[-3:-1]) > 3 else found + colour
    if n == 3 and shape[0] == 3:
        found.append("SYX")
    if n == 3 and shape[-1] < min(shape[:2]):
        found.append("YXT")
    return [axes for axes in found if not (paired and {"C", "S"} & set(axes))]


def consequence(axes: str, shape: Sequence[int]) -> str:
    """What reading `shape` as `axes` would give, in words."""
    size = dict(zip(axes, shape))
    n_planes = math.prod(size[a] for a in axes if a in "TZN")
    what = f"{n_planes:,} {'picture' if n_planes == 1 else 'pictures'} of {size['Y']} × {size['X']}"
    if "C" in size:
        what += f", one of {size['C']} channels"
    if "S" in size:
        what += ", RGB"
    groups = size.get("N", 1)
    if n_planes > 1:
        kind = " and ".join(words for a, words in (("T", "frames"), ("Z", "focal planes")) if a in size)
        what += f", {groups:,} groups" if groups > 1 else ", one group"
        what += f" ({kind})" if kind else " (independent pictures)"
    return what
