"""A report of one tiny run, made once a session: the folder with checkpoints/ and reports/, and what was built."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

import pytest
from tiny_run import finished_run

from seglib.report import build
from seglib.report.making import Report


@functools.cache
def made_report() -> tuple[Path, Report]:
    folder = Path(tempfile.mkdtemp(prefix="made-report-"))
    run = finished_run(folder)
    (folder / "home").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder / "home"))
        return folder, build([run], folder / "reports" / "tiny", zip=True, title="Tiny <b>yeast</b>")
