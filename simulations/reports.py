"""How often a whole report makes a false claim, and finds a planted gap.

    python -m simulations.reports [--models 1 6] [--cohorts 400] [--resamples 2000] [--seed 0]

Cohorts of 350 patients with two findings and sex, race, age and view are audited with everything by default,
with one model and with six, whose scores are correlated. What gets no verdict is left out: it decides none.
Columns, with the target:

==============  ===================================================================================
disparity       A report without any gap has a false disparity (at most 5 %).
claim           It has any false claim: a verdict that says that a difference is there, or a test of
                all groups below α after adjustment (at most 5 %).
covered         All simultaneous intervals of it cover 0 (at least 95 %).
min-p, Holm     With an AUROC of the first model lower by 0.15 in one sex, for one finding: this gap
                is shown, under one error rate for the report.
by model        It is, by Holm under one error rate for each model.
alone           It is, without adjustment.
any of,         Mean number of comparisons of that model, finding and sex that are shown, of all
by Holm         families: by min-p, and by Holm.
==============  ===================================================================================
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import ndtri

from cxraudit.audits.engine import Engine, Evaluated
from cxraudit.audits.families import family_of, shares
from cxraudit.audits.plan import Comparison, Equality, Item, Tested
from cxraudit.audits.run import audit
from cxraudit.datasets.table import from_frame
from cxraudit.schema import Analysis, Confirmatory
from cxraudit.settings import AuditSettings
from cxraudit.stats.multiplicity import step_down
from simulations.arguments import parser, print_lines

PATIENTS = 350
FINDINGS = ("Edema", "Pneumonia")
AUROC, GAP = 0.85, 0.15
ALPHA = 0.05
SHOWN = ("disparity", "difference of unclear size", "small difference")
COUNTS = ("any of", "by Holm")
COLUMNS = ("disparity", "claim", "covered", "min-p", "Holm", "by model", "alone", *COUNTS)

Row = dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """How a cohort is drawn."""

    sizes: Callable[[Generator], NDArray[np.int64]]
    """Images of each patient."""
    patient_share: float = 0.3
    """How far positives come in few patients."""
    prevalence: float = 0.2
    rounded: bool = False
    """Whether scores are rounded to 0.1 of a probability."""
    informative: float = 0.0
    """Shift of all scores per doubling of a patient's number of images."""


def _few(rng: Generator) -> NDArray[np.int64]:
    return 1 + rng.poisson(2.0, PATIENTS)


def _heavy_tail(rng: Generator) -> NDArray[np.int64]:
    return np.minimum(np.ceil(rng.pareto(1.3, PATIENTS) + 0.5), 150).astype(np.int64)


def _in_and_out(rng: Generator) -> NDArray[np.int64]:
    return np.append(np.full(25, 20), np.full(PATIENTS - 25, 2))


DESIGNS: Mapping[str, Design] = {
    "three images each": Design(sizes=_few),
    "Pareto images per patient": Design(sizes=_heavy_tail),
    "in- and out-patients": Design(sizes=_in_and_out),
    "positives in few patients": Design(sizes=_few, patient_share=0.9, prevalence=0.1),
    "scores rounded to 0.1": Design(sizes=_few, rounded=True),
    "informative numbers of images": Design(sizes=_heavy_tail, informative=0.4),
}


def table(
    design: Design, rng: Generator, models: int, gap: float = 0.0
) -> tuple[pd.DataFrame, dict[str, dict[str, NDArray[np.float64]]]]:
    """Draw images, and scores of each model and finding; `gap` is what one sex is ranked worse by."""
    sizes = design.sizes(rng)
    n = sizes.size
    patient = np.repeat(np.arange(n), sizes)
    of_patient = {
        "sex": rng.choice(["F", "M"], n),
        "race": rng.choice(["Asian", "Black", "White"], n, p=[0.15, 0.25, 0.6]),
        "age": rng.integers(20, 90, n),
    }
    images = pd.DataFrame(
        {
            "image": [f"i{k}" for k in range(patient.size)],
            "patient": [f"p{k}" for k in patient],
            **{name: values[patient] for name, values in of_patient.items()},
            "view": rng.choice(["AP", "PA"], patient.size),
        }
    )
    scores: dict[str, dict[str, NDArray[np.float64]]] = {f"model {k}": {} for k in range(models)}
    for finding in FINDINGS:
        latent = np.sqrt(design.patient_share) * rng.normal(size=n)[patient]
        latent = latent + np.sqrt(1 - design.patient_share) * rng.normal(size=patient.size)
        positive = latent < ndtri(design.prevalence)
        images[finding] = positive.astype(int)
        shared = _noise(rng, patient, n)
        for name, of_findings in scores.items():
            noise = np.sqrt(0.5) * shared + np.sqrt(0.5) * _noise(rng, patient, n)
            worse = (name, finding) == ("model 0", FINDINGS[0]) and images["sex"].eq("F").to_numpy()
            shift = np.where(worse, _distance(AUROC - gap), _distance(AUROC))
            score = noise + positive * shift + design.informative * np.log2(sizes)[patient]
            of_findings[finding] = (
                np.round(1 / (1 + np.exp(-score)), 1) if design.rounded else score
            )
    return images, scores


def _distance(auroc: float) -> float:
    return float(np.sqrt(2) * ndtri(auroc))


def _noise(rng: Generator, patient: NDArray[np.int64], n: int) -> NDArray[np.float64]:
    return np.sqrt(0.5) * rng.normal(size=n)[patient] + np.sqrt(0.5) * rng.normal(size=patient.size)


class Confirming(Engine):
    """Evaluates the confirmatory items of plans."""

    def evaluate(self, plan: Sequence[Item]) -> list[Evaluated]:
        """Leave out levels, and comparisons that get no verdict."""
        tested = (Comparison, Tested, Equality)
        return super().evaluate(
            [item for item in plan if isinstance(item, tested) and _is_confirmatory(item)]
        )


def _is_confirmatory(item: Comparison | Tested | Equality) -> bool:
    return isinstance(item, Equality) or family_of(item) is not None


def confirmatory_results(
    design: Design, seed: int, models: int, gap: float, settings: AuditSettings
) -> pd.DataFrame:
    """Audit a cohort, without what gets no verdict, and without the other weighting."""
    with (
        patch("cxraudit.audits.run.Engine", Confirming),
        patch("cxraudit.audits.run.with_other_weight", lambda engine, plan, found: found),
    ):
        return results(design, seed, models, gap, settings)


def results(
    design: Design, seed: int, models: int, gap: float, settings: AuditSettings
) -> pd.DataFrame:
    """Audit a cohort."""
    images, scores = table(design, np.random.default_rng([seed, models, gap > 0]), models, gap)
    dataset = from_frame(
        images,
        name="simulated",
        root=Path(),
        image="image",
        patient="patient",
        findings={finding: finding for finding in FINDINGS},
        sex="sex",
        age="age",
        view="view",
        attributes={"race": "race"},
    )
    long = pd.concat(
        pd.DataFrame(
            {
                "image_id": images["image"],
                "model": name,
                "prompt_set": "none",
                "finding": finding,
                "score": score,
            }
        )
        for name, of_findings in scores.items()
        for finding, score in of_findings.items()
    )
    return audit(dataset, long, settings=replace(settings, seed=seed)).results


def without_gap(seed: int, name: str, models: int, settings: AuditSettings) -> Row:
    """Count the false claims of a report."""
    found = confirmatory_results(DESIGNS[name], seed, models, 0.0, settings)
    shown = found["verdict"].isin(SHOWN) | (
        (found["family"] == Confirmatory.ALL_GROUPS) & (found["p_adjusted"] < ALPHA)
    )
    missed = (found["low_simultaneous"] > 0) | (found["high_simultaneous"] < 0)
    families = set(found["family"]) & set(Confirmatory)
    return {
        "disparity": float((found["verdict"] == "disparity").any()),
        "claim": float(shown.any()),
        "covered": float(not missed.any()),
        **{str(family): float(shown[found["family"] == family].any()) for family in families},
    }


def with_gap(seed: int, name: str, models: int, settings: AuditSettings) -> Row:
    """Look for a planted gap, under each way to share the error rate."""
    found = confirmatory_results(DESIGNS[name], seed, models, GAP, settings)
    tested = found[found["p_adjusted"].notna() & found["family"].isin(set(Confirmatory))]
    where = {"model": "model 0", "finding": FINDINGS[0], "attribute": "sex", "group": "female"}
    about = (tested[list(where)] == pd.Series(where)).all(axis=1)
    planted = about & (tested["analysis"] == Analysis.SUBGROUPS)
    holm = by_holm(tested)
    by_model = pd.concat([by_holm(part) for _, part in tested.groupby("model")])
    return {
        "min-p": _any(tested.loc[planted, "p_adjusted"]),
        "Holm": _any(holm[planted]),
        "by model": _any(by_model[planted]),
        "alone": _any(tested.loc[planted, "p_value"]),
        "any of": float((tested.loc[about, "p_adjusted"] < ALPHA).sum()),
        "by Holm": float((holm[about] < ALPHA).sum()),
    }


def _any(p_values: "pd.Series[float]") -> float:
    return float((p_values < ALPHA).any())


def by_holm(tested: pd.DataFrame) -> "pd.Series[float]":
    """Adjust confirmatory comparisons with the same shares for any dependence."""
    size = tested["value"].abs().round(12)
    same = ["model", "analysis", "finding", "attribute", "condition", "size", "p_value"]
    key = tested.assign(size=size).groupby(same, dropna=False).ngroup()
    first = ~key.duplicated()
    families = tested.loc[first, "family"]
    weights = families.map(shares([Confirmatory(one) for one in set(families)])) / families.map(
        families.value_counts()
    )
    adjusted = step_down(tested.loc[first, "p_value"], weights, alpha=ALPHA).p_values
    return key.map(dict(zip(key[first], adjusted, strict=True)))


def lines(
    names: Sequence[str], numbers: Sequence[int], n: int, settings: AuditSettings, workers: int
) -> Iterator[str]:
    """Yield the lines of a table in Markdown, and what was claimed by family."""
    yield f"| design | models | {' | '.join(COLUMNS)} |"
    yield "|---" * (2 + len(COLUMNS)) + "|"
    seeds = range(settings.seed * 100_000, settings.seed * 100_000 + n)
    with ProcessPoolExecutor(workers) as pool:
        for models in numbers:
            few = 2 if models == 1 else 6  # fewer cohorts with a gap, as they take as long
            for name in names:
                given = {"name": name, "models": models, "settings": settings}
                none = pd.DataFrame(pool.map(partial(without_gap, **given), seeds)).fillna(0).mean()
                gap = pd.DataFrame(pool.map(partial(with_gap, **given), seeds[: n // few])).mean()
                row = pd.concat([none, gap])
                cells = [f"{row[c]:.2f}" if c in COUNTS else f"{row[c]:.1%}" for c in COLUMNS]
                yield f"| {name} | {models} | {' | '.join(cells)} |"
                of_families = none.drop([c for c in COLUMNS if c in none])
                yield "  " + ", ".join(
                    f"{family} {of_families[family]:.1%}" for family in of_families.index
                )


def main() -> None:
    """Print the table."""
    options = parser(__doc__, cohorts=400, resamples=2000)
    options.add_argument("designs", nargs="*", metavar="DESIGN", choices=[[], *DESIGNS])
    options.add_argument("--models", type=int, nargs="+", default=[1, 6])
    given = options.parse_args()
    settings = AuditSettings(
        n_resamples=given.resamples, seed=given.seed, calibration="none", n_threads=1
    )
    names = given.designs or list(DESIGNS)
    print_lines(lines(names, given.models, given.cohorts, settings, given.workers))


if __name__ == "__main__":
    main()
