"""A cohort as cxraudit wrote it: ``images.parquet``, its manifest, and the images left out.

``encode``, ``prepare`` and ``run`` write one; ``prepared`` is also the name of a data set, so that
images prepared once can be encoded, scored and audited like any release.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cxraudit.datasets.base import Dataset, dataset_from, excluded_images
from cxraudit.datasets.release import ReleaseFile
from cxraudit.errors import DataError
from cxraudit.files import read_manifest, read_table, write_manifest, write_table

SUMMARY = (
    "a cohort cxraudit wrote before: images of `cxraudit prepare`, or any images.parquet of ours"
)
IMAGES, EXCLUDED = "images.parquet", "excluded.parquet"
FILES = (ReleaseFile(IMAGES, "cxraudit prepare, encode or run"),)


def save_dataset(
    dataset: Dataset, out: Path, inputs: Mapping[str, Path] | None = None, **facts: Any
) -> Path:
    """Write the cohort, the images that were left out of it, and what is known of it."""
    write_table(excluded_images(dataset), out / EXCLUDED)
    path = write_table(dataset.images, out / IMAGES)
    write_manifest(path, inputs=inputs, dataset=dataset.facts(), **facts)
    return path


def open_dataset(path: Path) -> Dataset:
    """Read a cohort that `save_dataset` wrote.

    Raises
    ------
    DataError
        If the table, its manifest or the list of images left out is missing.
    """
    images = read_table(path, what="the images table")
    facts = read_manifest(path).get("dataset")
    if facts is None:
        raise DataError(f"{path} has no manifest beside it. Write it with cxraudit encode.")
    excluded = read_table(path.with_name(EXCLUDED), what="the list of images left out")
    return dataset_from(images, facts, excluded)


def load(root: Path) -> Dataset:
    """Read the cohort in a folder that cxraudit wrote.

    Parameters
    ----------
    root : pathlib.Path
        Folder with ``images.parquet``.
    """
    return open_dataset(root / IMAGES)
