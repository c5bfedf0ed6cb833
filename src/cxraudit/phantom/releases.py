"""Synthetic cohorts written as releases in published layouts, which the loaders of real data read.

``nih``    NIH ChestX-ray14: ``Data_Entry_2017_v2020.csv``, official lists, ``images/*.png``, and
           NEATX drain labels as ``CXR14_Drains_Labels.csv``.
``mimic``  MIMIC-CXR-JPG 2.0.0 (metadata, split, labels, reports, images as JPEG) under
           ``mimic-cxr-jpg/2.0.0`` and MIMIC-IV tables under ``mimiciv/3.1/hosp``.

``phantom_truth.json`` in the root marks a release as synthetic and records its known effects. Nothing
of another origin is replaced: the record of the folder lists what was written.
"""

import io
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from cxraudit.datasets import truth
from cxraudit.datasets.base import FINDINGS
from cxraudit.datasets.releases import nih_cxr14
from cxraudit.errors import DataError, UnknownNameError
from cxraudit.files import write_atomic, write_table, write_text
from cxraudit.folders import claim, remove_left_over
from cxraudit.phantom.cohort import Radiograph, draw_cohort, radiographs
from cxraudit.phantom.findings import SIDES_SHORT, render, side_of
from cxraudit.phantom.record_noise import RecordNoise
from cxraudit.phantom.spec import PhantomSpec
from cxraudit.phantom.texts import findings_text
from cxraudit.schema import CONTENT
from cxraudit.streams import Stream, generator

Progress = Callable[[int], None]

DRAWN = "phantom_images.parquet"
"""Table in the root of the release, one row per image: all that the image was drawn from, its path and the
SHA-256 of its file (`CONTENT`). Written last."""
JPEG_QUALITY = 95

DETECTOR_ERROR = 0.03
"""Share of wrong labels among the simulated predictions of a drain detector in the NEATX file."""

LAYOUTS = {"mimic": "mimic-cxr", "nih": "nih-cxr14"}
"""Layout → name of the data set that reads it."""


def write_release(
    spec: PhantomSpec,
    root: str | os.PathLike[str],
    layout: str,
    *,
    n_workers: int = 2,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Draw a synthetic cohort and write it as a release.

    Images that are whole are kept, so that an interrupted call can be repeated; tables are written
    last. The same specification gives the same bytes on one machine and set of versions.

    Parameters
    ----------
    spec : PhantomSpec
        The cohort and its effects.
    root : str or os.PathLike
        Folder for the release.
    layout : {"nih", "mimic"}
        Layout to write; also the name of the data set, ``nih-cxr14`` or ``mimic-cxr``.
    n_workers : int
        Number of processes that draw.
    progress : callable, optional
        Called with the number of images that were finished since the last call.

    Returns
    -------
    pandas.DataFrame
        The cohort, as returned by `cxraudit.phantom.cohort.draw_cohort`.

    Raises
    ------
    UnknownNameError
        If there is no such layout.
    DataError
        If `root` holds a release of another specification, or files of another origin under the names
        of the release.
    """
    root, layout = Path(root), layout_name(layout)
    record = {
        "name": f"phantom-{layout}",
        "origin": f"phantom:seed={spec.seed}",
        "layout": layout,
        "planted": spec.planted,
        "spec": spec.truth(),
    }
    drawn = _start(root, layout, json.dumps(record, indent=2) + "\n")
    cohort = draw_cohort(spec)
    paths, write_tables = _WRITERS[layout](spec, root, cohort)
    content = radiographs(spec, cohort)
    relative = [str(path.relative_to(root)) for path in paths]
    kept = [_kept(path, drawn, name) for path, name in zip(paths, relative, strict=True)]
    missing = [
        (image, path)
        for image, path, digest in zip(content, paths, kept, strict=True)
        if digest is None
    ]
    if progress:
        progress(len(content) - len(missing))
    for folder in {path.parent for _, path in missing}:
        folder.mkdir(parents=True, exist_ok=True)
    written: dict[Path, str] = {}
    for path, digest in _in_processes(_write_image, missing, n_workers):
        written[path] = digest
        if progress:
            progress(1)
    write_tables(content)
    hashes = [digest or written[path] for path, digest in zip(paths, kept, strict=True)]
    write_table(cohort.assign(path=relative, **{CONTENT: hashes}), root / DRAWN)
    return cohort


def _start(root: Path, layout: str, text: str) -> dict[str, str] | None:
    """Claim the files of a release and mark it as synthetic; return path → hash of images that are there.

    None if nothing is known of images that are there: without the mark they may be of another
    specification.
    """
    mark = root / truth.NAME
    is_continued = mark.is_file()
    if is_continued and mark.read_bytes() != text.encode():
        raise DataError(
            f"{root} holds a synthetic release of another specification. Choose another folder."
        )
    present = [found for pattern in _READ[layout] for found in root.glob(pattern)]
    claim(mark, root / DRAWN, *(root / name for name in _FILES[layout]), *present)
    remove_left_over(root, *_FILES[layout])
    write_text(mark, text)
    if not is_continued:
        return None
    try:
        table = pd.read_parquet(root / DRAWN, columns=["path", CONTENT])
        return dict(zip(table["path"], table[CONTENT], strict=True))
    except (OSError, ValueError):
        return {}


def _kept(path: Path, drawn: Mapping[str, str] | None, name: str) -> str | None:
    """Return the hash of an image that is whole; None if it has to be drawn."""
    if drawn is None or not path.is_file():
        return None
    data = path.read_bytes()
    digest = sha256(data).hexdigest()
    if name in drawn:
        return digest if drawn[name] == digest else None
    return digest if _is_whole(data) else None


def _is_whole(data: bytes) -> bool:
    """Return whether an image can be decoded to its end, with the checksums of a PNG."""
    try:
        with Image.open(io.BytesIO(data), formats=["PNG", "JPEG"]) as image:
            image.verify()
        with Image.open(io.BytesIO(data), formats=["PNG", "JPEG"]) as image:
            image.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return False
    return True


def layout_name(name: str) -> str:
    """Return the name of a layout, given that or the name of the data set that reads it.

    Raises
    ------
    UnknownNameError
        If there is no such layout.
    """
    by_dataset = {dataset: layout for layout, dataset in LAYOUTS.items()}
    layout = by_dataset.get(name, name)
    if layout not in LAYOUTS:
        raise UnknownNameError("phantom layout", name, LAYOUTS)
    return layout


def _in_processes(
    work: Callable[[tuple[Radiograph, Path]], tuple[Path, str]],
    tasks: list[tuple[Radiograph, Path]],
    n_workers: int,
) -> Iterable[tuple[Path, str]]:
    if n_workers <= 1 or len(tasks) < 32:
        yield from map(work, tasks)
        return
    with ProcessPoolExecutor(n_workers) as pool:
        yield from pool.map(work, tasks, chunksize=16)


def _write_image(task: tuple[Radiograph, Path]) -> tuple[Path, str]:
    """Draw and write an image; return its path and the hash of its file."""
    image, path = task
    picture = Image.fromarray(render(image))
    buffer = io.BytesIO()
    if path.suffix == ".png":
        picture.save(buffer, format="PNG", compress_level=1)
    else:
        picture.save(buffer, format="JPEG", quality=JPEG_QUALITY)
    data = buffer.getvalue()
    write_atomic(path, lambda temporary: temporary.write_bytes(data), through_power_cut=False)
    return path, sha256(data).hexdigest()


Writer = Callable[[list[Radiograph]], None]


def _nih(spec: PhantomSpec, root: Path, cohort: pd.DataFrame) -> tuple[list[Path], Writer]:
    patients = cohort["patient"] + 1
    names = [f"{p:08d}_{n:03d}.png" for p, n in zip(patients, cohort["number"], strict=True)]
    published = {name: original for original, name in nih_cxr14.PUBLISHED_NAMES.items()}

    def write_tables(content: list[Radiograph]) -> None:
        labels = [
            "|".join(published[f] for f in image.findings) or "No Finding" for image in content
        ]
        entries = pd.DataFrame(
            {
                "Image Index": names,
                "Finding Labels": labels,
                "Follow-up #": cohort["number"],
                "Patient ID": patients,
                "Patient Age": cohort["age"],
                "Patient Gender": cohort["sex"].map({"female": "F", "male": "M"}),
                "View Position": cohort["view_position"],
                "OriginalImage[Width": spec.image_size,
                "Height]": spec.image_size,
                "OriginalImagePixelSpacing[x": 0.143,
                "y]": 0.143,
            }
        )
        write_table(entries, root / "Data_Entry_2017_v2020.csv")
        write_text(root / "test_list.txt", "\n".join(names))
        write_text(root / "train_val_list.txt", "")
        _write_neatx(spec, root, entries, cohort, content)

    return [root / "images" / name for name in names], write_tables


def _write_neatx(
    spec: PhantomSpec,
    root: Path,
    entries: pd.DataFrame,
    cohort: pd.DataFrame,
    content: list[Radiograph],
) -> None:
    """Write annotations of images with pneumothorax, and predictions with errors for the others."""
    rng = generator(Stream.PHANTOM_DETECTOR_ERRORS, spec.seed)
    pneumothorax = cohort["Pneumothorax"].astype(bool)
    drain = cohort["drain"].astype(bool)
    predicted = drain ^ (rng.random(len(cohort)) < DETECTOR_ERROR)
    vote = np.where(pneumothorax, drain.astype(float), np.nan)
    side = pd.Series([SIDES_SHORT[side_of(image, "Pneumothorax")] for image in content])
    location = side.where((pneumothorax & drain).to_numpy())
    table = entries.assign(
        **{
            "Unnamed: 11": None,
            "Unnamed: 0": np.where(pneumothorax, np.cumsum(pneumothorax) - 1, np.nan),
            "Drain_a1": vote,
            "Drain_Location_a1": location,
            "Drain_a2": vote,
            "Drain_Location_a2": location,
            "Drain": np.where(pneumothorax, drain, predicted).astype(float),
            "Pneumothorax": np.where(pneumothorax, "TRUE", "FALSE"),
        }
    )
    text = table.to_csv(sep=";", index=True, lineterminator="\n")
    write_text(root / "CXR14_Drains_Labels.csv", text)


_MIMIC_RACES = {
    "white": ("WHITE", "WHITE - OTHER EUROPEAN", "PORTUGUESE"),
    "black": ("BLACK/AFRICAN AMERICAN", "BLACK/CARIBBEAN ISLAND"),
    "asian": ("ASIAN", "ASIAN - CHINESE"),
}


def _mimic(spec: PhantomSpec, root: Path, cohort: pd.DataFrame) -> tuple[list[Path], Writer]:
    folder = root / "mimic-cxr-jpg" / "2.0.0"
    subjects = cohort["patient"] + 10_000_000 + spec.seed % 1000 * 9000
    studies = 50_000_000 + spec.seed % 1000 * 9000 + np.arange(len(cohort))
    keys = [
        generator(Stream.PHANTOM_DICOM_IDS, spec.seed, int(s)).integers(2**32, size=5)
        for s in studies
    ]
    dicoms = ["-".join(f"{part:08x}" for part in key) for key in keys]
    studies_of = [
        folder / "files" / f"p{s}"[:3] / f"p{s}" / f"s{t}"
        for s, t in zip(subjects, studies, strict=True)
    ]

    def write_tables(content: list[Radiograph]) -> None:
        key = {"subject_id": subjects, "study_id": studies}
        years = 2150 + cohort["days"] // 365
        metadata = pd.DataFrame(
            {
                "dicom_id": dicoms,
                **key,
                "PerformedProcedureStepDescription": "CHEST (PORTABLE AP)",
                "ViewPosition": cohort["view_position"],
                "Rows": spec.image_size,
                "Columns": spec.image_size,
                "StudyDate": years * 10000
                + 101
                + cohort["days"] % 365 // 31 * 100
                + cohort["days"] % 28,
                "StudyTime": 213014.531,
                "ProcedureCodeSequence_CodeMeaning": "CHEST (PORTABLE AP)",
                "ViewCodeSequence_CodeMeaning": cohort["view_position"].map(
                    {"AP": "antero-posterior", "PA": "postero-anterior"}
                ),
                "PatientOrientationCodeSequence_CodeMeaning": "Erect",
            }
        )
        noise = RecordNoise(spec.seed, spec.record_noise)
        write_table(noise.metadata(metadata), folder / "mimic-cxr-2.0.0-metadata.csv.gz")
        splits = pd.DataFrame(
            {"dicom_id": dicoms, "study_id": studies, "subject_id": subjects, "split": "test"}
        )
        write_table(noise.split(splits), folder / "mimic-cxr-2.0.0-split.csv.gz")
        relative = [
            str(path.relative_to(folder) / f"{d}.jpg")
            for path, d in zip(studies_of, dicoms, strict=True)
        ]
        write_table(
            pd.DataFrame({**key, "dicom_id": dicoms, "path": relative}),
            folder / "cxr-record-list.csv.gz",
        )
        labels = noise.labels(_mimic_labels(key, cohort))
        for labeler in ("chexpert", "negbio"):
            write_table(labels, folder / f"mimic-cxr-2.0.0-{labeler}.csv.gz")
        without_findings = noise.without_findings(len(content))
        for image, study, without in zip(content, studies_of, without_findings, strict=True):
            header = "IMPRESSION" if without else "FINDINGS"
            write_text(study.with_suffix(".txt"), _report(image, header))
        _write_mimic_iv(spec, root / "mimiciv" / "3.1" / "hosp", subjects, cohort, noise)

    return [
        path / f"{dicom}.jpg" for path, dicom in zip(studies_of, dicoms, strict=True)
    ], write_tables


def _mimic_labels(key: Mapping[str, object], cohort: pd.DataFrame) -> pd.DataFrame:
    """Return labels as given by the labelers: 1, 0, and blank for findings that are not mentioned."""
    others = (
        "Edema",
        "Enlarged Cardiomediastinum",
        "Fracture",
        "Lung Lesion",
        "Lung Opacity",
        "Pleural Other",
    )
    columns: dict[str, object] = dict.fromkeys(others, None)
    columns |= {finding: cohort[finding].astype(float) for finding in FINDINGS}
    columns["No Finding"] = np.where(cohort[list(FINDINGS)].any(axis=1), np.nan, 1.0)
    columns["Support Devices"] = np.where(cohort["drain"] == 1, 1.0, np.nan)
    return pd.DataFrame({**key, **{name: columns[name] for name in sorted(columns)}})


def _report(image: Radiograph, header: str) -> str:
    lines = [" " * 33 + "FINAL REPORT", " EXAMINATION:  CHEST RADIOGRAPH", " ", f" {header}: ", " "]
    words, line = findings_text(image).split(), " "
    for word in words:
        if len(line) + len(word) > 78:
            lines.append(line.rstrip())
            line = " "
        line += word + " "
    return "\n".join([*lines, line.rstrip(), ""])


def _write_mimic_iv(
    spec: PhantomSpec, folder: Path, subjects: pd.Series, cohort: pd.DataFrame, noise: RecordNoise
) -> None:
    first = cohort.assign(subject_id=subjects).groupby("patient").first()
    anchor_age = first["age"].where(first["age"] <= 89, 91)
    patients = pd.DataFrame(
        {
            "subject_id": first["subject_id"],
            "gender": first["sex"].map({"female": "F", "male": "M"}),
            "anchor_age": anchor_age,
            "anchor_year": 2150,
            "anchor_year_group": "2014 - 2016",
            "dod": None,
        }
    )
    write_table(noise.patients(patients), folder / "patients.csv.gz")
    rng = generator(Stream.PHANTOM_ADMISSIONS, spec.seed)
    recorded = [
        _MIMIC_RACES[race][int(rng.integers(len(_MIMIC_RACES[race])))] for race in first["race"]
    ]
    columns = [
        "subject_id",
        "hadm_id",
        "admittime",
        "dischtime",
        "deathtime",
        "admission_type",
        "admit_provider_id",
        "admission_location",
        "discharge_location",
        "insurance",
        "language",
        "marital_status",
        "race",
        "edregtime",
        "edouttime",
        "hospital_expire_flag",
    ]
    admissions = pd.DataFrame(
        {
            "subject_id": first["subject_id"],
            "hadm_id": 20_000_000 + np.arange(len(first)),
            "admittime": "2150-01-01 10:00:00",
            "dischtime": "2150-01-09 10:00:00",
            "admission_type": "EW EMER.",
            "race": recorded,
            "hospital_expire_flag": 0,
        }
    ).reindex(columns=columns)
    write_table(noise.admissions(admissions), folder / "admissions.csv.gz")


_FILES: dict[str, Sequence[str]] = {
    "mimic": ("mimic-cxr-jpg", "mimiciv"),
    "nih": (
        *("images", "Data_Entry_2017_v2020.csv", "test_list.txt", "train_val_list.txt"),
        "CXR14_Drains_Labels.csv",
    ),
}
"""What a layout has in the root of the release, besides `DRAWN` and the mark."""

_READ: dict[str, Sequence[str]] = {
    "mimic": ("mimic-cxr*", "mimiciv*", "files", "images*"),
    "nih": ("Data_Entry*", "images*", "*.png", "*list.txt", "*Drains*"),
}
"""What a reader of a layout would read in the root: of another origin, it would mix two releases."""

_WRITERS: dict[str, Callable[[PhantomSpec, Path, pd.DataFrame], tuple[list[Path], Writer]]] = {
    "mimic": _mimic,
    "nih": _nih,
}
