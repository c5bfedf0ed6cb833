"""Faults in the preparation of images and of their drain labels."""

import warnings
from collections.abc import Iterator

import numpy as np
import pandas as pd

from cxraudit.datasets.detector_labels import PREDICTED, source_column
from cxraudit.paper.faults.base import Fault, ModelRun


def predictions_lost(run: ModelRun) -> Iterator[Fault]:
    """Predicted drain labels are written to a copy of the table."""
    images = run.dataset.images
    source = source_column("drain")
    if "drain" not in run.dataset.shortcuts or source not in images:
        return
    predicted = images[source].to_numpy(dtype=object) == PREDICTED
    if not predicted.any():
        return
    drain = (images["drain"] == "yes").to_numpy().astype(float)
    df = pd.DataFrame({"Drain": np.where(predicted, -1.0, drain)})
    preds = drain[predicted]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas warns about this very assignment
        df[df.Drain == -1]["Drain"] = preds
    unlabelled = int((df["Drain"] == -1).sum())
    n_predicted = int(predicted.sum())
    yield Fault(
        "drains_detection.py",
        "predicted drain labels are assigned to a copy of the table, df[df.Drain==-1]['Drain'] = preds",
        f"{unlabelled:,} of {n_predicted:,} unlabelled images still hold −1 after the assignment",
        f"{n_predicted:,} labels are filled in, each marked as predicted by a detector; "
        f"{int((~predicted).sum()):,} are by annotators",
        "When run again, the code leaves nearly every image without a drain label; the published numbers "
        "come from a filled table. Here every label has a source, and gaps are also computed from labels by "
        "annotators alone.",
    )


def images_not_written(run: ModelRun) -> Iterator[Fault]:
    """Images are prepared only where annotators labelled drains."""
    if "drain" not in run.dataset.shortcuts:
        return
    images = run.dataset.images
    source = source_column("drain")
    labelled = images["drain"].isin(["yes", "no"]).to_numpy()
    annotated = labelled
    if source in images:
        annotated = labelled & (images[source] != PREDICTED).to_numpy()
    negative = (images["Pneumothorax"].fillna(0) == 0).to_numpy()
    yield Fault(
        "process_datasets.py",
        "images are written only for annotated rows; the table keeps all rows",
        f"{int(annotated.sum()):,} of {len(images):,} images written, "
        f"{int((annotated & negative).sum()):,} of the {int(negative.sum()):,} without pneumothorax",
        f"{len(images):,} images",
        "The evaluation needs the images without pneumothorax; the published code stops at the first of "
        "them.",
    )
