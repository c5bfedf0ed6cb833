"""Write what open_clip computes with generated weights, which tests compare with.

It needs open_clip, timm and torchvision, which cxraudit does not: run it in an environment of its own with
``pip install open_clip_torch==3.3.0``, and ``PYTHONPATH=src:tests/models``.
"""

import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import open_clip_folders as folders
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image

import generated


def main() -> None:
    """Write one file per case."""
    torch.manual_seed(0)
    for case in folders.CASES:
        with tempfile.TemporaryDirectory(prefix="bert-") as place:
            found = computed(case, Path(place))
        path = generated.HERE / "canonical" / f"open_clip_{case}.npz"
        np.savez_compressed(path, **found)
        print(f"{path.name}: {path.stat().st_size:,} bytes")


def computed(case: str, folder: Path) -> dict[str, Any]:
    """Return tensors' shapes, pixels, tokens and embeddings of a case."""
    folders.write_folder(case, folder, {})
    configuration = folder / "open_clip_config.json"
    content = json.loads(configuration.read_text())
    if "hf_model_name" in content["model_cfg"]["text_cfg"]:
        content["model_cfg"]["text_cfg"]["hf_model_name"] = str(folder)
        configuration.write_text(json.dumps(content))
    name = f"local-dir:{folder}"
    built = open_clip.create_model(name, load_weights=False, pretrained_text=False)
    shapes = {key: list(value.shape) for key, value in built.state_dict().items()}
    state = folders.state(shapes)
    torch.save(state, folder / "open_clip_pytorch_model.bin")
    model: Any = open_clip.create_model(name).eval()
    transform = image_transform_v2(PreprocessCfg(**model.visual.preprocess_cfg), is_train=False)
    images = [generated.image(one) for one in folders.IMAGES]
    images.append(Image.merge("RGB", [images[1], images[1].rotate(180), images[1]]))
    pixels = torch.stack([transform(image) for image in images])
    ids = open_clip.get_tokenizer(name)(list(folders.TEXTS))
    digest = hashlib.sha256()
    for key, value in state.items():
        digest.update(key.encode())
        digest.update(np.ascontiguousarray(value.numpy()).tobytes())
    with torch.inference_mode():
        bias = {} if model.logit_bias is None else {"logit_bias": model.logit_bias.numpy()}
        return {
            "manifest": np.frombuffer(json.dumps(shapes).encode(), dtype=np.uint8),
            "digest": np.array(digest.hexdigest()),
            "pixels": np.array(
                [hashlib.sha256(one.numpy().tobytes()).hexdigest() for one in pixels]
            ),
            "means": pixels.mean((2, 3)).numpy(),
            "ids": ids.numpy().astype(np.int32),
            "images": model.encode_image(pixels, normalize=True).numpy(),
            "texts": model.encode_text(ids, normalize=True).numpy(),
            "logit_scale": model.logit_scale.exp().numpy(),
            **bias,
        }


if __name__ == "__main__":
    main()
