"""A small result of an audit, made by hand: what save, open and display are tested on."""

from typing import Any

import pandas as pd

from cxraudit.audits.result import Audit
from cxraudit.schema import COMPLEMENT, FLOW_COLUMNS, Analysis, results_frame, typed_frame


def row(**cells: Any) -> dict[str, Any]:
    """One row of the results table: an AUROC over all images, but for `cells`."""
    return {
        "dataset": "toy",
        "model": "m",
        "prompt_set": "none",
        "analysis": Analysis.SUBGROUPS,
        "finding": "Pneumothorax",
        "metric": "auroc",
        "value": 0.8,
        "low": 0.7,
        "high": 0.9,
        "confidence_level": 0.95,
        "method": "percentile",
        "n": 40,
        "n_positive": 11,
        "n_patients": 20,
        "n_positive_patients": 9,
        **cells,
    }


def gap(group: str, verdict: str) -> dict[str, Any]:
    """The row of a gap of a sex."""
    return row(
        attribute="sex",
        group=group,
        reference=COMPLEMENT,
        value=-0.12,
        verdict=verdict,
        margin=0.05,
    )


def small_audit(*rows: dict[str, Any], **more: Any) -> Audit:
    """Return an audit with some rows; default: one level and two gaps."""
    default = (row(), gap("female", "disparity"), gap("male", "inconclusive"))
    return Audit(
        results=results_frame(rows or default),
        exclusions=pd.DataFrame(
            {"step": ["scored"], "images": [2], "patients": [1], "reason": ["no score"]}
        ),
        flow=typed_frame(
            [
                {
                    "step": "release",
                    "reason": "all images in the tables",
                    **dict.fromkeys(("images_out", "studies_out", "patients_out"), 0),
                    **dict.fromkeys(("images", "studies", "patients"), 42),
                }
            ],
            FLOW_COLUMNS,
        ),
        excluded=pd.DataFrame({"image_id": ["a", "b"], "step": ["scored", "scored"]}),
        facts={
            "dataset": {"name": "toy", "version": "1", "license": ""},
            "images": 40,
            "patients": 20,
            "models": ["m"],
            "findings": ["Pneumothorax"],
        },
        **more,
    )
