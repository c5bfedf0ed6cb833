"""Bootstrap of ranking metrics: ours against the published loop and fairlearn's MetricFrame.

    python benchmarks/bootstrap.py [--full]

All are timed in one run on the same scores. The alternatives are timed on a few replicates and
given per replicate, since a whole run would take hours; ours is timed whole. Every alternative
computes the same 12 groups of one finding (all, 2 sexes, 3 races, 5 ages, and one more) for one
model; ours then also runs the headline: 6 models × 6 findings × 60 groups × 2,000 patient-cluster
replicates × {AUROC, AP, AP at reference prevalence}.
"""

import argparse
import resource
import time

import numpy as np
import pandas as pd
from fairlearn.metrics import MetricFrame
from sklearn.metrics import average_precision_score, roc_auc_score

from cxraudit.stats.ranking import ranking_replicates
from cxraudit.stats.resampling import draw_resamples


def cohort(n_films: int, n_patients: int, seed: int = 0):
    """Films of patients with six findings, scores of six models, and 60 groups."""
    rng = np.random.default_rng(seed)
    patients = np.sort(rng.integers(0, n_patients, n_films))
    labels = rng.random((6, n_films)) < np.linspace(0.03, 0.2, 6)[:, None]
    scores = (labels[None] * 1.3 + rng.normal(size=(6, 6, n_films))).astype(np.float32)
    sex, race, age = (rng.integers(0, k, n_patients)[patients] for k in (2, 3, 5))
    groups = [np.ones(n_films, bool)]
    groups += [part == k for part, n in ((sex, 2), (race, 3), (age, 5)) for k in range(n)]
    groups += [(sex == a) & (race == b) for a in range(2) for b in range(3)]
    groups += [(sex == a) & (age == b) for a in range(2) for b in range(5)]
    groups += [(race == a) & (age == b) for a in range(3) for b in range(5)]
    groups += [~part for part in groups[1 : 60 - len(groups) + 1]]
    return patients, labels, scores, np.stack(groups[:60]), sex, race, age


def published_loop(labels, score, groups, n: int, rng) -> float:
    """Seconds per joint replicate: resampled indices, one scikit-learn call per group and metric."""
    started = time.process_time()
    for _ in range(n):
        for mask in groups:
            y, s = labels[mask], score[mask]
            for metric in (roc_auc_score, average_precision_score):
                rows = rng.integers(0, y.size, y.size)
                if y[rows].any() and not y[rows].all():
                    metric(y[rows], s[rows])
    return (time.process_time() - started) / n


def metric_frame(labels, score, columns: pd.DataFrame, n: int) -> float:
    """Seconds per replicate: MetricFrame with its own bootstrap, one frame per attribute."""
    started = time.process_time()
    for column in columns:
        MetricFrame(
            metrics={"auroc": _safe(roc_auc_score), "ap": _safe(average_precision_score)},
            y_true=labels, y_pred=score, sensitive_features=columns[column],
            n_boot=n, ci_quantiles=[0.025, 0.975], random_state=0,
        )  # fmt: skip
    return (time.process_time() - started) / n


def _safe(metric):
    def value(y_true, y_pred):
        return metric(y_true, y_pred) if 0 < np.sum(y_true) < len(y_true) else np.nan

    return value


def ours(patients, labels, scores, groups, n_resamples: int, n_threads: int) -> tuple[float, float]:
    """Return wall and CPU seconds of the whole: draw, sort, sweep."""
    wall, cpu = time.perf_counter(), time.process_time()
    counts = draw_resamples(int(patients.max()) + 1, n_resamples, 0)
    for model in scores:
        for y, s in zip(labels, model, strict=True):
            ranking_replicates(
                y, s, patients, groups, counts, n_resamples=n_resamples, n_threads=n_threads
            )
    return time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--full", action="store_true", help="also 112,120 and 377,110 films")
    sizes = [(5_159, 293), (25_596, 2_797)]
    if parser.parse_args().full:
        sizes += [(112_120, 30_805), (377_110, 65_379)]
    ours(*cohort(500, 50)[:4], 64, 1)  # compile
    print(
        "films | loop s/replicate | MetricFrame | ours | ratio to loop | to MetricFrame | headline s | GB"
    )
    for films, patients in sizes:
        who, labels, scores, groups, sex, race, age = cohort(films, patients)
        rng = np.random.default_rng(0)
        columns = pd.DataFrame({"sex": sex, "race": race, "age": age})
        small = groups[:12]
        loop = published_loop(labels[3], scores[0, 3], small, 6, rng)
        frame = metric_frame(labels[3], scores[0, 3], columns, 6)
        _, cpu = ours(who, labels[3:4], scores[:1, 3:4], small, 1000, 1)
        one = cpu / 1000
        headline = ours(who, labels, scores, groups, 2000, 2)[0] if films < 50_000 else float("nan")
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(
            f"{films:,} | {loop:.4f} | {frame:.4f} | {one * 1e6:.1f} µs | {loop / one:,.0f} | "
            f"{frame / one:,.0f} | {headline:.1f} | {memory:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
