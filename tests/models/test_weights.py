"""Checkpoint files: downloaded once, verified, read without running code, loaded strictly."""

import hashlib
import io
import pickle
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("huggingface_hub")

from torch import nn  # noqa: E402

from cxraudit.errors import DataError  # noqa: E402
from cxraudit.models import chexzero, cxrclip, weights  # noqa: E402
from cxraudit.models.base import WeightFile  # noqa: E402


def small():
    """A network on the meta device, and weights for it."""
    with torch.device("meta"):
        network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    state = {k: torch.ones(v.shape).to(v.dtype) for k, v in network.state_dict().items()}
    return network, state


def test_weights_are_loaded_without_a_copy(tmp_path):
    """The network shares the file's memory; half precision becomes float32; nothing is trainable."""
    network, state = small()
    state["0.bias"] = state["0.bias"].half()

    weights.load_strictly(network, state, tmp_path / "w.pt")

    assert network[0].weight.data_ptr() == state["0.weight"].data_ptr()
    assert network[0].bias.dtype == torch.float32
    assert not any(p.requires_grad for p in network.parameters())
    assert network(torch.ones(2, 3)).shape == (2, 4)


@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        (lambda s: s.pop("0.weight"), r"1 tensors are missing \(first 0.weight\)"),
        (
            lambda s: s.update({"head.weight": torch.ones(1)}),
            r"1 are not expected \(first head.weight\)",
        ),
        (lambda s: s.update({"0.weight": torch.ones(5, 3)}), r"\(5, 3\) instead of \(4, 3\)"),
    ],
)
def test_other_names_or_shapes_raise(tmp_path, spoil, match):
    """Tensors that are missing, unexpected or of another shape."""
    network, state = small()
    spoil(state)

    with pytest.raises(DataError, match=match):
        weights.load_strictly(network, state, tmp_path / "w.pt")


def test_only_named_keys_are_ignored(tmp_path):
    """A buffer that is documented as unused, and nothing else."""
    network, state = small()
    state["embeddings.position_ids"] = torch.arange(4)

    with pytest.raises(DataError, match="not expected"):
        weights.load_strictly(network, state, tmp_path / "w.pt")
    weights.load_strictly(network, state, tmp_path / "w.pt", tolerated=r"position_ids$")


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ([torch.ones(2)], "holds a list, not tensors by name"),
        (torch.ones(2), "holds a Tensor, not tensors by name"),
    ],
)
def test_a_file_without_names_raises(tmp_path, content, match):
    """A list, or a single tensor."""
    path = tmp_path / "w.pt"
    path.write_bytes(saved(content))

    with pytest.raises(DataError, match=match):
        weights.read_state(path)


@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        (lambda s: s.update({"epoch": 3}), "holds a int under epoch"),
        (
            lambda s: s.update({"0.weight": torch.ones(4, 3, dtype=torch.int64)}),
            "another kind of number",
        ),
    ],
)
def test_a_value_that_is_no_weight_raises(tmp_path, spoil, match):
    """A number of the training run; integers instead of weights."""
    network, state = small()
    spoil(state)

    with pytest.raises(DataError, match=match):
        weights.load_strictly(network, state, tmp_path / "w.pt")


@pytest.mark.parametrize(
    "text", ["access denied", "bad gateway", "rate limit", "quota exceeded", "i"]
)
def test_a_text_is_no_checkpoint(tmp_path, text):
    """Messages of servers, whose letters may be valid pickle instructions."""
    path = tmp_path / "w.pt"
    path.write_text(text)

    with pytest.raises(DataError, match=r"damaged|no checkpoint"):
        weights.read_state(path)


class Malicious:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def saved(content) -> bytes:
    """The bytes that torch.save writes."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "Git LFS pointer"),
        (b"<!DOCTYPE html><html>Sign in</html>", "web page"),
        (b"\n <html>", "web page"),
        (b"", "damaged"),
        (b"not a checkpoint at all", "no checkpoint"),
        (saved({"a": torch.ones(1000)})[:2000], "damaged"),
        (b"\x40\x00\x00\x00\x00\x00\x00\x00{" + b" " * 70, "damaged"),
    ],
    ids=["pointer", "page", "short page", "empty", "text", "truncated", "truncated safetensors"],
)
def test_the_message_names_what_a_file_is(tmp_path, content, match):
    """A pointer, a web page, an empty file, text, a truncated file."""
    path = tmp_path / "weights.pt"
    path.write_bytes(content)

    with pytest.raises(DataError, match=match):
        weights.read_state(path)


def test_code_in_a_checkpoint_is_never_run(tmp_path):
    """In a torch file, in a plain pickle, and beside CXR-CLIP's configuration."""
    trace = tmp_path / "trace"
    for number, content in enumerate(
        (saved({"model": Malicious(trace)}), pickle.dumps(Malicious(trace)))
    ):
        path = tmp_path / f"r50_{number}.tar"
        path.write_bytes(content)

        with pytest.raises(DataError, match="not run"):
            weights.read_state(path)
        with pytest.raises(DataError, match=r"not run|damaged"):
            weights.read_state(path, allowed=cxrclip.harmless_globals(path))
    assert not trace.exists()


def test_missing_and_ambiguous_files_say_what_to_do(tmp_path):
    """The message gives folder and address, or asks to keep one file."""
    with pytest.raises(DataError, match=r"Download it from .*Google Drive"):
        weights.find(chexzero.CARD, chexzero.CARD.files[0], tmp_path)
    for name in ("best_1.pt", "best_2.pt"):
        (tmp_path / name).touch()
    with pytest.raises(DataError, match="Keep only the one to audit"):
        weights.find(chexzero.CARD, chexzero.CARD.files[0], tmp_path)


def test_sizes_and_checksums_are_compared(tmp_path):
    """The published file passes; another size or content raises."""
    (tmp_path / "w.bin").write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()

    def with_facts(**facts):
        return replace(chexzero.CARD, files=(WeightFile(name="w.bin", **facts),))

    assert "sha256 as published" in weights.verify(with_facts(size=7, sha256=digest), tmp_path)[0]
    with pytest.raises(DataError, match="has 7 bytes; the published file has 8"):
        weights.verify(with_facts(size=8), tmp_path)
    with pytest.raises(DataError, match="has md5 "):
        weights.verify(with_facts(md5="0" * 32), tmp_path)


CONTENT = bytes(range(256)) * 48_000  # more than the hub's client buffers
ADDRESS = "https://huggingface.co/owner/model/resolve/v1/part/weights.bin"


@pytest.fixture
def hub():
    """A local server that answers like the hub: metadata on HEAD, ranges on GET."""
    requests: list[tuple[str, str]] = []
    interruptions: list[int] = []

    class Hub(BaseHTTPRequestHandler):
        def log_message(self, *_args):
            """Log nothing."""

        def _answer(self, body: bool):
            requests.append((self.command, self.headers.get("Range") or ""))
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
            if body and interruptions:
                self.wfile.write(CONTENT[: interruptions.pop()])  # then the connection is closed
            elif body:
                self.wfile.write(CONTENT[start:])

        def do_HEAD(self):
            self._answer(body=False)

        def do_GET(self):
            self._answer(body=True)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", requests, interruptions
    server.shutdown()
    server.server_close()


def card(**facts):
    """A card with one file on the server."""
    file = WeightFile(name="part/weights.bin", **{"url": ADDRESS, **facts})
    return replace(chexzero.CARD, name="fetched", files=(file,))


@pytest.mark.enable_socket
@pytest.mark.allow_hosts(["127.0.0.1"])
def test_a_file_is_downloaded_once_and_verified(hub, tmp_path):
    """It has the published checksum; the second call makes no request."""
    endpoint, requests, _ = hub
    published = card(sha256=hashlib.sha256(CONTENT).hexdigest(), size=len(CONTENT))

    paths = weights.fetch(published, tmp_path, endpoint=endpoint)
    n_requests = len(requests)
    again = weights.fetch(published, tmp_path, endpoint=endpoint)

    assert paths == again == [tmp_path / "part" / "weights.bin"]
    assert paths[0].read_bytes() == CONTENT
    assert len(requests) == n_requests > 0
    assert weights.missing(published, tmp_path) == []


@pytest.mark.enable_socket
@pytest.mark.allow_hosts(["127.0.0.1"])
def test_an_interrupted_download_is_resumed(hub, tmp_path):
    """The connection breaks after 11 of 12 MB: bytes on disk are not requested again."""
    endpoint, requests, interruptions = hub
    interruptions.append(11_000_000)

    path = weights.fetch(card(), tmp_path, endpoint=endpoint)[0]

    assert path.read_bytes() == CONTENT
    spans = [span for _, span in requests if span]
    assert len(spans) == 1
    assert int(spans[0].removeprefix("bytes=").split("-")[0]) > 5_000_000


@pytest.mark.enable_socket
@pytest.mark.allow_hosts(["127.0.0.1"])
def test_failed_downloads_raise(hub, tmp_path):
    """A wrong checksum, and a file that the server does not have."""
    endpoint, _, _ = hub

    with pytest.raises(DataError, match="the published file has 000"):
        weights.fetch(card(sha256="0" * 64), tmp_path / "a", endpoint=endpoint)
    with pytest.raises(DataError, match="cannot be downloaded"):
        weights.fetch(
            card(url=ADDRESS.replace("weights", "nothing")), tmp_path / "b", endpoint=endpoint
        )


def test_a_file_without_direct_download_raises_with_its_address(tmp_path):
    """CheXzero is published in a Google Drive folder."""
    with pytest.raises(
        DataError, match=r"Download it from Google Drive .* under its licence \(MIT\)"
    ):
        weights.fetch(chexzero.CARD, tmp_path)
