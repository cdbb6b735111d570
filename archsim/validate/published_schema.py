"""JSON Schema of a file of published figures, for editors; `published_file` has the rules."""

from __future__ import annotations

from typing import Any

from archsim.validate.published_file import FIELD, REQUIRED, TAGS

_ABOVE = {"type": "number", "exclusiveMinimum": 0}
_TEXT = {"type": "string", "pattern": r"\S"}


def published_schema() -> dict[str, Any]:
    """Return the schema of a file that ``archsim validate --published`` takes."""
    row = {
        "id": _TEXT | {"description": "a name of its own"},
        "quantity": _TEXT | {"description": "what the figure is, for people"},
        "unit": _TEXT,
        "value": _ABOVE | {"description": "the published figure"},
        "tag": {"enum": list(TAGS), "description": "V read, D derived from such, R recalled"},
        "source": _TEXT | {"description": "where it stands"},
        "tolerance": _ABOVE | {"maximum": 1, "description": "relative"},
        "counted": {"type": "boolean", "description": "whether it decides the exit code"},
        "how": {"$ref": "#/$defs/how"},
        "calibrated": _TEXT | {"description": "the constant that was chosen to meet this figure"},
        "rule": {"enum": ["near", "least"], "description": "near the figure, or at least it"},
    }  # fmt: skip
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Published figures",
        "type": "object",
        "required": ["rows"],
        "properties": {
            "title": {"type": "string"},
            "description": {"type": "string"},
            "rows": {
                "type": "array",
                "minItems": 1,
                "items": _object(row, REQUIRED),
            },
        },
        "additionalProperties": False,
        "$defs": {"how": _how(("per",)), "divisor": _how(()), "run": _RUN},
    }


_RUN = {
    "description": "a run, or the path of a run file beside this file",
    "anyOf": [
        {"type": "object", "minProperties": 1},
        {"type": "string", "pattern": r"\.ya?ml$"},
    ],
}


def _how(further: tuple[str, ...]) -> dict[str, Any]:
    run = {"$ref": "#/$defs/run"}
    common = {
        "field": {
            "type": "string",
            "pattern": f"^(?:{FIELD.pattern})$",
            "description": "metrics.<name> or op:<operator>.<quantity>",
        },
        "scale": _ABOVE | {"description": "factor into the row's unit"},
        **({"per": {"$ref": "#/$defs/divisor"}} if further else {}),
    }
    one = {"run": run, **common}
    several = {
        "runs": {"type": "array", "minItems": 1, "items": run},
        "reduce": {"enum": ["mean", "max"]},
        **common,
    }
    return {
        "anyOf": [
            _object(one, ("run", "field")),
            _object(several, ("runs", "reduce", "field")),
        ]
    }


def _object(properties: dict[str, Any], required: tuple[str, ...]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": list(required),
        "properties": properties,
        "additionalProperties": False,
    }
