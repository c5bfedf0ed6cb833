"""Embeddings are lined up with their images, and patients are split into parts."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cxraudit.audits.cohort import make_cohort
from cxraudit.audits.embeddings.cohort import embedded_cohort
from cxraudit.settings import AuditSettings
from planted import POINT, embedded_cohort_of, planted_embeddings


@pytest.fixture(scope="module")
def planted():
    """80 patients with two images each."""
    return planted_embeddings(0, 80)


def test_rows_are_those_of_the_images(planted):
    """Whatever the order of the embeddings."""
    dataset, embedded = planted
    order = np.random.default_rng(0).permutation(len(embedded.image_ids))
    shuffled = replace(
        embedded, image_ids=embedded.image_ids[order], vectors=embedded.vectors[order]
    )

    cohort = embedded_cohort_of(dataset, shuffled, POINT)

    assert np.array_equal(cohort.vectors, embedded.vectors)


def test_images_without_an_embedding_are_left_out(planted):
    """And embeddings without an image."""
    dataset, embedded = planted
    some = replace(embedded, image_ids=embedded.image_ids[10:], vectors=embedded.vectors[10:])
    cohort = make_cohort(dataset, pd.DataFrame({"image_id": embedded.image_ids[:-10]}), POINT)

    found = embedded_cohort(cohort, some)

    assert found is not None
    assert cohort.images.index[found.rows].tolist() == embedded.image_ids[10:-10].tolist()


def test_fewer_than_fifty_patients_are_too_few(planted):
    """Nothing can be learned and measured on them."""
    dataset, embedded = planted
    for n_patients, enough in ((49, False), (50, True)):
        images = pd.DataFrame({"image_id": embedded.image_ids[: 2 * n_patients]})
        found = embedded_cohort(make_cohort(dataset, images, POINT), embedded)
        assert (found is not None) == enough, n_patients


def test_patients_are_never_shared_between_the_parts(planted):
    """Train, validation and test hold different patients, and all of them, 50 : 20 : 30."""
    cohort = embedded_cohort_of(*planted, settings=POINT)
    parts = [
        set(cohort.patients[part])
        for part in (cohort.parts.train, cohort.parts.validation, cohort.parts.test)
    ]

    assert [len(part) for part in parts] == [40, 16, 24]
    assert len(set.union(*parts)) == 80


def test_groups_of_few_patients_are_left_out(planted):
    """Fewer than ten in a part, unknown and conflicting ones; their images have no number."""
    dataset, embedded = planted
    patient = dataset.images["patient_id"].str[1:].astype(int)
    ward = np.select(
        [patient < 5, patient < 8, patient < 45], ["rare", "unknown", "east"], default="west"
    )
    dataset = replace(dataset, images=dataset.images.assign(ward=ward), attributes=("ward",))
    cohort = embedded_cohort_of(dataset, embedded, POINT)
    enough = {
        name: min(
            np.unique(cohort.patients[(cohort.column("ward") == name) & part]).size
            for part in (cohort.parts.train, cohort.parts.validation, cohort.parts.test)
        )
        for name in ("east", "west")
    }

    names, codes = cohort.groups("ward")

    assert names == [name for name, least in enough.items() if least >= 10]
    assert (codes[np.isin(ward, ("rare", "unknown"))] == -1).all()


def test_of_two_groups_one_is_compared(planted):
    """``yes`` where there is one, with all others."""
    dataset, embedded = planted_embeddings(0, 160)
    cohort = embedded_cohort_of(dataset, embedded, POINT)

    ((group, inside, outside),) = cohort.comparisons("used")

    assert group == "yes"
    assert np.array_equal(inside, (dataset.images["used"] == "yes").to_numpy())
    assert np.array_equal(outside, ~inside)


def test_of_three_groups_each_is_compared():
    """With both others."""
    dataset, embedded = planted_embeddings(0, 400)
    patient = dataset.images["patient_id"].str[1:].astype(int)
    ward = patient.map(lambda number: "abc"[number % 3])
    dataset = replace(dataset, images=dataset.images.assign(ward=ward), attributes=("ward",))
    cohort = embedded_cohort_of(dataset, embedded, POINT)

    found = list(cohort.comparisons("ward"))

    assert [group for group, _, _ in found] == ["a", "b", "c"]
    assert all(np.array_equal(inside, ~outside) for _, inside, outside in found)


def test_one_image_per_patient_is_taken_at_random(planted):
    """One of each that is among those asked for; both images of pairs are taken about equally often."""
    cohort = embedded_cohort_of(*planted, settings=POINT)
    among = np.ones(160, dtype=bool)
    among[:2] = False

    chosen = cohort.one_per_patient(among)

    assert chosen.sum() == 79
    assert sorted(cohort.patients[chosen]) == sorted(set(cohort.patients[among]))
    assert 25 < (np.flatnonzero(chosen) % 2).sum() < 54
    assert np.array_equal(chosen, cohort.one_per_patient(among))


def test_rare_groups_are_spread_over_the_parts():
    """Each part has its share of 22 patients, whatever the seed."""
    dataset, embedded = planted_embeddings(0, 300)
    patient = dataset.images["patient_id"].str[1:].astype(int)
    ward = np.where(patient % 14 == 3, "rare", "usual")
    dataset = replace(
        dataset, images=dataset.images.assign(ward=ward), attributes=("used", "hidden", "ward")
    )
    for seed in range(5):
        settings = AuditSettings(n_resamples=0, seed=seed)
        cohort = embedded_cohort_of(dataset, embedded, settings)
        rare = cohort.column("ward") == "rare"
        sizes = [np.unique(cohort.patients[rare & p]).size for p in cohort.parts.named.values()]
        assert sum(sizes) == 22
        assert np.abs(np.array(sizes) - [11, 4.4, 6.6]).max() < 1.5, seed


def test_the_seed_splits_the_patients(planted):
    """Another seed splits the patients in another way."""
    first, second = (
        embedded_cohort_of(*planted, settings=AuditSettings(n_resamples=0, seed=seed))
        for seed in (0, 1)
    )

    assert not np.array_equal(first.parts.test, second.parts.test)


def test_groups_that_are_left_out_are_counted(planted):
    """In the part where they have fewest patients."""
    dataset, embedded = planted
    patient = dataset.images["patient_id"].str[1:].astype(int)
    ward = np.where(patient < 4, "rare", "usual")
    dataset = replace(dataset, images=dataset.images.assign(ward=ward), attributes=("ward",))
    cohort = embedded_cohort_of(dataset, embedded, POINT)

    (small,) = cohort.small_groups("ward")

    sizes = {
        name: np.unique(cohort.patients[(cohort.column("ward") == "rare") & part]).size
        for name, part in cohort.parts.named.items()
    }
    assert (small.group, small.n_patients) == ("rare", min(sizes.values()))
    assert sizes[small.part] == small.n_patients


def test_a_cell_counts_its_images(planted):
    """For rows that are about images and no finding."""
    cohort = embedded_cohort_of(*planted, settings=POINT)

    cell = cohort.cell(cohort.parts.test)

    assert cell.mask.sum() == 48
    assert not cell.sample.y_true.any()
