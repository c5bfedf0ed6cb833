"""Content decides what is kept: a changed image is encoded again, a moved release is not."""

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cxraudit import content
from cxraudit.encode import encode_images, encode_reports
from cxraudit.encode.resume import of_the_same_images, refuse_changed_images, refuse_other_images
from cxraudit.errors import ConfigError, DataError, TextError
from cxraudit.models.random import RandomModel
from cxraudit.notices import Notice
from cxraudit.schema import CONTENT
from cxraudit.store import EmbeddingStore

N, SHARD = 23, 6


class Counting(RandomModel):
    """Counts what it encodes."""

    def __init__(self) -> None:
        self.n = 0

    def encode_images(self, pixels):
        """Count."""
        self.n += len(pixels)
        return super().encode_images(pixels)

    def encode_texts(self, texts):
        """Count."""
        self.n += len(texts)
        return super().encode_texts(texts)


@dataclass
class Cohort:
    """A folder of images, and the embeddings of them."""

    root: Path
    out: Path
    said: list[Notice] = field(default_factory=list)

    @property
    def paths(self) -> list[Path]:
        """The files."""
        return [self.root / f"image{number:02d}.png" for number in range(N)]

    @property
    def images(self) -> pd.DataFrame:
        """The images table."""
        return pd.DataFrame(
            {"image_id": [p.name for p in self.paths], "path": [str(p) for p in self.paths]}
        )

    @property
    def store(self) -> EmbeddingStore:
        """The store of the null model."""
        return EmbeddingStore(self.out / "random")

    def encode(self, images: pd.DataFrame | None = None, **options) -> int:
        """Encode; return how many images the model had to encode."""
        model, self.said = Counting(), []
        chosen = self.images if images is None else images
        options = {"shard_size": SHARD, "tell": self.said.append, **options}
        encode_images(chosen, {"random": model}, self.out, **options)
        return model.n

    def expected(self, images: pd.DataFrame | None = None) -> np.ndarray:
        """Embeddings of the images as they are, encoded elsewhere."""
        folder = self.out.with_name("expected")
        shutil.rmtree(folder, ignore_errors=True)
        chosen = self.images if images is None else images
        encode_images(chosen, {"random": RandomModel()}, folder, tell=lambda _: None)
        return EmbeddingStore(folder / "random").read()[1]

    def is_right(self, images: pd.DataFrame | None = None) -> bool:
        """Whether the embeddings are those of the images as they are."""
        return np.array_equal(self.store.read()[1], self.expected(images), equal_nan=True)


def draw(path: Path, seed: int) -> None:
    """Write an image whose file has the same size whatever it shows."""
    pixels = np.random.default_rng(seed).integers(0, 256, size=(20, 20), dtype=np.uint8)
    Image.fromarray(pixels).save(path, format="BMP")


@pytest.fixture
def cohort(tmp_path) -> Cohort:
    """23 images that were encoded in four shards."""
    made = Cohort(tmp_path / "images", tmp_path / "out")
    made.root.mkdir()
    for number, path in enumerate(made.paths):
        draw(path, number)
    assert made.encode() == N
    return made


def test_nothing_is_encoded_twice(cohort):
    """The second call finds every image as it was."""
    assert cohort.encode() == 0
    assert cohort.said == []


def test_unchanged_images_are_not_even_read(cohort, monkeypatch):
    """Their sizes and times answer."""
    monkeypatch.setattr(content, "SETTLED", 0)
    cohort.encode()  # notes the times, which were too new before

    def never(path):
        raise AssertionError(path)

    monkeypatch.setattr("cxraudit.encode.resume.source_of", never)

    assert cohort.encode() == 0


def swap(cohort):
    """Exchange two images of different shards by renaming."""
    first, second, kept = cohort.paths[0], cohort.paths[20], cohort.root / "kept"
    first.rename(kept)
    second.rename(first)
    kept.rename(second)


def invert(cohort):
    """Invert one image in place."""
    with Image.open(cohort.paths[7]) as image:
        Image.eval(image, lambda grey: 255 - grey).save(cohort.paths[7], format="BMP")


def replace_keeping_times(cohort):
    """Exchange one image for another of the same size, and set its time back."""
    found = cohort.paths[3].stat()
    draw(cohort.paths[3], 99)
    os.utime(cohort.paths[3], ns=(found.st_atime_ns, found.st_mtime_ns))


def replace_by_rename(cohort):
    """Move another file of the same size and time into its place."""
    found = cohort.paths[3].stat()
    draw(cohort.root / "new", 98)
    os.utime(cohort.root / "new", ns=(found.st_atime_ns, found.st_mtime_ns))
    (cohort.root / "new").replace(cohort.paths[3])


def link_to_another(cohort):
    """Let a link take the place of an image."""
    cohort.paths[5].unlink()
    cohort.paths[5].symlink_to(cohort.paths[6])


def all_others(cohort):
    """Exchange every image."""
    for number, path in enumerate(cohort.paths):
        draw(path, 1000 + number)


@pytest.mark.parametrize(
    ("change", "n_changed", "n_encoded"),
    [
        (swap, 2, SHARD + 5),
        (invert, 1, SHARD),
        (replace_keeping_times, 1, SHARD),
        (replace_by_rename, 1, SHARD),
        (link_to_another, 1, SHARD),
        (all_others, N, N),
    ],
)
def test_a_changed_image_is_encoded_again(cohort, change, n_changed, n_encoded):
    """With its shard, and the number of changed images is said."""
    change(cohort)

    assert cohort.encode() == n_encoded
    (notice,) = cohort.said
    assert (notice.about, notice.count) == ("images", n_changed)
    assert "other content than when last encoded" in notice.sentence
    assert cohort.is_right()
    assert cohort.encode() == 0


def test_another_root_with_the_same_ids_is_encoded_again(cohort, tmp_path):
    """Names alone never decide."""
    other = Cohort(tmp_path / "others", cohort.out)
    other.root.mkdir()
    for number, path in enumerate(other.paths):
        draw(path, 500 + number)

    assert other.encode() == N
    assert other.is_right()


@pytest.mark.parametrize("how", ["moved", "copied", "touched", "linked"])
def test_a_release_that_was_moved_is_not_encoded_again(cohort, tmp_path, how):
    """Nor one that was copied, or got other times; the next call need not read it."""
    place = Cohort(tmp_path / "elsewhere", cohort.out)
    if how == "moved":
        cohort.root.rename(place.root)
    elif how == "copied":
        shutil.copytree(cohort.root, place.root)
        shutil.rmtree(cohort.root)
    elif how == "linked":
        place.root.symlink_to(cohort.root)
    else:
        place = cohort
        for path in cohort.paths:
            os.utime(path, (1, 1))

    assert place.encode() == 0
    assert place.said == []
    assert place.store.index()["path"].tolist() == [str(path) for path in place.paths]
    assert place.is_right()


def test_a_moved_release_leaves_the_fingerprint_of_the_embeddings(cohort, tmp_path):
    """So that scores made of them stay what they are."""
    before = cohort.store.fingerprint()
    cohort.root.rename(tmp_path / "elsewhere")

    Cohort(tmp_path / "elsewhere", cohort.out).encode()

    assert cohort.store.fingerprint() == before


def test_an_image_that_is_gone_loses_its_embedding(cohort):
    """It is listed and said; the others of its shard are encoded again."""
    cohort.paths[2].unlink()

    assert cohort.encode() == SHARD - 1
    assert [notice.count for notice in cohort.said] == [1]
    assert "cannot now" in cohort.said[0].sentence
    assert not cohort.store.index()["ok"][2]
    assert cohort.is_right()


def test_a_drive_that_is_not_mounted_costs_nothing(cohort, tmp_path):
    """Where not one image is there, embeddings are left as they are."""
    before = cohort.store.fingerprint()
    cohort.root.rename(tmp_path / "unmounted")

    with pytest.raises(DataError, match=r"none of the 23 images .* left as they are"):
        cohort.encode()

    assert cohort.store.fingerprint() == before


def test_an_image_that_can_be_read_again_is_encoded(cohort):
    """Once it could not be read, it is tried again by every call."""
    whole = cohort.paths[2].read_bytes()
    cohort.paths[2].write_bytes(b"no image")
    cohort.encode()
    assert cohort.encode() == 0  # tried and still unreadable: its shard is not encoded again
    cohort.paths[2].write_bytes(whole)

    assert cohort.encode() == 1 + SHARD  # tried by itself, then with its shard
    assert "can be read now" in cohort.said[0].sentence
    assert cohort.is_right()


def test_images_that_never_could_be_read_do_not_cost_a_shard(cohort):
    """A missing and a corrupt one: only they are looked at again."""
    cohort.paths[2].unlink()
    cohort.paths[9].write_bytes(b"no image")
    cohort.encode()

    assert cohort.encode() == 0
    assert cohort.said == []


def test_folders_and_pipes_are_listed(cohort):
    """A pipe named like an image does not stop the work."""
    for number in (1, 2):
        cohort.paths[number].unlink()
    cohort.paths[1].mkdir()
    os.mkfifo(cohort.paths[2])

    cohort.encode()

    errors = cohort.store.index()["error"]
    assert "regular file" in errors[1]
    assert "regular file" in errors[2]


def test_images_of_another_order_are_the_same(cohort):
    """Rows are found by image_id."""
    assert cohort.encode(cohort.images.sample(frac=1, random_state=0)) == 0


@pytest.mark.parametrize(
    "change", [lambda t: t.head(22), lambda t: pd.concat([t, t.tail(1).assign(image_id="new")])]
)
def test_other_images_are_refused(cohort, change):
    """One more or one less: nothing is overwritten."""
    with pytest.raises(DataError, match="differ in images"):
        cohort.encode(change(cohort.images))


def test_an_image_other_than_its_data_set_states_is_listed(cohort):
    """As a prepared image that was changed after it was prepared."""
    stated = cohort.images.assign(**{CONTENT: [content.source_of(p).sha256 for p in cohort.paths]})
    assert cohort.encode(stated) == 0
    draw(cohort.paths[4], 77)

    cohort.encode(stated)

    assert "was changed since cxraudit wrote it" in cohort.store.index()["error"][4]
    assert cohort.encode(stated) == 0


def test_an_embedding_that_is_not_finite_is_a_failure_of_its_image(tmp_path, cohort):
    """NaN and zeros are listed with the reason; the other images are kept."""

    class Broken(RandomModel):
        def encode_images(self, pixels):
            rows = super().encode_images(pixels)
            rows[[1, 2]] = [[np.nan], [0.0]]
            return rows

    failed = encode_images(cohort.images, {"m": Broken()}, tmp_path / "broken", batch_size=N)

    assert failed["image_id"].tolist() == ["image01.png", "image02.png"]
    assert failed["error"].str.contains("not finite, or all zero").all()
    assert EmbeddingStore(tmp_path / "broken" / "m").read()[0]["ok"].sum() == N - 2


def test_two_models_of_one_folder_are_refused(cohort, tmp_path):
    """They would overwrite each other."""
    models = {"hf-clip:/a b": RandomModel(), "hf-clip:/a-b": RandomModel()}

    with pytest.raises(ConfigError, match="have one folder"):
        encode_images(cohort.images, models, tmp_path / "new")


def test_models_encoded_before_an_image_changed_are_left_out(cohort):
    """The second model saw another image than the first; they are not compared."""
    draw(cohort.paths[3], 50)
    encode_images(cohort.images, {"other": RandomModel()}, cohort.out)
    said: list[Notice] = []

    used = of_the_same_images(
        {"other": EmbeddingStore(cohort.out / "other")}, cohort.out, said.append
    )

    assert list(used) == ["other"]
    assert "other content of 1 image," in said[0].sentence


def test_models_that_are_not_finished_are_left_out(cohort):
    """One of their shards is missing."""
    encode_images(cohort.images, {"other": RandomModel()}, cohort.out)
    (cohort.out / "random" / "part-00001.json").unlink()
    said: list[Notice] = []

    used = of_the_same_images(
        {"other": EmbeddingStore(cohort.out / "other")}, cohort.out, said.append
    )

    assert list(used) == ["other"]
    assert "not finished" in said[0].sentence


def test_a_refusal_leaves_no_empty_store(cohort):
    """Of two models, one new and one with other weights, nothing is written."""

    class Other(RandomModel):
        fingerprint = "other"

    models = {"new": RandomModel(), "random": Other()}
    with pytest.raises(DataError, match="fingerprint"):
        encode_images(cohort.images, models, cohort.out, shard_size=SHARD)

    assert not (cohort.out / "new").exists()


def test_models_of_other_images_are_refused_in_one_folder(cohort):
    """The images table beside them can be that of one of them only."""
    encode_images(cohort.images.head(9), {"other": RandomModel()}, cohort.out)

    with pytest.raises(DataError, match="of 'random' of other images"):
        refuse_other_images(cohort.images.head(9), ["other"], cohort.out)
    refuse_other_images(cohort.images, ["other"], cohort.out)


def test_images_that_changed_since_they_were_encoded_are_refused(cohort):
    """Before they are perturbed and compared with themselves."""
    refuse_changed_images(cohort.store, cohort.images.head(5))
    draw(cohort.paths[3], 50)

    with pytest.raises(DataError, match=r"1 of 5 images changed .*image03\.png"):
        refuse_changed_images(cohort.store, cohort.images.head(5))
    refuse_changed_images(cohort.store, cohort.images.tail(5))


def reports(texts: list[str]) -> pd.DataFrame:
    """An images table with reports."""
    names = [f"image{number:02d}.png" for number in range(len(texts))]
    return pd.DataFrame({"image_id": names, "path": names, "report": texts})


def test_a_report_with_other_words_is_encoded_again(tmp_path):
    """Its text is its content; images without one are no reason to repeat anything."""
    texts = ["clear lungs", "", "a drain", "an effusion"]
    encode_reports(reports(texts), {"random": RandomModel()}, tmp_path, shard_size=2)
    again, changed = Counting(), Counting()

    encode_reports(reports(texts), {"random": again}, tmp_path, shard_size=2)
    texts[2] = "no drain"
    encode_reports(reports(texts), {"random": changed}, tmp_path, shard_size=2)

    assert (again.n, changed.n) == (0, 2)
    rows = EmbeddingStore(tmp_path / "random").read()[1]
    np.testing.assert_array_equal(rows[2], RandomModel().encode_texts(["no drain"])[0])
    assert np.isnan(rows[1]).all()


def test_a_damaged_shard_of_reports_is_named_and_made_again(tmp_path):
    """As one of images."""
    found: list[Notice] = []
    options = {"models": {"random": RandomModel()}, "folder": tmp_path, "shard_size": 2}
    encode_reports(reports(["a", "b", "c"]), **options)
    (tmp_path / "random" / "part-00001.npy").write_bytes(b"")

    encode_reports(reports(["a", "b", "c"]), **options, tell=found.append)

    assert "part-00001.npy" in found[0].sentence
    assert EmbeddingStore(tmp_path / "random").finished()


def test_a_report_that_a_model_cannot_take_is_listed(tmp_path):
    """The others are encoded."""

    class Short(RandomModel):
        def encode_texts(self, texts):
            if any(len(text) > 20 for text in texts):
                raise DataError("a text is too long.")
            return super().encode_texts(texts)

    encode_reports(reports(["clear", "long " * 9, "", "a drain"]), {"random": Short()}, tmp_path)

    index, rows = EmbeddingStore(tmp_path / "random").read()
    assert index["error"].tolist() == ["", "a text is too long.", "no report", ""]
    assert np.isfinite(rows).all(axis=1).tolist() == [True, False, False, True]


def test_texts_beside_one_that_is_refused_stay_in_batches(tmp_path):
    """Of 64 texts, those without the refused one are encoded in at most six calls."""
    sizes = []

    class Short(RandomModel):
        def encode_texts(self, texts):
            if any(len(text) > 20 for text in texts):
                raise TextError("the text has 600 tokens; it takes at most 512.")
            sizes.append(len(texts))
            return super().encode_texts(texts)

    texts = [f"report {number}" for number in range(64)]
    texts[11] = "long " * 9
    encode_reports(reports(texts), {"random": Short()}, tmp_path)

    index, rows = EmbeddingStore(tmp_path / "random").read()
    assert sum(sizes) == 63
    assert len(sizes) == 6
    assert (~index["ok"]).sum() == 1
    assert np.isfinite(rows).all(axis=1).sum() == 63
