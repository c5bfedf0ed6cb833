"""``cxraudit diff``: what changed between two audits."""

from pathlib import Path
from typing import Annotated, Literal

from cxraudit.cli._options import Several, pairs, repeatable
from cxraudit.cli._output import Answer, check_outputs
from cxraudit.cli._shared import shared
from cxraudit.errors import ConfigError


@shared("diff")
def diff(
    old: Path,
    new: Path,
    *,
    model: Annotated[Several, repeatable("OLD=NEW")] = None,
    patients: Literal["auto", "same", "other"] = "auto",
    labels: Literal["newer", "own"] = "newer",
    finding: Annotated[Several, repeatable("NAME")] = None,
    attribute: Annotated[Several, repeatable("NAME")] = None,
    metric: Annotated[Several, repeatable("NAME")] = None,
    csv: Path | None = None,
    markdown: Path | None = None,
) -> Answer:
    """Compare two audits: a release of a model with the one before, or two sites.

    Names first what differs in settings, models, data and code. Then every estimate that both audits have is
    computed again for both: on the images that both have, as pairs, or on other patients, as independent.
    Examples: `cxraudit diff v1/audit v2/audit` and `cxraudit diff site-a/audit site-b/audit`.

    Parameters
    ----------
    old
        Folder of the older audit.
    new
        Folder of the newer audit; settings, and labels of images that both have, are its own.
    model
        Model of the older audit and that of the newer one; repeatable. Default: those of the same name, else
        the only one of either.
    patients
        Whether equal identifiers of patients stand for the same patients. auto: as the images have it.
    labels
        Whose labels shared images have: those of the newer audit, or in each audit its own, such as of a
        report labeler and of radiologists. With own labels, errors of the older ones are estimated, too.
    finding
        Compare only this finding; repeatable. What is left out has no part in the error rate, so choose
        before you see the results.
    attribute
        Compare only the groups of this attribute, or this shortcut; repeatable.
    metric
        Compare only this metric, such as auroc or tpr; repeatable.
    csv
        File for all changes, also those without a verdict.
    markdown
        File for a summary in Markdown; it is appended to a file that is there, such as that of
        GITHUB_STEP_SUMMARY.
    """
    from cxraudit.audits.changes import diff as compare
    from cxraudit.audits.result import open_audit
    from cxraudit.formats import changes

    named = pairs(model, "--model")
    check_outputs({"--csv": csv, "--markdown": markdown}, folders=[old, new])
    if csv is not None and csv.exists() and not _is_ours(csv):
        raise ConfigError(f"{csv} is there already, and holds no changes. Name another with --csv.")
    found = compare(
        open_audit(old),
        open_audit(new),
        models=named or None,
        patients=patients,
        labels=labels,
        findings=finding,
        attributes=attribute,
        metrics=metric,
    )
    if csv is not None:
        from cxraudit.files import write_table

        write_table(changes.change_table(found), csv)
    if markdown is not None:
        with markdown.open("a", encoding="utf-8") as file:  # also through a link, or to a device
            file.write("\n" + changes.as_markdown(found))
    print(changes.as_text(found))
    return Answer(changes.document_of(found))


def _is_ours(path: Path) -> bool:
    with path.open("rb") as file:
        return b"widened_low" in file.readline(2000)
