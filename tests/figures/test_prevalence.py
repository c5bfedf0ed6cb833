"""AUROC by prevalence of a shortcut: shares are those of the rows, unrounded."""

import numpy as np
from example_audit import example, shortcut_rows

from cxraudit.charts.house import new_figure
from cxraudit.figures.prevalence import draw_prevalence


def drawn():
    """The panel of the example's rows."""
    axes = new_figure(4, 3).subplots()
    draw_prevalence(axes, example(*shortcut_rows()).results, "chest drain")
    return axes


def test_the_observed_share_is_drawn_unrounded():
    """At the number of the column ``at``: 0.4321, not 43.2 %."""
    [dot] = [line for line in drawn().lines if line.get_marker() == "o"]

    assert (dot.get_xdata()[0], dot.get_ydata()[0]) == (0.4321, 0.8432)


def test_the_line_is_the_auroc_at_every_share():
    """In the order of the shares, the observed one among them."""
    line = next(line for line in drawn().lines if len(line.get_xdata()) > 2)

    np.testing.assert_allclose(line.get_xdata(), [0, 0.4321, 0.5, 1])
    np.testing.assert_allclose(line.get_ydata(), [0.8, 0.8432, 0.85, 0.9])


def test_the_independent_auroc_is_a_level():
    """A dashed line with its number."""
    axes = drawn()

    assert "independent of the finding: 0.81" in [text.get_text() for text in axes.texts]
    assert axes.get_xlabel() == "share of positives with a chest drain"
