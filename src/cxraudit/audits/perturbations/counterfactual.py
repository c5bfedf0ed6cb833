"""Each image against itself with a device inserted or removed.

How far the score moves, in standard deviations of the score, and how many images are flagged at the
threshold that flags 10 % of the unedited images without the finding. The controls of an edit, which change an
image by as much (see `cxraudit.edits`), are judged in the same way, and the change by the edit is also given
minus that of each, on the images that both were applied to: only a change beyond all of them is due to what
the edit shows, in its place.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logit

from cxraudit.audits.cohort import Cell, Cohort, Mask, Sample, Vector, count
from cxraudit.audits.groups import group_masks
from cxraudit.audits.perturbations.pairs import Pair
from cxraudit.audits.plan import (
    Comparison,
    Item,
    Known,
    Level,
    Quantity,
    joined_phrases,
    key,
    mean,
    minus,
    ranking,
)
from cxraudit.datasets.base import NO_GROUP
from cxraudit.schema import NEGATIVES, POSITIVES, UNEDITED, Analysis, Confirmatory, Reason
from cxraudit.stats.thresholds import choose_threshold, target_fpr

FALSE_POSITIVE_RATE = 0.1
"""Of the threshold, on unedited images."""
SATURATED = 1e-12
"""Probabilities closer to 0 or 1 are moved there before their logit is taken."""
ROUNDING = 1e-5
"""Change, in standard deviations of the score, up to which scores are the same: single precision has less."""
LEAST_SPREAD = 1e-6
"""Standard deviation of unedited scores, beside the largest, below which they do not vary."""


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """One edit of the images of one finding and model."""

    cohort: Cohort
    pair: Pair
    others: NDArray[np.float64] | None = None
    """Scores that decide the scale, with those of the pair; see `on_linear_scale`."""
    change: NDArray[np.float64] = field(init=False)
    """Of each image's score, in standard deviations of the unedited scores."""
    measured: bool = field(init=False)
    """Whether unedited scores vary, so that there is something to measure a change by."""
    about: Mask = field(init=False)
    """Images that were edited, and lack what is inserted or have what is removed."""

    def __post_init__(self) -> None:
        """Compute the change of every image."""
        # On one scale: a score beyond 0 or 1 on either side says that none is a probability.
        scores = np.stack([self.pair.before.y_score, self.pair.after.y_score])
        before, after = on_linear_scale(scores, self.others)
        spread = deviation(before, self.pair.before)
        # Of the scores themselves, too: log odds of scores near 0.5 are near 0, and vary beside it.
        of_scores = deviation(scores[0], self.pair.before)
        measured = varies(scores[0], of_scores) and varies(before, spread)
        object.__setattr__(self, "measured", measured)
        # Where they do not, there is nothing to measure a change by.
        still = np.where(after == before, 0.0, np.nan)
        change = (after - before) / spread if measured else still
        object.__setattr__(self, "change", change)
        object.__setattr__(self, "about", self._about())

    @property
    def note(self) -> str:
        """Of every row: how many images it was not applied to."""
        return self.pair.note(hidden=self.cohort.settings.hides_small_numbers)

    def _about(self) -> Mask:
        about, edited = self.pair.edit.about, self.pair.edited
        if about is not None and about[0] in self.cohort.images:
            has = self.cohort.column(about[0], self.pair.before.rows)
            if np.isin(has, ("yes", "no")).any():  # else not labelled
                return edited & (has == about[1])
        return edited

    def images(self) -> pd.DataFrame:
        """Return the change of every image the perturbation is about."""
        before = self.pair.before
        return pd.DataFrame(
            {
                "image_id": self.cohort.images.index[before.rows[self.about]],
                "model": before.model,
                "prompt_set": before.prompt_set,
                "finding": before.finding,
                "condition": self.pair.condition,
                "change": self.change[self.about],
                "has_finding": before.y_true[self.about].astype(float),
            }
        ).dropna(subset=["change"])

    def shared_with(self, other: "Counterfactual") -> Mask:
        """Tell which of the images the other is about, too."""
        return self.about & np.isin(self.pair.before.rows, other.pair.before.rows[other.about])

    def cells(
        self, attributes: Sequence[str], about: Mask | None = None
    ) -> dict[tuple[str, str], Cell]:
        """Return (attribute, group) → images: all, by the finding, and by group."""
        before = self.pair.before
        about = self.about if about is None else about
        masks = {
            ("", ""): about,
            ("", POSITIVES): about & before.y_true,
            ("", NEGATIVES): about & ~before.y_true,
        }
        for attribute in attributes:
            for group, mask in group_masks(self.cohort, attribute, before.rows).items():
                if group not in NO_GROUP:
                    masks[attribute, group] = about & mask
        return {name: before.cell(mask) for name, mask in masks.items() if mask.any()}


def deviation(values: NDArray[np.float64], sample: Sample) -> float:
    """Return the standard deviation of numbers of the images of a sample, weighted as these are."""
    if sample.weights is None:
        return float(values.std())
    mean = np.average(values, weights=sample.weights)
    return float(np.sqrt(np.average((values - mean) ** 2, weights=sample.weights)))


def varies(values: NDArray[np.float64], spread: float) -> bool:
    """Tell whether a standard deviation of values is more than their rounding."""
    return spread > LEAST_SPREAD * float(np.abs(values).max(initial=0.0))


def on_linear_scale(
    scores: NDArray[np.float64], others: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Return scores on the scale on which a zero-shot score is linear in the embedding.

    Probabilities of exactly 0 and 1, which rounding makes, lie no further out than the others.

    Parameters
    ----------
    scores : numpy.ndarray
        Probabilities, or scores of which one lies beyond 0 or 1.
    others : numpy.ndarray, optional
        Scores that decide the scale and the limits; default: `scores`.
    """
    known = scores if others is None else others
    if known.min() < 0 or known.max() > 1:
        return scores
    return logit(np.clip(scores, *limits(known)))


def limits(probabilities: NDArray[np.float64]) -> tuple[float, float]:
    """Return how far out probabilities of exactly 0 and 1 lie: no further than the others.

    Examples
    --------
    >>> limits(np.array([0.0, 0.02, 0.9]))
    (0.02, 0.9)
    """
    within = probabilities[(probabilities > 0) & (probabilities < 1)]
    if not within.size:
        return SATURATED, 1 - SATURATED
    low, high = float(within.min(initial=0.5)), float(within.max(initial=0.5))
    return max(low, SATURATED), min(high, 1 - SATURATED)


def of_pairs(cohort: Cohort, pairs: Sequence[Pair]) -> list[Counterfactual]:
    """Return the counterfactuals of a model, all edits of a finding on one scale."""
    of_finding: dict[tuple[str, str, bool], list[NDArray[np.float64]]] = defaultdict(list)
    for pair in pairs:
        of_finding[_scale_of(pair)] += [pair.before.y_score, pair.after.y_score]
    known = {name: np.concatenate(scores) for name, scores in of_finding.items()}
    return [Counterfactual(cohort, pair, known[_scale_of(pair)]) for pair in pairs]


def _scale_of(pair: Pair) -> tuple[str, str, bool]:
    # Edits of the user have scores of originals of their own.
    return pair.before.prompt_set, pair.before.finding, pair.edit.own


def plan(perturbed: Sequence[Counterfactual], attributes: Sequence[str]) -> list[Item]:
    """Plan all counterfactuals of a model.

    Parameters
    ----------
    perturbed : sequence of Counterfactual
        Of all findings.
    attributes : sequence of str
        Attributes whose groups get a mean change each.

    Returns
    -------
    list of Item
        ``score_change`` of all images, of those with and without the finding, and of groups, against
        ``unedited`` and, for an edit with controls, against each control; ``fpr`` and ``tpr`` at the
        threshold; ``auroc`` if only the images without (or with) the finding are perturbed.
    """
    items: list[Item] = []
    for one in perturbed:
        before = one.pair.before
        of_finding = (before.prompt_set, before.finding)
        controls = [
            other
            for other in perturbed
            if one.pair.condition in other.pair.edit.control_of
            and (other.pair.before.prompt_set, other.pair.before.finding) == of_finding
        ]
        items += _changes(one, controls, attributes)
        if before.both_classes:
            items += _flagged(one)
            items += _areas(one)
    return items


def _changes(
    one: Counterfactual, controls: Sequence[Counterfactual], attributes: Sequence[str]
) -> Iterator[Item]:
    """Compare the mean change with none, and with that of each control."""
    of_controls = [
        (
            control,
            Vector(control.change),
            one.cells(attributes, one.shared_with(control)),
            control.cells(attributes, control.shared_with(one)),
        )
        for control in controls
    ]
    change = Vector(one.change)
    for (attribute, group), cell in one.cells(attributes).items():
        own = mean(cell, change)
        same = _same(one, cell.mask)
        yield _comparison(
            one, cell, "score_change", own, Known(0.0), UNEDITED, attribute, group, same
        )
        for control, other_change, shared, others in of_controls:
            if (attribute, group) in shared:
                both = shared[attribute, group]
                of_control = others[attribute, group]
                beyond = minus(mean(both, change), mean(of_control, other_change))
                name = control.pair.condition
                same = _as_control(one, control, both.mask, of_control.mask)
                found = _comparison(
                    one, both, "score_change", beyond, Known(0.0), name, attribute, group, same
                )
                if control.pair.edit.own and _is_unchanged(control, of_control.mask):
                    found = replace(found, note=joined_phrases(NO_CONTROL, found.note))
                yield found


NO_CONTROL = "the control left all scores the same numbers, so that this is the change alone"


def _comparison(
    one: Counterfactual,
    cell: Cell,
    metric: str,
    after: Quantity,
    before: Quantity,
    reference: str,
    attribute: str = "",
    group: str = "",
    same: str = "",
) -> Comparison:
    stated = _unless_changed(one, cell, same)
    if metric == "score_change" and not one.measured:
        stated["reasons"] += (Reason.CONSTANT_SCORES,)
        flat = "the scores of the unedited images do not vary, and a change is measured by that"
        stated["note"] = joined_phrases(flat, stated["note"])
    # Each image is compared with itself, so only the perturbed ones have to be many.
    enough = count(cell).n_patients >= one.cohort.settings.min_patients
    return Comparison(
        key=key(
            one.pair.before,
            Analysis.COUNTERFACTUAL,
            attribute=attribute,
            group=group,
            reference=reference,
            condition=one.pair.condition,
        ),
        metric=metric,
        group=after,
        reference=before,
        cells=(cell,),
        family=Confirmatory.COUNTERFACTUAL,
        scale="plain",
        enough=enough,
        caution=_too_few(one),
        **stated,
    )


def _unless_changed(one: Counterfactual, cell: Cell, same: str) -> dict[str, Any]:
    """Return what is stated of a comparison, and what bounds it where no patient of a cell shows a change."""
    return {
        "unchanged": bool(same),
        "by_chance": (cell,),
        "reasons": (*one.pair.reasons, *((Reason.IDENTICAL_SCORES,) if same else ())),
        "note": joined_phrases(same, one.note),
    }


def _equal(first: NDArray[np.float64], second: NDArray[np.float64] | float) -> bool:
    """Tell whether changes of scores are the same but for rounding."""
    return bool((np.abs(first - second) <= ROUNDING).all())


def _same(one: Counterfactual, images: Mask) -> str:
    """Say so where a user's edit left the scores of all of some images the same numbers.

    The edits of cxraudit are known to have changed pixels, and their scores to be those of the edited images.
    """
    same = one.pair.edit.own and _is_unchanged(one, images)
    return "the scores are the same numbers before and after, which shows nothing" if same else ""


def _is_unchanged(one: Counterfactual, images: Mask) -> bool:
    return _equal(one.change[images], 0.0)


def _as_control(one: Counterfactual, control: Counterfactual, images: Mask, same: Mask) -> str:
    """Say so where all of some images have the same score with an edit as with its control."""
    own = one.pair.edit.own and control.pair.edit.own
    alike = own and _equal(one.change[images], control.change[same])
    return "the scores are the same numbers with the control, which shows nothing" if alike else ""


def _too_few(one: Counterfactual) -> str:
    return f"fewer than {one.cohort.settings.min_patients} patients were perturbed"


def _flagged(one: Counterfactual) -> Iterator[Item]:
    """Images flagged before and after, at a threshold of the unedited images."""
    before, after = one.pair.before, one.pair.after
    rule = target_fpr(FALSE_POSITIVE_RATE)
    threshold = choose_threshold(before.y_true, before.y_score, rule, weights=before.weights)
    flagged = [Vector((s.y_score >= threshold).astype(float)) for s in (after, before)]
    for metric, group, kind in (
        ("fpr", NEGATIVES, ~before.y_true),
        ("tpr", POSITIVES, before.y_true),
    ):
        cell = before.cell(one.about & kind)
        if not cell.mask.any():
            continue
        rates = [mean(cell, values) for values in flagged]
        yield Level(
            key=key(before, Analysis.COUNTERFACTUAL, group=group, condition=one.pair.condition),
            metric=metric,
            quantity=rates[0],
            cell=cell,
            one_class=True,
            reasons=one.pair.reasons,
            note=one.note,
        )
        yield _comparison(
            one,
            cell,
            metric,
            rates[0],
            rates[1],
            UNEDITED,
            group=group,
            same=_same(one, cell.mask),
        )


def _areas(one: Counterfactual) -> Iterator[Item]:
    """AUROC with only the images without (or with) the finding perturbed."""
    before, after = one.pair.before, one.pair.after
    for group, kind in ((NEGATIVES, ~before.y_true), (POSITIVES, before.y_true)):
        part = one.about & kind
        if not part.any():
            continue
        mixed = before.with_(y_score=np.where(part, after.y_score, before.y_score))
        named = {"group": group, "condition": one.pair.condition}
        area = ranking(mixed.everything)
        yield Level(
            key=key(mixed, Analysis.COUNTERFACTUAL, **named),
            metric="auroc",
            quantity=area,
            cell=mixed.everything,
            reasons=one.pair.reasons,
            note=one.note,
        )
        few = np.unique(before.patients[part]).size < one.cohort.settings.min_patients
        yield Comparison(
            key=key(mixed, Analysis.COUNTERFACTUAL, reference=UNEDITED, **named),
            metric="auroc",
            group=area,
            reference=ranking(before.everything),
            cells=(mixed.everything,),
            family=Confirmatory.COUNTERFACTUAL,
            enough=False if few else None,
            caution=_too_few(one),
            **_unless_changed(one, before.cell(part), _same(one, part)),
        )
