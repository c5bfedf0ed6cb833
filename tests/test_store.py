"""Stores of embeddings: never mixed, and checked when they are read."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cxraudit.encode import encode_images
from cxraudit.errors import DataError
from cxraudit.models.random import RandomModel
from cxraudit.store import EmbeddingStore, plan_shards, stores

N = 23


@pytest.fixture
def images(tmp_path) -> pd.DataFrame:
    """An images table with 23 images."""
    rng = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    paths = [tmp_path / "images" / f"image{i:02d}.png" for i in range(N)]
    for path in paths:
        Image.fromarray(rng.integers(0, 256, size=(20, 20), dtype=np.uint8)).save(path)
    return pd.DataFrame({"image_id": [p.name for p in paths], "path": [str(p) for p in paths]})


def read(folder: Path):
    """Return index and rows of the store of the null model."""
    return EmbeddingStore(folder / "random").read()


def test_shards_depend_on_the_cohort_alone(images):
    """Images in another order are divided the same way, sorted by image_id."""
    shuffled = images.sample(frac=1, random_state=0)

    shards = plan_shards(shuffled, 10)

    assert shards == plan_shards(images, 10)
    assert [len(shard.image_ids) for shard in shards] == [10, 10, 3]
    assert shards[0].image_ids[0] == "image00.png"


def test_stores_are_found_by_the_name_of_their_model(images, tmp_path):
    """The name is that of the model, not that of its folder."""
    encode_images(images, {"my model": RandomModel()}, tmp_path / "out")

    assert list(stores(tmp_path / "out")) == ["my model"]


def test_a_folder_without_stores_raises(tmp_path):
    """The message names the command that writes them."""
    with pytest.raises(DataError, match="cxraudit encode"):
        stores(tmp_path)
    with pytest.raises(DataError, match="cxraudit encode"):
        EmbeddingStore(tmp_path).read()


def test_other_weights_or_images_never_mix(images, tmp_path):
    """Another fingerprint or another cohort raises, and the existing files are kept."""

    class Other(RandomModel):
        fingerprint = "other"

    encode_images(images, {"random": RandomModel()}, tmp_path / "out")

    with pytest.raises(DataError, match="fingerprint"):
        encode_images(images, {"random": Other()}, tmp_path / "out")
    with pytest.raises(DataError, match="shard size"):
        encode_images(images, {"random": RandomModel()}, tmp_path / "out", shard_size=7)
    with pytest.raises(DataError, match="images"):
        encode_images(images.head(3), {"random": RandomModel()}, tmp_path / "out")
    assert len(read(tmp_path / "out")[0]) == N


def test_perturbed_images_never_mix_with_others(images, tmp_path):
    """Another perturbation, or none, raises."""
    perturbed = {"perturbation": lambda image, image_id: image, "perturbation_name": "identity"}
    encode_images(images, {"random": RandomModel()}, tmp_path / "out", **perturbed)

    assert EmbeddingStore(tmp_path / "out" / "random").record()["perturbation"] == "identity"
    perturbed["perturbation_name"] = "other"
    with pytest.raises(DataError, match="perturbation"):
        encode_images(images, {"random": RandomModel()}, tmp_path / "out", **perturbed)


def test_a_damaged_shard_raises(images, tmp_path):
    """The message names the folder instead of the error of the parser."""
    encode_images(images, {"random": RandomModel()}, tmp_path / "out")
    for kind in ("npy", "parquet"):
        part = tmp_path / "out" / "random" / f"part-00000.{kind}"
        whole = part.read_bytes()
        part.write_bytes(b"garbage")
        with pytest.raises(DataError, match="damaged"):
            read(tmp_path / "out")
        part.write_bytes(whole)
