"""Encoding in parts: every shard is one part's, and the bytes are those of one process."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cxraudit.encode import encode_images
from cxraudit.encode.parts import (
    LOGS,
    WHOLE,
    Part,
    logged_part,
    logs,
    part_of,
    part_of_environment,
    progress_of,
)
from cxraudit.errors import ConfigError, DataError
from cxraudit.models.random import RandomModel
from cxraudit.store import EmbeddingStore, Shard, plan_shards

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
    ],
)
def test_a_job_whose_parts_are_not_in_a_row_is_refused(variables):
    """As an array of 1,5,9: shards would be left out."""
    with pytest.raises(ConfigError, match="Give --part"):
        part_of_environment(variables)


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


def test_progress_counts_the_marks_of_shards(images, tmp_path):
    """Of an encoding of which one part is missing."""
    shards = plan_shards(images, 2)
    for number in (1, 3):
        encode_images(
            images, {"random": RandomModel()}, tmp_path, shard_size=2, part=Part(number, 3)
        )

    found = progress_of(EmbeddingStore(tmp_path / "random"))

    own = len(Part(1, 3).own(shards)) + len(Part(3, 3).own(shards))
    assert (found.n_shards, found.done, found.images, found.first_missing) == (6, own, 11, 1)


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

    found = logs(tmp_path)
    assert [(one["part"], one["state"], one["done"], one["error"]) for one in found] == [
        ("1/3", "failed", 0, "broken"),
        ("2/3", "finished", 1, ""),
    ]


def test_logs_of_an_earlier_division_and_other_files_are_left_out(tmp_path):
    """A file of the user is neither read nor replaced."""
    with logged_part(tmp_path, Part(1, 2), ["m"], 1):
        pass
    with logged_part(tmp_path, Part(2, 3), ["m"], 1):
        pass
    (tmp_path / LOGS / "3-of-3.json").write_text(json.dumps({"mine": 1}))

    assert [one["part"] for one in logs(tmp_path)] == ["2/3"]
    with (
        pytest.raises(DataError, match="which cxraudit did not write"),
        logged_part(tmp_path, Part(3, 3), ["m"], 1),
    ):
        pass
