"""MedCLIP (Wang et al. 2022): Swin-T or ResNet-50, and Bio_ClinicalBERT.

Written from a specification of the published code (RyanWangZf/MedCLIP 9c3396f), which has no licence.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cxraudit.models import weights
from cxraudit.models._torch import tokens
from cxraudit.models._torch.adapter import TorchAdapter, is_paper
from cxraudit.models._torch.levels import EightBitInput, levels_of, tones_by
from cxraudit.models._torch.pixels import BICUBIC, eight_bit, normalise
from cxraudit.models.base import (
    Embeddings,
    Entry,
    ImageTextModel,
    Levels,
    ModelCard,
    WeightFile,
    published_quirks,
)

MEAN, STD = 0.5862785803043838, 0.27950088968644304
VOCABULARY, POSITIONS = tokens.BERT_CASED[0], 512
NOT_TRUNCATED = "Its authors do not truncate: shorten it."
UNUSED = r"\.pooler\.|position_ids$|relative_position_index$"
TRANSFORM = "8-bit grey; black square of at least 224; 224 bicubic; 0.586/0.280; v1"
ZIPS = "https://storage.googleapis.com/pytrial/medclip{}-pretrained.zip (unpack it)"

VIT_CARD = ModelCard(
    name="medclip-vit",
    summary="MedCLIP, Swin-T and Bio_ClinicalBERT; the variant of the paper",
    weights=ZIPS.format("-vit"),
    license="none stated (BSD in its setup.py)",
    embedding_dim=512,
    image_size=224,
    trained_on=frozenset({"mimic-cxr", "chexpert"}),
    reference="Wang et al. 2022, EMNLP, arXiv:2210.10163",
    transform=TRANSFORM,
    needs=("torch", "safetensors", "tokenizers"),
    files=(
        WeightFile(
            name="pytorch_model.bin",
            sha256="07bf9f917ccce482ea30ec84e533a30c3ad395c424d3624f6b72edf8484f8126",
        ),
    ),
    prompts="sentences of findings; lower-cased; a text's embedding depends on padding",
    quirks=published_quirks(
        "models/medclip/medclip.py",
        "the two prompts of a finding are encoded together, so the padding of the shorter one enters its "
        "mean",
    ),
)
RESNET_CARD = replace(
    VIT_CARD,
    name="medclip-resnet",
    summary="MedCLIP, ResNet-50 and Bio_ClinicalBERT",
    weights=ZIPS.format(""),
    files=(WeightFile(name="pytorch_model.bin"),),
)


def network(variant: str) -> Any:
    """Build the network of a variant under its checkpoint's key names."""
    import torch
    from torch import nn

    from cxraudit.models._torch.towers.bert import Bert
    from cxraudit.models._torch.towers.resnet import ResNet50
    from cxraudit.models._torch.towers.swin import Swin

    net: Any = nn.Module()
    if variant == "vit":
        vision = nn.ModuleDict(
            {"model": Swin(), "projection_head": nn.Linear(768, 512, bias=False)}
        )
    else:
        resnet: Any = ResNet50()
        resnet.fc = nn.Linear(2048, 512, bias=False)
        vision = nn.ModuleDict({"model": resnet})
    net.vision_model = vision
    net.text_model = nn.ModuleDict(
        {"model": Bert(VOCABULARY), "projection_head": nn.Linear(768, 512, bias=False)}
    )
    net.logit_scale = nn.Parameter(torch.empty(()))
    return net


class MedClip(EightBitInput, TorchAdapter):
    """Texts are encoded one at a time, so that none depends on another."""

    text_batch = 1
    tones = tones_by(
        lambda ramp: normalise(
            np.asarray(ramp, dtype=np.float32)[None] * np.float32(1 / 255), (MEAN,), (STD,)
        )
    )

    def token_ids(self, text: str) -> list[int]:  # noqa: D102
        row = tokens.clinical_bert()(text)
        tokens.refuse_longer(row, POSITIONS, self.card.name, NOT_TRUNCATED)
        return row

    def levels(self, image: Image.Image) -> Levels:
        """Paste on a black square of at least 224, resize to 224; (1, 224, 224)."""
        image = eight_bit(image)
        width, height = image.size
        side = max(224, width, height)
        square = Image.new("L", (side, side))
        square.paste(image, (int((side - width) / 2), int((side - height) / 2)))
        return levels_of(square.resize((224, 224), BICUBIC))

    def image_features(self, batch: Any) -> Any:  # noqa: D102
        vision, x = self.network.vision_model, batch.expand(-1, 3, -1, -1)
        if "projection_head" in vision:
            return vision["projection_head"](vision["model"](x).mean(1))
        return vision["model"].fc(vision["model"](x).mean((2, 3)))

    def text_features(self, rows: Sequence[list[int]]) -> Any:  # noqa: D102
        import torch

        from cxraudit.models._torch.towers.bert import padded

        text = self.network.text_model
        ids, mask = (part.to(self.device) for part in padded(rows, 0))
        states = text["model"](ids, mask)
        # The mean is over all positions, including padding, as in the published code.
        return text["projection_head"](torch.stack([states[k].mean(1) for k in (1, 2, -1)]).mean(0))


class MedClipPaper(MedClip):
    """The two prompts of a finding are encoded together, as in the published wrapper.

    Reports are not: one report's embedding would depend on the length of another.
    """

    def encode_pair(self, pair: tuple[str, str]) -> Embeddings:
        """Return t₊ and t₋ of a pair, padded to the longer one, which enters the mean of the other."""
        return self.encode_together(pair)

    def pair_directions(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        """Return t₊ − t₋ of each pair, both encoded in one call."""
        rows = [self.encode_pair(pair) for pair in pairs]
        return np.stack([positive - negative for positive, negative in rows])


def load(
    variant: str,
    *,
    protocol: str = "native",
    device: str = "auto",
    precision: str = "fp32",
    folder: Path | None = None,
) -> ImageTextModel:
    """Load a checkpoint as downloaded and unpacked."""
    paper = is_paper(protocol)
    card = CARDS[variant]
    path = weights.find(card, card.files[0], folder)
    net = weights.filled(partial(network, variant), path, tolerated=UNUSED)
    weights.plausible_scale(net.logit_scale, path)
    adapter = MedClipPaper if paper else MedClip
    return adapter(
        replace(card, protocol=protocol),
        net,
        device=device,
        precision=precision,
        fingerprint=weights.fingerprint([path], card.transform),
        logit_scale=float(net.logit_scale.clamp(0, 4.6052).exp()),
    )


CARDS = {"vit": VIT_CARD, "resnet": RESNET_CARD}
VIT, RESNET = (Entry(card, partial(load, variant)) for variant, card in CARDS.items())
