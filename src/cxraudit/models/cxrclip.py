"""CXR-CLIP (You et al. 2023): ResNet-50 or Swin-T, and Bio_ClinicalBERT.

Written from a specification of the published code (Soombit-ai/cxr-clip 3118885), which is
non-commercial.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from cxraudit.errors import DataError
from cxraudit.models import weights
from cxraudit.models._torch import tokens
from cxraudit.models._torch.adapter import TorchAdapter, is_paper
from cxraudit.models._torch.levels import EightBitInput, levels_of, normalised_tones
from cxraudit.models._torch.pixels import (
    BILINEAR,
    IMAGENET_MEAN,
    IMAGENET_STD,
    centre_crop,
    eight_bit,
    resize_short,
)
from cxraudit.models.base import (
    Entry,
    ImageTextModel,
    Levels,
    ModelCard,
    WeightFile,
    published_quirks,
)
from cxraudit.models.medclip import UNUSED, VOCABULARY

LONGEST = 256
HALF = ((0.5,) * 3, (0.5,) * 3)
HARMLESS = {"builtins.dict", "builtins.list", "builtins.int", "collections.defaultdict"}
CONFIGURATION = ("omegaconf.", "typing.Any")
DOWNLOADS = "https://twg.kakaocdn.net/brainrepo/models/cxr-clip"

R50_CARD = ModelCard(
    name="cxrclip-r50",
    summary="CXR-CLIP, ResNet-50 trained on MIMIC-CXR, CheXpert and ChestX-ray14; the variant of the paper",
    weights=f"{DOWNLOADS}/de4b5e4ae2047c1fb7960ddcd8d861cb/r50_mcc.tar",
    license="CC BY-NC-SA 4.0",
    embedding_dim=512,
    image_size=224,
    trained_on=frozenset({"mimic-cxr", "chexpert", "nih-cxr14"}),
    reference="You et al. 2023, MICCAI, arXiv:2310.13292",
    transform="8-bit RGB; short side 224 bilinear; centre crop; ImageNet mean and std; v1",
    needs=("torch", "safetensors", "tokenizers"),
    files=(WeightFile(name="r50_*.tar"),),
    prompts="sentences of findings, at most 256 tokens",
    quirks=published_quirks(
        "models/cxrclip/cxrclip_wrapper.py",
        "pixels are normalised with 0.5/0.5 although the ResNet was trained with ImageNet's mean and std",
        "cosines are not scaled before the softmax",
    ),
)
SWINT_CARD = replace(
    R50_CARD,
    name="cxrclip-swint",
    summary="CXR-CLIP, Swin-T trained on MIMIC-CXR, CheXpert and ChestX-ray14",
    weights=f"{DOWNLOADS}/a25ce760064591c899f67c97ed7790de/swint_mcc.tar",
    transform="8-bit RGB; short side 224 bilinear; centre crop; 0.5/0.5; v1",
    files=(WeightFile(name="swint_*.tar"),),
    quirks=R50_CARD.quirks[1:],
)


def network(variant: str) -> Any:
    """Build the network of a variant under its checkpoint's key names."""
    import torch
    from torch import nn

    from cxraudit.models._torch.towers.bert import Bert
    from cxraudit.models._torch.towers.resnet import ResNet50
    from cxraudit.models._torch.towers.swin import Swin

    net: Any = nn.Module()
    image = {"resnet": ResNet50()} if variant == "r50" else {"image_encoder": Swin()}
    net.image_encoder = nn.ModuleDict(image)
    net.text_encoder = nn.ModuleDict({"text_encoder": Bert(VOCABULARY)})
    net.image_projection = nn.ModuleDict(
        {"projection": nn.Linear(2048 if variant == "r50" else 768, 512)}
    )
    net.text_projection = nn.ModuleDict({"projection": nn.Linear(768, 512)})
    net.logit_scale = nn.Parameter(torch.empty(()))
    return net


class CxrClip(EightBitInput, TorchAdapter):
    """Mean and std depend on variant and protocol."""

    tones = normalised_tones(IMAGENET_MEAN, IMAGENET_STD)

    def levels(self, image: Image.Image) -> Levels:
        """Short side 224, centre crop; (1, 224, 224), of colours 3."""
        return levels_of(centre_crop(resize_short(eight_bit(image), 224, BILINEAR), 224))

    def image_features(self, batch: Any) -> Any:  # noqa: D102
        encoder = self.network.image_encoder
        if "resnet" in encoder:
            features = encoder["resnet"](batch).mean((2, 3))
        else:
            # The authors use the top left patch, in the place of a class token.
            features = encoder["image_encoder"](batch)[:, 0]
        return self.network.image_projection["projection"](features)

    def token_ids(self, text: str) -> list[int]:  # noqa: D102
        return tokens.truncated(tokens.clinical_bert()(text), LONGEST)

    def text_features(self, rows: Sequence[list[int]]) -> Any:  # noqa: D102
        import torch

        from cxraudit.models._torch.towers.bert import padded

        ids, mask = (part.to(self.device) for part in padded(rows, 0))
        last = self.network.text_encoder["text_encoder"](ids, mask)[-1]
        ends = last[torch.arange(len(rows)), mask.sum(1) - 1]
        return self.network.text_projection["projection"](ends)


class CxrClipHalf(CxrClip):
    """Pixels normalised with 0.5/0.5."""

    tones = normalised_tones(*HALF)


class _Inert:
    """Placeholder of a configuration object of the training run; keeps its state and does nothing."""

    def __setstate__(self, state: Any) -> None:
        self.state = state


def harmless_globals(path: Path) -> list[Any]:
    """Return placeholders for the configuration objects pickled beside the weights.

    Raises
    ------
    DataError
        If the file contains anything else; it is not run.
    """
    import builtins
    import collections

    import torch

    try:
        named = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:
        return []  # damaged: read_state raises
    allowed: list[Any] = []
    for name in named:
        if name in HARMLESS:
            module = {"builtins": builtins, "collections": collections}[name.partition(".")[0]]
            allowed.append(getattr(module, name.rpartition(".")[2]))
        elif name.startswith(CONFIGURATION):
            placeholder = type(name.rpartition(".")[2], (_Inert,), {})
            allowed.append((placeholder, name))
        else:
            raise DataError(
                f"{path} holds objects ({name}) besides weights and configuration; it was not run. Use the "
                "published file."
            )
    return allowed


def load(
    variant: str,
    *,
    protocol: str = "native",
    device: str = "auto",
    precision: str = "fp32",
    folder: Path | None = None,
) -> ImageTextModel:
    """Load a checkpoint as downloaded: a torch file, despite its suffix."""
    paper = is_paper(protocol)
    card = CARDS[variant]
    path = weights.find(card, card.files[0], folder)
    saved = weights.read_state(path, allowed=harmless_globals(path))
    state = saved.get("model", saved)
    if not isinstance(state, dict):
        raise DataError(f"{path} holds no weights under 'model'. Use the published file.")
    net = weights.filled(partial(network, variant), path, state, tolerated=UNUSED)
    scale = weights.plausible_scale(net.logit_scale, path)
    half = paper or variant == "swint"
    transform = SWINT_CARD.transform if half else card.transform
    adapter = CxrClipHalf if half else CxrClip
    return adapter(
        replace(card, protocol=protocol, transform=transform),
        net,
        device=device,
        precision=precision,
        fingerprint=weights.fingerprint([path], transform),
        logit_scale=1.0 if paper else scale,
    )


CARDS = {"r50": R50_CARD, "swint": SWINT_CARD}
R50, SWINT = (Entry(card, partial(load, variant)) for variant, card in CARDS.items())
