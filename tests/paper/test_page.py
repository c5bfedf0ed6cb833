"""The page of the study, and the files beside it."""

import pandas as pd
import pytest

from cxraudit.cli import main
from cxraudit.errors import DataError
from cxraudit.files import committed, manifest_of
from cxraudit.folders import RECORD
from cxraudit.paper.faults import Fault
from cxraudit.paper.numbers import compare, published
from cxraudit.paper.page import Reproduction, write_paper
from cxraudit.workspace import Workspace


@pytest.fixture
def small():
    """The published numbers of one model on ChestX-ray14."""
    numbers = published()
    return numbers[(numbers["dataset"] == "nih-cxr14") & (numbers["model"] == "BioViL")]


def write(numbers, out, **options):
    """Write a page with a plain heading."""
    return write_paper(Reproduction(numbers=numbers, **options), out, title="t", intro="i")


def test_the_published_numbers_make_a_page(tmp_path):
    """`paper tables` needs no data: conclusions, eight figures, LaTeX, nothing from elsewhere."""
    assert main(["paper", "tables", str(tmp_path / "paper")]) == 0
    html = (tmp_path / "paper" / "paper.html").read_text()
    assert "What follows from these numbers" in html
    assert html.count("<svg") == 8
    assert not any(word in html for word in ("<script", "<img", "<link", "src="))
    assert (tmp_path / "paper" / "zeroshot-mimic-cxr.tex").is_file()


def test_files_of_an_earlier_page_are_removed(tmp_path, small):
    """A comparison and its data set are gone; files of others stay."""
    numbers = small.assign(model="biovil@paper")
    write(numbers, tmp_path, compared=compare(numbers))
    (tmp_path / "compare-notes.csv").write_text("kept")
    (tmp_path / "figures" / "own-auroc.svg").write_text("kept")
    assert (tmp_path / "compare.csv").is_file()

    write(small.assign(dataset="other"), tmp_path)

    assert not (tmp_path / "compare.csv").exists()
    assert not (tmp_path / "figures" / "nih-cxr14-drain-auroc.svg").exists()
    assert (tmp_path / "figures" / "other-drain-auroc.svg").is_file()
    assert (tmp_path / "compare-notes.csv").read_text() == "kept"
    assert (tmp_path / "figures" / "own-auroc.svg").read_text() == "kept"


def test_a_file_of_another_origin_is_not_replaced(tmp_path, small):
    """The error names it."""
    (tmp_path / "numbers.csv").write_text("own")
    with pytest.raises(DataError, match=r"numbers\.csv"):
        write(small, tmp_path)
    assert (tmp_path / "numbers.csv").read_text() == "own"


def content_of(folder):
    """Return the bytes of every file of a folder."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


@pytest.mark.parametrize(
    "name",
    ["paper.html", "zeroshot-other.tex", "figures/other-drain-auroc.svg"],
)
def test_a_refused_page_changes_nothing(tmp_path, small, name):
    """An earlier page stays whole, and the file of another origin as it was."""
    write(small, tmp_path)
    if name == "paper.html":
        (tmp_path / RECORD).unlink()
        manifest_of(tmp_path / name).unlink()
    (tmp_path / name).write_text("own")
    before = content_of(tmp_path)

    with pytest.raises(DataError, match="which cxraudit did not write"):
        write(small.assign(dataset="other"), tmp_path)

    assert content_of(tmp_path) == before


def test_the_manifest_of_a_page_names_all_its_files(tmp_path, small):
    """Written last; an interrupted page has none."""
    page = write(small, tmp_path)

    named = committed(page, remedy="")["outputs"]

    files = {name for name in content_of(tmp_path) if not name.endswith((".json",))}
    assert set(named) == files


def test_an_interrupted_page_has_no_mark(tmp_path, small, monkeypatch):
    """Its tables may be of one run and its figures of another."""
    page = write(small, tmp_path)

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cxraudit.paper.folder.write_text", full)
    with pytest.raises(OSError, match="No space"):
        write(small, tmp_path)

    with pytest.raises(DataError, match="did not finish"):
        committed(page, remedy="")


def test_the_same_numbers_give_the_same_files(tmp_path, small):
    """Byte for byte, but for the time in the manifest."""
    for name in ("one", "two"):
        manifest_of(write(small, tmp_path / name)).unlink()

    assert content_of(tmp_path / "one") == content_of(tmp_path / "two")


def test_an_input_of_the_page_is_never_replaced(tmp_path, small):
    """Though it has the name of a table of ours."""
    write(small, tmp_path)
    before = content_of(tmp_path)

    with pytest.raises(DataError, match="is an input of this command"):
        write_paper(
            Reproduction(numbers=small),
            tmp_path,
            title="t",
            intro="i",
            inputs={"scores": tmp_path / "numbers.csv"},
        )

    assert content_of(tmp_path) == before


def test_faults_of_the_first_model_are_shown_and_those_of_others_folded(tmp_path, small):
    """Both are in the file."""
    fault = Fault("a.py", "fault", "published result", "corrected result", "consequence")
    html = write(
        small, tmp_path, faults=[("d", "first", fault), ("d", "second", fault)]
    ).read_text()

    unfolded, folded = html.split("<details>")
    assert "<td>first</td>" in unfolded
    assert "<td>second</td>" not in unfolded
    assert "<td>second</td>" in folded
    table = pd.read_csv(tmp_path / "changed.csv")
    assert table["model"].tolist() == ["first", "second"]
    assert table["corrected"].tolist() == ["corrected result"] * 2


def test_verdicts_are_counted_by_overlap_of_the_published_intervals(tmp_path, make_run):
    """Every group of sex and race of two findings is counted once."""
    protocols = make_run(drains=False).protocols
    html = write(published().head(1), tmp_path, protocols=protocols).read_text()
    counted = html.split("Of ")[1:]
    overlapping, separate = (int(text.split(" ")[0]) for text in counted[:2])
    assert overlapping + separate == (protocols["attribute"] != "all").sum()


def test_a_group_without_a_published_interval_overlaps_none(tmp_path, make_run):
    """Of two groups, neither is counted if one has no interval."""
    protocols = make_run(drains=False).protocols
    one = protocols.index[protocols["attribute"] == "sex"][0]
    protocols.loc[one, ["published_low", "published_high"]] = float("nan")

    html = write(published().head(1), tmp_path, protocols=protocols).read_text()

    overlapping, separate = (int(text.split(" ")[0]) for text in html.split("Of ")[1:3])
    assert overlapping + separate == (protocols["attribute"] != "all").sum() - 2


def test_the_page_of_scores_beside_the_published_numbers(tmp_path, nih_release, capsys):
    """`paper compare` refuses models that the study does not have, and writes the comparison."""
    work = tmp_path / "work"
    encode = ["encode", "nih-cxr14", "--root", str(nih_release), "--model", "random"]
    assert main([*encode, "--out", str(work), "-q"]) == 0
    assert main(["score", str(work), "--finding", "Pneumothorax"]) == 0
    command = ["paper", "compare", str(work), "--as-dataset", "nih-cxr14"]
    assert main(command) == 2
    assert "none of the models random" in capsys.readouterr().err
    run = Workspace(work)
    run.write_scores(run.read_scores().assign(model="biovil@paper"), run.read_directions())

    assert main(command) == 0

    assert "numbers agree" in capsys.readouterr().out
    assert (work / "paper" / "compare.csv").is_file()
