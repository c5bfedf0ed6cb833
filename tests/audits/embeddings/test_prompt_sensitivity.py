"""Whether a gap is the model's or the prompt's."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from cxraudit.audits.embeddings.cohort import PromptPair
from cxraudit.audits.embeddings.prompt_sensitivity import components, over_prompts
from cxraudit.audits.engine import Engine, to_frame
from cxraudit.audits.run import audit
from cxraudit.schema import OVERALL, WITHOUT, Analysis, Reason, has_reason
from cxraudit.settings import AuditSettings
from cxraudit.stats.replicated import Replicated
from planted import (
    FINDING,
    RANKED,
    D,
    embedded_cohort_of,
    embedding_scores,
    pick,
    planted_embeddings,
    the,
)
from simulations.embedded import Design, draw

SETTINGS = AuditSettings(n_resamples=300)
AXIS = np.eye(D, dtype=np.float32)
# Wordings that agree, and wordings that look along the squared axis less or more.
SAME = tuple(PromptPair(f"a{k}", FINDING, "", "", AXIS[0] + 0.02 * k * AXIS[10]) for k in range(6))
APART = tuple(PromptPair(f"b{k}", FINDING, "", "", AXIS[0] + 0.4 * k * AXIS[3]) for k in range(6))


def prompted(dataset, embedded, attributes, settings=SETTINGS):
    """Results and gaps by prompt."""
    cohort = embedded_cohort_of(dataset, embedded, settings)
    engine = Engine(cohort.cohort)
    items, by_prompt = over_prompts(engine, cohort, attributes)
    return to_frame(engine.evaluate(items), "simulated"), by_prompt


@pytest.fixture(scope="module")
def planted():
    """600 patients."""
    return planted_embeddings(7, 600)


@pytest.mark.parametrize(
    ("bank", "low", "high"), [(SAME, 0.0, 0.2), (APART, 0.6, 1.0)], ids=["same", "apart"]
)
def test_the_share_of_the_prompt_is_that_of_the_wordings(planted, bank, low, high):
    """Pairs that agree have a share near 0; pairs whose gaps by ``curved`` differ have most of it."""
    dataset, embedded = planted

    results, by_prompt = prompted(dataset, replace(embedded, bank=bank), ["curved"])

    share = the(results, metric="prompt_variance_share", attribute="curved", finding=FINDING)
    assert low - 0.2 <= share["value"] <= high
    assert len(by_prompt) == 6


def test_the_share_is_made_of_both_standard_deviations(planted):
    """Between prompts, and by sampling."""
    dataset, embedded = planted

    results, _ = prompted(dataset, replace(embedded, bank=APART), ["curved"])

    value = pick(results, attribute="curved").set_index("metric")["value"]
    between, sampling = value["gap_between_prompts_sd"], value["gap_sampling_sd"]
    assert value["prompt_variance_share"] == pytest.approx(
        between**2 / (between**2 + sampling**2), abs=1e-12
    )
    rows = pick(results, attribute="curved").set_index("metric")
    for metric in ("gap_between_prompts_sd", "prompt_variance_share"):
        assert rows.loc[metric, "low"] < rows.loc[metric, "value"] < rows.loc[metric, "high"]


def test_pairs_of_one_direction_are_one_pair(planted):
    """Scaled, and of no direction: they would make prompts look alike."""
    dataset, embedded = planted
    again = [
        replace(pair, name=f"c{k}", direction=2 * pair.direction) for k, pair in enumerate(APART)
    ]
    nothing = replace(APART[0], name="none", direction=0 * AXIS[0])

    alone, _ = prompted(dataset, replace(embedded, bank=APART), ["curved"])
    both, by_prompt = prompted(
        dataset, replace(embedded, bank=(*APART, *again, nothing)), ["curved"]
    )

    share = [the(rows, metric="prompt_variance_share")["value"] for rows in (alone, both)]
    assert share[0] == share[1]
    assert len(by_prompt) == 6
    note = the(both, metric="auroc_gap")["note"]
    assert note.startswith("6 prompt pairs; 7 without a direction of their own left out; from")


def test_gaps_by_prompt_are_those_of_scikit_learn(planted):
    """With the area of the pair over all images, and an interval of each gap."""
    dataset, embedded = planted
    label = dataset.images[FINDING] == 1
    group = dataset.images["used"] == "yes"

    results, by_prompt = prompted(dataset, replace(embedded, bank=APART), ["used"])

    for pair, row in zip(APART, by_prompt.itertuples(), strict=True):
        score = embedded.vectors.astype(float) @ pair.direction
        gap = roc_auc_score(label[group], score[group]) - roc_auc_score(
            label[~group], score[~group]
        )
        assert (row.pair, row.group) == (pair.name, "yes")
        assert row.auroc == pytest.approx(roc_auc_score(label, score), abs=1e-12)
        assert row.gap == pytest.approx(gap, abs=1e-12)
        assert row.low < row.gap < row.high
    mean = the(results, metric="auroc_gap", attribute="used")
    assert mean["value"] == pytest.approx(by_prompt["gap"].mean(), abs=1e-12)
    assert mean["low"] < mean["value"] < mean["high"]
    assert mean["note"].startswith("6 prompt pairs; from ")


def test_a_pair_that_ranks_below_chance_is_named_with_its_words(audited):
    """An inverted prompt; no other pair is."""
    row = the(audited.results, analysis=Analysis.PROMPT_SENSITIVITY, metric="auroc")

    assert row["condition"] == "inverted"
    assert row["reasons"] == Reason.BELOW_CHANCE
    assert row["note"] == "“no” against “yes”"
    assert row["high"] < 0.5
    assert has_reason(audited.results, Reason.BELOW_CHANCE).sum() == 1


def test_a_pair_that_ranks_everything_the_wrong_way_round_is_named_too():
    """An AUROC of 0 varies in no resample; its interval is the small-sample one."""
    design = Design(name="apart", patients=100, dimensions=8, separation=40.0)
    dataset, embedded = draw(design, 1)
    (right,) = embedded.prompts
    inverted = replace(right, direction=-right.direction, name="inverted")

    results, _ = prompted(dataset, replace(embedded, bank=(right, inverted)), ["attribute"])

    row = the(results, metric="auroc")
    assert (row["condition"], row["reasons"], row["value"]) == ("inverted", "BELOW_CHANCE", 0.0)
    assert 0 < row["high"] < 0.2


def test_one_pair_has_no_sensitivity(planted):
    """There is nothing to compare it with."""
    dataset, embedded = planted

    results, by_prompt = prompted(dataset, replace(embedded, bank=SAME[:1]), ["used"])

    assert results.empty
    assert by_prompt.empty


def test_a_finding_of_one_class_has_no_gaps(planted):
    """No pair can rank it."""
    dataset, embedded = planted
    negative = replace(dataset, images=dataset.images.assign(**{FINDING: 0.0}))

    results, _ = prompted(negative, replace(embedded, bank=SAME), ["used"])

    assert results.empty


def test_shortcuts_are_compared_as_in_the_audit_of_scores():
    """Positives with and without it, each against all negatives: the gap is the audit's."""
    dataset, embedded = planted_embeddings(0, 250)
    images = dataset.images.assign(used_source="annotated")
    shortcut = replace(dataset, images=images, attributes=("hidden",), shortcuts=("used",))
    results = audit(
        shortcut, embedding_scores(embedded), shortcuts={"used": FINDING}, settings=RANKED
    ).results
    gap = the(results, analysis=Analysis.SHORTCUT, reference=WITHOUT, metric="auroc")

    _, by_prompt = prompted(shortcut, embedded, ["used"])

    own = the(by_prompt, pair="pair 0", group="yes")
    assert own["gap"] == pytest.approx(gap["value"], abs=1e-9)


def test_a_side_without_a_class_is_left_out():
    """All negatives of a group are in the other: an attribute has no gap, a shortcut has."""
    dataset, embedded = planted_embeddings(0, 200)
    images = dataset.images.copy()
    images.loc[images[FINDING] == 0, "used"] = "no"
    attribute = replace(dataset, images=images)
    shortcut = replace(attribute, attributes=("hidden",), shortcuts=("used",))

    of_attribute, of_shortcut = (
        prompted(one, embedded, ["used"])[1] for one in (attribute, shortcut)
    )

    assert of_attribute.empty
    assert len(of_shortcut) == len(embedded.bank)


def gaps(between, shared, own, *, n=6, n_resamples=4000, seed=0):
    """Gaps of n prompts: they differ by `between`, and are resampled together and each by itself."""
    rng = np.random.default_rng(seed)
    values = rng.normal(scale=between, size=n)
    together = rng.normal(scale=shared, size=n_resamples)
    each = rng.normal(scale=own, size=(n, n_resamples))
    noise = rng.normal(scale=own, size=n)
    return [
        Replicated(np.concatenate([[value + error], value + error + together + alone]), np.zeros(3))
        for value, error, alone in zip(values, noise, each, strict=True)
    ]


def test_what_prompts_share_by_sampling_is_no_difference_between_them():
    """Their values vary as little as they do between prompts."""
    found = components(gaps(0.0, 0.05, 0.0), np.random.default_rng(0))

    assert found.between == pytest.approx(0, abs=1e-12)
    assert found.sampling == pytest.approx(0.05**2, rel=0.1)


def test_what_each_prompt_has_by_sampling_is_taken_off():
    """Over many banks, the variance between prompts is estimated without bias."""
    found = [
        components(gaps(0.03, 0.05, 0.02, seed=seed, n_resamples=200), np.random.default_rng(seed))
        for seed in range(300)
    ]

    assert np.mean([one.between for one in found]) == pytest.approx(0.03**2, rel=0.1)


@pytest.mark.parametrize("between", [0.0, 0.05])
def test_the_interval_of_the_variance_between_prompts_covers_it(between):
    """In 150 banks; without an effect of the prompt, the share is 0 on average."""
    found = [
        components(
            gaps(between, 0.05, 0.03, n=8, seed=seed, n_resamples=200), np.random.default_rng(seed)
        )
        for seed in range(150)
    ]

    assert np.mean([one.low <= between**2 <= one.high for one in found]) >= 0.91
    if not between:
        assert abs(np.mean([one.share(one.between) for one in found])) < 0.03


def test_rows_of_one_finding_and_group_share_a_key_but_the_metric(planted):
    """Mean, both standard deviations, and the share."""
    dataset, embedded = planted

    results, _ = prompted(dataset, replace(embedded, bank=SAME), ["used"])

    rows = results[results["attribute"] != OVERALL]
    assert rows["metric"].tolist() == [
        "auroc_gap",
        "gap_between_prompts_sd",
        "gap_sampling_sd",
        "prompt_variance_share",
    ]
    assert set(rows["group"]) == {"yes"}
