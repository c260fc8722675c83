"""Outbox: events and small files of a run on their way to disk; while the disk is full they wait here, in order."""

from __future__ import annotations

import contextlib
import logging
import os
from collections import deque
from pathlib import Path
from typing import Any

from seglib.runs import record
from seglib.runs.events import EventFile
from seglib.runs.files import write_json
from seglib.training.room import is_full, missing_bytes

logger = logging.getLogger(__name__)

RESERVE_BYTES = 64 * 1024


class Outbox:
    """Takes what is to be written and writes it now, or with the next call that finds room."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._events: deque[dict[str, Any]] = deque()
        self._files: dict[str, Any] = {}
        self._news: dict[str, Any] = {}
        self._file: EventFile | None = None
        self._reserve = Reserve(folder)

    def event(self, event: dict[str, Any]) -> None:
        """One line of events.jsonl."""
        self._events.append(event)
        self.deliver()

    def file(self, name: str, content: Any) -> None:
        """A JSON file of the run folder."""
        self._files[name] = content
        self.deliver()

    def record(self, **news: Any) -> None:
        """`reason` or other keys of run.json, in the state running; one who was asked to stop stays stopping."""
        self._news.update(news)
        self.deliver()

    def deliver(self) -> None:
        """Write all that waits. On a full disk the reserve makes room once; then it waits on."""
        try:
            self._write()
        except OSError as error:
            if not is_full(error):
                raise
            self._close_file()  # it may hold half a line; the next one opened closes that
            if self._reserve.release():
                self.deliver()
        else:
            self._reserve.take()

    def _write(self) -> None:
        while self._events:
            self._file = self._file or EventFile(self._folder / "events.jsonl")
            self._file.append(self._events[0])
            self._events.popleft()
        for name in list(self._files):
            write_json(self._folder / name, self._files[name])
            del self._files[name]
        if self._news:
            written = record.read(self._folder)
            stopping = written.get("state") == "stopping"
            news = {"reason": written.get("reason", ""), **self._news}
            record.update(self._folder, "stopping" if stopping else "running", **news)
            self._news = {}

    def close(self) -> None:
        """The reserve is given up, so that the end of the run can be written down whatever the disk."""
        self._reserve.release()
        self.deliver()
        self._reserve.release()
        if self._events:
            logger.error("disk full: %d events could not be written", len(self._events))
        self._close_file()

    def _close_file(self) -> None:
        if self._file:
            with contextlib.suppress(OSError):  # what it holds is still in self._events
                self._file.close()
            self._file = None


class Reserve:
    """A file that is there to be removed: on a full disk it makes room for the few words that say so."""

    def __init__(self, folder: Path):
        self._folder, self._file, self._there = folder, folder / ".reserve", False

    def take(self) -> None:
        if self._there or missing_bytes(self._folder, RESERVE_BYTES):
            return
        with contextlib.suppress(OSError), self._file.open("wb") as stream:
            stream.write(os.urandom(RESERVE_BYTES))  # what a file system cannot make smaller
            stream.flush()
            os.fsync(stream.fileno())
            self._there = True

    def release(self) -> bool:
        """Whether there was one."""
        there, self._there = self._there, False
        with contextlib.suppress(OSError):
            self._file.unlink(missing_ok=True)
        return there
