"""What the host writes into the Edge-MoE accelerator's memory: descriptors, weights, images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim.config.edgemoe_layout import (
    ATTENTION,
    DESCRIPTOR_BYTES,
    END,
    LINEAR,
    LOAD,
    NORM,
    PIXELS,
    READ_AHEAD,
    STORE,
    TASK,
    UNITS,
    Layout,
    descriptor,
)
from archsim.config.edgemoe_params import EdgeMoeParams
from archsim.functional.arrays import Ints
from archsim.functional.edgemoe.weights import Arrays, Weights
from archsim.numeric.rounding import wrap

ALIGNMENT = 64
"""Bytes: of payloads, results and lists."""


@dataclass(frozen=True)
class Step:
    """A descriptor by its fields, and ``name`` for people."""

    name: str
    fields: dict[str, int]


@dataclass(frozen=True)
class Program:
    """A memory image from address 0 on, its list of descriptors, and where results will lie.

    ``results``: the byte address of each image's tokens, ``[tokens, dim]`` of 32 bits.
    """

    params: EdgeMoeParams
    image: bytes
    list_address: int
    steps: tuple[Step, ...]
    results: tuple[int, ...]

    def tokens(self, memory: bytes, number: int) -> Ints:
        """Return the result of image ``number`` in ``memory`` as int64."""
        p = self.params
        found = np.frombuffer(
            memory, dtype="<i4", count=p.tokens * p.dim, offset=self.results[number]
        )
        return found.astype(np.int64).reshape(p.tokens, p.dim)


class Memory:
    """A memory image that grows."""

    def __init__(self) -> None:
        self.data = bytearray()

    def put(self, content: bytes) -> int:
        """Append ``content`` at an aligned address; return it."""
        self.data.extend(bytes(-len(self.data) % ALIGNMENT))
        address = len(self.data)
        self.data.extend(content)
        return address


def layer_payload(
    params: EdgeMoeParams, weight: Ints, bias: Ints | None = None, wide: bool = False
) -> bytes:
    """Return the words of a layer ``weight`` [out, in] and ``bias`` [out] as the engine takes them.

    Column tile by column tile: its biases, then for each input its ``tile_out`` weights, those of
    ``Layout.packed`` inputs in a word, the last one filled up; ``wide``: of one input.
    """
    tile, packed = params.tile_out, 1 if wide else Layout(params).packed
    outputs, inputs = weight.shape
    tiles, words = -(-outputs // tile), -(-inputs // packed)
    biases = np.zeros(tiles * tile, dtype=np.int64)
    biases[:outputs] = 0 if bias is None else bias
    full = np.zeros((tiles * tile, words * packed), dtype=np.int64)
    full[:outputs, :inputs] = weight
    by_input = full.reshape(tiles, tile, words * packed).swapaxes(1, 2).reshape(tiles, -1)
    parts = (_fields(biases.reshape(tiles, tile), 16), _fields(by_input, 16 // packed))
    return np.concatenate(parts, axis=1).tobytes()


def _fields(values: Ints, bits: int) -> NDArray[np.uint8]:
    """Return the rows of ``values`` as fields of 4, 8 or 16 bits, the first lowest."""
    if bits == 4:
        low, high = values[:, ::2] & 15, values[:, 1::2] & 15
        return (low | high << 4).astype(np.uint8)
    return np.ascontiguousarray(values).astype(f"<i{bits // 8}").view(np.uint8)


def build(
    params: EdgeMoeParams, weights: Weights, images: Sequence[tuple[NDArray[Any], int]]
) -> Program:
    """Return the program that encodes ``images`` (pixels ``[channels, height, width]``, task)."""
    maker = _Maker(params, weights)
    results = []
    for pixels, task in images:
        results.append(maker.encode(pixels, task))
    maker.add("end", opcode=END)
    return maker.program(tuple(results))


def block_program(
    params: EdgeMoeParams, weights: Weights, index: int, x: Ints, task: int
) -> Program:
    """Return the program that runs block ``index`` on tokens ``x``."""
    maker = _Maker(params, weights)
    maker.load(x)
    maker.add("task", opcode=TASK, expert=task)
    maker.block(index)
    results = (maker.store(),)
    maker.add("end", opcode=END)
    return maker.program(results)


class _Maker:
    """Writes descriptors and payloads; a block's weights are stored once for all images."""

    def __init__(self, params: EdgeMoeParams, weights: Weights) -> None:
        self.params = params
        self.weights = weights
        self.layout = Layout(params)
        self.memory = Memory()
        self.steps: list[Step] = []
        self._kept: dict[str, tuple[int, int]] = {}

    def add(self, name: str, **fields: int) -> None:
        """Append a descriptor."""
        self.steps.append(Step(name, fields))

    def program(self, results: tuple[int, ...]) -> Program:
        """Return what was written."""
        text = b"".join(descriptor(**step.fields) for step in self.steps)
        address = self.memory.put(text + bytes(READ_AHEAD * DESCRIPTOR_BYTES))
        self.memory.put(b"")
        return Program(self.params, bytes(self.memory.data), address, tuple(self.steps), results)

    def payload(self, name: str, content: bytes) -> dict[str, int]:
        """Store ``content`` once under ``name``; return a descriptor's ``address``, ``beats``."""
        if name not in self._kept:
            whole = content + bytes(-len(content) % self.layout.port_bytes)
            self._kept[name] = self.memory.put(whole), len(whole) // self.layout.port_bytes
        address, beats = self._kept[name]
        return {"address": address, "beats": beats}

    def encode(self, pixels: NDArray[Any], task: int) -> int:
        """Append the steps of an image; return the address of its result."""
        self.add("task", opcode=TASK, expert=task)
        self.embed(pixels)
        for index in range(self.params.depth):
            self.block(index)
        return self.store()

    def load(self, x: Ints, name: str = "tokens") -> None:
        """Append the load of tokens ``[tokens, dim]``."""
        found = self.payload(name, x.astype("<i4").tobytes())
        target = self.layout.regions["x"][1]
        self.add(f"load {name}", opcode=LOAD, unit=_unit("embed"), target=target, **found)

    def embed(self, pixels: NDArray[Any]) -> None:
        """Append patch embedding: what every image starts from, its pixels, its patches' layer."""
        p, layout = self.params, self.layout
        start = self.weights["position"].copy()
        start[0] = wrap(start[0] + self.weights["class_token"], 32)
        self.load(start, "positions")
        h = layout.regions["h"][1]
        raw = np.ascontiguousarray(pixels, dtype=np.uint8).tobytes()
        found = self.payload(f"pixels {len(self.steps)}", raw)
        self.add("pixels", opcode=PIXELS, unit=_unit("embed"), target=h, **found)
        self.layer(
            "embed", self.weights["patch.weight"], self.weights["patch.bias"], unit="embed",
            source="h", target="x", rows=p.patches, first=1, add=1, wide_weight=1,
        )  # fmt: skip

    def block(self, index: int) -> None:
        """Append the steps of a block."""
        w, name = self.weights.block(index), f"block {index} "
        self.norm(name + "norm1", w["norm1.scale"], w["norm1.offset"])
        for part in ("query", "key", "value"):
            self.layer(
                name + part, w[f"{part}.weight"], w[f"{part}.bias"],
                source="y", target=part[0], wide_bias=1,
            )  # fmt: skip
        target = self.layout.regions["y"][1]
        self.add(name + "attention", opcode=ATTENTION, unit=_unit("attention"), target=target)
        self.layer(
            name + "projection", w["projection.weight"], w["projection.bias"],
            source="y", target="x", wide_bias=1, add=1,
        )  # fmt: skip
        self.norm(name + "norm2", w["norm2.scale"], w["norm2.offset"])
        if self.params.is_moe(index):
            self.experts(name, w)
        else:
            self.layer(name + "fc1", w["fc1.weight"], w["fc1.bias"], source="y", target="h", gelu=1)
            self.layer(name + "fc2", w["fc2.weight"], w["fc2.bias"], source="h", target="x", add=1)

    def experts(self, name: str, w: Arrays) -> None:
        """Append the gate and both layers of every expert."""
        p = self.params
        gates = [layer_payload(p, w["gate.weight"][task]) for task in range(p.tasks)]
        each = len(gates[0]) + -len(gates[0]) % ALIGNMENT
        found = self.payload(name + "gate", b"".join(g.ljust(each, b"\0") for g in gates))
        found["beats"] = -(-len(gates[0]) // self.layout.port_bytes)
        self._linear(
            name + "gate", "gate", p.dim, p.experts, source="y", target="x", gate=1,
            task_stride=each, **found,
        )  # fmt: skip
        if not p.techniques.expert_by_expert:
            self._by_token(name, w)
            return
        for e in range(p.experts):
            label = f"{name}expert {e} "
            self.layer(
                label + "fc1", w["fc1.weight"][e], w["fc1.bias"][e], unit="expert",
                source="y", target="h", expert=e, gelu=1, gather=1,
            )  # fmt: skip
            self.layer(
                label + "fc2", w["fc2.weight"][e], w["fc2.bias"][e], unit="expert",
                source="h", target="x", expert=e, add=1, scatter=1,
            )  # fmt: skip

    def _by_token(self, name: str, w: Arrays) -> None:
        """Append both layers of each of a token's experts; the controller finds their payloads."""
        p = self.params
        layers = []
        for part in ("fc1", "fc2"):
            each = zip(w[f"{part}.weight"], w[f"{part}.bias"], strict=True)
            payloads = [layer_payload(p, weight, bias) for weight, bias in each]
            stride = len(payloads[0]) + -len(payloads[0]) % ALIGNMENT
            found = self.payload(
                f"{name}experts {part}", b"".join(x.ljust(stride, b"\0") for x in payloads)
            )
            found["beats"] = -(-len(payloads[0]) // self.layout.port_bytes)
            outputs, k = w[f"{part}.weight"].shape[1:]
            layers.append((k, outputs, {**found, "task_stride": stride}))
        ends = (
            {"source": "y", "target": "h", "gelu": 1, "gather": 1},
            {"source": "h", "target": "x", "add": 1, "scatter": 1},
        )
        for number in range(p.tokens * p.top_k):
            token, place = divmod(number, p.top_k)
            for (k, outputs, found), end in zip(layers, ends, strict=True):
                label = f"{name}token {token} place {place} "
                self._linear(label, "expert", k, outputs, expert=place, **found, **end)

    def norm(self, name: str, scale: Ints, offset: Ints) -> None:
        """Append a layer norm from the residual stream."""
        both = np.stack([scale, offset], axis=1).astype("<i2").tobytes()
        regions = self.layout.regions
        self.add(
            name, opcode=NORM, unit=_unit("norm"), source=regions["x"][1],
            target=regions["y"][1], **self.payload(name, both),
        )  # fmt: skip

    def layer(
        self, name: str, weight: Ints, bias: Ints, *, unit: str = "linear", **fields: Any
    ) -> None:
        """Append a linear layer."""
        wide = bool(fields.get("wide_weight"))
        payload = self.payload(name, layer_payload(self.params, weight, bias, wide))
        outputs, k = weight.shape
        self._linear(name, unit, k, outputs, **payload, **fields)

    def _linear(self, name: str, unit: str, k: int, outputs: int, **fields: Any) -> None:
        """Append a layer; ``fields`` has ``source`` and ``target`` as regions, and maybe ``rows``
        and the row that is the ``first`` of the results.
        """
        source, target = fields.pop("source"), fields.pop("target")
        rows, first = fields.pop("rows", self.params.tokens), fields.pop("first", 0)
        layout, p = self.layout, self.params
        memory, start = layout.regions[target]
        stride = outputs // layout.granule
        self.add(
            name, opcode=LINEAR, unit=_unit(unit), rows=rows, k=k,
            n_tiles=-(-outputs // p.tile_out), source=layout.regions[source][1],
            source_stride=k // layout.granule, target=start + first * stride,
            target_stride=stride, memory=memory, **fields,
        )  # fmt: skip

    def store(self) -> int:
        """Append the store of the residual stream; return its address."""
        size = self.params.tokens * self.params.dim * 4
        address = self.memory.put(bytes(size))
        beats = size // self.layout.port_bytes
        source = self.layout.regions["x"][1]
        self.add("store", opcode=STORE, unit=_unit("output"), source=source, address=address,
                 beats=beats)  # fmt: skip
        return address


def _unit(name: str) -> int:
    return UNITS.index(name)
