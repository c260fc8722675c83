"""Budget: where the lost IoU goes. Every wrong pixel belongs to exactly one class; the classes add up to 1 - IoU.

Words used here. All of it looks at valid pixels only.
  truth cell       a label id.
  predicted cell   an 8-connected component of the foreground.
  clump            an 8-connected component of the truth mask: one cell, or several that touch.
  zone of a cell   the pixels nearer to it than to any other truth cell.
  IoU of a truth cell t and a predicted cell c: |t and c| / |t or (c within the zone of t)|. A foreground that
      covers twenty touching cells is one component; cut at the zones, each of the twenty is still found.
  rim              the pixels on either side of a true edge: an 8-neighbour carries another label (or none).

Classes, first match wins:
  missed_cell        false background in a truth cell whose best IoU is below 0.1
  missed_bud         the same, where the cell has at most half the area of a cell at most 2 px away
  hallucinated_cell  false foreground in a predicted cell whose best IoU is below 0.1
  bridge             false foreground joining two clumps: its component touches found foreground of both, and the
                     pixel lies in the discs that fit between them along the line where their zones meet
  split              false background cutting a cell into pieces of at least a tenth of its area each, taken in the
                     same way from the discs that fit between the pieces
  hole               false background wholly enclosed by foreground (4-connected, not at the image border)
  boundary_1px       on the rim; boundary_2px and boundary_3px: the nearest rim pixel is less than 1.5, 2.5 px away
  other              the rest
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from seglib.errors.edges import boundaries
from seglib.errors.matching import MATCH_IOU, Overlaps, compact, match
from seglib.errors.neighbours import around, nearest
from seglib.errors.seams import bridges, splits
from seglib.exceptions import InputError

CLASSES = (
    "missed_cell", "missed_bud", "hallucinated_cell", "bridge", "split", "hole",
    "boundary_1px", "boundary_2px", "boundary_3px", "other",
)  # fmt: skip
BUD_SHARE = 0.5  # of the area of the larger neighbour
BUD_GAP_PX = 2  # labels often leave one line of background between mother and bud


@dataclass(frozen=True)
class Anatomy:
    """The wrong pixels of one image, taken apart.

    classes: (H, W) uint8, 0 = right or not valid, i + 1 = CLASSES[i]. zone: (H, W) int32, id of the nearest truth
    cell (0 where there is none at all; outside the box of all cells and foreground that of the nearest pixel in it).
    union: pixels that are cell or foreground. cells: truth cells against predicted cells.
    """

    classes: np.ndarray
    zone: np.ndarray
    union: int
    cells: Overlaps

    def budget(self) -> dict[str, int]:
        """Pixels of each class, in the order of CLASSES, and `union`. Sum of the classes / union = 1 - IoU."""
        pixels = np.bincount(self.classes.ravel(), minlength=len(CLASSES) + 1)[1:]
        return dict(zip(CLASSES, pixels.tolist()), union=self.union)


def budget(mask: np.ndarray, foreground: np.ndarray, labels: np.ndarray, valid: np.ndarray) -> dict[str, int]:
    """Pixels of every class and `union`: integers, so that images pool by adding. Arguments as in `anatomy`."""
    return anatomy(mask, foreground, labels, valid).budget()


def classify(mask: np.ndarray, foreground: np.ndarray, labels: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """(H, W) uint8 map, 0 = right or not valid, i + 1 = CLASSES[i]. Arguments as in `anatomy`."""
    return anatomy(mask, foreground, labels, valid).classes


def pool(budgets: list[dict[str, int]]) -> dict[str, int]:
    """Sums of pixels over the sum of unions."""
    return {name: sum(b[name] for b in budgets) for name in (*CLASSES, "union")}


def anatomy(mask: np.ndarray, foreground: np.ndarray, labels: np.ndarray, valid: np.ndarray) -> Anatomy:
    """Sort every wrong pixel into its class (see the module's text).

    mask, foreground, valid: (H, W) bool, True = cell in the truth, cell in the prediction, counted at all.
    labels: (H, W) integer, 0 = background, one number a cell; mask must equal labels > 0 on valid pixels.
    Raises InputError for arrays that do not fit together.
    """
    _check(mask, foreground, labels, valid)
    box = _box((mask | foreground) & valid)
    parts = _taken_apart(foreground[box], labels[box], valid[box])
    if parts.classes.shape == mask.shape:
        return parts
    room = [(part.start, size - part.stop) for part, size in zip(box, mask.shape)]
    cells = replace(parts.cells, component=np.pad(parts.cells.component, room))
    return Anatomy(np.pad(parts.classes, room), np.pad(parts.zone, room, "edge"), parts.union, cells)


def _box(where: np.ndarray) -> tuple[slice, slice]:
    """The box of all True pixels and a pixel of background about it; everything if there are none.

    What lies beyond is background to truth and prediction alike, joined to the image border: it changes no class.
    """
    left, top, width, height = cv2.boundingRect(where.view(np.uint8))
    if not width:
        return slice(0, where.shape[0]), slice(0, where.shape[1])
    rows = slice(max(0, top - 1), min(where.shape[0], top + height + 1))
    return rows, slice(max(0, left - 1), min(where.shape[1], left + width + 1))


def _taken_apart(foreground: np.ndarray, labels: np.ndarray, valid: np.ndarray) -> Anatomy:
    ids, truth = compact(np.where(valid, labels, 0))
    predicted, cell = foreground & valid, truth > 0
    union = int((predicted | cell).sum())
    if not cell.any():
        zone = np.zeros(cell.shape, np.int32)
        return Anatomy(_stack((predicted, "hallucinated_cell")), zone, union, match(truth, predicted, zone, ids))
    place, distance = nearest(cell)
    zone = truth.ravel()[place]
    cells = match(truth, predicted, zone, ids)
    tp, fp, fn = predicted & cell, predicted & ~cell, cell & ~predicted
    missed, bud = _missed(truth, cells)
    hallucinated = (cells.best_of_predicted < MATCH_IOU)[cells.component]
    classes = _stack(
        (fn & missed & ~bud, "missed_cell"),
        (fn & bud, "missed_bud"),
        (fp & hallucinated, "hallucinated_cell"),
        (bridges(fp & ~hallucinated, tp & ~missed, predicted, cell, place, distance), "bridge"),
        (splits(fn & ~missed, tp, truth), "split"),
        (_holes(fn, predicted), "hole"),
        *boundaries(fp | fn, truth, valid),
        (fp | fn, "other"),
    )
    return Anatomy(classes, ids[zone].astype(np.int32), union, cells)


def _check(mask: np.ndarray, foreground: np.ndarray, labels: np.ndarray, valid: np.ndarray) -> None:
    for name, array in dict(mask=mask, foreground=foreground, valid=valid).items():
        if array.dtype != bool:
            raise InputError(f"{name} is {array.dtype}; it must be bool (order: mask, foreground, labels, valid).")
    shapes = {a.shape for a in (mask, foreground, labels, valid)}
    if len(shapes) != 1 or mask.ndim != 2 or mask.size == 0:
        raise InputError(
            f"mask, foreground, labels and valid have shapes {sorted(shapes)}; one shape (H, W) is needed."
        )
    if not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0:
        raise InputError(f"labels are {labels.dtype} from {labels.min()}; they must be integers from 0 up.")
    if not np.array_equal((labels > 0) & valid, mask & valid):
        raise InputError("mask and labels disagree; mask must be labels > 0 wherever valid is True.")


def _stack(*layers: tuple[np.ndarray, str]) -> np.ndarray:
    """Class map in which the first layer that covers a pixel keeps it."""
    classes = np.zeros(layers[0][0].shape, np.uint8)
    for where, name in reversed(layers):
        classes[where] = CLASSES.index(name) + 1
    return classes


def _missed(truth: np.ndarray, cells: Overlaps) -> tuple[np.ndarray, np.ndarray]:
    """(H, W) bool each: cells without a counterpart, and those of them that are buds."""
    missed = cells.best_of_truth < MATCH_IOU
    bud = missed & (cells.area <= BUD_SHARE * _largest_neighbour(missed[truth], truth, cells.area))
    return missed[truth], bud[truth]


def _largest_neighbour(where: np.ndarray, truth: np.ndarray, area: np.ndarray) -> np.ndarray:
    """Area of the largest other cell at most BUD_GAP_PX (chessboard) from each cell within `where`, by cell."""
    largest = np.zeros(len(area))
    if where.any():
        own, span = truth[where], range(-BUD_GAP_PX, BUD_GAP_PX + 1)
        for (other,) in around(where, truth, shifts=[(r, c) for r in span for c in span]):
            touches = (other > 0) & (other != own)
            np.maximum.at(largest, own[touches], area[other[touches]])
    return largest


def _holes(fn: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """False background that is a whole 4-connected component of the background and does not reach the border."""
    n, component = cv2.connectedComponents((~predicted).view(np.uint8), connectivity=4)
    closed = np.bincount(component.ravel(), minlength=n) == np.bincount(component[fn], minlength=n)
    for side in (component[0], component[-1], component[:, 0], component[:, -1]):
        closed[side] = False
    return fn & closed[component]
