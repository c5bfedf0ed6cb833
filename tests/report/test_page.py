"""The page: one file that requests nothing, whose words are those of the run."""

import base64
import hashlib
import re
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import pytest
from bs4 import BeautifulSoup
from example_audit import (
    audit_at_80_percent,
    by_sex,
    complete,
    example,
    overall,
)

from cxraudit.errors import ConfigError
from cxraudit.report import page, write_figures, write_report
from cxraudit.report.blocks import Paragraph, Section


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The page on an audit with something for every section, and where it is."""
    folder = tmp_path_factory.mktemp("report")
    path = write_report(complete(), folder / "report.html")
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser"), folder


def words_of(path) -> str:
    """Return all words of a page and of its figures, but for numbers that stand alone at an axis."""
    soup = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
    for style in soup.find_all("style"):
        style.decompose()
    for text in soup.find_all("text"):
        if re.fullmatch(r"[+−-]?[\d.]+( %)?", text.get_text().strip()):
            text.decompose()
    return " ".join(soup.get_text(" ").split())


def test_the_page_requests_nothing(written):
    """No scripts, links, images or url() of other places."""
    soup, folder = written
    html = (folder / "report.html").read_text(encoding="utf-8")

    assert not soup.find_all(["link", "img", "iframe", "object"])
    [script] = soup.find_all("script")
    assert not script.attrs
    digest = base64.b64encode(hashlib.sha256(script.string.encode()).digest()).decode()
    [policy] = [
        meta["content"]
        for meta in soup.find_all("meta", attrs={"content": True})
        if "http-equiv" in meta.attrs
    ]
    assert policy.startswith("default-src 'none';")
    assert f"script-src 'sha256-{digest}';" in policy  # no other script runs
    for element in soup.find_all(True):
        for name in ("src", "href", "xlink:href", "data"):
            target = element.get(name)
            inline = target is None or target.startswith(("#", "data:image/png;base64"))
            assert inline, (element.name, target)
    assert not re.findall(r"url\((?!#|\"#|'#)", html)
    assert "@import" not in html


def test_every_section_is_on_the_page_in_its_order(written):
    """Titles below the data set's, in the order of SECTIONS, between opening and closing ones."""
    soup, _ = written

    titles = [
        heading.get_text()
        for heading in soup.select("main > section > h2, main > section.chapter > h3")
    ]
    assert titles == [
        "Verdicts",
        "In short",
        "toy",
        "Main results",
        "Calibration check on synthetic data with known truth",
        "Cohort",
        "All patients",
        "Subgroups",
        "Tests of all groups at once",
        "Operating point and calibration",
        "Labels",
        "Shortcuts",
        "Slices",
        "Perturbed images",
        "Regions of the image",
        "Heads",
        "Embeddings",
        "Prompt wordings",
        "Differences between models",
        "Checks",
        "Notices",
        "Methods",
        "Provenance",
        "How to read this",
    ]


def test_ids_are_unique(written):
    """So that every link has one target."""
    soup, _ = written
    ids = [element["id"] for element in soup.find_all(id=True)]

    assert len(ids) == len(set(ids))


def test_every_link_has_a_target(written):
    """Contents, figures, and what figures refer to within themselves."""
    soup, _ = written
    ids = {element["id"] for element in soup.find_all(id=True)}

    targets = {
        element[name][1:]
        for name in ("href",)
        for element in soup.find_all(attrs={name: re.compile("^#")})
    }
    assert targets <= ids
    contents = soup.select(".contents a")
    assert len(contents) == len(soup.select("main section[id], main h3[id]"))


def test_figures_and_tables_are_named_for_those_who_do_not_see_them(written):
    """Figures have a name and a caption, planes are images; tables have captions and heads with a scope."""
    soup, _ = written

    for figure in soup.find_all("figure"):
        name = figure.select_one(".chart")["aria-label"]
        assert figure.figcaption.get_text().startswith(name)
        assert all(plane["role"] == "img" for plane in figure.select("svg.p"))
        assert all(plane["aria-label"] for plane in figure.select("svg.p"))
    for table in soup.select("table.forest"):
        assert table["aria-label"]
        assert all(row.th["scope"] == "row" for row in table.select("tbody tr:not(.part)"))
    for table in soup.select("table.data"):
        assert table.caption.get_text()
        assert {head.get("scope") for head in table.thead.find_all("th")} == {"col"}
    levels = [int(heading.name[1]) for heading in soup.find_all(re.compile("^h[1-6]$"))]
    assert levels[0] == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))


def test_the_title_names_models_and_data_set(written):
    """Without the null model."""
    soup, _ = written

    assert soup.find("h1").get_text() == "Fairness and robustness audit: m on toy"


def test_synthetic_radiographs_are_named_as_such(written):
    """In a banner; not where there is no truth."""
    soup, folder = written
    plain = write_report(example(overall(), *by_sex("equivalent")), folder / "plain.html")

    assert "synthetic" in soup.select_one(".banner").get_text()
    assert 'class="banner"' not in plain.read_text(encoding="utf-8")


def test_a_new_section_is_one_module_and_one_line(monkeypatch, tmp_path):
    """A module with build(), added to SECTIONS, is on the page; the template is not touched."""
    section = Section("Inter-rater agreement", "agreement", [Paragraph("κ = 0.7")])
    added = SimpleNamespace(build=lambda audit, context: section)
    silent = SimpleNamespace(build=lambda audit, context: None)
    monkeypatch.setattr(page, "SECTIONS", (*page.SECTIONS[-1:], added, silent))

    soup = BeautifulSoup(
        write_report(example(overall()), tmp_path / "r.html").read_text(), "html.parser"
    )

    assert [h.get_text() for h in soup.find_all("h3")] == [
        "Provenance",
        "Inter-rater agreement",
    ]
    assert "κ = 0.7" in soup.get_text()


def test_one_audit_or_several_and_any_path(tmp_path):
    """A single audit, a list, and a str are all taken; one data set twice is numbered."""
    audit = example(overall())

    single = write_report(audit, str(tmp_path / "one.html"))
    html = write_report([audit, audit], tmp_path / "two.html").read_text()

    assert single.is_file()
    assert 'id="data-toy-1"' in html
    assert 'id="data-toy-2"' in html


@pytest.mark.parametrize("wrong", ["report", 3, [3], None, {"audit": 1}])
def test_what_is_no_audit_is_refused(wrong, tmp_path):
    """In one sentence that names the type."""
    with pytest.raises(
        TypeError, match=r"audits must be an Audit or a sequence of them, got [^.]+\.$"
    ):
        write_report(wrong, tmp_path / "r.html")


def test_a_path_of_another_type_is_refused():
    """In one sentence."""
    with pytest.raises(TypeError, match="path must be a str or a path, got int"):
        write_report(example(overall()), 3)


def test_no_audit_and_a_folder_are_refused(tmp_path):
    """Each with what to do."""
    with pytest.raises(ConfigError, match="at least one"):
        write_report([], tmp_path / "r.html")
    with pytest.raises(ConfigError, match=r"report\.html"):
        write_report(example(overall()), tmp_path)


NAMES = {
    "script": "<script>alert(1)</script>",
    "attribute": "\"'><img src=x onerror=alert(1)>",
    "end of a figure": "</text></svg><style>*{display:none}</style>",
    "comment": "<!-- ]]> <?x?>",
    "entity": "&lt;b&gt; &amp; &#x3c;",
    "template": "{{ 7*7 }}{% raise %}{# #}",
    "format": "{0} {name} {{ %s %d %(x)s",
    "mathtext": r"$\frac{$",
    "two dollars": "$a$ and $b_1^2$",
    "LaTeX": r"\input{/etc/passwd} \\ & ~",
    "formula": "=cmd|' /C calc'!A0",
    "path": "../../etc/passwd",
    "flag": "--out",
    "300 characters": "x" * 300,
    "5,000 characters": "y" * 5000,
    "many lines": "\n".join("abcdefghij"),
    "NUL": "a\x00b",
    "escapes": "\x1b[31mred\x07\x9b",
    "right to left": "\u202egnp.exe\u2066",
    "no characters": "\ufffe\uffff",
    "pictographs": "👩🏽\u200d⚕️ 🫁",
    "other scripts": "肺炎 التهاب",
    "our word": "all other groups",
    "blank": " ",
}


def elements_with(name, folder) -> Counter[str]:
    """Return how often each element of HTML is on a page whose names are all this one."""
    named = {"finding": name, "model": name, "note": name}
    groups = {"female": name, "male": "male"}
    rows = [one | named | {"group": groups[one["group"]]} for one in by_sex("disparity")]
    audit = example(overall(**named), *rows)
    path = write_report(audit, folder / "r.html")
    soup = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
    for drawing in soup.find_all("svg"):
        drawing.clear()  # a long name has more lines; figures are parsed on their own
    return Counter(element.name for element in soup.find_all(True))


@pytest.fixture(scope="module")
def usual(tmp_path_factory) -> Counter[str]:
    """The elements of a page whose names are usual ones."""
    return elements_with("usual", tmp_path_factory.mktemp("usual"))


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_name_in_a_table_stays_a_name(name, usual, tmp_path):
    """Of a finding, a group or a model: the page gets no other element."""
    assert elements_with(name, tmp_path) == usual

    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff]", html
    )


def test_words_are_those_of_the_run(tmp_path):
    """At level 0.8, margin 0.1 and a fixed threshold no word is that of the defaults."""
    words = words_of(write_report(audit_at_80_percent(), tmp_path / "r.html"))

    for default in ("95 %", "90 %", "±0.05", "below 0.05", "20 %", "fpr=0.1", "Platt"):
        assert default not in words, default
    for own in (
        "80 % interval",
        "60 % interval",
        "equivalence is decided by the 60 % interval",
        "±0.1",
        "below 0.2",
        "threshold fixed=0.5",
        "all 400 patients are evaluated",
    ):
        assert own in words, own


def test_words_of_the_defaults_are_on_a_page_of_the_defaults(written):
    """The counterpart: level, TOST level, margin and tuning patients of a default run."""
    words = words_of(written[1] / "report.html")

    for own in ("95 % interval", "90 % interval", "±0.05", "chosen on 40 patients; the other 160"):
        assert own in words, own


def test_a_report_without_shortcut_embeddings_or_perturbations_leaves_these_sections_out(tmp_path):
    """Sections whose rows are not there build nothing."""
    html = write_report(
        example(overall(), *by_sex("inconclusive")), tmp_path / "r.html"
    ).read_text()
    titles = [h.get_text() for h in BeautifulSoup(html, "html.parser").find_all("h3")]

    assert not {"Shortcuts", "Perturbed images", "Embeddings", "Differences between models"} & set(
        titles
    )


def test_names_that_make_one_file_name_stay_apart(tmp_path):
    """Models and data sets: every id is there once, every link leads to its own."""
    rows = [
        one | {"model": name}
        for name in ("a b", "a_b", "a/b")
        for one in (overall(), *by_sex("disparity"))
    ]
    audits = []
    for name in ("verdicts", "d", "d", "d 1"):
        audit = example(*rows)
        audits.append(
            replace(audit, facts=audit.facts | {"dataset": audit.facts["dataset"] | {"name": name}})
        )

    path = write_report(audits, tmp_path / "r.html")
    files = write_figures(audits, tmp_path / "figures", formats=["svg"])

    soup = BeautifulSoup(path.read_text(), "html.parser")
    ids = [element["id"] for element in soup.find_all(id=True)]
    assert len(ids) == len(set(ids))
    assert len(files) - 1 == len(soup.find_all("figure"))
