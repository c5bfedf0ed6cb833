"""Which models rank the images identically."""

from cxraudit.audits.result import Audit
from cxraudit.audits.score_notices import Alike, alike_models
from cxraudit.report.statements.statement import Statement, Tone
from cxraudit.schema import Reason


def statements(audit: Audit, model: str) -> list[Statement]:
    """Name the models that score, or rank, the same images as this one does."""
    return [_statement(one) for one in alike_models(audit.results) if model in one.models]


def _statement(found: Alike) -> Statement:
    detail = "Every difference in how they rank images is exactly 0."
    if found.reason == Reason.IDENTICAL_RANKING:
        detail += " Thresholds and calibration can differ."
    return Statement(Tone.EQUIVALENT, found.sentence, detail)
