"""The flow diagram counts what every filter kept and excluded."""

import pandas as pd
from charted import words

from cxraudit.figures import flow_diagram


def flow(studies: int) -> pd.DataFrame:
    """A release of 1,200 images and one filter that keeps 1,000 of them."""
    return pd.DataFrame(
        {
            "step": ["release", "frontal"],
            "reason": ["all images in the tables", "lateral view"],
            "images_out": [0, 200],
            "studies_out": [0, 150],
            "patients_out": [0, 1],
            "images": [1200, 1000],
            "studies": [studies, 850],
            "patients": [300, 299],
        }
    )


def test_steps_count_what_was_kept_and_what_was_excluded():
    """With the reason."""
    [first, last] = flow_diagram(flow(900)).panels[0].steps

    assert (first.name, first.left) == (
        "In the tables of the release",
        "1,200 images · 900 studies · 300 patients",
    )
    assert (last.reason, last.out) == ("lateral view", "200 images · 150 studies · 1 patient")


def test_a_step_that_excluded_nothing_has_no_counts():
    """And one whose counts are hidden says so."""
    table = flow(900).astype({"images_out": object, "patients_out": object})
    table.loc[1, ["images_out", "studies_out", "patients_out"]] = 0
    hidden = table.copy()
    hidden.loc[1, "images_out"] = None

    assert flow_diagram(table).panels[0].steps[1].out == ""
    assert "images hidden" in flow_diagram(hidden).panels[0].steps[1].out


def test_studies_are_left_out_where_each_is_one_image():
    """A second number would say nothing."""
    table = flow(1200)
    table["studies"] = table["images"]

    assert "stud" not in words(flow_diagram(table))
