"""The sections of a page: one module and one line each.

A section of an audit is a module with ``build(audit, context) -> Section | None``; None leaves it out.
`OPENING` and `CLOSING` are about all audits of the page: ``build(audits, contexts) -> Section``.
"""

from cxraudit.report.sections import (
    answers,
    calibration_check,
    checks,
    embeddings,
    exclusions,
    heterogeneity,
    in_short,
    model_comparison,
    notices,
    operating_point,
    overall,
    perturbations,
    provenance,
    reading_guide,
    shortcuts,
    subgroups,
)

OPENING = (in_short,)

SECTIONS = (
    answers,
    calibration_check,
    shortcuts,
    perturbations,
    embeddings,
    overall,
    model_comparison,
    subgroups,
    heterogeneity,
    operating_point,
    checks,
    exclusions,
    notices,
    provenance,
)

CLOSING = (reading_guide,)
