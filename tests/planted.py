"""Tables and embeddings with effects planted on request: what the audits must find."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from cxraudit.audits.cohort import Cohort, Sample, make_cohort, samples, scored_findings
from cxraudit.audits.embeddings.cohort import (
    EmbeddedCohort,
    ModelEmbeddings,
    PromptPair,
    WordedPair,
    embedded_cohort,
)
from cxraudit.audits.engine import Engine, Evaluated, to_frame
from cxraudit.audits.groups import cross
from cxraudit.audits.plan import Item
from cxraudit.audits.result import Audit
from cxraudit.audits.run import audit
from cxraudit.audits.scores import scores_from_wide
from cxraudit.audits.verdicts import judged
from cxraudit.datasets.base import Dataset
from cxraudit.datasets.table import from_frame
from cxraudit.prompts.wordings import Phrase
from cxraudit.schema import CONTROLS, PERTURBED_COLUMNS, REGION_KIND, UNEDITED, control_of
from cxraudit.settings import AuditSettings

FINDINGS = ("Pneumothorax", "Cardiomegaly")
ATTRIBUTES = ("age_group", "sex", "race")
QUICK = AuditSettings(n_resamples=400)
POINT = AuditSettings(n_resamples=0)
"""Values without intervals."""
RANKED = AuditSettings(n_resamples=400, operating_point="none", calibration="none")
"""Nothing at a threshold, and no probabilities."""


def planted_table(
    seed: int, *, n_patients: int = 400, age_gap: float = 0.0, drain_gap: float = 0.0
) -> pd.DataFrame:
    """Images with scores: two findings, images alike within patients, and effects on request.

    A finding raises the score by 1.8 standard deviations; `age_gap` takes some of that away from
    patients of 80 and over, `drain_gap` from pneumothorax without a drain.
    """
    rng = np.random.default_rng(seed)
    images = rng.integers(1, 6, size=n_patients)
    patient = np.repeat(np.arange(n_patients), images)
    n = patient.size
    age = rng.integers(18, 95, size=n_patients)[patient]
    frame = pd.DataFrame(
        {
            "file": [f"image{i:05d}.png" for i in range(n)],
            "pid": patient,
            "age": age,
            "sex": rng.choice(["F", "M"], size=n_patients)[patient],
            "race": rng.choice(["asian", "black", "white"], size=n_patients)[patient],
        }
    )
    for finding in FINDINGS:
        tendency = rng.normal(scale=0.8, size=n_patients)[patient]
        label = rng.random(n) < 1 / (1 + np.exp(1.4 - tendency))
        own = rng.normal(scale=0.6, size=n_patients)[patient]
        strength = 1.8 - age_gap * (age >= 80)
        if finding == "Pneumothorax":
            drain = np.where(label, rng.random(n) < 0.5, rng.random(n) < 0.05)
            frame["drain"] = drain.astype(int)
            strength = strength - drain_gap * ~drain
        frame[finding] = label.astype(int)
        frame[f"score_{finding}"] = label * strength + own + rng.normal(size=n) * 0.8
    return frame


def with_no_finding(frame: pd.DataFrame) -> pd.DataFrame:
    """Add the label No Finding, where there is no cardiomegaly, scored by how little speaks for it."""
    return frame.assign(
        **{
            "No Finding": 1 - frame["Cardiomegaly"],
            "score_No Finding": -frame["score_Cardiomegaly"],
        }
    )


def _scored(frame: pd.DataFrame) -> list[str]:
    """Return the findings that a table has scores of."""
    columns = frame.columns[frame.columns.str.startswith("score_")]
    return [str(column).removeprefix("score_") for column in columns]


def planted_dataset(frame: pd.DataFrame) -> Dataset:
    """Return the data set of a `planted_table`; a column ``view`` is the view position."""
    return from_frame(
        frame,
        name="planted",
        root=Path(),
        image="file",
        patient="pid",
        findings=_scored(frame),
        age="age",
        sex="sex",
        view="view" if "view" in frame else None,
        attributes=["race"],
        shortcuts=["drain"],
    )


def planted_scores(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the scores of a `planted_table`."""
    columns = {finding: f"score_{finding}" for finding in _scored(frame)}
    return scores_from_wide(frame, image="file", columns=columns, model="m")


def audit_of(
    frame: pd.DataFrame, *, settings: AuditSettings = QUICK, **options: Any
) -> pd.DataFrame:
    """Return the results of the audit of a `planted_table`."""
    return whole_audit_of(frame, settings=settings, **options).results


def whole_audit_of(
    frame: pd.DataFrame, *, settings: AuditSettings = QUICK, **options: Any
) -> Audit:
    """Audit a `planted_table`."""
    return audit(planted_dataset(frame), planted_scores(frame), settings=settings, **options)


def cohort_of(
    frame: pd.DataFrame,
    *,
    settings: AuditSettings = QUICK,
    attributes: Sequence[str] = ATTRIBUTES,
    dataset: Dataset | None = None,
) -> Cohort:
    """Return the images of a `planted_table` with their resamples."""
    named = cross(dataset or planted_dataset(frame), attributes)
    return make_cohort(named, planted_scores(frame), settings)


def sample_of_finding(cohort: Cohort, frame: pd.DataFrame, finding: str) -> Sample:
    """Return the images of one finding of a `planted_table`."""
    (sample,) = samples(cohort, planted_scores(frame), finding)
    return sample


def planned(
    frame: pd.DataFrame,
    plan: Callable[[Cohort, Sample], Sequence[Item]],
    *,
    settings: AuditSettings = QUICK,
    dataset: Dataset | None = None,
    attributes: Sequence[str] = ATTRIBUTES,
) -> pd.DataFrame:
    """Return the results of one plan, of every finding of a `planted_table`."""
    cohort = cohort_of(frame, settings=settings, attributes=attributes, dataset=dataset)
    scores = planted_scores(frame)
    engine = Engine(cohort)
    evaluated: list[Evaluated] = []
    for finding in scored_findings(cohort, scores):
        for sample in samples(cohort, scores, finding):
            evaluated += engine.evaluate(plan(cohort, sample))
    return to_frame(judged(evaluated, settings), cohort.dataset.name)


def pick(results: pd.DataFrame, **where: Any) -> pd.DataFrame:
    """Return the rows with these values; NaN is a value."""
    for column, value in where.items():
        same = results[column].isna() if value != value else results[column] == value
        results = results[same]
    return results


def the(results: pd.DataFrame, **where: Any) -> pd.Series:
    """Return the one row with these values."""
    rows = pick(results, **where)
    assert len(rows) == 1, f"{len(rows)} rows with {where}"
    return rows.iloc[0]


Perturbation = Callable[
    [str, NDArray[np.float64], np.random.Generator], NDArray[np.float64] | pd.Series
]
"""(finding, logits, rng) → logits of the perturbed images."""


def unchanged(
    finding: str, logits: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Perturb nothing."""
    return logits


def perturbed_scores(
    frame: pd.DataFrame, perturbations: Mapping[tuple[str, int], Perturbation], *, seed: int = 0
) -> pd.DataFrame:
    """Return scores (probabilities) of unedited and perturbed images, by (perturbation, severity)."""
    rng = np.random.default_rng(seed)
    tables = []
    for finding in _scored(frame):
        logits = frame[f"score_{finding}"].to_numpy()
        for (name, severity), change in {(UNEDITED, 0): unchanged, **perturbations}.items():
            tables.append(
                pd.DataFrame(
                    {
                        "image_id": frame["file"],
                        "model": "m",
                        "prompt_set": "none",
                        "finding": finding,
                        "perturbation": name,
                        "severity": severity,
                        "score": expit(change(finding, logits, rng)),
                    }
                )[list(PERTURBED_COLUMNS)]
            )
    return pd.concat(tables, ignore_index=True)


def inserted(
    effect: float, *, control: float = 0.0, spread: float = 0.4
) -> dict[tuple[str, int], Perturbation]:
    """A drain raises the logit of pneumothorax by `effect`, the controls by `control`, more or less."""

    def moved(size: float) -> Perturbation:
        def change(
            finding: str, logits: NDArray[np.float64], rng: np.random.Generator
        ) -> NDArray[np.float64]:
            step = size if finding == "Pneumothorax" else 0.0
            return logits + step + rng.normal(scale=spread, size=logits.size)

        return change

    return {("drain", 0): moved(effect), **{(name, 0): moved(control) for name in CONTROLS}}


D = 24
"""Dimensions of `planted_embeddings`."""
FINDING = "Pneumonia"
"""Finding of `planted_embeddings`."""


def planted_embeddings(
    seed: int, n_patients: int = 500, *, strength: float = 0.5, noise: float = 0.35
) -> tuple[Dataset, ModelEmbeddings]:
    """Embeddings with a finding along axis 0 and four attributes of patients.

    ``used`` lies along the score's axis and one more, ``hidden`` along an axis orthogonal to it,
    ``curved`` is in the square of an axis (no line decodes it), ``absent`` is nowhere.
    """
    rng = np.random.default_rng(seed)
    patients = np.repeat(np.arange(n_patients), 2)
    n = patients.size
    names = ("used", "hidden", "curved", "absent")
    groups = {name: rng.random(n_patients) < 0.5 for name in names}
    of_image = {name: values[patients] for name, values in groups.items()}
    label = rng.random(n) < 0.4
    x = rng.normal(size=(n, D)) * noise
    x += 0.15 * rng.normal(size=(n_patients, D))[patients]
    x[:, 0] += 0.9 * label + strength * of_image["used"]
    x[:, 1] += strength * of_image["used"]
    x[:, 2] += 2 * strength * of_image["hidden"]
    x[:, 3] = np.where(of_image["curved"], 2.0, 0.6) * x[:, 3] / noise * 0.4
    x += 1.2 * rng.normal(size=(n, 1)) * np.eye(D)[5]  # a large axis that means nothing
    x += 1.0 * rng.normal(size=(n, 1)) * np.eye(D)[6]
    images = pd.DataFrame(
        {
            "image_id": [f"f{k:05d}" for k in range(n)],
            "patient_id": [f"p{k}" for k in patients],
            "study_id": [f"s{k}" for k in range(n)],
            "path": "",
            "view_position": "PA",
            FINDING: label.astype(float),
            **{name: np.where(values, "yes", "no") for name, values in of_image.items()},
        }
    )
    dataset = Dataset(
        name="simulated",
        version="",
        license="",
        root=None,
        images=images,
        findings=(FINDING,),
        attributes=names,
    )
    axis = np.eye(D, dtype=np.float32)
    pairs = (PromptPair("usual", FINDING, "yes", "no", axis[0]),)
    bank = (
        *(
            PromptPair(f"pair {k}", FINDING, "yes", "no", axis[0] + 0.1 * k * axis[4])
            for k in range(5)
        ),
        PromptPair("inverted", FINDING, "no", "yes", -axis[0]),
    )
    ids = images["image_id"].to_numpy(dtype=np.str_)
    return dataset, ModelEmbeddings("m", ids, x.astype(np.float32), pairs, bank)


def embedded_cohort_of(
    dataset: Dataset, embedded: ModelEmbeddings, settings: AuditSettings = QUICK
) -> EmbeddedCohort:
    """Line embeddings up with their images."""
    images = pd.DataFrame({"image_id": embedded.image_ids})
    cohort = embedded_cohort(make_cohort(dataset, images, settings), embedded)
    assert cohort is not None
    return cohort


def embedding_scores(embedded: ModelEmbeddings) -> pd.DataFrame:
    """Return the scores of embeddings: along the direction of the prompt pair of each finding."""
    tables = [
        pd.DataFrame(
            {
                "image_id": embedded.image_ids,
                "model": embedded.model,
                "prompt_set": "none",
                "finding": prompt.finding,
                "score": embedded.vectors.astype(float) @ prompt.direction.astype(float),
            }
        )
        for prompt in embedded.prompts
    ]
    return pd.concat(tables, ignore_index=True)


def worded_pairs(embedded: ModelEmbeddings, rng: np.random.Generator) -> tuple[WordedPair, ...]:
    """Return the prompts with words for two groups, and with three neutral words, that turn their direction."""
    words = [("demographic", "used", "yes"), ("demographic", "used", "no")]
    words += [("neutral", "day", name) for name in ("Monday", "Tuesday", "Friday")]
    pairs = []
    for kind, attribute, group in words:
        phrase = Phrase(name=f"… {group}", kind=kind, attribute=attribute, group=group)
        for pair in embedded.prompts:
            turned = pair.direction + 0.3 * rng.normal(size=pair.direction.size)
            vector = turned.astype(np.float32)
            pairs.append(WordedPair(phrase, replace(pair, name=phrase.name, direction=vector)))
    return tuple(pairs)


def inputs_of_everything(seed: int = 0, n_patients: int = 150) -> dict[str, Any]:
    """Return what `cxraudit.audits.run.audit` takes, for an audit with rows of every analysis.

    Two models scored two findings; the first has embeddings of images and reports, a bank of prompts and
    scores of perturbed images; some drains are a detector's, with known errors. One site has no pneumonia and
    no labels of edema, one has nothing but pneumonia.
    """
    dataset, embedded = planted_embeddings(seed, n_patients)
    rng = np.random.default_rng([seed, 1])
    n = len(dataset.images)
    label = dataset.images[FINDING] == 1
    drain = np.where(rng.random(n) < np.where(label, 0.6, 0.3), "yes", "no")
    site = dataset.images["patient_id"].str[1:].astype(int) % 20
    label = label.mask(site == 0, False).mask(site == 1, True)
    images = dataset.images.assign(
        site=site.map({0: "negative", 1: "positive"}).fillna("both"),
        **{FINDING: label.astype(float)},
        Edema=np.where(site == 0, np.nan, rng.random(n) < 0.4),
        drain=np.where(rng.random(n) < 0.05, "unknown", drain),
        drain_source=rng.choice(["annotated", "predicted"], n),
        view_position=rng.choice(["AP", "PA"], n),
    )
    errors = {
        f"{rate}{end}": 0.9 + step
        for rate in ("sensitivity", "specificity")
        for end, step in (("", 0.0), ("_low", -0.05), ("_high", 0.05))
    }
    dataset = replace(
        dataset,
        images=images,
        findings=(FINDING, "Edema"),
        attributes=("used", "hidden", "view_position", "site"),
        shortcuts=("drain",),
        label_errors={"drain": errors},
    )
    edema = PromptPair("usual", "Edema", "yes", "no", np.eye(D, dtype=np.float32)[1])
    embedded = replace(
        embedded,
        prompts=(*embedded.prompts, edema),
        texts=embedded.vectors[:, ::-1].copy(),
        wordings=worded_pairs(embedded, rng),
    )
    first = embedding_scores(embedded)
    second = first.assign(model="n", score=first["score"] + rng.normal(size=len(first)))
    changes = {  # (perturbation, severity): mean and standard deviation of the change
        ("unedited", 0): (0.0, 0.0),
        ("drain", 0): (1.0, 0.3),
        ("control", 0): (0.0, 0.3),
        ("noise", 1): (0.0, 0.5),
        ("noise", 3): (0.0, 1.0),
        ("jpeg", 3): (0.0, 0.0),
        ("without-lungs", 0): (0.2, 2.0),
        (control_of("without-lungs"), 0): (0.0, 0.3),
    }
    perturbed = [
        first.assign(
            perturbation=name,
            severity=severity,
            kind=REGION_KIND if "without" in name else "",
            score=first["score"] + step + spread * rng.normal(size=len(first)),
        )
        for (name, severity), (step, spread) in changes.items()
    ]
    return {
        "dataset": dataset,
        "scores": pd.concat([first, second], ignore_index=True),
        "attributes": ["used", "hidden", "used*hidden", "view_position", "site"],
        "shortcuts": {"drain": FINDING, "view_position:AP": "Edema"},
        "embeddings": [embedded],
        "perturbed": pd.concat(perturbed, ignore_index=True),
        "reference_labels": _reference_labels(images, np.random.default_rng([seed, 2])),
    }


def _reference_labels(images: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return labels of half of the images, of which a tenth differ from those of the data set."""
    chosen = images[rng.random(len(images)) < 0.5]
    differs = rng.random((len(chosen), 2)) < 0.1
    labels = chosen[[FINDING, "Edema"]].astype(float)
    return labels.mask(differs, 1 - labels).assign(image_id=chosen["image_id"])
