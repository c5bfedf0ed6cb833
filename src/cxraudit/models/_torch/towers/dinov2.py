"""DINOv2 (Oquab et al. 2023) under the key names of transformers' files."""

import math
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from cxraudit.models._torch.towers.vit import Mlp


class _Scale(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.lambda1 = nn.Parameter(torch.empty(width))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.lambda1


class _Block(nn.Module):
    def __init__(self, width: int, heads: int, hidden: int, eps: float, bias: bool) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width, eps), nn.LayerNorm(width, eps)
        parts = {name: nn.Linear(width, width, bias) for name in ("query", "key", "value")}
        output = nn.ModuleDict({"dense": nn.Linear(width, width)})
        self.attention: Any = nn.ModuleDict({"attention": nn.ModuleDict(parts), "output": output})
        self.mlp = Mlp(width, hidden, width)
        self.layer_scale1, self.layer_scale2 = _Scale(width), _Scale(width)

    def _attend(self, x: Tensor) -> Tensor:
        q, k, v = (
            self.attention["attention"][name](x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for name in ("query", "key", "value")
        )
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        return self.attention["output"]["dense"](mixed)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.layer_scale1(self._attend(self.norm1(x)))
        return x + self.layer_scale2(self.mlp(self.norm2(x)))


class Dinov2(nn.Module):
    """Class token of an image after the last norm: (n, 3, side, side) → (n, width).

    `side` is that of the images which the positions among the weights are for; see `take`.
    """

    def __init__(
        self,
        *,
        side: int,
        patch: int,
        width: int,
        layers: int,
        heads: int,
        hidden: int,
        eps: float,
        bias: bool,
    ) -> None:
        super().__init__()
        self.patch = patch
        self.embeddings: Any = nn.Module()
        self.embeddings.cls_token = nn.Parameter(torch.empty(1, 1, width))
        places = (side // patch) ** 2 + 1
        self.embeddings.position_embeddings = nn.Parameter(torch.empty(1, places, width))
        projection = nn.Conv2d(3, width, patch, patch)
        self.embeddings.patch_embeddings = nn.ModuleDict({"projection": projection})
        blocks = nn.ModuleList(_Block(width, heads, hidden, eps, bias) for _ in range(layers))
        self.encoder: Any = nn.ModuleDict({"layer": blocks})
        self.layernorm = nn.LayerNorm(width, eps)

    def take(self, side: int) -> None:
        """Interpolate the positions, once and in float32, for images of another size, as transformers does.

        Pixels that make no whole patch are left out.
        """
        grid = side // self.patch
        positions = self.embeddings.position_embeddings.detach()
        trained = math.isqrt(positions.shape[1] - 1)
        if grid == trained:
            return
        token, places = positions[:, :1], positions[:, 1:]
        places = places.unflatten(1, (trained, trained)).permute(0, 3, 1, 2)
        places = F.interpolate(places, size=(grid, grid), mode="bicubic", align_corners=False)
        places = places.flatten(2).transpose(1, 2)
        self.embeddings.position_embeddings = nn.Parameter(
            torch.cat([token, places], 1), requires_grad=False
        )

    def forward(self, x: Tensor) -> Tensor:
        """Embed a batch."""
        parts = self.embeddings
        x = parts.patch_embeddings["projection"](x).flatten(2).transpose(1, 2)
        x = torch.cat([parts.cls_token.expand(len(x), -1, -1).to(x.dtype), x], 1)
        x = x + parts.position_embeddings
        for block in self.encoder["layer"]:
            x = block(x)
        return self.layernorm(x[:, 0])
