"""The bin: runs taken out of the list and brought back. A move within one folder: nothing is copied or lost."""

from __future__ import annotations

from pathlib import Path

from seglib.exceptions import InputError
from seglib.runs import launcher, lock
from seglib.runs.store import Run, check_id, checkpoints_root

BIN = ".bin"


def move_to_bin(run: Run) -> Run:
    """Move the run's folder to `.bin/` beside it; the run there. One that waits is taken out of the queue first.

    Raises InputError while a trainer works in it.
    """
    if run.state().name == "queued":
        launcher.take_out(run)
    state = run.state()
    if state.live:
        raise InputError(f"run {run.id} is {state}; stop it before moving it to the bin.")
    with lock.hold(run.folder):  # nobody can resume it between the look and the move
        pass
    return Run(put_away(run.folder))


def put_away(folder: Path) -> Path:
    """Move a folder that nobody works in to `.bin/` beside it; where it is then."""
    target = _free(folder.parent / BIN, folder.name)
    target.parent.mkdir(exist_ok=True)
    return _moved(folder, target).folder


def restore(name: str, root: str | Path | None = None) -> Run:
    """Bring the run `name` back from the bin. Raises InputError if it is not there or its place is taken."""
    root = Path(root) if root else checkpoints_root()
    source, target = root / BIN / check_id(name), root / name
    if not source.is_dir():
        raise InputError(f"no run {name!r} in the bin {root / BIN}.")
    if target.exists():
        raise InputError(f"run {name!r} cannot come back: {target} exists again; move that one away first.")
    return _moved(source, target)


def binned(root: str | Path | None = None) -> list[Run]:
    """Runs in the bin, by name."""
    folder = (Path(root) if root else checkpoints_root()) / BIN
    return [Run(p) for p in sorted(folder.iterdir()) if p.is_dir()] if folder.is_dir() else []


def _moved(source: Path, target: Path) -> Run:
    try:
        source.rename(target)
    except OSError as error:  # Windows: a file in it is open elsewhere
        raise InputError(f"{source} cannot be moved: {error.strerror}; close what has its files open.") from None
    return Run(target)


def _free(folder: Path, name: str) -> Path:
    """`name`, or `name-2` … where the bin already holds one."""
    names = (name if i == 1 else f"{name}-{i}" for i in range(1, 10_000))
    return next(folder / n for n in names if not (folder / n).exists())
