"""The base of every machine's device class, and fast edits of single values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

from pydantic import BaseModel, Field, ValidationError, model_validator

from archsim.config.constant import NAME_PATTERN, Constant, Group
from archsim.config.explain import rule_words
from archsim.config.leaves import Leaf, leaves
from archsim.config.suggest import hint
from archsim.config.yaml_strict import Scalar, shorten, show
from archsim.errors import ConfigError


class Device(Group):
    """One piece of hardware, of any machine. A subclass adds its fields and ``cross_checks``."""

    machine: str
    """Kind of machine; decides which other keys the file has."""
    name: str = Field(pattern=NAME_PATTERN)
    """Short name, as files and tables use it."""
    title: str = Field(min_length=1, max_length=200, pattern=r"\S")
    """Full name, for people."""

    def cross_checks(self) -> None:
        """Raise ``rule_error`` where two fields contradict each other; nothing by default."""

    @model_validator(mode="after")
    def _run_cross_checks(self) -> Self:
        self.cross_checks()
        return self

    def with_values(self, values: Mapping[str, Scalar], source: str = "override") -> Self:
        """Return this device with the leaves in ``values`` (dotted paths) set.

        A constant keeps its unit and becomes ``chosen`` with no uncertainty. Only the changed
        leaves and the cross-field checks run. Errors: ``ConfigError`` without a place.
        """
        changed: dict[tuple[str, ...], Any] = {}
        for path, value in values.items():
            leaf = self.leaf(path)
            if leaf.path in changed:
                raise ConfigError(f"device.{path} must be set once, not twice")
            changed[leaf.path] = self._checked(leaf, value, source)
        return self._with(changed, values)

    def with_constants(self, values: Mapping[str, Constant]) -> Self:
        """Return this device with whole constants replaced, as calibration does it."""
        changed: dict[tuple[str, ...], Any] = {}
        for path, value in values.items():
            leaf = self.leaf(path)
            if leaf.rule is None:
                raise ConfigError(f"device.{path} must be a constant, not a plain field")
            try:
                changed[leaf.path] = leaf.rule.check(value)
            except ValueError as error:
                raise ConfigError(f"device.{path} {error}, not {value}") from None
        return self._with(changed, values)

    def _with(self, changed: dict[tuple[str, ...], Any], shown: Mapping[str, Any]) -> Self:
        for path in changed:
            if len(path) > 1 and getattr(self, path[0], None) is None:
                raise ConfigError(
                    f"device.{'.'.join(path)} must be of a section that the device has: "
                    f"{self.name} has no {path[0]}"
                )
        device: Self = _replace(self, changed)
        try:
            device.cross_checks()
        except ValueError as error:
            context = getattr(error, "context", None) or {}
            name = (context.get("leaf") or next(iter(shown), "")).removesuffix(".value")
            value = show(context.get("value"))
            raise ConfigError(f"device.{name} {error}, not {value}") from None
        return device

    @classmethod
    def leaf(cls, path: str) -> Leaf:
        """Return the leaf at ``path`` (a constant with or without ``.value``)."""
        known = leaves(cls)
        found = known.get(path)
        if found is None and path.endswith(".value"):
            found = known.get(path.removesuffix(".value"))
            found = found if found and found.rule else None
        if found is None or path == "machine":
            near = hint(path, [name for name in known if name != "machine"])
            raise ConfigError(f"device.{shorten(path)} must be a field of the device schema{near}")
        return found

    @classmethod
    def check_value(cls, path: str, value: Any) -> None:
        """Raise ``ConfigError`` where ``value`` breaks the rule of the leaf at ``path``."""
        cls._checked(cls.leaf(path), value, "override")

    @staticmethod
    def _checked(leaf: Leaf, value: Any, source: str) -> Any:
        path = ".".join(leaf.path)
        if leaf.rule is not None:
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not leaf.rule.accepts(value):
                raise ConfigError(
                    f"device.{path} must be {leaf.rule.describe()}, not {show(value)}"
                )
            return _chosen(float(value), leaf.rule.unit, source)
        try:
            return leaf.adapter.validate_python(value, strict=True)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            words = rule_words(first["type"], first.get("ctx") or {}, first["msg"])
            raise ConfigError(f"device.{path} must be {words}, not {show(value)}") from None

    def constants(self) -> Iterable[tuple[str, Constant]]:
        """Return every constant of the device with its dotted path, in schema order."""
        for path, leaf in leaves(type(self)).items():
            value: Any = self
            for part in leaf.path:
                value = getattr(value, part, None)
            if isinstance(value, Constant):
                yield path, value


def _chosen(value: float, unit: str, source: str) -> Constant:
    return Constant.model_construct(
        value=value, unit=unit, basis="chosen", source=source, uncertainty=0.0
    )


def _replace(group: Any, changed: Mapping[tuple[str, ...], Any]) -> Any:
    """Return a copy of ``group`` with the values at the paths ``changed``; nothing else is built.

    Values cached on the instance by ``cached_property`` are dropped.
    """
    nested: dict[str, dict[tuple[str, ...], Any]] = {}
    update: dict[str, Any] = {}
    for path, value in changed.items():
        if len(path) == 1:
            update[path[0]] = value
        else:
            nested.setdefault(path[0], {})[path[1:]] = value
    for name, inner in nested.items():
        update[name] = _replace(getattr(group, name), inner)
    copy: BaseModel = group.model_copy(update=update)
    for name in copy.__dict__.keys() - type(copy).model_fields.keys():
        del copy.__dict__[name]
    return copy
