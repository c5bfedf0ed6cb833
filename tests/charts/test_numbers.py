"""The numbers of lines and points as a table."""

from dataclasses import replace

from pictures import picture, plane, rows

from cxraudit.charts.numbers import numbers_of
from cxraudit.charts.spec import Chart


def test_every_point_of_a_line_and_every_point_has_a_row():
    """With its interval, and the names of ticks as the axis has them."""
    table = numbers_of(picture())

    assert table["severity"].tolist() == ["none", "1", "2", "1.00"]
    assert table["interval"].tolist()[:3] == ["", "", "0.200 to 0.300"]
    assert table["interval of severity"].tolist()[3] == "0.50 to 1.50"


def test_numbers_that_stand_beside_marks_and_densities_are_not_repeated():
    """Rows have theirs as text; a density has none."""
    line = replace(plane().lines[0], counted=False)
    density = replace(plane(), lines=(line,), points=())

    assert numbers_of(Chart(title="", bands=((rows(),), (density,)))).empty


def test_a_long_line_has_evenly_spaced_rows():
    """At most 25."""
    many = tuple(float(k) for k in range(500))
    line = replace(plane().lines[0], x=many, y=many, low=(), high=())

    table = numbers_of(Chart(title="", bands=((replace(plane(), lines=(line,), points=()),),)))

    assert table["AUROC"].tolist() == [f"{k:.3f}" for k in range(0, 500, 20)]
