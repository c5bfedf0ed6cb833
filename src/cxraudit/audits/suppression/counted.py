"""Whose counts may be shown: two sets of images whose difference is small are not both counted."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from cxraudit.audits.cohort import Cohort, Mask, Sample
from cxraudit.audits.groups import group_masks
from cxraudit.audits.suppression.small import is_small

Place = tuple[str, str]
"""Model and finding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Models and findings whose counts are shown, over all images and by group."""

    labelled: set[str] = field(default_factory=set)
    """Findings of which the number of images without a label is shown."""
    overall: set[Place] = field(default_factory=set)
    groups: set[Place] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Set:
    """Images of the cohort whose number is shown."""

    finding: str
    images: Mask
    positive: Mask


def counted(
    cohort: Cohort, samples: Mapping[str, Sequence[Sample]], attributes: Sequence[str], below: int
) -> Counted:
    """Return whose counts are shown: those of the first sample, and of others that differ by enough.

    The images of two findings, or of two models, can differ by a few: those without a label, or without
    a score. Both counted, the difference would be a small count.

    Parameters
    ----------
    cohort, samples, attributes, below
        As of `cxraudit.audits.suppression.groups.hidden_groups`.
    """
    found = Counted()
    everywhere = np.ones(len(cohort.images), dtype=bool)
    nowhere = ~everywhere
    rows = np.arange(len(cohort.images))
    groups = [mask for name in attributes for mask in group_masks(cohort, name, rows).values()]
    overall = [_Set("", everywhere, nowhere)]
    for finding in samples:
        new = _Set("", cohort.images[finding].notna().to_numpy(dtype=bool), nowhere)
        if not any(_tells(cohort, old, new, [everywhere], below) for old in overall):
            overall.append(new)
            found.labelled.add(finding)
    by_group: list[_Set] = []
    every = [one for of_models in samples.values() for one in of_models]
    for sample in sorted(every, key=lambda one: -one.rows.size):  # most often, all images
        images, positive = nowhere.copy(), nowhere.copy()
        images[sample.rows], positive[sample.rows] = True, sample.y_true
        new, place = _Set(sample.finding, images, positive), (sample.model, sample.finding)
        if any(_tells(cohort, old, new, [everywhere], below) for old in overall):
            continue
        overall.append(new)
        found.overall.add(place)
        if not any(_tells(cohort, old, new, groups, below) for old in by_group):
            by_group.append(new)
            found.groups.add(place)
    return found


def _tells(cohort: Cohort, old: _Set, new: _Set, parts: Iterable[Mask], below: int) -> bool:
    """Tell whether the counts of two sets, one within the other, differ by a small count in some part."""
    if np.array_equal(old.images, new.images):
        return False
    for part in parts:
        first, second = old.images & part, new.images & part
        if (first & ~second).any() and (second & ~first).any():
            continue  # what differs is in neither set alone
        differing = first ^ second
        patients = [_n_patients(cohort, one) for one in (first, second)]
        counts = [int(differing.sum()), abs(patients[0] - patients[1])]
        if old.finding == new.finding:
            n_positive = int((differing & (old.positive | new.positive)).sum())
            counts += [n_positive, counts[0] - n_positive]
        if is_small(counts, below):
            return True
    return False


def _n_patients(cohort: Cohort, images: Mask) -> int:
    return int(np.count_nonzero(np.bincount(cohort.patients[images])))
