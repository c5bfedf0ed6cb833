"""Transformer blocks and towers of CLIP (Radford et al. 2021) under OpenAI's key names."""

from collections import OrderedDict
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


class QuickGELU(nn.Module):
    """x · sigmoid(1.702 x)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the activation."""
        return x * torch.sigmoid(1.702 * x)


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.empty(3 * width))
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        q, k, v = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in F.linear(x, self.in_proj_weight, self.in_proj_bias).chunk(3, dim=-1)
        )
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.out_proj(mixed.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """Pre-norm attention and feed-forward."""

    def __init__(self, width: int, heads: int, eps: float) -> None:
        super().__init__()
        self.attn: Any = _Attention(width, heads)
        self.ln_1 = nn.LayerNorm(width, eps)
        layers: Any = (
            ("c_fc", nn.Linear(width, 4 * width)),
            ("gelu", QuickGELU()),
            ("c_proj", nn.Linear(4 * width, width)),
        )
        self.mlp = nn.Sequential(OrderedDict(layers))
        self.ln_2 = nn.LayerNorm(width, eps)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Return (n, length, width); the mask is added or, if boolean, True where to attend."""
        x = x + self.attn(self.ln_1(x), mask)
        return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
    """A sequence of blocks."""

    def __init__(self, width: int, layers: int, heads: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.resblocks: Any = nn.ModuleList(Block(width, heads, eps) for _ in range(layers))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Apply the blocks one after another."""
        for block in self.resblocks:
            x = block(x, mask)
        return x


class VisionTransformer(nn.Module):
    """The image tower: (n, 3, side, side) → (n, dim), not normalised."""

    def __init__(
        self, side: int, patch: int, width: int, layers: int, heads: int, dim: int
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, patch, patch, bias=False)
        self.class_embedding = nn.Parameter(torch.empty(width))
        self.positional_embedding = nn.Parameter(torch.empty((side // patch) ** 2 + 1, width))
        self.ln_pre = nn.LayerNorm(width)
        self.transformer = Transformer(width, layers, heads)
        self.ln_post = nn.LayerNorm(width)
        self.proj = nn.Parameter(torch.empty(width, dim))

    def forward(self, x: Tensor) -> Tensor:
        """Embed a batch."""
        x = self.conv1(x).flatten(2).transpose(1, 2)
        first = self.class_embedding.expand(x.shape[0], 1, -1).to(x.dtype)
        x = self.ln_pre(torch.cat([first, x], 1) + self.positional_embedding)
        return self.ln_post(self.transformer(x)[:, 0]) @ self.proj


class Clip(nn.Module):
    """Both towers of ViT-B/32 by default."""

    def __init__(
        self,
        *,
        dim: int = 512,
        side: int = 224,
        patch: int = 32,
        vision: tuple[int, int, int] = (768, 12, 12),
        text: tuple[int, int, int] = (512, 12, 8),
        vocabulary: int = 49_408,
        context: int = 77,
    ) -> None:
        super().__init__()
        self.visual = VisionTransformer(side, patch, *vision, dim)
        self.token_embedding = nn.Embedding(vocabulary, text[0])
        self.positional_embedding = nn.Parameter(torch.empty(context, text[0]))
        self.transformer = Transformer(*text)
        self.ln_final = nn.LayerNorm(text[0])
        self.text_projection = nn.Parameter(torch.empty(text[0], dim))
        self.logit_scale = nn.Parameter(torch.empty(()))

    def encode_text(self, ids: Tensor) -> Tensor:
        """Embed ids of shape (n, 77) by their end token, the largest id; not normalised."""
        x = self.token_embedding(ids) + self.positional_embedding
        causal = torch.ones(2 * x.shape[1:2], dtype=torch.bool, device=ids.device).tril()
        x = self.ln_final(self.transformer(x, causal))
        return x[torch.arange(len(ids)), ids.argmax(-1)] @ self.text_projection
