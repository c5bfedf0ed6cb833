"""Calibration check on synthetic data with known truth: effects are detected, and no others.

Each cohort is 400 synthetic patients with about 1,200 images, drawn, encoded with the shipped model,
scored and audited. *Effects on* is the default of the phantom: chest drains are associated with
pneumothorax, and findings are faint at 80 and over. *Effects off* draws the same patients with findings of
the same contrast at every age, and without the drains that the tables list. Sex and race never have an
effect. An audit has 6 × 12 comparisons; Holm's adjustment keeps the probability of any false disparity below
5 % per family (and seeds are fixed).
"""

from dataclasses import replace

import pandas as pd
import pytest

from cxraudit import datasets, models, prompts
from cxraudit.audits.run import audit
from cxraudit.encode import encode_images
from cxraudit.phantom.releases import write_release
from cxraudit.phantom.spec import PhantomSpec
from cxraudit.schema import COMPLEMENT, WITHOUT, Analysis
from cxraudit.settings import AuditSettings
from cxraudit.stats.estimate import Verdict
from cxraudit.store import EmbeddingStore
from cxraudit.zeroshot import zero_shot_scores

OFF = {"finding_contrast": {}, "drain_visibility": 0.0}


def auroc_gaps(seed: int, folder, *, effects: bool) -> pd.DataFrame:
    """Return the AUROC gaps of one cohort, by group and by shortcut, with verdicts."""
    spec = PhantomSpec(n_patients=400, seed=seed, **({} if effects else OFF))
    write_release(spec, folder / "release", "nih", n_workers=2)
    dataset = datasets.load("nih-cxr14", folder / "release").choose_findings(list(spec.prevalence))
    drawn = pd.read_parquet(folder / "release" / "phantom_images.parquet")
    images = dataset.images.assign(race=drawn["race"])
    dataset = replace(dataset, images=images, attributes=("age_group", "sex", "race"))
    model = models.load("phantom-clip")
    encode_images(images, {"m": model}, folder / "embeddings")
    index, embeddings = EmbeddingStore(folder / "embeddings" / "m").read()
    scores = zero_shot_scores(index, embeddings, model, dataset.findings, prompts.load("paper"))
    results = audit(dataset, scores, settings=AuditSettings(n_resamples=1000, seed=seed)).results
    by_group = (results["analysis"] == Analysis.SUBGROUPS) & (results["reference"] == COMPLEMENT)
    by_shortcut = (results["analysis"] == Analysis.SHORTCUT) & (results["reference"] == WITHOUT)
    return results[(results["metric"] == "auroc") & (by_group | by_shortcut)]


def detected_effects(seeds, folder) -> pd.DataFrame:
    """Return one row per cohort: whether a disparity was reported, by attribute."""
    rows = []
    for seed in seeds:
        for effects in (True, False):
            gaps = auroc_gaps(seed, folder / f"{seed}-{effects}", effects=effects)
            found = gaps[gaps["verdict"] == Verdict.DISPARITY]
            oldest = found[found["group"] == "80+"]
            rows.append(
                {
                    "seed": seed,
                    "effects": effects,
                    **{
                        name: (found["attribute"] == name).any()
                        for name in ("age_group", "drain", "sex", "race")
                    },
                    "at 80+": (oldest["value"] < 0).any(),
                }
            )
    return pd.DataFrame(rows)


@pytest.mark.slow
def test_effects_are_detected_and_no_others(tmp_path):
    """Both effects in the cohort with effects; no disparity in that without, nor by sex and race."""
    table = detected_effects([4001], tmp_path)
    on, off = table[table["effects"]], table[~table["effects"]]

    assert on["drain"].all()
    assert on["at 80+"].all()
    assert not off[["age_group", "drain"]].any(axis=None)
    assert not table[["sex", "race"]].any(axis=None)


@pytest.mark.slow
def test_error_rates_over_many_cohorts(tmp_path):
    """24 seeds with effects on and off; prints the table of the documentation (run with -s)."""
    table = detected_effects(range(5001, 5025), tmp_path)
    counts = table.groupby("effects")[["age_group", "at 80+", "drain", "sex", "race"]].sum()
    print(counts.to_string())  # noqa: T201

    assert (counts.loc[True, ["at 80+", "drain"]] >= 21).all()
    assert (counts.loc[False, ["age_group", "drain"]] <= 2).all()
    assert (counts[["sex", "race"]] <= 2).all().all()
