"""Audits in, one self-contained HTML page out."""

import base64
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from os import PathLike
from pathlib import Path

from markupsafe import Markup

from cxraudit.audits.result import Audit
from cxraudit.charts.html import style as chart_style
from cxraudit.errors import ConfigError
from cxraudit.files import folder_name, package_version, write_text
from cxraudit.formatting import listed, printed
from cxraudit.report.anchors import chapter_anchor, section_anchor
from cxraudit.report.blocks import Section
from cxraudit.report.facts import facts_of
from cxraudit.report.sections import CLOSING, OPENING, SECTIONS
from cxraudit.report.sections.context import Context, context_of
from cxraudit.report.templates import part, template


@dataclass(frozen=True, slots=True)
class Chapter:
    """The part of the page about one audit."""

    title: str
    id: str
    lead: str
    sections: Sequence[Section]

    def anchor(self, section: Section) -> str:
        """Return the id of one of its sections on the page."""
        return section_anchor(self.id, section.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a page shows, whatever draws it."""

    audits: Sequence[Audit]
    title: str
    opening: Sequence[Section]
    chapters: Sequence[Chapter]
    closing: Sequence[Section]


def write_report(audits: Audit | Sequence[Audit], path: str | PathLike[str]) -> Path:
    """Write the report on one or more audits.

    Parameters
    ----------
    audits : Audit or sequence of Audit
        What to report on, one chapter each.
    path : str or path
        The HTML file; it holds everything and requests nothing.

    Returns
    -------
    pathlib.Path
        The HTML file.

    Raises
    ------
    TypeError
        If `audits` or `path` is of another type.
    ConfigError
        If there is no audit, or `path` is a folder.
    """
    page = content_of(audits)
    target = as_path(path, "path")
    if target.is_dir():
        raise ConfigError(
            f"{target} is a folder. Name the HTML file to write, for instance {target / 'report.html'}."
        )
    script, style = part("report.js"), part("report.css") + chart_style()
    html = template("report.html.j2").render(
        script=Markup(script),
        script_hash=_content_hash(script),
        style=Markup(style),
        title=page.title,
        opening=page.opening,
        chapters=page.chapters,
        closing=page.closing,
        synthetic=any(audit.facts.get("truth") for audit in page.audits),
        version=package_version(),
        made_at=max(str(audit.manifest.get("made_at", "")) for audit in page.audits),
    )
    # A cell ends where the next begins: of tens of thousands of cells the end tags are much.
    short = printed(html).replace("</td><td>", "<td>").replace("</td></tr>", "</tr>")
    return write_text(target, short)


def content_of(audits: Audit | Sequence[Audit]) -> Content:
    """Return what a page on some audits shows.

    Raises
    ------
    TypeError
        If `audits` is of another type.
    ConfigError
        If there is no audit.
    """
    chosen = _checked(audits)
    drawn: Counter[str] = Counter()
    contexts = [
        context_of(audit, name, drawn)
        for audit, name in zip(chosen, _chapter_names(chosen), strict=True)
    ]
    return Content(
        audits=chosen,
        title=_title(contexts),
        opening=[one.build(chosen, contexts) for one in OPENING],
        chapters=[
            _chapter(audit, context) for audit, context in zip(chosen, contexts, strict=True)
        ],
        closing=[one.build(chosen, contexts) for one in CLOSING],
    )


def _checked(audits: object) -> list[Audit]:
    chosen = [audits] if isinstance(audits, Audit) else audits
    if not isinstance(chosen, Sequence) or isinstance(chosen, str):
        raise TypeError(
            f"audits must be an Audit or a sequence of them, got {type(audits).__name__}."
        )
    for one in chosen:
        if not isinstance(one, Audit):
            raise TypeError(
                f"audits must be an Audit or a sequence of them, got a {type(chosen).__name__} with "
                f"{type(one).__name__}."
            )
    if not chosen:
        raise ConfigError("there is no audit to report on. Give write_report at least one.")
    return list(chosen)


def as_path(path: object, name: str) -> Path:
    """Return a path that a user gave as `name`."""
    if not isinstance(path, (str, PathLike)):
        raise TypeError(f"{name} must be a str or a path, got {type(path).__name__}.")
    return Path(path)


def _chapter_names(audits: Sequence[Audit]) -> list[str]:
    """Name each chapter by its data set; numbered where one data set was audited twice."""
    names = [facts_of(audit).dataset for audit in audits]
    found: list[str] = []
    for name in names:
        numbered = (f"{name} {k}" for k in count(1))
        # What file names are made of must differ, too.
        taken = {folder_name(one) for one in (*found, *(n for n in names if n != name))}
        free = name if names.count(name) == 1 and folder_name(name) not in taken else ""
        found.append(free or next(one for one in numbered if folder_name(one) not in taken))
    return found


def _title(contexts: Sequence[Context]) -> str:
    models = list(dict.fromkeys(name for one in contexts for name in one.tested or one.models))
    return (
        f"Fairness and robustness audit: {listed(models)} on {listed([c.name for c in contexts])}"
    )


def _chapter(audit: Audit, context: Context) -> Chapter:
    built = [module.build(audit, context) for module in SECTIONS]
    return Chapter(
        title=context.name,
        id=chapter_anchor(context.name),
        lead=f"{context.facts.counts}; {context.facts.estimand}; {', '.join(audit.facts['findings'])}.",
        sections=[section for section in built if section is not None],
    )


def _content_hash(script: str) -> str:
    """Return what allows this script and no other on the page (Content Security Policy)."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
