"""What two bars cannot say: whether the score sees the shortcut itself, and what that is worth.

**Detectability**: AUROC of the finding's score for the *shortcut*, among images with the finding and
among images without it. 0.5 is a score that does not see it.

**Dose**: AUROC as it would be were the shortcut in another share of the positives. An AUROC is a mean
over pairs of a positive and a negative, so it is linear in that share, and bilinear in the shares
among positives and among negatives: no image is drawn again, and every dose has the interval of the
same resamples. Where the shortcut is known of negatives, too, the AUROC *independent of the finding*
is that of a world where images with and without the finding have the shortcut equally often; what the
observed one has more is owed to the shortcut going with the finding.

**Matched**: the gap with − without after both arms were weighted to one mix of views (and of ages).
"""

from collections.abc import Mapping
from itertools import product

import numpy as np
import pandas as pd

from cxraudit.audits.cells import NO_GROUP, Cohort, Labelled, Mask
from cxraudit.audits.rows import Row, add_note, gap_rows, level_rows
from cxraudit.audits.shortcuts.labels import WITH, Found, ShortcutLabels, labels_of
from cxraudit.audits.standardised import ADJUSTERS
from cxraudit.audits.subgroups import compute, scored_findings
from cxraudit.schema import DOSE, WITHOUT_AT_EQUAL
from cxraudit.stats.ranking import shortcut_cells
from cxraudit.stats.replicated import Replicated, weighted_sum
from cxraudit.stats.standardise import standardised_replicates
from cxraudit.vocabulary import attribute_name

DETECTABILITY = "detectability"
AMONG = {"among positives": True, "among negatives": False}
COIN_TOSS = "coin toss"
"""Reference of detectability: a score that does not see the shortcut has an AUROC of 0.5."""

DOSES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
OBSERVED, INDEPENDENT = "as observed", "independent of the finding"

N_PLACES = 25
"""Bins of the distributions of `score_places`."""


def detectable(cohort: Cohort, images: Labelled, row: Row, labels: ShortcutLabels) -> Found:
    """Rank images with the shortcut against images without it, among images alike in the finding."""
    levels: list[Row] = []
    gaps: list[Row] = []
    for group, positive in AMONG.items():
        among = images.only(labels.known & (images.y_true == positive))
        if not among.y_true.size:
            continue
        seen = Labelled(
            among.rows,
            labels.has[labels.known & (images.y_true == positive)],
            among.y_score,
            among.patients,
            among.units,
        )
        if not seen.both_classes:
            continue
        everyone = np.ones(seen.y_true.size, dtype=bool)
        found = {DETECTABILITY: compute(cohort, seen, [everyone])[0].auroc}
        base = {**row, "group": group}
        levels += _of_shortcut(level_rows(base, seen, everyone, found, cohort.settings))
        chance = found[DETECTABILITY].constant(0.5)
        rows = gap_rows(
            {**base, "reference": COIN_TOSS},
            seen,
            [everyone],
            found,
            {DETECTABILITY: chance},
            cohort.settings,
            scale="logit",
            exact_reference=True,
        )
        gaps += _of_shortcut(rows)
    return levels, gaps


def _of_shortcut(rows: list[Row]) -> list[Row]:
    """Let notes speak of the shortcut, which is what is ranked here."""
    return [{**row, "note": row["note"].replace("the finding", "the shortcut")} for row in rows]


def at_doses(cohort: Cohort, images: Labelled, row: Row, labels: ShortcutLabels) -> Found:
    """Give AUROC over the share of the shortcut among positives, and without its tie to the finding."""
    named = {**row, "attribute": labels.name + DOSE}
    positives = images.y_true & labels.known
    arms = [~images.y_true | (positives & part) for part in (labels.has, labels.lacks)]
    if not (positives & labels.has).any() or not (positives & labels.lacks).any():
        return [], []
    with_, without = (cell.auroc for cell in compute(cohort, images, arms))
    everyone = ~images.y_true | positives
    share = float(labels.has[positives].mean())
    levels: list[Row] = []
    for dose in sorted({*DOSES, share}):
        found = weighted_sum((with_, without), (dose, 1 - dose))
        rests_on = [arm for arm, part in zip(arms, (dose, 1 - dose), strict=True) if part > 0]
        levels += level_rows(
            {**named, "group": f"{OBSERVED} ({dose:.1%})" if dose == share else f"{dose:.0%}"},
            images,
            everyone,
            {"auroc": found},
            cohort.settings,
            parts=rests_on,
        )
    more, gaps = _independent(cohort, images, named, labels)
    return [*levels, *more], gaps


def _independent(cohort: Cohort, images: Labelled, row: Row, labels: ShortcutLabels) -> Found:
    """AUROC with the shortcut equally frequent among images with and without the finding."""
    known = labels.known
    counts = [
        int(np.sum(known & (images.y_true == positive) & part))
        for positive in (True, False)
        for part in (labels.has, labels.lacks)
    ]
    if not all(counts):
        return [], []
    cells = shortcut_cells(images.y_true, labels.has)
    order = ("subgroup", "bnsp", "bpsn", "background")  # (with, with), (with, without), …
    four = [cells[name] & known for name in order]
    areas = [r.auroc for r in compute(cohort, images, four)]

    def at(of_positives: float, of_negatives: float) -> Replicated:
        shares = product((of_positives, 1 - of_positives), (of_negatives, 1 - of_negatives))
        return weighted_sum(areas, [first * second for first, second in shares])

    overall = float(labels.has[known].mean())
    untied = at(overall, overall)
    observed = at(counts[0] / (counts[0] + counts[1]), counts[2] / (counts[2] + counts[3]))
    note = (
        f"in {overall:.1%} of both instead of {counts[0] / (counts[0] + counts[1]):.1%} of positives "
        f"and {counts[2] / (counts[2] + counts[3]):.1%} of negatives"
    )
    levels = level_rows(
        {**row, "group": INDEPENDENT}, images, known, {"auroc": untied}, cohort.settings, parts=four
    )
    gaps = gap_rows(
        {**row, "group": OBSERVED, "reference": INDEPENDENT},
        images,
        [known, *four],
        {"auroc": observed},
        {"auroc": untied},
        cohort.settings,
    )
    return add_note(levels, note), add_note(gaps, note)


def matched(cohort: Cohort, images: Labelled, row: Row, labels: ShortcutLabels) -> Found:
    """Compare both arms after weighting them to one mix of view, of age, and of both."""
    gaps: list[Row] = []
    settings = cohort.settings
    arms = np.stack(
        [~images.y_true | (images.y_true & part) for part in (labels.has, labels.lacks)]
    )
    for adjuster in ADJUSTERS:
        own = labels.name.partition(":")[0]  # a shortcut cannot be matched on its own column
        if adjuster not in cohort.images or own in adjuster.split("*"):
            continue
        strata = cohort.images[adjuster].to_numpy(dtype=str)[images.rows]
        sides = arms & ~np.isin(strata, NO_GROUP)
        if not all((side & images.y_true).any() for side in sides):
            continue
        (with_, without), effective, kept = standardised_replicates(
            images.y_true,
            images.y_score,
            images.units,
            sides,
            strata,
            cohort.counts,
            n_resamples=settings.n_resamples,
            target=settings.standardise,
        )
        rows = gap_rows(
            {**row, "group": WITH, "reference": WITHOUT_AT_EQUAL + attribute_name(adjuster)},
            images,
            list(kept),
            {"auroc": with_.auroc},
            {"auroc": without.auroc},
            settings,
            scale="bootstrap",
        )
        gaps += add_note(rows, f"{effective[0]:.0f} effective images with it")
    return [], gaps


def score_places(
    cohort: Cohort, scores: pd.DataFrame, shortcuts: Mapping[str, str]
) -> pd.DataFrame:
    """Describe the score among images with and without finding and shortcut.

    Scores of different models have different scales, so each image is given its place among images
    that have neither the finding nor the shortcut (all images without the finding, where the shortcut
    is not known of them): 0.9 is a score above 90 % of theirs. The mean place of the other three
    kinds is an AUROC: that of BNSP for images with both.

    Returns
    -------
    pandas.DataFrame
        One row per model, shortcut, kind of image and bin: ``model``, ``prompt_set``, ``finding``,
        ``shortcut``, ``has_finding``, ``has_shortcut`` (yes, no, unknown), ``place`` (middle of the
        bin), ``share`` (of the images of this kind), ``n`` (images of this kind), ``n_patients``.
    """
    rows = []
    edges = np.linspace(0, 1, N_PLACES + 1)
    for base, images in scored_findings(cohort, scores):
        for shortcut, finding in shortcuts.items():
            if finding != base["finding"]:
                continue
            labels = labels_of(cohort, images, shortcut)
            quiet = ~images.y_true & labels.lacks
            places = _places(
                images.y_score, images.y_score[quiet if quiet.any() else ~images.y_true]
            )
            kinds = {"yes": labels.has, "no": labels.lacks, "unknown": ~labels.known}
            for positive, (answer, part) in product((True, False), kinds.items()):
                cell: Mask = part & (images.y_true == positive)
                if not cell.any():
                    continue
                share = np.histogram(places[cell], edges)[0] / cell.sum()
                rows.append(
                    pd.DataFrame(
                        {
                            "model": base["model"],
                            "prompt_set": base["prompt_set"],
                            "finding": finding,
                            "shortcut": shortcut,
                            "has_finding": positive,
                            "has_shortcut": answer,
                            "place": (edges[:-1] + edges[1:]) / 2,
                            "share": share,
                            "n": int(cell.sum()),
                            "n_patients": np.unique(images.patients[cell]).size,
                        }
                    )
                )
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame()


def _places(scores: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Return the share of `among` below each score, ties counting half."""
    ordered = np.sort(among)
    below = np.searchsorted(ordered, scores, "left") + np.searchsorted(ordered, scores, "right")
    return below / (2 * ordered.size)
