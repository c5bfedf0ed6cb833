"""Checklists: every item once, answered by the audit or visibly open."""

import csv
import io
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from bs4 import BeautifulSoup
from example_audit import by_sex, complete, example, overall, planted_audit, shortcut_rows

from cxraudit.cards import GUIDELINES, write_checklist
from cxraudit.cards.answers import ANSWERS
from cxraudit.cards.chai import layout
from cxraudit.cards.checklist import OPEN, REMAINDER, entries_of, guideline_of
from cxraudit.cards.filling import Status
from cxraudit.cards.subject import subject_of
from cxraudit.errors import UnknownNameError
from cxraudit.report import write_report
from cxraudit.report.about import About
from cxraudit.report.anchors import OF_PAGE, Anchor, place_of

STARD_AI = [
    *map(str, range(1, 15)),
    *("15a", "15b", "15c", "15d", "16a", "16b", "16c", "17a", "17b"),
    *map(str, range(18, 26)),
    *("26a", "26b"),
    *map(str, range(27, 40)),
    *("40a", "40b"),
]
CLAIM = list(map(str, range(1, 45)))
TRIPOD_AI = [
    *("1", "2", "3a", "3b", "3c", "4", "5a", "5b", "6a", "6b", "6c", "7", "8a", "8b", "8c"),
    *("9a", "9b", "9c", "10", "11", "12a", "12b", "12c", "12d", "12e", "12f", "12g", "13", "14"),
    *("15", "16", "17", "18a", "18b", "18c", "18d", "18e", "18f", "19", "20a", "20b", "20c"),
    *("21", "22", "23a", "23b", "24", "25", "26", "27a", "27b", "27c"),
]
NUMBERS = dict(zip(GUIDELINES, (STARD_AI, CLAIM, TRIPOD_AI), strict=True))


def entries(audit, guideline, about=None):
    """The items as they are shown: number → entry."""
    subject = subject_of(audit, None, about)
    found = entries_of(subject, guideline_of(guideline), "report.html")
    return {one.item.number: one for one in found}


@pytest.mark.parametrize("guideline", GUIDELINES)
def test_every_item_is_listed_once_in_every_format(guideline, tmp_path):
    """By its number, in the order of the guideline."""
    audit = planted_audit()
    files = {
        suffix: write_checklist(audit, tmp_path / f"list{suffix}", guideline=guideline)
        for suffix in (".md", ".html", ".csv")
    }

    text = files[".md"].read_text(encoding="utf-8")
    assert re.findall(r"^\| (\d+[a-z]?) \|", text, re.MULTILINE) == NUMBERS[guideline]
    soup = BeautifulSoup(files[".html"].read_text(encoding="utf-8"), "html.parser")
    assert [one.get_text() for one in soup.select("th[scope=row]")] == NUMBERS[guideline]
    table = csv.DictReader(io.StringIO(files[".csv"].read_text(encoding="utf-8").split("\n# ")[0]))
    assert [row["item"] for row in table] == NUMBERS[guideline]


def test_every_key_exists_and_every_answer_is_used():
    """Keys of items and of fields; none is left over."""
    items = [one for name in GUIDELINES for one in guideline_of(name).items]
    keys = {one.facts for one in [*items, *layout().entries] if one.facts}

    assert keys == set(ANSWERS)
    assert {key for one in items for key in one.stated} <= set(About.model_fields)


def test_every_key_of_about_is_shown_somewhere():
    """What is asked of the authors is not dropped."""
    from cxraudit.report.about import SUMMARISED

    template = Path(__file__).parents[2] / "src/cxraudit/cards/templates/huggingface.md.j2"
    stated = set(re.findall(r'stated\("(\w+)"\)', template.read_text(encoding="utf-8")))
    stated |= {"license", "citation", "keywords", *SUMMARISED}
    for source in [layout().entries, *(guideline_of(name).items for name in GUIDELINES)]:
        stated |= {key for one in source for key in one.stated}

    assert stated == set(About.model_fields)


@pytest.mark.parametrize("guideline", GUIDELINES)
def test_links_lead_to_sections_of_the_report(guideline, tmp_path):
    """Of an audit with everything, and of one with little; each target is an id of the page."""
    for made in (complete(), planted_audit(), example(overall())):
        page = write_report(made, tmp_path / "a b" / "report.html")
        ids = set(re.findall(r' id="([^"]+)"', page.read_text(encoding="utf-8")))
        out = write_checklist(
            made, tmp_path / "lists" / "x.html", guideline=guideline, report=page, overwrite=True
        )

        soup = BeautifulSoup(out.read_text(encoding="utf-8"), "html.parser")
        targets = [one["href"] for one in soup.select("td a")]
        assert targets
        for target in targets:
            file, _, anchor = target.partition("#")
            assert (out.parent / unquote(file)).resolve() == page.resolve()
            assert unquote(anchor) in ids


def test_every_section_has_an_anchor_and_is_where_it_is_declared(tmp_path):
    """Of a page with all sections."""
    made = complete()
    page = write_report(made, tmp_path / "report.html").read_text(encoding="utf-8")

    for anchor in Anchor:
        place = place_of("toy", anchor)
        assert (place == anchor) == (anchor in OF_PAGE)
        if anchor not in (Anchor.CALIBRATION_CHECK, Anchor.NOTICES):  # only of some audits
            assert f'id="{place}"' in page


def test_what_no_audit_contains_is_open_until_it_is_stated():
    """Ethics approval, for one."""
    audit = planted_audit()

    before = entries(audit, "stard-ai")["6"]
    after = entries(audit, "stard-ai", About(ethics_approval="Committee, 12"))["6"]

    assert (before.found.status, before.texts) == (Status.OPEN, [OPEN])
    assert (after.found.status, after.texts) == (Status.ANSWERED, ["Stated: Committee, 12"])


def test_a_partial_answer_leaves_the_remainder_to_the_authors():
    """The audit has the data set, and not the setting."""
    one = entries(planted_audit(), "claim")["7"]

    assert one.found.status == Status.PARTLY
    assert one.texts[-1] == REMAINDER


def test_answers_change_with_the_audit():
    """Numbers, verdicts, and what was analysed at all."""
    small = example(overall(0.81))
    other = example(overall(0.93, n_positive=55), *by_sex("disparity"), facts={"images": 500})
    shortcut = example(overall(), *shortcut_rows(), facts={"shortcuts": {"drain": "Pneumothorax"}})

    def answer(audit, number):
        found = entries(audit, "claim")[number].found.answer
        return found.text if found else ""

    assert "0.810 (0.780–0.840)" in answer(small, "38")
    assert "0.930 (0.900–0.960)" in answer(other, "38")
    assert "100 and 300" not in answer(other, "12")
    assert "Pneumothorax 100" in answer(other, "12")
    assert answer(small, "30") == ""
    assert "with and without a shortcut" in answer(shortcut, "30")
    assert "1 disparity" in answer(other, "37")
    assert answer(small, "39") == ""
    assert "female" in answer(other, "39")


def test_answers_do_not_contradict_the_verdicts():
    """Without a disparity none is stated, and none found is not none."""
    text = entries(example(overall(), *by_sex("inconclusive")), "stard-ai")["35"].found.answer.text

    assert "1 inconclusive" in text
    assert "not the same as none" in text


def test_hidden_cells_stay_hidden():
    """Numbers of images without a label are hidden with small cells."""
    facts = {"suppressed": {"below": 10, "rows": 3}, "images": 407}
    text = entries(example(overall(), facts=facts), "claim")["12"].found.answer.text

    assert "7" not in text
    assert "hidden" in text


def test_hostile_names_stay_text(tmp_path):
    """In every format; a spreadsheet runs no cell."""
    name = '=1+1|<img src=x onerror="x"> $\\frac{ \u202e\x00'
    rows = [overall(model=name, finding=name), *by_sex("disparity", model=name, finding=name)]
    audit = example(*rows, facts={"dataset": {"name": name, "version": "1", "license": name}})
    for suffix in (".md", ".html", ".csv"):
        path = write_checklist(
            audit, tmp_path / f"x{suffix}", guideline="claim", about=About(funding=name)
        )
        text = path.read_text(encoding="utf-8")
        assert "\u202e" not in text
        assert "\x00" not in text
        if suffix != ".csv":
            assert "<img" not in text
        else:
            cells = csv.DictReader(io.StringIO(text.split("\n# ")[0]))
            assert not any(cell.startswith("=") for row in cells for cell in row.values())


def test_another_guideline_is_named_with_those_there_are(tmp_path):
    """As any name."""
    with pytest.raises(UnknownNameError, match="Known: claim, stard-ai, tripod-ai"):
        write_checklist(example(overall()), tmp_path / "x.md", guideline="consort")
