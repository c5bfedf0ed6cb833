"""The run file: one TOML file for a whole run.

Keys have the names of the Python options: those of ``[audit]`` are the fields of
`cxraudit.settings.AuditSettings`, which this module does not declare again, and the parameters of
`cxraudit.audit`.
"""

from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from annotated_types import MinLen
from pydantic import (
    AfterValidator,
    Field,
    create_model,
    model_validator,
)

from cxraudit import datasets
from cxraudit.analysis_plan import AnalysisPlan
from cxraudit.errors import ConfigError
from cxraudit.files import read_toml
from cxraudit.schema import UNNAMED
from cxraudit.settings import AuditSettings, Count, Seed, Workers
from cxraudit.settings import options as options_of
from cxraudit.validation import Described, File, Name, validated

Section = TypeVar("Section", bound=Described)


def _an_option(value: object) -> object:
    """Refuse what no option of a data set is: dates, tables, and lists of anything but text."""
    is_list = isinstance(value, list) and all(isinstance(one, str) for one in value)
    if not is_list and not isinstance(value, (str, bool, int, float)):
        raise ValueError("must be text, a number, true, false, or a list of texts")
    return value


Plain = Annotated[Any, AfterValidator(_an_option)]


def _with_options(
    settings: type[Any], *, without: tuple[str, ...] = ()
) -> Callable[[type[Section]], type[Section]]:
    """Give a section one key per option of a class of settings: type, range, default and help."""
    keys = {
        one.name: (
            Annotated[(one.type, Field(description=one.help), *one.bounds)],
            one.default,
        )
        for one in options_of(settings)
        if one.name not in without
    }

    def extended(section: type[Section]) -> type[Section]:
        fields: dict[str, Any] = keys
        return create_model(
            section.__name__, __base__=section, __module__=section.__module__, **fields
        )

    return extended


class DatasetSection(Described):
    """``[dataset]``: the images and their labels."""

    name: Name
    """Name of the data set; see `cxraudit datasets`."""
    root: File
    """Folder that the release was unpacked in."""
    options: dict[str, Plain] = Field(default_factory=dict)
    """Options of the data set; see `cxraudit datasets NAME`."""


class EncodeSection(Described):
    """``[encode]``: images → embeddings → scores."""

    models: Annotated[list[Name], MinLen(1)]
    """Names of models; see `cxraudit models`."""
    prompts: Name = "paper"
    """Name of a prompt set, or a TOML file with positive and negative templates."""
    wordings: Name | None = None
    """Words for groups of patients, and neutral ones, that are added to the prompts: default, or a TOML
    file."""
    findings: Annotated[list[Name], MinLen(1)] | None = None
    """Findings to score; default: all of the data set."""
    batch_size: Count | None = None
    """Images per forward pass; default: 256 on a GPU, halved where memory ends, else 32."""
    shard_size: Count = 1024
    """Images per file of embeddings."""
    n_readers: Workers | None = None
    """Threads that read images; default: one per core."""
    device: Name = "auto"
    """Where models are run: auto, cpu, cuda, cuda:1 …"""


class PerturbSection(Described):
    """``[perturb]``: images are perturbed and scored again."""

    perturbations: Annotated[list[Name], MinLen(1)] | None = None
    """Names of perturbations; default: all, or none where regions or masks are given."""
    regions: Annotated[list[Name], MinLen(1)] | None = None
    """Regions to remove, or keep alone, such as without-lungs; all: those that the masks allow."""
    masks: File | None = None
    """Masks of the images: a table of CheXmask, a table of run lengths, or a folder of pictures."""
    images: Count = 400
    """At least so many images, of whole patients."""


_OF_LABELS = {"patient", "age", "sex", "sex_values", "view", "uncertain", "shortcut_sources"}


class ScoresSection(Described):
    """``[scores]``: a table of scores that exists already, which may also hold the labels."""

    file: File
    """The table: CSV, Excel or Parquet."""
    model: Name = UNNAMED
    """Name of the model in the results, where nothing else names it."""
    image: str | None = None
    """Column that identifies the image."""
    model_column: Name | None = None
    """Column that names the model of each row."""
    seed_column: Name | None = None
    """Column that names the training run of each row."""
    score_prefix: str | list[str] | None = None
    """What the names of score columns begin with; MODEL=PREFIX where the table has several models."""
    score: dict[str, str] = Field(default_factory=dict)
    """Finding, or MODEL:FINDING → column of its scores."""
    label: dict[str, str] = Field(default_factory=dict)
    """Finding → column of its labels, in place of [dataset]."""
    patient: Name | None = None
    """Column that identifies the patient; none if patients are unknown."""
    age: Name | None = None
    """Column of ages in years."""
    sex: Name | None = None
    """Column of sexes."""
    sex_values: dict[str, str] = Field(default_factory=dict)
    """Value of the column of sexes → female, male, other or unknown."""
    view: Name | None = None
    """Column of view positions."""
    uncertain: Literal["zeros", "ones", "ignore"] | None = None
    """What uncertain labels (−1) count as; without it they are refused."""
    shortcut_sources: dict[str, str] = Field(default_factory=dict)
    """Shortcut → column that says who labelled it."""

    @model_validator(mode="after")
    def _labels_with_their_columns(self) -> "ScoresSection":
        if self.label and (self.image is None or self.patient is None):
            raise ValueError(
                "with label, also name the columns of the image and the patient: image and patient "
                '("none" if patients are unknown)'
            )
        if not self.label and (of_labels := sorted(self.model_fields_set & _OF_LABELS)):
            raise ValueError(
                f"{', '.join(of_labels)}: about a table that also holds labels; add label = "
                "{ FINDING = COLUMN }"
            )
        return self


@_with_options(AuditSettings, without=("seed",))
class AuditSection(Described):
    """``[audit]``: what is audited, and how it is computed."""

    attributes: str | list[str] | None = None
    """Attributes to audit by: of the data set, or columns of the table; sex*age_group is an intersection."""
    shortcuts: dict[str, str] | None = None
    """Shortcut → finding it may stand in for."""
    embeddings: bool = True
    """Also audit the embeddings."""
    overwrite: bool = False
    """Replace the audit of another table in the folder."""
    plan: File | None = None
    """The plan that cxraudit plan wrote."""
    depart: str | None = None
    """Reason to depart from the plan."""

    @model_validator(mode="after")
    def _allowed(self) -> "AuditSection":
        try:
            self.settings(0)
        except ConfigError as error:
            raise ValueError(str(error).rstrip(".")) from None
        return self

    def settings(self, seed: int) -> AuditSettings:
        """Return the settings of the audit."""
        names = [one.name for one in options_of(AuditSettings) if one.name != "seed"]
        return AuditSettings(seed=seed, **{name: getattr(self, name) for name in names})


class RunFile(Described):
    """A whole run."""

    out: File
    """Folder for everything."""
    seed: Seed = 0
    """Seed of resamples, tuning patients and perturbations."""
    dataset: DatasetSection | None = None
    """The images and their labels."""
    encode: EncodeSection | None = None
    """Images → embeddings → scores."""
    perturb: PerturbSection | None = None
    """Images are perturbed and scored again."""
    scores: ScoresSection | None = None
    """Scores that exist already, in place of [encode]."""
    audit: AuditSection = AuditSection()
    """What is audited, and how it is computed."""

    def audit_settings(self, plan: AnalysisPlan | None = None) -> AuditSettings:
        """Return the settings of the audit: with a plan, its own but for the keys that are written."""
        if plan is None:
            return self.audit.settings(self.seed)
        names = {one.name for one in options_of(AuditSettings)}
        written = names & self.audit.model_fields_set
        seed = {"seed": self.seed} if "seed" in self.model_fields_set else {}
        return plan.audit_settings(**{name: getattr(self.audit, name) for name in written}, **seed)

    @model_validator(mode="after")
    def _one_source(self) -> "RunFile":
        if (self.encode is None) == (self.scores is None):
            raise ValueError("give either [encode] or [scores], and not both")
        has_labels = self.scores is not None and bool(self.scores.label)
        if self.dataset is None and not has_labels:
            raise ValueError(
                "labels come from [dataset], or from a table that has them: label in [scores]"
            )
        if self.dataset is not None and has_labels:
            raise ValueError(
                "give either [dataset] or label in [scores]: labels come from one place"
            )
        if self.perturb and self.encode is None:
            raise ValueError("[perturb] needs [encode]: images are perturbed and encoded again")
        return self


SCHEMA_FILE = "audit.schema.json"
"""Name of the file for `schema` that drafts of run files give."""


def schema() -> dict[str, Any]:
    """Return the JSON schema of run files: the same declaration that they are checked against."""
    return {**RunFile.model_json_schema(), "title": "Run file of cxraudit"}


def read_run_file(path: str | PathLike[str]) -> RunFile:
    """Read and check a run file; relative paths in it start at its folder.

    Raises
    ------
    ConfigError
        If the file is missing or invalid: every mistake at once, each with its key.
    UnknownNameError
        If there is no such data set.
    """
    file = Path(path)
    data = read_toml(file, what="the run file")
    run = validated(RunFile, data, file, see="cxraudit run --schema")
    return _anchored(run, file.parent)


def _anchored(run: RunFile, folder: Path) -> RunFile:
    """Let relative paths start at the folder of the run file.

    A value is a path if its option is declared as one, whatever the value looks like.
    """
    dataset = run.dataset and run.dataset.model_copy(
        update={
            "root": folder / run.dataset.root,
            "options": datasets.anchored(run.dataset.name, run.dataset.options, folder),
        }
    )
    scores = run.scores and run.scores.model_copy(update={"file": folder / run.scores.file})
    encode = run.encode and run.encode.model_copy(
        update={
            "prompts": _prompts(run.encode.prompts, folder),
            "wordings": run.encode.wordings and _prompts(run.encode.wordings, folder),
        }
    )
    audit: Any = run.audit
    thresholds = audit.thresholds
    if isinstance(thresholds, str):
        audit = audit.model_copy(update={"thresholds": str(folder / thresholds)})
    if audit.plan is not None:
        audit = audit.model_copy(update={"plan": folder / audit.plan})
    perturb = run.perturb
    if perturb and perturb.masks is not None:
        perturb = perturb.model_copy(update={"masks": folder / perturb.masks})
    update = {
        "out": folder / run.out,
        "dataset": dataset,
        "scores": scores,
        "encode": encode,
        "perturb": perturb,
    }
    return run.model_copy(update={**update, "audit": audit})


def _prompts(name: str, folder: Path) -> str:
    """Return the name of a prompt set, or of wordings, as it is; a file of them ends in .toml."""
    return str(folder / name) if name.endswith(".toml") else name
