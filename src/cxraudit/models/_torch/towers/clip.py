"""Transformer blocks and towers of CLIP (Radford et al. 2021) under OpenAI's key names.

Options are those of open_clip, whose files have the same names; the defaults are OpenAI's.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


class QuickGELU(nn.Module):
    """x · sigmoid(1.702 x)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the activation."""
        return x * torch.sigmoid(1.702 * x)


Gelu = Literal["quick", "none", "tanh"]


def gelu(kind: Gelu) -> nn.Module:
    """Return an activation: OpenAI's, or GELU with the approximation that torch calls so."""
    return QuickGELU() if kind == "quick" else nn.GELU(kind)


class LayerScale(nn.Module):
    """A learned factor per channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.empty(width))

    def forward(self, x: Tensor) -> Tensor:
        """Return the scaled channels."""
        return x * self.gamma


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What blocks differ in."""

    eps: float = 1e-5
    """Of layer norms."""
    gelu: Gelu = "quick"
    ratio: float = 4.0
    """Width of the feed-forward, as a multiple."""
    scaled: bool = False
    """Whether each residual has a `LayerScale`."""


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

    def __init__(self, width: int, heads: int, kind: Kind) -> None:
        super().__init__()
        hidden = int(width * kind.ratio)
        self.attn: Any = _Attention(width, heads)
        self.ln_1 = nn.LayerNorm(width, kind.eps)
        layers: Any = (
            ("c_fc", nn.Linear(width, hidden)),
            ("gelu", gelu(kind.gelu)),
            ("c_proj", nn.Linear(hidden, width)),
        )
        self.mlp = nn.Sequential(OrderedDict(layers))
        self.ln_2 = nn.LayerNorm(width, kind.eps)
        self.ls_1 = LayerScale(width) if kind.scaled else nn.Identity()
        self.ls_2 = LayerScale(width) if kind.scaled else nn.Identity()

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """Return (n, length, width); the mask is added or, if boolean, True where to attend."""
        x = x + self.ls_1(self.attn(self.ln_1(x), mask))
        return x + self.ls_2(self.mlp(self.ln_2(x)))


class Transformer(nn.Module):
    """A sequence of blocks."""

    def __init__(self, width: int, layers: int, heads: int, kind: Kind) -> None:
        super().__init__()
        self.resblocks: Any = nn.ModuleList(Block(width, heads, kind) for _ in range(layers))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Apply the blocks one after another."""
        for block in self.resblocks:
            x = block(x, mask)
        return x


class VisionTransformer(nn.Module):
    """The image tower: (n, 3, side, side) → (n, dim), not normalised.

    Pooled is the class token, or with `average` the mean of the patches; the last norm comes before that,
    or with `pool_first` after it.
    """

    def __init__(
        self,
        side: int,
        patch: int,
        width: int,
        layers: int,
        heads: int,
        dim: int,
        *,
        kind: Kind,
        norm_first: bool = True,
        average: bool = False,
        pool_first: bool = False,
    ) -> None:
        super().__init__()
        self.average, self.pool_first = average, pool_first
        self.conv1 = nn.Conv2d(3, width, patch, patch, bias=False)
        self.class_embedding = nn.Parameter(torch.empty(width))
        self.positional_embedding = nn.Parameter(torch.empty((side // patch) ** 2 + 1, width))
        self.ln_pre = nn.LayerNorm(width, kind.eps) if norm_first else nn.Identity()
        self.transformer = Transformer(width, layers, heads, kind)
        self.ln_post = nn.LayerNorm(width, kind.eps)
        self.proj = nn.Parameter(torch.empty(width, dim))

    def forward(self, x: Tensor) -> Tensor:
        """Embed a batch."""
        x = self.conv1(x).flatten(2).transpose(1, 2)
        first = self.class_embedding.expand(x.shape[0], 1, -1).to(x.dtype)
        x = self.ln_pre(torch.cat([first, x], 1) + self.positional_embedding)
        x = self.transformer(x)
        if self.average:
            x = x[:, 1:].mean(1) if self.pool_first else self.ln_post(x)[:, 1:].mean(1)
        else:
            x = x[:, 0] if self.pool_first else self.ln_post(x[:, 0])
        return (self.ln_post(x) if self.pool_first else x) @ self.proj


Pool = Literal["argmax", "eos", "first", "last"]


class TextTransformer(nn.Module):
    """The text tower: ids (n, context) → (n, dim), not normalised.

    Pooled is the largest id (the end token), the first `end`, or the first or last place.
    """

    def __init__(
        self,
        vocabulary: int,
        context: int,
        width: int,
        layers: int,
        heads: int,
        dim: int | None,
        *,
        kind: Kind,
        pool: Pool = "argmax",
        end: int = 0,
        causal: bool = True,
        bias: bool = False,
    ) -> None:
        super().__init__()
        self.pool, self.end, self.causal = pool, end, causal
        self.token_embedding = nn.Embedding(vocabulary, width)
        self.positional_embedding = nn.Parameter(torch.empty(context, width))
        self.transformer = Transformer(width, layers, heads, kind)
        self.ln_final = nn.LayerNorm(width, kind.eps)
        self.text_projection: Any = None
        if dim is not None:
            self.text_projection = (
                nn.Linear(width, dim) if bias else nn.Parameter(torch.empty(width, dim))
            )

    def encode_text(self, ids: Tensor) -> Tensor:
        """Embed ids of shape (n, context)."""
        x = self.token_embedding(ids) + self.positional_embedding
        seen = None
        if self.causal:
            seen = torch.ones(2 * x.shape[1:2], dtype=torch.bool, device=ids.device).tril()
        x = self.ln_final(self.transformer(x, seen))
        x = x[torch.arange(len(ids)), self._place(ids)]
        if self.text_projection is None:
            return x
        if isinstance(self.text_projection, nn.Linear):
            return self.text_projection(x)
        return x @ self.text_projection

    def _place(self, ids: Tensor) -> Tensor | int:
        """Return the place in each text that stands for it."""
        if self.pool == "argmax":
            return ids.argmax(-1)
        if self.pool == "eos":
            return (ids == self.end).int().argmax(-1)
        return 0 if self.pool == "first" else -1


class Clip(TextTransformer):
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
        super().__init__(vocabulary, context, *text, dim, kind=Kind())
        self.visual = VisionTransformer(side, patch, *vision, dim, kind=Kind())
        self.logit_scale = nn.Parameter(torch.empty(()))
