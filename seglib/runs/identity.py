"""Which process is meant: pid, its start time and the machine's boot together, because a pid alone is reused."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import psutil

# The start time is derived from the boot time, which moves a little when the clock is set right.
_CLOCK_TOLERANCE_S = 2.0
_BOOT_TOLERANCE_S = 120.0


@dataclass(frozen=True)
class Identity:
    """pid, process_start (Unix seconds) and boot_id of one process."""

    pid: int
    process_start: float
    boot_id: str

    def to_dict(self) -> dict[str, Any]:
        return {"pid": self.pid, "process_start": self.process_start, "boot_id": self.boot_id}


@lru_cache(maxsize=1)
def boot_id() -> str:
    """A name of this boot of the machine: the kernel's own on Linux, the boot time elsewhere."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return f"booted-{psutil.boot_time():.0f}"


def same_boot(other: str) -> bool:
    """Whether `other` names this boot; boot times may differ by what a clock is set right."""
    mine = boot_id()
    if mine.startswith("booted-") and str(other).startswith("booted-"):
        return abs(float(mine[7:]) - float(other[7:])) < _BOOT_TOLERANCE_S
    return mine == other


def mine() -> Identity:
    return Identity(os.getpid(), psutil.Process().create_time(), boot_id())


def of(pid: int) -> Identity | None:
    """The process that has this pid now; None if there is none."""
    try:
        return Identity(pid, psutil.Process(pid).create_time(), boot_id())
    except psutil.Error:
        return None


def from_record(record: dict[str, Any]) -> Identity | None:
    """The identity written in a run.json or job.json; None where it holds none."""
    try:
        return Identity(int(record["pid"]), float(record["process_start"]), str(record["boot_id"]))
    except (KeyError, TypeError, ValueError):
        return None


def find(identity: Identity | None) -> psutil.Process | None:
    """That very process if it still lives, None for a stranger with its pid, a zombie or another boot."""
    if identity is None or identity.pid <= 0 or not same_boot(identity.boot_id):
        return None
    try:
        process = psutil.Process(identity.pid)
        if abs(process.create_time() - identity.process_start) > _CLOCK_TOLERANCE_S:
            return None
        return None if process.status() == psutil.STATUS_ZOMBIE else process
    except psutil.Error:
        return None


def works_on(folder: Path) -> bool:
    """Whether a worker or warden of ours was started for this folder. Looks at every process: some 20 ms."""
    for process in psutil.process_iter():
        try:
            line = process.cmdline()
        except psutil.Error:
            continue
        if str(folder) in line and any(part in ("seglib.runs.warden", "seglib.runs.worker") for part in line):
            return True
    return False
