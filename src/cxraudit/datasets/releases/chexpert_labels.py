"""Labels of the CheXpert labeler, in CheXpert and MIMIC-CXR: 1, 0, −1 (uncertain), blank."""

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
"""Labels besides the six findings of Sourget et al. (2025) and support devices."""

POLICIES = {"zeros": 0.0, "ones": 1.0, "ignore": np.nan}
"""Name of a policy → value of an uncertain or a blank label."""

MEANS = {"zeros": "absent", "ones": "present", "ignore": "not labelled"}
"""Name of a policy → its meaning in a sentence."""


def chosen_findings(which: str) -> tuple[str, ...]:
    """Return the ``six`` findings of Sourget et al. (2025), or ``all`` labelled ones."""
    return (*FINDINGS, *OTHER_FINDINGS) if which == "all" else FINDINGS


def resolved(values: pd.Series, *, uncertain: str, blank: str) -> pd.Series:
    """Return labels as 1, 0 and NaN (not labelled), by the named policies for −1 and for blank."""
    numbers = pd.to_numeric(values, errors="coerce")
    return numbers.fillna(POLICIES[blank]).mask(numbers == -1, POLICIES[uncertain])
