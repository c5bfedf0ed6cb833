"""Probes decode what is planted, and nothing of labels shuffled between patients."""

import re
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
    texts[:20] = np.nan
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


def of_kind(kind, seed, n_patients, step, *, settings=QUICK, d=12):
    """A cohort with the attribute ``it`` of patients, of images, or of the two images of each patient.

    Its groups lie `step` standard deviations apart along one axis.
    """
    dataset, embedded = planted_embeddings(seed, n_patients)
    rng = np.random.default_rng([seed, 3])
    inside = {
        "patients": np.repeat(rng.random(n_patients) < 0.5, 2),
        "images": rng.random(2 * n_patients) < 0.4,
        "pairs": np.tile([True, False], n_patients),
    }[kind]
    vectors = rng.normal(size=(2 * n_patients, d)) + np.repeat(
        rng.normal(size=(n_patients, d)), 2, 0
    )
    vectors[:, 0] += step * inside
    images = dataset.images.assign(it=np.where(inside, "yes", "no"))
    return embedded_cohort_of(
        replace(dataset, images=images, attributes=("it",)),
        replace(embedded, vectors=vectors.astype(np.float32)),
        settings,
    )


def probed(cohort, attributes=("it",)):
    """Linear probes of a cohort, judged."""
    engine = Engine(cohort.cohort)
    settings = cohort.cohort.settings
    items = probe_attributes(engine, cohort, attributes, {}, probes=("linear",))
    return with_verdicts(judged(engine.evaluate(items), settings), settings.confidence_level)


KINDS = ["patients", "images", "pairs"]


@pytest.mark.parametrize("interval", ["t", "percentile", "bca"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_perfectly_decodable_is_decodable(kind, interval):
    """An AUROC of 1 has an interval and a p-value, whatever varies: patients, images or views."""
    cohort = of_kind(kind, 0, 140, 30, settings=replace(QUICK, interval=interval))

    found, _ = probed(cohort)

    assert found.found.value == 1
    assert 0.5 < found.found.low < found.found.high == 1
    assert found.p_value < 0.001
    assert found.verdict == DECODABLE


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_nearly_perfectly_decodable_is_decodable(kind):
    """An AUROC of more than 0.9."""
    found, _ = probed(of_kind(kind, 1, 150, 4))

    assert 0.9 < found.found.value < 1
    assert found.verdict == DECODABLE


@pytest.mark.parametrize("kind", KINDS)
def test_the_control_is_near_chance_for_every_kind_of_attribute(kind):
    """Also for two views of each patient, whose exchange between patients would change nothing."""
    controls = [probed(of_kind(kind, seed, 140, 30))[1] for seed in range(4)]

    assert all(one.item.metric == CONTROL_METRIC for one in controls)
    assert 0.42 < np.mean([one.found.value for one in controls]) < 0.58
    assert {one.verdict for one in controls} == {""}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_there_is_rarely_decodable(kind):
    """In at most 2 of 8 cohorts; the interval excludes 0.5 exactly where the p-value is below 0.05."""
    found = [probed(of_kind(kind, seed, 120, 0))[0] for seed in range(8)]

    assert sum(one.verdict == DECODABLE for one in found) <= 2
    for one in found:
        assert (one.p_value < 0.05) == (not one.found.low <= 0.5 <= one.found.high)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_test_of_a_probe_has_its_size(kind):
    """Nothing is decodable in 100 cohorts: at most 8 say so by p < 0.05 and an AUROC above 0.5."""
    found = [probed(of_kind(kind, 100 + seed, 120, 0))[0] for seed in range(100)]

    assert sum(one.verdict == DECODABLE for one in found) <= 8
    assert sum(one.p_value < 0.05 for one in found) <= 11


def test_without_a_ranking_nothing_is_shown(monkeypatch):
    """Equal scores for all images say nothing about the embedding: the verdict is unclear, with a reason."""
    flat = lambda *args: np.full((len(args[4]), 2), 0.5)  # noqa: E731
    monkeypatch.setattr(probes, "PROBES", {"linear": flat})

    found, _ = probed(of_kind("patients", 0, 140, 0))

    assert (found.found.value, found.verdict) == (0.5, UNCLEAR)
    assert found.reasons == ("CONSTANT_SCORES",)


def test_rows_say_how_many_patients_a_probe_was_fitted_to():
    """Those of training and validation, of a known group."""
    cohort = of_kind("patients", 0, 140, 1)

    found = probed(cohort)

    assert {one.item.key.at for one in found} == {98.0}


def with_wards(ward, n_patients=100, **settings):
    """A cohort with an attribute of patients, from their numbers."""
    dataset, embedded = planted_embeddings(0, n_patients)
    patient = dataset.images["patient_id"].str[1:].astype(int)
    images = dataset.images.assign(ward=patient.map(ward))
    return embedded_cohort_of(
        replace(dataset, images=images, attributes=("ward",)), embedded, replace(QUICK, **settings)
    )


@pytest.mark.parametrize(
    ("ward", "reason", "note"),
    [
        (
            lambda patient: "rare" if patient < 4 else "usual",
            "TOO_FEW_PATIENTS",
            r"fewer than 10 patients in a part of rare \(\w+: [012]\)",
        ),
        (lambda patient: "usual", "UNDEFINED_VALUE", "one group only: usual"),
        (lambda patient: "unknown", "NO_IMAGES", "no image of a known group"),
    ],
)
def test_an_attribute_that_cannot_be_probed_has_a_row(ward, reason, note):
    """Without a value or a verdict; the note says why."""
    (row,) = probed(with_wards(ward), ["ward"])

    assert np.isnan(row.found.value)
    assert (row.item.metric, row.item.key.condition) == (METRIC["linear"], "image")
    assert (row.reasons, row.verdict) == ((reason,), "")
    assert re.fullmatch(note, row.note)


def test_groups_that_are_left_out_of_a_probe_are_named():
    """With the part in which they have too few patients, and the number."""
    cohort = with_wards(lambda patient: "rare" if patient < 4 else "ab"[patient % 2], 160)

    found = probed(cohort, ["ward"])[0]

    assert np.isfinite(found.found.value)
    assert re.fullmatch(
        r"groups: a, b; left out: fewer than 10 patients in a part of rare \(\w+: [012]\); 8 images of no such group",
        found.note,
    )


def test_notes_hold_no_small_numbers_where_these_are_hidden():
    """The group is named, and the part."""
    cohort = with_wards(lambda patient: "rare" if patient < 4 else "usual", suppress_below=5)

    (row,) = probed(cohort, ["ward"])

    assert re.fullmatch(r"fewer than 10 patients in a part of rare \(\w+\)", row.note)


def test_groups_that_vary_within_patients_are_exchanged_within_them():
    """Of patients with one image of either view, either order is as likely."""
    patients, codes = np.repeat(np.arange(200), 2), np.tile([0, 1], 200)

    shuffled = exchanged(codes, patients, np.random.default_rng(0))

    assert all(set(pair) == {0, 1} for pair in shuffled.reshape(-1, 2).tolist())
    assert 0.4 < (shuffled == codes).mean() < 0.6


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
        value=0.6,
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
