"""What a score does when only the image is changed: reliance on a device, and wear and tear.

A **counterfactual** compares each image with itself: how far the score moves when a drain is drawn into
an image without one (or, for synthetic radiographs, taken away), in standard deviations of the score, and how many
images are called at the threshold that called 10 % of the unedited images without the finding. The sham
edit is judged in the same way: if it moves the score as well, the change is not about the drain.

A **corruption** compares AUROC, and the gap of each group to the rest, with those of the unedited images,
on the same images and resamples.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logit

from cxraudit.audits.cells import (
    NO_GROUP,
    AuditSettings,
    Cohort,
    Labelled,
    Mask,
    comparisons,
    group_masks,
    labelled_images,
    make_cohort,
)
from cxraudit.audits.rows import Row, gap_rows, judge_family, level_rows
from cxraudit.audits.subgroups import compute
from cxraudit.datasets.base import Dataset
from cxraudit.errors import DataError
from cxraudit.perturb import UNEDITED
from cxraudit.schema import ALL, EDITED_COLUMNS, REST, RESULT_COLUMNS, require_columns, typed_frame
from cxraudit.stats.compare import MIN_PATIENTS, estimate, gap
from cxraudit.stats.replicated import Replicated, mean_replicates, weighted_sum
from cxraudit.stats.thresholds import target_fpr

EDIT_COLUMNS: dict[str, str] = {"edit": "str", "severity": "int64", **RESULT_COLUMNS}
"""A results table with the edit; ``reference`` is ``unedited``, ``sham`` or ``rest``."""

SHAM = "sham"
DRAWN_INTO = {"drain": "no", SHAM: "no", "drain-added": "no", "drain-removed": "yes"}
"""Counterfactual edit → what the images it is about have in the column `DEVICE`."""
DEVICE = "drain"
CALLED = 0.1
"""Share of unedited images without the finding that the threshold calls."""

CHANGE = "score_change"
TOO_FEW = "too few patients with or without one of them"
MEAN = "mean over findings"
POSITIVES, NEGATIVES = "images with the finding", "images without the finding"
SATURATED = 1e-12


@dataclass(frozen=True, slots=True)
class Edits:
    """What images changed on purpose say."""

    results: pd.DataFrame
    """See `EDIT_COLUMNS`."""
    changes: pd.DataFrame
    """One row per image, model, finding and counterfactual edit: ``change`` of the score in standard
    deviations of the unedited scores, and ``has_finding`` (1, 0, NaN)."""


def by_edit(
    dataset: Dataset,
    edited: pd.DataFrame,
    *,
    attributes: Sequence[str] | None = None,
    settings: AuditSettings | None = None,
) -> Edits:
    """Compare the scores of edited images with those of the same images unedited.

    Parameters
    ----------
    dataset : Dataset
        The images, with findings and attributes.
    edited : pandas.DataFrame
        See `cxraudit.schema.EDITED_COLUMNS`; scores of ``unedited`` images are among them.
    attributes : sequence of str, optional
        Attributes to compare groups by; default: all of the data set.
    settings : AuditSettings, optional
        Resamples, level and margin, as of the audit.

    Returns
    -------
    Edits
        For counterfactuals ``score_change`` (of images with and without the finding, and of the groups
        of each attribute), ``fpr`` and ``tpr`` at the threshold, and ``auroc`` if only the images
        without (or with) the finding were edited. For corruptions ``auroc`` overall, and the gap of each
        group to the rest (``reference`` = ``rest``), each with its change (``reference`` =
        ``unedited``; the group of a gap's change ends in "to the rest"). Families: counterfactual
        changes by metric (Holm); corruptions are screened (Benjamini–Hochberg).

    Raises
    ------
    DataError
        If there are no scores of unedited images.
    """
    settings = settings or AuditSettings()
    require_columns("the scores of edited images", edited, EDITED_COLUMNS)
    clean = edited[edited["edit"] == UNEDITED]
    if clean.empty:
        raise DataError(
            "the scores of edited images hold none of unedited ones, so nothing can be compared. Make "
            "them with cxraudit stress."
        )
    cohort = make_cohort(dataset, clean, settings)
    looked = [
        name
        for name in (dataset.attributes if attributes is None else attributes)
        if "*" not in name
    ]
    counterfactual: list[Row] = []
    levels: list[Row] = []
    worn: list[Row] = []
    changes: list[pd.DataFrame] = []
    baselines: dict[tuple[str, ...], _Baseline] = {}
    for base, before, after in _pairs(cohort, clean, edited):
        if base["edit"] in DRAWN_INTO:
            found = _Moved(cohort, base, before, after)
            own_levels, gaps = found.rows(looked)
            levels += own_levels
            counterfactual += gaps
            changes.append(found.images())
        else:
            key = (base["model"], base["prompt_set"], base["finding"])
            if key not in baselines or baselines[key].images is not before:
                baselines[key] = _baseline(cohort, before, looked)
            own_levels, gaps = _worn(cohort, base, baselines[key], after)
            levels += own_levels
            worn += gaps
    moved = _against_sham(counterfactual, cohort)
    mean_levels, mean_gaps = _over_findings(worn, settings)
    levels += mean_levels
    worn += mean_gaps
    worn = [_certain(row) for row in worn]
    judged = [*judge_family(moved, settings), *judge_family(worn, settings, screening=True)]
    return Edits(
        typed_frame([*levels, *judged], EDIT_COLUMNS),
        pd.concat(changes, ignore_index=True) if changes else pd.DataFrame(),
    )


def _pairs(
    cohort: Cohort, clean: pd.DataFrame, edited: pd.DataFrame
) -> Iterator[tuple[Row, Labelled, Labelled]]:
    """Yield the images of a finding unedited and edited: the same images, in the same order."""
    keys = ["model", "prompt_set", "finding"]
    unedited = {
        key: labelled_images(cohort, part, str(key[-1]))
        for key, part in clean.groupby(keys, observed=True)
        if key[-1] in cohort.dataset.findings
    }
    order = edited[edited["edit"] != UNEDITED].groupby(
        [*keys, "edit", "severity"], sort=False, observed=True
    )
    for (model, prompt_set, finding, edit, severity), part in order:
        if (model, prompt_set, finding) not in unedited:
            continue  # nothing to compare with
        after = labelled_images(cohort, part, str(finding))
        before = unedited[model, prompt_set, finding]
        there = np.isin(before.rows, after.rows)
        before = before if there.all() else before.only(there)
        after = after.only(np.isin(after.rows, before.rows))
        if not before.rows.size:
            continue
        base = {
            "edit": edit,
            "severity": severity,
            "dataset": cohort.dataset.name,
            "model": model,
            "prompt_set": prompt_set,
            "finding": finding,
            "reference": "",
        }
        yield base, before, after


def _on_scale(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return scores on the scale on which a zero-shot score is linear in the embedding."""
    if scores.min() < 0 or scores.max() > 1:
        return scores
    return logit(np.clip(scores, SATURATED, 1 - SATURATED))


class _Moved:
    """A counterfactual edit of the images of one finding and model."""

    def __init__(self, cohort: Cohort, base: Row, before: Labelled, after: Labelled) -> None:
        self.cohort, self.base = cohort, base
        self.before, self.after = before, after
        scale = _on_scale(before.y_score)
        spread = scale.std()
        self.change = (_on_scale(after.y_score) - scale) / (spread if spread > 0 else 1.0)
        self.about = self._about()

    def _about(self) -> Mask:
        """Images that lack what is added, or have what is taken away."""
        if DEVICE not in self.cohort.images:
            return np.ones(self.before.rows.size, dtype=bool)
        has = self.cohort.images[DEVICE].to_numpy(dtype=object)[self.before.rows]
        if not np.isin(has, ("yes", "no")).any():
            return np.ones(has.size, dtype=bool)  # not labelled
        return has == DRAWN_INTO[self.base["edit"]]

    def images(self) -> pd.DataFrame:
        """Return the change of every image the edit is about."""
        rows = self.before.rows[self.about]
        return pd.DataFrame(
            {
                "image_id": self.cohort.images.index[rows],
                "model": self.base["model"],
                "prompt_set": self.base["prompt_set"],
                "finding": self.base["finding"],
                "edit": self.base["edit"],
                "change": self.change[self.about],
                "has_finding": self.before.y_true[self.about].astype(float),
            }
        )

    def rows(self, attributes: Sequence[str]) -> tuple[list[Row], list[Row]]:
        """Return levels, and gaps to the unedited images."""
        gaps: list[Row] = []
        positive = self.before.y_true
        cells = {
            (ALL, ALL): self.about,
            (ALL, POSITIVES): self.about & positive,
            (ALL, NEGATIVES): self.about & ~positive,
        }
        for attribute in attributes:
            for group, mask in group_masks(self.cohort, attribute, self.before.rows).items():
                if group not in NO_GROUP:
                    cells[attribute, group] = self.about & mask
        for (attribute, group), cell in cells.items():
            if cell.any():
                row = {**self.base, "attribute": attribute, "group": group}
                moved = self._mean(self.change, cell)
                gaps += self._gap(row, cell, CHANGE, moved, None)
        levels, called = self._called(positive)
        areas, more = self._areas(positive)
        return [*levels, *areas], [*gaps, *called, *more]

    def _mean(self, values: NDArray[np.floating], cell: Mask) -> Replicated:
        return mean_replicates(
            values,
            cell,
            self.before.units,
            self.cohort.counts,
            n_resamples=self.cohort.settings.n_resamples,
        )

    def _gap(
        self, row: Row, cell: Mask, metric: str, after: Replicated, before: Replicated | None
    ) -> list[Row]:
        """Return edited − unedited. A change is one already: it is compared with none."""
        rows = gap_rows(
            {**row, "reference": UNEDITED},
            self.before,
            [cell],
            {metric: after},
            {metric: before or after.constant(0)},
            self.cohort.settings,
            scale="plain",
        )
        # Each image is compared with itself, so only its own kind has to be many.
        alone = [{**row, "_enough": True, "_after": after} for row in rows]
        return self._if_enough(alone, cell)

    def _if_enough(self, rows: list[Row], cell: Mask) -> list[Row]:
        """Refuse a verdict where few patients were edited."""
        enough = np.unique(self.before.patients[cell]).size >= MIN_PATIENTS
        note = "" if enough else f"fewer than {MIN_PATIENTS} patients were edited"
        return [{**row, "_enough": row["_enough"] and enough, "note": note} for row in rows]

    def _called(self, positive: Mask) -> tuple[list[Row], list[Row]]:
        """Images called before and after, at a threshold of the unedited images."""
        levels: list[Row] = []
        gaps: list[Row] = []
        if not self.before.both_classes:
            return levels, gaps
        threshold = target_fpr(CALLED)(positive, self.before.y_score)
        for metric, group, cell in (
            ("fpr", NEGATIVES, self.about & ~positive),
            ("tpr", POSITIVES, self.about & positive),
        ):
            if not cell.any():
                continue
            before, after = (
                self._mean((side.y_score >= threshold).astype(float), cell)
                for side in (self.before, self.after)
            )
            row = {**self.base, "attribute": ALL, "group": group}
            rows = level_rows(row, self.after, cell, {metric: after}, self.cohort.settings)
            levels += [{**one, "note": ""} for one in rows]  # one class is what it is about
            gaps += self._gap(row, cell, metric, after, before)
        return levels, gaps

    def _areas(self, positive: Mask) -> tuple[list[Row], list[Row]]:
        """AUROC with only the images without (or with) the finding edited."""
        levels: list[Row] = []
        gaps: list[Row] = []
        if not self.before.both_classes:
            return levels, gaps
        everyone = np.ones(positive.size, dtype=bool)
        unedited = compute(self.cohort, self.before, [everyone])[0].auroc
        for group, edited in ((NEGATIVES, ~positive), (POSITIVES, positive)):
            part = self.about & edited
            if not part.any():
                continue
            mixed = np.where(part, self.after.y_score, self.before.y_score)
            images = Labelled(
                self.before.rows, positive, mixed, self.before.patients, self.before.units
            )
            found = {"auroc": compute(self.cohort, images, [everyone])[0].auroc}
            row = {**self.base, "attribute": ALL, "group": f"edited: {group}"}
            levels += level_rows(row, images, everyone, found, self.cohort.settings)
            rows = gap_rows(
                {**row, "reference": UNEDITED},
                images,
                [everyone],
                found,
                {"auroc": unedited},
                self.cohort.settings,
            )
            gaps += self._if_enough(rows, part)
        return levels, gaps


def _against_sham(rows: list[Row], cohort: Cohort) -> list[Row]:
    """Add, to each change by a drawn drain, what it is more than that of the sham."""
    key = ("model", "prompt_set", "finding", "attribute", "group", "metric")
    shams = {
        tuple(row[k] for k in key): row["_after"]
        for row in rows
        if row["edit"] == SHAM and row["metric"] == CHANGE
    }
    more = []
    for row in rows:
        other = shams.get(tuple(row[k] for k in key))
        if row["edit"] == "drain" and row["metric"] == CHANGE and other is not None:
            difference = row["_after"] - other
            found = gap(
                difference,
                difference.constant(0),
                confidence_level=cohort.settings.confidence_level,
                interval=cohort.settings.interval,
                scale="plain",
            )
            more.append(
                {
                    **row,
                    "reference": SHAM,
                    "value": found.value,
                    "low": found.low,
                    "high": found.high,
                    "p_value": found.p_value,
                    "_gap": found,
                }
            )
    return [*rows, *more]


def _certain(row: Row) -> Row:
    """Return a change that is 0 in every resample as what it is: shown, not unknown."""
    after, before = row["_sides"]
    same = np.array_equal(after.replicates, before.replicates, equal_nan=True)
    if row["reference"] != UNEDITED or not same or not np.isfinite(after.value):
        return row
    found = replace(
        row["_gap"],
        low=0.0,
        high=0.0,
        inner_low=0.0,
        inner_high=0.0,
        p_value=1.0,
        standard_error=0.0,
        method="no difference in any resample",
    )
    return {
        **row,
        "_enough": True,
        "_gap": found,
        "low": 0.0,
        "high": 0.0,
        "p_value": 1.0,
        "method": found.method,
    }


def _over_findings(rows: Sequence[Row], settings: AuditSettings) -> tuple[list[Row], list[Row]]:
    """Average AUROC and gaps over the findings of a model, on the same resamples."""
    keys = ("model", "prompt_set", "edit", "severity", "attribute", "group", "reference")
    alike: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        alike.setdefault(tuple(row[key] for key in keys), []).append(row)
    levels, gaps = [], []
    for part in alike.values():
        if len(part) < 2:
            continue
        share = [1 / len(part)] * len(part)
        enough = all(row["_enough"] for row in part)
        after, before = (weighted_sum([row["_sides"][k] for row in part], share) for k in (0, 1))
        found = gap(
            after,
            before,
            confidence_level=settings.confidence_level,
            interval=settings.interval,
            scale="plain",
        )
        base = {
            **part[0],
            "finding": MEAN,
            "n_positive": 0,
            "n_positive_patients": 0,
            "note": f"mean over {len(part)} findings" + ("" if enough else f", {TOO_FEW}"),
        }
        gaps.append(
            {
                **base,
                "value": found.value,
                "low": found.low,
                "high": found.high,
                "p_value": found.p_value,
                "_gap": found,
                "_sides": (after, before),
                "_enough": enough,
            }
        )
        if base["attribute"] == ALL:
            level = estimate(
                after, confidence_level=settings.confidence_level, interval=settings.interval
            )
            plain = {k: v for k, v in base.items() if not k.startswith("_")}
            levels.append(
                {
                    **plain,
                    "reference": "",
                    "value": level.value,
                    "low": level.low,
                    "high": level.high,
                    "p_value": np.nan,
                }
            )
    return levels, gaps


@dataclass(frozen=True, slots=True)
class _Baseline:
    """The unedited images of a finding, measured once for all corruptions."""

    images: Labelled
    plan: list[tuple[str, str, Mask, Mask]]
    """Attribute, group, its images and the rest's."""
    cells: list[Mask]
    areas: list[Replicated]


def _baseline(cohort: Cohort, images: Labelled, attributes: Sequence[str]) -> _Baseline:
    plan = [
        (attribute, group, mask, rest)
        for attribute in attributes
        for group, mask, rest in comparisons(cohort, attribute, images.rows)
    ]
    everyone = np.ones(images.y_true.size, dtype=bool)
    cells = [everyone, *(cell for *_, mask, rest in plan for cell in (mask, rest))]
    areas = [r.auroc for r in compute(cohort, images, cells)] if images.both_classes else []
    return _Baseline(images, plan, cells, areas)


def _worn(
    cohort: Cohort, base: Row, before: _Baseline, after: Labelled
) -> tuple[list[Row], list[Row]]:
    """AUROC and every group's gap, and how both changed."""
    if not after.both_classes:
        return [], []
    everyone, plan = before.cells[0], before.plan
    sides = [before.areas, [r.auroc for r in compute(cohort, after, before.cells)]]
    row = {**base, "attribute": ALL, "group": ALL}
    settings = cohort.settings
    levels = level_rows(row, after, everyone, {"auroc": sides[1][0]}, settings)
    gaps = gap_rows(
        {**row, "reference": UNEDITED},
        after,
        [everyone],
        {"auroc": sides[1][0]},
        {"auroc": sides[0][0]},
        settings,
    )
    for number, (attribute, group, mask, rest) in enumerate(plan):
        inside, outside = ([side[k] for side in sides] for k in (1 + 2 * number, 2 + 2 * number))
        named = {**base, "attribute": attribute, "group": group}
        gaps += gap_rows(
            {**named, "reference": REST},
            after,
            [mask, rest],
            {"auroc": inside[1]},
            {"auroc": outside[1]},
            settings,
        )
        gaps += gap_rows(
            {**named, "group": f"{group} to the rest", "reference": UNEDITED},
            after,
            [mask, rest],
            {"auroc": inside[1] - outside[1]},
            {"auroc": inside[0] - outside[0]},
            settings,
            scale="plain",
        )
    return levels, gaps
