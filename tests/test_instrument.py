"""The instrument reads true: what is planted in the images is reported, what is not is not.

Each cohort is 400 synthetic patients with about 1,200 images, drawn, encoded with the shipped model,
scored and audited like a real one. ``on`` is the phantom's default: a chest drain goes with
pneumothorax, and findings are faint at 80 and over. ``off`` draws the same patients with findings
equally clear at every age and without the drains that the tables list. Sex and race never have an
effect. One audit makes 6 × 12 comparisons; Holm keeps the chance of any false disparity below 5 %
per audit and family, so of 6 quiet readings 2 or more would be false in 1 of 17 runs of the quick
test at worst (and the seeds are fixed).
"""

from dataclasses import replace

import pandas as pd
import pytest

from cxraudit import datasets, models, prompts
from cxraudit.audits.cells import AuditSettings
from cxraudit.audits.run import audit
from cxraudit.encode import encode_images
from cxraudit.phantom.releases import write_release
from cxraudit.phantom.spec import PhantomSpec
from cxraudit.store import EmbeddingStore
from cxraudit.zeroshot import zero_shot_scores

OFF = {"finding_contrast": {}, "drain_visibility": 0.0}


def reading(seed: int, folder, *, planted: bool) -> pd.DataFrame:
    """Return the judged AUROC gaps of one cohort."""
    spec = PhantomSpec(n_patients=400, seed=seed, **({} if planted else OFF))
    write_release(spec, folder / "release", "nih", n_workers=2)
    dataset = datasets.load("nih-cxr14", folder / "release").choose_findings(list(spec.prevalence))
    drawn = pd.read_parquet(folder / "release" / "phantom_images.parquet")
    images = dataset.images.assign(race=drawn["race"])
    dataset = replace(dataset, images=images, attributes=("age_group", "sex", "race"))
    model = models.load("phantom-clip")
    encode_images(images, {"m": model}, folder / "embeddings")
    index, rows = EmbeddingStore(folder / "embeddings" / "m").read()
    scores = zero_shot_scores(index, rows, model, dataset.findings, prompts.load("paper"))
    results = audit(dataset, scores, settings=AuditSettings(n_resamples=1000, seed=seed)).results
    return results[(results["metric"] == "auroc") & results["reference"].isin(["rest", "without"])]


def disparities(gaps: pd.DataFrame, attribute: str) -> int:
    """Count the disparities reported for an attribute."""
    return int(((gaps["attribute"] == attribute) & (gaps["verdict"] == "disparity")).sum())


def table_of_readings(seeds, folder) -> pd.DataFrame:
    """One row per cohort: whether anything was reported, by attribute."""
    rows = []
    for seed in seeds:
        for planted in (True, False):
            gaps = reading(seed, folder / f"{seed}-{planted}", planted=planted)
            found = {a: disparities(gaps, a) > 0 for a in ("age_group", "drain", "sex", "race")}
            oldest = gaps[(gaps["group"] == "80+") & (gaps["verdict"] == "disparity")]
            rows.append(
                {"seed": seed, "planted": planted, **found, "at 80+": (oldest["value"] < 0).any()}
            )
    return pd.DataFrame(rows)


def test_planted_effects_are_reported_and_nothing_else(tmp_path):
    """3 seeds, on and off: both effects in all 3 cohorts, at most one false reading in the 3 without
    and in the 6 for sex and race.
    """
    table = table_of_readings(range(4001, 4004), tmp_path)
    on, off = table[table["planted"]], table[~table["planted"]]

    assert on["drain"].all()
    assert on["at 80+"].all()
    assert off[["age_group", "drain"]].any(axis=1).sum() <= 1
    assert table[["sex", "race"]].any(axis=1).sum() <= 1


@pytest.mark.slow
def test_error_rates_over_many_cohorts(tmp_path):
    """24 seeds, on and off; prints the table of the documentation (run with -s)."""
    table = table_of_readings(range(5001, 5025), tmp_path)
    counts = table.groupby("planted")[["age_group", "at 80+", "drain", "sex", "race"]].sum()
    print(counts.to_string())  # noqa: T201

    assert (counts.loc[True, ["at 80+", "drain"]] >= 21).all()
    assert (counts.loc[False, ["age_group", "drain"]] <= 2).all()
    assert (counts[["sex", "race"]] <= 2).all().all()
