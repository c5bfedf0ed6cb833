"""Let a trained detector label the images that nobody annotated."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from cxraudit.datasets.base import Dataset
from cxraudit.datasets.detector_labels import ANNOTATED, source_column
from cxraudit.detector.images import read_images
from cxraudit.detector.train import RECORD, WEIGHTS, load_weights, predict
from cxraudit.errors import DataError
from cxraudit.files import digest, sha256, take_up, write_manifest, write_or_remove, write_table
from cxraudit.models._torch.towers.densenet import DenseNet121
from cxraudit.schema import UNKNOWN
from cxraudit.store import plan_shards

PREDICTED = "predicted.csv"
SHARD_SIZE = 512


def read_detector(folder: Path) -> tuple[DenseNet121, dict[str, Any]]:
    """Read a trained detector with its record.

    Raises
    ------
    DataError
        If the folder holds none, its weights changed, or it learned nothing.
    """
    if not (folder / RECORD).is_file():
        raise DataError(f"{folder} holds no trained detector. Run cxraudit drains train first.")
    record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    if sha256(folder / WEIGHTS) != record["weights"]:
        raise DataError(f"{folder / WEIGHTS} is not the file its record describes. Train again.")
    if not record["learned"]:
        raise DataError(
            f"the detector in {folder} learned nothing (AUROC {record['errors']['auroc']:.2f}); its labels "
            "would be coin tosses. Annotate more images and train again."
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
    progress: Callable[[int], None] | None = None,
) -> pd.DataFrame:
    """Label every image without a label by people.

    Finished parts are kept: the same call goes on after a kill. Images that cannot be read get no
    row; they are listed in ``failures.csv``.

    Returns
    -------
    pandas.DataFrame
        One row per image, as written to ``predicted.csv``: ``image_id``, the shortcut (yes, no), its
        probability and source (predicted).
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
            f"every image of '{dataset.name}' has a label of '{shortcut}' by people already."
        )
    shards = plan_shards(images, SHARD_SIZE)
    task = {"weights": record["weights"], "images": digest(sorted(images["image_id"]))}
    take_up(out / "apply.json", task, what="labels that differ")
    place = torch.device(device)
    network = network.to(place)
    parts = []
    for shard in shards:
        file = out / "parts" / f"part-{shard.number:05d}.parquet"
        done = file.is_file() and (pd.read_parquet(file, columns=["error"])["error"] == "").all()
        if not done:  # images that could not be read are tried again
            radiographs, errors = read_images(
                shard.paths, record["image_size"], n_readers=n_readers
            )
            table = pd.DataFrame(
                {
                    "image_id": shard.image_ids,
                    "probability": predict(network, radiographs, record, place),
                    "error": errors,
                }
            )
            write_table(table, file)
        parts.append(pd.read_parquet(file))
        if progress:
            progress(len(shard.image_ids))
    found = pd.concat(parts, ignore_index=True)
    return _write(found, record, out)


def _write(found: pd.DataFrame, record: dict[str, Any], out: Path) -> pd.DataFrame:
    shortcut = record["shortcut"]
    failed = found[found["error"] != ""]
    if len(failed) == len(found):
        raise DataError(
            f"none of the {len(found):,} images could be read, first: {failed['error'].iloc[0]}"
        )
    write_or_remove(failed[["image_id", "error"]], out / "failures.csv")
    read = found[found["error"] == ""]
    labels = pd.DataFrame(
        {
            "image_id": read["image_id"],
            shortcut: np.where(read["probability"] >= 0.5, "yes", "no"),
            source_column(shortcut): "predicted",
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
