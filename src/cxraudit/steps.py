"""The steps of a run, from files to files: what the commands and a run file call.

Every file name is that of `cxraudit.workspace`.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxraudit import datasets
from cxraudit.analysis_plan import AnalysisPlan, agree, read_plan
from cxraudit.audits.embeddings.cohort import ModelEmbeddings, WordedPair
from cxraudit.audits.embeddings.heads import SHARE, Heads
from cxraudit.audits.pair_scores import pair_scores
from cxraudit.audits.result import Audit, open_audit
from cxraudit.audits.run import audit
from cxraudit.audits.scores import intersections, own_cohort, read_scores, scores_from
from cxraudit.audits.shortcuts import with_derived
from cxraudit.audits.suppression import suppressed_image_notes
from cxraudit.audits.thresholds import given_thresholds
from cxraudit.audits.wordings.variants import by_variant, refuse_contradictions
from cxraudit.datasets.base import REPORT, Dataset
from cxraudit.datasets.findings import find as find_finding
from cxraudit.datasets.findings import resolve as resolve_finding
from cxraudit.datasets.reading import read_table
from cxraudit.datasets.reference_labels import ReferenceLabels, find_reference_labels
from cxraudit.edits import beside, is_own
from cxraudit.encode import (
    SHARD_SIZE,
    encode_images,
    encode_reports,
    failures,
    open_stores,
)
from cxraudit.encode.batches import NO_EMBEDDING
from cxraudit.encode.parts import WHOLE, Part, logged_part
from cxraudit.encode.resume import (
    of_the_same_images,
    refuse_changed_images,
    refuse_other_images,
)
from cxraudit.encode.times import Times
from cxraudit.errors import ConfigError, DataError, UnknownNameError, short
from cxraudit.files import as_plain, manifest_of, read_manifest, write_text
from cxraudit.folders import claim, refuse_foreign, remove_left_over, writable_folder
from cxraudit.models import card as card_of
from cxraudit.models import load as load_model
from cxraudit.models import load_image_model, require_text_side
from cxraudit.models.base import ImageModel, ImageTextModel
from cxraudit.notices import Notice, Tell, as_records, counted, logged
from cxraudit.own_embeddings import own_embeddings, prompt_pairs
from cxraudit.perturb import CORRUPTIONS, DEVICES
from cxraudit.perturb import perturbations as perturbations_named
from cxraudit.perturb.regions import ALL
from cxraudit.perturb.run import choose_images
from cxraudit.planning.settings import StudyGoals
from cxraudit.planning.study import plan_from_pilot
from cxraudit.privacy import shown_model
from cxraudit.progress import stage
from cxraudit.prompts import PromptSet
from cxraudit.prompts import load as load_prompts
from cxraudit.prompts.wordings import Phrase, load_wordings
from cxraudit.report import read_about, write_figures, write_report, write_summary
from cxraudit.report.pdf import find_browser, write_pdf
from cxraudit.run_file import RunFile
from cxraudit.schema import UNNAMED, records
from cxraudit.scoring import (
    PERTURBED_IMAGES,
    Tracker,
    listed,
    perturb_images,
    same_model,
    score,
    score_pairs,
)
from cxraudit.settings import AuditSettings
from cxraudit.store import EmbeddingStore, stores
from cxraudit.workspace import AuditFolder, Workspace
from cxraudit.workspace.record import manifest_of_ours
from cxraudit.workspace.run import reports_left_out
from cxraudit.zeroshot import PHRASE_COLUMNS, cut_prompts, direction_table, wording_table


def encode_step(
    dataset: Dataset,
    model_names: Sequence[str],
    out: Path,
    track: Tracker,
    *,
    batch_size: int | None = None,
    shard_size: int = SHARD_SIZE,
    n_readers: int | None = None,
    device: str = "auto",
    part: Part = WHOLE,
    inputs: Mapping[str, Path] | None = None,
    times: Times | None = None,
    tell: Tell = logged,
) -> pd.DataFrame:
    """Encode a cohort with some models under `out`; return the images that could not be read.

    `inputs` are the tables that the cohort was read from, which are never replaced. `tell` is called with
    what was found to have changed, or to be damaged, since an earlier call. Of a `part`, the shards of the
    others are left to them; whichever part ends last completes the folder.
    """
    loaded = _loaded(model_names, device)
    work = Workspace(out)
    work.check()
    # Refuse before anything is written.
    work.refuse_foreign_cohort(inputs)
    refuse_other_images(dataset.images, loaded, work.embeddings)
    shards, targets = open_stores(dataset.images, loaded, work.embeddings, shard_size, tell=tell)
    for name, store in targets.items():
        _update_card(store, loaded[name], name, tell)
    work.begin_encoding()
    readers = {
        name: cast("ImageTextModel", one) for name, one in loaded.items() if one.card.text_side
    }
    own = part.own(shards)
    n_images = sum(len(shard.image_ids) for shard in own)
    with logged_part(work.folder, part, list(loaded), len(own), tell) as shard_done:
        with track(f"encode {dataset.name}", n_images) as advance:
            unread = encode_images(
                dataset.images,
                loaded,
                work.embeddings,
                batch_size=batch_size,
                shard_size=shard_size,
                n_readers=n_readers,
                progress=advance,
                part=part,
                shard_done=shard_done,
                times=times,
                tell=tell,
            )
        if REPORT in dataset.images and readers:
            with track("encode reports", n_images) as advance:
                encode_reports(
                    dataset.images,
                    readers,
                    work.report_embeddings,
                    shard_size=shard_size,
                    progress=advance,
                    part=part,
                    tell=tell,
                )
    if part.of > 1 and not _all_parts(targets, work, readers if REPORT in dataset.images else {}):
        return unread.drop_duplicates("image_id")
    encoded = of_the_same_images(targets, work.embeddings, tell)
    unread = failures(encoded)
    useless = _without_embeddings(unread, len(dataset.images))
    encoded = {name: store for name, store in encoded.items() if name not in useless}
    wrong = [sentence for name, sentence in useless.items() if name in targets]
    remedy = "Check the weights: cxraudit models check MODEL."
    if not encoded:
        raise DataError(f"{wrong[0]} {remedy}")
    unread = unread[unread["model"].isin(list(encoded))].reset_index(drop=True)
    n_unread = unread["image_id"].nunique()
    reports = stores(work.report_embeddings, needed=False) if REPORT in dataset.images else {}
    reports = {name: store for name, store in reports.items() if name in encoded}
    left_out = reports_left_out(reports)
    for notice in left_out:
        tell(notice)
    work.save_dataset(dataset)
    work.write_encoding(
        unread,
        encoded,
        reports,
        cards={name: store.record()["card"] for name, store in encoded.items()},
        fingerprints={name: store.record()["fingerprint"] for name, store in encoded.items()},
        n_failures=n_unread,
        reports_left_out=as_records(left_out),
    )
    if wrong:
        raise DataError(f"{wrong[0]} The other models are encoded. {remedy}")
    return unread.drop_duplicates("image_id")


def _without_embeddings(unread: pd.DataFrame, n_images: int) -> dict[str, str]:
    """Return the models that embed no image, whose weights are at fault, and what is wrong.

    `unread` is that of `cxraudit.encode.failures`.

    Raises
    ------
    DataError
        If a model has no embedding since no image could be read.
    """
    found: dict[str, str] = {}
    for name, errors in unread.groupby("model", sort=False)["error"]:
        if len(errors) < n_images:
            continue
        first = errors.iloc[0]
        if not errors.str.startswith(NO_EMBEDDING).any():
            raise DataError(
                f"none of the {n_images:,} images could be read, first: {first} Check --root and where the "
                "images are; the same command tries them again."
            )
        found[str(name)] = (
            f"the model '{name}' embeds none of the {n_images:,} images, first: {first}"
        )
    return found


def _all_parts(
    targets: Mapping[str, EmbeddingStore], work: Workspace, readers: Mapping[str, ImageModel]
) -> bool:
    """Tell whether the shards of all parts are there, so that this one completes the folder."""
    reports = stores(work.report_embeddings, needed=False) if readers else {}
    wanted = [*targets.values(), *(reports[name] for name in readers if name in reports)]
    return len(wanted) == len(targets) + len(readers) and all(one.finished() for one in wanted)


def _update_card(store: EmbeddingStore, model: ImageModel, name: str, tell: Tell) -> None:
    """Take the card of a model as it is now into its store, and say what differed."""
    if differ := store.update_card(model):
        sentence = f"It has another {', '.join(differ)} than before; the present card is used."
        tell(Notice(about=f"card of '{name}'", count=len(differ), sentence=sentence))


def _loaded(specs: Sequence[str], device: str) -> dict[str, ImageModel]:
    """Load models, by the names that results have."""
    by_name: dict[str, str] = {}
    for spec in specs:
        other = by_name.setdefault(shown_model(spec), spec)
        if other != spec:
            raise ConfigError(
                f"{other} and {spec} would both be called {shown_model(spec)} in the results. Rename one "
                "of the folders."
            )
    return {name: load_image_model(spec, device=device) for name, spec in by_name.items()}


def score_step(
    out: Path,
    *,
    prompt_set: str = "paper",
    findings: Sequence[str] | None = None,
    model_names: Sequence[str] | None = None,
    device: str = "auto",
    wordings: str | PathLike[str] | None = None,
    tell: Tell = logged,
) -> Path:
    """Score every embedded image under `out` with a prompt set; return the scores file.

    `model_names` are the models to score; default: all that were encoded there, but those of images alone.
    With `wordings` (``default``, or a TOML file) the prompts are also encoded with words for groups of
    patients, and with neutral words; no image is read again.
    """
    work = Workspace(out)
    work.clean()
    phrases = None if wordings is None else load_wordings(wordings)
    refuse_foreign(
        *(work.scores, manifest_of(work.scores), work.directions, work.wording_directions)
    )
    encoded = work.encoded(None if model_names is None else list(map(shown_model, model_names)))
    encoded = _with_texts(encoded, named=model_names is not None, tell=tell)
    dataset = work.open_dataset()
    chosen = dataset.choose_findings(findings) if findings else dataset
    pair = load_prompts(prompt_set)
    scores: list[pd.DataFrame] = []
    directions: list[pd.DataFrame] = []
    worded: list[pd.DataFrame] = []
    cut: list[Notice] = []
    for name, store in encoded.items():
        model = same_model(name, store, device)
        _update_card(store, model, name, tell)
        scores.append(score(store, model, chosen.findings, pair, name=name))
        directions.append(direction_table(model, chosen.findings, pair, name=name))
        if phrases is not None:
            worded.append(wording_table(model, chosen.findings, pair, phrases.phrases, name=name))
        cut += _cut(model, directions[-1], name)
    for notice in cut:
        tell(notice)
    work.write_scores(
        pd.concat(scores, ignore_index=True),
        pd.concat(directions, ignore_index=True),
        encoded,
        pd.concat(worded, ignore_index=True) if worded else None,
        wordings=None
        if phrases is None
        else {"name": phrases.name, "hash": phrases.fingerprint, "texts": len(phrases.phrases)},
        prompts=asdict(pair),
        prompt_hash=pair.fingerprint,
        cards={name: store.record()["card"] for name, store in encoded.items()},
        cut_prompts=as_records(cut),
    )
    return work.scores


def _cut(model: "ImageTextModel", directions: pd.DataFrame, name: str) -> list[Notice]:
    """Say which prompts a model does not read to their end."""
    texts = [*directions["positive"], *directions["negative"]]
    found = cut_prompts(model, texts)
    if not found:
        return []
    sentence = (
        f"{counted(len(found), 'prompt')} longer than the model reads: the end has no influence on the "
        f"score. First: {short(found[0])}"
    )
    return [
        Notice(about=f"prompts of '{name}'", count=len(found), sentence=sentence, hidden=sentence)
    ]


def _with_texts(
    encoded: Mapping[str, EmbeddingStore], *, named: bool, tell: Tell
) -> dict[str, EmbeddingStore]:
    """Return what can be scored by prompts; models of images alone are left out with a notice.

    Raises
    ------
    ConfigError
        If there is nothing else, or they were named.
    """
    cards = {name: store.record()["card"] for name, store in encoded.items()}
    found = {name: encoded[name] for name, card in cards.items() if card.get("text_side", True)}
    for name in [name for name in encoded if name not in found]:
        sentence = f"The model '{name}' has no text side, so its images are not scored by prompts."
        if named or not found:
            raise ConfigError(
                f"{sentence} Fit heads for the findings of a table: cxraudit audit TABLE --embeddings "
                f"{encoded[name].folder}."
            )
        tell(Notice(about="scores", count=1, sentence=sentence))
    return found


def perturb_step(
    out: Path,
    track: Tracker,
    *,
    perturbations: Sequence[str] | None = None,
    regions: Sequence[str] | None = None,
    masks: Path | None = None,
    n_images: int = PERTURBED_IMAGES,
    seed: int = 0,
    batch_size: int | None = None,
    n_readers: int | None = None,
    device: str = "auto",
    tell: Tell = logged,
) -> Path:
    """Perturb some of the images under `out` and score them; return the table of scores.

    Models, prompts and findings are those of the scores under `out`. Finished perturbations are kept,
    so the same call continues after an interruption; perturbations and regions of an earlier call with the
    same images and seed stay in the table. Perturbations that do not apply to the data set are logged and
    recorded in the manifest. `regions` and `masks` are as in `cxraudit.perturb_images`.
    """
    work = Workspace(out)
    work.clean()
    perturbed = work.perturbed_scores
    refuse_foreign(perturbed, manifest_of(perturbed), work.perturbed_failures)
    scores = work.read_scores()
    dataset = work.open_dataset()
    manifest = read_manifest(work.scores)
    pair = PromptSet(**manifest["prompts"])
    before = manifest_of_ours(work.perturbed_scores)
    if (before.get("seed"), before.get("images")) != (seed, n_images):
        before = dict[str, Any]()
    given = [ALL] if regions is None and masks is not None else regions
    requested = _requested(before, perturbations, given)
    if requested.regions and masks is None and dataset.truth is None:
        raise DataError(
            "regions need masks, also those of an earlier call, which stay in the table: give --masks, a "
            "table of CheXmask, a table of run lengths, or a folder of pictures."
        )
    standard = [*DEVICES, *CORRUPTIONS]
    encoded = work.encoded(manifest["stores"])
    chosen = choose_images(dataset.images, n_images, seed)
    for store in encoded.values():
        refuse_changed_images(store, chosen)
    loaded = {name: same_model(name, store, device) for name, store in encoded.items()}
    done = perturb_images(
        dataset,
        loaded,
        sorted(set(scores["finding"])),
        pair,
        work.perturbed,
        perturbations=standard if requested.perturbations is None else requested.perturbations,
        regions=requested.regions or None,
        masks=masks if requested.regions else None,
        n_images=n_images,
        seed=seed,
        batch_size=batch_size,
        n_readers=n_readers,
        track=track,
        tell=tell,
    )
    work.write_perturbed(
        done.scores,
        done.unread,
        seed=seed,
        images=n_images,
        requested=requested.perturbations,
        regions=requested.regions,
        notices=as_records(done.notices),
        prompt_hash=pair.fingerprint,
        perturbations=[{"name": one.name, "severity": one.severity} for one in done.planned],
    )
    return work.perturbed_scores


def pairs_step(
    out: Path,
    pairs: Path,
    track: Tracker,
    *,
    root: Path | None = None,
    columns: Mapping[str, str] | None = None,
    batch_size: int | None = None,
    n_readers: int | None = None,
    device: str = "auto",
    tell: Tell = logged,
) -> Path:
    """Score images that the user edited, of the cohort under `out`; return the table of scores.

    Models, prompts and findings are those of the scores under `out`. Finished work is kept, so the same call
    continues after an interruption.
    """
    work = Workspace(out)
    work.clean()
    written = (
        work.pair_scores,
        manifest_of(work.pair_scores),
        work.pair_checks,
        work.pair_failures,
    )
    refuse_foreign(*written, inputs={"pairs": pairs})
    scores = work.read_scores()
    dataset = work.open_dataset()
    manifest = read_manifest(work.scores)
    prompts = PromptSet(**manifest["prompts"])
    encoded = work.encoded(manifest["stores"])
    loaded = {name: same_model(name, store, device) for name, store in encoded.items()}
    made = manifest_of_ours(work.perturbed_scores).get("perturbations", ())
    done = score_pairs(
        dataset,
        loaded,
        sorted(set(scores["finding"])),
        prompts,
        pairs,
        work.pairs,
        root=root,
        columns=columns,
        scores=scores,
        taken=[one["name"] for one in made],
        batch_size=batch_size,
        n_readers=n_readers,
        track=track,
        tell=tell,
    )
    work.write_pairs(
        done.scores,
        done.checks,
        done.unread,
        pairs,
        notices=as_records(done.notices),
        prompt_hash=prompts.fingerprint,
    )
    return work.pair_scores


class _Requested(NamedTuple):
    """What is done to images: names of perturbations, None for all, and of regions."""

    perturbations: list[str] | None
    regions: list[str]


def _requested(
    before: Mapping[str, Any], names: Sequence[str] | None, regions: Sequence[str] | None
) -> _Requested:
    """Add the perturbations and regions of an earlier call with the same images and seed."""
    if names is None and regions is not None:
        names = []
    now = _Requested(None if names is None else list(names), list(regions or ()))
    if not before:
        return now
    earlier = before["requested"]
    either = None in (earlier, now.perturbations)
    return _Requested(
        None if either else list(dict.fromkeys([*earlier, *(now.perturbations or ())])),
        list(dict.fromkeys([*(before.get("regions") or ()), *now.regions])),
    )


def read_perturbed(out: str | PathLike[str]) -> pd.DataFrame | None:
    """Read the scores of perturbed images under `out`, own edits included; None if there are none."""
    work = Workspace(Path(out))
    return beside(work.read_perturbed(), work.read_pairs())


def read_embeddings(out: str | PathLike[str]) -> list[ModelEmbeddings]:
    """Read embeddings and prompts of the models under `out`, for `cxraudit.audits.embeddings`.

    Returns
    -------
    list of ModelEmbeddings
        One per model that was scored; empty if there are no scores of embeddings.

    Raises
    ------
    DataError
        If the embeddings are incomplete or damaged, were deleted, or are not those that were scored.
    """
    work = Workspace(Path(out))
    table = work.read_directions()
    made_of = read_manifest(work.scores).get("stores", {})
    if table.empty or not made_of:
        return []
    encoded, reports = work.encoded(made_of), work.encoded_reports()
    worded = work.read_wording_directions()
    found = []
    for name, store in encoded.items():
        directions = table[table["model"] == name]
        index, vectors = store.read()
        ok = index["ok"].to_numpy(dtype=bool)
        ids = np.asarray(index.loc[ok, "image_id"], dtype=np.str_)
        in_bank = directions["in_bank"].to_numpy(dtype=bool)
        found.append(
            ModelEmbeddings(
                name,
                ids,
                vectors[ok],
                prompt_pairs(directions[~in_bank]),
                prompt_pairs(directions[in_bank]),
                _read_reports(reports.get(name), ids),
                _worded_pairs(worded[worded["model"] == name]) if len(worded) else (),
            )
        )
    return found


def _worded_pairs(directions: pd.DataFrame) -> tuple[WordedPair, ...]:
    return tuple(
        WordedPair(Phrase(name=pair.name, **{one: row[one] for one in PHRASE_COLUMNS}), pair)
        for row, pair in zip(records(directions), prompt_pairs(directions), strict=True)
    )


def _read_reports(
    store: EmbeddingStore | None, image_ids: NDArray[np.str_]
) -> NDArray[np.float32] | None:
    """Read the embeddings of the reports of some images, NaN where an image has none."""
    if store is None:
        return None
    index, vectors = store.read()
    rows = pd.Index(index["image_id"]).get_indexer(pd.Index(image_ids))
    found = vectors[rows]
    found[rows < 0] = np.nan
    return found


def audit_step(
    dataset: Dataset,
    scores: pd.DataFrame,
    folder: Path,
    *,
    attributes: Sequence[str] | None = None,
    shortcuts: Mapping[str, str] | None = None,
    settings: AuditSettings | None = None,
    inputs: Mapping[str, Path] | None = None,
    embeddings: Sequence[ModelEmbeddings] = (),
    heads: Sequence[Heads] = (),
    cards: Mapping[str, Mapping[str, Any]] | None = None,
    perturbed: pd.DataFrame | None = None,
    reference_labels: ReferenceLabels | None = None,
    worded: pd.DataFrame | None = None,
    notices: Sequence[Notice] = (),
    work: Workspace | None = None,
    overwrite: bool = False,
    plan: AnalysisPlan | None = None,
    depart: str | None = None,
) -> Audit:
    """Audit scores, and embeddings and perturbed images where there are any; save to `folder`.

    `work` is the run whose images were scored, if it was one of ours: what was found on decoding them is
    part of the audit. `overwrite` replaces the audit of another table of scores.
    """
    files = dict(inputs or {})
    if settings and isinstance(settings.thresholds, str):
        files["thresholds"] = Path(settings.thresholds)
    place = AuditFolder(folder)
    place.check(files, overwrite=overwrite)  # refuses before any work is done
    of_images = work.notices() if work else []
    if work and perturbed is not None:
        of_images += work.perturbed_notices()
        of_images += work.pair_notices() if is_own(perturbed).any() else []
    found = audit(
        dataset,
        scores,
        attributes=attributes,
        shortcuts=shortcuts,
        settings=settings,
        embeddings=embeddings,
        heads=heads,
        perturbed=perturbed,
        reference_labels=reference_labels,
        worded=worded,
        notices=[*notices, *of_images],
        plan=plan,
        depart=depart,
    )
    if work:
        found.facts["image_notes"] = suppressed_image_notes(work.image_notes(), found)
    found.save(folder, inputs=files, cards=cards, overwrite=overwrite)
    return replace(found, facts=as_plain(found.facts), manifest=read_manifest(place.results))


def audit_files(
    scores: str | PathLike[str],
    *,
    dataset: str | None = None,
    root: str | PathLike[str] | None = None,
    options: Mapping[str, Any] | None = None,
    image: str | None = None,
    score_prefix: str | Sequence[str] | None = None,
    score: Mapping[str, str] | None = None,
    model: str = UNNAMED,
    model_column: str | None = None,
    seed_column: str | None = None,
    patient: str | None = None,
    label: Mapping[str, str] | None = None,
    uncertain: str | None = None,
    age: str | None = None,
    sex: str | None = None,
    sex_values: Mapping[str, str] | None = None,
    view: str | None = None,
    shortcut_sources: Mapping[str, str] | None = None,
    attributes: str | Sequence[str] | None = None,
    shortcuts: Mapping[str, str] | None = None,
    settings: AuditSettings | None = None,
    embeddings: bool = True,
    vectors: Mapping[str, str | PathLike[str]] | None = None,
    vector_ids: str | PathLike[str] | None = None,
    prompt_vectors: Mapping[str, str | PathLike[str]] | None = None,
    head_share: float = SHARE,
    reference_labels: str | PathLike[str] | None = None,
    reference_label: Mapping[str, str] | None = None,
    reference_weight: str | None = None,
    out: str | PathLike[str] | None = None,
    pairs: str | PathLike[str] | None = None,
    pair_columns: Mapping[str, str] | None = None,
    overwrite: bool = False,
    plan: str | PathLike[str] | None = None,
    depart: str | None = None,
) -> Audit:
    """Audit a file of scores; write results and report.

    The labels come from one of three places: a cohort that cxraudit saved beside the scores, a known
    data set (`dataset`, `root`), or the table of scores itself (`label`, `image`, `patient`).

    Parameters
    ----------
    scores : str or path
        CSV, Excel or Parquet: a scores table of cxraudit, or one row per image.
    dataset : str, optional
        Name of the data set the scores are about.
    root : str or path, optional
        Folder of that data set.
    options : mapping, optional
        Options of that data set.
    image : str, optional
        Column that identifies the image.
    score_prefix : str or sequence of str, optional
        Columns that begin with it hold scores; the remainder of the name is the finding.
        ``MODEL=PREFIX`` names the model, too.
    score : mapping of str to str, optional
        Finding, or ``MODEL:FINDING``, → column of its scores.
    model : str
        Name of the model, where nothing names one.
    model_column : str, optional
        Column that names the model of each row.
    seed_column : str, optional
        Column that names the training run (seed) of each row; runs of a model are averaged, with their error.
    patient : str, optional
        Column that identifies the patient, with `label`; ``none`` if patients are unknown.
    label : mapping of str to str, optional
        Finding → column of its labels: 1, 0 or nothing.
    uncertain : {"zeros", "ones", "ignore"}, optional
        What uncertain labels (−1) of the table count as; without it they are refused.
    age, sex, view : str, optional
        Columns of ages, sexes and view positions, with `label`.
    sex_values : mapping of str to str, optional
        Value of the column of sexes → female, male, other or unknown.
    shortcut_sources : mapping of str to str, optional
        Shortcut → column that says who labelled it: annotated or predicted.
    attributes : str or sequence of str, optional
        Attributes to audit by; default: all of the data set. ``sex*age_group`` is an intersection.
    shortcuts : mapping of str to str, optional
        Shortcut column → finding; see `cxraudit.audit`.
    settings : AuditSettings, optional
        How the audit is computed.
    embeddings : bool
        Audit the embeddings beside the scores, where there are any.
    vectors : mapping of str to str or path, optional
        Model → file of its embeddings; see `cxraudit.read_vectors`. Where no columns of scores are named,
        heads are fitted on a share of the patients (`cxraudit.fit_heads`) and audited on the others.
    vector_ids : str or path, optional
        Image ids of embeddings in a ``.npy`` file.
    prompt_vectors : mapping of str to str or path, optional
        Model → file of the embeddings of its prompts; see `cxraudit.read_prompt_vectors`. Its images are
        scored by them, and no head is fitted.
    head_share : float
        Share of the patients that heads are fitted on.
    reference_labels : str or path, optional
        Labels of part of the images by a better source: a table (see `cxraudit.read_reference_labels`), or a
        label source of the data set, such as ``experts``. With `reference_label` alone: the table of scores.
    reference_label : mapping of str to str, optional
        Finding → column of its reference labels; default: the columns with the name of a finding.
    reference_weight : str, optional
        Column with the sampling weight of each row of reference labels, if they were drawn in strata.
    out : str or path, optional
        Folder for results and report; default: ``audit`` beside the scores.
    pairs : str or path, optional
        A table of scores of edited images, which are compared with those of the originals; see
        `cxraudit.pair_scores`.
    pair_columns : mapping of str to str, optional
        What a column of `pairs` is usually called → what it is called there.
    overwrite : bool
        Replace the audit of another table in that folder.
    plan : str or path, optional
        A plan that ``cxraudit plan --write`` wrote: findings, attributes, shortcuts and settings are taken
        from it. What is given as well has to be the same; of a table with labels, `attributes` name columns.
    depart : str, optional
        Reason to depart from the plan.

    Returns
    -------
    Audit
        As saved in `out`.

    Raises
    ------
    ConfigError
        If the options contradict each other or the plan, or do not name the source of the labels.
    DataError
        If a file is missing or is not what it should be, or one that cxraudit did not write would be
        replaced.
    """
    _refuse_contradictions(vectors or {}, prompt_vectors or {}, embeddings=embeddings)
    file = Path(scores)
    work = Workspace(file.parent)
    place = work.audit if out is None else AuditFolder(Path(out))
    planned = None if plan is None else read_plan(plan)
    named = None if attributes is None else listed(attributes)
    if planned is not None:
        # Refused before any work is done; which attributes the data have is known later.
        agree(planned, settings=settings, shortcuts=shortcuts, reason=depart)
        settings = settings or planned.audit_settings()
        if label and named is not None:
            made = {age: "age_group", sex: "sex", view: "view_position"}
            own = (made.get(_column_of(one)) or _name_of(one) for one in named)
            named = list(dict.fromkeys([*planned.attributes, *own]))
    settings = settings or AuditSettings()
    with stage("read the table"):
        read = _read_inputs(
            file,
            dataset=dataset,
            root=root,
            options=options,
            image=image,
            score_prefix=score_prefix,
            score=score,
            model=model,
            model_column=model_column,
            seed_column=seed_column,
            patient=patient,
            label=label,
            uncertain=uncertain,
            age=age,
            sex=sex,
            sex_values=sex_values,
            view=view,
            shortcut_sources=shortcut_sources,
            attributes=attributes,
            shortcuts=planned.shortcuts if planned and shortcuts is None else shortcuts,
            settings=settings,
            planned=planned.attributes if planned and label else (),
            scored=bool(score or score_prefix or not vectors),
            besides=[]
            if reference_labels is not None
            else [*(reference_label or {}).values(), *filter(None, [reference_weight])],
        )
    own = own_embeddings(
        read.cohort,
        vectors or {},
        prompt_vectors or {},
        ids=vector_ids,
        image=image,
        scored=not read.scores.empty,
        share=head_share,
        seed=settings.seed,
    )
    read = read._replace(
        cohort=own.dataset,
        scores=read.scores if own.scores.empty else own.scores,
        files=read.files | own.files,
        notices=(*read.notices, *own.notices),
    )
    if planned is not None:
        agree(planned, settings=settings, reading=read.cohort.reading, reason=depart)
    ours = work.holds(file)
    perturbed = work.read_perturbed() if ours else None
    if pairs is None and pair_columns:
        raise ConfigError("columns of pairs were named, and no table of pairs: add --pairs.")
    if pairs is not None:
        read, own_pairs = _with_pairs(
            read,
            pairs,
            made_here=work.pair_scores if ours else None,
            fitted=bool(own.heads),
            columns=pair_columns,
            image=image,
            score=score,
            score_prefix=score_prefix,
            model=None if model == UNNAMED else model,
            model_column=model_column,
        )
    else:
        own_pairs = work.read_pairs() if ours else None
    reference = _reference(
        read,
        reference_labels,
        columns=reference_label,
        weight=reference_weight,
        image=image,
        release=dataset,
        root=root,
        options=options,
    )
    files = read.files | reference_file(reference_labels)
    place.check(files, overwrite=overwrite)
    refuse_foreign(place.report, inputs=files)
    found = audit_step(
        read.cohort,
        read.scores,
        place.folder,
        attributes=named if planned else read.attributes,
        shortcuts=shortcuts and _resolved(shortcuts, read.cohort),
        settings=settings,
        inputs=files if plan is None else {**files, "plan": Path(plan)},
        embeddings=own.embeddings or (read_embeddings(work.folder) if ours and embeddings else ()),
        heads=own.heads,
        perturbed=beside(perturbed, own_pairs),
        cards=own.cards,
        reference_labels=reference,
        worded=None if read.worded.empty else read.worded,
        notices=read.notices,
        work=work if ours else None,
        overwrite=overwrite,
        plan=planned,
        depart=depart,
    )
    report_step([place.folder], place.report)
    return found


def _with_pairs(
    read: "Inputs",
    pairs: str | PathLike[str],
    *,
    made_here: Path | None,
    fitted: bool,
    **columns: Any,
) -> tuple["Inputs", pd.DataFrame]:
    """Read scores of edited images beside those of an audit; `columns` are those of `pair_scores`."""
    if fitted:
        raise ConfigError(
            "--pairs compares with scores, and there are none: heads are fitted to the embeddings. Name the "
            "columns of scores."
        )
    if made_here is not None and made_here.is_file():
        raise ConfigError(
            f"{made_here} holds scores of edited images already, which cxraudit perturb --pairs made. Delete "
            "it, or audit without --pairs."
        )
    found = pair_scores(Path(pairs), read.cohort, read.scores, **columns)
    files = {**read.files, "pairs": Path(pairs)}
    notices = (*read.notices, *found.notices)
    return read._replace(files=files, notices=notices), found.frame


def reference_file(source: str | PathLike[str] | None) -> dict[str, Path]:
    """Return the file of reference labels among the inputs of an audit, if there is one."""
    return {"reference labels": Path(source)} if source and Path(source).is_file() else {}


def _refuse_contradictions(
    vectors: Mapping[str, Any], prompts: Mapping[str, Any], *, embeddings: bool
) -> None:
    if prompts and not vectors:
        raise ConfigError(
            "embeddings of prompts score embeddings of images: give these with --embeddings, too."
        )
    if vectors and not embeddings:
        raise ConfigError(
            "--no-embeddings leaves out embeddings beside the scores, and --embeddings names some. Give one "
            "of both."
        )


def _name_of(attribute: str) -> str:
    """Return the name of an attribute that is given as ``NAME=COLUMN``."""
    return attribute.partition("=")[0]


def _column_of(attribute: str) -> str:
    """Return the column of an attribute that is given as ``COLUMN`` or ``NAME=COLUMN``."""
    name, _, column = attribute.partition("=")
    return column or name


class Inputs(NamedTuple):
    """What an audit of a file of scores is made of, or the plan of a study."""

    cohort: Dataset
    scores: pd.DataFrame
    attributes: list[str] | None
    files: dict[str, Path]
    notices: tuple[Notice, ...]
    worded: pd.DataFrame = pd.DataFrame()
    """Scores with other wordings of the prompts."""


def _read_inputs(
    file: Path,
    *,
    dataset: str | None = None,
    root: str | PathLike[str] | None = None,
    options: Mapping[str, Any] | None = None,
    image: str | None = None,
    score_prefix: str | Sequence[str] | None = None,
    score: Mapping[str, str] | None = None,
    model: str = UNNAMED,
    model_column: str | None = None,
    seed_column: str | None = None,
    patient: str | None = None,
    label: Mapping[str, str] | None = None,
    uncertain: str | None = None,
    age: str | None = None,
    sex: str | None = None,
    sex_values: Mapping[str, str] | None = None,
    view: str | None = None,
    shortcut_sources: Mapping[str, str] | None = None,
    attributes: str | Sequence[str] | None = None,
    shortcuts: Mapping[str, str] | None = None,
    settings: AuditSettings,
    planned: Sequence[str] = (),
    scored: bool = True,
    besides: Sequence[str] = (),
) -> Inputs:
    """Read scores and the labels of their images; parameters as in `audit_files`.

    Of `planned` attributes, those that are columns of the table are read, too. Without `scored`, the table
    holds labels only. Columns `besides` hold no scores, whatever they are called.
    """
    for name, value in (("label", label), ("score", score), ("shortcuts", shortcuts)):
        if value is not None and not isinstance(value, Mapping):
            raise TypeError(f"{name} must be a mapping of names to names, got {value!r}")
    of_labels = {
        "--patient": patient,
        "--age": age,
        "--sex": sex,
        "--view": view,
        "--uncertain": uncertain,
        "--sex-values": sex_values,
        "--shortcut-source": shortcut_sources,
    }
    if used := set(besides) & set((score or {}).values()):
        raise ConfigError(
            f"column {min(used)} is named as scores, so it holds neither reference labels nor their weights. "
            "Name another column."
        )
    for flag, value in of_labels.items():
        if value and not label:
            raise ConfigError(
                f"{flag} is about a table that also holds labels: add --label FINDING=COLUMN."
            )
    if both := set((label or {}).values()) & set((score or {}).values()):
        raise ConfigError(
            f"column {min(both)} is named as labels and as scores. Name the column of scores."
        )
    if label and dataset is not None:
        raise ConfigError("give either --dataset or --label: the labels come from one place.")
    names = None if attributes is None else listed(attributes)
    inputs = {"scores": file}
    work = Workspace(file.parent)
    if work.holds(file):
        work.check_current()
    table = read_table(file, what="the scores table")
    divided = by_variant(table.frame, str(file))
    labelled = divided.base
    if label and planned:
        made = {"age_group": age, "sex": sex, "view_position": view}
        ours = {name for name, column in made.items() if column}
        names = _with_planned(names or [], planned, labelled, ours)
    if dataset is not None:
        if root is None:
            raise ConfigError(f"--dataset {dataset} needs --root, the folder of the data set.")
        cohort = datasets.load(dataset, root, options)
    elif label:
        read_of_images = [patient, age, sex, view, *label.values(), *(names or [])]
        refuse_contradictions(
            divided, image or "image_id", [*filter(None, read_of_images)], str(file)
        )
        cohort = own_cohort(
            file,
            labelled,
            image=image,
            patient=patient,
            label=label,
            model_column=model_column or seed_column,
            uncertain=uncertain,
            age=age,
            sex=sex,
            sex_values=sex_values,
            view=view,
            attributes=names or [],
            shortcuts=shortcuts or {},
            shortcut_sources=shortcut_sources,
            bins=settings.bins,
            sampling_weight=settings.sampling_weight or None,
            severity=settings.severity or None,
        )
        crossed = intersections(names or [], labelled, age=age, sex=sex, view=view)
        names = [*cohort.attributes, *crossed]
    elif work.images.is_file():
        cohort = work.open_dataset()
        inputs["images"] = work.images
    else:
        raise ConfigError(
            f"nothing says what the images of {file} show. Give --dataset and --root, or the columns "
            "of labels with --label FINDING=COLUMN (see cxraudit audit --help)."
        )
    if not scored:
        return Inputs(cohort, pd.DataFrame(), names, inputs, table.notices)
    read = scores_from(
        table.frame.drop(
            columns=[*(label or {}).values(), *(one for one in besides if one in table.frame)]
        ),
        cohort,
        image=image,
        score=score,
        score_prefix=score_prefix,
        model=model,
        model_column=model_column,
        seed_column=seed_column,
        table=str(file),
    )
    notices = (*table.notices, *read.notices)
    return Inputs(cohort, read.frame, names, inputs, notices, read.worded)


def _reference(
    read: Inputs,
    source: str | PathLike[str] | None,
    *,
    columns: Mapping[str, str] | None,
    weight: str | None,
    image: str | None,
    **release: Any,
) -> ReferenceLabels | None:
    """Read reference labels from where they are; those of the table of scores need their columns."""
    if source is None and weight and not columns:
        raise ConfigError("--reference-weight is about reference labels: add --reference-labels.")
    if source is None and not columns:
        return None
    return find_reference_labels(
        read.files["scores"] if source is None else source,
        read.cohort,
        columns=columns,
        weight=weight,
        image=image,
        **release,
    )


def _with_planned(
    names: Sequence[str], planned: Sequence[str], frame: pd.DataFrame, made: Collection[str]
) -> list[str]:
    """Add the planned attributes that a table has, and those of them that are made of other columns."""
    given = {_name_of(one) for one in names}

    def is_known(part: str) -> bool:
        return part in made or part in given or part in frame

    further = [
        one
        for one in planned
        if one not in given and one not in made and all(map(is_known, one.split("*")))
    ]
    return [*names, *further]


def plan_files(
    scores: str | PathLike[str],
    goals: StudyGoals | None = None,
    *,
    settings: AuditSettings | None = None,
    findings: Sequence[str] | None = None,
    models: Sequence[str] | None = None,
    **columns: Any,
) -> pd.DataFrame:
    """Plan a study like a pilot, which is a file of scores.

    Parameters
    ----------
    scores : str or path
        As in `audit_files`.
    goals : StudyGoals, optional
        Patients (default: those of the pilot), and the gaps that are to be shown or ruled out.
    settings : AuditSettings, optional
        Of the audit that is planned.
    findings, models : sequence of str, optional
        Those of the study; default: all that the pilot has.
    **columns
        Where the labels are, and what is compared, by the parameters of `audit_files`.

    Returns
    -------
    pandas.DataFrame
        See `cxraudit.planning.table.PLAN_COLUMNS`.

    Raises
    ------
    ConfigError
        If the options contradict each other, or a goal cannot be reached.
    DataError
        If a file is missing or is not what it should be.
    UnknownNameError
        If the pilot lacks a finding or model.
    """
    settings = settings or AuditSettings()
    read = read_pilot(scores, settings=settings, findings=findings, models=models, **columns)
    return plan_from_pilot(
        read.cohort, read.scores, goals, attributes=read.attributes, settings=settings
    )


def read_pilot(
    scores: str | PathLike[str],
    *,
    settings: AuditSettings,
    findings: Sequence[str] | None = None,
    models: Sequence[str] | None = None,
    **columns: Any,
) -> Inputs:
    """Read a pilot, with the scores of some findings and models only; parameters as in `plan_files`."""
    read = _read_inputs(Path(scores), settings=settings, **columns)
    table = read.scores
    scored = [one for one in read.cohort.findings if one in set(table["finding"].unique())]
    chosen = [resolve_finding(one, scored, read.cohort.aliases) for one in findings or ()]
    known = sorted(table["model"].unique())
    for model in models or ():
        if model not in known:
            raise UnknownNameError("model", model, known)
    kept = table["finding"].isin(chosen or scored) & table["model"].isin(list(models or known))
    if scored and not kept.any():
        raise DataError(
            f"{scores} has no scores of {', '.join(chosen)} by {', '.join(models or known)}. Name others."
        )
    return read._replace(scores=table[kept] if scored else table)


def _resolved(shortcuts: Mapping[str, str], cohort: Dataset) -> dict[str, str]:
    """Name the finding of each shortcut as the data set does."""
    return {
        shortcut: find_finding(finding, cohort.findings, cohort.aliases) or finding
        for shortcut, finding in shortcuts.items()
    }


def report_step(
    folders: Sequence[Path],
    path: Path,
    *,
    pdf: bool = False,
    summary: Path | None = None,
    about: Path | None = None,
) -> list[Path]:
    """Write one report on some audit folders.

    Returns the HTML file, the summary if it is wanted, and the PDFs of both if they are.
    """
    pages = [path, *([] if summary is None else [summary])]
    for page in pages:
        _demand_html(page)
    if summary is not None and len(folders) > 1:
        raise ConfigError("a summary is of one audit. Name one folder.")
    stated = None if about is None else read_about(about)
    browser = find_browser() if pdf else ""
    audits = [open_audit(folder) for folder in folders]
    printed = {page: page.with_suffix(".pdf") for page in pages} if pdf else {}
    for page in pages:
        writable_folder(page.parent)
    remove_left_over(path.parent)
    claim(*pages, *printed.values(), inputs={} if about is None else {"about": about})
    with stage("write the report"):
        write_report(audits, path)
    if summary is not None:
        write_summary(audits[0], summary, about=stated)
    with stage("print the report") if printed else nullcontext():
        return [*pages, *(write_pdf(page, file, browser) for page, file in printed.items())]


def figures_step(
    folders: Sequence[Path], out: Path, *, formats: Sequence[str], tables: Sequence[str]
) -> list[Path]:
    """Write the figures and tables of the report on some audit folders; return the files."""
    audits = [open_audit(folder) for folder in folders]
    remove_left_over(out)
    return write_figures(audits, out, formats=formats, tables=tables)


def _demand_html(path: Path) -> None:
    """Refuse a folder, and a file of another kind, as a page."""
    if path.is_dir():
        raise ConfigError(
            f"{path} is a folder. Name the HTML file to write, for instance {path / 'report.html'}."
        )
    if path.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(
            f"a report is an HTML file, got {path.name}. Name it {path.stem}.html, for instance."
        )


def run_step(run: RunFile, track: Tracker, *, tell: Tell = logged) -> Path:
    """Run all steps of a run file; return the report."""
    work = Workspace(run.out)
    work.check()
    if run.dataset is None:
        audit_table(run)
        return work.audit.report
    dataset = datasets.load(run.dataset.name, run.dataset.root, run.dataset.options)
    tables = datasets.tables(run.dataset.name, run.dataset.root)
    with_derived(dataset, run.audit.shortcuts or {})  # wrong names are refused before any work
    notices: Sequence[Notice] = ()
    worded = pd.DataFrame()
    plan = None if run.audit.plan is None else read_plan(run.audit.plan)
    settings = run.audit_settings(plan)
    if plan is not None:
        agree(
            plan,
            settings=settings,
            attributes=None if run.audit.attributes is None else listed(run.audit.attributes),
            shortcuts=run.audit.shortcuts,
            reading=dataset.reading,
            reason=run.audit.depart,
        )
    if run.perturb:
        perturbations_named(run.perturb.perturbations)
    if run.encode:
        for name in run.encode.models:
            require_text_side(card_of(name))
        models = {name: [name] for name in run.encode.models}
        given_thresholds(settings, dataset, models)  # refused before any work
        encode_step(
            dataset,
            run.encode.models,
            work.folder,
            track,
            batch_size=run.encode.batch_size,
            shard_size=run.encode.shard_size,
            n_readers=run.encode.n_readers,
            device=run.encode.device,
            inputs=tables,
            tell=tell,
        )
        file = score_step(
            work.folder,
            prompt_set=run.encode.prompts,
            findings=run.encode.findings,
            device=run.encode.device,
            wordings=run.encode.wordings,
        )
        scores = work.read_scores()
        if run.perturb:
            perturb_step(
                work.folder,
                track,
                perturbations=run.perturb.perturbations,
                regions=run.perturb.regions,
                masks=run.perturb.masks,
                n_images=run.perturb.images,
                seed=run.seed,
                batch_size=run.encode.batch_size,
                n_readers=run.encode.n_readers,
                device=run.encode.device,
                tell=tell,
            )
    else:
        assert run.scores is not None
        file = run.scores.file
        read = read_scores(
            file,
            dataset,
            image=run.scores.image,
            score=run.scores.score,
            score_prefix=run.scores.score_prefix,
            model=run.scores.model,
            model_column=run.scores.model_column,
            seed_column=run.scores.seed_column,
        )
        scores, notices, worded = read.frame, read.notices, read.worded
        refuse_foreign(work.images, work.excluded, inputs={**tables, "scores": file})
        work.save_dataset(dataset)
    refuse_foreign(work.audit.report)
    audit_step(
        dataset,
        scores,
        work.audit.folder,
        attributes=run.audit.attributes,
        shortcuts=run.audit.shortcuts and _resolved(run.audit.shortcuts, dataset),
        settings=settings,
        inputs={
            "scores": file,
            "images": work.images,
            **({"plan": run.audit.plan} if run.audit.plan else {}),
        },
        embeddings=read_embeddings(work.folder) if run.encode and run.audit.embeddings else (),
        perturbed=work.read_perturbed() if run.perturb else None,
        worded=None if worded.empty else worded,
        notices=notices,
        work=work if run.encode else None,
        overwrite=run.audit.overwrite,
        plan=plan,
        depart=run.audit.depart,
    )
    return report_step([work.audit.folder], work.audit.report)[0]


def audit_table(run: RunFile) -> Audit:
    """Audit the table of a run file that holds labels beside the scores."""
    plan = None if run.audit.plan is None else read_plan(run.audit.plan)
    return audit_files(
        **columns_of(run),
        settings=run.audit_settings(plan),
        out=Workspace(run.out).audit.folder,
        overwrite=run.audit.overwrite,
        plan=run.audit.plan,
        depart=run.audit.depart,
    )


def columns_of(run: RunFile) -> dict[str, Any]:
    """Return what a run file says of a table of scores, as parameters of `audit_files` and `read_pilot`."""
    assert run.scores is not None
    source: dict[str, Any] = {}
    if run.dataset is not None:
        source = {
            "dataset": run.dataset.name,
            "root": run.dataset.root,
            "options": run.dataset.options,
        }
    return {
        "scores": run.scores.file,
        "attributes": run.audit.attributes,
        "shortcuts": run.audit.shortcuts,
        **run.scores.model_dump(exclude={"file"}),
        **source,
    }


DEMO_SEED = 2025
DEMO_MODELS = ("phantom-clip", "random")
DEMO_PERTURBED = 200
"""Images of the release with drain labels that are perturbed."""


def demo_step(
    out: Path,
    track: Tracker,
    *,
    n_patients: int,
    seed: int = DEMO_SEED,
    tell: Tell = logged,
) -> Path:
    """Draw two synthetic releases, audit the shipped model on both, and report.

    The releases are written in the layouts of MIMIC-CXR-JPG and of ChestX-ray14 and read back by
    the modules that read the real ones.
    """
    from cxraudit.phantom.cohort import draw_cohort
    from cxraudit.phantom.releases import write_release
    from cxraudit.phantom.spec import PhantomSpec

    for name in DEMO_MODELS:
        load_model(name)  # refuses before anything is drawn
    demo = Workspace(out)
    demo.check()
    refuse_foreign(demo.readme, demo.report)
    folders = []
    for layout, name, shift in (("mimic", "mimic-cxr", 0), ("nih", "nih-cxr14", 1)):
        spec = PhantomSpec(n_patients=n_patients, seed=seed + shift)
        root, work = out / f"release-{layout}", Workspace(out / f"phantom-{layout}")
        with track(f"draw {layout} images", len(draw_cohort(spec))) as advance:
            write_release(spec, root, layout, progress=advance)
        dataset = datasets.load(name, root)
        six = dataset.choose_findings([*spec.prevalence])
        encode_step(six, DEMO_MODELS, work.folder, track, tell=tell)
        scores = score_step(work.folder)
        if layout == "nih":
            perturb_step(work.folder, track, n_images=DEMO_PERTURBED, seed=seed, tell=tell)
        audit_step(
            six,
            work.read_scores(),
            work.audit.folder,
            settings=AuditSettings(seed=seed),
            inputs={"scores": scores, "images": work.images},
            # Those of the control take as long, and show nothing.
            embeddings=[one for one in read_embeddings(work.folder) if one.model == DEMO_MODELS[0]],
            perturbed=work.read_perturbed(),
            work=work,
        )
        folders.append(work.audit.folder)
    report, *_ = report_step(folders, demo.report)
    claim(demo.readme)
    write_text(demo.readme, _DEMO_README)
    return report


_DEMO_README = """\
report.html      open this one
release-*        the synthetic releases, in the layouts of their publishers
phantom-*        images, embeddings, scores and audit of each; every table is Parquet. Embeddings are audited
                 of phantom-clip alone: those of the control, random, show nothing and take as long
"""
