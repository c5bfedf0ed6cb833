"""What is assumed of a study is checked, and a mistake is one sentence."""

import math

import pytest

from cxraudit.errors import ConfigError
from cxraudit.planning.settings import StudyAssumptions, StudyGoals
from cxraudit.settings import AuditSettings


def test_groups_are_sorted_by_attribute():
    """A name may hold an equals sign or a colon of its own."""
    found = StudyAssumptions(
        groups={"sex:female": "0.4", "age:80+": 0.1, "sex:male": 0.6, "x:a:b": 1e-3}
    )

    assert found.attributes == {
        "sex": {"female": 0.4, "male": 0.6},
        "age": {"80+": 0.1},
        "x": {"a:b": 0.001},
    }


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"prevalence": {"Edema": 1}}, "prevalence of 'Edema' must be more than 0 and less than 1"),
        ({"prevalence": {"Edema": "often"}}, "got 'often'"),
        ({"groups": {"female": 0.5}}, "ATTRIBUTE:GROUP=SHARE"),
        ({"groups": {"sex:female": 0.6, "sex:male": 0.5}}, "add up to 1.1"),
        ({"prevalence_ratios": {"sex:female": 2}}, "is that of no group"),
        ({"varying": "view", "groups": {"sex:female": 0.5}}, "varying names view"),
        ({"auroc": 0.4}, "auroc must be more than 0.5"),
        ({"images_per_patient": 0.5}, "at least 1"),
        ({"images_sd": 5}, "images_sd must be 0"),
        ({"images_per_patient": 2.5}, "images_sd is at least 0.5"),
        (
            {
                "prevalence": {"Edema": 0.9},
                "groups": {"sex:female": 0.5},
                "prevalence_ratios": {"sex:female": 3},
            },
            "a prevalence of 135% in sex:female",
        ),
        (
            {
                "prevalence": {"Edema": 0.9},
                "groups": {"sex:female": 0.5},
                "prevalence_ratios": {"sex:female": 0.5},
            },
            "a prevalence of 120% in the other groups of sex",
        ),
        (
            {
                "prevalence": {"Edema": 0.1},
                "groups": {"view:AP": 0.5},
                "prevalence_ratios": {"view:AP": 9},
                "varying": "view",
                "label_correlation": 0.5,
            },
            "correlate by at most 0.3",
        ),
        ({"prevalence": None}, "prevalence must be names with values, got None"),
        ({"groups": ["sex:female"]}, "groups must be names with values"),
        ({"prevalence_ratios": "sex:female=2"}, "prevalence_ratios must be names with values"),
    ],
)
def test_impossible_assumptions_are_refused(given, message):
    """By name, with what was found."""
    with pytest.raises(ConfigError, match=message):
        StudyAssumptions(**given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"gap": 0.05}, "not beyond the margin of 0.05"),
        ({"true_gap": 0.06}, "not within the margin of 0.05"),
    ],
)
def test_goals_that_no_number_of_patients_reaches_are_refused(given, message):
    """Before anything is computed."""
    with pytest.raises(ConfigError, match=message):
        StudyGoals(**given).shown_gap(AuditSettings())


@pytest.mark.parametrize(
    "given",
    [
        {"n_patients": 0},
        {"n_patients": 2.5},
        {"comparisons": True},
        {"gap": 1.5},
        {"gap": "x"},
        {"error_share": 0},
        {"error_share": 5.0},
        {"error_share": -1},
        {"error_share": math.nan},
        {"error_share": "x"},
    ],
)
def test_impossible_goals_are_refused(given):
    """Numbers that count nothing."""
    with pytest.raises(ConfigError, match=next(iter(given))):
        StudyGoals(**given)


def test_the_gap_is_twice_the_margin_by_default():
    """Whatever the margin."""
    assert StudyGoals().shown_gap(AuditSettings(margin=0.08)) == pytest.approx(0.16)
