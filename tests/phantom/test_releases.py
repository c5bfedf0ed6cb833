"""Synthetic releases are reproducible, in two layouts."""

import filecmp

import pytest

from cxraudit.errors import DataError, UnknownNameError
from cxraudit.files import TEMPORARY, writer
from cxraudit.phantom.releases import layout_name, write_release
from cxraudit.phantom.spec import PhantomSpec


def test_the_same_specification_gives_the_same_bytes(tmp_path):
    """For any number of processes, and after an interruption."""
    spec = PhantomSpec(n_patients=14, seed=9, image_size=64)
    write_release(spec, tmp_path / "one", "nih", n_workers=1)
    write_release(spec, tmp_path / "two", "nih", n_workers=2)
    (tmp_path / "two" / "images" / "00000003_000.png").unlink()
    write_release(spec, tmp_path / "two", "nih", n_workers=1)

    names = [
        str(p.relative_to(tmp_path / "one")) for p in (tmp_path / "one").rglob("*") if p.is_file()
    ]
    same, differ, missing = filecmp.cmpfiles(
        tmp_path / "one", tmp_path / "two", names, shallow=False
    )

    assert len(same) == len(names) > 40
    assert not differ
    assert not missing


def test_a_release_of_another_specification_is_refused(tmp_path):
    """Two cohorts are never mixed in one folder."""
    write_release(PhantomSpec(n_patients=2, image_size=64), tmp_path, "nih", n_workers=1)

    with pytest.raises(DataError, match="another specification"):
        write_release(PhantomSpec(n_patients=3, image_size=64), tmp_path, "nih", n_workers=1)


def test_a_layout_is_named_by_itself_or_by_its_data_set(tmp_path):
    """Both write the same release; other names get a suggestion."""
    spec = PhantomSpec(n_patients=1, image_size=64)
    write_release(spec, str(tmp_path), "nih-cxr14", n_workers=1)

    assert layout_name("mimic-cxr") == layout_name("mimic") == "mimic"
    assert (tmp_path / "Data_Entry_2017_v2020.csv").is_file()
    assert write_release(spec, tmp_path, "nih", n_workers=1)["patient"].unique().tolist() == [0]
    with pytest.raises(UnknownNameError, match="Did you mean 'mimic'"):
        layout_name("mimc")


def test_progress_counts_every_image(tmp_path):
    """Those that exist already included."""
    spec = PhantomSpec(n_patients=3, image_size=64)
    counts: list[int] = []
    for _ in range(2):
        cohort = write_release(spec, tmp_path, "nih", n_workers=1, progress=counts.append)

    assert sum(counts) == 2 * len(cohort)


TINY = PhantomSpec(n_patients=3, seed=9, image_size=64)
LAYOUT_OF_FILE = [
    ("nih", "Data_Entry_2017_v2020.csv"),
    ("nih", "test_list.txt"),
    ("nih", "train_val_list.txt"),
    ("nih", "CXR14_Drains_Labels.csv"),
    ("nih", "images/00000001_000.png"),
    ("nih", "images/other.png"),
    ("nih", "phantom_images.parquet"),
    ("nih", "Data_Entry_2017.csv"),
    ("nih", "images_001/images/00000001_000.png"),
    ("nih", "00000001_000.png"),
    ("mimic", "mimic-cxr/2.0.0/cxr-record-list.csv.gz"),
    ("mimic", "mimiciv/2.2/hosp/patients.csv.gz"),
    ("mimic", "files/p10/p10000032/s1/a.jpg"),
    ("mimic", "mimic-cxr-jpg/2.0.0/mimic-cxr-2.0.0-metadata.csv.gz"),
    ("mimic", "mimiciv/3.1/hosp/patients.csv.gz"),
    ("mimic", "phantom_images.parquet"),
]


def content_of(root):
    """Return the bytes of every file of a release."""
    return {
        str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


@pytest.mark.parametrize(("layout", "name"), LAYOUT_OF_FILE)
def test_a_release_of_another_origin_is_never_written_into(tmp_path, layout, name):
    """No table of it is replaced, no image is taken for one of ours, and nothing is added."""
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("real")

    with pytest.raises(DataError, match="which cxraudit did not write"):
        write_release(TINY, tmp_path, layout, n_workers=1)

    assert content_of(tmp_path) == {name: b"real"}


def test_other_files_of_the_user_stay(tmp_path):
    """Beside the tables and among the images."""
    write_release(TINY, tmp_path, "nih", n_workers=1)
    others = (tmp_path / "notes.txt", tmp_path / "images" / "notes.txt")
    for file in others:
        file.write_text("mine")

    write_release(TINY, tmp_path, "nih", n_workers=1)

    assert all(file.read_text() == "mine" for file in others)


@pytest.mark.parametrize("layout", ["nih", "mimic"])
@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.parametrize(
    "harm", [lambda data: b"", lambda data: data[:-20], lambda data: bytes(99)]
)
def test_a_damaged_image_is_drawn_again(tmp_path, layout, finished, harm):
    """In a finished release and in one that was interrupted."""
    write_release(TINY, tmp_path, layout, n_workers=1)
    before = content_of(tmp_path)
    image = next(path for path in tmp_path.rglob("*") if path.suffix in (".png", ".jpg"))
    image.write_bytes(harm(image.read_bytes()))
    if not finished:
        (tmp_path / "phantom_images.parquet").unlink()

    write_release(TINY, tmp_path, layout, n_workers=1)

    assert content_of(tmp_path) == before


def test_images_that_were_exchanged_are_drawn_again(tmp_path):
    """The table of a finished release names the hash of each."""
    write_release(TINY, tmp_path, "nih", n_workers=1)
    before = content_of(tmp_path)
    one, two = sorted((tmp_path / "images").iterdir())[:2]
    one.write_bytes(two.read_bytes())

    write_release(TINY, tmp_path, "nih", n_workers=1)

    assert content_of(tmp_path) == before


def test_images_without_the_mark_of_their_specification_are_drawn_again(tmp_path):
    """They may be of another one."""
    other = PhantomSpec(n_patients=3, seed=10, image_size=64)
    write_release(other, tmp_path / "one", "nih", n_workers=1)
    (tmp_path / "one" / "phantom_truth.json").unlink()

    write_release(TINY, tmp_path / "one", "nih", n_workers=1)
    write_release(TINY, tmp_path / "two", "nih", n_workers=1)

    expected = content_of(tmp_path / "two")
    found = content_of(tmp_path / "one")
    assert {name: found[name] for name in expected} == expected


def test_finished_images_are_not_drawn_again(tmp_path, monkeypatch):
    """By their hashes."""
    write_release(TINY, tmp_path, "nih", n_workers=1)

    def never(image):
        raise AssertionError("drawn")

    monkeypatch.setattr("cxraudit.phantom.releases.render", never)
    write_release(TINY, tmp_path, "nih", n_workers=1)


def test_temporary_files_of_dead_runs_are_removed(tmp_path):
    """Beside the tables and among the images."""
    write_release(TINY, tmp_path, "nih", n_workers=1)
    dead = f"{writer()[0]}-999999999-0{TEMPORARY}"
    left = (tmp_path / f".test_list.txt.{dead}", tmp_path / "images" / f".a.png.{dead}")
    for file in left:
        file.touch()

    write_release(TINY, tmp_path, "nih", n_workers=1)

    assert not any(file.exists() for file in left)
