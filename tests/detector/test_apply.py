"""Images without an annotation get predicted labels."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageOps

from cxraudit import datasets
from cxraudit.audits.run import audit
from cxraudit.datasets.base import Dataset
from cxraudit.datasets.detector_labels import PREDICTED_FILE as PREDICTED
from cxraudit.datasets.detector_labels import PREDICTED_SOURCES, fill, read_predicted
from cxraudit.datasets.saved import save_dataset
from cxraudit.detector import apply
from cxraudit.detector.apply import apply_detector
from cxraudit.detector.fit import save_weights
from cxraudit.detector.train import (
    HELD_OUT,
    HISTORY,
    RECORD,
    WEIGHTS,
    TrainSettings,
    train_detector,
    verdict,
)
from cxraudit.errors import DataError
from cxraudit.files import manifest_of, write_manifest
from cxraudit.models._torch.towers.densenet import DenseNet121
from cxraudit.phantom.releases import write_release
from cxraudit.phantom.spec import PhantomSpec
from cxraudit.schema import BOUNDS, WITHOUT, Analysis
from cxraudit.settings import AuditSettings

pytestmark = pytest.mark.slow  # a detector is trained


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
    assert read_predicted(tmp_path / PREDICTED).notices[-1].count == 1

    second = apply_detector(out, lines, tmp_path)
    assert "f004" in set(second["image_id"])
    assert not (tmp_path / "failures.csv").exists()


@pytest.fixture
def few(lines, tmp_path) -> Dataset:
    """Seven images without an annotation, in a folder of their own."""
    chosen = lines.images[lines.images["drain_source"] == "unknown"].head(7)
    (tmp_path / "images").mkdir()
    paths = [shutil.copy(path, tmp_path / "images") for path in chosen["path"]]
    images = chosen.assign(path=list(map(str, paths))).reset_index(drop=True)
    return replace(lines, images=images)


@pytest.fixture
def parts_of_three(monkeypatch):
    """Parts of three images: three parts of seven images."""
    monkeypatch.setattr(apply, "SHARD_SIZE", 3)


def content_of(folder: Path) -> dict[str, bytes]:
    """Return the tables of a folder: predictions and parts, without the times of sources."""
    parts = {
        file.name: pd.read_parquet(file).drop(columns=["mtime_ns", "ctime_ns"]).to_json().encode()
        for file in sorted((folder / "parts").glob("*.parquet"))
    }
    return {**parts, PREDICTED: (folder / PREDICTED).read_bytes()}


def images_read(monkeypatch) -> list[str]:
    """Return a list to which every image that is read for a prediction is added."""
    found: list[str] = []
    before = apply.read_images

    def read(table, *arguments, **options):
        found.extend(table["image_id"])
        return before(table, *arguments, **options)

    monkeypatch.setattr(apply, "read_images", read)
    return found


def test_finished_parts_are_kept(few, detector, tmp_path, monkeypatch, parts_of_three):
    """A second call reads no image, nor one after the release was moved."""
    out, _ = detector
    first = apply_detector(out, few, tmp_path / "out")
    read = images_read(monkeypatch)

    pd.testing.assert_frame_equal(apply_detector(out, few, tmp_path / "out"), first)
    shutil.copytree(tmp_path / "images", tmp_path / "elsewhere")
    paths = few.images["path"].str.replace("/images/", "/elsewhere/")
    moved = replace(few, images=few.images.assign(path=paths))
    pd.testing.assert_frame_equal(apply_detector(out, moved, tmp_path / "out"), first)

    assert read == []


def test_unchanged_sources_are_not_read(few, detector, tmp_path, monkeypatch):
    """Their sizes and times are in the parts."""
    out, _ = detector
    monkeypatch.setattr("cxraudit.content.SETTLED", 0)
    apply_detector(out, few, tmp_path / "out")

    def never(*arguments):
        raise AssertionError("read")

    monkeypatch.setattr("cxraudit.content.read_source", never)
    assert len(apply_detector(out, few, tmp_path / "out")) == 7


def invert(path: str) -> None:
    """Invert an image."""
    with Image.open(path) as image:
        image.load()
    ImageOps.invert(image).save(path)


def test_parts_of_images_that_changed_are_made_again(
    few, detector, tmp_path, monkeypatch, parts_of_three
):
    """The result is that of a fresh folder, and the call states it."""
    out, _ = detector
    apply_detector(out, few, tmp_path / "out")
    invert(few.images["path"][4])
    fresh = apply_detector(out, few, tmp_path / "fresh")
    read, messages = images_read(monkeypatch), []

    second = apply_detector(out, few, tmp_path / "out", on_message=messages.append)

    assert read == few.images["image_id"].tolist()[3:6]
    pd.testing.assert_frame_equal(second, fresh)
    assert content_of(tmp_path / "out") == content_of(tmp_path / "fresh")
    assert messages[0].startswith("1 of 3 finished parts")


def test_images_that_were_exchanged_get_their_own_labels(few, detector, tmp_path, parts_of_three):
    """Two files under each other's names, in different parts."""
    out, _ = detector
    apply_detector(out, few, tmp_path / "out")
    one, two = few.images["path"][0], few.images["path"][5]
    shutil.move(one, tmp_path / "spare.png")
    shutil.move(two, one)
    shutil.move(tmp_path / "spare.png", two)

    apply_detector(out, few, tmp_path / "out")
    apply_detector(out, few, tmp_path / "fresh")

    assert content_of(tmp_path / "out") == content_of(tmp_path / "fresh")


def test_an_image_that_is_gone_has_no_label_any_more(few, detector, tmp_path, parts_of_three):
    """The label of an earlier call was of bytes that are not there."""
    out, _ = detector
    apply_detector(out, few, tmp_path / "out")
    Path(few.images["path"][2]).unlink()

    assert few.images["image_id"][2] not in set(
        apply_detector(out, few, tmp_path / "out")["image_id"]
    )


def _cut(file, other):
    file.write_bytes(file.read_bytes()[:-5])


def _zeroed(file, other):
    file.write_bytes(bytes(file.stat().st_size))


def _exchanged(file, other):
    for end in ("", ".manifest.json"):
        shutil.copy(f"{other}{end}", f"{file}{end}")


def _without_mark(file, other):
    manifest_of(file).unlink()


def _with_a_damaged_mark(file, other):
    manifest_of(file).write_text("{")


def _with_another_number(file, other):
    table = pd.read_parquet(file)
    table.assign(probability=1 - table["probability"]).to_parquet(file, index=False)


@pytest.mark.parametrize(
    "harm", [_cut, _zeroed, _exchanged, _without_mark, _with_a_damaged_mark, _with_another_number]
)
def test_a_damaged_part_is_made_again(few, detector, tmp_path, parts_of_three, harm):
    """And stated."""
    out, _ = detector
    apply_detector(out, few, tmp_path / "out")
    before, messages = content_of(tmp_path / "out"), []
    parts = tmp_path / "out" / "parts"
    harm(parts / "part-00001.parquet", parts / "part-00000.parquet")

    apply_detector(out, few, tmp_path / "out", on_message=messages.append)

    assert content_of(tmp_path / "out") == before
    assert messages[0].startswith("1 of 3 finished parts")


def test_parts_of_another_cohort_are_removed(few, detector, tmp_path, parts_of_three):
    """Of fewer images."""
    out, _ = detector
    apply_detector(out, few, tmp_path / "out")
    less = replace(few, images=few.images.head(3))

    assert len(apply_detector(out, less, tmp_path / "out")) == 3

    assert len(list((tmp_path / "out" / "parts").glob("*"))) == 2


def altered(detector, folder: Path, **facts) -> Path:
    """Return a copy of a detector whose record states other facts."""
    out, record = detector
    folder.mkdir()
    for name in (WEIGHTS, HISTORY, HELD_OUT):
        shutil.copy(out / name, folder)
    (folder / RECORD).write_text(json.dumps({**record, **facts}))
    write_manifest(folder / RECORD, outputs=[folder / RECORD, folder / WEIGHTS])
    return folder


def test_labels_of_another_detector_are_made_again(few, detector, tmp_path, parts_of_three):
    """Here one with another calibration."""
    out, _ = detector
    first = apply_detector(out, few, tmp_path / "out")
    messages: list[str] = []
    other = altered(detector, tmp_path / "other", intercept=9.0)

    second = apply_detector(other, few, tmp_path / "out", on_message=messages.append)

    assert (second["drain_probability"] > first["drain_probability"]).all()
    assert messages[0].startswith("3 of 3 finished parts")


def test_a_detector_at_chance_level_is_refused(lines, detector, tmp_path):
    """As after training on shuffled labels."""
    weak = altered(detector, tmp_path / "weak", above_chance=False)

    with pytest.raises(DataError, match="is not above chance"):
        apply_detector(weak, lines, tmp_path / "labels")


def test_a_folder_without_a_detector_is_refused(lines, tmp_path):
    """Nothing is written."""
    with pytest.raises(DataError, match="no trained detector"):
        apply_detector(tmp_path, lines, tmp_path / "labels")
    assert not (tmp_path / "labels").exists()


@pytest.mark.parametrize("name", [RECORD, WEIGHTS])
@pytest.mark.parametrize(
    "harm",
    [
        lambda data: data[:-1],
        lambda data: bytes(len(data)),
        lambda data: b"",
        lambda data: data[: len(data) // 2] + b"x" + data[len(data) // 2 + 1 :],
    ],
)
def test_a_damaged_detector_is_refused(lines, detector, tmp_path, name, harm):
    """Cut, zeroed, empty, or with one other byte."""
    folder = altered(detector, tmp_path / "copy")
    (folder / name).write_bytes(harm((folder / name).read_bytes()))

    with pytest.raises(DataError, match=f"{name} was changed since"):
        apply_detector(folder, lines, tmp_path / "labels")


def test_a_record_of_another_form_is_refused(lines, detector, tmp_path):
    """Though a manifest names it."""
    folder = altered(detector, tmp_path / "copy", slope="steep")

    with pytest.raises(DataError, match="is no record of this version"):
        apply_detector(folder, lines, tmp_path / "labels")


def test_the_folder_of_a_cohort_is_refused(few, detector, tmp_path):
    """Its ``failures.csv`` is ours too, but of another command."""
    out, _ = detector
    save_dataset(few, tmp_path / "work")

    with pytest.raises(DataError, match="the cohort of another command"):
        apply_detector(out, few, tmp_path / "work")


@pytest.mark.parametrize("name", [WEIGHTS, f"{RECORD}.manifest.json"])
def test_an_unfinished_detector_is_refused(lines, detector, tmp_path, name):
    """A file is missing; the sentence names the command to repeat."""
    folder = altered(detector, tmp_path / "copy")
    (folder / name).unlink()

    with pytest.raises(DataError, match="Repeat the cxraudit drains train"):
        apply_detector(folder, lines, tmp_path / "labels")


@pytest.mark.parametrize("weights", ["other", "NaN", "none"])
def test_weights_that_are_none_of_a_detector_are_refused(lines, detector, tmp_path, weights):
    """Also where a manifest names them."""
    folder = altered(detector, tmp_path / "copy")
    network = DenseNet121(2 if weights == "other" else 1)
    if weights == "NaN":
        network.classifier.bias.data.fill_(float("nan"))
    save_weights(network, folder / WEIGHTS)
    if weights == "none":
        (folder / WEIGHTS).write_bytes(b"none")
    write_manifest(folder / RECORD, outputs=[folder / RECORD, folder / WEIGHTS])

    with pytest.raises(DataError, match=WEIGHTS):
        apply_detector(folder, lines, tmp_path / "labels")


@pytest.mark.parametrize("name", [PREDICTED, PREDICTED_SOURCES, "failures.csv", "parts/mine.csv"])
def test_a_file_of_the_user_is_refused_before_any_work(few, detector, tmp_path, name, monkeypatch):
    """And stays as it is."""
    out, _ = detector
    file = tmp_path / "labels" / name
    file.parent.mkdir(parents=True)
    file.write_text("mine")
    read = images_read(monkeypatch)

    with pytest.raises(DataError, match="which cxraudit did not write"):
        apply_detector(out, few, tmp_path / "labels")

    assert file.read_text() == "mine"
    assert read == []


@pytest.mark.parametrize("change", ["content", "size"])
def test_labels_of_images_that_changed_are_refused(few, detector, tmp_path, change):
    """Until they are made again; a release elsewhere is accepted by its sizes."""
    out, _ = detector
    apply_detector(out, few, tmp_path / "out")
    predicted = read_predicted(tmp_path / "out" / PREDICTED)
    shutil.copytree(tmp_path / "images", tmp_path / "elsewhere")
    paths = few.images["path"].str.replace("/images/", "/elsewhere/")
    fill(replace(few, images=few.images.assign(path=paths)), predicted)
    image = Path(few.images["path"][1])
    if change == "content":
        os.utime(image, (1, 1))
        fill(few, predicted)
        data = image.read_bytes()
        image.write_bytes(bytes([*data[:-1], data[-1] ^ 1]))
    else:
        image.write_bytes(b"other")

    with pytest.raises(DataError, match="1 image changed since their 'drain' was predicted"):
        fill(few, predicted)


def test_labels_without_their_sources_are_used(few, detector, tmp_path):
    """Moved alone, or where the images are not there; damaged ones are refused."""
    out, _ = detector
    apply_detector(out, few, tmp_path / "out")
    shutil.rmtree(tmp_path / "images")
    assert fill(few, read_predicted(tmp_path / "out" / PREDICTED)).notices == ()
    sources = tmp_path / "out" / PREDICTED_SOURCES
    sources.write_bytes(sources.read_bytes()[:-1])
    with pytest.raises(DataError, match=PREDICTED_SOURCES):
        read_predicted(tmp_path / "out" / PREDICTED)

    sources.unlink()

    assert len(read_predicted(tmp_path / "out" / PREDICTED).table) == 7


def test_the_table_of_an_unfinished_call_is_refused(few, detector, tmp_path, monkeypatch):
    """Also where an earlier call finished."""
    out, _ = detector
    apply_detector(out, few, tmp_path / "out")

    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(apply, "_kept", interrupted)
    with pytest.raises(KeyboardInterrupt):
        apply_detector(out, few, tmp_path / "out")

    with pytest.raises(DataError, match="did not finish"):
        read_predicted(tmp_path / "out" / PREDICTED)


def test_a_data_set_with_annotations_only_is_refused(lines, detector, tmp_path):
    """There is no image to label."""
    out, _ = detector
    annotated = replace(lines, images=lines.images[lines.images["drain_source"] == "annotated"])

    with pytest.raises(DataError, match="none is left to label"):
        apply_detector(out, annotated, tmp_path)


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
