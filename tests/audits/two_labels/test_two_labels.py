"""Reference labels of a subset: errors, estimates and conclusions of an audit."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cxraudit import (
    Analysis,
    AuditSettings,
    audit,
    label_conclusions,
    read_reference_labels,
    table_dataset,
)
from cxraudit.audits.two_labels import LabelConclusion, Why
from cxraudit.errors import DataError
from cxraudit.schema import (
    BOTH_LABELS,
    BOUNDS,
    BOUNDS_AS_ESTIMATED,
    BY_WORKING_LABELS,
    CHANCE,
    COMPLEMENT,
    CORRECTED,
    EXPLORATORY,
    ON_SUBSET,
    WORKING_ON_SUBSET,
    is_level,
)
from cxraudit.stats.ranking import auroc
from simulations.labels import DESIGNS, FINDING, GROUP, drawn

SETTINGS = AuditSettings(n_resamples=200, n_threads=1, operating_point="none", calibration="none")


def audited(table, reference=None, *, weight=None, settings=SETTINGS, **more):
    """Audit a table of the simulation with reference labels; default: those of the table."""
    dataset = table_dataset(
        table, name="t", root=".", image="image", patient="patient", findings=[FINDING], sex="sex"
    )
    named = {"model": "m", "prompt_set": "none", "finding": FINDING}
    scores = pd.DataFrame({"image_id": table["image"], **named, "score": table["score"]})
    if reference is None:
        columns = {"image": "image_id", "reference": FINDING, "weight": "w"}
        own = table.loc[table["reference"].notna(), list(columns)].rename(columns=columns)
        reference = read_reference_labels(own, dataset, weight=weight, columns={FINDING: FINDING})
    return audit(
        dataset, scores, attributes=["sex"], settings=settings, reference_labels=reference, **more
    )


@pytest.fixture(scope="module")
def missed():
    """Female patients whose finding is missed in 60 % of images, without a true gap."""
    table = drawn(DESIGNS["a gap that is not there"], 3)
    return table, audited(table)


def of(found, condition, *, group=GROUP, reference=COMPLEMENT):
    """The row of an estimate by reference labels."""
    rows = found.results
    rows = rows[
        (rows["analysis"] == Analysis.REFERENCE_LABELS)
        & (rows["condition"] == condition)
        & (rows["group"] == group)
        & (rows["reference"] == reference)
    ]
    assert len(rows) == 1
    return rows.iloc[0]


def test_a_gap_by_labels_that_are_missed_in_one_group_is_recognised(missed):
    """The working labels show a disparity, the reference labels none, and both differ."""
    _, found = missed

    concluded = label_conclusions(found).set_index("group").loc[GROUP]

    assert concluded["working_verdict"] == "disparity"
    assert concluded["conclusion"] == LabelConclusion.LABEL_ERROR
    assert concluded["rests_on"] == BOTH_LABELS
    assert concluded["low"] < 0 < concluded["high"]
    assert concluded["change_low"] > 0


def test_estimates_on_the_subset_are_plain_statistics_of_it(missed):
    """AUROC by both labels, sensitivity and predictive values, by hand."""
    table, found = missed
    part = table[table["reference"].notna() & (table["sex"] == GROUP)]
    true, working = part["reference"] == 1, part[FINDING] == 1

    assert of(found, ON_SUBSET, reference="")["value"] == pytest.approx(auroc(true, part["score"]))
    by_working = auroc(working, part["score"])
    assert of(found, WORKING_ON_SUBSET, reference="")["value"] == pytest.approx(by_working)
    rates = found.results[
        (found.results["analysis"] == Analysis.LABEL_ERRORS)
        & (found.results["group"] == GROUP)
        & is_level(found.results)
    ].set_index("metric")["value"]
    expected = {
        "tpr": working[true].mean(),
        "fpr": working[~true].mean(),
        "ppv": true[working].mean(),
        "npv": (~true[~working]).mean(),
    }
    assert rates.to_dict() == pytest.approx(expected)


def test_the_corrected_auroc_is_the_closed_form(missed):
    """½ + (AUROC − ½)/(PPV + NPV − 1), of all images and of the rates of the subset."""
    table, found = missed
    own = table[table["sex"] == GROUP]
    part = own[own["reference"].notna()]
    true, working = part["reference"] == 1, part[FINDING] == 1
    kept = true[working].mean() + (~true[~working]).mean() - 1

    corrected = of(found, CORRECTED, reference="")["value"]

    expected = 0.5 + (auroc(own[FINDING] == 1, own["score"]) - 0.5) / kept
    assert corrected == pytest.approx(expected)


def test_both_labels_are_more_precise_than_the_subset_alone(missed):
    """And bounds are wider than any estimate that assumes something."""
    _, found = missed
    widths = {
        condition: of(found, condition)["high"] - of(found, condition)["low"]
        for condition in (ON_SUBSET, BOTH_LABELS, CORRECTED, BOUNDS, BOUNDS_AS_ESTIMATED)
    }
    assert widths[BOTH_LABELS] < widths[ON_SUBSET]
    assert widths[BOUNDS] > widths[BOUNDS_AS_ESTIMATED] > widths[CORRECTED]


def test_all_rows_are_exploratory(missed):
    """No verdict, no family of the error rate, and gaps mirror each other."""
    _, found = missed
    rows = found.results
    ours = rows[rows["analysis"].isin([Analysis.LABEL_ERRORS, Analysis.REFERENCE_LABELS])]

    assert (ours["verdict"] == "").all()
    assert (ours.loc[~is_level(ours), "family"] == EXPLORATORY).all()
    for condition in (ON_SUBSET, BOTH_LABELS, CORRECTED):
        one, other = of(found, condition), of(found, condition, group="male")
        assert one["value"] == pytest.approx(-other["value"])
        assert one["low"] == pytest.approx(-other["high"])


def test_reference_labels_change_nothing_else(missed):
    """All other rows are those of the audit without them."""
    table, found = missed
    own = found.results
    rest = own[~own["analysis"].isin([Analysis.LABEL_ERRORS, Analysis.REFERENCE_LABELS])]
    plain = audited(table.assign(reference=np.nan), reference=_nothing())
    pd.testing.assert_frame_equal(rest.reset_index(drop=True), plain.results)
    assert set(label_conclusions(plain)["conclusion"]) == {LabelConclusion.OPEN}


def _nothing():
    from cxraudit.datasets.reference_labels import ReferenceLabels

    return ReferenceLabels(name="none", labels=pd.DataFrame({FINDING: pd.Series(dtype=float)}))


def test_labels_that_agree_everywhere_change_nothing():
    """Reference labels of all images that are the working labels."""
    table = drawn(DESIGNS["equally wrong, a gap"], 1).iloc[:800]
    table = table.assign(reference=table[FINDING].astype(float))

    found = audited(table)

    gap = label_conclusions(found).set_index("group").loc[GROUP]
    for condition in (ON_SUBSET, WORKING_ON_SUBSET, BOTH_LABELS, CORRECTED):
        assert of(found, condition)["value"] == pytest.approx(gap["working"])
    assert gap["conclusion"] in (LabelConclusion.HOLDS, LabelConclusion.NEITHER)
    assert of(found, BOTH_LABELS, reference=BY_WORKING_LABELS)["value"] == pytest.approx(0)


def test_a_subset_that_is_no_random_one_is_said_to_be_so():
    """Conclusions rest on the corrected gap, and a notice names what differs; weights make it random."""
    table = drawn(DESIGNS["enriched subset"], 2)

    plain, weighted = audited(table), audited(table, weight="w")

    assert set(label_conclusions(plain)["rests_on"]) == {CORRECTED}
    said = [one["sentence"] for one in plain.facts["notices"]]
    assert any("prevalence of the working label" in one for one in said)
    assert set(label_conclusions(weighted)["rests_on"]) == {BOTH_LABELS}
    assert weighted.facts["reference_labels"]["weighted"]


def test_errors_that_depend_on_the_score_are_found():
    """Missed images have low scores: among positives, the score separates right from wrong labels."""
    table = drawn(DESIGNS["low scores missed"], 0)

    rows = audited(table).results

    chance = rows[(rows["analysis"] == Analysis.LABEL_ERRORS) & (rows["reference"] == CHANCE)]
    own = chance[(chance["attribute"] == "sex") & (chance["group"] == "positives")].iloc[0]
    assert own["low"] > 0


@pytest.mark.parametrize("kept", [0, 1, 2, 5])
def test_a_tiny_subset_gives_no_false_certainty(kept):
    """One patient, one class, nobody of a group: rows without a value, or with a wide interval."""
    table = drawn(DESIGNS["a gap that is not there"], 4)
    chosen = table.index[table["sex"] == "male"][:kept]
    table = table.assign(reference=np.where(table.index.isin(chosen), table[FINDING], np.nan))
    if not kept:
        with pytest.raises(DataError, match="has no rows"):
            audited(table)
        return

    found = audited(table)

    own = found.results[found.results["analysis"] == Analysis.REFERENCE_LABELS]
    gaps = own[own["reference"] == COMPLEMENT]
    assert not (gaps["low"] > 0).any()
    assert not (gaps["high"] < 0).any()
    assert set(label_conclusions(found)["conclusion"]) == {LabelConclusion.OPEN}


def test_constant_scores_stay_at_chance():
    """No labels change what they rank."""
    table = drawn(DESIGNS["equally wrong, no gap"], 5).iloc[:600].assign(score=0.5)

    found = audited(table)

    for condition in (ON_SUBSET, BOTH_LABELS, CORRECTED):
        assert of(found, condition)["value"] == pytest.approx(0)
    assert of(found, BOUNDS_AS_ESTIMATED)["low"] == pytest.approx(0)


def test_training_runs_are_averaged():
    """Two seeds of a model: one row, the mean of both."""
    table = drawn(DESIGNS["equally wrong, no gap"], 6).iloc[:700]
    other = table.assign(score=np.random.default_rng(0).permutation(table["score"]))
    dataset = table_dataset(
        table, name="t", root=".", image="image", patient="patient", findings=[FINDING], sex="sex"
    )
    named = {"model": "m", "prompt_set": "none", "finding": FINDING}
    scores = pd.concat(
        pd.DataFrame({"image_id": one["image"], **named, "score": one["score"], "seed": seed})
        for seed, one in (("1", table), ("2", other))
    )
    columns = {"image": "image_id", "reference": FINDING}
    reference = table.loc[table["reference"].notna(), list(columns)].rename(columns=columns)

    found = audit(
        dataset, scores, attributes=["sex"], settings=SETTINGS, reference_labels=reference
    )

    singles = [audited(one) for one in (table, other)]
    for condition in (ON_SUBSET, WORKING_ON_SUBSET):
        mean = np.mean([of(one, condition)["value"] for one in singles])
        assert of(found, condition)["value"] == pytest.approx(mean)


def test_small_cells_stay_hidden(missed):
    """Where they are hidden, no row of errors or estimates is left, and no count of the subset."""
    table, _ = missed
    settings = AuditSettings(
        n_resamples=200,
        n_threads=1,
        operating_point="none",
        calibration="none",
        suppress_below=10,
    )

    found = audited(table, settings=settings)

    rows = found.results[
        found.results["analysis"].isin([Analysis.LABEL_ERRORS, Analysis.REFERENCE_LABELS])
    ]
    assert rows[["value", "low", "high"]].isna().all(axis=None)
    assert found.facts["reference_labels"] is None
    assert label_conclusions(found).empty


def sentences(found):
    """The notices of an audit."""
    return [one["sentence"] for one in found.facts["notices"]]


def chosen_by_score(table, seed):
    """Reference labels of patients with high scores, whatever their working label."""
    rng = np.random.default_rng(seed)
    score = table.groupby("patient")["score"].transform("max")
    chosen = rng.random(len(table)) < 0.25 * np.exp(score - score.mean()).clip(upper=4)
    every = drawn_truth(table)
    return table.assign(reference=np.where(chosen, every, np.nan))


def drawn_truth(table):
    """A truth of all images of which some labels of female patients miss."""
    rng = np.random.default_rng(1)
    missed = (table["sex"] == GROUP) & (rng.random(len(table)) < 0.15)
    return np.where(missed, 1.0, table[FINDING])


@pytest.mark.parametrize("seed", range(3))
def test_a_subset_that_was_chosen_by_the_score_settles_nothing(seed):
    """Predictive values of it are not those of all images, and no estimate is advised."""
    table = drawn(DESIGNS["equally wrong, no gap"], seed).iloc[:1500]

    found = audited(chosen_by_score(table, seed))

    concluded = label_conclusions(found)
    assert set(concluded["conclusion"]) == {LabelConclusion.OPEN}
    assert set(concluded["reason"]) == {Why.CHOSEN_BY_SCORE}
    assert set(concluded["rests_on"]) == {BOUNDS}
    said = next(one for one in sentences(found) if "no random sample" in one)
    assert "corrected" not in said
    assert "chosen by the score" in said


def test_labels_that_are_coded_the_other_way_round_settle_nothing():
    """A notice says so."""
    table = drawn(DESIGNS["equally wrong, a gap"], 1).iloc[:800]

    found = audited(table.assign(reference=1.0 - table[FINDING]))

    concluded = label_conclusions(found)
    assert set(concluded["conclusion"]) == {LabelConclusion.OPEN}
    assert set(concluded["reason"]) == {Why.CONTRADICTION}
    assert any("contradict each other" in one for one in sentences(found))


def test_one_image_shows_nothing_and_is_not_tested():
    """It differs from the mean of all images, which says nothing."""
    table = drawn(DESIGNS["a gap that is not there"], 4)
    only = table.index == table.index[0]

    found = audited(table.assign(reference=np.where(only, 1.0, np.nan)))

    assert found.facts["reference_labels"]["compared"] == []
    assert any("Only 1 patient has reference labels" in one for one in sentences(found))
    assert not any("no random sample" in one for one in sentences(found))
    assert set(label_conclusions(found)["reason"]) == {Why.FEW}


def test_a_corrected_auroc_beyond_its_limit_settles_nothing():
    """The gap of clipped values and the difference of those that are not do not add up."""
    design = replace(DESIGNS["equally wrong, no gap"], auroc=(0.995, 0.8))
    table = drawn(design, 2)
    table["weight"] = np.where(table["reference"] == 1, 1, 0.4)

    found = audited(table, weight="w")

    assert of(found, CORRECTED, reference="")["value"] == 1
    gap = label_conclusions(found).set_index("group").loc[GROUP]
    assert gap["rests_on"] == CORRECTED
    assert gap["conclusion"] == LabelConclusion.OPEN
    assert gap["reason"] == Why.LIMIT
    assert np.isnan(of(found, CORRECTED, reference=BY_WORKING_LABELS)["value"])
    assert "beyond" in of(found, CORRECTED)["note"]


def test_labels_that_hide_part_of_a_gap_make_it_no_label_error():
    """The gap is larger by reference labels."""
    design = replace(DESIGNS["a gap that is hidden"], auroc=(0.7, 0.92), missed=(0.05, 0.3))
    table = drawn(replace(design, missed=(0.4, 0.02), auroc=(0.72, 0.95)), 1)
    smaller = label_conclusions(audited(table)).set_index("group").loc[GROUP]
    table = drawn(replace(design, missed=(0.02, 0.5)), 1)
    larger = label_conclusions(audited(table)).set_index("group").loc[GROUP]

    assert smaller["conclusion"] == LabelConclusion.PARTLY
    assert abs(smaller["value"]) < abs(smaller["working"])
    assert larger["conclusion"] == LabelConclusion.LARGER
    assert abs(larger["value"]) > abs(larger["working"])


@pytest.mark.parametrize("n", [36, 60, 120])
@pytest.mark.parametrize("seed", range(4))
def test_labels_that_agree_in_a_small_subset_change_no_conclusion(n, seed):
    """What a few patients do not show is neither a gap of the labels nor proof that there is none."""
    table = drawn(DESIGNS["equally wrong, a gap"], seed)
    rng = np.random.default_rng(seed)
    chosen = table["patient"].isin(rng.choice(table["patient"].unique(), n, replace=False))
    table = table.assign(reference=table[FINDING].where(chosen).astype(float))

    found = label_conclusions(audited(table))

    assert set(found["conclusion"]) <= {
        LabelConclusion.OPEN,
        LabelConclusion.HOLDS,
        LabelConclusion.NEITHER,
    }
    assert (found["rests_on"] != BOTH_LABELS).all() or n > 100
    if n == 36:
        assert set(found["conclusion"]) == {LabelConclusion.OPEN}
        assert set(found["reason"]) == {Why.FEW_ON_A_SIDE}


@pytest.mark.parametrize("seed", range(6))
def test_labels_that_agree_in_a_large_subset_change_no_gap(seed):
    """However much the gap of the subset differs from that of all images by chance."""
    table = drawn(DESIGNS["equally wrong, a gap"], seed)
    rng = np.random.default_rng(seed)
    chosen = table["patient"].isin(rng.choice(table["patient"].unique(), 400, replace=False))
    found = audited(table.assign(reference=table[FINDING].where(chosen).astype(float)))

    change = of(found, BOTH_LABELS, reference=BY_WORKING_LABELS)
    assert (change["value"], change["low"], change["high"]) == (0, 0, 0)
    assert of(found, ON_SUBSET)["value"] != of(found, BOTH_LABELS)["value"]
    gap = label_conclusions(found).set_index("group").loc[GROUP]
    assert gap["rests_on"] == BOTH_LABELS
    assert gap["conclusion"] in (LabelConclusion.HOLDS, LabelConclusion.NEITHER)


def test_a_group_without_reference_labels_is_not_settled_rather_than_left_out():
    """Each gap by working labels has a row."""
    table = drawn(DESIGNS["a gap that is not there"], 3)
    table = table.assign(reference=table["reference"].where(table["sex"] == GROUP))

    found = label_conclusions(audited(table))

    assert set(found["group"]) == {"female", "male"}
    assert set(found["conclusion"]) == {LabelConclusion.OPEN}
    assert (found["reason"] != "").all()
