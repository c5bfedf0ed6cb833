"""Sentences on words for groups in prompts."""

import pytest
from example_audit import WORDINGS_FACT, example, wording_changes, wording_rows

from cxraudit.report.statements import Tone, wordings


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
        (1.5, "Words for groups in the prompt move AUROC gaps further than neutral words do"),
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
    assert "Of 2 ratios to neutral words" in found.detail


def test_one_ratio_beyond_neutral_words_is_no_finding():
    """It may be by chance, and is stated as such."""
    rows = with_limits(0.5)
    rows[-1] |= {"low": 1.5}

    found = stated(*rows)

    assert "about as often as by chance" in found.headline
    assert "1 is above 1" in found.detail


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
