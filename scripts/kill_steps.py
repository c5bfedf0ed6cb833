"""The commands that `kill_tests.py` kills: small inputs, the command itself, and a change of its inputs."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from PIL import Image, ImageOps

from cxraudit.files import write_manifest
from cxraudit.phantom.releases import write_release
from cxraudit.phantom.spec import PREVALENCE, PhantomSpec

RELEASE, DETECTOR, WORK = "release", "detector", "work"
"""Folders in the folder of a trial: what is read, and what is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A command that is killed and repeated."""

    command: Sequence[str]
    """Its arguments; paths are relative to the folder of the trial, in which it runs."""
    setup: Callable[[Path], None]
    """Makes the inputs in a folder, once; every trial starts from a copy."""
    change: Callable[[Path], None]
    """Changes the inputs in a folder, so that the results of the command differ."""
    follow: Sequence[str] = ()
    """The next command, which reads what this one wrote; empty if there is none."""
    refuses: bool = False
    """Whether the repeated command may refuse changed inputs (exit code 2) and leave everything as it is."""
    ignore: Sequence[str] = ()
    """Patterns of files that are not compared, such as ``*.log``."""


def run(folder: Path, *arguments: str) -> None:
    """Run a command of cxraudit in a folder, and demand that it succeeds."""
    done = subprocess.run(
        [sys.executable, "-m", "cxraudit.cli", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: {done.stderr[-2000:]}")


def release(folder: Path, layout: str = "nih", n_patients: int = 30) -> None:
    """Write a synthetic release of small images."""
    spec = PhantomSpec(n_patients=n_patients, seed=7, image_size=64)
    write_release(spec, folder / RELEASE, layout, n_workers=1)


def encoded(folder: Path) -> None:
    """Write a release and its embeddings."""
    release(folder)
    run(folder, *ENCODE)


def scored(folder: Path) -> None:
    """Write a release, its embeddings and their scores."""
    encoded(folder)
    (folder / "prompts.toml").write_text(
        'name = "mine"\npositive = "{finding} is present"\nnegative = "{finding} is absent"\n'
    )
    run(folder, *SCORE)


def perturbed(folder: Path) -> None:
    """Write a release with scores of some perturbed images."""
    scored(folder)
    run(folder, "perturb", WORK, "--perturbation", "markers", "--images", "10", "--quiet")


def paired(folder: Path) -> None:
    """Write a release with scores, and edited images of some of its images."""
    scored(folder)
    edit_images(folder, 60)


def edit_images(folder: Path, darker: int) -> None:
    """Write edited images, and the table of pairs."""
    (folder / "edited").mkdir(exist_ok=True)
    rows = []
    for file in images_of(folder)[:24]:
        with Image.open(file) as image:
            edited = image.convert("L").point(lambda level: max(level - darker, 0))
        edited.save(folder / "edited" / file.name)
        rows.append({"image_id": file.name, "edited": f"edited/{file.name}", "edit": "darker"})
    pd.DataFrame(rows).to_csv(folder / "pairs.csv", index=False)


def edited_again(folder: Path) -> None:
    """Change what was edited."""
    edit_images(folder, 90)


def images_of(folder: Path) -> list[Path]:
    """Return the images of the release in a folder, in order."""
    return sorted((folder / RELEASE).rglob("*.png"))


def exchange_and_invert(folder: Path) -> None:
    """Exchange the first two images of a release, and invert one in the middle."""
    first, second, *others = images_of(folder)
    kept = first.with_suffix(".kept")
    first.rename(kept)
    second.rename(first)
    kept.rename(second)
    middle = others[len(others) // 2]
    with Image.open(middle) as image:
        image.load()
    ImageOps.invert(image.convert("L")).save(middle)


def other_prompts(folder: Path) -> None:
    """Change the prompts of the scores."""
    (folder / "prompts.toml").write_text(
        'name = "mine"\npositive = "signs of {finding}"\nnegative = "no signs of {finding}"\n'
    )


def encoded_again(folder: Path) -> None:
    """Change images, and repeat the steps that were made of them."""
    exchange_and_invert(folder)
    run(folder, *ENCODE)
    run(folder, *SCORE)


def own_table(folder: Path) -> None:
    """Write a table of scores with labels."""
    scored(folder)
    images = pd.read_parquet(folder / WORK / "images.parquet")
    scores = pd.read_parquet(folder / WORK / "scores.parquet")
    wide = scores[scores["model"] == "random"].pivot(
        index="image_id", columns="finding", values="score"
    )
    table = images[["image_id", "patient_id", "sex", "Pneumothorax"]]
    table = table.merge(wide["Pneumothorax"].rename("score").reset_index(), on="image_id")
    table.to_csv(folder / "table.csv", index=False)
    shutil.rmtree(folder / WORK)
    shutil.rmtree(folder / RELEASE)


def other_scores(folder: Path) -> None:
    """Turn the scores of a table round."""
    table = pd.read_csv(folder / "table.csv")
    table.assign(score=1 - table["score"]).to_csv(folder / "table.csv", index=False)


def annotated(folder: Path) -> None:
    """Write a release whose images nearly all have an annotation of the drain."""
    spec = PhantomSpec(
        n_patients=130,
        images_per_patient=1,
        seed=7,
        image_size=64,
        prevalence={**PREVALENCE, "Pneumothorax": 1.0},
        drain_given_pneumothorax=0.5,
    )
    write_release(spec, folder / RELEASE, "nih", n_workers=1)


def with_detector(folder: Path) -> None:
    """Write a detector, and a release of which most images have no annotation, in three parts."""
    annotated(folder)
    run(folder, *TRAIN[:-3], "--out", DETECTOR, "--quiet")
    record = json.loads((folder / DETECTOR / "detector.json").read_text())
    (folder / DETECTOR / "detector.json").write_text(json.dumps({**record, "above_chance": True}))
    names = ("detector.json", "detector.safetensors")
    write_manifest(
        folder / DETECTOR / names[0], outputs=[folder / DETECTOR / name for name in names]
    )
    (folder / DETECTOR / "checkpoint.bin").unlink()
    shutil.rmtree(folder / RELEASE)
    release(folder, n_patients=430)


ENCODE = (
    *("encode", "nih-cxr14", "--root", RELEASE, "--out", WORK, "--model", "random"),
    *("--model", "grey-levels", "--shard-size", "16", "--quiet"),
)
SCORE = ("score", WORK, "--prompts", "prompts.toml", "--finding", "Pneumothorax")
PERTURB = ("perturb", WORK, "--perturbation", "blur", "--images", "10", "--quiet")
PAIRS = ("perturb", WORK, "--pairs", "pairs.csv", "--quiet")
PREPARE = ("prepare", "nih-cxr14", "--root", RELEASE, "--out", WORK, "--size", "32", "--quiet")
TRAIN = (
    *("drains", "train", "nih-cxr14", "--root", RELEASE, "--image-size", "32", "--epochs", "2"),
    *("--batch-size", "48", "--resamples", "50", "--device", "cpu", "--out", WORK, "--quiet"),
)
APPLY = (
    *("drains", "apply", DETECTOR, "nih-cxr14", "--root", RELEASE, "--device", "cpu"),
    *("--out", WORK, "--quiet"),
)
PAPER = (
    *("paper", "run", WORK, "--nih", RELEASE, "--model", "grey-levels", "--resamples", "50"),
    "--quiet",
)
AUDIT = (
    *("audit", "table.csv", "--out", WORK, "--image", "image_id", "--patient", "patient_id"),
    *("--label", "Pneumothorax=Pneumothorax", "--score", "Pneumothorax=score", "--sex", "sex"),
    *("--resamples", "100", "--threads", "1"),
)

STEPS = {
    "encode": Step(
        command=ENCODE,
        setup=release,
        change=exchange_and_invert,
        follow=("score", WORK, "--finding", "Pneumothorax"),
    ),
    "score": Step(
        command=SCORE,
        setup=scored,
        change=other_prompts,
        follow=("perturb", WORK, "--perturbation", "markers", "--images", "5", "--quiet"),
    ),
    "perturb": Step(
        command=PERTURB,
        setup=perturbed,
        change=encoded_again,
        follow=(
            *("audit", f"{WORK}/scores.parquet", "--resamples", "100", "--no-embeddings"),
            *("--attribute", "sex", "--threads", "1"),
        ),
    ),
    "pairs": Step(
        command=PAIRS,
        setup=paired,
        change=edited_again,
        ignore=("checks.parquet",),
        follow=(
            *("audit", f"{WORK}/scores.parquet", "--resamples", "100", "--no-embeddings"),
            *("--attribute", "sex", "--threads", "1"),
        ),
    ),
    "prepare": Step(
        command=PREPARE,
        setup=release,
        change=exchange_and_invert,
        follow=(
            *("encode", "prepared", "--root", WORK, "--model", "random", "--out", f"{WORK}/run"),
            "--quiet",
        ),
        ignore=("sources.parquet",),
    ),
    "drains train": Step(
        command=TRAIN,
        setup=annotated,
        change=exchange_and_invert,
        follow=("drains", "apply", WORK, "nih-cxr14", "--root", RELEASE, "--out", f"{WORK}/labels"),
        refuses=True,
    ),
    "drains apply": Step(
        command=APPLY,
        setup=with_detector,
        change=exchange_and_invert,
        follow=(
            *(
                "encode",
                "nih-cxr14",
                "--root",
                RELEASE,
                "--model",
                "random",
                "--out",
                f"{WORK}/run",
            ),
            *("--option", f"predicted={WORK}/predicted.csv", "--quiet"),
        ),
        ignore=("parts/*.manifest.json",),
    ),
    "paper run": Step(command=PAPER, setup=release, change=exchange_and_invert),
    "audit": Step(
        command=AUDIT,
        setup=own_table,
        change=other_scores,
        follow=("report", WORK),
    ),
}
"""Name → step."""
