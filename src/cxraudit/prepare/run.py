"""Preparing every image of a cohort, into a folder that a later call continues.

.. code-block:: text

    <out>/prepare.json              the preparation and the list of images
    <out>/images/3f/<name>.png      one prepared image each; see cxraudit.prepare.seal
    <out>/sources.parquet           sizes, times and hashes of the images they were made of
    <out>/failures.csv              images that could not be read (only if there are any)
    <out>/images.parquet            the cohort, with excluded.parquet; its manifest is written last

A prepared image is kept if it is whole and its source has the same bytes, wherever the source lies now.
"""

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path

import pandas as pd

from cxraudit.content import Source, source_now, sources_from, sources_table
from cxraudit.cores import threads
from cxraudit.datasets.base import Dataset
from cxraudit.datasets.saved import EXCLUDED, refuse_cohort, save_dataset
from cxraudit.datasets.saved import IMAGES as TABLE
from cxraudit.errors import DataError, ImageError
from cxraudit.files import digest, manifest_of, withdraw, write_atomic, write_table
from cxraudit.folders import (
    claim,
    refuse_foreign,
    remove_left_over,
    writable_folder,
    write_or_discard,
)
from cxraudit.images.sources import notices_on, read_decoded, stated_content
from cxraudit.notices import Notice, about_images
from cxraudit.prepare.pixels import Preparation, prepared
from cxraudit.prepare.seal import Seal, read_seal, sealed
from cxraudit.privacy import without_folders
from cxraudit.schema import CONTENT
from cxraudit.workspace import resume_or_refuse

IMAGES, RECORD, SOURCES, UNREADABLE = (
    "images",
    "prepare.json",
    "sources.parquet",
    "failures.csv",
)

READABLE = 60
"""Characters of an image_id at the beginning of the name of its file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outcome:
    """What became of one image."""

    source: Source | None = None
    content: str = ""
    """SHA-256 of the prepared file."""
    notes: tuple[str, ...] = ()
    redone: str = ""
    """Why an earlier file was not kept: ``changed`` or ``damaged``."""
    error: str = ""


def prepare_images(
    dataset: Dataset,
    out: Path,
    preparation: Preparation,
    *,
    n_readers: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Dataset:
    """Prepare every image of a cohort.

    Prepared images are kept where their source has the same bytes, so that an interrupted call can be
    repeated. Images that cannot be read are listed in ``failures.csv`` and excluded from the cohort.

    Parameters
    ----------
    dataset : Dataset
        The cohort.
    out : pathlib.Path
        Folder for ``images/``, ``images.parquet`` and the record of the preparation.
    preparation : Preparation
        How to prepare.
    n_readers : int
        Number of threads.
    progress : callable, optional
        Called with the number of images that were finished since the last call.

    Returns
    -------
    Dataset
        The same cohort with the paths of the prepared images, as saved in `out`. Its notices also
        state how many images of an earlier call were prepared again.

    Raises
    ------
    DataError
        If `out` is part of the release, holds files that cxraudit did not write or a cohort prepared
        differently, or if no image could be read.
    """
    images = dataset.images
    table = out / TABLE
    _refuse_release(dataset, out)
    refuse_cohort(out, beside=RECORD)
    writable_folder(out)
    files = [out / name for name in (RECORD, IMAGES, SOURCES, EXCLUDED, TABLE)]
    refuse_foreign(*files, manifest_of(table), out / UNREADABLE)
    claim(out / RECORD)
    wanted = {**asdict(preparation), "list of images": digest(sorted(images["image_id"]))}
    resume_or_refuse(out / RECORD, wanted, what="prepared images")
    claim(*files, manifest_of(table))
    remove_left_over(out, IMAGES)
    withdraw(table)
    names = [file_name(image) for image in images["image_id"]]
    done = _prepare_all(images, out, names, preparation, n_readers, progress)
    errors = [one.error for one in done]
    failed = pd.Series([error != "" for error in errors], index=images.index)
    _list_failures(out, images["image_id"], errors, failed)
    if failed.all():
        raise DataError(
            f"none of the {len(images):,} images could be read, first: {errors[0]} "
            "Check --root and the paths of the images; the same command tries them again."
        )
    cohort = replace(
        dataset,
        images=images.assign(
            path=[str(out / name) for name in names], **{CONTENT: [one.content for one in done]}
        ),
        notes=(*dataset.notes, preparation.sentence()),
        notices=(*dataset.notices, *notices_on(images["image_id"], [one.notes for one in done])),
    )
    cohort = cohort.keep(~failed, step="decoded", reason="the image cannot be decoded")
    failures = (out / UNREADABLE,) if failed.any() else ()
    save_dataset(cohort, out, outputs=failures, within=True, prepared=asdict(preparation))
    return replace(cohort, notices=(*cohort.notices, *_redone(images["image_id"], done)))


def file_name(image_id: str) -> str:
    """Return the name of a prepared image below its folder: a different one for every image_id.

    It is valid on any file system, also where upper and lower case are the same, and begins with what
    is readable of the image_id.

    Examples
    --------
    >>> file_name("00000082_000.png")
    'images/a4/00000082_000-a41e7babe178bb01c1d75bbdb308a016.png'
    """
    hashed = sha256(image_id.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    stem = re.sub(r"\.(png|jpe?g|dcm|dicom|tiff?)$", "", image_id, flags=re.IGNORECASE)
    readable = re.sub(r"[^A-Za-z0-9_.-]+", "-", stem)[:READABLE].strip("-.")
    return f"{IMAGES}/{hashed[:2]}/{readable}-{hashed}.png".replace("/-", "/")


def _refuse_release(dataset: Dataset, out: Path) -> None:
    """Refuse the folder of the release, the folders of its images below, and that of prepared images."""
    root, target = dataset.root.resolve(), out.resolve()
    folders = set(map(os.path.dirname, dataset.images["path"]))
    below = target.relative_to(root) if target.is_relative_to(root) else Path()
    places = [str(dataset.root / place) for place in (below, *below.parents)][:-1]
    written = (out / IMAGES).absolute()
    into = any(Path(folder).absolute().is_relative_to(written) for folder in folders)
    if target == root or folders.intersection(places) or into:
        raise DataError(
            f"{out} is part of the data set '{dataset.name}', to which nothing is added. Choose another "
            "--out."
        )


def _prepare_all(
    images: pd.DataFrame,
    out: Path,
    names: Sequence[str],
    preparation: Preparation,
    n_readers: int | None,
    progress: Callable[[int], None] | None,
) -> list[_Outcome]:
    known = _known_sources(out / SOURCES)
    how = digest(asdict(preparation))
    expected = stated_content(images)

    def work(image_id: str, path: str, content: str, name: str) -> _Outcome:
        try:
            return _prepare_one(
                Path(path), out / name, preparation, how, known.get(image_id), content
            )
        finally:
            if progress:
                progress(1)

    with ThreadPoolExecutor(threads(n_readers)) as pool:
        try:
            done = list(pool.map(work, images["image_id"], images["path"], expected, names))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    read = zip(images["image_id"], done, strict=True)
    sources = {image_id: one.source for image_id, one in read if one.source is not None}
    write_table(sources_table(sources), out / SOURCES)
    return done


def _known_sources(file: Path) -> Mapping[str, Source]:
    """Return what an earlier call read; nothing if the table is damaged, since it only saves reading."""
    try:
        return sources_from(pd.read_parquet(file))
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def _prepare_one(
    path: Path,
    target: Path,
    preparation: Preparation,
    how: str,
    known: Source | None,
    expected: str,
) -> _Outcome:
    """Keep or prepare one image; an earlier one whose source cannot be read any more is removed."""
    before = target.read_bytes() if target.is_file() else None
    seal = None if before is None else read_seal(before)
    if seal is not None and (seal.name, seal.preparation) != (target.name, how):
        seal = None
    if before is not None and seal is not None and expected in ("", seal.source):
        source = _if_unchanged(path, seal.source, known)
        if source is not None:
            content = sha256(before).hexdigest()
            return _Outcome(source=source, content=content, notes=seal.notes)
    try:
        decoded, source = read_decoded(path, expected)
        image = prepared(decoded.image, preparation)
    except ImageError as error:
        target.unlink(missing_ok=True)
        return _Outcome(error=without_folders(str(error), path))
    except (OSError, ValueError, MemoryError) as error:
        target.unlink(missing_ok=True)
        reason = without_folders(str(error) or type(error).__name__, path)
        return _Outcome(error=f"{path.name} cannot be prepared: {reason}.")
    notes = tuple(str(note) for note in decoded.notes)
    statement = Seal(name=target.name, source=source.sha256, preparation=how, notes=notes)
    content = sealed(image, statement)
    write_atomic(target, lambda temporary: temporary.write_bytes(content), through_power_cut=False)
    redone = "" if before is None else "changed" if seal is not None else "damaged"
    return _Outcome(source=source, content=sha256(content).hexdigest(), notes=notes, redone=redone)


def _if_unchanged(path: Path, content: str, known: Source | None) -> Source | None:
    """Return the source of a prepared image if it still holds the bytes of that hash."""
    try:
        source = source_now(path, known)
    except OSError:
        return None
    return source if source.sha256 == content else None


def _list_failures(
    out: Path, image_ids: pd.Series, errors: list[str], failed: "pd.Series[bool]"
) -> None:
    table = pd.DataFrame({"image_id": image_ids, "error": errors})
    write_or_discard(table[failed.to_numpy()], out / UNREADABLE)


def _redone(image_ids: Iterable[str], done: Sequence[_Outcome]) -> list[Notice]:
    """Return how many images of an earlier call were not kept, and why."""
    reasons = {
        "changed": "The image was changed since it was prepared, and was prepared again.",
        "damaged": "The prepared image was damaged or exchanged, and was prepared again.",
    }
    ids = list(image_ids)
    found = {why: [ids[k] for k, one in enumerate(done) if one.redone == why] for why in reasons}
    return [about_images(sentence, found[why]) for why, sentence in reasons.items() if found[why]]
