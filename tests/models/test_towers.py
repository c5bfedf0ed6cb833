"""The networks equal those of transformers, at a small size and with random weights."""

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from cxraudit.models._torch.towers import bert, clip, swin  # noqa: E402


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def test_bert_equals_transformers():
    """All hidden states of padded texts."""
    config = transformers.BertConfig(
        vocab_size=50,
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=20,
    )
    theirs = transformers.BertModel(config, add_pooling_layer=False).eval()
    ours = bert.Bert(50, width=32, layers=3, heads=4, hidden=64, positions=20).eval()
    ours.load_state_dict(theirs.state_dict(), strict=True)
    ids, mask = bert.padded([[1, 5, 9, 2], [1, 7, 2]], 0)

    with torch.inference_mode():
        expected = theirs(input_ids=ids, attention_mask=mask.long(), output_hidden_states=True)
        found = ours(ids, mask)

    assert len(found) == 4
    for first, second in zip(found, expected.hidden_states, strict=True):
        torch.testing.assert_close(first[mask], second[mask], atol=2e-6, rtol=0)


def test_swin_equals_transformers():
    """Shifted windows, merging, and a stage of one window."""
    config = transformers.SwinConfig(image_size=56, embed_dim=12, depths=[2, 2], num_heads=[2, 4])
    theirs = transformers.SwinModel(config).eval()
    renamed = {}
    for name, value in theirs.state_dict().items():
        for new, old in (
            ("attention.q_proj", "attention.self.query"),
            ("attention.k_proj", "attention.self.key"),
            ("attention.v_proj", "attention.self.value"),
            ("attention.o_proj", "attention.output.dense"),
            ("mlp.fc1", "intermediate.dense"),
            ("mlp.fc2", "output.dense"),
            (
                "relative_position_bias.relative_position_bias_table",
                "self.relative_position_bias_table",
            ),
        ):
            name = name.replace(new, old)
        if not name.endswith("relative_position_index"):
            renamed[name] = value
    ours = swin.Swin(width=12, depths=(2, 2), heads=(2, 4)).eval()
    ours.load_state_dict(renamed, strict=True)
    pixels = torch.randn(2, 3, 56, 56)

    with torch.inference_mode():
        torch.testing.assert_close(
            ours(pixels), theirs(pixels).last_hidden_state, atol=2e-6, rtol=0
        )


def test_a_text_is_embedded_at_its_end_token():
    """Tokens after the end token have no effect."""
    net = clip.Clip(
        dim=8, side=32, patch=16, vision=(16, 1, 2), text=(16, 2, 2), vocabulary=30, context=9
    )
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    first = torch.tensor([[28, 4, 29, 0, 0, 0, 0, 0, 0]])
    second = torch.tensor([[28, 4, 29, 7, 9, 2, 0, 0, 0]])

    with torch.inference_mode():
        torch.testing.assert_close(net.encode_text(first), net.encode_text(second))
        assert (
            net.encode_text(first) - net.encode_text(first.clone().fill_(29))
        ).abs().max() > 1e-3
        assert net.visual(torch.randn(2, 3, 32, 32)).shape == (2, 8)
