"""The device file of an Edge-MoE accelerator (``machine: edgemoe``)."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field

from archsim.config.constant import Constant, Group, constant, rule_error
from archsim.config.device import Device
from archsim.config.edgemoe_params import EdgeMoeFormats, EdgeMoeParams, Techniques
from archsim.formats import FixedFormat

_SENTENCE = re.compile(r"(?P<name>.+?) must (?P<rule>.+), not (?P<value>.+)")


def _count(high: int, low: int = 1) -> Any:
    return Field(ge=low, le=high)


class EncoderSize(Group):
    """The largest encoder that the accelerator runs; its RTL is made for exactly this one."""

    channels: Annotated[int, _count(16)] = 3
    image_height: Annotated[int, _count(4096)] = 128
    image_width: Annotated[int, _count(4096)] = 256
    patch: Annotated[int, _count(64)] = 16
    dim: Annotated[int, _count(1024, 4)] = 192
    heads: Annotated[int, _count(64)] = 3
    depth: Annotated[int, _count(64)] = 12
    mlp_hidden: Annotated[int, _count(4096)] = 768
    experts: Annotated[int, _count(64)] = 16
    top_k: Annotated[int, _count(16)] = 2
    expert_hidden: Annotated[int, _count(4096)] = 384
    tasks: Annotated[int, _count(16)] = 2


class LinearUnit(Group):
    """The unified linear unit: ``tile_in`` x ``tile_out`` products a cycle."""

    tile_in: Annotated[int, _count(128)] = 16
    tile_out: Annotated[int, _count(128)] = 16
    weight_bytes: Annotated[int, _count(1 << 28)] = 589824
    """On-chip weights of all buffers together."""
    weight_buffers: Annotated[int, _count(64, 2)] = 2
    """Layers whose weights are on chip at once: one in use, the others filled meanwhile."""
    embeds: bool = False
    """Whether it computes the patch embedding too; else that has multipliers of its own."""
    gates: bool = False
    """Whether it computes the gate's logits too; else the gate has multipliers of its own."""


class AttentionUnit(Group):
    """``queries`` query slots, each ``lanes`` products of 32 x 32 bits a cycle."""

    queries: Annotated[int, _count(64)] = 4
    lanes: Annotated[int, _count(256)] = 8
    shared: bool = False
    """Whether scores and weighted sums share one array of multipliers."""


class VectorUnits(Group):
    """Gate and patch embedding, layer norm and residual sums."""

    gate_lanes: Annotated[int, _count(256)] = 8
    """Inputs a cycle, for all experts at once."""
    patch_pixels: Annotated[int, _count(1024)] = 32
    patch_lanes: Annotated[int, _count(256)] = 8
    """Pixels and outputs a cycle of the patch embedding."""
    words: Annotated[int, _count(64)] = 1
    """Memory words a cycle of layer norm and residual sums."""


class WordFormat(Group):
    """Weights of linear layers and gates, as ``ap_fixed<bits, integer_bits>``."""

    weight_bits: Annotated[int, _count(16, 2)] = 16
    weight_integer_bits: Annotated[int, _count(16, -8)] = 2


class EdgeMoeMemory(Group):
    """Channels to external memory: some for weights, the others for activations."""

    channels: Annotated[int, _count(16, 2)] = 5
    weight_channels: Annotated[int, _count(15)] = 1
    word_bytes: Annotated[int, _count(256)] = 32
    """Bytes that the units take at once."""
    port_bytes: Annotated[int, _count(256)] = 16
    """Bytes a cycle through a channel."""
    burst_words: Annotated[int, _count(256)] = 16
    burst_overhead_clk: Constant = constant("clk", minimum=0, maximum=1000)
    """Cycles of a channel that a burst costs beside its words."""
    latency_clk: Constant = constant("clk", minimum=0, maximum=10000)
    """From a request to its first word; met once by every phase."""
    bandwidth_bytes_per_s: Constant = constant("B/s", above=0, doc="sustained, all channels")
    resident: bool = False
    """Whether activations and scores stay on chip, so that only weights use the memory."""


class TechniqueSwitches(Group):
    """Edge-MoE's techniques; docs/edge_moe.md says what stands in each one's place."""

    expert_by_expert: bool = True
    single_pass_softmax: bool = True
    gelu_table: bool = True
    unified_linear: bool = True
    reordered_attention: bool = True


class WithoutTechniques(Group):
    """What stands in the place of techniques that are off."""

    function_clk: Constant = constant("clk", minimum=1, maximum=1000)
    """An exponential or GELU by library functions, one at a time."""
    separate_macs_per_clk: Constant = constant("1", minimum=1, maximum=65536)
    """Products a cycle of each of the linear modules that share the multipliers."""


class EdgeMoeClock(Group):
    """The one clock domain."""

    frequency_hz: Constant = constant("Hz", above=0)


class EdgeMoePower(Group):
    """Energy per event and static power."""

    mac16_pj: Constant = constant("pJ", minimum=0, maximum=1e6, doc="32 x 16-bit product and sum")
    mac32_pj: Constant = constant("pJ", minimum=0, maximum=1e6, doc="32 x 32-bit product and sum")
    sram_pj_per_byte: Constant = constant("pJ/B", minimum=0, maximum=1e6)
    memory_pj_per_byte: Constant = constant("pJ/B", minimum=0, maximum=1e6)
    static_w: Constant = constant("W", minimum=0, doc="whole board, while it computes")


class EdgeMoeDevice(Device):
    """An Edge-MoE accelerator: units, formats, channels, techniques and clock."""

    machine: Literal["edgemoe"]
    encoder: EncoderSize
    linear: LinearUnit
    attention: AttentionUnit
    vector: VectorUnits
    formats: WordFormat
    memory: EdgeMoeMemory
    techniques: TechniqueSwitches
    without: WithoutTechniques
    clock: EdgeMoeClock
    power: EdgeMoePower

    def cross_checks(self) -> None:
        """Raise where the sizes contradict each other."""
        if self.memory.word_bytes % 4:
            rule = "a multiple of 4 (one activation)"
            raise rule_error(rule, self.memory.word_bytes, "memory.word_bytes")
        widest = max(self.encoder.dim, self.encoder.mlp_hidden, self.encoder.expert_hidden)
        if self.memory.weight_channels >= self.memory.channels:
            rule = f"below channels ({self.memory.channels})"
            raise rule_error(rule, self.memory.weight_channels, "memory.weight_channels")
        buffers = self.linear.weight_buffers
        least = buffers * widest * self.linear.tile_out * self.formats.weight_bits // 8
        if self.linear.weight_bytes < least:
            rule = f"at least {least} ({buffers} buffers of {widest} inputs by a tile of outputs)"
            raise rule_error(rule, self.linear.weight_bytes, "linear.weight_bytes")
        try:
            self._params()
        except ValueError as error:
            raise self._located(str(error)) from None

    def _located(self, sentence: str) -> Exception:
        found = _SENTENCE.fullmatch(sentence)
        if found is None:
            return rule_error(sentence, "this", "encoder")
        name, group = found["name"], "encoder"
        if name in ("tile_in", "tile_out"):
            group = "linear"
        elif name in ("queries", "lanes"):
            group = "attention"
        elif name == "gate_lanes":
            group = "vector"
        elif name == "weight":
            group, name = "formats", "weight_bits"
        rule, value = found["rule"].removeprefix("be "), found["value"].strip("'")
        shown = int(value) if value.isdecimal() else value
        if name in EncoderSize.model_fields or group != "encoder":
            return rule_error(rule, shown, f"{group}.{name}")
        return rule_error(f"such that {name} is {rule}", shown, group)

    @cached_property
    def params(self) -> EdgeMoeParams:
        """What arithmetic and RTL depend on; memory, clock and power do not change it."""
        return self._params()

    def _params(self) -> EdgeMoeParams:
        weight = self.formats
        form = FixedFormat(weight.weight_bits, weight.weight_bits - weight.weight_integer_bits)
        return EdgeMoeParams(
            **self.encoder.model_dump(),
            tile_in=self.linear.tile_in,
            tile_out=self.linear.tile_out,
            queries=self.attention.queries,
            lanes=self.attention.lanes,
            gate_lanes=self.vector.gate_lanes,
            weight_bytes=self.linear.weight_bytes,
            formats=EdgeMoeFormats(weight=form),
            techniques=Techniques(**self.techniques.model_dump()),
        )
