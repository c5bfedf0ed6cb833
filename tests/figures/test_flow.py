"""The flow diagram counts what every filter kept and excluded."""

import pandas as pd

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


def texts(table: pd.DataFrame) -> list[str]:
    """All text of the figure."""
    return [text.get_text() for text in flow_diagram(table).axes[0].texts]


def test_boxes_count_what_was_kept_and_what_was_excluded():
    """With the reason beside the arrow."""
    found = texts(flow(900))

    assert "In the tables of the release\n1,200 images · 900 studies · 300 patients" in found
    assert "lateral view\n200 images · 150 studies · 1 patient" in found


def test_studies_are_left_out_where_each_is_one_image():
    """A second number would say nothing."""
    table = flow(1200)
    table["studies"] = table["images"]

    assert not any("stud" in text for text in texts(table))
