"""What is assumed of a study, and what it is to show: each option declared once, as those of an audit."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from annotated_types import Ge, Gt, Le, Lt

from cxraudit.errors import ConfigError, shown
from cxraudit.settings import MOST, AuditSettings, Count, Flag, check


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyAssumptions:
    """What a study is assumed to be like, where there is no pilot table.

    Raises
    ------
    ConfigError
        If a value is none of the allowed ones, or the shares of the groups do not fit together.
    """

    prevalence: Mapping[str, float | str] = field(default_factory=dict)
    """FINDING=SHARE: share of the images that have the finding."""
    groups: Annotated[Mapping[str, float | str], Flag("group")] = field(default_factory=dict)
    """ATTRIBUTE:GROUP=SHARE: share of the patients in the group. What the shares of an attribute are short
    of 1 are other groups."""
    prevalence_ratios: Annotated[Mapping[str, float | str], Flag("prevalence-ratio")] = field(
        default_factory=dict
    )
    """ATTRIBUTE:GROUP=RATIO: prevalence in the group over that in groups without a ratio."""
    images_per_patient: Annotated[float, Ge(1), Le(1000)] = 1.0
    """Mean number of images per patient."""
    images_sd: Annotated[float, Ge(0), Le(10_000)] = 0.0
    """Standard deviation of the number of images per patient, in a study of the planned size: where a few
    patients have most of the images, it grows with the study, and a pilot table is the better plan."""
    score_correlation: Annotated[float, Ge(0), Lt(1)] = 0.5
    """Correlation of the scores of two images of one patient, given their labels."""
    label_correlation: Annotated[float, Ge(0), Le(1)] = 0.3
    """Correlation of the labels of two images of one patient."""
    auroc: Annotated[float, Gt(0.5), Lt(1)] = 0.85
    """Expected AUROC, in every group."""
    varying: str = ""
    """Attributes that differ between the images of a patient, such as view_position; several with commas.
    The shares of their groups are those of the images."""
    n_models: Count = 1
    """Number of models that are compared between groups."""

    def __post_init__(self) -> None:
        """Check every value, and read the shares as numbers."""
        check(self)
        for name, most in (("prevalence", 1.0), ("groups", 1.0), ("prevalence_ratios", 1000.0)):
            read = {
                str(key): _between(name, str(key), value, most)
                for key, value in getattr(self, name).items()
            }
            object.__setattr__(self, name, read)
        attributes = self.attributes
        for attribute, shares in attributes.items():
            if sum(shares.values()) > 1 + 1e-9:
                raise ConfigError(
                    f"the shares of the groups of {attribute} add up to {sum(shares.values()):.4g}, which is "
                    "more than 1. Give shares of all patients."
                )
        for named in self.prevalence_ratios:
            if named not in self.groups:
                raise ConfigError(
                    f"the prevalence ratio of {named} is that of no group: give its share with groups, too."
                )
        for attribute in self.varies_within:
            if attribute not in attributes:
                raise ConfigError(
                    f"varying names {attribute}, which has no groups; there are "
                    f"{', '.join(attributes) or 'none'}. Give their shares, too."
                )

    @property
    def attributes(self) -> dict[str, dict[str, float]]:
        """Attribute → group → share."""
        found: dict[str, dict[str, float]] = {}
        for name, share in self.groups.items():
            attribute, colon, group = name.partition(":")
            if not colon or not attribute or not group:
                raise ConfigError(
                    f"a group is given as ATTRIBUTE:GROUP=SHARE, such as sex:female=0.5; got {shown(name)}."
                )
            found.setdefault(attribute, {})[group] = float(share)
        return found

    @property
    def varies_within(self) -> tuple[str, ...]:
        """Attributes that differ between the images of a patient."""
        return tuple(filter(None, (part.strip() for part in self.varying.split(","))))

    def ratio(self, attribute: str, group: str) -> float:
        """Return the prevalence in a group, over that in groups without a ratio."""
        return float(self.prevalence_ratios.get(f"{attribute}:{group}", 1.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyGoals:
    """How large a study is, and what it is to show.

    Raises
    ------
    ConfigError
        If a value is none of the allowed ones.
    """

    n_patients: int | None = None
    """Patients of the study; default: those of the pilot table."""
    gap: float | None = None
    """True gap that is to be shown as a disparity; default: twice the margin."""
    true_gap: Annotated[float, Ge(0), Lt(1)] = 0.0
    """True gap that is to be shown to lie within the margin."""
    comparisons: int | None = None
    """Comparisons that share the error rate; default: all groups, findings and models of the plan, of one
    metric."""
    error_share: Annotated[float, Gt(0), Le(1)] | None = None
    """Share of the error rate that these comparisons have; default: that of their family in a report."""

    def __post_init__(self) -> None:
        """Check every value against its declaration."""
        check(self)
        for name in ("n_patients", "comparisons"):
            value = getattr(self, name)
            whole = isinstance(value, int) and not isinstance(value, bool)
            if value is not None and not (whole and 1 <= value <= MOST):
                raise ConfigError(
                    f"{name} must be a whole number from 1 to {MOST:,}, got {shown(value)}."
                )
        if self.gap is not None and not _number(self.gap, 0, 1):
            raise ConfigError(f"gap must be more than 0 and less than 1, got {shown(self.gap)}.")

    def shown_gap(self, settings: AuditSettings) -> float:
        """Return the true gap that is to be shown as a disparity.

        Raises
        ------
        ConfigError
            If no number of patients would show it, or the true gap within the margin.
        """
        gap = 2 * settings.margin if self.gap is None else self.gap
        if gap <= settings.margin:
            raise ConfigError(
                f"a gap of {gap:g} is not beyond the margin of {settings.margin:g}, so that no number of "
                "patients shows it as a disparity. Give a larger gap or a smaller margin."
            )
        if self.true_gap >= settings.margin:
            raise ConfigError(
                f"a true gap of {self.true_gap:g} is not within the margin of {settings.margin:g}, so that "
                "no number of patients shows it as equivalent. Give a smaller true gap or a larger margin."
            )
        return gap


def _number(value: Any, low: float, high: float) -> bool:
    plain = isinstance(value, (int, float)) and not isinstance(value, bool)
    return plain and math.isfinite(value) and low < value < high


def _between(name: str, key: str, value: object, high: float) -> float:
    """Return a share or a ratio as a number.

    Raises
    ------
    ConfigError
        If it is none.
    """
    try:
        number = math.nan if isinstance(value, bool) else float(str(value))
    except ValueError:
        number = math.nan
    if not _number(number, 0, high):
        raise ConfigError(
            f"{name} of {shown(key)} must be more than 0 and less than {high:g}, got {shown(value)}."
        )
    return number
