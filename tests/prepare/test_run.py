"""Preparing a cohort: content decides what is kept, and only what is ours is replaced."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cxraudit import datasets
from cxraudit.cli import main
from cxraudit.datasets.base import Dataset, flow
from cxraudit.datasets.saved import save_dataset
from cxraudit.errors import DataError
from cxraudit.files import TEMPORARY, manifest_of, writer
from cxraudit.folders import claim
from cxraudit.images import read_image
from cxraudit.prepare import Preparation, prepare_images
from cxraudit.prepare.run import RECORD, SOURCES, file_name

SMALL = Preparation(size=16)
TABLE = "images.parquet"


def noise(seed: int) -> Image.Image:
    """Return an image of 24 × 20 pixels."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (24, 20), dtype=np.uint8))


def cohort(root: Path, ids: list[str], paths: list[Path] | None = None) -> Dataset:
    """Return a data set of some images, by default PNGs that are drawn in `root`."""
    if paths is None:
        paths = [root / f"{number}.png" for number in range(len(ids))]
        root.mkdir(exist_ok=True)
        for number, path in enumerate(paths):
            noise(number).save(path, compress_level=0)
    images = pd.DataFrame(
        {
            "image_id": ids,
            "patient_id": ids,
            "study_id": ids,
            "path": [str(path) for path in paths],
            "view_position": "PA",
            "Pneumonia": 1.0,
        }
    )
    return Dataset(
        name="small",
        version="",
        license="",
        root=root,
        images=images,
        findings=("Pneumonia",),
        attributes=(),
    )


@pytest.fixture
def five(tmp_path) -> Dataset:
    """Five images."""
    return cohort(tmp_path / "release", list("abcde"))


def content_of(folder: Path) -> dict[str, bytes]:
    """Return the bytes of all files of a prepared folder that do not hold times."""
    timed = (manifest_of(folder / TABLE), folder / SOURCES)
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file() and file not in timed
    }


def stamps(prepared: Dataset) -> list[int]:
    """Return when each prepared image was written."""
    return [Path(path).stat().st_mtime_ns for path in prepared.images["path"]]


def test_a_prepared_cohort_is_a_data_set(nih_release, tmp_path):
    """It has the same labels and patients, images of the given size, and a note for the report."""
    dataset = datasets.load("nih-cxr14", nih_release)

    prepare_images(dataset, tmp_path, Preparation(size=32))
    again = datasets.load("prepared", tmp_path)

    pd.testing.assert_frame_equal(
        again.images.drop(columns=["path", "image_sha256"]),
        dataset.images.drop(columns="path"),
        check_dtype=False,
    )
    assert {read_image(Path(path)).size for path in again.images["path"]} == {(32, 32)}
    assert "32 × 32 (bilinear without antialiasing)" in again.notes[-1]
    assert again.truth == dataset.truth
    record = json.loads(manifest_of(tmp_path / TABLE).read_text())
    assert record["prepared"] == {"size": 32, "resampling": "bilinear", "stretching": "min-max"}
    assert prepare_images(again, tmp_path / "twice", Preparation(size=16)).excluded.empty


def test_finished_images_are_kept_and_unreadable_ones_excluded(five, tmp_path):
    """A second call writes only what is missing; an unreadable image is excluded and listed."""
    five.images.loc[3, "path"] = "/nowhere.png"
    first = prepare_images(five, tmp_path / "out", SMALL)
    before = content_of(tmp_path / "out")
    written = stamps(first)
    Path(first.images["path"].iloc[0]).unlink()

    second = prepare_images(five, tmp_path / "out", SMALL)

    assert content_of(tmp_path / "out") == before
    assert stamps(second)[1:] == written[1:]
    assert second.excluded["image_id"].tolist() == ["d"]
    assert flow(second)["step"].tolist()[-1] == "decoded"
    listed = pd.read_csv(tmp_path / "out" / "failures.csv")
    assert listed["image_id"].tolist() == ["d"]
    assert second.notices == ()


HARMS: dict[str, Callable[[Path, Path], object]] = {
    "empty": lambda file, other: file.write_bytes(b""),
    "zeroed": lambda file, other: file.write_bytes(bytes(file.stat().st_size)),
    "cut": lambda file, other: file.write_bytes(file.read_bytes()[:-9]),
    "continued": lambda file, other: file.write_bytes(file.read_bytes() + b"x"),
    "another image": lambda file, other: shutil.copy(other, file),
    "another program": lambda file, other: noise(9).resize((16, 16)).save(file),
    "a bit": lambda file, other: file.write_bytes(
        file.read_bytes()[:-40] + bytes([file.read_bytes()[-40] ^ 4]) + file.read_bytes()[-39:]
    ),
}


@pytest.mark.parametrize("harm", HARMS)
@pytest.mark.parametrize("table", ["kept", "lost", "damaged"])
def test_a_damaged_prepared_image_is_prepared_again_and_named(five, tmp_path, harm, table):
    """With the table of sources, without it, and with a damaged one."""
    out = tmp_path / "out"
    first = prepare_images(five, out, SMALL)
    before = content_of(out)
    harmed, other = (Path(path) for path in first.images["path"][:2])
    HARMS[harm](harmed, other)
    if table == "lost":
        (out / SOURCES).unlink()
    if table == "damaged":
        (out / SOURCES).write_bytes(b"PAR1")

    second = prepare_images(five, out, SMALL)

    assert content_of(out) == before
    assert [notice.count for notice in second.notices] == [1]
    assert "was damaged or exchanged" in second.notices[0].sentence
    assert "(1 image: a)" in second.notices[0].sentence


def test_prepared_images_that_were_exchanged_are_prepared_again(five, tmp_path):
    """Each names the file it is."""
    out = tmp_path / "out"
    first = prepare_images(five, out, SMALL)
    before = content_of(out)
    one, two = (Path(path) for path in first.images["path"][:2])
    shutil.move(one, tmp_path / "spare.png")
    shutil.move(two, one)
    shutil.move(tmp_path / "spare.png", two)

    second = prepare_images(five, out, SMALL)

    assert content_of(out) == before
    assert second.notices[0].count == 2


CHANGES: dict[str, Callable[[Path], object]] = {
    "another image": lambda path: noise(77).save(path),
    "the same size and time": lambda path: _replace_keeping_times(path, noise(78)),
    "other format": lambda path: noise(79).save(path, format="JPEG"),
}


def _replace_keeping_times(path: Path, image: Image.Image) -> None:
    """Replace an image and set its time of modification back."""
    before = path.stat()
    image.save(path, compress_level=0)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size


@pytest.mark.parametrize("change", CHANGES)
def test_an_image_that_changed_is_prepared_again_and_counted(five, tmp_path, change):
    """The result is that of a folder without an earlier call."""
    out = tmp_path / "out"
    prepare_images(five, out, SMALL)
    CHANGES[change](Path(five.images["path"][2]))

    second = prepare_images(five, out, SMALL)
    prepare_images(five, tmp_path / "fresh", SMALL)

    assert content_of(out) == content_of(tmp_path / "fresh")
    assert "was changed since it was prepared" in second.notices[0].sentence
    assert "(1 image: c)" in second.notices[0].sentence
    assert datasets.load("prepared", out).notices == ()


def test_an_image_that_cannot_be_read_any_more_leaves_no_prepared_image(five, tmp_path):
    """Its old preparation would be of other bytes."""
    out = tmp_path / "out"
    first = prepare_images(five, out, SMALL)
    Path(five.images["path"][1]).write_bytes(b"broken")

    second = prepare_images(five, out, SMALL)

    assert second.images["image_id"].tolist() == ["a", "c", "d", "e"]
    assert not Path(first.images["path"].iloc[1]).exists()


@pytest.mark.parametrize("how", [shutil.move, shutil.copytree])
def test_a_release_elsewhere_is_not_prepared_again(five, tmp_path, how):
    """Moved, and copied with other times: its content is the same."""
    out = tmp_path / "out"
    written = stamps(prepare_images(five, out, SMALL))
    how(five.root, tmp_path / "elsewhere")
    images = five.images.assign(
        path=[str(tmp_path / "elsewhere" / Path(path).name) for path in five.images["path"]]
    )

    moved = replace(five, root=tmp_path / "elsewhere", images=images)

    second = prepare_images(moved, out, SMALL)
    assert stamps(second) == written
    assert second.notices == ()


def test_unchanged_sources_are_not_read(five, tmp_path, monkeypatch):
    """Their sizes and times are in a table beside the images."""
    monkeypatch.setattr("cxraudit.content.SETTLED", 0)
    out = tmp_path / "out"
    prepare_images(five, out, SMALL)

    def never(*arguments):
        raise AssertionError("read")

    monkeypatch.setattr("cxraudit.prepare.run.read_decoded", never)
    monkeypatch.setattr("cxraudit.content.source_of", never)
    assert len(prepare_images(five, out, SMALL).images) == 5


NAMES = [
    *("82.png", "82.jpg", "82.dcm", "82", "82.PNG", "82.", " 82", "82 ", "./82", "82/", "8:2"),
    *("a/b", "a-b", "a\\b", "a_b", "A-B", "..", ".", "../a/b", "con", "CON", "nul.png"),
    *("é", "e\u0301", "É", "日本", "日本語", "\u200b", "a\nb", "a\tb", "*", "?", "|", "%20", " "),
    *("x" * 300, "x" * 301, "é" * 200, "x" * 300 + ".png", "-", "--", "~", "$HOME", "a" * 60),
]


def test_names_of_prepared_images_are_different_and_valid_everywhere():
    """Also where upper and lower case are the same, and for ids of any length."""
    names = [file_name(name) for name in NAMES]

    assert len({name.lower() for name in names}) == len(NAMES)
    for name in names:
        assert len(name) < 120
        assert name.isascii()
        assert set(name).isdisjoint(':\\*?"<>|% \n\t')
        assert name.count("/") == 2
        assert not Path(name).name.startswith((".", "-"))


def test_every_image_has_a_prepared_image_of_its_own(tmp_path):
    """Whatever the ids: the prepared images are those of their sources."""
    dataset = cohort(tmp_path / "release", NAMES)

    done = prepare_images(dataset, tmp_path / "out", Preparation(size=16, stretching="none"))

    written = [read_image(Path(path)).tobytes() for path in done.images["path"]]
    assert len(set(written)) == len(NAMES)


def test_the_folder_of_another_preparation_or_other_images_is_refused(five, tmp_path):
    """The message names what differs."""
    out = tmp_path / "out"
    prepare_images(five, out, SMALL)
    before = content_of(out)

    with pytest.raises(DataError, match=r"other settings \(size 16\)"):
        prepare_images(five, out, Preparation(size=32))
    with pytest.raises(DataError, match="list of images"):
        prepare_images(replace(five, images=five.images.head(3)), out, SMALL)
    assert content_of(out) == before


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "nonsense", "\0" * 50])
def test_a_damaged_record_is_refused_in_a_sentence(five, tmp_path, text):
    """Nothing is prepared."""
    out = tmp_path / "out"
    prepare_images(five, out, SMALL)
    (out / RECORD).write_text(text)

    with pytest.raises(DataError, match=r"prepare\.json|other settings"):
        prepare_images(five, out, SMALL)


@pytest.mark.parametrize(
    "name", [RECORD, SOURCES, TABLE, "excluded.parquet", "failures.csv", "images/mine.png"]
)
def test_a_file_of_the_user_is_refused_before_any_work(five, tmp_path, name):
    """And stays as it is."""
    out = tmp_path / "out"
    (out / name).parent.mkdir(parents=True)
    (out / name).write_text("mine")

    with pytest.raises(DataError, match=r"which cxraudit did not write|or a file of yours"):
        prepare_images(five, out, SMALL)

    assert [file for file in out.rglob("*") if file.is_file()] == [out / name]
    assert (out / name).read_text() == "mine"


def test_the_folder_of_another_command_is_refused(five, tmp_path):
    """Here of a cohort that was encoded: its table is ours, too."""
    claim(tmp_path / "work" / TABLE)
    save_dataset(five, tmp_path / "work")

    with pytest.raises(DataError, match="the cohort of another command"):
        prepare_images(five, tmp_path / "work", SMALL)


def test_other_files_of_the_user_stay(five, tmp_path):
    """In the folder, and in the one of the images."""
    out = tmp_path / "out"
    prepare_images(five, out, SMALL)
    mine = [out / "notes.txt", out / "images" / "mine.png", out / "figures" / "a.svg"]
    for file in mine:
        file.parent.mkdir(exist_ok=True)
        file.write_text("mine")

    prepare_images(five, out, SMALL)

    assert all(file.read_text() == "mine" for file in mine)


@pytest.mark.parametrize("place", [".", "../release", "sub/images", "sub/images/deep"])
def test_a_release_is_never_written_into(tmp_path, place):
    """Its own folder, and the folders of its images."""
    release = tmp_path / "release"
    (release / "sub" / "images").mkdir(parents=True)
    noise(1).save(release / "sub" / "images" / "a.png")
    dataset = cohort(release, ["a"], [release / "sub" / "images" / "a.png"])

    with pytest.raises(DataError, match="is part of the data set"):
        prepare_images(dataset, release / place, SMALL)

    assert sorted(release.rglob("*.*")) == [release / "sub" / "images" / "a.png"]
    assert len(prepare_images(dataset, release / "prepared", SMALL).images) == 1


def test_prepared_images_are_never_prepared_into_their_own_folder(five, tmp_path):
    """Every image would be made of itself, and lost."""
    prepare_images(five, tmp_path / "out", SMALL)
    before = content_of(tmp_path / "out")

    with pytest.raises(DataError, match="is part of the data set"):
        prepare_images(datasets.load("prepared", tmp_path / "out"), tmp_path / "out", SMALL)

    assert content_of(tmp_path / "out") == before


def test_an_unfinished_folder_is_no_data_set(five, tmp_path, monkeypatch):
    """Also where an earlier call finished: images may be of either."""
    out = tmp_path / "out"
    prepare_images(five, out, SMALL)
    noise(50).save(five.images["path"][0])

    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cxraudit.prepare.run.write_table", full)
    with pytest.raises(OSError, match="No space"):
        prepare_images(five, out, SMALL)
    monkeypatch.undo()

    with pytest.raises(DataError, match="did not finish"):
        datasets.load("prepared", out)
    prepare_images(five, out, SMALL)
    assert len(datasets.load("prepared", out).images) == 5


def test_a_prepared_folder_can_be_moved(five, tmp_path):
    """Its images are found beside its table."""
    prepare_images(five, tmp_path / "out", SMALL)
    shutil.move(tmp_path / "out", tmp_path / "moved")

    images = datasets.load("prepared", tmp_path / "moved").images
    assert all(Path(path).is_file() for path in images["path"])
    stored = pd.read_parquet(tmp_path / "moved" / TABLE)["path"]
    assert stored.str.startswith("images/").all()


def test_a_prepared_image_that_was_changed_is_not_prepared_further(five, tmp_path):
    """The table of a prepared cohort names the hash of each image."""
    first = prepare_images(five, tmp_path / "out", SMALL)
    noise(60).save(first.images["path"].iloc[0])

    second = prepare_images(
        datasets.load("prepared", tmp_path / "out"), tmp_path / "twice", Preparation(size=8)
    )

    assert second.images["image_id"].tolist() == ["b", "c", "d", "e"]
    assert "was changed since" in (tmp_path / "twice" / "failures.csv").read_text()


def test_temporary_files_of_dead_runs_are_removed(five, tmp_path):
    """In the folder and in those of the images."""
    out = tmp_path / "out"
    first = prepare_images(five, out, SMALL)
    folder = Path(first.images["path"].iloc[0]).parent
    dead = f"{writer()[0]}-999999999-0{TEMPORARY}"
    left = [out / f".{TABLE}.{dead}", folder / f".a.png.{dead}"]
    for file in left:
        file.touch()

    prepare_images(five, out, SMALL)

    assert not any(file.exists() for file in left)


def test_prepared_images_can_be_encoded(nih_release, tmp_path, capsys):
    """The command prepare, then encode."""
    ready, work = tmp_path / "ready", tmp_path / "work"
    source = ["nih-cxr14", "--root", str(nih_release)]
    assert main(["prepare", *source, "--out", str(ready), "--size", "64", "-q"]) == 0
    encode = ["encode", "prepared", "--root", str(ready), "--model", "random"]

    assert main([*encode, "--out", str(work), "-q"]) == 0

    assert "(dataset prepared)" in capsys.readouterr().out


def test_images_prepared_again_are_named_in_the_terminal(nih_release, tmp_path, capsys):
    """By the command, on stderr."""
    command = ["prepare", "nih-cxr14", "--root", str(nih_release), "--size", "16", "-q"]
    assert main([*command, "--out", str(tmp_path / "ready")]) == 0
    next((tmp_path / "ready" / "images").rglob("00000001_000*.png")).write_bytes(b"")
    capsys.readouterr()

    assert main([*command, "--out", str(tmp_path / "ready")]) == 0

    assert "was prepared again. (1 image: 00000001_000.png)" in capsys.readouterr().err
