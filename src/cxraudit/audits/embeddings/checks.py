"""What embeddings and severity have to be, before anything is computed of them."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxraudit.audits.embeddings.cohort import ModelEmbeddings, PromptPair, Vectors
from cxraudit.audits.embeddings.score_direction import numbers_of
from cxraudit.datasets.base import Dataset
from cxraudit.errors import DataError, UnknownNameError, short, shown
from cxraudit.notices import Notice, counted
from cxraudit.settings import AuditSettings

SHORTEST, LONGEST = 1e-6, 1e6
"""Lengths of embeddings: beyond, distances and variances are no numbers of single precision."""


def checked(embedded: ModelEmbeddings, dataset: Dataset) -> ModelEmbeddings:
    """Return embeddings as numbers of single precision, if they fit images and prompts.

    Raises
    ------
    DataError
        With what is wrong, how often, and the first image.
    """
    about = f"the embeddings of {embedded.model}"
    ids = np.asarray(embedded.image_ids).astype(np.str_)
    vectors = _as_numbers(embedded.vectors, about)
    texts = None
    if ids.ndim != 1 or vectors.ndim != 2 or len(vectors) != len(ids) or vectors.shape[1] < 2:
        raise DataError(
            f"{about} have the shape {vectors.shape} for {ids.size:,} images. Give one row per image, of two "
            "numbers or more."
        )
    if not ids.size:
        raise DataError(f"{about} are of no image. Encode the images of the data set first.")
    if (repeated := pd.Series(ids).duplicated()).any():
        raise DataError(
            f"{about} have {int(repeated.sum()):,} images twice, first {shown(str(ids[repeated][0]))}. Give "
            "each image once."
        )
    of_data = dataset.images["image_id"].to_numpy(dtype=np.str_)
    if not np.isin(ids, of_data).any():
        raise DataError(
            f"{about} are of {len(ids):,} images, first {shown(str(ids[0]))}, and none of them is in the "
            f"data set {dataset.name}, whose first image is {shown(str(of_data[0]))}. "
            "Give embeddings of its images, with its image ids."
        )
    _check_numbers(vectors, ids, about)
    if embedded.texts is not None:
        of_reports = f"the embeddings of reports of {embedded.model}"
        texts = _as_numbers(embedded.texts, of_reports)
        if texts.shape != vectors.shape:
            raise DataError(
                f"{of_reports} have the shape {texts.shape}, and those of images {vectors.shape}. Give one "
                "row per image of as many numbers, NaN where there is no report."
            )
        known = ~np.isnan(texts).all(axis=1)
        _check_numbers(texts[known], ids[known], of_reports)
        texts = texts if known.any() else None
    found = replace(
        embedded,
        image_ids=ids,
        vectors=vectors,
        texts=texts,
        prompts=tuple(map(_in_numbers, embedded.prompts)),
        bank=tuple(map(_in_numbers, embedded.bank)),
    )
    _check_prompts(found, about)
    return found


def _in_numbers(pair: PromptPair) -> PromptPair:
    return replace(pair, direction=_as_numbers(pair.direction, f"the prompts '{pair.name}'"))


def _as_numbers(values: object, about: str) -> Vectors:
    """Return numbers in single precision; what is too large for it is infinite.

    Raises
    ------
    DataError
        If they are no real numbers.
    """
    if np.ma.is_masked(values):
        raise DataError(
            f"{about} hold masked values. Leave these images out, or fill the values in."
        )
    try:
        given = np.asarray(values)
        if given.dtype.kind not in "fiub":
            raise TypeError(given.dtype)
        with np.errstate(over="ignore"):
            return given.astype(np.float32)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{about} are no table of real numbers ({error}). Give an array of floats."
        ) from error


def left_out(embedded: ModelEmbeddings, dataset: Dataset) -> list[Notice]:
    """Count images without an embedding, and embeddings of images outside the data set."""
    known = dataset.images["image_id"].to_numpy(dtype=np.str_)
    outside = int((~np.isin(embedded.image_ids, known)).sum())
    without = int((~np.isin(known, embedded.image_ids)).sum())
    about = f"embeddings of {embedded.model}"
    found = []
    if outside:
        sentence = (
            f"{counted(outside, 'embedding')} of {embedded.model} {'is' if outside == 1 else 'are'} of "
            "images that are not in the data set, or were left out of it, and not used."
        )
        found.append(Notice(about=about, count=outside, sentence=sentence))
    if without:
        sentence = (
            f"{without:,} of {len(known):,} audited images have no embedding of {embedded.model}; analyses "
            "of embeddings are about the others."
        )
        found.append(Notice(about=about, count=without, sentence=sentence))
    return found


def disagreeing(embedded: ModelEmbeddings, scores: pd.DataFrame) -> list[Notice]:
    """Say which findings are scored otherwise than the embeddings and prompts would.

    Parameters
    ----------
    embedded : ModelEmbeddings
        Embeddings and prompts.
    scores : pandas.DataFrame
        Columns ``image_id``, ``prompt_set``, ``finding`` and ``score``, of the same model.

    Returns
    -------
    list of Notice
        Empty if scores go with ⟨embedding, direction⟩ (rank correlation of `LEAST_AGREEMENT` or more).
    """
    findings = []
    for pair in embedded.prompts:
        along = pd.Series(embedded.vectors @ pair.direction, index=embedded.image_ids)
        own = scores[(scores["finding"] == pair.finding) & scores["image_id"].isin(along.index)]
        # Of several sets of prompts one is that of the directions.
        found = [_agreement(along, part) for _, part in own.groupby("prompt_set")]
        known = [one for one in found if math.isfinite(one)]
        if known and max(known) < LEAST_AGREEMENT:
            findings.append(f"{pair.finding} ({max(known):.2f})")
    if not findings:
        return []
    sentence = (
        f"The scores of {embedded.model} do not follow its embeddings and prompts for "
        f"{short(', '.join(findings))} (rank correlation): analyses of embeddings are about other scores "
        "than the audited ones."
    )
    return [Notice(about=f"embeddings of {embedded.model}", count=len(findings), sentence=sentence)]


def _agreement(along: pd.Series, scores: pd.DataFrame) -> float:
    """Return the rank correlation of scores with products; NaN where either is constant."""
    products = along[scores["image_id"]].to_numpy()
    if len(scores) < 3 or np.ptp(products) == 0 or scores["score"].nunique() < 2:
        return math.nan
    ranks = pd.Series(products).rank()
    return float(ranks.corr(scores["score"].reset_index(drop=True).rank()))


LEAST_AGREEMENT = 0.95
"""Of scores with products of embeddings and prompts; embeddings of unequal lengths change it a little."""


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
    if column in dataset.findings:
        raise DataError(
            f"column '{column}' is a finding, and shifts are adjusted for those anyway. Name another column "
            "as severity, or leave the setting out."
        )
    if values.dtype.kind in "mMc":
        raise DataError(
            f"column '{column}' holds {values.dtype}, not numbers. Give severity as a number, or leave the "
            "setting out."
        )
    try:
        numbers = numbers_of(values)
    except (OverflowError, TypeError) as error:
        raise DataError(
            f"column '{column}' holds what is no number of usual size ({error}). Give severity as a number, "
            "or leave the setting out."
        ) from error
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
