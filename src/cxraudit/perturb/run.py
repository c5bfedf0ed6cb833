"""Images → perturbed images → scores: each image unedited and under each perturbation, for each model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cxraudit.datasets.base import Dataset
from cxraudit.encode import BATCH_SIZE, Progress, encode_images
from cxraudit.encode.reading import Perturbation
from cxraudit.errors import DataError
from cxraudit.files import folder_name
from cxraudit.models.base import ImageTextModel
from cxraudit.notices import Notice, Tell, logged
from cxraudit.perturb import DRAIN, perturbations
from cxraudit.phantom.redraw import REDRAWN, redrawn
from cxraudit.prompts import PromptSet
from cxraudit.schema import PERTURBED_COLUMNS
from cxraudit.store import EmbeddingStore
from cxraudit.streams import Stream, generator
from cxraudit.zeroshot import zero_shot_scores


@dataclass(frozen=True, slots=True)
class PlannedPerturbation:
    """A perturbation with its name in the tables and the folder of its embeddings."""

    name: str
    severity: int
    folder: str
    apply: Perturbation
    """(image, image_id) → perturbed image."""
    fingerprint: str
    """All that a perturbed image depends on besides the image and its id."""


def plan_perturbations(
    dataset: Dataset, names: str | Sequence[str] | None = None, *, seed: int = 0
) -> tuple[list[PlannedPerturbation], list[Notice]]:
    """Return the perturbations to apply to a data set, the unedited image first.

    Images of a synthetic release are also drawn again with, and without, a chest drain
    (``drain-added``, ``drain-removed``): the exact counterfactuals of ``drain``.

    Parameters
    ----------
    dataset : Dataset
        The cohort.
    names : str or sequence of str, optional
        Names as in `cxraudit.perturb.perturbations`; default: all.
    seed : int
        Seed of the random properties of perturbations.

    Returns
    -------
    list of PlannedPerturbation
        What can be applied.
    list of Notice
        One per group of perturbations that does not apply to this data set, with the reason.

    Raises
    ------
    UnknownNameError
        If there is no such perturbation.
    """
    chosen = perturbations(names, seed=seed)
    planned = [
        PlannedPerturbation(one.name, one.severity, one.folder, one, one.fingerprint)
        for one in chosen
    ]
    notices: list[Notice] = []
    if dataset.truth is not None and any(one.name == DRAIN for one in chosen):
        try:
            planned += [
                PlannedPerturbation(name, 0, name, redrawn(dataset, drain), name)
                for name, drain in REDRAWN.items()
            ]
        except DataError as reason:
            sentence = f"{' and '.join(REDRAWN)} were left out: {reason}"
            notices.append(Notice(about="perturbations", count=len(REDRAWN), sentence=sentence))
    return planned, notices


def choose_images(images: pd.DataFrame, n_images: int, seed: int) -> pd.DataFrame:
    """Return all images of patients drawn at random, until there are at least `n_images`.

    Returns
    -------
    pandas.DataFrame
        Rows of `images` in their order; all of them if there are fewer than `n_images`.
    """
    patients, ids = pd.factorize(images["patient_id"], sort=True)
    order = generator(Stream.PERTURBED_PATIENTS, seed).permutation(len(ids))
    sizes = np.bincount(patients)[order].cumsum()
    chosen = order[: int(np.searchsorted(sizes, n_images)) + 1]
    return images[np.isin(patients, chosen)]


def perturbed_scores(
    images: pd.DataFrame,
    models: Mapping[str, ImageTextModel],
    findings: Sequence[str],
    prompts: PromptSet,
    planned: Sequence[PlannedPerturbation],
    folder: Path,
    *,
    batch_size: int = BATCH_SIZE,
    n_readers: int = 2,
    progress: Progress | None = None,
    tell: Tell = logged,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Encode and score images under each perturbation; finished perturbations are kept.

    Parameters
    ----------
    images : pandas.DataFrame
        Images table of the images to perturb.
    models : mapping of str to ImageTextModel
        Name → model.
    findings, prompts
        As in `cxraudit.zeroshot.zero_shot_scores`.
    planned : sequence of PlannedPerturbation
        From `plan_perturbations`.
    folder : pathlib.Path
        Folder with one store of embeddings per perturbation and model.
    batch_size, n_readers
        As in `cxraudit.encode.encode_images`.
    progress : callable, optional
        Called with the number of perturbed images that were finished since the last call.
    tell : callable, optional
        Called with each notice of changes in images and shards since an earlier call.

    Returns
    -------
    scores : pandas.DataFrame
        One row per image, finding, model and perturbation; columns
        `cxraudit.schema.PERTURBED_COLUMNS`.
    unread : pandas.DataFrame
        Images that could not be read or perturbed: ``image_id``, ``error``, ``model``,
        ``perturbation`` (name of its folder).

    Raises
    ------
    DataError
        If no image can be read.
    """
    scores: list[pd.DataFrame] = []
    unread: list[pd.DataFrame] = []
    for one in planned:
        failed = encode_images(
            images,
            models,
            folder / one.folder,
            batch_size=batch_size,
            n_readers=n_readers,
            progress=progress,
            perturbation=one.apply,
            perturbation_name=one.fingerprint,
            tell=tell,
        )
        if failed["image_id"].nunique() == len(images):
            raise DataError(
                f"none of the {len(images):,} images could be read, first: {failed['error'].iloc[0]}"
            )
        unread.append(failed.assign(perturbation=one.folder))
        for name, model in models.items():
            index, embeddings = EmbeddingStore(folder / one.folder / folder_name(name)).read()
            table = zero_shot_scores(index, embeddings, model, findings, prompts, name=name)
            scores.append(table.assign(perturbation=one.name, severity=one.severity))
    return (
        pd.concat(scores, ignore_index=True)[list(PERTURBED_COLUMNS)],
        pd.concat(unread, ignore_index=True),
    )
