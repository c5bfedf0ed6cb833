"""A checkpoint is untrusted: what is not the published file is refused in one sentence, and never run."""

import io
import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from cxraudit import models  # noqa: E402
from cxraudit.errors import ConfigError, DataError, UnknownNameError  # noqa: E402
from cxraudit.models import chexzero, cxrclip, weights  # noqa: E402
from cxraudit.models.base import WeightFile  # noqa: E402


def small():
    """A network without memory, and its weights."""
    with torch.device("meta"):
        network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    state = {k: torch.ones(v.shape).to(v.dtype) for k, v in network.state_dict().items()}
    return network, state


def test_weights_become_the_networks_own_without_a_copy(tmp_path):
    """The same memory; half precision becomes float32; not trainable."""
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
def test_other_names_or_shapes_are_refused(tmp_path, spoil, match):
    """Missing, left over, of another shape."""
    network, state = small()
    spoil(state)

    with pytest.raises(DataError, match=match):
        weights.load_strictly(network, state, tmp_path / "w.pt")


def test_only_what_is_named_is_tolerated(tmp_path):
    """A buffer the specification says is unused; nothing else."""
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
def test_what_holds_no_names_is_refused(tmp_path, content, match):
    """A list, a bare tensor."""
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
def test_what_is_no_weight_is_refused(tmp_path, spoil, match):
    """Numbers of the training run; whole numbers in place of weights."""
    network, state = small()
    spoil(state)

    with pytest.raises(DataError, match=match):
        weights.load_strictly(network, state, tmp_path / "w.pt")


@pytest.mark.parametrize(
    "text", ["access denied", "bad gateway", "rate limit", "quota exceeded", "i"]
)
def test_a_servers_excuse_is_no_checkpoint(tmp_path, text):
    """Whatever its letters mean to a pickle reader."""
    path = tmp_path / "w.pt"
    path.write_text(text)

    with pytest.raises(DataError, match=r"damaged|no checkpoint"):
        weights.read_state(path)


class Evil:
    """Would make a file if it were run."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def saved(content) -> bytes:
    """What torch.save writes."""
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
    ids=["pointer", "page", "short page", "empty", "text", "cut off", "cut off safetensors"],
)
def test_what_is_no_checkpoint_is_named(tmp_path, content, match):
    """A pointer, a web page, nothing, text, half a file."""
    path = tmp_path / "weights.pt"
    path.write_bytes(content)

    with pytest.raises(DataError, match=match):
        weights.read_state(path)


def test_code_in_a_checkpoint_is_never_run(tmp_path):
    """In a torch file, in a plain pickle, and beside CXR-CLIP's configuration."""
    trace = tmp_path / "trace"
    for number, content in enumerate((saved({"model": Evil(trace)}), pickle.dumps(Evil(trace)))):
        path = tmp_path / f"r50_{number}.tar"
        path.write_bytes(content)

        with pytest.raises(DataError, match="not run"):
            weights.read_state(path)
        with pytest.raises(DataError, match=r"not run|damaged"):
            weights.read_state(path, allowed=cxrclip.harmless_globals(path))
    assert not trace.exists()


def test_missing_and_ambiguous_files_say_what_to_do(tmp_path):
    """Where it belongs, where to get it; or which to leave."""
    with pytest.raises(DataError, match=r"Get it from .*Google Drive"):
        weights.find(chexzero.CARD, chexzero.CARD.files[0], tmp_path)
    for name in ("best_1.pt", "best_2.pt"):
        (tmp_path / name).touch()
    with pytest.raises(DataError, match="Leave the one to audit"):
        weights.find(chexzero.CARD, chexzero.CARD.files[0], tmp_path)


def test_sizes_and_checksums_are_compared(tmp_path):
    """Right, of another size, of another content."""
    import dataclasses
    import hashlib

    (tmp_path / "w.bin").write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()

    def card(**facts):
        return dataclasses.replace(chexzero.CARD, files=(WeightFile(name="w.bin", **facts),))

    assert "sha256 as published" in weights.verify(card(size=7, sha256=digest), tmp_path)[0]
    with pytest.raises(DataError, match="has 7 bytes; the published file has 8"):
        weights.verify(card(size=8), tmp_path)
    with pytest.raises(DataError, match="has md5 "):
        weights.verify(card(md5="0" * 32), tmp_path)


def test_models_are_asked_for_with_protocol_and_precision(monkeypatch, tmp_path):
    """Unknown protocols are unknown names; models without protocols say so; missing weights, too."""
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path))

    with pytest.raises(UnknownNameError, match="biovil@papers"):
        models.load("biovil@papers")
    with pytest.raises(ConfigError, match="'random' has no protocol paper"):
        models.load("random@paper")
    with pytest.raises(DataError, match="is missing"):
        models.load("biovil-t@paper+bf16")
    assert weights.missing(models.card("biovil")) == [f.name for f in models.card("biovil").files]


@pytest.mark.parametrize("name", sorted(models.available()))
def test_cards_say_what_an_audit_needs(name):
    """Reference, licence, files with an address or instructions, and a source for each quirk."""
    card = models.card(name)

    assert card.name == name
    assert card.reference
    assert card.license
    assert all(
        file.url.startswith("https://") or "http" in card.weights or card.weights
        for file in card.files
    )
    assert all(quirk.what and quirk.source for quirk in card.quirks)
    assert np.prod([card.embedding_dim, card.image_size]) > 0
