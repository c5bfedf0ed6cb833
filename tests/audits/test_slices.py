"""Slices: a planted one is found on some patients and confirmed on others, and nothing without one is."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cxraudit import gate, read_policy
from cxraudit.audits import slices
from cxraudit.audits.cohort import make_cohort, samples
from cxraudit.audits.embeddings.cohort import ModelEmbeddings, PromptPair
from cxraudit.audits.engine import Engine
from cxraudit.audits.families import shares
from cxraudit.audits.planned import Run, Scored
from cxraudit.audits.run import audit
from cxraudit.audits.slices.halves import search_images
from cxraudit.audits.slices.neighbours import neighbourhoods
from cxraudit.audits.slices.parts import parts_of
from cxraudit.datasets.table import from_frame
from cxraudit.report.page import write_report
from cxraudit.report.slices import examined
from cxraudit.report.statements.slices import statements
from cxraudit.schema import ALL_OTHERS, SEARCHED, Analysis, Confirmatory, Reason
from cxraudit.settings import AuditSettings

SETTINGS = AuditSettings(n_resamples=200, operating_point="none", calibration="none", slices=5)
HOSTILE = 'a & b = "<b>|\n'


def table(seed=0, *, by=1.2, n_patients=1000, findings=("Edema", "Pneumonia")):
    """Images of which those of women in AP view are ranked worse for the first finding."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(n_patients), 1 + rng.integers(0, 2, n_patients))
    n = patient.size
    frame = pd.DataFrame(
        {
            "file": [f"i{k:05}" for k in range(n)],
            "pid": [f"p{k:05}" for k in patient],
            "sex": rng.choice(["F", "M"], n_patients)[patient],
            "view": rng.choice(["AP", "PA"], n),
            "device": rng.choice([1, 0], n, p=[0.3, 0.7]),
            "ward": rng.choice(["ICU", "ED", HOSTILE], n_patients)[patient],
        }
    )
    bad = frame["sex"].eq("F") & frame["view"].eq("AP")
    for finding in findings:
        positive = rng.random(n) < 0.3
        distance = np.where(bad & (finding == findings[0]), 1.6 - by, 1.6)
        frame[finding] = positive.astype(int)
        frame[f"score {finding}"] = rng.normal(size=n) + distance * (positive - 0.5)
    return frame


def dataset_of(frame, **options):
    """Return the data set of a table."""
    given = {"attributes": ["ward"], "shortcuts": ["device"], **options}
    findings = [str(c).removeprefix("score ") for c in frame if str(c).startswith("score ")]
    return from_frame(
        frame,
        name="t",
        root=".",
        image="file",
        patient="pid",
        findings=findings,
        sex="sex",
        view="view",
        **given,
    )


def scores_of(frame, model="m"):
    """Return its scores."""
    columns = [c for c in frame if str(c).startswith("score ")]
    long = frame.melt(id_vars="file", value_vars=columns, var_name="finding", value_name="score")
    return pd.DataFrame(
        {
            "image_id": long["file"],
            "model": model,
            "prompt_set": "p",
            "finding": long["finding"].str.removeprefix("score "),
            "score": long["score"],
        }
    )


def audited(frame, *, settings=SETTINGS, dataset=None, **options):
    """Audit by sex alone: slices are made of all columns."""
    data = dataset_of(frame) if dataset is None else dataset
    given = {"attributes": ["sex"], **options}
    return audit(data, scores_of(frame), settings=settings, shortcuts={}, **given)


def gaps(found):
    """Return the rows on the patients who confirm."""
    rows = found.results
    return rows[
        (rows["analysis"] == Analysis.SLICES)
        & (rows["reference"] == ALL_OTHERS)
        & (rows["condition"] == "")
    ]


@pytest.fixture(scope="module")
def planted():
    """The audit with the slice of women in AP view."""
    return audited(table())


def test_a_planted_slice_is_confirmed_and_named_by_what_it_consists_of(planted):
    """By one row, one statement, and first."""
    shown = [one for one in examined(planted, "m") if one.confirmed]

    assert [one.phrase for one in shown] == ["images with sex 'female' and view 'AP'"]
    assert shown[0].finding == "Edema"
    assert shown[0].gap["verdict"] == "disparity"
    assert shown[0].gap["family"] == "slices"
    assert "sex 'female' and view 'AP'" in statements(planted, "m")[0].headline


def test_without_one_nothing_is_named():
    """The statement counts what was examined; the rows are there, without a verdict that claims."""
    found = audited(table(3, by=0.0))

    (statement,) = statements(found, "m")
    assert "none was confirmed" in statement.headline
    assert all(
        name not in statement.headline + statement.detail for name in ("female", "AP", "ICU")
    )
    assert set(gaps(found)["verdict"]) <= {"inconclusive", "equivalent"}
    assert len(gaps(found)) > 1


def test_the_difference_where_it_was_searched_is_further_from_zero():
    """On average over cohorts without a slice: the bias of the search, that the other patients lack."""
    found = pd.concat([audited(table(seed, by=0.0, n_patients=400)).results for seed in range(4)])
    rows = found[(found["analysis"] == Analysis.SLICES) & (found["reference"] == ALL_OTHERS)]
    searched = rows.loc[rows["condition"] == SEARCHED, "value"]

    assert searched.mean() < -0.05
    assert abs(rows.loc[rows["condition"] == "", "value"].mean()) < 0.04
    assert rows.loc[rows["condition"] == SEARCHED, ["low", "high", "p_value"]].isna().all(axis=None)


def test_no_slices_change_nothing_else():
    """The rows of the other analyses are the same but for what shares the error rate with slices."""
    frame = table(1, n_patients=300)
    without = audited(frame, settings=replace(SETTINGS, slices=0))
    with_ = audited(frame).results
    others = with_[with_["analysis"] != Analysis.SLICES].reset_index(drop=True)
    columns = ["value", "low", "high", "p_value", "n"]

    assert without.facts["slices"] is None
    assert not (without.results["analysis"] == Analysis.SLICES).any()
    pd.testing.assert_frame_equal(others[columns], without.results[columns])


def test_order_of_rows_and_of_attributes_changes_nothing(planted):
    """Nor the number of threads."""
    frame = table()
    shuffled = frame.sample(frac=1, random_state=1)
    columns = [*shuffled.columns[:2], *shuffled.columns[:1:-1]]
    data = dataset_of(shuffled[columns], attributes=["ward"])
    other = audited(shuffled, dataset=data, settings=replace(SETTINGS, n_threads=1))

    pd.testing.assert_frame_equal(
        gaps(planted).reset_index(drop=True), gaps(other).reset_index(drop=True)
    )
    assert planted.facts["slices"] == other.facts["slices"]


def prepared(frame, settings=SETTINGS, **options):
    """Return the cohort, and the labels with scores of each finding."""
    data = dataset_of(frame, **options)
    cohort = make_cohort(data, scores_of(frame), settings)
    found = [sample for name in data.findings for sample in samples(cohort, scores_of(frame), name)]
    return cohort, found


@pytest.mark.parametrize("share", [0.1, 0.4, 0.7])
def test_no_patient_is_in_both_halves_and_both_hold_rare_positives(share):
    """Tuning patients are searched; a finding of five patients has some in either half."""
    frame = table(2, n_patients=400)
    rare = frame["pid"].isin(frame["pid"].unique()[:20:4])
    frame["Pneumonia"] = rare.astype(int)
    cohort, found = prepared(frame, replace(SETTINGS, search_share=share))

    searched = search_images(cohort, found)
    halves = [set(cohort.patients[searched]), set(cohort.patients[~searched])]
    positive = cohort.images["Pneumonia"].to_numpy() == 1

    assert not halves[0] & halves[1]
    assert set(cohort.patients[cohort.tuning()]) <= halves[0]
    assert len(halves[0]) / 400 == pytest.approx(max(share, 0.2), abs=0.1)
    assert len(set(cohort.patients[~searched & positive])) >= 1
    assert share < 0.4 or (searched & positive).any()


def test_identifiers_constants_and_numbers_are_left_out_and_named():
    """A column of ids, one value, and many numbers; findings are no parts."""
    frame = table(4, n_patients=200)
    frame["accession"] = frame["file"]
    frame["site"] = "one"
    data = dataset_of(frame, attributes=["ward", "site"])
    extra = data.images.assign(
        accession=frame["file"].to_numpy(),
        kvp=np.arange(len(frame)) * 0.5,
        lists=[[1]] * len(frame),
    )
    cohort, _ = prepared(frame)
    cohort = replace(cohort, images=extra.set_index("image_id", drop=False))

    parts, left_out = parts_of(cohort, list(extra.columns))
    why = {one.column: one.why for one in left_out}

    assert set(why) == {"accession", "site", "kvp", "lists"}
    assert "50 different values" in why["accession"]
    assert "one value only" in why["site"]
    assert "--bins" in why["kvp"]
    assert {part.column for part in parts} == {"device", "sex", "view_position", "ward"}


def test_an_unknown_value_is_on_neither_side():
    """It neither has the value nor lacks it, and no slice is made of it."""
    frame = table(5, n_patients=300)
    frame.loc[frame.index[:50], "ward"] = None
    cohort, _ = prepared(frame)

    parts, _ = parts_of(cohort, list(cohort.images.columns))
    icu = next(part for part in parts if part.record.get("value") == "ICU")
    unknown = (cohort.images["ward"] == "unknown").to_numpy()

    assert unknown.sum() >= 50
    assert not (icu.yes | icu.no)[unknown].any()
    assert (icu.yes | icu.no)[~unknown].all()
    assert "unknown" not in {part.record["value"] for part in parts}


def test_too_few_patients_are_not_searched_and_that_is_said():
    """No candidates, no rows, and one statement."""
    found = audited(table(6, n_patients=30))

    assert gaps(found).empty
    (statement,) = statements(found, "m")
    assert statement.headline == "No slices were searched"
    assert any(one["about"] == "slices" for one in found.facts["notices"])


def test_without_resamples_nothing_is_confirmed_and_that_is_said():
    """There is no test; the differences are in the results."""
    found = audited(table(), settings=replace(SETTINGS, n_resamples=0))

    (statement,) = statements(found, "m")
    assert "Without resamples" in statement.detail
    assert gaps(found)["value"].notna().all()


def test_a_rule_of_a_gate_is_about_the_patients_who_confirm(tmp_path, planted):
    """What was selected on the searched patients is no requirement."""
    policy = tmp_path / "policy.toml"
    policy.write_text(
        '[[rules]]\nname = "slices"\nanalysis = "slices"\nverdicts = ["equivalent"]\n', "utf-8"
    )
    found = gate(planted, read_policy(policy))

    assert len(found.rows) == len(gaps(planted))
    assert SEARCHED not in set(found.rows["condition"])


def test_hostile_values_stay_apart():
    """What joins parts in a name is quoted where a value holds it."""
    frame = table(7)
    bad = frame["ward"] == HOSTILE
    positive = frame["Edema"] == 1
    frame.loc[bad & positive, "score Edema"] -= 1.4
    found = audited(frame)
    first = gaps(found).iloc[0]["group"]

    assert first.startswith("ward = ")
    assert first.count(" & ") == first.count('"a & b')
    part = found.facts["slices"]["models"][0]["slices"][0]["parts"][0]
    assert part == {"column": "ward", "value": HOSTILE.strip()}


def test_the_name_of_a_column_with_a_star_makes_no_intersection():
    """Slices of intersections that are audited are made of their parts."""
    found = audited(table(), attributes=["sex", "sex*view_position"])

    assert "sex*view_position" not in found.facts["slices"]["columns"]
    assert gaps(found)["family"].eq("slices").all()


def embedded(frame, rng, pairs=()):
    """Return random embeddings of eight dimensions."""
    vectors = rng.normal(size=(len(frame), 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return ModelEmbeddings("m", frame["file"].to_numpy(dtype=str), vectors, tuple(pairs))


def texts(finding="Other", n=4):
    """Return texts, each of one dimension."""
    return [
        PromptPair(f"t{k}", finding, f"text {k}", f"no text {k}", np.eye(8, dtype=np.float32)[k])
        for k in range(n)
    ]


def scored_by(found, name="m"):
    """Return findings as one model scored them."""
    return [Scored(None, [Run(name, sample, None, None)]) for sample in found]


def test_images_near_a_text_are_a_slice():
    """The threshold is fixed on the searched patients, and the text is what it is named by."""
    frame = table(8, by=0.0, n_patients=1500)
    one = embedded(frame, np.random.default_rng(8), texts())
    near = one.vectors[:, 2] >= np.quantile(one.vectors[:, 2], 0.9)
    frame.loc[near, "score Edema"] -= 1.3 * (frame["Edema"] - 0.5)
    cohort, found = prepared(frame)
    columns = list(cohort.images.columns)

    result = slices.audit_slices(Engine(cohort), scored_by(found), [one], columns)
    (facts,) = result.facts["models"]
    searched = search_images(cohort, found)
    likeness = pd.Series(one.vectors[:, 2], index=one.image_ids)[cohort.images.index]
    part = facts["slices"][0]["parts"][0]

    assert facts["neighbourhoods"] == 4
    assert part["text"] == "text 2"
    assert part["at_least"] == pytest.approx(np.quantile(likeness[searched], 0.9), abs=1e-6)


def test_a_text_that_asks_for_the_finding_makes_no_slice_of_it():
    """Among images with high scores AUROC is lower by selection alone."""
    frame = table(9, by=0.0, n_patients=800)
    one = embedded(frame, np.random.default_rng(9), texts("Edema", 1))
    frame["score Edema"] = one.vectors[:, 0] * 3 + frame["Edema"]
    frame["score Pneumonia"] = one.vectors[:, 0] * 3 + 0.1 * frame["Pneumonia"]
    cohort, found = prepared(frame)

    result = slices.audit_slices(Engine(cohort), scored_by(found), [one], [])
    (facts,) = result.facts["models"]

    assert facts["neighbourhoods"] == 1
    assert facts["searched"] == 0


def test_clusters_are_named_by_what_they_consist_of():
    """Without texts; values that are more frequent than in all images, and their share."""
    frame = table(10, by=0.0, n_patients=400)
    one = embedded(frame, np.random.default_rng(10))
    one.vectors[:, 0] = np.where(frame["view"] == "AP", 3.0, -3.0)
    cohort, found = prepared(frame)
    parts, _ = parts_of(cohort, list(cohort.images.columns))
    searched = search_images(cohort, found)

    near = neighbourhoods(cohort, one, searched, parts)

    assert len(near) == 12
    assert all("view_position = " in part.name and "%" in part.name for part in near)
    assert np.array_equal(sum(part.yes.astype(int) for part in near), np.ones(len(frame)))


def test_the_direction_of_a_head_is_no_text():
    """Images are alike then by their embeddings, not by the score."""
    frame = table(10, by=0.0, n_patients=400)
    one = embedded(frame, np.random.default_rng(10))
    head = PromptPair("head", "Edema", "head for Edema", "", one.vectors[0])
    cohort, found = prepared(frame)
    parts, _ = parts_of(cohort, list(cohort.images.columns))
    searched = search_images(cohort, found)

    near, expected = (
        [part.name for part in neighbourhoods(cohort, which, searched, parts)]
        for which in (replace(one, prompts=(head,)), one)
    )

    assert near == expected


@pytest.mark.parametrize("below", [11, 60])
def test_slices_of_few_patients_are_not_named(below):
    """No count, no name: of what is left each side has as many patients, with and without the finding."""
    frame = table(0, n_patients=500)
    settings = replace(SETTINGS, suppress_below=below)
    found = audited(frame, settings=settings)
    rows = found.results[found.results["analysis"] == Analysis.SLICES]
    facts = found.facts["slices"]["models"][0]

    assert rows[["n", "n_positive", "n_patients"]].isna().all(axis=None)
    assert Reason.SUPPRESSED.value not in set(rows["reasons"])
    assert {one["name"] for one in facts["slices"]} == set(rows["group"])
    assert found.facts["slices"]["smallest"] == max(below, 10)


def test_a_slice_of_a_hidden_group_is_not_named():
    """Its name would say that the group is there."""
    frame = table(0, n_patients=700)
    few = frame["pid"].isin(frame["pid"].unique()[:6])
    frame.loc[few, "ward"] = "rare ward"
    settings = replace(SETTINGS, suppress_below=11)
    found = audited(frame, settings=settings, attributes=["sex", "ward"])
    hidden = found.results[found.results["reasons"] == Reason.SUPPRESSED.value]
    groups = set(hidden.loc[hidden["attribute"] == "ward", "group"])
    slices_ = found.facts["slices"]["models"][0]["slices"]

    assert groups
    assert not any(
        part.get("column") == "ward" and part["value"] in groups
        for one in slices_
        for part in one["parts"]
    )


def test_training_runs_of_a_model_are_searched_together():
    """A slice is compared by the mean over runs."""
    frame = table()
    runs = pd.concat([scores_of(frame).assign(seed=str(k)) for k in range(3)], ignore_index=True)
    rng = np.random.default_rng(0)
    runs["score"] += 0.1 * rng.normal(size=len(runs))
    found = audit(dataset_of(frame), runs, attributes=["sex"], shortcuts={}, settings=SETTINGS)

    (row,) = gaps(found)[gaps(found)["group"] == "sex = female & view_position = AP"].itertuples()
    assert row.verdict == "disparity"
    assert "3 training runs" in row.note or "over training runs" in row.note


def test_the_null_model_is_left_out():
    """Its scores are random."""
    frame = table(1, n_patients=300)
    scores = pd.concat([scores_of(frame), scores_of(frame, "random")])
    found = audit(dataset_of(frame), scores, attributes=["sex"], shortcuts={}, settings=SETTINGS)

    assert {one["model"] for one in found.facts["slices"]["models"]} == {"m"}


def test_a_search_reports_what_it_could_and_could_not_use(planted):
    """In facts that a program reads; the same audit in a folder has them."""
    facts = planted.facts["slices"]

    assert facts["search_patients"] + facts["confirmation_patients"] == planted.facts["patients"]
    assert facts["columns"] == ["device", "sex", "view_position", "ward"]
    assert facts["models"][0]["searched"] > 50
    assert len(facts["models"][0]["slices"]) <= 5


def test_other_families_have_less_only_where_there_are_slices():
    """Shares of the error rate: without slices they are as they were."""
    present = [Confirmatory.PRIMARY, Confirmatory.THRESHOLD, Confirmatory.ALL_GROUPS]
    without = shares(present)
    with_ = shares([*present, Confirmatory.SLICES])

    assert sum(without.values()) == pytest.approx(1)
    assert sum(with_.values()) == pytest.approx(1)
    assert without[Confirmatory.PRIMARY] == pytest.approx(0.4 / 0.65)
    assert with_[Confirmatory.PRIMARY] < without[Confirmatory.PRIMARY]


def test_the_page_names_confirmed_slices_and_counts_the_others(tmp_path):
    """From an audit with a value that is HTML; names of the others stand in a table of their own alone."""
    frame = table(11)
    frame["ward"] = frame["ward"].where(frame["ward"] != "ICU", "<script>alert(1)</script>")
    page = write_report(audited(frame), tmp_path / "report.html").read_text(encoding="utf-8")

    assert "<script>alert(1)" not in page
    assert "Examined, not confirmed" in page
    assert "sex &#39;female&#39; and view &#39;AP&#39;" in page
