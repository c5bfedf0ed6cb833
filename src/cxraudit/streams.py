"""Register of random streams, so that draws for one purpose are independent of all others.

Every generator is made from the seed of the run, the number of its stream, and the keys of what it is
drawn for.
"""

import zlib
from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """Number of each stream. Numbers are never reused or changed, since results depend on them."""

    PHANTOM_PATIENT = 0
    PHANTOM_ANATOMY = 1
    PHANTOM_POSE = 2
    PHANTOM_NOISE = 3
    PHANTOM_FINDING = 4
    PHANTOM_SIDE = 5
    PHANTOM_REPORT = 6
    PHANTOM_DETECTOR_ERRORS = 7
    PHANTOM_DICOM_IDS = 8
    PHANTOM_ADMISSIONS = 9
    PHANTOM_RECORD_NOISE = 10
    TUNING_PATIENTS = 23
    PROBE_PARTS = 31
    PROBE_CONTROL = 33
    TSNE_IMAGES = 34
    ENERGY_PATIENTS = 35
    PROJECTED_IMAGES = 36
    CENTROID_TEST = 37
    PROJECTED_REPORTS = 38
    ONE_IMAGE_PER_PATIENT = 39
    DETECTOR_SPLIT = 40
    PERTURBED_PATIENTS = 41
    DETECTOR_EPOCH = 42
    DETECTOR_CONTROL = 43
    DETECTOR_ERRORS = 44
    PLANNED_PATIENTS = 45
    TRAINING_RUNS = 46
    ERASURE_HALVES = 50
    PROMPT_VARIANCE = 51
    HEAD_PATIENTS = 52
    HEAD_FOLDS = 53
    SHOTS = 54
    SLICE_PATIENTS = 55
    SLICE_CLUSTERS = 56
    WORDINGS = 57


def generator(stream: Stream, seed: int, *keys: int) -> np.random.Generator:
    """Return the generator of a stream, and of what the integers `keys` identify."""
    return np.random.default_rng([seed, stream, *keys])


def patient_generator(stream: Stream, seed: int, patient: int, *keys: int) -> np.random.Generator:
    """Return the generator of a stream for one synthetic patient, independent of other patients."""
    return np.random.default_rng([seed, patient, stream, *keys])


def named_generator(seed: int, *names: str) -> np.random.Generator:
    """Return the generator of what texts identify, such as an image id.

    Each text enters by its CRC-32, which depends on neither the process nor the platform.
    """
    return np.random.default_rng([seed, *(zlib.crc32(name.encode()) for name in names)])
