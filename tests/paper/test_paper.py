"""The study's protocol to the letter, and its numbers."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from cxraudit.cli import main
from cxraudit.datasets.base import Dataset
from cxraudit.errors import DataError
from cxraudit.paper.conclusions import judge_published, sentences
from cxraudit.paper.numbers import compare, published, study_name
from cxraudit.paper.protocol import evaluate
from cxraudit.paper.tables import as_latex, zeroshot_table


def _published_bootstrap(labels, scores, metric, n):
    """Resample as the published script does, from numpy's global stream."""
    found = []
    for _ in range(n):
        rows = np.random.randint(0, len(labels), len(labels))  # noqa: NPY002
        if labels[rows].sum() == 0:
            continue
        found.append(metric(labels[rows], scores[rows]))
    return np.percentile(found, [2.5, 97.5])


def _adjusted(labels, scores):
    return 1 - np.log(average_precision_score(labels, scores)) / np.log(labels.mean())


def _independently(images, score, finding, cells, n):
    """Evaluate cell by cell with scikit-learn, in the given order."""
    rows = []
    for rows_of_cell in cells:
        y, s = images[finding].to_numpy()[rows_of_cell], score[rows_of_cell]
        row = []
        for metric in (roc_auc_score, _adjusted):
            low, high = _published_bootstrap(y, s, metric, n)
            row += [metric(y, s), low, high]
        rows.append(row)
    return np.array(rows)


@pytest.fixture
def cohort():
    """Images of 150 patients with two findings, sex, race and age; scores with ties."""
    rng = np.random.default_rng(0)
    n = 420
    age = rng.integers(20, 95, n)
    groups = pd.cut(
        age,
        [18, 25, 50, 65, 80, 200],
        right=False,
        labels=["18-25", "25-50", "50-65", "65-80", "80+"],
    )
    images = pd.DataFrame(
        {
            "image_id": [f"f{k}" for k in range(n)],
            "patient_id": [f"p{k % 150}" for k in range(n)],
            "study_id": [f"s{k}" for k in range(n)],
            "path": "",
            "view_position": "PA",
            "age": age.astype(float),
            "age_group": groups.astype(str),
            "sex": rng.choice(["female", "male"], n),
            "race": rng.choice(["white", "black", "asian"], n),
            "Pneumonia": (rng.random(n) < 0.3).astype(float),
            "Pneumothorax": (rng.random(n) < 0.4).astype(float),
        }
    )
    scores = pd.concat(
        pd.DataFrame(
            {
                "image_id": images["image_id"],
                "model": "biovil@paper",
                "prompt_set": "paper",
                "finding": finding,
                "score": (images[finding] + rng.normal(size=n)).round(1),
            }
        )
        for finding in ("Pneumonia", "Pneumothorax")
    )
    return images, scores


def test_every_cell_equals_an_independent_run_of_the_published_statistics(cohort):
    """Two findings over all, sex, race and age: values and interval ends to 1e-12, one stream."""
    images, scores = cohort
    dataset = Dataset(
        name="toy",
        version="",
        license="",
        root=None,
        images=images,
        findings=("Pneumonia", "Pneumothorax"),
        attributes=("age_group", "sex", "race"),
    )

    found = evaluate(dataset, scores, n_resamples=60)

    np.random.seed(1907)  # noqa: NPY002
    radiographs = images.sort_values(by=["age"])
    expected, names = [], []
    for finding in ("Pneumonia", "Pneumothorax"):
        score = scores[scores["finding"] == finding].set_index("image_id")["score"]
        score = score.loc[radiographs["image_id"]].to_numpy()
        cells = [np.arange(len(radiographs))]
        names.append("all")
        for attribute in ("sex", "race", "age_group"):
            for group in radiographs[attribute].unique():
                cells.append(np.flatnonzero(radiographs[attribute] == group))
                names.append(group)
        expected.append(_independently(radiographs, score, finding, cells, 60))
    columns = [
        "auroc",
        "auroc_low",
        "auroc_high",
        "adjusted_auprc",
        "adjusted_auprc_low",
        "adjusted_auprc_high",
    ]
    assert found["group"].tolist() == names
    np.testing.assert_allclose(found[columns].to_numpy(), np.concatenate(expected), atol=1e-12)


def test_the_drain_arms_equal_an_independent_run(cohort):
    """Positives with and without a drain, each before all negatives, in the published order."""
    images, scores = cohort
    rng = np.random.default_rng(1)
    images = images.assign(drain=rng.choice(["yes", "no", "unknown"], len(images)))
    dataset = Dataset(
        name="toy",
        version="",
        license="",
        root=None,
        images=images,
        findings=("Pneumothorax",),
        attributes=("sex",),
        shortcuts=("drain",),
    )

    found = evaluate(dataset, scores, n_resamples=60, named="nih-cxr14")

    np.random.seed(1907)  # noqa: NPY002
    score = scores[scores["finding"] == "Pneumothorax"]["score"].to_numpy()
    positive = images["Pneumothorax"] == 1
    healthy = np.flatnonzero(~positive)
    cells = [
        np.arange(len(images)),
        *(
            np.concatenate([np.flatnonzero(positive & (images["drain"] == d)), healthy])
            for d in ("no", "yes")
        ),
    ]
    expected = _independently(images, score, "Pneumothorax", cells, 60)
    assert found["group"].tolist() == ["all", "without", "with"]
    np.testing.assert_allclose(
        found[
            [
                "auroc",
                "auroc_low",
                "auroc_high",
                "adjusted_auprc",
                "adjusted_auprc_low",
                "adjusted_auprc_high",
            ]
        ].to_numpy(),
        expected,
        atol=1e-12,
    )


@pytest.mark.data
def test_real_scores_give_the_known_drain_arms(real_data):
    """CheXNet on the 5,213 images with a NEATX label: 0.882846, 0.801015 and 0.910566."""
    from cxraudit import datasets
    from cxraudit.datasets.releases import neatx
    from cxraudit.steps import read_scores

    dataset = datasets.load(
        "nih-cxr14",
        real_data / "nih_cxr14",
        {"drains": real_data / "neatx" / neatx.FILES[0], "only.drain": "yes,no"},
    )
    scores = read_scores(
        real_data / "chexnet_scores" / "pretrained_preds.csv",
        dataset,
        image="Image Index",
        prefix="prob_",
        model="chexnet",
    )

    found = evaluate(dataset, scores, n_resamples=10).set_index("group")["auroc"]

    assert found["all"] == pytest.approx(0.882846, abs=1e-6)
    assert found["without"] == pytest.approx(0.801015, abs=1e-6)
    assert found["with"] == pytest.approx(0.910566, abs=1e-6)


@pytest.mark.data
def test_the_shipped_numbers_are_the_published_files(real_data):
    """Every one of 414 rows."""
    table = published()
    assert len(table) == 414
    files = {"biovil-t": "BioViL-T", "cxrclip": "CXR-CLIP", "medclip": "MedCLIP"}
    for stem, model in files.items():
        source = pd.read_csv(real_data / "paper_tables" / "MIMIC" / f"zeroshot_{stem}.csv")
        mine = table[(table["model"] == model) & (table["dataset"] == "mimic-cxr")]
        np.testing.assert_array_equal(mine["auroc"], source["AUC"])
        np.testing.assert_array_equal(mine["adjusted_auprc_low"], source["CI_AUPRC_low"])


def test_numbers_are_judged_beside_the_published_ones():
    """The published numbers agree with themselves; one moved out of its interval does not."""
    ours = published().assign(model=lambda t: t["model"].str.lower() + "@paper")
    ours = ours[ours["model"].isin(["biovil@paper", "biovil-t@paper"])].reset_index(drop=True)
    assert compare(ours)["agrees"].all()
    moved = ours.copy()
    moved.loc[0, ["auroc", "auroc_low", "auroc_high"]] += 0.1

    found = compare(moved)

    assert found.loc[~found["agrees"], ["finding", "group", "metric"]].to_numpy().tolist() == [
        ["Atelectasis", "all", "auroc"]
    ]
    assert found["difference"].abs().max() == pytest.approx(0.1)
    with pytest.raises(DataError, match="none of the models mine"):
        compare(ours.assign(model="mine"))
    assert study_name("cxrclip-swint@paper+bf16") == "CXR-CLIP"


def test_what_does_not_follow_is_said_from_the_numbers():
    """CXR-CLIP's drain gap is reversed; most sex and race comparisons cannot be called equitable."""
    drains = judge_published(published(), "drain")
    drains = drains[drains["wider"] == 1].set_index("model")

    assert drains.loc["CXR-CLIP", "high"] < 0
    assert (drains.drop(index="CXR-CLIP")["low"] > 0).all()
    said = " ".join(sentences(published()))
    assert "0.57 without and 0.52 with" in said
    race = judge_published(published(), "race")
    assert len(race) == 6 * 6 * 3 * 2
    wide = race[race["wider"] == 2]
    assert not wide["verdict"].isin(["equivalent", "within margin"]).any()


def test_tables_are_complete_and_latex_compiles_in_principle():
    """Six models, six findings and their mean; as many cells in every row; braces in pairs."""
    table = zeroshot_table(published())

    assert len(table) == 6
    assert table.shape[1] == 1 + 2 * 7
    assert table["Atelectasis", "AUC"].iloc[1] == "0.68 [0.66, 0.69]"
    latex = as_latex(table, caption="c", label="l")
    lines = [line for line in latex.splitlines() if line.startswith(("MedCLIP", "CXR"))]
    assert {line.count("&") for line in lines} == {14}
    assert latex.count("{") == latex.count("}")


def test_the_commands_leave_a_page(tmp_path, nih_release, capsys):
    """Tables from nothing; compare from a folder of scores, which no model of the study made."""
    assert main(["paper", "tables", str(tmp_path / "paper")]) == 0
    html = (tmp_path / "paper" / "paper.html").read_text()
    assert "What follows from these numbers" in html
    assert html.count("<svg") == 8
    assert not any(word in html for word in ("<script", "<img", "<link", "src="))
    assert (tmp_path / "paper" / "zeroshot-mimic-cxr.tex").is_file()
    work = tmp_path / "work"
    assert (
        main(
            [
                "encode",
                "nih-cxr14",
                "--root",
                str(nih_release),
                "--model",
                "random",
                "--out",
                str(work),
                "-q",
            ]
        )
        == 0
    )
    assert main(["score", str(work), "--finding", "Pneumothorax"]) == 0
    assert main(["paper", "compare", str(work), "--as-dataset", "nih-cxr14"]) == 2
    assert "none of the models random" in capsys.readouterr().err
    scores = pd.read_parquet(work / "scores.parquet").assign(model="biovil@paper")
    scores.to_parquet(work / "scores.parquet")
    assert main(["paper", "compare", str(work), "--as-dataset", "nih-cxr14"]) == 0
    assert "numbers agree" in capsys.readouterr().out
    assert (work / "paper" / "compare.csv").is_file()
