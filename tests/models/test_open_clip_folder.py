"""A folder in the format of open_clip that is damaged, or of another network, is refused in one sentence."""

import json
import pickle
import shutil

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

import open_clip_folders as folders  # noqa: E402
from hf_folders import change  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

from cxraudit import models  # noqa: E402
from cxraudit.errors import CxrAuditError, DataError  # noqa: E402

CONFIG, WEIGHTS = "open_clip_config.json", "open_clip_model.safetensors"


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A plain model, and one with a BERT."""
    place = tmp_path_factory.mktemp("published")
    return {case: folders.write_folder(case, place / case) for case in ("vit", "bert_mean")}


@pytest.fixture
def copy(published, tmp_path):
    """Copy one of them, to be spoiled."""
    return lambda case="vit": shutil.copytree(published[case], tmp_path / case)


def refusal(folder):
    """The sentence with which a folder is refused."""
    with pytest.raises(CxrAuditError) as raised:
        models.load(f"open-clip:{folder}")
    sentence = str(raised.value)
    assert "\n" not in sentence
    assert sentence.endswith((".", ").")) or sentence.endswith(".md.")
    return sentence


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("<!DOCTYPE html>", "is a web page"),
        ("version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        ("", "is empty"),
        (None, "is missing"),
        ("{", "not valid JSON|besides tensors|damaged"),
        ("[" * 100_000, "not valid JSON|besides tensors|damaged"),
    ],
    ids=["page", "pointer", "empty", "missing", "cut", "nested"],
)
def test_every_file_is_what_its_name_says(copy, name, content, said):
    """Whatever lies in its place is named."""
    import re

    folder = copy()
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_text(content)

    assert re.search(said, refusal(folder))


V, T, P = "model_cfg__vision_cfg__", "model_cfg__text_cfg__", "preprocess_cfg__"
CONFIGURATIONS = {
    "unknown key": ({"model_cfg__evil": 1}, "model_cfg.evil: unknown key"),
    "unknown key of a tower": ({V + "global_average_pool": True}, "global_average_pool: unknown"),
    "no model": ({"model_cfg": ...}, "has no model_cfg"),
    "model is a list": ({"model_cfg": [1]}, "has no model_cfg"),
    "no text": ({"model_cfg__text_cfg": ...}, "text_cfg: is missing"),
    "coca": ({"model_cfg__multimodal_cfg": {}}, "is a CoCa (multimodal_cfg), which is not read"),
    "class token of texts": ({T + "embed_cls": True}, "embed_cls"),
    "attention pool": ({V + "attentional_pool": True}, "attentional_pool"),
    "attention pool by name": ({V + "attentional_pool": "parallel"}, "attentional_pool"),
    "normed attention": ({V + "qk_norm": True}, "qk_norm"),
    "own blocks": ({T + "block_type": "custom"}, "block_type"),
    "pooling": ({V + "pool_type": "none"}, "pool_type: must be 'tok' or 'avg', not 'none'"),
    "pooling of texts": ({T + "pool_type": "none"}, "text_cfg.pool_type"),
    "text for a number": ({V + "width": "64"}, "vision_cfg.width"),
    "truth for a number": ({V + "width": True}, "vision_cfg.width"),
    "negative": ({T + "layers": -1}, "text_cfg.layers"),
    "many layers": ({V + "layers": 10**6}, "vision_cfg.layers"),
    "three stages": ({V + "layers": [1, 2, 3]}, "vision_cfg.layers"),
    "more layers": ({V + "layers": 3}, "missing (first"),
    "fewer layers": ({V + "layers": 1}, "not expected"),
    "wide": ({V + "width": 16_384}, "of another shape"),
    "heads": ({V + "head_width": 48}, "cannot be split into heads of 48"),
    "heads of texts": ({T + "heads": 5}, "cannot be split into 5 heads"),
    "not square": ({V + "image_size": [64, 32]}, "vision_cfg.image_size"),
    "large": ({V + "image_size": 10**6}, "vision_cfg.image_size"),
    "patch": ({V + "patch_size": 80}, "patch_size is 80; images have 64 pixels"),
    "no patch": ({V + "patch_size": None}, "patch_size is None"),
    "stages": ({V + "layers": [1, 1, 1, 1]}, "not expected"),
    "epsilon": ({V + "norm_kwargs": {"eps": -1.0}}, "norm_kwargs.eps"),
    "infinite": ({V + "mlp_ratio": float("inf")}, "mlp_ratio"),
    "not a number": ({V + "mlp_ratio": float("nan")}, "mlp_ratio"),
    "no projection": ({T + "proj_type": "none"}, "texts without a projection have 32"),
    "words": ({T + "vocab_size": 100}, "of another shape"),
    "clean": ({T + "tokenizer_kwargs": {"clean": "whitespace"}}, "read with clean 'lower'"),
    "random texts": ({T + "tokenizer_kwargs": {"reduction_mask": "random"}}, "reduction_mask"),
    "mode of tokens": ({T + "tokenizer_mode": "clips"}, "tokenizer_mode"),
    "no end": ({T + "pool_type": "eos", T + "eos_id": 7}, "texts have no token 7"),
    "convnext": ({V + "timm_model_name": "convnext_base"}, "'convnext_base' of timm is not read"),
    "path of timm": ({V + "timm_model_name": "../../etc/passwd"}, "of timm is not read"),
    "hub of timm": ({V + "timm_model_name": "hf-hub:a/b"}, "of timm is not read"),
    "side of timm": ({V + "timm_model_name": "vit_tiny_patch16_224"}, "image_size is 64"),
    "roberta": (
        {T + "hf_model_name": "roberta-base", T + "hf_tokenizer_name": "x"},
        "'roberta-base' is not read",
    ),
    "no tokenizer": (
        {T + "hf_model_name": "a/bert", T + "hf_tokenizer_name": "../../../tmp"},
        "has no table text.transformer",
    ),
    "resize": ({P + "resize_mode": "random"}, "preprocess_cfg.resize_mode"),
    "interpolation": ({P + "interpolation": "nearest"}, "preprocess_cfg.interpolation"),
    "two channels": ({P + "mean": [0.5, 0.5]}, "preprocess_cfg.mean"),
    "deviation": ({P + "std": 0}, "preprocess_cfg.std"),
    "mode": ({P + "mode": "L"}, "preprocess_cfg.mode"),
    "fill": ({P + "fill_color": 900}, "preprocess_cfg.fill_color"),
    "misspelt step": ({P + "interpolaton": "bilinear"}, "interpolaton: unknown key"),
    "steps are an empty list": ({"preprocess_cfg": []}, "preprocess_cfg is no object"),
    "steps are a list": ({"preprocess_cfg": [1]}, "preprocess_cfg is no object"),
    "bias": ({"model_cfg__init_logit_bias": -10}, "missing (first logit_bias)"),
    "dim": ({"model_cfg__embed_dim": 32}, "of another shape"),
}


@pytest.mark.parametrize(("changes", "said"), CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_a_configuration_of_another_network_is_refused(copy, changes, said):
    """Before memory is allocated, with what is wrong."""
    folder = copy()
    content = json.loads((folder / CONFIG).read_text())
    content["model_cfg"].setdefault("vision_cfg", {})
    if "__" in next(iter(changes)):
        content.setdefault("preprocess_cfg", {})
    (folder / CONFIG).write_text(json.dumps(content))
    change(folder / CONFIG, **changes)

    assert said in refusal(folder)


def test_names_of_a_configuration_stay_text(copy):
    """Markup and line breaks in a name are shown as they are, on one line."""
    folder = copy()
    change(folder / CONFIG, **{V + "timm_model_name": "<b>\n|x|</b>"})

    assert "<b>\\n|x|</b>" in refusal(folder)


BERTS = {
    "kind": ({"hidden_act": "relu"}, "hidden_act is relu"),
    "epsilon": ({"layer_norm_eps": 1e-5}, "layer_norm_eps is 1e-05"),
    "heads": ({"num_attention_heads": 5}, "num_attention_heads is 5; the width is 32"),
    "no number": ({"num_attention_heads": "4"}, "num_attention_heads is 4"),
    "padding": ({"pad_token_id": 1}, "pad_token_id is 1"),
    "positions": ({"position_embedding_type": "relative_key"}, "relative_key"),
    "another model": ({"model_type": "clip"}, "whose number of heads is not in"),
}


@pytest.mark.parametrize(("changes", "said"), BERTS.values(), ids=BERTS)
def test_a_bert_that_is_not_read_is_refused(copy, changes, said):
    """By the configuration beside it, without which a small BERT has no known number of heads."""
    folder = copy("bert_mean")
    change(folder / "config.json", **changes)

    assert said in refusal(folder)


def test_texts_longer_than_the_positions_of_a_bert_are_refused(copy):
    """Its table is shorter."""
    folder = copy("bert_mean")
    change(folder / CONFIG, **{T + "context_length": 512})

    assert "has 64 positions; context_length is 512" in refusal(folder)


def test_a_tokenizer_with_more_words_than_the_network_is_refused(copy):
    """Their rows do not exist."""
    folder = copy("bert_mean")
    state = load_file(folder / WEIGHTS)
    name = "text.transformer.embeddings.word_embeddings.weight"
    save_file({**state, name: state[name][:300].clone()}, folder / WEIGHTS)

    assert "it has a word with number" in refusal(folder)


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json"])
def test_code_in_a_tokenizer_is_refused(copy, name):
    """It is never run; a tokenizer that is missing is named."""
    folder = copy("bert_mean")
    if name == "tokenizer.json":
        (folder / name).unlink()
        assert "has no tokenizer" in refusal(folder)
    else:
        change(folder / name, auto_map={"AutoTokenizer": ["evil.Tokenizer", None]})
        assert "code of its own" in refusal(folder)


class Evil:
    """What runs a command when it is unpickled."""

    def __reduce__(self):
        """Write a file."""
        return (open, ("/tmp/was-run", "w"))


def test_pickles_run_no_code(copy, tmp_path):
    """Whatever is in the place of tensors."""
    folder = copy()
    (folder / WEIGHTS).unlink()
    target = folder / "open_clip_pytorch_model.bin"
    target.write_bytes(pickle.dumps({"state_dict": Evil()}))
    assert "was not run" in refusal(folder)


@pytest.mark.parametrize("share", [0.001, 0.5, 0.999])
def test_cut_weights_are_refused(copy, share):
    """At any length."""
    folder = copy()
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(content[: int(len(content) * share)])

    assert "truncated or damaged" in refusal(folder)


@pytest.mark.parametrize(
    ("value", "said"),
    [(float("nan"), "NaN or infinite"), (50.0, "logit scale"), (-9.0, "logit scale")],
)
def test_numbers_that_no_model_has_are_refused(copy, value, said):
    """In the logit scale."""
    folder = copy()
    state = load_file(folder / WEIGHTS)
    save_file({**state, "logit_scale": torch.tensor(value)}, folder / WEIGHTS)

    assert said in refusal(folder)


def test_a_folder_of_the_other_format_names_the_other_prefix(copy, tmp_path):
    """Both ways."""
    with pytest.raises(DataError, match=r"in the format of open_clip .* Use open-clip:PATH"):
        models.load(f"hf-clip:{copy()}")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(DataError, match="or use hf-clip:PATH"):
        models.load(f"open-clip:{tmp_path}")


def test_what_is_nowhere_is_refused(tmp_path):
    """No such folder."""
    with pytest.raises(DataError, match=r"no folder or hub name .* open_clip_config\.json"):
        models.load(f"open-clip:{tmp_path / 'nowhere'}")
