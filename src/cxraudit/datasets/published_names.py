"""Names of published data sets, as people write them, so that an overlap with training data is found."""

import re
from collections.abc import Iterable, Mapping

NAMES: Mapping[str, tuple[str, ...]] = {
    "mimic-cxr": ("MIMIC", "MIMIC-CXR-JPG", "MIMIC-CXR-DICOM", "MIMIC-CXR-LT"),
    "nih-cxr14": (
        *("NIH", "NIH ChestX-ray14", "NIH Chest X-ray", "NIH Chest X-rays", "NIH CXR"),
        *("ChestX-ray14", "ChestX-ray8", "CXR14", "CXR8", "ChestXray-NIHCC", "NIH Clinical Center"),
    ),
    "chexpert": ("CheXpert Plus", "CheXpert small", "Stanford CheXpert"),
    "padchest": ("PadChest-GR", "BIMCV PadChest", "PadChest small"),
    "brax": ("BRAX Brazil",),
    "vindr-cxr": ("VinDr", "VinDr-CXR PhysioNet", "VinBigData", "VinDr-PCXR"),
    "openi": ("Open-i", "IU X-Ray", "Indiana University chest X-rays", "IU-Xray", "IU CXR"),
    "jsrt": ("JSRT",),
    "montgomery": ("Montgomery County",),
    "shenzhen": ("Shenzhen Hospital",),
    "siim-acr": ("SIIM-ACR Pneumothorax", "SIIM"),
    "rsna-pneumonia": ("RSNA", "RSNA Pneumonia Detection", "RSNA Pneumonia Detection Challenge"),
    "covidx": ("COVIDx CXR", "COVIDx CXR-3", "COVIDx CXR-4"),
    "candid-ptx": ("CANDID",),
    "plco": ("PLCO chest X-rays",),
    "pmc-15m": ("PMC", "PMC-OA", "ROCO", "MedICaT"),
    "object-cxr": (),
    "bimcv-covid19": ("BIMCV-COVID", "BIMCV"),
    "mimic-iv": (),
}
"""Name in cards and data sets of cxraudit → other names of it, in any case and punctuation."""

OTHER = "other"
"""What the name of training data begins with that is none of these."""

_VERSION = re.compile(r"[\s_-]*\(?(version\s*|v)?\d+(\.\d+)+\)?$|[\s_-]*v\d+$", re.IGNORECASE)
_WORDS = re.compile(r"\b(the|data\s*sets?|database|corpus|train(ing)?|public)\b", re.IGNORECASE)


def _bare(name: str) -> str:
    """Return letters and digits alone, without words and versions that say nothing of which one it is."""
    without = _WORDS.sub(" ", name.casefold()).strip()
    return re.sub(r"[^a-z0-9]", "", _VERSION.sub("", without))


_CANONICAL = {_bare(name): key for key, others in NAMES.items() for name in (key, *others)}


def published_name(name: str) -> str | None:
    """Return the name that cxraudit has for a published data set, whichever way it is written.

    Parameters
    ----------
    name : str
        As in a card, or that of a data set.

    Returns
    -------
    str or None
        None if it is none of `NAMES`.

    Examples
    --------
    >>> published_name("ChestX-ray14"), published_name("MIMIC-CXR-JPG v2.1.0"), published_name("ours")
    ('nih-cxr14', 'mimic-cxr', None)
    """
    return _CANONICAL.get(_bare(name))


def same_data(name: str, other: str) -> bool:
    """Tell whether two names are of one data set.

    Examples
    --------
    >>> same_data("NIH", "nih-cxr14"), same_data("our archive", "Our Archive"), same_data("a", "b")
    (True, True, False)
    """
    if name.casefold().strip() == other.casefold().strip():
        return True
    known = published_name(name)
    return known is not None and known == published_name(other)


def not_recognised(names: Iterable[str]) -> list[str]:
    """Return the names that are of no published data set, and do not say that they are of another one.

    Examples
    --------
    >>> not_recognised(["mimic-cxr", "other: our archive", "MIMC-CXR", "phantom:seed=1"])
    ['MIMC-CXR']
    """
    return sorted(
        name
        for name in names
        if not name.casefold().startswith((OTHER, "phantom:")) and published_name(name) is None
    )
