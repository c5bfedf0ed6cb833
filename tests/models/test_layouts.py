"""Every adapter's network has the tensor names and shapes of the published file."""

import re

import pytest

import generated

torch = pytest.importorskip("torch")

from cxraudit.models import (  # noqa: E402
    biomedclip,
    biovil,
    chexzero,
    cxrclip,
    medclip,
    medimageinsight,
)

NETWORKS = {
    "biomedclip": (biomedclip.network, r"position_ids$"),
    "biovil_image": (lambda: biovil.image_network("biovil"), r"^encoder\.encoder\.fc\."),
    "biovil_t_image": (
        lambda: biovil.image_network("biovil-t"),
        r"^encoder\.encoder\.fc\.|^encoder\.vit_pooler\.",
    ),
    "chexzero": (chexzero.network, None),
    "chexzero_float32": (chexzero.network, None),
    "cxr_bert": (biovil.text_network, r"position_ids$|^cls\.predictions\."),
    "cxrclip_r50": (lambda: cxrclip.network("r50"), r"\.pooler\.|position_ids$"),
    "cxrclip_swint": (
        lambda: cxrclip.network("swint"),
        r"\.pooler\.|position_ids$|relative_position_index$",
    ),
    "medclip_resnet": (lambda: medclip.network("resnet"), r"\.pooler\.|position_ids$"),
    "medclip_vit": (
        lambda: medclip.network("vit"),
        r"\.pooler\.|position_ids$|relative_position_index$",
    ),
    "medimageinsight": (medimageinsight.network, None),
}
"""Manifest → network, and the names in the file that are documented as unused."""


def test_every_manifest_has_a_network():
    """No published file is missing."""
    assert set(NETWORKS) == set(generated.manifests())


@pytest.mark.parametrize("manifest", NETWORKS)
def test_names_and_shapes_are_those_of_the_published_file(manifest):
    """They are equal except for the documented unused names."""
    build, unused = NETWORKS[manifest]
    with torch.device("meta"):
        ours = {name: list(value.shape) for name, value in build().state_dict().items()}

    published = {
        name: shape
        for name, (shape, _) in generated.manifests()[manifest].items()
        if not (unused and re.search(unused, name))
    }
    assert ours == published
