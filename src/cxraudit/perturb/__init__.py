"""Images changed on purpose: what happens to a score when only this is different.

Two kinds. A **counterfactual** adds (or takes away) what a model may lean on and nothing else; its
control, the *sham*, changes as many pixels by as much, elsewhere and in another shape. A **corruption**
is what images really suffer, in five severities.

Every edit is a function of (image, image_id, seed): the same image is changed in the same way in every
run and for every model, and a severity differs from the next in strength only.
"""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cxraudit.errors import UnknownNameError
from cxraudit.images import to_grey
from cxraudit.perturb.corruptions import CORRUPTIONS, SEVERITIES
from cxraudit.perturb.devices import draw_drain, draw_sham

Grey = NDArray[np.float32]
"""An image, shape (height, width), 0 black to 1 white."""

VERSION = 1
"""Of the renderers: a higher number refuses images edited by older ones."""

UNEDITED = "unedited"
"""The image as grey levels, through the same steps as edited ones: what they are compared with."""

DEVICES: dict[str, Callable[[Grey, np.random.Generator], Grey]] = {
    "drain": draw_drain,
    "sham": draw_sham,
}


@dataclass(frozen=True, slots=True)
class ImageEdit:
    """One way to change images; see `cxraudit.encode.encode_images`."""

    name: str
    severity: int
    """1 to 5; 0 for what has no severity."""
    seed: int = 0

    @property
    def folder(self) -> str:
        """Name of the folder for what was made with it."""
        return f"{self.name}-{self.severity}" if self.severity else self.name

    @property
    def fingerprint(self) -> str:
        """All that an edited image depends on, besides the image."""
        return f"{self.name}, severity {self.severity}, seed {self.seed}, version {VERSION}"

    def __call__(self, image: Image.Image, image_id: str) -> Image.Image:
        """Return the image as 8-bit grey, changed."""
        grey = to_grey(image)
        if self.name == UNEDITED:
            return grey
        # A drain and its sham begin with the same numbers, so that they change as much.
        stream = "device" if self.name in DEVICES else self.name
        rng = np.random.default_rng([self.seed, _number(image_id), _number(stream)])
        if self.name in CORRUPTIONS:
            return CORRUPTIONS[self.name](grey, self.severity, rng)
        values = np.asarray(grey, dtype=np.float32) / np.float32(255)
        changed = DEVICES[self.name](values, rng)
        return Image.fromarray(np.round(np.clip(changed, 0, 1) * 255).astype(np.uint8))


def _number(text: str) -> int:
    return zlib.crc32(text.encode())


def choose(names: Sequence[str] | None = None, *, seed: int = 0) -> list[ImageEdit]:
    """Return the edits of some names, each corruption in all severities; default: all.

    Raises
    ------
    UnknownNameError
        If there is no such edit.
    """
    known = [*DEVICES, *CORRUPTIONS]
    chosen = known if names is None else list(dict.fromkeys(names))
    if "drain" in chosen and "sham" not in chosen:
        chosen.append("sham")  # a change means nothing without its control
    edits = [ImageEdit(UNEDITED, 0, seed)]
    for name in chosen:
        if name not in known:
            raise UnknownNameError("edit", name, known)
        severities = SEVERITIES if name in CORRUPTIONS else (0,)
        edits += [ImageEdit(name, severity, seed) for severity in severities]
    return edits
