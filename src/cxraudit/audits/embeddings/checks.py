"""What embeddings and severity have to be, before anything is computed of them."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxraudit.audits.embeddings.cohort import ModelEmbeddings, Vectors
from cxraudit.audits.embeddings.score_direction import numbers_of
from cxraudit.datasets.base import Dataset
from cxraudit.errors import DataError, UnknownNameError, shown
from cxraudit.settings import AuditSettings

SHORTEST, LONGEST = 1e-6, 1e6
"""Lengths of embeddings: beyond, distances and variances are no numbers of single precision."""


def check_embeddings(embedded: ModelEmbeddings, dataset: Dataset) -> None:
    """Refuse embeddings that cannot be lined up with images and prompts, or are no directions.

    Raises
    ------
    DataError
        With what is wrong, how often, and the first image.
    """
    ids, vectors, texts = embedded.image_ids, embedded.vectors, embedded.texts
    about = f"the embeddings of {embedded.model}"
    if vectors.ndim != 2 or len(vectors) != len(ids) or vectors.shape[1] < 2:
        raise DataError(
            f"{about} have the shape {vectors.shape} for {len(ids):,} images. Give one row per image, of two "
            "numbers or more."
        )
    if (repeated := pd.Series(ids).duplicated()).any():
        raise DataError(
            f"{about} have {int(repeated.sum()):,} images twice, first {shown(str(ids[repeated][0]))}. Give "
            "each image once."
        )
    if len(ids) and not np.isin(ids, dataset.images["image_id"].to_numpy(dtype=np.str_)).any():
        raise DataError(
            f"{about} are of {len(ids):,} images, first {shown(str(ids[0]))}, and none of them is in the "
            f"data set {dataset.name}. Give embeddings of its images, with its image ids."
        )
    _check_numbers(vectors, ids, about)
    if texts is not None and (texts.ndim != 2 or len(texts) != len(ids)):
        raise DataError(
            f"the embeddings of reports of {embedded.model} have the shape {texts.shape} for {len(ids):,} "
            "images. Give one row per image, NaN where there is no report."
        )
    if texts is not None:
        known = np.isfinite(texts).all(axis=1)
        _check_numbers(texts[known], ids[known], f"the embeddings of reports of {embedded.model}")
    _check_prompts(embedded, about)


def _check_numbers(vectors: Vectors, ids: NDArray[np.str_], about: str) -> None:
    """Refuse what is not finite, and rows of lengths whose squares are no numbers of single precision."""
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    for wrong, what, remedy in (
        (
            ~np.isfinite(lengths),
            "hold values that are no finite numbers",
            "Encode these images again, or leave them out.",
        ),
        (
            ~((lengths >= SHORTEST) & (lengths <= LONGEST)),
            f"have a length that is not between {SHORTEST:g} and {LONGEST:g}",
            "Divide each row by its length, and leave out images whose embedding is zero.",
        ),
    ):
        if wrong.any():
            first = ids[wrong][0]
            raise DataError(
                f"{about} {what} for {int(wrong.sum()):,} of {len(ids):,} images, first "
                f"{shown(str(first))}. {remedy}"
            )


def _check_prompts(embedded: ModelEmbeddings, about: str) -> None:
    for pair in (*embedded.prompts, *embedded.bank):
        n = embedded.vectors.shape[1]
        if pair.direction.shape != (n,) or not np.isfinite(pair.direction).all():
            raise DataError(
                f"the direction of the prompts '{pair.name}' for {pair.finding} has to be {n} finite "
                f"numbers, as {about} have."
            )
    check_each_once(
        f"prompts of {embedded.model} for",
        [pair.finding for pair in embedded.prompts],
        "Give the one pair that scores were made with, and others as the bank.",
    )
    check_each_once(
        f"pair of the bank of {embedded.model} for",
        [f"{pair.finding}: {pair.name}" for pair in embedded.bank],
        "Give each pair a name of its own.",
    )


def check_each_once(what: str, names: Sequence[str], remedy: str) -> None:
    """Refuse a name that is given more than once.

    Raises
    ------
    DataError
        With the name that is given most often.
    """
    ((name, n),) = Counter(names).most_common(1) or [("", 0)]
    if n > 1:
        raise DataError(f"{what} {name} is given {n} times. {remedy}")


def check_severity(dataset: Dataset, settings: AuditSettings) -> None:
    """Refuse a severity that is no column of different numbers.

    Raises
    ------
    UnknownNameError
        If there is no such column.
    DataError
        If it holds something else than numbers, infinite ones, or fewer than two different ones.
    """
    column = settings.severity
    if not column:
        return
    if column not in dataset.images:
        raise UnknownNameError("column of severity", column, dataset.images.columns)
    values = dataset.images[column]
    numbers = numbers_of(values)
    remedy = (
        "Give severity as a number, blank where it is not known, or leave the setting severity out."
    )
    for wrong, what in (
        (np.isnan(numbers) & values.notna().to_numpy(), "values that are no numbers"),
        (np.isinf(numbers), "infinite values"),
    ):
        if wrong.any():
            raise DataError(
                f"column '{column}' holds {int(wrong.sum()):,} {what}, first "
                f"{shown(str(values[wrong].iloc[0]))}. {remedy}"
            )
    different = np.unique(numbers[np.isfinite(numbers)])
    if different.size < 2:
        found = f"one value only, {different[0]:g}" if different.size else "no value at all"
        raise DataError(
            f"column '{column}' holds {found}, so that nothing can be compared at equal severity. {remedy}"
        )
