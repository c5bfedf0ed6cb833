"""What a picture shows, for tests: marks, names and words of its panels."""

from collections.abc import Iterator

from cxraudit.charts.spec import Chart, Flow, Mark, Panel, Plane, Row, Rows


def row_panels(chart: Chart) -> list[Rows]:
    """Panels with rows."""
    return [panel for panel in chart.panels if isinstance(panel, Rows)]


def planes(chart: Chart) -> dict[str, Plane]:
    """Title → plane."""
    return {panel.title: panel for panel in chart.panels if isinstance(panel, Plane)}


def rows_of(panel: Rows) -> list[Row]:
    """All rows, in their order."""
    return [row for part in panel.parts for row in part.rows]


def marks_of(panel: Rows, column: int = 0) -> list[Mark]:
    """The marks of a column that have a value."""
    marks = [row.cells[column] for row in rows_of(panel)]
    return [mark for mark in marks if mark is not None and mark.value == mark.value]


def values(chart: Chart, column: int = 0) -> list[float]:
    """Where the marks of a column of the first panel stand, sorted."""
    return sorted(mark.value for mark in marks_of(row_panels(chart)[0], column))


def words(chart: Chart) -> str:
    """All text of a picture."""
    return "\n".join(
        [
            chart.title,
            chart.note,
            *(text for _, text in chart.legend),
            *(word for panel in chart.panels for word in _words(panel)),
        ]
    )


def _words(panel: Panel) -> Iterator[str]:
    if isinstance(panel, Flow):
        for step in panel.steps:
            yield from (step.name, step.left, step.reason, step.out)
        return
    yield panel.title
    if isinstance(panel, Plane):
        yield from (panel.x.label, panel.y.label, *panel.notes, *(text for _, text in panel.names))
        yield from (f"{point.name}: {point.text}" for point in panel.points)
        return
    for column in panel.columns:
        yield from (column.title, column.axis.label, *column.ends)
    for part in panel.parts:
        yield part.title
    for row in rows_of(panel):
        yield f"{row.name} {row.note}"
        for mark in row.cells:
            if mark:
                yield from (f"{row.name}: {mark.text}", mark.words, mark.why, mark.hover)
