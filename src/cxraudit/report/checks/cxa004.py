"""CXA004: a model was trained on the audited data set, or it is not known whether."""

from collections.abc import Mapping

from cxraudit.audits.result import Audit
from cxraudit.datasets.published_names import not_recognised, published_name
from cxraudit.formatting import listed
from cxraudit.report.checks.check import Check, State
from cxraudit.report.training import Training, training_of
from cxraudit.settings import NO_DATA

CODE, TITLE = "CXA004", "Model trained on this data set"


def check(audit: Audit) -> Check:
    """Compare the training data that cards name, and the user states, with the audited data set."""
    name, origin = _data(audit)
    training = training_of(audit)
    trained = [one for one, data in training.items() if data.includes(origin or name)]
    unknown = [one for one, data in training.items() if not data.known]
    unsettled = []
    if unknown:
        unsettled.append(
            f"Not known what it was trained on: {listed(unknown)}. An overlap with {name} cannot be "
            "excluded; state the data with --trained-on MODEL=DATA,DATA or MODEL=none."
        )
    unsettled += _not_recognised(training, name)
    if origin is None:
        unsettled += _of_unknown_images(training, name)
    sentences = [f"Trained on {name}: {listed(trained)}."] if trained else []
    sentences += unsettled
    if not sentences:
        sentences.append(f"By its card, or as stated, no model was trained on {name}.")
    state = State.ATTENTION if trained else State.UNKNOWN if unsettled else State.OK
    return Check(CODE, TITLE, state, " ".join(sentences))


def _data(audit: Audit) -> tuple[str, str | None]:
    """Return what the audited data set is called, and which one it is; None if that is not known."""
    name = audit.facts["dataset"]["name"]
    stated = audit.facts["settings"].get("images_from", "")
    if stated.casefold() == NO_DATA:
        return name, name
    if stated:
        return stated, stated
    truth = audit.facts.get("truth") or {}
    origin = truth.get("origin", name)
    return origin, origin if truth or published_name(origin) else None


def _not_recognised(training: Mapping[str, Training], name: str) -> list[str]:
    """Say which names are of no data set that is known here: they may be another way to write one."""
    of_models = {one: not_recognised(data.data) for one, data in training.items()}
    quoted = {one: ", ".join(f"'{data}'" for data in names) for one, names in of_models.items()}
    named = [f"{one} ({names})" for one, names in quoted.items() if names]
    if not named:
        return []
    return [
        f"Training data of a name that cxraudit does not know: {listed(named)}. An overlap with {name} is "
        "found by the name alone; write that of cxraudit, or 'other: …' for data that is in none of the "
        "published data sets."
    ]


def _of_unknown_images(training: Mapping[str, Training], name: str) -> list[str]:
    """Say what models were trained on, where the images may be of it."""
    of_models = {one: data.published for one, data in training.items() if data.published}
    if not of_models:
        return []
    named = [f"{one} ({listed(sorted(data))})" for one, data in of_models.items()]
    return [
        f"Trained on published data: {listed(named)}. Whether the images of '{name}' are from it is not "
        "known; state where they are from with --images-from, which is none for images of one's own."
    ]
