"""Embeddings on disk, in shards that are complete or absent, so that any run can be resumed.

.. code-block:: text

    <folder>/<model>/store.json            fingerprint, model card, how images map to shards
    <folder>/<model>/part-00000.npy        float32 (n_images, embedding_dim), unit rows
    <folder>/<model>/part-00000.parquet    image_id, ok, error: one row per image of the shard

The images are sorted by image_id and divided into shards, so the shards depend on the cohort alone. A
shard is finished when both its files exist; each is written under a temporary name and then renamed. An
image that could not be read has ``ok`` false, the reason in ``error``, and a row of NaN.
"""

import json
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cxraudit.errors import DataError
from cxraudit.files import digest, write_atomic, write_table, write_text
from cxraudit.models.base import Embeddings, ImageTextModel

PRECISION = "float32"


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


@dataclass(frozen=True, slots=True, init=False)
class EmbeddingStore:
    """The embeddings of one model for one cohort, in a folder of their own."""

    folder: Path

    def __init__(self, folder: str | PathLike[str]) -> None:
        object.__setattr__(self, "folder", Path(folder))

    @property
    def _record(self) -> Path:
        return self.folder / "store.json"

    def open(
        self, model: ImageTextModel, shards: list[Shard], name: str = "", perturbation: str = ""
    ) -> None:
        """Create the store, or check that an existing one can be resumed.

        Parameters
        ----------
        model : ImageTextModel
            The model that encodes.
        shards : list of Shard
            From `plan_shards`.
        name : str
            Name the model is loaded by; default: that of its card.
        perturbation : str
            What is done to the images first; empty if nothing.

        Raises
        ------
        DataError
            If the folder holds embeddings of other weights, another transform or other images, which
            are never mixed and never deleted.
        """
        wanted = {
            "fingerprint": model.fingerprint,
            "transform": model.card.transform,
            "precision": PRECISION,
            "images": digest([image for shard in shards for image in shard.image_ids]),
            "shard size": len(shards[0].image_ids),
            **({"perturbation": perturbation} if perturbation else {}),
        }
        if self._record.is_file():
            existing = self.record()
            differs = [key for key, value in wanted.items() if existing.get(key) != value]
            if differs:
                raise DataError(
                    f"{self.folder} holds embeddings that differ in {', '.join(differs)}. "
                    "Choose another --out, or delete that folder to encode again."
                )
            return
        card = {
            key: sorted(v) if isinstance(v, frozenset) else v
            for key, v in asdict(model.card).items()
        }
        record = {
            **wanted,
            "model": name or model.card.name,
            "n_shards": len(shards),
            "n_images": sum(len(s.image_ids) for s in shards),
            "card": card,
            "logit_scale": model.logit_scale,
        }
        write_text(self._record, json.dumps(record, indent=2) + "\n")

    def record(self) -> dict[str, Any]:
        """Return the content of ``store.json``."""
        if not self._record.is_file():
            raise DataError(f"{self.folder} holds no embeddings. Run cxraudit encode first.")
        return json.loads(self._record.read_text(encoding="utf-8"))

    def _part(self, number: int, suffix: str) -> Path:
        return self.folder / f"part-{number:05d}.{suffix}"

    def done(self, shard: Shard) -> bool:
        """Return whether a shard is finished; with unreadable images it is not, and is tried again."""
        index = self._part(shard.number, "parquet")
        if not (self._part(shard.number, "npy").is_file() and index.is_file()):
            return False
        return bool(pd.read_parquet(index, columns=["ok"])["ok"].all())

    def write(self, shard: Shard, embeddings: Embeddings, errors: list[str]) -> None:
        """Write one shard; ``errors`` holds a reason per image, empty if it was read."""

        def save(temporary: Path) -> None:
            with temporary.open("wb") as handle:
                np.save(handle, embeddings.astype(np.float32, copy=False))

        write_atomic(self._part(shard.number, "npy"), save)
        index = pd.DataFrame(
            {"image_id": shard.image_ids, "ok": [not e for e in errors], "error": errors}
        )
        write_table(index, self._part(shard.number, "parquet"))

    def finished(self) -> bool:
        """Return whether all shards exist."""
        numbers = range(self.record()["n_shards"])
        return all(self._part(n, kind).is_file() for n in numbers for kind in ("npy", "parquet"))

    def index(self) -> pd.DataFrame:
        """Return ``image_id``, ``ok`` and ``error`` of all images, without the embeddings."""
        numbers = range(self.record()["n_shards"])
        parts = [pd.read_parquet(self._part(n, "parquet")) for n in numbers]
        return pd.concat(parts, ignore_index=True)

    def read(self) -> tuple[pd.DataFrame, Embeddings]:
        """Return the index (image_id, ok, error) of all images, and their embeddings row by row.

        Raises
        ------
        DataError
            If shards are missing, damaged or inconsistent.
        """
        record = self.record()
        numbers = range(record["n_shards"])
        missing = [
            n
            for n in numbers
            if not (self._part(n, "npy").is_file() and self._part(n, "parquet").is_file())
        ]
        if missing:
            raise DataError(
                f"{self.folder} is not finished: {len(missing)} of {record['n_shards']} shards are "
                "missing. Run the same cxraudit encode command again; it continues where it stopped."
            )
        try:
            index = self.index()
            rows = np.concatenate([np.load(self._part(n, "npy")) for n in numbers])
        except (ValueError, EOFError, OSError) as error:
            raise DataError(
                f"{self.folder} holds a damaged shard: {error}. Delete it and encode again."
            ) from None
        if len(rows) != len(index):
            raise DataError(
                f"{self.folder}: {len(index)} images but {len(rows)} embeddings. Encode again."
            )
        return index, rows


def stores(folder: Path) -> dict[str, EmbeddingStore]:
    """Return model name → store for every model encoded under `folder`."""
    found = sorted(folder.glob("*/store.json"))
    if not found:
        raise DataError(
            f"{folder} holds no embeddings. Run cxraudit encode with --out {folder.parent} first."
        )
    known = [EmbeddingStore(path.parent) for path in found]
    return {store.record().get("model", store.folder.name): store for store in known}
