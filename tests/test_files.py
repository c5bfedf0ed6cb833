"""Reading tables and writing files."""

import json
from pathlib import Path

import pandas as pd
import pytest

from cxraudit.errors import ConfigError, DataError
from cxraudit.files import (
    as_plain,
    committed,
    digest,
    folder_name,
    manifest_of,
    read_manifest,
    read_table,
    read_toml,
    sha256,
    write_atomic,
    write_manifest,
    write_or_remove,
    write_table,
    write_text,
)
from cxraudit.folders import writable_folder

TABLE = pd.DataFrame({"image_id": ["007", "1e9"], "score": [0.25, 1.5], "group": ["None", "x;y"]})


@pytest.mark.parametrize("suffix", ["parquet", "csv", "csv.gz", "tsv", "tsv.gz"])
def test_a_written_table_is_read_back(tmp_path, suffix):
    """Identifiers stay text, and the text None stays a group."""
    path = write_table(TABLE, tmp_path / f"table.{suffix}")

    pd.testing.assert_frame_equal(read_table(path, text=("image_id",)), TABLE)


@pytest.mark.parametrize("suffix", ["parquet", "csv", "csv.gz"])
def test_the_same_table_gives_the_same_bytes(tmp_path, suffix):
    """Also in compressed files, which can contain a time."""
    first, second = (write_table(TABLE, tmp_path / f"{name}.{suffix}") for name in "ab")

    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    "content",
    [
        b"a,b\n1,2\n",
        b"a;b\r\n1;2\r\n",
        b"\xef\xbb\xbfa,b\n1,2\n",
    ],
    ids=["commas", "semicolons and CRLF", "BOM"],
)
def test_csv_files_of_spreadsheets_are_read(tmp_path, content):
    """Separated by commas or semicolons, with or without BOM and CRLF."""
    (tmp_path / "table.csv").write_bytes(content)

    assert read_table(tmp_path / "table.csv").to_dict("list") == {"a": [1], "b": [2]}


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("nowhere.csv", None, "the scores nowhere.csv is missing"),
        ("table.parquet", b"no table", "cannot be read"),
        ("table.csv.gz", b"no gzip", "cannot be read"),
        ("table.csv", b"", "cannot be read"),
        ("table.xlsx", b"x", "neither Parquet nor CSV"),
    ],
)
def test_unreadable_tables_raise(tmp_path, monkeypatch, name, content, match):
    """The message names the table, its file and the problem."""
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path(name).write_bytes(content)

    with pytest.raises(DataError, match=match):
        read_table(Path(name), what="the scores")


def test_a_failed_write_keeps_the_old_file(tmp_path):
    """Nothing is left of the new one."""
    path = write_text(tmp_path / "file.txt", "old")

    def fail(temporary: Path) -> None:
        temporary.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomic(path, fail)
    assert [p.name for p in tmp_path.iterdir()] == ["file.txt"]
    assert path.read_text() == "old"


def test_an_empty_table_removes_the_file_of_an_earlier_run(tmp_path):
    """A list of failures is there only if there are failures."""
    path = tmp_path / "failures.csv"
    write_or_remove(TABLE, path)
    assert path.is_file()

    write_or_remove(TABLE.iloc[:0], path)

    assert not path.exists()


@pytest.mark.parametrize("letter", ["a", "é", "心"])
def test_the_longest_name_can_be_written(tmp_path, letter):
    """255 bytes, which the name of the temporary file must not exceed either."""
    path = tmp_path / (letter * (255 // len(letter.encode())))

    assert write_text(path, "x").read_text() == "x"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_folder_that_cannot_be_created_raises(tmp_path):
    """A file is in its place."""
    (tmp_path / "file").touch()

    with pytest.raises(ConfigError, match="cannot write to the folder"):
        writable_folder(tmp_path / "file" / "out")


def test_a_manifest_has_versions_inputs_and_facts(tmp_path):
    """Read back as plain data; sets become sorted lists."""
    source = write_text(tmp_path / "input.csv", "a\n")

    written = write_manifest(tmp_path / "out", inputs={"table": source}, names={"b", "a"})

    manifest = read_manifest(tmp_path / "out")
    assert manifest["names"] == ["a", "b"]
    assert manifest["inputs"]["table"] == {"path": "input.csv", "sha256": sha256(source)}
    assert {"cxraudit", "numpy"} <= set(manifest["versions"])
    assert manifest == as_plain(written)
    assert read_manifest(tmp_path / "other") == {}
    assert json.loads((tmp_path / "out.manifest.json").read_text()) == manifest


def test_a_digest_does_not_depend_on_the_order_of_keys():
    """It depends on the values."""
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})


@pytest.mark.parametrize("content", [b"a = \n", b"a = '\xff'\n"])
def test_invalid_toml_raises(tmp_path, content):
    """A syntax error, or not UTF-8."""
    (tmp_path / "run.toml").write_bytes(content)

    with pytest.raises(ConfigError, match="not valid TOML in UTF-8"):
        read_toml(tmp_path / "run.toml", what="the run file")


def test_names_of_models_become_names_of_folders():
    """No character is left that is not valid in a file name."""
    assert folder_name("hf-clip:C:\\data\\my clip") == "hf-clip-C-data-my-clip"


def test_a_manifest_commits_the_files_it_names(tmp_path):
    """Whole files pass; one that was changed, is missing, or has no manifest is refused."""
    table, other = tmp_path / "a.csv", tmp_path / "b.csv"
    for file in (table, other):
        file.write_text("x")
    write_manifest(table, outputs=[table, other], seed=1)
    assert committed(table, remedy="Again.")["seed"] == 1

    other.write_text("y")
    with pytest.raises(DataError, match=r"b\.csv was changed .* Again"):
        committed(table, remedy="Again.")
    other.unlink()
    with pytest.raises(DataError, match=r"b\.csv is missing"):
        committed(table, remedy="Again.")
    other.write_text("x")
    with pytest.raises(DataError, match="no manifest"):
        committed(other, remedy="Again.")


def test_a_manifest_that_was_changed_commits_nothing(tmp_path):
    """Neither does one of a version that named no hashes."""
    table = write_text(tmp_path / "a.csv", "x")
    write_manifest(table, outputs=[table], seed=1)
    path = manifest_of(table)
    for text in (
        path.read_text().replace('"seed": 1', '"seed": 2'),
        '{"made_by": "cxraudit"}',
        "{",
    ):
        path.write_text(text)
        with pytest.raises(DataError, match=r"a\.csv\.manifest\.json is damaged.* Again\."):
            committed(table, remedy="Again.")


@pytest.mark.parametrize("content", ["", "{", "[1]", "null", "\x00", "[" * 100_000])
def test_a_damaged_manifest_is_one_sentence(tmp_path, content):
    """Empty, cut, of another kind, or nested without end."""
    (tmp_path / "a.csv.manifest.json").write_text(content)

    with pytest.raises(DataError, match="damaged"):
        read_manifest(tmp_path / "a.csv")


@pytest.mark.parametrize(
    "name",
    [
        "x" * 300,
        "肺" * 200,
        "../../etc/passwd",
        "..",
        ".",
        "",
        "/",
        "\n",
        "-rf",
        "a\x00b",
        "C:\\x",
        "~",
    ],
    ids=ascii,
)
def test_any_name_becomes_one_of_a_file(tmp_path, name):
    """In the folder, and not hidden."""
    made = folder_name(name)

    (tmp_path / f"{made}.png").touch()
    assert [path.name for path in tmp_path.iterdir()] == [f"{made}.png"]
    assert made[0] not in ".-"
    assert len(made.encode()) <= 150


def test_long_names_that_differ_at_the_end_have_files_of_their_own():
    """A figure of one finding does not replace that of another."""
    assert folder_name("x" * 300 + "a") != folder_name("x" * 300 + "b")


def test_a_file_waits_for_the_disk_unless_its_content_is_checked_later(tmp_path, monkeypatch):
    """Many small files do not; all are renamed in one step."""
    synced: list[int] = []
    monkeypatch.setattr("os.fsync", synced.append)
    write_atomic(tmp_path / "a", lambda path: path.write_text("a"))
    assert len(synced) == 1

    write_atomic(tmp_path / "b", lambda path: path.write_text("b"), through_power_cut=False)

    assert len(synced) == 1
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a", "b"]
