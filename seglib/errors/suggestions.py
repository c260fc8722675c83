"""Suggestions: places where the label is probably wrong, because models that never saw the image say so together.

After confident learning (Northcutt, Jiang & Chuang 2021, doi:10.1613/jair.1.12125): only out-of-sample probabilities
count, and what is "confident" is not the same number for every class but what the models say of it elsewhere. What
differs, because a mask is not a table of independent examples:
  - the unit is a region, not a pixel. Neighbours say the same thing twice, and every drawn outline is off by a pixel
    somewhere: what is thinner than RIM_CELLS of a cell's radius on either side is left out before anything is ranked.
  - every model has its own vote, and the least sure one counts. The mean of two models of which one is certain and one
    in doubt looks like a label error; it is an ordinary hard place.
  - the mean probability of a class as its threshold becomes the median over cells, which label errors hardly move: is
    the least sure model as sure here as it is of a labelled cell (where one is missing in the label), or of the
    background around one (where there is one too many)? How far below counts in odds, not as a cut.
  - no count of how many labels of a class are wrong is estimated (the paper's joint matrix): what is ranked is looked
    at by a person, so the order matters and the cut does not.

score = sure² x margin x depth x (1 + share) / 2, from 0 to 1, where
  sure    the odds that the least sure model gives against the label, over those it gives half of the labelled cells
          (fp) or half of their surroundings (fn), at most 1
  margin  share of the core where all models together are at least CLEAR against the label: one thing, no patchwork
  depth   radius of the largest disc in the region over that of a typical cell, at most 1: a cell, not a rim
  share   fn: of the labelled cell that it covers, at least JOINED where that falls into two cells without it; fp: of
          what surrounds it that is no labelled cell
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import pandas as pd
from scipy.ndimage import find_objects, maximum, mean
from skimage.measure import label as label_by_value

from seglib.errors.regions import encode
from seglib.exceptions import InputError
from seglib.metrics import foreground

MIN_MODELS = 2
MOST_AGREE = 0.75  # of the models must be against the label at a pixel; of up to three: all
CLEAR = 0.8  # mean probability against the label at which a pixel speaks clearly
RIM_CELLS = 0.22  # of a cell's radius: thinner regions are a matter of where the outline was drawn
PIECE = 0.2  # of a typical cell's area: what falls into two such pieces are two cells that the label joins
JOINED = 0.5  # the share that then counts at least
WHOLE, PART = 0.7, 0.3  # share or depth from which a region counts as a whole cell, as a part of one
COLUMNS = {
    "kind": "str",  # fp: the label lacks a cell here; fn: it has one too many
    "extent": "str",  # whole, part or edge: of a cell
    "row": "int64",  # top left corner of the bounding box
    "col": "int64",
    "height": "int64",
    "width": "int64",
    "n_pixels": "int64",
    "rle": "str",
    "cell": "int64",  # id of the labelled cell for fn, 0 for fp
    "size_cells": "float64",  # area over that of a typical cell
    "depth_cells": "float64",  # radius of the largest disc in it over that of a typical cell
    "share": "float64",  # see above
    "n_models": "int64",  # that may vote on this image
    "n_agreeing": "int64",  # of them are against the label here
    "probability": "float64",  # mean probability of cell, over models and pixels
    "confidence": "float64",  # mean probability against the label in the core, mean over the models
    "least": "float64",  # of the least sure model
    "margin": "float64",  # share of the core that speaks clearly
}


@dataclass(frozen=True)
class Typical:
    """A typical cell of the data set. area_px: median area; radius_px: median radius of the largest disc in a cell."""

    area_px: float
    radius_px: float


def sizes(labels: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """(n, 2): area and inner radius in px of every cell of one image that does not touch its border."""
    kept = np.where(valid, labels, 0)
    ids, areas = np.unique(kept, return_counts=True)
    at_border = np.unique(np.concatenate([kept[0], kept[-1], kept[:, 0], kept[:, -1], [0]]))
    whole = ~np.isin(ids, at_border)
    inner = maximum(_depth(kept), kept, ids[whole]) if whole.any() else []
    return np.column_stack([areas[whole], inner]).astype(float).reshape(-1, 2)


def typical(measured: Iterable[np.ndarray]) -> Typical:
    """Of the results of `sizes`, all images together. Raises InputError where no image has a whole cell."""
    together = np.concatenate([np.zeros((0, 2)), *measured])
    if not len(together):
        raise InputError("no image has a whole cell in its mask, so nothing says how large a cell is.")
    area, radius = np.median(together, axis=0)
    return Typical(float(area), float(radius))


@dataclass(frozen=True)
class Usual:
    """How sure the least sure model usually is, ascending: that a labelled cell is one (its core), that what surrounds
    a cell is background. One value a cell of the data set."""

    cells: np.ndarray
    around: np.ndarray

    def sure(self, kind: str, least: np.ndarray) -> np.ndarray:
        """0 to 1: the odds of `least` over those of the median of the usual values; `least` where there is none."""
        values = self.cells if kind == "fp" else self.around
        least = np.asarray(least, float)
        return np.minimum(1.0, _odds(least) / _odds(np.median(values))) if len(values) else least


def _odds(probability: np.ndarray) -> np.ndarray:
    """p / (1 - p), the probability taken no nearer to 0 or 1 than q can tell."""
    p = np.clip(probability, 0.5 / 255, 1 - 0.5 / 255)
    return p / (1 - p)


def certainty(qs: Sequence[np.ndarray], labels: np.ndarray, valid: np.ndarray, cell: Typical) -> Usual:
    """How sure the models are of the labels of one image, most of which are right. Arguments as in `suggest`."""
    kept, rim = np.where(valid, labels, 0), _rim(cell)
    away, nearest = cv2.distanceTransformWithLabels(
        (kept == 0).view(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    owner = np.zeros(int(nearest.max()) + 1, np.int64)
    owner[nearest[kept > 0]] = kept[kept > 0]
    ring = np.where(valid & (away > rim) & (away <= rim + cell.radius_px), owner[nearest], 0)
    stack = np.stack(qs) / np.float32(255)
    return Usual(_least(stack, np.where(_depth(kept) > rim, kept, 0)), _least(1 - stack, ring))


def _least(stack: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """Ascending: the mean over each part (its number in the map `parts`) by the model where that is smallest."""
    ids = np.unique(parts[parts > 0])
    return np.sort(np.min([mean(one, parts, ids) for one in stack], axis=0)) if len(ids) else np.zeros(0)


def together(found: Iterable[Usual]) -> Usual:
    """Of all images."""
    found = list(found)
    parts = ([one.cells for one in found], [one.around for one in found])
    return Usual(*(np.sort(np.concatenate(part)) if part else np.zeros(0) for part in parts))


def suggest(qs: Sequence[np.ndarray], labels: np.ndarray, valid: np.ndarray, cell: Typical) -> pd.DataFrame:
    """Places of one image where the models agree against its label, with the columns of COLUMNS; `ranked` scores them.

    qs: (H, W) uint8 probabilities (255 = 1) of at least MIN_MODELS models that never trained on this image.
    labels: (H, W) integer, 0 = background; valid: (H, W) bool. Raises InputError for fewer models or other shapes.
    """
    if len(qs) < MIN_MODELS:
        raise InputError(f"{len(qs)} models may vote on this image; at least {MIN_MODELS} are needed.")
    wrong_size = {q.shape for q in qs} - {labels.shape} or {valid.shape} - {labels.shape}
    if wrong_size:
        raise InputError(f"probabilities have shape {wrong_size.pop()}, labels {labels.shape}; they must be the same.")
    stack = np.stack(qs)
    rows = [row for kind in ("fp", "fn") for row in _of_kind(kind, stack, labels, valid, cell)]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def ranked(tables: Iterable[tuple[str, pd.DataFrame]], usual: Usual) -> pd.DataFrame:
    """The suggestions of all images, the most probable first: rank (from 1), image, sure, score, and COLUMNS.

    tables: (image, what `suggest` found there).
    """
    found = [table.assign(image=image) for image, table in tables if len(table)]
    empty = {"image": "str", **COLUMNS}
    table = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=list(empty)).astype(empty)
    fp = table.kind == "fp"
    table["sure"] = np.where(fp, usual.sure("fp", table.least), usual.sure("fn", table.least))
    table["score"] = table.sure**2 * table.margin * table.depth_cells.clip(upper=1) * (1 + table.share) / 2
    table = table.sort_values(["score", "image", "row", "col"], ascending=[False, True, True, True], ignore_index=True)
    return table.assign(rank=np.arange(1, len(table) + 1))[["rank", "image", "sure", "score", *COLUMNS]]


def _rim(cell: Typical) -> float:
    return max(1.0, RIM_CELLS * cell.radius_px)


def _of_kind(kind: str, stack, labels, valid, cell: Typical) -> Iterator[dict]:
    """The suggestions of one kind; stack: (M, H, W) q."""
    against = np.stack([foreground(q) == (kind == "fp") for q in stack])
    need = len(stack) if len(stack) <= 3 else math.ceil(MOST_AGREE * len(stack))
    wrong = (against.sum(0) >= need) & valid & ((labels == 0) == (kind == "fp"))
    if not wrong.any():
        return
    rim = _rim(cell)
    depth = _depth(np.where(wrong, labels.astype(np.int64) + 1, 0))
    number, n = _bodies(depth > rim, labels, wrong, rim)
    areas = np.unique(labels, return_counts=True)
    for one, box in _boxes(number, n):
        here = number[box] == one
        core = here & (depth[box] > rim)
        own = int(labels[box][core][0])
        share = here.sum() / areas[1][areas[0] == own][0] if own else _free(number, labels, one, box)
        if own and _parts_in_two(wrong, labels == own, box, cell):
            share = max(share, JOINED)
        said = stack[(slice(None), *box)] / np.float32(255)
        row = _votes(kind, said[:, core]) | _place(box, here)
        row |= dict(kind=kind, cell=own, share=min(1.0, float(share)), probability=float(said[:, here].mean()))
        row |= dict(size_cells=here.sum() / cell.area_px, depth_cells=float(depth[box][core].max()) / cell.radius_px)
        row["extent"] = _extent(kind, row["share"], row["depth_cells"])
        yield row


def _votes(kind: str, said: np.ndarray) -> dict:
    """said: (M, n) probabilities of cell in the core of a region."""
    against = said if kind == "fp" else 1 - said
    each, clear = against.mean(1), against.mean(0) >= CLEAR
    return dict(
        n_models=len(each),
        n_agreeing=int((each >= 0.5).sum()),
        confidence=float(each.mean()),
        least=float(each.min()),
        margin=float(clear.mean()),
    )


def _place(box: tuple[slice, slice], here: np.ndarray) -> dict:
    height, width = here.shape
    at = dict(row=box[0].start, col=box[1].start, height=height, width=width)
    return at | dict(n_pixels=int(here.sum()), rle=encode(here))


def _extent(kind: str, share: float, depth_cells: float) -> str:
    if depth_cells < PART:
        return "edge"
    return "whole" if (share if kind == "fn" else depth_cells) >= WHOLE else "part"


def _depth(values: np.ndarray) -> np.ndarray:
    """(H, W) float: how deep a pixel lies in the patch of equal values around it, 1 at its edge, 0 where values are 0.

    What the image border cuts is taken to go on beyond it.
    """
    edge = np.zeros(values.shape, bool)
    down, right = values[1:] != values[:-1], values[:, 1:] != values[:, :-1]
    edge[1:] |= down
    edge[:-1] |= down
    edge[:, 1:] |= right
    edge[:, :-1] |= right
    within = (values > 0) & ~edge
    return cv2.distanceTransform(within.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE) + (values > 0)


def _bodies(core: np.ndarray, labels: np.ndarray, wrong: np.ndarray, rim: float) -> tuple[np.ndarray, int]:
    """(H, W) int32: the connected cores, 1, 2, …, each with the wrong pixels about it, thin rims 0; how many."""
    if not core.any():
        return np.zeros(core.shape, np.int32), 0
    parts, n = label_by_value(np.where(core, labels.astype(np.int64) + 1, 0), connectivity=2, return_num=True)
    away, nearest = cv2.distanceTransformWithLabels(
        (~core).view(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    flat = np.zeros(int(nearest.max()) + 1, np.int64)
    flat[nearest[core]] = np.flatnonzero(core)
    source = flat[nearest]
    near = wrong & (away <= rim + 0.5) & (labels == labels.ravel()[source])
    return np.where(near, parts.ravel()[source], 0).astype(np.int32), n


def _boxes(number: np.ndarray, n: int) -> Iterator[tuple[int, tuple[slice, slice]]]:
    """(number, its bounding box) of every region of a map."""
    for one, box in enumerate(find_objects(number, n), start=1):
        if box is not None:
            yield one, box


def _parts_in_two(wrong: np.ndarray, mine: np.ndarray, box: tuple[slice, slice], cell: Typical) -> bool:
    """Whether a labelled cell falls into two pieces of PIECE of a typical cell each without what is wrong in it."""
    reach = math.ceil(4 * cell.radius_px)
    room = tuple(slice(max(0, part.start - reach), part.stop + reach) for part in box)
    left = (mine & ~wrong)[room]
    n, _, stats, _ = cv2.connectedComponentsWithStats(left.view(np.uint8), connectivity=4)
    return int((stats[1:n, cv2.CC_STAT_AREA] >= PIECE * cell.area_px).sum()) >= 2


def _free(number: np.ndarray, labels: np.ndarray, one: int, box: tuple[slice, slice]) -> float:
    """Share of what surrounds a region, two pixels wide, that is no labelled cell: 1 = it lies by itself."""
    room = tuple(slice(max(0, part.start - 2), part.stop + 2) for part in box)
    here = number[room] == one
    around = (cv2.dilate(here.view(np.uint8), np.ones((5, 5), np.uint8)) > 0) & ~here
    return float((labels[room][around] == 0).mean()) if around.any() else 1.0
