"""One test of whether a statistic is the same in several groups."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc

from cxraudit.stats.replicated import Replicated
from cxraudit.stats.scales import SCALES, Scale


def equality_test(groups: Sequence[Replicated], *, scale: str = "logit") -> float:
    """Test whether a statistic has the same value in all groups.

    The largest minus the smallest value is biased (the AUROCs of five equal groups differ by 0.10 on average
    in cohorts like the MIMIC-CXR test split), so it is never tested by its interval. This is a Wald test of
    the differences of neighbouring groups, with the covariance of their influences: patients with images in
    several groups, as of age or view, are accounted for. The error of each group is the larger of the
    analytic one and that of the replicates. The reference is Hotelling's T², with the degrees of freedom
    that the influences leave for a covariance of so many patients (Zhang 2013).

    Parameters
    ----------
    groups : sequence of Replicated
        The statistic in each group, on the same resamples. Groups whose value is not defined, lies at the end
        of the scale (an AUROC of 1) or does not vary are left out; see `is_testable`.
    scale : str
        One of `cxraudit.stats.scales.SCALES`.

    Returns
    -------
    float
        The p-value; NaN if fewer than two groups can be tested.

    References
    ----------
    .. [1] Zhang (2013), Journal of Multivariate Analysis 117:141-161.
    .. [2] Satterthwaite (1946), Biometrics Bulletin 2:110-114.
    """
    chosen = SCALES[scale]
    used = [group for group in groups if is_testable(group, scale)]
    if len(used) < 2:
        return math.nan
    values = np.array([chosen.to(group.value) for group in used])
    names = sorted({name for group in used for name in group.runs})
    influences = np.stack([_on_scale(group, chosen, names) for group in used])
    return _hotelling(values[1:] - values[:-1], influences[1:] - influences[:-1])


def is_testable(group: Replicated, scale: str) -> bool:
    """Tell whether a group can be compared with others: its value is inside of the scale, and varies."""
    return SCALES[scale].holds(group.value) and math.isfinite(group.degrees_of_freedom)


def _on_scale(group: Replicated, scale: Scale, runs: Sequence[str]) -> NDArray[np.float64]:
    """Return influences on a scale, as much larger as the replicates vary more than they say.

    Those of patients are followed by the contrasts between training runs.
    """
    draws = group.replicates[1:]
    defined = draws[np.isfinite(draws)]
    spread = float(defined.std(ddof=1)) if defined.size > 1 else 0.0
    units = np.concatenate([group.influence, *(group.runs[name] for name in runs)])
    return units * scale.slope(group.value) * max(1.0, spread / group.standard_error)


def _hotelling(differences: NDArray[np.float64], influences: NDArray[np.float64]) -> float:
    """Return the p-value of differences that are 0 if the groups are equal.

    The degrees of freedom are those of a Wishart matrix whose elements vary as much in all as those of the
    estimated covariance (standardised to 1), which for one difference is Satterthwaite's formula.
    """
    q = differences.size
    try:
        root = np.linalg.cholesky(influences @ influences.T)
    except np.linalg.LinAlgError:
        return math.nan
    z = np.linalg.solve(root, differences)
    each = (np.linalg.solve(root, influences) ** 2).sum(axis=0)
    n = int(np.count_nonzero(each))
    variance = float((each**2).sum()) - q / n
    df = min(max(q * (q + 1) / max(variance, 1e-300), float(q)), n - 1.0)
    if df - q + 1 <= 0:
        return math.nan
    statistic = float(z @ z) * df / (df + 1)
    return float(fdtrc(q, df - q + 1, statistic * (df - q + 1) / (df * q)))
