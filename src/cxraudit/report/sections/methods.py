"""Methods: a paragraph for a paper, made of the settings of the run, with its references."""

from collections.abc import Iterator

from cxraudit.audits.result import Audit
from cxraudit.files import package_version
from cxraudit.formatting import column_name, in_sentence, listed, percent
from cxraudit.report.anchors import Anchor
from cxraudit.report.blocks import Listing, Paragraph, Section, muted
from cxraudit.report.facts import Facts
from cxraudit.report.sections.context import Context
from cxraudit.schema import Analysis
from cxraudit.vocabulary import attribute_name

_REFERENCES = {
    "delong": "DeLong et al. (1988), Biometrics 44:837–845 (AUROC)",
    "westfall": "Westfall & Young (1993), Resampling-Based Multiple Testing (adjustment)",
    "holm": "Holm (1979), Scandinavian Journal of Statistics 6:65–70 (adjustment)",
    "tost": "Schuirmann (1987), Journal of Pharmacokinetics and Biopharmaceutics 15:657–680 (equivalence)",
    "benjamini": "Benjamini & Hochberg (1995), Journal of the Royal Statistical Society B 57:289–300 "
    "(screening)",
    "platt": "Platt (1999), Advances in Large Margin Classifiers, 61–74 (probabilities)",
    "borkan": "Borkan et al. (2019), WWW '19 Companion, 491–500 (shortcut subsets)",
    "leace": "Belrose et al. (2023), NeurIPS 36 (erasure)",
    "cinelli": "Cinelli & Hazlett (2020), Journal of the Royal Statistical Society B 82:39–67 (sensitivity)",
    "sourget": "Sourget et al. (2025), arXiv 2507.21291 (the study of which this audit is an extension)",
}


def build(audit: Audit, context: Context) -> Section | None:
    """Write the paragraph, and list the references of the analyses that were made."""
    text, references = paragraph(audit, context)
    return Section(
        "Methods",
        Anchor.METHODS,
        [
            muted(
                "For the methods section of a paper; every number is one of the settings of this run."
            ),
            Paragraph(text),
            Listing([_REFERENCES[name] for name in dict.fromkeys([*references, "sourget"])]),
        ],
    )


def paragraph(audit: Audit, context: Context) -> tuple[str, list[str]]:
    """Return the paragraph, and the names of the references it rests on."""
    facts, references = context.facts, ["delong"]
    analyses = set(audit.results["analysis"])
    sentences = [_evaluated(audit, context), _compared(audit, facts)]
    if facts.settings["n_resamples"]:
        sentences += [_uncertainty(facts), _tests(facts)]
        references += ["holm" if facts.settings["adjustment"] == "holm" else "westfall", "tost"]
    for sentence, names in _further(analyses, facts):
        sentences.append(sentence)
        references += names
    sentences += [*_mixes(audit), *_heads(audit), *_wordings(audit)]
    return " ".join(sentences), references


def _evaluated(audit: Audit, context: Context) -> str:
    return (
        f"{listed(context.models)} {'was' if len(context.models) == 1 else 'were'} evaluated on "
        f"{context.facts.counts} of {context.name} for "
        f"{listed([*map(in_sentence, audit.facts['findings'])])} with cxraudit {package_version()}; "
        f"{context.facts.estimand}."
    )


def _compared(audit: Audit, facts: Facts) -> str:
    names = [attribute_name(name) for name in audit.facts["attributes"]]
    if not names:
        return "Ranking was measured by the area under the ROC curve (AUROC)."
    return (
        "Ranking was measured by the area under the ROC curve (AUROC), and each group "
        f"({listed(names)}) was compared with all other groups; a difference within {facts.margin} was "
        "regarded as irrelevant."
    )


def _uncertainty(facts: Facts) -> str:
    unit = "patients" if facts.by_patient else "images"
    return (
        f"Intervals ({percent(facts.level)}) and tests resample {unit} "
        f"({facts.settings['n_resamples']:,} resamples, seed {facts.settings['seed']})."
    )


def _tests(facts: Facts) -> str:
    by = (
        "stepwise over shared resamples"
        if facts.settings["adjustment"] == "min-p"
        else "by Holm's method"
    )
    of = "report" if facts.settings["error_rate"] == "report" else "model"
    return (
        f"Confirmatory comparisons share an error rate of {facts.alpha} per {of}, adjusted {by}; equivalence "
        f"was tested by two one-sided tests ({facts.equivalence_interval}). A comparison that shows neither "
        "is called inconclusive."
    )


def _mixes(audit: Audit) -> Iterator[str]:
    """Say what gaps were standardised by."""
    rows = audit.results[audit.results["analysis"] == Analysis.STANDARDISED]
    if len(rows):
        mixes = [column_name(name) for name in dict.fromkeys(rows["condition"])]
        yield f"Gaps were also standardised to one mix, within each class, of {listed(mixes)}."


def _heads(audit: Audit) -> Iterator[str]:
    """Say how scores of embeddings came about."""
    for one in audit.facts.get("heads") or ():
        yield (
            f"Scores of {one['model']} are those of heads: logistic regression on its embeddings, fitted on "
            f"labelled images of {one['patients']:,} other patients, with an L2 penalty chosen by the AUROC "
            "over folds of patients."
        )


def _wordings(audit: Audit) -> Iterator[str]:
    """Say how words in the prompts were compared."""
    if (audit.results["analysis"] == Analysis.WORDING).any():
        yield (
            "Prompts were also worded for groups of patients, and with neutral words; the variance between "
            "words of one attribute or topic, sampling of patients taken off, was compared between both "
            "kinds by exchanging words."
        )


def _further(analyses: set[str], facts: Facts) -> Iterator[tuple[str, list[str]]]:
    """Yield a sentence and its references for each further analysis that was made."""
    if Analysis.OPERATING_POINT in analyses:
        yield (
            f"Rates were computed at one threshold per finding ({facts.operating_point}).",
            (["platt"] if facts.settings["calibration"] == "platt" else []),
        )
    if Analysis.SHORTCUT in analyses:
        yield (
            "For shortcuts, positives with and without the shortcut were each compared with all negatives, "
            "and the score was tested for separating images with and without it, given the finding.",
            ["borkan"],
        )
    if Analysis.SLICES in analyses:
        yield (
            "The slices in which the model ranked worst were searched among combinations of groups on some "
            "patients, and compared with all other images on the others.",
            [],
        )
    if Analysis.COUNTERFACTUAL in analyses:
        yield (
            "Edited images were each compared with the unedited one, and the change by an edit with that "
            "by each of its controls."
            if (facts.recorded.get("perturbed") or {}).get("edits")
            else "Devices and two controls of equal contrast were inserted into images, and each image "
            "was compared with itself.",
            [],
        )
    if Analysis.CORRUPTION in analyses:
        yield (
            "AUROC and gaps were compared under image degradation of increasing severity.",
            ["benjamini"],
        )
    if Analysis.REGION in analyses:
        yield (
            "Regions of images were removed and filled smoothly from their border, or kept alone; AUROC was "
            "compared with that of unedited images, of a removed region of the same size elsewhere, and with "
            "chance.",
            [],
        )
    if Analysis.PROBE in analyses:
        yield (
            "Probes were fitted to embeddings of some patients, and chosen and measured on others; shifts of "
            "the score between groups were estimated given the label and the labels of other findings.",
            ["cinelli"],
        )
    if Analysis.ERASURE in analyses:
        yield "Attributes were erased from embeddings in closed form (LEACE).", ["leace"]
