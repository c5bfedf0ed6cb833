"""Checkpoint files: read without running code, loaded strictly, and plausible."""

import io
import math
import pickle
import zipfile

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from cxraudit.errors import ConfigError, DataError  # noqa: E402
from cxraudit.models import chexzero, cxrclip, phantom_clip, weights  # noqa: E402


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
        (lambda s: s.pop("0.weight"), r"1 tensors? missing \(first 0.weight\)"),
        (
            lambda s: s.update({"head.weight": torch.ones(1)}),
            r"1 tensor not expected \(first head.weight\)",
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
        ([torch.ones(2)], r"holds an object \(list\), not tensors by name"),
        (torch.ones(2), r"holds an object \(Tensor\), not tensors by name"),
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
        (lambda s: s.update({"epoch": 3}), r"holds an object \(int\) under 'epoch'"),
        (
            lambda s: s.update({7: torch.ones(1)}),
            r"holds an object \(Tensor\) under '7', not tensors by name",
        ),
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
        (b"", "is empty"),
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


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.float64])
def test_a_weight_that_is_no_number_raises(tmp_path, number, dtype):
    """One of many, in any precision; the tensor is named."""
    network, state = small()
    state["0.weight"] = state["0.weight"].to(dtype)
    state["0.weight"][2, 1] = number

    with pytest.raises(
        DataError, match=r"1 tensors? with NaN or infinite numbers \(first 0.weight\)"
    ):
        weights.load_strictly(network, state, tmp_path / "w.pt")


def test_a_weight_beyond_float32_raises(tmp_path):
    """It is infinite after the conversion."""
    network, state = small()
    state["0.bias"] = torch.full((4,), 1e300, dtype=torch.float64)

    with pytest.raises(DataError, match="NaN or infinite"):
        weights.load_strictly(network, state, tmp_path / "w.pt")


def test_a_negative_variance_raises(tmp_path):
    """Its square root would be NaN for every image."""
    network, state = small()
    state["1.running_var"][0] = -0.5

    with pytest.raises(DataError, match=r"negative variances \(first 1.running_var\)"):
        weights.load_strictly(network, state, tmp_path / "w.pt")


def test_large_numbers_are_numbers(tmp_path):
    """Their sum overflows, but each is finite."""
    network, state = small()
    state["0.weight"] = torch.full((4, 3), 3e38)

    weights.load_strictly(network, state, tmp_path / "w.pt")


def test_infinities_that_cancel_raise(tmp_path):
    """Their sum is no number either."""
    network, state = small()
    state["0.bias"] = torch.tensor([math.inf, -math.inf, 0.0, 0.0])

    with pytest.raises(DataError, match="NaN or infinite"):
        weights.load_strictly(network, state, tmp_path / "w.pt")


def test_what_is_not_used_may_be_anything(tmp_path):
    """Tolerated keys are not examined."""
    network, state = small()
    state["pooler.weight"] = torch.full((2,), math.nan)

    weights.load_strictly(network, state, tmp_path / "w.pt", tolerated=r"^pooler")


def test_an_absurd_shape_raises_before_memory_is_allocated(tmp_path):
    """A tensor of 10¹² halves that are one number in the file would need 4 TB in float32."""
    network, state = small()
    state["0.bias"] = torch.zeros(1, dtype=torch.float16).expand(10**12)

    with pytest.raises(DataError, match=r"of another shape \(first 0.bias: \(1000000000000,\)"):
        weights.load_strictly(network, state, tmp_path / "w.pt")


@pytest.mark.parametrize(
    "tensor",
    [
        lambda: torch.ones(4).to_sparse(),
        lambda: torch.ones(4, device="meta"),
        lambda: torch.quantize_per_tensor(torch.ones(4), 0.1, 0, torch.quint8),
        lambda: torch.ones(4, dtype=torch.complex64),
        lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
    ],
    ids=["sparse", "meta", "quantised", "complex", "nested"],
)
@pytest.mark.filterwarnings("ignore")
def test_other_kinds_of_tensors_raise(tmp_path, tensor):
    """They could not be computed with."""
    network, state = small()
    state["0.bias"] = tensor()

    with pytest.raises(DataError, match=r"another kind of number|cannot be loaded"):
        weights.load_strictly(network, state, tmp_path / "w.pt")


@pytest.mark.parametrize("logarithm", [0.0, 2.6592, 4.6052, 4.77, -2.0])
def test_scales_of_published_models_are_plausible(tmp_path, logarithm):
    """1 (no scale), 14.3 (the initial value), 100 (the limit of CLIP) and 118 (SigLIP)."""
    scale = weights.plausible_scale(torch.tensor(logarithm), tmp_path / "w.pt")

    assert scale == pytest.approx(math.exp(logarithm), rel=1e-6)


@pytest.mark.parametrize("logarithm", [math.nan, math.inf, -math.inf, 100.0, 14.3, 7.0, -50.0])
def test_other_scales_raise(tmp_path, logarithm):
    """Among them the scale itself in the place of its logarithm."""
    with pytest.raises(DataError, match="logit scale of exp"):
        weights.plausible_scale(torch.tensor(logarithm), tmp_path / "w.pt")


def repacked(content: bytes, *, compression=zipfile.ZIP_STORED, large: str = "") -> bytes:
    """The bytes of an archive with the same entries, compressed or with a large one."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as before,
        zipfile.ZipFile(buffer, "w", compression) as after,
    ):
        for entry in before.infolist():
            data = before.read(entry)
            if large and entry.filename.endswith(large):
                data += bytes(weights.LARGEST_PICKLE)
            after.writestr(entry.filename, data)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (repacked(saved({"a": torch.ones(9)}), compression=zipfile.ZIP_DEFLATED), "is compressed"),
        (repacked(saved({"a": torch.ones(9)}), large="data.pkl"), "has more than"),
    ],
    ids=["compressed", "large"],
)
def test_an_archive_that_would_grow_raises(tmp_path, content, match):
    """Before any of it is read."""
    path = tmp_path / "w.pt"
    path.write_bytes(content)

    with pytest.raises(DataError, match=match):
        weights.read_state(path)


@pytest.mark.filterwarnings("ignore")
def test_a_torchscript_program_is_named(tmp_path):
    """OpenAI publishes CLIP as one."""
    path = tmp_path / "ViT-B-32.pt"
    torch.jit.save(torch.jit.trace(nn.Linear(2, 2), torch.ones(1, 2)), path)

    with pytest.raises(DataError, match="TorchScript program"):
        weights.read_state(path)


@pytest.mark.parametrize("kind", ["folder", "pipe", "missing"])
def test_what_is_no_file_raises(tmp_path, kind):
    """A pipe would be waited for without end."""
    import os

    path = tmp_path / "w.pt"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)

    with pytest.raises(DataError, match="is missing" if kind == "missing" else "is not a file"):
        weights.read_state(path)


def test_a_model_that_ships_its_weights_checks_them(tmp_path):
    """phantom-clip with one NaN, and with a vocabulary whose numbers were changed."""
    from safetensors.torch import load_file, save_file

    state = load_file(phantom_clip.FOLDER / "weights.safetensors")
    save_file(state, tmp_path / "weights.safetensors")
    words = phantom_clip.FOLDER / "vocabulary.json"
    (tmp_path / "vocabulary.json").write_text(words.read_text().replace(": 2,", ": 3,", 1))
    with pytest.raises(DataError, match="does not number its words"):
        phantom_clip.load(tmp_path)
    (tmp_path / "vocabulary.json").write_text(words.read_text())
    phantom_clip.load(tmp_path)
    state["log_scale"] = torch.tensor(math.nan)
    save_file(state, tmp_path / "weights.safetensors")
    with pytest.raises(DataError, match="NaN or infinite"):
        phantom_clip.load(tmp_path)


def test_the_folder_of_weights_is_a_variable_or_the_cache(monkeypatch, tmp_path):
    """On every platform; without a home folder, the message names the variable."""
    monkeypatch.setenv(weights.FOLDER_VARIABLE, "~/w")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert weights.weights_root() == tmp_path / "w"
    monkeypatch.delenv(weights.FOLDER_VARIABLE)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert weights.weights_root() == tmp_path / ".cache" / "cxraudit" / "weights"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    assert weights.weights_root() == tmp_path / "other" / "cxraudit" / "weights"

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pathlib.Path.home", raising_no_home)
    with pytest.raises(ConfigError, match=f"Set {weights.FOLDER_VARIABLE}"):
        weights.weights_root()


def raising_no_home():
    """As for a user without an entry in the list of users."""
    raise RuntimeError("Could not determine home directory.")
