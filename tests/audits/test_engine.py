"""The engine computes what plans name: once, at the level and by the interval of the settings."""

import ast
import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

import cxraudit.audits
from cxraudit.audits import measures as measures_module
from cxraudit.audits import operating_point, run, subgroups
from cxraudit.audits import plan as plan_module
from cxraudit.audits.cohort import CellCounts, Vector
from cxraudit.audits.degenerate import small_sample
from cxraudit.audits.engine import Engine, to_frame
from cxraudit.audits.perturbations import audit_perturbations
from cxraudit.audits.plan import (
    Combination,
    Comparison,
    Known,
    Level,
    average,
    key,
    mean,
    minus,
    ranking,
)
from cxraudit.audits.verdicts import judged
from cxraudit.metrics import Family, of_family
from cxraudit.schema import (
    BOUNDS,
    BOUNDS_AS_ESTIMATED,
    RESULT_COLUMNS,
    Analysis,
    Confirmatory,
    Reason,
)
from cxraudit.settings import AuditSettings
from cxraudit.stats.estimate import Estimate
from planted import (
    QUICK,
    RANKED,
    cohort_of,
    inputs_of_everything,
    inserted,
    perturbed_scores,
    planted_dataset,
    planted_scores,
    planted_table,
    sample_of_finding,
    unchanged,
)

STATISTICS = {
    "ranking_replicates": 3,
    "standardised_replicates": 3,
    "calibration_replicates": 3,
    "decisions": 4,
    "mean_replicates": 1,
}
"""What the engine calls → place of the cells among the arguments."""


@pytest.fixture
def computed(monkeypatch):
    """Count what reaches the statistics: (function, other arguments, cell) → how often."""
    counted = Counter()

    def content(argument):
        return argument.tobytes() if isinstance(argument, np.ndarray) else argument

    def watch(name, place):
        original = getattr(measures_module, name)

        def watched(*arguments, **options):
            cells = np.atleast_2d(arguments[place])
            others = tuple(content(a) for k, a in enumerate(arguments) if k != place)
            others += tuple((k, content(v)) for k, v in options.items() if k != "n_threads")
            for cell in cells:
                # Of two sides that are weighted to one mix, the cell is what it is beside the other.
                pair = sorted(map(bytes, cells)) if name.startswith("standardised") else ()
                counted[name, hash((others, tuple(pair))), cell.tobytes()] += 1
            return original(*arguments, **options)

        monkeypatch.setattr(measures_module, name, watched)

    for name, place in STATISTICS.items():
        watch(name, place)
    return counted


def by_function(counted):
    """Number of distinct cells per statistic."""
    return Counter(name for name, _, _ in counted)


@pytest.fixture(scope="module")
def frame():
    """Images of 120 patients with two views."""
    table = planted_table(0, n_patients=120)
    return table.assign(view=np.where(table.index % 3, "AP", "PA"))


@pytest.fixture
def sample(frame):
    """Cardiomegaly in an engine's cohort."""
    return sample_of_finding(cohort_of(frame), frame, "Cardiomegaly")


def engine_of(frame, settings=QUICK):
    """An engine for a planted table."""
    return Engine(cohort_of(frame, settings=settings))


def audited(frame, computed, monkeypatch, scores=None, **options):
    """Audit a table; return the engines that were made."""
    engines = []

    def made(cohort):
        engines.append(Engine(cohort))
        return engines[-1]

    monkeypatch.setattr(run, "Engine", made)
    computed.clear()
    scores = planted_scores(frame) if scores is None else scores
    run.audit(planted_dataset(frame), scores, **options)
    return engines


def test_every_cell_of_an_audit_is_computed_once(frame, computed, monkeypatch):
    """Two models, mirrored groups, references, pairs, intersections, shortcuts, thresholds,
    calibration: no statistic is given the same images of the same sample twice.
    """
    scores = planted_scores(frame)
    rng = np.random.default_rng(0)
    other = scores.assign(model="n", score=scores["score"] + rng.normal(size=len(scores)))
    settings = AuditSettings(n_resamples=100, references={"race": "white"}, all_pairs=True)

    (engine,) = audited(
        frame,
        computed,
        monkeypatch,
        scores=pd.concat([scores, other]),
        attributes=["sex", "race", "view_position", "sex*race"],
        shortcuts={"drain": "Pneumothorax", "sex:female": "Cardiomegaly"},
        settings=settings,
    )

    assert set(computed.values()) == {1}
    assert set(by_function(computed)) == set(STATISTICS)
    assert engine.n_computed == len(computed)


def test_mirrored_groups_share_their_cells(frame, computed, monkeypatch):
    """Two sexes: all, each sex, and two cells across the sexes; two findings. Once more for the other weight:
    all, and each sex.
    """
    (engine,) = audited(
        frame, computed, monkeypatch, attributes=["sex"], shortcuts={}, settings=RANKED
    )

    assert by_function(computed) == {"ranking_replicates": 2 * (5 + 3)}
    assert engine.n_computed == 16


def test_sides_that_are_weighted_to_one_mix_are_computed_once(frame, computed, monkeypatch):
    """Two sexes at one mix of the view: one pair of sides, not two, per finding and weighting."""
    audited(
        frame,
        computed,
        monkeypatch,
        attributes=["sex", "view_position"],
        shortcuts={},
        settings=RANKED,
    )

    assert by_function(computed)["standardised_replicates"] == 2 * 2 * 2


def test_comparing_models_computes_nothing_new(frame, computed, monkeypatch):
    """Two models on the same images cost twice one model."""
    scores = planted_scores(frame)
    other = scores.assign(model="n", score=scores["score"] ** 3)
    options = {"attributes": ["sex"], "settings": RANKED}
    (alone,) = audited(frame, computed, monkeypatch, **options)

    (both,) = audited(frame, computed, monkeypatch, scores=pd.concat([scores, other]), **options)

    assert both.n_computed == 2 * alone.n_computed


@pytest.mark.parametrize("calibration", ["platt", "none"])
def test_a_copy_of_a_model_computes_nothing_new(frame, computed, monkeypatch, calibration):
    """Identical scores under another name are the same samples, at the threshold as well."""
    scores = planted_scores(frame)
    settings = AuditSettings(n_resamples=100, calibration=calibration)
    options = {"attributes": ["sex"], "settings": settings}
    (alone,) = audited(frame, computed, monkeypatch, **options)

    (both,) = audited(
        frame,
        computed,
        monkeypatch,
        scores=pd.concat([scores, scores.assign(model="copy")]),
        **options,
    )

    assert both.n_computed == alone.n_computed


def test_every_cell_of_perturbed_images_is_computed_once(frame, computed):
    """Unedited images are compared with every perturbation."""
    changes = {**inserted(1.0), ("noise", 1): unchanged, ("noise", 2): unchanged}
    scores = perturbed_scores(frame, changes)

    audit_perturbations(planted_dataset(frame), scores, settings=RANKED)

    assert set(computed.values()) == {1}
    assert set(by_function(computed)) == {"ranking_replicates", "mean_replicates"}


def test_a_batch_is_one_call(frame, sample, monkeypatch):
    """All cells of a sample are computed together."""
    calls = []
    original = measures_module.ranking_replicates
    monkeypatch.setattr(
        measures_module,
        "ranking_replicates",
        lambda *args, **options: calls.append(args[3].shape) or original(*args, **options),
    )

    engine_of(frame).evaluate(subgroups.plan(cohort_of(frame), sample, ["sex"]))

    assert calls == [(5, sample.y_true.size)]


def test_what_is_known_is_not_computed_again(frame, sample):
    """Until it is forgotten."""
    engine = engine_of(frame)
    engine.compute([ranking(sample.everything)])

    engine.compute([minus(ranking(sample.everything), ranking(sample.everything))])
    assert engine.n_computed == 1
    engine.forget()
    engine.value(ranking(sample.everything))
    assert engine.n_computed == 2


def test_a_weighted_sum_is_taken_within_each_replicate(frame, sample):
    """And of influences."""
    engine = engine_of(frame)
    parts = [ranking(sample.everything), ranking(sample.cell(sample.patients % 2 == 0))]

    found = engine.value(Combination(tuple(parts), (2.0, -0.5)))

    one, other = (engine.value(part) for part in parts)
    assert np.allclose(found.replicates, 2 * one.replicates - 0.5 * other.replicates)
    assert np.allclose(found.influence, 2 * one.influence - 0.5 * other.influence)


def test_an_average_has_equal_weights(frame, sample):
    """Of values and of replicates."""
    engine = engine_of(frame)
    cells = [sample.cell(sample.patients % 3 == k) for k in range(3)]

    found = engine.value(average([ranking(cell) for cell in cells]))

    values = [engine.value(ranking(cell)).value for cell in cells]
    assert found.value == pytest.approx(np.mean(values), abs=1e-12)


def test_a_mean_is_that_of_numpy(frame, sample):
    """Over the images of the cell."""
    part = sample.cell(sample.y_true)

    found = engine_of(frame).estimate(mean(part, Vector(sample.y_score)), "score_change")

    assert found.value == pytest.approx(sample.y_score[sample.y_true].mean(), abs=1e-12)
    assert found.low < found.value < found.high


def test_a_known_number_has_no_error(frame, sample):
    """The difference of an AUROC and 0.5 has the interval of the AUROC, moved."""
    engine = engine_of(frame)
    comparison = Comparison(
        key=key(sample, Analysis.SHORTCUT_SEPARATION, reference="chance"),
        metric="auroc",
        group=ranking(sample.everything),
        reference=Known(0.5),
        cells=(sample.everything,),
        family=None,
    )

    (gap,) = engine.evaluate([comparison])

    level = engine.estimate(ranking(sample.everything), "auroc")
    assert (gap.found.value, gap.found.low, gap.found.high) == pytest.approx(
        (level.value - 0.5, level.low - 0.5, level.high - 0.5)
    )


def a_level(sample, cell, metric="auroc", **more):
    """The level of a ranking metric."""
    return Level(
        key=key(sample, Analysis.SUBGROUPS),
        metric=metric,
        quantity=ranking(cell, metric),
        cell=cell,
        **more,
    )


def a_gap(sample, first, second, metric="auroc", **more):
    """A comparison of two cells."""
    return Comparison(
        key=key(sample, Analysis.SUBGROUPS, reference="other"),
        metric=metric,
        group=ranking(first, metric),
        reference=ranking(second, metric),
        cells=(first, second),
        **{"family": Confirmatory.PRIMARY, **more},
    )


def few(sample, n_patients, *, positive=True):
    """Images of some patients with (or without) the finding, and all of the other class."""
    own = np.unique(sample.patients[sample.y_true == positive])[:n_patients]
    return sample.cell((sample.y_true != positive) | np.isin(sample.patients, own))


def test_a_level_is_what_scikit_learn_says(frame, sample):
    """With the counts of its cell."""
    part = sample.cell(sample.patients % 2 == 0)

    (level,) = engine_of(frame).evaluate([a_level(sample, part)])

    expected = roc_auc_score(sample.y_true[part.mask], sample.y_score[part.mask])
    assert level.found.value == pytest.approx(expected, abs=1e-12)
    assert level.counts.n == part.mask.sum()
    assert level.reasons == ()
    assert level.method == "patient-cluster bootstrap, Student's t"


@pytest.mark.parametrize(
    ("mask", "reason"),
    [
        (lambda sample: sample.y_true & ~sample.y_true, Reason.NO_IMAGES),
        (lambda sample: ~sample.y_true, Reason.NO_POSITIVES),
        (lambda sample: sample.y_true, Reason.NO_NEGATIVES),
        (lambda sample: few(sample, 4).mask, Reason.TOO_FEW_PATIENTS),
        (lambda sample: few(sample, 4, positive=False).mask, Reason.TOO_FEW_PATIENTS),
    ],
)
def test_a_level_says_why_it_says_little(frame, sample, mask, reason):
    """By a code, and in words."""
    (level,) = engine_of(frame).evaluate([a_level(sample, sample.cell(mask(sample)))])

    assert level.reasons[0] == reason
    assert level.note


def test_the_smallest_part_decides_whether_there_are_enough(frame, sample):
    """Of a value put together from cells."""
    small = few(sample, 4)

    plain, whole = engine_of(frame).evaluate(
        [
            a_level(sample, sample.everything),
            a_level(sample, sample.everything, parts=(sample.everything, small)),
        ]
    )

    assert plain.reasons == ()
    assert whole.reasons == (Reason.TOO_FEW_PATIENTS,)
    assert whole.note == "only 4 patients with or without the finding"


def test_a_cell_of_one_class_on_purpose_is_no_caution(frame, sample):
    """Such as the images a rate is about."""
    positives = sample.cell(sample.y_true)
    level = Level(
        key=key(sample, Analysis.COUNTERFACTUAL),
        metric="tpr",
        quantity=mean(positives, Vector((sample.y_score > 1).astype(float))),
        cell=positives,
        one_class=True,
    )

    (found,) = engine_of(frame).evaluate([level])

    assert found.reasons == ()
    assert found.note == ""


def test_an_area_of_one_gets_the_interval_of_newcombe(frame, sample):
    """The bootstrap does not vary there."""
    perfect = sample.with_(y_score=sample.y_true.astype(float))

    (area,) = engine_of(frame).evaluate([a_level(perfect, perfect.everything)])

    assert area.found.value == 1
    assert 0.8 < area.found.low < 1
    assert area.found.method == "Newcombe score interval over patients"
    assert area.reasons == ()


def test_without_resamples_there_are_values_and_no_intervals(frame, sample):
    """And the reason."""
    engine = engine_of(frame, AuditSettings(n_resamples=0))

    (level,) = engine.evaluate([a_level(sample, sample.everything)])

    assert 0.5 < level.found.value < 1
    assert math.isnan(level.found.low)
    assert level.reasons == (Reason.TOO_FEW_RESAMPLES,)


COUNTS = CellCounts(40, 12, 30, 10, 25)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_rate_at_the_end_has_the_interval_of_wilson_over_its_patients(share):
    """By statsmodels; the limit at the end is the end itself."""
    from statsmodels.stats.proportion import proportion_confint

    rate = Estimate(value=share, low=np.nan, high=np.nan, confidence_level=0.9, method="")

    found = small_sample("wilson", rate, COUNTS)

    n = COUNTS.n_patients
    expected = proportion_confint(share * n, n, alpha=0.1, method="wilson")
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-12)
    assert share in (found.low, found.high)


def test_a_metric_without_a_small_sample_interval_has_none():
    """Nothing is made up for it."""
    value = Estimate(value=1.0, low=np.nan, high=np.nan, confidence_level=0.9, method="none")

    assert small_sample(None, value, COUNTS) == value


def test_a_gap_is_subtracted_within_each_replicate(frame, sample):
    """Of images with themselves: 0 in every resample, so that it is exactly 0."""
    (gap,) = engine_of(frame).evaluate([a_gap(sample, sample.everything, sample.everything)])

    assert (gap.found.value, gap.found.low, gap.found.high) == (0, 0, 0)
    assert gap.found.method == "no difference in any resample"
    assert gap.reasons == ()


def test_too_few_patients_on_either_side_are_too_few(frame, sample):
    """By the smallest class of the smallest cell."""
    small = few(sample, 9)

    gaps = engine_of(frame).evaluate(
        [
            a_gap(sample, small, sample.everything),
            a_gap(sample, sample.everything, small),
            a_gap(sample, sample.everything, few(sample, 10)),
        ]
    )

    assert [gap.enough for gap in gaps] == [False, False, True]
    assert [Reason.TOO_FEW_PATIENTS in gap.reasons for gap in gaps] == [True, True, False]


def test_a_plan_may_decide_whether_there_are_enough(frame, sample):
    """Either way; words are then the plan's."""
    small = few(sample, 4)

    enough, not_enough = engine_of(frame).evaluate(
        [
            a_gap(sample, small, sample.everything, enough=True),
            a_gap(sample, sample.everything, sample.everything, enough=False, note="why"),
        ]
    )

    assert (enough.enough, enough.note) == (True, "")
    assert Reason.TOO_FEW_PATIENTS in not_enough.reasons
    assert not_enough.note == "why"


def test_a_side_at_the_end_is_compared_by_its_limits(frame, sample):
    """An area of 1 in half of the patients does not vary, so a difference of replicates is too sure."""
    half = sample.patients % 2 == 0
    partly = sample.with_(y_score=np.where(half, sample.y_true, sample.y_score))
    first, second = partly.cell(half), partly.cell(~half)

    limits, replicates = engine_of(frame).evaluate(
        [a_gap(partly, first, second), a_gap(partly, first, second, limits=False)]
    )

    assert limits.found.method == "limits of both sides (MOVER)"
    assert limits.found.low < replicates.found.low


def test_paired_sides_that_agree_in_every_resample_are_equal(frame, sample):
    """The same images, only their pixels changed: no difference, for certain."""
    same = sample.with_(y_score=2 * sample.y_score)
    comparison = a_gap(sample, sample.everything, same.everything, paired=True)

    (gap,) = judged(engine_of(frame).evaluate([comparison]), QUICK)

    assert (gap.found.low, gap.found.high, gap.p_value) == (0, 0, 1)
    assert gap.verdict == "equivalent"
    assert gap.reasons == ()


def test_paired_sides_without_resamples_are_not_called_equal(frame, sample):
    """Two positives exchange their scores: the area is the same, and nothing shows that the scores are."""
    settings = AuditSettings(n_resamples=0)
    scores = sample.y_score.copy()
    two = np.flatnonzero(sample.y_true)[:2]
    scores[two] = scores[two[::-1]]
    other = sample.with_(y_score=scores)
    comparison = a_gap(sample, sample.everything, other.everything, paired=True)

    (gap,) = judged(engine_of(frame, settings).evaluate([comparison]), settings)

    assert gap.found.value == 0
    assert gap.verdict == "inconclusive"
    assert gap.reasons == (Reason.TOO_FEW_RESAMPLES,)


def test_paired_sides_that_differ_are_compared_as_others(frame, sample):
    """One image is scored otherwise."""
    scores = sample.y_score.copy()
    scores[np.argmin(scores)] = scores.max() + 1
    other = sample.with_(y_score=scores)
    sides = (sample.everything, other.everything)

    paired, plain = engine_of(frame).evaluate(
        [a_gap(sample, *sides, paired=True), a_gap(sample, *sides)]
    )

    assert paired.found == plain.found
    assert paired.found.value != 0


def test_paired_sides_that_are_undefined_stay_undefined(frame, sample):
    """One class only."""
    none = sample.cell(~sample.y_true)

    (gap,) = judged(engine_of(frame).evaluate([a_gap(sample, none, none, paired=True)]), QUICK)

    assert gap.verdict == "undefined"


@pytest.fixture(scope="module")
def found(coarse_probes):
    """Audits with embeddings and perturbations, at two levels and with both intervals."""
    inputs = inputs_of_everything(n_patients=120)
    inputs["attributes"].remove("site")
    settings = AuditSettings(n_resamples=150)
    changed = {
        "plain": {},
        "level": {"confidence_level": 0.8},
        "both": {"confidence_level": 0.8, "interval": "bca"},
    }
    return {
        name: run.audit(settings=replace(settings, **change), **inputs)
        for name, change in changed.items()
    }


@pytest.mark.slow
def test_the_level_is_that_of_every_row(found):
    """Of every analysis; and every analysis is there."""
    assert set(found["both"].results["analysis"]) == set(Analysis) - {
        Analysis.N_SHOT,
        Analysis.SLICES,
    } - {
        Analysis.REFERENCE_GROUP,
        Analysis.GROUP_PAIRS,
    }
    assert set(found["both"].results["confidence_level"]) == {0.8}


@pytest.mark.slow
def test_no_row_keeps_the_interval_of_another_kind(found):
    """With BCa asked for, no interval is another bootstrap's."""
    methods = found["both"].results["method"]

    assert not methods.str.contains("Student").any()
    assert methods.str.contains("BCa").any()


@pytest.mark.slow
def test_a_lower_level_narrows_every_interval(found):
    """Of every analysis, metric and condition; of a rate of few flagged images it may stay from 0 to 1."""
    plain, level = found["plain"].results, found["level"].results
    width, narrow = (results["high"] - results["low"] for results in (plain, level))
    # Bounds over errors of a detector, or of labels as estimated, are no interval of a sample.
    bounded = (width > 0) & ~plain["condition"].isin([BOUNDS, BOUNDS_AS_ESTIMATED])
    rates = plain["analysis"] == Analysis.OPERATING_POINT

    named = ["analysis", "metric", "condition", "method"]
    wider = plain.loc[bounded & (narrow > width), named].drop_duplicates().to_dict("records")
    same = (
        plain.loc[bounded & ~rates & (narrow == width), named].drop_duplicates().to_dict("records")
    )
    assert wider == []
    assert same == []


@pytest.mark.slow
def test_bca_moves_every_bootstrap_interval(found):
    """But those of rates of few flagged images."""
    level, both = found["level"].results, found["both"].results
    bootstrap = level["method"].str.contains("Student")
    rates = level["analysis"] == Analysis.OPERATING_POINT
    same = (level["low"] == both["low"]) & (level["high"] == both["high"])

    assert bootstrap.sum() > 1000
    assert not same[bootstrap & ~rates].any()
    assert same[bootstrap & rates].mean() < 0.05


@pytest.mark.slow
def test_every_interval_says_how_it_was_made(found):
    """Of every analysis."""
    results = found["plain"].results

    assert (results.loc[results["low"].notna(), "method"] != "").all()


@pytest.mark.slow
@pytest.mark.parametrize(
    "analysis",
    [
        Analysis.PROBE,
        Analysis.SCORE_DIRECTION,
        Analysis.ENCODING_USE,
        Analysis.ERASURE,
        Analysis.PROMPT_SENSITIVITY,
        Analysis.COUNTERFACTUAL,
        Analysis.CORRUPTION,
        Analysis.REGION,
    ],
)
def test_both_reach_embeddings_and_perturbations(found, analysis):
    """No interval is as at 95 % by Student's t, and the values are."""
    plain, both = (
        results[(results["analysis"] == analysis)]
        for results in (found["plain"].results, found["both"].results)
    )

    assert np.allclose(plain["value"], both["value"], equal_nan=True)
    bounded = plain["low"] < plain["high"]
    assert bounded.any()
    same = (plain["low"] == both["low"]) & (plain["high"] == both["high"])
    assert not same[bounded].any()


@pytest.mark.slow
def test_both_reach_the_gaps_by_prompt(found):
    """The table of the figure."""
    plain, both = found["plain"].prompt_gaps, found["both"].prompt_gaps

    assert len(plain)
    assert (plain["low"] != both["low"]).all()


@pytest.mark.slow
def test_the_band_of_centroids_is_at_the_level(found):
    """Narrower at 80 %."""
    plain, both = found["plain"].curves, found["both"].curves

    assert len(plain)
    assert ((both["high"] - both["low"]) < (plain["high"] - plain["low"])).all()


@pytest.mark.slow
def test_what_is_resampled_is_named_wherever_there_is_a_bootstrap(found):
    """Also of probes and prompts."""
    methods = set(found["plain"].results["method"])

    assert "patient-cluster bootstrap, Student's t" in methods
    assert not any(method.startswith("bootstrap") for method in methods)


def test_intervals_are_made_in_the_engine_only():
    """No audit calls the estimators itself, so none can forget level and interval."""
    root = Path(cxraudit.audits.__file__).parent
    makers = {"estimate", "gap", "gap_of_limits"}
    users = {
        str(file.relative_to(root))
        for file in root.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ImportFrom)
        and node.module in ("cxraudit.stats.compare", "cxraudit.stats.limits")
        and makers & {name.name for name in node.names}
    }

    assert users == {"engine.py", "degenerate.py"}


def test_every_metric_of_a_family_can_be_read(frame):
    """Each is a row of the results of its plan."""
    cohort = cohort_of(frame.assign(**{"No Finding": 0}))
    sample = sample_of_finding(cohort, frame, "Cardiomegaly").with_(finding="No Finding")
    engine = Engine(cohort)
    items = [
        *subgroups.plan(cohort, sample, ["sex"]),
        *operating_point.plan(cohort, sample, ["sex"], cohort.tuning()),
    ]

    found = {one.item.metric for one in engine.evaluate(items) if not math.isnan(one.found.value)}

    families = (Family.RANKING, Family.CROSS_GROUP, Family.DECISION, Family.CALIBRATION)
    assert found == {metric for family in families for metric in of_family(family)}


def test_a_value_with_a_test_of_its_own_is_taken_as_it_is(frame, sample):
    """At the level of the settings, with the counts of its cell, or none."""
    engine = engine_of(frame, replace(QUICK, confidence_level=0.9))
    named = {"key": key(sample, Analysis.CENTROID), "metric": "centroid_distance"}

    counted, without = engine.evaluate(
        [
            plan_module.Tested(
                **named, cell=sample.everything, value=0.5, p_value=0.2, reasons=("A",)
            ),
            plan_module.Tested(**named, cell=None),
        ]
    )

    assert (counted.found.value, counted.p_value, counted.found.confidence_level) == (0.5, 0.2, 0.9)
    assert counted.counts.n == sample.y_true.size
    assert counted.reasons == ("A",)
    assert without.counts.n == 0


def test_rows_are_in_the_order_of_the_analyses(frame, sample):
    """Within an analysis, in that of the plan."""
    engine = engine_of(frame)
    items = [
        plan_module.Tested(key=key(sample, analysis), metric="auroc", cell=None, value=value)
        for analysis, value in (
            (Analysis.MODELS, 1.0),
            (Analysis.SUBGROUPS, 2.0),
            (Analysis.MODELS, 3.0),
        )
    ]

    table = to_frame(engine.evaluate(items), "the data set")

    assert table["value"].tolist() == [2.0, 1.0, 3.0]
    assert list(table.columns) == list(RESULT_COLUMNS)
    assert set(table["dataset"]) == {"the data set"}


def test_effective_patients_are_those_that_would_do_alone(frame, sample):
    """The degrees of freedom of the error and one, at most the patients that contribute."""
    few = sample.cell(sample.y_true)
    engine = engine_of(frame)
    values = Vector(np.where(np.arange(sample.y_true.size) % 2, 1.0, -1.0))

    (level,) = engine.evaluate(
        [
            Level(
                key=key(sample, Analysis.SUBGROUPS),
                metric="auroc",
                quantity=mean(few, values),
                cell=few,
            )
        ]
    )

    found = engine.value(mean(few, values))
    squares = found.influence[found.influence != 0] ** 2
    assert level.effective_patients == pytest.approx(found.degrees_of_freedom + 1)
    assert level.effective_patients <= squares.size
