"""Constants of a device: a number with its unit, its source and how far it can be trusted.

A device file writes a constant as one mapping, and a schema declares its rule::

    bandwidth_bytes_per_s: {value: 4.8e12, unit: B/s, basis: datasheet, source: "...", uncertainty: 0}

    class Memory(Group):
        bandwidth_bytes_per_s: Constant = constant("B/s", above=0, doc="peak of the interface")
        channels: Constant = constant("1", minimum=1, maximum=64, integer=True)
"""  # noqa: E501

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

Basis = Literal[
    "datasheet", "published", "measured", "calibrated", "estimated", "derived", "chosen"
]
"""Where a value comes from. ``chosen`` is a value that a sweep or ``--set`` put there."""

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$"
"""Names of devices and runs: safe as the name of a file or folder."""

CEILINGS: dict[str, float] = {
    "Hz": 1e12,
    "B/s": 1e18,
    "B": 1e18,
    "W": 1e7,
    "us": 1e9,
    "clk": 1e9,
    "B/clk": 1e9,
    "flop/clk": 1e9,
    "op/clk": 1e9,
}
"""The most that a field of a unit accepts where it gives no ``maximum``: typing errors such as a
doubled exponent stand out here. Other units accept up to ``DEFAULT_CEILING``."""

DEFAULT_CEILING = 1e12


class Group(BaseModel):
    """Base of every configuration class: a frozen group of named fields.

    Nothing is converted silently: ``"8"`` is no integer, ``true`` no number, NaN and inf no
    values, an unknown key is an error. A string under a field is its description.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        protected_namespaces=(),
    )


class Constant(Group):
    """A number with its provenance; ``float(c)`` and ``int(c)`` give the bare value."""

    value: float = Field(description="the number, in `unit`")
    unit: str = Field(min_length=1, max_length=40, description="the unit that the schema asks for")
    basis: Basis = Field(description="where the value comes from")
    source: str = Field(
        min_length=1,
        max_length=1000,
        pattern=r"\S",
        description="document, page or dataset behind the value",
    )
    uncertainty: float = Field(ge=0, le=10, description="relative half-width: 0.2 means +-20 %")

    @model_validator(mode="after")
    def _estimate_needs_uncertainty(self) -> Constant:
        if self.basis == "estimated" and not self.uncertainty:
            rule = "a number above 0 where basis is 'estimated'"
            raise rule_error(rule, self.uncertainty, "uncertainty")
        return self

    def __float__(self) -> float:
        return self.value

    def __int__(self) -> int:
        if not self.value.is_integer():
            raise ValueError(f"value must be a whole number, not {self.value!r}")
        return int(self.value)


@dataclass(frozen=True, slots=True)
class Rule:
    """What one constant field accepts: a unit and a range.

    ``above`` and ``below`` exclude their bound, ``minimum`` and ``maximum`` include it.
    """

    unit: str
    above: float = -math.inf
    minimum: float = -math.inf
    maximum: float = math.inf
    below: float = math.inf
    integer: bool = False

    def accepts(self, value: float) -> bool:
        """Return whether ``value`` is finite, in range and whole where it has to be."""
        return (
            self.above < value < self.below
            and self.minimum <= value <= self.maximum
            and math.isfinite(value)
            and (not self.integer or value == math.floor(value))
        )

    def describe(self) -> str:
        """Return the rule in words, such as ``an integer from 1 to 1024``."""
        kind = "an integer" if self.integer else "a number"
        if math.isfinite(self.minimum) and math.isfinite(self.maximum):
            return f"{kind} from {self.minimum:g} to {self.maximum:g}"
        words = [
            f"{word} {bound:g}"
            for word, bound in (
                ("above", self.above),
                ("at least", self.minimum),
                ("at most", self.maximum),
                ("below", self.below),
            )
            if math.isfinite(bound)
        ]
        return " ".join([kind, " and ".join(words)]).rstrip()

    def json_schema(self) -> dict[str, Any]:
        """Return the range as JSON Schema of a bare number."""
        bounds = {
            "exclusiveMinimum": self.above,
            "minimum": self.minimum,
            "maximum": self.maximum,
            "exclusiveMaximum": self.below,
        }
        kept: dict[str, Any] = {key: b for key, b in bounds.items() if math.isfinite(b)}
        return {"type": "integer" if self.integer else "number", **kept}

    def check(self, constant: Constant | None) -> Constant | None:
        """Return ``constant``; a wrong unit or value raises an error that names the leaf."""
        if constant is None:
            return None
        if constant.unit != self.unit:
            raise rule_error(repr(self.unit), constant.unit, "unit")
        if not self.accepts(constant.value):
            raise rule_error(self.describe(), constant.value, "value")
        return constant


def rule_error(rule: str, value: object, leaf: str = "") -> PydanticCustomError:
    """Return the error of a field that must be ``rule``; ``leaf`` is a dotted path below it."""
    context = {"rule": rule, "leaf": leaf, "value": value}
    return PydanticCustomError("rule", "must be {rule}", context)


def constant(
    unit: str,
    *,
    above: float = -math.inf,
    minimum: float | None = None,
    maximum: float | None = None,
    below: float = math.inf,
    integer: bool = False,
    doc: str | None = None,
    optional: bool = False,
) -> Any:
    """Return the declaration of a ``Constant`` field with its unit and bounds.

    A side without a bound has the unit's entry in ``CEILINGS``.

    ``optional`` is for ``Constant | None`` fields: a device may lack the part they describe. Any
    other constant that a file lacks is an error, never a default.
    """
    ceiling = CEILINGS.get(unit, DEFAULT_CEILING)
    if maximum is None:
        maximum = ceiling
    if minimum is None:
        minimum = -ceiling if above == -math.inf else -math.inf
    rule = Rule(unit, above, minimum, maximum, below, integer)
    info: Any = Field(
        default=None if optional else ...,
        description=doc,
        json_schema_extra={"x-unit": unit, "x-value": rule.json_schema()},
    )
    info.metadata.extend([AfterValidator(rule.check), rule])
    return info
