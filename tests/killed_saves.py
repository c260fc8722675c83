"""A program for the drills: a save that is killed at its k-th system call, for one k after the other, really.

`python killed_saves.py KINDS EVERY [BROKEN]`, KINDS = last, best or last,best, prints {kind: list}, one entry a kill:
what a resume finds then (the step of the checkpoint, or the words of a refusal). One process imports torch, each save
dies in a child of it.
"""

from __future__ import annotations

import io
import json
import os
import pathlib
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import torch

from seglib.exceptions import InputError
from seglib.training import checkpoint
from seglib.training.integrity import BEST, LAST, beside


class Fuse:
    """Counts what the save asks of the system, and kills the process at call number `at`."""

    def __init__(self, at: int):
        self.at, self.count = at, 0

    def call(self) -> None:
        self.count += 1
        if self.count == self.at:
            os.kill(os.getpid(), signal.SIGKILL)

    def wrapped(self, function):
        def counted(*arguments, **more):
            self.call()
            result = function(*arguments, **more)
            self.call()
            return result

        return counted

    def connect(self) -> None:
        for name in ("open", "fsync", "replace", "unlink", "close", "posix_fadvise"):
            setattr(os, name, self.wrapped(getattr(os, name)))
        fuse = self

        class Raw(io.FileIO):
            def write(self, block):
                half = memoryview(block)[: len(block) // 2]
                if fuse.count + 1 == fuse.at and len(half):
                    super().write(half)  # a torn write
                fuse.call()
                return super().write(block)

            def close(self):
                fuse.call()
                super().close()

        def opened(file, mode="r", *rest, **more):
            fuse.call()
            return io.BufferedWriter(Raw(file, mode)) if mode == "wb" else plain(file, mode, *rest, **more)

        plain = io.open
        pathlib.io.open = opened


def state(step: int) -> dict:
    return {"step": step, "model": {"w": torch.full((6000,), float(step))}}


def save(kind: str, folder: Path, step: int) -> None:
    if kind == "last":
        checkpoint.save_last(folder, state(step))
    else:
        checkpoint.save_weights(folder / BEST, state(step)["model"], {"step": step})


def found(kind: str, folder: Path) -> int | str:
    """The step whose weights a resume or a prediction would use."""
    try:
        if kind == "last":
            stored, _ = checkpoint.load_last(folder)
            step, weights = stored["step"], stored["model"]
        else:
            weights, header = checkpoint.load_weights(folder / BEST)
            step = header["step"]
    except InputError as error:
        return str(error)
    return step if torch.equal(weights["w"], state(step)["model"]["w"]) else "other weights"


def break_it(how: str) -> None:
    """Take one protection away, so that the drill can be seen to fail."""
    if how == "in place":
        checkpoint.save_last = in_place
    if how == "note knows only the new":
        checkpoint.noted = lambda file: []
    if how == "none before kept":
        checkpoint.is_intact = lambda file: False
        checkpoint._prepare = lambda target, write, prepare=checkpoint._prepare: (
            target.unlink(),
            prepare(target, write),
        )


def in_place(folder: Path, stored: dict) -> None:
    digest = checkpoint._write(folder / LAST, lambda stream: torch.save(stored, stream))
    beside(folder / LAST).write_text(digest, encoding="ascii")


def killed_at(kind: str, prepared: Path, at: int) -> tuple[bool, int | str]:
    """Whether the kill came before the save was done, and what is there then."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "run"
        shutil.copytree(prepared, folder)
        child = os.fork()
        if child == 0:
            try:
                Fuse(at).connect()
                save(kind, folder, 3)
            finally:  # whatever comes, the child must not go on as the parent
                os._exit(0)
        _, status = os.waitpid(child, 0)
        return os.WIFSIGNALED(status), found(kind, folder)


def main(kind: str, every: int, how: str = "") -> list[int | str]:
    with tempfile.TemporaryDirectory() as place:
        prepared = Path(place)
        for step in (1, 2):
            save(kind, prepared, step)
        break_it(how)
        results, at, killed = [], 1, True
        while killed:
            killed, result = killed_at(kind, prepared, at)
            results.append(result)
            at += every
        return results


if __name__ == "__main__":
    torch.set_num_threads(1)
    kinds, every, *broken = sys.argv[1:]
    print(json.dumps({kind: main(kind, int(every), *broken) for kind in kinds.split(",")}))
