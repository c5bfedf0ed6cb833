"""``cxraudit audit``: scores → results and report."""

from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter

from cxraudit.cli._options import DatasetOptions, Several, pairs, repeatable, with_flags
from cxraudit.settings import AuditSettings

_COHORT = Parameter(group=Group("Labels from a data set", sort_key=2))
_SCORES = Parameter(group=Group("Columns of a table of scores", sort_key=3))
_LABELS = Parameter(group=Group("Columns of a table that also holds labels", sort_key=4))
_COMPARED = Parameter(group=Group("What is audited", sort_key=5))
_COMPUTED = Group("How it is computed", sort_key=6)
_COLUMN = Parameter(metavar="COLUMN")
_COLUMNS = repeatable("FINDING=COLUMN")


@with_flags
def audit(
    scores: Path,
    *,
    out: Path | None = None,
    dataset: Annotated[str | None, Parameter(metavar="NAME"), _COHORT] = None,
    root: Annotated[Path | None, _COHORT] = None,
    option: Annotated[DatasetOptions, _COHORT] = None,
    image: Annotated[str | None, _COLUMN, _SCORES] = None,
    score: Annotated[Several, _COLUMNS, _SCORES] = None,
    score_prefix: Annotated[str | None, Parameter(metavar="TEXT"), _SCORES] = None,
    model: Annotated[str, Parameter(metavar="NAME"), _SCORES] = "model",
    patient: Annotated[str | None, _COLUMN, _LABELS] = None,
    label: Annotated[Several, _COLUMNS, _LABELS] = None,
    age: Annotated[str | None, _COLUMN, _LABELS] = None,
    sex: Annotated[str | None, _COLUMN, _LABELS] = None,
    view: Annotated[str | None, _COLUMN, _LABELS] = None,
    attribute: Annotated[Several, repeatable("NAME"), _COMPARED] = None,
    shortcut: Annotated[Several, repeatable("NAME=FINDING"), _COMPARED] = None,
    embeddings: Annotated[bool, _COMPARED] = True,
    settings: Annotated[AuditSettings, _COMPUTED],
) -> None:
    """Audit scores by group of patients and by shortcut; write results and a report.

    The labels of the images come from one of three places:

    1. the folder of `cxraudit encode` and `score`: `cxraudit audit work/scores.parquet`
    2. a known data set, for scores of any model: `cxraudit audit preds.csv --dataset nih-cxr14
       --root NIH --image "Image Index" --score-prefix prob_`
    3. the table of scores itself: `cxraudit audit table.csv --patient pid --image file
       --label Pneumothorax=ptx --score Pneumothorax=ptx_score --age age --sex sex
       --attribute hospital --shortcut drain=Pneumothorax`

    Parameters
    ----------
    scores
        The scores, as Parquet or CSV.
    out
        Folder for results.parquet, results.csv and report.html. Default: `audit` beside the scores.
    dataset
        Name of the data set the scores are about; see `cxraudit datasets`.
    root
        Folder the data set was unpacked in.
    image
        Column of image names.
    score
        Column of the scores of a finding; repeatable.
    score_prefix
        What the names of score columns begin with: `prob_` finds prob_Pneumonia, prob_Effusion …
    model
        Name of the model, for a table of scores without a column `model`.
    patient
        Column of patients: intervals and tests rest on resamples of patients.
    label
        Column of the labels of a finding, 1 or 0; repeatable.
    age
        Column of ages in years.
    sex
        Column of sexes.
    view
        Column of view positions.
    attribute
        Attribute to audit, of the data set or a column of your table; `sex*age_group` is an
        intersection; repeatable. Default: all of the data set.
    shortcut
        Something in the image that may stand in for a finding, such as drain=Pneumothorax;
        COLUMN:GROUP makes a shortcut of one group, as in view_position:AP=Pneumothorax; repeatable.
    embeddings
        Where embeddings lie beside the scores, also audit what is decodable from them and whether it
        is associated with the score.
    """
    from cxraudit.cli._summary import print_summary
    from cxraudit.steps import audit_files
    from cxraudit.workspace import AuditFolder, Workspace

    place = Workspace(scores.parent).audit if out is None else AuditFolder(out)
    found = audit_files(
        scores,
        dataset=dataset,
        root=root,
        options=pairs(option, "--option"),
        image=image,
        score_prefix=score_prefix,
        score=pairs(score, "--score"),
        model=model,
        patient=patient,
        label=pairs(label, "--label"),
        age=age,
        sex=sex,
        view=view,
        attributes=attribute,
        shortcuts=pairs(shortcut, "--shortcut") or None,
        settings=settings,
        embeddings=embeddings,
        out=place.folder,
    )
    print_summary(found)
    print(f"Report: {place.report}")
