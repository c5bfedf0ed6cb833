"""A folder in transformers' format whose parts do not belong together is refused before it is used."""

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from hf_folders import N_WORDS, change, write_folder  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

from cxraudit import models  # noqa: E402
from cxraudit.errors import CxrAuditError, DataError  # noqa: E402

PAGE = "<!DOCTYPE html><html>Sign in</html>"
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
CONFIG, STEPS, WORDS = "config.json", "preprocessor_config.json", "tokenizer.json"
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A small CLIP and a small SigLIP."""
    place = tmp_path_factory.mktemp("published")
    return {kind: write_folder(kind, place / kind) for kind in ("clip", "siglip")}


@pytest.fixture
def copy(published, tmp_path):
    """Copy one of them, to be spoiled."""
    return lambda kind="clip": Path(shutil.copytree(published[kind], tmp_path / kind))


def refusal(folder: Path) -> str:
    """The sentence with which a folder is refused."""
    with pytest.raises(CxrAuditError) as raised:
        models.load(f"hf-clip:{folder}")
    sentence = str(raised.value)
    assert "\n" not in sentence
    assert sentence.endswith((".", ")."))
    return sentence


@pytest.mark.parametrize("name", [CONFIG, STEPS, WORDS, WEIGHTS])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (PAGE, "is a web page"),
        (POINTER, "is a Git LFS pointer"),
        ("", "is empty"),
        (None, "missing|lacks"),
        ("[1]", "not a JSON object|damaged"),
        ("{", "not valid JSON|damaged"),
        ("[" * 100_000, "not valid JSON|damaged"),
    ],
    ids=["page", "pointer", "empty", "missing", "list", "cut", "nested"],
)
def test_every_file_is_what_its_name_says(copy, name, content, said):
    """Whatever lies in its place is named."""
    import re

    folder = copy()
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_text(content)

    assert re.search(said, refusal(folder))


@pytest.mark.parametrize("name", [CONFIG, STEPS, WORDS, WEIGHTS, "tokenizer_config.json"])
@pytest.mark.parametrize("kind", ["folder", "loop", "device"])
def test_what_is_no_file_is_not_read(copy, name, kind):
    """A folder, a link to itself, and a device that never ends."""
    folder = copy()
    (folder / name).unlink()
    if kind == "folder":
        (folder / name).mkdir()
    else:
        (folder / name).symlink_to(name if kind == "loop" else "/dev/zero")

    if name == "tokenizer_config.json":  # all it says is also in tokenizer.json
        with suppress(DataError):
            models.load(f"hf-clip:{folder}")
    else:
        assert refusal(folder)


CONFIGURATIONS = {
    "another kind": ({"model_type": "blip"}, "has the model_type blip; hf-clip reads clip, siglip"),
    "vowel": ({"model_type": "altclip"}, "has the model_type altclip; hf-clip reads"),
    "long kind": ({"model_type": "a\n" * 10**5}, "hf-clip reads clip, siglip"),
    "no kind": ({"model_type": ...}, "has no model_type"),
    "kind is no text": ({"model_type": ["clip"]}, "hf-clip reads"),
    "code": ({"auto_map": {"AutoModel": "m.M"}}, "code of its own (auto_map), which is never run"),
    "code of a part": ({"text_config__auto_map": {"AutoConfig": "m.C"}}, "code of its own"),
    "trust": ({"trust_remote_code": True}, "code of its own (trust_remote_code)"),
    "quantised": ({"quantization_config": {"bits": 4}}, "quantised weights are not read"),
    "no object": ({"text_config": [1]}, "text_config is no object"),
    "text": ({"vision_config__hidden_size": "32"}, "hidden_size in vision_config is '32'"),
    "truth": ({"vision_config__hidden_size": True}, "hidden_size in vision_config is True"),
    "negative": ({"text_config__num_hidden_layers": -1}, "whole number from 1 to 256"),
    "no layers": ({"text_config__num_hidden_layers": 0}, "whole number from 1 to 256"),
    "many layers": ({"vision_config__num_hidden_layers": 10**6}, "whole number from 1 to 256"),
    "wide": ({"text_config__hidden_size": 10**9}, "whole number from 1 to 16,384"),
    "wider than the file": ({"text_config__hidden_size": 16_384}, "of another shape"),
    "large images": ({"vision_config__image_size": 10**6}, "whole number from 1 to 2,048"),
    "list of sizes": ({"vision_config__image_size": [64, 64]}, "image_size in vision_config"),
    "many words": ({"text_config__vocab_size": 2_000_000}, "of another shape"),
    "epsilon": ({"text_config__layer_norm_eps": -1.0}, "layer_norm_eps in text_config is -1.0"),
    "no number": ({"text_config__layer_norm_eps": float("nan")}, "layer_norm_eps"),
    "heads": ({"text_config__num_attention_heads": 3}, "cannot be split into 3 heads"),
    "activation": ({"text_config__hidden_act": "evil"}, "hidden_act 'evil' in text_config"),
    "activation of images": (
        {"vision_config__hidden_act": ["gelu"]},
        "hidden_act ['gelu'] in vision",
    ),
    "grey": ({"vision_config__num_channels": 1}, "num_channels in vision_config is 1"),
    "end": ({"text_config__eos_token_id": 7}, "do not end with token 7"),
    "end in no vocabulary": ({"text_config__eos_token_id": 10**6}, "do not end with token"),
    "end is a list": ({"text_config__eos_token_id": [1, 2]}, "eos_token_id in text_config"),
    "longer texts": ({"text_config__max_position_embeddings": 77}, "of another shape"),
    "other width": ({"projection_dim": 48}, "of another shape"),
}


@pytest.mark.parametrize(("changes", "said"), CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_a_configuration_of_another_network_is_refused(copy, changes, said):
    """Before memory is allocated, with what is wrong."""
    folder = copy()
    change(folder / CONFIG, **changes)

    assert said in refusal(folder)


PREPROCESSINGS = {
    "another size": ({"size": {"shortest_edge": 32}}, "resized to 32; the network takes 64 × 64"),
    "another crop": ({"crop_size": {"height": 32, "width": 32}}, "cropped to 32"),
    "both": (
        {"size": {"shortest_edge": 48}, "crop_size": 32},
        "cropped to 32; the network takes 64",
    ),
    "default size": ({"size": ...}, None),
    "default crop": ({"crop_size": ...}, "cropped to 224"),
    "one channel": ({"image_mean": [0.5]}, "image_mean must be three numbers"),
    "two channels": ({"image_std": [0.5, 0.5]}, "image_std must be three numbers"),
    "one number": ({"image_mean": 0.5}, "image_mean must be three numbers"),
    "no spread": ({"image_std": [0, 0, 0]}, "image_std must be three numbers from 0.01"),
    "mean of bytes": ({"image_mean": [123.7, 116.3, 103.5]}, "image_mean must be three numbers"),
    "texts": ({"image_mean": ["a", "b", "c"]}, "image_mean must be three numbers"),
    "nan": ({"image_mean": [float("nan")] * 3}, "image_mean must be three numbers"),
    "no resize": ({"do_resize": False}, "without do_resize"),
    "no rescale": ({"do_rescale": False}, "without do_rescale"),
    "text for truth": ({"do_normalize": "no"}, "do_normalize must be true or false"),
    "factor": ({"rescale_factor": 1.0}, "rescale_factor is 1.0; it must be the number 1/255"),
    "resampling": ({"resample": 17}, "resample is 17; it must be 0 to 5"),
    "another step": ({"do_pad": True}, "the step do_pad is not known"),
    "another family": (
        {"image_processor_type": "AImageProcessor"},
        ": AImageProcessor does not belong",
    ),
    "huge": ({"size": {"shortest_edge": 10**9}}, "resized to 1000000000"),
    "negative": ({"size": {"shortest_edge": -64}}, "resized to -64"),
    "fraction": ({"size": {"shortest_edge": 64.5}}, "it must be of whole numbers"),
    "unknown side": ({"size": {"diagonal": 64}}, "must have height and width, or shortest_edge"),
    "no crop": ({"do_center_crop": False}, "cannot be carried out (images become"),
    "code": ({"auto_map": {"AutoImageProcessor": "p.P"}}, "code of its own"),
}


@pytest.mark.parametrize(("changes", "said"), PREPROCESSINGS.values(), ids=PREPROCESSINGS)
def test_a_preprocessing_of_another_network_is_refused(copy, changes, said):
    """Its size, its channels, its steps; what is left out has the value of transformers."""
    folder = copy()
    change(folder / STEPS, **changes)

    if said is None:  # larger than the network takes, and cropped: as its authors say
        models.load(f"hf-clip:{folder}")
    else:
        assert said in refusal(folder)


def test_a_siglip_takes_images_of_one_size_only(copy):
    """Nothing is cropped, so that a larger size does not fit either."""
    folder = copy("siglip")
    change(folder / STEPS, size={"height": 96, "width": 96})

    assert "images become (3, 96, 96), the network takes (3, 64, 64)" in refusal(folder)


def test_a_siglip_whose_towers_differ_is_refused(copy):
    """Images and texts would have embeddings of different widths."""
    folder = copy("siglip")
    change(folder / CONFIG, text_config__projection_size=16)

    assert "embeddings of images and texts have shapes" in refusal(folder)


def test_a_siglip_without_its_head_is_refused(copy):
    """There would be no embedding of an image."""
    folder = copy("siglip")
    change(folder / CONFIG, vision_config__vision_use_head=False)

    assert "has no embedding of an image" in refusal(folder)


def vocabulary(folder: Path, spoil: Callable[[dict[str, int]], dict[str, int]]) -> None:
    """Change the words of a tokenizer."""
    content = json.loads((folder / WORDS).read_text())
    content["model"]["vocab"] = spoil(content["model"]["vocab"])
    (folder / WORDS).write_text(json.dumps(content))


TOKENIZERS = {
    "fewer": lambda words: dict(list(words.items())[1:]),
    "more": lambda words: {**words, "more": N_WORDS},
    "gap": lambda words: {**words, "!": N_WORDS + 5},
    "none": lambda words: {},
    "text": lambda words: {**words, "!": "0"},
    "ends": lambda words: {**words, "<|endoftext|>": 0, "!": N_WORDS - 1},
}


@pytest.mark.parametrize("spoil", TOKENIZERS.values(), ids=TOKENIZERS)
def test_a_vocabulary_of_another_network_is_refused(copy, spoil):
    """Other words, other numbers, or none."""
    folder = copy()
    vocabulary(folder, spoil)

    assert "has a tokenizer" in refusal(folder)


def test_a_tokenizer_that_requires_code_is_refused(copy):
    """Its file lies beside it, and is not run."""
    folder = copy()
    trace = folder / "trace"
    (folder / "tok.py").write_text(f"open({str(trace)!r}, 'w')\n")
    change(folder / "tokenizer_config.json", auto_map={"AutoTokenizer": ["tok.Tok", None]})

    assert "code of its own (auto_map)" in refusal(folder)
    assert not trace.exists()


def state_of(folder: Path) -> dict[str, "torch.Tensor"]:
    """The tensors of a folder."""
    return load_file(folder / WEIGHTS)


WEIGHTS_SPOILED = {
    "nan": (lambda s: s["visual_projection.weight"].view(-1)[3:4].fill_(np.nan), "NaN or infinite"),
    "scale": (lambda s: s["logit_scale"].fill_(50.0), "logit scale of exp(50)"),
    "no scale": (lambda s: s.pop("logit_scale"), "1 tensor missing (first logit_scale)"),
    "layer": (lambda s: s.pop("text_model.final_layer_norm.bias"), "1 tensor missing"),
    "more": (lambda s: s.update(extra=torch.ones(1)), "1 tensor not expected (first extra)"),
}


@pytest.mark.parametrize(("spoil", "said"), WEIGHTS_SPOILED.values(), ids=WEIGHTS_SPOILED)
def test_weights_are_those_of_the_network(copy, spoil, said):
    """All of them, all numbers, with a plausible scale; none is drawn at random in its place."""
    folder = copy()
    state = state_of(folder)
    spoil(state)
    save_file(state, folder / WEIGHTS)

    assert said in refusal(folder)


def test_pickled_weights_are_refused_with_the_way_out(copy):
    """They are not even opened."""
    folder = copy()
    (folder / WEIGHTS).unlink()
    (folder / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'touch trace'\ntR.")

    sentence = refusal(folder)

    assert "as a pickle (pytorch_model.bin), which could run code and is not read" in sentence
    assert "save_pretrained" in sentence


def test_an_adapter_beside_the_weights_is_refused(copy):
    """The base model would be audited in silence."""
    folder = copy()
    (folder / "adapter_config.json").write_text("{}")

    assert "Merge it into the weights" in refusal(folder)


@pytest.mark.parametrize(
    ("described", "said"),
    [
        (
            {"model_cfg": {"text_cfg": {"hf_model_name": "microsoft/BiomedNLP-BiomedBERT"}}},
            "--model biomedclip",
        ),
        ({"model_cfg": {"embed_dim": 512}}, "in the format of open_clip"),
    ],
)
@pytest.mark.parametrize("file", ["open_clip_pytorch_model.bin", "open_clip_model.safetensors"])
def test_a_folder_of_open_clip_is_explained(tmp_path, described, said, file):
    """What it is, and what can be done."""
    (tmp_path / "open_clip_config.json").write_text(json.dumps(described))
    (tmp_path / file).write_bytes(b"x")

    assert said in refusal(tmp_path)


def test_a_folder_in_both_formats_is_read_in_that_of_transformers(copy):
    """As LAION publishes its models."""
    folder = copy()
    (folder / "open_clip_config.json").write_text("{}")

    models.load(f"hf-clip:{folder}")


def sharded(folder: Path) -> dict[str, str]:
    """Divide the weights into two files and return the index of names."""
    state = state_of(folder)
    named = {}
    for number, name in enumerate(sorted(state)):
        named[name] = f"model-0000{1 + number % 2}-of-00002.safetensors"
    for file in set(named.values()):
        save_file({k: v for k, v in state.items() if named[k] == file}, folder / file)
    (folder / WEIGHTS).unlink()
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": named}))
    return named


def write_index(folder: Path, named: object) -> None:
    """Write the index of names again."""
    (folder / INDEX).write_text(json.dumps({"weight_map": named}))


@pytest.mark.parametrize(
    "name",
    ["../other.safetensors", "/etc/passwd", "a/b.safetensors", "..", "", "x.bin", 3, None],
)
def test_an_index_that_leaves_the_folder_is_refused(copy, name):
    """Or that names anything but safetensors."""
    folder = copy()
    named = sharded(folder)
    save_file({"x": torch.ones(1)}, folder.parent / "other.safetensors")
    write_index(folder, {**named, "logit_scale": name})

    assert "which is no safetensors file of the folder" in refusal(folder)


def test_a_shard_that_is_missing_or_lacks_a_tensor_is_refused(copy):
    """An index that is empty, too."""
    folder = copy()
    named = sharded(folder)
    other = {"model-00001-of-00002.safetensors": "model-00002-of-00002.safetensors"}
    flipped = {**other, **{b: a for a, b in other.items()}}
    write_index(folder, {**named, "logit_scale": flipped[named["logit_scale"]]})
    assert "lacks 1 tensors that the index says it has (first logit_scale)" in refusal(folder)
    write_index(folder, {})
    assert "has no weight_map" in refusal(folder)
    write_index(folder, named)
    models.load(f"hf-clip:{folder}")
    (folder / "model-00002-of-00002.safetensors").unlink()
    assert "model-00002-of-00002.safetensors is missing" in refusal(folder)


def test_a_folder_whose_name_ends_as_an_option_is_taken_as_it_is(tmp_path):
    """Names of folders may hold any character."""
    for name in ("clip@paper", "clip+bf16"):
        write_folder("clip", tmp_path / name)

        assert models.card(f"hf-clip:{tmp_path / name}").embedding_dim > 0
