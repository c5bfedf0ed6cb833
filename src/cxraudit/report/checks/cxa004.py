"""CXA004: a model was trained on the audited data set."""

from cxraudit.audits.result import Audit
from cxraudit.formatting import listed
from cxraudit.report.checks.check import Check, State, attention_if

CODE, TITLE = "CXA004", "Model trained on this data set"


def check(audit: Audit) -> Check:
    """Compare the training data that model cards name with the audited data set."""
    cards = audit.manifest.get("cards", {})
    if not cards:
        detail = "No model card came with the scores."
        return Check(CODE, TITLE, State.NOT_APPLICABLE, detail)
    truth = audit.facts.get("truth") or {}
    origin = truth.get("origin", audit.facts["dataset"]["name"])
    trained = [name for name, card in cards.items() if origin in card.get("trained_on", [])]
    return attention_if(
        trained,
        CODE,
        TITLE,
        detail=f"Trained on {origin}: {listed(trained) if trained else ''}.",
        otherwise="No model card names this data set.",
    )
