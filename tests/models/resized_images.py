"""Images to resize: larger and smaller than the result, of odd sizes, of one and three channels."""

import numpy as np
from numpy.typing import NDArray

import generated

SIDES = (448, 97)


def cases() -> dict[str, NDArray[np.uint8]]:
    """Return name → values (height, width, 3)."""
    rng = np.random.default_rng(7)
    grey = {name: np.asarray(generated.image(name)) for name in ("g1024", "g390x320")}
    noise = {
        f"noise{height}x{width}": rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        for height, width in ((61, 47), (448, 449), (1023, 771), (3, 5), (1, 1), (448, 448))
    }
    return {**{name: np.stack([one] * 3, axis=-1) for name, one in grey.items()}, **noise}
