"""A BERT with pooling and projection under the key names of open_clip."""

from collections.abc import Mapping
from typing import Any, Literal

from torch import Tensor, nn

from cxraudit.models._torch.towers.bert import Bert

PAD = 0

Pooler = Literal["cls_last_hidden_state_pooler", "cls_pooler", "mean_pooler"]
Projection = Literal["linear", "mlp"] | None


class PooledBert(nn.Module):
    """Ids (n, length), padded with 0 → (n, dim), not normalised.

    Pooled is [CLS], [CLS] after a layer of its own (``cls_pooler``), or the mean of all tokens.
    """

    def __init__(
        self, sizes: Mapping[str, int], dim: int, *, projection: Projection, pooler: Pooler
    ) -> None:
        super().__init__()
        width = sizes["width"]
        self.pooler = pooler
        self.transformer: Any = Bert(**sizes)
        if pooler == "cls_pooler":
            self.transformer.pooler = nn.ModuleDict({"dense": nn.Linear(width, width)})
        if projection is None and width != dim:
            raise ValueError(f"texts of width {width} are not projected to {dim}")
        self.proj: Any = nn.Identity()
        if projection == "linear":
            self.proj = nn.Linear(width, dim, bias=False)
        elif projection == "mlp":
            half = (width + dim) // 2
            first, last = nn.Linear(width, half, bias=False), nn.Linear(half, dim, bias=False)
            self.proj = nn.Sequential(first, nn.GELU(), last)

    def encode_text(self, ids: Tensor) -> Tensor:
        """Embed texts; padding has no effect, and is left out beyond the longest."""
        mask = ids != PAD
        length = int(mask.any(0).nonzero().max()) + 1
        ids, mask = ids[:, :length], mask[:, :length]
        states = self.transformer(ids, mask)[-1]
        if self.pooler == "mean_pooler":
            kept = mask.unsqueeze(-1)
            return self.proj((states * kept).sum(1) / kept.sum(1))
        first = states[:, 0]
        if self.pooler == "cls_pooler":
            first = self.transformer.pooler["dense"](first).tanh()
        return self.proj(first)
