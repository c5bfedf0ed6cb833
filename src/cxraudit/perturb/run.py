"""Images → edited images → scores: every chosen image, unedited and under every edit, for every model."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cxraudit.datasets.base import Dataset
from cxraudit.encode import BATCH_SIZE, Edit, Progress, encode_images
from cxraudit.errors import DataError
from cxraudit.files import folder_name
from cxraudit.models.base import ImageTextModel
from cxraudit.perturb import choose
from cxraudit.phantom.redraw import REDRAWN, redrawn
from cxraudit.prompts import PromptSet
from cxraudit.schema import EDITED_COLUMNS
from cxraudit.store import EmbeddingStore
from cxraudit.zeroshot import zero_shot_scores


@dataclass(frozen=True, slots=True)
class PlannedEdit:
    """An edit, what it is called, and where its embeddings go."""

    name: str
    severity: int
    folder: str
    edit: Edit
    fingerprint: str


def plan_edits(
    dataset: Dataset, names: Sequence[str] | None = None, *, seed: int = 0
) -> list[PlannedEdit]:
    """Return the edits of some names, the unedited image first.

    Synthetic radiographs can also be drawn again, with or without a drain: that is added where the data set
    allows it, if no names are given or ``drain`` is among them.

    Raises
    ------
    UnknownNameError
        If there is no such edit.
    """
    planned = [
        PlannedEdit(one.name, one.severity, one.folder, one, one.fingerprint)
        for one in choose(names, seed=seed)
    ]
    if dataset.truth is not None and (names is None or "drain" in names):
        with suppress(DataError):  # images that were prepared or moved: the other edits do without
            planned += [
                PlannedEdit(name, 0, name, redrawn(dataset, drain), name)
                for name, drain in REDRAWN.items()
            ]
    return planned


def choose_images(images: pd.DataFrame, n_images: int, seed: int) -> pd.DataFrame:
    """Return the images of patients drawn at random, whole patients, until there are enough."""
    patients, names = pd.factorize(images["patient_id"], sort=True)
    order = np.random.default_rng([seed, 41]).permutation(len(names))
    sizes = np.bincount(patients)[order].cumsum()
    chosen = order[: int(np.searchsorted(sizes, n_images)) + 1]
    return images[np.isin(patients, chosen)]


def edited_scores(
    images: pd.DataFrame,
    models: Mapping[str, ImageTextModel],
    findings: Sequence[str],
    prompts: PromptSet,
    planned: Sequence[PlannedEdit],
    folder: Path,
    *,
    batch_size: int = BATCH_SIZE,
    n_readers: int = 2,
    progress: Progress | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Encode and score images under every edit; what was finished before is kept.

    Parameters
    ----------
    images : pandas.DataFrame
        The chosen images.
    models : mapping of str to ImageTextModel
        Name → model.
    findings, prompts
        As of the scores.
    planned : sequence of PlannedEdit
        From `plan_edits`.
    folder : pathlib.Path
        One store per edit and model is kept below it.
    batch_size, n_readers, progress
        As in `cxraudit.encode.encode_images`; progress counts images × edits.

    Returns
    -------
    pandas.DataFrame
        `cxraudit.schema.EDITED_COLUMNS`.
    pandas.DataFrame
        Images that could not be read or edited: ``image_id``, ``error``, ``model``, ``edit``.
    """
    tables, unread = [], []
    for one in planned:
        failed = encode_images(
            images,
            models,
            folder / one.folder,
            batch_size=batch_size,
            n_readers=n_readers,
            progress=progress,
            edit=one.edit,
            edit_name=one.fingerprint,
        )
        if failed["image_id"].nunique() == len(images):
            raise DataError(
                f"none of the {len(images):,} images could be read, first: {failed['error'].iloc[0]}"
            )
        unread.append(failed.assign(edit=one.folder))
        for name, model in models.items():
            index, rows = EmbeddingStore(folder / one.folder / folder_name(name)).read()
            scores = zero_shot_scores(index, rows, model, findings, prompts, name=name)
            tables.append(scores.assign(edit=one.name, severity=one.severity))
    scored = pd.concat(tables, ignore_index=True)[list(EDITED_COLUMNS)]
    return scored, pd.concat(unread, ignore_index=True)
