"""The mark of a synthetic release."""

import json
import shutil

from cxraudit.datasets.releases import mimic_cxr, nih_cxr14


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
