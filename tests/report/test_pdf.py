"""The page is printed by a browser, or it is said that there is none."""

import os
import stat

import pytest

from cxraudit.errors import ConfigError
from cxraudit.report import pdf


def browser_in(folder, *lines):
    """Put a program called chromium into a folder."""
    program = folder / "chromium"
    program.write_text("\n".join(["#!/bin/sh", *lines]))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


PRINTS = (
    'for one in "$@"; do case "$one" in --print-to-pdf=*) file="${one#--print-to-pdf=}";; esac; done',
    'for one in "$@"; do last="$one"; done',
    'echo "%PDF of $last" > "$file"',
)


def test_the_page_is_printed_by_the_browser_that_is_found(tmp_path, monkeypatch):
    """The first on the path; the PDF is what it wrote."""
    program = browser_in(tmp_path, *PRINTS)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    page = tmp_path / "a page.html"
    page.write_text("<p>page</p>")

    assert pdf.find_browser() == str(program)
    written = pdf.write_pdf(page, tmp_path / "page.pdf", str(program))

    assert written.read_text().strip() == f"%PDF of {page.as_uri()}"


def test_a_browser_that_prints_nothing_leaves_the_old_file(tmp_path):
    """In one sentence, with its exit code."""
    program = browser_in(tmp_path, "exit 7")
    page, target = tmp_path / "page.html", tmp_path / "page.pdf"
    page.write_text("<p>page</p>")
    target.write_text("old")

    with pytest.raises(ConfigError, match=r"did not print .* \(exit code 7\)"):
        pdf.write_pdf(page, target, str(program))
    assert target.read_text() == "old"


def test_without_a_browser_nothing_is_written(tmp_path, monkeypatch):
    """What is needed is named."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ConfigError, match="printed by Chromium or Chrome, and none was found"):
        pdf.find_browser()
