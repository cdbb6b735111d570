"""Resources of an Edge-MoE accelerator on UltraScale+, part by part.

Where the RTL makes a device as its file describes it, LUT, FF and DSP are the laws fitted to the
synthesis counts of the RTL's parts (``parts``), block RAM follows from its memories. Other devices
have the same units by those laws; their separate multipliers and channels are estimates.
"""

from __future__ import annotations

from archsim.config.edgemoe import EdgeMoeDevice
from archsim.config.edgemoe_layout import ELEMENT_BITS, Layout
from archsim.config.edgemoe_params import engine_params
from archsim.mapping.edgemoe import ACTIVATION_BYTES, RECURRENCE
from archsim.mapping.edgemoe_steps import has_rtl
from archsim.models.edgemoe.parts import counted
from archsim.models.fpga.features import block_rams
from archsim.models.fpga.model import CAPACITY

DSP_A, DSP_B = 27, 18
"""Signed operands of a DSP48E2."""

LUT_PER_DSP, FF_PER_DSP = 40.0, 60.0
"""Operand selection and sums around a multiplier of gate or embedding alone. Estimated; 50 %."""

LUT_PER_CHANNEL, FF_PER_CHANNEL = 1500.0, 2000.0
"""A 256-bit AXI channel with its addresses. Estimated; uncertainty 50 %."""

DEEP_WORDS, DEEP_LUT_PER_BIT = 4096, 3.46
"""Memories so deep, in URAM in the counts, need LUTs to choose a block where there is no URAM:
7,969 for the 2,304 bits of ``edgemoe_fast``'s, counted one by one."""

UNITS = (
    "elements", "engine", "epilogue", "feed", "scores", "kept_scores", "mix", "norm", "gate",
    "queues", "control",
)  # fmt: skip
"""Parts of the RTL that devices without RTL have too."""

TABLE_BRAMS = 11.5
"""Blocks of the tables of exp, reciprocal, root and GELU, whatever the sizes: counted."""


def dsp_of(a_bits: int, b_bits: int) -> int:
    """Return the DSP48E2 of one signed product."""
    return min(-(-a_bits // DSP_A) * -(-b_bits // DSP_B), -(-a_bits // DSP_B) * -(-b_bits // DSP_A))


def dsp(device: EdgeMoeDevice, rtl: bool | None = None) -> dict[str, float]:
    """Return the DSP blocks of each part: as counted, or as the structure of the paper's has it.

    ``rtl`` is ``has_rtl(device)``, where that is known.
    """
    if has_rtl(device) if rtl is None else rtl:
        return {part: found["dsp"] for part, found in counted(device.params).items()}
    formats = device.params.formats
    wide = formats.activation.bits
    power = dsp_of(wide, 28) + dsp_of(18, 18)  # times log2(e), interpolation
    product = dsp_of(wide, formats.activation.fraction_bits + 2)
    attention, vector, linear = device.attention, device.vector, device.linear
    interval = max(device.encoder.dim // attention.lanes, RECURRENCE)
    exponentials = -(-attention.queries * device.encoder.heads // interval)
    lanes = vector.words * device.memory.word_bytes // ACTIVATION_BYTES
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
        "gate": gates * dsp_of(wide, weight) + power + product,
        "embed": embeds * dsp_of(16, 9),
    }


def memories(device: EdgeMoeDevice) -> tuple[tuple[str, int, int], ...]:
    """Return name, width and depth of each memory of the RTL that is not made of LUTs."""
    p, layout = device.params, Layout(device.params)
    engine = engine_params(p)
    score_bits = p.queries * (ACTIVATION_BYTES * 8 + 3) + max(1, (p.heads - 1).bit_length())
    depths = [-(-granules // layout.banks) + 1 for granules in layout.depths]
    banks = [("scratchpads", layout.granule * ELEMENT_BITS, depth) for depth in depths]
    return (
        ("payload", 8 * layout.port_bytes, layout.payload_beats),
        ("operands", engine.a_word_bits, engine.a_depth),
        ("operands", engine.b_word_bits, engine.b_depth),
        ("results", engine.out_word_bits, engine.out_depth),
        *banks * layout.banks,
        ("scores", score_bits, (p.tokens + p.queries) * p.heads + 32),
    )


def _rtl_brams(device: EdgeMoeDevice) -> dict[str, float]:
    found: dict[str, float] = {"tables": TABLE_BRAMS}
    for name, width, depth in memories(device):
        found[name] = found.get(name, 0.0) + block_rams(width, depth)
    return found


def brams(device: EdgeMoeDevice, rtl: bool | None = None) -> dict[str, float]:
    """Return the 36 Kbit blocks of each part; ``rtl`` as in ``dsp``."""
    if has_rtl(device) if rtl is None else rtl:
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
    rtl = has_rtl(device)
    parts, blocks = counted(device.params), dsp(device, rtl)
    found = {
        name: sum(counts[name] for part, counts in parts.items() if rtl or part in UNITS)
        for name in ("lut", "ff")
    }
    if rtl:
        bits = sum(width for _, width, depth in memories(device) if depth >= DEEP_WORDS)
        found["lut"] += round(bits * DEEP_LUT_PER_BIT)
    else:
        own, channels = blocks["gate"] + blocks["embed"], device.memory.channels
        found["lut"] += own * LUT_PER_DSP + channels * LUT_PER_CHANNEL
        found["ff"] += own * FF_PER_DSP + channels * FF_PER_CHANNEL
    found |= {"dsp": float(sum(blocks.values())), "bram": sum(brams(device, rtl).values())}
    return {**found, "fill": max(found[name] / limit for name, limit in CAPACITY.items())}
