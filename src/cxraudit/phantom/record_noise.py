"""What real releases are like: records that are missing, contradict each other or say nothing."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxraudit.datasets.base import FINDINGS

_OTHER_RACES = ("WHITE", "BLACK/AFRICAN AMERICAN", "ASIAN", "HISPANIC OR LATINO")
_NO_RACES = ("UNKNOWN", "UNABLE TO OBTAIN", "PATIENT DECLINED TO ANSWER")


class Untidiness:
    """Draws which records of a made-up MIMIC release are untidy; each kind has its own stream."""

    def __init__(self, seed: int, share: float) -> None:
        self.seed, self.share = seed, share

    def _drawn(self, kind: int, n: int, factor: float = 1.0) -> NDArray[np.bool_]:
        return self._rng(kind).random(n) < factor * self.share

    def _rng(self, kind: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, 10, kind])

    def metadata(self, table: pd.DataFrame) -> pd.DataFrame:
        """Views that are lateral or missing."""
        lateral, missing = self._drawn(0, len(table)), self._drawn(1, len(table))
        views = table["ViewPosition"].mask(lateral, "LATERAL").mask(missing, None)
        return table.assign(ViewPosition=views)

    def split(self, table: pd.DataFrame) -> pd.DataFrame:
        """Some patients belong to the training and validation parts."""
        codes, subjects = pd.factorize(table["subject_id"])
        train, validate = self._drawn(2, len(subjects)), self._drawn(3, len(subjects), 0.5)
        parts = np.where(train, "train", np.where(validate, "validate", "test"))
        return table.assign(split=parts[codes])

    def labels(self, table: pd.DataFrame) -> pd.DataFrame:
        """Uncertain and blank labels, and studies without any."""
        for number, finding in enumerate(FINDINGS):
            uncertain = self._drawn(20 + number, len(table))
            blank = self._drawn(40 + number, len(table), 3) & (table[finding] == 0)
            table = table.assign(**{finding: table[finding].mask(uncertain, -1.0).mask(blank)})
        return table[~self._drawn(4, len(table), 0.25)]

    def patients(self, table: pd.DataFrame) -> pd.DataFrame:
        """Patients that MIMIC-IV does not have."""
        return table[~self._drawn(5, len(table), 0.25)]

    def admissions(self, table: pd.DataFrame) -> pd.DataFrame:
        """Patients without an admission, of unknown race, or recorded differently each time."""
        n = len(table)
        unknown = self._drawn(6, n)
        said = self._rng(7).choice(_NO_RACES, n)
        again = table[self._drawn(8, n)]
        again = again.assign(
            hadm_id=again["hadm_id"] + 1_000_000,
            admittime="2151-03-01 08:00:00",
            dischtime="2151-03-02 08:00:00",
            race=self._rng(9).choice(_OTHER_RACES, len(again)),
        )
        first = table.assign(race=table["race"].mask(unknown, pd.Series(said, index=table.index)))
        return pd.concat([first[~self._drawn(10, n, 0.5)], again], ignore_index=True)

    def without_findings(self, n: int) -> NDArray[np.bool_]:
        """Which reports have an impression and no FINDINGS."""
        return self._drawn(11, n)
