"""AUROC by prevalence of a shortcut: shares are those of the rows, unrounded."""

import numpy as np
from example_audit import example, shortcut_rows

from cxraudit.figures.prevalence import prevalence_plane


def drawn():
    """The panel of the example's rows."""
    return prevalence_plane(example(*shortcut_rows()).results, "chest drain")


def test_the_observed_share_is_drawn_unrounded():
    """At the number of the column ``at``: 0.4321, not 43.2 %."""
    [dot] = drawn().points

    assert (dot.x, dot.y) == (0.4321, 0.8432)


def test_the_line_is_the_auroc_at_every_share():
    """In the order of the shares, the observed one among them."""
    [line] = drawn().lines

    np.testing.assert_allclose(line.x, [0, 0.4321, 0.5, 1])
    np.testing.assert_allclose(line.y, [0.8, 0.8432, 0.85, 0.9])


def test_the_independent_auroc_is_a_level():
    """A dashed line with its number."""
    plane = drawn()

    assert "independent of the finding: 0.81" in [text for _, text in plane.names]
    assert [guide.dashed for guide in plane.across] == [True]
    assert plane.x.label == "share of positives with a chest drain"
