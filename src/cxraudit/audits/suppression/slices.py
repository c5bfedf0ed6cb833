"""Slices that are hidden: neither their numbers nor their names are left, since a name says who they are."""

from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from cxraudit.audits.suppression.groups import Hidden
from cxraudit.audits.suppression.small import is_small
from cxraudit.schema import Analysis

_KEY = ["model", "prompt_set", "finding", "group"]


def without_hidden_slices(
    results: pd.DataFrame,
    hide: "pd.Series[bool]",
    facts: Mapping[str, Any] | None,
    hidden: Hidden,
    below: int,
) -> tuple["pd.Series[bool]", dict[str, Any] | None]:
    """Return which rows are left, and what is left of the facts of the search.

    Parameters
    ----------
    results : pandas.DataFrame
        The results table of an audit.
    hide : pandas.Series of bool
        Which of its rows are hidden.
    facts : mapping or None
        What was recorded of slices.
    hidden : Hidden
        Groups that are too small to be shown; no slice is made of one.
    below : int
        Smaller counts are small.
    """
    of_slices = results["analysis"] == Analysis.SLICES
    if facts is None:
        return ~of_slices, None
    gone: set[object] = {
        (model["model"], model["prompt_set"], one["finding"], one["name"])
        for model in facts["models"]
        for one in model["slices"]
        if any(
            (one["finding"], part.get("column"), part.get("value")) in hidden.groups
            for part in one["parts"]
        )
    }
    gone |= set(results.loc[of_slices & hide, _KEY].itertuples(index=False, name=None))
    named = pd.Series(
        list(results[_KEY].itertuples(index=False, name=None)), index=results.index, dtype=object
    )
    models = [_without(model, gone) for model in facts["models"]]
    patients = facts["search_patients"], facts["confirmation_patients"]
    left = {**facts, "models": models}
    if is_small(patients, below):
        left |= {"search_patients": None, "confirmation_patients": None}
    return ~(of_slices & named.isin(gone)), left


def _without(model: Mapping[str, Any], gone: Collection[object]) -> dict[str, Any]:
    """Leave out the slices of a model that are hidden, and count them."""
    place = (model["model"], model["prompt_set"])
    kept = [one for one in model["slices"] if (*place, one["finding"], one["name"]) not in gone]
    n_hidden = model["hidden"] + len(model["slices"]) - len(kept)
    return {**model, "slices": kept, "hidden": n_hidden}
