"""The folder of one audit."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from cxraudit.datasets.saved import EXCLUDED
from cxraudit.errors import DataError, MissingColumnsError
from cxraudit.files import (
    command_line,
    committed,
    digest,
    manifest_of,
    read_table,
    read_written,
    save_manifest,
    write_manifest,
    write_table,
)
from cxraudit.folders import (
    claim,
    discard,
    recorded_files,
    refuse_foreign,
    remove_left_over,
    writable_folder,
    write_or_discard,
)
from cxraudit.schema import EXCLUSION_COLUMNS, FLOW_COLUMNS, check_results
from cxraudit.workspace.inside import Inside
from cxraudit.workspace.record import manifest_of_ours

_PAGES = (".html", ".htm", ".pdf")


@dataclass(frozen=True, slots=True)
class AuditFolder:
    """The folder of one audit."""

    folder: Path

    results = Inside("results.parquet")
    """See `cxraudit.schema.RESULT_COLUMNS`; the manifest of the audit lies beside it."""
    results_csv = Inside("results.csv")
    """The same for people."""
    exclusions = Inside("exclusions.csv")
    """Steps that left images out."""
    flow = Inside("flow.csv")
    """What every filter of the data set left out and kept."""
    excluded = Inside(EXCLUDED)
    """Images left out of every finding."""
    score_percentiles = Inside("score-percentiles.parquet")
    """Distributions of scores by shortcut and finding."""
    image_changes = Inside("image-changes.parquet")
    """Change of each image's score under each counterfactual."""
    points = Inside("points.parquet")
    """Embeddings projected on two axes."""
    curves = Inside("curves.parquet")
    """Sorted differences of centroids."""
    prompt_gaps = Inside("prompt-gaps.parquet")
    """Gaps by prompt pair."""
    wording_changes = Inside("wording-changes.parquet")
    """What each word in the prompts does to scores, AUROC and gaps."""
    audited_images = Inside("audited-images.parquet")
    """The images with their labels and attributes."""
    audited_scores = Inside("audited-scores.parquet")
    """Their scores."""
    report = Inside("report.html")
    """The report on this audit."""

    ALWAYS = ("results", "exclusions", "flow", "excluded")
    """Tables that every audit has."""
    OPTIONAL = (
        "score_percentiles",
        "image_changes",
        "points",
        "curves",
        "prompt_gaps",
        "wording_changes",
        "audited_images",
        "audited_scores",
    )
    """Tables that figures draw, and what the audit was made of; a file only where there are rows."""

    def write(
        self,
        tables: Mapping[str, pd.DataFrame],
        facts: Mapping[str, Any],
        *,
        inputs: Mapping[str, Path] | None = None,
        manifest: Mapping[str, Any] | None = None,
        cards: Mapping[str, Mapping[str, Any]] | None = None,
        overwrite: bool = False,
    ) -> None:
        """Write the tables of an audit and its manifest.

        Parameters
        ----------
        tables : mapping of str to pandas.DataFrame
            One per name in `ALWAYS` and `OPTIONAL`. Of an earlier audit, tables that are empty now and
            the report are removed.
        facts : mapping
            Recorded in the manifest.
        inputs : mapping of str to pathlib.Path, optional
            Files that were read; their SHA-256 is recorded. Models, prompts and commands are taken
            over from the manifest of ``scores``.
        manifest : mapping, optional
            The manifest of an audit that was computed before: it is kept as it is.
        cards : mapping of str to mapping, optional
            Model → its card, beside those in the manifest of ``scores``.
        overwrite : bool
            Replace the audit of another table of scores.

        Raises
        ------
        ConfigError
            If the folder cannot be written to.
        DataError
            If a file that cxraudit did not write, an input or the audit of another table would be
            replaced.
        """
        table = manifest.get("table") if manifest else self._table(inputs)
        self._check(table, inputs=inputs, overwrite=overwrite)
        drawn = [name for name in self.OPTIONAL if not tables[name].empty]
        outputs = [*(getattr(self, name) for name in (*self.ALWAYS, *drawn)), self.results_csv]
        claim(*outputs, manifest_of(self.results), inputs=inputs)
        self._remove_report()
        for name in self.OPTIONAL:
            write_or_discard(tables[name], getattr(self, name))
        for name in self.ALWAYS:
            write_table(tables[name], getattr(self, name))
        write_table(tables["results"], self.results_csv)
        if manifest:
            save_manifest(self.results, {**manifest, "facts": facts}, outputs=outputs)
            return
        upstream = manifest_of_ours((inputs or {}).get("scores"))
        write_manifest(
            self.results,
            inputs=inputs,
            outputs=outputs,
            facts=facts,
            table=table,
            cards={**upstream.get("cards", {}), **(cards or {})},
            prompt_hash=upstream.get("prompt_hash"),
            commands=list(dict.fromkeys([*upstream.get("commands", []), command_line()])),
        )

    def check(self, inputs: Mapping[str, Path] | None = None, *, overwrite: bool = False) -> None:
        """Check that the folder can be written to, and refuse what must not be replaced, before any work.

        Parameters
        ----------
        inputs : mapping of str to pathlib.Path, optional
            Files that the audit reads; that of the scores is ``scores``.
        overwrite : bool
            Replace the audit of another table of scores.

        Raises
        ------
        ConfigError
            If the folder cannot be written to.
        DataError
            If a file that cxraudit did not write, an input or the audit of another table would be
            replaced.
        """
        self._check(self._table(inputs), inputs=inputs, overwrite=overwrite)

    def _check(
        self, table: str | None, *, inputs: Mapping[str, Path] | None, overwrite: bool
    ) -> None:
        writable_folder(self.folder)
        remove_left_over(self.folder)
        files = (
            *(getattr(self, name) for name in (*self.ALWAYS, *self.OPTIONAL)),
            self.results_csv,
        )
        refuse_foreign(*files, manifest_of(self.results), inputs=inputs)
        earlier = manifest_of_ours(self.results)
        if earlier and earlier.get("table") != table and not overwrite:
            named = earlier.get("inputs", {}).get("scores", {}).get("path", "")
            of = f" ({Path(named).name})" if named else ""
            raise DataError(
                f"{self.folder} holds the audit of another table of scores{of}. Choose another --out, or "
                "replace it with --overwrite."
            )

    def _table(self, inputs: Mapping[str, Path] | None) -> str | None:
        """Return what distinguishes a table of scores from others: a hash of where it is, seen from here.

        A table that was updated, or moved together with its audit, is the same.
        """
        scores = (inputs or {}).get("scores")
        if scores is None:
            return None
        try:
            place = os.path.relpath(scores.resolve(), self.folder.resolve())
        except ValueError:  # on another drive
            place = str(scores.resolve())
        return digest(place)

    def read(self) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
        """Return the tables of an audit, empty where there is no file, and its manifest.

        Raises
        ------
        DataError
            If there is no audit here, it is not complete, or it was written by another version.
        """
        if not self.results.is_file():
            raise DataError(
                f"{self.folder} holds no audit: {self.results.name} is missing. Make one with cxraudit "
                "audit, or check the path."
            )
        manifest = committed(self.results, remedy="Repeat the cxraudit audit that wrote it.")
        table = read_table(self.results, what="the results table")
        try:
            results = check_results(table, str(self.results))
        except MissingColumnsError:
            raise DataError(
                f"{self.results} was not written by this version of cxraudit (its columns differ). "
                "Audit again."
            ) from None
        others = {
            "exclusions": read_written(self.exclusions, EXCLUSION_COLUMNS),
            "flow": read_written(self.flow, FLOW_COLUMNS),
            "excluded": read_table(self.excluded),
        }
        written = {
            name for name in self.OPTIONAL if getattr(self, name).name in manifest["outputs"]
        }
        drawn = {
            name: read_table(getattr(self, name)) if name in written else pd.DataFrame()
            for name in self.OPTIONAL
        }
        return {"results": results, **others, **drawn}, manifest

    def _remove_report(self) -> None:
        """Remove report and summary of an earlier audit, and their PDFs: they are not about these tables."""
        pages = [self.folder / name for name in recorded_files(self.folder)]
        for page in pages:
            if page.suffix.lower() in _PAGES:
                discard(page)
