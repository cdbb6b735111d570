"""Turns pydantic's errors into one sentence with the place, the field, the rule and the value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from archsim.config.constant import NAME_PATTERN
from archsim.config.leaves import field_class, rule_at
from archsim.config.suggest import closest, hint
from archsim.config.yaml_strict import Document, Path, dotted, show
from archsim.errors import ConfigError

_MISSING = object()
_CONSTANT = "a constant {value, unit, basis, source, uncertainty}"

_RULES: dict[str, str] = {
    "float_type": "a number",
    "float_parsing": "a number",
    "int_type": "an integer",
    "int_from_float": "an integer",
    "int_parsing": "an integer",
    "string_type": "text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "finite_number": "a finite number",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "string_too_short": "text of at least {min_length} characters",
    "string_too_long": "text of at most {max_length} characters",
    "too_short": "a list of at least {min_length} values",
    "too_long": "a list of at most {max_length} values",
    "greater_than": "a number above {gt}",
    "greater_than_equal": "a number of at least {ge}",
    "less_than": "a number below {lt}",
    "less_than_equal": "a number of at most {le}",
    "literal_error": "{expected}",
    "rule": "{rule}",
}

_PATTERNS = {
    r"\S": "text that is not blank",
    NAME_PATTERN: "a name of letters, digits, _, - and . that starts with a letter or digit",
}


def explain(
    error: ValidationError,
    document: Document,
    cls: type[BaseModel],
    at: Path = (),
    prefix: Path = (),
) -> ConfigError:
    """Return the most telling of ``error``'s failures as one sentence.

    ``cls`` was validated on the data at ``at`` of ``document``; ``prefix`` replaces ``at`` in the
    path that the sentence shows. Misspelt keys come first (they explain missing ones), then the
    others in the order of the file, missing keys last.
    """
    data = _get(document.data, at)
    failures = [_Failure(item, data, cls) for item in error.errors(include_url=False)]
    failures = [f for f in failures if not any(f.holds(other) for other in failures)]
    first = min(failures, key=lambda failure: failure.rank(document, at))
    where = (*at, *first.path)
    return document.error(
        where, first.sentence(dotted((*prefix, *first.path)), dotted(prefix)), first.at_key
    )


class _Failure:
    """One of pydantic's errors, its location mapped back onto the data."""

    def __init__(self, item: Any, data: Any, cls: type[BaseModel]) -> None:
        self.kind: str = item["type"]
        self.context: dict[str, Any] = item.get("ctx") or {}
        leaf = str(self.context.get("leaf", "")) if self.kind == "rule" else ""
        self.missing = self.kind == "missing"
        self.path = _real_path((*item["loc"], *filter(None, leaf.split("."))), data, self.missing)
        self.value = _get(data, self.path)
        self.message: str = item["msg"]
        self.at_key = self.kind == "extra_forbidden"
        self.cls = cls
        holder = _class_at(cls, self.path[:-1])
        self.known = tuple(holder.model_fields) if holder else ()

    def rank(self, document: Document, at: Path) -> tuple[int, tuple[int, int]]:
        """Return the sort key: misspelt, wrong, unknown, missing; then the place."""
        mark = document.values.get((*at, *self.path), (0, 0))
        if self.at_key:
            return (0 if closest(str(self.path[-1]), self.known) else 2), mark
        return (3 if self.missing else 1), mark

    def holds(self, other: _Failure) -> bool:
        """Return whether ``other`` is a failure inside this one's value, and so says more."""
        return len(other.path) > len(self.path) and other.path[: len(self.path)] == self.path

    def sentence(self, path: str, root: str) -> str:
        """Return ``path must be <rule>, not <value>``."""
        if self.at_key:
            key = str(self.path[-1])
            holder = path.rpartition(".")[0] or root or "the file"
            return f"{holder} must not have the key {show(key)}{hint(key, self.known)}"
        if self.missing:
            return f"{path} must be given, not left out"
        value = self.context.get("value") if self.value is _MISSING else self.value
        tail = ""
        if self.kind == "literal_error" and isinstance(value, str):
            near = closest(value, _literals(self.context["expected"]))
            tail = f"; did you mean {near!r}?" if near else ""
        return f"{path or 'the file'} must be {self.rule()}, not {show(value)}{tail}"

    def rule(self) -> str:
        """Return what the value should have been, in words."""
        if self.kind in ("float_type", "float_parsing", "finite_number"):
            rule = rule_at(self.cls, self.path)
            if rule:
                return rule.describe()
        return rule_words(self.kind, self.context, self.message)


def rule_words(kind: str, context: Mapping[str, Any], message: str) -> str:
    """Return in words what a value must be that failed pydantic's check ``kind``."""
    if kind in ("model_type", "model_attributes_type"):
        return _CONSTANT if context.get("class_name") == "Constant" else "a mapping"
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(context["pattern"], f"text of the form {context['pattern']}")
    if kind in _RULES:
        return _RULES[kind].format(**context)
    return message.removeprefix("Value error, ").removeprefix("Input should be ")


def _literals(expected: str) -> list[str]:
    return expected.replace(" or ", ", ").replace("'", "").split(", ")


def _get(data: Any, path: Path) -> Any:
    for part in path:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return _MISSING
    return data


def _real_path(location: Path, data: Any, missing: bool) -> Path:
    """Drop the union and validator names that pydantic mixes into a location."""
    path: list[str | int] = []
    for index, part in enumerate(location):
        last = index == len(location) - 1
        step = _get(data, (part,))
        if step is _MISSING and not (last and (missing or isinstance(data, dict))):
            continue
        path.append(part)
        data = step
    return tuple(path)


def _class_at(cls: type[BaseModel], path: Path) -> type[BaseModel] | None:
    found: type[BaseModel] | None = cls
    for part in path:
        info = found.model_fields.get(str(part)) if found else None
        found = field_class(info.annotation) if info else None
    return found
