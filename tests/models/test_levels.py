"""Images in eight bits give a network the same input as images that were scaled before, bit for bit."""

import numpy as np
import pytest

import generated

torch = pytest.importorskip("torch")

from test_preprocessing import PIPELINES, adapter  # noqa: E402

from cxraudit.errors import DataError  # noqa: E402
from cxraudit.models import biovil  # noqa: E402
from cxraudit.models._torch.adapter import TorchImageAdapter, exact_products  # noqa: E402
from cxraudit.models._torch.levels import EightBitInput, levels_of, normalised_tones  # noqa: E402
from cxraudit.models._torch.pixels import (  # noqa: E402
    IMAGENET_MEAN,
    IMAGENET_STD,
    eight_bit,
    normalise,
    to_array,
)
from cxraudit.models.base import EightBitModel, ModelCard, model_input, stacked  # noqa: E402
from cxraudit.testing import check_model, sample_images  # noqa: E402

SIDE = 40
CARD = ModelCard(
    name="sum",
    summary="",
    weights="",
    license="",
    embedding_dim=3 * SIDE,
    image_size=SIDE,
    reference="",
    transform="",
    text_side=False,
)


class Rows(EightBitInput, TorchImageAdapter):
    """Its embeddings are the row sums of each channel of its input."""

    tones = normalised_tones(IMAGENET_MEAN, IMAGENET_STD)

    def levels(self, image):
        """Stretched to the side."""
        return levels_of(eight_bit(image).resize((SIDE, SIDE)))

    def image_features(self, batch):
        """Sums over columns."""
        return batch.sum(3).flatten(1)


class Scaled(TorchImageAdapter):
    """The same, with scaled input only."""

    image_features = Rows.image_features

    def preprocess(self, image):
        """Stretched to the side, divided by 255, normalised."""
        small = eight_bit(image).convert("RGB").resize((SIDE, SIDE))
        return normalise(to_array(small), IMAGENET_MEAN, IMAGENET_STD)


@pytest.mark.parametrize("kind", {kind: None for kind, _ in PIPELINES.values()})
def test_a_batch_of_levels_is_the_batch_of_scaled_images(kind):
    """Grey images, of one channel, beside those in colour."""
    model = adapter(kind, crop=480)
    images = sample_images(5)

    levels = stacked([model.levels(image) for image in images])

    assert levels.dtype == np.uint8
    found = model.network_input(torch.from_numpy(levels)).numpy()
    expected = np.stack([model.preprocess(image) for image in images])
    np.testing.assert_array_equal(found, expected)
    grey = model.levels(generated.image("g390x320"))
    assert grey.shape[0] == 1


def test_models_that_share_a_resize_are_not_given_another_image():
    """BioViL and BioViL-T, in turn and with images that replace one another."""
    both = [adapter(biovil.BioViL, crop=crop) for crop in (480, 448)]
    images = sample_images(4)
    alone = [[model.levels(image) for image in images] for model in both]

    for number in (0, 1, 0, 3, 2):
        for model, expected in zip(both, alone, strict=True):
            np.testing.assert_array_equal(model.levels(images[number].copy()), expected[number])
            np.testing.assert_array_equal(model.levels(images[number]), expected[number])


def test_a_model_takes_either():
    """With equal embeddings; one that takes only scaled images gets them."""
    options = {"fingerprint": "f", "device": "cpu"}
    model, other = (kind(CARD, torch.nn.Identity(), **options) for kind in (Rows, Scaled))
    images = sample_images(6)
    check_model(model)

    assert isinstance(model, EightBitModel)
    assert not isinstance(other, EightBitModel)
    taken = [[model_input(one, image) for image in images] for one in (model, other)]
    assert [{one.dtype for one in of_model} for of_model in taken] == [
        {np.dtype(np.uint8)},
        {np.dtype(np.float32)},
    ]
    rows = [
        one.encode_images(stacked(of_model))
        for one, of_model in zip((model, other), taken, strict=True)
    ]
    np.testing.assert_array_equal(*rows)
    np.testing.assert_array_equal(
        rows[0], model.encode_images(np.stack([model.preprocess(image) for image in images]))
    )


def test_scaling_first_is_a_fault_that_the_contract_finds():
    """Where levels are scaled in another way than images are."""

    class Twice(Rows):
        def network_input(self, levels):
            return 2 * super().network_input(levels) + 1

        def preprocess(self, image):
            return Rows.network_input(self, torch.from_numpy(self.levels(image))[None])[0].numpy()

    model = Twice(CARD, torch.nn.Identity(), fingerprint="f", device="cpu")
    with pytest.raises(AssertionError, match="whether images are scaled before"):
        check_model(model)


def test_a_batch_that_memory_does_not_hold_is_halved():
    """Until it fits, in order; a single image is refused in one sentence."""

    class Small(Rows):
        most = 3

        def image_features(self, batch):
            if len(batch) > self.most:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")
            return Rows.image_features(self, batch)

    options = {"fingerprint": "f", "device": "cpu"}
    small, large = (kind(CARD, torch.nn.Identity(), **options) for kind in (Small, Rows))
    images = stacked([small.levels(image) for image in sample_images(8)])

    np.testing.assert_array_equal(small.encode_images(images), large.encode_images(images))
    small.most = 0
    with pytest.raises(DataError, match=r"cannot embed an image on cpu .*out of memory"):
        small.encode_images(images)


def test_products_on_a_gpu_are_those_of_single_precision():
    """Settings are as before afterwards, also after an error."""
    cudnn, cublas = torch.backends.cudnn, torch.backends.cuda.matmul
    before = cudnn.allow_tf32, cublas.allow_tf32
    cudnn.allow_tf32 = True

    def allowed():
        return cudnn.allow_tf32, cublas.allow_tf32

    def fails():
        with exact_products("cuda"):
            inside.append(allowed())
            raise ZeroDivisionError

    inside = []
    with pytest.raises(ZeroDivisionError):
        fails()
    assert inside == [(False, False)]
    assert cudnn.allow_tf32
    with exact_products("cpu"):
        assert cudnn.allow_tf32

    cudnn.allow_tf32, cublas.allow_tf32 = before
