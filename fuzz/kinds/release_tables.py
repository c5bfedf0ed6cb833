"""Tables of releases: ChestX-ray14 with NEATX, MIMIC-CXR with MIMIC-IV, CheXpert and BRAX."""

import gzip
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cxraudit import datasets
from cxraudit.datasets.base import FINDINGS
from cxraudit.datasets.releases.chexpert_labels import OTHER_FINDINGS
from cxraudit.phantom.releases import write_release
from cxraudit.phantom.spec import PhantomSpec
from fuzz.case import Case, Generator, Outcome, attempted
from fuzz.damage import damaged
from fuzz.table_files import write_csv
from fuzz.tables import Sheet, chance, mutated, pick

SIDE = 64
RELEASES = ("nih-cxr14", "mimic-cxr", "chexpert", "brax")
OPTIONS: dict[str, tuple[dict[str, Any], ...]] = {
    "nih-cxr14": ({}, {"drains": "CXR14_Drains_Labels.csv"}, {"subset": "test"}, {"adults": True}),
    "mimic-cxr": ({}, {"reports": "findings"}, {"labels": "negbio"}, {"present_only": True}),
    "chexpert": ({}, {"views": "all"}, {"adults": True}),
    "brax": ({}, {"views": "all"}, {"only.sex": "female"}),
}


class ReleaseTables:
    """``cxraudit.datasets.load`` on the folder of a release."""

    name = "release tables"

    def prepare(self, folder: Path) -> None:
        """Make one small release of each kind; images are linked to, tables are copied."""
        self.folder = folder
        spec = PhantomSpec(n_patients=15, seed=11, image_size=SIDE)
        write_release(spec, folder / "nih-cxr14", "nih", n_workers=1)
        write_release(
            PhantomSpec(n_patients=15, seed=12, image_size=SIDE, record_noise=0.1),
            folder / "mimic-cxr",
            "mimic",
            n_workers=1,
        )
        _write_chexpert(folder / "chexpert")
        _write_brax(folder / "brax")
        _zip_reports(folder / "mimic-cxr")
        self.tables = {name: sorted(_tables(folder / name)) for name in RELEASES}

    def write(self, rng: Generator, folder: Path) -> Case:
        """Copy a release, and mutate one or two of its tables."""
        case = Case(folder)
        name = pick(rng, RELEASES)
        root = folder / name
        shutil.copytree(self.folder / name, root, copy_function=_link_or_copy)
        for _ in range(pick(rng, [1, 1, 1, 2])):
            source = pick(rng, self.tables[name])
            target = root / source.relative_to(self.folder / name)
            case.add(target.name)
            _mutate(source, target, rng, case)
        case.notes |= {"name": name, "options": dict(pick(rng, OPTIONS[name]))}
        case.add(f"{name} {case.notes['options']}")
        return case

    def run(self, case: Case) -> Outcome:
        """Load the release, and compare its counts with each other."""
        loaded: list[datasets.Dataset] = []
        options = dict(case.notes["options"])
        root = case.folder / case.notes["name"]
        if "drains" in options:
            options["drains"] = str(root / options["drains"])
        outcome = attempted(lambda: loaded.append(datasets.load(case.notes["name"], root, options)))
        if loaded:
            outcome.faults += _totals(loaded[0])
        return outcome


def _totals(dataset: datasets.Dataset) -> list[tuple[str, str]]:
    flow = datasets.base.flow(dataset)
    first, left_out, last = (
        flow["images"].iloc[0],
        flow["images_out"].sum(),
        flow["images"].iloc[-1],
    )
    ids = [*dataset.images["image_id"], *dataset.excluded["image_id"]]
    faults = []
    if first - left_out != last or last != len(dataset.images):
        faults.append(("totals", f"{first} − {left_out} ≠ {last}, {len(dataset.images)} images"))
    if len(dataset.excluded) != left_out or len(ids) != len(set(ids)):
        faults.append(("totals", f"{len(ids)} images, {len(set(ids))} different ones"))
    labels = dataset.images[list(dataset.findings)].to_numpy(dtype=float)
    if not (np.isnan(labels) | (labels == 0) | (labels == 1)).all():
        faults.append(("misread", "a label is neither 0 nor 1"))
    return faults


def _mutate(source: Path, target: Path, rng: Generator, case: Case) -> None:
    """Mutate a file of a release, by its format."""
    if ".csv" not in target.name or chance(rng, 0.1):
        data, name = damaged(source.read_bytes(), rng)
        case.add(f"bytes of {target.name}: {name}")
        target.write_bytes(data)
        return
    opener = gzip.open if source.suffix == ".gz" else open
    separator = ";" if source.name.startswith("CXR14") else ","
    with opener(source, "rt", encoding="utf-8") as handle:
        lines = [line.rstrip("\n").split(separator) for line in handle]
    write_csv(mutated(Sheet(lines[0], lines[1:]), rng, case), target, rng, case)


def _tables(root: Path) -> list[Path]:
    ends = (".csv", ".csv.gz", ".txt", ".json", ".zip", ".xlsx")
    images = ("images", "files")
    return [
        file
        for file in root.rglob("*")
        if file.name.endswith(ends) and not {*file.relative_to(root).parts[:-1]} & {*images}
    ]


def _link_or_copy(source: str, target: str) -> None:
    """Link images, which stay as they are; copy tables, which are written again."""
    if source.endswith((".png", ".jpg", ".dcm")):
        Path(target).symlink_to(source)
    else:
        shutil.copyfile(source, target)


def _zip_reports(root: Path) -> None:
    texts = list(root.rglob("s*.txt"))
    with zipfile.ZipFile(root / "mimic-cxr-reports.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for text in texts:
            archive.write(text, f"files/{'/'.join(text.parts[-3:])}")


def _write_chexpert(root: Path) -> None:
    folder = root / "CheXpert-v1.0-small"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(1)
    patients = [f"patient{k:05d}" for k in range(1, 13)]
    paths = [f"{p}/study{s}/view1_frontal.jpg" for p in patients for s in (1, 2)]
    n = len(paths)
    pd.DataFrame(
        {
            "Path": [f"CheXpert-v1.0-small/train/{path}" for path in paths],
            "Sex": rng.choice(["Female", "Male"], 12).repeat(2),
            "Age": rng.integers(18, 90, 12).repeat(2),
            "Frontal/Lateral": "Frontal",
            "AP/PA": rng.choice(["AP", "PA"], n),
            **{
                finding: rng.choice([1.0, 0.0, -1.0, np.nan], n)
                for finding in (*OTHER_FINDINGS, *FINDINGS)
            },
            "Support Devices": rng.choice([1.0, 0.0], n),
        }
    ).to_csv(folder / "train.csv", index=False)
    pd.DataFrame(
        {
            "PATIENT": patients,
            "GENDER": "Female",
            "AGE_AT_CXR": 50,
            "PRIMARY_RACE": rng.choice(["White, non-Hispanic", "Asian", "Black"], 12),
            "ETHNICITY": "Unknown",
        }
    ).to_excel(folder / "CHEXPERT DEMO.xlsx", index=False)


def _write_brax(root: Path) -> None:
    root.mkdir(parents=True)
    rng = np.random.default_rng(2)
    images = [
        f"id_{p:03d}/Study_{p}.{s}/Series_{p}.{s}/image-{p}{s}" for p in range(12) for s in "12"
    ]
    n = len(images)
    pd.DataFrame(
        {
            "DicomPath": [f"Anonymized_DICOMs/{image}.dcm" for image in images],
            "PngPath": [f"images/{image}.png" for image in images],
            "PatientID": [image.split("/")[0] for image in images],
            "PatientSex": rng.choice(["F", "M"], 12).repeat(2),
            "PatientAge": rng.choice(["20", "45", "65", "85 or more"], 12).repeat(2),
            "AccessionNumber": [f"{k:04d}" for k in range(n)],
            "StudyDate": 20100101,
            **{
                finding: rng.choice([1.0, 0.0, -1.0, np.nan], n)
                for finding in (*OTHER_FINDINGS, *FINDINGS)
            },
            "Support Devices": rng.choice([1.0, 0.0], n),
            "ViewPosition": rng.choice(["PA", "AP", "L"], n),
            "Rows": 1024,
            "Columns": 1024,
            "Manufacturer": 1,
        }
    ).to_csv(root / "master_spreadsheet_update.csv")
