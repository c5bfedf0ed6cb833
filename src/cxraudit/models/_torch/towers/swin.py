"""Swin-T (Liu et al. 2021) under the key names of transformers 4.24's ``SwinModel``."""

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


def relative_positions(window: int) -> Tensor:
    """Return, for each pair of positions in a window, the row of the bias table: (w², w²)."""
    y, x = torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")
    dy = y.flatten()[:, None] - y.flatten() + window - 1
    dx = x.flatten()[:, None] - x.flatten() + window - 1
    return dy * (2 * window - 1) + dx


def windows(x: Tensor, window: int) -> Tensor:
    """Cut (n, h, w, c) into windows: (n · windows, window², c)."""
    n, h, w, c = x.shape
    x = x.view(n, h // window, window, w // window, window, c)
    return x.transpose(2, 3).reshape(-1, window * window, c)


def unwindows(x: Tensor, window: int, shape: torch.Size) -> Tensor:
    """Reverse `windows`."""
    n, h, w, c = shape
    x = x.view(n, h // window, w // window, window, window, c)
    return x.transpose(2, 3).reshape(n, h, w, c)


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads, self.window = heads, window
        self.self: Any = _Projections(width, heads, window)
        self.output: Any = nn.ModuleDict({"dense": nn.Linear(width, width)})

    def forward(self, x: Tensor, separation: Tensor | None) -> Tensor:
        q, k, v = (
            getattr(self.self, name)(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for name in ("query", "key", "value")
        )
        table = self.self.relative_position_bias_table
        places = relative_positions(self.window).to(table.device)
        bias = table[places.flatten()].view(*places.shape, self.heads).permute(2, 0, 1)[None]
        if separation is not None:
            bias = bias + separation.repeat(x.shape[0] // separation.shape[0], 1, 1)[:, None]
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=bias.to(q.dtype))
        return self.output["dense"](mixed.transpose(1, 2).flatten(2))


class _Projections(nn.Module):
    def __init__(self, width: int, heads: int, window: int) -> None:
        super().__init__()
        self.relative_position_bias_table = nn.Parameter(torch.empty((2 * window - 1) ** 2, heads))
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))


class _Block(nn.Module):
    def __init__(self, width: int, heads: int, window: int, *, shifted: bool) -> None:
        super().__init__()
        self.window, self.shifted = window, shifted
        self.layernorm_before = nn.LayerNorm(width)
        self.attention: Any = _Attention(width, heads, window)
        self.layernorm_after = nn.LayerNorm(width)
        self.intermediate: Any = nn.ModuleDict({"dense": nn.Linear(width, 4 * width)})
        self.output: Any = nn.ModuleDict({"dense": nn.Linear(4 * width, width)})

    def forward(self, x: Tensor) -> Tensor:
        side = x.shape[1]
        shift = self.window // 2 if self.shifted and side > self.window else 0
        y = torch.roll(self.layernorm_before(x), (-shift, -shift), (1, 2))
        separation = _separation(side, self.window, shift, x.device) if shift else None
        y = unwindows(self.attention(windows(y, self.window), separation), self.window, x.shape)
        x = x + torch.roll(y, (shift, shift), (1, 2))
        return x + self.output["dense"](F.gelu(self.intermediate["dense"](self.layernorm_after(x))))


def _separation(side: int, window: int, shift: int, device: torch.device) -> Tensor:
    """Return −100 between positions that only the shift puts into one window: (windows, w², w²)."""
    part = torch.zeros(side, dtype=torch.int64, device=device)
    part[-window:] = 1
    part[-shift:] = 2
    region = (3 * part[:, None] + part).to(torch.float32)
    regions = windows(region[None, :, :, None], window)[..., 0]
    return torch.where(regions[:, None, :] != regions[:, :, None], -100.0, 0.0)


class _Merge(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * width)
        self.reduction = nn.Linear(4 * width, 2 * width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        parts = [x[:, row::2, column::2] for column in (0, 1) for row in (0, 1)]
        return self.reduction(self.norm(torch.cat(parts, -1)))


class _Stage(nn.Module):
    def __init__(self, width: int, depth: int, heads: int, window: int, *, merge: bool) -> None:
        super().__init__()
        self.blocks: Any = nn.ModuleList(
            _Block(width, heads, window, shifted=block % 2 == 1) for block in range(depth)
        )
        self.downsample = _Merge(width) if merge else None

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return x if self.downsample is None else self.downsample(x)


class Swin(nn.Module):
    """Tokens of an image: (n, 3, 224, 224) → (n, 49, 768)."""

    def __init__(
        self,
        *,
        width: int = 96,
        depths: tuple[int, ...] = (2, 2, 6, 2),
        heads: tuple[int, ...] = (3, 6, 12, 24),
        window: int = 7,
    ) -> None:
        super().__init__()
        self.embeddings: Any = nn.ModuleDict(
            {
                "patch_embeddings": nn.ModuleDict({"projection": nn.Conv2d(3, width, 4, 4)}),
                "norm": nn.LayerNorm(width),
            }
        )
        last = len(depths) - 1
        self.encoder: Any = nn.ModuleDict(
            {
                "layers": nn.ModuleList(
                    _Stage(width * 2**k, depth, heads[k], window, merge=k < last)
                    for k, depth in enumerate(depths)
                )
            }
        )
        self.layernorm = nn.LayerNorm(width * 2**last)

    def forward(self, x: Tensor) -> Tensor:
        """Return the tokens of the last stage after the final norm."""
        patches = self.embeddings["patch_embeddings"]["projection"](x)
        x = self.embeddings["norm"](patches.permute(0, 2, 3, 1))
        for stage in self.encoder["layers"]:
            x = stage(x)
        return self.layernorm(x.flatten(1, 2))
