"""``cxraudit audit``: scores → results and report."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Group, Parameter

from cxraudit.cli._options import (
    DatasetOptions,
    GivenFlags,
    Several,
    Share,
    Switch,
    repeatable,
    with_flags,
)
from cxraudit.cli._options import pairs as columns_of
from cxraudit.cli._output import Answer
from cxraudit.cli._shared import shared
from cxraudit.errors import ConfigError
from cxraudit.settings import AuditSettings

_COHORT = Parameter(group=Group("Labels from a data set", sort_key=2))
_SCORES = Parameter(group=Group("Columns of a table of scores", sort_key=3))
_LABELS = Parameter(group=Group("Columns of a table that also holds labels", sort_key=4))
_COMPARED = Parameter(group=Group("What is audited", sort_key=5))
_PLANNED = Parameter(group=Group("By a plan", sort_key=7))
_EMBEDDED = Parameter(group=Group("Embeddings", sort_key=5.5))
_PAIRED = Parameter(group=Group("Edited images", sort_key=5.6))
_REFERENCE = Parameter(group=Group("Reference labels of a subset", sort_key=5.7))
_COMPUTED = Group("How it is computed", sort_key=6)
_COLUMN = Parameter(metavar="COLUMN")
_COLUMNS = repeatable("FINDING=COLUMN")


@shared("audit")
@with_flags
def audit(
    scores: Path,
    *,
    out: Path | None = None,
    overwrite: Switch = False,
    dataset: Annotated[str | None, Parameter(metavar="NAME"), _COHORT] = None,
    root: Annotated[Path | None, _COHORT] = None,
    option: Annotated[DatasetOptions, _COHORT] = None,
    image: Annotated[str | None, _COLUMN, _SCORES] = None,
    score: Annotated[Several, _COLUMNS, _SCORES] = None,
    score_prefix: Annotated[Several, repeatable("TEXT"), _SCORES] = None,
    model: Annotated[str, Parameter(metavar="NAME"), _SCORES] = "model",
    model_column: Annotated[str | None, _COLUMN, _SCORES] = None,
    seed_column: Annotated[str | None, _COLUMN, _SCORES] = None,
    patient: Annotated[str | None, _COLUMN, _LABELS] = None,
    label: Annotated[Several, _COLUMNS, _LABELS] = None,
    uncertain: Annotated[Literal["zeros", "ones", "ignore"] | None, _LABELS] = None,
    age: Annotated[str | None, _COLUMN, _LABELS] = None,
    sex: Annotated[str | None, _COLUMN, _LABELS] = None,
    sex_values: Annotated[Several, repeatable("VALUE=SEX"), _LABELS] = None,
    view: Annotated[str | None, _COLUMN, _LABELS] = None,
    shortcut_source: Annotated[Several, repeatable("NAME=COLUMN"), _LABELS] = None,
    attribute: Annotated[Several, repeatable("NAME"), _COMPARED] = None,
    shortcut: Annotated[Several, repeatable("NAME=FINDING"), _COMPARED] = None,
    embeddings: Annotated[Several, repeatable("[MODEL=]FILE"), _EMBEDDED] = None,
    embedding_ids: Annotated[Path | None, _EMBEDDED] = None,
    prompt_embeddings: Annotated[Several, repeatable("[MODEL=]FILE"), _EMBEDDED] = None,
    head_share: Annotated[Share, _EMBEDDED] = 0.5,
    no_embeddings: Annotated[Switch, _EMBEDDED] = False,
    pairs: Annotated[Path | None, _PAIRED] = None,
    pair_column: Annotated[Several, repeatable("NAME=COLUMN"), _PAIRED] = None,
    reference_labels: Annotated[str | None, Parameter(metavar="FILE|SOURCE"), _REFERENCE] = None,
    reference_label: Annotated[Several, _COLUMNS, _REFERENCE] = None,
    reference_weight: Annotated[str | None, _COLUMN, _REFERENCE] = None,
    plan: Annotated[Path | None, _PLANNED] = None,
    depart: Annotated[str | None, Parameter(metavar="REASON"), _PLANNED] = None,
    settings: Annotated[AuditSettings, _COMPUTED],
    given: GivenFlags,
) -> Answer:
    """Audit scores by group of patients and by shortcut; write results and a report.

    The labels of the images come from one of three places:

    1. the folder of `cxraudit encode` and `score`: `cxraudit audit work/scores.parquet`
    2. a known data set, for scores of any model: `cxraudit audit preds.csv --dataset nih-cxr14
       --root NIH --image "Image Index" --score-prefix prob_`
    3. the table of scores itself: `cxraudit audit table.csv --patient pid --image file
       --label Pneumothorax=ptx --score Pneumothorax=ptx_score --age age --sex sex
       --attribute hospital --shortcut drain=Pneumothorax`

    Embeddings need no scores: `cxraudit audit labels.csv --patient pid --image file --label Edema=edema
    --sex sex --embeddings model.npz`.

    Parameters
    ----------
    scores
        The scores, as CSV, Excel or Parquet; with --embeddings, a table of labels will do.
    out
        Folder for results.parquet, results.csv and report.html. Default: `audit` beside the scores.
    overwrite
        Replace the audit of another table in that folder.
    dataset
        Name of the data set the scores are about; see `cxraudit datasets`.
    root
        Folder the data set was unpacked in.
    image
        Column of image names.
    score
        Column of the scores of a finding; MODEL:FINDING=COLUMN where the table has several models;
        repeatable.
    score_prefix
        What the names of score columns begin with: `prob_` finds prob_Pneumonia, prob_Effusion …;
        MODEL=PREFIX where the table has several models; repeatable.
    model
        Name of the model, where nothing else names it.
    model_column
        Column that names the model of each row.
    seed_column
        Column that names the training run (seed) of each row: the model is the mean over its runs, whose
        differences count in every interval. See also --replicate-of.
    patient
        Column of patients: intervals and tests rest on resamples of patients. `none`: patients are
        unknown, and images are taken as independent.
    label
        Column of the labels of a finding, 1 or 0; repeatable.
    uncertain
        What uncertain labels (-1) count as: zeros, ones, or ignore (not labelled).
    age
        Column of ages in years; own groups with --bins age=20,40,60.
    sex
        Column of sexes.
    sex_values
        What a value of the column of sexes means: 1=female,2=male; repeatable.
    view
        Column of view positions.
    shortcut_source
        Column that says who labelled a shortcut, annotated or predicted; repeatable. Default:
        NAME_source, where there is such a column.
    attribute
        Attribute to audit, of the data set or a column of your table (or NAME=COLUMN); `sex*age_group`
        is an intersection; repeatable. Default: all of the data set.
    shortcut
        Something in the image that may stand in for a finding, such as drain=Pneumothorax;
        COLUMN:GROUP makes a shortcut of one group, as in view_position:AP=Pneumothorax; repeatable.
    embeddings
        Embeddings of your model: .npz with ids, .npy with --embedding-ids, Parquet, or a folder that
        `cxraudit encode` wrote; repeatable, MODEL=FILE for several. Where no columns of scores are named,
        heads for the findings are fitted on a share of the patients, and the others are audited.
    embedding_ids
        Image ids of the rows of a .npy file: text with one per line, .npy, or a table.
    prompt_embeddings
        Embeddings of the prompts of your model, by which its images are scored: .npz with `findings` and
        `positive` and `negative` (or `directions`), and `logit_scale`; or Parquet as directions.parquet of
        `cxraudit score`; repeatable. Without them heads are fitted.
    head_share
        Share of the patients that heads are fitted on.
    no_embeddings
        Do not audit the embeddings that lie beside the scores: what is decodable from them and whether it
        is associated with the score.
    pairs
        Scores of images that were edited, such as those of a generator of counterfactuals, which are compared
        with the scores of the originals: columns image_id, edit and scores as in the table, and control_of.
    pair_column
        What a column of --pairs is called: edit=manipulation; repeatable.
    reference_labels
        Labels of part of the images by a better source, such as radiologists: a table with image_id (or
        study_id, or the column of --image) and a column per finding, or a label source of the data set, such
        as experts. What errors of the labels do to gaps is then estimated, corrected and bounded.
    reference_label
        Column of the reference labels of a finding; repeatable. Without --reference-labels: of the table of
        scores itself.
    reference_weight
        Column of sampling weights of reference labels that were drawn in strata.
    plan
        The plan that `cxraudit plan --write` wrote: findings, attributes, shortcuts and all options of
        how it is computed are those planned. What contradicts it is refused.
    depart
        Reason to depart from the plan; the report lists every departure with it.
    """
    from cxraudit.analysis_plan import read_plan
    from cxraudit.cli._summary import document_of, print_summary
    from cxraudit.steps import audit_files
    from cxraudit.workspace import AuditFolder, Workspace

    place = Workspace(scores.parent).audit if out is None else AuditFolder(out)
    if depart is not None and plan is None:
        raise ConfigError("--depart is a reason to depart from a plan: name it with --plan.")
    if plan is not None:
        settings = read_plan(plan).audit_settings(
            **{name: getattr(settings, name) for name in given}
        )
    found = audit_files(
        scores,
        dataset=dataset,
        root=root,
        options=columns_of(option, "--option"),
        image=image,
        score_prefix=score_prefix,
        score=columns_of(score, "--score"),
        model=model,
        model_column=model_column,
        seed_column=seed_column,
        patient=patient,
        label=columns_of(label, "--label"),
        uncertain=uncertain,
        age=age,
        sex=sex,
        sex_values=columns_of(_divided(sex_values), "--sex-values"),
        view=view,
        shortcut_sources=columns_of(shortcut_source, "--shortcut-source"),
        attributes=attribute,
        shortcuts=columns_of(shortcut, "--shortcut") or None,
        settings=settings,
        embeddings=not no_embeddings,
        vectors=_files(embeddings, model, "--embeddings"),
        vector_ids=embedding_ids,
        prompt_vectors=_files(prompt_embeddings, model, "--prompt-embeddings"),
        head_share=head_share,
        pairs=pairs,
        pair_columns=columns_of(pair_column, "--pair-column"),
        reference_labels=reference_labels,
        reference_label=columns_of(reference_label, "--reference-label") or None,
        reference_weight=reference_weight,
        out=place.folder,
        overwrite=overwrite,
        plan=plan,
        depart=depart,
    )
    print_summary(found)
    print(f"Report: {place.report}")
    return Answer(document_of(found, place))


def _divided(items: list[str] | None) -> list[str]:
    """Divide ``H=male,M=female`` into its parts."""
    return [part for item in items or [] for part in item.split(",")]


def _files(items: list[str] | None, model: str, flag: str) -> dict[str, str]:
    """Return model → file of its embeddings; a file without a name is of the model that --model names.

    Raises
    ------
    ConfigError
        If two files are of one model, or the name of a model or a file is empty.
    """
    found: dict[str, str] = {}
    for item in items or []:
        name, equals, file = item.partition("=")
        own, path = (name, file) if equals and not Path(item).exists() else (model, item)
        if not own.strip() or not path.strip():
            raise ConfigError(
                f"{flag} '{item}' names no {'file' if own.strip() else 'model'}. Write MODEL=FILE."
            )
        if own in found:
            raise ConfigError(f"two files are of the model '{own}'. Name each: {flag} MODEL=FILE.")
        found[own] = path
    return found
