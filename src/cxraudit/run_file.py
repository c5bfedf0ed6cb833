"""The configuration of a whole run: one TOML file, with the names of the options."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cxraudit.audits.cells import AuditSettings
from cxraudit.errors import ConfigError
from cxraudit.files import read_toml

_FILES = (".csv", ".txt", ".toml", ".gz", ".parquet")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DatasetSection(_Section):
    """``[dataset]``: what is audited."""

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
    device: str = "auto"


class StressSection(_Section):
    """``[stress]``: images changed on purpose, scored again."""

    images: int = Field(default=400, ge=1)
    edits: list[str] | None = None


class ScoresSection(_Section):
    """``[scores]``: a table of scores that exists already."""

    file: Path
    model: str = "model"
    image: str | None = None
    prefix: str | None = None
    columns: dict[str, str] = Field(default_factory=dict)


class AuditSection(_Section):
    """``[audit]``: how it is computed."""

    attributes: list[str] | None = None
    shortcuts: dict[str, str] | None = None
    n_resamples: int = Field(default=2000, ge=0)
    confidence_level: float = Field(default=0.95, gt=0.5, lt=1)
    margin: float = Field(default=0.05, gt=0, lt=1)
    interval: str = "percentile"
    resample: str = "patients"
    standardise: str = "both"
    shortcut_labels: str = "all"
    operating_point: str = "fpr=0.1"
    calibration: str = "platt"
    tuning_share: float = Field(default=0.2, gt=0, lt=1)
    references: dict[str, str] = Field(default_factory=dict)
    all_pairs: bool = False
    embeddings: bool = True

    def settings(self, seed: int) -> AuditSettings:
        """Return the settings of the audit; wrong words raise `ConfigError`."""
        return AuditSettings(
            seed=seed,
            **{k: v for k, v in self if k not in ("attributes", "shortcuts", "embeddings")},
        )


class RunConfig(_Section):
    """A whole run."""

    out: Path
    seed: int = Field(default=0, ge=0)
    dataset: DatasetSection
    encode: EncodeSection | None = None
    stress: StressSection | None = None
    scores: ScoresSection | None = None
    audit: AuditSection = AuditSection()

    @model_validator(mode="after")
    def _one_source(self) -> "RunConfig":
        if (self.encode is None) == (self.scores is None):
            raise ValueError("give either [encode] or [scores], and not both")
        if self.stress and self.encode is None:
            raise ValueError("[stress] needs [encode]: images are changed and encoded again")
        return self


def read_config(path: Path) -> RunConfig:
    """Read and check a configuration; relative paths in it start at its folder.

    Raises
    ------
    ConfigError
        With every mistake at once, each with its place.
    """
    data = read_toml(path, what="the configuration")
    try:
        config = RunConfig.model_validate(data)
    except ValidationError as error:
        mistakes = "; ".join(
            f"{'.'.join(map(str, item['loc'])) or 'file'}: {_plain(item['msg'])}"
            for item in error.errors()
        )
        raise ConfigError(f"{path}: {mistakes}. See docs/reference/configuration.md.") from None
    config.audit.settings(config.seed)  # says what is wrong before any work is done
    return _anchored(config, path.parent)


def _plain(message: str) -> str:
    return {"Extra inputs are not permitted": "unknown key"}.get(
        message, message.removeprefix("Value error, ")
    )


def _anchored(config: RunConfig, folder: Path) -> RunConfig:
    """Let relative paths start at the configuration's folder, also those among the options."""

    def found(value: Any) -> Any:
        is_path = isinstance(value, str) and ("/" in value or Path(value).suffix in _FILES)
        return str(folder / value) if is_path else value

    options = {key: found(value) for key, value in config.dataset.options.items()}
    dataset = config.dataset.model_copy(
        update={"root": folder / config.dataset.root, "options": options}
    )
    scores = config.scores and config.scores.model_copy(
        update={"file": folder / config.scores.file}
    )
    encode = config.encode and config.encode.model_copy(
        update={"prompts": found(config.encode.prompts)}
    )
    changed = {"out": folder / config.out, "dataset": dataset, "scores": scores, "encode": encode}
    return config.model_copy(update=changed)
