"""The result of an audit: tables, facts, and the folder they are kept in."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from html import escape
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from cxraudit.schema import OVERALL, Analysis, Reason, has_reason, is_level, records
from cxraudit.stats.estimate import Verdict
from cxraudit.workspace.audit import AuditFolder

_SHOWN = 20
"""Rows of a table in a notebook; the others are counted."""


def _no_table() -> pd.DataFrame:
    return pd.DataFrame()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Audit:
    """The result of an audit; empty tables where there was nothing to compute them from."""

    results: pd.DataFrame
    """All analyses, one row per estimate; see `cxraudit.schema.RESULT_COLUMNS`."""
    exclusions: pd.DataFrame
    """One row per step that left images out: step, images, patients, reason."""
    flow: pd.DataFrame
    """What every filter left out and kept; see `cxraudit.datasets.base.flow`."""
    excluded: pd.DataFrame
    """One row per image that was left out of every finding, with step and reason."""
    facts: dict[str, Any]
    """What the report states about the cohort: counts, notes, settings."""
    manifest: dict[str, Any] = field(default_factory=dict)
    """Versions, commands and inputs, if the audit was read from a folder."""
    score_percentiles: pd.DataFrame = field(default_factory=_no_table)
    """Distributions of scores by shortcut and finding."""
    image_changes: pd.DataFrame = field(default_factory=_no_table)
    """Change of each image's score under each counterfactual perturbation."""
    points: pd.DataFrame = field(default_factory=_no_table)
    """Embeddings projected on two axes."""
    curves: pd.DataFrame = field(default_factory=_no_table)
    """Sorted differences of centroids, with their permutation band."""
    prompt_gaps: pd.DataFrame = field(default_factory=_no_table)
    """Gaps by prompt pair."""
    wording_changes: pd.DataFrame = field(default_factory=_no_table)
    """What each word in the prompts does to scores, AUROC and gaps."""
    audited_images: pd.DataFrame = field(default_factory=_no_table)
    """The images with their labels and attributes: what `cxraudit.diff` compares another audit with."""
    audited_scores: pd.DataFrame = field(default_factory=_no_table)
    """Their scores; see `cxraudit.schema.SCORE_COLUMNS`."""

    def save(
        self,
        folder: str | PathLike[str],
        *,
        inputs: Mapping[str, str | PathLike[str]] | None = None,
        cards: Mapping[str, Mapping[str, Any]] | None = None,
        overwrite: bool = False,
    ) -> Path:
        """Write the audit to a folder; `open_audit` reads it back.

        Parameters
        ----------
        folder : str or path
            Made if it is not there. An earlier audit of the same table of scores is replaced.
        inputs : mapping of str to str or path, optional
            Files the audit was made of (``scores``, ``images``): their SHA-256 is recorded.
        cards : mapping of str to mapping, optional
            Model → its card, of models that were not scored by cxraudit.
        overwrite : bool
            Replace the audit of another table of scores.

        Returns
        -------
        pathlib.Path
            The folder.

        Raises
        ------
        ConfigError
            If the folder cannot be written to.
        DataError
            If a file that cxraudit did not write, an input or the audit of another table would be
            replaced.
        """
        place = AuditFolder(Path(folder))
        tables = {name: getattr(self, name) for name in (*place.ALWAYS, *place.OPTIONAL)}
        files = {name: Path(file) for name, file in (inputs or {}).items()}
        place.write(
            tables,
            self.facts,
            inputs=files,
            manifest=self.manifest,
            cards=cards,
            overwrite=overwrite,
        )
        return place.folder

    def without_hidden(self) -> "Audit":
        """Return the audit without the rows that ``suppress_below`` hid: what sentences are made of."""
        hidden = has_reason(self.results, Reason.SUPPRESSED)
        return replace(self, results=self.results[~hidden]) if hidden.any() else self

    def __repr__(self) -> str:
        """Return one line: models, data set, counts and verdicts."""
        counts = ", ".join(f"{word} {count:,}" for word, count in self._verdicts().items())
        verdicts = f"; verdicts: {counts}" if counts else ""
        return f"<Audit of {self._title()}: {len(self.results):,} rows{verdicts}>"

    def _repr_html_(self) -> str:
        """Return the AUROCs over all images and the disparities as HTML tables, for notebooks."""
        rows = self.results
        auroc = rows[
            is_level(rows)
            & (rows["analysis"] == Analysis.SUBGROUPS)
            & (rows["metric"] == "auroc")
            & (rows["group"] == OVERALL)
        ]
        disparities = rows[rows["verdict"] == Verdict.DISPARITY]
        return (
            f"<p><b>Audit of {escape(self._title())}</b></p>"
            + _table(
                "AUROC over all images",
                {"model": "model", "finding": "finding", "n": "images", "n_positive": "positive"},
                auroc,
            )
            + _table(
                "Disparities",
                {
                    "model": "model",
                    "finding": "finding",
                    "metric": "metric",
                    "attribute": "attribute",
                    "group": "group",
                    "reference": "reference",
                    "condition": "condition",
                },
                disparities,
            )
        )

    def _title(self) -> str:
        models = ", ".join(map(str, self.facts["models"]))
        return (
            f"{models} on {self.facts['dataset']['name']}, {self.facts['images']:,} images of "
            f"{self.facts['patients']:,} patients"
        )

    def _verdicts(self) -> dict[str, int]:
        """Count the verdicts about differences, in their order; those that are not there are left out."""
        counts = self.results["verdict"].value_counts()
        return {word.value: int(counts[word.value]) for word in Verdict if word.value in counts}


def _table(caption: str, columns: Mapping[str, str], rows: pd.DataFrame) -> str:
    """Return rows as an HTML table: some columns by their headings, then the estimate."""
    head = [*columns.values(), "estimate"]
    body = [
        [*(str(row[column]) for column in columns), _estimate(row)]
        for row in records(rows.head(_SHOWN))
    ]
    more = f"<p>{len(rows) - _SHOWN:,} more in results.</p>" if len(rows) > _SHOWN else ""
    lines = "".join(_line("td", cells) for cells in body) or _line("td", ["none"])
    return (
        f"<table><caption>{escape(caption)}</caption><thead>{_line('th', head)}</thead>"
        f"<tbody>{lines}</tbody></table>{more}"
    )


def _line(tag: str, cells: Iterable[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def _estimate(row: Mapping[str, Any]) -> str:
    """Return a value with its interval; a dash where it is undefined."""
    value, low, high = row["value"], row["low"], row["high"]
    if pd.isna(value):
        return "–"
    return f"{value:.3f}" + ("" if pd.isna(low) else f" [{low:.3f}, {high:.3f}]")


def open_audit(folder: str | PathLike[str]) -> Audit:
    """Read an audit that `Audit.save` or ``cxraudit audit`` wrote.

    Parameters
    ----------
    folder : str or path
        The folder that holds ``results.parquet``.

    Raises
    ------
    DataError
        If there is no audit, or it was written by another version.
    """
    tables, manifest = AuditFolder(Path(folder)).read()
    return Audit(**tables, facts=manifest["facts"], manifest=manifest)
