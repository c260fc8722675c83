"""Checkpoints: files of a run that survive a crash at any moment.

Each is written under a temporary name, flushed to disk, renamed, and has its sha256 beside it. `last.pt` is the whole
state of a training, read back with `weights_only=True`; `best.safetensors` is weights alone. The checkpoint before
the last is kept until the next one: a damaged one is never used.
"""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from seglib.exceptions import InputError
from seglib.files import put_in_place
from seglib.training.integrity import LAST, PREVIOUS, beside, is_either, is_intact, sha256


def save_last(folder: Path, state: dict[str, Any]) -> Path:
    """Write `state` (tensors and plain values) as last.pt; the one before becomes last.previous.pt."""
    target = Path(folder) / LAST
    temporary = _write(target, lambda file: torch.save(state, file))
    if is_intact(target):
        for suffix in ("", ".sha256"):
            put_in_place(Path(f"{target}{suffix}"), Path(folder) / f"{PREVIOUS}{suffix}")
    _publish(temporary, target)
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
    _publish(_write(file, lambda path: save_file(tensors, path, metadata=header)), file)
    return file


def load_weights(file: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Weights and header of a safetensors file. Raises InputError if it is missing, damaged or no such file."""
    file = Path(file)
    if not file.exists():
        raise InputError(f"{file} is not there: the run has saved no such checkpoint yet.")
    if not is_intact(file):
        raise InputError(f"{file} is damaged: its sha256 is not the one noted when it was written.")
    try:
        with safe_open(file, framework="pt") as reader:
            header = {key: json.loads(value) for key, value in (reader.metadata() or {}).items()}
            return {name: reader.get_tensor(name) for name in reader.keys()}, header  # noqa: SIM118
    except (SafetensorError, ValueError) as error:
        raise InputError(f"{file} cannot be read as safetensors: {error}.") from None


def _write(target: Path, write: Callable[[Path], Any]) -> Path:
    temporary = target.with_name(target.name + ".tmp")
    write(temporary)
    _flush(temporary)
    return temporary


def _publish(temporary: Path, target: Path) -> None:
    """Rename file and sha256 into place. The note goes first: a crash between them leaves a mismatch, no more."""
    note = beside(temporary)
    note.write_text(sha256(temporary), encoding="ascii")
    _flush(note)
    put_in_place(note, beside(target))
    put_in_place(temporary, target)
    _flush_folder(target.parent)


def _flush(file: Path) -> None:
    with file.open("rb+") as stream:
        os.fsync(stream.fileno())


def _flush_folder(folder: Path) -> None:
    """Make renames durable; Windows has no such call and needs none."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
