"""Images as the detector takes them."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from cxraudit.errors import ImageError
from cxraudit.images import read_image, to_grey

MEAN, SPREAD = 0.449, 0.226
"""Of ImageNet, averaged over the colours: images are grey, and its filters expect this range."""

Images = NDArray[np.uint8]


def read_images(
    paths: Sequence[str],
    size: int,
    *,
    n_readers: int = 2,
    progress: Callable[[int], None] | None = None,
) -> tuple[Images, list[str]]:
    """Read images as grey squares.

    Returns
    -------
    tuple of numpy.ndarray, list of str
        Images, shape (n, size, size), and a reason per image that could not be read (else empty).
    """
    images = np.zeros((len(paths), size, size), dtype=np.uint8)

    def one(number: int) -> str:
        try:
            small = to_grey(read_image(Path(paths[number]))).resize(
                (size, size), Image.Resampling.BICUBIC
            )
            images[number] = np.asarray(small)
        except ImageError as error:
            return str(error)
        finally:
            if progress:
                progress(1)
        return ""

    with ThreadPoolExecutor(max(n_readers, 1)) as pool:
        errors = list(pool.map(one, range(len(paths))))
    return images, errors


def as_input(images: Images, device: torch.device) -> torch.Tensor:
    """Turn images into network input, shape (n, 3, size, size)."""
    grey = torch.from_numpy(images).to(device).float().div(255).sub(MEAN).div(SPREAD)
    return grey[:, None].expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)


def shaken(images: Images, rng: np.random.Generator) -> Images:
    """Mirror half of the images and shift each by up to a sixteenth: a drain may be anywhere."""
    size = images.shape[1]
    reach = max(size // 16, 1)
    moved = np.pad(images, ((0, 0), (reach, reach), (reach, reach)), mode="edge")
    result = np.empty_like(images)
    for number in range(len(images)):
        dy, dx = rng.integers(0, 2 * reach + 1, size=2)
        image = moved[number, dy : dy + size, dx : dx + size]
        result[number] = image[:, ::-1] if rng.random() < 0.5 else image
    return result
