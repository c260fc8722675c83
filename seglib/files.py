"""Files: one put in the place of another in one move, on every system; temporary ones that do not stay behind."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

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
