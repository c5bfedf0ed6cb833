"""The study's tables and figures as one page, with each of them as a file beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import jinja2
import numpy as np
import pandas as pd

from cxraudit.figures.words import interval_label
from cxraudit.files import folder_name, package_version
from cxraudit.formatting import decimal
from cxraudit.paper.conclusions import sentences
from cxraudit.paper.faults import Fault
from cxraudit.paper.figures import (
    calibration_curves,
    centroid_curves,
    drain_bars,
    projections,
    subgroup_bars,
)
from cxraudit.paper.folder import METRICS, PAGE, PageFolder
from cxraudit.paper.numbers import ALL
from cxraudit.paper.tables import (
    as_latex,
    attributes_table,
    shown_side_by_side,
    zeroshot_table,
)
from cxraudit.report.statements import NULL_MODEL
from cxraudit.schema import records
from cxraudit.stats.estimate import SHOWN, WITHIN_MARGIN, Verdict
from cxraudit.vocabulary import attribute_name

CAPTION = "AUROC and adjusted AUPRC of zero-shot classification, with 95 % intervals."
OVER_IMAGES = (
    "Bars are values, lines 95 % intervals over images, as published: too narrow where patients have "
    "several images."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """The tables that the page shows; an empty table leaves its section out."""

    numbers: pd.DataFrame
    """See `cxraudit.paper.numbers.COLUMNS`."""
    compared: pd.DataFrame | None = None
    """From `cxraudit.paper.numbers.compare`."""
    protocols: pd.DataFrame = field(default_factory=pd.DataFrame)
    """From `cxraudit.paper.tables.side_by_side`."""
    calibration: pd.DataFrame = field(default_factory=pd.DataFrame)
    """From `cxraudit.paper.calibration.calibration_points`."""
    projections: pd.DataFrame = field(default_factory=pd.DataFrame)
    """From `cxraudit.paper.embeddings.project`, with ``dataset``."""
    centroids: pd.DataFrame = field(default_factory=pd.DataFrame)
    """From `cxraudit.paper.embeddings.centroid_differences`, with ``dataset``."""
    probes: pd.DataFrame = field(default_factory=pd.DataFrame)
    """Rows of the audits' results with the analysis PROBE; see `cxraudit.schema.RESULT_COLUMNS`."""
    faults: Sequence[tuple[str, str, Fault]] = ()
    """Data set, model and fault."""
    notes: Sequence[str] = ()
    """Why something is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One section of the page."""

    title: str
    sentences: Sequence[str] = ()
    table: str = ""
    """HTML."""
    figures: Sequence[str] = ()
    """SVG elements."""
    note: str = ""
    folded: str = ""
    """HTML of a table that a reader has to unfold."""


def write_paper(
    made: Reproduction,
    out: Path,
    *,
    title: str,
    intro: str,
    conclude: bool = False,
    inputs: Mapping[str, Path] | None = None,
) -> Path:
    """Write the study's tables (HTML, LaTeX, CSV) and figures (SVG, PNG), and one page of all.

    All are made before the first is written. The manifest of the page, written last, names their hashes.

    Parameters
    ----------
    made : Reproduction
        Tables to show.
    out : pathlib.Path
        Folder for ``paper.html``, the tables and ``figures/``; those of an earlier page are removed.
    title, intro : str
        Heading of the page, and its first sentence.
    conclude : bool
        State what follows from the numbers (for published ones).
    inputs : mapping of str to pathlib.Path, optional
        Files that the numbers were computed from; their hashes are recorded, and they are never replaced.

    Returns
    -------
    pathlib.Path
        The page.

    Raises
    ------
    DataError
        If a file that cxraudit did not write would be replaced.
    """
    folder = PageFolder(out)
    folder.table("numbers.csv", made.numbers)
    sections: list[Section] = []
    if made.compared is not None:
        sections.append(_comparison(made.compared, folder))
    for dataset in dict.fromkeys(made.numbers["dataset"]):
        sections += _performance(made.numbers, str(dataset), folder)
        sections += _calibration(made.calibration, str(dataset), folder)
        sections += _embeddings(made.projections, made.centroids, str(dataset), folder)
        sections += _attributes(made.probes, str(dataset), folder)
    for name, table in (("projections", made.projections), ("centroids", made.centroids)):
        if len(table):
            folder.table(f"{name}.parquet", table)
    if len(made.protocols):
        sections.append(_protocols(made.protocols, folder))
    if made.faults:
        sections.append(_faults(made.faults, folder))
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
    folder.text(PAGE, html)
    return folder.write(inputs or {})


def _html(table: pd.DataFrame, *, text: bool = False) -> str:
    """Return a table as HTML; with `text`, its cells wrap."""
    html = table.to_html(index=False, border=0)
    return html.replace("<table", '<table class="text"', 1) if text else html


def _of_dataset(table: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """Return the rows of one data set; an empty table need not have columns."""
    return table[table["dataset"] == dataset] if len(table) else table


def _by_finding(table: pd.DataFrame) -> str:
    """Return the zero-shot table as HTML, laid out for a screen: findings down, models across."""
    turned = table.set_index(table.columns[0]).T
    turned.index = pd.Index([f"{finding}, {metric}" for finding, metric in turned.index])
    return turned.rename_axis(columns=None).to_html(border=0)


def _comparison(compared: pd.DataFrame, folder: PageFolder) -> Section:
    """Numbers of the run beside the published ones."""
    folder.table("compare.csv", compared)
    return Section(
        title="Comparison with the published numbers",
        folded=_html(compared.round({"value": 3, "difference": 2})),
        note=f"{int(compared['agrees'].sum())} of {len(compared)} numbers agree: each lies within the "
        "interval of the other.",
    )


def _performance(numbers: pd.DataFrame, dataset: str, folder: PageFolder) -> list[Section]:
    """The table of zero-shot performance, then bars by every attribute."""
    rows = _of_dataset(numbers, dataset)
    table = zeroshot_table(numbers, dataset=dataset)
    folder.text(
        f"zeroshot-{dataset}.tex",
        as_latex(table, caption=CAPTION, label=f"tab:zeroshot-{dataset}"),
    )
    sections = [
        Section(title=f"Zero-shot performance on {dataset}", table=_by_finding(table), note=CAPTION)
    ]
    for attribute in map(str, dict.fromkeys(rows["attribute"])):
        if attribute == ALL:
            continue
        figures = []
        for metric in METRICS:
            figure = (
                drain_bars(rows, metric)
                if attribute == "drain"
                else subgroup_bars(rows, attribute, metric)
            )
            figures.append(folder.figure(f"{dataset}-{attribute}-{metric}", figure))
        sections.append(
            Section(
                title=f"By {attribute_name(attribute)} on {dataset}",
                figures=figures,
                note=OVER_IMAGES,
            )
        )
    return sections


def _calibration(points: pd.DataFrame, dataset: str, folder: PageFolder) -> list[Section]:
    """Calibration curves."""
    rows = _of_dataset(points, dataset)
    if rows.empty:
        return []
    folder.table(f"calibration-{dataset}.csv", rows)
    return [
        Section(
            title=f"Calibration on {dataset}",
            figures=[folder.figure(f"{dataset}-calibration", calibration_curves(rows))],
            note="Raw zero-shot scores in ten bins of equal width, as published. They compare how scores are "
            "scaled (see “What changed and why”), not how well probabilities are calibrated after fitting.",
        )
    ]


def _embeddings(
    points: pd.DataFrame, centroids: pd.DataFrame, dataset: str, folder: PageFolder
) -> list[Section]:
    """Projections and centroid differences, model by model."""
    points, centroids = _of_dataset(points, dataset), _of_dataset(centroids, dataset)
    sections = []
    for model in map(str, dict.fromkeys(points["model"]) if len(points) else ()):
        # Attributes of another data set only are empty columns here.
        projected = points[points["model"] == model].dropna(axis=1, how="all")
        name = folder_name(f"{dataset}-{model}")
        figures = [folder.figure(f"{name}-projections", projections(projected))]
        differences = centroids[centroids["model"] == model]
        if len(differences):
            figures.append(folder.figure(f"{name}-centroids", centroid_curves(differences)))
        sections.append(
            Section(
                title=f"{model} on {dataset}: embeddings",
                figures=figures,
                note="Points in random order; both coordinates from one fit. Below, differences of the "
                "means of two groups, dimension by dimension, largest first.",
            )
        )
    return sections


def _attributes(probes: pd.DataFrame, dataset: str, folder: PageFolder) -> list[Section]:
    """The table of attributes predicted from embeddings."""
    rows = _of_dataset(probes, dataset)
    table = attributes_table(rows) if len(rows) else rows
    if table.empty:
        return []
    caption = "AUROC of attributes predicted from embeddings by an MLP."
    folder.text(
        f"attributes-{dataset}.tex", table.to_latex(index=False, escape=True, caption=caption)
    )
    folder.table(f"attributes-{dataset}.csv", table)
    return [
        Section(
            title=f"Attributes predicted from embeddings on {dataset}",
            table=_html(table),
            note=f"AUROC of an MLP on held-out patients, with its {interval_label(rows)} over patients; of "
            "several groups, the mean of each against all others.",
        )
    ]


def _protocols(protocols: pd.DataFrame, folder: PageFolder) -> Section:
    """Both protocols on the same predictions."""
    folder.table("protocols.csv", protocols)
    of_models = protocols[protocols["model"] != NULL_MODEL]
    ratio = of_models["width_ratio"].dropna()
    texts = []
    if len(ratio):
        texts.append(
            f"Intervals over patients are {decimal(ratio.median())} times as wide as those over images "
            f"(median of {len(ratio)}; largest {decimal(ratio.max())})."
        )
    texts += _overlap_statement(of_models)
    whole = protocols["attribute"].isin([ALL, "drain"])
    return Section(
        title="Both protocols, on the same predictions",
        sentences=texts,
        table=_html(shown_side_by_side(protocols[whole])),
        folded=_html(shown_side_by_side(protocols[~whole])),
        note="Published: images resampled, adjusted AUPRC, no gaps. Audit: patients resampled, average "
        "precision at one prevalence for all groups, the gap of each group to all other groups (with − "
        "without for drains) with a verdict after adjustment. Groups by sex, race and age are folded.",
    )


def _overlap_statement(protocols: pd.DataFrame) -> list[str]:
    """State how often overlap of published intervals agrees with the verdict on the gap."""
    verdicts: dict[bool, list[str]] = {True: [], False: []}
    groups = protocols[~protocols["attribute"].isin([ALL, "drain"])]
    for _, part in groups.groupby(["dataset", "model", "finding", "attribute"], sort=False):
        for row in records(part):
            # A group without a published interval overlaps none, and is none that does not.
            others = part[(part["group"] != row["group"]) & part["published_low"].notna()]
            if others.empty or not np.isfinite(row["published_low"]):
                continue
            apart = (others["published_low"] > row["published_high"]) | (
                others["published_high"] < row["published_low"]
            )
            verdicts[not bool(apart.all())].append(str(row["verdict"]))
    overlapping, separate = verdicts[True], verdicts[False]
    if not (overlapping or separate):
        return []
    different = (*SHOWN, Verdict.SMALL)
    return [
        f"Of {len(overlapping)} groups whose published interval overlaps that of another group of the "
        f"attribute, {sum(v in different for v in overlapping)} differ from all other groups in the audit, "
        f"and {sum(v in WITHIN_MARGIN for v in overlapping)} have a gap within the margin. Of "
        f"{len(separate)} groups whose interval overlaps none, {sum(v in different for v in separate)} "
        "differ in the audit."
    ]


def _faults(faults: Sequence[tuple[str, str, Fault]], folder: PageFolder) -> Section:
    """Every fault of the published code, in numbers of this run."""
    table = pd.DataFrame(
        {
            "data set": dataset,
            "model": model,
            "file": fault.file,
            "fault": fault.fault,
            "as published": fault.published,
            "corrected": fault.corrected,
            "consequence": fault.consequence,
        }
        for dataset, model, fault in faults
    )
    folder.table("changed.csv", table)
    first_model = table.groupby("data set", sort=False)["model"].transform("first")
    first, others = table[table["model"] == first_model], table[table["model"] != first_model]
    return Section(
        title="What changed and why",
        table=_html(first, text=True),
        folded=_html(others, text=True) if len(others) else "",
        note="Every fault of the published code was run as published and corrected, on the images and "
        "predictions of this run.",
    )
