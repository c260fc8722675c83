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

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree
from skimage.measure import label as label_by_value

from seglib.exceptions import InputError

CLASSES = (
    "missed_cell", "missed_bud", "hallucinated_cell", "bridge", "split", "hole",
    "boundary_1px", "boundary_2px", "boundary_3px", "other",
)  # fmt: skip
MATCH_IOU = 0.1  # below it a cell has no counterpart
BUD_SHARE = 0.5  # of the area of the larger neighbour
BUD_GAP_PX = 2  # labels often leave one line of background between mother and bud
PIECE_SHARE = 0.1  # smaller crumbs of a cell do not make it "cut"

_EIGHT = [(r, c) for r in (-1, 0, 1) for c in (-1, 0, 1) if (r, c) != (0, 0)]


@dataclass(frozen=True)
class Anatomy:
    """The wrong pixels of one image, taken apart.

    classes: (H, W) uint8, 0 = right or not valid, i + 1 = CLASSES[i]. zone: (H, W) int32, id of the nearest truth
    cell (0 where there is none at all; outside the box of all cells and foreground that of the nearest pixel in it).
    union: pixels that are cell or foreground.
    """

    classes: np.ndarray
    zone: np.ndarray
    union: int

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
    return Anatomy(np.pad(parts.classes, room), np.pad(parts.zone, room, "edge"), parts.union)


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
    ids, truth = _compact(np.where(valid, labels, 0))
    predicted = foreground & valid
    cell = truth > 0
    tp, fp, fn = predicted & cell, predicted & ~cell, cell & ~predicted
    if not cell.any():
        return Anatomy(_stack((fp, "hallucinated_cell")), np.zeros(cell.shape, np.int32), int(predicted.sum()))
    nearest, distance = _nearest(cell)
    zone = truth.ravel()[nearest]
    missed, bud, hallucinated = _unmatched(truth, predicted, zone)
    fn_found, fp_found = fn & ~missed, fp & ~hallucinated
    classes = _stack(
        (fn & missed & ~bud, "missed_cell"),
        (fn & bud, "missed_bud"),
        (fp & hallucinated, "hallucinated_cell"),
        (_bridges(fp_found, tp & ~missed, predicted, cell, nearest, distance), "bridge"),
        (_splits(fn_found, tp, truth), "split"),
        (_holes(fn, predicted), "hole"),
        *_boundaries(fp | fn, truth, valid),
        (fp | fn, "other"),
    )
    return Anatomy(classes, ids[zone].astype(np.int32), int((predicted | cell).sum()))


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


def _compact(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ids from 0 without gaps, so that tables over cells stay small. Returns (ids, labels) with ids[new] = old."""
    if labels.max() > 1 << 20:
        ids, compact = np.unique(np.append(labels.ravel(), 0), return_inverse=True)
        return ids, compact[:-1].reshape(labels.shape).astype(np.int32)
    present = np.bincount(labels.ravel(), minlength=1) > 0
    present[0] = True
    return np.flatnonzero(present), (np.cumsum(present, dtype=np.int32) - 1)[labels]


def _stack(*layers: tuple[np.ndarray, str]) -> np.ndarray:
    """Class map in which the first layer that covers a pixel keeps it."""
    classes = np.zeros(layers[0][0].shape, np.uint8)
    for where, name in reversed(layers):
        classes[where] = CLASSES.index(name) + 1
    return classes


def _nearest(sources: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Flat index of the nearest source pixel (H, W) and the distance to it in px (5x5 chamfer, within 2 %)."""
    distance, number = cv2.distanceTransformWithLabels(
        (~sources).view(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    flat = np.zeros(int(number.max()) + 1, np.int64)
    where = np.flatnonzero(sources)
    flat[number.ravel()[where]] = where
    return flat[number], distance


def _around(where: np.ndarray, *arrays: np.ndarray, shifts=tuple(_EIGHT)) -> Iterator[list[np.ndarray]]:
    """For each shift the values of the arrays beside the pixels `where`; beyond the image they are 0."""
    reach = max(abs(x) for shift in shifts for x in shift)
    rows, cols = np.nonzero(where)
    padded = [np.pad(a, reach) for a in arrays]
    for row, col in shifts:
        yield [a[rows + reach + row, cols + reach + col] for a in padded]


def _unmatched(truth: np.ndarray, predicted: np.ndarray, zone: np.ndarray) -> tuple[np.ndarray, ...]:
    """(H, W) bool each: missed truth cells, those of them that are buds, hallucinated predicted cells."""
    n, component = cv2.connectedComponents(predicted.view(np.uint8), connectivity=8)
    area = np.bincount(truth.ravel())
    tp = predicted & (truth > 0)
    cut = _pairs(zone[predicted], component[predicted], (len(area), n))
    shared = _pairs(truth[tp], component[tp], (len(area), n)).tocoo()
    row, col = shared.coords
    iou = shared.data / (area[row] + np.asarray(cut[row, col]).ravel() - shared.data) if len(row) else np.zeros(0)
    best_truth, best_predicted = np.zeros(len(area)), np.zeros(n)
    np.maximum.at(best_truth, row, iou)
    np.maximum.at(best_predicted, col, iou)
    best_truth[0] = best_predicted[0] = 1  # background is nobody's counterpart
    missed = best_truth < MATCH_IOU
    bud = missed & (area <= BUD_SHARE * _largest_neighbour(missed[truth], truth, area))
    return missed[truth], bud[truth], (best_predicted < MATCH_IOU)[component]


def _pairs(a: np.ndarray, b: np.ndarray, shape: tuple[int, int]) -> sparse.csr_array:
    """How often a[i] meets b[i], as a sparse table."""
    table = sparse.coo_array((np.ones(len(a), np.int64), (a, b)), shape=shape).tocsr()
    table.sum_duplicates()
    return table


def _largest_neighbour(where: np.ndarray, truth: np.ndarray, area: np.ndarray) -> np.ndarray:
    """Area of the largest other cell at most BUD_GAP_PX (chessboard) from each cell within `where`, by cell."""
    largest = np.zeros(len(area))
    if where.any():
        own, span = truth[where], range(-BUD_GAP_PX, BUD_GAP_PX + 1)
        for (other,) in _around(where, truth, shifts=[(r, c) for r in span for c in span]):
            touches = (other > 0) & (other != own)
            np.maximum.at(largest, own[touches], area[other[touches]])
    return largest


def _bridges(fp, found, predicted, cell, nearest, distance) -> np.ndarray:
    """False foreground joining two clumps. found: true foreground of found cells; nearest, distance: to any cell."""
    if not fp.any():
        return fp
    clumps, clump = cv2.connectedComponents(cell.view(np.uint8), connectivity=8)
    n, component = cv2.connectedComponents(fp.view(np.uint8), connectivity=8)
    own, anchor, keys = component[fp].astype(np.int64), np.where(found, clump, 0), []
    for (beside,) in _around(fp, anchor):
        touches = beside > 0
        keys.append(own[touches] * clumps + beside[touches])
    joins = np.bincount(np.unique(np.concatenate(keys)) // clumps, minlength=n) >= 2
    joining = fp & joins[component]
    return _between(joining, clump.ravel()[nearest], distance, predicted, np.ones_like(clump))


def _splits(fn: np.ndarray, tp: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """False background between pieces of one cell. Pieces are counted cell by cell, also where cells touch."""
    if not fn.any():
        return fn
    piece = label_by_value(np.where(tp, truth, 0), connectivity=2)
    cell_of = np.zeros(piece.max() + 1, truth.dtype)
    cell_of[piece[tp]] = truth[tp]
    large = np.bincount(piece.ravel()) >= PIECE_SHARE * np.bincount(truth.ravel())[cell_of]
    large[0] = False
    cut = np.bincount(cell_of[large], minlength=truth.max() + 1) >= 2
    result = np.zeros_like(fn)
    if cut.any():
        left, top, width, height = cv2.boundingRect(cut[truth].view(np.uint8))
        box = slice(top, top + height), slice(left, left + width)
        nearest, distance = _nearest((large & cut[cell_of])[piece[box]])
        owner = piece[box].ravel()[nearest]
        owner = np.where(cell_of[owner] == truth[box], owner, 0)
        result[box] = _between(fn[box] & cut[truth[box]], owner, distance, truth[box] > 0, truth[box])
    return result


def _between(wrong, owner, distance, partner, group) -> np.ndarray:
    """The part of `wrong` that lies between two owners of one group.

    The seam is where a wrong pixel has an 8-neighbour in `partner` of the same group but another owner. Around a seam
    pixel the disc that just reaches its owners is taken: the Voronoi line is the medial axis of the gap, so
    the discs along it fill the gap and leave the rest of a long false rim alone.
    """
    points, between = np.nonzero(wrong), np.zeros_like(wrong)
    mine, set_, reach = owner[points], group[points], distance[points]
    seam = np.zeros(len(mine), bool)
    for other, allowed, other_set in _around(wrong, owner, partner, group):
        seam |= allowed & (other_set == set_) & (other != mine) & (other > 0) & (mine > 0)
    if seam.any():
        places = np.column_stack(points)
        away, nearest = cKDTree(places[seam]).query(places, distance_upper_bound=float(reach[seam].max()) + 1e-3)
        # beyond the bound `nearest` is the number of seam pixels and `away` infinite
        between[points] = away <= np.append(reach[seam], 0)[nearest]
        between[points] &= np.append(set_[seam], -1)[nearest] == set_
    return between


def _holes(fn: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """False background that is a whole 4-connected component of the background and does not reach the border."""
    n, component = cv2.connectedComponents((~predicted).view(np.uint8), connectivity=4)
    closed = np.bincount(component.ravel(), minlength=n) == np.bincount(component[fn], minlength=n)
    for side in (component[0], component[-1], component[:, 0], component[:, -1]):
        closed[side] = False
    return fn & closed[component]


def _boundaries(wrong: np.ndarray, truth: np.ndarray, valid: np.ndarray) -> list[tuple[np.ndarray, str]]:
    """Layers boundary_1px to boundary_3px by exact Euclidean distance to the rim."""
    rim = _rim(truth, valid)
    if not rim.any() or not wrong.any():
        return []
    # dilating by the pixels of a disc asks the same as an exact distance transform, in a tenth of the time
    grown = [cv2.dilate(rim.view(np.uint8), disc) > 0 for disc in (_disc(1.5), _disc(2.5))]
    return [(wrong & near, f"boundary_{k}px") for k, near in enumerate((rim, *grown), start=1)]


def _disc(limit_px: float) -> np.ndarray:
    reach = np.arange(-int(limit_px), int(limit_px) + 1)
    return (np.hypot(*np.meshgrid(reach, reach)) < limit_px).astype(np.uint8)


def _rim(truth: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Pixels with an 8-neighbour of another label; the limit of the valid area is no true edge."""
    rim = np.zeros(truth.shape, bool)
    body, after, before = slice(None), slice(1, None), slice(None, -1)
    for a, b in (
        ((body, before), (body, after)),
        ((before, body), (after, body)),
        ((before, before), (after, after)),
        ((before, after), (after, before)),
    ):
        edge = (truth[a] != truth[b]) & valid[a] & valid[b]
        rim[a] |= edge
        rim[b] |= edge
    return rim
