"""Specifications are checked, and name their effects."""

import pytest

from cxraudit.errors import ConfigError
from cxraudit.phantom.spec import PhantomSpec
from cxraudit.settings import options


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"n_patients": 0}, "n_patients must be at least 1 and at most 1,000,000, got 0"),
        ({"images_per_patient": 0.5}, "images_per_patient must be at least 1"),
        ({"finding_contrast": {"90+": 0.5}}, "names 90\\+"),
        ({"drain_otherwise": 1.5}, "drain_otherwise must be at least 0 and at most 1"),
        ({"record_noise": -0.1}, "record_noise must be"),
        ({"prevalence": {"Pneumothorax": 1.5}}, "prevalence of Pneumothorax must be at most 1"),
        ({"finding_contrast": {"80+": -1.0}}, "0 or more"),
        ({"image_size": 8}, "image_size must be at least 64 and at most 3,072"),
    ],
)
def test_an_impossible_specification_is_refused(fields, match):
    """The message names the field and the value."""
    with pytest.raises(ConfigError, match=match):
        PhantomSpec(**fields)


@pytest.mark.parametrize(
    ("fields", "planted"),
    [
        ({}, {"age_group", "drain"}),
        ({"finding_contrast": {}}, {"drain"}),
        ({"finding_contrast": {"80+": 1.0}}, {"drain"}),
        ({"finding_contrast": {"female": 0.5}}, {"sex", "drain"}),
        ({"drain_visibility": 0.0}, {"age_group"}),
        ({"drain_given_pneumothorax": 0.03}, {"age_group"}),
    ],
)
def test_known_effects_are_those_that_differ_between_groups(fields, planted):
    """An effect that is the same in all groups is none."""
    found = PhantomSpec(**fields).planted

    assert {name for name, differs in found.items() if differs} == planted


def test_every_field_has_a_help_text():
    """The command line and the documentation can be made from it."""
    assert all(option.help for option in options(PhantomSpec))
