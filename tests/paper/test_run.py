"""The whole study from releases."""

from contextlib import nullcontext

import pandas as pd
import pytest
from blank_figures import blank_figures

from cxraudit.cli import main
from cxraudit.errors import ConfigError, DataError
from cxraudit.files import committed
from cxraudit.paper.folder import planned
from cxraudit.paper.run import reproduce
from cxraudit.phantom.releases import write_release
from cxraudit.phantom.spec import PhantomSpec
from cxraudit.settings import AuditSettings


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The folder that `paper run` filled from small synthetic releases."""
    root = tmp_path_factory.mktemp("study")
    for layout, seed, n_patients in (("mimic", 61, 130), ("nih", 62, 60)):
        spec = PhantomSpec(n_patients=n_patients, seed=seed, image_size=64, images_per_patient=2)
        write_release(spec, root / layout, layout)
    out = root / "paper"
    releases = ["--mimic", str(root / "mimic"), "--nih", str(root / "nih")]
    options = ["--model", "phantom-clip", "--resamples", "200", "-q"]
    with blank_figures():
        assert main(["paper", "run", str(out), *releases, *options]) == 0
    return out


@pytest.mark.slow
@pytest.mark.parametrize(
    "title",
    [
        "Zero-shot performance on mimic-cxr",
        "By sex on mimic-cxr",
        "By race on mimic-cxr",
        "By age on mimic-cxr",
        "By drain on nih-cxr14",
        "Calibration on nih-cxr14",
        "phantom-clip on mimic-cxr: embeddings",
        "Attributes predicted from embeddings on mimic-cxr",
        "Both protocols, on the same predictions",
        "What changed and why",
    ],
)
def test_every_section_is_on_the_page(study, title):
    """Tables and figures of the study, and the comparisons with an audit."""
    assert title in (study / "paper.html").read_text()


@pytest.mark.slow
def test_the_page_requests_nothing(study):
    """One file with everything in it."""
    html = (study / "paper.html").read_text()
    assert not any(word in html for word in ("<script", "<img", "<link", "src="))


@pytest.mark.slow
@pytest.mark.parametrize(
    "file",
    [
        "figures/mimic-cxr-sex-auroc.svg",
        "figures/mimic-cxr-race-adjusted_auprc.svg",
        "figures/mimic-cxr-age_group-auroc.svg",
        "figures/nih-cxr14-drain-auroc.svg",
        "figures/nih-cxr14-calibration.svg",
        "figures/mimic-cxr-phantom-clip-projections.svg",
        "figures/mimic-cxr-phantom-clip-centroids.png",
        "attributes-mimic-cxr.tex",
        "zeroshot-mimic-cxr.tex",
        "protocols.csv",
        "mimic-cxr/audit/report.html",
    ],
)
def test_every_table_and_figure_is_a_file(study, file):
    """Beside the page, and the audit in the folder of its data set."""
    assert (study / file).is_file()


@pytest.mark.slow
def test_the_numbers_are_those_of_every_model_finding_and_group(study):
    """Six findings and eleven groups on MIMIC-CXR, three rows on ChestX-ray14."""
    assert len(pd.read_csv(study / "numbers.csv")) == 6 * 11 + 3


@pytest.mark.slow
def test_images_and_reports_are_projected(study):
    """Both modalities are in the table that the figures draw."""
    points = pd.read_parquet(study / "projections.parquet")
    assert set(points["modality"]) == {"image", "report"}


@pytest.mark.slow
def test_faults_of_every_published_file_are_run(study):
    """Seven files at least."""
    assert pd.read_csv(study / "changed.csv")["file"].nunique() >= 7


def test_another_confidence_level_than_the_published_is_refused(tmp_path):
    """Widths of intervals of both protocols would not be comparable."""
    with pytest.raises(ConfigError, match=r"confidence_level must be 0\.95"):
        reproduce(
            {},
            ["random"],
            tmp_path,
            lambda name, total: nullcontext(lambda done: None),
            settings=AuditSettings(confidence_level=0.9),
        )


@pytest.mark.slow
def test_names_of_all_files_are_known_before_any_work(study):
    """So that files of the user's are refused before it."""
    drawn = {
        "mimic-cxr": ("sex", "race", "age_group", "view_position"),
        "nih-cxr14": ("drain", "sex", "age_group"),
    }
    expected = set(planned(drawn, ["phantom-clip"]))

    assert set(committed(study / "paper.html", remedy="")["outputs"]) <= expected


def reproduced(release, out):
    """Run the study on a release with the null model."""
    return reproduce(
        {"nih-cxr14": release},
        ["random"],
        out,
        lambda name, total: nullcontext(lambda done: None),
    )


@pytest.fixture
def _no_encoding(monkeypatch):
    def never(*arguments, **options):
        raise AssertionError("worked")

    monkeypatch.setattr("cxraudit.paper.run.encode_step", never)


@pytest.mark.usefixtures("_no_encoding")
@pytest.mark.parametrize(
    "name",
    [
        "paper.html",
        "numbers.csv",
        "calibration-nih-cxr14.csv",
        "figures/nih-cxr14-drain-auroc.png",
        "figures/nih-cxr14-random-projections.svg",
        "nih-cxr14/images.parquet",
        "nih-cxr14/scores.parquet",
        "nih-cxr14/audit/results.parquet",
    ],
)
def test_a_file_of_the_user_is_refused_before_any_work(nih_release, tmp_path, name):
    """And stays as it is."""
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("mine")

    with pytest.raises(DataError, match="which cxraudit did not write"):
        reproduced(nih_release, tmp_path)

    assert file.read_text() == "mine"


@pytest.mark.usefixtures("_no_encoding")
def test_other_files_of_the_user_may_be_there(nih_release, tmp_path):
    """In the folder, and among the figures and tables."""
    for name in ("notes.csv", "figures/mine.svg", "nih-cxr14/notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("mine")

    with pytest.raises(AssertionError, match="worked"):
        reproduced(nih_release, tmp_path)
