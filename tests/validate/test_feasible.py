"""The range in which a calibrated constant could lie."""

from __future__ import annotations

import pytest

from archsim.errors import ConfigError
from archsim.validate.feasible import feasible_ranges
from archsim.validate.published import RowResult
from archsim.validate.published_file import How, RowSpec


def row(name, value, tolerance, calibrated, ours):
    how = How(({"device": "some", "sweep": {"device.other": [1]}},), "metrics.x")
    spec = RowSpec(name, "", "x", value, "", "", tolerance, False, how, calibrated)
    return RowResult(spec, ours)


def linear(run):
    """x is ten times the constant ``clock``; other axes stay."""
    assert run["sweep"]["device.other"] == [1]
    return {"metrics": {"x": 10 * run["sweep"]["device.clock"][0]}}


def test_the_narrowest_row_decides():
    rows = [row("wide", 5, 0.5, "clock", 5), row("narrow", 5, 0.1, "clock, other", 5)]
    (found, *_) = feasible_ranges(rows, linear, lambda _run, path: {"clock": 0.5}.get(path))
    assert (found.constant, found.on) == ("clock", ("wide", "narrow"))
    assert 0.45 <= found.low < 0.455 and 0.545 < found.high <= 0.55


def test_a_count_moves_in_whole_steps():
    rows = [row("row", 80, 0.2, "clock", 80)]
    (found,) = feasible_ranges(rows, linear, lambda *_: 8)
    assert (found.low, found.high) == (7, 9)


@pytest.mark.parametrize("ours", [None, 20.0])
def test_no_range_where_the_row_does_not_hold(ours):
    assert feasible_ranges([row("row", 10, 0.1, "clock", ours)], linear, lambda *_: 1.5) == ()


def test_values_that_the_device_refuses_are_outside():
    def refuses(run):
        if run["sweep"]["device.clock"][0] > 0.6:
            raise ConfigError("no")
        return linear(run)

    (found,) = feasible_ranges([row("row", 5, 0.5, "clock", 5)], refuses, lambda *_: 0.5)
    assert 0.5 <= found.high <= 0.6
