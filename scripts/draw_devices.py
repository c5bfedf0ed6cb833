"""Draw inserted drains and their controls in real radiographs: docs/images/inserted-drains.png.

Run: python scripts/draw_devices.py NIH_IMAGES/original
"""

import sys
from pathlib import Path

from PIL import Image

from cxraudit.images import read_image
from cxraudit.perturb import DEVICES, perturb

OUT = Path(__file__).parents[1] / "docs/images/inserted-drains.png"
N_IMAGES, SIDE = 7, 230


def main() -> None:
    """Write the contact sheet: one column per image, one row per device."""
    files = sorted(Path(sys.argv[1]).glob("*.png"))[1 : N_IMAGES + 1]
    sheet = Image.new("L", (N_IMAGES * SIDE, len(DEVICES) * SIDE))
    for column, file in enumerate(files):
        image = read_image(file)
        for row, name in enumerate(DEVICES):
            drawn = perturb(image, name, image_id=file.name)
            small = drawn.resize((SIDE - 3, SIDE - 3), Image.Resampling.BOX)
            sheet.paste(small, (column * SIDE, row * SIDE))
    sheet.quantize(48).save(OUT, optimize=True)


if __name__ == "__main__":
    main()
