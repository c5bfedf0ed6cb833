"""The files of NIH ChestX-ray14: entry table, lists of images, and images."""

import os
from pathlib import Path

from cxraudit.datasets.release import find_tables, one_of
from cxraudit.errors import DataError
from cxraudit.notices import Notice, counted

ENTRIES = ("Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv")
"""The first one takes precedence: its labels and ages were corrected by the publisher."""


def entries_file(root: Path) -> tuple[Path, list[Notice]]:
    """Return the entry table in the folder `root`, and what to say of it.

    Raises
    ------
    DataError
        If there is none, or one of them is there twice and differs.
    """
    found = [files for name in ENTRIES if (files := find_tables(root, f"{name}*", depth=0))]
    if not found:
        raise DataError(
            f"{root} holds neither {' nor '.join(ENTRIES)}. Download NIH ChestX-ray14 and give the "
            "folder with its tables (see cxraudit datasets nih-cxr14)."
        )
    path, notices = one_of(found[0])
    if len(found) > 1:
        stated = (
            f"{path.name}, the corrected table, was read, and not {found[1][0].name} beside it."
        )
        notices.append(Notice(about=path.name, count=1, sentence=stated))
    return path, notices


def listed(file: Path) -> set[str]:
    """Return the names in a list of images, one per line.

    Raises
    ------
    DataError
        If it is no text file.
    """
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise DataError(
            f"{file} cannot be read: {reason}. It is a text file with one image name per line."
        ) from None
    return {line.strip() for line in lines if line.strip()}


def is_folder(path: Path) -> bool:
    """Tell whether a path is a folder; one that cannot be is none."""
    try:
        return path.is_dir()
    except OSError:
        return False


def find_images(root: Path) -> tuple[dict[str, str], list[Notice]]:
    """Return file name → path in the official, Kaggle's and the flat layout, and what to say of them."""
    if not is_folder(root):
        return {}, []
    folders = [
        root / "images",
        *sorted(root.glob("images_*/images")),
        *sorted(root.glob("images_*")),
        root,
    ]
    found: dict[str, str] = {}
    repeated = 0
    for folder in folders:
        if not is_folder(folder):
            continue
        try:
            with os.scandir(folder) as entries:
                names = [e.name for e in entries if e.name.lower().endswith(_IMAGES)]
        except OSError as error:
            raise DataError(
                f"the folder {folder} cannot be read ({error.strerror}). Change its permissions."
            ) from None
        for name in names:
            repeated += name in found
            found.setdefault(name, f"{folder}/{name}")
    if not repeated:
        return found, []
    stated = (
        f"{counted(repeated, 'image')} in more than one folder; the first of images/, images_001/ … and "
        "the root is used."
    )
    return found, [Notice(about="images", count=repeated, sentence=stated)]


_IMAGES = (".png", ".jpg", ".jpeg")
