"""Headers: what cannot be read is refused at once, and warnings of threads do not mix."""

import io
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from image_files import dicom, write_dicom
from pydicom.uid import DeflatedExplicitVRLittleEndian

from cxraudit.errors import ImageError
from cxraudit.images import is_dicom, read_header, read_image
from cxraudit.images.header import QUIET, parsed


def test_an_element_with_an_unknown_representation_is_refused_by_name(tmp_path):
    """Pydicom converts elements when they are used, so the error would come later."""
    path = write_dicom(tmp_path / "a.dcm", PatientSex="F")
    data = path.read_bytes()
    path.write_bytes(data.replace(b"\x10\x00\x40\x00CS", b"\x10\x00\x40\x00Cq"))

    with pytest.raises(ImageError, match=r"\(0010,\s?0040\).*Cq"):
        read_header(path)


def test_an_element_that_is_not_used_does_no_harm(tmp_path):
    """A private element with an unknown representation is left out."""
    image = dicom(PatientSex="F")
    image.private_block(0x0041, "maker", create=True).add_new(1, "CS", "ODD")
    path = tmp_path / "a.dcm"
    image.save_as(path, enforce_file_format=True)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"\x41\x00\x01\x10CS", b"\x41\x00\x01\x10Cq"))

    header = read_header(path)

    assert header.PatientSex == "F"
    assert (0x0041, 0x1001) not in header
    assert read_image(path).mode == "L"


@pytest.mark.parametrize("share", [0.3, 0.5, 0.9])
def test_a_cut_deflated_file_is_refused(tmp_path, share):
    """The error of zlib is one of the image."""
    path = write_dicom(tmp_path / "a.dcm", syntax=DeflatedExplicitVRLittleEndian)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])

    for read in (read_header, read_image):
        with pytest.raises(ImageError, match="incomplete or truncated stream"):
            read(path)


def test_what_is_no_dicom_file_is_refused(tmp_path):
    """Text, nothing, a folder and no file."""
    (tmp_path / "text.dcm").write_text("no header " * 40)
    (tmp_path / "empty.dcm").write_bytes(b"")
    (tmp_path / "folder.dcm").mkdir()

    for name in ("text.dcm", "empty.dcm", "folder.dcm", "none.dcm"):
        with pytest.raises(ImageError) as caught:
            read_header(tmp_path / name)
        assert str(caught.value).endswith(".")


def test_the_pixels_are_not_read(tmp_path):
    """A header of a folder of radiographs costs its own bytes, not those of the image."""
    path = write_dicom(tmp_path / "a.dcm", np.zeros((2000, 2000), dtype=np.uint16), PatientSex="F")
    n_read = []

    class Counting(io.FileIO):
        def read(self, size=-1):
            data = super().read(size)
            n_read.append(len(data))
            return data

    with Counting(path) as file:
        header = parsed(file, stop_before_pixels=True)

    assert header.PatientSex == "F"
    assert sum(n_read) < 20_000


def test_a_file_is_dicom_by_its_preamble_or_its_name(tmp_path):
    """A name without an extension is an identifier."""
    path = write_dicom(tmp_path / "1.2.840")
    (tmp_path / "a.DCM").write_bytes(b"")
    (tmp_path / "a.png").write_bytes(b"")

    assert is_dicom(path)
    assert is_dicom(tmp_path / "a.DCM")
    assert not is_dicom(tmp_path / "a.png")


def test_reading_in_threads_leaves_the_warnings_of_others_as_they_were(tmp_path):
    """`warnings.catch_warnings` alone, entered and left out of turn, would leave warnings off."""
    path = write_dicom(tmp_path / "a.dcm", WindowCenter=5, WindowWidth=10)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        before = list(warnings.filters)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(read_image, [path] * 200))
        assert warnings.filters == before
        with QUIET:
            warnings.warn("silent", stacklevel=1)
        warnings.warn("heard", stacklevel=1)

    assert [str(one.message) for one in caught] == ["heard"]
