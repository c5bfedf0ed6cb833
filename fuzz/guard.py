"""Watching the program while it handles a case: executed code, hangs, and files outside of the case."""

import faulthandler
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SECONDS = 60
"""Longer than this is a hang."""

MARKER = "EXECUTED"
"""File that every planted payload makes in the folder of its case."""

STACKS = "-stacks.txt"
"""End of the name of the file, beside the folder of a case, with where its threads are if it hangs."""

_TEMPORARY = f"{tempfile.gettempdir()}/tmp"
"""Start of the names of temporary files; asking for it inside of the hook would wait for itself."""

_STARTS = (
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.startfile",
    "pty.spawn",
    "subprocess.Popen",
)
_CONNECTS = ("socket.connect", "socket.getaddrinfo", "urllib.Request")
_REMOVES = ("os.remove", "os.rmdir", "shutil.rmtree")


class TookTooLong(BaseException):
    """The case ran longer than `SECONDS`; no handler of errors should catch it."""


class _Watch:
    """What the audit hook of this process looks at; a hook cannot be removed again."""

    folder: Path | None = None
    seen: list[tuple[str, str]]

    def __init__(self) -> None:
        self.seen = []
        self.installed = False

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.folder is None:
            return
        if event in _STARTS:
            self.seen.append(("executed code", f"{event}{arguments!r}"[:500]))
        elif event in _CONNECTS and "AF_UNIX" not in repr(arguments):
            self.seen.append(("connected", f"{event}{arguments!r}"[:500]))
        elif event in ("exec", "compile"):
            self._code(arguments)
        elif event == "open":
            self._opened(*arguments[:3])
        elif event in _REMOVES and not self._inside(arguments[0]):
            self.seen.append(("wrote outside", f"{event} {arguments[0]}"))

    def _code(self, arguments: tuple[Any, ...]) -> None:
        """Report code that comes from the folder of the case."""
        name = getattr(arguments[0], "co_filename", arguments[1] if len(arguments) > 1 else "")
        if str(self.folder) in str(name):
            self.seen.append(("executed code", str(name)))

    def _opened(self, path: object, mode: object, flags: object) -> None:
        writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if writes and isinstance(path, (str, bytes, os.PathLike)) and not self._inside(path):
            self.seen.append(("wrote outside", f"{path!r}"))

    def _inside(self, path: Any) -> bool:
        """Tell whether a path is in the folder of the case, or where libraries keep their caches."""
        try:
            resolved = os.path.realpath(os.fsdecode(path))
        except (TypeError, ValueError):
            return True
        caches = (
            "__pycache__",
            "/dev/null",
            "matplotlib",
            ".cache",
            _TEMPORARY,
        )
        return resolved.startswith(str(self.folder)) or any(one in resolved for one in caches)


_WATCH = _Watch()


@contextmanager
def watched(folder: Path, *, seconds: int = SECONDS) -> Iterator[list[tuple[str, str]]]:
    """Yield the faults that are seen while the block runs; add a hang, and executed payloads, at its end."""
    if not _WATCH.installed:
        sys.addaudithook(_WATCH.hook)
        _WATCH.installed = True
    _WATCH.seen = []
    stacks = folder.with_name(f"{folder.name}{STACKS}")
    with stacks.open("w") as log:

        def interrupt(*_: object) -> None:
            faulthandler.dump_traceback(file=log, all_threads=True)
            raise TookTooLong

        before = signal.signal(signal.SIGALRM, interrupt)
        # Where Python cannot interrupt a library: the process ends, and its parent reports the case.
        faulthandler.dump_traceback_later(2 * seconds, exit=True, file=log)
        signal.alarm(seconds)
        _WATCH.folder = Path(os.path.realpath(folder))
        try:
            yield _WATCH.seen
        except TookTooLong:
            where = stacks.read_text(encoding="utf-8")
            _WATCH.seen.append(("hang", f"more than {seconds} s\n{where}"))
        finally:
            _WATCH.folder = None
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)
            faulthandler.cancel_dump_traceback_later()
    stacks.unlink()
    if (folder / MARKER).exists():
        _WATCH.seen.append(("executed code", f"{MARKER} was made"))
