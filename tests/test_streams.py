"""The register of random streams."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import cxraudit
from cxraudit.streams import Stream, generator, named_generator, patient_generator

SOURCE = Path(cxraudit.__file__).parent


def nodes() -> Iterator[tuple[str, ast.AST]]:
    """Every node of every module but the register, with the module's path."""
    for path in sorted(SOURCE.rglob("*.py")):
        if path.name != "streams.py":
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                yield str(path.relative_to(SOURCE)), node


def test_no_number_names_two_streams():
    """An alias would share its draws with another purpose."""
    assert len(set(map(int, Stream))) == len(Stream.__members__)


def test_no_stream_is_used_in_two_places():
    """Each member occurs at most once in the package."""
    used = Counter(
        node.attr
        for _, node in nodes()
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "Stream"
    )

    assert set(used) <= set(Stream.__members__)
    assert not [name for name, count in used.items() if count > 1]


def test_no_generator_is_made_from_a_list_outside_the_register():
    """``default_rng([seed, 41])`` may draw the numbers of another purpose."""
    bare = [
        path
        for path, node in nodes()
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "default_rng"
        and any(isinstance(argument, ast.List | ast.Tuple) for argument in node.args)
    ]

    assert not bare


def test_published_streams_do_not_change():
    """The generators are those that earlier results were drawn with."""
    plain = generator(Stream.TUNING_PATIENTS, 5).integers(1000)
    keyed = generator(Stream.DETECTOR_EPOCH, 5, 2).integers(1000)
    patient = patient_generator(Stream.PHANTOM_POSE, 5, 17, 3).integers(1000)

    assert plain == np.random.default_rng([5, 23]).integers(1000)
    assert keyed == np.random.default_rng([5, 42, 2]).integers(1000)
    assert patient == np.random.default_rng([5, 17, 2, 3]).integers(1000)


def test_names_give_independent_generators():
    """The same names draw the same numbers; another name or another order draws others."""
    first, again, swapped = (
        named_generator(0, *names).integers(2**62)
        for names in (("image", "noise"), ("image", "noise"), ("noise", "image"))
    )

    assert first == again
    assert first != swapped
