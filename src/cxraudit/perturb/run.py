"""Images → perturbed images → scores: each image unedited and under each perturbation, for each model."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from cxraudit.datasets.base import Dataset
from cxraudit.encode import Perturbed, Progress, encode_perturbed
from cxraudit.encode.reading import Perturbation
from cxraudit.errors import DataError, NotAppliedError, short
from cxraudit.files import folder_name
from cxraudit.images import size_of
from cxraudit.masks import DERIVED, LUNGS, Masks
from cxraudit.models.base import ImageTextModel
from cxraudit.notices import PERTURBED_IMAGES, Notice, Tell, about_images, logged
from cxraudit.perturb import DEVICES, DRAIN, perturbations
from cxraudit.perturb.regions import RegionPerturbation, region_perturbations
from cxraudit.phantom.redraw import REDRAWN, redrawn
from cxraudit.phantom.regions import drawn_masks
from cxraudit.prompts import PromptSet
from cxraudit.schema import KIND, PERTURBED_COLUMNS, REGION_KIND, not_applied
from cxraudit.store import EmbeddingStore
from cxraudit.streams import Stream, generator
from cxraudit.zeroshot import zero_shot_scores

SHARD_SIZE = 128
"""Images per shard: all perturbations of a shard are finished together, and a kill costs one shard."""


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
    kind: str = ""
    """As in `cxraudit.schema.KIND`."""


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
    lateral = frozenset(_lateral(dataset.images))
    planned = [
        PlannedPerturbation(
            one.name,
            one.severity,
            one.folder,
            _frontal_only(one, lateral) if one.name in DEVICES else one,
            one.fingerprint,
        )
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


def plan_regions(
    dataset: Dataset,
    images: pd.DataFrame,
    names: Sequence[str] | None = None,
    masks: Masks | None = None,
    *,
    seed: int = 0,
) -> tuple[list[PlannedPerturbation], list[Notice]]:
    """Return the perturbations of regions to apply to some images, each followed by its control.

    Parameters
    ----------
    dataset : Dataset
        The cohort.
    images : pandas.DataFrame
        Those of its images that are perturbed.
    names : sequence of str, optional
        Names as in `cxraudit.perturb.regions.region_perturbations`; default: all that the masks allow.
    masks : Masks, optional
        Of these images; default: those of the drawing, for a synthetic release.
    seed : int
        Seed of the places of controls.

    Returns
    -------
    list of PlannedPerturbation
        What is applied, without the unedited images.
    list of Notice
        What was found in the masks, how many images have none, and how many are resized.

    Raises
    ------
    DataError
        If there are no masks, none of these images, or no region that can be removed from any of them.
    UnknownNameError
        If there is no such perturbation, or no mask of its region.
    """
    ids = images["image_id"].astype("str").tolist()
    if masks is None:
        masks = _drawn(dataset, images)
    without = [one for one in ids if not masks.find(one)]
    if len(without) == len(ids) or not masks.regions:
        if unused := [one for one in ids if masks.find(one) in masks.left_out]:
            raise DataError(
                f"{short(masks.source)} holds no mask that can be used of the {len(ids):,} images, though it "
                f"names {len(unused):,} of them, the first of which is {short(unused[0])}: "
                f"{masks.left_out[masks.find(unused[0])]}. Give masks of better quality."
            )
        raise DataError(
            f"{short(masks.source)} holds no mask that can be used of the {len(ids):,} images, the first of "
            f"which is {short(ids[0])}. Name the masks by image_id."
        )
    notices = list(masks.notices)
    if without:
        sentence = "Images without a mask: no region is removed."
        notices.append(about_images(sentence, without, PERTURBED_IMAGES))
    perturbations = region_perturbations(names, masks, seed=seed)
    regions = {LUNGS if one.region in DERIVED else one.region for one in perturbations}
    paths = zip(ids, images["path"].astype("str"), strict=True)
    sizes = {one: size for one, path in paths if (size := size_of(Path(path)))}
    for region in sorted(regions):
        if resized := masks.resized(sizes, region):
            sentence = f"Masks of the region '{region}' are resized: same shape, other size."
            notices.append(about_images(sentence, resized, PERTURBED_IMAGES))
    never = _inapplicable(perturbations, sizes)
    if never and len(never) == sum(not one.control for one in perturbations):
        raise DataError(
            f"no region can be removed from any of the {len(ids):,} images: "
            f"{next(iter(never.values()))}. Check the masks."
        )
    if never:
        sentence = f"Left out, since it applies to no image: {short(', '.join(never))}"
        notices.append(
            Notice(
                about="regions",
                count=len(never),
                sentence=f"{sentence}: {next(iter(never.values()))}.",
                hidden=f"{sentence}.",
            )
        )
    planned = [
        PlannedPerturbation(one.name, 0, one.name, one, one.fingerprint(ids), REGION_KIND)
        for one in perturbations
        if f"{one.action}-{one.region}" not in never
    ]
    return planned, notices


def _inapplicable(
    perturbations: Sequence[RegionPerturbation], sizes: Mapping[str, tuple[int, int]]
) -> dict[str, str]:
    """Return the perturbations that apply to no image: name → the most frequent reason, and its first image.

    Parameters
    ----------
    perturbations : sequence of RegionPerturbation
        Controls are passed over.
    sizes : mapping of str to tuple of int
        Id of an image → its width and height; of other images nothing is stated.
    """
    never: dict[str, str] = {}
    for one in perturbations:
        if one.control or not sizes:
            continue
        images: dict[str, list[str]] = {}
        for image_id, size in sizes.items():
            try:
                one.region_in(image_id, size)
                break
            except NotAppliedError as error:
                reason = str(error).removeprefix(NotAppliedError.PREFIX).rstrip(".")
                images.setdefault(reason, []).append(image_id)
        else:
            reason = max(images, key=lambda name: len(images[name]))
            never[one.name] = f"{reason} (first: {short(images[reason][0])})"
    return never


def _drawn(dataset: Dataset, images: pd.DataFrame) -> Masks:
    """Return the masks of a synthetic release; refuse others, whose regions are not known."""
    if dataset.truth is None:
        raise DataError(
            f"the regions of the images of '{dataset.name}' are not known. Give masks: a table of CheXmask, "
            "a table of run lengths, or a folder of pictures (--masks)."
        )
    return drawn_masks(replace(dataset, images=images))


def _lateral(images: pd.DataFrame) -> "pd.Series[str]":
    """Return the image_id of images whose view position is a lateral one."""
    if "view_position" not in images:
        return pd.Series(dtype="str")
    views = images["view_position"].astype("str").str.upper()
    return images.loc[views.str.contains("LATERAL") | views.isin(LATERAL), "image_id"]


LATERAL = ("LL", "RL", "LAT", "LPO", "RPO", "LAO", "RAO", "LLO", "RLO")
"""View positions, besides all with the word lateral, that show no frontal chest."""


def _frontal_only(apply: Perturbation, lateral: Collection[str]) -> Perturbation:
    """Return a perturbation that does not apply to lateral images."""

    def frontal(image: Image.Image, image_id: str) -> Image.Image:
        if image_id in lateral:
            raise NotAppliedError("the view is no frontal one")
        return apply(image, image_id)

    return frontal


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
    batch_size: int | None = None,
    n_readers: int | None = None,
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
        `cxraudit.schema.PERTURBED_COLUMNS`, and `KIND` if there are regions. The score is NaN where a
        perturbation was not applied.
    unread : pandas.DataFrame
        Images that could not be read, or that a perturbation does not apply to: ``image_id``,
        ``error`` (the reason), ``model``, ``perturbation`` (name of its folder).

    Raises
    ------
    DataError
        If no image can be read, or images of the folder were perturbed by other masks.
    """
    refuse_other_masks(planned, models, folder)
    scores: list[pd.DataFrame] = []
    unread: list[pd.DataFrame] = []
    tables = encode_perturbed(
        images,
        models,
        [Perturbed(folder / one.folder, one.apply, one.fingerprint) for one in planned],
        batch_size=batch_size,
        shard_size=_shard_size(folder),
        n_readers=n_readers,
        progress=progress,
        tell=tell,
    )
    for one, failed in zip(planned, tables, strict=True):
        left_out = not_applied(failed)
        if failed.loc[~left_out, "image_id"].nunique() == len(images):
            raise DataError(
                f"none of the {len(images):,} images could be read, first: {failed['error'].iloc[0]}"
            )
        unread.append(failed.assign(perturbation=one.folder))
        for name, model in models.items():
            index, embeddings = EmbeddingStore(folder / one.folder / folder_name(name)).read()
            tables = [_without_score(failed[left_out], findings, name, prompts)]
            if index["ok"].any():
                tables.insert(
                    0, zero_shot_scores(index, embeddings, model, findings, prompts, name=name)
                )
            scores += [
                table.assign(perturbation=one.name, severity=one.severity, kind=one.kind)
                for table in tables
                if len(table)
            ]
    of_kinds = [KIND] if any(one.kind for one in planned) else []
    return (
        pd.concat(scores, ignore_index=True)[[*PERTURBED_COLUMNS, *of_kinds]],
        pd.concat(unread, ignore_index=True),
    )


def refuse_other_masks(
    planned: Sequence[PlannedPerturbation], models: Collection[str], folder: Path
) -> None:
    """Refuse regions of which embeddings by other masks are there; write and delete nothing.

    Raises
    ------
    DataError
        With the folders to delete.
    """
    other = [
        str(folder / one.folder)
        for one in planned
        if one.kind == REGION_KIND
        and any(
            _perturbed_by(folder / one.folder / folder_name(name)) not in ("", one.fingerprint)
            for name in models
        )
    ]
    if other:
        raise DataError(
            f"the masks changed since the images in {folder} were perturbed, or cxraudit did. Delete "
            f"{', '.join(other)} and run the command again, or give the masks of before."
        )


def _perturbed_by(store: Path) -> str:
    """Return what the embeddings of a store say of the perturbation; empty if there are none."""
    try:
        return str(EmbeddingStore(store).record().get("perturbation", ""))
    except DataError:  # none, or damaged, and made again
        return ""


def _shard_size(folder: Path) -> int:
    """Return the number of images per shard: as it was for what is in the folder already."""
    for record in sorted(folder.glob("*/*/store.json")):
        try:
            return int(EmbeddingStore(record.parent).record()["shard size"])
        except DataError:  # damaged, and made again
            continue
    return SHARD_SIZE


def _without_score(
    failed: pd.DataFrame, findings: Sequence[str], model: str, prompts: PromptSet
) -> pd.DataFrame:
    """Return rows without a score of the images of one model that a perturbation does not apply to."""
    images = failed.loc[failed["model"] == model, "image_id"]
    rows = pd.DataFrame({"image_id": images}).merge(
        pd.DataFrame({"finding": list(findings)}), how="cross"
    )
    return rows.assign(model=model, prompt_set=prompts.name, score=np.nan)
