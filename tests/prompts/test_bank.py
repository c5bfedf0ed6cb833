"""The bank of prompt pairs has no faulty pair, and faults are found."""

import pytest

from cxraudit.datasets.base import FINDINGS
from cxraudit.prompts.bank import lint, wordings


@pytest.mark.parametrize(
    ("positive", "negative", "fault"),
    [
        ("No Finding", "no No Finding", "two negations"),
        ("Chest No Finding", "Chest No findings", "the same meaning"),
        ("no edema", "edema", "positive prompt has a negation"),
        ("without edema", "no edema", "both prompts have a negation"),
    ],
)
def test_a_faulty_pair_is_described(positive, negative, fault):
    """Two negations, the same meaning, or a negation in the positive prompt."""
    assert fault in lint(positive, negative)


def test_a_pair_without_a_fault_has_no_description():
    """One prompt affirms, the other denies."""
    assert lint("There is edema.", "No evidence of edema.") == ""


@pytest.mark.parametrize("finding", [*FINDINGS, "Edema"])
def test_the_bank_has_no_faulty_pair(finding):
    """For the six findings, and for one without synonyms."""
    pairs = wordings(finding)

    assert len(pairs) == (32 if finding in FINDINGS else 16)
    assert len({pair.name for pair in pairs}) == len(pairs)
    assert not any(lint(pair.positive, pair.negative) for pair in pairs)


def test_no_finding_has_no_pair_in_the_bank():
    """Its name is a negation."""
    assert wordings("No Finding") == []
