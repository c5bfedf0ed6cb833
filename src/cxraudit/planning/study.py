"""The plan of a study: from assumptions or a pilot to one row per comparison."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from cxraudit.datasets.base import Dataset
from cxraudit.planning.assumed import planned
from cxraudit.planning.pilot import pilot_of
from cxraudit.planning.settings import StudyAssumptions, StudyGoals
from cxraudit.planning.table import table
from cxraudit.settings import AuditSettings


def plan_study(
    assumptions: StudyAssumptions,
    goals: StudyGoals | None = None,
    *,
    settings: AuditSettings | None = None,
) -> pd.DataFrame:
    """Plan a study that is described by assumptions.

    Scores are binormal with the expected AUROC; images of a patient have correlated scores and labels. The
    variances follow in closed form (see `cxraudit.stats.binormal`) and are those that an audit estimates.

    Parameters
    ----------
    assumptions : StudyAssumptions
        Prevalence, groups, images per patient, correlations and AUROC.
    goals : StudyGoals, optional
        Patients, and the gaps that are to be shown or ruled out.
    settings : AuditSettings, optional
        Of the audit: level, margin, rule of the threshold and fewest patients of a verdict.

    Returns
    -------
    pandas.DataFrame
        One row per finding, metric and group against all other groups; see
        `cxraudit.planning.table.PLAN_COLUMNS`. NaN where no number of patients would do.

    Raises
    ------
    ConfigError
        If nothing is to be compared, the number of patients is not given, or a goal cannot be reached.

    Examples
    --------
    >>> plan = plan_study(
    ...     StudyAssumptions(prevalence={"Edema": 0.2}, groups={"sex:female": 0.5}),
    ...     StudyGoals(n_patients=1000),
    ... )
    >>> plan.loc[plan["metric"] == "auroc", "standard_error"].round(3).tolist()
    [0.03]
    """
    goals, settings = goals or StudyGoals(), settings or AuditSettings()
    _refuse_other_kinds(
        assumptions=(assumptions, StudyAssumptions),
        goals=(goals, StudyGoals),
        settings=(settings, AuditSettings),
    )
    if goals.n_patients is not None:
        assumptions.refuse_unlike_images(goals.n_patients)
    return table(
        planned(assumptions, settings),
        goals,
        settings,
        n_models=assumptions.n_models,
    )


def plan_from_pilot(
    dataset: Dataset,
    scores: Any,
    goals: StudyGoals | None = None,
    *,
    attributes: str | Sequence[str] | None = None,
    settings: AuditSettings | None = None,
) -> pd.DataFrame:
    """Plan a study like a pilot: its values, and its variances with other numbers of patients.

    Parameters
    ----------
    dataset, scores, attributes, settings
        As in `cxraudit.audit`.
    goals : StudyGoals, optional
        Patients (default: those of the pilot), and the gaps that are to be shown or ruled out.

    Returns
    -------
    pandas.DataFrame
        As `plan_study`, one row per model, too.

    Raises
    ------
    DataError
        If the tables do not fit each other.
    UnknownNameError
        If an attribute or finding does not exist.
    ConfigError
        If nothing is to be compared, or a goal cannot be reached.
    """
    goals, settings = goals or StudyGoals(), settings or AuditSettings()
    _refuse_other_kinds(goals=(goals, StudyGoals), settings=(settings, AuditSettings))
    pilot = pilot_of(dataset, scores, attributes=attributes, settings=settings)
    return table(pilot.planned, goals, settings, n_patients=pilot.n_patients)


def _refuse_other_kinds(**given: tuple[object, type[object]]) -> None:
    """Refuse a mapping or anything else where settings are wanted.

    Raises
    ------
    TypeError
        If there is one.
    """
    for name, (value, kind) in given.items():
        if not isinstance(value, kind):
            raise TypeError(
                f"{name} must be {kind.__name__}, got {type(value).__name__}: {kind.__name__}(...) makes them"
            )
