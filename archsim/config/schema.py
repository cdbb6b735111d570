"""JSON Schema of run files and device files, for editors (yaml-language-server) and checkers."""

from __future__ import annotations

from typing import Any

from archsim.config.leaves import Leaf, leaves
from archsim.config.machines import machine_class, machine_names
from archsim.config.paths import device_files
from archsim.config.run_file import RunData
from archsim.config.schema_workload import SCALAR, workload_schema
from archsim.config.search import MAX_BUDGET, MAX_SEED, METHODS
from archsim.config.suggest import near
from archsim.config.sweep import MAX_AXIS_VALUES
from archsim.config.vocabulary import Vocabulary
from archsim.config.yaml_strict import show
from archsim.errors import ConfigError

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_LIMITS = {
    "type": "object",
    "minProperties": 1,
    "properties": {"min": {"type": "number"}, "max": {"type": "number"}},
    "additionalProperties": False,
}
_SEARCH = {
    "type": "object",
    "required": ["budget"],
    "properties": {
        "method": {"enum": list(METHODS), "default": "nsga2"},
        "budget": {"type": "integer", "minimum": 1, "maximum": MAX_BUDGET},
        "seed": {"type": "integer", "minimum": 0, "maximum": MAX_SEED, "default": 0},
    },
    "additionalProperties": False,
}


def json_schema(kind: str, vocabulary: Vocabulary | None = None) -> dict[str, Any]:
    """Return the schema of ``kind``: ``run``, or a machine's device files.

    With ``vocabulary`` the run schema completes the names of models and metrics.
    """
    if kind == "run":
        return _run_schema(vocabulary)
    if kind not in machine_names():
        known = ("run", *machine_names())
        sentence = f"schema must be one of {', '.join(known)}, not {show(kind)}"
        raise ConfigError(f"{sentence}{near(kind, known)}")
    return {"$schema": DRAFT, **_device_schema(kind)}


def _device_schema(machine: str) -> dict[str, Any]:
    schema = machine_class(machine).model_json_schema()
    _narrow(schema)
    schema["title"] = f"archsim {machine} device file"
    return schema


def _narrow(node: Any) -> None:
    """Give each constant's field its own unit and range beside the common definition."""
    if isinstance(node, list):
        for item in node:
            _narrow(item)
    if not isinstance(node, dict):
        return
    for item in node.values():
        _narrow(item)
    if "x-value" in node:
        unit = {"const": node["x-unit"]}
        fields = {"properties": {"unit": unit, "value": node.pop("x-value")}}
        if "$ref" in node:
            node["allOf"] = [{"$ref": node.pop("$ref")}, fields]
        else:
            node["allOf"] = [fields]


def _run_schema(vocabulary: Vocabulary | None) -> dict[str, Any]:
    schema = RunData.model_json_schema()
    fields = schema["properties"]
    definitions: dict[str, Any] = {}
    fields["workload"] |= workload_schema(vocabulary)
    fields["device"] |= _device(definitions)
    fields["sweep"] |= _sweep(definitions)
    fields["search"] |= _SEARCH
    if vocabulary and vocabulary.metrics:
        names = sorted({name for names in vocabulary.metrics.values() for name in names})
        fields["minimize"]["items"] = {"enum": names}
        fields["constraints"] |= _constraints(dict.fromkeys(names, _LIMITS), False)
    else:
        fields["constraints"] |= _constraints({}, _LIMITS)
    ends_only = {"if": {"required": ["search"]}, "else": {"properties": {"sweep": _closed()}}}
    title = "archsim run file"
    return {"$schema": DRAFT, **schema, **ends_only, "title": title, "$defs": definitions}


def _closed() -> dict[str, Any]:
    """Return the rule of a sweep without a search: its ranges say how many values they have."""
    axis = {
        "if": {"type": "object", "required": ["start"]},
        "then": {"oneOf": [{"required": ["num"]}, {"required": ["step"]}]},
    }
    columns = {"additionalProperties": axis}
    return {"properties": {"grid": columns, "zip": columns, "list": True}, **columns}


def _constraints(properties: dict[str, Any], others: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "minProperties": 1,
        "properties": properties,
        "additionalProperties": others,
    }


def _device(definitions: dict[str, Any]) -> dict[str, Any]:
    """Return a name, a file, or one of the machines' schemas, put into ``definitions``."""
    inline = []
    for machine in machine_names():
        schema = _device_schema(machine)
        for name, definition in schema.pop("$defs", {}).items():
            definitions[f"{machine}.{name}"] = _moved(definition, machine)
        definitions[machine] = _moved(schema, machine)
        inline.append({"$ref": f"#/$defs/{machine}"})
    names = {"enum": sorted(device_files())}
    return {"anyOf": [names, {"type": "string", "pattern": r"\.ya?ml$"}, *inline]}


def _moved(node: Any, machine: str) -> Any:
    """Return ``node`` with its references into ``$defs`` prefixed by ``machine``."""
    if isinstance(node, list):
        return [_moved(item, machine) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: value.replace("#/$defs/", f"#/$defs/{machine}.")
        if key == "$ref"
        else _moved(value, machine)
        for key, value in node.items()
    }


def _sweep(definitions: dict[str, Any]) -> dict[str, Any]:
    axes: dict[str, Any] = {"device": _axis({"type": "string"})}
    row: dict[str, Any] = {"device": {"type": "string"}}
    for machine in machine_names():
        for path, leaf in leaves(machine_class(machine)).items():
            if path != "machine":
                value = leaf.rule.json_schema() if leaf.rule else SCALAR
                axes.setdefault(f"device.{path}", _axis(value, leaf))
                row.setdefault(f"device.{path}", value)
    others = {r"^workload\.": _axis(SCALAR), r"^device\.": _axis(SCALAR)}
    definitions["sweep.axes"] = _object(axes, others)
    definitions["sweep.range"] = _range()
    columns = {"$ref": "#/$defs/sweep.axes"}
    points = _object(row, {r"^workload\.": SCALAR, r"^device\.": SCALAR})
    alone = {
        "grid": columns,
        "zip": columns,
        "list": {"type": "array", "minItems": 1, "items": points},
    }
    forms = [_object({name: form}, {}) | {"required": [name]} for name, form in alone.items()]
    mixed = {**axes, "mode": {"enum": ["grid", "zip"], "default": "grid"}}
    return {"anyOf": [_object(mixed, others), *forms]}


def _object(properties: dict[str, Any], patterns: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "minProperties": 1,
        "properties": properties,
        "patternProperties": patterns,
        "additionalProperties": False,
    }


def _axis(value: dict[str, Any], leaf: Leaf | None = None) -> dict[str, Any]:
    """Return the schema of one axis: a list of values, or a range; ``leaf`` is what it changes."""
    values = {"type": "array", "minItems": 1, "items": value}
    axis: dict[str, Any] = {"anyOf": [values, {"$ref": "#/$defs/sweep.range"}]}
    meaning = leaf.doc if leaf else ""
    if leaf and leaf.rule:
        meaning = f"{meaning or leaf.path[-1].replace('_', ' ')}; unit {leaf.rule.unit}"
    return axis | ({"description": meaning} if meaning else {})


def _range() -> dict[str, Any]:
    number = {"type": "number"}
    return {
        "type": "object",
        "required": ["start", "stop"],
        "properties": {
            "start": number,
            "stop": number,
            "num": {"type": "integer", "minimum": 2, "maximum": MAX_AXIS_VALUES},
            "step": {"type": "number", "exclusiveMinimum": 0},
            "scale": {"enum": ["linear", "log"], "default": "linear"},
        },
        "not": {"required": ["num", "step"]},
        "additionalProperties": False,
    }
