"""Labels as the CheXpert labeler gives them, in CheXpert and MIMIC-CXR: 1, 0, −1 (uncertain), blank."""

import numpy as np
import pandas as pd

from cxraudit.datasets.base import FINDINGS

OTHER_FINDINGS = (
    "Edema",
    "Enlarged Cardiomediastinum",
    "Fracture",
    "Lung Lesion",
    "Lung Opacity",
    "Pleural Other",
    "No Finding",
)
"""What is labelled besides the six findings of the paper and support devices."""

POLICIES = {"zeros": 0.0, "ones": 1.0, "ignore": np.nan}
"""Name of a policy → what an uncertain or a blank label becomes."""

MEANS = {"zeros": "absent", "ones": "present", "ignore": "not labelled"}
"""Name of a policy → what it says in a sentence."""


def chosen_findings(which: str) -> tuple[str, ...]:
    """Return the ``six`` findings of the paper, or ``all`` that are labelled."""
    return (*FINDINGS, *OTHER_FINDINGS) if which == "all" else FINDINGS


def resolved(values: pd.Series, *, uncertain: str, blank: str) -> pd.Series:
    """Return labels as 1, 0 and NaN, by the named policies for −1 and for blank."""
    numbers = pd.to_numeric(values, errors="coerce")
    return numbers.fillna(POLICIES[blank]).mask(numbers == -1, POLICIES[uncertain])
