"""The groups of an attribute, and which of them are compared with all other groups."""

import numpy as np
import pandas as pd
import pytest

from cxraudit import schema
from cxraudit.audits.groups import comparisons, cross, groups, is_intersection, not_compared, parts
from cxraudit.errors import UnknownNameError
from cxraudit.report.statements import of_model
from cxraudit.schema import Analysis
from cxraudit.settings import AuditSettings
from planted import (
    POINT,
    cohort_of,
    planted_dataset,
    planted_table,
    sample_of_finding,
    whole_audit_of,
)


@pytest.fixture(scope="module")
def frame():
    """Some patients have no sex, some two."""
    table = planted_table(7, n_patients=120)
    table["sex"] = table["sex"].where(table["pid"] % 5 != 0, "")
    table.loc[table.groupby("pid").cumcount().eq(1) & (table["pid"] % 7 == 0), "sex"] = "F"
    table.loc[table.groupby("pid").cumcount().eq(0) & (table["pid"] % 7 == 0), "sex"] = "M"
    return table


def found_groups(frame, attributes, names=groups):
    """Groups of a planted table, by name."""
    cohort = cohort_of(frame, settings=POINT, attributes=attributes)
    sample = sample_of_finding(cohort, frame, "Cardiomegaly")
    return {group.name: group for group in names(cohort, sample, attributes)}, cohort


def test_unknown_and_conflicting_groups_come_last(frame):
    """They are groups with images of their own."""
    found, _ = found_groups(frame, ["sex"])

    assert list(found) == ["female", "male", "conflicting", "unknown"]
    assert all(group.inside.mask.any() for group in found.values())


def test_every_image_is_in_one_group(frame):
    """The masks of an attribute are disjoint and cover the sample."""
    found, _ = found_groups(frame, ["race"])

    assert (np.sum([group.inside.mask for group in found.values()], axis=0) == 1).all()


def test_all_other_groups_are_known_groups(frame):
    """Unknown and conflicting images are in no reference."""
    found, _ = found_groups(frame, ["sex"])

    assert found["female"].outside == found["male"].inside
    assert found["male"].outside == found["female"].inside


def test_unknown_and_conflicting_groups_are_not_compared(frame):
    """Only known groups are."""
    found, _ = found_groups(frame, ["sex"], comparisons)

    assert list(found) == ["female", "male"]


def test_a_group_without_others_is_not_compared(frame):
    """All women: nothing to compare with."""
    found, _ = found_groups(frame.assign(sex="F"), ["sex"], comparisons)

    assert found == {}


def test_ages_are_in_order_of_age(frame):
    """Not of their names."""
    found, _ = found_groups(frame, ["age_group"])

    assert list(found) == ["18-25", "25-50", "50-65", "65-80", "80+"]


def test_an_intersection_has_a_group_per_combination(frame):
    """Named by its parts; unknown where one of them is unknown or conflicting."""
    found, cohort = found_groups(frame, ["sex*race"])

    known = {f"{sex}, {race}" for sex in ("female", "male") for race in ("asian", "black", "white")}
    assert set(found) == known | {"unknown"}
    unknown = cohort.images["sex"].isin(["unknown", "conflicting"])
    assert found["unknown"].inside.mask.tolist() == unknown.tolist()


def test_groups_are_named_as_text(frame):
    """Whole numbers without a point, text without blanks around it, nothing as unknown."""
    dataset = planted_dataset(frame)
    values = [[2.0, " ICU ", None, "", 1.5][k % 5] for k in range(len(frame))]
    dataset.images["ward"] = np.array(values, dtype=object)

    named = cross(dataset, ["ward"]).images["ward"]

    assert named.head(5).tolist() == ["2", "ICU", "unknown", "unknown", "1.5"]


@pytest.mark.parametrize("attribute", ["sexx", "sex*sexx"])
def test_an_attribute_that_is_no_column_is_refused(frame, attribute):
    """With the name that may have been meant."""
    with pytest.raises(UnknownNameError, match=r"no attribute named 'sexx'. Did you mean 'sex'"):
        cross(planted_dataset(frame), [attribute])


def test_parts_of_an_intersection():
    """The columns it is made of."""
    assert parts("sex*age_group") == ["sex", "age_group"]
    assert is_intersection("sex*age_group")
    assert not is_intersection("sex")


OUR_WORDS = (
    *(schema.COMPLEMENT, schema.EACH_OTHER, schema.WITH, schema.WITHOUT, schema.CHANCE),
    *(schema.UNEDITED, *schema.CONTROLS, schema.POSITIVES, schema.NEGATIVES, schema.CONFLICTING),
    *(schema.OBSERVED, schema.INDEPENDENT, schema.BEFORE_ERASURE, schema.MEAN_FINDING),
    *(schema.ALL_PATIENTS, "bpsn", "bnsp", "rest", "m", "yes", "no", "female", "drain"),
)
"""What our results hold in the columns of groups and references, and other names of the audit."""


@pytest.fixture(scope="module")
def named_like_ours():
    """Audits of one cohort: groups are called like words of ours, or by numbers in the same order."""
    frame = planted_table(9, n_patients=500)
    group = (frame["pid"] * 7919) % len(OUR_WORDS)
    words = sorted(OUR_WORDS)
    numbers = [f"group {number:02d}" for number in range(len(words))]
    found = []
    for names in (words, numbers):
        settings = AuditSettings(
            n_resamples=100,
            min_patients=3,
            all_pairs=True,
            references={"race": names[words.index(schema.COMPLEMENT)]},
        )
        table = frame.assign(race=np.array(names)[group])
        found.append(whole_audit_of(table, settings=settings, attributes=["race", "sex"]))
    shown = [f"{word} (group)" if word == schema.CONFLICTING else word for word in words]
    return (*found, dict(zip(shown, numbers, strict=True)))


def test_groups_may_be_called_like_words_of_ours(named_like_ours):
    """Every number, verdict and reason is the same: results distinguish groups by their columns."""
    ours, neutral, names = named_like_ours
    by_group = {Analysis.REFERENCE_GROUP, Analysis.GROUP_PAIRS}

    results = ours.results
    of_race = results["attribute"] == "race"
    group = results["group"].where(~of_race, results["group"].replace(names))
    reference = results["reference"].where(
        ~results["analysis"].isin(by_group) | ~of_race, results["reference"].replace(names)
    )
    renamed = results.assign(group=group, reference=reference)

    pd.testing.assert_frame_equal(renamed, neutral.results, rtol=0, atol=1e-12)


def test_statements_on_groups_called_like_words_of_ours_are_the_same(named_like_ours):
    """As many, of the same tones."""
    ours, neutral, _ = named_like_ours

    first, second = ([one.tone for one in of_model(audit, "m")] for audit in (ours, neutral))

    assert first == second


def test_an_attribute_without_two_known_groups_is_named():
    """Nothing is compared by it, which would else show in what is missing only."""
    images = pd.DataFrame(
        {"sex": ["female", "male"], "ward": ["ICU", "unknown"], "race": ["unknown", "conflicting"]}
    )

    ward, race = not_compared(images, ["sex", "ward", "race"])

    assert (ward.about, race.about) == ("attribute 'ward'", "attribute 'race'")
    assert ward.sentence.startswith("One group only ('ICU') among the audited images")
    assert race.sentence.startswith("No known group")
