"""The folder of a run: cohort, embeddings, scores, perturbed images and audit."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from cxraudit.datasets.base import Dataset
from cxraudit.datasets.saved import EXCLUDED, IMAGES, open_dataset, save_dataset
from cxraudit.errors import DataError, NotAppliedError
from cxraudit.files import (
    command_line,
    committed,
    manifest_of,
    read_manifest,
    read_table,
    sha256,
    withdraw,
    write_manifest,
    write_table,
)
from cxraudit.folders import (
    claim,
    recorded_files,
    refuse_foreign,
    remove_left_over,
    writable_folder,
    write_or_discard,
)
from cxraudit.images import ImageNote
from cxraudit.notices import PERTURBED_IMAGES, SHOWN, Notice, counted, from_records
from cxraudit.schema import PERTURBED_COLUMNS, check_scores, not_applied, require_columns
from cxraudit.store import NO_REPORT, EmbeddingStore, stores
from cxraudit.workspace.audit import AuditFolder
from cxraudit.workspace.inside import Inside
from cxraudit.workspace.parts import Progress, extent_of, listed, read_records
from cxraudit.workspace.record import commands_of, manifest_of_ours

_OF_IMAGES = ("image_notes", "unread", "reports_left_out")
"""What the manifest of the scores takes over from that of the embeddings, which may be deleted."""

_ENCODE_AGAIN = "Run the same cxraudit encode command again; finished work is kept."
_SCORE_AGAIN = "Run cxraudit score again."
_PERTURB_AGAIN = "Run cxraudit perturb again, or delete it."


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folder of a run: cohort, embeddings, scores, perturbed images and audit."""

    folder: Path

    images = Inside(IMAGES)
    """The cohort; see `cxraudit.datasets.saved`."""
    excluded = Inside(EXCLUDED)
    """The images left out of it."""
    embeddings = Inside("embeddings")
    """One store per model; see `cxraudit.store`."""
    report_embeddings = Inside("report-embeddings")
    """The same for the reports of the images."""
    failures = Inside("failures.csv")
    """Images that could not be read."""
    scores = Inside("scores.parquet")
    """See `cxraudit.schema.SCORE_COLUMNS`."""
    directions = Inside("directions.parquet")
    """Prompts and their embedding directions."""
    wording_directions = Inside("wording-directions.parquet")
    """The same with words for groups of patients, and with neutral words."""
    perturbed = Inside("perturbed")
    """Embeddings of perturbed images, one folder per perturbation and severity."""
    perturbed_scores = Inside("perturbed-scores.parquet")
    """See `cxraudit.schema.PERTURBED_COLUMNS`."""
    perturbed_failures = Inside("perturbed-failures.csv")
    """Images that could not be read or perturbed."""
    pairs = Inside("pairs")
    """Embeddings of images that the user edited, and of their originals."""
    pair_scores = Inside("pair-scores.parquet")
    """See `cxraudit.schema.PERTURBED_COLUMNS` and `cxraudit.edits.CONTROL_OF`."""
    pair_checks = Inside("pair-checks.csv")
    """How each edited image differs from its original."""
    pair_failures = Inside("pair-failures.csv")
    """Edited images that could not be read, or changed no pixel."""
    report = Inside("report.html")
    """A report on the audits of several runs."""
    readme = Inside("README.txt")
    """What lies where, for people."""

    @property
    def audit(self) -> AuditFolder:
        """The folder of the audit."""
        return AuditFolder(self.folder / "audit")

    def check(self) -> None:
        """Check that the folder can be written to, before any work is done."""
        writable_folder(self.folder)
        self.clean()

    def clean(self) -> None:
        """Remove the temporary files of runs that were killed."""
        names = (self.embeddings, self.report_embeddings, self.perturbed, self.pairs)
        remove_left_over(self.folder, *(place.name for place in names))

    def save_dataset(self, dataset: Dataset) -> None:
        """Write the cohort and the images left out of it."""
        claim(self.images, manifest_of(self.images), self.excluded)
        save_dataset(dataset, self.folder)

    def open_dataset(self) -> Dataset:
        """Read the cohort."""
        return open_dataset(self.images)

    def refuse_foreign_cohort(self, inputs: Mapping[str, Path] | None = None) -> None:
        """Refuse what must not be replaced by `save_dataset` and `write_encoding`."""
        refuse_foreign(
            *(self.images, manifest_of(self.images), self.excluded),
            *(self.failures, manifest_of(self.embeddings)),
            inputs=inputs,
        )

    def begin_encoding(self) -> None:
        """Withdraw the mark of the embeddings: from now on they are unfinished."""
        withdraw(self.embeddings)

    def is_encoded(self) -> bool:
        """Return whether the last encoding was completed."""
        return manifest_of(self.embeddings).is_file()

    def progress(self) -> Progress:
        """Return how far the encoding is; nothing of the embeddings is read.

        Raises
        ------
        DataError
            If there are no embeddings, or the record of some is missing or damaged.
        """
        places = {"stores": self.embeddings, "report_stores": self.report_embeddings}
        done = manifest_of_ours(self.embeddings)
        images, reports = (
            {
                name: extent_of(store)
                for name, store in stores(place, needed=place == self.embeddings).items()
            }
            for place in places.values()
        )
        complete = (
            bool(done)
            and not any(one.missing for one in (*images.values(), *reports.values()))
            and {*done.get("stores", ())} <= {*images}
            and {*done.get("report_stores", ())} <= {*reports}
        )
        return Progress(images, reports, read_records(self.folder), complete)

    def _encode_again(self) -> str:
        """Return what to do about an encoding that did not end."""
        parts = self.progress().to_run() if read_records(self.folder) else []
        if not parts:
            return _ENCODE_AGAIN
        which = "part that is missing" if len(parts) == 1 else "parts that are missing"
        return (
            f"Run the same cxraudit encode command for the {which} (--part {listed(parts)}); finished work "
            "is kept."
        )

    def write_encoding(
        self,
        unread: pd.DataFrame,
        encoded: Mapping[str, EmbeddingStore] | None = None,
        reports: Mapping[str, EmbeddingStore] | None = None,
        **facts: Any,
    ) -> None:
        """Write the list of images that could not be read, and the manifest of the embeddings.

        Parameters
        ----------
        unread : pandas.DataFrame
            ``image_id``, ``error``, ``model``.
        encoded, reports : mapping of str to EmbeddingStore, optional
            Name of a model → its embeddings of the images, and of their reports.
        **facts
            Plain data to record in the manifest.
        """
        claim(manifest_of(self.embeddings))
        write_or_discard(unread, self.failures)
        first = next(iter((encoded or {}).values()), None)
        write_manifest(
            self.embeddings,
            inputs={"images": self.images},
            stores=_fingerprints(encoded or {}),
            report_stores=_fingerprints(reports or {}),
            image_notes=[] if first is None else count_notes(first.index()),
            unread=_counted(unread),
            **facts,
        )

    def encoded(self, names: Collection[str] | None = None) -> dict[str, EmbeddingStore]:
        """Return model name → finished embeddings of the cohort.

        Parameters
        ----------
        names : collection of str, optional
            Names of models; default: all that were encoded, but those that embed no image.

        Raises
        ------
        DataError
            If there are none, they are incomplete or damaged, or they are not those of the images
            table beside them.
        """
        found = {
            name: store
            for name, store in stores(self.embeddings, needed=not names).items()
            if names is None or name in names
        }
        if missing := [name for name in names or () if name not in found]:
            raise DataError(
                f"{self.embeddings} holds no embeddings of '{missing[0]}'. Run cxraudit encode with --model "
                f"{missing[0]}, or audit the scores alone with --no-embeddings."
            )
        recorded = self._recorded_embeddings()
        if names is None:  # models that embed no image are left out, as encoding stated
            left_out = [
                one for one in found if one not in recorded["stores"] and _is_empty(found[one])
            ]
            found = {name: store for name, store in found.items() if name not in left_out}
        if read_records(self.folder):
            self._require_shards(found)
        for name, store in found.items():
            if recorded["stores"].get(name) != store.fingerprint():
                raise DataError(
                    f"{store.folder} holds other embeddings than the last cxraudit encode finished. "
                    f"{_ENCODE_AGAIN}"
                )
        return found

    def _require_shards(self, found: Mapping[str, EmbeddingStore]) -> None:
        """Refuse embeddings of which parts are missing, and name the parts."""
        for store in found.values():
            extent = extent_of(store)
            if extent.missing:
                raise DataError(
                    f"{store.folder} is not finished: {len(extent.missing):,} of "
                    f"{counted(extent.n_shards, 'shard')} are missing. {self._encode_again()}"
                )

    def encoded_reports(self) -> dict[str, EmbeddingStore]:
        """Return model name → finished embeddings of the reports; empty if there are none."""
        recorded = self._recorded_embeddings()["report_stores"]
        found = stores(self.report_embeddings) if recorded else {}
        for name, fingerprint in recorded.items():
            if name not in found or found[name].fingerprint() != fingerprint:
                raise DataError(
                    f"{self.report_embeddings} holds other embeddings of '{name}' than the last cxraudit "
                    f"encode finished. {_ENCODE_AGAIN}"
                )
        return {name: found[name] for name in recorded}

    def _recorded_embeddings(self) -> dict[str, Any]:
        remedy = _ENCODE_AGAIN if self.is_encoded() else self._encode_again()
        manifest = committed(self.embeddings, remedy=remedy)
        self._require_images(self.embeddings, manifest, _ENCODE_AGAIN)
        return manifest

    def _require_images(self, path: Path, manifest: Mapping[str, Any], remedy: str) -> None:
        """Refuse what was made of another images table than the one that is there, and complete."""
        committed(self.images, remedy=_ENCODE_AGAIN)
        recorded = manifest.get("inputs", {}).get("images", {}).get("sha256")
        if sha256(self.images) != recorded:
            raise DataError(
                f"{path} was made of other images or labels than {self.images.name} beside it. {remedy}"
            )

    def write_scores(
        self,
        scores: pd.DataFrame,
        directions: pd.DataFrame,
        encoded: Mapping[str, EmbeddingStore] | None = None,
        worded: pd.DataFrame | None = None,
        **facts: Any,
    ) -> None:
        """Write the scores, the directions of their prompts, and the manifest of both.

        Parameters
        ----------
        scores, directions : pandas.DataFrame
            One or more rows per model.
        encoded : mapping of str to EmbeddingStore, optional
            Name of a model → the embeddings its scores were made of.
        worded : pandas.DataFrame, optional
            Directions of the prompts with further words; those of an earlier call are removed without.
        **facts
            Plain data to record in the manifest.
        """
        claim(self.scores, manifest_of(self.scores), self.directions)
        write_or_discard(pd.DataFrame() if worded is None else worded, self.wording_directions)
        write_table(directions, self.directions)
        write_table(check_scores(scores, seeds=True), self.scores)
        upstream = read_manifest(self.embeddings)
        write_manifest(
            self.scores,
            inputs={"images": self.images},
            outputs=[
                *(self.scores, self.directions),
                *([] if worded is None else [self.wording_directions]),
            ],
            stores=_fingerprints(encoded or {}),
            **{name: upstream[name] for name in _OF_IMAGES if name in upstream},
            commands=[*commands_of(self.embeddings), command_line()],
            **facts,
        )

    def holds(self, file: Path) -> bool:
        """Return whether a file is the table of scores that cxraudit wrote here, finished or not."""
        return file == self.scores and (
            manifest_of(file).is_file() or file.name in recorded_files(self.folder)
        )

    def check_current(self) -> dict[str, Any]:
        """Check that the scores are complete, and were made of the images and embeddings beside them.

        Embeddings that were deleted are not needed for an audit of scores.

        Returns
        -------
        dict
            The manifest of the scores.

        Raises
        ------
        DataError
            If there are none, their step did not finish, or images or embeddings are others by now.
        """
        if not self.scores.is_file():
            raise DataError(
                f"{self.folder} holds no {self.scores.name}. Run cxraudit encode and cxraudit score on "
                "it first."
            )
        manifest = committed(self.scores, remedy=_SCORE_AGAIN)
        self._require_images(self.scores, manifest, _SCORE_AGAIN)
        made_of = manifest.get("stores", {})
        present = stores(self.embeddings, needed=False) if made_of else {}
        if present.keys() & made_of.keys():
            self._recorded_embeddings()
        for name, fingerprint in made_of.items():
            if name in present and present[name].fingerprint() != fingerprint:
                raise DataError(
                    f"{self.scores} was made of other embeddings of '{name}' than those beside it. "
                    f"{_SCORE_AGAIN}"
                )
        return manifest

    def read_scores(self) -> pd.DataFrame:
        """Read the scores.

        Raises
        ------
        DataError
            As `check_current`.
        """
        self.check_current()
        return check_scores(
            read_table(self.scores, what="the scores table"), str(self.scores), seeds=True
        )

    def read_directions(self) -> pd.DataFrame:
        """Read the directions of the prompts of the scores; empty if there are no scores."""
        if not self.scores.is_file():
            return pd.DataFrame()
        self.check_current()
        return read_table(self.directions, what="the directions of the prompts")

    def read_wording_directions(self) -> pd.DataFrame:
        """Read the directions of the prompts with further words; empty if there are none."""
        if not self.scores.is_file() or not self.wording_directions.is_file():
            return pd.DataFrame()
        self.check_current()
        return read_table(self.wording_directions, what="the directions of the wordings")

    def write_perturbed(self, scores: pd.DataFrame, unread: pd.DataFrame, **facts: Any) -> None:
        """Write the scores of perturbed images, those that could not be read, and the manifest."""
        claim(self.perturbed_scores, manifest_of(self.perturbed_scores))
        left_out = not_applied(unread)
        write_or_discard(unread, self.perturbed_failures)
        write_table(scores, self.perturbed_scores)
        write_manifest(
            self.perturbed_scores,
            inputs={"images": self.images},
            outputs=[self.perturbed_scores],
            stores=read_manifest(self.scores).get("stores", {}),
            commands=[*commands_of(self.scores), command_line()],
            unread=_counted(unread[~left_out]),
            not_applied=_by_perturbation(unread[left_out]),
            **facts,
        )

    def read_perturbed(self) -> pd.DataFrame | None:
        """Read the scores of perturbed images; None if there are none.

        Raises
        ------
        DataError
            If their step did not finish, or images, embeddings or prompts are others by now.
        """
        return self._read_perturbed(self.perturbed_scores)

    def _read_perturbed(self, file: Path) -> pd.DataFrame | None:
        if not file.is_file():
            return None
        manifest = committed(file, remedy=_PERTURB_AGAIN)
        self._require_images(file, manifest, _PERTURB_AGAIN)
        scored = self.check_current()
        for key, what in (("prompt_hash", "prompts"), ("stores", "embeddings")):
            if manifest.get(key) != scored.get(key):
                raise DataError(
                    f"{file} was made with other {what} than {self.scores.name} beside it. {_PERTURB_AGAIN}"
                )
        table = read_table(file, what="the scores of perturbed images")
        require_columns(str(file), table, PERTURBED_COLUMNS)
        return table

    def write_pairs(
        self,
        scores: pd.DataFrame,
        checks: pd.DataFrame,
        unread: pd.DataFrame,
        table: Path,
        **facts: Any,
    ) -> None:
        """Write the scores of images that the user edited, how they differ, and the manifest."""
        claim(self.pair_scores, manifest_of(self.pair_scores), self.pair_checks)
        write_or_discard(unread, self.pair_failures)
        write_table(checks, self.pair_checks)
        write_table(scores, self.pair_scores)
        write_manifest(
            self.pair_scores,
            inputs={"images": self.images, "pairs": table},
            outputs=[self.pair_scores, self.pair_checks],
            stores=read_manifest(self.scores).get("stores", {}),
            commands=[*commands_of(self.scores), command_line()],
            **facts,
        )

    def read_pairs(self) -> pd.DataFrame | None:
        """Read the scores of images that the user edited; None if there are none.

        Raises
        ------
        DataError
            As `read_perturbed`.
        """
        return self._read_perturbed(self.pair_scores)

    def image_notes(self) -> list[dict[str, Any]]:
        """Return what was found on decoding the images: ``note`` (a code), ``count``, first ``images``."""
        return read_manifest(self.scores).get("image_notes", [])

    def notices(self) -> list[Notice]:
        """Return what a reader of an audit of the scores must know about the images they were made of."""
        manifest = read_manifest(self.scores)
        return [
            *_unread("images", "without a score", manifest.get("unread", {})),
            *map(_noted, self.image_notes()),
            *from_records(manifest.get("reports_left_out", ())),
            *from_records(manifest.get("cut_prompts", ())),
        ]

    def perturbed_notices(self) -> list[Notice]:
        """Return what a reader must know about the scores of perturbed images; none if there are none."""
        manifest = read_manifest(self.perturbed_scores)
        left_out = from_records(manifest.get("notices", ()))
        unread = _unread(PERTURBED_IMAGES, "left out", manifest.get("unread", {}))
        return [*left_out, *unread, *map(_not_applied_to, manifest.get("not_applied", ()))]

    def pair_notices(self) -> list[Notice]:
        """Return what a reader must know about images that the user edited; none if there are none."""
        if not self.pair_scores.is_file():
            return []
        return list(from_records(read_manifest(self.pair_scores).get("notices", ())))


def _is_empty(store: EmbeddingStore) -> bool:
    """Tell whether a finished store holds no embedding."""
    return store.finished() and not store.index()["ok"].any()


def reports_left_out(reports: Mapping[str, EmbeddingStore]) -> list[Notice]:
    """Return a notice for each model that has no embedding of some reports, which are in its store."""
    found = []
    for name, store in reports.items():
        index = store.index()
        lost = index[~index["ok"] & (index["error"] != NO_REPORT)]
        if len(lost):
            first = lost.iloc[0]
            sentence = (
                f"{counted(len(lost), 'report')} without an embedding by {name}. First: that of "
                f"{first['image_id']}: {first['error']}"
            )
            found.append(Notice(about="reports", count=len(lost), sentence=sentence))
    return found


def count_notes(index: pd.DataFrame) -> list[dict[str, Any]]:
    """Count the notes in the index of a store, the most frequent first."""
    notes = index[["image_id", "notes"]].assign(note=index["notes"].str.split()).explode("note")
    groups = notes.dropna(subset=["note"]).groupby("note", sort=True)["image_id"]
    found = [
        {"note": str(note), "count": len(images), "images": images.tolist()[:SHOWN]}
        for note, images in groups
    ]
    return sorted(found, key=lambda one: -one["count"])


def _noted(found: Mapping[str, Any]) -> Notice:
    code, count, images = found["note"], found["count"], ", ".join(found["images"])
    meaning = ImageNote(code).sentence if code in set(ImageNote) else code
    sentence = f"{counted(count, 'image')} (first: {images}): {meaning}"
    return Notice(about="images", count=count, sentence=sentence)


def _counted(unread: pd.DataFrame) -> dict[str, Any]:
    """Return the number of images that could not be read, and the first of them."""
    images = unread["image_id"].astype("str").unique().tolist()
    return {"count": len(images), "images": images[:SHOWN]}


def _by_perturbation(left_out: pd.DataFrame) -> list[dict[str, Any]]:
    """Count the images that perturbations were not applied to, by perturbation and reason."""
    if left_out.empty:
        return []
    groups = left_out.groupby(["perturbation", "error"], sort=True)["image_id"]
    return [
        {"perturbation": str(name), "reason": str(reason), **_counted(images.to_frame())}
        for (name, reason), images in groups
    ]


def _not_applied_to(found: Mapping[str, Any]) -> Notice:
    first = ", ".join(found["images"])
    reason = found["reason"].removeprefix(NotAppliedError.PREFIX).rstrip(".")
    sentence = (
        f"{found['perturbation']} was not applied to {counted(found['count'], 'image')}, which are left out "
        f"of its comparisons: {reason}. First: {first}."
    )
    hidden = (
        f"{found['perturbation']} was not applied to some images, which are left out of its comparisons: "
        f"{_of_any(reason)}."
    )
    return Notice(about=PERTURBED_IMAGES, count=found["count"], sentence=sentence, hidden=hidden)


def _of_any(reason: str) -> str:
    """Return a reason without what only few images have, such as their size or a file: the part in front."""
    return reason.split(": ", 1)[0]


def _unread(about: str, consequence: str, found: Mapping[str, Any]) -> list[Notice]:
    count = found.get("count", 0)
    if not count:
        return []
    first = ", ".join(found["images"])
    sentence = f"{counted(count, 'image')} could not be read: {consequence}. First: {first}."
    return [Notice(about=about, count=count, sentence=sentence)]


def _fingerprints(encoded: Mapping[str, EmbeddingStore]) -> dict[str, str]:
    return {name: store.fingerprint() for name, store in encoded.items()}
