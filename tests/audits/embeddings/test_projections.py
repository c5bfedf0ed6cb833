"""Axes are fitted without test patients, and distances are those of the whole space."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import ks_2samp
from sklearn.decomposition import PCA

from cxraudit.audits.embeddings import projections
from cxraudit.audits.embeddings.cohort import SPACES_2D
from cxraudit.audits.embeddings.projections import fit_pca, groups_column, project, two_axes
from cxraudit.audits.engine import Engine, to_frame
from cxraudit.audits.verdicts import judged
from cxraudit.schema import COMPLEMENT, Analysis
from cxraudit.settings import AuditSettings
from planted import D, embedded_cohort_of, pick, planted_embeddings, the

SETTINGS = AuditSettings(n_resamples=100)


@pytest.mark.parametrize(
    "of_images",
    [
        lambda rng, n: np.ones((n, D)),
        lambda rng, n: np.ones((n, D)) + 1e-7 * rng.normal(size=(n, D)),
        lambda rng, n: np.eye(D)[rng.integers(0, 2, n)],
        lambda rng, n: rng.normal(size=(n, 1)) * np.ones((1, D)),
        lambda rng, n: rng.normal(size=(n, 2)),
    ],
    ids=["equal", "equal but for rounding", "two places", "one line", "two dimensions"],
)
def test_few_different_embeddings_have_finite_places(of_images):
    """Equal ones crash the t-SNE of scikit-learn."""
    dataset, embedded = planted_embeddings(1, 120)
    vectors = of_images(np.random.default_rng(0), 240).astype(np.float32)
    one = replace(embedded, vectors=vectors, prompts=(), bank=())

    axes = two_axes(embedded_cohort_of(dataset, one, SETTINGS))

    assert all(np.isfinite(places).all() for places in axes.values())


def axes_of_zeros(cohort):
    """Axes for what does not look at them."""
    return {name: np.zeros((cohort.rows.size, 2), dtype=np.float32) for name in SPACES_2D}


@pytest.fixture(scope="module")
def cohort():
    """200 patients."""
    return embedded_cohort_of(*planted_embeddings(1, 200), SETTINGS)


@pytest.fixture(scope="module")
def projected(cohort):
    """Rows and points of two attributes."""
    items, points = project(cohort, ["used", "hidden"], axes_of_zeros(cohort))
    evaluated = judged(Engine(cohort.cohort).evaluate(items), SETTINGS)
    return to_frame(evaluated, "simulated"), points


def test_axes_are_fitted_without_the_test_patients():
    """Moving a test image does not move the axes, nor any other image."""
    dataset, embedded = planted_embeddings(1, 60)
    cohort = embedded_cohort_of(dataset, embedded, SETTINGS)
    moved = embedded.vectors.copy()
    one = int(np.flatnonzero(cohort.parts.test)[0])
    moved[one] += 5
    other = embedded_cohort_of(dataset, replace(embedded, vectors=moved), SETTINGS)

    before, after = two_axes(cohort), two_axes(other)

    rest = np.arange(len(moved)) != one
    assert set(before) == set(SPACES_2D)
    for name in before:
        np.testing.assert_allclose(before[name][rest], after[name][rest], atol=1e-4)
        assert not np.allclose(before[name][one], after[name][one], atol=1e-4)


def test_images_that_t_sne_was_fitted_on_are_placed_like_others():
    """Amid images of other patients: a copy of a training image under a test patient lies where it does."""
    dataset, embedded = planted_embeddings(1, 60)
    cohort = embedded_cohort_of(dataset, embedded, SETTINGS)
    train, test = (int(np.flatnonzero(part)[0]) for part in (cohort.parts.train, cohort.parts.test))
    vectors = embedded.vectors.copy()
    vectors[test] = vectors[train]
    copied = embedded_cohort_of(dataset, replace(embedded, vectors=vectors), SETTINGS)

    places = two_axes(copied)[SPACES_2D[1]]
    spread = places[copied.parts.train].std(axis=0), places[copied.parts.test].std(axis=0)

    # The copy has the image itself among its neighbours, the image has not: they lie near, not on each other.
    assert not np.allclose(places[train], places[test])
    assert np.max(np.abs(np.log(spread[0] / spread[1]))) < 0.5


def test_the_variance_explained_is_that_of_scikit_learn(cohort, projected):
    """Of the first components on training patients, with the number of the component."""
    rows = pick(projected[0], metric="explained_variance")

    expected = PCA(4).fit(cohort.vectors[cohort.parts.train]).explained_variance_ratio_
    assert rows["at"].tolist() == [1, 2, 3, 4]
    assert rows["value"].to_numpy() == pytest.approx(expected, abs=1e-5)


def test_distances_along_a_component_are_those_of_scipy(cohort, projected):
    """Of one image per patient: D, its p-value, and the number of the group's images."""
    pca = fit_pca(cohort.vectors[cohort.parts.train])
    along = (cohort.vectors - pca.mean_) @ pca.components_[1]
    ((group, inside, outside),) = cohort.comparisons("used")
    first = cohort.one_per_patient(inside | outside)

    row = the(projected[0], metric="ks_distance", attribute="used", group=group, at=2.0)

    expected = ks_2samp(along[inside & first], along[outside & first])
    assert row["value"] == pytest.approx(expected.statistic, abs=1e-12)
    assert row["p_value"] == pytest.approx(expected.pvalue, abs=1e-12)
    assert row["n"] == (inside & first).sum()
    assert row["reference"] == COMPLEMENT
    assert row["low"] <= row["value"] <= row["high"]


@pytest.mark.parametrize("metric", ["ks_distance", "energy_distance"])
def test_views_of_the_same_patients_have_distances(metric):
    """Each patient has one image of either view, in one order: its first image is always of one view."""
    dataset, embedded = planted_embeddings(1, 120)
    view = np.tile(["frontal", "lateral"], 120)
    vectors = embedded.vectors + 3 * np.outer(view == "lateral", np.eye(D)[5]).astype(np.float32)
    dataset = replace(dataset, images=dataset.images.assign(view=view), attributes=("view",))
    cohort = embedded_cohort_of(dataset, replace(embedded, vectors=vectors), SETTINGS)

    items, _ = project(cohort, ["view"], axes_of_zeros(cohort))

    found = [one for one in items if one.metric == metric]
    assert all(np.isfinite(one.value) for one in found)
    assert min(one.p_value for one in found) < 0.01
    assert all("one image per patient, at random" in one.note for one in found)


def test_a_distance_of_too_few_patients_says_so(monkeypatch):
    """The row is there, with a reason and the number."""
    monkeypatch.setattr(projections, "MIN_PATIENTS", 90)
    cohort = embedded_cohort_of(*planted_embeddings(1, 120), SETTINGS)

    items, _ = project(cohort, ["used"], axes_of_zeros(cohort))

    rows = pick(to_frame(Engine(cohort.cohort).evaluate(items), "simulated"), attribute="used")
    fewest = min(side.sum() for side in next(cohort.comparisons("used"))[1:]) // 2
    assert set(rows["metric"]) == {"ks_distance", "energy_distance"}
    assert rows["value"].isna().all()
    assert set(rows["reasons"]) == {"TOO_FEW_PATIENTS"}
    assert rows["note"].str.contains(rf"fewer than 90 patients on a side \({fewest}\)").all()


def test_distances_are_adjusted_for_tests_that_depend_on_each_other(projected):
    """Benjamini–Yekutieli over attributes and components."""
    rows = pick(projected[0], metric="ks_distance")

    m = len(rows)
    assert m == 2 * 4
    harmonic = (1 / np.arange(1, m + 1)).sum()
    p = np.sort(rows["p_value"])
    adjusted = np.minimum.accumulate((p * m * harmonic / np.arange(1, m + 1))[::-1])[::-1]
    assert np.sort(rows["p_adjusted"]) == pytest.approx(np.minimum(adjusted, 1))


def test_the_whole_space_shows_what_components_hide(projected):
    """The energy distance is shown for an attribute that lies along one of 24 axes."""
    row = the(projected[0], metric="energy_distance", attribute="hidden")

    assert row["p_adjusted"] < 0.05
    assert np.isnan(row["low"])


def test_points_are_images_with_their_attributes(cohort, projected):
    """Each image once, in an order that has nothing to do with the groups."""
    points = projected[1]
    images = cohort.cohort.images.loc[points["image_id"]]

    assert sorted(points["image_id"]) == sorted(cohort.cohort.images.index)
    assert points["image_id"].tolist() != sorted(points["image_id"])
    assert points[groups_column("used")].tolist() == images["used"].tolist()
    assert set(points["modality"]) == {"image"}


@pytest.mark.parametrize("name", ["modality", "model", "pca_x", "joint_x"])
def test_an_attribute_may_be_called_like_a_column_of_points(name):
    """Its groups have a column of their own, and the column it is called like keeps its values."""
    dataset, embedded = planted_embeddings(6, 100)
    images = dataset.images.rename(columns={"used": name})
    cohort = embedded_cohort_of(
        replace(dataset, images=images, attributes=(name,)),
        replace(embedded, texts=embedded.vectors[:, ::-1].copy()),
        SETTINGS,
    )

    _, points = project(cohort, [name], axes_of_zeros(cohort))

    assert set(points["modality"]) == {"image", "report"}
    assert set(points["model"]) == {embedded.model}
    assert np.issubdtype(points["pca_x"].dtype, np.floating)
    assert np.isfinite(points["joint_x"]).all()
    assert set(points[groups_column(name)]) == {"yes", "no"}


@pytest.fixture(scope="module")
def with_reports():
    """Reports spread along other axes than images, so the axes of both are not those of images."""
    dataset, embedded = planted_embeddings(6, 150)
    rng = np.random.default_rng(0)
    texts = (rng.normal(size=embedded.vectors.shape) * np.linspace(0.2, 2.5, D)).astype(np.float32)
    texts[3] = np.nan
    cohort = embedded_cohort_of(dataset, replace(embedded, texts=texts), SETTINGS)
    pca = fit_pca(cohort.vectors[cohort.parts.train])
    own = ((cohort.vectors - pca.mean_) @ pca.components_[:2].T).astype(np.float32)
    axes = dict.fromkeys(SPACES_2D, own)
    _, points = project(cohort, ["used"], axes)
    return cohort, points


def test_both_coordinates_come_from_one_fit(with_reports):
    """The published figure took x from the axes of images and texts, y from those of images alone."""
    cohort, points = with_reports
    images = points[points["modality"] == "image"].set_index("image_id")
    images = images.loc[cohort.embedded.image_ids]
    train, there = cohort.parts.train, np.isfinite(cohort.texts).all(axis=1)

    alone = PCA(2).fit(cohort.vectors[train])
    both = PCA(2).fit(np.concatenate([cohort.vectors[train], cohort.texts[train & there]]))

    for pca, x, y in ((alone, "pca_x", "pca_y"), (both, "joint_x", "joint_y")):
        expected = (cohort.vectors - pca.mean_) @ pca.components_.T
        found = images[[x, y]].to_numpy()
        assert np.abs(found) == pytest.approx(np.abs(expected), abs=1e-3)
    mixed = np.corrcoef(images["joint_x"], images["pca_x"])[0, 1]
    assert abs(mixed) < 0.95  # mixing the two would have drawn another picture


def test_reports_are_points_on_the_axes_of_both(with_reports):
    """Of images that have one; they have no place on the axes of images."""
    cohort, points = with_reports
    reports = points[points["modality"] == "report"]

    assert len(reports) == len(cohort.rows) - 1
    assert reports[["joint_x", "joint_y"]].notna().all().all()
    assert reports[["pca_x", "pca_y", "tsne_x", "tsne_y"]].isna().all().all()


def test_rows_are_of_the_analysis_of_projections(projected):
    """All of them."""
    assert set(projected[0]["analysis"]) == {Analysis.PROJECTION}
