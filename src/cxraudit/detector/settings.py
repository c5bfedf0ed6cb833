"""How a detector is trained and evaluated."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, Lt

from cxraudit.errors import ConfigError
from cxraudit.settings import Count, Resamples, Seed, check


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """How a detector is trained and evaluated; recorded with it.

    Raises
    ------
    ConfigError
        If a value is out of range.
    """

    shortcut: str = "drain"
    """Column of the shortcut; only labels by annotators are used."""
    image_size: Annotated[int, Ge(32), Le(1024)] = 224
    """Side of the input of the network in pixels."""
    epochs: Count = 60
    """Largest number of epochs."""
    patience: Count = 6
    """Epochs without a lower validation loss before training stops."""
    batch_size: Count = 32
    """Images per step."""
    learning_rate: float | None = None
    """Default: 1e-4 from ImageNet weights, as in Sourget et al. (2025); 1e-3 from random weights."""
    seed: Seed = 0
    """Seed of the split, the initial weights, the order of the images and the resamples."""
    control: bool = False
    """Shuffle the labels between patients: a negative control, whose AUROC must be at chance level."""
    n_resamples: Resamples = 2000
    """Resamples of patients for the intervals of the performance."""
    confidence_level: Annotated[float, Gt(0.5), Lt(1)] = 0.95
    """Confidence level of the intervals of the performance."""
    interval: Literal["t", "percentile", "bca"] = "t"
    """Student's t on the scale of the metric, with the larger of the analytic error and that of the
    resamples; expanded percentile of the resamples; or bias-corrected and accelerated (BCa), expanded
    alike."""

    def __post_init__(self) -> None:
        check(self)
        if self.learning_rate is not None and not 0 < self.learning_rate < 1:
            raise ConfigError(f"learning_rate must lie between 0 and 1, got {self.learning_rate}.")
