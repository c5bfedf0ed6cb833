"""Pictures whose mask is in their transparency are read as what is seen of them."""

import numpy as np
import pytest
from PIL import Image

from cxraudit.masks.pictures import Picture

INSIDE = np.zeros((6, 8), dtype=bool)
INSIDE[1:4, 2:5] = True
WHITE = np.full(INSIDE.shape, 255, dtype=np.uint8)
BLACK = np.zeros_like(WHITE)
AS_LEVELS = np.where(INSIDE, WHITE, BLACK)


@pytest.mark.parametrize(
    ("colour", "alpha"),
    [
        (WHITE, AS_LEVELS),
        (BLACK, AS_LEVELS),
        (AS_LEVELS, WHITE),
        (AS_LEVELS, AS_LEVELS),
    ],
    ids=["white, mask in alpha", "black, mask in alpha", "opaque", "both"],
)
@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_the_mask_is_what_is_seen(tmp_path, colour, alpha, mode):
    """Whether colour or transparency draws it."""
    channels = [colour] * (len(mode) - 1) + [alpha]
    Image.merge(mode, [Image.fromarray(one) for one in channels]).save(tmp_path / "a_lungs.png")

    np.testing.assert_array_equal(Picture(tmp_path / "a_lungs.png").read(), INSIDE)


def test_a_black_opaque_picture_is_an_empty_mask(tmp_path):
    """Its transparency says nothing."""
    channels = [Image.fromarray(BLACK)] * 3 + [Image.fromarray(WHITE)]
    Image.merge("RGBA", channels).save(tmp_path / "a_lungs.png")

    assert not Picture(tmp_path / "a_lungs.png").read().any()
