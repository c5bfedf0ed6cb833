"""The page in a browser: what its script does, and what hostile names do not."""

import html
import json
import re
import subprocess

import pandas as pd
import pytest
from example_audit import by_sex, complete, example, overall, row

from cxraudit.errors import ConfigError
from cxraudit.report import write_report
from cxraudit.report.pdf import find_browser
from cxraudit.schema import Analysis

OPTIONS = (
    *("--headless", "--disable-gpu", "--no-sandbox", "--no-first-run", "--dump-dom"),
    *(
        "--disable-background-networking",
        "--virtual-time-budget=20000",
        "--window-size=1400,1000",
        "--hide-scrollbars",
    ),
)
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')


@pytest.fixture(scope="module")
def browser():
    """Chromium or Chrome."""
    try:
        return find_browser()
    except ConfigError:
        pytest.skip("there is no browser")


def shown(browser, folder, page: str) -> str:
    """Return the page as the browser has it after its script."""
    file = folder / "page.html"
    file.write_text(page, encoding="utf-8")
    profile = f"--user-data-dir={folder}/profile"
    return subprocess.run(
        [browser, *OPTIONS, profile, file.as_uri()],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    ).stdout


def answer(browser, folder, page: str, expression: str, *, width: int = 1280):
    """Return what a script finds on the page, in a frame of some width: windows are at least 500 wide."""
    script = (
        f"const found = (() => {{ {expression} }})();"
        'parent.postMessage(JSON.stringify(found), "*");'
    )
    framed = POLICY.sub("", page).replace("</body>", f"<script>{script}</script></body>")
    (folder / "framed.html").write_text(framed, encoding="utf-8")
    frame = (
        f'<body><iframe src="framed.html" style="width:{width}px;height:900px;border:0"></iframe>'
        '<script>addEventListener("message", one => { const out = document.createElement("pre");'
        'out.id = "answer"; out.textContent = one.data; document.body.append(out); });</script></body>'
    )
    dom = shown(browser, folder, frame)
    return json.loads(html.unescape(re.search(r'<pre id="answer">(.*?)</pre>', dom, re.S)[1]))


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Two models, and a table of ten notices."""
    audit = complete()
    other = audit.results[audit.results["model"] == "m"].assign(model="m2")
    notices = [
        {"about": f"column {k}", "count": 10 - k, "sentence": f"Sentence {k % 2}."}
        for k in range(10)
    ]
    both = type(audit)(
        **{
            name: getattr(audit, name)
            for name in audit.__slots__
            if name not in ("results", "facts")
        },
        results=pd.concat([audit.results, other]),
        facts=audit.facts | {"notices": notices},
    )
    path = write_report(both, tmp_path_factory.mktemp("page") / "report.html")
    return path.read_text(encoding="utf-8")


NOTICES = """
  const table = [...document.querySelectorAll("table.data")].find(one => one.caption.textContent === "Notices");
  const rows = () => [...table.tBodies[0].rows].filter(one => !one.hidden).map(one => one.cells[1].textContent);
"""


def test_tables_are_sorted_by_number_either_way(browser, tmp_path, page):
    """By a button in the head of the column, which says how."""
    found = answer(
        browser,
        tmp_path,
        page,
        NOTICES
        + """
        const head = table.tHead.rows[0].cells[1], button = head.querySelector("button");
        button.click(); const up = [head.getAttribute("aria-sort"), rows()];
        button.click(); return [up, [head.getAttribute("aria-sort"), rows()]];
        """,
    )

    counts = [str(k) for k in range(1, 11)]
    assert found == [["ascending", counts], ["descending", counts[::-1]]]


def test_tables_are_filtered_by_words(browser, tmp_path, page):
    """All of them, with the number of rows that are left."""
    found = answer(
        browser,
        tmp_path,
        page,
        NOTICES
        + """
        const bar = table.previousElementSibling, words = bar.querySelector("input");
        words.value = "sentence 1."; words.dispatchEvent(new Event("input"));
        return [rows().length, bar.querySelector("[role=status]").textContent];
        """,
    )

    assert found == [5, "5 of 10 rows"]


def test_one_model_is_open_at_a_time_and_a_link_opens_its_part(browser, tmp_path, page):
    """Without a script the first is; a link into another opens that one and closes the first."""
    found = answer(
        browser,
        tmp_path,
        page,
        """
        const parts = () => [...document.querySelectorAll("#data-toy details.part[name^=subgroups]")];
        const before = parts().map(one => one.open);
        location.hash = parts()[2].querySelector("figure").id; reveal();
        return [before, parts().map(one => one.open)];
        """,
    )

    assert found == [[True, False, False], [False, False, True]]


def test_everything_can_be_reached_with_the_keyboard(browser, tmp_path, page):
    """Wide tables can be scrolled, and nothing that is clicked is no button, link or summary."""
    found = answer(
        browser,
        tmp_path,
        page,
        """
        const wide = [...document.querySelectorAll(".wide")];
        return wide.length > 5 && wide.every(one => one.tabIndex === 0 && one.getAttribute("aria-label"));
        """,
    )

    assert found


UNFOLDED = """
  document.querySelectorAll("details").forEach(one => { one.removeAttribute("name"); one.open = true; });
"""


@pytest.mark.parametrize("width", [390, 700, 1280])
def test_nothing_but_wide_tables_is_wider_than_the_page(browser, tmp_path, page, width):
    """On a phone and on a screen, with everything unfolded."""
    found = answer(
        browser,
        tmp_path,
        page,
        UNFOLDED
        + """
        const across = document.documentElement.clientWidth;
        const wider = [...document.querySelectorAll("main *")].filter(one =>
          !one.closest(".wide, .for-screen-readers, .plane svg svg, svg.b, svg.s, svg.axis") &&
          one.getBoundingClientRect().right > across + 1);
        return [innerWidth, document.documentElement.scrollWidth <= across,
          wider.slice(0, 5).map(one => one.outerHTML.slice(0, 200))];
        """,
        width=width,
    )

    assert found == [width, True, []]


@pytest.mark.parametrize("width", [390, 1280])
def test_all_text_of_figures_can_be_read(browser, tmp_path, page, width):
    """11 pixels or more, also on a phone; rows stand below each other there."""
    found = answer(
        browser,
        tmp_path,
        page,
        UNFOLDED
        + """
        const words = [...document.querySelectorAll(".chart *")].filter(one =>
          !one.closest("title") && [...one.childNodes].some(node => node.nodeType === 3 && node.textContent.trim()));
        const sizes = words.map(one => parseFloat(getComputedStyle(one).fontSize));
        const row = document.querySelector(".forest tbody tr:not(.part)");
        return [words.length > 100, Math.min(...sizes), getComputedStyle(row).display];
        """,
        width=width,
    )

    assert found[0]
    assert found[1] >= 11
    assert found[2] == ("grid" if width == 390 else "table-row")


FILTER = """
  const visible = selector => [...document.querySelectorAll(selector)].filter(one => !one.closest("[hidden]"));
  const bar = document.querySelector(".filter"), [finding, attribute, verdict] = bar.querySelectorAll("select");
  const choose = (select, value) => { select.value = value; select.dispatchEvent(new Event("change")); };
  const rows = ".forest tbody tr:not(.part)";
  const distinct = (elements, key) => [...new Set(elements.map(one => (one.closest(`[data-${key}]`) || { dataset: {} }).dataset[key] || ""))].sort();
"""


def test_the_page_is_filtered_by_finding_attribute_and_verdict(browser, tmp_path, page):
    """Rows of figures, tables and the matrix with another value are hidden, those without one stay."""
    found = answer(
        browser,
        tmp_path,
        page,
        FILTER
        + """
        const before = visible(rows).length;
        choose(verdict, "disparity");
        const byVerdict = [distinct(visible(rows), "verdict"), visible(rows).length < before,
          visible(".forest .part").every(one => [...one.parentElement.rows].some(row => row !== one && !row.hidden))];
        choose(verdict, ""); choose(attribute, "sex");
        const byAttribute = [distinct(visible(".chart[data-attribute]"), "attribute"),
          distinct(visible(".wide[data-attribute]"), "attribute"),
          distinct(visible("table.verdicts tbody td[data-attribute]"), "attribute")];
        choose(finding, "Pneumothorax");
        const byFinding = distinct(visible("table.verdicts tbody tr"), "finding");
        const count = bar.querySelector("[role=status]").textContent;
        bar.querySelector("button").click();
        return [byVerdict, byAttribute, byFinding, count, visible(rows).length === before, finding.value];
        """,
    )

    assert found[0][0] in (["disparity"], ["", "disparity"])
    assert found[0][1:] == [True, True]
    assert found[1] == [["sex"]] * 3
    assert found[2] == ["Pneumothorax"]
    assert re.fullmatch(r"\d+ of \d+ rows", found[3])
    assert found[4:] == [True, ""]


def test_both_filters_of_a_table_hold_together(browser, tmp_path, page):
    """What one hides does not come back with the other."""
    found = answer(
        browser,
        tmp_path,
        page,
        FILTER
        + """
        const table = visible("table[data-finding-column]").find(one => one.previousElementSibling && one.previousElementSibling.matches(".tools"));
        if (!table) return null;
        const words = table.previousElementSibling.querySelector("input");
        const type = text => { words.value = text; words.dispatchEvent(new Event("input")); };
        type("no such row"); const none = visible("tr").filter(one => table.tBodies[0].contains(one)).length;
        choose(finding, finding.options[1].value); bar.querySelector("button").click();
        const still = visible("tr").filter(one => table.tBodies[0].contains(one)).length;
        type(""); return [none, still, visible("tr").filter(one => table.tBodies[0].contains(one)).length === table.tBodies[0].rows.length];
        """,
    )

    assert found in (None, [0, 0, True])


def test_the_filter_can_be_used_with_the_keyboard(browser, tmp_path, page):
    """Selects with a label, and a button; without a script there is none, and nothing is hidden."""
    found = answer(
        browser,
        tmp_path,
        page,
        FILTER
        + """
        return [[finding, attribute, verdict].every(one => one.labels.length === 1 && one.tabIndex === 0 && one.options.length > 1),
          bar.querySelector("button").type];
        """,
    )

    assert found == [True, "button"]
    assert 'class="tools filter"' not in page
    assert not re.search(r"<[a-z]+ (?:[^<>]* )?hidden[ >=]", page)


HOSTILE = (
    "<script>document.title='hacked'</script>",
    '"><img src=x onerror="document.title=\'hacked\'">',
    "{{ 7*7 }} $\\frac{$ \u202egnp",
    "'; alert(1); '" + "x" * 300,
)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text(browser, tmp_path, name):
    """As model, finding and group."""
    rows = [
        one
        | {"model": name, "finding": name}
        | ({"group": name} if one.get("group") == "male" else {})
        for one in (overall(), *by_sex("disparity"), row(Analysis.SUBGROUPS, 0.4, attribute=name))
    ]
    page = write_report(example(*rows), tmp_path / "report.html").read_text(encoding="utf-8")

    dom = shown(browser, tmp_path, page)

    assert "<title>Fairness and robustness audit" in dom
    assert "<title>hacked" not in dom
    assert "<img" not in dom
    assert dom.count("<script") == 1


def test_the_page_says_the_same_without_its_script(browser, tmp_path, page):
    """Every table and figure is there before the script runs, and after."""
    tables = page.count('class="dataframe data"')

    dom = shown(browser, tmp_path, page)

    assert tables > 10
    assert dom.count('class="dataframe data"') == tables
    assert dom.count("<svg") == page.count("<svg")
