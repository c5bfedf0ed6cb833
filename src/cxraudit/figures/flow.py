"""The flow diagram: how many images, studies and patients every filter kept, as CONSORT draws it."""

from numbers import Integral
from typing import Any

import pandas as pd

from cxraudit.charts.spec import Chart, Flow, Step
from cxraudit.formatting import counted
from cxraudit.schema import records

_NOUNS = {
    "images": ("image", "images"),
    "studies": ("study", "studies"),
    "patients": ("patient", "patients"),
}


def flow_diagram(flow: pd.DataFrame) -> Chart:
    """Show what every filter excluded and kept.

    Parameters
    ----------
    flow : pandas.DataFrame
        As `cxraudit.datasets.base.flow` returns it: the release, then one row per step.

    Returns
    -------
    cxraudit.charts.Chart
    """
    # Where every image is a study of its own, a second number says nothing.
    what = [w for w in _NOUNS if w != "studies" or not (flow["studies"] == flow["images"]).all()]
    steps = tuple(_step(step, what, first=not number) for number, step in enumerate(records(flow)))
    return Chart(title="", bands=((Flow(steps=steps),),))


def _step(step: dict[str, Any], what: list[str], *, first: bool) -> Step:
    if first:
        return Step(name="In the tables of the release", left=_counts(step, what))
    nothing = isinstance(step["images_out"], Integral) and not step["images_out"]
    return Step(
        name=str(step["step"]),
        left=_counts(step, what),
        reason=str(step["reason"]),
        out="" if nothing else _counts(step, what, "_out"),
    )


def _counts(step: dict[str, Any], what: list[str], suffix: str = "") -> str:
    numbers = ((step[f"{name}{suffix}"], *_NOUNS[name]) for name in what)
    return " · ".join(
        counted(int(n), one, several) if isinstance(n, Integral) else f"{several} hidden"
        for n, one, several in numbers
    )
