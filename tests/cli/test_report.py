"""``cxraudit run``: the whole chain from one file, and every mistake in it."""

import pandas as pd

from cxraudit.schema import CONTROLS, OVERALL, Analysis


def test_a_run_file_does_the_whole_chain(mimic_release, tmp_path, run, capsys):
    """One TOML; a second run ends with the same results."""
    config = tmp_path / "audit.toml"
    config.write_text(
        f"""
        out = "result"
        seed = 3
        [dataset]
        name = "mimic-cxr"
        root = "{mimic_release}"
        options = {{ views = "all" }}
        [encode]
        models = ["random"]
        findings = ["Pneumonia"]
        [perturb]
        images = 30
        perturbations = ["drain", "jpeg"]
        [audit]
        attributes = ["race"]
        n_resamples = 60
        """
    )

    assert run("run", config, "-q") == 0
    first = pd.read_parquet(tmp_path / "result" / "audit" / "results.parquet")
    assert run("run", config, "-q") == 0

    pd.testing.assert_frame_equal(
        first, pd.read_parquet(tmp_path / "result" / "audit" / "results.parquet")
    )
    assert {OVERALL, "race"} <= set(first["attribute"])
    assert {"drain", *CONTROLS, "drain-added"} <= set(
        first.loc[first["analysis"] == Analysis.COUNTERFACTUAL, "condition"]
    )
    assert "jpeg" in set(first.loc[first["analysis"] == Analysis.CORRUPTION, "condition"])
    report = tmp_path / "result" / "audit" / "report.html"
    assert report.is_file()
    assert f"Report: {report}" in capsys.readouterr().out


def test_a_mistake_in_a_run_file_is_named_with_its_place(tmp_path, run, capsys):
    """Before any work is done."""
    path = tmp_path / "audit.toml"
    path.write_text(
        'out = "o"\ncolour = 1\n[dataset]\nname = "nih-cxr14"\nroot = "."\n[scores]\nfile = "x.csv"\n'
    )

    assert run("run", path) == 2
    assert "colour: unknown key" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()
