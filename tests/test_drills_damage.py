"""Drills of damage: flipped bits and cut files at seeded places of every checkpoint, each detected."""

import contextlib
import shutil

import numpy as np
import pytest
import torch

from seglib.exceptions import InputError
from seglib.training import checkpoint
from seglib.training.checkpoint import load_last, load_weights, save_last, save_weights
from seglib.training.integrity import BEST, LAST, PREVIOUS

FILES = (LAST, PREVIOUS, BEST)


def state(step: int) -> dict:
    return {"step": step, "model": {"w": torch.full((2000,), float(step)), "b": torch.arange(50.0) * step}}


@pytest.fixture
def saved(tmp_path):
    folder = tmp_path / "saved"
    folder.mkdir()
    for step in (1, 2):
        save_last(folder, state(step))
    save_weights(folder / BEST, state(2)["model"], {"step": 2})
    return folder


def flipped(content: bytes, rng: np.random.Generator) -> bytes:
    bits = bytearray(content)
    bits[int(rng.integers(len(bits)))] ^= 1 << int(rng.integers(8))
    return bytes(bits)


def cut(content: bytes, rng: np.random.Generator) -> bytes:
    return content[: int(rng.integers(len(content)))]


def is_used(folder, name: str) -> bool:
    """Whether anything of the damaged file `name` is taken for a checkpoint."""
    if name == BEST:
        with contextlib.suppress(InputError):
            load_weights(folder / BEST)
            return True
        return False
    if name == LAST:  # the one before is used, and that is said
        stored, note = load_last(folder)
        return not (stored["step"] == 1 and note and PREVIOUS in note)
    (folder / LAST).unlink()  # only the damaged one is left
    with contextlib.suppress(InputError):
        load_last(folder)
        return True
    return False


def undetected(saved, tmp_path, name: str, flips: int, cuts: int) -> int:
    rng, found = np.random.default_rng(FILES.index(name)), 0
    content = (saved / name).read_bytes()
    for damage in [flipped] * flips + [cut] * cuts:
        folder = tmp_path / "damaged"
        shutil.copytree(saved, folder)
        (folder / name).write_bytes(damage(content, rng))
        found += is_used(folder, name)
        shutil.rmtree(folder)
    return found


@pytest.mark.parametrize("name", FILES)
def test_20_flips_and_5_cuts_are_detected(saved, tmp_path, name):
    assert undetected(saved, tmp_path, name, 20, 5) == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_200_flips_and_50_cuts_are_detected(saved, tmp_path, name):
    assert undetected(saved, tmp_path, name, 200, 50) == 0


@pytest.mark.parametrize("name", FILES)
def test_the_drill_of_damage_can_fail(saved, tmp_path, name, monkeypatch):
    """Without the sha256 the libraries' own checks let some of it pass."""
    for check in ("is_intact", "is_either"):
        monkeypatch.setattr(checkpoint, check, lambda file: file.exists())
    assert undetected(saved, tmp_path, name, 20, 0) > 0


def test_a_damaged_best_says_what_to_do(saved):
    content = (saved / BEST).read_bytes()
    (saved / BEST).write_bytes(content[:-1])
    with pytest.raises(InputError, match="choose the checkpoint `last`, or resume the run"):
        load_weights(saved / BEST)
    for name in (LAST, PREVIOUS):
        (saved / name).unlink()
    with pytest.raises(InputError, match="Train the run anew"):
        load_weights(saved / BEST)


def test_a_damaged_note_is_as_bad_as_a_damaged_file(saved):
    note = saved / f"{LAST}.sha256"
    note.write_bytes(b"\xff" + note.read_bytes()[1:])
    assert load_last(saved)[0]["step"] == 1


def test_a_save_that_reads_back_otherwise_is_tried_again(saved, monkeypatch):
    real, lies = checkpoint.sha256, ["0" * 64]
    monkeypatch.setattr(checkpoint, "sha256", lambda file: lies.pop() if lies else real(file))
    save_last(saved, state(3))
    assert not lies
    stored, note = load_last(saved)
    assert (stored["step"], note) == (3, None)


def test_a_save_that_never_reads_back_leaves_the_ones_before(saved, monkeypatch):
    before = {file.name: file.read_bytes() for file in saved.iterdir()}
    monkeypatch.setattr(checkpoint, "sha256", lambda file: "0" * 64)
    for save in (lambda: save_last(saved, state(3)), lambda: save_weights(saved / BEST, state(3)["model"], {})):
        with pytest.raises(checkpoint.NotAsWritten, match="disk or memory may be failing"):
            save()
    assert {file.name: file.read_bytes() for file in saved.iterdir()} == before
