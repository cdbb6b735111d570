"""The same as ``cosim.stream_run`` on Icarus Verilog: words in, words out, cycles."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from cosim.compiled import Stimulus
from cosim.errors import CosimError, HangError
from cosim.stream_run import StreamPorts, StreamRun, stream_ports

_HEAD = """\
`timescale 1ns / 1ps
module stream_bench;
  reg clk = 0, rst = 0, begun = 0;
  always #5 clk = !clk;
  integer cycle = 0, last = 0, quiet = 0, seed, idle, stall, limit, done, file;
  reg [8*512-1:0] folder;
"""
_INPUT = """\
  reg [{high}:0] {name}_words [0:{most}];
  integer {name}_n = 0, {name}_at = 0;
  reg {name}_valid = 0;
  wire {name}_ready;
  wire [{high}:0] {name}_payload = {name}_words[{name}_at];
  always @(negedge clk) #1 if (begun && !{name}_valid && {name}_at < {name}_n)
    {name}_valid = $unsigned($random(seed)) % 100 >= idle;
  always @(posedge clk) if (begun && {name}_valid && {name}_ready) begin
    {name}_at <= {name}_at + 1; {name}_valid <= 0; quiet = 0;
  end
"""
_OUTPUT = """\
  integer {name}_n = 0, {name}_at = 0, {name}_file;
  reg {name}_ready = 0;
  wire {name}_valid;
  wire [{high}:0] {name}_payload;
  always @(negedge clk) #1 if (begun)
    {name}_ready = {name}_at < {name}_n && $unsigned($random(seed)) % 100 >= stall;
  always @(posedge clk) if (begun && {name}_valid && {name}_ready) begin
    $fdisplay({name}_file, "%h", {name}_payload);
    {name}_at <= {name}_at + 1; quiet = 0; last = cycle;
  end
"""
_TAIL = """\
  always @(posedge clk) if (begun) begin cycle <= cycle + 1; quiet = quiet + 1; end
  always @(negedge clk) if (begun && ({waiting} || quiet > limit)) begin
    file = $fopen({{folder, "/facts"}}, "w");
    $fdisplay(file, "%0d %0d", quiet > limit, last);
    $fclose(file); {close}
    $finish;
  end
  {top} dut (.clk(clk), .rst(rst){connections});
  initial begin
    done = $value$plusargs("folder=%s", folder); done = $value$plusargs("seed=%d", seed);
    done = $value$plusargs("idle=%d", idle); done = $value$plusargs("stall=%d", stall);
    done = $value$plusargs("limit=%d", limit);
{load}
    #1 rst = 1;  // a change, so that combinational blocks run before the first edge
    @(posedge clk); @(posedge clk); @(negedge clk) begun = 1; rst = 0;
  end
endmodule
"""
MOST_WORDS = 1 << 17
"""Words of an input stream in one run."""


def bench(streams: StreamPorts, top: str) -> str:
    """Return the Verilog of the test bench around ``top``."""
    parts = [_HEAD]
    load, close = [], []
    for name, bits in streams.inputs.items():
        parts.append(_INPUT.format(name=name, high=bits - 1, most=MOST_WORDS - 1))
        load.append(f'    if ($value$plusargs("{name}=%d", {name}_n) && {name}_n)')
        load.append(f'      $readmemh({{folder, "/{name}.in"}}, {name}_words, 0, {name}_n - 1);')
    for name, bits in streams.outputs.items():
        parts.append(_OUTPUT.format(name=name, high=bits - 1))
        load.append(f'    done = $value$plusargs("{name}=%d", {name}_n);')
        load.append(f'    {name}_file = $fopen({{folder, "/{name}.out"}}, "w");')
        close.append(f"$fclose({name}_file);")
    names = [*streams.inputs, *streams.outputs]
    ports = [f", .{n}_{p}({n}_{p})" for n in names for p in ("payload", "valid", "ready")]
    waiting = " && ".join(f"{n}_at == {n}_n" for n in streams.outputs)
    parts.append(_TAIL.format(
        waiting=waiting, close=" ".join(close), top=top, connections="".join(ports),
        load="\n".join(load),
    ))  # fmt: skip
    return "".join(parts)


def build(verilog: str, top: str, folder: Path) -> Path:
    """Return the compiled simulation of ``top``, made below ``folder`` unless it is there."""
    if shutil.which("iverilog") is None:
        raise CosimError("iverilog must be installed (scripts/system-packages iverilog)")
    text = bench(stream_ports(verilog, top), top)
    identity = hashlib.sha256(f"{verilog}\0{text}".encode()).hexdigest()[:20]
    target = folder / f"icarus-{identity}"
    program = target / "bench.vvp"
    if program.exists():
        return program
    target.mkdir(parents=True, exist_ok=True)
    (target / "bench.v").write_text(text)
    (target / "top.v").write_text(verilog)
    command = ["iverilog", "-g2012", "-s", "stream_bench", "-o", "new.vvp", "bench.v", "top.v"]
    done = subprocess.run(command, cwd=target, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CosimError(f"iverilog failed: {(done.stderr or done.stdout)[-2000:]}")
    (target / "new.vvp").replace(program)
    return program


def run(
    program: Path,
    streams: StreamPorts,
    words: Mapping[str, Sequence[int]],
    counts: Mapping[str, int],
    stimulus: Stimulus,
) -> StreamRun:
    """As ``cosim.stream_run.run``; which cycles are idle or stalled differs."""
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        numbers = {"seed": stimulus.seed, "idle": stimulus.idle, "stall": stimulus.stall}
        numbers |= {"limit": stimulus.wait_limit}
        for name in streams.inputs:
            given = words.get(name, ())
            if len(given) > MOST_WORDS:
                raise CosimError(f"{name} must have at most {MOST_WORDS} words, not {len(given)}")
            (place / f"{name}.in").write_text("".join(f"{word:x}\n" for word in given))
            numbers[name] = len(given)
        numbers |= {name: counts.get(name, 0) for name in streams.outputs}
        arguments = [f"+{name}={value}" for name, value in numbers.items()]
        command = ["vvp", "-n", str(program), f"+folder={place}", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode or not (place / "facts").exists():
            raise CosimError(f"vvp ended with code {done.returncode}: {done.stdout[-500:]}")
        hung, last = (int(x) for x in (place / "facts").read_text().split())
        found = {
            name: [int(line, 16) for line in (place / f"{name}.out").read_text().split()]
            for name in streams.outputs
        }
    if hung:
        state = ", ".join(f"{len(found[n])} of {c} words of {n}" for n, c in counts.items())
        raise HangError(f"the design hung: no handshake any more after {state}")
    return StreamRun(found, last)
