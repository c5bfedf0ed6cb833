"""Tables as hospitals have them: what is unknown or converted is on the terminal and in the report."""

import numpy as np
import pandas as pd
import pytest

from cxraudit.audits.result import open_audit

FEW = "--resamples 20 --operating-point none --calibration none"
COLUMNS = "--image file --patient pid --label Pneumothorax=ptx --score Pneumothorax=s"


def table(**columns) -> pd.DataFrame:
    """Two images of each of 40 patients, with labels and scores."""
    rng = np.random.default_rng(0)
    n = 80
    labels = rng.integers(0, 2, n)
    base = {
        "file": [f"{k:04d}" for k in range(n)],
        "pid": [f"P{k // 2:03d}" for k in range(n)],
        "ptx": labels,
        "s": (labels + rng.normal(size=n)).round(4),
    }
    return pd.DataFrame({**base, **columns})


def spread(first: list, usual: list, n: int = 80) -> list:
    """Some cells, then the usual ones again and again."""
    return [*first, *(usual[k % len(usual)] for k in range(n - len(first)))]


@pytest.fixture
def audited(tmp_path, run, capsys):
    """Write a table, audit it, and return the exit code, the terminal and the page."""

    def call(frame: pd.DataFrame, flags: str = "", columns: str = COLUMNS, **how):
        file = tmp_path / "table.csv"
        frame.to_csv(file, index=False, **how)
        code = run("audit", file, columns, FEW, flags)
        page = tmp_path / "audit" / "report.html"
        shown = capsys.readouterr()
        return code, shown.err, page.read_text(encoding="utf-8") if code == 0 else ""

    return call


def test_every_notice_is_on_the_terminal_and_in_the_report(audited, tmp_path):
    """Unknown values with their reasons, conversions, skipped columns and blank scores."""
    frame = table(
        pid=spread(["P000 "], [f"P{k:03d}" for k in range(40)]),
        sex=spread(["?", "declined", "O"], ["F", "M"]),
        age=spread(["> 89", "300", "058Y", "not reported"], ["30", "70"]),
        race=spread(["Unknown", "white", ""], ["White", "Black"]),
        q_fog=0.5,
    ).rename(columns={"s": "q_pneumothorax"})
    frame.loc[5, "q_pneumothorax"] = None
    code, terminal, page = audited(
        frame,
        "--sex sex --age age --attribute race",
        "--image file --patient pid --label Pneumothorax=ptx --score-prefix q_",
    )

    assert code == 0
    expected = [
        "1 value with blanks around, which were taken off",
        "2 values count as unknown: '?' (1), 'declined' (1)",
        "1 value counts as unknown: 'not reported' (1)",
        "1 impossible age, unknown: '300' (1)",
        "1 age given as a lower bound: '> 89' (1)",
        "2 values count as unknown: 'Unknown' (1), 'blank' (1)",
        "'White' (39), 'white' (1) differ in case or blanks only and are one group, 'White'",
        "1 column left out, whose name begins with 'q_' and goes on with no finding of the data set: q_fog",
        "1 image without a score, left out for Pneumothorax only",
    ]
    plain = page.replace("&#39;", "'").replace("&gt;", ">")
    for sentence in expected:
        assert sentence in terminal
        assert sentence in plain
    assert len(open_audit(tmp_path / "audit").facts["notices"]) == len(expected)


def test_a_table_without_notices_has_none(audited):
    """Neither on the terminal nor in the report."""
    code, terminal, page = audited(table())

    assert code == 0
    assert terminal == ""
    assert 'id="notices' not in page


def test_zeros_in_front_make_another_patient(audited, tmp_path):
    """80 images of 0, 00, 000 …: as many patients as texts."""
    code, _, _ = audited(table(pid=["0" * (1 + k // 2) for k in range(80)]))

    assert code == 0
    assert open_audit(tmp_path / "audit").facts["patients"] == 40


def test_unknown_patients_are_stated(audited):
    """Images are independent then."""
    code, terminal, page = audited(
        table(), columns=COLUMNS.replace("--patient pid", "--patient none")
    )

    assert code == 0
    assert "images were taken as independent" in terminal
    assert "80 images of unknown patients, taken as independent" in page


def test_own_age_groups_are_those_that_gaps_are_standardised_by(audited, tmp_path):
    """In place of the usual ones."""
    frame = table(age=spread([], [25, 45, 65]), sex=["FM"[k // 2 % 2] for k in range(80)])
    code, _, _ = audited(frame, "--age age --sex sex --bins age=40,60")

    assert code == 0
    results = open_audit(tmp_path / "audit").results
    groups = results.loc[results["attribute"] == "age_group", "group"]
    assert {"under 40", "40-60", "60+"} <= set(groups)
    assert "age_group" in set(results["condition"])


@pytest.mark.parametrize(
    ("columns", "flags", "match"),
    [
        ({"sex": spread([], ["H", "M"])}, "--sex sex", "--sex-values H=male,M=female"),
        ({"sex": spread([], ["1", "2"])}, "--sex sex", "--sex-values 1=SEX,2=SEX"),
        ({"age": spread(["40-49"], ["50"])}, "--age age", "no age in years: '40-49' (1)"),
        ({"bmi": np.arange(80) / 10}, "--attribute bmi", "--bins bmi="),
        ({"ptx": spread(["1*"], ["0", "1"])}, "", "no label: '1*' (1)"),
        ({"ptx": spread(["-1"], ["0", "1"])}, "", "--uncertain"),
        ({"s": spread(["high"], ["0.5"])}, "", "no number: 'high' (1)"),
        ({"dr": spread(["ICU"], ["0", "1"])}, "--shortcut dr=Pneumothorax", "no yes or no: 'ICU'"),
        ({}, "--score other:Pneumothorax=ptx", "column ptx is named as labels and as scores"),
        ({}, "--bins bmi=1,2", "bins are given for bmi"),
        ({}, "--patient-none", "nknown option"),
    ],
)
def test_a_value_that_is_not_understood_is_refused(audited, columns, flags, match, tmp_path):
    """One sentence, exit code 2, nothing written."""
    code, terminal, _ = audited(table(**columns), flags)

    assert code == 2
    assert match in terminal
    assert not (tmp_path / "audit" / "results.parquet").exists()


def test_a_semicolon_table_with_decimal_commas_gives_the_same_results(audited, tmp_path):
    """As spreadsheets write it in many countries."""
    audited(table())
    first = open_audit(tmp_path / "audit").results
    code, terminal, _ = audited(table(), sep=";", decimal=",", encoding="utf-16")

    assert code == 0
    assert "80 values with a decimal comma" in terminal
    pd.testing.assert_frame_equal(first, open_audit(tmp_path / "audit").results)


def test_two_models_of_one_table_are_compared(audited, tmp_path):
    """By the names they are given."""
    frame = table(s2=table()["s"][::-1].to_numpy())
    columns = COLUMNS.replace("Pneumothorax=s", "old:Pneumothorax=s --score new:Pneumothorax=s2")
    code, _, _ = audited(frame, columns=columns)

    assert code == 0
    assert open_audit(tmp_path / "audit").facts["models"] == ["new", "old"]


def test_the_audit_of_another_table_is_replaced_only_if_one_says_so(tmp_path, run, capsys):
    """The same table may be audited again; an input is never overwritten."""
    for name in ("one.csv", "two.csv"):
        table().to_csv(tmp_path / name, index=False)
    arguments = (COLUMNS, FEW, "--out", tmp_path / "out")

    assert run("audit", tmp_path / "one.csv", *arguments) == 0
    assert run("audit", tmp_path / "one.csv", *arguments) == 0
    assert run("audit", tmp_path / "two.csv", *arguments) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert run("audit", tmp_path / "two.csv", *arguments, "--overwrite") == 0
    (tmp_path / "one.csv").rename(tmp_path / "results.csv")
    before = (tmp_path / "results.csv").read_bytes()
    assert run("audit", tmp_path / "results.csv", COLUMNS, FEW, "--out", tmp_path) == 2
    assert (tmp_path / "results.csv").read_bytes() == before
