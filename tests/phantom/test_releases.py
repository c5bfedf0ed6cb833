"""Synthetic releases are reproducible, in two layouts."""

import filecmp

import pytest

from cxraudit.errors import DataError, UnknownNameError
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
