"""Tables of scores as other programs write them become scores tables, or are refused in a sentence."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cxraudit.audits.scores import (
    intersections,
    match_columns,
    own_cohort,
    read_scores,
    scores_from_wide,
)
from cxraudit.datasets.table import from_frame
from cxraudit.errors import ConfigError, DataError
from cxraudit.schema import SCORE_COLUMNS


def wide() -> pd.DataFrame:
    """Two images with labels and scores of two findings."""
    return pd.DataFrame(
        {
            "file": ["a.png", "b.png"],
            "pid": ["1", "2"],
            "site": ["A/B", "C"],
            "Pneumonia": [1, 0],
            "Edema": [0, 1],
            "p_pneumonia": [0.9, 0.2],
            "p_edema": [0.3, 0.8],
        }
    )


def dataset(frame: pd.DataFrame):
    """The data set of the table."""
    return from_frame(
        frame, name="toy", root=Path(), image="file", patient="pid", findings=["Pneumonia", "Edema"]
    )


def test_one_column_per_finding_becomes_one_row_per_image_and_finding():
    """Sorted, with the name of the model."""
    scores = scores_from_wide(
        wide(), image="file", columns={"Pneumonia": "p_pneumonia", "Edema": "p_edema"}, model="m"
    )

    assert list(scores.columns) == list(SCORE_COLUMNS)
    assert scores.set_index(["image_id", "finding"]).loc[("b.png", "Edema"), "score"] == 0.8
    assert set(scores["model"]) == {"m"}


def test_frames_of_other_libraries_are_taken():
    """Whatever exports Arrow, as polars does."""
    pyarrow = pytest.importorskip("pyarrow")
    columns = {"Pneumonia": "p_pneumonia"}

    found = scores_from_wide(
        pyarrow.table(wide().to_dict("list")), image="file", columns=columns, model="m"
    )

    expected = scores_from_wide(wide(), image="file", columns=columns, model="m")
    pd.testing.assert_frame_equal(found, expected)


def test_what_is_no_frame_is_refused():
    """A list of rows."""
    with pytest.raises(TypeError, match="data frame"):
        scores_from_wide([1, 2], image="file", columns={"Edema": "p_edema"}, model="m")


@pytest.mark.parametrize("columns", [{}, "p_edema", ["p_edema"]])
def test_scores_without_findings_are_refused(columns):
    """A column alone does not say what it holds."""
    with pytest.raises(ValueError, match="must map findings to the columns"):
        scores_from_wide(wide(), image="file", columns=columns, model="m")


def test_an_image_with_two_rows_is_refused():
    """Neither of them is taken silently."""
    twice = pd.concat([wide(), wide().head(1)])

    with pytest.raises(DataError, match=r"a\.png"):
        scores_from_wide(twice, image="file", columns={"Edema": "p_edema"}, model="m")


def test_columns_are_matched_by_prefix_whatever_the_case_and_underscores():
    """Published names count, too."""
    found, notices = match_columns(
        ["p_pleural_effusion", "p_PNEUMONIA", "other"],
        "p_",
        ["Pleural Effusion", "Pneumonia"],
        {"Effusion": "Pleural Effusion"},
    )

    assert found == {"Pleural Effusion": "p_pleural_effusion", "Pneumonia": "p_PNEUMONIA"}
    assert notices == []


def test_columns_of_no_finding_are_left_out_and_named():
    """If none is one of a finding, the table is refused."""
    found, notices = match_columns(["p_edema", "p_fog", "p_time"], "p_", ["Edema"], {})

    assert found == {"Edema": "p_edema"}
    assert notices[0].count == 2
    assert "p_fog, p_time" in notices[0].sentence
    with pytest.raises(DataError, match="goes on with a finding"):
        match_columns(["p_fog"], "p_", ["Pneumonia"], {})


def test_two_columns_of_one_finding_are_refused():
    """Neither is taken silently."""
    with pytest.raises(DataError, match="both hold scores of Pleural Effusion"):
        match_columns(
            ["p_effusion", "p_pleural_effusion"],
            "p_",
            ["Pleural Effusion"],
            {"Effusion": "Pleural Effusion"},
        )


def test_a_prefix_of_no_column_is_refused():
    """With the columns there are."""
    with pytest.raises(DataError, match="no column begins with 'q_'"):
        match_columns(["p_edema"], "q_", ["Edema"], {})


def test_a_scores_table_of_cxraudit_is_read_as_it_is(tmp_path):
    """No column needs to be named."""
    frame = wide()
    scores = scores_from_wide(frame, image="file", columns={"Edema": "p_edema"}, model="m")
    scores.to_csv(tmp_path / "s.csv", index=False)

    pd.testing.assert_frame_equal(read_scores(tmp_path / "s.csv", dataset(frame)).frame, scores)


def test_a_named_column_wins_over_the_prefix(tmp_path):
    """`score` is more exact than `score_prefix`."""
    frame = wide().assign(better=[1.0, 2.0])
    frame.to_csv(tmp_path / "s.csv", index=False)

    found = read_scores(
        tmp_path / "s.csv",
        dataset(frame),
        image="file",
        score={"Edema": "better"},
        score_prefix="p_",
    ).frame

    assert set(found.loc[found["finding"] == "Edema", "score"]) == {1.0, 2.0}
    assert set(found.loc[found["finding"] == "Pneumonia", "score"]) == {0.9, 0.2}


def test_a_table_without_named_columns_says_how_to_name_them(tmp_path):
    """One sentence with the columns there are."""
    frame = wide()
    frame.to_csv(tmp_path / "s.csv", index=False)

    with pytest.raises(DataError, match="--score FINDING=COLUMN"):
        read_scores(tmp_path / "s.csv", dataset(frame))


def own(tmp_path: Path, **named):
    """The data set of the table saved as a file."""
    default = {
        "image": "file",
        "patient": "pid",
        "label": {"Edema": "Edema"},
        "age": None,
        "sex": None,
        "view": None,
        "attributes": ["site"],
        "shortcuts": {},
    }
    return own_cohort(tmp_path / "t.csv", named.pop("frame", wide()), **{**default, **named})


def test_a_table_with_labels_is_a_data_set(tmp_path):
    """Named after its file."""
    found = own(tmp_path)

    assert (found.name, found.findings, found.attributes) == ("t", ("Edema",), ("site",))


def test_the_patient_must_be_named(tmp_path):
    """Since intervals are of patients."""
    with pytest.raises(ConfigError, match="--image and --patient"):
        own(tmp_path, patient=None)


def test_a_group_of_a_column_can_be_a_shortcut(tmp_path):
    """``COLUMN:GROUP`` makes the column an attribute."""
    found = own(tmp_path, attributes=[], shortcuts={"site:C": "Edema"})

    assert "site" in found.attributes
    assert found.shortcuts == ()


def long(**columns) -> pd.DataFrame:
    """One row per image and finding, without prompt sets."""
    base = {"image_id": ["a.png", "b.png"], "finding": ["edema", "Edema"], "score": [0.1, 0.2]}
    return pd.DataFrame({**base, **columns})


def read(tmp_path, frame: pd.DataFrame, **options):
    """Write a table, and read it as scores of the two images."""
    frame.to_csv(tmp_path / "s.csv", index=False)
    return read_scores(tmp_path / "s.csv", dataset(wide()), **options)


def test_a_long_table_needs_no_model_and_no_prompt_set(tmp_path):
    """Findings are matched in any case."""
    found = read(tmp_path, long(), model="m").frame

    assert set(found["model"]) == {"m"}
    assert set(found["prompt_set"]) == {"none"}
    assert set(found["finding"]) == {"Edema"}


def test_an_image_without_a_score_is_left_out_of_that_finding_only(tmp_path):
    """And counted, in long and in wide tables."""
    blank = wide().assign(p_edema=[None, 0.8])
    found = read(tmp_path, blank, image="file", score_prefix="p_")

    assert found.frame["finding"].tolist() == ["Pneumonia", "Edema", "Pneumonia"]
    assert "1 image without a score, left out for Edema only" in found.notices[0].sentence
    assert len(read(tmp_path, long(score=[None, 0.2])).frame) == 1
    with pytest.raises(DataError, match="every cell is blank"):
        read(tmp_path, long(score=[None, None]))


def test_one_table_can_hold_several_models(tmp_path):
    """By the name of the finding, by a prefix, or by a column."""
    frame = wide().assign(q_edema=[0.4, 0.5])
    one = read(tmp_path, frame, image="file", score={"p:Edema": "p_edema", "q:Edema": "q_edema"})
    two = read(tmp_path, frame, image="file", score_prefix=["p=p_", "q=q_"])
    rows = pd.concat([wide().assign(who="p"), wide().assign(who="q", p_edema=[0.4, 0.5])])
    three = read(tmp_path, rows, image="file", score={"Edema": "p_edema"}, model_column="who")

    pd.testing.assert_frame_equal(one.frame, three.frame)
    edema = two.frame[two.frame["finding"] == "Edema"].reset_index(drop=True)
    pd.testing.assert_frame_equal(one.frame, edema)


def test_a_finding_may_be_called_by_another_name(tmp_path):
    """Effusion is pleural effusion, on either side."""
    frame = wide().rename(columns={"Edema": "Effusion"})
    effusion = from_frame(
        frame, name="toy", root=Path(), image="file", patient="pid", findings=["Effusion"]
    )
    frame.to_csv(tmp_path / "s.csv", index=False)

    found = read_scores(
        tmp_path / "s.csv", effusion, image="file", score={"Pleural Effusion": "p_edema"}
    )

    assert set(found.frame["finding"]) == {"Effusion"}


def test_zeros_in_front_of_image_names_count(tmp_path):
    """The table and the data set are matched as text; if nothing matches, both are shown."""
    frame = wide().assign(file=["0001", "0002"])
    frame.to_csv(tmp_path / "s.csv", index=False)
    found = read_scores(
        tmp_path / "s.csv", dataset(frame), image="file", score={"Edema": "p_edema"}
    )

    assert found.frame["image_id"].tolist() == ["0001", "0002"]
    with pytest.raises(DataError, match=r"the table has '1', the data set 'a\.png'"):
        read(tmp_path, frame.assign(file=["1", "2"]), image="file", score={"Edema": "p_edema"})


def test_rows_of_several_models_are_one_image(tmp_path):
    """If they agree in all but the scores."""
    rows = pd.concat([wide().assign(who="p"), wide().assign(who="q", p_edema=[0.4, 0.5])])

    assert len(own(tmp_path, frame=rows, model_column="who").images) == 2
    with pytest.raises(DataError, match="differ for image"):
        own(tmp_path, frame=rows.assign(site=["A", "B", "C", "D"]), model_column="who")


def test_an_attribute_may_have_another_name_than_its_column(tmp_path):
    """``NAME=COLUMN``, unless a column is called so."""
    assert own(tmp_path, attributes=["hospital=site"]).attributes == ("hospital",)
    frame = wide().rename(columns={"site": "a=b"})
    assert own(tmp_path, frame=frame, attributes=["a=b"]).attributes == ("a=b",)


@pytest.mark.parametrize(
    "named",
    [
        {"score": {"Edema": "p_edema", "oedema": "p_pneumonia"}},
        {"score": {"m:Edema": "p_edema", "m :Edema": "p_pneumonia"}},
        {"score_prefix": ["p_", "q_"]},
        {"score_prefix": ["m=p_", "m=q_"]},
    ],
)
def test_two_columns_of_one_finding_and_model_are_refused(tmp_path, named):
    """The second does not silently replace the first."""
    frame = wide().assign(q_edema=[0.1, 0.2])
    frame.to_csv(tmp_path / "s.csv", index=False)

    with pytest.raises(DataError, match="both hold scores of Edema"):
        read_scores(tmp_path / "s.csv", dataset(frame), image="file", **named)


@pytest.mark.parametrize(
    "named",
    [
        {"score": {"m:Edema": "p_edema"}, "model_column": "site"},
        {"score": {":Edema": "p_edema"}},
    ],
)
def test_a_model_is_named_once(tmp_path, named):
    """By its column or before the finding."""
    wide().to_csv(tmp_path / "s.csv", index=False)

    with pytest.raises(ConfigError, match="model"):
        read_scores(tmp_path / "s.csv", dataset(wide()), image="file", **named)


def test_a_long_table_may_name_its_column_of_images(tmp_path):
    """With --image."""
    long = pd.DataFrame({"file": ["a.png", "b.png"], "finding": "Edema", "score": [0.1, 0.2]})
    long.to_csv(tmp_path / "s.csv", index=False)

    read = read_scores(tmp_path / "s.csv", dataset(wide()), image="file").frame

    assert read["image_id"].tolist() == ["a.png", "b.png"]


def own_frame(tmp_path, frame: pd.DataFrame, **options):
    """The data set of a table with labels beside the scores."""
    columns = {"image": "file", "patient": "pid", "label": {"Edema": "Edema"}, "shortcuts": {}}
    return own_cohort(tmp_path / "t.csv", frame, **{"attributes": [], **columns, **options})


def test_an_intersection_names_columns_of_the_table(tmp_path):
    """Its parts need not be attributes of their own; age is that of the age groups."""
    frame = wide().assign(years=["30", "60"])
    crossed = ["site * years", "site*age"]

    found = own_frame(tmp_path, frame, attributes=crossed, age="years")

    assert found.attributes == ("age_group", "site")
    assert intersections(crossed, frame, age="years") == ["site*age_group", "site*age_group"]


def test_rows_of_models_that_describe_an_image_differently_are_refused(tmp_path):
    """Also where only the source of a shortcut's labels differs."""
    frame = pd.concat([wide().assign(net=net) for net in "AB"], ignore_index=True)
    frame = frame.assign(drain="yes", drain_source=["annotated"] * 3 + ["predicted"])

    assert len(own_frame(tmp_path, frame, model_column="net").images) == 2
    with pytest.raises(DataError, match=r"image b\.png in drain_source"):
        own_frame(tmp_path, frame, model_column="net", shortcuts={"drain": "Edema"})
    with pytest.raises(DataError, match=r"image a\.png in Edema"):
        own_frame(tmp_path, frame.assign(Edema=[0, 1, 1, 1]), model_column="net")


def test_rows_of_one_image_need_a_column_that_tells_them_apart(tmp_path):
    """Models or training runs: the refusal names the options."""
    frame = pd.concat([wide().assign(seed=seed) for seed in (1, 2)])

    with pytest.raises(DataError, match=r"2 more rows of images.*first a\.png.*--seed-column"):
        own_frame(tmp_path, frame)


@pytest.mark.parametrize(("code", "is_named"), [(-999.0, True), (4.0, False)])
def test_a_code_among_scores_is_named(tmp_path, code, is_named):
    """It ranks its image last, and would widen every standard deviation."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"image_id": [f"{k}.png" for k in range(50)], "finding": "Edema"})
    frame["score"] = [code, *rng.normal(size=49)]
    images = frame[["image_id"]].assign(patient_id=frame["image_id"], Edema=[0, 1] * 25)
    dataset = from_frame(
        images, name="t", root=tmp_path, image="image_id", patient="patient_id", findings=["Edema"]
    )
    file = tmp_path / "s.csv"
    frame.to_csv(file, index=False)

    told = " ".join(one.sentence for one in read_scores(file, dataset).notices)

    assert ("1 score for Edema by 'model' (first -999 beside a median of" in told) == is_named


def test_a_row_per_image_and_finding_may_hold_labels_too(tmp_path):
    """Rows of other findings and models repeat what they say of an image."""
    rows = [wide().assign(finding=finding, score=0.5) for finding in ("Edema", "Pneumonia")]
    frame = pd.concat([pd.concat(rows).assign(model=name) for name in "ab"], ignore_index=True)

    assert len(own_frame(tmp_path, frame).images) == 2
    with pytest.raises(DataError, match=r"image a\.png in Edema"):
        own_frame(tmp_path, frame.assign(Edema=range(len(frame))))


@pytest.mark.parametrize("name", ["age", "view_position", "report", "path"])
def test_findings_and_shortcuts_do_not_replace_columns_of_the_images(tmp_path, name):
    """A label called age would replace the ages."""
    with pytest.raises(DataError, match=f"can be called '{name}'"):
        own_frame(tmp_path, wide(), label={name: "Edema"})


def test_a_source_of_labels_of_no_shortcut_is_refused(tmp_path):
    """As after a typing error."""
    with pytest.raises(ConfigError, match="drane, which is no shortcut"):
        own_frame(tmp_path, wide(), shortcut_sources={"drane": "site"})
