"""What changed and why: every fault of the published code, run beside what replaces it.

Each function takes the images and predictions of a run and does the same thing twice, as published and as
here, so that what a fault does is a number of this run, not an opinion. The published lines are in
TheoSourget/clip_cxr_fairness (MIT), the file is named with each.
"""

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import spearmanr

from cxraudit.datasets.base import NO_GROUP, Dataset
from cxraudit.datasets.detector_labels import PREDICTED, source_column
from cxraudit.paper.bootstrap import PUBLISHED_SEED
from cxraudit.schema import records
from cxraudit.stats.calibration import platt, reliability_curve
from cxraudit.stats.compare import estimate
from cxraudit.stats.ranking import auroc, ranking_replicates, shortcut_cells
from cxraudit.stats.replicated import weighted_sum
from cxraudit.stats.resampling import draw_resamples

N_RESAMPLES = 1000
BATCH = 32
"""Default batch size of the published script."""
K_NEIGHBOURS = (1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21)
"""The published search for the k-NN head."""
N_SPLITS = 20
MIN_PATIENTS = 25
"""Of a group that a split of patients is tried on."""
LONGER = 1.1
"""How much longer one prompt's embedding is than the other's, where lengths are shown to matter."""

Bool = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, both ways."""

    where: str
    """The published file."""
    fault: str
    published: str
    """What comes of it on these images."""
    ours: str
    """What comes of doing it otherwise, on the same images."""
    consequence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one model did on one data set."""

    dataset: Dataset
    model: str
    scores: pd.DataFrame
    """Of this model."""
    image_ids: NDArray[np.str_]
    vectors: NDArray[np.float32]
    """Embeddings of these images."""
    texts: NDArray[np.float32] | None
    logit_scale: float
    """What the model multiplies cosines with."""
    both: pd.DataFrame
    """Both protocols on these predictions; see `cxraudit.paper.tables.side_by_side`."""
    prompts: Mapping[str, tuple[NDArray[np.float32], NDArray[np.float32]]]
    """Finding → embeddings of its two prompts, as the model gives them."""


def find_faults(run: Run) -> list[Fault]:
    """Run every fault that the data set can show."""
    return [fault for check in CHECKS for fault in check(run)]


def _labelled(run: Run, finding: str) -> tuple[pd.DataFrame, Bool, NDArray[np.float64]]:
    """Return images, labels (blank is negative, as published) and scores of a finding."""
    part = run.scores[run.scores["finding"] == finding].set_index("image_id")["score"]
    images = run.dataset.images[run.dataset.images["image_id"].isin(part.index)]
    label = images[finding].fillna(0).to_numpy(dtype=np.float64) == 1
    return images, label, part.loc[images["image_id"]].to_numpy(dtype=np.float64)


def _main_finding(run: Run) -> str:
    findings = [f for f in run.dataset.findings if f in set(run.scores["finding"])]
    return "Pneumothorax" if "Pneumothorax" in findings else findings[0]


def unfilled_drains(run: Run) -> Iterator[Fault]:
    """Predictions written to a copy of the table."""
    if "drain" not in run.dataset.shortcuts:
        return
    images = run.dataset.images
    source = source_column("drain")
    if source not in images or not (images[source] == PREDICTED).any():
        return
    guessed = images[source].to_numpy(dtype=object) == PREDICTED
    filled = (images["drain"] == "yes").to_numpy().astype(float)
    df = pd.DataFrame({"Drain": np.where(guessed, -1.0, filled)})
    preds = filled[guessed]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas warns of just this
        df[df.Drain == -1]["Drain"] = preds
    left = int((df["Drain"] == -1).sum())
    yield Fault(
        "drains_detection.py",
        "predicted drains are assigned to a copy, df[df.Drain==-1]['Drain'] = preds",
        f"{left:,} of {int(guessed.sum()):,} unlabelled images still hold −1 after the assignment",
        f"{int(guessed.sum()):,} labels filled in, each marked as a detector's; "
        f"{int((~guessed).sum()):,} by people",
        "Re-run, the code leaves nearly every image without a drain label; the published numbers come from "
        "a filled table. Labels carry who gave them, and arms of labels by people come first.",
    )


def unwritten_images(run: Run) -> Iterator[Fault]:
    """Images prepared only where people labelled drains."""
    if "drain" not in run.dataset.shortcuts:
        return
    images = run.dataset.images
    source = source_column("drain")
    people = (
        images[source] != PREDICTED if source in images else images["drain"].isin(["yes", "no"])
    ).to_numpy() & images["drain"].isin(["yes", "no"]).to_numpy()
    negative = (images["Pneumothorax"].fillna(0) == 0).to_numpy()
    yield Fault(
        "process_datasets.py",
        "images are written only for annotated rows, the table keeps all",
        f"{int(people.sum()):,} of {len(images):,} images written, "
        f"{int((people & negative).sum()):,} of the {int(negative.sum()):,} without pneumothorax",
        f"{len(images):,} images",
        "The evaluation needs the images without pneumothorax; as published it stops at the first of them.",
    )


def drains_of_negatives(run: Run) -> Iterator[Fault]:
    """The same negatives in both arms, whatever is in them."""
    if "drain" not in run.dataset.shortcuts or "Pneumothorax" not in set(run.scores["finding"]):
        return
    images, label, score = _labelled(run, "Pneumothorax")
    has = (images["drain"] == "yes").to_numpy()
    known = images["drain"].isin(["yes", "no"]).to_numpy()
    arms = {
        name: auroc(label[kept], score[kept])
        for name, kept in (
            ("with", ~label | (label & has)),
            ("without", ~label | (label & known & ~has)),
        )
    }
    if not (known & ~label & has).any():
        return
    cells = {
        name: auroc(label[cell & known], score[cell & known])
        for name, cell in shortcut_cells(label, has).items()
    }
    yield Fault(
        "evaluate_performance.py",
        "both arms use all images without pneumothorax, with or without drain",
        f"AUROC {arms['with']:.3f} with, {arms['without']:.3f} without a drain",
        f"pneumothorax with drain against neither {cells['bnsp']:.3f}; pneumothorax alone against a drain "
        f"alone {cells['bpsn']:.3f}; all with {cells['subgroup']:.3f}; none with {cells['background']:.3f}",
        "Two bars cannot tell finding the pneumothorax from finding the drain; the area that can "
        "(pneumothorax alone against a drain alone) was not computed.",
    )


def images_as_unit(run: Run) -> Iterator[Fault]:
    """Images resampled instead of patients."""
    finding = _main_finding(run)
    images, _, _ = _labelled(run, finding)
    patients = images["patient_id"].nunique()
    rows = run.both[(run.both["finding"] == finding) & (run.both["attribute"] == "all")]
    for row in records(rows):
        if not np.isfinite(row["wider"]):
            continue  # a perfect ranking has no width
        yield Fault(
            "evaluate_performance.py",
            "bootstrap draws images; images of one patient resemble each other",
            f"{finding}: {row['published_low']:.3f} to {row['published_high']:.3f}",
            f"{row['audit_low']:.3f} to {row['audit_high']:.3f}, {row['wider']:.2f} times as wide "
            f"({len(images) / patients:.1f} images per patient)",
            "With many images per patient, intervals of 95 % cover 54 to 60 % (docs/concepts/methods.md).",
        )


def no_gap(run: Run) -> Iterator[Fault]:
    """Groups compared by eye, from rounded numbers."""
    finding = _main_finding(run)
    for attribute in ("sex", "race", "age_group", "drain"):
        rows = records(
            run.both[(run.both["finding"] == finding) & (run.both["attribute"] == attribute)]
        )
        tested = [row for row in rows if np.isfinite(row["gap_low"])]
        if len(rows) < 2 or not tested:
            continue
        told = "; ".join(
            f"{r['group']} {r['auroc']:.2f} [{r['published_low']:.2f}, {r['published_high']:.2f}]"
            for r in rows[:2]
        )
        first = tested[-1]
        against = "without" if attribute == "drain" else "the rest"
        gap = f"{first['gap']:+.3f} ({first['gap_low']:+.3f} to {first['gap_high']:+.3f})"
        yield Fault(
            "evaluate_performance.py",
            "values rounded to two decimals on disk; gaps are never computed",
            f"{finding}: {told}",
            f"gap of {first['group']} to {against} {gap.replace('-', '−')}, after adjustment for all "
            f"comparisons: {first['verdict']}",
            "Overlapping bars are not equality and bars apart are not a test; a difference has an interval "
            "of its own, on shared resamples.",
        )
        return


def spread_over_labels(run: Run) -> Iterator[Fault]:
    """The standard deviation over labels, printed where an interval stands."""
    findings = [f for f in run.dataset.findings if f in set(run.scores["finding"])]
    parts = {f: _labelled(run, f) for f in findings}
    parts = {f: p for f, p in parts.items() if 0 < p[1].sum() < p[1].size}
    if len(parts) < 2:
        return
    values = np.array([auroc(label, score) for _, label, score in parts.values()])
    _, names = pd.factorize(run.dataset.images["patient_id"], sort=True)
    counts = draw_resamples(len(names), N_RESAMPLES, 0)
    where = {name: number for number, name in enumerate(names)}
    found = [
        ranking_replicates(
            label,
            score,
            images["patient_id"].map(where).to_numpy(),
            np.ones((1, label.size), dtype=bool),
            counts,
            n_resamples=N_RESAMPLES,
        )[0].auroc
        for images, label, score in parts.values()
    ]
    mean = estimate(weighted_sum(found, [1 / len(found)] * len(found)))
    yield Fault(
        "generate_figures_tables.py",
        "mean over findings ± standard deviation over findings",
        f"{values.mean():.2f} ± {values.std(ddof=1):.2f}",
        f"{mean.value:.3f} ({mean.low:.3f} to {mean.high:.3f}), over patients",
        "How much findings differ says nothing about how well their mean is known.",
    )


def unscaled_softmax(run: Run) -> Iterator[Fault]:
    """Cosines in a softmax without the scale the model was trained with."""
    finding = _main_finding(run)
    images, label, score = _labelled(run, finding)
    if not 0 < label.sum() < label.size or score.min() < 0 or score.max() > 1:
        return
    if run.logit_scale == 1:
        return  # the wrapper of this model has no scale to show it with
    scaled = logit(np.clip(score, 1e-12, 1 - 1e-12))
    plain = scaled / run.logit_scale
    tuning = _tuning(images["patient_id"].to_numpy(dtype=object))
    intercept, slope = platt(label[tuning], plain[tuning])
    if not np.isfinite(slope) or tuning.all():
        return
    rest = ~tuning
    error = {
        name: _ece(label[rest], expit(part[rest]))
        for name, part in (
            ("unscaled", plain),
            ("scaled", scaled),
            ("fitted", intercept + slope * plain),
        )
    }
    yield Fault(
        "models/*",
        "softmax over bare cosines for some models, over scaled logits for others",
        f"{finding}: calibration error {error['unscaled']:.3f} of bare cosines; the same scores times "
        f"{run.logit_scale:.1f}: {error['scaled']:.3f}",
        f"{error['fitted']:.3f} after Platt's map, fitted on other patients; AUROC is the same "
        f"({auroc(label, plain):.3f} and {auroc(label, scaled):.3f})",
        "Calibration curves of raw zero-shot scores compare temperatures, not models.",
    )


def _tuning(patients: NDArray[np.object_]) -> Bool:
    """Choose the images of half of the patients."""
    names = np.unique(patients.astype(str))
    chosen = np.random.default_rng(PUBLISHED_SEED).permutation(names)[: len(names) // 2]
    return np.isin(patients.astype(str), chosen)


def _ece(label: Bool, probability: NDArray[np.float64]) -> float:
    """Calibration error, ten bins of equal width."""
    said, seen, n = reliability_curve(label, probability).T
    return float((np.abs(said - seen) * n).sum() / n.sum())


def text_lengths(run: Run) -> Iterator[Fault]:
    """Prompts of different length in the score."""
    finding = _main_finding(run)
    if finding not in run.prompts:
        return
    images, label, _ = _labelled(run, finding)
    at = pd.Series(np.arange(run.image_ids.size), index=run.image_ids).reindex(images["image_id"])
    there = at.notna().to_numpy()
    vectors = run.vectors[at[there].to_numpy(dtype=np.int64)].astype(np.float64)
    label = label[there]
    if not 0 < label.sum() < label.size:
        return
    raw = [row.astype(np.float64) for row in run.prompts[finding]]
    lengths = [float(np.linalg.norm(row)) for row in raw]
    positive, negative = (row / length for row, length in zip(raw, lengths, strict=True))
    # A model whose wrapper keeps lengths shows its own; of others, what a difference would do.
    own = abs(lengths[0] / lengths[1] - 1) > 1e-4
    times = lengths[0] / lengths[1] if own else LONGER
    unit = vectors @ positive - vectors @ negative
    longer = times * (vectors @ positive) - vectors @ negative
    agreement = float(spearmanr(unit, longer).statistic)
    how = (
        f"one prompt's embedding is {times:.2f} times as long as the other's:"
        if own
        else f"were one prompt's embedding {times:g} times as long as the other's:"
    )
    yield Fault(
        "models/biovil/biovil.py",
        "text embeddings are not normalised (normalize=False), images are",
        f"{finding}: {how} AUROC {auroc(label, longer):.3f}, rank correlation of the scores {agreement:.3f}",
        f"AUROC {auroc(label, unit):.3f} with unit embeddings",
        "The score becomes cosine times length, so that the ranking depends on how long a sentence's "
        "embedding is. biovil@paper keeps it, biovil does not.",
    )


def encoded_again(run: Run) -> Iterator[Fault]:
    """Every image encoded once per label, images dropped when fewer than a batch."""
    n = len(run.dataset.images)
    # The published script asks for pneumothorax only where there are drain labels.
    labels = 1 if "drain" in run.dataset.shortcuts else len(set(run.scores["finding"]))
    yield Fault(
        "evaluate_performance.py",
        "images are encoded once per label and again for the embeddings; a last "
        f"batch counts only if a whole batch of {BATCH} came before it",
        f"{n * (labels + 1):,} encodings of {n:,} images; with fewer than {BATCH} images, an error",
        f"{n:,} encodings; any number of images",
        "Slow, and unusable for small cohorts. Here each image is decoded and encoded once.",
    )


def _readable(
    run: Run,
) -> tuple[NDArray[np.float32], NDArray[np.object_], NDArray[np.object_]] | None:
    """Return embeddings, the groups of an attribute, and patients; images of no group are left out."""
    images = run.dataset.images.set_index("image_id").reindex(run.image_ids)
    patients = images["patient_id"].to_numpy(dtype=object)
    for attribute in ("sex", "age_group", "race"):
        if attribute not in images:
            continue
        values = images[attribute].to_numpy(dtype=object)
        # Every group has to be in every part of any split.
        many = images.groupby(attribute)["patient_id"].nunique()
        groups = [g for g in many.index[many >= MIN_PATIENTS] if g not in NO_GROUP]
        kept = np.isin(values.astype(str), groups)
        if len(groups) > 1:
            return run.vectors[kept], values[kept], patients[kept]
    return None


def _area(model: Any, x: NDArray[np.float32], y: NDArray[np.object_]) -> float:
    """AUROC of a fitted classifier, of several classes one against the rest, as published."""
    from sklearn.metrics import roc_auc_score

    chance = np.asarray(model.predict_proba(x))
    return float(
        roc_auc_score(y, chance[:, 1] if chance.shape[1] == 2 else chance, multi_class="ovr")
    )


def _split(patients: NDArray[np.object_], seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Split images by patient, 80 to 20, as published."""
    from sklearn.model_selection import GroupShuffleSplit

    split = GroupShuffleSplit(n_splits=1, test_size=0.2, random_state=seed)
    return next(split.split(patients, groups=patients))


def misaligned_search(run: Run) -> Iterator[Fault]:
    """Hyper-parameters chosen on rows that do not belong to their labels."""
    from sklearn.neighbors import KNeighborsClassifier

    found = _readable(run)
    if found is None:
        return
    vectors, values, patients = found
    outer, test = _split(patients, PUBLISHED_SEED)
    inner, validation = _split(patients[outer], PUBLISHED_SEED)

    def search(x_train: NDArray[np.float32], x_validation: NDArray[np.float32]) -> dict[int, float]:
        y = values[outer]
        return {
            k: _area(KNeighborsClassifier(k).fit(x_train, y[inner]), x_validation, y[validation])
            for k in K_NEIGHBOURS
            if k <= inner.size
        }

    # As published: inner and validation number rows of the outer part, and index the whole table.
    published = search(vectors[inner], vectors[validation])
    aligned = search(vectors[outer][inner], vectors[outer][validation])
    tested = {}
    for name, areas in (("published", published), ("aligned", aligned)):
        best = max(areas, key=lambda k: areas[k])
        model = KNeighborsClassifier(best).fit(vectors[outer], values[outer])
        tested[name] = (best, _area(model, vectors[test], values[test]))
    yield Fault(
        "predict_attribute.py",
        "embeddings[train_idx], where train_idx numbers rows of a subset",
        f"search for k: validation AUROC {min(published.values()):.2f} to {max(published.values()):.2f}, k = "
        f"{tested['published'][0]}, test {tested['published'][1]:.3f}",
        f"{min(aligned.values()):.2f} to {max(aligned.values()):.2f}, k = {tested['aligned'][0]}, test "
        f"{tested['aligned'][1]:.3f}",
        "The search sees labels of other images, so it chooses at random; the last fit is right.",
    )


def one_split(run: Run) -> Iterator[Fault]:
    """One split into training and test patients, no interval."""
    from sklearn.linear_model import LogisticRegression

    found = _readable(run)
    if found is None:
        return
    vectors, values, patients = found

    def area(seed: int) -> float:
        train, test = _split(patients, seed)
        model = LogisticRegression(max_iter=200).fit(vectors[train], values[train])
        return _area(model, vectors[test], values[test])

    areas = [area(seed) for seed in range(N_SPLITS)]
    yield Fault(
        "predict_attribute.py",
        "a single 80/20 split and no interval",
        f"AUROC {area(PUBLISHED_SEED):.3f} of a linear probe",
        f"{min(areas):.3f} to {max(areas):.3f} over {N_SPLITS} other splits; an audit gives an interval over "
        "test patients",
        "A difference between two models smaller than that between two splits means nothing.",
    )


def projected_paths(run: Run) -> Iterator[Fault]:
    """Probes of projections that stop with an error."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from sklearn.neighbors import KNeighborsClassifier

    found = _readable(run)
    if found is None:
        return
    vectors, values, _ = found
    half = len(values) // 2
    projection = PCA(n_components=2, random_state=1907).fit(vectors[:half])
    model = KNeighborsClassifier(5).fit(vectors[:half], values[:half])
    try:
        model.predict_proba(projection.transform(vectors[half:]))
        said = "no error with this version of scikit-learn"
    except ValueError as error:
        said = str(error).splitlines()[0].rstrip(".")
    has = "has" if hasattr(TSNE, "transform") else "has no"
    yield Fault(
        "predict_attribute.py",
        "the classifier is fitted on whole embeddings and asked of projected ones; "
        "TSNE.transform is called",
        f"PCA: {said}; TSNE {has} transform",
        "both axes are fitted on training patients only, and the probe is fitted on them",
        "The table of attributes read from projections cannot come from this code as it stands.",
    )


def mixed_axes(run: Run) -> Iterator[Fault]:
    """X from one projection, y from another."""
    from sklearn.decomposition import PCA

    if run.texts is None:
        return
    there = np.isfinite(run.texts).all(axis=1)
    if there.sum() < 10:
        return
    images, reports = run.vectors[there], run.texts[there]
    joint = PCA(2, random_state=1907).fit(np.concatenate([images, reports])).transform(images)
    alone = PCA(2, random_state=1907).fit(images).transform(images)
    mixed = float(np.corrcoef(joint[:, 0], alone[:, 1])[0, 1])
    right = float(np.corrcoef(alone[:, 0], alone[:, 1])[0, 1])
    shown = joint[:, 0].var() + alone[:, 1].var()
    yield Fault(
        "embedding_analysis.py",
        "plots of images take x from the projection of images and reports, y from "
        "that of images alone",
        f"the axes are correlated, r = {mixed:+.2f}, and hold {shown / images.var(axis=0).sum():.0%} of the "
        "images' variance",
        f"r = {right:+.2f}, {alone.var(axis=0).sum() / images.var(axis=0).sum():.0%} of the variance",
        "The plot is no projection: distances and shapes in it are those of no space.",
    )


CHECKS = (
    unfilled_drains,
    unwritten_images,
    drains_of_negatives,
    images_as_unit,
    no_gap,
    spread_over_labels,
    unscaled_softmax,
    text_lengths,
    encoded_again,
    misaligned_search,
    one_split,
    projected_paths,
    mixed_axes,
)
"""One per fault; each yields nothing where the data set cannot show it."""
