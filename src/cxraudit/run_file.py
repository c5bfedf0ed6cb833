"""The run file: one TOML file for a whole run.

Keys have the names of the Python options: those of ``[audit]`` are the fields of
`cxraudit.settings.AuditSettings`, which this module does not declare again, and the parameters of
`cxraudit.audit`.
"""

from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model, model_validator

from cxraudit import datasets
from cxraudit.errors import ConfigError
from cxraudit.files import read_toml
from cxraudit.settings import AuditSettings
from cxraudit.settings import options as options_of

Section = TypeVar("Section", bound="_Section")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _with_options(
    settings: type[Any], *, without: tuple[str, ...] = ()
) -> Callable[[type[Section]], type[Section]]:
    """Give a section one key per option of a class of settings: type, range, default and help."""
    keys = {
        one.name: (
            Annotated[
                (
                    one.type,
                    # A whole number is no text and no truth value, as in Python.
                    Field(description=one.help, strict=get_origin(one.type) is None or None),
                    *one.bounds,
                )
            ],
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


class DatasetSection(_Section):
    """``[dataset]``: the images and their labels."""

    name: str
    root: Path
    options: dict[str, Any] = Field(default_factory=dict)


class EncodeSection(_Section):
    """``[encode]``: images → embeddings → scores."""

    models: list[str] = Field(min_length=1)
    prompts: str = "paper"
    findings: list[str] | None = None
    batch_size: int = Field(default=32, ge=1)
    shard_size: int = Field(default=1024, ge=1)
    n_readers: int = Field(default=2, ge=1)
    device: str = "auto"


class PerturbSection(_Section):
    """``[perturb]``: images are perturbed and scored again."""

    perturbations: list[str] | None = None
    images: int = Field(default=400, ge=1)


class ScoresSection(_Section):
    """``[scores]``: a table of scores that exists already."""

    file: Path
    model: str = "model"
    image: str | None = None
    score_prefix: str | None = None
    score: dict[str, str] = Field(default_factory=dict)


@_with_options(AuditSettings, without=("seed",))
class AuditSection(_Section):
    """``[audit]``: what is audited, and how it is computed."""

    attributes: str | list[str] | None = None
    shortcuts: dict[str, str] | None = None
    embeddings: bool = True

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


class RunFile(_Section):
    """A whole run."""

    out: Path
    seed: int = Field(default=0, ge=0, lt=2**63)
    dataset: DatasetSection
    encode: EncodeSection | None = None
    perturb: PerturbSection | None = None
    scores: ScoresSection | None = None
    audit: AuditSection = AuditSection()

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
    try:
        run = RunFile.model_validate(data)
    except ValidationError as error:
        mistakes = "; ".join(
            f"{'.'.join(map(str, item['loc'])) or 'file'}: {_message(item['msg'])}"
            for item in error.errors()
        )
        raise ConfigError(f"{file}: {mistakes}. See docs/reference/configuration.md.") from None
    return _anchored(run, file.parent)


def _message(text: str) -> str:
    return {"Extra inputs are not permitted": "unknown key"}.get(
        text, text.removeprefix("Value error, ")
    )


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
    update = {"out": folder / run.out, "dataset": dataset, "scores": scores, "encode": encode}
    return run.model_copy(update=update)


def _prompts(name: str, folder: Path) -> str:
    """Return the name of a prompt set as it is; a file of prompts ends in .toml."""
    return str(folder / name) if name.endswith(".toml") else name
