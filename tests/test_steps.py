"""The steps of a run, on files: what is finished is kept, what does not fit is refused before any work."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_audit import small_audit

from cxraudit import datasets, steps
from cxraudit.audits.result import Audit, open_audit
from cxraudit.audits.run import audit
from cxraudit.datasets.base import Dataset
from cxraudit.errors import ConfigError, DataError, TextError
from cxraudit.files import read_manifest
from cxraudit.models import load as load_model
from cxraudit.models.random import RandomModel
from cxraudit.own_embeddings import own_embeddings
from cxraudit.run_file import read_run_file
from cxraudit.schema import Analysis
from cxraudit.scoring import perturb_images, score
from cxraudit.settings import AuditSettings
from cxraudit.store import EmbeddingStore
from cxraudit.workspace import Workspace
from planted import planted_table


@contextmanager
def no_bar(description: str, total: int) -> Iterator[Callable[[int], None]]:
    """No progress bar."""
    yield lambda n: None


@pytest.fixture(scope="module")
def cohort(nih_release) -> Dataset:
    """A synthetic ChestX-ray14 of 40 patients, two findings."""
    return datasets.load("nih-cxr14", nih_release).choose_findings(["Pneumothorax", "Edema"])


@pytest.fixture(scope="module")
def encoded(cohort, tmp_path_factory) -> Workspace:
    """Its folder, encoded with the null model and scored."""
    work = Workspace(tmp_path_factory.mktemp("run"))
    steps.encode_step(cohort, ["random"], work.folder, no_bar)
    steps.score_step(work.folder)
    return work


@pytest.fixture
def audited(monkeypatch) -> list[dict[str, object]]:
    """The arguments of each call of the audit, which is replaced by a small result."""
    calls: list[dict[str, object]] = []

    def audit(dataset: Dataset, scores: pd.DataFrame, **options: object) -> Audit:
        calls.append({"dataset": dataset, "scores": scores, **options})
        return small_audit()

    def write_report(audits: list[Audit], path: Path) -> Path:
        path.write_text("report")
        return path

    monkeypatch.setattr(steps, "audit", audit)
    monkeypatch.setattr(steps, "write_report", write_report)
    return calls


@pytest.fixture
def table(tmp_path) -> Path:
    """A file with labels and scores of planted effects."""
    path = tmp_path / "table.csv"
    planted_table(0, n_patients=60).to_csv(path, index=False)
    return path


OWN = {
    "image": "file",
    "patient": "pid",
    "label": {"Pneumothorax": "Pneumothorax"},
    "score": {"Pneumothorax": "score_Pneumothorax"},
}


def test_every_image_has_a_score_of_every_finding(encoded, cohort):
    """Of the model that was encoded."""
    scores = encoded.read_scores()

    assert len(scores) == 2 * len(cohort.images)
    assert set(scores["model"]) == {"random"}


def test_a_store_is_scored_in_python_as_by_the_step(encoded):
    """`score` on the folder of a model's embeddings."""
    found = score(encoded.embeddings / "random", "random", ["Pneumothorax", "Edema"])

    pd.testing.assert_frame_equal(found, encoded.read_scores())


def test_a_store_of_other_weights_is_refused(encoded, tmp_path):
    """Scores would be of neither model."""
    record = json.loads((encoded.embeddings / "random" / "store.json").read_text())
    (tmp_path / "store.json").write_text(json.dumps({**record, "fingerprint": "other"}))

    with pytest.raises(DataError, match="other weights of 'random'"):
        score(EmbeddingStore(tmp_path), "random", "Edema")


def test_embeddings_are_read_with_the_prompts_of_the_scores(encoded):
    """One pair per finding, and the bank of other prompts."""
    (found,) = steps.read_embeddings(str(encoded.folder))

    assert found.model == "random"
    assert {pair.finding for pair in found.prompts} == {"Pneumothorax", "Edema"}
    assert len(found.bank) > len(found.prompts)
    assert np.allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-5)


def test_reports_are_encoded_beside_their_images(mimic_release, tmp_path):
    """One row of text embeddings per image."""
    dataset = datasets.load("mimic-cxr", mimic_release, {"reports": "findings"})
    steps.encode_step(dataset, ["random"], tmp_path, no_bar)
    steps.score_step(tmp_path, findings=["Pneumonia"])

    (found,) = steps.read_embeddings(tmp_path)

    assert found.texts is not None
    assert found.texts.shape == found.vectors.shape
    assert np.isfinite(found.texts).all()


def test_reports_that_a_model_cannot_take_are_in_the_notices_of_the_audit(
    mimic_release, tmp_path, monkeypatch
):
    """Told when they are encoded, and in the report; the others have their embeddings."""

    class Short(RandomModel):
        def encode_texts(self, texts):
            if any(len(text) > 60 for text in texts):
                raise TextError("the text has 600 tokens; random takes at most 512.")
            return super().encode_texts(texts)

    monkeypatch.setattr(steps, "load_image_model", lambda name, device: Short())
    dataset = datasets.load("mimic-cxr", mimic_release, {"reports": "findings"})
    n_long = int((dataset.images["report"].str.len() > 60).sum())
    assert 0 < n_long < len(dataset.images)
    told = []

    steps.encode_step(dataset, ["random"], tmp_path, no_bar, tell=told.append)
    steps.score_step(tmp_path, findings=["Pneumonia"])

    assert [(one.about, one.count) for one in told] == [("reports", n_long)]
    assert "without an embedding by random. First: that of" in told[0].sentence
    assert "has 600 tokens" in told[0].sentence
    assert told[0] in Workspace(tmp_path).notices()


def test_images_that_cannot_be_read_are_listed(cohort, tmp_path):
    """With the reason; the others are scored."""
    images = cohort.images.copy()
    images.loc[images.index[0], "path"] = str(tmp_path / "none.png")

    unread = steps.encode_step(replace(cohort, images=images), ["random"], tmp_path, no_bar)
    steps.score_step(tmp_path, findings=["Edema"])

    work = Workspace(tmp_path)
    assert list(unread["image_id"]) == [images["image_id"].iloc[0]]
    assert len(pd.read_csv(work.failures)) == 1
    assert len(work.read_scores()) == len(images) - 1


def test_a_folder_without_embeddings_has_none(tmp_path):
    """An empty list, and no error."""
    assert steps.read_embeddings(tmp_path) == []


def test_perturbed_images_are_scored_and_recorded(encoded):
    """Blur in five severities, with the prompts of the scores; a second call adds to the first."""
    steps.perturb_step(encoded.folder, no_bar, perturbations=["blur"], n_images=10, seed=3)
    first = set(steps.read_perturbed(encoded.folder)["perturbation"])
    steps.perturb_step(encoded.folder, no_bar, perturbations=["markers"], n_images=10, seed=3)
    second = set(steps.read_perturbed(encoded.folder)["perturbation"])

    assert first == {"unedited", "blur"}
    assert second == {"unedited", "blur", "markers"}
    manifest = read_manifest(encoded.perturbed_scores)
    assert (manifest["seed"], manifest["images"]) == (3, 10)
    assert manifest["requested"] == ["blur", "markers"]
    with pytest.raises(DataError, match=r"perturbed images made with other settings \(seed 3\)"):
        steps.perturb_step(encoded.folder, no_bar, perturbations=["blur"], n_images=10, seed=4)


def test_images_are_perturbed_in_python_as_by_the_step(cohort, tmp_path):
    """`perturb_images` on a cohort and a model."""
    found = perturb_images(
        cohort,
        {"random": load_model("random")},
        "Edema",
        "paper",
        tmp_path,
        perturbations="noise",
        n_images=5,
    )

    assert sorted(found.scores["severity"].unique()) == [0, 1, 2, 3, 4, 5]
    assert set(found.scores["finding"]) == {"Edema"}
    assert found.unread.empty


def test_images_are_perturbed_only_where_there_are_scores(tmp_path):
    """One sentence says what to run first."""
    with pytest.raises(DataError, match="Run cxraudit encode and cxraudit score"):
        steps.perturb_step(tmp_path, no_bar)


def test_a_cohort_of_someone_else_is_not_replaced(cohort, tmp_path):
    """An images.parquet that cxraudit did not write."""
    (tmp_path / "images.parquet").write_text("mine")

    with pytest.raises(DataError, match=r"images\.parquet, which cxraudit did not write"):
        steps.encode_step(cohort, ["random"], tmp_path, no_bar)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"patient": "pid"}, "--patient is about a table .* add --label"),
        ({"age": "age"}, "--age is about a table"),
        ({"dataset": "nih-cxr14", "label": {"a": "b"}}, "labels come from one place"),
        ({"dataset": "nih-cxr14"}, "--dataset nih-cxr14 needs --root"),
        ({"label": {"Pneumothorax": "Pneumothorax"}}, "--image and --patient"),
        ({}, "nothing says what the images of .* show"),
    ],
)
def test_options_that_do_not_say_what_the_labels_are_are_refused(table, audited, options, match):
    """Before anything is computed."""
    with pytest.raises(ConfigError, match=match):
        steps.audit_files(table, **options)
    assert audited == []


def test_scores_of_a_run_are_audited_with_its_cohort(encoded, audited, tmp_path):
    """Way 1: images.parquet, embeddings and perturbed images beside the scores are found."""
    steps.audit_files(str(encoded.scores), out=tmp_path / "audit")

    (call,) = audited
    assert call["dataset"].name == encoded.open_dataset().name
    assert [one.model for one in call["embeddings"]] == ["random"]
    assert open_audit(tmp_path / "audit").manifest["inputs"].keys() == {"scores", "images"}


def test_embeddings_can_be_left_out(encoded, audited, tmp_path):
    """As --no-embeddings does."""
    steps.audit_files(encoded.scores, out=tmp_path / "audit", embeddings=False)

    assert audited[0]["embeddings"] == ()


def test_scores_on_a_known_data_set_are_audited_with_its_labels(nih_release, audited, tmp_path):
    """Way 2: a data set by name, with options; columns of scores by prefix."""
    images = datasets.load("nih-cxr14", nih_release).images
    file = tmp_path / "preds.csv"
    pd.DataFrame({"Image Index": images["image_id"], "p_Edema": 0.5}).to_csv(file, index=False)

    steps.audit_files(
        file,
        dataset="nih-cxr14",
        root=nih_release,
        options={"only.sex": "female"},
        image="Image Index",
        score_prefix="p_",
        model="mine",
    )

    (call,) = audited
    assert set(call["dataset"].images["sex"]) == {"female"}
    assert set(call["scores"]["model"]) == {"mine"}
    assert (tmp_path / "audit" / "report.html").is_file()


def test_a_table_with_labels_is_audited_by_itself(table, audited):
    """Way 3: crossed attributes are passed on, plain ones are columns."""
    steps.audit_files(table, **OWN, sex="sex", attributes=["race", "sex*race"])

    (call,) = audited
    assert call["dataset"].name == "table"
    assert call["dataset"].findings == ("Pneumothorax",)
    assert call["attributes"] == ["sex", "race", "sex*race"]


def test_one_attribute_may_be_text(table, audited):
    """Not a list of its letters."""
    steps.audit_files(table, **OWN, attributes="race")

    assert audited[0]["attributes"] == ["race"]


@pytest.mark.parametrize("name", ["flow.csv", "report.html"])
def test_a_file_of_someone_else_is_refused_before_the_audit(table, audited, name):
    """Minutes of work are not thrown away at the end."""
    (table.parent / "audit").mkdir()
    (table.parent / "audit" / name).write_text("mine")

    with pytest.raises(DataError, match=f"{name}, which cxraudit did not write"):
        steps.audit_files(table, **OWN)
    assert audited == []


@pytest.mark.parametrize("option", ["label", "score", "shortcuts"])
def test_names_that_are_no_mapping_are_refused(table, option):
    """In one sentence, as Python users make the mistake."""
    with pytest.raises(TypeError, match=f"{option} must be a mapping"):
        steps.audit_files(table, **{**OWN, option: "Pneumothorax"})


def test_what_is_returned_is_what_is_read_back(table, audited):
    """Results, facts and manifest."""
    made = steps.audit_files(table, **OWN)
    read = open_audit(table.parent / "audit")

    pd.testing.assert_frame_equal(made.results, read.results)
    assert (made.facts, made.manifest) == (read.facts, read.manifest)


def test_models_and_prompts_are_taken_over_from_the_manifest_of_the_scores(
    encoded, audited, tmp_path
):
    """So that the report can name them."""
    made = steps.audit_files(encoded.scores, out=tmp_path / "audit")

    assert made.manifest["cards"].keys() == {"random"}
    assert made.manifest["prompt_hash"] == read_manifest(encoded.scores)["prompt_hash"]


def test_a_report_needs_a_file(tmp_path):
    """A folder is refused with a name that would do."""
    with pytest.raises(ConfigError, match=r"is a folder. Name the HTML file"):
        steps.report_step([tmp_path], tmp_path)


def test_a_run_file_with_groups_that_look_like_paths_runs_to_the_report(tmp_path):
    """Ward A/B: a table of one's own, its scores, and a filter with a slash in the group."""
    frame = planted_table(0, n_patients=120)
    frame["ward"] = np.where(frame["pid"] % 2 == 0, "A/B", "C.csv")
    frame.to_csv(tmp_path / "table.csv", index=False)
    (tmp_path / "dataset.toml").write_text(
        'file = "table.csv"\nimage = "file"\npatient = "pid"\nsex = "sex"\n'
        'findings = ["Pneumothorax"]\nattributes = ["ward"]\n'
    )
    (tmp_path / "audit.toml").write_text(
        'out = "result"\n[dataset]\nname = "table"\nroot = "."\noptions = { "only.ward" = "A/B" }\n'
        '[scores]\nfile = "table.csv"\nimage = "file"\n'
        'score = { Pneumothorax = "score_Pneumothorax" }\n'
        '[audit]\nattributes = "sex"\nn_resamples = 100\n'
    )

    report = steps.run_step(read_run_file(tmp_path / "audit.toml"), no_bar)

    assert report.is_file()
    audit = open_audit(report.parent)
    assert audit.facts["patients"] == 60
    assert set(audit.results["attribute"]) == {"", "sex"}


def test_an_audit_of_a_table_is_computed_and_reported(table):
    """The whole of way 3, with the engine."""
    audit = steps.audit_files(
        table,
        **OWN,
        sex="sex",
        settings=AuditSettings(n_resamples=100, operating_point="none", calibration="none"),
    )

    overall = audit.results.query("group == '' and metric == 'auroc' and reference == ''")
    assert overall["value"].iloc[0] > 0.8
    assert (table.parent / "audit" / "report.html").is_file()


def exported(embedded, cohort, folder, *, scored=False, **more):
    """Embeddings and directions of the random model, read from files as a user gives them."""
    np.savez(folder / "images.npz", ids=embedded.image_ids, embeddings=embedded.vectors)
    np.savez(
        folder / "paper.npz",
        findings=[pair.finding for pair in embedded.prompts],
        directions=[pair.direction for pair in embedded.prompts],
        **more,
    )
    return own_embeddings(
        cohort,
        {"random": folder / "images.npz"},
        {"random": folder / "paper.npz"},
        ids=None,
        image=None,
        scored=scored,
        share=0.5,
        seed=0,
    )


def test_exported_embeddings_are_audited_as_the_run_that_made_them(encoded, cohort, tmp_path):
    """Embeddings and directions in files, and labels in a table: the same numbers as of the folder."""
    scores = encoded.read_scores()
    settings = AuditSettings(n_resamples=200)
    (embedded,) = steps.read_embeddings(encoded.folder)
    folder = audit(cohort, scores, settings=settings, embeddings=[embedded])
    own = exported(embedded, cohort, tmp_path, logit_scale=load_model("random").logit_scale)
    found = audit(own.dataset, own.scores, settings=settings, embeddings=own.embeddings)

    of_bank = folder.results["analysis"] == Analysis.PROMPT_SENSITIVITY
    pd.testing.assert_frame_equal(
        found.results, folder.results[~of_bank].reset_index(drop=True), rtol=0, atol=1e-9
    )


@pytest.mark.parametrize(
    ("scale", "scored", "said"),
    [
        (20.0, False, "times a logit scale of 20."),
        (None, False, "no logit scale is given"),
        (1e4, False, "with the logit scale of 1e+04 images would be tied at 0 or 1"),
        (20.0, True, "the scores are those of the table"),
    ],
)
def test_where_scores_of_embedded_prompts_are_from_is_said(
    encoded, cohort, tmp_path, scale, scored, said
):
    """Whether they were computed, and by what, or are of a table."""
    (embedded,) = steps.read_embeddings(encoded.folder)
    given = {} if scale is None else {"logit_scale": scale}
    own = exported(embedded, cohort, tmp_path, scored=scored, **given)

    (notice,) = [one for one in own.notices if one.about == "prompts of random"]
    assert said in notice.sentence
    assert notice.hidden == notice.sentence
    if not scored:
        assert (
            own.scores.groupby("finding")["score"].nunique().min() > 0.9 * embedded.image_ids.size
        )
