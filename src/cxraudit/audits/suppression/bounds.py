"""How large a hidden count can be, given all counts that are shown: a linear programme.

Groups of several attributes add up to each other: intersections to their parts, a coarse attribute to a fine
one, all of them to the whole. With what the attributes mean, all that is shown can be added and
subtracted.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cxraudit.audits.cohort import Mask

GroupKey = tuple[str, str]
"""Attribute and group."""

TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Kinds:
    """The kinds of images there are: each a combination of groups, one per attribute."""

    members: Mapping[GroupKey, Mask]
    """Group → which kinds belong to it."""
    of_image: NDArray[np.intp]
    """Kind of every image of the cohort."""

    def sizes(self, units: Mask) -> NDArray[np.int64]:
        """Count some of the images by kind."""
        n_kinds = int(self.of_image.max()) + 1
        return np.bincount(self.of_image[units], minlength=n_kinds).astype(np.int64)


def kinds_of(everywhere: Mapping[GroupKey, Mask]) -> Kinds:
    """Divide the images of a cohort by the groups they belong to."""
    columns = np.array(list(everywhere.values()), dtype=bool)
    packed = np.packbits(columns, axis=0)
    _, first, of_image = np.unique(packed, axis=1, return_index=True, return_inverse=True)
    members = {key: columns[number, first] for number, key in enumerate(everywhere)}
    return Kinds(members, of_image.reshape(-1))


def most(
    wanted: GroupKey,
    shown: list[GroupKey],
    kinds: Kinds,
    sizes: NDArray[np.int64],
) -> tuple[float, list[GroupKey]]:
    """Return the most that a hidden group can count, and the shown groups that say so.

    Parameters
    ----------
    wanted : tuple of str
        The hidden group.
    shown : list of tuple of str
        Groups whose counts are shown; that of all images is, too.
    kinds : Kinds
        Of the cohort.
    sizes : numpy.ndarray of int, shape (n_kinds,)
        What is counted, by kind.
    """
    from scipy.optimize import linprog

    sums = np.vstack([np.ones(sizes.size), *(kinds.members[key] for key in shown)]).astype(float)
    found = linprog(
        -kinds.members[wanted].astype(float),
        A_eq=sums,
        b_eq=sums @ sizes,
        bounds=(0, None),
        method="highs",
    )
    if (
        found.status != 0 or found.fun is None
    ):  # without a bound, or not solved: the group has no limit
        return float("inf"), []
    weights = np.abs(np.asarray(found.eqlin.marginals))[1:]
    return -float(found.fun), [key for key, w in zip(shown, weights, strict=True) if w > TOLERANCE]
