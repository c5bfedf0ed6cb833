"""Distances of mean embeddings, tested by changing the signs of patients."""

from dataclasses import replace

import numpy as np
import pytest

from cxraudit.audits.embeddings.centroids import (
    N_DRAWS,
    by_chance,
    compare_centroids,
    simultaneous_band,
)
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
    """By the signs of patients; the note says how far they lie apart by chance."""
    used, absent = (
        the(found[0], metric="centroid_distance", attribute=name) for name in ("used", "absent")
    )

    assert used["p_value"] == 1 / (N_DRAWS + 1)
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
    """Of every dimension; where there is nothing, all lie in the band."""
    first, second = means(cohort, "absent")
    expected = np.sort(np.abs(first.mean(axis=0) - second.mean(axis=0)))[::-1]

    curve = pick(found[1], attribute="absent")

    assert curve["rank"].tolist() == list(range(1, D + 1))
    assert curve["value"].to_numpy() == pytest.approx(expected, abs=1e-9)
    assert ((curve["low"] <= curve["value"]) & (curve["value"] <= curve["high"])).all()


def test_the_band_is_left_where_the_groups_differ(found):
    """The largest difference lies far above it."""
    curve = pick(found[1], attribute="used", rank=1).iloc[0]

    assert curve["value"] > 1.5 * curve["high"]


@pytest.mark.parametrize("level", [0.6, 0.95])
def test_the_band_is_at_the_level_of_the_settings(level):
    """A higher one makes it wider at every rank."""
    dataset, embedded = planted_embeddings(0, 200)
    cohort = embedded_cohort_of(
        dataset, embedded, AuditSettings(n_resamples=0, confidence_level=level)
    )
    _, curves = compared(cohort, ["absent"])
    half = embedded_cohort_of(
        dataset, embedded, AuditSettings(n_resamples=0, confidence_level=0.501)
    )
    _, narrow = compared(half, ["absent"])

    assert (curves["low"] <= narrow["low"]).all()
    assert (curves["high"] > narrow["high"]).all()


def test_rows_are_of_the_analysis_of_centroids(found):
    """All of them."""
    assert set(found[0]["analysis"]) == {Analysis.CENTROID}


def test_pairs_are_exchanged_within_patients():
    """Of patients with one image of either group, changing signs is exchanging both."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6, 3))
    inside = np.tile([True, False], 3)
    signs = np.array(np.meshgrid(*[[-1, 1]] * 3)).reshape(3, -1).T

    null = by_chance(x, inside, ~inside, np.repeat(np.arange(3), 2), rng)

    possible = signs @ (x[inside] - x[~inside]) / 3
    nearest = np.abs(null[:, None] - possible).max(axis=2).min(axis=1)
    assert nearest.max() < 1e-12


def test_draws_are_as_large_as_differences_by_chance():
    """Also where patients are few, so that each is a part of the mean it is compared with."""
    rng = np.random.default_rng(1)
    patients = np.repeat(np.arange(12), 2)
    inside = np.repeat(np.arange(12) % 2 == 0, 2)
    found, drawn = [], []
    for _ in range(400):
        x = rng.normal(size=(12, 60))[patients] + rng.normal(size=(24, 60))
        found.append(((x[inside].mean(axis=0) - x[~inside].mean(axis=0)) ** 2).sum())
        drawn.append((by_chance(x, inside, ~inside, patients, rng) ** 2).sum(axis=1).mean())

    assert np.mean(drawn) == pytest.approx(np.mean(found), rel=0.03)


def test_a_share_of_curves_lies_in_the_band_at_every_place():
    """Of the curves it is made of, 95 of 100."""
    curves = np.abs(np.random.default_rng(0).normal(size=(399, 20)).cumsum(axis=1))

    low, high = simultaneous_band(curves, 0.95)

    inside = ((low <= curves) & (curves <= high)).all(axis=1)
    assert inside.mean() == pytest.approx(0.95, abs=0.005)
    assert (low >= 0).all()


def a_group(kind, rng, n_patients):
    """Patients of images, and whether each is of the group, which has nothing to do with embeddings."""
    numbers = {
        "patients": rng.integers(1, 5, n_patients),
        "few patients": rng.integers(1, 5, n_patients),
        "pairs": np.full(n_patients, 2),
        "images": np.minimum(rng.geometric(0.35, n_patients), 12),
        "many images": np.where(np.arange(n_patients) % 5 < 2, rng.integers(2, 9, n_patients), 1),
    }[kind]
    patients = np.repeat(np.arange(n_patients), numbers)
    inside = {
        "patients": patients % 2 == 0,
        "few patients": patients % 20 == 0,
        "pairs": np.arange(patients.size) % 2 == 0,
        "images": rng.random(patients.size) < 0.4,
        "many images": patients % 5 < 2,
    }[kind]
    return patients, inside


KINDS = ["patients", "few patients", "pairs", "images", "many images"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_test_and_the_band_have_their_size(kind):
    """In 300 cohorts without a difference, 2 to 8.5 % have p <= 0.05, or a rank outside of the band."""
    small, outside = 0, 0
    for seed in range(300):
        rng = np.random.default_rng([seed, 7])
        patients, inside = a_group(kind, rng, 300)
        x = 0.7 * rng.normal(size=(300, 24))[patients] + 0.7 * rng.normal(size=(patients.size, 24))
        null = by_chance(x, inside, ~inside, patients, rng)
        found = x[inside].mean(axis=0) - x[~inside].mean(axis=0)
        lengths = np.linalg.norm(null, axis=1)
        small += (1 + (lengths >= np.linalg.norm(found)).sum()) / (N_DRAWS + 1) <= 0.05
        low, high = simultaneous_band(np.sort(np.abs(null), axis=1)[:, ::-1], 0.95)
        curve = np.sort(np.abs(found))[::-1]
        outside += ((curve < low) | (curve > high)).any()

    assert 0.02 <= small / 300 <= 0.085
    assert 0.02 <= outside / 300 <= 0.085


def test_means_of_views_of_the_same_patients_are_told_apart():
    """Each patient has one image of either view, in one order."""
    dataset, embedded = planted_embeddings(0, 100)
    view = np.tile(["frontal", "lateral"], 100)
    vectors = embedded.vectors + np.outer(view == "lateral", np.eye(D)[4]).astype(np.float32)
    dataset = replace(dataset, images=dataset.images.assign(view=view), attributes=("view",))
    cohort = embedded_cohort_of(dataset, replace(embedded, vectors=vectors), POINT)

    row = the(compared(cohort, ["view"])[0], metric="centroid_distance")

    assert row["p_value"] == 1 / (N_DRAWS + 1)
