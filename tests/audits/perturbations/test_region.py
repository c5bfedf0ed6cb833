"""The audit of regions finds what is planted, and stays quiet without it."""

import numpy as np
import pandas as pd
import pytest

from cxraudit.audits.cohort import make_cohort, samples
from cxraudit.audits.perturbations import audit_perturbations
from cxraudit.audits.perturbations.region import swap
from cxraudit.schema import (
    CHANCE,
    COMPLEMENT,
    EXPLORATORY,
    KEY_COLUMNS,
    KIND,
    OVERALL,
    REGION_KIND,
    SAME_LABEL_SWAP,
    UNEDITED,
    Analysis,
    Reason,
    control_of,
    has_reason,
    is_level,
)
from cxraudit.settings import AuditSettings
from planted import perturbed_scores, planted_dataset, planted_table

QUICK = AuditSettings(n_resamples=200)
WITHOUT, CONTROL = "without-lungs", control_of("without-lungs")


def lost(share):
    """Return a perturbation that replaces a share of the logits by noise."""

    def change(finding, logits, rng):
        return (1 - share) * logits + share * rng.normal(size=logits.size)

    return change


def unmoved(finding, logits, rng):
    """Change scores by next to nothing."""
    return logits + rng.normal(scale=0.05, size=logits.size)


@pytest.fixture(scope="module")
def frame():
    """A table of 160 patients."""
    return planted_table(n_patients=160, seed=3)


def audited(frame, perturbations, settings=QUICK, change=None):
    """Audit perturbations of regions."""
    table = perturbed_scores(
        frame, {(name, 0): perturbation for name, perturbation in perturbations.items()}
    )
    kinds = np.where(table["perturbation"] == UNEDITED, "", REGION_KIND)
    table = table.assign(**{KIND: kinds})
    table = table if change is None else change(table)
    return audit_perturbations(planted_dataset(frame), table, settings=settings).results


def only(rows, **keys):
    """Return the one row with some keys."""
    for name, value in {"attribute": OVERALL, "group": OVERALL, **keys}.items():
        rows = rows[rows[name] == value]
    assert len(rows) == 1
    return rows.iloc[0]


@pytest.mark.parametrize(("share", "above"), [(0.0, True), (1.0, False)])
def test_what_is_left_without_a_region_is_compared_with_chance(frame, share, above):
    """A score that needs nothing of it, and one that needs all of it."""
    rows = audited(frame, {WITHOUT: lost(share), CONTROL: unmoved})
    finding = rows["finding"].iloc[0]
    about = {"finding": finding, "condition": WITHOUT, "metric": "auroc"}

    chance = only(rows, reference=CHANCE, **about)
    against = only(rows, reference=CONTROL, **about)
    level = only(rows, reference="", **about)

    assert (chance["low"] > 0) == above
    assert (against["high"] < 0) == (not above)
    assert chance["value"] == pytest.approx(level["value"] - 0.5)
    assert set(rows["analysis"]) == {Analysis.REGION}
    assert set(rows.loc[~is_level(rows), "family"]) == {EXPLORATORY}
    assert (rows["verdict"] == "").all()
    assert not rows.duplicated(list(KEY_COLUMNS)).any()


def test_controls_have_a_level_and_a_change_and_no_gaps(frame):
    """And perturbations have the gap of each group, and its change."""
    rows = audited(frame, {WITHOUT: lost(1.0), CONTROL: unmoved})
    of_control, of_edit = (rows[rows["condition"] == name] for name in (CONTROL, WITHOUT))

    assert set(of_control["reference"]) == {"", UNEDITED}
    assert set(of_control["attribute"]) == {OVERALL}
    assert {COMPLEMENT, UNEDITED} <= set(of_edit.loc[of_edit["attribute"] != OVERALL, "reference"])
    gaps = of_edit[of_edit["metric"] == "auroc_gap"]
    assert len(gaps) > 0


def test_scores_move_by_what_is_planted(frame):
    """In standard deviations of all unedited scores, whatever the direction."""

    def lower(finding, logits, rng):
        return logits - 0.8 * logits.std()

    rows = audited(frame, {WITHOUT: lower, CONTROL: unmoved})
    finding = rows["finding"].iloc[0]
    about = {"finding": finding, "condition": WITHOUT}

    change = only(rows, metric="score_change", reference=UNEDITED, **about)
    beyond = only(rows, metric="score_change", reference=CONTROL, **about)
    distance = only(rows, metric="absolute_change", reference="", **about)

    assert change["value"] == pytest.approx(-0.8, abs=0.02)
    assert beyond["value"] == pytest.approx(-0.8, abs=0.05)
    assert distance["value"] == pytest.approx(0.8, abs=0.02)
    assert only(rows, metric="auroc", reference=UNEDITED, **about)["value"] == pytest.approx(
        0, abs=1e-9
    )


def test_a_swap_takes_another_image_of_the_same_patient_with_the_same_label(frame):
    """Each image exactly once; images without such another one are left out."""
    dataset = planted_dataset(frame)
    table = perturbed_scores(frame, {})
    cohort = make_cohort(dataset, table, QUICK)
    (sample,) = samples(cohort, table, table["finding"].iloc[0])

    pair = swap(cohort, sample)

    assert pair is not None
    kept = pd.DataFrame(
        {
            "patient": pair.before.patients,
            "label": pair.before.y_true,
            "before": pair.before.y_score,
            "after": pair.after.y_score,
        }
    )
    everything = pd.DataFrame({"patient": sample.patients, "label": sample.y_true})
    sizes = everything.groupby(["patient", "label"])["label"].transform("size")
    assert len(kept) == (sizes > 1).sum()
    assert (kept["before"] != kept["after"]).all()
    for _, part in kept.groupby(["patient", "label"]):
        assert sorted(part["before"]) == sorted(part["after"])


def test_a_swap_needs_two_images_of_a_patient(frame):
    """With the same label."""
    single = frame.drop_duplicates("pid")

    rows = audited(single, {WITHOUT: lost(1.0), CONTROL: unmoved})

    assert SAME_LABEL_SWAP not in set(rows["condition"])


def test_images_without_a_mask_are_left_out_and_counted(frame):
    """The control is compared on the images that have both; a perturbation of none has one row that says so."""

    def change(table):
        first = table["image_id"].isin(sorted(set(table["image_id"]))[:50])
        missing = (table["perturbation"] == CONTROL) & first
        none = table["perturbation"] == "without-heart"
        return table.assign(score=table["score"].mask(missing | none))

    perturbations = {WITHOUT: lost(0.5), CONTROL: unmoved, "without-heart": unmoved}
    rows = audited(frame, perturbations, change=change)
    finding = rows["finding"].iloc[0]
    about = {"finding": finding, "metric": "auroc"}

    whole = only(rows, condition=WITHOUT, reference="", **about)
    against = only(rows, condition=WITHOUT, reference=CONTROL, **about)
    none = rows[(rows["condition"] == "without-heart") & (rows["finding"] == finding)]

    assert against["n"] == whole["n"] - 50
    assert not has_reason(rows, Reason.NOT_APPLIED)[whole.name]
    assert has_reason(rows, Reason.NOT_APPLIED)[against.name]
    assert len(none) == 1
    assert none["value"].isna().all()


def test_results_do_not_depend_on_the_order_of_rows(frame):
    """Of the scores."""
    perturbations = {WITHOUT: lost(0.5), CONTROL: unmoved}
    rows = audited(frame, perturbations)
    shuffled = audited(
        frame, perturbations, change=lambda table: table.sample(frac=1, random_state=1)
    )

    keys = list(KEY_COLUMNS)
    pd.testing.assert_frame_equal(
        rows.sort_values(keys, ignore_index=True), shuffled.sort_values(keys, ignore_index=True)
    )


def test_kinds_that_are_not_known_are_devices_and_corruptions(frame):
    """A blank, missing or other kind is as before."""
    table = perturbed_scores(frame, {("drain", 0): unmoved, ("blur", 1): unmoved})
    plain = audit_perturbations(planted_dataset(frame), table, settings=QUICK).results
    other = table.assign(**{KIND: np.where(table["severity"] == 1, None, "device")})

    found = audit_perturbations(planted_dataset(frame), other, settings=QUICK).results

    pd.testing.assert_frame_equal(plain, found)


def few_positives(n_positive):
    """Return 80 patients with two images each, of whom few have the finding: all are ranked alike."""
    frame = planted_table(n_patients=200, seed=5)
    frame = frame.groupby("pid").head(2)
    frame = frame[frame.groupby("pid")["pid"].transform("size") == 2].head(160).copy()
    for finding in ("Pneumothorax", "Cardiomegaly"):
        label = frame["pid"].isin(frame["pid"].unique()[:n_positive])
        frame[finding] = label.astype(int)
        noise = np.linspace(-1, 1, len(frame))[::-1]
        frame[f"score_{finding}"] = frame["pid"].rank(method="dense") % 7 + 1e-4 * noise
    return frame


@pytest.mark.parametrize("n_positive", [2, 7])
def test_what_few_patients_do_not_show_is_not_exactly_zero(n_positive):
    """Ranked alike in every resample with other scores: unedited, with the control, by group, and swapped."""

    def lower(finding, logits, rng):
        return logits - 0.8

    def far_lower(finding, logits, rng):
        return logits - 0.9

    rows = audited(few_positives(n_positive), {WITHOUT: lower, CONTROL: far_lower})
    paired = rows[
        rows["metric"].isin(["auroc", "auroc_gap"]) & rows["reference"].isin([UNEDITED, CONTROL])
    ]

    assert {WITHOUT, CONTROL, SAME_LABEL_SWAP} == set(paired["condition"])
    zero = paired[paired["value"].abs() < 1e-12]
    assert {"auroc", "auroc_gap"} == set(zero["metric"])
    assert {WITHOUT, CONTROL} <= set(zero["condition"])
    bounded = zero[zero["low"].notna()]
    assert (bounded["high"] - bounded["low"] > (0.2 if n_positive == 7 else 0.4)).all()
    assert len(bounded[bounded["attribute"] == OVERALL]) > 0


def test_scores_that_no_edit_moves_are_ranked_the_same_for_certain(frame):
    """A model that does not look there: the change is exactly 0, whoever the patients are."""
    rows = audited(frame, {WITHOUT: lambda finding, logits, rng: logits, CONTROL: unmoved})
    finding = rows["finding"].iloc[0]

    change = only(rows, finding=finding, condition=WITHOUT, metric="auroc", reference=UNEDITED)

    assert (change["value"], change["low"], change["high"]) == (0, 0, 0)
