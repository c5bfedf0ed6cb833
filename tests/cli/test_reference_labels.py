"""`cxraudit audit` with reference labels of part of the images, from a file, a column or a release."""

import json

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup

from cxraudit.cli import main
from cxraudit.schema import Analysis
from simulations.labels import DESIGNS, drawn

HOSTILE = "<b>a|b\"'\n$\\frac{"
FAST = ["--n-resamples", "100", "--operating-point", "none", "--calibration", "none", "--quiet"]


@pytest.fixture(scope="module")
def table():
    """Images of two sexes with both labels for some."""
    return drawn(DESIGNS["a gap that is not there"], 3).iloc[:900]


def run(folder, table, *more, out="audit"):
    """Audit a table with labels and scores; return the exit code."""
    table.to_csv(folder / "table.csv", index=False)
    columns = ["--image", "image", "--patient", "patient", "--label", "Edema=Edema"]
    columns += ["--score", "Edema=score", "--sex", "sex"]
    args = ["audit", str(folder / "table.csv"), *columns, "--out", str(folder / out), *FAST]
    return main([*args, *more])


def results(folder, out="audit"):
    """The rows of an audit by reference labels."""
    rows = pd.read_parquet(folder / out / "results.parquet")
    return rows[rows["analysis"] == Analysis.REFERENCE_LABELS].reset_index(drop=True)


def test_a_column_a_file_and_a_file_by_image_id_are_one_source(table, tmp_path):
    """The same reference labels in three places; the report has their section."""
    known = table[table["reference"].notna()]
    named = known[["image", "reference"]].rename(columns={"reference": "Edema"})
    named.to_csv(tmp_path / "readers.csv", index=False)
    named.rename(columns={"image": "image_id"}).to_parquet(tmp_path / "readers.parquet")
    sources = {
        "a": ["--reference-label", "Edema=reference"],
        "b": ["--reference-labels", str(tmp_path / "readers.csv")],
        "c": ["--reference-labels", str(tmp_path / "readers.parquet")],
    }

    codes = [run(tmp_path, table, *flags, out=out) for out, flags in sources.items()]

    assert codes == [0, 0, 0]
    first = results(tmp_path, "a")
    assert len(first) > 0
    for out in ("b", "c"):
        pd.testing.assert_frame_equal(results(tmp_path, out), first)
    assert "Errors of the working labels" in (tmp_path / "a" / "report.html").read_text()
    manifest = json.loads((tmp_path / "b" / "results.parquet.manifest.json").read_text())
    assert "reference labels" in json.dumps(manifest)


def test_without_reference_labels_the_report_has_no_such_section(table, tmp_path):
    """Nothing to show."""
    assert run(tmp_path, table) == 0

    assert results(tmp_path).empty
    assert "working labels" not in (tmp_path / "audit" / "report.html").read_text()


def _readers(table, **changed):
    known = table[table["reference"].notna()]
    frame = pd.DataFrame({"image_id": known["image"], "Edema": known["reference"]})
    return frame.assign(**changed)


@pytest.mark.parametrize(
    ("change", "flags", "message"),
    [
        (lambda f: f.rename(columns={"image_id": "file"}), [], "has no column image or image_id"),
        (
            lambda f: f.rename(columns={"Edema": "<b>a\"'$\\frac{"}),
            [],
            "no column that is a finding",
        ),
        (lambda f: f.assign(image_id="x" + f["image_id"]), [], "shares no image_id"),
        (lambda f: pd.concat([f, f.head(1)]), [], "already there"),
        (lambda f: f.assign(Edema=np.nan), [], "has no label in any row"),
        (lambda f: f.assign(Edema="maybe"), [], "label"),
        (lambda f: f.assign(edema=1), [], "several columns of Edema"),
        (lambda f: f.assign(w=-1), ["--reference-weight", "w"], "no number above 0"),
        (lambda f: f, ["--reference-weight", "nothing"], "nothing"),
        (lambda f: f, ["--reference-label", "Edema=nothing"], "nothing"),
        (lambda f: f, ["--reference-label", "Hernia=Edema"], "Hernia"),
        (lambda f: f.iloc[:0], [], "no rows"),
    ],
)
def test_a_table_that_says_nothing_is_refused_in_one_sentence(
    table, tmp_path, capsys, change, flags, message
):
    """Before any work is done; nothing is written."""
    change(_readers(table)).to_csv(tmp_path / "readers.csv", index=False)

    code = run(tmp_path, table, "--reference-labels", str(tmp_path / "readers.csv"), *flags)

    error = capsys.readouterr().err
    assert code == 2
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "audit").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--reference-labels", "experts"], "no release is named"),
        (["--reference-labels", "missing.csv"], "missing.csv"),
        (["--reference-weight", "weight"], "add --reference-labels"),
    ],
)
def test_a_source_that_is_not_there_is_refused(table, tmp_path, capsys, flags, message):
    """A file, or the label source of a release."""
    assert run(tmp_path, table, *flags) == 2
    assert message in capsys.readouterr().err


def test_hostile_names_stay_text(table, tmp_path):
    """Of the column, the file and the groups."""
    changed = table.rename(columns={"reference": HOSTILE.replace("\n", " ")})
    changed = changed.assign(site=np.where(changed["sex"] == "male", HOSTILE, "b"))
    flags = ["--reference-label", f"Edema={HOSTILE.replace(chr(10), ' ')}", "--attribute", "site"]

    code = run(tmp_path, changed.assign(site=changed["site"].str.replace("\n", " ")), *flags)

    assert code == 0
    page = (tmp_path / "audit" / "report.html").read_text()
    assert "<b>a|b" not in page


def test_uncertain_labels_and_other_images_are_counted(table, tmp_path, capsys):
    """They are left out, with a notice each."""
    frame = _readers(table)
    frame.loc[frame.index[:3], "Edema"] = -1
    more = pd.DataFrame({"image_id": ["other"], "Edema": [1.0], "reader": ["r"]})
    pd.concat([frame, more]).to_csv(tmp_path / "readers.csv", index=False)

    assert run(tmp_path, table, "--reference-labels", str(tmp_path / "readers.csv")) == 0

    page = (tmp_path / "audit" / "report.html").read_text()
    assert "3 uncertain labels" in page
    assert "1 row of images that are not audited" in page
    assert "1 column left out" in page


@pytest.mark.parametrize(("policy", "expected"), [("zeros", 0.0), ("ones", 1.0)])
def test_uncertain_reference_labels_count_as_those_of_the_table(
    table, tmp_path, capsys, policy, expected
):
    """One policy for both sources, which a notice states."""
    rows = []
    for name, value in (("uncertain", -1.0), ("recoded", expected)):
        other = table.assign(reference=table["reference"].mask(table["reference"] == 1, value))
        flags = ["--reference-label", "Edema=reference", "--uncertain", policy]
        assert run(tmp_path, other, *flags, out=name) == 0
        rows.append(results(tmp_path, name))

    pd.testing.assert_frame_equal(*rows)
    assert "they count as" in capsys.readouterr().err


def test_a_column_of_scores_holds_no_reference_labels(table, tmp_path, capsys):
    """The message does not say that the table lacks the column; of a file the name is free."""
    assert run(tmp_path, table, "--reference-label", "Edema=score") == 2

    said = capsys.readouterr().err
    assert "column score is named as scores" in said
    known = table[table["reference"].notna()]
    readers = pd.DataFrame({"image_id": known["image"], "score": known["reference"]})
    readers.to_csv(tmp_path / "readers.csv", index=False)
    flags = ["--reference-labels", str(tmp_path / "readers.csv"), "--reference-label"]
    assert run(tmp_path, table, *flags, "Edema=score") == 0


def test_weights_that_are_none_are_counted(table, tmp_path, capsys):
    """In the plural, where there are several."""
    other = table.assign(weight=-1.0)
    flags = ["--reference-label", "Edema=reference", "--reference-weight", "weight"]
    assert run(tmp_path, other, *flags) == 2

    assert "weights that are no number above 0" in capsys.readouterr().err


@pytest.fixture(scope="module")
def missed_folder(tmp_path_factory):
    """An audit of a gap that is a product of the labels."""
    folder = tmp_path_factory.mktemp("missed")
    whole = drawn(DESIGNS["a gap that is not there"], 3)
    assert run(folder, whole, "--reference-label", "Edema=reference") == 0
    return folder


def test_where_a_verdict_is_read_its_other_conclusion_is_too(missed_folder):
    """In short, the cell of the matrix, and that rates were not looked at."""
    page = BeautifulSoup((missed_folder / "audit" / "report.html").read_text(), "html.parser")

    titles = [cell["title"] for cell in page.find_all("td", title=True)]
    assert any("by reference labels, exploratory: label error" in one for one in titles)
    short = page.find(id="in-short").parent.get_text()
    assert "is a product of the labels" in short
    assert "reference labels were not applied" in page.get_text().lower()


def test_a_gate_notes_another_conclusion_and_decides_by_working_labels(missed_folder, capsys):
    """The rule fails as before; the note stands in the text, the JSON and the summary."""
    policy, summary = missed_folder / "policy.toml", missed_folder / "summary.md"
    policy.write_text(
        '[[rules]]\nname = "AUROC"\nmetric = "auroc"\nattribute = "sex"\nno_disparity = true\n'
    )
    args = ["gate", str(missed_folder / "audit"), "--policy", str(policy)]

    assert main([*args, "--markdown", str(summary)]) == 1
    text = capsys.readouterr().out
    assert main([*args, "--json"]) == 1
    (rule,) = json.loads(capsys.readouterr().out)["rules"]

    for shown in (text, *rule["by_labels"], summary.read_text()):
        assert "by reference labels, exploratory: label error" in shown
    assert len(rule["by_labels"]) == 1


def test_a_card_states_it_too(missed_folder, tmp_path):
    """Beside the disparity that it is about."""
    card = tmp_path / "card.xml"
    args = ["card", str(missed_folder / "audit"), "--format", "chai", "--out", str(card)]
    assert main(args) == 0

    assert "is a product of the labels" in card.with_suffix(".md").read_text()
