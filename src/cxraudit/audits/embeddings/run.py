"""All analyses of the embeddings of some models."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from cxraudit.audits.cells import AuditSettings, make_cohort
from cxraudit.audits.embeddings.centroids import compare_centroids
from cxraudit.audits.embeddings.cohort import Embedded, Findings, knowledge_frame, make_space
from cxraudit.audits.embeddings.probes import probe_attributes
from cxraudit.audits.embeddings.projections import project, two_axes
from cxraudit.audits.embeddings.prompt_sensitivity import over_prompts
from cxraudit.audits.embeddings.score_direction import follow_directions
from cxraudit.datasets.base import Dataset


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What embeddings know and scores use."""

    results: pd.DataFrame
    """See `cxraudit.audits.embeddings.cohort.KNOWLEDGE_COLUMNS`."""
    points: pd.DataFrame
    curves: pd.DataFrame
    asked: pd.DataFrame
    """See `cxraudit.audits.embeddings.cohort.Findings`."""


def examine(
    dataset: Dataset,
    embedded: Sequence[Embedded],
    *,
    attributes: Sequence[str] | None = None,
    settings: AuditSettings | None = None,
) -> Knowledge:
    """Examine the embeddings of some models on a data set.

    Parameters
    ----------
    dataset : Dataset
        Images with findings, attributes and shortcuts.
    embedded : sequence of Embedded
        Embeddings, prompt directions and a bank of prompts, per model.
    attributes : sequence of str, optional
        Attributes and shortcuts to look for; default: all of the data set.
    settings : AuditSettings, optional
        Resamples, level and seed, as of the audit.

    Returns
    -------
    Knowledge
        Empty tables where no model has 50 patients with embeddings.
    """
    settings = settings or AuditSettings()
    looked = list(
        dict.fromkeys(
            [*dataset.attributes, *dataset.shortcuts] if attributes is None else attributes
        )
    )
    looked = [name for name in looked if "*" not in name]
    found = Findings()
    for one in embedded:
        scored = pd.DataFrame({"image_id": one.image_ids.astype(str)})
        known = replace(
            one,
            prompts=tuple(p for p in one.prompts if p.finding in dataset.findings),
            bank=tuple(p for p in one.bank if p.finding in dataset.findings),
        )
        space = make_space(make_cohort(dataset, scored, settings), known)
        if space is None:
            continue
        axes = two_axes(space)
        probes = probe_attributes(space, looked, axes)
        rows, points = project(space, looked, axes)
        centroids, curves = compare_centroids(space, looked)
        asked_rows, asked = over_prompts(space, looked)
        found.rows += [
            *probes,
            *rows,
            *centroids,
            *follow_directions(space, looked, probes),
            *asked_rows,
        ]
        found.points.append(points)
        found.curves.append(curves)
        found.asked.append(asked)

    def joined(tables: list[pd.DataFrame]) -> pd.DataFrame:
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()

    return Knowledge(
        knowledge_frame(found.rows), joined(found.points), joined(found.curves), joined(found.asked)
    )
