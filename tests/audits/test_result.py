"""The result of an audit is kept in a folder, read back, and shown in short."""

import dataclasses

import pandas as pd
import pytest
from small_audit import gap, row, small_audit

from cxraudit.audits.result import Audit, open_audit
from cxraudit.errors import DataError
from cxraudit.files import manifest_of, write_manifest
from cxraudit.workspace import AuditFolder


def test_every_table_is_the_same_read_back_from_its_folder(tmp_path):
    """Tables that figures draw included."""
    drawn = {name: pd.DataFrame({"x": [1.5]}) for name in AuditFolder.OPTIONAL}
    audit = small_audit(**drawn)

    audit.save(tmp_path)
    read = open_audit(tmp_path)

    for name in (*AuditFolder.ALWAYS, *AuditFolder.OPTIONAL):
        pd.testing.assert_frame_equal(getattr(read, name), getattr(audit, name))


def test_the_folder_of_an_audit_has_a_place_for_every_table():
    """So that a new table cannot be forgotten in save and open."""
    tables = {one.name for one in dataclasses.fields(Audit)} - {"facts", "manifest"}

    assert tables == {*AuditFolder.ALWAYS, *AuditFolder.OPTIONAL}


def test_facts_are_read_back_from_the_manifest(tmp_path):
    """As they were."""
    audit = small_audit()

    audit.save(str(tmp_path / "new" / "folder"))

    assert open_audit(str(tmp_path / "new" / "folder")).facts == audit.facts


def test_tables_of_an_earlier_audit_do_not_stay(tmp_path):
    """An audit without embeddings in the folder of one with them has no points."""
    small_audit(points=pd.DataFrame({"x": [1.0]})).save(tmp_path)

    small_audit().save(tmp_path)

    assert open_audit(tmp_path).points.empty


def test_an_audit_that_was_opened_keeps_its_manifest_when_saved_again(tmp_path):
    """It says when and how the audit was computed, not copied."""
    small_audit().save(tmp_path / "first")
    read = open_audit(tmp_path / "first")

    read.save(tmp_path / "second")

    assert open_audit(tmp_path / "second").manifest == read.manifest


def test_inputs_are_recorded_by_their_hash(tmp_path):
    """With the file they are."""
    file = tmp_path / "scores.csv"
    file.write_text("a\n")

    small_audit().save(tmp_path / "audit", inputs={"scores": str(file)})

    recorded = open_audit(tmp_path / "audit").manifest["inputs"]["scores"]
    assert recorded["path"] == "../scores.csv"
    assert len(recorded["sha256"]) == 64


def test_a_folder_without_an_audit_is_refused_in_one_sentence(tmp_path):
    """And says how to make one."""
    with pytest.raises(DataError, match="holds no audit"):
        open_audit(tmp_path)


def test_results_of_another_version_are_refused(tmp_path):
    """One whose manifest names no hashes, and a table with other columns."""
    table = tmp_path / "results.parquet"
    pd.DataFrame({"dataset": ["toy"], "edit": ["drain"]}).to_parquet(table)
    manifest_of(table).write_text('{"made_by": "cxraudit", "facts": {}}')
    with pytest.raises(DataError, match="written by another version"):
        open_audit(tmp_path)

    write_manifest(table, outputs=[table], facts={})

    with pytest.raises(DataError, match="not written by this version"):
        open_audit(tmp_path)


def test_results_without_their_manifest_are_refused(tmp_path):
    """Facts would be missing."""
    small_audit().save(tmp_path)
    (tmp_path / "results.parquet.manifest.json").unlink()

    with pytest.raises(DataError, match="no manifest"):
        open_audit(tmp_path)


def test_a_table_that_cxraudit_did_not_write_is_not_replaced(tmp_path):
    """A results.csv of someone else stays as it is."""
    (tmp_path / "results.csv").write_text("mine")

    with pytest.raises(DataError, match=r"holds results.csv, which cxraudit did not write"):
        small_audit().save(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["results.csv"]
    assert (tmp_path / "results.csv").read_text() == "mine"


def test_the_repr_counts_images_rows_and_verdicts():
    """On one line."""
    text = repr(small_audit())

    assert text == (
        "<Audit of m on toy, 40 images of 20 patients: 3 rows; verdicts: disparity 1, inconclusive 1>"
    )


def test_the_html_shows_the_level_and_the_disparity():
    """And no gap with another verdict."""
    html = small_audit()._repr_html_()

    assert "0.800 [0.700, 0.900]" in html
    assert "-0.120" in html
    assert html.count("<td>female</td>") == 1
    assert "<td>male</td>" not in html


def test_the_html_says_none_where_there_is_no_disparity():
    """An empty table has a row that says so."""
    html = small_audit(row(), gap("male", "inconclusive"))._repr_html_()

    assert html.count("<td>none</td>") == 1


def test_names_in_the_html_are_escaped():
    """A model may be called anything."""
    html = small_audit(row(model="<script>"))._repr_html_()

    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_long_tables_in_the_html_are_cut_and_counted():
    """Thirty disparities: twenty are shown."""
    html = small_audit(*[gap(f"group {k}", "disparity") for k in range(30)])._repr_html_()

    assert "10 more" in html
    assert "group 20" not in html


def test_an_undefined_value_is_a_dash_in_the_html():
    """Not nan."""
    html = small_audit(row(value=float("nan"), low=float("nan"), high=float("nan")))._repr_html_()

    assert "<td>–</td>" in html
    assert "nan" not in html
