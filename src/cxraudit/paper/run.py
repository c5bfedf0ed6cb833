"""The whole study in one call: releases and models in, its tables and figures out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cxraudit import datasets, models, prompts
from cxraudit.audits.cells import AuditSettings
from cxraudit.audits.embeddings.cohort import Embedded
from cxraudit.audits.run import Audit
from cxraudit.datasets.base import FINDINGS, Dataset
from cxraudit.errors import DataError
from cxraudit.files import read_table, writable_folder, write_table
from cxraudit.paper.calibration import calibration_points
from cxraudit.paper.embeddings import centroid_differences, project
from cxraudit.paper.faults import Fault, Run, find_faults
from cxraudit.paper.numbers import compare
from cxraudit.paper.page import Reproduction, write_paper
from cxraudit.paper.protocol import evaluate
from cxraudit.paper.tables import side_by_side
from cxraudit.report import NULL_MODEL
from cxraudit.steps import (
    AUDIT,
    IMAGES,
    Tracker,
    audit_step,
    encode_step,
    read_embedded,
    report_step,
    score_step,
)

STUDIED = ("mimic-cxr", "nih-cxr14")
PROMPTS = "paper"


def reproduce(
    roots: Mapping[str, Path],
    model_names: Sequence[str],
    out: Path,
    track: Tracker,
    *,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    settings: AuditSettings | None = None,
    batch_size: int = 32,
    device: str = "auto",
) -> Path:
    """Evaluate models on MIMIC-CXR, on ChestX-ray14, or on both, as published and as an audit.

    Every step keeps what is finished, so the same call goes on after an interruption.

    Parameters
    ----------
    roots : mapping of str to pathlib.Path
        ``mimic-cxr`` or ``nih-cxr14`` → folder of the release.
    model_names : sequence of str
        As asked for by name; ``biovil@paper`` runs as the published wrapper did.
    out : pathlib.Path
        One folder per data set (cohort, embeddings, scores, audit with its report), ``paper.html`` and
        every table and figure beside it.
    track : callable
        Opens progress bars.
    options : mapping, optional
        Options of each data set besides ``cohort=paper``.
    settings : AuditSettings, optional
        Of the audit beside the published protocol; default: 2,000 resamples of patients.
    batch_size, device
        As of `cxraudit encode`.
    """
    settings = settings or AuditSettings()
    writable_folder(out)
    loaded = {
        name: datasets.load(name, root, {"cohort": PROMPTS, **(options or {}).get(name, {})})
        for name, root in roots.items()
    }  # everything is read before anything is computed
    for name in model_names:
        models.card(name)
    parts = [
        _study(name, dataset, model_names, out / name, track, settings, batch_size, device)
        for name, dataset in loaded.items()
    ]

    def joined(field: str) -> pd.DataFrame:
        tables = [getattr(part, field) for part in parts]
        kept = [table for table in tables if len(table)]
        return pd.concat(kept, ignore_index=True) if kept else pd.DataFrame()

    numbers = joined("numbers")
    notes = [
        f"On {part.numbers['dataset'].iloc[0]}, attributes could not be read from embeddings: that takes at "
        "least two groups with 10 patients in each part of the images."
        for part in parts
        if part.knowledge.empty or not (part.knowledge["analysis"] == "probe").any()
    ]
    try:
        beside = compare(numbers)
    except DataError:
        beside = None
        notes.append(
            "None of these models is one of the study's: no published numbers stand beside."
        )
    made = Reproduction(
        numbers=numbers,
        compared=beside,
        both=joined("both"),
        calibration=joined("calibration"),
        points=joined("points"),
        differences=joined("differences"),
        knowledge=joined("knowledge"),
        faults=[fault for part in parts for fault in part.faults],
        notes=notes,
    )
    for field in ("points", "differences"):
        if len(getattr(made, field)):
            write_table(getattr(made, field), out / f"{field}.parquet")
    return write_paper(
        made,
        out,
        title="The study's tables and figures, on your images",
        intro=f"{', '.join(model_names)} on {' and '.join(loaded)}: prompts, cohorts and statistics as "
        "published, and an audit of the same predictions beside them. See docs/how-to/the-paper.md.",
    )


def _study(
    name: str,
    dataset: Dataset,
    model_names: Sequence[str],
    work: Path,
    track: Tracker,
    settings: AuditSettings,
    batch_size: int,
    device: str,
) -> Reproduction:
    """Run one data set: encode, score, audit, evaluate as published."""
    six = dataset.choose_findings([f for f in FINDINGS if f in dataset.findings])
    unread = encode_step(six, model_names, work, track, batch_size=batch_size, device=device)
    file = score_step(work, prompt_set=PROMPTS, model_names=model_names, device=device)
    scores = read_table(file)
    embedded = read_embedded(work)
    with track(f"audit {name}", 1) as advance:
        audited = audit_step(
            six,
            scores,
            work / AUDIT,
            settings=settings,
            inputs={"scores": file, "images": work / IMAGES},
            embedded=embedded,
        )
        report_step([work / AUDIT], work / AUDIT / "report.html")
        advance(1)
    read = six.images[~six.images["image_id"].isin(unread["image_id"])]
    with track(f"evaluate {name} as published", 1) as advance:
        made = _as_published(name, replace(six, images=read), scores, embedded, audited, device)
        advance(1)
    return made


def _as_published(
    name: str,
    dataset: Dataset,
    scores: pd.DataFrame,
    embedded: Sequence[Embedded],
    audited: Audit,
    device: str,
) -> Reproduction:
    numbers = evaluate(dataset, scores, named=name)
    both = side_by_side(numbers, audited.results)
    points, differences, faults = [], [], []
    by_id = dataset.images.set_index("image_id", drop=False)
    for one in embedded:
        if one.model == NULL_MODEL:
            continue
        kept = np.isin(one.image_ids, by_id.index.to_numpy(dtype=np.str_))
        images = by_id.reindex(one.image_ids[kept])
        vectors = one.vectors[kept]
        texts = None if one.texts is None else one.texts[kept]
        points.append(project(one.model, vectors, texts, images))
        differences.append(centroid_differences(one.model, vectors, texts, images))
        mine = both[both["model"] == one.model]
        faults += _faults(name, dataset, scores, one, kept, mine, device)
    knowledge = audited.knowledge.results if audited.knowledge is not None else pd.DataFrame()
    return Reproduction(
        numbers=numbers,
        both=both,
        calibration=calibration_points(dataset, scores, named=name),
        points=_named(points, name),
        differences=_named(differences, name),
        knowledge=knowledge[knowledge["model"] != NULL_MODEL].assign(dataset=name)
        if len(knowledge)
        else knowledge,
        faults=faults,
    )


def _named(tables: list[pd.DataFrame], name: str) -> pd.DataFrame:
    return pd.concat(tables, ignore_index=True).assign(dataset=name) if tables else pd.DataFrame()


def _faults(
    name: str,
    dataset: Dataset,
    scores: pd.DataFrame,
    one: Embedded,
    kept: np.ndarray,
    both: pd.DataFrame,
    device: str,
) -> Iterator[tuple[str, str, Fault]]:
    model = models.load(one.model, device=device)
    pair = prompts.load(PROMPTS)
    asked = {finding: model.encode_texts(pair.pair(finding)) for finding in dataset.findings}
    run = Run(
        dataset=dataset,
        model=one.model,
        scores=scores[scores["model"] == one.model],
        image_ids=one.image_ids[kept],
        vectors=one.vectors[kept],
        texts=None if one.texts is None else one.texts[kept],
        logit_scale=model.logit_scale,
        both=both,
        prompts={finding: (rows[0], rows[1]) for finding, rows in asked.items()},
    )
    for fault in find_faults(run):
        yield name, one.model, fault
