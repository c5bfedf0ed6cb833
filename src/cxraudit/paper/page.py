"""The study's tables and figures as one page, with every one of them as a file beside it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd

from cxraudit.figures.style import save
from cxraudit.files import folder_name, package_version, write_table, write_text
from cxraudit.paper.conclusions import sentences
from cxraudit.paper.faults import Fault
from cxraudit.paper.figures import (
    calibration_curves,
    centroid_pairs,
    drain_bars,
    projections,
    subgroup_bars,
)
from cxraudit.paper.tables import (
    as_latex,
    attributes_table,
    shown_side_by_side,
    zeroshot_table,
)
from cxraudit.report import NULL_MODEL
from cxraudit.schema import records
from cxraudit.vocabulary import attribute_name

CAPTION = "AUROC and adjusted AUPRC of zero-shot classification, with 95 % intervals."
STALE = (
    "zeroshot-*.tex",
    "attributes-*",
    "calibration-*",
    "compare.csv",
    "protocols.csv",
    "changed.csv",
    "figures/*.svg",
    "figures/*.png",
)
OVER_IMAGES = (
    "Bars are values, lines 95 % intervals over images, as published: too narrow where patients have "
    "several images."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """Everything the page shows; what is empty is left out."""

    numbers: pd.DataFrame
    """See `cxraudit.paper.numbers.COLUMNS`."""
    compared: pd.DataFrame | None = None
    """From `cxraudit.paper.numbers.compare`."""
    both: pd.DataFrame = field(default_factory=pd.DataFrame)
    """From `cxraudit.paper.tables.side_by_side`."""
    calibration: pd.DataFrame = field(default_factory=pd.DataFrame)
    points: pd.DataFrame = field(default_factory=pd.DataFrame)
    """From `cxraudit.paper.embeddings.project`, with ``dataset``."""
    differences: pd.DataFrame = field(default_factory=pd.DataFrame)
    """From `cxraudit.paper.embeddings.centroid_differences`, with ``dataset``."""
    knowledge: pd.DataFrame = field(default_factory=pd.DataFrame)
    """Probes; see `cxraudit.audits.embeddings.cohort.KNOWLEDGE_COLUMNS`."""
    faults: Sequence[tuple[str, str, Fault]] = ()
    """Data set, model and fault."""
    notes: Sequence[str] = ()
    """Why something is left out."""


Section = dict[str, Any]


def write_paper(
    made: Reproduction, out: Path, *, title: str, intro: str, conclude: bool = False
) -> Path:
    """Write the study's tables (HTML, LaTeX, CSV) and figures (SVG, PNG), and one page of all.

    Parameters
    ----------
    made : Reproduction
        What to show.
    out : pathlib.Path
        Folder for ``paper.html``, the tables and ``figures/``.
    title, intro : str
        What the page is called, and what it shows.
    conclude : bool
        Whether to say what follows from the numbers (for published ones).
    """
    for pattern in STALE:
        for old in out.glob(pattern):
            old.unlink()  # files of an earlier run would look like this one's
    write_table(made.numbers, out / "numbers.csv")
    sections: list[Section] = []
    if made.compared is not None:
        sections.append(_beside(made.compared, out))
    for dataset in dict.fromkeys(made.numbers["dataset"]):
        sections += _performance(made.numbers, str(dataset), out)
        sections += _calibration(made.calibration, str(dataset), out)
        sections += _embeddings(made, str(dataset), out)
    if len(made.both):
        sections.append(_both(made.both, out))
    if made.faults:
        sections.append(_faults(made.faults, out))
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("cxraudit.paper"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    html = environment.get_template("paper.html.j2").render(
        title=title,
        intro=intro,
        sections=sections,
        version=package_version(),
        sentences=sentences(made.numbers) if conclude else [],
        notes=list(made.notes),
    )
    return write_text(out / "paper.html", html)


def _section(
    title: str,
    *,
    table: str = "",
    figures: Sequence[str] = (),
    note: str = "",
    folded: str = "",
    said: Sequence[str] = (),
) -> Section:
    return {
        "title": title,
        "table": table,
        "figures": list(figures),
        "note": note,
        "folded": folded,
        "sentences": list(said),
    }


def _html(table: pd.DataFrame) -> str:
    return table.to_html(index=False, border=0)


def _by_finding(table: pd.DataFrame) -> str:
    """Lay the table out for a screen: findings down, models across."""
    turned = table.set_index(table.columns[0]).T
    turned.index = [f"{finding}, {metric}" for finding, metric in turned.index]
    return turned.rename_axis(columns=None).to_html(border=0)


def _beside(compared: pd.DataFrame, out: Path) -> Section:
    write_table(compared, out / "compare.csv")
    agree = f"{int(compared['agrees'].sum())} of {len(compared)}"
    return _section(
        "Ours beside the published",
        folded=_html(compared.round({"ours": 3, "difference": 2})),
        note=f"{agree} numbers agree: each lies within the interval of the other.",
    )


def _performance(numbers: pd.DataFrame, dataset: str, out: Path) -> list[Section]:
    """The table of zero-shot performance, then bars by every attribute."""
    mine = numbers[numbers["dataset"] == dataset]
    table = zeroshot_table(numbers, dataset=dataset)
    write_text(
        out / f"zeroshot-{dataset}.tex",
        as_latex(table, caption=CAPTION, label=f"tab:zeroshot-{dataset}"),
    )
    sections = [
        _section(f"Zero-shot performance on {dataset}", table=_by_finding(table), note=CAPTION)
    ]
    for attribute in (a for a in dict.fromkeys(mine["attribute"]) if a != "all"):
        drawn = {
            metric: drain_bars(mine, metric)
            if attribute == "drain"
            else subgroup_bars(mine, str(attribute), metric)
            for metric in ("auroc", "adjusted_auprc")
        }
        figures = [
            save(figure, out / "figures", f"{dataset}-{attribute}-{metric}")
            for metric, figure in drawn.items()
        ]
        sections.append(
            _section(
                f"By {attribute_name(str(attribute))} on {dataset}",
                figures=figures,
                note=OVER_IMAGES,
            )
        )
    return sections


def _calibration(points: pd.DataFrame, dataset: str, out: Path) -> list[Section]:
    mine = points[points["dataset"] == dataset] if len(points) else points
    if mine.empty:
        return []
    write_table(mine, out / f"calibration-{dataset}.csv")
    figure = save(calibration_curves(mine), out / "figures", f"{dataset}-calibration")
    return [
        _section(
            f"Calibration on {dataset}",
            figures=[figure],
            note="Raw zero-shot scores in ten bins of equal width, as published. They compare how each score "
            "is scaled (see “what changed and why”), not how well a model knows what it does not know.",
        )
    ]


def _embeddings(made: Reproduction, dataset: str, out: Path) -> list[Section]:
    """Projections and centroids model by model, and what probes read."""
    sections = []
    points, differences, knowledge = (
        table[table["dataset"] == dataset] if len(table) else table
        for table in (made.points, made.differences, made.knowledge)
    )
    for model in dict.fromkeys(points["model"]) if len(points) else ():
        mine = points[points["model"] == model].dropna(axis=1, how="all")  # of another data set
        named = folder_name(f"{dataset}-{model}")
        figures = [save(projections(mine), out / "figures", f"{named}-projections")]
        apart = differences[differences["model"] == model]
        if len(apart):
            figures.append(save(centroid_pairs(apart), out / "figures", f"{named}-centroids"))
        sections.append(
            _section(
                f"{model} on {dataset}: embeddings",
                figures=figures,
                note="Points in random order; both coordinates from one fit. Below, differences of the "
                "groups' means, dimension by dimension, largest first.",
            )
        )
    table = attributes_table(knowledge) if len(knowledge) else knowledge
    if len(table):
        write_text(
            out / f"attributes-{dataset}.tex",
            table.to_latex(index=False, escape=True, caption="AUROC of attributes read by an MLP."),
        )
        write_table(table, out / f"attributes-{dataset}.csv")
        sections.append(
            _section(
                f"Attributes read from embeddings on {dataset}",
                table=_html(table),
                note="AUROC of an MLP (of several groups: mean of each against the rest) on patients it has "
                "not seen, with 95 % intervals over patients.",
            )
        )
    return sections


def _both(both: pd.DataFrame, out: Path) -> Section:
    """Both protocols on the same predictions."""
    write_table(both, out / "protocols.csv")
    ratio = both.loc[both["model"] != NULL_MODEL, "wider"].dropna()
    said = []
    if len(ratio):
        said.append(
            f"Over {len(ratio)} cells, intervals over patients are {ratio.median():.2f} times as wide as "
            f"those over images in the median, {ratio.max():.2f} times at most."
        )
    overlap = _overlaps(both)
    if overlap[0] + overlap[1]:
        said.append(
            f"Of {overlap[0]} groups whose bars overlap those of another group of the attribute, "
            f"{overlap[2]} have a gap that the audit shows, and {overlap[3]} one that it shows to be small. "
            f"Of {overlap[1]} whose bars do not overlap, {overlap[4]} have a gap that is shown."
        )
    whole = both[both["attribute"].isin(["all", "drain"])]
    return _section(
        "Both protocols, on the same predictions",
        table=_html(shown_side_by_side(whole)),
        folded=_html(shown_side_by_side(both[~both["attribute"].isin(["all", "drain"])])),
        said=said,
        note="Published: images resampled, adjusted AUPRC, no gaps. Audit: patients resampled, average "
        "precision at one prevalence for all groups, the gap of each group to all others (with − without for "
        "drains) with a verdict after adjustment. Groups by sex, race and age are folded.",
    )


def _overlaps(both: pd.DataFrame) -> tuple[int, int, int, int, int]:
    """Count groups by whether bars overlap, and what the audit says of their gaps."""
    counts: dict[bool, list[str]] = {True: [], False: []}
    groups = both[~both["attribute"].isin(["all", "drain"]) & (both["model"] != NULL_MODEL)]
    for _, part in groups.groupby(["dataset", "model", "finding", "attribute"], sort=False):
        for row in records(part):
            others = part[part["group"] != row["group"]]
            if others.empty or not np.isfinite(row["published_low"]):
                continue
            apart = (others["published_low"] > row["published_high"]) | (
                others["published_high"] < row["published_low"]
            )
            counts[not bool(apart.all())].append(str(row["verdict"]))
    shown = ("disparity", "real, size unclear", "within margin")
    small = ("equivalent", "within margin")
    overlapping, separate = counts[True], counts[False]
    return (
        len(overlapping),
        len(separate),
        sum(v in shown for v in overlapping),
        sum(v in small for v in overlapping),
        sum(v in shown for v in separate),
    )


def _faults(faults: Sequence[tuple[str, str, Fault]], out: Path) -> Section:
    """What changed and why, in numbers of this run."""
    table = pd.DataFrame(
        {
            "data set": dataset,
            "model": model,
            "file": one.where,
            "as published": one.fault,
            "what comes of it here": one.published,
            "done otherwise": one.ours,
            "so": one.consequence,
        }
        for dataset, model, one in faults
    )
    write_table(table, out / "changed.csv")
    first = table.groupby("data set", sort=False)["model"].transform("first")
    shown = table[table["model"] == first]
    return _section(
        "What changed and why",
        table=_html(shown).replace("<table", '<table class="text"', 1),
        folded=_html(table[table["model"] != first]).replace("<table", '<table class="text"', 1)
        if len(table) > len(shown)
        else "",
        note="Every fault of the published code was run beside what replaces it, on the images and "
        "predictions of this run.",
    )
