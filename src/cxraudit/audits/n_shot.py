"""Performance and gaps of heads by the number of patients that they were fitted on."""

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from cxraudit.audits.cohort import Cohort, Sample, sample_of
from cxraudit.audits.embeddings.cohort import ModelEmbeddings
from cxraudit.audits.embeddings.heads import HEAD, Heads, Shots
from cxraudit.audits.groups import comparisons
from cxraudit.audits.plan import Comparison, Item, Level, Runs, key, over, ranking
from cxraudit.schema import COMPLEMENT, Analysis

METRIC = "auroc"


def plan(
    cohort: Cohort,
    heads: Heads,
    embeddings: ModelEmbeddings,
    finding: str,
    attributes: Sequence[str],
) -> list[Item]:
    """Plan the AUROC of heads, over all images and by group, and its gaps, for growing training sets.

    Heads of one number of patients are to a number what training runs are to a model: the estimate is their
    mean, and its error that of the patients who are drawn to fit on and of those it is evaluated on.

    Parameters
    ----------
    cohort : Cohort
        Images of other patients than the heads were fitted on.
    heads : Heads
        From `cxraudit.fit_heads`.
    embeddings : ModelEmbeddings
        Of the same model.
    finding : str
        One of the findings of the heads.
    attributes : sequence of str
        Attributes to compare groups by.

    Returns
    -------
    list of Item
        ``at`` is the number of training patients; exploratory.
    """
    items: list[Item] = []
    for shots in heads.shots.get(finding, ()):
        samples = [
            _sample(cohort, heads.model, embeddings, finding, head.scores(embeddings.vectors))
            for head in shots.heads
        ]
        items += _of_number(cohort, samples, shots, attributes)
    return items


def _sample(
    cohort: Cohort, model: str, embeddings: ModelEmbeddings, finding: str, scores: np.ndarray
) -> Sample:
    labels = cohort.images[finding].to_numpy(dtype=np.float64, na_value=np.nan)
    at = cohort.images.index.get_indexer(pd.Index(embeddings.image_ids))
    by_image = np.full(len(labels), np.nan)
    by_image[at[at >= 0]] = scores[at >= 0]
    return sample_of(cohort, labels, by_image, model, HEAD, finding)


def _of_number(
    cohort: Cohort, samples: Sequence[Sample], shots: Shots, attributes: Sequence[str]
) -> Iterator[Item]:
    first = samples[0]
    runs = None
    if len(samples) > 1:
        content = hashlib.blake2b(b"".join(one.key for one in samples), digest_size=4).digest()
        names = tuple(f"draw {k + 1}" for k in range(len(samples)))
        runs = Runs(first.model, names, int.from_bytes(content, "big"))
    named = {"at": float(shots.n_patients)}
    everything = first.everything
    yield Level(
        key=key(first, Analysis.N_SHOT, **named),
        metric=METRIC,
        quantity=over(runs, [ranking(one.everything, METRIC) for one in samples]),
        cell=everything,
    )
    for group in comparisons(cohort, first, attributes):
        about = {"attribute": group.attribute, "group": group.name, **named}
        inside, outside = (
            over(runs, [ranking(side.of(one), METRIC) for one in samples])
            for side in (group.inside, group.outside)
        )
        yield Level(
            key=key(first, Analysis.N_SHOT, **about),
            metric=METRIC,
            quantity=inside,
            cell=group.inside,
        )
        yield Comparison(
            key=key(first, Analysis.N_SHOT, reference=COMPLEMENT, **about),
            metric=METRIC,
            group=inside,
            reference=outside,
            cells=(group.inside, group.outside),
            family=None,
        )
