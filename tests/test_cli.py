"""The command line: the whole way from images to a report, and one clear sentence for each mistake."""

import json
import os
import subprocess
import sys

import pandas as pd
import pytest

from cxraudit.cli import main
from planted import planted_table

COLUMNS = [
    "--image",
    "file",
    "--patient",
    "pid",
    "--label",
    "Pneumothorax=Pneumothorax",
    "--score",
    "Pneumothorax=score_Pneumothorax",
    "--resamples",
    "100",
]


@pytest.fixture
def own_table(tmp_path):
    """A table with labels, scores and attributes, as a hospital has it."""
    path = tmp_path / "ours.csv"
    planted_table(0, n_patients=150).to_csv(path, index=False)
    return path


def run(*arguments) -> int:
    """Run the command line in this process."""
    return main([str(argument) for argument in arguments])


def test_from_images_to_report(nih_release, tmp_path, capsys):
    """encode, score, audit, report on a made-up NIH release, with manifests at every step."""
    work = tmp_path / "work"

    assert (
        run("encode", "nih-cxr14", "--root", nih_release, "--model", "random", "--out", work, "-q")
        == 0
    )
    assert run("score", work, "--finding", "Pneumothorax", "--finding", "Cardiomegaly") == 0
    assert run("audit", work / "scores.parquet", "--resamples", "100") == 0
    assert run("report", work / "audit", "--out", work / "again.html") == 0

    results = pd.read_parquet(work / "audit" / "results.parquet")
    assert set(results["finding"]) == {"Pneumothorax", "Cardiomegaly"}
    assert set(results["attribute"]) == {
        "all",
        "age_group",
        "sex",
        "view_position",
        "drain",
        "drain (dose)",
    }
    assert (work / "again.html").read_text().startswith("<!doctype html>")
    manifest = json.loads((work / "audit" / "results.parquet.manifest.json").read_text())
    assert manifest["cards"]["random"]["name"] == "random"
    assert len(manifest["prompt_hash"]) == 16
    assert manifest["inputs"]["scores"]["sha256"]
    assert "numpy" in manifest["versions"]
    assert "random on phantom-nih" in capsys.readouterr().out


def test_the_demo_on_few_patients(tmp_path, capsys):
    """Both releases, both models, one report; the audit by hand gives the same bytes."""
    assert run("demo", tmp_path / "demo", "--patients", "24", "-q") == 0
    work = tmp_path / "demo" / "phantom-nih"
    first = (work / "audit" / "results.csv").read_bytes()
    again = tmp_path / "again"
    assert (
        run("audit", work / "scores.parquet", "--seed", "2025", "--no-embeddings", "--out", again)
        == 0
    )

    html = (tmp_path / "demo" / "report.html").read_text()
    assert "These radiographs are synthetic" in html
    assert "Does the instrument read true?" in html
    assert "images changed on purpose" in html
    assert (again / "results.csv").read_bytes() == first
    assert "random on phantom-mimic" in capsys.readouterr().out


def test_a_run_file_does_the_whole_chain(mimic_release, tmp_path):
    """One TOML; a second run ends with the same results."""
    config = tmp_path / "audit.toml"
    config.write_text(
        f"""
        out = "result"
        seed = 3
        [dataset]
        name = "mimic-cxr"
        root = "{mimic_release}"
        options = {{ views = "all" }}
        [encode]
        models = ["random"]
        findings = ["Pneumonia"]
        [stress]
        images = 30
        edits = ["drain", "jpeg"]
        [audit]
        attributes = ["race"]
        n_resamples = 60
        """
    )

    assert run("run", config, "-q") == 0
    first = pd.read_parquet(tmp_path / "result" / "audit" / "results.parquet")
    assert run("run", config, "-q") == 0

    pd.testing.assert_frame_equal(
        first, pd.read_parquet(tmp_path / "result" / "audit" / "results.parquet")
    )
    assert set(first["attribute"]) == {"all", "race"}
    edits = pd.read_parquet(tmp_path / "result" / "audit" / "edits.parquet")
    assert {"drain", "sham", "drain-added", "jpeg"} <= set(edits["edit"])
    assert (tmp_path / "result" / "audit" / "report.html").is_file()


def test_an_audit_of_a_plain_table_needs_no_torch(own_table):
    """In a fresh interpreter in which torch cannot be imported."""
    arguments = ["audit", str(own_table), *COLUMNS, "--sex", "sex", "--age", "age"]
    code = (
        "import sys; sys.modules['torch'] = sys.modules['transformers'] = None\n"
        f"from cxraudit.cli import main; sys.exit(main({arguments!r}))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert (own_table.parent / "audit" / "report.html").is_file()


def test_intersections_from_the_command_line(own_table):
    """--attribute with a star, beside plain columns."""
    assert (
        run(
            "audit",
            own_table,
            *COLUMNS,
            "--sex",
            "sex",
            "--attribute",
            "race",
            "--attribute",
            "sex*race",
        )
        == 0
    )

    results = pd.read_parquet(own_table.parent / "audit" / "results.parquet")
    assert set(results["attribute"]) == {"all", "sex", "race", "sex*race"}
    assert "sex × race" in (own_table.parent / "audit" / "report.html").read_text()


def test_a_table_separated_by_semicolons_is_read(tmp_path):
    """As spreadsheets in many countries save it."""
    path = tmp_path / "ours.csv"
    planted_table(0, n_patients=60).to_csv(path, index=False, sep=";")

    assert run("audit", path, *COLUMNS, "--sex", "sex") == 0


def test_help_imports_nothing_heavy():
    """numpy, pandas, torch, matplotlib stay out of --help."""
    code = (
        "import sys; from cxraudit.cli import main; main(['--help'])\n"
        "heavy = {'numpy','pandas','torch','matplotlib','scipy','numba','pyarrow','PIL'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout


@pytest.mark.parametrize(
    "command",
    ["demo", "phantom", "datasets", "models", "encode", "score", "audit", "report", "run"],
)
def test_every_command_explains_itself(command, capsys):
    """Help with a sentence for every option."""
    assert run(command, "--help") == 0
    assert len(capsys.readouterr().out) > 200


def test_lists_of_models_and_data_sets_are_complete(capsys):
    """Every registered name is listed; with a name, its details."""
    from cxraudit import datasets, models

    assert run("models") == 0
    assert run("datasets") == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in [*models.available(), *datasets.available()])
    assert run("models", "phantom-clip") == 0
    assert run("datasets", "mimic-cxr") == 0
    details = capsys.readouterr().out
    assert "phantom:seed=1907" in details
    assert "uncertain" in details


def test_a_phantom_with_other_effects(tmp_path, capsys):
    """A sex effect instead of the age effect, by options."""
    assert (
        run(
            "phantom",
            tmp_path / "p",
            "--patients",
            "4",
            "--image-size",
            "64",
            "--contrast",
            "80+=1",
            "--contrast",
            "female=0.5",
            "--layout",
            "mimic",
            "-q",
        )
        == 0
    )

    truth = json.loads((tmp_path / "p" / "phantom_truth.json").read_text())
    assert truth["planted"]["sex"] is True
    assert truth["planted"]["age_group"] is False
    assert "4 synthetic patients" in capsys.readouterr().out


def test_a_image_that_cannot_be_read_is_named_and_the_rest_goes_on(nih_release, tmp_path, capsys):
    """A corrupt and a missing image: both in failures.csv and on stderr."""
    import shutil

    root = shutil.copytree(nih_release, tmp_path / "copy")
    (root / "images" / "00000001_000.png").write_bytes(b"broken")
    (root / "images" / "00000002_000.png").unlink()

    assert (
        run(
            "encode",
            "nih-cxr14",
            "--root",
            root,
            "--model",
            "random",
            "--out",
            tmp_path / "w",
            "-q",
        )
        == 0
    )

    failures = pd.read_csv(tmp_path / "w" / "failures.csv")
    assert failures["image_id"].tolist() == ["00000001_000.png", "00000002_000.png"]
    assert "2 images could not be read" in capsys.readouterr().err
    assert run("score", tmp_path / "w", "--finding", "Pneumonia") == 0
    assert run("audit", tmp_path / "w" / "scores.parquet", "--resamples", "20") == 0
    exclusions = pd.read_csv(tmp_path / "w" / "audit" / "exclusions.csv").set_index("step")
    assert exclusions.loc["scored", "images"] == 2


def mistakes(tmp_path, own_table, nih):
    """Commands that must fail, and what they must say."""
    empty = tmp_path / "empty.csv"
    empty.write_text("file,pid\n")
    return {
        "no model named 'medclipp'": [
            "encode",
            "nih-cxr14",
            "--root",
            nih,
            "--model",
            "medclipp",
            "--out",
            tmp_path,
        ],
        "Did you mean 'nih-cxr14'": [
            "encode",
            "nih-cxr",
            "--root",
            nih,
            "--model",
            "random",
            "--out",
            tmp_path,
        ],
        "is missing. Give the folder": [
            "encode",
            "nih-cxr14",
            "--root",
            tmp_path / "no",
            "--model",
            "random",
            "--out",
            tmp_path,
        ],
        "option of dataset nih-cxr14 named 'splitt'": [
            "encode",
            "nih-cxr14",
            "--root",
            nih,
            "--model",
            "random",
            "--out",
            tmp_path,
            "--option",
            "splitt=x",
        ],
        "takes NAME=VALUE": [
            "encode",
            "nih-cxr14",
            "--root",
            nih,
            "--model",
            "random",
            "--out",
            tmp_path,
            "--option",
            "subset",
        ],
        "holds no embeddings": ["score", tmp_path / "nowhere"],
        "scores table": [
            "audit",
            tmp_path / "none.parquet",
            "--dataset",
            "nih-cxr14",
            "--root",
            nih,
        ],
        "nothing says what the images": ["audit", own_table],
        "lacks the column pidd": [
            "audit",
            own_table,
            *[c if c != "pid" else "pidd" for c in COLUMNS],
        ],
        "no rows": [
            "audit",
            empty,
            *[c for c in COLUMNS if "umothorax" not in c and c not in ("--label", "--score")],
            "--label",
            "file=file",
            "--score",
            "file=file",
        ],
        "no finding named 'Pneumotorax'. Did you mean": [
            "audit",
            own_table,
            *[c.replace("Pneumothorax=score", "Pneumotorax=score") for c in COLUMNS],
        ],
        "also name the columns of the image and the patient": [
            "audit",
            own_table,
            "--label",
            "a=b",
        ],
        "no column begins with": [
            "audit",
            own_table,
            "--dataset",
            "nih-cxr14",
            "--root",
            nih,
            "--image",
            "file",
            "--score-prefix",
            "prob_",
        ],
        "needs --root": ["audit", own_table, "--dataset", "nih-cxr14"],
        "the configuration": ["run", tmp_path / "none.toml"],
        "Invalid value": ["audit", own_table, *COLUMNS, "--margin", "2"],
        "unknown command": ["audti"],
        "Must be > 0.5": ["audit", own_table, *COLUMNS, "--confidence-level", "0.4"],
        "Must be >= 0": ["audit", own_table, *COLUMNS, "--seed=-1"],
        "names 'Pneumothorax' twice": ["audit", own_table, *COLUMNS, "--score", "Pneumothorax=age"],
        "add --label": ["audit", own_table, "--sex", "sex"],
        "either --dataset or --label": [
            "audit",
            own_table,
            *COLUMNS,
            "--dataset",
            "nih-cxr14",
            "--root",
            nih,
        ],
        "needs a place of its own": ["report", tmp_path, tmp_path],
        "no phantom layout named 'nhi'. Did you mean 'nih'": [
            "phantom",
            tmp_path / "p",
            "--layout",
            "nhi",
        ],
        "is a folder": ["report", tmp_path, "--out", tmp_path],
    }


@pytest.mark.parametrize("number", range(25))
def test_every_mistake_gets_one_clear_sentence_and_exit_code_2(
    tmp_path, own_table, nih_release, number, capsys
):
    """No traceback, the informative part, and nothing half-written."""
    (tmp_path / "x").mkdir()
    expected, arguments = list(mistakes(tmp_path / "x", own_table, nih_release).items())[number]
    before = sorted(path for path in tmp_path.rglob("*"))

    code = run(*arguments)

    message = capsys.readouterr().err
    assert code == 2, message
    assert expected.lower() in message.lower()
    assert message.startswith("cxraudit: ")
    assert "Traceback" not in message
    left = [path for path in tmp_path.rglob("*") if path.suffix in (".parquet", ".html")]
    assert [path for path in left if path not in before] == []


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"colour = 1": ""}, "colour: unknown key"),
        ({"": "[encode]\nmodels = []\n"}, "encode.models"),
        ({"": "[scores]\nfile = 'x.csv'\n[encode]\nmodels = ['random']\n"}, "not both"),
        ({"": "[scores]\nfile = 'x.csv'\n[audit]\nmargin = 3\n"}, "audit.margin"),
        ({"": "[scores\n"}, "not valid TOML"),
    ],
)
def test_every_mistake_in_a_run_file_is_named_with_its_place(tmp_path, capsys, change, match):
    """Unknown keys are errors."""
    ((first, rest),) = change.items()
    path = tmp_path / "audit.toml"
    path.write_text(f'out = "o"\n{first}\n[dataset]\nname = "nih-cxr14"\nroot = "."\n{rest}')

    assert run("run", path) == 2
    assert match in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_refused_before_any_work(own_table, tmp_path, capsys):
    """As an ordinary user sees it."""
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)

    assert run("audit", own_table, *COLUMNS, "--out", locked) == 2
    assert "cannot write to the folder" in capsys.readouterr().err


def test_an_output_folder_that_cannot_be_made_is_refused_before_any_work(
    own_table, tmp_path, capsys
):
    """A file stands where the folder should be (as root sees a read-only place)."""
    (tmp_path / "file").write_text("")

    assert run("audit", own_table, *COLUMNS, "--out", tmp_path / "file" / "out") == 2
    assert "cannot write to the folder" in capsys.readouterr().err


def test_a_refused_encode_leaves_the_cohort_as_it_was(nih_release, tmp_path, capsys):
    """Another subset into the same folder: exit code 2, images.parquet untouched."""
    work, listed = tmp_path / "work", tmp_path / "few.txt"
    listed.write_text("00000001_000.png")
    encode = [
        "encode",
        "nih-cxr14",
        "--root",
        nih_release,
        "--model",
        "random",
        "--out",
        work,
        "-q",
    ]
    assert run(*encode) == 0
    before = (work / "images.parquet").read_bytes()

    assert run(*encode, "--option", f"subset={listed}") == 2
    assert "differ in images" in capsys.readouterr().err
    assert (work / "images.parquet").read_bytes() == before


def test_ctrl_c_ends_with_130_and_a_word(monkeypatch, capsys):
    """And says that the same command goes on."""

    def stopped(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("cxraudit.datasets.module", stopped)

    assert run("datasets", "table") == 130
    assert "goes on from here" in capsys.readouterr().err


def test_releases_are_found_and_checked(nih_release, mimic_release, tmp_path, capsys):
    """What lies in a folder, what is missing; counts beside the published ones, exit code 2."""
    (tmp_path / "nih").symlink_to(nih_release)
    (tmp_path / "mimic").symlink_to(mimic_release)
    (tmp_path / "nih2").mkdir()

    assert main(["datasets", "find", str(nih_release)]) == 0
    found = capsys.readouterr().out
    assert "nih-cxr14: ready" in found
    assert "not here BBox_List_2017.csv" in found
    assert main(["datasets", "find", str(mimic_release)]) == 0
    assert "mimic-cxr: ready" in capsys.readouterr().out
    assert main(["datasets", "find", str(tmp_path / "nih2")]) == 0
    assert "No known release" in capsys.readouterr().out
    assert main(["datasets", "check", "nih-cxr14", str(nih_release)]) == 2
    said = capsys.readouterr()
    assert "published   112,120" in said.out
    assert "counts differ" in said.err
    assert main(["datasets", "check", "table", str(nih_release)]) == 2
    assert "no published counts" in capsys.readouterr().err
    assert main(["datasets", "mimic-cxr"]) == 0
    assert "--option cohort=paper is split=test" in capsys.readouterr().out


def test_predicted_drains_go_from_the_detector_into_the_report(nih_release, tmp_path, capsys):
    """A file of predicted labels with its errors: two arms more, a corrected gap and bounds."""
    import numpy as np

    from cxraudit import datasets
    from cxraudit.files import write_manifest, write_table

    images = datasets.load("nih-cxr14", nih_release).images
    rng = np.random.default_rng(0)
    (nih_release / "CXR14_Drains_Labels.csv").rename(tmp_path / "all.csv")
    try:
        table = pd.read_csv(tmp_path / "all.csv", sep=";")
        people = (table["Drain_a1"].notna()) & (np.arange(len(table)) % 2 == 0)
        for column in ("Drain_a1", "Drain_a2", "Drain"):
            table[column] = table[column].where(people)
        table.to_csv(nih_release / "CXR14_Drains_Labels.csv", sep=";", index=False)
        labels = pd.DataFrame({"image_id": images["image_id"], "drain": images["drain"]})
        labels["drain_probability"] = rng.random(len(labels))
        write_table(labels, tmp_path / "predicted.csv")
        errors = {
            "sensitivity": 0.9,
            "sensitivity_low": 0.8,
            "specificity": 0.95,
            "specificity_low": 0.9,
            "sensitivity_high": 0.95,
            "specificity_high": 0.99,
        }
        write_manifest(tmp_path / "predicted.csv", detector={"shortcut": "drain", "errors": errors})
        scores = pd.DataFrame(
            {
                "image": images["image_id"],
                "ptx": images["Pneumothorax"] + rng.normal(size=len(images)),
            }
        )
        scores.to_csv(tmp_path / "scores.csv", index=False)

        code = main(
            [
                "audit",
                str(tmp_path / "scores.csv"),
                "--dataset",
                "nih-cxr14",
                "--root",
                str(nih_release),
                "--option",
                f"predicted={tmp_path / 'predicted.csv'}",
                "--image",
                "image",
                "--score",
                "Pneumothorax=ptx",
                "--resamples",
                "200",
                "--out",
                str(tmp_path / "out"),
            ]
        )
    finally:
        (tmp_path / "all.csv").rename(nih_release / "CXR14_Drains_Labels.csv")

    assert code == 0
    capsys.readouterr()
    results = pd.read_parquet(tmp_path / "out" / "results.parquet")
    gaps = results[(results["reference"] == "without")].set_index(["attribute", "metric"])
    assert np.isfinite(gaps.loc[("drain (annotated only)", "auroc"), "value"])
    corrected = gaps.loc[("drain", "auroc_if_errors_random"), "value"]
    bounds = gaps.loc[("drain", "auroc_bounds")]
    assert bounds["low"] <= gaps.loc[("drain", "auroc"), "value"] <= bounds["high"]
    assert np.isfinite(corrected)
    html = (tmp_path / "out" / "report.html").read_text()
    assert "Put right for its errors" in html
    assert "chest drain (annotated only)" in html


def test_groups_of_own_columns_can_be_shortcuts(tmp_path, capsys):
    """A column of ones and zeros with gaps, a group of a column of numbers, and one of sex."""
    frame = planted_table(15, n_patients=150)
    frame["device"] = frame["drain"].astype(float).mask(frame.index % 10 == 0)
    frame["ward"] = (frame["pid"] % 3).astype(float).mask(frame["pid"] % 7 == 0)
    frame.to_csv(tmp_path / "own.csv", index=False)
    columns = [
        "--image",
        "file",
        "--patient",
        "pid",
        "--sex",
        "sex",
        "--label",
        "Pneumothorax=Pneumothorax",
        "--score",
        "Pneumothorax=score_Pneumothorax",
    ]
    shortcuts = [
        part
        for name in ("device", "ward:2", "sex:male")
        for part in ("--shortcut", f"{name}=Pneumothorax")
    ]
    out = tmp_path / "out"
    assert (
        run("audit", tmp_path / "own.csv", *columns, *shortcuts, "--resamples", "150", "--out", out)
        == 0
    )
    seen = pd.read_parquet(out / "results.parquet").query("metric == 'detectability'")
    assert set(seen["attribute"]) == {"device", "ward:2", "sex:male"}
    among = seen[(seen["attribute"] == "ward:2") & (seen["reference"] == "")]
    known = frame["ward"].notna() & (frame["Pneumothorax"] == 1)
    assert among.set_index("group").loc["among positives", "n"] == known.sum()
    assert run("audit", tmp_path / "own.csv", *columns, "--shortcut", "ward:9=Pneumothorax") == 2
    assert "no ward group named '9'" in capsys.readouterr().err
