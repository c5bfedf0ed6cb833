"""Which counts are small, and which other groups have to be hidden with a small one."""

from collections.abc import Callable, Collection, Iterable

from cxraudit.datasets.base import NO_GROUP

Counts = tuple[int, ...]
"""Patients first; then whatever else can be read or worked out of the rows of a group."""


def is_small(counts: Iterable[int], below: int) -> bool:
    """Tell whether one of some counts is small; zero is not.

    Examples
    --------
    >>> is_small((40, 3), 11), is_small((40, 0), 11), is_small((11, 12), 11)
    (True, False, False)
    """
    return any(0 < count < below for count in counts)


def completed(
    names: Collection[str],
    hidden: Collection[str],
    counts: Callable[[Collection[str]], Counts],
    below: int,
) -> set[str]:
    """Return the groups of an attribute to hide so that those in `hidden` cannot be worked out.

    A hidden group is all patients minus the groups that are shown. So at least one more group is hidden,
    the smallest first, until all hidden groups together are not small, neither are those of them that
    are known, and nothing is left to be compared with a small rest.

    Parameters
    ----------
    names : collection of str
        All groups of the attribute; unknown and conflicting ones may be among them.
    hidden : collection of str
        Groups that have to be hidden.
    counts : callable
        Groups → the counts of their images together.
    below : int
        Smaller counts are small.

    Examples
    --------
    >>> sizes = {"a": 5, "b": 20, "c": 300}
    >>> sorted(completed(sizes, ["a"], lambda some: (sum(sizes[g] for g in some),), 11))
    ['a', 'b']
    """
    found = set(hidden)
    known = [name for name in names if name not in NO_GROUP]
    while found:
        beside_little = {
            name
            for name in known
            if name not in found
            and is_small(counts([other for other in known if other != name]), below)
        }
        if beside_little:
            found |= beside_little
            continue
        own = found.intersection(known)
        if (
            own
            and len(found) > 1
            and not any(is_small(counts(part), below) for part in (found, own))
        ):
            break
        shown = [name for name in known if name not in found and any(counts([name]))]
        if not shown:
            return set(names)
        found.add(min(shown, key=lambda name: (counts([name]), name)))
    return found
