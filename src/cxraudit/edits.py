"""What an edit of images is: which images it is about, and of which edits it is the control.

The inserted drain and its controls are edits like those of a user's own generator: what an audit must know
of an edit stands here, or in the column `CONTROL_OF` of a table of scores of edited images.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from cxraudit.errors import DataError, short
from cxraudit.schema import CONTROLS, UNEDITED

DEVICE = "drain"
"""Column of the device, and the perturbation that inserts it."""
CONTROL_OF = "control_of"
"""Column of a table of scores of edited images: the edit (or edits) that an edit is the control of, blank for
an edit that is none. Without a value in the perturbations of cxraudit."""
EVERY = "*"
"""In `CONTROL_OF`: the control of every edit that is no control itself."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A counterfactual perturbation."""

    name: str
    control_of: tuple[str, ...] = ()
    """Edits that it is the control of."""
    about: tuple[str, str] | None = None
    """Column of the images table, and the value of the images that count if it is known; None if all do."""
    own: bool = False
    """Whether images or scores were given by the user."""


BUILT_IN = {
    DEVICE: Edit(DEVICE, about=(DEVICE, "no")),
    **{name: Edit(name, (DEVICE,), (DEVICE, "no")) for name in CONTROLS},
    "drain-added": Edit("drain-added", about=(DEVICE, "no")),
    "drain-removed": Edit("drain-removed", about=(DEVICE, "yes")),
}
"""The counterfactual perturbations of cxraudit."""


def is_own(table: pd.DataFrame) -> "pd.Series[bool]":
    """Tell which rows of a table of scores are of images that a user edited, or of their originals."""
    if CONTROL_OF not in table:
        return pd.Series(data=False, index=table.index, dtype=bool)
    return table[CONTROL_OF].notna()


def beside(perturbed: pd.DataFrame | None, own: pd.DataFrame | None) -> pd.DataFrame | None:
    """Put the scores of own edits below those of the perturbations of cxraudit; None for none of either.

    Each keeps its own unedited scores, which it is compared with.
    """
    found = [table for table in (perturbed, own) if table is not None]
    if len(found) < 2:
        return found[0] if found else None
    missing = found[0].assign(**{CONTROL_OF: pd.Series(pd.NA, found[0].index, dtype="string")})
    return pd.concat([missing, found[1]], ignore_index=True)


def edits_of(table: pd.DataFrame) -> dict[str, Edit]:
    """Return name → edit, of all perturbations of a table of scores of perturbed images.

    Raises
    ------
    DataError
        If an own edit has the name of another perturbation of the table, or the controls of own edits
        contradict each other or name edits that are not there.
    """
    edited = table[table["perturbation"] != UNEDITED]
    own = is_own(edited)
    names = edited.loc[~own, "perturbation"].unique()
    found = {str(name): BUILT_IN.get(str(name), Edit(str(name))) for name in names}
    given = controls(edited[own], "perturbation") if own.any() else {}
    if both := sorted(found.keys() & given.keys()):
        raise DataError(
            f"'{short(both[0])}' is the name of an own edit and of a perturbation of cxraudit. Call the own "
            "edit something else."
        )
    return found | {name: Edit(name, of, own=True) for name, of in given.items()}


def controls(table: pd.DataFrame, column: str = "edit") -> dict[str, tuple[str, ...]]:
    """Return edit → the edits that it is the control of, of a table with a row per edited image.

    Parameters
    ----------
    table : pandas.DataFrame
        The names of edits in `column`, and `CONTROL_OF`: the name of an edit, several with semicolons
        between them, `EVERY`, or nothing.
    column : str
        Column of the names.

    Raises
    ------
    DataError
        If the rows of an edit differ in what it is the control of, or name an edit that is not there, or the
        edit itself.
    """
    given: dict[str, str] = {}
    for name, of in table[[column, CONTROL_OF]].drop_duplicates().itertuples(index=False):
        text = "" if pd.isna(of) else str(of).strip()
        if given.setdefault(str(name), text) != text:
            raise DataError(
                f"the rows of the edit '{short(name)}' differ in what it is the control of: "
                f"'{short(given[str(name)])}' and '{short(text)}'. Write the same in all of them."
            )
    return {name: _controlled(name, text, given) for name, text in given.items()}


def _as_named(name: str, given: Mapping[str, str]) -> str:
    """Return a name as edits have it: a column of whole numbers with blanks is often written as 1.0."""
    whole = name.removesuffix(".0")
    return whole if name not in given and whole in given else name


def _controlled(name: str, text: str, given: Mapping[str, str]) -> tuple[str, ...]:
    if not text:
        return ()
    if text == EVERY:
        return tuple(one for one, of in given.items() if not of)
    # A name may hold a semicolon itself.
    listed = [text] if text in given else [one.strip() for one in text.split(";")]
    named = [_as_named(one, given) for one in listed if one]
    for one in named:
        if one == name:
            raise DataError(f"the edit '{short(name)}' is named as its own control.")
        if one not in given:
            known = ", ".join(f"'{short(other)}'" for other in list(given)[:8])
            raise DataError(
                f"'{short(name)}' is named as the control of '{short(one)}', which is no edit of the table "
                f"({known}). Name an edit, several with semicolons between them, or {EVERY} for every one."
            )
    return tuple(dict.fromkeys(named))
