# amaranth: UnusedElaboratable=no
"""The mutation run's own parts: which mutants it takes, and what it proves of survivors."""

import re
import struct
import subprocess

import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hdl.formal.engine_mutants import ancestors, modules, parent_of
from hdl.formal.mutants import build, chosen, equivalent, prepare


class Adder(wiring.Component):
    """``o`` is ``a + b`` of the cycle before; ``same`` is always 1, since two registers agree."""

    def __init__(self):
        super().__init__({"a": In(6), "b": In(6), "o": Out(7), "same": Out(1)})

    def elaborate(self, _platform):
        m = Module()
        copy = Signal(7)
        m.d.sync += [self.o.eq(self.a + self.b), copy.eq(self.b + self.a)]
        m.d.comb += self.same.eq(copy == self.o)
        return m


def test_mutants_of_clock_pins_are_left_out_and_the_others_counted_anew(tmp_path):
    line = "mutate -ctrl mutsel 16 {} -mode inv -module dut -cell $1 -port {} -portbit 0"
    pins = ["CLK", "D", "RD_CLK", "clk", "Q", "WR_CLK", "CLKEN_X", "A"]
    listed = [line.format(n, pin) for n, pin in enumerate(pins, 1)]
    (tmp_path / "mutants.txt").write_text("\n".join(listed) + "\n")
    found = chosen(tmp_path, 3)
    assert [re.search(r"-port (\S+)", text)[1] for text in found] == ["D", "Q", "CLKEN_X"]
    assert [int(text.split()[4]) for text in found] == [1, 2, 3]
    assert (tmp_path / "mutants.txt").read_text().splitlines() == found


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """Mutants of the adder, and which of them every pair of inputs tells apart."""
    folder = tmp_path_factory.mktemp("adder")
    mutants = prepare(Adder(), folder, 20, seed=1)
    ports = {"a": ("in", 6), "b": ("in", 6), "o": ("out", 7), "same": ("out", 1)}
    program = build(mutants, ports, folder)
    before, words = 0, []
    for n in range(4 * 64 * 64):
        a, b = n & 63, n >> 6 & 63 ^ 21 * (n >> 12)
        words += [a, b, before, 0x7F, 1, 1]
        before = a + b
    (folder / "traces.bin").write_bytes(struct.pack(f"<{len(words) + 1}I", len(words), *words))
    done = subprocess.run(
        [program, "traces.bin", "0", str(len(mutants) + 1)],
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    cycles = dict(map(int, text.split()) for text in done.stdout.splitlines())
    assert cycles[0] == -1
    alive = {n for n in cycles if n and cycles[n] == -1}
    return folder, mutants, alive


def test_no_real_mutant_is_on_a_clock(judged):
    _, mutants, _ = judged
    assert len(mutants) == 20
    assert not [line for line in mutants if re.search(r"-port \w*CLK ", line)]


def test_proofs_of_equivalence_are_those_that_no_input_refutes(judged):
    folder, mutants, alive = judged
    assert alive and len(alive) < len(mutants)
    killed = [n for n in range(1, len(mutants) + 1) if n not in alive][:4]
    proven = {n for n in [*sorted(alive)[:4], *killed] if equivalent(mutants[n - 1], folder)}
    assert proven == set(sorted(alive)[:4])


def test_a_hidden_register_bit_is_no_equivalence(judged):
    """The prover looks at all outputs: a fault that only ``same`` shows is one."""
    folder, mutants, _ = judged
    wire = next(line for line in mutants if "-wire same" in line or "copy" in line)
    inverted = re.sub(r"-mode \w+", "-mode inv", wire)
    assert not equivalent(inverted, folder)


HIERARCHY = """
module \\top
  cell \\top.engine \\engine
  end
end
module \\top.engine
  cell \\top.engine.loader \\loader
  end
end
module \\top.engine.loader
end
"""


def test_a_block_is_found_in_its_engine(monkeypatch):
    monkeypatch.setattr("hdl.formal.engine_mutants.TOP", "top")
    assert modules(HIERARCHY) == ["top", "top.engine", "top.engine.loader"]
    assert parent_of(HIERARCHY, "top.engine.loader") == ("top.engine", "loader")
    assert ancestors(HIERARCHY, "top.engine.loader") == ["top.engine.loader", "top.engine", "top"]
    with pytest.raises(ValueError, match=r"must have an instance, unlike 'top\.other'"):
        parent_of(HIERARCHY, "top.other")
