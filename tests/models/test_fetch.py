"""Weights are downloaded where they may be, checked, and never downloaded twice."""

import hashlib
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

pytest.importorskip("huggingface_hub")

from cxraudit.errors import DataError
from cxraudit.models import chexzero, weights
from cxraudit.models.base import WeightFile

CONTENT = bytes(range(256)) * 48_000  # more than the hub's client keeps in memory
ADDRESS = "https://huggingface.co/owner/model/resolve/v1/part/weights.bin"

pytestmark = [pytest.mark.enable_socket, pytest.mark.allow_hosts(["127.0.0.1"])]


@pytest.fixture
def hub():
    """A server on this machine that answers like the hub: metadata on HEAD, ranges on GET."""
    asked: list[tuple[str, str]] = []
    cut: list[int] = []

    class Hub(BaseHTTPRequestHandler):
        def log_message(self, *_args):
            """Silent."""

        def _answer(self, body: bool):
            asked.append((self.command, self.headers.get("Range") or ""))
            if "weights.bin" not in self.path:
                self.send_error(404)
                return
            start = 0
            if body and (span := self.headers.get("Range")):
                start = int(span.removeprefix("bytes=").split("-")[0])
            self.send_response(206 if start else 200)
            self.send_header("ETag", f'"{hashlib.sha256(CONTENT).hexdigest()}"')
            self.send_header("X-Repo-Commit", "a" * 40)
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(len(CONTENT) - start))
            if start:
                self.send_header(
                    "Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
                )
            self.end_headers()
            if body and cut:
                self.wfile.write(CONTENT[: cut.pop()])  # and the connection is closed
            elif body:
                self.wfile.write(CONTENT[start:])

        def do_HEAD(self):
            self._answer(body=False)

        def do_GET(self):
            self._answer(body=True)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked, cut
    server.shutdown()
    server.server_close()


def card(**facts):
    """A card with one file of the server."""
    file = WeightFile(name="part/weights.bin", **{"url": ADDRESS, **facts})
    return replace(chexzero.CARD, name="fetched", files=(file,))


def test_a_file_is_downloaded_once_and_verified(hub, tmp_path):
    """In its place, with the published checksum; the second call asks nobody."""
    endpoint, asked, _ = hub
    wanted = card(sha256=hashlib.sha256(CONTENT).hexdigest(), size=len(CONTENT))

    paths = weights.fetch(wanted, tmp_path, endpoint=endpoint)
    calls = len(asked)
    again = weights.fetch(wanted, tmp_path, endpoint=endpoint)

    assert paths == again == [tmp_path / "part" / "weights.bin"]
    assert paths[0].read_bytes() == CONTENT
    assert len(asked) == calls > 0
    assert weights.missing(wanted, tmp_path) == []


def test_an_interrupted_download_goes_on(hub, tmp_path):
    """The connection breaks after 11 of 12 MB: what is on the disk is not asked for again."""
    endpoint, asked, cut = hub
    cut.append(11_000_000)

    path = weights.fetch(card(), tmp_path, endpoint=endpoint)[0]

    assert path.read_bytes() == CONTENT
    spans = [span for _, span in asked if span]
    assert len(spans) == 1
    assert int(spans[0].removeprefix("bytes=").split("-")[0]) > 5_000_000


def test_a_wrong_checksum_and_a_missing_file_are_named(hub, tmp_path):
    """Of the wrong content; of a file the server does not have."""
    endpoint, _, _ = hub

    with pytest.raises(DataError, match="the published file has 000"):
        weights.fetch(card(sha256="0" * 64), tmp_path / "a", endpoint=endpoint)
    with pytest.raises(DataError, match="cannot be downloaded"):
        weights.fetch(
            card(url=ADDRESS.replace("weights", "nothing")), tmp_path / "b", endpoint=endpoint
        )


def test_what_may_not_be_downloaded_says_where_to_click(tmp_path):
    """CheXzero lies in a Google Drive folder."""
    with pytest.raises(DataError, match=r"Get it from Google Drive .* under its licence \(MIT\)"):
        weights.fetch(chexzero.CARD, tmp_path)
