"""Two sources of labels for the same images: each audit by its own."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import recall_score, roc_auc_score

from cxraudit import AuditSettings, audit, diff, table_dataset, wide_scores
from cxraudit.audits.changes.labels import OLDER_LABELS
from cxraudit.errors import ConfigError
from cxraudit.formats.changes import as_text
from cxraudit.schema import COMPLEMENT, Analysis

SETTINGS = AuditSettings(n_resamples=200, n_threads=1)


@pytest.fixture(scope="module")
def table():
    """Draw scores and true labels, and labels that miss half of the positives of one sex."""
    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(400), 2)
    true = (rng.random(800) < 0.4).astype(float)
    sex = rng.choice(["female", "male"], 400)[patients]
    missed = (true == 1) & (sex == "female") & (rng.random(800) < 0.5)
    labeler = np.where(missed, 0, true)
    return pd.DataFrame(
        {
            "image": [f"i{k}" for k in range(800)],
            "patient": [f"p{k}" for k in patients],
            "sex": sex,
            "true": np.where(rng.random(800) < 0.1, np.nan, true),
            "labeler": np.where(rng.random(800) < 0.05, np.nan, labeler),
            "score": true * 1.5 + rng.normal(size=800),
        }
    )


def audited(table, column):
    """Audit by the labels of a column."""
    dataset = table_dataset(
        table,
        name=column,
        root=".",
        image="image",
        patient="patient",
        findings={"Edema": column},
        sex="sex",
    )
    scores = wide_scores(table, image="image", columns={"Edema": "score"}, model="m")
    return audit(dataset, scores, settings=SETTINGS)


@pytest.fixture(scope="module")
def found(table):
    """Compare both sources."""
    return diff(audited(table, "labeler"), audited(table, "true"), labels="own")


@pytest.fixture(scope="module")
def both(table):
    """Return the images that both sources label."""
    return table.dropna(subset=["true", "labeler"])


def test_each_side_has_its_own_labels(found, both):
    """The AUROC of either source, by scikit-learn, on the images that both label."""
    row = found.results[
        (found.results["metric"] == "auroc") & (found.results["attribute"] == "")
    ].iloc[0]

    assert row["old"] == pytest.approx(roc_auc_score(both["labeler"], both["score"]), abs=1e-12)
    assert row["new"] == pytest.approx(roc_auc_score(both["true"], both["score"]), abs=1e-12)
    assert row["n"] == len(both)


def test_errors_of_the_older_labels_are_those_of_scikit_learn(found, both):
    """Sensitivity overall and by sex."""
    rates = found.label_errors[found.label_errors["metric"] == "tpr"]
    assert set(rates["model"]) == {OLDER_LABELS}
    levels = rates[rates["reference"] == ""].set_index("group")["value"]
    assert levels[""] == pytest.approx(recall_score(both["true"], both["labeler"]), abs=1e-12)
    for sex, part in both.groupby("sex"):
        expected = recall_score(part["true"], part["labeler"])
        assert levels[sex] == pytest.approx(expected, abs=1e-12)


def test_a_planted_difference_of_errors_is_found_and_stated(found):
    """The labeler misses positives of female patients only; nothing is wrong without the finding."""
    rows = found.label_errors
    gap = rows[(rows["group"] == "female") & (rows["reference"] == COMPLEMENT)].set_index("metric")
    assert gap.loc["tpr", "high"] < -0.3
    assert rows.loc[rows["metric"] == "fpr", "value"].dropna().abs().max() == 0
    assert set(gap["verdict"]) == {""}

    text = as_text(found)

    assert "by its own labels" in text
    assert "Edema, tpr, sex female against all other groups: −0." in text


def test_one_source_only_is_the_comparison_by_the_newer(table):
    """Without the option nothing differs: both are judged by the newer labels."""
    same = diff(audited(table, "labeler"), audited(table, "true"))

    known = same.results[np.isfinite(same.results["value"])]
    assert (known["value"] == 0).all()
    assert same.label_errors.empty


def test_verdicts_of_both_sides_are_beside_the_change(found):
    """By the labeler and by the truth, of the same gap."""
    gaps = found.results[
        (found.results["metric"] == "auroc")
        & (found.results["analysis"] == Analysis.SUBGROUPS)
        & (found.results["reference"] == COMPLEMENT)
    ]

    assert set(gaps["old_verdict"]) | set(gaps["new_verdict"]) <= {
        "disparity",
        "inconclusive",
        "equivalent",
        "small difference",
        "difference of unclear size",
    }
    assert (gaps["old_verdict"] != "").all()


def test_own_labels_need_shared_images(table):
    """Of other images there is no second label."""
    other = table.assign(image="x" + table["image"], patient="q" + table["patient"])

    with pytest.raises(ConfigError, match="share none"):
        diff(audited(table, "true"), audited(other, "true"), labels="own")
    with pytest.raises(ConfigError, match="newer or own"):
        diff(audited(table, "true"), audited(table, "true"), labels="both")
