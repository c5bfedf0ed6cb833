"""What counts once: each image or each patient, and images by their sampling weights."""

import numpy as np
import pandas as pd
import pytest

from cxraudit.audits.perturbations import audit_perturbations
from cxraudit.audits.run import audit
from cxraudit.datasets.table import from_frame
from cxraudit.errors import DataError, UnknownNameError
from cxraudit.schema import KEY_COLUMNS, OTHER_COLUMNS, Analysis
from cxraudit.settings import AuditSettings
from planted import (
    inputs_of_everything,
    inserted,
    perturbed_scores,
    planted_dataset,
    planted_scores,
    planted_table,
    whole_audit_of,
    with_no_finding,
)

BY_PATIENT = AuditSettings(n_resamples=150, weight="patient")
ENDS = 5e-5
"""To which intervals agree: whether a patient contributes to a difference, and so its degrees of freedom,
may depend on rounding."""
NUMBERS = ["value", "low", "high", "p_value", *OTHER_COLUMNS]


def with_view(frame: pd.DataFrame) -> pd.DataFrame:
    """Add views, so that gaps are standardised by them."""
    rng = np.random.default_rng(0)
    return frame.assign(view=rng.choice(["AP", "PA"], len(frame)))


def repeated(frame: pd.DataFrame, times) -> pd.DataFrame:
    """Repeat images under other names."""
    again = frame.loc[frame.index.repeat(times)]
    number = again.groupby(level=0).cumcount().astype(str)
    return again.assign(file=again["file"] + "-" + number).reset_index(drop=True)


def rows(results: pd.DataFrame) -> pd.DataFrame:
    """The numbers of a results table by the key of their rows."""
    return results.set_index(list(KEY_COLUMNS)).sort_index()[NUMBERS]


def sampled(frame: pd.DataFrame, weights, **options):
    """Audit a planted table whose images have sampling weights."""
    dataset = from_frame(
        frame.assign(w=weights),
        name="planted",
        root=".",
        image="file",
        patient="pid",
        findings=["Pneumothorax", "Cardiomegaly"],
        age="age",
        sex="sex",
        attributes=["race"],
        shortcuts=["drain"],
        sampling_weight="w",
    )
    settings = AuditSettings(sampling_weight="w", **options)
    return audit(dataset, planted_scores(frame), settings=settings)


def test_with_one_image_each_both_count_the_same():
    """The same bytes, and nothing under another weighting."""
    frame = planted_table(1, n_patients=300).drop_duplicates("pid")

    by_image = whole_audit_of(frame, settings=AuditSettings(n_resamples=150))
    by_patient = whole_audit_of(frame, settings=BY_PATIENT)

    pd.testing.assert_frame_equal(by_image.results, by_patient.results, check_exact=True)
    assert by_image.results[list(OTHER_COLUMNS)].isna().all().all()


@pytest.mark.slow
def test_repeating_the_images_of_patients_changes_nothing():
    """Patients count once: values, intervals and tests of every analysis stay, to rounding."""
    frame = with_no_finding(with_view(planted_table(2, n_patients=250, age_gap=0.5)))
    times = np.random.default_rng(0).integers(1, 4, frame["pid"].nunique())[frame["pid"]]

    once = whole_audit_of(frame, settings=BY_PATIENT)
    again = whole_audit_of(repeated(frame, times), settings=BY_PATIENT)

    first, second = rows(once.results), rows(again.results)
    np.testing.assert_allclose(first["value"], second["value"], atol=1e-9)
    ours = [name for name in NUMBERS if name not in OTHER_COLUMNS]
    pd.testing.assert_frame_equal(first[ours], second[ours], atol=ENDS, rtol=0)
    assert set(once.results["analysis"]) >= {
        Analysis.SUBGROUPS,
        Analysis.HETEROGENEITY,
        Analysis.STANDARDISED,
        Analysis.OPERATING_POINT,
        Analysis.CALIBRATION,
        Analysis.SHORTCUT,
        Analysis.SHORTCUT_PREVALENCE,
        Analysis.SHORTCUT_STANDARDISED,
    }
    shares = [one.score_percentiles["share"].to_numpy() for one in (once, again)]
    np.testing.assert_allclose(*shares, atol=1e-9)
    by_image = whole_audit_of(repeated(frame, times), settings=AuditSettings(n_resamples=150))
    assert (rows(by_image.results)["value"] - second["value"]).abs().max() > 0.01


@pytest.mark.slow
def test_repeating_the_images_of_patients_changes_no_comparison_of_models_or_perturbations():
    """The second model lacks some images, and perturbed images are a part."""
    frame = planted_table(3, n_patients=200)
    times = np.random.default_rng(1).integers(1, 4, 200)[frame["pid"]]

    def found(table):
        part = table["file"].str.slice(5, 10).astype(int) % 7 > 0
        other = planted_scores(table).assign(model="n")
        noise = np.random.default_rng(2).normal(size=len(frame))
        noise = dict(zip(frame["file"], noise, strict=True))
        other["score"] += other["image_id"].str.slice(0, 14).map(noise)
        other = other[other["image_id"].isin(table.loc[part, "file"])]
        scores = pd.concat([planted_scores(table), other], ignore_index=True)
        models = audit(planted_dataset(table), scores, settings=BY_PATIENT).results
        changed = perturbed_scores(frame, inserted(0.8), seed=1)
        names = table.assign(image_id=table["file"].str.slice(0, 14))[["image_id", "file"]]
        changed = names.merge(changed, on="image_id").drop(columns="image_id")
        changed = changed.rename(columns={"file": "image_id"})
        moved = audit_perturbations(planted_dataset(table), changed, settings=BY_PATIENT)
        return pd.concat([models, moved.results], ignore_index=True)

    first, second = rows(found(frame)), rows(found(repeated(frame, times)))

    np.testing.assert_allclose(first["value"], second["value"], atol=1e-9)
    ours = [name for name in NUMBERS if name not in OTHER_COLUMNS]
    pd.testing.assert_frame_equal(first[ours], second[ours], atol=ENDS, rtol=0)
    analyses = set(first.index.get_level_values("analysis"))
    assert {Analysis.MODELS, Analysis.COUNTERFACTUAL} <= analyses


def test_the_other_weighting_is_what_the_other_audit_gives():
    """Value and interval of levels and gaps of AUROC and of shortcuts, both ways."""
    frame = with_view(planted_table(4, n_patients=250, age_gap=0.5, drain_gap=0.5))
    options = {"n_resamples": 150, "thresholds": {"Pneumothorax": 1.0, "Cardiomegaly": 1.0}}

    image, patient = (
        rows(whole_audit_of(frame, settings=AuditSettings(weight=weight, **options)).results)
        for weight in ("image", "patient")
    )
    # The observed share of a shortcut is part of the key, and that of images or of patients.
    image, patient = (
        one.drop(index="shortcut_prevalence", level="analysis") for one in (image, patient)
    )
    assert image.index.equals(patient.index)

    shared = image["value_other_weight"].notna()
    assert shared.sum() > 100
    gaps = shared & image["low_other_weight"].notna()
    assert gaps.sum() > 50
    for one, other in ((image, patient), (patient, image)):
        np.testing.assert_allclose(
            one.loc[shared, "value_other_weight"], other.loc[shared, "value"], atol=1e-10
        )
        np.testing.assert_allclose(
            one.loc[gaps, ["low_other_weight", "high_other_weight"]],
            other.loc[gaps, ["low", "high"]],
            atol=1e-10,
        )


def test_whole_sampling_weights_are_repeated_images():
    """Of ranking, rates and shortcuts; bins and noise of calibration are those of weights."""
    frame = planted_table(5, n_patients=200)
    times = np.random.default_rng(2).integers(1, 4, len(frame))

    weighted = rows(sampled(frame, times, n_resamples=150).results)
    plain = rows(
        whole_audit_of(repeated(frame, times), settings=AuditSettings(n_resamples=150)).results
    )

    binned = weighted.index.get_level_values("metric").isin(["calibration_error", "debiased_error"])
    ours = ["value", "low", "high", "p_value"]
    pd.testing.assert_frame_equal(
        weighted.loc[~binned, ours], plain.loc[~binned, ours], atol=ENDS, rtol=0
    )


def test_sampling_weights_of_patients_stay_where_each_patient_counts_once():
    """A patient of weight 3 counts as three patients with the same images."""
    frame = planted_table(6, n_patients=150)
    times = np.random.default_rng(3).integers(1, 4, 150)[frame["pid"]]
    copies = repeated(frame, times)
    copies["pid"] = copies["pid"].astype(str) + "-" + copies["file"].str.rpartition("-")[2]
    options = {"n_resamples": 0, "weight": "patient", "operating_point": "none"}

    weighted = rows(sampled(frame, times, calibration="none", **options).results)
    plain = whole_audit_of(copies, settings=AuditSettings(calibration="none", **options)).results

    np.testing.assert_allclose(weighted["value"], rows(plain)["value"], atol=1e-10)


def test_images_of_weight_0_are_a_step_of_the_flow():
    """They are left out, counted and named; the column is recorded."""
    frame = planted_table(7, n_patients=100)
    weights = np.where(np.arange(len(frame)) < 5, 0.0, 1.5)

    found = sampled(frame, weights, n_resamples=0)

    assert found.flow.set_index("step").loc["sampling weight", "images_out"] == 5
    assert found.facts["images"] == len(frame) - 5
    assert found.facts["settings"]["sampling_weight"] == "w"


@pytest.mark.parametrize("bad", [-1.0, np.nan])
def test_bad_sampling_weights_are_refused_in_one_sentence(bad):
    """With their number, and the first image."""
    frame = planted_table(8, n_patients=30)
    weights = np.where(np.arange(len(frame)) == 3, bad, 1.0)

    with pytest.raises(DataError, match=r"^1 of the sampling weights in column 'w' .* image00003"):
        sampled(frame, weights)


@pytest.mark.parametrize("factor", [1e-300, 1e-10, 1e160, 1e307])
def test_only_the_ratios_of_sampling_weights_matter(factor):
    """Their scale is arbitrary, at either end of what numbers hold."""
    frame = planted_table(9, n_patients=60)
    weights = np.random.default_rng(4).uniform(0.5, 3, len(frame))
    weights[::10] = 0
    options = {"n_resamples": 100, "weight": "patient"}

    one, other = (sampled(frame, weights * by, **options) for by in (1.0, factor))

    pd.testing.assert_frame_equal(one.results, other.results, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("weight", "words"),
    [(5e-324, "too small for a number"), (1e-7, "from 1e-07 to 1; ratios above")],
)
def test_sampling_weights_too_far_apart_are_refused(weight, words):
    """Where a number does not hold them, or their sum loses them."""
    frame = planted_table(8, n_patients=30)
    weights = np.where(np.arange(len(frame)) == 3, weight, 1.0)

    with pytest.raises(DataError, match=words):
        sampled(frame, weights)


def test_a_column_of_sampling_weights_that_is_not_there_is_refused():
    """By its name."""
    with pytest.raises(UnknownNameError, match="sampling weights"):
        whole_audit_of(planted_table(8, n_patients=30), settings=AuditSettings(sampling_weight="w"))


@pytest.mark.slow
def test_every_analysis_is_evaluated_with_patients_and_sampling_weights():
    """Two models, perturbed images, a detector's drains: no row is lost."""
    inputs = inputs_of_everything(0, 120) | {"embeddings": []}
    n = len(inputs["dataset"].images)
    weights = np.random.default_rng(0).uniform(0.5, 2, n)
    inputs["dataset"].images["w"] = weights

    plain = audit(**inputs, settings=AuditSettings(n_resamples=100)).results
    weighted = audit(
        **inputs, settings=AuditSettings(n_resamples=100, weight="patient", sampling_weight="w")
    ).results

    key = [name for name in KEY_COLUMNS if name != "at"]
    assert plain.groupby(key).size().equals(weighted.groupby(key).size())
    lost = plain["value"].notna().to_numpy() & weighted["value"].isna().to_numpy()
    assert lost.mean() < 0.01
