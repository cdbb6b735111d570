"""The JSON Schema of a run file's ``workload``: a model and its choices, ONNX, or an operator."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from archsim.config.load_workload import MAX_BATCH
from archsim.config.vocabulary import Vocabulary
from archsim.formats import DTYPES

SCALAR = {"type": ["string", "number", "boolean", "null"]}


def workload_schema(vocabulary: Vocabulary | None) -> dict[str, Any]:
    """Return the forms of a workload; without ``vocabulary`` any name and choice is let through."""
    onnx = {
        "onnx": {"type": "string", "pattern": r"\.onnx$"},
        "batch": {"type": "integer", "minimum": 1, "maximum": MAX_BATCH},
        "dtype": {"enum": list(DTYPES)},
    }
    if vocabulary is None:
        text = {"type": "string"}
        names = [_form("model", {"model": text}, SCALAR), _form("op", {"op": text}, SCALAR)]
    else:
        names = [*_models(vocabulary), *_operators(vocabulary.operators)]
    return {"oneOf": [_form("onnx", onnx, False), *names]}


def _models(vocabulary: Vocabulary) -> list[dict[str, Any]]:
    """Return a form for each group of models that have the same choices."""
    groups: dict[str, list[str]] = {}
    for model in vocabulary.models:
        rules = {name: rule.json_schema() for name, rule in vocabulary.choices(model).items()}
        groups.setdefault(json.dumps(rules), []).append(model)
    return [
        _form("model", {"model": {"enum": models}, **json.loads(rules)}, False)
        for rules, models in groups.items()
    ]


def _operators(operators: Mapping[str, tuple[str, ...]]) -> list[dict[str, Any]]:
    groups: dict[tuple[str, ...], list[str]] = {}
    for kind, fields in operators.items():
        groups.setdefault(fields, []).append(kind)
    return [
        _form("op", {"op": {"enum": kinds}, **dict.fromkeys(fields, SCALAR)}, False)
        for fields, kinds in groups.items()
    ]


def _form(name: str, properties: dict[str, Any], others: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": [name],
        "properties": properties,
        "additionalProperties": others,
    }
