"""The page as a PDF, printed by a browser without a window."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from cxraudit.errors import ConfigError
from cxraudit.files import write_atomic

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
)
"""Programs that are looked for, in this order."""
_OPTIONS = (
    "--headless",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-sync",
    "--no-pdf-header-footer",
)
_SECONDS = 300


def find_browser() -> str:
    """Return the browser that prints.

    Raises
    ------
    ConfigError
        If there is none.
    """
    for name in BROWSERS:
        if found := shutil.which(name):
            return found
    raise ConfigError(
        f"a PDF is printed by Chromium or Chrome, and none was found (looked for {', '.join(BROWSERS)}). "
        "Install one, or print the HTML page from another browser."
    )


def write_pdf(page: Path, target: Path, browser: str) -> Path:
    """Print an HTML page; everything that is folded is printed, too.

    Parameters
    ----------
    page : Path
        The HTML file.
    target : Path
        The PDF to write.
    browser : str
        From `find_browser`.

    Raises
    ------
    ConfigError
        If the browser printed nothing.
    """
    with tempfile.TemporaryDirectory() as folder:
        printed = Path(folder) / "page.pdf"
        options = [*_OPTIONS, f"--user-data-dir={folder}/profile", f"--print-to-pdf={printed}"]
        if getattr(os, "geteuid", lambda: 1)() == 0:
            options.append("--no-sandbox")  # Chromium does not start for root with it
        try:
            done = subprocess.run(
                [browser, *options, page.resolve().as_uri()],
                capture_output=True,
                timeout=_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            done = None
        if not printed.is_file():
            code = f"within {_SECONDS} s" if done is None else f"(exit code {done.returncode})"
            raise ConfigError(
                f"{browser} did not print {page} {code}. Print the page from a browser."
            )
        content = printed.read_bytes()
    write_atomic(target, lambda path: path.write_bytes(content))
    return target
