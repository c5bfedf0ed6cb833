"""A first run file: guesses state what was seen, the file runs, and gives what the flags of an audit give."""

import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cxraudit.audits.result import open_audit
from cxraudit.cli import main
from cxraudit.draft import draft_run_file
from cxraudit.draft.names import words_of
from cxraudit.errors import ConfigError, DataError, UnknownNameError
from cxraudit.run_file import read_run_file

QUICK = ["--resamples", "20", "--calibration", "none"]
QUICK_KEYS = '[audit]\nn_resamples = 20\ncalibration = "none"\n'


def table(**columns) -> pd.DataFrame:
    """Three images of each of 40 patients."""
    rng = np.random.default_rng(1)
    n = 120
    base = {
        "image_id": [f"i{k:04d}" for k in range(n)],
        "patient_id": [f"P{k // 3:03d}" for k in range(n)],
    }
    sex = [["F", "M"][k // 3 % 2] for k in range(n)]
    made = {name: cells(rng, n) if callable(cells) else cells for name, cells in columns.items()}
    return pd.DataFrame({**base, "sex": sex, **made})


def label(rng, n):
    """Labels, two of five positive."""
    return (rng.random(n) < 0.4).astype(int)


def number(rng, n):
    """Numbers of no relation to anything."""
    return rng.normal(size=n).round(4)


def word(*several):
    """One of some words each."""
    return lambda rng, n: rng.choice(several, n)


def several_models() -> pd.DataFrame:
    """One row per image and model."""
    one = table(Edema=label, score_Edema=number)
    other = one.assign(score_Edema=-one["score_Edema"])
    return pd.concat([one.assign(model="old"), other.assign(model="new")], ignore_index=True)


COMMON = "--image image_id --patient patient_id --sex sex"
SHAPES = {
    "prefix": (
        table(
            Edema=label,
            Pneumonia=label,
            prob_Edema=number,
            prob_Pneumonia=number,
            hospital=word("A", "B"),
        ),
        f"{COMMON} --label Edema=Edema --label Pneumonia=Pneumonia --score Edema=prob_Edema "
        "--score Pneumonia=prob_Pneumonia --attribute hospital",
    ),
    "suffix": (
        table(
            ptx=label,
            ptx_score=number,
            drain=word("yes", "no"),
            age=lambda rng, n: rng.integers(20, 90, n),
        ),
        f"{COMMON} --label Pneumothorax=ptx --score Pneumothorax=ptx_score --age age "
        "--shortcut drain=Pneumothorax",
    ),
    "other words for a finding": (
        table(effusion_label=label, Pleural_Effusion_pred=number, ViewPosition=word("PA", "AP")),
        f"{COMMON} --label 'Pleural Effusion=effusion_label' "
        "--score 'Pleural Effusion=Pleural_Effusion_pred' --view ViewPosition",
    ),
    "one pair": (
        table(label=label, score=number),
        f"{COMMON} --label finding=label --score finding=score",
    ),
    "one finding and a plain score": (
        table(Pneumothorax=label, probability=number),
        f"{COMMON} --label Pneumothorax=Pneumothorax --score Pneumothorax=probability",
    ),
    "two models by name": (
        table(edema=label, a_edema_prob=number, b_edema_prob=number),
        f"{COMMON} --label Edema=edema --score a:Edema=a_edema_prob --score b:Edema=b_edema_prob",
    ),
    "one model by name": (
        table(edema=label, chexnet_edema=number, nodule=label, chexnet_nodule=number),
        f"{COMMON} --label Edema=edema --score Edema=chexnet_edema --label Nodule=nodule "
        "--score Nodule=chexnet_nodule --model chexnet",
    ),
    "a column of models": (
        several_models(),
        f"{COMMON} --model-column model --label Edema=Edema --score Edema=score_Edema",
    ),
    "uncertain labels": (
        table(Edema=word("1", "0", "-1", ""), Edema_prob=number),
        f"{COMMON} --uncertain ignore --label Edema=Edema --score Edema=Edema_prob",
    ),
    "no patients": (
        table(Edema=label, Edema_prob=number)
        .drop(columns="patient_id")
        .rename(columns={"image_id": "file"}),
        "--image file --patient none --sex sex --label Edema=Edema --score Edema=Edema_prob",
    ),
    "a finding of one's own": (
        table(
            **{"rib | notch": label, "rib | notch score": number, "Ethnicity": word("a", "b", "c")}
        ),
        f"{COMMON} --label 'rib | notch=rib | notch' --score 'rib | notch=rib | notch score' --attribute Ethnicity",
    ),
}


def quickly(path: Path) -> None:
    """Let a run file take few resamples."""
    text = path.read_text(encoding="utf-8")
    assert "[audit]\n" in text
    path.write_text(text.replace("[audit]\n", QUICK_KEYS), encoding="utf-8")


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_file_runs_and_gives_what_the_flags_give(tmp_path, monkeypatch, shape, kind):
    """The same table of results, row by row."""
    import shlex

    frame, flags = SHAPES[shape]
    monkeypatch.chdir(tmp_path)
    if kind == "csv":
        frame.to_csv("t.csv", index=False)
    else:
        frame.to_parquet("t.parquet")

    assert main(["init", f"t.{kind}"]) == 0
    quickly(Path("audit.toml"))
    assert main(["run", "audit.toml", "-q"]) == 0
    assert main(["audit", f"t.{kind}", *shlex.split(flags), "--out", "flags", *QUICK]) == 0

    found, expected = open_audit("audit-t/audit"), open_audit("flags")
    pd.testing.assert_frame_equal(found.results, expected.results)
    assert set(found.results["attribute"]) == set(expected.results["attribute"])


def drafted(folder: Path, frame: pd.DataFrame, **how):
    """Draft a run file for a table; return the draft and the parsed file."""
    frame.to_csv(folder / "t.csv", index=False)
    draft = draft_run_file(folder / "t.csv", folder / "audit.toml", **how)
    return draft, tomllib.loads(draft.path.read_text(encoding="utf-8"))


def test_every_column_is_used_open_or_listed(tmp_path):
    """Nothing of the table is passed over in silence."""
    frame = table(
        Edema=label,
        Edema_prob=number,
        height=number,
        note=word("x", "y"),
        bmi=number,
        Pneumonia=label,
    )
    draft, _ = drafted(tmp_path, frame)

    text = draft.path.read_text(encoding="utf-8")
    assert [name for name in frame.columns if name not in text] == []
    assert {"height", "note"} <= set(draft.unused)
    assert '# attributes = ["bmi"]' in text
    assert "# bmi = [" in text
    assert "# Pneumonia = " in text


def test_two_columns_of_patients_that_differ_are_left_to_the_user(tmp_path):
    """A wrong patient makes every interval wrong."""
    frame = table(Edema=label, Edema_prob=number)
    frame["subject_id"] = frame["image_id"]
    draft, data = drafted(tmp_path, frame)

    assert "patient" not in data["scores"]
    assert any(one.startswith("patient") for one in draft.missing)
    with pytest.raises(ConfigError, match="patient"):
        read_run_file(draft.path)


def test_two_columns_that_name_the_same_patients_are_no_question(tmp_path):
    """One is taken, and the other one stated."""
    frame = table(Edema=label, Edema_prob=number)
    frame["mrn"] = frame["patient_id"].str.replace("P", "9")
    draft, data = drafted(tmp_path, frame)

    assert data["scores"]["patient"] == "patient_id"
    assert not draft.missing
    assert '# patient = "mrn"' in draft.path.read_text(encoding="utf-8")


@pytest.mark.parametrize("cells", [["1", "2"], ["M", "H"]])
def test_codes_of_sexes_are_not_guessed(tmp_path, cells):
    """They are a comment, with what to write."""
    frame = table(Edema=label, Edema_prob=number, sex=word(*cells))
    draft, data = drafted(tmp_path, frame)

    assert "sex" not in data["scores"]
    assert '# sex = "sex"' in draft.path.read_text(encoding="utf-8")
    assert "# sex_values" in draft.path.read_text(encoding="utf-8")
    assert not draft.problem


def test_a_number_beside_a_finding_is_no_score_unless_its_name_says_so(tmp_path):
    """Severity, or something unknown."""
    frame = table(Edema=label, Edema_prob=number, Edema_severity=number, Edema_foo=number)
    _, data = drafted(tmp_path, frame)

    assert data["scores"]["score"] == {"Edema": "Edema_prob"}


def test_two_columns_for_one_score_are_left_to_the_user(tmp_path):
    """And named."""
    frame = table(Edema=label, Edema_prob=number, Edema_score=number, Mass=label, Mass_prob=number)
    draft, data = drafted(tmp_path, frame)

    assert data["scores"]["score"] == {"Mass": "Mass_prob"}
    text = draft.path.read_text(encoding="utf-8")
    assert '# Edema = "Edema_prob"' in text
    assert '# Edema = "Edema_score"' in text


def test_a_shortcut_without_a_usual_finding_is_left_to_the_user(tmp_path):
    """With several findings; with one, it is that."""
    frame = table(Edema=label, Edema_prob=number, portable=word("yes", "no"))
    (tmp_path / "one").mkdir()
    _, one = drafted(tmp_path / "one", frame)
    _, two = drafted(
        tmp_path, frame.assign(Mass=label(np.random.default_rng(3), 120), Mass_prob=0.5)
    )

    assert one["audit"]["shortcuts"] == {"portable": "Edema"}
    assert "shortcuts" not in two["audit"]


def test_a_run_file_is_never_replaced(tmp_path):
    """Nor is anything written in another case."""
    out = tmp_path / "audit.toml"
    out.write_text("mine")

    with pytest.raises(ConfigError, match="is there already"):
        drafted(tmp_path, table(Edema=label, Edema_prob=number))
    assert out.read_text() == "mine"
    with pytest.raises(DataError, match="missing"):
        draft_run_file(tmp_path / "none.csv", tmp_path / "other.toml")
    with pytest.raises(ConfigError, match="TOML"):
        draft_run_file(tmp_path / "t.csv", tmp_path / "other.json")
    with pytest.raises(UnknownNameError, match="nih-cxr14"):
        draft_run_file(tmp_path / "t.csv", tmp_path / "other.toml", dataset="nih-cxr-14")
    assert not (tmp_path / "other.toml").exists()


HOSTILE = [
    "x\nout = 'y'",
    '"]\nout = 1',
    "# a",
    "<b>",
    "a|b",
    "\u202egrp",
    "$\\frac{$",
    "'\"",
    "ü" * 300,
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_names(tmp_path, name):
    """As columns of scores, attributes and unused ones, and as the name of the table."""
    frame = table(
        **{"Edema": label, "Edema_prob": number, f"site {name}": word("a", "b"), f"note {name}": 1}
    )
    frame.to_parquet(tmp_path / "t.parquet")
    if "\n" in name:
        with pytest.raises(DataError, match="line break"):
            draft_run_file(tmp_path / "t.parquet", tmp_path / "audit.toml")
        return
    draft = draft_run_file(tmp_path / "t.parquet", tmp_path / "audit.toml")

    text = draft.path.read_text(encoding="utf-8")
    data = tomllib.loads(text)
    assert data["out"] == "audit-t"
    assert data["audit"]["attributes"] == [f"site {name}"]
    assert not draft.problem
    assert text.replace("\n", "").isprintable()


def test_labels_of_a_data_set(tmp_path, nih_release):
    """A table without labels needs the data set; its name is guessed from the names of images."""
    images = sorted(path.name for path in Path(nih_release).rglob("*.png"))
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"Image Index": images, "prob_Effusion": rng.random(len(images)), "age": 50}
    )
    (tmp_path / "one").mkdir()

    without, _ = drafted(tmp_path / "one", frame)
    draft, data = drafted(tmp_path, frame, dataset="nih-cxr14", root=nih_release)

    assert any(one.startswith("root") for one in without.missing)
    assert data["scores"]["score"] == {"Pleural Effusion": "prob_Effusion"}
    assert data["scores"]["image"] == "Image Index"
    assert "age" in draft.unused
    assert (draft.missing, draft.problem) == ((), "")


def test_what_an_audit_would_refuse_is_said(tmp_path, capsys):
    """The guesses are read as an audit reads them."""
    frame = table(Edema=label, Edema_prob=number)
    frame.loc[3, "Edema_prob"] = np.inf
    frame.to_parquet(tmp_path / "t.parquet")

    assert main(["init", str(tmp_path / "t.parquet"), "--out", str(tmp_path / "audit.toml")]) == 0
    assert "To decide" in capsys.readouterr().out


def test_labels_without_scores_are_kept(tmp_path):
    """The scores may have an unusual name, which is to be filled in."""
    draft, data = drafted(tmp_path, table(Edema=label, Mass=label, zeta=number))

    assert data["scores"]["label"] == {"Edema": "Edema", "Mass": "Mass"}
    assert draft.missing == ("score: no column of scores was recognised",)
    assert draft.unused == {"zeta": "numbers, 120 different values"}


def test_one_row_per_image_and_finding_needs_no_columns_of_scores(tmp_path):
    """Under the names that such tables have; labels are those of a data set."""
    frame = pd.DataFrame(
        {
            "image_id": ["a", "a", "b", "b"],
            "finding": ["Edema", "Mass"] * 2,
            "score": [0.1, 0.2, 0.3, 0.4],
        }
    )
    draft, data = drafted(tmp_path, frame)

    assert data["scores"] == {"file": str(tmp_path / "t.csv"), "image": "image_id"}
    assert {one.partition(":")[0] for one in draft.missing} == {"dataset", "root"}


@pytest.mark.parametrize(
    ("frame", "missing"),
    [
        (table(Edema=label, Edema_prob=number, patient_id=[""] * 9 + ["p"] * 111), "patient"),
        (pd.concat([table(Edema=label, Edema_prob=number)] * 2), "image"),
    ],
    ids=["patients that are not all there", "images in two rows"],
)
def test_what_cannot_be_guessed_is_to_be_decided(tmp_path, frame, missing):
    """And is a comment."""
    draft, data = drafted(tmp_path, frame)

    assert [one.partition(":")[0] for one in draft.missing] == [missing]
    assert missing not in data["scores"]


def test_a_score_of_something_else_is_no_model(tmp_path):
    """Nor is one that is called a score only, if the finding has its own."""
    frame = table(Edema=label, Edema_prob=number, quality_score=number)
    (tmp_path / "one").mkdir()

    _, data = drafted(tmp_path, frame)
    draft, alone = drafted(tmp_path / "one", frame.drop(columns="Edema_prob"))

    assert data["scores"]["score"] == {"Edema": "Edema_prob"}
    assert "score" not in alone["scores"]
    assert draft.missing == ("score: no column of scores was recognised",)


def test_a_column_without_any_known_value_is_a_comment(tmp_path):
    """Ages, sexes and views."""
    frame = table(Edema=label, Edema_prob=number, age="unknown", view="")
    frame["sex"] = "not known"
    _, data = drafted(tmp_path, frame)

    assert {"age", "sex", "view"} & set(data["scores"]) == set()


def test_names_are_divided_into_words():
    """As programs and people write them."""
    assert (
        words_of("patientID")
        == words_of("Patient ID")
        == words_of("patient-id")
        == ("patient", "id")
    )


def test_a_file_is_named_from_the_folder_of_the_run_file(tmp_path, monkeypatch):
    """Wherever both lie."""
    (tmp_path / "data").mkdir()
    table(Edema=label, Edema_prob=number).to_csv(tmp_path / "data" / "t.csv", index=False)
    monkeypatch.chdir(tmp_path)
    draft_run_file("data/t.csv", "runs/audit.toml")

    run = read_run_file("runs/audit.toml")
    assert run.scores is not None
    assert run.scores.file.resolve() == tmp_path / "data" / "t.csv"
