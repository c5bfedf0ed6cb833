"""Scores with and without further words in the prompts: of embeddings, or of a table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxraudit.audits.embeddings.cohort import ModelEmbeddings
from cxraudit.audits.wordings.variants import phrases_of
from cxraudit.datasets.base import NO_GROUP, Dataset, age_group
from cxraudit.datasets.values.demographics import sexes
from cxraudit.datasets.values.text import plain
from cxraudit.errors import DataError, short
from cxraudit.notices import Notice, counted
from cxraudit.prompts.wordings import DEMOGRAPHIC, Phrase
from cxraudit.schema import VARIANT
from cxraudit.vocabulary import ATTRIBUTES, attribute_name

Scores = NDArray[np.float64]

_NEAR = 2
"""Years from the age that words name, of the patients whose group they are about."""


@dataclass(frozen=True, slots=True)
class WordedScores:
    """The scores of one finding, without and with words."""

    base: Scores
    """Shape (n_images,); NaN where an image has none."""
    phrases: tuple[Phrase, ...]
    worded: Scores
    """Shape (n_phrases, n_images)."""


@dataclass(frozen=True, slots=True)
class Worded:
    """One model that scored images with several wordings."""

    model: str
    prompt_set: str
    image_ids: NDArray[np.str_]
    findings: tuple[str, ...]
    of: Callable[[str], WordedScores]
    """Finding → its scores."""


def of_embeddings(embedded: ModelEmbeddings, prompt_set: str) -> Worded:
    """Score embeddings along the directions of the prompts, with and without words."""
    base = {pair.finding: pair for pair in embedded.prompts}
    named = {one.pair.finding for one in embedded.wordings}

    def of(finding: str) -> WordedScores:
        own = [one for one in embedded.wordings if one.pair.finding == finding]
        directions = np.stack([base[finding].direction, *(one.pair.direction for one in own)])
        scores = directions.astype(np.float64) @ embedded.vectors.astype(np.float64).T
        return WordedScores(scores[0], tuple(one.phrase for one in own), scores[1:])

    findings = tuple(finding for finding in base if finding in named)
    return Worded(embedded.model, prompt_set, embedded.image_ids, findings, of)


def of_tables(scores: pd.DataFrame, worded: pd.DataFrame) -> list[Worded]:
    """Take the scores of every model and prompt set out of tables.

    Parameters
    ----------
    scores : pandas.DataFrame
        See `cxraudit.schema.SCORE_COLUMNS`.
    worded : pandas.DataFrame
        The same with the columns of `cxraudit.schema.VARIANT_COLUMNS`, without the rows that are audited.
    """
    return [
        _of_table(str(model), str(prompt_set), scores, part)
        for (model, prompt_set), part in worded.groupby(["model", "prompt_set"], sort=True)
    ]


def _of_table(model: str, prompt_set: str, scores: pd.DataFrame, worded: pd.DataFrame) -> Worded:
    base = scores[(scores["model"] == model) & (scores["prompt_set"] == prompt_set)]
    ids = pd.Index(sorted(set(base["image_id"])))

    def of(finding: str) -> WordedScores:
        rows = worded[worded["finding"] == finding]
        phrases = phrases_of(rows)
        by_variant = dict(iter(rows.groupby(VARIANT, sort=False)))
        own = base[base["finding"] == finding]
        return WordedScores(
            _by_image(own, ids),
            phrases,
            np.stack([_by_image(by_variant[phrase.name], ids) for phrase in phrases]),
        )

    both = sorted(set(base["finding"]) & set(worded["finding"]))
    return Worded(model, prompt_set, ids.to_numpy(dtype=np.str_), tuple(both), of)


def _by_image(rows: pd.DataFrame, ids: pd.Index) -> Scores:
    return rows.set_index("image_id")["score"].reindex(ids).to_numpy(dtype=np.float64)


def with_groups(phrases: Sequence[Phrase], dataset: Dataset) -> tuple[Phrase, ...]:
    """Name attributes and groups as the data do: other spellings, words for a sex, and ages."""
    attributes = {plain(name): name for name in dataset.attributes}
    attributes = {plain(attribute_name(name)): name for name in dataset.attributes} | attributes
    named = [
        replace(one, attribute=attributes.get(plain(one.attribute), one.attribute))
        if one.kind == DEMOGRAPHIC
        else one
        for one in phrases
    ]
    groups = {name: _named_as(name, named, dataset) for name in dataset.attributes}
    return tuple(
        replace(one, group=_group_of(one, dataset))
        if one.years >= 0
        else replace(one, group=groups.get(one.attribute, {}).get(one.group, one.group))
        if one.kind == DEMOGRAPHIC
        else one
        for one in named
    )


def groups_of(dataset: Dataset, attribute: str) -> list[str]:
    """Return the groups of an attribute in the data, without those that are none."""
    found = set(dataset.images[attribute].dropna().astype("str"))
    return sorted(found - set(NO_GROUP))


def _named_as(attribute: str, phrases: Sequence[Phrase], dataset: Dataset) -> dict[str, str]:
    """Return what the data call the groups that words name: but for case and blanks, and as a sex is read."""
    known = groups_of(dataset, attribute)
    given = sorted({one.group for one in phrases if one.attribute == attribute and one.group})
    by_spelling = {plain(name): name for name in known}
    found = {one: by_spelling.get(plain(one), one) for one in given}
    if attribute == "sex":
        try:
            read = sexes(pd.Series(given, dtype="str"), "words for a sex", strict=False).series
        except DataError:  # M of a man or of a *mujer*: left as it stands, and stated
            return found
        as_read = dict(zip(given, read, strict=True))
        found = {
            one: as_read[one] if name not in known and as_read[one] in known else name
            for one, name in found.items()
        }
    return found


def unknown(model: str, phrases: Sequence[Phrase], dataset: Dataset) -> list[Notice]:
    """Return notices on words for attributes and groups that the data do not have.

    Attributes of data sets in general, as words of the package are about, are no mistake where these data
    lack them.
    """
    about = [one for one in phrases if one.kind == DEMOGRAPHIC and one.attribute]
    names = sorted({one.attribute for one in about} - {*dataset.attributes, *ATTRIBUTES})
    without = "so that what they do to their own patients is not compared"
    sentences = [
        (
            sum(one.attribute == name for one in about),
            f"Words for '{short(name)}' in the prompts of {model} are about no attribute of the data "
            f"({', '.join(dataset.attributes) or 'none'}), {without}. Is it one of these?",
        )
        for name in names
    ]
    for name in dataset.attributes:
        known = groups_of(dataset, name)
        own = [one for one in about if one.attribute == name and one.group not in known]
        if own:
            groups = ", ".join(f"'{short(one)}'" for one in sorted({one.group for one in own}))
            sentences.append(
                (
                    len(own),
                    f"Words for {groups} in the prompts of {model} are about no group of {name} in the "
                    f"data ({short(', '.join(known)) or 'none'}), {without}.",
                )
            )
    return [
        Notice(about="prompt wordings", count=count, sentence=sentence)
        for count, sentence in sentences
    ]


def _group_of(phrase: Phrase, dataset: Dataset) -> str:
    """Return the group of most images of patients of about an age; the words' own where there are none."""
    images = dataset.images
    if phrase.attribute not in images:
        return phrase.group
    groups = images[phrase.attribute].astype("str")
    if "age" in images:
        ages = pd.to_numeric(images["age"], errors="coerce")
        near = groups[((ages - phrase.years).abs() <= _NEAR) & ~groups.isin(NO_GROUP)]
        if len(near):
            return str(near.mode().iloc[0])
    usual = age_group(phrase.years)
    return usual if (groups == usual).any() else phrase.group


def incomplete(worded: Worded, finding: str, scores: WordedScores) -> Notice | None:
    """Return a notice on the images that lack a score with some of the wordings; None if there are none."""
    known = np.isfinite(scores.base)
    lacking = known & ~np.isfinite(scores.worded).all(axis=0)
    if not lacking.any():
        return None
    few = [
        phrase.name
        for phrase, row in zip(scores.phrases, scores.worded, strict=True)
        if (known & ~np.isfinite(row)).any()
    ]
    sentence = (
        f"{counted(int(lacking.sum()), 'image')} without a score of {finding} by {worded.model} with "
        f"{counted(len(few), 'wording')} of the prompt, left out of what is compared between wordings."
    )
    return Notice(about="prompt wordings", count=int(lacking.sum()), sentence=sentence)
