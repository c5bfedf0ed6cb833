"""Labels: errors of the labels by group, and gaps by reference labels of a subset."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from cxraudit import figures
from cxraudit.audits.result import Audit
from cxraudit.audits.two_labels import label_conclusions
from cxraudit.formatting import bounds, counted, decimal, in_sentence, signed, with_interval
from cxraudit.metrics import METRICS
from cxraudit.report.anchors import Anchor
from cxraudit.report.blocks import Block, Details, Heading, Paragraph, Section, muted, table
from cxraudit.report.sections.context import Context, of_model
from cxraudit.report.statements.two_labels import ESTIMATES
from cxraudit.schema import (
    ALL_PATIENTS,
    CHANCE,
    COMPLEMENT,
    OVERALL,
    POSITIVES,
    Analysis,
    is_level,
    records,
)
from cxraudit.vocabulary import attribute_name

_RATES = {"tpr": "sensitivity", "fpr": "1 − specificity", "ppv": "PPV", "npv": "NPV"}


def build(audit: Audit, context: Context) -> Section | None:
    """Show, per model, what reference labels make of its gaps; the errors of the labels once."""
    about = audit.facts.get("reference_labels")
    rows = audit.without_hidden().results
    ours = rows[rows["analysis"] == Analysis.REFERENCE_LABELS]
    if not about or ours.empty:
        return None
    conclusions = label_conclusions(audit)
    parts = [
        (model, _model(rows, conclusions, context, model))
        for model in context.models
        if (ours["model"] == model).any()
    ]
    blocks: list[Block] = [
        *_introduction(about),
        *context.one_at_a_time("labels", parts),
        *_errors(rows, parts[0][0]),
    ]
    return Section("Labels", Anchor.LABELS, blocks)


def _introduction(about: Mapping[str, Any]) -> list[Block]:
    weighted = ", weighted to stand for all" if about["weighted"] else ""
    return [
        Paragraph(
            f"{counted(about['images'], 'image')} of {counted(about['patients'], 'patient')} "
            f"{'has' if about['images'] == 1 else 'have'} reference labels, too ({about['name']}){weighted}. "
            "The labels of the data set are called working labels here."
        ),
        muted(
            "By reference labels a gap is estimated in four ways. Reference labels on the subset, and both "
            "labels (which also takes in the working labels of all images), hold if the subset is a random "
            "sample of the images. Corrected holds if errors of the working labels do not depend on the "
            "score among images of the same class and group. Bounds hold whatever images the errors fall on. "
            "The last two need the predictive values on the subset to be those of all images, so that it was "
            "drawn by chance or by the working label. All are exploratory."
        ),
        muted(
            "These conclusions are about AUROC. Reference labels were not applied to rates at a threshold "
            "(TPR, FPR): their gaps are by working labels only."
        ),
        *_unlike(about),
    ]


def _unlike(about: Mapping[str, Any]) -> list[Block]:
    """Show in what the subset differs from the images, if it does."""
    rows = [row for row in about["compared"] if row["differs"]]
    if not rows:
        return []
    frame = pd.DataFrame(
        {
            "model": [row["model"] for row in rows],
            "finding": [row["finding"] for row in rows],
            "what": [
                f"{row['what']}: {row['group']}" if row["group"] else row["what"] for row in rows
            ],
            "subset": [decimal(row["subset"]) for row in rows],
            "all images": [decimal(row["all"]) for row in rows],
        }
    ).drop_duplicates()
    return [
        Paragraph(
            "The subset is no random sample of the images: conclusions rest on the corrected gap, or on "
            "bounds; where it was chosen by the score, also among images with the same working label, "
            "nothing is concluded."
        ),
        Details("Where the subset differs", [table(frame, "Subset and all images")]),
    ]


def _model(
    rows: pd.DataFrame, conclusions: pd.DataFrame, context: Context, model: str
) -> list[Block]:
    results = of_model(rows, model)
    own = of_model(conclusions, model)
    blocks: list[Block] = []
    for attribute in dict.fromkeys(own["attribute"]):
        name = attribute_name(attribute)
        chart = figures.label_gaps(results, attribute)
        if chart is None:
            continue
        caption = f"{model}: gaps in AUROC by {name}, by working and by reference labels"
        of_attribute = own[own["attribute"] == attribute]
        blocks += [
            Heading(f"Labels and gaps by {name}"),
            context.draw(chart, f"{model}-{attribute}-labels", caption),
            table(
                _concluded(of_attribute), f"{model}: what reference labels make of gaps by {name}"
            ),
        ]
    return [*blocks, *_dependence(results)]


def _concluded(found: pd.DataFrame) -> pd.DataFrame:
    shown = records(found)
    return pd.DataFrame(
        {
            "finding": [row["finding"] for row in shown],
            "group": [row["group"] for row in shown],
            "working labels": [_interval(row, "working") for row in shown],
            "reads": [row["working_verdict"] for row in shown],
            "reference labels": [
                f"{_interval(row, '')} {ESTIMATES[row['rests_on']]}" for row in shown
            ],
            "read": [row["verdict"] for row in shown],
            "difference": [_interval(row, "change") for row in shown],
            "conclusion": [
                f"{row['conclusion']}: {row['reason']}" if row["reason"] else row["conclusion"]
                for row in shown
            ],
        }
    ).rename(columns={"reads": "verdict", "read": "as estimated"})


def _interval(row: Mapping[str, Any], name: str) -> str:
    value, low, high = (row[one] for one in _named(name))
    if low != low:
        return "–"
    ends = bounds(low, high, signed=True)
    return f"{signed(value)} ({ends})" if value == value else ends


def _named(name: str) -> tuple[str, str, str]:
    return (name, f"{name}_low", f"{name}_high") if name else ("value", "low", "high")


def _dependence(results: pd.DataFrame) -> list[Block]:
    """Show whether errors of the labels depend on the score."""
    rows = results[
        (results["analysis"] == Analysis.LABEL_ERRORS) & (results["reference"] == CHANCE)
    ]
    shown = records(rows)
    if not shown:
        return []
    frame = pd.DataFrame(
        {
            "finding": [row["finding"] for row in shown],
            "within": [
                attribute_name(row["attribute"]) if row["attribute"] != OVERALL else ALL_PATIENTS
                for row in shown
            ],
            "images": [
                "with the finding" if row["group"] == POSITIVES else "without it" for row in shown
            ],
            "working label and score": [
                with_interval(row["value"], row["low"], row["high"], signed=True) for row in shown
            ],
        }
    )
    return [
        Details(
            "Do errors depend on the score?",
            [
                muted(
                    "Among images of one class by reference labels: how much more often than half an image "
                    "with the working label is scored above one without it. Away from 0, errors depend on "
                    "the score, and the corrected gap does not hold."
                ),
                table(frame, "Working label and score within a class"),
            ],
        )
    ]


def _errors(rows: pd.DataFrame, model: str) -> list[Block]:
    """Show sensitivity, specificity and predictive values of the working labels by group."""
    errors = of_model(rows[rows["analysis"] == Analysis.LABEL_ERRORS], model)
    errors = errors[errors["metric"].isin(list(_RATES))]
    levels = errors[is_level(errors)]
    gaps = {
        (row["finding"], row["attribute"], row["group"], row["metric"]): row
        for row in records(errors[errors["reference"] == COMPLEMENT])
    }
    lines = []
    for place, part in levels.groupby(["finding", "attribute", "group"], sort=False):
        finding, attribute, group = (str(one) for one in place)
        cells = {
            "finding": finding,
            "attribute": attribute_name(attribute) if attribute != OVERALL else "",
            "group": group or ALL_PATIENTS,
        }
        for row in records(part):
            gap = gaps.get((finding, attribute, group, row["metric"]))
            name = _RATES[row["metric"]]
            cells[name] = with_interval(row["value"], row["low"], row["high"])
            if row["metric"] in ("tpr", "fpr"):
                cells[f"gap in {name}"] = (
                    with_interval(gap["value"], gap["low"], gap["high"], signed=True) if gap else ""
                )
        lines.append(cells)
    frame = pd.DataFrame(lines).fillna("")
    findings = ", ".join(in_sentence(str(one)) for one in dict.fromkeys(frame["finding"]))
    label = METRICS["tpr"].label
    return [
        Heading("Errors of the working labels"),
        muted(
            f"Against the reference labels, on images that {model} scored; gaps are to all other groups. "
            f"Sensitivity is the {label} of the labels."
        ),
        table(frame, f"Errors of the working labels: {findings}"),
    ]
