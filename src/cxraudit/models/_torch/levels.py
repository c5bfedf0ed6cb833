"""Images of eight bits on their way to a network: what depends on the grey level alone is done on the device.

Published preprocessing resizes in eight bits, and then scales and normalises each channel in float32. The
second step maps 256 levels to 256 numbers, so that a table of them gives the same bits on any device, and
what crosses to it, and waits for it, is a byte per pixel: one channel where all are equal, as in radiographs,
instead of three of four bytes.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cxraudit.models._torch.pixels import normalise, to_array
from cxraudit.models.base import Levels, Pixels

if TYPE_CHECKING:
    from torch import Tensor

LEVELS = 256
RAMP = Image.fromarray(np.arange(LEVELS, dtype=np.uint8).reshape(16, 16))
"""Every grey level once."""

Tones = NDArray[np.float32]
"""The number that each grey level becomes, shape (channels, 256)."""


def tones_by(step: Callable[[Image.Image], Pixels]) -> Tones:
    """Return what a step that depends on the grey level alone makes of each; it gets a grey image."""
    return np.ascontiguousarray(step(RAMP).reshape(-1, LEVELS), dtype=np.float32)


def normalised_tones(mean: Sequence[float], std: Sequence[float]) -> Tones:
    """Return the grey levels divided by 255 and normalised, as torchvision computes it."""
    return tones_by(lambda ramp: normalise(to_array(ramp), tuple(mean), tuple(std)))


def levels_of(image: Image.Image) -> Levels:
    """Return the grey levels of an image, (1, height, width), or its colours, (3, height, width)."""
    values = np.array(image)  # a copy: that of Pillow cannot be written to, which torch warns of
    return np.ascontiguousarray(values[None] if values.ndim == 2 else values.transpose(2, 0, 1))


class EightBitInput:
    """What adapters share whose input is a table of tones of eight-bit levels; goes before `TorchAdapter`."""

    tones: Tones

    def levels(self, image: Image.Image) -> Levels:
        """Return an image at the size of the network in eight bits; one channel if all are equal."""
        raise NotImplementedError

    def preprocess(self, image: Image.Image) -> Pixels:
        """Return the input of the network, (channels, height, width)."""
        import torch

        with torch.inference_mode():
            return self.network_input(torch.from_numpy(self.levels(image))[None])[0].numpy()

    def network_input(self, levels: "Tensor") -> "Tensor":
        """Return the input of the network of a batch of levels, on the same device."""
        import torch

        tones = torch.from_numpy(self.tones).to(levels.device)
        n, channels, height, width = levels.shape
        at = levels.int().reshape(n, channels, -1)
        toned: list[Any] = [
            one.index_select(0, at[:, min(c, channels - 1)].reshape(-1))
            for c, one in enumerate(tones)
        ]
        return torch.stack([one.reshape(n, height, width) for one in toned], 1)
