"""Messages of the exceptions."""

import pytest

from cxraudit.errors import MissingColumnsError, UnknownNameError


@pytest.mark.parametrize(
    ("name", "hint"), [("Pneumotorax", " Did you mean 'Pneumothorax'?"), ("xyz", "")]
)
def test_an_unknown_name_gets_a_suggestion_if_one_is_similar(name, hint):
    """The known names are listed in any case."""
    error = UnknownNameError("finding", name, ["Pneumothorax", "Edema"])

    assert str(error) == f"no finding named '{name}'.{hint} Known: Edema, Pneumothorax."


def test_missing_columns_are_listed_with_some_of_those_present():
    """At most 20 of them, and the number of the others."""
    error = MissingColumnsError("the table", ["b", "a"], [f"c{i:02d}" for i in range(25)])

    assert "the table lacks the columns a, b; it has c00, c01" in str(error)
    assert "c19 and 5 more" in str(error)
