"""What is planted in embeddings is read, told apart and erased; what is not is not reported."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cxraudit.audits.cells import AuditSettings, make_cohort
from cxraudit.audits.embeddings import directions, multiverse, probes
from cxraudit.audits.embeddings.cohort import Embedded, PromptPair, Space, make_space
from cxraudit.audits.embeddings.projections import fit_pca, project, two_axes
from cxraudit.audits.embeddings.run import examine
from cxraudit.datasets.base import Dataset
from cxraudit.figures import embeddings as figures
from cxraudit.report.words import knows
from cxraudit.stats.compare import estimate
from cxraudit.stats.probes import macro_auroc, neighbour_votes
from cxraudit.stats.ranking import auroc

D = 24
SETTINGS = AuditSettings(n_resamples=300, seed=0)
FINDING = "Pneumonia"


def simulated(seed: int, n_patients: int = 500, *, strength: float = 0.5, noise: float = 0.35):
    """Embeddings with a finding along axis 0 and four attributes of patients.

    ``used`` lies along the score's axis and one more, ``hidden`` along an axis orthogonal to it,
    ``curved`` is in the square of an axis (no line reads it), ``absent`` is nowhere.
    """
    rng = np.random.default_rng(seed)
    patients = np.repeat(np.arange(n_patients), 2)
    n = patients.size
    names = ("used", "hidden", "curved", "absent")
    groups = {name: rng.random(n_patients) < 0.5 for name in names}
    of_image = {name: values[patients] for name, values in groups.items()}
    label = rng.random(n) < 0.4
    x = rng.normal(size=(n, D)) * noise
    x += 0.15 * rng.normal(size=(n_patients, D))[patients]
    x[:, 0] += 0.9 * label + strength * of_image["used"]
    x[:, 1] += strength * of_image["used"]
    x[:, 2] += 2 * strength * of_image["hidden"]
    x[:, 3] = np.where(of_image["curved"], 2.0, 0.6) * x[:, 3] / noise * 0.4
    x += 1.2 * rng.normal(size=(n, 1)) * np.eye(D)[5]  # a large axis that means nothing
    x += 1.0 * rng.normal(size=(n, 1)) * np.eye(D)[6]
    images = pd.DataFrame(
        {
            "image_id": [f"f{k:05d}" for k in range(n)],
            "patient_id": [f"p{k}" for k in patients],
            "study_id": [f"s{k}" for k in range(n)],
            "path": "",
            "view_position": "PA",
            FINDING: label.astype(float),
            **{name: np.where(values, "yes", "no") for name, values in of_image.items()},
        }
    )
    dataset = Dataset(
        name="simulated",
        version="",
        license="",
        root=None,
        images=images,
        findings=(FINDING,),
        attributes=names,
    )
    axis = np.eye(D, dtype=np.float32)
    pairs = (PromptPair("usual", FINDING, "yes", "no", axis[0]),)
    turned = [("inverted", -axis[0])]
    bank = tuple(
        PromptPair(
            name, FINDING, *(("no", "yes") if name == "inverted" else ("yes", "no")), direction
        )
        for name, direction in [(f"pair {k}", axis[0] + 0.1 * k * axis[4]) for k in range(5)]
        + turned
    )
    ids = images["image_id"].to_numpy(dtype=np.str_)
    return dataset, Embedded("sim", ids, x.astype(np.float32), pairs, bank)


def space_of(dataset: Dataset, embedded: Embedded, settings: AuditSettings = SETTINGS) -> Space:
    """Line the embeddings up with their images."""
    images = pd.DataFrame({"image_id": embedded.image_ids})
    space = make_space(make_cohort(dataset, images, settings), embedded)
    assert space is not None
    return space


@pytest.fixture(scope="module")
def known():
    """Everything on one simulated cohort."""
    dataset, embedded = simulated(0)
    return examine(dataset, [embedded], settings=SETTINGS)


def readings(results: pd.DataFrame) -> dict[str, str]:
    """Return attribute → reading."""
    rows = results[results["analysis"] == "reading"]
    return dict(zip(rows["attribute"], rows["verdict"], strict=True))


def test_the_three_readings_are_told_apart(known):
    """Along the score, orthogonal to it, in no line, and nowhere."""
    assert readings(known.results) == {
        "used": "encoded and used",
        "hidden": "encoded, not used",
        "curved": "not encoded",
        "absent": "not encoded",
    }
    headlines = [statement.headline for statement in knows(known.results, "sim")]
    assert headlines == [
        "Knows the used, and uses it for 1 of 1 findings",
        "No line reads the curved, but MLP does",
        "Knows the hidden, and does not use it",
        "Does not know the absent",
    ]


def test_what_only_a_curve_reads_is_read_by_a_network(known):
    """The linear probe sits at chance, the MLP does not: both are reported."""
    rows = known.results[
        (known.results["analysis"] == "probe")
        & (known.results["attribute"] == "curved")
        & (known.results["space"] == "image")
    ].set_index("method")

    assert rows.loc["linear", "high"] < 0.6
    assert rows.loc["MLP", "low"] > 0.6


def test_two_axes_hide_what_a_probe_reads(known):
    """The two largest axes are noise: nothing in PCA, everything in the embedding."""
    rows = known.results[known.results["analysis"] == "probe"].set_index(
        ["attribute", "space", "method"]
    )["value"]

    assert rows["hidden", "image", "linear"] > 0.85
    assert rows["hidden", "PCA (2 axes)", "linear"] < 0.6


def test_erasing_takes_the_score_what_it_used_and_nothing_else(known):
    """No line reads an erased attribute; AUROC rises where the attribute was noise to the score."""
    rows = known.results[known.results["analysis"] == "erasure"]
    after = rows[(rows["metric"] == "probe auroc after") & (rows["method"] == "linear")]
    for row in after.itertuples():
        assert row.low <= 0.5 <= row.high, row.attribute
    change = rows[rows["metric"] == "change of auroc"].set_index("attribute")
    assert change.loc["hidden", "low"] <= 0 <= change.loc["hidden", "high"]
    assert abs(change.loc["hidden", "value"]) < 0.01


def test_auroc_after_erasing_is_what_algebra_says():
    """The erased score is linear, too: ⟨x, d − Σ⁻¹δ (δᵀd) / (δᵀΣ⁻¹δ)⟩, with δ and Σ of 40,000 other images."""
    many, large = simulated(50, 20_000)
    x = large.vectors.astype(float)
    label = many.images[FINDING].to_numpy() == 1
    used = many.images["used"].to_numpy() == "yes"
    sigma, delta = np.cov(x.T), x[used].mean(0) - x[~used].mean(0)
    direction = np.eye(D)[0]
    whitened = np.linalg.solve(sigma, delta)
    left = direction - whitened * (delta @ direction) / (delta @ whitened)
    expected = auroc(label, x @ left) - auroc(label, x @ direction)
    dataset, embedded = simulated(51, 1500)
    space = space_of(dataset, embedded)
    probed = probes.probe_attributes(space, ["used"], {})

    rows = pd.DataFrame(directions.follow_directions(space, ["used"], probed))

    change = rows[rows["metric"] == "change of auroc"].iloc[0]
    assert change["low"] < expected < change["high"]
    assert change["high"] < 0 or change["low"] > 0
    gap = rows[rows["metric"] == "change of gap"].iloc[0]
    assert gap["low"] <= gap["value"] <= gap["high"]


def test_the_shift_and_its_share_are_what_algebra_says():
    """Shift = the planted step over the score's standard deviation; its share of the variance by LEACE."""
    dataset, embedded = simulated(3, 2000)
    space = space_of(dataset, embedded)
    probed = probes.probe_attributes(space, ["used"], {})

    rows = pd.DataFrame(directions.follow_directions(space, ["used"], probed))

    shift = rows[rows["metric"] == "shift given the label"].iloc[0]
    score = embedded.vectors[:, 0].astype(float)
    assert shift["low"] < 0.5 / score.std() < shift["high"]
    share = rows.loc[rows["metric"] == "share of score variance", "value"].iloc[0]
    # δ = 0.5 along axes 0 and 1: the share is (dᵀδ)² / (δᵀΣ⁻¹δ · dᵀΣd) / Σ's own, with Cov(x, z) = δ/4.
    sigma = np.cov(embedded.vectors[:, :2].astype(float).T)
    delta = np.array([0.5, 0.5]) / 4
    expected = delta[0] ** 2 / (delta @ np.linalg.solve(sigma, delta) * sigma[0, 0])
    assert share == pytest.approx(expected, abs=0.06)


@pytest.mark.slow
def test_power_and_false_alarms_over_cohorts():
    """24 cohorts: used and hidden are named in at least 21, and nothing is ever called used wrongly
    in more than 2.
    """
    found = []
    for seed in range(24):
        dataset, embedded = simulated(100 + seed)
        chosen = ["used", "hidden", "absent"]
        result = examine(
            dataset, [replace(embedded, bank=())], attributes=chosen, settings=SETTINGS
        )
        found.append(readings(result.results))
    table = pd.DataFrame(found)
    assert (table["used"] == "encoded and used").sum() >= 21
    assert (table["hidden"] == "encoded, not used").sum() >= 21
    assert (table["hidden"] == "encoded and used").sum() <= 2
    assert (table["absent"] == "encoded and used").sum() <= 2
    assert (table["absent"] == "not encoded").sum() >= 18


def test_probes_of_shuffled_patients_cover_one_half():
    """Nominal 95 % intervals over 60 shuffles hold 0.5 in at least 54; p-values are not small."""
    dataset, embedded = simulated(4, 240)
    quick = AuditSettings(n_resamples=200, seed=0)
    space = make_space(
        make_cohort(dataset, pd.DataFrame({"image_id": embedded.image_ids}), quick), embedded
    )
    _, codes = space.groups("hidden")
    rng = np.random.default_rng(5)
    covered, small = 0, 0
    for _ in range(60):
        shuffled = probes.exchanged(codes, space.patients, rng)
        scores = probes.run_probe("linear", space.vectors, shuffled, space.parts, 0)
        e = estimate(probes.macro_replicates(space, shuffled, space.parts.test, scores))
        covered += e.low <= 0.5 <= e.high
    for _ in range(20):
        shuffled = probes.exchanged(codes, space.patients, rng)
        scores = probes.run_probe("linear", space.vectors, shuffled, space.parts, 0)
        test = space.parts.test
        small += probes.permutation_p(shuffled[test], scores, space.patients[test], 0) < 0.05
    assert covered >= 54
    assert small <= 3


def test_exchanged_groups_belong_to_whole_patients():
    """Each patient gets another's groups; nobody's images are torn apart; −1 stays."""
    patients = np.array([0, 0, 1, 2, 2, 2, 3])
    codes = np.array([0, 0, 1, 2, 2, 2, -1])

    for seed in range(20):
        shuffled = probes.exchanged(codes, patients, np.random.default_rng(seed))
        assert shuffled[6] == -1
        for patient in range(3):
            assert np.unique(shuffled[patients == patient]).size == 1
        assert sorted({int(shuffled[patients == p][0]) for p in range(3)}) == [0, 1, 2]


def test_patients_are_never_shared_between_the_parts(known):
    """Train, validation and test hold different patients, and all of them."""
    dataset, embedded = simulated(0, 80)
    space = space_of(dataset, embedded)
    parts = [
        set(space.patients[part])
        for part in (space.parts.train, space.parts.validation, space.parts.test)
    ]

    assert not parts[0] & parts[1] | parts[1] & parts[2] | parts[0] & parts[2]
    assert len(set.union(*parts)) == 80


def test_axes_are_fitted_without_the_test_patients():
    """Moving a test image does not move the axes, nor any other image."""
    dataset, embedded = simulated(1, 120)
    settings = AuditSettings(n_resamples=100, seed=0)
    cohort = make_cohort(dataset, pd.DataFrame({"image_id": embedded.image_ids}), settings)
    space = make_space(cohort, embedded)
    moved = embedded.vectors.copy()
    victim = int(np.flatnonzero(space.parts.test)[0])
    moved[victim] += 5
    other = make_space(cohort, replace(embedded, vectors=moved))

    before, after = two_axes(space), two_axes(other)

    rest = np.arange(len(moved)) != victim
    for name in before:
        np.testing.assert_allclose(before[name][rest], after[name][rest], atol=1e-4)


def test_misaligned_tuning_is_a_fault_and_ours_has_it_not():
    """The published search takes rows of one table by the positions of another, so it tunes on labels
    of other images: what it chooses by is a coin toss. Aligned, the same search sees the group.
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
            votes = neighbour_votes(rows[train], y[train_val[train]], rows[validation], 2)
            areas = [macro_auroc(y[train_val[validation]], vote) for vote in votes]
            reached[name].append(max(areas))

    assert 0.45 < np.mean(reached["misaligned"]) < 0.6
    assert min(reached["aligned"]) > 0.9


def test_both_coordinates_come_from_one_fit():
    """The published figure took x from the axes of images and texts, y from those of images alone."""
    dataset, embedded = simulated(6, 150)
    rng = np.random.default_rng(0)
    # Reports spread along other axes than images, so the axes of both are not those of images.
    texts = (rng.normal(size=embedded.vectors.shape) * np.linspace(0.2, 2.5, D)).astype(np.float32)
    embedded = replace(embedded, texts=texts)
    space = space_of(dataset, embedded)
    _, points = project(space, ["used"], two_axes(space))
    images = points[points["modality"] == "image"].set_index("image_id").loc[embedded.image_ids]

    alone = fit_pca(space.vectors[space.parts.train])
    joint = fit_pca(np.concatenate([space.vectors[space.parts.train], texts[space.parts.train]]))

    centred = space.vectors - alone.mean_
    np.testing.assert_allclose(images["pca_x"], centred @ alone.components_[0], atol=1e-4)
    np.testing.assert_allclose(images["pca_y"], centred @ alone.components_[1], atol=1e-4)
    both = space.vectors - joint.mean_
    np.testing.assert_allclose(images["joint_x"], both @ joint.components_[0], atol=1e-4)
    np.testing.assert_allclose(images["joint_y"], both @ joint.components_[1], atol=1e-4)
    mixed = np.corrcoef(images["joint_x"], images["pca_x"])[0, 1]
    assert abs(mixed) < 0.95  # mixing the two would have drawn another picture


def test_a_gap_that_is_the_sentences_is_told_from_one_that_is_the_models():
    """Sentences that agree have a share near 0; sentences that differ by group have most of it."""
    dataset, embedded = simulated(7, 600)
    axis = np.eye(D, dtype=np.float32)
    same = tuple(
        PromptPair(f"a{k}", FINDING, "", "", axis[0] + 0.02 * k * axis[10]) for k in range(6)
    )
    # Sentences that look along the squared axis less or more: their gaps by ``curved`` differ.
    apart = tuple(
        PromptPair(f"b{k}", FINDING, "", "", axis[0] + 0.4 * k * axis[3]) for k in range(6)
    )
    for bank, expected in ((same, "small"), (apart, "large")):
        one = replace(embedded, bank=bank)
        space = space_of(dataset, one)
        rows, asked = multiverse.over_prompts(space, ["curved"])
        share = next(row["value"] for row in rows if row["metric"] == "share of the prompt")
        assert (share < 0.2) if expected == "small" else (share > 0.6), (expected, share)
        assert len(asked) == 6


def test_an_inverted_prompt_raises_the_alarm(known):
    """A pair that ranks below chance is named with its words."""
    rows = known.results[known.results["verdict"] == multiverse.INVERTED]

    assert rows["method"].tolist() == ["inverted"]
    assert "“no” against “yes”" in rows["note"].iloc[0]


def test_the_figures_show_the_tables(known):
    """Dots of the probes, shifts and prompts are the values of the rows."""
    results = known.results
    seen = figures.seen_and_read(results, known.points)
    n_attributes = 4
    assert len(seen.axes) == 3 * n_attributes
    drawn = {
        round(float(line.get_xdata()[0]), 9)
        for axes in seen.axes[2::3]
        for line in axes.lines
        if len(line.get_xdata()) == 1
    }
    rows = results[(results["analysis"] == "probe") & (results["method"] != "control")]
    assert {round(v, 9) for v in rows["value"]} <= drawn
    used = figures.used_or_not(results)
    shifts = {
        round(float(line.get_xdata()[0]), 9)
        for axes in used.axes
        for line in axes.lines
        if len(line.get_xdata()) == 1
    }
    assert {round(v, 9) for v in results.loc[results["analysis"] == "reading", "value"]} <= shifts
    asked = figures.prompt_gaps(known.asked, results)
    dots = sum(len(c.get_offsets()) for c in asked.axes[0].collections)
    assert dots >= 6 * 4
    assert len(figures.centroid_curves(known.curves).axes) >= 4
    assert figures.erased(results).axes


def test_too_few_patients_give_no_rows():
    """Nothing can be learned and measured on 40 patients."""
    dataset, embedded = simulated(0, 40)

    assert examine(dataset, [embedded], settings=SETTINGS).results.empty


def test_findings_the_data_set_lacks_are_left_out_and_use_may_be_untestable():
    """Directions of an earlier run name other findings; probes are shown without any."""
    dataset, embedded = simulated(2, 300)
    other = PromptPair("usual", "Hernia", "yes", "no", np.eye(D, dtype=np.float32)[0])
    quick = AuditSettings(n_resamples=100, seed=0)

    found = examine(
        dataset,
        [replace(embedded, prompts=(other,), bank=(other,))],
        attributes=["used"],
        settings=quick,
    )

    assert not (found.results["analysis"] == "reading").any()
    assert [s.headline for s in knows(found.results, "sim")] == [
        "Knows the used; whether it is used cannot be tested"
    ]


def test_shortcuts_are_asked_the_same_way_as_in_the_audit():
    """Positives with and without it, each against all negatives: the multiverse's gap is the audit's."""
    from cxraudit.audits.run import audit

    dataset, embedded = simulated(0, 250)
    images = dataset.images.assign(used_source="annotated")
    leaning = replace(dataset, images=images, attributes=("hidden",), shortcuts=("used",))
    scores = pd.DataFrame(
        {
            "image_id": embedded.image_ids,
            "model": "sim",
            "prompt_set": "usual",
            "finding": FINDING,
            "score": embedded.vectors[:, 0].astype(float),
        }
    )
    rows = audit(leaning, scores, shortcuts={"used": FINDING}, settings=SETTINGS).results
    gap = rows[
        (rows["attribute"] == "used")
        & (rows["reference"] == "without")
        & (rows["metric"] == "auroc")
    ]

    _, asked = multiverse.over_prompts(space_of(leaning, embedded), ["used"])

    mine = asked[(asked["pair"] == "pair 0") & (asked["group"] == "yes")]
    assert mine["gap"].iloc[0] == pytest.approx(gap["value"].iloc[0], abs=1e-9)


def test_only_labels_by_people_are_used_where_it_was_asked_for():
    """Everywhere: a shortcut whose labels are all a detector's is known of nobody."""
    dataset, embedded = simulated(0, 120)
    images = dataset.images.assign(used_source="predicted")
    leaning = replace(dataset, images=images, attributes=("hidden",), shortcuts=("used",))
    strict = AuditSettings(n_resamples=100, seed=0, shortcut_labels="annotated")

    found = examine(leaning, [embedded], attributes=["used", "hidden"], settings=strict).results

    assert set(found.loc[found["analysis"] == "probe", "attribute"]) == {"hidden"}
