"""Planned comparisons as a table: standard errors, power, and numbers of patients."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd

from cxraudit.audits.families import shares
from cxraudit.errors import ConfigError
from cxraudit.metrics import METRICS
from cxraudit.planning.settings import StudyGoals
from cxraudit.schema import COMPLEMENT, Confirmatory, typed_frame
from cxraudit.settings import AuditSettings
from cxraudit.stats.power import (
    Study,
    patients_needed,
    power_of_disparity,
    power_of_equivalence,
    smallest_gap,
)

PLAN_COLUMNS: dict[str, str] = {
    "model": "str",
    "finding": "str",
    "metric": "str",
    "attribute": "str",
    "group": "str",
    "reference": "str",
    "n_patients": "int64",
    "fewest_patients": "float64",
    "value": "float64",
    "reference_value": "float64",
    "standard_error": "float64",
    "degrees_of_freedom": "float64",
    "design_effect": "float64",
    "margin": "float64",
    "alpha": "float64",
    "detectable_gap": "float64",
    "gap": "float64",
    "power_disparity": "float64",
    "patients_disparity": "float64",
    "true_gap": "float64",
    "power_equivalence": "float64",
    "patients_equivalence": "float64",
    "note": "str",
}
"""One row per model, finding, metric and group against all other groups. ``fewest_patients`` are those that
are expected with, or without, the finding on the smaller side; ``alpha`` is the level of one comparison at
the first step of the adjustment; ``design_effect`` is the variance over that of independent images. Powers
are those with ``n_patients``; numbers of patients are those of the whole study, for a power of 80 %. NaN: no
number would do, or the value is not known."""

ONE_RUN = (
    "is planned from one training run of each model, and the error of runs is not planned: leave out "
    "--replicate-of and --seed-column"
)
"""Why training runs are refused, after what is planned."""


def refuse_unplanned(settings: AuditSettings, what: str) -> None:
    """Refuse settings that add errors which no plan holds.

    Raises
    ------
    ConfigError
        If there are training runs, or thresholds that are chosen anew in every resample.
    """
    if settings.replicate_of:
        raise ConfigError(f"{what} {ONE_RUN}.")
    if settings.threshold_uncertainty:
        raise ConfigError(
            f"{what} is planned with thresholds as they are, without their error: leave out "
            "--threshold-uncertainty."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A comparison of a group with all other groups that a study will make."""

    model: str
    finding: str
    metric: str
    attribute: str
    group: str
    study: Study | None
    """None where nothing is known of it; see `note`."""
    fewest: float
    """Patients with, or without, the finding on the smaller side, over the patients of the study."""
    design_effect: float
    n_groups: int
    """Groups of the attribute: the gaps of two are one comparison."""
    note: str = ""


RATES = ("tpr", "fpr")


def unknown_rates(
    *, model: str = "", finding: str, attribute: str, group: str, n_groups: int, why: str
) -> list[Planned]:
    """Return the rates of a group of which nothing is known, with the reason."""
    return [
        Planned(
            model=model,
            finding=finding,
            metric=metric,
            attribute=attribute,
            group=group,
            study=None,
            fewest=math.nan,
            design_effect=math.nan,
            n_groups=n_groups,
            note=f"{METRICS[metric].label}: {why}",
        )
        for metric in RATES
    ]


def table(
    planned: Iterable[Planned],
    goals: StudyGoals,
    settings: AuditSettings,
    *,
    n_models: int = 1,
    n_patients: int | None = None,
) -> pd.DataFrame:
    """Return what each comparison will show, and how many patients it takes.

    Parameters
    ----------
    planned : iterable of Planned
        The comparisons.
    goals : StudyGoals
        Patients, gaps and the share of the error rate.
    settings : AuditSettings
        Level, margin and the fewest patients of a verdict.
    n_models : int
        Models, where the comparisons are those of one.
    n_patients : int, optional
        Patients of the study, where the goals name none.

    Returns
    -------
    pandas.DataFrame
        See `PLAN_COLUMNS`.

    Raises
    ------
    ConfigError
        If there is no comparison or no number of patients, or a goal cannot be reached.
    """
    gap = goals.shown_gap(settings)
    patients = goals.n_patients or n_patients
    if patients is None:
        raise ConfigError("how many patients the study has is not given: add --n-patients.")
    comparisons = list(planned)
    if not comparisons:
        raise ConfigError(
            "there is nothing to compare. Give findings with --prevalence FINDING=SHARE and groups with "
            "--group ATTRIBUTE:GROUP=SHARE, or a pilot table."
        )
    levels: dict[tuple[str, str], float] = {}
    for sharing in _sharing_an_error_rate(comparisons, settings):
        several = settings.error_rate == "report" and n_models > 1
        counted = goals.comparisons or number_of_comparisons(sharing) * (n_models if several else 1)
        for metric, share in _error_shares(sharing, goals, settings, several=several).items():
            for one in sharing:
                levels[one.model, metric] = (1 - settings.confidence_level) * share / counted
    rows = [
        _row(one, patients, gap, goals.true_gap, levels[one.model, one.metric], settings)
        for one in comparisons
    ]
    return typed_frame(rows, PLAN_COLUMNS)


def _sharing_an_error_rate(
    planned: Sequence[Planned], settings: AuditSettings
) -> Iterable[Sequence[Planned]]:
    """Divide comparisons by what shares an error rate: the report, or each model."""
    found: dict[str, list[Planned]] = {}
    for one in planned:
        found.setdefault("" if settings.error_rate == "report" else one.model, []).append(one)
    return found.values()


def _error_shares(
    planned: Sequence[Planned], goals: StudyGoals, settings: AuditSettings, *, several: bool
) -> dict[str, float]:
    """Return metric → its share of the error rate: the one given, or that of its family in a report.

    The report has all questions of the default, and those that the settings add; the rates divide the share
    of their family, which leaves it to the others where there are none. With `several` models, they are
    compared, too.
    """
    metrics = list(dict.fromkeys(one.metric for one in planned))
    if goals.error_share is not None:
        return dict.fromkeys(metrics, goals.error_share)
    several = several or len({one.model for one in planned}) > 1
    rates = [metric for metric in metrics if metric != "auroc"]
    present = shares(
        [
            *(one for one in BY_DEFAULT if rates or one != Confirmatory.THRESHOLD),
            *([Confirmatory.MODELS] if several else []),
            *([Confirmatory.PAIRS] if settings.all_pairs else []),
        ]
    )
    return {
        metric: present[Confirmatory.THRESHOLD] / len(rates)
        if metric in rates
        else present[Confirmatory.PRIMARY]
        for metric in metrics
    }


BY_DEFAULT = (
    Confirmatory.PRIMARY,
    Confirmatory.THRESHOLD,
    Confirmatory.STANDARDISED,
    Confirmatory.ALL_GROUPS,
)
"""The questions of a report of one model without further options."""


def number_of_comparisons(planned: Sequence[Planned]) -> int:
    """Count the different comparisons of one metric; the mirror images of two groups are one."""
    return len(
        {
            (one.model, one.finding, one.attribute, one.group if one.n_groups > 2 else "")
            for one in planned
            if one.metric == planned[0].metric
        }
    )


def _row(
    one: Planned, patients: int, gap: float, true_gap: float, alpha: float, settings: AuditSettings
) -> dict[str, object]:
    margin = settings.margin
    row: dict[str, object] = {
        **dict.fromkeys(PLAN_COLUMNS, math.nan),
        "model": one.model,
        "finding": one.finding,
        "metric": one.metric,
        "attribute": one.attribute,
        "group": one.group,
        "reference": COMPLEMENT,
        "n_patients": patients,
        "fewest_patients": one.fewest * patients,
        "margin": margin,
        "alpha": alpha,
        "gap": gap,
        "true_gap": true_gap,
        "design_effect": one.design_effect,
        "note": one.note,
    }
    if one.study is None:
        return row
    now = one.study(patients)
    disparity = partial(power_of_disparity, gap=gap, margin=margin, alpha=alpha)
    equivalence = partial(
        power_of_equivalence, gap=true_gap, margin=margin, alpha=1 - settings.confidence_level
    )
    # Fewer patients than those of a verdict show nothing.
    least = settings.min_patients / one.fewest if one.fewest > 0 else math.inf
    beyond = one.metric == "auroc" and now.reference - gap < 0.5 and now.reference + gap > 1
    room = gap < now.room and not beyond
    enough = patients >= least
    possible = enough and room
    smallest = smallest_gap(now, margin=margin, alpha=alpha) if enough else math.inf
    few = f"fewer than {settings.min_patients} patients with or without the finding on one side"
    return row | {
        "value": now.group,
        "reference_value": now.reference,
        "standard_error": now.standard_error,
        "degrees_of_freedom": now.degrees_of_freedom,
        "detectable_gap": smallest if smallest < 1 else math.nan,
        "power_disparity": disparity(now) if possible else (math.nan if enough else 0.0),
        "patients_disparity": _needed(disparity, one.study, least) if room else math.nan,
        "power_equivalence": equivalence(now) if enough else 0.0,
        "patients_equivalence": _needed(equivalence, one.study, least),
        "note": "; ".join(
            filter(
                None,
                [
                    one.note,
                    "" if enough else f"{few}: no verdict",
                    f"AUROC: with a gap of {gap:g} it would be below 0.5 or above 1"
                    if beyond
                    else "",
                ],
            )
        ),
    }


def _needed(power: partial[float], study: Study, least: float) -> float:
    if math.isinf(least):
        return math.nan
    found = patients_needed(power, study, least=max(least, 4))
    return found if math.isfinite(found) else math.nan
