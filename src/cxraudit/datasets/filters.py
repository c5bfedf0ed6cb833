"""Filters that apply to every data set; each is a named step of the flow diagram."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from cxraudit.datasets.base import Dataset
from cxraudit.datasets.detector_labels import fill, read_predicted
from cxraudit.errors import ConfigError, UnknownNameError, short
from cxraudit.schema import UNKNOWN
from cxraudit.vocabulary import ATTRIBUTES

ADULT = 18
"""Years, as in Sourget et al. (2025)."""

OPTIONS = {
    "adults": "true: exclude images of patients under 18 or of unknown age",
    "only.ATTRIBUTE": "GROUP,GROUP: exclude images of other groups, for instance only.race=white,black",
    "one_image_per_patient": "true, or a seed (0, 1, …): keep one image of each patient, chosen at random",
    "present_only": "true: exclude images whose file is missing",
    "predicted": "file of `cxraudit drains apply`: predicted labels for images without an annotation",
}
"""Option of every data set → description."""

FLAGS = ("adults", "present_only")
PATHS = ("predicted",)

ONLY = "only."
ONE_IMAGE = "one_image_per_patient"


def is_common(option: str) -> bool:
    """Tell whether an option is one of every data set."""
    return option in OPTIONS or option.startswith(ONLY)


def apply(dataset: Dataset, options: Mapping[str, Any]) -> Dataset:
    """Apply the options of every data set, in a fixed order.

    Parameters
    ----------
    dataset : Dataset
        As its module loaded it.
    options : mapping
        Options of `OPTIONS`, typed.

    Raises
    ------
    DataError
        If a filter leaves no image.
    ConfigError
        If an option does not apply to this data set.
    """
    if (file := options.get("predicted")) is not None:
        dataset = fill(dataset, read_predicted(Path(str(file))))
    if options.get("adults"):
        dataset = adults(dataset)
    for option, groups in options.items():
        if option.startswith(ONLY):
            dataset = only(dataset, option.removeprefix(ONLY), groups)
    if options.get("present_only"):
        present = dataset.images["path"].map(os.path.isfile)
        dataset = dataset.keep(present, step="file present", reason="the image file is missing")
    seed = _seed(options.get(ONE_IMAGE))
    # Last, so that no patient is lost because another filter excluded the chosen image.
    return dataset if seed is None else one_image_per_patient(dataset, seed)


def _seed(given: object) -> int | None:
    """Return the seed that ``one_image_per_patient`` was given: 0 for true, None for false.

    Raises
    ------
    ConfigError
        If it is anything else but a whole number of at least 0.
    """
    text = str(given).strip().lower()
    if given is None or text in ("false", "no"):
        return None
    if text in ("true", "yes"):
        return 0
    if not (text.isascii() and text.isdigit()):
        raise ConfigError(
            f"the option {ONE_IMAGE} is true, false or a seed such as 7, got {short(given)}."
        )
    return int(text)


def one_image_per_patient(dataset: Dataset, seed: int = 0) -> Dataset:
    """Keep one image of each patient, chosen at random.

    The choice depends on the seed and on the names of the patient's images only: not on the order of rows,
    nor on other patients.
    """
    images = dataset.images
    drawn = [
        hashlib.blake2b(f"{seed}\n{image}".encode(), digest_size=16).digest()
        for image in images["image_id"]
    ]
    first = pd.Series(drawn, index=images.index, dtype=object).sort_values()
    chosen = images["patient_id"].loc[first.index].drop_duplicates().index
    return dataset.keep(
        pd.Series(images.index.isin(chosen), index=images.index),
        step="one image per patient",
        reason=f"another image of the patient was chosen at random (seed {seed})",
    )


def adults(dataset: Dataset) -> Dataset:
    """Keep images of patients known to be 18 or older."""
    if "age" not in dataset.images:
        raise ConfigError(
            f"data set '{dataset.name}' has no ages, so the filter 'adults' does not apply."
        )
    known = dataset.images["age"].notna()
    dataset = dataset.keep(known, step="age known", reason="age missing or impossible")
    adult = dataset.images["age"] >= ADULT
    return dataset.keep(adult, step="adults", reason=f"under {ADULT} years")


def only(dataset: Dataset, attribute: str, groups: object) -> Dataset:
    """Keep images of some groups of an attribute."""
    if attribute not in (*dataset.attributes, *dataset.shortcuts):
        raise UnknownNameError("attribute", attribute, [*dataset.attributes, *dataset.shortcuts])
    listed = groups if isinstance(groups, (list, tuple)) else str(groups).split(",")
    kept = [str(group).strip() for group in listed]
    present: pd.Series = dataset.images[attribute]
    known = {
        *present,
        *(ATTRIBUTES[attribute].groups if attribute in ATTRIBUTES else ()),
        *(("yes", "no") if attribute in dataset.shortcuts else ()),
    }
    for group in kept:
        if group not in known:
            raise UnknownNameError(f"{attribute} group", group, known)
    others = sorted(set(present) - set(kept) - {UNKNOWN})
    reason = f"{attribute.replace('_', ' ')} is " + " or ".join([*others, UNKNOWN])
    return dataset.keep(
        present.isin(kept),
        step=f"{attribute.replace('_', ' ')} {', '.join(kept)}",
        reason=reason,
    )
