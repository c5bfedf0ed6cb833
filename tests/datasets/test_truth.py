"""The mark of a synthetic release."""

import json
import shutil
from dataclasses import replace

import pytest

from cxraudit.datasets.releases import mimic_cxr, nih_cxr14
from cxraudit.datasets.truth import read_truth
from cxraudit.errors import DataError
from cxraudit.phantom.redraw import redrawn
from cxraudit.phantom.releases import DRAWN


def test_a_release_below_a_synthetic_one_is_not_synthetic(nih_release, tmp_path):
    """The mark counts in the root of a release only."""
    shutil.copy(nih_release / "phantom_truth.json", tmp_path)
    (tmp_path / "real").mkdir()
    shutil.copy(nih_release / "Data_Entry_2017_v2020.csv", tmp_path / "real")

    assert nih_cxr14.load(tmp_path / "real").truth is None


def test_the_known_effects_are_a_file_of_the_release(mimic_release):
    """The data set takes its name and its known effects from it."""
    truth = json.loads((mimic_release / "phantom_truth.json").read_text())
    dataset = mimic_cxr.load(mimic_release)

    assert truth["origin"] == "phantom:seed=6"
    assert dataset.name == "phantom-mimic"
    assert dataset.truth == truth


MARK = {"name": "phantom-nih", "origin": "phantom:seed=1", "planted": {"sex": False}, "spec": {}}

DAMAGED = {
    "cut": '{\n  "name": "pha',
    "empty": "",
    "a list": "[]",
    "nothing in it": "{}",
    "a number": "3",
    "nested too deeply": "[" * 100_000,
    "a number of 5,000 digits": "9" * 5000,
    "UTF-16": json.dumps(MARK).encode("utf-16"),
    "binary": b"\x00\xff\xfe",
    "a name that is no text": json.dumps({**MARK, "name": ["*"]}),
    "a name with a line break": json.dumps({**MARK, "name": "a\nb"}),
    "an empty name": json.dumps({**MARK, "name": ""}),
    "no origin": json.dumps({key: value for key, value in MARK.items() if key != "origin"}),
    "no effects": json.dumps({key: value for key, value in MARK.items() if key != "planted"}),
    "effects as a list": json.dumps({**MARK, "planted": ["sex"]}),
    "effects as text": json.dumps({**MARK, "planted": {"sex": "no"}}),
    "settings as text": json.dumps({**MARK, "spec": "x"}),
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_mark_is_an_error(tmp_path, content):
    """And never a reason to take synthetic radiographs for real ones."""
    data = content if isinstance(content, bytes) else content.encode()
    (tmp_path / "phantom_truth.json").write_bytes(data)

    with pytest.raises(DataError, match="marks a synthetic release and is damaged"):
        read_truth(tmp_path)


def test_a_mark_with_more_keys_is_read(tmp_path):
    """Of a later version."""
    (tmp_path / "phantom_truth.json").write_text(json.dumps({**MARK, "layout": "nih"}))

    assert read_truth(tmp_path) == {**MARK, "layout": "nih"}


def test_images_of_a_release_of_another_version_are_not_drawn_again(nih_release, tmp_path):
    """Its settings are not those of this version."""
    shutil.copytree(nih_release, tmp_path / "r")
    dataset = nih_cxr14.load(tmp_path / "r")
    assert dataset.truth is not None

    for spec in ({"colour": 1}, {"n_patients": -1}):
        with pytest.raises(DataError, match="drawn by another version"):
            redrawn(replace(dataset, truth={**dataset.truth, "spec": spec}), drain=True)
    (tmp_path / "r" / DRAWN).write_bytes(b"x")
    with pytest.raises(DataError, match="is damaged"):
        redrawn(dataset, drain=True)
