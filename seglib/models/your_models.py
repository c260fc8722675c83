"""Your own models. A class that stands here appears in the app and on the command line by its name.

How to add one:

1. Take `UNet` as base class and override ONE of its construct_* methods. Each returns a torch module for one place of
   the network. The places, in the order an image passes them (level 0 = full resolution, level `self.depth` = base):

       construct_input_module()               before everything
       construct_encoder_module(level)        on the way down: self.channels_at(level) feature maps out
       construct_skip_module(level)           from the encoder across to the decoder
       construct_downsampling_module(level)   halves height and width
       construct_base_module()                at the lowest resolution
       construct_upsampling_module(level)     doubles height and width, to self.channels_at(level) feature maps
       construct_merge_module(level)          joins two inputs: forward(self, skip, x)
       construct_decoder_module(level)        on the way up: self.channels_at(level) feature maps out
       construct_output_module()              to one map of logits (no sigmoid: the losses have it)

   `self.construct_block(before, after)` gives the usual convolutions with norm and activation as set in the form.
2. Choose it: in the form under "Network", or `--set model.name=DilatedUNet`.
3. Arguments of your own go into `__init__` as below and are set by `--set 'model.extra={"dilations": [1, 2, 4]}'`.
   Keep them BEFORE `super().__init__(...)`: that call builds the modules.

A class whose name starts with an underscore is not listed, so it can serve as a base for others. If something here does
not work, the message names the class and the line.
"""

from __future__ import annotations

from torch import nn

from seglib.models.unet import UNet


class DilatedUNet(UNet):
    """U-Net whose base looks further by dilated convolutions (Yu, Koltun 2016, arXiv 1511.07122), with no more depth.

    dilations: spacing of the taps of each convolution in the base, in px of the lowest resolution, 1 or more.
    """

    def __init__(self, *, dilations: tuple[int, ...] = (1, 2, 4), **unet) -> None:
        self.dilations = tuple(dilations)
        if not self.dilations or any(d < 1 for d in self.dilations):
            raise ValueError(
                f"dilations is {dilations}; it must be a list of whole numbers from 1 up, such as [1, 2, 4]."
            )
        super().__init__(**unet)

    def construct_base_module(self) -> nn.Module:
        before = self.channels_at(self.depth - 1) if self.depth else self.in_channels
        return self.construct_block(before, self.channels_at(self.depth), self.dilations)
