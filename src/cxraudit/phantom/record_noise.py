"""Record noise: the missing, contradictory and uncertain records of real releases."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxraudit.datasets.base import FINDINGS
from cxraudit.streams import Stream, generator

_KNOWN_RACES = ("WHITE", "BLACK/AFRICAN AMERICAN", "ASIAN", "HISPANIC OR LATINO")
_UNKNOWN_RACES = ("UNKNOWN", "UNABLE TO OBTAIN", "PATIENT DECLINED TO ANSWER")

# Number of the stream of each kind of noise: every kind is drawn independently of the others.
_LATERAL, _NO_VIEW, _TRAIN, _VALIDATE, _NO_LABELS = 0, 1, 2, 3, 4
_NO_PATIENT, _UNKNOWN_RACE, _UNKNOWN_NAME, _SECOND, _SECOND_RACE, _NO_ADMISSION = 5, 6, 7, 8, 9, 10
_NO_FINDINGS, _UNCERTAIN, _BLANK = 11, 20, 40


class RecordNoise:
    """Record noise of a synthetic MIMIC release.

    Parameters
    ----------
    seed : int
        Seed of the release.
    share : float
        Share of affected records in [0, 1]; some kinds of noise affect a multiple of it.
    """

    def __init__(self, seed: int, share: float) -> None:
        self.seed, self.share = seed, share

    def _generator(self, kind: int) -> np.random.Generator:
        return generator(Stream.PHANTOM_RECORD_NOISE, self.seed, kind)

    def _affected(self, kind: int, n: int, factor: float = 1.0) -> NDArray[np.bool_]:
        """Return which of `n` records are affected."""
        return self._generator(kind).random(n) < factor * self.share

    def metadata(self, table: pd.DataFrame) -> pd.DataFrame:
        """Make some views lateral and others missing."""
        lateral, missing = (
            self._affected(_LATERAL, len(table)),
            self._affected(_NO_VIEW, len(table)),
        )
        views = table["ViewPosition"].mask(lateral, "LATERAL").mask(missing, None)
        return table.assign(ViewPosition=views)

    def split(self, table: pd.DataFrame) -> pd.DataFrame:
        """Move some patients to the training and validation splits."""
        codes, subjects = pd.factorize(table["subject_id"])
        train = self._affected(_TRAIN, len(subjects))
        validate = self._affected(_VALIDATE, len(subjects), 0.5)
        splits = np.where(train, "train", np.where(validate, "validate", "test"))
        return table.assign(split=splits[codes])

    def labels(self, table: pd.DataFrame) -> pd.DataFrame:
        """Make some labels uncertain and others blank, and drop all labels of some studies."""
        for number, finding in enumerate(FINDINGS):
            uncertain = self._affected(_UNCERTAIN + number, len(table))
            blank = self._affected(_BLANK + number, len(table), 3) & (table[finding] == 0)
            table = table.assign(**{finding: table[finding].mask(uncertain, -1.0).mask(blank)})
        return table[~self._affected(_NO_LABELS, len(table), 0.25)]

    def patients(self, table: pd.DataFrame) -> pd.DataFrame:
        """Drop some patients of MIMIC-IV."""
        return table[~self._affected(_NO_PATIENT, len(table), 0.25)]

    def admissions(self, table: pd.DataFrame) -> pd.DataFrame:
        """Drop some admissions, make some races unknown, and add second admissions of any race."""
        n = len(table)
        unknown = self._affected(_UNKNOWN_RACE, n)
        names = self._generator(_UNKNOWN_NAME).choice(_UNKNOWN_RACES, n)
        second = table[self._affected(_SECOND, n)]
        second = second.assign(
            hadm_id=second["hadm_id"] + 1_000_000,
            admittime="2151-03-01 08:00:00",
            dischtime="2151-03-02 08:00:00",
            race=self._generator(_SECOND_RACE).choice(_KNOWN_RACES, len(second)),
        )
        race = table["race"].mask(unknown, pd.Series(names, index=table.index))
        first = table.assign(race=race)[~self._affected(_NO_ADMISSION, n, 0.5)]
        return pd.concat([first, second], ignore_index=True)

    def without_findings(self, n: int) -> NDArray[np.bool_]:
        """Return which of `n` reports have an IMPRESSION and no FINDINGS section."""
        return self._affected(_NO_FINDINGS, n)
