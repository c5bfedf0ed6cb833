"""Flags are made from settings: a field is all there is to declare."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

import pydantic  # noqa: F401 - where it is loaded, cyclopts validates with it, too
import pytest
from annotated_types import Ge, Gt, Lt
from cyclopts import App, CycloptsError, Group

from cxraudit.cli._options import number_pairs, pairs, with_flags
from cxraudit.errors import ConfigError
from cxraudit.settings import AuditSettings, Flag, check


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings with a field of every kind."""

    n_resamples: Annotated[int, Ge(0), Flag("resamples")] = 10
    """Number of resamples."""
    share: Annotated[float, Gt(0), Lt(1)] = 0.5
    """Share of patients."""
    kind: Literal["one", "as is"] = "one"
    """Which kind."""
    strict: bool = False
    """Be strict."""
    careful: bool = True
    """Be careful."""
    rate: float | None = None
    """Rate."""
    references: Annotated[Mapping[str, str], Flag("reference")] = field(
        default_factory=lambda: {"age_group": "80+"}
    )
    """ATTRIBUTE=GROUP."""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True)
class SettingsWithAField(Settings):
    """The same with one field more."""

    novelty: int = 3
    """What is new."""


def parsed(cls, *arguments):
    """Return the settings a command is called with."""
    app, found = App(), []

    @app.default
    @with_flags
    def command(scores: str, *, settings: cls, out: str = "here") -> None:
        """Do it."""
        found.append(settings)

    app(["table", *arguments], exit_on_error=False, print_error=False, result_action="return_value")
    return found[0]


def help_of(cls, capsys) -> str:
    """Return the help of a command that takes some settings, on one line."""
    app = App()

    @app.default
    @with_flags
    def command(*, settings: Annotated[cls, Group("Computation")]) -> None:
        """Do it."""

    app(["--help"], result_action="return_value")
    return " ".join(capsys.readouterr().out.replace("│", " ").split())


@pytest.mark.parametrize("cls", [Settings, SettingsWithAField, AuditSettings])
def test_without_flags_the_defaults_are_those_of_the_class(cls):
    """No default is declared twice."""
    assert parsed(cls) == cls()


def test_a_new_field_is_a_new_flag(capsys):
    """With its help and default, and no other edit."""
    assert parsed(SettingsWithAField, "--novelty", "7").novelty == 7
    assert "--novelty INT What is new. [default: 3]" in help_of(SettingsWithAField, capsys)
    with pytest.raises(CycloptsError):
        parsed(Settings, "--novelty", "7")


@pytest.mark.parametrize("flag", ["--resamples", "--n-resamples"])
def test_a_field_is_given_by_its_flag_and_by_its_name(flag):
    """Short on the command line, the same as in Python and in a run file."""
    assert parsed(AuditSettings, flag, "50").n_resamples == 50


def test_every_kind_of_field_is_read():
    """Numbers, choices, switches, optional values."""
    found = parsed(
        Settings, "--share=0.25", "--strict", "--no-careful", "--rate=2", "--kind", "as is"
    )

    assert (found.share, found.kind, found.strict, found.careful, found.rate) == (
        0.25,
        "as is",
        True,
        False,
        2.0,
    )


def test_a_mapping_is_a_repeatable_name_value():
    """What is given replaces the default; nothing given leaves it."""
    given = parsed(Settings, "--reference", "sex=male", "--references", "race=white")

    assert given.references == {"sex": "male", "race": "white"}
    assert parsed(Settings).references == {"age_group": "80+"}


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (["--share", "1"], r"--share\. Must be < 1"),
        (["--share", "nan"], "--share"),
        (["--resamples", "-1"], r"--resamples\. Must be >= 0"),
        (["--resamples", "few"], "--resamples"),
        (["--kind", "two"], 'Choose from: "one", "as is"'),
    ],
)
def test_values_outside_the_declaration_are_refused_by_the_name_of_the_flag(arguments, match):
    """Ranges and choices are those of the field."""
    with pytest.raises(CycloptsError, match=match):
        parsed(Settings, *arguments)


def test_what_only_the_class_can_check_is_refused_too():
    """A rule that does not exist."""
    with pytest.raises(ConfigError, match="operating_point"):
        parsed(AuditSettings, "--operating-point", "best")


def test_rules_of_findings_are_one_text():
    """On the command line; Python and run files may give a mapping."""
    given = parsed(AuditSettings, "--operating-point", "Edema:tpr=0.9,youden")

    assert given.operating_point == "Edema:tpr=0.9,youden"
    assert parsed(AuditSettings).operating_point == "fpr=0.1"


def test_the_panel_of_the_help_is_the_group_of_the_parameter(capsys):
    """All fields of some settings stand together."""
    assert "Computation" in help_of(Settings, capsys)


def test_a_mapping_that_may_be_a_table_takes_pairs_or_one_file():
    """Pairs are repeatable; a name twice, and a file beside a pair, are refused."""
    pairs_given = parsed(AuditSettings, "--threshold", "Edema=0.3", "--threshold", "m:Edema=-1e-3")

    assert pairs_given.thresholds == {"Edema": 0.3, "m:Edema": -0.001}
    assert parsed(AuditSettings, "--threshold", "t.csv").thresholds == "t.csv"
    for wrong, message in (
        (["Edema=0.3", "Edema=0.4"], "names 'Edema' twice"),
        (["Edema=0.3", "t.csv"], "or one file; got Edema=0.3 and t.csv"),
        (["Edema="], "takes NAME=VALUE"),
    ):
        flags = [part for item in wrong for part in ("--threshold", item)]
        with pytest.raises(ConfigError, match=message):
            parsed(AuditSettings, *flags)


def test_pairs_are_read_and_mistakes_are_named():
    """NAME=VALUE; a value may hold an equals sign."""
    assert pairs(["a=1", "b=x=y"], "--option") == {"a": "1", "b": "x=y"}
    assert pairs(None, "--option") == {}
    assert number_pairs(["a=0.5"], "--contrast") == {"a": 0.5}
    for wrong in ("a", "=1", "a="):
        with pytest.raises(ConfigError, match="--option takes NAME=VALUE"):
            pairs([wrong], "--option")
    with pytest.raises(ConfigError, match="names 'a' twice"):
        pairs(["a=1", "a=2"], "--option")
    with pytest.raises(ConfigError, match="--contrast takes NAME=NUMBER"):
        number_pairs(["a=much"], "--contrast")
