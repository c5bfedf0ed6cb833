"""The detector finds what it was trained on, is measured on other patients, and can be resumed."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image, ImageOps

from cxraudit import folders
from cxraudit.detector import fit
from cxraudit.detector.checkpoint import read_checkpoint
from cxraudit.detector.examples import Examples, _shuffled_between_patients
from cxraudit.detector.performance import performance, rates_by_finding
from cxraudit.detector.train import (
    CHECKPOINT,
    HELD_OUT,
    RECORD,
    TASK,
    UNREADABLE,
    WEIGHTS,
    TrainSettings,
    train_detector,
    verdict,
)
from cxraudit.errors import ConfigError, DataError, UnknownNameError
from cxraudit.models._torch.towers.densenet import DenseNet121, modern_keys

pytestmark = pytest.mark.slow  # a detector is trained


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
    test = Examples(
        images=np.zeros((200, 1, 1), np.uint8),
        labels=labels,
        patients=np.arange(200),
        image_ids=np.arange(200).astype(str),
    )
    probability = np.clip(0.5 + 0.2 * (labels - 0.5) + rng.normal(0, 0.2, 200), 0, 1)

    def width(name="auroc", **settings):
        found = performance(test, probability, TrainSettings(**settings))
        return found[f"{name}_high"] - found[f"{name}_low"]

    for name in ("auroc", "sensitivity", "specificity"):
        assert width(name, confidence_level=0.8) < width(name)
    assert width(interval="bca") != width()
    assert record["errors"]["confidence_level"] == 0.95


def test_perfect_rates_have_score_intervals():
    """A bootstrap has no interval where all resamples are the same."""
    labels = np.repeat([0, 1], 50).astype(np.float32)
    test = Examples(
        np.zeros((100, 1, 1), np.uint8), labels, np.arange(100), np.arange(100).astype(str)
    )

    errors = performance(test, labels.astype(float), TrainSettings())

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

    shuffled = {tuple(_shuffled_between_patients(labels, patients, seed)) for seed in range(8)}

    assert shuffled == {(1, 1, 1, 0, 0), (0, 0, 0, 1, 1)}


ONE_EPOCH = TrainSettings(image_size=32, epochs=1, patience=1, batch_size=48)
TWO_EPOCHS = TrainSettings(image_size=32, epochs=2, patience=2, batch_size=48)
FILES = (WEIGHTS, CHECKPOINT, "training.csv", HELD_OUT, RECORD, TASK)


@pytest.fixture(scope="module")
def trained(lines, tmp_path_factory):
    """The folder of a training of two epochs; do not change it."""
    out = tmp_path_factory.mktemp("trained")
    train_detector(lines, out, TWO_EPOCHS)
    return out


def same_files(one, other):
    """Assert that two trainings wrote the same bytes."""
    for name in FILES:
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


def unfinished(trained, folder):
    """Start the training again in a folder: it has the records of what it is, and nothing else."""
    for name in (TASK, folders.RECORD):
        shutil.copy(trained / name, folder)


def interrupt(monkeypatch, lines, out):
    """Train in a folder, and stop in the second epoch."""
    epoch = fit._epoch

    def interrupted(network, part, optimizer, settings, number, *others):
        if number == 1:
            raise KeyboardInterrupt
        return epoch(network, part, optimizer, settings, number, *others)

    monkeypatch.setattr(fit, "_epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train_detector(lines, out, TWO_EPOCHS)
    monkeypatch.undo()


def test_a_resumed_training_ends_with_the_same_files(lines, trained, tmp_path, monkeypatch):
    """Interrupted in the second epoch: every byte, that of the checkpoint included."""
    interrupt(monkeypatch, lines, tmp_path)
    assert (tmp_path / CHECKPOINT).is_file()
    assert not (tmp_path / RECORD).exists()

    train_detector(lines, tmp_path, TWO_EPOCHS)

    same_files(tmp_path, trained)


def test_a_damaged_checkpoint_is_not_used(lines, trained, tmp_path):
    """Here one that was cut: training starts again, and that is stated."""
    unfinished(trained, tmp_path)
    (tmp_path / CHECKPOINT).write_bytes((trained / CHECKPOINT).read_bytes()[:-1])
    messages: list[str] = []

    train_detector(lines, tmp_path, TWO_EPOCHS, on_message=messages.append)

    same_files(tmp_path, trained)
    assert "is damaged and is not used" in messages[0]


def test_damaged_weights_are_made_again_from_the_checkpoint(lines, trained, tmp_path):
    """The best weights are part of it: nothing is taken from the file of the weights."""
    unfinished(trained, tmp_path)
    shutil.copy(trained / CHECKPOINT, tmp_path)
    (tmp_path / WEIGHTS).write_bytes(b"zeros")

    train_detector(lines, tmp_path, TWO_EPOCHS)

    same_files(tmp_path, trained)


def test_a_bit_anywhere_in_a_checkpoint_is_noticed(trained, tmp_path):
    """In text, tensors and checksum."""
    data = bytearray((trained / CHECKPOINT).read_bytes())
    assert read_checkpoint(trained / CHECKPOINT) is not None
    harmed = tmp_path / CHECKPOINT
    for place in [*np.random.default_rng(0).integers(0, len(data), 3).tolist(), 0, 9, -1]:
        data[place] ^= 16
        harmed.write_bytes(data)
        data[place] ^= 16
        assert read_checkpoint(harmed) is None


def inverted(lines, root):
    """Return the data set with one annotated image inverted."""
    path = root / "inverted.png"
    with Image.open(lines.images["path"].iloc[0]) as image:
        ImageOps.invert(image).save(path)
    paths = lines.images["path"].where(lines.images.index != 0, str(path))
    return replace(lines, images=lines.images.assign(path=paths))


def relabelled(lines, root):
    """Return the data set with another label of one image."""
    other = {"yes": "no", "no": "yes"}
    labels = lines.images["drain"].mask(lines.images.index == 0, lines.images["drain"].map(other))
    return replace(lines, images=lines.images.assign(drain=labels))


def other_patients(lines, root):
    """Return the data set with the patients of two images exchanged."""
    patients = lines.images["patient_id"].replace({"p0": "p1", "p1": "p0"})
    patients = patients.mask(lines.images.index == 2, "p0")
    return replace(lines, images=lines.images.assign(patient_id=patients))


def one_less(lines, root):
    """Return the data set without an image."""
    return replace(lines, images=lines.images.drop(index=0))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (inverted, r"\(images\)"),
        (relabelled, r"\(labels\)"),
        (other_patients, r"\(patients\)"),
        (one_less, "list of images"),
    ],
)
def test_a_training_never_continues_with_other_images_or_labels(
    lines, trained, tmp_path, change, named
):
    """The folder is refused, with what differs, and stays as it was."""
    out = tmp_path / "copy"
    out.mkdir()
    unfinished(trained, out)

    with pytest.raises(DataError, match=named):
        train_detector(change(lines, tmp_path), out, TWO_EPOCHS)

    assert (out / TASK).read_bytes() == (trained / TASK).read_bytes()
    assert {file.name for file in out.iterdir()} == {TASK, folders.RECORD}


def test_a_release_elsewhere_is_the_same_training(lines, trained, tmp_path):
    """Content decides: images moved, and saved again without loss."""
    out = tmp_path / "copy"
    out.mkdir()
    unfinished(trained, out)
    shutil.copy(trained / CHECKPOINT, out)
    moved = []
    for path in lines.images["path"]:
        with Image.open(path) as image:
            image.save(tmp_path / Path(path).name, compress_level=1)
        moved.append(str(tmp_path / Path(path).name))

    train_detector(replace(lines, images=lines.images.assign(path=moved)), out, TWO_EPOCHS)

    same_files(out, trained)


def test_annotated_images_that_cannot_be_read_are_listed(lines, tmp_path):
    """The others go on."""
    paths = lines.images["path"].mask(lines.images.index < 2, "/nowhere.png")
    broken = replace(lines, images=lines.images.assign(path=paths))

    record = train_detector(broken, tmp_path, ONE_EPOCH)

    assert record["unreadable"] == 2
    assert pd.read_csv(tmp_path / UNREADABLE)["image_id"].tolist() == ["f000", "f001"]


@pytest.mark.parametrize("name", [*FILES, UNREADABLE])
def test_a_file_of_the_user_is_refused_before_any_image_is_read(lines, tmp_path, name, monkeypatch):
    """And stays as it is."""
    (tmp_path / name).write_text("mine")

    def never(*arguments):
        raise AssertionError("read")

    monkeypatch.setattr("cxraudit.detector.train.annotated", never)
    with pytest.raises(DataError, match="which cxraudit did not write"):
        train_detector(lines, tmp_path, ONE_EPOCH)

    assert [file.name for file in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}"])
def test_a_damaged_record_of_the_task_is_refused(lines, trained, tmp_path, text):
    """In one sentence."""
    unfinished(trained, tmp_path)
    (tmp_path / TASK).write_text(text)

    with pytest.raises(DataError, match=r"training\.json|other settings"):
        train_detector(lines, tmp_path, TWO_EPOCHS)


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
        ({"interval": "normal"}, "interval must be one of t, percentile, bca"),
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
    return folder / fit.IMAGENET


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


def test_error_rates_are_measured_in_each_class(quick):
    """Of a finding, where enough patients have the shortcut, and lack it; others are not there."""
    n = 80
    label = np.arange(n) % 2 == 0
    positive = np.arange(n) < 50
    wrong = positive & (np.arange(n) % 10 == 0)  # of 25 positives with it, 5 are missed
    test = Examples(
        np.zeros((n, 1, 1), np.uint8),
        label.astype(np.float32),
        np.arange(n),
        np.arange(n).astype(str),
    )
    findings = pd.DataFrame({"A": positive.astype(float), "B": np.where(np.arange(n) < 70, 1.0, 0)})

    found = rates_by_finding(test, (label ^ wrong).astype(float), findings, quick)

    assert found["A"]["positives"]["sensitivity"] == pytest.approx(0.8)
    assert found["A"]["negatives"]["sensitivity"] == 1
    assert found["A"]["negatives"]["sensitivity_low"] < 0.9
    assert set(found["B"]) == {"positives"}
