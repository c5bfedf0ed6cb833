"""Images → small grey PNGs, as an explicit and recorded step.

Published work often audits images that were resized beforehand, and the resizing is part of what was
measured. The preset is that of Sourget et al. (2025, ``process_datasets.py``): bilinear to 224 × 224
without antialiasing, as OpenCV does by default, then stretched from minimum to maximum.
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
    """What is done to every image; recorded with the images and said in the report."""

    size: int = 224
    """Side of the square in pixels; the aspect is not kept, as in the paper."""
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
        """Say what was done, as the report does."""
        how = {"bilinear": "bilinear without antialiasing", "antialiased": "bicubic, antialiased"}
        stretched = {"min-max": ", then stretched from minimum to maximum", "none": ""}
        return (
            f"Images were prepared beforehand: grey, {self.size} × {self.size} "
            f"({how[self.resampling]}){stretched[self.stretching]}."
        )


def prepared(image: Image.Image, how: Preparation) -> Image.Image:
    """Prepare one image.

    Parameters
    ----------
    image : PIL.Image.Image
        As `cxraudit.images.read_image` returns it.
    how : Preparation
        What to do.

    Returns
    -------
    PIL.Image.Image
        Grey, 8 bits, ``size`` × ``size``.
    """
    grey = to_grey(image)
    side = (how.size, how.size)
    if how.resampling == "antialiased":
        small = grey.resize(side, Image.Resampling.BICUBIC)
    else:
        # An affine transform samples between four pixels at the centre of each new one, whatever
        # the reduction: what OpenCV calls INTER_LINEAR. Pillow's own resize would average.
        scale = (grey.width / how.size, 0, 0, 0, grey.height / how.size, 0)
        exact = grey.convert("F").transform(
            side, Image.Transform.AFFINE, scale, Image.Resampling.BILINEAR
        )  # in floats, since Pillow cuts whole numbers off where OpenCV rounds
        small = Image.fromarray(np.rint(np.asarray(exact)).astype(np.uint8))
    if how.stretching == "none":
        return small
    values = np.asarray(small, dtype=np.float64)
    low, high = values.min(), values.max()
    stretched = (values - low) * (255 / (high - low)) if high > low else np.zeros_like(values)
    return Image.fromarray(np.rint(stretched).astype(np.uint8))


def prepare_images(
    dataset: Dataset,
    out: Path,
    how: Preparation,
    *,
    n_readers: int = 2,
    progress: Callable[[int], None] | None = None,
) -> Dataset:
    """Prepare every image of a cohort under `out`.

    Images that are there are kept, so the same call goes on after an interruption. Images that cannot
    be read leave the cohort by a named step, and are listed in ``failures.csv``.

    Returns
    -------
    Dataset
        The cohort with the paths of the prepared images, as written to ``images.parquet``.

    Raises
    ------
    DataError
        If `out` holds images prepared otherwise, or none can be read.
    """
    images = dataset.images
    _start(out, how, digest(images[["image_id", "path"]].to_numpy().tolist()))
    targets = [_target(out, image) for image in images["image_id"]]
    for folder in {path.parent for path in targets}:
        folder.mkdir(parents=True, exist_ok=True)

    def one(source: str, target: Path) -> str:
        try:
            if not target.is_file():
                radiograph = prepared(read_image(Path(source)), how)
                write_atomic(target, lambda temporary: radiograph.save(temporary, format="PNG"))
        except ImageError as error:
            return str(error)
        finally:
            if progress:
                progress(1)
        return ""

    with ThreadPoolExecutor(max(n_readers, 1)) as pool:
        try:
            errors = list(pool.map(one, images["path"], targets))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    failed = pd.Series([error != "" for error in errors], index=images.index)
    _list_failures(out, images["image_id"], errors, failed)
    if failed.all():
        raise DataError(
            f"none of the {len(images):,} images could be read, first: {errors[0]} "
            "Check --root and where the images are; the same command tries them again."
        )
    moved = replace(
        dataset,
        images=images.assign(path=[str(path) for path in targets]),
        notes=(*dataset.notes, how.sentence()),
    )
    moved = moved.keep(~failed, step="decoded", reason="the image cannot be decoded")
    save_dataset(moved, out, prepared=asdict(how))
    return moved


def _start(out: Path, how: Preparation, images: str) -> None:
    """Refuse a folder with other images, or images prepared otherwise; else record both."""
    record = out / RECORD
    if record.is_file():
        found = json.loads(record.read_text(encoding="utf-8"))
        earlier = Preparation(**{key: found[key] for key in asdict(how)})
        if earlier != how:
            raise DataError(
                f"{out} holds images prepared otherwise: {earlier.sentence()} Choose another --out."
            )
        if found["images"] != images:
            raise DataError(
                f"{out} holds other images, or images from elsewhere. Choose another --out."
            )
        return
    write_text(record, json.dumps({**asdict(how), "images": images}, indent=2) + "\n")


def _target(out: Path, image_id: str) -> Path:
    """Return where an image goes: a name any file system takes, in one of 256 folders."""
    name = quote(image_id, safe=" ")
    for suffix in (".png", ".jpg", ".jpeg", ".dcm"):
        name = name.removesuffix(suffix)
    shelf = sha256(image_id.encode()).hexdigest()[:2]
    return out / IMAGES / shelf / f"{name}.png"


def _list_failures(
    out: Path, image_ids: pd.Series, errors: list[str], failed: "pd.Series[bool]"
) -> None:
    table = pd.DataFrame({"image_id": image_ids, "error": errors})
    write_or_remove(table[failed.to_numpy()], out / UNREADABLE)
