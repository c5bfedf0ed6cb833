"""Whether scores follow edits of images that the user made, beyond the controls of each."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import product

import pandas as pd

from cxraudit.audits.result import Audit
from cxraudit.errors import short
from cxraudit.formatting import in_sentence, listed, sentence_case
from cxraudit.report.statements import rows as find
from cxraudit.report.statements.rows import Row
from cxraudit.report.statements.statement import Statement, Tone
from cxraudit.schema import OVERALL, UNEDITED, Analysis, Reason, has_reason, records
from cxraudit.stats.estimate import SHOWN, WITHIN_MARGIN, Verdict

MOST = 3
"""Findings whose changes a sentence gives; the others are in the table."""


class Response(Enum):
    """What a score does under an edit, as far as it is shown."""

    BEYOND = auto()
    """It changes, and more than with any control."""
    ALONE = auto()
    """It changes, and the edit has no control."""
    FLAGGED = auto()
    """It changes within the margin, and other images are flagged."""
    WITHIN = auto()
    """It changes within the margin."""
    CONTROL_ALONE = auto()
    """It changes within the margin, and is shown to differ from a control, which moves it."""
    CONTROL = auto()
    """It changes, and with a control, too."""
    SAME = auto()
    """The scores are the same numbers, which shows nothing."""
    UNMEASURED = auto()
    """The scores of the originals do not vary, so that there is nothing to measure a change by."""
    UNCLEAR = auto()


@dataclass(frozen=True, slots=True)
class Found:
    """What the score of a finding does under an edit."""

    edit: str
    finding: str
    response: Response
    change: Row
    controls: Mapping[str, Row]
    """Control → its own change."""
    beyond: Mapping[str, Row]
    """Control → the change by the edit minus that by the control."""
    idle: tuple[str, ...] = ()
    """Controls that left the scores the same numbers, and so are none."""


def own_edits(audit: Audit) -> dict[str, tuple[str, ...]]:
    """Return the user's edits of an audit → the edits that each is the control of."""
    found = (audit.facts.get("perturbed") or {}).get("edits", ())
    return {str(one["name"]): tuple(map(str, one["control_of"])) for one in found}


def controls_of(own: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return edit → its controls, without edits that are controls only.

    Examples
    --------
    >>> controls_of({"drain": (), "copy": ("drain",), "pacemaker": ()})
    {'drain': ['copy'], 'pacemaker': []}
    """
    found = {name: [one for one, of in own.items() if name in of] for name in own}
    return {name: controls for name, controls in found.items() if controls or not own[name]}


def respond(
    change: Row, beyond: Sequence[Row | None], controls: Sequence[Row | None], flagged: bool
) -> Response:
    """Tell what a score does under an edit.

    Parameters
    ----------
    change : dict
        The row of its change.
    beyond, controls : sequence of dict or None
        For each control, the row of the change beyond it, and of the change by the control; None where no
        image had both.
    flagged : bool
        Whether other images than before are flagged.
    """
    verdict = change["verdict"]
    if verdict in WITHIN_MARGIN:
        if any(row is not None and row["verdict"] in SHOWN for row in beyond):
            return Response.CONTROL_ALONE
        return Response.FLAGGED if flagged else Response.WITHIN
    if verdict not in SHOWN:
        return Response.UNCLEAR
    if not beyond:
        return Response.ALONE
    if all(
        row is not None and row["verdict"] in SHOWN and change["value"] * row["value"] > 0
        for row in beyond
    ):
        return Response.BEYOND
    moved = any(row is not None and row["verdict"] in SHOWN for row in controls)
    return Response.CONTROL if moved else Response.UNCLEAR


def statements(audit: Audit, model: str) -> Iterator[Statement]:
    """State, per edit, whether the scores of the findings follow it."""
    own = own_edits(audit)
    if not own:
        return
    rows = find.of(audit, model, analysis=Analysis.COUNTERFACTUAL, attribute=OVERALL)
    found = list(responses(rows, own))
    for edit, response in product(controls_of(own), Response):
        alike = [one for one in found if (one.edit, one.response) == (edit, response)]
        if alike:
            alike.sort(key=lambda one: -abs(one.change["value"]))
            yield _statement(edit, response, alike)


def responses(rows: pd.DataFrame, own: Mapping[str, Sequence[str]]) -> Iterator[Found]:
    """Yield what the score of each finding does under each edit.

    Parameters
    ----------
    rows : pandas.DataFrame
        Results of the counterfactuals of one model, over all patients.
    own : mapping of str to sequence of str
        Edit → the edits that it is the control of.
    """
    changes = find.where(rows, metric="score_change", group=OVERALL)
    unchanged = find.where(
        changes[has_reason(changes, Reason.IDENTICAL_SCORES)], reference=UNEDITED
    )
    same = set(zip(unchanged["condition"], unchanged["finding"], strict=True))
    constant = changes[has_reason(changes, Reason.CONSTANT_SCORES)]
    flat = set(zip(constant["condition"], constant["finding"], strict=True))
    for edit, controls in controls_of(own).items():
        rates = find.where(rows, metric=("fpr", "tpr"), condition=edit, reference=UNEDITED)
        for finding in dict.fromkeys(find.where(changes, condition=edit)["finding"]):
            of_finding = records(find.where(changes, finding=finding))
            by_key = {(row["condition"], row["reference"]): row for row in of_finding}
            change = by_key.get((edit, UNEDITED))
            if change is None:
                continue
            if (edit, finding) in flat:
                yield Found(edit, str(finding), Response.UNMEASURED, change, {}, {})
                continue
            if pd.isna(change["value"]):
                continue
            # A control that left the scores the same numbers is none.
            idle = [name for name in controls if (name, finding) in same]
            scored = [n for n in controls if (n, UNEDITED) in by_key and n not in idle]
            beyond = {name: by_key.get((edit, name)) for name in scored}
            moved = {name: by_key.get((name, UNEDITED)) for name in scored}
            flagged = find.where(rates, finding=finding)["verdict"].isin(SHOWN).any()
            response = (
                Response.SAME
                if (edit, finding) in same
                else respond(change, [*beyond.values()], [*moved.values()], bool(flagged))
            )
            yield Found(
                edit, str(finding), response, change, _present(moved), _present(beyond), tuple(idle)
            )


def _present(rows: Mapping[str, Row | None]) -> dict[str, Row]:
    return {name: row for name, row in rows.items() if row is not None}


def _statement(edit: str, response: Response, found: Sequence[Found]) -> Statement:
    several = len(found) > 1
    name = f"‘{short(edit)}’"
    named = [in_sentence(one.finding) for one in found[:MOST]]
    if len(found) == MOST + 1:
        named.append(in_sentence(found[MOST].finding))
    elif len(found) > MOST:
        named.append(f"{len(found) - MOST} more findings")
    findings = listed(named)
    score = f"score{'s' if several else ''} for {findings}"
    verdicts = {one.change["verdict"] for one in found}
    match response:
        case Response.BEYOND:
            tone = Tone.DISPARITY if Verdict.DISPARITY in verdicts else Tone.UNCLEAR_SIZE
            of_controls = {name for one in found for name in one.controls}
            each = "each of its controls" if len(of_controls) > 1 else "its control"
            headline = f"The edit {name} {_way(found)} the {score} beyond {each}"
        case Response.ALONE:
            tone = Tone.INCONCLUSIVE
            headline = f"The edit {name} {_way(found)} the {score}, and has no control"
        case Response.FLAGGED:
            tone = Tone.INCONCLUSIVE
            changes = "change" if several else "changes"
            headline = f"The {score} {changes} within the margin by the edit {name}; other images are flagged"
        case Response.WITHIN:
            tone = Tone.EQUIVALENT if verdicts == {Verdict.EQUIVALENT} else Tone.SMALL
            headline = f"The edit {name} does not change the {score} beyond the margin"
        case Response.CONTROL:
            tone = Tone.INCONCLUSIVE
            moved = {
                f"‘{short(control)}’"
                for one in found
                for control, row in one.controls.items()
                if row["verdict"] in SHOWN
            }
            headline = (
                f"The edit {name} changes the {score}; so does its control {listed(sorted(moved))}"
            )
        case Response.CONTROL_ALONE:
            tone = Tone.INCONCLUSIVE
            headline = (
                f"The edit {name} does not change the {score} beyond the margin, but a control does"
            )
        case Response.SAME:
            tone = Tone.INCONCLUSIVE
            are = "are" if several else "is"
            same = "the same numbers" if several else "the same number"
            headline = f"The {score} {are} {same} with the edit {name}: nothing is shown"
        case Response.UNMEASURED:
            tone = Tone.INCONCLUSIVE
            headline = f"Change of the {score} by the edit {name}: undefined"
        case _:
            tone = Tone.INCONCLUSIVE
            headline = f"Change of the {score} by the edit {name}: inconclusive"
    return Statement(tone, headline, _detail(response, found))


def _way(found: Sequence[Found]) -> str:
    ways = {one.change["value"] > 0 for one in found}
    return "changes" if len(ways) > 1 else "raises" if ways.pop() else "lowers"


def _detail(response: Response, found: Sequence[Found]) -> str:
    if response == Response.SAME:
        return (
            "In every image: the edit may have changed no pixel, or the scores are those of the originals. "
            "Check the edited images and their scores."
        )
    if response == Response.UNMEASURED:
        return (
            "The scores of the originals do not vary, and a change is measured in their standard deviation. "
            "Check these scores."
        )
    parts = [_of_finding(one) for one in found[:MOST]]
    rest = len(found) - MOST
    more = f" {rest:,} more in the table." if rest > 0 else ""
    unknown = (
        " Without a control, a change may be due to any other trace of the edit."
        if response == Response.ALONE
        else ""
    )
    return f"Mean change in standard deviations. {' '.join(parts)}{more}{unknown}"


def _of_finding(found: Found) -> str:
    """State the change of a score, by its controls, and beyond each."""
    parts = [f"{sentence_case(in_sentence(found.finding))} {find.difference(found.change)}"]
    for name, row in found.controls.items():
        part = f"control ‘{short(name)}’ {find.difference(row)}"
        if name in found.beyond:
            part += f", beyond it {find.difference(found.beyond[name])}"
        else:
            part += ", on other images"
        parts.append(part)
    if found.idle:
        names = listed([f"‘{short(name)}’" for name in found.idle])
        parts.append(
            f"with the control {names} the scores are those of the originals, so that it is none"
        )
    return f"{'; '.join(parts)}."
