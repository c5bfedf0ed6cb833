"""The run file: keys are the options, mistakes are reported at once, paths are declared and not guessed."""

import json
import tomllib
from pathlib import Path

import pytest

from cxraudit.analysis_plan import make_plan
from cxraudit.cli import main
from cxraudit.cli._progress import tracker
from cxraudit.errors import ConfigError, UnknownNameError
from cxraudit.run_file import (
    AuditSection,
    DatasetSection,
    EncodeSection,
    PerturbSection,
    RunFile,
    ScoresSection,
    read_run_file,
    schema,
)
from cxraudit.settings import AuditSettings, options, rules_of
from cxraudit.steps import run_step

HEAD = 'out = "o"\n[dataset]\nname = "nih-cxr14"\nroot = "data"\n'
ENCODE = '[encode]\nmodels = ["random"]\n'


def written(folder: Path, text: str) -> Path:
    """Return a run file of a text."""
    path = folder / "audit.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_option_of_an_audit_is_a_key():
    """But the seed, which is given at the top since perturbations use it, too."""
    own = {"attributes", "shortcuts", "embeddings", "overwrite", "plan", "depart"}

    keys = {*AuditSection.model_fields, "seed"} - own

    assert keys == {one.name for one in options(AuditSettings)}


def test_defaults_are_those_of_the_settings():
    """Nothing is declared twice, so nothing can differ."""
    assert AuditSection().settings(7) == AuditSettings(seed=7)


def test_keys_reach_the_settings(tmp_path):
    """One of each kind: number, choice, mapping, truth value."""
    path = written(
        tmp_path,
        f'seed = 3\n{HEAD}{ENCODE}[audit]\nmargin = 0.1\ninterval = "bca"\nall_pairs = true\n'
        'references = { race = "white" }\n',
    )

    run = read_run_file(path)

    assert run.audit.settings(run.seed) == AuditSettings(
        seed=3, margin=0.1, interval="bca", all_pairs=True, references={"race": "white"}
    )


def test_one_attribute_may_be_text(tmp_path):
    """As in Python."""
    run = read_run_file(written(tmp_path, f'{HEAD}{ENCODE}[audit]\nattributes = "sex"\n'))

    assert run.audit.attributes == "sex"


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (f"colour = 1\n{HEAD}{ENCODE}", "colour: unknown key"),
        (f"{HEAD}[encode]\nmodels = []\n", "encode.models"),
        (f"{HEAD}{ENCODE}[scores]\nfile = 'x.csv'\n", "not both"),
        (f"{HEAD}", "either"),
        (f"{HEAD}[scores]\nfile = 'x.csv'\n[perturb]\n", "needs .encode."),
        (f"{HEAD}{ENCODE}[audit]\nmargin = 3\n", "audit.margin"),
        (f"{HEAD}{ENCODE}[audit]\ninterval = 'jackknife'\n", "audit.interval.*bca"),
        (f"{HEAD}{ENCODE}[audit]\nn_resamples = true\n", "audit.n_resamples"),
        (f"{HEAD}{ENCODE}[audit]\nn_resamples = '2000'\n", "audit.n_resamples"),
        (f"{HEAD}{ENCODE}[audit]\noperating_point = 'best'\n", "audit: operating_point.*best"),
        (f"{HEAD}{ENCODE}[audit]\nreferences = {{ race = 1 }}\n", "audit.references.race"),
        (f"{HEAD}{ENCODE}[audit]\nseed = 1\n", "audit.seed: unknown key"),
        ("[scores\n", "not valid TOML"),
    ],
)
def test_a_mistake_is_named_with_its_key(tmp_path, text, match):
    """Unknown keys are errors."""
    with pytest.raises(ConfigError, match=match):
        read_run_file(written(tmp_path, text))


def test_all_mistakes_are_reported_at_once(tmp_path):
    """Three sections, three mistakes, one sentence."""
    path = written(
        tmp_path,
        f'{HEAD}colour = 1\n[encode]\nmodels = ["random"]\nbatch_size = 0\n[audit]\nmargin = 2\n',
    )

    with pytest.raises(ConfigError) as error:
        read_run_file(path)

    for key in ("dataset.colour", "encode.batch_size", "audit.margin"):
        assert key in str(error.value)


def test_an_unknown_data_set_is_refused(tmp_path):
    """With the name that was probably meant."""
    path = written(tmp_path, HEAD.replace("nih-cxr14", "nih-cxr-14") + ENCODE)

    with pytest.raises(UnknownNameError, match="Did you mean 'nih-cxr14'"):
        read_run_file(path)


def test_paths_start_at_the_folder_of_the_run_file(tmp_path):
    """Wherever the command is run."""
    run = read_run_file(written(tmp_path, f"{HEAD}[scores]\nfile = 'preds.csv'\n"))

    assert run.out == tmp_path / "o"
    assert run.dataset.root == tmp_path / "data"
    assert run.scores is not None
    assert run.scores.file == tmp_path / "preds.csv"


def test_thresholds_are_numbers_or_a_table(tmp_path):
    """A table starts at the folder of the run file, like other paths; a finding does not."""
    numbers, table = (
        read_run_file(written(tmp_path, f"{HEAD}{ENCODE}[audit]\nthresholds = {value}\n"))
        for value in ('{ Pneumothorax = 0.3, "biovil:Edema" = 1 }', '"thresholds.csv"')
    )

    assert numbers.audit.settings(0).thresholds == {"Pneumothorax": 0.3, "biovil:Edema": 1.0}
    assert table.audit.settings(0).thresholds == str(tmp_path / "thresholds.csv")


@pytest.mark.parametrize(
    "value", ['"Edema:tpr=0.9,youden"', '{ Edema = "tpr=0.9", "*" = "youden" }']
)
def test_rules_of_findings_are_text_or_a_table(tmp_path, value):
    """Both mean the same."""
    path = written(tmp_path, f"{HEAD}{ENCODE}[audit]\noperating_point = {value}\n")

    found = read_run_file(path).audit.settings(0).operating_point

    assert rules_of(found) == {"*": "youden", "Edema": "tpr=0.9"}


@pytest.mark.parametrize("value", ["{ Edema = true }", "{ Edema = nan }", '{ Edema = "x" }', "0.3"])
def test_thresholds_that_are_no_numbers_are_named_with_their_key(tmp_path, value):
    """Truth values included."""
    path = written(tmp_path, f"{HEAD}{ENCODE}[audit]\nthresholds = {value}\n")

    with pytest.raises(ConfigError, match="audit"):
        read_run_file(path)


def test_absolute_paths_stay(tmp_path):
    """As they are."""
    run = read_run_file(written(tmp_path, HEAD.replace('"data"', '"/data/nih"') + ENCODE))

    assert run.dataset.root == Path("/data/nih")


def with_options(folder: Path, options: str) -> dict[str, object]:
    """Return the options of a data set as read from a run file."""
    return read_run_file(
        written(folder, f"{HEAD}options = {{ {options} }}\n{ENCODE}")
    ).dataset.options


def test_options_declared_as_paths_start_at_the_folder_of_the_run_file(tmp_path):
    """Of the data set, and of every data set; also without a slash or an extension."""
    found = with_options(tmp_path, 'drains = "neatx", predicted = "labels/predicted.csv"')

    assert found == {
        "drains": str(tmp_path / "neatx"),
        "predicted": str(tmp_path / "labels/predicted.csv"),
    }


@pytest.mark.parametrize("group", ["black/african american", "A/B", "ward.csv", "notes.txt"])
def test_a_group_that_looks_like_a_path_is_a_group(tmp_path, group):
    """``only.ATTRIBUTE`` is no path, whatever its value looks like."""
    assert with_options(tmp_path, f'"only.race" = "{group}"') == {"only.race": group}


def test_a_name_that_looks_like_a_path_is_a_name(tmp_path):
    """An option that is text."""
    assert with_options(tmp_path, 'labels = "reports/v2"') == {"labels": "reports/v2"}


def test_values_that_are_no_text_stay(tmp_path):
    """Truth values and lists."""
    found = with_options(tmp_path, 'adults = true, "only.sex" = ["a/b"]')

    assert found == {"adults": True, "only.sex": ["a/b"]}


@pytest.mark.parametrize(("prompts", "anchored"), [("paper", False), ("mine.toml", True)])
def test_a_prompt_set_is_a_name_unless_it_is_a_toml_file(tmp_path, prompts, anchored):
    """Files of prompts end in .toml."""
    run = read_run_file(written(tmp_path, f'{HEAD}{ENCODE}prompts = "{prompts}"\n'))

    assert run.encode is not None
    assert run.encode.prompts == (str(tmp_path / prompts) if anchored else prompts)


def test_the_page_of_the_reference_shows_every_key():
    """Its example is a valid run file with all sections and keys."""
    page = Path(__file__).parents[1] / "docs" / "reference" / "configuration.md"
    first, second, third = (
        tomllib.loads(block.split("```")[0]) for block in page.read_text().split("```toml\n")[1:]
    )
    run = RunFile.model_validate(first)
    other = {key: value for key, value in first.items() if key not in ("encode", "perturb")}
    scored = RunFile.model_validate({**other, **second})

    own = RunFile.model_validate({"out": "o", **third}).scores
    assert own is not None
    for section in (run, run.dataset, run.encode, run.perturb, scored.scores, run.audit):
        assert section is not None
        unset = set(type(section).model_fields) - section.model_fields_set
        assert unset <= {"scores"} | (own.model_fields_set if section is scored.scores else set())


def keys_of(schema, name):
    """Return the keys of a section by the JSON schema, with their schemas."""
    return schema["$defs"][name]["properties"] if name else schema["properties"]


def test_the_schema_has_every_key_with_its_meaning_and_no_other():
    """It is made of the declaration that files are checked against."""
    sections = {
        "": RunFile,
        **{
            one.__name__: one
            for one in (AuditSection, DatasetSection, EncodeSection, PerturbSection, ScoresSection)
        },
    }
    made = schema()

    assert set(made["$defs"]) == set(sections) - {""}
    for name, model in sections.items():
        keys = keys_of(made, name)
        assert set(keys) == set(model.model_fields)
        assert [key for key, one in keys.items() if not one.get("description")] == []
        assert (made["$defs"][name] if name else made)["additionalProperties"] is False


def test_the_schema_gives_ranges_and_choices():
    """Those that a file is refused for."""
    keys = keys_of(schema(), "AuditSection")

    assert keys["margin"]["exclusiveMaximum"] == 1
    assert keys["n_resamples"]["maximum"] == 1_000_000
    assert keys["interval"]["enum"] == ["t", "percentile", "bca"]


def test_the_schema_is_printed(capsys):
    """By the command that reads such files; with a file it is refused."""
    assert main(["run", "--schema"]) == 0
    assert json.loads(capsys.readouterr().out) == schema()
    assert main(["run", "a.toml", "--schema"]) == 2
    assert main(["run"]) == 2
    assert "cxraudit init" in capsys.readouterr().err


OWN = "[scores]\nfile = 't.csv'\n"


@pytest.mark.parametrize(
    ("text", "match"),
    [
        (f"out = 'o'\n{OWN}", r"labels come from \[dataset\], or"),
        (f"out = 'o'\n{OWN}label = {{ Edema = 'e' }}\n", "also name the columns of the image"),
        (
            f"{HEAD}{OWN}image = 'i'\npatient = 'p'\nlabel = {{ Edema = 'e' }}\n",
            "labels come from one place",
        ),
        (f"{HEAD}{OWN}sex = 's'\nage = 'a'\n", "age, sex: about a table that also holds labels"),
        (f"{HEAD}{OWN}uncertain = 'maybe'\n", "uncertain.*'zeros', 'ones' or 'ignore'"),
    ],
)
def test_a_table_with_labels_is_named_as_a_whole(tmp_path, text, match):
    """Labels come from one place, with image and patient."""
    with pytest.raises(ConfigError, match=match):
        read_run_file(written(tmp_path, text))


TWICE = f"{HEAD}{ENCODE}"

WRONG_TYPES = {
    "a date as a name": (HEAD.replace('"nih-cxr14"', "2020-01-01") + ENCODE, "dataset.name"),
    "a list as a name": (HEAD.replace('"nih-cxr14"', '["*"]') + ENCODE, "dataset.name"),
    "a number as a path": (HEAD.replace('"data"', "3") + ENCODE, "dataset.root"),
    "nan as a path": (HEAD.replace('"o"', "nan") + ENCODE, "out"),
    "a path with NUL": (HEAD.replace('"o"', '"a\\u0000b"') + ENCODE, "out: a path must not hold"),
    "a path with a line break": (HEAD.replace('"o"', '"a\\nb"') + ENCODE, "out: a path must not"),
    "a mark of direction": (HEAD.replace('"data"', '"\\u202ea"') + ENCODE, "dataset.root: a path"),
    "a table as an option": (f"{HEAD}options = {{ a = {{ b = 1 }} }}\n{ENCODE}", "options.a: must"),
    "nested lists": (f"{HEAD}options = {{ a = [[1]] }}\n{ENCODE}", "options.a: must be text"),
    "a time as an option": (f"{HEAD}options = {{ a = 07:32:00 }}\n{ENCODE}", "options.a: must"),
    "true as a count": (f"{TWICE}batch_size = true\n", "encode.batch_size"),
    "text as a count": (f'{TWICE}shard_size = "32"\n', "encode.shard_size"),
    "a fraction as a count": (f"{TWICE}n_readers = 2.5\n", "encode.n_readers"),
    "no findings": (f"{TWICE}findings = []\n", "encode.findings"),
    "empty text": (f'{TWICE}device = ""\n', "encode.device"),
    "one as true": (f"{TWICE}[audit]\nembeddings = 1\n", "audit.embeddings"),
    "nan as a margin": (f"{TWICE}[audit]\nmargin = nan\n", "audit.margin"),
    "infinity as a margin": (f"{TWICE}[audit]\nmargin = inf\n", "audit.margin"),
    "numbers as attributes": (f"{TWICE}[audit]\nattributes = [1]\n", "audit.attributes"),
    "a list as shortcuts": (f'{TWICE}[audit]\nshortcuts = ["a"]\n', "audit.shortcuts"),
    "nan as a group": (f"{TWICE}[audit]\nreferences = {{ a = nan }}\n", "audit.references.a"),
    "a section as a number": (f"audit = 3\n{HEAD}{ENCODE}", "audit"),
    "a section as a list": (f"{HEAD}[[encode]]\nmodels = ['random']\n", "encode"),
    "10³⁰ resamples": (f"{TWICE}[audit]\nn_resamples = 1{'0' * 30}\n", "audit.n_resamples"),
    "10⁹ images": (f"{TWICE}[perturb]\nimages = 1000000000\n", "perturb.images"),
    "10⁹ readers": (f"{TWICE}n_readers = 1000000000\n", "encode.n_readers"),
    "a negative seed": (f"seed = -1\n{HEAD}{ENCODE}", "seed"),
    "a number of 5,000 digits": (f"seed = {'9' * 5000}\n{HEAD}{ENCODE}", "not valid TOML"),
    "brackets without end": (f"x = {'[' * 100_000}", "nested too deeply"),
    "braces without end": (f"x = {'{a=' * 100_000}", "nested too deeply"),
}


@pytest.mark.parametrize(("text", "match"), WRONG_TYPES.values(), ids=WRONG_TYPES)
def test_a_value_of_another_type_is_named_with_its_key(tmp_path, text, match):
    """Nothing is converted that a reader would not convert."""
    with pytest.raises(ConfigError, match=match) as error:
        read_run_file(written(tmp_path, text))

    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 500


def test_of_very_many_mistakes_some_are_named(tmp_path):
    """And their number is given."""
    path = written(tmp_path, "".join(f"k{i} = 1\n" for i in range(5000)) + HEAD + ENCODE)

    with pytest.raises(ConfigError, match="and 4980 more") as error:
        read_run_file(path)
    assert len(str(error.value)) < 2000


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"\xff\xfeo\x00u\x00t\x00", "not valid TOML in UTF-8"),
        (b'out = "caf\xe9"\n', "not valid TOML in UTF-8"),
        (b"\x00\x01\x02", "not valid TOML"),
        (b"PAR1" + bytes(100), "not valid TOML"),
        (b"#" + b"x" * 10_000_001, "no TOML file of settings"),
    ],
    ids=["UTF-16", "cp1252", "binary", "Parquet", "ten megabytes"],
)
def test_a_file_that_is_no_toml_is_refused(tmp_path, content, match):
    """With what is wrong with it."""
    path = tmp_path / "audit.toml"
    path.write_bytes(content)

    with pytest.raises(ConfigError, match=match):
        read_run_file(path)


def test_a_byte_order_mark_is_no_mistake(tmp_path):
    """Editors of Windows write one."""
    path = tmp_path / "audit.toml"
    path.write_bytes(b"\xef\xbb\xbf" + f"{HEAD}{ENCODE}".encode())

    assert read_run_file(path).dataset.name == "nih-cxr14"


def test_a_plan_gives_the_settings_that_are_not_written(tmp_path):
    """Its path starts at the folder of the run file; what is written goes before it."""
    planned = make_plan(["Edema"], ["sex"], settings=AuditSettings(margin=0.1, seed=4))
    planned.write(tmp_path / "plan.toml")
    keys = '[audit]\nplan = "plan.toml"\ninterval = "bca"\nn_threads = 1\n'

    run = read_run_file(written(tmp_path, HEAD + ENCODE + keys))

    assert run.audit.plan == tmp_path / "plan.toml"
    expected = AuditSettings(margin=0.1, seed=4, interval="bca", n_threads=1)
    assert run.audit_settings(planned) == expected
    seeded = read_run_file(written(tmp_path, f"seed = 2\n{HEAD}{ENCODE}{keys}"))
    assert seeded.audit_settings(planned).seed == 2
    assert run.audit_settings() == AuditSettings(interval="bca", n_threads=1)


def test_a_run_that_contradicts_its_plan_is_refused_before_any_work(tmp_path, nih_release):
    """Nothing is encoded."""
    make_plan(["Edema"], ["sex"]).write(tmp_path / "plan.toml")
    head = f'out = "o"\n[dataset]\nname = "nih-cxr14"\nroot = "{nih_release}"\n'
    path = written(tmp_path, f'{head}{ENCODE}[audit]\nplan = "plan.toml"\nmargin = 0.2\n')

    with pytest.raises(ConfigError, match=r"margin was planned as 0\.05 and is 0\.2"):
        run_step(read_run_file(path), tracker(True))

    assert not (tmp_path / "o" / "embeddings").exists()
