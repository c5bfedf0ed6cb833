"""A cohort that cxraudit wrote: ``images.parquet``, its manifest, and the excluded images.

``encode``, ``prepare`` and ``run`` write one. The data set named ``prepared`` reads it, so that images
that were prepared once can be encoded, scored and audited like a release.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

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
    **facts
        Plain data to record in the manifest.
    """
    excluded = write_table(excluded_images(dataset), out / EXCLUDED)
    path = write_table(dataset.images, out / IMAGES)
    files = (path, excluded, *outputs)
    write_manifest(path, inputs=inputs, outputs=files, dataset=dataset.facts(), **facts)
    return path


def open_dataset(path: Path) -> Dataset:
    """Read a cohort that `save_dataset` wrote.

    Raises
    ------
    DataError
        If the images table, its manifest or the table of excluded images is missing, or is not the
        one that was written.
    """
    images = read_table(path, what="the images table")
    facts = committed(path, remedy="Repeat the cxraudit encode or prepare that wrote it.").get(
        "dataset"
    )
    if facts is None:
        raise DataError(f"{path} has no manifest. Write it with cxraudit encode or prepare.")
    excluded = read_table(path.with_name(EXCLUDED), what="the table of excluded images")
    return dataset_from(images, facts, excluded)


def load(root: Path) -> Dataset:
    """Read a cohort from the folder that cxraudit wrote it to.

    Parameters
    ----------
    root : pathlib.Path
        Folder with ``images.parquet``.
    """
    return open_dataset(root / IMAGES)
