"""Perturbations of regions: nothing of what is removed is left, nothing else changes, and controls are as large."""

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cxraudit import datasets
from cxraudit.errors import NotAppliedError, UnknownNameError
from cxraudit.images import read_image
from cxraudit.masks import Masks, read_masks
from cxraudit.masks.run_lengths import encode
from cxraudit.masks.tables import RunLengths
from cxraudit.perturb.regions import default_names, elsewhere, filled, region_perturbations
from cxraudit.phantom.regions import drawn_masks
from cxraudit.schema import control_of
from cxraudit.streams import named_generator


@pytest.fixture(scope="module")
def drawn(nih_release):
    """Masks of synthetic radiographs, and their images."""
    dataset = datasets.load("nih-cxr14", nih_release)
    files = map(Path, dataset.images["path"])
    paths = dict(zip(dataset.images["image_id"], files, strict=True))
    return drawn_masks(dataset), paths


def masks_of(**regions):
    """Return the masks of one image, ``a``."""
    stored = {
        name.replace("_", "-"): RunLengths(encode(mask), mask.shape[::-1])
        for name, mask in regions.items()
    }
    return Masks("a test", {"a": stored})


def example(size=(50, 41)):
    """Return an image of noise, and a region in it."""
    rng = np.random.default_rng(0)
    levels = rng.integers(0, 256, size, dtype=np.uint8)
    region = np.zeros(size, dtype=bool)
    region[12:25, 8:20] = True
    region[16:19, 10:12] = False
    return levels, region


def test_edits_change_nothing_outside_of_what_they_remove(drawn):
    """Every default perturbation of synthetic radiographs, bit by bit; a control removes as many pixels."""
    masks, paths = drawn
    n_applied = 0
    for image_id in list(paths)[:12]:
        image = read_image(paths[image_id])
        before = np.asarray(image)
        for perturbation in region_perturbations(None, masks):
            if perturbation.action == "outline":
                continue
            try:
                region = perturbation.mask(image, image_id)
                after = np.asarray(perturbation(image, image_id))
            except NotAppliedError:
                continue
            n_applied += 1
            kept = ~region if perturbation.action == "without" else region
            assert (after[kept] == before[kept]).all()
            if perturbation.control:
                (own,) = (
                    e
                    for e in region_perturbations(
                        [f"{perturbation.action}-{perturbation.region}"], masks
                    )
                    if not e.control
                )
                target = own.mask(image, image_id)
                assert region.sum() == target.sum()
                assert not (region & target).any()
    assert n_applied > 100


@pytest.mark.parametrize("action", ["without", "only"])
def test_nothing_of_what_is_removed_is_left(action):
    """Whatever was there, the result is the same."""
    levels, region = example()
    (perturbation, _) = region_perturbations([f"{action}-tube"], masks_of(tube=region))
    removed = region if action == "without" else ~region
    other = np.where(removed, 255 - levels, levels)

    results = [np.asarray(perturbation(Image.fromarray(one), "a")) for one in (levels, other)]

    assert (results[0] == results[1]).all()
    assert not (results[0][removed] == levels[removed]).all()


def test_the_fill_continues_its_surroundings():
    """A constant image stays one; the fill lies between the levels around it, and is smooth."""
    region = example()[1]
    flat = np.full(region.shape, 93, dtype=np.uint8)
    ramp = np.tile(np.linspace(50, 200, region.shape[1]).astype(np.uint8), (region.shape[0], 1))

    assert (filled(flat, region) == 93).all()
    found = filled(ramp, region).astype(float)
    assert 50 <= found.min() <= found.max() <= 200
    assert np.abs(np.diff(found, axis=1)).max() < 40
    assert np.abs(found - ramp)[region].mean() < 15


@pytest.mark.parametrize("share", [0.02, 0.2, 0.45])
def test_controls_are_as_large_and_elsewhere(share):
    """Small regions keep their shape; large ones become another; both lie where the image shows something."""
    content = np.zeros((90, 130), dtype=bool)
    content[5:85, 5:125] = True
    side = int(np.sqrt(share * content.sum()))
    region = np.zeros_like(content)
    region[10 : 10 + side, 10 : 10 + side] = True

    found = [elsewhere(region, content, named_generator(0, f"image {k}")) for k in range(8)]

    for one in found:
        assert one.sum() == region.sum()
        assert not (one & region).any()
        assert not (one & ~content).any()
        if share == 0.02:
            y, x = one.nonzero()
            assert np.ptp(y) + 1 == np.ptp(x) + 1 == side
    assert len({one.tobytes() for one in found}) > 4


def test_there_is_no_control_where_there_is_no_room():
    """A region of more than half of the image."""
    region = np.ones((20, 20), dtype=bool)
    region[:, :9] = False

    with pytest.raises(NotAppliedError, match="no room elsewhere"):
        elsewhere(region, np.ones_like(region), named_generator(0))


def test_an_edited_image_depends_on_image_id_and_seed_only(drawn):
    """Not on the order of images or perturbations; controls lie elsewhere for another seed or id."""
    masks, paths = drawn
    first, second = list(paths)[:2]
    image = read_image(paths[first])
    (_, perturbation) = region_perturbations(["without-heart"], masks)
    before = perturbation(image, first).tobytes()
    perturbation(read_image(paths[second]), second)

    assert perturbation(image, first).tobytes() == before
    (_, other) = region_perturbations(["without-heart"], masks, seed=1)
    assert other(image, first).tobytes() != before


def test_wider_and_narrower_lungs_hold_and_are_held_by_the_lungs(drawn):
    """And the box holds both."""
    masks, paths = drawn
    image_id = next(iter(paths))
    image = read_image(paths[image_id])
    wider, narrower, box, lungs = (
        region_perturbations([f"without-{name}"], masks)[0].mask(image, image_id)
        for name in ("wider-lungs", "narrower-lungs", "lung-box", "lungs")
    )

    assert (wider >= lungs).all()
    assert (lungs >= narrower).all()
    assert (box >= lungs).all()
    assert wider.sum() > lungs.sum() > narrower.sum() > 0


def test_every_edit_has_a_control_but_the_outline():
    """And a name says what is done to what."""
    region = example()[1]
    masks = masks_of(left_lung=region, right_lung=region[:, ::-1].copy(), tube=region)

    names = [perturbation.name for perturbation in region_perturbations(None, masks)]

    plain = [f"without-{r}" for r in ("lungs", "lung-box", "wider-lungs", "narrower-lungs", "tube")]
    plain += ["only-lungs", "only-lung-box"]
    assert default_names(masks) == [*plain, "outline-lungs"]
    assert names == [one for name in plain for one in (name, control_of(name))] + ["outline-lungs"]


@pytest.mark.parametrize("name", ["without-hart", "lungs", "control-without-lungs", "<b>", ""])
def test_unknown_edits_are_refused(name):
    """By name, with the ones there are."""
    with pytest.raises(UnknownNameError, match="region perturbation"):
        region_perturbations([name], masks_of(lungs=example()[1]))


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "I;16", "1"])
def test_images_of_every_mode_are_edited(mode):
    """As 8-bit grey of the same size."""
    levels, region = example()
    image = Image.fromarray(levels)
    image = (
        Image.fromarray(levels.astype(np.uint16) * 257) if mode == "I;16" else image.convert(mode)
    )

    for perturbation in region_perturbations(None, masks_of(lungs=region)):
        if perturbation.region != "narrower-lungs":
            perturbed = perturbation(image, "a")
            assert (perturbed.mode, perturbed.size) == ("L", image.size)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (2, 3)])
def test_tiny_images_are_edited_or_left_out(size):
    """None fails in another way."""
    region = np.zeros(size[::-1], dtype=bool)
    region.ravel()[0] = True
    for perturbation in region_perturbations(None, masks_of(lungs=region)):
        with suppress(NotAppliedError):
            assert perturbation(Image.new("L", size, 9), "a").size == size


def test_drawn_masks_are_where_lungs_heart_and_drain_are_drawn(drawn):
    """Lungs are darker than the heart; the drain is masked in the images that have one."""
    masks, paths = drawn
    for image_id in list(paths)[:8]:
        levels = np.asarray(read_image(paths[image_id]))
        lungs, heart, left, right = (
            masks.of(image_id, name, levels.shape[::-1])
            for name in ("lungs", "heart", "left-lung", "right-lung")
        )
        assert levels[lungs].mean() + 20 < levels[heart].mean()
        assert (lungs & heart).sum() < 0.2 * heart.sum()
        assert left.nonzero()[1].mean() > right.nonzero()[1].mean()
    assert "drain" in masks.regions


def test_most_of_a_drawn_drain_lies_within_the_drawn_lungs(drawn):
    """And a part of it does not: removing the lungs leaves that part."""
    masks, paths = drawn
    outside = []
    for image_id in paths:
        if "drain" in masks.images[image_id]:
            drain = masks.of(image_id, "drain", (64, 64))
            outside.append((drain & ~masks.of(image_id, "lungs", (64, 64))).sum() / drain.sum())

    assert 0.1 < np.mean(outside) < 0.5


def test_real_radiographs_are_edited_with_a_synthetic_mask(real_data):
    """A smoke test only: these images have no masks of their own."""
    files = sorted((real_data / "nih_images" / "256px").glob("*.png"))[:6]
    y, x = np.mgrid[:256, :256] / 256
    lungs = (((x - 0.3) / 0.15) ** 2 + ((y - 0.45) / 0.3) ** 2 < 1) | (
        ((x - 0.7) / 0.15) ** 2 + ((y - 0.45) / 0.3) ** 2 < 1
    )
    for file in files:
        image = read_image(file)
        masks = Masks("a test", {file.stem: {"lungs": RunLengths(encode(lungs), (256, 256))}})
        for perturbation in region_perturbations(["without-lungs", "only-lungs"], masks):
            perturbed = np.asarray(perturbation(image, file.name))
            assert (perturbed != np.asarray(image)).any()


def test_real_masks_leave_room_for_controls(real_data):
    """Of the lungs, and of the heart, of all 48 masks that are good enough."""
    file = real_data / "chexmask" / "ChestX-Ray8_50_masks.csv"
    if not file.is_file():
        pytest.skip("no masks among the real data")
    masks = read_masks(file)
    levels = np.random.default_rng(0).integers(0, 256, (128, 128), dtype=np.uint8)
    image = Image.fromarray(levels)
    for perturbation in region_perturbations(["without-lungs", "without-heart"], masks):
        for name in masks.images:
            assert perturbation.mask(image, name).any()
