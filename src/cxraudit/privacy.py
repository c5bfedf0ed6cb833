"""What a file says of the machine it was made on, and who may read it.

Manifests, tables and reports are handed on: they name no folder of the user's beyond the one they lie in.
Files of a run hold data of patients: only the user, and the group where the umask allows it, has access to
them.
"""

import os
import re
import shlex
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

_NO_ACCESS_FOR_OTHERS = 0o007
_FILE, _FOLDER = 0o660, 0o770

_FOLDERS = re.compile(
    r"(?:^|(?<=[=:,;\s'\"(\[@]))"  # at the beginning, or after NAME=, hf-clip: and the like
    r"(?:~[^/\\]*[/\\]|\.{0,2}/|[A-Za-z]:[/\\]|\\\\)(?=\S)"  # ~/, ./, ../, /, C:\ or \\
    r"(?:.*[/\\](?=[^/\\]))?",
    re.DOTALL,
)
"""The folders of a path that says where it begins."""
_ON_THE_WEB = re.compile(r"\b(?:https?|ftp|s3|gs)://")

SHORTENED = "…/"
"""Stands for the folders that are left out of a path in a recorded command."""


def shown_path(path: Path, folder: Path) -> str:
    """Return how a file in `folder` names another one: relative where it lies near, else its name only.

    Examples
    --------
    >>> work = Path("/home/jane/work")
    >>> shown_path(work / "audit" / "table.csv", work), shown_path(work / "a.csv", work / "audit")
    ('audit/table.csv', '../a.csv')
    >>> shown_path(Path("/data/clinic/a.csv"), work)
    'a.csv'
    """
    absolute, base = _absolute(path), _absolute(folder)
    if absolute.is_relative_to(base):
        return absolute.relative_to(base).as_posix()
    if absolute.parent == base.parent:
        return f"../{absolute.name}"
    return absolute.name


def _absolute(path: Path) -> Path:
    """Return a path without ``..``, and with links as they are named."""
    return Path(os.path.normpath(path.absolute()))


def shown_command(arguments: Iterable[str]) -> str:
    """Return a command as it is typed in a shell, with the folders of all paths left out.

    Examples
    --------
    >>> shown_command(["cxraudit", "audit", "/home/jane/s.csv", "--option", "reports=/data/r", "--seed", "1"])
    'cxraudit audit …/s.csv --option reports=…/r --seed 1'
    """
    return " ".join(map(_quoted, map(_shown_argument, arguments)))


def _quoted(argument: str) -> str:
    """Quote an argument where a shell needs it; the mark of left-out folders needs no quotes."""
    plain = argument.replace("…", "")
    return argument if shlex.quote(plain) == plain else shlex.quote(argument)


def _shown_argument(argument: str) -> str:
    """Leave out the folders of the paths in an argument."""
    if _ON_THE_WEB.search(argument):
        return argument
    shortened = _FOLDERS.sub(SHORTENED, argument)
    if shortened != argument:
        return shortened
    name, equals, value = argument.rpartition("=")
    parent, below = os.path.split(value.rstrip("/"))
    if parent and Path(parent).is_dir():  # a path below the working folder, not words with a slash
        return f"{name}{equals}{SHORTENED}{below}"
    return argument


def shown_model(spec: str) -> str:
    """Return the name of a model in results: of a folder of weights, its name alone.

    Examples
    --------
    >>> shown_model("hf-clip:/data/jane/clip+bf16"), shown_model("hf-clip:google/siglip")
    ('hf-clip:clip+bf16', 'hf-clip:google/siglip')
    """
    kind, colon, rest = spec.partition(":")
    where, *options = re.split(r"(?=[@+][^/\\]*$)", rest, maxsplit=1)
    path = Path(where)
    if not colon or not (path.is_dir() or _FOLDERS.match(where)):
        return spec
    return f"{kind}:{path.name}{''.join(options)}"


def without_folders(text: str, *paths: Path | str) -> str:
    """Return a text in which files and folders below the folders of `paths` are named without them.

    Parameters
    ----------
    text : str
        For instance the message of an error.
    *paths : pathlib.Path or str
        Files or folders that the text may name; links are followed, too, as libraries do.

    Examples
    --------
    >>> without_folders("/data/jane/1.png cannot be decoded.", "/data/jane/1.png")
    '1.png cannot be decoded.'
    """
    if not text:
        return text
    folders: set[str] = set()
    for path in map(Path, filter(None, map(str, paths))):
        forms = [path, _absolute(path)]
        with suppress(OSError, ValueError):  # a name can hold what no path can
            forms.append(Path(os.path.realpath(path)))
        folders.update(f"{form.parent}{os.sep}" for form in forms if form.parent.name)
    for folder in sorted(folders, key=len, reverse=True):
        text = text.replace(folder, "")
    return text


def common_folder(paths: Iterable[str]) -> Path:
    """Return the folder that some files lie below; the working folder if they have none in common.

    Examples
    --------
    >>> common_folder(["/data/a/1.png", "/data/b/c/2.png", ""]).as_posix()
    '/data'
    """
    folders = sorted({os.path.split(path)[0] for path in paths if path})
    try:
        return Path(os.path.commonpath(folders) if folders else "")
    except ValueError:  # on several drives
        return Path()


def shown_ids(ids: Sequence[str]) -> list[str]:
    """Return identifiers as tables that are handed on have them: paths without the folder of all.

    Examples
    --------
    >>> shown_ids(["/home/jane/a/1.png", "/home/jane/b/1.png", "7"])
    ['a/1.png', 'b/1.png', '7']
    """
    paths = {one: Path(one) for one in ids if Path(one).is_absolute()}
    folder = common_folder(paths)
    return [paths[one].relative_to(folder).as_posix() if one in paths else one for one in ids]


def make_folder(path: Path) -> None:
    """Make a folder, and those it lies in, without access for others; existing ones stay as they are.

    Raises
    ------
    OSError
        If it cannot be made.
    """
    for folder in reversed(path.parents):
        if not folder.exists():
            folder.mkdir(mode=_FOLDER, exist_ok=True)
    path.mkdir(mode=_FOLDER, exist_ok=True)


def new_file(path: Path) -> None:
    """Make an empty file without access for others, or take the access from the one that is there."""
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, _FILE))
    restrict(path)


def restrict(path: Path) -> None:
    """Take from others the access to a file; nothing happens on file systems without permissions."""
    with suppress(OSError):
        mode = path.stat().st_mode
        if mode & _NO_ACCESS_FOR_OTHERS:
            path.chmod(mode & ~_NO_ACCESS_FOR_OTHERS)
