"""No hidden count can be worked out of what an audit publishes."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from count_attack import OF_IMAGES, OF_PATIENTS, Attack, cells, levels

from cxraudit.audits.run import audit
from cxraudit.audits.scores import scores_from_wide
from cxraudit.datasets.base import NO_GROUP
from cxraudit.datasets.table import from_frame
from cxraudit.schema import COMPLEMENT, Analysis, Reason, has_reason, is_level
from cxraudit.settings import AuditSettings

BELOW = 11
FINDINGS = ("Edema", "Mass")
COUNTS = {"n_resamples": 0, "operating_point": "none", "calibration": "none"}


def cohort_table(seed: int, *, n_patients: int = 300) -> pd.DataFrame:
    """Patients of rare and of frequent groups; `region` is coarser than `race`, `site` differs by image."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(n_patients), rng.integers(1, 4, size=n_patients))
    shares = rng.dirichlet(np.full(6, 0.5))
    race = rng.choice(list("abcdef"), size=n_patients, p=shares)
    sex = rng.choice(["female", "male"], size=n_patients, p=[0.3, 0.7])
    unknown = rng.random(n_patients) < rng.choice([0, 0.02, 0.2])
    frame = pd.DataFrame(
        {
            "file": [f"i{k:04d}" for k in range(patient.size)],
            "pid": patient,
            "race": np.where(unknown, "unknown", race)[patient],
            "region": np.where(unknown, "unknown", np.where(race < "c", "x", "y"))[patient],
            "sex_": sex[patient],
            "site": rng.choice(["p", "q", "r"], size=patient.size, p=[0.7, 0.27, 0.03]),
        }
    )
    for finding, share in zip(FINDINGS, (0.3, rng.choice([0.03, 0.08, 0.4])), strict=True):
        label = rng.random(patient.size) < share * np.where(frame["race"] == "a", 0.3, 1)
        frame[finding] = label.astype(int)
        frame[f"score_{finding}"] = label + rng.normal(size=patient.size)
    return frame


def audited(frame: pd.DataFrame, below: int, **settings):
    """Audit a table by its attributes, with an intersection."""
    attributes = ["race", "region", "sex_", "site"]
    dataset = from_frame(
        frame,
        name="t",
        root=".",
        image="file",
        patient="pid",
        findings=list(FINDINGS),
        attributes=attributes,
    )
    scores = scores_from_wide(
        frame, image="file", columns={f: f"score_{f}" for f in FINDINGS}, model="m"
    )
    return audit(
        dataset,
        scores,
        attributes=[*attributes, "race*sex_"],
        settings=AuditSettings(**{**COUNTS, **settings}, suppress_below=below),
    )


def parts_of(frame: pd.DataFrame) -> dict[str, dict[str, dict[str, str]]]:
    """Return which groups lie in which others: races in regions, intersections in their parts.

    Of patients of unknown race the sex is known, so that intersections do not add up to the sexes.
    """
    races = sorted(set(frame["race"]) - {"unknown"})
    crossed = {
        f"{race}, {sex}": {"race": race, "sex_": sex}
        for race, sex in product(races, ("female", "male"))
    }
    if (frame["race"] == "unknown").any():
        crossed = {name: {"race": of["race"]} for name, of in crossed.items()}
    return {
        "race": {race: {"region": "x" if race < "c" else "y"} for race in races},
        "race*sex_": crossed,
    }


@pytest.fixture(scope="module", params=range(12))
def published(request):
    """A table, its audit, and the same audit with small cells hidden."""
    frame = cohort_table(request.param)
    return frame, audited(frame, 0), audited(frame, BELOW)


def test_small_counts_are_not_published(published):
    """Neither in a row, nor as the difference of two of its counts."""
    _, _, hidden = published

    rows = hidden.results
    for first, second in (("n", "n_positive"), ("n_patients", "n_positive_patients")):
        for count in (rows[first], rows[second], rows[first] - rows[second]):
            assert not count.dropna().between(1, BELOW - 1).any()


def test_hidden_counts_do_not_follow_from_published_ones(published):
    """By sums over groups, over intersections, over a coarser attribute, and over findings."""
    frame, plain, hidden = published

    for counts in (OF_IMAGES, OF_PATIENTS):
        known = {
            key: value
            for key, value in cells(hidden.results, counts).items()
            if counts == OF_IMAGES or key[1] != "site"
        }
        attack = Attack(known, parts_of(frame))
        truth = cells(plain.results, counts)
        assert [key for key in attack.determined() if 0 < truth[key] < BELOW] == []
        assert attack.small_sums(BELOW) == []


def test_a_small_count_could_as_well_be_large(published):
    """Nothing published shows that a hidden cell is one of the small ones."""
    frame, plain, hidden = published
    truth = cells(plain.results, OF_IMAGES)
    attack = Attack(cells(hidden.results, OF_IMAGES), parts_of(frame))

    small = [key for key in attack.hidden if 0 < truth[key] < BELOW]

    for key in small:
        low, high = attack.reach(key)
        assert low <= truth[key] <= high
        assert high >= BELOW


def test_no_group_is_compared_with_a_small_rest(published):
    """The difference would give the estimate of the rest."""
    _, plain, hidden = published
    sizes = levels(plain.results).set_index(["finding", "attribute", "group"]).sort_index()
    rows = hidden.results
    gaps = rows[(rows["reference"] == COMPLEMENT) & ~has_reason(rows, Reason.SUPPRESSED)]

    for row in gaps.drop_duplicates(["finding", "attribute", "group"]).to_dict("records"):
        own = sizes.loc[(row["finding"], row["attribute"])]
        rest = own[~own.index.isin([row["group"], *NO_GROUP])]
        for count in ("n", "n_positive"):
            assert not 0 < rest[count].sum() < BELOW


def test_hidden_rows_hold_no_number(published):
    """Neither an estimate, nor a count, a p-value or a word on them."""
    _, _, hidden = published
    rows = hidden.results[has_reason(hidden.results, Reason.SUPPRESSED)]

    numbers = ["value", "low", "high", "p_value", "p_adjusted", "detectable_gap"]
    assert (
        rows[[*numbers, "n", "n_positive", "n_patients", "n_positive_patients"]].isna().all().all()
    )
    assert (rows[["verdict", "note", "method"]] == "").all().all()


def test_what_is_shown_is_what_was_computed(published):
    """Rows keep their place and, rounded, their numbers; large groups stay."""
    _, plain, hidden = published

    shown = ~has_reason(hidden.results, Reason.SUPPRESSED)
    before, after = plain.results[shown.to_numpy()], hidden.results[shown]
    assert np.allclose(before["value"], after["value"], atol=0.0005001, equal_nan=True)
    assert (before["verdict"] == after["verdict"]).all()
    overall = hidden.results[is_level(hidden.results) & (hidden.results["attribute"] == "")]
    assert overall.loc[overall["finding"] == "Edema", "n"].notna().any()
    sexes = hidden.results[
        (hidden.results["attribute"] == "sex_") & (hidden.results["finding"] == "Edema")
    ]
    assert not has_reason(sexes, Reason.SUPPRESSED).any()


def test_rates_are_shares_of_counts_that_are_not_small():
    """Flagged and missed images with and without the finding are as many as 11, or none."""
    frame = cohort_table(1, n_patients=500)
    plain = audited(frame, 0, operating_point="fpr=0.3", calibration="none")
    hidden = audited(frame, BELOW, operating_point="fpr=0.3", calibration="none")

    shown = ~has_reason(hidden.results, Reason.SUPPRESSED).to_numpy()
    rows = plain.results[shown & is_level(plain.results)]
    rows = rows[rows["analysis"] == Analysis.OPERATING_POINT]
    of = {
        "tpr": rows["n_positive"],
        "fpr": rows["n"] - rows["n_positive"],
        "selection_rate": rows["n"],
    }
    assert len(rows)
    for metric, base in of.items():
        chosen = rows["metric"] == metric
        flagged = (rows["value"] * base)[chosen].dropna().round()
        for count in (flagged, base[chosen].loc[flagged.index] - flagged):
            assert not count.between(1, BELOW - 1).any()
    published = hidden.results[hidden.results["analysis"] == Analysis.OPERATING_POINT]
    assert published["n"].isna().all()
    assert (published["value"].dropna().round(2) == published["value"].dropna()).all()


def test_a_hidden_rate_does_not_follow_from_that_of_another_model():
    """Where a model has a hidden rate, its difference to another one is hidden, too."""
    frame = cohort_table(1, n_patients=500)
    scores = scores_from_wide(
        frame, image="file", columns={f: f"score_{f}" for f in FINDINGS}, model="m"
    )
    few = scores.assign(model="few")
    dataset = from_frame(
        frame,
        name="t",
        root=".",
        image="file",
        patient="pid",
        findings=list(FINDINGS),
        attributes=["race", "sex_"],
    )
    top = {
        f"few:{f}": float(scores[scores["finding"] == f]["score"].nlargest(5).min())
        for f in FINDINGS
    }
    settings = AuditSettings(
        **{**COUNTS, "operating_point": "fpr=0.3"}, thresholds=top, suppress_below=BELOW
    )
    rows = audit(dataset, pd.concat([scores, few]), settings=settings).results

    compared = rows[(rows["analysis"] == Analysis.MODELS) & rows["metric"].isin(["tpr", "fpr"])]
    overall = rows[(rows["model"] == "few") & (rows["attribute"] == "") & (rows["metric"] == "tpr")]
    hidden = has_reason(rows, Reason.SUPPRESSED)
    assert len(compared)
    assert hidden[overall[overall["analysis"] == Analysis.OPERATING_POINT].index].all()
    assert hidden[compared.index].all()
