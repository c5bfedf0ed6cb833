"""A folder of a run: what is ours is replaced, what is not is refused, other work is never mixed in."""

import re
from pathlib import Path

import pandas as pd
import pytest

import cxraudit
from cxraudit.datasets.table import from_frame
from cxraudit.errors import ConfigError, DataError
from cxraudit.schema import PERTURBED_COLUMNS, SCORE_COLUMNS
from cxraudit.workspace import AuditFolder, Workspace, commands_of, resume_or_refuse

SCORES = pd.DataFrame([["a", "m", "paper", "Edema", 0.5]], columns=list(SCORE_COLUMNS))
PERTURBED = pd.DataFrame(
    [["a", "m", "paper", "Edema", "blur", 1, 0.4]], columns=list(PERTURBED_COLUMNS)
)
DIRECTIONS = pd.DataFrame({"model": ["m"], "pair": ["paper"]})
NOTHING = pd.DataFrame({"image_id": [], "error": []})


@pytest.fixture
def work(tmp_path) -> Workspace:
    """A run's folder with a cohort of one image."""
    frame = pd.DataFrame({"file": ["a"], "pid": ["1"], "Edema": [1]})
    dataset = from_frame(
        frame, name="toy", root=Path(), image="file", patient="pid", findings=["Edema"]
    )
    work = Workspace(tmp_path / "run")
    work.check()
    work.save_dataset(dataset)
    return work


def test_a_cohort_is_read_back(work):
    """By the name it was saved under."""
    assert work.open_dataset().name == "toy"


def test_scores_are_read_back_and_say_how_they_were_made(work):
    """With the commands that led to them and the prompts."""
    work.write_scores(SCORES, DIRECTIONS, prompt_hash="x")

    pd.testing.assert_frame_equal(work.read_scores(), SCORES)
    assert len(commands_of(work.scores)) == 1


def test_without_scores_the_folder_says_what_to_run(work):
    """One sentence."""
    with pytest.raises(DataError, match=r"holds no scores\.parquet. Run cxraudit encode"):
        work.read_scores()


def test_without_perturbed_images_there_is_nothing_to_read(work):
    """None, and no error."""
    assert work.read_perturbed() is None


def test_perturbed_scores_are_read_back(work):
    """Where the prompts are those of the scores."""
    work.write_scores(SCORES, DIRECTIONS, prompt_hash="x")
    work.write_perturbed(PERTURBED, NOTHING, prompt_hash="x")

    pd.testing.assert_frame_equal(work.read_perturbed(), PERTURBED)


def test_perturbed_scores_of_other_prompts_are_refused(work):
    """They would be compared with scores they do not belong to."""
    work.write_scores(SCORES, DIRECTIONS, prompt_hash="x")
    work.write_perturbed(PERTURBED, NOTHING, prompt_hash="x")
    work.write_scores(SCORES, DIRECTIONS, prompt_hash="y")

    with pytest.raises(DataError, match="made with other prompts"):
        work.read_perturbed()


def test_a_list_of_failures_goes_when_nothing_fails_any_more(work):
    """An earlier list would look like this run's."""
    work.write_encoding(pd.DataFrame({"image_id": ["a"], "error": ["cut"]}))
    assert work.failures.is_file()

    work.write_encoding(NOTHING)

    assert not work.failures.exists()


def test_the_same_work_is_resumed(tmp_path):
    """The record stays as it is."""
    resume_or_refuse(tmp_path / "r.json", {"seed": 1, "names": ("a", "b")}, what="images")

    resume_or_refuse(tmp_path / "r.json", {"seed": 1, "names": ["a", "b"]}, what="images")

    assert (tmp_path / "r.json").is_file()


def test_other_work_is_refused_naming_each_setting_that_differs(tmp_path):
    """With the recorded number, and what to do."""
    resume_or_refuse(tmp_path / "r.json", {"seed": 1, "hash": "x", "size": 3}, what="labels")

    with pytest.raises(DataError) as error:
        resume_or_refuse(
            tmp_path / "r.json",
            {"seed": 2, "hash": "y", "size": 3},
            what="labels",
            remedy="Choose another folder.",
        )

    assert str(error.value) == (
        f"{tmp_path} holds labels made with other settings (seed 1, hash). Choose another folder."
    )


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    """A file stands in its place."""
    (tmp_path / "run").write_text("")

    with pytest.raises(ConfigError, match="cannot write to the folder"):
        Workspace(tmp_path / "run").check()


def test_every_name_of_a_folder_is_its_own():
    """Two tables never share a file."""
    for kind in (Workspace, AuditFolder):
        paths = [
            getattr(kind(Path()), name)
            for name in vars(kind)
            if not name.startswith("_")
            and name != "folder"
            and isinstance(getattr(kind(Path()), name, None), Path)
        ]
        assert len(paths) == len(set(paths)) > 10


def test_no_other_module_holds_a_file_name_of_a_run():
    """Names are looked up in one place: nothing else spells them."""
    source = Path(cxraudit.__file__).parent
    names = {
        value.name
        for kind in (Workspace, AuditFolder)
        for value in vars(kind).values()
        if hasattr(value, "name") and "." in value.name
    } - {"images.parquet", "excluded.parquet", "failures.csv", "README.txt"}
    spelled = re.compile("|".join(f'"{re.escape(name)}"' for name in sorted(names)))

    holders = {
        file.relative_to(source).as_posix()
        for file in source.rglob("*.py")
        if spelled.search(file.read_text(encoding="utf-8"))
    }

    assert holders == {"workspace/audit.py", "workspace/run.py"}
