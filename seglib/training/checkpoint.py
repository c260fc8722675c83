"""Checkpoints: files of a run that survive a crash at any moment.

Each is written under a temporary name, flushed to disk, read back and compared, renamed, and has its sha256 beside it.
`last.pt` is the whole state of a training, read back with `weights_only=True`; `best.safetensors` is weights alone.
The checkpoint before the last is kept until the next one: a damaged one is never used.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from seglib.exceptions import InputError
from seglib.files import put_in_place
from seglib.training.failed import NotAsWritten
from seglib.training.integrity import LAST, PREVIOUS, beside, can_resume, is_either, is_intact, noted, sha256

ATTEMPTS = 3  # at a save that does not read back as it was written


def save_last(folder: Path, state: dict[str, Any]) -> Path:
    """Write `state` (tensors and plain values) as last.pt; the one before becomes last.previous.pt."""
    target = Path(folder) / LAST
    _prepare(target, lambda stream: torch.save(state, stream))
    if is_intact(target):
        for suffix in ("", ".sha256"):
            put_in_place(Path(f"{target}{suffix}"), Path(folder) / f"{PREVIOUS}{suffix}")
        _flush_folder(target.parent)
    _publish(target)
    return target


def load_last(folder: Path) -> tuple[dict[str, Any], str | None]:
    """The newest intact training state, and a note if it had to fall back to the one before.

    Raises InputError if neither is there and intact.
    """
    for name in (LAST, PREVIOUS):
        file = Path(folder) / name
        state = _state(file) if is_either(file) else None
        if state is not None:
            fell_back = f"{LAST} is missing or damaged; continued from {PREVIOUS}, step {state['step']}."
            return state, (fell_back if name == PREVIOUS else None)
    raise InputError(f"{folder} holds no intact checkpoint ({LAST}, {PREVIOUS}): nothing to resume; start a new run.")


def _state(file: Path) -> dict[str, Any] | None:
    """The stored state; None for a file that holds anything but tensors and plain values (its code is not run)."""
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError):
        return None


def save_weights(file: Path, weights: dict[str, torch.Tensor], about: dict[str, Any]) -> Path:
    """Write weights as safetensors, `about` (JSON values) in its header."""
    tensors = {name: value.detach().to("cpu").contiguous().clone() for name, value in weights.items()}
    header = {key: json.dumps(value) for key, value in about.items()}
    content = save(tensors, metadata=header)
    _prepare(file, lambda stream: stream.write(content))
    _publish(file)
    return file


def load_weights(file: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Weights and header of a safetensors file. Raises InputError if it is missing, damaged or no such file."""
    file = Path(file)
    if not file.exists():
        raise InputError(f"{file} is not there: the run has saved no such checkpoint yet.")
    if not is_intact(file):
        raise InputError(f"{file} is damaged: its sha256 is not the one noted when it was written. {_way_out(file)}")
    try:
        with safe_open(file, framework="pt") as reader:
            header = {key: json.loads(value) for key, value in (reader.metadata() or {}).items()}
            return {name: reader.get_tensor(name) for name in reader.keys()}, header  # noqa: SIM118
    except (SafetensorError, ValueError) as error:
        raise InputError(f"{file} cannot be read as safetensors: {error}.") from None


def _way_out(file: Path) -> str:
    if can_resume(file.parent):
        return f"{LAST} is intact: choose the checkpoint `last`, or resume the run, which writes a new best."
    return "Train the run anew."


def _prepare(target: Path, write: Callable[[BinaryIO], Any]) -> None:
    """A temporary file beside `target` with what `write` puts into a stream, and its note; read back, it is the same.

    The note holds the sha256 of the file that is there too. Raises NotAsWritten where it never reads back; a failure
    leaves no temporary file behind.
    """
    temporary = _temporary(target)
    try:
        digest = _verified(temporary, write)
        _write(beside(temporary), lambda stream: stream.write("\n".join([digest, *noted(target)[:1]]).encode("ascii")))
    except BaseException:
        for file in (temporary, beside(temporary)):
            with contextlib.suppress(OSError):
                file.unlink(missing_ok=True)
        raise


def _verified(file: Path, write: Callable[[BinaryIO], Any]) -> str:
    for _ in range(ATTEMPTS):
        digest = _write(file, write)
        if sha256(file) == digest:
            return digest
    raise NotAsWritten(
        f"{file.name} read back otherwise than it was written, {ATTEMPTS} times: disk or memory may be failing; "
        "the checkpoints before are untouched. Copy the run to another disk and resume it there."
    )


def _write(file: Path, write: Callable[[BinaryIO], Any]) -> str:
    """Write and flush to disk; the sha256 of what was to be written."""
    with file.open("wb") as stream:
        hashing = _Hashing(stream)
        write(hashing)
        stream.flush()
        os.fsync(stream.fileno())
        _forget(stream.fileno())
    return hashing.digest.hexdigest()


def _forget(descriptor: int) -> None:
    """Let reading back ask the disk, not the system's memory; where that cannot be had, memory it is."""
    if hasattr(os, "posix_fadvise"):
        with contextlib.suppress(OSError):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


class _Hashing:
    """A stream for writing that knows the sha256 of all that was handed to it."""

    def __init__(self, stream: BinaryIO):
        self._stream, self.digest = stream, hashlib.sha256()

    def write(self, block: Any) -> int:
        self.digest.update(block)
        return self._stream.write(block)

    def flush(self) -> None:
        self._stream.flush()


def _publish(target: Path) -> None:
    """Rename the prepared file and its note into place.

    The note goes first and knows the old file too: whenever a kill comes, the note knows the file that is there. Each
    rename is on disk before the next, so the same holds when the power fails.
    """
    temporary = _temporary(target)
    put_in_place(beside(temporary), beside(target))
    _flush_folder(target.parent)
    put_in_place(temporary, target)
    _flush_folder(target.parent)


def _temporary(target: Path) -> Path:
    return target.with_name(target.name + ".tmp")


def _flush_folder(folder: Path) -> None:
    """Make renames durable; Windows has no such call and needs none."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
