"""Pre-flight, what the job writes: one item after the other, and all of them at the end. No torch."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from seglib.exceptions import InputError
from seglib.experiments.preflight import ITEMS, RED, RESULT, SAMPLES, Item
from seglib.models.listing import YOUR_MODELS
from seglib.runs import failure
from seglib.runs.files import write_json
from seglib.runs.tasks import Cancelled, Progress, StopAsked

logger = logging.getLogger(__name__)


class Report:
    """The items so far. `ended`: something failed in a way that makes the rest pointless."""

    def __init__(self, result: Path, progress: Progress, should_stop: StopAsked):
        self.result, self._progress, self._should_stop = result, progress, should_stop
        self.items: list[Item] = []
        self.overfit: dict[str, Any] = {}
        self.measured: dict[str, Any] = {}
        self.samples: list[dict[str, Any]] = []
        self.ended = False

    def look(self) -> None:
        """Raises Cancelled where the person wants no more of it."""
        if self._should_stop():
            raise Cancelled

    def told(self, fraction: float, text: str) -> None:
        self.look()
        self._progress(fraction, text)

    def add(self, *items: Item | None) -> None:
        for item in filter(None, items):
            self.items.append(item)
            with (self.result / ITEMS).open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(item)) + "\n")

    def show(self, samples: list[dict[str, Any]]) -> None:
        self.samples = samples
        write_json(self.result / SAMPLES, {"samples": samples})

    def write(self, took_s: float) -> None:
        more = {"overfit": self.overfit, "samples": self.samples, "measured": self.measured, "took_s": took_s}
        write_json(self.result / RESULT, {"items": [asdict(item) for item in self.items], **more})

    @contextmanager
    def red(self, code: str, title: str, remedy: str) -> Iterator[None]:
        """Whatever fails inside becomes a red item in the words for it, and the rest is not tried (`ended`)."""
        try:
            yield
        except Cancelled:
            raise
        except Exception as error:
            logger.debug("%s failed", code, exc_info=error)
            text, value = failure.told(error) + _line_of(error), "does not work"
            if text.startswith("out of memory"):
                code, title, value = "memory", "Memory", "does not fit"
                remedy = "Set training.batch_size, data.crop_px or model.channels lower."
            self.add(Item(code, RED, title, value, text, remedy))
            self.ended = True


def _line_of(error: BaseException) -> str:
    """Where in the person's own classes it went wrong."""
    if isinstance(error, InputError):  # says it itself
        return ""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if Path(f.filename) == YOUR_MODELS]
    return f" ({YOUR_MODELS.name}, line {lines[-1]})" if lines else ""
