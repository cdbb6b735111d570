"""Every leaf of the schema times every kind of wrong value: none accepted, none a traceback."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from archsim.config import Constant, load_device
from archsim.config.leaves import field_class, leaves
from archsim.config.load import device_from_document
from archsim.config.machines import machine_class, machine_names
from archsim.config.paths import device_files
from archsim.config.yaml_strict import Document, read_document
from archsim.errors import ConfigError

NUMBERS: dict[str, Any] = {
    "text": "many", "number as text": "1", "bool": True, "null": None, "list": [1],
    "mapping": {"a": 1}, "nan": math.nan, "inf": math.inf, "-inf": -math.inf, "huge": 1e300,
    "-huge": -1e300, "64 bits": 2**63, "negative": -1.0,
}  # fmt: skip
TEXTS: dict[str, Any] = {
    "number": 1, "bool": False, "null": None, "list": ["a"], "mapping": {"a": 1}, "empty": "",
    "nan": math.nan, "inf": math.inf, "negative": -1, "huge": "x" * 100_000, "blank": "  ",
}  # fmt: skip
BOOLS: dict[str, Any] = {
    "number": 1, "zero": 0, "text": "yes", "null": None, "list": [True], "mapping": {"a": 1},
    "nan": math.nan, "inf": math.inf, "negative": -1, "huge": 1e300,
}  # fmt: skip
CONSTANT_PARTS = ("value", "unit", "basis", "source", "uncertainty")


@cache
def presets() -> dict[str, Document]:
    """One shipped device file of each machine."""
    found: dict[str, Document] = {}
    for name, file in device_files().items():
        document = read_document(file, f"{name}.yaml")
        found.setdefault(document.data["machine"], document)
    return found


def machines() -> list[str]:
    return [name for name in machine_names() if name in presets()]


def parts(machine: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every leaf of the file of ``machine``, constants split into their parts; and its kind."""
    for leaf in leaves(machine_class(machine)).values():
        node: Any = presets()[machine].data
        for part in leaf.path:
            node = node.get(part) if isinstance(node, dict) else None
        if node is None:
            continue
        if field_class(leaf.annotation) is Constant:
            yield leaf.path, None
            for part in CONSTANT_PARTS:
                yield (*leaf.path, part), node[part]
        else:
            yield leaf.path, node


def changed(machine: str, path: tuple[str, ...], change: Callable[[Any, str], None]) -> Document:
    """The document of ``machine`` with ``change(holder, key)`` applied at ``path``."""
    base = presets()[machine]
    data = copy.copy(base.data)
    node = data
    for part in path[:-1]:
        node[part] = copy.copy(node[part])
        node = node[part]
    change(node, path[-1])
    return Document(base.name, data, base.values, base.keys)


def wrong_for(value: Any) -> dict[str, Any]:
    """The wrong values for a leaf that holds ``value``."""
    if isinstance(value, bool):
        return BOOLS
    return NUMBERS if isinstance(value, int | float) else TEXTS


def optional(machine: str, path: tuple[str, ...]) -> bool:
    """Whether the leaf at ``path`` has a default, so that it may be left out."""
    cls: Any = machine_class(machine)
    for part in path[:-1]:
        cls = field_class(cls.model_fields[part].annotation)
    return not cls.model_fields[path[-1]].is_required()


def misspell(holder: Any, key: str) -> None:
    holder[f"{key[:-1]}x{key[-1]}"] = holder.pop(key)


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize("machine", machines())
def test_every_leaf_refuses_every_wrong_value(
    machine: str, every: bool, sentence: Callable[[str], None]
) -> None:
    """The parts of constants other than their values take turns unless ``every``."""
    count = 0
    for turn, (path, value) in enumerate(parts(machine)):
        wrong = wrong_for(value)
        cases: dict[str, Callable[[Any, str], None]] = {
            kind: lambda holder, key, v=v: holder.__setitem__(key, v) for kind, v in wrong.items()
        }
        cases |= {"missing": lambda holder, key: holder.pop(key), "misspelt": misspell}
        own = path[-1] == "value" or (value is not None and path[-1] not in CONSTANT_PARTS)
        kinds = list(cases)
        chosen = kinds if every or own else [kinds[(7 * turn + i) % len(kinds)] for i in (0, 3)]
        for kind in chosen:
            change = cases[kind]
            if _admits(machine, path, wrong.get(kind)):
                continue
            if kind == "missing" and optional(machine, path):
                continue
            count += 1
            with pytest.raises(ConfigError) as caught:
                device_from_document(changed(machine, path, change))
                pytest.fail(f"{'.'.join(path)} {kind} was accepted")
            sentence(str(caught.value))
            assert str(caught.value).startswith(presets()[machine].name)
            assert path[-1] in str(caught.value) or kind in ("missing", "misspelt", "mapping")
    assert count > 200


def _admits(machine: str, path: tuple[str, ...], value: Any) -> bool:
    """Whether the leaf's own rule admits ``value`` (a field that may be negative, say)."""
    leaf = leaves(machine_class(machine)).get(".".join(path[:-1] if path[-1] == "value" else path))
    if leaf is None or isinstance(value, bool) or value is None:
        return False
    if leaf.rule is not None:
        return path[-1] == "value" and isinstance(value, int | float) and leaf.rule.accepts(value)
    return False


@pytest.mark.parametrize("machine", machines())
def test_every_leaf_refuses_every_wrong_override(
    machine: str, sentence: Callable[[str], None]
) -> None:
    device = device_from_document(presets()[machine])
    for path, leaf in leaves(type(device)).items():
        held: Any = device
        for part in leaf.path:
            held = getattr(held, part, None)
        for value in wrong_for(1.0 if leaf.rule else held).values():
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if leaf.rule and number and leaf.rule.accepts(value):
                continue
            with pytest.raises(ConfigError) as caught:
                device.with_values({path: value})
                pytest.fail(f"{path}={value!r} was accepted")
            sentence(str(caught.value))
            assert path in str(caught.value)


@pytest.mark.parametrize("machine", machines())
def test_wrong_values_are_refused_through_the_command_line(
    machine: str, refused: Callable[..., str], tmp_path: Path
) -> None:
    """One kind of wrong value for each leaf in turn, written to a file and read back."""
    kinds = [kind for kind in NUMBERS if kind not in ("nan", "inf", "-inf")]
    values = [path for path, value in parts(machine) if path[-1] == "value"]
    for index, path in enumerate(values[::4]):
        kind = kinds[index % len(kinds)]
        if _admits(machine, path, NUMBERS[kind]):
            continue
        document = changed(machine, path, lambda h, k, kind=kind: h.__setitem__(k, NUMBERS[kind]))
        file = tmp_path / "device.yaml"
        file.write_text(json.dumps(document.data, indent=1))
        message = refused("check", "device.yaml")
        assert message.startswith("archsim: device.yaml:"), message


def test_every_shipped_device_is_valid() -> None:
    for name in device_files():
        assert load_device(name).name == name.rpartition("/")[2]
