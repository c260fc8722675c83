"""Stacks: an array of many planes and the mask that belongs to it -> pictures, read plane by plane."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np

from seglib.data.readers import MAX_PIXELS
from seglib.exceptions import InputError
from seglib.sources.axes import candidates, consequence, parse
from seglib.sources.source import MAX_PICTURES, MAX_PLANE_BYTES, Choices, Options, Picture, Question

Index = tuple[int | slice, ...]


@dataclass(frozen=True)
class Stack:
    """An array in a file. `read(index)` gives the part at an index of one number or slice a dimension.

    axes: as the file names them, '' if it does not. told_by: what named them. n_plane: the last dimensions that must
    stay rows, columns and colour, such as a page of a TIFF; 0 where any dimension may be anything.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    read: Callable[[Index], np.ndarray]
    axes: str = ""
    told_by: str = ""
    n_plane: int = 0


@dataclass(frozen=True)
class Arrangement:
    """How a stack is read: its axes, the channel taken from it, and where the same plane lies in the mask."""

    image: Stack
    axes: str
    channel: int | None
    mask: Stack | None
    mask_axes: str

    @property
    def steps(self) -> str:
        """The axes along which the pictures lie."""
        return "".join(axis for axis in self.axes if axis in "TZN")

    @property
    def sizes(self) -> dict[str, int]:
        return dict(zip(self.axes, self.image.shape))

    @property
    def n_pictures(self) -> int:
        return int(np.prod([self.sizes[axis] for axis in self.steps], dtype=object)) if self.steps else 1


def arrange(
    image: Stack, mask: Stack | None, choices: Choices
) -> tuple[Arrangement | None, Choices, list[str], list[Question]]:
    """(how it is read, the choices used, what was decided, what is open); None while something is open.

    Raises InputError where the choices do not fit the array, the mask does not fit the image, or either is too large.
    """
    axes, decided, question = _axes(image, mask, choices)
    if axes is None:
        return None, choices, [], [question]
    choices = choices.known(axes=axes)
    _check_size(image, axes)
    channel, more, question = _channel(image, axes, choices.channel)
    if question is not None:
        return None, choices, decided, [question]
    choices = choices.known(channel=channel)
    mask_axes = _mask_axes(image, axes, mask) if mask is not None else ""
    return Arrangement(image, axes, channel, mask, mask_axes), choices, decided + more, []


def _axes(image: Stack, mask: Stack | None, choices: Choices) -> tuple[str | None, list[str], Question | None]:
    shape = " × ".join(map(str, image.shape))
    if choices.axes is not None:
        axes = parse(choices.axes, len(image.shape), f"{image.name} ({shape})")
        if image.n_plane and set(axes[-image.n_plane :]) - set("YXS"):
            raise InputError(f"{image.name}: the last axes of a page are {_page_axes(image)}; got {axes}.")
        return axes, [f"axes {axes}, as said: {consequence(axes, image.shape)}"], None
    if image.axes:
        by = image.told_by or "the file"
        return image.axes, [f"axes {image.axes}, named by {by}: {consequence(image.axes, image.shape)}"], None
    if len(image.shape) == 2:
        return "YX", [], None
    options = axes_options(image, mask)
    if not options:
        raise InputError(f"{image.name}: an array of {shape} is no stack of pictures; needed: 2 to 5 dimensions.")
    return None, [], Question("axes", f"{image.name} is {shape} and nothing in the file names its axes.", options)


def axes_options(image: Stack, mask: Stack | None) -> Options:
    """What the axes may be, and what each would give."""
    paired = mask is not None and mask.shape == image.shape
    fitting = [a for a in candidates(image.shape, paired) if not image.n_plane or a.endswith(_page_axes(image))]
    named = [image.axes] if image.axes and image.axes not in fitting else []
    return tuple((axes, consequence(axes, image.shape)) for axes in [*named, *fitting])


def alternatives(arranged: Arrangement) -> dict[str, Options]:
    """What else might be said of a stack that is read as `arranged`."""
    found: dict[str, Options] = {}
    if len(arranged.image.shape) > 2:
        found["axes"] = axes_options(arranged.image, arranged.mask)
    if arranged.sizes.get("C", 1) > 1:
        found["channel"] = _channels(arranged.sizes["C"])
    return found


def _channels(n: int) -> Options:
    return tuple((str(i), f"channel {i} of 0 to {n - 1}") for i in range(min(n, 16)))


def _page_axes(image: Stack) -> str:
    return "YXS" if image.n_plane == 3 else "YX"


def _channel(image: Stack, axes: str, channel: int | None) -> tuple[int | None, list[str], Question | None]:
    n = dict(zip(axes, image.shape)).get("C")
    if n is None:
        if channel is not None:
            raise InputError(f"{image.name}: channel {channel} was asked for, but axes {axes} have no channel C.")
        return None, [], None
    if n == 1:
        channel = 0 if channel is None else channel
    if channel is None:
        return None, [], Question("channel", f"{image.name} has {n} channels and one is needed.", _channels(n))
    if not 0 <= channel < n:
        raise InputError(f"{image.name}: channel {channel} of {n}; allowed: 0 to {n - 1}.")
    return channel, [f"channel {channel} of {n} (counted from 0)"] if n > 1 else [], None


def _check_size(stack: Stack, axes: str) -> None:
    size = dict(zip(axes, stack.shape))
    height, width = size["Y"], size["X"]
    if min(stack.shape) < 1:
        raise InputError(f"{stack.name}: the array is empty ({' × '.join(map(str, stack.shape))}).")
    if size.get("S", 3) != 3:
        raise InputError(f"{stack.name}: axis S has {size['S']} values; allowed: 3 (RGB). Call it C to take one.")
    if height * width > MAX_PIXELS or height * width * size.get("S", 1) * stack.dtype.itemsize > MAX_PLANE_BYTES:
        allowed = f"allowed: {MAX_PIXELS:,} pixels and {MAX_PLANE_BYTES // 1_000_000} MB"
        raise InputError(f"{stack.name}: one plane is {height:,} × {width:,} pixels of {stack.dtype}; {allowed}.")
    n_pictures = int(np.prod([size[axis] for axis in axes if axis in "TZN"], dtype=object))
    if n_pictures > MAX_PICTURES:
        raise InputError(f"{stack.name}: {n_pictures:,} pictures; allowed: {MAX_PICTURES:,} in one import.")


def _mask_axes(image: Stack, axes: str, mask: Stack) -> str:
    """The axes of the mask: those of the image without channel and colour; a channel of size 1 may stand there."""
    size = dict(zip(axes, image.shape))
    plain = "".join(axis for axis in axes if axis not in "CS")
    with_one = axes.replace("S", "")
    for candidate in filter(None, (mask.axes, plain, with_one)):
        if len(candidate) == len(mask.shape) and _fits(dict(zip(candidate, mask.shape)), size):
            return candidate
    expected = " × ".join(str(size[axis]) for axis in plain)
    got = " × ".join(map(str, mask.shape))
    raise InputError(
        f"{mask.name} is {got}, which does not fit {image.name} read as {axes}; needed: {expected} ({plain})."
    )


def _fits(mask: dict[str, int], image: dict[str, int]) -> bool:
    """Equal along every axis; an axis that only one of them has must be of size 1, a mask's channel too."""
    if mask.get("C", 1) != 1 or mask.get("S", 1) != 1 or not {"Y", "X"} <= set(mask):
        return False
    return all(mask.get(axis, 1) == image.get(axis, 1) for axis in "TZNYX")


def pictures(arrangement: Arrangement, name: str, origin: str = "") -> Iterator[Picture]:
    """The pictures in order: frames and focal planes of one group, each N a group of its own."""
    steps, sizes = arrangement.steps, arrangement.sizes
    for place in product(*(range(sizes[axis]) for axis in steps)):
        at = dict(zip(steps, place))
        group = f"{name}_n{at['N']:04d}" if "N" in at else name
        tail = "".join(f"_{axis.lower()}{at[axis]:0{_digits(axis, sizes)}d}" for axis in "TZ" if axis in at)
        where = ", ".join(f"{axis} {number}" for axis, number in at.items())
        yield Picture(
            stem=group + tail,
            group=group,
            image=partial(_image, arrangement, at),
            mask=partial(_mask, arrangement, at) if arrangement.mask is not None else None,
            origin=f"{origin or arrangement.image.name}{f' at {where}' if where else ''}",
        )


def _digits(axis: str, sizes: dict[str, int]) -> int:
    return max({"T": 3, "Z": 2}[axis], len(str(sizes[axis] - 1)))


def _image(arrangement: Arrangement, at: dict[str, int]) -> np.ndarray:
    return _plane(arrangement.image, arrangement.axes, {"C": arrangement.channel or 0, **at})


def _mask(arrangement: Arrangement, at: dict[str, int]) -> np.ndarray:
    return _plane(arrangement.mask, arrangement.mask_axes, at)


def _plane(stack: Stack, axes: str, at: dict[str, int]) -> np.ndarray:
    """(Y, X[, S]) of a stack; an axis that `at` does not name has size 1."""
    kept = [axis for axis in axes if axis in "YX" or (axis == "S" and dict(zip(axes, stack.shape))["S"] > 1)]
    index: Index = tuple(slice(None) if axis in kept else at.get(axis, 0) for axis in axes)
    plane = stack.read(index)
    return np.ascontiguousarray(plane.transpose([kept.index(axis) for axis in _in_order(kept)]))


def _in_order(axes: Sequence[str]) -> list[str]:
    return [axis for axis in "YXS" if axis in axes]


def named(path: Path) -> str:
    """What the pictures of a file are called after: its name without suffixes such as .ome.tif."""
    stem = path.name
    for suffix in reversed(path.suffixes):
        if suffix.lower() not in (".tif", ".tiff", ".ome", ".h5", ".hdf5", ".hdf", ".zarr", ".zip", ".btf", ".tf8"):
            break
        stem = stem[: -len(suffix)]
    return stem or "picture"
