"""Distances of mean embeddings, tested by exchanging patients."""

from dataclasses import replace

import numpy as np
import pytest

from cxraudit.audits.embeddings.centroids import N_PERMUTATIONS, compare_centroids
from cxraudit.audits.engine import Engine, to_frame
from cxraudit.schema import COMPLEMENT, Analysis
from cxraudit.settings import AuditSettings
from planted import FINDING, D, embedded_cohort_of, pick, planted_embeddings, the

POINT = AuditSettings(n_resamples=0)


def compared(cohort, attributes=("used", "absent")):
    """Rows and curves."""
    items, curves = compare_centroids(cohort, attributes)
    return to_frame(Engine(cohort.cohort).evaluate(items), "simulated"), curves


@pytest.fixture(scope="module")
def cohort():
    """300 patients with images and reports; ten images have none."""
    dataset, embedded = planted_embeddings(0, 300)
    texts = embedded.vectors + np.eye(D, dtype=np.float32)[9]
    texts[:10] = np.nan
    return embedded_cohort_of(dataset, replace(embedded, texts=texts), POINT)


@pytest.fixture(scope="module")
def found(cohort):
    """Rows and curves of an attribute that is there and of one that is not."""
    return compared(cohort)


def means(cohort, attribute):
    """Embeddings of the group and of all other groups."""
    inside = cohort.column(attribute) == "yes"
    x = cohort.vectors.astype(float)
    return x[inside], x[~inside]


def test_the_distance_is_in_pooled_standard_deviations(cohort, found):
    """By numpy: the difference of the means over the root of the variance within the groups."""
    first, second = means(cohort, "used")
    within = (first.var(axis=0).sum() * len(first) + second.var(axis=0).sum() * len(second)) / (
        len(first) + len(second)
    )

    row = the(found[0], metric="centroid_distance", attribute="used")

    expected = np.linalg.norm(first.mean(axis=0) - second.mean(axis=0)) / np.sqrt(within)
    assert row["value"] == pytest.approx(expected, abs=1e-9)
    assert (row["group"], row["reference"]) == ("yes", COMPLEMENT)
    assert row["n"] == len(first)


def test_means_that_lie_apart_are_found_and_others_are_not(found):
    """By exchange of patients; the note says how far they lie apart by chance."""
    used, absent = (
        the(found[0], metric="centroid_distance", attribute=name) for name in ("used", "absent")
    )

    assert used["p_value"] == 1 / (N_PERMUTATIONS + 1)
    assert absent["p_value"] > 0.05
    assert absent["value"] == pytest.approx(float(absent["note"].split()[-1]), abs=0.1)


def test_the_cosine_is_that_of_means_and_prompts(cohort, found):
    """1 where the groups differ along the prompt direction."""
    first, second = means(cohort, "used")
    difference = first.mean(axis=0) - second.mean(axis=0)

    row = the(found[0], metric="prompt_cosine", attribute="used", finding=FINDING)

    assert row["value"] == pytest.approx(difference[0] / np.linalg.norm(difference), abs=1e-6)


def test_the_modality_gap_is_of_images_with_a_report(cohort, found):
    """Reports lie one unit from their images."""
    row = the(found[0], metric="modality_gap")

    assert row["value"] == pytest.approx(1, abs=1e-5)
    assert row["n"] == len(cohort.rows) - 10
    assert row["attribute"] == ""


def test_without_reports_there_is_no_modality_gap():
    """Nor a row of it."""
    cohort = embedded_cohort_of(*planted_embeddings(0, 100), POINT)

    assert pick(compared(cohort)[0], metric="modality_gap").empty


def test_curves_are_sorted_differences_with_their_band(cohort, found):
    """Of every dimension; where there is nothing, most lie in the band."""
    first, second = means(cohort, "absent")
    expected = np.sort(np.abs(first.mean(axis=0) - second.mean(axis=0)))[::-1]

    curve = pick(found[1], attribute="absent")

    assert curve["rank"].tolist() == list(range(1, D + 1))
    assert curve["value"].to_numpy() == pytest.approx(expected, abs=1e-9)
    assert ((curve["low"] <= curve["value"]) & (curve["value"] <= curve["high"])).mean() > 0.8


def test_the_band_is_left_where_the_groups_differ(found):
    """The largest difference lies far above it."""
    curve = pick(found[1], attribute="used", rank=1).iloc[0]

    assert curve["value"] > 2 * curve["high"]


@pytest.mark.parametrize("level", [0.6, 0.95])
def test_the_band_is_at_the_level_of_the_settings(level):
    """As many of the permuted differences lie in it."""
    dataset, embedded = planted_embeddings(0, 200)
    cohort = embedded_cohort_of(
        dataset, embedded, AuditSettings(n_resamples=0, confidence_level=level)
    )
    _, curves = compared(cohort, ["absent"])
    half = embedded_cohort_of(
        dataset, embedded, AuditSettings(n_resamples=0, confidence_level=0.501)
    )
    _, narrow = compared(half, ["absent"])

    assert (curves["low"] < narrow["low"]).all()
    assert (curves["high"] > narrow["high"]).all()


def test_rows_are_of_the_analysis_of_centroids(found):
    """All of them."""
    assert set(found[0]["analysis"]) == {Analysis.CENTROID}
