"""Fixtures: the command line in this process, and a table as a hospital has it."""

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from cxraudit.cli import main
from planted import planted_table


@pytest.fixture(scope="session")
def run() -> Callable[..., int]:
    """Run the command line in this process, as a shell would split it; returns the exit code."""

    def called(*arguments: str | Path) -> int:
        return main(
            [
                word
                for argument in arguments
                for word in (
                    [str(argument)] if isinstance(argument, Path) else shlex.split(argument)
                )
            ]
        )

    return called


@pytest.fixture
def own_table(tmp_path) -> Path:
    """A table with labels, scores and attributes."""
    path = tmp_path / "ours.csv"
    planted_table(0, n_patients=150).to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def columns() -> str:
    """The flags that name the columns of `own_table`, and few resamples."""
    return (
        "--image file --patient pid --label Pneumothorax=Pneumothorax "
        "--score Pneumothorax=score_Pneumothorax --resamples 100"
    )
