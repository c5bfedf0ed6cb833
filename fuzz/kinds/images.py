"""Images: PNG, JPEG and DICOM, of which one bad one must not end a run."""

import io
import shutil
import warnings
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
from PIL import Image
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    RLELossless,
)

from fuzz.case import Case, Generator, Outcome, command, judged
from fuzz.damage import damaged
from fuzz.guard import MARKER
from fuzz.tables import chance, pick

SIDE = 24
GOOD = ("good-0.png", "good-1.jpg")

TAGS = {
    "BitsAllocated": (0, 1, 8, 12, 16, 32, 64, 65535),
    "BitsStored": (0, 1, 7, 8, 12, 16, 17, 32),
    "HighBit": (0, 7, 11, 15, 31),
    "PixelRepresentation": (0, 1, 2, 65535),
    "SamplesPerPixel": (0, 1, 2, 3, 4, 65535),
    "Rows": (0, 1, 23, 25, 4096, 65535),
    "Columns": (0, 1, 23, 25, 4096, 65535),
    "PhotometricInterpretation": (
        *(
            "MONOCHROME1",
            "MONOCHROME2",
            "RGB",
            "PALETTE COLOR",
            "YBR_FULL",
            "YBR_FULL_422",
            "XYZ",
            "",
        ),
    ),
    "PlanarConfiguration": (0, 1, 2),
    "NumberOfFrames": (0, 1, 2, -1, 10**9, "x"),
    "WindowCenter": ("", "0", "1e400", "nan", "128\\64", "x", "-5"),
    "WindowWidth": ("", "0", "1", "-1", "1e400", "nan", "256\\128", "x"),
    "RescaleSlope": ("", "0", "-1", "1e308", "nan", "x"),
    "RescaleIntercept": ("", "0", "-1024", "1e308", "nan", "x"),
    "VOILUTFunction": ("LINEAR", "LINEAR_EXACT", "SIGMOID", "XYZ"),
    "PixelPaddingValue": (0, 65535, -2000),
    "PatientAge": ("058Y", "000Y", "-5Y", "58", "x" * 300, "\x00", ""),
    "PatientSex": ("F", "O", "x", "\udc80", ""),
    "PatientID": ("", "P\x00", "x" * 300, "0012", "/"),
    "SOPInstanceUID": ("", "1.2.3", "x" * 300, "../x"),
    "StudyDate": ("20200101", "2020-01-01", "99999999", ""),
    "PatientBirthDate": ("19500101", "20990101", "x", ""),
    "ViewPosition": ("AP", "ap", "PA", "\\", ""),
    "SpecificCharacterSet": ("ISO_IR 100", "ISO 2022 IR 87", "XYZ", "utf-8", ""),
    "TransferSyntaxUID": ("1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.90", "1.2.3", "", "x"),
}
"""Elements of DICOM, and values that devices and archives have written, or could."""

EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%touch {marker}) (w) file\nshowpage\n%%EOF\n"
OTHERS = ("eps", "svg", "gif", "tiff", "bmp", "webp", "ico", "pdf", "ppm", "bomb")


class Images:
    """``cxraudit prepare`` and ``encode`` on a folder with one mutated image and two good ones."""

    name = "images"

    def prepare(self, folder: Path) -> None:
        """Make images of every format that mutations start from."""
        rng = np.random.default_rng(0)
        grey = rng.integers(0, 256, (SIDE, SIDE), dtype=np.uint8)
        self.folder = folder
        Image.fromarray(grey).save(folder / GOOD[0])
        Image.fromarray(grey.T.copy()).save(folder / GOOD[1])
        self.bases = {
            **{
                f"{mode}.png": _png(grey, mode)
                for mode in ("L", "RGB", "RGBA", "P", "1", "I;16", "LA")
            },
            **{f"{mode}.jpg": _jpeg(grey, mode) for mode in ("L", "RGB", "CMYK")},
        }

    def write(self, rng: Generator, folder: Path) -> Case:
        """Mutate an image; beside it lie two good ones, and the tables that name all three."""
        case = Case(folder)
        kind = pick(rng, ["png", "png", "jpg", "jpg", "dcm", "dcm", "dcm", "other"])
        if kind == "dcm":
            data, suffix = _dicom(rng, case), ".dcm"
        elif kind == "other":
            data, suffix = _other(rng, folder, case), pick(rng, [".png", ".jpg", ".dcm", ".tif"])
        else:
            name = pick(rng, [base for base in self.bases if base.endswith(kind)])
            data, suffix = self.bases[name], f".{kind}"
            case.add(name)
            if chance(rng, 0.3):
                data = _chunks(data, rng, case) if kind == "png" else data
        if chance(rng, 0.7):
            for _ in range(pick(rng, [1, 1, 2])):
                data, damage = damaged(data, rng)
                case.add(f"bytes: {damage}")
        if chance(rng, 0.05):
            suffix = pick(rng, [".png", ".jpg", ".dcm", ".PNG", ""])
        image = f"bad{suffix}"
        (folder / image).write_bytes(data)
        for good in GOOD:
            shutil.copy(self.folder / good, folder)
        case.notes["way"] = pick(rng, ["prepare", "prepare", "encode", "dicom"])
        case.notes["image"] = image
        _describe(folder, [image, *GOOD])
        return case

    def run(self, case: Case) -> Outcome:
        """Read all three images; the good ones are never lost."""
        way, out = case.notes["way"], case.folder / "out"
        if way == "dicom" and not case.notes["image"].endswith(".dcm"):
            way = "encode"
        data = (
            ("dicom", "--option", f"labels={case.folder / 'labels.csv'}")
            if way == "dicom"
            else ("table",)
        )
        if way == "prepare":
            line = (
                "prepare",
                *data,
                "--root",
                case.folder,
                "--out",
                out,
                "--size",
                "16",
                "--quiet",
            )
        else:
            line = (
                *("encode", *data, "--root", case.folder, "--out", out, "--model", "random"),
                *("--model", "grey-levels", "--batch-size", "2", "--readers", "1", "--quiet"),
            )
        code, _, err = command(case, *line)
        outcome = judged(case, code, err, out=out)
        if code == 0:
            failures = out / "failures.csv"
            listed = pd.read_csv(failures)["image_id"].nunique() if failures.is_file() else 0
            outcome.status = "listed" if listed else "accepted"
            if listed > 1:
                outcome.faults.append(("totals", f"{listed} images are listed, one was mutated"))
        elif way != "dicom":
            outcome.faults.append(("one bad image ended the run", outcome.sentence))
        return outcome


def _describe(folder: Path, names: list[str]) -> None:
    pd.DataFrame({"file": names, "pid": ["a", "b", "c"], "Pneumothorax": [1, 0, 1]}).to_csv(
        folder / "images.csv", index=False
    )
    pd.DataFrame({"file": names, "Pneumothorax": [1, 0, 1]}).to_csv(
        folder / "labels.csv", index=False
    )
    (folder / "dataset.toml").write_text(
        'name = "t"\nfile = "images.csv"\nimage = "file"\npath = "file"\npatient = "pid"\n'
        'findings = ["Pneumothorax"]\n'
    )


def _png(grey: np.ndarray, mode: str) -> bytes:
    image = (
        Image.fromarray(grey.astype(np.uint16) * 257)
        if mode == "I;16"
        else Image.fromarray(grey).convert(mode)
    )
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def _jpeg(grey: np.ndarray, mode: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(grey).convert(mode).save(stream, "JPEG")
    return stream.getvalue()


def _chunks(data: bytes, rng: Generator, case: Case) -> bytes:
    """Change the header of a PNG, or add a chunk, with a valid checksum."""
    head = bytearray(data[16:29])
    place = int(rng.integers(13))
    head[place] = int(rng.choice([0, 1, 2, 3, 4, 8, 16, 127, 255]))
    case.add(f"byte {place} of the header of PNG is {head[place]}")
    changed = data[:16] + bytes(head) + zlib.crc32(b"IHDR" + head).to_bytes(4, "big") + data[33:]
    if chance(rng, 0.3):
        kind = pick(rng, [b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"eXIf", b"acTL", b"PLTE", b"tRNS"])
        body = pick(rng, [b"", b"x" * 10, zlib.compress(bytes(10_000_000)), rng.bytes(50)])
        body = b"a\x00\x00" + body if kind in (b"zTXt", b"iCCP") else body
        chunk = (
            len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")
        )
        changed = changed[:33] + chunk + changed[33:]
        case.add(f"a chunk {kind.decode()} of {len(body)} bytes")
    return changed


def _dicom(rng: Generator, case: Case) -> bytes:
    """Return a DICOM file with some elements changed or removed, in one of many syntaxes."""
    file = pydicom.Dataset()
    file.file_meta = pydicom.dataset.FileMetaDataset()
    bits = pick(rng, [8, 16, 16])
    kind = np.uint8 if bits == 8 else np.uint16
    syntax = pick(
        rng,
        [
            *(ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian),
            *(DeflatedExplicitVRLittleEndian, RLELossless, JPEGBaseline8Bit),
        ],
    )
    case.add(f"DICOM {syntax.name}, {bits} bits")
    for keyword, value in {
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.1.1",
        "SOPInstanceUID": "1.2.3.4.5",
        "StudyInstanceUID": "1.2.3.4",
        "PatientID": "P1",
        "PatientAge": "058Y",
        "PatientSex": "F",
        "Rows": SIDE,
        "Columns": SIDE,
        "BitsAllocated": bits,
        "BitsStored": pick(rng, [bits, bits, 12 if bits == 16 else 8]),
        "HighBit": bits - 1,
        "PixelRepresentation": 0,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
    }.items():
        setattr(file, keyword, value)
    pixels = rng.integers(0, 4096 if bits == 16 else 256, (SIDE, SIDE)).astype(kind)
    file.PixelData = pixels.tobytes()
    file["PixelData"].VR = "OB" if bits == 8 else "OW"
    if syntax == JPEGBaseline8Bit:
        file.PixelData = pydicom.encaps.encapsulate([_jpeg(pixels.astype(np.uint8), "L")])
    file.file_meta.TransferSyntaxUID = syntax
    file.file_meta.MediaStorageSOPClassUID = file.SOPClassUID
    file.file_meta.MediaStorageSOPInstanceUID = file.SOPInstanceUID
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if syntax == RLELossless:
            file.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
            file.compress(RLELossless)
        for _ in range(pick(rng, [0, 1, 1, 2, 4])):
            _change_element(file, rng, case)
        if chance(rng, 0.15):
            _look_up_table(file, rng, case)
        return _written(file, syntax, case)


def _change_element(file: pydicom.Dataset, rng: Generator, case: Case) -> None:
    keyword = pick(rng, list(TAGS))
    if chance(rng, 0.2):
        case.add(f"without {keyword}")
        if keyword in file:
            delattr(file, keyword)
        return
    value = pick(rng, TAGS[keyword])
    case.add(f"{keyword} = {str(value)[:40]!r}")
    try:
        setattr(file.file_meta if keyword == "TransferSyntaxUID" else file, keyword, value)
    except (ValueError, TypeError, AttributeError, OverflowError):
        case.add("which pydicom refuses to hold")


def _look_up_table(file: pydicom.Dataset, rng: Generator, case: Case) -> None:
    item = pydicom.Dataset()
    n = pick(rng, [0, 1, 4, 256, 65535])
    item.LUTDescriptor = [n, pick(rng, [0, 100]), pick(rng, [0, 8, 12, 16])]
    item.LUTData = [k % 65536 for k in range(pick(rng, [n, 0, 3]))]
    keyword = pick(rng, ["VOILUTSequence", "ModalityLUTSequence"])
    case.add(f"{keyword} of {n} entries")
    setattr(file, keyword, pydicom.Sequence([item] if chance(rng, 0.9) else []))


def _written(file: pydicom.Dataset, syntax: pydicom.uid.UID, case: Case) -> bytes:
    """Return the bytes of a file, if need be without the elements that pydicom refuses to write."""
    for keyword in (None, *TAGS):
        if keyword is not None and keyword in file and keyword in str(case.made):
            delattr(file, keyword)
        stream = io.BytesIO()
        try:
            pydicom.dcmwrite(
                stream,
                file,
                enforce_file_format=False,
                implicit_vr=syntax == ImplicitVRLittleEndian,
                little_endian=syntax != ExplicitVRBigEndian,
                force_encoding=True,
            )
        except Exception:  # whatever pydicom says of elements that are wrong
            continue
        return (
            bytes(128) + b"DICM" + stream.getvalue()
            if b"DICM" not in stream.getvalue()[:140]
            else stream.getvalue()
        )
    return b"DICM"


def _other(rng: Generator, folder: Path, case: Case) -> bytes:
    """Return a file of another format, or an image that unpacks to a very large one."""
    form = pick(rng, OTHERS)
    case.add(f"content of {form}")
    if form == "eps":
        return EPS.replace(b"{marker}", str(folder / MARKER).encode())
    if form in ("svg", "pdf"):
        return b"%PDF-1.4\n" if form == "pdf" else b"<svg xmlns='http://www.w3.org/2000/svg'/>"
    if form == "bomb":
        return _bomb(pick(rng, [20_000, 50_000]))
    stream = io.BytesIO()
    image = Image.fromarray(rng.integers(0, 256, (SIDE, SIDE), dtype=np.uint8))
    image.save(stream, {"tiff": "TIFF", "ppm": "PPM"}.get(form, form.upper()))
    return stream.getvalue()


def _bomb(side: int) -> bytes:
    """Return a small PNG of side × side black pixels."""
    head = side.to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0])
    rows = zlib.compress(bytes(side + 1) * 100, 9)
    parts = [(b"IHDR", head), (b"IDAT", rows), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")
        for kind, body in parts
    )
