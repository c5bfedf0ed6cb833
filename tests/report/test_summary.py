"""One page for a decision: what is stated, what was found, and what is left open."""

from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from example_audit import by_sex, complete, example, overall

from cxraudit.errors import ConfigError
from cxraudit.report.about import SUMMARISED, About, read_about
from cxraudit.report.summary import write_summary


def page_of(audit, folder, about=None):
    """The page, read."""
    path = write_summary(audit, folder / "summary.html", about=about)
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def test_what_is_not_stated_is_said_to_be_so(tmp_path):
    """Intended use and population are never made up."""
    terms = page_of(complete(), tmp_path).dl

    stated = dict(
        zip((t.get_text() for t in terms("dt")), (d.get_text() for d in terms("dd")), strict=True)
    )
    assert stated.pop("audited on").startswith("toy: 400 images of 200 patients")
    assert set(stated.values()) == {"not stated"}
    assert {"intended use", "population"} <= set(stated)


def test_what_is_stated_stands_there_as_text(tmp_path):
    """From a TOML file; nothing of it is markup."""
    file = tmp_path / "about.toml"
    file.write_text('intended_use = "Triage <b>of</b> all"\n')

    soup = page_of(complete(), tmp_path, read_about(file))

    assert "Triage <b>of</b> all" in soup.dl.get_text()
    assert soup.dl.b is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('use = "x"', "use: unknown key"),
        ("population = 3", "population: must be text, not 3"),
        ('population = ""', "population: "),
        ("population", "about.toml"),
        ('keywords = "x"', "keywords: "),
        ("keywords = [3]", "keywords.1: must be text, not 3"),
    ],
)
def test_a_file_with_other_keys_or_values_is_refused(tmp_path, text, words):
    """In one sentence."""
    file = tmp_path / "about.toml"
    file.write_text(text)

    with pytest.raises(ConfigError, match=words):
        read_about(file)


def test_verdicts_limits_and_lines_to_sign_are_there(tmp_path):
    """The null model has none; what is not settled is counted among the limits."""
    soup = page_of(example(overall(), *by_sex("inconclusive"), overall(model="random")), tmp_path)

    assert [h.get_text() for h in soup.find_all("h2")] == [
        "m: 1 inconclusive.",
        "Limits",
        "Decision",
    ]
    limits = [one.get_text() for one in soup.select("main > ul")[-1].find_all("li")]
    assert limits[0].startswith("1 of 1 comparison are not settled")
    assert any(one.startswith("CXA004") for one in limits)
    assert len(soup.select(".sign tbody tr")) == 2
    assert not soup.find_all(["script", "img", "link"])


def test_the_examples_of_the_documentation_are_read(tmp_path):
    """With their list of keywords."""
    folder = Path(__file__).parents[2] / "docs" / "how-to"
    for page in ("summary.md", "cards.md"):
        text = (folder / page).read_text(encoding="utf-8")
        file = tmp_path / "about.toml"
        file.write_text(text.split("```toml\n")[1].split("```")[0], encoding="utf-8")
        assert read_about(file).of("intended_use").startswith("Triage")
    assert read_about(file).of("keywords") == "pneumothorax, triage"


def test_about_names_every_key_in_the_documentation():
    """The page of each document lists those it shows."""
    folder = Path(__file__).parents[2] / "docs" / "how-to"
    for page, keys in (("summary.md", SUMMARISED), ("cards.md", About.model_fields)):
        text = (folder / page).read_text(encoding="utf-8")
        assert [key for key in keys if f"{key} = " not in text and f"`{key}`" not in text] == []


def test_the_null_model_alone_has_a_summary(tmp_path):
    """It is left out only beside others."""
    alone = example(overall(0.5, model="random"))

    page = write_summary(alone, tmp_path / "s.html").read_text(encoding="utf-8")

    assert "random on toy" in page
