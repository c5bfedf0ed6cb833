"""The files of the page: their names, and how they are written together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from cxraudit.charts.house import XML, png, svg
from cxraudit.files import (
    folder_name,
    manifest_of,
    withdraw,
    write_atomic,
    write_manifest,
    write_table,
    write_text,
)
from cxraudit.folders import claim, discard, recorded_files, remove_left_over

METRICS = ("auroc", "adjusted_auprc")
"""Metrics that are drawn, in the names of figures."""

TABLES = (
    "numbers.csv",
    "compare.csv",
    "protocols.csv",
    "changed.csv",
    "projections.parquet",
    "centroids.parquet",
    "zeroshot-*.tex",
    "attributes-*",
    "calibration-*.csv",
)
FIGURES = (
    "*-auroc.*",
    "*-adjusted_auprc.*",
    "*-calibration.*",
    "*-projections.*",
    "*-centroids.*",
)
"""Names of the files beside the page. Those of an earlier page are removed: they could be taken for those of
this one."""

PAGE, FIGURE_FOLDER = "paper.html", "figures"


def planned(attributes: Mapping[str, Sequence[str]], models: Sequence[str]) -> list[str]:
    """Return the names of all files that a page may have, to refuse before any work is done.

    Parameters
    ----------
    attributes : mapping of str to sequence of str
        Name of a data set → attributes that its performance is drawn by.
    models : sequence of str
        Names of the models.
    """
    names = [PAGE, manifest_of(Path(PAGE)).name, *(name for name in TABLES if "*" not in name)]
    figures: list[str] = []
    for dataset, of_dataset in attributes.items():
        names += [f"zeroshot-{dataset}.tex", f"calibration-{dataset}.csv"]
        names += [f"attributes-{dataset}.tex", f"attributes-{dataset}.csv"]
        figures += [f"{dataset}-{name}-{metric}" for name in of_dataset for metric in METRICS]
        figures.append(f"{dataset}-calibration")
        for model in models:
            stem = folder_name(f"{dataset}-{model}")
            figures += [f"{stem}-projections", f"{stem}-centroids"]
    ends = ("svg", "png")
    return [*names, *(f"{FIGURE_FOLDER}/{name}.{end}" for name in figures for end in ends)]


@dataclass(frozen=True, slots=True)
class PageFolder:
    """The files of a page: made first, then written together. Only our own are replaced or removed."""

    path: Path
    files: dict[Path, pd.DataFrame | str | bytes] = field(default_factory=dict)

    def table(self, name: str, table: pd.DataFrame) -> None:
        """Add a table; its format is that of its name."""
        self.files[self.path / name] = table

    def text(self, name: str, text: str) -> None:
        """Add a text file."""
        self.files[self.path / name] = text

    def figure(self, name: str, figure: Figure) -> str:
        """Add a figure as SVG and PNG; return its SVG element."""
        folder = self.path / FIGURE_FOLDER
        element = svg(figure)
        self.files[folder / f"{name}.svg"] = f"{XML}{element}"
        self.files[folder / f"{name}.png"] = png(figure)
        return element

    def write(self, inputs: Mapping[str, Path]) -> Path:
        """Write all files, then the manifest of the page, and remove files of an earlier page."""
        page = self.path / PAGE
        claim(*self.files, manifest_of(page), inputs=inputs)
        withdraw(page)
        remove_left_over(self.path, FIGURE_FOLDER)
        self._clear()
        for path, content in self.files.items():
            if isinstance(content, pd.DataFrame):
                write_table(content, path)
            elif isinstance(content, str):
                write_text(path, content)
            else:
                write_atomic(path, lambda temporary, data=content: temporary.write_bytes(data))
        write_manifest(page, inputs=inputs, outputs=self.files)
        return page

    def _clear(self) -> None:
        """Remove tables and figures of an earlier page that this one does not have."""
        for folder, patterns in ((self.path, TABLES), (self.path / FIGURE_FOLDER, FIGURES)):
            for name in recorded_files(folder):
                is_of_a_page = any(fnmatch(name, pattern) for pattern in patterns)
                if is_of_a_page and folder / name not in self.files:
                    discard(folder / name)
