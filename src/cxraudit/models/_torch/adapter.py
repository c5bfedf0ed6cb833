"""Base of all adapters of torch models: device, precision, batches of texts, unit rows."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from cxraudit.errors import ConfigError, DataError
from cxraudit.models import untrusted
from cxraudit.models.base import Embeddings, Levels, ModelCard, Pixels

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


@contextmanager
def exact_products(kind: str) -> Iterator[None]:
    """Compute convolutions and matrix products of a GPU in float32, as long as this lasts.

    By default cuDNN rounds to TF32, which changes embeddings by up to 2e-4.
    """
    if kind != "cuda":
        yield
        return
    import torch

    cudnn, cublas = torch.backends.cudnn, torch.backends.cuda.matmul
    before = cudnn.allow_tf32, cublas.allow_tf32
    cudnn.allow_tf32 = cublas.allow_tf32 = False
    try:
        yield
    finally:
        cudnn.allow_tf32, cublas.allow_tf32 = before


def _moved(batch: "Tensor", device: str) -> "Tensor":
    """Return a batch on the device; to a GPU by a copy that need not be waited for."""
    if not device.startswith("cuda"):
        return batch.to(device)
    return batch.pin_memory().to(device, non_blocking=True)


class _TooLargeError(Exception):
    """A batch that the memory of the device does not hold, and smaller ones may."""


class TorchImageAdapter:
    """See `ImageModel`; a family defines `preprocess` and `image_features`.

    Embeddings are float32 and leave the device as numpy arrays. ``bf16`` runs matrix products in
    bfloat16 (autocast), and is part of the fingerprint, since it changes the ranking of images.
    """

    def __init__(
        self,
        card: ModelCard,
        network: "nn.Module",
        *,
        fingerprint: str,
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

    def network_input(self, levels: "Tensor") -> "Tensor":
        """Return the input of the network of a batch in eight bits; see `EightBitInput`."""
        raise NotImplementedError

    def encode_images(self, pixels: Pixels | Levels) -> Embeddings:
        """Embed a batch, shape (n, channels, height, width).

        A row that is not finite, or zero, is returned as it is: who encodes lists that image. A batch that
        the memory of the device does not hold is halved.
        """
        import torch

        try:
            what = "an image" if len(pixels) == 1 else f"{len(pixels)} images"
            with self._inference(what, is_divisible=len(pixels) > 1):
                batch = _moved(torch.from_numpy(pixels), self.device)
                if batch.dtype == torch.uint8:
                    batch = self.network_input(batch)
                return _rows(self.image_features(batch), unit=True)
        except _TooLargeError:
            half = len(pixels) // 2
        return np.concatenate(
            [self.encode_images(pixels[:half]), self.encode_images(pixels[half:])]
        )

    @contextmanager
    def _inference(self, what: str, *, is_divisible: bool = False) -> Iterator[None]:
        """Run the network without gradients; what torch raises (too little memory) is one sentence."""
        import torch

        kind = self.device.split(":")[0]
        autocast = torch.autocast(kind, torch.bfloat16, enabled=self.precision == "bf16")
        try:
            with torch.inference_mode(), exact_products(kind), autocast:
                yield
        except (RuntimeError, MemoryError) as error:
            if is_divisible and isinstance(error, torch.OutOfMemoryError):
                raise _TooLargeError from None
            smaller = "smaller batches, or " if is_divisible else ""
            raise DataError(
                f"{self.card.name} cannot embed {what} on {self.device} ({untrusted.reason(error)}). Use "
                f"{smaller}another device."
            ) from None


class TorchAdapter(TorchImageAdapter):
    """See `ImageTextModel`; a family defines `token_ids` and `text_features`, too."""

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
        super().__init__(card, network, fingerprint=fingerprint, device=device, precision=precision)
        self.logit_scale = logit_scale

    def token_ids(self, text: str) -> list[int]:
        """Return the tokens of a text, truncated as its authors do; raise `TextError` if they do not."""
        raise NotImplementedError

    def text_features(self, rows: Sequence[list[int]]) -> "Tensor":
        """Return the features of some texts by their tokens, (n, embedding_dim), not normalised."""
        raise NotImplementedError

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """Tokenize and embed; rows in the order of `texts`."""
        rows = [self.token_ids(text) for text in texts]  # all first: what is refused costs no time
        starts = range(0, len(rows), self.text_batch)
        parts = [self._encode(rows[start : start + self.text_batch]) for start in starts]
        empty = np.empty((0, self.card.embedding_dim), dtype=np.float32)
        return np.concatenate([empty, *parts])

    def encode_together(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts in one call of the network, padded to the longest."""
        return self._encode([self.token_ids(text) for text in texts])

    def _encode(self, rows: Sequence[list[int]]) -> Embeddings:
        with self._inference(f"{len(rows)} texts"):
            found = _rows(self.text_features(rows), unit=self.unit_texts)
        if not (np.isfinite(found).all() and (found != 0).any(axis=1).all()):
            raise DataError(
                f"embeddings of texts by {self.card.name} are not finite, or zero, in {self.precision} on "
                f"{self.device}. Check its weights: cxraudit models check {self.card.name}."
            )
        return found


def _rows(features: "Tensor", *, unit: bool) -> Embeddings:
    """Return features as float32 on the CPU, of unit norm unless the wrapper does not normalise them."""
    import torch.nn.functional as F  # noqa: N812

    rows = features.float()
    return (F.normalize(rows, dim=-1) if unit else rows).cpu().numpy()


def is_paper(protocol: str) -> bool:
    """Return whether a protocol is the published wrapper's; raise `ConfigError` if it is unknown."""
    if protocol not in PROTOCOLS:
        raise ConfigError(f"protocol must be {' or '.join(PROTOCOLS)}, got '{protocol}'.")
    return protocol == "paper"
