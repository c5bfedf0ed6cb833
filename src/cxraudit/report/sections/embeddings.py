"""Embeddings: which attributes are decodable, and which are associated with the score."""

import pandas as pd

from cxraudit import prompts, tables
from cxraudit.audits.embeddings.probes import LITTLE
from cxraudit.audits.result import Audit
from cxraudit.figures import embeddings as figures
from cxraudit.formatting import decimal
from cxraudit.metrics import SHIFT_MARGIN
from cxraudit.report.anchors import Anchor
from cxraudit.report.blocks import (
    Block,
    Details,
    Heading,
    Listing,
    Paragraph,
    Section,
    Statements,
    muted,
    table,
)
from cxraudit.report.sections.context import Context, of_model
from cxraudit.report.statements import embeddings
from cxraudit.report.statements import of_model as statements_on
from cxraudit.schema import Analysis, records


def build(audit: Audit, context: Context) -> Section | None:
    """Show, per model, statements and figures of what is decodable and what goes with the score."""
    audit = audit.without_hidden()
    probed = audit.results[audit.results["analysis"] == Analysis.PROBE]
    models = [model for model in context.tested if model in set(probed["model"])]
    if not models:
        return None
    parts = [(model, _model(audit, context, model)) for model in models]
    blocks = context.one_at_a_time("embeddings", parts)
    introduction = muted(
        "An attribute can be decodable from an embedding without being associated with the score. A "
        "score of prompts, or of a head, is a function of one direction of the embedding space, so that its "
        "shift between groups with the same label can be estimated, and compared with what wrong labels and "
        "other findings would explain."
    )
    return Section("Embeddings", Anchor.EMBEDDINGS, [introduction, *blocks])


def _model(audit: Audit, context: Context, model: str) -> list[Block]:
    rows = of_model(audit.results, model)
    analyses = set(rows["analysis"])
    points = of_model(audit.points, model)
    blocks: list[Block] = [
        Statements(statements_on(audit, model, about=(embeddings,))),
    ]
    if len(points):
        drawn = figures.projections_and_probes(rows, points)
        blocks += [
            Heading("Projections and probes"),
            context.draw(
                drawn,
                f"{model}-projections-and-probes",
                f"{model}: images on two axes, and AUROC of probes, by attribute",
            ),
            muted(_PROBES),
        ]
    if Analysis.ENCODING_USE in analyses:
        blocks += [
            Heading("Shift of scores given the label"),
            context.draw(
                figures.score_shifts(rows),
                f"{model}-score-shifts",
                f"{model}: shift of scores between groups with the same label",
            ),
            muted(_SHIFTS),
        ]
    if Analysis.ERASURE in analyses and (rows["metric"] == "auroc_gap").any():
        drawn = context.draw(
            figures.erasure_changes(rows),
            f"{model}-erasure",
            f"{model}: changes of AUROC and gaps after erasure",
        )
        blocks.append(Details("AUROC and gaps after erasure (LEACE)", [drawn, muted(_ERASURE)]))
    blocks += _prompts(audit, context, model, rows)
    curves = of_model(audit.curves, model)
    if len(curves):
        drawn = context.draw(
            figures.centroid_curves(curves),
            f"{model}-centroids",
            f"{model}: sorted differences of the means of groups",
        )
        summary = "Differences of the means of groups, dimension by dimension"
        blocks.append(Details(summary, [drawn, muted(_CENTROIDS)]))
    blocks.append(
        Details("Numbers of the probes", [table(tables.probes_table(rows), f"{model}: probes")])
    )
    return blocks


def _prompts(audit: Audit, context: Context, model: str, rows: pd.DataFrame) -> list[Block]:
    gaps = of_model(audit.prompt_gaps, model)
    sensitivity = rows[rows["analysis"] == Analysis.PROMPT_SENSITIVITY]
    if gaps.empty or not (sensitivity["metric"] == "auroc_gap").any():
        return []
    figure = figures.prompt_gaps(gaps, rows, scored=_scored_pairs(rows))
    below_chance = [
        f"{row['finding']}: {row['note']} (AUROC {decimal(row['value'])})"
        for row in records(sensitivity[sensitivity["metric"] == "auroc"])
    ]
    return [
        Heading("Prompt sensitivity"),
        context.draw(figure, f"{model}-prompts", f"{model}: gaps in AUROC by prompt"),
        muted(_PROMPT_SENSITIVITY),
        *([Paragraph(_BELOW_CHANCE), Listing(below_chance)] if below_chance else []),
    ]


def _scored_pairs(rows: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Return the prompts of the audited scores, where their set is one of the package."""
    scores = rows[rows["analysis"] == Analysis.SUBGROUPS]
    names = [name for name in set(scores["prompt_set"]) if name in prompts.available()]
    if len(names) != 1:
        return {}
    chosen = prompts.load(names[0])
    return {str(finding): chosen.pair(str(finding)) for finding in set(scores["finding"])}


_PROBES = (
    "Left: images (at most 4,000) on two axes, in random order, with densities; the axes were fitted on half "
    "of the patients. Right: AUROC of probes that were fitted, chosen and evaluated on different patients; "
    f"red: decodable; blue: not decoded by this probe (an AUROC of {LITTLE:g} or more is excluded); hollow: "
    "unclear. That two axes do not separate groups does not mean that the embedding does not, and that one "
    "probe does not decode an attribute does not mean that none could if fitted to more patients."
)
_SHIFTS = (
    "Of groups and labels (positives, negatives), the largest shift that decides is drawn, adjusted for the "
    f"labels of other findings; shifts within the shaded band (±{SHIFT_MARGIN:g} standard deviations) are "
    "within the margin. Red: associated; hollow red: associated, by an unclear size; blue: "
    "decodable, not associated; green: not decoded by a linear probe; hollow grey: unclear."
)
_ERASURE = (
    "The attribute is erased from the embeddings in closed form, fitted without the test patients; changes "
    "are after − before, on the same test patients and resamples. What goes with the attribute, such as "
    "severity, is erased with it."
)
_PROMPT_SENSITIVITY = (
    "The same gaps with many prompt pairs. “By prompt” is the interval of the share of the wording in the "
    "variance of the gap; the remainder is that of sampling patients."
)
_BELOW_CHANCE = (
    "These prompt pairs rank the finding below chance: their wording may mean the opposite."
)
_CENTROIDS = (
    "Bands: where the whole curve lies if the means of the groups are equal (simultaneous over dimensions; "
    "signs of patients changed at random)."
)
