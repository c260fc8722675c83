"""The runs on disk: find, list, read, name. Reading never writes and never waits for a trainer."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seglib.exceptions import InputError
from seglib.runs import events, process, record
from seglib.runs.detached import REPOSITORY
from seglib.runs.files import JsonFiles, read_json, write_json
from seglib.settings import nearest

if TYPE_CHECKING:
    from seglib.training.config import Config

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_WINDOWS_RESERVED = {"con", "prn", "aux", "nul", *(f"{d}{i}" for d in ("com", "lpt") for i in range(1, 10))}
_OTHER_FILES = {"queue.json", "queue.lock", "experiments"}
_follower = events.Follower()
_json = JsonFiles()


def checkpoints_root() -> Path:
    """Where runs live: the environment's SEGLIB_CHECKPOINTS, else `checkpoints/` of the repository."""
    return Path(os.environ.get("SEGLIB_CHECKPOINTS") or REPOSITORY / "checkpoints").expanduser().resolve()


def portable(path: str | Path) -> str:
    """As it is stored: relative to the repository where it lies in it, with `/`; else absolute."""
    path = Path(path).expanduser().resolve()
    inside = path.is_relative_to(REPOSITORY)
    return path.relative_to(REPOSITORY).as_posix() if inside else str(path)


@lru_cache(maxsize=1024)
def located(path: str | Path) -> Path:
    """The absolute path that `portable` stored."""
    return (REPOSITORY / Path(path).expanduser()).resolve()


class Run:
    """One run folder. Every look at it reads what is new on disk; nothing is kept but figures already read."""

    def __init__(self, folder: str | Path):
        self.folder = Path(folder).expanduser().resolve()

    @classmethod
    def _resolved(cls, folder: Path) -> Run:
        """Without asking the file system for a path that is absolute already."""
        run = cls.__new__(cls)
        run.folder = folder
        return run

    def __repr__(self) -> str:
        return f"Run({self.id!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and other.folder == self.folder

    def __hash__(self) -> int:
        return hash(self.folder)

    @property
    def id(self) -> str:
        return self.folder.name

    def config(self) -> Config:
        """The whole config, checked. Raises InputError for one that this version does not understand."""
        from seglib.training.config import read_config  # OpenCV comes with it; a warden needs none

        return read_config(self.folder / "config.json")

    def settings(self) -> dict[str, Any]:
        """config.json as it stands, for lists: cheap, and never an error. Shared by all who ask: do not change it."""
        return _json.read(f"{self.folder}/config.json")

    def record(self) -> dict[str, Any]:
        """run.json as it stands: what the trainer last said. For the truth ask `state()`."""
        return record.read(self.folder)

    def environment(self) -> dict[str, Any]:
        return read_json(self.folder / "environment.json")

    def state(self) -> record.State:
        """What is true now; a dead trainer is never shown as running."""
        process.reap()
        written = _json.read(f"{self.folder}/run.json")
        if written.get("state") in record.ENDED:  # nobody to look for: most runs of a list
            return record.at_rest(written)
        return record.current(self.folder)

    def data_path(self) -> Path:
        """The data set's folder, absolute; it need not exist any more."""
        return located(self.settings().get("data", {}).get("path", ""))

    @property
    def independent(self) -> bool:
        """False where train and val are parts of one movie in time: then every IoU of it is to be marked."""
        return self.settings().get("data", {}).get("split") != "blocks"

    # -- how it goes

    def events(self, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
        """New events from byte `offset` on, and the offset to ask from next time."""
        return events.tail(self.folder / "events.jsonl", offset)

    def progress(self) -> events.Progress:
        """Step, epoch, elapsed time, last loss, best and last IoU; reads only what is new since the last call."""
        return _follower.progress(self.folder / "events.jsonl")

    def best_iou(self) -> float | None:
        """Best pooled val IoU so far; None without a validation."""
        return self.progress().best_iou

    @property
    def last_step(self) -> int:
        return self.progress().step

    @property
    def elapsed_s(self) -> float:
        """Seconds of training and validation, over all its resumes."""
        return self.progress().elapsed_s

    def has_checkpoint(self, which: str = "best") -> bool:
        """Whether `best` or `last` is there to load (not whether it is intact: the loader checks)."""
        names = {"best": ("best.safetensors",), "last": ("last.pt", "last.previous.pt")}[which]
        return any((self.folder / name).exists() for name in names)

    def log_tail(self, n_bytes: int = 8000) -> str:
        """The end of log.txt, whole lines."""
        try:
            with (self.folder / "log.txt").open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - n_bytes))
                text = file.read().decode("utf-8", errors="replace")
        except FileNotFoundError:
            return ""
        return text if size <= n_bytes else text.partition("\n")[2]

    # -- what the person calls it: in a file of its own, because config.json and run.json belong to others

    @property
    def name(self) -> str:
        """The name shown: the person's, else the run's id."""
        return str(self._label().get("name") or self.id)

    @property
    def note(self) -> str:
        return str(self._label().get("note") or "")

    def rename(self, name: str) -> None:
        """Show the run as `name` (empty = its id again); the folder keeps its name."""
        if len(name.strip()) > 120:
            raise InputError(f"the name has {len(name.strip())} characters; at most 120 are shown.")
        self._write_label(name=" ".join(name.split()))

    def write_note(self, note: str) -> None:
        self._write_label(note=note.strip())

    def _label(self) -> dict[str, Any]:
        return _json.read(f"{self.folder}/label.json")

    def _write_label(self, **news: str) -> None:
        write_json(self.folder / "label.json", {**self._label(), **news})


def check_id(run_id: str) -> str:
    """`run_id` if it can be a folder on every system. Raises InputError else."""
    if not _ID.fullmatch(run_id) or run_id.endswith("."):
        raise InputError(
            f"run name {run_id!r}: use 1 to 100 letters, digits, '-', '_' or '.', beginning with a letter or digit, "
            "not ending with '.'."
        )
    if run_id.split(".")[0].lower() in _WINDOWS_RESERVED or run_id in _OTHER_FILES:
        raise InputError(
            f"run name {run_id!r} is reserved (Windows cannot have a folder of that name); choose another."
        )
    return run_id


def list_runs(root: str | Path | None = None) -> list[Run]:
    """Every run under `root`, newest first."""
    root = Path(root).expanduser().resolve() if root else checkpoints_root()
    return [run for *_, run in sorted(_found(root), key=lambda found: found[:2], reverse=True)]


def _found(root: Path) -> Iterator[tuple[int, str, Run]]:
    """When each run was made, its folder's name, and it. Called several times a rerun: one look at each folder."""
    if not root.is_dir():
        return
    with os.scandir(root) as entries:
        for entry in entries:
            if entry.name.startswith(".") or entry.name in _OTHER_FILES:
                continue
            try:
                made = os.stat(f"{entry.path}/config.json").st_mtime_ns  # noqa: PTH116
            except OSError:
                continue
            yield made, entry.name, Run(entry.path) if entry.is_symlink() else Run._resolved(Path(entry.path))


def find_run(name_or_path: str | Path, root: str | Path | None = None) -> Run:
    """The run of that name under `root` (default: the checkpoints root), or at that path.

    Raises InputError naming the nearest run where there is none.
    """
    root = Path(root) if root else checkpoints_root()
    for folder in (root / name_or_path, Path(name_or_path).expanduser()):
        if str(name_or_path) not in ("", ".") and (folder / "config.json").exists():
            return Run(folder)
    ids = [run.id for run in list_runs(root)]
    some = (
        f" There are: {', '.join(ids[:8])}{' …' if len(ids) > 8 else ''}."
        if ids
        else f" There are no runs in {root} yet."
    )
    raise InputError(
        f"no run {str(name_or_path)!r}: neither a name in {root} nor a run folder."
        f"{nearest(str(name_or_path), ids)}{some}"
    )
