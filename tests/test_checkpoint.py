"""Checkpoints: atomic, verified, and never a damaged one used."""

import contextlib
import pickle
from pathlib import Path

import pytest
import torch

from seglib.exceptions import InputError
from seglib.training.checkpoint import load_last, load_weights, save_last, save_weights
from seglib.training.integrity import BEST, LAST, PREVIOUS, is_intact


def state(step: int) -> dict:
    return {"step": step, "model": {"w": torch.arange(6.0) * step}}


def damage(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)


def test_the_one_before_is_kept_and_used_when_the_last_is_damaged(tmp_path):
    save_last(tmp_path, state(1))
    save_last(tmp_path, state(2))
    loaded, note = load_last(tmp_path)
    assert (loaded["step"], note) == (2, None)
    damage(tmp_path / LAST)
    loaded, note = load_last(tmp_path)
    assert loaded["step"] == 1
    assert PREVIOUS in note


def test_a_damaged_last_never_replaces_the_one_before(tmp_path):
    save_last(tmp_path, state(1))
    save_last(tmp_path, state(2))
    damage(tmp_path / LAST)
    save_last(tmp_path, state(3))
    damage(tmp_path / LAST)
    assert load_last(tmp_path)[0]["step"] == 1


@pytest.mark.parametrize("calls_before_the_kill", range(8))
def test_a_kill_at_any_rename_leaves_a_checkpoint(tmp_path, monkeypatch, calls_before_the_kill):
    save_last(tmp_path, state(1))
    save_last(tmp_path, state(2))
    rename, calls = Path.replace, []

    def killed(self, target):
        if len(calls) == calls_before_the_kill:
            raise KeyboardInterrupt
        calls.append(target)
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with contextlib.suppress(KeyboardInterrupt):
            save_last(tmp_path, state(3))
    assert load_last(tmp_path)[0]["step"] in (2, 3)


def test_a_file_that_somebody_reads_is_replaced_a_moment_later(tmp_path, monkeypatch):
    """Windows refuses the rename meanwhile; a page that looks must not end a training."""
    save_last(tmp_path, state(1))
    rename, refused = Path.replace, []

    def busy(self, target):
        if len(refused) < 3:
            refused.append(target)
            raise PermissionError(13, "in use")
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", busy)
    save_last(tmp_path, state(2))
    assert len(refused) == 3
    assert load_last(tmp_path)[0]["step"] == 2


def test_nothing_intact_is_an_error(tmp_path):
    with pytest.raises(InputError, match="nothing to resume"):
        load_last(tmp_path)
    save_last(tmp_path, state(1))
    damage(tmp_path / LAST)
    with pytest.raises(InputError, match="nothing to resume"):
        load_last(tmp_path)


def test_pickled_code_is_never_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("code of a checkpoint was run",))

    save_last(tmp_path, state(1))
    from seglib.training import integrity

    (tmp_path / LAST).write_bytes(pickle.dumps(Bomb()))
    (tmp_path / f"{LAST}.sha256").write_text(integrity.sha256(tmp_path / LAST), encoding="ascii")
    with pytest.raises(InputError, match="nothing to resume"):
        load_last(tmp_path)


def test_weights_with_their_header(tmp_path):
    file = save_weights(tmp_path / BEST, {"w": torch.ones(2, 3)}, {"step": 7, "model": {"depth": 2}})
    weights, header = load_weights(file)
    assert torch.equal(weights["w"], torch.ones(2, 3))
    assert header == {"step": 7, "model": {"depth": 2}}
    assert is_intact(file)
    damage(file)
    with pytest.raises(InputError, match="damaged"):
        load_weights(file)
    with pytest.raises(InputError, match="not there"):
        load_weights(tmp_path / "gone.safetensors")
