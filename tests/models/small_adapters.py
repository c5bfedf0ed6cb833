"""Every adapter with the text tower of its family made small, and random weights: seconds, not minutes."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import nn

import generated
from cxraudit.models import biomedclip, biovil, chexzero, cxrclip, medclip, medimageinsight
from cxraudit.models._torch import tokens
from cxraudit.models._torch.adapter import TorchAdapter
from cxraudit.models._torch.towers.bert import Bert
from cxraudit.models._torch.towers.clip import Block, Clip, Kind
from cxraudit.models.base import ModelCard

WIDTH, DIM = 32, 16


def _bert(words: int) -> Bert:
    return Bert(words, width=WIDTH, layers=3, heads=2, hidden=48)


def _medclip() -> Any:
    network: Any = nn.Module()
    head = nn.Linear(WIDTH, DIM, bias=False)
    network.text_model = nn.ModuleDict(
        {"model": _bert(tokens.BERT_CASED[0]), "projection_head": head}
    )
    return network


def _cxrclip() -> Any:
    network: Any = nn.Module()
    network.text_encoder = nn.ModuleDict({"text_encoder": _bert(tokens.BERT_CASED[0])})
    network.text_projection = nn.ModuleDict({"projection": nn.Linear(WIDTH, DIM)})
    return network


def _biomedclip() -> Any:
    network: Any = nn.Module()
    network.text = nn.ModuleDict(
        {"transformer": _bert(tokens.PUBMED_BERT[0]), "proj": nn.Linear(WIDTH, DIM)}
    )
    return network


def _biovil() -> Any:
    text: Any = nn.Module()
    text.bert = _bert(tokens.PUBMED_BERT[0])
    text.cls_projection_head = nn.ModuleDict(
        {
            "dense_to_hidden": nn.Linear(WIDTH, DIM),
            "LayerNorm": nn.LayerNorm(DIM),
            "dense_to_output": nn.Linear(DIM, DIM),
        }
    )
    return nn.ModuleDict({"text": text})


def _chexzero() -> Any:
    return Clip(dim=DIM, vision=(WIDTH, 1, 2), text=(WIDTH, 2, 2))


def _medimageinsight() -> Any:
    network: Any = nn.Module()
    network.lang_encoder = nn.ModuleDict(
        {
            "token_embedding": nn.Embedding(tokens.CLIP[0], WIDTH),
            "resblocks": nn.ModuleList(Block(WIDTH, 2, Kind(eps=1e-12)) for _ in range(2)),
            "ln_final": nn.LayerNorm(WIDTH),
        }
    )
    network.lang_encoder.positional_embedding = nn.Parameter(torch.empty(77, WIDTH))
    network.lang_projection = nn.Parameter(torch.empty(WIDTH, DIM))
    return network


FAMILIES: dict[str, tuple[type[TorchAdapter], ModelCard, Callable[[], Any], str]] = {
    "medclip": (medclip.MedClip, medclip.VIT_CARD, _medclip, ""),
    "medclip@paper": (medclip.MedClipPaper, medclip.VIT_CARD, _medclip, ""),
    "cxrclip": (cxrclip.CxrClip, cxrclip.R50_CARD, _cxrclip, ""),
    "cxrclip@paper": (cxrclip.CxrClipHalf, cxrclip.R50_CARD, _cxrclip, ""),
    "biomedclip": (biomedclip.BiomedClip, biomedclip.CARD, _biomedclip, "wordpiece"),
    "biomedclip@paper": (biomedclip.BiomedClipPaper, biomedclip.CARD, _biomedclip, "wordpiece"),
    "biovil": (biovil.BioViL, biovil.BIOVIL_CARD, _biovil, "wordpiece"),
    "biovil@paper": (biovil.BioViLPaper, biovil.BIOVIL_CARD, _biovil, "wordpiece"),
    "chexzero": (chexzero.CheXzero, chexzero.CARD, _chexzero, ""),
    "chexzero@paper": (chexzero.CheXzeroPaper, chexzero.CARD, _chexzero, ""),
    "medimageinsight": (
        medimageinsight.MedImageInsight,
        medimageinsight.CARD,
        _medimageinsight,
        "bytepairs",
    ),
}
"""Name → adapter, card, network, and the tokenizer that it is given."""


def small(name: str, *, std: float = 0.3) -> Any:
    """Return a small adapter of a family; its weights are normal with a standard deviation."""
    adapter, card, build, tokenizer = FAMILIES[name]
    protocol = "paper" if name.endswith("@paper") else "native"
    network = build().eval()
    generator = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=std, generator=generator)
    made: Any = adapter(
        replace(card, protocol=protocol, embedding_dim=DIM),
        network.requires_grad_(requires_grad=False),
        fingerprint=name,
        device="cpu",
    )
    if tokenizer == "wordpiece":
        made.wordpiece = _cxr_bert()
    elif tokenizer:
        made.bytepairs = tokens.clip_bpe()
    return made


def _cxr_bert() -> tokens.WordPiece:
    return tokens.WordPiece(generated.HERE / "cxr_bert_vocab.txt", *tokens.PUBMED_BERT)
