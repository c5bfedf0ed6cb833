"""What is assumed of a study, and what it is to show: each option declared once, as those of an audit."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from annotated_types import Ge, Gt, Le, Lt

from cxraudit.errors import ConfigError, shown
from cxraudit.settings import AuditSettings, Count, Flag, check

OTHERS = ""
"""Group of the patients that no group was given for."""


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
        self._refuse_impossible_images()
        for attribute in attributes:
            for finding in self.prevalence:
                self._refuse_impossible_labels(attribute, finding)
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

    def shares_of(self, attribute: str) -> dict[str, float]:
        """Return group → share of the patients, those of no given group (`OTHERS`) included."""
        given = self.attributes[attribute]
        short = 1 - sum(given.values())
        return {**given, **({OTHERS: short} if short > 1e-9 else {})}

    def prevalences_of(self, attribute: str, finding: str) -> dict[str, float]:
        """Return group → prevalence, whose mean is that of all images."""
        shares = self.shares_of(attribute)
        ratios = {
            group: float(self.prevalence_ratios.get(f"{attribute}:{group}", 1.0))
            for group in shares
        }
        mean = sum(shares[group] * ratios[group] for group in shares)
        return {group: float(self.prevalence[finding]) * ratios[group] / mean for group in shares}

    def refuse_unlike_images(self, n_patients: int) -> None:
        """Refuse numbers of images that vary more than those of so many patients can.

        Raises
        ------
        ConfigError
            If one patient with all images but one of each other would not do.
        """
        most = (self.images_per_patient - 1) * math.sqrt(n_patients)
        if self.images_sd > most:
            raise ConfigError(
                f"the numbers of images of {n_patients:,} patients with images_per_patient "
                f"{self.images_per_patient:g} have a standard deviation of at most {most:.4g}; images_sd is "
                f"{self.images_sd:g}. Give a smaller one, or more patients."
            )

    def _refuse_impossible_images(self) -> None:
        """Refuse numbers of images that are not whole, or fewer than one."""
        mean, sd = self.images_per_patient, self.images_sd
        if mean == 1 and sd > 0:
            raise ConfigError(
                "with images_per_patient 1 every patient has one image, so that images_sd must be 0; got "
                f"{sd:g}. Give a larger images_per_patient, or leave out images_sd."
            )
        over = mean % 1
        least = math.sqrt(over * (1 - over))
        if sd < least - 1e-9:
            raise ConfigError(
                f"numbers of images are whole, so that with images_per_patient {mean:g} images_sd is at "
                f"least {least:.4g}; got {sd:g}. Give their standard deviation."
            )

    def _refuse_impossible_labels(self, attribute: str, finding: str) -> None:
        """Refuse prevalences above 1, and labels that cannot correlate as assumed."""
        rates = self.prevalences_of(attribute, finding)
        for group, rate in rates.items():
            if rate >= 1:
                raise ConfigError(
                    f"{finding} would have a prevalence of {rate:.0%} in {_of(attribute, group)}. Give a "
                    "smaller prevalence, or prevalence ratios that are nearer to 1."
                )
        if attribute not in self.varies_within:
            return
        low, high = min(rates.values()), max(rates.values())
        # Both of two images have the finding at most as often as the one that has it less often.
        most = math.sqrt(low * (1 - high) / (high * (1 - low)))
        if self.label_correlation > most + 1e-9:
            raise ConfigError(
                f"images of one patient in two groups of {attribute} have {finding} with {low:.3g} and "
                f"{high:.3g}, so that their labels correlate by at most {most:.3g}; label_correlation is "
                f"{self.label_correlation:g}. Give a smaller one, or prevalence ratios that are nearer to 1."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyGoals:
    """How large a study is, and what it is to show.

    Raises
    ------
    ConfigError
        If a value is none of the allowed ones.
    """

    n_patients: Count | None = None
    """Patients of the study; default: those of the pilot table."""
    gap: Annotated[float, Gt(0), Lt(1)] | None = None
    """True gap that is to be shown as a disparity; default: twice the margin."""
    true_gap: Annotated[float, Ge(0), Lt(1)] = 0.0
    """True gap that is to be shown to lie within the margin."""
    comparisons: Count | None = None
    """Comparisons that share the error rate; default: all groups, findings and models of the plan, of one
    metric."""
    error_share: Annotated[float, Gt(0), Le(1)] | None = None
    """Share of the error rate that these comparisons have; default: that of their family in a report."""

    def __post_init__(self) -> None:
        """Check every value against its declaration."""
        check(self)

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


def _of(attribute: str, group: str) -> str:
    return f"the other groups of {attribute}" if group == OTHERS else f"{attribute}:{group}"


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
    if not 0 < number < high:
        raise ConfigError(
            f"{name} of {shown(key)} must be more than 0 and less than {high:g}, got {shown(value)}."
        )
    return number
