"""Draw an edit of one synthetic radiograph, its controls, and edits that are more: docs/how-to/own-pairs.md.

Run: python scripts/draw_own_pairs.py
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from cxraudit.charts.house import house_style, new_figure
from cxraudit.perturb import perturb
from cxraudit.perturb.own.checks import compare
from cxraudit.phantom.cohort import normal_radiograph
from cxraudit.phantom.findings import render
from cxraudit.schema import CONTROLS

OUT = Path(__file__).parents[1] / "docs/images/own-pairs.png"
MOVED = 12
"""Pixels of the displaced copy."""
REACH = 60
"""Grey levels that are white, or black, in a difference."""


def _edits() -> dict[str, Image.Image]:
    radiograph = normal_radiograph()
    image = Image.fromarray(render(radiograph))
    drawn = Image.fromarray(render(replace(radiograph, drain=True)))
    moved = drawn.transform(drawn.size, Image.Transform.AFFINE, (1, 0, -MOVED, 0, 1, 0))
    return {
        "original": image,
        "drain": drawn,
        **{name: perturb(image, name, image_id="example") for name in CONTROLS},
        "drain, displaced": moved,
        "drain, mirrored": drawn.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    }


def main() -> None:
    """Write the figure."""
    edits = _edits()
    original = edits["original"]
    with house_style():
        figure = new_figure(9.6, 4.1)
        grid = figure.subplots(2, len(edits))
        for axes in grid.flat:
            axes.set_axis_off()
        for (above, below), (name, image) in zip(grid.T, edits.items(), strict=True):
            above.imshow(np.asarray(image), cmap="gray", vmin=0, vmax=255)
            above.set_title(name, fontsize=9)
            if name == "original":
                continue
            difference = np.asarray(image, np.int16) - np.asarray(original, np.int16)
            below.imshow(difference, cmap="gray", vmin=-REACH, vmax=REACH)
            found = compare(original, image)
            words = [f"{100 * found.changed:.0f} % changed", f"shift {100 * found.shift:.0f} %"]
            below.set_title("\n".join([*words, *(["turned"] if found.turned else [])]), fontsize=8)
        figure.savefig(OUT, dpi=110, facecolor="white")


if __name__ == "__main__":
    main()
