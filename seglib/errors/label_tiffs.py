"""Label TIFFs: truth, prediction, wrong pixels and wrong regions of an image as napari and Fiji open them.

One page each, rows and columns named in ImageJ's own metadata, the range of display set so that labels are seen at
once. 16 bits; more than 65,535 numbers need 32, which ImageJ's format does not know: then a plain TIFF.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import tifffile

from seglib.data.sample import Sample
from seglib.errors.crop_files import raw_grey
from seglib.errors.regions import paint
from seglib.metrics import foreground

FP, FN = 1, 2  # in the map of errors
MEANINGS = {
    "image": "grey values as they are",
    "labels": "truth, one number a cell, 0 = background",
    "predicted": "8-connected components of the prediction at the threshold",
    "errors": f"{FP} = false positive, {FN} = miss, 0 = right, or left out by the data set's ignore picture",
    "regions": "number of the wrong region, the column `region` of regions.csv",
    "probability": "probability of cell times 255",
}


def write(folder: Path, stem: str, sample: Sample, q: np.ndarray, threshold: float, table: pd.DataFrame) -> list[str]:
    """The TIFFs of one image as <stem>_<name>.tif; their names. table: its rows of `seglib.errors.regions.regions`."""
    predicted = foreground(q, threshold)
    errors = np.zeros(q.shape, np.uint16)
    errors[predicted & ~sample.mask & sample.valid] = FP
    errors[sample.mask & ~predicted & sample.valid] = FN
    _, components = cv2.connectedComponents(predicted.astype(np.uint8), connectivity=8, ltype=cv2.CV_32S)
    pictures = {
        "labels": _numbers(sample.labels),
        "predicted": _numbers(components),
        "errors": errors,
        "regions": _numbers(paint(table, q.shape)),
        "image": _readable(sample.image),
        "probability": q,
    }
    for name, pixels in pictures.items():
        write_tiff(folder / f"{stem}_{name}.tif", pixels, labels=name not in ("image", "probability"))
    return [f"{stem}_{name}.tif" for name in pictures]


def write_tiff(file: Path, pixels: np.ndarray, labels: bool) -> None:
    """(H, W[, 3]) as one page with ImageJ's metadata, of uint32 with plain axes."""
    colour = pixels.ndim == 3
    about = {"axes": "YXS" if colour else "YX"}
    if labels:
        about |= {"min": 0.0, "max": float(max(1, pixels.max(initial=0)))}
    if pixels.dtype == np.uint32:
        tifffile.imwrite(file, pixels, photometric="minisblack", compression="zlib", metadata=about)
        return
    photometric = "rgb" if colour else "minisblack"
    tifffile.imwrite(file, pixels, imagej=True, photometric=photometric, compression="zlib", metadata=about)


def _numbers(labels: np.ndarray) -> np.ndarray:
    return labels.astype(np.uint16 if labels.max(initial=0) <= np.iinfo(np.uint16).max else np.uint32)


def _readable(image: np.ndarray) -> np.ndarray:
    """ImageJ knows RGB of 8 bits alone: deeper colour becomes its luminance, exact to a part in 65,535."""
    if image.ndim == 3 and image.dtype != np.uint8:
        return raw_grey(image)
    return image
