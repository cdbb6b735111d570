"""The ``search`` of a run file: which sampler looks for the front, and for how many points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from archsim.config.suggest import hint
from archsim.config.yaml_strict import Document, Path, show

Method = Literal["nsga2", "tpe", "random", "grid"]
METHODS: Final[tuple[Method, ...]] = ("nsga2", "tpe", "random", "grid")
MAX_BUDGET = 1_000_000
MAX_SEED = 2**32 - 1
MAX_COMBINATIONS = 2**62
CONTINUOUS = 1 << 12
"""Steps of a range without num or step: 1/4096 of it, or of its logarithm, is told apart."""
_KEYS = ("method", "budget", "seed")


@dataclass(frozen=True)
class Search:
    """``budget`` distinct points are evaluated, suggested by ``method`` from ``seed``.

    ``nsga2`` and ``tpe`` are Optuna's samplers, ``random`` draws evenly, ``grid`` takes the
    points of the sweep in their order.
    """

    method: Method = "nsga2"
    budget: int = 1000
    seed: int = 0

    def to_dict(self) -> dict[str, str | int]:
        """Return the mapping as a run file writes it."""
        return {"method": self.method, "budget": self.budget, "seed": self.seed}


def parse_search(document: Document) -> Search | None:
    """Return the search of the run file ``document``, None where it has none."""
    if "search" not in document.data:
        return None
    at: Path = ("search",)
    data: Any = document.data["search"]
    if not isinstance(data, dict) or "budget" not in data:
        rule = "search must be a mapping with a budget, such as {method: nsga2, budget: 1000}"
        raise document.error(at, f"{rule}, not {show(data)}")
    for key in data:
        if key not in _KEYS:
            sentence = f"search must not have the key {show(key)}{hint(key, _KEYS)}"
            raise document.error((*at, key), sentence, key=True)
    method = data.get("method", "nsga2")
    if method not in METHODS:
        sentence = f"search.method must be one of {', '.join(METHODS)}, not {show(method)}"
        raise document.error((*at, "method"), sentence + hint(method, METHODS))
    budget = _count(document, at, "budget", data["budget"], 1, MAX_BUDGET)
    return Search(method, budget, _count(document, at, "seed", data.get("seed", 0), 0, MAX_SEED))


def check_space(document: Document, search: Search, mode: str, count: int) -> None:
    """Raise the error of a sweep of ``count`` points in ``mode`` that cannot be searched."""
    if mode != "grid" or count == 1:
        what = "one point" if count == 1 else f"mode {mode}"
        raise document.error(
            ("search",), f"search must have a sweep over a grid of values, not {what}", key=True
        )
    if count > MAX_COMBINATIONS:
        sentence = f"sweep must have at most 2^62 combinations to be searched, not {count:.3g}"
        raise document.error(("sweep",), sentence)


def _count(document: Document, at: Path, name: str, value: Any, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        sentence = f"search.{name} must be a whole number from {low} to {high}, not {show(value)}"
        raise document.error((*at, name), sentence)
    return value
