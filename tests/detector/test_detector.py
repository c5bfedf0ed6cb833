"""The detector learns what is there, says when it learned nothing, and goes on after a kill."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from cxraudit import datasets
from cxraudit.audits.cells import AuditSettings
from cxraudit.audits.run import audit
from cxraudit.datasets.base import Dataset
from cxraudit.datasets.detector_labels import read_predicted
from cxraudit.detector import train
from cxraudit.detector.apply import PREDICTED, apply_detector
from cxraudit.detector.images import read_images
from cxraudit.detector.train import CHECKPOINT, RECORD, TrainSettings, train_detector, verdict
from cxraudit.errors import ConfigError, DataError, UnknownNameError
from cxraudit.files import write_manifest, write_table
from cxraudit.models._torch.towers.densenet import DenseNet121, modern_keys
from cxraudit.phantom.releases import write_release
from cxraudit.phantom.spec import PhantomSpec
from cxraudit.schema import results_frame

QUICK = TrainSettings(image_size=32, epochs=14, patience=14, batch_size=16)


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """Small pictures, and other tests beside these: threads would wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Dataset:
    """Noise with or without a bright line; 160 patients, a fifth of them not annotated."""
    root = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(3)
    rows = []
    for patient in range(160):
        picture = rng.normal(90, 25, size=(32, 32))
        drain = patient % 2 == 0
        if drain:
            row = rng.integers(6, 24)
            picture[row : row + 3] += 110
        path = root / f"{patient}.png"
        Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(path)
        known = patient % 5 != 4
        rows.append(
            {
                "image_id": f"f{patient:03d}",
                "patient_id": f"p{patient}",
                "study_id": f"s{patient}",
                "path": str(path),
                "view_position": "PA",
                "Pneumothorax": float(patient % 3 == 0),
                "drain": ("yes" if drain else "no") if known else "unknown",
                "drain_source": "annotated" if known else "unknown",
                "truth": "yes" if drain else "no",
            }
        )
    return Dataset(
        name="lines",
        version="",
        license="",
        root=root,
        images=pd.DataFrame(rows),
        findings=("Pneumothorax",),
        attributes=(),
        shortcuts=("drain",),
    )


@pytest.fixture(scope="module")
def detector(images, tmp_path_factory):
    """A trained detector."""
    out = tmp_path_factory.mktemp("detector")
    return out, train_detector(images, out, QUICK)


def test_a_line_is_found_in_patients_it_has_not_seen(detector):
    """AUROC and rates with intervals over patients; the sentence says so."""
    out, record = detector

    assert record["errors"]["auroc"] > 0.95
    assert record["learned"]
    assert 0.5 < record["errors"]["auroc_low"] < record["errors"]["auroc"]
    assert record["errors"]["sensitivity_low"] <= record["errors"]["sensitivity"]
    assert (
        record["patients"]["train"] + record["patients"]["validation"] + record["patients"]["test"]
        == 128
    )
    assert "finds the drain" in verdict(record)
    held_out = pd.read_parquet(out / "held_out.parquet")
    assert len(held_out) == record["images"]["test"]
    assert held_out["drain_probability"].between(0, 1).all()


def test_shuffled_labels_teach_nothing_and_it_says_so(images, tmp_path):
    """The control; and such a detector labels nobody."""
    shuffled = TrainSettings(
        image_size=32, epochs=1, patience=1, batch_size=24, control=True, seed=1
    )

    record = train_detector(images, tmp_path, shuffled)

    assert not record["learned"]
    assert "learned nothing" in verdict(record)
    with pytest.raises(DataError, match="coin tosses"):
        apply_detector(tmp_path, images, tmp_path / "labels")


def test_a_killed_training_goes_on_and_ends_the_same(images, tmp_path, monkeypatch):
    """Killed in the second epoch: the same weights and history as in one go."""
    three = TrainSettings(image_size=32, epochs=2, patience=2, batch_size=48)
    train_detector(images, tmp_path / "one", three)
    epoch = train._epoch

    def killed(network, part, optimizer, settings, number, *others):
        if number == 1:
            raise KeyboardInterrupt
        return epoch(network, part, optimizer, settings, number, *others)

    monkeypatch.setattr(train, "_epoch", killed)
    with pytest.raises(KeyboardInterrupt):
        train_detector(images, tmp_path / "two", three)
    assert (tmp_path / "two" / CHECKPOINT).is_file()
    assert not (tmp_path / "two" / RECORD).exists()
    monkeypatch.undo()

    train_detector(images, tmp_path / "two", three)

    for name in ("detector.safetensors", "training.csv", "held_out.parquet"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    with pytest.raises(DataError, match="differs in settings"):
        train_detector(images, tmp_path / "two", QUICK)


def test_only_images_nobody_annotated_are_labelled(images, detector, tmp_path):
    """With probability, source and what is known of the errors; they join the data set as predicted."""
    out, record = detector

    labels = apply_detector(out, images, tmp_path / "labels")

    unknown = images.images[images.images["drain_source"] == "unknown"]
    assert sorted(labels["image_id"]) == sorted(unknown["image_id"])
    truth = images.images.set_index("image_id")["truth"].loc[labels["image_id"]]
    assert (labels["drain"].to_numpy() == truth.to_numpy()).mean() > 0.9
    predicted = read_predicted(tmp_path / "labels" / PREDICTED)
    assert predicted.errors == record["errors"]
    from cxraudit.datasets.detector_labels import fill

    filled = fill(images, predicted)
    assert filled.images["drain_source"].value_counts().to_dict() == {
        "annotated": 128,
        "predicted": 32,
    }
    before = images.images["drain_source"] == "annotated"
    assert (filled.images["drain"][before] == images.images["drain"][before]).all()
    assert filled.images["drain_probability"].notna().sum() == 32
    foreign = images.images.assign(
        drain_source=images.images["drain_source"].replace("unknown", "predicted")
    )
    fewer = replace(predicted, table=predicted.table.head(5))
    mixed = fill(replace(images, images=foreign.assign(drain=images.images["truth"])), fewer)
    assert mixed.images["drain_source"].value_counts().to_dict() == {
        "annotated": 128,
        "unknown": 27,
        "predicted": 5,
    }
    assert "27 labels of another detector" in mixed.notes[-1]
    assert filled.label_errors["drain"]["sensitivity"] == record["errors"]["sensitivity"]


def test_finished_parts_of_the_labels_are_kept(images, detector, tmp_path, monkeypatch):
    """A second call reads no image again; unreadable images are listed and get no label."""
    out, _ = detector
    broken = images.images.assign(
        path=images.images["path"].mask(images.images["image_id"] == "f004", "/nowhere.png")
    )
    some = Dataset(
        name="lines",
        version="",
        license="",
        root=images.root,
        images=broken,
        findings=images.findings,
        attributes=(),
        shortcuts=("drain",),
    )
    first = apply_detector(out, some, tmp_path)
    assert "f004" not in set(first["image_id"])
    assert pd.read_csv(tmp_path / "failures.csv")["image_id"].tolist() == ["f004"]

    # The image is back: it is tried again, and labelled.
    label_all = apply_detector(out, images, tmp_path)
    assert "f004" in set(label_all["image_id"])
    assert not (tmp_path / "failures.csv").exists()

    def never(*args, **kwargs):
        raise AssertionError("read again")

    monkeypatch.setattr("cxraudit.detector.apply.read_images", never)
    pd.testing.assert_frame_equal(apply_detector(out, images, tmp_path), label_all)
    assert len(first) == len(label_all) - 1


def test_misuse_is_said(images, tmp_path):
    """A shortcut that is not there, too few patients, silly numbers, no detector."""
    with pytest.raises(UnknownNameError, match="no shortcut named 'drian'"):
        train_detector(images, tmp_path, TrainSettings(shortcut="drian"))
    few = Dataset(
        name="few",
        version="",
        license="",
        root=images.root,
        images=images.images.head(40),
        findings=images.findings,
        attributes=(),
        shortcuts=("drain",),
    )
    with pytest.raises(DataError, match="too few annotated patients"):
        train_detector(few, tmp_path, QUICK)
    with pytest.raises(ConfigError, match="epochs must be at least 1"):
        TrainSettings(epochs=0)
    with pytest.raises(DataError, match="no trained detector"):
        apply_detector(tmp_path / "nowhere", images, tmp_path / "labels")
    write_table(
        pd.DataFrame({"image_id": ["a"], "drain": ["maybe"], "drain_probability": [0.5]}),
        tmp_path / "odd.csv",
    )
    with pytest.raises(DataError, match="no manifest"):
        read_predicted(tmp_path / "odd.csv")
    write_manifest(tmp_path / "odd.csv", detector={"shortcut": "drain", "errors": {}})
    with pytest.raises(DataError, match="must hold yes or no"):
        read_predicted(tmp_path / "odd.csv")


def test_densenet_has_the_published_parameters_and_key_names():
    """7,978,856 parameters; the keys of today and those in the published file."""
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
    old = {"features.denseblock1.denselayer1.norm.1.weight": state["features.norm0.weight"]}
    assert list(modern_keys(old)) == ["features.denseblock1.denselayer1.norm1.weight"]


def test_imagenet_weights_are_the_start_where_they_are_found(images, tmp_path, monkeypatch):
    """The published file's old names and old format; its head is left out; another file is refused."""
    state = {
        key.replace("norm1.", "norm.1.")
        .replace("conv1.", "conv.1.")
        .replace("norm2.", "norm.2.")
        .replace("conv2.", "conv.2."): tensor
        for key, tensor in DenseNet121().state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    folder = tmp_path / "weights" / "densenet121"
    folder.mkdir(parents=True)
    monkeypatch.setenv("CXRAUDIT_WEIGHTS", str(tmp_path / "weights"))
    torch.save(state, folder / train.IMAGENET, _use_new_zipfile_serialization=False)
    one = TrainSettings(image_size=32, epochs=1, patience=1, batch_size=48)

    record = train_detector(images, tmp_path / "out", one)

    assert record["start"] == "ImageNet"
    history = pd.read_csv(tmp_path / "out" / "training.csv")
    assert history["learning_rate"].tolist() == [1e-4]
    torch.save({"features.odd": torch.zeros(2)}, folder / train.IMAGENET)
    with pytest.raises(DataError, match="not torchvision's DenseNet-121"):
        train_detector(images, tmp_path / "other", one)


@pytest.mark.slow
def test_drains_of_phantoms_are_found_and_their_gap_is_reproduced(tmp_path):
    """AUROC ≥ 0.95 on held-out patients; predicted labels give the drain gap of the true ones."""
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
    bare = datasets.load("nih-cxr14", tmp_path / "other")
    apply_detector(tmp_path / "detector", bare, tmp_path / "labels")
    guessed = datasets.load(
        "nih-cxr14", tmp_path / "other", {"predicted": str(tmp_path / "labels" / PREDICTED)}
    )
    rng = np.random.default_rng(4)
    scores = pd.DataFrame(
        {
            "image_id": bare.images["image_id"],
            "model": "leaner",
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
        findings=guessed.findings,
        attributes=(),
        images=guessed.images.assign(drain=np.where(truth["drain"] == 1, "yes", "no")).drop(
            columns="drain_source"
        ),
        shortcuts=("drain",),
    )
    gaps = {}
    for name, one in (("truth", known), ("guessed", guessed)):
        rows = results_frame(
            audit(one, scores, settings=AuditSettings(n_resamples=500)).results.to_dict("records")
        )
        rows = rows[(rows["attribute"] == "drain") & (rows["reference"] == "without")]
        gaps[name] = rows.set_index("metric")
    true_gap = gaps["truth"].loc["auroc", "value"]
    found = gaps["guessed"].loc["auroc"]
    assert found["low"] <= true_gap <= found["high"]
    bounds = gaps["guessed"].loc["auroc_bounds"]
    assert bounds["low"] <= true_gap <= bounds["high"]
    assert json.loads((tmp_path / "detector" / RECORD).read_text())["learned"]


def test_a_image_is_read_the_same_alone_and_in_company(images):
    """Grey, the size asked for, in the order asked for; an image that cannot be read is named."""
    paths = [*images.images["path"].head(3), "/nowhere.png"]

    together, errors = read_images(paths, 16)

    assert together.shape == (4, 16, 16)
    assert errors[:3] == ["", "", ""]
    assert "missing" in errors[3]
    np.testing.assert_array_equal(read_images(paths[1:2], 16)[0][0], together[1])
