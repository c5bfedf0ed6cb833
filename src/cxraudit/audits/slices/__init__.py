"""Slices: where a model ranks worst, searched on some patients and confirmed on the others.

==============  ==========================================================================
module          question
==============  ==========================================================================
`halves`        who is searched, and who confirms
`parts`         what slices are made of: values of columns
`neighbours`    and what embeddings are alike: to a text, or to each other
`search`        which slices seem worst, of those large enough
`confirmation`  whether they are, on the other patients
==============  ==========================================================================
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cxraudit.audits.cohort import Cohort, Mask, Sample
from cxraudit.audits.embeddings.cohort import ModelEmbeddings
from cxraudit.audits.engine import Engine, Evaluated
from cxraudit.audits.planned import Scored
from cxraudit.audits.slices.confirmation import confirm
from cxraudit.audits.slices.halves import search_images
from cxraudit.audits.slices.neighbours import neighbourhoods
from cxraudit.audits.slices.parts import LeftOut, Part, parts_of
from cxraudit.audits.slices.search import Searched, search, smallest
from cxraudit.notices import Notice, counted
from cxraudit.progress import stage
from cxraudit.schema import NULL_MODEL

__all__ = ["SliceAudit", "audit_slices"]


@dataclass(frozen=True, slots=True)
class SliceAudit:
    """What was searched, and what the other patients say of it."""

    evaluated: list[Evaluated] = field(default_factory=list)
    facts: dict[str, Any] | None = None
    """What the report states of the search; None without a search."""
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class _Model:
    """A model, as it scored every finding."""

    name: str
    prompt_set: str
    findings: Mapping[str, Scored]


def audit_slices(
    engine: Engine,
    scored: Sequence[Scored],
    embeddings: Sequence[ModelEmbeddings],
    columns: Collection[str],
) -> SliceAudit:
    """Search the worst slices of every model on some patients, and compare them on the others.

    Parameters
    ----------
    engine : Engine
        Whose cohort is audited; its settings say how many slices, and how they are searched.
    scored : sequence of Scored
        Every finding as every model scored it. The null model is left out.
    embeddings : sequence of ModelEmbeddings
        Of the models, for neighbourhoods; empty for slices of columns alone.
    columns : collection of str
        Columns of the data set as it was given: what the audit derives from them makes no slice.

    Returns
    -------
    SliceAudit
        Nothing where the settings want no slices.
    """
    cohort = engine.cohort
    if not cohort.settings.slices:
        return SliceAudit()
    searched = search_images(cohort, [one.samples[0] for one in scored])
    parts, left_out = parts_of(cohort, columns)
    found: list[Evaluated] = []
    models: list[dict[str, Any]] = []
    by_model = _by_model(scored)
    with stage("search slices", len(by_model)) as advance:
        for model in by_model:
            rows, facts = _of_model(engine, model, parts, embeddings, searched)
            found += rows
            models.append(facts)
            engine.forget()
            advance(1)
    counts = _patients(cohort, searched), _patients(cohort, ~searched)
    return SliceAudit(
        found,
        {
            "search_patients": counts[0],
            "confirmation_patients": counts[1],
            "smallest": smallest(cohort.settings),
            "columns": list(dict.fromkeys(part.column for part in parts)),
            "left_out": [{"column": one.column, "why": one.why} for one in left_out],
            "models": models,
        },
        tuple(_notices(left_out, models)),
    )


def _by_model(scored: Sequence[Scored]) -> list[_Model]:
    found: dict[tuple[str, str], dict[str, Scored]] = {}
    for one in scored:
        sample = one.samples[0]
        if sample.model != NULL_MODEL:
            found.setdefault((sample.model, sample.prompt_set), {})[sample.finding] = one
    return [_Model(*name, findings) for name, findings in sorted(found.items())]


def _of_model(
    engine: Engine,
    model: _Model,
    parts: Sequence[Part],
    embeddings: Sequence[ModelEmbeddings],
    searched: Mask,
) -> tuple[list[Evaluated], dict[str, Any]]:
    """Search and confirm the slices of one model."""
    cohort = engine.cohort
    names = {run.name for one in model.findings.values() for run in one.of_runs} | {model.name}
    near = [
        part
        for one in embeddings
        if one.model in names
        for part in neighbourhoods(cohort, one, searched, parts)
    ]
    samples: dict[str, list[Sample]] = {
        finding: one.samples for finding, one in model.findings.items()
    }
    result: Searched = search(cohort, samples, [*parts, *near], searched)
    rows, slices, n_hidden = confirm(engine, model.findings, result.worst, ~searched)
    return rows, {
        "model": model.name,
        "prompt_set": model.prompt_set,
        "searched": result.n_examined,
        "findings": list(result.findings),
        "neighbourhoods": len(near),
        "slices": slices,
        "hidden": n_hidden,
    }


def _patients(cohort: Cohort, images: Mask) -> int:
    return len(set(cohort.patients[images].tolist()))


def _notices(left_out: Sequence[LeftOut], models: Sequence[Mapping[str, Any]]) -> list[Notice]:
    """Say what could not be searched."""
    found = [
        Notice(
            about=f"column '{one.column}'",
            count=1,
            sentence=f"No slice is made of it: {one.why}.",
        )
        for one in left_out
    ]
    without = [one["model"] for one in models if not one["findings"]]
    if without:
        found.append(
            Notice(
                about="slices",
                count=len(without),
                sentence="No slices were searched for "
                f"{counted(len(without), 'model')}: no finding has enough patients, with and without it, for "
                "two sides among those that are searched.",
            )
        )
    return found
