"""``cxraudit run``: the whole chain from one file, and every mistake in it."""

import pandas as pd
import pytest

from cxraudit.schema import CONTROL, OVERALL, Analysis


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
        n_images = 30
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
    assert {"drain", CONTROL, "drain-added"} <= set(
        first.loc[first["analysis"] == Analysis.COUNTERFACTUAL, "condition"]
    )
    assert "jpeg" in set(first.loc[first["analysis"] == Analysis.CORRUPTION, "condition"])
    report = tmp_path / "result" / "audit" / "report.html"
    assert report.is_file()
    assert f"Report: {report}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"colour = 1": ""}, "colour: unknown key"),
        ({"": "[encode]\nmodels = []\n"}, "encode.models"),
        ({"": "[scores]\nfile = 'x.csv'\n[encode]\nmodels = ['random']\n"}, "not both"),
        ({"": "[scores]\nfile = 'x.csv'\n[audit]\nmargin = 3\n"}, "audit.margin"),
        ({"": "[scores\n"}, "not valid TOML"),
    ],
)
def test_every_mistake_in_a_run_file_is_named_with_its_place(tmp_path, run, capsys, change, match):
    """Unknown keys are errors."""
    ((first, rest),) = change.items()
    path = tmp_path / "audit.toml"
    path.write_text(f'out = "o"\n{first}\n[dataset]\nname = "nih-cxr14"\nroot = "."\n{rest}')

    assert run("run", path) == 2
    assert match in capsys.readouterr().err
