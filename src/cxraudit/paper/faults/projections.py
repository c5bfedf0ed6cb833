"""A fault in the plots of embeddings."""

from collections.abc import Iterator

import numpy as np

from cxraudit.formatting import signed
from cxraudit.paper.bootstrap import PUBLISHED_SEED
from cxraudit.paper.embeddings import MIN_IMAGES
from cxraudit.paper.faults.base import Fault, ModelRun


def mixed_axes(run: ModelRun) -> Iterator[Fault]:
    """X is from one projection, y from another."""
    from sklearn.decomposition import PCA

    if run.texts is None:
        return
    has_report = np.isfinite(run.texts).all(axis=1)
    if has_report.sum() < MIN_IMAGES:
        return
    images, reports = run.vectors[has_report], run.texts[has_report]
    modalities = np.concatenate([images, reports])
    joint = PCA(2, random_state=PUBLISHED_SEED).fit(modalities).transform(images)
    alone = PCA(2, random_state=PUBLISHED_SEED).fit(images).transform(images)
    mixed = float(np.corrcoef(joint[:, 0], alone[:, 1])[0, 1])
    single = float(np.corrcoef(alone[:, 0], alone[:, 1])[0, 1])
    total = images.var(axis=0).sum()
    yield Fault(
        "embedding_analysis.py",
        "plots of images take x from the projection of images and reports, y from that of images alone",
        f"the axes are correlated, r = {signed(mixed)}, and hold "
        f"{(joint[:, 0].var() + alone[:, 1].var()) / total:.0%} of the images' variance",
        f"r = {signed(single)}, {alone.var(axis=0).sum() / total:.0%} of the variance",
        "The plot is no projection: distances and shapes in it are those of no space.",
    )
