"""How often a search for slices finds a planted one, and claims one where there is none.

    python -m simulations.slices [--cohorts 24] [--null-cohorts 200] [--resamples 500] [--seed 0]

Cohorts of 600 to 2,400 patients with one image or two, two findings and ten columns (sex, race, view, device,
scanner, ward and others) are audited for slices alone, with five candidates. The AUROC of
the first finding is lower by 0.2 in women in AP view; by 0.25 in women in AP view with a device (searched to
a depth of 3); by 0.15 with a device; by 0.25 among the tenth of the images that are closest to a text, which
no column tells; or nowhere, with ten columns, with forty, and with embeddings and twelve texts.

*found* counts the cohorts in which a confirmed slice is the planted one in essence: at least half of the
images of either are in both. *False claims* are cohorts in which a slice is confirmed that holds no larger
share of planted images than all images do. *As searched* and *on the others* are the mean differences of the
first slice on either part of the patients: they differ by the bias of the search.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import ndtri

from cxraudit.audits.cohort import make_cohort, samples
from cxraudit.audits.embeddings.cohort import ModelEmbeddings, PromptPair
from cxraudit.audits.engine import Engine, to_frame
from cxraudit.audits.planned import Run, Scored
from cxraudit.audits.slices import audit_slices
from cxraudit.audits.verdicts import judged
from cxraudit.datasets.base import Dataset
from cxraudit.datasets.table import from_frame
from cxraudit.schema import SEARCHED, Analysis
from cxraudit.settings import AuditSettings
from simulations.arguments import parser, print_lines, table_head, table_line

PATIENTS = 1600
FINDINGS = ("Edema", "Pneumonia")
AUROC = 0.85
DIMENSIONS = 16

Slices = Callable[[pd.DataFrame, NDArray[np.float64]], "pd.Series[bool]"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """What is planted, and how it is searched."""

    planted: Slices | None = None
    """Images → those that are ranked worse, from columns and from how alike each is to the text."""
    by: float = 0.0
    depth: int = 2
    columns: int = 10
    embedded: bool = False
    patients: int = PATIENTS


def _nearest(likeness: NDArray[np.float64]) -> NDArray[np.bool_]:
    return likeness >= np.quantile(likeness, 0.9)


DESIGNS = {
    "women in AP view": Design(
        planted=lambda t, _: t["sex"].eq("female") & t["view_position"].eq("AP"), by=0.2
    ),
    "women in AP view with a device": Design(
        planted=lambda t, _: (
            t["sex"].eq("female") & t["view_position"].eq("AP") & t["device"].eq("yes")
        ),
        by=0.25,
        depth=3,
        patients=2400,
    ),
    "a device": Design(planted=lambda t, _: t["device"].eq("yes"), by=0.15, patients=1200),
    "images near a text": Design(
        planted=lambda t, likeness: pd.Series(_nearest(likeness), index=t.index),
        by=0.25,
        embedded=True,
        patients=1800,
    ),
    "none, 10 columns": Design(patients=1200),
    "none, 40 columns": Design(columns=40, patients=600),
    "none, with embeddings": Design(embedded=True, patients=600),
    "none, depth 3": Design(depth=3, patients=600),
}


@dataclass(frozen=True, slots=True)
class Cohort:
    """Images, scores and embeddings with the truth."""

    dataset: Dataset
    scores: pd.DataFrame
    embeddings: Sequence[ModelEmbeddings]
    planted: NDArray[np.bool_]


def _table(design: Design, rng: Generator) -> pd.DataFrame:
    n = design.patients
    of_patient = {
        "sex": rng.choice(["female", "male"], n),
        "race": rng.choice(["asian", "black", "white"], n, p=[0.2, 0.3, 0.5]),
        "ward": rng.choice(["ICU", "ED", "floor", "clinic"], n),
    }
    patient = np.repeat(np.arange(n), 1 + rng.integers(0, 2, n))
    of_image = {
        "view_position": rng.choice(["AP", "PA"], patient.size),
        "device": rng.choice(["yes", "no"], patient.size, p=[0.4, 0.6]),
        "scanner": rng.choice(["a", "b", "c"], patient.size),
    }
    further = {
        f"column {k}": rng.choice([f"v{v}" for v in range(2 + k % 4)], patient.size)
        for k in range(design.columns - 6)
    }
    return pd.DataFrame(
        {
            "image": [f"i{k:05}" for k in range(patient.size)],
            "patient": [f"p{k}" for k in patient],
            **{name: values[patient] for name, values in of_patient.items()},
            **of_image,
            **further,
        }
    )


def draw(design: Design, seed: int) -> Cohort:
    """Draw a cohort of a design."""
    rng = np.random.default_rng([55, seed])
    table = _table(design, rng)
    n = len(table)
    number = pd.factorize(table["patient"])[0]
    n_patients = int(number.max()) + 1
    vectors = rng.normal(size=(n, DIMENSIONS)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    likeness = vectors[:, 0].astype(np.float64)
    planted = np.zeros(n, dtype=bool)
    if design.planted is not None:
        planted = design.planted(table, likeness).to_numpy()
    scores = []
    for finding in FINDINGS:
        tendency = np.sqrt(0.3) * rng.normal(size=n_patients)[number]
        positive = tendency + np.sqrt(0.7) * rng.normal(size=n) < ndtri(0.3)
        worse = planted & (finding == FINDINGS[0])
        distance = np.sqrt(2) * np.where(worse, ndtri(AUROC - design.by), ndtri(AUROC))
        noise = np.sqrt(0.5) * (rng.normal(size=n_patients)[number] + rng.normal(size=n))
        # Moved from both sides, so that the images of a slice differ from others in their ranking alone.
        score = noise + distance * (positive - 0.5)
        table[finding] = positive.astype(int)
        scores.append(
            pd.DataFrame(
                {
                    "image_id": table["image"],
                    "model": "m",
                    "prompt_set": "p",
                    "finding": finding,
                    "score": score,
                }
            )
        )
    apart = ("image", "patient", "view_position", "device", *FINDINGS)
    dataset = from_frame(
        table,
        name="simulated",
        root=".",
        image="image",
        patient="patient",
        findings=list(FINDINGS),
        view="view_position",
        shortcuts=["device"],
        attributes=[str(name) for name in table if name not in apart],
    )
    return Cohort(dataset, pd.concat(scores), _embeddings(design, table, vectors), planted)


def _embeddings(
    design: Design, table: pd.DataFrame, vectors: NDArray[np.float32]
) -> list[ModelEmbeddings]:
    """Return embeddings with twelve texts, each of one axis; the first is near the planted slice."""
    if not design.embedded:
        return []
    axes = np.eye(DIMENSIONS, dtype=np.float32)
    pairs = tuple(
        PromptPair(f"text {k}", "Other", f"text {k}", f"no text {k}", axes[k]) for k in range(12)
    )
    return [ModelEmbeddings("m", table["image"].to_numpy(dtype=str), vectors, pairs)]


@dataclass(frozen=True, slots=True)
class Found:
    """What a search of one cohort ended in."""

    examined: int
    confirmed: int
    right: bool
    """Whether a confirmed slice is the planted one, in essence."""
    false: bool
    """Whether a confirmed slice holds no more of the planted one than any images do."""
    as_searched: float
    """Difference of the first slice on the searched patients."""
    value: float
    """The same on the others."""


SAME = 0.5
"""Share of the images of two slices that are in both, from which they are the same in essence."""


def search(name: str, resamples: int, seed: int) -> Found:
    """Search and confirm slices in one cohort, with the error rate of a report of them alone."""
    design = DESIGNS[name]
    cohort = draw(design, seed)
    settings = AuditSettings(
        n_resamples=resamples, slices=5, slice_depth=design.depth, seed=seed, n_threads=1
    )
    made = make_cohort(cohort.dataset, cohort.scores, settings)
    scored = [
        Scored(None, [Run("m", sample, None, None)])
        for finding in FINDINGS
        for sample in samples(made, cohort.scores, finding)
    ]
    columns = [str(name) for name in cohort.dataset.images]
    found = audit_slices(Engine(made), scored, cohort.embeddings, columns)
    assert found.facts is not None
    (facts,) = found.facts["models"]
    rows = to_frame(judged(found.evaluated, settings), "simulated")
    rows = rows[(rows["reference"] != "") & (rows["analysis"] == Analysis.SLICES)]
    gaps = rows[rows["condition"] == ""]
    shown = gaps[(gaps["p_adjusted"] < 1 - settings.confidence_level) & (gaps["value"] < 0)]
    planted = pd.Series(cohort.planted, index=cohort.dataset.images["image_id"])
    planted = planted.reindex(made.images.index).to_numpy(dtype=bool)
    right = false = False
    for key in zip(shown["finding"], shown["group"], strict=True):
        parts = next(s["parts"] for s in facts["slices"] if (s["finding"], s["name"]) == key)
        inside = _images(cohort, made.images, parts)
        both, either = (inside & planted).sum(), (inside | planted).sum()
        of_finding = key[0] == FINDINGS[0]
        right |= bool(of_finding and both >= SAME * either)
        false |= bool(not of_finding or planted[inside].mean() <= planted.mean())
    first = rows[rows["group"] == gaps["group"].iloc[0]] if len(gaps) else rows
    values = [first.loc[first["condition"] == c, "value"] for c in (SEARCHED, "")]
    return Found(
        len(gaps),
        len(shown),
        right,
        false,
        *(float(one.iloc[0]) if len(one) else float("nan") for one in values),
    )


def _images(
    cohort: Cohort, images: pd.DataFrame, parts: Sequence[Mapping[str, Any]]
) -> NDArray[np.bool_]:
    """Apply the rule of a slice to images."""
    inside = np.ones(len(images), dtype=bool)
    for part in parts:
        if "column" in part:
            inside &= (images[part["column"]] == part["value"]).to_numpy()
        else:
            (embedded,) = cohort.embeddings
            pair = next(one for one in embedded.prompts if one.positive == part["text"])
            likeness = pd.Series(embedded.vectors @ pair.direction, index=embedded.image_ids)
            inside &= likeness.reindex(images.index).to_numpy() >= part["at_least"] - 1e-6
    return inside


HEAD = (
    "planted",
    "patients",
    "cohorts",
    "examined",
    "found",
    "false claims",
    "as searched",
    "on the others",
)


def lines(
    cohorts: int, null_cohorts: int, resamples: int, seed: int, workers: int
) -> Iterator[str]:
    """Yield the lines of the table."""
    yield from table_head(HEAD)
    with ProcessPoolExecutor(workers) as pool:
        for number, (name, design) in enumerate(DESIGNS.items()):
            n = cohorts if design.planted else null_cohorts
            seeds = [seed + 10_000 * number + k for k in range(n)]
            found = list(pool.map(partial(search, name, resamples), seeds))
            yield table_line(
                [
                    name,
                    f"{design.patients:,}",
                    str(n),
                    f"{np.mean([one.examined for one in found]):.1f}",
                    f"{sum(one.right for one in found)}" if design.planted else "",
                    f"{sum(one.false for one in found)} ({np.mean([one.false for one in found]):.1%})",
                    f"{np.nanmean([one.as_searched for one in found]):+.3f}".replace("-", "−"),
                    f"{np.nanmean([one.value for one in found]):+.3f}".replace("-", "−"),
                ]
            )


def main() -> None:
    """Print the table."""
    made = parser(__doc__, cohorts=24, resamples=500)
    made.add_argument("--null-cohorts", type=int, default=200)
    given = made.parse_args()
    print_lines(
        lines(given.cohorts, given.null_cohorts, given.resamples, given.seed, given.workers)
    )


if __name__ == "__main__":
    main()
