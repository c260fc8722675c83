"""Plan: the U-Net of a ModelConfig block by block, without building it. No torch: the form draws it while one types.

A test holds `n_parameters` equal to the built network and `receptive_field_px` equal to what its gradients reach.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seglib.training.config import ModelConfig

RESAMPLING_KERNEL = 2  # strided and transposed convolutions: 2x2 windows that neither overlap nor leave gaps


@dataclass(frozen=True)
class Block:
    """One part of the network.

    side: 'encoder', 'downsampling', 'base', 'upsampling', 'decoder' or 'output'. level: 0 = full resolution.
    size: side in px of its square output. n_parameters: trainable numbers in it.
    """

    name: str
    level: int
    side: str
    channels_in: int
    channels_out: int
    size: int
    n_parameters: int


def channels_per_level(depth: int, channels: int, growth: float, max_channels: int) -> tuple[int, ...]:
    """Feature maps of the levels 0 .. depth."""
    return tuple(min(max_channels, round(channels * growth**level)) for level in range(depth + 1))


def plan(config: ModelConfig, crop_px: int, in_channels: int = 1, out_channels: int = 1) -> list[Block]:
    """The blocks of the U-Net of `config` on a square of `crop_px`, in the order data passes them.

    For a class of one's own this is the U-Net it starts from: what its overridden slots add is not known here.
    """
    depth = config.depth
    c = channels_per_level(depth, config.channels, config.growth, config.max_channels)
    sizes = [padded_px(crop_px, depth) >> level for level in range(depth + 1)]
    blocks = []
    for level in range(depth):
        before = c[level - 1] if level else in_channels
        blocks.append(_convolutions(config, "encoder", level, before, c[level], sizes[level]))
        count = _conv(c[level], c[level], RESAMPLING_KERNEL) if config.downsampling == "strided_convolution" else 0
        name = f"downsampling {level}"
        blocks.append(Block(name, level, "downsampling", c[level], c[level], sizes[level + 1], count))
    blocks.append(_convolutions(config, "base", depth, c[depth - 1] if depth else in_channels, c[depth], sizes[depth]))
    for level in reversed(range(depth)):
        count = _upsampling(config, c[level + 1], c[level])
        name = f"upsampling {level}"
        blocks.append(Block(name, level, "upsampling", c[level + 1], c[level], sizes[level], count))
        merged = 2 * c[level] if config.merge == "concatenate" else c[level]
        blocks.append(_convolutions(config, "decoder", level, merged, c[level], sizes[level]))
    blocks.append(Block("output", 0, "output", c[0], out_channels, crop_px, _conv(c[0], out_channels, 1)))
    return blocks


def padded_px(side_px: int, depth: int) -> int:
    """The side the network works on inside: the next multiple of 2**depth."""
    return side_px + -side_px % 2**depth


def n_parameters(config: ModelConfig) -> int:
    """Trainable numbers of the U-Net of `config`, exactly."""
    return sum(block.n_parameters for block in plan(config, 2**config.depth))


def multiply_adds(config: ModelConfig, side_px: int) -> int:
    """Multiplications with addition that one square of `side_px` takes on its way forward, to within a few percent.

    Every weight works once at every pixel of the smaller side of its block; norms and biases count like weights.
    """
    finer = {"upsampling": 2}  # convolved before it is enlarged: at half the size that comes out
    return sum(block.n_parameters * (block.size // finer.get(block.side, 1)) ** 2 for block in plan(config, side_px))


def receptive_field_px(config: ModelConfig) -> int:
    """Side of the largest square of input pixels that one output pixel of the U-Net can see through its convolutions.

    Which square depends on where the pixel lies in the pooling grid; this is the widest. The norms instance, group and
    layer look at the whole image besides. Found by following the interval of one pixel back through the network.
    """
    return max(_seen(config, pixel) for pixel in range(2**config.depth))


def _seen(config: ModelConfig, pixel: int) -> int:
    first = last = pixel
    reach = config.convs_per_block * (config.kernel_size // 2)
    margin = 1 if config.upsampling == "bilinear" else 0  # bilinear mixes the two nearest coarse pixels
    for _ in range(config.depth):  # decoder, from full resolution to the base
        first, last = (first - reach - margin) // 2, (last + reach + margin) // 2
    first, last = first - reach, last + reach
    for _ in range(config.depth):  # encoder, back to full resolution
        first, last = 2 * first - reach, 2 * last + 1 + reach
    return last - first + 1


def _convolutions(config: ModelConfig, side: str, level: int, before: int, after: int, size: int) -> Block:
    bias = config.norm == "none"
    norm = 0 if bias else 2 * after
    inputs = [before] + [after] * (config.convs_per_block - 1)
    count = sum(_conv(c, after, config.kernel_size, bias) + norm for c in inputs)
    if config.residual and before != after:
        count += _conv(before, after, 1, bias=False)
    name = "base" if side == "base" else f"{side} {level}"
    return Block(name, level, side, before, after, size, count)


def _upsampling(config: ModelConfig, before: int, after: int) -> int:
    if config.upsampling == "transposed_convolution":
        return _conv(before, after, RESAMPLING_KERNEL)
    return _conv(before, after, 1) if before != after else 0


def _conv(before: int, after: int, kernel: int, bias: bool = True) -> int:
    return before * after * kernel * kernel + (after if bias else 0)
