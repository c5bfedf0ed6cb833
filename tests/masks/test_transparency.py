"""Pictures whose mask is in their transparency are read as what is seen of them."""

import numpy as np
import pytest
from PIL import Image

from cxraudit.errors import NotAppliedError
from cxraudit.masks import read_masks
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


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_colour_and_transparency_that_disagree_are_refused(tmp_path, mode):
    """Nothing says which of them is the mask; one within the other is no agreement, either."""
    channels = [AS_LEVELS] * (len(mode) - 1) + [AS_LEVELS.T.copy().reshape(AS_LEVELS.shape)]
    Image.merge(mode, [Image.fromarray(one) for one in channels]).save(tmp_path / "a_lungs.png")
    masks = read_masks(tmp_path)

    with pytest.raises(NotAppliedError, match="colours and its transparency draw different masks"):
        masks.of("a", "lungs", (8, 6))
    assert masks.notices == ()


def test_masks_by_transparency_are_told(tmp_path):
    """Those by colour are not."""
    for name, colour, alpha in (("a", WHITE, AS_LEVELS), ("b", AS_LEVELS, WHITE)):
        picture = Image.merge("LA", [Image.fromarray(one) for one in (colour, alpha)])
        picture.save(tmp_path / f"{name}_lungs.png")

    (notice,) = read_masks(tmp_path).notices

    assert notice.count == 1
    assert "by their transparency" in notice.sentence
    assert "a_lungs.png" in notice.sentence
    assert "a_lungs.png" not in notice.hidden


def test_a_black_opaque_picture_is_an_empty_mask(tmp_path):
    """Its transparency says nothing."""
    channels = [Image.fromarray(BLACK)] * 3 + [Image.fromarray(WHITE)]
    Image.merge("RGBA", channels).save(tmp_path / "a_lungs.png")

    assert not Picture(tmp_path / "a_lungs.png").read().any()
