"""The GPUs that runs can be given, counted without torch: asking torch would take a second and hold memory on each."""

from __future__ import annotations

import os
import re
import subprocess
from functools import lru_cache


def names() -> tuple[str, ...]:
    """What CUDA_VISIBLE_DEVICES may hold, one entry a GPU; () on a machine without.

    SEGLIB_GPUS (a number) overrides; a CUDA_VISIBLE_DEVICES that is set already is the choice there is.
    """
    given = os.environ.get("SEGLIB_GPUS", "")
    if given.isdigit():
        return tuple(map(str, range(min(int(given), 64))))
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return tuple(name.strip() for name in visible.split(",") if name.strip() not in ("", "-1"))
    return _of_nvidia_smi()


@lru_cache(maxsize=1)
def _of_nvidia_smi() -> tuple[str, ...]:
    try:
        done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(re.findall(r"^GPU (\d+):", done.stdout, flags=re.MULTILINE))
