"""How much AUROC, and the gap of each group to all other groups, change as images degrade."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cxraudit.audits.cohort import Cohort, count
from cxraudit.audits.groups import comparisons
from cxraudit.audits.perturbations.pairs import Pair
from cxraudit.audits.plan import (
    Comparison,
    Item,
    Level,
    average,
    joined_phrases,
    key,
    minus,
    ranking,
)
from cxraudit.schema import COMPLEMENT, MEAN_FINDING, UNEDITED, Analysis, Confirmatory, Reason


def plan(cohort: Cohort, pairs: Sequence[Pair], attributes: Sequence[str]) -> list[Item]:
    """Plan all corruptions of a model.

    Parameters
    ----------
    cohort : Cohort
        The perturbed images.
    pairs : sequence of Pair
        Of all findings, corruptions and severities.
    attributes : sequence of str
        Attributes whose groups are compared.

    Returns
    -------
    list of Item
        Per corruption and severity (``at``): ``auroc`` and its change (``reference`` unedited), the gap
        of each group to all other groups, and its change (``auroc_gap``); each also as the mean over
        findings. All are one family, which is screened.
    """
    levels: list[Level] = []
    gaps: list[Comparison] = []
    for pair in pairs:
        if pair.after.both_classes:
            levels.append(_level(cohort, pair))
            gaps += _gaps(cohort, pair, attributes)
    return [*levels, *gaps, *_over_findings(cohort, gaps)]


def _level(cohort: Cohort, pair: Pair) -> Level:
    cell = pair.after.everything
    return Level(
        key=key(pair.after, Analysis.CORRUPTION, condition=pair.condition, at=float(pair.severity)),
        metric="auroc",
        quantity=ranking(cell),
        cell=cell,
        reasons=pair.reasons,
        note=_note(cohort, pair),
    )


def _note(cohort: Cohort, pair: Pair) -> str:
    return pair.note(hidden=cohort.settings.hides_small_numbers)


def _gaps(cohort: Cohort, pair: Pair, attributes: Sequence[str]) -> Iterator[Comparison]:
    before, after = pair.before, pair.after
    plain = key(after, Analysis.CORRUPTION, condition=pair.condition, at=float(pair.severity))
    stated: dict[str, Any] = {"reasons": pair.reasons, "note": _note(cohort, pair)}
    certain = _is_certain(pair)
    yield Comparison(
        key=replace(plain, reference=UNEDITED),
        metric="auroc",
        group=ranking(after.everything),
        reference=ranking(before.everything),
        cells=(after.everything,),
        family=Confirmatory.CORRUPTION,
        paired=certain,
        by_chance=() if certain else (after.everything,),
        **stated,
    )
    for group in comparisons(cohort, after, attributes):
        masks = (group.inside.mask, group.outside.mask)
        sides = [[ranking(sample.cell(mask)) for mask in masks] for sample in (after, before)]
        named = replace(plain, attribute=group.attribute, group=group.name)
        yield Comparison(
            key=replace(named, reference=COMPLEMENT),
            metric="auroc",
            group=sides[0][0],
            reference=sides[0][1],
            cells=(group.inside, group.outside),
            family=Confirmatory.CORRUPTION,
            **stated,
        )
        yield Comparison(
            key=replace(named, reference=UNEDITED),
            metric="auroc_gap",
            group=minus(*sides[0]),
            reference=minus(*sides[1]),
            cells=(group.inside, group.outside),
            family=Confirmatory.CORRUPTION,
            paired=certain,
            by_chance=() if certain else (group.inside, group.outside),
            **stated,
        )


def _is_certain(pair: Pair) -> bool:
    """Tell whether a corruption changes no ranking of any image: no score is changed, or all are equal.

    Other scores that rank these images as before need not do so in other patients.
    """
    before, after = pair.before.y_score, pair.after.y_score
    return np.array_equal(before, after) or float(np.ptp(before)) == 0 == float(np.ptp(after))


def _over_findings(cohort: Cohort, gaps: Sequence[Comparison]) -> Iterator[Item]:
    """Average what is alike but for the finding, on the same resamples."""
    alike: dict[object, list[Comparison]] = {}
    for one in gaps:
        kind = (replace(one.key, finding="", at=0.0), one.key.at, one.metric)
        alike.setdefault(kind, []).append(one)
    for of_findings in alike.values():
        if len(of_findings) < 2:
            continue
        found = sorted(of_findings, key=lambda one: one.key.finding)
        enough = all(
            min(count(cell).limiting_patients for cell in one.cells) >= cohort.settings.min_patients
            for one in found
        )
        left_out = next((one.note for one in found if one.note), "")
        note = joined_phrases(f"mean over {len(found)} findings", left_out)
        few = "too few patients with or without one of them"
        mean = replace(
            found[0],
            key=replace(found[0].key, finding=MEAN_FINDING),
            group=average([one.group for one in found]),
            reference=average([one.reference for one in found]),
            scale="plain",
            enough=enough,
            caution=few,
            paired=all(one.paired for one in found),
            by_chance=next((one.by_chance for one in found if one.by_chance), ()),
            reasons=next((one.reasons for one in found if one.reasons), ()),
            note=note,
        )
        yield mean
        if not found[0].key.attribute:
            yield Level(
                key=replace(mean.key, reference=""),
                metric=mean.metric,
                quantity=mean.group,
                cell=mean.cells[0],
                parts=mean.cells,
                reasons=(*mean.reasons, *(() if enough else (Reason.TOO_FEW_PATIENTS,))),
                note=note if enough else f"{few}; {note}",
            )
