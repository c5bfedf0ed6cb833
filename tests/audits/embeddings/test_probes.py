"""Probes decode what is planted, and nothing of labels shuffled between patients."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from cxraudit.audits.embeddings import probes
from cxraudit.audits.embeddings.probes import (
    CONTROL_METRIC,
    DECODABLE,
    METRIC,
    NOT_DECODABLE,
    UNCLEAR,
    exchanged,
    macro_auroc,
    permutation_p,
    probe_attributes,
    run_probe,
    verdict,
    with_verdicts,
)
from cxraudit.audits.engine import Engine
from cxraudit.audits.verdicts import judged
from cxraudit.schema import Analysis
from cxraudit.settings import AuditSettings
from cxraudit.stats import probes as stats_probes
from planted import embedded_cohort_of, pick, planted_embeddings, the

QUICK = AuditSettings(n_resamples=200)


def the_probe(audited, attribute, metric="linear_probe_auroc", space="image"):
    """The row of a probe."""
    return the(
        audited.results,
        analysis=Analysis.PROBE,
        attribute=attribute,
        condition=space,
        metric=metric,
    )


@pytest.mark.parametrize(
    ("attribute", "expected"),
    [
        ("used", DECODABLE),
        ("hidden", DECODABLE),
        ("curved", NOT_DECODABLE),
        ("absent", NOT_DECODABLE),
    ],
)
def test_a_line_decodes_what_lies_along_one(audited, attribute, expected):
    """Whether the score's or another."""
    assert the_probe(audited, attribute)["verdict"] == expected


def test_what_only_a_curve_decodes_is_decoded_by_a_network(audited):
    """The linear probe is at chance, the MLP is not: both are reported."""
    assert the_probe(audited, "curved")["high"] < 0.6
    assert the_probe(audited, "curved", "mlp_probe_auroc")["low"] > 0.6


def test_two_axes_hide_what_is_decodable(audited):
    """The two largest axes are noise: nothing in PCA, everything in the embedding."""
    assert the_probe(audited, "hidden")["value"] > 0.85
    assert the_probe(audited, "hidden", space="PCA (2 axes)")["value"] < 0.6


@pytest.mark.parametrize("attribute", ["used", "hidden", "curved", "absent"])
def test_shuffled_labels_are_decoded_by_no_probe(audited, attribute):
    """The interval of the control holds one half; it has no verdict."""
    control = the_probe(audited, attribute, CONTROL_METRIC)

    assert control["low"] < 0.5 < control["high"]
    assert control["verdict"] == ""


def test_p_values_are_adjusted_over_attributes(audited):
    """Of each space and probe: never below those that are not, and the smallest by their number."""
    rows = pick(
        audited.results, analysis=Analysis.PROBE, condition="image", metric="linear_probe_auroc"
    )

    assert len(rows) == 4
    assert (rows["p_adjusted"] >= rows["p_value"]).all()
    assert rows["p_adjusted"].min() == pytest.approx(4 * rows["p_value"].min())


def test_a_probe_is_measured_on_test_patients():
    """Its value is scikit-learn's, of scores of patients it was not fitted to."""
    dataset, embedded = planted_embeddings(8, 120)
    cohort = embedded_cohort_of(dataset, embedded, QUICK)
    _, codes = cohort.groups("hidden")
    test = cohort.parts.test
    scores = run_probe("linear", cohort.vectors, codes, cohort.parts, 0)

    found = Engine(cohort.cohort).estimate(
        macro_auroc(cohort, codes, test, scores), "knn_probe_auroc"
    )

    assert len(scores) == test.sum()
    assert found.value == pytest.approx(roc_auc_score(codes[test], scores[:, 1]), abs=1e-12)


def test_of_three_groups_the_mean_area_is_reported():
    """Of each against the others, and the note names them."""
    dataset, embedded = planted_embeddings(8, 400)
    patient = dataset.images["patient_id"].str[1:].astype(int)
    ward = patient.map(lambda number: "abc"[number % 3])
    dataset = replace(dataset, images=dataset.images.assign(ward=ward), attributes=("ward",))
    cohort = embedded_cohort_of(dataset, embedded, QUICK)
    _, codes = cohort.groups("ward")
    test = cohort.parts.test
    scores = run_probe("k-NN", cohort.vectors, codes, cohort.parts, 0)

    found = Engine(cohort.cohort).estimate(
        macro_auroc(cohort, codes, test, scores), "knn_probe_auroc"
    )

    areas = [roc_auc_score(codes[test] == k, scores[:, k]) for k in range(3)]
    assert found.value == pytest.approx(np.mean(areas), abs=1e-12)


@pytest.fixture(scope="module")
def reports(coarse_probes):
    """Probes of embeddings of images, of reports (which hold ``hidden`` only), and of both."""
    dataset, embedded = planted_embeddings(8, 200)
    texts = np.zeros_like(embedded.vectors)
    texts[:, :2] = embedded.vectors[:, 2:4]
    texts[:10] = np.nan
    cohort = embedded_cohort_of(dataset, replace(embedded, texts=texts), QUICK)
    engine = Engine(cohort.cohort)
    items = probe_attributes(engine, cohort, ["used", "hidden"], {})
    return cohort, with_verdicts(judged(engine.evaluate(items), QUICK), 0.95)


def test_images_reports_and_both_are_probed(reports):
    """Each attribute by each probe; the control in the images alone."""
    _, found = reports

    spaces = {
        (one.item.key.condition, one.item.metric)
        for one in found
        if one.item.key.attribute == "used"
    }
    expected = {(space, m) for space in ("image", "text", "both") for m in METRIC.values()}
    assert spaces == expected | {("image", CONTROL_METRIC)}


def test_reports_are_probed_for_what_they_hold(reports):
    """One attribute is decodable from them, the other is not shown to be."""
    _, found = reports

    verdicts = {
        one.item.key.attribute: one.verdict
        for one in found
        if (one.item.key.condition, one.item.metric) == ("text", METRIC["linear"])
    }
    assert verdicts["hidden"] == DECODABLE
    assert verdicts["used"] != DECODABLE


def test_images_without_a_report_are_not_probed_by_it(reports):
    """They count in the space of images only."""
    cohort, found = reports
    counts = {one.item.key.condition: one.counts.n for one in found}

    without = (cohort.parts.test & ~np.isfinite(cohort.texts).all(axis=1)).sum()
    assert without > 0
    assert counts["text"] == counts["both"] == counts["image"] - without


def test_intervals_of_probes_of_shuffled_patients_cover_one_half():
    """Nominal 95 % intervals over 60 shuffles hold 0.5 in at least 54."""
    dataset, embedded = planted_embeddings(4, 240)
    cohort = embedded_cohort_of(dataset, embedded, QUICK)
    engine = Engine(cohort.cohort)
    _, codes = cohort.groups("hidden")
    rng = np.random.default_rng(5)

    covered = 0
    for _ in range(60):
        shuffled = exchanged(codes, cohort.patients, rng)
        scores = run_probe("linear", cohort.vectors, shuffled, cohort.parts, 0)
        found = engine.estimate(
            macro_auroc(cohort, shuffled, cohort.parts.test, scores), "linear_probe_auroc"
        )
        covered += found.low <= 0.5 <= found.high

    assert covered >= 54


def test_p_values_of_probes_of_shuffled_patients_are_not_small():
    """Below 0.05 for at most 3 of 20 shuffles."""
    dataset, embedded = planted_embeddings(4, 240)
    cohort = embedded_cohort_of(dataset, embedded, QUICK)
    _, codes = cohort.groups("hidden")
    rng = np.random.default_rng(6)

    small = 0
    for _ in range(20):
        shuffled = exchanged(codes, cohort.patients, rng)
        scores = run_probe("linear", cohort.vectors, shuffled, cohort.parts, 0)
        test = cohort.parts.test
        small += permutation_p(shuffled[test], scores, cohort.patients[test], 0) < 0.05

    assert small <= 3


def test_a_probe_that_separates_the_groups_has_the_smallest_p_value():
    """One in the number of exchanges plus one."""
    patients = np.repeat(np.arange(40), 2)
    codes = (patients % 2).astype(np.int64)
    scores = np.column_stack([1.0 - codes, codes + 0.0])

    assert permutation_p(codes, scores, patients, 0) == 1 / (probes.N_PERMUTATIONS + 1)


def test_exchanged_groups_belong_to_whole_patients():
    """Each patient gets another's groups; no patient's images are torn apart; −1 stays."""
    patients = np.array([0, 0, 1, 2, 2, 2, 3])
    codes = np.array([0, 0, 1, 2, 2, 2, -1])

    for seed in range(20):
        shuffled = exchanged(codes, patients, np.random.default_rng(seed))
        assert shuffled[6] == -1
        for patient in range(3):
            assert np.unique(shuffled[patients == patient]).size == 1
        assert sorted({int(shuffled[patients == p][0]) for p in range(3)}) == [0, 1, 2]


@pytest.fixture
def measured(audited):
    """A probe that was measured, with other limits and p-value."""
    dataset, embedded = planted_embeddings(8, 60)
    cohort = embedded_cohort_of(dataset, embedded, AuditSettings(n_resamples=100))
    item = probes.Tested(
        key=cohort.key(Analysis.PROBE, attribute="used", condition="image"),
        metric=METRIC["linear"],
        cell=None,
    )
    (one,) = Engine(cohort.cohort).evaluate([item])

    def changed(low, high, p_adjusted):
        return replace(one, found=replace(one.found, low=low, high=high), p_adjusted=p_adjusted)

    return changed


@pytest.mark.parametrize(
    ("low", "high", "p_adjusted", "expected"),
    [
        (0.55, 0.65, 0.01, DECODABLE),
        (0.51, 0.59, 0.01, DECODABLE),
        (0.45, 0.59, 0.30, NOT_DECODABLE),
        (0.51, 0.59, 0.30, NOT_DECODABLE),
        (0.45, 0.65, 0.01, UNCLEAR),
        (0.55, 0.65, 0.30, UNCLEAR),
    ],
)
def test_the_verdict_on_a_probe(measured, low, high, p_adjusted, expected):
    """Decodable if shown; not, if shown to be below 0.6; else unclear."""
    assert verdict(measured(low, high, p_adjusted), 0.05) == expected


@pytest.mark.parametrize(("level", "expected"), [(0.95, UNCLEAR), (0.8, DECODABLE)])
def test_probes_are_judged_at_the_level_of_the_settings(measured, level, expected):
    """An adjusted p-value of 0.1 shows something at 80 %, and nothing at 95 %."""
    (found,) = with_verdicts([measured(0.55, 0.65, 0.1)], level)

    assert found.verdict == expected


def test_misaligned_tuning_is_a_fault_that_aligned_tuning_has_not():
    """The published search takes rows of one table by the positions of another, so it tunes on labels
    of other images: what it chooses by is at chance level. Aligned, the same search finds the group.
    """
    rng = np.random.default_rng(2)
    reached = {"misaligned": [], "aligned": []}
    for _ in range(20):
        y = rng.integers(0, 2, 900)
        x = (rng.normal(size=(900, 6)) + 1.2 * y[:, None]).astype(np.float32)
        train_val = rng.permutation(900)[:700]
        within = rng.permutation(700)
        train, validation = within[:500], within[500:]
        for name, rows in (("misaligned", x), ("aligned", x[train_val])):
            votes = stats_probes.neighbour_votes(
                rows[train], y[train_val[train]], rows[validation], 2
            )
            areas = [stats_probes.macro_auroc(y[train_val[validation]], vote) for vote in votes]
            reached[name].append(max(areas))

    assert 0.45 < np.mean(reached["misaligned"]) < 0.6
    assert min(reached["aligned"]) > 0.9
