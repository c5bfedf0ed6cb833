"""Two audits in, one table of what changed out."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from cxraudit.audits import planned, verdicts
from cxraudit.audits.changes.match import (
    Matched,
    Pairing,
    Side,
    data_set,
    in_both,
    match,
    pairs_of_models,
)
from cxraudit.audits.changes.plan import changes
from cxraudit.audits.changes.settings import Difference, differences, settings_of
from cxraudit.audits.cohort import Cohort, Mask, tuning_of
from cxraudit.audits.engine import Engine, Evaluated, to_frame
from cxraudit.audits.result import Audit
from cxraudit.audits.thresholds import Given, Thresholds
from cxraudit.audits.training_runs import Divided, divide
from cxraudit.errors import ConfigError, DataError
from cxraudit.notices import Notice, as_records, counted
from cxraudit.schema import RESULT_COLUMNS, Analysis
from cxraudit.settings import AuditSettings
from cxraudit.stats.estimate import Verdict

CHANGED = "changed"
"""Verdict on a change that is shown, and estimated to be larger than the margin; the other verdicts are those
on differences (`cxraudit.stats.estimate.Verdict`)."""

SIDE_COLUMNS = ("old", "old_low", "old_high", "new", "new_low", "new_high")
"""Columns of the changes beside those of results: the estimates of either audit, with their intervals."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Diff:
    """What changed between two audits."""

    results: pd.DataFrame
    """One row per estimate that both audits have, with the columns of results (``value`` is newer − older)
    and `SIDE_COLUMNS`."""
    differences: pd.DataFrame
    """What differs in settings, models, data and code: ``about``, ``what``, ``old``, ``new``."""
    facts: dict[str, Any]
    """How the data go together, what was compared, and notices."""

    def __repr__(self) -> str:
        """Return one line: how the data go together, and the verdicts."""
        found = self.results["verdict"].value_counts()
        known = [CHANGED, *(one.value for one in Verdict)]
        words = ", ".join(f"{one} {found[one]:,}" for one in known if one in found)
        return f"<Diff, {self.facts['pairing']}: {len(self.results):,} changes; {words or 'no verdicts'}>"


def diff(
    old: Audit,
    new: Audit,
    *,
    models: Mapping[str, str] | None = None,
    patients: Literal["auto", "same", "other"] = "auto",
) -> Diff:
    """Estimate what changed between two audits: two releases of a model, two years, two sites.

    Every estimate that both audits have (AUROC, rates, calibration, gaps, effects of shortcuts) is computed
    again for both, on the same resamples of patients. Images that both audits have are compared as pairs, and
    then only these; audits of other patients are independent, and of each all images are used.

    Parameters
    ----------
    old, new : Audit
        From `cxraudit.audit` or `cxraudit.open_audit`. Settings, and the labels of images that both have, are
        those of the newer one.
    models : mapping of str to str, optional
        Model of the older audit → that of the newer one. Default: those of the same name; else the only one
        of either.
    patients : {"auto", "same", "other"}
        Whether equal identifiers of patients stand for the same patients. ``auto``: they do where images are
        shared; where identifiers are, and images are not, it has to be stated.

    Returns
    -------
    Diff
        Differences newer − older with their intervals. A verdict is on the change of a gap (*equivalent*:
        shown to have changed by less than the margin), or of a metric over all images; all verdicts share one
        error rate.

    Raises
    ------
    TypeError
        If `old` or `new` is no audit.
    DataError
        If an audit does not hold its scores, or both contradict each other.
    ConfigError
        If they have no model or finding in common, or it has to be stated whether the patients are the same.
    UnknownNameError
        If a model is not there.
    """
    for name, value in (("old", old), ("new", new)):
        if not isinstance(value, Audit):
            raise TypeError(f"{name} must be an Audit, got {type(value).__name__}.")
    if patients not in ("auto", "same", "other"):
        raise ConfigError(f"patients must be auto, same or other, got {patients!r}.")
    pairs = pairs_of_models(old.facts["models"], new.facts["models"], models)
    matched = match(old, new, patients)
    findings = in_both(old.facts["findings"], new.facts["findings"])
    if not findings:
        raise ConfigError(
            f"no finding is in both audits: the older one is of {', '.join(old.facts['findings'])}, the "
            f"newer one of {', '.join(new.facts['findings'])}."
        )
    found, notices = _computed(old, new, matched, pairs, findings)
    return Diff(
        results=_results(found, new),
        differences=pd.DataFrame(
            differences(old, new, matched, pairs, findings), columns=list(Difference._fields)
        ),
        facts={
            "pairing": matched.pairing.value,
            "images": [len(side.images) for side in (matched.old, matched.new)],
            "patients": [int(s.images["patient_id"].nunique()) for s in (matched.old, matched.new)],
            "shared_patients": matched.shared_patients,
            "models": pairs,
            "findings": findings,
            "datasets": [one.facts["dataset"]["name"] for one in (old, new)],
            "settings": settings_of(new).recorded(),
            "notices": as_records(notices),
        },
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """A change with the estimates of either audit."""

    change: Evaluated
    old: Evaluated
    new: Evaluated


def _computed(
    old: Audit, new: Audit, matched: Matched, pairs: Mapping[str, str], findings: Sequence[str]
) -> tuple[list[_Found], list[Notice]]:
    """Compute all changes, and judge them together."""
    audits = (old, new)
    settings = _for_both(old, new)
    attributes = in_both(*(one.facts["attributes"] for one in audits))
    shortcuts = _shared_shortcuts(old, new)
    sides = [_of_findings(side, findings) for side in (matched.old, matched.new)]
    dataset = data_set(matched, old, new, findings)
    scores = pd.concat([side.scores for side in sides], ignore_index=True)
    whole = planned.frame(dataset, scores, attributes, shortcuts, settings)
    divided = [
        divide(side.scores, settings_of(one)) for side, one in zip(sides, audits, strict=True)
    ]
    tuning = [_tuning(whole.cohort, side) for side in sides]
    given = [_given(one) for one in audits]
    notices = [*_of_images(matched)]
    engine = Engine(whole.cohort)
    found: list[_Found] = []
    alone = 0
    for finding in findings:
        for first, second in pairs.items():
            own = _same_images(divided, (first, second), finding, matched.pairing)
            scored = [
                planned.scored_by(whole.cohort, one, finding, mask, thresholds)
                for one, mask, thresholds in zip(own, tuning, given, strict=True)
            ]
            if not all(scored):
                continue
            plans = [planned.planned(whole, one[0], shortcuts)[0] for one in scored]
            wanted, single = changes(*plans)
            alone += single
            items = [item for one in wanted for item in (one.change, one.old, one.new)]
            evaluated = engine.evaluate(items)
            found += [_Found(*evaluated[k : k + 3]) for k in range(0, len(evaluated), 3)]
            engine.forget()
    if not found:
        raise DataError(
            "the two audits have no estimate in common, so that nothing can be compared."
        )
    if alone:
        sentence = f"{counted(alone, 'estimate')} of one audit only (such as of groups that the other lacks)."
        notices.append(Notice(about="changes", count=alone, sentence=sentence))
    judged = verdicts.judged([one.change for one in found], settings)
    return [replace(one, change=change) for one, change in zip(found, judged, strict=True)], notices


def _for_both(old: Audit, new: Audit) -> AuditSettings:
    """Return the settings of the newer audit, as far as the older one has what they name."""
    settings = settings_of(new)
    attributes = in_both(*(one.facts["attributes"] for one in (old, new)))
    references = {k: v for k, v in settings.references.items() if k in attributes}
    return replace(settings, references=references, replicate_of={})


def _shared_shortcuts(old: Audit, new: Audit) -> dict[str, str]:
    shortcuts = [one.facts["shortcuts"] for one in (old, new)]
    return {name: of for name, of in shortcuts[1].items() if shortcuts[0].get(name) == of}


def _of_findings(side: Side, findings: Sequence[str]) -> Side:
    scores = side.scores
    return replace(side, scores=scores[scores["finding"].isin(findings)].reset_index(drop=True))


def _tuning(cohort: Cohort, side: Side) -> Mask:
    """Return the tuning patients of an audit: those of the audit itself, where all of its images are used."""
    own = np.isin(cohort.images.index, side.images["image_id"])
    mask = np.zeros(own.size, dtype=bool)
    mask[own] = tuning_of(cohort.patients[own], cohort.settings)
    return mask


def _given(audit: Audit) -> Thresholds:
    """Return the thresholds that were given for an audit; others are chosen again."""
    return Thresholds(
        {
            (one["model"], one["finding"]): Given(float(one["threshold"]), one["source"])
            for one in audit.facts["thresholds"]
            if one["source"].startswith("given") and one["threshold"] is not None
        }
    )


def _same_images(
    divided: Sequence[Divided], models: tuple[str, str], finding: str, pairing: Pairing
) -> list[Divided]:
    """Return the scores of two models for a finding, of pairs only for the images that both scored."""
    own = []
    for one, model in zip(divided, models, strict=True):
        runs = one.runs[model].names if model in one.runs else (model,)
        rows = one.scores["model"].isin(runs) & (one.scores["finding"] == finding)
        own.append(one.scores[rows])
    if pairing == Pairing.IMAGES:
        shared = set(own[0]["image_id"]) & set(own[1]["image_id"])
        own = [scores[scores["image_id"].isin(shared)] for scores in own]
    return [replace(one, scores=scores) for one, scores in zip(divided, own, strict=True)]


def _of_images(matched: Matched) -> Iterable[Notice]:
    for n, which in zip(matched.left_out, ("older", "newer"), strict=True):
        if n:
            yield Notice(
                about=f"the {which} audit",
                count=n,
                sentence=f"{counted(n, 'image')} not compared: the other audit does not have them.",
            )


def _results(found: Sequence[_Found], new: Audit) -> pd.DataFrame:
    """Return one row per change, in the order of results."""
    order = {analysis: number for number, analysis in enumerate(Analysis)}
    ordered = sorted(found, key=lambda one: order[one.change.item.key.analysis])
    frame = to_frame([one.change for one in ordered], new.facts["dataset"]["name"])
    frame["verdict"] = frame["verdict"].replace({Verdict.DISPARITY.value: CHANGED})
    sides = {}
    for name in ("old", "new"):
        estimates = [getattr(one, name).found for one in ordered]
        sides[name] = [one.value for one in estimates]
        sides[f"{name}_low"] = [one.low for one in estimates]
        sides[f"{name}_high"] = [one.high for one in estimates]
    return frame.assign(**{name: np.asarray(sides[name], dtype=float) for name in SIDE_COLUMNS})[
        [*RESULT_COLUMNS, *SIDE_COLUMNS]
    ]


def widening(row: Mapping[str, Any]) -> tuple[float, float]:
    """Return between which limits a gap has widened: the size of the newer one less that of the older.

    The size of a difference has no interval of its own near 0. But |new| − |old| exceeds c where new − old
    and new + old both do (or both of their opposites), and does not where one of either pair does not: its
    limits are those of the change and of the sum, whose error follows from those of the change and of both
    gaps.

    Parameters
    ----------
    row : mapping
        A row of `Diff.results`.

    Returns
    -------
    tuple of float
        Lower and upper limit; NaN where an interval is missing.
    """
    old, new, low, high = (float(row[name]) for name in ("old", "new", "low", "high"))
    reach = [float(row[f"{side}_high"]) - float(row[f"{side}_low"]) for side in ("old", "new")]
    error = math.sqrt(max(2 * (reach[0] ** 2 + reach[1] ** 2) - (high - low) ** 2, 0.0)) / 2
    if not math.isfinite(error):
        return math.nan, math.nan
    change, total = (low, high), (new + old - error, new + old + error)
    lower = max(min(change[0], total[0]), min(-change[1], -total[1]))
    upper = max(min(change[1], total[1]), min(-change[0], -total[0]))
    return lower, upper
