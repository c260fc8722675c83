"""Ceiling: the IoU of the truth against itself with every outline moved by half a pixel and by one.

Nobody draws an outline to the pixel, so nobody's IoU is above what such a move costs, and a difference smaller than it
is noise. The moves are of the mask: shifted along the rows and the columns both ways (the four added up), eroded and
dilated by a disc. A line between touching cells is no outline of the mask and stays.

Areas are counted in parts of a pixel, and nothing is rounded back to the grid. A shift by half a pixel is exact: the
share of each pixel that the moved mask covers. A disc is rolled along an outline cut twice as fine as the pixels; the
ring that a whole pixel's disc takes or adds counts by half for half a pixel. Against discs of 6 to 40 px the
shifts are within 1 % of the true loss, the others within 3 %. (A disc of half a pixel, on finer grids too, follows the
stairs of the outline and takes up to 16 % too much.)

What is beyond the image or not valid is not known: there, no outline is moved and nothing counted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import cv2
import numpy as np

from seglib.errors.edges import disc
from seglib.exceptions import InputError

SUB = 2  # parts of a pixel along each axis
MOVES = ("shifted", "eroded", "dilated")
STEPS = {"half": 0.5, "one": 1.0}  # name -> pixels
COLUMNS = tuple(f"{move}_{step}_{what}" for step in STEPS for move in MOVES for what in ("shared", "union"))


def ceiling(mask: np.ndarray, valid: np.ndarray) -> dict[str, int]:
    """The counts of COLUMNS for one image, in parts of a pixel (the same parts for shared and union of one move); they
    add up over images.

    mask, valid: (H, W) bool. Raises InputError where they are not, or differ in shape.
    """
    if mask.dtype != bool or valid.dtype != bool or mask.shape != valid.shape or mask.ndim != 2:
        raise InputError(
            f"mask and valid are {mask.dtype} {mask.shape} and {valid.dtype} {valid.shape}; needed: bool of one shape."
        )
    fine, counted = (np.repeat(np.repeat(a.view(np.uint8), SUB, 0), SUB, 1) for a in (mask & valid, valid))
    pairs = {}
    for step, pixels in STEPS.items():
        pairs[f"shifted_{step}"] = _shifted(fine, counted, int(SUB * pixels))
    (whole, eroded, dilated) = _rolled(fine, counted)
    pairs["eroded_half"], pairs["eroded_one"] = (whole + eroded, 2 * whole), (2 * eroded, 2 * whole)
    pairs["dilated_half"], pairs["dilated_one"] = (2 * whole, whole + dilated), (2 * whole, 2 * dilated)
    return {name: pairs[name.rpartition("_")[0]][name.endswith("union")] for name in COLUMNS}


def _rolled(fine: np.ndarray, counted: np.ndarray) -> tuple[int, int, int]:
    """Parts in the mask, in the mask eroded by a pixel, and in it dilated by one; fine, counted: uint8 of 0 and 1."""
    element = disc(SUB + 0.1)  # `disc` leaves its limit out
    # unknown parts are taken as cell when eroding and as background when dilating, so that their limit stays put
    eroded = cv2.erode(fine | (1 - counted), element) & counted
    dilated = cv2.dilate(fine, element) & counted
    return tuple(int(np.count_nonzero(a)) for a in (fine, eroded, dilated))


def _shifted(fine: np.ndarray, counted: np.ndarray, parts: int) -> tuple[int, int]:
    """Shared and united parts of the mask and the shifted one, where both are known.

    A shift there and one back compare the same two places, so each axis is looked at once and counts twice.
    """
    shared = union = 0
    for here, there in (
        ((slice(parts, None), slice(None)), (slice(None, -parts), slice(None))),
        ((slice(None), slice(parts, None)), (slice(None), slice(None, -parts))),
    ):
        known = counted[here] & counted[there]
        shared += int(np.count_nonzero(fine[here] & fine[there] & known))
        union += int(np.count_nonzero((fine[here] | fine[there]) & known))
    return 2 * shared, 2 * union


def iou(counts: Mapping[str, int], move: str, step: str) -> float:
    """IoU, 0 to 1, of one of MOVES by one of STEPS, from the counts of one image or sums of several; NaN of nothing."""
    union = int(counts[f"{move}_{step}_union"])
    return int(counts[f"{move}_{step}_shared"]) / union if union else math.nan


def cost(counts: Mapping[str, int], step: str) -> float:
    """1 - IoU, mean of the three moves: what nobody gets back; NaN where there is no cell."""
    return 1 - sum(iou(counts, move, step) for move in MOVES) / len(MOVES)
