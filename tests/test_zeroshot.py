"""Scores are the softmax over the two prompts, by one matrix product."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax

from cxraudit import prompts
from cxraudit.errors import ConfigError, UnknownNameError
from cxraudit.models.random import RandomModel
from cxraudit.zeroshot import zero_shot_scores


def test_the_paper_prompts_are_as_published():
    """Chest {finding} against Chest No findings."""
    assert prompts.load("paper").pair("Pneumothorax") == ("Chest Pneumothorax", "Chest No findings")


def test_scores_equal_the_softmax_over_the_pair():
    """Against the two-column softmax, image by image; each prompt is encoded once."""
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


def test_a_prompt_file_of_ones_own(tmp_path):
    """Templates and other words for findings; the fingerprint follows what a score depends on."""
    path = tmp_path / "mine.toml"
    path.write_text(
        'positive = "{finding}"\nnegative = "no {finding}"\nwords = { Pneumothorax = "air leak" }\n'
    )

    mine = prompts.load(str(path))

    assert mine.name == "mine"
    assert mine.pair("Pneumothorax") == ("air leak", "no air leak")
    assert mine.fingerprint != prompts.load("paper").fingerprint


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ('positive = "x"\nnegative = "y"\n', "must contain"),
        ('positive = "{finding}"\n', "lacks the template 'negative'"),
        ('positive = "{finding}"\nnegative = "y"\ncolour = 1\n', "unknown keys colour"),
        ("positive = \n", "not valid TOML"),
        ('positive = "{finding} {view}"\nnegative = "y"\n', "no other braces"),
        ('positive = "{finding}"\nnegative = "y"\nwords = "x"\n', "must map findings"),
    ],
)
def test_mistakes_in_a_prompt_file_are_named(tmp_path, text, match):
    """One clear sentence."""
    path = tmp_path / "bad.toml"
    path.write_text(text)

    with pytest.raises(ConfigError, match=match):
        prompts.load(str(path))


def test_an_unknown_prompt_set_gets_a_suggestion():
    """Spelled nearly right."""
    with pytest.raises(UnknownNameError, match="Did you mean 'paper'"):
        prompts.load("papre")
