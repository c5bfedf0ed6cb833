"""Where the time of encoding goes, and what limits it."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from threading import Lock
from time import perf_counter


class Stage(StrEnum):
    """What takes time."""

    DECODE = "reading and decoding"
    """In all reading threads together, as the next."""
    PREPARE = "preparing for the models"
    WAIT = "waiting for images"
    """Of the thread that runs the networks, as the next."""
    NETWORK = "networks"
    WRITE = "writing"


READING = (Stage.DECODE, Stage.PREPARE)
RUNNING = (Stage.NETWORK, Stage.WAIT, Stage.WRITE)


class Times:
    """Seconds of each stage, added up by all threads."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(Stage, 0.0)
        self.n_images = 0
        self.n_readers = 0
        self._lock = Lock()

    @contextmanager
    def measured(self, stage: Stage) -> Iterator[None]:
        """Add the time that something takes."""
        started = perf_counter()
        try:
            yield
        finally:
            taken = perf_counter() - started
            with self._lock:
                self.seconds[stage] += taken

    @property
    def limit(self) -> Stage:
        """What takes longest: the networks, writing, or reading, which they wait for."""
        return max(RUNNING, key=lambda stage: self.seconds[stage])

    def sentence(self) -> str:
        """Say where the time went, and what would make it less; empty if nothing was encoded."""
        if not self.n_images:
            return ""
        whole = sum(self.seconds[stage] for stage in RUNNING)
        reading = " and ".join(f"{stage} {self.seconds[stage]:.1f} s" for stage in READING)
        others = ", ".join(f"{stage} {self.seconds[stage]:.1f} s" for stage in RUNNING)
        return (
            f"{self.n_images:,} images in {whole:.1f} s ({self.n_images / max(whole, 1e-9):.1f} per second): "
            f"{others}; in {self.n_readers} reading threads {reading}. {_LIMITED[self.limit]}"
        )


_LIMITED = {
    Stage.NETWORK: "The networks limit: a GPU, or +bf16, would be faster, more readers would not.",
    Stage.WAIT: "Reading limits: more readers (--readers), smaller images or faster storage would help.",
    Stage.WRITE: "Writing limits: faster storage, or larger shards, would help.",
}
