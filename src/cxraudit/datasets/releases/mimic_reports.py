"""The sections of MIMIC-CXR reports, by the rules of the publishers.

The rules are those of ``mimic_cxr_sectioned.csv`` (MIT-LCP/mimic-cxr, ``txt/section_parser.py``), so
that "has a FINDINGS section" has its published meaning. That table is read where it exists, else the
reports, as a zip or as text files.
"""

import lzma
import re
import struct
import tomllib
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import IO, Any

import pandas as pd

from cxraudit.datasets.release import find_all
from cxraudit.datasets.release_table import find_table
from cxraudit.datasets.values import Values
from cxraudit.errors import DataError
from cxraudit.notices import Notice, counted

TABLE, ARCHIVE = "mimic_cxr_sectioned.csv*", "mimic-cxr-reports.zip"

_HEADER = re.compile(r"\n ([A-Z ()/,-]+):\s")
"""A line that begins with a space and has capitals before a colon."""

_REPORT = re.compile(r"s\d+\.txt")

LARGEST = 1_000_000
"""Bytes of a report; published ones have some thousands."""

_PARAGRAPH = "\n \n"
"""An empty line, which has one space in these reports."""


@cache
def _rules() -> dict[str, Any]:
    file = files("cxraudit.datasets.releases").joinpath("mimic_sections.toml")
    return tomllib.loads(file.read_text(encoding="utf-8"))


@cache
def section_of(header: str) -> str:
    """Return the section of a header; other headers are returned in lower case.

    Examples
    --------
    >>> section_of("FINDINS"), section_of("CHEST, PORTABLE AP"), section_of("WET READ")
    ('findings', 'findings', 'wet read')
    """
    name = header.lower().strip()
    for section, spellings in _rules()["headers"].items():
        if name in spellings:
            return section
    contained = _rules()["contained"]
    for section in contained["main"]:
        if section in name:
            return section
    return "findings" if any(word in name for word in contained["findings"]) else name


def sections(report: str) -> dict[str, str]:
    r"""Split a report into sections.

    Of several sections of one name, the last one with text counts. Where there is neither an
    impression nor a findings section, the text after the first empty line of the last section is the
    ``last_paragraph``.

    Parameters
    ----------
    report : str
        The text of the file, line ends as ``\n``.

    Returns
    -------
    dict of str to str
        Section → text without surrounding white space.
    """
    parts = _split(report)
    parts = [
        (name, text)
        for name, text in parts
        if text.strip() or name not in ("impression", "findings")
    ]
    if not {"impression", "findings"} & {name for name, _ in parts} and parts:
        name, text = parts[-1]
        head, gap, rest = text.partition(_PARAGRAPH)
        if gap:
            parts[-1:] = [(name, head), ("last_paragraph", rest)]
    return {name: text.strip() for name, text in parts}


def _split(report: str) -> list[tuple[str, str]]:
    """Return name and text of each section, in order."""
    match = _HEADER.search(report)
    if match is None:
        return [("full report", report)]
    parts = [("preamble", report[: match.start(1)])]
    while match:
        name, start = section_of(match[1]), match.end()
        # The publishers' parser searches the next header from the next line on.
        line_end = report.find("\n", start)
        match = _HEADER.search(report, max(line_end, start))
        parts.append((name, report[start : match.start() if match else len(report)]))
    return parts


def findings_texts(root: Path, studies: pd.DataFrame) -> Values:
    """Return the FINDINGS section of the report of each study; empty where there is none.

    Parameters
    ----------
    root : pathlib.Path
        Folder that contains ``mimic_cxr_sectioned.csv``, ``mimic-cxr-reports.zip`` or text files
        beside the images.
    studies : pandas.DataFrame
        ``subject_id`` and ``study_id`` as text, one row per study.

    Returns
    -------
    Values
        Text indexed by ``study_id``; line breaks are replaced by spaces. Notices count the studies
        without a report, and the reports that are no UTF-8.

    Raises
    ------
    DataError
        If there are no reports under `root`, or an archive is damaged.
    """
    ids = studies["study_id"].to_numpy(dtype=object)
    notices: list[Notice] = []
    if next(find_all(root, TABLE), None):
        found = _sectioned(root, notices)
    else:
        without = set(_rules()["by_hand"]["studies"])
        found = {
            study: "" if f"s{study}" in without else sections(text).get("findings", "")
            for study, text in _decoded(_reports(root, studies), notices)
        }
    if missing := [study for study in ids if study not in found]:
        stated = (
            f"Studies without a report, counted as without a FINDINGS section: {len(missing):,}, first "
            f"{missing[0]}."
        )
        notices.append(Notice(about="reports", count=len(missing), sentence=stated))
    texts = [" ".join(found.get(study, "").split()) for study in ids]
    return Values(pd.Series(texts, index=ids, dtype="str"), tuple(notices))


def _sectioned(root: Path, notices: list[Notice]) -> dict[str, str]:
    """Return study → findings by the publishers' table."""
    table = find_table(root, (TABLE,), hint="", columns=("study", "findings"), line_breaks=True)
    ids = table.ids("study", unique=True).str.removeprefix("s")
    notices.extend(table.notices)
    return dict(zip(ids, table.frame["findings"].fillna(""), strict=True))


def _decoded(
    reports: Iterable[tuple[str, bytes]], notices: list[Notice]
) -> Iterator[tuple[str, str]]:
    """Yield study and text; bytes that are no UTF-8 are replaced, which a notice counts."""
    replaced = []
    for study, data in reports:
        text = data.decode("utf-8", errors="replace").replace("\r\n", "\n")
        if "\ufffd" in text:
            replaced.append(study)
        yield study, text
    if replaced:
        stated = f"{counted(len(replaced), 'report')} not in UTF-8, first of study {replaced[0]}."
        notices.append(Notice(about="reports", count=len(replaced), sentence=stated))


def _reports(root: Path, studies: pd.DataFrame) -> Iterator[tuple[str, bytes]]:
    """Yield study and content of the reports that exist."""
    pairs = list(zip(studies["subject_id"], studies["study_id"], strict=True))
    if archive := next(find_all(root, ARCHIVE), None):
        try:
            with zipfile.ZipFile(archive) as reports:
                yield from _from_archive(reports, pairs)
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            OSError,
            RuntimeError,  # encrypted
            NotImplementedError,  # compressed in another way
            ValueError,  # of names that are no text, and of impossible sizes
            lzma.LZMAError,
            struct.error,
        ) as error:
            raise DataError(
                f"{archive} cannot be read: {error}. Download it again from PhysioNet."
            ) from None
        return
    folders = [folder for folder in find_all(root, "files") if folder.is_dir()]
    for folder in folders:
        paths = {study: folder / _relative_path(subject, study) for subject, study in pairs}
        if any(path.is_file() for path in list(paths.values())[:1000]):
            with ThreadPoolExecutor(8) as pool:
                contents = pool.map(_content, paths.values())
                yield from (
                    (study, data)
                    for study, data in zip(paths, contents, strict=True)
                    if data is not None
                )
            return
    raise DataError(
        f"no reports under {root}: neither {TABLE.rstrip('*')}, nor {ARCHIVE}, nor text files beside "
        "the images. Download mimic-cxr-reports.zip of MIMIC-CXR from PhysioNet, or omit the option "
        "that needs reports."
    )


def _relative_path(subject: str, study: str) -> str:
    return f"p{subject[:2]}/p{subject}/s{study}.txt"


def _from_archive(
    reports: zipfile.ZipFile, pairs: Iterable[tuple[str, str]]
) -> Iterator[tuple[str, bytes]]:
    members: dict[str, zipfile.ZipInfo] = {}
    for member in reports.infolist():
        name = member.filename.rpartition("/")[2]
        if name in members and _REPORT.fullmatch(name):
            raise DataError(f"{reports.filename} holds two files {name}. Keep one release.")
        members[name] = member
    for _, study in pairs:
        if member := members.get(f"s{study}.txt"):
            with reports.open(member) as handle:
                yield study, _limited(handle, f"{reports.filename}/{member.filename}")


def _limited(handle: IO[bytes], name: str) -> bytes:
    """Return the content of a report, never more than `LARGEST`, whatever an archive states."""
    data = handle.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise DataError(
            f"{name} is larger than {LARGEST:,} bytes, which is no report. Download it again from PhysioNet."
        )
    return data


def _content(path: Path) -> bytes | None:
    try:
        with path.open("rb") as handle:
            return _limited(handle, str(path))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(
            f"the report {path} cannot be read ({error.strerror}). Check its permissions."
        ) from None
