"""``cxraudit plan``: how many patients an audit takes, and the plan that it will follow."""

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Group, Parameter

from cxraudit.cli._options import GivenFlags, Several, pairs, repeatable, with_flags
from cxraudit.cli._output import Answer
from cxraudit.cli._shared import SHARED, shared
from cxraudit.cli.audit import audit
from cxraudit.errors import ConfigError
from cxraudit.planning.settings import StudyAssumptions, StudyGoals
from cxraudit.settings import AuditSettings, options

if TYPE_CHECKING:
    import pandas as pd

_WRITTEN = Parameter(group=Group("The plan that is written", sort_key=1))
_GOALS = Group("What the study is to show", sort_key=2)
_ASSUMED = Group("Assumptions, where there is no pilot table", sort_key=3)
_COMPUTED = Group("How the audit will be computed", sort_key=8)
_OF_AUDITS_ALONE = (
    *("scores", "out", "overwrite", "plan", "depart", "settings"),
    *("embeddings", "embedding_ids", "prompt_embeddings", "head_share", "no_embeddings"),
    *("pairs", "pair_column"),
    *("reference_labels", "reference_label", "reference_weight"),
    *SHARED,
)
"""Parameters of ``cxraudit audit`` that a pilot table does not have: a plan is about its gaps alone."""
_PAIRS = {
    "option": ("options", "--option"),
    "score": ("score", "--score"),
    "label": ("label", "--label"),
    "sex_values": ("sex_values", "--sex-values"),
    "shortcut_source": ("shortcut_sources", "--shortcut-source"),
    "shortcut": ("shortcuts", "--shortcut"),
}
"""Flag of NAME=VALUE → parameter of `cxraudit.plan_files`, and how it is written."""

_PLANNED_COLUMNS = ("attribute", "shortcut", "patient", "uncertain")
"""Parameters of a table of which a plan holds something."""

Columns = dict[str, Any]


def _with_columns_of_audit(command: Callable[..., Answer]) -> Callable[..., Answer]:
    """Let a command take the columns of a table as ``cxraudit audit`` does, with the same help."""
    source = App()
    source.default(audit)
    texts = {
        one.field_info.name: one.parameter.help
        for one in source.assemble_argument_collection(parse_docstring=True)
        if not one.children
    }
    taken = [
        one.replace(annotation=Annotated[audit.__annotations__[name], Parameter(help=texts[name])])
        for name, one in inspect.signature(audit).parameters.items()
        if name not in _OF_AUDITS_ALONE
    ]
    names = {one.name for one in taken}
    own = [one for name, one in inspect.signature(command).parameters.items() if name != "columns"]

    @wraps(command)
    def with_columns(*args: Any, **kwargs: Any) -> Answer:
        columns = {name: kwargs.pop(name) for name in names & set(kwargs)}
        return command(*args, columns=columns, **kwargs)

    for_cyclopts: Any = with_columns
    for_cyclopts.__signature__ = inspect.Signature([*own, *taken])
    for_cyclopts.__annotations__ = {one.name: one.annotation for one in [*own, *taken]}
    return for_cyclopts


@shared("plan")
@_with_columns_of_audit
@with_flags
def plan(
    pilot: Path | None = None,
    *,
    out: Path | None = None,
    write: Annotated[Path | None, _WRITTEN] = None,
    finding: Annotated[Several, repeatable("NAME"), _WRITTEN] = None,
    audited_model: Annotated[Several, repeatable("NAME"), _WRITTEN] = None,
    goals: Annotated[StudyGoals, _GOALS],
    assumptions: Annotated[StudyAssumptions, _ASSUMED],
    settings: Annotated[AuditSettings, _COMPUTED],
    given: GivenFlags,
    columns: Columns,
) -> Answer:
    """Plan an audit: errors, power and numbers of patients; and write down what will be audited.

    From assumptions, or from a pilot table that is given like the table of `cxraudit audit`. Per group and
    metric: the standard error of the gap to all other groups, the smallest gap that is found in 8 of 10
    studies, and how many patients it takes to show a gap, or that there is none beyond the margin.

    Example: `cxraudit plan --n-patients 2000 --prevalence Edema=0.1 --group sex:female=0.45 --group
    age_group:80+=0.15 --images-per-patient 3 --images-sd 2`. With `--write plan.toml` the analysis is
    registered: `cxraudit audit --plan plan.toml` takes its settings from it, and departures are stated.

    Parameters
    ----------
    pilot
        Scores of a pilot, as CSV, Excel or Parquet; its labels are found as those of `cxraudit audit`.
    out
        File for the table: .csv, .parquet or .json.
    write
        File for the plan of the analysis (TOML); a plan that was written is not replaced.
    finding
        Finding of the written plan; repeatable. Default: those of the assumptions or of the pilot.
    audited_model
        Model of the written plan; repeatable. Default: any.
    """
    from cxraudit.analysis_plan import ALWAYS_STATED, make_plan
    from cxraudit.audits.run import chosen_attributes
    from cxraudit.planning.study import plan_from_pilot, plan_study
    from cxraudit.schema import records
    from cxraudit.steps import read_pilot

    if write is None and (finding or audited_model):
        raise ConfigError(
            "--finding and --audited-model are those of a plan: name it with --write."
        )
    _check_outputs(out, write, pilot)
    parameters = _parameters(columns)
    attributes = parameters.get("attributes") or []
    assumed = _given(given, StudyAssumptions)
    if pilot is not None:
        if assumed:
            raise ConfigError(
                "give either a pilot table or assumptions: a pilot has its own prevalence, groups and "
                "correlations."
            )
        read = read_pilot(
            pilot, settings=settings, findings=finding, models=audited_model, **parameters
        )
        found = plan_from_pilot(
            read.cohort, read.scores, goals, attributes=read.attributes, settings=settings
        )
        scored = set(read.scores["finding"].unique())
        finding = finding or [one for one in read.cohort.findings if one in scored]
        attributes = chosen_attributes(read.cohort, read.attributes)
        reading = read.cohort.reading
    else:
        _refuse_columns(columns, allowed=_PLANNED_COLUMNS if write else ())
        reading = _reading(parameters)
        if assumed or write is None or not finding:
            found = plan_study(assumptions, goals, settings=settings)
            if write is not None:
                _refuse_others(finding, attributes, audited_model, assumptions)
                _refuse_unknown_patients(reading, assumptions)
            finding, attributes = [*assumptions.prevalence], [*assumptions.attributes]
        else:
            _refuse_numbers(_given(given, StudyGoals), out)
            found = None
    planned = None
    if write is not None:
        planned = make_plan(
            finding or (),
            attributes,
            settings=settings,
            shortcuts=parameters.get("shortcuts"),
            models=audited_model or (),
            reading=reading,
        )
    if found is not None and out is not None:
        _write(found, out)
    if planned is not None and write is not None:
        planned.write(write)
    if found is not None:
        _show(found, settings)
    if planned is not None:
        for name, what in ALWAYS_STATED.items():
            if name not in planned.reading:
                print(f"Not planned: {what} (--{name}).")
        print(f"Plan of {planned.date}, hash {planned.sha256}: {write}")
    return Answer(
        {
            "rows": [] if found is None else records(found),
            "plan": None
            if planned is None
            else {"file": write, "date": planned.date, "sha256": planned.sha256},
        }
    )


def _given(flags: frozenset[str], settings: type[object]) -> list[str]:
    """Return the flags of a class of settings that were given."""
    return [f"--{one.flag}" for one in options(settings) if one.name in flags]


def _refuse_numbers(goals: Sequence[str], out: Path | None) -> None:
    """Refuse what needs numbers where a plan is written without any."""
    unused = [*goals, *([] if out is None else ["--out"])]
    if unused:
        raise ConfigError(
            f"{' and '.join(unused)}: nothing is computed without a pilot table or assumptions. Add "
            "--prevalence FINDING=SHARE and --group ATTRIBUTE:GROUP=SHARE, or leave it out."
        )


def _refuse_others(
    findings: Sequence[str] | None,
    attributes: Sequence[str],
    models: Sequence[str] | None,
    assumptions: StudyAssumptions,
) -> None:
    """Refuse to write the plan of another study than the one that is assumed."""
    for flag, named, source, known in (
        ("--finding", findings, "--prevalence", [*assumptions.prevalence]),
        ("--attribute", attributes, "--group", [*assumptions.attributes]),
    ):
        if named and {*named} != {*known}:
            raise ConfigError(
                f"the plan would have {', '.join(named)} by {flag}, and the assumptions are about "
                f"{', '.join(known)} ({source}). Name the same, or leave out {flag}."
            )
    if models and len({*models}) != assumptions.n_models:
        raise ConfigError(
            f"--audited-model names {len({*models})} models, and --n-models is {assumptions.n_models}. "
            "Give the same number."
        )


def _refuse_unknown_patients(reading: Mapping[str, str], assumptions: StudyAssumptions) -> None:
    if reading["patients"] == "unknown" and assumptions.images_per_patient > 1:
        raise ConfigError(
            "--patient none says that patients are unknown, and --images-per-patient is "
            f"{assumptions.images_per_patient:g}. Leave out one of them."
        )


def _reading(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return how the data will be read, of what is given without a pilot."""
    from cxraudit.datasets.table import NO_PATIENTS

    patient = parameters.get("patient")
    if patient not in (None, NO_PATIENTS):
        raise ConfigError(
            f"--patient {patient} names a column of a pilot table, and none is named. A plan holds only "
            f"whether patients are known: leave it out, or say --patient {NO_PATIENTS}."
        )
    uncertain = parameters.get("uncertain")
    return {
        "patients": "known" if patient is None else "unknown",
        **({"uncertain": uncertain} if uncertain else {}),
    }


def _parameters(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of `cxraudit.plan_files` that flags stand for."""
    found: dict[str, Any] = {}
    for name, value in columns.items():
        if value is None:
            continue
        if name in _PAIRS:
            parameter, flag = _PAIRS[name]
            items = (
                [part for item in value for part in item.split(",")]
                if name == "sex_values"
                else value
            )
            found[parameter] = pairs(items, flag)
        else:
            found["attributes" if name == "attribute" else name] = value
    return found


def _refuse_columns(columns: Mapping[str, Any], *, allowed: Collection[str]) -> None:
    others = sorted(name for name, value in columns.items() if value is not None)
    others = [name for name in others if name not in allowed]
    if others:
        flag = f"--{others[0].replace('_', '-')}"
        if others[0] in _PLANNED_COLUMNS:
            raise ConfigError(
                f"{flag} is about a pilot table or a plan that is written, and neither is named. Give the "
                "file of the pilot first, or name the plan with --write."
            )
        raise ConfigError(f"{flag} is about a pilot table, and none is named. Give its file first.")


def _check_outputs(out: Path | None, plan: Path | None, pilot: Path | None) -> None:
    """Check that both files may be written, before anything is computed or written."""
    from cxraudit.analysis_plan import refuse_written
    from cxraudit.folders import refuse_foreign, writable_folder

    if plan is not None:
        refuse_written(plan)
    if out is not None:
        if out.suffix not in (".csv", ".parquet", ".json"):
            raise ConfigError(f"--out {out} is neither .csv, .parquet nor .json. Name it so.")
        if plan is not None and out.resolve() == plan.resolve():
            raise ConfigError(
                f"--out and --write both name {out}. Give the table and the plan different names."
            )
        writable_folder(out.parent)
        refuse_foreign(out, inputs={} if pilot is None else {"pilot": pilot})
    if plan is not None:
        writable_folder(plan.parent, flag="--write")


def _write(table: "pd.DataFrame", path: Path) -> None:
    from cxraudit.files import write_table, write_text
    from cxraudit.folders import claim

    claim(path)
    if path.suffix == ".json":
        write_text(path, table.to_json(orient="records", indent=2) + "\n")
    else:
        write_table(table, path)


def _show(table: "pd.DataFrame", settings: AuditSettings) -> None:
    """Print the table, with what all rows have in common above it."""
    import sys

    from rich.console import Console
    from rich.table import Table

    from cxraudit.metrics import METRICS
    from cxraudit.schema import records

    first = table.iloc[0]
    levels = ", ".join(
        f"{METRICS[str(metric)].label} {alpha:.2g}"
        for metric, alpha in table.groupby("metric", sort=False)["alpha"].first().items()
    )
    shown = Table(
        title=f"{first['n_patients']:,} patients, margin ±{first['margin']:g}; level of each comparison: "
        f"{levels}",
        title_justify="left",
    )
    models = table["model"].nunique() > 1
    headings = [
        *(["model"] if models else []),
        *("finding", "group", "metric"),
        *("standard error", "smallest gap found in 80 %"),
        *(f"power, gap {first['gap']:g}", f"patients, gap {first['gap']:g}"),
        *(
            f"power, {first['true_gap']:g} equivalent",
            f"patients, {first['true_gap']:g} equivalent",
        ),
    ]
    for number, heading in enumerate(headings):
        shown.add_column(heading, justify="right" if number >= 3 + models else "left")
    for row in records(table):
        shown.add_row(
            *([row["model"]] if models else []),
            row["finding"],
            f"{row['attribute']}: {row['group']}",
            METRICS[row["metric"]].label,
            _text(row["standard_error"], ".4f"),
            _text(row["detectable_gap"], ".3f"),
            _text(row["power_disparity"], ".0%"),
            _text(row["patients_disparity"], ",.0f"),
            _text(row["power_equivalence"], ".0%"),
            _text(row["patients_equivalence"], ",.0f"),
        )
    # A file or a pipe has no width; nothing is to be cut there.
    Console(width=None if sys.stdout.isatty() else 200).print(shown)
    notes = dict.fromkeys(
        f"{row['attribute']}: {row['group']}, {row['finding']}: {row['note']}"
        for row in records(table)
        if row["note"]
    )
    for note in notes:
        print(note)
    if set(table["metric"]) == {"auroc"}:
        print(f"No rates: there is no threshold (operating point {settings.operating_point}).")
    print("A dash: no number of patients would do, or the pilot does not show it.")


def _text(value: float, form: str) -> str:
    return "–" if value != value else format(value, form)
