"""How an image is prepared: size, resampling and stretching.

The default is that of Sourget et al. (2025, ``process_datasets.py``): bilinear to 224 × 224 without
antialiasing, as by default in OpenCV, then stretched from minimum to maximum.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from cxraudit.errors import ConfigError
from cxraudit.images import to_grey

RESAMPLING = ("bilinear", "antialiased")
STRETCHING = ("min-max", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """How images are prepared; recorded with them and given in the report."""

    size: int = 224
    """Side of the square in pixels; the aspect ratio is not kept, as in the paper."""
    resampling: str = "bilinear"
    """``bilinear`` (no antialiasing, as OpenCV) or ``antialiased`` (bicubic, as Pillow)."""
    stretching: str = "min-max"
    """``min-max``: the darkest pixel of an image becomes 0, the brightest 255; or ``none``."""

    def __post_init__(self) -> None:
        if not 8 <= self.size <= 4096:
            raise ConfigError(f"size must lie in 8..4096 pixels, got {self.size}.")
        for name, value, known in (
            ("resampling", self.resampling, RESAMPLING),
            ("stretching", self.stretching, STRETCHING),
        ):
            if value not in known:
                raise ConfigError(f"{name} is one of {', '.join(known)}, got '{value}'.")

    def sentence(self) -> str:
        """Describe the preparation in a sentence for the report."""
        resampled = {
            "bilinear": "bilinear without antialiasing",
            "antialiased": "bicubic, antialiased",
        }
        stretched = {"min-max": ", then stretched from minimum to maximum", "none": ""}
        return (
            f"Images were prepared beforehand: grey, {self.size} × {self.size} "
            f"({resampled[self.resampling]}){stretched[self.stretching]}."
        )


def prepared(image: Image.Image, preparation: Preparation) -> Image.Image:
    """Prepare one image.

    Parameters
    ----------
    image : PIL.Image.Image
        As `cxraudit.images.read_image` returns it.
    preparation : Preparation
        Size, resampling and stretching.

    Returns
    -------
    PIL.Image.Image
        Grey, 8 bits, ``size`` × ``size``.
    """
    grey = to_grey(image)
    side = (preparation.size, preparation.size)
    if preparation.resampling == "antialiased":
        small = grey.resize(side, Image.Resampling.BICUBIC)
    else:
        # An affine transform interpolates between the four pixels around the centre of each new one,
        # as OpenCV's INTER_LINEAR does; Pillow's resize would average over the reduced area. In
        # floats, since Pillow truncates integers where OpenCV rounds.
        scale = (grey.width / preparation.size, 0, 0, 0, grey.height / preparation.size, 0)
        exact = grey.convert("F").transform(
            side, Image.Transform.AFFINE, scale, Image.Resampling.BILINEAR
        )
        small = Image.fromarray(np.rint(np.asarray(exact)).astype(np.uint8))
    if preparation.stretching == "none":
        return small
    values = np.asarray(small, dtype=np.float64)
    low, high = values.min(), values.max()
    stretched = (values - low) * (255 / (high - low)) if high > low else np.zeros_like(values)
    return Image.fromarray(np.rint(stretched).astype(np.uint8))
