"""The folders of a run and of an audit: every file name, read, write, and resume or refuse.

.. code-block:: text

    <run>/images.parquet          the cohort, with excluded.parquet: the images left out of it
    <run>/embeddings/<model>/     see cxraudit.store; report-embeddings/ where there are reports
    <run>/failures.csv            images that could not be read (only if there are any)
    <run>/scores.parquet          with directions.parquet: embedding directions of the prompts
    <run>/perturbed/              embeddings of perturbed images, with perturbed-scores.parquet and
                                  perturbed-failures.csv
    <run>/audit/                  results.parquet, results.csv, exclusions.csv, flow.csv,
                                  excluded.parquet, the tables its figures draw, report.html, figures/

What cxraudit did not write is never replaced: a file is ours if the folder's record (`RECORD`) lists
it or a manifest lies beside it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, overload

import pandas as pd

from cxraudit.datasets.base import Dataset
from cxraudit.datasets.saved import EXCLUDED, IMAGES, open_dataset, save_dataset
from cxraudit.errors import DataError, MissingColumnsError
from cxraudit.files import (
    as_plain,
    command_line,
    manifest_of,
    read_json,
    read_manifest,
    read_table,
    write_manifest,
    write_or_remove,
    write_table,
    write_text,
)
from cxraudit.folders import RECORD, claim, recorded_files, writable_folder
from cxraudit.schema import PERTURBED_COLUMNS, check_results, check_scores, require_columns

PERTURBED_RECORD = "perturbed.json"
"""File in the folder of perturbed images that holds their seed and number; see `resume_or_refuse`."""


def resume_or_refuse(
    mark: Path,
    wanted: Mapping[str, Any],
    *,
    what: str,
    remedy: str = "Choose another --out.",
) -> None:
    """Record the settings of the work in a folder, or check that they are those of the record.

    Parameters
    ----------
    mark : pathlib.Path
        The record, a JSON file in the folder.
    wanted : mapping
        Everything the results of the work depend on, as plain data.
    what : str
        What the folder holds, for the message.
    remedy : str
        What to do about it, one sentence.

    Raises
    ------
    DataError
        If the record differs, naming each setting that does: results of different work are never
        mixed.
    """
    plain = as_plain(wanted)
    if not mark.is_file():
        write_text(mark, json.dumps(plain, indent=2) + "\n")
        return
    found = read_json(mark)
    differing = [_setting(key, found) for key in plain if found.get(key) != plain[key]]
    if differing:
        raise DataError(
            f"{mark.parent} holds {what} made with other settings ({', '.join(differing)}). {remedy}"
        )


def _setting(key: str, found: Mapping[str, Any]) -> str:
    """Name a setting, with its recorded value where that is a number."""
    value = found.get(key)
    return f"{key} {value}" if isinstance(value, (int, float)) else key


def commands_of(path: Path) -> list[str]:
    """Return the commands that led to a file, oldest first, from its manifest."""
    manifest = read_manifest(path)
    return manifest.get("commands", [manifest["command"]] if "command" in manifest else [])


class _Inside:
    """The path of a file or folder, by its name in the folder it belongs to."""

    def __init__(self, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, owner: None, kind: type[object]) -> Self: ...
    @overload
    def __get__(self, owner: "Workspace | AuditFolder", kind: type[object]) -> Path: ...
    def __get__(self, owner: "Workspace | AuditFolder | None", kind: type[object]) -> Self | Path:
        return self if owner is None else owner.folder / self.name


@dataclass(frozen=True, slots=True)
class AuditFolder:
    """The folder of one audit."""

    folder: Path

    results = _Inside("results.parquet")
    """See `cxraudit.schema.RESULT_COLUMNS`; the manifest of the audit lies beside it."""
    results_csv = _Inside("results.csv")
    """The same for people."""
    exclusions = _Inside("exclusions.csv")
    """Steps that left images out."""
    flow = _Inside("flow.csv")
    """What every filter of the data set left out and kept."""
    excluded = _Inside(EXCLUDED)
    """Images left out of every finding."""
    score_percentiles = _Inside("score-percentiles.parquet")
    """Distributions of scores by shortcut and finding."""
    image_changes = _Inside("image-changes.parquet")
    """Change of each image's score under each counterfactual."""
    points = _Inside("points.parquet")
    """Embeddings projected on two axes."""
    curves = _Inside("curves.parquet")
    """Sorted differences of centroids."""
    prompt_gaps = _Inside("prompt-gaps.parquet")
    """Gaps by prompt pair."""
    report = _Inside("report.html")
    """The report on this audit."""
    figures = _Inside("figures")
    """Its figures as files."""

    ALWAYS = ("results", "exclusions", "flow", "excluded")
    """Tables that every audit has."""
    DRAWN = ("score_percentiles", "image_changes", "points", "curves", "prompt_gaps")
    """Tables that figures draw; a file only where there are rows."""

    def write(
        self,
        tables: Mapping[str, pd.DataFrame],
        facts: Mapping[str, Any],
        *,
        inputs: Mapping[str, Path] | None = None,
        manifest: Mapping[str, Any] | None = None,
    ) -> None:
        """Write the tables of an audit and its manifest.

        Parameters
        ----------
        tables : mapping of str to pandas.DataFrame
            One per name in `ALWAYS` and `DRAWN`. Tables of an earlier audit that are empty now are
            removed.
        facts : mapping
            Recorded in the manifest.
        inputs : mapping of str to pathlib.Path, optional
            Files that were read; their SHA-256 is recorded. Models, prompts and commands are taken
            over from the manifest of ``scores``.
        manifest : mapping, optional
            The manifest of an audit that was computed before: it is kept as it is.

        Raises
        ------
        ConfigError
            If the folder cannot be written to.
        DataError
            If a file that cxraudit did not write would be replaced.
        """
        self.make()
        for name in self.DRAWN:
            write_or_remove(tables[name], getattr(self, name))
        for name in self.ALWAYS:
            write_table(tables[name], getattr(self, name))
        write_table(tables["results"], self.results_csv)
        if manifest:
            _write_plain(self.results, {**manifest, "facts": facts})
            return
        scores = (inputs or {}).get("scores")
        upstream = read_manifest(scores) if scores else {}
        write_manifest(
            self.results,
            inputs=inputs,
            facts=facts,
            cards=upstream.get("cards", {}),
            prompt_hash=upstream.get("prompt_hash"),
            commands=list(dict.fromkeys([*upstream.get("commands", []), command_line()])),
        )

    def make(self) -> None:
        """Make the folder and list its files as ours, before any work is done."""
        writable_folder(self.folder)
        claim(*(getattr(self, name) for name in (*self.ALWAYS, *self.DRAWN)), self.results_csv)

    def read(self) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
        """Return the tables of an audit, empty where there is no file, and its manifest.

        Raises
        ------
        DataError
            If there is no audit here, or it was written by another version.
        """
        if not self.results.is_file():
            raise DataError(
                f"{self.folder} holds no audit: {self.results.name} is missing. Make one with cxraudit "
                "audit, or check the path."
            )
        table = read_table(self.results, what="the results table")
        manifest = read_manifest(self.results)
        try:
            results = check_results(table, str(self.results))
        except MissingColumnsError:
            raise DataError(
                f"{self.results} was not written by this version of cxraudit (its columns differ). "
                "Audit again."
            ) from None
        if "facts" not in manifest:
            raise DataError(
                f"{self.results} has no manifest beside it. Make it with cxraudit audit."
            )
        others = {
            name: read_table(getattr(self, name)) for name in self.ALWAYS if name != "results"
        }
        drawn = {name: _read_if_present(getattr(self, name)) for name in self.DRAWN}
        return {"results": results, **others, **drawn}, manifest

    def clear_figures(self) -> None:
        """Remove the figures that an earlier report wrote, and only those."""
        for name in recorded_files(self.figures):
            (self.figures / name).unlink(missing_ok=True)
        (self.figures / RECORD).unlink(missing_ok=True)


def _read_if_present(file: Path) -> pd.DataFrame:
    return read_table(file) if file.is_file() else pd.DataFrame()


def _write_plain(path: Path, manifest: Mapping[str, Any]) -> None:
    target = manifest_of(path)
    write_text(target, json.dumps(as_plain(manifest), indent=2) + "\n")


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folder of a run: cohort, embeddings, scores, perturbed images and audit."""

    folder: Path

    images = _Inside(IMAGES)
    """The cohort; see `cxraudit.datasets.saved`."""
    excluded = _Inside(EXCLUDED)
    """The images left out of it."""
    embeddings = _Inside("embeddings")
    """One store per model; see `cxraudit.store`."""
    report_embeddings = _Inside("report-embeddings")
    """The same for the reports of the images."""
    failures = _Inside("failures.csv")
    """Images that could not be read."""
    scores = _Inside("scores.parquet")
    """See `cxraudit.schema.SCORE_COLUMNS`."""
    directions = _Inside("directions.parquet")
    """Prompts and their embedding directions."""
    perturbed = _Inside("perturbed")
    """Embeddings of perturbed images, one folder per perturbation and severity."""
    perturbed_scores = _Inside("perturbed-scores.parquet")
    """See `cxraudit.schema.PERTURBED_COLUMNS`."""
    perturbed_failures = _Inside("perturbed-failures.csv")
    """Images that could not be read or perturbed."""
    report = _Inside("report.html")
    """A report on the audits of several runs."""
    readme = _Inside("README.txt")
    """What lies where, for people."""

    @property
    def audit(self) -> AuditFolder:
        """The folder of the audit."""
        return AuditFolder(self.folder / "audit")

    def make(self) -> None:
        """Make the folder, and check that it can be written to, before any work is done."""
        writable_folder(self.folder)

    def save_dataset(self, dataset: Dataset) -> None:
        """Write the cohort and the images left out of it."""
        claim(self.images, self.excluded)
        save_dataset(dataset, self.folder)

    def open_dataset(self) -> Dataset:
        """Read the cohort."""
        return open_dataset(self.images)

    def write_encoding(self, unread: pd.DataFrame, **facts: Any) -> None:
        """Write the list of images that could not be read, and the manifest of the embeddings."""
        claim(self.failures)
        write_or_remove(unread, self.failures)
        write_manifest(self.embeddings, inputs={"images": self.images}, **facts)

    def write_scores(self, scores: pd.DataFrame, directions: pd.DataFrame, **facts: Any) -> None:
        """Write the scores, the directions of their prompts, and the manifest of both."""
        claim(self.scores, self.directions)
        write_table(directions, self.directions)
        write_table(check_scores(scores), self.scores)
        write_manifest(
            self.scores,
            inputs={"images": self.images},
            commands=[*commands_of(self.embeddings), command_line()],
            **facts,
        )

    def read_scores(self) -> pd.DataFrame:
        """Read the scores.

        Raises
        ------
        DataError
            If there are none.
        """
        if not self.scores.is_file():
            raise DataError(
                f"{self.folder} holds no {self.scores.name}. Run cxraudit encode and cxraudit score on "
                "it first."
            )
        return check_scores(read_table(self.scores, what="the scores table"), str(self.scores))

    def read_directions(self) -> pd.DataFrame:
        """Read the directions of the prompts; empty if there are none."""
        return _read_if_present(self.directions)

    def write_perturbed(self, scores: pd.DataFrame, unread: pd.DataFrame, **facts: Any) -> None:
        """Write the scores of perturbed images, those that could not be read, and the manifest."""
        claim(self.perturbed_scores, self.perturbed_failures)
        write_or_remove(unread, self.perturbed_failures)
        write_table(scores, self.perturbed_scores)
        write_manifest(
            self.perturbed_scores,
            inputs={"images": self.images},
            commands=[*commands_of(self.scores), command_line()],
            **facts,
        )

    def read_perturbed(self) -> pd.DataFrame | None:
        """Read the scores of perturbed images; None if there are none.

        Raises
        ------
        DataError
            If the unperturbed images were scored with other prompts since.
        """
        file = self.perturbed_scores
        if not file.is_file():
            return None
        prompts = read_manifest(self.scores).get("prompt_hash")
        if read_manifest(file).get("prompt_hash") != prompts:
            raise DataError(
                f"{file} was made with other prompts than {self.scores.name} beside it. Run cxraudit "
                "perturb again, or delete it."
            )
        table = read_table(file, what="the scores of perturbed images")
        require_columns(str(file), table, PERTURBED_COLUMNS)
        return table
