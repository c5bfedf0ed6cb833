"""``cxraudit paper``: the study of Sourget et al. (2025), reproduced and compared."""

from pathlib import Path
from typing import Annotated

from cyclopts import App

from cxraudit.cli._options import BatchSize, Device, Quiet, Resamples, Several, pairs, repeatable
from cxraudit.cli._output import Answer
from cxraudit.cli._progress import tell, tracker
from cxraudit.cli._shared import shared
from cxraudit.errors import ConfigError, UnknownNameError

STUDIED = ("mimic-cxr", "nih-cxr14")

app = App(
    name="paper",
    help="Reproduce the study of Sourget et al. (2025), or compare scores with its published numbers.",
)


@app.command
@shared("paper run")
def run(
    out: Path = Path("paper-run"),
    *,
    model: Annotated[list[str], repeatable("NAME")],
    mimic: Path | None = None,
    nih: Path | None = None,
    mimic_option: Annotated[Several, repeatable("NAME=VALUE")] = None,
    nih_option: Annotated[Several, repeatable("NAME=VALUE")] = None,
    resamples: Resamples = 2000,
    batch_size: BatchSize = None,
    device: Device = "auto",
    quiet: Quiet = False,
) -> Answer:
    """Make every table and figure of the study from the releases and the weights.

    Cohorts, prompts and statistics are those published. Beside them: an audit of the same predictions,
    the published numbers, and the effect of each fault of the published code. Finished work is kept:
    the same command continues after an interruption.

    Parameters
    ----------
    out
        Folder for paper.html, tables, figures, and one folder of work per data set.
    model
        Name of a model; repeatable. NAME@paper runs it as the published wrapper did.
    mimic
        Folder of MIMIC-CXR-JPG, with MIMIC-IV below it (or named with --mimic-option).
    nih
        Folder of ChestX-ray14, with the NEATX labels in it (or --nih-option drains=FILE).
    mimic_option
        Option of mimic-cxr, see `cxraudit datasets mimic-cxr`; repeatable.
    nih_option
        Option of nih-cxr14, see `cxraudit datasets nih-cxr14`; repeatable.
    resamples
        Resamples of patients for the audit; the published protocol has 1,000 of images.
    """
    from cxraudit.paper.run import reproduce
    from cxraudit.settings import AuditSettings

    roots = dict(zip(STUDIED, (mimic, nih), strict=True))
    given = {name: root for name, root in roots.items() if root is not None}
    if not given:
        raise ConfigError("give --mimic, --nih, or both: the folders of the releases.")
    path = reproduce(
        given,
        list(dict.fromkeys(model)),
        out,
        tracker(quiet),
        options={
            "mimic-cxr": pairs(mimic_option, "--mimic-option"),
            "nih-cxr14": pairs(nih_option, "--nih-option"),
        },
        settings=AuditSettings(n_resamples=resamples),
        batch_size=batch_size,
        device=device,
        tell=tell,
    )
    print(path)
    return Answer({"page": path})


@app.command
@shared("paper tables")
def tables(out: Path = Path("paper")) -> Answer:
    """Draw the table and bar charts of the study from its published numbers, with conclusions.

    Needs no data and no weights.

    Parameters
    ----------
    out
        Folder for paper.html, numbers.csv, LaTeX and figures.
    """
    from cxraudit.folders import writable_folder
    from cxraudit.paper.conclusions import sentences
    from cxraudit.paper.numbers import published
    from cxraudit.paper.page import Reproduction, write_paper

    writable_folder(out)
    numbers = published()
    path = write_paper(
        Reproduction(numbers=numbers),
        out,
        title="The published numbers",
        intro="Drawn from the numbers published with the study, rounded to two decimals by its authors.",
        conclude=True,
    )
    conclusions = [*sentences(numbers)]
    for sentence in conclusions:
        print(f" {sentence}")
    print(path)
    return Answer({"page": path, "conclusions": conclusions})


@app.command
@shared("paper compare")
def compare(work: Path, *, out: Path | None = None, as_dataset: str | None = None) -> Answer:
    """Evaluate scores by the published protocol to the letter, beside the published numbers.

    1,000 bootstrap resamples of images with the published seed, adjusted AUPRC, positives with and
    without a drain against all negatives, nothing rounded: the same predictions give the same numbers.
    Use `NAME@paper` models and `--option cohort=paper`.

    Parameters
    ----------
    work
        Folder that `cxraudit encode` and `score` filled.
    out
        Folder for paper.html, numbers.csv, compare.csv. Default: `paper` in the folder of work.
    as_dataset
        `mimic-cxr` or `nih-cxr14`, where the data set has another name, such as a phantom's.
    """
    from cxraudit.folders import refuse_foreign, writable_folder
    from cxraudit.paper.folder import planned
    from cxraudit.paper.numbers import compare as beside_published
    from cxraudit.paper.page import Reproduction, write_paper
    from cxraudit.paper.protocol import evaluate
    from cxraudit.schema import records
    from cxraudit.workspace import Workspace

    if as_dataset is not None and as_dataset not in STUDIED:
        raise UnknownNameError("data set of the study", as_dataset, STUDIED)
    place = Workspace(work)
    scores = place.read_scores()
    dataset = place.open_dataset()
    folder = writable_folder(out if out is not None else work / "paper")
    drawn = {as_dataset or dataset.name: (*dataset.attributes, *dataset.shortcuts)}
    refuse_foreign(*(folder / name for name in planned(drawn, ())))
    numbers = evaluate(dataset, scores, named=as_dataset)
    beside = beside_published(numbers)
    path = write_paper(
        Reproduction(numbers=numbers, compared=beside),
        folder,
        title=f"{dataset.name} by the published protocol",
        intro="The same images, prompts and statistics as published; see cxraudit paper compare --help.",
        inputs={"scores": place.scores, "images": place.images},
    )
    for row in beside[beside["group"].isin(["all", "with", "without"])].itertuples():
        mark = "=" if row.agrees else "!"
        print(
            f"{mark} {row.model:18} {row.finding:17} {row.group:8} {row.metric:15} "
            f"{row.value:6.3f}  published {row.published:5.2f}  {row.difference:+.2f}"
        )
    print(f"{int(beside['agrees'].sum())} of {len(beside)} numbers agree: {path}")
    return Answer({"page": path, "rows": records(beside)})
