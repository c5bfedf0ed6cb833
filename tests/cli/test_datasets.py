"""``cxraudit datasets``: what can be read, what lies in a folder, whether it is complete."""

import pytest


def test_the_list_is_complete(run, capsys):
    """Every registered data set is listed; with a name, its options and published cohorts."""
    from cxraudit import datasets
    from cxraudit.datasets import filters

    assert run("datasets") == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in datasets.available())

    assert run("datasets mimic-cxr") == 0
    details = capsys.readouterr().out
    assert "uncertain" in details
    assert "--option cohort=paper is split=test" in details
    assert all(option in details for option in filters.OPTIONS)


def test_releases_are_found(nih_release, mimic_release, tmp_path, run, capsys):
    """What lies in a folder, and what is missing."""
    assert run("datasets find", nih_release) == 0
    found = capsys.readouterr().out
    assert "nih-cxr14: ready" in found
    assert "optional BBox_List_2017.csv" in found
    assert run("datasets find", mimic_release) == 0
    assert "mimic-cxr: ready" in capsys.readouterr().out
    assert run("datasets find", tmp_path) == 0
    assert "No known release" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "said"), [("nih-cxr14", "counts differ"), ("table", "no published counts")]
)
def test_counts_that_are_not_the_published_ones_end_with_2(name, said, nih_release, run, capsys):
    """A release of a few images is no ChestX-ray14."""
    assert run("datasets check", name, nih_release) == 2

    shown = capsys.readouterr()
    assert said in shown.err
    assert name == "table" or "published   112,120" in shown.out
