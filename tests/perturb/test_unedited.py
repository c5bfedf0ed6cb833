"""The unedited images of a perturbation audit are the audited ones, whatever holds them."""

import numpy as np
import pandas as pd
import pytest
from image_files import write_dicom
from PIL import Image

from cxraudit import models
from cxraudit.encode import encode_images
from cxraudit.perturb import UNEDITED, Perturbation
from cxraudit.store import EmbeddingStore


@pytest.fixture
def containers(tmp_path):
    """One picture as 8-bit grey, RGB, RGBA, JPEG, TIFF, 16-bit PNG (12 bits used), and DICOM."""
    ramp = np.add.outer(np.arange(64), np.arange(48)).astype(np.float64)
    grey = Image.fromarray((ramp / ramp.max() * 255).astype(np.uint8))
    for name, picture in (
        ("grey.png", grey),
        ("rgb.png", grey.convert("RGB")),
        ("rgba.png", grey.convert("RGBA")),
        ("grey.jpg", grey),
        ("grey.tif", grey),
        ("deep.png", Image.fromarray((ramp / ramp.max() * 4095).astype(np.uint16))),
    ):
        picture.save(tmp_path / name)
    write_dicom(tmp_path / "chest.dcm")
    write_dicom(tmp_path / "inverted.dcm", PhotometricInterpretation="MONOCHROME1")
    files = sorted(file for file in tmp_path.iterdir() if file.is_file())
    return pd.DataFrame({"image_id": [f.name for f in files], "path": [str(f) for f in files]})


@pytest.mark.parametrize("name", ["grey-levels", "phantom-clip", "phantom-clip-clean"])
def test_unedited_images_have_the_embeddings_of_the_audited_ones(name, containers, tmp_path):
    """Of models that take 8-bit grey, in every container."""
    model = {name: models.load(name)}
    found = []
    for folder, perturbation in (("plain", None), ("unedited", Perturbation(UNEDITED))):
        unread = encode_images(
            containers,
            model,
            tmp_path / folder,
            perturbation=perturbation,
            perturbation_name=folder if perturbation else "",
        )
        assert unread.empty
        found.append(EmbeddingStore(tmp_path / folder / name).read()[1])

    assert np.array_equal(*found)
