"""The data set that every loader returns: one row per image, checked once."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxraudit.datasets.values.ages import OLDEST, Ages
from cxraudit.datasets.values.bins import binned
from cxraudit.errors import DataError, UnknownNameError
from cxraudit.notices import Notice, as_records, from_records
from cxraudit.privacy import common_folder
from cxraudit.schema import (
    CONFLICTING,
    IMAGE_COLUMNS,
    UNKNOWN,
    check_findings,
    group_names,
    require_columns,
    require_rows,
    require_unique,
    require_values,
)
from cxraudit.vocabulary import ATTRIBUTES

FINDINGS = (
    "Atelectasis",
    "Cardiomegaly",
    "Consolidation",
    "Pleural Effusion",
    "Pneumonia",
    "Pneumothorax",
)
"""The six findings of Sourget et al. (2025), named as in MIMIC-CXR."""

AGE_EDGES = (0, 18, 25, 50, 65, 80, 121)
AGE_GROUPS = ATTRIBUTES["age_group"].groups
"""Left-closed, in years, as in Sourget et al. (2025), who have adults only."""
ADULT_AGE_GROUPS = AGE_GROUPS[1:]

REPORT = "report"
"""Column of the images with the text of the report, where a data set has it."""

IF_INDEPENDENT = (
    "Name the column of patients; if every image is of another patient, the column of images."
)
"""What to do where patients are unknown, and what is fitted on some is measured on others."""

EXCLUDED_COLUMNS = ("image_id", "patient_id", "study_id", "step")
"""Columns of the table of images that filters excluded."""

UNCERTAIN = "uncertain"
"""The policy of uncertain labels."""
NO_POLICY = "none"
"""Of labels that were not decided on: there are none, or they are refused."""

NO_GROUP = (UNKNOWN, CONFLICTING)
"""Values of an attribute that are counted and shown like groups, and never compared."""


def age_group(age: float) -> str:
    """Return the age group of an age in years; ``unknown`` outside 0–120 and for NaN."""
    if not 0 <= age <= OLDEST:
        return UNKNOWN
    return AGE_GROUPS[int(np.searchsorted(AGE_EDGES, age, side="right")) - 1]


def age_groups(ages: Ages) -> pd.Series:
    """Return the age group of each image; ``unknown`` where a lower bound is not in the last group."""
    return binned(ages.series, AGE_EDGES[1:-1], ages.at_least)


def resolve_per_patient(patients: pd.Series, values: pd.Series) -> pd.Series:
    """Return one value per patient of an attribute that cannot change.

    Rows of a patient with two known values become ``conflicting``; unknown rows get the known
    value of the patient.

    Parameters
    ----------
    patients, values : pandas.Series
        Patient and value of each row; missing values are ``unknown``.

    Returns
    -------
    pandas.Series of str
        One value per row, with the index of `values`.
    """
    known = values.where(values != UNKNOWN)
    per_patient = known.groupby(patients, sort=False)
    resolved = per_patient.transform("first").fillna(UNKNOWN)
    return resolved.mask(per_patient.transform("nunique") > 1, CONFLICTING).astype("str")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A release, or the cohort that filters left of it.

    Raises
    ------
    DataError
        If `images` lacks columns, has no rows, has an image twice, or a finding has values other
        than 1, 0 and NaN (NaN = not labelled).
    """

    name: str
    version: str
    license: str
    root: Path
    images: pd.DataFrame
    """One row per image: `IMAGE_COLUMNS`, then findings and attributes."""
    findings: tuple[str, ...]
    attributes: tuple[str, ...]
    """Columns with the group of each image."""
    shortcuts: tuple[str, ...] = ()
    """Columns with ``yes``, ``no`` or ``unknown``: a device or property that a model may rely on in place
    of the finding."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Name of a finding in the release → its name in cxraudit, where they differ."""
    steps: tuple[tuple[str, str], ...] = ()
    """Name and reason of each filter that was applied, in order; filters that excluded nothing included."""
    excluded: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=EXCLUDED_COLUMNS))
    """One row per image that a filter excluded, with the name of the step."""
    label_errors: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Shortcut → measured performance of the detector that predicted labels; see
    `cxraudit.datasets.detector_labels.PredictedLabels.errors`."""
    notes: tuple[str, ...] = ()
    """Sentences on the data set that the report prints."""
    patients_known: bool = True
    """Whether patients are known; if not, each image stands for a patient of its own."""
    policies: Mapping[str, str] = field(default_factory=dict)
    """What labels that are neither positive nor negative count as: ``uncertain`` and ``blank`` → zeros, ones
    or ignore, where they were decided on."""
    notices: tuple[Notice, ...] = ()
    """What was unknown, converted or left out when the tables were read; printed and reported."""
    truth: Mapping[str, Any] | None = None
    """The known effects of synthetic radiographs; None for a real release."""

    def __post_init__(self) -> None:
        table = f"data set '{self.name}'"
        names = [*self.findings, *self.attributes, *self.shortcuts]
        reserved = set(IMAGE_COLUMNS) - {"view_position"}
        if clashes := {name for name in names if names.count(name) > 1 or name in reserved}:
            raise DataError(
                f"{table} uses the name {', '.join(sorted(clashes))} twice. Findings, attributes and "
                "shortcuts need different names, and none of image_id, patient_id, study_id, path."
            )
        require_columns(
            table, self.images, (*IMAGE_COLUMNS, *self.findings, *self.attributes, *self.shortcuts)
        )
        require_rows(table, self.images)
        require_unique(table, self.images, ["image_id"])
        check_findings(table, self.images, self.findings)
        require_values(table, self.images, ["image_id", "patient_id"])
        for shortcut in self.shortcuts:
            if invalid := set(self.images[shortcut].dropna()) - {"yes", "no", UNKNOWN}:
                raise DataError(
                    f"{table}: the shortcut '{shortcut}' must hold yes, no or unknown, found "
                    f"{', '.join(sorted(map(str, invalid))[:3])}."
                )
        # Columns may have any type: ids become text, and values of attributes become group names.
        columns = {
            **{column: self.images[column].astype("str") for column in EXCLUDED_COLUMNS[:-1]},
            **{
                column: group_names(self.images[column])
                for column in (*self.attributes, *self.shortcuts)
            },
        }
        object.__setattr__(self, "images", self.images.assign(**columns))

    @property
    def n_patients(self) -> int:
        """Number of different patients."""
        return int(self.images["patient_id"].nunique())

    @property
    def reading(self) -> dict[str, str]:
        """How the tables were read, as far as a plan holds it: patients and policies of labels."""
        patients = "known" if self.patients_known else "unknown"
        return {"patients": patients, UNCERTAIN: NO_POLICY, **self.policies}

    def facts(self) -> dict[str, Any]:
        """Return everything but the images and where they lie, as plain data; see `dataset_from`."""
        return {
            "name": self.name,
            "version": self.version,
            "license": self.license,
            "findings": list(self.findings),
            "attributes": list(self.attributes),
            "shortcuts": list(self.shortcuts),
            "aliases": dict(self.aliases),
            "steps": [list(step) for step in self.steps],
            "notes": list(self.notes),
            "patients_known": self.patients_known,
            "policies": dict(self.policies),
            "notices": as_records(self.notices),
            "truth": dict(self.truth) if self.truth else None,
            "label_errors": {name: dict(errors) for name, errors in self.label_errors.items()},
        }

    def keep(self, mask: pd.Series, *, step: str, reason: str) -> "Dataset":
        """Keep the images where `mask` is true and list the others as excluded by a step.

        Parameters
        ----------
        mask : pandas.Series of bool
            One value per row of `images`.
        step : str
            Name of the filter in the flow diagram; a repeated name is numbered.
        reason : str
            Why the other images are excluded.

        Raises
        ------
        DataError
            If no image would remain.
        """
        repeats = [
            name for name, _ in self.steps if re.fullmatch(rf"{re.escape(step)}( \(\d+\))?", name)
        ]
        if repeats:
            if mask.all():
                return self
            step = f"{step} ({len(repeats) + 1})"
        kept = self.images.loc[mask]
        if kept.empty:
            raise DataError(
                f"data set '{self.name}': the step '{step}' leaves no image ({reason})."
            )
        dropped = self.images.loc[~mask, list(EXCLUDED_COLUMNS[:-1])].assign(step=step)
        return replace(
            self,
            images=kept.reset_index(drop=True),
            steps=(*self.steps, (step, reason)),
            excluded=pd.concat([self.excluded, dropped], ignore_index=True)
            if len(dropped)
            else self.excluded,
        )

    @property
    def exclusions(self) -> pd.DataFrame:
        """One row per filter that excluded images: ``step``, ``images``, ``patients``, ``reason``."""
        steps = flow(self)
        steps = steps[steps["images_out"] > 0]
        return pd.DataFrame(
            {
                "step": steps["step"],
                "images": steps["images_out"],
                "patients": steps["patients_out"],
                "reason": steps["reason"],
            }
        ).reset_index(drop=True)

    def choose_findings(self, names: Sequence[str]) -> "Dataset":
        """Keep the named findings, in the given order."""
        for name in names:
            if name not in self.findings:
                raise UnknownNameError("finding", name, self.findings)
        return replace(self, findings=tuple(names))


def flow(dataset: Dataset) -> pd.DataFrame:
    """Count what each filter excluded and what remained.

    Returns
    -------
    pandas.DataFrame
        One row for the release, then one per step: ``step``, ``reason``, ``images_out``,
        ``studies_out``, ``patients_out`` (those without any image left) and the remaining
        ``images``, ``studies``, ``patients``.
    """
    keys = list(EXCLUDED_COLUMNS[:-1])
    images = pd.concat(
        [dataset.excluded[keys], dataset.images[keys]], ignore_index=True
    )  # in the order of exclusion
    order = {step: number for number, (step, _) in enumerate(dataset.steps)}
    excluded_at = np.concatenate(
        [
            dataset.excluded["step"].map(order).to_numpy(dtype=np.int64),
            np.full(len(dataset.images), len(order), dtype=np.int64),
        ]
    )
    counts = np.stack(
        [_remaining(images[key], excluded_at, len(order)) for key in keys], axis=1
    )  # shape (n_steps + 1, n_keys)
    names = [("release", "all images in the tables"), *dataset.steps]
    dropped = np.vstack([np.zeros(len(keys), dtype=np.int64), counts[:-1] - counts[1:]])
    table = pd.DataFrame(names, columns=["step", "reason"])
    for number, name in enumerate(("images", "patients", "studies")):
        table[f"{name}_out"], table[name] = dropped[:, number], counts[:, number]
    columns = ("images_out", "studies_out", "patients_out", "images", "studies", "patients")
    return table[["step", "reason", *columns]]


def _remaining(
    keys: pd.Series, excluded_at: NDArray[np.integer], n_steps: int
) -> NDArray[np.int64]:
    """Count the distinct keys that remain before the first step and after each step."""
    last = pd.Series(excluded_at).groupby(keys.to_numpy(dtype=object)).max().to_numpy()
    return np.array([(last >= step).sum() for step in range(n_steps + 1)], dtype=np.int64)


def excluded_images(dataset: Dataset) -> pd.DataFrame:
    """Return one row per image that a filter excluded, with step and reason."""
    reasons = dict(dataset.steps)
    return dataset.excluded.assign(reason=dataset.excluded["step"].map(reasons).astype("str"))


def dataset_from(
    images: pd.DataFrame, facts: Mapping[str, Any], excluded: pd.DataFrame | None = None
) -> Dataset:
    """Rebuild a data set from its images, `Dataset.facts` and the table of excluded images.

    Its root is the folder that all images lie below, by their paths.
    """
    given = {} if excluded is None else {"excluded": excluded[list(EXCLUDED_COLUMNS)]}
    return Dataset(
        name=facts["name"],
        version=facts["version"],
        license=facts["license"],
        root=common_folder(images["path"]),
        images=images,
        findings=tuple(facts["findings"]),
        attributes=tuple(facts["attributes"]),
        shortcuts=tuple(facts["shortcuts"]),
        aliases=facts["aliases"],
        notes=tuple(facts["notes"]),
        patients_known=facts.get("patients_known", True),
        policies=facts.get("policies", {}),
        notices=from_records(facts.get("notices", ())),
        truth=facts["truth"],
        steps=tuple((step, reason) for step, reason in facts["steps"]),
        label_errors=facts["label_errors"],
        **given,
    )


def ordered_groups(attribute: str, groups: "pd.Series | Sequence[str]") -> list[str]:
    """Return the distinct groups in order: usual ones first, then by the numbers in names, unknown last.

    Examples
    --------
    >>> ordered_groups("age_group", ["80+", "unknown", "18-25"])
    ['18-25', '80+', 'unknown']
    >>> ordered_groups("ward", ["10", "2", "60+", "under 2"])
    ['2', 'under 2', '10', '60+']
    """
    present = sorted(str(group) for group in pd.Series(groups).unique())
    usual = AGE_GROUPS if attribute == "age_group" else ()
    rank = {name: number for number, name in enumerate(usual)}
    last = {CONFLICTING: 1, UNKNOWN: 2}

    def place(name: str) -> tuple[int, int, list[float], str]:
        numbers = [float(number) for number in _NUMBER.findall(name)]
        return last.get(name, 0), rank.get(name, len(rank)), numbers, name

    return sorted(present, key=place)


_NUMBER = re.compile(r"\d+(?:\.\d+)?")
