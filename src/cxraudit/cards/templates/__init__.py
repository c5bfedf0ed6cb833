"""Templates of cards and checklists."""

from collections.abc import Callable

import jinja2

from cxraudit.cards.markdown import as_markdown


def markdown_template(name: str) -> jinja2.Template:
    """Return a template of Markdown: what it is given stays text, unless it is Markdown already."""
    return _environment(as_markdown, autoescape=False).get_template(name)


def html_template(name: str) -> jinja2.Template:
    """Return a template of HTML; what it is given is escaped."""
    return _environment(None, autoescape=True).get_template(name)


def _environment(
    finalize: Callable[[object], str] | None, *, autoescape: bool
) -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("cxraudit.cards"),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        finalize=finalize,
        autoescape=autoescape,
    )
