"""Words and looks of marks come from rows."""

import pandas as pd
import pytest

from cxraudit.charts.look import COLOURS, KINDS, SHAPES, kind_of
from cxraudit.figures import words
from cxraudit.schema import Reason
from cxraudit.stats.estimate import Verdict


def test_every_verdict_has_a_look_of_its_own():
    """A disparity by its direction; no two differ by colour alone."""
    kinds = {kind_of(verdict, value) for verdict in Verdict for value in (-1, 1)}

    assert kinds | {""} == set(KINDS)
    assert {look.colour for look in KINDS.values()} <= set(COLOURS)
    assert {look.shape for look in KINDS.values()} <= set(SHAPES)
    forms = [(look.shape, look.hollow) for kind, look in KINDS.items() if kind]
    assert len(set(forms)) == len(forms)


@pytest.mark.parametrize(
    ("levels", "named"),
    [
        ([0.95, 0.95, None], "95 % interval"),
        ([0.8], "80 % interval"),
        ([0.9, 0.8], "80 % interval and 90 % interval"),
        ([None], "interval"),
    ],
)
def test_intervals_are_called_by_the_level_of_their_rows(levels, named):
    """Each level once; no number where none is recorded."""
    rows = pd.DataFrame({"confidence_level": pd.Series(levels, dtype="float64")})

    assert words.interval_label(rows) == named


def test_a_missing_value_is_explained_by_its_reasons():
    """Not by its note; nothing where there is no reason."""
    assert words.missing_because(f"{Reason.SCREENED} {Reason.NO_POSITIVES}") == "no positives"
    assert words.missing_because("") == ""
