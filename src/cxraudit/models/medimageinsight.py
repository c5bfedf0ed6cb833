"""MedImageInsight (Codella et al. 2024): DaViT and a text transformer, 616 million parameters.

Written from a specification of the published code (lion-ai/MedImageInsights, 2024.09.27).
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from cxraudit.models import weights
from cxraudit.models._torch import tokens
from cxraudit.models._torch.adapter import TorchAdapter, is_paper
from cxraudit.models._torch.levels import EightBitInput, levels_of, normalised_tones
from cxraudit.models._torch.pixels import (
    BICUBIC,
    IMAGENET_MEAN,
    IMAGENET_STD,
    eight_bit,
)
from cxraudit.models.base import ImageTextModel, Levels, ModelCard, WeightFile, published_quirks

SIDE, CONTEXT, WIDTH = 480, 77, 1024
TOKENIZER = "language_model/clip_tokenizer_4.16.2"
HUB = "https://huggingface.co/lion-ai/MedImageInsights/resolve/main/2024.09.27/"

CARD = ModelCard(
    name="medimageinsight",
    summary="MedImageInsight, DaViT on many kinds of medical images",
    weights="https://huggingface.co/lion-ai/MedImageInsights (folder 2024.09.27)",
    license="MIT (research use, by its authors)",
    embedding_dim=WIDTH,
    image_size=SIDE,
    trained_on=frozenset({"mimic-cxr", "nih-cxr14", "chexpert", "other medical images"}),
    reference="Codella et al. 2024, arXiv:2410.06542",
    transform="8-bit RGB; 480x480 bicubic, stretched; ImageNet mean and std; v1",
    needs=("torch", "safetensors", "transformers", "ftfy"),
    files=(
        WeightFile(
            name="vision_model/medimageinsigt-v1.0.0.pt",
            size=2_464_060_700,
            sha256="5eeda63bf616a61664bc95b2c09d3b3d7125209e635678bd3f5f324e9bdb1414",
            url=HUB + "vision_model/medimageinsigt-v1.0.0.pt",
        ),
        WeightFile(name=f"{TOKENIZER}/vocab.json", url=f"{HUB}{TOKENIZER}/vocab.json"),
        WeightFile(name=f"{TOKENIZER}/merges.txt", url=f"{HUB}{TOKENIZER}/merges.txt"),
    ),
    prompts="short captions such as x-ray chest anteroposterior Pneumonia; at most 77 tokens",
    quirks=published_quirks(
        "models/medimageinsight/medimageinsight.py",
        "the published wrapper's get_predictions raises an error; the softmax of scaled cosines, which it "
        "evidently intends, is computed as in the native protocol",
    ),
)


def network() -> Any:
    """Build the network under its checkpoint's key names."""
    import torch
    from torch import nn

    from cxraudit.models._torch.towers.clip import Block, Kind
    from cxraudit.models._torch.towers.davit import DaViT

    net: Any = nn.Module()
    net.image_encoder = DaViT()
    net.lang_encoder = nn.ModuleDict(
        {
            "token_embedding": nn.Embedding(tokens.CLIP[0], WIDTH),
            "resblocks": nn.ModuleList(Block(WIDTH, 16, Kind(eps=1e-12)) for _ in range(16)),
            "ln_final": nn.LayerNorm(WIDTH, 1e-12),
        }
    )
    net.lang_encoder.positional_embedding = nn.Parameter(torch.empty(CONTEXT, WIDTH))
    net.image_projection = nn.Parameter(torch.empty(2048, WIDTH))
    net.lang_projection = nn.Parameter(torch.empty(WIDTH, WIDTH))
    net.logit_scale = nn.Parameter(torch.empty(()))
    return net


class MedImageInsight(EightBitInput, TorchAdapter):
    """The text transformer is bidirectional, with padding masked."""

    tones = normalised_tones(IMAGENET_MEAN, IMAGENET_STD)

    bytepairs: tokens.BytePairs

    def levels(self, image: Image.Image) -> Levels:
        """Stretched to 480×480; (1, 480, 480), of colours 3."""
        image = eight_bit(image)
        if image.size != (SIDE, SIDE):
            image = image.resize((SIDE, SIDE), BICUBIC)
        return levels_of(image)

    def image_features(self, batch: Any) -> Any:  # noqa: D102
        return self.network.image_encoder(batch) @ self.network.image_projection

    def token_ids(self, text: str) -> list[int]:  # noqa: D102
        return tokens.truncated(self.bytepairs(text), CONTEXT)

    def text_features(self, rows: Sequence[list[int]]) -> Any:  # noqa: D102
        import torch

        from cxraudit.models._torch.towers.bert import padded

        ids, mask = (part.to(self.device) for part in padded(rows, self.bytepairs.end, CONTEXT))
        text = self.network.lang_encoder
        x = text["token_embedding"](ids) + text.positional_embedding
        for block in text["resblocks"]:
            x = block(x, mask[:, None, None, :])
        ends = text["ln_final"](x)[torch.arange(len(rows)), ids.argmax(-1)]
        return ends @ self.network.lang_projection


def load(
    *,
    protocol: str = "native",
    device: str = "auto",
    precision: str = "fp32",
    folder: Path | None = None,
) -> ImageTextModel:
    """Load the vision file, which is safetensors despite its suffix and contains both encoders."""
    is_paper(protocol)  # both protocols compute the same
    paths = weights.find_all(CARD, folder)
    net = weights.filled(network, paths[0])
    model = MedImageInsight(
        replace(CARD, protocol=protocol),
        net,
        device=device,
        precision=precision,
        fingerprint=weights.fingerprint(paths, CARD.transform),
        logit_scale=weights.plausible_scale(net.logit_scale, paths[0]),
    )
    model.bytepairs = tokens.bytepairs_from(paths[1].parent)
    return model
