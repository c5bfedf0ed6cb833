"""Embeddings and models → scores: one call for the images of a store, one for perturbed images."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import pandas as pd

from cxraudit.datasets.base import Dataset
from cxraudit.datasets.pairs import describe
from cxraudit.edits import CONTROL_OF
from cxraudit.encode import Progress
from cxraudit.errors import ConfigError, DataError, short
from cxraudit.masks import Masks, read_masks
from cxraudit.models import load as load_model
from cxraudit.models import require_text_side
from cxraudit.models.base import LOCATION, ImageTextModel
from cxraudit.notices import Notice, Tell, counted, logged
from cxraudit.perturb.own.checks import OTHER, UNCHANGED, check_pairs, left_out, notices_of
from cxraudit.perturb.own.run import score_pairs as scores_of_pairs
from cxraudit.perturb.own.table import named_pair, read_pairs
from cxraudit.perturb.run import (
    PlannedPerturbation,
    choose_images,
    perturbed_scores,
    plan_perturbations,
    plan_regions,
)
from cxraudit.prompts import PromptSet
from cxraudit.prompts import load as load_prompts
from cxraudit.schema import PERTURBED_COLUMNS, UNEDITED
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
    """Perturbations that do not apply to this data set, and what was found in masks."""


def perturb_images(
    dataset: Dataset,
    models: Mapping[str, ImageTextModel],
    findings: str | Sequence[str],
    prompts: PromptSet | str,
    folder: str | PathLike[str],
    *,
    perturbations: str | Sequence[str] | None = None,
    regions: str | Sequence[str] | None = None,
    masks: Masks | str | PathLike[str] | None = None,
    n_images: int = PERTURBED_IMAGES,
    seed: int = 0,
    batch_size: int | None = None,
    n_readers: int | None = None,
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
        Names of `cxraudit.perturb`; default: all, or none where regions or masks are given.
    regions : str or sequence of str, optional
        Names of `cxraudit.perturb.regions`, such as ``without-lungs``, each with its control; default: none,
        or with masks all that these allow.
    masks : Masks, str or path, optional
        From `cxraudit.read_masks`, or what that reads; default: those of the drawing, for a synthetic
        release.
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
        If the folder holds images perturbed with another seed or number, or none can be read; or masks
        are missing or damaged.
    UnknownNameError
        If there is no such perturbation, or no mask of such a region.
    """
    if n_images < 1:
        raise ConfigError(f"n_images must be at least 1, got {n_images}.")
    pair = load_prompts(prompts) if isinstance(prompts, str) else prompts
    with_regions = regions is not None or masks is not None
    none: list[str] | None = [] if with_regions else None
    names = none if perturbations is None else listed(perturbations)
    planned, notices = plan_perturbations(dataset, names, seed=seed)
    of_regions: list[PlannedPerturbation] = []
    images = choose_images(dataset.images, n_images, seed)
    if with_regions:
        if not (masks is None or isinstance(masks, Masks)):
            masks = read_masks(masks, image_ids=images["image_id"])
        chosen = None if regions is None else listed(regions)
        of_regions, found = plan_regions(dataset, images, chosen, masks, seed=seed)
        planned, notices = [*planned, *of_regions], [*notices, *found]
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
        made, unread = scored(None)
    else:
        with track(f"perturb {dataset.name}", len(images) * len(planned)) as advance:
            made, unread = scored(advance)
    for notice in _never_applied(made, unread, [one.name for one in of_regions]):
        once(notice)
    return PerturbedScores(made, unread, planned, notices)


def _never_applied(
    scores: pd.DataFrame, unread: pd.DataFrame, regions: Sequence[str]
) -> Iterator[Notice]:
    """Say which regions could be removed from no image.

    Raises
    ------
    DataError
        If none could.
    """
    applied = set(scores.loc[scores["score"].notna(), "perturbation"])
    never = [name for name in dict.fromkeys(regions) if name not in applied]
    if not never:
        return
    why = unread.loc[unread["perturbation"].isin(never), "error"]
    first = f", first: {why.iloc[0]}" if len(why) else "."
    if len(never) == len(set(regions)):
        raise DataError(f"no region could be removed from any image{first} Check the masks.")
    sentence = f"Not applied to any image: {short(', '.join(never))}{first}"
    yield Notice(
        about="regions",
        count=len(never),
        sentence=sentence,
        hidden=f"Not applied to any image: {short(', '.join(never))}.",
    )


@dataclass(frozen=True, slots=True)
class PairedScores:
    """Scores of edited images and of their originals, and how the images of each pair differ."""

    scores: pd.DataFrame
    """One row per image, finding, model and edit: what `cxraudit.audit` takes as ``perturbed``."""
    checks: pd.DataFrame
    """One row per pair: ``edit``, ``image_id``, ``edited``, and how it differs from its original; see
    `cxraudit.perturb.own.checks.Checks`."""
    unread: pd.DataFrame
    """Pairs that are not compared: ``image_id``, ``edit`` and ``error``."""
    notices: list[Notice]
    """What a reader must know of the pairs."""


def score_pairs(
    dataset: Dataset,
    models: Mapping[str, ImageTextModel],
    findings: str | Sequence[str],
    prompts: PromptSet | str,
    pairs: object,
    folder: str | PathLike[str],
    *,
    root: str | PathLike[str] | None = None,
    columns: Mapping[str, str] | None = None,
    scores: pd.DataFrame | None = None,
    taken: Collection[str] = (),
    batch_size: int | None = None,
    n_readers: int | None = None,
    track: Tracker | None = None,
    tell: Tell = logged,
) -> PairedScores:
    """Score images that a user edited, such as by a generator of counterfactuals, and their originals.

    Both are read in 8-bit grey and prepared in the same way, so that images of equal pixels have equal
    scores. Finished work is kept, so the same call continues after an interruption.

    Parameters
    ----------
    dataset : Dataset
        The cohort that the originals are of.
    models : mapping of str to ImageTextModel
        Name → model.
    findings : str or sequence of str
        Findings to score.
    prompts : PromptSet or str
        The prompts, their name, or their TOML file.
    pairs : data frame, str or path
        Which image was edited, by which edit, into which file: ``image_id``, ``edited``, ``edit`` and
        optional columns; see `cxraudit.perturb.own.table.read_pairs`.
    folder : str or path
        For the embeddings of edited images and their originals.
    root : str or path, optional
        Folder that files are named from; default: that of the table.
    columns : mapping of str to str, optional
        Name of a column → what it is called in `pairs`.
    scores : pandas.DataFrame, optional
        Scores of the data set, unedited: changes are then in standard deviations of all of them, and not of
        the edited images only.
    taken : collection of str
        Names that no edit may have, since other perturbations have them.
    batch_size, n_readers : int
        As in `cxraudit.encode_images`.
    track : callable, optional
        Opens a progress bar.
    tell : callable, optional
        Called once with each notice.

    Raises
    ------
    DataError
        If the table is not what it should be, or no pair can be compared.
    UnknownNameError
        If there is no such finding or prompt set.
    """
    pair = load_prompts(prompts) if isinstance(prompts, str) else prompts
    read = read_pairs(pairs, dataset, root=root, columns=columns)
    if both := sorted(set(read.frame["edit"]) & set(taken)):
        raise DataError(
            f"'{short(both[0])}' is the name of an edit and of a perturbation that cxraudit perturb made of "
            "this cohort. Call the edit something else, such as 'my drain'."
        )
    place = Path(folder)
    given: dict[Notice, None] = {}

    def once(notice: Notice) -> None:
        """Pass on what is the same for every edit once."""
        if notice not in given:
            tell(notice)
        given[notice] = None

    for notice in read.notices:
        once(notice)
    track = track or _untracked
    with track("compare pairs", len(read.frame)) as advance:
        checks = check_pairs(read.frame, place, n_readers=n_readers, progress=advance)
    gone = left_out(checks)
    for notice in (*_of_left_out(gone), *notices_of(checks)):
        once(notice)
    with track(f"encode pairs of {dataset.name}", len(read.frame)) as advance:
        found, unread = scores_of_pairs(
            dataset.images,
            read.frame,
            gone,
            models,
            listed(findings),
            pair,
            place,
            batch_size=batch_size,
            n_readers=n_readers,
            progress=advance,
            tell=tell,
        )
    for notice in describe(found[found["perturbation"] != UNEDITED]):
        once(notice)
    return PairedScores(
        found if scores is None else _with_others(found, scores),
        checks.drop(columns=["pair", "content", "original"]),
        pd.concat([gone[unread.columns], unread], ignore_index=True),
        list(given),
    )


@contextmanager
def _untracked(description: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show nothing."""
    yield lambda _: None


def _of_left_out(gone: pd.DataFrame) -> list[Notice]:
    """Count the pairs that are not compared, by the reason."""
    missing = gone["error"].str.endswith(" is missing.")
    reason = gone["error"].mask(missing, "the file is missing")
    known = reason.isin([UNCHANGED, OTHER]) | missing
    reason = reason.where(known, "an image cannot be read")
    found = []
    for why, part in gone.groupby(reason, sort=True):
        sentence = (
            f"{counted(len(part), 'pair')} left out: {why}. First: '{short(part['edit'].iloc[0])}' of "
            f"{named_pair(part['image_id'].iloc[0], part['edited'].iloc[0])}."
        )
        hidden = f"Some pairs left out: {why}."
        found.append(Notice(about="pairs", count=len(part), sentence=sentence, hidden=hidden))
    return found


def _with_others(found: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Add the scores of images that were not edited, as unedited ones."""
    originals = found[found["perturbation"] == UNEDITED]
    key = ["model", "prompt_set", "finding"]
    others = scores.merge(originals[key].drop_duplicates(), on=key)
    others = others[~others["image_id"].isin(originals["image_id"])]
    others = others.assign(**{"perturbation": UNEDITED, "severity": 0, CONTROL_OF: ""})
    return pd.concat([found, others[[*PERTURBED_COLUMNS, CONTROL_OF]]], ignore_index=True)
