"""How time and memory of an audit grow with images, models, groups and cores.

    python benchmarks/audit_scale.py [--largest 377110] [--only images]

One of the four is varied at a time, the others stay at 25,596 images, 1 model, 13 groups and 2 threads: age,
sex, race, view and everything that the default audit does of 6 findings, 2,000 resamples of patients. Each
row is a process of its own; compilation is not counted. The exponent is that of the time between a row and
the one before: 1 is linear. ``--all`` adds the goal: 377,110 images × 6 models × 60 groups.
"""

import argparse
import json
import math
import resource
import subprocess
import sys
import time

import numpy as np
from whole_audit import dataset_of, tables

SIZES = {5_159: 293, 25_596: 2_797, 112_120: 30_805, 377_110: 65_379, 1_000_000: 170_000}
"""Images → patients: both test splits of the study, all of ChestX-ray14 and of MIMIC-CXR, and a million."""
START = {"images": 25_596, "models": 1, "groups": 13, "threads": 2}
VARIED = {
    "images": (5_159, 25_596, 112_120, 377_110),
    "models": (1, 3, 6),
    "groups": (13, 60, 300),
    "threads": (1, 2),
}
GOAL = {"images": 377_110, "models": 6, "groups": 60, "threads": 2}


def run(images: int, models: int, groups: int, threads: int) -> dict[str, float]:
    """Audit tables of a size in this process; a small one first, to compile."""
    import cxraudit

    def audit(size: int, patients: int, resamples: int) -> tuple[int, float]:
        frame, scores = tables(size, patients, models=models)
        more = groups - START["groups"]
        attributes = ["race"]
        if more > 0:  # such as sites, or kinds of devices
            rng = np.random.default_rng(1)
            of_patient = rng.integers(0, more, int(frame["patient"].max()) + 1)
            frame["site"] = [f"site {number}" for number in of_patient[frame["patient"]]]
            attributes.append("site")
        dataset = dataset_of(frame, attributes)
        settings = cxraudit.AuditSettings(n_resamples=resamples, n_threads=threads)
        started = time.perf_counter()
        results = cxraudit.audit(dataset, scores, settings=settings).results
        return len(results), time.perf_counter() - started

    audit(1_000, 300, 100)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rows, wall = audit(images, SIZES[images], 2_000)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"rows": rows, "wall": wall, "peak_gib": peak / 1024**2, "start_gib": before / 1024**2}


def measured(case: dict[str, int]) -> dict[str, float]:
    """Run a case in a process of its own."""
    command = [sys.executable, __file__, "--one", json.dumps(case)]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def main() -> None:
    """Print a row per case."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--largest", type=int, default=377_110, help="images of the largest cohort")
    parser.add_argument("--only", choices=VARIED, help="what to vary")
    parser.add_argument("--all", action="store_true", help="also the goal")
    parser.add_argument("--one", type=json.loads, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        print(json.dumps(run(**chosen.one)))
        return
    print("| images | models | groups | threads | rows | seconds | exponent | peak GB |")
    print("|---|---|---|---|---|---|---|---|")
    for name, values in VARIED.items():
        last: tuple[int, float] | None = None
        for value in values if chosen.only in (None, name) else ():
            if name == "images" and value > chosen.largest:
                continue
            case = START | {name: value}
            found = measured(case)
            exponent = ""
            if last:
                exponent = f"{math.log(found['wall'] / last[1]) / math.log(value / last[0]):.2f}"
            last = value, found["wall"]
            show(case, found, exponent)
    if chosen.all:
        show(GOAL, measured(GOAL), "")


def show(case: dict[str, int], found: dict[str, float], exponent: str) -> None:
    """Print a row."""
    cells = [f"{case[name]:,}" for name in START]
    numbers = [
        f"{found['rows']:,.0f}",
        f"{found['wall']:.1f}",
        exponent,
        f"{found['peak_gib']:.2f}",
    ]
    print("| " + " | ".join([*cells, *numbers]) + " |", flush=True)


if __name__ == "__main__":
    main()
