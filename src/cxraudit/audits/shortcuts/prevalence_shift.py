"""AUROC as it would be were the shortcut in another share of the images.

An AUROC is a mean over pairs of a positive and a negative, so it is linear in the share of positives with
the shortcut, and bilinear in the shares among positives and among negatives: no image is drawn again, and
every share has the interval of the same resamples. Where the shortcut is known of negatives, too, the AUROC
*independent of the finding* is that of a world where images with and without the finding have the shortcut
equally often; what the observed one has more is attributable to the shortcut going with the finding.
"""

from itertools import product

from cxraudit.audits.cohort import Cell, Cohort, Sample
from cxraudit.audits.plan import Combination, Comparison, Item, Level, Quantity, key, ranking
from cxraudit.audits.shortcuts.labels import ShortcutLabels
from cxraudit.schema import INDEPENDENT, OBSERVED, Analysis, Confirmatory
from cxraudit.stats.ranking import shortcut_cells

SHARES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)


def prevalence_shift(cohort: Cohort, sample: Sample, labels: ShortcutLabels) -> list[Item]:
    """Plan AUROC by the share of positives with the shortcut, and without its tie to the finding."""
    y_true = sample.y_true
    positives = y_true & labels.known
    kinds = (labels.has, labels.lacks)
    if not all((positives & kind).any() for kind in kinds):
        return []
    cells = [sample.cell(~y_true | (positives & kind)) for kind in kinds]
    areas = tuple(ranking(cell) for cell in cells)
    everything = sample.cell(~y_true | positives)
    observed = sample.share(labels.has, positives)
    items: list[Item] = [
        Level(
            key=key(
                sample,
                Analysis.SHORTCUT_PREVALENCE,
                attribute=labels.name,
                condition=OBSERVED if share == observed else "",
                at=share,
            ),
            metric="auroc",
            quantity=Combination(areas, (share, 1 - share)),
            cell=everything,
            parts=_with_weight(cells, (share, 1 - share)),
        )
        for share in sorted({*SHARES, observed})
    ]
    return items + _independent(sample, labels)


def _with_weight(cells: list[Cell], weights: tuple[float, float]) -> tuple[Cell, ...]:
    return tuple(cell for cell, weight in zip(cells, weights, strict=True) if weight > 0)


def _independent(sample: Sample, labels: ShortcutLabels) -> list[Item]:
    """AUROC with the shortcut equally frequent among images with and without the finding."""
    known = labels.known
    n = [
        sample.total(known & (sample.y_true == positive) & kind)
        for positive in (True, False)
        for kind in (labels.has, labels.lacks)
    ]
    if not all(n):
        return []
    masks = shortcut_cells(sample.y_true, labels.has)
    order = ("subgroup", "bnsp", "bpsn", "background")  # (with, with), (with, without), …
    four = tuple(sample.cell(masks[name] & known) for name in order)

    def at(of_positives: float, of_negatives: float) -> Quantity:
        shares = product((of_positives, 1 - of_positives), (of_negatives, 1 - of_negatives))
        weights = tuple(first * second for first, second in shares)
        return Combination(tuple(ranking(cell) for cell in four), weights)

    overall = sample.share(labels.has, known)
    of_positives, of_negatives = n[0] / (n[0] + n[1]), n[2] / (n[2] + n[3])
    note = (
        f"in {overall:.1%} of both instead of {of_positives:.1%} of positives and {of_negatives:.1%} of "
        "negatives"
    )
    everything = sample.cell(known)
    named = {"attribute": labels.name, "at": overall}
    return [
        Level(
            key=key(sample, Analysis.SHORTCUT_PREVALENCE, condition=INDEPENDENT, **named),
            metric="auroc",
            quantity=at(overall, overall),
            cell=everything,
            parts=four,
            note=note,
        ),
        Comparison(
            key=key(
                sample,
                Analysis.SHORTCUT_PREVALENCE,
                condition=OBSERVED,
                reference=INDEPENDENT,
                **named,
            ),
            metric="auroc",
            group=at(of_positives, of_negatives),
            reference=at(overall, overall),
            cells=(everything, *four),
            family=Confirmatory.SHORTCUT,
            note=note,
        ),
    ]
