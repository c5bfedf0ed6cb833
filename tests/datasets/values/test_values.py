"""A value is understood, a usual word for missing, or an error that names it."""

import numpy as np
import pandas as pd
import pytest

from cxraudit.datasets import values
from cxraudit.errors import ConfigError, DataError

ABOUT = "column 'x'"


def column(cells) -> pd.Series:
    """A column of these cells."""
    return pd.Series(cells)


def stated(read) -> str:
    """All sentences of the notices."""
    return " ".join(notice.sentence for notice in read.notices)


MISSING_WORDS = [
    *(
        "Unknown",
        "UNKNOWN",
        "not reported",
        "Not  Specified",
        "declined",
        "Patient declined to answer",
    ),
    *("Refused", "n/a", "N/A", "None", "?", "", "  ", "-", "unable to obtain", "Prefer not to say"),
    *(None, float("nan"), "nan", "<NA>", "unbekannt", "no consta"),
]


@pytest.mark.parametrize("word", MISSING_WORDS)
def test_a_usual_word_for_missing_is_unknown_and_counted(word):
    """As a group, a sex and an age, whatever its case."""
    for read, value in (
        (values.groups(column([word, "White"]), ABOUT, "race"), "unknown"),
        (values.sexes(column([word, "F"]), ABOUT), "unknown"),
        (values.ages(column([word, "58"]), ABOUT), None),
    ):
        assert read.series[0] == value or (value is None and np.isnan(read.series[0]))
        assert sum(notice.count for notice in read.notices) == 1


@pytest.mark.parametrize(
    ("cells", "names"),
    [
        (["0012", "12", "1E3", "1000"], ["0012", "12", "1E3", "1000"]),
        (["9007199254740993", "9007199254740992"], ["9007199254740993", "9007199254740992"]),
        ([12345678901234567890, 1], ["12345678901234567890", "1"]),
        ([1.0, 2.0], ["1", "2"]),
        (["12.0", "12"], ["12", "12"]),
        (["1.0", "1.5"], ["1.0", "1.5"]),
        (["0012.0", "12"], ["0012", "12"]),
        (["P1 ", "P1", "\u00a0P1"], ["P1", "P1", "P1"]),
        ([b"P1", b"P2"], ["P1", "P2"]),
        (["e\u0301", "\u00e9"], ["\u00e9", "\u00e9"]),
        (["True", "1"], ["True", "1"]),
        (pd.Categorical([7, 7, 8]), ["7", "7", "8"]),
        (pd.to_datetime(["2024-01-31"]), ["2024-01-31"]),
    ],
)
def test_identifiers_are_text(cells, names):
    """Zeros in front count, and no identifier is a number."""
    assert values.ids(column(cells), ABOUT).series.tolist() == names


@pytest.mark.parametrize(
    ("cells", "match"),
    [
        ([2.0**53, 1.0], r"beyond 2\^53"),
        ([1.0, None], "1 row without a value"),
        (["", "a"], "1 row without a value"),
        ([[1], [2]], "cells of the type list"),
        ([{"a": 1}], "cells of the type dict"),
        ([(1, 2)], "several values in a cell"),
        ([b"\xff"], "bytes that are no text"),
    ],
)
def test_identifiers_that_cannot_be_told_are_refused(cells, match):
    """Missing, rounded, or no single value."""
    with pytest.raises(DataError, match=match):
        values.ids(column(cells), ABOUT)


def test_blanks_and_points_that_were_taken_off_are_counted():
    """Nothing is converted in silence."""
    assert "1 value with blanks around" in stated(values.ids(column(["a ", "b"]), ABOUT))
    assert "1 whole number with '.0'" in stated(values.ids(column(["1.0", "2"]), ABOUT))
    assert values.ids(column(["a", "b"]), ABOUT).notices == ()


@pytest.mark.parametrize(
    ("word", "years"),
    [
        *(
            (text, 58.0)
            for text in ("58", "58.0", "058Y", "58Y", "58 years", "58 y.o.", "58 Jahre")
        ),
        *(
            (text, 58.0)
            for text in ("58 años", "58 ans", "58yo", "58 years old", "58 year(s)", " 58 ")
        ),
        *((text, 58.5) for text in ("58.5", "58,5", "58,5 years")),
        *((text, 1.5) for text in ("018M", "18 months", "18 mo", "18 meses")),
        *((text, 21 / 365.25) for text in ("003W", "3 weeks", "021D", "21 days", "21 Tage")),
        *((text, 90.0) for text in ("> 89", ">89", "over 89", "90+", "90 +", ">= 90", "≥90")),
        *(
            (text, 90.0)
            for text in ("90 and over", "90 or older", "90 years and older", "at least 90")
        ),
    ],
)
def test_ages_are_understood(word, years):
    """In the spellings of tables and headers; lower bounds are marked."""
    read = values.ages(column([word]), ABOUT)

    assert read.series[0] == pytest.approx(years)
    assert read.at_least[0] == (years == 90)


@pytest.mark.parametrize("word", ["300", "-1", "999", "412", 155, -5.0, "121 years"])
def test_an_impossible_age_is_unknown_with_a_notice(word):
    """A data entry error, or a code for missing."""
    read = values.ages(column([word]), ABOUT)

    assert np.isnan(read.series[0])
    assert "1 impossible age" in stated(read)


def test_an_age_that_was_removed_from_a_header_is_unknown():
    """000Y; an infant's age is in months, weeks or days."""
    assert np.isnan(values.ages(column(["000Y"]), ABOUT).series[0])
    assert values.ages(column(["000D", 0]), ABOUT).series.tolist() == [0, 0]


@pytest.mark.parametrize(
    "word", ["abc", "40-49", "[40, 50)", "5O", "58 parsecs", "1940-01-02", "inf"]
)
def test_what_is_no_age_is_refused_or_named(word):
    """An error in a table of the user; unknown with a notice in a header."""
    with pytest.raises(DataError, match="no age in years"):
        values.ages(column([word, "58"]), ABOUT)

    read = values.ages(column([word, "58"]), ABOUT, strict=False)
    assert np.isnan(read.series[0])
    assert word in stated(read)


@pytest.mark.parametrize(
    ("cells", "sexes"),
    [
        (["F", "Male ", "m", "FEMALE"], ["female", "male", "male", "female"]),
        (["weiblich", "männlich"], ["female", "male"]),
        (["W", "M", "D"], ["female", "male", "other"]),
        (["femme", "homme"], ["female", "male"]),
        (["H", "F"], ["male", "female"]),
        (["mujer", "Hombre"], ["female", "male"]),
        (["feminino", "masculino"], ["female", "male"]),
        (["donna", "uomo"], ["female", "male"]),
        (["K", "M"], ["female", "male"]),
        (["女", "男"], ["female", "male"]),
        (["O", "non-binary"], ["other", "other"]),
    ],
)
def test_sexes_are_understood_in_the_usual_languages(cells, sexes):
    """Words and letters."""
    assert values.sexes(column(cells), ABOUT).series.tolist() == sexes


@pytest.mark.parametrize("cells", [["H", "M"], ["M", "Mujer"], ["hombre", "m"], ["M", "Femenino"]])
def test_m_beside_spanish_words_is_ambiguous(cells):
    """M may mean mujer: it is refused with the way out."""
    with pytest.raises(DataError, match=r"may mean mujer or male. .*--sex-values"):
        values.sexes(column(cells), ABOUT)


@pytest.mark.parametrize("cells", [["1", "2"], [0, 1], ["V", "M"], ["F", "xy"]])
def test_codes_need_a_mapping(cells):
    """Which is which cannot be told."""
    with pytest.raises(DataError, match=r"no sex: .*--sex-values"):
        values.sexes(column(cells), ABOUT)


def test_a_mapping_says_what_codes_mean():
    """It comes before every usual meaning, and other words keep theirs."""
    read = values.sexes(
        column(["H", "M", "x9", "F"]), ABOUT, mapping={"h": "male", "M": "female", "x9": "unknown"}
    )

    assert read.series.tolist() == ["male", "female", "unknown", "female"]
    with pytest.raises(ConfigError, match="sex values map to"):
        values.sexes(column(["H"]), ABOUT, mapping={"H": "tall"})


def test_a_mapping_takes_every_usual_word_for_a_sex_and_numbers_as_codes():
    """F is female there, too."""
    read = values.sexes(column(["1", "2"]), ABOUT, mapping={1: "F", "2": "Mann"})  # type: ignore[dict-item]

    assert read.series.tolist() == ["female", "male"]


@pytest.mark.parametrize(
    ("cells", "mapping"),
    [
        (["H", "M"], {"H": "male"}),
        (["V", "M"], {"V": "male"}),
        (["F", "N"], {"N": "female"}),
        (["D", "M"], {}),
        (["H", "D"], {}),
    ],
)
def test_a_letter_that_may_mean_another_sex_is_refused(cells, mapping):
    """Also where only the other letter was given a meaning: V and M may be varón and mujer."""
    with pytest.raises(DataError, match="may mean"):
        values.sexes(column(cells), ABOUT, mapping=mapping)


def test_d_beside_a_word_for_female_is_divers_and_u_beside_male_is_unknown():
    """U is counted."""
    read = values.sexes(column(["w", "m", "d", "U"]), ABOUT)

    assert read.series.tolist() == ["female", "male", "other", "unknown"]
    assert "'U' (1)" in stated(read)


def test_a_dash_beside_a_plus_is_negative():
    """Else it is a blank."""
    assert values.labels(column(["+", "-", ""]), ABOUT).series.tolist()[:2] == [1, 0]
    assert values.yes_no(column(["+", "−"]), ABOUT).series.tolist() == ["yes", "no"]
    assert np.isnan(values.labels(column(["1", "-"]), ABOUT).series[1])


def test_an_unknown_policy_for_uncertain_labels_is_refused():
    """Whether or not there are such labels."""
    with pytest.raises(ConfigError, match="zeros, ones, ignore"):
        values.labels(column(["1"]), ABOUT, uncertain="zero")


@pytest.mark.parametrize("word", ["unknown", "None", "n/a", "-", "#REF!"])
def test_patients_without_an_identifier_are_not_one_patient(word):
    """A word for missing is refused; where it may be a name, it is one."""
    with pytest.raises(DataError, match="word for missing"):
        values.ids(column([word, "a"]), ABOUT)
    assert values.ids(column([word, "a"]), ABOUT, any_word=True).series.tolist() == [word, "a"]


@pytest.mark.parametrize(
    ("cells", "match"),
    [
        (["1.23457E+11", "x"], "rounded by a spreadsheet"),
        (np.array([16777217, 2], dtype="float32"), "beyond 2\\^24"),
        ([1e22, "x"], "beyond 2\\^53"),
        (["a\nb", "x"], "line break"),
    ],
)
def test_an_identifier_that_is_no_longer_itself_is_refused(cells, match):
    """It may be that of several patients."""
    with pytest.raises(DataError, match=match):
        values.ids(column(cells), ABOUT)


def test_groups_that_differ_in_a_final_zero_are_one_only_where_both_occur():
    """Version 1.0 beside version 1.1 stays as it is."""
    read = values.groups(column(["1", "1.0", "1"]), ABOUT, "x")

    assert read.series.tolist() == ["1", "1", "1"]
    assert "a final '.0'" in stated(read)
    assert values.groups(column(["1.0", "1.1"]), ABOUT, "x").series.tolist() == ["1.0", "1.1"]


def test_suggested_bins_are_different_numbers_without_an_exponent():
    """As those of years."""
    with pytest.raises(DataError, match="--bins year=1997,2004,2012"):
        values.groups(column([str(year) for year in range(1990, 2020)]), ABOUT, "year")


@pytest.mark.parametrize(("cells", "first"), [(["50%", "unknown"], 0.5), (["TRUE", "n/a"], 1.0)])
def test_a_word_for_missing_among_percentages_or_booleans_is_no_score(cells, first):
    """It is counted."""
    read = values.scores(column(cells), ABOUT)

    assert read.series[0] == first
    assert np.isnan(read.series[1])
    assert f"'{cells[1]}' (1)" in stated(read)


@pytest.mark.parametrize(
    "word", [1, 1.0, True, "1", "1.0", "1,0", "yes", "TRUE", "Positive", "pos", "y", "Ja"]
)
def test_a_finding_is_present(word):
    """In every usual spelling."""
    assert values.labels(column([word]), ABOUT).series.tolist() == [1]
    assert values.yes_no(column([word]), ABOUT).series.tolist() == ["yes"]


@pytest.mark.parametrize(
    "word", [0, 0.0, False, "0", "0.0", "0,0", "no", "False", "NEGATIVE", "neg", "N", "nein"]
)
def test_a_finding_is_absent(word):
    """In every usual spelling."""
    assert values.labels(column([word]), ABOUT).series.tolist() == [0]
    assert values.yes_no(column([word]), ABOUT).series.tolist() == ["no"]


@pytest.mark.parametrize("word", ["1*", "2", 0.5, "0.5", "10", "yes!", "Pneumonia", "01", "1e0"])
def test_other_labels_are_refused(word):
    """They never become absent."""
    with pytest.raises(DataError, match="no label"):
        values.labels(column([word, "0"] if isinstance(word, str) else [word, 0]), ABOUT)
    with pytest.raises(DataError, match="no yes or no"):
        values.yes_no(column([word, "0"] if isinstance(word, str) else [word, 0]), ABOUT)


@pytest.mark.parametrize("word", [-1, -1.0, "-1", "-1.0", "u", "Uncertain", "?", "\u22121"])
def test_an_uncertain_label_follows_the_named_policy(word):
    """Without one it is refused."""
    cells = column([word])

    with pytest.raises(DataError, match=r"1 uncertain label: .*--uncertain"):
        values.labels(cells, ABOUT)
    assert values.labels(cells, ABOUT, uncertain="zeros").series.tolist() == [0]
    assert values.labels(cells, ABOUT, uncertain="ones").series.tolist() == [1]
    ignored = values.labels(cells, ABOUT, uncertain="ignore")
    assert np.isnan(ignored.series[0])
    assert "1 uncertain label" in stated(ignored)
    assert values.yes_no(cells, ABOUT).series.tolist() == ["unknown"]


def test_blank_labels_are_not_labelled_without_a_notice():
    """Words for missing have one."""
    assert values.labels(column(["1", "", None]), ABOUT).notices == ()
    assert "1 value counts as not labelled: 'n/a' (1)" in stated(
        values.labels(column(["n/a"]), ABOUT)
    )


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (["0.5", "-1e-3", " 3 "], [0.5, -0.001, 3]),
        (["0,5", "0,25", "1"], [0.5, 0.25, 1]),
        (["74.3%", "5 %", ""], [0.743, 0.05, np.nan]),
        (["True", "False", None], [1, 0, np.nan]),
        ([True, False], [1, 0]),
        ([0.5, None], [0.5, np.nan]),
        (["0.5", "n/a"], [0.5, np.nan]),
        (["\u22120.5"], [-0.5]),
    ],
)
def test_scores_are_understood(cells, numbers):
    """Numbers, percentages, true and false; an image without a score has none."""
    np.testing.assert_allclose(values.scores(column(cells), ABOUT).series, numbers)


@pytest.mark.parametrize(
    ("cells", "match"),
    [
        (["0,5", "0.25"], "decimal point and 1 with a comma"),
        (["1,234", "2,345"], "divide thousands"),
        (["5%", "0.5"], "no number"),
        (["True", "0.5"], "no number"),
        (["0.5", "high"], "no number: 'high'"),
        (["inf"], "infinite"),
        ([np.inf], "infinite"),
        (["0x10"], "no number"),
        ([[1]], "type list"),
    ],
)
def test_scores_that_cannot_be_told_are_refused(cells, match):
    """Mixed kinds, words, and infinite numbers."""
    with pytest.raises(DataError, match=match):
        values.scores(column(cells), ABOUT)


def test_groups_that_differ_in_case_or_blanks_are_one():
    """By their most frequent spelling, with a notice."""
    read = values.groups(
        column(["White", "white", "White ", "Hispanic  or Latino", "hispanic or latino"]),
        ABOUT,
        "race",
    )

    assert read.series.nunique() == 2
    assert read.series[0] == "White"
    assert "differ in case or blanks" in stated(read)


def test_a_number_with_many_values_needs_bins():
    """The message gives some."""
    bmi = column([str(18 + k / 10) for k in range(21)])

    with pytest.raises(DataError, match=r"21 values, .* --bins bmi=18\.5,19,19\.5"):
        values.groups(bmi, ABOUT, "bmi")
    assert values.groups(bmi[:10], ABOUT, "bmi").series.nunique() == 10
    assert values.groups("site " + bmi, ABOUT, "site").series.nunique() == 21


def test_a_word_for_images_that_are_never_compared_is_no_group_of_a_user():
    """It gets an addition, and a notice; other words of our own results stay as they are."""
    read = values.groups(
        column(["conflicting", "rest", "control", "all other groups"]), ABOUT, "arm"
    )

    assert read.series.tolist() == ["conflicting (group)", "rest", "control", "all other groups"]
    assert "'conflicting' is shown as" in stated(read)


def test_bins_hold_their_lower_edge():
    """Names tell the edges; an unknown number stays unknown."""
    numbers = column([19.9, 20, 60, np.nan])

    assert values.binned(numbers, [20, 40, 60]).tolist() == ["under 20", "20-40", "60+", "unknown"]


def test_a_lower_bound_is_in_the_oldest_group_or_unknown():
    """At least 50 may be in either of two groups."""
    numbers, bound = column([90.0, 50.0, 50.0]), column([True, True, False])

    assert values.binned(numbers, [40, 60], bound).tolist() == ["60+", "unknown", "40-60"]


@pytest.mark.parametrize(
    "word",
    ["20240131", 20240131, "2024-01-31", "2024-01-31T10:00", "2024-01-31 10:00:00", "2024.01.31"],
)
def test_dates_are_understood(word):
    """With and without a time."""
    assert values.dates(column([word]), ABOUT).series[0] == pd.Timestamp("2024-01-31")


@pytest.mark.parametrize("word", ["31/01/2024", "20241301", "yesterday"])
def test_other_dates_are_refused_or_named(word):
    """The order of day and month cannot be told."""
    with pytest.raises(DataError, match="no date"):
        values.dates(column([word]), ABOUT)
    assert word in stated(values.dates(column([word]), ABOUT, strict=False))


def test_views_are_known_in_any_case():
    """Others keep their name."""
    cells = column(["pa", "Ap", "Lateral", "ll", "oblique", ""])

    assert values.views(cells, ABOUT).series.tolist() == [
        "PA",
        "AP",
        "LATERAL",
        "LL",
        "oblique",
        "unknown",
    ]


def test_who_gave_a_label_is_people_or_a_program():
    """Anything else is refused."""
    read = values.label_sources(column(["Radiologist", "model", "", "annotated"]), ABOUT)

    assert read.series.tolist() == ["annotated", "predicted", "unknown", "annotated"]
    with pytest.raises(DataError, match="no source of a label: 'x'"):
        values.label_sources(column(["x"]), ABOUT)


def test_values_are_read_by_row_whatever_the_index():
    """Each cell has the meaning it has alone."""
    cells = pd.Series(["F", "M", "F"], index=[7, 7, 3])

    assert values.sexes(cells, ABOUT).series.tolist() == ["female", "male", "female"]
    assert values.groups(cells, ABOUT, "x").series.index.tolist() == [7, 7, 3]


@pytest.mark.parametrize(
    "read", [values.sexes, values.ages, values.labels, values.scores, values.texts]
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_cell_with_a_line_break_is_refused(read, end):
    """It holds rows that a quotation mark has swallowed; at the ends of a cell it is a blank."""
    with pytest.raises(DataError, match="1 cell with a line break"):
        read(column([f"1{end}2", "1"]), ABOUT)
    assert values.texts(column([f"1{end}"]), ABOUT).tolist() == ["1"]


def test_what_is_not_understood_has_a_notice_of_its_own():
    """Beside the words for missing, so that many of those do not hide it."""
    cells = column([*["unknown"] * 9, *"abcde", "F", "zz"])

    read = values.sexes(cells, ABOUT, strict=False)

    assert [notice.count for notice in read.notices] == [9, 5]
    assert "not understood, unknown: 'a' (1)" in read.notices[1].sentence


@pytest.mark.parametrize(
    ("cell", "day"),
    [
        ("20240131", "2024-01-31"),
        ("2024-01-31 23:59", "2024-01-31"),
        ("2024-01-31T23:59:59-05:00", "2024-01-31"),
        ("2024.1.3", "2024-01-03"),
        ("2024/01/31", "2024-01-31"),
        ("21800506.0", "2180-05-06"),
    ],
)
def test_a_date_is_the_day_where_it_was_written(cell, day):
    """A time zone does not move it."""
    assert str(values.dates(column([cell]), ABOUT).series[0].date()) == day


@pytest.mark.parametrize(
    "cell", ["2024", "202401", "240131", "31.01.2024", "01/02/2024", "20240230", "2024-13-01", "x"]
)
def test_half_a_date_and_dates_of_two_readings_are_no_dates(cell):
    """01/02/2024 may be in January or in February."""
    with pytest.raises(DataError, match="1 value that is no date"):
        values.dates(column([cell]), ABOUT)
    read = values.dates(column([cell]), ABOUT, strict=False)
    assert read.series.isna().all()
    assert cell in stated(read)


def test_a_view_that_is_no_usual_one_is_kept_with_a_notice():
    """Usual ones are understood in any case."""
    read = values.views(column(["pa", "Lat", "XTABLE LATERAL", "upside down", None]), ABOUT)

    assert read.series.tolist() == ["PA", "LATERAL", "XTABLE LATERAL", "upside down", "unknown"]
    assert "not usual ones, kept as they are: 'upside down' (1)." in stated(read)


def test_columns_without_any_value_are_unknown():
    """Of every type."""
    for cells in ([None, None], [float("nan")] * 2, pd.Series([None, None], dtype="str")):
        for read in (values.groups(column(cells), ABOUT, "g"), values.views(column(cells), ABOUT)):
            assert read.series.tolist() == ["unknown", "unknown"]
        assert values.numbers(column(cells), ABOUT).series.isna().all()


def test_other_numbers_of_a_publisher_are_nan_and_named():
    """Where the user cannot correct them."""
    read = values.numbers(column(["1.5", "x", None]), ABOUT, strict=False)

    np.testing.assert_array_equal(read.series, [1.5, np.nan, np.nan])
    assert "not understood, unknown: 'x' (1)" in stated(read)
