"""One look for all figures, and words that come from rows."""

import re
from xml.etree import ElementTree

import matplotlib as mpl
import pandas as pd
import pytest
from example_audit import by_sex, example, overall

from cxraudit.figures import forest, style
from cxraudit.formatting import fitted
from cxraudit.schema import Reason
from cxraudit.stats.estimate import Verdict


def test_every_verdict_has_a_colour_and_a_marker():
    """A disparity by its direction."""
    kinds = {style.kind_of(verdict, value) for verdict in Verdict for value in (-1, 1)}

    assert kinds | {""} == set(style.COLOURS) == set(style.MARKERS)
    assert style.colour_of("disparity") == style.RED


@pytest.mark.parametrize(
    ("levels", "words"),
    [
        ([0.95, 0.95, None], "95 % interval"),
        ([0.8], "80 % interval"),
        ([0.9, 0.8], "80 % interval and 90 % interval"),
        ([None], "interval"),
    ],
)
def test_intervals_are_called_by_the_level_of_their_rows(levels, words):
    """Each level once; no number where none is recorded."""
    rows = pd.DataFrame({"confidence_level": pd.Series(levels, dtype="float64")})

    assert style.interval_label(rows) == words


def test_a_missing_value_is_explained_by_its_reasons():
    """Not by its note; nothing where there is no reason."""
    assert style.missing_because(f"{Reason.SCREENED} {Reason.NO_POSITIVES}") == "no positives"
    assert style.missing_because("") == ""


def test_the_same_figure_gives_the_same_svg():
    """So that reports can be compared."""
    results = example(overall(), *by_sex("disparity")).results

    assert style.svg(forest(results, "sex")) == style.svg(forest(results, "sex"))


def test_a_figure_is_saved_as_svg_and_png(tmp_path):
    """The SVG element is returned, too."""
    figure = forest(example(overall(), *by_sex("disparity")).results, "sex")

    element = style.save(figure, tmp_path, "sex")

    assert re.match(r"<svg", element)
    assert (tmp_path / "sex.svg").read_text(encoding="utf-8").endswith(element)
    assert (tmp_path / "sex.png").stat().st_size > 5_000


@pytest.mark.parametrize("group", [r"$\frac{$", "$a$ $b", "100 %", r"a\b", "{0}", "<b>", "^_{}"])
def test_the_name_of_a_group_is_drawn_as_it_is(group):
    """A dollar sign begins no formula, whatever the settings of the user."""
    rows = [row | {"group": group} for row in by_sex("disparity")[::2]]

    with mpl.rc_context({"text.parse_math": True, "text.usetex": True}):
        drawn = style.svg(forest(example(overall(), *rows).results, "sex"))

    texts = [element.text for element in ElementTree.fromstring(drawn).iter() if element.text]
    assert any(text.strip().startswith(group) for text in texts)


def test_a_long_name_is_cut_where_it_is_drawn():
    """Its numbers, at the end, stay."""
    rows = [row | {"group": "x" * 5000} for row in by_sex("disparity")[::2]]

    drawn = style.svg(forest(example(overall(), *rows).results, "sex"))

    label = re.search("x+…x* .*<", drawn)
    assert label
    assert len(label[0]) < 80
    assert re.search(r"\d", label[0])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("short", "short"),
        ("x" * 21, "x" * 10 + "…" + "x" * 9),
        ("a\nb", "a\nb"),
        ("\n".join("abcdefgh"), "a\nb\nc\nd\ne\nf\n…"),
        ("a\x00b", "a\ufffdb"),
        ("", ""),
    ],
)
def test_texts_are_fitted_line_by_line(text, shown):
    """Both ends of a line stay, and the first lines."""
    assert fitted(text, 20) == shown
