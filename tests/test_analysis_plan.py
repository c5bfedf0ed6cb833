"""A plan is read as it was written, and an audit that contradicts it needs a reason."""

import tomllib
from typing import Any

import pytest

from cxraudit.analysis_plan import FREE, agree, make_plan, read_plan
from cxraudit.errors import ConfigError
from cxraudit.settings import AuditSettings, options

SETTINGS = AuditSettings(
    margin=0.08,
    thresholds={"Pleural “Effusion”": 0.5, "m:Edema": -1e-3},
    references={"race": "white"},
    bins={"bmi": "18.5,25,30", "age": [20, 40]},
)
FINDINGS = ["Edema", "Pneumothorax", "Pleural “Effusion”"]
ATTRIBUTES = ["sex", "race", "sex*race", "bmi"]


def planned(**changed):
    """A plan with a value of every kind."""
    given = {
        "settings": SETTINGS,
        "shortcuts": {"drain": "Pneumothorax"},
        "models": ["m", 'b "2"'],
        "reading": {"patients": "known", "uncertain": "zeros"},
    }
    return make_plan(FINDINGS, ATTRIBUTES, **given | changed)


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"shortcuts": None, "models": ()},
        {"shortcuts": {}},
        {"settings": None},
        {"reading": {}},
        {"reading": {"patients": "unknown", "uncertain": "none", "blank": "ignore"}},
    ],
)
def test_a_plan_is_read_as_it_was_written(changed, tmp_path):
    """With its hash, and the settings of the audit."""
    plan = planned(**changed)

    read = read_plan(plan.write(tmp_path / "plan.toml"))

    assert read == plan
    assert read.sha256 == plan.sha256
    assert agree(read, settings=changed.get("settings", SETTINGS)).departures == ()


def test_a_plan_holds_all_settings_that_decide_conclusions():
    """A new one is planned, too."""
    names = {one.name for one in options(AuditSettings)}

    assert set(planned().settings) == names - set(FREE)


def test_the_hash_is_over_the_content(tmp_path):
    """Not over comments, order or spaces; any value changes it."""
    plan = planned()
    path = plan.write(tmp_path / "plan.toml")
    text = path.read_text(encoding="utf-8")

    path.write_text(
        "# mine\n" + text.replace("margin = 0.08", "margin   =   0.080"), encoding="utf-8"
    )
    assert read_plan(path).sha256 == plan.sha256

    for old, new in (
        ("0.08", "0.1"),
        ('"sex*race"', '"age"'),
        ('uncertain = "zeros"', 'uncertain = "ones"'),
        ("white", "black"),
        ("n_resamples = 2000\n", ""),
    ):
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")
        with pytest.raises(ConfigError, match="was changed after it was written"):
            read_plan(path)


def test_a_plan_that_was_written_is_not_replaced(tmp_path):
    """Not even by the same."""
    path = planned().write(tmp_path / "plan.toml")

    with pytest.raises(ConfigError, match="is not replaced"):
        planned().write(path)


def test_what_a_later_version_plans_is_refused_by_name(tmp_path):
    """And so is what is no plan."""
    path = tmp_path / "plan.toml"
    planned().write(path)
    path.write_text(path.read_text().replace("margin =", "novelty = 1\nmargin ="), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"settings\.novelty is no setting"):
        read_plan(path)

    path.write_text("findings = []\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="sha256: is missing"):
        read_plan(path)


def test_what_an_earlier_version_did_not_plan_is_free():
    """Whatever is given for it."""
    plan = planned()
    earlier = {name: value for name, value in plan.settings.items() if name != "interval"}
    older = type(plan)(
        **{name: getattr(plan, name) for name in ("date", "version", "findings", "attributes")},
        settings=earlier,
    )

    assert agree(older, settings=older.audit_settings(interval="bca")).departures == ()


def test_settings_that_decide_nothing_are_free():
    """Threads, hidden cells, what models were trained on."""
    plan = planned()
    given = plan.audit_settings(n_threads=7, suppress_below=11, trained_on={"a": "none"})

    assert agree(plan, settings=given).settings.n_threads == 7


@pytest.mark.parametrize(
    ("given", "stated"),
    [
        ({"settings": {"margin": 0.1}}, "margin was planned as 0.08 and is 0.1"),
        ({"settings": {"seed": 3}}, "seed was planned as 0 and is 3"),
        ({"settings": {"references": {}}}, 'references was planned as {"race": "white"} and is {}'),
        ({"settings": {"thresholds": "t.csv"}}, 'and is "t.csv"'),
        (
            {"attributes": ["sex"]},
            r'attributes was planned as \["bmi", "race", "sex", "sex\*race"\] and is \["sex"\]',
        ),
        (
            {"reading": {"patients": "known", "uncertain": "ones"}},
            'uncertain was planned as "zeros" and is "ones"',
        ),
        ({"reading": {"patients": "known"}}, 'uncertain was planned as "zeros" and is "none"'),
        (
            {"reading": {"patients": "unknown", "uncertain": "zeros"}},
            'patients was planned as "known" and is "unknown"',
        ),
        ({"shortcuts": {}}, 'shortcuts was planned as {"drain": "Pneumothorax"} and is {}'),
    ],
)
def test_a_contradiction_needs_a_reason(given, stated):
    """Both values are named; with a reason it is a departure."""
    plan = planned()
    if "settings" in given:
        given = {"settings": plan.audit_settings(**given["settings"])}

    with pytest.raises(ConfigError, match=stated):
        agree(plan, **given)
    with pytest.raises(ConfigError, match="--depart"):
        agree(plan, **given, reason="  ")

    (departure,) = agree(plan, **given, reason="reviewers").departures
    assert departure["planned"] != departure["used"]


def test_the_same_in_another_form_is_no_contradiction():
    """Edges as text or numbers, attributes in another order."""
    plan = planned()
    given = plan.audit_settings(bins={"bmi": [18.5, 25, 30], "age": "20,40"})

    assert agree(plan, settings=given, attributes=ATTRIBUTES[::-1]).departures == ()


def test_the_record_holds_what_a_report_states():
    """Date, hash, departures with their reason."""
    plan = planned()

    record = agree(plan, settings=plan.audit_settings(seed=1), reason="a typing error").record()

    assert record == {
        "date": plan.date,
        "version": plan.version,
        "sha256": plan.sha256,
        "departures": [{"setting": "seed", "planned": 0, "used": 1}],
        "not_planned": [],
        "reason": "a typing error",
    }
    assert agree(plan, reason="none is needed").record()["reason"] == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"findings": []}, "at least one finding"),
        ({"findings": [""]}, "the findings of a plan are names, got ''"),
        ({"findings": None}, "the findings of a plan are names, got None"),
        ({"shortcuts": "drain"}, "shortcuts must be names with values"),
        ({"findings": [3]}, "the findings of a plan are names, got 3"),
        ({"attributes": [" "]}, "the attributes of a plan are names"),
        ({"settings": AuditSettings(thresholds="t.csv")}, "the thresholds themselves"),
        ({"settings": AuditSettings(thresholds={"Zebra": 0.2})}, "a threshold is given for Zebra"),
        (
            {"settings": AuditSettings(thresholds={"b:Edema": 0.2})},
            "a threshold is given for b:Edema",
        ),
        (
            {"settings": AuditSettings(operating_point="Zebra:youden")},
            "operating point is given for Zebra",
        ),
        (
            {"settings": AuditSettings(references={"race": "white"})},
            "reference group is given for race",
        ),
        ({"settings": AuditSettings(bins={"bmi": [20.0]})}, "bins is given for bmi"),
        ({"settings": AuditSettings(replicate_of={"b": "x"})}, "training run is given for b"),
        ({"shortcuts": {"drain": "Zebra"}}, "a shortcut is given for Zebra"),
        ({"reading": {"uncertain": "twos"}}, "'uncertain' cannot be 'twos'"),
        ({"reading": {"views": "all"}}, "'views' cannot be 'all'"),
    ],
)
def test_what_cannot_be_followed_is_not_planned(arguments, message):
    """Nothing to audit; a file that may change; settings of what is not planned."""
    given = {"findings": ["Edema"], "attributes": ["sex"], "models": ["m"], **arguments}

    with pytest.raises(ConfigError, match=message):
        make_plan(**given)


def test_settings_of_a_plan_are_those_of_an_audit():
    """A mapping is none."""
    settings: Any = {"margin": 0.1}

    with pytest.raises(TypeError, match="settings must be AuditSettings, got dict"):
        make_plan("Edema", "sex", settings=settings)


def test_settings_may_use_other_names_of_what_is_planned():
    """As an audit does; a model of several runs has the name that they stand for."""
    settings = AuditSettings(
        operating_point="oedema:youden",
        thresholds={"mean:edema": 0.2},
        replicate_of={"m": "mean"},
        bins={"age": [50]},
    )

    assert make_plan("Edema", "sex", settings=settings, models="m").findings == ("Edema",)


def test_how_data_are_read_is_planned_where_it_is_known():
    """Patients are, unless it is said otherwise; a plan of an earlier version holds nothing of it."""
    assert dict(make_plan("Edema", "sex").reading) == {"patients": "known"}

    earlier = planned(reading={})
    agreed = agree(earlier, reading={"patients": "unknown", "uncertain": "ones"})

    assert agreed.departures == ()
    assert agreed.record()["not_planned"] == ["patients", "uncertain"]


def test_the_file_is_plain_toml(tmp_path):
    """For other programs to read."""
    path = planned().write(tmp_path / "plan.toml")

    read = tomllib.loads(path.read_text(encoding="utf-8"))

    assert read["settings"]["margin"] == 0.08
    assert read["settings"]["thresholds"]["Pleural “Effusion”"] == 0.5
    assert read["models"] == ["m", 'b "2"']
