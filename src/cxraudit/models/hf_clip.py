"""Any CLIP or SigLIP in transformers' format: ``hf-clip:PATH`` or ``hf-clip:OWNER/NAME`` of the hub.

MedSigLIP, PubMedCLIP and similar models need no adapter: preprocessing, tokenizer and sizes are read from
the files beside the weights.
"""

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from cxraudit.errors import DataError, MissingExtraError
from cxraudit.models import weights
from cxraudit.models._torch.adapter import TorchAdapter
from cxraudit.models._torch.pixels import eight_bit
from cxraudit.models.base import Entry, ImageTextModel, ModelCard, Pixels

PREFIX = "hf-clip:"
NO_CODE = {"trust_remote_code": False}
"""Code that lies beside weights is never run."""
KINDS = ("clip", "siglip")


def entry(name: str) -> Entry:
    """Return card and loader of a model named ``hf-clip:…``; only its configuration is read.

    Raises
    ------
    DataError
        If there is no such model, or it is not a CLIP or SigLIP.
    """
    where = name.removeprefix(PREFIX)
    config = _config(where)
    text = config.text_config
    card = ModelCard(
        name=name,
        summary=f"{config.model_type} in transformers' format",
        weights=where,
        license="see its model card",
        embedding_dim=getattr(config, "projection_dim", None) or text.hidden_size
        if config.model_type == "clip"
        else config.vision_config.hidden_size,
        image_size=config.vision_config.image_size,
        trained_on=frozenset(),
        reference=where,
        transform=f"{config.model_type}; as its preprocessor_config.json says; v1",
        needs=("torch", "safetensors", "transformers"),
        prompts="see its model card",
    )
    return Entry(card, partial(load, card, config))


def _config(where: str) -> Any:
    try:
        from transformers import AutoConfig
    except ImportError:
        raise MissingExtraError(f"the model '{PREFIX}{where}'", "models") from None
    try:
        config = AutoConfig.from_pretrained(where, **NO_CODE)
    except (OSError, ValueError) as error:
        first = str(error).splitlines()[0]
        raise DataError(
            f"'{where}' is no folder or hub name of a model that can be read ({first}). Name the folder that "
            "contains config.json."
        ) from None
    if config.model_type not in KINDS:
        raise DataError(
            f"'{where}' is a {config.model_type}; hf-clip reads {', '.join(KINDS)}. Write an adapter for it "
            "(see docs/how-to/add-a-model.md)."
        )
    return config


class HfClip(TorchAdapter):
    """Image processor and tokenizer are those published with the model."""

    processor: Any
    tokenizer: Any
    length: int

    def preprocess(self, image: Image.Image) -> Pixels:
        """RGB, then the model's image processor."""
        inputs = self.processor(images=eight_bit(image).convert("RGB"), return_tensors="np")
        return np.ascontiguousarray(inputs["pixel_values"][0], dtype=np.float32)

    def image_features(self, batch: Any) -> Any:  # noqa: D102
        return _features(self.network.get_image_features(pixel_values=batch))

    def text_features(self, texts: Sequence[str]) -> Any:  # noqa: D102
        tokens = self.tokenizer(
            list(texts),
            padding="max_length",
            truncation=True,
            max_length=self.length,
            return_tensors="pt",
        )
        return _features(self.network.get_text_features(**tokens.to(self.device)))


def _features(output: Any) -> Any:
    return getattr(output, "pooler_output", output)


def load(
    card: ModelCard, config: Any, *, device: str = "auto", precision: str = "fp32"
) -> ImageTextModel:
    """Load weights, image processor and tokenizer."""
    import transformers

    where = card.weights
    processors = {
        "clip": transformers.CLIPImageProcessorPil,
        "siglip": transformers.SiglipImageProcessorPil,
    }
    try:
        network, report = transformers.AutoModel.from_pretrained(
            where, dtype="float32", output_loading_info=True, **NO_CODE
        )
        processor = processors[config.model_type].from_pretrained(where, **NO_CODE)
        tokenizer = transformers.AutoTokenizer.from_pretrained(where, **NO_CODE)
    except (OSError, ValueError) as error:
        raise DataError(
            f"'{where}' cannot be loaded ({str(error).splitlines()[0]}). It needs weights, "
            "preprocessor_config.json and a tokenizer."
        ) from None
    wrong = [*report["missing_keys"], *(str(key) for key in report["mismatched_keys"])]
    if wrong:
        raise DataError(
            f"'{where}' lacks {len(wrong)} tensors of its network or has them in another shape (first "
            f"{min(wrong)}); they would be random. Use the published files."
        )
    model = HfClip(
        card,
        network.eval().requires_grad_(requires_grad=False),
        device=device,
        precision=precision,
        fingerprint=_fingerprint(where, card, network),
        logit_scale=float(network.logit_scale.exp()),
    )
    model.processor, model.tokenizer = processor, tokenizer
    model.length = config.text_config.max_position_embeddings
    return model


def _fingerprint(where: str, card: ModelCard, network: Any) -> str:
    folder = Path(where)
    if folder.is_dir():
        files = sorted(
            p for p in folder.iterdir() if p.suffix in (".safetensors", ".bin", ".json", ".txt")
        )
        return weights.fingerprint(files, card.transform)
    revision = getattr(network.config, "_commit_hash", None) or ""
    return hashlib.sha256(f"{where} {revision} {card.transform}".encode()).hexdigest()
