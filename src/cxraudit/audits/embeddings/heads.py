"""Heads: scores of findings from embeddings that have no text side, fitted on patients of their own.

A head is a linear score: its weights are the direction of embedding space that the score follows, as the
difference of two prompts is in an image–text model, so that every analysis of directions holds for it.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from cxraudit.audits.embeddings.checks import checked
from cxraudit.audits.embeddings.cohort import ModelEmbeddings, PromptPair, Vectors
from cxraudit.datasets.base import IF_INDEPENDENT, Dataset
from cxraudit.errors import ConfigError, DataError, UnknownNameError, short
from cxraudit.notices import Notice, counted
from cxraudit.schema import SCORE_COLUMNS
from cxraudit.stats.heads import LinearHead, fit_head
from cxraudit.streams import Stream, generator

HEAD = "head"
"""Prompt set of scores of heads."""
SHARE = 0.5
"""Of the patients that heads are fitted on."""
SHOTS = (16, 64, 256, 1024)
"""Numbers of training patients that heads are also fitted on."""
DRAWS = 5
"""Heads for each number, of other patients."""
FEWEST = 5
"""Patients with, and without, the finding that a head is fitted on."""


@dataclass(frozen=True, slots=True)
class Shots:
    """Heads for a finding that were fitted on few patients, drawn anew for each."""

    n_patients: int
    heads: tuple[LinearHead, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Heads:
    """Heads for the findings, fitted on the embeddings of one model."""

    model: str
    by_finding: Mapping[str, LinearHead]
    patients: NDArray[np.str_] = field(repr=False)
    """Whom they were fitted on: scores of their images say nothing."""
    images: NDArray[np.str_] = field(repr=False)
    """The images of these patients in the data set."""
    shots: Mapping[str, tuple[Shots, ...]] = field(repr=False)
    """Finding → heads fitted on few patients, in growing numbers; last, the head itself."""
    fitted: pd.DataFrame = field(repr=False)
    """One row per finding: images, positive images, patients, and the inverse penalty."""
    notices: tuple[Notice, ...] = ()

    def directions(self) -> tuple[PromptPair, ...]:
        """Return the weights of each head, as the pairs of prompts of an image–text model."""
        return tuple(
            PromptPair(HEAD, finding, f"head for {finding}", "", head.weights.astype(np.float32))
            for finding, head in self.by_finding.items()
        )

    def scores(self, embeddings: ModelEmbeddings) -> pd.DataFrame:
        """Return the log odds of every finding, of images of other patients, as a scores table.

        See `cxraudit.schema.SCORE_COLUMNS`.
        """
        embeddings = self._of_others(embeddings)
        tables = [
            pd.DataFrame(
                {
                    "image_id": embeddings.image_ids.astype(str),
                    "model": self.model,
                    "prompt_set": HEAD,
                    "finding": finding,
                    "score": head.scores(embeddings.vectors),
                }
            )
            for finding, head in self.by_finding.items()
        ]
        return pd.concat(tables, ignore_index=True)[list(SCORE_COLUMNS)]

    def embedded(self, embeddings: ModelEmbeddings) -> ModelEmbeddings:
        """Return embeddings of other patients, with the weights of the heads in place of prompts."""
        return replace(self._of_others(embeddings), prompts=self.directions(), bank=())

    def _of_others(self, embeddings: ModelEmbeddings) -> ModelEmbeddings:
        embeddings = replace(
            embeddings,
            image_ids=np.asarray(embeddings.image_ids).astype(np.str_),
            vectors=np.asarray(embeddings.vectors),
        )
        kept = ~np.isin(embeddings.image_ids, self.images)
        texts = embeddings.texts
        return replace(
            embeddings,
            image_ids=embeddings.image_ids[kept],
            vectors=embeddings.vectors[kept],
            texts=None if texts is None else texts[kept],
        )

    def held_out(self, dataset: Dataset) -> Dataset:
        """Return the data set without the patients that the heads were fitted on."""
        return dataset.keep(
            ~dataset.images["patient_id"].isin(self.patients),
            step="heads",
            reason="patients that the heads were fitted on",
        )


def fit_heads(
    dataset: Dataset,
    embeddings: ModelEmbeddings,
    *,
    findings: Sequence[str] | None = None,
    share: float = SHARE,
    shots: Sequence[int] = SHOTS,
    draws: int = DRAWS,
    seed: int = 0,
) -> Heads:
    """Fit a head for every finding on a share of the patients.

    One definition for all models: logistic regression on dimensions of mean 0 and standard deviation 1,
    with an L2 penalty that is chosen by the AUROC over folds of patients.

    Parameters
    ----------
    dataset : Dataset
        Images with findings.
    embeddings : ModelEmbeddings
        Of one model; its prompts are not used.
    findings : sequence of str, optional
        Default: all of the data set.
    share : float
        Of the patients with embeddings to fit on, drawn by the seed; the same for all models with embeddings
        of the same images.
    shots : sequence of int
        Numbers of training patients for which further heads are fitted, of those drawn.
    draws : int
        How many heads, of other patients, for each number.
    seed : int
        Draws the patients and the folds.

    Returns
    -------
    Heads
        Audit their `Heads.scores` on `Heads.held_out`, with `Heads.directions` as prompts. A finding that too
        few patients have, or do not have, is left out, with a notice.

    Raises
    ------
    UnknownNameError
        If a finding is not one of the data set.
    ConfigError
        If the share is not between 0 and 1, a number of patients or draws is below 1, or patients are
        unknown.
    DataError
        If embeddings do not fit the images, or no head can be fitted.
    """
    if not (isinstance(share, Real) and 0 < share < 1):
        raise ConfigError(f"share must lie between 0 and 1, got {share!r}.")
    for name, number in (("draws", draws), *(("a number of shots", n) for n in shots)):
        if isinstance(number, bool) or not (isinstance(number, Integral) and number >= 1):
            raise ConfigError(f"{name} must be a whole number of 1 or more, got {number!r}.")
    if not dataset.patients_known:
        raise ConfigError(
            f"the patients of {dataset.name} are unknown, and heads are fitted on some and audited on "
            f"others. {IF_INDEPENDENT} Otherwise give scores."
        )
    wanted = list(dataset.findings if findings is None else findings)
    for name in wanted:
        if name not in dataset.findings:
            raise UnknownNameError("finding", name, dataset.findings)
    known = checked(embeddings, dataset)
    training = _drawn(dataset, known, share, seed)
    images, vectors = _of_patients(dataset, known, training)
    # Folds are drawn in this order: that of the table must not matter.
    order = np.argsort(images["image_id"].to_numpy(dtype=np.str_), kind="stable")
    images, vectors = images.iloc[order], vectors[order]
    heads: dict[str, LinearHead] = {}
    few: dict[str, tuple[Shots, ...]] = {}
    rows = []
    for finding in wanted:
        given = images[finding].to_numpy(dtype=np.float64, na_value=np.nan)
        labelled = np.isfinite(given)
        one = _Training(
            vectors[labelled],
            given[labelled] == 1,
            pd.factorize(images.loc[labelled, "patient_id"], sort=True)[0].astype(np.int64),
        )
        if one.fewest < FEWEST:
            continue
        key = int.from_bytes(hashlib.blake2b(finding.encode(), digest_size=4).digest(), "big")
        with threadpool_limits(1):  # small problems, for which threads wait for each other
            heads[finding] = one.fitted(generator(Stream.HEAD_FOLDS, seed, key))
            few[finding] = (
                *one.shots(shots, draws, seed, key),
                Shots(one.n_patients, (heads[finding],)),
            )
        rows.append(
            {
                "finding": finding,
                "images": one.y_true.size,
                "positive": int(one.y_true.sum()),
                "patients": one.n_patients,
                "strength": heads[finding].strength,
            }
        )
    if not heads:
        raise DataError(
            f"no head can be fitted for {embeddings.model}: fewer than {FEWEST} of the {len(training):,} "
            "training patients have, or do not have, each finding. Give more patients, or scores."
        )
    of_training = dataset.images["patient_id"].isin(training)
    return Heads(
        embeddings.model,
        heads,
        training,
        dataset.images.loc[of_training, "image_id"].to_numpy(dtype=np.str_),
        few,
        pd.DataFrame(rows),
        (*_notices(known, wanted, rows), *_without_shots(known, shots, few)),
    )


@dataclass(frozen=True, slots=True)
class _Training:
    """The labelled images of the training patients."""

    vectors: Vectors
    y_true: NDArray[np.bool_]
    patients: NDArray[np.int64]

    @property
    def n_patients(self) -> int:
        return int(np.unique(self.patients).size)

    @property
    def positive_patients(self) -> NDArray[np.int64]:
        return np.unique(self.patients[self.y_true])

    @property
    def fewest(self) -> int:
        """Patients with, or without, the finding: whichever are fewer."""
        without = np.unique(self.patients[~self.y_true]).size
        return min(self.positive_patients.size, without)

    def fitted(self, rng: np.random.Generator) -> LinearHead:
        return fit_head(self.vectors, self.y_true, self.patients, rng)

    def shots(self, numbers: Sequence[int], draws: int, seed: int, key: int) -> "list[Shots]":
        """Fit heads on few patients: of each draw the larger numbers hold the smaller ones."""
        possible = sorted({n for n in numbers if n < self.n_patients})
        found: dict[int, list[LinearHead]] = {n: [] for n in possible}
        for draw in range(draws):
            rng = generator(Stream.SHOTS, seed, key, draw)
            order = rng.permutation(self.n_patients)
            names = np.unique(self.patients)
            for n in possible:
                kept = np.isin(self.patients, names[order[:n]])
                one = _Training(self.vectors[kept], self.y_true[kept], self.patients[kept])
                if one.y_true.any() and not one.y_true.all():
                    found[n].append(one.fitted(rng))
        return [Shots(n, tuple(heads)) for n, heads in found.items() if len(heads) == draws]


def _drawn(
    dataset: Dataset, embeddings: ModelEmbeddings, share: float, seed: int
) -> NDArray[np.str_]:
    """Draw training patients: the same for all models with embeddings of the same images."""
    embedded = dataset.images["image_id"].isin(embeddings.image_ids)
    patients = np.unique(dataset.images.loc[embedded, "patient_id"].to_numpy(dtype=np.str_))
    order = generator(Stream.HEAD_PATIENTS, seed).permutation(patients.size)
    return np.sort(patients[order[: round(share * patients.size)]])


def _of_patients(
    dataset: Dataset, embeddings: ModelEmbeddings, patients: NDArray[np.str_]
) -> tuple[pd.DataFrame, Vectors]:
    """Return the images of some patients that have an embedding, and their embeddings."""
    chosen = dataset.images[dataset.images["patient_id"].isin(patients)]
    at = pd.Index(embeddings.image_ids).get_indexer(pd.Index(chosen["image_id"]))
    return chosen[at >= 0], embeddings.vectors[at[at >= 0]]


def _notices(
    embeddings: ModelEmbeddings,
    wanted: Sequence[str],
    fitted: Sequence[Mapping[str, Any]],
) -> list[Notice]:
    about = f"scores of {embeddings.model}"
    heads = [one["finding"] for one in fitted]
    patients = [counted(one["patients"], "patient") for one in fitted]
    of = ", ".join(f"{name} ({n})" for name, n in zip(heads, patients, strict=True))
    stated = "They are those of heads, fitted on other patients, who are not audited: {}."
    of_heads = Notice(
        about=about,
        count=max(one["patients"] for one in fitted),
        sentence=stated.format(of),
        hidden=stated.format(", ".join(heads)),
    )
    without = [name for name in wanted if name not in heads]
    if not without:
        return [of_heads]
    sentence = (
        f"No head for {', '.join(without)}: fewer than {FEWEST} training patients have the finding, or are "
        "without it."
    )
    return [of_heads, Notice(about=about, count=len(without), sentence=sentence)]


def _without_shots(
    embeddings: ModelEmbeddings, shots: Sequence[int], fitted: Mapping[str, Sequence[Shots]]
) -> list[Notice]:
    """Say for which numbers of training patients there are no heads, and why."""
    too_many: dict[int, list[str]] = {}
    of_one_class: dict[int, list[str]] = {}
    for finding, of_finding in fitted.items():
        *few, whole = of_finding
        for number in sorted(set(shots) - {one.n_patients for one in few}):
            kind = too_many if number >= whole.n_patients else of_one_class
            kind.setdefault(number, []).append(finding)
    notices = []
    for kind, why in (
        (too_many, "there are no more training patients than that"),
        (of_one_class, "among the patients drawn at least once all have, or none has, the finding"),
    ):
        of_numbers: dict[tuple[str, ...], list[str]] = {}
        for number in sorted(kind):
            of_numbers.setdefault(tuple(kind[number]), []).append(f"{number:,}")
        for findings, numbers in of_numbers.items():
            for_some = "" if len(findings) == len(fitted) else f" for {short(', '.join(findings))}"
            patients = "patient" if numbers == ["1"] else "patients"
            sentence = f"No heads fitted on {' or '.join(numbers)} {patients}{for_some}: {why}."
            notices.append(
                Notice(
                    about=f"scores of {embeddings.model}",
                    count=len(numbers),
                    sentence=sentence,
                    hidden=sentence,
                )
            )
    return notices
