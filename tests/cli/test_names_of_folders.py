"""A whole run in a folder whose name is a secret: nothing that is handed on holds it."""

import gzip
import shutil
import stat
import sys
from pathlib import Path

import pandas as pd
import pyarrow.parquet
import pytest
from PIL import Image, PngImagePlugin

from planted import planted_table

SECRET = "secret_jane_doe"

WITH_PATHS = ("images.parquet", "sources.parquet")
"""Hold the paths of images, which are read from there; documented in docs/how-to/privacy.md."""
STATE = ("embeddings", "report-embeddings", "perturbed", "parts")
"""Folders of a run's own state."""


def content(file: Path) -> str:
    """Return all that a file holds, uncompressed: cells and metadata of Parquet, too."""
    data = file.read_bytes()
    text = data.decode("utf-8", errors="ignore") + data.decode("utf-16-le", errors="ignore")
    if file.suffix == ".gz":
        text += gzip.decompress(data).decode("utf-8", errors="ignore")
    if file.suffix == ".parquet":
        table = pyarrow.parquet.read_table(file)
        text += str(table.schema.metadata) + table.to_pandas().to_csv()
    return text


def holding(folder: Path) -> list[str]:
    """Return the files of a run that hold the secret, but for those that need the paths of images."""
    return [
        str(file.relative_to(folder))
        for file in sorted(folder.rglob("*"))
        if file.is_file()
        and file.name not in WITH_PATHS
        and not set(file.relative_to(folder).parts[:-1]) & set(STATE)
        and SECRET in content(file)
    ]


@pytest.fixture
def secret(tmp_path) -> Path:
    """A folder with the name of a patient."""
    return tmp_path / SECRET


@pytest.fixture
def typed(run, monkeypatch):
    """Run a command whose words are those of the process, as in a terminal."""

    def called(*arguments: str | Path) -> int:
        words = [
            word
            for one in arguments
            for word in (one.split() if isinstance(one, str) else [str(one)])
        ]
        monkeypatch.setattr(sys, "argv", ["/usr/bin/cxraudit", *words])
        return run(*arguments)

    return called


def test_a_run_of_images_names_no_folder(nih_release, secret, typed):
    """Encode, score, perturb, audit and report; with images that cannot be read."""
    root = secret / "release"
    shutil.copytree(nih_release, root)
    (root / "images" / "00000001_000.png").write_bytes(b"broken")
    (root / "images" / "00000002_000.png").unlink()
    work = secret / "jane" / "work"

    assert typed("encode nih-cxr14 --root", root, "--model random --out", work, "-q") == 0
    assert typed("score", work, "--finding Pneumothorax --finding Cardiomegaly") == 0
    assert typed("perturb", work, "--perturbation drain --images 10 -q") == 0
    assert typed("audit", work / "scores.parquet", "--resamples 20 --attribute sex") == 0
    assert typed("report", work / "audit", "--out", work / "again.html") == 0

    assert SECRET in content(work / "images.parquet")
    assert holding(work) == []
    failures = pd.read_csv(work / "failures.csv")
    assert failures["error"].str.startswith(("00000001_000.png", "00000002_000.png")).all()
    assert (work / "perturbed-failures.csv").is_file() or (
        work / "perturbed-scores.parquet"
    ).is_file()
    others = [path for path in [work, *work.rglob("*")] if path.stat().st_mode & 0o007]
    assert others == []


def test_an_audit_of_a_table_names_no_folder(secret, typed):
    """Nor in options, thresholds, notices, and identifiers that are paths."""
    secret.mkdir()
    table = planted_table(0, n_patients=60)
    table["file"] = [f"{secret}/images/{name}" for name in table["file"]]
    table.loc[:3, "sex"] = None
    table.loc[:2, "score_Pneumothorax"] = None
    table.to_csv(secret / "ours.csv", index=False)
    thresholds = secret / "thresholds.csv"
    thresholds.write_text("finding,threshold\nPneumothorax,0.5\n")

    assert (
        typed(
            "audit",
            secret / "ours.csv",
            "--image file --patient pid --label Pneumothorax=Pneumothorax --sex sex "
            "--score Pneumothorax=score_Pneumothorax --resamples 20 --out",
            secret / "deep" / "out",
            "--threshold",
            thresholds,
        )
        == 0
    )

    assert holding(secret / "deep") == []
    excluded = pd.read_parquet(secret / "deep" / "out" / "excluded.parquet")
    assert excluded["image_id"].tolist() == [f"image{k:05d}.png" for k in range(3)]


def test_prepared_images_name_no_folder(nih_release, secret, typed):
    """Their table of failures, their manifest and the images themselves; a profile does not come along."""
    root = secret / "release"
    shutil.copytree(nih_release, root)
    (root / "images" / "00000001_000.png").write_bytes(b"broken")
    target = root / "images" / "00000002_000.png"
    words = PngImagePlugin.PngInfo()
    words.add_text("Author", SECRET)
    with Image.open(target) as image:
        image.load()
        image.save(
            target,
            pnginfo=words,
            icc_profile=SECRET.encode(),
            exif=b"Exif\x00\x00" + SECRET.encode(),
        )
    out = secret / "small"

    assert typed("prepare nih-cxr14 --root", root, "--size 32 --out", out, "-q") == 0

    assert holding(out) == []
    assert SECRET not in "".join(content(file) for file in out.rglob("*.png"))


def test_figures_hold_pixels_and_nothing_else(nih_release, secret, typed):
    """No text, time, or name of a program in PNG; no date in SVG and PDF."""
    secret.mkdir()
    planted_table(0, n_patients=60).to_csv(secret / "ours.csv", index=False)

    assert (
        typed(
            "audit",
            secret / "ours.csv",
            "--image file --patient pid --label Pneumothorax=Pneumothorax --sex sex "
            "--score Pneumothorax=score_Pneumothorax --resamples 0",
        )
        == 0
    )

    figures = secret / "figures"
    assert typed("figures", secret / "audit", "--out", figures) == 0

    assert holding(figures) == []
    for file in figures.glob("*.png"):
        with Image.open(file) as image:
            image.load()
            assert set(image.info) <= {"dpi"}
    for file in figures.glob("*.svg"):
        text = file.read_text(encoding="utf-8")
        assert not any(word in text for word in ("dc:date", "dc:creator", "Matplotlib", "<!--"))
    assert stat.S_IMODE(figures.stat().st_mode) & 0o007 == 0
    for file in figures.glob("*.pdf"):
        assert not any(word in file.read_bytes() for word in (b"CreationDate", b"matplotlib"))
    assert list(figures.glob("*.svg"))
    assert list(figures.glob("*.pdf"))
