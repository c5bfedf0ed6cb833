"""What the results support, in sentences: made here once, for the page and for the terminal.

Each module of `STATEMENTS` has ``statements(audit, model)``. A sentence is about rows of the results,
which it finds by their keys; nothing is stated that no row supports. That a score *relies on* something
is stated only where an intervention on the image shows it: a device inserted or removed, or a region removed.
"""

from collections.abc import Sequence

from cxraudit.audits.result import Audit
from cxraudit.report.statements import (
    embeddings,
    models,
    operating_point,
    perturbations,
    regions,
    shortcuts,
    slices,
    subgroups,
    two_labels,
    wordings,
)
from cxraudit.report.statements.statement import Statement, Tone
from cxraudit.schema import NULL_MODEL

__all__ = ["NULL_MODEL", "STATEMENTS", "Statement", "Tone", "of_model"]

STATEMENTS = (
    subgroups,
    models,
    operating_point,
    shortcuts,
    slices,
    perturbations,
    regions,
    embeddings,
    two_labels,
    wordings,
)
_OF_NULL_MODEL = (subgroups, operating_point)
_NOT_SETTLED = (Tone.UNCLEAR_SIZE, Tone.INCONCLUSIVE, Tone.UNDEFINED)


def of_model(audit: Audit, model: str, *, about: Sequence[object] = STATEMENTS) -> list[Statement]:
    """Return the statements on one model: disparities first, then what is not settled, then equivalence.

    Parameters
    ----------
    audit : Audit
        The audit.
    model : str
        One of its models. Of the null model, what is not settled is left out.
    about : sequence of modules
        Which of `STATEMENTS`; default: all.

    Returns
    -------
    list of Statement
    """
    audit = audit.without_hidden()
    null = model == NULL_MODEL
    modules = [one for one in (_OF_NULL_MODEL if null else STATEMENTS) if one in about]
    found = [statement for one in modules for statement in one.statements(audit, model)]
    kept = [one for one in found if not (null and one.tone in _NOT_SETTLED)]
    return sorted(kept, key=lambda one: one.tone.rank)
