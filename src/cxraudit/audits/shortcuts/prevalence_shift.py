"""AUROC as it would be were the shortcut in another share of the images.

An AUROC is a mean over pairs of a positive and a negative, so it is linear in the share of positives with
the shortcut, and bilinear in the shares among positives and among negatives: no image is drawn again. Where
the shortcut is known of negatives, too, images are reweighted so that it is as frequent with the finding as
without: in both in its share of all images (*independent of the finding*), in negatives as often as in
positives, or in positives as often as in negatives. These shares are estimates and are taken anew in every
replicate.

Whatever goes with the shortcut is reweighted with it. A score that does not depend on the shortcut ranks
severe positives higher, and these have drains: taking them away lowers its AUROC. Among negatives there is no
severity of the finding, so that reweighting them alone is free of it. How the AUROC changes is exploratory.
"""

from collections.abc import Sequence

from cxraudit.audits.cohort import Cell, Cohort, Mask, Sample
from cxraudit.audits.plan import (
    Combination,
    Comparison,
    Item,
    Level,
    Quantity,
    joined_phrases,
    key,
    ranking,
    weighted,
)
from cxraudit.audits.shortcuts.labels import ShortcutLabels, caveats
from cxraudit.schema import (
    INDEPENDENT,
    NEGATIVES_REWEIGHTED,
    OBSERVED,
    POSITIVES,
    POSITIVES_REWEIGHTED,
    Analysis,
)
from cxraudit.stats.ranking import shortcut_cells
from cxraudit.stats.replicated import Replicated, mean_replicates, shares_of_pairs

SHARES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)


def prevalence_shift(cohort: Cohort, sample: Sample, labels: ShortcutLabels) -> list[Item]:
    """Plan AUROC by the share of the shortcut among positives, and independent of the finding."""
    y_true = sample.y_true
    positives = y_true & labels.known
    kinds = (labels.has, labels.lacks)
    if not all((positives & kind).any() for kind in kinds):
        return []
    cells = [sample.cell(~y_true | (positives & kind)) for kind in kinds]
    areas = tuple(ranking(cell) for cell in cells)
    everything = sample.cell(~y_true | positives)
    stated = caveats(sample, labels, [POSITIVES])
    given = [
        ("", share, Combination(areas, (share, 1 - share)), _used(cells, share)) for share in SHARES
    ]
    observed = (
        OBSERVED,
        sample.share(labels.has, positives),
        ranking(everything),
        (everything, *cells),
    )
    items: list[Item] = [
        Level(
            key=key(
                sample,
                Analysis.SHORTCUT_PREVALENCE,
                attribute=labels.name,
                condition=condition,
                at=share,
            ),
            metric="auroc",
            quantity=quantity,
            cell=everything,
            parts=parts,
            reasons=stated.reasons,
            note=stated.note,
        )
        for condition, share, quantity, parts in sorted([*given, observed], key=lambda one: one[1])
    ]
    return items + _reweighted(cohort, sample, labels)


def _used(cells: Sequence[Cell], share: float) -> tuple[Cell, ...]:
    """Return the cells that count at a share of positives with the shortcut."""
    return tuple(cell for cell, w in zip(cells, (share, 1 - share), strict=True) if w > 0)


def _reweighted(cohort: Cohort, sample: Sample, labels: ShortcutLabels) -> list[Item]:
    """AUROC with the shortcut equally frequent with and without the finding, and the observed less that."""
    known, y_true = labels.known, sample.y_true
    masks = shortcut_cells(y_true, labels.has)
    order = ("subgroup", "bnsp", "bpsn", "background")  # (with, with), (with, without), …
    four = tuple(sample.cell(masks[name] & known) for name in order)
    if not all((cell.mask & side).any() for cell in four for side in (y_true, ~y_true)):
        return []
    areas = [ranking(cell) for cell in four]
    among = (known, known & y_true, known & ~y_true)
    overall, of_positives, of_negatives = (_share(cohort, sample, labels, one) for one in among)
    observed = f"{of_positives.value:.1%} of positives and {of_negatives.value:.1%} of negatives as observed"
    stated = caveats(sample, labels)
    everything = sample.cell(known)
    items: list[Item] = []
    for condition, share in (
        (INDEPENDENT, overall),
        (NEGATIVES_REWEIGHTED, of_positives),
        (POSITIVES_REWEIGHTED, of_negatives),
    ):
        quantity: Quantity = weighted(areas, shares_of_pairs(share, share))
        named = {"attribute": labels.name, "at": share.value}
        note = joined_phrases(f"{share.value:.1%} of both, {observed}", stated.note)
        items += [
            Level(
                key=key(sample, Analysis.SHORTCUT_PREVALENCE, condition=condition, **named),
                metric="auroc",
                quantity=quantity,
                cell=everything,
                parts=four,
                reasons=stated.reasons,
                note=note,
            ),
            Comparison(
                key=key(
                    sample,
                    Analysis.SHORTCUT_PREVALENCE,
                    condition=OBSERVED,
                    reference=condition,
                    **named,
                ),
                metric="auroc",
                group=ranking(everything),
                reference=quantity,
                cells=(everything, *four),
                family=None,
                reasons=stated.reasons,
                note=note,
            ),
        ]
    return items


def _share(cohort: Cohort, sample: Sample, labels: ShortcutLabels, among: Mask) -> Replicated:
    """Return the share of images with the shortcut, in the cohort and in every replicate."""
    return mean_replicates(
        labels.has,
        among,
        sample.units,
        cohort.counts,
        n_resamples=cohort.settings.n_resamples,
        weights=sample.weights,
    )
