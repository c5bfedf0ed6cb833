"""BERT base (Devlin et al. 2018) under the key names of transformers' ``BertModel``."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

EPS = 1e-12


class Embeddings(nn.Module):
    """Word, position and token type embeddings; the latter always of type 0."""

    def __init__(self, vocabulary: int, width: int, positions: int) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(vocabulary, width)
        self.position_embeddings = nn.Embedding(positions, width)
        self.token_type_embeddings = nn.Embedding(2, width)
        self.LayerNorm = nn.LayerNorm(width, EPS)

    def forward(self, ids: Tensor) -> Tensor:
        """Embed ids of shape (n, length)."""
        places = self.position_embeddings.weight[: ids.shape[1]]
        return self.LayerNorm(
            self.word_embeddings(ids) + places + self.token_type_embeddings.weight[0]
        )


class _Attention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.self: Any = nn.ModuleDict(
            {name: nn.Linear(width, width) for name in ("query", "key", "value")}
        )
        self.output: Any = _Output(width, width)


class _Output(nn.Module):
    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width_in, width)
        self.LayerNorm = nn.LayerNorm(width, EPS)

    def forward(self, x: Tensor, residual: Tensor) -> Tensor:
        return self.LayerNorm(self.dense(x) + residual)


class _Layer(nn.Module):
    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention: Any = _Attention(width)
        self.intermediate: Any = nn.ModuleDict({"dense": nn.Linear(width, hidden)})
        self.output: Any = _Output(hidden, width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        q, k, v = (
            self.attention.self[name](x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for name in ("query", "key", "value")
        )
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None, :])
        x = self.attention.output(mixed.transpose(1, 2).flatten(2), x)
        return self.output(F.gelu(self.intermediate["dense"](x)), x)


class Bert(nn.Module):
    """The encoder without its pooler."""

    def __init__(
        self,
        vocabulary: int,
        *,
        width: int = 768,
        layers: int = 12,
        heads: int = 12,
        hidden: int = 3072,
        positions: int = 512,
    ) -> None:
        super().__init__()
        self.positions = positions
        self.embeddings: Any = Embeddings(vocabulary, width, positions)
        self.encoder: Any = nn.ModuleDict(
            {"layer": nn.ModuleList(_Layer(width, heads, hidden) for _ in range(layers))}
        )

    def forward(self, ids: Tensor, mask: Tensor) -> list[Tensor]:
        """Return all hidden states, the embedding first; ids and mask (True = attend) are (n, length)."""
        states = [self.embeddings(ids)]
        for layer in self.encoder["layer"]:
            states.append(layer(states[-1], mask))
        return states


def padded(
    rows: Sequence[Sequence[int]], pad: int, length: int | None = None
) -> tuple[Tensor, Tensor]:
    """Return ids and mask of texts, padded to the longest or to `length`."""
    length = length or max(len(row) for row in rows)
    ids = torch.full((len(rows), length), pad, dtype=torch.int64)
    mask = torch.zeros((len(rows), length), dtype=torch.bool)
    for k, row in enumerate(rows):
        ids[k, : len(row)] = torch.tensor(row)
        mask[k, : len(row)] = True
    return ids, mask
