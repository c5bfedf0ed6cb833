"""The sections of a page: one module and one line each.

A section of an audit is a module with ``build(audit, context) -> Section | None``; None leaves it out.
`OPENING` and `CLOSING` are about all audits of the page: ``build(audits, contexts) -> Section``.
"""

from cxraudit.report.sections import (
    answers,
    calibration_check,
    checks,
    cohort,
    embeddings,
    heads,
    heterogeneity,
    in_short,
    methods,
    model_comparison,
    notices,
    operating_point,
    overall,
    perturbations,
    provenance,
    reading_guide,
    regions,
    shortcuts,
    slices,
    subgroups,
    two_labels,
    verdicts,
    wordings,
)

OPENING = (verdicts, in_short)

SECTIONS = (
    answers,
    calibration_check,
    cohort,
    overall,
    subgroups,
    heterogeneity,
    operating_point,
    two_labels,
    shortcuts,
    slices,
    perturbations,
    regions,
    heads,
    embeddings,
    wordings,
    model_comparison,
    checks,
    notices,
    methods,
    provenance,
)
"""In the order of a paper, after the answers."""

CLOSING = (reading_guide,)
