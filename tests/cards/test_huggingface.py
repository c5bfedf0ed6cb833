"""The model card of the Hub: its metadata are the results, and its body says what the verdicts say."""

import math

import pytest
from example_audit import by_sex, complete, example, judged, overall, planted_audit, row
from huggingface_hub import ModelCard
from markdown_it import MarkdownIt

from cxraudit.audits.groups import is_intersection
from cxraudit.cards import evidence, huggingface, write_card
from cxraudit.cards.subject import subject_of
from cxraudit.report.about import NOT_STATED, About
from cxraudit.schema import Analysis, Reason, is_level, records
from cxraudit.stats.estimate import Verdict

HOSTILE = (
    '<script>alert("1")</script>',
    "a|b `x` *c* [d](http://e) \\(f\\)",
    "line\n---\nbreak: {yes}",
    "$\\frac{1}{2}$ \u202egnp",
    "# {{ model }} {% raw %}",
    "- 'x': &a *b !!python",
)


def card_of(audit, folder, about=None, **more):
    """The card, read by the library of the Hub."""
    (path,) = write_card(
        audit, folder / "README.md", format="huggingface", about=about, overwrite=True, **more
    )
    return ModelCard.load(path)


def shown(text):
    """The text of a card as a reader of its Markdown has it, without tags."""
    import bs4

    html = MarkdownIt("commonmark").enable("table").render(text)
    return bs4.BeautifulSoup(html, "html.parser")


def test_metadata_give_back_the_results(tmp_path):
    """AUROC of all patients, of every group, and gaps: each value and interval as it is in the results."""
    audit = planted_audit()
    found = card_of(audit, tmp_path).data.eval_results
    rows = audit.results[audit.results["metric"] == "auroc"]
    rows = rows[(rows["analysis"] == Analysis.SUBGROUPS) & rows["value"].notna()]

    levels = rows[is_level(rows) & ~rows["attribute"].map(is_intersection)]
    expected = {(r["finding"], r["attribute"], r["group"]): r for r in records(levels)}
    given = {
        tuple(one.metric_args.get(key, "") for key in ("finding", "attribute", "group")): one
        for one in found
        if one.metric_type == "roc_auc"
    }
    assert set(given) == set(expected)
    for key, one in given.items():
        assert one.metric_value == expected[key]["value"]
        assert one.metric_args["n"] == expected[key]["n"]
        if math.isfinite(expected[key]["low"]):
            assert one.metric_args["low"] == expected[key]["low"]
            assert one.metric_args["high"] == expected[key]["high"]


def test_the_largest_gap_of_each_finding_and_attribute_is_a_result(tmp_path):
    """With its verdict; of two groups, the one for which it is worse."""
    audit = example(overall(), *by_sex("disparity"))

    gaps = [
        one
        for one in card_of(audit, tmp_path).data.eval_results
        if one.metric_type == "roc_auc_difference"
    ]

    assert [one.metric_value for one in gaps] == [-0.12]
    assert gaps[0].metric_args["group"] == "female"
    assert gaps[0].metric_args["verdict"] == "disparity"


@pytest.mark.parametrize("audit", [planted_audit, complete], ids=lambda make: make.__name__)
def test_every_disparity_is_in_the_card(audit, tmp_path):
    """With finding, comparison and value, but for those against the null model."""
    made = audit()
    subject = subject_of(made, None, None)
    text = shown(card_of(made, tmp_path).text).get_text()

    rows = made.results[
        (made.results["verdict"] == Verdict.DISPARITY)
        & (made.results["model"] == subject.model)
        & (made.results["reference"] != "random")
    ]
    kept = evidence.disparities(subject)
    assert len(kept)
    for one in kept:
        assert evidence.sides(one) in text
        assert evidence.value(one) in text
    sizes = {(r["analysis"], r["finding"], r["metric"], round(abs(r["value"]), 9)) for r in kept}
    assert sizes == {
        (r["analysis"], r["finding"], r["metric"], round(abs(r["value"]), 9)) for r in records(rows)
    }


@pytest.mark.parametrize("verdict", ["inconclusive", "equivalent", "small difference"])
def test_no_disparity_is_stated_that_is_no_verdict(verdict, tmp_path):
    """What is not shown is not called a disparity, and none found is not none."""
    text = card_of(example(overall(), *by_sex(verdict, -0.01)), tmp_path).text

    assert "worse for the group" not in text
    assert "not the same as none" in text
    assert ("What the audit does not settle" in text) == (verdict == "inconclusive")


def test_what_is_not_stated_is_visible_and_what_is_stated_replaces_it(tmp_path):
    """Nothing is filled in."""
    audit = example(overall())
    without = card_of(audit, tmp_path).text
    stated = card_of(audit, tmp_path, About(developer="Clinic", citation="@misc{a}")).text

    assert f"**Developed by:** {NOT_STATED}" in without
    assert "**Developed by:** Clinic" in stated
    assert "```bibtex\n@misc{a}\n```" in stated
    assert without.count(NOT_STATED) == stated.count(NOT_STATED) + 2


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text(name, tmp_path):
    """Of model, finding, group and data set, in the metadata and in the body."""
    rows = [overall(model=name, finding=name)]
    rows += by_sex("disparity", model=name, finding=name)
    ward = {"model": name, "finding": name, "attribute": "ward", "group": name}
    rows += [row(Analysis.SUBGROUPS, 0.7, **ward)]
    rows += [judged(Analysis.SUBGROUPS, -0.2, "disparity", **ward)]
    facts = {"dataset": {"name": name, "version": name, "license": name}}
    audit = example(*rows, facts=facts)

    card = card_of(audit, tmp_path, About(summary=name, keywords=(name,), license=name))

    words = " ".join(name.replace("\u202e", "\ufffd").split())
    assert card.data.model_name == words
    assert all(one.metric_args["finding"] == words for one in card.data.eval_results)
    soup = shown(card.text)
    assert words in " ".join(soup.get_text().split())
    assert not soup.find_all(["script", "a", "i", "img"])
    assert len(soup.find_all("h1")) == 1


def test_what_is_hidden_is_not_in_the_card(tmp_path):
    """Neither a row that is hidden, nor a result without a number."""
    hidden = row(Analysis.SUBGROUPS, math.nan, attribute="sex", group="female", n=7)
    hidden |= {"reasons": Reason.SUPPRESSED, "low": math.nan, "high": math.nan}
    audit = example(overall(), hidden, facts={"suppressed": {"below": 10, "rows": 1}})

    card = card_of(audit, tmp_path)

    assert [one.metric_args.get("group", "") for one in card.data.eval_results] == [""]
    assert "sex female" not in card.text
    assert "fewer than 10 patients" in card.text


def test_only_scores_from_prompts_are_zero_shot():
    """A table of scores is not known to be."""
    prompted = subject_of(example(overall()), None, None)
    table = subject_of(example(overall(prompt_set="none")), None, None)

    assert huggingface.metadata(prompted).pipeline_tag == "zero-shot-image-classification"
    assert huggingface.metadata(table).pipeline_tag == "image-classification"


@pytest.mark.parametrize(
    ("stated", "license_", "name"),
    [("MIT", "mit", None), ("for research, on request", "other", "for research, on request")],
)
def test_a_licence_is_an_identifier_of_the_hub_or_other(stated, license_, name):
    """The Hub refuses cards with others."""
    data = huggingface.metadata(subject_of(example(overall()), None, About(license=stated)))

    assert data.license == license_
    assert data.get("license_name") == name
