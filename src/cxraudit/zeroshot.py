"""Zero-shot scores from embeddings and prompts."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from cxraudit.models.base import Embeddings, ImageTextModel
from cxraudit.prompts import PromptSet
from cxraudit.prompts.bank import wordings
from cxraudit.prompts.wordings import Phrase
from cxraudit.schema import check_scores


def prompt_directions(
    model: ImageTextModel, findings: Sequence[str], prompts: PromptSet
) -> NDArray[np.float32]:
    """Return t₊ − t₋ of each finding, shape (n_findings, embedding_dim).

    Every distinct prompt is encoded once; a model whose text embeddings depend on each other may define
    ``pair_directions``, which encodes each pair together, as its published wrapper does.
    """
    return pair_directions(model, [prompts.pair(finding) for finding in findings])


def pair_directions(model: ImageTextModel, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
    """Return t₊ − t₋ of each pair of prompts, shape (n_pairs, embedding_dim)."""
    if hasattr(model, "pair_directions"):
        return model.pair_directions(pairs)
    texts = list(dict.fromkeys(text for pair in pairs for text in pair))
    embedded = dict(zip(texts, model.encode_texts(texts), strict=True))
    return np.stack([embedded[positive] - embedded[negative] for positive, negative in pairs])


def pair_embeddings(model: ImageTextModel, pair: tuple[str, str]) -> Embeddings:
    """Return t₊ and t₋ of one pair of prompts, shape (2, embedding_dim), as `pair_directions` takes them."""
    return model.encode_pair(pair) if hasattr(model, "encode_pair") else model.encode_texts(pair)


LONG_PROMPT = 12
"""Words from which on a prompt can be longer than what a model reads; most read 64 tokens or more."""


def cut_prompts(model: ImageTextModel, texts: Sequence[str]) -> list[str]:
    """Return the texts whose end has no influence on the embedding: they are longer than the model reads.

    Parameters
    ----------
    model : ImageTextModel
        The model that embeds them.
    texts : sequence of str
        Prompts; those of fewer than `LONG_PROMPT` words are not checked.

    Returns
    -------
    list of str
        Each once, in the order of `texts`.
    """
    long = [one for one in dict.fromkeys(texts) if len(one.split()) >= LONG_PROMPT]
    if not long:
        return []
    shorter = [one.rsplit(maxsplit=1)[0] for one in long]
    whole, without = np.split(model.encode_texts([*long, *shorter]), 2)
    same = np.abs(whole - without).max(axis=1) < 1e-6
    return [one for one, equal in zip(long, same, strict=True) if equal]


def direction_table(
    model: ImageTextModel, findings: Sequence[str], prompts: PromptSet, *, name: str
) -> pd.DataFrame:
    """Return the directions of the prompts used for the scores, and of the prompt bank.

    Returns
    -------
    pandas.DataFrame
        One row per model, finding and pair of prompts: ``pair`` (its name), ``positive``,
        ``negative``, ``in_bank``, ``direction`` (t₊ − t₋, a list of float32).
    """
    scored = [(prompts.name, finding, *prompts.pair(finding), False) for finding in findings]
    bank = [
        (pair.name, finding, pair.positive, pair.negative, True)
        for finding in findings
        for pair in wordings(finding)
    ]
    table = pd.DataFrame(
        scored + bank, columns=["pair", "finding", "positive", "negative", "in_bank"]
    )
    directions = pair_directions(
        model, list(zip(table["positive"], table["negative"], strict=True))
    )
    return table.assign(model=name, direction=list(directions))


def wording_table(
    model: ImageTextModel,
    findings: Sequence[str],
    prompts: PromptSet,
    phrases: Sequence[Phrase],
    *,
    name: str,
) -> pd.DataFrame:
    """Return the directions of the prompts with further words around both.

    Returns
    -------
    pandas.DataFrame
        One row per finding and phrase: ``model``, ``finding``, ``pair`` (name of the phrase), ``kind``,
        ``attribute``, ``group``, ``years``, ``text``, ``source``, ``positive``, ``negative``, ``direction``.

    Raises
    ------
    TextError
        If the model takes no text as long as one of these.
    """
    rows = [
        {
            "finding": finding,
            "pair": phrase.name,
            **{one: getattr(phrase, one) for one in PHRASE_COLUMNS},
            "positive": phrase.around(positive),
            "negative": phrase.around(negative),
        }
        for finding in findings
        for positive, negative in [prompts.pair(finding)]
        for phrase in phrases
    ]
    table = pd.DataFrame(rows)
    directions = pair_directions(
        model, list(zip(table["positive"], table["negative"], strict=True))
    )
    return table.assign(model=name, direction=list(directions))


PHRASE_COLUMNS = ("kind", "attribute", "group", "years", "text", "source")
"""What a table of directions says of a phrase, besides its name."""


def zero_shot_scores(
    index: pd.DataFrame,
    embeddings: Embeddings,
    model: ImageTextModel,
    findings: Sequence[str],
    prompts: PromptSet,
    *,
    name: str | None = None,
) -> pd.DataFrame:
    """Score every image for every finding.

    The softmax over the two prompts of a finding is the logistic function of the difference of their
    scaled cosine similarities, so all scores follow from one matrix product.

    Parameters
    ----------
    index : pandas.DataFrame
        ``image_id`` and ``ok`` per row of `embeddings`, as `EmbeddingStore.read` returns it.
    embeddings : numpy.ndarray of float32, shape (n_images, embedding_dim)
        Unit rows; images that are not ``ok`` have no score.
    model : ImageTextModel
        The model of the embeddings; it encodes the prompts.
    findings : sequence of str
        Findings to score.
    prompts : PromptSet
        The two prompts of each finding.
    name : str, optional
        Name of the model in the table; default: that of its card.

    Returns
    -------
    pandas.DataFrame
        A scores table: one row per image and finding; scores in [0, 1].
    """
    ok = index["ok"].to_numpy(dtype=bool)
    scores = scores_along(
        index.loc[ok, "image_id"].to_numpy(),
        embeddings[ok],
        findings,
        prompt_directions(model, findings, prompts),
        model.logit_scale,
    )
    return check_scores(scores.assign(model=name or model.card.name, prompt_set=prompts.name))


def scores_along(
    image_ids: NDArray[Any],
    embeddings: Embeddings,
    findings: Sequence[str],
    directions: Embeddings,
    logit_scale: float,
) -> pd.DataFrame:
    """Score images along the directions of findings.

    Parameters
    ----------
    image_ids : numpy.ndarray, shape (n_images,)
        Of the embeddings.
    embeddings : numpy.ndarray of float32, shape (n_images, embedding_dim)
        Unit rows.
    findings : sequence of str
        Findings to score.
    directions : numpy.ndarray of float32, shape (n_findings, embedding_dim)
        t₊ − t₋ of each finding.
    logit_scale : float
        Factor before the logistic function; NaN where it is not known: scores are then the differences of
        two cosines themselves.

    Returns
    -------
    pandas.DataFrame
        ``image_id``, ``finding`` and ``score``, one row per image and finding.
    """
    # float64 after the product: in float32 the logistic function would tie images that differ.
    along = (embeddings @ directions.T).astype(np.float64)
    scores = along if math.isnan(logit_scale) else expit(along * logit_scale)
    table = pd.DataFrame(scores, columns=list(findings))
    table.insert(0, "image_id", image_ids)
    return table.melt(id_vars="image_id", var_name="finding", value_name="score")
