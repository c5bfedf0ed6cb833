"""Pixels and token ids equal those of the original code, bit for bit; all image modes are accepted."""

import hashlib
import json

import numpy as np
import pytest
from PIL import Image

import generated

pytest.importorskip("torch")

from cxraudit.models import biomedclip, biovil, chexzero, cxrclip, medclip, medimageinsight
from cxraudit.models._torch import tokens

PIPELINES = {
    ("medclip_vit", "ref/"): (medclip.MedClip, {}),
    ("medclip_resnet", "ref/"): (medclip.MedClipPaper, {}),
    ("cxrclip_r50", "ref/"): (cxrclip.CxrClipHalf, {}),
    ("cxrclip_r50", "imagenet/"): (cxrclip.CxrClip, {}),
    ("cxrclip_swint", "ref/"): (cxrclip.CxrClipHalf, {}),
    ("chexzero", "ref/"): (chexzero.CheXzeroPaper, {}),
    ("chexzero", "h5_noaa/"): (chexzero.CheXzero, {}),
    ("biovil", "wrapper512/"): (biovil.BioViLPaper, {"crop": 512}),
    ("biovil", "himl_default/"): (biovil.BioViL, {"crop": 480}),
    ("biovil_t", "himl_default/"): (biovil.BioViL, {"crop": 448}),
    ("medimageinsight", ""): (medimageinsight.MedImageInsight, {}),
    ("biomedclip", ""): (biomedclip.BiomedClip, {}),
}


def adapter(kind, **fields):
    """An adapter without weights, which preprocessing does not need."""
    instance = object.__new__(kind)
    instance.__dict__.update(fields)
    return instance


@pytest.mark.parametrize("image", ["g1024", "g390x320"])
@pytest.mark.parametrize(("model", "pipeline"), PIPELINES)
def test_pixels_equal_those_of_the_original_code(model, pipeline, image):
    """SHA-256 of the float32 input; grey models may copy the channel three times."""
    kind, fields = PIPELINES[model, pipeline]
    expected = str(generated.canonical(model)[f"{pipeline}pixels_sha256/{image}"])

    pixels = adapter(kind, **fields).preprocess(generated.image(image))

    copies = {1, 3 // pixels.shape[0]}
    found = {hashlib.sha256(np.repeat(pixels, n, axis=0).tobytes()).hexdigest() for n in copies}
    assert expected in found


@pytest.mark.parametrize("kind", {kind: None for kind, _ in PIPELINES.values()})
def test_all_image_modes_and_sizes_are_accepted(kind):
    """Grey, colour, RGBA, palette and 16 bits of one image give the same; tiny and narrow images give some."""
    model = adapter(kind, crop=480)
    grey = generated.image("g390x320")
    plain = model.preprocess(grey)

    for mode in ("RGB", "RGBA", "P", "LA"):
        other = model.preprocess(grey.convert(mode))
        tolerance = 0.02 if kind is biovil.BioViL or kind is biovil.BioViLPaper else 1e-6
        assert np.abs(other - plain).max() <= tolerance, mode
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    assert np.abs(model.preprocess(deep) - plain).max() <= 0.02
    assert model.preprocess(generated.image("u16_512")).std() > 0.05  # not a white image
    for image in (
        generated.image("g181x150"),
        Image.new("L", (1, 1)),
        Image.new("L", (40, 900), 7),
    ):
        found = model.preprocess(image)
        assert found.shape == plain.shape
        assert np.isfinite(found).all()


def test_halves_are_rounded_to_even_as_python_rounds():
    """Of 224 × 227 after resizing, the crop starts at 2, not at 1."""
    image = generated.image("g256x260")
    pixels = adapter(cxrclip.CxrClip).preprocess(image)

    resized = image.convert("RGB").resize((224, 227), Image.Resampling.BILINEAR)
    expected = np.asarray(resized.crop((0, 2, 224, 226)), dtype=np.float32) / np.float32(255)
    mean, std = (np.float32(v) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))

    np.testing.assert_array_equal(pixels, ((expected - mean) / std).transpose(2, 0, 1))


def padded(rows, width, pad=0):
    """Rows of ids as the canonical files store them."""
    return [row + [pad] * (width - len(row)) for row in rows]


def test_token_ids_equal_those_of_the_original_tokenizers():
    """Bio_ClinicalBERT (lower-cased), CXR-BERT, OpenAI's byte pairs, with and without a template."""
    clinical = [tokens.clinical_bert()(text) for text in generated.PROMPTS]
    for model in ("medclip_vit", "cxrclip_r50"):
        stored = generated.canonical(model)["input_ids"]
        assert stored.tolist() == padded(clinical, stored.shape[1])
    assert tokens.clinical_bert()("PNEUMONIA") == tokens.clinical_bert()("pneumonia")

    wordpiece = tokens.WordPiece(generated.HERE / "cxr_bert_vocab.txt", *tokens.PUBMED_BERT)
    stored = generated.canonical("biovil")["input_ids"]
    assert stored.tolist() == padded([wordpiece(t) for t in generated.PROMPTS], stored.shape[1])
    stored = generated.canonical("biomedclip")["input_ids_template"]
    rows = [wordpiece(biomedclip.TEMPLATE + text) for text in generated.PROMPTS]
    assert stored.tolist() == padded(rows, 256)

    bpe = tokens.clip_bpe()
    rows = [bpe(text) for text in generated.PROMPTS]
    assert generated.canonical("chexzero")["input_ids"].tolist() == padded(rows, 77)
    assert generated.canonical("medimageinsight")["input_ids"].tolist() == padded(rows, 77, bpe.end)


def test_characters_are_repaired_before_byte_pairs():
    """Entities, curly quotes and ligatures, as by ftfy and html.unescape."""
    bpe = tokens.clip_bpe()

    assert bpe("a &lt;b&gt; “c”") == bpe('a <b> "c"')
    assert bpe("ﬁne") == bpe("fine")
    assert bpe("&amp;amp;") == bpe("&")


def test_medimageinsight_keeps_entities_beside_a_bracket(tmp_path):
    """Its tokenizer uses ftfy only, which keeps entities in a text with a bracket."""
    vocabulary, merges = tokens.bpe_lists()
    (tmp_path / "vocab.json").write_text(json.dumps(vocabulary))
    (tmp_path / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges))
    bpe = tokens.bytepairs_from(tmp_path)

    assert bpe("a &lt; b") == bpe("a < b")
    assert bpe("<x> &amp; b") != bpe("<x> & b")
    assert tokens.clip_bpe()("<x> &amp; b") == tokens.clip_bpe()("<x> & b")
