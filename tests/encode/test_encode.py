"""Encoding: every image is decoded once, finished work is kept, failures are listed."""

import filecmp
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cxraudit import prompts
from cxraudit.encode import encode_images, reading
from cxraudit.errors import ConfigError, DataError
from cxraudit.models import load
from cxraudit.models.random import RandomModel
from cxraudit.store import EmbeddingStore
from cxraudit.zeroshot import zero_shot_scores

N = 23


@pytest.fixture
def images(tmp_path) -> pd.DataFrame:
    """An images table with 23 images in several modes."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(N):
        path = tmp_path / "images" / f"image{i:02d}.png"
        path.parent.mkdir(exist_ok=True)
        grey = Image.fromarray(rng.integers(0, 256, size=(40, 30 + i), dtype=np.uint8))
        grey.convert("RGBA" if i % 5 == 0 else "L").save(path)
        rows.append({"image_id": path.name, "path": str(path)})
    return pd.DataFrame(rows)


def read(folder: Path, name: str = "random"):
    """Return index and rows of a store."""
    return EmbeddingStore(folder / name).read()


def test_each_image_is_decoded_once_and_encoded_once_per_model(images, tmp_path, monkeypatch):
    """Counted for two models; a second call does nothing."""
    counts = {"decoded": 0, "encoded": 0}
    decode = reading.decode_image

    def counting(data, path):
        counts["decoded"] += 1
        return decode(data, path)

    class Counting(RandomModel):
        def encode_images(self, pixels):
            counts["encoded"] += len(pixels)
            return super().encode_images(pixels)

    monkeypatch.setattr(reading, "decode_image", counting)
    models = {"one": Counting(), "two": Counting()}

    encode_images(images, models, tmp_path / "out", batch_size=4, shard_size=10)
    encode_images(images, models, tmp_path / "out", batch_size=4, shard_size=10)

    assert counts == {"decoded": N, "encoded": 2 * N}


def test_scores_of_six_findings_need_each_prompt_once(images, tmp_path):
    """The seven distinct prompts are encoded once each."""
    encoded: list[str] = []

    class Recording(RandomModel):
        def encode_texts(self, texts):
            encoded.extend(texts)
            return super().encode_texts(texts)

    encode_images(images, {"m": Recording()}, tmp_path / "out")
    index, rows = read(tmp_path / "out", "m")
    findings = [
        "Atelectasis",
        "Cardiomegaly",
        "Consolidation",
        "Pleural Effusion",
        "Pneumonia",
        "Pneumothorax",
    ]

    table = zero_shot_scores(index, rows, Recording(), findings, prompts.load("paper"))

    assert len(table) == 6 * N
    assert len(encoded) == len(set(encoded)) == 7


def test_an_image_that_a_model_cannot_prepare_is_listed(images, tmp_path):
    """Images that need too much memory are listed with the reason; the others are encoded."""

    class OutOfMemory(RandomModel):
        def preprocess(self, image):
            if image.mode == "RGBA":
                raise MemoryError
            return super().preprocess(image)

    failed = encode_images(images, {"m": OutOfMemory()}, tmp_path / "out")

    assert 0 < len(failed) < N
    assert failed["error"].str.contains("cannot be prepared for a model: MemoryError").all()


@pytest.mark.parametrize("model", ["random", "phantom-clip"])
def test_the_batch_size_changes_no_embedding(images, tmp_path, model):
    """Batches of 1, 4, n − 1, n and n + 1 images give the same embeddings to 1e-6."""
    loaded = {model: load(model)}
    embeddings = []
    for size in (1, 4, N - 1, N, N + 1):
        encode_images(images, loaded, tmp_path / str(size), batch_size=size)
        embeddings.append(read(tmp_path / str(size), model)[1])

    for other in embeddings[1:]:
        np.testing.assert_allclose(other, embeddings[0], atol=1e-6)


class Interrupted(RandomModel):
    """Raises KeyboardInterrupt after a number of batches."""

    def __init__(self, batches: int) -> None:
        self.left = batches

    def encode_images(self, pixels):
        """Count down, then raise."""
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        return super().encode_images(pixels)


def test_after_an_interruption_the_same_call_gives_the_same_embeddings(images, tmp_path):
    """Interrupted in the third shard: two are kept, the others encoded later, none is incomplete."""
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    encode_images(images, {"random": RandomModel()}, whole, batch_size=3, shard_size=6)

    with pytest.raises(KeyboardInterrupt):
        encode_images(images, {"random": Interrupted(5)}, stopped, batch_size=3, shard_size=6)
    kept = sorted(path.name for path in (stopped / "random").iterdir())
    with pytest.raises(DataError, match="not finished: 2 of 4"):
        read(stopped)
    encode_images(images, {"random": RandomModel()}, stopped, batch_size=3, shard_size=6)

    parts = [f"part-0000{n}.{kind}" for n in (0, 1) for kind in ("json", "npy", "parquet")]
    assert kept == [*parts, "store.json"]
    names = sorted(path.name for path in (whole / "random").iterdir() if path.suffix == ".npy")
    same, differ, missing = filecmp.cmpfiles(
        whole / "random", stopped / "random", names, shallow=False
    )
    assert (len(same), differ, missing) == (4, [], [])
    assert (
        EmbeddingStore(whole / "random").fingerprint()
        == EmbeddingStore(stopped / "random").fingerprint()
    )


def test_images_that_cannot_be_read_are_listed_by_name(images, tmp_path):
    """A missing, a corrupt and a truncated file and a web page: four rows of NaN with reasons."""
    paths = [Path(path) for path in images["path"]]
    paths[1].unlink()
    paths[4].write_bytes(b"no image at all")
    paths[7].write_bytes(paths[8].read_bytes()[:300])
    paths[9].write_text("<html>404</html>")

    failures = encode_images(images, {"random": RandomModel()}, tmp_path / "out", batch_size=5)
    index, rows = read(tmp_path / "out")

    assert failures["image_id"].tolist() == [paths[i].name for i in (1, 4, 7, 9)]
    reasons = [
        error.removeprefix(paths[i].name)
        for i, error in zip((1, 4, 7, 9), failures["error"], strict=True)
    ]
    assert reasons[0].endswith(" is missing.")
    assert "is not an image that can be decoded" in reasons[1]
    assert "HTML" in reasons[3]
    assert " cannot be decoded: " in reasons[2]
    assert np.isnan(rows).all(axis=1).tolist() == (~index["ok"]).tolist()
    good = np.linalg.norm(rows[index["ok"]], axis=1)
    np.testing.assert_allclose(good, 1, atol=1e-5)


def test_replaced_images_are_read_by_the_same_call(images, tmp_path):
    """Images that could not be read are tried again."""
    path = Path(images["path"].iloc[3])
    whole = path.read_bytes()
    path.unlink()
    assert len(encode_images(images, {"random": RandomModel()}, tmp_path / "out")) == 1
    path.write_bytes(whole)

    assert encode_images(images, {"random": RandomModel()}, tmp_path / "out").empty
    assert read(tmp_path / "out")[0]["ok"].all()


def test_a_batch_size_of_zero_raises(images, tmp_path):
    """The message has the number."""
    with pytest.raises(ConfigError, match="at least 1, got 0"):
        encode_images(images, {"random": RandomModel()}, tmp_path / "out", batch_size=0)
