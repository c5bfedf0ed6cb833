"""Images without an annotation get predicted labels."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cxraudit import datasets
from cxraudit.audits.run import audit
from cxraudit.datasets.base import Dataset
from cxraudit.datasets.detector_labels import fill, read_predicted
from cxraudit.detector.apply import PREDICTED, apply_detector
from cxraudit.detector.train import RECORD, TrainSettings, train_detector, verdict
from cxraudit.errors import DataError
from cxraudit.phantom.releases import write_release
from cxraudit.phantom.spec import PhantomSpec
from cxraudit.schema import BOUNDS, WITHOUT, Analysis
from cxraudit.settings import AuditSettings


def test_only_images_without_an_annotation_are_labelled(lines, detector, tmp_path):
    """Most labels are right."""
    out, _ = detector

    labels = apply_detector(out, lines, tmp_path)

    unknown = lines.images[lines.images["drain_source"] == "unknown"]
    assert sorted(labels["image_id"]) == sorted(unknown["image_id"])
    truth = lines.images.set_index("image_id")["truth"].loc[labels["image_id"]]
    assert (labels["drain"].to_numpy() == truth.to_numpy()).mean() > 0.9


def test_predicted_labels_join_the_data_set_with_the_errors_of_the_detector(
    lines, detector, tmp_path
):
    """By the file and its manifest."""
    out, record = detector
    apply_detector(out, lines, tmp_path)

    filled = fill(lines, read_predicted(tmp_path / PREDICTED))

    assert filled.images["drain_source"].value_counts().to_dict() == {
        "annotated": 128,
        "predicted": 32,
    }
    assert filled.label_errors["drain"] == record["errors"]


def test_unreadable_images_are_listed_and_read_again(lines, detector, tmp_path):
    """They have no label until they can be read."""
    out, _ = detector
    is_missing = lines.images["image_id"] == "f004"
    broken = lines.images.assign(path=lines.images["path"].mask(is_missing, "/nowhere.png"))

    first = apply_detector(out, replace(lines, images=broken), tmp_path)
    assert "f004" not in set(first["image_id"])
    assert pd.read_csv(tmp_path / "failures.csv")["image_id"].tolist() == ["f004"]

    second = apply_detector(out, lines, tmp_path)
    assert "f004" in set(second["image_id"])
    assert not (tmp_path / "failures.csv").exists()


def test_finished_parts_are_kept(lines, detector, tmp_path, monkeypatch):
    """A second call reads no image."""
    out, _ = detector
    first = apply_detector(out, lines, tmp_path)

    def never(*args, **kwargs):
        raise AssertionError("read again")

    monkeypatch.setattr("cxraudit.detector.apply.read_images", never)
    pd.testing.assert_frame_equal(apply_detector(out, lines, tmp_path), first)


def test_a_detector_at_chance_level_is_refused(lines, detector, tmp_path):
    """As after training on shuffled labels."""
    out, record = detector
    weak = tmp_path / "weak"
    weak.mkdir()
    (weak / "detector.safetensors").write_bytes((out / "detector.safetensors").read_bytes())
    (weak / RECORD).write_text(json.dumps({**record, "above_chance": False}))

    with pytest.raises(DataError, match="is not above chance"):
        apply_detector(weak, lines, tmp_path / "labels")


def test_a_folder_without_a_detector_or_with_other_weights_is_refused(lines, detector, tmp_path):
    """The record names the weights."""
    _, record = detector
    with pytest.raises(DataError, match="no trained detector"):
        apply_detector(tmp_path, lines, tmp_path / "labels")
    (tmp_path / RECORD).write_text(json.dumps(record))
    (tmp_path / "detector.safetensors").write_bytes(b"other weights")
    with pytest.raises(DataError, match="is not the file"):
        apply_detector(tmp_path, lines, tmp_path / "labels")


def test_a_data_set_with_annotations_only_is_refused(lines, detector, tmp_path):
    """There is no image to label."""
    out, _ = detector
    annotated = replace(lines, images=lines.images[lines.images["drain_source"] == "annotated"])

    with pytest.raises(DataError, match="none is left to label"):
        apply_detector(out, annotated, tmp_path)


@pytest.mark.slow
def test_predicted_labels_of_drains_give_the_true_gap(tmp_path):
    """AUROC of at least 0.95 on held-out patients; intervals and bounds cover the gap of true labels."""
    spec = PhantomSpec(n_patients=1200, seed=21, image_size=128)
    write_release(spec, tmp_path / "release", "nih")
    dataset = datasets.load("nih-cxr14", tmp_path / "release")
    record = train_detector(
        dataset, tmp_path / "detector", TrainSettings(image_size=128, epochs=12, patience=3)
    )
    assert record["errors"]["auroc"] >= 0.95, verdict(record)

    other = PhantomSpec(n_patients=600, seed=22, image_size=128)
    write_release(other, tmp_path / "other", "nih")
    truth = pd.read_parquet(tmp_path / "other" / "phantom_images.parquet")
    (tmp_path / "other" / "CXR14_Drains_Labels.csv").unlink()
    unlabelled = datasets.load("nih-cxr14", tmp_path / "other")
    apply_detector(tmp_path / "detector", unlabelled, tmp_path / "labels")
    predicted = datasets.load(
        "nih-cxr14", tmp_path / "other", {"predicted": str(tmp_path / "labels" / PREDICTED)}
    )
    rng = np.random.default_rng(4)
    scores = pd.DataFrame(
        {
            "image_id": unlabelled.images["image_id"],
            "model": "m",
            "prompt_set": "paper",
            "finding": "Pneumothorax",
            "score": truth["Pneumothorax"] * (0.8 + 1.2 * truth["drain"])
            + rng.normal(size=len(truth)),
        }
    )
    known = Dataset(
        name="truth",
        version="",
        license="",
        root=tmp_path,
        findings=predicted.findings,
        attributes=(),
        images=predicted.images.assign(drain=np.where(truth["drain"] == 1, "yes", "no")).drop(
            columns="drain_source"
        ),
        shortcuts=("drain",),
    )

    def gaps(dataset):
        found = audit(dataset, scores, settings=AuditSettings(n_resamples=500)).results
        return found[(found["attribute"] == "drain") & (found["reference"] == WITHOUT)]

    by_truth, by_prediction = gaps(known), gaps(predicted)
    is_gap = (by_truth["analysis"] == Analysis.SHORTCUT) & (by_truth["metric"] == "auroc")
    true_gap = by_truth.loc[is_gap, "value"].item()
    is_gap = (by_prediction["analysis"] == Analysis.SHORTCUT) & (by_prediction["metric"] == "auroc")
    found = by_prediction[is_gap].iloc[0]
    assert found["low"] <= true_gap <= found["high"]
    is_bound = (by_prediction["analysis"] == Analysis.SHORTCUT_LABEL_ERRORS) & (
        by_prediction["condition"] == BOUNDS
    )
    bounds = by_prediction[is_bound].iloc[0]
    assert bounds["low"] <= true_gap <= bounds["high"]
