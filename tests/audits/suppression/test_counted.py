"""Counts of nearly the same images: their difference is not published."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from cxraudit.audits.run import audit
from cxraudit.audits.scores import scores_from_wide
from cxraudit.datasets.table import from_frame
from cxraudit.schema import OVERALL, Analysis, is_level
from cxraudit.settings import AuditSettings

BELOW = 11
FINDINGS = ("Edema", "Mass", "Nodule", "Mass effect")
MISSING = {"Edema": 0, "Mass": 3, "Nodule": 40, "Mass effect": 43}
"""The first images have no label: those without one of `Nodule` are among those without `Mass effect`."""
UNSCORED = {"m": 0, "n": 5}
"""The first images have no score."""


@pytest.fixture(scope="module")
def published():
    """An audit of two models and four findings, in which a few labels and scores are missing."""
    rng = np.random.default_rng(0)
    n = 400
    frame = pd.DataFrame({"file": [f"i{k}" for k in range(n)], "pid": range(n)})
    frame["sex"] = rng.choice(["female", "male"], n)
    scores = []
    for finding in FINDINGS:
        label = (rng.random(n) < 0.4).astype(float)
        for model, unscored in UNSCORED.items():
            frame[f"{model} {finding}"] = label + rng.normal(size=n)
            columns = {finding: f"{model} {finding}"}
            part = frame.iloc[unscored:]
            scores.append(scores_from_wide(part, image="file", columns=columns, model=model))
        label[: MISSING[finding]] = np.nan
        frame[finding] = label
    dataset = from_frame(
        frame, name="t", root=".", image="file", patient="pid", findings=list(FINDINGS), sex="sex"
    )
    settings = AuditSettings(
        n_resamples=0, operating_point="none", calibration="none", suppress_below=BELOW
    )
    return audit(dataset, pd.concat(scores), settings=settings)


def test_no_two_counts_differ_by_a_few(published):
    """Of all images, of labelled and of scored ones: sizes of sets that lie within each other."""
    rows = published.results
    levels = rows[(rows["analysis"] == Analysis.SUBGROUPS) & is_level(rows)]
    exclusions = published.exclusions.set_index("step")["images"]
    n_images = published.facts["images"]
    sizes = {int(n) for n in levels.loc[levels["attribute"] == OVERALL, "n"].dropna()}
    sizes |= {n_images, *(n_images - int(n) for n in exclusions.dropna())}

    assert n_images == 400
    assert 357 in sizes
    for first, second in combinations(sorted(sizes), 2):
        assert second - first >= BELOW


def test_groups_are_counted_where_their_sum_is(published):
    """Without a count over all images, those of the groups would give it."""
    rows = published.results[published.results["analysis"] == Analysis.SUBGROUPS]
    for _, part in rows.groupby(["model", "finding"]):
        overall = part["attribute"] == OVERALL
        assert part.loc[overall, "n"].notna().any() or part["n"].isna().all()


def test_estimates_stay_where_counts_are_hidden(published):
    """A finding with three missing labels is audited like the others."""
    rows = published.results
    mass = rows[(rows["finding"] == "Mass") & (rows["attribute"] == OVERALL) & is_level(rows)]

    assert mass["n"].isna().all()
    assert mass.loc[mass["metric"] == "auroc", "value"].notna().all()


def test_small_exclusions_are_hidden(published):
    """Three images without a label, and five without a score."""
    images = published.exclusions.set_index("step")["images"]

    assert images["labelled: Mass effect"] == 43
    assert images[["labelled: Mass", "labelled: Nodule", "scored: n, Edema"]].isna().all()
