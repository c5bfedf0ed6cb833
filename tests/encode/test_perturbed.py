"""Several perturbations of a cohort: one decode, and what is stored is that of one call for each."""

import json
import weakref
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cxraudit.encode import Perturbed, encode_images, encode_perturbed, reading
from cxraudit.errors import NotAppliedError
from cxraudit.models import load
from cxraudit.models.random import RandomModel
from cxraudit.perturb import Perturbation
from cxraudit.store import EmbeddingStore

N = 23


def picky(image, image_id):
    """Brighten images, but for some that it does not apply to."""
    if int(image_id[-1]) % 4 == 0:
        raise NotAppliedError("there is no room")
    return image.point(lambda level: min(level + 9, 255))


PERTURBATIONS = {
    "unedited": (None, ""),
    "blur": (Perturbation("blur", 2), "blur 2"),
    "picky": (picky, "picky"),
}


@pytest.fixture
def images(tmp_path) -> pd.DataFrame:
    """Images, one of which is missing and one of which is no image."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(N):
        path = tmp_path / "images" / f"{i:02d}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, size=(40, 30 + i), dtype=np.uint8)).save(path)
        rows.append({"image_id": f"i{i:02d}", "path": str(path)})
    Path(rows[3]["path"]).unlink()
    Path(rows[17]["path"]).write_text("no image")
    return pd.DataFrame(rows)


def perturbations(folder: Path) -> list[Perturbed]:
    """Return all perturbations, below a folder."""
    return [Perturbed(folder / name, *perturbation) for name, perturbation in PERTURBATIONS.items()]


def content(folder: Path) -> dict[str, object]:
    """Return what every store below a folder holds: its embeddings byte by byte, and what they are of."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("part-*")):
        name = str(path.relative_to(folder))
        if path.suffix == ".npy":
            found[name] = path.read_bytes()
        elif (
            path.suffix == ".json"
        ):  # the index holds times of files, trusted after two seconds only
            mark = json.loads(path.read_text())
            found[name] = {key: mark[key] for key in ("number", "store", "content", "embeddings")}
        else:
            index = pd.read_parquet(path)
            found[name] = index[["image_id", "ok", "error", "notes", "sha256"]].to_csv()
    return found


@pytest.mark.parametrize(("batch_size", "n_readers"), [(1, 1), (4, 3), (64, 2)])
def test_stores_are_those_of_one_call_per_perturbation(images, tmp_path, batch_size, n_readers):
    """Byte by byte, with the same failures, for the null model and a network."""
    models = {"one": RandomModel(), "two": load("phantom-clip")}
    sizes = {"batch_size": batch_size, "shard_size": 10, "n_readers": n_readers}

    together = encode_perturbed(images, models, perturbations(tmp_path / "together"), **sizes)

    for failed, (name, (apply, stated)) in zip(together, PERTURBATIONS.items(), strict=True):
        alone = encode_images(
            images,
            models,
            tmp_path / "alone" / name,
            perturbation=apply,
            perturbation_name=stated,
            **sizes,
        )
        pd.testing.assert_frame_equal(failed, alone)
    assert content(tmp_path / "together") == content(tmp_path / "alone")
    assert len(content(tmp_path / "together")) == len(PERTURBATIONS) * 2 * 3 * 3


def test_each_image_is_decoded_once(images, tmp_path, monkeypatch):
    """For three perturbations and two models; what is finished is not even read."""
    decoded: list[str] = []
    decode = reading.decode_image

    def counting(data, path):
        decoded.append(path.name)
        return decode(data, path)

    monkeypatch.setattr(reading, "decode_image", counting)
    models = {"one": RandomModel(), "two": RandomModel()}
    done: list[int] = []

    encode_perturbed(images, models, perturbations(tmp_path), shard_size=10, progress=done.append)

    assert sorted(decoded) == sorted(Path(path).name for path in images["path"].drop(3))
    assert sum(done) == N * len(PERTURBATIONS)


def test_decoded_images_are_not_kept(images, tmp_path, monkeypatch):
    """At most two batches of them are there at a time."""
    alive: list[weakref.ref] = []
    most = 0
    decode = reading.decode_image

    def watching(data, path):
        nonlocal most
        found = decode(data, path)
        alive.append(weakref.ref(found.image))
        most = max(most, sum(one() is not None for one in alive))
        return found

    monkeypatch.setattr(reading, "decode_image", watching)

    encode_perturbed(images, {"one": RandomModel()}, perturbations(tmp_path), batch_size=3)

    assert 3 <= most <= 7


class StoppingError(Exception):
    """A kill."""


@pytest.mark.parametrize("after", [1, 5, 11])
def test_after_a_kill_finished_shards_are_kept(images, tmp_path, after):
    """The same call ends with what one call without a kill gives."""
    calls = 0

    class Stopping(RandomModel):
        def encode_images(self, pixels):
            nonlocal calls
            calls += 1
            if calls > after:
                raise StoppingError
            return super().encode_images(pixels)

    whole = tmp_path / "whole"
    encode_perturbed(
        images, {"one": RandomModel()}, perturbations(whole), batch_size=4, shard_size=8
    )
    killed = tmp_path / "killed"
    with pytest.raises(StoppingError):
        encode_perturbed(
            images, {"one": Stopping()}, perturbations(killed), batch_size=4, shard_size=8
        )
    kept = {path: path.stat().st_mtime_ns for path in killed.rglob("part-*.npy")}
    encode_perturbed(
        images, {"one": RandomModel()}, perturbations(killed), batch_size=4, shard_size=8
    )

    assert content(killed) == content(whole)
    assert len(kept) == 3 * (after // 6)
    assert kept == {path: path.stat().st_mtime_ns for path in kept}


def test_only_what_is_unfinished_is_prepared(images, tmp_path):
    """One perturbation of three is there already, and is left as it is."""
    applied: list[str] = []

    def noting(image, image_id):
        applied.append(image_id)
        return image

    first, second = Perturbed(tmp_path / "a", noting, "a"), Perturbed(tmp_path / "b", picky, "b")
    encode_perturbed(images, {"one": RandomModel()}, [first])
    n_applied = len(applied)
    encode_perturbed(images, {"one": RandomModel()}, [first, second])

    assert len(applied) == n_applied == N - 2
    assert EmbeddingStore(tmp_path / "b" / "one").finished()
