"""Every step reads only what the step before it finished, and what was made of the files beside it."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image, ImageOps
from small_audit import small_audit

from cxraudit import datasets, steps
from cxraudit.audits.result import Audit, open_audit
from cxraudit.datasets.base import Dataset
from cxraudit.encode import reading
from cxraudit.errors import DataError
from cxraudit.files import read_manifest
from cxraudit.images import Decoded, ImageNote
from cxraudit.notices import Notice
from cxraudit.workspace import Workspace, run


@contextmanager
def no_bar(description: str, total: int) -> Iterator[Callable[[int], None]]:
    """No progress bar."""
    yield lambda n: None


@pytest.fixture(scope="module")
def finished(nih_release, tmp_path_factory) -> Path:
    """A release, and a run of it: encoded, scored and perturbed."""
    folder = tmp_path_factory.mktemp("chain")
    shutil.copytree(nih_release, folder / "release")
    steps.encode_step(cohort_of(folder), ["random"], folder / "run", no_bar, shard_size=50)
    steps.score_step(folder / "run")
    steps.perturb_step(folder / "run", no_bar, perturbations=["markers"], n_images=9)
    return folder


def cohort_of(folder: Path) -> Dataset:
    """Read the release in a folder."""
    return datasets.load("nih-cxr14", folder / "release").choose_findings(["Pneumothorax", "Edema"])


@pytest.fixture
def folder(finished, tmp_path) -> Path:
    """A copy of both, encoded again, since the images lie elsewhere."""
    shutil.copytree(finished, tmp_path / "copy")
    encode(tmp_path / "copy")
    steps.score_step(tmp_path / "copy" / "run")
    steps.perturb_step(tmp_path / "copy" / "run", no_bar, perturbations=["markers"], n_images=9)
    return tmp_path / "copy"


@pytest.fixture
def work(folder) -> Workspace:
    """Its run."""
    return Workspace(folder / "run")


@pytest.fixture(autouse=True)
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


def encode(folder: Path, **options) -> list[Notice]:
    """Encode the release of a folder; return what was said."""
    said: list[Notice] = []
    steps.encode_step(
        cohort_of(folder),
        ["random"],
        folder / "run",
        no_bar,
        shard_size=50,
        tell=said.append,
        **options,
    )
    return said


def perturb(work: Workspace) -> None:
    """Repeat the perturbations."""
    steps.perturb_step(
        work.folder, no_bar, perturbations=["markers"], n_images=9, tell=lambda _: None
    )


def audit(work: Workspace, **options) -> Audit:
    """Audit the scores of a run."""
    return steps.audit_files(work.scores, **options)


def invert(path: Path) -> None:
    """Change an image."""
    with Image.open(path) as image:
        ImageOps.invert(image.convert("L")).save(path)


def image_of(work: Workspace, row: int) -> Path:
    """Return the path of an image of the cohort."""
    return Path(work.open_dataset().images["path"].iloc[row])


def test_a_finished_run_is_audited(work, audited):
    """With its embeddings and perturbed images."""
    audit(work)

    (call,) = audited
    assert [one.model for one in call["embeddings"]] == ["random"]
    assert len(call["perturbed"])


def test_a_step_that_changes_nothing_leaves_later_steps_valid(work, folder):
    """Encoding again, which takes no time, needs no new scores."""
    assert encode(folder) == []

    audit(work)


def test_a_changed_image_goes_through_all_steps(work, folder, audited):
    """Each step in turn refuses until the one before it was repeated."""
    before = work.read_scores()
    invert(Path(work.read_perturbed().merge(work.open_dataset().images)["path"].iloc[0]))
    with pytest.raises(DataError, match=r"changed since the encoding.* Run cxraudit encode"):
        perturb(work)

    (notice,) = encode(folder)
    assert notice.count == 1
    with pytest.raises(DataError, match=r"other embeddings of 'random'.* Run cxraudit score again"):
        audit(work)
    with pytest.raises(DataError, match="Run cxraudit score again"):
        perturb(work)
    steps.score_step(work.folder)
    with pytest.raises(DataError, match=r"other embeddings.* Run cxraudit perturb again"):
        audit(work)
    perturb(work)
    audit(work)

    after = work.read_scores()
    assert (before["score"] != after["score"]).sum() == 2  # one image, two findings


def test_two_exchanged_images_exchange_their_scores(work, folder):
    """Although every name, and the number and sizes of images, is as before."""
    before = work.read_scores().query("finding == 'Edema'").set_index("image_id")["score"]
    first, second = image_of(work, 0), image_of(work, 1)
    kept = first.with_suffix(".kept")
    first.rename(kept)
    second.rename(first)
    kept.rename(second)

    encode(folder)
    steps.score_step(work.folder)

    after = work.read_scores().query("finding == 'Edema'").set_index("image_id")["score"]
    assert before[[first.name, second.name]].tolist() == after[[second.name, first.name]].tolist()


def test_other_labels_need_new_scores(work, folder):
    """The cohort is another, though the embeddings are the same."""
    dataset = cohort_of(folder)
    images = dataset.images.assign(Edema=1 - dataset.images["Edema"])
    steps.encode_step(
        replace(dataset, images=images), ["random"], work.folder, no_bar, shard_size=50
    )

    with pytest.raises(DataError, match=r"other images or labels .* Run cxraudit score again"):
        audit(work)


@pytest.mark.parametrize("n_written", [0, 1, 2])
def test_scores_that_were_killed_between_their_files_are_refused(
    work, monkeypatch, tmp_path, n_written
):
    """New directions beside old scores, or both without their manifest: neither is used."""
    other = tmp_path / "other.toml"
    other.write_text('name = "other"\npositive = "signs of {finding}"\nnegative = "normal"\n')
    write, written = run.write_table, []

    def killed(*arguments):
        if len(written) == n_written:
            raise KeyboardInterrupt
        written.append(write(*arguments))

    def no_manifest(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(run, "write_table", killed)
        patch.setattr(run, "write_manifest", no_manifest)
        with pytest.raises(KeyboardInterrupt):
            steps.score_step(work.folder, prompt_set=str(other))

    if n_written:
        for following in (audit, perturb):
            with pytest.raises(DataError, match="Run cxraudit score again"):
                following(work)
    else:
        audit(work)  # nothing was written: the scores are still those of the old prompts
    steps.score_step(work.folder, prompt_set=str(other))
    assert set(work.read_scores()["prompt_set"]) == {"other"}


def test_an_encoding_that_was_killed_is_finished_first(work, folder, monkeypatch):
    """Before it is, its scores are not used."""

    def killed(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(steps, "encode_images", killed)
        with pytest.raises(KeyboardInterrupt):
            encode(folder)

    for following in (steps.score_step, lambda out: audit(work), lambda out: perturb(work)):
        with pytest.raises(DataError, match="Run the same cxraudit encode command again"):
            following(work.folder)
    encode(folder)
    audit(work)


@pytest.mark.parametrize("damage", [b"", b"garbage", None], ids=["empty", "garbage", "missing"])
@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("images.parquet", "encode"),
        ("images.parquet.manifest.json", "encode"),
        ("excluded.parquet", "encode"),
        ("embeddings.manifest.json", "encode"),
        ("scores.parquet.manifest.json", "score"),
        ("directions.parquet", "score"),
        ("perturbed-scores.parquet.manifest.json", "perturb"),
    ],
)
def test_a_damaged_file_is_refused_with_the_command_that_repairs_it(
    work, folder, name, command, damage
):
    """In one sentence, and that command succeeds."""
    if damage is None:
        (work.folder / name).unlink()
    else:
        (work.folder / name).write_bytes(damage)

    with pytest.raises(DataError, match=f"cxraudit {command}|missing"):
        audit(work)
    if command == "encode":
        encode(folder)
    if command == "score":
        steps.score_step(work.folder)
    perturb(work)
    audit(work)


@pytest.mark.parametrize("name", ["scores.parquet", "perturbed-scores.parquet"])
def test_a_changed_table_is_refused(work, name):
    """Someone edited it, or it is damaged."""
    table = pd.read_parquet(work.folder / name)
    table.assign(score=0.5).to_parquet(work.folder / name)

    with pytest.raises(DataError, match="was changed since it was written"):
        audit(work)


def test_an_edited_manifest_is_refused(work):
    """Its own hash does not fit."""
    path = work.folder / "scores.parquet.manifest.json"
    manifest = json.loads(path.read_text())
    manifest["prompts"]["positive"] = "other words"
    path.write_text(json.dumps(manifest))

    with pytest.raises(DataError, match=r"manifest\.json is damaged"):
        perturb(work)


@pytest.mark.parametrize("kind", ["npy", "parquet", "json"])
def test_a_zeroed_shard_is_never_scored_or_audited(work, folder, kind):
    """Named by both, and made again by encode."""
    part = work.embeddings / "random" / f"part-00000.{kind}"
    part.write_bytes(bytes(part.stat().st_size))

    for following in (steps.score_step, lambda out: audit(work)):
        with pytest.raises(
            DataError, match=r"shards are missing or damaged .*encode command again"
        ):
            following(work.folder)
    (notice,) = encode(folder)
    assert f"part-00000.{kind}" in notice.sentence
    audit(work)


def test_embeddings_that_were_deleted_are_said(work):
    """An audit without them is asked for in so many words."""
    shutil.rmtree(work.embeddings)

    with pytest.raises(DataError, match="--no-embeddings"):
        audit(work)
    audit(work, embeddings=False)


def test_a_second_model_is_added_to_the_first(work, folder):
    """The scores of the first stay valid until both are scored."""
    steps.encode_step(cohort_of(folder), ["grey-levels"], work.folder, no_bar, shard_size=50)
    audit(work)

    steps.score_step(work.folder)

    assert set(work.read_scores()["model"]) == {"random", "grey-levels"}


def test_a_second_model_that_saw_another_image_is_not_compared(work, folder):
    """The first is left out and named until it is encoded again."""
    invert(image_of(work, 3))
    said: list[Notice] = []
    steps.encode_step(
        cohort_of(folder), ["grey-levels"], work.folder, no_bar, shard_size=50, tell=said.append
    )

    assert "not used until that model is encoded again" in said[0].sentence
    with pytest.raises(
        DataError, match=r"random holds other embeddings than the last cxraudit encode"
    ):
        steps.score_step(work.folder)
    steps.encode_step(
        cohort_of(folder),
        ["random", "grey-levels"],
        work.folder,
        no_bar,
        shard_size=50,
        tell=said.append,
    )
    steps.score_step(work.folder)


def test_a_second_model_of_another_cohort_is_refused(work, folder):
    """It would replace the images table that the first belongs to."""
    dataset = cohort_of(folder)
    other = replace(dataset, images=dataset.images.head(20))
    before = work.images.read_bytes()

    with pytest.raises(DataError, match="'random' of other images"):
        steps.encode_step(other, ["grey-levels"], work.folder, no_bar)
    assert work.images.read_bytes() == before
    audit(work)


def test_a_release_that_was_moved_needs_no_new_embeddings(work, folder, monkeypatch):
    """The scores are made again in a moment, since the images table names other places."""
    (folder / "release").rename(folder / "moved")
    dataset = datasets.load("nih-cxr14", folder / "moved").choose_findings(
        ["Pneumothorax", "Edema"]
    )

    def never(*arguments):
        raise AssertionError("encoded")

    monkeypatch.setattr("cxraudit.models.random.RandomModel.encode_images", never)
    steps.encode_step(dataset, ["random"], work.folder, no_bar, shard_size=50)
    steps.score_step(work.folder)
    perturb(work)
    audit(work)


def test_images_that_cannot_be_read_are_in_the_audit(work, folder, audited):
    """With their number and names."""
    image_of(work, 2).write_bytes(b"no image")
    name = image_of(work, 2).name
    encode(folder)
    steps.score_step(work.folder)
    perturb(work)

    audit(work)

    sentences = [notice.sentence for notice in audited[0]["notices"]]
    assert f"1 image could not be read: without a score. First: {name}." in sentences


def test_notes_on_images_are_in_the_audit(work, folder, audited, monkeypatch):
    """Counted by kind, from the store of embeddings."""
    decode = reading.decode_image
    dark = {image_of(work, row).name for row in (1, 4)}

    def noting(data, path):
        notes = (ImageNote.NEARLY_BLACK,) if path.name in dark else ()
        return Decoded(decode(data, path).image, notes)

    monkeypatch.setattr(reading, "decode_image", noting)
    shutil.rmtree(work.embeddings)
    encode(folder)
    steps.score_step(work.folder)
    perturb(work)

    found = audit(work)

    expected = {"note": "NEARLY_BLACK", "count": 2, "images": sorted(dark)}
    assert found.facts["image_notes"] == [expected]
    (notice,) = [one for one in audited[0]["notices"] if one.about == "images"]
    assert notice.count == 2
    assert ImageNote.NEARLY_BLACK.sentence in notice.sentence


def test_the_cohort_that_is_encoded_is_not_replaced(work, tmp_path):
    """`encode prepared --root RUN --out RUN`."""
    cohort = datasets.load("prepared", work.folder)
    inputs = datasets.tables("prepared", work.folder)

    with pytest.raises(DataError, match=r"images\.parquet is an input of this command"):
        steps.encode_step(cohort, ["random"], work.folder, no_bar, shard_size=50, inputs=inputs)


def test_an_audit_that_was_killed_between_its_tables_is_refused(work, monkeypatch):
    """Tables of two audits are never read as one; the same command repairs it."""
    audit(work)

    def killed(*arguments, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("cxraudit.workspace.audit.write_manifest", killed)
        patch.setattr(
            steps, "audit", lambda *a, **k: small_audit(points=pd.DataFrame({"x": [0.5]}))
        )
        (work.audit.folder / "flow.csv").write_text("other")
        with pytest.raises(KeyboardInterrupt):
            audit(work)

    assert not work.audit.report.exists()  # it was that of the earlier audit
    monkeypatch.setattr(steps, "audit", lambda *a, **k: small_audit())
    audit(work)
    assert work.audit.report.is_file()
    assert open_audit(work.audit.folder).points.empty


def test_every_table_of_an_audit_is_checked(work):
    """Also those that only the page draws."""
    audit(work)
    outputs = read_manifest(work.audit.results)["outputs"]
    assert {
        "results.parquet",
        "results.csv",
        "exclusions.csv",
        "flow.csv",
        "excluded.parquet",
    } <= set(outputs)
    for name in outputs:
        file = work.audit.folder / name
        whole = file.read_bytes()
        file.write_bytes(whole + b"\n")
        with pytest.raises(DataError, match=rf"{name} was changed .*Repeat the cxraudit audit"):
            open_audit(work.audit.folder)
        file.write_bytes(whole)
    open_audit(work.audit.folder)
