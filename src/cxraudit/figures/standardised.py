"""Is a gap the group's own: raw, and after both sides were made alike in age, view or drains."""

import pandas as pd
from matplotlib.figure import Figure

from cxraudit.figures.style import (
    INK,
    LINE,
    MUTED,
    house_style,
    mark,
    new_figure,
    quiet,
    shown_as,
)
from cxraudit.schema import AT_EQUAL, REST, records
from cxraudit.vocabulary import attribute_name


def adjusted_gaps(results: pd.DataFrame, attribute: str) -> Figure | None:
    """Draw, per finding, the raw gap with the smallest p-value, and that gap after each adjustment.

    Parameters
    ----------
    results : pandas.DataFrame
        A results table of one data set, model and prompt set.
    attribute : str
        Which attribute's groups to draw.

    Returns
    -------
    matplotlib.figure.Figure or None
        None if no gap of the attribute was adjusted for anything.
    """
    rows = results[(results["attribute"] == attribute) & (results["metric"] == "auroc")]
    raw = rows[(rows["reference"] == REST) & rows["p_value"].notna()]
    even = rows[rows["reference"].str.startswith(AT_EQUAL)]
    raw = raw.merge(even[["finding", "group"]].drop_duplicates(), on=["finding", "group"])
    if raw.empty:
        return None
    surest = raw.loc[raw["p_value"].groupby(raw["finding"]).idxmin()]
    lines = [
        pd.concat([raw.loc[[k]], even[(even["finding"] == f) & (even["group"] == g)]])
        for k, f, g in zip(surest.index, surest["finding"], surest["group"], strict=True)
    ]
    with house_style():
        figure = new_figure(9.2, 1.8 + 0.215 * sum(len(part) + 1.2 for part in lines))
        axes = figure.subplots()
        y = 0.0
        names = []
        for part in lines:
            first = part.iloc[0]
            axes.text(
                -0.25,
                y,
                f"{first['finding']}: {first['group']}",
                transform=axes.get_yaxis_transform(),
                fontweight="bold",
                va="center",
            )
            y += 1
            for row in records(part):
                raw_gap = row["reference"] == REST
                names.append((y, "raw" if raw_gap else row["reference"].removeprefix("rest ")))
                kind = shown_as(row["verdict"], row["value"])
                mark(axes, y, row["value"], row["low"], row["high"], kind)
                y += 1
            y += 0.2
        axes.set_ylim(y, -1.0)
        axes.set_yticks([place for place, _ in names], [name for _, name in names], fontsize=8)
        axes.axvline(0, color=INK, lw=1)
        margin = surest["margin"].iloc[0]
        axes.axvspan(-margin, margin, color="#0b6fa4", alpha=0.08, lw=0)
        reach = max(0.12, *(abs(limit) for limit in axes.get_xlim()))
        axes.set_xlim(-reach, reach)
        quiet(axes)
        axes.grid(axis="x", color=LINE, lw=0.6)
        axes.set_axisbelow(True)
        axes.set_xlabel(
            "AUROC gap to the rest, 95 % interval\n← worse for this group      better →"
        )
        axes.set_title(
            "the gap of each finding that is shown best, raw and adjusted; marks as above",
            fontsize=9,
            color=MUTED,
            loc="left",
        )
        figure.suptitle(
            f"Does the gap by {attribute_name(attribute)} remain when the groups are made alike?",
            x=0.01,
            ha="left",
            fontsize=12,
            fontweight="bold",
        )
    return figure
