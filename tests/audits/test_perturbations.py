"""Images changed on purpose: planted changes recovered, none reported where there is none."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from cxraudit.audits.cells import AuditSettings
from cxraudit.audits.perturbations import CHANGE, MEAN, NEGATIVES, by_edit
from cxraudit.errors import DataError, MissingColumnsError
from cxraudit.figures.perturbations import corruption_curves, corruption_gaps, counterfactual
from cxraudit.report.leans import follows, wears
from planted import planted_dataset, planted_table

SETTINGS = AuditSettings(n_resamples=500)
FINDINGS = ("Pneumothorax", "Cardiomegaly")


def edited_scores(frame, edits, *, seed=0):
    """Scores of edited images: `edits` maps (edit, severity) to (finding, logits, rng) → logits."""
    rng = np.random.default_rng(seed)
    tables = []
    for finding in FINDINGS:
        logits = frame[f"score_{finding}"].to_numpy()
        for (edit, severity), change in {("unedited", 0): None, **edits}.items():
            moved = logits if change is None else change(finding, logits, rng)
            tables.append(
                pd.DataFrame(
                    {
                        "image_id": frame["file"],
                        "model": "m",
                        "prompt_set": "paper",
                        "finding": finding,
                        "edit": edit,
                        "severity": severity,
                        "score": expit(moved),
                    }
                )
            )
    return pd.concat(tables, ignore_index=True)


def leaning(effect, *, sham=0.0, spread=0.4):
    """A drain moves pneumothorax by `effect`, the sham by `sham`, each image differently."""

    def moved(size):
        def change(finding, logits, rng):
            size_here = size if finding == "Pneumothorax" else 0.0
            return logits + size_here + rng.normal(scale=spread, size=logits.size)

        return change

    return {("drain", 0): moved(effect), ("sham", 0): moved(sham)}


@pytest.fixture(scope="module")
def frame():
    """Images of 400 patients."""
    return planted_table(11, drain_gap=0.5)


def chosen(edits, **where):
    """Rows with given values."""
    for column, value in where.items():
        edits = edits[edits[column] == value]
    return edits


def test_a_planted_reliance_is_recovered_and_the_sham_is_null(frame):
    """The change in standard deviations, its interval, and the verdicts."""
    dataset = planted_dataset(frame)
    found = by_edit(dataset, edited_scores(frame, leaning(1.5)), settings=SETTINGS)
    rows = chosen(found.results, metric=CHANGE, attribute="all", finding="Pneumothorax")
    truth = 1.5 / frame["score_Pneumothorax"].std(ddof=0)

    drain = chosen(rows, edit="drain", reference="unedited", group="all").iloc[0]
    assert drain["low"] < truth < drain["high"]
    assert drain["verdict"] == "disparity"
    sham = chosen(rows, edit="sham", reference="unedited", group="all").iloc[0]
    assert sham["verdict"] == "equivalent"
    more = chosen(rows, edit="drain", reference="sham", group="all").iloc[0]
    assert more["low"] < truth < more["high"]
    other = chosen(found.results, metric=CHANGE, finding="Cardiomegaly", group="all", edit="drain")
    assert set(other["verdict"]) == {"equivalent"}
    assert follows(found.results, "m", "Pneumothorax")[0].tone == "bad"
    assert follows(found.results, "m", "Cardiomegaly")[0].tone == "good"


def test_only_images_without_a_drain_are_given_one(frame):
    """Counts are of images whose drain label is no; the mean is numpy's."""
    edited = edited_scores(frame, leaning(1.0))
    found = by_edit(planted_dataset(frame), edited, settings=SETTINGS)
    row = chosen(
        found.results,
        metric=CHANGE,
        attribute="all",
        finding="Pneumothorax",
        edit="drain",
        reference="unedited",
        group=NEGATIVES,
    ).iloc[0]
    about = (frame["drain"] == 0) & (frame["Pneumothorax"] == 0)
    after = chosen(edited, edit="drain", finding="Pneumothorax")["score"].to_numpy()
    before = frame["score_Pneumothorax"].to_numpy()
    change = (np.log(after / (1 - after)) - before) / before.std()

    assert row["n"] == about.sum()
    assert row["value"] == pytest.approx(change[about].mean(), abs=1e-9)
    images = chosen(found.changes, edit="drain", finding="Pneumothorax")
    assert len(images) == (frame["drain"] == 0).sum()
    assert images["change"].mean() == pytest.approx(change[frame["drain"] == 0].mean(), abs=1e-9)


def test_a_change_that_the_sham_makes_too_is_not_the_drain_s(frame):
    """Both move the score: it is said that the control moves it, not that it follows the drain."""
    found = by_edit(
        planted_dataset(frame), edited_scores(frame, leaning(1.5, sham=1.4)), settings=SETTINGS
    )
    said = follows(found.results, "m", "Pneumothorax")[0]
    assert said.tone == "unsure"
    assert "sham" in said.headline


def test_the_sham_does_not_hide_a_drain_nor_make_one(frame):
    """A drain far beyond the sham is said; a score that only the sham moves does not follow drains."""
    dataset = planted_dataset(frame)
    beyond = by_edit(dataset, edited_scores(frame, leaning(2.5, sham=0.6)), settings=SETTINGS)
    assert follows(beyond.results, "m", "Pneumothorax")[0].tone == "bad"
    alone = by_edit(dataset, edited_scores(frame, leaning(0.0, sham=1.4)), settings=SETTINGS)
    assert follows(alone.results, "m", "Pneumothorax")[0].tone == "good"


def test_without_labels_of_drains_all_images_count(frame):
    """A data set without the column, and one in which no drain is known."""
    dataset = planted_dataset(frame)
    unknown = replace(dataset, images=dataset.images.assign(drain="unknown"))
    without = replace(dataset, images=dataset.images.drop(columns="drain"), shortcuts=())
    for kind in (unknown, without):
        found = by_edit(kind, edited_scores(frame, leaning(1.5)), settings=SETTINGS)
        assert len(chosen(found.changes, edit="drain", finding="Pneumothorax")) == len(frame)
        assert follows(found.results, "m", "Pneumothorax")[0].tone == "bad"


def test_what_has_no_baseline_or_no_label_is_left_out(frame):
    """A finding without unedited scores, one without labels: the others are compared."""
    dataset = planted_dataset(frame)
    edited = edited_scores(frame, leaning(1.0))
    part = edited[~((edited["edit"] == "unedited") & (edited["finding"] == "Cardiomegaly"))]
    assert set(by_edit(dataset, part, settings=SETTINGS).results["finding"]) == {"Pneumothorax"}
    blank = replace(dataset, images=dataset.images.assign(Cardiomegaly=np.nan))
    assert set(by_edit(blank, edited, settings=SETTINGS).results["finding"]) == {"Pneumothorax"}


def test_alarms_and_areas_after_an_edit_are_those_of_scikit_learn(frame):
    """False alarms at the threshold of the unedited images; AUROC with the negatives edited."""
    edited = edited_scores(frame, leaning(1.5))
    found = by_edit(planted_dataset(frame), edited, settings=SETTINGS).results
    label = frame["Pneumothorax"].to_numpy() == 1
    before = expit(frame["score_Pneumothorax"].to_numpy())
    after = chosen(edited, edit="drain", finding="Pneumothorax")["score"].to_numpy()
    about = (frame["drain"] == 0).to_numpy()
    threshold = np.sort(before[~label])[::-1][int(0.1 * (~label).sum())]
    rows = chosen(found, finding="Pneumothorax", edit="drain", group=NEGATIVES, metric="fpr")

    level, moved = (chosen(rows, reference=r)["value"].item() for r in ("", "unedited"))
    part = about & ~label
    assert level == pytest.approx((after[part] > threshold).mean(), abs=1e-12)
    assert moved == pytest.approx(
        (after[part] > threshold).mean() - (before[part] > threshold).mean(), abs=1e-12
    )
    mixed = np.where(part, after, before)
    area = chosen(
        found,
        finding="Pneumothorax",
        edit="drain",
        metric="auroc",
        reference="",
        group=f"edited: {NEGATIVES}",
    )
    assert area["value"].item() == pytest.approx(roc_auc_score(label, mixed), abs=1e-12)


def worn(frame, *, only_women=False):
    """Noise that drowns the score, more with severity; a corruption that does nothing."""
    women = (frame["sex"] == "F").to_numpy()

    def noisy(severity):
        def change(finding, logits, rng):
            scale = np.where(women, severity, 0.0) if only_women else severity
            return logits + rng.normal(size=logits.size) * 0.7 * scale

        return change

    return {
        **{("noise", k): noisy(k) for k in range(1, 6)},
        **{("jpeg", k): lambda finding, logits, rng: logits for k in range(1, 6)},
    }


def test_wear_is_reported_where_it_is_and_gaps_that_open_with_it(frame):
    """Noise costs AUROC from some severity on, JPEG nothing; noise on women's images opens a gap."""
    dataset = planted_dataset(frame)
    found = by_edit(dataset, edited_scores(frame, worn(frame)), settings=SETTINGS).results
    overall = chosen(found, attribute="all", reference="unedited", finding=MEAN)
    said = {statement.tone: statement.headline for statement in wears(found, "m", 0.05)}

    assert chosen(overall, edit="noise", severity=5)["verdict"].item() == "disparity"
    assert (
        chosen(overall, edit="noise").sort_values("severity")["value"].diff().dropna() < 0
    ).all()
    assert "noise" in said["bad"]
    assert "jpeg" in said["good"]
    jpeg = chosen(found, edit="jpeg", reference="unedited")
    assert np.allclose(jpeg["value"].dropna(), 0, atol=1e-12)
    uneven = by_edit(
        dataset, edited_scores(frame, worn(frame, only_women=True)), settings=SETTINGS
    ).results
    opened = chosen(
        uneven, edit="noise", severity=5, reference="unedited", finding=MEAN, attribute="sex"
    )
    assert chosen(opened, group="female to the rest")["value"].item() < -0.1
    assert "disparity" in set(opened["verdict"])
    drawn = corruption_gaps(uneven)
    assert "sex: female" in {text.get_text() for text in drawn.legends[0].get_texts()}
    levels = chosen(found, edit="noise", severity=2, attribute="all", reference="")
    of_findings = levels[levels["finding"] != MEAN]["value"].mean()
    assert chosen(levels, finding=MEAN)["value"].item() == pytest.approx(of_findings, abs=1e-12)


def test_figures_are_drawn_and_a_table_without_a_baseline_is_refused(frame):
    """All three figures; no unedited images: one sentence; a missing column: its name."""
    edited = edited_scores(frame, {**leaning(1.0), **worn(frame)})
    found = by_edit(planted_dataset(frame), edited, settings=SETTINGS)
    assert counterfactual(found.results, found.changes, "Pneumothorax").subfigs
    assert len(corruption_curves(found.results).axes) == 2
    assert len(corruption_gaps(found.results).axes) == 2
    with pytest.raises(DataError, match="cxraudit stress"):
        by_edit(planted_dataset(frame), edited[edited["edit"] != "unedited"])
    with pytest.raises(MissingColumnsError, match="severity"):
        by_edit(planted_dataset(frame), edited.drop(columns="severity"))
