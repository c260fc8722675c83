"""What the tests of the Train page share: places of their own with one small data set, and the page under AppTest."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import make_disc_data
from streamlit.testing.v1 import AppTest

from seglib.runs import record
from seglib.runs.store import Run
from ui import registry

SHELL = Path(__file__).resolve().parents[1] / "ui" / "shell.py"


def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Discs as the only data set besides a demo that is never opened; runs in a place of their own."""
    monkeypatch.setenv("SEGLIB_DATASETS", str(tmp_path / "datasets.json"))
    monkeypatch.setenv("SEGLIB_CHECKPOINTS", str(tmp_path / "checkpoints"))
    monkeypatch.setenv("SEGLIB_CACHE", str(tmp_path / "cache"))
    make_disc_data(tmp_path / "discs")
    monkeypatch.setenv("SEGLIB_DEMO", str(tmp_path / "discs"))
    registry.add(tmp_path / "discs")
    return tmp_path


def page(data: str = "demo", **query: str) -> AppTest:
    at = AppTest.from_file(str(SHELL), default_timeout=60)
    for key, value in {"data": data, **query}.items():
        at.query_params[key] = value
    return at.switch_page("../pages/train.py").run()


def setting(at: AppTest, path: str):
    return at.get_by_key(f"train_set_{path}")


def texts(at: AppTest) -> str:
    return " ".join(e.value for kind in (at.error, at.warning, at.info, at.caption, at.markdown) for e in kind)


def command(at: AppTest) -> str:
    return next(code.value for code in at.code if code.value.startswith("python -m seglib"))


def ended(run: Run, reason: str = "for some reason") -> None:
    record.update(run.folder, "failed", reason)
