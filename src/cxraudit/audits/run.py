"""The whole audit: scores and images in, one results table and what it rests on out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import pandas as pd

from cxraudit.audits.cells import AuditSettings, cross, make_cohort
from cxraudit.audits.embeddings.run import Knowledge
from cxraudit.audits.model_comparison import between_models
from cxraudit.audits.operating_point import at_operating_point
from cxraudit.audits.perturbations import Edits
from cxraudit.audits.shortcuts import DEFAULT, by_shortcut, score_places, with_derived
from cxraudit.audits.standardised import ADJUSTERS, by_subgroup_at_equal
from cxraudit.audits.subgroups import by_subgroup
from cxraudit.datasets.base import Dataset, excluded_images, flow
from cxraudit.errors import ConfigError, DataError, UnknownNameError
from cxraudit.schema import check_scores


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit leaves."""

    results: pd.DataFrame
    """See `cxraudit.schema.RESULT_COLUMNS`."""
    exclusions: pd.DataFrame
    """One row per step that took images out: step, images, patients, reason."""
    flow: pd.DataFrame
    """What every filter took out and left; see `cxraudit.datasets.base.flow`."""
    excluded: pd.DataFrame
    """One row per image that was left out of every finding, with step and reason."""
    facts: dict[str, Any]
    """What the report says about the cohort: counts, notes, settings."""
    manifest: dict[str, Any] = field(default_factory=dict)
    """How the files came about, if the audit was written or read; see `cxraudit.files`."""
    places: pd.DataFrame = field(default_factory=pd.DataFrame)
    """Distributions of scores by shortcut and finding; see `cxraudit.audits.shortcuts.score_places`."""
    knowledge: Knowledge | None = None
    """What embeddings know and scores use, where there were embeddings."""
    edits: Edits | None = None
    """What scores do when images are changed, where edited images were scored."""


def audit(
    dataset: Dataset,
    scores: pd.DataFrame,
    *,
    attributes: Sequence[str] | None = None,
    shortcuts: Mapping[str, str] | None = None,
    settings: AuditSettings | None = None,
) -> Audit:
    """Audit scores on a data set.

    By subgroup (raw, and at equal age, view and drains), by shortcut, at an operating point, and
    model against model.

    Parameters
    ----------
    dataset : Dataset
        Images with findings and attributes.
    scores : pandas.DataFrame
        A scores table; see `cxraudit.schema.SCORE_COLUMNS`.
    attributes : sequence of str, optional
        Attributes to audit by; default: all of the data set. ``sex*age_group`` is the intersection
        of two (or more): each combination is a group.
    shortcuts : mapping of str to str, optional
        Shortcut column → finding; default: chest drains and pneumothorax where both are there.
        ``view_position:AP`` makes a shortcut of the images of one group of any column.
    settings : AuditSettings, optional
        Resamples, margin, thresholds and what else is compared.

    Raises
    ------
    DataError
        If the tables do not fit each other.
    UnknownNameError
        If an attribute, shortcut or finding does not exist.
    """
    settings = settings or AuditSettings()
    scores = check_scores(scores)
    unknown = sorted(set(scores["finding"]) - set(dataset.findings))
    scores = scores[~scores["finding"].isin(unknown)]
    if scores.empty:
        raise UnknownNameError("finding", unknown[0], dataset.findings)
    scores = _one_name_per_prompt_set(scores)
    chosen = list(dict.fromkeys(dataset.attributes if attributes is None else attributes))
    adjusters = [name for name in ADJUSTERS if set(name.split("*")) <= set(chosen)]
    dataset = with_derived(cross(dataset, [*chosen, *adjusters]), shortcuts or {})
    cohort = make_cohort(dataset, scores, settings)
    leans = (
        shortcuts
        if shortcuts is not None
        else {
            name: finding
            for name, finding in DEFAULT.items()
            if name in dataset.shortcuts and finding in set(scores["finding"])
        }
    )
    for attribute, group in settings.references.items():
        if attribute not in chosen:
            raise UnknownNameError("attribute", attribute, chosen)
        known = sorted(set(dataset.images[attribute]))
        if group not in known:
            raise UnknownNameError(f"{attribute} group", group, known)
    for shortcut, finding in leans.items():
        if finding not in set(scores["finding"]):
            raise ConfigError(
                f"the shortcut '{shortcut}' is about {finding}, which has no scores. Score it, or "
                "name another finding."
            )
    tables = [by_subgroup(cohort, scores, chosen)]
    if leans:
        tables.append(by_shortcut(cohort, scores, leans))
    if adjusters or leans:
        tables.append(by_subgroup_at_equal(cohort, scores, chosen, adjusters, leans))
    if settings.operating_point != "none" or settings.calibration != "none":
        tables.append(at_operating_point(cohort, scores, chosen))
    if scores["model"].nunique() > 1:
        tables.append(between_models(cohort, scores, chosen))
    results = pd.concat(tables, ignore_index=True)
    if not results["value"].notna().any():
        raise DataError(
            "no finding has both positives and negatives among the scored images, so nothing can be "
            "said. Check the label columns."
        )
    scored = dataset.keep(
        dataset.images["image_id"].isin(cohort.images["image_id"]),
        step="scored",
        reason="the image has no score",
    )
    return Audit(
        results,
        _exclusions(scored, cohort.images, scores, unknown, dataset),
        flow(scored),
        excluded_images(scored),
        _facts(dataset, cohort.images, scores, chosen, leans, settings),
        places=score_places(cohort, scores, leans),
    )


def _one_name_per_prompt_set(scores: pd.DataFrame) -> pd.DataFrame:
    """Name a model that was asked in several ways by its prompt set, too: each is a model here."""
    sets = scores.groupby("model")["prompt_set"].transform("nunique")
    named = scores["model"] + " [" + scores["prompt_set"] + "]"
    return scores.assign(model=scores["model"].where(sets == 1, named))


def _exclusions(
    scored: Dataset,
    audited: pd.DataFrame,
    scores: pd.DataFrame,
    unknown: list[str],
    dataset: Dataset,
) -> pd.DataFrame:
    """List what was left out: of everything, then of single findings and models."""
    rows = scored.exclusions.to_dict("records")

    def add(step: str, images: int, patients: int, reason: str) -> None:
        if images:
            rows.append({"step": step, "images": images, "patients": patients, "reason": reason})

    strangers = int((~scores["image_id"].drop_duplicates().isin(dataset.images["image_id"])).sum())
    add("known", strangers, 0, "scored, but not in the cohort (another split or filtered above)")
    for finding in sorted(set(scores["finding"])):
        missing = audited[finding].isna()
        add(
            f"labelled: {finding}",
            int(missing.sum()),
            int(audited["patient_id"].nunique() - audited.loc[~missing, "patient_id"].nunique()),
            f"no label for {finding}; left out of this finding only",
        )
    for (model, finding), part in scores.groupby(["model", "finding"], sort=True):
        labelled = audited.loc[audited[str(finding)].notna()]
        missing = ~labelled["image_id"].isin(part["image_id"])
        left = labelled.loc[~missing, "patient_id"].nunique()
        add(
            f"scored: {model}, {finding}",
            int(missing.sum()),
            int(labelled["patient_id"].nunique() - left),
            "no score by this model for this finding; left out of it, so models differ in images",
        )
    for finding in unknown:
        rows.append(
            {
                "step": f"finding {finding}",
                "images": 0,
                "patients": 0,
                "reason": "scored, but the data set has no such label",
            }
        )
    return pd.DataFrame(rows, columns=["step", "images", "patients", "reason"])


def _facts(
    dataset: Dataset,
    audited: pd.DataFrame,
    scores: pd.DataFrame,
    attributes: Sequence[str],
    shortcuts: Mapping[str, str],
    settings: AuditSettings,
) -> dict[str, Any]:
    return {
        "dataset": {"name": dataset.name, "version": dataset.version, "license": dataset.license},
        "images": len(audited),
        "patients": int(audited["patient_id"].nunique()),
        "findings": sorted(set(scores["finding"])),
        "models": sorted(set(scores["model"])),
        "attributes": list(attributes),
        "shortcuts": dict(shortcuts),
        "notes": list(dataset.notes),
        "truth": dict(dataset.truth) if dataset.truth else None,
        "settings": {
            field.name: getattr(settings, field.name)
            for field in fields(settings)
            if field.name != "n_threads"
        },
    }
