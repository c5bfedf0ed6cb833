"""The applied model card: its XML has the elements of the schema, and its numbers are the results."""

import json
import math
from xml.etree import ElementTree

import pytest
from example_audit import by_sex, complete, example, overall, planted_audit

from cxraudit.cards import evidence, write_card
from cxraudit.cards.answers import ANSWERS
from cxraudit.cards.chai import RESULTS, layout, value_json
from cxraudit.cards.subject import subject_of
from cxraudit.report.about import NOT_STATED, About

METRIC = (
    "MetricGoal",
    "Results",
    "Interpretation",
    "TestType",
    "TestingDataDescription",
    "ValidationProcessAndJustification",
)
STRUCTURE = {
    "BasicInfo": ("ModelName", "ModelDeveloper", "DeveloperContact"),
    "ReleaseInfo": (
        "ReleaseStage",
        "ReleaseDate",
        "ReleaseVersion",
        "GlobalAvailability",
        "RegulatoryApproval",
    ),
    "ModelSummary": ("Summary", "Keywords"),
    "UsesAndDirections": (
        "IntendedUseAndWorkflow",
        "PrimaryIntendedUsers",
        "HowToUse",
        "TargetedPatientPopulation",
        "CautionedOutOfScopeSettings",
    ),
    "Warnings": (
        "KnownRisksAndLimitations",
        "KnownBiasesOrEthicalConsiderations",
        "ClinicalRiskLevel",
    ),
    "TrustIngredients": {
        "AISystemFacts": (
            "OutcomesAndOutputs",
            "ModelType",
            "FoundationModels",
            "InputDataSource",
            "OutputAndInputDataTypes",
            "DevelopmentDataCharacterization",
            "BiasMitigationApproaches",
            "OngoingMaintenance",
            "Security",
            "Transparency",
        ),
        "TransparencyInformation": (
            "FundingSource",
            "ThirdPartyInformation",
            "StakeholdersConsulted",
        ),
    },
    "KeyMetrics": {
        "UsefulnessUsabilityEfficacy": METRIC,
        "FairnessEquity": METRIC,
        "SafetyReliability": METRIC,
    },
    "Resources": (
        "EvaluationReferences",
        "ClinicalTrial",
        "PeerReviewedPublications",
        "ReimbursementStatus",
        "PatientConsentOrDisclosure",
    ),
    "Bibliography": (),
}
"""Elements of version 0.2 of the schema in its order; all text but for Keywords and Results."""


def card_of(audit, folder, about=None):
    """The root of the XML, without its namespace, and the Markdown."""
    xml, text = write_card(audit, folder / "card.xml", format="chai", about=about, overwrite=True)
    root = ElementTree.fromstring(xml.read_text(encoding="utf-8"))
    namespace = f"{{{layout().namespace}}}"
    for element in root.iter():
        assert element.tag.startswith(namespace)
        element.tag = element.tag.removeprefix(namespace)
    return root, text.read_text(encoding="utf-8")


def names(element):
    """The names of the elements in an element."""
    return [child.tag for child in element]


def check(element, expected):
    """Compare an element with the structure, all the way down."""
    assert names(element) == list(expected)
    if isinstance(expected, dict):
        for name, below in expected.items():
            check(element.find(name), below) if below else None
        return
    for child in element:
        if child.tag == "Keywords":
            assert set(names(child)) <= {"Keyword"}
        elif child.tag == "Results":
            assert len(child) >= 1
            for one in child:
                assert (one.tag, names(one)) == ("MetricResult", ["Label", "ValueJson"])
                json.loads(one.find("ValueJson").text)
        else:
            assert not len(child)
            assert child.text.strip()


@pytest.mark.parametrize("make", [planted_audit, complete, lambda: example(overall())])
def test_the_xml_has_the_elements_of_the_schema_in_its_order(make, tmp_path):
    """Whatever the audit holds, no element is empty."""
    root, _ = card_of(make(), tmp_path)

    assert root.tag == "AppliedModelCard"
    check(root, STRUCTURE)


def test_results_are_those_of_the_audit(tmp_path):
    """Value, interval and level."""
    audit = planted_audit()
    root, _ = card_of(audit, tmp_path)

    results = root.find("KeyMetrics/UsefulnessUsabilityEfficacy/Results")
    given = {one.find("Label").text: json.loads(one.find("ValueJson").text) for one in results}
    for row in evidence.overall(subject_of(audit, None, None)):
        one = given[f"AUROC, {row['finding']}"]
        assert one["kind"] == "estimate_ci"
        assert (one["estimate"], one["lower"], one["upper"]) == (
            row["value"],
            row["low"],
            row["high"],
        )
        assert one["level"] == 95


@pytest.mark.parametrize("make", [planted_audit, complete])
def test_every_disparity_is_a_result(make, tmp_path):
    """Of fairness, or of safety."""
    audit = make()
    root, _ = card_of(audit, tmp_path)

    given = [
        json.loads(one.text).get("estimate")
        for one in root.findall("KeyMetrics/*/Results//ValueJson")
    ]
    disparities = evidence.disparities(subject_of(audit, None, None))
    assert disparities
    assert [row for row in disparities if row["value"] not in given] == []


def test_an_undefined_value_is_null_and_one_without_interval_is_single():
    """JSON has no other way to say it."""
    known = {"value": 0.8, "low": math.nan, "high": math.nan, "confidence_level": 0.95}

    assert json.loads(value_json(known)) == {"kind": "single", "value": 0.8}
    assert json.loads(value_json(known | {"value": math.nan})) == {"kind": "single", "value": None}
    level = json.loads(value_json(known | {"low": 0.7, "high": 0.9, "confidence_level": 0.975}))
    assert level["level"] == 97.5


def test_what_is_not_stated_is_visible(tmp_path):
    """In both documents, and gone once it is stated."""
    audit = example(overall(), *by_sex("inconclusive"))
    root, text = card_of(audit, tmp_path)
    stated, _ = card_of(audit, tmp_path, About(developer="Clinic & <Co>", keywords=("a", "b")))

    assert root.find("BasicInfo/ModelDeveloper").text == NOT_STATED
    assert "### Developer\n\nnot stated" in text
    assert stated.find("BasicInfo/ModelDeveloper").text == "Clinic &amp; &lt;Co&gt;"
    assert [one.text for one in stated.find("ModelSummary/Keywords")] == ["a", "b"]


def test_hostile_names_stay_text(tmp_path):
    """Fields are Markdown by the schema, so that a name is escaped as Markdown, too."""
    name = "<b>x</b>\x00 ]]> *y* \u202e"
    root, text = card_of(example(overall(model=name, finding=name)), tmp_path)

    assert (
        root.find("BasicInfo/ModelName").text
        == "&lt;b&gt;x&lt;/b&gt;\ufffd \\]\\]&gt; \\*y\\* \ufffd"
    )
    assert "<b>" not in text
    assert "\u202e" not in text


def test_every_key_of_the_layout_exists():
    """Of facts, of results, and of what is stated."""
    fields = layout().entries

    assert {one.facts for one in fields if one.facts} <= set(ANSWERS)
    assert {one.results for one in fields if one.results} == set(RESULTS)
    assert {key for one in fields for key in one.stated} <= set(About.model_fields)
