"""Changes as text, Markdown, JSON and a table."""

import json

import numpy as np
import pandas as pd
import pytest

from cxraudit.audits.changes import CHANGED, SIDE_COLUMNS, WIDENED, Diff, widening
from cxraudit.cli._output import SCHEMA_VERSION, as_json
from cxraudit.formats import changes
from cxraudit.formats.rows import without_mirrors
from cxraudit.schema import COMPLEMENT, records, results_frame


def row(old, new, verdict, **cells):
    """Return a change of an AUROC over all images, but for `cells`."""
    numbers = {"old": old, "old_low": old - 0.02, "old_high": old + 0.02}
    numbers |= {"new": new, "new_low": new - 0.02, "new_high": new + 0.02}
    value = new - old
    return {
        "dataset": "clinic",
        "model": "m",
        "prompt_set": "none",
        "analysis": "subgroups",
        "finding": "Edema",
        "metric": "auroc",
        "value": value,
        "low": value - 0.01,
        "high": value + 0.01,
        "verdict": verdict,
        **numbers,
        **cells,
    }


def made(*rows, differences=(), **facts):
    """Return changes made by hand."""
    frame = results_frame([{k: v for k, v in one.items() if k not in SIDE_COLUMNS} for one in rows])
    frame = frame.assign(old_verdict="", new_verdict="")
    sides = {name: [one[name] for one in rows] for name in SIDE_COLUMNS}
    limits = [widening(one) if one.get("reference") else (np.nan, np.nan) for one in rows]
    sides |= dict(zip(WIDENED, zip(*limits, strict=True), strict=True))
    return Diff(
        results=frame.assign(**sides),
        label_errors=pd.DataFrame(),
        differences=pd.DataFrame(list(differences), columns=["about", "what", "old", "new"]),
        facts={
            "pairing": "same images",
            "datasets": ["first", "second"],
            "images": [1200, 1200],
            "patients": [600, 600],
            "shared_patients": 600,
            "labels": "newer",
            "models": {"m": "m"},
            "findings": ["Edema"],
            "notices": [],
            **facts,
        },
    )


GAP = {"attribute": "sex", "group": "female", "reference": COMPLEMENT}
MIRROR = {"attribute": "sex", "group": "male", "reference": COMPLEMENT}


def test_what_changed_comes_before_what_is_not_settled():
    """With the estimates of both audits, the interval and where it leads."""
    found = made(
        row(0.80, 0.81, "inconclusive"),
        row(0.85, 0.78, CHANGED, finding="Pneumonia"),
        row(-0.03, -0.12, CHANGED, **GAP),
        row(0.80, 0.80, "equivalent", finding="Atelectasis"),
        row(0.80, 0.80, "", finding="Atelectasis", metric="auprg"),
    )

    text = changes.as_text(found)

    assert text.index("Changed (2)") < text.index("Not settled (1)") < text.index("Shown not to")
    assert "m, Pneumonia, auroc: 0.850 → 0.780, −0.070 (−0.080 to −0.060); changed, worse" in text
    assert "−0.030 → −0.120, −0.090 (−0.100 to −0.080); changed, the gap widened" in text
    assert text.endswith("1 other estimate without a verdict (exploratory).")


@pytest.mark.parametrize(
    ("metric", "old", "new", "direction"),
    [("fpr", 0.1, 0.2, "worse"), ("fpr", 0.2, 0.1, "better"), ("tpr", 0.6, 0.7, "better")],
)
def test_better_and_worse_follow_the_metric(metric, old, new, direction):
    """A lower false-positive rate is better."""
    text = changes.as_text(made(row(old, new, CHANGED, metric=metric)))

    assert f"changed, {direction}" in text


def test_a_gap_that_turned_is_neither_widened_nor_narrowed():
    """From −0.05 to +0.05 it is as large as before."""
    text = changes.as_text(made(row(-0.05, 0.05, CHANGED, **GAP)))

    assert text.splitlines()[-1].endswith("; changed")


def test_two_groups_are_one_change():
    """Each of two groups against the other is the same comparison."""
    found = made(row(-0.03, -0.12, CHANGED, **GAP), row(0.03, 0.12, CHANGED, **MIRROR))

    assert "Changed (1)" in changes.as_text(found)
    assert len(changes.change_table(found)) == 2


def test_gaps_of_three_groups_are_three_changes():
    """Also where two are alike in size: their intervals differ."""
    rows = [
        {**row(0.03, 0.12, CHANGED, **(GAP | {"group": name})), "low": 0.01 * k}
        for k, name in enumerate("abc")
    ]

    assert len(without_mirrors(records(made(*rows).results))) == 3


def test_what_differs_is_named_before_any_number():
    """Settings, models, data and code."""
    found = made(
        row(0.8, 0.8, "equivalent"),
        differences=[
            ("settings", "margin", "0.05", "0.02"),
            ("data", "labels of Edema", "", "3 of 9"),
        ],
    )

    text = changes.as_text(found)

    assert "settings: margin: 0.05 → 0.02" in text
    assert "data: labels of Edema: 3 of 9" in text
    assert text.index("margin") < text.index("0.800")
    assert "no difference is recorded" in changes.as_text(made(row(0.8, 0.8, "equivalent")))


def test_json_holds_every_row_and_null_for_what_is_no_number():
    """It is what the table holds."""
    found = made(row(0.8, 0.7, CHANGED, p_value=np.nan), row(-0.03, -0.12, CHANGED, **GAP))

    document = json.loads(as_json("diff", changes.document_of(found)))

    assert document["schema_version"] == SCHEMA_VERSION
    table = changes.change_table(found)
    assert len(document["changes"]) == len(table) == 2
    for one, (_, other) in zip(document["changes"], table.iterrows(), strict=True):
        assert list(one) == list(table.columns)
        for name, value in one.items():
            assert value == other[name] or (value is None and np.isnan(other[name]))
    assert document["changes"][0]["widened_low"] is None
    assert document["changes"][1]["widened_low"] == pytest.approx(0.08)


HOSTILE = [
    "<script>alert(1)</script>",
    "a|b",
    "x\ny",
    "`q`",
    "\u202ex",
    "$\\frac{$",
    "n" * 300,
    "[a](b)",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text(name):
    """In one line of the terminal, one cell of Markdown, and JSON."""
    found = made(
        row(0.8, 0.7, CHANGED, model=name, finding=name),
        differences=[("data", name, name, name)],
        datasets=[name, name],
        models={name: name},
    )

    markdown = changes.as_markdown(found)

    assert "<script" not in markdown
    lines = [line for line in markdown.splitlines() if line.startswith("| ")]
    assert {
        line.replace("\\|", "").count("|") for line in lines if "older → newer" not in line
    } <= {4, 5}
    assert json.loads(as_json("diff", changes.document_of(found)))["changes"][0]["finding"] == name
    usual = made(row(0.8, 0.7, CHANGED), differences=[("data", "a", "b", "c")])
    plain = changes.as_text(found)
    assert len(plain.splitlines()) == len(changes.as_text(usual).splitlines())
    assert "\u202e" not in plain
