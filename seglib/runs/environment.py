"""What a run was made with: versions, machine, git revision, the pixels of its data set."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import seglib
from seglib.data.dataset import Dataset
from seglib.exceptions import InputError
from seglib.runs import contents
from seglib.runs.contents import Contents
from seglib.runs.detached import REPOSITORY
from seglib.runs.store import Run

_PACKAGES = ("torch", "numpy", "opencv-python", "scipy", "scikit-image", "pandas", "safetensors")


def describe(dataset: Dataset, found: Contents) -> dict[str, Any]:
    """Everything known before the training starts; it adds device, threads and precision."""
    return {
        "seglib": seglib.__version__,
        "git_revision": git_revision(REPOSITORY),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "data": {"fingerprint": found.fingerprint, "counts": dataset.counts(), "independent": dataset.independent},
    }


def check_same_data(run: Run, now: dict[str, Any], found: Contents) -> None:
    """Raises InputError, saying what changed, when a run would go on with other pixels than it began with."""
    old, new = run.environment().get("data"), now["data"]
    if not old or old.get("fingerprint") == new["fingerprint"]:
        return
    before = contents.stored(run.folder)
    what = "; ".join(contents.changes(before, found.pictures) if before else _counted(old, new))
    raise InputError(f"run {run.id}: its data set has changed ({what}); put it back as it was, or start a new run.")


def _counted(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """What can be said of a run that wrote down no digests."""
    counts = [f"{k} {old['counts'].get(k)} → {v}" for k, v in new["counts"].items() if old["counts"].get(k) != v]
    return counts or ["the same number of pictures, but other pixels, masks or sides of the split"]


def git_revision(repository: Path) -> str | None:
    """The commit that is checked out, read from git's files; None outside a repository."""
    try:
        git = repository / ".git"
        if git.is_file():  # a linked work tree
            git = (repository / git.read_text(encoding="utf-8").partition("gitdir:")[2].strip()).resolve()
        head = (git / "HEAD").read_text(encoding="utf-8").strip()
        if not head.startswith("ref:"):
            return head
        return _resolved(git, head.partition("ref:")[2].strip())
    except OSError:
        return None


def _resolved(git: Path, ref: str) -> str | None:
    common = git / "commondir"
    shared = (git / common.read_text(encoding="utf-8").strip()).resolve() if common.exists() else git
    for place in (git, shared):
        if (place / ref).is_file():
            return (place / ref).read_text(encoding="utf-8").strip()
    packed = shared / "packed-refs"
    lines = packed.read_text(encoding="utf-8").splitlines() if packed.exists() else []
    return next((line.split()[0] for line in lines if line.endswith(" " + ref)), None)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
