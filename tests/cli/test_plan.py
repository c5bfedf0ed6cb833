"""``cxraudit plan`` and ``cxraudit audit --plan``."""

import json

import pandas as pd
import pytest

from command_tree import flags
from cxraudit.analysis_plan import read_plan
from cxraudit.cli import main
from cxraudit.planning.table import PLAN_COLUMNS

ASSUMED = (
    "plan --n-patients 2000 --prevalence Pneumothorax=0.2 --group sex:female=0.45 --images-per-patient 3 "
    "--images-sd 2"
)
QUICK = "--resamples 100 --operating-point none --calibration none"


@pytest.mark.parametrize("suffix", ["csv", "parquet", "json"])
def test_the_table_is_written_and_shown(suffix, tmp_path, run, capsys):
    """The same numbers."""
    path = tmp_path / f"table.{suffix}"

    assert run(ASSUMED, "--out", path) == 0

    read = {"csv": pd.read_csv, "parquet": pd.read_parquet, "json": pd.read_json}[suffix](path)
    assert list(read.columns) == list(PLAN_COLUMNS)
    shown = capsys.readouterr().out
    for row in read.to_dict("records"):
        assert f"{row['detectable_gap']:.3f}" in shown
        assert f"{row['patients_equivalence']:,.0f}" in shown


def test_a_pilot_is_given_like_the_table_of_an_audit(own_table, columns, run, capsys):
    """And needs no number of patients."""
    assert run("plan", own_table, columns, "--sex sex") == 0

    assert "sex: female" in capsys.readouterr().out


def test_a_pilot_takes_every_column_that_an_audit_takes():
    """With the same help; a new one needs no other declaration."""
    audit, plan = flags(("audit",)), flags(("plan",))
    others = {
        "--scores",
        "SCORES",
        "--out",
        "--overwrite",
        "--embeddings",
        "--no-embeddings",
        "--plan",
        "--depart",
    }

    assert {name: text for name, text in audit.items() if name not in others} == {
        name: plan.get(name) for name in audit if name not in others
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("plan", "--n-patients"),
        ("plan --n-patients 100", "nothing to compare"),
        ("plan --n-patients 100 --prevalence Edema=2 --group sex:f=0.5", "prevalence of 'Edema'"),
        (f"{ASSUMED} --sex sex", "--sex is about a pilot table"),
        (f"{ASSUMED} --gap 0.01", "not beyond the margin"),
        (f"{ASSUMED} --finding Edema", "name it with --write"),
        (f"{ASSUMED} --out table.xlsx", "neither .csv, .parquet nor .json"),
    ],
)
def test_mistakes_are_one_sentence(arguments, message, run, capsys):
    """With exit code 2."""
    assert run(arguments) == 2

    assert message in capsys.readouterr().err


def test_a_pilot_and_assumptions_exclude_each_other(own_table, columns, run, capsys):
    """Both would describe the study."""
    assert run("plan", own_table, columns, "--prevalence Edema=0.1") == 2

    assert "either a pilot table or assumptions" in capsys.readouterr().err


def test_a_plan_may_be_written_without_a_table(tmp_path, run):
    """Of findings and attributes that are named."""
    path = tmp_path / "plan.toml"

    assert (
        run("plan --finding Edema --attribute sex --attribute race --margin 0.1 --write", path) == 0
    )

    plan = read_plan(path)
    assert (plan.findings, plan.attributes) == (("Edema",), ("sex", "race"))
    assert plan.settings["margin"] == 0.1


@pytest.fixture
def plan(tmp_path, run):
    """A plan of the audit of the table."""
    path = tmp_path / "plan.toml"
    flags = "--finding Pneumothorax --attribute sex --attribute race --margin 0.07 --seed 3"
    assert run("plan", flags, QUICK, "--write", path) == 0
    return path


def test_an_audit_takes_its_settings_from_the_plan(plan, own_table, columns, run, capsys):
    """Report, terminal and manifest state it."""
    assert run("audit", own_table, columns, "--sex sex --plan", plan) == 0

    stated = f"nalysis planned on {read_plan(plan).date} (hash {read_plan(plan).sha256[:12]}…), no departures"
    folder = own_table.parent / "audit"
    assert stated in capsys.readouterr().out
    assert stated in (folder / "report.html").read_text(encoding="utf-8")
    manifest = json.loads((folder / "results.parquet.manifest.json").read_text())
    assert manifest["facts"]["settings"]["margin"] == 0.07
    assert manifest["facts"]["settings"]["seed"] == 3
    assert manifest["facts"]["attributes"] == ["sex", "race"]
    assert "plan" in manifest["inputs"]


@pytest.mark.parametrize(
    ("flag", "stated"),
    [
        ("--margin 0.05", "margin was planned as 0.07 and is 0.05"),
        ("--seed 0", "seed was planned as 3 and is 0"),
        ("--attribute drain", "attributes was planned as"),
        ("--shortcut drain=Pneumothorax", "shortcuts was planned as the default"),
    ],
)
def test_a_flag_that_contradicts_the_plan_is_refused(
    flag, stated, plan, own_table, columns, run, capsys
):
    """Even where its value is the default; with a reason it is a departure, which the report lists."""
    command = ("audit", own_table, columns, "--sex sex --plan", plan, flag)

    assert run(*command) == 2
    error = capsys.readouterr().err
    assert stated in error
    assert "--depart" in error
    assert len(error.splitlines()) == 1

    assert main([*" ".join(map(str, command)).split(), "--depart", "asked by reviewers"]) == 0
    page = (own_table.parent / "audit" / "report.html").read_text(encoding="utf-8")
    assert "departures:" in page
    assert "asked by reviewers" in page


def test_a_flag_that_repeats_the_plan_is_no_contradiction(plan, own_table, columns, run):
    """It says the same."""
    assert run("audit", own_table, columns, "--sex sex --margin 0.07 --threads 1 --plan", plan) == 0


def test_a_changed_plan_is_refused(plan, own_table, columns, run, capsys):
    """By its hash."""
    plan.write_text(plan.read_text().replace("0.07", "0.2"))

    assert run("audit", own_table, columns, "--sex sex --plan", plan) == 2
    assert "was changed after it was written" in capsys.readouterr().err


def test_a_reason_needs_a_plan(own_table, columns, run, capsys):
    """It departs from nothing."""
    assert run("audit", own_table, columns, "--depart because") == 2
    assert "name it with --plan" in capsys.readouterr().err


def test_attributes_that_the_table_lacks_are_stated(tmp_path, own_table, columns, run, capsys):
    """And the others are audited."""
    path = tmp_path / "other.toml"
    flags = "--finding Pneumothorax --attribute race --attribute hospital"
    assert run("plan", flags, QUICK, "--write", path) == 0

    assert run("audit", own_table, columns, "--plan", path) == 0

    assert "Attributes planned, and not in the data: hospital" in capsys.readouterr().err
