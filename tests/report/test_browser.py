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
    *("--disable-background-networking", "--virtual-time-budget=20000", "--window-size=1280,900"),
)
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')


@pytest.fixture(scope="module")
def browser():
    """Chromium or Chrome."""
    try:
        return find_browser()
    except ConfigError:
        pytest.skip("there is no browser")


def shown(browser, folder, page: str, script: str = "") -> str:
    """Return the page as the browser has it after a script; with one, the policy against it is taken out."""
    if script:
        page = POLICY.sub("", page).replace("</body>", f"<script>{script}</script></body>")
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


def answer(browser, folder, page: str, expression: str):
    """Return what a script finds on the page."""
    script = (
        f"const found = (() => {{ {expression} }})();"
        'const out = document.createElement("pre"); out.id = "answer";'
        "out.textContent = JSON.stringify(found); document.body.append(out);"
    )
    dom = shown(browser, folder, page, script)
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
    """Wide tables and figures can be scrolled, and nothing that is clicked is no button, link or summary."""
    found = answer(
        browser,
        tmp_path,
        page,
        """
        const wide = [...document.querySelectorAll(".wide, .drawn")];
        return wide.length > 5 && wide.every(one => one.tabIndex === 0 && one.getAttribute("aria-label"));
        """,
    )

    assert found


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
