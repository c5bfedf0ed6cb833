"""CheXzero (Tiu et al. 2022): OpenAI's ViT-B/32 CLIP, fine-tuned (rajpurkarlab/CheXzero 5c341db, MIT)."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from cxraudit.models import weights
from cxraudit.models._torch import tokens
from cxraudit.models._torch.adapter import TorchAdapter, is_paper
from cxraudit.models._torch.levels import EightBitInput, levels_of, normalised_tones, tones_by
from cxraudit.models._torch.pixels import (
    BICUBIC,
    CLIP_MEAN,
    CLIP_STD,
    centre_crop,
    eight_bit,
    resize_short,
)
from cxraudit.models.base import ImageTextModel, Levels, ModelCard, WeightFile, published_quirks

SIDE, CANVAS, CONTEXT = 224, 320, 77
MEAN, STD = 101.48761, 83.43944
PAPER_TRANSFORM = "8-bit; short side 224 bicubic; centre crop; RGB; CLIP mean and std; v1"

CARD = ModelCard(
    name="chexzero",
    summary="CheXzero, CLIP ViT-B/32 fine-tuned on MIMIC-CXR; one of its ten checkpoints",
    weights="Google Drive folder 1makFLiEMbSleYltaRxw81aBhEDMpVwno: one best_*.pt (or clip_weights.pt)",
    license="MIT",
    embedding_dim=512,
    image_size=SIDE,
    trained_on=frozenset({"mimic-cxr"}),
    reference="Tiu et al. 2022, Nature Biomedical Engineering 6:1399-1406",
    transform="8-bit; long side 320 Lanczos on black; 101.5/83.4; 224 bicubic without antialias; v1",
    needs=("torch", "safetensors", "transformers", "ftfy"),
    files=(WeightFile(name="*.pt"),),
    prompts='"{finding}" against "no {finding}"; at most 77 tokens',
    quirks=published_quirks(
        "models/chexzero/chexzero.py",
        "images are cropped and normalised as for OpenAI's CLIP, not padded as in training",
        "cosines are not scaled before the softmax (nor in the authors' code)",
        "texts of more than 77 tokens are refused",
    ),
)


def network() -> Any:
    """Build ViT-B/32 under OpenAI's key names."""
    from cxraudit.models._torch.towers.clip import Clip

    return Clip()


class CheXzero(EightBitInput, TorchAdapter):
    """Images padded to 320 and texts truncated to 77 tokens, as in training."""

    tones = tones_by(
        lambda ramp: (np.asarray(ramp, dtype=np.float32) - np.float32(MEAN)) / np.float32(STD)
    )

    def levels(self, image: Image.Image) -> Levels:
        """Long side 320 on a black square; (1, 320, 320)."""
        image = eight_bit(image)
        size = tuple(int(n * CANVAS / max(image.size)) for n in image.size)
        image = image.resize((max(size[0], 1), max(size[1], 1)), Image.Resampling.LANCZOS)
        square = Image.new("L", (CANVAS, CANVAS))
        square.paste(image, ((CANVAS - image.width) // 2, (CANVAS - image.height) // 2))
        return levels_of(square)

    def network_input(self, levels: Any) -> Any:
        """Normalise, then resize to 224 what is larger; (n, 1, 224, 224)."""
        import torch.nn.functional as F  # noqa: N812

        values = super().network_input(levels)
        if values.shape[-1] == SIDE:
            return values
        return F.interpolate(values, SIDE, mode="bicubic", align_corners=False)

    def image_features(self, batch: Any) -> Any:  # noqa: D102
        return self.network.visual(batch.expand(-1, 3, -1, -1))

    def token_ids(self, text: str) -> list[int]:  # noqa: D102
        return tokens.truncated(tokens.clip_bpe()(text), CONTEXT)

    def text_features(self, rows: Sequence[list[int]]) -> Any:  # noqa: D102
        from cxraudit.models._torch.towers.bert import padded

        return self.network.encode_text(padded(rows, 0, CONTEXT)[0].to(self.device))


class CheXzeroPaper(CheXzero):
    """OpenAI's transform, and texts that are not truncated."""

    tones = normalised_tones(CLIP_MEAN, CLIP_STD)

    def token_ids(self, text: str) -> list[int]:  # noqa: D102
        row = tokens.clip_bpe()(text)
        remedy = "Shorten it, or use the native protocol, which truncates."
        tokens.refuse_longer(row, CONTEXT, f"the published wrapper of {self.card.name}", remedy)
        return row

    def levels(self, image: Image.Image) -> Levels:
        """Short side 224, centre crop; (1, 224, 224), of colours 3."""
        return levels_of(centre_crop(resize_short(eight_bit(image), SIDE, BICUBIC), SIDE))


def load(
    *,
    protocol: str = "native",
    device: str = "auto",
    precision: str = "fp32",
    folder: Path | None = None,
) -> ImageTextModel:
    """Load one of the published files, in mixed or single precision."""
    paper = is_paper(protocol)
    path = weights.find(CARD, CARD.files[0], folder)
    net = weights.filled(network, path)
    scale = weights.plausible_scale(net.logit_scale, path)
    transform = PAPER_TRANSFORM if paper else CARD.transform
    adapter = CheXzeroPaper if paper else CheXzero
    return adapter(
        replace(CARD, protocol=protocol, transform=transform),
        net,
        device=device,
        precision=precision,
        fingerprint=weights.fingerprint([path], transform),
        logit_scale=1.0 if paper else scale,
    )
