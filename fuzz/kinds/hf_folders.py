"""Folders of models in transformers' format: configuration, tokenizer, image processor and weights."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from PIL import Image

from cxraudit import models
from cxraudit.models._torch.tokens import bpe_lists
from fuzz.case import Case, Generator, Outcome, attempted
from fuzz.damage import damaged
from fuzz.guard import MARKER
from fuzz.kinds.checkpoints import payloads
from fuzz.tables import chance, pick
from fuzz.toml import VALUES

SMALL = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
}
WORDS = 600
"""Pieces of words of the small vocabulary, besides start and end."""
SIDE = 32
CODE = "open({marker!r}, 'w').close()\n"
NUMBERS = (
    0,
    -1,
    1,
    2,
    3,
    7,
    17,
    31,
    33,
    64,
    511,
    10_000,
    2**31,
    2**63,
    0.5,
    float("nan"),
    "32",
    None,
    [],
    {},
)
HUGE = 20_000
"""Larger sizes of a configuration are refused or made smaller here, since memory is what they would test."""


class HfFolders:
    """``hf-clip:FOLDER``: loading it, and encoding an image and a text."""

    name = "hf folders"

    def prepare(self, folder: Path) -> None:
        """Make a small CLIP and a small SigLIP."""
        torch.set_num_threads(1)
        torch.manual_seed(0)
        self.folders = {kind: _small(kind, folder / kind) for kind in ("clip", "siglip")}
        self.files = {
            kind: sorted(file.name for file in place.iterdir())
            for kind, place in self.folders.items()
        }

    def write(self, rng: Generator, folder: Path) -> Case:
        """Copy a model, and mutate one or two of its files."""
        case = Case(folder)
        kind = pick(rng, ["clip", "siglip"])
        case.add(kind)
        place = folder / "model"
        shutil.copytree(self.folders[kind], place)
        for _ in range(pick(rng, [1, 1, 1, 2])):
            way = pick(rng, ["json"] * 5 + ["bytes"] * 2 + ["remove", "weights", "code", "other"])
            name = pick(rng, self.files[kind])
            if way == "json":
                name = pick(rng, [one for one in self.files[kind] if one.endswith(".json")])
                _change_json(place / name, rng, case)
            elif way == "bytes" and (place / name).exists():
                data, damage = damaged((place / name).read_bytes(), rng)
                (place / name).write_bytes(data)
                case.add(f"bytes of {name}: {damage}")
            elif way == "remove":
                (place / name).unlink(missing_ok=True)
                case.add(f"without {name}")
            elif way == "weights":
                _change_weights(place, rng, folder / MARKER, case)
            elif way == "code":
                _add_code(place, rng, folder / MARKER, case)
            else:
                odd = pick(
                    rng,
                    [
                        "config.json",
                        "added_tokens.json",
                        "open_clip_config.json",
                        "model.safetensors.index.json",
                    ],
                )
                (place / odd).write_text(
                    pick(rng, ["{}", "[]", "null", "", "{", "<html>", '{"a": 1}'])
                )
                case.add(f"another {odd}")
        return case

    def run(self, case: Case) -> Outcome:
        """Load it; what is loaded gives finite rows of unit length."""
        faults: list[tuple[str, str]] = []

        def call() -> None:
            model = models.load(f"hf-clip:{case.folder / 'model'}")
            image = Image.fromarray(
                np.arange(SIDE * SIDE, dtype=np.uint32).reshape(SIDE, SIDE).astype(np.uint8)
            )
            rows = [
                model.encode_images(model.preprocess(image)[None]),
                model.encode_texts(["Chest Pneumothorax", ""]),
            ]
            for what, found in zip(("image", "text"), rows, strict=True):
                if found.shape[1] != model.card.embedding_dim:
                    faults.append(
                        ("misread", f"{what}: {found.shape} for {model.card.embedding_dim}")
                    )
                # What is not finite, or zero, is returned as it is: who encodes lists that image.
                given = np.isfinite(found).all(axis=1) & (found != 0).any(axis=1)
                if not np.allclose(np.linalg.norm(found[given], axis=1), 1, atol=1e-4):
                    faults.append(("misread", f"rows of the {what} have no unit length"))

        outcome = attempted(call)
        outcome.faults += faults
        return outcome


def _small(kind: str, folder: Path) -> Path:
    """Write a model with few words and one layer."""
    folder.mkdir(parents=True)
    vocabulary, merges = bpe_lists()
    pieces = [piece for piece, number in vocabulary.items() if number < 512]
    merged = [pair for pair in merges if all(part in pieces for part in pair.split())][
        : WORDS - 512
    ]
    pieces += list(dict.fromkeys(pair.replace(" ", "") for pair in merged))
    pieces += ["<|startoftext|>", "<|endoftext|>"]
    numbered = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    (folder / "vocab.json").write_text(json.dumps(numbered), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merged), encoding="utf-8")
    transformers.CLIPTokenizer.from_pretrained(folder).save_pretrained(folder)
    last = numbered["<|endoftext|>"]
    text = {
        **SMALL,
        "vocab_size": len(numbered),
        "max_position_embeddings": 16,
        "eos_token_id": last,
        "bos_token_id": last - 1,
        "pad_token_id": last,
    }
    vision = {**SMALL, "image_size": SIDE, "patch_size": 16}
    if kind == "clip":
        config = transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=12)
        model: Any = transformers.CLIPModel(config)
        processor: Any = transformers.CLIPImageProcessorPil(
            size={"shortest_edge": SIDE}, crop_size=SIDE
        )
    else:
        config = transformers.SiglipConfig(text_config=text, vision_config=vision)
        model = transformers.SiglipModel(config)
        processor = transformers.SiglipImageProcessorPil(size={"height": SIDE, "width": SIDE})
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def _change_json(path: Path, rng: Generator, case: Case) -> None:
    """Change one value of a configuration, at any depth."""
    if not path.exists():
        return
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return
    if not isinstance(data, dict) or not data:
        return
    place, key = data, pick(rng, list(data))
    while isinstance(place[key], dict) and place[key] and chance(rng, 0.9):
        place = place[key]
        key = pick(rng, list(place))
    way = pick(rng, ["number", "number", "value", "remove", "add"])
    if way == "remove":
        del place[key]
    elif way == "add":
        further = {
            "auto_map": {"AutoModel": "evil.Evil", "AutoConfig": "evil.Evil"},
            "model_type": pick(rng, ["clip", "siglip", "bert", "evil", 3]),
            "quantization_config": {"load_in_8bit": True},
            "trust_remote_code": True,
            "_name_or_path": "/nowhere",
            "architectures": ["Evil"],
            "torch_dtype": pick(rng, ["float16", "float99", "int8"]),
        }
        key = pick(rng, list(further))
        place[key] = further[key]
    else:
        place[key] = pick(rng, NUMBERS if way == "number" else [v for v in VALUES if _is_json(v)])
    if isinstance(place.get(key), (int, float)) and place[key] > HUGE and chance(rng, 0.8):
        place[key] = HUGE
    case.add(f"{path.name}: {key} = {str(place.get(key, 'removed'))[:60]}")
    path.write_text(json.dumps(data), encoding="utf-8")


def _is_json(value: object) -> bool:
    try:
        json.dumps(value)
    except TypeError:
        return False
    return True


def _change_weights(place: Path, rng: Generator, marker: Path, case: Case) -> None:
    """Give weights that are not numbers, of other shapes, or a pickle instead."""
    from safetensors.torch import load_file, save_file

    path = place / "model.safetensors"
    way = pick(rng, ["nan", "scale", "shape", "remove", "pickle", "half"])
    case.add(f"weights: {way}")
    if not path.exists():
        return
    try:
        state = load_file(path)
    except Exception:  # it was damaged before
        return
    key = pick(rng, list(state))
    if way == "nan":
        state[key] = state[key] * float("nan")
    elif way == "scale":
        state["logit_scale"] = torch.tensor(pick(rng, [-5.0, 0.0, 50.0, float("inf")]))
    elif way == "shape":
        state[key] = torch.zeros(pick(rng, [1, 3, 600]))
    elif way == "remove":
        del state[key]
    elif way == "half":
        state = {name: tensor.half() for name, tensor in state.items()}
    else:
        path.unlink()
        name, payload = pick(rng, list(payloads(marker).items()))
        torch.save({**state, "x": payload}, place / "pytorch_model.bin")
        case.add(name)
        return
    save_file(state, path, metadata={"format": "pt"})


def _add_code(place: Path, rng: Generator, marker: Path, case: Case) -> None:
    """Put code beside the model, under the names that libraries import."""
    name = pick(
        rng,
        [
            "evil.py",
            "modeling_clip.py",
            "configuration_clip.py",
            "tokenization_clip.py",
            "__init__.py",
        ],
    )
    code = CODE.replace("{marker!r}", repr(str(marker)))
    (place / name).write_text(f"{code}class Evil:\n    pass\n")
    case.add(f"code in {name}")
    for config in ("config.json", "tokenizer_config.json", "preprocessor_config.json"):
        path = place / config
        if not path.exists() or chance(rng, 0.5):
            continue
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            continue
        if isinstance(data, dict):
            kinds = (
                "AutoConfig",
                "AutoModel",
                "AutoTokenizer",
                "AutoImageProcessor",
                "AutoProcessor",
            )
            data["auto_map"] = {one: f"{name.removesuffix('.py')}.Evil" for one in kinds}
            path.write_text(json.dumps(data), encoding="utf-8")
