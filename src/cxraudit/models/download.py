"""Downloads of published checkpoints: verified before they take their place.

A file is written below ``.download`` in the folder of the model and gets its name only when size and
checksum are those of the card. An interrupted download of a file with a checksum continues where it stopped.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from cxraudit.errors import ConfigError, DataError, MissingExtraError
from cxraudit.files import write_text
from cxraudit.models import untrusted
from cxraudit.models.base import ModelCard, WeightFile
from cxraudit.models.weights import checksum, find, folder_of

ANEW = "Delete it, and download it again."
PARTS, RECORD = ".download", "downloaded.json"
HUB = "https://huggingface.co"
HUB_ADDRESS = re.compile(re.escape(HUB) + r"/[^/]+/[^/]+/resolve/[^/]+/.+")
CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
REDIRECTIONS = 10
ATTEMPTS = 5
SECONDS = 30
"""Without an answer or a further byte."""
LARGEST = 32 * 2**30
"""Bytes of a file whose size is neither published nor announced."""
CHUNK = 2**20
WHOLE, PARTIAL, NOT_SATISFIABLE = 200, 206, 416

Tracker = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""Opens a progress bar: (description, total) → function called with the number of bytes received."""


@dataclass(frozen=True, slots=True)
class Downloaded:
    """One file of a checkpoint in its place."""

    path: Path
    sha256: str
    published: bool
    """Whether it was compared with a published checksum."""


def verify(card: ModelCard, folder: Path | None = None) -> list[str]:
    """Compare sizes and checksums with the card; return a line for each file.

    A file without a published checksum is compared with the one that was recorded when `fetch`
    downloaded it.

    Raises
    ------
    DataError
        At the first file that is missing or differs.
    """
    folder = folder or folder_of(card)
    recorded = _recorded(folder)
    lines = []
    for file in card.files:
        path = find(card, file, folder)
        kind = _compare(path, file, str(path), ANEW)
        known = recorded.get(file.name)
        if kind:
            checked = f"{kind} as published"
        elif known is None:
            checked = "no checksum is published"
        else:
            found = checksum(path)
            if found != known:
                raise DataError(
                    f"{path} has sha256 {found}; when it was downloaded it had {known}. {ANEW}"
                )
            checked = "sha256 as when it was downloaded; none is published"
        lines.append(f"{path.name}: {path.stat().st_size:,} bytes, {checked}")
    return lines


def _compare(path: Path, file: WeightFile, name: str, remedy: str) -> str:
    """Compare a file with the published size and checksums; return the kind of checksum, if any."""
    untrusted.first_bytes(path, remedy=remedy, name=name)
    size = path.stat().st_size
    if file.size is not None and size != file.size:
        raise DataError(
            f"{name} has {size:,} bytes; the published file has {file.size:,}. {remedy}"
        )
    kinds = [kind for kind in ("sha256", "md5") if getattr(file, kind)]
    for kind in kinds:
        found, expected = checksum(path, kind), getattr(file, kind)
        if found != expected:
            raise DataError(
                f"{name} has {kind} {found}; the published file has {expected}. {remedy}"
            )
    return kinds[0] if kinds else ""


def _recorded(folder: Path) -> dict[str, str]:
    """Return file → SHA-256 of what was downloaded into a folder."""
    path = folder / RECORD
    if not path.is_file():
        return {}
    known = untrusted.read_json(path, remedy="Delete it.")
    return {name: value for name, value in known.items() if isinstance(value, str)}


def fetch(
    card: ModelCard,
    folder: Path | None = None,
    *,
    endpoint: str | None = None,
    unverified: bool = False,
    insecure: bool = False,
    track: Tracker | None = None,
) -> list[Downloaded]:
    """Download the missing files of a checkpoint, and verify all.

    Parameters
    ----------
    card : ModelCard
        Card of the checkpoint.
    folder : pathlib.Path, optional
        Target folder; default: `folder_of`.
    endpoint : str, optional
        Address of a mirror of the hub.
    unverified : bool
        Also download files without a published checksum.
    insecure : bool
        Allow addresses that are not https.
    track : callable, optional
        Opens a progress bar per file.

    Raises
    ------
    DataError
        If a file has no direct download or no checksum, a download fails, or what arrives is not the
        published file; then nothing has the name of the file.
    ConfigError
        If an address is not https.
    """
    folder = folder or folder_of(card)
    by_hand = [file.name for file in card.files if not HUB_ADDRESS.fullmatch(file.url)]
    if by_hand:
        raise DataError(
            f"{card.name} has no direct download. Download it from {card.weights}, under its licence "
            f"({card.license}), and put {', '.join(by_hand)} into {folder}."
        )
    hub = _hub(endpoint)
    wanted = [file for file in card.files if not (folder / file.name).is_file()]
    unknown = [file.name for file in wanted if not (file.sha256 or file.md5)]
    if unknown and not unverified:
        raise DataError(
            f"no checksum is published for {', '.join(unknown)} of {card.name}, so that a download cannot "
            "be verified. Add --unverified to download all the same; its checksum is then recorded."
        )
    for file in wanted:
        address = hub + file.url.removeprefix(HUB)
        _download(file, folder, address, insecure=insecure, track=track)
    verify(card, folder)
    return [
        Downloaded(folder / file.name, checksum(folder / file.name), bool(file.sha256 or file.md5))
        for file in card.files
    ]


def _hub(endpoint: str | None) -> str:
    """Return the address of the hub or of its mirror."""
    try:
        from huggingface_hub import constants
    except ImportError:
        raise MissingExtraError("downloading weights", "models") from None
    return (endpoint or constants.ENDPOINT).rstrip("/")


def require_https(address: str, *, insecure: bool) -> None:
    """Refuse an address that is not https, unless plain http is allowed.

    Raises
    ------
    ConfigError
        If it is of another kind.
    """
    scheme = urlsplit(address).scheme.lower()
    if scheme == "https" or (scheme == "http" and insecure):
        return
    if scheme == "http":
        raise ConfigError(
            f"{address} is plain http, where anyone on the way can change what arrives. Use https, or "
            "add --insecure."
        )
    raise ConfigError(f"{address} is no https address. Give one that begins with https://.")


def _download(
    file: WeightFile, folder: Path, address: str, *, insecure: bool, track: Tracker | None
) -> None:
    """Download one file, verify it, and only then give it its name."""
    require_https(address, insecure=insecure)
    target = folder / file.name
    part = folder / PARTS / (file.name.replace("/", "-") + ".part")
    part.parent.mkdir(parents=True, exist_ok=True)
    if not (file.sha256 or file.md5):
        part.unlink(missing_ok=True)  # whether it is the beginning of the same file is not known
    resumed = part.exists()
    with untrusted.one_sentence(
        f"{address} cannot be downloaded",
        f"Try again later, or download it by hand into {folder}.",
    ):
        _receive(address, part, file, insecure=insecure, track=track)
    try:
        _compare(part, file, f"what {address} sent", "Try again later, or use another server.")
    except DataError:
        part.unlink(missing_ok=True)
        if not resumed:
            raise
        _download(file, folder, address, insecure=insecure, track=track)
        return
    record = {**_recorded(folder), file.name: checksum(part)}
    write_text(folder / RECORD, json.dumps(record, indent=2) + "\n")
    target.parent.mkdir(parents=True, exist_ok=True)
    part.replace(target)
    with suppress(OSError):
        part.parent.rmdir()  # unless another download is in it


class ConnectionCutError(Exception):
    """The connection ended before the file did."""


class RestartError(Exception):
    """What is here is not the beginning of the file, and was deleted."""


def _receive(
    address: str, part: Path, file: WeightFile, *, insecure: bool, track: Tracker | None
) -> None:
    """Append to a part until it is complete; a connection that is cut is opened again."""
    for attempt in range(ATTEMPTS):
        before = _size(part)
        try:
            _append(address, part, file, insecure=insecure, track=track)
            return
        except RestartError:
            continue
        except ConnectionCutError:
            if attempt == ATTEMPTS - 1 or _size(part) <= before:
                raise


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _append(
    address: str, part: Path, file: WeightFile, *, insecure: bool, track: Tracker | None
) -> None:
    """Request what is missing of a part and append it."""
    start = _size(part)
    if start and start == file.size:
        return
    with _answer(address, start, insecure=insecure) as response:
        if start and response.status_code == NOT_SATISFIABLE:
            part.unlink()  # as long as the file, or longer: not its beginning
            raise RestartError
        if response.status_code not in (WHOLE, PARTIAL):
            raise ValueError(f"the server answers with status {response.status_code}")
        start = start if response.status_code == PARTIAL else 0
        total = _announced(response, start)
        if file.size is not None and total is not None and total != file.size:
            raise DataError(
                f"{address} announces {total:,} bytes; the published file has {file.size:,}. Use "
                "another server."
            )
        with part.open("ab" if start else "wb") as out, _progress(track, file, total) as advance:
            advance(start)
            for chunk in _body(response):
                start += len(chunk)
                if start > (file.size or total or LARGEST):
                    part.unlink()
                    raise DataError(f"{address} sends more than the file has. Use another server.")
                out.write(chunk)
                advance(len(chunk))
    if total is not None and start < total:
        raise ConnectionCutError(f"{start:,} of {total:,} bytes arrived")


def _announced(response: Any, start: int) -> int | None:
    """Return the size of the whole file, as the server announces it."""
    if response.status_code == PARTIAL:
        match = CONTENT_RANGE.match(response.headers.get("Content-Range", ""))
        if match is None or int(match[1]) != start:
            raise ValueError("the server sends another part than was requested")
        return int(match[2]) if match[2].isdigit() else None
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdigit() else None


@contextmanager
def _answer(address: str, start: int, *, insecure: bool) -> Iterator[Any]:
    """Open an address, from a byte on, and follow its redirections."""
    from huggingface_hub import get_session

    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={start}-"} if start else {})}
    for _ in range(REDIRECTIONS):
        require_https(address, insecure=insecure)
        with get_session().stream(
            "GET", address, headers=headers, timeout=SECONDS, follow_redirects=False
        ) as response:
            if not response.is_redirect:
                yield response
                return
            address = urljoin(address, response.headers["Location"])
    raise ValueError(f"more than {REDIRECTIONS} redirections")


def _body(response: Any) -> Iterator[bytes]:
    """Yield the bytes as they arrive, as the server sends them."""
    try:
        yield from response.iter_raw(CHUNK)
    except Exception as error:
        raise ConnectionCutError(untrusted.reason(error)) from None


def _progress(
    track: Tracker | None, file: WeightFile, total: int | None
) -> AbstractContextManager[Callable[[int], None]]:
    return nullcontext(lambda n: None) if track is None else track(file.name, total or 0)
