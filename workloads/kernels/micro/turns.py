"""Who issues when: every warp notes the clock behind each of its steps and keeps the notes."""

from __future__ import annotations

from typing import Any

from workloads.kernels.micro import alu, tensor
from workloads.kernels.micro.kernel import Bench, rate
from workloads.kernels.micro.text import Loop, registers


def turns(record: dict[str, Any]) -> Bench:
    """``ilp`` chains of ``what`` (or of the mma.sync ``instr``) in each of ``warps`` warps, whose
    ``steps`` clocks of the last of ``rounds`` rounds stay in registers until all is done, so that
    the notes cost nothing but the reads of the clock."""
    warps, ilp = int(record.get("warps", 16)), int(record.get("ilp", 1))
    steps, rounds = int(record.get("steps", 32)), int(record.get("rounds", 3))
    if "instr" in record:
        base = tensor.mma({**record, "bench": "mma_throughput"}).loop
        links = 1
    else:
        kind, link = (alu.CHAINS | alu.VARIANTS)[record["what"]]
        base, links = alu._loop(kind, link, ilp, ilp * steps), alu._links(record["what"])
    every = int(record.get("every", 1))
    body: list[str] = []
    for step in range(steps):
        body += [base.body[i] for _ in range(every) for i in range(ilp)]
        body.append(f"mov.u32 %note{step}, %clock;")
    declare = [*base.declare, registers("b32", "note", steps), ".reg .b64 %at;", ".reg .b32 %v;"]
    setup = [*base.setup, "shr.u32 %v, %tid, 5;", f"mul.wide.u32 %at, %v, {4 * steps};",
             "add.u64 %at, %data, %at;"]  # fmt: skip
    sink = [f"st.global.u32 [%at+{4 * step}], %note{step};" for step in range(steps)]
    made = Loop(body, declare, setup, (), [*base.sink, *sink])

    def read(clocks: Any, words: Any) -> dict[str, Any]:
        notes = words[: warps * steps].reshape(warps, steps)[::4].astype("int64")
        return {"notes": (notes - notes.min()).tolist()}  # of the first sub-core

    amount = 32.0 * warps * rounds * steps * every * ilp * links
    return Bench(
        record, made, 1, 32 * warps, rounds, "instr/clk/SM", rate(amount, warps),
        words=warps * steps + 64, extra={"read": read},
    )  # fmt: skip
