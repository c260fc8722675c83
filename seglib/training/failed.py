"""Failed: why a training cannot go on, each in one line for the person who started it. No torch."""

from __future__ import annotations


class TrainingFailed(RuntimeError):
    """The training cannot go on; the message is one line for the person who started it."""


class DiskFull(TrainingFailed):
    """The state could not be saved for want of room, for longer than one waits."""


class NotAsWritten(TrainingFailed):
    """A checkpoint did not read back as it was written, several times."""
