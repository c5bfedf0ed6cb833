"""Embeddings of the user's own: scored along their prompts, or by heads where there are none."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from cxraudit.audits.embeddings.checks import checked
from cxraudit.audits.embeddings.cohort import ModelEmbeddings, PromptPair
from cxraudit.audits.embeddings.heads import SHARE, Heads, fit_heads
from cxraudit.datasets.base import Dataset
from cxraudit.datasets.findings import find
from cxraudit.errors import ConfigError, DataError, UnknownNameError, short
from cxraudit.notices import Notice
from cxraudit.schema import SCORE_COLUMNS, records
from cxraudit.store import RECORD, EmbeddingStore
from cxraudit.vectors import read_prompt_vectors, read_vectors
from cxraudit.zeroshot import scores_along

File = str | PathLike[str]


class OwnEmbeddings(NamedTuple):
    """What an audit is made of, with embeddings of the user."""

    dataset: Dataset
    """Without the patients that heads were fitted on."""
    scores: pd.DataFrame
    """Of the embeddings; empty where the user gave scores."""
    embeddings: list[ModelEmbeddings]
    heads: list[Heads]
    files: dict[str, Path]
    notices: tuple[Notice, ...]
    cards: dict[str, dict[str, Any]]
    """Model → its card, of those whose embeddings are in a folder that cxraudit encoded into."""


def own_embeddings(
    dataset: Dataset,
    vectors: Mapping[str, File],
    prompts: Mapping[str, File],
    *,
    ids: File | None,
    image: str | None,
    scored: bool,
    share: float,
    seed: int,
) -> OwnEmbeddings:
    """Read embeddings of images and prompts; score the images, unless there are scores.

    Parameters
    ----------
    dataset : Dataset
        The images.
    vectors, prompts : mapping of str to str or path
        Model → file of its embeddings of images, and of prompts. Models without prompts get heads.
    ids : str or path, optional
        Image ids of a ``.npy`` file.
    image : str, optional
        Column or array of image ids.
    scored : bool
        Whether there are scores already.
    share, seed
        As in `cxraudit.fit_heads`.

    Raises
    ------
    ConfigError
        If prompts are of a model without embeddings.
    DataError
        If a file is not what it should be, or embeddings of images and prompts do not fit each other.
    """
    if other := [name for name in prompts if name not in vectors]:
        known = f"those of {short(', '.join(vectors))}" if vectors else "none"
        raise ConfigError(
            f"there are embeddings of prompts of '{short(other[0])}', but none of its images ({known}). Give "
            "both under one name: --embeddings MODEL=FILE --prompt-embeddings MODEL=FILE."
        )
    directions = {name: read_prompt_vectors(file, model=name) for name, file in prompts.items()}
    scores: list[pd.DataFrame] = []
    notices: list[Notice] = []
    embedded: list[ModelEmbeddings] = []
    for model, file in vectors.items():
        found = read_vectors(file, ids=ids, image=image)
        own = ModelEmbeddings(model, found.image_ids, found.vectors, ())
        if model in directions:
            known, left_out = _known(directions[model].table, dataset, model)
            notices += left_out
            prompts_of_model = {
                "prompts": prompt_pairs(known[~known["in_bank"]]),
                "bank": prompt_pairs(known[known["in_bank"]]),
            }
            own = _at_unit_length(checked(replace(own, **prompts_of_model), dataset))
        embedded.append(own)
    without = [own for own in embedded if not scored and own.model not in directions]
    if not without and share != SHARE:
        raise ConfigError(
            f"a share of {share:g} of the patients is for heads, and none is fitted: there are scores, or "
            "prompts for all models. Leave --head-share out."
        )
    heads, of_heads = _fitted(without, dataset, share, seed)
    notices += of_heads
    for head in heads:  # patients that one of them was fitted on are in no result
        dataset = head.held_out(dataset)
    by_model = {head.model: head for head in heads}
    for number, own in enumerate(embedded):
        if own.model in by_model:
            scores.append(by_model[own.model].scores(own))
            embedded[number] = by_model[own.model].embedded(own)
        elif own.model in directions:
            given = directions[own.model].logit_scale
            used = given if scored else _usable_scale(own, given)
            notices.append(_of_scores(own, given, used, scored=scored))
            if not scored:
                scores.append(_scored(own, dataset, used))
    folders = {model: Path(file) for model, file in vectors.items() if Path(file).is_dir()}
    return OwnEmbeddings(
        dataset,
        pd.concat(scores, ignore_index=True) if scores else pd.DataFrame(),
        embedded,
        heads,
        {f"embeddings of {model}": Path(file) for model, file in vectors.items()}
        | {f"embeddings of {model}": folder / RECORD for model, folder in folders.items()}
        | {f"prompts of {model}": Path(file) for model, file in prompts.items()},
        tuple(notices),
        {model: EmbeddingStore(folder).record()["card"] for model, folder in folders.items()},
    )


def _fitted(
    embedded: Sequence[ModelEmbeddings], dataset: Dataset, share: float, seed: int
) -> tuple[list[Heads], list[Notice]]:
    """Fit heads of several models on the same images, those that all of them have."""
    known = [checked(own, dataset) for own in embedded]
    of_data = dataset.images["image_id"].to_numpy(dtype=np.str_)
    sets = [set(of_data[np.isin(of_data, own.image_ids)]) for own in known]
    common = set.intersection(*sets) if sets else set()
    notices: list[Notice] = []
    if len({len(one) for one in (*sets, common)}) > 1:
        sentence = (
            f"Heads are fitted on images that all models have embeddings of, {len(common):,} of "
            f"{len(set.union(*sets)):,}, so that no model is fitted on more of them."
        )
        hidden = (
            "Heads are fitted on images that all models have embeddings of, so that none is fitted on more "
            "of them."
        )
        notices.append(Notice(about="heads", count=len(common), sentence=sentence, hidden=hidden))
    if sets and not common:
        raise DataError(
            f"the embeddings of {short(', '.join(own.model for own in known))} are of different images, so "
            "that models could not be compared. Audit each on its own."
        )
    shared = np.array(sorted(common), dtype=np.str_)
    heads = []
    for own in known:
        kept = np.isin(own.image_ids, shared)
        part = replace(own, image_ids=own.image_ids[kept], vectors=own.vectors[kept], texts=None)
        heads.append(fit_heads(dataset, part, share=share, seed=seed))
        notices += heads[-1].notices
    return heads, notices


def _known(table: pd.DataFrame, dataset: Dataset, model: str) -> tuple[pd.DataFrame, list[Notice]]:
    """Return the prompts for findings of the data set, by its names; say what is left out.

    Raises
    ------
    UnknownNameError
        If they are for none of them.
    DataError
        If two are for one of them.
    """
    found = pd.Series(
        [find(name, dataset.findings, dataset.aliases) or "" for name in table["finding"]],
        index=table.index,
        dtype="str",
    )
    without = [name for name in dataset.findings if name not in set(found)]
    others = sorted(set(table.loc[found == "", "finding"]))
    if (found == "").all():
        raise UnknownNameError("finding", others[0], dataset.findings)
    scoring = found[~table["in_bank"] & (found != "")]
    if (twice := scoring[scoring.duplicated()]).any():
        names = short(", ".join(table.loc[found == twice.iloc[0], "finding"].unique()))
        raise DataError(
            f"the prompts of {model} for {names} are for one finding, '{twice.iloc[0]}'. Give one pair."
        )
    about = f"prompts of {model}"
    notices = []
    if others:
        sentence = (
            f"Those for {short(', '.join(others))} are not used: no such finding is labelled."
        )
        notices.append(Notice(about=about, count=len(others), sentence=sentence))
    if without:
        sentence = (
            f"There are none for {short(', '.join(without))}, which {model} is not scored for."
        )
        notices.append(Notice(about=about, count=len(without), sentence=sentence))
    known = found != ""
    return table[known].assign(finding=found[known]), notices


SATURATED = 36.0
"""Log odds from which the logistic function is 1 in double precision, so that images would be tied."""


def _usable_scale(embedded: ModelEmbeddings, logit_scale: float) -> float:
    """Return the logit scale; NaN where scores would be tied at 0 or 1, though the cosines are not."""
    directions = np.stack([pair.direction for pair in embedded.prompts])
    furthest = float(np.abs(embedded.vectors @ directions.T).max(initial=0.0)) * logit_scale
    return math.nan if furthest > SATURATED else logit_scale


def _of_scores(embedded: ModelEmbeddings, given: float, used: float, *, scored: bool) -> Notice:
    """Say where the scores of a model with embeddings of prompts are from."""
    if scored:
        sentence = "They serve as directions of the score only; the scores are those of the table."
    else:
        difference = "the difference of the cosines of an image with both prompts"
        of = f"the logistic function of {difference}, times a logit scale of {used:.4g}"
        if math.isnan(given):
            of = f"{difference} (no logit scale is given)"
        elif math.isnan(used):
            of = f"{difference}: with the logit scale of {given:.4g} images would be tied at 0 or 1"
        sentence = f"Scores were computed from them: for each finding, {of}."
    # No number in it counts images.
    return Notice(
        about=f"prompts of {embedded.model}",
        count=len(embedded.prompts),
        sentence=sentence,
        hidden=sentence,
    )


def _at_unit_length(embedded: ModelEmbeddings) -> ModelEmbeddings:
    """Return embeddings divided by their lengths, as cosines are of them."""
    lengths = np.linalg.norm(embedded.vectors, axis=1, keepdims=True)
    # Rows that have it are kept to the bit.
    return replace(
        embedded,
        vectors=np.where(np.abs(lengths - 1) < 1e-6, embedded.vectors, embedded.vectors / lengths),
    )


def _scored(embedded: ModelEmbeddings, dataset: Dataset, logit_scale: float) -> pd.DataFrame:
    """Return a scores table of the images of the data set."""
    kept = np.isin(embedded.image_ids, dataset.images["image_id"].to_numpy(dtype=np.str_))
    table = scores_along(
        embedded.image_ids[kept].astype(str),
        embedded.vectors[kept],
        [pair.finding for pair in embedded.prompts],
        np.stack([pair.direction for pair in embedded.prompts]),
        logit_scale,
    )
    named = table.assign(model=embedded.model, prompt_set=embedded.prompts[0].name)
    return named[list(SCORE_COLUMNS)]


def prompt_pairs(directions: pd.DataFrame) -> tuple[PromptPair, ...]:
    """Return pairs of prompts of the rows of a table; see `cxraudit.zeroshot.direction_table`."""
    return tuple(
        PromptPair(
            row["pair"],
            row["finding"],
            row["positive"],
            row["negative"],
            np.asarray(row["direction"], dtype=np.float32),
        )
        for row in records(directions)
    )
