"""The whole audit of six models: time and peak memory, beside another checkout in the same run.

    python benchmarks/whole_audit.py [--images 25596] [--beside PATH_TO_CHECKOUT]

6 models × 6 findings × age, sex, race and view, 2,000 resamples of patients, 2 threads: subgroups, gaps
standardised by age and view, operating points and calibration, models compared. Each code runs in a
process of its own on the same seeded tables; compilation is not counted.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

SIZES = {5_159: 293, 25_596: 2_797, 112_120: 30_805}
FINDINGS = ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pneumonia", "Pneumothorax")


def tables(n_images: int, n_patients: int, seed: int = 0, *, models: int = 6):
    """Return a table of images, and one of scores, of a size."""
    rng = np.random.default_rng(seed)
    patient = np.sort(rng.integers(0, n_patients, n_images))
    of_patient = {
        "sex": rng.choice(["F", "M"], n_patients),
        "race": rng.choice(["white", "black", "asian"], n_patients, p=[0.7, 0.2, 0.1]),
        "age": rng.integers(18, 95, n_patients),
    }
    images = pd.DataFrame(
        {"image": [f"{k:06d}" for k in range(n_images)], "patient": patient}
        | {name: values[patient] for name, values in of_patient.items()}
        | {"view": rng.choice(["AP", "PA"], n_images)}
    )
    scores = []
    for number, finding in enumerate(FINDINGS):
        label = rng.random(n_images) < 0.03 + 0.034 * number
        images[finding] = label.astype(int)
        for model in range(models):
            # In float32, as the models of the study give them: few images share a score.
            score = (label * 1.3 + rng.normal(size=n_images)).astype(np.float32).astype(np.float64)
            scores.append(
                pd.DataFrame(
                    {
                        "image_id": images["image"],
                        "model": f"model {model}",
                        "prompt_set": "none",
                        "finding": finding,
                        "score": score,
                    }
                )
            )
    return images, pd.concat(scores, ignore_index=True)


def dataset_of(images: pd.DataFrame, attributes: list[str]):
    """Return the data set of a table of images."""
    import cxraudit

    return cxraudit.table_dataset(
        images,
        name="made",
        root=".",
        image="image",
        patient="patient",
        age="age",
        sex="sex",
        view="view",
        attributes=attributes,
        findings={name: name for name in FINDINGS},
    )


def run(n_images: int) -> dict[str, float]:
    """Audit tables of a size with whatever cxraudit is imported; a small one first, to compile."""
    import cxraudit

    def audit(size: int, patients: int, resamples: int):
        images, scores = tables(size, patients)
        dataset = dataset_of(images, ["race"])
        settings = cxraudit.AuditSettings(n_resamples=resamples)
        started, cpu = time.perf_counter(), time.process_time()
        results = cxraudit.audit(dataset, scores, settings=settings).results
        return len(results), time.perf_counter() - started, time.process_time() - cpu

    audit(1_000, 300, 100)
    rows, wall, cpu = audit(n_images, SIZES[n_images], 2_000)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    return {"rows": rows, "wall": wall, "cpu": cpu, "peak_gib": peak}


def main() -> None:
    """Time the installed code, and another checkout beside it if one is named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--images", type=int, choices=SIZES, default=25_596)
    parser.add_argument("--beside", type=Path, help="another checkout of this repository")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        print(json.dumps(run(chosen.images)))
        return
    here = Path(__file__).resolve().parents[1]
    found = {}
    for name, root in (("here", here), ("beside", chosen.beside)):
        if root is None:
            continue
        environment = {**os.environ, "PYTHONPATH": str(root / "src")}
        command = [sys.executable, __file__, "--one", "--images", str(chosen.images)]
        output = subprocess.run(command, env=environment, check=True, capture_output=True).stdout
        found[name] = json.loads(output)
        print(f"{name}: " + ", ".join(f"{key} {value:.3g}" for key, value in found[name].items()))
    if "beside" in found:
        print(f"here / beside: {found['here']['wall'] / found['beside']['wall']:.2f} of the time")


if __name__ == "__main__":
    main()
