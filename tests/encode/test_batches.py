"""Images are read ahead of the networks, of the next shards, too, and not without end."""

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from cxraudit.content import Source
from cxraudit.cores import threads
from cxraudit.encode.batches import Unfinished, batches
from cxraudit.encode.reading import Opened, Prepared
from cxraudit.encode.times import Stage, Times
from cxraudit.store import Shard

SOURCE = Source("", 0, 0, 0, "")


class Counting:
    """Reads nothing, and counts."""

    def __init__(self, n_readers=1):
        self.read_images = []
        self.times = Times()
        self.times.n_readers = n_readers

    def read(self, path, image_id, models, perturbation):
        """Note the image."""
        self.read_images.append(image_id)
        return Prepared(SOURCE, pixels=[np.zeros((1, 2, 2), dtype=np.uint8)])

    def open(self, path, image_id):
        """Note the image, which cannot be read."""
        self.read_images.append(image_id)
        return Opened(path, SOURCE, error="unreadable")


def shards(n, size):
    """Shards of images that are not there."""
    return [
        Shard(
            number, [f"{number}-{k}" for k in range(size)], [f"{number}-{k}" for k in range(size)]
        )
        for number in range(n)
    ]


def unfinished(shard, n=1):
    """What is to be made of a shard: so many perturbations."""
    return [Unfinished(shard, None, {"m": SimpleNamespace()}, {}) for _ in range(n)]


def idle(pool):
    """Wait for what was submitted."""
    pool.submit(int).result()


@pytest.mark.parametrize("n_perturbations", [1, 3])
def test_the_next_shards_are_read_while_this_one_is_encoded(n_perturbations):
    """Up to two batches ahead, each image once, in order."""
    reader, size, batch = Counting(), 4, 4
    pending = [unfinished(shard, n_perturbations) for shard in shards(20, size)]
    with ThreadPoolExecutor(1) as pool:
        found = batches(pending, batch, pool, reader)
        first, images = next(found)
        begun = [next(found) for _ in range(n_perturbations - 1)]  # of the same shard
        idle(pool)
        ahead = len(reader.read_images)
        rest = list(found)

    assert first.shard.number == 0
    assert len(images) == 4
    assert 4 < ahead <= 4 * batch
    assert len(reader.read_images) == len(set(reader.read_images)) == 20 * size
    assert {one.shard.number for one, _ in begun} <= {0}
    numbers = [one.shard.number for one, _ in rest]
    assert numbers == sorted(numbers)
    assert len(begun) + len(rest) == 20 * n_perturbations - 1


def test_many_readers_have_two_images_each(monkeypatch):
    """However small a batch is."""
    reader = Counting(16)
    with ThreadPoolExecutor(16) as pool:
        found = batches([unfinished(one) for one in shards(40, 4)], 4, pool, reader)
        next(found)
        pool.shutdown(wait=True)

    assert 32 <= len(reader.read_images) <= 48


def test_what_was_not_begun_is_left_when_encoding_ends():
    """After an error of a network."""
    reader = Counting()
    with ThreadPoolExecutor(1) as pool:
        found = batches([unfinished(one) for one in shards(30, 50)], 50, pool, reader)
        next(found)
        found.close()

    assert len(reader.read_images) <= 200


@pytest.mark.parametrize("stage", [Stage.NETWORK, Stage.WAIT, Stage.WRITE])
def test_what_takes_longest_limits(stage):
    """With what would help; nothing is stated of nothing."""
    times = Times()
    assert times.sentence() == ""
    times.n_images, times.n_readers = 1_200, 2
    times.seconds |= {Stage.DECODE: 30.0, stage: 10.0}

    assert times.limit == stage
    told = times.sentence()
    assert told.startswith("1,200 images in 10.0 s (120.0 per second): ")
    assert "in 2 reading threads reading and decoding 30.0 s" in told
    help_of = {"NETWORK": "GPU", "WAIT": "--readers", "WRITE": "storage"}
    assert help_of[stage.name] in told


def test_times_of_threads_add_up():
    """Also where what takes the time fails."""
    times = Times()

    def fails(_):
        with pytest.raises(ZeroDivisionError), times.measured(Stage.DECODE):
            sum(range(20_000)) / 0

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(fails, range(8)))

    assert times.seconds[Stage.DECODE] > 0
    assert times.seconds[Stage.NETWORK] == 0


def test_threads_are_those_of_this_process(monkeypatch):
    """A given number is kept, but for 0."""
    assert threads(3) == 3
    assert threads(0) == 1
    assert threads(None) >= 1
