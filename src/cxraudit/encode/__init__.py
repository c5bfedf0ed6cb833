"""Images → embeddings: every image is decoded once for all models and perturbations.

It is encoded once per model and perturbation.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxraudit.content import Source
from cxraudit.cores import threads
from cxraudit.datasets.base import REPORT
from cxraudit.encode.batches import NOT_FINITE, Unfinished, batches, usable
from cxraudit.encode.parts import WHOLE, Part
from cxraudit.encode.reading import Perturbation, Prepared, Reader
from cxraudit.encode.resume import Survey, of_damaged, survey
from cxraudit.encode.times import Stage, Times
from cxraudit.errors import ConfigError, CxrAuditError
from cxraudit.files import folder_name
from cxraudit.models.base import ImageModel, ImageTextModel, stacked
from cxraudit.notices import Notice, Tell, logged
from cxraudit.schema import CONTENT
from cxraudit.store import NO_REPORT, DamagedError, EmbeddingStore, Shard, index_of, plan_shards

Progress = Callable[[int], None]
"""Called with the number of images that were finished since the last call."""

SHARD_SIZE = 1024
BATCH_SIZE, GPU_BATCH_SIZE = 32, 256
"""Images per forward pass, unless another number is given."""


def encode_images(
    images: pd.DataFrame,
    models: Mapping[str, ImageModel],
    folder: str | PathLike[str],
    *,
    batch_size: int | None = None,
    shard_size: int = SHARD_SIZE,
    n_readers: int | None = None,
    progress: Progress | None = None,
    perturbation: Perturbation | None = None,
    perturbation_name: str = "",
    part: Part = WHOLE,
    shard_done: Callable[[], None] | None = None,
    times: Times | None = None,
    tell: Tell = logged,
) -> pd.DataFrame:
    """Embed every image of a cohort with every model, and store the embeddings.

    Finished shards are kept, so the same call continues after an interruption and ends with the same
    embeddings. A shard is encoded again if it is damaged, or if one of its images holds something else
    than what was encoded; a release that was moved is not. An image that cannot be read is recorded
    with the reason; the others are encoded.

    Parameters
    ----------
    images : pandas.DataFrame
        An images table; ``image_id`` and ``path`` are used.
    models : mapping of str to ImageModel
        Name → model; the name is that of its store.
    folder : str or path
        Folder of one store per model; see `cxraudit.store`.
    batch_size, shard_size : int
        Images per forward pass (default: 256 on a GPU, else 32) and per file. Neither changes an embedding.
    n_readers : int
        Number of threads that decode; default: one per core.
    progress : callable, optional
        Called as images are finished.
    perturbation : callable, optional
        Applied to each decoded image first; use one folder per perturbation.
    perturbation_name : str
        All that the perturbation depends on; recorded, so that embeddings are never mixed.
    part : Part
        Shards to encode, where several processes share the folder; default: all.
    shard_done : callable, optional
        Called when a shard of the part is there, for all models.
    times : Times, optional
        Where the time of each stage is added up.
    tell : callable, optional
        Called with a notice of each kind of change in images and shards since an earlier call;
        default: a warning of the logger ``cxraudit``.

    Returns
    -------
    pandas.DataFrame
        Images of the part that could not be read: ``image_id``, ``error``, ``model``. Empty if there are
        none.

    Raises
    ------
    DataError
        If the folder holds embeddings of other weights or images, or not one image that was encoded is
        there any more.
    """
    (failed,) = encode_perturbed(
        images,
        models,
        [Perturbed(Path(folder), perturbation, perturbation_name)],
        batch_size=batch_size,
        shard_size=shard_size,
        n_readers=n_readers,
        progress=progress,
        part=part,
        shard_done=shard_done,
        times=times,
        tell=tell,
    )
    return failed


@dataclass(frozen=True, slots=True)
class Perturbed:
    """The images of a cohort after one perturbation, and where their embeddings are stored."""

    folder: Path
    """Folder of one store per model."""
    apply: Perturbation | None = None
    """None for the images as they are."""
    name: str = ""
    """All that the perturbation depends on."""


def encode_perturbed(
    images: pd.DataFrame,
    models: Mapping[str, ImageModel],
    perturbed: Sequence[Perturbed],
    *,
    batch_size: int | None = None,
    shard_size: int = SHARD_SIZE,
    n_readers: int | None = None,
    progress: Progress | None = None,
    part: Part = WHOLE,
    shard_done: Callable[[], None] | None = None,
    times: Times | None = None,
    tell: Tell = logged,
) -> list[pd.DataFrame]:
    """Embed every image of a cohort under each of several perturbations, with every model.

    Each image file is read and decoded once, however many perturbations are unfinished; what is stored is
    the same as by one call of `encode_images` per perturbation. At most two batches of decoded images are
    held at a time.

    Parameters
    ----------
    images, models, batch_size, shard_size, n_readers
        As in `encode_images`.
    perturbed : sequence of Perturbed
        What is done to the images, each with a folder of its own.
    progress : callable, optional
        Called with the number of perturbed images that were finished since the last call.
    part, shard_done, times, tell
        As in `encode_images`.

    Returns
    -------
    list of pandas.DataFrame
        Per perturbation the images that could not be read, or that it does not apply to.

    Raises
    ------
    DataError
        As `encode_images`.
    """
    batch_size = batch_size_for(models.values()) if batch_size is None else batch_size
    if batch_size < 1 or shard_size < 1:
        raise ConfigError(
            f"batch and shard size must be at least 1, got {batch_size} and {shard_size}."
        )
    opened = [
        open_stores(images, models, one.folder, shard_size, one.name, tell) for one in perturbed
    ]
    shards = part.own(plan_shards(images, shard_size))
    targets = [stores for _, stores in opened]
    contents = images[CONTENT].fillna("") if CONTENT in images else [""] * len(images)
    times = times or Times()
    times.n_readers = threads(n_readers)
    reader = Reader(dict(zip(images["image_id"], contents, strict=True)), times)
    with ThreadPoolExecutor(times.n_readers) as readers:
        found = [
            _surveyed(shards, stores, reader, one.apply, models, readers)
            for one, stores in zip(perturbed, targets, strict=True)
        ]
        for one in found:
            one.refuse_if_all_gone()
        for notice in (notice for one in found for notice in one.notices()):
            tell(notice)
        pending: list[list[Unfinished]] = []
        for shard in shards:
            work = [
                Unfinished(shard, one.apply, {name: models[name] for name in names}, stores)
                for one, stores, survey in zip(perturbed, targets, found, strict=True)
                if (names := survey.unfinished.get(shard.number))
            ]
            if progress and (finished := len(perturbed) - len(work)):
                progress(finished * len(shard.image_ids))
            if work:
                pending.append(work)
            elif shard_done:
                shard_done()
        _encode(pending, batches(pending, batch_size, readers, reader), times, progress, shard_done)
    return [failures(stores, None if part.of == 1 else shards) for stores in targets]


def batch_size_for(models: Iterable[ImageModel]) -> int:
    """Return the images per forward pass: many keep a GPU at work, and a CPU its caches with few."""
    on_gpu = any(str(getattr(one, "device", "cpu")).startswith("cuda") for one in models)
    return GPU_BATCH_SIZE if on_gpu else BATCH_SIZE


def _encode(
    pending: Sequence[Sequence[Unfinished]],
    found: Iterator[tuple[Unfinished, list[Prepared]]],
    times: Times,
    progress: Progress | None,
    shard_done: Callable[[], None] | None,
) -> None:
    """Encode batches as they come, and write a shard to its stores once all of its images are encoded."""
    last = {id(work[-1]): work for work in pending}
    for one, batch in found:
        with times.measured(Stage.NETWORK):
            one.encode(batch)
        times.n_images += len(batch)
        if progress:
            progress(len(batch))
        if not one.is_complete or id(one) not in last:
            continue
        with times.measured(Stage.WRITE):
            for each in last[id(one)]:
                each.write()
        if shard_done:
            shard_done()


def _surveyed(
    shards: list[Shard],
    targets: Mapping[str, EmbeddingStore],
    reader: Reader,
    perturbation: Perturbation | None,
    models: Mapping[str, ImageModel],
    readers: ThreadPoolExecutor,
) -> Survey:
    def attempt(name: str, path: str, image_id: str) -> Prepared:
        return _attempted(reader, path, image_id, models[name], perturbation)

    return survey(shards, targets, reader.allows, attempt, readers)


def encode_reports(
    images: pd.DataFrame,
    models: Mapping[str, ImageTextModel],
    folder: str | PathLike[str],
    *,
    shard_size: int = SHARD_SIZE,
    progress: Progress | None = None,
    part: Part = WHOLE,
    tell: Tell = logged,
) -> None:
    """Embed the report of every image with every model, into stores like those of the images.

    Parameters
    ----------
    images : pandas.DataFrame
        An images table with the column ``report``; images without one get no embedding.
    models, folder, shard_size, progress, part, tell
        As in `encode_images`.
    """
    texts = images.assign(path=images[REPORT].fillna(""))
    shards, targets = open_stores(texts, models, folder, shard_size, tell=tell)
    damaged: dict[str, list[str]] = {}
    for shard in part.own(shards):
        sources = [_text_source(text) for text in shard.paths]
        for name, store in targets.items():
            try:
                index = store.kept(shard)
            except DamagedError as fault:
                damaged.setdefault(name, []).append(str(fault))
                index = None
            if index is not None and index["sha256"].tolist() == [one.sha256 for one in sources]:
                continue
            rows, errors = _encode_texts(models[name], shard.paths)
            notes = [""] * len(errors)
            store.write(shard, rows, index_of(shard.image_ids, errors, notes, sources))
        if progress:
            progress(len(shard.image_ids))
    for name, faults in damaged.items():
        tell(of_damaged(name, faults))


def _text_source(text: str) -> Source:
    data = text.encode(errors="surrogatepass")
    return Source("", len(data), 0, 0, hashlib.sha256(data).hexdigest())


def _encode_texts(
    model: ImageTextModel, texts: Sequence[str]
) -> tuple[NDArray[np.float32], list[str]]:
    """Embed some reports; one that is empty, or that the model cannot take, has a row of NaN."""
    rows = np.full((len(texts), model.card.embedding_dim), np.nan, dtype=np.float32)
    errors = ["" if text else NO_REPORT for text in texts]
    present = [number for number, text in enumerate(texts) if text]
    parts = [present] if present else []
    while parts:
        part = parts.pop()
        try:
            rows[part] = model.encode_texts([texts[number] for number in part])
        except (CxrAuditError, ValueError) as error:
            if len(part) == 1:
                errors[part[0]] = str(error).splitlines()[0]
            else:  # which text it is, is found by halving: the others stay in large batches
                parts += [part[: len(part) // 2], part[len(part) // 2 :]]
    for number in present:
        if not (errors[number] or np.isfinite(rows[number]).all()):
            errors[number] = "the model gives no finite embedding of the report."
    return rows, errors


def open_stores(
    images: pd.DataFrame,
    models: Mapping[str, ImageModel],
    folder: str | PathLike[str],
    shard_size: int,
    perturbation_name: str = "",
    tell: Tell = logged,
) -> tuple[list[Shard], dict[str, EmbeddingStore]]:
    """Create or resume the stores of a cohort, without encoding anything.

    Raises
    ------
    DataError
        If the folder holds embeddings of other weights or images.
    ConfigError
        If two models have one folder.
    """
    shards = plan_shards(images, shard_size)
    targets = {name: EmbeddingStore(Path(folder) / folder_name(name)) for name in models}
    for name, store in targets.items():
        if same := [one for one in targets if targets[one].folder == store.folder and one != name]:
            raise ConfigError(
                f"the models '{name}' and '{same[0]}' have one folder, {store.folder}. Encode one of them "
                "into another folder."
            )
        store.refuse_other(models[name], shards, perturbation_name)
    for name, store in targets.items():
        if damaged := store.open(models[name], shards, name, perturbation_name):
            sentence = f"The {damaged}, and is made again; shards that are whole are kept."
            tell(Notice(about=f"embeddings of '{name}'", count=1, sentence=sentence))
    return shards, targets


def failures(
    stores: Mapping[str, EmbeddingStore], shards: Sequence[Shard] | None = None
) -> pd.DataFrame:
    """Return the images that finished stores, or some of their shards, could not read.

    Columns are ``image_id``, ``error`` and ``model``.
    """
    numbers = None if shards is None else [shard.number for shard in shards]
    parts: list[pd.DataFrame] = []
    for name, store in stores.items():
        index = store.index(numbers)
        parts.append(index.loc[~index["ok"], ["image_id", "error"]].assign(model=name))
    return pd.concat(parts, ignore_index=True)


def _attempted(
    reader: Reader,
    path: str,
    image_id: str,
    model: ImageModel,
    perturbation: Perturbation | None,
) -> Prepared:
    """Try to read and encode one image."""
    read = reader.read(path, image_id, [model], perturbation)
    if not read.error and not usable(model.encode_images(stacked(read.pixels[:1]))).all():
        return replace(read, error=NOT_FINITE.format(path))
    return read
