"""Predicted labels fill in where there is no annotation, and carry the errors of their detector."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from cxraudit.datasets.base import Dataset
from cxraudit.datasets.detector_labels import (
    BY_FINDING,
    PredictedLabels,
    Rates,
    fill,
    rates_among,
    read_predicted,
)
from cxraudit.errors import DataError
from cxraudit.files import write_manifest, write_table
from cxraudit.schema import NEGATIVES, POSITIVES

ERRORS = {"sensitivity": 0.9, "specificity": 0.8}
DETECTOR = {"shortcut": "drain", "errors": ERRORS}


def dataset(**columns) -> Dataset:
    """Four images; one annotated with a drain, one without, two unknown."""
    images = pd.DataFrame(
        {
            "image_id": ["a", "b", "c", "d"],
            "patient_id": ["1", "2", "3", "4"],
            "study_id": ["a", "b", "c", "d"],
            "path": "",
            "view_position": "PA",
            "Pneumothorax": 1.0,
            "drain": ["yes", "no", "unknown", "unknown"],
            **columns,
        }
    )
    return Dataset(
        name="small",
        version="",
        license="",
        root=Path(),
        images=images,
        findings=("Pneumothorax",),
        attributes=(),
        shortcuts=("drain",),
    )


def predicted(*image_ids: str) -> PredictedLabels:
    """Predict a drain in each image."""
    table = pd.DataFrame(
        {"image_id": image_ids, "drain": "yes", "drain_probability": [0.7] * len(image_ids)}
    )
    return PredictedLabels("drain", table, ERRORS)


def test_annotations_are_never_replaced():
    """Predictions fill in unknown labels, with source and probability."""
    images = fill(dataset(), predicted("a", "b", "c")).images

    assert images["drain"].tolist() == ["yes", "no", "yes", "unknown"]
    assert images["drain_source"].tolist() == ["annotated", "annotated", "predicted", "unknown"]
    assert images["drain_probability"].notna().tolist() == [False, False, True, False]


def test_errors_of_the_detector_go_with_the_labels():
    """As facts of the data set and as a note."""
    filled = fill(dataset(), predicted("c"))

    assert filled.label_errors == {"drain": ERRORS}
    assert "sensitivity 0.90, specificity 0.80" in filled.notes[-1]


def test_labels_of_another_detector_become_unknown():
    """The errors that are known are those of this detector."""
    foreign = dataset(
        drain=["yes", "no", "yes", "yes"],
        drain_source=["annotated", "annotated", "predicted", "predicted"],
    )

    filled = fill(foreign, predicted("c"))

    assert filled.images["drain_source"].tolist()[2:] == ["predicted", "unknown"]
    assert filled.images["drain"].tolist()[2:] == ["yes", "unknown"]
    assert "1 labels predicted by another detector" in filled.notes[-1]


def test_a_shortcut_without_any_label_is_added():
    """All its labels are predictions."""
    bare = replace(dataset(), images=dataset().images.drop(columns="drain"), shortcuts=())

    filled = fill(bare, predicted("a", "b"))

    assert filled.shortcuts == ("drain",)
    assert filled.images["drain_source"].tolist() == ["predicted", "predicted", *["unknown"] * 2]


def test_a_file_of_predicted_labels_is_read_with_its_detector(tmp_path):
    """The manifest names the shortcut and the errors."""
    file = tmp_path / "predicted.csv"
    write_table(predicted("c").table, file)
    write_manifest(file, outputs=[file], detector=DETECTOR)

    found = read_predicted(file)

    assert (found.shortcut, found.errors) == ("drain", ERRORS)


def test_a_file_without_a_detector_or_with_other_labels_is_refused(tmp_path):
    """No manifest, and a label that is neither yes nor no."""
    file = tmp_path / "predicted.csv"
    write_table(predicted("c").table.assign(drain="maybe"), file)
    with pytest.raises(DataError, match="no manifest"):
        read_predicted(file)
    for label in ("maybe", "both"):
        write_table(predicted("c").table.assign(drain=label), file)
        write_manifest(file, outputs=[file], detector=DETECTOR)
        with pytest.raises(DataError, match="yes or no"):
            read_predicted(file)


@pytest.fixture
def written(tmp_path) -> Path:
    """A file of predicted labels with its manifest."""
    file = tmp_path / "predicted.csv"
    write_table(predicted("007", "c").table, file)
    write_manifest(file, outputs=[file], detector=DETECTOR)
    return file


def test_identifiers_of_predicted_labels_are_text(written):
    """``007`` is not 7."""
    assert read_predicted(written).table["image_id"].tolist() == ["007", "c"]


@pytest.mark.parametrize(
    "harm",
    [
        lambda text: text.replace("yes", "no", 1),
        lambda text: text[:-3],
        lambda text: text + "d,yes,0.7\n",
        lambda text: text.replace("\n", "\r\n"),
    ],
)
def test_predicted_labels_that_were_changed_are_refused(written, harm):
    """The errors of the detector are those of its own labels."""
    written.write_text(harm(written.read_text()))

    with pytest.raises(DataError, match="was changed since it was written"):
        read_predicted(written)


def test_a_manifest_that_does_not_name_the_file_is_refused(written):
    """It is the mark of another file, or of an unfinished step."""
    write_manifest(written, detector=DETECTOR)

    with pytest.raises(DataError, match="no manifest that names a detector"):
        read_predicted(written)


@pytest.mark.parametrize("cell", ["", "1.5", "-0.1", "nan"])
def test_every_label_has_a_probability(tmp_path, cell):
    """From 0 to 1."""
    file = tmp_path / "predicted.csv"
    file.write_text(f"image_id,drain,drain_probability\na,yes,0.7\nb,no,{cell}\n")
    write_manifest(file, outputs=[file], detector=DETECTOR)

    with pytest.raises(DataError, match="with a probability from 0 to 1"):
        read_predicted(file)


def test_what_is_known_of_the_labelled_images_reaches_the_data_set(tmp_path):
    """Images without a label, and notes on how the others were decoded."""
    file = tmp_path / "predicted.csv"
    write_table(predicted("c").table, file)
    noted = {"about": "images", "count": 1, "sentence": "Nearly black. (1 image: c)"}
    write_manifest(file, outputs=[file], detector=DETECTOR, n_failures=2, notices=[noted])

    notices = fill(dataset(), read_predicted(file)).notices

    assert [notice.count for notice in notices] == [1, 2]
    assert {notice.about for notice in notices} == {"predicted labels of 'drain'"}
    assert "2 images could not be read" in notices[1].sentence


@pytest.mark.parametrize("detector", [{}, {"shortcut": "drain"}, {"shortcut": 1, "errors": ERRORS}])
def test_a_manifest_without_the_errors_of_the_detector_is_refused(written, detector):
    """Bounds of the gap rest on them."""
    write_manifest(written, outputs=[written], detector=detector)

    with pytest.raises(DataError, match="does not state the shortcut and the errors"):
        read_predicted(written)


def test_error_rates_count_for_the_class_they_were_measured_in():
    """Earlier labels have one pair of rates: for positives, which is stated, and not for negatives."""
    rates = {"sensitivity": 0.9, "specificity": 0.8}
    new = {BY_FINDING: {"Pneumothorax": {POSITIVES: rates}}}

    assert rates_among(new, "Pneumothorax", POSITIVES) == Rates(rates)
    assert rates_among(new, "Pneumothorax", NEGATIVES).measured is None
    assert "not measured" in rates_among(new, "Edema", POSITIVES).stated
    assert rates_among(rates, "Pneumothorax", POSITIVES).measured == rates
    assert "not recorded" in rates_among(rates, "Pneumothorax", POSITIVES).stated
    assert rates_among(rates, "Pneumothorax", NEGATIVES).measured is None
