"""A table of the user: a data frame, or a file with a TOML file that names its columns."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import pandas as pd
from annotated_types import MinLen
from pydantic import Field

from cxraudit.datasets import values
from cxraudit.datasets.base import AGE_EDGES, UNCERTAIN, Dataset, resolve_per_patient
from cxraudit.datasets.detector_labels import source_column
from cxraudit.datasets.reading import plain_frame, read_table
from cxraudit.datasets.release import ReleaseFile
from cxraudit.errors import ConfigError, DataError
from cxraudit.files import read_toml
from cxraudit.notices import Notice
from cxraudit.schema import IMAGE_COLUMNS, UNKNOWN, require_columns, require_rows
from cxraudit.settings import bin_edges
from cxraudit.validation import Described, File, Name, validated

SUMMARY = "any table of images (CSV, Excel, Parquet); a TOML file names its columns"
FILES = (ReleaseFile("dataset.toml", "write it; its keys are listed below"),)

NO_PATIENTS = "none"
"""In place of a column of patients: they are unknown, and images are taken as independent."""

INDEPENDENT_IMAGES = (
    "Patients are unknown, so images were taken as independent: if patients have several images, every "
    "interval is too narrow."
)

Columns = str | Sequence[str] | Mapping[str, str]
"""One column, several, or name → column where a column is named differently."""

Bins = Mapping[str, str | Sequence[float]]
"""Attribute → edges of its bins: ``"20,40,60"`` or numbers."""

_TAKEN = (*(name for name in IMAGE_COLUMNS if name != "view_position"), "age", "report")
"""Columns of the images that no attribute can have the name of."""


_OWN = {*IMAGE_COLUMNS, "age", "age_is_at_least", "report"}
"""Columns of the images that no finding or shortcut can have the name of."""


class Description(Described):
    """``dataset.toml``."""

    name: Name | None = None
    file: File
    image: Name
    patient: Name
    findings: Name | Annotated[list[Name], MinLen(1)] | Annotated[dict[Name, Name], MinLen(1)]
    study: Name | None = None
    path: Name | None = None
    view: Name | None = None
    age: Name | None = None
    sex: Name | None = None
    attributes: Name | list[Name] | dict[Name, Name] = Field(default_factory=list)
    shortcuts: Name | list[Name] | dict[Name, Name] = Field(default_factory=list)
    shortcut_sources: dict[Name, Name] = Field(default_factory=dict)
    sex_values: dict[str, str] = Field(default_factory=dict)
    uncertain: Literal["zeros", "ones", "ignore"] | None = None
    bins: dict[Name, str | list[float]] = Field(default_factory=dict)
    sampling_weight: Name | None = None
    severity: Name | None = None


def load(root: Path) -> Dataset:
    """Read the table that ``dataset.toml`` in the folder `root` (or the TOML file `root`) describes.

    Its keys: ``file`` (the table), ``image``, ``patient`` (columns; ``"none"`` if patients are unknown) and
    ``findings`` (columns, or finding → column) are needed. There may be ``name``, ``study``, ``path`` (of
    image files), ``view``, ``age``, ``sex``, ``sex_values``, ``attributes``, ``shortcuts``,
    ``shortcut_sources``, ``uncertain``, ``bins``, ``sampling_weight`` and ``severity``.

    Raises
    ------
    ConfigError
        If the TOML file is missing, invalid, or has unknown keys.
    DataError
        If the table is missing, lacks a column, or has values that are not understood.
    """
    file = root if root.suffix == ".toml" else root / "dataset.toml"
    data = read_toml(file, what="the description of the table")
    described = validated(Description, data, file, see="cxraudit datasets table")
    source = file.parent / described.file
    table = read_table(source)
    return from_frame(
        table.frame,
        name=described.name or source.name.split(".")[0],
        root=file.parent,
        notices=table.notices,
        **described.model_dump(exclude={"name", "file"}),
    )


def from_frame(
    frame: object,
    *,
    name: str,
    root: str | os.PathLike[str],
    image: str,
    patient: str,
    findings: Columns,
    study: str | None = None,
    path: str | None = None,
    view: str | None = None,
    age: str | None = None,
    sex: str | None = None,
    attributes: Columns = (),
    shortcuts: Columns = (),
    shortcut_sources: Mapping[str, str] | None = None,
    sex_values: Mapping[str, str] | None = None,
    uncertain: str | None = None,
    bins: Bins | None = None,
    sampling_weight: str | None = None,
    severity: str | None = None,
    notices: Sequence[Notice] = (),
) -> Dataset:
    """Return a data set from a data frame with any column names.

    Parameters
    ----------
    frame : pandas.DataFrame, or a data frame of polars or another library that exports Arrow
        One row per image.
    name : str
        Name of the data set.
    root : str or os.PathLike
        Folder that paths of images are relative to.
    image, patient : str
        Columns that identify the image and its patient. ``patient="none"``: patients are unknown and
        images are taken as independent, which the report says.
    findings : str, sequence of str or mapping
        Columns of the findings, or finding → column; see `cxraudit.datasets.values.labels`.
    study, path, view, age, sex : str, optional
        Columns; see `cxraudit.datasets.values.ages` and `sexes`.
    attributes : str, sequence of str or mapping
        Further columns to group by, or attribute → column; see `cxraudit.datasets.values.groups`. Those of
        `age`, `sex` and `view`, by their columns or as ``age_group``, ``sex`` and ``view_position``, are
        there already.
    shortcuts : str, sequence of str or mapping
        Columns of yes/no or 1/0 for a device or property that a model may rely on, or
        shortcut → column.
    shortcut_sources : mapping of str to str, optional
        Shortcut → column that says who labelled it (``annotated`` or ``predicted``). Default: the
        column ``<shortcut>_source``, where there is one.
    sex_values : mapping of str to str, optional
        Value of the column of sexes → female, male, other or unknown.
    uncertain : {"zeros", "ones", "ignore"}, optional
        What uncertain labels (−1) count as; without it they are refused.
    bins : mapping, optional
        Attribute → edges of its bins; ``age`` gives own age groups.
    sampling_weight : str, optional
        Column of weights that images were sampled with, kept under its name; an audit uses it if its
        settings name it.
    severity : str, optional
        Column with a number for how severe the findings of an image are, empty where it is not known; kept
        under its name, and used by an audit of embeddings whose settings name it.
    notices : sequence of Notice
        What has to be stated of how the table was read.

    Returns
    -------
    Dataset
        Findings are float64: 1, 0, and NaN for *not labelled*.

    Raises
    ------
    DataError
        If a column is missing, has values that are not understood, or is named twice.
    ConfigError
        If bins or sex values are wrong.
    TypeError
        If `frame` is no data frame.
    """
    raw = plain_frame(frame, f"the table of '{name}'")
    table = _Table(f"the table of '{name}'", raw, list(notices))
    edges = {one: bin_edges(one, given) for one, given in (bins or {}).items()}
    table.identify(image, patient, study)
    if path:
        texts = values.texts(table.column(path), _about(path)).fillna("")
        table.images["path"] = [str(Path(root) / text) if text else "" for text in texts]
    if view:
        table.add("view_position", values.views(table.column(view), _about(view)))
    names: list[str] = []
    roles = {"age_group": age, "sex": sex, "view_position": view}
    if age:
        names.append(table.add_age(age, edges.pop("age", None)))
    if sex:
        names.append(table.add_sex(sex, sex_values))
    for attribute, column in _by_name(attributes).items():
        if attribute in edges or not (same := table.standard(attribute, column, roles)):
            names.append(table.add_attribute(attribute, column, edges.pop(attribute, None)))
        elif same not in (*names, "view_position"):
            names.append(same)
    if edges:
        raise ConfigError(
            f"bins are given for {', '.join(sorted(edges))}, which is no attribute here. Name its column "
            "with --age or --attribute."
        )
    devices, labelled = _by_name(shortcuts), _by_name(findings)
    if other := set(shortcut_sources or {}) - set(devices):
        raise ConfigError(
            f"a source of labels is given for {', '.join(sorted(other))}, which is no shortcut here. Name "
            "its column with --shortcut."
        )
    if taken := sorted({*devices, *labelled} & _OWN):
        raise DataError(
            f"no finding or shortcut can be called '{taken[0]}', which is a column of cxraudit. Give it "
            "another name: NAME=COLUMN."
        )
    _refuse_repeats([*labelled, *devices, *names, *(["view_position"] if view else [])])
    for shortcut, column in devices.items():
        table.add_shortcut(shortcut, column, (shortcut_sources or {}).get(shortcut))
    for finding, column in labelled.items():
        table.add(finding, values.labels(table.column(column), _about(column), uncertain=uncertain))
    if sampling_weight:
        table.add_numbers("sampling weights", sampling_weight)
    if severity:
        table.add_numbers("severity", severity)
    return Dataset(
        name=name,
        version="",
        license="",
        root=Path(root),
        images=table.images,
        findings=tuple(labelled),
        attributes=tuple(dict.fromkeys([*names, *(["view_position"] if view else [])])),
        shortcuts=tuple(devices),
        patients_known=table.patients_known,
        policies={UNCERTAIN: uncertain} if uncertain else {},
        notices=tuple(table.notices),
    )


def _about(column: str) -> str:
    return f"column '{column}'"


def _by_name(columns: Columns) -> dict[str, str]:
    """Return name → column, from one column, several, or such a mapping."""
    if isinstance(columns, str):
        columns = [columns]
    if isinstance(columns, Mapping):
        return dict(columns)
    return {column: column for column in columns}


def _refuse_repeats(names: Sequence[str]) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise DataError(
            f"'{repeated[0]}' is named twice, among findings, attributes (also as age, sex or view) and "
            "shortcuts. Give one of them another name: --label NAME=COLUMN."
        )


@dataclass(slots=True)
class _Table:
    """The table as it is, and the images that are read from it column by column."""

    name: str
    raw: pd.DataFrame
    notices: list[Notice]
    images: pd.DataFrame = field(default_factory=pd.DataFrame)
    patients_known: bool = True

    def column(self, name: str) -> pd.Series:
        """Return a column as it is in the table."""
        require_columns(self.name, self.raw, [name])
        return self.raw[name]

    def add(self, name: str, read: values.Values) -> None:
        """Add a column that was read."""
        self.images[name] = read.series
        self.notices += read.notices

    def identify(self, image: str, patient: str, study: str | None) -> None:
        """Add identifiers, and what images have in any case."""
        require_rows(self.name, self.raw)
        self.add("image_id", values.ids(self.column(image), _about(image)))
        if patient == NO_PATIENTS and patient not in self.raw:
            self.patients_known = False
            self.images["patient_id"] = self.images["image_id"]
            self.notices.append(
                Notice(about="patients", count=len(self.raw), sentence=INDEPENDENT_IMAGES)
            )
        else:
            self.add("patient_id", values.ids(self.column(patient), _about(patient)))
        if study:
            self.add("study_id", values.ids(self.column(study), _about(study)))
        else:
            self.images["study_id"] = self.images["image_id"]
        self.images["path"], self.images["view_position"] = "", UNKNOWN

    def add_age(self, column: str, edges: Sequence[float] | None) -> str:
        """Add ages and age groups; return the name of the attribute."""
        read = values.ages(self.column(column), _about(column))
        self.notices += read.notices
        self.images["age"] = read.series
        if read.at_least.any():
            self.images["age_is_at_least"] = read.at_least
        edges = AGE_EDGES[1:-1] if edges is None else edges
        self.images["age_group"] = values.binned(read.series, edges, read.at_least)
        unplaced = int((read.at_least & (self.images["age_group"] == UNKNOWN)).sum())
        if unplaced:
            stated = f"{unplaced:,} of the ages given as a lower bound lie below the last age group: unknown."
            self.notices.append(Notice(about=_about(column), count=unplaced, sentence=stated))
        return "age_group"

    def add_sex(self, column: str, mapping: Mapping[str, str] | None) -> str:
        """Add sexes, one per patient; return the name of the attribute."""
        read = values.sexes(self.column(column), _about(column), mapping=mapping)
        resolved = resolve_per_patient(self.images["patient_id"], read.series)
        self.add("sex", values.Values(resolved, read.notices))
        return "sex"

    def standard(self, name: str, column: str, roles: Mapping[str, str | None]) -> str | None:
        """Return the attribute that a column has made already, which it is not audited by a second time.

        Parameters
        ----------
        name, column : str
            Of an attribute. The name alone also means the attribute made of another column, unless the
            table has a column of this name.
        roles : mapping of str to str
            Name of an attribute of ours → the column that it was made of; None where there is none.
        """
        for ours, made_of in roles.items():
            if made_of and (column == made_of or (name == column == ours and name not in self.raw)):
                if name not in (ours, column):
                    stated = (
                        f"The attribute '{name}' is shown as '{ours}', which is made of its column."
                    )
                    self.notices.append(Notice(about=_about(column), count=1, sentence=stated))
                return ours
        return None

    def add_attribute(self, name: str, column: str, edges: Sequence[float] | None) -> str:
        """Add the groups of an attribute; return its name, which may not be one of the images' own."""
        about = _about(column)
        shown = name.replace("*", "×")
        if shown in _TAKEN or (shown in ("sex", "age_group") and shown in self.images):
            shown = f"{shown} (attribute)"
        if shown != name:
            stated = f"The attribute '{name}' is shown as '{shown}'."
            self.notices.append(Notice(about=about, count=1, sentence=stated))
        if shown in self.images and shown != "view_position":
            _refuse_repeats([shown, shown])
        if edges is None:
            self.add(shown, values.groups(self.column(column), about, name))
        else:
            read = values.numbers(self.column(column), about)
            self.add(shown, values.Values(values.binned(read.series, edges), read.notices))
        return shown

    def add_numbers(self, what: str, column: str) -> None:
        """Add numbers under the name of their column."""
        read = values.numbers(self.column(column), _about(column))
        if column in self.images:
            raise DataError(
                f"the column of {what} '{column}' has the name of a column of cxraudit or of "
                "another role. Rename it in your table."
            )
        self.add(column, read)

    def add_shortcut(self, name: str, column: str, source: str | None) -> None:
        """Add the labels of a shortcut, and who gave them where the table says so."""
        self.add(name, values.yes_no(self.column(column), _about(column)))
        source = source or next(
            (own for own in (source_column(name), source_column(column)) if own in self.raw), None
        )
        if source:
            read = values.label_sources(self.column(source), _about(source))
            known = self.images[name] != UNKNOWN
            self.add(source_column(name), read._replace(series=read.series.where(known, UNKNOWN)))
