"""A picture as a matplotlib figure: the same positions and words as on the page."""

import re
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.text import Text
from pictures import flow, picture, plane, rows

from cxraudit.charts import house
from cxraudit.charts.drawing import draw
from cxraudit.charts.spec import Chart
from cxraudit.formatting import fitted


def figure_of(*panels):
    """The figure of one band."""
    return draw(Chart(title="", bands=(panels,)))


def texts(figure) -> list[str]:
    """All text of a figure."""
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def marks(axes) -> list[float]:
    """Where the marks of a panel stand."""
    return [
        float(line.get_xdata()[0])
        for line in axes.lines
        if line.get_marker() not in ("None", "", "|") and len(line.get_xdata()) == 1
    ]


def test_marks_and_intervals_stand_at_their_values():
    """On axes with the limits and ticks of their column, with the margin as a band."""
    left, right = figure_of(rows()).axes

    assert marks(left) == [0.5, 0.5]
    assert left.get_xlim() == (0, 1)
    ends = [tuple(float(x) for x in line.get_xdata()) for line in left.lines]
    assert {(0.25, 0.75), (0.1, 0.9), (0.4, 0.4)} <= set(ends)
    assert [band.get_width() for band in right.patches] == [pytest.approx(0.4)]
    assert [tick.get_text() for tick in left.get_yticklabels()] == [
        "female  (12)",
        "male",
        "spread",
    ]


def test_numbers_and_reasons_are_written():
    """Beside the marks, and in the place of a missing one."""
    found = texts(figure_of(rows()))

    assert "0.50 (0.25 to 0.75)  disparity" in found
    assert "no positives" in found
    assert "Edema" in found


def test_a_plane_has_its_lines_points_and_cloud():
    """A band from where its interval begins."""
    [axes] = figure_of(plane()).axes

    np.testing.assert_array_equal(axes.lines[1].get_ydata(), [0.5, np.nan, 0.25])
    assert axes.get_xlim() == (0, 2)
    assert len(axes.collections[0].get_offsets()) == 3
    assert "asian: no positives" in texts(axes.figure)


def test_a_flow_has_a_box_per_step():
    """With what was left out beside the arrow."""
    found = texts(figure_of(flow()))

    assert {"frontal\n10 images", "lateral\n2 images", "children: none"} <= set(found)


def test_bands_stand_below_each_other():
    """With the legend, the note and the title of the picture."""
    figure = draw(picture())

    assert len(figure.axes) == 2 + 3 + 1
    [legend] = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["female", "line"]
    assert legend.get_title().get_text() == "Bars of female."
    assert "By female" in texts(figure)


def test_the_same_picture_gives_the_same_files():
    """So that files can be compared."""
    for maker in (house.png, house.pdf):
        made = []
        for _ in range(2):
            figure = draw(picture())
            svg = house.svg(figure)
            made.append((svg, maker(figure)))
        assert made[0] == made[1]


@pytest.mark.parametrize("name", [r"$\frac{$", "$a$ $b", "100 %", r"a\b", "{0}", "<b>", "^_{}"])
def test_a_name_is_drawn_as_it_is(name):
    """A dollar sign begins no formula, whatever the settings of the user."""
    with mpl.rc_context({"text.parse_math": True, "text.usetex": True}):
        drawn = house.svg(draw(picture(name)))

    found = [element.text for element in ElementTree.fromstring(drawn).iter() if element.text]
    assert any(text.strip().startswith(name) for text in found)


def test_a_long_name_is_cut_where_it_is_drawn():
    """Its numbers, at the end, stay."""
    drawn = house.svg(draw(picture("x" * 5000)))

    label = re.search(r"x+…x* *\(12\)<", drawn)
    assert label
    assert len(label[0]) < 80


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
