"""Files of models are untrusted: what each is checked for before, and while, a library reads it.

Whatever a library raises on a damaged or a malicious file becomes one sentence that names the file and what
to do. No code in a file is ever run.
"""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cxraudit.errors import CxrAuditError, DataError, shown

START = 200
"""Bytes that are enough to recognise what a file is."""
LARGEST_TEXT = 64 * 2**20
"""Bytes of the largest configuration or vocabulary; the largest published one has 34 MB."""
LONGEST_REASON = 160

AGAIN = "Download it again."


@contextmanager
def one_sentence(what: str, remedy: str) -> Iterator[None]:
    """Turn whatever a library raises into one `DataError`: what, the library's reason, and the remedy.

    Panics of libraries written in Rust are no `Exception`, so everything is caught but what stops a program.
    """
    try:
        yield
    except (CxrAuditError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:
        raise DataError(f"{what} ({reason(error)}). {remedy}") from None


def reason(error: BaseException) -> str:
    """Return the first line of a message, or the kind of error if it has none."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    first = lines[0].rstrip(".:") if lines else ""
    return first[:LONGEST_REASON] or type(error).__name__


def first_bytes(path: Path, *, remedy: str = AGAIN, name: str = "") -> bytes:
    """Return the first bytes of a file.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    remedy : str
        What to do if it is not the file it should be.
    name : str
        What messages call it; default: its path.

    Raises
    ------
    DataError
        If it is missing or not a regular file, cannot be opened, is empty, or is a web page or a Git LFS
        pointer in the place of the file.
    """
    name = name or str(path)
    if not path.is_file():
        raise DataError(f"{name} {'is not a file' if path.exists() else 'is missing'}. {remedy}")
    with (
        one_sentence(f"{name} cannot be opened", "Check its permissions."),
        path.open("rb") as file,
    ):
        start = file.read(START)
    if not start:
        raise DataError(f"{name} is empty. {remedy}")
    if start.startswith(b"version https://git-lfs"):
        raise DataError(
            f"{name} is a Git LFS pointer, not the file itself. Fetch the file it points to."
        )
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<!--")):
        raise DataError(f"{name} is a web page, not the file itself. Download the file itself.")
    return start


def read_text(path: Path, *, remedy: str = AGAIN) -> str:
    """Read a text file of a model: UTF-8, of a size that such a file can have.

    Raises
    ------
    DataError
        As `first_bytes`, or if it is larger than `LARGEST_TEXT` or not UTF-8.
    """
    first_bytes(path, remedy=remedy)
    if path.stat().st_size > LARGEST_TEXT:
        raise DataError(
            f"{path} has {path.stat().st_size:,} bytes; no such file has more than "
            f"{LARGEST_TEXT:,}. {remedy}"
        )
    with one_sentence(f"{path} is not text in UTF-8", remedy):
        return path.read_text(encoding="utf-8")


def read_json(path: Path, *, remedy: str = AGAIN) -> dict[str, Any]:
    """Read a JSON object; a key that is given twice is refused, since only one could be used.

    Raises
    ------
    DataError
        As `read_text`, or if it is not valid JSON, or not an object.
    """
    text = read_text(path, remedy=remedy)
    with one_sentence(f"{path} is not valid JSON", remedy):
        content = json.loads(text, object_pairs_hook=_unique)
    if not isinstance(content, dict):
        raise DataError(f"{path} holds {shown(content)}, not a JSON object. {remedy}")
    return content


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        (twice, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"the key {twice!r} is given twice")
    return found
