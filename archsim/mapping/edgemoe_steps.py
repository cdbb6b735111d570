"""A vision transformer's graph as the descriptors that the accelerator's controller works through.

Only for devices whose RTL exists (``has_rtl``) and graphs of exactly their encoder, an image at a
time; everything else is what ``archsim.mapping.edgemoe.lower`` makes of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from archsim.config.edgemoe import EdgeMoeDevice
from archsim.config.edgemoe_layout import (
    ATTENTION,
    END,
    LINEAR,
    LOAD,
    NORM,
    PIXELS,
    STORE,
    UNITS,
    Layout,
)
from archsim.config.edgemoe_params import Techniques
from archsim.graph import Graph, OpSpec
from archsim.graph.ops import Attention, Conv2d, Elementwise, Gemm, LayerNorm, MoeRouting
from archsim.recent import Recent

_EXPERT = re.compile(r"experts\.(\d+)")

Step = tuple[int, dict[str, int]]
"""Operator, and the fields of a descriptor that its cycles depend on."""


@dataclass(frozen=True)
class StepList:
    """Descriptors of a graph in order; ``routings``: for each gate, the tokens of every expert.

    ``operators`` are the graph's; ``products`` those of a row, an input and a tile of a layer, and
    of an attention.
    """

    steps: tuple[Step, ...]
    routings: tuple[tuple[int, ...], ...]
    operators: int
    products: tuple[int, int]

    @cached_property
    def placed(self) -> tuple[list[int], ...]:
        """Operator, unit, products of layers and of attention of each step; and, from ``starts``
        on, the operators without a step that it pays for: those behind its own.
        """
        steps = [step for step in self.steps if step[1]["opcode"] != END]
        last = {op: number for number, (op, _) in enumerate(steps)}
        paid: list[list[int]] = [[] for _ in steps]
        number = 0
        for op in range(self.operators):
            number = last.get(op, number)
            if op not in last:
                paid[number].append(op)
        starts, spare = [0], []
        for ops in paid:
            spare += ops
            starts.append(len(spare))
        fields = [f for _, f in steps]
        layer, attention = self.products
        narrow = [f.get("rows", 0) * f.get("k", 0) * f.get("n_tiles", 0) * layer for f in fields]
        wide = [attention if f["opcode"] == ATTENTION else 0 for f in fields]
        return [op for op, _ in steps], [f["unit"] for f in fields], narrow, wide, starts, spare


def has_rtl(device: EdgeMoeDevice) -> bool:
    """Whether ``hdl.edgemoe`` makes this device as its file describes it."""
    p = device.params
    return (
        device.memory.resident
        and device.linear.embeds
        and device.linear.gates
        and not device.attention.shared
        and p.techniques == Techniques()
        and p.queries <= p.head_dim // p.lanes
        and p.tile_out <= 32
        and not Layout(p).faults()
    )


def step_list(graph: Graph, device: EdgeMoeDevice) -> StepList | None:
    """Return the descriptors of ``graph``, or None where the controller does not run it."""
    if not has_rtl(device):
        return None
    p = device.params
    key = (graph.digest, *device.encoder.model_dump().values(), p.tile_out, Layout(p).packed)
    if (known := _LISTS.get(key)) is None:
        known = _LISTS.put(key, _listed(graph, device) or _NONE)
    return known if known.steps else None


_LISTS = Recent[tuple[object, ...], StepList](64)
_NONE = StepList((), (), 0, (0, 0))
"""Of a graph that the controller does not run."""


def _listed(graph: Graph, device: EdgeMoeDevice) -> StepList | None:
    maker = _Maker(device)
    for index, op in enumerate(graph.ops):
        following = graph.ops[index + 1].spec if index + 1 < len(graph.ops) else None
        if not maker.add(index, op.name, op.spec, following):
            return None
    return maker.finish(len(graph.ops))


class _Maker:
    """Makes descriptors; knows whether the layers are those of experts."""

    def __init__(self, device: EdgeMoeDevice) -> None:
        self.params = device.params
        self.layout = Layout(self.params)
        self.steps: list[Step] = []
        self.routings: list[list[int]] = []
        self.experts = False

    def finish(self, operators: int) -> StepList:
        """Return the list, with the store of the result and the end."""
        p, last = self.params, operators - 1
        size = p.tokens * p.dim * 4
        store = {"opcode": STORE, "unit": UNITS.index("output"), "beats": self.beats(size)}
        ended = [*self.steps, (last, store), (last, {"opcode": END})]
        products = p.tile_out, 2 * p.tokens**2 * p.dim
        return StepList(tuple(ended), tuple(map(tuple, self.routings)), operators, products)

    def beats(self, size: int) -> int:
        """Return the beats of ``size`` bytes."""
        return -(-size // self.layout.port_bytes)

    def add(self, index: int, name: str, spec: OpSpec, following: OpSpec | None) -> bool:
        """Append the steps of an operator; return whether there are any like it."""
        p = self.params
        if isinstance(spec, Conv2d):
            return self._embed(index, spec)
        if isinstance(spec, LayerNorm):
            self._step(index, NORM, "norm", 4 * p.dim)
            return (spec.rows, spec.cols) == (p.tokens, p.dim)
        if isinstance(spec, Attention):
            self._step(index, ATTENTION, "attention", 0)
            return (spec.sq, spec.h * spec.d, spec.h, spec.b) == (p.tokens, p.dim, p.heads, 1)
        if isinstance(spec, Gemm):
            return self._gemm(index, name, spec, following)
        if isinstance(spec, MoeRouting):
            self.experts = True
        elif (
            isinstance(spec, Elementwise) and spec.function == "add" and spec.n == p.tokens * p.dim
        ):
            if self.experts:  # the sum behind them
                self._absent(index, p.experts)
            self.experts = False
        return True

    def _step(self, index: int, opcode: int, unit: str, size: int, **fields: int) -> None:
        head = {"opcode": opcode, "unit": UNITS.index(unit), "beats": self.beats(size)}
        self.steps.append((index, {**head, **fields}))

    def _embed(self, index: int, spec: Conv2d) -> bool:
        p = self.params
        self._step(index, LOAD, "embed", p.tokens * p.dim * 4)
        self._step(index, PIXELS, "embed", p.channels * p.image_height * p.image_width)
        self._layer(index, "embed", p.patches, p.patch_pixels, p.dim, wide_weight=1)
        built = (p.patches, p.patch_pixels, p.dim)
        return (spec.n * spec.p * spec.q, spec.cin * spec.r * spec.s, spec.cout) == built

    def _layer(self, index: int, unit: str, rows: int, k: int, outputs: int, **more: int) -> None:
        tile = self.params.tile_out
        tiles = -(-outputs // tile)
        size = self.layout.layer_words(k, tiles, bool(more.get("wide_weight"))) * tile * 2
        self._step(index, LINEAR, unit, size, rows=rows, k=k, n_tiles=tiles, **more)

    def _absent(self, index: int, until: int) -> None:
        """Append the steps of experts without tokens, up to number ``until``."""
        p, counts = self.params, self.routings[-1]
        while len(counts) < until:
            expert = len(counts)
            counts.append(0)
            self._layer(index, "expert", 0, p.dim, p.expert_hidden, gather=1, expert=expert)
            self._layer(index, "expert", 0, p.expert_hidden, p.dim, scatter=1, expert=expert)

    def _gemm(self, index: int, name: str, spec: Gemm, following: OpSpec | None) -> bool:
        p = self.params
        if self.experts:
            first = isinstance(following, Elementwise) and following.function == "gelu"
            counts = self.routings[-1]
            number = _EXPERT.search(name)
            if first:
                self._absent(index, int(number[1]) if number else len(counts))
                counts.append(spec.m)
            expert = len(counts) - 1
            more = {"gather" if first else "scatter": 1, "expert": expert}
            self._layer(index, "expert", spec.m, spec.k, spec.n, **more)
            return expert < p.experts
        if spec.m != p.tokens:
            return False
        if isinstance(following, MoeRouting):
            self.routings.append([])
            self._layer(index, "gate", spec.m, spec.k, spec.n, gate=1)
            return spec.n == p.experts
        parts = 3 if (spec.k, spec.n) == (p.dim, 3 * p.dim) else 1  # query, key and value
        for _ in range(parts):
            self._layer(index, "linear", spec.m, spec.k, spec.n // parts)
        return max(spec.k, spec.n // parts) <= max(p.mlp_hidden, p.expert_hidden, p.dim)
