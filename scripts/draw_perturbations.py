"""Draw every perturbation of one synthetic radiograph: the figure of docs/how-to/shortcuts.md.

Run: python scripts/draw_perturbations.py
"""

from pathlib import Path

import numpy as np
from PIL import Image

from cxraudit.charts.house import house_style, new_figure
from cxraudit.perturb import CORRUPTIONS, DEVICES, UNEDITED, perturb
from cxraudit.phantom.cohort import normal_radiograph
from cxraudit.phantom.findings import render

OUT = Path(__file__).parents[1] / "docs/images/perturbations.png"
SEVERITY = 4


def main() -> None:
    """Write the figure."""
    radiograph = normal_radiograph(findings=("Pneumothorax",))
    image = Image.fromarray(render(radiograph))
    panels = [(name, 0) for name in (UNEDITED, *DEVICES)]
    panels += [(name, SEVERITY) for name in CORRUPTIONS]
    with house_style():
        figure = new_figure(9.6, 3.7)
        grid = figure.subplots(2, 6)
        for axes in grid.flat:
            axes.set_axis_off()
        for axes, (name, severity) in zip(grid.flat, panels, strict=False):
            perturbed = perturb(image, name, severity=severity, image_id="example")
            axes.imshow(np.asarray(perturbed), cmap="gray", vmin=0, vmax=255)
            axes.set_title(f"{name}, {severity}" if severity else name, fontsize=9)
        figure.savefig(OUT, dpi=110, facecolor="white")


if __name__ == "__main__":
    main()
