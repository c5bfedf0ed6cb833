"""Base of all adapters of torch models: device, precision, batches of texts, unit rows."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cxraudit.errors import ConfigError
from cxraudit.models.base import Embeddings, ModelCard, Pixels

if TYPE_CHECKING:
    from torch import Tensor, nn

PROTOCOLS = ("native", "paper")
PRECISIONS = ("fp32", "bf16")
TEXT_BATCH = 64


def pick_device(device: str) -> str:
    """Return the device to compute on: ``auto`` is a GPU if there is one.

    Raises
    ------
    ConfigError
        If a GPU is requested and there is none.
    """
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError(f"the device '{device}' is not available: torch finds no GPU. Use cpu.")
    return device


class TorchAdapter:
    """See `ImageTextModel`; a family defines `preprocess`, `image_features` and `text_features`.

    Embeddings are float32 and leave the device as numpy arrays. ``bf16`` runs matrix products in
    bfloat16 (autocast), and is part of the fingerprint, since it changes the ranking of images.
    """

    unit_texts = True
    """Whether text rows are normalised; one published wrapper does not."""
    text_batch = TEXT_BATCH

    def __init__(
        self,
        card: ModelCard,
        network: "nn.Module",
        *,
        fingerprint: str,
        logit_scale: float = 1.0,
        device: str = "auto",
        precision: str = "fp32",
    ) -> None:
        import torch

        if precision not in PRECISIONS:
            raise ConfigError(f"precision must be {' or '.join(PRECISIONS)}, got '{precision}'.")
        device = pick_device(device)
        self.card = card
        self.device, self.precision = device, precision
        self.fingerprint = fingerprint if precision == "fp32" else f"{fingerprint}-{precision}"
        self.logit_scale = logit_scale
        try:
            self.network: Any = network.to(torch.device(device))
        except (RuntimeError, AssertionError) as error:
            raise ConfigError(
                f"the device '{device}' cannot be used ({str(error).splitlines()[0][:100]}). Use cpu, "
                "cuda or auto."
            ) from None

    def image_features(self, batch: "Tensor") -> "Tensor":
        """Return the features of a batch of pixels, (n, embedding_dim), not normalised."""
        raise NotImplementedError

    def text_features(self, texts: Sequence[str]) -> "Tensor":
        """Return the features of some texts, (n, embedding_dim), not normalised."""
        raise NotImplementedError

    def encode_images(self, pixels: Pixels) -> Embeddings:
        """Embed a batch, shape (n, channels, height, width)."""
        import torch

        with torch.inference_mode(), self._autocast():
            rows = self.image_features(torch.from_numpy(pixels).to(self.device))
            return _unit(rows).cpu().numpy()

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """Tokenize and embed; rows in the order of `texts`."""
        import torch

        if not texts:
            return np.empty((0, self.card.embedding_dim), dtype=np.float32)
        parts = []
        with torch.inference_mode(), self._autocast():
            for start in range(0, len(texts), self.text_batch):
                rows = self.text_features(texts[start : start + self.text_batch])
                parts.append(_unit(rows) if self.unit_texts else rows.float())
        return torch.cat(parts).cpu().numpy()

    def _autocast(self) -> Any:
        import torch

        kind = self.device.split(":")[0]
        return torch.autocast(kind, torch.bfloat16, enabled=self.precision == "bf16")


def _unit(rows: "Tensor") -> "Tensor":
    import torch.nn.functional as F  # noqa: N812

    return F.normalize(rows.float(), dim=-1)


def is_paper(protocol: str) -> bool:
    """Return whether a protocol is the published wrapper's; raise `ConfigError` if it is unknown."""
    if protocol not in PROTOCOLS:
        raise ConfigError(f"protocol must be {' or '.join(PROTOCOLS)}, got '{protocol}'.")
    return protocol == "paper"
