"""Masks are read as they are published; what does not fit is refused or left out with the reason."""

import csv
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cxraudit.errors import ConfigError, DataError, MissingColumnsError, NotAppliedError
from cxraudit.masks import Masks, read_masks, region_name, write_masks
from cxraudit.masks.run_lengths import encode
from cxraudit.perturb.regions import region_perturbations

SQUARE = np.zeros((8, 10), dtype=bool)
SQUARE[2:5, 6:9] = True


def chexmask(*rows, index=False, **changed):
    """Return a table in the layout of CheXmask: (name, quality) per row."""
    left, right, heart = SQUARE, SQUARE[:, ::-1], SQUARE[::-1]
    table = pd.DataFrame(
        {
            "Image Index": [name for name, _ in rows],
            "Dice RCA (Mean)": [quality for _, quality in rows],
            "Landmarks": "1,2,3",
            "Left Lung": encode(left),
            "Right Lung": encode(right),
            "Heart": encode(heart),
            "Height": 8,
            "Width": 10,
        }
    ).assign(**changed)
    return table.reset_index() if index else table


@pytest.fixture
def written(tmp_path):
    """Return a function that writes a table."""

    def write(table, name="masks.csv"):
        file = tmp_path / name
        table.to_csv(file, index=False)
        return file

    return write


@pytest.fixture(scope="module")
def real(real_data):
    """The 50 masks that two physicians checked."""
    file = real_data / "chexmask" / "ChestX-Ray8_50_masks.csv"
    if not file.is_file():
        pytest.skip("no masks among the real data")
    return file


def test_real_masks_are_decoded_as_an_independent_decoder_does(real):
    """All 50 rows, pixel by pixel; the left lung is at the right of the image, and nothing is empty."""
    masks = read_masks(real, minimum_quality=0)
    csv.field_size_limit(sys.maxsize)
    with real.open(newline="") as file:
        rows = list(csv.DictReader(file))

    assert len(masks.images) == len(rows) == 50
    for row in rows:
        name, height, width = row["Image Index"], int(row["Height"]), int(row["Width"])
        found = {}
        for column, region in (
            ("Left Lung", "left-lung"),
            ("Right Lung", "right-lung"),
            ("Heart", "heart"),
        ):
            flat = bytearray(height * width)
            numbers = [int(word) for word in row[column].split()]
            for start, length in zip(numbers[::2], numbers[1::2], strict=True):
                flat[start - 1 : start - 1 + length] = b"\1" * length
            expected = np.frombuffer(flat, dtype=np.uint8).reshape(height, width) == 1
            found[region] = masks.of(name, region, (width, height))
            assert (found[region] == expected).all()
            assert found[region].sum() == sum(numbers[1::2])
        both = masks.of(name, "lungs", (width, height))
        assert (both == (found["left-lung"] | found["right-lung"])).all()
        assert found["left-lung"].nonzero()[1].mean() > found["right-lung"].nonzero()[1].mean()
        assert 0.1 < both.mean() < 0.5


def test_real_masks_of_low_quality_are_not_used(real):
    """Two of 50 are below 0.7: counted, and named where one is asked for."""
    masks = read_masks(real)

    assert len(masks.images) == 48
    (notice,) = masks.notices
    assert notice.count == 2
    with pytest.raises(NotAppliedError, match=r"is below 0\.7"):
        masks.of("00008297_010.png", "lungs", (1024, 1024))


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet"])
@pytest.mark.parametrize("index", [False, True])
def test_tables_are_read_in_every_form(tmp_path, ending, index):
    """With and without a column of row numbers, packed or not."""
    file = tmp_path / f"masks.{ending}"
    table = chexmask(("a.png", 0.9), ("b.png", 0.8), index=index)
    table.to_parquet(file) if ending == "parquet" else table.to_csv(file, index=index)

    masks = read_masks(file)

    assert masks.regions == ("heart", "left-lung", "lungs", "right-lung")
    assert (masks.of("a.png", "left-lung", (10, 8)) == SQUARE).all()
    assert (masks.of("b", "lungs", (10, 8)) == (SQUARE | SQUARE[:, ::-1])).all()


@pytest.mark.parametrize(
    ("column", "name", "image_id"),
    [
        ("dicom_id", "02aa804e-bde0afdd", "02aa804e-bde0afdd"),
        (
            "Path",
            "CheXpert-v1.0/train/patient1/study1/view1_frontal.jpg",
            "train/patient1/study1/view1_frontal.jpg",
        ),
        ("ImageID", "216840111366964012_00-000.png", "216840111366964012_00-000.png"),
        ("image_id", "000434271f63a053c4128a0ba6352c7f", "000434271f63a053c4128a0ba6352c7f"),
        ("image_id", "c:\\data\\x.dicom", "x"),
    ],
)
def test_images_are_found_by_the_names_that_releases_give_them(written, column, name, image_id):
    """The first column is called as the data set calls it."""
    file = written(chexmask((name, 0.9)).rename(columns={"Image Index": column}))

    masks = read_masks(file, image_ids=[image_id, "another"])

    assert (masks.of(image_id, "left-lung", (10, 8)) == SQUARE).all()
    with pytest.raises(NotAppliedError, match="no mask"):
        masks.of("another", "lungs", (10, 8))


def test_a_name_that_two_images_share_is_not_guessed(written):
    """One file name in two folders."""
    masks = read_masks(written(chexmask(("p1/view.png", 0.9), ("p2/view.png", 0.9))))

    assert masks.find("p1/view.png") == "p1/view.png"
    assert masks.find("view.png") == ""


def test_rows_of_other_images_are_not_kept_and_not_checked(written):
    """Tables have hundreds of thousands of rows."""
    table = chexmask(("a.png", 0.9), ("b.png", 0.9))
    table.loc[1, "Heart"] = "damaged"

    masks = read_masks(written(table), image_ids=["a.png"])

    assert list(masks.images) == ["a.png"]


@pytest.mark.parametrize("quality", ["", "nan", " ", None])
def test_masks_of_unknown_quality_are_not_used(written, quality):
    """Counted apart from those of low quality."""
    masks = read_masks(written(chexmask(("a.png", quality), ("b.png", 0.2), ("c.png", 0.9))))

    assert list(masks.images) == ["c.png"]
    assert [notice.count for notice in masks.notices] == [1, 1]


def test_a_table_with_a_mask_per_row_is_read(written):
    """Any region, by any spelling; the table that is written is the one that is read."""
    rows = [("a", "Left_Lung", SQUARE), ("a", "right lung", SQUARE[:, ::-1]), ("b", "Tube", SQUARE)]
    table = pd.DataFrame(
        [(i, r, encode(m), 8, 10) for i, r, m in rows],
        columns=["image_id", "region", "rle", "height", "width"],
    )
    masks = read_masks(written(table))
    again = read_masks(write_masks(masks, written(table, "x.csv").with_name("again.csv.gz")))

    for found in (masks, again):
        assert found.regions == ("left-lung", "lungs", "right-lung", "tube")
        assert (found.of("b", "tube", (10, 8)) == SQUARE).all()
    assert masks.fingerprint(["a", "b"], ["lungs", "tube"]) == again.fingerprint(
        ["b", "a"], ["lungs", "tube"]
    )


@pytest.mark.parametrize(
    ("change", "lacks"),
    [
        (lambda t: t.drop(columns="height"), "height"),
        (lambda t: t.drop(columns=["rle", "region"]), "region, rle"),
        (lambda t: t.rename(columns={"width": "Width"}), "width"),
    ],
)
def test_only_what_lacks_is_said_to_lack(written, change, lacks):
    """Columns that are there are not named as lacking."""
    row = {"image_id": "a", "region": "tube", "rle": "1 2", "height": 8, "width": 10}

    with pytest.raises(MissingColumnsError) as caught:
        read_masks(written(change(pd.DataFrame([row]))))

    stated = str(caught.value).split("; it has")[0]
    assert stated.endswith(f"lacks the column{'s' if ',' in lacks else ''} {lacks}")


@pytest.mark.parametrize("mark", [";", "\t", "|"])
@pytest.mark.parametrize("kind", ["chexmask", "rows"])
def test_another_separator_is_named(tmp_path, mark, kind):
    """Rather than all columns, of which none is found."""
    row = {"image_id": "a", "region": "tube", "rle": "1 2", "height": 8, "width": 10}
    table = chexmask(("a.png", 0.9)) if kind == "chexmask" else pd.DataFrame([row])
    table.to_csv(tmp_path / "masks.csv", index=False, sep=mark)

    with pytest.raises(DataError, match=r"separate its columns\. Save it with commas"):
        read_masks(tmp_path / "masks.csv")


def test_a_table_without_quality_is_used_and_said_to_be(written):
    """Nothing of it is silent."""
    masks = read_masks(written(chexmask(("a.png", 0.9)).drop(columns="Dice RCA (Mean)")))

    (notice,) = masks.notices
    assert list(masks.images) == ["a.png"]
    assert "has no Dice RCA (Mean): all of its masks are used" in notice.sentence


@pytest.mark.parametrize("name", ["lung-box", "Wider Lungs", "narrower_lungs"])
def test_a_region_that_is_made_of_the_lungs_is_no_name_of_another(written, tmp_path, name):
    """In a table, and in both layouts of a folder."""
    row = {"image_id": "a", "region": name, "rle": "1 2", "height": 8, "width": 10}
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    Image.fromarray(SQUARE).save(pictures / f"a_{name.replace('_', ' ')}.png")

    for source in (written(pd.DataFrame([row])), pictures):
        with pytest.raises(DataError, match="Give the region another name"):
            read_masks(source)


def test_pictures_that_lose_values_are_counted_and_named(tmp_path):
    """A .jpg beside others, and alone."""
    Image.fromarray(SQUARE).save(tmp_path / "a_lungs.jpg")
    with pytest.raises(DataError, match=r"a_lungs\.jpg does not keep every value"):
        read_masks(tmp_path)
    Image.fromarray(SQUARE).save(tmp_path / "a_heart.png")

    (notice,) = read_masks(tmp_path).notices

    assert notice.count == 1
    assert "a_lungs.jpg" in notice.sentence


BROKEN = {
    "twice": (lambda t: pd.concat([t, t]), "two rows of a.png"),
    "runs": (lambda t: t.assign(Heart="3 1 2 1"), "'heart' of a.png are damaged: runs overlap"),
    "size": (lambda t: t.assign(Height="tall"), "are no numbers of pixels"),
    "zero": (lambda t: t.assign(Width=0), "are no numbers of pixels"),
    "half": (lambda t: t.assign(Height=128.5), "are no numbers of pixels"),
    "percent": (
        lambda t: t.assign(**{"Dice RCA (Mean)": 91.2}),
        "'91.2', which is no number between 0 and 1",
    ),
    "infinite": (lambda t: t.assign(**{"Dice RCA (Mean)": "inf"}), "no number between 0 and 1"),
    "negative": (lambda t: t.assign(**{"Dice RCA (Mean)": -0.1}), "no number between 0 and 1"),
    "huge": (lambda t: t.assign(Width="1e300"), "are no numbers of pixels"),
    "outside": (lambda t: t.assign(Width=3), "ends at pixel"),
    "no id": (lambda t: t.rename(columns={"Image Index": "x"}), "Image Index"),
    "blank id": (lambda t: t.assign(**{"Image Index": " "}), "without Image Index"),
    "no lung": (lambda t: t.drop(columns="Left Lung"), "Left Lung"),
    "no masks": (lambda t: t[["Image Index"]], "lacks the columns"),
    "no rows": (lambda t: t.iloc[:0], "has no rows"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_damaged_tables_are_refused_in_a_sentence(written, kind):
    """Which says what was found."""
    change, stated = BROKEN[kind]

    with pytest.raises(DataError, match=stated) as caught:
        read_masks(written(change(chexmask(("a.png", 0.9)))))

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"\x00\xff\xfe", b'a,b\n"1', b"\x1f\x8b\x08broken"])
@pytest.mark.parametrize("name", ["m.csv", "m.csv.gz", "m.parquet"])
def test_files_that_are_no_table_are_refused(tmp_path, data, name):
    """Empty, binary, cut off."""
    (tmp_path / name).write_bytes(data)

    with pytest.raises((DataError, MissingColumnsError)):
        read_masks(tmp_path / name)


def test_missing_files_and_wrong_limits_are_refused(tmp_path):
    """Before anything is read."""
    with pytest.raises(DataError, match="is missing"):
        read_masks(tmp_path / "none.csv")
    with pytest.raises(ConfigError, match="between 0 and 1"):
        read_masks(tmp_path, minimum_quality=1.5)


@pytest.mark.parametrize(
    "name", ["<b>", "a/b", "../x", "", "x" * 41, "$\\frac{$", "a|b", "\u202elungs"]
)
def test_hostile_names_of_regions_are_refused(name):
    """They would be names of folders and conditions."""
    with pytest.raises(DataError, match="names the region"):
        region_name(name)


@pytest.mark.parametrize("layout", ["suffix", "folders"])
def test_folders_of_pictures_are_read(tmp_path, layout):
    """What is not black is inside, in 1, 8 and 16 bits and in colour."""
    level = np.where(SQUARE, 7, 0)
    pictures = {
        "lungs": Image.fromarray(SQUARE),
        "heart": Image.fromarray(level.astype(np.uint8)),
        "left_lung": Image.fromarray(level.astype(np.uint16)),
        "tube": Image.fromarray(np.stack([level * 0, level, level * 0], axis=2).astype(np.uint8)),
    }
    for region, picture in pictures.items():
        name = f"a_1_{region}.png" if layout == "suffix" else f"{region}/a_1.png"
        (tmp_path / name).parent.mkdir(exist_ok=True)
        picture.save(tmp_path / name)

    masks = read_masks(tmp_path, image_ids=["a_1.png"])

    assert masks.regions == ("heart", "left-lung", "lungs", "tube")
    for region in masks.regions:
        assert (masks.of("a_1.png", region, (10, 8)) == SQUARE).all()


def test_folders_without_masks_are_refused(tmp_path):
    """And pictures that are none are found when they are needed."""
    with pytest.raises(DataError, match="holds no picture"):
        read_masks(tmp_path)
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(DataError, match="no picture in"):
        read_masks(tmp_path)
    (tmp_path / "a_lungs.png").write_bytes(b"broken")
    masks = read_masks(tmp_path)
    assert masks.notices[0].count == 1
    with pytest.raises(NotAppliedError, match="cannot be read"):
        masks.of("a", "lungs", (10, 8))


def test_masks_of_another_size_are_resized_only_if_the_shape_is_the_same(written):
    """Within 1 %; a square mask of a padded image is not stretched."""
    masks = read_masks(written(chexmask(("a.png", 0.9))))

    larger = masks.of("a.png", "left-lung", (100, 80))
    assert (larger == SQUARE.repeat(10, axis=0).repeat(10, axis=1)).all()
    assert masks.of("a.png", "left-lung", (1000, 805)).shape == (805, 1000)
    with pytest.raises(NotAppliedError, match="another shape"):
        masks.of("a.png", "left-lung", (100, 90))
    sizes = {"a.png": (100, 80), "b.png": (10, 8)}
    assert masks.resized(sizes, "lungs") == ["a.png"]
    assert masks.resized({"a.png": (10, 8)}, "lungs") == []


def test_empty_masks_do_not_apply(written):
    """A segmentation that found nothing."""
    masks = read_masks(written(chexmask(("a.png", 0.9), Heart="")))

    with pytest.raises(NotAppliedError, match="'heart' is empty"):
        masks.of("a.png", "heart", (10, 8))


@pytest.mark.parametrize(("column", "side"), [("Left Lung", "left"), ("Right Lung", "right")])
def test_one_lung_is_never_taken_for_both(written, column, side):
    """A blank mask of the other: neither lungs nor what is made of them is known."""
    table = chexmask(("a.png", 0.9), ("b.png", 0.9))
    table.loc[0, column] = ""
    image = Image.new("L", (10, 8))
    names = ["without-lungs", "only-lung-box", "without-wider-lungs", "outline-lungs"]

    masks = read_masks(written(table))

    for perturbation in region_perturbations([*names, "without-narrower-lungs"], masks):
        with pytest.raises(NotAppliedError, match=f"'{side}-lung' is empty: one lung is not both"):
            perturbation(image, "a.png")
    assert masks.of("b.png", "lungs", (10, 8)).any()
    assert masks.of("a.png", "heart", (10, 8)).any()


def test_one_mask_for_each_lung_is_not_both(written):
    """It is that of one of them, or of both: nothing says which."""
    masks = read_masks(written(chexmask(("a.png", 0.9), **{"Right Lung": encode(SQUARE)})))

    with pytest.raises(NotAppliedError, match="left and the right lung are the same"):
        masks.of("a.png", "lungs", (10, 8))
    assert (masks.of("a.png", "left-lung", (10, 8)) == SQUARE).all()


def test_one_lung_alone_is_not_both_in_a_table_with_a_mask_per_row(written):
    """A row that lacks, where other images have both."""
    rows = [("a", "left lung"), ("a", "right lung"), ("b", "left lung")]
    table = pd.DataFrame(rows, columns=["image_id", "region"])
    masks = read_masks(written(table.assign(rle=encode(SQUARE), height=8, width=10)))

    with pytest.raises(NotAppliedError, match="no mask of the region 'right-lung'"):
        masks.of("b", "lungs", (10, 8))
    assert masks.of("b", "left-lung", (10, 8)).any()


def test_the_fingerprint_depends_on_the_masks_that_are_used(written):
    """And on nothing else."""
    base = chexmask(("a.png", 0.9), ("b.png", 0.9))
    changed = base.assign(Heart="1 1")
    one, other = (read_masks(written(t, f"{k}.csv")) for k, t in enumerate((base, changed)))

    assert one.fingerprint(["a.png"], ["lungs"]) == other.fingerprint(["a.png"], ["lungs"])
    assert one.fingerprint(["a.png"], ["heart"]) != other.fingerprint(["a.png"], ["heart"])
    assert isinstance(one, Masks)


@pytest.mark.parametrize("name", ["Dice RCA (Mean)", "dice rca (mean)", " Dice RCA (Mean) "])
@pytest.mark.parametrize("low", ["0.5", "0,5", ""])
def test_the_quality_counts_in_any_table_and_spelling(written, name, low):
    """Of a mask per image, and of a mask per row."""
    per_image = chexmask(("a", low), ("b", "0.9")).rename(columns={"Dice RCA (Mean)": name})
    rows = [
        ("a", "lung", "0.9"),
        ("a", "heart", low),
        ("b", "lung", "0,9"),
        ("b", "heart", "0.7"),
    ]
    per_row = pd.DataFrame(rows, columns=["image_id", "region", name]).assign(
        rle=encode(SQUARE), height=8, width=10
    )

    for table in (per_image, per_row):
        masks = read_masks(written(table))
        assert list(masks.images) == ["b"]
        assert "a" in masks.left_out
        assert len(masks.notices) == 1


def test_a_quality_that_is_no_number_is_refused(written):
    """It would count as unknown, and the mask be left out for another reason."""
    with pytest.raises(DataError, match="of a is 'high', which is no number between 0 and 1"):
        read_masks(written(chexmask(("a", "high"), ("b", "0.9"))))
