"""The model, its output, and how decisions are made of it."""

from cxraudit.audits.embeddings.heads import HEAD
from cxraudit.audits.scores import NO_PROMPTS
from cxraudit.cards.answers.answer import Answer, by_finding, rows_of, sentences
from cxraudit.cards.subject import Subject
from cxraudit.formatting import listed, sentence_case
from cxraudit.report.anchors import Anchor
from cxraudit.report.checks import cxa004
from cxraudit.report.training import training_of
from cxraudit.schema import Analysis


def model_name(subject: Subject) -> Answer:
    """Name the model as in the audit."""
    return Answer(subject.model, ())


def prompt_sets(subject: Subject) -> list[str]:
    """Return the prompt sets the model was scored with; none where scores came without prompts."""
    names = dict.fromkeys(map(str, subject.results["prompt_set"]))
    return [name for name in names if name not in ("", NO_PROMPTS, HEAD)]


def of_heads(subject: Subject) -> bool:
    """Tell whether scores are those of heads, fitted on labels."""
    return HEAD in set(subject.results["prompt_set"])


def index_test(subject: Subject) -> Answer:
    """Describe the model and its prompts, as far as it is recorded."""
    card, names = subject.card, prompt_sets(subject)
    known = [
        f"{subject.model}: {card['summary']}." if card else f"Scores of {subject.model}.",
        f"Weights: {card['weights']}; reference: {card['reference']}." if card else "",
        f"Zero-shot scores from prompts: {listed(names)}." if names else "",
        "Scores of heads: logistic regression on its embeddings, fitted on labels of other patients."
        if of_heads(subject)
        else "",
    ]
    if not card:
        known.append("Nothing else is recorded of the model.")
    return Answer(sentences(*known), (Anchor.PROVENANCE,), complete=False)


def architecture(subject: Subject) -> Answer | None:
    """Describe the structure, as far as a card has it."""
    card = subject.card
    if not card:
        return None
    text = (
        f"{card['summary']}; input of {card['image_size']} × {card['image_size']} pixels, embeddings of "
        f"{card['embedding_dim']} dimensions."
    )
    return Answer(text, (), complete=False)


def model_output(subject: Subject) -> Answer:
    """Describe what the model gives for an image."""
    zero_shot = " from the similarity of image and prompts" if prompt_sets(subject) else ""
    text = f"A score for each image and each of {listed(subject.findings)}{zero_shot}."
    return Answer(
        sentences(text, f"Decisions: {subject.facts.operating_point}."),
        (Anchor.OPERATING_POINT,),
    )


def threshold(subject: Subject) -> Answer:
    """Give the threshold of each finding, its rule, and whose images it was chosen on."""
    if not subject.facts.has_operating_point:
        return Answer("No threshold was evaluated.", (Anchor.METHODS,), complete=False)
    chosen = [
        (str(one["finding"]), f"{one['threshold']:g} ({one['source']})")
        for one in subject.audit.facts.get("thresholds", ())
        if one["model"] == subject.model and one["threshold"] is not None
    ]
    text = sentences(
        f"{sentence_case(subject.facts.operating_point)}: {subject.facts.tuning}.",
        f"Thresholds: {by_finding(chosen)}." if chosen else "",
        "The clinical reason for this choice is for the authors to give.",
    )
    places = (Anchor.OPERATING_POINT, rows_of(Analysis.OPERATING_POINT))
    return Answer(text, places, complete=False)


def recalibration(subject: Subject) -> Answer:
    """Say whether scores were mapped to probabilities; the model itself is never changed."""
    calibration = subject.facts.settings["calibration"]
    text = {
        "none": "No probabilities were made of the scores.",
        "as is": "Scores were taken as probabilities.",
        "platt": "Scores were mapped to probabilities by Platt's method, fitted to all groups at once: "
        f"{subject.facts.tuning}.",
    }[calibration]
    return Answer(f"The audit does not change the model. {text}", (Anchor.OPERATING_POINT,))


def preprocessing(subject: Subject) -> Answer | None:
    """Give the preprocessing of the images, where cxraudit did it."""
    card = subject.card
    if not card:
        return None
    return Answer(f"Images as the model takes them: {card['transform']}.", (), complete=False)


def training_overlap(subject: Subject) -> Answer:
    """Say whether the model was trained on the audited data set."""
    known = training_of(subject.audit).get(subject.model)
    trained = f"{subject.model} was trained on: {known.words}." if known and known.known else ""
    return Answer(
        sentences(trained, cxa004.check(subject.audit).detail), (Anchor.CHECKS,), complete=False
    )


def training_data(subject: Subject) -> Answer | None:
    """Name the data sets it was trained on, where they are known."""
    known = training_of(subject.audit).get(subject.model)
    if known is None or not known.known:
        return None
    return Answer(f"Trained on: {known.words}.", (Anchor.CHECKS,), complete=False)


def partitions(subject: Subject) -> Answer:
    """Say how audited patients were divided."""
    return Answer(
        f"Within the audit, by patient. Thresholds and probabilities: {subject.facts.tuning}. AUROC is "
        "that of all audited patients.",
        (Anchor.METHODS, Anchor.PROVENANCE),
        complete=False,
    )
