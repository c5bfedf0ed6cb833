"""Whether the score is associated with an attribute, and what erasing it changes."""

from dataclasses import replace

import numpy as np
import pytest

from cxraudit.audits.embeddings import score_direction
from cxraudit.audits.embeddings.score_direction import (
    ASSOCIATED,
    ERASED,
    NOT_ASSOCIATED,
    SHIFT,
)
from cxraudit.audits.engine import Engine, to_frame
from cxraudit.audits.verdicts import judged
from cxraudit.schema import BEFORE_ERASURE, COMPLEMENT, OVERALL, Analysis
from cxraudit.settings import AuditSettings
from cxraudit.stats.ranking import auroc
from planted import FINDING, D, embedded_cohort_of, pick, planted_embeddings, the

SETTINGS = AuditSettings(n_resamples=300)


def directions_of(dataset, embedded, attributes=("used",), settings=SETTINGS):
    """Results of the plan of score directions."""
    cohort = embedded_cohort_of(dataset, embedded, settings)
    items = score_direction.plan(settings.seed, cohort, attributes)
    return to_frame(judged(Engine(cohort.cohort).evaluate(items), settings), "simulated")


def test_attributes_are_told_apart_by_what_the_score_does(audited):
    """Along the score, orthogonal to it, in no line, and nowhere."""
    rows = pick(audited.results, analysis=Analysis.ENCODING_USE)

    assert dict(zip(rows["attribute"], rows["verdict"], strict=True)) == {
        "used": "decodable and associated",
        "hidden": "decodable, not associated",
        "curved": "not decodable",
        "absent": "not decodable",
    }


def test_the_answer_rests_on_the_largest_shift(audited):
    """With its interval and p-value, and the probe in words."""
    answer = the(audited.results, analysis=Analysis.ENCODING_USE, attribute="used")
    shift = the(audited.results, analysis=Analysis.SCORE_DIRECTION, attribute="used", metric=SHIFT)

    columns = ["value", "low", "high", "p_value", "p_adjusted", "group", "reference", "n", "method"]
    assert answer[columns].equals(shift[columns])
    assert answer["note"].startswith("linear probe 0.")


def test_a_line_finds_nothing_that_was_erased(audited):
    """The interval of a linear probe holds one half after erasure."""
    rows = pick(
        audited.results,
        analysis=Analysis.ERASURE,
        condition=ERASED,
        metric="linear_probe_auroc",
        reference="",
    )

    assert set(rows["attribute"]) == {"used", "hidden", "curved", "absent"}
    for row in rows.itertuples():
        assert row.low <= 0.5 <= row.high, row.attribute


def test_erasing_what_the_score_does_not_use_changes_nothing(audited):
    """AUROC moves by less than 0.01, with zero in its interval."""
    change = the(
        audited.results,
        analysis=Analysis.ERASURE,
        attribute="hidden",
        metric="auroc",
        reference=BEFORE_ERASURE,
    )

    assert change["low"] <= 0 <= change["high"]
    assert abs(change["value"]) < 0.01


def test_changes_by_erasure_are_tested_and_get_no_verdict(audited):
    """They explain an association that was judged."""
    rows = pick(audited.results, analysis=Analysis.ERASURE, reference=BEFORE_ERASURE)

    assert set(rows["verdict"]) == {""}
    assert rows["p_value"].notna().all()
    assert rows[["p_adjusted", "margin"]].isna().all().all()


@pytest.fixture(scope="module")
def algebra(coarse_probes):
    """δ and Σ of 40,000 images, and the rows of 3,000 others."""
    many, large = planted_embeddings(50, 20_000)
    return many, large.vectors.astype(float), directions_of(*planted_embeddings(51, 1500))


def test_auroc_after_erasing_is_what_algebra_says(algebra):
    """The erased score is linear, too: ⟨x, d − Σ⁻¹δ (δᵀd) / (δᵀΣ⁻¹δ)⟩, with δ and Σ of other images."""
    many, x, rows = algebra
    label = many.images[FINDING].to_numpy() == 1
    used = many.images["used"].to_numpy() == "yes"
    sigma, delta = np.cov(x.T), x[used].mean(0) - x[~used].mean(0)
    direction = np.eye(D)[0]
    whitened = np.linalg.solve(sigma, delta)
    left = direction - whitened * (delta @ direction) / (delta @ whitened)
    expected = auroc(label, x @ left) - auroc(label, x @ direction)

    change = the(rows, analysis=Analysis.ERASURE, metric="auroc", reference=BEFORE_ERASURE)

    assert change["low"] < expected < change["high"]
    assert change["high"] < 0 or change["low"] > 0


def test_the_change_of_a_gap_by_erasure_has_an_interval(algebra):
    """Of the group and all others, after − before."""
    row = the(algebra[-1], metric="auroc_gap", reference=BEFORE_ERASURE, group="yes")

    assert row["low"] <= row["value"] <= row["high"]


@pytest.fixture(scope="module")
def shifted(coarse_probes):
    """4,000 images, and their rows."""
    dataset, embedded = planted_embeddings(3, 2000)
    return embedded.vectors.astype(float), directions_of(dataset, embedded)


def test_the_shift_is_the_planted_step(shifted):
    """0.5 over the standard deviation of the score, given the label; a disparity."""
    x, rows = shifted

    row = the(rows, metric=SHIFT, reference=COMPLEMENT)

    assert row["low"] < 0.5 / x[:, 0].std() < row["high"]
    assert row["verdict"] == "disparity"
    assert row["margin"] == 0.25


def test_the_share_of_variance_is_what_algebra_says(shifted):
    """δ = 0.5 along axes 0 and 1: (dᵀδ)² / (δᵀΣ⁻¹δ · dᵀΣd), with Cov(x, z) = δ/4."""
    x, rows = shifted
    sigma = np.cov(x[:, :2].T)
    delta = np.array([0.5, 0.5]) / 4
    expected = delta[0] ** 2 / (delta @ np.linalg.solve(sigma, delta) * sigma[0, 0])

    row = the(rows, metric="variance_share", finding=FINDING)

    assert row["value"] == pytest.approx(expected, abs=0.06)
    assert row["group"] == OVERALL


def test_the_shift_is_given_the_label(coarse_probes):
    """A group with more of the finding has higher scores, and no shift among images with one label."""
    dataset, embedded = planted_embeddings(9, 600, strength=0.0)
    label = dataset.images[FINDING] == 1
    more = np.where(label.groupby(dataset.images["patient_id"]).transform("any"), "yes", "no")
    dataset = replace(dataset, images=dataset.images.assign(more=more), attributes=("more",))
    score = embedded.vectors[:, 0].astype(float)
    score = (score - score.mean()) / score.std()
    raw = score[more == "yes"].mean() - score[more == "no"].mean()

    row = the(directions_of(dataset, embedded, ["more"]), metric=SHIFT)

    # All images without any finding stand in one group, so that only one label has both sides.
    expected = score[(more == "yes") & ~label].mean() - score[(more == "no") & ~label].mean()
    assert raw > 0.5
    assert row["value"] == pytest.approx(expected, abs=1e-9)
    assert abs(row["value"]) < 0.2


def test_a_label_with_few_patients_on_a_side_has_no_part_in_the_shift(coarse_probes):
    """Where neither label has ten patients on both sides, there is no shift."""
    dataset, embedded = planted_embeddings(9, 200)
    images = dataset.images.copy()
    images[FINDING] = (images["used"] == "yes").astype(float)
    dataset = replace(dataset, images=images)

    rows = directions_of(dataset, embedded)

    assert pick(rows, metric=SHIFT).empty
    assert not pick(rows, metric="variance_share").empty


def test_a_shortcut_s_gap_is_against_all_negatives(coarse_probes):
    """Positives with and without it share the negatives, as in the audit of scores."""
    dataset, embedded = planted_embeddings(9, 200)
    images = dataset.images.copy()
    images.loc[images[FINDING] == 0, "used"] = "no"
    attribute = replace(dataset, images=images)
    shortcut = replace(attribute, attributes=("hidden",), shortcuts=("used",))

    as_attribute, as_shortcut = (
        the(directions_of(one, embedded), metric="auroc_gap", reference=BEFORE_ERASURE)
        for one in (attribute, shortcut)
    )

    assert np.isnan(as_attribute["value"])  # the group has no negatives of its own
    assert np.isfinite(as_shortcut["value"])


@pytest.mark.parametrize(
    ("probe", "shifts", "expected"),
    [
        ("decodable", ["equivalent", "disparity"], ASSOCIATED),
        ("decodable", ["difference of unclear size"], ASSOCIATED),
        ("decodable", ["equivalent", "small difference"], NOT_ASSOCIATED),
        ("decodable", ["equivalent", "inconclusive"], "unclear"),
        ("decodable", ["undefined"], "unclear"),
        ("unclear", ["disparity"], "unclear"),
        ("not decodable", ["disparity"], "not decodable"),
    ],
)
def test_the_answer_follows_from_the_probe_and_the_shifts(probe, shifts, expected):
    """One answer per attribute and finding."""
    assert score_direction.association(probe, shifts) == expected
