"""Results in, one self-contained HTML file out."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from cxraudit import tables
from cxraudit.audits.embeddings.prompt_sensitivity import INVERTED
from cxraudit.audits.perturbations import DEVICE
from cxraudit.audits.run import Audit
from cxraudit.audits.shortcuts import DEFAULT
from cxraudit.figures import embeddings as drawn
from cxraudit.figures.flow import flow_diagram
from cxraudit.figures.forest import forest
from cxraudit.figures.perturbations import corruption_curves, corruption_gaps, counterfactual
from cxraudit.figures.shortcut_arms import shortcut_gap
from cxraudit.figures.shortcut_card import shortcut_card
from cxraudit.figures.standardised import adjusted_gaps
from cxraudit.figures.style import save, svg
from cxraudit.files import folder_name, package_version, write_text
from cxraudit.report.leans import follows, sees, wears
from cxraudit.report.words import Statement, answer, checks, knows, mislabelled, without_mirrors
from cxraudit.schema import AGAINST_MODEL, ALL, REST, WITHOUT, records
from cxraudit.vocabulary import attribute_name, shortcut_name

NULL_MODEL = "random"
"""The control that knows nothing: reported in short."""


def write_report(audits: Sequence[Audit], path: Path, *, figures: Path | None = None) -> Path:
    """Write the report on one or more audits.

    Parameters
    ----------
    audits : sequence of Audit
        What to report on, one section each.
    path : pathlib.Path
        The HTML file; it holds everything and requests nothing.
    figures : pathlib.Path, optional
        Folder for the figures as SVG and PNG files, too.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("cxraudit.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    names = _section_names(audits)
    sections = [_section(record, name, figures) for record, name in zip(audits, names, strict=True)]
    shown = [
        {"model": model, "section": section, "statement": statement}
        for section in sections
        for model, said in section["answers"].items()
        if model != NULL_MODEL
        for statement in said
        if statement.tone == "bad"
    ]
    html = environment.get_template("report.html.j2").render(
        sections=sections,
        shown=shown,
        not_shown=_not_shown(audits),
        null_model=NULL_MODEL,
        n_comparisons=sum(int((record.results["reference"] != "").sum()) for record in audits),
        version=package_version(),
        made_up=any(section["truth"] for section in sections),
        made_at=max(str(record.manifest.get("made_at", "")) for record in audits),
    )
    return write_text(path, html)


def _section_names(audits: Sequence[Audit]) -> list[str]:
    """Name each section by its data set; numbered where one data set was audited twice."""
    names = [str(record.facts["dataset"]["name"]) for record in audits]
    return [
        f"{name} {names[: k + 1].count(name)}" if names.count(name) > 1 else name
        for k, name in enumerate(names)
    ]


def _not_shown(audits: Sequence[Audit]) -> list[dict[str, Any]]:
    """Attributes for which no disparity was shown, and how much the data could not tell."""
    rows = pd.concat([record.results for record in audits])
    gaps = rows[
        (rows["metric"] == "auroc") & (rows["reference"] == REST) & (rows["model"] != NULL_MODEL)
    ]
    found = []
    for (model, attribute), part in gaps.groupby(["model", "attribute"], sort=False):
        if not (part["verdict"] == "disparity").any():
            part = without_mirrors(part)
            small = int(part["verdict"].isin(["equivalent", "within margin"]).sum())
            found.append(
                {
                    "model": model,
                    "name": attribute_name(str(attribute)),
                    "small": small,
                    "all": len(part),
                }
            )
    return found


def _section(record: Audit, name: str, figures: Path | None) -> dict[str, Any]:
    results, facts = record.results, record.facts
    cards: dict[str, dict[str, Any]] = record.manifest.get("cards", {})
    models = list(dict.fromkeys(results["model"]))
    gaps = results[results["reference"] == REST]
    attributes = list(dict.fromkeys(gaps["attribute"]))
    leans = results[results["reference"] == WITHOUT]
    shortcuts = list(dict.fromkeys(leans["attribute"]))

    def keep(figure: Any, kind: str) -> str:
        if figures is None:
            return svg(figure)
        return save(figure, figures, folder_name(f"{name}-{kind}"))

    return {
        "title": name,
        "id": name.replace(" ", "-"),
        "facts": facts,
        "truth": _truth(facts, results),
        "answers": {model: answers(record, model) for model in models},
        "shortcuts": [
            {
                "name": shortcut_name(shortcut),
                "figure": keep(shortcut_gap(results, shortcut), shortcut.replace(" ", "-")),
                "mislabelled": mislabelled(results, shortcut),
                "cards": [
                    {
                        "model": model,
                        "figure": keep(
                            shortcut_card(
                                results[results["model"] == model],
                                record.places[record.places["model"] == model],
                                shortcut,
                            ),
                            f"{model}-{shortcut}-card",
                        ),
                    }
                    for model in models
                    if model != NULL_MODEL and (model, shortcut) in _with_places(record)
                ],
                "table": tables.to_html(
                    pd.concat(
                        tables.gaps_table(results[results["model"] == model], shortcut).assign(
                            model=model
                        )
                        for model in models
                    )
                ),
            }
            for shortcut in shortcuts
        ],
        "models": [
            {
                "name": model,
                "card": cards.get(model),
                "attributes": [
                    {
                        "name": attribute_name(attribute),
                        "figure": keep(forest(part, attribute), f"{model}-{attribute}"),
                        "adjusted": adjusted and keep(adjusted, f"{model}-{attribute}-adjusted"),
                        "operating": (part["metric"] == "tpr").any()
                        and {
                            "figure": keep(
                                forest(part, attribute, metric="tpr"), f"{model}-{attribute}-tpr"
                            ),
                            "table": tables.to_html(tables.operating_table(part, attribute)),
                        },
                        "levels": tables.to_html(tables.levels_table(part, attribute)),
                        "gaps": tables.to_html(tables.gaps_table(part, attribute)),
                    }
                    for attribute in attributes
                    for adjusted in [adjusted_gaps(part, attribute)]
                ],
            }
            for model, part in ((model, results[results["model"] == model]) for model in models)
        ],
        "edited": _edited(record, models, keep),
        "knowledge": _knowledge(record, models, keep),
        "comparison": _comparison(results),
        "checks": checks(
            results, {**facts, "exclusions": record.exclusions.to_dict("records")}, cards
        ),
        "exclusions": tables.to_html(record.exclusions) if len(record.exclusions) else "",
        "flow": keep(flow_diagram(record.flow), "flow") if len(record.exclusions) else "",
        "manifest": {"versions": {}, "inputs": {}, "commands": [], **record.manifest},
        "n_rows": len(results),
        "overall": _overall(results, models),
    }


def _with_places(record: Audit) -> set[tuple[str, str]]:
    """Return the models and shortcuts that have a card: not the arms of labels by people alone."""
    if record.places.empty:
        return set()
    return set(zip(record.places["model"], record.places["shortcut"], strict=True))


def _follows(record: Audit) -> list[str]:
    """Return the findings a drain may give away: those of the audit's shortcut, else pneumothorax."""
    assert record.edits is not None
    found = record.facts["shortcuts"].get(DEVICE, DEFAULT[DEVICE])
    return [found] if found in set(record.edits.results["finding"]) else []


def answers(record: Audit, model: str) -> list[Statement]:
    """Return all that is said of one model, what was shown first."""
    said = answer(record.results, model, record.facts["dataset"]["name"])
    if model == NULL_MODEL:
        return said
    said += sees(record.results, model)
    if record.edits is not None:
        for finding in _follows(record):
            said += follows(record.edits.results, model, finding)
        said += wears(record.edits.results, model, record.facts["settings"]["margin"])
    order = {"plain": -1, "bad": 0, "better": 1, "unsure": 2, "good": 3}
    return sorted(said, key=lambda statement: order[statement.tone])


def _edited(
    record: Audit, models: list[str], keep: Callable[[Any, str], str]
) -> list[dict[str, Any]]:
    """What images changed on purpose say, per model but the null model."""
    if record.edits is None:
        return []
    sections = []
    for model in models:
        rows = record.edits.results[record.edits.results["model"] == model]
        if model == NULL_MODEL or rows.empty:
            continue
        changes = record.edits.changes
        mine = changes[changes["model"] == model] if len(changes) else changes
        moved = [
            (
                finding,
                keep(counterfactual(rows, mine, finding), f"{model}-{finding}-counterfactual"),
            )
            for finding in _follows(record)
            if len(mine) and finding in set(mine["finding"])
        ]
        worn = (rows["severity"] > 0).any()
        gaps = corruption_gaps(rows) if worn else None
        sections.append(
            {
                "name": model,
                "images": int(rows["n"].max()),
                "moved": moved,
                "curves": keep(corruption_curves(rows), f"{model}-corruptions") if worn else "",
                "gaps": keep(gaps, f"{model}-corruption-gaps") if gaps else "",
                "table": tables.to_html(tables.changes_table(rows)),
            }
        )
    return sections


def _knowledge(
    record: Audit, models: list[str], keep: Callable[[Any, str], str]
) -> list[dict[str, Any]]:
    """What embeddings know and scores use, per model but the null model."""
    known = record.knowledge
    if known is None or known.results.empty:
        return []
    sections = []
    for model in models:
        rows = known.results[known.results["model"] == model]
        if model == NULL_MODEL or not (rows["analysis"] == "probe").any():
            continue
        points, curves, asked = (
            table[table["model"] == model] if len(table) else table
            for table in (known.points, known.curves, known.asked)
        )
        inverted = rows[rows["verdict"] == INVERTED]
        sections.append(
            {
                "name": model,
                "statements": knows(known.results, model),
                "seen": keep(drawn.seen_and_read(rows, points), f"{model}-seen-and-read"),
                "used": keep(drawn.used_or_not(rows), f"{model}-used-or-not")
                if (rows["analysis"] == "reading").any()
                else "",
                "erased": keep(drawn.erased(rows), f"{model}-erased")
                if (rows["metric"] == "change of auroc").any()
                else "",
                "centroids": keep(drawn.centroid_curves(curves), f"{model}-centroids")
                if len(curves)
                else "",
                "prompts": keep(drawn.prompt_gaps(asked, rows), f"{model}-prompts")
                if len(asked) and (rows["metric"] == "mean gap over prompts").any()
                else "",
                "inverted": [
                    f"{r['finding']}: {r['note']} (AUROC {r['value']:.2f})"
                    for r in records(inverted)
                ],
                "probes": tables.to_html(tables.probes_table(rows)),
            }
        )
    return sections


def _overall(results: pd.DataFrame, models: list[str]) -> str:
    """One row per finding, one column per model: the AUROC over all patients."""
    rows = results[
        (results["attribute"] == ALL)
        & (results["metric"] == "auroc")
        & (results["reference"] == "")
    ]
    shown = rows.assign(
        shown=[tables.with_interval(r["value"], r["low"], r["high"]) for r in records(rows)]
    ).pivot(index="finding", columns="model", values="shown")
    return tables.to_html(shown[models].rename_axis(columns=None).reset_index())


def _comparison(results: pd.DataFrame) -> str:
    """Differences between models: overall, and of the gaps that differ."""
    rows = results[
        results["reference"].str.startswith(AGAINST_MODEL) & (results["metric"] == "auroc")
    ]
    kept = rows[
        (rows["attribute"] == ALL) | rows["verdict"].isin(["disparity", "real, size unclear"])
    ]
    if kept.empty:
        return ""
    table = pd.DataFrame(
        {
            "finding": kept["finding"],
            "what": [
                "AUROC, all patients"
                if r["attribute"] == ALL
                else f"gap of {r['group']} to the rest"
                for r in records(kept)
            ],
            "difference": [
                f"{r['model']} − {r['reference'].removeprefix(AGAINST_MODEL)}"
                for r in records(kept)
            ],
            "value": [
                tables.with_interval(r["value"], r["low"], r["high"], signed=True)
                for r in records(kept)
            ],
            "verdict": kept["verdict"],
        }
    )
    return tables.to_html(table)


def _truth(facts: dict[str, Any], results: pd.DataFrame) -> list[dict[str, str]] | None:
    """For synthetic radiographs: what was planted, beside what each model's audit found."""
    truth = facts.get("truth")
    if not truth:
        return None
    rows = []
    gaps = results[results["reference"].isin([REST, WITHOUT]) & (results["metric"] == "auroc")]
    for attribute, planted in truth["planted"].items():
        here = gaps[gaps["attribute"] == attribute]
        if here.empty:
            continue
        found = {
            model: "disparity found" if (part["verdict"] == "disparity").any() else "none found"
            for model, part in here.groupby("model", sort=False)
        }
        rows.append(
            {
                "attribute": shortcut_name(attribute_name(attribute)),
                "planted": "yes" if planted else "no",
                **found,
            }
        )
    return rows
