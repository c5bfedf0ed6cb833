"""Display words of attributes, groups and shortcuts."""

import pytest

from cxraudit.vocabulary import (
    ATTRIBUTES,
    attribute_name,
    group_phrase,
    shortcut_name,
    with_article,
)


@pytest.mark.parametrize(
    ("attribute", "group", "phrase"),
    [
        ("age_group", "80+", "patients aged 80 and over"),
        ("age_group", "under 18", "patients under 18"),
        ("age_group", "25-50", "patients aged 25 to 50"),
        ("sex", "female", "female patients"),
        ("race", "black", "black patients"),
        ("view_position", "LATERAL", "lateral images"),
        ("ward", "ICU", "patients with ward 'ICU'"),
        ("sex*age_group", "female × 80+", "patients (female × 80+)"),
    ],
)
def test_a_group_has_a_phrase_for_sentences(attribute, group, phrase):
    """Shared attributes have phrases of their own; others name column and group."""
    assert group_phrase(attribute, group) == phrase


def test_every_group_of_a_shared_attribute_has_a_phrase():
    """The words of an attribute are those of its groups, or of unknown."""
    for name, attribute in ATTRIBUTES.items():
        assert set(attribute.words) <= {*attribute.groups, "unknown"}
        for group in attribute.groups:
            assert "{" not in group_phrase(name, group)


def test_an_attribute_has_a_label():
    """Intersections join the labels; other columns are named as they are."""
    assert attribute_name("view_position") == "view"
    assert attribute_name("sex*scanner_type") == "sex × scanner type"


@pytest.mark.parametrize(
    ("shortcut", "name"),
    [
        ("drain", "chest drain"),
        ("support_devices", "support devices"),
        ("view_position:AP", "AP view"),
        ("age_group:80+", "age 80+"),
        ("drain:no", "no chest drain"),
        ("drain:yes", "chest drain"),
    ],
)
def test_a_shortcut_has_a_name(shortcut, name):
    """A column, or a group of an attribute."""
    assert shortcut_name(shortcut) == name


def test_the_source_of_labels_is_part_of_the_name_where_it_is_one_only():
    """Annotated labels alone."""
    assert shortcut_name("drain", "annotated") == "chest drain (annotated only)"


def test_articles_follow_the_sound_of_the_first_letter():
    """Also of abbreviations."""
    assert [with_article(name) for name in ("AP view", "PA view", "implant", "drain")] == [
        "an AP view",
        "a PA view",
        "an implant",
        "a drain",
    ]
