"""Labels of the CheXpert labeler, in CheXpert, MIMIC-CXR and BRAX: 1, 0, −1 (uncertain), blank."""

from collections.abc import Iterable

import pandas as pd

from cxraudit.datasets import values
from cxraudit.datasets.base import FINDINGS
from cxraudit.datasets.release_table import ReleaseTable
from cxraudit.notices import Notice
from cxraudit.schema import UNKNOWN

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

DEVICES = "Support Devices"

_REMEDY = "A label is 1, 0, -1 or blank: correct them, or download the table again."


def chosen_findings(which: str) -> tuple[str, ...]:
    """Return the ``six`` findings of Sourget et al. (2025), or ``all`` labelled ones."""
    return (*FINDINGS, *OTHER_FINDINGS) if which == "all" else FINDINGS


def resolved(
    table: ReleaseTable, findings: Iterable[str], *, uncertain: str, blank: str
) -> pd.DataFrame:
    """Return labels as 1, 0 and NaN (not labelled), by the named policies for −1 and for blank.

    Words for missing, other than blank, are not labelled under any policy. Notices count them, and the
    uncertain labels of all findings in one sentence.

    Raises
    ------
    DataError
        If a label is not understood.
    """
    labels: dict[str, pd.Series] = {}
    doubtful: dict[str, int] = {}
    for finding in findings:
        given = values.given_labels(table.frame[finding], table.about(finding), _REMEDY)
        table.notices.extend(given.notices)
        if number := sum(given.uncertain.values()):
            doubtful[finding] = number
        decided = given.series.mask(given.series == values.UNCERTAIN, values.POLICIES[uncertain])
        labels[finding] = decided.mask(given.blank, values.POLICIES[blank])
    if doubtful:
        counts = ", ".join(f"{finding} ({number:,})" for finding, number in doubtful.items())
        stated = f"Uncertain labels count as {values.MEANS[uncertain]}: {counts}."
        number = sum(doubtful.values())
        table.notices.append(
            Notice(about=f"labels of {table.path.name}", count=number, sentence=stated)
        )
    return pd.DataFrame(labels, index=table.frame.index)


def devices_of(labels: pd.Series) -> pd.Series:
    """Return labels of support devices as ``yes``, ``no`` and ``unknown``."""
    return labels.map({1.0: "yes", 0.0: "no"}).fillna(UNKNOWN).astype("str")
