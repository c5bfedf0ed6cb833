"""Inputs that fuzzing found to end in a traceback, and their siblings: one sentence, or a listed item."""

import gzip
import io
import json
import shutil
import zlib

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pydicom
import pytest
from PIL import Image
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from cxraudit.cli import main

N = 60


def table() -> pd.DataFrame:
    """Sixty images with labels, scores and groups."""
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, N)
    return pd.DataFrame(
        {
            "file": [f"f{k}.png" for k in range(N)],
            "pid": [f"p{k // 2}" for k in range(N)],
            "ptx": label,
            "hosp": rng.choice(["A", "B"], N),
            "sex": rng.choice(["F", "M"], N),
            "age": rng.integers(20, 90, N),
            "s": (label + rng.normal(size=N)).round(3),
        }
    )


AUDIT = [
    *("--image", "file", "--patient", "pid", "--label", "Pneumothorax=ptx", "--resamples", "5"),
    *("--score", "Pneumothorax=s", "--attribute", "hosp", "--sex", "sex", "--age", "age"),
]


def refused(code, capsys) -> str:
    """Return the sentence of a command that was refused, and check that it is one."""
    message = capsys.readouterr().err
    assert code == 2, message
    sentences = [line for line in message.splitlines() if not line.startswith("cxraudit: note")]
    assert sentences
    assert all(line.startswith("cxraudit: ") for line in message.splitlines()), message
    assert message.isprintable() or message.replace("\n", "").isprintable()
    return sentences[-1]


def as_array(kind: str) -> pa.Array:
    """Return a column of a type that no table of scores has."""
    rows = range(N)
    return {
        "bytes that are no text": pa.array([b"\xff"] * N, pa.binary()),
        "bytes of fixed length": pa.array([b"\xff\xfe"] * N, pa.binary(2)),
        "record": pa.array([{"a": k} for k in rows]),
        "list": pa.array([[k] for k in rows]),
        "map": pa.array([[("a", k)] for k in rows], pa.map_(pa.string(), pa.int64())),
        "nested": pa.array([[{"a": [k]}] for k in rows]),
        "null": pa.nulls(N),
        "duration": pa.array(list(rows), pa.duration("s")),
        "time": pa.array(list(rows), pa.time64("us")),
    }[kind]


KINDS = (
    *("bytes that are no text", "bytes of fixed length", "record", "list", "map", "nested"),
    *("null", "duration", "time"),
)


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (column, kind)
        for column in ("pid", "file", "s", "ptx")
        for kind in KINDS
        # A time is an odd identifier, but as text it is one.
        if column in ("s", "ptx") or kind not in ("duration", "time")
    ],
)
def test_a_column_of_another_type_is_refused(kind, column, tmp_path, capsys):
    """Identifiers, labels and scores that cannot be what they are named."""
    whole = pa.Table.from_pandas(table())
    whole = whole.set_column(whole.schema.names.index(column), column, as_array(kind))
    pa.parquet.write_table(whole, tmp_path / "s.parquet")

    code = main(["audit", str(tmp_path / "s.parquet"), *AUDIT, "--out", str(tmp_path / "o")])

    sentence = refused(code, capsys)
    assert column in sentence or "no finding has both positives and negatives" in sentence
    assert not (tmp_path / "o" / "results.parquet").exists()


@pytest.mark.slow
@pytest.mark.parametrize("column", ["hosp", "age", "sex"])
@pytest.mark.parametrize("kind", KINDS)
def test_groups_of_another_type_are_refused_or_groups(kind, column, tmp_path, capsys):
    """Never a traceback."""
    whole = pa.Table.from_pandas(table())
    whole = whole.set_column(whole.schema.names.index(column), column, as_array(kind))
    pa.parquet.write_table(whole, tmp_path / "s.parquet")

    code = main(["audit", str(tmp_path / "s.parquet"), *AUDIT, "--out", str(tmp_path / "o")])

    if code:
        assert column in refused(code, capsys)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n\n",
        b"file,pid,ptx,s\n",
        b"\x00" * 500,
        b"\xff\xfe",
        b'file,pid,ptx,s\n"a,p,1,0.5\n',
        b"file,pid,ptx,s\n" + b"x" * 200_000,
        b"PAR1" + bytes(100) + b"PAR1",
        b"PK\x03\x04" + bytes(50),
        gzip.compress(b"file,pid")[:-5],
        b"<html><body>404</body></html>",
        b"version https://git-lfs.github.com/spec/v1\n",
    ],
    ids=range(12),
)
@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "tsv", "parquet", "xlsx"])
def test_a_file_that_is_no_table_is_refused(content, suffix, tmp_path, capsys):
    """Whatever its name."""
    path = tmp_path / f"s.{suffix}"
    path.write_bytes(content)

    assert refused(main(["audit", str(path), *AUDIT, "--out", str(tmp_path / "o")]), capsys)


DESCRIBED = {
    "name": '"t"',
    "file": '"base.csv"',
    "image": '"file"',
    "patient": '"pid"',
    "sex": '"sex"',
    "age": '"age"',
    "findings": '{ Pneumothorax = "ptx" }',
    "attributes": '["hosp"]',
}
WRONG = (
    "nan",
    "1",
    "true",
    "[]",
    '["*"]',
    "{}",
    "2020-01-01",
    "[[1]]",
    '""',
    '"a\\u0000b"',
    '"nowhere"',
)


@pytest.mark.parametrize("value", WRONG)
@pytest.mark.parametrize("key", DESCRIBED)
def test_a_wrong_value_in_the_description_of_a_table(key, value, tmp_path, capsys):
    """Is refused with its key; a name may be any text."""
    table().to_csv(tmp_path / "base.csv", index=False)
    lines = {**DESCRIBED, key: value}
    (tmp_path / "dataset.toml").write_text("".join(f"{k} = {v}\n" for k, v in lines.items()))
    line = ["audit", str(tmp_path / "base.csv"), "--dataset", "table", "--root", str(tmp_path)]

    code = main([*line, *AUDIT[:2], "--score", "Pneumothorax=s", "--resamples", "5"])

    harmless = {("attributes", "[]"), ("attributes", "{}")}
    if key != "name" and (key, value) not in harmless:
        assert refused(code, capsys)


RUN = """\
out = "{out}"
[dataset]
name = "table"
root = "dataset.toml"
[scores]
file = "base.csv"
model = "{model}"
image = "file"
score = {{ Pneumothorax = "s" }}
[audit]
attributes = ["hosp"]
n_resamples = {resamples}
operating_point = "none"
calibration = "none"
"""


@pytest.mark.parametrize(
    ("values", "right"),
    [
        ({"resamples": "9" * 30}, False),
        ({"resamples": "0x" + "f" * 40}, False),
        ({"resamples": "-1"}, False),
        ({"resamples": "5.0"}, False),
        ({"out": "x" * 300}, False),
        ({"out": "base.csv"}, False),
        ({"out": "base.csv/o"}, False),
        ({"out": "hosp*sex"}, True),
        ({"out": "-rf"}, True),
        ({"model": "x" * 300}, True),
        ({"model": "../../m"}, True),
        ({"model": "$\\\\frac{$"}, True),
        ({"model": "🫁"}, True),
        ({"model": ""}, False),
    ],
)
def test_a_run_file_with_odd_values_runs_or_is_refused(values, right, tmp_path, capsys):
    """Any name of a model runs; names of folders are those the system allows."""
    table().to_csv(tmp_path / "base.csv", index=False)
    (tmp_path / "dataset.toml").write_text("".join(f"{k} = {v}\n" for k, v in DESCRIBED.items()))
    filled = {"out": "o", "model": "m", "resamples": "5", **values}
    (tmp_path / "audit.toml").write_text(RUN.format(**filled), encoding="utf-8")

    code = main(["run", str(tmp_path / "audit.toml"), "-q"])

    if right:
        assert code == 0, capsys.readouterr().err
    else:
        assert refused(code, capsys)
        assert (tmp_path / "base.csv").read_text().startswith("file,")


def dicom(*, deflated: bool = False, uid: str = "1.2.3.5") -> bytes:
    """Return a small DICOM image."""
    syntax = DeflatedExplicitVRLittleEndian if deflated else ExplicitVRLittleEndian
    file = pydicom.Dataset()
    file.file_meta = pydicom.dataset.FileMetaDataset()
    file.file_meta.TransferSyntaxUID = syntax
    file.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    file.SOPInstanceUID = uid
    file.file_meta.MediaStorageSOPClassUID = file.SOPClassUID
    file.file_meta.MediaStorageSOPInstanceUID = file.SOPInstanceUID
    file.PatientID, file.PatientSex, file.PatientAge = "P1", "F", "058Y"
    file.Rows, file.Columns, file.SamplesPerPixel = 32, 32, 1
    file.BitsAllocated, file.BitsStored, file.HighBit, file.PixelRepresentation = 16, 12, 11, 0
    file.PhotometricInterpretation = "MONOCHROME2"
    file.PixelData = np.arange(1024, dtype=np.uint16).tobytes()
    file["PixelData"].VR = "OW"
    stream = io.BytesIO()
    pydicom.dcmwrite(stream, file, enforce_file_format=True)
    return stream.getvalue()


BAD_DICOM = {
    "deflated and cut": dicom(deflated=True)[:-200],
    "deflated and cut early": dicom(deflated=True)[:400],
    "deflated and damaged": dicom(deflated=True)[:500] + b"\xff" * 40 + dicom(deflated=True)[540:],
    "unknown representation": dicom().replace(b"\x10\x00UI", b"\x10\x00UG", 1),
    "unknown representation in the data": dicom().replace(b"\x02\x00US", b"\x02\x00Cq", 1),
    "cut in the header": dicom()[:300],
    "cut in the pixels": dicom()[:-100],
    "cut in the preamble": dicom()[:130],
    "only the preamble": bytes(128) + b"DICM",
    "no rows": dicom().replace(b"\x10\x00US\x02\x00\x20\x00", b"\x10\x00US\x02\x00\x00\x00", 1),
    "of length −1": dicom().replace(
        b"OW\x00\x00\x00\x08\x00\x00", b"OW\x00\x00\xff\xff\xff\xff", 1
    ),
    "empty": b"",
}


@pytest.mark.parametrize("data", BAD_DICOM.values(), ids=BAD_DICOM)
@pytest.mark.parametrize("command", ["encode", "prepare", "dicom"])
def test_one_bad_dicom_image_never_ends_the_run(data, command, tmp_path, capsys):
    """It is listed with its reason, and the others go on."""
    (tmp_path / "bad.dcm").write_bytes(data)
    for name in ("good0.dcm", "good1.png"):
        if name.endswith("png"):
            Image.fromarray(np.arange(1024, dtype=np.uint8).reshape(32, 32)).save(tmp_path / name)
        else:
            (tmp_path / name).write_bytes(dicom(uid="1.2.3.4"))
    names = ["bad.dcm", "good0.dcm", "good1.png"]
    frame = pd.DataFrame({"file": names, "pid": list("abc"), "ptx": [1, 0, 1]})
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame[["file", "ptx"]].to_csv(tmp_path / "labels.csv", index=False)
    (tmp_path / "dataset.toml").write_text(
        'file = "t.csv"\nimage = "file"\npath = "file"\npatient = "pid"\nfindings = ["ptx"]\n'
    )
    out = tmp_path / "out"
    lines = {
        "encode": ["encode", "table", "--model", "random", "--readers", "1"],
        "prepare": ["prepare", "table", "--size", "16"],
        "dicom": [
            "encode",
            "dicom",
            "--model",
            "random",
            "--option",
            f"labels={tmp_path}/labels.csv",
        ],
    }

    code = main([*lines[command], "--root", str(tmp_path), "--out", str(out), "-q"])

    message = capsys.readouterr().err
    assert code == 0, message
    assert "Traceback" not in message
    if command == "dicom":  # left out of the data set, or of the embeddings
        excluded = pd.read_parquet(out / "excluded.parquet")["image_id"]
        assert any("bad.dcm" in name for name in excluded) or (out / "failures.csv").is_file()
    else:
        assert list(pd.read_csv(out / "failures.csv")["image_id"]) == ["bad.dcm"]


def test_a_release_with_a_damaged_table_is_refused(nih_release, tmp_path, capsys):
    """NEATX labels and the mark of synthetic images: cut, binary, compressed, or of other columns."""
    labels = (nih_release / "CXR14_Drains_Labels.csv").read_bytes()
    mark = (nih_release / "phantom_truth.json").read_bytes()
    damages = {
        "CXR14_Drains_Labels.csv": [
            labels[: len(labels) // 2],
            labels.replace(b";Image Index", b";Image", 1),
            labels.replace(b"\n", b";x\n", 3),
            labels.replace(b"0.0;", b"\xff;", 1),
            labels.replace(b";", b",", 7),
            zlib.compress(labels),
            labels.replace(b";Drain;", b";Drain_a1;", 1),
            b"",
            b"a;b\n1;2\n",
        ],
        "phantom_truth.json": [
            mark[:16],
            b"",
            b"[]",
            b"[" * 100_000,
            json.dumps({"name": 1}).encode(),
        ],
    }
    for name, contents in damages.items():
        for number, content in enumerate(contents):
            root = tmp_path / f"{name}-{number}"
            shutil.copytree(nih_release, root)
            (root / name).write_bytes(content)

            code = main(["datasets", "check", "nih-cxr14", "--root", str(root)])
            capsys.readouterr()
            line = ["encode", "nih-cxr14", "--root", str(root), "--model", "random"]
            encoded = main(
                [
                    *line,
                    "--out",
                    str(root / "out"),
                    "--option",
                    f"drains={root}/CXR14_Drains_Labels.csv",
                    "-q",
                ]
            )

            message = capsys.readouterr().err
            assert code in (0, 2)
            assert encoded in (0, 2), (name, number)
            assert "Traceback" not in message
            if name == "phantom_truth.json":
                assert encoded == 2
                assert "damaged" in message
