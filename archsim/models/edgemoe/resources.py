"""Resources of an Edge-MoE accelerator on UltraScale+, part by part.

DSP and block RAM follow from the structure, block RAM from the RTL's memories where it exists.
LUT and FF of the linear unit are those of the matrix engine of its size (fitted to synthesis
counts), the others grow with their multipliers and channels: estimates, until synthesis counts of
the units exist.
"""

from __future__ import annotations

from archsim.config.edgemoe import EdgeMoeDevice
from archsim.config.edgemoe_layout import ELEMENT_BITS, Layout
from archsim.config.edgemoe_params import engine_params
from archsim.config.matrix import MatrixParams
from archsim.mapping.edgemoe import ACTIVATION_BYTES, RECURRENCE
from archsim.mapping.edgemoe_steps import has_rtl
from archsim.models.fpga.features import block_rams
from archsim.models.fpga.model import CAPACITY
from archsim.models.fpga.model import resources as engine_resources

DSP_A, DSP_B = 27, 18
"""Signed operands of a DSP48E2."""

LUT_PER_DSP, FF_PER_DSP = 40.0, 60.0
"""Operand selection and sums around a multiplier. Estimated; uncertainty 50 %."""

LUT_PER_CHANNEL, FF_PER_CHANNEL = 1500.0, 2000.0
"""A 256-bit AXI channel with its addresses. Estimated; uncertainty 50 %."""


def dsp_of(a_bits: int, b_bits: int) -> int:
    """Return the DSP48E2 of one signed product."""
    return min(-(-a_bits // DSP_A) * -(-b_bits // DSP_B), -(-a_bits // DSP_B) * -(-b_bits // DSP_A))


def dsp(device: EdgeMoeDevice) -> dict[str, int]:
    """Return the DSP blocks of each part."""
    formats = device.params.formats
    wide = formats.activation.bits
    power = dsp_of(wide, 28) + dsp_of(18, 18)  # times log2(e), interpolation
    product = dsp_of(wide, formats.activation.fraction_bits + 2)
    attention, vector, linear = device.attention, device.vector, device.linear
    interval = max(device.encoder.dim // attention.lanes, RECURRENCE)
    exponentials = -(-attention.queries * device.encoder.heads // interval)
    lanes = vector.words * device.memory.word_bytes // ACTIVATION_BYTES
    chooses, controls = power + product, 0
    if has_rtl(device):  # a sum and a weight of its own, with a reciprocal; the fetcher's address
        lanes = Layout(device.params).norm_lanes
        chooses, controls = 2 * (power + product) + 4, dsp_of(32, 8)
    weight = formats.weight.bits
    arrays = 1 if attention.shared else 2
    norm = lanes * (dsp_of(wide, wide) * 2 + dsp_of(wide, formats.norm.bits))
    gates = 0 if linear.gates else device.encoder.experts * vector.gate_lanes
    embeds = 0 if linear.embeds else vector.patch_lanes * vector.patch_pixels
    return {
        "linear": linear.tile_in * linear.tile_out * dsp_of(wide, weight),
        "scores": linear.tile_out * dsp_of(wide, formats.activation.fraction_bits + 1),
        "attention": arrays * attention.queries * attention.lanes * dsp_of(wide, wide),
        "softmax": 2 * exponentials * (power + product) + 4,
        "gelu": linear.tile_out * dsp_of(18, 18),
        "norm": norm + 2 * dsp_of(50, 24) + 4,
        "gate": gates * dsp_of(wide, weight) + chooses,
        "embed": embeds * dsp_of(16, 9),
        "control": controls,
    }


def _rtl_brams(device: EdgeMoeDevice) -> dict[str, float]:
    """Return the 36 Kbit blocks of each memory of the RTL that is not made of LUTs."""
    p, layout = device.params, Layout(device.params)
    engine = engine_params(p)
    depths = [-(-granules // layout.banks) + 1 for granules in layout.depths]
    score_bits = p.queries * (ACTIVATION_BYTES * 8 + 3) + max(1, (p.heads - 1).bit_length())
    return {
        "payload": block_rams(8 * layout.port_bytes, layout.payload_beats),
        "operands": block_rams(engine.a_word_bits, engine.a_depth)
        + block_rams(engine.b_word_bits, engine.b_depth),
        "results": block_rams(engine.out_word_bits, engine.out_depth),
        "scratchpads": layout.banks
        * sum(block_rams(layout.granule * ELEMENT_BITS, depth) for depth in depths),
        "scores": block_rams(score_bits, (p.tokens + p.queries) * p.heads + 32),
    }


def brams(device: EdgeMoeDevice) -> dict[str, float]:
    """Return the 36 Kbit blocks of each part."""
    if has_rtl(device):
        return _rtl_brams(device)
    e, linear = device.encoder, device.linear
    tile_bits = linear.tile_in * linear.tile_out * device.params.formats.weight.bits
    deep = linear.weight_bytes * 8 // tile_bits
    tokens = device.params.tokens
    word = 8 * device.memory.word_bytes
    found = {
        "weights": block_rams(tile_bits, deep),
        "queues": block_rams(42, e.experts * tokens),
        "attention": float(device.attention.queries + 1)
        * block_rams(device.attention.lanes * 32, 2 * e.dim // device.attention.lanes),
        "channels": device.memory.channels * block_rams(word, 512),
    }
    if not linear.embeds:
        lanes = device.vector.patch_pixels * device.vector.patch_lanes
        found["patch weights"] = block_rams(16 * lanes, device.params.patch_pixels * e.dim // lanes)
    if device.memory.resident:
        row = tokens * ACTIVATION_BYTES * 8
        hidden = max(e.mlp_hidden, 3 * e.dim)
        found["activations"] = block_rams(word, -(-row * (3 * e.dim + hidden) // word))
        found["scores"] = block_rams(word, -(-row * tokens * e.heads // word))
    return found


def resources(device: EdgeMoeDevice) -> dict[str, float]:
    """Return ``lut``, ``ff``, ``dsp``, ``bram`` and ``fill``, the fullest share of an XCZU9EG."""
    parts, channels = dsp(device), device.memory.channels
    linear = device.linear
    engine = engine_resources(
        MatrixParams(
            rows=linear.tile_out, columns=linear.tile_in, format="w16a32", requantise=False
        )
    )
    others = sum(parts.values()) - parts["linear"]
    found = {
        "lut": engine["lut"] + others * LUT_PER_DSP + channels * LUT_PER_CHANNEL,
        "ff": engine["ff"] + others * FF_PER_DSP + channels * FF_PER_CHANNEL,
        "dsp": float(sum(parts.values())),
        "bram": sum(brams(device).values()),
    }
    return {**found, "fill": max(found[name] / limit for name, limit in CAPACITY.items())}
