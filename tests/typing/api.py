"""User code against the public names, for the type checker alone: it is never run."""

from pathlib import Path
from typing import assert_type

import numpy as np
import pandas as pd

import cxraudit
from cxraudit import Analysis, Audit, AuditSettings, Dataset, Estimate, Gap, Reason, Verdict


def audit_of_a_table(frame: pd.DataFrame) -> Audit:
    """Labels and scores in one data frame."""
    dataset = cxraudit.table_dataset(
        frame, name="toy", root=".", image="file", patient="pid", findings=["Edema"], sex="sex"
    )
    assert_type(dataset, Dataset)
    scores = cxraudit.wide_scores(frame, image="file", columns={"Edema": "p"}, model="m")
    assert_type(scores, pd.DataFrame)
    settings = AuditSettings(n_resamples=100, interval="bca", references={"sex": "female"})
    return cxraudit.audit(dataset, scores, attributes="sex", settings=settings)


def audit_of_a_file() -> Path:
    """Files as text and as paths."""
    audit = cxraudit.audit_files(
        "preds.csv", dataset="nih-cxr14", root=Path("nih"), score_prefix="prob_", out="audit"
    )
    audit.save("elsewhere")
    report = cxraudit.write_report([audit, cxraudit.open_audit(Path("other"))], "report.html")
    assert_type(cxraudit.write_report(audit, Path("report.html")), Path)
    return report


def scores_of_images() -> pd.DataFrame:
    """From images to scores, and of perturbed images."""
    dataset = cxraudit.load_dataset("nih-cxr14", "nih", {"subset": "test"})
    models = {"random": cxraudit.load_model("random")}
    cxraudit.encode_images(dataset.images, models, "work/embeddings")
    store = cxraudit.EmbeddingStore(Path("work/embeddings/random"))
    perturbed = cxraudit.perturb_images(
        dataset, models, "Edema", cxraudit.load_prompts("paper"), "work/perturbed", n_images=20
    )
    assert_type(perturbed.scores, pd.DataFrame)
    return cxraudit.score(store, models["random"], ["Edema"], "paper")


def audit_of_embeddings(dataset: Dataset) -> pd.DataFrame:
    """Embeddings alone."""
    found = cxraudit.audit_embeddings(dataset, cxraudit.read_embeddings("work"), attributes=["sex"])
    return found.results


def metrics() -> tuple[Estimate, Gap]:
    """A value and a difference with their intervals."""
    y_true, y_score = np.array([0, 1, 1, 0]), [0.1, 0.8, 0.4, 0.2]
    estimate = cxraudit.auroc_interval(y_true, y_score, patients=["a", "a", "b", "c"], seed=1)
    assert_type(cxraudit.auroc(y_true, y_score), float)
    gap = cxraudit.auroc_gap(y_true, y_score, [True, False, True, False])
    return estimate, gap


def disparities(audit: Audit) -> "pd.Series[str]":
    """Rows by the values of coded columns."""
    rows = audit.results
    found = rows[(rows["analysis"] == Analysis.SUBGROUPS) & (rows["verdict"] == Verdict.DISPARITY)]
    assert Reason.TOO_FEW_PATIENTS not in set(found["reasons"])
    return found["group"].map(str)


def synthetic() -> None:
    """Radiographs with known truth, and the labels of metrics."""
    spec = cxraudit.PhantomSpec(n_patients=10)
    cxraudit.write_phantom(spec, "release", "nih")
    assert_type(cxraudit.METRICS["auroc"].label, str)
