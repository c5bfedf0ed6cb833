"""The study's projections and centroid differences."""

import numpy as np

from cxraudit.paper.embeddings import centroid_differences, project

N_PROJECTED = 60


def test_both_coordinates_come_from_one_fit(points):
    """Components of images are uncorrelated."""
    images = points[(points["fit"] == "images") & (points["method"] == "PCA")]

    assert len(images) == N_PROJECTED
    assert (images["modality"] == "image").all()
    assert abs(np.corrcoef(images["x"], images["y"])[0, 1]) < 1e-5
    assert not images["sex"].isna().any()


def test_images_without_a_report_are_not_in_the_joint_fit(points):
    """The first five have none."""
    joint = points[(points["fit"] == "images and reports") & (points["method"] == "t-SNE")]
    expected = N_PROJECTED - 5
    assert joint["modality"].value_counts().to_dict() == {"image": expected, "report": expected}


def test_one_report_is_too_few_for_a_joint_fit(make_cohort):
    """Two methods of one fit."""
    dataset, _, vectors, texts = make_cohort()
    one = np.full_like(texts[:20], np.nan)
    one[0] = 1
    for reports in (one, None):
        points = project("m", vectors[:20], reports, dataset.images.iloc[:20])
        assert set(points["fit"]) == {"images"}
        assert len(points) == 2 * 20


def test_of_many_images_a_random_sample_is_projected(make_cohort, monkeypatch):
    """The sample does not depend on anything but the published seed."""
    monkeypatch.setattr("cxraudit.paper.embeddings.MAX_IMAGES", 12)
    dataset, _, vectors, _ = make_cohort()
    points = project("m", vectors, None, dataset.images.assign(sex=dataset.images["image_id"]))
    drawn = np.random.default_rng(1907).permutation(len(vectors))[:12]
    assert set(points["sex"]) == set(dataset.images["image_id"].iloc[drawn])


def test_centroid_differences_are_those_of_numpy_and_sorted(make_cohort):
    """Sex has one pair, race three, modality and drain one."""
    dataset, _, vectors, texts = make_cohort()
    differences = centroid_differences("m", vectors, texts, dataset.images)
    pairs = differences.groupby("attribute", sort=False)["pair"].nunique().to_dict()

    assert pairs == {"modality": 1, "sex": 1, "race": 3, "drain": 1}
    women = (dataset.images["sex"] == "female").to_numpy()
    expected = np.abs(vectors[women].mean(axis=0) - vectors[~women].mean(axis=0))
    by_sex = differences[differences["attribute"] == "sex"]["difference"].to_numpy()
    np.testing.assert_allclose(by_sex, np.sort(expected)[::-1], atol=1e-6)


def test_the_unknown_group_has_no_centroid(make_cohort):
    """A patient of unknown sex adds no pair."""
    dataset, _, vectors, _ = make_cohort()
    images = dataset.images.copy()
    images.loc[:4, "sex"] = "unknown"
    differences = centroid_differences("m", vectors, None, images)
    assert differences[differences["attribute"] == "sex"]["pair"].unique().tolist() == [
        "female − male"
    ]
