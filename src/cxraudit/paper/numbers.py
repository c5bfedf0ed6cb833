"""The numbers published with the study, and ours beside them."""

from functools import cache
from importlib import resources

import numpy as np
import pandas as pd

from cxraudit.errors import DataError
from cxraudit.schema import require_columns

MODELS = ("MedCLIP", "BioViL", "BioViL-T", "MedImageInsight", "CheXzero", "CXR-CLIP")
"""In the order of the published table."""

OURS = {
    "medclip-vit": "MedCLIP",
    "medclip-resnet": "MedCLIP",
    "biovil": "BioViL",
    "biovil-t": "BioViL-T",
    "medimageinsight": "MedImageInsight",
    "chexzero": "CheXzero",
    "cxrclip-swint": "CXR-CLIP",
    "cxrclip-r50": "CXR-CLIP",
}
"""Name of a model here → name in the study."""

COLUMNS = (
    "dataset",
    "model",
    "finding",
    "attribute",
    "group",
    "auroc",
    "auroc_low",
    "auroc_high",
    "adjusted_auprc",
    "adjusted_auprc_low",
    "adjusted_auprc_high",
    "prevalence",
)
"""One row per data set, model, finding and group."""

KEY = ["dataset", "finding", "attribute", "group"]


@cache
def _published() -> pd.DataFrame:
    file = resources.files("cxraudit.paper") / "published.csv"
    with file.open(encoding="utf-8") as handle:
        return pd.read_csv(handle)


def published() -> pd.DataFrame:
    """Return the published numbers, rounded to two decimals as their authors wrote them.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`; 6 models × 6 findings × 11 groups on MIMIC-CXR, and 6 models × pneumothorax over
        all, without and with a drain on ChestX-ray14.
    """
    return _published().copy()


def study_name(model: str) -> str | None:
    """Return what the study calls a model of ours (``biovil@paper`` is BioViL); None if it has it not."""
    return OURS.get(model.partition("@")[0].partition("+")[0])


def compare(ours: pd.DataFrame) -> pd.DataFrame:
    """Put our numbers beside the published ones.

    Parameters
    ----------
    ours : pandas.DataFrame
        From `cxraudit.paper.protocol.evaluate`, of one or more models.

    Returns
    -------
    pandas.DataFrame
        One row per number that both have: ``metric``, ``ours``, ``published``, ``difference`` (of ours,
        rounded as theirs), and ``agrees``: each lies within the interval of the other, which
        published rounding widens by 0.005.

    Raises
    ------
    DataError
        If no number of ours is one of the study's.
    """
    require_columns("our numbers", ours, COLUMNS)
    mine = ours.assign(
        model=ours["model"].map(lambda name: study_name(name) or name), ours_model=ours["model"]
    )
    both = mine.merge(published(), on=["model", *KEY], suffixes=("_ours", "_published"))
    if both.empty:
        raise DataError(
            f"none of the models {', '.join(sorted(set(ours['model'])))} on "
            f"{', '.join(sorted(set(ours['dataset'])))} is in the study, which has {', '.join(MODELS)} on "
            "mimic-cxr and nih-cxr14 (--as-dataset says which, if yours has another name)."
        )
    parts = []
    for metric in ("auroc", "adjusted_auprc"):
        found, known = both[f"{metric}_ours"], both[f"{metric}_published"]
        parts.append(
            both[["dataset", "ours_model", "model", *KEY[1:]]].assign(
                metric=metric,
                ours=found,
                published=known,
                difference=found.round(2) - known,
                agrees=_within(found, both, metric, "published", 0.005)
                & _within(known, both, metric, "ours", 0.005),
            )
        )
    table = pd.concat(parts, ignore_index=True)
    return table.rename(columns={"ours_model": "model", "model": "study_model"})


def _within(
    values: pd.Series, table: pd.DataFrame, metric: str, whose: str, room: float
) -> "pd.Series[bool]":
    low, high = table[f"{metric}_low_{whose}"] - room, table[f"{metric}_high_{whose}"] + room
    return (values >= low) & (values <= high) & np.isfinite(values)
