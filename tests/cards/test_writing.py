"""Which model a card is about, and which files it may replace."""

import pytest
from example_audit import example, overall, planted_audit

from cxraudit.cards import write_card, write_checklist
from cxraudit.cards.markdown import as_markdown, bullets, code_block, paragraphs, table
from cxraudit.cards.subject import subject_of
from cxraudit.errors import ConfigError, UnknownNameError


def write(audit, path, **more):
    """A checklist of any kind."""
    return write_checklist(audit, path, guideline="claim", **more)


def two_models():
    """Two models and the null model."""
    return example(overall(), overall(model="other"), overall(model="random"))


def test_several_models_have_to_be_chosen_from():
    """The null model is none of them."""
    with pytest.raises(ConfigError, match=r"has m and other.*--model"):
        subject_of(two_models(), None, None)

    assert subject_of(two_models(), "other", None).model == "other"
    assert subject_of(example(overall(), overall(model="random")), None, None).model == "m"


@pytest.mark.parametrize(
    ("model", "error", "words"),
    [("random", ConfigError, "null model"), ("othr", UnknownNameError, "Did you mean 'other'")],
)
def test_the_null_model_and_unknown_ones_are_refused(model, error, words):
    """In one sentence."""
    with pytest.raises(error, match=words):
        subject_of(two_models(), model, None)


def test_an_audit_of_the_null_model_alone_has_no_card():
    """There is nothing to name."""
    with pytest.raises(ConfigError, match="only the null model"):
        subject_of(example(overall(model="random")), None, None)


@pytest.mark.parametrize("suffix", [".md", ".html", ".csv"])
def test_our_file_is_replaced_until_somebody_changes_it(suffix, tmp_path):
    """Authors complete it by hand: that is not lost without --overwrite."""
    audit, path = example(overall()), tmp_path / f"list{suffix}"
    write(audit, path)
    first = path.read_bytes()
    write(audit, path)
    assert path.read_bytes() == first

    path.write_bytes(first.replace(b"To be completed by the authors.", b"Approved.", 1))
    changed = path.read_bytes()
    with pytest.raises(ConfigError, match="--overwrite"):
        write(audit, path)
    assert path.read_bytes() == changed
    write(audit, path, overwrite=True)
    assert path.read_bytes() == first


def test_a_file_of_others_is_not_replaced_and_nothing_is_half_written(tmp_path):
    """Of the two files of a card, the second is there."""
    (tmp_path / "card.md").write_text("mine")

    with pytest.raises(ConfigError, match=r"card\.md is there already"):
        write_card(example(overall()), tmp_path / "card.xml", format="chai")

    assert not (tmp_path / "card.xml").exists()
    assert (tmp_path / "card.md").read_text() == "mine"


def test_files_of_the_audit_and_inputs_are_never_replaced(tmp_path):
    """Not even with overwrite."""
    made = planted_audit()
    folder = made.save(tmp_path / "audit")
    about = tmp_path / "about.md"
    about.write_text('population = "x"\n')

    with pytest.raises(ConfigError, match="belongs to an audit"):
        write(made, folder / "results.csv", overwrite=True)
    with pytest.raises(ConfigError, match="input"):
        write(made, about, overwrite=True, inputs=[about])
    assert about.read_text() == 'population = "x"\n'


def test_a_link_that_leads_nowhere_is_not_replaced(tmp_path):
    """It is somebody's."""
    (tmp_path / "list.md").symlink_to(tmp_path / "none" / "x.md")

    with pytest.raises(ConfigError, match="there already"):
        write(example(overall()), tmp_path / "list.md")

    assert (tmp_path / "list.md").is_symlink()


@pytest.mark.parametrize(
    ("name", "words"), [("x.pdf", "ends in .md or .html or .csv"), ("x.md/", "is a folder")]
)
def test_a_name_that_cannot_be_a_checklist_is_refused(name, words, tmp_path):
    """Before anything is computed."""
    if name.endswith("/"):
        (tmp_path / name).mkdir()

    with pytest.raises(ConfigError, match=words):
        write(example(overall()), tmp_path / name)


def test_another_format_is_named_with_those_there_are(tmp_path):
    """As any name."""
    with pytest.raises(UnknownNameError, match="Known: chai, huggingface"):
        write_card(example(overall()), tmp_path / "x.md", format="yaml")


def test_markdown_is_text():
    """Marks, blocks and fences; what is Markdown already stays."""
    assert as_markdown("- a") == "\\- a"
    assert as_markdown("−0.1") == "−0.1"
    assert as_markdown("0.5 (0.4)") == "0.5 (0.4)"
    assert as_markdown("---") == "\\---"
    assert table(("a|b",), [("c\nd",)]) == "| a&#124;b |\n| --- |\n| c d |"
    assert bullets(["x", bullets(["y"])]) == "- x\n- - y"
    assert paragraphs("a\n\n> b") == "a\n\n&gt; b"
    assert code_block("```") == "````\n```\n````"
