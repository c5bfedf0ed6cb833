"""Edited images are scored as their originals are, whoever edited them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cxraudit import datasets, models
from cxraudit.audits.perturbations import audit_perturbations
from cxraudit.edits import CONTROL_OF
from cxraudit.errors import DataError, NotAppliedError
from cxraudit.images import read_image
from cxraudit.perturb import perturb
from cxraudit.perturb.own import run
from cxraudit.perturb.own.table import read_pairs
from cxraudit.perturb.run import perturbed_scores, plan_perturbations
from cxraudit.prompts import load as load_prompts
from cxraudit.schema import CONTROLS, UNEDITED
from cxraudit.scoring import score_pairs
from cxraudit.settings import AuditSettings
from planted import pick

FINDING = "Pneumothorax"


@pytest.fixture(scope="module")
def model():
    """The small model of the package."""
    return models.load("phantom-clip")


@pytest.fixture(scope="module")
def edited(nih_release, tmp_path_factory):
    """Images without a drain to which the built-in drain and its controls apply, and files of them."""
    folder = tmp_path_factory.mktemp("edited")
    dataset = datasets.load("nih-cxr14", nih_release).choose_findings([FINDING])
    kept, rows = [], []
    for image_id, path in zip(dataset.images["image_id"], dataset.images["path"], strict=True):
        if len(kept) == 40:
            break
        try:
            drawn = {
                name: perturb(read_image(Path(path)), name, image_id=image_id)
                for name in ("drain", *CONTROLS)
            }
        except NotAppliedError:
            continue
        kept.append(image_id)
        for name, image in drawn.items():
            image.save(folder / f"{name}-{image_id}")
            of = "drain" if name in CONTROLS else ""
            rows.append((image_id, f"{name}-{image_id}", name, of))
    images = dataset.images["image_id"].isin(kept)
    table = folder / "pairs.csv"
    columns = ["image_id", "edited", "edit", CONTROL_OF]
    pd.DataFrame(rows, columns=columns).to_csv(table, index=False)
    # All images are edited, and none is known to have a drain.
    dataset = dataset.keep(images, step="edited", reason="chosen")
    return replace(dataset, images=dataset.images.assign(drain="unknown")), table


@pytest.fixture(scope="module")
def scored(edited, model, tmp_path_factory):
    """Scores of these files as own pairs."""
    dataset, table = edited
    folder = tmp_path_factory.mktemp("pairs")
    return score_pairs(dataset, {"m": model}, FINDING, "paper", table, folder), folder


@pytest.fixture(scope="module")
def built_in(edited, model, tmp_path_factory):
    """Scores of the same images as cxraudit perturb makes them."""
    dataset, _ = edited
    planned = [
        one
        for one in plan_perturbations(dataset, ["drain"])[0]
        if one.name in (UNEDITED, "drain", *CONTROLS)
    ]
    return perturbed_scores(
        dataset.images,
        {"m": model},
        [FINDING],
        load_prompts("paper"),
        planned,
        tmp_path_factory.mktemp("perturbed"),
    )[0]


def test_own_pairs_of_the_built_in_drain_are_the_built_in_drain(edited, scored, built_in):
    """Scores image by image, and all rows of the audit."""
    dataset, _ = edited
    key = ["perturbation", "image_id"]
    mine, theirs = (
        table.set_index(key)["score"].sort_index() for table in (scored[0].scores, built_in)
    )
    pd.testing.assert_series_equal(mine, theirs, rtol=0, atol=1e-12)

    settings = AuditSettings(n_resamples=100)
    found, expected = (
        audit_perturbations(dataset, table, settings=settings, attributes="sex").results
        for table in (scored[0].scores, built_in)
    )
    order = ["condition", "reference", "metric", "attribute", "group"]
    found, expected = (table.sort_values(order, ignore_index=True) for table in (found, expected))
    pd.testing.assert_frame_equal(found, expected, rtol=0, atol=1e-12)


def test_finished_work_is_kept(edited, scored, model):
    """A second call writes no embedding, and ends with the same scores."""
    dataset, table = edited
    first, folder = scored
    # The index may be written again: files as young as theirs were are hashed once more.
    times = {path: path.stat().st_mtime_ns for path in folder.rglob("*.npy")}

    again = score_pairs(dataset, {"m": model}, FINDING, "paper", table, folder)

    assert times
    assert times == {path: path.stat().st_mtime_ns for path in folder.rglob("*.npy")}
    pd.testing.assert_frame_equal(first.scores, again.scores)


def test_another_edit_is_encoded_and_the_others_are_kept(edited, scored, model):
    """Work on files that are the same is not repeated."""
    dataset, table = edited
    _, folder = scored
    pairs = pd.read_csv(table)
    more = pairs[pairs["edit"].eq("drain")].head(12).assign(edit="again")
    times = {path: path.stat().st_mtime_ns for path in folder.rglob("*.npy")}

    found = score_pairs(
        dataset,
        {"m": model},
        FINDING,
        "paper",
        pd.concat([pairs, more]),
        folder,
        root=table.parent,
    )

    assert (
        times.items() <= {path: path.stat().st_mtime_ns for path in folder.rglob("*.npy")}.items()
    )
    assert "again" in set(found.scores["perturbation"])
    assert "24 edited images with the pixels of another edited image" in " ".join(
        one.sentence for one in found.notices
    )


def test_copies_change_no_pixel_and_unreadable_files_are_listed(edited, model, tmp_path):
    """Neither is a score that did not change; the others are scored."""
    dataset, table = edited
    pairs = pick(pd.read_csv(table), edit="drain")
    paths = dataset.images.set_index("image_id")["path"]
    pairs = pairs.assign(edited=[str(table.parent / name) for name in pairs["edited"]])
    copy = tmp_path / "copy.bmp"
    read_image(Path(paths[pairs["image_id"].iloc[0]])).save(copy)
    pairs.iloc[0, pairs.columns.get_loc("edited")] = str(copy)
    pairs.iloc[1, pairs.columns.get_loc("edited")] = str(tmp_path / "nowhere.png")
    (tmp_path / "broken.png").write_bytes(b"no image")
    pairs.iloc[2, pairs.columns.get_loc("edited")] = str(tmp_path / "broken.png")
    pairs.iloc[3, pairs.columns.get_loc("edited")] = str(tmp_path)

    found = score_pairs(dataset, {"m": model}, FINDING, "paper", pairs, tmp_path / "out")

    drain = pick(found.scores, perturbation="drain")
    assert drain["score"].isna().sum() == 1
    assert len(drain) == len(pairs) - 3
    assert len(found.unread) == 4
    told = " ".join(one.sentence for one in found.notices)
    assert "1 pair left out: the edit changes no pixel of the image" in told
    assert "1 pair left out: the file is missing" in told
    assert "2 pairs left out: an image cannot be read" in told


def test_an_edited_image_of_equal_pixels_has_exactly_the_score_of_its_original(
    edited, model, tmp_path
):
    """Scored with the files that the edit did change, in other batches."""
    dataset, table = edited
    pairs = pick(pd.read_csv(table), edit="drain").head(7)
    paths = dataset.images.set_index("image_id")["path"]
    rows = []
    for image_id in pairs["image_id"]:
        image = read_image(Path(paths[image_id]))
        image.save(tmp_path / f"{image_id}.bmp")
        rows.append((image_id, str(tmp_path / f"{image_id}.bmp"), "copy"))
    copies = pd.DataFrame(rows, columns=["image_id", "edited", "edit"])
    others = pairs.assign(edited=[str(table.parent / name) for name in pairs["edited"]])

    read = read_pairs(pd.concat([copies, others]), dataset).frame
    none = pd.DataFrame(columns=["edit", "pair", "image_id", "error"], dtype="str")
    scores, _ = run.score_pairs(
        dataset.images,
        read,
        none,
        {"m": model},
        [FINDING],
        load_prompts("paper"),
        tmp_path / "out",
        batch_size=3,
    )

    by_image = [
        pick(scores, perturbation=name).set_index("image_id")["score"].sort_index()
        for name in ("copy", UNEDITED)
    ]
    assert np.array_equal(by_image[0].to_numpy(), by_image[1].to_numpy())


def test_pairs_of_a_finding_are_scored_for_it_alone(edited, model, tmp_path):
    """And no pair that can be compared is an error."""
    dataset, table = edited
    pairs = pick(pd.read_csv(table), edit="drain").head(3).assign(finding=FINDING)

    found = score_pairs(
        dataset, {"m": model}, FINDING, "paper", pairs, tmp_path / "a", root=table.parent
    )

    assert set(found.scores["finding"]) == {FINDING}
    with pytest.raises(DataError, match="none of the 3 pairs can be compared"):
        score_pairs(dataset, {"m": model}, FINDING, "paper", pairs, tmp_path / "b", root=tmp_path)
    with pytest.raises(DataError, match="is the name of an edit and of a perturbation"):
        score_pairs(
            dataset,
            {"m": model},
            FINDING,
            "paper",
            pairs,
            tmp_path / "c",
            root=table.parent,
            taken=["drain"],
        )
