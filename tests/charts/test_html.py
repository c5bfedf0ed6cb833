"""A picture as HTML: positions, numbers as text, names that stay names."""

import base64
import io
import re

import numpy as np
import pytest
from bs4 import BeautifulSoup, Tag
from pictures import AXIS, picture, plane, rows
from PIL import Image

from cxraudit.charts.html import at, style, to_html
from cxraudit.charts.look import COLOURS, KINDS, SHAPES
from cxraudit.charts.spec import Chart


def soup_of(panel) -> BeautifulSoup:
    """The elements of a picture of one panel."""
    return BeautifulSoup(to_html(Chart(title="", bands=((panel,),)), "f", "A"), "html.parser")


def row_of(name: str) -> Tag:
    """The row of a name."""
    return next(row for row in soup_of(rows()).select("tbody tr") if row.th.text.startswith(name))


def test_marks_and_intervals_stand_at_their_values_in_percent():
    """Of the axis of their column."""
    first, second = row_of("female").select("td.b > svg")

    lines = {(line.get("x1"), line.get("x2")) for line in first.find_all("line")}
    assert {("25%", "75%"), ("10%", "90%"), ("40%", "40%")} <= lines
    assert first.select("svg > svg > svg")[0]["x"] == "50%"
    assert second.select("svg > svg > svg")[0]["x"] == "75%"


def test_every_number_is_text_beside_its_mark():
    """With the verdict in words; in the place of a missing value stands why it is missing."""
    texts = [cell.get_text(strip=True) for cell in row_of("female").select("td:not(.b)")]
    missing = [cell.get_text(strip=True) for cell in row_of("male").select("td:not(.b)")]

    assert texts == ["0.50 (0.25 to 0.75)", "disparity"] * 2
    assert missing == ["no positives", "", "", ""]


def test_what_is_pointed_at_shows_its_numbers():
    """A row, a point, and a place on a line."""
    titles = {title.get_text() for title in soup_of(plane()).find_all("title")}

    assert row_of("female").title.get_text() == (
        "female: 0.50 (0.25 to 0.75); disparity; adjusted p 0.010"
    )
    assert {"female: TPR 0.50", "female, severity none: 0.50", "all patients: 0.50"} <= titles
    assert "female, severity 2: 0.25 (0.20 to 0.30)" in titles


def test_a_line_is_broken_where_a_value_is_missing():
    """And its band has the places with an interval only."""
    soup = soup_of(plane())

    assert [one["points"] for one in soup.find_all("polyline")] == ["0,500", "1000,750"]
    assert soup.polygon["points"] == "1000,700 1000,800"


def test_a_cloud_is_a_small_picture_of_its_points():
    """In their colours; points beyond the axes are not drawn."""
    address = soup_of(plane()).image["href"]
    head, data = address.split(",")
    image = Image.open(io.BytesIO(base64.b64decode(data)))

    assert head == "data:image/png;base64"
    assert len(data) < 2000
    pixels = np.asarray(image.convert("RGBA"))
    drawn = {tuple(colour) for colour in pixels[pixels[..., 3] > 0]}
    assert len(drawn) == 2
    column = np.nonzero(pixels[..., 3])[1]
    assert column.max() < image.width * 0.55


def test_a_histogram_is_as_high_as_its_shares():
    """In steps, from its first edge to its last."""
    path = next(one["d"] for one in soup_of(rows()).find_all("path") if "V" in one["d"])

    assert path == "M0 75H50L50 0H100V100H0z"


def test_a_table_has_a_head_for_every_row_and_column():
    """Also for those who do not see it: bars are hidden from them, names and numbers are not."""
    soup = soup_of(rows())

    assert [head["scope"] for head in soup.thead.find_all("th")] == ["col", "colgroup", "colgroup"]
    assert all(row.th["scope"] == "row" for row in soup.select("tbody tr:not(.part)"))
    assert all(cell.get("aria-hidden") == "true" for cell in soup.select("tbody td.b") if cell.svg)
    widths = {
        sum(int(cell.get("colspan", 1)) for cell in row.find_all(["th", "td"], recursive=False))
        for row in soup.find_all("tr")
    }
    assert widths == {7}


def test_rows_carry_what_a_page_filters_by():
    """Attribute on the picture, finding on the part, verdict on the row."""
    soup = BeautifulSoup(to_html(picture(), "f", "A"), "html.parser")

    assert soup.div["data-attribute"] == "sex"
    assert {part["data-finding"] for part in soup.find_all("tbody")} == {"Edema"}
    assert row_of("female")["data-verdict"] == "disparity"
    assert soup.select_one(".plane")["data-finding"] == "Edema"


NAMES = {
    "script": "<script>alert(1)</script>",
    "attribute": "\"'><img src=x onerror=alert(1)>",
    "end of a figure": "</title></text></svg><style>*{display:none}</style>",
    "template": "{{ 7*7 }}{% raise %}{# #}",
    "percent": "50% 1% %s",
    "mathtext": r"$\frac{$",
    "many lines": "a\nb\n\n<p>c",
    "blank": " ",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_name_stays_a_name(name):
    """The picture has the elements of one with a usual name, and the name in full."""
    html = to_html(picture(name), "f", name)
    usual = BeautifulSoup(to_html(picture(), "f", "A"), "html.parser")
    soup = BeautifulSoup(html, "html.parser")

    assert [one.name for one in soup.find_all(True)] == [one.name for one in usual.find_all(True)]
    assert any(name.strip() in row.th.get_text() for row in soup.select("tbody tr"))


def test_two_pictures_share_no_id():
    """And every reference has its target in its own picture."""
    pages = [to_html(picture(), name, "A") for name in ("figure-a", "figure-b")]

    ids = [set(re.findall(r' id="([^"]+)"', page)) for page in pages]
    assert not ids[0] & ids[1]
    for page, own in zip(pages, ids, strict=True):
        assert {target[1:] for target in re.findall(r'href="(#[^"]+)"', page)} == own


@pytest.mark.parametrize("name", [*KINDS])
def test_every_look_can_be_drawn(name):
    """Its class is in the style, its shape has an outline."""
    look = KINDS[name]

    assert f".k-{look.colour} {{ color:{COLOURS[look.colour]}; }}" in style()
    assert look.shape in SHAPES


def _luminance(colour: str) -> float:
    levels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in levels]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


@pytest.mark.parametrize(("names", "least"), [(("ink", "muted"), 4.5), (("red", "blue"), 3.0)])
def test_colours_have_contrast_to_white(names, least):
    """4.5 to 1 for text, 3 to 1 for marks (WCAG 2.2)."""
    for name in names:
        assert 1.05 / (_luminance(COLOURS[name]) + 0.05) >= least


def test_positions_beyond_an_axis_lie_at_its_end():
    """So that nothing is drawn outside of its cell."""
    assert [at(AXIS, value) for value in (-3.0, 0.333, 7.0)] == ["0", "33.3", "100"]
