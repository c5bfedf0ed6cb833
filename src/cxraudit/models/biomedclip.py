"""BiomedCLIP (Zhang et al. 2023): ViT-B/16 and PubMedBERT.

Written from a specification of open_clip 2.26.1 and timm 1.0.9, whose key names the file has.
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
    CLIP_MEAN,
    CLIP_STD,
    centre_crop,
    eight_bit,
    resize_short,
)
from cxraudit.models.base import ImageTextModel, Levels, ModelCard, WeightFile, published_quirks

SIDE, CONTEXT = 224, 256
TEMPLATE = "this is a photo of "
HUB = (
    "https://huggingface.co/microsoft/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224/resolve/main/"
)
TEXT_HUB = (
    "https://huggingface.co/microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract/resolve/main/"
)

CARD = ModelCard(
    name="biomedclip",
    summary="BiomedCLIP, ViT-B/16 and PubMedBERT, trained on figures of PubMed Central",
    weights="https://huggingface.co/microsoft/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224",
    license="MIT",
    embedding_dim=512,
    image_size=SIDE,
    trained_on=frozenset({"pmc-15m"}),
    reference="Zhang et al. 2023, arXiv:2303.00915",
    transform="8-bit; short side 224 bicubic; centre crop; RGB; CLIP mean and std; v1",
    needs=("torch", "safetensors", "tokenizers", "ftfy"),
    files=(
        WeightFile(name="open_clip_pytorch_model.bin", url=HUB + "open_clip_pytorch_model.bin"),
        WeightFile(name="vocab.txt", url=TEXT_HUB + "vocab.txt"),
    ),
    prompts='"this is a photo of {finding}"; at most 256 tokens',
    quirks=published_quirks(
        "models/biomedclip/biomedclip.py",
        "every text, including reports, begins with 'this is a photo of '",
    ),
)


def network() -> Any:
    """Build the network under its checkpoint's key names."""
    import torch
    from torch import nn

    from cxraudit.models._torch.towers.bert import Bert
    from cxraudit.models._torch.towers.vit import VisionTransformer

    net: Any = nn.Module()
    head = nn.ModuleDict({"proj": nn.Linear(768, 512, bias=False)})
    net.visual = nn.ModuleDict({"trunk": VisionTransformer(), "head": head})
    layers = [nn.Linear(768, 640, bias=False), nn.GELU(), nn.Linear(640, 512, bias=False)]
    net.text = nn.ModuleDict(
        {"transformer": Bert(tokens.PUBMED_BERT[0]), "proj": nn.Sequential(*layers)}
    )
    net.logit_scale = nn.Parameter(torch.empty(()))
    return net


class BiomedClip(EightBitInput, TorchAdapter):
    """Texts as given."""

    tones = normalised_tones(CLIP_MEAN, CLIP_STD)

    template = ""
    wordpiece: tokens.WordPiece

    def levels(self, image: Image.Image) -> Levels:
        """Short side 224, centre crop; (1, 224, 224), of colours 3."""
        return levels_of(centre_crop(resize_short(eight_bit(image), SIDE, BICUBIC), SIDE))

    def image_features(self, batch: Any) -> Any:  # noqa: D102
        visual = self.network.visual
        return visual["head"]["proj"](visual["trunk"](batch))

    def token_ids(self, text: str) -> list[int]:  # noqa: D102
        cleaned = " ".join(tokens.clean(self.template + text).split())
        return tokens.truncated(self.wordpiece(cleaned), CONTEXT)

    def text_features(self, rows: Sequence[list[int]]) -> Any:  # noqa: D102
        from cxraudit.models._torch.towers.bert import padded

        ids, mask = (part.to(self.device) for part in padded(rows, 0))
        text = self.network.text
        return text["proj"](text["transformer"](ids, mask)[-1][:, 0])


class BiomedClipPaper(BiomedClip):
    """The wrapper's template before every text."""

    template = TEMPLATE


def load(
    *,
    protocol: str = "native",
    device: str = "auto",
    precision: str = "fp32",
    folder: Path | None = None,
) -> ImageTextModel:
    """Load the file open_clip publishes, and the vocabulary of its text encoder."""
    paper = is_paper(protocol)
    paths = weights.find_all(CARD, folder)
    net = weights.filled(network, paths[0], tolerated=r"position_ids$|\.pooler\.")
    adapter = BiomedClipPaper if paper else BiomedClip
    model = adapter(
        replace(CARD, protocol=protocol),
        net,
        device=device,
        precision=precision,
        fingerprint=weights.fingerprint(paths, CARD.transform),
        logit_scale=weights.plausible_scale(net.logit_scale, paths[0]),
    )
    model.wordpiece = tokens.WordPiece(paths[1], *tokens.PUBMED_BERT)
    return model
