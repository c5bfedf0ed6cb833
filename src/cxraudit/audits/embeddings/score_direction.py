"""Is what is encoded also used: the score's own direction, and what is left when a group is erased.

A zero-shot score is a function of ⟨embedding, t₊ − t₋⟩ alone, so what it uses can be computed, not
guessed: the share of its variance in the subspace from which a group can be read linearly, how far
it shifts between groups of patients with the same label, and what becomes of AUROC and gaps when
the group is erased from the embedding in closed form (LEACE).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxraudit.audits.cells import SHIFT_MARGIN
from cxraudit.audits.embeddings.cohort import MIN_PATIENTS, Mask, PromptPair, Space
from cxraudit.audits.embeddings.probes import HIDDEN, READABLE, macro_replicates, run_probe
from cxraudit.stats.compare import estimate, gap, holm, judge
from cxraudit.stats.estimate import Gap, Verdict
from cxraudit.stats.leace import Eraser, fit_eraser, variance_share
from cxraudit.stats.ranking import ranking_replicates
from cxraudit.stats.replicated import Replicated, mean_replicates, weighted_sum

USED, NOT_USED, NOT_ENCODED = "encoded and used", "encoded, not used", "not encoded"
CANNOT_TELL = "cannot tell"


def follow_directions(
    space: Space, attributes: list[str], probes: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Say of every finding and attribute whether the score uses what can be read.

    Parameters
    ----------
    space : Space
        Embeddings and prompts.
    attributes : list of str
        Attributes, and shortcuts.
    probes : list of dict
        From `probe_attributes`: whether a line can read the attribute.

    Returns
    -------
    list of dict
        ``direction``: share of score variance (eraser fitted without the test patients, share on
        these), and the shift of the score between a group and the rest given the label, in standard
        deviations of the score. ``erasure``: AUROC of probes after erasing, and on test patients the
        change of AUROC and of each group's gap, before − after on the same resamples.
        ``reading``: the answer per finding and attribute.
    """
    rows: list[dict[str, Any]] = []
    shifts: list[tuple[dict[str, Any], Gap]] = []
    for attribute in attributes:
        names, codes = space.groups(attribute)
        if len(names) < 2:
            continue
        # All images that a probe may learn from; with fewer, it would learn what was left in the others.
        learned = ~space.parts.test & (codes >= 0)
        eraser = fit_eraser(space.vectors[learned], codes[learned], shrinkage=True)
        rows += _probes_after(space, attribute, codes, eraser)
        erased = eraser(space.vectors)
        held_out = space.parts.test & (codes >= 0)
        for prompt in space.embedded.prompts:
            share = variance_share(eraser, space.vectors[held_out], prompt.direction)
            rows.append(
                space.row(
                    analysis="direction",
                    space="score",
                    attribute=attribute,
                    finding=prompt.finding,
                    metric="share of score variance",
                    value=share,
                    **space.counted(held_out),
                    note="in the subspace that tells the groups apart; on test patients",
                )
            )
            shifts += _shifts(space, attribute, prompt)
            rows += _erasure(space, attribute, prompt, erased)
    rows += _judged(shifts)
    return rows + _readings(space, rows, probes)


def _score(space: Space, prompt: PromptPair) -> NDArray[np.float64]:
    """Return the score along the prompt direction, in its standard deviations."""
    along = space.vectors.astype(np.float64) @ prompt.direction
    spread = along.std()
    return (along - along.mean()) / (spread if spread > 0 else 1)


def _shifts(space: Space, attribute: str, prompt: PromptPair) -> list[tuple[dict[str, Any], Gap]]:
    """Compare the mean score of a group and of the rest, among images with the same label."""
    score, label = _score(space, prompt), space.labels(prompt.finding)
    known = np.isfinite(label)
    found = []
    for group, inside, outside in space.comparisons(attribute):
        means, weights = ([], []), []
        for value in (1.0, 0.0):
            same = known & (label == value)
            sides = (inside & same, outside & same)
            if min(np.unique(space.patients[side]).size for side in sides) < MIN_PATIENTS:
                continue
            for side, mask in zip(means, sides, strict=True):
                side.append(
                    mean_replicates(
                        score,
                        mask,
                        space.units,
                        space.cohort.counts,
                        n_resamples=space.cohort.settings.n_resamples,
                    )
                )
            weights.append(float((same & (inside | outside)).sum()))
        if not weights:
            continue
        shares = [w / sum(weights) for w in weights]
        first, second = (weighted_sum(side, shares) for side in means)
        shift = gap(
            first, second, confidence_level=space.cohort.settings.confidence_level, scale="plain"
        )
        row = space.row(
            analysis="direction",
            space="score",
            attribute=attribute,
            group=group,
            finding=prompt.finding,
            metric="shift given the label",
            value=shift.value,
            low=shift.low,
            high=shift.high,
            p_value=shift.p_value,
            **space.counted(inside & known),
            note="standard deviations of the score, group − rest",
        )
        found.append((row, shift))
    return found


def _judged(shifts: list[tuple[dict[str, Any], Gap]]) -> list[dict[str, Any]]:
    """Adjust the shifts of one model together (Holm) and decide each."""
    adjusted = holm([row["p_value"] for row, _ in shifts])
    return [
        {
            **row,
            "p_adjusted": p,
            "verdict": judge(found, p_adjusted=float(p), margin=SHIFT_MARGIN).value,
        }
        for (row, found), p in zip(shifts, adjusted, strict=True)
    ]


def _probes_after(
    space: Space, attribute: str, codes: NDArray[np.int64], eraser: Eraser
) -> list[dict[str, Any]]:
    """Probe what is left: a line should find nothing; a network may."""
    left = eraser(space.vectors).astype(np.float32)
    parts = space.parts.only(codes >= 0)
    rows = []
    for method in ("linear", "MLP"):
        scores = run_probe(method, left, codes, parts, space.cohort.settings.seed)
        found = estimate(
            macro_replicates(space, codes, parts.test, scores),
            confidence_level=space.cohort.settings.confidence_level,
        )
        rows.append(
            space.row(
                analysis="erasure",
                space="image",
                method=method,
                attribute=attribute,
                metric="probe auroc after",
                value=found.value,
                low=found.low,
                high=found.high,
                **space.counted(parts.test),
                note="LEACE, fitted without the test patients; embeddings not normalised again",
            )
        )
    return rows


def _erasure(
    space: Space, attribute: str, prompt: PromptPair, erased: NDArray[np.float64]
) -> list[dict[str, Any]]:
    """Change of AUROC, and of each group's gap to the rest, on test patients."""
    label = space.labels(prompt.finding)
    test = space.parts.test & np.isfinite(label)
    positive = label[test] == 1
    if not (positive.any() and (~positive).any()):
        return []
    direction = prompt.direction.astype(np.float64)
    before, after = space.vectors[test].astype(np.float64) @ direction, erased[test] @ direction
    groups = list(space.comparisons(attribute))
    cells = np.stack(
        [np.ones(positive.size, dtype=bool)]
        + [mask[test] for _, inside, outside in groups for mask in (inside, outside)]
    )
    if attribute in space.cohort.dataset.shortcuts:
        cells[1:] |= ~positive  # positives with and without it, each against all negatives
    areas = [
        [
            cell.auroc
            for cell in ranking_replicates(
                positive,
                score,
                space.units[test],
                cells,
                space.cohort.counts,
                n_resamples=space.cohort.settings.n_resamples,
                n_threads=space.cohort.settings.n_threads,
            )
        ]
        for score in (before, after)
    ]
    base = {
        "analysis": "erasure",
        "space": "score",
        "attribute": attribute,
        "finding": prompt.finding,
    }
    rows = [_change(space, base, "change of auroc", areas[0][0], areas[1][0], test)]
    for number, (group, inside, _) in enumerate(groups):
        first, second = (
            side[1 + 2 * number] - side[2 + 2 * number] for side in areas
        )  # group − rest
        rows.append(
            _change(space, {**base, "group": group}, "change of gap", first, second, test & inside)
        )
        rows[-1]["note"] = f"gap {first.value:+.3f} before, {second.value:+.3f} after"
    return rows


def _change(
    space: Space,
    base: dict[str, Any],
    metric: str,
    before: Replicated,
    after: Replicated,
    mask: Mask,
) -> dict[str, Any]:
    found = gap(
        after, before, confidence_level=space.cohort.settings.confidence_level, scale="plain"
    )
    return space.row(
        **base,
        metric=metric,
        value=found.value,
        low=found.low,
        high=found.high,
        p_value=found.p_value,
        **space.counted(mask),
        note=f"{before.value:.3f} before, {after.value:.3f} after",
    )


def _readings(
    space: Space, rows: list[dict[str, Any]], probes: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Put probe and shift together: one answer per finding and attribute."""
    encoded = {
        row["attribute"]: row
        for row in probes
        if (row["space"], row["method"]) == ("image", "linear")
    }
    shifts = [row for row in rows if row["metric"] == "shift given the label"]
    answers = []
    for attribute, probe in encoded.items():
        for prompt in space.embedded.prompts:
            mine = [
                row
                for row in shifts
                if (row["attribute"], row["finding"]) == (attribute, prompt.finding)
            ]
            if not mine:
                continue
            largest = max(mine, key=lambda row: abs(row["value"]))
            answers.append(
                space.row(
                    analysis="reading",
                    space="score",
                    attribute=attribute,
                    group=largest["group"],
                    finding=prompt.finding,
                    metric="largest shift given the label",
                    value=largest["value"],
                    low=largest["low"],
                    high=largest["high"],
                    n=largest["n"],
                    n_patients=largest["n_patients"],
                    p_value=largest["p_value"],
                    p_adjusted=largest["p_adjusted"],
                    verdict=reading(probe["verdict"], [row["verdict"] for row in mine]),
                    note=f"linear probe {probe['value']:.2f} ({probe['low']:.2f} to {probe['high']:.2f})",
                )
            )
    return answers


def reading(probe: str, shifts: list[str]) -> str:
    """Answer from what a linear probe reads and how the score shifts between groups.

    Examples
    --------
    >>> reading("readable", ["equivalent", "disparity"])
    'encoded and used'
    >>> reading("readable", ["equivalent", "within margin"])
    'encoded, not used'
    >>> reading("readable", ["equivalent", "inconclusive"])
    'cannot tell'
    """
    if probe == HIDDEN:
        return NOT_ENCODED
    if probe != READABLE:
        return CANNOT_TELL
    if {Verdict.DISPARITY.value, Verdict.UNCLEAR_SIZE.value} & set(shifts):
        return USED
    if set(shifts) <= {Verdict.EQUIVALENT.value, Verdict.WITHIN_MARGIN.value}:
        return NOT_USED
    return CANNOT_TELL
