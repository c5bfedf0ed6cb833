"""A DINOv2 in transformers' format, of images alone: ``hf-image:PATH`` or ``hf-image:OWNER/NAME`` of the hub.

RAD-DINO and its kin have no text side: `cxraudit encode` embeds images with them, and heads are fitted for
the findings of a table (`cxraudit audit TABLE --embeddings FOLDER`).
"""

from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from cxraudit.errors import DataError, short
from cxraudit.models import hf_folder, hub, untrusted, user_card, weights
from cxraudit.models._torch.adapter import TorchImageAdapter
from cxraudit.models._torch.levels import EightBitInput
from cxraudit.models.base import Entry, ImageModel, Levels, ModelCard
from cxraudit.models.hf_clip import NEEDS, TRANSFORM, processor_of, read_state, resized, tones_of

PREFIX = "hf-image:"
PUBLISHED = hf_folder.PUBLISHED
LARGEST_GRID = 256
"""Patches along a side of an image; published DINOv2 have up to 37."""


def entry(name: str) -> Entry:
    """Return card and loader of a model named ``hf-image:…``; only configuration and preprocessing are read.

    Raises
    ------
    DataError
        If there is no such model, it is no DINOv2, or its preprocessing gives no square images.
    """
    where = name.removeprefix(PREFIX)
    folder = hub.folder_of(where, hf_folder.CONFIG)
    configuration = hf_folder.read_configuration(folder, where, hf_folder.IMAGES)
    names = [hf_folder.PREPROCESSOR, hf_folder.PROCESSOR]
    folder = hub.whole(where, folder, names, hf_folder.CONFIG)
    configuration = hf_folder.as_prepared(folder, where, configuration)
    card = user_card.card_of_folder(
        PREFIX,
        name,
        folder,
        summary=f"{configuration.kind} in transformers' format, of images alone",
        embedding_dim=configuration.embedding_dim,
        image_size=configuration.image_size,
        transform=TRANSFORM.format(configuration.kind),
        needs=NEEDS,
        prompts="none: it has no text side",
        text_side=False,
    )
    return Entry(card, partial(load, card, where, folder, configuration))


class HfImage(EightBitInput, TorchImageAdapter):
    """The image processor is the one published with the model; embeddings are those of the class token."""

    processor: Any

    def levels(self, image: Image.Image) -> Levels:
        """RGB, resized and cropped by the model's image processor."""
        return resized(self.processor, image)

    def image_features(self, batch: Any) -> Any:  # noqa: D102
        return self.network(batch)


def load(
    card: ModelCard,
    where: str,
    folder: Path,
    configuration: hf_folder.Configuration,
    *,
    device: str = "auto",
    precision: str = "fp32",
) -> ImageModel:
    """Load weights and image processor, each checked against the other."""
    names = [*hf_folder.NAMES, hf_folder.WEIGHTS, "model-*-of-*.safetensors"]
    folder = hub.whole(where, folder, names, hf_folder.CONFIG)
    steps = hf_folder.read_preprocessor(folder, where, configuration)
    files = hf_folder.weight_files(folder, where)
    path = hf_folder.named_weights(folder, files)
    with untrusted.one_sentence(
        f"'{where}' has a configuration that makes no {configuration.kind}", PUBLISHED
    ):
        network = weights.filled(
            partial(_network, where, configuration),
            path,
            read_state(files),
            tolerated=r"mask_token$",
        )
        network.take(configuration.image_size)
    model = HfImage(
        card,
        network,
        device=device,
        precision=precision,
        fingerprint=weights.combined(
            hub.digests(hf_folder.used_files(folder, where)), card.transform
        ),
    )
    model.processor = processor_of(where, configuration, steps)
    model.tones = tones_of(model.processor)
    return model


def _network(where: str, configuration: hf_folder.Configuration) -> Any:
    from cxraudit.models._torch.towers.dinov2 import Dinov2

    vision = configuration.vision
    width, heads = configuration.embedding_dim, vision.get("num_attention_heads", 12)
    patch, side = vision.get("patch_size", 14), configuration.trained_size
    smaller = min(side, configuration.image_size)
    grid = configuration.image_size // patch
    faults: list[str] = []
    unread: list[str] = []
    if width % heads:
        faults.append(f"its width {width} cannot be split into {heads} heads")
    if patch > smaller:
        faults.append(f"its patches of {patch} pixels are larger than its images of {smaller}")
    if grid > LARGEST_GRID:
        faults.append(f"its images have {grid} × {grid} patches; {LARGEST_GRID} a side are read")
    if vision.get("use_swiglu_ffn"):
        unread.append("its feed-forward is SwiGLU (use_swiglu_ffn), which is not read")
    if vision.get("hidden_act", "gelu") != "gelu":
        unread.append(f"its activation (hidden_act) is {short(vision['hidden_act'])}; gelu is read")
    if faults:
        raise DataError(f"'{where}' is no DINOv2 that is read: {faults[0]}. {PUBLISHED}")
    if unread:
        remedy = f"Write an adapter for it ({hf_folder.HOW_TO})."
        raise DataError(f"'{where}' is no DINOv2 that is read: {unread[0]}. {remedy}")
    return Dinov2(
        side=side,
        patch=patch,
        width=width,
        layers=vision.get("num_hidden_layers", 12),
        heads=heads,
        hidden=width * vision.get("mlp_ratio", 4),
        eps=vision.get("layer_norm_eps", 1e-6),
        bias=vision.get("qkv_bias", True),
    )


def published(card: ModelCard, **options: Any) -> ImageModel:
    """Load a published model from the folder of its name; `options` as of `load`, and `folder`.

    Raises
    ------
    DataError
        If a file is missing, or its sizes are not those of the card.
    """
    folder = options.pop("folder", None) or weights.folder_of(card)
    weights.find_all(card, folder)
    configuration = hf_folder.as_published(card, folder, hf_folder.IMAGES)
    return load(card, str(folder), folder, configuration, **options)
