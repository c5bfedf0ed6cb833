"""Encoding in parts: every shard is one part's, and the bytes are those of one process."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cxraudit.encode import encode_images
from cxraudit.encode.parts import (
    MOST_PARTS,
    WHOLE,
    Part,
    logged_part,
    part_of,
    part_of_environment,
)
from cxraudit.errors import ConfigError, DataError
from cxraudit.models.random import RandomModel
from cxraudit.store import EmbeddingStore, Shard, plan_shards
from cxraudit.workspace.parts import (
    DAMAGED,
    LOGS,
    NOT_BEGUN,
    Extent,
    Progress,
    extent_of,
    read_records,
)

SHARDS = [Shard(number, (), ()) for number in range(17)]


@pytest.mark.parametrize("of", [1, 2, 5, 17, 40])
def test_every_shard_belongs_to_one_part(of):
    """Whatever the number of parts, which differ by one shard at most."""
    parts = [Part(number, of).own(SHARDS) for number in range(1, of + 1)]

    assert sorted(shard.number for own in parts for shard in own) == list(range(17))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize(
    "text", ["0/3", "4/3", "3", "1/0", "-1/3", "a/b", "1.0/2", "", "1/2/3", "1/9999999"]
)
def test_what_is_no_part_is_refused(text):
    """With what a part is."""
    with pytest.raises(ConfigError, match="such as 3/16"):
        part_of(text)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, WHOLE),
        ({"SLURM_ARRAY_TASK_ID": "3"}, WHOLE),
        (
            {"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "4"},
            Part(4, 4, "SLURM_ARRAY_TASK_ID"),
        ),
        (
            {
                "SLURM_ARRAY_TASK_ID": "3",
                "SLURM_ARRAY_TASK_COUNT": "4",
                "SLURM_ARRAY_TASK_MIN": "1",
            },
            Part(3, 4, "SLURM_ARRAY_TASK_ID"),
        ),
        ({"RANK": "0", "WORLD_SIZE": "2"}, Part(1, 2, "RANK")),
        (
            {
                "SLURM_ARRAY_TASK_ID": "3",
                "SLURM_ARRAY_TASK_COUNT": "4",
                "SLURM_ARRAY_TASK_MIN": "1",
                "RANK": "1",
                "WORLD_SIZE": "2",
            },
            Part(6, 8, "SLURM_ARRAY_TASK_ID and RANK"),
        ),
        (
            {
                "SLURM_ARRAY_TASK_ID": "3",
                "SLURM_ARRAY_TASK_COUNT": "4",
                "RANK": "0",
                "WORLD_SIZE": "1",
            },
            Part(4, 4, "SLURM_ARRAY_TASK_ID"),
        ),
        (
            {
                "SLURM_ARRAY_TASK_ID": "0",
                "SLURM_ARRAY_TASK_COUNT": "1",
                "RANK": "2",
                "WORLD_SIZE": "3",
            },
            Part(3, 3, "RANK"),
        ),
        ({"RANK": "0", "WORLD_SIZE": "1"}, WHOLE),
    ],
)
def test_the_part_of_a_job_is_read_from_its_variables(variables, expected):
    """Of Slurm, whose arrays may begin anywhere, and of torchrun, which counts from 0."""
    assert part_of_environment(variables) == expected


@pytest.mark.parametrize(
    "variables",
    [
        {"SLURM_ARRAY_TASK_ID": "9", "SLURM_ARRAY_TASK_COUNT": "4", "SLURM_ARRAY_TASK_MIN": "1"},
        {"RANK": "2", "WORLD_SIZE": "2"},
        {"RANK": "x", "WORLD_SIZE": "2"},
        {"RANK": "-1", "WORLD_SIZE": "2"},
        {"RANK": "0", "WORLD_SIZE": str(MOST_PARTS + 1)},
        {
            "SLURM_ARRAY_TASK_ID": "0",
            "SLURM_ARRAY_TASK_COUNT": "1000",
            "RANK": "0",
            "WORLD_SIZE": "100",
        },
        {
            "SLURM_ARRAY_TASK_ID": "0",
            "SLURM_ARRAY_TASK_COUNT": "2",
            "RANK": "2",
            "WORLD_SIZE": "2",
        },
    ],
)
def test_a_job_whose_parts_are_not_in_a_row_is_refused(variables):
    """As an array of 1,5,9: shards would be left out."""
    with pytest.raises(ConfigError, match="Give --part"):
        part_of_environment(variables)


def test_the_ranks_of_all_elements_of_an_array_have_every_part_once():
    """Torchrun inside of an array that begins at 5: none is repeated, and none left out."""
    parts = [
        part_of_environment(
            {
                "SLURM_ARRAY_TASK_ID": str(5 + element),
                "SLURM_ARRAY_TASK_COUNT": "3",
                "SLURM_ARRAY_TASK_MIN": "5",
                "RANK": str(rank),
                "WORLD_SIZE": "4",
            }
        )
        for element in range(3)
        for rank in range(4)
    ]

    assert [str(part) for part in parts] == [f"{number}/12" for number in range(1, 13)]


@pytest.fixture
def images(tmp_path):
    """Eleven small images, one of them damaged."""
    rng = np.random.default_rng(0)
    paths = []
    for number in range(11):
        path = tmp_path / f"{number:02}.png"
        Image.fromarray(rng.integers(0, 255, (16, 16), dtype=np.uint8)).save(path)
        paths.append(str(path))
    (tmp_path / "07.png").write_bytes(b"no image")
    return pd.DataFrame({"image_id": [f"i{number:02}" for number in range(11)], "path": paths})


def _bytes(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("part-*"))}


def test_parts_in_any_order_give_the_bytes_of_one_process(images, tmp_path):
    """One of them twice, as after a kill; only its own images are reported as unreadable."""
    models = {"random": RandomModel()}
    encode_images(images, models, tmp_path / "one", shard_size=2)

    failed = [
        encode_images(images, models, tmp_path / "five", shard_size=2, part=Part(number, 5))
        for number in (3, 1, 5, 3, 2, 4)
    ]

    assert _bytes(tmp_path / "five" / "random") == _bytes(tmp_path / "one" / "random")
    assert [len(one) for one in failed] == [0, 0, 0, 0, 0, 1]
    assert EmbeddingStore(tmp_path / "five" / "random").finished()


def test_shards_are_counted_whose_files_are_there(images, tmp_path):
    """Of an encoding of which one part is missing; without its embeddings, or its index, a shard is not there."""
    shards = plan_shards(images, 2)
    for number in (1, 3):
        encode_images(
            images, {"random": RandomModel()}, tmp_path, shard_size=2, part=Part(number, 3)
        )

    store = EmbeddingStore(tmp_path / "random")
    found = extent_of(store)

    own = len(Part(1, 3).own(shards)) + len(Part(3, 3).own(shards))
    assert (found.n_shards, found.done, found.images, found.missing) == (6, own, 11, (1, 4))
    (store.folder / "part-00000.npy").unlink()
    (store.folder / "part-00003.parquet").unlink()
    (store.folder / "part-00005.json").unlink()
    assert extent_of(store).missing == (0, 1, 3, 4, 5)


def test_the_log_of_a_part_says_how_it_ended(tmp_path):
    """Finished, or failed with the error; that of one process is not kept."""
    with logged_part(tmp_path, Part(2, 3), ["m"], 4) as done:
        assert done is not None
        done()
    with (
        pytest.raises(ValueError, match="broken"),
        logged_part(tmp_path, Part(1, 3), ["m"], 4),
    ):
        raise ValueError("broken")
    with logged_part(tmp_path, WHOLE, ["m"], 4) as done:
        assert done is None

    found = read_records(tmp_path)
    assert [(str(one), one.state, one.done, one.error) for one in found] == [
        ("1/3", "failed", 0, "broken"),
        ("2/3", "finished", 1, ""),
    ]


def recorded(folder, *parts):
    """Record parts that finished, one after the other."""
    for number, of in parts:
        with logged_part(folder, Part(number, of), ["m"], 1):
            pass


def test_records_of_the_division_that_began_last_come_first(tmp_path):
    """Those of earlier ones are kept."""
    recorded(tmp_path, (2, 3), (1, 3), (2, 2), (7, 7), (2, 7))

    assert [str(one) for one in read_records(tmp_path)] == ["2/7", "7/7", "2/2", "1/3", "2/3"]


def test_a_file_of_the_user_in_the_place_of_a_record_is_neither_read_nor_replaced(tmp_path):
    """Whole JSON of other content, a folder, or a link that leads nowhere."""
    recorded(tmp_path, (2, 3))
    (tmp_path / LOGS / "3-of-3.json").write_text(json.dumps({"mine": 1}))
    (tmp_path / LOGS / "1-of-3.json").mkdir()
    (tmp_path / LOGS / "1-of-4.json").symlink_to("nowhere")

    assert [str(one) for one in read_records(tmp_path)] == ["2/3"]
    for number, of in ((3, 3), (1, 3), (1, 4)):
        with pytest.raises(DataError, match="which cxraudit did not write"):
            recorded(tmp_path, (number, of))
    assert json.loads((tmp_path / LOGS / "3-of-3.json").read_text()) == {"mine": 1}


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe",
        b"",
        b"[1]",
        b'{"made_by": "cxr',
        b"[" * 100_000,
        b'{"made_by": "cxraudit"}',
        b'{"made_by": "cxraudit", "part": "2/3", "began": "yesterday"}',
        b"null",
    ],
)
def test_a_damaged_record_is_named_and_made_again(tmp_path, content):
    """It has our name in our folder; whoever made it is told."""
    recorded(tmp_path, (1, 3))
    file = tmp_path / LOGS / "2-of-3.json"
    file.write_bytes(content)
    assert [(str(one), one.state) for one in read_records(tmp_path)] == [
        ("1/3", "finished"),
        ("2/3", DAMAGED),
    ]
    told = []

    with logged_part(tmp_path, Part(2, 3), ["m"], 1, told.append):
        pass

    assert [one.sentence for one in told] == [
        "Its record (parts/2-of-3.json) was damaged, and is made again."
    ]
    assert {one.state for one in read_records(tmp_path)} == {"finished"}


EDITS = [
    {"state": 3},
    {"state": "done"},
    {"state": None},
    {"written": 10**400},
    {"began": float("nan")},
    {"began": -1},
    {"done": "1"},
    {"machine": None},
]


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: str(edit)[:30])
def test_a_record_that_was_renamed_or_edited_is_damaged(tmp_path, edit):
    """It says another part, or what no part writes."""
    recorded(tmp_path, (1, 3), (2, 3))
    one, two = (tmp_path / LOGS / f"{number}-of-3.json" for number in (1, 2))
    two.write_text(json.dumps({**json.loads(two.read_text()), **edit}))
    shutil.copy(one, tmp_path / LOGS / "3-of-3.json")

    assert [one.state for one in read_records(tmp_path)] == ["finished", DAMAGED, DAMAGED]


def test_parts_that_never_began_are_those_whose_shards_are_missing(tmp_path):
    """Whoever encoded the others; each lacks what its models lack."""
    recorded(tmp_path, (1, 3), (2, 7))
    extents = {"a": Extent(16, 61, (2, 4)), "b": Extent(16, 61, (4, 11))}
    found = Progress(extents, {"a": Extent(16, 61, (1,))}, read_records(tmp_path), complete=False)

    parts = found.parts()

    assert [(str(one), one.state, one.n_shards) for one in parts] == [
        ("2/7", "finished", 1),
        ("3/7", NOT_BEGUN, 2),
        ("5/7", NOT_BEGUN, 2),
    ]
    assert [found.lacks(one) for one in parts] == [
        {"a, reports": 1},
        {"a": 1},
        {"a": 1, "b": 2},
    ]
    assert found.to_run() == parts
    assert [str(one) for one in found.earlier()] == ["1/3"]
