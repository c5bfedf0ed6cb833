"""Text that stays text in Markdown, whatever a name or a statement holds."""

import re
from collections.abc import Iterable, Sequence

from cxraudit.formatting import printed

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\\": "&#92;", "$": "&#36;", "|": "&#124;"}
_MARKS = re.compile(r"([*_`~\[\]])")
_BLOCK = re.compile(r"^([-+](?=\s|$)|-(?=-)|[#=]|\d+(?=[.)](\s|$)))")
"""What begins a list, a heading or an underline at the start of a line."""


class Markdown(str):
    """Text that is Markdown already."""

    __slots__ = ()


def as_markdown(value: object) -> Markdown:
    r"""Return a value as text on one line; `Markdown` as it is.

    Examples
    --------
    >>> as_markdown("a|b <i>$x$</i>"), as_markdown("age_group")
    ('a&#124;b &lt;i&gt;&#36;x&#36;&lt;/i&gt;', 'age\\_group')
    >>> as_markdown("# no heading"), as_markdown("1. no list")
    ('\\# no heading', '1\\. no list')
    """
    if isinstance(value, Markdown):
        return value
    text = " ".join(printed(str(value)).split())
    text = "".join(_ENTITIES.get(char, char) for char in text)
    text = _MARKS.sub(r"\\\1", text)
    return Markdown(_BLOCK.sub(_escaped_block, text))


def _escaped_block(found: re.Match[str]) -> str:
    return f"{found[1]}\\" if found[1].isdigit() else f"\\{found[1]}"


def paragraphs(text: str) -> Markdown:
    r"""Return a text of several paragraphs, each on one line.

    Examples
    --------
    >>> paragraphs("one\nline\n\n<b>two</b>")
    'one line\n\n&lt;b&gt;two&lt;/b&gt;'
    """
    parts = (as_markdown(part) for part in re.split(r"\n\s*\n", text.strip()))
    return Markdown("\n\n".join(parts))


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Markdown:
    """Return a table, with or without rows."""
    lines = [header, ["---"] * len(header), *rows]
    cells = (
        [as_markdown(cell) if at != 1 else cell for cell in line] for at, line in enumerate(lines)
    )
    return Markdown("\n".join(f"| {' | '.join(map(str, line))} |" for line in cells))


def bullets(items: Iterable[object]) -> Markdown:
    """Return a list."""
    return Markdown("\n".join(f"- {as_markdown(item)}" for item in items))


def link(text: str, target: str) -> Markdown:
    r"""Return a link; the target is percent-encoded already.

    Examples
    --------
    >>> link("a_b", "../report.html#data-x")
    '[a\\_b](<../report.html#data-x>)'
    """
    return Markdown(f"[{as_markdown(text)}](<{target}>)")


def code_block(text: str, language: str = "") -> Markdown:
    """Return a text as it is, between fences that it cannot close."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return Markdown(f"{fence}{language}\n{printed(text).strip()}\n{fence}")
