"""The command line: thin commands over `cxraudit.steps`.

Nothing heavy is imported before a command runs, so that ``--help`` answers at once.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, CycloptsError, Parameter
from cyclopts.validators import Number

from cxraudit.errors import ConfigError, CxrAuditError, UnknownNameError

if TYPE_CHECKING:
    from cxraudit.datasets.base import Dataset

app = App(
    name="cxraudit",
    help="Audit the fairness and robustness of image-text models for chest X-rays: for whom is "
    "a model worse, what does it lean on, how sure are we?\n\n"
    "Begin with `cxraudit demo`. With your own scores, `cxraudit audit --help`; with images and a "
    "model, `encode`, `score`, `audit`; for the whole chain from one file, `cxraudit run audit.toml`.",
    help_format="markdown",
    version_flags=["--version"],
    suppress_keyboard_interrupt=False,
)

Quiet = Annotated[bool, Parameter(name=["--quiet", "-q"], negative="")]
Many = Annotated[list[str] | None, Parameter(negative="")]
Fraction = Annotated[float, Parameter(validator=Number(gt=0, lt=1))]
Share = Annotated[float, Parameter(validator=Number(gte=0, lte=1))]
Seed = Annotated[int, Parameter(validator=Number(gte=0, lt=2**63))]
Count = Annotated[int, Parameter(validator=Number(gte=1))]


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


@contextmanager
def _bar(quiet: bool, description: str, total: int) -> Iterator[Callable[[int], None]]:
    if quiet:
        yield lambda n: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    class Rate(TextColumn):
        def __init__(self) -> None:
            super().__init__("")

        def render(self, task: Any) -> Any:
            from rich.text import Text

            return Text(f"{task.speed:,.0f} images/s" if task.speed else "")

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(description, total=total)
        yield lambda n: progress.advance(task, n)


def _tracker(quiet: bool) -> Callable[[str, int], Any]:
    return lambda description, total: _bar(quiet, description, total)


def _pairs(items: list[str] | None, option: str) -> dict[str, str]:
    """Turn repeated NAME=VALUE into a mapping."""
    pairs = {}
    for item in items or []:
        name, equals, value = item.partition("=")
        if not equals or not name or not value:
            raise ConfigError(f"{option} takes NAME=VALUE, got '{item}'.")
        if name in pairs:
            raise ConfigError(f"{option} names '{name}' twice. Give it once.")
        pairs[name] = value
    return pairs


def _load(dataset: str, root: Path, option: list[str] | None) -> "Dataset":
    from cxraudit import datasets

    return datasets.load(dataset, root, _pairs(option, "--option"))


@app.command
def demo(
    out: Path = Path("demo"), *, patients: Count = 600, seed: int = 2025, quiet: Quiet = False
) -> None:
    """Draw synthetic radiographs, audit the shipped model on them, and leave a report.

    Two releases are drawn, in the layouts of MIMIC-CXR-JPG and NIH ChestX-ray14, and go through
    the code that reads the real ones. The truth is known: the shipped model was taught to lean on
    chest drains and is worse for patients of 80 and over; nothing was planted for sex and race.

    Parameters
    ----------
    out
        Folder for everything; a second call goes on where the first stopped.
    patients
        Patients per release, with three images each on average.
    seed
        Another seed, other patients.
    quiet
        No progress bars.
    """
    from cxraudit.steps import demo_step

    report = demo_step(out, _tracker(quiet), n_patients=patients, seed=seed)
    _summary([out / "phantom-mimic" / "audit", out / "phantom-nih" / "audit"])
    print(f"Report: {report}")


@app.command
def phantom(
    out: Path,
    *,
    layout: str = "nih",
    patients: Count = 600,
    images_per_patient: float = 3.0,
    seed: Seed = 2025,
    image_size: Count = 256,
    contrast: Many = None,
    prevalence: Many = None,
    drain_given_pneumothorax: Share = 0.55,
    drain_otherwise: Share = 0.03,
    drain_visibility: Share = 1.0,
    untidy: Share = 0.0,
    workers: Count = 2,
    quiet: Quiet = False,
) -> None:
    """Draw synthetic chest radiographs with known truth, as a release in a true layout.

    Every effect is an option, so an audit can be tested on images whose answer is known. By
    default a drain goes with pneumothorax, findings are faint in patients of 80 and over, and sex
    and race have no effect. `phantom_truth.json` in the release says what was planted.

    Examples: no age effect, `--contrast 80+=1`; a sex effect, `--contrast female=0.5`; the shortcut
    switched off (drains in the tables, not in the images), `--drain-visibility 0`.

    Parameters
    ----------
    out
        Folder for the release.
    layout
        `nih` (ChestX-ray14 with NEATX drain labels) or `mimic` (MIMIC-CXR-JPG with MIMIC-IV).
    patients
        Number of patients.
    images_per_patient
        Mean number of images per patient, at least 1.
    seed
        The same options and seed give the same bytes.
    image_size
        Side of the images in pixels.
    contrast
        GROUP=FACTOR, repeatable: visibility of all findings in a group (18-25, 25-50, 50-65,
        65-80, 80+, female, male, asian, black, white). Default: 80+=0.35.
    prevalence
        FINDING=SHARE, repeatable: how frequent a finding is.
    drain_given_pneumothorax
        P(chest drain | pneumothorax).
    drain_otherwise
        P(chest drain | no pneumothorax).
    drain_visibility
        0 to 1: how clearly drains are drawn.
    untidy
        0 to 1, `mimic` only: share of records that are missing, contradict each other or say nothing,
        as in real releases.
    workers
        Processes that draw.
    quiet
        No progress bars.
    """
    from cxraudit.files import writable_folder
    from cxraudit.phantom.cohort import draw_cohort
    from cxraudit.phantom.releases import LAYOUTS, write_release
    from cxraudit.phantom.spec import PLANTED_AGE_CONTRAST, PREVALENCE, PhantomSpec

    spec = PhantomSpec(
        n_patients=patients,
        images_per_patient=images_per_patient,
        seed=seed,
        image_size=image_size,
        finding_contrast={**PLANTED_AGE_CONTRAST, **_numbers(contrast, "--contrast")},
        prevalence={**PREVALENCE, **_numbers(prevalence, "--prevalence")},
        drain_given_pneumothorax=drain_given_pneumothorax,
        drain_otherwise=drain_otherwise,
        drain_visibility=drain_visibility,
        untidy=untidy,
    )
    if layout not in LAYOUTS:
        raise UnknownNameError("phantom layout", layout, LAYOUTS)
    writable_folder(out)
    with _bar(quiet, "draw images", len(draw_cohort(spec))) as advance:
        cohort = write_release(spec, out, layout, n_workers=workers, progress=advance)
    name = "nih-cxr14" if layout == "nih" else "mimic-cxr"
    print(f"{len(cohort):,} images of {patients:,} synthetic patients: {out} (dataset {name})")


def _numbers(items: list[str] | None, option: str) -> dict[str, float]:
    try:
        return {name: float(value) for name, value in _pairs(items, option).items()}
    except ValueError:
        raise ConfigError(f"{option} takes NAME=NUMBER, got {' '.join(items or [])}.") from None


datasets_app = App(
    name="datasets",
    help="List the data sets that can be read, find them in a folder, check them against their papers.",
)
app.command(datasets_app)


@datasets_app.default
def list_datasets(name: str | None = None) -> None:
    """List the data sets that can be read; with a name, its files, options and published cohorts.

    Parameters
    ----------
    name
        One of the names in the list.
    """
    from cxraudit import datasets

    if name is None:
        for known in sorted(datasets.available()):
            print(f"{known:14} {datasets.module(known).SUMMARY}")
        return
    source = datasets.module(name)
    print(f"{name}: {source.SUMMARY}\n\nfiles")
    for file in source.FILES:
        print(f"  {file.name}{'' if file.needed else ' (optional)'}\n      from: {file.source}")
    print("\noptions (--option NAME=VALUE)")
    for key, parameter in datasets.options(name).items():
        print(f"  {key} = {parameter.default}")
    print("\noptions of every data set")
    for key, what in filters.OPTIONS.items():
        print(f"  {key}: {what}")
    for known, settings in getattr(source, "COHORTS", {}).items():
        meant = " ".join(f"{key}={value}" for key, value in settings.items())
        print(f"\n--option cohort={known} is {meant}")
    print(f"\n{source.load.__doc__.split('Raises')[0].rstrip() if source.load.__doc__ else ''}")


@datasets_app.command(name="find")
def find_datasets(root: Path) -> None:
    """Say which releases lie under a folder, what is missing of them, and where to get it.

    Parameters
    ----------
    root
        A folder, for instance the one that downloads go to.
    """
    from cxraudit import datasets
    from cxraudit.datasets.release import DEPTH
    from cxraudit.errors import DataError

    if not root.is_dir():
        raise DataError(f"{root} is no folder. Give the one that holds the releases.")
    nothing = True
    for name in sorted(datasets.available()):
        files = datasets.module(name).FILES
        there = {file.name: file.find(root) for file in files}
        if not any(there[file.name] for file in files if file.needed):
            continue
        nothing = False
        lacking = [file for file in files if file.needed and not there[file.name]]
        print(f"{name}: {'ready' if not lacking else f'{len(lacking)} of its files are missing'}")
        for file in files:
            place = there[file.name]
            mark = "found   " if place else "missing " if file.needed else "not here"
            print(f"  {mark} {file.name}" + (f": {place}" if place else f" (from: {file.source})"))
    if nothing:
        print(f"No known release within {DEPTH} folders below {root}. See cxraudit datasets.")


@datasets_app.command(name="check")
def check_release(name: str, root: Path) -> None:
    """Count what a release holds and compare with the published numbers; exit code 2 if they differ.

    Parameters
    ----------
    name
        Name of the data set.
    root
        Folder the release was unpacked in.
    """
    from cxraudit import datasets
    from cxraudit.errors import DataError

    counts = datasets.release_counts(name, root)
    width = max(len(count.what) for count in counts)
    for count in counts:
        published = "" if count.published is None else f"published {count.published:>9,}"
        mark = " " if count.published is None else "=" if count.agrees else "!"
        print(f"{mark} {count.what:{width}} {count.found:>9,}  {published}".rstrip())
    compared = [count for count in counts if count.published is not None]
    wrong = [count for count in compared if not count.agrees]
    if wrong:
        raise DataError(
            f"{len(wrong)} of {len(compared)} counts differ from the published ones, first: "
            f"{wrong[0].what}. Is this a part of the release, or another version?"
        )
    print(f"All {len(compared)} published counts agree.")


@app.command
def prepare(
    dataset: str,
    *,
    root: Path,
    out: Path,
    option: Many = None,
    size: Count = 224,
    resampling: Literal["bilinear", "antialiased"] = "bilinear",
    stretching: Literal["min-max", "none"] = "min-max",
    readers: Count = 2,
    quiet: Quiet = False,
) -> None:
    """Make small grey PNGs of the images, as an explicit step that the report tells of.

    The defaults are the preprocessing of Sourget et al. (2025). The result is the data set
    `prepared`: `cxraudit encode prepared --root OUT …`. After Ctrl-C the same command goes on where
    it stopped; images that cannot be read are listed in failures.csv.

    Parameters
    ----------
    dataset
        Name of the data set; see `cxraudit datasets`.
    root
        Folder the release was unpacked in.
    out
        Folder for images.parquet and the images.
    option
        NAME=VALUE, repeatable: an option of the data set; see `cxraudit datasets NAME`.
    size
        Side of the square in pixels.
    resampling
        bilinear: without antialiasing, as OpenCV does and the paper did; antialiased: bicubic.
    stretching
        min-max: each image from black to white; none.
    readers
        Threads that decode.
    quiet
        No progress bars.
    """
    from cxraudit.files import writable_folder
    from cxraudit.prepare import UNREADABLE, Preparation, prepare_images

    images = _load(dataset, root, option)
    how = Preparation(size=size, resampling=resampling, stretching=stretching)
    writable_folder(out)
    with _bar(quiet, f"prepare {images.name}", len(images.images)) as advance:
        kept = prepare_images(images, out, how, n_readers=readers, progress=advance)
    if lost := len(images.images) - len(kept.images):
        _say(f"cxraudit: {lost} images could not be read; all are in {out / UNREADABLE}.")
    print(f"{len(kept.images):,} images of {kept.n_patients:,} patients: {out} (dataset prepared)")


drains_app = App(
    name="drains",
    help="Train a detector of chest drains (or another shortcut) on annotated images; label the others.",
)
app.command(drains_app)


@drains_app.command(name="train")
def train_drains(
    dataset: str,
    *,
    root: Path,
    out: Path,
    option: Many = None,
    shortcut: str = "drain",
    image_size: Count = 224,
    epochs: Count = 60,
    patience: Count = 6,
    batch_size: Count = 32,
    learning_rate: float | None = None,
    control: Annotated[bool, Parameter(negative="")] = False,
    seed: Seed = 0,
    device: str = "auto",
    quiet: Quiet = False,
) -> None:
    """Train a DenseNet-121 on images that people annotated, and measure it on other patients.

    It begins with ImageNet weights if densenet121/densenet121-a639ec97.pth of torchvision is in
    $CXRAUDIT_WEIGHTS. Every finished epoch is kept: after Ctrl-C the same command goes on.

    Parameters
    ----------
    dataset
        Name of a data set with the shortcut; see `cxraudit datasets`.
    root
        Folder of the data set.
    out
        Folder for the detector: weights, record, history, held-out predictions.
    option
        NAME=VALUE, repeatable: an option of the data set.
    shortcut
        The column to learn; only labels by people are used.
    image_size
        Side of the images the network sees.
    epochs
        At most.
    patience
        Epochs without a lower validation loss before training stops.
    batch_size
        Images per step.
    learning_rate
        Default: 1e-4 from ImageNet weights, 1e-3 from scratch.
    control
        Shuffle the labels between patients; the detector must then say it learned nothing.
    seed
        Of the split, the start and the order of the images.
    device
        auto (a GPU if there is one), cpu, cuda …
    quiet
        No progress bars.
    """
    from cxraudit.detector.train import TrainSettings, train_detector, verdict
    from cxraudit.files import writable_folder
    from cxraudit.models._torch.adapter import pick_device

    settings = TrainSettings(
        shortcut=shortcut,
        image_size=image_size,
        epochs=epochs,
        patience=patience,
        batch_size=batch_size,
        learning_rate=learning_rate,
        control=control,
        seed=seed,
    )
    images = _load(dataset, root, option)
    writable_folder(out)
    record = train_detector(
        images, out, settings, device=pick_device(device), said=None if quiet else _say
    )
    print(verdict(record))
    print(f"Detector: {out}")


@drains_app.command(name="apply")
def apply_drains(
    detector: Path,
    dataset: str,
    *,
    root: Path,
    out: Path,
    option: Many = None,
    device: str = "auto",
    readers: Count = 2,
    quiet: Quiet = False,
) -> None:
    """Label the images that nobody annotated; `--option predicted=OUT/predicted.csv` then uses them.

    Each label comes with its probability and with what is known of the detector's errors, which
    the audit turns into bounds. Finished parts are kept.

    Parameters
    ----------
    detector
        Folder that `cxraudit drains train` wrote.
    dataset
        Name of the data set; see `cxraudit datasets`.
    root
        Folder of the data set.
    out
        Folder for predicted.csv.
    option
        NAME=VALUE, repeatable: an option of the data set.
    device
        auto (a GPU if there is one), cpu, cuda …
    readers
        Threads that decode.
    quiet
        No progress bars.
    """
    from cxraudit.detector.apply import PREDICTED, apply_detector
    from cxraudit.files import writable_folder
    from cxraudit.models._torch.adapter import pick_device

    images = _load(dataset, root, option)
    writable_folder(out)
    with _bar(quiet, "label images", len(images.images)) as advance:
        labels = apply_detector(
            detector, images, out, device=pick_device(device), n_readers=readers, progress=advance
        )
    print(f"{len(labels):,} labels: {out / PREDICTED} (use --option predicted={out / PREDICTED})")


models_app = App(
    name="models", help="List the models that can be audited; check, fetch and time their weights."
)
app.command(models_app)


@models_app.default
def list_models(name: str | None = None) -> None:
    """List the models that can be audited, and what is there of each; with a name, its card.

    Files are looked for under $CXRAUDIT_WEIGHTS/NAME, or in the user's cache. Any CLIP or SigLIP in
    transformers' format is `hf-clip:PATH`. `NAME@paper` is a model as the published wrapper ran it.

    Parameters
    ----------
    name
        One of the names in the list.
    """
    from dataclasses import asdict

    from cxraudit import models
    from cxraudit.models import weights

    if name is None:
        for known in sorted(models.available()):
            card = models.card(known)
            lacking, absent = models.missing_needs(card), weights.missing(card)
            state = (
                f"needs {', '.join(lacking)}: pip install 'cxraudit[models]'"
                if lacking
                else f"no weights: cxraudit models {known}"
                if absent
                else "ready"
            )
            print(f"{known:16} {card.summary} [{state}]")
        print(f"\nweights are looked for in {weights.weights_root()}/NAME")
        return
    card = models.card(name)
    for key, value in asdict(card).items():
        if key in ("files", "quirks"):
            continue
        shown = (
            ", ".join(sorted(map(str, value))) if isinstance(value, (frozenset, tuple)) else value
        )
        print(f"{key:14} {shown}")
    absent = weights.missing(card)
    for file in card.files:
        facts = [f"{file.size:,} bytes" if file.size else "", file.sha256 or file.md5, file.url]
        there = "missing" if file.name in absent else "there"
        print(f"file           {file.name} [{there}] {' '.join(filter(None, facts))}".rstrip())
    for quirk in card.quirks:
        print(f"@paper         {quirk.what} ({quirk.source})")
    if card.files:
        print(f"folder         {weights.folder_of(card)}")


@models_app.command
def check(name: str) -> None:
    """Verify the files of a model against the published sizes and checksums, and let it embed.

    Parameters
    ----------
    name
        Name of a model; see `cxraudit models`.
    """
    import numpy as np

    from cxraudit import models
    from cxraudit.models import weights
    from cxraudit.testing import check_model, sample_images

    for said in weights.verify(models.card(name)):
        print(said)
    model = models.load(name)
    images = sample_images(3)
    if model.card.protocol == "native":
        check_model(model, images)
        print("self-test: unit embeddings that depend on nothing else")
    rows = model.encode_images(np.stack([model.preprocess(image) for image in images]))
    first = " ".join(f"{value:+.4f}" for value in rows[0, :5])
    print(
        f"the first sample image begins with {first}; the same file gives the same numbers anywhere"
    )


@models_app.command
def fetch(name: str, *, endpoint: str | None = None) -> None:
    """Download the weights of a model where its licence lets a program do so; else say what to click.

    Finished files are kept and interrupted ones go on where they stopped.

    Parameters
    ----------
    name
        Name of a model; see `cxraudit models`.
    endpoint
        Another server with the addresses of the Hugging Face hub, such as a mirror.
    """
    from cxraudit import models
    from cxraudit.models import weights

    for path in weights.fetch(models.card(name), endpoint=endpoint):
        print(path)


@models_app.command
def bench(name: str, *, images: Count = 16, device: str = "auto") -> None:
    """Time a model on synthetic radiographs of 1024 × 1024, and say how well bfloat16 agrees with float32.

    Parameters
    ----------
    name
        Name of a model; see `cxraudit models`.
    images
        How many.
    device
        auto, cpu, cuda, cuda:1 …
    """
    from cxraudit.bench import bench_model

    for line in bench_model(name, n_images=images, device=device):
        print(line)


@app.command
def encode(
    dataset: str,
    *,
    root: Path,
    model: Annotated[list[str], Parameter(negative="")],
    out: Path,
    option: Many = None,
    batch_size: Count = 32,
    shard_size: Count = 1024,
    readers: Count = 2,
    device: str = "auto",
    quiet: Quiet = False,
) -> None:
    """Embed every image of a data set with one or more models.

    Each image is decoded once for all models. Finished shards are kept: after Ctrl-C or a crash the
    same command goes on where it stopped. Images that cannot be read are listed in failures.csv.

    Parameters
    ----------
    dataset
        Name of the data set; see `cxraudit datasets`.
    root
        Folder the release was unpacked in.
    model
        Name of a model, repeatable; see `cxraudit models`.
    out
        Folder for images.parquet and embeddings/.
    option
        NAME=VALUE, repeatable: an option of the data set; see `cxraudit datasets NAME`.
    batch_size
        Images per forward pass.
    shard_size
        Images per file: what is lost at most when the job is killed.
    readers
        Threads that decode images.
    device
        auto (a GPU if there is one), cpu, cuda, cuda:1 …
    quiet
        No progress bars.
    """
    from cxraudit.steps import encode_step

    images = _load(dataset, root, option)
    failures = encode_step(
        images,
        list(dict.fromkeys(model)),
        out,
        _tracker(quiet),
        batch_size=batch_size,
        shard_size=shard_size,
        n_readers=readers,
        device=device,
    )
    for row in failures.head(10).itertuples():
        _say(f"cxraudit: not read: {row.error}")
    if len(failures):
        _say(
            f"cxraudit: {len(failures)} images could not be read; all are in {out / 'failures.csv'}."
        )
    print(f"{len(images.images) - len(failures):,} images × {len(set(model))} models: {out}")


@app.command
def score(folder: Path, *, prompts: str = "paper", finding: Many = None) -> None:
    """Turn embeddings into zero-shot scores: one per image, finding and model.

    Parameters
    ----------
    folder
        What `cxraudit encode --out` wrote.
    prompts
        Name of a prompt set, or a TOML file with `positive` and `negative` templates.
    finding
        A finding to score, repeatable. Default: all of the data set.
    """
    from cxraudit.prompts import load
    from cxraudit.prompts.bank import lint
    from cxraudit.steps import score_step

    path = score_step(folder, prompt_set=prompts, findings=finding)
    import pandas as pd

    for asked in sorted(set(pd.read_parquet(path, columns=["finding"])["finding"])):
        if fault := lint(*load(prompts).pair(asked)):
            _say(f"cxraudit: {asked}: {fault}; its scores may mean the opposite.")
    print(path)


@app.command
def stress(
    folder: Path,
    *,
    edit: Many = None,
    images: Count = 400,
    seed: Seed = 0,
    batch_size: Count = 32,
    readers: Count = 2,
    device: str = "auto",
    quiet: Quiet = False,
) -> None:
    """Score images again after changing them on purpose: with a drain drawn in, and after wear.

    `drain` draws a chest drain into each image, `sham` changes as many pixels by as much elsewhere: its
    control. The others are what images suffer, in five severities: noise, blur, contrast, exposure,
    jpeg, rotation, downsampling, markers. Synthetic radiographs are also drawn again with the drain added and
    taken away. Finished edits are kept; `cxraudit audit` then compares them with the unedited images.

    Parameters
    ----------
    folder
        What `cxraudit encode` and `score` filled: its models, prompts and findings are used.
    edit
        Name of an edit, repeatable. Default: all.
    images
        How many images to edit: whole patients drawn by the seed. Each is encoded once per edit and
        severity.
    seed
        Of the choice of images and of the edits.
    batch_size
        Images per forward pass.
    readers
        Threads that decode and edit images.
    device
        auto (a GPU if there is one), cpu, cuda, cuda:1 …
    quiet
        No progress bars.
    """
    from cxraudit.steps import stress_step

    path = stress_step(
        folder,
        _tracker(quiet),
        edits=edit,
        n_images=images,
        seed=seed,
        batch_size=batch_size,
        n_readers=readers,
        device=device,
    )
    print(path)


@app.command
def audit(
    scores: Path,
    *,
    dataset: str | None = None,
    root: Path | None = None,
    option: Many = None,
    image: str | None = None,
    score_prefix: str | None = None,
    score: Many = None,
    model: str = "model",
    patient: str | None = None,
    label: Many = None,
    age: str | None = None,
    sex: str | None = None,
    view: str | None = None,
    attribute: Many = None,
    shortcut: Many = None,
    out: Path | None = None,
    resamples: Annotated[int, Parameter(validator=Number(gte=0))] = 2000,
    confidence_level: Annotated[float, Parameter(validator=Number(gt=0.5, lt=1))] = 0.95,
    margin: Fraction = 0.05,
    operating_point: str = "fpr=0.1",
    calibration: Literal["platt", "as is", "none"] = "platt",
    tuning_share: Fraction = 0.2,
    reference: Many = None,
    all_pairs: Annotated[bool, Parameter(negative="")] = False,
    standardise: Literal["both", "matched"] = "both",
    shortcut_labels: Literal["all", "annotated"] = "all",
    interval: Literal["percentile", "bca"] = "percentile",
    resample: Literal["patients", "images"] = "patients",
    embeddings: bool = True,
    seed: Seed = 0,
) -> None:
    """Audit scores by group and by shortcut, and write results and report.

    Three ways in:

    1. scores of ours: `cxraudit audit work/scores.parquet`
    2. scores of any model on a known data set: `cxraudit audit preds.csv --dataset nih-cxr14
       --root NIH --image "Image Index" --score-prefix prob_`
    3. one table with everything: `cxraudit audit table.csv --patient pid --image file
       --label Pneumothorax=ptx --score Pneumothorax=ptx_score --age age --sex sex
       --attribute hospital --shortcut drain=Pneumothorax`

    Parameters
    ----------
    scores
        Parquet or CSV.
    dataset
        Data set the scores are about (way 2); see `cxraudit datasets`.
    root
        Folder of the data set.
    option
        NAME=VALUE, repeatable: an option of the data set.
    image
        Column that identifies the image.
    score_prefix
        Columns that begin so hold scores; the rest of the name is the finding.
    score
        FINDING=COLUMN, repeatable: a column of scores.
    model
        Name for the scores.
    patient
        Column that identifies the patient (way 3).
    label
        FINDING=COLUMN, repeatable: the column of labels, 1, 0 or empty (way 3).
    age
        Column of ages: years, or DICOM age strings such as 058Y (way 3).
    sex
        Column of sex, in any usual spelling (way 3).
    view
        Column of view positions (way 3).
    attribute
        A column of groups to audit by, repeatable; `sex*age_group` is their intersection. Default:
        all the data set has.
    shortcut
        COLUMN=FINDING, repeatable: something in the image that may give a finding away. COLUMN:GROUP
        makes a shortcut of the images of one group, as in view_position:AP=Pneumothorax.
    out
        Folder for results.parquet, results.csv and report.html. Default: `audit` beside the scores.
    resamples
        Resamples of patients for the intervals.
    confidence_level
        Of the intervals; 1 − it is the level of the tests.
    margin
        The largest gap in AUROC, TPR or FPR that would not matter: declare it before looking.
    operating_point
        How the threshold of each finding is chosen, on tuning patients: fpr=X, tpr=X, youden,
        prevalence (as many called as are positive), fixed=X, or none.
    calibration
        platt: fit a map from scores to probabilities on tuning patients; as is: the scores are
        probabilities; none.
    tuning_share
        Share of patients, drawn by the seed, that thresholds and maps are chosen on; rates and
        calibration are those of the others.
    reference
        ATTRIBUTE=GROUP, repeatable: also compare each other group with this one.
    all_pairs
        Also compare every two groups.
    standardise
        Mix that gaps at equal age, view or drains are weighted to: that of both sides together, or
        matched (of the smaller side of each stratum, like one-to-one matching).
    shortcut_labels
        all, those a detector predicted included; or annotated: only those people gave.
    interval
        Expanded percentile, or bias-corrected and accelerated (BCa).
    resample
        patients; images is what published work does, and gives intervals that are too narrow.
    embeddings
        Where the scores lie beside the embeddings they were made of: also ask what these know of
        every attribute, and what the score uses of it.
    seed
        Of the resamples.
    """
    from cxraudit.audits.cells import AuditSettings
    from cxraudit.steps import (
        AUDIT,
        IMAGES,
        SCORES,
        audit_step,
        open_dataset,
        read_edited,
        read_embedded,
        read_scores,
        report_step,
    )

    for given, name in ((patient, "--patient"), (age, "--age"), (sex, "--sex"), (view, "--view")):
        if given and not label:
            raise ConfigError(
                f"{name} names a column of a table that also holds labels: add --label FINDING=COLUMN."
            )
    if label and dataset is not None:
        raise ConfigError("give either --dataset or --label: the labels come from one place.")
    settings = AuditSettings(
        n_resamples=resamples,
        seed=seed,
        confidence_level=confidence_level,
        margin=margin,
        operating_point=operating_point,
        calibration=calibration,
        tuning_share=tuning_share,
        references=_pairs(reference, "--reference"),
        all_pairs=all_pairs,
        standardise=standardise,
        interval=interval,
        resample=resample,
        shortcut_labels=shortcut_labels,
    )
    leans = _pairs(shortcut, "--shortcut") or None
    named = _pairs(score, "--score")
    beside = scores.parent / IMAGES
    inputs = {"scores": scores}
    if dataset is not None:
        if root is None:
            raise ConfigError(f"--dataset {dataset} needs --root, the folder of the data set.")
        images = _load(dataset, root, option)
    elif label:
        plain = [name for name in attribute or [] if "*" not in name]
        images = _own_table(scores, image, patient, label, age, sex, view, plain, leans)
        attribute = [*images.attributes, *(set(attribute or []) - set(plain))]
    elif beside.is_file():
        images = open_dataset(beside)
        inputs["images"] = beside
    else:
        raise ConfigError(
            f"nothing says what the images of {scores} show. Give --dataset and --root, or the columns "
            "of labels with --label FINDING=COLUMN (see cxraudit audit --help)."
        )
    table = read_scores(
        scores, images, image=image, columns=named, prefix=score_prefix, model=model
    )
    folder = out if out is not None else scores.parent / AUDIT
    audit_step(
        images,
        table,
        folder,
        attributes=attribute,
        shortcuts=leans,
        settings=settings,
        inputs=inputs,
        embedded=read_embedded(scores.parent) if embeddings else (),
        edited=read_edited(scores.parent) if scores.name == SCORES else None,
    )
    report_step([folder], folder / "report.html")
    _summary([folder])
    print(f"Report: {folder / 'report.html'}")


def _own_table(
    scores: Path,
    image: str | None,
    patient: str | None,
    label: list[str],
    age: str | None,
    sex: str | None,
    view: str | None,
    attribute: list[str] | None,
    leans: dict[str, str] | None,
) -> "Dataset":
    from cxraudit.datasets.table import from_frame
    from cxraudit.files import read_table

    if image is None or patient is None:
        raise ConfigError(
            "with --label, also name the columns of the image and the patient: --image and --patient. "
            "Patients are the unit of every interval."
        )
    table = read_table(scores, what="the scores table")
    columns = list(dict.fromkeys(attribute or []))
    shortcuts = []
    for shortcut in leans or {}:
        column, colon, _ = shortcut.partition(":")
        if not colon or shortcut in table:
            shortcuts.append(shortcut)
        elif column in table and column not in (*columns, age, sex, view):
            columns.append(column)  # one of its groups is the shortcut: see audits.shortcuts
    return from_frame(
        table,
        name=scores.name.split(".")[0],
        root=scores.parent,
        image=image,
        patient=patient,
        findings=_pairs(label, "--label"),
        age=age,
        sex=sex,
        view=view,
        attributes=columns,
        shortcuts=shortcuts,
    )


def _summary(folders: list[Path]) -> None:
    """Print the answer in plain words."""
    from cxraudit.report import NULL_MODEL, answers
    from cxraudit.report.words import knows
    from cxraudit.steps import open_audit

    sign = {"bad": "!", "better": "+", "good": "=", "unsure": "?", "plain": " "}
    for folder in folders:
        record = open_audit(folder)
        name = record.facts["dataset"]["name"]
        for model in dict.fromkeys(record.results["model"]):
            print(
                f"\n{model} on {name}: {record.facts['images']:,} images of "
                f"{record.facts['patients']:,} patients"
            )
            for statement in answers(record, model):
                if model == NULL_MODEL and statement.tone == "unsure":
                    continue
                print(f" {sign[statement.tone]} {statement.headline}. {statement.detail}")
            if record.knowledge is not None and model != NULL_MODEL:
                for statement in knows(record.knowledge.results, model):
                    print(f" {sign[statement.tone]} {statement.headline}. {statement.detail}")
    print()


paper_app = App(
    name="paper",
    help="The study of Sourget et al. (2025): its numbers, its protocol, and yours beside them.",
)
app.command(paper_app)


@paper_app.command(name="run")
def paper_run(
    out: Path = Path("paper-run"),
    *,
    model: Annotated[list[str], Parameter(negative="")],
    mimic: Path | None = None,
    nih: Path | None = None,
    mimic_option: Many = None,
    nih_option: Many = None,
    resamples: Annotated[int, Parameter(validator=Number(gte=0))] = 2000,
    batch_size: Count = 32,
    device: str = "auto",
    quiet: Quiet = False,
) -> None:
    """Make every table and figure of the study from the releases and the weights, in one go.

    Cohorts, prompts and statistics are those published; beside them stand an audit of the same
    predictions, the published numbers, and each fault of the published code with what it does here.
    Finished work is kept: the same command goes on after an interruption.

    Parameters
    ----------
    out
        Folder for paper.html, tables, figures, and one folder of work per data set.
    model
        Name of a model, repeatable; NAME@paper runs it as the published wrapper did.
    mimic
        Folder of MIMIC-CXR-JPG, with MIMIC-IV below it (or named with --mimic-option).
    nih
        Folder of ChestX-ray14, with the NEATX labels in it (or --nih-option drains=FILE).
    mimic_option
        NAME=VALUE, repeatable: an option of mimic-cxr; see `cxraudit datasets mimic-cxr`.
    nih_option
        NAME=VALUE, repeatable: an option of nih-cxr14.
    resamples
        Resamples of patients for the audit; the published protocol has 1,000 of images.
    batch_size
        Images per forward pass.
    device
        auto (a GPU if there is one), cpu, cuda, cuda:1 …
    quiet
        No progress bars.
    """
    from cxraudit.audits.cells import AuditSettings
    from cxraudit.paper.run import reproduce

    roots = {"mimic-cxr": mimic, "nih-cxr14": nih}
    given = {name: root for name, root in roots.items() if root is not None}
    if not given:
        raise ConfigError("give --mimic, --nih, or both: the folders of the releases.")
    path = reproduce(
        given,
        list(dict.fromkeys(model)),
        out,
        _tracker(quiet),
        options={
            "mimic-cxr": _pairs(mimic_option, "--mimic-option"),
            "nih-cxr14": _pairs(nih_option, "--nih-option"),
        },
        settings=AuditSettings(n_resamples=resamples),
        batch_size=batch_size,
        device=device,
    )
    print(path)


@paper_app.command(name="tables")
def paper_tables(out: Path = Path("paper")) -> None:
    """Draw the study's table and bar charts from its published numbers, and say what follows from them.

    Needs no data and no weights.

    Parameters
    ----------
    out
        Folder for paper.html, numbers.csv, LaTeX and figures.
    """
    from cxraudit.files import writable_folder
    from cxraudit.paper.conclusions import sentences
    from cxraudit.paper.numbers import published
    from cxraudit.paper.page import Reproduction, write_paper

    writable_folder(out)
    numbers = published()
    path = write_paper(
        Reproduction(numbers=numbers),
        out,
        title="The published numbers",
        intro="Drawn from the numbers published with the study, rounded to two decimals by its authors.",
        conclude=True,
    )
    for sentence in sentences(numbers):
        print(f" {sentence}")
    print(path)


@paper_app.command(name="compare")
def paper_compare(work: Path, *, out: Path | None = None, as_dataset: str | None = None) -> None:
    """Evaluate scores by the published protocol to the letter, and put them beside the published numbers.

    Film-level bootstrap of 1,000 with the published seed, adjusted AUPRC, positives with and without a
    drain against all negatives, nothing rounded: the same predictions give the same numbers. Use
    `NAME@paper` models and `--option cohort=paper`.

    Parameters
    ----------
    work
        Folder that `cxraudit encode` and `score` filled.
    out
        Folder for paper.html, numbers.csv, compare.csv. Default: `paper` in the folder.
    as_dataset
        `mimic-cxr` or `nih-cxr14`, where the data set has another name, such as a phantom's.
    """
    from cxraudit.files import read_table, writable_folder
    from cxraudit.paper.numbers import compare
    from cxraudit.paper.page import Reproduction, write_paper
    from cxraudit.paper.protocol import evaluate
    from cxraudit.schema import check_scores
    from cxraudit.steps import IMAGES, SCORES, open_dataset

    if as_dataset not in (None, "mimic-cxr", "nih-cxr14"):
        raise UnknownNameError("data set of the study", str(as_dataset), ("mimic-cxr", "nih-cxr14"))
    scores = check_scores(read_table(work / SCORES, what="the scores table"))
    dataset = open_dataset(work / IMAGES)
    numbers = evaluate(dataset, scores, named=as_dataset)
    beside = compare(numbers)
    folder = writable_folder(out if out is not None else work / "paper")
    path = write_paper(
        Reproduction(numbers=numbers, compared=beside),
        folder,
        title=f"{dataset.name} by the published protocol",
        intro="The same images, prompts and statistics as published; see docs/how-to/the-paper.md.",
    )
    for row in beside[beside["group"].isin(["all", "with", "without"])].itertuples():
        mark = "=" if row.agrees else "!"
        print(
            f"{mark} {row.model:18} {row.finding:17} {row.group:8} {row.metric:15} "
            f"{row.ours:6.3f}  published {row.published:5.2f}  {row.difference:+.2f}"
        )
    print(f"{int(beside['agrees'].sum())} of {len(beside)} numbers agree: {path}")


@app.command
def report(audits: list[Path], *, out: Path | None = None) -> None:
    """Write one self-contained HTML report on one or more audits.

    Parameters
    ----------
    audits
        Folders that `cxraudit audit` wrote.
    out
        The HTML file; figures go beside it. Default: report.html in the audit's folder.
    """
    from cxraudit.steps import report_step

    if out is None and len(audits) > 1:
        raise ConfigError(
            "a report on several audits needs a place of its own: name it with --out."
        )
    print(report_step(audits, out if out is not None else audits[0] / "report.html"))


@app.command
def run(config: Path, *, quiet: Quiet = False) -> None:
    """Do everything a TOML file asks for: data set, encoding, scores, audit, report.

    Parameters
    ----------
    config
        The file; its keys are in docs/reference/configuration.md.
    quiet
        No progress bars.
    """
    from cxraudit.run_file import read_config
    from cxraudit.steps import AUDIT, run_config

    settings = read_config(config)
    path = run_config(settings, _tracker(quiet))
    _summary([settings.out / AUDIT])
    print(f"Report: {path}")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit code: 0, 2 for what a user can put right, 130 for Ctrl-C."""
    try:
        app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except CxrAuditError as error:
        _say(f"cxraudit: {error}")
        return 2
    except CycloptsError as error:
        _say(f"cxraudit: {error} See cxraudit --help.")
        return 2
    except BrokenPipeError:
        # The reader of our output (head, less) has gone; nothing is left to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        _say("\ncxraudit: stopped. Finished work is kept; the same command goes on from here.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
