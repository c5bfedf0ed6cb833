"""How to read this: the metrics, gaps and verdicts of the page."""

from collections.abc import Sequence

from markupsafe import Markup

from cxraudit.audits.families import SCREENED
from cxraudit.audits.result import Audit
from cxraudit.formatting import listed, percent, sentence_case
from cxraudit.metrics import METRICS, Family, of_family
from cxraudit.report.anchors import Anchor
from cxraudit.report.blocks import Definitions, Details, Paragraph, Section
from cxraudit.report.facts import common, facts_of
from cxraudit.report.sections.context import Context
from cxraudit.schema import Confirmatory
from cxraudit.stats.estimate import Verdict
from cxraudit.stats.verdict import POWER

_LISTED = (Family.RANKING, Family.DECISION, Family.CALIBRATION)


def build(audits: Sequence[Audit], contexts: Sequence[Context]) -> Section:
    """Explain what the page shows, at the level and the margin of its audits."""
    return Section(
        "How to read this",
        Anchor.READING,
        [
            Paragraph(_gaps()),
            Paragraph(_weighting(audits)),
            Paragraph(_standardised()),
            Paragraph(_verdicts(audits)),
            *(Paragraph(text) for text in dict.fromkeys(map(_error_rate, audits))),
            *(Paragraph(text) for text in dict.fromkeys(map(_hidden, audits)) if text),
            Details("Metrics", [_metrics(audits)]),
        ],
    )


def _gaps() -> Markup:
    return Markup(
        "<b>AUROC</b> is how often an image with the finding is scored above one without: 0.5 is the chance "
        "level, 1 is always. A <b>gap</b> is the group minus all other groups (all images whose group is "
        "known and another); below zero, the model is worse for the group. Its interval comes from "
        "resampling patients, not images (unless a check above says otherwise), and from recomputing "
        "the difference on each resample. <b>Effective patients</b> are how many patients with equal numbers "
        "of images would determine the error of a row as well: where they are few, the row rests on few."
    )


def _weighting(audits: Sequence[Audit]) -> Markup:
    here = dict.fromkeys((facts.estimand, facts.drawn) for facts in map(facts_of, audits))
    return Markup(
        "<b>What is counted.</b> Here {here}. Where patients with many images differ from others, values by "
        "image and by patient differ; a check above names the gaps that depend on it."
    ).format(here="; ".join(f"{estimand}: values are those of {drawn}" for estimand, drawn in here))


def _standardised() -> Markup:
    return Markup(
        "<b>Standardised</b> by age, view or a shortcut: both sides were weighted so that, among images with "
        "the finding and among images without it, each has the same mix; a gap that vanishes is attributable "
        "to the mix. Intersections such as sex × age are screened: of what is reported there, a small share "
        "may be false (Benjamini–Hochberg)."
    )


def _hidden(audit: Audit) -> Markup:
    """Say which small cells are hidden; nothing if none are."""
    text = facts_of(audit).suppression
    return Markup("<b>Small cells.</b> {}").format(text) if text else Markup("")


def _verdicts(audits: Sequence[Audit]) -> Markup:
    meanings = {
        Verdict.DISPARITY: "the interval that holds for all comparisons at once excludes zero (the "
        "adjusted p-value is below {alpha}), and the gap is larger than the margin ({margin} for AUROC, TPR "
        "and FPR)",
        Verdict.UNCLEAR_SIZE: "the same, but whether the gap exceeds the margin is not settled",
        Verdict.SMALL: "different from zero, and within the margin",
        Verdict.EQUIVALENT: "within the margin (two one-sided tests, so that the {equivalence} decides; "
        "the bars are {interval}s and can reach further)",
        Verdict.INCONCLUSIVE: "neither is supported; the smallest difference detectable with {power} power "
        "is given",
        Verdict.UNDEFINED: "a side has no positives or no negatives",
    }
    sentences = [
        f"<i>{verdict.value.capitalize()}</i>: {meaning}." for verdict, meaning in meanings.items()
    ]
    return Markup("<b>Verdicts.</b> " + " ".join(sentences)).format(
        interval=common(audits, "interval"),
        equivalence=common(audits, "equivalence_interval"),
        alpha=common(audits, "alpha"),
        margin=common(audits, "margin"),
        power=percent(POWER),
    )


def _error_rate(audit: Audit) -> Markup:
    """Say what the chance of a false disparity is a chance of, and which comparisons share it."""
    facts = facts_of(audit)
    whole = facts.settings["error_rate"] == "report"
    rows = audit.results
    present = set(rows.loc[rows["p_adjusted"].notna(), "family"])
    families = [name for name in Confirmatory if name in present and name not in SCREENED]
    screened = [name.value for name in SCREENED if name in present]
    return Markup(
        "<b>Error rate.</b> The chance of any false disparity is at most {alpha} for {unit} of {data}. It is "
        "shared by all confirmatory comparisons ({families}), adjusted together ({how}); thin lines are "
        "intervals that hold for all of them at once, and verdicts follow these. {screened}All other "
        "differences, "
        "such as those of average precision or of calibration, are exploratory: estimates with an interval, "
        "without a verdict. Equivalence is tested comparison by comparison. Probes of embeddings have an "
        "error rate of their own."
    ).format(
        alpha=facts.alpha,
        unit="the whole report" if whole else "each model",
        data=facts.dataset,
        screened=_SCREENING.format(", ".join(screened), facts.alpha) if screened else "",
        families=listed([name.value for name in families]) if families else "none",
        how=_ADJUSTMENT[facts.settings["adjustment"]],
    )


_SCREENING = (
    "Screened instead, in shares of their own ({}): of the differences reported there, a share of at most {} "
    "is expected to be false. "
)

_ADJUSTMENT = {
    "min-p": "stepwise over shared resamples, Westfall and Young",
    "holm": "stepwise, Holm",
}


def _metrics(audits: Sequence[Audit]) -> Definitions:
    """Describe the metrics that tables show and the results hold."""
    present = {name for audit in audits for name in audit.results["metric"].unique()}
    return Definitions(
        [
            (METRICS[name].label, sentence_case(METRICS[name].description) + ".")
            for family in _LISTED
            for name in of_family(family)
            if METRICS[name].shown and name in present
        ]
    )
