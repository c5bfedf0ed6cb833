"""Cells of intersections are shrunk: nearer to the truth than by themselves, and never with a verdict."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtr

from cxraudit.audits.run import audit
from cxraudit.audits.scores import scores_from_wide
from cxraudit.datasets.table import from_frame
from cxraudit.schema import OVERALL, Analysis
from cxraudit.settings import AuditSettings
from planted import audit_of, pick, planted_table

QUICK = AuditSettings(n_resamples=100, operating_point="none", calibration="none")


def crossed(seed, *, spread, n_patients=240):
    """An audit of 4 × 3 cells, and the true AUROC of each cell."""
    rng = np.random.default_rng(seed)
    first, second = rng.integers(0, 4, n_patients), rng.integers(0, 3, n_patients)
    distances = 1.5 + spread * rng.normal(size=(4, 3))
    positive = rng.random(n_patients) < 0.4
    frame = pd.DataFrame(
        {
            "file": [f"i{k}" for k in range(n_patients)],
            "pid": [f"p{k}" for k in range(n_patients)],
            "first": [f"a{k}" for k in first],
            "second": [f"b{k}" for k in second],
            "Edema": positive.astype(int),
            "score": rng.normal(size=n_patients) + positive * distances[first, second],
        }
    )
    dataset = from_frame(
        frame,
        name="t",
        root=".",
        image="file",
        patient="pid",
        findings=["Edema"],
        attributes=["first", "second"],
    )
    scores = scores_from_wide(frame, image="file", columns={"Edema": "score"}, model="m")
    settings = AuditSettings(n_resamples=0, operating_point="none", calibration="none")
    found = audit(dataset, scores, attributes=["first*second"], settings=settings).results
    truth = {
        f"a{i}, b{j}": float(ndtr(distances[i, j] / np.sqrt(2))) for i in range(4) for j in range(3)
    }
    return found, truth


@pytest.mark.slow
@pytest.mark.parametrize("spread", [0.0, 0.4])
def test_shrunken_cells_are_nearer_to_the_truth(spread):
    """Mean squared error over 30 cohorts of twelve cells with about 20 patients each."""
    raw, shrunk = [], []
    for seed in range(30):
        found, truth = crossed(seed, spread=spread)
        for row in pick(found, analysis=Analysis.SHRUNKEN).dropna(subset="value").itertuples():
            own = pick(
                found, analysis=Analysis.SUBGROUPS, metric="auroc", group=row.group, reference=""
            )
            raw.append((own["value"].iloc[0] - truth[row.group]) ** 2)
            shrunk.append((row.value - truth[row.group]) ** 2)

    assert len(raw) > 250
    assert np.mean(shrunk) < 0.8 * np.mean(raw)


def test_rows_are_labelled_and_never_judged():
    """Analysis, note, counts and interval; of intersections alone."""
    found = audit_of(planted_table(1), attributes=["sex", "sex*race"], settings=QUICK)

    rows = pick(found, analysis=Analysis.SHRUNKEN)
    raw = pick(
        found, analysis=Analysis.SUBGROUPS, metric="auroc", attribute="sex*race", reference=OVERALL
    )
    assert set(rows["attribute"]) == {"sex*race"}
    assert len(rows) == len(raw) == 12
    assert set(rows["verdict"]) == {""}
    assert rows["p_value"].isna().all()
    assert rows["note"].str.contains("exploratory").all()
    assert (rows["low"] < rows["value"]).all()
    assert (rows["value"] < rows["high"]).all()
    assert rows["n"].tolist() == raw["n"].tolist()
    assert rows["value"].std() < raw["value"].std()


def test_cells_that_say_nothing_are_left_out_and_counted():
    """Perfectly ranked, of the others."""
    frame = planted_table(1)
    women = (frame["sex"] == "F") & (frame["race"] == "asian")
    frame.loc[women, "score_Cardiomegaly"] = frame.loc[women, "Cardiomegaly"] * 10.0

    found = audit_of(frame, attributes=["sex*race"], settings=QUICK)

    rows = pick(found, analysis=Analysis.SHRUNKEN, finding="Cardiomegaly")
    assert len(rows) == 6
    assert rows["value"].notna().sum() == 5
    assert rows["note"].str.contains("1 left out").all()
    (reasons,) = rows.loc[rows["value"].isna(), "reasons"]
    assert "UNDEFINED_VALUE" in reasons


def test_all_is_hidden_where_small_cells_are():
    """Each row would depend on them; the rows themselves are those of any audit."""
    settings = AuditSettings(
        n_resamples=100, operating_point="none", calibration="none", suppress_below=11
    )

    rows = pick(
        audit_of(planted_table(1), attributes=["sex*race"], settings=settings),
        analysis=Analysis.SHRUNKEN,
    )

    assert len(rows) == 12
    assert set(rows["reasons"]) == {"SUPPRESSED"}
    assert rows[["value", "low", "high"]].isna().all(axis=None)
    assert set(rows["note"]) == {""}


def test_two_cells_are_not_shrunk():
    """Their spread has one degree of freedom."""
    frame = planted_table(1)
    frame = frame[frame["race"] == "asian"]

    rows = pick(
        audit_of(frame, attributes=["sex*race"], settings=QUICK), analysis=Analysis.SHRUNKEN
    )

    assert rows["value"].isna().all()
    assert rows["note"].str.contains("fewer than 3 cells").all()
