"""The steps of a run, each from files to files: what the commands and `run` call.

.. code-block:: text

    <out>/images.parquet          the cohort, with excluded.parquet: the images left out of it
    <out>/embeddings/<model>/     see cxraudit.store; report-embeddings/ where there are reports
    <out>/failures.csv            images that could not be read (only if there are any)
    <out>/scores.parquet          with directions.parquet: where the prompts point
    <out>/audit/                  results.parquet, results.csv, exclusions.csv, flow.csv,
                                  excluded.parquet, embeddings.parquet and what its figures draw
                                  (points, curves, prompts), report.html, figures/
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxraudit import datasets, models, prompts
from cxraudit.audits.cells import AuditSettings
from cxraudit.audits.embeddings.cohort import Embedded, PromptPair
from cxraudit.audits.embeddings.run import Knowledge, examine
from cxraudit.audits.perturbations import EDIT_COLUMNS, Edits, by_edit
from cxraudit.audits.run import Audit, audit
from cxraudit.audits.scores import match_columns, scores_from_wide
from cxraudit.audits.shortcuts import with_derived
from cxraudit.datasets.base import REPORT, Dataset
from cxraudit.datasets.saved import EXCLUDED, IMAGES, open_dataset, save_dataset
from cxraudit.encode import (
    BATCH_SIZE,
    SHARD_SIZE,
    encode_images,
    encode_reports,
    failures,
    open_stores,
)
from cxraudit.errors import ConfigError, DataError
from cxraudit.files import (
    as_plain,
    command_line,
    read_manifest,
    read_table,
    recorded,
    writable_folder,
    write_manifest,
    write_or_remove,
    write_table,
    write_text,
)
from cxraudit.models.base import ImageTextModel
from cxraudit.perturb import choose
from cxraudit.perturb.run import choose_images, edited_scores, plan_edits
from cxraudit.report import write_report
from cxraudit.run_file import RunConfig
from cxraudit.schema import (
    SCORE_COLUMNS,
    check_results,
    check_scores,
    records,
    require_columns,
)
from cxraudit.store import EmbeddingStore, stores
from cxraudit.zeroshot import direction_table, zero_shot_scores

Tracker = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""Opens a progress bar: (description, total) → what to call with the number of items done."""

DIRECTIONS, REPORTS = "directions.parquet", "report-embeddings"
KNOWLEDGE = {
    "results": "embeddings.parquet",
    "points": "points.parquet",
    "curves": "curves.parquet",
    "asked": "prompts.parquet",
}
"""Table of `Knowledge` → file in the folder of an audit."""
SCORES, EMBEDDINGS, AUDIT, FLOW = "scores.parquet", "embeddings", "audit", "flow.csv"
EDITED, EDITED_SCORES = "edited", "edited-scores.parquet"
PLACES, EDITS, CHANGES = "shortcut-scores.parquet", "edits.parquet", "image-changes.parquet"
EDITED_IMAGES = 400
"""Images that are edited unless more are asked for: each is encoded once per edit and severity."""


def encode_step(
    dataset: Dataset,
    model_names: Sequence[str],
    out: Path,
    track: Tracker,
    *,
    batch_size: int = BATCH_SIZE,
    shard_size: int = SHARD_SIZE,
    n_readers: int = 2,
    device: str = "auto",
) -> pd.DataFrame:
    """Encode a cohort with some models under `out`; return the images that could not be read."""
    loaded = {name: models.load(name, device=device) for name in model_names}
    writable_folder(out)
    # Refuse what does not belong here before anything is overwritten.
    open_stores(dataset.images, loaded, out / EMBEDDINGS, shard_size)
    save_dataset(dataset, out)
    with track(f"encode {dataset.name}", len(dataset.images)) as advance:
        encode_images(
            dataset.images,
            loaded,
            out / EMBEDDINGS,
            batch_size=batch_size,
            shard_size=shard_size,
            n_readers=n_readers,
            progress=advance,
        )
    if REPORT in dataset.images:
        with track("encode reports", len(dataset.images)) as advance:
            encode_reports(
                dataset.images, loaded, out / REPORTS, shard_size=shard_size, progress=advance
            )
    finished = {name: s for name, s in stores(out / EMBEDDINGS).items() if s.finished()}
    unread = failures(finished)
    images = unread["image_id"].nunique()
    if images == len(dataset.images):
        raise DataError(
            f"none of the {images:,} images could be read, first: {unread['error'].iloc[0]} "
            "Check --root and where the images are; the same command tries them again."
        )
    write_or_remove(unread, out / "failures.csv")
    write_manifest(
        out / EMBEDDINGS,
        cards={name: asdict(model.card) for name, model in loaded.items()},
        fingerprints={name: model.fingerprint for name, model in loaded.items()},
        inputs={"images": out / IMAGES},
        n_failures=images,
    )
    return unread.drop_duplicates("image_id")


def score_step(
    out: Path,
    *,
    prompt_set: str = "paper",
    findings: Sequence[str] | None = None,
    model_names: Sequence[str] | None = None,
    device: str = "auto",
) -> Path:
    """Score every embedded image under `out` with a prompt set; return the scores file.

    `model_names` are the models to score; default: all that were encoded there.
    """
    encoded = {
        name: store
        for name, store in stores(out / EMBEDDINGS).items()
        if model_names is None or name in model_names
    }
    dataset = open_dataset(out / IMAGES)
    chosen = dataset.choose_findings(findings) if findings else dataset
    pair = prompts.load(prompt_set)
    tables, asked = [], []
    for name, store in encoded.items():
        model = _same_model(name, store, device)
        index, embeddings = store.read()
        tables.append(zero_shot_scores(index, embeddings, model, chosen.findings, pair, name=name))
        asked.append(direction_table(model, chosen.findings, pair, name=name))
    write_table(pd.concat(asked, ignore_index=True), out / DIRECTIONS)
    path = write_table(check_scores(pd.concat(tables, ignore_index=True)), out / SCORES)
    write_manifest(
        path,
        prompts=asdict(pair),
        prompt_hash=pair.fingerprint,
        cards={name: store.record()["card"] for name, store in encoded.items()},
        inputs={"images": out / IMAGES},
        commands=[*_commands(out / EMBEDDINGS), command_line()],
    )
    return path


def _same_model(name: str, store: EmbeddingStore, device: str = "auto") -> ImageTextModel:
    """Load the model of a store, or refuse other weights than those it was encoded with."""
    model = models.load(name, device=device)
    if model.fingerprint != store.record()["fingerprint"]:
        raise DataError(
            f"{store.folder} was encoded with other weights of '{name}' than are installed now. "
            "Encode again into another folder."
        )
    return model


def stress_step(
    out: Path,
    track: Tracker,
    *,
    edits: Sequence[str] | None = None,
    n_images: int = EDITED_IMAGES,
    seed: int = 0,
    batch_size: int = BATCH_SIZE,
    n_readers: int = 2,
    device: str = "auto",
) -> Path:
    """Score some of the images under `out` again, changed on purpose; return the table of scores.

    Models, prompts and findings are those of the scores that are there. Finished edits are kept, so
    the same call goes on after an interruption; edits of an earlier call with the same images and seed
    stay in the table.
    """
    if not (out / SCORES).is_file():
        raise DataError(
            f"{out} holds no {SCORES}. Run cxraudit encode and cxraudit score on it first."
        )
    scores = check_scores(read_table(out / SCORES, what="the scores table"))
    dataset = open_dataset(out / IMAGES)
    manifest = read_manifest(out / SCORES)
    if "prompts" not in manifest:
        raise DataError(
            f"{out / SCORES} does not say with which prompts it was made. Score again with cxraudit score."
        )
    pair = prompts.PromptSet(**manifest["prompts"])
    before = read_manifest(out / EDITED_SCORES)
    if edits is not None and (before.get("seed"), before.get("images")) == (seed, n_images):
        edits = [*before["asked"], *edits] if before["asked"] is not None else None
    planned = plan_edits(dataset, edits, seed=seed)
    loaded = {
        name: _same_model(name, store, device) for name, store in stores(out / EMBEDDINGS).items()
    }
    images = choose_images(dataset.images, n_images, seed)
    _same_edits(out / EDITED / "stress.json", {"seed": seed, "images": n_images})
    with track(f"edit {dataset.name}", len(images) * len(planned)) as advance:
        table, unread = edited_scores(
            images,
            loaded,
            sorted(set(scores["finding"])),
            pair,
            planned,
            out / EDITED,
            batch_size=batch_size,
            n_readers=n_readers,
            progress=advance,
        )
    write_or_remove(unread, out / "edited-failures.csv")
    path = write_table(table, out / EDITED_SCORES)
    write_manifest(
        path,
        inputs={"images": out / IMAGES},
        seed=seed,
        images=n_images,
        asked=edits,
        prompt_hash=pair.fingerprint,
        edits=[{"name": one.name, "severity": one.severity} for one in planned],
        commands=[*_commands(out / SCORES), command_line()],
    )
    return path


def _same_edits(mark: Path, wanted: Mapping[str, int]) -> None:
    """Record the seed and number of images, or refuse others: edited images are compared as one set."""
    found = recorded(mark, wanted)
    if found != wanted:
        raise DataError(
            f"{mark.parent} holds images edited with --seed {found['seed']} --images {found['images']}. Give "
            "the same, or delete that folder to edit others."
        )


def read_edited(out: Path) -> pd.DataFrame | None:
    """Read the scores of edited images under `out`; None if there are none.

    Raises
    ------
    DataError
        If images were asked about in another way since.
    """
    file = out / EDITED_SCORES
    if not file.is_file():
        return None
    if read_manifest(file).get("prompt_hash") != read_manifest(out / SCORES).get("prompt_hash"):
        raise DataError(
            f"{file} was made with other prompts than {SCORES} beside it. Run cxraudit stress again, or "
            "delete it."
        )
    return read_table(file, what="the scores of edited images")


def read_embedded(out: Path) -> list[Embedded]:
    """Read what was encoded and how it was asked, for `cxraudit.audits.embeddings`.

    Returns
    -------
    list of Embedded
        One per model; empty if nothing was encoded here.
    """
    file = out / DIRECTIONS
    if not (file.is_file() and (out / EMBEDDINGS).is_dir()):
        return []
    table = read_table(file, what="the table of prompt directions")
    found = []
    for name, store in stores(out / EMBEDDINGS).items():
        mine = table[table["model"] == name]
        if mine.empty:
            continue
        index, vectors = store.read()
        ok = index["ok"].to_numpy(dtype=bool)
        pairs = {
            in_bank: tuple(
                PromptPair(
                    row["pair"],
                    row["finding"],
                    row["positive"],
                    row["negative"],
                    np.asarray(row["direction"], dtype=np.float32),
                )
                for row in records(part)
            )
            for in_bank, part in mine.groupby("in_bank")
        }
        ids = index.loc[ok, "image_id"].to_numpy(dtype=np.str_)
        texts = _read_reports(out / REPORTS / store.folder.name, ids)
        found.append(Embedded(name, ids, vectors[ok], pairs[False], pairs.get(True, ()), texts))
    return found


def _read_reports(folder: Path, image_ids: NDArray[np.str_]) -> NDArray[np.float32] | None:
    """Read the embeddings of the reports of some images, NaN where an image has none."""
    store = EmbeddingStore(folder)
    if not (folder / "store.json").is_file() or not store.finished():
        return None
    index, vectors = store.read()
    where = pd.Series(np.arange(len(index)), index=index["image_id"])
    return vectors[where.reindex(image_ids).to_numpy(dtype=np.int64)]


def _commands(path: Path) -> list[str]:
    manifest = read_manifest(path)
    return manifest.get("commands", [manifest["command"]] if "command" in manifest else [])


def read_scores(
    path: Path,
    dataset: Dataset,
    *,
    image: str | None = None,
    columns: Mapping[str, str] | None = None,
    prefix: str | None = None,
    model: str = "model",
) -> pd.DataFrame:
    """Read scores: our long table, or one column per finding named by `columns` or `prefix`."""
    frame = read_table(path, what="the scores table")
    if (
        image is None
        and not columns
        and prefix is None
        and set(SCORE_COLUMNS) <= set(frame.columns)
    ):
        return check_scores(frame, str(path))
    named = dict(columns or {})
    if prefix is not None:
        found = match_columns(list(frame.columns), prefix, dataset.findings, dataset.aliases)
        named = {**found, **named}
    if not named:
        raise DataError(
            f"{path} has the columns {', '.join(map(str, frame.columns[:10]))}, which is no scores "
            "table of ours. Say which columns hold scores: --score FINDING=COLUMN or --score-prefix."
        )
    dataset.choose_findings(list(named))
    return scores_from_wide(
        frame, image=image or "image_id", columns=named, model=model, table=str(path)
    )


def audit_step(
    dataset: Dataset,
    scores: pd.DataFrame,
    folder: Path,
    *,
    attributes: Sequence[str] | None = None,
    shortcuts: Mapping[str, str] | None = None,
    settings: AuditSettings | None = None,
    inputs: Mapping[str, Path] | None = None,
    embedded: Sequence[Embedded] = (),
    edited: pd.DataFrame | None = None,
) -> Audit:
    """Audit scores, embeddings and edited images where there are any; write tables to `folder`."""
    writable_folder(folder)
    found = audit(dataset, scores, attributes=attributes, shortcuts=shortcuts, settings=settings)
    scored = set(scores["model"])
    known = examine(
        dataset,
        [one for one in embedded if one.model in scored],
        attributes=None if attributes is None else [*attributes, *dataset.shortcuts],
        settings=settings,
    )
    mine = pd.DataFrame() if edited is None else edited[edited["model"].isin(scored)]
    moved = None if mine.empty else by_edit(dataset, mine, attributes=attributes, settings=settings)
    _write_knowledge(known, folder)
    write_or_remove(found.places, folder / PLACES)
    write_or_remove(moved.results if moved else pd.DataFrame(), folder / EDITS)
    write_or_remove(moved.changes if moved else pd.DataFrame(), folder / CHANGES)
    results = write_table(found.results, folder / "results.parquet")
    write_table(found.results, folder / "results.csv")
    write_table(found.exclusions, folder / "exclusions.csv")
    write_table(found.flow, folder / FLOW)
    write_table(found.excluded, folder / EXCLUDED)
    scores_file = (inputs or {}).get("scores")
    upstream = read_manifest(scores_file) if scores_file else {}
    manifest = write_manifest(
        results,
        inputs=inputs,
        facts=found.facts,
        cards=upstream.get("cards", {}),
        prompt_hash=upstream.get("prompt_hash"),
        commands=list(dict.fromkeys([*upstream.get("commands", []), command_line()])),
    )
    return replace(
        found,
        facts=as_plain(found.facts),
        manifest=as_plain(manifest),
        knowledge=known,
        edits=moved,
    )


def _write_knowledge(known: Knowledge, folder: Path) -> None:
    """Write what embeddings know; tables of an earlier audit go, since they are not this one's."""
    for name, file in KNOWLEDGE.items():
        write_or_remove(getattr(known, name), folder / file)


def _read_knowledge(folder: Path) -> Knowledge | None:
    if not (folder / KNOWLEDGE["results"]).is_file():
        return None
    return Knowledge(**{name: _read_if_there(folder / file) for name, file in KNOWLEDGE.items()})


def _read_if_there(file: Path) -> pd.DataFrame:
    return read_table(file) if file.is_file() else pd.DataFrame()


def _read_edits(folder: Path) -> Edits | None:
    if not (folder / EDITS).is_file():
        return None
    table = read_table(folder / EDITS)
    require_columns(str(folder / EDITS), table, EDIT_COLUMNS)
    return Edits(table, _read_if_there(folder / CHANGES))


def open_audit(folder: Path) -> Audit:
    """Read what `audit_step` wrote."""
    file = folder / "results.parquet"
    results = check_results(read_table(file, what="the results table"), str(file))
    manifest = read_manifest(file)
    if "facts" not in manifest:
        raise DataError(f"{file} has no manifest beside it. Make it with cxraudit audit.")
    return Audit(
        results,
        read_table(folder / "exclusions.csv"),
        read_table(folder / FLOW),
        read_table(folder / EXCLUDED),
        manifest["facts"],
        manifest,
        _read_if_there(folder / PLACES),
        _read_knowledge(folder),
        _read_edits(folder),
    )


def report_step(folders: Sequence[Path], path: Path) -> Path:
    """Write one report on some audit folders, with the figures beside it."""
    if path.is_dir():
        raise ConfigError(
            f"{path} is a folder. Name the HTML file to write, for instance {path / 'report.html'}."
        )
    writable_folder(path.parent)
    for old in (path.parent / "figures").glob("*.*"):
        old.unlink()  # figures of an earlier report would look like this one's
    return write_report(
        [open_audit(folder) for folder in folders], path, figures=path.parent / "figures"
    )


def run_config(config: RunConfig, track: Tracker) -> Path:
    """Do everything a configuration asks for; return the report."""
    out = writable_folder(config.out)
    dataset = datasets.load(config.dataset.name, config.dataset.root, config.dataset.options)
    with_derived(dataset, config.audit.shortcuts or {})  # wrong names are said before any work
    if config.stress:
        choose(config.stress.edits)
    if config.encode:
        encode_step(
            dataset,
            config.encode.models,
            out,
            track,
            batch_size=config.encode.batch_size,
            shard_size=config.encode.shard_size,
            device=config.encode.device,
        )
        file = score_step(out, prompt_set=config.encode.prompts, findings=config.encode.findings)
        scores = read_table(file)
        if config.stress:
            stress_step(
                out,
                track,
                edits=config.stress.edits,
                n_images=config.stress.images,
                seed=config.seed,
                batch_size=config.encode.batch_size,
                device=config.encode.device,
            )
    else:
        assert config.scores is not None
        file = config.scores.file
        scores = read_scores(
            file,
            dataset,
            image=config.scores.image,
            columns=config.scores.columns,
            prefix=config.scores.prefix,
            model=config.scores.model,
        )
        save_dataset(dataset, out)
    audit_step(
        dataset,
        scores,
        out / AUDIT,
        attributes=config.audit.attributes,
        shortcuts=config.audit.shortcuts,
        settings=config.audit.settings(config.seed),
        inputs={"scores": file, "images": out / IMAGES},
        embedded=read_embedded(out) if config.encode and config.audit.embeddings else (),
        edited=read_edited(out) if config.stress else None,
    )
    return report_step([out / AUDIT], out / AUDIT / "report.html")


DEMO_SEED = 2025
DEMO_MODELS = ("phantom-clip", "random")
DEMO_EDITED = 200
"""Images of the release with drain labels that are changed on purpose."""


def demo_step(out: Path, track: Tracker, *, n_patients: int, seed: int = DEMO_SEED) -> Path:
    """Draw two made-up releases, audit the shipped model on both, and report.

    The releases are written in the layouts of MIMIC-CXR-JPG and of ChestX-ray14 and read back by
    the code that reads the real ones.
    """
    from cxraudit.phantom.cohort import draw_cohort
    from cxraudit.phantom.releases import write_release
    from cxraudit.phantom.spec import PhantomSpec

    for name in DEMO_MODELS:
        models.load(name)  # says what is missing before anything is drawn
    writable_folder(out)
    folders = []
    for layout, name, shift in (("mimic", "mimic-cxr", 0), ("nih", "nih-cxr14", 1)):
        spec = PhantomSpec(n_patients=n_patients, seed=seed + shift)
        root, work = out / f"release-{layout}", out / f"phantom-{layout}"
        with track(f"draw {layout} images", len(draw_cohort(spec))) as advance:
            write_release(spec, root, layout, progress=advance)
        dataset = datasets.load(name, root)
        six = dataset.choose_findings([*spec.prevalence])
        encode_step(six, DEMO_MODELS, work, track)
        scores = score_step(work)
        if layout == "nih":
            stress_step(work, track, n_images=DEMO_EDITED, seed=seed)
        audit_step(
            six,
            read_table(scores),
            work / AUDIT,
            settings=AuditSettings(seed=seed),
            inputs={"scores": scores, "images": work / IMAGES},
            embedded=read_embedded(work),
            edited=read_edited(work),
        )
        folders.append(work / AUDIT)
    report = report_step(folders, out / "report.html")
    write_text(out / "README.txt", _DEMO_README)
    return report


_DEMO_README = """\
report.html      open this one
release-*        the made-up releases, as their publishers would ship them
phantom-*        images, embeddings, scores and audit of each; every table is Parquet
figures          the figures of the report as SVG and PNG
"""
