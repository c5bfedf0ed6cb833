"""OpenAI's ResNet (Radford et al. 2021) under its key names: three convolutions first, attention last."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


class _Bottleneck(nn.Module):
    """Halved by means over 2 × 2 pixels, not by strides."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        out = 4 * width
        self.stride = stride
        self.conv1, self.bn1 = nn.Conv2d(channels, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, out, 1, bias=False), nn.BatchNorm2d(out)
        self.downsample: nn.Sequential | None = None
        if stride > 1 or channels != out:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, out, 1, bias=False), nn.BatchNorm2d(out)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.avg_pool2d(F.relu(self.bn2(self.conv2(y))), self.stride)
        y = self.bn3(self.conv3(y))
        if self.downsample is not None:
            x = self.downsample(F.avg_pool2d(x, self.stride))
        return F.relu(y + x)


class _AttentionPool(nn.Module):
    """The mean of all places attends to it and to them."""

    def __init__(self, places: int, width: int, heads: int, dim: int) -> None:
        super().__init__()
        self.heads = heads
        self.positional_embedding = nn.Parameter(torch.empty(places + 1, width))
        self.q_proj, self.k_proj = nn.Linear(width, width), nn.Linear(width, width)
        self.v_proj, self.c_proj = nn.Linear(width, width), nn.Linear(width, dim)

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(2).transpose(1, 2)
        x = torch.cat([x.mean(1, keepdim=True), x], 1) + self.positional_embedding
        q, k, v = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in (self.q_proj(x[:, :1]), self.k_proj(x), self.v_proj(x))
        )
        mixed = F.scaled_dot_product_attention(q, k, v)
        return self.c_proj(mixed.transpose(1, 2).flatten(2))[:, 0]


class ClipResNet(nn.Module):
    """The image tower: (n, 3, side, side) → (n, dim), not normalised."""

    def __init__(self, side: int, width: int, depths: Sequence[int], heads: int, dim: int) -> None:
        super().__init__()
        half = width // 2
        self.conv1 = nn.Conv2d(3, half, 3, 2, 1, bias=False)
        self.conv2 = nn.Conv2d(half, half, 3, padding=1, bias=False)
        self.conv3 = nn.Conv2d(half, width, 3, padding=1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(half), nn.BatchNorm2d(half)
        self.bn3 = nn.BatchNorm2d(width)
        channels = width
        for stage, depth in enumerate(depths):
            wide = width * 2**stage
            blocks = []
            for block in range(depth):
                blocks.append(_Bottleneck(channels, wide, 2 if stage and not block else 1))
                channels = 4 * wide
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.attnpool = _AttentionPool((side // 32) ** 2, channels, heads, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Embed a batch."""
        for number in (1, 2, 3):
            x = F.relu(getattr(self, f"bn{number}")(getattr(self, f"conv{number}")(x)))
        x = F.avg_pool2d(x, 2)
        for stage in (1, 2, 3, 4):
            x = getattr(self, f"layer{stage}")(x)
        return self.attnpool(x)
