"""Draw what every edit does to one made-up film: the picture of docs/how-to/shortcuts.md.

python scripts/draw_edits.py
"""

from pathlib import Path

import numpy as np
from PIL import Image

from cxraudit.datasets.phantom.cohort import Film
from cxraudit.datasets.phantom.findings import render
from cxraudit.edits import CORRUPTIONS, DEVICES, UNEDITED, FilmEdit
from cxraudit.figures.style import house_style, new_figure

OUT = Path(__file__).parents[1] / "docs/images/edits.png"


def main() -> None:
    """Write the picture."""
    film = Film(
        seed=3, patient=5, number=0, age=60, sex="male", view_position="PA",
        findings=("Pneumothorax",), drain=False, contrast=1.0, image_size=256,
    )  # fmt: skip
    picture = Image.fromarray(render(film))
    shown = [(UNEDITED, 0), *((name, 0) for name in DEVICES)]
    shown += [(name, 4) for name in CORRUPTIONS]
    with house_style():
        figure = new_figure(9.6, 3.7)
        grid = figure.subplots(2, 6)
        for axes in grid.flat:
            axes.set_axis_off()
        for axes, (name, severity) in zip(grid.flat, shown, strict=False):
            edited = FilmEdit(name, severity)(picture, "example")
            axes.imshow(np.asarray(edited), cmap="gray", vmin=0, vmax=255)
            axes.set_title(f"{name}, {severity}" if severity else name, fontsize=9)
        figure.savefig(OUT, dpi=110, facecolor="white")


if __name__ == "__main__":
    main()
