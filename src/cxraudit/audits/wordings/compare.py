"""How far words of both kinds move something, and the ratio of both."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxraudit.audits.embeddings.prompt_sensitivity import root, variances
from cxraudit.audits.engine import Engine
from cxraudit.audits.plan import (
    Combination,
    Key,
    Tested,
    average,
    joined_phrases,
    key,
    minus,
    unless_finite,
)
from cxraudit.audits.wordings.outcomes import RATIOS, SDS, Outcome, Scored, outcomes, rank_agreement
from cxraudit.audits.wordings.words import Word, compared_words, contrasts
from cxraudit.metrics import METRICS
from cxraudit.prompts.wordings import DEMOGRAPHIC, NEUTRAL, Phrase
from cxraudit.schema import NEUTRAL_WORDS, WORDS_FOR_GROUPS, Analysis, Reason
from cxraudit.stats.compare import MIN_RESAMPLES
from cxraudit.stats.limits import two_sided
from cxraudit.stats.scale_ratio import fewest_others, scale_ratio, size_p_value
from cxraudit.streams import Stream, generator

AGREEMENT, OWN_WORDS = "rank_agreement", "own_words_shift"


def compare(
    engine: Engine,
    found: Scored,
    phrases: Sequence[Phrase],
    words: Sequence[Word],
    attributes: Sequence[str],
) -> tuple[list[Tested], pd.DataFrame]:
    """Compare the words of both kinds by everything they can move.

    Parameters
    ----------
    engine : Engine
        Of the images.
    found : Scored
        Their scores, phrase by phrase.
    phrases : sequence of Phrase
        In the same order.
    words : sequence of Word
        Those that are distinguished, of both kinds.
    attributes : sequence of str
        Attributes whose gaps are followed.

    Returns
    -------
    list of Tested
        Rows of the analysis.
    pandas.DataFrame
        What each word does, with intervals over patients.
    """
    items: list[Tested] = []
    tables: list[pd.DataFrame] = []
    for outcome in outcomes(engine.cohort, found, attributes):
        engine.compute(outcome.changes)
        moved = [average([outcome.changes[place] for place in word.places]) for word in words]
        values = np.stack([engine.value(one).replicates for one in moved])
        items += _of_outcome(engine, found, outcome, words, values)
        if outcome.metric == "wording_score_gap":
            items += _own_words(engine, found, outcome, words, moved)
        tables.append(_listed(engine, found, outcome, phrases, words, moved))
    items += _agreement(engine, found, words)
    return items, pd.concat(tables, ignore_index=True)


def _of_outcome(
    engine: Engine,
    found: Scored,
    outcome: Outcome,
    words: Sequence[Word],
    values: NDArray[np.float64],
) -> Iterator[Tested]:
    """Yield how far neutral words, those for groups, and those for one attribute move something."""
    named = {"attribute": outcome.attribute, "group": outcome.group}
    neutral = _Effects(contrasts(words, NEUTRAL), values)
    yield _spread(engine, found, outcome, neutral, NEUTRAL_WORDS, named)
    for condition, attribute in compared_words(words, outcome.attribute).items():
        effects = _Effects(contrasts(words, DEMOGRAPHIC, attribute), values)
        spread = _spread(engine, found, outcome, effects, condition, named)
        yield spread
        yield _ratio(engine, found, outcome, (effects, neutral), spread.low, condition, named)


class _Effects:
    """Contrasts of words, in the cohort and in every replicate."""

    def __init__(self, rows: NDArray[np.float64], values: NDArray[np.float64]) -> None:
        finite = values[:, np.isfinite(values).all(axis=0)]
        self.enough = finite.shape[1] > MIN_RESAMPLES and bool(np.isfinite(values[:, 0]).all())
        found = rows @ finite
        self.points, draws = found[:, 0], found[:, 1:]
        self.errors = draws - draws.mean(axis=1, keepdims=True) if self.enough else draws
        noise = (self.errors**2).sum(axis=1) / max(1, draws.shape[1] - 1)
        self.squares = self.points**2 - noise
        """Of each contrast, sampling error taken off."""

    @property
    def variance(self) -> float:
        return float(self.squares.mean()) if self.enough else math.nan


def _spread(
    engine: Engine,
    found: Scored,
    outcome: Outcome,
    effects: _Effects,
    condition: str,
    named: dict[str, str],
) -> Tested:
    settings = engine.settings
    low = high = math.nan
    if effects.enough:
        rng = _drawing(engine, SPREADS)
        low, high = variances(
            effects.errors,
            float((effects.points**2).sum()),
            rng,
            confidence_level=settings.confidence_level,
            centred=False,
        )
        low = min(low, max(effects.variance, 0.0))
    value = root(effects.variance)
    metric = SDS[outcome.metric]
    return Tested(
        key=_key(found, condition, named),
        metric=metric,
        cell=outcome.cell,
        value=value,
        low=root(low),
        high=min(root(high), METRICS[metric].high) if math.isfinite(high) else high,
        reasons=() if math.isfinite(value) else (Reason.TOO_FEW_RESAMPLES,),
        method="inverted test of the sum of squares" if effects.enough else "",
        note=f"{len(effects.points)} contrasts of words",
    )


def _ratio(
    engine: Engine,
    found: Scored,
    outcome: Outcome,
    both: tuple[_Effects, _Effects],
    least: float,
    condition: str,
    named: dict[str, str],
) -> Tested:
    """Compare words for groups with neutral ones.

    An exchange takes sampling error for alike in both kinds. Where it is not, words may seem to move further
    that only have a larger error: where `least`, the lower limit of their spread, is 0, so is the ratio's.
    """
    settings = engine.settings
    effects, neutral = both
    if not (effects.enough and neutral.enough):
        return Tested(
            key=_key(found, condition, named),
            metric=RATIOS[outcome.metric],
            cell=outcome.cell,
            reasons=(Reason.TOO_FEW_RESAMPLES,),
        )
    ratio = scale_ratio(
        effects.squares,
        neutral.squares,
        _drawing(engine, SETS),
        confidence_level=settings.confidence_level,
    )
    own, others = len(effects.points), len(neutral.points)
    needed = fewest_others(own, confidence_level=settings.confidence_level)
    few = others < needed
    return Tested(
        key=_key(found, condition, named),
        metric=RATIOS[outcome.metric],
        cell=outcome.cell,
        value=ratio.value,
        low=math.nan if few else ratio.low if least > 0 else 0.0,
        high=math.nan if few else ratio.high,
        p_value=ratio.p_value,
        p_adjusted=math.nan if few else size_p_value(effects.squares, neutral.points**2),
        reasons=(*unless_finite(ratio.value), *([Reason.TOO_FEW_WORDS] if few else [])),
        method="inverted test that exchanges words",
        note=joined_phrases(
            "" if math.isfinite(ratio.value) else "the value does not exist for these images",
            f"{own} against {others} contrasts of words",
            f"an interval needs {needed} of neutral words or more" if few else "",
        ),
    )


def _own_words(
    engine: Engine,
    found: Scored,
    outcome: Outcome,
    words: Sequence[Word],
    moved: Sequence[Combination],
) -> Iterator[Tested]:
    """Yield whether the words for a group raise the scores of its own patients more than of others."""
    about = [
        (word.name == outcome.group, one)
        for word, one in zip(words, moved, strict=True)
        if word.kind == DEMOGRAPHIC and word.attribute == outcome.attribute
    ]
    own, others = ([one for is_own, one in about if is_own == side] for side in (True, False))
    if not own or not others:
        return
    shift = minus(average(own), average(others))
    estimate = engine.estimate(shift, OWN_WORDS)
    p_value = two_sided(estimate.value, engine.value(shift).standard_error)
    yield Tested(
        key=_key(
            found, outcome.attribute, {"attribute": outcome.attribute, "group": outcome.group}
        ),
        metric=OWN_WORDS,
        cell=outcome.cell,
        value=estimate.value,
        low=estimate.low,
        high=estimate.high,
        p_value=p_value,
        p_adjusted=p_value,  # over all of a model, later
        reasons=unless_finite(estimate.value),
        method=estimate.method,
    )


def _agreement(engine: Engine, found: Scored, words: Sequence[Word]) -> Iterator[Tested]:
    """Yield the mean rank correlation with the scores without words, for both kinds."""
    for kind, condition in ((DEMOGRAPHIC, WORDS_FOR_GROUPS), (NEUTRAL, NEUTRAL_WORDS)):
        places = [place for word in words if word.kind == kind for place in word.places]
        each = [rank_agreement(found, [place]) for place in places]
        estimate = engine.estimate(average(each), AGREEMENT)
        lowest = min(engine.value(one).value for one in each)
        yield Tested(
            key=_key(found, condition, {}),
            metric=AGREEMENT,
            cell=found.base.everything,
            value=estimate.value,
            low=estimate.low,
            high=estimate.high,
            reasons=unless_finite(estimate.value),
            method=estimate.method,
            note=f"{len(places)} wordings; lowest {lowest:.3f}",
        )


def _listed(
    engine: Engine,
    found: Scored,
    outcome: Outcome,
    phrases: Sequence[Phrase],
    words: Sequence[Word],
    moved: Sequence[Combination],
) -> pd.DataFrame:
    estimates = [engine.estimate(one, SDS[outcome.metric]) for one in moved]
    return pd.DataFrame(
        {
            "model": found.base.model,
            "finding": found.base.finding,
            "kind": [word.kind for word in words],
            "words_attribute": [word.attribute for word in words],
            "words_group": [word.name for word in words],
            "wordings": [" | ".join(phrases[p].name for p in word.places) for word in words],
            "metric": outcome.metric,
            "attribute": outcome.attribute,
            "group": outcome.group,
            "value": [one.value for one in estimates],
            "low": [one.low for one in estimates],
            "high": [one.high for one in estimates],
        }
    )


def _key(found: Scored, condition: str, named: dict[str, str]) -> Key:
    return key(found.base, Analysis.WORDING, condition=condition, **named)


SPREADS, SETS = 0, 1
"""What is drawn: deviations of words, and sets of contrasts."""


def _drawing(engine: Engine, what: int) -> np.random.Generator:
    return generator(Stream.WORDINGS, engine.settings.seed, what)
