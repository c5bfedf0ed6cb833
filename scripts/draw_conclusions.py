"""Draw what is concluded of simulated embeddings, and why: docs/images/conclusions.png.

Run: python -m scripts.draw_conclusions
"""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import gaussian_kde

from cxraudit.charts.house import PALETTE, house_style
from cxraudit.datasets.base import Dataset
from cxraudit.schema import Analysis
from simulations.conclusions import embedded_rows, settings_of
from simulations.embedded import ATTRIBUTE, DESIGNS, FINDING, Design, draw

OUT = Path(__file__).parents[1] / "docs/images/conclusions.png"
SHOWN = {
    "not encoded, 4,000 patients": "The attribute moves no image.",
    "orthogonal, 4,000 patients": "It moves images across the score.",
    "along the direction, 4,000 patients": "It moves images along the score, too.",
    "opposite signs": "It moves positives up and negatives down.",
    "severity, 0.6 SD": "Findings are more severe with it;\nseverity is not recorded.",
}
"""Design → what is true."""
SEED, N_POINTS = 4, 250


def answer(design: Design) -> tuple[str, Dataset, np.ndarray]:
    """Audit a cohort; return the answer in the report, the images and their embeddings."""
    dataset, embeddings = draw(design, SEED)
    _, found = embedded_rows(dataset, embeddings, settings_of(design, 1000, SEED))
    (row,) = [one for one in found if one.item.key.analysis == Analysis.ENCODING_USE]
    return row.verdict, dataset, embeddings.vectors


def main() -> None:
    """Draw images in the plane of score and attribute, and the scores of both groups by label."""
    with house_style():
        figure = Figure(figsize=(3 * len(SHOWN), 5.6), layout="constrained")
        axes = figure.subplots(2, len(SHOWN), height_ratios=(3, 2))
        for (name, truth), (plane, scores) in zip(SHOWN.items(), axes.T, strict=True):
            verdict, dataset, vectors = answer(DESIGNS[name])
            draw_plane(plane, dataset, vectors)
            draw_scores(scores, dataset, vectors[:, 0])
            plane.set_title(truth, fontsize=9)
            scores.set_title(f"Report: {verdict}", fontsize=9, fontweight="bold")
        axes[0, 0].set_ylabel("another direction of the embedding")
        axes[1, 0].set_ylabel("density")
        axes[0, 0].legend(loc="upper left", fontsize=7.5)
        axes[1, 0].legend(loc="upper right", fontsize=8)
        figure.savefig(OUT, dpi=90)


def draw_plane(axes: Axes, dataset: Dataset, vectors: np.ndarray) -> None:
    """Draw some images of both groups and labels."""
    few = np.random.default_rng(0).permutation(len(vectors))[:N_POINTS]
    member = dataset.images[ATTRIBUTE].to_numpy() == "yes"
    positive = dataset.images[FINDING].to_numpy() == 1
    for group, colour, word in ((member, PALETTE[1], "with"), (~member, PALETTE[0], "without")):
        for label, filled in ((positive, True), (~positive, False)):
            chosen = few[(group & label)[few]]
            axes.scatter(
                vectors[chosen, 0],
                vectors[chosen, 1],
                s=10,
                facecolors=colour if filled else "none",
                edgecolors=colour,
                linewidths=0.8,
                label=f"{word} the attribute, {'positive' if filled else 'negative'}",
            )
    axes.set_xlim(-4, 6)
    axes.set_ylim(-4.5, 6)
    axes.set_xlabel("direction of the score")


def draw_scores(axes: Axes, dataset: Dataset, score: np.ndarray) -> None:
    """Draw the scores of both groups, positives and negatives apart."""
    member = dataset.images[ATTRIBUTE].to_numpy() == "yes"
    positive = dataset.images[FINDING].to_numpy() == 1
    x = np.linspace(-4, 6, 200)
    for group, colour, named in ((member, PALETTE[1], True), (~member, PALETTE[0], False)):
        for label, style, word in ((positive, "-", "positives"), (~positive, "--", "negatives")):
            density = gaussian_kde(score[group & label])(x)
            axes.plot(x, density, style, color=colour, lw=1.5, label=word if named else None)
    axes.set_yticks([])
    axes.set_xlabel("score")


if __name__ == "__main__":
    main()
