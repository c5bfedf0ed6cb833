"""Embeddings are read from every layout alike; what is none is refused in one sentence."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from cxraudit import read_prompt_vectors, read_vectors
from cxraudit.errors import ConfigError, DataError

IDS = np.array(["a.png", "b/ü.png", "0007"])
VECTORS = np.arange(12, dtype=np.float32).reshape(3, 4)


def npz(path, **arrays):
    """Write arrays."""
    np.savez(path / "e.npz", **arrays)
    return path / "e.npz"


def parquet(path, frame):
    """Write a table."""
    frame.to_parquet(path / "e.parquet")
    return path / "e.parquet"


def npy(path, ids):
    """Write an array, and its ids beside it."""
    np.save(path / "e.npy", VECTORS)
    return path / "e.npy", ids


LAYOUTS = {
    "npz of RadHarmony": lambda p: (npz(p, ids=IDS, **{"global": VECTORS}), {}),
    "npz with other arrays": lambda p: (
        npz(p, image_ids=IDS, embeddings=VECTORS, patch=np.zeros((3, 2, 4))),
        {},
    ),
    "npz with one table": lambda p: (npz(p, ids=IDS, anything=VECTORS), {}),
    "npz in bytes": lambda p: (npz(p, ids=np.char.encode(IDS, "utf-8"), x=VECTORS), {}),
    "npz in half precision": lambda p: (npz(p, ids=IDS, x=VECTORS.astype(np.float16)), {}),
    "parquet of lists": lambda p: (
        parquet(p, pd.DataFrame({"image_id": IDS, "embedding": list(VECTORS)})),
        {},
    ),
    "parquet of a list under another name": lambda p: (
        parquet(p, pd.DataFrame({"file": IDS, "cls": list(VECTORS), "site": "a"})),
        {"image": "file"},
    ),
    "parquet of columns": lambda p: (
        parquet(p, pd.DataFrame(VECTORS, columns=["d0", "d1", "d2", "d3"]).assign(image_id=IDS)),
        {},
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same(tmp_path, layout):
    """Ids as text, vectors in single precision."""
    file, options = LAYOUTS[layout](tmp_path)

    found = read_vectors(file, **options)

    assert found.image_ids.tolist() == IDS.tolist()
    assert found.vectors.dtype == np.float32
    np.testing.assert_array_equal(found.vectors, VECTORS)


def test_ids_of_an_array_come_from_a_file(tmp_path):
    """Text, an array, or a table."""
    np.save(tmp_path / "e.npy", VECTORS)
    (tmp_path / "ids.txt").write_text("\n".join(IDS) + "\n", encoding="utf-8")
    np.save(tmp_path / "ids.npy", IDS)
    pd.DataFrame({"image_id": IDS, "x": 1}).to_csv(tmp_path / "ids.csv", index=False)

    for name in ("ids.txt", "ids.npy", "ids.csv"):
        found = read_vectors(tmp_path / "e.npy", ids=tmp_path / name)
        assert found.image_ids.tolist() == IDS.tolist()


def test_whole_numbers_are_ids(tmp_path):
    """As they are written."""
    found = read_vectors(npz(tmp_path, ids=np.array([3, 1, 2]), x=VECTORS))

    assert found.image_ids.tolist() == ["3", "1", "2"]


def wide():
    """A column per dimension, and the ids."""
    return pd.DataFrame(VECTORS, columns=["d0", "d1", "d2", "d3"]).assign(ids=IDS)


WRONG = {
    "a missing file": (lambda p: (p / "none.npz", {}), "is not there"),
    "no ids": (lambda p: (npz(p, x=VECTORS), {}), "no image ids"),
    "no table": (lambda p: (npz(p, ids=IDS, x=np.arange(3)), {}), "no array of two dimensions"),
    "two tables": (
        lambda p: (npz(p, ids=IDS, u=VECTORS, v=VECTORS), {}),
        "2 arrays of two dimensions",
    ),
    "too few ids": (lambda p: (npz(p, ids=IDS[:2], x=VECTORS), {}), "3 embeddings and 2 image ids"),
    "ids with decimals": (
        lambda p: (npz(p, ids=np.array([1.0, 2.0, 3.0]), x=VECTORS), {}),
        "numbers with decimals",
    ),
    "pickled ids": (
        lambda p: (npz(p, ids=IDS.astype(object), x=VECTORS), {}),
        "pickled objects",
    ),
    "complex numbers": (lambda p: (npz(p, ids=IDS, x=VECTORS * 1j), {}), "complex"),
    "lists of two lengths": (
        lambda p: (
            parquet(p, pd.DataFrame({"ids": IDS, "x": [[1.0, 2.0], [1.0], [2.0, 3.0]]})),
            {},
        ),
        "2 lengths",
    ),
    "missing ids": (
        lambda p: (parquet(p, pd.DataFrame({"ids": ["a", None, "b"], "x": list(VECTORS)})), {}),
        "1 image ids are missing",
    ),
    "labels beside dimensions": (
        lambda p: (
            parquet(
                p,
                pd.DataFrame(VECTORS, columns=["d0", "d1", "d2", "d3"]).assign(ids=IDS, edema=1),
            ),
            {},
        ),
        "1 columns of numbers that are not numbered alike, first 'edema'",
    ),
    "two usual names": (
        lambda p: (npz(p, ids=IDS, embeddings=VECTORS, **{"global": VECTORS}), {}),
        "2 arrays of two dimensions .*, 2 of them with a usual name",
    ),
    "ids that differ": (
        lambda p: (npz(p, ids=IDS, image_ids=IDS[::-1], x=VECTORS), {}),
        "image ids in 'ids' and in 'image_ids', which differ",
    ),
    "ids that differ, beside a column of another table": (
        lambda p: (npz(p, ids=IDS, image_id=IDS[::-1], x=VECTORS), {"image": "file"}),
        "image ids in 'ids' and in 'image_id', which differ",
    ),
    "columns of ids that differ": (
        lambda p: (parquet(p, wide().assign(image_id=IDS[::-1])), {}),
        "image ids in 'ids' and in 'image_id', which differ",
    ),
    "a dimension of text": (
        lambda p: (parquet(p, wide().astype({"d3": "str"})), {}),
        "the dimension 'd3' holds text, not numbers .1 of 4 columns",
    ),
    "a dimension of true and false": (
        lambda p: (parquet(p, wide().assign(d3=[True, False, True])), {}),
        "'d3' holds true and false",
    ),
    "a blank dimension": (
        lambda p: (parquet(p, wide().assign(d3=None)), {}),
        "'d3' holds nothing",
    ),
    "a decimal dimension": (
        lambda p: (parquet(p, wide().assign(d3=[Decimal("1.5")] * 3)), {}),
        "'d3' holds Decimal",
    ),
    "numbers beyond single precision": (
        lambda p: (npz(p, ids=IDS, x=VECTORS.astype(float) * 1e300), {}),
        r"numbers up to 1\.1e\+301, which single precision does not",
    ),
    "ids alone": (lambda p: (parquet(p, pd.DataFrame({"ids": IDS})), {}), "but ids alone"),
    "words beside ids": (
        lambda p: (parquet(p, pd.DataFrame({"ids": IDS, "view": ["PA"] * 3})), {}),
        "neither columns of numbers nor one of lists, but view",
    ),
    "the first image without a list": (
        lambda p: (parquet(p, pd.DataFrame({"ids": IDS, "x": [None, [1.0], [2.0]]})), {}),
        "1 of 3 images have no list in the column 'x'",
    ),
    "dimensions from 5": (
        lambda p: (parquet(p, wide().rename(columns={f"d{k}": f"d{k + 5}" for k in range(4)})), {}),
        "not numbered in a row from 0 or 1",
    ),
    "an image without a list": (
        lambda p: (
            parquet(p, pd.DataFrame({"ids": IDS, "x": [[1.0, 2.0], None, [2.0, 3.0]]})),
            {},
        ),
        "1 of 3 images have no list in the column 'x'",
    ),
    "lists beside dimensions": (
        lambda p: (parquet(p, wide().assign(embedding=list(VECTORS))), {}),
        "column of lists 'embedding', and 4 columns of numbers",
    ),
    "another kind of file": (lambda p: (_text(p), {}), "no file of embeddings"),
    "no array": (lambda p: (_broken(p), {}), "cannot be read as arrays"),
}


def _text(path):
    (path / "e.csv").write_text("image_id,x\na,1\n")
    return path / "e.csv"


def _broken(path):
    (path / "e.npz").write_bytes(b"PK\x03\x04 not an archive")
    return path / "e.npz"


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_embedding_is_refused(tmp_path, case):
    """In one sentence that names the file."""
    make, words = WRONG[case]
    file, options = make(tmp_path)

    with pytest.raises(DataError, match=words) as found:
        read_vectors(file, **options)

    assert str(tmp_path) in str(found.value)


def test_an_array_without_ids_asks_for_them(tmp_path):
    """Rows are of no image that could be known."""
    file, _ = npy(tmp_path, None)

    with pytest.raises(ConfigError, match="--embedding-ids"):
        read_vectors(file)
    with pytest.raises(ConfigError, match="has to hold its own"):
        read_vectors(npz(tmp_path, ids=IDS, x=VECTORS), ids=file)


ASKED = np.array(["Edema", "Pneumonia"])
SIDES = {
    "positive": np.array([[3.0, 0, 0, 4], [0, 2, 0, 0]], dtype=np.float32),
    "negative": np.array([[1.0, 0, 0, 0], [0, 0, 0, 5]], dtype=np.float32),
}
DIFFERENCES = np.array([[-0.4, 0, 0, 0.8], [0, 1, 0, -1]], dtype=np.float32)

PROMPTS = {
    "both sides": lambda p: npz(p, findings=ASKED, **SIDES, logit_scale=50.0),
    "differences": lambda p: npz(p, findings=ASKED, directions=DIFFERENCES),
    "a table": lambda p: parquet(
        p, pd.DataFrame({"finding": ASKED, "direction": list(DIFFERENCES)})
    ),
    "a table with a bank": lambda p: parquet(
        p,
        pd.DataFrame(
            {
                "finding": ["Edema", "Edema", "Pneumonia"],
                "direction": [DIFFERENCES[0], DIFFERENCES[1], DIFFERENCES[1]],
                "in_bank": [False, True, False],
            }
        ),
    ),
    "a table of two models": lambda p: parquet(
        p,
        pd.DataFrame(
            {
                "finding": [*ASKED, *ASKED],
                "direction": [*-DIFFERENCES, *DIFFERENCES],
                "model": ["other", "other", "mine", "mine"],
            }
        ),
    ),
}


@pytest.mark.parametrize("layout", PROMPTS)
def test_prompts_are_differences_of_unit_vectors(tmp_path, layout):
    """Of every layout: findings, directions and the factor, where it is known."""
    found = read_prompt_vectors(PROMPTS[layout](tmp_path), model="mine")

    asked = found.table[~found.table["in_bank"]]
    assert asked["finding"].tolist() == ASKED.tolist()
    np.testing.assert_allclose(np.stack(asked["direction"]), DIFFERENCES, atol=1e-7)
    known = layout == "both sides"
    np.testing.assert_equal(found.logit_scale, 50.0 if known else np.nan)


NO_PROMPTS = {
    "one side": (lambda p: npz(p, findings=ASKED, positive=SIDES["positive"]), "'negative'"),
    "no findings": (lambda p: npz(p, **SIDES), "no findings under a usual name"),
    "a finding twice": (
        lambda p: npz(p, findings=np.array(["Edema", "Edema"]), **SIDES),
        "two pairs of prompts for 'Edema'",
    ),
    "two prompts of one embedding": (
        lambda p: npz(
            p, findings=ASKED, positive=SIDES["positive"], negative=SIDES["positive"] * 2
        ),
        "the prompts for .* have one embedding",
    ),
    "two prompts of one embedding, but for rounding": (
        lambda p: npz(
            p,
            findings=ASKED,
            positive=np.array([[0.1, 0.7, 0.2, 0.3], [0, 1, 0, 0]], dtype=np.float32),
            negative=np.array([[0.1, 0.7, 0.2, 0.3], [1, 0, 0, 0]], dtype=np.float32) * 3,
        ),
        f"the prompts for {ASKED[0]} have one embedding",
    ),
    "a difference of zero": (
        lambda p: parquet(
            p, pd.DataFrame({"finding": ASKED, "direction": [DIFFERENCES[0], np.zeros(4)]})
        ),
        "have one embedding",
    ),
    "a prompt of zero": (
        lambda p: npz(p, findings=ASKED, positive=SIDES["positive"] * 0, negative=np.eye(4)[:2]),
        "zero or not finite",
    ),
    "a logarithm of the scale": (
        lambda p: npz(p, findings=ASKED, **SIDES, logit_scale=-2.3),
        "not its logarithm",
    ),
    "an unknown scale": (
        lambda p: npz(p, findings=ASKED, **SIDES, logit_scale=np.nan),
        "one number above 0",
    ),
    "both sides and differences": (
        lambda p: npz(p, findings=ASKED, **SIDES, directions=-DIFFERENCES),
        "may contradict each other",
    ),
    "scales": (lambda p: npz(p, findings=ASKED, **SIDES, logit_scale=np.ones(2)), "one number"),
    "fewer findings": (
        lambda p: npz(p, findings=ASKED[:1], **SIDES),
        "2 embeddings and 1 findings",
    ),
    "another model": (
        lambda p: parquet(
            p,
            pd.DataFrame({"finding": ASKED, "direction": list(DIFFERENCES), "model": ["a", "b"]}),
        ),
        "none of 'mine'",
    ),
    "no lists": (
        lambda p: parquet(p, pd.DataFrame({"finding": ASKED, "direction": [1.0, 2.0]})),
        "lists of numbers",
    ),
    "an empty table": (
        lambda p: parquet(p, pd.DataFrame({"finding": [], "direction": []})),
        "no prompts",
    ),
    "only a bank": (
        lambda p: parquet(
            p,
            pd.DataFrame({"finding": ASKED, "direction": list(DIFFERENCES), "in_bank": True}),
        ),
        "no prompts",
    ),
    "an array": (lambda p: npy(p, None)[0], "Give .npz or .parquet"),
}


@pytest.mark.parametrize("case", NO_PROMPTS)
def test_what_is_no_prompt_is_refused(tmp_path, case):
    """In one sentence that names the file."""
    make, words = NO_PROMPTS[case]

    with pytest.raises(DataError, match=words) as found:
        read_prompt_vectors(make(tmp_path), model="mine")

    assert str(tmp_path) in str(found.value)


def test_columns_are_dimensions_in_the_order_of_their_numbers(tmp_path):
    """Sorted as text, or shuffled, they are the same embeddings."""
    wide = np.arange(36, dtype=np.float32).reshape(3, 12)
    frame = pd.DataFrame(wide, columns=[f"dim{k}" for k in range(12)])
    by_text = frame[sorted(frame.columns)].assign(image_id=IDS)

    found = read_vectors(parquet(tmp_path, by_text))

    np.testing.assert_array_equal(found.vectors, wide)


@pytest.mark.parametrize("names", [["d0", "d1", "d3", "d4"], ["d0", "d00", "d1", "d2"]])
def test_a_dimension_that_is_missing_or_there_twice_is_refused(tmp_path, names):
    """Which one cannot be told from the numbers."""
    frame = pd.DataFrame(VECTORS, columns=names).assign(image_id=IDS)

    with pytest.raises(DataError, match="not numbered in a row"):
        read_vectors(parquet(tmp_path, frame))


def test_ids_in_a_table_are_text(tmp_path):
    """With their zeros, and without being taken for numbers."""
    (tmp_path / "ids.csv").write_text("image_id,other\n007,1\n7,2\n1e5,3\n")
    file, _ = npy(tmp_path, None)

    found = read_vectors(file, ids=tmp_path / "ids.csv")

    assert found.image_ids.tolist() == ["007", "7", "1e5"]


def test_a_table_of_several_models_is_refused(tmp_path):
    """They would be taken for one."""
    frame = pd.DataFrame({"image_id": IDS, "embedding": list(VECTORS), "model": ["a", "a", "b"]})

    with pytest.raises(DataError, match="embeddings of 2 models"):
        read_vectors(parquet(tmp_path, frame))


def test_prompts_of_another_model_are_refused(tmp_path):
    """Though the table has one model alone; unnamed models are not checked."""
    frame = pd.DataFrame(
        {"finding": ["Edema"], "direction": [[1.0, 0.0]], "model": "a", "logit_scale": 20.0}
    )
    file = parquet(tmp_path, frame)

    assert read_prompt_vectors(file, model="a").logit_scale == 20
    assert read_prompt_vectors(file).logit_scale == 20
    with pytest.raises(DataError, match="has prompts of a, and none of 'b'"):
        read_prompt_vectors(file, model="b")
    with pytest.raises(DataError, match="logit_scale must be one number"):
        read_prompt_vectors(parquet(tmp_path, frame.assign(logit_scale=-1.0)))


def test_arrays_under_the_name_of_one_array_are_refused(tmp_path):
    """An .npz that was renamed."""
    npz(tmp_path, ids=IDS, x=VECTORS).rename(tmp_path / "e.npy")

    with pytest.raises(DataError, match="holds several arrays"):
        read_vectors(tmp_path / "e.npy", ids=tmp_path / "ids.txt")


def test_paths_beside_ids_may_differ_from_them(tmp_path):
    """They are other names of the same images; an array that is named counts alone."""
    frame = wide().assign(paths=[f"/data/{one}" for one in IDS])

    assert read_vectors(parquet(tmp_path, frame)).image_ids.tolist() == IDS.tolist()
    file = npz(tmp_path, ids=IDS, image_ids=IDS[::-1], x=VECTORS)
    assert read_vectors(file, image="image_ids").image_ids.tolist() == IDS[::-1].tolist()


def test_whole_numbers_that_may_be_missing_are_numbers(tmp_path):
    """As pandas writes them; a missing one is NaN."""
    frame = wide().assign(d2=pd.array([2, 6, None], dtype="Int64"))

    vectors = read_vectors(parquet(tmp_path, frame)).vectors

    np.testing.assert_array_equal(vectors[:, [0, 1, 3]], VECTORS[:, [0, 1, 3]])
    assert vectors[:2, 2].tolist() == [2.0, 6.0]
    assert np.isnan(vectors[2, 2])
