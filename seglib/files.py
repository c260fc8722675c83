"""Files: one put in the place of another in one move, on every system; temporary ones that do not stay behind; a new
folder made whole or not at all."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from seglib.exceptions import InputError

ATTEMPTS, PAUSE_S = 40, 0.05


def put_in_place(source: Path, target: Path) -> None:
    """Rename the file or folder `source` to `target`, over a file that is there.

    Windows refuses while somebody has it open, such as a page that reads a picture of a running training; a moment
    later it works. Raises the PermissionError of the last of ATTEMPTS.
    """
    for attempt in range(ATTEMPTS):
        try:
            Path(source).replace(target)
            return
        except PermissionError:
            if attempt == ATTEMPTS - 1:
                raise
            time.sleep(PAUSE_S)


@contextlib.contextmanager
def removed_on_failure(temporary: Path) -> Iterator[None]:
    """Whatever ends the block before its time, the file or folder `temporary` does not stay behind."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True) if not temporary.is_dir() else shutil.rmtree(temporary)
        raise


def check_free(folder: Path) -> None:
    """Raises InputError unless `folder` is new or an empty folder."""
    folder = Path(folder)
    if folder.is_symlink() or (folder.exists() and not (folder.is_dir() and not any(folder.iterdir()))):
        raise InputError(f"{folder}: exists and is not an empty folder; choose another name, nothing is overwritten.")


@contextlib.contextmanager
def made_beside(folder: Path) -> Iterator[Path]:
    """A folder that takes the name `folder` if all goes well, and is gone if not.

    Raises InputError where the folder above cannot be written to, and where `folder` was taken in the meantime.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name[:60]}-", dir=folder.parent))
    except OSError as error:
        raise InputError(f"{folder}: cannot be made ({error.strerror}); choose another place.") from None
    try:
        yield made
        made.chmod(0o755)  # mkdtemp makes it private
        check_free(folder)  # another process may have been faster
        if folder.is_dir():
            folder.rmdir()
        put_in_place(made, folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)
