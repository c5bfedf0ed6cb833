"""Embeddings and models → scores: one call for the images of a store, one for perturbed images."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import pandas as pd

from cxraudit.datasets.base import Dataset
from cxraudit.encode import BATCH_SIZE, Progress
from cxraudit.errors import ConfigError, DataError
from cxraudit.models import load as load_model
from cxraudit.models import require_text_side
from cxraudit.models.base import LOCATION, ImageTextModel
from cxraudit.notices import Notice, Tell, logged
from cxraudit.perturb.run import (
    PlannedPerturbation,
    choose_images,
    perturbed_scores,
    plan_perturbations,
)
from cxraudit.prompts import PromptSet
from cxraudit.prompts import load as load_prompts
from cxraudit.store import EmbeddingStore
from cxraudit.workspace import PERTURBED_RECORD, resume_or_refuse
from cxraudit.zeroshot import zero_shot_scores

Tracker = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""Opens a progress bar: (description, total) → function called with the number of items done."""

PERTURBED_IMAGES = 400
"""Images perturbed by default: each is encoded once per perturbation and severity."""


def score(
    embeddings: EmbeddingStore | str | PathLike[str],
    model: ImageTextModel | str,
    findings: str | Sequence[str],
    prompts: PromptSet | str = "paper",
    *,
    name: str | None = None,
) -> pd.DataFrame:
    """Score the images of an embedding store with a prompt set, zero-shot.

    Parameters
    ----------
    embeddings : EmbeddingStore, str or path
        Embeddings of one model, or their folder; see `cxraudit.encode_images`.
    model : ImageTextModel or str
        The model they were encoded with, or its name.
    findings : str or sequence of str
        Findings to score.
    prompts : PromptSet or str
        The prompts, their name, or their TOML file; see `cxraudit.load_prompts`.
    name : str, optional
        Name of the model in the table; default: as it was encoded.

    Returns
    -------
    pandas.DataFrame
        A scores table, one row per image and finding: ``image_id``, ``model``, ``prompt_set``,
        ``finding``, ``score`` in [0, 1]. Images that could not be read have no row.

    Raises
    ------
    DataError
        If the embeddings are not finished, or were made with other weights than those of `model`.
    UnknownNameError
        If there is no such model or prompt set.
    """
    store = (
        embeddings if isinstance(embeddings, EmbeddingStore) else EmbeddingStore(Path(embeddings))
    )
    record = store.record()
    loaded = load_model(model) if isinstance(model, str) else model
    require_text_side(loaded.card)
    _require_same_weights(store, loaded, loaded.card.name)
    index, vectors = store.read()
    pair = load_prompts(prompts) if isinstance(prompts, str) else prompts
    return zero_shot_scores(
        index, vectors, loaded, listed(findings), pair, name=name or record.get("model")
    )


def listed(names: str | Sequence[str]) -> list[str]:
    """Return one name or several as a list."""
    return [names] if isinstance(names, str) else list(names)


def same_model(name: str, store: EmbeddingStore, device: str = "auto") -> ImageTextModel:
    """Load the model of a store, or refuse other weights than those it was encoded with."""
    model = load_model(store.record().get(LOCATION, name), device=device)
    _require_same_weights(store, model, name)
    return model


def _require_same_weights(store: EmbeddingStore, model: ImageTextModel, name: str) -> None:
    if model.fingerprint != store.record()["fingerprint"]:
        raise DataError(
            f"{store.folder} was encoded with other weights of '{name}' than are installed now. "
            "Encode again into another folder."
        )


@dataclass(frozen=True, slots=True)
class PerturbedScores:
    """Scores of perturbed images."""

    scores: pd.DataFrame
    """See `cxraudit.schema.PERTURBED_COLUMNS`; `cxraudit.audit` takes it as ``perturbed``."""
    unread: pd.DataFrame
    """Images that could not be read or perturbed, with the reason."""
    planned: list[PlannedPerturbation]
    """What was done to the images, the unedited images first."""
    notices: list[Notice]
    """Perturbations that do not apply to this data set."""


def perturb_images(
    dataset: Dataset,
    models: Mapping[str, ImageTextModel],
    findings: str | Sequence[str],
    prompts: PromptSet | str,
    folder: str | PathLike[str],
    *,
    perturbations: str | Sequence[str] | None = None,
    n_images: int = PERTURBED_IMAGES,
    seed: int = 0,
    batch_size: int = BATCH_SIZE,
    n_readers: int = 2,
    track: Tracker | None = None,
    tell: Tell = logged,
) -> PerturbedScores:
    """Perturb some of the images of a cohort and score them with some models.

    Finished perturbations are kept, so the same call continues after an interruption.

    Parameters
    ----------
    dataset : Dataset
        The cohort.
    models : mapping of str to ImageTextModel
        Name → model.
    findings : str or sequence of str
        Findings to score.
    prompts : PromptSet or str
        The prompts, their name, or their TOML file.
    folder : str or path
        For the embeddings of the perturbed images.
    perturbations : str or sequence of str, optional
        Names of `cxraudit.perturb`; default: all.
    n_images : int
        At least so many images, of whole patients drawn by the seed.
    seed : int
        Of the choice of images and of the perturbations.
    batch_size, n_readers : int
        As in `cxraudit.encode_images`.
    track : callable, optional
        Opens a progress bar.
    tell : callable, optional
        Called once with each notice: perturbations that do not apply, and changes in images and shards
        since an earlier call.

    Raises
    ------
    DataError
        If the folder holds images perturbed with another seed or number, or none can be read.
    UnknownNameError
        If there is no such perturbation.
    """
    if n_images < 1:
        raise ConfigError(f"n_images must be at least 1, got {n_images}.")
    pair = load_prompts(prompts) if isinstance(prompts, str) else prompts
    names = None if perturbations is None else listed(perturbations)
    planned, notices = plan_perturbations(dataset, names, seed=seed)
    images = choose_images(dataset.images, n_images, seed)
    resume_or_refuse(
        Path(folder) / PERTURBED_RECORD,
        {"seed": seed, "images": n_images},
        what="perturbed images",
        remedy="Give the same, or delete that folder to perturb others.",
    )
    given: set[Notice] = set()

    def once(notice: Notice) -> None:
        """Pass on what is the same for every perturbation once."""
        if notice not in given:
            tell(notice)
        given.add(notice)

    for notice in notices:
        once(notice)

    def scored(progress: Progress | None) -> tuple[pd.DataFrame, pd.DataFrame]:
        return perturbed_scores(
            images,
            models,
            listed(findings),
            pair,
            planned,
            Path(folder),
            batch_size=batch_size,
            n_readers=n_readers,
            progress=progress,
            tell=once,
        )

    if track is None:
        return PerturbedScores(*scored(None), planned, notices)
    with track(f"perturb {dataset.name}", len(images) * len(planned)) as advance:
        return PerturbedScores(*scored(advance), planned, notices)
