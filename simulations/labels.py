"""How often label errors are concluded from gaps, by reference labels of a subset of the patients.

    python -m simulations.labels [--cohorts 24] [--resamples 300] [--workers 2] [--seed 0] [DESIGN ...]

Each cohort has two groups; a labeler gives all images working labels, and some patients have reference
labels, which are the truth. Columns count cohorts; the last four are shares of those that have an interval.

=============  ====================================================================================
working gap    The working labels show a gap.
label error    The conclusion is *label error*, *partly*, or *larger*: the labels change the gap.
hidden         It is *hidden by label error*.
other          It is any other that says that the labels differ (*reversed*).
unlike         The subset is found to be no random one.
dependent      Errors are found to depend on the score.
both           The interval of the gap by both labels covers the true gap.
subset         That on the subset alone does.
corrected      That of the corrected gap does.
bounds         The interval of its bounds does.
=============  ====================================================================================
"""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from cxraudit import Audit, AuditSettings, audit, read_reference_labels, table_dataset
from cxraudit.audits.two_labels import LabelConclusion, label_conclusions
from cxraudit.schema import BOTH_LABELS, BOUNDS, CHANCE, COMPLEMENT, CORRECTED, ON_SUBSET, Analysis
from simulations.arguments import parser, print_lines, table_head, table_line

FINDING, GROUP, OTHERS = "Edema", "female", "male"
PREVALENCE = 0.3
CHANGED = (LabelConclusion.LABEL_ERROR, LabelConclusion.PARTLY, LabelConclusion.LARGER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """A cohort of two groups, the first first in each pair."""

    auroc: tuple[float, float] = (0.85, 0.85)
    missed: tuple[float, float] = (0.1, 0.1)
    """Share of images with the finding that have the working label 0."""
    false: tuple[float, float] = (0.02, 0.02)
    """Share of images without the finding that have the working label 1."""
    depends: float = 0.0
    """How the log odds of being missed fall with a standard deviation of the score."""
    n_patients: int = 2000
    n_reference: int = 400
    enriched: float = 1.0
    """How many times more likely a patient with a working label of 1 is in the subset."""
    weighted: bool = False

    @property
    def gap(self) -> float:
        """The true gap of the first group."""
        return self.auroc[0] - self.auroc[1]


DESIGNS = {
    "a gap that is not there": Design(missed=(0.6, 0.05), n_patients=3000, n_reference=900),
    "a gap that is hidden": Design(
        auroc=(0.78, 0.88), missed=(0.05, 0.6), n_patients=3000, n_reference=900
    ),
    "equally wrong, no gap": Design(missed=(0.3, 0.3)),
    "equally wrong, a gap": Design(auroc=(0.78, 0.88), missed=(0.3, 0.3)),
    "low scores missed": Design(missed=(0.5, 0.1), depends=1.5, n_reference=600),
    "subset of 100 patients": Design(missed=(0.6, 0.05), n_reference=100),
    "enriched subset": Design(missed=(0.6, 0.05), enriched=4.0),
    "enriched subset, weighted": Design(missed=(0.6, 0.05), enriched=4.0, weighted=True),
    "rare errors": Design(missed=(0.02, 0.02), false=(0.005, 0.005)),
}


def drawn(design: Design, seed: int) -> pd.DataFrame:
    """Draw patients, some with two images of which both have the finding or neither."""
    rng = np.random.default_rng([seed, 7])
    n = design.n_patients
    of_patient = np.repeat(np.arange(n), rng.integers(1, 3, n))
    first = (rng.random(n) < 0.5)[of_patient]
    positive = (rng.random(n) < PREVALENCE)[of_patient]

    def of(pair: tuple[float, float]) -> np.ndarray:
        return np.where(first, *pair)

    size = of_patient.size
    shared = rng.normal(size=n)[of_patient]
    score = np.sqrt(0.5) * shared + np.sqrt(0.5) * rng.normal(size=size)
    score = score + np.sqrt(2) * ndtri(of(design.auroc)) * positive
    # The share that is missed is kept on average, whatever errors depend on.
    centred = score - np.sqrt(2) * ndtri(of(design.auroc))
    place = ndtri(of(design.missed)) * np.sqrt(1 + design.depends**2) - design.depends * centred
    is_missed = rng.random(size) < (ndtr(place) if design.depends else of(design.missed))
    is_false = rng.random(size) < of(design.false)
    working = np.where(positive, ~is_missed, is_false)
    by_patient = np.zeros(n)
    np.maximum.at(by_patient, of_patient, working)
    wanted = np.where(by_patient > 0, design.enriched, 1.0)
    share = np.minimum(design.n_reference * wanted / wanted.sum(), 1.0)
    chosen = (rng.random(n) < share)[of_patient]
    return pd.DataFrame(
        {
            "image": [f"i{k:05d}" for k in range(size)],
            "patient": [f"p{k:05d}" for k in of_patient],
            FINDING: working.astype(int),
            "sex": np.where(first, GROUP, OTHERS),
            "score": score,
            "reference": np.where(chosen, positive, np.nan),
            "weight": 1 / share[of_patient],
        }
    )


def audited(table: pd.DataFrame, design: Design, *, n_resamples: int, seed: int) -> Audit:
    """Audit a cohort with the reference labels of its subset."""
    dataset = table_dataset(
        table, name="t", root=".", image="image", patient="patient", findings=[FINDING], sex="sex"
    )
    named = {"model": "m", "prompt_set": "none", "finding": FINDING}
    scores = pd.DataFrame({"image_id": table["image"], **named, "score": table["score"]})
    columns = {"image": "image_id", "reference": FINDING, "weight": "w"}
    known = table.loc[table["reference"].notna(), list(columns)].rename(columns=columns)
    source = read_reference_labels(
        known, dataset, columns={FINDING: FINDING}, weight="w" if design.weighted else None
    )
    settings = AuditSettings(
        n_resamples=n_resamples, n_threads=1, seed=seed, operating_point="none", calibration="none"
    )
    return audit(dataset, scores, attributes=["sex"], settings=settings, reference_labels=source)


def evaluate(seed: int, design: Design, n_resamples: int) -> dict[str, float]:
    """Say what is concluded of a cohort, and which intervals hold the true gap."""
    found = audited(drawn(design, seed), design, n_resamples=n_resamples, seed=seed)
    conclusion = label_conclusions(found).set_index("group").loc[GROUP]
    rows = found.results
    ours = rows[(rows["analysis"] == Analysis.REFERENCE_LABELS) & (rows["group"] == GROUP)]
    gaps = ours[ours["reference"] == COMPLEMENT].set_index("condition")
    errors = rows[
        (rows["analysis"] == Analysis.LABEL_ERRORS)
        & (rows["reference"] == CHANCE)
        & (rows["attribute"] == "sex")
    ]
    concluded = conclusion["conclusion"]
    row = {
        "working gap": float(conclusion["working_low"] > 0 or conclusion["working_high"] < 0),
        "label error": float(concluded in CHANGED),
        "hidden": float(concluded == LabelConclusion.HIDDEN),
        "other": float(concluded == LabelConclusion.REVERSED),
        "unlike": float(any(one["differs"] for one in found.facts["reference_labels"]["compared"])),
        "dependent": float(((errors["low"] > 0) | (errors["high"] < 0)).any()),
    }
    for name, condition in (
        ("both", BOTH_LABELS),
        ("subset", ON_SUBSET),
        ("corrected", CORRECTED),
        ("bounds", BOUNDS),
    ):
        low, high = gaps.loc[condition, ["low", "high"]]
        row[name] = float(low <= design.gap <= high) if np.isfinite(low) else np.nan
    return row


COUNTED = ("working gap", "label error", "hidden", "other", "unlike", "dependent")
COVERED = ("both", "subset", "corrected", "bounds")


def lines(names: list[str], n: int, n_resamples: int, seed: int, workers: int) -> Iterator[str]:
    """Yield the lines of a table in Markdown."""
    yield from table_head(["design", "true gap", *COUNTED, *COVERED])
    with ProcessPoolExecutor(workers) as pool:
        for name in names or DESIGNS:
            task = partial(evaluate, design=DESIGNS[name], n_resamples=n_resamples)
            seeds = range(seed * 100_000, seed * 100_000 + n)
            found = pd.DataFrame(pool.map(task, seeds))
            yield table_line(
                [
                    name,
                    f"{DESIGNS[name].gap:+.2f}",
                    *(str(int(found[one].sum())) for one in COUNTED),
                    *(f"{found[one].mean():.1%}" for one in COVERED),
                ]
            )


def main() -> None:
    """Print the table."""
    made = parser(__doc__, cohorts=24, resamples=300)
    made.add_argument("designs", nargs="*", metavar="DESIGN", help=", ".join(DESIGNS))
    given = made.parse_args()
    print_lines(lines(given.designs, given.cohorts, given.resamples, given.seed, given.workers))


if __name__ == "__main__":
    main()
