"""``cxraudit plan``: how many patients an audit takes, and the plan that it will follow."""

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Group, Parameter

from cxraudit.cli._options import Several, pairs, repeatable, with_flags
from cxraudit.cli.audit import audit
from cxraudit.errors import ConfigError
from cxraudit.planning.settings import StudyAssumptions, StudyGoals
from cxraudit.settings import AuditSettings

if TYPE_CHECKING:
    import pandas as pd

_WRITTEN = Parameter(group=Group("The plan that is written", sort_key=1))
_GOALS = Group("What the study is to show", sort_key=2)
_ASSUMED = Group("Assumptions, where there is no pilot table", sort_key=3)
_COMPUTED = Group("How the audit will be computed", sort_key=8)
_OF_AUDITS_ALONE = ("scores", "out", "overwrite", "embeddings", "plan", "depart", "settings")
"""Parameters of ``cxraudit audit`` that a pilot table does not have."""
_PAIRS = {
    "option": ("options", "--option"),
    "score": ("score", "--score"),
    "label": ("label", "--label"),
    "sex_values": ("sex_values", "--sex-values"),
    "shortcut_source": ("shortcut_sources", "--shortcut-source"),
    "shortcut": ("shortcuts", "--shortcut"),
}
"""Flag of NAME=VALUE → parameter of `cxraudit.plan_files`, and how it is written."""

Columns = dict[str, Any]


def _with_columns_of_audit(command: Callable[..., None]) -> Callable[..., None]:
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
    def with_columns(*args: Any, **kwargs: Any) -> None:
        columns = {name: kwargs.pop(name) for name in names & set(kwargs)}
        command(*args, columns=columns, **kwargs)

    for_cyclopts: Any = with_columns
    for_cyclopts.__signature__ = inspect.Signature([*own, *taken])
    for_cyclopts.__annotations__ = {one.name: one.annotation for one in [*own, *taken]}
    return for_cyclopts


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
    columns: Columns,
) -> None:
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
    from cxraudit.analysis_plan import make_plan
    from cxraudit.planning.study import plan_study
    from cxraudit.steps import plan_files

    given = _parameters(columns)
    attributes = given.get("attributes") or []
    if pilot is not None:
        if assumptions != StudyAssumptions():
            raise ConfigError(
                "give either a pilot table or assumptions: a pilot has its own prevalence, groups and "
                "correlations."
            )
        found = plan_files(pilot, goals, settings=settings, **given)
    elif assumptions.prevalence or write is None or not finding:
        _refuse_columns(given, allowed=("attributes", "shortcuts") if write else ())
        found = plan_study(assumptions, goals, settings=settings)
    else:
        found = None
    planned = None
    if write is not None:
        compared = {
            name: [] if found is None else list(found[name].unique())
            for name in ("finding", "attribute")
        }
        planned = make_plan(
            finding or compared["finding"],
            attributes if pilot is None and attributes else compared["attribute"],
            settings=settings,
            shortcuts=given.get("shortcuts"),
            models=audited_model or (),
        )
    elif finding or audited_model:
        raise ConfigError(
            "--finding and --audited-model are those of a plan: name it with --write."
        )
    if planned is not None and write is not None:
        planned.write(write)
    if found is not None:
        if out is not None:
            _write(found, out)
        _show(found)
    if planned is not None:
        print(f"Plan of {planned.date}, hash {planned.sha256}: {write}")


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


def _refuse_columns(given: Mapping[str, Any], *, allowed: tuple[str, ...]) -> None:
    others = sorted(set(given) - {*allowed})
    if others:
        raise ConfigError(
            f"--{others[0].replace('_', '-')} is about a pilot table, and none is named. Give its file first."
        )


def _write(table: "pd.DataFrame", path: Path) -> None:
    from cxraudit.files import write_table, write_text
    from cxraudit.folders import claim, writable_folder

    if path.suffix not in (".csv", ".parquet", ".json"):
        raise ConfigError(f"--out {path} is neither .csv, .parquet nor .json. Name it so.")
    writable_folder(path.parent)
    claim(path)
    if path.suffix == ".json":
        write_text(path, table.to_json(orient="records", indent=2) + "\n")
    else:
        write_table(table, path)


def _show(table: "pd.DataFrame") -> None:
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
    print("A dash: no number of patients would do, or the pilot does not show it.")


def _text(value: float, form: str) -> str:
    return "–" if value != value else format(value, form)
