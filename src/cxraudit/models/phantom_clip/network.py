"""The two encoders of phantom-clip, small enough to train and to run on two cores."""

import re
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

IMAGE_SIZE = 128
EMBEDDING_DIM = 128
MAX_TOKENS = 64

_WORD = re.compile(r"[a-z]+")


class Residual(nn.Module):
    """Two 3×3 convolutions around a shortcut connection."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Shape (n, channels, h, w) in and out."""
        return functional.relu(x + self.body(x))


def _down(channels_in: int, channels_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(),
    )


class ImageEncoder(nn.Module):
    """A residual network of four stages; mean and maximum over the image are projected."""

    def __init__(self, widths: Sequence[int] = (8, 32, 64, 128)) -> None:
        super().__init__()
        stages: list[nn.Module] = []
        previous = 1
        for width in widths:
            stages += [_down(previous, width), Residual(width)]
            previous = width
        self.stages = nn.Sequential(*stages)
        self.project = nn.Linear(2 * previous, EMBEDDING_DIM)

    def forward(self, pixels: Tensor) -> Tensor:
        """(n, 1, 128, 128) → unit rows (n, 128)."""
        maps = self.stages(pixels)
        pooled = torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], dim=1)
        return functional.normalize(self.project(pooled), dim=1)


class TextEncoder(nn.Module):
    """Word embeddings, a bidirectional GRU, and the maximum over the words."""

    def __init__(self, n_words: int, width: int = 64) -> None:
        super().__init__()
        self.words = nn.Embedding(n_words, width, padding_idx=0)
        self.gru = nn.GRU(width, width, batch_first=True, bidirectional=True)
        self.project = nn.Linear(2 * width, EMBEDDING_DIM)

    def forward(self, tokens: Tensor) -> Tensor:
        """Token ids (n, length), 0 = padding → unit rows (n, 128)."""
        lengths = (tokens > 0).sum(1).clamp(min=1)
        packed = nn.utils.rnn.pack_padded_sequence(
            self.words(tokens), lengths, batch_first=True, enforce_sorted=False
        )
        states, _ = nn.utils.rnn.pad_packed_sequence(
            self.gru(packed)[0], batch_first=True, padding_value=float("-inf")
        )
        return functional.normalize(self.project(states.amax(1)), dim=1)


class PhantomClip(nn.Module):
    """Both encoders, and the scale and bias of the sigmoid loss they were trained with."""

    def __init__(self, n_words: int) -> None:
        super().__init__()
        self.image = ImageEncoder()
        self.text = TextEncoder(n_words)
        self.log_scale = nn.Parameter(torch.tensor(2.3))
        self.bias = nn.Parameter(torch.tensor(-2.0))


def words(text: str) -> list[str]:
    """Split a text into lower-case words; everything else is a separator."""
    return _WORD.findall(text.lower())


def tokenize(texts: Sequence[str], vocabulary: dict[str, int]) -> Tensor:
    """Convert texts to padded token ids; a word that is not in the vocabulary becomes 1."""
    rows = [[vocabulary.get(word, 1) for word in words(text)[:MAX_TOKENS]] or [1] for text in texts]
    tokens = torch.zeros((len(rows), max(map(len, rows))), dtype=torch.long)
    for i, row in enumerate(rows):
        tokens[i, : len(row)] = torch.tensor(row)
    return tokens
