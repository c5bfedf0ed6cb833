"""The matrices of verdicts hold what the results do: every verdict once, never by colour alone."""

from dataclasses import replace

import pandas as pd
import pytest
from bs4 import BeautifulSoup
from example_audit import by_sex, complete, example, judged, overall, planted_audit, shortcut_rows

from cxraudit.report import write_report
from cxraudit.report.matrix import KINDS, counts_of, matrices
from cxraudit.schema import COMPLEMENT, Analysis
from cxraudit.stats.estimate import Verdict


@pytest.fixture(scope="module")
def planted():
    """An audit with age groups, races and two sexes."""
    return planted_audit()


def cells(matrix):
    """All cells of a matrix."""
    return [cell for _, row in matrix.rows for cell in row if cell is not None]


def test_every_verdict_on_groups_is_there_once(planted):
    """Of two groups that mirror each other, one; values and verdicts are those of the rows."""
    rows = planted.results
    gaps = rows[
        (rows["analysis"] == Analysis.SUBGROUPS)
        & (rows["metric"] == "auroc")
        & (rows["reference"] == COMPLEMENT)
        & (rows["verdict"] != "")
    ]
    expected = gaps[gaps["group"] != "male"]

    ranking = matrices(planted, "m")[0]

    assert ranking.question == "Ranking"
    assert len(cells(ranking)) == len(expected)
    by_words = {word: int((expected["verdict"] == word).sum()) for word in Verdict}
    n = counts_of([ranking])
    assert n["worse"] + n["better"] == by_words[Verdict.DISPARITY]
    for name, verdict in (("inconclusive", Verdict.INCONCLUSIVE), ("undefined", Verdict.UNDEFINED)):
        assert n[name] == by_words[verdict]


@pytest.mark.parametrize(
    ("metric", "value", "kind"),
    [
        ("tpr", -0.2, "worse"),
        ("tpr", 0.2, "better"),
        ("fpr", 0.2, "worse"),
        ("fpr", -0.2, "better"),
    ],
)
def test_the_direction_of_a_disparity_is_that_of_the_metric(metric, value, kind):
    """More false positives are to the disadvantage of a group."""
    rows = [
        judged(
            Analysis.OPERATING_POINT,
            value,
            "disparity",
            attribute="ward",
            group=group,
            metric=metric,
            at=0.3,
        )
        for group in "abc"
    ]

    [matrix] = [
        one
        for one in matrices(example(overall(), *rows), "m")
        if one.question == "At the threshold"
    ]

    assert {cell.kind.name for cell in cells(matrix)} == {kind}
    assert matrix.columns[0].labels == ("a", "b", "c")


def test_two_groups_are_one_comparison():
    """Its column says which is subtracted from which."""
    [matrix] = matrices(example(overall(), *by_sex("disparity", -0.12)), "m")

    assert matrix.columns[0].labels == ("female − male",)
    [cell] = cells(matrix)
    assert (cell.kind.name, cell.value) == ("worse", "−0.12")
    assert "disparity" in cell.detail


@pytest.mark.parametrize(("value", "worse"), [(-0.12, "female"), (0.12, "male")])
def test_of_two_groups_a_disparity_is_to_the_disadvantage_of_one(value, worse):
    """Whichever is named first."""
    [matrix] = matrices(example(overall(), *by_sex("disparity", value)), "m")

    [cell] = cells(matrix)
    assert cell.kind.name == "worse"
    assert cell.detail.endswith(f"worse for {worse}")


def test_shortcuts_have_a_matrix_of_their_own():
    """The gap, and separation where it was judged."""
    facts = {"shortcuts": {"drain": "Pneumothorax"}}

    [matrix] = matrices(example(overall(), *shortcut_rows(), facts=facts), "m")

    assert matrix.question == "Shortcuts"
    assert matrix.rows[0][0] == "Pneumothorax: chest drain"
    assert cells(matrix)[0].kind.name == "worse"


def test_hidden_cells_are_shown_as_hidden():
    """Neither a value nor a verdict."""
    rows = by_sex("")
    hidden = [row | {"reasons": "SUPPRESSED", "value": float("nan")} for row in rows]

    [matrix] = matrices(example(overall(), *hidden), "m")

    assert {(cell.kind.name, cell.value) for cell in cells(matrix)} == {("hidden", "")}


def test_intersections_are_left_out(planted):
    """They are screened, and too many."""
    rows = planted.results
    crossed = rows.assign(
        attribute=rows["attribute"].where(rows["attribute"] != "race", "race*sex")
    )

    [ranking, *_] = matrices(replace(planted, results=crossed), "m")

    assert [columns.title for columns in ranking.columns] == ["age", "sex"]


def test_the_page_shows_symbols_words_and_a_part_per_model(tmp_path):
    """The first model is open; the others are folded, without a script."""
    audit = complete()
    both = replace(
        audit,
        results=pd.concat(
            [audit.results, audit.results[audit.results["model"] == "m"].assign(model="m2")]
        ),
    )

    soup = BeautifulSoup(write_report(both, tmp_path / "r.html").read_text(), "html.parser")

    parts = soup.select("#verdicts details.part")
    assert [part.has_attr("open") for part in parts] == [True, False]
    assert len({part["name"] for part in parts}) == 1
    for cell in soup.select("table.verdicts tbody td[class]"):
        kind = KINDS[cell["class"][0]]
        assert kind.symbol in cell.get_text()
        assert kind.words in cell.get_text()
        assert cell["title"]
