"""Decision curves: net benefit by its definition, at every probability and in every group."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from cxraudit.audits.decision_curve import PROBABILITIES
from cxraudit.schema import FLAG_ALL, OVERALL, Analysis, is_level
from cxraudit.settings import AuditSettings
from planted import audit_of, pick, planted_table, the

AS_IS = AuditSettings(n_resamples=200, calibration="as is", operating_point="none")


@pytest.fixture(scope="module")
def curves():
    """A table whose scores are probabilities, and its decision curves of cardiomegaly."""
    frame = planted_table(12, n_patients=300)
    for finding in ("Cardiomegaly", "Pneumothorax"):
        frame[f"score_{finding}"] = expit(1.5 * frame[f"score_{finding}"] - 2)
    results = audit_of(frame, settings=AS_IS, attributes=["sex"])
    return frame, pick(results, analysis=Analysis.DECISION_CURVE, finding="Cardiomegaly")


@pytest.mark.parametrize("group", [OVERALL, "female"])
def test_net_benefit_is_that_of_its_definition(curves, group):
    """TP/n − FP/n · p/(1 − p), of the images flagged and of all."""
    frame, rows = curves
    part = frame[frame["sex"] == "F"] if group else frame
    label, score = part["Cardiomegaly"] == 1, part["score_Cardiomegaly"]

    for at in PROBABILITIES:
        for condition, flagged in (("", score >= at), (FLAG_ALL, score >= 0)):
            row = the(rows, group=group, at=at, condition=condition)
            expected = (flagged & label).mean() - (flagged & ~label).mean() * at / (1 - at)
            assert row["value"] == pytest.approx(expected, abs=1e-12)
            assert row["low"] < row["value"] < row["high"]
            assert row["n"] == len(part)


def test_curves_are_described_and_not_compared(curves):
    """Net benefit depends on prevalence."""
    _, rows = curves

    assert is_level(rows).all()
    assert set(rows["verdict"]) == {""}
    assert len(rows) == 3 * 2 * len(PROBABILITIES)


def test_a_useful_model_is_better_than_to_flag_all_or_none(curves):
    """At probabilities about the prevalence; at the lowest, to flag all is as good."""
    _, rows = curves
    overall = pick(rows, group=OVERALL).set_index(["at", "condition"])["value"]

    assert overall[0.2, ""] > max(overall[0.2, FLAG_ALL], 0) + 0.02
    assert overall[0.01, ""] == pytest.approx(overall[0.01, FLAG_ALL], abs=0.005)


def test_the_interval_is_that_of_the_patients_means(curves):
    """The error of a mean over images whose patients are drawn."""
    frame, rows = curves
    worth = np.where(frame["Cardiomegaly"] == 1, 1.0, -0.25) * (frame["score_Cardiomegaly"] >= 0.2)
    apart = (worth - worth.mean()).groupby(frame["pid"]).sum()
    error = float(np.sqrt((apart**2).sum())) / len(frame)

    row = the(rows, group=OVERALL, at=0.2, condition="")

    assert (row["high"] - row["low"]) / 2 / 1.97 == pytest.approx(error, rel=0.15)


def test_without_probabilities_there_is_no_curve():
    """A threshold alone is not enough."""
    frame = planted_table(12, n_patients=100)
    settings = replace(AS_IS, n_resamples=0, calibration="none", operating_point="youden")

    results = audit_of(frame, settings=settings, attributes=["sex"])

    assert pick(results, analysis=Analysis.DECISION_CURVE).empty
    assert not pick(results, analysis=Analysis.OPERATING_POINT).empty
