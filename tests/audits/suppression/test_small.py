"""What has to be hidden with a small group."""

import pytest

from cxraudit.audits.suppression.small import completed, is_small


def hidden_of(sizes: dict[str, tuple[int, ...]], below: int = 11) -> set[str]:
    """Hide the small groups of some sizes, and what has to go with them."""

    def together(names) -> tuple[int, ...]:
        return tuple(map(sum, zip(*(sizes[name] for name in names), strict=True)))

    small = [name for name, size in sizes.items() if is_small(size, below)]
    zero = (0,) * len(next(iter(sizes.values())))
    return completed(sizes, small, lambda names: together(names) if names else zero, below)


@pytest.mark.parametrize(
    ("sizes", "hidden"),
    [
        ({"a": 300, "b": 200}, ""),
        ({"a": 300, "b": 0}, ""),
        ({"a": 300, "b": 10}, "a b"),
        ({"a": 300, "b": 200, "c": 4}, "b c"),
        ({"a": 300, "b": 200, "c": 4, "d": 5}, "b c d"),
        ({"a": 300, "b": 200, "c": 4, "d": 8}, "c d"),
        ({"a": 300, "b": 200, "unknown": 4}, "b unknown"),
        ({"a": 300, "b": 4, "unknown": 40}, "a b"),
        ({"a": 300, "b": 4, "unknown": 4}, "a b unknown"),
        ({"a": 300, "unknown": 4}, "a unknown"),
        ({"a": 300, "b": 4, "c": 0}, "a b"),
        ({"a": 300, "b": 1, "conflicting": 2}, "a b conflicting"),
    ],
)
def test_a_small_group_is_hidden_with_as_few_others_as_protect_it(sizes, hidden):
    """Two at least, one of them known, and together not small; nothing is left beside a small rest."""
    assert hidden_of({name: (size,) for name, size in sizes.items()}) == set(hidden.split())


def test_every_count_of_a_group_is_protected():
    """Group c protects the patients of a, but not its patients with the finding."""
    sizes = {"a": (9, 3), "b": (300, 90), "c": (20, 5), "d": (400, 100)}

    assert hidden_of(sizes) == {"a", "b", "c"}


def test_one_and_zero_hide_nothing():
    """No count is below 1 but none."""
    assert not is_small((0, 1, 2), 1)
    assert not is_small((0, 1, 2), 0)
