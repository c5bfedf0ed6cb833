"""DenseNet-121 (Huang et al. 2017) under torchvision's key names."""

import re
from collections import OrderedDict
from collections.abc import Mapping

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

GROWTH = 32
BOTTLENECK = 4


class _DenseLayer(nn.Module):
    """Two convolutions whose output is concatenated to their input as further channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        wide = BOTTLENECK * GROWTH
        self.norm1, self.conv1 = nn.BatchNorm2d(channels), nn.Conv2d(channels, wide, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(wide)
        self.conv2 = nn.Conv2d(wide, GROWTH, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(F.relu(self.norm1(x)))
        y = self.conv2(F.relu(self.norm2(y)))
        return torch.cat([x, y], 1)


def _block(depth: int, channels: int) -> nn.Sequential:
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        (f"denselayer{n + 1}", _DenseLayer(channels + n * GROWTH)) for n in range(depth)
    )
    return nn.Sequential(layers)


def _transition(channels: int) -> nn.Sequential:
    parts: OrderedDict[str, nn.Module] = OrderedDict(
        norm=nn.BatchNorm2d(channels),
        relu=nn.ReLU(inplace=True),
        conv=nn.Conv2d(channels, channels // 2, 1, bias=False),
        pool=nn.AvgPool2d(2, 2),
    )
    return nn.Sequential(parts)


class DenseNet121(nn.Module):
    """Logits of an image: (n, 3, h, w) → (n, n_classes)."""

    def __init__(self, n_classes: int = 1000) -> None:
        super().__init__()
        parts: OrderedDict[str, nn.Module] = OrderedDict(
            conv0=nn.Conv2d(3, 64, 7, 2, 3, bias=False),
            norm0=nn.BatchNorm2d(64),
            relu0=nn.ReLU(inplace=True),
            pool0=nn.MaxPool2d(3, 2, 1),
        )
        channels = 64
        depths = (6, 12, 24, 16)
        for number, depth in enumerate(depths, start=1):
            parts[f"denseblock{number}"] = _block(depth, channels)
            channels += depth * GROWTH
            if number < len(depths):
                parts[f"transition{number}"] = _transition(channels)
                channels //= 2
        parts["norm5"] = nn.BatchNorm2d(channels)
        self.features = nn.Sequential(parts)
        self.classifier = nn.Linear(channels, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        pooled = F.adaptive_avg_pool2d(F.relu(self.features(x)), 1)
        return self.classifier(pooled.flatten(1))


_OLD_KEY = re.compile(r"(denselayer\d+\.(?:norm|conv))\.(\d)\.")


def modern_keys(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors under current key names: the published file has ``norm.1`` for ``norm1``."""
    return {_OLD_KEY.sub(r"\1\2.", key): tensor for key, tensor in state.items()}
