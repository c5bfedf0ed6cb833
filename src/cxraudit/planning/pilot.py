"""The comparisons of a study like a pilot table: its influences, with more or fewer patients."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pandas as pd

from cxraudit.audits.cohort import Cell, Sample, make_cohort, samples, scored_findings
from cxraudit.audits.engine import Engine
from cxraudit.audits.groups import comparisons, cross, with_bins
from cxraudit.audits.measures import Flagged
from cxraudit.audits.operating_point import NotTuned, tune
from cxraudit.audits.plan import Quantity, Statistic, ranking
from cxraudit.audits.run import check_references, chosen_attributes
from cxraudit.audits.sampling import with_sampling_weights
from cxraudit.audits.thresholds import given_thresholds, rule_of
from cxraudit.datasets.base import Dataset
from cxraudit.errors import ConfigError, UnknownNameError
from cxraudit.frames import to_pandas
from cxraudit.metrics import METRICS
from cxraudit.planning.table import ONE_RUN, RATES, Planned, refuse_unplanned, unknown_rates
from cxraudit.schema import SEED, check_scores
from cxraudit.settings import AuditSettings
from cxraudit.stats.binormal import relative_error
from cxraudit.stats.power import Expected, Study, expected_degrees_of_freedom
from cxraudit.stats.replicated import Replicated
from cxraudit.stats.scales import SCALES


@dataclass(frozen=True, slots=True)
class Pilot:
    """The comparisons that a pilot table allows, and its size."""

    planned: Sequence[Planned]
    n_patients: int
    findings: Sequence[str]
    models: Sequence[str]
    attributes: Sequence[str]


def pilot_of(
    dataset: Dataset,
    scores: Any,
    *,
    attributes: str | Sequence[str] | None = None,
    settings: AuditSettings | None = None,
) -> Pilot:
    """Take the variances of all comparisons from a pilot.

    Parameters
    ----------
    dataset, scores, attributes, settings
        As in `cxraudit.audit`. Nothing is resampled: a variance is that of the influences of patients.

    Raises
    ------
    DataError
        If the tables do not fit each other.
    UnknownNameError
        If an attribute or finding does not exist.
    ConfigError
        If a model has several training runs.
    """
    settings = replace(settings or AuditSettings(), n_resamples=0)
    table = check_scores(to_pandas(scores, "the scores table"), seeds=True)
    _refuse_runs(table, settings)
    table = table.drop(columns=SEED, errors="ignore")
    unknown = sorted(set(table["finding"].unique()) - set(dataset.findings))
    table = table[~table["finding"].isin(unknown)]
    if table.empty:
        raise UnknownNameError("finding", unknown[0], dataset.findings)
    dataset = with_bins(with_sampling_weights(dataset, settings), settings.bins)
    chosen = chosen_attributes(dataset, attributes)
    dataset = cross(dataset, chosen)
    check_references(dataset, chosen, settings)
    cohort = make_cohort(dataset, table, settings)
    of_images = make_cohort(dataset, table, replace(settings, resample="images"))
    models = sorted(table["model"].unique())
    thresholds = given_thresholds(settings, dataset, {model: [model] for model in models})
    tuning = cohort.tuning()
    n_patients = int(cohort.images["patient_id"].nunique())
    found: list[Planned] = []
    findings = scored_findings(cohort, table)
    for finding in findings:
        engine, apart = Engine(cohort), Engine(of_images)
        for sample in samples(cohort, table, finding):
            independent = replace(sample, units=of_images.units[sample.rows])
            given = thresholds.of(sample.model, finding)
            point = tune(cohort, sample, tuning, given)
            evaluated = None if isinstance(point, NotTuned) else point.sample
            threshold = math.nan if isinstance(point, NotTuned) else point.threshold
            has_rates = given is not None or rule_of(settings, dataset, finding) != "none"
            for attribute in chosen:
                compared = list(comparisons(cohort, sample, [attribute]))
                for group in compared:
                    masks = group.inside.mask, group.outside.mask
                    for metric, of, quantities in _quantities(
                        sample, independent, evaluated, threshold, masks
                    ):
                        sides = [engine.value(one) for one in quantities[:2]]
                        alone = [apart.value(one) for one in quantities[2:]]
                        counts = [engine.count(cell) for cell in of]
                        fewest = min(one.limiting_patients for one in counts) / n_patients
                        found.append(
                            Planned(
                                model=sample.model,
                                finding=finding,
                                metric=metric,
                                attribute=attribute,
                                group=group.name,
                                **_expectation(sides, alone, n_patients, metric),
                                fewest=fewest,
                                n_groups=len(compared),
                            )
                        )
                    if has_rates and isinstance(point, NotTuned):
                        found += unknown_rates(
                            model=sample.model,
                            finding=finding,
                            attribute=attribute,
                            group=group.name,
                            n_groups=len(compared),
                            why=point.note,
                        )
    return Pilot(found, n_patients, findings, models, chosen)


def _refuse_runs(scores: pd.DataFrame, settings: AuditSettings) -> None:
    """Refuse what a pilot cannot plan, such as several training runs of a model.

    Raises
    ------
    ConfigError
        If there are any.
    """
    refuse_unplanned(settings, "a study like a pilot")
    if SEED in scores and (scores.groupby("model")[SEED].nunique() > 1).any():
        raise ConfigError(f"a study like a pilot {ONE_RUN}, and give the rows of one run.")


def _quantities(
    sample: Sample,
    independent: Sample,
    evaluated: Sample | None,
    threshold: float,
    masks: tuple[Any, Any],
) -> Iterator[tuple[str, list[Cell], list[Quantity]]]:
    """Yield each metric with its cells, and both sides with patients and with images as units."""
    cells = [sample.cell(mask) for mask in masks]
    apart = [independent.cell(mask) for mask in masks]
    yield "auroc", cells, [ranking(cell) for cell in (*cells, *apart)]
    if evaluated is None or not math.isfinite(threshold):
        return
    kept = pd.Index(evaluated.rows).get_indexer(pd.Index(sample.rows)) >= 0
    cells, apart = (
        [of.only(kept).cell(mask[kept]) for mask in masks] for of in (sample, independent)
    )
    for metric in RATES:
        yield (
            metric,
            cells,
            [Statistic(Flagged(cell, threshold, math.nan), metric) for cell in (*cells, *apart)],
        )


def _expectation(
    sides: Sequence[Replicated], alone: Sequence[Replicated], n: int, metric: str
) -> Mapping[str, Any]:
    """Return the study of a comparison, its design effect, and why it is not known."""
    group, reference = sides
    scale = METRICS[metric].scale
    values = group.value, reference.value
    if not all(map(math.isfinite, values)):
        note = f"{METRICS[metric].label}: one side of the pilot has no positives or no negatives"
        return {"study": None, "design_effect": math.nan, "note": note}
    if not SCALES[scale].holds(*values):
        note = (
            f"{METRICS[metric].label}: one side of the pilot is at the end of its range, where it does not "
            "show its error"
        )
        return {"study": None, "design_effect": math.nan, "note": note}
    gap, independent = group - reference, alone[0] - alone[1]
    return {
        "study": _study(group, reference, n, metric),
        "design_effect": gap.standard_error**2 / independent.standard_error**2,
        "note": "",
    }


def _study(group: Replicated, reference: Replicated, n: int, metric: str) -> Study:
    """Scale the pilot to other numbers of patients: variances fall, degrees of freedom rise with them."""
    scale = METRICS[metric].scale
    error_at = partial(relative_error, auroc=group.value) if metric == "auroc" else None
    slopes = [SCALES[scale].slope(side.value) for side in (group, reference)]
    on_scale = group.influence * slopes[0] - reference.influence * slopes[1]
    shared = float((group.influence * reference.influence).sum())

    def study(patients: float) -> Expected:
        factor = n / patients
        return Expected(
            group=group.value,
            reference=reference.value,
            group_variance=group.standard_error**2 * factor,
            reference_variance=reference.standard_error**2 * factor,
            covariance=shared * factor,
            degrees_of_freedom=expected_degrees_of_freedom(on_scale, patients),
            scale=scale,
            error_at=error_at,
        )

    return study
