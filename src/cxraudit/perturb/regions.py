"""Regions of an image removed, or kept alone: where a model has to look.

What is removed is filled smoothly from its border: the fill depends on the remaining pixels and on the shape
of the region, and on nothing that was inside. A flat fill would be an object with sharp edges that no
radiograph has. The outline of a region stays visible, faintly, and can say something itself: of an enlarged
heart, say. Boxes hide it, and ``outline`` shows it alone.

Every removal has a **control**: a region of exactly the same number of pixels elsewhere in the same image,
which does not overlap the region and lies where the image shows something. It has the same shape, shifted, if
there is room, else a random smooth one. What an image loses by the removal of just any region of this size is
what the control loses.

=============  =======================================================================================
region         pixels
=============  =======================================================================================
lungs, heart   of the mask
lung-box       the smallest upright box around both lungs
wider-lungs    both lungs and what is within `MARGIN` of the shorter side of the image
narrower-lungs the part of both lungs that is further than that from their border
others         of a mask with this name
=============  =======================================================================================
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from cxraudit.errors import NotAppliedError, UnknownNameError
from cxraudit.images import to_grey
from cxraudit.masks import BOX, DERIVED, HEART, LUNGS, WIDER, Mask, Masks
from cxraudit.perturb.anatomy import find_content
from cxraudit.schema import control_of
from cxraudit.streams import named_generator

VERSION = 1
"""Version of the perturbations, part of the fingerprint."""

MARGIN = 0.05
"""Share of the shorter side of the image by which lungs are made wider and narrower."""
WITHOUT, ONLY, OUTLINE = "without", "only", "outline"
"""What is done: the region is removed, everything else is, or only its outline is shown."""
ALL = "all"
"""In place of names of perturbations: those of `default_names`."""
OUTLINE_LEVELS = (64, 192)
"""Grey levels inside and outside of an outline."""

_KEPT_ALONE = (LUNGS, BOX)
"""Regions of which ``only`` is among the default perturbations."""
_GRID = 64
"""Cells along the longer side, in which shifts are tried."""
_FINE = 512
"""Cells along the longer side, on which distances are measured."""
_LOBES = 6
"""Cells along a side of the noise that a random region is made of."""


@dataclass(frozen=True, slots=True)
class RegionPerturbation:
    """One perturbation of one region, which is called with an image and its image_id."""

    action: str
    """`WITHOUT`, `ONLY` or `OUTLINE`."""
    region: str
    masks: Masks
    control: bool = False
    """Whether a region of the same size elsewhere takes the place of the region."""
    seed: int = 0

    @property
    def name(self) -> str:
        """Name of the perturbation in tables."""
        name = f"{self.action}-{self.region}"
        return control_of(name) if self.control else name

    def fingerprint(self, image_ids: Iterable[str]) -> str:
        """Return all that a perturbed image depends on besides the image and its id."""
        needed = LUNGS if self.region in DERIVED else self.region
        masks = self.masks.fingerprint(image_ids, [needed])
        return f"{self.name}, seed {self.seed}, masks {masks}, version {VERSION}"

    def __call__(self, image: Image.Image, image_id: str) -> Image.Image:
        """Return the perturbed image in 8-bit grey, of the same size.

        Raises
        ------
        NotAppliedError
            If the image has no mask of the region that can be used, the region is all of the image, or there
            is no room for its control.
        """
        grey = to_grey(image)
        region = self.mask(grey, image_id)
        levels = np.asarray(grey)
        if self.action == OUTLINE:
            inside, outside = OUTLINE_LEVELS
            return Image.fromarray(np.where(region, inside, outside).astype(np.uint8))
        removed = region if self.action == WITHOUT else ~region
        return Image.fromarray(filled(levels, removed))

    def mask(self, grey: Image.Image, image_id: str) -> Mask:
        """Return the region of an image, or its control."""
        region = self.region_in(image_id, grey.size)
        if not self.control:
            return region
        # Perturbations of one region share its control.
        rng = named_generator(self.seed, image_id, f"control of {self.region}")
        return elsewhere(region, find_content(grey), rng)

    def region_in(self, image_id: str, size: tuple[int, int]) -> Mask:
        """Return the region of an image of some width and height.

        Raises
        ------
        NotAppliedError
            If the image has no mask of the region that can be used, or the region is all of the image.
        """
        region = self._region(image_id, size)
        if region.all():
            raise NotAppliedError(f"the region '{self.region}' is all of the image")
        return region

    def _region(self, image_id: str, size: tuple[int, int]) -> Mask:
        if self.region not in DERIVED:
            return self.masks.of(image_id, self.region, size)
        lungs = self.masks.of(image_id, LUNGS, size)
        if lungs.all():
            raise NotAppliedError(f"the region '{LUNGS}' is all of the image")
        if self.region == BOX:
            return _box(lungs)
        reach = MARGIN * min(size)
        if self.region == WIDER:
            return lungs | (_depth(~lungs) <= reach)
        inner = lungs & (_depth(lungs) > reach)
        if not inner.any():
            raise NotAppliedError(f"nothing is left of the lungs {MARGIN:.0%} within their border")
        return inner


def region_perturbations(
    names: Sequence[str] | None, masks: Masks, *, seed: int = 0
) -> list[RegionPerturbation]:
    """Return perturbations by name, each with its control.

    Parameters
    ----------
    names : sequence of str, optional
        ``without-REGION``, ``only-REGION`` or ``outline-REGION``, or `ALL` (default): those of
        `default_names`.
    masks : Masks
        The regions of the images.
    seed : int
        Seed of the places of controls.

    Raises
    ------
    UnknownNameError
        If there is no such perturbation, or no image has a mask of the region.
    """
    possible = {
        f"{action}-{region}": (action, region)
        for region in available(masks)
        for action in (WITHOUT, ONLY, OUTLINE)
    }
    found: list[RegionPerturbation] = []
    named = [ALL] if names is None else names
    chosen = [one for name in named for one in (default_names(masks) if name == ALL else [name])]
    for name in dict.fromkeys(chosen):
        if name not in possible:
            raise UnknownNameError(
                f"region perturbation by the masks of {masks.source}", name, [ALL, *possible]
            )
        action, region = possible[name]
        found.append(RegionPerturbation(action, region, masks, seed=seed))
        if action != OUTLINE:
            found.append(RegionPerturbation(action, region, masks, control=True, seed=seed))
    return found


def available(masks: Masks) -> list[str]:
    """Return the regions that can be perturbed, those made of the lungs among them."""
    given = list(masks.regions)
    return [*given, *(DERIVED if LUNGS in given else ())]


def default_names(masks: Masks) -> list[str]:
    """Return the default names: each region removed, lungs and their box also kept alone.

    A single lung is part of both, and no default.
    """
    regions = [name for name in available(masks) if name not in ("left-lung", "right-lung")]
    first = [name for name in (LUNGS, HEART, *DERIVED) if name in regions]
    ordered = [*first, *(name for name in regions if name not in first)]
    return [
        *(f"{WITHOUT}-{name}" for name in ordered),
        *(f"{ONLY}-{name}" for name in _KEPT_ALONE if name in regions),
        *([f"{OUTLINE}-{LUNGS}"] if LUNGS in regions else []),
    ]


def _depth(mask: Mask) -> NDArray[np.float32]:
    """Return how many pixels each pixel lies within a mask, measured on a grid of at most `_FINE` cells."""
    cell = ceil(max(mask.shape) / _FINE)
    depth = ndimage.distance_transform_edt(mask[cell // 2 :: cell, cell // 2 :: cell]) * cell
    picture = Image.fromarray(depth.astype(np.float32))
    return np.asarray(picture.resize(mask.shape[::-1], Image.Resampling.BILINEAR))


def _box(mask: Mask) -> Mask:
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    box = np.zeros_like(mask)
    box[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
    return box


def filled(levels: NDArray[np.uint8], removed: Mask) -> NDArray[np.uint8]:
    """Return an image in which some pixels are replaced by a smooth continuation of all others.

    Each removed pixel is the mean of remaining ones around it, over the smallest square of a pyramid that has
    some, interpolated between squares (push–pull, Gortler et al. 1996). What was there has no influence.

    Parameters
    ----------
    levels : numpy.ndarray of uint8, shape (height, width)
        The image, which is not changed.
    removed : numpy.ndarray of bool, same shape
        Not all of the image.
    """
    values, known = np.where(removed, 0, levels).astype(np.float32), (~removed).astype(np.float32)
    pyramid = [(values, known)]
    while not known.all() and max(known.shape) > 1:
        values, known = _halved(values), _halved(known)
        values = (values / np.maximum(known, 1)).astype(np.float32)
        known = np.minimum(known, 1)
        pyramid.append((values, known))
    values, known = pyramid.pop()
    smooth = (values / np.maximum(known, 1e-6)).astype(np.float32)
    for values, known in reversed(pyramid):
        larger = Image.fromarray(smooth).resize(values.shape[::-1], Image.Resampling.BILINEAR)
        smooth = (values + (1 - known) * np.asarray(larger)).astype(np.float32)
    result = levels.copy()
    result[removed] = np.clip(np.rint(smooth[removed]), 0, 255).astype(np.uint8)
    return result


def _halved(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return sums of 2 × 2 pixels."""
    height, width = plane.shape
    even = np.pad(plane, ((0, height % 2), (0, width % 2)))
    return even.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2).sum(axis=(1, 3))


def elsewhere(region: Mask, content: Mask, rng: np.random.Generator) -> Mask:
    """Return a region of the same number of pixels elsewhere.

    Parameters
    ----------
    region : numpy.ndarray of bool
        The region.
    content : numpy.ndarray of bool, same shape
        Where the image shows something.
    rng : numpy.random.Generator
        Which of the possible places is taken.

    Raises
    ------
    NotAppliedError
        If what the image shows outside of the region is smaller than it.
    """
    allowed = content & ~region
    if allowed.sum() < region.sum():
        raise NotAppliedError(
            "there is no room elsewhere in the image for a region of the same size"
        )
    shifted = _shifted(region, allowed, rng)
    return _random(region, allowed, rng) if shifted is None else shifted


def _shifted(region: Mask, allowed: Mask, rng: np.random.Generator) -> Mask | None:
    """Return the region moved to a place where all of it is allowed; None if there is none."""
    cell = ceil(max(region.shape) / _GRID)
    coarse, blocked = _any_of(region, cell, beyond=False), _any_of(~allowed, cell, beyond=True)
    height, width = coarse.shape
    around = np.ones((3 * height, 3 * width))
    around[height : 2 * height, width : 2 * width] = blocked
    of_region = np.zeros_like(around)
    of_region[:height, :width] = coarse
    # How many blocked cells the region covers, where its corner is at each cell.
    covered = np.fft.irfft2(np.fft.rfft2(around) * np.conj(np.fft.rfft2(of_region)), around.shape)
    rows, columns = np.nonzero(np.rint(covered[: 2 * height, : 2 * width]) == 0)
    if not rows.size:
        return None
    taken = int(rng.integers(rows.size))
    down, across = (int(rows[taken]) - height) * cell, (int(columns[taken]) - width) * cell
    y, x = np.nonzero(region)
    moved = np.zeros_like(region)
    moved[y + down, x + across] = True
    return moved


def _any_of(mask: Mask, cell: int, *, beyond: bool) -> Mask:
    """Return whether any pixel of each square cell is set; `beyond` is what pixels outside are."""
    height, width = mask.shape
    padded = np.pad(mask, ((0, -height % cell), (0, -width % cell)), constant_values=beyond)
    shape = (padded.shape[0] // cell, cell, padded.shape[1] // cell, cell)
    return np.asarray(padded.reshape(shape).any(axis=(1, 3)), dtype=bool)


def _random(region: Mask, allowed: Mask, rng: np.random.Generator) -> Mask:
    """Return the allowed pixels with the highest smooth noise, as many as the region has."""
    height, width = region.shape
    noise = Image.fromarray(rng.normal(size=(_LOBES, _LOBES)).astype(np.float32))
    levels = np.asarray(noise.resize((width, height), Image.Resampling.BICUBIC))
    places = np.flatnonzero(allowed)
    n = int(region.sum())
    highest = np.argpartition(levels.ravel()[places], places.size - n)[places.size - n :]
    found = np.zeros(region.size, dtype=bool)
    found[places[highest]] = True
    return found.reshape(region.shape)
