"""Any design whose ports are streams, in a compiled simulation: words in, words out, cycles."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cosim.compiled import Stimulus
from cosim.errors import CosimError, HangError
from cosim.verilated import verilate
from hdl.verilog import ports

TEMPLATE = Path(__file__).with_name("stream_harness.cpp.in")


@dataclass(frozen=True)
class StreamPorts:
    """Widths in bits of a design's input and output streams, by name, in order."""

    inputs: Mapping[str, int]
    outputs: Mapping[str, int]


@dataclass(frozen=True)
class StreamRun:
    """What a run gave: the words of each output stream, and the cycle in which the last left.

    The first word may enter in cycle 0.
    """

    words: Mapping[str, list[int]]
    cycle: int


def stream_ports(verilog: str, top: str) -> StreamPorts:
    """Return the streams of ``top``: ports ``name_payload``, ``name_valid``, ``name_ready``."""
    found: list[dict[str, Any]] = ports(verilog, top)
    widths: dict[str, dict[str, int]] = {"input": {}, "output": {}}
    for port in found:
        if port["name"].endswith("_payload"):
            name = port["name"].removesuffix("_payload")
            widths[port["direction"]][name] = int(port["width"])
    return StreamPorts(widths["input"], widths["output"])


def build(verilog: str, top: str, folder: Path) -> Path:
    """Return the simulation of ``top``, built below ``folder`` unless it is there."""
    streams = stream_ports(verilog, top)
    sizes = [[-(-bits // 32) for bits in x.values()] for x in (streams.inputs, streams.outputs)]
    drive = [
        f"top->{name}_valid = in[{i}].offered; if (in[{i}].offered) put(top->{name}_payload, "
        f"&in[{i}].words[(size_t)in[{i}].at * in[{i}].size], in[{i}].size);"
        for i, name in enumerate(streams.inputs)
    ]
    drive += [f"top->{n}_ready = out[{i}].at < out[{i}].count && !chance(stall);"
              for i, n in enumerate(streams.outputs)]  # fmt: skip
    sample = [
        f"if (in[{i}].offered && top->{name}_ready) {{ ++in[{i}].at; in[{i}].offered = false; "
        "quiet = 0; }"
        for i, name in enumerate(streams.inputs)
    ]
    sample += [
        f"if (top->{name}_valid && top->{name}_ready) {{ get(top->{name}_payload, "
        f"&out[{i}].words[(size_t)out[{i}].at * out[{i}].size], out[{i}].size); "
        f"++out[{i}].at; quiet = 0; last = cycle; }}"
        for i, name in enumerate(streams.outputs)
    ]
    text = TEMPLATE.read_text()
    for key, value in (
        ("TOP", top), ("DRIVE", "\n        ".join(drive)), ("SAMPLE", "\n        ".join(sample)),
        *((k, ", ".join(f"{{{n}, 0, 0, false, {{}}}}" for n in s))
          for k, s in zip(("IN", "OUT"), sizes, strict=True)),
    ):  # fmt: skip
        text = text.replace(f"@{key}@", value)
    return verilate(verilog, top, text, folder)


def run(
    program: Path,
    streams: StreamPorts,
    words: Mapping[str, Sequence[int]],
    counts: Mapping[str, int],
    stimulus: Stimulus,
) -> StreamRun:
    """Feed ``words`` by input stream until each output gave its count; others do nothing.

    Raises ``HangError`` when no handshake happens for the stimulus' ``wait_limit`` cycles.
    """
    with tempfile.TemporaryDirectory() as scratch:
        source, target = Path(scratch) / "words.bin", Path(scratch) / "results.bin"
        with source.open("wb") as out:
            header = [stimulus.seed, stimulus.idle, stimulus.stall, stimulus.wait_limit]
            np.array(header, dtype="<u4").tofile(out)
            for name, bits in streams.inputs.items():
                given, size = words.get(name, ()), 4 * -(-bits // 32)
                np.array([len(given)], dtype="<u4").tofile(out)
                out.write(b"".join(word.to_bytes(size, "little") for word in given))
            np.array([counts.get(n, 0) for n in streams.outputs], dtype="<u4").tofile(out)
        done = subprocess.run([str(program), str(source), str(target)], check=False)
        if done.returncode:
            raise CosimError(f"the simulation of {program} ended with code {done.returncode}")
        return _results(target.read_bytes(), streams, counts)


def _results(raw: bytes, streams: StreamPorts, counts: Mapping[str, int]) -> StreamRun:
    hung, last = (int(x) for x in np.frombuffer(raw, dtype="<u4", count=2))
    at = 8
    found: dict[str, list[int]] = {}
    for name, bits in streams.outputs.items():
        size = 4 * -(-bits // 32)
        count = int.from_bytes(raw[at : at + 4], "little")
        at += 4
        ends = range(at, at + count * size, size)
        found[name] = [int.from_bytes(raw[i : i + size], "little") for i in ends]
        at += count * size
    if hung:
        state = ", ".join(f"{len(found[n])} of {c} words of {n}" for n, c in counts.items())
        raise HangError(f"the design hung: no handshake any more after {state}")
    return StreamRun(found, last)
