"""The contract checks for plug-in authors."""

import numpy as np
import pytest

from cxraudit.models.random import RandomModel
from cxraudit.testing import check_model


def test_violations_of_the_model_contract_are_detected():
    """Rows that are not unit, that depend on the batch, or have the wrong type."""

    class NotUnit(RandomModel):
        def encode_images(self, pixels):
            return super().encode_images(pixels) * 2

    class DependsOnBatch(RandomModel):
        def encode_images(self, pixels):
            rows = super().encode_images(pixels) + 0.1 * pixels.mean() / 255
            return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    class Float64(RandomModel):
        def encode_texts(self, texts):
            return super().encode_texts(texts).astype(np.float64)

    for broken, match in (
        (NotUnit(), "unit norm"),
        (DependsOnBatch(), "depend on"),
        (Float64(), "float32"),
    ):
        with pytest.raises(AssertionError, match=match):
            check_model(broken)
