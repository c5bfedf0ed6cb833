"""Small models in the format of open_clip: configurations, tokenizers, and generated weights.

``canonical/open_clip_*.npz`` holds what open_clip 3.3 computes with them; ``scripts/open_clip_vectors.py``
writes these files.
"""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np

import generated

TEXTS = (
    "Chest Pneumothorax",
    "Chest No findings",
    "no_acute  cardio-pulmonary process; the patient's lungs aren't clear &amp; 1/2 hazy.",
    "PLEURAL EFFUSION \u2013 na\u00efve caf\u00e9 \u80f8\u90e8 \U0001fac1",
    "",
    "There is a right pleural effusion. " * 40,
)
IMAGES = ("g1024", "g390x320")
SMALL_TEXT = {"context_length": 77, "width": 32, "heads": 2, "layers": 2}
SMALL_VIT = {"image_size": 64, "layers": 2, "width": 64, "head_width": 32, "patch_size": 16}
BERT = {
    "model_type": "bert",
    "vocab_size": 30_522,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 64,
}
N_WORDS = 300


def _bert_text(**options: Any) -> dict[str, Any]:
    return {
        "hf_model_name": "somebody/small-BERT",
        "hf_tokenizer_name": "somebody/small-BERT",
        "context_length": 24,
        **options,
    }


CASES: dict[str, dict[str, Any]] = {
    "vit": {
        "model_cfg": {
            "embed_dim": 24,
            "quick_gelu": True,
            "vision_cfg": SMALL_VIT,
            "text_cfg": SMALL_TEXT,
        },
        "preprocess_cfg": {},
    },
    "vit_options": {
        "model_cfg": {
            "embed_dim": 24,
            "custom_text": True,
            "init_logit_bias": -10,
            "vision_cfg": {
                **SMALL_VIT,
                "mlp_ratio": 2.5,
                "ls_init_value": 0.1,
                "no_ln_pre": True,
                "pool_type": "avg",
                "final_ln_after_pool": True,
                "norm_kwargs": {"eps": 1e-4},
            },
            "text_cfg": {
                **SMALL_TEXT,
                "context_length": 20,
                "mlp_ratio": 3.0,
                "ls_init_value": 0.1,
                "no_causal_mask": True,
                "pool_type": "last",
                "proj_bias": True,
                "norm_kwargs": {"eps": 1e-6},
                "act_kwargs": {"approximate": "tanh"},
                "tokenizer_kwargs": {"clean": "canonicalize"},
            },
        },
        "preprocess_cfg": {
            "mean": [0.5, 0.5, 0.5],
            "std": [0.25, 0.25, 0.25],
            "interpolation": "bilinear",
            "resize_mode": "longest",
            "fill_color": 100,
        },
    },
    "vit_average": {
        "model_cfg": {
            "embed_dim": 32,
            "vision_cfg": {**SMALL_VIT, "pool_type": "avg", "image_size": 72, "patch_size": 24},
            "text_cfg": {
                **SMALL_TEXT,
                "pool_type": "eos",
                "eos_id": 49_407,
                "proj_type": "none",
            },
        },
        "preprocess_cfg": {"resize_mode": "squash", "interpolation": "bicubic"},
    },
    "resnet": {
        "model_cfg": {
            "embed_dim": 40,
            "quick_gelu": True,
            "vision_cfg": {
                "image_size": 96,
                "layers": [1, 2, 1, 1],
                "width": 16,
                "head_width": 64,
                "patch_size": None,
            },
            "text_cfg": {**SMALL_TEXT, "pool_type": "first", "no_causal_mask": True},
        },
        "preprocess_cfg": {"interpolation": "bilinear"},
    },
    "timm": {
        "model_cfg": {
            "embed_dim": 24,
            "vision_cfg": {
                "image_size": 224,
                "timm_model_name": "vit_tiny_patch16_224",
                "timm_pool": "",
                "timm_proj": "linear",
                "timm_proj_bias": True,
            },
            "text_cfg": _bert_text(hf_pooler_type="cls_last_hidden_state_pooler"),
        },
        "preprocess_cfg": {},
    },
    "timm_average": {
        "model_cfg": {
            "embed_dim": 24,
            "vision_cfg": {
                "image_size": 224,
                "timm_model_name": "vit_tiny_patch16_224",
                "timm_pool": "avg",
                "timm_proj": "mlp",
            },
            "text_cfg": _bert_text(
                hf_pooler_type="cls_pooler",
                hf_proj_type="linear",
                tokenizer_kwargs={"clean": "lower"},
            ),
        },
        "preprocess_cfg": {},
    },
    "bert_mean": {
        "model_cfg": {
            "embed_dim": 32,
            "vision_cfg": SMALL_VIT,
            "text_cfg": _bert_text(
                hf_pooler_type="mean_pooler",
                hf_proj_type=None,
                tokenizer_kwargs={"strip_sep_token": True},
            ),
        },
        "preprocess_cfg": {},
    },
    "siglip": {
        "model_cfg": {
            "embed_dim": 768,
            "custom_text": True,
            "init_logit_bias": -10,
            "vision_cfg": {
                "image_size": 256,
                "timm_model_name": "vit_base_patch32_siglip_256",
                "timm_model_pretrained": False,
                "timm_pool": "map",
                "timm_proj": "none",
            },
            "text_cfg": {
                "context_length": 64,
                "vocab_size": N_WORDS,
                "hf_tokenizer_name": "somebody/words",
                "tokenizer_kwargs": {"clean": "canonicalize"},
                "width": 32,
                "heads": 2,
                "layers": 2,
                "no_causal_mask": True,
                "proj_bias": True,
                "pool_type": "last",
                "norm_kwargs": {"eps": 1e-6},
            },
        },
        "preprocess_cfg": {
            "mean": [0.5, 0.5, 0.5],
            "std": [0.5, 0.5, 0.5],
            "interpolation": "bicubic",
            "resize_mode": "squash",
        },
    },
}
"""Name → configuration."""
_exact = CASES["siglip_exact"] = deepcopy(CASES["siglip"])
_exact["model_cfg"]["vision_cfg"] |= {
    "timm_model_name": "vit_base_patch16_siglip_224",
    "image_size": 224,
}


def canonical(case: str) -> dict[str, np.ndarray]:
    """Return what open_clip computes."""
    with np.load(generated.HERE / "canonical" / f"open_clip_{case}.npz") as file:
        return dict(file)


def manifest(case: str) -> dict[str, list[int]]:
    """Return name → shape of each tensor, as open_clip has them."""
    return json.loads(canonical(case)["manifest"].tobytes())


def state(shapes: dict[str, list[int]]) -> dict[str, Any]:
    """Return tensors by the rule of `generated`."""
    import torch

    found = {}
    for name, shape in shapes.items():
        kind = "int64" if name.endswith("num_batches_tracked") else "float32"
        found[name] = torch.from_numpy(generated.tensor(name, shape, kind))
    return found


def write_folder(case: str, folder: Path, shapes: dict[str, list[int]] | None = None) -> Path:
    """Write configuration, tokenizer and generated weights."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    configuration = deepcopy(CASES[case])
    (folder / "open_clip_config.json").write_text(json.dumps(configuration))
    text = configuration["model_cfg"]["text_cfg"]
    if "hf_model_name" in text:
        _write_bert(folder)
    elif "hf_tokenizer_name" in text:
        _write_words(folder)
    shapes = manifest(case) if shapes is None else shapes
    if shapes:
        save_file(state(shapes), folder / "open_clip_model.safetensors")
    return folder


def _write_bert(folder: Path) -> None:
    """Write a BERT's configuration and its tokenizer, of CXR-BERT's words."""
    from tokenizers import BertWordPieceTokenizer
    from transformers import PreTrainedTokenizerFast

    (folder / "config.json").write_text(json.dumps(BERT))
    words = str(generated.HERE / "cxr_bert_vocab.txt")
    PreTrainedTokenizerFast(
        tokenizer_object=BertWordPieceTokenizer(words, lowercase=True)._tokenizer,
        unk_token="[UNK]",
        sep_token="[SEP]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        mask_token="[MASK]",
    ).save_pretrained(folder)


def _write_words(folder: Path) -> None:
    """Write a tokenizer of characters that ends texts with 1 and pads with it, as SigLIP's do."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    words += [(chr(code), -float(code)) for code in range(33, 33 + N_WORDS - 4)]
    words += [("\u2581", -2.0)]
    tokenizer = Tokenizer(models.Unigram(words, unk_id=2))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", eos_token="</s>", pad_token="</s>"
    ).save_pretrained(folder)
