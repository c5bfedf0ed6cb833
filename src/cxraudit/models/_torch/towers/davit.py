"""DaViT (Ding et al. 2022) under the key names of MedImageInsight's checkpoint."""

from typing import Any

import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from cxraudit.models._torch.towers.swin import unwindows, windows

HEAD = 32
"""Channels per head, and per group."""


class _Normed(nn.Module):
    """x + fn(norm(x)): the checkpoint keeps both under one name."""

    def __init__(self, width: int, fn: nn.Module) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fn: Any = fn


class _Depthwise(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fn: Any = nn.ModuleDict({"dw": nn.Conv2d(width, width, 3, padding=1, groups=width)})

    def forward(self, x: Tensor) -> Tensor:
        return x + self.fn["dw"](x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


class _Attention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)


class _Feed(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.net: Any = nn.ModuleDict(
            {"fc1": nn.Linear(width, 4 * width), "fc2": nn.Linear(4 * width, width)}
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.net["fc2"](F.gelu(self.net["fc1"](x)))


class _Half(nn.Module):
    """A spatial or a channel block; `kind` is the key name of its attention."""

    kind = ""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = _Depthwise(width), _Depthwise(width)
        setattr(self, self.kind, _Normed(width, _Attention(width)))
        self.ffn: Any = _Normed(width, _Feed(width))

    def attend(self, x: Tensor, attention: Any) -> Tensor:
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        part = getattr(self, self.kind)
        x = self.conv2(x + self.attend(part.norm(x), part.fn))
        return x + self.ffn.fn(self.ffn.norm(x))


class _Spatial(_Half):
    kind = "window_attn"
    window = 12

    def attend(self, x: Tensor, attention: Any) -> Tensor:
        _, h, w, _ = x.shape
        # Padded positions are not masked: they enter as zeros, so their q, k and v are the biases.
        x = F.pad(x, (0, 0, 0, -w % self.window, 0, -h % self.window))
        q, k, v = (
            part.unflatten(-1, (-1, HEAD)).transpose(1, 2)
            for part in attention.qkv(windows(x, self.window)).chunk(3, dim=-1)
        )
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        return unwindows(attention.proj(mixed), self.window, x.shape)[:, :h, :w]


class _Channel(_Half):
    kind = "channel_attn"

    def attend(self, x: Tensor, attention: Any) -> Tensor:
        tokens = x.flatten(1, 2)
        q, k, v = (
            part.unflatten(-1, (-1, HEAD)).transpose(1, 2)
            for part in attention.qkv(tokens).chunk(3, dim=-1)
        )
        mix = ((q * tokens.shape[1] ** -0.5).transpose(-1, -2) @ k).softmax(-1)
        mixed = (mix @ v.transpose(-1, -2)).transpose(-1, -2)
        return attention.proj(mixed.transpose(1, 2).flatten(2)).view(x.shape)


class _Embed(nn.Module):
    def __init__(self, channels: int, width: int, patch: int, stride: int, *, first: bool) -> None:
        super().__init__()
        self.proj = nn.Conv2d(channels, width, patch, stride, patch // 2)
        self.norm = nn.LayerNorm(width if first else channels)
        self.first = first

    def forward(self, x: Tensor) -> Tensor:
        x = x if self.first else self.norm(x)
        x = self.proj(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return self.norm(x) if self.first else x


class DaViT(nn.Module):
    """Features of an image: (n, 3, h, w) → (n, last width), pooled, then normed."""

    def __init__(
        self,
        *,
        widths: tuple[int, ...] = (256, 512, 1024, 2048),
        depths: tuple[int, ...] = (1, 1, 9, 1),
    ) -> None:
        super().__init__()
        channels = (3, *widths[:-1])
        self.convs: Any = nn.ModuleList(
            _Embed(c, w, 3 if k else 7, 2 if k else 4, first=k == 0)
            for k, (c, w) in enumerate(zip(channels, widths, strict=True))
        )
        self.blocks: Any = nn.ModuleList(
            nn.ModuleList(
                nn.ModuleDict({"spatial_block": _Spatial(w), "channel_block": _Channel(w)})
                for _ in range(depth)
            )
            for w, depth in zip(widths, depths, strict=True)
        )
        self.norms = nn.LayerNorm(widths[-1])

    def forward(self, x: Tensor) -> Tensor:
        """Return the features."""
        x = x.permute(0, 2, 3, 1)
        for conv, stage in zip(self.convs, self.blocks, strict=True):
            x = conv(x)
            for block in stage:
                x = block["channel_block"](block["spatial_block"](x))
        return self.norms(x.mean((1, 2)))
