"""The rest of the study: calibration, plots of embeddings, faults both ways, all of it from files."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import roc_auc_score

from cxraudit.audits.cells import AuditSettings
from cxraudit.audits.run import audit
from cxraudit.cli import main
from cxraudit.datasets.base import Dataset
from cxraudit.paper.calibration import calibration_points
from cxraudit.paper.embeddings import centroid_differences, project
from cxraudit.paper.faults import CHECKS, Run, find_faults
from cxraudit.paper.figures import calibration_curves, centroid_pairs, projections
from cxraudit.paper.protocol import evaluate
from cxraudit.paper.tables import attributes_table, side_by_side
from cxraudit.phantom.releases import write_release
from cxraudit.phantom.spec import PhantomSpec


def cohort(n_patients=120, *, drains=True, seed=0):
    """Images of patients who resemble themselves, with scores in [0, 1] and embeddings."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(n_patients), rng.integers(2, 7, n_patients))
    n = patient.size
    own = rng.normal(size=n_patients)[patient]
    label = (own + rng.normal(size=n) > 1).astype(float)
    sex = rng.choice(["female", "male"], n_patients)[patient]
    images = pd.DataFrame(
        {
            "image_id": [f"f{k:04d}" for k in range(n)],
            "patient_id": patient.astype(str),
            "study_id": [f"s{k}" for k in range(n)],
            "path": "",
            "view_position": "PA",
            "Pneumothorax": label,
            "Pneumonia": rng.integers(0, 2, n).astype(float),
            "sex": sex,
            "race": rng.choice(["white", "black", "asian"], n_patients)[patient],
        }
    )
    if drains:
        images["drain"] = rng.choice(["yes", "no"], n, p=[0.3, 0.7])
        images["drain_source"] = np.where(label == 1, "annotated", "predicted")
    dataset = Dataset(
        name="toy",
        version="",
        license="",
        root=None,
        images=images,
        findings=("Pneumothorax", "Pneumonia"),
        attributes=("sex", "race"),
        shortcuts=("drain",) if drains else (),
    )
    logits = 2 * label - 1 + own + rng.normal(size=n)
    scores = pd.concat(
        pd.DataFrame(
            {
                "image_id": images["image_id"],
                "model": "m",
                "prompt_set": "paper",
                "finding": finding,
                "score": 1 / (1 + np.exp(-logits)),
            }
        )
        for finding in dataset.findings
    )
    vectors = rng.normal(size=(n, 12)).astype(np.float32)
    vectors[:, 0] += 3 * (sex == "male")
    vectors[:, 1] = logits
    texts = rng.normal(size=(n, 12)).astype(np.float32) + 2
    texts[:5] = np.nan
    return dataset, scores, vectors, texts


def run_of(**options):
    """Return what the faults look at."""
    dataset, scores, vectors, texts = cohort(**options)
    prompts = {
        f: (np.eye(12, dtype=np.float32)[1], np.eye(12, dtype=np.float32)[2])
        for f in dataset.findings
    }
    settings = AuditSettings(n_resamples=300, operating_point="none", calibration="none")
    both = side_by_side(
        evaluate(dataset, scores, n_resamples=200),
        audit(dataset, scores, settings=settings).results,
    )
    return Run(
        both=both,
        dataset=dataset,
        model="m",
        scores=scores,
        vectors=vectors,
        texts=texts,
        logit_scale=5.0,
        image_ids=dataset.images["image_id"].to_numpy(dtype=np.str_),
        prompts=prompts,
    )


def test_calibration_points_are_those_of_scikit_learn():
    """All images, with and without a drain, in ten bins of equal width, as published."""
    dataset, scores, *_ = cohort()
    points = calibration_points(dataset, scores, named="nih-cxr14")

    assert set(points["finding"]) == {"Pneumothorax"}
    label = dataset.images["Pneumothorax"].to_numpy()
    score = scores[scores["finding"] == "Pneumothorax"]["score"].to_numpy()
    for group, kept in (
        ("all", label >= 0),
        ("with", dataset.images["drain"] == "yes"),
        ("without", dataset.images["drain"] == "no"),
    ):
        observed, predicted = calibration_curve(label[kept], score[kept], n_bins=10)
        mine = points[points["group"] == group]
        np.testing.assert_allclose(mine["observed"], observed, atol=1e-12)
        np.testing.assert_allclose(mine["predicted"], predicted, atol=1e-12)
    everything, *_ = cohort(drains=False)
    assert set(calibration_points(everything, scores)["finding"]) == set(dataset.findings)
    assert calibration_points(dataset, scores.assign(score=scores["score"] * 3)).empty
    assert len(calibration_curves(points).axes) >= 2


def _shown(n):
    """The images that are drawn of n."""
    from cxraudit.paper.embeddings import SEED

    return np.random.default_rng(SEED).permutation(n)[:150]


def test_both_coordinates_come_from_one_fit_and_reports_only_where_they_are(monkeypatch):
    """X and y of images are uncorrelated components; images without a report are not in the joint fit."""
    dataset, _, vectors, texts = cohort()
    monkeypatch.setattr("cxraudit.paper.embeddings.MAX_IMAGES", 150)
    points = project("m", vectors, texts, dataset.images)
    images = points[(points["fit"] == "images") & (points["method"] == "PCA")]
    both = points[(points["fit"] == "images and reports") & (points["method"] == "t-SNE")]

    assert abs(np.corrcoef(images["x"], images["y"])[0, 1]) < 1e-5
    missing = int(np.isnan(texts[_shown(len(vectors))]).any(axis=1).sum())
    assert (images["modality"] == "image").all()
    assert len(images) == 150
    assert (both["modality"] == "report").sum() == 150 - missing
    assert not images["sex"].isna().any()
    assert projections(points).axes
    assert set(project("m", vectors, None, dataset.images)["fit"]) == {"images"}


def test_centroid_differences_are_of_every_pair_and_sorted():
    """Sex has one pair, race three, modality one; values are numpy's."""
    dataset, _, vectors, texts = cohort()
    found = centroid_differences("m", vectors, texts, dataset.images)
    pairs = found.groupby("attribute", sort=False)["pair"].nunique().to_dict()

    assert pairs == {"modality": 1, "sex": 1, "race": 3, "drain": 1}
    women = (dataset.images["sex"] == "female").to_numpy()
    expected = np.abs(vectors[women].mean(axis=0) - vectors[~women].mean(axis=0))
    mine = found[found["attribute"] == "sex"]["difference"].to_numpy()
    np.testing.assert_allclose(mine, np.sort(expected)[::-1], atol=1e-6)
    assert len(centroid_pairs(found).axes) == 4


def test_every_fault_is_shown_in_numbers_of_the_run():
    """All that this data set can show; the numbers are what scikit-learn and pandas give."""
    run = run_of()
    found = {(fault.where, fault.fault.split()[0]): fault for fault in find_faults(run)}

    assert len(find_faults(run)) == len(CHECKS)
    images = run.dataset.images
    guessed = int((images["drain_source"] == "predicted").sum())
    unfilled = next(f for f in found.values() if f.where == "drains_detection.py")
    assert unfilled.published.startswith(f"{guessed:,} of {guessed:,}")
    arms = next(f for f in found.values() if f.fault.startswith("both arms"))
    label = images["Pneumothorax"].to_numpy() == 1
    has = (images["drain"] == "yes").to_numpy()
    score = run.scores[run.scores["finding"] == "Pneumothorax"]["score"].to_numpy()
    bpsn = label ^ has
    assert f"{roc_auc_score(label[bpsn], score[bpsn]):.3f}" in arms.ours
    unit = next(f for f in found.values() if "draws images" in f.fault)
    assert "times as wide" in unit.ours
    wider = float(unit.ours.split(", ")[1].split(" times")[0])
    assert wider > 1.1  # images of a patient resemble each other here
    crash = next(f for f in found.values() if "TSNE" in f.fault)
    assert "has no transform" in crash.published
    assert "2 features" in crash.published


def test_the_misaligned_search_sees_other_images_labels():
    """Sex is read nearly always; the published search stays near a coin toss."""
    fault = next(f for f in find_faults(run_of(seed=3)) if "train_idx" in f.fault)
    highest = float(fault.published.split(" to ")[1].split(",")[0])
    aligned = float(fault.ours.split(" to ")[1].split(",")[0])

    assert highest < 0.65
    assert aligned > 0.9


def test_a_data_set_without_drains_shows_the_others():
    """Faults of drains are left out; nothing is invented."""
    found = find_faults(run_of(drains=False))
    assert not any("drain" in fault.fault for fault in found)
    assert len(found) == len(CHECKS) - 3


def test_untidy_runs_still_leave_a_page():
    """A patient of unknown sex, a perfect ranking, one report: faults that cannot be shown are left out."""
    run = run_of(seed=5)
    images = run.dataset.images.copy()
    images.loc[images["patient_id"] == "0", "sex"] = "unknown"
    label = dict(zip(images["image_id"], images["Pneumothorax"], strict=True))
    perfect = run.scores.assign(score=run.scores["image_id"].map(label) * 0.8 + 0.1)
    texts = np.full_like(run.texts, np.nan)
    texts[0] = 1
    untidy = replace(
        run,
        dataset=replace(run.dataset, images=images),
        scores=perfect,
        texts=texts,
        both=run.both.assign(wider=np.nan),
    )
    found = find_faults(untidy)
    assert not any("draws images" in fault.fault for fault in found)
    assert any("train_idx" in fault.fault for fault in found)
    points = project("m", run.vectors[:60], texts[:60], images.iloc[:60])
    assert len(points) == 2 * 60


def test_a_wrapper_without_scale_or_with_lengths_is_shown_as_it_is():
    """Scale 1 has nothing to show; prompts that are longer show their own lengths."""
    run = run_of()
    assert not any("bare cosines" in f.fault for f in find_faults(replace(run, logit_scale=1.0)))
    longer = {f: (3 * a, 2 * b) for f, (a, b) in run.prompts.items()}
    fault = next(f for f in find_faults(replace(run, prompts=longer)) if "normalize" in f.fault)
    assert "1.50 times" in fault.published
    plain = next(f for f in find_faults(run) if "normalize" in f.fault)
    assert plain.ours == fault.ours


def test_both_protocols_stand_side_by_side():
    """Same AUROC where every image is labelled; other intervals; a verdict only on our side."""
    dataset, scores, *_ = cohort(drains=False)
    settings = AuditSettings(n_resamples=500, operating_point="none", calibration="none")
    results = audit(dataset, scores, settings=settings).results
    numbers = evaluate(dataset, scores, n_resamples=200)
    both = side_by_side(numbers, results)

    assert len(both) == len(numbers)
    np.testing.assert_allclose(both["auroc"], both["audit_auroc"], atol=1e-12)
    assert both["wider"].median() > 1.05
    groups = both[both["attribute"] != "all"]
    assert (groups["verdict"] != "").all()
    assert groups["gap"].notna().all()
    assert (both.loc[both["attribute"] == "all", "verdict"] == "").all()


@pytest.fixture(scope="module")
def releases(tmp_path_factory):
    """Small made-up releases in both layouts."""
    root = tmp_path_factory.mktemp("study")
    for layout, seed, n_patients in (("mimic", 61, 130), ("nih", 62, 60)):
        spec = PhantomSpec(n_patients=n_patients, seed=seed, image_size=64, images_per_patient=2)
        write_release(spec, root / layout, layout)
    return root


def test_the_whole_study_from_releases_with_three_models(releases, capsys):
    """One command; every table and figure is there."""
    out = releases / "paper"
    command = [
        "paper",
        "run",
        str(out),
        "--mimic",
        str(releases / "mimic"),
        "--nih",
        str(releases / "nih"),
        "--model",
        "phantom-clip",
        "--model",
        "phantom-clip-clean",
        "--model",
        "random",
        "--resamples",
        "200",
        "-q",
    ]
    assert main(command) == 0
    html = (out / "paper.html").read_text()
    for title in (
        "Zero-shot performance on mimic-cxr",
        "By sex on mimic-cxr",
        "By race on mimic-cxr",
        "By age on mimic-cxr",
        "By drain on nih-cxr14",
        "Calibration on nih-cxr14",
        "phantom-clip on mimic-cxr: embeddings",
        "Attributes read from embeddings on mimic-cxr",
        "Both protocols, on the same predictions",
        "What changed and why",
    ):
        assert title in html, title
    assert not any(word in html for word in ("<script", "<img", "<link", "src="))
    figures = {path.stem for path in (out / "figures").glob("*.svg")}
    for name in (
        "mimic-cxr-sex-auroc",
        "mimic-cxr-race-adjusted_auprc",
        "mimic-cxr-age_group-auroc",
        "nih-cxr14-drain-auroc",
        "nih-cxr14-calibration",
        "mimic-cxr-phantom-clip-projections",
        "mimic-cxr-phantom-clip-centroids",
    ):
        assert name in figures, name
    numbers = pd.read_csv(out / "numbers.csv")
    assert len(numbers) == 3 * (6 * 11 + 3)
    assert (out / "attributes-mimic-cxr.tex").is_file()
    assert (out / "zeroshot-mimic-cxr.tex").is_file()
    modalities = pd.read_parquet(out / "points.parquet")["modality"]
    assert set(modalities) == {"image", "report"}
    changed = pd.read_csv(out / "changed.csv")
    assert changed["file"].nunique() >= 7
    assert (out / "mimic-cxr" / "audit" / "report.html").is_file()
    assert main(["paper", "run", str(out), "--model", "random"]) == 2
    assert "--mimic" in capsys.readouterr().err


def test_attributes_are_tabled_by_model_and_space():
    """One row per space, the MLP's cells; nothing where nothing was probed."""
    rows = pd.DataFrame(
        [
            {
                "model": "m",
                "analysis": "probe",
                "space": space,
                "method": method,
                "attribute": a,
                "value": value,
                "low": value - 0.1,
                "high": value + 0.1,
            }
            for space, value in (("image", 0.9), ("PCA (2 axes)", 0.6))
            for method in ("MLP", "linear")
            for a in ("sex", "age_group")
        ]
    )
    table = attributes_table(rows)
    assert table["space"].tolist() == ["image", "PCA (2 axes)"]
    assert table["age"].tolist() == ["0.90 [0.80, 1.00]", "0.60 [0.50, 0.70]"]
    assert attributes_table(rows[rows["method"] == "linear"]).empty
