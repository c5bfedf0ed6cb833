"""The whole audit: images and scores in, one results table and what it rests on out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from cxraudit.analysis_plan import AnalysisPlan, read_plan
from cxraudit.audits import (
    n_shot,
    planned,
    shrunken,
    two_labels,
    verdicts,
)
from cxraudit.audits.cohort import (
    Cohort,
    scored_findings,
)
from cxraudit.audits.embeddings import EmbeddingAudit, ModelEmbeddings, audit_embeddings
from cxraudit.audits.embeddings.checks import disagreeing
from cxraudit.audits.embeddings.heads import Heads
from cxraudit.audits.engine import Engine, Evaluated, to_frame
from cxraudit.audits.families import EMBEDDINGS, PERTURBATIONS, SCORES, part_share
from cxraudit.audits.followed import follow
from cxraudit.audits.groups import many_groups, not_compared
from cxraudit.audits.other_weight import with_other_weight
from cxraudit.audits.perturbations import PerturbationAudit, audit_perturbations
from cxraudit.audits.result import Audit
from cxraudit.audits.score_notices import score_notices
from cxraudit.audits.shortcuts import DEFAULT_SHORTCUTS
from cxraudit.audits.slices import audit_slices
from cxraudit.audits.suppression import suppressed
from cxraudit.audits.thresholds import (
    Used,
    given_thresholds,
    threshold_facts,
)
from cxraudit.audits.training_runs import (
    divide,
    models_of,
)
from cxraudit.audits.wordings import Worded, audit_wordings, of_embeddings, of_tables
from cxraudit.audits.wordings.variants import by_variant, check_variants
from cxraudit.datasets.base import REPORT, Dataset, excluded_images, flow
from cxraudit.datasets.reference_labels import ReferenceLabels, read_reference_labels
from cxraudit.errors import ConfigError, DataError, UnknownNameError, short
from cxraudit.frames import to_pandas
from cxraudit.notices import Notice, as_records
from cxraudit.privacy import common_folder, shown_ids, without_folders
from cxraudit.progress import stage
from cxraudit.schema import CONTENT, check_scores, joined, records
from cxraudit.settings import AuditSettings


def audit(
    dataset: Dataset,
    scores: Any,
    *,
    attributes: str | Sequence[str] | None = None,
    shortcuts: Mapping[str, str] | None = None,
    settings: AuditSettings | None = None,
    embeddings: ModelEmbeddings | Sequence[ModelEmbeddings] = (),
    heads: Sequence[Heads] = (),
    perturbed: Any = None,
    reference_labels: ReferenceLabels | Any = None,
    worded: Any = None,
    notices: Sequence[Notice] = (),
    plan: AnalysisPlan | str | PathLike[str] | None = None,
    depart: str | None = None,
) -> Audit:
    """Audit scores on a data set, and the embeddings and perturbed images they come from.

    By subgroup (as observed, and standardised by age, view and shortcuts), by shortcut, at an operating
    point, and model against model; with embeddings, what is decodable from them and associated with the
    score; with scores of perturbed images, what the score relies on.

    Parameters
    ----------
    dataset : Dataset
        Images with findings and attributes.
    scores : data frame
        A scores table (pandas or polars); see `cxraudit.schema.SCORE_COLUMNS`.
    attributes : str or sequence of str, optional
        Attributes to audit by; default: all of the data set. ``sex*age_group`` is the intersection of two
        (or more): each combination is a group.
    shortcuts : mapping of str to str, optional
        Shortcut column → finding; default: chest drains and pneumothorax where both are there.
        ``view_position:AP`` makes a shortcut of the images of one group of any column.
    settings : AuditSettings, optional
        Resamples, margin, thresholds and what else is compared.
    embeddings : ModelEmbeddings or sequence of ModelEmbeddings, optional
        Of the audited models; see `cxraudit.audit_embeddings`.
    heads : sequence of Heads, optional
        What the scores of some models come from, fitted on other patients (`cxraudit.fit_heads`): how
        performance and gaps grow with the number of training patients.
    perturbed : data frame, optional
        Scores of perturbed images; see `cxraudit.audit_perturbations`.
    reference_labels : ReferenceLabels or data frame, optional
        Labels of part of the images by a better source: errors of the labels of the data set by group, and
        what they make of its gaps; see `cxraudit.read_reference_labels` and `cxraudit.label_conclusions`.
    worded : data frame, optional
        Scores with other wordings of the prompts: the columns of the scores and those of
        `cxraudit.schema.VARIANT_COLUMNS`. They may also be rows of `scores`, where one wording is that of
        the audit (``variant_kind`` ``base``).
    notices : sequence of Notice, optional
        What the report says of the inputs, besides the notices of the data set.
    plan : AnalysisPlan, str or path, optional
        The analysis as it was planned (see `cxraudit.make_plan`): findings, attributes, shortcuts and
        settings are taken from it. What is given as well has to be the same.
    depart : str, optional
        Reason to depart from the plan where what is given differs; it is reported with every departure.

    Returns
    -------
    Audit
        Results of all analyses in one table.

    Raises
    ------
    DataError
        If the tables do not fit each other.
    UnknownNameError
        If an attribute, shortcut or finding does not exist.
    ConfigError
        If a shortcut's finding has no scores, or what is given contradicts the plan.
    """
    variants = by_variant(to_pandas(scores, "the scores table"), "the scores table")
    scores = check_scores(variants.base, seeds=True)
    worded = variants.others if worded is None else to_pandas(worded, "the scores with wordings")
    if len(worded):
        worded = check_variants(scores, worded, "the scores with wordings")
    followed = None
    if plan is not None:
        followed = follow(
            plan if isinstance(plan, AnalysisPlan) else read_plan(plan),
            dataset,
            scores,
            settings=settings,
            attributes=None if attributes is None else chosen_attributes(dataset, attributes),
            shortcuts=shortcuts,
            reason=depart,
        )
        settings, scores = followed.settings, followed.scores
        attributes, shortcuts = followed.attributes, followed.shortcuts
        notices = [*notices, *followed.notices]
    settings = settings or AuditSettings()
    unknown = sorted(set(scores["finding"].unique()) - set(dataset.findings))
    scores = scores[~scores["finding"].isin(unknown)]
    if scores.empty:
        raise UnknownNameError("finding", unknown[0], dataset.findings)
    encoded = sorted(set(scores["model"].unique()))  # by the names embeddings have
    audited = sorted(set(models_of(scores, settings.replicate_of).unique()))
    divided = divide(scores, settings)
    kept, scored_rows = _audited_tables(dataset, scores)
    columns = _columns_of(dataset)
    thresholds = given_thresholds(
        settings,
        dataset,
        divided.names,
        scored=sorted(set(scores["finding"].unique())),
    )
    chosen = chosen_attributes(dataset, attributes)
    found = planned.frame(dataset, scores, chosen, shortcuts or {}, settings)
    given_columns = [str(name) for name in dataset.images]
    dataset, cohort = found.dataset, found.cohort
    notices = [*notices, *divided.notices, *many_groups(dataset, chosen, len(scores), settings)]
    notices += not_compared(cohort.images, chosen)
    pairs = _shortcut_findings(dataset, scores, shortcuts)
    check_references(dataset, chosen, settings)
    for model in settings.trained_on:
        if model not in audited:
            raise UnknownNameError("model", model, audited)
    _check_heads(heads, _several(embeddings), dataset)
    as_given, scores = scores, divided.by_model()
    tuning = cohort.tuning()
    reference = _reference(reference_labels, dataset)
    compared: list[dict[str, Any]] = []
    supported: list[dict[str, Any]] = []

    def reference_of(one: planned.Scored) -> two_labels.TwoLabels | None:
        if reference is None:
            return None
        return two_labels.joined(cohort, one.samples, one.runs, reference)

    engine = Engine(cohort)
    evaluated: list[Evaluated] = []
    used: list[Used] = []
    free: list[str] = []
    percentiles: list[pd.DataFrame] = []
    findings = [*scored_findings(cohort, scores)]
    by_finding: list[planned.Scored] = []
    with stage("audit scores", len(findings)) as advance:
        for finding in findings:
            scored = planned.scored_by(cohort, divided, finding, tuning, thresholds)
            used += [one for model in scored for one in model.thresholds()]
            free += [finding for model in scored for one in model.of_runs if one.given is None]
            plans = [planned.planned(found, one, pairs) for one in scored]
            items = [item for of_model, _ in plans for item in of_model]
            items += planned.compared(found, scored)
            evaluated += with_other_weight(engine, items, engine.evaluate(items))
            for one in heads:
                of_model = next(e for e in _several(embeddings) if e.model == one.model)
                evaluated += engine.evaluate(n_shot.plan(cohort, one, of_model, finding, chosen))
            for one in scored:
                evaluated += engine.evaluate(shrunken.plan(engine, one.samples, chosen, one.runs))
                both = reference_of(one)
                if both is not None:
                    of_labels, unlike, support = two_labels.evaluate(engine, both, chosen)
                    supported += support
                    evaluated += of_labels
                    compared += unlike
            percentiles += [table for _, tables in plans for table in tables]
            by_finding += scored if settings.slices else []
            engine.forget()
            advance(1)
    if reference:
        notices += [*reference.notices, *two_labels.notices(reference.name, compared)]
        if settings.hides_small_numbers:
            notices.append(two_labels.hidden(reference.name))
    of_models = [one for one in _several(embeddings) if one.model in encoded]
    sliced = audit_slices(engine, by_finding, of_models, given_columns)
    evaluated += sliced.evaluated
    notices += [*_without_scores(embeddings, encoded), *sliced.notices]
    perturbed = _of_models(perturbed, encoded)
    given = [SCORES]
    given += [] if perturbed is None else [PERTURBATIONS]
    given += [EMBEDDINGS] if of_models else []
    embedded = audit_embeddings(
        dataset,
        of_models,
        attributes=None if attributes is None else [*chosen, *dataset.shortcuts],
        settings=settings,
        share=part_share(EMBEDDINGS, given),
    )
    notices += embedded.notices
    for one in of_models:
        notices += disagreeing(one, scores[scores["model"] == one.model])
    changed = None
    if perturbed is not None:
        with stage("audit perturbed images"):
            changed = audit_perturbations(
                dataset,
                perturbed,
                attributes=chosen,
                settings=settings,
                share=part_share(PERTURBATIONS, given),
            )
    by_wording = audit_wordings(dataset, _sources(of_models, as_given, worded), chosen, settings)
    notices += by_wording.notices
    with stage("judge differences"):
        judged = verdicts.judged(evaluated, settings, share=part_share(SCORES, given))
    results = pd.concat(
        [
            to_frame(judged, dataset.name),
            *([] if changed is None else [changed.results]),
            embedded.results,
            *([by_wording.results] if len(by_wording.results) else []),
        ],
        ignore_index=True,
    )
    if reference and not settings.hides_small_numbers:
        notices += two_labels.agreement_notices(reference.name, results, settings.min_patients)
    if not results["value"].notna().any():
        raise DataError(
            "no finding has both positives and negatives among the scored images, so nothing can be "
            "evaluated. Check the label columns."
        )
    scored = dataset.keep(
        dataset.images["image_id"].isin(cohort.images["image_id"]),
        step="scored",
        reason="the image has no score",
    )
    whole = Audit(
        results=results,
        exclusions=_exclusions(scored, cohort.images, scores, unknown, dataset),
        flow=flow(scored),
        excluded=excluded_images(scored),
        facts={
            **_facts(cohort, scores, chosen, pairs, embedded, changed),
            "data": columns,
            "heads": [_of_heads(one, hidden=settings.hides_small_numbers) for one in heads],
            "reference_labels": None
            if reference is None or settings.hides_small_numbers
            else _of_reference(reference, cohort, compared, supported),
            "slices": sliced.facts,
            "wordings": by_wording.facts,
            **threshold_facts(cohort, tuning, used, free),
            "scored": audited,
            "plan": None if followed is None else followed.record,
            "notices": as_records(
                one if settings.hides_small_numbers else replace(one, hidden="")
                for one in (
                    *dataset.notices,
                    *notices,
                    *thresholds.notices,
                    *score_notices(results),
                )
            ),
        },
        score_percentiles=joined(percentiles),
        image_changes=pd.DataFrame() if changed is None else changed.image_changes,
        points=embedded.points,
        curves=embedded.curves,
        prompt_gaps=embedded.prompt_gaps,
        wording_changes=by_wording.changes,
        audited_images=kept,
        audited_scores=scored_rows,
    )
    return suppressed(_without_paths(whole, dataset), cohort, scores)


def _without_paths(found: Audit, dataset: Dataset) -> Audit:
    """Take the folders of the user out of identifiers that are paths, and out of notices."""
    images = [*dataset.images["image_id"], *dataset.excluded["image_id"]]
    studies = [*dataset.images["study_id"], *dataset.excluded["study_id"]]
    shown = {
        column: dict(zip(ids, shown_ids(ids), strict=True))
        for column, ids in (("image_id", images), ("study_id", studies))
    }
    tables = {
        name: table.assign(**{c: table[c].map(shown[c]) for c in shown if c in table})
        for name in ("excluded", "image_changes", "points", "audited_images", "audited_scores")
        if len(table := getattr(found, name))
    }
    folders = [Path(dataset.root or "") / "file", common_folder(images) / "file"]
    notices = [
        {**one, **{key: without_folders(one[key], *folders) for key in ("about", "sentence")}}
        for one in found.facts["notices"]
    ]
    return replace(found, facts={**found.facts, "notices": notices}, **tables)


def _audited_tables(dataset: Dataset, scores: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the images with scores and their scores, as an audit keeps them for `cxraudit.diff`."""
    images = dataset.images[dataset.images["image_id"].isin(scores["image_id"])]
    left_out = [name for name in ("path", REPORT, CONTENT) if name in images]
    known = scores["image_id"].isin(images["image_id"])
    return images.drop(columns=left_out).reset_index(drop=True), scores[known].reset_index(
        drop=True
    )


def _columns_of(dataset: Dataset) -> dict[str, Any]:
    """Return what the columns of the images are, as far as `cxraudit.diff` needs it."""
    facts = dataset.facts()
    names = ("findings", "attributes", "shortcuts", "aliases", "patients_known", "label_errors")
    return {name: facts[name] for name in names}


def _several(
    embeddings: ModelEmbeddings | Sequence[ModelEmbeddings],
) -> Sequence[ModelEmbeddings]:
    return [embeddings] if isinstance(embeddings, ModelEmbeddings) else embeddings


def chosen_attributes(dataset: Dataset, attributes: str | Sequence[str] | None) -> list[str]:
    """Return the attributes to audit by, each once: one, several, or all of the data set."""
    if attributes is None:
        return list(dict.fromkeys(dataset.attributes))
    return list(dict.fromkeys([attributes] if isinstance(attributes, str) else attributes))


def _sources(
    embeddings: Sequence[ModelEmbeddings], scores: pd.DataFrame, worded: pd.DataFrame
) -> list[Worded]:
    """Return what scored images with several wordings of the prompts: embeddings, and rows of tables."""
    with_words = [one for one in embeddings if one.wordings]
    sets = dict(zip(scores["model"], scores["prompt_set"], strict=True))
    return [
        *(of_embeddings(one, sets[one.model]) for one in with_words),
        *(of_tables(scores, worded) if len(worded) else []),
    ]


def _of_models(perturbed: Any, models: Sequence[str]) -> pd.DataFrame | None:
    """Return the scores of perturbed images by the audited models; None if there are none."""
    if perturbed is None:
        return None
    table = to_pandas(perturbed, "the scores of perturbed images")
    own = table[table["model"].isin(models)]
    return None if own.empty else own


def _shortcut_findings(
    dataset: Dataset, scores: pd.DataFrame, wanted: Mapping[str, str] | None
) -> dict[str, str]:
    """Return shortcut → finding: those given, else those the data set has labels of."""
    scored = set(scores["finding"].unique())
    if wanted is None:
        return {
            name: finding
            for name, finding in DEFAULT_SHORTCUTS.items()
            if name in dataset.shortcuts and finding in scored
        }
    for shortcut, finding in wanted.items():
        if shortcut not in dataset.images:
            raise UnknownNameError("shortcut", shortcut, dataset.shortcuts)
        if finding not in scored:
            raise ConfigError(
                f"the shortcut '{shortcut}' is about {finding}, which has no scores. Score it, or "
                "name another finding."
            )
    _demand_different(dataset, wanted)
    return dict(wanted)


def _of_heads(heads: Heads, *, hidden: bool) -> dict[str, Any]:
    """Return how heads were fitted, without counts by finding where small cells are hidden."""
    fitted = heads.fitted[["finding", "strength"]] if hidden else heads.fitted
    return {
        "model": heads.model,
        "patients": len(heads.patients),
        "findings": records(fitted),
    }


def _reference(given: ReferenceLabels | Any, dataset: Dataset) -> ReferenceLabels | None:
    """Return reference labels; those of a data frame are read."""
    if given is None or isinstance(given, ReferenceLabels):
        return given
    return read_reference_labels(given, dataset)


def _of_reference(
    reference: ReferenceLabels,
    cohort: Cohort,
    compared: Sequence[dict[str, Any]],
    supported: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    """Return what a report states of the reference labels, as plain data."""
    audited = cohort.images.index.isin(reference.labels.index)
    return {
        "name": reference.name,
        "findings": list(reference.labels.columns),
        "images": int(audited.sum()),
        "patients": int(cohort.images.loc[audited, "patient_id"].nunique()),
        "weighted": reference.weights is not None,
        "compared": list(compared),
        "support": list(supported),
    }


def _check_heads(
    heads: Sequence[Heads], embeddings: Sequence[ModelEmbeddings], dataset: Dataset
) -> None:
    """Refuse heads without their embeddings, and the patients they were fitted on.

    Raises
    ------
    ConfigError
        If the embeddings of a model are missing.
    DataError
        If a patient is one of those.
    """
    for one in heads:
        if one.model not in [e.model for e in embeddings]:
            raise ConfigError(
                f"the heads of {one.model} need its embeddings, too: audit(..., embeddings=...)."
            )
        seen = int(dataset.images["patient_id"].isin(one.patients).sum())
        if seen:
            raise DataError(
                f"{seen:,} images are of patients that the heads of {one.model} were fitted on, whose scores "
                "say nothing. Audit Heads.held_out(dataset)."
            )


def _without_scores(
    embeddings: Sequence[ModelEmbeddings] | ModelEmbeddings, encoded: Sequence[str]
) -> list[Notice]:
    """Name the models whose embeddings are not audited, since there are no scores of them."""
    names = [one.model for one in _several(embeddings) if one.model not in encoded]
    if not names:
        return []
    sentence = (
        f"The embeddings of {short(', '.join(names))} are not audited: there are no scores of it."
    )
    return [Notice(about="embeddings", count=len(names), sentence=sentence)]


def _demand_different(dataset: Dataset, wanted: Mapping[str, str]) -> None:
    """Refuse two names of one shortcut, such as ``drain`` and ``drain:yes``, for one finding."""
    for first, second in combinations(wanted, 2):
        one, other = (dataset.images[name].astype("str") for name in (first, second))
        if wanted[first] == wanted[second] and one.equals(other):
            raise ConfigError(
                f"the shortcuts '{first}' and '{second}' are the same in every image. Name one of them for "
                f"{wanted[first]}."
            )


def check_references(dataset: Dataset, attributes: Sequence[str], settings: AuditSettings) -> None:
    """Check that the attributes have the groups that others are compared with.

    Raises
    ------
    UnknownNameError
        If one has not, or is not audited.
    """
    for attribute, group in settings.references.items():
        if attribute not in attributes:
            raise UnknownNameError("attribute", attribute, attributes)
        known = sorted(set(dataset.images[attribute]))
        if group not in known:
            raise UnknownNameError(f"{attribute} group", group, known)


def _exclusions(
    scored: Dataset,
    audited: pd.DataFrame,
    scores: pd.DataFrame,
    unknown: list[str],
    dataset: Dataset,
) -> pd.DataFrame:
    """List what was left out: of everything, then of single findings and models."""
    rows = records(scored.exclusions)
    unmatched = ~scores["image_id"].drop_duplicates().isin(dataset.images["image_id"])
    rows += _left_out(
        "known",
        int(unmatched.sum()),
        0,
        "scored, but not in the cohort (another split or filtered above)",
    )
    for finding in sorted(set(scores["finding"].unique())):
        missing = audited[finding].isna()
        rows += _left_out(
            f"labelled: {finding}",
            int(missing.sum()),
            int(audited["patient_id"].nunique() - audited.loc[~missing, "patient_id"].nunique()),
            f"no label for {finding}; left out of this finding only",
        )
    for (model, finding), part in scores.groupby(["model", "finding"], sort=True):
        labelled = audited.loc[audited[str(finding)].notna()]
        missing = pd.Index(part["image_id"]).get_indexer(pd.Index(labelled["image_id"])) < 0
        if missing.any():
            kept = labelled.loc[~missing, "patient_id"].nunique()
            rows += _left_out(
                f"scored: {model}, {finding}",
                int(missing.sum()),
                int(labelled["patient_id"].nunique() - kept),
                "no score by this model for this finding; left out of it, so models differ in images",
            )
    rows += [
        {
            "step": f"finding {finding}",
            "images": 0,
            "patients": 0,
            "reason": "scored, but the data set has no such label",
        }
        for finding in unknown
    ]
    return pd.DataFrame(rows, columns=["step", "images", "patients", "reason"])


def _left_out(step: str, images: int, patients: int, reason: str) -> Iterator[dict[str, Any]]:
    if images:
        yield {"step": step, "images": images, "patients": patients, "reason": reason}


LARGEST = 0.05
"""Share of the patients with most images whose share of the images is stated."""


def _largest(images: pd.DataFrame) -> dict[str, Any] | None:
    """Return what share of the images the patients with most of them have; None if each has one."""
    of_patients = images["patient_id"].value_counts()
    if of_patients.iloc[0] == 1:
        return None
    few = max(1, round(LARGEST * len(of_patients)))
    return {"patients": few, "share": float(of_patients.iloc[:few].sum() / len(images))}


def _perturbed(changed: PerturbationAudit) -> dict[str, Any]:
    """Return what a report states of perturbed images, with the user's edits where there are any."""
    edits = [{"name": one.name, "control_of": list(one.control_of)} for one in changed.own_edits]
    return {"images": changed.n_images, **({"edits": edits} if edits else {})}


def _facts(
    cohort: Cohort,
    scores: pd.DataFrame,
    attributes: Sequence[str],
    pairs: Mapping[str, str],
    embedded: EmbeddingAudit,
    changed: PerturbationAudit | None,
) -> dict[str, Any]:
    """Return what a report states of the run, as plain data."""
    dataset, settings = cohort.dataset, cohort.settings
    audited = cohort.images
    n_patients = int(audited["patient_id"].nunique())
    return {
        "dataset": {"name": dataset.name, "version": dataset.version, "license": dataset.license},
        "images": len(audited),
        "patients": n_patients,
        "patients_known": dataset.patients_known,
        "largest_patients": _largest(audited) if dataset.patients_known else None,
        "findings": sorted(set(scores["finding"].unique())),
        "models": sorted(set(scores["model"].unique())),
        "attributes": list(attributes),
        "shortcuts": dict(pairs),
        "notes": list(dataset.notes),
        "truth": dict(dataset.truth) if dataset.truth else None,
        "settings": settings.recorded(),
        "perturbed": None if changed is None else _perturbed(changed),
        "embedded": sorted(set(embedded.results["model"])),
    }
