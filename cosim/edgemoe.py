"""Co-simulation of the Edge-MoE units: a whole encoder, every layer on its unit.

Each unit by itself, its streams fed by a test bench: it computes the patch embedding and the
residual sums, and every other layer's inputs are what a unit gave. ``cosim.edgemoe_system`` runs
the whole accelerator.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from archsim.config.edgemoe_params import EdgeMoeParams
from archsim.functional.arrays import Ints
from archsim.functional.edgemoe import Block, Encoder, draw, quantise
from archsim.functional.edgemoe.fixed import narrow
from archsim.functional.edgemoe.layers import Linear, add
from archsim.functional.edgemoe.routing import Routing, route
from archsim.functional.edgemoe.weights import Arrays, Weights
from cosim import edgemoe_words as words
from cosim import stream_icarus, stream_run
from cosim.compiled import Stimulus
from cosim.edgemoe_words import Layer, UnitCase
from cosim.place import build_folder
from cosim.stream_run import StreamPorts, stream_ports
from hdl.edgemoe.units import TOP
from hdl.manifest import design_digest, sources_digest


@dataclass(frozen=True)
class UnitResult:
    """One case on the RTL: cycles of RTL and model, and how many words differ."""

    name: str
    unit: str
    rtl_cycles: int
    model_cycles: int
    bound_cycles: int
    mismatches: int
    seed: int
    design_digest: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return asdict(self)


class Bench:
    """The compiled units of ``params``, and what was run on them so far.

    ``simulator``: ``verilator``, or ``icarus`` for another opinion on the same Verilog.
    """

    def __init__(
        self, params: EdgeMoeParams, stimulus: Stimulus, simulator: str = "verilator"
    ) -> None:
        verilog = units_text(params)
        self.params = params
        self.stimulus = stimulus
        self.digest = design_digest(params, sources_digest(), verilog)
        self.streams: StreamPorts = stream_ports(verilog, TOP)
        self.engine = stream_icarus if simulator == "icarus" else stream_run
        self.program = self.engine.build(verilog, TOP, build_folder() / "cosim")
        self.results: list[UnitResult] = []

    def check(self, case: UnitCase) -> dict[str, list[int]]:
        """Run ``case``, compare every word with what it must be, and return what came."""
        counts = {name: len(w) for name, w in case.expected.items()}
        found = self.engine.run(self.program, self.streams, case.words, counts, self.stimulus)
        wrong = 0
        for name, expected in case.expected.items():
            masks = case.masks.get(name, [-1] * len(expected))
            got = found.words[name]
            wrong += sum((a ^ b) & m != 0 for a, b, m in zip(expected, got, masks, strict=True))
        bound = max(len(w) for w in (*case.words.values(), *case.expected.values()))
        self.results.append(UnitResult(
            name=case.name, unit=case.unit, rtl_cycles=found.cycle + 1,
            model_cycles=case.cycles + 1, bound_cycles=bound, mismatches=wrong,
            seed=self.stimulus.seed, design_digest=self.digest,
        ))  # fmt: skip
        return dict(found.words)


def simulate_encoder(bench: Bench, weights: Weights, pixels: Ints, task: int, name: str) -> Ints:
    """Return the tokens after the last block, every layer computed by the RTL."""
    encoder = Encoder(bench.params, weights)
    x = encoder.embed(pixels)
    for index in range(bench.params.depth):
        block = _Block(bench, weights.block(index), f"{name} block {index}")
        x = block.run(x, bench.params.is_moe(index), task)
    return x


def simulate_block(bench: Bench, weights: Weights, index: int, x: Ints, task: int) -> Ints:
    """Return a block's output of its input tokens ``x``, every layer computed by the RTL."""
    block = _Block(bench, weights.block(index), f"block {index}")
    return block.run(x, bench.params.is_moe(index), task)


class _Block:
    """One block on the bench; each layer's reference says what its words must be."""

    def __init__(self, bench: Bench, w: Arrays, name: str) -> None:
        self.bench = bench
        self.params = bench.params
        self.w = w
        self.name = name
        self.exact = Block(bench.params)

    def run(self, x: Ints, moe: bool, task: int) -> Ints:
        y = self._norm(x, "norm1")
        parts = [self._attention_layer(y, name) for name in ("query", "key", "value")]
        y = self._attention(*parts)
        x = add(x, self._attention_layer(y, "projection"))
        y = self._norm(x, "norm2")
        return add(x, self._experts(y, task) if moe else self._mlp(y))

    def _norm(self, x: Ints, name: str) -> Ints:
        scale, offset = self.w[f"{name}.scale"], self.w[f"{name}.offset"]
        case = words.norm_case(self.params, f"{self.name} {name}", x, scale, offset)
        return self._tokens(self.bench.check(case)["norm_o"], self.params.lanes)

    def _tokens(self, found: list[int], lanes: int) -> Ints:
        elements = [e for word in found for e in words.unpacked(word, lanes)]
        return np.array(elements, dtype=np.int64).reshape(-1, self.params.dim)

    def _attention(self, query: Ints, key: Ints, value: Ints) -> Ints:
        first, second = words.attention_cases(self.params, self.name, query, key, value)
        found = self.bench.check(first)
        given = {
            **second.words,
            "mix_sums": found["scores_sums"],
            "mix_scores": found["scores_o"],
        }
        case = UnitCase(second.name, "mix", given, second.expected, second.cycles)
        return self._tokens(self.bench.check(case)["mix_o"], self.params.lanes)

    def _attention_layer(self, x: Ints, name: str) -> Ints:
        formats = self.params.formats
        layer = Layer(
            self.w[f"{name}.weight"], self.w[f"{name}.bias"], formats.attention_bias.fraction_bits
        )
        exact = Linear(self.params, formats.weight, formats.attention_bias)
        return self._layer(x, layer, name, exact(x, layer.weight, layer.bias))

    def _layer(self, x: Ints, layer: Layer, name: str, exact: Ints) -> Ints:
        case = words.linear_case(self.params, f"{self.name} {name}", x, layer, exact)
        found = self.bench.check(case)["linear_o"]
        out = np.zeros_like(exact)
        for word, (row, column) in zip(
            found, words.result_rows(self.params, x, exact), strict=True
        ):
            kept = exact[row, column : column + self.params.tile_out].size  # fewer in the last tile
            out[row, column : column + kept] = words.unpacked(word, self.params.tile_out)[:kept]
        return out

    def _mlp(self, x: Ints, expert: int | None = None, **end: Any) -> Ints:
        """Both layers of the MLP or an expert; ``end`` are score and old result of the second."""
        p, label = self.params, "" if expert is None else f"expert {expert} "
        w1, b1, w2, b2 = (
            self.w[k] if expert is None else self.w[k][expert]
            for k in ("fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias")
        )
        linear = Linear(p, p.formats.weight, p.formats.bias)
        fraction = p.formats.bias.fraction_bits
        exact = self.exact.activation(linear(x, w1, b1))
        hidden = self._layer(x, Layer(w1, b1, fraction, gelu=True), f"{label}fc1", exact)
        exact = linear(hidden, w2, b2)
        if end:
            shift = p.formats.activation.fraction_bits
            weighed = narrow(exact * end["scores"][:, None], shift)
            exact = add(end["old"], weighed)
        return self._layer(hidden, Layer(w2, b2, fraction, **end), f"{label}fc2", exact)

    def _experts(self, x: Ints, task: int) -> Ints:
        p = self.params
        weight = self.w["gate.weight"][task]
        none = np.zeros(p.experts, dtype=np.int64)
        linear = Linear(p, p.formats.weight, p.formats.bias)
        layer = Layer(weight, none, p.formats.bias.fraction_bits)
        logits = self._layer(x, layer, "gate logits", linear(x, weight))
        expected = self.exact.gate.choose(logits)
        case = words.gate_case(p, f"{self.name} gate", logits, expected)
        routing = words.routing_of(p, self.bench.check(case)["gate_o"])
        return self.accumulate(x, routing)

    def accumulate(self, x: Ints, routing: Routing) -> Ints:
        """Expert by expert in the order of the queues' RTL, each token's score beside it."""
        p = self.params
        case = words.queue_case(p, f"{self.name} queues", routing)
        total = np.zeros_like(x)
        for queue in words.queues_of(p, self.bench.check(case)["queues_o"]):
            at = queue.tokens
            total[at] = self._mlp(x[at], queue.expert, scores=queue.scores, old=total[at])
        return total


def forced_routing(
    bench: Bench, weights: Weights, x: Ints, experts: Ints, scores: Ints, name: str
) -> Ints:
    """Return the mixture of experts of block 1 for a routing that no gate chose."""
    return _Block(bench, weights.block(1), name).accumulate(x, route(experts, scores))


def units_text(params: EdgeMoeParams) -> str:
    """Return the Verilog of the units side by side, made once for parameters and sources."""
    identity = hashlib.sha256((params.digest + sources_digest()).encode()).hexdigest()[:20]
    kept = build_folder() / "designs" / f"units-{identity}.v"
    if not kept.exists():
        from hdl.edgemoe.design import units_verilog

        kept.parent.mkdir(parents=True, exist_ok=True)
        new = kept.with_suffix(f".{os.getpid()}")
        new.write_text(units_verilog(params))
        new.replace(kept)  # a killed run leaves nothing half
    return kept.read_text()


def default_weights(params: EdgeMoeParams) -> Weights:
    """Return random weights for any encoder; those of the golden vectors for the small one."""
    return quantise(params, draw(params, 1))
