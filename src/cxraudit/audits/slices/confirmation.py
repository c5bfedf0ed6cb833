"""Whether slices are worse than all other images, on patients who were not searched."""

from collections.abc import Mapping, Sequence
from typing import Any

from cxraudit.audits.cohort import Cell, Mask, Sample, count
from cxraudit.audits.engine import Engine, Evaluated
from cxraudit.audits.other_weight import with_other_weight
from cxraudit.audits.plan import Comparison, Item, Level, Tested, key, ranking
from cxraudit.audits.planned import Scored
from cxraudit.audits.slices.search import Slice
from cxraudit.audits.suppression.small import is_small
from cxraudit.audits.training_runs import across
from cxraudit.schema import ALL_OTHERS, SEARCHED, SLICE, Analysis, Confirmatory


def confirm(
    engine: Engine, findings: Mapping[str, Scored], worst: Sequence[Slice], confirming: Mask
) -> tuple[list[Evaluated], list[dict[str, Any]], int]:
    """Compare the slices of one model on the patients who were not searched.

    Parameters
    ----------
    engine : Engine
        What estimates.
    findings : mapping of str to Scored
        Finding → how the model scored it.
    worst : sequence of Slice
        Those that seem worst.
    confirming : numpy.ndarray of bool, shape (n_images,)
        Images of the patients who confirm.

    Returns
    -------
    list of Evaluated
        Per slice: its AUROC, that of the others, their difference on the patients who confirm, and that on
        those who were searched (``condition`` `SEARCHED`).
    list of dict
        Per slice: finding, name, and the parts that it consists of.
    int
        Slices that are left out, since cells of few patients are hidden.
    """
    items: list[Item] = []
    slices: list[dict[str, Any]] = []
    n_hidden = 0
    for one in worst:
        scored = findings[one.finding]
        samples = [run.only(confirming[run.rows]) for run in scored.samples]
        if _gives_few_away(samples[0], one, engine.settings.suppress_below):
            n_hidden += 1
            continue
        items += across(scored.runs, [_plan(sample, one) for sample in samples])
        items.append(_as_searched(samples[0], one))
        records = [dict(part.record) for part in one.parts]
        slices.append({"finding": one.finding, "name": one.name, "parts": records})
    return with_other_weight(engine, items, engine.evaluate(items)), slices, n_hidden


def _sides(sample: Sample, one: Slice) -> tuple[Cell, Cell]:
    return sample.cell(one.inside[sample.rows]), sample.cell(one.outside[sample.rows])


def _gives_few_away(sample: Sample, one: Slice, below: int) -> bool:
    """Tell whether a side has a few patients with, or without, the finding."""
    counts = [count(cell) for cell in _sides(sample, one)]
    sizes = [
        size for side in counts for size in (side.n_positive_patients, side.n_negative_patients)
    ]
    return below > 1 and is_small(sizes, below)


def _plan(sample: Sample, one: Slice) -> list[Item]:
    inside, outside = _sides(sample, one)
    named = {"attribute": SLICE, "group": one.name}
    return [
        Level(
            key=key(sample, Analysis.SLICES, **named),
            metric="auroc",
            quantity=ranking(inside),
            cell=inside,
        ),
        Level(
            key=key(sample, Analysis.SLICES, **named, condition=ALL_OTHERS),
            metric="auroc",
            quantity=ranking(outside),
            cell=outside,
        ),
        Comparison(
            key=key(sample, Analysis.SLICES, **named, reference=ALL_OTHERS),
            metric="auroc",
            group=ranking(inside),
            reference=ranking(outside),
            cells=(inside, outside),
            family=Confirmatory.SLICES,
        ),
    ]


def _as_searched(sample: Sample, one: Slice) -> Tested:
    """Return the difference on the patients who were searched: too large, since it was selected."""
    named = {"attribute": SLICE, "group": one.name, "reference": ALL_OTHERS}
    return Tested(
        key=key(sample, Analysis.SLICES, **named, condition=SEARCHED),
        metric="auroc",
        cell=None,
        value=-one.shortfall,
        note="of the patients it was searched on; too far from 0, since it was selected for that",
    )
