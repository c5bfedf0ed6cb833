"""All analyses of embeddings together."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cxraudit.audits.embeddings import audit_embeddings
from cxraudit.audits.embeddings.checks import disagreeing
from cxraudit.audits.embeddings.cohort import SPACES_2D, PromptPair
from cxraudit.errors import DataError, UnknownNameError
from cxraudit.schema import KEY_COLUMNS, Analysis
from cxraudit.settings import AuditSettings
from planted import D, pick, planted_embeddings, the

POINT = AuditSettings(n_resamples=0)
ANALYSES = {
    Analysis.PROBE,
    Analysis.PROJECTION,
    Analysis.CENTROID,
    Analysis.SCORE_DIRECTION,
    Analysis.ERASURE,
    Analysis.ENCODING_USE,
    Analysis.PROMPT_SENSITIVITY,
}


def answers(results: pd.DataFrame) -> dict[str, str]:
    """Return attribute → whether it is decodable, and associated with the score."""
    rows = pick(results, analysis=Analysis.ENCODING_USE)
    return dict(zip(rows["attribute"], rows["verdict"], strict=True))


def test_every_analysis_has_rows(audited):
    """With unique keys, of the one model."""
    assert set(audited.results["analysis"]) == ANALYSES
    assert not audited.results.duplicated(list(KEY_COLUMNS)).any()
    assert set(audited.results["model"]) == {"m"}


def test_the_figures_have_their_tables(audited):
    """Points of every image, curves of every attribute, gaps of every pair."""
    assert len(audited.points) == 1000
    assert set(audited.curves["attribute"]) == {"used", "hidden", "curved", "absent"}
    assert len(audited.prompt_gaps) == 6 * 4


@pytest.mark.slow
def test_power_and_false_alarms_over_cohorts(one_thread):
    """24 cohorts: used and hidden are named in at least 21, and nothing is called associated wrongly
    in more than 2.
    """
    found = []
    for seed in range(24):
        dataset, embedded = planted_embeddings(100 + seed)
        result = audit_embeddings(
            dataset,
            replace(embedded, bank=()),
            attributes=["used", "hidden", "absent"],
            settings=AuditSettings(n_resamples=300),
        )
        found.append(answers(result.results))
    table = pd.DataFrame(found)
    assert (table["used"] == "decodable and associated").sum() >= 21
    assert (table["hidden"] == "decodable, not associated").sum() >= 21
    assert (table["hidden"] == "decodable and associated").sum() <= 2
    assert (table["absent"] == "decodable and associated").sum() <= 2
    assert (table["absent"] == "not decodable").sum() >= 18


def test_of_too_few_patients_each_attribute_has_a_row_that_says_so():
    """Nothing can be fitted and measured on 40 patients."""
    dataset, embedded = planted_embeddings(0, 40)

    found = audit_embeddings(dataset, embedded, settings=POINT)

    rows = found.results
    assert rows["attribute"].tolist() == list(dataset.attributes)
    assert set(rows["analysis"]) == {Analysis.PROBE}
    assert rows["value"].isna().all()
    assert set(rows["reasons"]) == {"TOO_FEW_PATIENTS"}
    assert set(rows["note"]) == {"fewer than 50 patients with an embedding (40)"}
    assert set(rows["n_patients"]) == {40}
    assert found.points.empty


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"vectors": lambda v: np.where(np.arange(len(v))[:, None] < 3, np.nan, v)},
            "3 of 240 images",
        ),
        (
            {"vectors": lambda v: np.where(np.arange(v.size).reshape(v.shape) == 9, np.inf, v)},
            "1 of",
        ),
        ({"vectors": lambda v: v[1:]}, "one row per image"),
        ({"vectors": lambda v: v[:, 0]}, "one row per image"),
        ({"vectors": lambda v: v[:, :5]}, "has to be 5 finite numbers"),
        ({"image_ids": lambda ids: np.r_[ids[:1], ids[:-1]]}, "1 images twice"),
        ({"texts": lambda _: np.zeros((3, 4))}, "reports"),
        ({"texts": lambda _: np.zeros((240, D))}, "reports of m have a length"),
        ({"vectors": lambda v: v[:, :1]}, "two numbers or more"),
        ({"vectors": lambda v: v[:0], "image_ids": lambda ids: ids[:0]}, "are of no image"),
        ({"vectors": lambda v: v.astype(str)}, "no table of real numbers"),
        ({"vectors": lambda v: v + 1j}, "no table of real numbers"),
        ({"texts": lambda _: np.ones((240, 3))}, r"shape \(240, 3\), and those of images"),
        ({"texts": lambda _: np.where(np.eye(240, D), np.inf, 1)}, "reports of m hold values"),
        ({"vectors": lambda v: v * 1e-30}, "length .* for 240 of 240 images, first 'f00000'"),
        ({"vectors": lambda v: v * 1e30}, "between 1e-06 and 1e.06 for 240 of 240"),
        ({"vectors": lambda v: np.where(np.arange(240)[:, None] == 3, 0, v)}, "for 1 of 240"),
    ],
)
def test_embeddings_that_do_not_fit_are_refused(change, words):
    """In one sentence, with how many and the first."""
    dataset, embedded = planted_embeddings(0, 120)
    changed = {name: made(getattr(embedded, name)) for name, made in change.items()}

    with pytest.raises(DataError, match=words):
        audit_embeddings(dataset, replace(embedded, **changed), settings=POINT)


@pytest.mark.parametrize("label", [0.0, 1.0, np.nan])
def test_a_finding_of_one_class_only_keeps_its_rows(coarse_probes, label):
    """There is no shift among images that are not there."""
    dataset, embedded = planted_embeddings(0, 120)
    images = dataset.images.assign(**{dataset.findings[0]: label})

    results = audit_embeddings(
        replace(dataset, images=images),
        embedded,
        attributes="used",
        settings=replace(POINT, n_resamples=50),
    ).results

    assert "decodable and associated" not in set(results["verdict"])
    assert Analysis.PROBE in set(results["analysis"])


def test_equal_embeddings_decode_nothing(coarse_probes):
    """Without warnings; the probe is unclear with its reason, and groups do not lie apart."""
    dataset, embedded = planted_embeddings(0, 120)
    equal = replace(embedded, vectors=np.ones_like(embedded.vectors))

    results = audit_embeddings(
        dataset, equal, attributes="used", settings=replace(POINT, n_resamples=200)
    ).results

    probe = the(results, analysis=Analysis.PROBE, condition="image", metric="linear_probe_auroc")
    assert (probe["value"], probe["verdict"]) == (0.5, "unclear")
    assert "CONSTANT_SCORES" in probe["reasons"]
    nothing = results[results["value"].isna() & (results["analysis"] != Analysis.HETEROGENEITY)]
    assert (nothing["reasons"] != "").all()
    use = the(results, analysis=Analysis.ENCODING_USE)
    assert (use["verdict"], use["reasons"]) == ("unclear", "CONSTANT_SCORES")
    distances = results[results["metric"] == "energy_distance"]
    assert (distances["value"].dropna() == 0).all()


def test_findings_the_data_set_lacks_are_left_out(coarse_probes):
    """Directions of an earlier run name other findings; probes are there without any."""
    dataset, embedded = planted_embeddings(2, 200)
    other = PromptPair("usual", "Hernia", "yes", "no", np.eye(D, dtype=np.float32)[0])

    found = audit_embeddings(
        dataset,
        replace(embedded, prompts=(other,), bank=(other,)),
        attributes="used",
        settings=POINT,
    )

    [notice] = found.notices
    assert notice.sentence == (
        "2 of 2 prompt pairs of m are for findings without labels in the data set (Hernia) and are left out."
    )
    results = found.results
    assert Analysis.PROBE in set(results["analysis"])
    assert set(results["finding"]) == {""}
    assert Analysis.ENCODING_USE not in set(results["analysis"])


def test_only_labels_by_annotators_are_used_where_only_these_count(coarse_probes):
    """A shortcut whose labels are all a detector's is known of no image."""
    dataset, embedded = planted_embeddings(0, 120)
    images = dataset.images.assign(used_source="predicted")
    dataset = replace(dataset, images=images, attributes=("hidden",), shortcuts=("used",))

    results = audit_embeddings(
        dataset, embedded, settings=AuditSettings(n_resamples=0, shortcut_labels="annotated")
    ).results

    probed = pick(results, analysis=Analysis.PROBE).dropna(subset=["value"])
    assert set(probed["attribute"]) == {"hidden"}
    assert the(results, attribute="used")["reasons"] == "NO_IMAGES"


@pytest.mark.parametrize(
    ("column", "error", "words"),
    [
        ("sevrity", UnknownNameError, "column of severity"),
        ("patient_id", DataError, "240 values that are no numbers, first 'p0'"),
        ("blank", DataError, "no value at all"),
        ("same", DataError, "one value only, 2"),
        ("endless", DataError, "1 infinite values, first 'inf'"),
    ],
)
def test_a_severity_that_cannot_be_held_equal_is_refused(column, error, words):
    """Before anything is computed."""
    dataset, embedded = planted_embeddings(0, 120)
    endless = np.r_[np.inf, np.arange(len(dataset.images) - 1.0)]
    images = dataset.images.assign(blank=np.nan, same=2, endless=endless)

    with pytest.raises(error, match=words):
        audit_embeddings(
            replace(dataset, images=images), embedded, settings=replace(POINT, severity=column)
        )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda e: [e, e], "model m is given 2 times"),
        (
            lambda e: replace(e, prompts=e.prompts * 2),
            "prompts of m for Pneumonia is given 2 times",
        ),
        (lambda e: replace(e, bank=e.prompts * 2), "pair of the bank of m for Pneumonia: usual"),
        (
            lambda e: replace(e, image_ids=np.char.add("x", e.image_ids)),
            "of m are of 240 images, first 'xf00000', and none of them is in the data set",
        ),
    ],
)
def test_what_is_given_twice_or_of_other_images_is_refused(change, words):
    """A model, prompts, and embeddings of images of another data set, which are named."""
    dataset, embedded = planted_embeddings(0, 120)

    with pytest.raises(DataError, match=words):
        audit_embeddings(dataset, change(embedded), settings=POINT)


@pytest.mark.parametrize("kind", [np.float16, np.float64, list])
def test_embeddings_of_any_numbers_are_taken(coarse_probes, kind):
    """As single precision."""
    dataset, embedded = planted_embeddings(0, 120)
    as_given = embedded.vectors.tolist() if kind is list else embedded.vectors.astype(kind)

    results, expected = (
        audit_embeddings(
            dataset, replace(embedded, vectors=vectors), attributes="used", settings=POINT
        ).results
        for vectors in (as_given, np.asarray(as_given, dtype=np.float32))
    )

    pd.testing.assert_frame_equal(results, expected)


def test_an_attribute_that_is_not_there_is_refused():
    """With the names that are."""
    dataset, embedded = planted_embeddings(0, 120)

    with pytest.raises(UnknownNameError, match="no attribute named 'usde'"):
        audit_embeddings(dataset, embedded, attributes=["usde"], settings=POINT)


def test_images_and_embeddings_without_each_other_are_counted(coarse_probes):
    """In notices."""
    dataset, embedded = planted_embeddings(0, 120)
    ids = embedded.image_ids.copy()
    ids[:7] = [f"other{k}" for k in range(7)]

    found = audit_embeddings(
        dataset, replace(embedded, image_ids=ids), attributes="used", settings=POINT
    )

    assert [(one.about, one.count) for one in found.notices] == [
        ("embeddings of m", 7),
        ("embeddings of m", 7),
    ]
    assert "not in the data set" in found.notices[0].sentence
    assert "7 of 240 audited images have no embedding of m" in found.notices[1].sentence


def test_nothing_is_probed_where_patients_are_unknown(coarse_probes):
    """Images of one could be fitted on and measured on: a random label per patient would be decodable."""
    dataset, embedded = planted_embeddings(0, 120)

    found = audit_embeddings(
        replace(dataset, patients_known=False), embedded, attributes="used", settings=POINT
    )

    assert "probe" not in set(found.results["analysis"])
    assert any("No attribute is probed: patients are unknown" in n.sentence for n in found.notices)


def test_reports_without_any_embedding_are_none(coarse_probes):
    """Rows of NaN."""
    dataset, embedded = planted_embeddings(0, 120)
    blank = replace(embedded, texts=np.full_like(embedded.vectors, np.nan))

    results = audit_embeddings(dataset, blank, attributes="used", settings=POINT).results

    assert set(results.loc[results["analysis"] == Analysis.PROBE, "condition"]) == {
        "image",
        *SPACES_2D,
    }


def test_scores_that_do_not_follow_the_embeddings_are_named():
    """Reversed, for the finding; not where they follow them in any increasing way."""
    _, embedded = planted_embeddings(0, 120)
    pair = embedded.prompts[0]
    along = embedded.vectors @ pair.direction
    table = pd.DataFrame(
        {"image_id": embedded.image_ids, "prompt_set": "p", "finding": pair.finding}
    )

    [notice] = disagreeing(embedded, table.assign(score=-along))

    assert "do not follow its embeddings and prompts for Pneumonia (-1.00)" in notice.sentence
    assert disagreeing(embedded, table.assign(score=np.exp(along))) == []
    assert disagreeing(embedded, table.assign(score=1.0)) == []
    both = pd.concat([table.assign(score=-along), table.assign(score=along, prompt_set="q")])
    assert disagreeing(embedded, both) == []


def test_intersections_are_left_out(coarse_probes):
    """Too many cells for too few patients."""
    dataset, embedded = planted_embeddings(0, 120)

    results = audit_embeddings(
        dataset, embedded, attributes=["used", "used*hidden"], settings=POINT
    ).results

    assert set(results["attribute"]) == {"", "used"}


def test_models_are_audited_one_by_one(coarse_probes):
    """Each has the rows it has alone, if each has an error rate of its own."""
    dataset, embedded = planted_embeddings(0, 120)
    other = replace(embedded, model="n", vectors=embedded.vectors[:, ::-1].copy())
    settings = AuditSettings(n_resamples=100, error_rate="model")

    alone = audit_embeddings(dataset, embedded, attributes="used", settings=settings).results
    both = audit_embeddings(
        dataset, [embedded, other], attributes="used", settings=settings
    ).results

    assert set(both["model"]) == {"m", "n"}
    pd.testing.assert_frame_equal(pick(both, model="m").reset_index(drop=True), alone)


@pytest.mark.parametrize(("level", "verdict"), [(0.95, "unclear"), (0.7, "decodable")])
def test_probes_are_judged_at_the_level_of_the_settings(coarse_probes, level, verdict):
    """A faint attribute is decodable at 70 %, and not shown to be at 95 %."""
    dataset, embedded = planted_embeddings(3, 200, strength=0.07)
    settings = AuditSettings(n_resamples=200, confidence_level=level)

    results = audit_embeddings(dataset, embedded, attributes="hidden", settings=settings).results

    row = the(results, analysis=Analysis.PROBE, condition="image", metric="linear_probe_auroc")
    assert row["verdict"] == verdict
