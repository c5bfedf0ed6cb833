"""Data sets and their options by name."""

import pytest

from cxraudit import datasets
from cxraudit.datasets.releases import mimic_cxr, neatx, nih_cxr14
from cxraudit.errors import ConfigError, DataError, UnknownNameError


@pytest.mark.parametrize(
    ("name", "options", "match"),
    [
        ("nih-cxr-14", {}, "Did you mean 'nih-cxr14'"),
        ("mimic-cxr", {"splt": "test"}, "Did you mean 'split'"),
        ("mimic-cxr", {"split": "tets"}, "Did you mean 'test'"),
        ("mimic-cxr", {"only.race": "whte"}, "Did you mean 'white'"),
        ("mimic-cxr", {"only.rac": "white"}, "Did you mean 'race'"),
        ("mimic-cxr", {"cohort": "papr"}, "Did you mean 'paper'"),
        ("mimic-cxr", {"adlts": "true"}, "Did you mean 'adults'"),
    ],
)
def test_a_misspelled_name_gets_a_suggestion(mimic_release, name, options, match):
    """Of a data set, an option, a value, a group, an attribute or a cohort."""
    with pytest.raises(UnknownNameError, match=match):
        datasets.load(name, mimic_release, options)


def test_options_may_be_text(nih_release):
    """Flags and paths as in a run file and on the command line; other text is refused."""
    dataset = datasets.load(
        "nih-cxr14",
        nih_release,
        {"present_only": "false", "drains": str(nih_release / neatx.FILES[0])},
    )

    assert dataset.shortcuts == ("drain",)
    with pytest.raises(ConfigError, match="true or false"):
        datasets.load("nih-cxr14", nih_release, {"present_only": "maybe"})


def test_the_root_may_be_text(nih_release):
    """A str is as good as a Path."""
    assert len(datasets.load("nih-cxr14", str(nih_release)).images) > 0


def test_options_of_a_cohort_apply_unless_others_are_given(mimic_release):
    """adults=false removes the filter of the published cohort."""
    cohort = datasets.load("mimic-cxr", mimic_release, {"cohort": "paper"})
    without = datasets.load("mimic-cxr", mimic_release, {"cohort": "paper", "adults": False})

    assert "adults" in dict(cohort.steps)
    assert "adults" not in dict(without.steps)


def test_relative_paths_among_options_are_resolved_against_a_folder(tmp_path):
    """By the type of the parameter: a group with a slash is no path, and neither is a subset's name."""
    options = {
        "only.race": "black/african american",
        "drains": "drains/labels.csv",
        "predicted": "predicted.csv",
        "subset": "test",
    }

    anchored = datasets.anchored("nih-cxr14", options, tmp_path)

    assert anchored == {
        "only.race": "black/african american",
        "drains": str(tmp_path / "drains/labels.csv"),
        "predicted": str(tmp_path / "predicted.csv"),
        "subset": "test",
    }
    listed = datasets.anchored("nih-cxr14", {"subset": "list.txt"}, tmp_path)
    assert listed["subset"] == str(tmp_path / "list.txt")


def test_missing_files_are_named(tmp_path):
    """Each loader names the first missing file, or the missing folder."""
    with pytest.raises(DataError, match="Data_Entry_2017"):
        nih_cxr14.load(tmp_path)
    with pytest.raises(DataError, match="metadata"):
        mimic_cxr.load(tmp_path)
    with pytest.raises(DataError, match="is missing"):
        datasets.load("nih-cxr14", tmp_path / "nowhere")


def test_release_counts_need_published_counts(tmp_path):
    """A table of the user has none."""
    with pytest.raises(ConfigError, match="no published counts"):
        datasets.release_counts("table", tmp_path)
