"""From images to scores: ``cxraudit prepare``, ``encode`` and ``score``."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from cxraudit.cli._options import (
    BatchSize,
    Count,
    DatasetName,
    DatasetOptions,
    Device,
    Models,
    Quiet,
    Readers,
    Root,
    Several,
    load_dataset,
    repeatable,
)
from cxraudit.cli._output import Answer
from cxraudit.cli._progress import message, progress_bar, tell, tracker
from cxraudit.cli._shared import shared


@shared("prepare")
def prepare(
    dataset: DatasetName,
    *,
    root: Root,
    out: Path,
    option: DatasetOptions = None,
    size: Count = 224,
    resampling: Literal["bilinear", "antialiased"] = "bilinear",
    stretching: Literal["min-max", "none"] = "min-max",
    readers: Readers = None,
    quiet: Quiet = False,
) -> Answer:
    """Write the images as small greyscale PNGs: an explicit step, which the report records.

    The defaults are the preprocessing of Sourget et al. (2025). The result is the data set
    `prepared`: `cxraudit encode prepared --root OUT …`. After Ctrl-C or a crash the same command
    continues where it stopped. An image is prepared again if it holds something else than before, or
    if what was prepared is damaged; a release that was moved is not. Images that cannot be read are
    listed in failures.csv.

    Parameters
    ----------
    out
        Folder for images.parquet and the images.
    size
        Side of the square image in pixels.
    resampling
        bilinear: without antialiasing, as OpenCV does and the paper did; antialiased: bicubic.
    stretching
        min-max: the grey levels of each image are stretched from black to white; none: they stay.
    """
    from cxraudit.notices import as_records
    from cxraudit.prepare import UNREADABLE, Preparation, prepare_images

    images = load_dataset(dataset, root, option)
    how = Preparation(size=size, resampling=resampling, stretching=stretching)
    with progress_bar(quiet, f"prepare {images.name}", len(images.images)) as advance:
        kept = prepare_images(images, out, how, n_readers=readers, progress=advance)
    for notice in kept.notices:
        tell(notice)
    if lost := len(images.images) - len(kept.images):
        message(f"cxraudit: {lost} images could not be read; all are in {out / UNREADABLE}.")
    print(f"{len(kept.images):,} images of {kept.n_patients:,} patients: {out} (dataset prepared)")
    return Answer(
        {
            "images": len(kept.images),
            "patients": kept.n_patients,
            "unreadable": lost,
            "folder": out,
            "notices": as_records(kept.notices),
        }
    )


@shared("encode")
def encode(
    dataset: DatasetName,
    *,
    root: Root,
    model: Models,
    out: Path,
    option: DatasetOptions = None,
    batch_size: BatchSize = None,
    shard_size: Count = 1024,
    readers: Readers = None,
    device: Device = "auto",
    part: Annotated[str | None, Parameter(metavar="K/N")] = None,
    quiet: Quiet = False,
) -> Answer:
    """Embed every image of a data set with one or more models.

    Each image is decoded once for all models. Finished shards are kept: after Ctrl-C or a crash the
    same command continues where it stopped. A shard is encoded again if one of its images holds
    something else than before, or if it is damaged; a release that was moved is not. Images that cannot
    be read are listed in failures.csv.

    Parameters
    ----------
    out
        Folder for images.parquet and embeddings/.
    shard_size
        Images per file of embeddings: at most so many are lost when the job is killed.
    part
        Encode the shards of one of several processes or machines that share the folder, such as `3/16`; the
        one that ends last completes it. Default: that of a job array of Slurm or of torchrun, else all.
        `cxraudit submit` prints such a job, and `cxraudit status` shows how far it is.
    """
    from cxraudit import datasets
    from cxraudit.encode.parts import part_of, part_of_environment
    from cxraudit.encode.times import Times
    from cxraudit.steps import encode_step
    from cxraudit.workspace import Workspace

    own = part_of_environment() if part is None else part_of(part)
    if own.of > 1:
        message(f"cxraudit: part {own} ({own.source}).")

    images = load_dataset(dataset, root, option)
    names = list(dict.fromkeys(model))
    failures = encode_step(
        images,
        names,
        out,
        tracker(quiet),
        batch_size=batch_size,
        shard_size=shard_size,
        n_readers=readers,
        device=device,
        part=own,
        inputs=datasets.tables(dataset, root),
        times=(times := Times()),
        tell=tell,
    )
    if stated := times.sentence():
        message(f"cxraudit: {stated}")
    whole = Workspace(out).is_encoded()
    for error in failures["error"].head(10):
        message(f"cxraudit: not read: {error}")
    if lost := len(failures):
        where = f"; all are in {out / 'failures.csv'}" if whole else ""
        message(f"cxraudit: {lost} images could not be read{where}.")
    models = "1 model" if len(names) == 1 else f"{len(names)} models"
    if whole:
        print(f"{len(images.images) - lost:,} images × {models}: {out}")
    else:
        print(f"part {own} is done, and others are not: cxraudit status {out}")
    return Answer(
        {
            "part": str(own),
            "complete": whole,
            "images": len(images.images) - lost if whole else None,
            "unreadable": lost,
            "models": names,
            "folder": out,
            "seconds": {
                stage.name.lower(): round(taken, 3) for stage, taken in times.seconds.items()
            },
        }
    )


@shared("score")
def score(
    folder: Path,
    *,
    prompts: Annotated[str, Parameter(metavar="NAME")] = "paper",
    finding: Annotated[Several, repeatable("NAME")] = None,
    wordings: Annotated[str | None, Parameter(metavar="NAME")] = None,
) -> Answer:
    """Turn embeddings into zero-shot scores: one per image, finding and model.

    Parameters
    ----------
    folder
        What `cxraudit encode --out` wrote.
    prompts
        Name of a prompt set, or a TOML file with `positive` and `negative` templates.
    finding
        Finding to score; repeatable. Default: all of the data set.
    wordings
        Also encode the prompts with words for groups of patients, and with neutral words, so that the audit
        compares what both do: `default`, or a TOML file. Texts only; no image is read.
    """
    from cxraudit.files import read_table
    from cxraudit.prompts import load
    from cxraudit.prompts.bank import lint
    from cxraudit.steps import score_step
    from cxraudit.workspace import Workspace

    path = score_step(folder, prompt_set=prompts, findings=finding, wordings=wordings, tell=tell)
    pair = load(prompts)
    scored = read_table(path)
    for name in sorted(set(scored["finding"])):
        if fault := lint(*pair.pair(name)):
            message(f"cxraudit: {name}: {fault}; its scores may mean the opposite.")
    print(path)
    worded = Workspace(folder).read_wording_directions()
    if len(worded):
        texts = len({*worded["positive"], *worded["negative"]})
        words = worded["pair"].nunique()
        print(f"{words:,} wordings of each prompt, {texts:,} texts per model: no image was read.")
    return Answer(
        {
            "file": path,
            "wordings": 0 if worded.empty else int(worded["pair"].nunique()),
            "models": sorted(set(scored["model"])),
            "findings": sorted(set(scored["finding"])),
        }
    )
