"""What several commands take: shared options, NAME=VALUE pairs, and flags made from settings."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, field, is_dataclass, make_dataclass
from functools import wraps
from pathlib import Path
from types import UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    NewType,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
)

from annotated_types import BaseMetadata, Ge, Gt, Le, Lt
from cyclopts import Group, Parameter, Token
from cyclopts.validators import Number

from cxraudit import settings as declared
from cxraudit.errors import ConfigError, short
from cxraudit.settings import Option, options

if TYPE_CHECKING:
    from cxraudit.datasets.base import Dataset

Value = TypeVar("Value")


def repeatable(value: str) -> Parameter:
    """Return what makes an option of a list that is given one value at a time, shown as `value`."""
    return Parameter(negative="", metavar=f"{value}...")


def whole_number(_: Any, tokens: Sequence[Token]) -> int:
    """Convert the text of a flag to a whole number; cyclopts itself would round 2.5."""
    text = tokens[0].value
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"must be a whole number, got '{short(text)}'") from None


def whole_numbers(kind: Any) -> Parameter:
    """Return what makes a flag of a type of the settings, such as `cxraudit.settings.Count`."""
    return Parameter(converter=whole_number, validator=_range(get_args(kind)[1:]))


def _range(bounds: Iterable[BaseMetadata]) -> Number | None:
    """Return the same range for cyclopts, whose messages name the flag as it was typed."""
    names = {Gt: "gt", Ge: "gte", Lt: "lt", Le: "lte"}
    limits = {
        name: getattr(bound, kind.__name__.lower())
        for bound in bounds
        for kind, name in names.items()
        if isinstance(bound, kind)
    }
    return Number(**limits) if limits else None


Several = list[str] | None
GivenFlags = NewType("GivenFlags", frozenset[str])
"""Names of the settings that were given as flags: what a command has a parameter of this type for."""
Models = Annotated[
    list[str],
    repeatable("NAME"),
    Parameter(help="Name of a model, see `cxraudit models`; repeatable."),
]
Switch = Annotated[bool, Parameter(negative="")]
"""An option without a value."""
Share = Annotated[float, Parameter(validator=Number(gte=0, lte=1))]
Count = Annotated[int, whole_numbers(declared.Count)]
Resamples = Annotated[int, whole_numbers(declared.Resamples)]
Workers = Annotated[int, whole_numbers(declared.Workers)]
Devices = Annotated[int, whole_numbers(declared.Devices)]
Seed = Annotated[int, whole_numbers(declared.Seed)]

DatasetName = Annotated[str, Parameter(help="Name of the data set; see `cxraudit datasets`.")]
Root = Annotated[Path, Parameter(help="Folder the data set was unpacked in.")]
DatasetOptions = Annotated[
    Several,
    repeatable("NAME=VALUE"),
    Parameter(help="Option of the data set, see `cxraudit datasets NAME`; repeatable."),
]
BatchSize = Annotated[
    int | None,
    whole_numbers(declared.Count),
    Parameter(
        help="Images per forward pass. Default: 256 on a GPU, halved where memory ends, else 32."
    ),
]
Readers = Annotated[
    int | None,
    whole_numbers(declared.Workers),
    Parameter(help="Threads that read and decode images. Default: one per core."),
]
Device = Annotated[
    str,
    Parameter(
        metavar="NAME",
        help="Where the model is run: auto (a GPU if there is one), cpu, cuda, cuda:1 …",
    ),
]
Quiet = bool
"""See `cxraudit.cli._shared`."""


def pairs(items: list[str] | None, flag: str) -> dict[str, str]:
    """Turn repeated NAME=VALUE into a mapping.

    Raises
    ------
    ConfigError
        If an item has another form, or a name is given twice.
    """
    found: dict[str, str] = {}
    for item in items or []:
        name, equals, value = item.partition("=")
        if not equals or not name or not value:
            raise ConfigError(f"{flag} takes NAME=VALUE, got '{item}'.")
        if name in found:
            raise ConfigError(f"{flag} names '{name}' twice. Give it once.")
        found[name] = value
    return found


def number_pairs(items: list[str] | None, flag: str) -> dict[str, float]:
    """Turn repeated NAME=NUMBER into a mapping."""
    try:
        return {name: float(value) for name, value in pairs(items, flag).items()}
    except ValueError:
        raise ConfigError(f"{flag} takes NAME=NUMBER, got {' '.join(items or [])}.") from None


def load_dataset(name: str, root: Path, option: list[str] | None) -> "Dataset":
    """Load a data set with the options of the command line."""
    from cxraudit import datasets

    return datasets.load(name, root, pairs(option, "--option"))


def with_flags(command: Callable[..., Value]) -> Callable[..., Value]:
    """Let a command take each of its settings as one flag per field.

    A parameter whose type is a dataclass is one of settings. Its fields are all there is to declare:
    names, types, ranges, defaults and help texts of the flags are those of `cxraudit.settings.options`.

    Parameters
    ----------
    command : callable
        With parameters annotated ``Settings`` or ``Annotated[Settings, Group]``; a group is the panel
        of the help that holds the flags. A parameter annotated `GivenFlags` is no flag.

    Returns
    -------
    callable
        The same command for cyclopts; `command` itself is called with instances of the settings.
    """
    signature = inspect.signature(command)
    hints = get_type_hints(command, include_extras=True)
    hints.pop("return", None)
    classes = {name: plain for name, hint in hints.items() if is_dataclass(plain := _plain(hint))}
    flattened = {name: _as_flags(cls, _group(hints[name])) for name, cls in classes.items()}

    hidden = [name for name, hint in hints.items() if hint is GivenFlags]

    def with_settings(*args: Any, **kwargs: Any) -> Value:
        given = signature.bind_partial(*args, **kwargs).arguments
        named: set[str] = set()
        for name, cls in classes.items():
            flags = given.get(name)
            named |= getattr(flags, "given", frozenset())
            given[name] = cls() if flags is None else settings_from(cls, flags)
        given |= dict.fromkeys(hidden, frozenset(named))
        return command(**given)

    for_cyclopts: Any = wraps(command)(with_settings)
    shown = {name: hint for name, hint in hints.items() if name not in hidden}
    for_cyclopts.__annotations__ = {**shown, **flattened}
    for_cyclopts.__signature__ = signature.replace(
        parameters=[
            one.replace(annotation=flattened[name], default=None) if name in flattened else one
            for name, one in signature.parameters.items()
            if name not in hidden
        ]
    )
    return for_cyclopts


def _as_flags(settings: type[Any], group: Group | None) -> Any:
    made: Any = flags_of(settings, group)
    return Annotated[made | None, Parameter(name="*")]  # None if not one of them is given


def flags_of(settings: type[Any], group: Group | None = None) -> type[Any]:
    """Return a dataclass of one flag per field of a class of settings, as cyclopts reads it."""
    made = [(one.name, *_flag(one, group)) for one in options(settings)]
    # cyclopts takes a class of the module "types", where make_dataclass puts its own, for a plain value.
    place = {"__module__": __name__}
    flags: Any = make_dataclass(
        f"{settings.__name__}Flags", made, kw_only=True, frozen=True, namespace=place
    )
    begin = flags.__init__

    @wraps(begin)
    def noting_what_is_given(self: object, **given: Any) -> None:
        begin(self, **given)
        object.__setattr__(self, "given", frozenset(given))

    flags.__init__ = noting_what_is_given
    return flags


def settings_from(settings: type[Value], flags: object) -> Value:
    """Make settings of the flags that were given.

    Raises
    ------
    ConfigError
        If a value is none of the allowed ones.
    """
    values = {}
    for one in options(settings):
        given = getattr(flags, one.name)
        if not _is_mapping(one):
            values[one.name] = given
        elif given is not None:
            file = _file(one, given)
            values[one.name] = pairs(given, f"--{one.flag}") if file is None else file
    return settings(**values)


def _flag(option: Option, group: Group | None) -> tuple[Any, Any]:
    """Return the annotation and the field of one flag."""
    mapping = _is_mapping(option)
    kind = list[str] | None if mapping else str if _is_text(option) else option.type
    kind = kind | None if option.optional else kind
    names = dict.fromkeys([f"--{option.flag}", f"--{option.name.replace('_', '-')}"])
    parameter = Parameter(
        name=tuple(names),
        help=f"{option.help} Repeatable." if mapping else option.help,
        negative="" if mapping or option.default is False else None,
        metavar=("NAME=VALUE|FILE..." if _takes_file(option) else "NAME=VALUE...")
        if mapping
        else None,
        validator=_range(option.bounds),
        converter=whole_number if option.type is int else None,
        group=group,
    )
    default = None if mapping else option.default
    needed = default is MISSING
    return Annotated[kind, parameter], field() if needed else field(default=default)


def _is_mapping(option: Option) -> bool:
    kinds = (option.type, *get_args(option.type))
    return not _is_text(option) and any(
        get_origin(kind) is get_origin(Mapping[str, str]) for kind in kinds
    )


def _is_text(option: Option) -> bool:
    """Tell whether an option is text first, which Python and run files may replace by a mapping."""
    return isinstance(option.type, UnionType) and get_args(option.type)[0] is str


def _takes_file(option: Option) -> bool:
    """Tell whether a mapping may be given as the file of a table, too."""
    return isinstance(option.type, UnionType)


def _file(option: Option, given: list[str]) -> str | None:
    """Return the file that was given in place of NAME=VALUE, if one was."""
    if not _takes_file(option):
        return None
    files = [item for item in given if "=" not in item]
    if files and len(given) > 1:
        raise ConfigError(
            f"--{option.flag} takes NAME=VALUE, repeatable, or one file; got {' and '.join(given)}."
        )
    return files[0] if files else None


def _plain(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def _group(hint: Any) -> Group | None:
    extras = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    return next((one for one in extras if isinstance(one, Group)), None)
