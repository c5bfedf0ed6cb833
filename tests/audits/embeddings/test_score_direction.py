"""Whether the score is associated with an attribute, and what erasing it changes."""

from dataclasses import replace

import numpy as np
import pytest

from cxraudit.audits import plan
from cxraudit.audits.embeddings import score_direction
from cxraudit.audits.embeddings.score_direction import (
    ASSOCIATED,
    ASSOCIATED_UNCLEAR_SIZE,
    ERASED,
    LABEL_ERROR_RATE,
    NOT_ASSOCIATED,
    NOT_ERASED,
    ONLY_ASSOCIATED,
    ONLY_ASSOCIATED_UNCLEAR_SIZE,
    ROBUSTNESS,
    SHIFT,
    UNADJUSTED_SHIFT,
)
from cxraudit.audits.engine import Engine, to_frame
from cxraudit.audits.verdicts import judged
from cxraudit.schema import (
    BEFORE_ERASURE,
    COMPLEMENT,
    NEGATIVES,
    OVERALL,
    POSITIVES,
    Analysis,
    Reason,
)
from cxraudit.settings import AuditSettings
from cxraudit.stats.leace import fit_eraser
from cxraudit.stats.probes import linear_probe, standardised
from cxraudit.stats.ranking import auroc
from planted import FINDING, D, embedded_cohort_of, pick, planted_embeddings, the
from simulations import embedded as simulated

SETTINGS = AuditSettings(n_resamples=300)


def directions_of(dataset, embedded, attributes=("used",), settings=SETTINGS):
    """Results of the plan of score directions."""
    cohort = embedded_cohort_of(dataset, embedded, settings)
    engine = Engine(cohort.cohort)
    items = score_direction.plan(engine, cohort, attributes)
    return to_frame(judged(engine.evaluate(items), settings), "simulated")


def test_attributes_are_told_apart_by_what_the_score_does(audited):
    """Along the score, orthogonal to it, in no line, and nowhere."""
    rows = pick(audited.results, analysis=Analysis.ENCODING_USE)

    assert dict(zip(rows["attribute"], rows["verdict"], strict=True)) == {
        "used": "decodable and associated",
        "hidden": "decodable, not associated",
        "curved": "not decodable",
        "absent": "not decodable",
    }


def test_the_answer_rests_on_the_largest_shift(audited):
    """With its interval and p-value, and the probe in words."""
    answer = the(audited.results, analysis=Analysis.ENCODING_USE, attribute="used")
    shifts = pick(
        audited.results, analysis=Analysis.SCORE_DIRECTION, attribute="used", metric=SHIFT
    )
    shift = shifts.loc[shifts["value"].abs().idxmax()]

    columns = [
        "condition",
        "value",
        "low",
        "high",
        "p_value",
        "p_adjusted",
        "group",
        "reference",
        "n",
        "method",
    ]
    assert answer[columns].equals(shift[columns])
    assert answer["note"].startswith("linear probe 0.")


def test_probes_after_erasure_stand_beside_those_before(audited):
    """Of the same halves of the patients; a line decodes less after erasure, and no more than by chance
    what it did not decode before.
    """
    rows = pick(audited.results, analysis=Analysis.ERASURE, metric="linear_probe_auroc")

    value = rows.set_index(["attribute", "condition"])["value"]
    for attribute in ("used", "hidden"):
        assert value[attribute, NOT_ERASED] > 0.7
        assert value[attribute, ERASED] < value[attribute, NOT_ERASED] - 0.1
    assert rows["low"].notna().all()


def test_erasing_what_the_score_does_not_use_changes_nothing(audited):
    """AUROC moves by less than 0.01, with zero in its interval."""
    change = the(
        audited.results,
        analysis=Analysis.ERASURE,
        attribute="hidden",
        metric="auroc",
        reference=BEFORE_ERASURE,
    )

    assert change["low"] <= 0 <= change["high"]
    assert abs(change["value"]) < 0.01


def test_changes_by_erasure_are_tested_and_get_no_verdict(audited):
    """They explain an association that was judged."""
    rows = pick(audited.results, analysis=Analysis.ERASURE, reference=BEFORE_ERASURE)

    assert set(rows["verdict"]) == {""}
    assert rows["p_value"].notna().all()
    assert rows[["p_adjusted", "margin"]].isna().all().all()


@pytest.fixture(scope="module")
def algebra(coarse_probes):
    """δ and Σ of 40,000 images, and the rows of 3,000 others."""
    many, large = planted_embeddings(50, 20_000)
    return many, large.vectors.astype(float), directions_of(*planted_embeddings(51, 1500))


def test_auroc_after_erasing_is_what_algebra_says(algebra):
    """The erased score is linear, too: ⟨x, d − Σ⁻¹δ (δᵀd) / (δᵀΣ⁻¹δ)⟩, with δ and Σ of other images."""
    many, x, rows = algebra
    label = many.images[FINDING].to_numpy() == 1
    used = many.images["used"].to_numpy() == "yes"
    sigma, delta = np.cov(x.T), x[used].mean(0) - x[~used].mean(0)
    direction = np.eye(D)[0]
    whitened = np.linalg.solve(sigma, delta)
    left = direction - whitened * (delta @ direction) / (delta @ whitened)
    expected = auroc(label, x @ left) - auroc(label, x @ direction)

    change = the(rows, analysis=Analysis.ERASURE, metric="auroc", reference=BEFORE_ERASURE)

    assert change["low"] < expected < change["high"]
    assert change["high"] < 0 or change["low"] > 0


def test_the_change_of_a_gap_by_erasure_has_an_interval(algebra):
    """Of the group and all others, after − before."""
    row = the(algebra[-1], metric="auroc_gap", reference=BEFORE_ERASURE, group="yes")

    assert row["low"] <= row["value"] <= row["high"]


@pytest.fixture(scope="module")
def shifted(coarse_probes):
    """4,000 images, and their rows."""
    dataset, embedded = planted_embeddings(3, 2000)
    return embedded.vectors.astype(float), directions_of(dataset, embedded)


def test_the_shift_is_the_planted_step(shifted):
    """0.5 over the standard deviation of the score, given the label; a disparity."""
    x, rows = shifted

    for condition in (POSITIVES, NEGATIVES):
        row = the(rows, metric=SHIFT, reference=COMPLEMENT, condition=condition)

        assert row["value"] == pytest.approx(0.5 / x[:, 0].std(), abs=0.1)
        assert row["low"] < row["value"] < row["high"]
        assert row["verdict"] == "disparity"
        assert row["margin"] == 0.25


def test_the_share_of_variance_is_what_algebra_says(shifted):
    """δ = 0.5 along axes 0 and 1: (dᵀδ)² / (δᵀΣ⁻¹δ · dᵀΣd), with Cov(x, z) = δ/4."""
    x, rows = shifted
    sigma = np.cov(x[:, :2].T)
    delta = np.array([0.5, 0.5]) / 4
    expected = delta[0] ** 2 / (delta @ np.linalg.solve(sigma, delta) * sigma[0, 0])

    row = the(rows, metric="variance_share", finding=FINDING)

    assert row["value"] == pytest.approx(expected, abs=0.06)
    assert row["group"] == OVERALL


def test_the_shift_is_given_the_label(coarse_probes):
    """A group with more of the finding has higher scores, and no shift among images with one label."""
    dataset, embedded = planted_embeddings(9, 600, strength=0.0)
    label = dataset.images[FINDING] == 1
    more = np.where(label.groupby(dataset.images["patient_id"]).transform("any"), "yes", "no")
    dataset = replace(dataset, images=dataset.images.assign(more=more), attributes=("more",))
    score = embedded.vectors[:, 0].astype(float)
    score = (score - score.mean()) / score.std()
    raw = score[more == "yes"].mean() - score[more == "no"].mean()

    rows = directions_of(dataset, embedded, ["more"])

    row = the(rows, metric=SHIFT, condition=NEGATIVES)
    # Every image with the finding is in one group, so that positives have no other side.
    other = the(rows, metric=SHIFT, condition=POSITIVES)
    assert other["reasons"] == Reason.TOO_FEW_PATIENTS
    expected = score[(more == "yes") & ~label].mean() - score[(more == "no") & ~label].mean()
    assert raw > 0.5
    assert row["value"] == pytest.approx(expected, abs=1e-9)
    assert abs(row["value"]) < 0.2


def test_a_label_with_few_patients_on_a_side_keeps_its_row(coarse_probes):
    """Where neither label has ten patients on both sides, both rows say why there is no shift."""
    dataset, embedded = planted_embeddings(9, 200)
    images = dataset.images.copy()
    images[FINDING] = (images["used"] == "yes").astype(float)
    dataset = replace(dataset, images=images)

    rows = directions_of(dataset, embedded)

    assert pick(rows, metric=SHIFT)["condition"].tolist() == [POSITIVES, NEGATIVES]
    assert set(pick(rows, metric=SHIFT)["reasons"]) == {Reason.TOO_FEW_PATIENTS}
    assert not pick(rows, metric="variance_share").empty


def test_a_shortcut_s_gap_is_against_all_negatives(coarse_probes):
    """Positives with and without it share the negatives, as in the audit of scores."""
    dataset, embedded = planted_embeddings(9, 200)
    images = dataset.images.copy()
    images.loc[images[FINDING] == 0, "used"] = "no"
    attribute = replace(dataset, images=images)
    shortcut = replace(attribute, attributes=("hidden",), shortcuts=("used",))

    as_attribute, as_shortcut = (
        the(directions_of(one, embedded), metric="auroc_gap", reference=BEFORE_ERASURE)
        for one in (attribute, shortcut)
    )

    assert np.isnan(as_attribute["value"])  # the group has no negatives of its own
    assert np.isfinite(as_shortcut["value"])


@pytest.mark.parametrize(
    ("probe", "shifts", "expected"),
    [
        ("decodable", [NOT_ASSOCIATED, ASSOCIATED], ASSOCIATED),
        ("decodable", [ASSOCIATED_UNCLEAR_SIZE, "unclear"], ASSOCIATED_UNCLEAR_SIZE),
        ("decodable", [NOT_ASSOCIATED, NOT_ASSOCIATED], NOT_ASSOCIATED),
        ("decodable", [NOT_ASSOCIATED, "unclear"], "unclear"),
        ("unclear", [ASSOCIATED], ONLY_ASSOCIATED),
        ("not decodable", [ASSOCIATED, "unclear"], ONLY_ASSOCIATED),
        ("not decodable", [ASSOCIATED_UNCLEAR_SIZE], ONLY_ASSOCIATED_UNCLEAR_SIZE),
        ("not decodable", [NOT_ASSOCIATED, "unclear"], "not decodable"),
        ("unclear", [NOT_ASSOCIATED], "unclear"),
    ],
)
def test_the_answer_follows_from_the_probe_and_the_shifts(probe, shifts, expected):
    """One answer per attribute and finding."""
    assert score_direction.association(probe, shifts) == expected


def shifts_of(name, seed=0, *, settings=SETTINGS, patients=600, **changed):
    """Judged shifts of a simulated cohort."""
    design = replace(simulated.DESIGNS[name], patients=patients, **changed)
    dataset, vectors = simulated.draw(design, seed)
    cohort = embedded_cohort_of(dataset, vectors, settings)
    items = list(score_direction.shifts(cohort, simulated.ATTRIBUTE, vectors.prompts[0]))
    found = judged(Engine(cohort.cohort).evaluate(items), settings)
    return cohort, score_direction.with_adjusted(found)


def answer_to(name, seed=0, *, probed="decodable", **options):
    """The answer, by what a probe decodes, with its row."""
    cohort, found = shifts_of(name, seed, **options)
    probe = found[0]
    key = cohort.key(Analysis.PROBE, attribute=simulated.ATTRIBUTE, condition="image")
    item = plan.Tested(key=key, metric="linear_probe_auroc", cell=None)
    probe = replace(probe, item=item, verdict=probed)
    return to_frame(
        Engine(cohort.cohort).evaluate(score_direction.encoding_use(cohort, [probe, *found])), "s"
    ).iloc[0]


def test_shifts_of_opposite_sign_are_an_association():
    """Each label is judged by itself; their difference is what moves the AUROC gap."""
    _, found = shifts_of("opposite signs")
    rows = to_frame(found, "s")

    difference = the(rows, metric="score_shift_difference")
    assert difference["low"] > 0.5
    assert answer_to("opposite signs")["verdict"] == ASSOCIATED


def test_opposite_shifts_are_shown_where_no_probe_decodes_them():
    """Images of both labels together do not differ between groups."""
    row = answer_to("opposite signs, nothing else", probed="not decodable", patients=1500)

    assert row["verdict"] == ONLY_ASSOCIATED
    assert abs(row["value"]) > 0.4


@pytest.mark.parametrize("n_others", [2, 8])
def test_a_group_that_is_another_finding_but_for_few_patients_is_not_judged(n_others):
    """The coefficient rests on these patients, whatever the size of the group."""
    for seed in range(4):
        row = answer_to("another finding, but for 4 patients", seed, but_for=n_others)

        assert row["verdict"] == "unclear"
        assert row["reasons"] in (Reason.TOO_FEW_PATIENTS, Reason.UNDEFINED_VALUE)
        assert "in all others the group goes with" in row["note"] or np.isnan(row["value"])


def test_equal_scores_have_no_shift():
    """A direction of zero length: the reason is given, and nothing is associated."""
    dataset, vectors = simulated.draw(simulated.DESIGNS["orthogonal"], 0)
    pair = vectors.prompts[0]
    vectors = replace(vectors, prompts=(replace(pair, direction=0 * pair.direction),))
    cohort = embedded_cohort_of(dataset, vectors, SETTINGS)
    items = score_direction.shifts(cohort, simulated.ATTRIBUTE, vectors.prompts[0])

    rows = to_frame(Engine(cohort.cohort).evaluate(list(items)), "s")

    assert set(rows["metric"]) == {SHIFT}
    assert set(rows["reasons"]) == {Reason.CONSTANT_SCORES}
    assert set(rows["verdict"]) == {"undefined"}


def test_the_severity_of_some_images_is_not_known():
    """They are a level of their own, and their share is noted."""
    dataset, vectors = simulated.draw(simulated.DESIGNS["severity, 0.6 SD"], 0)
    known = np.arange(len(dataset.images)) % 4 > 0
    severity = dataset.images[simulated.SEVERITY].where(known).astype(object)
    images = dataset.images.assign(**{simulated.SEVERITY: severity})
    settings = replace(SETTINGS, severity=simulated.SEVERITY)
    cohort = embedded_cohort_of(replace(dataset, images=images), vectors, settings)
    items = score_direction.shifts(cohort, simulated.ATTRIBUTE, vectors.prompts[0])

    rows = to_frame(Engine(cohort.cohort).evaluate(list(items)), "s")

    note = "adjusted for another finding and severity (not known for 2"
    assert pick(rows, metric=SHIFT)["note"].str.contains(note, regex=False).all()
    unknown = pick(rows, metric="unknown_severity_share")["value"]
    assert unknown.to_numpy() == pytest.approx([0.25, 0.25], abs=0.03)


def two_findings(rng, *, member, raised, patients=600):
    """A cohort whose attribute and score follow combinations of two findings; the group has no effect."""
    dataset, vectors = simulated.draw(
        replace(simulated.DESIGNS["orthogonal"], patients=patients), int(rng.integers(10**6))
    )
    first, second = rng.random((2, patients)) < 0.5
    few = rng.permutation(patients) < 40
    group = np.repeat(member(first, second) ^ few, 2)
    images = dataset.images.assign(
        A=np.repeat(first, 2).astype(float),
        B=np.repeat(second, 2).astype(float),
        attribute=np.where(group, "yes", "no"),
    )
    moved = vectors.vectors.copy()
    moved[:, 0] += 1.5 * np.repeat(raised(first, second), 2)
    findings = (simulated.FINDING, "A", "B")
    return replace(dataset, images=images, findings=findings), replace(vectors, vectors=moved)


@pytest.mark.parametrize(
    ("member", "raised"),
    [
        (lambda a, b: a | b, lambda a, b: a | b),
        (lambda a, b: a & b, lambda a, b: a | b),
        (lambda a, b: a & b, lambda a, b: a & b),
        (lambda a, b: a ^ b, lambda a, b: a ^ b),
    ],
    ids=["or", "and of or", "and", "either"],
)
def test_what_two_findings_raise_together_is_no_association(member, raised):
    """Their labels one by one do not hold it; the combination of labels does."""
    missed = 0
    for seed in range(10):
        dataset, vectors = two_findings(np.random.default_rng(seed), member=member, raised=raised)
        cohort = embedded_cohort_of(dataset, vectors, SETTINGS)
        items = score_direction.shifts(cohort, simulated.ATTRIBUTE, vectors.prompts[0])
        rows = pick(to_frame(Engine(cohort.cohort).evaluate(list(items)), "s"), metric=SHIFT)
        missed += int((~((rows["low"] < 0) & (rows["high"] > 0))).sum())

    assert missed <= 3  # of twenty intervals at 95 %


@pytest.mark.parametrize(
    "follows",
    [lambda s: np.abs(s) > 1, lambda s: s > 1, np.exp],
    ids=["either end", "a step", "exponential"],
)
def test_what_severity_explains_in_any_way_is_no_association(follows):
    """Score and attribute follow the same function of it."""
    settings = replace(SETTINGS, severity=simulated.SEVERITY)
    missed = 0
    for seed in range(8):
        rng = np.random.default_rng([seed, 1])
        dataset, vectors = simulated.draw(simulated.DESIGNS["orthogonal"], seed)
        severity = dataset.images[simulated.SEVERITY].to_numpy()
        raised = follows(severity) * 1.0
        member = np.repeat(raised[::2] + rng.normal(size=600) > np.median(raised) + 0.3, 2)
        images = dataset.images.assign(attribute=np.where(member, "yes", "no"))
        moved = vectors.vectors.copy()
        moved[:, 0] += raised
        cohort = embedded_cohort_of(
            replace(dataset, images=images), replace(vectors, vectors=moved), settings
        )
        items = score_direction.shifts(cohort, simulated.ATTRIBUTE, vectors.prompts[0])
        rows = pick(to_frame(Engine(cohort.cohort).evaluate(list(items)), "s"), metric=SHIFT)
        missed += int((~((rows["low"] < 0) & (rows["high"] > 0))).sum())

    assert missed <= 3  # of sixteen intervals at 95 %


def test_an_offset_of_severity_changes_nothing():
    """It takes no digits of what varies."""
    settings = replace(SETTINGS, severity=simulated.SEVERITY)
    dataset, vectors = simulated.draw(simulated.DESIGNS["severity, 0.6 SD"], 0)
    found = []
    for offset in (0.0, 1e9):
        images = dataset.images.assign(severity=dataset.images[simulated.SEVERITY] + offset)
        cohort = embedded_cohort_of(replace(dataset, images=images), vectors, settings)
        items = score_direction.shifts(cohort, simulated.ATTRIBUTE, vectors.prompts[0])
        rows = to_frame(Engine(cohort.cohort).evaluate(list(items)), "s")
        found.append(pick(rows, metric=SHIFT)["value"].tolist())

    assert found[0] == pytest.approx(found[1], abs=1e-3)  # ranks of rounded numbers


def test_what_another_finding_explains_is_no_association():
    """The unadjusted shift is large; at equal labels of the other finding none is shown."""
    _, found = shifts_of("another finding, 0.8", patients=1500)
    rows = to_frame(found, "s")

    for condition in (POSITIVES, NEGATIVES):
        assert the(rows, metric=UNADJUSTED_SHIFT, condition=condition)["low"] > 0.25
        row = the(rows, metric=SHIFT, condition=condition)
        assert row["low"] < 0 < row["high"]


def test_what_label_errors_explain_is_unclear():
    """The note says how many it takes; taken as they are, labels show an association."""
    row = answer_to("label errors, 0.8", 1)

    assert row["verdict"] == "unclear"
    assert row["reasons"] == Reason.LABEL_ERRORS
    assert "label errors of 1" in row["note"]
    trusted = replace(SETTINGS, label_error_rate=0.0)
    assert answer_to("label errors, 0.8", 1, settings=trusted)["verdict"] == ASSOCIATED


def test_what_severity_explains_goes_with_its_column():
    """Without it, the robustness value says how strong it would have to be."""
    measured = replace(SETTINGS, severity=simulated.SEVERITY)
    for settings, shown in ((SETTINGS, True), (measured, False)):
        _, found = shifts_of("severity, 0.6 SD", settings=settings, patients=3000)
        rows = pick(to_frame(found, "s"), metric=SHIFT)
        assert (rows["low"] > 0).any() == shown
        assert (pick(to_frame(found, "s"), metric=ROBUSTNESS)["value"] > 0.05).any() == shown


def test_a_direct_shift_is_found_whatever_the_label_errors():
    """No rate of wrong labels explains a shift of an attribute that does not go with the label."""
    row = answer_to("along the direction, 0.5 SD", patients=1500)
    _, found = shifts_of("along the direction, 0.5 SD", patients=1500)

    assert row["verdict"] == ASSOCIATED
    assert pick(to_frame(found, "s"), metric=LABEL_ERROR_RATE)["value"].isna().all()


@pytest.mark.parametrize("patients", [300, 3000])
def test_a_shift_within_the_margin_is_never_called_associated(patients):
    """A shift of 0.15 is of unclear size, or shown to be small."""
    answers = {
        answer_to("along the direction, 0.15 SD", s, patients=patients)["verdict"] for s in range(3)
    }

    assert ASSOCIATED not in answers


@pytest.mark.slow
@pytest.mark.parametrize("strength", [0.4, 0.8])
def test_confounded_attributes_are_not_called_associated(one_thread, strength):
    """In 40 cohorts each: by another finding, and by wrong labels."""
    for cause in ("another finding", "label errors"):
        found = [answer_to(f"{cause}, {strength}", seed)["verdict"] for seed in range(40)]
        assert found.count(ASSOCIATED) <= 2


@pytest.mark.slow
def test_what_erasure_leaves_is_what_a_probe_of_fresh_patients_decodes(one_thread):
    """At equal sizes: eraser from half of the patients outside the test part, probe from the other half."""
    design = replace(simulated.DESIGNS["orthogonal"], patients=300, dimensions=128)
    reported, expected = [], []
    for seed in range(4):
        dataset, vectors = simulated.draw(design, seed)
        rows = directions_of(dataset, vectors, [simulated.ATTRIBUTE])
        reported.append(the(rows, metric="linear_probe_auroc", condition=ERASED)["value"])
        parts = [
            simulated.draw(replace(design, patients=n), 100 + 10 * seed + k)
            for k, n in enumerate((105, 75, 30, 2000))
        ]
        x = [part.vectors for _, part in parts]
        y = [
            (data.images[simulated.ATTRIBUTE] == "yes").to_numpy().astype(int) for data, _ in parts
        ]
        eraser = fit_eraser(x[0], y[0], shrinkage=True)
        left = standardised(*(eraser(part).astype(np.float32) for part in x[1:]))
        scores = linear_probe(left[0], y[1], left[1], y[2], left[2], 0)
        expected.append(auroc(y[3] == 1, scores[:, 1]))

    assert np.mean(expected) > 0.6
    assert np.mean(reported) == pytest.approx(np.mean(expected), abs=0.05)


@pytest.mark.parametrize("severity", ["", simulated.SEVERITY])
def test_a_finding_of_one_class_beside_another_finding_has_a_row_without_value(severity):
    """There is nothing to adjust among images that are not there."""
    dataset, vectors = simulated.draw(simulated.DESIGNS["orthogonal"], 0)
    images = dataset.images.assign(**{simulated.FINDING: 0.0})
    settings = replace(SETTINGS, severity=severity)
    cohort = embedded_cohort_of(replace(dataset, images=images), vectors, settings)
    items = score_direction.shifts(cohort, simulated.ATTRIBUTE, vectors.prompts[0])

    rows = to_frame(Engine(cohort.cohort).evaluate(list(items)), "s")

    row = the(rows, metric=SHIFT, condition=POSITIVES)
    assert np.isnan(row["value"])
    assert row["reasons"] == Reason.TOO_FEW_PATIENTS
    assert np.isfinite(the(rows, metric=SHIFT, condition=NEGATIVES)["value"])
