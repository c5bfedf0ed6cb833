"""Mutations of TOML files: of the values, of the keys, and of the text."""

import datetime
from collections.abc import Mapping
from typing import Any

import numpy as np

from fuzz.case import Case
from fuzz.damage import damaged
from fuzz.tables import chance, pick

Generator = np.random.Generator

VALUES: tuple[Any, ...] = (
    *(0, 1, -1, 2, 3, 2**31, 2**63, -(2**63), 10**30, 0.5, 2.5, -0.1, 1e309, 1e-300, float("nan")),
    *(
        True,
        False,
        "",
        " ",
        "x",
        "0",
        "true",
        "nan",
        "none",
        "all",
        "m",
        "sex",
        "hosp",
        "hosp*sex",
        "*",
        "**",
    ),
    *(
        [],
        [[]],
        [1],
        ["*"],
        ["sex", "sex"],
        [None],
        {},
        {"a": {"b": {"c": 1}}},
        {"x": "y"},
        [{"a": 1}],
    ),
    *(datetime.date(1979, 5, 27), datetime.time(7, 32), datetime.datetime(1979, 5, 27, 7, 32)),
    *(
        "x" * 300,
        "y" * 10_000,
        "a\x00b",
        "a\nb",
        "\x1b[2J",
        "\u202egnp",
        "🫁",
        "\u200b",
        "..",
        "/",
        "/dev/null",
    ),
    *(
        "/dev/zero",
        "/proc/self/mem",
        "/etc/passwd",
        "~",
        "../x",
        "base.csv",
        "dataset.toml",
        ".",
        "CON",
        "-rf",
    ),
    *(
        "$\\frac{$",
        "{0}",
        "{finding}",
        "{{finding}}",
        "{finding.__class__}",
        "{finding:>9999999999}",
        "<b>",
    ),
    *(
        "=1+1",
        "100 %",
        "a=b",
        "a:b",
        "random",
        "hf-clip:.",
        "hf-clip:/nowhere",
        "cpu",
        "cuda:99",
        "paper",
    ),
)
"""Values that a key may be given by mistake, or on purpose."""

KEYS = (
    "x",
    "",
    "a b",
    "ä",
    "name",
    "root",
    "seed",
    "findings",
    "a.b",
    "__class__",
    "\u202e",
    "x" * 300,
)

JUNK = (
    "x = " + "[" * 100_000,
    "x = " + "{a=" * 100_000,
    "a." * 5000 + "b = 1",
    "x = " + "9" * 5000,
    "x = 0x" + "f" * 100_000,
    "x = 1e" + "9" * 400,
    "x = 9999-99-99",
    "x = 1979-05-27T00:32:00.999999999999-07:00",
    'x = "\\ud800"',
    'x = "\\U00110000"',
    "[[x]]\n[x]",
    "[x]\n" * 200,
    "\x00",
    "# \x07",
    'x = """',
    "\ufeff",
    "x = inf",
    "\r",
)
"""Lines that are no TOML, or only just."""


def dumped(data: Mapping[str, Any]) -> str:
    """Return plain data as TOML; what TOML lacks (nothing at all, odd keys) is written as it comes."""
    plain = {key: value for key, value in data.items() if not isinstance(value, dict)}
    lines = [f"{_key(key)} = {_value(value)}" for key, value in plain.items()]
    for key, value in data.items():
        if isinstance(value, dict):
            lines += [f"[{_key(key)}]", *(f"{_key(k)} = {_value(v)}" for k, v in value.items())]
    return "\n".join(lines) + "\n"


def _key(key: str) -> str:
    return key if key.isidentifier() and key.isascii() else _value(key)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        escaped = "".join(f"\\u{ord(c):04x}" if ord(c) < 32 or c in '"\\\x7f' else c for c in value)
        return f'"{escaped}"'
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_key(k)} = {_value(v)}' for k, v in value.items())} }}"
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def mutated(data: Mapping[str, Any], rng: Generator, case: Case) -> bytes:
    """Return a TOML file after none to three mutations of its values and keys, and some of its text."""
    copy: dict[str, Any] = {k: dict(v) if isinstance(v, dict) else v for k, v in data.items()}
    for _ in range(pick(rng, [0, 1, 1, 1, 2, 3])):
        _change(copy, rng, case)
    text = dumped(copy)
    if chance(rng, 0.15):
        lines = text.split("\n")
        junk = pick(rng, JUNK)
        lines.insert(int(rng.integers(len(lines))), junk)
        text = "\n".join(lines)
        case.add(f"a line {junk[:40]!r}")
    if chance(rng, 0.1):
        lines = text.split("\n")
        text = "\n".join(lines[k] for k in rng.permutation(len(lines)))
        case.add("lines in another order")
    content = text.encode(pick(rng, ["utf-8"] * 20 + ["utf-8-sig", "utf-16", "latin-1"]), "replace")
    if chance(rng, 0.15):
        content, name = damaged(content, rng)
        case.add(f"bytes: {name}")
    return content


def _change(data: dict[str, Any], rng: Generator, case: Case) -> None:
    """Change a value, a key or a section."""
    sections = [value for value in data.values() if isinstance(value, dict) and value]
    place = pick(rng, [data, *sections, *sections])
    key = pick(rng, list(place)) if place else "x"
    way = pick(rng, ["value"] * 6 + ["remove", "key", "section", "nest"])
    if way == "value":
        place[key] = pick(rng, VALUES)
        case.add(f"{key} = {str(place[key])[:60]!r}")
    elif way == "remove":
        place.pop(key, None)
        case.add(f"without {key}")
    elif way == "key":
        new = pick(rng, KEYS)
        place[new] = pick(rng, VALUES)
        case.add(f"a further key {new[:40]!r} = {str(place[new])[:40]!r}")
    elif way == "section":
        place[key] = {pick(rng, KEYS): pick(rng, VALUES)}
        case.add(f"{key} is a section")
    else:
        place[key] = [place.get(key)] if chance(rng, 0.5) else {"a": place.get(key)}
        case.add(f"{key} is nested")
