"""Images → small grey PNGs, as an explicit and recorded step.

Published work often evaluates images that were resized beforehand, so the resizing is part of its
results. The default is that of Sourget et al. (2025, ``process_datasets.py``): bilinear to 224 × 224
without antialiasing, as by default in OpenCV, then stretched from minimum to maximum.
"""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pandas as pd
from PIL import Image

from cxraudit.datasets.base import Dataset
from cxraudit.datasets.saved import save_dataset
from cxraudit.errors import ConfigError, DataError, ImageError
from cxraudit.files import digest, write_atomic, write_or_remove, write_text
from cxraudit.images import read_image, to_grey

RESAMPLING = ("bilinear", "antialiased")
STRETCHING = ("min-max", "none")

IMAGES, RECORD, UNREADABLE = "images", "prepare.json", "failures.csv"


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


def prepare_images(
    dataset: Dataset,
    out: Path,
    preparation: Preparation,
    *,
    n_readers: int = 2,
    progress: Callable[[int], None] | None = None,
) -> Dataset:
    """Prepare every image of a cohort.

    Existing images are kept, so the same call continues after an interruption. Images that cannot be
    read are excluded from the cohort by a named step, and listed in ``failures.csv``.

    Parameters
    ----------
    dataset : Dataset
        The cohort.
    out : pathlib.Path
        Folder for the prepared images and their table.
    preparation : Preparation
        Size, resampling and stretching.
    n_readers : int
        Number of threads that decode.
    progress : callable, optional
        Called with the number of images that were finished since the last call.

    Returns
    -------
    Dataset
        The cohort with the paths of the prepared images, as written to ``images.parquet``.

    Raises
    ------
    DataError
        If `out` holds other images or images prepared differently, or no image can be read.
    """
    images = dataset.images
    _create_or_resume(out, preparation, digest(images[["image_id", "path"]].to_numpy().tolist()))
    targets = [_target(out, image) for image in images["image_id"]]
    for folder in {path.parent for path in targets}:
        folder.mkdir(parents=True, exist_ok=True)

    def prepare(source: str, target: Path) -> str:
        try:
            if not target.is_file():
                image = prepared(read_image(Path(source)), preparation)
                write_atomic(target, lambda temporary: image.save(temporary, format="PNG"))
        except ImageError as error:
            return str(error)
        finally:
            if progress:
                progress(1)
        return ""

    with ThreadPoolExecutor(max(n_readers, 1)) as pool:
        try:
            errors = list(pool.map(prepare, images["path"], targets))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    failed = pd.Series([error != "" for error in errors], index=images.index)
    _list_failures(out, images["image_id"], errors, failed)
    if failed.all():
        raise DataError(
            f"none of the {len(images):,} images could be read, first: {errors[0]} "
            "Check --root and the paths of the images; the same command tries them again."
        )
    cohort = replace(
        dataset,
        images=images.assign(path=[str(path) for path in targets]),
        notes=(*dataset.notes, preparation.sentence()),
    )
    cohort = cohort.keep(~failed, step="decoded", reason="the image cannot be decoded")
    save_dataset(cohort, out, prepared=asdict(preparation))
    return cohort


def _create_or_resume(out: Path, preparation: Preparation, images: str) -> None:
    """Record preparation and images, or refuse a folder in which either differs."""
    record = out / RECORD
    if record.is_file():
        existing = json.loads(record.read_text(encoding="utf-8"))
        earlier = Preparation(**{key: existing[key] for key in asdict(preparation)})
        if earlier != preparation:
            raise DataError(
                f"{out} holds images prepared differently: {earlier.sentence()} Choose another --out."
            )
        if existing["images"] != images:
            raise DataError(
                f"{out} holds other images, or images from elsewhere. Choose another --out."
            )
        return
    write_text(record, json.dumps({**asdict(preparation), "images": images}, indent=2) + "\n")


def _target(out: Path, image_id: str) -> Path:
    """Return the path of a prepared image: a name valid on any file system, in one of 256 folders."""
    name = quote(image_id, safe=" ")
    for suffix in (".png", ".jpg", ".jpeg", ".dcm"):
        name = name.removesuffix(suffix)
    subfolder = sha256(image_id.encode()).hexdigest()[:2]
    return out / IMAGES / subfolder / f"{name}.png"


def _list_failures(
    out: Path, image_ids: pd.Series, errors: list[str], failed: "pd.Series[bool]"
) -> None:
    table = pd.DataFrame({"image_id": image_ids, "error": errors})
    write_or_remove(table[failed.to_numpy()], out / UNREADABLE)
