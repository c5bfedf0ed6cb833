"""The whole study in one call: releases and models in, its tables and figures out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxraudit import datasets, models, prompts
from cxraudit.audits.embeddings.cohort import ModelEmbeddings
from cxraudit.audits.result import Audit
from cxraudit.datasets.base import FINDINGS, Dataset
from cxraudit.errors import ConfigError, DataError
from cxraudit.folders import refuse_foreign, writable_folder
from cxraudit.models.base import ImageTextModel
from cxraudit.notices import Tell, logged
from cxraudit.paper.bootstrap import PUBLISHED_LEVEL
from cxraudit.paper.calibration import calibration_points
from cxraudit.paper.embeddings import centroid_differences, project
from cxraudit.paper.faults import Fault, ModelRun, find_faults
from cxraudit.paper.folder import planned
from cxraudit.paper.numbers import compare
from cxraudit.paper.page import Reproduction, write_paper
from cxraudit.paper.protocol import evaluate
from cxraudit.paper.tables import side_by_side
from cxraudit.privacy import shown_model
from cxraudit.report.statements import NULL_MODEL
from cxraudit.schema import Analysis
from cxraudit.scoring import Tracker, same_model
from cxraudit.settings import AuditSettings
from cxraudit.steps import audit_step, encode_step, read_embeddings, report_step, score_step
from cxraudit.workspace import Workspace
from cxraudit.zeroshot import pair_embeddings

COHORT = PROMPTS = "paper"
"""Name of the study's cohort in each data set, and of its prompts."""


def reproduce(
    roots: Mapping[str, Path],
    model_names: Sequence[str],
    out: Path,
    track: Tracker,
    *,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    settings: AuditSettings | None = None,
    batch_size: int | None = None,
    device: str = "auto",
    tell: Tell = logged,
) -> Path:
    """Evaluate models on MIMIC-CXR, on ChestX-ray14, or on both, as published and as an audit.

    Every step keeps what is finished, so the same call continues after an interruption.

    Parameters
    ----------
    roots : mapping of str to pathlib.Path
        ``mimic-cxr`` or ``nih-cxr14`` → folder of the release.
    model_names : sequence of str
        Names of models; ``biovil@paper`` runs as the published wrapper did.
    out : pathlib.Path
        Folder for ``paper.html``, every table and figure, and one folder of work per data set (cohort,
        embeddings, scores, audit with its report).
    track : callable
        Opens progress bars.
    options : mapping, optional
        Options of each data set besides ``cohort=paper``.
    settings : AuditSettings, optional
        Of the audit beside the published protocol; default: 2,000 resamples of patients. Its
        confidence level has to be the published one.
    batch_size, device, tell
        As of `cxraudit.steps.encode_step`; `tell` is also called with what was found in the tables.

    Returns
    -------
    pathlib.Path
        The page.

    Raises
    ------
    ConfigError
        If the confidence level is not `PUBLISHED_LEVEL`: widths of intervals are compared.
    DataError
        If a release is incomplete, or no image could be read.
    """
    settings = settings or AuditSettings()
    if settings.confidence_level != PUBLISHED_LEVEL:
        raise ConfigError(
            f"confidence_level must be {PUBLISHED_LEVEL}, as published, got {settings.confidence_level}."
        )
    writable_folder(out)
    loaded = {
        name: datasets.load(name, root, {"cohort": COHORT, **(options or {}).get(name, {})})
        for name, root in roots.items()
    }  # everything is read before anything is computed
    for name in model_names:
        models.card(name)
    tables = {name: datasets.tables(name, root) for name, root in roots.items()}
    shown = [shown_model(name) for name in model_names]
    _refuse_foreign(out, loaded, shown, tables)
    for dataset in loaded.values():
        for notice in dataset.notices:
            tell(notice)
    parts = [
        _on_dataset(
            name,
            dataset,
            model_names,
            out / name,
            track,
            settings,
            encoding={
                "batch_size": batch_size,
                "device": device,
                "inputs": tables[name],
                "tell": tell,
            },
        )
        for name, dataset in loaded.items()
    ]
    return write_paper(
        _joined(parts),
        out,
        title="The study's tables and figures, on your images",
        intro=f"{', '.join(shown)} on {' and '.join(loaded)}: prompts, cohorts and statistics as "
        "published, and an audit of the same predictions beside them. See cxraudit paper run --help.",
        inputs={name: Workspace(out / name).audit.results for name in loaded},
    )


def _refuse_foreign(
    out: Path,
    loaded: Mapping[str, Dataset],
    model_names: Sequence[str],
    tables: Mapping[str, Mapping[str, Path]],
) -> None:
    """Refuse files of the user's that a step would replace, before the first step."""
    drawn = {name: (*dataset.attributes, *dataset.shortcuts) for name, dataset in loaded.items()}
    inputs = {table: path for of_dataset in tables.values() for table, path in of_dataset.items()}
    refuse_foreign(*(out / name for name in planned(drawn, model_names)), inputs=inputs)
    for name in loaded:
        work = Workspace(out / name)
        refuse_foreign(work.images, work.excluded, work.failures, work.scores, work.directions)
        audit = work.audit
        refuse_foreign(audit.report, *(getattr(audit, table) for table in audit.ALWAYS))


def _joined(parts: Sequence[Reproduction]) -> Reproduction:
    """Join the data sets, compare with the published numbers, and note what is missing."""

    def joined(field: str) -> pd.DataFrame:
        tables = [table for part in parts if len(table := getattr(part, field))]
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()

    numbers = joined("numbers")
    notes = [
        f"On {part.numbers['dataset'].iloc[0]}, no attribute was predicted from embeddings: that takes at "
        "least two groups with 10 patients in each part of the images."
        for part in parts
        if part.probes.empty
    ]
    try:
        compared = compare(numbers)
    except DataError:
        compared = None
        notes.append(
            "None of these models is in the study: there are no published numbers to compare."
        )
    return Reproduction(
        numbers=numbers,
        compared=compared,
        protocols=joined("protocols"),
        calibration=joined("calibration"),
        projections=joined("projections"),
        centroids=joined("centroids"),
        probes=joined("probes"),
        faults=[fault for part in parts for fault in part.faults],
        notes=notes,
    )


def _on_dataset(
    name: str,
    dataset: Dataset,
    model_names: Sequence[str],
    out: Path,
    track: Tracker,
    settings: AuditSettings,
    encoding: Mapping[str, Any],
) -> Reproduction:
    """Encode, score, audit and evaluate as published, on one data set."""
    work = Workspace(out)
    six = dataset.choose_findings([f for f in FINDINGS if f in dataset.findings])
    device = encoding["device"]
    unread = encode_step(six, model_names, out, track, **encoding)
    file = score_step(out, prompt_set=PROMPTS, model_names=model_names, device=device)
    scores = work.read_scores()
    embeddings = read_embeddings(out)
    with track(f"audit {name}", 1) as advance:
        audit = audit_step(
            six,
            scores,
            work.audit.folder,
            settings=settings,
            inputs={"scores": file, "images": work.images},
            embeddings=embeddings,
            work=work,
        )
        report_step([work.audit.folder], work.audit.report)
        advance(1)
    readable = six.images[~six.images["image_id"].isin(unread["image_id"])]
    with track(f"evaluate {name} as published", 1) as advance:
        found = _as_published(
            name, replace(six, images=readable), scores, embeddings, audit, work, device
        )
        advance(1)
    return found


def _as_published(
    name: str,
    dataset: Dataset,
    scores: pd.DataFrame,
    embeddings: Sequence[ModelEmbeddings],
    audit: Audit,
    work: Workspace,
    device: str,
) -> Reproduction:
    """Evaluate one data set by the published protocol, beside its audit."""
    numbers = evaluate(dataset, scores, named=name)
    protocols = side_by_side(numbers, audit.results)
    points: list[pd.DataFrame] = []
    centroids: list[pd.DataFrame] = []
    faults: list[tuple[str, str, Fault]] = []
    encoded = work.encoded([one.model for one in embeddings])
    images_by_id = dataset.images.set_index("image_id", drop=False)
    for of_model in embeddings:
        if of_model.model == NULL_MODEL:
            continue
        kept = np.isin(of_model.image_ids, images_by_id.index.to_numpy(dtype=np.str_))
        chosen = replace(
            of_model,
            image_ids=of_model.image_ids[kept],
            vectors=of_model.vectors[kept],
            texts=None if of_model.texts is None else of_model.texts[kept],
        )
        images = images_by_id.reindex(chosen.image_ids)
        points.append(project(chosen.model, chosen.vectors, chosen.texts, images))
        centroids.append(centroid_differences(chosen.model, chosen.vectors, chosen.texts, images))
        of_protocols = protocols[protocols["model"] == chosen.model]
        model = same_model(chosen.model, encoded[chosen.model], device)
        faults += [
            (name, chosen.model, fault)
            for fault in _faults(dataset, scores, chosen, of_protocols, model)
        ]
    probes = audit.results[
        (audit.results["analysis"] == Analysis.PROBE) & (audit.results["model"] != NULL_MODEL)
    ]
    return Reproduction(
        numbers=numbers,
        protocols=protocols,
        calibration=calibration_points(dataset, scores, named=name),
        projections=_with_dataset(points, name),
        centroids=_with_dataset(centroids, name),
        probes=probes.assign(dataset=name),
        faults=faults,
    )


def _with_dataset(tables: Sequence[pd.DataFrame], name: str) -> pd.DataFrame:
    """Join tables and add the name of the data set."""
    return pd.concat(tables, ignore_index=True).assign(dataset=name) if tables else pd.DataFrame()


def _faults(
    dataset: Dataset,
    scores: pd.DataFrame,
    embeddings: ModelEmbeddings,
    protocols: pd.DataFrame,
    model: ImageTextModel,
) -> Iterator[Fault]:
    """Run every fault on what one model computed."""
    texts = prompts.load(PROMPTS)
    pairs: dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]] = {}
    for finding in dataset.findings:
        positive, negative = pair_embeddings(model, texts.pair(finding))
        pairs[finding] = (positive, negative)
    yield from find_faults(
        ModelRun(
            dataset=dataset,
            model=embeddings.model,
            scores=scores[scores["model"] == embeddings.model],
            image_ids=embeddings.image_ids,
            vectors=embeddings.vectors,
            texts=embeddings.texts,
            logit_scale=model.logit_scale,
            protocols=protocols,
            prompts=pairs,
        )
    )
