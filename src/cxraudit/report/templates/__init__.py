"""Templates of pages, with their style and script."""

from functools import cache
from importlib.resources import files

import jinja2


def part(name: str) -> str:
    """Return a part of a page that is the same on every page: its style or its script."""
    return (files(__name__) / name).read_text(encoding="utf-8")


@cache
def template(name: str) -> jinja2.Template:
    """Return a template; what it is given is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("cxraudit.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(name)
