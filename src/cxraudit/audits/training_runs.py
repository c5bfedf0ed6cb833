"""Training runs (seeds) of a model: one model in the results, with runs as a source of variance.

Who trains again with another seed gets another model. What is to be claimed about a way of training is a mean
over its runs, and its error is that of patients and of runs; see `cxraudit.stats.replicated.over_runs`. Every
analysis of scores is planned for each run, and then estimated as the mean of the runs.
"""

import hashlib
import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TypeVar

import numpy as np
import pandas as pd

from cxraudit.audits.cohort import Sample
from cxraudit.audits.plan import (
    NOTHING,
    Comparison,
    Equality,
    Item,
    Key,
    Level,
    Runs,
    Tested,
    joined_phrases,
    over,
)
from cxraudit.errors import ConfigError, DataError, UnknownNameError
from cxraudit.notices import Notice, counted
from cxraudit.schema import SEED, Analysis, Reason
from cxraudit.settings import AuditSettings
from cxraudit.stats.thresholds import as_text


@dataclass(frozen=True, slots=True)
class Divided:
    """Scores by training run, and which runs are those of one model."""

    scores: pd.DataFrame
    """A scores table in which each run is a model."""
    runs: Mapping[str, Runs]
    """Model → its runs, of the models that have several."""
    names: Mapping[str, Sequence[str]]
    """Model or run as the user names it → its names, and those of its runs, in the scores and the results."""
    notices: tuple[Notice, ...] = ()

    def model_of(self, name: str) -> str:
        """Return the model of a run, or a model that has no runs itself."""
        return next((one.model for one in self.runs.values() if name in one.names), name)

    def order(self, sample: Sample) -> tuple[str, int]:
        """Return where a sample stands: by model, and then in the order of its runs."""
        model = self.model_of(sample.model)
        runs = self.runs.get(model)
        return model, runs.names.index(sample.model) if runs else 0

    def by_model(self) -> pd.DataFrame:
        """Return a scores table with one run of each model, under the name of the model."""
        first = {one.names[0]: name for name, one in self.runs.items()}
        others = {name for one in self.runs.values() for name in one.names[1:]}
        kept = self.scores[~self.scores["model"].isin(others)]
        return kept.assign(model=kept["model"].replace(first))


def models_of(scores: pd.DataFrame, replicate_of: Mapping[str, str]) -> "pd.Series[str]":
    """Return the model of each row, where ``replicate_of`` says which models are runs of one."""
    return scores["model"].replace(dict(replicate_of))


def divide(scores: pd.DataFrame, settings: AuditSettings) -> Divided:
    """Find the training runs in a scores table.

    Parameters
    ----------
    scores : pandas.DataFrame
        A scores table; a column ``seed`` names the run of each row, blank for models without runs.
    settings : AuditSettings
        ``replicate_of`` names models that are runs of one.

    Returns
    -------
    Divided
        Of each model and finding, the images that all runs scored.

    Raises
    ------
    UnknownNameError
        If ``replicate_of`` names a model without scores.
    ConfigError
        If it contradicts itself or the column, or a model has one run only.
    DataError
        If some rows of a model name a seed and others do not, or runs differ in findings.
    """
    scores, notices = _by_seed(scores)
    named = _by_name(scores, settings.replicate_of)
    scores = _one_name_per_prompt_set(named)
    runs = {
        str(model): _runs(str(model), part)
        for model, part in scores.groupby("of", sort=True)
        if part["model"].nunique() > 1
    }
    if runs and settings.interval != "t":
        raise ConfigError(
            f"the interval {settings.interval} does not hold the error of training runs. Use --interval t."
        )
    names = _names(named, scores)
    scores, dropped = _shared(scores, runs)
    notices += [
        Notice(
            about=f"model {name}",
            count=len(one.names),
            sentence=f"Mean over {len(one.names)} training runs ({', '.join(sorted(one.names))}): intervals "
            "and tests hold the error of patients and that of runs"
            + (
                ", which two runs show by one difference only: they can be very wide."
                if len(one.names) == 2
                else "."
            ),
        )
        for name, one in runs.items()
    ]
    return Divided(scores.drop(columns="of"), runs, names, (*notices, *dropped))


def _by_seed(scores: pd.DataFrame) -> tuple[pd.DataFrame, list[Notice]]:
    """Name a model that has several seeds by the seed, too."""
    scores = scores.assign(of=scores["model"])
    if SEED not in scores:
        return scores, []
    notices = []
    for model, seeds in scores.groupby("model", sort=True)[SEED]:
        blank = seeds.eq("")
        if blank.any() and not blank.all():
            raise DataError(
                f"{int(blank.sum()):,} of {len(seeds):,} scores of {model} have no seed, and the others do. "
                "Fill in the column, or leave it blank for the whole model."
            )
        if seeds.nunique() == 1 and not blank.any():
            stated = f"One seed only ({seeds.iloc[0]}): the error of training runs is not known."
            notices.append(Notice(about=f"model {model}", count=1, sentence=stated))
    several = scores.groupby("model")[SEED].transform("nunique") > 1
    named = scores["model"] + " (seed " + scores[SEED] + ")"
    return scores.assign(model=scores["model"].where(~several, named)).drop(columns=SEED), notices


def _by_name(scores: pd.DataFrame, replicate_of: Mapping[str, str]) -> pd.DataFrame:
    """Name the model of the runs that are named one by one."""
    present = sorted(set(scores["of"]))
    seeded = set(scores.loc[scores["of"] != scores["model"], "of"])
    for run, model in replicate_of.items():
        if run not in present:
            raise UnknownNameError("model", run, present)
        if both := seeded & {run, model}:
            raise ConfigError(
                f"the training runs of {min(both)} are named by the column '{SEED}'. Leave out "
                f"--replicate-of {run}={model}, or the column."
            )
        runs = {one for one, of in replicate_of.items() if of == model}
        if runs == {run} and model not in present:
            raise ConfigError(
                f"{run} is the only training run of {model}. Name two or more, or leave it out."
            )
    return scores.assign(of=scores["of"].replace(dict(replicate_of)))


def _one_name_per_prompt_set(scores: pd.DataFrame) -> pd.DataFrame:
    """Name what was scored with several prompt sets by the set, too: each is a model here."""
    several = scores.groupby("of")["prompt_set"].transform("nunique") > 1
    suffix = " [" + scores["prompt_set"] + "]"
    named = {name: scores[name].where(~several, scores[name] + suffix) for name in ("of", "model")}
    return scores.assign(**named)


def _names(before: pd.DataFrame, after: pd.DataFrame) -> dict[str, list[str]]:
    """Return what every model and run came to be named: a model stands for itself and its runs."""
    found: dict[str, set[str]] = {}
    for given, results in (("of", "of"), ("of", "model"), ("model", "model")):
        for name, named in set(zip(before[given], after[results], strict=True)):
            found.setdefault(name, set()).add(named)
    return {name: sorted(named) for name, named in found.items()}


def _runs(model: str, scores: pd.DataFrame) -> Runs:
    """Return the runs of a model, in an order that does not depend on what they are called."""
    wanted = set(scores["finding"])
    digests = {}
    for name, part in scores.groupby("model", sort=True):
        lacking = sorted(wanted - set(part["finding"]))
        if lacking:
            raise DataError(
                f"{name} has no scores for {lacking[0]}, and other training runs of {model} do. Score the "
                "same findings in every run."
            )
        digests[str(name)] = _digest(
            b"".join(sorted(_of_scores(one) for _, one in part.groupby("finding")["score"]))
        )
    ordered = sorted(digests, key=lambda name: (digests[name], name))
    key = _digest(b"".join(sorted(digests.values())))
    return Runs(model, tuple(ordered), int.from_bytes(key[:4], "big"))


def _of_scores(scores: "pd.Series[float]") -> bytes:
    """Digest the scores of a finding, whatever their images are called."""
    return _digest(np.sort(scores.to_numpy(dtype=np.float64)).tobytes())


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=8).digest()


def _shared(scores: pd.DataFrame, runs: Mapping[str, Runs]) -> tuple[pd.DataFrame, list[Notice]]:
    """Keep the images of each finding that all runs of the model scored."""
    notices = []
    for model, one in runs.items():
        own = scores["of"] == model
        number = scores[own].groupby(["finding", "image_id"])["model"].transform("nunique")
        lacking = number.index[number < len(one.names)]
        if not len(lacking):
            continue
        if len(lacking) == int(own.sum()):
            raise DataError(f"the training runs of {model} have no scored image in common.")
        n_images = scores.loc[lacking, "image_id"].nunique()
        stated = (
            f"{counted(n_images, 'image')} not scored by every training run, left out where a score is "
            "lacking."
        )
        notices.append(Notice(about=f"model {model}", count=n_images, sentence=stated))
        scores = scores.drop(index=lacking)
    return scores, notices


Plans = Sequence[Sequence[Item]]
"""The plan of each run."""


def across(runs: Runs | None, plans: Plans) -> list[Item]:
    """Plan means over the runs of a model, of what is planned for each.

    Parameters
    ----------
    runs : Runs or None
        None for a model without runs, whose plan stays as it is.
    plans : sequence of sequence of Item
        Of each run, under the name of the model.
    """
    return between((runs, plans), (runs, plans))


def between(first: tuple[Runs | None, Plans], second: tuple[Runs | None, Plans]) -> list[Item]:
    """Plan differences of means over runs: of each run of one model, and then of another.

    Parameters
    ----------
    first, second : tuple of Runs or None, and plans
        The plans of the runs that are the group of a comparison, and of those that are its reference.
    """
    (runs, plans), (other_runs, other_plans) = first, second
    if runs is None and other_runs is None:
        return list(plans[0])
    tables = [{place_of(item): item for item in plan} for plan in plans]
    others = [{place_of(item): item for item in plan} for plan in other_plans]
    every = dict.fromkeys(place for table in (*tables, *others) for place in table)
    merged = []
    for place in every:
        groups = [table[place] for table in tables if place in table]
        references = [table[place] for table in others if place in table]
        whole = len(groups) == len(tables) and len(references) == len(others)
        same = len({type(item) for item in (*groups, *references)}) == 1
        item = _merged(runs, groups, other_runs, references) if whole and same else None
        merged.append(item or _undefined((*groups, *references)[0]))
    return merged


def place_of(item: Item) -> Hashable:
    """Return what the rows of all runs have in common: thresholds are those of each run."""
    return item.metric, *_texts(_without_threshold(item.key))


def _texts(key: Key) -> Iterable[str]:
    return (str(getattr(key, one.name)) for one in fields(Key))


def _without_threshold(key: Key) -> Key:
    return replace(key, at=math.nan) if key.analysis == Analysis.OPERATING_POINT else key


def _merged(
    runs: Runs | None, groups: Sequence[Item], other_runs: Runs | None, references: Sequence[Item]
) -> Item:
    """Return the item about the means."""
    first, items = groups[0], [*groups, *references]
    key = first.key if len(_thresholds(items)) < 2 else _without_threshold(first.key)
    noted = [item for item in items if not isinstance(item, Equality)]
    phrases = (_common(item.note for item in noted), _own_thresholds(noted)) if noted else ()
    named = {"key": key, "note": joined_phrases(*phrases)}
    if isinstance(first, Level):
        return replace(
            first, **named, quantity=over(runs, [_of(Level, one).quantity for one in groups])
        )
    if isinstance(first, Comparison):
        compared = [_of(Comparison, one) for one in items]
        reasons = [one for one in first.reasons if all(one in item.reasons for item in compared)]
        return replace(
            first,
            **named,
            group=over(runs, [_of(Comparison, one).group for one in groups]),
            reference=over(other_runs, [_of(Comparison, one).reference for one in references]),
            identical=all(one.identical for one in compared),
            enough=None if first.enough is None else all(one.enough for one in compared),
            reasons=tuple(reasons),
        )
    if isinstance(first, Equality):
        of_cells = zip(*(_of(Equality, one).quantities for one in groups), strict=True)
        return replace(first, quantities=tuple(over(runs, of_cell) for of_cell in of_cells))
    tested = [_of(Tested, one) for one in groups]
    return replace(
        _of(Tested, first),
        **named,
        value=float(np.mean([one.value for one in tested])),
        low=float(np.mean([one.low for one in tested])),
        high=float(np.mean([one.high for one in tested])),
    )


_Kind = TypeVar("_Kind")


def _of(kind: type[_Kind], item: object) -> _Kind:
    """Return an item that is of a kind, as all of one place are."""
    assert isinstance(item, kind)
    return item


def _undefined(item: Item) -> Item:
    """Return the row of what is not defined for every run, without a value."""
    note = "not defined for every training run"
    key = _without_threshold(item.key)
    if isinstance(item, Level):
        return replace(item, key=key, quantity=NOTHING, note=note)
    if isinstance(item, Comparison):
        return replace(item, key=key, group=NOTHING, reference=NOTHING, note=note)
    if isinstance(item, Equality):
        return replace(item, quantities=(NOTHING,) * len(item.cells))
    return replace(item, key=key, note=note, reasons=(*item.reasons, Reason.UNDEFINED_VALUE))


def _common(notes: Iterable[str]) -> str:
    """Return the phrases that the notes of all runs share."""
    phrases = [note.split("; ") for note in notes]
    shared = [one for one in phrases[0] if all(one in other for other in phrases)]
    return joined_phrases(*shared)


def _thresholds(items: Iterable[Item]) -> list[float]:
    """Return the different thresholds of the rows of a rate, in order."""
    return sorted({item.key.at for item in items if item.key.analysis == Analysis.OPERATING_POINT})


def _own_thresholds(items: Iterable[Item]) -> str:
    """Name the thresholds of the runs, where each has its own."""
    found = _thresholds(items)
    if len(found) < 2:
        return ""
    return f"each training run at its own threshold, {as_text(found[0])} to {as_text(found[-1])}"


def mean_percentiles(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Average the shares of tables of `cxraudit.audits.shortcuts.score_percentiles` over runs."""
    shares = np.mean([table["share"].to_numpy() for table in tables], axis=0)
    return tables[0].assign(share=shares)
