"""Images → embeddings: every image is decoded once for all models and encoded once per model."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from cxraudit.datasets.base import REPORT
from cxraudit.errors import ConfigError, ImageError
from cxraudit.files import folder_name
from cxraudit.images import read_image
from cxraudit.models.base import ImageTextModel, Pixels
from cxraudit.store import EmbeddingStore, Shard, plan_shards

Progress = Callable[[int], None]
"""Called with the number of images that were finished since the last call."""

Perturbation = Callable[[Image.Image, str], Image.Image]
"""(decoded image, image_id) → perturbed image, before any preprocessing; see `cxraudit.perturb`."""

SHARD_SIZE = 1024
BATCH_SIZE = 32


def encode_images(
    images: pd.DataFrame,
    models: Mapping[str, ImageTextModel],
    folder: str | PathLike[str],
    *,
    batch_size: int = BATCH_SIZE,
    shard_size: int = SHARD_SIZE,
    n_readers: int = 2,
    progress: Progress | None = None,
    perturbation: Perturbation | None = None,
    perturbation_name: str = "",
) -> pd.DataFrame:
    """Embed every image of a cohort with every model, and store the embeddings.

    Finished shards are kept, so the same call continues after an interruption and ends with the same
    bytes. An image that cannot be read is recorded with the reason; the others are encoded.

    Parameters
    ----------
    images : pandas.DataFrame
        An images table; ``image_id`` and ``path`` are used.
    models : mapping of str to ImageTextModel
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

    Returns
    -------
    pandas.DataFrame
        Images that could not be read: ``image_id``, ``error``, ``model``. Empty if there are none.

    Raises
    ------
    DataError
        If the folder holds embeddings of other weights or images.
    """
    if batch_size < 1 or shard_size < 1:
        raise ConfigError(
            f"batch and shard size must be at least 1, got {batch_size} and {shard_size}."
        )
    shards, targets = open_stores(images, models, folder, shard_size, perturbation_name)
    with ThreadPoolExecutor(max(n_readers, 1)) as readers:
        for shard in shards:
            unfinished = [name for name, store in targets.items() if not store.done(shard)]
            if unfinished:
                _encode_shard(
                    shard,
                    {name: models[name] for name in unfinished},
                    targets,
                    batch_size,
                    readers,
                    progress,
                    perturbation,
                )
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
) -> None:
    """Embed the report of every image with every model, into stores like those of the images.

    Parameters
    ----------
    images : pandas.DataFrame
        An images table with the column ``report``; images without one get no embedding.
    models, folder, shard_size, progress
        As in `encode_images`.
    """
    texts = images.assign(path=images[REPORT].fillna(""))
    shards, targets = open_stores(texts, models, folder, shard_size)
    for shard in shards:
        for name, store in targets.items():
            if store.done(shard):
                continue
            rows = np.full(
                (len(shard.paths), models[name].card.embedding_dim), np.nan, dtype=np.float32
            )
            present = [number for number, text in enumerate(shard.paths) if text]
            if present:
                rows[present] = models[name].encode_texts([shard.paths[k] for k in present])
            store.write(shard, rows, ["" if text else "no report" for text in shard.paths])
        if progress:
            progress(len(shard.image_ids))


def open_stores(
    images: pd.DataFrame,
    models: Mapping[str, ImageTextModel],
    folder: str | PathLike[str],
    shard_size: int,
    perturbation_name: str = "",
) -> tuple[list[Shard], dict[str, EmbeddingStore]]:
    """Create or resume the stores of a cohort, without encoding anything.

    Raises
    ------
    DataError
        If the folder holds embeddings of other weights or images.
    """
    shards = plan_shards(images, shard_size)
    targets = {name: EmbeddingStore(Path(folder) / folder_name(name)) for name in models}
    for name, store in targets.items():
        store.open(models[name], shards, name, perturbation_name)
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
    models: Mapping[str, ImageTextModel],
    targets: Mapping[str, EmbeddingStore],
    batch_size: int,
    readers: ThreadPoolExecutor,
    progress: Progress | None,
    perturbation: Perturbation | None,
) -> None:
    rows = {
        name: np.full((len(shard.paths), model.card.embedding_dim), np.nan, dtype=np.float32)
        for name, model in models.items()
    }
    errors = [""] * len(shard.paths)
    for start, batch in _batches(shard, list(models.values()), batch_size, readers, perturbation):
        good = [start + k for k, (error, _) in enumerate(batch) if not error]
        for k, (error, _) in enumerate(batch):
            errors[start + k] = error
        if good:
            for m, (name, model) in enumerate(models.items()):
                pixels = np.stack([inputs[m] for error, inputs in batch if not error])
                rows[name][good] = model.encode_images(pixels)
        if progress:
            progress(len(batch))
    for name in models:
        targets[name].write(shard, rows[name], errors)


def _batches(
    shard: Shard,
    models: list[ImageTextModel],
    batch_size: int,
    readers: ThreadPoolExecutor,
    perturbation: Perturbation | None,
) -> Iterator[tuple[int, list[tuple[str, list[Pixels]]]]]:
    """Yield (first row, images) of each batch; the next batch is read while this one is encoded."""

    def read(number: int) -> tuple[str, list[Pixels]]:
        path = shard.paths[number]
        try:
            image = read_image(Path(path))
            if perturbation is not None:
                image = perturbation(image, shard.image_ids[number])
            return "", [model.preprocess(image) for model in models]
        except ImageError as error:
            return str(error), []
        except (ValueError, OSError, MemoryError) as error:
            reason = str(error) or type(error).__name__
            return f"{path} cannot be prepared for a model: {reason}.", []

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
