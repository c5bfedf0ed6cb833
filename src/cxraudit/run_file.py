"""The run file: one TOML file for a whole run.

Keys have the names of the Python options: those of ``[audit]`` are the fields of
`cxraudit.settings.AuditSettings`, which this module does not declare again, and the parameters of
`cxraudit.audit`.
"""

from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Annotated, Any, TypeVar

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
    root: File
    options: dict[str, Plain] = Field(default_factory=dict)


class EncodeSection(Described):
    """``[encode]``: images → embeddings → scores."""

    models: Annotated[list[Name], MinLen(1)]
    prompts: Name = "paper"
    findings: Annotated[list[Name], MinLen(1)] | None = None
    batch_size: Count = 32
    shard_size: Count = 1024
    n_readers: Workers = 2
    device: Name = "auto"


class PerturbSection(Described):
    """``[perturb]``: images are perturbed and scored again."""

    perturbations: Annotated[list[Name], MinLen(1)] | None = None
    images: Count = 400


class ScoresSection(Described):
    """``[scores]``: a table of scores that exists already."""

    file: File
    model: Name = "model"
    image: str | None = None
    model_column: Name | None = None
    seed_column: Name | None = None
    score_prefix: str | list[str] | None = None
    score: dict[str, str] = Field(default_factory=dict)


@_with_options(AuditSettings, without=("seed",))
class AuditSection(Described):
    """``[audit]``: what is audited, and how it is computed."""

    attributes: str | list[str] | None = None
    shortcuts: dict[str, str] | None = None
    embeddings: bool = True
    overwrite: bool = False
    plan: File | None = None
    depart: str | None = None

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
    seed: Seed = 0
    dataset: DatasetSection
    encode: EncodeSection | None = None
    perturb: PerturbSection | None = None
    scores: ScoresSection | None = None
    audit: AuditSection = AuditSection()

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
        if self.perturb and self.encode is None:
            raise ValueError("[perturb] needs [encode]: images are perturbed and encoded again")
        return self


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
    run = validated(RunFile, data, file, see="docs/reference/configuration.md")
    return _anchored(run, file.parent)


def _anchored(run: RunFile, folder: Path) -> RunFile:
    """Let relative paths start at the folder of the run file.

    A value is a path if its option is declared as one, whatever the value looks like.
    """
    dataset = run.dataset.model_copy(
        update={
            "root": folder / run.dataset.root,
            "options": datasets.anchored(run.dataset.name, run.dataset.options, folder),
        }
    )
    scores = run.scores and run.scores.model_copy(update={"file": folder / run.scores.file})
    encode = run.encode and run.encode.model_copy(
        update={"prompts": _prompts(run.encode.prompts, folder)}
    )
    audit: Any = run.audit
    thresholds = audit.thresholds
    if isinstance(thresholds, str):
        audit = audit.model_copy(update={"thresholds": str(folder / thresholds)})
    if audit.plan is not None:
        audit = audit.model_copy(update={"plan": folder / audit.plan})
    update = {"out": folder / run.out, "dataset": dataset, "scores": scores, "encode": encode}
    return run.model_copy(update={**update, "audit": audit})


def _prompts(name: str, folder: Path) -> str:
    """Return the name of a prompt set as it is; a file of prompts ends in .toml."""
    return str(folder / name) if name.endswith(".toml") else name
