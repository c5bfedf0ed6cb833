"""Degraded images: loss of AUROC is reported where it is, and gaps that open with it."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from cxraudit.audits.perturbations import audit_perturbations
from cxraudit.schema import (
    COMPLEMENT,
    MEAN_FINDING,
    OVERALL,
    UNEDITED,
    Analysis,
    Reason,
    has_reason,
)
from cxraudit.settings import AuditSettings
from planted import perturbed_scores, pick, planted_dataset, planted_table, the, unchanged

SETTINGS = AuditSettings(n_resamples=500)
SEVERITIES = range(1, 6)


def degraded(frame, *, only_women=False):
    """Noise that drowns the score, more with severity; a corruption that does nothing."""
    women = (frame["sex"] == "F").to_numpy()

    def noise(severity):
        def change(finding, logits, rng):
            scale = np.where(women, severity, 0.0) if only_women else severity
            return logits + rng.normal(size=logits.size) * 0.7 * scale

        return change

    return {
        **{("noise", k): noise(k) for k in SEVERITIES},
        **{("jpeg", k): unchanged for k in SEVERITIES},
    }


def corruptions(frame, changes, *, settings=SETTINGS, **options):
    """Results of degraded images."""
    scores = perturbed_scores(frame, changes)
    results = audit_perturbations(
        planted_dataset(frame), scores, settings=settings, **options
    ).results
    assert set(results["analysis"]) == {Analysis.CORRUPTION}
    return results


@pytest.fixture(scope="module")
def frame():
    """Images of 400 patients."""
    return planted_table(11, drain_gap=0.5)


@pytest.fixture(scope="module")
def even(frame):
    """All images are degraded alike."""
    return corruptions(frame, degraded(frame), attributes=["sex"])


@pytest.fixture(scope="module")
def uneven(frame):
    """Only women's images are degraded."""
    return corruptions(frame, degraded(frame, only_women=True), attributes=["sex"])


OF_LEVEL = {"attribute": OVERALL, "reference": UNEDITED, "metric": "auroc"}


@pytest.mark.parametrize("finding", ["Pneumothorax", "Cardiomegaly"])
def test_levels_and_their_change_are_those_of_scikit_learn(frame, even, finding):
    """At a severity."""
    scores = perturbed_scores(frame, degraded(frame))
    after = pick(scores, perturbation="noise", severity=2, finding=finding)["score"]
    label, before = frame[finding], frame[f"score_{finding}"]
    rows = pick(even, finding=finding, condition="noise", at=2, attribute=OVERALL, metric="auroc")

    level = the(rows, reference="")["value"]

    assert level == pytest.approx(roc_auc_score(label, after), abs=1e-12)
    change = the(rows, reference=UNEDITED)["value"]
    assert change == pytest.approx(level - roc_auc_score(label, before), abs=1e-12)


def test_gaps_and_their_change_are_those_of_scikit_learn(frame, uneven):
    """At a severity: the gap, and gap minus gap of the unedited images."""
    scores = perturbed_scores(frame, degraded(frame, only_women=True))
    after = pick(scores, perturbation="noise", severity=3, finding="Cardiomegaly")["score"]
    female = (frame["sex"] == "F").to_numpy()
    label = frame["Cardiomegaly"].to_numpy()

    def gap(score):
        first, second = (roc_auc_score(label[s], score[s]) for s in (female, ~female))
        return first - second

    rows = pick(
        uneven, finding="Cardiomegaly", condition="noise", at=3, attribute="sex", group="female"
    )
    now, then = gap(after.to_numpy()), gap(frame["score_Cardiomegaly"].to_numpy())

    assert the(rows, reference=COMPLEMENT, metric="auroc")["value"] == pytest.approx(now, abs=1e-12)
    assert the(rows, reference=UNEDITED, metric="auroc_gap")["value"] == pytest.approx(
        now - then, abs=1e-12
    )


def test_noise_costs_more_with_every_severity(even):
    """On average over findings, a disparity at the last."""
    changes = pick(even, finding=MEAN_FINDING, condition="noise", **OF_LEVEL).sort_values("at")

    assert changes["at"].tolist() == [1, 2, 3, 4, 5]
    assert (changes["value"].diff().dropna() < 0).all()
    assert changes["verdict"].iloc[-1] == "disparity"


def test_a_corruption_that_does_nothing_is_shown_to_do_nothing(even):
    """At every severity: scores agree in every resample, so that there is no difference for certain."""
    changes = pick(even, condition="jpeg", reference=UNEDITED)

    assert np.allclose(changes["value"].dropna(), 0, atol=1e-12)
    assert set(changes["verdict"]) == {"equivalent"}
    assert set(changes["method"]) == {"no difference in any resample"}


def test_noise_on_one_sex_opens_a_gap(uneven):
    """Of more than 0.1 on average over findings."""
    opened = pick(
        uneven, condition="noise", at=5, reference=UNEDITED, finding=MEAN_FINDING, attribute="sex"
    )

    row = the(opened, group="female", metric="auroc_gap")
    assert row["value"] < -0.1
    assert row["verdict"] == "disparity"


def test_noise_on_both_sexes_opens_none(even):
    """That is shown."""
    opened = pick(even, condition="noise", reference=UNEDITED, attribute="sex")

    assert "disparity" not in set(opened["verdict"])


@pytest.mark.parametrize("reference", ["", UNEDITED])
def test_means_are_means_over_findings(even, reference):
    """Of levels and of changes."""
    rows = pick(
        even, condition="noise", at=2, attribute=OVERALL, metric="auroc", reference=reference
    )

    mean = the(rows, finding=MEAN_FINDING)
    of_findings = rows.loc[rows["finding"] != MEAN_FINDING, "value"]
    assert len(of_findings) == 2
    assert mean["value"] == pytest.approx(of_findings.mean(), abs=1e-12)
    assert mean["low"] < mean["value"] < mean["high"]
    assert mean["note"].startswith("mean over 2 findings")


def test_one_finding_has_no_mean(frame):
    """It would be the finding."""
    one = frame.drop(columns="score_Pneumothorax")

    results = corruptions(one, {("jpeg", 1): unchanged}, settings=AuditSettings(n_resamples=0))

    assert set(results["finding"]) == {"Cardiomegaly"}


def test_comparisons_are_screened_and_levels_are_none(even):
    """One family of all metrics, corruptions and severities: Benjamini–Hochberg."""
    compared = even["reference"] != ""

    assert (has_reason(even, Reason.SCREENED) == compared).all()
    tested = even[compared & even["p_adjusted"].notna()]
    largest = tested.sort_values("p_value").iloc[-1]
    assert largest["p_adjusted"] == largest["p_value"]


def test_a_mean_over_a_finding_of_few_patients_gets_no_verdict(frame):
    """Three patients have one of the findings; the other alone is judged."""
    few = frame.loc[frame["Cardiomegaly"] == 1, "pid"].drop_duplicates().head(3)
    rare = frame.assign(Cardiomegaly=frame["Cardiomegaly"] * frame["pid"].isin(few))

    results = corruptions(rare, {("noise", 5): degraded(rare)["noise", 5]}, attributes=["sex"])

    rows = pick(results, **OF_LEVEL)
    assert the(rows, finding="Pneumothorax")["verdict"] == "disparity"
    mean = the(rows, finding=MEAN_FINDING)
    assert mean["verdict"] == "inconclusive"
    assert Reason.TOO_FEW_PATIENTS in mean["reasons"].split()
    assert "too few patients" in mean["note"]
    level = the(results, finding=MEAN_FINDING, reference="")
    assert Reason.TOO_FEW_PATIENTS in level["reasons"].split()


def test_the_counts_of_a_mean_are_of_the_first_finding(frame):
    """In the alphabet, whatever the order of the table."""
    scores = perturbed_scores(frame, {("noise", 1): degraded(frame)["noise", 1]})
    settings = AuditSettings(n_resamples=0)

    counts = {
        the(
            audit_perturbations(planted_dataset(frame), table, settings=settings).results,
            finding=MEAN_FINDING,
            **OF_LEVEL,
        )["n_positive"]
        for table in (scores, scores[::-1])
    }

    assert counts == {frame["Cardiomegaly"].sum()}


def test_a_ranking_that_few_patients_keep_is_not_kept_for_certain(frame):
    """Scores that all change, and rank these images as before, are bounded by the patients there are."""
    found = corruptions(frame, {("noise", 1): lambda _, logits, __: logits + 1e-9})

    changes = pick(found, reference=UNEDITED)

    assert changes["value"].abs().max() < 1e-12
    assert (changes["high"] > 0.01).all()
