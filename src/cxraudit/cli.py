"""The command line: thin commands over `cxraudit.pipeline`.

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
    "Begin with `cxraudit demo`. With your own scores, `cxraudit audit --help`; with films and a "
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

            return Text(f"{task.speed:,.0f} films/s" if task.speed else "")

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(),
        TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
    )  # fmt: skip
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
    """Draw made-up films, audit the shipped model on them, and leave a report.

    Two releases are drawn, in the layouts of MIMIC-CXR-JPG and NIH ChestX-ray14, and go through
    the code that reads the real ones. The truth is known: the shipped model was taught to lean on
    chest drains and is worse for patients of 80 and over; nothing was planted for sex and race.

    Parameters
    ----------
    out
        Folder for everything; a second call goes on where the first stopped.
    patients
        Patients per release, with three films each on average.
    seed
        Another seed, other patients.
    quiet
        No progress bars.
    """
    from cxraudit.pipeline import demo_step

    report = demo_step(out, _tracker(quiet), n_patients=patients, seed=seed)
    _summary([out / "phantom-mimic" / "audit", out / "phantom-nih" / "audit"])
    print(f"Report: {report}")


@app.command
def phantom(
    out: Path,
    *,
    layout: str = "nih",
    patients: Count = 600,
    films_per_patient: float = 3.0,
    seed: Seed = 2025,
    image_size: Count = 256,
    contrast: Many = None,
    prevalence: Many = None,
    drain_given_pneumothorax: Share = 0.55,
    drain_otherwise: Share = 0.03,
    drain_visibility: Share = 1.0,
    workers: Count = 2,
    quiet: Quiet = False,
) -> None:
    """Draw made-up chest films with known truth, as a release in a true layout.

    Every effect is an option, so an audit can be tested on films whose answer is known. By
    default a drain goes with pneumothorax, findings are faint in patients of 80 and over, and sex
    and race have no effect. `phantom_truth.json` in the release says what was planted.

    Examples: no age effect, `--contrast 80+=1`; a sex effect, `--contrast female=0.5`; the shortcut
    switched off (drains in the tables, not in the films), `--drain-visibility 0`.

    Parameters
    ----------
    out
        Folder for the release.
    layout
        `nih` (ChestX-ray14 with NEATX drain labels) or `mimic` (MIMIC-CXR-JPG with MIMIC-IV).
    patients
        Number of patients.
    films_per_patient
        Mean number of films per patient, at least 1.
    seed
        The same options and seed give the same bytes.
    image_size
        Side of the films in pixels.
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
    workers
        Processes that draw.
    quiet
        No progress bars.
    """
    from cxraudit.datasets.phantom.cohort import draw_cohort
    from cxraudit.datasets.phantom.releases import LAYOUTS, write_release
    from cxraudit.datasets.phantom.spec import PLANTED_AGE_CONTRAST, PREVALENCE, PhantomSpec
    from cxraudit.files import writable_folder

    spec = PhantomSpec(
        n_patients=patients, films_per_patient=films_per_patient, seed=seed, image_size=image_size,
        finding_contrast={**PLANTED_AGE_CONTRAST, **_numbers(contrast, "--contrast")},
        prevalence={**PREVALENCE, **_numbers(prevalence, "--prevalence")},
        drain_given_pneumothorax=drain_given_pneumothorax, drain_otherwise=drain_otherwise,
        drain_visibility=drain_visibility,
    )  # fmt: skip
    if layout not in LAYOUTS:
        raise UnknownNameError("phantom layout", layout, LAYOUTS)
    writable_folder(out)
    with _bar(quiet, "draw films", len(draw_cohort(spec))) as advance:
        cohort = write_release(spec, out, layout, n_workers=workers, progress=advance)
    name = "nih-cxr14" if layout == "nih" else "mimic-cxr"
    print(f"{len(cohort):,} films of {patients:,} made-up patients: {out} (dataset {name})")


def _numbers(items: list[str] | None, option: str) -> dict[str, float]:
    try:
        return {name: float(value) for name, value in _pairs(items, option).items()}
    except ValueError:
        raise ConfigError(f"{option} takes NAME=NUMBER, got {' '.join(items or [])}.") from None


@app.command(name="datasets")
def list_datasets(name: str | None = None) -> None:
    """List the data sets that can be read; with a name, its files and options.

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
    for file, where in source.FILES:
        print(f"  {file}\n      from: {where}")
    print("\noptions (--option NAME=VALUE)")
    for key, parameter in datasets.options(name).items():
        print(f"  {key} = {parameter.default}")
    if not datasets.options(name):
        print("  none")
    print(f"\n{source.load.__doc__.split('Raises')[0].rstrip() if source.load.__doc__ else ''}")


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
    from cxraudit.testing import check_model, sample_films

    for said in weights.verify(models.card(name)):
        print(said)
    model = models.load(name)
    films = sample_films(3)
    if model.card.protocol == "native":
        check_model(model, films)
        print("self-test: unit embeddings that depend on nothing else")
    rows = model.encode_images(np.stack([model.preprocess(film) for film in films]))
    first = " ".join(f"{value:+.4f}" for value in rows[0, :5])
    print(
        f"the first sample film begins with {first}; the same file gives the same numbers anywhere"
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
def bench(name: str, *, films: Count = 16, device: str = "auto") -> None:
    """Time a model on made-up films of 1024 × 1024, and say how well bfloat16 agrees with float32.

    Parameters
    ----------
    name
        Name of a model; see `cxraudit models`.
    films
        How many.
    device
        auto, cpu, cuda, cuda:1 …
    """
    from cxraudit.bench import bench_model

    for line in bench_model(name, n_films=films, device=device):
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
    """Embed every film of a data set with one or more models.

    Each film is decoded once for all models. Finished shards are kept: after Ctrl-C or a crash the
    same command goes on where it stopped. Films that cannot be read are listed in failures.csv.

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
        Films per forward pass.
    shard_size
        Films per file: what is lost at most when the job is killed.
    readers
        Threads that decode films.
    device
        auto (a GPU if there is one), cpu, cuda, cuda:1 …
    quiet
        No progress bars.
    """
    from cxraudit.pipeline import encode_step

    films = _load(dataset, root, option)
    failures = encode_step(
        films, list(dict.fromkeys(model)), out, _tracker(quiet),
        batch_size=batch_size, shard_size=shard_size, n_readers=readers, device=device,
    )  # fmt: skip
    for row in failures.head(10).itertuples():
        _say(f"cxraudit: not read: {row.error}")
    if len(failures):
        _say(
            f"cxraudit: {len(failures)} films could not be read; all are in {out / 'failures.csv'}."
        )
    print(f"{len(films.images) - len(failures):,} films × {len(set(model))} models: {out}")


@app.command
def score(folder: Path, *, prompts: str = "paper", finding: Many = None) -> None:
    """Turn embeddings into zero-shot scores: one per film, finding and model.

    Parameters
    ----------
    folder
        What `cxraudit encode --out` wrote.
    prompts
        Name of a prompt set, or a TOML file with `positive` and `negative` templates.
    finding
        A finding to score, repeatable. Default: all of the data set.
    """
    from cxraudit.pipeline import score_step

    print(score_step(folder, prompt_set=prompts, findings=finding))


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
    interval: Literal["percentile", "bca"] = "percentile",
    resample: Literal["patients", "images"] = "patients",
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
        Column that identifies the film.
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
        COLUMN=FINDING, repeatable: something in the film that may give a finding away.
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
    interval
        Expanded percentile, or bias-corrected and accelerated (BCa).
    resample
        patients; images is what published work does, and gives intervals that are too narrow.
    seed
        Of the resamples.
    """
    from cxraudit.audits.cells import AuditSettings
    from cxraudit.pipeline import AUDIT, IMAGES, audit_step, open_dataset, read_scores, report_step

    for given, name in ((patient, "--patient"), (age, "--age"), (sex, "--sex"), (view, "--view")):
        if given and not label:
            raise ConfigError(
                f"{name} names a column of a table that also holds labels: add --label FINDING=COLUMN."
            )
    if label and dataset is not None:
        raise ConfigError("give either --dataset or --label: the labels come from one place.")
    settings = AuditSettings(
        n_resamples=resamples, seed=seed, confidence_level=confidence_level, margin=margin,
        operating_point=operating_point, calibration=calibration, tuning_share=tuning_share,
        references=_pairs(reference, "--reference"), all_pairs=all_pairs, standardise=standardise,
        interval=interval, resample=resample,
    )  # fmt: skip
    leans = _pairs(shortcut, "--shortcut") or None
    named = _pairs(score, "--score")
    beside = scores.parent / IMAGES
    inputs = {"scores": scores}
    if dataset is not None:
        if root is None:
            raise ConfigError(f"--dataset {dataset} needs --root, the folder of the data set.")
        films = _load(dataset, root, option)
    elif label:
        plain = [name for name in attribute or [] if "*" not in name]
        films = _own_table(scores, image, patient, label, age, sex, view, plain, leans)
        attribute = [*films.attributes, *(set(attribute or []) - set(plain))]
    elif beside.is_file():
        films = open_dataset(beside)
        inputs["images"] = beside
    else:
        raise ConfigError(
            f"nothing says what the films of {scores} show. Give --dataset and --root, or the columns "
            "of labels with --label FINDING=COLUMN (see cxraudit audit --help)."
        )
    table = read_scores(scores, films, image=image, columns=named, prefix=score_prefix, model=model)
    folder = out if out is not None else scores.parent / AUDIT
    audit_step(
        films, table, folder, attributes=attribute, shortcuts=leans,
        settings=settings, inputs=inputs,
    )  # fmt: skip
    report_step([folder], folder / "report.html")
    _summary([folder])
    print(f"Report: {folder / 'report.html'}")


def _own_table(
    scores: Path, image: str | None, patient: str | None, label: list[str], age: str | None,
    sex: str | None, view: str | None, attribute: list[str] | None, leans: dict[str, str] | None,
) -> "Dataset":  # fmt: skip
    from cxraudit.datasets.table import from_frame
    from cxraudit.files import read_table

    if image is None or patient is None:
        raise ConfigError(
            "with --label, also name the columns of the film and the patient: --image and --patient. "
            "Patients are the unit of every interval."
        )
    return from_frame(
        read_table(scores, what="the scores table"), name=scores.name.split(".")[0], root=scores.parent,
        image=image, patient=patient, findings=_pairs(label, "--label"), age=age, sex=sex, view=view,
        attributes=attribute or [], shortcuts=list(leans or {}),
    )  # fmt: skip


def _summary(folders: list[Path]) -> None:
    """Print the answer in plain words."""
    from cxraudit.pipeline import open_audit
    from cxraudit.report import NULL_MODEL
    from cxraudit.report.words import answer

    sign = {"bad": "!", "better": "+", "good": "=", "unsure": "?", "plain": " "}
    for folder in folders:
        record = open_audit(folder)
        name = record.facts["dataset"]["name"]
        for model in dict.fromkeys(record.results["model"]):
            print(
                f"\n{model} on {name}: {record.facts['images']:,} films of "
                f"{record.facts['patients']:,} patients"
            )
            for statement in answer(record.results, model, name):
                if model == NULL_MODEL and statement.tone == "unsure":
                    continue
                print(f" {sign[statement.tone]} {statement.headline}. {statement.detail}")
    print()


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
    from cxraudit.pipeline import report_step

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
    from cxraudit.config import read_config
    from cxraudit.pipeline import AUDIT, run_config

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
