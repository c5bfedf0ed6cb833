"""An audit by a plan: what of it the data allow, and what is stated of the difference."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from cxraudit.analysis_plan import AnalysisPlan, agree, departure_in_words
from cxraudit.audits.groups import parts
from cxraudit.audits.training_runs import models_of
from cxraudit.datasets import findings
from cxraudit.datasets.base import Dataset
from cxraudit.errors import DataError
from cxraudit.notices import Notice
from cxraudit.settings import AuditSettings

ABOUT = "analysis plan"


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What is audited by a plan, and what the report states of it."""

    settings: AuditSettings
    scores: pd.DataFrame
    """Of planned findings and models only."""
    attributes: list[str]
    """Those that the data have."""
    shortcuts: Mapping[str, str] | None
    record: dict[str, Any]
    """Date and hash of the plan, departures, what the data lack, and what was left out."""
    notices: tuple[Notice, ...]


def follow(
    plan: AnalysisPlan,
    dataset: Dataset,
    scores: pd.DataFrame,
    *,
    settings: AuditSettings | None,
    attributes: Sequence[str] | None,
    shortcuts: Mapping[str, str] | None,
    reason: str | None,
) -> Followed:
    """Take from the data what was planned.

    Parameters
    ----------
    plan : AnalysisPlan
        What was planned.
    dataset : Dataset
        Images with findings and attributes.
    scores : pandas.DataFrame
        A scores table.
    settings, attributes, shortcuts
        What is given besides; None is what was planned.
    reason : str, optional
        To depart from the plan.

    Raises
    ------
    ConfigError
        If what is given contradicts the plan, and there is no reason.
    DataError
        If the data have none of the planned findings, attributes or models.
    """
    agreed = agree(
        plan,
        settings=settings,
        attributes=attributes,
        shortcuts=shortcuts,
        reading=dataset.reading,
        reason=reason,
    )
    scored = sorted(set(scores["finding"].unique()))
    named = {
        one: findings.find(one, dataset.findings, dataset.aliases) or one for one in plan.findings
    }
    runs = agreed.settings.replicate_of  # runs are not planned one by one
    of_model = models_of(scores, runs)
    models = sorted(set(of_model.unique()))
    planned_models = tuple(dict.fromkeys(runs.get(one, one) for one in plan.models or models))
    present = [
        one
        for one in agreed.attributes
        if one in dataset.images or all(part in dataset.images for part in parts(one))
    ]
    missing = {
        "findings": [one for one in plan.findings if named[one] not in scored],
        "attributes": [one for one in agreed.attributes if one not in present],
        "models": [one for one in planned_models if one not in models],
    }
    left_out = {
        "findings": [one for one in scored if one not in named.values()],
        "models": [one for one in models if one not in planned_models],
    }
    planned = {
        "findings": plan.findings,
        "attributes": agreed.attributes,
        "models": planned_models,
    }
    for what, lacking in missing.items():
        if planned[what] and len(lacking) == len(planned[what]):
            raise DataError(
                f"the data have none of the {what} of {plan.file} ({', '.join(lacking)}). Is this the plan "
                "of another audit?"
            )
    kept = scores["finding"].isin(list(named.values())) & of_model.isin(planned_models)
    if not kept.any():
        raise DataError(
            f"no planned model has scores of a planned finding of {plan.file}. Is this the plan of another "
            "audit?"
        )
    wanted = agreed.shortcuts
    if shortcuts is None and wanted is not None:
        wanted = {name: of for name, of in wanted.items() if named.get(of, of) in scored}
    return Followed(
        settings=agreed.settings,
        scores=scores[kept],
        attributes=present,
        shortcuts=wanted,
        record={**agreed.record(), "missing": missing, "left_out": left_out},
        notices=tuple(_notices(agreed.departures, agreed.reason, missing, left_out)),
    )


def _notices(
    departures: Sequence[Mapping[str, Any]],
    reason: str,
    missing: Mapping[str, Sequence[str]],
    left_out: Mapping[str, Sequence[str]],
) -> Iterator[Notice]:
    for one in departures:
        stated = f"{departure_in_words(one)}. Reason: {reason.rstrip('.')}."
        yield Notice(about=ABOUT, count=1, sentence=stated[0].upper() + stated[1:])
    for names, stated in (
        (missing, "planned, and not in the data"),
        (left_out, "scored, and left out since they were not planned"),
    ):
        for what, those in names.items():
            if those:
                sentence = f"{what.capitalize()} {stated}: {', '.join(those)}."
                yield Notice(about=ABOUT, count=len(those), sentence=sentence)
