"""``cxraudit drains``: a detector of a shortcut, for images that were not annotated."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter
from cyclopts.validators import Number

from cxraudit.cli._options import (
    Count,
    DatasetName,
    DatasetOptions,
    Device,
    Quiet,
    Readers,
    Resamples,
    Root,
    Seed,
    Switch,
    load_dataset,
)
from cxraudit.cli._output import Answer
from cxraudit.cli._progress import message, progress_bar, tell
from cxraudit.cli._shared import shared

app = App(
    name="drains",
    help="Train a detector of chest drains (or another shortcut) on annotated images; label the others.",
)


@app.command
@shared("drains train")
def train(
    dataset: DatasetName,
    *,
    root: Root,
    out: Path,
    option: DatasetOptions = None,
    shortcut: str = "drain",
    image_size: Count = 224,
    epochs: Count = 60,
    patience: Count = 6,
    batch_size: Count = 32,
    learning_rate: float | None = None,
    control: Switch = False,
    seed: Seed = 0,
    resamples: Resamples = 2000,
    confidence_level: Annotated[float, Parameter(validator=Number(gt=0.5, lt=1))] = 0.95,
    interval: Literal["t", "percentile", "bca"] = "t",
    device: Device = "auto",
    quiet: Quiet = False,
) -> Answer:
    """Train a DenseNet-121 on annotated images, and measure it on other patients.

    Training starts from ImageNet weights if densenet121/densenet121-a639ec97.pth of torchvision is in
    $CXRAUDIT_WEIGHTS. Every finished epoch is kept: after Ctrl-C or a crash the same command continues;
    with other images, labels or settings it refuses the folder. Images that cannot be read are listed
    in training-failures.csv.

    Parameters
    ----------
    out
        Folder for the detector: weights, record, history, held-out predictions.
    shortcut
        The column to learn; only labels by annotators are used.
    image_size
        Side of the network's input in pixels.
    epochs
        Largest number of epochs.
    patience
        Epochs without a lower validation loss before training stops.
    batch_size
        Images per step.
    learning_rate
        Default: 1e-4 from ImageNet weights, 1e-3 from random weights.
    control
        Shuffle the labels between patients: a negative control, whose AUROC must be at chance level.
    seed
        Seed of the split, the initial weights, the order of the images and the resamples.
    resamples
        Resamples of patients for the intervals of the performance.
    confidence_level
        Confidence level of these intervals.
    interval
        Student's t on the scale of the metric, with the larger of the analytic error and that of the
        resamples; expanded percentile of the resamples; or bias-corrected and accelerated (BCa),
        expanded alike.
    """
    from cxraudit.detector.train import UNREADABLE, TrainSettings, train_detector, verdict
    from cxraudit.models._torch.adapter import pick_device
    from cxraudit.notices import from_records

    settings = TrainSettings(
        shortcut=shortcut,
        image_size=image_size,
        epochs=epochs,
        patience=patience,
        batch_size=batch_size,
        learning_rate=learning_rate,
        control=control,
        seed=seed,
        n_resamples=resamples,
        confidence_level=confidence_level,
        interval=interval,
    )
    images = load_dataset(dataset, root, option)
    for notice in images.notices:
        tell(notice)
    record = train_detector(
        images, out, settings, device=pick_device(device), on_message=None if quiet else message
    )
    for notice in from_records(record["notices"]):
        tell(notice)
    if lost := record["unreadable"]:
        message(f"cxraudit: {lost} images could not be read; all are in {out / UNREADABLE}.")
    print(verdict(record))
    print(f"Detector: {out}")
    return Answer({"verdict": verdict(record), "unreadable": lost, "folder": out})


@app.command
@shared("drains apply")
def apply(
    detector: Path,
    dataset: DatasetName,
    *,
    root: Root,
    out: Path,
    option: DatasetOptions = None,
    device: Device = "auto",
    readers: Readers = None,
    quiet: Quiet = False,
) -> Answer:
    """Label the images that were not annotated; `--option predicted=OUT/predicted.csv` then uses them.

    Each label comes with its probability and with the error rates of the detector, from which the
    audit computes bounds. Finished parts are kept: after Ctrl-C or a crash the same command continues.
    A part is made again if one of its images holds something else than before, if it is damaged, or of
    another detector. Images that cannot be read are listed in failures.csv.

    Parameters
    ----------
    detector
        Folder that `cxraudit drains train` wrote.
    out
        Folder for predicted.csv.
    """
    from cxraudit.datasets.detector_labels import PREDICTED_FILE
    from cxraudit.detector.apply import UNREADABLE, apply_detector
    from cxraudit.models._torch.adapter import pick_device

    images = load_dataset(dataset, root, option)
    for notice in images.notices:
        tell(notice)
    with progress_bar(quiet, "label images", len(images.images)) as advance:
        labels = apply_detector(
            detector,
            images,
            out,
            device=pick_device(device),
            n_readers=readers,
            progress=advance,
            on_message=lambda text: message(f"cxraudit: {text}"),
        )
    path = out / PREDICTED_FILE
    if (out / UNREADABLE).is_file():
        message(f"cxraudit: images that could not be read have no label: {out / UNREADABLE}.")
    print(f"{len(labels):,} labels: {path} (use --option predicted={path})")
    return Answer({"labels": len(labels), "file": path})
