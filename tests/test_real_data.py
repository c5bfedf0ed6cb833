"""On real public data: NIH images and tables, NEATX drains, and the scores of a real network."""

import shutil
from collections import Counter

import numpy as np
import pandas as pd
import pytest

from cxraudit import ModelEmbeddings, datasets, fit_heads
from cxraudit.audits.run import audit
from cxraudit.audits.scores import read_scores
from cxraudit.cli import main
from cxraudit.datasets.base import AGE_GROUPS
from cxraudit.datasets.reference_labels import find_reference_labels
from cxraudit.datasets.releases import neatx
from cxraudit.schema import CHANCE, NEGATIVES, OVERALL, Analysis, is_level
from cxraudit.settings import AuditSettings
from cxraudit.store import stores
from cxraudit.workspace import Workspace

pytestmark = pytest.mark.data

POINT = AuditSettings(n_resamples=0)


def overall(results: pd.DataFrame) -> dict[str, float]:
    """Return finding → AUROC over all images."""
    rows = results[
        (results["analysis"] == Analysis.SUBGROUPS)
        & (results["attribute"] == OVERALL)
        & (results["metric"] == "auroc")
    ]
    return dict(zip(rows["finding"], rows["value"], strict=True))


@pytest.fixture(scope="module")
def chexnet(real_data):
    """The NIH data set and the scores of a DenseNet-121 on 22,433 of its images."""
    dataset = datasets.load(
        "nih-cxr14", real_data / "nih_cxr14", {"drains": real_data / "neatx" / neatx.FILES[0]}
    )
    scores = read_scores(
        real_data / "chexnet_scores" / "pretrained_preds.csv",
        dataset,
        image="Image Index",
        score_prefix="prob_",
        model="chexnet",
    )
    return dataset, scores.frame


@pytest.mark.slow
def test_published_aurocs_of_fourteen_findings_are_reproduced(chexnet, real_data):
    """To 1e-9, on 22,433 images of 6,187 patients."""
    dataset, scores = chexnet
    published = pd.read_csv(real_data / "chexnet_scores" / "pretrained_aucs.csv")
    names = {"Effusion": "Pleural Effusion", "Pleural_Thickening": "Pleural Thickening"}

    found = audit(dataset, scores, settings=POINT)

    assert found.facts["images"] == 22_433
    assert found.facts["patients"] == 6_187
    values = overall(found.results)
    assert len(values) == 14
    for row in published.itertuples():
        assert values[names.get(row.label, row.label)] == pytest.approx(row.auc, abs=1e-9), (
            row.label
        )


@pytest.mark.slow
def test_areas_with_and_without_a_drain_are_reproduced(chexnet, real_data):
    """0.882846 over all, 0.801015 without and 0.910566 with a drain, against all negatives."""
    dataset, scores = chexnet
    listed = dataset.images["drain"] != "unknown"
    shared = dataset.keep(listed, step="drain label", reason="not in the NEATX file")

    found = audit(shared, scores, settings=POINT)

    results = found.results
    rows = results[(results["analysis"] == Analysis.SHORTCUT) & (results["metric"] == "auroc")]
    rows = rows[is_level(rows) & (rows["label_source"] == "")]
    arms = rows.set_index("group")["value"]
    assert found.facts["images"] == 5_213
    assert overall(results)["Pneumothorax"] == pytest.approx(0.882846, abs=1e-6)
    assert arms["without"] == pytest.approx(0.801015, abs=1e-6)
    assert arms["with"] == pytest.approx(0.910566, abs=1e-6)


def _kaggle(real_data, folder):
    """Write Kaggle's variant: the v2020 labels, integer ages as in the raw table, a twelfth column."""
    raw = pd.read_csv(real_data / "nih_cxr14" / "Data_Entry_2017.csv")
    corrected = pd.read_csv(real_data / "nih_cxr14" / "Data_Entry_2017_v2020.csv")
    age = raw["Patient Age"].str.extract(r"(\d+)([YMD])")
    raw["Patient Age"] = age[0].astype(int).where(age[1] == "Y", 0)
    raw["Finding Labels"] = corrected["Finding Labels"].to_numpy()
    raw.to_csv(folder / "Data_Entry_2017.csv", index=False)


@pytest.mark.parametrize("variant", ["v2020", "raw 2017", "Kaggle"])
def test_release_counts_are_the_published_ones(real_data, tmp_path, variant):
    """Every count of the check, in each variant of the entry table; 16 unknown ages in the older ones."""
    names = {"v2020": "Data_Entry_2017_v2020.csv", "raw 2017": "Data_Entry_2017.csv"}
    if variant == "Kaggle":
        _kaggle(real_data, tmp_path)
    else:
        (tmp_path / names[variant]).symlink_to(real_data / "nih_cxr14" / names[variant])
    for name in (
        "test_list.txt",
        "train_val_list.txt",
        "BBox_List_2017.csv",
        "google2019_nih-chest-xray-labels.csv",
    ):
        (tmp_path / name).symlink_to(real_data / "nih_cxr14" / name)
    (tmp_path / neatx.FILES[0]).symlink_to(real_data / "neatx" / neatx.FILES[0])

    counts = {count.what: count for count in datasets.release_counts("nih-cxr14", tmp_path)}

    assert len(counts) == 42
    assert [count.what for count in counts.values() if not count.agrees] == []
    assert sum(count.published is not None for count in counts.values()) == 34
    assert counts["images, age unknown"].found == (0 if variant == "v2020" else 16)
    groups = [count.found for what, count in counts.items() if what.startswith("images, age")]
    assert sum(groups) == 112_120
    assert counts["images of adults"].found == sum(groups[1:6])
    assert datasets.load("nih-cxr14", tmp_path).version == variant


def test_positives_with_and_without_a_drain_are_as_many_as_published(real_data, tmp_path):
    """Prevalence 0.104; 973 of 23,904 and 1,692 of 24,623 images are positive of those with one value of the drain and all negatives."""
    for folder, name in (
        ("nih_cxr14", "Data_Entry_2017_v2020.csv"),
        ("nih_cxr14", "test_list.txt"),
        ("neatx", neatx.FILES[0]),
    ):
        (tmp_path / name).symlink_to(real_data / folder / name)

    images = datasets.load("nih-cxr14", tmp_path, {"cohort": "paper"}).images

    positive = images["Pneumothorax"] == 1
    assert len(images) == 25_596
    assert positive.mean() == pytest.approx(0.104, abs=5e-4)
    for value, n_positive, n in (("no", 973, 23_904), ("yes", 1_692, 24_623)):
        arm = ~positive | (images["drain"] == value)
        assert (int((arm & positive).sum()), int(arm.sum())) == (n_positive, n)
    annotated = images["drain_source"] == "annotated"
    assert set(images.loc[annotated & (images["drain"] == "yes"), "drain_side"]) == {
        "right",
        "left",
        "both",
    }
    assert images["drain_confidence"].notna().equals(annotated)


def test_the_ten_image_layout_is_read_without_demographics(real_data):
    """Ids in hexadecimal, images under images-224, NegBio labels, no split and no MIMIC-IV."""
    root = real_data / "mimic_layout"
    options = {"labels": "negbio", "split": "all", "views": "all", "demographics": "none"}

    dataset = datasets.load("mimic-cxr", root, {**options, "present_only": True})

    assert len(dataset.images) == 10
    assert dataset.images["patient_id"].nunique() == 10
    assert "1e752e16" in set(dataset.images["study_id"])
    assert len(datasets.load("mimic-cxr", root, {**options, "views": "frontal"}).images) == 5


@pytest.mark.parametrize("variant", ["Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv"])
def test_the_published_counts_of_the_nih_tables_are_found(real_data, tmp_path, variant):
    """112,120 images of 30,805 patients; 25,596 of 2,797 in the official test set; 16 ages above 120
    in the raw table.
    """
    for name in (variant, "test_list.txt"):
        (tmp_path / name).symlink_to(real_data / "nih_cxr14" / name)

    everything = datasets.load("nih-cxr14", tmp_path)
    test = datasets.load("nih-cxr14", tmp_path, {"subset": "test"})

    assert (len(everything.images), everything.n_patients) == (112_120, 30_805)
    assert (len(test.images), test.n_patients) == (25_596, 2_797)
    assert Counter(everything.images["sex"]) == {"male": 63_340, "female": 48_780}
    ages = Counter(everything.images["age_group"])
    assert ages["unknown"] == (16 if variant == "Data_Entry_2017.csv" else 0)
    assert set(ages) - {"unknown"} == set(AGE_GROUPS)
    if variant == "Data_Entry_2017_v2020.csv":
        assert everything.images["Pleural Effusion"].sum() == 13_317
        assert everything.images["Pneumothorax"].sum() == 5_302


def test_the_published_counts_of_neatx_are_found(real_data):
    """1,760 annotated (1,021 with, 739 without a drain), 23,836 predicted."""
    drains = neatx.load_drains(real_data / "neatx" / neatx.FILES[0]).table
    annotated = drains[drains["drain_source"] == "annotated"]

    assert Counter(drains["drain_source"]) == {"annotated": 1_760, "predicted": 23_836}
    assert Counter(annotated["drain"]) == {"yes": 1_021, "no": 739}


def test_real_images_are_encoded_and_bad_ones_are_named(real_data, tmp_path, capsys):
    """12 originals (three RGBA) and 639 at 256 px with phantom-clip and random; one missing and one
    corrupt image among them are listed.
    """
    for name in ("Data_Entry_2017_v2020.csv",):
        shutil.copy(real_data / "nih_cxr14" / name, tmp_path)
    shutil.copytree(
        real_data / "nih_images" / "original", tmp_path / "images", copy_function=shutil.copyfile
    )
    for image in (real_data / "nih_images" / "256px").iterdir():
        if not (tmp_path / "images" / image.name).exists():
            shutil.copyfile(image, tmp_path / "images" / image.name)
    images = sorted(path.name for path in (tmp_path / "images").iterdir())
    (tmp_path / "images" / images[20]).write_bytes(b"\x89PNG\r\n\x1a\n cut off")
    (tmp_path / "images" / images[30]).unlink()
    (tmp_path / "some.txt").write_text("\n".join(images))

    code = main(
        [
            "encode",
            "nih-cxr14",
            "--root",
            str(tmp_path),
            "--model",
            "phantom-clip",
            "--model",
            "random",
            "--out",
            str(tmp_path / "out"),
            "--option",
            f"subset={tmp_path / 'some.txt'}",
            "-q",
        ]
    )

    assert code == 0
    failures = pd.read_csv(tmp_path / "out" / "failures.csv")
    assert failures["image_id"].tolist() == [images[20], images[30]] * 2
    assert failures["model"].tolist() == ["phantom-clip"] * 2 + ["random"] * 2
    assert "2 images could not be read" in capsys.readouterr().err
    for model, store in stores(Workspace(tmp_path / "out").embeddings).items():
        index, rows = store.read()
        assert index["image_id"].tolist() == images, model
        norms = np.linalg.norm(rows[index["ok"]], axis=1)
        np.testing.assert_allclose(norms, 1, atol=1e-5)


def test_the_mimic_layout_of_another_project_is_read(real_data, tmp_path):
    """Ten images of Torchxrayvision: its tables have the columns we expect."""
    layout = real_data / "mimic_layout"
    metadata = pd.read_csv(layout / "mimic-cxr-2.0.0-metadata.csv.gz")
    labels = pd.read_csv(layout / "mimic-cxr-2.0.0-negbio.csv.gz")
    folder = tmp_path / "mimic-cxr-jpg" / "2.0.0"
    folder.mkdir(parents=True)
    for name in ("metadata", "negbio"):
        shutil.copyfile(
            layout / f"mimic-cxr-2.0.0-{name}.csv.gz", folder / f"mimic-cxr-2.0.0-{name}.csv.gz"
        )
    metadata[["dicom_id", "study_id", "subject_id"]].assign(split="test").to_csv(
        folder / "mimic-cxr-2.0.0-split.csv.gz"
    )
    subjects = metadata["subject_id"].drop_duplicates()
    pd.DataFrame(
        {"subject_id": subjects, "gender": "F", "anchor_age": 50, "anchor_year": 0}
    ).to_csv(tmp_path / "patients.csv.gz")
    pd.DataFrame({"subject_id": subjects, "admittime": "2150", "race": "WHITE"}).to_csv(
        tmp_path / "admissions.csv.gz"
    )

    dataset = datasets.load(
        "mimic-cxr", tmp_path, {"labels": "negbio", "views": "all", "uncertain": "ignore"}
    )

    both = metadata.merge(labels, on=["subject_id", "study_id"])
    assert len(dataset.images) == len(both)
    assert dataset.images["Atelectasis"].sum() == (both["Atelectasis"] == 1).sum()
    assert dataset.images["Atelectasis"].isna().sum() == (both["Atelectasis"] == -1).sum()


def test_errors_of_report_labels_against_radiologists_are_those_counted_by_hand(chexnet, real_data):
    """Pneumothorax; their errors depend on the score, so that no correction fits."""
    dataset, scores = chexnet
    root = real_data / "nih_cxr14"
    source = find_reference_labels("experts", dataset, release="nih-cxr14", root=root)
    own = scores[scores["finding"] == "Pneumothorax"]
    settings = AuditSettings(n_resamples=100, operating_point="none", calibration="none")

    found = audit(
        dataset, own, attributes=["sex"], settings=settings, shortcuts={}, reference_labels=source
    )

    both = dataset.images.set_index("image_id").loc[own["image_id"], "Pneumothorax"]
    truth = source.labels["Pneumothorax"].reindex(both.index).dropna()
    working = both[truth.index]
    rows = found.results[found.results["analysis"] == Analysis.LABEL_ERRORS]
    rates = rows[(rows["attribute"] == OVERALL) & is_level(rows)].set_index("metric")
    assert rates.loc["tpr", "value"] == pytest.approx(working[truth == 1].mean())
    assert rates.loc["ppv", "value"] == pytest.approx(truth[working == 1].mean())
    assert rates.loc["tpr", "n"] == len(truth)
    dependence = rows[(rows["reference"] == CHANCE) & (rows["group"] == NEGATIVES)]
    assert (dependence["low"] > 0).all()


def test_heads_on_real_features_rank_as_the_pipeline_of_scikit_learn(real_data):
    """Features: 14 outputs of a DenseNet-121 on 22,433 radiographs; labels: those of NIH."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    findings = ["Pneumothorax", "Cardiomegaly"]
    dataset = datasets.load("nih-cxr14", real_data / "nih_cxr14").choose_findings(findings)
    table = pd.read_csv(real_data / "chexnet_scores" / "pretrained_preds.csv")
    features = table.filter(like="prob_").to_numpy(dtype=np.float32)
    embeddings = ModelEmbeddings("chexnet", table["Image Index"].to_numpy(dtype=str), features, ())

    heads = fit_heads(dataset, embeddings, shots=())

    labels = dataset.images.set_index("image_id").reindex(table["Image Index"])
    fitted = labels["patient_id"].isin(heads.patients).to_numpy()
    held_out = (~fitted) & labels["patient_id"].notna().to_numpy()
    scores = heads.scores(embeddings).set_index(["finding", "image_id"])["score"]
    assert features.shape == (22_433, 14)
    for finding in findings:
        y_true = labels[finding].to_numpy(dtype=float) == 1
        strength = heads.by_finding[finding].strength
        pipeline = make_pipeline(
            StandardScaler(), LogisticRegression(C=strength, max_iter=200, tol=1e-4)
        ).fit(features[fitted], y_true[fitted])
        own = scores[finding].reindex(table["Image Index"][held_out]).to_numpy()
        expected = roc_auc_score(y_true[held_out], pipeline.decision_function(features[held_out]))
        assert roc_auc_score(y_true[held_out], own) == pytest.approx(expected, abs=1e-6)
        assert expected > 0.7
