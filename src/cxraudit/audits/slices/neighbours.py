"""Images whose embeddings are alike: closest to a text, or to each other where there are no texts."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxraudit.audits.cohort import Cohort, Mask
from cxraudit.audits.embeddings.cohort import FEWEST_PATIENTS, ModelEmbeddings, PromptPair
from cxraudit.audits.embeddings.prompt_sensitivity import different
from cxraudit.audits.slices.parts import Part
from cxraudit.streams import Stream, generator

NEAREST = 0.1
"""Share of the searched images that are closest to a text."""
CLUSTERS = 12
STANDS_OUT = 1.25
"""How much more often than in all images a value has to occur for a cluster to be named by it."""
MOST_NAMED = 3
"""Values that a cluster is named by."""


def neighbourhoods(
    cohort: Cohort, embedded: ModelEmbeddings, searched: Mask, parts: Sequence[Part]
) -> list[Part]:
    """Return the neighbourhoods of the embeddings of one model.

    Of a model with texts: the images closest to each text, by the cosine to its direction, with a threshold
    fixed on the searched images. Of one without: clusters of the searched images, named by what they consist
    of. Both are rules for any image.

    Parameters
    ----------
    cohort : Cohort
        The audited images.
    embedded : ModelEmbeddings
        Embeddings, and prompts if there are any.
    searched : numpy.ndarray of bool, shape (n_images,)
        Images of the patients that are searched.
    parts : sequence of Part
        Values of columns, which clusters are named by.
    """
    where = pd.Series(np.arange(len(embedded.image_ids)), index=embedded.image_ids)
    where = where[~where.index.duplicated()]
    at = where.reindex(cohort.images.index).to_numpy(dtype=np.float64, na_value=np.nan)
    known = np.isfinite(at)
    if np.unique(cohort.patients[known & searched]).size < FEWEST_PATIENTS:
        return []
    vectors = embedded.vectors[at[known].astype(np.intp)].astype(np.float64)
    # The direction of a head, or one that was given without its texts, is no text that images could be like.
    texts = [one for one in (*embedded.prompts, *embedded.bank) if one.positive and one.negative]
    if pairs := different(texts):
        return [one for pair in pairs for one in _closest(pair, vectors, known, searched)]
    return list(_clusters(cohort, vectors, known, searched, parts))


def _closest(
    pair: PromptPair, vectors: NDArray[np.float64], known: Mask, searched: Mask
) -> Iterator[Part]:
    direction = pair.direction.astype(np.float64)
    likeness = np.full(known.size, np.nan)
    likeness[known] = vectors @ (direction / np.linalg.norm(direction))
    at_least = float(np.quantile(likeness[known & searched], 1 - NEAREST))
    yes = known & (likeness >= at_least)
    if not (known & ~yes).any():
        return
    yield Part(
        column="",
        name=f"most like “{pair.positive}”, not “{pair.negative}”",
        record={"text": pair.positive, "not": pair.negative, "at_least": at_least},
        yes=yes,
        no=known & ~yes,
        finding=pair.finding,
        likeness=likeness,
    )


def _clusters(
    cohort: Cohort,
    vectors: NDArray[np.float64],
    known: Mask,
    searched: Mask,
    parts: Sequence[Part],
) -> Iterator[Part]:
    from sklearn.cluster import KMeans

    fitted = searched[known]
    rng = generator(Stream.SLICE_CLUSTERS, cohort.settings.seed)
    n_clusters = min(CLUSTERS, int(fitted.sum()))
    seed = int(rng.integers(2**31))
    model = KMeans(n_clusters, n_init=4, random_state=seed).fit(vectors[fitted])
    nearest = np.full(known.size, -1)
    nearest[known] = model.predict(vectors)
    for number in range(n_clusters):
        yes = nearest == number
        stands_out = _consists_of(yes & searched, known & searched, parts)
        yield Part(
            column="",
            name=_named(stands_out, cohort.settings.hides_small_numbers),
            record={"alike": [] if cohort.settings.hides_small_numbers else stands_out},
            yes=yes,
            no=known & ~yes,
        )


def _consists_of(inside: Mask, everywhere: Mask, parts: Sequence[Part]) -> list[dict[str, Any]]:
    """Return the values that occur more often in a cluster than in all images, most first."""
    found: list[dict[str, Any]] = []
    for part in parts:
        shares = [
            float((part.yes & among).sum() / max(((part.yes | part.no) & among).sum(), 1))
            for among in (inside, everywhere)
        ]
        if shares[0] >= 0.5 and shares[0] >= STANDS_OUT * shares[1]:
            found.append({"name": part.name, "share": shares[0], "everywhere": shares[1]})
    return sorted(found, key=lambda one: one["everywhere"] - one["share"])[:MOST_NAMED]


def _named(stands_out: Sequence[dict[str, Any]], hide: bool) -> str:
    """Name a cluster by what it consists of."""
    if not stands_out:
        return "alike images in which no value stands out"
    named = [
        one["name"]
        if hide
        else f"{one['name']} ({one['share']:.0%}; of all images {one['everywhere']:.0%})"
        for one in stands_out
    ]
    return f"alike images, mostly {', '.join(named)}"
