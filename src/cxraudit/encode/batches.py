"""Batches of images that are read ahead while networks run, and what becomes of them."""

import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from cxraudit.encode.reading import Opened, Perturbation, Prepared, Reader, prepare
from cxraudit.encode.times import Stage, Times
from cxraudit.models.base import Embeddings, ImageModel, stacked
from cxraudit.store import EmbeddingStore, Shard, index_of

NO_EMBEDDING = "the model gives no embedding of "
"""What the reason begins with where an image was read, and the weights of the model are at fault."""
NOT_FINITE = NO_EMBEDDING + "{}: its values are not finite, or all zero."


@dataclass(slots=True)
class Unfinished:
    """What is to be made of the images of a shard: one perturbation, and the models that lack it."""

    shard: Shard
    perturbation: Perturbation | None
    models: Mapping[str, ImageModel]
    targets: Mapping[str, EmbeddingStore]
    rows: dict[str, Embeddings] = field(default_factory=dict)
    read: list[Prepared] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether all of its images were encoded."""
        return len(self.read) == len(self.shard.paths)

    def encode(self, batch: Sequence[Prepared]) -> None:
        """Encode the next images."""
        start = len(self.read)
        good = [start + k for k, one in enumerate(batch) if not one.error]
        for m, (name, model) in enumerate(self.models.items()):
            shape = (len(self.shard.paths), model.card.embedding_dim)
            rows = self.rows.setdefault(name, np.full(shape, np.nan, dtype=np.float32))
            if good:
                pixels = stacked([one.pixels[m] for one in batch if not one.error])
                rows[good] = model.encode_images(pixels)
        self.read += [replace(one, pixels=()) for one in batch]

    def write(self) -> None:
        """Write the shard to each store, and let go of it."""
        shard = self.shard
        notes, sources = [one.notes for one in self.read], [one.source for one in self.read]
        for name, rows in self.rows.items():
            fine = usable(rows)
            rows[~fine] = np.nan
            errors = [
                one.error or ("" if is_fine else NOT_FINITE.format(path))
                for one, is_fine, path in zip(self.read, fine, shard.paths, strict=True)
            ]
            index = index_of(shard.image_ids, errors, notes, sources)
            self.targets[name].write(shard, rows, index)
        self.rows.clear()
        self.read.clear()


def usable(rows: Embeddings) -> NDArray[np.bool_]:
    """Tell which rows are embeddings: finite, and with a direction."""
    return np.isfinite(rows).all(axis=1) & (rows != 0).any(axis=1)


_Step = tuple[Unfinished, list[Future[Prepared]]]


def batches(
    pending: Iterable[Sequence[Unfinished]],
    batch_size: int,
    readers: ThreadPoolExecutor,
    reader: Reader,
) -> Iterator[tuple[Unfinished, list[Prepared]]]:
    """Yield each batch of each shard under each of its perturbations, in order.

    Others are read and prepared meanwhile, of the next shards, too: two per reader at least.

    Parameters
    ----------
    pending : iterable
        Per shard, what is to be made of its images.
    batch_size : int
        Images per batch.
    readers : ThreadPoolExecutor
        Reads and prepares.
    reader : Reader
        How; its times have the number of threads, and count the waiting.
    """
    steps = (step for work in pending for step in _steps(work, batch_size, readers, reader))
    n_ahead = max(2, math.ceil(2 * reader.times.n_readers / batch_size))
    ahead: deque[_Step] = deque()
    try:
        while True:
            while len(ahead) <= n_ahead and (step := next(steps, None)) is not None:
                ahead.append(step)
            if not ahead:
                return
            one, futures = ahead.popleft()
            with reader.times.measured(Stage.WAIT):
                batch = [future.result() for future in futures]
            yield one, batch
    finally:
        for _, futures in ahead:
            for future in futures:
                future.cancel()


def _steps(
    work: Sequence[Unfinished], batch_size: int, readers: ThreadPoolExecutor, reader: Reader
) -> Iterator[_Step]:
    """Submit batches of images of a shard, each decoded once, and prepared for each perturbation in turn."""
    shard = work[0].shard
    images = list(zip(shard.paths, shard.image_ids, strict=True))
    for start in range(0, len(images), batch_size):
        batch = images[start : start + batch_size]
        if len(work) == 1:  # no decoded image is kept
            (one,) = work
            models = list(one.models.values())
            yield (
                one,
                [readers.submit(reader.read, *image, models, one.perturbation) for image in batch],
            )
            continue
        files = [readers.submit(reader.open, *image) for image in batch]
        for one in work:
            yield (
                one,
                [
                    readers.submit(_prepared, file, image_id, one, reader.times)
                    for file, (_, image_id) in zip(files, batch, strict=True)
                ],
            )


def _prepared(file: Future[Opened], image_id: str, one: Unfinished, times: Times) -> Prepared:
    # Never waits for a thread that waits for it: files are submitted first.
    return prepare(file.result(), image_id, list(one.models.values()), one.perturbation, times)
