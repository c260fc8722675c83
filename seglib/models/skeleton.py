"""EncoderDecoder: nine named slots and a forward that reads like the figure of the U-Net paper.

A subclass fills the slots by the `construct_*` methods. Levels count downscalings: level 0 is full resolution, level
`depth` is the base. The idea of named slots is from ConfNets (Wolf et al., `EncoderDecoderSkeleton`).
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from seglib.exceptions import InputError
from seglib.models.plan import channels_per_level


class EncoderDecoder(nn.Module):
    """Encoder, base and decoder joined by skip connections; what each part is, the subclass says.

    depth: number of downscalings, 0 or more. channels, growth, max_channels: level l has
    min(max_channels, round(channels * growth**l)) feature maps, read by `channels_at(l)`.
    A subclass that keeps arguments for its slots sets them as attributes BEFORE it calls `super().__init__`, because
    that call builds the slots (plain values may be set then; modules may not).
    Raises InputError for a number out of its range and TypeError for an argument it does not know.
    """

    def __init__(
        self,
        *,
        depth: int = 4,
        channels: int = 16,
        growth: float = 2.0,
        max_channels: int = 512,
        in_channels: int = 1,
        out_channels: int = 1,
    ) -> None:
        super().__init__()
        _check_at_least(1, channels=channels, max_channels=max_channels, in_channels=in_channels)
        _check_at_least(1, out_channels=out_channels, growth=growth)
        _check_at_least(0, depth=depth)
        self.depth, self.in_channels, self.out_channels = depth, in_channels, out_channels
        self._channels = channels_per_level(depth, channels, growth, max_channels)
        levels = range(depth)
        self.input_module = self.construct_input_module()
        self.encoder_modules = nn.ModuleList(self.construct_encoder_module(level) for level in levels)
        self.downsampling_modules = nn.ModuleList(self.construct_downsampling_module(level) for level in levels)
        self.skip_modules = nn.ModuleList(self.construct_skip_module(level) for level in levels)
        self.base_module = self.construct_base_module()
        self.upsampling_modules = nn.ModuleList(self.construct_upsampling_module(level) for level in levels)
        self.merge_modules = nn.ModuleList(self.construct_merge_module(level) for level in levels)
        self.decoder_modules = nn.ModuleList(self.construct_decoder_module(level) for level in levels)
        self.output_module = self.construct_output_module()

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) images of any size from 1x1 up to (N, out_channels, H, W) logits."""
        height, width = self._checked_size(x)
        x = self.input_module(pad_to_multiple(x, 2**self.depth))
        skips = []
        for encode, skip, downsample in zip(self.encoder_modules, self.skip_modules, self.downsampling_modules):
            x = encode(x)
            skips.append(skip(x))
            x = downsample(x)
        x = self.base_module(x)
        for level in reversed(range(self.depth)):
            x = self.upsampling_modules[level](x)
            x = self.merge_modules[level](skips.pop(), x)
            x = self.decoder_modules[level](x)
        return self.output_module(x)[..., :height, :width]

    def channels_at(self, level: int) -> int:
        """Feature maps at `level`, 0 = full resolution, `depth` = base."""
        return self._channels[level]

    def _checked_size(self, x: Tensor) -> tuple[int, int]:
        if x.ndim != 4 or x.shape[1] != self.in_channels or 0 in x.shape[-2:]:
            raise ValueError(
                f"the network got a tensor of shape {tuple(x.shape)}; it takes (N, {self.in_channels}, H, W) not empty."
            )
        return x.shape[-2], x.shape[-1]

    def construct_input_module(self) -> nn.Module:
        """(N, in_channels, H, W) before the first level. H and W are multiples of 2**depth."""
        raise NotImplementedError(f"{type(self).__name__} has no construct_input_module().")

    def construct_encoder_module(self, level: int) -> nn.Module:
        """What level 0 .. depth-1 computes on the way down."""
        raise NotImplementedError(f"{type(self).__name__} has no construct_encoder_module(level).")

    def construct_downsampling_module(self, level: int) -> nn.Module:
        """From `level` to half its size, at level + 1."""
        raise NotImplementedError(f"{type(self).__name__} has no construct_downsampling_module(level).")

    def construct_skip_module(self, level: int) -> nn.Module:
        """What happens to the encoder's output of `level` on its way across to the decoder."""
        raise NotImplementedError(f"{type(self).__name__} has no construct_skip_module(level).")

    def construct_base_module(self) -> nn.Module:
        """What the lowest resolution, level `depth`, computes."""
        raise NotImplementedError(f"{type(self).__name__} has no construct_base_module().")

    def construct_upsampling_module(self, level: int) -> nn.Module:
        """From level + 1 to twice its size, at `level`."""
        raise NotImplementedError(f"{type(self).__name__} has no construct_upsampling_module(level).")

    def construct_merge_module(self, level: int) -> nn.Module:
        """A module of two inputs, (skip, upsampled), both of the size of `level`."""
        raise NotImplementedError(f"{type(self).__name__} has no construct_merge_module(level).")

    def construct_decoder_module(self, level: int) -> nn.Module:
        """What level depth-1 .. 0 computes on the way up."""
        raise NotImplementedError(f"{type(self).__name__} has no construct_decoder_module(level).")

    def construct_output_module(self) -> nn.Module:
        """From the features of level 0 to (N, out_channels, H, W) logits."""
        raise NotImplementedError(f"{type(self).__name__} has no construct_output_module().")


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """`x` (N, C, H, W) grown at bottom and right until H and W are multiples of `multiple`.

    Top and left stay where they are, so that tiles cut on the grid of `multiple` see the same pooling windows as the
    whole image. An axis is reflected where it is long enough for that, else its last line is repeated.
    """
    down, right = -x.shape[-2] % multiple, -x.shape[-1] % multiple
    if down:
        x = F.pad(x, (0, 0, 0, down), mode="reflect" if down < x.shape[-2] else "replicate")
    if right:
        x = F.pad(x, (0, right, 0, 0), mode="reflect" if right < x.shape[-1] else "replicate")
    return x


def _check_at_least(least: int, **numbers: float) -> None:
    for name, number in numbers.items():
        if number < least:
            raise InputError(f"{name} is {number}; it must be at least {least}.")
