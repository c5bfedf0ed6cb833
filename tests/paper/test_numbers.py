"""The published numbers, and a comparison with them."""

import numpy as np
import pandas as pd
import pytest

from cxraudit.errors import DataError, MissingColumnsError
from cxraudit.paper.numbers import compare, published, study_name


@pytest.fixture
def two_models():
    """The published numbers of two models, as if they were ours."""
    numbers = published().assign(model=lambda table: table["model"].str.lower() + "@paper")
    return numbers[numbers["model"].isin(["biovil@paper", "biovil-t@paper"])].reset_index(drop=True)


@pytest.mark.data
def test_the_shipped_numbers_are_the_published_files(real_data):
    """Every one of 414 rows."""
    table = published()
    assert len(table) == 414
    files = {"biovil-t": "BioViL-T", "cxrclip": "CXR-CLIP", "medclip": "MedCLIP"}
    for stem, model in files.items():
        source = pd.read_csv(real_data / "paper_tables" / "MIMIC" / f"zeroshot_{stem}.csv")
        rows = table[(table["model"] == model) & (table["dataset"] == "mimic-cxr")]
        np.testing.assert_array_equal(rows["auroc"], source["AUC"])
        np.testing.assert_array_equal(rows["adjusted_auprc_low"], source["CI_AUPRC_low"])


def test_published_numbers_agree_with_themselves(two_models):
    """Every number, with no difference."""
    compared = compare(two_models)

    assert len(compared) == 2 * len(two_models)
    assert compared["agrees"].all()
    assert compared["difference"].abs().max() < 1e-12


def test_a_number_outside_the_interval_does_not_agree(two_models):
    """One AUROC with its interval is moved by 0.1."""
    two_models.loc[0, ["auroc", "auroc_low", "auroc_high"]] += 0.1

    compared = compare(two_models)

    assert compared.loc[
        ~compared["agrees"], ["finding", "group", "metric"]
    ].to_numpy().tolist() == [["Atelectasis", "all", "auroc"]]
    assert compared["difference"].abs().max() == pytest.approx(0.1)


def test_models_that_the_study_does_not_have_are_refused(two_models):
    """The error names them."""
    with pytest.raises(DataError, match="none of the models own-model"):
        compare(two_models.assign(model="own-model"))


def test_a_table_that_lacks_a_column_is_refused(two_models):
    """The error names the column."""
    with pytest.raises(MissingColumnsError, match="prevalence"):
        compare(two_models.drop(columns="prevalence"))


def test_variants_of_a_model_have_its_name_in_the_study():
    """Suffixes for the published wrapper and for precision do not count."""
    assert study_name("cxrclip-swint@paper+bf16") == "CXR-CLIP"
    assert study_name("random") is None
