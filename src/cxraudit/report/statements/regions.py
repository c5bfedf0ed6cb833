"""Whether a score needs the region that a finding lies in, and what it loses with other regions."""

from collections.abc import Iterator, Sequence

import pandas as pd

from cxraudit.audits.perturbations.region import CHANCE_AUROC, HEART, LUNGS, RELEVANT
from cxraudit.audits.result import Audit
from cxraudit.formatting import bounds, counted, decimal, in_sentence, listed, sentence_case
from cxraudit.metrics import SHIFT_MARGIN
from cxraudit.report.statements import rows as find
from cxraudit.report.statements.rows import Row
from cxraudit.report.statements.statement import Statement, Tone
from cxraudit.schema import (
    CHANCE,
    OVERALL,
    SAME_LABEL_SWAP,
    UNEDITED,
    Analysis,
    Reason,
    control_of,
    has_reason,
    is_level,
    records,
)

MOST = 3
"""Findings that are named of those whose scores move with a region: the ones that move most."""
NEAR_CHANCE = 0.1
"""Largest distance of the interval from 0.5, up to which an AUROC is stated to be at chance."""
_WITHOUT = {LUNGS: "without-lungs", HEART: "without-heart"}
_WIDER = "without-wider-lungs"
_OF_ANATOMY = frozenset(
    f"{action}-{region}"
    for action in ("without", "only", "outline")
    for region in (
        *(LUNGS, HEART, "lung-box", "wider-lungs", "narrower-lungs", "left-lung", "right-lung"),
    )
)


def statements(audit: Audit, model: str) -> list[Statement]:
    """State which findings are ranked without the region they lie in, and which regions move scores."""
    rows = find.of(audit, model, analysis=Analysis.REGION, attribute=OVERALL)
    rows = rows[rows["value"].notna() & ~has_reason(rows, Reason.TOO_FEW_PATIENTS)]
    margin = float(audit.facts["settings"]["margin"])
    needed = [one for region in (LUNGS, HEART) for one in _needed(rows, region, margin)]
    return [*needed, *_other_regions(rows)]


def _needed(rows: pd.DataFrame, region: str, margin: float) -> Iterator[Statement]:
    """State what the removal of a region leaves of the findings that lie in it."""
    condition = _WITHOUT[region]
    findings = tuple(finding for finding, where in RELEVANT.items() if where == region)
    own = find.where(rows, metric="auroc", finding=findings, condition=condition)
    levels = {row["finding"]: row for row in records(own[is_level(own)])}
    changes = {row["finding"]: row for row in records(find.where(own, reference=UNEDITED))}
    chance = {row["finding"]: row for row in records(find.where(own, reference=CHANCE))}
    # What is not ranked by the unedited image has nothing to lose.
    ranked = [
        finding
        for finding, row in levels.items()
        if finding in changes
        and finding in chance
        and row["value"] - changes[finding]["value"] > CHANCE_AUROC
    ]
    above = [finding for finding in ranked if chance[finding]["low"] > 0]
    below = [finding for finding in ranked if chance[finding]["high"] < 0]
    at = [
        finding
        for finding in ranked
        if chance[finding]["low"] <= 0 <= chance[finding]["high"] < NEAR_CHANCE
        and chance[finding]["low"] > -2 * NEAR_CHANCE
    ]
    open_ = [finding for finding in ranked if finding not in (*above, *below, *at)]
    if above:
        kept = [finding for finding in above if changes[finding]["value"] > -margin]
        it = "it" if region == HEART else "them"
        for group, what in (
            (kept, f"the score does not need what lies in {it}"),
            (
                [one for one in above if one not in kept],
                f"the score does not rest on what lies in {it} alone",
            ),
        ):
            if group:
                verb = "is" if len(group) == 1 else "are"
                headline = (
                    f"Without the {region}, {_names(group)} {verb} still ranked above chance"
                    f"{_areas(levels, group)}: {what}"
                )
                detail = _detail(rows, levels, changes, group, condition)
                outline = _HEART_BORDER if region == HEART else _outline(rows, group)
                yield Statement(Tone.EXPLORATORY, headline, f"{detail}{outline}")
    if below:
        headline = (
            f"Without the {region}, {_names(below)} {'is' if len(below) == 1 else 'are'} ranked below chance"
            f"{_areas(levels, below)}: what is left of the image moves the score the other way"
        )
        detail = _detail(rows, levels, changes, below, condition)
        yield Statement(Tone.EXPLORATORY, headline, detail)
    if at:
        headline = (
            f"Without the {region}, the AUROC of {_names(at)} falls to chance{_areas(levels, at)}"
        )
        detail = _detail(rows, levels, changes, at, condition)
        yield Statement(Tone.EXPLORATORY, headline, f"{detail} {_ALSO_GONE}")
    if open_:
        headline = (
            f"Without the {region}, whether {_names(open_)} {'is' if len(open_) == 1 else 'are'} ranked "
            "above chance: inconclusive"
        )
        yield Statement(
            Tone.EXPLORATORY, headline, _detail(rows, levels, changes, open_, condition)
        )


_ALSO_GONE = "This does not show that it rests on the finding: whatever else lies in the region is gone, too."


_HEART_BORDER = (
    " What lies around it stays visible: the borders of the lungs can show the size of the heart."
)


def _names(findings: Sequence[str]) -> str:
    return listed([in_sentence(one) for one in findings])


def _areas(levels: dict[str, Row], findings: Sequence[str]) -> str:
    """Return AUROC and images, if it is about one finding; the detail has those of several."""
    if len(findings) > 1:
        return ""
    row = levels[findings[0]]
    return (
        f" (AUROC {decimal(row['value'])}, {bounds(row['low'], row['high'])}{_images(row, '; ')})"
    )


def _images(row: Row, mark: str = ", ") -> str:
    """Return the number of images behind a mark; nothing where it is hidden."""
    return "" if pd.isna(row["n"]) else f"{mark}{counted(int(row['n']), 'image')}"


def _area(row: Row) -> str:
    return f"{decimal(row['value'])} ({bounds(row['low'], row['high'])})"


def _outline(rows: pd.DataFrame, findings: Sequence[str]) -> str:
    """Name the findings that the outline of the lungs alone ranks above chance, which stays visible."""
    own = find.where(rows, metric="auroc", condition="outline-lungs", finding=tuple(findings))
    above = find.where(own[own["low"] > 0], reference=CHANCE)["finding"].tolist()
    if not above:
        return ""
    return f" The outline of the lungs alone, which stays visible, ranks {_names(above)} above chance, too."


def _detail(
    rows: pd.DataFrame,
    levels: dict[str, Row],
    changes: dict[str, Row],
    findings: Sequence[str],
    condition: str,
) -> str:
    """Give the numbers of each finding: unedited, without the region, with the control."""
    parts = []
    own = find.where(rows, metric="auroc", reference="")
    control = _by_finding(find.where(own, condition=control_of(condition)))
    wider = _by_finding(find.where(own, condition=_WIDER)) if condition == _WITHOUT[LUNGS] else {}
    several = len(findings) > 1
    for finding in findings:
        level = levels[finding]
        before = level["value"] - changes[finding]["value"]
        name = sentence_case(in_sentence(finding))
        images = _images(level) if several else ""
        text = f"{name}{images}: AUROC {decimal(before)} unedited, {_area(level)} without"
        if finding in wider and not several:
            text += f", {_area(wider[finding])} without a margin around it, too"
        if finding in control and not several:
            text += f", {_area(control[finding])} with a region of the same size elsewhere removed"
        parts.append(text)
    return f"{'; '.join(parts)}.{_yardstick(rows, findings, condition)}"


def _by_finding(rows: pd.DataFrame) -> dict[str, Row]:
    return {row["finding"]: row for row in records(rows)}


def _yardstick(rows: pd.DataFrame, findings: Sequence[str], condition: str) -> str:
    """Compare how far scores move with how far images of one patient with the same label lie apart."""
    moved = _by_finding(find.where(rows, metric="absolute_change", condition=condition))
    swapped = _by_finding(find.where(rows, metric="absolute_change", condition=SAME_LABEL_SWAP))
    first = next((one for one in findings if one in moved and one in swapped), None)
    if first is None:
        return ""
    of = f" for {in_sentence(first)}" if len(findings) > 1 else ""
    return (
        f" The score{of} moves by {decimal(moved[first]['value'])} standard deviations on average, and by "
        f"{decimal(swapped[first]['value'])} from an image to another one of the same patient with the same "
        "label."
    )


def _other_regions(rows: pd.DataFrame) -> Iterator[Statement]:
    """State which scores move with a region that is no part of the anatomy, beyond its control."""
    own = find.where(rows, metric="score_change", group=OVERALL)
    own = own[~own["condition"].isin(_OF_ANATOMY)]
    own = own[own["reference"] == own["condition"].map(control_of)]
    clear = own[(own["low"] > 0) | (own["high"] < 0)]
    clear = clear[clear["value"].abs() > SHIFT_MARGIN]
    for condition, part in clear.groupby("condition", sort=False):
        ordered = records(part.reindex(part["value"].abs().sort_values(ascending=False).index))
        most = ordered[:MOST]
        texts = [f"{in_sentence(row['finding'])} by {find.difference(row)}" for row in most]
        names = [in_sentence(row["finding"]) for row in most]
        if len(ordered) > MOST:
            names.append(counted(len(ordered) - MOST, "other finding"))
        scores = "score" if len(names) == 1 else "scores"
        headline = (
            f"The {scores} for {listed(names)} {'moves' if len(names) == 1 else 'move'} with "
            f"‘{condition}’, by more than with a region of the same size elsewhere"
        )
        detail = f"In standard deviations, beyond the control: {'; '.join(texts)}."
        yield Statement(Tone.EXPLORATORY, headline, detail)
