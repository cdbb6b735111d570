"""Where code comes from, and which instructions wait for an upper half, in plain Python."""

from __future__ import annotations

import pytest

from archsim.app.sm_device import sm_device
from archsim.frontend.instruction import Control, Instruction, Kind, Operand
from archsim.models.gpu.sm import timing_constants as c
from archsim.models.gpu.sm import timing_fetch as fetch
from archsim.models.gpu.sm import timing_launch
from archsim.models.gpu.sm.timing_wide import readers

K = timing_launch.constants(sm_device("h200"), 1.0, 1.0)


@pytest.fixture(autouse=True)
def _in_python(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_way", "fetched"):
        monkeypatch.setattr(fetch, name, getattr(fetch, name).py_func)


def _pass(code: fetch.Code, lines: int, t: float, line_cycles: float = 8.0) -> float:
    """Clocks of straight code whose lines take ``line_cycles`` each to issue."""
    start = t
    for line in range(lines):
        t = max(t, fetch.next_line.py_func(code, K, 0, 0, line, t)) + line_cycles
    return t - start


def test_short_programs_cannot_miss() -> None:
    assert fetch.new_code(1, 1, 8 * 128).lines == 0
    assert fetch.new_code(1, 1, 8 * 129).lines == 129


def test_what_the_first_cache_holds_costs_once() -> None:
    code = fetch.new_code(1, 1, 8 * 240)
    _pass(code, 240, 0.0)
    assert _pass(code, 240, 1e6) == 240 * 8.0


@pytest.mark.parametrize(("lines", "constant"), [(400, c.FETCH_CYCLES), (1200, c.REFETCH_CYCLES)])
def test_what_it_does_not_hold_comes_line_by_line(lines: int, constant: int) -> None:
    code = fetch.new_code(1, 1, 8 * lines)
    _pass(code, lines, 0.0)
    assert _pass(code, lines, 1e6) == pytest.approx(lines * K[constant], rel=0.02)


def test_slow_code_hides_its_lines() -> None:
    code = fetch.new_code(1, 1, 8 * 1200)
    _pass(code, 1200, 0.0, 64.0)
    assert _pass(code, 1200, 1e6, 64.0) == pytest.approx(1200 * 64.0, rel=0.01)


def test_code_that_no_cache_holds_comes_from_device_memory_once() -> None:
    code = fetch.new_code(1, 1, 8 * 1200)
    first, second = _pass(code, 1200, 0.0), _pass(code, 1200, 1e6)
    new = 1200 - fetch.KEPT_LINES
    assert first - second == pytest.approx(
        new * (K[c.COLD_FETCH_CYCLES] - K[c.REFETCH_CYCLES])
        - fetch.KEPT_LINES * (K[c.REFETCH_CYCLES] - K[c.FETCH_CYCLES]),
        rel=0.2,
    )


def _item(opcode: str, *registers: int, modifiers: tuple[str, ...] = ()) -> Instruction:
    operands = tuple(Operand(Kind.REGISTER, index=n) for n in registers)
    return Instruction(0, opcode, modifiers, operands, None, Control(4, False, 7, 7, 0, 0), 0, "")


def test_only_what_reads_an_upper_half_waits_for_it() -> None:
    high = _item("IMAD", 3, 3, 8, 2, modifiers=("HI",))
    wide = _item("IMAD", 4, 9, 8, 10, modifiers=("WIDE",))
    other, uses_high, uses_pair = (
        _item("FADD", 20, 21, 22),
        _item("FADD", 3, 3, 7),
        _item("FADD", 6, 5, 7),
    )
    code = [high, other, uses_high, wide, other, uses_pair, _item("FADD", 3, 3, 3)]
    assert readers(code) == {2: 1, 5: 1}
    assert readers([high, wide, uses_high, uses_pair]) == {2: 2, 3: 1}
    assert readers([high, _item("BRA"), uses_high]) == {}
