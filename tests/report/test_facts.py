"""Settings and counts of a run, in words."""

import pytest
from example_audit import example, overall

from cxraudit.report.facts import Facts, common, facts_of
from cxraudit.settings import AuditSettings


def facts(*, tuning=None, perturbed=None, **settings) -> Facts:
    """Facts of a run with some settings."""
    known = {"patients": 40, "evaluated": 160, "held_out": True}
    return Facts(
        {
            "dataset": {"name": "toy"},
            "images": 1,
            "patients": 1200,
            "settings": AuditSettings(**settings).recorded(),
            "tuning": tuning or known,
            "perturbed": perturbed,
        }
    )


def test_counts_have_their_nouns():
    """Singular and plural, with a separator of thousands."""
    assert facts().counts == "1 image of 1,200 patients"


@pytest.mark.parametrize(
    ("level", "interval", "equivalence", "alpha"),
    [
        (0.95, "95 % interval", "90 % interval", "0.05"),
        (0.8, "80 % interval", "60 % interval", "0.2"),
        (0.999, "99.9 % interval", "99.8 % interval", "0.001"),
    ],
)
def test_levels_follow_from_the_confidence_level(level, interval, equivalence, alpha):
    """Interval, the interval of two one-sided tests, and the level of tests."""
    words = facts(confidence_level=level)

    assert (words.interval, words.equivalence_interval, words.alpha) == (
        interval,
        equivalence,
        alpha,
    )


@pytest.mark.parametrize(
    ("settings", "expected", "drawn", "other"),
    [
        ({}, "each image counts once", "images drawn at random", "if each patient counts once"),
        (
            {"weight": "patient"},
            "each patient counts once",
            "one image of each patient, drawn at random",
            "if each image counts once",
        ),
        (
            {"sampling_weight": "w"},
            "each image counts by its sampling weight (column w)",
            "images drawn in proportion to their sampling weights",
            "if each patient counts by the mean sampling weight of the images",
        ),
        (
            {"sampling_weight": "w", "weight": "patient"},
            "each patient counts by the mean sampling weight of the images (column w)",
            "one image of each patient, drawn in proportion to the sampling weights of the patient's "
            "images, patients counting by the mean of these",
            "if each image counts by its sampling weight",
        ),
    ],
)
def test_what_counts_once_is_stated(settings, expected, drawn, other):
    """Images or patients, by a sampling weight or not; so is the other weighting."""
    words = facts(**settings)

    assert (words.estimand, words.drawn, words.other_weight) == (expected, drawn, other)


def test_the_margin_is_that_of_the_run():
    """As it was declared."""
    assert facts(margin=0.1).margin == "±0.1"


def test_resampling_names_number_unit_level_and_method():
    """All that an interval depends on."""
    words = facts(n_resamples=500, resample="images", confidence_level=0.8, interval="bca", seed=7)

    assert words.resampling == "500 resamples of images, 80 %, expanded BCa; seed 7"
    assert "no" in facts(n_resamples=0).resampling


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "threshold fpr=0.1; probabilities by Platt's map"),
        (
            {"operating_point": "fixed=0.5", "calibration": "as is"},
            "threshold fixed=0.5; scores taken as probabilities",
        ),
        (
            {"operating_point": "none", "calibration": "none"},
            "no threshold; no probabilities",
        ),
    ],
)
def test_the_operating_point_is_the_rule_of_the_run(settings, words):
    """Threshold and probabilities, either of which may be left out."""
    assert facts(**settings).operating_point == words


def test_tuning_names_patients_only_where_some_were_held_out():
    """A fixed threshold is chosen on no patient."""
    fixed = facts(tuning={"patients": 0, "evaluated": 200, "held_out": False})

    assert facts().tuning == "chosen on 40 patients; the other 160 patients are evaluated"
    assert "all 200 patients" in fixed.tuning
    assert "chosen on 0" not in fixed.tuning


def test_perturbed_images_are_counted_where_there_are_any():
    """Zero without perturbations."""
    assert facts(perturbed={"images": 80}).perturbed_images == "80 images"
    assert facts().perturbed_images == "0 images"


def test_audits_that_differ_are_both_named():
    """Each different word once."""
    other = {"settings": AuditSettings(confidence_level=0.8).recorded()}
    audits = [example(overall()), example(overall(), facts=other), example(overall())]

    assert common(audits, "interval") == "95 % interval and 80 % interval"
    assert facts_of(audits[1]).level == 0.8


def given(*sources):
    """Facts of a run with a threshold from each source."""
    words = facts()
    thresholds = [
        {
            "model": "m",
            "finding": f"finding {n}",
            "threshold": 0.3,
            "source": source,
            "patients": 200,
        }
        for n, source in enumerate(sources)
    ]
    return Facts({**words.recorded, "thresholds": thresholds})


def test_given_thresholds_are_named():
    """And, for other findings, the rule."""
    assert given("given", "given in t.csv").operating_point == (
        "threshold given for finding 0 and finding 1; probabilities by Platt's map"
    )
    assert given("given", "fpr=0.1").operating_point.startswith(
        "threshold given for finding 0, fpr=0.1 for others;"
    )


@pytest.mark.parametrize(
    "rules", ["finding 0:tpr=0.9, youden", {"finding 0": "tpr=0.9", "*": "youden"}]
)
def test_rules_of_findings_are_named(rules):
    """With the rule of the others, as text or as a mapping."""
    found = facts(operating_point=rules)

    assert found.operating_point.startswith("threshold tpr=0.9 for finding 0, youden for others;")


def test_a_rule_of_a_finding_is_no_given_threshold():
    """The source of its threshold is the rule."""
    found = given("given", "tpr=0.9", "fpr=0.1")
    settings = {**found.settings, "operating_point": "finding 1:tpr=0.9"}

    named = Facts({**found.recorded, "settings": settings})

    assert named.operating_point.startswith(
        "threshold given for finding 0, tpr=0.9 for finding 1, fpr=0.1 for others;"
    )
    assert len(named.given) == 1


def test_rates_at_given_thresholds_are_those_of_all_patients():
    """Only what was chosen on data leaves its patients out."""
    assert given("given", "fpr=0.1").tuning == (
        "rates at given thresholds are those of all 200 patients; what was chosen on data was chosen on "
        "40 patients, and the other 160 patients are evaluated"
    )
