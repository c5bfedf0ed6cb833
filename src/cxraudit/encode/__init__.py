"""Images → embeddings: every image is decoded once for all models and encoded once per model."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxraudit.content import Source
from cxraudit.datasets.base import REPORT
from cxraudit.encode.reading import Perturbation, Prepared, Reader
from cxraudit.encode.resume import of_damaged, survey
from cxraudit.errors import ConfigError, CxrAuditError
from cxraudit.files import folder_name
from cxraudit.models.base import Embeddings, ImageModel, ImageTextModel
from cxraudit.notices import Notice, Tell, logged
from cxraudit.schema import CONTENT
from cxraudit.store import NO_REPORT, DamagedError, EmbeddingStore, Shard, index_of, plan_shards

Progress = Callable[[int], None]
"""Called with the number of images that were finished since the last call."""

SHARD_SIZE = 1024
BATCH_SIZE = 32


def encode_images(
    images: pd.DataFrame,
    models: Mapping[str, ImageModel],
    folder: str | PathLike[str],
    *,
    batch_size: int = BATCH_SIZE,
    shard_size: int = SHARD_SIZE,
    n_readers: int = 2,
    progress: Progress | None = None,
    perturbation: Perturbation | None = None,
    perturbation_name: str = "",
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
        Images per forward pass and per file. Neither changes an embedding.
    n_readers : int
        Number of threads that decode.
    progress : callable, optional
        Called as images are finished.
    perturbation : callable, optional
        Applied to each decoded image first; use one folder per perturbation.
    perturbation_name : str
        All that the perturbation depends on; recorded, so that embeddings are never mixed.
    tell : callable, optional
        Called with a notice of each kind of change in images and shards since an earlier call;
        default: a warning of the logger ``cxraudit``.

    Returns
    -------
    pandas.DataFrame
        Images that could not be read: ``image_id``, ``error``, ``model``. Empty if there are none.

    Raises
    ------
    DataError
        If the folder holds embeddings of other weights or images, or not one image that was encoded is
        there any more.
    """
    if batch_size < 1 or shard_size < 1:
        raise ConfigError(
            f"batch and shard size must be at least 1, got {batch_size} and {shard_size}."
        )
    shards, targets = open_stores(images, models, folder, shard_size, perturbation_name, tell)

    contents = images[CONTENT].fillna("") if CONTENT in images else [""] * len(images)
    stated = dict(zip(images["image_id"], contents, strict=True))
    reader = Reader(perturbation, stated)

    def attempt(name: str, path: str, image_id: str) -> Prepared:
        return _attempted(reader, path, image_id, models[name])

    with ThreadPoolExecutor(max(n_readers, 1)) as readers:
        found = survey(shards, targets, reader.allows, attempt, readers)
        found.refuse_if_all_gone()
        for notice in found.notices():
            tell(notice)
        for shard in shards:
            unfinished = found.unfinished.get(shard.number, [])
            if unfinished:
                chosen = {name: models[name] for name in unfinished}
                batches = _batches(shard, list(chosen.values()), batch_size, readers, reader)
                _encode_shard(shard, chosen, targets, batches, progress)
            elif progress:
                progress(len(shard.image_ids))
    return failures(targets)


def encode_reports(
    images: pd.DataFrame,
    models: Mapping[str, ImageTextModel],
    folder: str | PathLike[str],
    *,
    shard_size: int = SHARD_SIZE,
    progress: Progress | None = None,
    tell: Tell = logged,
) -> None:
    """Embed the report of every image with every model, into stores like those of the images.

    Parameters
    ----------
    images : pandas.DataFrame
        An images table with the column ``report``; images without one get no embedding.
    models, folder, shard_size, progress, tell
        As in `encode_images`.
    """
    texts = images.assign(path=images[REPORT].fillna(""))
    shards, targets = open_stores(texts, models, folder, shard_size, tell=tell)
    damaged: dict[str, list[str]] = {}
    for shard in shards:
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


def failures(stores: Mapping[str, EmbeddingStore]) -> pd.DataFrame:
    """Return the images that finished stores could not read: ``image_id``, ``error``, ``model``."""
    parts: list[pd.DataFrame] = []
    for name, store in stores.items():
        index = store.index()
        parts.append(index.loc[~index["ok"], ["image_id", "error"]].assign(model=name))
    return pd.concat(parts, ignore_index=True)


def _encode_shard(
    shard: Shard,
    models: Mapping[str, ImageModel],
    targets: Mapping[str, EmbeddingStore],
    batches: Iterator[tuple[int, list[Prepared]]],
    progress: Progress | None,
) -> None:
    """Encode the images of a shard with each model, and write it to each store."""
    rows = {
        name: np.full((len(shard.paths), model.card.embedding_dim), np.nan, dtype=np.float32)
        for name, model in models.items()
    }
    read: list[Prepared] = []
    for start, batch in batches:
        good = [start + k for k, one in enumerate(batch) if not one.error]
        if good:
            for m, (name, model) in enumerate(models.items()):
                pixels = np.stack([one.pixels[m] for one in batch if not one.error])
                rows[name][good] = model.encode_images(pixels)
        read += [replace(one, pixels=()) for one in batch]
        if progress:
            progress(len(batch))
    notes, sources = [one.notes for one in read], [one.source for one in read]
    for name in models:
        usable = _usable(rows[name])
        rows[name][~usable] = np.nan
        errors = [
            one.error or ("" if fine else _NOT_FINITE.format(path))
            for one, fine, path in zip(read, usable, shard.paths, strict=True)
        ]
        targets[name].write(shard, rows[name], index_of(shard.image_ids, errors, notes, sources))


_NOT_FINITE = "the model gives no embedding of {}: its values are not finite, or all zero."


def _usable(rows: Embeddings) -> NDArray[np.bool_]:
    """Tell which rows are embeddings: finite, and with a direction."""
    return np.isfinite(rows).all(axis=1) & (rows != 0).any(axis=1)


def _attempted(reader: Reader, path: str, image_id: str, model: ImageModel) -> Prepared:
    """Try to read and encode one image."""
    read = reader.read(path, image_id, [model])
    if not read.error and not _usable(model.encode_images(read.pixels[0][None])).all():
        return replace(read, error=_NOT_FINITE.format(path))
    return read


def _batches(
    shard: Shard,
    models: list[ImageModel],
    batch_size: int,
    readers: ThreadPoolExecutor,
    reader: Reader,
) -> Iterator[tuple[int, list[Prepared]]]:
    """Yield (first row, images) of each batch; the next batch is read while this one is encoded."""

    def read(number: int) -> Prepared:
        return reader.read(shard.paths[number], shard.image_ids[number], models)

    rows = range(len(shard.paths))
    starts = range(0, len(rows), batch_size)
    ahead = [readers.submit(read, number) for number in rows[:batch_size]]
    for start in starts:
        current = ahead
        ahead = [
            readers.submit(read, number)
            for number in rows[start + batch_size : start + 2 * batch_size]
        ]
        try:
            yield start, [future.result() for future in current]
        except BaseException:
            for future in ahead:
                future.cancel()
            raise
