"""Recognise: what kind of source something is, by what stands in it and not by its name; and open it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from seglib.exceptions import InputError
from seglib.sources import archive, folder, hdf5, nnunet, omezarr, tiff, tracking
from seglib.sources.source import Choices, Source
from seglib.sources.stack import named

# asked in this order: a store or a layout with a file of its own first, loose pictures last
MODULES = (hdf5, omezarr, nnunet, tracking, folder, tiff)
UNDERSTOOD = (
    "a folder with dataset.csv or images/ and masks/, an HDF5 file, TIFF stacks, a Zarr store, the nnU-Net raw "
    "layout, the Cell Tracking Challenge layout, or a zip of one of these"
)
_MAX_DOWN = 4


@contextmanager
def open_source(
    path: Path | str,
    choices: Choices | None = None,
    scratch: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[Source]:
    """The source at `path`, open for as long as the context lasts. No pixel is read yet.

    A zip is unpacked into a folder of its own in `scratch` (the system's for temporary files where None), which is
    removed at the end; `progress(done, total)` tells how far that is. Raises InputError where nothing is there, nothing
    is recognised, or it is not let in.
    """
    path, choices = _local(path), choices or Choices()
    with ExitStack() as resources:
        said: list[str] = []
        inside = path
        if archive.matches(path):
            made = resources.enter_context(tempfile.TemporaryDirectory(prefix=".unpacked-", dir=scratch))
            inside = Path(made) / (named(path).lstrip(".") or "zip")  # pictures may be called after it
            inside.mkdir()
            said = archive.unpack(path, inside, progress)
        inside, way = _down(inside)
        said += [f"found in {way}"] if way else []
        module = _module(inside)
        if module is None:
            raise InputError(f"{path}: not recognised; allowed: {UNDERSTOOD}.")
        source = module.open_source(inside, choices, resources)
        kind = f"{source.kind} in a zip" if archive.matches(path) else source.kind
        yield replace(source, kind=kind, path=path, decisions=(*said, *source.decisions))


def _local(path: Path | str) -> Path:
    """A path on this machine. Addresses are never fetched."""
    if "://" in str(path) or "::" in str(path):
        raise InputError(f"{path}: an address; only files and folders of this machine are read. Download it first.")
    path = Path(path).expanduser()
    if not path.exists():
        raise InputError(f"{path}: there is no such file or folder.")
    return path.parent if path.name in ("dataset.csv", *omezarr.MARKS) and path.is_file() else path


def kind_of(path: Path) -> str | None:
    """What `path` itself is, by a look that reads next to nothing; None where it is nothing that comes in."""
    try:
        if archive.matches(path):
            return "zip"
        module = _module(path)
        if module is folder and folder.holds_stacks(path):
            return folder.STACKS_KIND
    except OSError:
        return None
    return module.KIND if module is not None else None


def _module(path: Path):
    return next((module for module in MODULES if module.matches(path)), None)


def _down(path: Path) -> tuple[Path, str]:
    """Into the one folder (or file) that a folder holds, as zips often do; (where that led, the way there)."""
    start = path
    for _ in range(_MAX_DOWN):
        if _module(path) is not None or not path.is_dir():
            break
        inside = [p for p in path.iterdir() if not p.name.startswith((".", "__MACOSX"))]
        if len(inside) != 1 or inside[0].is_symlink():
            break
        path = inside[0]
    return path, path.relative_to(start).as_posix() if path != start else ""
