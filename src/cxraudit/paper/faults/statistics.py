"""Faults in the statistics: what is compared, what is resampled, and what a spread stands for."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from cxraudit.formatting import bounds, decimal, signed
from cxraudit.paper.faults.base import (
    Fault,
    ModelRun,
    labels_and_scores,
    main_finding,
    scored_findings,
)
from cxraudit.paper.numbers import ALL
from cxraudit.paper.tables import with_brackets
from cxraudit.schema import COMPLEMENT, WITH, WITHOUT, records
from cxraudit.stats.compare import estimate
from cxraudit.stats.ranking import auroc, ranking_replicates, shortcut_cells
from cxraudit.stats.replicated import weighted_sum
from cxraudit.stats.resampling import draw_resamples

N_RESAMPLES = 1000


def shared_negatives(run: ModelRun) -> Iterator[Fault]:
    """Positives with and without a drain are compared with the same negatives, with or without drain."""
    if "drain" not in run.dataset.shortcuts or "Pneumothorax" not in set(run.scores["finding"]):
        return
    images, label, score = labels_and_scores(run, "Pneumothorax")
    has_drain = (images["drain"] == "yes").to_numpy()
    known = images["drain"].isin(["yes", "no"]).to_numpy()
    if not (known & ~label & has_drain).any():
        return
    published = {
        name: auroc(label[kept], score[kept])
        for name, kept in (
            (WITH, ~label | (label & has_drain)),
            (WITHOUT, ~label | (label & known & ~has_drain)),
        )
    }
    subsets = {
        name: decimal(auroc(label[cell & known], score[cell & known]), 3)
        for name, cell in shortcut_cells(label, has_drain).items()
    }
    yield Fault(
        "evaluate_performance.py",
        "positives with and without a drain are both compared with all negatives, with or without a drain",
        f"AUROC {decimal(published[WITH], 3)} with, {decimal(published[WITHOUT], 3)} without a drain",
        f"pneumothorax with drain against neither {subsets['bnsp']}; pneumothorax alone against a drain "
        f"alone {subsets['bpsn']}; all images with a drain {subsets['subgroup']}; all images without "
        f"{subsets['background']}",
        "The two AUROCs do not separate recognition of pneumothorax from recognition of the drain. The "
        "AUROC that does (pneumothorax alone against a drain alone) was not computed.",
    )


def images_as_unit(run: ModelRun) -> Iterator[Fault]:
    """Images are resampled instead of patients."""
    finding = main_finding(run)
    images, _, _ = labels_and_scores(run, finding)
    per_patient = len(images) / images["patient_id"].nunique()
    table = run.protocols
    for row in records(table[(table["finding"] == finding) & (table["attribute"] == ALL)]):
        if not np.isfinite(row["width_ratio"]):
            continue  # the interval of a perfect ranking has no width
        yield Fault(
            "evaluate_performance.py",
            "the bootstrap draws images, although images of one patient are correlated",
            f"{finding}: {bounds(row['published_low'], row['published_high'], 3)}",
            f"{bounds(row['audit_low'], row['audit_high'], 3)}, {decimal(row['width_ratio'])} times as wide "
            f"({per_patient:.1f} images per patient)",
            "With many images per patient, intervals of 95 % cover 54 to 60 % in simulations.",
        )


def gaps_not_computed(run: ModelRun) -> Iterator[Fault]:
    """Groups are compared visually, from rounded numbers."""
    finding = main_finding(run)
    table = run.protocols[run.protocols["finding"] == finding]
    for attribute in ("sex", "race", "age_group", "drain"):
        rows = records(table[table["attribute"] == attribute])
        tested = [row for row in rows if np.isfinite(row["gap_low"])]
        if len(rows) < 2 or not tested:
            continue
        bars = "; ".join(
            f"{row['group']} {with_brackets(row, 'auroc', 'published_low', 'published_high')}"
            for row in rows[:2]
        )
        last = tested[-1]
        reference = WITHOUT if attribute == "drain" else COMPLEMENT
        yield Fault(
            "evaluate_performance.py",
            "values are rounded to two decimals on disk; differences between groups are never computed",
            f"{finding}: {bars}",
            f"gap of {last['group']} to {reference} {signed(last['gap'], 3)} "
            f"({bounds(last['gap_low'], last['gap_high'], 3, signed=True)}), after adjustment for all "
            f"comparisons: {last['verdict']}",
            "Overlapping intervals do not show equality, and separate intervals are not a test. A "
            "difference has an interval of its own, from resamples shared by both groups.",
        )
        return


def spread_over_findings(run: ModelRun) -> Iterator[Fault]:
    """The standard deviation over findings is printed where an interval is expected."""
    parts = [labels_and_scores(run, finding) for finding in scored_findings(run)]
    parts = [part for part in parts if 0 < part[1].sum() < part[1].size]
    if len(parts) < 2:
        return
    values = np.array([auroc(label, score) for _, label, score in parts])
    _, patients = pd.factorize(run.dataset.images["patient_id"], sort=True)
    counts = draw_resamples(len(patients), N_RESAMPLES, 0)
    number_of = {name: number for number, name in enumerate(patients)}
    replicates = [
        ranking_replicates(
            label,
            score,
            images["patient_id"].map(number_of).to_numpy(),
            np.ones((1, label.size), dtype=np.bool_),
            counts,
            n_resamples=N_RESAMPLES,
        )[0].auroc
        for images, label, score in parts
    ]
    mean = estimate(weighted_sum(replicates, [1 / len(parts)] * len(parts)), scale="logit")
    yield Fault(
        "generate_figures_tables.py",
        "mean over findings ± standard deviation over findings",
        f"{decimal(values.mean())} ± {decimal(values.std(ddof=1))}",
        f"{decimal(mean.value, 3)} ({bounds(mean.low, mean.high, 3)}), over patients",
        "The spread over findings is not the uncertainty of their mean.",
    )
