"""How often words for groups are found to move a gap further than neutral words, where it is known.

    python -m simulations.wordings [--cohorts 24] [--resamples 400] [--workers 2] [--seed 0]

The words are those of the package. Cohorts have 600 patients with two images; what helps to rank the finding
lies along axis 0 of 32 dimensions, and in female patients along axis 2, too.

* *no effect*: every word turns the direction of the prompts in a direction of its own, at random, by the same
  angle: words for groups and neutral ones can be exchanged.
* *words for sex*: the same, but words for female patients turn it towards axis 2, and those for male patients
  away from it, which moves the AUROC gap by sex.
* *a table of probabilities*, as generative models give them: each word changes the logit of all images, and
  that of the images of either sex, at random. With an effect, words for a sex also raise that of its own
  patients.

A row counts the cohorts in which words for sex move the gap further than neutral words: the interval of the
ratio lies above 1. The next column counts those whose report states that words for groups move something
further: beyond chance by size, too, adjusted over all ratios. The last column is about all ratios of the
audit, of which 2.5 % are expected without an effect.
"""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from scipy.special import expit
from threadpoolctl import threadpool_limits

from cxraudit.audits.embeddings.cohort import ModelEmbeddings, PromptPair, WordedPair
from cxraudit.audits.wordings import audit_wordings, of_embeddings, of_tables
from cxraudit.datasets.base import Dataset
from cxraudit.prompts.wordings import Phrase, load_wordings
from cxraudit.report.statements.wordings import is_shown
from cxraudit.schema import (
    VARIANT,
    VARIANT_ATTRIBUTE,
    VARIANT_GROUP,
    VARIANT_KIND,
    VARIANT_YEARS,
)
from cxraudit.settings import AuditSettings
from simulations.arguments import print_table, table_head, table_line

FINDING, MODEL = "Pneumonia", "simulated"
PATIENTS, IMAGES, DIMENSIONS = 600, 2, 32
TILT = 0.4
"""Length of what a word adds to a direction of length 1."""
OWN = 0.02
"""The same of each text of a word."""
LOGIT, OF_SEX = 0.3, 0.1
"""Standard deviations of what a word adds to the logit of all images, and to that of the images of a sex."""
RAISED = 0.6
"""What words for a sex add to the logit of its patients, with an effect."""


@dataclass(frozen=True, slots=True)
class Design:
    """What is drawn, and which row of the results says whether the effect was found."""

    name: str
    table: bool
    effect: bool

    @property
    def metric(self) -> str:
        """Ratio that the effect is about."""
        return "wording_score_gap_ratio" if self.table else "wording_gap_ratio"


DESIGNS = (
    Design("embeddings, no effect", table=False, effect=False),
    Design("embeddings, words for sex", table=False, effect=True),
    Design("table of probabilities, no effect", table=True, effect=False),
    Design("table of probabilities, words for sex", table=True, effect=True),
)


def cohort(rng: np.random.Generator) -> tuple[Dataset, np.ndarray]:
    """Draw images with a finding and a sex, and their embeddings."""
    patient = np.repeat(np.arange(PATIENTS), IMAGES)
    finding = rng.random(PATIENTS) < 0.4
    female = rng.random(PATIENTS) < 0.5
    x = np.sqrt(0.7) * rng.normal(size=(patient.size, DIMENSIONS))
    x += np.sqrt(0.3) * rng.normal(size=(PATIENTS, DIMENSIONS))[patient]
    x[:, 0] += 1.2 * finding[patient]
    x[:, 2] += 1.5 * (finding & female)[patient]
    images = pd.DataFrame(
        {
            "image_id": [f"i{k:05d}" for k in range(patient.size)],
            "patient_id": [f"p{k:05d}" for k in patient],
            "study_id": [f"s{k:05d}" for k in range(patient.size)],
            "path": "",
            "view_position": "PA",
            FINDING: finding[patient].astype(float),
            "sex": np.where(female[patient], "female", "male"),
        }
    )
    dataset = Dataset(
        name="simulated",
        version="",
        license="",
        root=None,
        images=images,
        findings=(FINDING,),
        attributes=("sex",),
    )
    return dataset, x


def embeddings(
    dataset: Dataset, x: np.ndarray, rng: np.random.Generator, *, effect: bool
) -> ModelEmbeddings:
    """Return embeddings with the directions of all wordings."""
    base = np.eye(DIMENSIONS)[0]
    tilts: dict[tuple[str, str, str], np.ndarray] = {}

    def direction(phrase: Phrase) -> np.ndarray:
        word = phrase.kind, phrase.attribute, phrase.group
        if word not in tilts:
            drawn = rng.normal(size=DIMENSIONS)
            tilts[word] = TILT * drawn / np.linalg.norm(drawn)
            if effect and phrase.attribute == "sex":
                sign = 1 if phrase.group == "female" else -1
                tilts[word] = TILT * sign * np.eye(DIMENSIONS)[2]
        return base + tilts[word] + OWN * rng.normal(size=DIMENSIONS)

    def pair(name: str, vector: np.ndarray) -> PromptPair:
        return PromptPair(name, FINDING, "", "", vector.astype(np.float32))

    worded = tuple(
        WordedPair(phrase, pair(phrase.name, direction(phrase)))
        for phrase in load_wordings().phrases
    )
    ids = dataset.images["image_id"].to_numpy(dtype=np.str_)
    prompts = (pair("base", base),)
    return ModelEmbeddings(MODEL, ids, x.astype(np.float32), prompts, wordings=worded)


def tables(
    dataset: Dataset, x: np.ndarray, rng: np.random.Generator, *, effect: bool
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the probabilities without words, and with each."""
    female = (dataset.images["sex"] == "female").to_numpy()
    logit = 1.5 * x[:, 0] - 1
    common = {
        "image_id": dataset.images["image_id"],
        "model": MODEL,
        "prompt_set": "none",
        "finding": FINDING,
    }

    def scores(moved: np.ndarray) -> pd.DataFrame:
        return pd.DataFrame({**common, "score": expit(moved)})

    parts = []
    for phrase in load_wordings().phrases:
        by_sex = np.where(female, *rng.normal(scale=OF_SEX, size=2))
        moved = logit + rng.normal(scale=LOGIT) + by_sex
        if effect and phrase.attribute == "sex":
            moved = moved + RAISED * (female == (phrase.group == "female"))
        parts.append(
            scores(moved).assign(
                **{
                    VARIANT: phrase.name,
                    VARIANT_KIND: phrase.kind,
                    VARIANT_ATTRIBUTE: phrase.attribute,
                    VARIANT_GROUP: phrase.group,
                    VARIANT_YEARS: phrase.years,
                }
            )
        )
    return scores(logit), pd.concat(parts, ignore_index=True)


def evaluate(seed: int, design: Design, n_resamples: int) -> dict[str, int]:
    """Audit one cohort; count what was found, and ratios above 1 among all."""
    rng = np.random.default_rng([seed, DESIGNS.index(design)])
    dataset, x = cohort(rng)
    if design.table:
        sources = of_tables(*tables(dataset, x, rng, effect=design.effect))
    else:
        embedded = embeddings(dataset, x, rng, effect=design.effect)
        sources = [of_embeddings(embedded, "simulated")]
    settings = AuditSettings(n_resamples=n_resamples, n_threads=1)
    with threadpool_limits(1):
        rows = audit_wordings(dataset, sources, ["sex"], settings).results
    ratios = rows[rows["metric"].str.endswith("_ratio")]
    shown = ratios[is_shown(ratios)]
    own = ratios[
        (ratios["metric"] == design.metric)
        & (ratios["attribute"] == "sex")
        & (ratios["condition"] == "sex")
    ]
    return {
        "found": int((own["low"] > 1).sum()),
        "named": int(len(shown) > 0),
        "above": int((ratios["low"] > 1).sum()),
        "ratios": len(ratios),
    }


def lines(n: int, n_resamples: int, seed: int, workers: int) -> Iterator[str]:
    """Yield the lines of a table in Markdown."""
    yield from table_head(
        [
            "design",
            "cohorts",
            "gap by sex beyond neutral words",
            "anything stated to be moved further",
            "all ratios beyond",
        ]
    )
    seeds = range(seed * 1000, seed * 1000 + n)
    with ProcessPoolExecutor(workers) as pool:
        for design in DESIGNS:
            each = partial(evaluate, design=design, n_resamples=n_resamples)
            found = pd.DataFrame(list(pool.map(each, seeds))).sum()
            beyond = f"{found['above']} of {found['ratios']}"
            yield table_line(
                [design.name, str(n), str(found["found"]), str(found["named"]), beyond]
            )


def main() -> None:
    """Print the table."""
    print_table(__doc__, lines, cohorts=24, resamples=400)


if __name__ == "__main__":
    main()
