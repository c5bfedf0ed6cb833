"""What is planned of scores: the same for the audit of a release and for what changed between two."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import pandas as pd

from cxraudit.audits import (
    decision_curve,
    model_comparison,
    operating_point,
    shortcuts,
    standardised,
    subgroups,
)
from cxraudit.audits.cohort import Cohort, Mask, Sample, count, make_cohort, samples
from cxraudit.audits.groups import ADJUSTERS, cross, parts, with_bins
from cxraudit.audits.plan import Item, Runs
from cxraudit.audits.sampling import with_sampling_weights
from cxraudit.audits.shortcuts import with_derived
from cxraudit.audits.thresholds import Given, Thresholds, Used, rule_of
from cxraudit.audits.training_runs import Divided, across, between, mean_percentiles
from cxraudit.datasets.base import Dataset
from cxraudit.errors import ConfigError
from cxraudit.settings import AuditSettings


@dataclass(frozen=True, slots=True)
class Frame:
    """The images that are audited, and by what."""

    cohort: Cohort
    attributes: Sequence[str]
    adjusters: Sequence[str]
    """Attributes that gaps are standardised by."""

    @property
    def dataset(self) -> Dataset:
        """The data set with the columns that are derived: groups of numbers, intersections, shortcuts."""
        return self.cohort.dataset


def frame(
    dataset: Dataset,
    scores: pd.DataFrame,
    attributes: Sequence[str],
    shortcuts: Mapping[str, str],
    settings: AuditSettings,
) -> Frame:
    """Derive what attributes and shortcuts are made of, and draw the resamples.

    Parameters
    ----------
    dataset, settings
        As in `cxraudit.audit`.
    scores : pandas.DataFrame
        Its ``image_id`` says which images are audited.
    attributes : sequence of str
        Attributes to audit by, intersections included.
    shortcuts : mapping of str to str
        Those that were named.
    """
    dataset = with_bins(with_sampling_weights(dataset, settings), settings.bins)
    adjusters = [name for name in ADJUSTERS if set(parts(name)) <= set(attributes)]
    dataset = with_derived(cross(dataset, [*attributes, *adjusters]), shortcuts)
    return Frame(make_cohort(dataset, scores, settings), attributes, adjusters)


@dataclass(frozen=True, slots=True)
class Run:
    """A finding as one training run of a model scored it, or a model that has one."""

    name: str
    sample: Sample
    """Under the name of the model."""
    given: Given | None
    """The threshold of the user."""
    tuned: operating_point.Tuned | operating_point.NotTuned | None
    """None where nothing is chosen or given."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A finding as one model scored it."""

    runs: Runs | None
    """None for a model with one run."""
    of_runs: list[Run]

    @property
    def samples(self) -> list[Sample]:
        """The images, of each run."""
        return [one.sample for one in self.of_runs]

    def thresholds(self) -> Iterator[Used]:
        """Yield the thresholds that images are flagged at."""
        for one in self.of_runs:
            tuned = one.tuned
            if isinstance(tuned, operating_point.Tuned) and not math.isnan(tuned.threshold):
                patients = count(tuned.sample.everything).n_patients
                yield Used(one.name, tuned.sample.finding, one.given, tuned.threshold, patients)


def scored_by(
    cohort: Cohort, divided: Divided, finding: str, tuning: Mask, thresholds: Thresholds
) -> list[Scored]:
    """Return a finding as every model scored it, by their names.

    Parameters
    ----------
    cohort : Cohort
        The images.
    divided : Divided
        The scores.
    finding : str
        Which finding.
    tuning : Mask
        Images of the patients that thresholds are chosen on.
    thresholds : Thresholds
        Those that were given.

    Raises
    ------
    ConfigError
        If thresholds are given for some training runs of a model only.
    """
    settings = cohort.settings
    rule = rule_of(settings, cohort.dataset, finding)
    found: dict[str, Scored] = {}
    for sample in sorted(samples(cohort, divided.scores, finding), key=divided.order):
        model = divided.model_of(sample.model)
        given = thresholds.of(sample.model, finding)
        named = sample.with_(model=model)
        tuned = None
        if given or rule != "none" or settings.calibration != "none":
            tuned = operating_point.tune(cohort, named, tuning, given)
        one = found.setdefault(model, Scored(divided.runs.get(model), []))
        one.of_runs.append(Run(sample.model, named, given, tuned))
    for name, one in found.items():
        lacking = [run.name for run in one.of_runs if run.given is None]
        if 0 < len(lacking) < len(one.of_runs):
            raise ConfigError(
                f"thresholds of {finding} are given for some training runs of {name}, and none for "
                f"{lacking[0]}: rates would be of other images. Give one for each run, or for {name}."
            )
    return [found[name] for name in sorted(found)]


def planned(
    found: Frame, one: Scored, pairs: Mapping[str, str]
) -> tuple[list[Item], list[pd.DataFrame]]:
    """Plan all audits of one finding and model, and describe its scores by shortcut.

    Parameters
    ----------
    found : Frame
        The images, and what they are audited by.
    one : Scored
        The finding as the model scored it.
    pairs : mapping of str to str
        Shortcut → finding.
    """
    cohort = found.cohort
    plans = []
    for run in one.of_runs:
        sample = run.sample
        own = subgroups.plan(cohort, sample, found.attributes)
        own += shortcuts.plan(cohort, sample, pairs)
        own += standardised.plan(cohort, sample, found.attributes, found.adjusters, pairs)
        if run.tuned is not None:
            own += operating_point.plan_tuned(cohort, sample, found.attributes, run.tuned)
            own += decision_curve.plan(cohort, found.attributes, run.tuned)
        plans.append(own)
    by_run = [shortcuts.score_percentiles(cohort, sample, pairs) for sample in one.samples]
    tables = [mean_percentiles(of_runs) for of_runs in zip(*by_run, strict=True)]
    return across(one.runs, plans), tables


def compared(found: Frame, scored: Sequence[Scored]) -> list[Item]:
    """Plan the differences between every two models."""
    return [
        item
        for first, second in combinations(scored, 2)
        for item in _compared(found.cohort, first, second, found.attributes)
    ]


def _compared(
    cohort: Cohort, first: Scored, second: Scored, attributes: Sequence[str]
) -> list[Item]:
    """Plan the differences between two models: of every run of either, with a run of the other."""

    def plan(number: int, other: int) -> list[Item]:
        pair = first.of_runs[number], second.of_runs[other]
        return model_comparison.plan(
            cohort,
            [run.sample for run in pair],
            attributes,
            [run.tuned for run in pair if isinstance(run.tuned, operating_point.Tuned)],
        )

    if pairs := model_comparison.alike_pairs(first.samples, second.samples):
        plans = [plan(number, other) for number, other in pairs]
        return between((first.runs, plans), (second.runs, plans))
    groups = [plan(number, 0) for number in range(len(first.of_runs))]
    references = [groups[0], *(plan(0, other) for other in range(1, len(second.of_runs)))]
    return between((first.runs, groups), (second.runs, references))
