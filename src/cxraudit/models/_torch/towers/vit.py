"""ViT-B/16 (Dosovitskiy et al. 2020) under timm's key names."""

from typing import Any, Literal

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

EPS = 1e-6


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in self.qkv(x).chunk(3, dim=-1)
        )
        return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


Gelu = Literal["none", "tanh"]
"""Its approximation, as torch calls it."""


class Mlp(nn.Module):
    """Two layers with a GELU between."""

    def __init__(
        self, width: int, hidden: int, out: int, *, bias: bool = True, gelu: Gelu = "none"
    ) -> None:
        super().__init__()
        self.gelu = gelu
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, out, bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return (…, out)."""
        return self.fc2(F.gelu(self.fc1(x), approximate=self.gelu))


class _Block(nn.Module):
    def __init__(self, width: int, heads: int, hidden: int, gelu: Gelu) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, EPS), nn.LayerNorm(width, EPS)
        self.attn: Any = _Attention(width, heads)
        self.mlp = Mlp(width, hidden, width, gelu=gelu)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class _AttentionPool(nn.Module):
    """A learned query attends to all places; SigLIP's."""

    def __init__(self, width: int, heads: int, hidden: int, gelu: Gelu) -> None:
        super().__init__()
        self.heads = heads
        self.latent = nn.Parameter(torch.empty(1, 1, width))
        self.q, self.kv = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.proj = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width, EPS)
        self.mlp = Mlp(width, hidden, width, gelu=gelu)

    def forward(self, x: Tensor) -> Tensor:
        query = self.q(self.latent.expand(len(x), -1, -1))
        q, k, v = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in (query, *self.kv(x).chunk(2, dim=-1))
        )
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        pooled = self.proj(mixed)[:, 0]
        return pooled + self.mlp(self.norm(pooled))


Pool = Literal["token", "avg", "map"]


class VisionTransformer(nn.Module):
    """Class token of an image: (n, 3, side, side) → (n, width).

    Pooled ``avg`` is the mean of the patches; ``map`` is attention by a learned query, without a class token.
    """

    def __init__(
        self,
        *,
        side: int = 224,
        patch: int = 16,
        width: int = 768,
        layers: int = 12,
        heads: int = 12,
        hidden: int | None = None,
        pool: Pool = "token",
        gelu: Gelu = "none",
    ) -> None:
        super().__init__()
        hidden = hidden or 4 * width
        first = int(pool != "map")
        self.pool = pool
        if first:
            self.cls_token = nn.Parameter(torch.empty(1, 1, width))
        self.pos_embed = nn.Parameter(torch.empty(1, (side // patch) ** 2 + first, width))
        self.patch_embed: Any = nn.ModuleDict({"proj": nn.Conv2d(3, width, patch, patch)})
        self.blocks: Any = nn.ModuleList(_Block(width, heads, hidden, gelu) for _ in range(layers))
        self.norm = nn.LayerNorm(width, EPS)
        self.attn_pool = _AttentionPool(width, heads, hidden, gelu) if pool == "map" else None

    def forward(self, x: Tensor) -> Tensor:
        """Return what is pooled after the final norm."""
        x = self.patch_embed["proj"](x).flatten(2).transpose(1, 2)
        if self.attn_pool is None:
            x = torch.cat([self.cls_token.expand(x.shape[0], -1, -1).to(x.dtype), x], 1)
        x = x + self.pos_embed
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        if self.attn_pool is not None:
            return self.attn_pool(x)
        return x[:, 1:].mean(1) if self.pool == "avg" else x[:, 0]
