"""Constants: their rules, in words and applied."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from archsim.config import Constant, Group, constant
from archsim.config.constant import Rule

GOOD = {"value": 4, "unit": "B/s", "basis": "datasheet", "source": "data sheet", "uncertainty": 0}


class Part(Group):
    rate: Constant = constant("B/s", above=0)
    count: Constant | None = constant("1", minimum=1, maximum=8, integer=True, optional=True)


def load(**changes: Any) -> Part:
    return Part.model_validate_json(json.dumps({"rate": GOOD | changes}))


def test_a_good_constant_is_read() -> None:
    part = load()
    assert float(part.rate) == 4.0
    assert int(part.rate) == 4
    assert part.count is None


@pytest.mark.parametrize(
    "changes",
    [
        {"value": 0}, {"value": -1}, {"value": math.nan}, {"value": math.inf}, {"value": "4"},
        {"value": True}, {"value": None}, {"value": [4]}, {"value": 1e30}, {"unit": "GB/s"},
        {"unit": ""}, {"basis": "guess"}, {"source": " "}, {"source": ""}, {"uncertainty": -0.1},
        {"uncertainty": math.nan}, {"uncertainty": 11}, {"basis": "estimated"}, {"extra": 1},
    ],
    ids=str,
)  # fmt: skip
def test_a_wrong_constant_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        load(**changes)


@pytest.mark.parametrize("name", GOOD)
def test_no_part_may_be_missing(name: str) -> None:
    with pytest.raises(ValidationError):
        Part.model_validate({"rate": {k: v for k, v in GOOD.items() if k != name}})


def test_an_estimate_with_uncertainty_is_read() -> None:
    assert load(basis="estimated", uncertainty=0.2).rate.uncertainty == 0.2


def test_constants_are_frozen() -> None:
    with pytest.raises(ValidationError):
        load().rate.value = 5.0  # type: ignore[misc]


def test_a_fraction_is_no_integer() -> None:
    with pytest.raises(ValueError, match=r"whole number, not 2\.5"):
        int(load(value=2.5).rate)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Rule("1", minimum=1, maximum=1024, integer=True), "an integer from 1 to 1024"),
        (Rule("B", above=0, maximum=8), "a number above 0 and at most 8"),
        (Rule("B", minimum=0), "a number at least 0"),
        (Rule("B", below=1), "a number below 1"),
        (Rule("B"), "a number"),
    ],
)
def test_rules_describe_themselves(rule: Rule, words: str) -> None:
    assert rule.describe() == words


@given(st.floats())
def test_a_rule_accepts_exactly_its_range(value: float) -> None:
    rule = Rule("1", above=0, maximum=5, integer=True)
    assert rule.accepts(value) == (value in (1.0, 2.0, 3.0, 4.0, 5.0))
