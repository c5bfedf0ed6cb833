"""Two audits in, one table of what changed out."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from cxraudit.audits import planned, verdicts
from cxraudit.audits.changes.labels import label_errors, with_own_labels
from cxraudit.audits.changes.match import (
    Matched,
    Pairing,
    Side,
    data_set,
    in_both,
    match,
    pairs_of_models,
)
from cxraudit.audits.changes.notices import of_estimates, of_images, of_patients, of_runs
from cxraudit.audits.changes.plan import changes
from cxraudit.audits.changes.settings import Difference, differences, settings_of
from cxraudit.audits.changes.sizes import widening
from cxraudit.audits.cohort import Cohort, Mask, tuning_of
from cxraudit.audits.engine import Engine, Evaluated, to_frame
from cxraudit.audits.groups import not_compared
from cxraudit.audits.model_comparison import alike_pairs
from cxraudit.audits.result import Audit
from cxraudit.audits.thresholds import Given, Thresholds
from cxraudit.audits.training_runs import Divided, divide
from cxraudit.errors import ConfigError, DataError, UnknownNameError
from cxraudit.metrics import METRICS
from cxraudit.notices import Notice, as_records
from cxraudit.schema import NULL_MODEL, OVERALL, RESULT_COLUMNS, Analysis, records
from cxraudit.settings import AuditSettings
from cxraudit.stats.estimate import Verdict

CHANGED = "changed"
"""Verdict on a change that is shown, and estimated to be larger than the margin; the other verdicts are those
on differences (`cxraudit.stats.estimate.Verdict`)."""

WIDENED = ("widened_low", "widened_high")
"""Columns of the changes with the limits of `widening`; NaN for what is no gap."""
SIDE_VERDICTS = ("old_verdict", "new_verdict")
"""Columns of the changes with the verdict of either audit on its own difference."""
SIDE_COLUMNS = ("old", "old_low", "old_high", "new", "new_low", "new_high")
"""Columns of the changes beside those of results: the estimates of either audit, with their intervals."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Diff:
    """What changed between two audits."""

    results: pd.DataFrame
    """One row per estimate that both audits have, with the columns of results (``value`` is newer − older),
    `SIDE_COLUMNS`, `SIDE_VERDICTS` and `WIDENED`."""
    differences: pd.DataFrame
    """What differs in settings, models, data and code: ``about``, ``what``, ``old``, ``new``."""
    label_errors: pd.DataFrame
    """With ``labels="own"``: rates of the older labels, by the newer ones as the truth, with the columns of
    results; else empty."""
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
    labels: Literal["newer", "own"] = "newer",
    findings: Sequence[str] | None = None,
    attributes: Sequence[str] | None = None,
    metrics: Sequence[str] | None = None,
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
    labels : {"newer", "own"}
        Whose labels shared images have: those of the newer audit in both, or in each its own, for instance of
        a report labeler and of radiologists; then of the images that both have labelled.
    findings, attributes, metrics : sequence of str, optional
        Only these are compared, and share the error rate; chosen before the results are seen.

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
    if labels not in ("newer", "own"):
        raise ConfigError(f"labels must be newer or own, got {labels!r}.")
    pairs = pairs_of_models(old.facts["models"], new.facts["models"], models)
    matched = match(old, new, patients)
    shared = in_both(old.facts["findings"], new.facts["findings"])
    chosen = _Chosen(
        _named("finding", findings, shared),
        _named(
            "attribute",
            attributes,
            [
                *in_both(*(one.facts["attributes"] for one in (old, new))),
                *_shared_shortcuts(old, new),
            ],
        ),
        _named("metric", metrics, list(METRICS)),
    )
    findings = chosen.findings or shared
    if not findings:
        raise ConfigError(
            f"no finding is in both audits: the older one is of {', '.join(old.facts['findings'])}, the "
            f"newer one of {', '.join(new.facts['findings'])}."
        )
    if labels == "own" and matched.pairing != Pairing.IMAGES:
        raise ConfigError(
            "--labels own compares two labels of the same images, and the two audits share none. Leave it "
            "out: images of one audit only always have its own labels."
        )
    found, errors, notices = _computed(old, new, matched, pairs, findings, labels, chosen)
    return Diff(
        results=_results(found, new),
        label_errors=to_frame(errors, new.facts["dataset"]["name"]),
        differences=pd.DataFrame(
            differences(old, new, matched, pairs, findings), columns=list(Difference._fields)
        ),
        facts={
            "pairing": matched.pairing.value,
            "labels": labels,
            "images": [len(side.images) for side in (matched.old, matched.new)],
            "patients": [int(s.images["patient_id"].nunique()) for s in (matched.old, matched.new)],
            "shared_patients": matched.shared_patients,
            "models": pairs,
            "new_models": [name for name in new.facts["models"] if name != NULL_MODEL],
            "findings": findings,
            "datasets": [one.facts["dataset"]["name"] for one in (old, new)],
            "settings": settings_of(new).recorded(),
            "notices": as_records(notices),
        },
    )


@dataclass(frozen=True, slots=True)
class _Chosen:
    """What is compared; empty: everything."""

    findings: list[str]
    attributes: list[str]
    metrics: list[str]

    def holds(self, attribute: str, metric: str) -> bool:
        """Tell whether an estimate is compared; those over all images are of every attribute."""
        named = attribute == OVERALL or attribute in self.attributes
        return (named or not self.attributes) and (metric in self.metrics or not self.metrics)


def _named(what: str, given: Sequence[str] | None, known: Sequence[str]) -> list[str]:
    """Return the names that were given, all of which have to be known."""
    for name in given or ():
        if name not in known:
            raise UnknownNameError(what, name, known)
    return list(dict.fromkeys(given or ()))


@dataclass(frozen=True, slots=True)
class _Found:
    """A change with the estimates of either audit."""

    change: Evaluated
    old: Evaluated
    new: Evaluated


def _computed(
    old: Audit,
    new: Audit,
    matched: Matched,
    pairs: Mapping[str, str],
    findings: Sequence[str],
    labels: str,
    chosen: "_Chosen",
) -> tuple[list[_Found], list[Evaluated], list[Notice]]:
    """Compute all changes, and judge them together; with own labels, also the errors of the older ones."""
    audits = (old, new)
    settings = _for_both(old, new)
    attributes = in_both(*(one.facts["attributes"] for one in audits))
    shortcuts = _shared_shortcuts(old, new)
    sides = [_of_findings(side, findings) for side in (matched.old, matched.new)]
    dataset = data_set(matched, old, new, findings)
    scores = pd.concat([side.scores for side in sides], ignore_index=True)
    of_old = dataset
    if labels == "own":
        of_old, dataset = with_own_labels(dataset, matched.old.images, findings)
    whole = planned.frame(dataset, scores, attributes, shortcuts, settings)
    older = whole
    if of_old is not dataset:
        older = planned.frame(of_old, scores, attributes, shortcuts, settings)
    frames = [older, whole]
    divided = [
        divide(side.scores, settings_of(one)) for side, one in zip(sides, audits, strict=True)
    ]
    divided[0] = _with_other_runs(divided[0], divided[1], pairs)
    tuning = [_tuning(whole.cohort, side) for side in sides]
    given = [_given(one) for one in audits]
    notices = [*of_images(matched), *of_patients(old, new), *of_runs(divided, pairs)]
    engine = Engine(whole.cohort)
    found: list[_Found] = []
    alone: Counter[tuple[str, str]] = Counter()
    for finding in findings:
        for first, second in pairs.items():
            own = _same_images(divided, (first, second), finding, matched.pairing)
            scored = [
                planned.scored_by(frame.cohort, one, finding, mask, thresholds)
                for frame, one, mask, thresholds in zip(frames, own, tuning, given, strict=True)
            ]
            if not all(scored):
                continue
            plans = [
                planned.planned(frame, one[0], shortcuts)[0]
                for frame, one in zip(frames, scored, strict=True)
            ]
            wanted, single = changes(*plans, same_ranking=_rank_alike(*(one[0] for one in scored)))
            alone += single
            wanted = [one for one in wanted if chosen.holds(one.new.key.attribute, one.new.metric)]
            items = [item for one in wanted for item in (one.change, one.old, one.new)]
            evaluated = engine.evaluate(items)
            found += [_Found(*evaluated[k : k + 3]) for k in range(0, len(evaluated), 3)]
            engine.forget()
    if not found:
        raise DataError(
            "the two audits have no estimate in common, so that nothing can be compared."
        )
    notices += [*of_estimates(alone), *not_compared(whole.cohort.images, attributes)]
    sides = [
        verdicts.judged([getattr(one, name) for one in found], settings)
        for name in ("change", "old", "new")
    ]
    judged = [_Found(*three) for three in zip(*sides, strict=True)]
    errors = label_errors(engine, frames, findings) if labels == "own" else []
    return judged, errors, notices


def _with_other_runs(old: Divided, new: Divided, pairs: Mapping[str, str]) -> Divided:
    """Tell the training runs of the older audit from those of the newer one, unless they are the same.

    Statistics of the same runs share their error, and are known by the name of their model.
    """
    runs = {}
    for model, own in old.runs.items():
        other = new.runs.get(pairs.get(model, ""))
        same = other is not None and other.key == own.key
        runs[model] = own if same else replace(own, model=f"{own.model} (older audit)")
    return replace(old, runs=runs)


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


def _rank_alike(first: planned.Scored, second: planned.Scored) -> bool:
    """Tell whether two releases rank the same images alike, run by run."""
    return bool(alike_pairs(first.samples, second.samples))


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
    for name in SIDE_COLUMNS:
        frame[name] = np.asarray(sides[name], dtype=float)
    for name in SIDE_VERDICTS:
        frame[name] = [getattr(one, name.removesuffix("_verdict")).verdict for one in ordered]
    limits = [widening(row) if row["reference"] else (math.nan, math.nan) for row in records(frame)]
    for place, name in enumerate(WIDENED):
        frame[name] = [one[place] for one in limits]
    return frame[[*RESULT_COLUMNS, *SIDE_COLUMNS, *SIDE_VERDICTS, *WIDENED]]
