"""Faults in the prediction of attributes from embeddings."""

from dataclasses import replace

from cxraudit.paper.faults.probes import misaligned_search, projected_probe, single_split


def test_the_misaligned_search_stays_near_chance_level(make_run):
    """Sex is nearly always predicted; the published search uses labels of other images."""
    (fault,) = misaligned_search(make_run(seed=3))
    published, aligned = (
        float(text.split(" to ")[1].split(",")[0]) for text in (fault.published, fault.corrected)
    )
    assert published < 0.65
    assert aligned > 0.9


def test_other_splits_give_other_results(make_run):
    """The range over splits has a width."""
    (fault,) = single_split(make_run())
    low, high = (float(end) for end in fault.corrected.split(" over")[0].split(" to "))
    assert high - low > 0.01


def test_a_probe_of_projections_stops_with_an_error(make_run):
    """PCA gives two features where twelve are expected; t-SNE cannot transform."""
    (fault,) = projected_probe(make_run())
    assert "2 features" in fault.published
    assert "has no transform" in fault.published


def test_an_attribute_with_one_group_cannot_be_probed(make_run):
    """All images of one sex and race."""
    run = make_run(drains=False)
    images = run.dataset.images.assign(sex="unknown", race="unknown")
    unknown = replace(run, dataset=replace(run.dataset, images=images))
    for check in (misaligned_search, single_split, projected_probe):
        assert not list(check(unknown))
