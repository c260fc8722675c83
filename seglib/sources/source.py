"""Source: a data set in somebody's layout, described before a pixel is read, its pictures given one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from seglib.exceptions import InputError

MAX_PICTURES = 200_000
"""Most pictures one import makes; a header that declares more is a mistake or a trap."""
MAX_PLANE_BYTES = 320_000_000
"""Largest plane that is read: 80 million pixels of 32 bits."""
MAX_CHUNK_BYTES = 128_000_000
"""Largest chunk of a container: one is decoded as a whole to read a single plane."""

Pixels = Path | Callable[[], np.ndarray]
"""A file that is copied as it is, or a function that reads (H, W[, 3]) pixels when they are wanted."""


Options = tuple[tuple[str, str], ...]
"""Values of a choice, and what each means."""


class LeftOut(Exception):
    """Raised by a picture that is not there to be read; the import goes on without it and says so."""


@dataclass(frozen=True)
class Choices:
    """What a person decides where a source leaves it open; None = not said.

    axes: a letter a dimension (see `seglib.sources.axes.AXES`). image_key, mask_key: names within a container, or the
    file of masks. channel: a number from 0. label: a class of masks that name several, or 'all'. grouping: 'name' or
    'file', as in the config.
    """

    axes: str | None = None
    image_key: str | None = None
    mask_key: str | None = None
    channel: int | None = None
    label: str | None = None
    grouping: str | None = None

    def known(self, **found: Any) -> Choices:
        """These choices, and `found` where nothing was said."""
        return replace(self, **{key: value for key, value in found.items() if getattr(self, key) is None})


@dataclass(frozen=True)
class Question:
    """Something that only the person can say. `name` is a field of Choices; options are (value, what it means)."""

    name: str
    text: str
    options: Options


@dataclass(frozen=True)
class Found:
    """An array in a container: where, how large, of which type, and its axes if the file names them ('' if not)."""

    key: str
    shape: tuple[int, ...]
    dtype: str
    axes: str = ""


@dataclass(frozen=True)
class Picture:
    """One picture to come: pixels are read when asked for.

    stem is its file name to be, without suffix; split None = the source does not say; origin names the place for
    messages; the other fields are those of a Record.
    """

    stem: str
    group: str
    image: Pixels
    mask: Pixels | None = None
    split: str | None = None
    origin: str = ""
    ignore: Pixels | None = None
    fold: int | None = None
    weight: float = 1.0
    extra: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """A source as it was understood. `choices` are the ones used; with `questions` left open nothing can be read.

    options: field of Choices -> what else might be chosen there, for decisions that the person may want to change.
    """

    kind: str
    path: Path
    choices: Choices
    pictures: Callable[[], Iterator[Picture]]
    arrays: tuple[Found, ...] = ()
    decisions: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()
    left_out: tuple[str, ...] = ()
    options: dict[str, Options] = field(default_factory=dict)

    def answered(self) -> Source:
        """Itself. Raises InputError with the first open question, its answers and what each would mean."""
        if self.questions:
            question = self.questions[0]
            flag = f"--{question.name.replace('_', '-')}"
            ways = "; ".join(f"{flag} {value} ({meaning})" for value, meaning in question.options[:6])
            raise InputError(f"{self.path}: {question.text} Say which: {ways}.")
        return self


def unread() -> Iterator[Picture]:
    """The pictures of a source with open questions: none."""
    return iter(())
