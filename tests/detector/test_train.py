"""The detector finds what it was trained on, is measured on other patients, and can be resumed."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from cxraudit.detector import train
from cxraudit.detector.train import (
    CHECKPOINT,
    HELD_OUT,
    RECORD,
    TrainSettings,
    train_detector,
    verdict,
)
from cxraudit.errors import ConfigError, DataError, UnknownNameError
from cxraudit.models._torch.towers.densenet import DenseNet121, modern_keys


def test_a_line_is_detected_in_held_out_patients(detector):
    """The interval of the AUROC excludes chance level."""
    _, record = detector

    assert record["errors"]["auroc"] > 0.95
    assert record["above_chance"]
    assert 0.5 < record["errors"]["auroc_low"] < record["errors"]["auroc"]
    assert "The detector of 'drain' has AUROC" in verdict(record)


def test_every_annotated_patient_is_in_one_part(detector):
    """128 of 160 patients are annotated."""
    _, record = detector

    assert sum(record["patients"].values()) == 128


def test_held_out_predictions_are_kept(detector):
    """With labels and probabilities."""
    out, record = detector
    held_out = pd.read_parquet(out / HELD_OUT)

    assert len(held_out) == record["images"]["test"]
    assert held_out["drain_probability"].between(0, 1).all()


def test_intervals_follow_the_confidence_level_and_the_kind_of_interval(detector):
    """A lower level gives a narrower interval; the record states the level."""
    _, record = detector
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 200).astype(np.float32)
    test = train._Examples(
        images=np.zeros((200, 1, 1), np.uint8),
        labels=labels,
        patients=np.arange(200),
        image_ids=np.arange(200).astype(str),
    )
    probability = np.clip(0.5 + 0.2 * (labels - 0.5) + rng.normal(0, 0.2, 200), 0, 1)

    def width(name="auroc", **settings):
        found = train._performance(test, probability, TrainSettings(**settings))
        return found[f"{name}_high"] - found[f"{name}_low"]

    for name in ("auroc", "sensitivity", "specificity"):
        assert width(name, confidence_level=0.8) < width(name)
    assert width(interval="bca") != width()
    assert record["errors"]["confidence_level"] == 0.95


def test_perfect_rates_have_score_intervals():
    """A bootstrap has no interval where all resamples are the same."""
    labels = np.repeat([0, 1], 50).astype(np.float32)
    test = train._Examples(
        np.zeros((100, 1, 1), np.uint8), labels, np.arange(100), np.arange(100).astype(str)
    )

    errors = train._performance(test, labels.astype(float), TrainSettings())

    assert errors["sensitivity"] == 1
    assert 0.9 < errors["sensitivity_low"] < 1
    assert 0.9 < errors["auroc_low"] < 1


def test_a_detector_of_shuffled_labels_is_at_chance_level(lines, tmp_path):
    """The negative control."""
    shuffled = TrainSettings(
        image_size=32, epochs=1, patience=1, batch_size=24, control=True, seed=1
    )

    record = train_detector(lines, tmp_path, shuffled)

    assert not record["above_chance"]
    assert "is not above chance level" in verdict(record)


def test_labels_are_shuffled_between_patients():
    """The labels of a patient go together; patients with fewer images get the first ones."""
    labels = np.array([1, 1, 1, 0, 0], dtype=np.float32)
    patients = np.array([0, 0, 0, 1, 1])

    shuffled = {
        tuple(train._shuffled_between_patients(labels, patients, seed)) for seed in range(8)
    }

    assert shuffled == {(1, 1, 1, 0, 0), (0, 0, 0, 1, 1)}


def test_a_resumed_training_ends_with_the_same_files(lines, tmp_path, monkeypatch):
    """Interrupted in the second epoch."""
    two_epochs = TrainSettings(image_size=32, epochs=2, patience=2, batch_size=48)
    train_detector(lines, tmp_path / "one", two_epochs)
    epoch = train._epoch

    def interrupted(network, part, optimizer, settings, number, *others):
        if number == 1:
            raise KeyboardInterrupt
        return epoch(network, part, optimizer, settings, number, *others)

    monkeypatch.setattr(train, "_epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train_detector(lines, tmp_path / "two", two_epochs)
    assert (tmp_path / "two" / CHECKPOINT).is_file()
    assert not (tmp_path / "two" / RECORD).exists()
    monkeypatch.undo()

    train_detector(lines, tmp_path / "two", two_epochs)

    for name in ("detector.safetensors", "training.csv", HELD_OUT):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_folder_of_another_training_is_refused(lines, detector, quick):
    """The message names what differs."""
    out, _ = detector

    with pytest.raises(DataError, match="settings"):
        train_detector(lines, out, replace(quick, seed=7))


def test_a_misspelled_shortcut_gets_a_suggestion(lines, tmp_path):
    """The most similar shortcut of the data set."""
    with pytest.raises(UnknownNameError, match="no shortcut named 'drian'"):
        train_detector(lines, tmp_path, TrainSettings(shortcut="drian"))


def test_too_few_annotated_patients_are_refused(lines, tmp_path, quick):
    """The message names the part and the number."""
    few = replace(lines, images=lines.images.head(40))

    with pytest.raises(DataError, match="too few annotated patients"):
        train_detector(few, tmp_path, quick)


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"image_size": 16}, "image_size must be at least 32"),
        ({"learning_rate": 2.0}, "learning_rate must lie between 0 and 1"),
        ({"confidence_level": 1.0}, "confidence_level must be"),
        ({"interval": "normal"}, "interval must be one of percentile, bca"),
    ],
)
def test_settings_out_of_range_are_refused(fields, match):
    """The message names the setting and the allowed values."""
    with pytest.raises(ConfigError, match=match):
        TrainSettings(**fields)


@pytest.fixture
def imagenet_weights(tmp_path, monkeypatch):
    """Return the path where weights of torchvision are expected."""
    folder = tmp_path / "weights" / "densenet121"
    folder.mkdir(parents=True)
    monkeypatch.setenv("CXRAUDIT_WEIGHTS", str(tmp_path / "weights"))
    return folder / train.IMAGENET


ONE_EPOCH = TrainSettings(image_size=32, epochs=1, patience=1, batch_size=48)


def test_training_starts_from_imagenet_weights_where_they_are_found(
    lines, tmp_path, imagenet_weights
):
    """With the names and the format of the published file; its classifier is left out."""
    state = {
        key.replace("norm1.", "norm.1.")
        .replace("conv1.", "conv.1.")
        .replace("norm2.", "norm.2.")
        .replace("conv2.", "conv.2."): tensor
        for key, tensor in DenseNet121().state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    torch.save(state, imagenet_weights, _use_new_zipfile_serialization=False)

    record = train_detector(lines, tmp_path / "out", ONE_EPOCH)

    assert record["start"] == "ImageNet"
    history = pd.read_csv(tmp_path / "out" / "training.csv")
    assert history["learning_rate"].tolist() == [1e-4]


def test_a_file_of_other_weights_is_refused(lines, tmp_path, imagenet_weights):
    """Its keys are not those of DenseNet-121."""
    torch.save({"features.other": torch.zeros(2)}, imagenet_weights)

    with pytest.raises(DataError, match="not torchvision's DenseNet-121"):
        train_detector(lines, tmp_path / "out", ONE_EPOCH)


def test_densenet_has_the_published_parameters_and_key_names():
    """7,978,856 parameters; the keys of the current and of the published file."""
    network = DenseNet121()

    assert sum(p.numel() for p in network.parameters()) == 7_978_856
    state = network.state_dict()
    for key, shape in {
        "features.conv0.weight": (64, 3, 7, 7),
        "features.denseblock1.denselayer1.norm1.weight": (64,),
        "features.denseblock3.denselayer24.conv2.weight": (32, 128, 3, 3),
        "features.transition2.conv.weight": (256, 512, 1, 1),
        "features.norm5.running_mean": (1024,),
        "classifier.weight": (1000, 1024),
    }.items():
        assert tuple(state[key].shape) == shape, key
    published = {"features.denseblock1.denselayer1.norm.1.weight": state["features.norm0.weight"]}
    assert list(modern_keys(published)) == ["features.denseblock1.denselayer1.norm1.weight"]
