"""A first run file from a table: what its columns seem to be, each guess with what was seen.

=========  =========================================================================
module     what it holds
=========  =========================================================================
`names`    what the name of a column says
`columns`  what a column holds, by the readers of an audit
`scores`   which columns are labels and scores
`guesses`  the other columns: images, patients, attributes, shortcuts
`text`     guesses as TOML with comments
=========  =========================================================================
"""

import os
import re
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from cxraudit import datasets
from cxraudit.datasets.reading import read_table
from cxraudit.draft.columns import Column, columns_of
from cxraudit.draft.guesses import Guess, Guesses, guess, unused
from cxraudit.draft.text import audit_section, comments, line, scores_section
from cxraudit.errors import ConfigError, CxrAuditError, UnknownNameError, short
from cxraudit.files import folder_name, write_text
from cxraudit.folders import writable_folder
from cxraudit.run_file import SCHEMA_FILE, read_run_file
from cxraudit.schema import require_rows
from cxraudit.settings import AuditSettings
from cxraudit.steps import columns_of as parameters_of
from cxraudit.steps import read_pilot

__all__ = ["Draft", "Guess", "draft_run_file"]

_IMAGE_NAMES = {
    "nih-cxr14": r"\d{8}_\d{3}\.png",
    "mimic-cxr": r"[0-9a-f]{8}(-[0-9a-f]{8}){4}(\.jpg|\.dcm)?",
}
"""Data set → what its names of images look like."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A run file that was written, and what it rests on."""

    path: Path
    guesses: tuple[Guess, ...]
    unused: dict[str, str]
    """Columns that no line is about → what they hold."""
    missing: tuple[str, ...]
    """What has to be decided before the file can be run."""
    problem: str = ""
    """Why an audit would refuse the table as it is described; nothing if it would not."""


def draft_run_file(
    table: str | PathLike[str],
    out: str | PathLike[str] = "audit.toml",
    *,
    dataset: str | None = None,
    root: str | PathLike[str] | None = None,
) -> Draft:
    """Write a first run file for a table of scores, with comments.

    Every line is a guess from the names and the values of the columns, with what was seen; what may be one
    of several things is a comment. The guesses are read as an audit reads them, and nothing is computed.

    Parameters
    ----------
    table : str or path
        CSV, Excel or Parquet with one row per image.
    out : str or path
        The run file; it is never replaced.
    dataset : str, optional
        Name of the data set, where the table has no labels.
    root : str or path, optional
        Folder of that data set.

    Returns
    -------
    Draft
        The guesses, and what is left to decide.

    Raises
    ------
    ConfigError
        If `out` is there already, or is no TOML file.
    DataError
        If the table cannot be read.
    UnknownNameError
        If there is no such data set.
    """
    file, path = Path(table), Path(out)
    _check(path, dataset)
    read = read_table(file)
    require_rows(str(file), read.frame)
    columns = columns_of(read.frame)
    found = guess(columns)
    has_labels = any(one.section == "scores.label" and not one.is_open for one in found.made)
    head = [] if has_labels else _dataset_section(found, columns, path, dataset, root)
    if has_labels and dataset is not None:
        raise ConfigError(
            f"{file} has labels of its own, which --dataset {dataset} would replace. Leave out --dataset, "
            "or the columns of labels."
        )
    if not has_labels:  # of the images, the data set says all else
        others = {
            one.value
            for one in found.made
            if one.section != "scores.score" and one.key not in _OF_SCORES
        }
        found.made = [
            one for one in found.made if one.section == "scores.score" or one.key in _OF_SCORES
        ]
        found.used -= {one for one in others if isinstance(one, str)}
        found.missing = [one for one in found.missing if not one.startswith("patient")]
    rest = unused(columns, found.used)
    text = _text(file, path, head, found, rest, len(read.frame))
    writable_folder(path.parent, flag="--out")
    write_text(path, text)
    problem = "" if found.missing else _problem(path)
    if problem:
        write_text(
            path, text + "\n".join(comments("An audit refuses it so far:", [problem])) + "\n"
        )
    return Draft(
        path=path,
        guesses=tuple(found.made),
        unused=dict(rest),
        missing=tuple(found.missing),
        problem=problem,
    )


_OF_SCORES = {"image", "model", "model_column", "seed_column"}
"""Keys of ``[scores]`` that a table without labels has."""


def _check(path: Path, dataset: str | None) -> None:
    if path.exists() or path.is_symlink():
        raise ConfigError(
            f"{path} is there already, and is not replaced. Name another file with --out."
        )
    if path.suffix != ".toml":
        raise ConfigError(
            f"a run file is a TOML file, got {path.name}. Name it {path.stem}.toml, for instance."
        )
    if dataset is not None and dataset not in datasets.available():
        raise UnknownNameError("dataset", dataset, datasets.available())


def _dataset_section(
    found: Guesses,
    columns: list[Column],
    path: Path,
    name: str | None,
    root: str | PathLike[str] | None,
) -> list[str]:
    """Return ``[dataset]``, which says what the images of a table without labels show."""
    seen = "as it was given"
    if name is None:
        name, seen = _known_images(found, columns)
    lines = ["[dataset]                      # the table has no labels: they come from a data set"]
    if name is None:
        found.missing.append(
            "dataset: no labels were recognised; name the data set of the images (cxraudit datasets lists "
            "them), or the columns of labels as label = { FINDING = COLUMN } in [scores]"
        )
        lines.append(line("name", "nih-cxr14", "see: cxraudit datasets", is_open=True))
    else:
        lines.append(line("name", name, seen))
    if root is None:
        found.missing.append("root: the folder that the data set was unpacked in")
        lines.append(line("root", "FOLDER", "where the data set was unpacked", is_open=True))
    else:
        lines.append(line("root", _relative(Path(root), path), "as it was given"))
    return [*lines, ""]


def _known_images(found: Guesses, columns: list[Column]) -> tuple[str | None, str]:
    """Return the data set that names its images like the table."""
    named = next((one.value for one in found.made if one.key == "image" and not one.is_open), None)
    cells = next((one.cells.astype("str") for one in columns if one.name == named), None)
    for name, pattern in _IMAGE_NAMES.items():
        if cells is not None and cells.str.fullmatch(pattern, flags=re.IGNORECASE).all():
            return name, "its images are called so"
    return None, ""


def _text(file: Path, path: Path, head: list[str], found: Guesses, rest: Any, n_rows: int) -> str:
    """Return the run file."""
    name = folder_name(file.name.split(".")[0]) or "table"
    lines = [
        f"#:schema ./{SCHEMA_FILE}",
        f"# Written by cxraudit init from {short(file.name)}: {n_rows:,} rows.",
        "# Every line is a guess, with what was seen: check it.",
        f"# For editors that check keys: cxraudit run --schema > {SCHEMA_FILE}",
    ]
    lines += comments("To decide before it can be run:", found.missing)
    lines += [
        "",
        line("out", f"audit-{name}", "folder for everything"),
        line("seed", 0),
        "",
        *head,
        *scores_section(_relative(file, path), found.made),
        "",
        *audit_section(found.made),
        *comments("Columns that are not used:", [f"{name}: {what}" for name, what in rest.items()]),
    ]
    return "\n".join(lines) + "\n"


def _relative(file: Path, path: Path) -> str:
    """Return a path as the run file at `path` names it: from its folder, unless it was given as a whole."""
    try:
        return (
            file.as_posix()
            if file.is_absolute()
            else Path(os.path.relpath(file, path.parent)).as_posix()
        )
    except ValueError:  # on another drive
        return file.resolve().as_posix()


def _problem(path: Path) -> str:
    """Read what the run file describes, as an audit would; return why that is refused, if it is."""
    try:
        run = read_run_file(path)
        settings = AuditSettings(bins=run.audit.settings(run.seed).bins)
        read_pilot(settings=settings, **parameters_of(run))
    except CxrAuditError as error:
        return str(error)
    return ""
