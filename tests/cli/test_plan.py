"""``cxraudit plan`` and ``cxraudit audit --plan``."""

import importlib
import inspect
import json

import pandas as pd
import pytest

from command_tree import flags
from cxraudit.analysis_plan import read_plan
from cxraudit.cli import main
from cxraudit.planning.table import PLAN_COLUMNS
from cxraudit.steps import _read_inputs

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
        *("--scores", "SCORES", "--out", "--overwrite", "--plan", "--depart"),
        *("--embeddings", "--embedding-ids", "--prompt-embeddings", "--head-share"),
        *("--no-embeddings", "--pairs", "--pair-column"),
        *("--reference-labels", "--reference-label", "--reference-weight"),
    }

    assert {name: text for name, text in audit.items() if name not in others} == {
        name: plan.get(name) for name in audit if name not in others
    }
    assert set(plan) & others == {"--out"}


def test_a_pilot_is_read_by_every_column_that_is_listed():
    """None of the flags of an audit that the plan takes is unknown where the pilot is read."""
    command = importlib.import_module("cxraudit.cli.plan")
    of_audit = importlib.import_module("cxraudit.cli.audit").audit
    own = {"out", "settings", "json", "quiet", "verbose", "log"}
    both = set(inspect.signature(of_audit).parameters) & set(
        inspect.signature(command.plan).parameters
    )
    given = {name: ["a=b"] if name in command._PAIRS else "x" for name in both - own}

    assert set(command._parameters(given)) <= set(inspect.signature(_read_inputs).parameters)


@pytest.mark.parametrize("flag", ["--reference-label Edema=reader", "--pairs x", "--no-embeddings"])
def test_a_flag_that_is_not_listed_is_refused(flag, own_table, columns, run, capsys):
    """In one sentence, not from within."""
    assert run("plan", own_table, columns, flag) == 2

    assert "Unknown option" in capsys.readouterr().err


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
        (f"{ASSUMED} --attribute race", "--attribute is about a pilot table or a plan"),
        (f"{ASSUMED} --shortcut drain=Edema", "--shortcut is about a pilot table or a plan"),
        (f"{ASSUMED} --comparisons 2.5", "must be a whole number"),
        (f"{ASSUMED} --error-share 1.1", "--error-share. Must be <= 1"),
        (f"{ASSUMED} --error-share 0", "--error-share. Must be > 0"),
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


REGISTERED = "plan --finding Edema --attribute sex"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (f"{REGISTERED} --n-patients 500", "--n-patients: nothing is computed"),
        (f"{REGISTERED} --gap 0.2 --out t.csv", "--gap and --out: nothing is computed"),
        (f"{REGISTERED} --group sex:female=0.5 --n-patients 9", "nothing to compare"),
        (f"{REGISTERED} --auroc 0.85", "--n-patients"),
        (f"{REGISTERED} --label Edema=e", "--label is about a pilot table"),
        (f"{REGISTERED} --patient pid", "--patient pid names a column of a pilot table"),
        (f"{REGISTERED} --threshold Zebra=0.2", "a threshold is given for Zebra"),
        (f"{ASSUMED} --finding Edema", "the assumptions are about Pneumothorax"),
        (f"{ASSUMED} --attribute race", "the assumptions are about sex"),
        (f"{ASSUMED} --audited-model a --audited-model b", "--n-models is 1"),
        (f"{ASSUMED} --patient none", "--images-per-patient is 3"),
        (f"{ASSUMED} --out a.txt", "neither .csv"),
        (f"{ASSUMED} --out plan.toml/t.csv --margin 2", "--margin"),
    ],
)
def test_a_plan_that_cannot_be_followed_is_not_written(arguments, message, tmp_path, run, capsys):
    """What cannot be used is refused, and no file is left behind."""
    assert run(arguments, "--write", tmp_path / "plan.toml") == 2

    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_table_and_plan_are_different_files(tmp_path, run, capsys):
    """Neither replaces the other, and a folder that is a file is refused before anything is written."""
    path = tmp_path / "plan.csv"

    assert run(ASSUMED, "--write", path, "--out", path) == 2
    assert "both name" in capsys.readouterr().err

    (tmp_path / "file").touch()
    assert run(ASSUMED, "--write", path, "--out", tmp_path / "file" / "t.csv") == 2
    assert not path.exists()

    assert run(ASSUMED, "--write", path) == 0
    assert run(ASSUMED, "--write", path, "--out", tmp_path / "t.csv") == 2
    assert not (tmp_path / "t.csv").exists()


def test_the_reason_for_missing_rates_is_printed(run, capsys):
    """There is no row that could hold it."""
    assert run(ASSUMED, "--operating-point none") == 0

    assert "No rates: there is no threshold (operating point none)." in capsys.readouterr().out


def test_the_plan_of_a_pilot_holds_what_the_pilot_has(tmp_path, own_table, columns, run, capsys):
    """Findings, attributes and how it was read; other names are refused."""
    path = tmp_path / "new" / "plan.toml"
    pilot = ("plan", own_table, columns, "--sex sex --uncertain ones --write", path)

    for other in ("--finding Zebra", "--audited-model nope", "--reference sex=klingon"):
        assert run(*pilot, other) == 2
        assert other.split("=")[-1].split()[-1] in capsys.readouterr().err
    assert run(*pilot, "--audited-model model --finding ptx") == 0

    plan = read_plan(path)
    assert (plan.findings, plan.attributes, plan.models) == (("ptx",), ("sex",), ("model",))
    assert plan.reading == {"patients": "known", "uncertain": "ones"}


def test_training_runs_of_a_pilot_are_refused(own_table, columns, run, capsys):
    """Whichever flag names them, and whatever the names."""
    frame = pd.read_csv(own_table)
    runs = pd.concat([frame.assign(run=1), frame.assign(run=2)])
    runs.to_csv(own_table, index=False)
    assert run("plan", own_table, columns, "--sex sex --seed-column run") == 2
    assert "one training run of each model" in capsys.readouterr().err

    frame.to_csv(own_table, index=False)
    assert run("plan", own_table, columns, "--sex sex --replicate-of nope=model") == 2
    assert "one training run of each model" in capsys.readouterr().err


def test_how_a_table_is_read_is_part_of_the_plan(tmp_path, own_table, columns, run, capsys):
    """Another policy of uncertain labels, or unknown patients, is a departure."""
    path = tmp_path / "other.toml"
    assert run("plan --finding Pneumothorax --attribute sex", QUICK, "--write", path) == 0
    assert "Not planned: how uncertain labels count (--uncertain)." in capsys.readouterr().out
    path.unlink()
    flags = "--finding Pneumothorax --attribute sex --uncertain zeros"
    assert run("plan", flags, QUICK, "--write", path) == 0

    audit = ("audit", own_table, "--sex sex --plan", path)
    unknown = columns.replace("--patient pid", "--patient none")
    for given, stated in (
        ((columns, "--uncertain ones"), "uncertain was planned"),
        ((columns,), "uncertain was planned"),
        ((unknown, "--uncertain zeros"), "patients was planned"),
    ):
        assert run(*audit, *given) == 2
        assert stated in capsys.readouterr().err
        assert not (own_table.parent / "audit").exists()


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
