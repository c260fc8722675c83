"""What a run left of its validations: counts per image for every step, probabilities for the best and the last."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from seglib.exceptions import InputError
from seglib.settings import nearest

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from seglib.runs.store import Run


def validation_steps(run: Run) -> list[int]:
    """Steps with an images.parquet, ascending."""
    folder = run.folder / "validation"
    names = (p.name for p in folder.iterdir()) if folder.is_dir() else ()
    return sorted(int(n) for n in names if n.isdigit() and (folder / n / "images.parquet").exists())


def step_of(run: Run, which: int | str) -> int:
    """The step that `which` (a number, 'best' or 'last') means. Raises InputError where the run has none."""
    steps = validation_steps(run)
    if isinstance(which, str) and which not in ("best", "last"):
        raise InputError(
            f"checkpoint is {which!r}; allowed: best, last, or the step of a validation."
            f"{nearest(which, ('best', 'last'))}"
        )
    if not steps:
        raise InputError(f"run {run.id} has no validation yet; wait for the first, or train with a val split.")
    step = (_stored(run, which) or steps[-1]) if isinstance(which, str) else int(which)
    if step not in steps:
        raise InputError(f"run {run.id} has no validation at step {step}; there are: {', '.join(map(str, steps))}.")
    return step


def _stored(run: Run, which: str) -> int | None:
    """The step whose probabilities lie in validation/<which>."""
    try:
        return int((run.folder / "validation" / which / "step").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return run.progress().best_step if which == "best" else None


def scores(run: Run, which: int | str = "best") -> pd.DataFrame:
    """One row per val image: image, group, tp, fp, fn, tn, n_valid (integers, at threshold 0.5), data set's order."""
    return _table(run, step_of(run, which), "images.parquet")


def regions(run: Run, which: int | str = "best") -> pd.DataFrame | None:
    """Wrong regions of that validation, None where they are not computed (yet)."""
    step = step_of(run, which)
    return _table(run, step, "regions.parquet") if (folder_of(run, step) / "regions.parquet").exists() else None


def budgets(run: Run, which: int | str = "best") -> pd.DataFrame | None:
    """Budget of every image of that validation (image, group, the classes, union), None where it is not computed."""
    step = step_of(run, which)
    return _table(run, step, "budgets.parquet") if (folder_of(run, step) / "budgets.parquet").exists() else None


def folder_of(run: Run, step: int) -> Path:
    return run.folder / "validation" / f"{step:06d}"


def _table(run: Run, step: int, name: str) -> pd.DataFrame:
    import pandas as pd  # half a second that a list of runs does not need

    file = folder_of(run, step) / name
    try:
        return pd.read_parquet(file)
    except (OSError, ValueError) as error:
        raise InputError(f"{file} cannot be read: {str(error).splitlines()[0]}; remove the file or the run.") from None


def probability_file(run: Run, which: str, image_number: int) -> Path:
    """Path of the stored probabilities of one val image; `which` is 'best' or 'last'."""
    if which not in ("best", "last"):
        raise InputError(f"probabilities are kept for best and last only, not for {which!r}.")
    return run.folder / "validation" / which / f"{int(image_number)}.png"


def probability(run: Run, which: str, image_number: int) -> np.ndarray:
    """(H, W) uint8, q = floor(255 p + 0.5) of val image `image_number`, its row in that validation's images.parquet."""
    file = probability_file(run, which, image_number)
    if not file.exists():
        raise InputError(f"{file} is not there: the run keeps no probabilities for this image.")
    return decoded(file.read_bytes(), file)


def decoded(png: bytes, file: Path) -> np.ndarray:
    """(H, W) uint8 of the bytes of one such file. Raises InputError naming it where they are no grey PNG."""
    import cv2
    import numpy as np

    q = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED) if png else None
    if q is None or q.ndim != 2 or q.dtype != np.uint8:
        raise InputError(f"{file} is damaged: it is no 8-bit grey PNG; evaluate the run again.")
    return q
