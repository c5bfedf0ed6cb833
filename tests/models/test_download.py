"""Downloads: verified before a file gets its name, and one sentence whatever a server does."""

import hashlib
import importlib
import json
import socketserver
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

hub = pytest.importorskip("huggingface_hub")

from cxraudit.errors import ConfigError, DataError  # noqa: E402
from cxraudit.models import chexzero, weights  # noqa: E402
from cxraudit.models.base import ModelCard, WeightFile  # noqa: E402
from cxraudit.models.download import PARTS, RECORD, fetch, verify  # noqa: E402

CONTENT = bytes(range(256)) * 16_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NAME = "part/weights.bin"
ADDRESS = f"https://huggingface.co/owner/model/resolve/v1/{NAME}"
ENDPOINT = "http://hub.test"
"""Plain http: the server is a socket in a temporary folder, and TLS is not what is tested."""


@dataclass
class Server:
    """A server like the hub's, and what it shall do with the next requests."""

    answers: list[Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=list)
    """One per request; after the last, the file is sent as it should be."""
    requests: list[str] = field(default_factory=list)
    """The range each request asked for."""


def send(
    handler: BaseHTTPRequestHandler,
    content: bytes,
    *,
    status: int = 200,
    announced: int | None = None,
) -> None:
    """Answer with some bytes, and another length than theirs if it is given."""
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(content) if announced is None else announced))
    handler.end_headers()
    handler.wfile.write(content)


def honest(handler: BaseHTTPRequestHandler) -> None:
    """Send the file, or the part of it that is asked for."""
    asked = handler.headers.get("Range")
    start = int(asked.removeprefix("bytes=").split("-")[0]) if asked else 0
    if start >= len(CONTENT):
        send(handler, b"", status=416)
        return
    handler.send_response(206 if start else 200)
    handler.send_header("Content-Length", str(len(CONTENT) - start))
    if start:
        handler.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
    handler.end_headers()
    handler.wfile.write(CONTENT[start:])


@pytest.fixture
def server(monkeypatch) -> Iterator[Server]:
    """A server on a socket in a folder; the hub's client is connected to it."""
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_args) -> None:
            """Log nothing."""

        def address_string(self) -> str:
            """A socket in a folder has no address."""
            return "test"

        def do_GET(self) -> None:
            state.requests.append(self.headers.get("Range") or "")
            (state.answers.pop(0) if state.answers else honest)(self)

    library = importlib.import_module(type(hub.get_session()).__module__.partition(".")[0])
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/socket"
        with socketserver.ThreadingUnixStreamServer(path, Handler) as running:
            thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
            thread.start()
            client = library.Client(transport=library.HTTPTransport(uds=path))
            monkeypatch.setattr(hub, "get_session", lambda: client)
            yield state
            client.close()
            running.shutdown()


def card(**facts) -> ModelCard:
    """A card with one file on the server."""
    file = WeightFile(
        name=NAME, **{"url": ADDRESS, "sha256": SHA256, "size": len(CONTENT), **facts}
    )
    return replace(chexzero.CARD, name="fetched", files=(file,))


def download(folder: Path, wanted: ModelCard | None = None, **options):
    """Fetch from the server."""
    return fetch(wanted or card(), folder, endpoint=ENDPOINT, insecure=True, **options)


def files(folder: Path) -> set[str]:
    """The files of a folder, without those of the download."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path) for path in found if path.parts[0] != PARTS}


def test_a_file_is_downloaded_once_and_verified(server, tmp_path):
    """It has the published checksum; the second call makes no request; nothing else is left."""
    first = download(tmp_path)
    again = download(tmp_path)

    assert first == again
    assert (first[0].path, first[0].sha256, first[0].published) == (tmp_path / NAME, SHA256, True)
    assert first[0].path.read_bytes() == CONTENT
    assert server.requests == [""]
    assert weights.missing(card(), tmp_path) == []
    assert files(tmp_path) == {NAME, RECORD}
    assert not (tmp_path / PARTS).exists()


def cut(after: int) -> Callable[[BaseHTTPRequestHandler], None]:
    """Announce the whole file, send a part, and close the connection."""
    return lambda handler: send(handler, CONTENT[:after], announced=len(CONTENT))


def test_a_connection_that_is_cut_is_continued(server, tmp_path):
    """In the same call: what has arrived is not requested again."""
    server.answers += [cut(3_000_000)]

    download(tmp_path)

    first, second = server.requests
    assert first == ""
    assert 1_000_000 < int(second.removeprefix("bytes=").rstrip("-")) <= 3_000_000


def test_a_download_that_failed_is_continued_by_the_next(server, tmp_path):
    """The server is gone; until then, the file has no name."""
    server.answers += [cut(2_200_000), lambda handler: None]
    with pytest.raises(DataError, match=r"cannot be downloaded .*Try again later"):
        download(tmp_path)
    assert files(tmp_path) == set()
    server.requests.clear()

    download(tmp_path)

    assert int(server.requests[0].removeprefix("bytes=").rstrip("-")) >= 2_000_000
    assert files(tmp_path) == {NAME, RECORD}


def redirect(handler: BaseHTTPRequestHandler, to: str) -> None:
    """Answer that the file is elsewhere."""
    handler.send_response(302)
    handler.send_header("Location", to)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def endless(handler: BaseHTTPRequestHandler) -> None:
    """Announce no length, and send more than the file has."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(3):
        handler.wfile.write(CONTENT)


def another_part(handler: BaseHTTPRequestHandler) -> None:
    """Answer with a range that was not asked for."""
    handler.send_response(206)
    handler.send_header("Content-Range", f"bytes 5-{len(CONTENT) - 1}/{len(CONTENT)}")
    handler.send_header("Content-Length", str(len(CONTENT) - 5))
    handler.end_headers()
    handler.wfile.write(CONTENT[5:])


OTHER = bytes(len(CONTENT))
LIES = {
    "less": (lambda h: send(h, CONTENT[:4000]), "announces 4,000 bytes; the published file has"),
    "more": (lambda h: send(h, CONTENT + b"x"), "announces"),
    "other content": (lambda h: send(h, OTHER), "has sha256 .*the published file has"),
    "a page": (lambda h: send(h, b"<!DOCTYPE html>Sign in"), "announces 22 bytes"),
    "nothing": (lambda h: send(h, b""), "announces 0 bytes"),
    "endless": (endless, "sends more than the file has"),
    "another part": (another_part, "sends another part"),
    "not there": (lambda h: send(h, b"no", status=404), "answers with status 404"),
    "not for you": (lambda h: send(h, b"no", status=401), "answers with status 401"),
    "broken": (lambda h: send(h, b"", status=500), "answers with status 500"),
    "no answer": (lambda h: h.wfile.write(b"\x00\xff"), "cannot be downloaded"),
    "a loop": (
        lambda h: redirect(h, "/owner/model/resolve/v1/part/weights.bin"),
        "10 redirections",
    ),
    "another kind": (lambda h: redirect(h, "file:///etc/passwd"), "no https address"),
}


@pytest.mark.parametrize(("lie", "match"), LIES.values(), ids=LIES)
def test_whatever_a_server_does_is_one_sentence(server, tmp_path, lie, match):
    """No file gets its name; the next call downloads again, and succeeds."""
    server.answers += [lie] * 12
    with pytest.raises((DataError, ConfigError), match=match) as raised:
        download(tmp_path)
    assert "\n" not in str(raised.value)
    assert files(tmp_path) == set()
    server.answers.clear()

    download(tmp_path)

    assert (tmp_path / NAME).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("lie", "match"),
    [
        (lambda h: send(h, b"<!DOCTYPE html>Sign in"), "is a web page"),
        (lambda h: send(h, b"version https://git-lfs.github.com/spec/v1\n"), "Git LFS pointer"),
        (lambda h: send(h, b""), "is empty"),
    ],
    ids=["page", "pointer", "nothing"],
)
def test_a_file_without_checksum_is_looked_at(server, tmp_path, lie, match):
    """What it certainly is not is refused."""
    server.answers += [lie]

    with pytest.raises(DataError, match=match):
        download(tmp_path, card(sha256="", size=None), unverified=True)
    assert files(tmp_path) == set()


def test_a_part_of_another_file_is_started_again(server, tmp_path):
    """It was left by a server that lied and broke off: one call is enough."""
    (tmp_path / PARTS).mkdir()
    (tmp_path / PARTS / "part-weights.bin.part").write_bytes(OTHER[:1000])

    download(tmp_path)

    assert (tmp_path / NAME).read_bytes() == CONTENT
    assert server.requests == ["bytes=1000-", ""]


def test_a_part_that_is_too_long_is_started_again(server, tmp_path):
    """The server has nothing after it."""
    (tmp_path / PARTS).mkdir()
    (tmp_path / PARTS / "part-weights.bin.part").write_bytes(CONTENT + b"x")

    download(tmp_path)

    assert (tmp_path / NAME).read_bytes() == CONTENT
    assert len(server.requests) == 2


def test_without_a_checksum_a_download_has_to_be_asked_for(server, tmp_path):
    """Then what arrived is recorded, and compared from then on."""
    unknown = card(sha256="", size=None)
    with pytest.raises(
        DataError, match=r"no checksum is published for part/weights.bin .*--unverified"
    ):
        download(tmp_path, unknown)
    assert server.requests == []

    done = download(tmp_path, unknown, unverified=True)

    assert (done[0].sha256, done[0].published) == (SHA256, False)
    assert json.loads((tmp_path / RECORD).read_text()) == {NAME: SHA256}
    assert "sha256 as when it was downloaded" in verify(unknown, tmp_path)[0]
    (tmp_path / NAME).write_bytes(OTHER)
    with pytest.raises(DataError, match=f"when it was downloaded it had {SHA256}"):
        verify(unknown, tmp_path)


def test_a_file_without_checksum_is_never_continued(server, tmp_path):
    """Whether a part is the beginning of the same file could not be known."""
    (tmp_path / PARTS).mkdir()
    (tmp_path / PARTS / "part-weights.bin.part").write_bytes(OTHER[:1000])

    download(tmp_path, card(sha256="", size=None), unverified=True)

    assert server.requests == [""]


@pytest.mark.parametrize(
    ("endpoint", "match"),
    [
        ("http://hub.test", "plain http.*--insecure"),
        ("HTTP://hub.test/", "plain http"),
        ("ftp://hub.test", "no https address"),
        ("file:///etc", "no https address"),
        ("hub.test", "no https address"),
    ],
)
def test_an_address_that_is_not_https_raises(server, tmp_path, endpoint, match):
    """Before any request."""
    with pytest.raises(ConfigError, match=match):
        fetch(card(), tmp_path, endpoint=endpoint)
    assert server.requests == []


def test_the_hubs_own_setting_is_no_way_around_https(server, tmp_path, monkeypatch):
    """HF_ENDPOINT names a mirror for all programs."""
    monkeypatch.setattr(hub.constants, "ENDPOINT", "http://hub.test")

    with pytest.raises(ConfigError, match="plain http"):
        fetch(card(), tmp_path)


def test_a_redirection_to_plain_http_raises(server, tmp_path, monkeypatch):
    """An address that was https must not become plain on the way."""
    from cxraudit.models import download as module

    asked = []

    def only_the_first(address: str, *, insecure: bool) -> None:
        asked.append(address)
        if len(asked) > 2:  # of the call and of the first request
            original(address, insecure=False)

    original = module.require_https
    monkeypatch.setattr(module, "require_https", only_the_first)
    server.answers += [lambda h: redirect(h, "http://elsewhere.test/weights.bin")]

    with pytest.raises(ConfigError, match=r"http://elsewhere\.test/weights\.bin is plain http"):
        download(tmp_path)


def test_a_file_of_the_users_own_is_not_replaced(server, tmp_path):
    """Other weights under the name of the published file raise, with what to do."""
    (tmp_path / "part").mkdir()
    (tmp_path / NAME).write_bytes(OTHER)

    with pytest.raises(DataError, match=r"has sha256 .*Delete it, and download it again"):
        download(tmp_path)
    assert (tmp_path / NAME).read_bytes() == OTHER


def test_sizes_and_checksums_are_compared(tmp_path):
    """The published file passes; another size or content raises."""
    (tmp_path / "w.bin").write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()

    def with_facts(**facts):
        return replace(chexzero.CARD, files=(WeightFile(name="w.bin", **facts),))

    assert "sha256 as published" in verify(with_facts(size=7, sha256=digest), tmp_path)[0]
    assert "no checksum is published" in verify(with_facts(), tmp_path)[0]
    with pytest.raises(DataError, match="has 7 bytes; the published file has 8"):
        verify(with_facts(size=8), tmp_path)
    with pytest.raises(DataError, match="has md5 "):
        verify(with_facts(md5="0" * 32), tmp_path)


@pytest.mark.parametrize("url", ["", "https://example.org/weights.bin"])
def test_a_file_without_direct_download_raises_with_its_address(tmp_path, url):
    """CheXzero is published in a Google Drive folder; only addresses of the hub are downloaded."""
    with pytest.raises(
        DataError, match=r"Download it from Google Drive .* under its licence \(MIT\)"
    ):
        fetch(card(url=url), tmp_path)


def test_the_command_line_prints_what_arrived(server, tmp_path, monkeypatch, capsys):
    """Refusals end with 2; with both flags, path and checksum."""
    from cxraudit.cli import main

    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.setattr("cxraudit.models.card", lambda name: card(sha256="", size=None))
    line = ["models", "fetch", "fetched", "--quiet"]

    assert main([*line, "--endpoint", ENDPOINT, "--unverified"]) == 2
    assert "plain http" in capsys.readouterr().err
    assert main([*line, "--endpoint", ENDPOINT, "--insecure"]) == 2
    assert "--unverified" in capsys.readouterr().err
    assert main([*line, "--endpoint", ENDPOINT, "--insecure", "--unverified"]) == 0
    printed = capsys.readouterr().out
    assert f"{tmp_path / 'fetched' / NAME} sha256 {SHA256} (no checksum is published)" in printed
