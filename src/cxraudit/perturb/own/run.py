"""Edited images → scores, and those of the originals in the same way."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from cxraudit.datasets.pairs import PAIR
from cxraudit.edits import CONTROL_OF
from cxraudit.encode import Progress, encode_images
from cxraudit.errors import DataError
from cxraudit.files import folder_name
from cxraudit.models.base import ImageTextModel
from cxraudit.notices import Tell, logged
from cxraudit.perturb import Perturbation
from cxraudit.perturb.own.checks import UNCHANGED
from cxraudit.perturb.own.table import KEY, file_name
from cxraudit.prompts import PromptSet
from cxraudit.schema import PERTURBED_COLUMNS, UNEDITED
from cxraudit.store import EmbeddingStore
from cxraudit.zeroshot import zero_shot_scores

_GREY = Perturbation(UNEDITED)
"""Originals and edited images are read in the same way, so that equal pixels have equal scores."""


def score_pairs(
    images: pd.DataFrame,
    pairs: pd.DataFrame,
    left_out: pd.DataFrame,
    models: Mapping[str, ImageTextModel],
    findings: Sequence[str],
    prompts: PromptSet,
    folder: Path,
    *,
    batch_size: int | None = None,
    n_readers: int | None = None,
    progress: Progress | None = None,
    tell: Tell = logged,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Encode and score originals and edited images; finished work is kept.

    Parameters
    ----------
    images : pandas.DataFrame
        Images table of the data set.
    pairs : pandas.DataFrame
        From `cxraudit.perturb.own.table.read_pairs`.
    left_out : pandas.DataFrame
        Pairs that are not encoded; see `cxraudit.perturb.own.checks.left_out`.
    models : mapping of str to ImageTextModel
        Name → model.
    findings, prompts
        As in `cxraudit.zeroshot.zero_shot_scores`.
    folder : pathlib.Path
        Folder with one store per edit and model.
    batch_size, n_readers, progress, tell
        As in `cxraudit.encode.encode_images`.

    Returns
    -------
    scores : pandas.DataFrame
        `cxraudit.schema.PERTURBED_COLUMNS` and `cxraudit.edits.CONTROL_OF`; the score is NaN where an edit
        changed no pixel.
    unread : pandas.DataFrame
        ``image_id``, ``edited`` (file name), ``edit`` and ``error``, of images that could not be encoded.

    Raises
    ------
    DataError
        If no pair is left.
    """
    gone = pd.MultiIndex.from_frame(left_out[[PAIR.edit, KEY]])
    kept = pairs[~pd.MultiIndex.from_frame(pairs[[PAIR.edit, KEY]]).isin(gone)]
    if kept.empty:
        raise DataError(
            f"none of the {len(pairs):,} pairs can be compared, first: {left_out['image_id'].iloc[0]}: "
            f"{left_out['error'].iloc[0].rstrip('.')}. Check the table of pairs and the folder of its files "
            "(--pairs-root)."
        )
    used = images[images["image_id"].isin(kept[PAIR.image])]
    edited = kept.drop_duplicates([PAIR.edit, KEY])
    work = [(UNEDITED, used)]
    work += [
        (str(edit), pd.DataFrame({"image_id": part[KEY], "path": part[PAIR.edited]}))
        for edit, part in edited.groupby(PAIR.edit, sort=False)
    ]
    scores: list[pd.DataFrame] = []
    unread: list[pd.DataFrame] = []
    for name, table in work:
        at = folder / _place(name, table)
        failed = encode_images(
            table.reset_index(drop=True),
            models,
            at,
            batch_size=batch_size,
            n_readers=n_readers,
            progress=progress,
            perturbation=_GREY,
            perturbation_name=_GREY.fingerprint,
            tell=tell,
        )
        unread.append(failed.assign(edit=name))
        for of, model in models.items():
            index, embeddings = EmbeddingStore(at / folder_name(of)).read()
            if index["ok"].any():
                found = zero_shot_scores(index, embeddings, model, findings, prompts, name=of)
                scores.append(found.assign(perturbation=name, severity=0))
    if not scores:
        raise DataError("none of the edited images could be encoded. See the list of failures.")
    return (
        _by_image(pd.concat(scores, ignore_index=True), pairs, left_out, models, findings, prompts),
        _by_original(pd.concat(unread, ignore_index=True), pairs),
    )


def _place(edit: str, table: pd.DataFrame) -> str:
    """Return the folder of an edit: another one for other files, so that embeddings are never mixed."""
    text = "\n".join(f"{name}\t{path}" for name, path in table[["image_id", "path"]].to_numpy())
    mark = hashlib.sha256(f"{edit}\n{text}".encode(errors="surrogatepass")).hexdigest()[:12]
    return f"{folder_name(edit)[:60]}-{mark}"


def _by_image(
    scores: pd.DataFrame,
    pairs: pd.DataFrame,
    left_out: pd.DataFrame,
    models: Mapping[str, ImageTextModel],
    findings: Sequence[str],
    prompts: PromptSet,
) -> pd.DataFrame:
    """Name edited images by their originals, and add those that an edit left as they were."""
    before = scores[scores["perturbation"] == UNEDITED].assign(**{CONTROL_OF: ""})
    about = pairs[[PAIR.edit, KEY, PAIR.image, CONTROL_OF, PAIR.finding]].rename(
        columns={PAIR.edit: "perturbation", PAIR.image: "of", PAIR.finding: "only"}
    )
    edited = scores[scores["perturbation"] != UNEDITED]
    edited = edited.merge(
        about, left_on=["perturbation", "image_id"], right_on=["perturbation", KEY]
    )
    same = left_out.loc[left_out["error"].eq(UNCHANGED), [PAIR.edit, KEY]].rename(
        columns={PAIR.edit: "perturbation"}
    )
    unchanged = (
        about.merge(same, on=["perturbation", KEY])
        .merge(pd.DataFrame({"finding": list(findings)}), how="cross")
        .merge(pd.DataFrame({"model": list(models)}), how="cross")
        .assign(prompt_set=prompts.name, severity=0, score=np.nan)
    )
    found = pd.concat([edited, unchanged], ignore_index=True)
    found = found[found["only"].eq("") | found["only"].eq(found["finding"])]
    found = found.assign(image_id=found["of"])
    columns = [*PERTURBED_COLUMNS, CONTROL_OF]
    return pd.concat([before[columns], found[columns]], ignore_index=True)


def _by_original(unread: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    of_pair = pairs.drop_duplicates([PAIR.edit, KEY])[[PAIR.edit, KEY, PAIR.image, PAIR.edited]]
    found = unread[["image_id", PAIR.edit, "error"]].merge(
        of_pair.rename(columns={KEY: "image_id", PAIR.image: "of"}),
        on=["image_id", PAIR.edit],
        how="left",
    )
    found["image_id"] = found["of"].fillna(found["image_id"]).astype("str")
    found[PAIR.edited] = found[PAIR.edited].map(file_name, na_action="ignore").fillna("")
    return found[["image_id", PAIR.edited, PAIR.edit, "error"]].drop_duplicates()
