"""BioViL (Boecking et al. 2022) and BioViL-T (Bannur et al. 2023): ResNet-50 and CXR-BERT.

Written from a specification of microsoft/hi-ml b67c1d27 (hi-ml-multimodal 0.2.2, MIT).
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import local
from typing import Any
from weakref import ref

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cxraudit.errors import TextError
from cxraudit.models import weights
from cxraudit.models._torch import tokens
from cxraudit.models._torch.adapter import TorchAdapter, is_paper
from cxraudit.models._torch.levels import EightBitInput, levels_of, tones_by
from cxraudit.models._torch.pixels import BILINEAR, centre_crop, resize_short, to_array
from cxraudit.models.base import (
    Entry,
    ImageTextModel,
    Levels,
    ModelCard,
    WeightFile,
    published_quirks,
)

WIDTH, LONGEST = 128, 512
RESIZE, PAPER_CROP = 512, 512
TRANSFORM = "min to max in 8 bit; short side 512 bilinear; centre crop {}; v1"
IMAGE_UNUSED = r"^encoder\.encoder\.fc\.|^encoder\.vit_pooler\."
TEXT_UNUSED = r"position_ids$|\.pooler\.|^cls\.predictions\."
HUB = "https://huggingface.co/microsoft/{}/resolve/{}/"
SPECIALS = re.compile(r"\[(PAD|UNK|CLS|SEP)\]")


def _files(image: str, md5: str, repository: str, revision: str) -> tuple[WeightFile, ...]:
    hub = HUB.format(repository, revision)
    return (
        WeightFile(name=image, md5=md5, url=hub + image),
        WeightFile(name="pytorch_model.bin", url=hub + "pytorch_model.bin"),
        WeightFile(name="vocab.txt", url=hub + "vocab.txt"),
    )


BIOVIL_CARD = ModelCard(
    name="biovil",
    summary="BioViL, ResNet-50 and CXR-BERT, trained on MIMIC-CXR",
    weights="https://huggingface.co/microsoft/BiomedVLP-CXR-BERT-specialized (v1.1)",
    license="MIT",
    embedding_dim=WIDTH,
    image_size=480,
    trained_on=frozenset({"mimic-cxr"}),
    reference="Boecking et al. 2022, ECCV, arXiv:2204.09817",
    transform=TRANSFORM.format(480),
    needs=("torch", "safetensors", "tokenizers"),
    files=_files(
        "biovil_image_resnet50_proj_size_128.pt",
        "02ce6ee460f72efd599295f440dbb453",
        "BiomedVLP-CXR-BERT-specialized",
        "v1.1",
    ),
    prompts="sentences of findings; there is no logit scale in the file",
    quirks=published_quirks(
        "models/biovil/biovil.py",
        "text embeddings are not normalised, so a score is a cosine times the norm of the text embedding",
        "images are cropped to 512, not 480 (BioViL-T: 448)",
        "no temperature before the softmax",
    ),
)
BIOVIL_T_CARD = replace(
    BIOVIL_CARD,
    name="biovil-t",
    summary="BioViL-T for single images, ResNet-50 and CXR-BERT, trained on pairs of MIMIC-CXR images",
    weights="https://huggingface.co/microsoft/BiomedVLP-BioViL-T (v1.0)",
    image_size=448,
    reference="Bannur et al. 2023, CVPR, arXiv:2301.04558",
    transform=TRANSFORM.format(448),
    files=_files(
        "biovil_t_image_model_proj_size_128.pt",
        "a83080e2f23aa584a4f2b24c39b1bb64",
        "BiomedVLP-BioViL-T",
        "v1.0",
    ),
)


def image_network(variant: str) -> Any:
    """Build the image network of a variant under its checkpoint's key names."""
    import torch
    from torch import nn

    from cxraudit.models._torch.towers.resnet import ResNet50

    image: Any = nn.Module()
    channels = 2048
    image.encoder = nn.ModuleDict({"encoder": ResNet50()})
    if variant == "biovil-t":
        image.encoder["backbone_to_vit"] = nn.Conv2d(2048, 256, 1, bias=False)
        image.encoder.missing_previous_emb = nn.Parameter(torch.empty(1, 256, 1, 1))
        channels = 512
    layers = [nn.Conv2d(channels, WIDTH, 1, bias=False), nn.BatchNorm2d(WIDTH), nn.ReLU()]
    image.projector = nn.ModuleDict({"model": nn.Sequential(*layers, nn.Conv2d(WIDTH, WIDTH, 1))})
    return image


def text_network() -> Any:
    """Build CXR-BERT and its projection under their checkpoint's key names."""
    from torch import nn

    from cxraudit.models._torch.towers.bert import Bert

    text: Any = nn.Module()
    text.bert = Bert(tokens.PUBMED_BERT[0])
    text.cls_projection_head = nn.ModuleDict(
        {
            "dense_to_hidden": nn.Linear(768, WIDTH),
            "LayerNorm": nn.LayerNorm(WIDTH, 1e-12),
            "dense_to_output": nn.Linear(WIDTH, WIDTH),
        }
    )
    return text


_LAST = local()
"""The image that a thread resized last, and what it became: BioViL and BioViL-T crop the same."""


def _resized(image: Image.Image) -> Image.Image:
    """Return an image in grey, stretched from minimum to maximum, of short side 512."""
    known = getattr(_LAST, "image", None)
    if known is None or known() is not image:
        whole = image.convert("RGB") if image.mode in ("P", "PA", "CMYK") else image
        _LAST.made = resize_short(_stretched(whole).convert("L"), RESIZE, BILINEAR)
        _LAST.image = ref(image)
    return _LAST.made


def _stretched(image: Image.Image) -> Image.Image:
    """Return an image whose smallest value, of any channel, is 0, and whose largest is 255."""
    values = np.asarray(image)
    low, high = values.min(), values.max()
    if values.dtype == np.uint8:  # what each of the values becomes: the same numbers, computed once
        between = np.arange(256).clip(low, high)
        return Image.fromarray(_from_black_to_white(between)[values])
    return Image.fromarray(_from_black_to_white(values))


def _from_black_to_white(values: NDArray[Any]) -> NDArray[np.uint8]:
    found = values.astype(np.float64)
    found -= found.min()
    if found.max() > 0:
        found /= found.max()
    return (found * 255).astype(np.uint8)


class BioViL(EightBitInput, TorchAdapter):
    """Both variants; without a previous image the temporal part of BioViL-T is not run."""

    tones = tones_by(to_array)

    crop = 480
    wordpiece: tokens.WordPiece

    def levels(self, image: Image.Image) -> Levels:
        """Stretch grey levels from minimum to maximum, resize, crop; (1, crop, crop)."""
        return levels_of(centre_crop(_resized(image), self.crop))

    def image_features(self, batch: Any) -> Any:  # noqa: D102
        import torch

        image = self.network["image"]
        x = image.encoder["encoder"](batch.expand(-1, 3, -1, -1))
        if "backbone_to_vit" in image.encoder:
            current = image.encoder["backbone_to_vit"](x)
            previous = image.encoder.missing_previous_emb.expand_as(current).to(current.dtype)
            x = torch.cat([current, previous], 1)
        return image.projector["model"](x).mean((2, 3))  # projected per position, then averaged

    def token_ids(self, text: str) -> list[int]:  # noqa: D102
        if found := SPECIALS.search(text):
            raise TextError(
                f"the text contains {found[0]}, a special token of {self.card.name}. Remove it."
            )
        row = self.wordpiece(text.rstrip("!?."))
        tokens.refuse_longer(
            row, LONGEST, self.card.name, "Its authors do not truncate: shorten it."
        )
        return row

    def text_features(self, rows: Sequence[list[int]]) -> Any:  # noqa: D102
        import torch.nn.functional as F  # noqa: N812

        from cxraudit.models._torch.towers.bert import padded

        text = self.network["text"]
        ids, mask = (part.to(self.device) for part in padded(rows, 0))
        head = text.cls_projection_head
        hidden = F.gelu(head["dense_to_hidden"](text.bert(ids, mask)[-1][:, 0]))
        return head["dense_to_output"](head["LayerNorm"](hidden))


class BioViLPaper(BioViL):
    """Images cropped to 512, text rows not normalised."""

    unit_texts = False


def load(
    variant: str,
    *,
    protocol: str = "native",
    device: str = "auto",
    precision: str = "fp32",
    folder: Path | None = None,
) -> ImageTextModel:
    """Load image and text weights of a snapshot of the hub's repository."""
    from torch import nn

    paper = is_paper(protocol)
    card = CARDS[variant]
    paths = weights.find_all(card, folder)
    image = weights.filled(partial(image_network, variant), paths[0], tolerated=IMAGE_UNUSED)
    text = weights.filled(text_network, paths[1], tolerated=TEXT_UNUSED)
    crop = PAPER_CROP if paper else card.image_size
    card = replace(card, protocol=protocol, image_size=crop, transform=TRANSFORM.format(crop))
    adapter = BioViLPaper if paper else BioViL
    model = adapter(
        card,
        nn.ModuleDict({"image": image, "text": text}),
        device=device,
        precision=precision,
        fingerprint=weights.fingerprint(paths, card.transform),
    )
    model.crop, model.wordpiece = crop, tokens.WordPiece(paths[2], *tokens.PUBMED_BERT)
    return model


CARDS = {"biovil": BIOVIL_CARD, "biovil-t": BIOVIL_T_CARD}
BIOVIL, BIOVIL_T = (Entry(card, partial(load, variant)) for variant, card in CARDS.items())
