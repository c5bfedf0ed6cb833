"""Statements on a model: which are made, in which order, and of the null model."""

from example_audit import by_sex, complete, example, overall

from cxraudit.report.statements import NULL_MODEL, STATEMENTS, Tone, of_model
from cxraudit.report.statements import embeddings as about_embeddings
from cxraudit.schema import Analysis
from cxraudit.stats.estimate import Verdict


def test_statements_come_in_the_order_of_their_tones():
    """So that page and terminal begin with what was found."""
    ranks = [statement.tone.rank for statement in of_model(complete(), "m")]

    assert ranks == sorted(ranks)
    assert len(ranks) > 6


def test_every_module_of_statements_is_heard():
    """Subgroups, shortcuts, perturbations and embeddings of an audit that has all of them."""
    headlines = " ".join(statement.headline for statement in of_model(complete(), "m"))

    for words in (
        "AUROC is lower",
        "chest drain in the image",
        "relies on",
        "AUROC falls",
        "decodable",
    ):
        assert words in headlines


def test_some_modules_can_be_left_out():
    """The page shows statements on embeddings beside their figures."""
    without = [module for module in STATEMENTS if module is not about_embeddings]

    words = " ".join(s.headline for s in of_model(complete(), "m", about=without))

    assert "decodable" not in words


def test_of_the_null_model_only_what_departs_from_chance_is_stated():
    """Nothing on what is not settled, which is everything for random scores."""
    open_ = example(overall(0.5, model=NULL_MODEL), *by_sex("inconclusive", model=NULL_MODEL))
    alarm = example(overall(0.5, model=NULL_MODEL), *by_sex("disparity", model=NULL_MODEL))

    assert [s.tone for s in of_model(open_, NULL_MODEL)] == [Tone.OVERALL]
    assert Tone.DISPARITY in {s.tone for s in of_model(alarm, NULL_MODEL)}


def test_every_verdict_has_a_tone_with_its_word():
    """One set of verdict words everywhere."""
    words = {tone.word for tone in Tone}

    assert {verdict.value for verdict in Verdict} <= words


def test_headlines_have_no_full_stop():
    """They are followed by one in the terminal."""
    for statement in of_model(complete(), "m"):
        assert not statement.headline.endswith(".")
        assert not statement.detail or statement.detail.endswith(".")


def test_statements_are_about_one_model():
    """Rows of another model change nothing."""
    one = example(overall(), *by_sex("equivalent"))
    two = example(overall(), *by_sex("equivalent"), *by_sex("disparity", model="other"))

    assert of_model(one, "m") == of_model(two, "m")
    assert Analysis.SUBGROUPS in set(two.results["analysis"])
