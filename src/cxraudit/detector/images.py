"""The input images of the detector."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image

from cxraudit.content import Source
from cxraudit.cores import threads
from cxraudit.encode import Progress
from cxraudit.errors import ImageError
from cxraudit.images import to_grey
from cxraudit.images.sources import read_decoded, stated_content
from cxraudit.privacy import without_folders

MEAN, STANDARD_DEVIATION = 0.449, 0.226
"""Of ImageNet, averaged over the colours: the pretrained filters expect this range."""

Images = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Decoding:
    """Some images as they were read, in order."""

    images: Images
    """Shape (n, size, size); zeros where an image could not be read."""
    errors: list[str]
    """Why an image could not be read, else empty."""
    sources: list[Source | None]
    """The files; None where an image could not be read."""
    notes: list[tuple[str, ...]]
    """Codes of `cxraudit.images.ImageNote` of each image."""


def read_images(
    table: pd.DataFrame,
    size: int,
    *,
    n_readers: int | None = None,
    progress: Progress | None = None,
) -> Decoding:
    """Read images as square grey images.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per image: ``path``, and its hash where the data set states one.
    size : int
        Side in pixels.
    n_readers : int
        Number of threads that decode.
    progress : callable, optional
        Called with the number of images that were read since the last call.
    """
    paths = table["path"].tolist()
    expected = stated_content(table)
    images = np.zeros((len(paths), size, size), dtype=np.uint8)

    def read(number: int) -> tuple[str, Source | None, tuple[str, ...]]:
        path = Path(paths[number])
        try:
            decoded, source = read_decoded(path, expected[number])
            grey = to_grey(decoded.image)
            images[number] = np.asarray(grey.resize((size, size), Image.Resampling.BICUBIC))
            return "", source, tuple(map(str, decoded.notes))
        except ImageError as error:
            return without_folders(str(error), path), None, ()
        except (OSError, ValueError, MemoryError) as error:
            reason = without_folders(str(error) or type(error).__name__, path)
            return f"{path.name} cannot be resized: {reason}.", None, ()
        finally:
            if progress:
                progress(1)

    with ThreadPoolExecutor(threads(n_readers)) as pool:
        try:
            done = list(pool.map(read, range(len(paths))))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return Decoding(
        images,
        errors=[error for error, _, _ in done],
        sources=[source for _, source, _ in done],
        notes=[notes for _, _, notes in done],
    )


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
