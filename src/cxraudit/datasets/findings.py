"""Names of findings: what publishers and users call the same one."""

from collections.abc import Iterable, Mapping

from cxraudit.errors import UnknownNameError

ALIASES = {
    "effusion": "Pleural Effusion",
    "pleural fluid": "Pleural Effusion",
    "enlarged heart": "Cardiomegaly",
    "oedema": "Edema",
    "pulmonary edema": "Edema",
    "collapse": "Atelectasis",
    "ptx": "Pneumothorax",
    "normal": "No Finding",
    "no findings": "No Finding",
    "pleural thickening": "Pleural Thickening",
    "lung lesion": "Lung Lesion",
}
"""Other names, in lower case and with blanks → name in cxraudit."""


def plain(name: str) -> str:
    """Return a name for comparison: case is ignored, and underscores and hyphens count as blanks."""
    return " ".join(name.casefold().replace("_", " ").replace("-", " ").split())


def find(name: str, known: Iterable[str], aliases: Mapping[str, str] | None = None) -> str | None:
    """Return which of the known findings a name means; None if none.

    Parameters
    ----------
    name : str
        As a user or publisher writes it.
    known : iterable of str
        Findings of the data set.
    aliases : mapping of str to str, optional
        Further names of the data set → its findings.
    """
    known = list(known)
    if name in known:
        return name
    by_plain = {plain(finding): finding for finding in known}
    if plain(name) in by_plain:
        return by_plain[plain(name)]
    published = {plain(old): new for old, new in (aliases or {}).items()}
    meant = published.get(plain(name)) or ALIASES.get(plain(name)) or name
    if meant in known:
        return meant
    for finding in known:
        if ALIASES.get(plain(finding), finding) == meant:
            return finding
    return None


def resolve(name: str, known: Iterable[str], aliases: Mapping[str, str] | None = None) -> str:
    """Return which of the known findings a name means; see `find`.

    Raises
    ------
    UnknownNameError
        If none.
    """
    known = list(known)
    found = find(name, known, aliases)
    if found is None:
        raise UnknownNameError("finding", name, known)
    return found
