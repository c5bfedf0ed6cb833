"""Films changed on purpose: what an edit may touch, and that it is the same every time."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cxraudit.datasets import load
from cxraudit.datasets.phantom.redraw import redrawn
from cxraudit.edits import CORRUPTIONS, DEVICES, UNEDITED, FilmEdit, choose
from cxraudit.edits.devices import draw_drain, draw_sham
from cxraudit.errors import DataError, UnknownNameError
from cxraudit.images import read_film, to_grey
from cxraudit.stress import plan_edits
from cxraudit.testing import sample_films


@pytest.fixture
def film(nih_release) -> Image.Image:
    """A made-up film."""
    path = sorted((nih_release / "images").glob("*.png"))[0]
    return read_film(path).resize((200, 200))


def values(picture):
    """Grey levels as numbers."""
    return np.asarray(picture, dtype=float)


@pytest.mark.parametrize("name", [*CORRUPTIONS, *DEVICES])
def test_an_edit_is_a_function_of_film_and_seed(name, film):
    """The same film twice, whatever came between; another film or seed differs where chance plays."""
    severity = 3 if name in CORRUPTIONS else 0
    first = values(FilmEdit(name, severity)(film, "a"))
    FilmEdit(name, severity)(film, "b")

    assert np.array_equal(first, values(FilmEdit(name, severity)(film, "a")))
    assert first.shape == values(film).shape
    if name in ("noise", "markers", "drain", "sham", "exposure", "rotation"):
        for others in (
            [FilmEdit(name, severity, seed)(film, "a") for seed in range(1, 6)],
            [FilmEdit(name, severity)(film, f"{k}") for k in range(5)],
        ):
            assert any(not np.array_equal(first, values(other)) for other in others)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_severities_grow(name, film):
    """Each severity is further from the film than the one before."""
    away = [
        np.abs(values(FilmEdit(name, severity)(film, "a")) - values(film)).mean()
        for severity in (1, 3, 5)
    ]
    assert 0 < away[0] < away[1] < away[2] or (name == "downsampling" and away[1] < away[2])


def test_a_drain_only_adds_brightness_and_the_sham_changes_as_much():
    """Same number of pixels, same amounts, in other places; nothing else moves."""
    grey = np.full((256, 220), 0.4, dtype=np.float32)
    drain = draw_drain(grey, np.random.default_rng(5)) - grey
    sham = draw_sham(grey, np.random.default_rng(5)) - grey

    assert drain.min() == 0
    assert 0.005 < (drain > 0).mean() < 0.03
    assert np.sort(drain[drain > 0]) == pytest.approx(np.sort(np.abs(sham[sham != 0])), abs=1e-6)
    assert not ((drain > 0) & (sham != 0)).any()
    rows = np.flatnonzero((sham != 0).any(axis=1))
    assert rows.min() > 0.75 * 256
    bright = np.full((256, 220), 0.9, dtype=np.float32)
    assert (draw_sham(bright, np.random.default_rng(5)) <= bright).all()


def test_a_drain_keeps_its_proportions_at_any_size():
    """The share of the film it covers is that of a tube 2 % wide, from 128 to 2,000 pixels."""
    shares = [
        (draw_drain(np.zeros((n, n), np.float32), np.random.default_rng(1)) > 0.05).mean()
        for n in (128, 512, 2000)
    ]
    assert max(shares) < 1.35 * min(shares)


def test_every_mode_of_film_is_taken():
    """L, RGB, RGBA and 16 bit; the unedited film is what models would see in grey."""
    for number, sample in enumerate(sample_films()):
        plain = FilmEdit(UNEDITED, 0)(sample, "x")
        assert np.array_equal(values(plain), values(to_grey(sample)))
        for edit in choose(["drain", "noise", "jpeg"]):
            assert edit(sample, f"{number}").mode == "L"


def test_a_drain_comes_with_its_control_and_nonsense_is_refused():
    """`drain` brings the sham; corruptions come in five severities; unknown names are answered."""
    names = [(edit.name, edit.severity) for edit in choose(["drain", "blur"])]
    assert names == [(UNEDITED, 0), ("drain", 0), *(("blur", k) for k in range(1, 6)), ("sham", 0)]
    assert len(choose()) == 1 + len(DEVICES) + 5 * len(CORRUPTIONS)
    with pytest.raises(UnknownNameError, match="Did you mean 'blur'"):
        choose(["blurr"])


def test_made_up_films_are_drawn_again_exactly(nih_release, mimic_release):
    """With the drain they have, nothing differs; without, only the drain does, in both layouts."""
    for layout, root in (("nih-cxr14", nih_release), ("mimic-cxr", mimic_release)):
        dataset = load(layout, root)
        add, remove = redrawn(dataset, True), redrawn(dataset, False)
        images = dataset.images
        column = "drain" if "drain" in images else "support_devices"
        ill = images["Pneumothorax"] == 1  # their drains are known, not guessed
        has = images[ill & (images[column] == "yes")].iloc[0]
        film = read_film(Path(has["path"]))
        assert np.array_equal(values(add(film, has["image_id"])), values(film))
        changed = np.abs(values(remove(film, has["image_id"])) - values(film)) > 12
        assert 0 < changed.mean() < 0.15
    with pytest.raises(DataError, match="cannot be drawn again"):
        redrawn(replace(dataset, truth=None), True)
    moved = replace(dataset, images=dataset.images.assign(path="/elsewhere/film.jpg"))
    with pytest.raises(DataError, match="not where"):
        redrawn(moved, True)
    assert {one.name for one in plan_edits(moved, ["drain"])} == {"unedited", "drain", "sham"}
