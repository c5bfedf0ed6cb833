"""Perturbed images: inserted devices and image degradation."""

from cxraudit import figures, tables
from cxraudit.audits.perturbations.counterfactual import FALSE_POSITIVE_RATE
from cxraudit.audits.result import Audit
from cxraudit.formatting import in_sentence, percent
from cxraudit.metrics import SHIFT_MARGIN
from cxraudit.report.anchors import Anchor
from cxraudit.report.blocks import Block, Details, Heading, Section, muted, table
from cxraudit.report.sections.context import Context, of_model
from cxraudit.report.statements.own_edits import controls_of, own_edits
from cxraudit.report.statements.perturbations import followed_finding
from cxraudit.schema import OVERALL, Analysis

_ANALYSES = (Analysis.COUNTERFACTUAL, Analysis.CORRUPTION)


def build(audit: Audit, context: Context) -> Section | None:
    """Show, per model, changes of scores by inserted devices, and AUROC by severity of degradation."""
    audit = audit.without_hidden()
    rows = audit.results[audit.results["analysis"].isin(_ANALYSES)]
    models = [model for model in context.tested if model in set(rows["model"])]
    if not models:
        return None
    introduction = muted(
        f"{context.facts.perturbed_images} were scored again after one change. Each is "
        "compared with itself, and the AUROC with that of the same images unedited. Intervals are "
        f"{context.facts.interval}s."
    )
    parts = [(model, _model(audit, context, model)) for model in models]
    blocks = context.one_at_a_time("perturbations", parts)
    return Section("Perturbed images", Anchor.PERTURBATIONS, [introduction, *blocks])


def _model(audit: Audit, context: Context, model: str) -> list[Block]:
    rows = of_model(audit.results, model)
    changes = of_model(audit.image_changes, model)
    finding = followed_finding(audit)
    blocks: list[Block] = []
    if finding is not None and len(changes) and finding in set(changes["finding"]):
        drawn = figures.counterfactual(rows, changes, finding, without=own_edits(audit))
        blocks += [
            context.draw(
                drawn,
                f"{model}-{finding}-counterfactual",
                f"{model}: change of the score for {in_sentence(finding)} by inserted devices",
            ),
            muted(_COUNTERFACTUAL),
        ]
    blocks += _own(audit, context, model)
    if ((rows["analysis"] == Analysis.CORRUPTION) & (rows["attribute"] == OVERALL)).any():
        blocks += [
            Heading("Image degradation"),
            context.draw(
                figures.corruption_curves(rows),
                f"{model}-corruptions",
                f"{model}: AUROC by image degradation and severity",
            ),
        ]
        gaps = figures.corruption_gaps(rows)
        if gaps is not None:
            caption = f"{model}: gaps in AUROC by image degradation and severity"
            blocks += [context.draw(gaps, f"{model}-corruption-gaps", caption), muted(_CORRUPTIONS)]
    counterfactuals = tables.perturbations_table(rows)
    if len(counterfactuals):
        blocks.append(
            Details(
                "Numbers of the counterfactuals",
                [table(counterfactuals, f"{model}: counterfactuals")],
            )
        )
    return blocks


def _own(audit: Audit, context: Context, model: str) -> list[Block]:
    """Show the changes by own edits, of the findings whose scores change most."""
    own = own_edits(audit)
    rows = of_model(audit.results, model)
    changes = of_model(audit.image_changes, model)
    if not own or changes.empty:
        return []
    edited = changes[changes["condition"].isin(list(own))]
    means = edited.groupby(["finding", "condition"])["change"].mean().abs()
    largest = means.groupby(level="finding").max().sort_values(ascending=False, kind="stable")
    shown = list(largest.index[:MOST_FINDINGS])
    if not shown:
        return []
    controls = controls_of(own)
    drawings: list[Block] = [
        context.draw(
            figures.own_edits(rows, edited, finding, controls),
            f"{model}-{finding}-own-edits",
            f"{model}: change of the score for {in_sentence(finding)} by own edits",
        )
        for finding in shown
    ]
    others = len(largest) - len(shown)
    more = [muted(f"{others:,} more findings are in the table of numbers.")] if others else []
    note = muted(_OWN if any(controls.values()) else f"{_OWN} {_NO_CONTROL}")
    return [Heading("Own edits"), *drawings, *more, note]


MOST_FINDINGS = 3
"""Findings whose changes by own edits are drawn."""
_OWN = (
    "Above: each edited image is one entry; dots are means with their interval; band: ±"
    f"{SHIFT_MARGIN:g} standard deviations, the margin of a change. A score follows an edit only if it "
    "changes more with it than with each of its controls, on the images that have both. Standard deviation "
    f"and threshold (which flags {percent(FALSE_POSITIVE_RATE)} of images without the finding) are those of "
    "all unedited images with a score. An image that one edit changed several times counts once, with its "
    "mean."
)
_NO_CONTROL = (
    "These edits have no control: a change may be due to any trace of the generator. Give images that it "
    "changed as much elsewhere, or that it returned without an instruction, as controls."
)
_COUNTERFACTUAL = (
    "Left: each image is one entry; dots are means with their interval; band: ±"
    f"{SHIFT_MARGIN:g} standard deviations, the margin of a change. The controls change an image by as much: "
    "the same tube outside the lungs, and an edge within a lung. A score follows the drain only if it "
    "changes more with it than with either control. Images without a frontal chest, or without room for all "
    "three, are left out. Right: share of images flagged before and after, at the threshold "
    f"that flags {percent(FALSE_POSITIVE_RATE)} of all unedited images without the finding; and the mean "
    "change by group."
)
_CORRUPTIONS = (
    "Above: AUROC by severity, each finding and their mean with its interval. Below: the gap of the group of "
    "each attribute with the lowest gap at the highest severity, as the mean over findings; a gap that falls "
    "with severity means that degradation costs this group more."
)
