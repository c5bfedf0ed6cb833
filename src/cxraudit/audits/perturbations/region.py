"""How well images are ranked with a region removed, or kept alone; and how far scores move by that.

Removing a region shows whether a score needs it: an AUROC that stays above chance without the lungs rests
on something outside of them. It is compared with that of the same images unedited, with a region of the same
size removed elsewhere (the control), and with chance. That it falls to chance does not show that the score
rests on the finding: whatever else lies in the region, such as most of a chest drain, is gone with it.

The yardstick of how far scores move is the distance between two images of one patient with the same label,
which differ in all that does not matter. All of this is exploratory: estimates with their intervals.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxraudit.audits.cohort import Cell, Cohort, Sample, Vector, count
from cxraudit.audits.groups import comparisons
from cxraudit.audits.perturbations.counterfactual import deviation, on_linear_scale
from cxraudit.audits.perturbations.pairs import Pair
from cxraudit.audits.plan import (
    Comparison,
    Item,
    Key,
    Known,
    Level,
    Quantity,
    key,
    mean,
    minus,
    ranking,
)
from cxraudit.edits import Edit
from cxraudit.schema import (
    CHANCE,
    COMPLEMENT,
    NEGATIVES,
    OVERALL,
    POSITIVES,
    SAME_LABEL_SWAP,
    UNEDITED,
    Analysis,
    control_of,
)

CHANCE_AUROC = 0.5

LUNGS, HEART = "lungs", "heart"
RELEVANT: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "Atelectasis",
            "Consolidation",
            "Edema",
            "Emphysema",
            "Fibrosis",
            "Infiltration",
            "Lung Lesion",
            "Lung Opacity",
            "Mass",
            "Nodule",
            "Pleural Effusion",
            "Pneumonia",
            "Pneumothorax",
        ),
        LUNGS,
    ),
    **dict.fromkeys(("Cardiomegaly", "Enlarged Cardiomediastinum"), HEART),
}
"""Finding → the region its signs lie in; of others nothing is stated."""


def plan(cohort: Cohort, pairs: Sequence[Pair], attributes: Sequence[str]) -> list[Item]:
    """Plan all perturbations of regions of a model.

    Parameters
    ----------
    cohort : Cohort
        The perturbed images.
    pairs : sequence of Pair
        Of all findings and perturbations, controls among them.
    attributes : sequence of str
        Attributes whose groups are compared.

    Returns
    -------
    list of Item
        Per perturbation ``auroc``, its change (``reference`` unedited), and its differences to that with the
        control (``reference`` is its name) and to chance; ``score_change``, also of positives and negatives
        and beyond the control; ``absolute_change``; the gap of each group to all other groups, and its
        change (``auroc_gap``). Of a control its own level and change; of `SAME_LABEL_SWAP`, which needs no
        perturbation, the same once per finding.
    """
    of_finding: dict[tuple[str, str], dict[str, Pair]] = {}
    for pair in pairs:
        first = pair.before
        of_finding.setdefault((first.prompt_set, first.finding), {})[pair.condition] = pair
    items: list[Item] = []
    for perturbations in of_finding.values():
        controls = {control_of(name) for name in perturbations}
        for name, pair in perturbations.items():
            one = _Perturbed(cohort, pair)
            items += one.levels()
            if name not in controls:
                items += one.against_chance()
                items += one.gaps(attributes)
                if control_of(name) in perturbations:
                    items += one.against_control(perturbations[control_of(name)])
        swapped = swap(cohort, next(iter(perturbations.values())).unedited)
        if swapped is not None:
            items += _Perturbed(cohort, swapped).levels()
    return items


def swap(cohort: Cohort, sample: Sample) -> Pair | None:
    """Give each image the score of the next image of the same patient with the same label.

    Images without such another one are left out.

    Returns
    -------
    Pair or None
        None if no patient has two images with the same label.
    """
    order = np.lexsort((np.arange(sample.rows.size), sample.y_true, sample.patients))
    patients, labels = sample.patients[order], sample.y_true[order]
    first = np.r_[True, (patients[1:] != patients[:-1]) | (labels[1:] != labels[:-1])]
    starts = np.flatnonzero(first)
    sizes = np.diff(np.r_[starts, order.size])
    place = np.arange(order.size)
    group = np.cumsum(first) - 1
    following = np.where(place + 1 < (starts + sizes)[group], place + 1, starts[group])
    partner = np.empty(order.size, dtype=np.intp)
    partner[order] = order[following]
    kept = np.empty(order.size, dtype=bool)
    kept[order] = sizes[group] > 1
    if not kept.any():
        return None
    before = sample.sharing(cohort, kept)
    after = before.with_(y_score=sample.y_score[partner][kept])
    return Pair(Edit(SAME_LABEL_SWAP), 0, before, after, n_not_applied=0)


@dataclass(frozen=True, slots=True)
class _Perturbed:
    """The images of one finding under one perturbation."""

    cohort: Cohort
    pair: Pair

    def levels(self) -> Iterator[Item]:
        """AUROC and its change, and how far scores move."""
        before, after = self.pair.before, self.pair.after
        if after.both_classes:
            area = ranking(after.everything)
            yield Level(
                key=self._key(),
                metric="auroc",
                quantity=area,
                cell=after.everything,
                **self._stated(),
            )
            first = ranking(before.everything)
            yield self._paired("auroc", area, first, UNEDITED, certain=self._is_unmoved)
        change = self._change()
        cell = before.everything
        yield Level(
            key=self._key(),
            metric="absolute_change",
            quantity=mean(cell, Vector(np.abs(change))),
            cell=cell,
            one_class=True,
            **self._stated(),
        )
        if self.pair.condition != SAME_LABEL_SWAP:  # which has no direction
            for group, mask in _parts(before):
                part = before.cell(mask)
                quantity = mean(part, Vector(change))
                yield self._moved(quantity, part, UNEDITED, group)

    def against_chance(self) -> Iterator[Item]:
        """AUROC minus that of scores that say nothing."""
        after = self.pair.after
        if after.both_classes:
            yield self._paired("auroc", ranking(after.everything), Known(CHANCE_AUROC), CHANCE)

    def against_control(self, control: Pair) -> Iterator[Item]:
        """AUROC and change of scores minus those with the control, on the images that have both."""
        name = control.condition
        own = _Perturbed(self.cohort, self.pair.on(self.cohort, control))
        other = _Perturbed(self.cohort, control.on(self.cohort, self.pair))
        after = own.pair.after
        if after.both_classes:
            sides = (ranking(after.everything), ranking(other.pair.after.everything))
            certain = np.array_equal(after.y_score, other.pair.after.y_score)
            yield own._paired("auroc", *sides, name, certain=certain)
        if not after.rows.size:
            return
        beyond = own._change() - other._change()
        for group, mask in _parts(after):
            part = own.pair.before.cell(mask)
            yield own._moved(mean(part, Vector(beyond)), part, name, group)

    def gaps(self, attributes: Sequence[str]) -> Iterator[Item]:
        """The gap of each group to all other groups, and its change."""
        before, after = self.pair.before, self.pair.after
        if not after.both_classes:
            return
        for group in comparisons(self.cohort, after, attributes):
            masks = (group.inside.mask, group.outside.mask)
            sides = [[ranking(sample.cell(mask)) for mask in masks] for sample in (after, before)]
            named = self._key(attribute=group.attribute, group=group.name)
            cells = (group.inside, group.outside)
            yield Comparison(
                key=replace(named, reference=COMPLEMENT),
                metric="auroc",
                group=sides[0][0],
                reference=sides[0][1],
                cells=cells,
                family=None,
                **self._stated(),
            )
            yield Comparison(
                key=replace(named, reference=UNEDITED),
                metric="auroc_gap",
                group=minus(*sides[0]),
                reference=minus(*sides[1]),
                cells=cells,
                family=None,
                paired=True,
                by_chance=() if self._is_unmoved else cells,
                **self._stated(),
            )

    @property
    def _is_unmoved(self) -> bool:
        """Whether no score changed at all, so that the ranking is the same whoever the patients are."""
        same = np.array_equal(self.pair.before.y_score, self.pair.after.y_score)
        return same and self.pair.condition != SAME_LABEL_SWAP

    def _key(self, **named: Any) -> Key:
        return key(self.pair.after, Analysis.REGION, condition=self.pair.condition, **named)

    def _stated(self) -> dict[str, Any]:
        note = self.pair.note(hidden=self.cohort.settings.hides_small_numbers)
        return {"reasons": self.pair.reasons, "note": note}

    def _change(self) -> NDArray[np.float64]:
        """Return the change of each image's score, in standard deviations of the unedited scores."""
        everything = self.pair.unedited
        before, after = self.pair.before, self.pair.after
        # One scale for all images, so that neither depends on which of them a perturbation applies to.
        linear = on_linear_scale(np.r_[everything.y_score, before.y_score, after.y_score])
        n = everything.rows.size
        spread = deviation(linear[:n], everything)
        moved = linear[n + before.rows.size :] - linear[n : n + before.rows.size]
        return moved / (spread or 1.0)

    def _paired(
        self,
        metric: str,
        first: Quantity,
        second: Quantity,
        reference: str,
        *,
        certain: bool = False,
    ) -> Comparison:
        cells = (self.pair.after.everything,)
        return Comparison(
            key=self._key(reference=reference),
            metric=metric,
            group=first,
            reference=second,
            cells=cells,
            family=None,
            paired=reference != CHANCE,
            # Few patients can be ranked alike in every resample though others would not be.
            by_chance=() if certain or reference == CHANCE else cells,
            **self._stated(),
        )

    def _moved(self, change: Quantity, cell: Cell, reference: str, group: str) -> Comparison:
        smallest = self.cohort.settings.min_patients
        return Comparison(
            key=self._key(reference=reference, group=group),
            metric="score_change",
            group=change,
            reference=Known(0.0),
            cells=(cell,),
            family=None,
            scale="plain",
            # Each image is compared with itself, so only the perturbed ones have to be many.
            enough=count(cell).n_patients >= smallest,
            caution=f"fewer than {smallest} patients were perturbed",
            paired=True,
            **self._stated(),
        )


def _parts(sample: Sample) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Yield all images, and those with and without the finding; none without an image."""
    everything = np.ones(sample.rows.size, dtype=bool)
    for name, mask in (
        (OVERALL, everything),
        (POSITIVES, sample.y_true),
        (NEGATIVES, ~sample.y_true),
    ):
        if mask.any():
            yield name, mask
