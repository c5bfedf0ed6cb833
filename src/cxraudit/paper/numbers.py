"""The numbers published with the study, and a comparison with them."""

from functools import cache
from importlib import resources

import numpy as np
import pandas as pd

from cxraudit.errors import DataError
from cxraudit.schema import require_columns

MIMIC, NIH = "mimic-cxr", "nih-cxr14"
"""The data sets of the study."""

MODELS = ("MedCLIP", "BioViL", "BioViL-T", "MedImageInsight", "CheXzero", "CXR-CLIP")
"""In the order of the published table."""

STUDY_NAMES = {
    "medclip-vit": "MedCLIP",
    "medclip-resnet": "MedCLIP",
    "biovil": "BioViL",
    "biovil-t": "BioViL-T",
    "medimageinsight": "MedImageInsight",
    "chexzero": "CheXzero",
    "cxrclip-swint": "CXR-CLIP",
    "cxrclip-r50": "CXR-CLIP",
}
"""Name of a model in cxraudit → name in the study."""

ALL = "all"
"""Attribute and group of rows over all images: these tables are CSV files, where an empty cell is missing."""

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
"""Columns of the table of numbers, with one row per data set, model, finding and group."""

KEY = ["dataset", "finding", "attribute", "group"]

ROUNDING_ERROR = 0.005
"""Largest error of a published number, which has two decimals."""


@cache
def _published() -> pd.DataFrame:
    file = resources.files("cxraudit.paper") / "published.csv"
    with file.open(encoding="utf-8") as handle:
        return pd.read_csv(handle)


def published() -> pd.DataFrame:
    """Return the published numbers, rounded to two decimals by their authors.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`; 6 models × 6 findings × 11 groups on MIMIC-CXR, and 6 models × pneumothorax over
        all images, without and with a drain on ChestX-ray14.
    """
    return _published().copy()


def study_name(model: str) -> str | None:
    """Return the name of a model in the study (``biovil@paper`` is BioViL); None if it is not in it."""
    return STUDY_NAMES.get(model.partition("@")[0].partition("+")[0])


def compare(numbers: pd.DataFrame) -> pd.DataFrame:
    """Compare numbers of a run with the published ones.

    Parameters
    ----------
    numbers : pandas.DataFrame
        From `cxraudit.paper.protocol.evaluate`, of one or more models.

    Returns
    -------
    pandas.DataFrame
        One row per number that both have: the key (``dataset``, ``model``, ``study_model``,
        ``finding``, ``attribute``, ``group``, ``metric``), ``value``, ``published``, ``difference``
        (value, rounded to two decimals as published, − published), and ``agrees``: each number lies
        within the interval of the other, widened by `ROUNDING_ERROR`.

    Raises
    ------
    MissingColumnsError
        If `numbers` lacks one of `COLUMNS`.
    DataError
        If none of the numbers is in the study.
    """
    require_columns("the numbers of the run", numbers, COLUMNS)
    renamed = numbers.assign(
        model=[study_name(name) or name for name in numbers["model"]],
        run_model=numbers["model"],
    )
    matched = renamed.merge(published(), on=["model", *KEY], suffixes=("_run", "_published"))
    if matched.empty:
        raise DataError(
            f"none of the models {', '.join(sorted(set(numbers['model'])))} on "
            f"{', '.join(sorted(set(numbers['dataset'])))} is in the study, which has "
            f"{', '.join(MODELS)} on {MIMIC} and {NIH} (--as-dataset names the data set of the study, if "
            "yours has another name)."
        )
    parts = []
    for metric in ("auroc", "adjusted_auprc"):
        value, reference = matched[f"{metric}_run"], matched[f"{metric}_published"]
        parts.append(
            matched[["dataset", "run_model", "model", *KEY[1:]]].assign(
                metric=metric,
                value=value,
                published=reference,
                difference=value.round(2) - reference,
                agrees=_within(value, matched, f"{metric}{{}}_published")
                & _within(reference, matched, f"{metric}{{}}_run"),
            )
        )
    table = pd.concat(parts, ignore_index=True)
    return table.rename(columns={"run_model": "model", "model": "study_model"})


def _within(values: pd.Series, table: pd.DataFrame, columns: str) -> "pd.Series[bool]":
    """Check values against the interval in the columns of a pattern, widened by the rounding error."""
    low = table[columns.format("_low")] - ROUNDING_ERROR
    high = table[columns.format("_high")] + ROUNDING_ERROR
    return (values >= low) & (values <= high) & np.isfinite(values)
