"""Every model gets the same image from a file of 16 bits that uses 8 to 15 of them as from all 16."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch")

from image_files import png

from cxraudit.images import ImageNote, decode_image
from cxraudit.models import (
    biomedclip,
    biovil,
    chexzero,
    cxrclip,
    grey_levels,
    medclip,
    medimageinsight,
    phantom_clip,
    random,
)
from generated import image

ADAPTERS = {
    "biomedclip": biomedclip.BiomedClip,
    "biovil": biovil.BioViL,
    "chexzero": chexzero.CheXzero,
    "chexzero@paper": chexzero.CheXzeroPaper,
    "cxrclip": cxrclip.CxrClip,
    "medclip": medclip.MedClip,
    "medimageinsight": medimageinsight.MedImageInsight,
    "phantom-clip": phantom_clip.PhantomClipModel,
    "random": random.RandomModel,
    "grey-levels": grey_levels.GreyLevels,
}


def model(name):
    """An adapter without weights, which preprocessing does not need."""
    return object.__new__(ADAPTERS[name])


@pytest.fixture(scope="module")
def share():
    """Grey levels from 0 to 1 of a picture, with both ends."""
    values = np.asarray(image("g390x320"), dtype=float)
    return (values - values.min()) / np.ptp(values)


def decoded(share, bits):
    """A PNG of 16 bits that uses some of them."""
    values = np.rint(share * (2**bits - 1)).astype(np.uint16)
    return decode_image(png(values[..., None], bits=16, filters=(0,), level=1), Path("a.png"))


@pytest.mark.parametrize("name", ADAPTERS)
@pytest.mark.parametrize("bits", [10, 12, 14])
def test_a_model_gets_the_image_of_the_bits_used(share, name, bits):
    """As from 8 bits, to one grey level before the resampling; a sixteenth of the range before."""
    found = decoded(share, bits)
    eight = Image.fromarray(np.rint(share * 255).astype(np.uint8))
    pixels, expected = (model(name).preprocess(one) for one in (found.image, eight))

    assert found.notes == (ImageNote.FEW_BITS,)
    if name == "grey-levels":  # shares of pixels at each level, which rounding moves by one level
        pixels, expected = (np.cumsum(one) for one in (pixels, expected))
        assert np.abs(pixels - expected).max() < 0.02
    else:
        # Of the whole range of the input, two grey levels.
        assert np.abs(pixels - expected).max() <= 2.5 / 255 * np.ptp(expected)


@pytest.mark.parametrize("name", ADAPTERS)
def test_all_sixteen_bits_reach_a_model_as_they_are(share, name):
    """The decoder changes nothing, so neither does the input of a model."""
    values = np.rint(share * 65535).astype(np.uint16)
    pixels = model(name).preprocess(decoded(share, 16).image)

    np.testing.assert_array_equal(pixels, model(name).preprocess(Image.fromarray(values)))
