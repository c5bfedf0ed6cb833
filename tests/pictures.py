"""Small pictures with something of every kind."""

import numpy as np

from cxraudit.charts.look import Look
from cxraudit.charts.spec import (
    Axis,
    Chart,
    Cloud,
    Column,
    Flow,
    Guide,
    Histogram,
    Line,
    Mark,
    Part,
    Plane,
    Point,
    Row,
    Rows,
    Step,
)

AXIS = Axis("AUROC", 0.0, 1.0, ((0.0, "0.0"), (0.5, "0.5"), (1.0, "1.0")))
HISTOGRAM = Histogram((0.0, 0.5, 1.0), (0.25, 1.0))


def rows(name: str = "female") -> Rows:
    """Two groups: one with everything, one without a value."""
    full = Mark(
        value=0.5,
        low=0.25,
        high=0.75,
        low_simultaneous=0.1,
        high_simultaneous=0.9,
        look=Look("red", "diamond"),
        text="0.50 (0.25 to 0.75)",
        words="disparity",
        hover="adjusted p 0.010",
    )
    spread = Mark(value=0.5, text="0.50", histogram=HISTOGRAM)
    dotted = Mark(value=0.5, before=0.2, text="0.50", dots=(0.2, 0.6), ringed=(0.6,))
    return Rows(
        columns=(
            Column(title="AUROC", axis=AXIS, guides=(Guide(0.5),)),
            Column(title="Gap", axis=Axis("gap", -1, 1), margin=0.2, ends=("worse", "better")),
        ),
        parts=(
            Part(
                title="Edema",
                finding="Edema",
                guides=(Guide(0.4), None),
                rows=(
                    Row(name=name, note="12", cells=(full, full), verdict="disparity"),
                    Row(name="male", cells=(Mark(value=np.nan, why="no positives"), None)),
                    Row(name="spread", cells=(spread, dotted)),
                ),
            ),
        ),
    )


def plane(name: str = "female") -> Plane:
    """A line with a band and a missing value, a point, and a cloud."""
    return Plane(
        title="Edema",
        finding="Edema",
        x=Axis("severity", 0, 2, ((0, "none"), (1, "1"), (2, "2"))),
        y=AXIS,
        lines=(
            Line(
                name=name,
                x=(0, 1, 2),
                y=(0.5, np.nan, 0.25),
                low=(0.2,),
                high=(0.3,),
                colour="blue",
                dots=True,
            ),
        ),
        points=(Point(name=name, x=1, y=0.5, low_x=0.5, high_x=1.5, text="TPR 0.50"),),
        cloud=Cloud(
            x=np.array([0.5, 1.0, 9.0]),
            y=np.array([0.5, 0.25, 0.5]),
            colours=("red", "blue"),
            number=np.array([0, 1, 1]),
        ),
        across=(Guide(0.5, dashed=True, name="all patients: 0.50"),),
        names=((Look("red"), name),),
        notes=("asian: no positives",),
    )


def flow(name: str = "frontal") -> Flow:
    """A release and two steps."""
    return Flow(
        steps=(
            Step(name="release", left="12 images"),
            Step(name=name, left="10 images", reason="lateral", out="2 images"),
            Step(name="adults", left="10 images", reason="children"),
        )
    )


def picture(name: str = "female") -> Chart:
    """One of everything."""
    return Chart(
        title=f"By {name}",
        bands=((rows(name),), (plane(name), rows(name)), (flow(name),)),
        legend=((Look("red", "diamond"), name), (Line(name="", x=(), y=(), dashed=True), "line")),
        note=f"Bars of {name}.",
        attribute="sex",
    )
