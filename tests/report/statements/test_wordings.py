"""Sentences on words for groups in prompts."""

import math

import pytest
from example_audit import WORDINGS_FACT, example, wording_changes, wording_rows

from cxraudit.report.statements import Tone, wordings

NAN = math.nan


def stated(*rows, **fact):
    """The one statement on a model."""
    audit = example(
        *rows, wording_changes=wording_changes(), facts={"wordings": [{**WORDINGS_FACT, **fact}]}
    )
    [statement] = wordings.statements(audit, "m")
    return statement


def with_limits(low):
    """Example rows with this lower limit of every ratio."""
    ratios = [r for r in wording_rows() if r["metric"].endswith("_ratio")]
    others = [r for r in wording_rows() if not r["metric"].endswith("_ratio")]
    return [*others, *(r | {"low": low, "high": 9.0} for r in ratios)]


@pytest.mark.parametrize(
    ("low", "headline"),
    [
        (
            1.5,
            "Words for groups in the prompt move AUROC gaps and the mean score further than neutral words do",
        ),
        (0.5, "Words for groups in the prompt: not shown to move anything further"),
    ],
)
def test_what_words_move_is_stated_with_both_kinds(low, headline):
    """The ends, both standard deviations, and how many ratios there are; exploratory."""
    found = stated(*with_limits(low))

    assert found.tone == Tone.EXPLORATORY
    assert found.headline.startswith(headline)
    assert "from −0.030 (“female”) to +0.030 (“male”)" in found.detail
    assert "0.010" in found.detail
    assert "3.0 × neutral" in found.detail
    assert "of 1 (0.0 by chance alone)" in found.detail


def test_one_ratio_beyond_neutral_words_is_no_finding():
    """It may be by chance, and is stated as such."""
    rows = with_limits(0.5)
    rows[-1] |= {"low": 1.5, "p_adjusted": 0.2}

    found = stated(*rows)

    assert "not shown to be beyond neutral words by more than chance" in found.headline
    assert "the mean score 1 of 1" in found.detail


@pytest.mark.parametrize(
    ("metric", "named"),
    [("wording_score_ratio", "the mean score"), ("wording_gap_ratio", "AUROC gaps")],
)
def test_only_kinds_that_are_shown_are_named(metric, named):
    """One ratio beyond chance by its size is enough; another by chance is neither named nor described."""
    rows = [
        row | {"low": 1.5, "p_adjusted": 0.01 if row["metric"] == metric else 0.2}
        if row["metric"].endswith("_ratio")
        else row
        for row in with_limits(0.5)
    ]

    found = stated(*rows)

    assert (
        found.headline
        == f"Words for groups in the prompt move {named} further than neutral words do"
    )
    assert ("AUROC gap of" in found.detail) == (named == "AUROC gaps")


def few_words():
    """Ratios that no number of neutral words judges, and a large change of the mean score without a ratio."""
    rows = [
        row | {"low": NAN, "high": NAN, "p_adjusted": NAN, "reasons": "TOO_FEW_WORDS"}
        if row["metric"].endswith("_ratio")
        else row
        for row in with_limits(0.5)
    ]
    for row in rows:
        if row["metric"] == "wording_score_ratio":
            row |= {"value": NAN, "reasons": "UNDEFINED_VALUE TOO_FEW_WORDS"}
        if row["metric"] == "wording_score_sd":
            row |= {"value": 0.5} if row["condition"] == "sex" else {"value": 0.0, "high": 0.01}
    return rows


def test_words_that_too_few_neutral_ones_stand_beside_are_not_said_to_move_nothing():
    """The largest change is stated, and how many words are needed; no sentence lacks its end."""
    few = [{"words": "sex", "neutral": 10, "needed": 39}]

    found = stated(*few_words(), too_few=few)

    assert found.headline.endswith("too few neutral words to judge what they move")
    assert "the mean score varies" in found.detail
    assert "no ratio, since neutral words move it no further than sampling patients" in found.detail
    assert ": ." not in found.detail
    assert "Words for sex cannot be judged" in found.detail
    assert "10 contrasts" in found.detail
    assert "39 or more are needed" in found.detail


@pytest.mark.parametrize(
    ("adjusted", "low", "is_stated"), [(0.01, 1.5, True), (0.2, 1.5, False), (0.01, 0.5, False)]
)
def test_a_shift_by_own_words_is_stated_only_beyond_chance(adjusted, low, is_stated):
    """Its interval alone is one of several, and any words move scores somewhere, as neutral ones do."""
    rows = [
        row | {"p_adjusted": adjusted} if row["metric"] == "own_words_shift" else row
        for row in with_limits(0.5)
    ]
    [own] = [row for row in rows if row["metric"] == "own_words_shift"]
    names = ("finding", "attribute", "group")
    ratio = next(row for row in rows if row["metric"] == "wording_gap_ratio")
    of_scores = ratio | {name: own[name] for name in names} | {"low": low, "p_adjusted": 0.01}

    found = stated(*rows, of_scores | {"metric": "wording_score_gap_ratio"})

    assert ("move the scores of these by" in found.detail) == is_stated


def test_words_that_cannot_be_judged_are_named_beside_others():
    """In the headline, too, where nothing else is shown."""
    few = [{"words": "race", "neutral": 10, "needed": 39}]

    found = stated(*with_limits(0.5), too_few=few)

    assert found.headline.endswith("do; words for race cannot be judged")


def test_words_that_scores_do_not_distinguish_are_no_sign_of_robustness():
    """With the kinds and the attributes."""
    alike = {"demographic": ["sex"], "neutral": ["day"]}

    found = stated(compared=[], alike=alike)

    assert "do not distinguish them" in found.headline
    assert "words for groups (sex) and neutral words (day)" in found.detail
    assert "Nothing follows" in found.detail


def test_an_audit_without_wordings_has_no_statement():
    """Nor one whose facts are older."""
    assert wordings.statements(example(*wording_rows()), "m") == []
