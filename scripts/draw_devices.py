"""Draw inserted drains in real radiographs, and with their controls, for docs/images.

Run: python scripts/draw_devices.py NIH_IMAGES/original NIH_IMAGES/256px
"""

import sys
from pathlib import Path

from PIL import Image

from cxraudit.errors import NotAppliedError
from cxraudit.images import read_image
from cxraudit.perturb import DEVICES, perturb

OUT = Path(__file__).parents[1] / "docs/images"
N_COLUMNS, N_DRAINS, SIDE = 7, 21, 230


def main() -> None:
    """Write a sheet of drains only, and one with the controls below them, one column per image."""
    found = [file for folder in sys.argv[1:] for file in sorted(Path(folder).glob("*.png"))]
    files = {file.name: file for file in reversed(found)}  # each once, from the first folder
    drains: list[Image.Image] = []
    rows: list[list[Image.Image]] = [[] for _ in DEVICES]
    for file in reversed(files.values()):
        image = read_image(file)
        try:
            drawn = [perturb(image, name, image_id=file.name) for name in DEVICES]
        except NotAppliedError:
            continue
        drains.append(drawn[0])
        if len(rows[0]) < N_COLUMNS:
            for row, one in zip(rows, drawn, strict=True):
                row.append(one)
        if len(drains) == N_DRAINS:
            break
    _write("drain-controls.png", [one for row in rows for one in row])
    _write("inserted-drains.png", drains)


def _write(name: str, images: list[Image.Image]) -> None:
    """Write images in rows of `N_COLUMNS`."""
    n_rows = -(-len(images) // N_COLUMNS)
    sheet = Image.new("L", (N_COLUMNS * SIDE, n_rows * SIDE))
    for k, image in enumerate(images):
        small = image.resize((SIDE - 3, SIDE - 3), Image.Resampling.BOX)
        sheet.paste(small, (k % N_COLUMNS * SIDE, k // N_COLUMNS * SIDE))
    sheet.quantize(48).save(OUT / name, optimize=True)


if __name__ == "__main__":
    main()
