"""Draw the perturbations of regions of one synthetic radiograph: the figure of docs/how-to/regions.md.

Run: python scripts/draw_regions.py
"""

from pathlib import Path

import numpy as np
from PIL import Image

from cxraudit.charts.house import house_style, new_figure
from cxraudit.errors import NotAppliedError
from cxraudit.masks import Masks
from cxraudit.perturb.regions import RegionPerturbation, region_perturbations
from cxraudit.phantom.cohort import normal_radiograph
from cxraudit.phantom.findings import render
from cxraudit.phantom.regions import Drawn

OUT = Path(__file__).parents[1] / "docs/images/regions.png"
PERTURBATIONS = (
    *("without-lungs", "without-wider-lungs", "without-narrower-lungs", "without-lung-box"),
    *("without-heart", "without-drain", "only-lungs", "only-lung-box", "outline-lungs"),
)


def main() -> None:
    """Write the figure: perturbations above, their controls below."""
    radiograph = normal_radiograph(findings=("Pneumothorax",), drain=True)
    image = Image.fromarray(render(radiograph))
    regions = ("left-lung", "right-lung", "heart", "drain")
    masks = Masks("drawing", {"a": {name: Drawn(radiograph, name) for name in regions}})
    perturbations = {
        perturbation.name: perturbation
        for perturbation in region_perturbations(PERTURBATIONS, masks)
    }
    with house_style():
        figure = new_figure(12.6, 3.3)
        grid = figure.subplots(2, len(PERTURBATIONS) + 1)
        for axes in grid.flat:
            axes.set_axis_off()
        grid[0, 0].imshow(np.asarray(image), cmap="gray", vmin=0, vmax=255)
        grid[0, 0].set_title("unedited", fontsize=7)
        for column, name in enumerate(PERTURBATIONS, start=1):
            for row, title in enumerate((name, f"control-{name}")):
                if title in perturbations:
                    _show(
                        grid[row, column],
                        perturbations[title],
                        image,
                        name if row == 0 else "control",
                    )
        figure.savefig(OUT, dpi=110, facecolor="white")


def _show(axes: object, perturbation: RegionPerturbation, image: Image.Image, title: str) -> None:
    axes.set_title(title, fontsize=7)
    try:
        axes.imshow(np.asarray(perturbation(image, "a")), cmap="gray", vmin=0, vmax=255)
    except NotAppliedError:
        axes.imshow(np.full((256, 256), 255), cmap="gray", vmin=0, vmax=255)
        axes.text(128, 128, "no room", ha="center", va="center", fontsize=7)


if __name__ == "__main__":
    main()
