"""CXA004: a model was trained on the audited data set, or it is not known whether."""

from cxraudit.audits.result import Audit
from cxraudit.formatting import listed
from cxraudit.report.checks.check import Check, State
from cxraudit.report.training import training_of

CODE, TITLE = "CXA004", "Model trained on this data set"


def check(audit: Audit) -> Check:
    """Compare the training data that cards name, and the user states, with the audited data set."""
    truth = audit.facts.get("truth") or {}
    origin = truth.get("origin", audit.facts["dataset"]["name"])
    training = training_of(audit)
    trained = [name for name, data in training.items() if data.includes(origin)]
    unknown = [name for name, data in training.items() if not data.known]
    sentences = []
    if trained:
        sentences.append(f"Trained on {origin}: {listed(trained)}.")
    if unknown:
        sentences.append(
            f"Not known what it was trained on: {listed(unknown)}. An overlap with {origin} cannot be "
            "excluded; state the data with --trained-on MODEL=DATA,DATA or MODEL=none."
        )
    if not sentences:
        sentences.append(f"By its card, or as stated, no model was trained on {origin}.")
    state = State.ATTENTION if trained else State.UNKNOWN if unknown else State.OK
    return Check(CODE, TITLE, state, " ".join(sentences))
