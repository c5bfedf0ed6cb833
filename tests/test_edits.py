"""What an edit is the control of, by any way of writing it; what contradicts itself is refused."""

import pandas as pd
import pytest

from cxraudit.edits import CONTROL_OF, beside, controls, edits_of, is_own
from cxraudit.errors import DataError
from cxraudit.schema import CONTROLS, UNEDITED

HOSTILE = '<b>drain</b> "x"; $\\frac{'


def table(*edits):
    """A table of pairs, of (edit, control_of)."""
    return pd.DataFrame(list(edits), columns=["edit", CONTROL_OF])


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        ("drain", ("drain",)),
        (" drain ", ("drain",)),
        ("drain; pacemaker", ("drain", "pacemaker")),
        ("drain;drain", ("drain",)),
        ("drain;; pacemaker;", ("drain", "pacemaker")),
        ("*", ("drain", "pacemaker")),
        ("", ()),
        (None, ()),
    ],
)
def test_a_control_names_one_edit_several_or_all(of, expected):
    """Of all: those that are no controls themselves."""
    found = controls(table(("drain", ""), ("pacemaker", ""), ("copy", of)))

    assert found == {"drain": (), "pacemaker": (), "copy": expected}


def test_a_name_may_hold_what_names_are_divided_by():
    """A semicolon, quotes and marks of other languages."""
    assert controls(table((HOSTILE, ""), ("copy", HOSTILE)))["copy"] == (HOSTILE,)


@pytest.mark.parametrize(
    ("edits", "message"),
    [
        ([("drain", ""), ("copy", "drian")], "control of 'drian', which is no edit"),
        ([("drain", "drain")], "named as its own control"),
        ([("drain", ""), ("copy", "drain"), ("copy", "")], "the rows of the edit 'copy' differ"),
    ],
)
def test_contradictions_are_refused(edits, message):
    """With what is wrong."""
    with pytest.raises(DataError, match=message):
        controls(table(*edits))


def scores(*rows):
    """A table of scores of perturbed images, of (perturbation, control_of)."""
    return pd.DataFrame(rows, columns=["perturbation", CONTROL_OF])


def test_perturbations_of_cxraudit_are_edits_like_others():
    """The drain has its controls and the images that it is about, without being named in the table."""
    found = edits_of(
        pd.DataFrame({"perturbation": [UNEDITED, "drain", *CONTROLS, "drain-removed"]})
    )

    assert {name: one.control_of for name, one in found.items()} == {
        "drain": (),
        **dict.fromkeys(CONTROLS, ("drain",)),
        "drain-removed": (),
    }
    assert found["drain"].about == ("drain", "no")
    assert found["drain-removed"].about == ("drain", "yes")
    assert not any(one.own for one in found.values())


def test_an_own_edit_of_that_name_is_about_all_its_images():
    """And has the controls that the user names, and no others."""
    found = edits_of(scores((UNEDITED, ""), ("drain", ""), ("copy", "drain")))

    assert found["drain"].own
    assert found["drain"].about is None
    assert found["copy"].control_of == ("drain",)


def test_two_edits_of_one_name_are_refused():
    """One by cxraudit and one by the user."""
    with pytest.raises(DataError, match="'drain' is the name of an own edit and of a perturbation"):
        edits_of(scores(("drain", None), ("drain", "")))


def test_own_scores_keep_apart_from_those_of_cxraudit():
    """Also their unedited ones."""
    built_in = pd.DataFrame({"perturbation": [UNEDITED, "drain"]})
    own = scores((UNEDITED, ""), ("copy", ""))

    both = beside(built_in, own)

    assert is_own(both).tolist() == [False, False, True, True]
    assert beside(None, None) is None
    assert beside(built_in, None) is built_in
    assert beside(None, own) is own
