"""A fault in the plots of embeddings."""

from dataclasses import replace

from cxraudit.paper.faults.projections import mixed_axes


def test_axes_of_one_fit_are_uncorrelated(make_run):
    """Those of two fits hold less of the variance."""
    (fault,) = mixed_axes(make_run())
    assert fault.corrected.startswith("r = 0.00")
    mixed, single = (
        float(text.split("%")[0].split(" ")[-1]) for text in (fault.published, fault.corrected)
    )
    assert mixed < single


def test_without_reports_there_is_one_fit(make_run):
    """Nothing to mix."""
    assert not list(mixed_axes(replace(make_run(), texts=None)))
