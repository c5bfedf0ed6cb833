"""Who is searched, and who confirms: patients are divided once, by the seed."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cxraudit.audits.cohort import Cohort, Mask, Sample
from cxraudit.streams import Stream, generator


def search_images(cohort: Cohort, samples: Sequence[Sample]) -> Mask:
    """Return which images are of patients that slices are searched on.

    A share of the patients (``search_share`` of the settings), drawn so that both halves have their share of
    the positives of every finding, the rarest first. Tuning patients are among them: what confirms a slice
    chose nothing.

    Parameters
    ----------
    cohort : Cohort
        The audited images.
    samples : sequence of Sample
        Labels of the findings.
    """
    settings = cohort.settings
    n_patients = int(cohort.patients.max()) + 1
    tuning = np.zeros(n_patients, dtype=bool)
    tuning[cohort.patients[cohort.tuning()]] = True
    stratum = _rarest_finding(samples, n_patients)
    rng = generator(Stream.SLICE_PATIENTS, settings.seed)
    order = np.lexsort((rng.permutation(n_patients), ~tuning, stratum))
    chosen = tuning.copy()
    for one in np.unique(stratum):
        own = order[stratum[order] == one]
        chosen[own[: round(settings.search_share * own.size)]] = True
    return chosen[cohort.patients]


def _rarest_finding(samples: Sequence[Sample], n_patients: int) -> NDArray[np.int64]:
    """Return a number for the finding of fewest patients among those that each patient has."""
    positive: dict[str, NDArray[np.intp]] = {}
    for sample in samples:
        own = sample.patients[sample.y_true]
        positive[sample.finding] = np.union1d(positive.get(sample.finding, own), own)
    stratum = np.zeros(n_patients, dtype=np.int64)
    commonest_first = sorted(positive, key=lambda name: (-positive[name].size, name))
    for number, finding in enumerate(commonest_first, start=1):
        stratum[positive[finding]] = number
    return stratum
