"""Sentences on slices."""

import pytest
from example_audit import example, slice_facts

from cxraudit.report.statements import slices


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"searched": 40, "slices": []}, "None of them was ranked worse than all other images"),
        ({"searched": 40, "slices": [], "hidden": 2}, "are hidden, since they have too few"),
        ({"searched": 0, "slices": []}, "needs enough patients with, and without, a finding"),
    ],
)
def test_why_no_slice_was_examined_is_stated(changed, why):
    """None was worse, those were hidden, or none was large enough."""
    facts = slice_facts()
    [one] = facts["models"]
    facts["models"] = [one | changed]

    [found] = slices.statements(example(facts={"slices": facts}), "m")

    assert found.headline == "No slice was examined"
    assert why in found.detail
    assert f"{changed['searched']} slices large enough" in found.detail
