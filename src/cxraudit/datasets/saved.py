"""A cohort that cxraudit wrote: ``images.parquet``, its manifest, and the excluded images.

``encode``, ``prepare`` and ``run`` write one. The data set named ``prepared`` reads it, so that images
that were prepared once can be encoded, scored and audited like a release.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from cxraudit.datasets.base import Dataset, dataset_from, excluded_images
from cxraudit.datasets.release import ReleaseFile
from cxraudit.errors import DataError
from cxraudit.files import committed, read_table, write_manifest, write_table

SUMMARY = (
    "a cohort that cxraudit wrote: the output folder of `cxraudit prepare` or `cxraudit encode`"
)
IMAGES, EXCLUDED = "images.parquet", "excluded.parquet"
FILES = (ReleaseFile(IMAGES, "cxraudit prepare, encode or run"),)


def save_dataset(
    dataset: Dataset,
    out: Path,
    inputs: Mapping[str, Path] | None = None,
    outputs: Iterable[Path] = (),
    *,
    within: bool = False,
    **facts: Any,
) -> Path:
    """Write a cohort, its excluded images and a manifest; return the path of the images table.

    Parameters
    ----------
    dataset : Dataset
        The cohort.
    out : pathlib.Path
        Folder that gets ``images.parquet``, its manifest and ``excluded.parquet``.
    inputs : mapping of str to pathlib.Path, optional
        Input files, recorded in the manifest with their SHA-256.
    outputs : iterable of pathlib.Path
        Further files that belong to the cohort; the manifest, written last, names the hashes of all.
    within : bool
        Whether the images lie in `out` too, so that the folder can be moved as a whole.
    **facts
        Plain data to record in the manifest.
    """
    images = dataset.images
    if within:
        names = [Path(name).relative_to(out).as_posix() for name in images["path"]]
        images = images.assign(path=pd.Series(names, index=images.index, dtype="str"))
    excluded = write_table(excluded_images(dataset), out / EXCLUDED)
    path = write_table(images, out / IMAGES)
    files = (path, excluded, *outputs)
    write_manifest(
        path, inputs=inputs, outputs=files, dataset=dataset.facts(), images_within=within, **facts
    )
    return path


def refuse_cohort(folder: Path, *, beside: str = "") -> None:
    """Refuse a folder with a cohort of another command, whose files are ours, too, and would be replaced.

    Parameters
    ----------
    folder : pathlib.Path
        Where files of names that commands share would be written.
    beside : str
        A file that is there if the cohort is of the same command.

    Raises
    ------
    DataError
        If there is one.
    """
    if (folder / IMAGES).exists() and not (beside and (folder / beside).exists()):
        raise DataError(
            f"{folder} holds {IMAGES}, the cohort of another command or a file of yours. Choose another "
            "--out."
        )


def open_dataset(path: Path) -> Dataset:
    """Read a cohort that `save_dataset` wrote.

    Raises
    ------
    DataError
        If the images table, its manifest or the table of excluded images is missing, or is not the
        one that was written.
    """
    manifest = committed(path, remedy="Repeat the cxraudit encode or prepare that wrote it.")
    images = read_table(path, what="the images table")
    if "dataset" not in manifest:
        raise DataError(
            f"{path} is no cohort that cxraudit saved. Write it with cxraudit encode or prepare."
        )
    if manifest.get("images_within"):
        within = [str(path.parent / name) for name in images["path"]]
        images = images.assign(path=pd.Series(within, index=images.index, dtype="str"))
    excluded = read_table(path.with_name(EXCLUDED), what="the table of excluded images")
    return dataset_from(images, manifest["dataset"], excluded)


def load(root: Path) -> Dataset:
    """Read a cohort from the folder that cxraudit wrote it to.

    Parameters
    ----------
    root : pathlib.Path
        Folder with ``images.parquet``.
    """
    return open_dataset(root / IMAGES)
