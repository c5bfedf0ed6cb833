"""A whole audit with small cells hidden: tables, page, and what a second look would find."""

import json

import pandas as pd
import pytest
from bs4 import BeautifulSoup

from cxraudit.audits.result import open_audit
from cxraudit.audits.run import audit
from cxraudit.audits.score_notices import alike_models
from cxraudit.audits.suppression import suppressed, suppressed_image_notes
from cxraudit.errors import DataError
from cxraudit.notices import Notice
from cxraudit.report import write_figures, write_report
from cxraudit.schema import KEY_COLUMNS, OVERALL, Reason, has_reason
from cxraudit.settings import AuditSettings
from planted import inputs_of_everything, planted_dataset, planted_scores, planted_table

BELOW = 11
SETTINGS = AuditSettings(
    n_resamples=20, operating_point="fpr=0.3", calibration="none", suppress_below=BELOW
)


def table() -> pd.DataFrame:
    """Images of 250 patients, three of them of a rare race."""
    frame = planted_table(3, n_patients=250)
    return frame.assign(race=frame["race"].mask(frame["pid"] < 3, "rare"))


@pytest.fixture(scope="module")
def hidden():
    """Its audit, with a notice on few images."""
    frame = table()
    few = Notice(
        about="images", count=2, sentence="2 images are nearly black. First: image00007.png."
    )
    return audit(
        planted_dataset(frame),
        planted_scores(frame),
        attributes=["race", "sex"],
        settings=SETTINGS,
        notices=[few],
    )


def test_an_audit_without_the_option_hides_nothing():
    """Neither rows, nor counts, nor tables."""
    frame = table()
    found = audit(
        planted_dataset(frame),
        planted_scores(frame),
        attributes=["race"],
        settings=AuditSettings(n_resamples=0, operating_point="none", calibration="none"),
    )

    assert not has_reason(found.results, Reason.SUPPRESSED).any()
    assert found.results["n"].dtype == "int64"
    assert "suppressed" not in found.facts
    assert len(found.score_percentiles)


def test_nothing_is_left_of_tables_with_a_row_per_image(hidden):
    """And of distributions of scores."""
    for name in ("points", "image_changes", "score_percentiles", "excluded"):
        assert getattr(hidden, name).empty


def test_keys_stay_and_are_unique(hidden):
    """A hidden row is found like any other."""
    assert not hidden.results.duplicated(list(KEY_COLUMNS)).any()
    rare = hidden.results[hidden.results["group"] == "rare"]
    assert len(rare)
    assert has_reason(rare, Reason.SUPPRESSED).all()


def test_suppressing_again_changes_nothing(hidden):
    """What is hidden stays hidden, and nothing more is."""
    assert suppressed(hidden, cohort=_Cohort(), scores=pd.DataFrame()) is hidden


class _Cohort:
    """No more than the settings of a cohort."""

    settings = SETTINGS


def test_it_is_read_back_from_its_folder(hidden, tmp_path):
    """Hidden counts are missing in Parquet and CSV, not zero."""
    hidden.save(tmp_path)

    again = open_audit(tmp_path)

    pd.testing.assert_frame_equal(again.results, hidden.results)
    pd.testing.assert_frame_equal(again.flow, hidden.flow)
    pd.testing.assert_frame_equal(again.exclusions, hidden.exclusions)
    text = pd.read_csv(tmp_path / "results.csv", dtype="str", keep_default_na=False)
    rows = has_reason(hidden.results, Reason.SUPPRESSED).to_numpy()
    assert (
        (text.loc[rows, ["n", "n_patients", "value", "low", "high", "verdict"]] == "").all().all()
    )
    assert json.loads((tmp_path / "results.parquet.manifest.json").read_text())["facts"][
        "suppressed"
    ]


def test_the_page_says_what_is_hidden_and_shows_none_of_it(hidden, tmp_path):
    """Tables have dashes, figures say why, and sentences name no image."""
    page = write_report(hidden, tmp_path / "r.html").read_text(encoding="utf-8")

    soup = BeautifulSoup(page, "html.parser")
    assert "Cells of fewer than 11 patients or images" in page
    assert "hidden: too few patients" in page
    assert "image00007.png" not in page
    assert "<NA>" not in page
    assert "nan" not in soup.get_text().lower().split()
    # This parser does not know that a cell ends where the next begins: the own text of each.
    rows = [
        ["".join(cell.find_all(string=True, recursive=False)) for cell in row("td")]
        for row in soup.select("table.data tr")
    ]
    rare = [row for row in rows if "rare" in row]
    assert rare
    for row in rare:
        numbers = [cell for cell in row if any(letter.isdigit() for letter in cell)]
        assert not numbers


def test_a_cohort_that_is_small_itself_is_refused():
    """Nothing of it could be shown."""
    frame = planted_table(0, n_patients=9)

    with pytest.raises(DataError, match="fewer patients than suppress_below = 11"):
        audit(planted_dataset(frame), planted_scores(frame), settings=SETTINGS)


def test_notes_on_images_lose_names_and_small_counts(hidden):
    """Those of an audit without the option keep both."""
    notes = [
        {"note": "nearly-black", "count": 2, "images": ["a", "b"]},
        {"note": "no-contrast", "count": 40, "images": ["c"]},
    ]

    found = suppressed_image_notes(notes, hidden)

    assert [one["count"] for one in found] == [None, 40]
    assert [one["images"] for one in found] == [[], []]


@pytest.mark.slow
@pytest.mark.parametrize("below", [5, 11, 30])
def test_every_analysis_is_reported_with_small_cells_hidden(below, tmp_path, coarse_probes):
    """With embeddings, prompts, shortcuts, perturbed images and two models."""
    found = audit(
        **inputs_of_everything(),
        settings=AuditSettings(n_resamples=40, suppress_below=below),
    )
    found.save(tmp_path)

    write_report(open_audit(tmp_path), tmp_path / "report.html")
    write_figures(open_audit(tmp_path), tmp_path / "figures", formats=["svg"], tables=["tex"])

    rows = found.results
    shown = rows[~has_reason(rows, Reason.SUPPRESSED)]
    for count in ("n", "n_positive", "n_patients", "n_positive_patients"):
        assert not rows[count].dropna().between(1, below - 1).any()
    assert shown.loc[shown["attribute"] == OVERALL, "value"].notna().any()
    assert found.facts["suppressed"]["rows"] == len(rows) - len(shown)


def test_models_that_rank_alike_are_named_without_counts(tmp_path):
    """In a whole report: a count that is hidden is left out of the sentence."""
    table = planted_table(3)
    dataset, scores = planted_dataset(table), planted_scores(table)
    one = scores[scores["model"] == scores["model"].iloc[0]]
    both = pd.concat([one.assign(model="a"), one.assign(model="b", score=one["score"] / 2)])

    found = audit(dataset, both, settings=AuditSettings(n_resamples=50, suppress_below=11))
    write_report(found, tmp_path / "report.html")

    (alike,) = alike_models(found.results)
    assert "all images of" in alike.sentence
    assert "all images of" in (tmp_path / "report.html").read_text()
