"""``cxraudit demo`` and ``cxraudit phantom``: synthetic radiographs with known truth."""

import json

import pandas as pd
import pytest

from cxraudit.audits.result import open_audit
from cxraudit.schema import KEY_COLUMNS, Analysis


@pytest.mark.slow
def test_the_demo_on_few_patients(tmp_path, run, capsys):
    """Both releases, both models, one report; the audit by hand gives the same, and embeddings of both models."""
    assert run("demo", tmp_path / "demo", "--patients 12 -q") == 0
    shown = capsys.readouterr().out
    work, out = tmp_path / "demo" / "phantom-nih", tmp_path / "again"

    assert run("audit", work / "scores.parquet", "--seed 2025 --out", out) == 0

    ours, theirs = (
        open_audit(folder).results.set_index(list(KEY_COLUMNS)).sort_index()
        for folder in (work / "audit", out)
    )
    more = theirs.loc[theirs.index.difference(ours.index)].reset_index()
    assert set(more["model"]) == {"random"}
    assert not set(more["analysis"]) & {Analysis.SUBGROUPS, Analysis.COUNTERFACTUAL}
    found = ["value", "low", "high", "n", "p_value"]  # the error rate is divided by what is audited
    pd.testing.assert_frame_equal(theirs.loc[ours.index, found], ours[found])
    html = (tmp_path / "demo" / "report.html").read_text()
    assert "These radiographs are synthetic" in html
    assert "phantom-clip on phantom-mimic" in shown
    assert "phantom-clip on phantom-nih" in shown
    assert f"Report: {tmp_path / 'demo' / 'report.html'}" in shown


def test_a_phantom_with_other_effects(tmp_path, run, capsys):
    """A sex effect instead of the age effect, by options."""
    options = "--patients 4 --image-size 64 --contrast 80+=1 --contrast female=0.5 --layout mimic"

    assert run("phantom", tmp_path / "p", options, "-q") == 0

    truth = json.loads((tmp_path / "p" / "phantom_truth.json").read_text())
    assert truth["planted"]["sex"] is True
    assert truth["planted"]["age_group"] is False
    assert "4 synthetic patients" in capsys.readouterr().out


def test_record_noise_reaches_the_release(tmp_path, run):
    """--record-noise is recorded with the truth of the release."""
    options = "--patients 4 --image-size 64 --layout mimic --record-noise 0.5"

    assert run("phantom", tmp_path / "p", options, "-q") == 0

    assert '"record_noise": 0.5' in (tmp_path / "p" / "phantom_truth.json").read_text()
