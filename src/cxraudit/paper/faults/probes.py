"""Faults in the prediction of attributes from embeddings."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cxraudit.datasets.base import NO_GROUP
from cxraudit.formatting import bounds, decimal
from cxraudit.paper.bootstrap import PUBLISHED_SEED
from cxraudit.paper.faults.base import Fault, ModelRun

K_NEIGHBOURS = (1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21)
"""Numbers of neighbours that the published search tries."""
N_SPLITS = 20
"""Other splits of patients that the published one is compared with."""
MIN_PATIENTS = 25
"""Patients of a group, at least, for every group to be in every part of any split."""

Vectors = NDArray[np.float32]


class _Classifier(Protocol):
    """A fitted classifier of scikit-learn."""

    def predict_proba(self, x: Vectors, /) -> ArrayLike:
        """Return the probability of each class, shape (n, n_classes)."""


@dataclass(frozen=True, slots=True)
class _Sample:
    """Embeddings of the images whose group of one attribute is known."""

    vectors: Vectors
    groups: NDArray[np.object_]
    patients: NDArray[np.object_]


def _sample(run: ModelRun) -> _Sample | None:
    """Return the sample for the first of sex, age and race with two groups that are large enough."""
    images = run.dataset.images.set_index("image_id").reindex(run.image_ids)
    patients = images["patient_id"].to_numpy(dtype=object)
    for attribute in ("sex", "age_group", "race"):
        if attribute not in images:
            continue
        values = images[attribute].to_numpy(dtype=object)
        n_patients = images.groupby(attribute)["patient_id"].nunique()
        groups = [g for g in n_patients.index[n_patients >= MIN_PATIENTS] if g not in NO_GROUP]
        kept = np.isin(values.astype(str), groups)
        if len(groups) > 1:
            return _Sample(run.vectors[kept], values[kept], patients[kept])
    return None


def _auroc(model: _Classifier, x: Vectors, y: NDArray[np.object_]) -> float:
    """AUROC of a classifier; of several classes, mean of each against all others, as published."""
    from sklearn.metrics import roc_auc_score

    probability = np.asarray(model.predict_proba(x))
    binary = probability.shape[1] == 2
    return float(roc_auc_score(y, probability[:, 1] if binary else probability, multi_class="ovr"))


def _split(patients: NDArray[np.object_], seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return rows for training and for testing: 80 and 20 % of the patients, as published."""
    from sklearn.model_selection import GroupShuffleSplit

    split = GroupShuffleSplit(n_splits=1, test_size=0.2, random_state=seed)
    return next(split.split(patients, groups=patients))


def misaligned_search(run: ModelRun) -> Iterator[Fault]:
    """Hyper-parameters are chosen on embeddings of other images than the labels."""
    from sklearn.neighbors import KNeighborsClassifier

    sample = _sample(run)
    if sample is None:
        return
    vectors, groups = sample.vectors, sample.groups
    outer, test = _split(sample.patients, PUBLISHED_SEED)
    inner, validation = _split(sample.patients[outer], PUBLISHED_SEED)

    def search(x_train: Vectors, x_validation: Vectors) -> dict[int, float]:
        y = groups[outer]
        return {
            k: _auroc(KNeighborsClassifier(k).fit(x_train, y[inner]), x_validation, y[validation])
            for k in K_NEIGHBOURS
            if k <= inner.size
        }

    # As published: `inner` and `validation` number rows of the outer part, and index the whole table.
    searches = {
        "published": search(vectors[inner], vectors[validation]),
        "aligned": search(vectors[outer][inner], vectors[outer][validation]),
    }
    texts = {}
    for name, found in searches.items():
        best = max(found, key=lambda k: found[k])
        model = KNeighborsClassifier(best).fit(vectors[outer], groups[outer])
        texts[name] = (
            f"validation AUROC {bounds(min(found.values()), max(found.values()))}, k = {best}, test "
            f"{decimal(_auroc(model, vectors[test], groups[test]), 3)}"
        )
    yield Fault(
        "predict_attribute.py",
        "embeddings[train_idx], where train_idx numbers rows of a subset",
        f"search for k: {texts['published']}",
        texts["aligned"],
        "The search uses labels of other images, so its choice is random. The last fit is right.",
    )


def single_split(run: ModelRun) -> Iterator[Fault]:
    """One split into training and test patients, without an interval."""
    from sklearn.linear_model import LogisticRegression

    sample = _sample(run)
    if sample is None:
        return

    def area(seed: int) -> float:
        train, test = _split(sample.patients, seed)
        model = LogisticRegression(max_iter=200).fit(sample.vectors[train], sample.groups[train])
        return _auroc(model, sample.vectors[test], sample.groups[test])

    areas = [area(seed) for seed in range(N_SPLITS)]
    yield Fault(
        "predict_attribute.py",
        "a single 80/20 split and no interval",
        f"AUROC {decimal(area(PUBLISHED_SEED), 3)} of a linear probe",
        f"{bounds(min(areas), max(areas), 3)} over {N_SPLITS} other splits; an audit gives an interval over "
        "test patients",
        "A difference between two models that is smaller than that between two splits is no evidence.",
    )


def projected_probe(run: ModelRun) -> Iterator[Fault]:
    """Probes of projections stop with an error."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from sklearn.neighbors import KNeighborsClassifier

    sample = _sample(run)
    if sample is None:
        return
    half = len(sample.groups) // 2
    train, test = sample.vectors[:half], sample.vectors[half:]
    projection = PCA(n_components=2, random_state=PUBLISHED_SEED).fit(train)
    model = KNeighborsClassifier(5).fit(train, sample.groups[:half])
    try:
        model.predict_proba(projection.transform(test))
        message = "no error with this version of scikit-learn"
    except ValueError as error:
        message = str(error).splitlines()[0].rstrip(".")
    has = "has" if hasattr(TSNE, "transform") else "has no"
    yield Fault(
        "predict_attribute.py",
        "the classifier is fitted on whole embeddings and applied to projected ones; TSNE.transform is "
        "called",
        f"PCA: {message}; TSNE {has} transform",
        "both axes are fitted on training patients only, and the probe is fitted on them",
        "The table of attributes predicted from projections cannot come from this code as it is.",
    )
