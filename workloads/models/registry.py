"""Model names, the choices each takes, and their validation."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from archsim.graph import Graph


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One choice of a model: its type, default, meaning and the rule a value must keep."""

    type: type
    default: object
    doc: str
    options: tuple[object, ...] = ()
    pattern: str = ""
    """Text that matches it is allowed beside ``options``."""
    minimum: int = 1
    maximum: int = 1 << 24

    def check(self, name: str, value: object) -> None:
        """Raise ``ValueError`` unless ``value`` keeps the rule."""
        if value is None and self.default is None:
            return
        if self.type is int:
            if type(value) is not int or not self.minimum <= value <= self.maximum:
                raise ValueError(
                    f"{name} must be an integer from {self.minimum} to {self.maximum}, "
                    f"not {value!r}"
                )
        elif self.type is bool:
            if type(value) is not bool:
                raise ValueError(f"{name} must be true or false, not {value!r}")
        elif value not in self.options and not (
            self.pattern and isinstance(value, str) and re.fullmatch(self.pattern, value)
        ):
            known = ", ".join(str(o) for o in self.options)
            raise ValueError(f"{name} must be one of {known}, not {value!r}{_near(value, known)}")

    def json_schema(self) -> dict[str, Any]:
        """Return the rule and the meaning as JSON Schema."""
        if self.type is int:
            rule: dict[str, Any] = {"minimum": self.minimum, "maximum": self.maximum}
            rule["type"] = ["integer", "null"] if self.default is None else "integer"
        elif self.type is bool:
            rule = {"type": "boolean"}
        elif self.pattern:
            free = {"type": "string", "pattern": f"^(?:{self.pattern})$"}
            rule = {"anyOf": [{"enum": list(self.options)}, free]}
        else:
            rule = {"enum": [*self.options, *([None] if self.default is None else [])]}
        return rule | {"description": self.doc}


@dataclass(frozen=True, kw_only=True)
class Model:
    """A buildable model: ``builder(name, **choices)``, its choices and one line about it."""

    builder: Callable[..., Graph]
    choices: Mapping[str, Choice]
    doc: str


FLOAT_DTYPES = ("fp16", "bf16", "fp32", "tf32")
QUANTISED_DTYPES = (*FLOAT_DTYPES, "fp8", "int8")
INTEGER_DTYPES = (*QUANTISED_DTYPES, "int16", "int32")

BATCH = Choice(type=int, default=1, doc="images or sequences at once")
DTYPE = Choice(type=str, default="fp16", doc="data type of the model", options=FLOAT_DTYPES)
DTYPE_QUANTISED = Choice(
    type=str,
    default="fp16",
    doc="data type of the matrix products; with fp8 and int8 the rest stays in bf16 and fp16",
    options=QUANTISED_DTYPES,
)
DTYPE_INTEGER = Choice(
    type=str,
    default="fp16",
    doc="data type of the matrix products; int16 and int32 only with quantise: all",
    options=INTEGER_DTYPES,
)
QUANTISE = Choice(
    type=str,
    default="products",
    doc="products: with fp8 and int8 only the linear layers' products have that type; "
    "all: every tensor, as integer-only accelerators compute",
    options=("products", "all"),
)
FRAMEWORK = Choice(
    type=str,
    default="fused",
    doc="fused: one kernel per operator as a compiler makes them; "
    "eager: the separate kernels that eager PyTorch launches",
    options=("fused", "eager"),
)


def _near(value: object, known: str) -> str:
    """A hint at the nearest of the comma-separated ``known`` words, if one is near."""
    words = known.split(", ")
    close = [w for w in words if len(str(value)) > 2 and w.startswith(str(value))]
    close = close or get_close_matches(str(value), words, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def resolve(
    models: Mapping[str, Model], model: str, given: Mapping[str, object]
) -> dict[str, object]:
    """Return every choice of ``model``, ``given`` ones checked, others at their default."""
    if model not in models:
        hint = _near(model, ", ".join(models))
        raise ValueError(
            f"model must be one of the {len(models)} that `archsim list` shows, not {model!r}{hint}"
        )
    choices = models[model].choices
    for name, value in given.items():
        if name not in choices:
            known = ", ".join(choices)
            raise ValueError(f"{model} takes the choices {known}, not {name!r}{_near(name, known)}")
        choices[name].check(name, value)
    return {name: given.get(name, choice.default) for name, choice in choices.items()}
