"""Demographics of MIMIC-IV."""

import shutil

import pandas as pd
import pytest

from cxraudit.datasets.releases import mimic_cxr, mimic_iv


def _rewrite(path, change):
    table = pd.read_csv(path)
    change(table).to_csv(path, index=False)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("drop-conflicting", "conflicting"), ("first", "black"), ("majority", "white")],
)
def test_contradicting_races_follow_the_named_rule(mimic_release, tmp_path, rule, expected):
    """Three admissions, black, white and white; a patient without admissions; the column of v1."""
    root = shutil.copytree(mimic_release, tmp_path / "copy")
    admissions = root / "mimiciv" / "3.1" / "hosp" / "admissions.csv.gz"

    def change(table):
        subjects = table["subject_id"].unique()
        first = table[table["subject_id"] == subjects[0]]
        admissions = [
            first.assign(race=race, admittime=f"21{50 + i}-01-01 00:00:00")
            for i, race in enumerate(["BLACK/AFRICAN", "WHITE", "WHITE - RUSSIAN"])
        ]
        others = table[~table["subject_id"].isin(subjects[:2])]
        return pd.concat([*admissions, others]).rename(columns={"race": "ethnicity"})

    _rewrite(admissions, change)

    images = mimic_cxr.load(root, race=rule).images
    patients = images["patient_id"].drop_duplicates().tolist()

    assert set(images.loc[images["patient_id"] == patients[0], "race"]) == {expected}
    assert set(images.loc[images["patient_id"] == patients[1], "race"]) == {"unknown"}


def test_races_of_mimic_iv_fall_into_groups():
    """By the spellings of MIMIC-IV v1 to v3."""
    assert mimic_iv.race_group("WHITE - BRAZILIAN") == "white"
    assert mimic_iv.race_group("ASIAN - ASIAN INDIAN") == "asian"
    assert mimic_iv.race_group("HISPANIC/LATINO - CUBAN") == "hispanic"
    assert mimic_iv.race_group("AMERICAN INDIAN/ALASKA NATIVE") == "american indian"
    assert mimic_iv.race_group("PATIENT DECLINED TO ANSWER") is None
    assert mimic_iv.race_group("NON-WHITE") is None
    assert mimic_iv.race_group("WHITEWASHED") is None
