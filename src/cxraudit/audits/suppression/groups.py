"""The groups whose images and patients are too few to be shown, finding by finding."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cxraudit.audits.cohort import Cohort, Mask, Sample, count
from cxraudit.audits.groups import group_masks
from cxraudit.audits.suppression.bounds import TOLERANCE, GroupKey, Kinds, kinds_of, most
from cxraudit.audits.suppression.small import Counts, completed, is_small


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """What is hidden because of the groups themselves, whatever is computed of them."""

    findings: set[str] = field(default_factory=set)
    """Findings with too few patients with or without them over all: hidden whole."""
    groups: set[tuple[str, str, str]] = field(default_factory=set)
    """Finding, attribute and group."""


@dataclass(frozen=True, slots=True)
class _Groups:
    """The groups of one sample."""

    sample: Sample
    masks: Mapping[str, Mapping[str, Mask]]
    """Attribute → group → images of the sample."""
    totals: bool = False
    """Whether only all images of a group are counted, which every finding counts alike."""

    def counts(self, mask: Mask) -> Counts:
        """Count what the rows of a set of images give away."""
        found = count(self.sample.cell(mask))
        if self.totals:
            return found.n_patients, found.n
        return (
            found.n_patients,
            found.n_positive_patients,
            found.n_negative_patients,
            found.n_patients - found.n_positive_patients,
            found.n,
            found.n_positive,
            found.n - found.n_positive,
        )

    def mask(self, key: GroupKey) -> Mask:
        """Return the images of a group."""
        return self.masks[key[0]][key[1]]

    def union(self, keys: Iterable[GroupKey]) -> Mask:
        """Return the images of some groups together."""
        nothing = np.zeros(self.sample.y_true.size, dtype=bool)
        return np.logical_or.reduce([nothing, *map(self.mask, keys)])

    def together(self, attribute: str, names: Collection[str]) -> Counts:
        """Count the images of some groups of an attribute together."""
        return self.counts(self.union((attribute, name) for name in names))

    def countable(self, cohort: Cohort) -> Iterator[tuple[Mask, list[str]]]:
        """Yield what rows count, as images of the cohort, with the attributes whose groups add up.

        Patients are counted by one image each: they add up where all images of a patient are in one
        group.
        """
        sample = self.sample
        of_patients = [name for name in self.masks if _by_patient(cohort, name)]
        all_images = np.ones(sample.y_true.size, dtype=bool)
        with_finding = np.isin(sample.patients, sample.patients[sample.y_true])
        images = [all_images] if self.totals else [sample.y_true, ~sample.y_true]
        patients = [all_images] if self.totals else [with_finding, ~with_finding]
        for chosen in images:
            yield _in_cohort(cohort, sample.rows[chosen]), list(self.masks)
        for chosen in patients:
            first = np.unique(sample.patients[chosen], return_index=True)[1]
            yield _in_cohort(cohort, sample.rows[chosen][first]), of_patients


def _in_cohort(cohort: Cohort, rows: NDArray[np.intp]) -> Mask:
    chosen = np.zeros(len(cohort.images), dtype=bool)
    chosen[rows] = True
    return chosen


def _by_patient(cohort: Cohort, attribute: str) -> bool:
    """Tell whether all images of a patient are in one group."""
    _, codes = cohort.codes(attribute, np.arange(len(cohort.images)))
    of_patient = np.empty(int(cohort.patients.max()) + 1, dtype=codes.dtype)
    of_patient[cohort.patients] = codes
    return bool((of_patient[cohort.patients] == codes).all())


def hidden_groups(
    cohort: Cohort,
    samples: Mapping[str, Sequence[Sample]],
    attributes: Sequence[str],
    shortcuts: Sequence[str],
    below: int,
) -> Hidden:
    """Return which findings, and which groups of the others, are hidden.

    All findings count the same images of a group, so that groups that are hidden for their number of
    images or patients, and those hidden with them, are the same in all. Groups with few positives or
    negatives are hidden in that finding only.

    Parameters
    ----------
    cohort : Cohort
        The audited images.
    samples : mapping of str to sequence of Sample
        Finding → its images, one sample per model.
    attributes : sequence of str
        Audited attributes, intersections included.
    shortcuts : sequence of str
        Columns that only embeddings are compared by: their groups are not counted in any row.
    below : int
        Groups with fewer patients or images, or fewer with or without the finding, are small.
    """
    hidden = Hidden()
    rows = np.arange(len(cohort.images))
    everywhere = {
        (attribute, group): mask
        for attribute in attributes
        for group, mask in group_masks(cohort, attribute, rows).items()
    }
    of_all = {one.rows.tobytes(): one for of_models in samples.values() for one in of_models}
    totals = [_groups_of(cohort, one, attributes, totals=True) for one in of_all.values()]
    base = _closed(cohort, totals, set(), everywhere, below)
    for finding, of_models in samples.items():
        if any(is_small(_Groups(one, {}).counts(one.y_true | True), below) for one in of_models):
            hidden.findings.add(finding)
            continue
        different = {one.labels_key: one for one in of_models}.values()
        by_class = [_groups_of(cohort, one, attributes) for one in different]
        found = _closed(cohort, by_class, base, everywhere, below)
        for one in of_models:
            unaudited = _groups_of(cohort, one, shortcuts)
            for shortcut in shortcuts:
                names = _of_attribute(unaudited, shortcut, set(), below)
                found |= {(shortcut, name) for name in names}
        hidden.groups.update((finding, *key) for key in found)
    return hidden


def _groups_of(
    cohort: Cohort, sample: Sample, columns: Sequence[str], *, totals: bool = False
) -> _Groups:
    masks = {name: group_masks(cohort, name, sample.rows) for name in columns}
    return _Groups(sample, masks, totals)


def _closed(
    cohort: Cohort,
    of_samples: Sequence[_Groups],
    start: set[GroupKey],
    everywhere: Mapping[GroupKey, Mask],
    below: int,
) -> set[GroupKey]:
    """Add to some groups those that are small, and all that would give a hidden one away."""
    found = set(start)
    inside, kinds = _nested(everywhere), kinds_of(everywhere)
    n_before = -1
    while len(found) > n_before:
        n_before = len(found)
        for one in of_samples:
            for attribute in one.masks:
                found |= {(attribute, name) for name in _of_attribute(one, attribute, found, below)}
            found |= _beside_parts(one, found, inside, below)
            found |= _within_bounds(one, found, kinds, cohort, below)
    return found


def _nested(everywhere: Mapping[GroupKey, Mask]) -> dict[GroupKey, dict[str, list[GroupKey]]]:
    """Return, of each group, the groups of each other attribute that lie within it."""
    return {
        whole: {
            attribute: [part for part in parts if not (everywhere[part] & ~mask).any()]
            for attribute, parts in _by_attribute(everywhere).items()
            if attribute != whole[0]
        }
        for whole, mask in everywhere.items()
    }


def _by_attribute(keys: Iterable[GroupKey]) -> dict[str, list[GroupKey]]:
    found: dict[str, list[GroupKey]] = {}
    for key in keys:
        found.setdefault(key[0], []).append(key)
    return found


def _beside_parts(
    one: _Groups,
    found: set[GroupKey],
    inside: Mapping[GroupKey, Mapping[str, Sequence[GroupKey]]],
    below: int,
) -> set[GroupKey]:
    """Return groups to hide because a shown group minus shown groups within it would be small."""
    added: set[GroupKey] = set()
    for whole, attributes in inside.items():
        for parts in attributes.values():
            while whole not in found | added:
                shown = [part for part in parts if part not in found | added]
                rest = one.mask(whole) & ~one.union(shown)
                if not shown or not is_small(one.counts(rest), below):
                    break
                filled = [part for part in shown if one.mask(part).any()]
                added.add(min(filled or [whole], key=lambda key: (one.mask(key).sum(), key)))
    return added


def _of_attribute(one: _Groups, attribute: str, found: set[GroupKey], below: int) -> set[str]:
    masks = one.masks[attribute]
    hidden = {
        name
        for name, mask in masks.items()
        if (attribute, name) in found or is_small(one.counts(mask), below)
    }
    return completed(list(masks), hidden, lambda names: one.together(attribute, names), below)


def _within_bounds(
    one: _Groups, found: set[GroupKey], kinds: Kinds, cohort: Cohort, below: int
) -> set[GroupKey]:
    """Return groups to hide because what is shown would prove a hidden count to be small."""
    added: set[GroupKey] = set()
    for units, attributes in one.countable(cohort):
        sizes = kinds.sizes(units)
        count_of = {
            key: int(sizes[mask].sum())
            for key, mask in kinds.members.items()
            if key[0] in attributes
        }
        while True:
            hidden = found | added
            shown = [key for key in count_of if key not in hidden]
            small = [key for key in count_of if key in hidden and 0 < count_of[key] < below]
            more = next(
                filter(None, (_too_much(k, shown, kinds, sizes, below) for k in small)), None
            )
            if more is None:
                break
            added.add(min(more, key=lambda key: (count_of[key] == 0, count_of[key], key)))
    return added


def _too_much(
    key: GroupKey, shown: list[GroupKey], kinds: Kinds, sizes: NDArray[np.int64], below: int
) -> list[GroupKey]:
    """Return the shown groups that prove a hidden count to be small, if they do."""
    largest, by = most(key, shown, kinds, sizes)
    return by if largest < below - TOLERANCE else []
