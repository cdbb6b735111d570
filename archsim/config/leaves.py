"""The leaves of a schema: every field that a sweep or an override can set, by dotted path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, get_args

from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

from archsim.config.constant import Constant, Rule


@dataclass(frozen=True, slots=True)
class Leaf:
    """A field without fields of its own: a constant (with its ``rule``) or a plain value.

    ``doc`` is what its field says of it, "" where its name says all.
    """

    path: tuple[str, ...]
    annotation: Any
    rule: Rule | None
    adapter: TypeAdapter[Any]
    doc: str = ""


def field_class(annotation: Any) -> type[BaseModel] | None:
    """Return the model class that ``annotation`` (or ``X | None``) names, or None."""
    options = [a for a in (get_args(annotation) or (annotation,)) if a is not type(None)]
    if len(options) == 1 and isinstance(options[0], type) and issubclass(options[0], BaseModel):
        return options[0]
    return None


@cache
def leaves(cls: type[BaseModel]) -> Mapping[str, Leaf]:
    """Return the leaves of ``cls`` by dotted path, in the order of declaration."""
    found: dict[str, Leaf] = {}
    for name, info in cls.model_fields.items():
        inner = field_class(info.annotation)
        if inner is None or inner is Constant:
            found[name] = _leaf(name, info, inner)
            continue
        for leaf in leaves(inner).values():
            path = (name, *leaf.path)
            found[".".join(path)] = Leaf(path, leaf.annotation, leaf.rule, leaf.adapter, leaf.doc)
    return MappingProxyType(found)


def _leaf(name: str, info: FieldInfo, inner: type[BaseModel] | None) -> Leaf:
    rules = [item for item in info.metadata if isinstance(item, Rule)] if inner is Constant else []
    annotated = info.rebuild_annotation()
    rule = rules[0] if rules else None
    return Leaf((name,), info.annotation, rule, TypeAdapter(annotated), info.description or "")


def rule_at(cls: type[BaseModel], path: tuple[str | int, ...]) -> Rule | None:
    """Return the rule of the constant whose ``value`` leaf stands at ``path``, if it is one."""
    if not path or path[-1] != "value":
        return None
    leaf = leaves(cls).get(".".join(map(str, path[:-1])))
    return leaf.rule if leaf else None
