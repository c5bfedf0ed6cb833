"""Notices are kept as plain data, and name values by how often they occur."""

from cxraudit.notices import Notice, as_records, from_records, named


def test_notices_survive_a_manifest_and_are_listed_once():
    """Two equal ones are one."""
    notice = Notice(about="column 'sex'", count=3, sentence="3 values are unknown.")

    assert from_records(as_records([notice, notice])) == (notice,)


def test_values_are_named_most_frequent_first_and_the_others_counted():
    """Five at most."""
    values = {"a": 1, "b": 30, "c": 2, "d": 4, "e": 5, "f": 6, "g": 7}

    assert named(values) == "'b' (30), 'g' (7), 'f' (6), 'e' (5), 'd' (4) and 2 others"
    assert named({"u": 1200}) == "'u' (1,200)"
