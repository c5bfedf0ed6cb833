"""The input images of the detector."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from cxraudit.encode import Progress
from cxraudit.errors import ImageError
from cxraudit.images import read_image, to_grey

MEAN, STANDARD_DEVIATION = 0.449, 0.226
"""Of ImageNet, averaged over the colours: the pretrained filters expect this range."""

Images = NDArray[np.uint8]


def read_images(
    paths: Sequence[str],
    size: int,
    *,
    n_readers: int = 2,
    progress: Progress | None = None,
) -> tuple[Images, list[str]]:
    """Read images as square grey images.

    Parameters
    ----------
    paths : sequence of str
        Paths of the images.
    size : int
        Side in pixels.
    n_readers : int
        Number of threads that decode.
    progress : callable, optional
        Called with the number of images that were read since the last call.

    Returns
    -------
    numpy.ndarray of uint8, shape (n, size, size)
        The images, in order; zeros where an image could not be read.
    list of str
        The reason per image that could not be read, else empty.
    """
    images = np.zeros((len(paths), size, size), dtype=np.uint8)

    def read(number: int) -> str:
        try:
            resized = to_grey(read_image(Path(paths[number]))).resize(
                (size, size), Image.Resampling.BICUBIC
            )
            images[number] = np.asarray(resized)
        except ImageError as error:
            return str(error)
        finally:
            if progress:
                progress(1)
        return ""

    with ThreadPoolExecutor(max(n_readers, 1)) as pool:
        errors = list(pool.map(read, range(len(paths))))
    return images, errors


def as_input(images: Images, device: torch.device) -> torch.Tensor:
    """Return images as input of the network, shape (n, 3, size, size)."""
    grey = torch.from_numpy(images).to(device).float().div(255).sub(MEAN).div(STANDARD_DEVIATION)
    return grey[:, None].expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)


def augment(images: Images, rng: np.random.Generator) -> Images:
    """Flip images horizontally with probability ½, and shift each by up to a sixteenth of its size."""
    size = images.shape[1]
    reach = max(size // 16, 1)
    padded = np.pad(images, ((0, 0), (reach, reach), (reach, reach)), mode="edge")
    result = np.empty_like(images)
    for number in range(len(images)):
        dy, dx = rng.integers(0, 2 * reach + 1, size=2)
        image = padded[number, dy : dy + size, dx : dx + size]
        result[number] = image[:, ::-1] if rng.random() < 0.5 else image
    return result
