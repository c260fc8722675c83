"""Clock: the seconds a training has used of its budget."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass
class Clock:
    """Seconds of training and validation, over all processes of a run; start-up and pauses are not counted."""

    before_s: float = 0.0
    started: float = field(default_factory=time.perf_counter)

    @property
    def elapsed_s(self) -> float:
        return self.before_s + time.perf_counter() - self.started

    def start(self) -> None:
        """Count from now on, beside what was counted before this process."""
        self.started = time.perf_counter()

    def leave_out(self, seconds: float) -> None:
        """Take a pause out of the count."""
        self.started += seconds
