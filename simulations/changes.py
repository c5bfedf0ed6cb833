"""How often `cxraudit.diff` is right about what changed between two audits.

    python -m simulations.changes [--cohorts 200] [--resamples 500] [--workers 2] [--seed 0]

Patients in two groups have two images each. Two audits score the same images, other images of the same
patients, or other patients (two sites); the scores of a model for one image correlate by 0.7 between the
audits. Columns:

==================  ================================================================================
AUROC, gap, TPR     The interval of the change covers the true one (95 %): of the AUROC over all
                    images, of its gap between the groups, of the gap in TPR (where that is 0).
changed             The gap in AUROC is found to have changed.
equivalent          It is shown to have changed by less than the margin, 0.05.
widened > 0.02      It is shown to have widened by more than 0.02: the rule of a gate fails.
widened ≤ 0.02      It is shown to have widened by at most 0.02: the rule is passed.
==================  ================================================================================
"""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.random import Generator
from scipy.special import ndtri
from threadpoolctl import threadpool_limits

from cxraudit import Audit, AuditSettings, audit, diff, table_dataset, wide_scores
from cxraudit.audits.changes import CHANGED, Diff, widening
from cxraudit.schema import COMPLEMENT
from cxraudit.stats.estimate import WITHIN_MARGIN
from simulations.arguments import print_table, table_head, table_line

FINDING, GROUPS = "Edema", ("female", "male")
PREVALENCE = 0.3
SHARED = 0.7
COLUMNS = ("AUROC", "gap", "TPR", "changed", "equivalent", "widened > 0.02", "widened ≤ 0.02")
LIMIT = 0.02


@dataclass(frozen=True, slots=True)
class Design:
    """Two audits: AUROC of both groups in either, and what they share."""

    name: str
    old: tuple[float, float] = (0.85, 0.85)
    new: tuple[float, float] = (0.85, 0.85)
    patients: int = 600
    shares: str = "images"
    """images, patients or nothing."""


DESIGNS = (
    Design("unchanged, no gap"),
    Design("unchanged, no gap, 3,000 patients", patients=3000),
    Design("unchanged, a gap of 0.10", (0.78, 0.88), (0.78, 0.88)),
    Design("unchanged, 150 patients", patients=150),
    Design("widened by 0.06", (0.82, 0.86), (0.78, 0.88)),
    Design("widened by 0.10", (0.85, 0.85), (0.78, 0.88)),
    Design("widened by 0.10, 3,000 patients", (0.85, 0.85), (0.78, 0.88), 3000),
    Design("narrowed by 0.10", (0.78, 0.88), (0.85, 0.85)),
    Design("other images, unchanged", shares="patients"),
    Design("two sites, no gap", shares="nothing"),
    Design("two sites, the same gap of 0.10", (0.78, 0.88), (0.78, 0.88), shares="nothing"),
    Design("two sites, gaps of 0 and 0.10", (0.85, 0.85), (0.78, 0.88), shares="nothing"),
)


def draw(rng: Generator, design: Design) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw the tables of both audits: one row per image, with its score."""
    first = _images(rng, design.patients, "a")
    second = first
    if design.shares == "patients":
        second = _images(rng, design.patients, "b").assign(
            patient=first["patient"], sex=first["sex"]
        )
    elif design.shares == "nothing":
        second = _images(rng, design.patients, "b").assign(
            patient=lambda t: "other " + t["patient"]
        )
    noise = rng.normal(size=len(first))
    return _scored(rng, first, design.old, noise), _scored(rng, second, design.new, noise)


def _images(rng: Generator, n_patients: int, prefix: str) -> pd.DataFrame:
    patients = np.repeat(np.arange(n_patients), 2)
    return pd.DataFrame(
        {
            "image": [f"{prefix}{k}" for k in range(patients.size)],
            "patient": [f"p{k}" for k in patients],
            "sex": np.asarray(GROUPS)[(rng.random(n_patients) < 0.5).astype(int)[patients]],
            FINDING: (rng.random(patients.size) < PREVALENCE).astype(int),
        }
    )


def _scored(
    rng: Generator, images: pd.DataFrame, areas: tuple[float, float], noise: np.ndarray
) -> pd.DataFrame:
    """Score by a binormal model: images of a patient share half of the variance."""
    of_patient = rng.normal(size=images["patient"].nunique())[pd.factorize(images["patient"])[0]]
    own = np.sqrt(0.5) * (of_patient + rng.normal(size=len(images)))
    distance = images["sex"].map(dict(zip(GROUPS, areas, strict=True))).map(ndtri) * np.sqrt(2)
    score = images[FINDING] * distance + np.sqrt(SHARED) * noise + np.sqrt(1 - SHARED) * own
    return images.assign(score=score)


def audited(table: pd.DataFrame, n_resamples: int) -> Audit:
    """Audit a table."""
    dataset = table_dataset(
        table,
        name="drawn",
        root=".",
        image="image",
        patient="patient",
        findings={FINDING: FINDING},
        sex="sex",
    )
    scores = wide_scores(table, image="image", columns={FINDING: "score"}, model="m")
    return audit(dataset, scores, settings=AuditSettings(n_resamples=n_resamples, n_threads=1))


def truth(design: Design) -> dict[str, float]:
    """Return the true changes of the AUROC over all images and of its gap."""
    (a, b), (c, d) = design.old, design.new
    return {"AUROC": (c + d - a - b) / 2, "gap": (c - d) - (a - b)}


def evaluate(seed: int, design: Design, n_resamples: int) -> dict[str, float]:
    """Compare the audits of one cohort."""
    rng = np.random.default_rng([seed, len(design.name)])
    with threadpool_limits(1):
        old, new = (audited(table, n_resamples) for table in draw(rng, design))
        known = "same" if design.shares == "patients" else "auto"
        return _outcome(diff(old, new, patients=known), design)


def _outcome(found: Diff, design: Design) -> dict[str, float]:
    rows = found.results
    gaps = rows[(rows["reference"] == COMPLEMENT) & (rows["group"] == GROUPS[0])]
    level = rows[(rows["attribute"] == "") & (rows["metric"] == "auroc")].iloc[0]
    gap = gaps[gaps["metric"] == "auroc"].iloc[0]
    rate = gaps[gaps["metric"] == "tpr"].iloc[0]
    true = truth(design)
    low, high = widening(dict(gap))
    return {
        "AUROC": level["low"] <= true["AUROC"] <= level["high"],
        "gap": gap["low"] <= true["gap"] <= gap["high"],
        "TPR": rate["low"] <= 0 <= rate["high"] if design.old == design.new else np.nan,
        "changed": gap["verdict"] == CHANGED,
        "equivalent": gap["verdict"] in WITHIN_MARGIN,
        "widened > 0.02": low > LIMIT,
        "widened ≤ 0.02": high <= LIMIT,
    }


def lines(n: int, n_resamples: int, seed: int, workers: int) -> Iterator[str]:
    """Yield the lines of a table in Markdown."""
    yield from table_head(["design", *COLUMNS])
    seeds = range(seed * 100_000, seed * 100_000 + n)
    with ProcessPoolExecutor(workers) as pool:
        for design in DESIGNS:
            one = partial(evaluate, design=design, n_resamples=n_resamples)
            row = pd.DataFrame(pool.map(one, seeds, chunksize=10)).astype(float).mean()
            shown = ("–" if np.isnan(row[name]) else f"{row[name]:.1%}" for name in COLUMNS)
            yield table_line([design.name, *shown])


def main() -> None:
    """Print the table."""
    print_table(__doc__, lines, cohorts=200, resamples=500)


if __name__ == "__main__":
    main()
