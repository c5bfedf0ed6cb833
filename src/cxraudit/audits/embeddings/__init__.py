"""What is decodable from embeddings, what is associated with the score, and what projections show.

====================  ==========================================================================
module                question
====================  ==========================================================================
`probes`              is a group decodable: by a line, neighbours, a network; in full, from two axes
`projections`         what two axes show, and how far groups lie apart in the whole space
`centroids`           how far the groups' means lie apart, and in which direction
`score_direction`     is the score associated with it, and what happens if it is erased
`prompt_sensitivity`  is a gap the model's, or that of the prompt
====================  ==========================================================================
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd
from threadpoolctl import threadpool_limits

from cxraudit.audits import verdicts
from cxraudit.audits.cohort import make_cohort
from cxraudit.audits.embeddings import score_direction
from cxraudit.audits.embeddings.centroids import compare_centroids
from cxraudit.audits.embeddings.checks import check_each_once, check_severity, checked, left_out
from cxraudit.audits.embeddings.cohort import (
    EmbeddedCohort,
    ModelEmbeddings,
    PromptPair,
    embedded_cohort,
)
from cxraudit.audits.embeddings.probes import probe_attributes, too_few_patients, with_verdicts
from cxraudit.audits.embeddings.projections import project, two_axes
from cxraudit.audits.embeddings.prompt_sensitivity import over_prompts
from cxraudit.audits.engine import Engine, Evaluated, to_frame
from cxraudit.audits.groups import is_intersection
from cxraudit.audits.plan import Item
from cxraudit.datasets.base import IF_INDEPENDENT, Dataset
from cxraudit.errors import UnknownNameError, short
from cxraudit.notices import Notice
from cxraudit.progress import stage
from cxraudit.schema import joined
from cxraudit.settings import AuditSettings

__all__ = ["EmbeddingAudit", "ModelEmbeddings", "PromptPair", "audit_embeddings"]


@dataclass(frozen=True, slots=True)
class EmbeddingAudit:
    """The result of auditing embeddings."""

    results: pd.DataFrame
    """Rows of the analyses from ``probe`` to ``prompt_sensitivity``; see
    `cxraudit.schema.RESULT_COLUMNS`."""
    points: pd.DataFrame
    """Where images lie on two axes: model, image_id, x and y by PCA and t-SNE, and the attributes."""
    curves: pd.DataFrame
    """Sorted differences of centroids: model, attribute, group, rank, value, low, high."""
    prompt_gaps: pd.DataFrame
    """Gaps by prompt pair: model, finding, pair, positive, negative, attribute, group, auroc, gap, low,
    high."""
    notices: tuple[Notice, ...] = ()
    """Prompts that were left out."""


def audit_embeddings(
    dataset: Dataset,
    embeddings: Sequence[ModelEmbeddings] | ModelEmbeddings,
    *,
    attributes: str | Sequence[str] | None = None,
    settings: AuditSettings | None = None,
    share: float = 1.0,
) -> EmbeddingAudit:
    """Audit the embeddings of some models on a data set.

    Parameters
    ----------
    dataset : Dataset
        Images with findings, attributes and shortcuts.
    embeddings : ModelEmbeddings or sequence of ModelEmbeddings
        Embeddings, prompt directions and a bank of prompts, per model.
    attributes : str or sequence of str, optional
        Attributes and shortcuts to look for; default: all of the data set. Intersections are left out.
    settings : AuditSettings, optional
        Resamples, level, interval and seed, as of the audit.
    share : float
        Of the error rate of the report that this is a part of; see `cxraudit.audits.families`.

    Returns
    -------
    EmbeddingAudit
        Of a model with fewer than 50 patients with embeddings, a row per attribute says so.

    Raises
    ------
    UnknownNameError, DataError
        If there is no such attribute, or the settings name a severity that is no column of numbers.
    DataError
        If embeddings are not finite, of other shapes than their images and prompts, or have no direction; if
        a model, an image or the prompts of a finding are given twice; if no image is of the data set.
    """
    settings = settings or AuditSettings()
    check_severity(dataset, settings)
    models = [embeddings] if isinstance(embeddings, ModelEmbeddings) else list(embeddings)
    check_each_once("model", [one.model for one in models], "Give each model once.")
    models = [checked(one, dataset) for one in models]
    given = [attributes] if isinstance(attributes, str) else attributes
    wanted = [*dataset.attributes, *dataset.shortcuts] if given is None else given
    chosen = [name for name in dict.fromkeys(wanted) if not is_intersection(name)]
    for name in chosen:
        if name not in dataset.images:
            raise UnknownNameError("attribute", name, [*dataset.attributes, *dataset.shortcuts])
    of_models = len(models) if settings.error_rate == "report" else 1
    evaluated: list[Evaluated] = []
    points: list[pd.DataFrame] = []
    curves: list[pd.DataFrame] = []
    prompt_gaps: list[pd.DataFrame] = []
    notices: list[Notice] = []
    if chosen and not dataset.patients_known:
        notices.append(
            Notice(about="probes", count=len(chosen), sentence=NOT_PROBED, hidden=NOT_PROBED)
        )
    for one in models:
        known, other_findings = _of_findings(one, dataset)
        notices += [*left_out(one, dataset), *other_findings]
        scored = pd.DataFrame({"image_id": one.image_ids.astype(str)})
        images = make_cohort(dataset, scored, settings)
        cohort = embedded_cohort(images, known)
        if cohort is None:
            evaluated += Engine(images).evaluate(too_few_patients(images, known, chosen))
            continue
        with stage(f"audit embeddings of {one.model}"), threadpool_limits(settings.n_threads):
            probed = chosen if dataset.patients_known else []
            rows, tables = _audit_model(cohort, chosen, probed, share / of_models)
        evaluated += rows
        for kept, table in zip((points, curves, prompt_gaps), tables, strict=True):
            kept.append(table)
    return EmbeddingAudit(
        to_frame(evaluated, dataset.name),
        joined(points),
        joined(curves),
        joined(prompt_gaps),
        tuple(notices),
    )


NOT_PROBED = (
    f"No attribute is probed: patients are unknown, and a probe is fitted on some and measured on others. "
    f"{IF_INDEPENDENT}"
)


def _of_findings(
    embedded: ModelEmbeddings, dataset: Dataset
) -> tuple[ModelEmbeddings, list[Notice]]:
    """Leave out the prompts of findings that the data set has no labels of."""
    given = (*embedded.prompts, *embedded.bank)
    without = sorted({pair.finding for pair in given} - set(dataset.findings))
    known = replace(
        embedded,
        prompts=tuple(p for p in embedded.prompts if p.finding in dataset.findings),
        bank=tuple(p for p in embedded.bank if p.finding in dataset.findings),
        wordings=tuple(w for w in embedded.wordings if w.pair.finding in dataset.findings),
    )
    if not without:
        return known, []
    n = sum(pair.finding in without for pair in given)
    sentence = (
        f"{n:,} of {len(given):,} prompt pairs of {embedded.model} are for findings without labels in the "
        f"data set ({short(', '.join(without))}) and are left out."
    )
    return known, [Notice(about="prompts", count=n, sentence=sentence)]


def _audit_model(
    cohort: EmbeddedCohort, attributes: Sequence[str], probed: Sequence[str], share: float
) -> tuple[list[Evaluated], tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]]:
    """Run all analyses of one model; return rows, points, curves and gaps by prompt."""
    engine = Engine(cohort.cohort)
    settings = cohort.cohort.settings
    axes = two_axes(cohort)
    items: list[Item] = list(probe_attributes(engine, cohort, probed, axes))
    engine.forget()
    distances, points = project(cohort, attributes, axes)
    centroids, curves = compare_centroids(cohort, attributes)
    items += [*distances, *centroids, *score_direction.plan(engine, cohort, attributes)]
    found = with_verdicts(
        verdicts.judged(engine.evaluate(items), settings, share=share), settings.confidence_level
    )
    found = score_direction.with_adjusted(found)
    engine.forget()
    by_prompt, prompt_gaps = over_prompts(engine, cohort, attributes)
    last = [*score_direction.encoding_use(cohort, found), *by_prompt]
    return [*found, *engine.evaluate(last)], (points, curves, prompt_gaps)
