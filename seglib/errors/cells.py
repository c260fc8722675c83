"""Cells: one row a truth cell and one a predicted cell without a counterpart: what is wrong with it, what it is like.

Words as in `seglib.errors.matching`. Every wrong pixel of an image belongs to exactly one row:
  truth cell     fn = its pixels that were missed; fp = false foreground in its zone that is part of no invented cell;
                 union = its pixels + fp.
  invented cell  a predicted cell whose best IoU with a truth cell is below 0.1, unless all of it lies in truth cells.
                 fp = union = its pixels outside all truth cells; fn = 0.
So fn + fp of all rows add up to the wrong pixels of the image, and union to its union. The error rate of a cell is
(fn + fp) / union; that of an invented cell is 1.

What a cell is like, from picture and mask alone (of an invented cell: from picture and prediction):
  n_touching  other cells with a pixel among the 8 neighbours of one of its own
  density     other truth cells whose centre lies within 3 of its radii (those of a disc of its area)
  border_px   from its box to the image border
  focus       variance, in its box, of the Laplacian (4 neighbours) of the picture smoothed by a Gaussian of 1 px, the
              picture in standard deviations of its own: out of focus = small. After Pech-Pacheco et al. (2000,
              doi:10.1109/ICPR.2000.903548); at the scale of about 2 px, so that it is not the camera's noise.
  background  median grey value of the pixels of no cell at most 4 px away, as read; NaN where there is none
  contrast    mean grey value minus the background, in standard deviations of the picture
  frame       number at the end of the file's name, -1 without one
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import pandas as pd
from scipy import ndimage
from scipy.spatial import cKDTree

from seglib.data.splits import frame_of
from seglib.errors.budget import Anatomy
from seglib.errors.matching import MATCH_IOU, compact

CELLS = {
    "image": "str",
    "group": "str",
    "cell": "int64",  # label id of a truth cell; number of the predicted cell in its image, for an invented one
    "kind": "str",  # truth or invented
    "row": "int64",  # top left corner of the bounding box
    "col": "int64",
    "height": "int64",
    "width": "int64",
    "n_pixels": "int64",
    "iou": "float64",  # best with the other side, by zones
    "fn": "int64",  # its pixels that were missed
    "fp": "int64",  # false foreground in its zone
    "union": "int64",  # n_pixels + fp; of an invented cell fp
    "n_touching": "int64",
    "density": "int64",
    "border_px": "int64",
    "focus": "float64",
    "background": "float64",
    "contrast": "float64",
    "frame": "int64",
}
_TEXT = ("image", "group", "kind")
RADII = 3  # within so many cells count for the density
AROUND_PX = 4  # so far the background of a cell is looked at
FOCUS_SIGMA_PX = 1.0


def no_cells() -> pd.DataFrame:
    """cells.parquet of no cell, with the columns of CELLS."""
    return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in CELLS.items()})


@dataclass(frozen=True)
class Things:
    """The truth cells of an image, numbered 1 … n_truth, then its invented ones, up to n.

    number: (H, W) int32, 0 = neither; where a truth cell and an invented one overlap it is the truth cell's.
    """

    number: np.ndarray
    n_truth: int
    n: int
    box: np.ndarray  # (n, 4): row, col, height, width
    n_pixels: np.ndarray  # (n,)
    zone: np.ndarray  # (H, W): label id of the nearest truth cell, 0 in an image without any
    ids: np.ndarray  # (n_truth + 1,) label id of each truth cell; that of 0 is 0

    def nearest(self, where: np.ndarray) -> np.ndarray:
        """Number of the truth cell nearest to some pixels, given by their flat index."""
        return np.searchsorted(self.ids, self.zone.ravel()[where])


def cells(
    gray: np.ndarray, foreground: np.ndarray, labels: np.ndarray, valid: np.ndarray, parts: Anatomy, name: str = ""
) -> dict[str, np.ndarray]:
    """The columns of CELLS for one image but `image` and `group`, invented cells after the truth cells.

    gray: (H, W) grey values of any type; foreground, valid: (H, W) bool; labels: (H, W) integer, 0 = background.
    parts: what `seglib.errors.budget.anatomy` returned for them. name: of the file, for its frame number.
    """
    match = parts.cells
    invented = np.flatnonzero(match.best_of_predicted < MATCH_IOU)
    things = _things(np.where(valid, labels, 0), invented, parts)
    is_truth = np.arange(things.n) < things.n_truth
    columns = {
        "cell": np.concatenate((match.ids[1:], invented)),
        "kind": np.where(is_truth, np.array("truth", object), np.array("invented", object)),
        **dict(zip(("row", "col", "height", "width"), things.box.T)),
        "n_pixels": things.n_pixels,
        "iou": np.concatenate((match.best_of_truth[1:], match.best_of_predicted[invented])),
        **_wrong(things, foreground, parts.classes > 0),
        **_surroundings(things),
        **_look(things, np.asarray(gray, np.float32), valid),
        "frame": np.full(things.n, frame_of(name)),
    }
    columns["union"] = columns["fp"] + np.where(is_truth, things.n_pixels, 0)
    kept = is_truth | (columns["fp"] > 0)  # a crumb within a missed cell is nothing invented
    return {name: columns[name][kept] for name in CELLS if name in columns}


def table(images: list[tuple[str, str, dict[str, np.ndarray]]]) -> pd.DataFrame:
    """(image, group, columns of `cells`) of many images as one table."""
    if not images:
        return no_cells()
    lengths = [len(columns["cell"]) for _, _, columns in images]
    found = {
        name: np.repeat(np.array([image[place] for image in images], object), lengths)
        if name in ("image", "group")
        else np.concatenate([columns[name] for _, _, columns in images])
        for place, name in enumerate(CELLS)
    }
    return pd.DataFrame({n: pd.array(v, dtype="str") if n in _TEXT else v.astype(CELLS[n]) for n, v in found.items()})


def _things(labels: np.ndarray, invented: np.ndarray, parts: Anatomy) -> Things:
    ids, n_truth = parts.cells.ids, len(parts.cells.ids) - 1
    number = labels.astype(np.int32, copy=False) if ids[-1] == n_truth else compact(labels)[1]
    boxes, n_pixels = _boxes(number), parts.cells.area[1:]
    if len(invented):
        new = np.zeros(parts.cells.n_components, np.int32)
        new[invented] = np.arange(1, len(invented) + 1)
        other = new[parts.cells.component]
        where = np.flatnonzero(other)
        boxes = np.concatenate((boxes, _boxes(other)))
        n_pixels = np.concatenate((n_pixels, np.bincount(other.ravel()[where])[1:]))
        where = where[number.ravel()[where] == 0]
        number = number.copy()
        number.ravel()[where] = other.ravel()[where] + n_truth
    return Things(number, n_truth, len(boxes), boxes, n_pixels, parts.zone, ids)


def _boxes(number: np.ndarray) -> np.ndarray:
    """(n, 4) int64: row, col, height, width of every number from 1 up."""
    found = [(r.start, c.start, r.stop - r.start, c.stop - c.start) for r, c in ndimage.find_objects(number)]
    return np.array(found, np.int64).reshape(-1, 4)


def _wrong(things: Things, foreground: np.ndarray, wrong: np.ndarray) -> dict[str, np.ndarray]:
    where = np.flatnonzero(wrong)
    number, positive = things.number.ravel()[where], foreground.ravel()[where]
    owner = np.where(number > 0, number, things.nearest(where))
    both = {"fn": ~positive, "fp": positive}
    return {name: np.bincount(owner[of], minlength=things.n + 1)[1:] for name, of in both.items()}


def _surroundings(things: Things) -> dict[str, np.ndarray]:
    shape = things.number.shape
    row, col, height, width = things.box.T
    border = np.min([row, col, shape[0] - row - height, shape[1] - col - width], axis=0)
    return {"n_touching": _touching(things), "density": _density(things), "border_px": border}


def _touching(things: Things) -> np.ndarray:
    wide = np.pad(things.number, ((0, 0), (0, 1)))  # so that no row's end is beside the next row's start
    flat, full, pairs = wide.ravel(), wide.ravel() > 0, []
    for step in (1, wide.shape[1] - 1, wide.shape[1], wide.shape[1] + 1):
        meet = np.flatnonzero((flat[:-step] != flat[step:]) & full[:-step] & full[step:])
        a, b = flat[meet].astype(np.int64), flat[meet + step].astype(np.int64)
        pairs += [a * (things.n + 1) + b, b * (things.n + 1) + a]
    return np.bincount(np.unique(np.concatenate(pairs)) // (things.n + 1), minlength=things.n + 1)[1:]


def _density(things: Things) -> np.ndarray:
    if not things.n_truth:
        return np.zeros(things.n, np.int64)
    centre = things.box[:, :2] + things.box[:, 2:] / 2
    within = RADII * np.sqrt(things.n_pixels / np.pi)
    found = cKDTree(centre[: things.n_truth]).query_ball_point(centre, within, return_length=True)
    return found - (np.arange(things.n) < things.n_truth)  # nobody is its own neighbour


def _look(things: Things, gray: np.ndarray, valid: np.ndarray) -> dict[str, np.ndarray]:
    spread = float(gray.std()) or np.nan  # a picture of one grey has neither contrast nor focus
    inside = np.flatnonzero(things.number)
    member = things.number.ravel()[inside]
    background = _background(things, gray, valid)
    with np.errstate(invalid="ignore", divide="ignore"):
        sums = np.bincount(member, gray.ravel()[inside], minlength=things.n + 1)
        mean = (sums / np.bincount(member, minlength=things.n + 1))[1:]
    focus = _variance_in_boxes(_edges(gray), things.box) / spread**2
    return {"focus": focus, "background": background, "contrast": (mean - background) / spread}


def _edges(gray: np.ndarray) -> np.ndarray:
    smooth = cv2.GaussianBlur(gray, (0, 0), FOCUS_SIGMA_PX)
    return cv2.Laplacian(smooth, cv2.CV_32F, ksize=1)


def _variance_in_boxes(values: np.ndarray, box: np.ndarray) -> np.ndarray:
    top, left, height, width = box.T
    bottom, right, n = top + height, left + width, np.maximum(height * width, 1)
    first, second = (
        (total[bottom, right] - total[top, right] - total[bottom, left] + total[top, left]) / n
        for total in cv2.integral2(values, sdepth=cv2.CV_64F, sqdepth=cv2.CV_64F)
    )
    return np.maximum(second - first**2, 0)


def _background(things: Things, gray: np.ndarray, valid: np.ndarray) -> np.ndarray:
    owner, values = _ring(things, gray, valid)
    low, reach = (float(values.min()), 2 * float(np.ptp(values)) or 1.0) if len(values) else (0.0, 1.0)
    # one number for owner and grey: it sorts many times faster than two columns, and is exact to 1e-10
    ranked = np.sort(owner + (values - low) / reach)
    count = np.bincount(owner, minlength=things.n + 1)[1:]
    first = np.cumsum(count) - count
    ranked = np.append(ranked, np.nan)  # what cells without a ring point to
    middle = [ranked[np.where(count > 0, first + at, len(ranked) - 1)] for at in ((count - 1) // 2, count // 2)]
    return (np.mean(middle, axis=0) - np.arange(1, things.n + 1)) * reach + low


def _ring(things: Things, gray: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(owner, grey value) of the pixels of no cell at most AROUND_PX away: of the nearest truth cell, and of invented
    cells beside."""
    near = np.ones((2 * AROUND_PX + 1,) * 2, np.uint8)
    number, free = things.number, valid & (things.number == 0)
    truth = (number > 0) & (number <= things.n_truth)
    around = np.flatnonzero(free & (cv2.dilate(truth.view(np.uint8), near) > 0))
    owner, values = [things.nearest(around)], [gray.ravel()[around]]
    if things.n > things.n_truth:
        # OpenCV dilates no int32; where the rings of two meet, the later one has it
        grown = cv2.dilate(np.where(truth, 0, number).astype(np.float32), near)
        around = np.flatnonzero(free & (grown > 0))
        owner, values = [*owner, grown.ravel()[around].astype(np.int64)], [*values, gray.ravel()[around]]
    return np.concatenate(owner).astype(np.int64), np.concatenate(values).astype(np.float64)
