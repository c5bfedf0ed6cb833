"""Whether words for groups of patients in the prompt move scores and gaps further than neutral words.

===========  ====================================================================
module       question
===========  ====================================================================
`sources`    scores with and without words: of embeddings, or of a table
`variants`   which rows of a table are of which wording
`words`      which words are distinguished, and compared with which
`outcomes`   what words can move: mean score, AUROC, gaps
`compare`    how far words of both kinds move it, and the ratio of both
===========  ====================================================================
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from cxraudit.audits.cohort import Cohort, make_cohort, sample_of
from cxraudit.audits.engine import Engine, Evaluated, to_frame
from cxraudit.audits.plan import Item
from cxraudit.audits.wordings.compare import OWN_WORDS, compare
from cxraudit.audits.wordings.outcomes import scored
from cxraudit.audits.wordings.sources import (
    Worded,
    WordedScores,
    incomplete,
    of_embeddings,
    of_tables,
    unknown,
    with_groups,
)
from cxraudit.audits.wordings.words import (
    Distinguished,
    both_kinds,
    compared_words,
    contrasts,
    distinguish,
)
from cxraudit.datasets.base import Dataset
from cxraudit.notices import Notice
from cxraudit.progress import stage
from cxraudit.prompts.wordings import DEMOGRAPHIC, NEUTRAL
from cxraudit.schema import joined, results_frame
from cxraudit.settings import AuditSettings
from cxraudit.stats.multiplicity import holm
from cxraudit.stats.scale_ratio import fewest_others

__all__ = [
    "MOST_RESAMPLES",
    "Worded",
    "WordingAudit",
    "audit_wordings",
    "of_embeddings",
    "of_tables",
]

MOST_RESAMPLES = 400
"""Resamples of patients, which only separate sampling from words; more make no difference."""


@dataclass(frozen=True, slots=True)
class WordingAudit:
    """What words in the prompt do."""

    results: pd.DataFrame
    """Rows of the analysis ``wording``; see `cxraudit.schema.RESULT_COLUMNS`."""
    changes: pd.DataFrame
    """What each word does: model, finding, kind, words_attribute, words_group, wordings, metric, attribute,
    group, value, low, high."""
    facts: list[dict[str, Any]]
    """Per model: wordings, findings, and words that its scores do not distinguish."""
    notices: tuple[Notice, ...] = ()


def audit_wordings(
    dataset: Dataset,
    sources: Sequence[Worded],
    attributes: Sequence[str],
    settings: AuditSettings,
) -> WordingAudit:
    """Compare what words for groups and neutral words do to scores, AUROC and gaps.

    Parameters
    ----------
    dataset : Dataset
        Images with findings and the groups of the attributes.
    sources : sequence of Worded
        Scores with and without words, per model.
    attributes : sequence of str
        Attributes whose gaps are followed; intersections are left out.
    settings : AuditSettings
        Of the audit; at most `MOST_RESAMPLES` resamples are used.
    """
    settings = replace(settings, n_resamples=min(settings.n_resamples, MOST_RESAMPLES))
    evaluated: list[Evaluated] = []
    changes: list[pd.DataFrame] = []
    facts: list[dict[str, Any]] = []
    notices: list[Notice] = []
    for one in sources:
        ids = pd.DataFrame({"image_id": one.image_ids.astype(str)})
        if not ids["image_id"].isin(dataset.images["image_id"]).any():
            continue
        cohort = make_cohort(dataset, ids, settings)
        with stage(f"prompt wordings of {one.model}"), threadpool_limits(settings.n_threads):
            found, of_model = _Found(cohort, one), list[Evaluated]()
            for finding in one.findings:
                if finding in dataset.findings:
                    items, table = found.of(finding, attributes)
                    of_model += items
                    changes.append(table)
        evaluated += _adjusted(of_model)
        facts.append(found.facts())
        notices += found.notices
    results = to_frame(evaluated, dataset.name) if evaluated else results_frame([])
    kept = [table for table in changes if len(table)]
    return WordingAudit(results, joined(kept), facts, tuple(notices))


def _adjusted(evaluated: Sequence[Evaluated]) -> list[Evaluated]:
    """Adjust the ratios of a model, and the shifts by a group's own words, each kind for itself.

    That of a ratio stands for both tests: by exchange, and of its size.
    """
    of_words = np.array([one.item.metric == OWN_WORDS for one in evaluated])
    given = np.array([one.p_adjusted for one in evaluated])
    adjusted = np.where(
        of_words, holm(np.where(of_words, given, np.nan)), holm(np.where(of_words, np.nan, given))
    )
    return [
        one if math.isnan(p) else replace(one, p_adjusted=max(float(p), one.p_value))
        for one, p in zip(evaluated, adjusted, strict=True)
    ]


class _Found:
    """The comparison of one model, and what has to be stated of it."""

    def __init__(self, cohort: Cohort, worded: Worded) -> None:
        self._cohort, self._worded = cohort, worded
        self._engine = Engine(cohort)
        self._found: dict[str, tuple[WordedScores, Distinguished]] = {}
        self.notices: list[Notice] = []

    def of(self, finding: str, attributes: Sequence[str]) -> tuple[list[Evaluated], pd.DataFrame]:
        """Compare the words for one finding; nothing where no words of a kind are distinguished."""
        cohort = self._cohort
        scores = self._worded.of(finding)
        if notice := incomplete(self._worded, finding, scores):
            self.notices.append(notice)
        scores = self._aligned(scores)
        complete = np.isfinite(scores.base) & np.isfinite(scores.worded).all(axis=0)
        labels = cohort.images[finding].to_numpy(dtype=np.float64, na_value=np.nan)
        by_image = np.where(complete, scores.base, np.nan)
        base = sample_of(
            cohort, labels, by_image, self._worded.model, self._worded.prompt_set, finding
        )
        if not base.both_classes or not np.ptp(base.y_score) > 0:
            return [], pd.DataFrame()
        scores = replace(scores, phrases=with_groups(scores.phrases, cohort.dataset))
        new = unknown(self._worded.model, scores.phrases, cohort.dataset)
        self.notices += [one for one in new if one not in self.notices]
        rows = np.zeros(len(complete), dtype=bool)
        rows[base.rows] = True
        apart = distinguish(scores, rows)
        self._found[finding] = scores, apart
        if not both_kinds(apart.words):
            return [], pd.DataFrame()
        own = scored(cohort, base, scores.worded[:, base.rows])
        items, table = compare(self._engine, own, scores.phrases, apart.words, attributes)
        plan: list[Item] = list(items)
        evaluated = self._engine.evaluate(plan)
        self._engine.forget()
        return evaluated, table

    def _aligned(self, scores: WordedScores) -> WordedScores:
        """Put scores in the order of the images of the cohort."""
        at = pd.Index(self._worded.image_ids).get_indexer(pd.Index(self._cohort.images.index))
        return WordedScores(scores.base[at], scores.phrases, scores.worded[:, at])

    def facts(self) -> dict[str, Any]:
        """Return what a report states of the wordings of the model, as plain data."""
        alike = {
            kind: sorted(set.intersection(*map(set, topics))) if topics else []
            for kind in (DEMOGRAPHIC, NEUTRAL)
            for topics in [list(self._alike(kind))]
        }
        return {
            "model": self._worded.model,
            "findings": sorted(self._found),
            "wordings": {
                kind: max(
                    (sum(p.kind == kind for p in s.phrases) for s, _ in self._found.values()),
                    default=0,
                )
                for kind in (DEMOGRAPHIC, NEUTRAL)
            },
            "unchanged": min((one.unchanged for _, one in self._found.values()), default=0),
            "compared": sorted(f for f, (_, one) in self._found.items() if both_kinds(one.words)),
            "alike": alike,
            "single": sorted({topic for _, one in self._found.values() for _, topic in one.single}),
            "furthest": max((one.furthest for _, one in self._found.values()), default=(0.0, "")),
            "too_few": self._too_few(),
        }

    def _too_few(self) -> list[dict[str, Any]]:
        """Return the words that too few contrasts of neutral words stand beside for any interval."""
        level = self._cohort.settings.confidence_level
        few = {}
        for _, apart in self._found.values():
            if both_kinds(apart.words):
                neutral = len(contrasts(apart.words, NEUTRAL))
                for condition, attribute in compared_words(apart.words).items():
                    own = len(contrasts(apart.words, DEMOGRAPHIC, attribute))
                    needed = fewest_others(own, confidence_level=level)
                    if neutral < needed:
                        few[condition] = {"words": condition, "neutral": neutral, "needed": needed}
        return list(few.values())

    def _alike(self, kind: str) -> Iterator[list[str]]:
        for _, one in self._found.values():
            yield [topic for of_kind, topic in one.alike if of_kind == kind]
