"""Draw what every edit does to one made-up image: the picture of docs/how-to/shortcuts.md.

python scripts/draw_edits.py
"""

from pathlib import Path

import numpy as np
from PIL import Image

from cxraudit.figures.style import house_style, new_figure
from cxraudit.perturb import CORRUPTIONS, DEVICES, UNEDITED, ImageEdit
from cxraudit.phantom.cohort import Radiograph
from cxraudit.phantom.findings import render

OUT = Path(__file__).parents[1] / "docs/images/edits.png"


def main() -> None:
    """Write the picture."""
    image = Radiograph(
        seed=3,
        patient=5,
        number=0,
        age=60,
        sex="male",
        view_position="PA",
        findings=("Pneumothorax",),
        drain=False,
        contrast=1.0,
        image_size=256,
    )
    picture = Image.fromarray(render(image))
    shown = [(UNEDITED, 0), *((name, 0) for name in DEVICES)]
    shown += [(name, 4) for name in CORRUPTIONS]
    with house_style():
        figure = new_figure(9.6, 3.7)
        grid = figure.subplots(2, 6)
        for axes in grid.flat:
            axes.set_axis_off()
        for axes, (name, severity) in zip(grid.flat, shown, strict=False):
            edited = ImageEdit(name, severity)(picture, "example")
            axes.imshow(np.asarray(edited), cmap="gray", vmin=0, vmax=255)
            axes.set_title(f"{name}, {severity}" if severity else name, fontsize=9)
        figure.savefig(OUT, dpi=110, facecolor="white")


if __name__ == "__main__":
    main()
