"""Mutants of the matrix engine's blocks, each block inside its whole engine.

The engine stays in modules, one a block; ``mutate -ctrl`` changes cells of the blocks alone, and a
selector input goes down to all of them. So the ordinary tests of the engine judge a mutant, while
the proof that a mutant is equivalent needs the block alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from amaranth.back import rtlil

from archsim.config.matrix import MatrixParams
from hdl.formal.mutants import SELECTOR_BITS, chosen, yosys
from hdl.matrix.top import MatrixTop

TOP = "matrix_top"
SELECTOR = "mutsel"
_KEPT = r"pe_\d+"
"""Modules that stay where the block around them is flattened."""


@dataclass(frozen=True)
class Block:
    """``path``: module below the top, "" for the top. ``alone``: has no other block inside."""

    name: str
    path: str
    alone: bool = True

    @property
    def module(self) -> str:
        """The module's name."""
        return f"{TOP}.{self.path}" if self.path else TOP


def split(params: MatrixParams, blocks: Sequence[Block], folder: Path) -> None:
    """Write ``prepared.il``: the engine, each block one flat module."""
    folder.mkdir(parents=True, exist_ok=True)
    text = rtlil.convert(MatrixTop(params), name=TOP, emit_src=False)
    (folder / "top.il").write_text(text)
    inner = [name for name in modules(text) if re.search(rf"\.{_KEPT}$", name)]
    flat = [f"flatten {name}" for name in [*inner, *(b.module for b in blocks if b.alone)]]
    keep = [f"setattr -mod -set keep_hierarchy 1 {name}" for name in inner]
    yosys(
        "\n".join([
            "read_rtlil top.il", f"hierarchy -top {TOP}", "proc", *flat[: len(inner)], *keep,
            *flat[len(inner) :], "opt_clean", "memory_collect", "opt_clean",
            "write_rtlil prepared.il",
        ]),
        folder,
    )  # fmt: skip


def prepare(block: Block, engine: Path, folder: Path, count: int, seed: int) -> list[str]:
    """Return ``count`` mutate commands of ``block`` on module ``dut``; write it as ``flat.il``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "prepared.il").write_text((engine / "prepared.il").read_text())
    chosen_part = "write_rtlil"
    if block.alone:  # with the modules that stay inside, whose ports the prover cuts
        chosen_part = f"select {block.module} {block.module}.*\nwrite_rtlil -selected"
    yosys(
        f"read_rtlil prepared.il\n{chosen_part} flat.il\n"
        f"mutate -list {4 * count} -seed {seed} -ctrl {SELECTOR} {SELECTOR_BITS} 1 "
        f"-module {block.module} -o mutants.txt\n",
        folder,
    )
    flat = (folder / "flat.il").read_text()
    (folder / "flat.il").write_text(flat.replace(f"module \\{block.module}\n", "module \\dut\n"))
    listed = (folder / "mutants.txt").read_text()
    (folder / "mutants.txt").write_text(listed.replace(f"-module {block.module} ", "-module dut "))
    return chosen(folder, count)


def combine(mutants: Mapping[Block, Sequence[str]], engine: Path) -> tuple[str, list[str]]:
    """Return the Verilog of the engine with all ``mutants``, and them in the selector's order.

    The selector is the top's input ``mutsel``: 0 for none, 1 for the first.
    """
    commands: list[str] = []
    for block, lines in mutants.items():
        for line in lines:
            number = f"-ctrl {SELECTOR} {SELECTOR_BITS} {len(commands) + 1}"
            line = re.sub(rf"-ctrl {SELECTOR} {SELECTOR_BITS} \d+", number, line)
            commands.append(line.replace("-module dut ", f"-module {block.module} "))
    prepared = (engine / "prepared.il").read_text()
    needed = {module for block in mutants for module in ancestors(prepared, block.module)}
    script = ["read_rtlil prepared.il"]
    for module in sorted(needed):
        script += [f"cd {module}", f"add -input {SELECTOR} {SELECTOR_BITS}", "cd"]
    for module in sorted(needed - {TOP}):
        parent, cell = parent_of(prepared, module)
        script += [f"cd {parent}", f"connect -port {cell} {SELECTOR} {SELECTOR}", "cd"]
    script += [*commands, "opt_clean", "write_verilog -norename mutated.v"]
    yosys("\n".join(script), engine)
    text = (engine / "mutated.v").read_text()
    return re.sub(r"\b([sm]_ax\w*?)__", r"\1_", text), commands


def modules(text: str) -> list[str]:
    """Return the names of the modules of an RTLIL text."""
    return re.findall(r"^module \\(\S+)$", text, re.MULTILINE)


def parent_of(text: str, module: str) -> tuple[str, str]:
    """Return the module that holds the one instance of ``module``, and the instance's name."""
    for part in re.split(r"^(?=module )", text, flags=re.MULTILINE):
        found = re.search(rf"^ *cell \\{re.escape(module)} \\(\S+)$", part, re.MULTILINE)
        if found:
            name = re.match(r"module \\(\S+)", part)
            assert name is not None
            return name.group(1), found.group(1)
    raise ValueError(f"module must have an instance, unlike {module!r}")


def ancestors(text: str, module: str) -> list[str]:
    """Return ``module`` and all those that hold it, up to the top."""
    found = [module]
    while found[-1] != TOP:
        found.append(parent_of(text, found[-1])[0])
    return found
