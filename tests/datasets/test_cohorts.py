"""Filters are named steps, and nobody leaves without being listed."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxraudit import datasets
from cxraudit.datasets.base import Dataset, excluded_images, flow
from cxraudit.datasets.saved import IMAGES, open_dataset, save_dataset
from cxraudit.errors import ConfigError, DataError, UnknownNameError
from cxraudit.figures.flow import flow_diagram
from cxraudit.phantom.releases import write_release
from cxraudit.phantom.spec import PhantomSpec


def _cohort(patients, studies) -> Dataset:
    images = pd.DataFrame(
        {
            "image_id": [f"f{n}" for n in range(len(patients))],
            "patient_id": [f"p{n}" for n in patients],
            "study_id": [f"s{p}-{s}" for p, s in zip(patients, studies, strict=True)],
            "path": "",
            "view_position": "PA",
            "Pneumonia": 0.0,
        }
    )
    return Dataset(
        name="toy",
        version="",
        license="",
        root=None,
        images=images,
        findings=("Pneumonia",),
        attributes=(),
    )


@settings(max_examples=60, deadline=None)
@given(
    images=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 2)), min_size=1, max_size=40),
    filters=st.lists(st.integers(0, 2**40 - 1), max_size=5),
)
def test_totals_add_up_whatever_is_filtered(images, filters):
    """Left out plus kept is the release, for images, studies and patients, after every step."""
    dataset = everything = _cohort([p for p, _ in images], [s for _, s in images])
    for number, bits in enumerate(filters):
        rows = dataset.images.index
        mask = pd.Series([bool(bits >> int(r) & 1) for r in rows], index=rows)
        if not mask.any():
            continue
        dataset = dataset.keep(mask, step=f"step {number}", reason=f"reason {number}")

    steps = flow(dataset)

    for what, key in (("images", "image_id"), ("studies", "study_id"), ("patients", "patient_id")):
        start = everything.images[key].nunique()
        assert steps[what].iloc[0] == start
        assert steps[what].iloc[-1] == dataset.images[key].nunique()
        assert (steps[what] + steps[f"{what}_out"].cumsum() == start).all()
    listed = excluded_images(dataset)
    assert sorted([*listed["image_id"], *dataset.images["image_id"]]) == sorted(
        everything.images["image_id"]
    )
    assert listed["reason"].str.startswith("reason").all()


def test_a_cohort_survives_the_disk(tmp_path):
    """Steps and images left out come back as they were."""
    dataset = _cohort([0, 0, 1, 2], [0, 1, 0, 0])
    kept = dataset.keep(dataset.images["patient_id"] != "p1", step="not p1", reason="is p1").keep(
        pd.Series([True] * 3), step="nothing", reason="takes nothing"
    )

    save_dataset(kept, tmp_path)
    back = open_dataset(tmp_path / IMAGES)

    pd.testing.assert_frame_equal(flow(back), flow(kept))
    pd.testing.assert_frame_equal(excluded_images(back), excluded_images(kept), check_dtype=False)
    assert flow(back)["step"].tolist() == ["release", "not p1", "nothing"]


@pytest.fixture(scope="module")
def untidy(tmp_path_factory):
    """A MIMIC release as untidy as real ones."""
    root = tmp_path_factory.mktemp("untidy")
    spec = PhantomSpec(n_patients=120, seed=11, image_size=64, untidy=0.12)
    write_release(spec, root, "mimic", n_workers=1)
    return root


def test_the_papers_cohort_of_mimic_is_a_list_of_steps(untidy):
    """Adult test images with FINDINGS of three races; each step takes what the tables say."""
    dataset = datasets.load("mimic-cxr", untidy, {"cohort": "paper"})

    steps = flow(dataset)
    assert steps["step"].tolist() == [
        "release",
        "split test",
        "labelled",
        "frontal",
        "FINDINGS",
        "age known",
        "adults",
        "race white, black, asian",
    ]
    folder = untidy / "mimic-cxr-jpg" / "2.0.0"
    split = pd.read_csv(folder / "mimic-cxr-2.0.0-split.csv.gz")
    assert steps["images"].iloc[1] == (split["split"] == "test").sum()
    assert (steps["images_out"].iloc[[1, 2, 3, 4, 5, 7]] > 0).all()
    views = pd.read_csv(folder / "mimic-cxr-2.0.0-metadata.csv.gz").set_index("dicom_id")[
        "ViewPosition"
    ]
    kept = dataset.images["image_id"]
    assert set(views.loc[kept]) == {"AP", "PA"}
    for study, subject in zip(
        dataset.images["study_id"], dataset.images["patient_id"], strict=True
    ):
        report = folder / "files" / f"p{subject[:2]}" / f"p{subject}" / f"s{study}.txt"
        assert "\n FINDINGS:" in report.read_text()
    assert set(dataset.images["race"]) == {"asian", "black", "white"}
    given_wins = datasets.load("mimic-cxr", untidy, {"cohort": "paper", "adults": False})
    assert "adults" not in flow(given_wins)["step"].tolist()


def test_options_that_name_nothing_get_a_suggestion(untidy):
    """A group, an attribute, a cohort, and a filter that would leave nobody."""
    for options, match in (
        ({"only.race": "whte"}, "Did you mean 'white'"),
        ({"only.rac": "white"}, "Did you mean 'race'"),
        ({"cohort": "papr"}, "Did you mean 'paper'"),
        ({"adlts": "true"}, "Did you mean 'adults'"),
    ):
        with pytest.raises(UnknownNameError, match=match):
            datasets.load("mimic-cxr", untidy, options)
    with pytest.raises(ConfigError, match="true or false"):
        datasets.load("mimic-cxr", untidy, {"adults": "perhaps"})
    with pytest.raises(DataError, match="leaves no image"):
        datasets.load("mimic-cxr", untidy, {"only.race": "pacific islander"})


def test_the_flow_diagram_shows_every_step_with_its_counts(untidy):
    """Read from the figure's texts: what is left, what left, and why; also a step that took nobody."""
    dataset = datasets.load("mimic-cxr", untidy, {"cohort": "paper"})

    shown = [text.get_text() for text in flow_diagram(flow(dataset)).axes[0].texts]

    for row in flow(dataset).to_dict("records"):
        left = f"{row['images']:,} images"
        assert any(left in text for text in shown), row
        if row["images_out"]:
            assert any(
                f"{row['images_out']:,} image" in text and row["reason"][:20] in text
                for text in shown
            )
    assert any(text == "under 18 years: none" for text in shown)


def test_minors_and_unknown_ages_are_two_steps():
    """Whoever's age is not known is not called a minor."""
    from cxraudit.datasets.filters import adults

    dataset = _cohort([0, 1, 2], [0, 0, 0])
    aged = Dataset(
        name="toy",
        version="",
        license="",
        root=None,
        findings=("Pneumonia",),
        attributes=(),
        images=dataset.images.assign(age=[17.9, np.nan, 18.0]),
    )

    kept = adults(aged)

    assert kept.images["patient_id"].tolist() == ["p2"]
    assert kept.exclusions[["step", "images"]].to_numpy().tolist() == [
        ["age known", 1],
        ["adults", 1],
    ]
    with pytest.raises(ConfigError, match="no ages"):
        adults(dataset)


def test_a_step_may_be_taken_again():
    """Nothing is listed if it takes nobody; else its name is numbered."""
    dataset = _cohort([0, 1, 2], [0, 0, 0])
    once = dataset.keep(dataset.images["patient_id"] != "p0", step="some", reason="r")

    assert once.keep(pd.Series([True, True]), step="some", reason="r").steps == once.steps
    twice = once.keep(once.images["patient_id"] != "p1", step="some", reason="r")

    assert [name for name, _ in twice.steps] == ["some", "some (2)"]
    assert flow(twice)["images"].tolist() == [3, 2, 1]
