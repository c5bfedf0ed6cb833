"""Time and memory to read the tables of all of MIMIC-CXR and MIMIC-IV.

Synthetic compressed tables of the published size (377,110 images of 65,379 patients, 546,028 admissions) in
the layout of the releases, without images. Run: python benchmarks/mimic_scale.py [FOLDER]
"""

import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from cxraudit import datasets
from cxraudit.datasets.base import FINDINGS, flow
from cxraudit.datasets.releases.chexpert_labels import OTHER_FINDINGS

N_IMAGES, N_STUDIES, N_PATIENTS, N_ADMISSIONS, N_MIMIC_IV = (
    377_110,
    227_835,
    65_379,
    546_028,
    364_627,
)


def write_tables(root: Path) -> None:
    """Write the tables, with unknown and contradictory races as in the releases."""
    rng = np.random.default_rng(0)
    folder, hosp = root / "mimic-cxr-jpg" / "2.0.0", root / "mimiciv" / "3.1" / "hosp"
    folder.mkdir(parents=True)
    hosp.mkdir(parents=True)
    subjects = 10_000_000 + np.arange(N_MIMIC_IV) * 27
    of_study = np.sort(
        np.concatenate([np.arange(N_PATIENTS), rng.integers(0, N_PATIENTS, N_STUDIES - N_PATIENTS)])
    )
    of_image = np.sort(
        np.concatenate([np.arange(N_STUDIES), rng.integers(0, N_STUDIES, N_IMAGES - N_STUDIES)])
    )
    studies = 50_000_000 + np.arange(N_STUDIES) * 43
    words = rng.integers(0, 2**32, size=(N_IMAGES, 5), dtype=np.uint64)
    dicoms = ["-".join(f"{w:08x}" for w in row) for row in words.tolist()]
    images = pd.DataFrame(
        {
            "dicom_id": dicoms,
            "subject_id": subjects[of_study[of_image]],
            "study_id": studies[of_image],
            "PerformedProcedureStepDescription": "CHEST (PA AND LAT)",
            "ViewPosition": rng.choice(
                ["AP", "PA", "LATERAL", None], N_IMAGES, p=[0.4, 0.25, 0.3, 0.05]
            ),
            "Rows": 3056,
            "Columns": 2544,
            "StudyDate": 21800506 + rng.integers(0, 20, N_IMAGES) * 10_000,
            "StudyTime": 213014.531,
            "ProcedureCodeSequence_CodeMeaning": "CHEST (PA AND LAT)",
            "ViewCodeSequence_CodeMeaning": "postero-anterior",
            "PatientOrientationCodeSequence_CodeMeaning": "Erect",
        }
    )
    images.to_csv(folder / "mimic-cxr-2.0.0-metadata.csv.gz", index=False)
    images[["dicom_id", "study_id", "subject_id"]].assign(
        split=np.where(of_study[of_image] < 293, "test", "train")
    ).to_csv(folder / "mimic-cxr-2.0.0-split.csv.gz", index=False)
    labels = {
        f: rng.choice([1.0, 0.0, -1.0, np.nan], N_STUDIES) for f in (*FINDINGS, *OTHER_FINDINGS)
    }
    pd.DataFrame({"subject_id": subjects[of_study], "study_id": studies, **labels}).to_csv(
        folder / "mimic-cxr-2.0.0-chexpert.csv.gz", index=False
    )
    pd.DataFrame(
        {
            "subject_id": subjects,
            "gender": rng.choice(["F", "M"], N_MIMIC_IV),
            "anchor_age": rng.integers(18, 91, N_MIMIC_IV),
            "anchor_year": 2180,
            "anchor_year_group": "2014 - 2016",
            "dod": None,
        }
    ).to_csv(hosp / "patients.csv.gz", index=False)
    pd.DataFrame(
        {
            "subject_id": rng.choice(subjects, N_ADMISSIONS),
            "hadm_id": 20_000_000 + np.arange(N_ADMISSIONS),
            "admittime": "2180-05-06 22:23:00",
            "admission_type": "URGENT",
            "insurance": "Medicare",
            "language": "English",
            "race": rng.choice(
                ["WHITE", "BLACK/AFRICAN AMERICAN", "ASIAN", "UNKNOWN", "OTHER"],
                N_ADMISSIONS,
                p=[0.6, 0.15, 0.05, 0.1, 0.1],
            ),
        }
    ).to_csv(hosp / "admissions.csv.gz", index=False)


def main(root: Path) -> None:
    """Write the tables unless they exist, read all splits, and print time and memory."""
    if not (root / "mimiciv").is_dir():
        write_tables(root)
    start = time.perf_counter()
    dataset = datasets.load("mimic-cxr", root, {"split": "all", "adults": True})
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(flow(dataset)[["step", "images", "studies", "patients"]].to_string(index=False))
    print(
        f"{seconds:.1f} s, peak {peak:.2f} GB (whole process; includes writing if the tables were new)"
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(temporary))
