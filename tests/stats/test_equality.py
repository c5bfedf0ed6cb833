"""One test of several groups."""

import numpy as np
import pytest

from cxraudit.stats.compare import gap
from cxraudit.stats.equality import equality_test
from cxraudit.stats.ranking import ranking_replicates
from cxraudit.stats.replicated import Replicated
from cxraudit.stats.resampling import draw_resamples
from simulations.designs import Design

FEW_OR_MANY = Design(
    sizes=lambda rng: np.append(np.full(60, 1), np.full(60, 12)),
    fixed_groups=lambda sizes: (sizes == 1).astype(np.int64),
    prevalence=(0.3,),
)
"""One group has one image per patient, the other twelve."""
BY_IMAGE = Design(sizes=lambda rng: 1 + rng.poisson(3, 200), varies=True)
"""The group is that of an image."""


def areas(design: Design, seed: int, *, fall: float = 0.0) -> list[Replicated]:
    """The AUROC of each group of a cohort."""
    drawn = design.draw(np.random.default_rng(seed), gap=fall)
    cells = np.stack([drawn.groups == group for group in range(int(drawn.groups.max()) + 1)])
    counts = draw_resamples(int(drawn.patients.max()) + 1, 200, seed)
    found = ranking_replicates(
        drawn.y_true, drawn.y_score, drawn.patients, cells, counts, n_resamples=200
    )
    return [one.auroc for one in found]


def rejected(design: Design, seeds, *, fall: float = 0.0) -> float:
    """Share of cohorts in which the groups are found to differ."""
    return float(np.mean([equality_test(areas(design, seed, fall=fall)) <= 0.05 for seed in seeds]))


@pytest.mark.parametrize("design", [FEW_OR_MANY, BY_IMAGE], ids=["few or many", "by image"])
def test_equal_groups_are_seldom_found_to_differ(design):
    """Of 200 cohorts about 5 %; exchanging patients found 13 % where some have one and others twelve images."""
    assert rejected(design, range(200)) <= 0.085


def test_a_gap_between_views_is_found():
    """In most cohorts, as by the test of the gap; exchanging patients by their first image found 14 %."""
    assert rejected(BY_IMAGE, range(100), fall=0.15) >= 0.9


def test_two_groups_are_nearly_tested_as_their_gap():
    """Both are a t test on the logit scale; the errors of the sides are made larger each by itself."""
    for seed in range(10):
        sides = areas(BY_IMAGE, seed, fall=0.05)
        assert equality_test(sides) == pytest.approx(gap(*sides).p_value, abs=0.03)


def test_the_order_of_the_groups_does_not_matter():
    """Nor which neighbours are subtracted."""
    six = Design(sizes=lambda rng: 1 + rng.poisson(2, 500), shares=(0.3, 0.2, 0.2, 0.1, 0.1, 0.1))
    sides = areas(six, 3)

    assert equality_test(sides[::-1]) == pytest.approx(equality_test(sides), abs=1e-9)


def test_a_group_that_cannot_be_tested_is_left_out():
    """One that is ranked perfectly; and with fewer than two others there is no test."""
    first, second = areas(BY_IMAGE, 1)
    perfect = Replicated(np.ones_like(first.replicates), np.zeros_like(first.influence))

    assert equality_test([first, perfect, second]) == equality_test([first, second])
    assert np.isnan(equality_test([first, perfect]))
    assert np.isnan(equality_test([]))


def test_a_group_and_its_copy_cannot_be_told_apart():
    """Their difference has no error."""
    first, _ = areas(BY_IMAGE, 1)

    assert np.isnan(equality_test([first, first]))
