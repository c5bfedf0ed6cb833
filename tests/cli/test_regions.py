"""``cxraudit perturb --region`` and ``--masks``: from images to a page, and what is refused."""

import shutil
from dataclasses import replace

import pandas as pd
import pytest
from PIL import Image

import cxraudit
from cxraudit import datasets
from cxraudit.datasets.saved import open_dataset, save_dataset
from cxraudit.files import read_manifest
from cxraudit.masks import read_masks, write_masks
from cxraudit.phantom.regions import drawn_masks
from cxraudit.phantom.releases import write_release
from cxraudit.phantom.spec import PhantomSpec
from cxraudit.schema import KIND, Analysis


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """Synthetic radiographs of which half have pneumothorax."""
    root = tmp_path_factory.mktemp("release")
    prevalence = {"Pneumothorax": 0.5, "Cardiomegaly": 0.4}
    spec = PhantomSpec(n_patients=30, seed=3, image_size=64, prevalence=prevalence)
    write_release(spec, root, "nih", n_workers=1)
    return root


@pytest.fixture
def work(release, tmp_path, run):
    """A folder with scores."""
    out = tmp_path / "work"
    assert run(f"encode nih-cxr14 --root {release} --model phantom-clip --out {out} -q") == 0
    assert run("score", out, "--finding Pneumothorax --finding Cardiomegaly") == 0
    return out


def test_from_regions_to_the_page(work, release, run, tmp_path):
    """The masks of a synthetic release are known; written as a table they give the same."""
    assert run("perturb", work, "--region without-lungs --region without-drain --images 60 -q") == 0
    assert run("audit", work / "scores.parquet", "--resamples 100 --no-embeddings -q") == 0

    scores = pd.read_parquet(work / "perturbed-scores.parquet")
    results = pd.read_parquet(work / "audit" / "results.parquet")
    page = (work / "audit" / "report.html").read_text()
    names = {
        "unedited",
        "without-lungs",
        "control-without-lungs",
        "without-drain",
        "control-without-drain",
    }
    assert set(scores["perturbation"]) == names
    assert set(scores[KIND]) == {"", "region"}
    assert Analysis.REGION in set(results["analysis"])
    assert "Regions of the image" in page
    assert "same-label-swap" in page

    file = write_masks(drawn_masks(datasets.load("nih-cxr14", release)), tmp_path / "masks.csv.gz")
    other = tmp_path / "other"
    assert run(f"encode nih-cxr14 --root {release} --model phantom-clip --out {other} -q") == 0
    assert run("score", other, "--finding Pneumothorax --finding Cardiomegaly") == 0
    chosen = "--region without-lungs --region without-drain --images 60 -q"
    assert run("perturb", other, "--masks", file, chosen) == 0
    again = pd.read_parquet(other / "perturbed-scores.parquet")
    pd.testing.assert_frame_equal(scores, again)


def test_regions_are_added_to_perturbations_of_an_earlier_call(work, run):
    """And stay when others are added."""
    assert run("perturb", work, "--perturbation blur --images 10 -q") == 0
    assert KIND not in pd.read_parquet(work / "perturbed-scores.parquet")
    assert run("perturb", work, "--region only-lungs --images 10 -q") == 0
    assert run("perturb", work, "--perturbation contrast --images 10 -q") == 0

    found = set(pd.read_parquet(work / "perturbed-scores.parquet")["perturbation"])
    assert found == {"unedited", "blur", "contrast", "only-lungs", "control-only-lungs"}
    manifest = read_manifest(work / "perturbed-scores.parquet")
    assert manifest["requested"] == ["blur", "contrast"]
    assert manifest["regions"] == ["only-lungs"]


def test_masks_alone_stand_for_all_regions(work, release, run, tmp_path):
    """Images without a mask are counted; those of another size are stated to be resized."""
    masks = drawn_masks(datasets.load("nih-cxr14", release))
    file = write_masks(masks, tmp_path / "masks.csv")
    table = pd.read_csv(file)
    few = table[~table["image_id"].isin(sorted(set(table["image_id"]))[:5])]
    few.to_csv(tmp_path / "few.csv", index=False)

    assert run("perturb", work, "--images 500 -q --masks", tmp_path / "few.csv") == 0

    scores = pd.read_parquet(work / "perturbed-scores.parquet")
    assert {"without-heart", "only-lung-box", "outline-lungs"} <= set(scores["perturbation"])
    notices = read_manifest(work / "perturbed-scores.parquet")["notices"]
    assert [one["count"] for one in notices if "without a mask" in one["sentence"]] == [5]
    left_out = scores[scores["score"].isna() & (scores["perturbation"] == "without-lungs")]
    assert left_out["image_id"].nunique() == 5


REFUSED = {
    "unknown": ("--region without-spleen", "no region perturbation"),
    "missing": ("--masks nowhere.csv", "is missing"),
    "none": ("--masks {other}", "no mask that can be used"),
    "broken": ("--masks {broken}", "are damaged"),
    "no table": ("--masks {empty}", "cannot be read as a table"),
    "no pictures": ("--masks {folder}", "holds no picture"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_done_is_refused_in_a_sentence(work, release, run, tmp_path, capsys, kind):
    """With exit code 2, before anything is written."""
    masks = drawn_masks(datasets.load("nih-cxr14", release))
    table = pd.read_csv(write_masks(masks, tmp_path / "masks.csv"))
    table.assign(image_id="x" + table["image_id"]).to_csv(tmp_path / "other.csv", index=False)
    table.assign(rle="9999999 1").to_csv(tmp_path / "broken.csv", index=False)
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    places = {name: tmp_path / f"{name}.csv" for name in ("other", "broken", "empty")}
    arguments, stated = REFUSED[kind]

    code = run(
        "perturb", work, arguments.format(**places, folder=tmp_path / "folder"), "--images 10 -q"
    )

    assert code == 2
    assert stated in capsys.readouterr().err
    assert not (work / "perturbed-scores.parquet").exists()


def test_masks_of_low_quality_alone_are_refused_for_their_quality(
    work, release, run, tmp_path, capsys
):
    """Their names are right."""
    ids = datasets.load("nih-cxr14", release).images["image_id"]
    runs = dict.fromkeys(("Left Lung", "Right Lung", "Heart"), "1 9")
    table = pd.DataFrame({"Image Index": ids, "Dice RCA (Mean)": 0.5, "Height": 64, "Width": 64})
    table.assign(**runs).to_csv(tmp_path / "low.csv", index=False)

    assert run("perturb", work, "--images 10 -q --masks", tmp_path / "low.csv") == 2

    stated = capsys.readouterr().err
    assert "is below 0.7" in stated
    assert "Name the masks" not in stated


def test_other_masks_than_before_name_the_folders_to_delete(work, release, run, tmp_path, capsys):
    """Only those of the regions that changed; after that, the command runs."""
    masks = drawn_masks(datasets.load("nih-cxr14", release))
    file = write_masks(masks, tmp_path / "masks.csv")
    chosen = "--region without-lungs --region without-heart --images 10 -q --masks"
    assert run("perturb", work, chosen, file) == 0
    table = pd.read_csv(file)
    changed = table["region"] == "heart"
    table.assign(rle=table["rle"].mask(changed, "1 40")).to_csv(file, index=False)

    assert run("perturb", work, chosen, file) == 2

    stated = capsys.readouterr().err
    folders = [work / "perturbed" / name for name in ("without-heart", "control-without-heart")]
    assert "the masks changed" in stated
    assert "--out" not in stated
    assert "without-lungs" not in stated
    for folder in folders:
        assert str(folder) in " ".join(stated.split())
        shutil.rmtree(folder)
    assert run("perturb", work, chosen, file) == 0


def test_regions_of_real_images_need_masks(work, run, capsys):
    """Nothing is guessed."""
    file = work / "images.parquet"
    save_dataset(replace(open_dataset(file), truth=None), work)
    code = run("perturb", work, "--region without-lungs --images 10 -q")

    assert code == 2
    assert "masks" in capsys.readouterr().err


def test_read_masks_is_public(release, tmp_path):
    """And what it gives is taken by perturb_images."""
    file = write_masks(drawn_masks(datasets.load("nih-cxr14", release)), tmp_path / "m.parquet")

    assert cxraudit.read_masks(file).regions == read_masks(file).regions


def test_regions_that_can_be_removed_from_no_image_are_refused(
    work, release, run, tmp_path, capsys
):
    """With the reason, before an image is perturbed."""
    ids = datasets.load("nih-cxr14", release).images["image_id"]
    for kind, picture in UNUSABLE.items():
        folder = tmp_path / kind
        folder.mkdir()
        for image in ids:
            for region in ("lungs", "heart"):
                picture.save(folder / f"{image.removesuffix('.png')}_{region}.png")

        assert run("perturb", work, "--images 10 -q --masks", folder) == 2

        stated = " ".join(capsys.readouterr().err.split())
        assert "no region can be removed from any of the" in stated
        assert REASONS[kind] in stated
        assert "first: 0" in stated
        assert not (work / "perturbed-scores.parquet").exists()
        assert not (work / "perturbed").exists()


UNUSABLE = {
    "black": Image.new("L", (64, 64)),
    "full": Image.new("L", (64, 64), 255),
    "other": Image.new("L", (64, 32), 255),
}
REASONS = {
    "black": "the mask of the region 'lungs' is empty",
    "full": "the region 'lungs' is all of the image",
    "other": "the mask of the region 'lungs' has another shape than the image",
}


def test_a_region_that_no_image_has_is_told_at_once_and_left_out(
    work, release, run, tmp_path, capsys
):
    """The others are removed; its control is left out with it."""
    table = pd.read_csv(
        write_masks(drawn_masks(datasets.load("nih-cxr14", release)), tmp_path / "m.csv")
    )
    table["rle"] = table["rle"].mask(table["region"] == "heart", "")
    table.to_csv(tmp_path / "m.csv", index=False)
    chosen = "--region without-lungs --region without-heart --images 10 --masks"

    assert run("perturb", work, chosen, tmp_path / "m.csv") == 0

    printed = capsys.readouterr()
    stated = " ".join((printed.out + printed.err).split())
    assert "applies to no image: without-heart: the mask of the region 'heart' is empty" in stated
    found = set(pd.read_parquet(work / "perturbed-scores.parquet")["perturbation"])
    assert found == {"unedited", "without-lungs", "control-without-lungs"}
    notices = read_manifest(work / "perturbed-scores.parquet")["notices"]
    (hidden,) = [one["hidden"] for one in notices if "applies to no image" in one["sentence"]]
    assert "first" not in hidden
