"""Embeddings on disk, in shards that are complete or absent, so that any run can be resumed.

.. code-block:: text

    <folder>/<model>/store.json            fingerprint, model card, how images map to shards
    <folder>/<model>/part-00000.npy        float32 (n_images, embedding_dim), unit rows
    <folder>/<model>/part-00000.parquet    one row per image of the shard; see `INDEX_COLUMNS`
    <folder>/<model>/part-00000.json       written last: the SHA-256 of both, and what they belong to

The images are sorted by image_id and divided into shards, so the shards depend on the cohort alone. A
shard is finished when its mark, the third file, names the two others as they are; a shard that is damaged,
or was taken from another store, is not. An image that could not be read has ``ok`` false, the reason in
``error``, and a row of NaN.
"""

import hashlib
import io
import json
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, fields
from os import PathLike
from pathlib import Path
from types import NoneType
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from cxraudit.content import Source
from cxraudit.errors import DataError
from cxraudit.files import (
    CHECKSUM,
    MAKER,
    checksum,
    digest,
    read_json,
    read_ours,
    sha256,
    write_atomic,
    write_table,
    write_text,
)
from cxraudit.folders import claim, record_files
from cxraudit.models.base import LOCATION, Embeddings, ImageModel, ImageTextModel, ModelCard
from cxraudit.notices import counted

Part = TypeVar("Part")

PRECISION = "float32"

INDEX_COLUMNS = ("image_id", "ok", "error", "notes", *(field.name for field in fields(Source)))
"""Of a shard: whether the image was read, or why not; codes of what was found on decoding it, separated by
blanks (`cxraudit.images.ImageNote`); and the file it was decoded from (`cxraudit.content.Source`)."""

_KEY = ("fingerprint", "transform", "precision", "images", "shard size", "perturbation")
"""What the embeddings of a store depend on; the last only where images are perturbed first."""
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "fingerprint": str,
    "transform": str,
    "precision": str,
    "images": str,
    "shard size": int,
    "model": str,
    "n_shards": int,
    "n_images": int,
    "card": dict,
    "logit_scale": (int, float, NoneType),
}
"""What ``store.json`` holds."""

RECORD = "store.json"
"""File of a store that says what it holds."""

NO_REPORT = "no report"
"""Reason of a row that belongs to an image without a report."""

_KINDS = ("json", "npy", "parquet")
"""Files of a shard: its mark, embeddings, and index."""
_AGAIN = "Run the same cxraudit encode command again; it keeps what is whole."


class DamagedError(DataError):
    """A shard is incomplete, damaged, or belongs to another store."""


@dataclass(frozen=True, slots=True)
class Shard:
    """Some images of a cohort, stored together."""

    number: int
    image_ids: tuple[str, ...]
    paths: tuple[str, ...]


def plan_shards(images: pd.DataFrame, shard_size: int) -> list[Shard]:
    """Divide a cohort into shards of at most `shard_size` images, sorted by image_id."""
    ordered = images[["image_id", "path"]].astype("str").sort_values("image_id")
    return [
        Shard(number, tuple(part["image_id"]), tuple(part["path"]))
        for number, part in enumerate(
            ordered.iloc[start : start + shard_size] for start in range(0, len(ordered), shard_size)
        )
    ]


def images_of(shards: list[Shard]) -> str:
    """Return the hash of the ids of all images, in order."""
    return digest([image for shard in shards for image in shard.image_ids])


def index_of(
    image_ids: tuple[str, ...], errors: list[str], notes: list[str], sources: list[Source]
) -> pd.DataFrame:
    """Return the index of a shard, one row per image, with `INDEX_COLUMNS`."""
    columns: dict[str, Any] = {
        "image_id": list(image_ids),
        "ok": [not error for error in errors],
        "error": errors,
        "notes": notes,
    }
    for name in INDEX_COLUMNS[len(columns) :]:
        columns[name] = [getattr(source, name) for source in sources]
    return pd.DataFrame(columns)


def _as_json(card: ModelCard) -> dict[str, Any]:
    """Return a card as it is read again from JSON."""
    fields_of_card = {
        key: sorted(value) if isinstance(value, frozenset) else value
        for key, value in asdict(card).items()
    }
    return json.loads(json.dumps(fields_of_card))


@dataclass(frozen=True, slots=True, init=False)
class EmbeddingStore:
    """The embeddings of one model for one cohort, in a folder of their own."""

    folder: Path

    def __init__(self, folder: str | PathLike[str]) -> None:
        object.__setattr__(self, "folder", Path(folder))

    @property
    def _record(self) -> Path:
        return self.folder / RECORD

    def open(
        self, model: ImageModel, shards: list[Shard], name: str = "", perturbation: str = ""
    ) -> str:
        """Create the store, or check that an existing one can be resumed.

        Parameters
        ----------
        model : ImageModel
            The model that encodes.
        shards : list of Shard
            From `plan_shards`.
        name : str
            Name of the model in results; default: that of its card.
        perturbation : str
            What is done to the images first; empty if nothing.

        Returns
        -------
        str
            What was damaged and is made again; empty if nothing.

        Raises
        ------
        DataError
            If the folder holds embeddings of other weights, another transform or other images, which
            are never mixed and never deleted, or files that cxraudit did not write.
        """
        wanted = self.refuse_other(model, shards, perturbation)
        damaged = ""
        try:
            self.record()
        except DataError:
            damaged = self._claim(wanted)
        else:
            record_files(self.folder.parent, [self.folder.name])
            return ""
        record = {
            **wanted,
            "model": name or model.card.name,
            **({LOCATION: location} if (location := getattr(model, LOCATION, "")) else {}),
            "n_shards": len(shards),
            "n_images": sum(len(s.image_ids) for s in shards),
            "card": _as_json(model.card),
            "logit_scale": model.logit_scale if isinstance(model, ImageTextModel) else None,
        }
        write_text(self._record, json.dumps(record, indent=2) + "\n")
        return damaged

    def update_card(self, model: ImageModel) -> list[str]:
        """Record the card of a model as it is now: licence and training data change no embedding.

        Parameters
        ----------
        model : ImageModel
            The model that encoded, with the same fingerprint.

        Returns
        -------
        list of str
            Fields that differed.
        """
        record = self.record()
        before, now = record["card"], _as_json(model.card)
        differ = sorted(key for key in {*before, *now} if before.get(key) != now.get(key))
        if differ:
            write_text(self._record, json.dumps({**record, "card": now}, indent=2) + "\n")
        return differ

    def refuse_other(
        self, model: ImageModel, shards: list[Shard], perturbation: str = ""
    ) -> dict[str, Any]:
        """Refuse embeddings of other weights, another transform or other images; write nothing.

        Returns
        -------
        dict
            All that the embeddings depend on.
        """
        wanted = {
            "fingerprint": model.fingerprint,
            "transform": model.card.transform,
            "precision": PRECISION,
            "images": images_of(shards),
            "shard size": len(shards[0].image_ids),
            **({"perturbation": perturbation} if perturbation else {}),
        }
        try:
            existing = self.record()
        except DataError:
            return wanted
        if differs := [key for key in _KEY if existing.get(key) != wanted.get(key)]:
            raise DataError(
                f"{self.folder} holds embeddings that differ in {', '.join(differs)}. "
                "Choose another --out, or delete that folder to encode again."
            )
        return wanted

    def _claim(self, wanted: Mapping[str, Any]) -> str:
        """Record the folder as ours, or refuse what is not; return what is missing or damaged in it."""
        marks = list(filter(None, map(_read_mark, self.folder.glob("part-*.json"))))
        whole = [mark for mark in marks if mark.get("store") == digest(wanted)]
        if marks and not whole:
            raise DataError(
                f"{self._record} is missing or damaged, and {self.folder} holds embeddings of other "
                "weights or images. Choose another --out, or delete that folder to encode again."
            )
        if whole or (self.folder.is_dir() and not any(self.folder.iterdir())):
            record_files(self.folder.parent, [self.folder.name])
        claim(self.folder)
        return f"{self._record.name} was missing or damaged" if whole else ""

    def record(self) -> dict[str, Any]:
        """Return the content of ``store.json``.

        Raises
        ------
        DataError
            If there is none, or it is damaged.
        """
        if not self._record.is_file():
            if any(self.folder.glob("part-*")):
                raise DataError(f"{self._record} is missing. {_AGAIN}")
            raise DataError(f"{self.folder} holds no embeddings. Run cxraudit encode first.")
        try:
            found = read_json(self._record)
        except DataError:
            found: dict[str, Any] = {}
        right = all(
            isinstance(found.get(key), kind) and not isinstance(found[key], bool)
            for key, kind in _TYPES.items()
        )
        if (
            not right
            or min(found["shard size"], found["n_images"]) < 1
            or found["n_shards"] != math.ceil(found["n_images"] / found["shard size"])
        ):
            raise DataError(f"{self._record} is damaged. {_AGAIN}")
        return found

    def _part(self, number: int, suffix: str) -> Path:
        return self.folder / f"part-{number:05d}.{suffix}"

    def write(self, shard: Shard, embeddings: Embeddings, index: pd.DataFrame) -> None:
        """Write one shard; `index` is that of `index_of`."""
        buffer = io.BytesIO()
        np.save(buffer, embeddings.astype(np.float32, copy=False))
        data = buffer.getvalue()
        write_atomic(self._part(shard.number, "npy"), lambda temporary: temporary.write_bytes(data))
        self._write_index(shard, index, hashlib.sha256(data).hexdigest())

    def refresh(self, shard: Shard, index: pd.DataFrame) -> None:
        """Write the index of a finished shard again, after its images were moved."""
        mark = self._mark(shard.number, self._key())
        self._write_index(shard, index, mark["embeddings"])

    def _write_index(self, shard: Shard, index: pd.DataFrame, embeddings: str) -> None:
        path = write_table(index, self._part(shard.number, "parquet"))
        # The places of images, and what they were that could not be read, change no embedding.
        content = [index["image_id"], index["ok"], index["sha256"].where(index["ok"], "")]
        mark: dict[str, Any] = {
            "made_by": MAKER,
            "number": shard.number,
            "store": self._key(),
            "content": digest([column.tolist() for column in content]),
            "embeddings": embeddings,
            "index": sha256(path),
        }
        mark[CHECKSUM] = checksum(mark)
        write_text(self._part(shard.number, "json"), json.dumps(mark, indent=2) + "\n")

    def _key(self) -> str:
        """Return the hash of all that the embeddings depend on."""
        record = self.record()
        return digest({name: record[name] for name in _KEY if name in record})

    def _mark(self, number: int, key: str) -> dict[str, Any]:
        """Return the mark of a finished shard of this store; the files it names are not read.

        Raises
        ------
        DamagedError
            If there is none, or it is that of another shard or store.
        """
        path = self._part(number, "json")
        mark = _read_mark(path)
        if mark is None:
            raise DamagedError(f"{path} is {'damaged' if path.exists() else 'missing'}")
        if (mark["number"], mark["store"]) != (number, key):
            raise DamagedError(f"{path} belongs to other embeddings")
        return mark

    def has(self, number: int) -> bool:
        """Return whether the files of a shard are there; they are not read."""
        return all(self._part(number, kind).is_file() for kind in _KINDS)

    def _index(self, number: int, mark: Mapping[str, Any]) -> pd.DataFrame:
        data = _named(self._part(number, "parquet"), mark["index"])
        return pd.read_parquet(io.BytesIO(data))

    def _rows(self, number: int, mark: Mapping[str, Any]) -> Embeddings:
        data = _named(self._part(number, "npy"), mark["embeddings"])
        return np.load(io.BytesIO(data), allow_pickle=False)

    def kept(self, shard: Shard) -> pd.DataFrame | None:
        """Return the index of a finished shard, after checking it; None if nothing of it is there.

        Raises
        ------
        DamagedError
            If some of it is missing, is damaged, or belongs to other embeddings.
        """
        if not any(self._part(shard.number, kind).exists() for kind in _KINDS):
            return None
        mark = self._mark(shard.number, self._key())
        index = self._index(shard.number, mark)
        self._rows(shard.number, mark)
        return index

    def _parts(
        self, read: Callable[[int, dict[str, Any]], Part], numbers: Collection[int] | None = None
    ) -> list[Part]:
        """Read something of every shard, or of some, given its number and its mark."""
        key, n_shards = self._key(), self.record()["n_shards"]
        parts: list[Part] = []
        faults: list[str] = []
        for number in range(n_shards) if numbers is None else numbers:
            try:
                parts.append(read(number, self._mark(number, key)))
            except DamagedError as fault:
                faults.append(str(fault))
        if faults:
            raise DamagedError(
                f"{self.folder} is not finished: {len(faults):,} of {n_shards:,} shards are missing or "
                f"damaged (first: {faults[0]}). {_AGAIN}"
            )
        return parts

    def finished(self) -> bool:
        """Return whether all shards were written; `read` checks that they still are what was written."""
        try:
            return bool(self._parts(lambda _, mark: mark))
        except DamagedError:
            return False

    def fingerprint(self) -> str:
        """Return the hash of the embeddings, and of the content of the images they were made of.

        Raises
        ------
        DataError
            If the store is not finished.
        """
        marks = self._parts(lambda _, mark: mark)
        return digest([self._key(), [(mark["embeddings"], mark["content"]) for mark in marks]])

    def index(self, numbers: Collection[int] | None = None) -> pd.DataFrame:
        """Return the index of all images, without the embeddings; see `INDEX_COLUMNS`.

        Parameters
        ----------
        numbers : collection of int, optional
            Shards to read; default: all.

        Raises
        ------
        DataError
            If shards are missing, damaged, or those of other embeddings.
        """
        if numbers is not None:
            empty = pd.DataFrame(columns=list(INDEX_COLUMNS))
            found = self._parts(self._index, numbers)
            return pd.concat(found, ignore_index=True) if found else empty
        index = pd.concat(self._parts(self._index), ignore_index=True)
        if digest(index["image_id"].tolist()) != self.record()["images"]:
            raise DataError(f"{self.folder} holds other images than its record names. {_AGAIN}")
        return index

    def read(self) -> tuple[pd.DataFrame, Embeddings]:
        """Return the index of all images, and their embeddings row by row.

        Raises
        ------
        DataError
            If shards are missing, damaged, or those of other embeddings, or embeddings are not finite.
        """
        index, rows = self.index(), np.concatenate(self._parts(self._rows))
        ok = index["ok"].to_numpy(dtype=bool)
        if n_wrong := int((~np.isfinite(rows[ok]).all(axis=1)).sum()):
            raise DataError(
                f"{self.folder} holds embeddings of {counted(n_wrong, 'image')} that are not finite. Delete "
                "that folder, and encode again with weights that pass cxraudit models check."
            )
        return index, rows


def _read_mark(path: Path) -> dict[str, Any] | None:
    """Return the mark of a shard; None if it is missing or damaged."""
    mark = read_ours(path)
    return mark if mark.get(CHECKSUM) == checksum(mark) else None


def _named(path: Path, expected: str) -> bytes:
    """Return the content of a file of a shard, which its mark names."""
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = "is missing" if isinstance(error, FileNotFoundError) else f"{error.strerror}"
        raise DamagedError(f"{path} {reason}") from None
    if hashlib.sha256(data).hexdigest() != expected:
        raise DamagedError(f"{path} is not the file that was written")
    return data


def stores(
    folder: Path, *, needed: bool = True, without: Collection[Path] = ()
) -> dict[str, EmbeddingStore]:
    """Return model name → store for every model encoded under `folder`, but for the folders `without`.

    Raises
    ------
    DataError
        If one is `needed` and there is none, or the record of one is missing or damaged.
    """
    found = (*folder.glob("*/store.json"), *folder.glob("*/part-*.json"))
    places = {path.parent for path in found} - set(without)
    if needed and not places:
        raise DataError(
            f"{folder} holds no embeddings. Run cxraudit encode with --out {folder.parent} first."
        )
    known: dict[str, EmbeddingStore] = {}
    for place in sorted(places):
        name = EmbeddingStore(place).record()["model"]
        if name in known:
            raise DataError(
                f"{folder} holds embeddings of '{name}' twice: {known[name].folder.name} and {place.name}. "
                "Move one of them away."
            )
        known[name] = EmbeddingStore(place)
    return known
