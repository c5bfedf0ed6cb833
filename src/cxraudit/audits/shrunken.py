"""AUROC of the cells of an intersection, shrunk towards their mean: for exploration, never a verdict."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtri

from cxraudit.audits.cohort import CellCounts, Sample
from cxraudit.audits.engine import Engine
from cxraudit.audits.groups import groups, is_intersection
from cxraudit.audits.plan import Runs, Tested, key, over, ranking
from cxraudit.schema import Analysis, Reason
from cxraudit.stats.binormal import auroc_kernel
from cxraudit.stats.replicated import Replicated, covariance
from cxraudit.stats.scales import SCALES
from cxraudit.stats.shrinkage import FEWEST_CELLS, Shrunken, shrink

METRIC = "auroc"
METHOD = "empirical Bayes over the cells, REML on the logit scale"
FEWEST_PATIENTS = 2
"""With, and without, the finding in a cell: of fewer there is no error."""


def plan(
    engine: Engine, samples: Sequence[Sample], attributes: Sequence[str], runs: Runs | None = None
) -> list[Tested]:
    """Return one row per cell of each intersection, shrunk towards the mean of its cells.

    Cells that cannot be shrunk keep their row, with NaN and the reason.

    Parameters
    ----------
    engine : Engine
        What has the AUROC of the cells.
    samples : sequence of Sample
        The images of one model and finding; of each training run, where it has several.
    attributes : sequence of str
        Those that are audited; the intersections among them are taken.
    runs : Runs, optional
        The training runs of the samples.
    """
    crossed = [one for one in attributes if is_intersection(one)]
    return [row for attribute in crossed for row in _rows(engine, samples, attribute, runs)]


def _rows(
    engine: Engine, samples: Sequence[Sample], attribute: str, runs: Runs | None
) -> Iterator[Tested]:
    sample = samples[0]
    compared = {
        one.name: one.inside for one in groups(engine.cohort, sample, [attribute]) if one.compared
    }
    raw = {
        name: engine.value(over(runs, [ranking(one.cell(cell.mask)) for one in samples]))
        for name, cell in compared.items()
    }
    usable = [
        name
        for name, cell in compared.items()
        if engine.count(cell).limiting_patients >= FEWEST_PATIENTS
        and SCALES["logit"].holds(raw[name].value)
        and raw[name].standard_error > 0
    ]
    found, stated = None, f"fewer than {FEWEST_CELLS} cells that could be shrunk"
    if len(usable) >= FEWEST_CELLS:
        values = [raw[name] for name in usable]
        counts = [engine.count(compared[name]) for name in usable]
        found = shrink(logit([one.value for one in values]), _covariance(values, counts))
        stated = _stated(found, len(usable), len(compared) - len(usable))
    reach = -float(ndtri((1 - engine.settings.confidence_level) / 2))
    for name, cell in compared.items():
        value = low = high = math.nan
        note = f"exploratory; {stated}"
        few = engine.count(cell).limiting_patients < engine.settings.min_patients
        reasons = [Reason.TOO_FEW_PATIENTS] if few else []
        if found is None or name not in usable:
            reasons.append(Reason.UNDEFINED_VALUE)
            note = f"{note}; not shrunk: too few patients or a perfect ranking"
        else:
            number = usable.index(name)
            place, error = found.values[number], found.errors[number]
            value = float(expit(place))
            note = f"{note}; {raw[name].value:.3f} by itself"
            if engine.settings.n_resamples:
                low, high = map(float, expit([place - reach * error, place + reach * error]))
        yield Tested(
            key=key(sample, Analysis.SHRUNKEN, attribute=attribute, group=name),
            metric=METRIC,
            cell=cell,
            value=value,
            low=low,
            high=high,
            method=METHOD,
            reasons=tuple(reasons),
            note=note,
        )


def _covariance(cells: Sequence[Replicated], counts: Sequence[CellCounts]) -> NDArray[np.float64]:
    """Return the covariance of the errors of cells on the logit scale, that of their influences.

    The error of a cell with very few patients is often much too small by chance, and would keep it from being
    shrunk: it is at least that of as many independent images at the common AUROC.
    """
    images = np.array([(one.n_positive, one.n - one.n_positive) for one in counts], np.float64)
    weights = 1 / (1 / images).sum(axis=1)
    places = logit([one.value for one in cells])
    common = float(expit((weights * places).sum() / weights.sum()))
    larger = [one.variance.correction / (one.value * (1 - one.value)) for one in cells]
    found = np.array([[covariance(one, other) for other in cells] for one in cells])
    found *= np.outer(larger, larger)
    least = auroc_kernel(common, 0.0).positive / weights / (common * (1 - common)) ** 2
    np.fill_diagonal(found, np.maximum(np.diag(found), least))
    return found


def _stated(found: Shrunken, n_cells: int, left_out: int) -> str:
    """Say what the cells were shrunk to, and which were left out."""
    spread = (
        f"standard deviation {found.between:.2g} between cells (logit)"
        if found.between > 0
        else "no spread between cells beyond their noise"
    )
    apart = f"; {left_out} left out, with too few patients or a perfect ranking" if left_out else ""
    return f"shrunk towards {expit(found.mean):.3f}, the mean of {n_cells} cells; {spread}{apart}"
