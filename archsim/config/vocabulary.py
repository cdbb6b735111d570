"""The names that a run file may use but that ``config`` must not import: models and metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from archsim.config.suggest import hint, near
from archsim.config.yaml_strict import show


class ChoiceRule(Protocol):
    """The rule of one workload choice (``workloads.models.Choice`` is one)."""

    def check(self, name: str, value: object) -> None:
        """Raise ``ValueError`` (``<name> must be <rule>, not <repr>``) on a wrong value."""

    def json_schema(self) -> dict[str, Any]:
        """Return the rule and the choice's meaning as JSON Schema."""
        ...


@dataclass(frozen=True)
class Vocabulary:
    """What the composition root knows and hands to ``load_run``.

    ``models``: names of built models; ``choices(model)``: rules of its choices; ``operators``:
    single operators with their fields; ``metrics``: what ``minimize`` may name, by machine;
    ``build(workload)``: builds a workload, to find out before a run that it cannot be built.
    """

    models: tuple[str, ...]
    choices: Callable[[str], Mapping[str, ChoiceRule]]
    operators: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    metrics: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    build: Callable[[Mapping[str, Any]], object] | None = None

    def check_head(self, form: str, value: object) -> str | None:
        """Return what is wrong with ``workload.<form>: value``, or None."""
        known: Iterable[str] = {"model": self.models, "op": self.operators}.get(form, ())
        known = tuple(known)
        if not known or value in known:
            return None
        return (
            f"workload.{form} must be one of the {len(known)} that `archsim list` shows, "
            f"not {show(value)}{near(value, known)}"
        )

    def check_choice(self, form: str, head: Any, name: str, value: object) -> str | None:
        """Return what is wrong with the choice ``workload.<name>: value`` of ``head``, or None."""
        if form == "onnx":
            return None
        if form == "op":
            fields = self.operators.get(head, (name,))
            return None if name in fields else _unknown(head, name, fields)
        rules = self.choices(head)
        if name not in rules:
            return _unknown(head, name, rules)
        try:
            rules[name].check(name, value)
        except ValueError as error:
            return f"workload.{error}"
        return None


def _unknown(head: str, name: str, known: Iterable[str]) -> str:
    return f"workload of {head} must not have the key {show(name)}{hint(name, known)}"
