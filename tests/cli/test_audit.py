"""``cxraudit audit``: its three sources of labels, and what it refuses."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from cxraudit import datasets, open_audit
from cxraudit.files import write_manifest, write_table
from cxraudit.schema import BOUNDS, CORRECTED, OVERALL, POSITIVES, Analysis
from planted import planted_table


def results_in(folder) -> pd.DataFrame:
    """Read the results of an audit."""
    return pd.read_parquet(folder / "results.parquet")


def test_a_plain_table_needs_no_torch(own_table, columns):
    """In a fresh interpreter in which torch cannot be imported."""
    arguments = ["audit", str(own_table), *columns.split(), "--sex", "sex", "--age", "age"]
    code = (
        "import sys; sys.modules['torch'] = sys.modules['transformers'] = None\n"
        f"from cxraudit.cli import main; sys.exit(main({arguments!r}))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert (own_table.parent / "audit" / "report.html").is_file()


def test_the_summary_holds_the_statements_of_the_report(own_table, columns, run, capsys):
    """The terminal and the page use the same words."""
    from cxraudit.audits.result import open_audit
    from cxraudit.report.statements import of_model

    assert run("audit", own_table, columns, "--sex sex") == 0

    shown = capsys.readouterr().out
    statements = of_model(open_audit(own_table.parent / "audit"), "model")
    assert statements
    for statement in statements:
        assert statement.headline in shown
        assert statement.detail in shown
    assert f"Report: {own_table.parent / 'audit' / 'report.html'}" in shown


def test_settings_reach_the_audit(own_table, columns, run):
    """Level and interval by flags, a reference group by NAME=VALUE."""
    flags = "--confidence-level 0.8 --interval bca --reference sex=male --sex sex"

    assert run("audit", own_table, columns, flags) == 0

    found = results_in(own_table.parent / "audit")
    assert set(found["confidence_level"].dropna()) <= {0.8}
    assert (found["analysis"] == Analysis.REFERENCE_GROUP).any()


def test_intersections(own_table, columns, run):
    """--attribute with a star, beside plain columns."""
    flags = "--sex sex --attribute race --attribute sex*race"

    assert run("audit", own_table, columns, flags) == 0

    found = results_in(own_table.parent / "audit")
    assert set(found["attribute"]) == {OVERALL, "sex", "race", "sex*race"}
    assert "sex × race" in (own_table.parent / "audit" / "report.html").read_text()


def test_a_table_separated_by_semicolons_is_read(tmp_path, columns, run):
    """As spreadsheets in many countries save it."""
    path = tmp_path / "ours.csv"
    planted_table(0, n_patients=60).to_csv(path, index=False, sep=";")

    assert run("audit", path, columns, "--sex sex") == 0


def test_groups_of_own_columns_can_be_shortcuts(tmp_path, run, capsys):
    """A column of ones and zeros with gaps, a group of a column of numbers, and one of sex."""
    frame = planted_table(15, n_patients=150)
    frame["device"] = frame["drain"].astype(float).mask(frame.index % 10 == 0)
    frame["ward"] = (frame["pid"] % 3).astype("Int64").mask(frame["pid"] % 7 == 0)
    frame.to_csv(tmp_path / "own.csv", index=False)
    columns = (
        "--image file --patient pid --sex sex --label Pneumothorax=Pneumothorax "
        "--score Pneumothorax=score_Pneumothorax --resamples 150"
    )
    names = ("device", "ward:2", "sex:male")
    shortcuts = " ".join(f"--shortcut {name}=Pneumothorax" for name in names)
    out = tmp_path / "out"

    assert run("audit", tmp_path / "own.csv", columns, shortcuts, "--out", out) == 0

    rows = results_in(out).query("analysis == @Analysis.SHORTCUT_SEPARATION")
    assert set(rows["attribute"]) == set(names)
    ward = rows[(rows["attribute"] == "ward:2") & (rows["reference"] == "")].set_index("group")
    known = frame["ward"].notna() & (frame["Pneumothorax"] == 1)
    assert ward.loc[POSITIVES, "n"] == known.sum()
    assert run("audit", tmp_path / "own.csv", columns, "--shortcut ward:9=Pneumothorax") == 2
    assert "no ward group named '9'" in capsys.readouterr().err


def test_predicted_drains_reach_the_report(nih_release, tmp_path, run, capsys):
    """A file of predicted labels with its errors: annotated rows beside, a corrected gap, bounds."""
    images = datasets.load("nih-cxr14", nih_release).images
    rng = np.random.default_rng(0)
    annotated, kept = nih_release / "CXR14_Drains_Labels.csv", tmp_path / "all.csv"
    annotated.rename(kept)
    try:
        table = pd.read_csv(kept, sep=";")
        by_annotators = (table["Drain_a1"].notna()) & (np.arange(len(table)) % 2 == 0)
        for column in ("Drain_a1", "Drain_a2", "Drain"):
            table[column] = table[column].where(by_annotators)
        table.to_csv(annotated, sep=";", index=False)
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
        write_manifest(
            tmp_path / "predicted.csv",
            outputs=[tmp_path / "predicted.csv"],
            detector={"shortcut": "drain", "errors": errors},
        )
        scores = images["Pneumothorax"] + rng.normal(size=len(images))
        pd.DataFrame({"image": images["image_id"], "ptx": scores}).to_csv(
            tmp_path / "scores.csv", index=False
        )

        code = run(
            f"audit {tmp_path}/scores.csv --dataset nih-cxr14 --root {nih_release} --image image "
            f"--option predicted={tmp_path}/predicted.csv --score Pneumothorax=ptx "
            f"--resamples 200 --out {tmp_path}/out"
        )
    finally:
        kept.rename(annotated)

    assert code == 0, capsys.readouterr().err
    rows = results_in(tmp_path / "out")
    gaps = rows[(rows["attribute"] == "drain") & (rows["reference"] == "without")]
    shortcut = gaps[(gaps["analysis"] == Analysis.SHORTCUT) & (gaps["metric"] == "auroc")]
    shortcut = shortcut.set_index("label_source")
    assert np.isfinite(shortcut.loc["annotated", "value"])
    errors = gaps[gaps["analysis"] == Analysis.SHORTCUT_LABEL_ERRORS].set_index("condition")
    assert np.isfinite(errors.loc[CORRECTED, "value"])
    assert errors.loc[BOUNDS, "low"] <= shortcut.loc["", "value"] <= errors.loc[BOUNDS, "high"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_refused_before_any_work(own_table, columns, tmp_path, run, capsys):
    """As an ordinary user meets it."""
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)

    assert run("audit", own_table, columns, "--out", locked) == 2
    assert "cannot write to the folder" in capsys.readouterr().err


def test_an_output_folder_that_cannot_be_made_is_refused_before_any_work(
    own_table, columns, tmp_path, run, capsys
):
    """A file stands where the folder should be (as root meets a read-only place)."""
    (tmp_path / "file").write_text("")

    assert run("audit", own_table, columns, "--out", tmp_path / "file" / "out") == 2
    assert "cannot write to the folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong",
    [
        "--threshold Zebra=0.3",
        "--replicate-of nobody=model",
        "--sampling-weight minus",
        "--attribute nothing",
        "--reference sex=robot",
        "--shortcut nothing=Pneumothorax",
        "--trained-on nobody=nih",
    ],
)
def test_a_refused_audit_leaves_nothing(own_table, columns, tmp_path, run, wrong):
    """Neither the folder nor those it lies in."""
    table = pd.read_csv(own_table)
    table.assign(minus=-1.0).to_csv(own_table, index=False)

    assert (
        run("audit", own_table, columns, "--sex sex", wrong, "--out", tmp_path / "a" / "out") == 2
    )
    assert [path.name for path in tmp_path.iterdir()] == [own_table.name]


def test_other_refused_commands_leave_nothing(own_table, nih_release, tmp_path, run):
    """Whatever is wrong with what they read."""
    out, root = tmp_path / "a" / "out", tmp_path / "release"
    for refused in (
        f"encode nih-cxr14 --root {root} --model random --out {out}",
        f"encode nih-cxr14 --root {nih_release} --model nothing --out {out}",
        f"score {out}",
        f"perturb {out}",
        f"report {out} --out {out}/report.html",
        f"prepare nih-cxr14 --root {root} --out {out}",
        f"plan {own_table} --out {out}/plan.csv",
        f"paper run --model random --nih {root} --out {out}",
        f"paper compare {out} --out {out}",
        f"drains train nih-cxr14 --root {nih_release} --out {out}",
        f"drains apply {out} nih-cxr14 --root {nih_release} --out {out}",
        f"phantom {out} --layout nothing",
    ):
        assert run(refused) == 2, refused
    assert [path.name for path in tmp_path.iterdir()] == [own_table.name]


class TestOwnEmbeddings:
    """``--embeddings``: heads where there are no scores."""

    def written(self, folder):
        """Write labels and embeddings of 200 patients, a direction per finding."""
        rng = np.random.default_rng(0)
        patients = np.repeat(np.arange(200), 2)
        frame = pd.DataFrame(
            {
                "file": [f"i{k}" for k in range(400)],
                "pid": patients,
                "sex": rng.choice(["F", "M"], 200)[patients],
                "edema": (rng.random(400) < 0.4).astype(int),
            }
        )
        vectors = rng.normal(size=(400, 8)).astype(np.float32)
        vectors[:, 0] += 2 * frame["edema"]
        frame.to_csv(folder / "labels.csv", index=False)
        np.savez(folder / "e.npz", ids=frame["file"].to_numpy(str), **{"global": vectors})
        np.save(folder / "e.npy", vectors)
        (folder / "ids.txt").write_text("\n".join(frame["file"]))
        labels = ("--patient", "pid", "--image", "file", "--label", "Edema=edema", "--sex", "sex")
        return ("audit", folder / "labels.csv", *labels, "--resamples", "60")

    @pytest.mark.parametrize(("item", "missing"), [("=e.npz", "model"), ("fm=", "file")])
    def test_a_file_has_a_model(self, tmp_path, run, capsys, item, missing):
        """An empty name is refused."""
        command = self.written(tmp_path)

        assert run(*command, "--embeddings", item, "--out", tmp_path / "a") == 2

        assert f"--embeddings '{item}' names no {missing}" in capsys.readouterr().err
        assert not (tmp_path / "a").exists()

    def test_labels_and_embeddings_are_all_that_is_needed(self, tmp_path, run):
        """From an archive, or an array with its ids: the same results and a section of the report."""
        command = self.written(tmp_path)
        options = ("--embeddings", "fm=" + str(tmp_path / "e.npz"))
        ids = ("--embedding-ids", tmp_path / "ids.txt", "--model", "fm")

        assert run(*command, *options, "--out", tmp_path / "a") == 0
        assert run(*command, "--embeddings", tmp_path / "e.npy", *ids, "--out", tmp_path / "b") == 0

        first, second = (open_audit(tmp_path / name) for name in "ab")
        pd.testing.assert_frame_equal(first.results, second.results)
        assert set(first.results["model"]) == {"fm"}
        assert {"n_shot", "score_direction", "probe"} <= set(first.results["analysis"])
        assert first.facts["patients"] == 100
        assert "heads" in set(first.flow["step"])
        page = (tmp_path / "a" / "report.html").read_text(encoding="utf-8")
        assert ">Heads</h3>" in page

    def test_slices_of_images_alike_are_searched_on_request(self, tmp_path, run, capsys):
        """Clusters of embeddings without texts and values of columns; the report says what was found."""
        command = self.written(tmp_path)
        options = ("--embeddings", "fm=" + str(tmp_path / "e.npz"), "--out", tmp_path / "a")

        assert run(*command, *options, "--slices", "3", "--slice-depth", "1") == 0

        found = open_audit(tmp_path / "a")
        (facts,) = found.facts["slices"]["models"]
        assert found.facts["settings"]["slices"] == 3
        assert len(facts["slices"]) <= 3
        assert "slices" in capsys.readouterr().out
        assert ">Slices</h3>" in (tmp_path / "a" / "report.html").read_text(encoding="utf-8")

    def test_two_files_of_one_model_are_refused(self, tmp_path, run, capsys):
        """They would be told apart by nothing."""
        command = self.written(tmp_path)
        file = str(tmp_path / "e.npz")

        assert run(*command, "--embeddings", file, "--embeddings", file) == 2

        assert "two files are of the model" in capsys.readouterr().err

    def test_embeddings_of_other_images_are_refused(self, tmp_path, run, capsys):
        """In one sentence, with nothing written."""
        command = self.written(tmp_path)
        np.savez(tmp_path / "x.npz", ids=np.array(["a", "b"]), x=np.eye(2))

        assert run(*command, "--embeddings", tmp_path / "x.npz", "--out", tmp_path / "out") == 2

        assert "none of them is in the data set" in capsys.readouterr().err
        assert not (tmp_path / "out" / "results.parquet").exists()

    def prompts(self, folder, **more):
        """Write the embeddings of the prompts of one finding, along the planted direction."""
        away = np.zeros((1, 8), dtype=np.float32)
        away[0, :2] = -0.5, 1.0
        sides = {"positive": np.eye(8, dtype=np.float32)[:1] * 3, "negative": away}
        file = folder / "texts.npz"
        np.savez(file, **({"findings": np.array(["edema"]), **sides} | more))
        return file

    def test_prompts_score_all_images(self, tmp_path, run):
        """By the difference of cosines, or its logistic function where the factor is known; no heads."""
        command = self.written(tmp_path)
        options = ("--embeddings", tmp_path / "e.npz", "--prompt-embeddings")

        file = self.prompts(tmp_path)
        assert run(*command, *options, file, "--out", tmp_path / "a") == 0
        file = self.prompts(tmp_path, logit_scale=np.float32(4))
        assert run(*command, *options, file, "--out", tmp_path / "b") == 0

        plain, scaled = (
            pd.read_parquet(tmp_path / name / "audited-scores.parquet").set_index("image_id")
            for name in "ab"
        )
        arrays, texts = np.load(tmp_path / "e.npz"), np.load(file)
        unit = {
            name: values / np.linalg.norm(values, axis=1, keepdims=True)
            for name, values in (
                ("image", arrays["global"]),
                ("positive", texts["positive"]),
                ("negative", texts["negative"]),
            )
        }
        expected = pd.Series(
            (unit["image"] @ (unit["positive"] - unit["negative"])[0]), index=arrays["ids"]
        )
        np.testing.assert_allclose(
            plain["score"], expected[plain.index].to_numpy(), rtol=0, atol=1e-6
        )
        np.testing.assert_allclose(
            np.log(scaled["score"] / (1 - scaled["score"])),
            4 * expected[scaled.index].to_numpy(),
            rtol=0,
            atol=1e-4,
        )
        found = open_audit(tmp_path / "b")
        assert found.facts["patients"] == 200
        assert "n_shot" not in set(found.results["analysis"])
        assert "score_direction" in set(found.results["analysis"])

    def test_a_model_with_prompts_beside_one_without(self, tmp_path, run):
        """Both are audited on the patients that the heads of the other were not fitted on."""
        command = self.written(tmp_path)
        file = tmp_path / "e.npz"
        options = ("--embeddings", f"clip={file}", "--embeddings", f"fm={file}")

        asked = ("--prompt-embeddings", f"clip={self.prompts(tmp_path)}")
        assert run(*command, *options, *asked, "--out", tmp_path / "a") == 0

        found = open_audit(tmp_path / "a")
        assert set(found.results["model"]) >= {"clip", "fm"}
        assert found.facts["patients"] == 100

    def test_prompts_that_fit_nothing_are_refused(self, tmp_path, run, capsys):
        """Of no model, of no finding of the table, of another dimension: nothing is written."""
        command = self.written(tmp_path)
        own = ("--embeddings", tmp_path / "e.npz", "--out", tmp_path / "out", "--prompt-embeddings")

        assert run(*command, *own, f"other={self.prompts(tmp_path)}") == 2
        assert "none of its images (those of model)" in capsys.readouterr().err

        assert run(*command, *own, self.prompts(tmp_path, findings=np.array(["Mass"]))) == 2
        assert "no finding named 'Mass'" in capsys.readouterr().err

        assert (
            run(
                *command,
                *own,
                self.prompts(
                    tmp_path,
                    positive=np.eye(3),
                    negative=-np.eye(3),
                    findings=np.array(["Edema", "a", "b"]),
                ),
            )
            == 2
        )
        assert "the embeddings of model" in capsys.readouterr().err
        assert not (tmp_path / "out").exists()

    def test_flags_that_would_do_nothing_are_refused(self, tmp_path, run, capsys):
        """In one sentence, with nothing written."""
        command = (*self.written(tmp_path), "--out", tmp_path / "out")
        own, texts = ("--embeddings", tmp_path / "e.npz"), self.prompts(tmp_path)

        for options, words in (
            ((*own, "--no-embeddings"), "Give one of both"),
            (("--prompt-embeddings", texts), "give these with --embeddings, too"),
            ((*own, "--prompt-embeddings", texts, "--head-share", "0.3"), "none is fitted"),
        ):
            assert run(*command, *options) == 2
            assert words in capsys.readouterr().err
        assert not (tmp_path / "out").exists()

    def test_heads_of_several_models_are_fitted_on_the_same_images(self, tmp_path, run):
        """One that has fewer embeddings is not compared with one of a larger training set."""
        command = self.written(tmp_path)
        arrays = np.load(tmp_path / "e.npz")
        half = tmp_path / "half.npz"
        np.savez(half, ids=arrays["ids"][:200], **{"global": arrays["global"][:200]})
        models = ("--embeddings", f"a={tmp_path / 'e.npz'}", "--embeddings", f"b={half}")

        assert run(*command, *models, "--out", tmp_path / "a") == 0

        found = open_audit(tmp_path / "a")
        first, second = found.facts["heads"]
        assert first["findings"] == second["findings"]
        assert first["patients"] == first["findings"][0]["patients"] == 50
        rows = found.results.set_index("model")
        both = rows[(rows["analysis"] == "subgroups") & (rows["attribute"] == "")]
        assert both.loc["a", "n"].max() > both.loc["b", "n"].max()
        assert any(
            "that all models have embeddings of" in one["sentence"]
            for one in found.facts["notices"]
        )

    def test_counts_of_small_training_sets_are_hidden(self, tmp_path, run):
        """In the report and in the facts, as in the tables."""
        command = self.written(tmp_path)
        options = ("--embeddings", tmp_path / "e.npz", "--suppress-below", "20")

        assert run(*command, *options, "--out", tmp_path / "a") == 0

        (fitted,) = open_audit(tmp_path / "a").facts["heads"]
        assert set(fitted["findings"][0]) == {"finding", "strength"}
        page = (tmp_path / "a" / "report.html").read_text(encoding="utf-8")
        assert "heads, as they were fitted" in page
        assert ">with the finding</th>" not in page
