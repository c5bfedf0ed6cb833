"""Faults in the encoding of images and in the score."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import spearmanr

from cxraudit.formatting import decimal
from cxraudit.paper.bootstrap import PUBLISHED_SEED
from cxraudit.paper.faults.base import Bool, Fault, ModelRun, labels_and_scores, main_finding
from cxraudit.stats.calibration import platt, reliability_curve
from cxraudit.stats.ranking import auroc

BATCH = 32
"""Default batch size of the published script."""
LENGTH_RATIO = 1.1
"""Ratio of the lengths of two prompt embeddings for models that return unit embeddings."""


def unscaled_softmax(run: ModelRun) -> Iterator[Fault]:
    """The softmax of some models takes cosines without the scale they were trained with."""
    finding = main_finding(run)
    images, label, score = labels_and_scores(run, finding)
    if not 0 < label.sum() < label.size or score.min() < 0 or score.max() > 1:
        return
    if run.logit_scale == 1:
        return  # the scores of this model have no scale to remove
    scaled = logit(np.clip(score, 1e-12, 1 - 1e-12))
    plain = scaled / run.logit_scale
    tuning = _half_of_patients(images["patient_id"].to_numpy(dtype=object))
    intercept, slope = platt(label[tuning], plain[tuning])
    if not np.isfinite(slope) or tuning.all():
        return
    held_out = ~tuning
    error = {
        name: decimal(_calibration_error(label[held_out], expit(logits[held_out])), 3)
        for name, logits in (
            ("unscaled", plain),
            ("scaled", scaled),
            ("fitted", intercept + slope * plain),
        )
    }
    yield Fault(
        "models/*",
        "softmax over bare cosines for some models, over scaled logits for others",
        f"{finding}: calibration error {error['unscaled']} of bare cosines; the same scores times "
        f"{run.logit_scale:.1f}: {error['scaled']}",
        f"{error['fitted']} after a Platt map fitted on other patients; AUROC is the same "
        f"({decimal(auroc(label, plain), 3)} and {decimal(auroc(label, scaled), 3)})",
        "Calibration curves of raw zero-shot scores compare scales, not models.",
    )


def _half_of_patients(patients: NDArray[np.object_]) -> Bool:
    """Choose the images of a random half of the patients."""
    names = np.unique(patients.astype(str))
    chosen = np.random.default_rng(PUBLISHED_SEED).permutation(names)[: len(names) // 2]
    return np.isin(patients.astype(str), chosen)


def _calibration_error(label: Bool, probability: NDArray[np.float64]) -> float:
    """Expected calibration error over ten bins of equal width."""
    predicted, observed, n = reliability_curve(label, probability).T
    return float((np.abs(predicted - observed) * n).sum() / n.sum())


def unnormalised_texts(run: ModelRun) -> Iterator[Fault]:
    """Prompt embeddings of different length enter the score."""
    finding = main_finding(run)
    if finding not in run.prompts:
        return
    images, label, _ = labels_and_scores(run, finding)
    row_of = pd.Series(np.arange(run.image_ids.size), index=run.image_ids)
    row = row_of.reindex(images["image_id"]).to_numpy(dtype=np.float64)
    embedded = np.isfinite(row)
    vectors = run.vectors[row[embedded].astype(np.int64)].astype(np.float64)
    label = label[embedded]
    if not 0 < label.sum() < label.size:
        return
    raw = [embedding.astype(np.float64) for embedding in run.prompts[finding]]
    lengths = [float(np.linalg.norm(embedding)) for embedding in raw]
    positive, negative = (part / length for part, length in zip(raw, lengths, strict=True))
    measured = lengths[0] / lengths[1]
    # Models that return lengths are shown with their own; for others the effect is computed.
    has_lengths = abs(measured - 1) > 1e-4
    ratio = measured if has_lengths else LENGTH_RATIO
    unit = vectors @ positive - vectors @ negative
    longer = ratio * (vectors @ positive) - vectors @ negative
    agreement = float(spearmanr(unit, longer).statistic)
    lengths_are = (
        f"one prompt's embedding is {ratio:.2f} times as long as the other's:"
        if has_lengths
        else f"if one prompt's embedding were {ratio:g} times as long as the other's:"
    )
    yield Fault(
        "models/biovil/biovil.py",
        "text embeddings are not normalised (normalize=False), image embeddings are",
        f"{finding}: {lengths_are} AUROC {decimal(auroc(label, longer), 3)}, rank correlation of the scores "
        f"{decimal(agreement, 3)}",
        f"AUROC {decimal(auroc(label, unit), 3)} with unit embeddings",
        "The score is cosine times length, so the ranking depends on the length of the embedding of a "
        "prompt. biovil@paper keeps this, biovil does not.",
    )


def repeated_encoding(run: ModelRun) -> Iterator[Fault]:
    """Every image is encoded once per finding; images are dropped if fewer than a batch."""
    n = len(run.dataset.images)
    # Where there are drain labels, the published script scores pneumothorax only.
    n_findings = 1 if "drain" in run.dataset.shortcuts else len(set(run.scores["finding"]))
    yield Fault(
        "evaluate_performance.py",
        "images are encoded once per finding and again for the embeddings; an incomplete batch counts only "
        f"after a whole batch of {BATCH}",
        f"{n * (n_findings + 1):,} encodings of {n:,} images; with fewer than {BATCH} images, an error",
        f"{n:,} encodings; any number of images",
        "Slow, and unusable for small cohorts. Here each image is decoded and encoded once.",
    )
