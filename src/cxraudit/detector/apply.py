"""Predicted labels of a trained detector, for images without an annotation."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from cxraudit.datasets.base import Dataset
from cxraudit.datasets.detector_labels import PREDICTED as PREDICTED_SOURCE
from cxraudit.datasets.detector_labels import source_column
from cxraudit.detector.images import read_images
from cxraudit.detector.train import RECORD, WEIGHTS, load_weights, predict
from cxraudit.encode import Progress
from cxraudit.errors import DataError
from cxraudit.files import digest, sha256, write_manifest, write_or_remove, write_table
from cxraudit.models._torch.towers.densenet import DenseNet121
from cxraudit.schema import ANNOTATED, UNKNOWN
from cxraudit.store import plan_shards
from cxraudit.workspace import resume_or_refuse

PREDICTED = "predicted.csv"
SHARD_SIZE = 512


def read_detector(folder: Path) -> tuple[DenseNet121, dict[str, Any]]:
    """Read a trained detector and its record.

    Raises
    ------
    DataError
        If the folder holds no detector, its weights changed, or its AUROC is not above chance.
    """
    if not (folder / RECORD).is_file():
        raise DataError(f"{folder} holds no trained detector. Run cxraudit drains train first.")
    record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    if sha256(folder / WEIGHTS) != record["weights"]:
        raise DataError(f"{folder / WEIGHTS} is not the file its record describes. Train again.")
    if not record["above_chance"]:
        raise DataError(
            f"the AUROC of the detector in {folder} is not above chance "
            f"({record['errors']['auroc']:.2f}). Annotate more images and train again."
        )
    network = DenseNet121(1)
    load_weights(network, folder / WEIGHTS)
    return network, record


def apply_detector(
    folder: Path,
    dataset: Dataset,
    out: Path,
    *,
    device: str = "cpu",
    n_readers: int = 2,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Predict the label of every image without an annotation.

    Finished parts are kept, so that an interrupted call can be repeated.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the detector, from `cxraudit.detector.train.train_detector`.
    dataset : Dataset
        Annotated images are left out.
    out : pathlib.Path
        Folder for ``predicted.csv``, and for ``failures.csv`` with the images that cannot be read.
    device : str
        Device of the network: cpu, cuda …
    n_readers : int
        Number of threads that decode images.
    progress : callable, optional
        Called with the number of images that were finished since the last call.

    Returns
    -------
    pandas.DataFrame
        One row per image that could be read, as written to ``predicted.csv``: ``image_id``, the
        shortcut (yes, no), its probability in [0, 1] and its source (predicted).

    Raises
    ------
    DataError
        If every image is annotated, none can be read, or `out` holds labels of other images or of
        another detector.
    """
    network, record = read_detector(folder)
    shortcut, source = record["shortcut"], source_column(record["shortcut"])
    images = dataset.images
    if source in images:
        images = images[images[source] != ANNOTATED]
    elif shortcut in images:
        images = images[images[shortcut] == UNKNOWN]
    if images.empty:
        raise DataError(
            f"every image of '{dataset.name}' has an annotation of '{shortcut}': none is left to label."
        )
    shards = plan_shards(images, SHARD_SIZE)
    task = {"weights": record["weights"], "images": digest(sorted(images["image_id"]))}
    resume_or_refuse(out / "apply.json", task, what="labels")
    processor = torch.device(device)
    network = network.to(processor)
    parts: list[pd.DataFrame] = []
    for shard in shards:
        file = out / "parts" / f"part-{shard.number:05d}.parquet"
        done = file.is_file() and (pd.read_parquet(file, columns=["error"])["error"] == "").all()
        if not done:  # also where images could not be read: they are read again
            images_read, errors = read_images(
                shard.paths, record["image_size"], n_readers=n_readers
            )
            table = pd.DataFrame(
                {
                    "image_id": shard.image_ids,
                    "probability": predict(network, images_read, record, processor),
                    "error": errors,
                }
            )
            write_table(table, file)
        parts.append(pd.read_parquet(file))
        if progress:
            progress(len(shard.image_ids))
    return _write(pd.concat(parts, ignore_index=True), record, out)


def _write(predictions: pd.DataFrame, record: dict[str, Any], out: Path) -> pd.DataFrame:
    shortcut = record["shortcut"]
    failed = predictions[predictions["error"] != ""]
    if len(failed) == len(predictions):
        raise DataError(
            f"none of the {len(predictions):,} images could be read, first: {failed['error'].iloc[0]}"
        )
    write_or_remove(failed[["image_id", "error"]], out / "failures.csv")
    read = predictions[predictions["error"] == ""]
    labels = pd.DataFrame(
        {
            "image_id": read["image_id"],
            shortcut: np.where(read["probability"] >= 0.5, "yes", "no"),
            source_column(shortcut): PREDICTED_SOURCE,
            f"{shortcut}_probability": read["probability"],
        }
    ).reset_index(drop=True)
    path = write_table(labels, out / PREDICTED)
    write_manifest(
        path,
        detector={
            key: record[key]
            for key in (
                "shortcut",
                "architecture",
                "start",
                "image_size",
                "dataset",
                "images",
                "patients",
                "errors",
                "weights",
            )
        },
        n_failures=len(failed),
    )
    return labels
