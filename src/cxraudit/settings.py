"""The options of an audit: each declared once.

A field of `AuditSettings` is all there is to an option: its type says which values are allowed, its
docstring is the help text. Python uses the dataclass, a run file nests it as ``[audit]``, the command line
flattens it into flags, and the table in the documentation is made from `options`.
"""

import ast
import inspect
import json
import math
import operator
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from itertools import pairwise
from os import PathLike
from pathlib import PurePath
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Le, Lt

from cxraudit.errors import ConfigError, short, shown


@dataclass(frozen=True, slots=True)
class Flag:
    """How a field is written on the command line, where its name would not do."""

    name: str
    """Name of the flag without dashes; a mapping is given as NAME=VALUE, repeatable."""


MOST = 1_000_000
"""Largest count that a setting takes: more would keep a machine busy for months."""

Count = Annotated[int, Ge(1), Le(MOST)]
"""A number of images, patients or epochs."""
Resamples = Annotated[int, Ge(0), Le(MOST)]
"""A number of bootstrap resamples."""
Workers = Annotated[int, Ge(1), Le(256)]
"""A number of threads or processes."""
Devices = Annotated[int, Ge(0), Le(256)]
"""A number of GPUs."""
Seed = Annotated[int, Ge(0), Lt(2**63)]
"""A seed of random numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSettings:
    """How an audit is computed; recorded with its results.

    Raises
    ------
    ConfigError
        If a value is none of the allowed ones.
    """

    n_resamples: Annotated[Resamples, Flag("resamples")] = 2000
    """Resamples of patients that intervals rest on; 0 gives values without intervals."""
    seed: Seed = 0
    """Seed of everything random: resamples, tuning patients, permutations."""
    confidence_level: Annotated[float, Gt(0.5), Lt(1)] = 0.95
    """Level of the intervals; 1 − it is the level of the tests."""
    margin: Annotated[float, Gt(0), Lt(1)] = 0.05
    """Largest difference in AUROC, TPR or FPR that would not matter. Declare it before looking."""
    min_patients: Annotated[int, Ge(2)] = 10
    """Fewest patients with, and without, the finding on either side of a difference for a verdict on it."""
    error_rate: Literal["report", "model"] = "report"
    """Whose chance of any false disparity is 1 − the confidence level: that of the whole report, or that of
    each model."""
    adjustment: Literal["min-p", "holm"] = "min-p"
    """How comparisons that share an error rate are adjusted, both stepwise: over the resamples they share
    (Westfall and Young), or for any dependence (Holm)."""
    weight: Literal["image", "patient"] = "image"
    """What counts once: each image, or each patient, whose images then share the weight of one within each
    finding. Who has many images counts for many patients otherwise."""
    sampling_weight: str = ""
    """Column of the images, or of your table, with the sampling weight of each image: a number of at least 0
    by which it counts. If each patient counts once, a patient then counts by the mean of the images'."""
    interval: Literal["t", "percentile", "bca"] = "t"
    """Student's t on the scale of the metric, with the larger of the analytic error and that of the
    resamples; expanded percentile of the resamples; or bias-corrected and accelerated (BCa), expanded
    alike."""
    resample: Literal["patients", "images"] = "patients"
    """What is drawn: patients, or images as published work does (intervals are then too narrow)."""
    standardise: Literal["both", "matched"] = "both"
    """Mix that standardised gaps are weighted to: that of both sides together, or that of the smaller side
    of each stratum, like one-to-one matching."""
    operating_point: str | Mapping[str, str] = "fpr=0.1"
    """Rule that chooses the threshold of each finding on tuning patients: fpr=X, tpr=X, youden, prevalence
    (as many images flagged as are positive), fixed=X, or none. FINDING:RULE is one for a finding; several are
    separated by commas, as in Edema:tpr=0.9,youden, where youden is that of the others (fpr=0.1 if none is
    given). In Python and run files also a mapping of findings to rules, with * for the others."""
    fixed_rate: Annotated[float, Gt(0), Lt(1)] = 0.9
    """Specificity at which the sensitivity, and sensitivity at which the specificity, of a set of images is
    read from its own ROC curve, whatever the threshold."""
    thresholds: Annotated[Mapping[str, float | str] | str, Flag("threshold")] = field(
        default_factory=dict
    )
    """FINDING=NUMBER or MODEL:FINDING=NUMBER: flag images with a score of at least this number, in place of
    the rule; or the file of a table with the columns finding, threshold and, if need be, model. No patients
    are held out for these findings."""
    calibration: Literal["platt", "as is", "none"] = "platt"
    """Probabilities: platt fits a map from scores on tuning patients; as is takes the scores as they are;
    none leaves calibration out."""
    tuning_share: Annotated[float, Gt(0), Lt(1)] = 0.2
    """Share of patients, drawn by the seed, that thresholds and maps are chosen on; rates and calibration
    are those of the other patients."""
    threshold_uncertainty: bool = False
    """Choose thresholds anew in every resample, on the tuning patients who were drawn, so that intervals of
    rates hold the error of the threshold; default: rates at the threshold as it is."""
    references: Annotated[Mapping[str, str], Flag("reference")] = field(default_factory=dict)
    """ATTRIBUTE=GROUP: also compare each other group of the attribute with this one."""
    all_pairs: bool = False
    """Also compare every two groups of an attribute."""
    bins: Annotated[Mapping[str, str | Sequence[float]], Flag("bins")] = field(default_factory=dict)
    """NAME=EDGES: divide a number into groups, as in bmi=18.5,25,30, or age=20,40,60,80 instead of the usual
    age groups, also where gaps are standardised by age. A value at an edge is in the group above."""
    shortcut_labels: Literal["all", "annotated"] = "all"
    """Labels of shortcuts: all, those predicted by a detector included, or only those of annotators."""
    severity: str = ""
    """Column of the images, or of your table, with a number for how severe the findings of an image are: what
    the score shifts by between groups with the same label is adjusted for it."""
    label_error_rate: Annotated[float, Ge(0), Lt(0.5)] = 0.15
    """Share of labels of a finding that may be wrong. A shift of scores between groups with the same label
    that so many wrong labels could explain is unclear; 0 takes labels as they are."""
    slices: Annotated[int, Ge(0), Le(100)] = 0
    """Slices of each model that are searched and confirmed: combinations of groups, and images alike in the
    embedding, whose AUROC seems lowest on some patients, compared on the others; 0 searches none, 5 is
    usual."""
    slice_depth: Annotated[int, Ge(1), Le(3)] = 2
    """Values that a slice combines at most, as in women with a chest drain: 2."""
    search_share: Annotated[float, Gt(0), Lt(1)] = 0.4
    """Share of patients, drawn by the seed, that slices are searched on, all tuning patients (--tuning-share)
    among them; the others confirm them."""
    trained_on: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    """MODEL=DATA,DATA or MODEL=none: data sets a model was trained on, where its card does not say; compared
    with the audited data set."""
    images_from: str = ""
    """Published data set that the audited images are from, such as nih-cxr14, or none, where their table does
    not say; compared with the training data of the models."""
    replicate_of: Mapping[str, str] = field(default_factory=dict)
    """MODEL=NAME: the model is a training run (another seed) of NAME, which may be a scored model itself.
    NAME stands in the results, with means over its runs; intervals hold the error of patients and of runs."""
    suppress_below: Annotated[int, Ge(0)] = 0
    """Hide counts and estimates of fewer patients or images than this, and what would give them away; 11 is
    usual, 0 hides nothing."""
    n_threads: Annotated[Workers, Flag("threads")] = 2
    """Threads to compute with; results do not depend on it."""

    @property
    def hides_small_numbers(self) -> bool:
        """Whether numbers of few patients are left out of notes."""
        return self.suppress_below > 1

    def __post_init__(self) -> None:
        """Check every value against its declaration."""
        check(self)
        for name, edges in self.bins.items():
            bin_edges(name, edges)
        for model, data in self.trained_on.items():
            training_data(model, data)
        _check_runs(self.replicate_of)
        object.__setattr__(self, "thresholds", _numbers_or_path(self.thresholds))
        rules_of(self.operating_point)

    def recorded(self) -> dict[str, Any]:
        """Return what a reader of the results has to know: all but the number of threads and folders."""
        values = {
            option.name: getattr(self, option.name)
            for option in options(type(self))
            if option.name != "n_threads"
        }
        if isinstance(self.thresholds, str):
            values["thresholds"] = PurePath(self.thresholds).name
        return values


def _check_runs(replicate_of: Mapping[str, str]) -> None:
    """Refuse a training run of itself, or of a training run.

    Raises
    ------
    ConfigError
        If there is one.
    """
    for run, model in replicate_of.items():
        if model in replicate_of:
            raise ConfigError(
                f"replicate_of: {run} cannot be a training run of {model}, which is itself one of "
                f"{replicate_of[model]}. Give all runs of a model its one name."
            )


def _numbers_or_path(thresholds: object) -> dict[str, float] | str:
    """Return thresholds as finite numbers, or the path of their table as text.

    Raises
    ------
    ConfigError
        If they are neither, or one of them is no finite number.
    """
    if isinstance(thresholds, (str, PathLike)):
        if not str(thresholds).strip():
            raise ConfigError(
                "thresholds name no file. Give FINDING=NUMBER, or the file of a table."
            )
        return str(thresholds)
    if not isinstance(thresholds, Mapping):
        raise ConfigError(
            f"thresholds must be finding → number or the path of a table, got {shown(thresholds)}."
        )
    return {str(name): _finite(str(name), value) for name, value in thresholds.items()}


def _finite(name: str, value: object) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(str(value))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ConfigError(
            f"the threshold of {name} must be a finite number, got {shown(value)}. Give it as in {name}=0.3."
        )
    return number


OTHERS = "*"
"""All findings that no rule for a threshold is given for."""

DEFAULT_RULE = "fpr=0.1"
"""Of the other findings, where none is given for them."""


def rules_of(operating_point: str | Mapping[str, str]) -> dict[str, str]:
    """Return finding → rule for its threshold, as named by the user; that of `OTHERS` is always there.

    Raises
    ------
    ConfigError
        If there is no such rule, or two are given for a finding.

    Examples
    --------
    >>> rules_of("Edema:tpr=0.9, youden")
    {'*': 'youden', 'Edema': 'tpr=0.9'}
    """
    from cxraudit.stats.thresholds import rule_named

    if isinstance(operating_point, str):
        given = [_rule(part) for part in operating_point.split(",")]
    elif not isinstance(operating_point, Mapping):
        raise ConfigError(
            f"operating_point must be a rule, or findings and their rules, got {shown(operating_point)}."
        )
    else:
        given = [(str(name).strip(), str(rule).strip()) for name, rule in operating_point.items()]
    rules: dict[str, str] = {}
    for name, rule in given:
        if rule != "none":
            try:
                rule_named(rule)
            except ValueError as error:
                raise ConfigError(
                    f"operating_point: {_number_of(rule) or f'{error}, none'}."
                ) from None
        if name in rules:
            of = "the other findings" if name == OTHERS else name
            raise ConfigError(f"operating_point has two rules for {of}. Keep one of them.")
        rules[name] = rule
    return {OTHERS: DEFAULT_RULE, **rules}


def _number_of(rule: str) -> str:
    """Say what is wrong with the number of a rule that is refused; empty if it has none."""
    from cxraudit.stats.thresholds import NUMBERED_RULES

    kind, equals, number = rule.partition("=")
    if not equals or kind not in NUMBERED_RULES:
        return ""
    return f"{kind} must be {NUMBERED_RULES[kind].allowed}, got {shown(number)}"


def _rule(part: str) -> tuple[str, str]:
    """Divide ``FINDING:RULE``; the name of a finding may contain colons, a rule has none."""
    name, _, rule = part.rpartition(":")
    return name.strip() or OTHERS, rule.strip()


def bin_edges(name: str, given: str | Sequence[float]) -> tuple[float, ...]:
    """Return the edges of bins, given as ``20,40,60`` or as numbers.

    Raises
    ------
    ConfigError
        If they are no numbers, or do not increase.
    """
    try:
        parts: Sequence[object] = given.split(",") if isinstance(given, str) else list(given)
        edges = tuple(float(str(part)) for part in parts)
    except (TypeError, ValueError):
        edges = ()
    if not edges or not all(map(math.isfinite, edges)) or any(a >= b for a, b in pairwise(edges)):
        raise ConfigError(
            f"bins of {name} are increasing numbers, such as {name}=20,40,60; got {shown(given)}."
        )
    return edges


NO_DATA = "none"


def training_data(model: str, given: str | Sequence[str]) -> frozenset[str]:
    """Return the data sets a model was trained on, given as ``mimic-cxr,chexpert`` or as names.

    It is empty for ``none``.

    Raises
    ------
    ConfigError
        If a name is empty, or others are beside ``none``.
    """
    parts = given.split(",") if isinstance(given, str) else list(given)
    names = [str(part).strip() for part in parts]
    none = [name for name in names if name.casefold() == NO_DATA]
    if not names or not all(names) or (none and len(names) > 1):
        raise ConfigError(
            f"trained_on of {short(model)} is a list of data sets, such as mimic-cxr,chexpert, "
            f"or none; got {shown(given)}."
        )
    return frozenset(names) - set(none)


Bound = Gt | Ge | Lt | Le
WORDS: Mapping[type, str] = {Gt: "more than", Ge: "at least", Lt: "less than", Le: "at most"}
HOLDS: Mapping[type, Callable[[float, float], bool]] = {
    Gt: operator.gt,
    Ge: operator.ge,
    Lt: operator.lt,
    Le: operator.le,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One field of a class of settings, as the command line and the documentation need it."""

    name: str
    flag: str
    """With dashes and without the leading ones."""
    type: Any
    """Without annotations."""
    default: Any
    """``dataclasses.MISSING`` where a value has to be given."""
    help: str
    choices: tuple[Any, ...] = ()
    bounds: tuple[Bound, ...] = ()
    optional: bool = False
    """Whether None is allowed, too: the value is then found otherwise."""

    @property
    def allowed(self) -> str:
        """Which values are allowed, in words; empty if the type says all."""
        if self.choices:
            return ", ".join(map(str, self.choices))
        return " and ".join(f"{WORDS[type(b)]} {_limit(b):,.10g}" for b in self.bounds)


_MAPPING = get_origin(Mapping[str, str])


def _limit(bound: Bound) -> float:
    return float(getattr(bound, type(bound).__name__.lower()))


@cache
def options(settings: type[Any]) -> tuple[Option, ...]:
    """Return the options a class of settings declares, in order.

    Parameters
    ----------
    settings : type
        A dataclass whose fields carry annotations (`annotated_types`, ``Literal``, `Flag`) and
        docstrings.
    """
    hints = get_type_hints(settings, include_extras=True)
    documented = _field_docs(settings)
    found = []
    for one in fields(settings):
        hint = hints[one.name]
        present = [kind for kind in get_args(hint) if kind is not type(None)]
        # A union with an annotated type is one of typing, others are of types.
        optional = get_origin(hint) in (Union, UnionType) and len(present) == 1
        hint = present[0] if optional else hint
        extras = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
        plain = get_args(hint)[0] if extras else hint
        flag = next((e.name for e in extras if isinstance(e, Flag)), one.name)
        default = one.default if one.default_factory is MISSING else one.default_factory()
        found.append(
            Option(
                name=one.name,
                flag=flag.replace("_", "-"),
                type=plain,
                default=default,
                help=documented.get(one.name, ""),
                choices=get_args(plain) if get_origin(plain) is Literal else (),
                bounds=tuple(e for e in extras if isinstance(e, (Gt, Ge, Lt, Le))),
                optional=optional,
            )
        )
    return tuple(found)


def _field_docs(settings: type[Any]) -> dict[str, str]:
    """Return field → docstring, from the source of the class."""
    body = ast.parse(textwrap.dedent(inspect.getsource(settings))).body[0]
    assert isinstance(body, ast.ClassDef)
    documented = {}
    for item, following in zip(body.body, body.body[1:], strict=False):
        if (
            isinstance(item, ast.AnnAssign)
            and isinstance(item.target, ast.Name)
            and isinstance(following, ast.Expr)
            and isinstance(following.value, ast.Constant)
        ):
            documented[item.target.id] = " ".join(str(following.value.value).split())
    return documented


def check(settings: object) -> None:
    """Check every value of some settings against the declaration of its field.

    Raises
    ------
    ConfigError
        Naming the option, the value found and the values allowed.
    """
    for option in options(type(settings)):
        value = getattr(settings, option.name)
        if value is None and option.optional:
            continue
        if get_origin(option.type) is _MAPPING and not isinstance(value, Mapping):
            raise ConfigError(f"{option.name} must be names with values, got {shown(value)}.")
        if option.choices and value not in option.choices:
            raise ConfigError(f"{option.name} must be one of {option.allowed}, got {shown(value)}.")
        kinds = {int: int, float: (int, float), str: str, bool: bool}
        kind = kinds.get(option.type)
        wrong = kind is not None and (
            not isinstance(value, kind) or (isinstance(value, bool) and option.type is not bool)
        )
        if wrong:
            named = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
            raise ConfigError(f"{option.name} must be {named[option.type]}, got {shown(value)}.")
        if option.bounds and not _within(value, option.bounds):
            raise ConfigError(f"{option.name} must be {option.allowed}, got {shown(value)}.")


def _within(value: Any, bounds: tuple[Bound, ...]) -> bool:
    # A whole number of Python may be larger than any float.
    finite = isinstance(value, int) or math.isfinite(value)
    return finite and all(HOLDS[type(b)](value, _limit(b)) for b in bounds)


def options_table(settings: type[Any]) -> str:
    """Return the options of a class of settings as a table in Markdown, for the documentation.

    Parameters
    ----------
    settings : type
        As for `options`.
    """
    head = ["option", "command line", "default", "allowed", "meaning"]
    rows = [head, ["---"] * len(head)]
    for one in options(settings):
        required = one.default is MISSING
        default = "required" if required else f"`{json.dumps(one.default, ensure_ascii=False)}`"
        allowed = one.allowed or ("true, false" if one.type is bool else "")
        meaning = one.help.replace("|", "\\|")
        rows.append([f"`{one.name}`", f"`--{one.flag}`", default, allowed, meaning])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
