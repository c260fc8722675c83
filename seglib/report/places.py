"""Places: where reports live, where a notebook finds its runs again; no path of this machine in what is handed in."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from seglib.exceptions import InputError
from seglib.places import REPOSITORY
from seglib.runs.store import Run, checkpoints_root

NOTEBOOK, PAGE, ZIP = "report.ipynb", "report.html", "report.zip"
RUNS_AT = "SEGLIB_REPORT_RUNS"  # told to the kernel at building time only: the folders of the runs


class RunsNotFound(InputError):
    """A run of the report is gone. In a notebook the message stands alone, without the lines of code that led to it."""

    def _render_traceback_(self) -> list[str]:
        return [f"The runs of this report are not here: {self}"]


def reports_root() -> Path:
    """Where reports live unless another folder is named: the environment's SEGLIB_REPORTS, else beside checkpoints/."""
    return Path(os.environ.get("SEGLIB_REPORTS") or checkpoints_root().parent / "reports").expanduser().resolve()


def folder_named(name: str) -> Path:
    """The folder of the report of that name. Raises InputError for one that is no mere name."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}", name) or name.endswith("."):
        raise InputError(
            f"report name {name!r}: use 1 to 60 letters, digits, '-', '_' or '.', beginning with a letter or digit."
        )
    return reports_root() / name


def relative_root(out: Path, roots: Sequence[Path]) -> str:
    """`../../checkpoints`: the one root of all runs seen from the folder `out`; empty where that would tell of this
    machine (folders that have nothing but the disk or the person's home in common) or where there are several."""
    if len(set(roots)) != 1:
        return ""
    try:
        common = Path(os.path.commonpath([out, roots[0]]))
    except ValueError:  # two drives
        return ""
    home = Path.home().resolve()
    if len(common.parts) < 3 or home.is_relative_to(common) or REPOSITORY.parent.is_relative_to(common):
        return ""
    return Path(os.path.relpath(roots[0], out)).as_posix()


def find_runs(names: Iterable[str], checkpoints: str = "") -> list[Run]:
    """The runs of a notebook, by name, looked for in `checkpoints` (relative to the notebook), in the environment's
    SEGLIB_CHECKPOINTS, then in checkpoints/ beside the notebook or in a folder above it.

    Raises RunsNotFound naming those that are gone.
    """
    told = [Path(folder) for folder in os.environ.get(RUNS_AT, "").split(os.pathsep) if folder]
    at = {folder.name: folder for folder in told}
    roots = [Path(checkpoints)] if checkpoints else [checkpoints_root(), *_above()]
    found: list[Run] = []
    gone: list[str] = []
    for name in names:
        folders = [at[name]] if name in at else [root / name for root in roots]
        there = next((f for f in folders if (f / "config.json").exists()), None)
        if there is None:
            gone.append(name)
        else:
            found.append(Run(there))
    if gone:
        where = checkpoints or "checkpoints/ of the project or of any folder above this notebook"
        raise RunsNotFound(
            f"{', '.join(gone)}; looked for in {where}. Set CHECKPOINTS in the first cell to the folder that holds "
            "them. What is shown below is what they gave when the report was made."
        )
    return found


def _above() -> list[Path]:
    here = Path.cwd().resolve()
    return [folder / "checkpoints" for folder in (here, *here.parents)]


def without_places(text: str, private: Iterable[Path]) -> str:
    """`text` with the folders `private` taken out of every path in it; what is left is relative to one of them."""
    for folder in sorted({str(p) for p in private if len(Path(p).parts) > 1}, key=len, reverse=True):
        text = re.sub(re.escape(folder) + r"(?=$|[^\w-])[/\\]?", "", text)
    return text


def private_folders(runs: Iterable[Run], out: Path) -> list[Path]:
    """Folders whose names are nobody else's business."""
    found = [REPOSITORY, Path.home().resolve(), checkpoints_root(), Path(out).resolve().parent]
    for run in runs:
        found += [run.folder.parent, run.data_path().parent]
    return found
