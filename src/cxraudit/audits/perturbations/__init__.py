"""What a score does when only the image is changed: reliance on a device, and image degradation.

================  ==============================================================================
module            question
================  ==============================================================================
`counterfactual`  does the score follow a device that is inserted or removed, or an own edit of images
`region`          what is left of the AUROC when a region is removed, or kept alone
`corruption`      how much AUROC and the gaps between groups change as images degrade
================  ==============================================================================
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from cxraudit.audits import verdicts
from cxraudit.audits.cohort import Cohort, make_cohort, samples
from cxraudit.audits.engine import Engine, Evaluated, to_frame
from cxraudit.audits.groups import is_intersection
from cxraudit.audits.other_weight import with_other_weight
from cxraudit.audits.perturbations import corruption, counterfactual, region
from cxraudit.audits.perturbations.pairs import Pair, shared, within
from cxraudit.audits.perturbations.repeated import averaged
from cxraudit.audits.plan import Tested, key
from cxraudit.audits.sampling import with_sampling_weights
from cxraudit.datasets.base import Dataset
from cxraudit.edits import Edit, edits_of, is_own
from cxraudit.errors import DataError
from cxraudit.frames import to_pandas
from cxraudit.schema import (
    KIND,
    PERTURBED_COLUMNS,
    REGION_KIND,
    UNEDITED,
    Analysis,
    Reason,
    group_names,
    require_columns,
)
from cxraudit.settings import AuditSettings


@dataclass(frozen=True, slots=True)
class PerturbationAudit:
    """The result of auditing scores of perturbed images."""

    results: pd.DataFrame
    """Rows of the analyses ``counterfactual``, ``corruption`` and ``region``; see
    `cxraudit.schema.RESULT_COLUMNS`."""
    image_changes: pd.DataFrame
    """One row per image, model, finding and counterfactual perturbation: ``image_id``, ``model``,
    ``prompt_set``, ``finding``, ``condition``, ``change`` of the score in standard deviations of the
    unedited scores, and ``has_finding`` (1, 0)."""
    n_images: int
    """Images that were perturbed."""
    own_edits: tuple[Edit, ...] = ()
    """Edits by the user; see `cxraudit.pair_scores`."""


def audit_perturbations(
    dataset: Dataset,
    perturbed: object,
    *,
    attributes: str | Sequence[str] | None = None,
    settings: AuditSettings | None = None,
    share: float = 1.0,
) -> PerturbationAudit:
    """Compare the scores of perturbed images with those of the same images unedited.

    Parameters
    ----------
    dataset : Dataset
        The images, with findings and attributes.
    perturbed : data frame
        See `cxraudit.schema.PERTURBED_COLUMNS`; scores of ``unedited`` images are among them. Own edits have
        a value in `cxraudit.edits.CONTROL_OF`: see `cxraudit.pair_scores`, which makes such a table. An image
        that one of them edited several times counts once, with the mean of its scores.
    attributes : str or sequence of str, optional
        Attributes to compare groups by; default: all of the data set. Intersections are left out.
    settings : AuditSettings, optional
        Resamples, level and margin, as of the audit.
    share : float
        Of the error rate of the report that this is a part of; see `cxraudit.audits.families`.

    Returns
    -------
    PerturbationAudit
        Counterfactual changes are adjusted together, stepwise; corruptions are screened
        (Benjamini–Hochberg); regions are exploratory.

    Raises
    ------
    DataError
        If there are no scores of unedited images, or the controls of own edits contradict each other.
    """
    settings = settings or AuditSettings()
    table = to_pandas(perturbed, "the scores of perturbed images")
    require_columns("the scores of perturbed images", table, PERTURBED_COLUMNS)
    table = averaged(table)
    edits = edits_of(table)
    table = table.assign(**{KIND: group_names(table[KIND]) if KIND in table else ""})
    table[KIND] = table[KIND].where(table[KIND] == REGION_KIND, "")
    unedited = table[table["perturbation"] == UNEDITED]
    if unedited.empty:
        raise DataError(
            "the scores of perturbed images hold none of unedited ones, so nothing can be compared. Make "
            "them with cxraudit perturb."
        )
    dataset = with_sampling_weights(dataset, settings)
    cohort = make_cohort(dataset, unedited, settings)
    given = [attributes] if isinstance(attributes, str) else attributes
    chosen = [
        name
        for name in (dataset.attributes if given is None else given)
        if not is_intersection(name)
    ]
    engine = Engine(cohort)
    evaluated: list[Evaluated] = []
    changes: list[pd.DataFrame] = []
    for model in dict.fromkeys(unedited["model"]):
        pairs = list(_pairs(cohort, table[table["model"] == model], edits))
        # Where a perturbation applies to no image, there is nothing to compare, and one row says so.
        applied = [p for p in pairs if p.n_edited]
        of_regions = [p for p in applied if p.kind == REGION_KIND]
        others = [p for p in applied if p.kind != REGION_KIND]
        moved = counterfactual.of_pairs(cohort, [p for p in others if not p.severity])
        plan = [
            *counterfactual.plan(moved, chosen),
            *corruption.plan(cohort, [p for p in others if p.severity], chosen),
            *region.plan(cohort, of_regions, chosen),
            *(_of_none(p) for p in pairs if not p.n_edited),
        ]
        evaluated += with_other_weight(engine, plan, engine.evaluate(plan))
        changes += [one.images() for one in moved]
        engine.forget()
    return PerturbationAudit(
        to_frame(verdicts.judged(evaluated, settings, share=share), dataset.name),
        pd.concat(changes, ignore_index=True) if changes else pd.DataFrame(),
        _n_images(cohort, table),
        tuple(one for one in edits.values() if one.own),
    )


def _n_images(cohort: Cohort, table: pd.DataFrame) -> int:
    """Return the number of images that were perturbed: of own edits, those that were edited."""
    own = is_own(table)
    edited = table[~own | (table["perturbation"] != UNEDITED)]
    return int(cohort.images.index.isin(edited["image_id"].unique()).sum())


def _pairs(cohort: Cohort, table: pd.DataFrame, edits: Mapping[str, Edit]) -> Iterator[Pair]:
    """Yield the images of each finding unedited and perturbed: the same images, in the same order."""
    own = is_own(table)
    for part in (table[~own], table[own]):  # each is compared with its own unedited scores
        yield from _pairs_of(cohort, part, edits)


def _pairs_of(cohort: Cohort, table: pd.DataFrame, edits: Mapping[str, Edit]) -> Iterator[Pair]:
    unedited = table[table["perturbation"] == UNEDITED]
    before = {
        (sample.prompt_set, finding): sample
        for finding in sorted(set(unedited["finding"]) & set(cohort.dataset.findings))
        for sample in samples(cohort, unedited, finding)
    }
    perturbed = table[table["perturbation"] != UNEDITED]
    kinds = perturbed.groupby(
        ["prompt_set", "finding", "perturbation", "severity", KIND], sort=False, observed=True
    )
    for (prompt_set, finding, name, severity, kind), part in kinds:
        if (prompt_set, finding) not in before:
            continue  # nothing to compare with
        (after,) = samples(cohort, part, str(finding))
        first = before[prompt_set, finding]
        of_finding = cohort.images.index[first.rows]
        left_out = int(part.loc[part["score"].isna(), "image_id"].isin(of_finding).sum())
        edit = edits[str(name)]
        if edit.own:
            pair = within(edit, first, after, left_out)
        else:
            sides = shared(cohort, first, after), shared(cohort, after, first)
            of_kind = {"kind": str(kind), "all_before": first}
            pair = Pair(edit, int(severity), *sides, n_not_applied=left_out, **of_kind)
        if pair.n_edited or pair.n_not_applied:
            yield pair


def _of_none(pair: Pair) -> Tested:
    """Return the row of a perturbation that applies to no image, without a value or a verdict."""
    analysis = Analysis.CORRUPTION if pair.severity else Analysis.COUNTERFACTUAL
    if pair.kind == REGION_KIND:
        analysis = Analysis.REGION
    at = {"at": float(pair.severity)} if pair.severity else {}
    return Tested(
        key=key(pair.after, analysis, reference=UNEDITED, condition=pair.condition, **at),
        metric="score_change" if analysis == Analysis.COUNTERFACTUAL else "auroc",
        cell=None,
        reasons=(Reason.NOT_APPLIED,),
        note="not applied to any of the images",
    )
