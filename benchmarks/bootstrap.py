"""Bootstrap of ranking metrics: cxraudit against the published loop and fairlearn's MetricFrame.

    python benchmarks/bootstrap.py [--full]

All are timed in one run on the same scores. The alternatives are timed on a few replicates and reported
per replicate, since a complete run would take hours; cxraudit is timed completely, including drawing and
sorting. Single-threaded CPU time unless marked wall. `--full` adds 112,120 and 377,110 images.

cells     6 findings × 11 groups (all, 2 sexes, 3 races, 5 ages) of one model, 1,000 replicates, 1 thread;
          the loop and MetricFrame compute 2 metrics per cell, cxraudit 3
headline  6 models × 6 findings × 60 groups × 2,000 patient-cluster replicates × 3 metrics, and the gap
          of every group to the next, wall, 2 threads
audit     6 × 6 × 11 × 10,000 patient-cluster replicates (1,000 at 377,110), wall, 2 threads
analytic  values, standard errors and influences of all 66 cells without replicates, against the loop
same      the published bootstrap with the same random numbers, per call, against the loop
draw      ns per patient and replicate; add: ns to add each count once, per patient
"""

import argparse
import resource
import subprocess
import sys
import time
from itertools import pairwise

import numpy as np
import pandas as pd
from fairlearn.metrics import MetricFrame
from sklearn.metrics import average_precision_score, roc_auc_score

from cxraudit.paper.bootstrap import published_interval
from cxraudit.stats.ranking import ranking_replicates
from cxraudit.stats.resampling import draw_resamples

SIZES = {5_159: 293, 25_596: 2_797, 112_120: 30_805, 377_110: 65_379}


def cohort(n_images: int, n_patients: int, seed: int = 0):
    """Images of patients with six findings, scores of six models, and 60 groups."""
    rng = np.random.default_rng(seed)
    patients = np.sort(rng.integers(0, n_patients, n_images))
    labels = rng.random((6, n_images)) < np.linspace(0.03, 0.2, 6)[:, None]
    scores = (labels[None] * 1.3 + rng.normal(size=(6, 6, n_images))).astype(np.float32)
    sex, race, age = (rng.integers(0, k, n_patients)[patients] for k in (2, 3, 5))
    groups = [np.ones(n_images, bool)]
    groups += [part == k for part, n in ((sex, 2), (race, 3), (age, 5)) for k in range(n)]
    groups += [(sex == a) & (race == b) for a in range(2) for b in range(3)]
    groups += [(sex == a) & (age == b) for a in range(2) for b in range(5)]
    groups += [(race == a) & (age == b) for a in range(3) for b in range(5)]
    groups += [~part for part in groups[1 : 60 - len(groups) + 1]]
    return patients, labels, scores, np.stack(groups[:60]), sex, race, age


def published_loop(labels, scores, groups, n: int) -> float:
    """Return seconds per joint replicate, with one scikit-learn call per group and metric."""
    rng = np.random.RandomState(0)
    started = time.process_time()
    for _ in range(n):
        for y_all, score in zip(labels, scores, strict=True):
            for mask in groups:
                y, s = y_all[mask], score[mask]
                for metric in (roc_auc_score, average_precision_score):
                    rows = rng.randint(0, y.size, y.size)
                    drawn = y[rows]
                    if sum(drawn) == 0 or drawn.all():
                        continue
                    metric(drawn, s[rows])
    return (time.process_time() - started) / n


def metric_frame(labels, score, columns: pd.DataFrame, n: int) -> float:
    """Return seconds per replicate of one finding, with one MetricFrame per attribute."""
    started = time.process_time()
    for column in columns:
        MetricFrame(
            metrics={"auroc": _safe(roc_auc_score), "ap": _safe(average_precision_score)},
            y_true=labels,
            y_pred=score,
            sensitive_features=columns[column],
            n_boot=n,
            ci_quantiles=[0.025, 0.975],
            random_state=0,
        )
    return (time.process_time() - started) / n


def _safe(metric):
    def value(y_true, y_pred):
        return metric(y_true, y_pred) if 0 < np.sum(y_true) < len(y_true) else np.nan

    return value


def cxraudit_run(
    patients, labels, scores, groups, n_resamples: int, n_threads: int
) -> tuple[float, float]:
    """Return wall and CPU seconds of drawing, sorting, sweeps, influences and gaps."""
    wall, cpu = time.perf_counter(), time.process_time()
    counts = draw_resamples(int(patients.max()) + 1, n_resamples, 0, n_threads=n_threads)
    for model in scores:
        for y, s in zip(labels, model, strict=True):
            cells = ranking_replicates(
                y, s, patients, groups, counts, n_resamples=n_resamples, n_threads=n_threads
            )
            for first, second in pairwise(cells):
                _ = first.auroc - second.auroc
    return time.perf_counter() - wall, time.process_time() - cpu


def best(run, times: int = 3) -> float:
    """Return the shortest of several runs."""
    return min(run() for _ in range(times))


def measure(n_images: int) -> None:
    """Print the measurements at one size."""
    n_patients = SIZES[n_images]
    patients, labels, scores, groups, sex, race, age = cohort(n_images, n_patients)
    cxraudit_run(
        patients[:500], labels[:, :500], scores[:1, :, :500], groups[:3, :500], 64, 1
    )  # compile
    stream = np.random.RandomState(0)
    published_interval(labels[3], scores[0, 3], "auroc", stream, n_resamples=2)
    small = groups[:11]
    loop = published_loop(labels, scores[0], small, 3 if n_images < 100_000 else 1)
    frame = metric_frame(
        labels[3], scores[0, 3], pd.DataFrame({"sex": sex, "race": race, "age": age}), 4
    )
    few = 3 if n_images < 100_000 else 1
    cells = best(lambda: cxraudit_run(patients, labels, scores[:1], small, 1000, 1)[1], few)
    single = best(
        lambda: cxraudit_run(patients, labels[3:4], scores[:1, 3:4], small, 1000, 1)[1], few
    )
    images = best(
        lambda: cxraudit_run(np.arange(n_images), labels, scores[:1], small, 1000, 1)[1], few
    )
    two = best(lambda: cxraudit_run(patients, labels, scores[:1], small, 1000, 2)[0], few)
    one = best(lambda: cxraudit_run(patients, labels, scores[:1], small, 1000, 1)[0], few)
    analytic = best(lambda: cxraudit_run(patients, labels, scores[:1], small, 0, 1)[1])
    started = time.process_time()
    n_same = 1000 if n_images < 100_000 else 200
    published_interval(labels[3], scores[0, 3], "auroc", stream, n_resamples=n_same)
    same = (time.process_time() - started) / n_same
    started = time.process_time()
    for _ in range(3):
        rows = stream.randint(0, n_images, n_images)
        _ = sum(labels[3][rows]), roc_auc_score(labels[3][rows], scores[0, 3][rows])
    theirs = (time.process_time() - started) / 3
    print(
        f"{n_images:,} images: loop {loop * 1e3:,.0f} ms/replicate; cells {cells:.3f} s patients, "
        f"{images:.3f} s images: ratio {loop * 1000 / cells:,.0f} and {loop * 1000 / images:,.0f}; "
        f"MetricFrame {frame * 1e3:,.0f} ms/replicate of one finding: ratio {frame * 1000 / single:,.0f}; "
        f"2 threads {one / two:.2f}x; analytic {analytic * 1e3:.1f} ms: ratio "
        f"{loop * 1000 / analytic:,.0f}; same draws {same * 1e6:,.0f} us: ratio {theirs / same:.0f}"
    )
    _draw(n_patients)
    draws = 10_000 if n_images < 100_000 else 1_000
    for name, n_groups, n_resamples in (("headline", 60, 2000), ("audit", 11, draws)):
        wall = cxraudit_run(patients, labels, scores, groups[:n_groups], n_resamples, 2)[0]
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(
            f"  {name}: {wall:.1f} s wall for {n_resamples:,} replicates, peak {memory:.2f} GB",
            flush=True,
        )


def _draw(n_patients: int) -> None:
    counts = draw_resamples(n_patients, 63, 0)
    from cxraudit.stats._kernels.drawing import draw_block
    from cxraudit.stats._kernels.sums import add_up
    from cxraudit.stats.resampling import _poisson_tails

    members, tails = np.arange(n_patients), _poisson_tails(n_patients)
    each, total = np.ones((1, n_patients)), np.empty((1, 64))

    def timed(run) -> float:
        repeat = max(3_000_000 // n_patients, 5)
        started = time.process_time()
        for block in range(repeat):
            run(block)
        return (time.process_time() - started) / repeat / n_patients / 64 * 1e9

    draw = best(lambda: timed(lambda block: draw_block(counts[0], members, tails, 0, 64 * block)))
    listed = np.arange(n_patients + 1), np.zeros(n_patients, np.int64), each[0]
    add_up(*listed, counts, total)
    add = best(lambda: timed(lambda block: add_up(*listed, counts, total)))
    print(f"  draw {draw:.2f} ns, add {add:.2f} ns per patient and replicate")


def main() -> None:
    """Measure each size in a separate process, so that its peak memory is measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--full", action="store_true", help="also 112,120 and 377,110 images")
    parser.add_argument("--images", type=int, choices=SIZES, help="only this size")
    chosen = parser.parse_args()
    if chosen.images:
        measure(chosen.images)
        return
    for images in SIZES:
        if chosen.full or images < 100_000:
            subprocess.run([sys.executable, __file__, "--images", str(images)], check=True)


if __name__ == "__main__":
    main()
