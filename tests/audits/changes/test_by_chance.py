"""Decisions that happen to agree in some patients are not certainly the same."""

import numpy as np
import pandas as pd
import pytest

from cxraudit import AuditSettings, audit, diff, table_dataset, wide_scores
from cxraudit.schema import COMPLEMENT, Analysis
from cxraudit.stats.limits import wilson

SETTINGS = AuditSettings(n_resamples=200, n_threads=1, thresholds={"Edema": 0.5})


def audited(seed, scores_seed, *, n=64, loss=0.0, model="m"):
    """Audit decisions: of the positives 70 % are flagged, of which a newer release loses some in one sex."""
    rng = np.random.default_rng(seed)
    positive, female = rng.random(n) < 0.4, rng.random(n) < 0.5
    flagged = np.where(positive, rng.random(n) < 0.7, rng.random(n) < 0.1)
    own = np.random.default_rng([seed, scores_seed])
    flagged &= ~(positive & female & (own.random(n) < loss))
    table = pd.DataFrame(
        {
            "image": [f"i{k}" for k in range(n)],
            "patient": [f"p{k}" for k in range(n)],
            "sex": np.where(female, "female", "male"),
            "Edema": positive.astype(int),
            "score": np.where(flagged, 0.5, 0.0) + 0.49 * own.random(n),
        }
    )
    dataset = table_dataset(
        table,
        name="clinic",
        root=".",
        image="image",
        patient="patient",
        findings={"Edema": "Edema"},
        sex="sex",
    )
    scores = wide_scores(table, image="image", columns={"Edema": "score"}, model=model)
    return dataset, scores, audit(dataset, scores, settings=SETTINGS)


def test_no_discordant_patient_bounds_a_change():
    """By the score interval of none among the patients with the finding; no verdict that needs more."""
    dataset, _, old = audited(0, 1)
    new = audited(0, 2)[2]

    found = diff(old, new).results

    tpr = found[found["metric"] == "tpr"].set_index(["group", "reference"])
    positives = dataset.images[dataset.images["Edema"] == 1]
    reach = wilson(0.0, len(positives))[1]
    whole = tpr.loc["", ""]
    assert (whole["value"], whole["low"], whole["high"]) == pytest.approx((0, -reach, reach))
    of_sex = positives["sex"].value_counts()
    both = np.hypot(*(wilson(0.0, int(n))[1] for n in of_sex))
    gap = tpr.loc["female", COMPLEMENT]
    assert (gap["low"], gap["high"]) == pytest.approx((-both, both))
    assert gap["verdict"] == "inconclusive"


def test_the_same_holds_for_two_models_of_one_audit():
    """Decisions that agree are not equal for certain, unless the models rank alike."""
    dataset, first, _ = audited(0, 1)
    second = audited(0, 2, model="n")[1]
    alike = first.assign(model="n", score=np.sinh(first["score"]))
    at = {"m:Edema": 0.5, "n:Edema": 0.5}
    found = {}
    for name, other in (("chance", second), ("alike", alike)):
        limits = at | ({"n:Edema": float(np.sinh(0.5))} if name == "alike" else {})
        settings = AuditSettings(n_resamples=200, n_threads=1, thresholds=limits)
        rows = audit(dataset, pd.concat([first, other]), settings=settings).results
        rows = rows[(rows["analysis"] == Analysis.MODELS) & (rows["metric"] == "tpr")]
        found[name] = rows[rows["attribute"] == ""].iloc[0]

    assert found["chance"]["high"] > 0.05
    assert found["chance"]["verdict"] != "equivalent"
    assert (found["alike"]["low"], found["alike"]["high"]) == (0, 0)
    assert found["alike"]["verdict"] == "equivalent"


def test_a_loss_that_few_patients_show_is_covered():
    """The interval of the gap in TPR covers the true change, −0.07, in 90 % of 60 pairs or more."""
    covered = 0
    for seed in range(60):
        old, new = audited(seed, 1)[2], audited(seed, 2, loss=0.1)[2]
        rows = diff(old, new).results
        gap = rows[(rows["metric"] == "tpr") & (rows["group"] == "female")]
        row = gap[gap["reference"] == COMPLEMENT].iloc[0]
        covered += row["low"] <= -0.07 <= row["high"]

    assert covered >= 54
