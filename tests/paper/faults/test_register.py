"""Every fault is run as published and corrected, where the data set can show it."""

from dataclasses import replace

import numpy as np

from cxraudit.paper.faults import CHECKS, find_faults


def test_a_data_set_with_drains_and_reports_shows_every_fault(make_run):
    """One per check, each with both results and a consequence."""
    faults = find_faults(make_run())

    assert len(faults) == len(CHECKS)
    assert all(f.published and f.corrected and f.consequence for f in faults)
    assert len({fault.fault for fault in faults}) == len(CHECKS)


def test_a_data_set_without_drains_shows_all_but_those_of_drains(make_run):
    """Three checks yield nothing."""
    faults = find_faults(make_run(drains=False))
    assert len(faults) == len(CHECKS) - 3
    assert not any("drain" in fault.fault for fault in faults)


def test_what_cannot_be_shown_is_left_out(make_run):
    """A patient of unknown sex, a perfect ranking, one report: no error, and fewer faults."""
    run = make_run(seed=5)
    images = run.dataset.images.copy()
    images.loc[images["patient_id"] == "000", "sex"] = "unknown"
    label = dict(zip(images["image_id"], images["Pneumothorax"], strict=True))
    texts = np.full_like(run.texts, np.nan)
    texts[0] = 1
    faults = find_faults(
        replace(
            run,
            dataset=replace(run.dataset, images=images),
            scores=run.scores.assign(score=run.scores["image_id"].map(label) * 0.8 + 0.1),
            texts=texts,
            protocols=run.protocols.assign(width_ratio=np.nan),
        )
    )
    texts_of = " ".join(fault.fault for fault in faults)
    assert "draws images" not in texts_of
    assert "plots of images" not in texts_of
    assert "train_idx" in texts_of
