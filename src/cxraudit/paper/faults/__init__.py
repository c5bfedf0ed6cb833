"""Every fault of the published code, run as published and corrected.

Each check takes the images and predictions of a run and computes one thing twice, so that the effect of a
fault is a number of this run. The published code is TheoSourget/clip_cxr_fairness (MIT); `Fault.file`
names the file. `CHECKS` is the register.
"""

from collections.abc import Callable, Iterator

from cxraudit.paper.faults.base import Fault, ModelRun
from cxraudit.paper.faults.drain_labels import images_not_written, predictions_lost
from cxraudit.paper.faults.probes import misaligned_search, projected_probe, single_split
from cxraudit.paper.faults.projections import mixed_axes
from cxraudit.paper.faults.scoring import (
    repeated_encoding,
    unnormalised_texts,
    unscaled_softmax,
)
from cxraudit.paper.faults.statistics import (
    gaps_not_computed,
    images_as_unit,
    shared_negatives,
    spread_over_findings,
)

__all__ = ["CHECKS", "Fault", "ModelRun", "find_faults"]

CHECKS: tuple[Callable[[ModelRun], Iterator[Fault]], ...] = (
    predictions_lost,
    images_not_written,
    shared_negatives,
    images_as_unit,
    gaps_not_computed,
    spread_over_findings,
    unscaled_softmax,
    unnormalised_texts,
    repeated_encoding,
    misaligned_search,
    single_split,
    projected_probe,
    mixed_axes,
)
"""One per fault, in the order of the report; each yields nothing where the data set cannot show it."""


def find_faults(run: ModelRun) -> list[Fault]:
    """Return every fault that the data set of a run can show."""
    return [fault for check in CHECKS for fault in check(run)]
