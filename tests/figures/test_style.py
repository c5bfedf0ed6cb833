"""One look for all figures, and words that come from rows."""

import re

import pandas as pd
import pytest
from example_audit import by_sex, example, overall

from cxraudit.figures import forest, style
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
