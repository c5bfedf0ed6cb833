"""Sections: what each is built of, and when it is left out."""

from dataclasses import replace

import pandas as pd
import pytest
from bs4 import BeautifulSoup
from example_audit import by_sex, complete, example, judged, planted_audit, shortcut_rows
from example_audit import overall as overall_row

from cxraudit.report.blocks import (
    Checks,
    Code,
    Definitions,
    Details,
    Drawing,
    Listing,
    Statements,
    Switch,
    Table,
)
from cxraudit.report.sections import (
    CLOSING,
    OPENING,
    SECTIONS,
    answers,
    calibration_check,
    checks,
    cohort,
    embeddings,
    in_short,
    methods,
    model_comparison,
    notices,
    operating_point,
    overall,
    perturbations,
    provenance,
    reading_guide,
    shortcuts,
    subgroups,
    verdicts,
)
from cxraudit.report.sections.context import context_of
from cxraudit.report.statements import Tone
from cxraudit.schema import Analysis
from cxraudit.settings import AuditSettings


def built(module, audit):
    """Build a section of an audit."""
    return module.build(audit, context_of(audit, "toy"))


def on_the_page(module, *audits):
    """Build a section about all audits of a page, which are named by their number."""
    contexts = [context_of(one, f"toy {k}") for k, one in enumerate(audits, start=1)]
    return module.build(audits, contexts)


def text(blocks) -> str:
    """All text of some blocks, of tables in full."""
    parts = []
    for block in blocks:
        if isinstance(block, Table):
            parts.append(f"{block.caption} {block.html}")
        elif isinstance(block, Details):
            parts.append(f"{block.summary} {text(block.blocks)}")
        elif isinstance(block, Switch):
            parts += [f"{name} {text(part)}" for name, part in block.parts]
        else:
            parts.append(str(block))
    return " ".join(parts)


def drawings(blocks) -> list[str]:
    """Names of all figures of some blocks, folded ones included."""
    found = []
    for block in blocks:
        if isinstance(block, Drawing):
            found.append(block.name.removeprefix("toy-"))
        if isinstance(block, Details):
            found += drawings(block.blocks)
        if isinstance(block, Switch):
            found += [name for _, part in block.parts for name in drawings(part)]
    return found


@pytest.fixture(scope="module")
def audit():
    """An audit with something for every section."""
    return complete()


def test_every_section_module_says_what_it_is(audit):
    """A docstring, a title and an id that no other has."""
    sections = [built(module, audit) for module in SECTIONS]
    sections += [on_the_page(module, audit) for module in (*OPENING, *CLOSING)]

    assert all(module.__doc__ for module in (*SECTIONS, *OPENING, *CLOSING))
    assert len({section.id for section in sections}) == len(sections)
    assert len({section.title for section in sections}) == len(sections)


def test_answers_leave_out_the_null_model_and_embeddings(audit):
    """One heading and one group of cards per tested model."""
    blocks = built(answers, audit).blocks

    [cards] = [block for block in blocks if isinstance(block, Statements)]
    assert Tone.NOT_ASSOCIATED not in {statement.tone for statement in cards.items}
    assert "random" not in text(blocks)


def test_the_calibration_check_compares_planted_and_found(audit):
    """Per effect and model, where the truth is known."""
    [_, found] = built(calibration_check, audit).blocks
    cells = [
        [cell.get_text() for cell in line.find_all(["th", "td"])]
        for line in BeautifulSoup(found.html, "html.parser").find_all("tr")
    ]

    assert cells == [
        ["effect of", "planted", "audit of m", "audit of random"],
        ["sex", "yes", "disparity", "no disparity found"],
        ["chest drain", "no", "disparity", "no disparity found"],
    ]
    assert built(calibration_check, example(overall_row())) is None


def test_in_short_lists_disparities_of_all_audits(audit):
    """With model and data set; attributes without a disparity are counted."""
    equal = example(overall_row(), *by_sex("equivalent"))

    listing, *_, without = on_the_page(in_short, audit, equal).blocks

    assert isinstance(listing, Listing)
    assert "<b>m: AUROC is lower in female patients</b> (toy 1)" in text([listing])
    assert without.text == (
        "No disparity was found by sex (m on toy 2: in AUROC, 1 of 1 comparison within the margin, "
        "0 not settled)."
    )


def test_in_short_denies_no_disparity_that_another_metric_shows():
    """Equal AUROCs do not exclude unequal rates; what the rates leave open is counted, too."""

    def rates(verdict):
        named = {"attribute": "sex", "at": 0.3, "metric": "tpr"}
        return [
            judged(Analysis.OPERATING_POINT, value, verdict, group=group, **named)
            for group, value in (("female", 0.4), ("male", -0.4))
        ]

    equal = [overall_row(), *by_sex("equivalent")]
    unequal = on_the_page(in_short, example(*equal, *rates("disparity"))).blocks
    unsettled = on_the_page(in_short, example(*equal, *rates("inconclusive"))).blocks
    undefined = on_the_page(in_short, example(*equal, *rates("undefined"))).blocks

    assert "findings are missed more often in male patients" in text(unequal)
    assert "No disparity" not in text(unequal)
    assert "not the same as equal" in unsettled[1].text
    assert "At one threshold, by sex" in text([unsettled[2]])
    assert unsettled[3].text == (
        "No disparity was found by sex (m on toy 1: in AUROC, 1 of 1 comparison within the margin, 0 not "
        "settled; in TPR, 0 of 1 comparison within the margin, 1 not settled)."
    )
    assert "0 of 1 comparison within the margin, 0 not settled, 1 undefined" in undefined[1].text


def test_in_short_names_disparities_that_only_further_comparisons_show():
    """Such as a standardised one, which no sentence is about."""
    named = {"attribute": "sex", "group": "female", "condition": "age_group"}
    mix = judged(Analysis.STANDARDISED, -0.2, "disparity", **named)

    nothing, further = on_the_page(
        in_short, example(overall_row(), *by_sex("equivalent"), mix)
    ).blocks

    assert "No disparity was found between groups in AUROC or in rates" in nothing.text
    assert further.text == (
        "A disparity was found in further comparisons only by sex (m on toy 1: in standardised AUROC)."
    )


def test_in_short_tells_nothing_found_from_nothing_compared():
    """No disparity is not the same as none."""
    found = on_the_page(in_short, example(overall_row(), *by_sex("inconclusive")))
    compared = on_the_page(in_short, example(overall_row()))

    assert "That is not the same as none" in found.blocks[0].text
    assert "Nothing was compared" in compared.blocks[0].text


def test_in_short_denies_nothing_where_everything_is_hidden():
    """Nothing could be shown."""
    hidden = [one | {"reasons": "SUPPRESSED", "verdict": ""} for one in by_sex("")]

    found = on_the_page(in_short, example(overall_row(), *hidden)).blocks[0].text

    assert found.startswith("All comparisons are hidden")


def test_shortcuts_have_one_figure_per_model_with_scores(audit):
    """Both arms of all models, and one more figure per model with percentiles."""
    assert drawings(built(shortcuts, audit).blocks) == ["drain", "m-drain-summary"]


def test_a_model_without_the_finding_of_a_shortcut_has_no_figure():
    """Rows of another model do not stop the section."""
    one = complete()
    both = replace(one, results=pd.concat([one.results, one.results.iloc[:1].assign(model="b")]))

    assert drawings(built(shortcuts, both).blocks) == ["drain", "m-drain-summary"]


def test_intervals_of_the_shortcut_section_are_those_of_the_run():
    """By the level of the settings."""
    settings = AuditSettings(confidence_level=0.8).recorded()
    facts = {"settings": settings, "shortcuts": {"drain": "Pneumothorax"}}

    found = text(built(shortcuts, example(overall_row(), *shortcut_rows(), facts=facts)).blocks)

    assert "Bars are 80 % intervals" in found


def test_perturbations_count_their_images(audit):
    """As recorded, with the figures of devices and of degradation."""
    blocks = built(perturbations, audit).blocks

    assert "80 images were scored again" in text(blocks)
    assert drawings(blocks) == [
        "m-Pneumothorax-counterfactual",
        "m-corruptions",
        "m-corruption-gaps",
    ]


def test_embeddings_have_statements_figures_and_prompt_pairs_below_chance(audit):
    """All figures that there are rows for."""
    blocks = built(embeddings, audit).blocks

    assert drawings(blocks) == [
        "m-projections-and-probes",
        "m-score-shifts",
        "m-erasure",
        "m-prompts",
        "m-centroids",
    ]
    assert "“Pneumothorax” against “no Pneumothorax” (AUROC 0.30)" in text(blocks)


def test_embeddings_without_figure_tables_have_statements_and_numbers(audit):
    """Points, curves and gaps by prompt are kept beside the results, and may be missing."""
    none = pd.DataFrame()
    bare = replace(audit, points=none, curves=none, prompt_gaps=none)

    blocks = built(embeddings, bare).blocks

    assert drawings(blocks) == ["m-score-shifts", "m-erasure"]
    assert any(isinstance(block, Statements) for block in blocks)


def test_the_null_model_is_folded_away_among_subgroups(audit):
    """Its figures are in a part of its own, which is not the first."""
    [switch] = built(subgroups, audit).blocks

    assert [(name, drawings(blocks)) for name, blocks in switch.parts] == [
        ("m", ["m-sex"]),
        ("random, the null model: random scores", ["random-sex"]),
    ]


def test_a_model_card_is_shown_where_there_is_one():
    """Its summary and training data."""
    card = {"m": {"summary": "a model", "trained_on": ["mimic-cxr"]}}
    audit = example(overall_row(), *by_sex("equivalent"), manifest={"cards": card})

    assert "m: a model. Trained on: mimic-cxr." in text(built(subgroups, audit).blocks)


@pytest.mark.parametrize(
    ("by_card", "stated", "words"),
    [
        (None, {}, "not known"),
        ([], {}, "no radiographs"),
        (None, {"m": "none"}, "no radiographs (as stated by the user)"),
        (["a"], {"m": "b"}, "a and b (as stated by the user)"),
    ],
)
def test_what_is_not_known_of_the_training_is_said(by_card, stated, words):
    """And who says what is known."""
    card = {"m": {"summary": "a model", "trained_on": by_card}}
    settings = {"settings": AuditSettings(trained_on=stated).recorded()}
    audit = example(overall_row(), *by_sex("equivalent"), manifest={"cards": card}, facts=settings)

    assert f"Trained on: {words}." in text(built(subgroups, audit).blocks)


def test_the_operating_point_section_is_there_with_rows(audit):
    """With the rule and the tuning patients of the run."""
    section = built(operating_point, audit)

    assert "chosen on 40 patients; the other 160 patients are evaluated" in text(section.blocks)
    assert drawings(section.blocks) == ["m-sex-error-rates", "m-sex-tpr"]
    assert built(operating_point, example(overall_row())) is None


def test_every_threshold_is_listed_as_it_can_be_applied(audit):
    """With all its digits and its source; an infinite one in words."""
    listed = [
        {"model": "m", "finding": name, "threshold": at, "source": source, "patients": 160}
        for name, at, source in (("Edema", 2 / 3, "given"), ("Fracture", None, "fpr=0.1"))
    ]

    facts = {**audit.facts, "thresholds": listed}
    shown = text(built(operating_point, replace(audit, facts=facts)).blocks)

    assert "at or above the threshold" in shown
    assert "0.6666666666666666" in shown
    assert "no image is flagged" in shown


def test_all_patients_and_model_differences(audit):
    """Tables over all models."""
    assert "0.900 (0.870–0.930)" in text(built(overall, audit).blocks)
    assert "m − random" in text(built(model_comparison, audit).blocks)
    assert built(model_comparison, example(overall_row())) is None


def test_checks_are_all_shown(audit):
    """One block."""
    [block] = built(checks, audit).blocks

    assert isinstance(block, Checks)
    assert len(block.items) >= 7


def test_exclusions_show_the_flow_and_the_notes():
    """Or that there were none; notes on the data set in both cases."""
    counts = ("images_out", "studies_out", "patients_out", "images", "studies", "patients")
    flow = pd.DataFrame(
        [
            dict.fromkeys(counts, 1) | {"step": s, "reason": "no score"}
            for s in ("release", "scored")
        ]
    )
    steps = pd.DataFrame(
        {"step": ["scored"], "images": [1], "patients": [1], "reason": ["no score"]}
    )
    with_note = {"notes": ["Labels were mined from reports."]}

    some = built(cohort, example(overall_row(), flow=flow, exclusions=steps, facts=with_note))
    none = built(cohort, example(overall_row(), facts=with_note))

    assert drawings(some.blocks) == ["flow"]
    assert "no score" in text(some.blocks)
    for section in (some, none):
        assert "Labels were mined from reports." in text(section.blocks)
    assert "every image of the data set is in the audit" in text(none.blocks)


def test_methods_name_what_was_made_equal_and_how_heads_were_fitted(audit):
    """Only mixes that gaps were standardised by; heads with the patients they were fitted on."""
    planted = text(built(methods, planted_audit()).blocks)

    assert "standardised to one mix, within each class, of age" in planted
    assert "heads" not in planted
    assert "heads: logistic regression on its embeddings, fitted on labelled images of 100" in text(
        built(methods, complete()).blocks
    )


def test_methods_are_those_of_the_run(audit):
    """Numbers of the settings, and the references of what was computed only."""
    settings = AuditSettings(n_resamples=777, seed=5, adjustment="holm").recorded()
    facts = {"settings": settings, "attributes": ["sex"], "shortcuts": {}}
    few = example(overall_row(), *by_sex("equivalent"), facts=facts)

    written = text(built(methods, few).blocks)
    everything = text(built(methods, audit).blocks)

    assert "resample patients (777 resamples, seed 5)" in written
    assert "adjusted by Holm's method" in written
    assert "Holm (1979)" in written
    assert "Westfall" not in written
    for reference in ("LEACE", "Borkan", "Cinelli"):
        assert reference not in written
        assert reference in everything


def test_verdicts_count_what_is_not_settled_beside_what_is(audit):
    """In the first line of a model, and nothing where nothing was compared."""
    one = example(overall_row(), *by_sex("inconclusive"))

    cohort_line, counts, *_ = on_the_page(verdicts, one).blocks
    nothing = on_the_page(verdicts, example(overall_row())).blocks[-1]

    assert "toy 1" in cohort_line.text
    assert counts.text == "m: 1 inconclusive."
    assert nothing.text == "No groups were compared, and no shortcut."


def test_provenance_has_settings_versions_inputs_and_commands():
    """As the manifest records them."""
    manifest = {
        "versions": {"cxraudit": "0.1.0"},
        "inputs": {"scores": {"path": "scores.parquet", "sha256": "ab" * 32}},
        "commands": ["cxraudit audit scores.parquet"],
    }
    blocks = built(provenance, example(overall_row(), manifest=manifest)).blocks
    [entries] = [dict(block.entries) for block in blocks if isinstance(block, Definitions)]

    assert entries["data set"] == "toy 1 (CC0)"
    assert entries["margin"].startswith("±0.05")
    assert entries["cxraudit"] == "0.1.0"
    assert entries["scores"] == "scores.parquet <code>sha256 abababababababab…</code>"
    assert Code("cxraudit audit scores.parquet") in blocks
    assert "one of 1 row of results.parquet" in text(blocks)


def test_the_reading_guide_explains_at_the_level_of_the_run():
    """Intervals, equivalence, α and margin, and the metrics that are shown."""
    settings = AuditSettings(confidence_level=0.8, margin=0.1).recorded()
    found = text(
        on_the_page(reading_guide, example(overall_row(), facts={"settings": settings})).blocks
    )

    for words in ("80 % interval", "60 % interval", "below 0.2", "±0.1 for AUROC"):
        assert words in found
    assert "How often an image with the finding is scored above one without it" in found
    assert "calibration slope" not in found


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, "at most 0.05 for the whole report of toy"),
        ({"error_rate": "model"}, "at most 0.05 for each model of toy"),
        ({"adjustment": "holm"}, "(stepwise, Holm)"),
    ],
)
def test_the_reading_guide_says_what_the_error_rate_is_of(changed, words):
    """The report or each model, which comparisons share it and how they are adjusted."""
    settings = AuditSettings(**changed).recorded()
    audit = example(overall_row(), *by_sex("disparity"), facts={"settings": settings})

    found = text(on_the_page(reading_guide, audit).blocks)

    assert words in found
    assert "shared by all confirmatory comparisons (primary)" in found
    assert "Screened" not in found


def test_notices_are_listed_with_their_counts(audit):
    """And there is no section without one."""
    assert "1,200 values are unknown" in text(built(notices, audit).blocks)
    assert built(notices, example()) is None
