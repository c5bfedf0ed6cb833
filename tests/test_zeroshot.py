"""Zero-shot scores and the directions of prompts."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax

from cxraudit import prompts
from cxraudit.models.random import RandomModel
from cxraudit.prompts.bank import wordings
from cxraudit.zeroshot import cut_prompts, direction_table, prompt_directions, zero_shot_scores


def test_scores_equal_the_softmax_over_the_pair():
    """Reference: the two-column softmax of each image; each prompt is encoded once."""
    encoded = []

    class Recording(RandomModel):
        logit_scale = 7.0

        def encode_texts(self, texts):
            encoded.extend(texts)
            return super().encode_texts(texts)

    model, pair = Recording(), prompts.load("paper")
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(5, 64)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    index = pd.DataFrame({"image_id": list("abcde"), "ok": [True, True, False, True, True]})
    findings = ["Pneumothorax", "Pneumonia"]

    scores = zero_shot_scores(index, rows, model, findings, pair)

    assert sorted(encoded) == ["Chest No findings", "Chest Pneumonia", "Chest Pneumothorax"]
    assert set(scores["image_id"]) == set("abde")
    for row in scores.itertuples():
        texts = RandomModel().encode_texts(list(pair.pair(row.finding)))
        logits = 7.0 * (texts @ rows["abcde".index(row.image_id)])
        assert row.score == pytest.approx(softmax(logits)[0], abs=1e-6)


def test_directions_are_differences_of_embeddings():
    """Positive minus negative prompt, one row per finding."""
    model, pair = RandomModel(), prompts.load("paper")

    found = prompt_directions(model, ["Pneumothorax", "Pneumonia"], pair)

    expected = [
        np.subtract(*model.encode_texts(pair.pair(f))) for f in ("Pneumothorax", "Pneumonia")
    ]
    np.testing.assert_array_equal(found, expected)


def test_a_model_may_encode_prompts_in_pairs():
    """``pair_directions`` of the model is used where it is defined."""

    class Paired(RandomModel):
        def pair_directions(self, pairs):
            return np.full((len(pairs), 64), len(pairs), dtype=np.float32)

    assert (prompt_directions(Paired(), ["Pneumothorax"], prompts.load("paper")) == 1).all()


def test_the_direction_table_has_the_scored_prompts_and_the_bank():
    """One row per pair of prompts; ``in_bank`` separates the two."""
    table = direction_table(RandomModel(), ["Pneumonia"], prompts.load("paper"), name="m")

    scored = table[~table["in_bank"]]
    assert scored[["pair", "positive", "negative"]].to_numpy().tolist() == [
        ["paper", "Chest Pneumonia", "Chest No findings"]
    ]
    assert table["in_bank"].sum() == len(wordings("Pneumonia"))
    assert np.stack(table["direction"].tolist()).shape == (len(table), 64)


def test_a_prompt_is_cut_where_its_last_word_has_no_influence():
    """Of long prompts only: of fewer words a model reads all."""

    class Short(RandomModel):
        def encode_texts(self, texts):
            return super().encode_texts([" ".join(one.split()[:15]) for one in texts])

    fits, long = "a " * 14 + "b", "a " * 15 + "b"

    assert cut_prompts(Short(), [long, fits, long, "Chest Pneumonia"]) == [long]
    assert cut_prompts(RandomModel(), [long, fits]) == []
