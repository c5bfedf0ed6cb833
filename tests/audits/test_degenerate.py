"""What does not vary in a bootstrap: an interval that does not collapse, or a difference of exactly 0."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cxraudit.audits.engine import Engine
from cxraudit.audits.measures import Flagged
from cxraudit.audits.perturbations import audit_perturbations
from cxraudit.audits.plan import (
    Comparison,
    Level,
    Statistic,
    average,
    key,
    minus,
    ranking,
)
from cxraudit.audits.run import audit
from cxraudit.audits.verdicts import judged
from cxraudit.metrics import METRICS
from cxraudit.schema import (
    COMPLEMENT,
    EXPLORATORY,
    OVERALL,
    Analysis,
    Confirmatory,
    Reason,
    is_level,
)
from cxraudit.settings import AuditSettings
from cxraudit.stats.delong import newcombe
from planted import (
    POINT,
    QUICK,
    RANKED,
    audit_of,
    cohort_of,
    perturbed_scores,
    pick,
    planted_dataset,
    planted_scores,
    planted_table,
    sample_of_finding,
    the,
    unchanged,
)

SETTINGS = replace(RANKED, n_resamples=200)
CARDIOMEGALY = {"finding": "Cardiomegaly", "metric": "auroc"}


@pytest.fixture(scope="module")
def frame():
    """Images of 150 patients."""
    return planted_table(40, n_patients=150)


@pytest.fixture(scope="module")
def sample(frame):
    """The images of cardiomegaly."""
    return sample_of_finding(cohort_of(frame, settings=SETTINGS), frame, "Cardiomegaly")


def evaluated(frame, items, settings=SETTINGS):
    """Items with their verdicts."""
    return judged(Engine(cohort_of(frame, settings=settings)).evaluate(items), settings)


def scored(frame, score, **changed):
    """The table with other scores of cardiomegaly."""
    return frame.assign(score_Cardiomegaly=score, **changed)


def a_gap(cell, other, metric="auroc", **more):
    """A comparison of two cells."""
    return Comparison(
        key=key(cell.sample, Analysis.SUBGROUPS, group="g", reference=COMPLEMENT),
        metric=metric,
        group=ranking(cell, metric),
        reference=ranking(other, metric),
        cells=(cell, other),
        family=Confirmatory.PRIMARY,
        **more,
    )


@pytest.fixture(scope="module")
def constant(frame):
    """The audit of scores that are all 0.3, a number that is no sum of powers of 2."""
    return audit_of(scored(frame, 0.3), settings=replace(SETTINGS, calibration="platt"))


def test_constant_scores_have_an_auroc_of_exactly_one_half(constant):
    """In every group, with an interval that is the value, since no patient can change it."""
    levels = pick(constant, analysis=Analysis.SUBGROUPS, reference="", **CARDIOMEGALY)

    assert set(levels["value"]) == set(levels["low"]) == set(levels["high"]) == {0.5}
    assert levels["reasons"].str.contains(Reason.CONSTANT_SCORES).all()


def test_groups_of_constant_scores_are_equivalent(constant):
    """By every ranking metric, as observed and standardised; rounding is no difference."""
    gaps = pick(constant, finding="Cardiomegaly")
    gaps = gaps[(gaps["reference"] == COMPLEMENT) & ~gaps["reasons"].str.contains("TOO_FEW")]
    judged_ones = gaps[gaps["family"] != EXPLORATORY]

    assert len(gaps) > 40
    assert set(gaps["value"]) == set(gaps["low"]) == set(gaps["high"]) == {0}
    assert len(judged_ones) > 8
    assert set(judged_ones["verdict"]) == {"equivalent"}
    assert set(judged_ones["low_simultaneous"]) == set(judged_ones["high_simultaneous"]) == {0}


def test_constant_scores_have_no_influence_on_another_finding(frame, constant):
    """Its rows are those of an audit of its own: nothing is counted among the tests of its family."""
    both = pick(constant, finding="Pneumothorax", metric="auroc").reset_index(drop=True)

    alone = audit_of(
        frame.drop(columns=["Cardiomegaly", "score_Cardiomegaly"]),
        settings=replace(SETTINGS, calibration="platt"),
    )

    own = pick(alone, metric="auroc").reset_index(drop=True)
    both, own = (rows[rows["analysis"] != Analysis.HETEROGENEITY] for rows in (both, own))
    numbers = ["value", "low", "high", "p_value", "p_adjusted", "detectable_gap"]
    pd.testing.assert_frame_equal(both[numbers], own[numbers], rtol=0, atol=1e-12)


@pytest.mark.parametrize(("sign", "value"), [(1, 1.0), (-1, 0.0)])
def test_perfect_scores_have_an_interval_and_so_have_their_gaps(frame, sign, value):
    """AUROC 1 (or 0): Newcombe's interval over patients, and a gap of 0 from the limits of both sides."""
    rows = pick(audit_of(scored(frame, sign * frame["Cardiomegaly"]), settings=SETTINGS))

    levels = pick(rows, analysis=Analysis.SUBGROUPS, reference="", **CARDIOMEGALY)
    gaps = pick(rows, analysis=Analysis.SUBGROUPS, reference=COMPLEMENT, **CARDIOMEGALY)
    assert set(levels["value"]) == {value}
    assert (levels["high"] - levels["low"] > 0.005).all()
    assert (levels["low" if value == 0 else "high"] == value).all()
    assert set(levels["method"]) == {"Newcombe score interval over patients"}
    enough = gaps[~gaps["reasons"].str.contains("TOO_FEW")]
    assert set(enough["value"]) == {0}
    assert (enough["low"] < -0.005).all()
    assert (enough["high"] > 0.005).all()
    small = (enough["high"] < 0.04) & (enough["low"] > -0.04)
    assert set(enough.loc[small, "verdict"]) <= {"equivalent"}
    assert "inconclusive" in set(enough["verdict"])


def test_xauc_of_one_has_an_interval(frame):
    """It is an AUROC of positives of one group and negatives of others."""
    rows = audit_of(scored(frame, frame["Cardiomegaly"]), settings=SETTINGS, attributes=["sex"])

    row = the(rows, finding="Cardiomegaly", metric="xauc", group="female", reference="")

    label = frame["Cardiomegaly"] == 1
    n_positive = frame.loc[label & (frame["sex"] == "F"), "pid"].nunique()
    n_negative = frame.loc[~label & (frame["sex"] == "M"), "pid"].nunique()
    assert (row["low"], row["high"]) == newcombe(1.0, n_positive, n_negative)


def test_the_interval_of_a_perfect_ranking_does_not_collapse_for_many_patients():
    """With 100,000 patients in each class the limit is still below 1, and near the rule of three."""
    low, high = newcombe(1.0, 100_000, 100_000)

    assert high == 1.0
    assert 0 < 1 - low < 3e-5


@pytest.mark.parametrize(
    ("value", "n_positive", "n_negative"),
    [(1.0, 12, 80), (0.0, 40, 40), (0.7, 15, 9), (0.99, 5, 5)],
)
def test_the_limits_of_newcombe_solve_the_score_equation(value, n_positive, n_negative):
    """|value − θ| = z·√V(θ) at each limit that is not the value itself."""
    limits = newcombe(value, n_positive, n_negative, confidence_level=0.9)

    half = (n_positive + n_negative) / 2 - 1
    for theta in limits:
        spread = theta * (1 - theta) / (n_positive * n_negative)
        spread *= 1 + half * (1 - theta) / (2 - theta) + half * theta / (1 + theta)
        assert abs(value - theta) == pytest.approx(1.6448536269514722 * spread**0.5, abs=1e-9)


@pytest.mark.parametrize(
    "settings",
    [
        replace(SETTINGS, interval="bca"),
        replace(SETTINGS, confidence_level=0.8),
        replace(SETTINGS, resample="images"),
    ],
)
def test_no_option_changes_what_is_exact(frame, settings):
    """BCa, another level, images resampled: groups of constant scores are equivalent all the same."""
    rows = audit_of(scored(frame, 0.3), settings=settings, attributes=["sex"])

    gap = the(
        rows, group="female", reference=COMPLEMENT, analysis=Analysis.SUBGROUPS, **CARDIOMEGALY
    )
    assert (gap["value"], gap["low"], gap["high"]) == (0, 0, 0)
    assert gap["verdict"] == "equivalent"


@pytest.mark.parametrize("score", [0.3, None])
def test_without_resamples_nothing_is_called_equivalent(frame, score):
    """Values are there; intervals and verdicts rest on resamples."""
    table = scored(frame, frame["Cardiomegaly"] if score is None else score)

    rows = audit_of(table, settings=replace(SETTINGS, n_resamples=0), attributes=["sex"])

    own = pick(rows, finding="Cardiomegaly")
    assert own["low"].isna().all()
    gaps = own[(own["reference"] == COMPLEMENT) & (own["family"] != EXPLORATORY)]
    assert set(gaps["verdict"]) == {"inconclusive"}


def test_too_few_patients_are_not_called_equivalent(frame):
    """Nine positive patients of a race who are ranked perfectly, like all others."""
    positive = frame["Cardiomegaly"] == 1
    few = frame.loc[positive, "pid"].drop_duplicates().head(9)
    healthy = frame.loc[~positive, "pid"].drop_duplicates().tail(40)
    kept = frame[~(frame["pid"].isin(few) & ~positive) & ~(frame["pid"].isin(healthy) & positive)]
    race = np.where(kept["pid"].isin([*few, *healthy]), "rare", "other")
    table = scored(kept.assign(race=race).reset_index(drop=True), 0.0)
    table["score_Cardiomegaly"] = table["Cardiomegaly"]

    rows = audit_of(table, settings=SETTINGS, attributes=["race"])

    gap = the(rows, group="rare", reference=COMPLEMENT, analysis=Analysis.SUBGROUPS, **CARDIOMEGALY)
    assert gap["value"] == 0
    assert gap["low"] < -0.1
    assert gap["verdict"] == "inconclusive"
    assert gap["reasons"] == Reason.TOO_FEW_PATIENTS


def test_a_constant_group_is_compared_by_the_limits_of_both_sides(frame, sample):
    """Its AUROC of 0.5 varies in no resample, but is no more certain than from as many patients."""
    half = sample.patients % 2 == 0
    partly = sample.with_(y_score=np.where(half, 0.3, sample.y_score))
    first, second = partly.cell(half), partly.cell(~half)
    level = Level(
        key=key(partly, Analysis.SUBGROUPS), metric="auroc", quantity=ranking(first), cell=first
    )

    area, gap = evaluated(frame, [level, a_gap(first, second)])

    assert area.found.value == 0.5
    assert area.found.low < 0.45
    assert gap.found.method == "limits of both sides (MOVER)"
    assert gap.found.low < gap.found.value - (area.found.value - area.found.low)


def test_a_difference_that_is_the_same_in_every_resample_has_an_interval(frame, sample):
    """One half ranked perfectly, one in reverse: +1 always, with the error of both areas."""
    half = sample.patients % 2 == 0
    table = sample.with_(y_score=np.where(half, sample.y_true, ~sample.y_true).astype(float))

    (gap,) = evaluated(frame, [a_gap(table.cell(half), table.cell(~half))])

    assert gap.found.value == 1
    assert 0.9 < gap.found.low < 0.999
    assert gap.verdict == "disparity"


def test_a_difference_of_gaps_that_is_the_same_in_every_resample_has_an_interval(frame, sample):
    """Of a model that is perfect in one half and reversed in the other, and one that is perfect."""
    half = sample.patients % 2 == 0
    mixed = sample.with_(y_score=np.where(half, sample.y_true, ~sample.y_true).astype(float))
    perfect = sample.with_(y_score=sample.y_true.astype(float))
    gaps = [minus(ranking(s.cell(half)), ranking(s.cell(~half))) for s in (mixed, perfect)]
    comparison = Comparison(
        key=key(mixed, Analysis.MODELS, reference="n"),
        metric="auroc",
        group=gaps[0],
        reference=gaps[1],
        cells=(mixed.cell(half), mixed.cell(~half)),
        family=Confirmatory.PRIMARY,
        scale="plain",
    )

    (gap,) = evaluated(frame, [comparison])

    assert gap.found.value == 1
    assert 0.8 < gap.found.low < 0.999
    assert gap.found.method == "limits of both sides (MOVER)"


def test_a_mean_of_perfect_areas_has_the_mean_of_their_limits(frame, sample):
    """Areas on shared negatives vary together, so that their errors are added."""
    perfect = sample.with_(y_score=sample.y_true.astype(float))
    half = perfect.patients % 2 == 0
    cells = (perfect.cell(half), perfect.cell(~half))
    named = key(perfect, Analysis.SHORTCUT_PREVALENCE)
    items = [Level(key=named, metric="auroc", quantity=ranking(c), cell=c) for c in cells]
    both = Level(
        key=named,
        metric="auroc",
        quantity=average([ranking(cell) for cell in cells]),
        cell=perfect.everything,
        parts=cells,
    )

    first, second, mean = evaluated(frame, [*items, both])

    assert mean.found.value == 1
    assert mean.found.low == pytest.approx((first.found.low + second.found.low) / 2)
    assert mean.found.high == 1


@pytest.mark.parametrize(
    ("metric", "threshold", "value"),
    [
        ("tpr", 99.0, 0),
        ("fpr", 99.0, 0),
        ("selection_rate", 99.0, 0),
        ("tpr", -99.0, 1),
        ("fpr", -99.0, 1),
        ("npv", "below the positives", 1),
        ("ppv", "above the negatives", 1),
    ],
)
def test_a_rate_of_0_or_1_has_an_interval_that_does_not_collapse(
    frame, sample, metric, threshold, value
):
    """Wilson's, over the patients of the images that the rate is a share of."""
    positives, negatives = sample.y_score[sample.y_true], sample.y_score[~sample.y_true]
    at = {"below the positives": positives.min(), "above the negatives": negatives.max() + 1e-9}
    cell = sample.everything
    measure = Flagged(cell, at.get(threshold, threshold), math.nan)
    level = Level(
        key=key(sample, Analysis.OPERATING_POINT),
        metric=metric,
        quantity=Statistic(measure, metric),
        cell=cell,
    )

    (found,) = evaluated(frame, [level])

    assert found.found.value == value
    assert found.found.method == "Wilson score interval over patients"
    assert 0.005 < found.found.high - found.found.low < 0.9
    assert value in (found.found.low, found.found.high)


def test_a_value_that_does_not_exist_says_why(frame, sample):
    """PPV where no image is flagged: undefined, of enough patients, as level and as gap."""
    cells = [sample.cell(sample.patients % 2 == part) for part in (0, 1)]
    sides = [Statistic(Flagged(cell, 99.0, math.nan), "ppv") for cell in cells]
    named = key(sample, Analysis.OPERATING_POINT)
    level = Level(key=named, metric="ppv", quantity=sides[0], cell=cells[0])
    gap = Comparison(
        key=replace(named, reference=COMPLEMENT),
        metric="ppv",
        group=sides[0],
        reference=sides[1],
        cells=tuple(cells),
        family=Confirmatory.PRIMARY,
    )

    found = evaluated(frame, [level, gap])

    assert [one.reasons for one in found] == [(Reason.UNDEFINED_VALUE,)] * 2
    assert all(one.note == "the value does not exist for these images" for one in found)
    assert found[1].verdict == ""  # of an exploratory metric


def test_a_comparison_of_one_class_says_which_is_missing(frame, sample):
    """Also where the plan says that there are enough patients."""
    negatives = sample.cell(~sample.y_true)

    (gap,) = evaluated(frame, [a_gap(negatives, sample.everything, enough=True)])

    assert gap.verdict == "undefined"
    assert gap.reasons == (Reason.NO_POSITIVES,)
    assert gap.note == "no positives"


def models_of(frame, **changed):
    """The comparisons of a model with another whose scores are changed, by finding."""
    first = planted_scores(frame)
    other = planted_scores(frame.assign(**changed)).assign(model="n")
    found = audit(
        planted_dataset(frame), pd.concat([first, other]), settings=SETTINGS, attributes=["sex"]
    )
    return found, pick(found.results, analysis=Analysis.MODELS, metric="auroc")


def test_a_monotone_map_of_the_scores_is_named_as_identical_ranking(frame):
    """Equivalent in every group; for the other finding the scores are identical."""
    found, rows = models_of(frame, score_Cardiomegaly=np.exp(frame["score_Cardiomegaly"]))

    reasons = dict(zip(rows["finding"], rows["reasons"], strict=True))
    assert reasons == {
        "Cardiomegaly": Reason.IDENTICAL_RANKING,
        "Pneumothorax": Reason.IDENTICAL_SCORES,
    }
    assert set(rows["verdict"]) == {"equivalent"}
    n = len(frame)
    assert [notice["sentence"] for notice in found.facts["notices"]] == [
        f"m and n give identical scores for all {n} images of Pneumothorax.",
        f"m and n rank identically, with different scores, all {n} images of Cardiomegaly.",
    ]


def test_other_ties_are_no_identical_ranking(frame):
    """Rounded scores keep the order, but not the ties; a reversed score is another ranking."""
    found, rows = models_of(
        frame,
        score_Cardiomegaly=frame["score_Cardiomegaly"].round(),
        score_Pneumothorax=-frame["score_Pneumothorax"],
    )

    assert not rows["reasons"].str.contains("IDENTICAL").any()
    assert found.facts["notices"] == []


def test_identical_models_are_equal_in_the_smallest_group(frame):
    """Whatever the number of patients: the same scores are the same."""
    rare = frame["pid"].isin(frame.loc[frame["Cardiomegaly"] == 1, "pid"].unique()[:3])
    table = frame.assign(race=np.where(rare, "rare", "other"))
    scores = planted_scores(table)

    rows = audit(
        planted_dataset(table),
        pd.concat([scores, scores.assign(model="n")]),
        settings=SETTINGS,
        attributes=["race"],
    ).results

    row = the(rows, analysis=Analysis.MODELS, group="rare", **CARDIOMEGALY)
    assert row["verdict"] == "equivalent"
    assert row["reasons"] == Reason.IDENTICAL_SCORES


def test_constant_scores_are_a_notice(frame):
    """With the finding and the number of images."""
    table = scored(frame, 0.3)

    found = audit(planted_dataset(table), planted_scores(table), settings=POINT)

    (notice,) = found.facts["notices"]
    assert notice["about"] == "scores of m"
    assert notice["count"] == len(frame)
    assert "for Cardiomegaly are equal" in notice["sentence"]


def test_a_group_of_one_patient_has_no_verdict(frame):
    """Its AUROC rests on one patient, or is undefined in many resamples; nothing breaks."""
    one = frame["pid"] == frame.loc[frame["Cardiomegaly"] == 1, "pid"].iloc[0]
    table = frame.assign(race=np.where(one, "one", "other"))

    rows = audit_of(
        table, settings=replace(SETTINGS, operating_point="youden"), attributes=["race"]
    )

    gaps = pick(rows, group="one", reference=COMPLEMENT)
    assert set(gaps["verdict"]) <= {"inconclusive", "undefined", ""}
    assert gaps["reasons"].str.contains(Reason.TOO_FEW_PATIENTS).all()


@pytest.mark.slow
def test_every_row_without_interval_or_value_says_why(frame):
    """Of constant, perfect and ordinary scores, at thresholds and calibrated, by BCa, too."""
    for score in (frame["score_Cardiomegaly"], 0.3, frame["Cardiomegaly"], frame["age"] < 20):
        for interval in ("percentile", "bca"):
            rows = audit_of(
                scored(frame, np.asarray(score, dtype=float) + np.zeros(len(frame))),
                settings=AuditSettings(n_resamples=150, interval=interval),
            )
            silent = rows[
                rows["low"].isna() & (rows["reasons"] == "") & (rows["analysis"] != "heterogeneity")
            ]
            assert silent.empty, silent[["metric", "group", "reference", "method"]]


def test_images_that_a_perturbation_leaves_as_they_are_are_no_reason_for_caution(frame):
    """Mean over findings of few patients: no change is no change, and the note is that of the mean."""
    table = planted_table(41, n_patients=30)
    dataset = planted_dataset(table)
    scores = perturbed_scores(table, {("jpeg", 3): unchanged})
    settings = AuditSettings(n_resamples=150, min_patients=25)

    rows = audit_perturbations(dataset, scores, attributes=["sex"], settings=settings).results

    row = the(
        rows,
        analysis=Analysis.CORRUPTION,
        finding="mean over findings",
        metric="auroc",
        attribute=OVERALL,
        reference="unedited",
    )
    assert row["verdict"] == "equivalent"
    assert row["reasons"] == Reason.SCREENED
    assert "too few" not in row["note"]
    level = the(
        rows,
        analysis=Analysis.CORRUPTION,
        finding="mean over findings",
        metric="auroc",
        attribute=OVERALL,
        reference="",
    )
    assert "too few patients" in level["note"]


@pytest.mark.parametrize("settings", [{}, {"threshold_uncertainty": True}, {"resample": "images"}])
def test_no_interval_leaves_the_range_of_its_metric(settings):
    """Of levels, and of differences for all comparisons at once, in small groups with rare findings."""
    frame = planted_table(11, n_patients=40)
    frame["race"] = np.where(frame["Cardiomegaly"] == 1, "asian", frame["race"])
    found = audit_of(frame, settings=replace(QUICK, n_resamples=150, all_pairs=True, **settings))

    for name, row in METRICS.items():
        rows = found[(found["metric"] == name) & (found["analysis"] != Analysis.MODELS)]
        levels, gaps = rows[is_level(rows)], rows[~is_level(rows)]
        reach = row.high - row.low
        assert not (levels["low"] < row.low).any()
        assert not (levels["high"] > row.high).any()
        for low, high in (("low", "high"), ("low_simultaneous", "high_simultaneous")):
            assert not (gaps[low] < -reach).any(), name
            assert not (gaps[high] > reach).any(), name
