"""Heads are fitted on patients who are not audited, and scores follow their directions exactly."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from cxraudit import AuditSettings, ModelEmbeddings, audit, fit_heads, table_dataset
from cxraudit.audits.embeddings.heads import HEAD
from cxraudit.errors import ConfigError, DataError, UnknownNameError
from cxraudit.schema import COMPLEMENT, Analysis, is_level

FINDINGS = ("Edema", "Pneumonia")
SETTINGS = AuditSettings(n_resamples=200, n_threads=1)


def drawn(n_patients=500, d=16, *, seed=0, absent="female"):
    """Draw embeddings with a direction per finding; that of pneumonia is absent in one sex."""
    rng = np.random.default_rng(seed)
    patients = np.repeat(np.arange(n_patients), 2)
    table = pd.DataFrame(
        {
            "image": [f"i{k}" for k in range(patients.size)],
            "patient": [f"p{k}" for k in patients],
            "sex": rng.choice(["female", "male"], n_patients)[patients],
            **{one: (rng.random(patients.size) < 0.3).astype(int) for one in FINDINGS},
        }
    )
    vectors = rng.normal(size=(patients.size, d)).astype(np.float32)
    vectors[:, 0] += 1.5 * table["Edema"]
    vectors[:, 1] += 2.0 * table["Pneumonia"] * (table["sex"] != absent)
    dataset = table_dataset(
        table,
        name="clinic",
        root=".",
        image="image",
        patient="patient",
        findings={one: one for one in FINDINGS},
        sex="sex",
    )
    return dataset, ModelEmbeddings("fm", table["image"].to_numpy(dtype=np.str_), vectors, ())


@pytest.fixture(scope="module")
def drawn_once():
    """Draw the data that most tests are about."""
    return drawn()


@pytest.fixture(scope="module")
def heads(drawn_once):
    """Fit heads on half of the patients."""
    return fit_heads(*drawn_once)


def test_no_patient_is_fitted_on_and_audited(drawn_once, heads):
    """The held-out data set has all other patients, and the step is in its flow."""
    dataset, _ = drawn_once

    held_out = heads.held_out(dataset)

    fitted, audited = set(heads.patients), set(held_out.images["patient_id"])
    assert not fitted & audited
    assert fitted | audited == set(dataset.images["patient_id"])
    assert len(fitted) == 250
    assert ("heads", "patients that the heads were fitted on") in held_out.steps


def test_what_was_not_fitted_on_decides_nothing(drawn_once, heads):
    """Other labels and embeddings of the audited patients give the same heads."""
    dataset, embeddings = drawn_once
    outside = ~dataset.images["patient_id"].isin(heads.patients).to_numpy()
    vectors = embeddings.vectors.copy()
    vectors[outside] = 9
    images = dataset.images.copy()
    images.loc[outside, "Edema"] = 1 - images.loc[outside, "Edema"]
    changed = table_like(dataset, images)

    again = fit_heads(changed, ModelEmbeddings("fm", embeddings.image_ids, vectors, ()))

    for finding in FINDINGS:
        np.testing.assert_array_equal(
            heads.by_finding[finding].weights, again.by_finding[finding].weights
        )


def table_like(dataset, images):
    """Return a data set with other images."""
    from dataclasses import replace

    return replace(dataset, images=images)


def test_scores_are_the_embedding_along_the_direction(drawn_once, heads):
    """Exactly, but for a constant: analyses of directions hold for the score."""
    _, embeddings = drawn_once
    scores = heads.scores(embeddings)
    assert set(scores["prompt_set"]) == {HEAD}
    for pair in heads.directions():
        own = scores[scores["finding"] == pair.finding].set_index("image_id")["score"]
        others = heads.embedded(embeddings)
        along = others.vectors.astype(np.float64) @ pair.direction
        rest = own.loc[others.image_ids].to_numpy() - along
        assert np.ptp(rest) < 1e-4


def test_planted_findings_are_ranked_and_a_planted_gap_is_found(drawn_once, heads):
    """By scikit-learn on the held-out patients, and by the audit."""
    dataset, embeddings = drawn_once
    held_out, scores = heads.held_out(dataset), heads.scores(embeddings)

    found = audit(held_out, scores, embeddings=[heads.embedded(embeddings)], settings=SETTINGS)

    rows = found.results
    auroc = rows[(rows["analysis"] == Analysis.SUBGROUPS) & (rows["metric"] == "auroc")]
    whole = auroc[auroc["attribute"] == ""].set_index("finding")["value"]
    images = held_out.images.set_index("image_id")
    for finding in FINDINGS:
        own = scores[scores["finding"] == finding].set_index("image_id")["score"]
        expected = roc_auc_score(images[finding].astype(int), own.loc[images.index])
        assert whole[finding] == pytest.approx(expected, abs=1e-12)
    gaps = auroc[(auroc["group"] == "female") & (auroc["reference"] == COMPLEMENT)]
    verdicts = gaps.set_index("finding")["verdict"]
    assert verdicts["Pneumonia"] == "disparity"
    assert verdicts["Edema"] != "disparity"
    assert {Analysis.SCORE_DIRECTION, Analysis.ERASURE} <= set(rows["analysis"])


def test_labels_that_mean_nothing_give_chance():
    """The interval of the AUROC of heads for exchanged labels covers 0.5 in 19 of 20 data sets or more."""
    covered = 0
    for seed in range(20):
        dataset, embeddings = drawn(200, seed=seed)
        rng = np.random.default_rng(seed)
        images = dataset.images.assign(Edema=rng.permutation(dataset.images["Edema"].to_numpy()))
        dataset = table_like(dataset, images)
        heads = fit_heads(dataset, embeddings, findings=["Edema"], shots=())
        found = audit(heads.held_out(dataset), heads.scores(embeddings), settings=SETTINGS).results
        row = found[(found["metric"] == "auroc") & (found["attribute"] == "")].iloc[0]
        covered += row["low"] <= 0.5 <= row["high"]

    assert covered >= 18


def test_every_model_is_fitted_on_the_same_patients(drawn_once, heads):
    """Whatever its embeddings."""
    dataset, embeddings = drawn_once
    other = ModelEmbeddings("other", embeddings.image_ids, embeddings.vectors[:, ::-1].copy(), ())

    assert set(fit_heads(dataset, other).patients) == set(heads.patients)


def test_more_patients_rank_better(drawn_once, heads):
    """The mean AUROC of heads grows with their training patients; the last are the heads themselves."""
    dataset, embeddings = drawn_once
    held_out = heads.held_out(dataset)
    found = audit(
        held_out,
        heads.scores(embeddings),
        embeddings=[heads.embedded(embeddings)],
        heads=[heads],
        settings=SETTINGS,
    ).results

    rows = found[(found["analysis"] == Analysis.N_SHOT) & is_level(found)]
    curve = rows[(rows["finding"] == "Edema") & (rows["attribute"] == "")].set_index("at")["value"]
    assert list(curve.index) == [16, 64, 250]
    assert curve.is_monotonic_increasing
    whole = found[(found["analysis"] == Analysis.SUBGROUPS) & (found["metric"] == "auroc")]
    assert curve[250] == whole.set_index(["finding", "attribute"])["value"]["Edema", ""]
    gaps = found[(found["analysis"] == Analysis.N_SHOT) & ~is_level(found)]
    assert set(gaps["family"]) == {"exploratory"}
    assert set(gaps["verdict"]) == {""}


def test_the_error_of_drawn_patients_counts(drawn_once, heads):
    """The interval of the mean over heads of few patients is wider than that of patients alone."""
    dataset, embeddings = drawn_once
    one = fit_heads(dataset, embeddings, draws=1, shots=(16,), findings=["Edema"])
    several = fit_heads(dataset, embeddings, draws=5, shots=(16,), findings=["Edema"])
    widths = []
    for fitted in (one, several):
        found = audit(
            fitted.held_out(dataset),
            fitted.scores(embeddings),
            embeddings=[fitted.embedded(embeddings)],
            heads=[fitted],
            settings=SETTINGS,
        ).results
        row = found[(found["analysis"] == Analysis.N_SHOT) & (found["at"] == 16)].iloc[0]
        widths.append(row["high"] - row["low"])
        spread = np.std(
            [
                roc_auc_score(
                    fitted.held_out(dataset).images["Edema"].astype(int),
                    head.scores(
                        embeddings.vectors[
                            pd.Index(embeddings.image_ids).get_indexer(
                                pd.Index(fitted.held_out(dataset).images["image_id"])
                            )
                        ]
                    ),
                )
                for head in fitted.shots["Edema"][0].heads
            ]
        )

    assert spread > 0.01
    assert widths[1] > 2 * 1.96 * spread / np.sqrt(5)


def test_fitted_patients_cannot_be_audited(drawn_once, heads):
    """Scores of images that a head was fitted on say nothing."""
    dataset, embeddings = drawn_once

    with pytest.raises(DataError, match="were fitted on"):
        audit(
            dataset,
            heads.scores(embeddings),
            embeddings=[heads.embedded(embeddings)],
            heads=[heads],
            settings=SETTINGS,
        )


def test_a_rare_finding_has_no_head_and_a_notice(drawn_once):
    """Fewer than five patients are not fitted on."""
    dataset, embeddings = drawn_once
    images = dataset.images.assign(Edema=0)
    images.loc[:3, "Edema"] = 1

    found = fit_heads(table_like(dataset, images), embeddings)

    assert list(found.by_finding) == ["Pneumonia"]
    assert "No head for Edema" in found.notices[1].sentence


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"share": 0}, ConfigError, "between 0 and 1"),
        ({"share": 1.0}, ConfigError, "between 0 and 1"),
        ({"draws": 0}, ConfigError, "1 or more"),
        ({"shots": (0,)}, ConfigError, "1 or more"),
        ({"share": "half"}, ConfigError, "between 0 and 1, got 'half'"),
        ({"draws": 2.5}, ConfigError, "draws must be a whole number of 1 or more, got 2.5"),
        ({"shots": (True,)}, ConfigError, "shots must be a whole number"),
        ({"findings": ["Edma"]}, UnknownNameError, "Edma"),
    ],
)
def test_options_out_of_range_are_refused(drawn_once, options, error, words):
    """In one sentence."""
    with pytest.raises(error, match=words):
        fit_heads(*drawn_once, **options)


def test_numbers_of_patients_without_heads_are_named(drawn_once):
    """More patients than there are, and draws of one class."""
    found = fit_heads(*drawn_once, shots=(1, 32, 100_000))

    told = [one.sentence for one in found.notices if one.sentence.startswith("No heads")]
    assert (
        "No heads fitted on 100,000 patients: there are no more training patients than that."
        in told
    )
    [of_one] = [one for one in told if "on 1 patient" in one]
    assert "among the patients drawn at least once all have, or none has, the finding" in of_one
    assert not any("32" in one for one in told)
    assert 32 in {shots.n_patients for shots in found.shots["Edema"][:-1]}


def test_heads_need_patients(drawn_once):
    """Images of a patient would be fitted on and audited."""
    dataset, embeddings = drawn_once

    with pytest.raises(ConfigError, match=r"the patients of .* are unknown, and heads are fitted"):
        fit_heads(replace(dataset, patients_known=False), embeddings)


def test_one_class_has_no_heads(drawn_once):
    """A data set without positives says so."""
    dataset, embeddings = drawn_once
    images = dataset.images.assign(**dict.fromkeys(FINDINGS, 0))

    with pytest.raises(DataError, match="no head can be fitted"):
        fit_heads(table_like(dataset, images), embeddings)


def test_the_order_of_the_table_does_not_matter(drawn_once, heads):
    """The same heads to the bit, with the images in another order."""
    dataset, embeddings = drawn_once
    rng = np.random.default_rng(1)
    order = rng.permutation(len(dataset.images))
    shuffled = replace(dataset, images=dataset.images.iloc[order].reset_index(drop=True))

    again = fit_heads(shuffled, embeddings)

    for finding, head in heads.by_finding.items():
        assert again.by_finding[finding].strength == head.strength
        np.testing.assert_allclose(
            again.by_finding[finding].weights, head.weights, rtol=0, atol=1e-6
        )


def test_patients_of_each_finding_are_counted(drawn_once):
    """A finding that few patients have a label of is not said to be fitted on all."""
    dataset, embeddings = drawn_once
    images = dataset.images.copy()
    unlabelled = images["patient_id"].isin(images["patient_id"].drop_duplicates().iloc[::2])
    images["Pneumonia"] = images["Pneumonia"].astype("Float64").mask(unlabelled)

    found = fit_heads(replace(dataset, images=images), embeddings)

    patients = found.fitted.set_index("finding")["patients"]
    assert patients["Pneumonia"] < patients["Edema"] == 250
    assert f"Pneumonia ({patients['Pneumonia']} patients)" in found.notices[0].sentence
    assert "patients)" not in found.notices[0].hidden
