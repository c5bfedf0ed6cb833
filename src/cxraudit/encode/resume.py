"""What of earlier work can be kept: every image is still the one that was encoded, and every shard whole."""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from cxraudit.content import Source, looks_unchanged, source_of, sources_from, unchanged
from cxraudit.encode.reading import Prepared
from cxraudit.errors import DataError
from cxraudit.files import folder_name
from cxraudit.notices import SHOWN, Notice, Tell, counted
from cxraudit.store import (
    DamagedError,
    EmbeddingStore,
    Shard,
    images_of,
    index_of,
    plan_shards,
    stores,
)

Attempt = Callable[[str, str, str], Prepared]
"""(name of a model, path, image_id) → the image as it is encoded now; for images that had an error."""


@dataclass(slots=True)
class Survey:
    """What has to be encoded, and why."""

    unfinished: dict[int, list[str]] = field(default_factory=dict)
    """Number of a shard → models that have to encode it."""
    damaged: dict[str, list[str]] = field(default_factory=dict)
    """Model → what is wrong with shards of its store."""
    changed: dict[str, str] = field(default_factory=dict)
    """Image → path, of images that hold something else than what was encoded."""
    gone: dict[str, str] = field(default_factory=dict)
    """Those that were encoded and cannot be read any more."""
    readable: dict[str, str] = field(default_factory=dict)
    """Those that could not be read, and now can."""
    n_kept: int = 0
    """Images that were encoded, over all shards that are whole."""

    def refuse_if_all_gone(self) -> None:
        """Raise `DataError` if not one image is there: a drive that is not mounted is no new release."""
        if self.gone and len(self.gone) == self.n_kept:
            first = next(iter(self.gone.values()))
            raise DataError(
                f"none of the {self.n_kept:,} images that were encoded before is there, first: {first}. "
                "Check --root and where the images are; the embeddings were left as they are."
            )

    def notices(self) -> list[Notice]:
        """Return one notice per kind of finding."""
        findings = (
            (self.changed, "had other content than when last encoded: encoded again"),
            (self.gone, "could be read before and cannot now: the embedding is dropped"),
            (self.readable, "can be read now and could not before: encoded"),
        )
        found = [_of_images(images, what) for images, what in findings if images]
        return found + [of_damaged(name, faults) for name, faults in self.damaged.items()]


def of_damaged(name: str, faults: Sequence[str]) -> Notice:
    """Return the notice of shards of a model that are made again."""
    sentence = (
        f"{counted(len(faults), 'shard')} incomplete or damaged: encoded again. First: {faults[0]}."
    )
    return Notice(about=f"embeddings of '{name}'", count=len(faults), sentence=sentence)


def _of_images(images: Mapping[str, str], what: str) -> Notice:
    first = ", ".join(list(images)[:SHOWN])
    sentence = f"{counted(len(images), 'image')} {what}. First: {first}."
    return Notice(
        about="images", count=len(images), sentence=sentence, hidden=f"Some images {what}."
    )


def survey(
    shards: Sequence[Shard],
    targets: Mapping[str, EmbeddingStore],
    allows: Callable[[str, Source], bool],
    attempt: Attempt,
    readers: Executor,
) -> Survey:
    """Compare what was encoded with the images as they are; write nothing but their new places.

    Parameters
    ----------
    shards : sequence of Shard
        All of a cohort.
    targets : mapping of str to EmbeddingStore
        Name of a model → its store, which is open.
    allows : callable
        Whether an image may have some content; see `cxraudit.encode.reading.Reader`.
    attempt : callable
        Tries an image again that could not be read.
    readers : concurrent.futures.Executor
        Hashes images whose times differ.
    """
    found = Survey()
    kept: set[str] = set()
    for shard in shards:
        known: dict[tuple[Source, str], Source | None] = {}
        for name, store in targets.items():
            try:
                index = store.kept(shard)
            except DamagedError as fault:
                found.damaged.setdefault(name, []).append(str(fault))
                index = None
            if index is not None:
                kept.update(index.loc[index["ok"], "image_id"])
                before = list(sources_from(index).values())
                now = _now(before, shard.paths, known, readers)
                fresh = _compared(found, name, shard, index, before, now, allows, attempt)
                if fresh is not None and not fresh.equals(index):
                    store.refresh(shard, fresh)
                index = fresh
            if index is None:
                found.unfinished.setdefault(shard.number, []).append(name)
    found.n_kept = len(kept)
    return found


def _now(
    before: Sequence[Source],
    paths: Sequence[str],
    known: dict[tuple[Source, str], Source | None],
    readers: Executor,
) -> list[Source | None]:
    """Return the images of a shard as they are; None where one cannot be read."""
    pairs = list(zip(before, paths, strict=True))
    unknown = [pair for pair in pairs if pair not in known]
    quick = {pair for pair in unknown if looks_unchanged(pair[0], Path(pair[1]))}
    known.update((pair, pair[0]) for pair in quick)
    slow = [pair for pair in unknown if pair not in quick]
    known.update(zip(slow, readers.map(_hashed, [path for _, path in slow]), strict=True))
    return [known[pair] for pair in pairs]


def _hashed(path: str) -> Source | None:
    try:
        return source_of(Path(path))
    except (OSError, ValueError, MemoryError):
        return None


def _compared(
    found: Survey,
    name: str,
    shard: Shard,
    index: pd.DataFrame,
    before: Sequence[Source],
    now: Sequence[Source | None],
    allows: Callable[[str, Source], bool],
    attempt: Attempt,
) -> pd.DataFrame | None:
    """Note what differs; return the index with the images' places as they are, None if it is outdated."""
    errors = index["error"].tolist()
    sources: list[Source] = []
    outdated = False
    rows = zip(shard.image_ids, shard.paths, index["ok"], before, now, strict=True)
    for row, (image, path, ok, old, new) in enumerate(rows):
        sources.append(new or old)
        if not ok:
            again = attempt(name, path, image)
            errors[row], sources[row] = again.error, again.source
            if not again.error:
                found.readable[image] = path
                outdated = True
        elif new is None:
            found.gone[image] = path
            outdated = True
        elif new.sha256 != old.sha256 or not allows(image, new):
            found.changed[image] = path
            outdated = True
    if outdated:
        return None
    return index_of(shard.image_ids, errors, index["notes"].tolist(), sources)


def refuse_other_images(images: pd.DataFrame, names: Collection[str], folder: Path) -> None:
    """Refuse a folder in which other models were encoded with other images; write nothing.

    Parameters
    ----------
    images : pandas.DataFrame
        An images table.
    names : collection of str
        Models that will be encoded; others are looked at.
    folder : pathlib.Path
        Folder of the stores.

    Raises
    ------
    DataError
        If so, or if the record of a store is missing or damaged.
    """
    wanted = images_of(plan_shards(images, max(len(images), 1)))
    targets = {name: EmbeddingStore(folder / folder_name(name)) for name in names}
    for name, store in _others(targets, folder).items():
        if store.record()["images"] != wanted:
            raise DataError(
                f"{store.folder} holds embeddings of '{name}' of other images. Choose another --out, or "
                "delete that folder."
            )


def of_the_same_images(
    targets: Mapping[str, EmbeddingStore], folder: Path, tell: Tell
) -> dict[str, EmbeddingStore]:
    """Return the stores in a folder that were made of the same images as `targets`, targets first.

    Raises
    ------
    DataError
        If the targets were not, since an image was exchanged while they were encoded.
    """
    used = dict(targets)
    content: pd.Series | None = None
    for name, store in (*targets.items(), *_others(targets, folder).items()):
        ours = name in targets
        if not (ours or store.finished()):
            tell(_unused(name, "are not finished"))
            continue
        index = store.index()
        found = pd.Series(index["sha256"].to_numpy(), index=index["image_id"])
        content = found if content is None else content
        n_other = int((found != content.reindex(found.index)).sum())
        if n_other and ours:
            raise DataError(
                f"{counted(n_other, 'image')} changed during the encoding. Run the same command again."
            )
        if n_other:
            tell(_unused(name, f"were made of other content of {counted(n_other, 'image')}"))
        elif not ours:
            used[name] = store
    return used


def _others(targets: Mapping[str, EmbeddingStore], folder: Path) -> dict[str, EmbeddingStore]:
    """Return the stores in a folder that are not those of `targets`, which may be damaged."""
    return stores(folder, needed=False, without={store.folder for store in targets.values()})


def _unused(name: str, why: str) -> Notice:
    sentence = f"They {why}, and are not used until that model is encoded again."
    return Notice(about=f"embeddings of '{name}'", count=1, sentence=sentence)


def refuse_changed_images(store: EmbeddingStore, images: pd.DataFrame) -> None:
    """Refuse images that hold something else than what was encoded.

    Parameters
    ----------
    store : EmbeddingStore
        Their embeddings.
    images : pandas.DataFrame
        An images table; ``image_id`` and ``path`` are used.

    Raises
    ------
    DataError
        If one was changed or is gone.
    """
    index = store.index().set_index("image_id", drop=False).loc[images["image_id"]]
    encoded = sources_from(index[index["ok"]])
    paths = dict(zip(images["image_id"], images["path"], strict=True))
    changed = [name for name, one in encoded.items() if not unchanged(one, Path(paths[name]))]
    if changed:
        raise DataError(
            f"{len(changed):,} of {counted(len(images), 'image')} changed since the encoding, first: "
            f"{paths[changed[0]]}. Run cxraudit encode and cxraudit score again."
        )
