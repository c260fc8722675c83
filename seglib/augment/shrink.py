"""Shrink: the same draw on a smaller copy of a picture, so that a preview of a wide field stays quick. No torch.

The augmentation of the copy is the copy of the augmentation, up to interpolation: distances in px are divided by the
factor, and grain, which the mean of factor² pixels evens out, grows weaker by as much. The seeds keep their meaning,
since a field is anchored at the middle of the picture and stretches with its sigma.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from seglib.augment.draw import Draw
from seglib.data.sample import Sample


def shrink_factor(shape: tuple[int, int], most_px: int) -> int:
    """Smallest whole number that brings the longer side of `shape` to `most_px` or below."""
    return max(1, -(-max(shape) // most_px))


def shrink(sample: Sample, factor: int) -> Sample:
    """`sample` with a float32 image (H, W) at (H // factor, W // factor).

    Grey values are means of factor × factor pixels, labels and valid those of the pixel in the middle. What is left
    over is cut off evenly at both ends, so that the middle of the picture stays its middle.
    """
    if factor == 1:
        return sample
    height, width = (side // factor for side in sample.image.shape)
    top, left = ((side - size * factor) // 2 for side, size in zip(sample.image.shape, (height, width)))
    part = np.s_[top : top + height * factor, left : left + width * factor]
    blocks = sample.image[part].reshape(height, factor, width, factor)
    middles = np.s_[factor // 2 :: factor, factor // 2 :: factor]
    return replace(
        sample,
        image=blocks.mean(axis=(1, 3), dtype=np.float32),
        labels=np.ascontiguousarray(sample.labels[part][middles]),
        valid=np.ascontiguousarray(sample.valid[part][middles]),
    )


def shrink_draw(draw: Draw, factor: int) -> Draw:
    """`draw` as it acts on a picture shrunk by `factor`."""
    return replace(
        draw,
        displacement_px=draw.displacement_px / factor,
        sigma_px=draw.sigma_px / factor,
        blur_sigma_px=draw.blur_sigma_px / factor,
        noise=draw.noise / factor,
    )
