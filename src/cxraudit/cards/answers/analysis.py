"""What was computed, how, and where it is kept."""

from cxraudit.cards.answers.answer import RESULTS, Answer, rows_of, sentences
from cxraudit.cards.answers.data import attributes
from cxraudit.cards.answers.model import of_heads
from cxraudit.cards.subject import Subject
from cxraudit.files import package_version
from cxraudit.formatting import counted, decimal, listed, percent
from cxraudit.metrics import METRICS
from cxraudit.report.anchors import Anchor
from cxraudit.report.sections.context import context_of
from cxraudit.report.sections.methods import paragraph
from cxraudit.schema import Analysis, Confirmatory
from cxraudit.stats.verdict import POWER
from cxraudit.vocabulary import shortcut_name


def has(subject: Subject, *analyses: Analysis) -> bool:
    """Tell whether one of some analyses was made of the model."""
    return bool(subject.results["analysis"].isin(list(analyses)).any())


def design(subject: Subject) -> Answer:
    """Say what kind of study an audit is."""
    planned = f"Plan: {subject.facts.plan}." if subject.facts.plan else "No plan was registered."
    trained = "nothing is trained"
    if of_heads(subject):
        trained = (
            "and heads were fitted to its embeddings on labels of other patients of the same data"
        )
    text = (
        "Audit of a finished model on images that were there: performance, fairness and robustness are "
        f"measured, {trained}. {planned}"
    )
    return Answer(text, (Anchor.METHODS, Anchor.PROVENANCE), complete=False)


def statistics(subject: Subject) -> Answer:
    """Return the paragraph of methods of the report."""
    text, _ = paragraph(subject.audit, context_of(subject.audit, subject.facts.dataset, None))
    return Answer(text, (Anchor.METHODS,))


def performance_measures(subject: Subject) -> Answer:
    """Name every metric of the results, with its meaning for those that are shown."""
    present = dict.fromkeys(map(str, subject.results["metric"]))
    shown = [METRICS[name] for name in present if METRICS[name].shown]
    text = "; ".join(f"{one.label}: {one.description}" for one in shown)
    return Answer(f"{text}.", (Anchor.METHODS, Anchor.READING))


def uncertainty(subject: Subject) -> Answer:
    """Say how intervals and tests were made."""
    facts = subject.facts
    unit = "the whole report" if facts.settings["error_rate"] == "report" else "each model"
    text = (
        f"{facts.resampling}. Confirmatory comparisons share an error rate of {facts.alpha} for {unit} "
        f"({facts.settings['adjustment']}); equivalence within {facts.margin} by two one-sided tests "
        f"({facts.equivalence_interval})."
    )
    return Answer(text, (Anchor.METHODS, Anchor.READING))


def variability(subject: Subject) -> Answer | None:
    """Name the analyses of variability, and which of them are confirmatory."""
    present = set(subject.results["family"])
    confirmatory = [name.value for name in Confirmatory if name in present]
    if not confirmatory:
        return None
    planned = f"Planned: {subject.facts.plan}." if subject.facts.plan else "No plan was registered."
    text = sentences(
        f"Confirmatory comparisons: {listed(confirmatory)}; all other differences are exploratory and get no "
        "verdict.",
        planned,
    )
    return Answer(text, (Anchor.VERDICTS, Anchor.READING, "results.parquet: column family"))


def sample_size(subject: Subject) -> Answer:
    """Give the size, and the smallest differences that it would detect."""
    detectable = subject.results["detectable_gap"].dropna()
    power = (
        f"Of the judged comparisons, half would detect a difference of {decimal(detectable.median())} or "
        f"less with {percent(POWER)} power."
        if len(detectable)
        else ""
    )
    planned = f"Plan: {subject.facts.plan}." if subject.facts.plan else "No plan was registered."
    text = sentences(f"{subject.facts.counts}.", power, planned)
    return Answer(text, (Anchor.COHORT, "results.parquet: column detectable_gap"), complete=False)


def fairness_methods(subject: Subject) -> Answer | None:
    """Say which groups were compared, by what, and when a difference matters."""
    names = attributes(subject)
    shortcuts = [shortcut_name(str(name)) for name in subject.audit.facts["shortcuts"]]
    if not names and not shortcuts:
        return None
    text = sentences(
        f"Groups by {names}, each compared with all other groups, in AUROC and in rates at the threshold."
        if names
        else "",
        f"Shortcuts: {listed(shortcuts)}." if shortcuts else "",
        f"A difference within {subject.facts.margin} was regarded as irrelevant; a disparity is one shown to "
        "exceed it, and what shows neither is inconclusive.",
    )
    return Answer(text, (Anchor.METHODS, Anchor.READING, Anchor.SUBGROUPS))


_ROBUSTNESS = {
    Analysis.STANDARDISED: ("gaps standardised to one mix of age, view or shortcut", None),
    Analysis.SHORTCUT: ("positives with and without a shortcut", Anchor.SHORTCUTS),
    Analysis.SLICES: ("the worst slices on some patients, compared on the others", Anchor.SLICES),
    Analysis.COUNTERFACTUAL: ("devices inserted into images, with controls", Anchor.PERTURBATIONS),
    Analysis.CORRUPTION: ("image degradation of increasing severity", Anchor.PERTURBATIONS),
    Analysis.REGION: ("regions of images removed, with controls", Anchor.REGIONS),
    Analysis.PROMPT_SENSITIVITY: ("the same gaps with other prompts", Anchor.EMBEDDINGS),
    Analysis.WORDING: ("words for groups of patients in the prompts", Anchor.WORDINGS),
}


def robustness(subject: Subject) -> Answer | None:
    """Name the analyses of robustness and sensitivity that were made."""
    made = {one: what for one, what in _ROBUSTNESS.items() if has(subject, one)}
    if not made:
        return None
    text = f"Analyses of robustness: {listed([words for words, _ in made.values()])}."
    anchors = dict.fromkeys(anchor for _, anchor in made.values() if anchor)
    return Answer(text, (*anchors, rows_of(*made)))


def explanations(subject: Subject) -> Answer | None:
    """Say what embeddings were examined for."""
    if not has(subject, Analysis.PROBE):
        return None
    text = (
        "Embeddings were examined for attributes that are decodable and whether these are associated with "
        "the score given the label; single images are not explained."
    )
    return Answer(text, (Anchor.EMBEDDINGS, rows_of(Analysis.PROBE)), complete=False)


def plan(subject: Subject) -> Answer | None:
    """Give the registered plan of the analysis and departures from it."""
    if not subject.facts.plan:
        return None
    return Answer(f"{subject.facts.plan}.", (Anchor.PROVENANCE,), complete=False)


def software(subject: Subject) -> Answer:
    """Name the software of the audit with versions."""
    versions = dict(subject.audit.manifest.get("versions", {}))
    versions.setdefault("cxraudit", package_version())
    python = subject.audit.manifest.get("python")
    named = [*([f"Python {python}"] if python else []), *(f"{k} {v}" for k, v in versions.items())]
    text = f"Of the audit: {listed(named)}. Software of training is not recorded."
    return Answer(text, (Anchor.PROVENANCE,), complete=False)


def stored_outputs(subject: Subject) -> Answer:
    """Say where all estimates are, with what they were made of."""
    inputs = subject.audit.manifest.get("inputs", {})
    hashes = listed(
        [f"{name} (sha256 {one['sha256'][:16]}…)" for name, one in inputs.items()] or [""]
    )
    text = sentences(
        f"All {counted(len(subject.audit.results), 'estimate')} of the audit are in results.parquet, with "
        "settings, versions and commands in its manifest.",
        f"Inputs: {hashes}." if inputs else "",
    )
    return Answer(text, (Anchor.PROVENANCE, RESULTS, f"{RESULTS}.manifest.json"))


def evaluation(subject: Subject) -> Answer:
    """Name this audit as an evaluation of the model."""
    made_at = str(subject.audit.manifest.get("made_at", ""))[:10]
    when = f", {made_at}" if made_at else ""
    text = f"Audit with cxraudit {package_version()} on {subject.facts.dataset}{when}."
    return Answer(text, (Anchor.PROVENANCE,), complete=False)
