"""The applied model card of the Coalition for Health AI: as XML by its schema, and as Markdown."""

import json
import math
import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any
from xml.etree import ElementTree

from pydantic import Strict

from cxraudit.cards import evidence
from cxraudit.cards.data import text_of
from cxraudit.cards.filling import Status, filled
from cxraudit.cards.markdown import Markdown, as_markdown, bullets, paragraphs, table
from cxraudit.cards.subject import Subject
from cxraudit.cards.templates import markdown_template
from cxraudit.formatting import printed
from cxraudit.metrics import METRICS
from cxraudit.report.about import NOT_STATED
from cxraudit.schema import OVERALL, Analysis, is_level, records
from cxraudit.validation import Described, Name, Names, validated

Result = tuple[str, Mapping[str, Any]]
"""Label and row of one result of a metric."""


class Field(Described):
    """One field of the card."""

    path: Name
    """Its elements, from the root on."""
    label: Name
    facts: str = ""
    """Key of `cxraudit.cards.answers.ANSWERS`."""
    stated: Names = ()
    """Keys of `cxraudit.report.about.About`."""
    results: str = ""
    """Key of `RESULTS`, for the results of a metric."""


class Layout(Described):
    """The card: its fields in the order of the schema."""

    namespace: Name
    source: Name
    entries: Annotated[tuple[Field, ...], Strict(False)]


@cache
def layout() -> Layout:
    """Return the fields of the card."""
    data = tomllib.loads(text_of("chai.toml"))
    return validated(Layout, data, Path("chai.toml"), see="cxraudit card --help")


def usefulness(subject: Subject) -> Iterator[Result]:
    """Yield performance over all patients: AUROC, and TPR and FPR at the threshold."""
    for metric in ("auroc", "tpr", "fpr"):
        for row in evidence.overall(subject, metric):
            yield f"{METRICS[metric].label}, {row['finding']}", row


def fairness(subject: Subject) -> Iterator[Result]:
    """Yield the largest gap in AUROC by finding and attribute, and every other disparity between groups."""
    gaps = evidence.largest_gaps(subject)
    keys = {_key(row) for row in gaps}
    others = [row for row in evidence.disparities(subject) if row["analysis"] not in _OF_SAFETY]
    for row in [*gaps, *(row for row in others if _key(row) not in keys)]:
        yield _label(row), row


def safety(subject: Subject) -> Iterator[Result]:
    """Yield calibration, and every disparity by a shortcut or under perturbation."""
    rows = subject.results
    of_all = (rows["analysis"] == Analysis.CALIBRATION) & (rows["attribute"] == OVERALL)
    slopes = rows[of_all & (rows["metric"] == "calibration_slope") & is_level(rows)]
    for row in records(slopes):
        yield f"{METRICS['calibration_slope'].label}, {row['finding']}", row
    for row in evidence.disparities(subject):
        if row["analysis"] in _OF_SAFETY:
            yield _label(row), row


RESULTS: dict[str, Callable[[Subject], Iterator[Result]]] = {
    function.__name__: function for function in (usefulness, fairness, safety)
}
"""Key, as in chai.toml → results of a metric."""
_OF_SAFETY = (
    Analysis.SHORTCUT,
    Analysis.SHORTCUT_SEPARATION,
    Analysis.SHORTCUT_STANDARDISED,
    Analysis.COUNTERFACTUAL,
    Analysis.CORRUPTION,
)


def _key(row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(row[name]) for name in ("analysis", "finding", "attribute", "group", "metric"))


def _label(row: Mapping[str, Any]) -> str:
    about = str(row["analysis"]).replace("_", " ")
    label = METRICS[row["metric"]].label
    return f"{about}: {label}, {row['finding']}, {evidence.sides(row)} ({row['verdict']})"


def value_json(row: Mapping[str, Any]) -> str:
    """Return an estimate with its interval as JSON; null where it is undefined."""
    value, low, high = (float(row[name]) for name in ("value", "low", "high"))
    if not math.isfinite(value):
        return json.dumps({"kind": "single", "value": None})
    if not (math.isfinite(low) and math.isfinite(high)):
        return json.dumps({"kind": "single", "value": value})
    level = float(f"{100 * row['confidence_level']:g}")
    estimate = {
        "kind": "estimate_ci",
        "estimate": value,
        "lower": low,
        "upper": high,
        "level": int(level) if level.is_integer() else level,
    }
    return json.dumps(estimate, allow_nan=False)


def text_of_field(subject: Subject, field: Field) -> Markdown:
    """Return what is stated in a field and what the audit contains; visibly not stated if neither is."""
    found = filled(subject, field.facts, field.stated)
    parts = [paragraphs(text) for text in found.stated]
    if found.answer:
        parts.append(paragraphs(found.answer.text))
    if found.status != Status.ANSWERED:
        left = NOT_STATED if found.answer is None else f"By the developer: {NOT_STATED}."
        parts += [as_markdown(left)] if field.stated or found.answer is None else []
    return Markdown("\n\n".join(parts))


def as_xml(subject: Subject) -> str:
    """Return the card as XML."""
    card = layout()
    root = ElementTree.Element("AppliedModelCard", xmlns=card.namespace)
    for field in card.entries:
        *above, leaf = field.path.split("/")
        parent = root
        for name in above:
            found = parent.find(name)
            parent = ElementTree.SubElement(parent, name) if found is None else found
        element = ElementTree.SubElement(parent, leaf)
        if field.results:
            _add_results(element, list(RESULTS[field.results](subject)))
        elif leaf == "Keywords":
            for word in subject.stated.keywords:
                ElementTree.SubElement(element, "Keyword").text = as_markdown(word)
        elif leaf == "Bibliography":
            element.text = printed(subject.stated.of("citation") or NOT_STATED)
        else:
            element.text = printed(text_of_field(subject, field))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _add_results(parent: ElementTree.Element, results: list[Result]) -> None:
    """Add the results of a metric; the schema demands one at least."""
    pairs = [(label, value_json(row)) for label, row in results]
    for label, value in pairs or [("not audited", json.dumps({"kind": "single", "value": None}))]:
        one = ElementTree.SubElement(parent, "MetricResult")
        ElementTree.SubElement(one, "Label").text = as_markdown(label)
        ElementTree.SubElement(one, "ValueJson").text = value


def as_text(subject: Subject) -> str:
    """Return the card as Markdown."""
    card = layout()
    sections = []
    for top, fields in groupby(card.entries, key=lambda one: one.path.split("/")[0]):
        shown = [(field.label, _shown(subject, field)) for field in fields]
        sections.append((_HEADINGS[top], shown))
    return markdown_template("chai.md.j2").render(
        model=subject.model,
        source=card.source,
        synthetic=subject.synthetic,
        suppression=subject.facts.suppression,
        sections=sections,
    )


def _shown(subject: Subject, field: Field) -> Markdown:
    if field.results:
        rows = [(label, evidence.value(row)) for label, row in RESULTS[field.results](subject)]
        return table(("result", "value (interval)"), rows) if rows else Markdown("not audited")
    if field.path.endswith("Keywords"):
        return bullets(subject.stated.keywords or (NOT_STATED,))
    return text_of_field(subject, field)


_HEADINGS = {
    "BasicInfo": "Name and developer",
    "ReleaseInfo": "Release",
    "ModelSummary": "Summary",
    "UsesAndDirections": "Uses and directions",
    "Warnings": "Warnings",
    "TrustIngredients": "Trust ingredients",
    "KeyMetrics": "Key metrics",
    "Resources": "Resources",
    "Bibliography": "Bibliography",
}
