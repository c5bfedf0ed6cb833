"""Draw a gap that closes with more training patients, and one that stays: docs/images/own-embeddings.png.

Run: python scripts/draw_own_embeddings.py
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from cxraudit import AuditSettings, ModelEmbeddings, audit, fit_heads, table_dataset
from cxraudit.charts.drawing import draw
from cxraudit.charts.house import house_style
from cxraudit.charts.spec import Chart, Plane
from cxraudit.figures.n_shot import n_shot_curves

OUT = Path(__file__).parents[1] / "docs/images/own-embeddings.png"
N_PATIENTS, DIMENSIONS, SEED = 6000, 128, 7
STRENGTH = 2.0
"""Of the finding in the embedding, in standard deviations."""


def embedded(kind: str) -> tuple[pd.DataFrame, ModelEmbeddings]:
    """Return images of one patient each, and embeddings in which women differ."""
    rng = np.random.default_rng(SEED)
    women = rng.random(N_PATIENTS) < 0.25
    finding = rng.random(N_PATIENTS) < 0.3
    vectors = rng.standard_normal((N_PATIENTS, DIMENSIONS)).astype(np.float32)
    vectors[finding, 0] += STRENGTH
    if (
        kind == "noisier"
    ):  # what says nothing of the finding varies more: to be learned from more patients
        vectors[np.ix_(women, np.arange(1, DIMENSIONS // 2))] *= 4
    else:
        vectors[finding & women, 0] -= STRENGTH / 2
    table = pd.DataFrame(
        {
            "image": [f"i{k}" for k in range(N_PATIENTS)],
            "sex": np.where(women, "F", "M"),
            "Edema": finding.astype(int),
        }
    )
    return table, ModelEmbeddings(kind, table["image"].to_numpy(dtype=str), vectors, ())


def curves(kind: str, title: str) -> tuple[Plane, tuple]:
    """Return the curves of one model, and their legend."""
    table, embeddings = embedded(kind)
    dataset = table_dataset(
        table, name="drawn", root=".", image="image", patient="image", findings="Edema", sex="sex"
    )
    heads = fit_heads(dataset, embeddings, seed=SEED)
    found = audit(
        heads.held_out(dataset),
        heads.scores(embeddings),
        settings=AuditSettings(n_resamples=1000),
        embeddings=[heads.embedded(embeddings)],
        heads=[heads],
    )
    chart = n_shot_curves(found.results, "sex")
    (plane,) = chart.bands[0]
    return replace(plane, title=title), chart.legend


def main() -> None:
    """Draw both models side by side."""
    first, legend = curves("noisier", "women differ more in all else")
    second, _ = curves("fainter", "the finding is fainter in women")
    chart = Chart(
        title="AUROC by number of training patients, in two simulated models",
        bands=((first, second),),
        legend=legend,
    )
    with house_style():
        draw(chart).savefig(OUT, dpi=90)


if __name__ == "__main__":
    main()
