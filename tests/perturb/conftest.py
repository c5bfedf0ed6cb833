"""Fixtures of the perturbations."""

import pytest
from PIL import Image

from cxraudit.images import read_image


@pytest.fixture
def image(nih_release) -> Image.Image:
    """A synthetic radiograph."""
    path = sorted((nih_release / "images").glob("*.png"))[0]
    return read_image(path).resize((200, 200))
