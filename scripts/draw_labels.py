"""Draw what reference labels make of gaps in three simulated cohorts: docs/images/two-label-sources.png.

Run: python -m scripts.draw_labels
"""

import math
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cxraudit.audits.result import Audit
from cxraudit.audits.two_labels import label_conclusions
from cxraudit.charts.house import house_style
from cxraudit.charts.look import COLOURS
from cxraudit.figures.two_labels import NAMES, WORKING
from cxraudit.schema import BOUNDS, BOUNDS_AS_ESTIMATED, COMPLEMENT, Analysis, records
from simulations.labels import DESIGNS, GROUP, audited, drawn

OUT = Path(__file__).parents[1] / "docs/images/two-label-sources.png"
SHOWN = {
    "a gap that is not there": "No gap; the finding is missed\nmore often in the group.",
    "a gap that is hidden": "A gap; the finding is missed\nmore often in the others.",
    "equally wrong, a gap": "A gap; the finding is missed\nas often in both.",
}
"""Design → what is true."""
SEED, N_RESAMPLES = 3, 1000


def main() -> None:
    """Draw the gap of each cohort in every way, with the true one."""
    with house_style():
        figure = Figure(figsize=(3.4 * len(SHOWN) + 1.2, 2.9), layout="constrained")
        axes = figure.subplots(1, len(SHOWN), sharey=True, sharex=True)
        for axis, (name, truth) in zip(axes, SHOWN.items(), strict=True):
            design = DESIGNS[name]
            found = audited(drawn(design, SEED), design, n_resamples=N_RESAMPLES, seed=SEED)
            draw(axis, found, design.gap)
            concluded = label_conclusions(found).set_index("group").loc[GROUP, "conclusion"]
            axis.set_title(f"{truth}\nReport: {concluded}", fontsize=8.5)
        axes[0].set_yticks([-k for k in range(len(NAMES))], list(NAMES.values()))
        axes[1].set_xlabel("AUROC gap of the group (dashed: the true one)")
        figure.savefig(OUT, dpi=90)


def draw(axis: Axes, found: Audit, truth: float) -> None:
    """Draw the estimates of one cohort."""
    rows = found.results
    rows = rows[(rows["group"] == GROUP) & (rows["reference"] == COMPLEMENT)]
    rows = rows[rows["metric"] == "auroc"]
    own = {
        row["condition"] or WORKING: row
        for row in records(rows)
        if row["analysis"] in (Analysis.SUBGROUPS, Analysis.REFERENCE_LABELS)
    }
    axis.axvline(0, color=COLOURS["line"], lw=1)
    axis.axvline(truth, color=COLOURS["ink"], lw=1, ls="--")
    for k, condition in enumerate(NAMES):
        row = own[condition]
        colour = COLOURS["red" if condition == WORKING else "blue"]
        axis.plot([row["low"], row["high"]], [-k, -k], color=colour, lw=1)
        if condition == BOUNDS:
            row = own[BOUNDS_AS_ESTIMATED]
            axis.plot([row["low"], row["high"]], [-k, -k], color=colour, lw=3)
        if math.isfinite(row["value"]):
            axis.plot(row["value"], -k, "o", color=colour, ms=5)


if __name__ == "__main__":
    main()
