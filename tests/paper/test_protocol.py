"""The published evaluation: every cell equals an independent run, in the row order of the study."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from cxraudit.datasets.base import Dataset
from cxraudit.errors import DataError
from cxraudit.paper.numbers import MIMIC, NIH
from cxraudit.paper.protocol import evaluate, evaluation_of, in_published_order

ESTIMATES = [
    f"{metric}{end}" for metric in ("auroc", "adjusted_auprc") for end in ("", "_low", "_high")
]
ENDS = [column for column in ESTIMATES if column.endswith(("_low", "_high"))]
N_RESAMPLES = 60


def published_bootstrap(labels, scores, metric):
    """Resample as the published script does, from numpy's global stream."""
    values = []
    for _ in range(N_RESAMPLES):
        rows = np.random.randint(0, len(labels), len(labels))  # noqa: NPY002
        if labels[rows].sum() == 0:
            continue
        values.append(metric(labels[rows], scores[rows]))
    return np.percentile(values, [2.5, 97.5])


def adjusted_auprc(labels, scores):
    """Compute it with scikit-learn."""
    return 1 - np.log(average_precision_score(labels, scores)) / np.log(labels.mean())


def evaluate_independently(labels, scores, cells):
    """Return estimates and interval ends cell by cell, one row each, in the given order."""
    table = []
    for rows in cells:
        row = []
        for metric in (roc_auc_score, adjusted_auprc):
            low, high = published_bootstrap(labels[rows], scores[rows], metric)
            row += [metric(labels[rows], scores[rows]), low, high]
        table.append(row)
    return np.array(table)


def by_drain_independently(images, score_of):
    """Evaluate pneumothorax by drain, with the rows in the order of `images`."""
    np.random.seed(1907)  # noqa: NPY002
    label = images["Pneumothorax"].to_numpy()
    negative = np.flatnonzero(label == 0)
    cells = [np.arange(len(images))]
    for drain in ("no", "yes"):
        positive = np.flatnonzero((label == 1) & (images["drain"] == drain).to_numpy())
        cells.append(np.concatenate([positive, negative]))
    return evaluate_independently(label, score_of.loc[images["image_id"]].to_numpy(), cells)


def by_group_independently(images, scores, findings):
    """Evaluate findings by sex, race and age, with the rows in the order of `images` before the sort."""
    np.random.seed(1907)  # noqa: NPY002
    images = images.sort_values(by=["age"])
    tables, names = [], []
    for finding in findings:
        score_of = scores[scores["finding"] == finding].set_index("image_id")["score"]
        cells = [np.arange(len(images))]
        names.append("all")
        for attribute in ("sex", "race", "age_group"):
            for group in images[attribute].unique():
                cells.append(np.flatnonzero(images[attribute] == group))
                names.append(group)
        score = score_of.loc[images["image_id"]].to_numpy()
        tables.append(evaluate_independently(images[finding].to_numpy(), score, cells))
    return np.concatenate(tables), names


@pytest.fixture(scope="module")
def cohort():
    """420 images of 150 patients with two findings, sex, race, age and drain, in no order; tied scores."""
    rng = np.random.default_rng(0)
    n = 420
    age = rng.integers(20, 95, n)
    groups = pd.cut(
        age,
        [18, 25, 50, 65, 80, 200],
        right=False,
        labels=["18-25", "25-50", "50-65", "65-80", "80+"],
    )
    images = pd.DataFrame(
        {
            "image_id": [f"f{k:03d}" for k in rng.permutation(n)],
            "patient_id": [f"p{k % 150:03d}" for k in range(n)],
            "study_id": [f"s{k:03d}" for k in rng.permutation(n)],
            "path": "",
            "view_position": "PA",
            "age": age.astype(float),
            "age_group": groups.astype(str),
            "sex": rng.choice(["female", "male"], n),
            "race": rng.choice(["white", "black", "asian"], n),
            "Pneumonia": (rng.random(n) < 0.3).astype(float),
            "Pneumothorax": (rng.random(n) < 0.4).astype(float),
            "drain": rng.choice(["yes", "no", "unknown"], n),
        }
    )
    scores = pd.concat(
        pd.DataFrame(
            {
                "image_id": images["image_id"],
                "model": "biovil@paper",
                "prompt_set": "paper",
                "finding": finding,
                "score": (images[finding] + rng.normal(size=n)).round(1),
            }
        )
        for finding in ("Pneumonia", "Pneumothorax")
    )
    return images, scores


def as_mimic(images):
    """Return the images as a data set without drains."""
    return Dataset(
        name="toy",
        version="",
        license="",
        root=None,
        images=images.drop(columns="drain"),
        findings=("Pneumonia", "Pneumothorax"),
        attributes=("age_group", "sex", "race"),
    )


def as_nih(images):
    """Return the images as a data set with drains."""
    return Dataset(
        name="toy",
        version="",
        license="",
        root=None,
        images=images,
        findings=("Pneumothorax",),
        attributes=("sex",),
        shortcuts=("drain",),
    )


def by_keys(images, *columns):
    """Sort rows by the text of some columns, without pandas."""
    keys = list(zip(*(images[column] for column in columns), strict=True))
    return images.iloc[sorted(range(len(keys)), key=keys.__getitem__)]


@pytest.mark.slow
def test_every_group_equals_an_independent_run_in_the_order_of_the_study(cohort):
    """MIMIC-CXR: by patient, study and image, then by age; values and interval ends to 1e-12."""
    images, scores = cohort
    found = evaluate(as_mimic(images), scores, n_resamples=N_RESAMPLES)
    table = by_keys(images, "patient_id", "study_id", "image_id")
    expected, names = by_group_independently(table, scores, ("Pneumonia", "Pneumothorax"))

    assert found["group"].tolist() == names
    np.testing.assert_allclose(found[ESTIMATES].to_numpy(), expected, atol=1e-12)


def test_both_sides_of_the_drain_equal_an_independent_run_in_the_order_of_the_study(cohort):
    """ChestX-ray14: by image; positives by drain before all negatives; to 1e-12."""
    images, scores = cohort
    score_of = scores[scores["finding"] == "Pneumothorax"].set_index("image_id")["score"]
    found = evaluate(as_nih(images), scores, n_resamples=N_RESAMPLES, named=NIH)
    expected = by_drain_independently(by_keys(images, "image_id"), score_of)

    assert found["group"].tolist() == ["all", "without", "with"]
    assert set(found["dataset"]) == {NIH}
    np.testing.assert_allclose(found[ESTIMATES].to_numpy(), expected, atol=1e-12)


@pytest.mark.slow
def test_another_order_of_rows_gives_other_interval_ends(cohort):
    """In the order of the cohort itself: values are those of the protocol, no interval end is."""
    images, scores = cohort
    score_of = scores[scores["finding"] == "Pneumothorax"].set_index("image_id")["score"]
    pairs = (
        (
            evaluate(as_nih(images), scores, n_resamples=N_RESAMPLES),
            by_drain_independently(images, score_of),
        ),
        (
            evaluate(as_mimic(images), scores, n_resamples=N_RESAMPLES),
            by_group_independently(images, scores, ("Pneumonia", "Pneumothorax"))[0],
        ),
    )
    for found, other in pairs:
        over_all_images = (found[ESTIMATES].iloc[0] - other[0]).abs()
        assert over_all_images.drop(ENDS).max() < 1e-12
        assert over_all_images[ENDS].min() > 1e-3


@pytest.mark.parametrize("as_dataset", [as_mimic, as_nih])
def test_the_order_of_the_tables_has_no_effect(cohort, as_dataset):
    """Shuffled images and scores give the same numbers, bit by bit."""
    images, scores = cohort
    shuffled = images.sample(frac=1, random_state=1).reset_index(drop=True)

    first = evaluate(as_dataset(images), scores, n_resamples=5)
    second = evaluate(as_dataset(shuffled), scores.sample(frac=1, random_state=2), n_resamples=5)

    pd.testing.assert_frame_equal(first, second, rtol=0, atol=0)


def test_releases_are_in_the_order_of_the_study(nih_release, mimic_release):
    """The metadata of MIMIC-CXR and the entries of ChestX-ray14 (2017) list images in that order."""
    from cxraudit import datasets

    for name, root in ((NIH, nih_release), (MIMIC, mimic_release)):
        images = datasets.load(name, root).images.drop(columns="age")
        pd.testing.assert_frame_equal(in_published_order(images, name), images)


def test_a_data_set_without_drains_and_groups_is_refused(cohort):
    """There is nothing to evaluate by view alone."""
    images, _ = cohort
    dataset = Dataset(
        name="toy",
        version="",
        license="",
        root=None,
        images=images,
        findings=("Pneumothorax",),
        attributes=("view_position",),
    )
    with pytest.raises(DataError, match="neither drains nor sex, race or age"):
        evaluation_of(dataset)


@pytest.fixture(scope="module")
def nih_test_set(real_data):
    """The 25,596 test images of ChestX-ray14, from entries (v2020) in another order, with drain labels."""
    from cxraudit import datasets
    from cxraudit.datasets.releases import neatx

    drains = real_data / "neatx" / neatx.FILES[0]
    options = {"drains": drains, "cohort": "paper"}
    return datasets.load("nih-cxr14", real_data / "nih_cxr14", options)


@pytest.mark.data
def test_the_order_on_chestxray14_is_that_of_the_test_list(nih_test_set, real_data):
    """The official list and the study's table of drain labels have it; the v2020 entries have not."""
    listed = (real_data / "nih_cxr14" / "test_list.txt").read_text().split()
    table = pd.read_csv(real_data / "neatx" / "CXR14_Drains_Labels.csv", sep=";")

    ordered = in_published_order(nih_test_set.images, NIH)["image_id"].tolist()

    assert ordered == listed == table["Image Index"].tolist()
    assert nih_test_set.images["image_id"].tolist() != listed


@pytest.mark.data
def test_real_scores_give_the_numbers_of_the_study_order(nih_test_set, real_data):
    """CheXNet on 5,213 images: AUROC 0.882846, 0.801015, 0.910566; interval ends of an independent run."""
    frame = pd.read_csv(real_data / "chexnet_scores" / "pretrained_preds.csv")
    scores = pd.DataFrame(
        {
            "image_id": frame["Image Index"],
            "model": "chexnet",
            "prompt_set": "",
            "finding": "Pneumothorax",
            "score": frame["prob_Pneumothorax"],
        }
    )
    score_of = scores.set_index("image_id")["score"]
    images = nih_test_set.images
    images = images[images["image_id"].isin(score_of.index)]

    found = evaluate(nih_test_set, scores, n_resamples=N_RESAMPLES)

    expected = by_drain_independently(by_keys(images, "image_id"), score_of)
    np.testing.assert_allclose(found[ESTIMATES].to_numpy(), expected, atol=1e-12)
    assert found["auroc"].to_numpy() == pytest.approx([0.882846, 0.801015, 0.910566], abs=1e-6)
    in_entry_order = by_drain_independently(images, score_of)
    assert np.abs(found[ESTIMATES].to_numpy() - in_entry_order).max() > 1e-4
