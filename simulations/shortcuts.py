"""What scores say of a shortcut, in cohorts in which the truth is known.

    python -m simulations.shortcuts [--cohorts 200] [--resamples 1000] [--seed 0] [--workers 2]

Finding and shortcut (a chest drain) lie in some patients more than in others. Scores are normal: the finding
raises them by 1.2, the drain by `Design.effect`, and a fifth of their variance is between patients. The truth
of every row is its value in 150,000 patients whose drains are all known; that of bounds is its value in the
images of the cohort, by their true drains, since bounds hold no sampling error. Columns of the table: the
truth, the mean of the estimates, their standard deviation, how often the interval covers the truth, and the
number of cohorts by verdict.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtri

from cxraudit.audits import shortcuts
from cxraudit.audits.cohort import make_cohort, samples
from cxraudit.audits.engine import Engine, to_frame
from cxraudit.audits.verdicts import judged
from cxraudit.datasets.base import Dataset
from cxraudit.datasets.detector_labels import BY_FINDING, source_column
from cxraudit.schema import (
    ANNOTATED,
    BOUNDS,
    CHANCE,
    NEGATIVES,
    OBSERVED,
    POSITIVES,
    PREDICTED,
    REWEIGHTED,
    UNKNOWN,
    Analysis,
    records,
)
from cxraudit.settings import AuditSettings
from cxraudit.stats.limits import wilson
from simulations.arguments import print_table, table_head, table_line

SHORTCUT, FINDING = "drain", "Pneumothorax"
FINDING_EFFECT = 1.2
OF_TRUTH = 150_000
"""Patients that the truth is taken from."""
NO_DIFFERENCE = 0.005
"""Largest difference in these patients that can be one of sampling."""
OF_VALIDATION = 300
"""Patients whose drains are annotated and predicted, for the error rates of the detector."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """A detector of drains, and which labels are its own."""

    predicted: tuple[float, float] = (0.5, 0.8)
    """Share of the positives, and of the negatives, with a predicted label; annotators have the others."""
    sensitivity: tuple[float, float] = (0.95, 0.9)
    """Among positives, and among negatives, at the mean score."""
    specificity: tuple[float, float] = (0.95, 0.97)
    follows: float = 0.0
    """By how much the log odds of a predicted drain grow with a standard deviation of the score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """How cohorts are drawn."""

    patients: int = 400
    prevalence: float = 0.3
    with_drain: tuple[float, float] = (0.5, 0.1)
    """Share of drains among positives, and among negatives."""
    effect: float = 0.0
    """Of a drain on the score, in standard deviations of its noise."""
    patient_share: float = 0.7
    """Of the variance behind finding and drain, between patients: 0 where they vary within patients."""
    severity: float = 0.0
    """By how much the score of a positive grows with a standard deviation of severity, by which drains go."""
    view: float = 0.0
    """By how much the score of an AP image is higher; finding and drain are more frequent in AP images."""
    unknown: tuple[float, float] = (0.0, 0.0)
    """Share of positives, and of negatives, without a label of the drain."""
    detector: Detector | None = None


DESIGNS: Mapping[str, Design] = {
    "null": Design(),
    "effect": Design(effect=0.6),
    "no association": Design(with_drain=(0.3, 0.3), effect=0.6),
    "no association, 150 patients": Design(with_drain=(0.3, 0.3), effect=2.0, patients=150),
    "association": Design(with_drain=(0.5, 0.045), effect=1.0),
    "severity": Design(severity=0.7),
    "view": Design(view=0.8),
    "rare": Design(with_drain=(0.07, 0.013), effect=0.6),
    "varies within patients": Design(effect=0.6, patient_share=0.0),
    "partly unlabelled": Design(effect=0.6, unknown=(0.3, 0.5)),
    "predicted": Design(effect=0.8, detector=Detector()),
    "negatives predicted": Design(effect=0.8, detector=Detector(predicted=(0.0, 1.0))),
    "predicted, errors follow the score": Design(detector=Detector(follows=1.0)),
    "all predicted, errors follow the score": Design(
        detector=Detector(predicted=(1.0, 1.0), follows=1.0)
    ),
}


@dataclass(frozen=True, slots=True)
class Images:
    """Images with their true drains."""

    patient: NDArray[np.int64]
    y_true: NDArray[np.bool_]
    drain: NDArray[np.bool_]
    ap: NDArray[np.bool_]
    score: NDArray[np.float64]


def images_of(design: Design, rng: Generator, patients: int) -> Images:
    """Draw images with their true drains."""
    sizes = 1 + rng.poisson(2.0, patients)
    patient = np.repeat(np.arange(patients), sizes)
    n = patient.size

    def clustered(share: float) -> NDArray[np.float64]:
        between = np.sqrt(share) * rng.normal(size=patients)[patient]
        return between + np.sqrt(1 - share) * rng.normal(size=n)

    ap = rng.random(n) < 0.4
    moved = np.where(ap, 0.5, -0.5) if design.view else 0.0
    y_true = clustered(design.patient_share) < ndtri(design.prevalence) + moved
    severe = rng.normal(size=n)
    latent = clustered(design.patient_share)
    if design.severity:  # drains go to severe positives, in the same share
        latent = np.where(y_true, 0.5 * latent - np.sqrt(0.75) * severe, latent)
    drain = latent < ndtri(np.where(y_true, *design.with_drain)) + moved
    score = FINDING_EFFECT * y_true + design.effect * drain + design.view * ap
    score = score + design.severity * severe * y_true + clustered(0.2) * np.sqrt(1.25)
    return Images(patient, y_true, drain, ap, score)


def predictions(design: Detector, images: Images, rng: Generator) -> NDArray[np.bool_]:
    """Predict the drain of every image, with errors."""
    found = np.zeros(images.drain.size, dtype=bool)
    for number, of_class in enumerate((images.y_true, ~images.y_true)):
        standardised = (images.score - images.score[of_class].mean()) / images.score[of_class].std()
        rate = np.where(images.drain, design.sensitivity[number], 1 - design.specificity[number])
        likely = expit(logit(rate) + design.follows * standardised)
        found |= of_class & (rng.random(found.size) < likely)
    return found


def measured(design: Design, detector: Detector, rng: Generator) -> dict[str, Any]:
    """Return the error rates of a detector by class, as measured on annotated images of other patients."""
    images = images_of(design, rng, OF_VALIDATION)
    predicted = predictions(detector, images, rng)
    by_class = {}
    for group, of_class in ((POSITIVES, images.y_true), (NEGATIVES, ~images.y_true)):
        rates: dict[str, float] = {"confidence_level": 0.95}
        for name, side, right in (
            ("sensitivity", images.drain, predicted),
            ("specificity", ~images.drain, ~predicted),
        ):
            among = of_class & side
            rates[name] = float(right[among].mean())
            low, high = wilson(rates[name], int(among.sum()))
            rates |= {f"{name}_low": low, f"{name}_high": high}
        by_class[group] = rates
    return {BY_FINDING: {FINDING: by_class}}


def draw(design: Design, seed: int) -> tuple[Dataset, pd.DataFrame]:
    """Draw a cohort as an audit takes it: images with labels, and scores of one model."""
    rng = np.random.default_rng([seed, 7])
    images = images_of(design, rng, design.patients)
    n = images.drain.size
    names = [f"i{k:06d}" for k in range(n)]
    label = np.where(images.drain, "yes", "no").astype(object)
    source = np.full(n, ANNOTATED, dtype=object)
    errors: dict[str, Any] = {}
    if design.detector is not None:
        predicted = rng.random(n) < np.where(images.y_true, *design.detector.predicted)
        found = predictions(design.detector, images, rng)
        label[predicted] = np.where(found[predicted], "yes", "no")
        source[predicted] = PREDICTED
        errors = {SHORTCUT: measured(design, design.detector, rng)}
    unknown = rng.random(n) < np.where(images.y_true, *design.unknown)
    label[unknown] = UNKNOWN
    table = pd.DataFrame(
        {
            "image_id": names,
            "patient_id": [f"p{k}" for k in images.patient],
            "study_id": names,
            "path": names,
            "view_position": np.where(images.ap, "AP", "PA"),
            FINDING: images.y_true.astype(np.float64),
            SHORTCUT: label,
            source_column(SHORTCUT): source,
        }
    )
    dataset = Dataset(
        name="simulated",
        version="",
        license="",
        root=Path(),
        images=table,
        findings=(FINDING,),
        attributes=("view_position",),
        shortcuts=(SHORTCUT,),
        label_errors=errors,
    )
    scores = pd.DataFrame(
        {
            "image_id": names,
            "model": "model",
            "prompt_set": "none",
            "finding": FINDING,
            "score": images.score,
        }
    )
    return dataset, scores


def rows_of(dataset: Dataset, scores: pd.DataFrame, settings: AuditSettings) -> pd.DataFrame:
    """Return the results of all questions about the shortcut."""
    cohort = make_cohort(dataset, scores, settings)
    (sample,) = samples(cohort, scores, FINDING)
    found = Engine(cohort).evaluate(shortcuts.plan(cohort, sample, {SHORTCUT: FINDING}))
    return to_frame(judged(found, settings), "simulated")


KEY = ("analysis", "group", "reference", "condition", "label_source")


def main_rows(rows: pd.DataFrame) -> dict[tuple[str, ...], dict[str, Any]]:
    """Return the rows that the table is about, by their keys."""
    of = rows["analysis"]
    wanted = (of == Analysis.SHORTCUT) & (rows["reference"] != "") & (rows["metric"] == "auroc")
    wanted |= (of == Analysis.SHORTCUT_SEPARATION) & (rows["reference"] == CHANCE)
    wanted |= (of == Analysis.SHORTCUT_SUBSETS) & (rows["reference"] != "")
    wanted |= of.isin([Analysis.SHORTCUT_LABEL_ERRORS, Analysis.SHORTCUT_STANDARDISED])
    wanted |= (of == Analysis.SHORTCUT_PREVALENCE) & rows["condition"].isin([OBSERVED, *REWEIGHTED])
    return {tuple(row[name] for name in KEY): row for row in records(rows[wanted])}


@cache
def truth(design: Design) -> Mapping[tuple[str, ...], float]:
    """Return the value of every row in many patients whose drains are all known and annotated."""
    return by_true_drains(replace(design, patients=OF_TRUTH), 0)


def by_true_drains(design: Design, seed: int) -> Mapping[tuple[str, ...], float]:
    """Return the value of every row in a cohort, by its true drains."""
    known = replace(design, detector=None, unknown=(0.0, 0.0))
    rows = main_rows(rows_of(*draw(known, seed), AuditSettings(n_resamples=0)))
    return {key: row["value"] for key, row in rows.items()}


def true_value(values: Mapping[tuple[str, ...], float], key: tuple[str, ...]) -> float:
    """Return the truth of a row; that of labels by annotators, and corrected, is that of the labels."""
    analysis, group, reference, condition, _ = key
    if analysis == Analysis.SHORTCUT_LABEL_ERRORS:
        analysis = (
            Analysis.SHORTCUT_SEPARATION if reference == CHANCE else Analysis.SHORTCUT
        ).value
        condition = ""
    return values.get((analysis, group, reference, condition, ""), np.nan)


def evaluate(seed: int, design: Design, n_resamples: int) -> list[dict[str, Any]]:
    """Audit a cohort; one dictionary per row."""
    settings = AuditSettings(n_resamples=n_resamples, seed=seed)
    found = main_rows(rows_of(*draw(design, seed), settings))
    values = truth(design)
    of_images = by_true_drains(design, seed) if design.detector else values
    return [
        {
            "key": key,
            "truth": true_value(of_images if row["condition"] == BOUNDS else values, key),
            **row,
        }
        for key, row in found.items()
    ]


def lines(n: int, n_resamples: int, seed: int, workers: int) -> Iterator[str]:
    """Yield the lines of a table in Markdown."""
    head = ["design", "row", "truth", "mean", "SD", "covered", "intervals", "verdicts"]
    yield from table_head(head)
    seeds = range(seed * 100_000 + 1, seed * 100_000 + 1 + n)
    with ProcessPoolExecutor(workers) as pool:
        for name, found in audited(pool, seeds, n_resamples):
            for key, rows in found.groupby("key", sort=False):
                yield _line(name, key, rows, n)


def audited(
    pool: ProcessPoolExecutor, seeds: Sequence[int], n_resamples: int
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Audit cohorts of every design; yield its name and all rows."""
    for name, design in DESIGNS.items():
        one = partial(evaluate, design=design, n_resamples=n_resamples)
        found = pool.map(one, seeds, chunksize=5)
        yield name, pd.DataFrame([row for rows in found for row in rows])


def _line(name: str, key: tuple[str, ...], rows: pd.DataFrame, n: int) -> str:
    bounded = rows[np.isfinite(rows["low"])]
    covered = bounded["truth"].between(bounded["low"], bounded["high"]).mean()
    verdicts = rows["verdict"].value_counts()
    words = ", ".join(f"{word} {count}" for word, count in verdicts.items() if word)
    cells = [
        name,
        " / ".join(filter(None, key)),
        f"{rows['truth'].mean():+.4f}",
        f"{rows['value'].mean():+.4f}",
        f"{rows['value'].std():.4f}",
        f"{covered:.1%}" if len(bounded) else "–",
        f"{len(bounded)} of {n}",
        words,
    ]
    return table_line(cells)


def main() -> None:
    """Print the table."""
    print_table(__doc__, lines, cohorts=200, resamples=1000)


if __name__ == "__main__":
    main()
