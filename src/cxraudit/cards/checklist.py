"""Reporting checklists, item by item: what the audit answers, and what the authors have to complete."""

import csv
import io
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from os import PathLike, path
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import pandas as pd
from markupsafe import Markup
from pydantic import Strict

from cxraudit.audits.result import Audit
from cxraudit.cards.data import text_of
from cxraudit.cards.filling import Filled, Status, filled
from cxraudit.cards.markdown import Markdown, as_markdown, link, table
from cxraudit.cards.places import places
from cxraudit.cards.subject import Subject, subject_of
from cxraudit.cards.templates import html_template, markdown_template
from cxraudit.cards.writing import demand_suffix, write_all
from cxraudit.errors import UnknownNameError
from cxraudit.files import package_version
from cxraudit.formatting import printed
from cxraudit.report.about import About
from cxraudit.report.templates import part
from cxraudit.spreadsheets import escaped
from cxraudit.validation import Described, Name, Names, validated

GUIDELINES = ("stard-ai", "claim", "tripod-ai")
OPEN = "To be completed by the authors."
REMAINDER = "To be completed by the authors where this leaves it open."
SUFFIXES = (".md", ".html", ".csv")


class Item(Described):
    """One item of a guideline."""

    number: Name
    section: Name
    topic: Name
    """In words of our own; the guideline has the text that counts."""
    facts: str = ""
    """Key of `cxraudit.cards.answers.ANSWERS`."""
    stated: Names = ()
    """Keys of `cxraudit.report.about.About`."""


class Guideline(Described):
    """A reporting guideline and its items."""

    name: Name
    about: Name
    source: Name
    doi: Name
    items: Annotated[tuple[Item, ...], Strict(False)]


@cache
def guideline_of(name: str) -> Guideline:
    """Return a guideline.

    Raises
    ------
    UnknownNameError
        If there is none of this name.
    """
    if name not in GUIDELINES:
        raise UnknownNameError("checklist", name, GUIDELINES)
    file = f"{name}.toml"
    data = tomllib.loads(text_of(file))
    return validated(Guideline, data, Path(file), see="cxraudit checklist --help")


@dataclass(frozen=True, slots=True)
class Entry:
    """An item as it is shown."""

    item: Item
    found: Filled
    places: tuple[tuple[str, str], ...]
    """Words and target of each place; the target is empty where there is nothing to link to."""

    @property
    def texts(self) -> list[str]:
        """What is stated, what the audit contains, and what is left to the authors."""
        stated = [f"Stated: {text}" for text in self.found.stated]
        audited = [self.found.answer.text] if self.found.answer else []
        left = {Status.OPEN: [OPEN], Status.PARTLY: [REMAINDER]}
        return [*stated, *audited, *left.get(self.found.status, [])]


def write_checklist(
    audit: Audit,
    file: str | PathLike[str],
    *,
    guideline: str,
    model: str | None = None,
    about: About | None = None,
    report: str | PathLike[str] | None = None,
    overwrite: bool = False,
    inputs: Sequence[Path] = (),
) -> Path:
    """Write a reporting checklist, filled as far as an audit goes.

    Parameters
    ----------
    audit : Audit
        The audit; small cells that are hidden stay hidden.
    file : str or path
        A file that ends in .md, .html or .csv. One that cxraudit wrote is replaced if it is unchanged.
    guideline : str
        ``stard-ai``, ``claim`` or ``tripod-ai``.
    model : str, optional
        The model, where the audit has several besides the null model.
    about : About, optional
        What the authors state; default: nothing, and the items say so.
    report : str or path, optional
        The HTML report on this audit, which places link to; default: places are named.
    overwrite : bool
        Replace a file that others wrote or changed.
    inputs : sequence of pathlib.Path
        Files that are never replaced.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    ConfigError
        If the file may not be replaced or ends in something else, or the model is not clear.
    UnknownNameError
        If there is no such guideline or model.
    """
    out, chosen = Path(file), guideline_of(guideline)
    demand_suffix(out, SUFFIXES, "a checklist")
    subject = subject_of(audit, model, about)
    page = None if report is None else _relative(Path(report), out.parent)
    entries = entries_of(subject, chosen, page)
    make = {".md": as_text, ".html": as_html, ".csv": as_csv}[out.suffix]
    (written,) = write_all(
        {out: make(subject, chosen, entries)}, overwrite=overwrite, inputs=inputs
    )
    return written


def _relative(page: Path, folder: Path) -> str:
    """Return the address of a page as a document in a folder links to it."""
    return quote(Path(path.relpath(page.resolve(), folder.resolve())).as_posix())


def entries_of(subject: Subject, guideline: Guideline, page: str | None) -> list[Entry]:
    """Return every item of a guideline, once, with what is known of it."""
    return [_entry(subject, item, page) for item in guideline.items]


def _entry(subject: Subject, item: Item, page: str | None) -> Entry:
    found = filled(subject, item.facts, item.stated)
    where = places(subject, found.answer, page) if found.answer else ()
    return Entry(item, found, tuple(where))


def _counts(entries: Sequence[Entry]) -> str:
    n = Counter(one.found.status for one in entries)
    return ", ".join(f"{n[status]} {status}" for status in Status)


def _context(subject: Subject, guideline: Guideline, entries: Sequence[Entry]) -> dict[str, object]:
    """Return what templates of both formats show besides the items."""
    return {
        "guideline": guideline,
        "doi": f"https://doi.org/{guideline.doi}",
        "title": f"{guideline.name}: {subject.model} on {subject.facts.dataset}",
        "version": package_version(),
        "made_at": str(subject.audit.manifest.get("made_at", "")),
        "synthetic": subject.synthetic,
        "suppression": subject.facts.suppression,
        "counts": _counts(entries),
        "total": len(entries),
    }


def _by_section(entries: Sequence[Entry]) -> list[tuple[str, list[Entry]]]:
    grouped = groupby(entries, key=lambda one: one.item.section)
    return [(section, list(part)) for section, part in grouped]


def as_text(subject: Subject, guideline: Guideline, entries: Sequence[Entry]) -> str:
    """Return a checklist as Markdown."""
    header = ("item", "topic", "status", "answer", "where")
    sections = [
        (section, table(header, [_cells(one) for one in part]))
        for section, part in _by_section(entries)
    ]
    context = _context(subject, guideline, entries)
    context["doi"] = link(f"doi:{guideline.doi}", str(context["doi"]))
    return markdown_template("checklist.md.j2").render(sections=sections, **context)


def _cells(one: Entry) -> list[object]:
    texts = Markdown("<br>".join(map(as_markdown, one.texts)))
    where = [link(words, target) if target else as_markdown(words) for words, target in one.places]
    return [one.item.number, one.item.topic, one.found.status, texts, Markdown("<br>".join(where))]


def as_html(subject: Subject, guideline: Guideline, entries: Sequence[Entry]) -> str:
    """Return a checklist as one page that requests nothing."""
    html = html_template("checklist.html.j2").render(
        style=Markup(part("report.css")),
        sections=_by_section(entries),
        **_context(subject, guideline, entries),
    )
    return printed(html)


def as_csv(subject: Subject, guideline: Guideline, entries: Sequence[Entry]) -> str:
    """Return a checklist as a table for a spreadsheet, whose cells it does not run."""
    rows = [
        {
            "guideline": guideline.name,
            "doi": guideline.doi,
            "model": subject.model,
            "section": one.item.section,
            "item": one.item.number,
            "topic": one.item.topic,
            "status": one.found.status.value,
            "answer": "\n".join(one.texts),
            "where": "\n".join(target or words for words, target in one.places),
        }
        for one in entries
    ]
    text = io.StringIO()
    escaped(pd.DataFrame(rows)).to_csv(
        text, index=False, lineterminator="\n", quoting=csv.QUOTE_ALL
    )
    return printed(text.getvalue())
