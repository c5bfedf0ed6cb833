"""Predicted labels of a trained detector, for images without an annotation.

.. code-block:: text

    <out>/parts/part-00000.parquet   predictions of some images, with the files they were made of; a
                                     manifest beside it names its hash and the detector
    <out>/predicted-sources.parquet  the files of all predictions
    <out>/predicted.csv              all predictions; its manifest, written last, names the detector
    <out>/failures.csv               images that could not be read (only if there are any)

A part is kept if it is whole, of the same images with the same bytes, and of the same detector.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from cxraudit.content import Source, source_now, sources_from, sources_table
from cxraudit.cores import threads
from cxraudit.datasets.base import Dataset
from cxraudit.datasets.detector_labels import PREDICTED_FILE, PREDICTED_SOURCES, source_column
from cxraudit.datasets.saved import refuse_cohort
from cxraudit.detector.fit import load_weights, predict
from cxraudit.detector.images import read_images
from cxraudit.detector.train import RECORD, WEIGHTS
from cxraudit.encode import Progress
from cxraudit.errors import DataError, ImageError
from cxraudit.files import (
    committed,
    manifest_of,
    read_json,
    sha256,
    withdraw,
    write_manifest,
    write_table,
)
from cxraudit.folders import (
    claim,
    refuse_foreign,
    remove_left_over,
    writable_folder,
    write_or_discard,
)
from cxraudit.images.sources import notices_on, read_decoded, stated_content
from cxraudit.models._torch.towers.densenet import DenseNet121
from cxraudit.notices import as_records
from cxraudit.schema import ANNOTATED, PREDICTED, UNKNOWN

UNREADABLE, PARTS = "failures.csv", "parts"
_STATED = {
    "shortcut": str,
    "image_size": int,
    "intercept": float,
    "slope": float,
    "above_chance": bool,
    "errors": dict,
    "weights": str,
}
"""What a record of a detector has at least."""
SHARD_SIZE = 512
"""Images per part: at most so many are lost when the job is killed."""


@dataclass(frozen=True, slots=True)
class _Detector:
    """A trained detector, ready to predict."""

    network: DenseNet121
    record: dict[str, Any]
    content: str
    """SHA-256 of its record, which holds that of its weights."""
    device: torch.device


def read_detector(folder: Path) -> tuple[DenseNet121, dict[str, Any]]:
    """Read a trained detector and its record.

    Raises
    ------
    DataError
        If the folder holds no detector or an unfinished one, a file of it changed, or its AUROC is not
        above chance.
    """
    if not (folder / RECORD).is_file():
        raise DataError(f"{folder} holds no trained detector. Run cxraudit drains train first.")
    committed(folder / RECORD, remedy="Repeat the cxraudit drains train that wrote it.")
    record = read_json(folder / RECORD)
    if not all(isinstance(record.get(name), kind) for name, kind in _STATED.items()):
        raise DataError(
            f"{folder / RECORD} is no record of this version of cxraudit. Train the detector again."
        )
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
    n_readers: int | None = None,
    progress: Progress | None = None,
    on_message: Callable[[str], None] | None = None,
) -> pd.DataFrame:
    """Predict the label of every image without an annotation.

    Finished parts are kept where images and detector are the same, so that an interrupted call can be
    repeated. An image that cannot be read is listed and tried again by the next call.

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
    on_message : callable, optional
        Called with a sentence if parts of an earlier call are not kept.

    Returns
    -------
    pandas.DataFrame
        One row per image that could be read, as written to ``predicted.csv``: ``image_id``, the
        shortcut (yes, no), its probability in [0, 1] and its source (predicted).

    Raises
    ------
    DataError
        If every image is annotated, none can be read, `out` holds files that cxraudit did not write,
        or the detector is not as it was trained.
    """
    network, record = read_detector(folder)
    processor = torch.device(device)
    detector = _Detector(network.to(processor), record, sha256(folder / RECORD), processor)
    images = _without_annotation(dataset, record["shortcut"])
    refuse_cohort(out)
    writable_folder(out)
    predicted = out / PREDICTED_FILE
    refuse_foreign(out / UNREADABLE)
    claim(predicted, manifest_of(predicted), out / PREDICTED_SOURCES, out / PARTS)
    remove_left_over(out, PARTS)
    withdraw(predicted)
    shards = [images.iloc[k : k + SHARD_SIZE] for k in range(0, len(images), SHARD_SIZE)]
    files = [out / PARTS / f"part-{number:05d}.parquet" for number in range(len(shards))]
    _remove_others(out / PARTS, files)
    parts: list[pd.DataFrame] = []
    again = 0
    for shard, file in zip(shards, files, strict=True):
        existed = file.is_file()
        part = _kept(shard, file, detector, n_readers)
        if part is None:
            again += existed
            part = _labelled(shard, file, detector, n_readers)
        parts.append(part)
        if progress:
            progress(len(shard))
    if again and on_message:
        on_message(
            f"{again:,} of {len(shards):,} finished parts were damaged, of another detector or of images "
            "that were changed since, and were made again."
        )
    return _write(pd.concat(parts, ignore_index=True), record, out)


def _without_annotation(dataset: Dataset, shortcut: str) -> pd.DataFrame:
    """Return the images to label, sorted by image_id: parts depend on the cohort alone."""
    images, source = dataset.images, source_column(shortcut)
    if source in images:
        images = images[images[source] != ANNOTATED]
    elif shortcut in images:
        images = images[images[shortcut] == UNKNOWN]
    if images.empty:
        raise DataError(
            f"every image of '{dataset.name}' has an annotation of '{shortcut}': none is left to label."
        )
    return images.sort_values("image_id", ignore_index=True)


def _remove_others(folder: Path, files: Sequence[Path]) -> None:
    """Remove parts of an earlier call on more images."""
    for file in folder.glob("part-*.parquet"):
        if file not in files:
            manifest_of(file).unlink(missing_ok=True)
            file.unlink()


def _labelled(
    shard: pd.DataFrame, file: Path, detector: _Detector, n_readers: int | None
) -> pd.DataFrame:
    """Read and label some images, and write them as a part."""
    read = read_images(shard, detector.record["image_size"], n_readers=n_readers)
    unread = [Source(str(path), 0, 0, 0, "") for path in shard["path"]]
    part = pd.DataFrame(
        {
            "image_id": shard["image_id"].to_numpy(),
            "probability": predict(detector.network, read.images, detector.record, detector.device),
            "error": read.errors,
            "notes": [" ".join(notes) for notes in read.notes],
        }
    )
    sources = [found or none for found, none in zip(read.sources, unread, strict=True)]
    return _write_part(part, sources, file, detector)


def _write_part(
    part: pd.DataFrame, sources: Sequence[Source], file: Path, detector: _Detector
) -> pd.DataFrame:
    by_image = dict(zip(part["image_id"], sources, strict=True))
    table = part.merge(sources_table(by_image), on="image_id", validate="one_to_one")
    withdraw(file)
    write_table(table, file)
    write_manifest(file, outputs=[file], detector=detector.content)
    return table


def _kept(
    shard: pd.DataFrame, file: Path, detector: _Detector, n_readers: int | None
) -> pd.DataFrame | None:
    """Return a finished part if it is whole and of the same images and detector, else None.

    Images that could not be read are tried again.
    """
    try:
        manifest = committed(file, remedy="")
    except DataError:
        return None
    if manifest.get("detector") != detector.content:
        return None
    table = pd.read_parquet(file)
    if table["image_id"].tolist() != shard["image_id"].tolist():
        return None
    expected = stated_content(shard)
    before = list(sources_from(table).values())
    with ThreadPoolExecutor(threads(n_readers)) as pool:
        now = list(pool.map(_source_if_same, shard["path"], before, expected))
    same = [source for source in now if source is not None]
    if len(same) < len(now):
        return None
    if same == before:
        return table
    # With the new times of a release that was moved, the next call need not read its images.
    part = table[["image_id", "probability", "error", "notes"]]
    return _write_part(part, same, file, detector)


def _source_if_same(path: str, before: Source, expected: str) -> Source | None:
    """Return the source of a prediction as it is now, or None if the image is another one now."""
    if not before.sha256:
        try:
            read_decoded(Path(path), expected)
        except ImageError:
            return before
        return None
    try:
        now = source_now(Path(path), before)
    except OSError:
        return None
    return now if now.sha256 == before.sha256 and expected in ("", now.sha256) else None


def _write(predictions: pd.DataFrame, record: dict[str, Any], out: Path) -> pd.DataFrame:
    """Write the labels of all images that could be read; the manifest comes last."""
    shortcut = record["shortcut"]
    failed = predictions[predictions["error"] != ""]
    if len(failed) == len(predictions):
        raise DataError(
            f"none of the {len(predictions):,} images could be read, first: {failed['error'].iloc[0]}"
        )
    write_or_discard(failed[["image_id", "error"]], out / UNREADABLE)
    read = predictions[predictions["error"] == ""]
    labels = pd.DataFrame(
        {
            "image_id": read["image_id"],
            shortcut: np.where(read["probability"] >= 0.5, "yes", "no"),
            source_column(shortcut): PREDICTED,
            f"{shortcut}_probability": read["probability"],
        }
    ).reset_index(drop=True)
    sources = write_table(sources_table(sources_from(read)), out / PREDICTED_SOURCES)
    path = write_table(labels, out / PREDICTED_FILE)
    stated = (
        *("shortcut", "architecture", "start", "image_size", "dataset", "images", "patients"),
        *("errors", "weights"),
    )
    write_manifest(
        path,
        outputs=[path],
        detector={key: record[key] for key in stated},
        sources=sha256(sources),
        n_failures=len(failed),
        notices=as_records(notices_on(read["image_id"], read["notes"].str.split())),
    )
    return labels
