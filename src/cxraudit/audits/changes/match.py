"""Which images, patients and models of two audits are compared, and what that makes of their data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pandas as pd

from cxraudit.audits.result import Audit
from cxraudit.datasets.base import Dataset
from cxraudit.errors import ConfigError, DataError, UnknownNameError, short
from cxraudit.schema import NULL_MODEL


class Pairing(StrEnum):
    """How the data of two audits go together."""

    IMAGES = "same images"
    """Both scored some images: only these are compared, with the labels of the newer audit."""
    PATIENTS = "same patients"
    """Other images of, at least partly, the same patients."""
    NONE = "other patients"
    """No patient is in both: the audits are independent."""


@dataclass(frozen=True, slots=True)
class Side:
    """One of two audits, as far as it is compared."""

    images: pd.DataFrame
    scores: pd.DataFrame


@dataclass(frozen=True, slots=True)
class Matched:
    """The data of two audits, ready to be compared."""

    pairing: Pairing
    old: Side
    new: Side
    left_out: tuple[int, int]
    """Images of either that the other lacks, where only shared ones are compared."""
    shared_patients: int
    same_names: int = 0
    """Images that both have by name, and that are taken as others."""

    def images(self) -> pd.DataFrame:
        """Return the images of both, each once."""
        if self.pairing == Pairing.IMAGES:
            return self.new.images
        return pd.concat([self.old.images, self.new.images], ignore_index=True)


def match(old: Audit, new: Audit, patients: str) -> Matched:
    """Match the images and patients of two audits.

    Parameters
    ----------
    old, new : Audit
        The audits.
    patients : {"auto", "same", "other"}
        Whether equal patient identifiers stand for the same patients. ``auto``: as the images have it, which
        have to be shared or of patients who are not.

    Raises
    ------
    DataError
        If an audit does not hold its scores, or the identifiers contradict each other.
    ConfigError
        If it cannot be known whether the patients are the same.
    """
    first, second = _side(old, "older"), _side(new, "newer")
    known = all(audit.facts["data"]["patients_known"] for audit in (old, new))
    shared = pd.Index(first.images["image_id"]).intersection(pd.Index(second.images["image_id"]))
    both = set(first.images["patient_id"]) & set(second.images["patient_id"])
    if patients == "other":
        return _apart(first, second, int(shared.size))
    if shared.size:
        _demand_same_patients(first, second, shared)
        if patients == "auto":
            _demand_agreement(first, second, shared, _described(old, new))
        left_out = (len(first.images) - shared.size, len(second.images) - shared.size)
        return Matched(
            Pairing.IMAGES, _only(first, shared), _only(second, shared), left_out, len(both)
        )
    if patients == "same":
        if not both:
            raise ConfigError(
                "the two audits have no patient in common. Leave out --patients same."
            )
        return Matched(Pairing.PATIENTS, first, second, (0, 0), len(both))
    if both and known:
        raise ConfigError(
            f"{len(both):,} patient identifiers, such as {short(min(both))}, are in both audits, and no "
            "image is. Say whether they stand for the same patients: --patients same, or --patients other."
        )
    return _apart(first, second, 0)


FAIR_AGREEMENT = 0.4
"""Cohen's kappa below which two descriptions of the same images agree no better than those of others."""


def _described(old: Audit, new: Audit) -> list[str]:
    """Return the columns that describe the images of both audits: groups and labels."""
    own = [[*one.facts["data"]["attributes"], *one.facts["data"]["findings"]] for one in (old, new)]
    return in_both(*own)


def _demand_agreement(first: Side, second: Side, shared: pd.Index, columns: Sequence[str]) -> None:
    """Refuse images of the same name that are described differently: many sites number theirs from 1.

    Raises
    ------
    ConfigError
        If no column with two values or more agrees better than by chance.
    """
    from sklearn.metrics import cohen_kappa_score

    found = []
    sides = [side.images.set_index("image_id").loc[shared] for side in (first, second)]
    for name in columns:
        if any(name not in side for side in sides):
            continue
        one, other = (comparable(side[name]).to_numpy(dtype=str) for side in sides)
        if len({*one}) > 1 and len({*other}) > 1:
            found.append(float(cohen_kappa_score(one, other)))
    if found and max(found) < FAIR_AGREEMENT:
        raise ConfigError(
            f"{shared.size:,} images are in both audits by name, and their groups and labels agree no better "
            "than those of different images. If they are others (many sites number theirs from 1), use "
            "--patients other; if they are the same, --patients same."
        )


def comparable(values: pd.Series) -> pd.Series:
    """Return values as text, alike where both are missing."""
    numbers = pd.to_numeric(values, errors="coerce")
    as_numbers = numbers.notna() | values.isna()
    return numbers.astype("str") if as_numbers.all() else values.astype("str").fillna("")


def _side(audit: Audit, which: str) -> Side:
    if audit.audited_scores.empty or audit.audited_images.empty:
        hidden = "suppressed" in audit.facts
        why = (
            "since small cells are hidden (suppress_below)"
            if hidden
            else "since it was written by an earlier version"
        )
        raise DataError(
            f"the {which} audit does not hold its scores, {why}, so that no interval of a change can be "
            "known. Audit the scores again"
            + (" without suppress_below, into a folder that is not handed on." if hidden else ".")
        )
    return Side(audit.audited_images, audit.audited_scores)


def _demand_same_patients(first: Side, second: Side, shared: pd.Index) -> None:
    """Refuse images that are in both audits under the same name and of different patients."""
    ids = [side.images.set_index("image_id")["patient_id"].loc[shared] for side in (first, second)]
    differ = ids[0] != ids[1]
    if differ.any():
        raise DataError(
            f"{int(differ.sum()):,} of {shared.size:,} images that are in both audits are of another patient "
            f"in the newer one, first {short(str(shared[differ.to_numpy()][0]))}. If the images are others, "
            "too, say so with --patients other; if not, correct the identifiers."
        )


def _only(side: Side, images: pd.Index) -> Side:
    return Side(
        *(t[t["image_id"].isin(images)].reset_index(drop=True) for t in (side.images, side.scores))
    )


def _apart(first: Side, second: Side, same_names: int) -> Matched:
    """Give the images and patients of the two audits different identifiers."""
    old, new = _named(first, "old/"), _named(second, "new/")
    return Matched(Pairing.NONE, old, new, (0, 0), 0, same_names)


def _named(side: Side, prefix: str) -> Side:
    own = {name: prefix + side.images[name] for name in ("image_id", "patient_id", "study_id")}
    return Side(
        side.images.assign(**own),
        side.scores.assign(image_id=prefix + side.scores["image_id"]),
    )


def pairs_of_models(
    old: Sequence[str], new: Sequence[str], named: Mapping[str, str] | None
) -> dict[str, str]:
    """Return model of the older audit → that of the newer one it is compared with.

    Parameters
    ----------
    old, new : sequence of str
        The models of the audits.
    named : mapping of str to str, optional
        The pairs. Default: models of the same name; else the only one of either.

    Raises
    ------
    UnknownNameError
        If a model is not there.
    ConfigError
        If no pair follows from the names.
    """
    if named:
        if twice := [name for name in named.values() if list(named.values()).count(name) > 1]:
            raise ConfigError(
                f"two models are to be compared with {short(twice[0])}. Compare one at a time."
            )
        for first, second in named.items():
            if first not in old:
                raise UnknownNameError("model of the older audit", first, old)
            if second not in new:
                raise UnknownNameError("model of the newer audit", second, new)
        return dict(named)
    tested = [[name for name in names if name != NULL_MODEL] for names in (old, new)]
    if same := [name for name in tested[0] if name in tested[1]]:
        return dict(zip(same, same, strict=True))
    if len(tested[0]) == len(tested[1]) == 1:
        return {tested[0][0]: tested[1][0]}
    raise ConfigError(
        f"no model is in both audits: the older one is of {short(', '.join(old))}, the newer one of "
        f"{short(', '.join(new))}. Name those to compare: --model OLD=NEW."
    )


def in_both(old: Sequence[str], new: Sequence[str]) -> list[str]:
    """Return the names that are in both, in the order of the newer."""
    return [name for name in new if name in old]


def data_set(matched: Matched, old: Audit, new: Audit, findings: Sequence[str]) -> Dataset:
    """Return the images of both audits as one data set.

    Parameters
    ----------
    matched : Matched
        The images.
    old, new : Audit
        Whose columns are kept if both have them.
    findings : sequence of str
        Those that are compared.
    """
    columns = [audit.facts["data"] for audit in (old, new)]
    images = matched.images()
    kept = {name: in_both(*(one[name] for one in columns)) for name in ("attributes", "shortcuts")}
    return Dataset(
        name=new.facts["dataset"]["name"],
        version=new.facts["dataset"]["version"],
        license=new.facts["dataset"]["license"],
        root=Path(),
        images=images.assign(path=""),
        findings=tuple(findings),
        attributes=tuple(kept["attributes"]),
        shortcuts=tuple(kept["shortcuts"]),
        aliases=columns[1]["aliases"],
        patients_known=all(one["patients_known"] for one in columns),
        label_errors=columns[1]["label_errors"],
    )
