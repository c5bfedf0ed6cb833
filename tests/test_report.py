"""The report answers in words that its rows support, in one file that requests nothing."""

import re

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup

from cxraudit import tables
from cxraudit.audits.cells import AuditSettings
from cxraudit.figures.forest import forest
from cxraudit.figures.shortcut_arms import shortcut_gap
from cxraudit.figures.standardised import adjusted_gaps
from cxraudit.report.words import answer, checks, people
from cxraudit.steps import audit_step, open_audit, report_step
from planted import planted_dataset, planted_scores, planted_table


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An audit (and its folder) with a planted age effect and a planted drain shortcut, and a rare group."""
    frame = planted_table(0, age_gap=1.2, drain_gap=1.2)
    frame.loc[frame["race"] == "asian", "Cardiomegaly"] = 0
    folder = tmp_path_factory.mktemp("audit")
    audit_step(
        planted_dataset(frame),
        planted_scores(frame),
        folder,
        settings=AuditSettings(n_resamples=300),
    )
    return folder


@pytest.fixture(scope="module")
def record(folder):
    """The audit, read from its folder."""
    return open_audit(folder)


def test_the_answer_names_what_was_planted(record):
    """Worse at 80 and over, by rank and at the threshold; leans on the drain; nothing by sex or race."""
    said = answer(record.results, "m", "planted")
    shown = [statement.headline for statement in said if statement.tone == "bad"]

    assert shown == [
        "Worse for patients aged 80 and over",
        "Recognises pneumothorax better with a chest drain in the image",
        "At one threshold for all, findings are missed more often in patients aged 80 and over",
    ]


def test_numbers_in_the_answer_are_rows_of_the_table(record):
    """The AUROCs with and without drain, as rounded from the results."""
    rows = record.results
    arms = rows[
        (rows["attribute"] == "drain")
        & (rows["metric"] == "auroc")
        & (rows["reference"] == "")
        & rows["group"].isin(["with", "without"])
    ]
    assert len(arms) == 2
    said = next(s for s in answer(rows, "m", "planted") if "drain" in s.headline)

    for value in arms["value"]:
        assert f"{value:.2f}" in said.detail


def test_without_effects_nothing_is_called_worse():
    """Small gaps are good news, wide intervals are 'cannot tell'."""
    from cxraudit.audits.run import audit

    frame = planted_table(1003)
    results = audit(
        planted_dataset(frame), planted_scores(frame), settings=AuditSettings(n_resamples=300)
    ).results

    tones = {statement.tone for statement in answer(results, "m", "planted")}

    assert "bad" not in tones
    assert "unsure" in tones


def test_an_inverted_score_is_pointed_out(record):
    """Below chance with its whole interval: check the prompts."""
    turned = record.results.copy()
    overall = (
        (turned["attribute"] == "all")
        & (turned["finding"] == "Pneumothorax")
        & (turned["metric"] == "auroc")
    )
    turned.loc[overall, ["value", "low", "high"]] = [0.2, 0.1, 0.3]

    assert "inverted" in answer(turned, "m", "planted")[0].detail
    state = {check.code: check.state for check in checks(turned, record.facts, {})}
    assert state["CXA003"] == "attention"


def test_a_model_that_has_seen_the_data_is_pointed_out(record):
    """From its card."""
    state = {
        c.code: c for c in checks(record.results, record.facts, {"m": {"trained_on": ["planted"]}})
    }

    assert state["CXA004"].state == "attention"
    assert {c.code: c for c in checks(record.results, record.facts, {})}[
        "CXA004"
    ].state == "not applicable"


@pytest.mark.parametrize(
    ("attribute", "group", "words"),
    [
        ("age_group", "80+", "patients aged 80 and over"),
        ("age_group", "under 18", "patients under 18"),
        ("age_group", "25-50", "patients aged 25 to 50"),
        ("race", "black", "black patients"),
        ("ward", "ICU", "patients with ward 'ICU'"),
    ],
)
def test_groups_are_named_as_people_say(attribute, group, words):
    """In a sentence."""
    assert people(attribute, group) == words


def test_the_report_is_one_file_without_requests(folder):
    """No src, link, url() or http outside of namespaces; figures inline and beside it."""
    path = report_step([folder], folder / "report.html")
    html = path.read_text(encoding="utf-8")
    page = BeautifulSoup(html, "html.parser")

    assert not page.find_all(["script", "link", "img", "iframe", "object"])
    for element in page.find_all(True):
        for name in ("src", "href", "xlink:href", "data"):
            target = element.get(name)
            assert target is None or target.startswith("#"), (element.name, target)
    assert not re.findall(r"url\((?!#|\"#|'#)", html)
    assert "@import" not in html
    # Per attribute: AUROC, at the threshold, and (age has nothing but drains to be adjusted for) at
    # equal mix; and the drain with its card.
    assert len(page.find_all("svg")) == 3 * 3 + 2
    assert (folder / "figures" / "planted-drain.png").stat().st_size > 10_000
    assert page.find("h3").text == "In short"
    assert "no positives" in html


def test_a_report_on_two_models_compares_them(tmp_path):
    """Levels stay those of each model; the difference is in its own table."""
    frame = planted_table(1)
    scores = planted_scores(frame)
    noise = np.random.default_rng(0).normal(scale=3, size=len(scores))
    both = pd.concat([scores, scores.assign(model="worse", score=scores["score"] + noise)])
    audit_step(planted_dataset(frame), both, tmp_path, settings=AuditSettings(n_resamples=200))

    html = report_step([tmp_path], tmp_path / "report.html").read_text()

    assert "m − worse" in html
    assert "AUROC, all patients" in html


def test_disparities_in_favour_of_a_group_are_said(record):
    """So that what the figure shows is on the cards."""
    rows = record.results
    gaps = rows[
        (rows["attribute"] == "age_group")
        & (rows["reference"] == "rest")
        & (rows["metric"] == "auroc")
    ]
    better = ((gaps["verdict"] == "disparity") & (gaps["value"] > 0)).sum()
    said = [s for s in answer(rows, "m", "planted") if s.tone == "better"]

    assert len(said) == bool(better)
    if better:
        assert f"in {better} comparison" in said[0].headline


def test_what_a_table_holds_cannot_become_html(tmp_path):
    """A group named like a script is text."""
    frame = planted_table(1)
    frame["race"] = np.where(frame["race"] == "black", "<script>alert(1)</script>", frame["race"])
    audit_step(
        planted_dataset(frame),
        planted_scores(frame),
        tmp_path,
        settings=AuditSettings(n_resamples=50),
    )

    html = report_step([tmp_path], tmp_path / "report.html").read_text()

    assert "<script>alert" not in html


def test_the_forest_shows_every_row_at_its_value(record):
    """Points on the right are the gaps of the table, ticks are its groups with their counts."""
    rows = record.results[
        (record.results["metric"] == "auroc") & (record.results["attribute"] == "race")
    ]
    figure = forest(record.results, "race")
    left, right = figure.axes[:2]

    gaps = rows[rows["reference"] == "rest"]["value"].dropna()
    np.testing.assert_allclose(points(right), sorted(gaps))
    assert len(left.get_yticklabels()) == 6
    texts = [text.get_text() for text in left.texts]
    assert "no positives" in texts


def points(axes) -> list[float]:
    """Return where the marks of a figure stand."""
    return sorted(
        float(line.get_xdata()[0])
        for line in axes.lines
        if line.get_marker() not in ("None", None, "") and len(line.get_xdata())
    )


def test_the_adjusted_figure_shows_one_group_per_finding_raw_and_alike(record):
    """The gap shown best of each finding, and its adjusted gaps, at their values; none without any."""
    rows = record.results[
        (record.results["metric"] == "auroc") & (record.results["attribute"] == "race")
    ]
    raw = rows[(rows["reference"] == "rest") & rows["p_value"].notna()]
    surest = raw.loc[raw.groupby("finding")["p_value"].idxmin(), ["finding", "group"]]
    adjusted = rows[rows["reference"].str.startswith("rest")].merge(surest, on=["finding", "group"])

    figure = adjusted_gaps(record.results, "race")

    np.testing.assert_allclose(points(figure.axes[0]), sorted(adjusted["value"]))
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels.count("raw") == 2
    assert "at equal age" in labels
    assert "at equal chest drain" in labels
    plain = record.results[~record.results["reference"].str.startswith("rest at")]
    assert adjusted_gaps(plain, "race") is None


def test_more_false_alarms_are_drawn_as_worse(record):
    """FPR points the other way: the arrows of the axis and the marks are turned."""
    results = record.results.copy()
    gaps = (results["metric"] == "fpr") & (results["reference"] == "rest")
    results.loc[gaps, ["value", "verdict"]] = [0.2, "disparity"]

    right = forest(results, "sex", metric="fpr").axes[1]

    assert "← better" in right.get_xlabel()
    assert {line.get_marker() for line in right.lines if line.get_marker() not in ("None", "")} == {
        "D"
    }


def test_the_operating_table_has_what_a_threshold_does(record):
    """One row per finding and group, rates as in the rows."""
    table = tables.operating_table(record.results, "sex").set_index(["finding", "group"])
    rows = record.results[
        (record.results["attribute"] == "sex") & (record.results["reference"] == "")
    ].set_index(["finding", "group", "metric"])

    for finding, group in [("Cardiomegaly", "female"), ("Pneumothorax", "male")]:
        value = rows.loc[(finding, group, "tpr"), "value"]
        assert table.loc[(finding, group), "TPR"].startswith(f"{value:.3f}")
    assert {"called", "FPR", "PPV", "net benefit", "calibration slope"} <= set(table.columns)


def test_the_shortcut_figure_shows_both_arms(record):
    """Two labelled dots and the gap in words."""
    figure = shortcut_gap(record.results, "drain")
    texts = " ".join(text.get_text() for text in figure.axes[0].texts)

    assert "with chest drain" in texts
    assert "without chest drain" in texts
    assert "disparity" in texts


def test_the_same_figure_gives_the_same_svg(record):
    """So that reports can be compared."""
    from cxraudit.figures.style import svg

    assert svg(forest(record.results, "sex")) == svg(forest(record.results, "sex"))


def test_tables_round_late_and_mark_what_is_undefined(record):
    """One row per finding and group; a dash where there is no number; valid LaTeX."""
    table = tables.levels_table(record.results, "race")

    assert len(table) == 8
    empty = table[(table["finding"] == "Cardiomegaly") & (table["group"] == "asian")].iloc[0]
    assert empty["AUROC"] == "–"
    assert "\\toprule" in tables.to_latex(table)


def test_an_audit_is_the_same_read_back_from_its_folder(tmp_path):
    """What is read is what was returned, and both can be reported on."""
    frame = planted_table(1)
    made = audit_step(
        planted_dataset(frame),
        planted_scores(frame),
        tmp_path,
        settings=AuditSettings(n_resamples=100),
    )
    read = open_audit(tmp_path)

    pd.testing.assert_frame_equal(read.results, made.results)
    assert read.facts == made.facts
    assert read.manifest == made.manifest


def test_python_users_report_on_what_audit_returned(tmp_path):
    """No files in between; two audits of one data set become two sections."""
    import cxraudit

    frame = planted_table(1)
    made = cxraudit.audit(
        planted_dataset(frame), planted_scores(frame), settings=AuditSettings(n_resamples=100)
    )

    html = cxraudit.write_report([made, made], tmp_path / "report.html").read_text()

    assert 'id="planted-1"' in html
    assert 'id="planted-2"' in html


def test_one_group_only_is_said_not_hidden():
    """An attribute with a single value is named by a check, and nothing is called equal."""
    from cxraudit.audits.run import audit

    frame = planted_table(2).assign(race="white")
    found = audit(
        planted_dataset(frame), planted_scores(frame), settings=AuditSettings(n_resamples=100)
    )
    state = {check.code: check for check in checks(found.results, found.facts, {})}

    assert state["CXA007"].state == "attention"
    assert "race" in state["CXA007"].detail


def test_without_resamples_no_sentence_claims_anything():
    """Point estimates only: every comparison is 'cannot tell', with the reason."""
    from cxraudit.audits.run import audit

    frame = planted_table(2, age_gap=1.2)
    found = audit(
        planted_dataset(frame), planted_scores(frame), settings=AuditSettings(n_resamples=0)
    )

    said = answer(found.results, "m", "planted")
    assert {statement.tone for statement in said} == {"plain", "unsure"}
    assert any("fewer than 100 resamples" in statement.detail for statement in said)


def test_a_real_gap_of_unclear_size_is_not_called_unknown(record):
    """Different from zero, neither above nor below the margin: said so."""
    rows = record.results.copy()
    mine = (
        (rows["attribute"] == "sex") & (rows["reference"] == "rest") & (rows["metric"] == "auroc")
    )
    rows.loc[mine, "verdict"] = "equivalent"
    rows.loc[
        mine & (rows["group"] == "female") & (rows["finding"] == "Cardiomegaly"),
        ["value", "low", "high", "verdict"],
    ] = [
        -0.045,
        -0.07,
        -0.021,
        "real, size unclear",
    ]

    said = [s for s in answer(rows, "m", "planted") if "By sex" in s.headline]

    assert said[0].headline == "By sex: 1 real gap of unclear size"
    assert "differs from zero" in said[0].detail
