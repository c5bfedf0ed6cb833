"""Stores of embeddings: never mixed, and checked when they are read."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cxraudit.encode import encode_images
from cxraudit.errors import DataError
from cxraudit.models.random import RandomModel
from cxraudit.store import EmbeddingStore, plan_shards, stores

N, SHARD = 23, 6


@pytest.fixture
def images(tmp_path) -> pd.DataFrame:
    """An images table with 23 images."""
    rng = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    paths = [tmp_path / "images" / f"image{i:02d}.png" for i in range(N)]
    for path in paths:
        Image.fromarray(rng.integers(0, 256, size=(20, 20), dtype=np.uint8)).save(path)
    return pd.DataFrame({"image_id": [p.name for p in paths], "path": [str(p) for p in paths]})


@pytest.fixture
def stored(images, tmp_path) -> EmbeddingStore:
    """Their embeddings in four shards."""
    encode_images(images, {"random": RandomModel()}, tmp_path / "out", shard_size=SHARD)
    return EmbeddingStore(tmp_path / "out" / "random")


def encode_again(images: pd.DataFrame, store: EmbeddingStore) -> list[str]:
    """Encode again; return the files that were named as damaged."""
    said: list[str] = []
    encode_images(
        images,
        {"random": RandomModel()},
        store.folder.parent,
        shard_size=SHARD,
        tell=lambda notice: said.append(notice.sentence),
    )
    return [re.search(r"(part-\d+|store)\.\w+", sentence)[0] for sentence in said]


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


def zeroed(data: bytes) -> bytes:
    """The same length, no content."""
    return bytes(len(data))


def cut(data: bytes) -> bytes:
    """The first half."""
    return data[: len(data) // 2]


def flipped(data: bytes) -> bytes:
    """One bit in the middle."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


DAMAGES = {
    "zeroed": zeroed,
    "cut": cut,
    "empty": lambda data: b"",
    "one bit": flipped,
    "longer": lambda data: data + b"x",
    "text": lambda data: b"garbage",
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", ["npy", "parquet", "json"])
def test_a_damaged_shard_is_refused_and_made_again(stored, images, damage, kind):
    """Named where it is read; encoding repeats this shard alone, with the same result."""
    before = stored.fingerprint()
    part = stored.folder / f"part-00001.{kind}"
    part.write_bytes(DAMAGES[damage](part.read_bytes()))

    with pytest.raises(
        DataError, match=r"1 of 4 shards .*part-00001.*Run the same cxraudit encode"
    ):
        stored.read()
    assert encode_again(images, stored) == [f"part-00001.{kind}"]

    assert stored.fingerprint() == before


@pytest.mark.parametrize("kind", ["npy", "parquet", "json"])
def test_a_missing_file_of_a_shard_is_named(stored, images, kind):
    """And made again."""
    (stored.folder / f"part-00002.{kind}").unlink()

    with pytest.raises(DataError, match=rf"part-00002\.{kind} is missing"):
        stored.read()
    assert encode_again(images, stored) == [f"part-00002.{kind}"]
    assert len(stored.read()[0]) == N


def exchange(first: Path, second: Path) -> None:
    """Let two files take each other's names."""
    kept = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(kept)


@pytest.mark.parametrize("kinds", [["npy"], ["npy", "parquet"], ["npy", "parquet", "json"]])
def test_exchanged_shards_are_refused_and_made_again(stored, images, kinds):
    """Scores of one image would be those of another."""
    before = stored.fingerprint()
    for kind in kinds:
        exchange(stored.folder / f"part-00000.{kind}", stored.folder / f"part-00001.{kind}")

    with pytest.raises(DataError, match="2 of 4 shards"):
        stored.read()
    assert len(encode_again(images, stored)) == 1
    assert stored.fingerprint() == before


def test_a_shard_of_another_model_is_refused_and_made_again(stored, images, tmp_path):
    """Whole, with its mark, from a store of the same images."""

    class Other(RandomModel):
        fingerprint = "other"

        def encode_images(self, pixels):
            return -super().encode_images(pixels)

    encode_images(images, {"other": Other()}, tmp_path / "elsewhere", shard_size=SHARD)
    for kind in ("npy", "parquet", "json"):
        name = f"part-00001.{kind}"
        shutil.copy(tmp_path / "elsewhere" / "other" / name, stored.folder / name)

    with pytest.raises(DataError, match=r"part-00001\.json belongs to other embeddings"):
        stored.read()
    assert encode_again(images, stored) == ["part-00001.json"]


RECORDS = {
    "empty": "",
    "cut": '{"fingerprint": "',
    "null": "null",
    "a list": "[]",
    "foreign": '{"name": "random"}',
    "nested": "[" * 100_000,
    "binary": "\x00\x01",
}


@pytest.mark.parametrize("content", RECORDS.values(), ids=RECORDS)
def test_a_damaged_record_is_refused_and_made_again(stored, images, content):
    """Every shard is still whole and is kept."""
    before = stored.fingerprint()
    (stored.folder / "store.json").write_text(content)

    for read in (stored.read, stored.finished, lambda: stores(stored.folder.parent)):
        with pytest.raises(DataError, match=r"store\.json is damaged"):
            read()
    assert encode_again(images, stored) == ["store.json"]
    assert stored.fingerprint() == before


@pytest.mark.parametrize(
    "change",
    [
        {"n_shards": "4"},
        {"n_shards": 3},
        {"n_shards": -1},
        {"n_shards": 10**9},
        {"n_shards": True},
        {"n_images": 0},
        {"shard size": 0},
        {"shard size": None},
        {"model": 3},
        {"card": []},
        {"logit_scale": "1"},
        {"fingerprint": None},
    ],
    ids=str,
)
def test_a_record_with_impossible_values_is_damaged(stored, change):
    """Of another type, or counts that contradict each other."""
    record = stored.folder / "store.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), **change}))

    with pytest.raises(DataError, match=r"store\.json is damaged"):
        stored.read()


def test_a_missing_record_is_refused_and_made_again(stored, images):
    """The shards beside it are not overlooked."""
    (stored.folder / "store.json").unlink()

    with pytest.raises(DataError, match=r"store\.json is missing"):
        stores(stored.folder.parent)
    assert encode_again(images, stored) == ["store.json"]


def test_without_its_record_a_store_of_other_weights_is_not_overwritten(stored, images):
    """Its marks tell whose it is."""

    class Other(RandomModel):
        fingerprint = "other"

    (stored.folder / "store.json").write_text("")

    with pytest.raises(DataError, match="embeddings of other weights or images"):
        encode_images(images, {"random": Other()}, stored.folder.parent, shard_size=SHARD)
    assert len(list(stored.folder.glob("part-*.npy"))) == 4


@pytest.mark.parametrize("name", ["part-00000.npy", "store.json", "notes.txt"])
def test_a_folder_of_someone_else_is_refused(images, tmp_path, name):
    """It has the name of the model by chance."""
    mine = tmp_path / "out" / "random" / name
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")

    with pytest.raises(DataError, match="random, which cxraudit did not write"):
        encode_images(images, {"random": RandomModel()}, tmp_path / "out")
    assert mine.read_text() == "mine"


def test_a_store_that_was_copied_without_hidden_files_is_resumed(stored, images, tmp_path):
    """Its own record says whose it is."""
    shutil.copytree(stored.folder, tmp_path / "copy" / "random")
    copy = EmbeddingStore(tmp_path / "copy" / "random")

    assert encode_again(images, copy) == []


def test_two_stores_of_one_model_are_refused(stored):
    """A user's copy beside the original would silently be the one that is read."""
    shutil.copytree(stored.folder, stored.folder.with_name("random-old"))

    with pytest.raises(DataError, match="'random' twice: random and random-old"):
        stores(stored.folder.parent)


def test_rows_that_are_not_finite_are_refused(stored):
    """Also where the mark of the shard fits them."""
    shard = plan_shards(stored.index(), SHARD)[0]
    index, rows = stored.read()
    rows = rows[: len(shard.image_ids)].copy()
    rows[2] = np.inf
    stored.write(shard, rows, index.head(len(rows)))

    with pytest.raises(DataError, match="embeddings of 1 image that are not finite"):
        stored.read()


def test_two_processes_that_write_one_shard_do_not_mix(stored):
    """The mark of one with the rows of the other is no finished shard."""
    shard = plan_shards(stored.index(), SHARD)[0]
    index, rows = stored.read()
    mark = (stored.folder / "part-00000.json").read_bytes()
    stored.write(shard, -rows[: len(shard.image_ids)], index.head(len(shard.image_ids)))
    (stored.folder / "part-00000.json").write_bytes(mark)

    with pytest.raises(DataError, match="1 of 4 shards"):
        stored.read()
