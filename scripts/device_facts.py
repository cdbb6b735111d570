"""Datasheet facts of the GPUs whose files ``derive_devices.py`` writes.

``sheet`` marks what a datasheet or whitepaper states, ``paper`` a published measurement, ``guess``
an estimate with its relative uncertainty. Nothing here was measured by this project.
"""

from __future__ import annotations

from typing import Any

Fact = tuple[float, str, str, float]


def sheet(value: float, source: str = "") -> Fact:
    """From a datasheet or whitepaper (the device's own unless named)."""
    return (value, "datasheet", source, 0.0)


def paper(value: float, source: str, uncertainty: float = 0.03) -> Fact:
    """A published measurement."""
    return (value, "published", source, uncertainty)


def guess(value: float, uncertainty: float, source: str) -> Fact:
    """An estimate."""
    return (value, "estimated", source, uncertainty)


LUO = "Luo et al., Dissecting the NVIDIA Hopper architecture (arXiv 2501.12084)"
LUO_LOG = "Luo et al., first-party logs of NVIDIA-Hopper-Benchmark (random P-chase)"
NEAR = "taken from the nearest measured architecture"
GUIDE = "CUDA C++ Programming Guide, compute capabilities"

# SM of an architecture: occupancy limits, then rates per clock.
SM_FIELDS = (
    "threads_entries", "ctas_entries", "registers_entries", "shared_bytes", "l1_bytes",
    "fp32_flop_per_clk", "fp64_flop_per_clk", "fp16_flop_per_clk", "int32_op_per_clk",
    "sfu_op_per_clk",
)  # fmt: skip
SM = {
    "hopper": (2048, 32, 65536, 233472, 196608, 256, 128, 512, 64, 16),
    "ampere": (2048, 32, 65536, 167936, 163840, 128, 64, 512, 64, 16),
    "ampere_consumer": (1536, 16, 65536, 102400, 98304, 256, 4, 256, 64, 16),
    "ampere_orin": (1536, 16, 65536, 167936, 163840, 256, 4, 512, 64, 16),
    "ada": (1536, 24, 65536, 102400, 98304, 256, 4, 256, 64, 16),
    "volta": (2048, 32, 65536, 98304, 98304, 128, 64, 256, 64, 16),
    "turing": (1024, 16, 65536, 65536, 65536, 128, 4, 256, 64, 16),
}

# Dense tensor peaks of one SM per clock (a multiply-add is two): fp16 and bf16 accumulate to
# fp32, as the libraries do; consumer cards run that at half rate. 0: not supported.
TENSOR_FIELDS = ("fp16", "bf16", "tf32", "fp8", "int8", "int4", "fp64")
TENSOR = {
    "hopper": (4096, 4096, 2048, 8192, 8192, 0, 256),
    "ampere": (2048, 2048, 1024, 0, 4096, 8192, 128),
    "geforce_ampere": (512, 512, 256, 0, 2048, 4096, 0),
    "pro_ampere": (1024, 1024, 512, 0, 2048, 4096, 0),
    "ampere_orin": (2048, 2048, 1024, 0, 4096, 8192, 0),
    "geforce_ada": (512, 512, 256, 1024, 2048, 4096, 0),
    "pro_ada": (1024, 1024, 512, 2048, 2048, 4096, 0),
    "volta": (1024, 0, 0, 0, 0, 0, 0),
    "turing": (1024, 0, 0, 0, 2048, 4096, 0),
}

# name: title, architecture, capability, sm key, tensor key, datasheet, then facts by path.
DEVICES: dict[str, dict[str, Any]] = {
    "h100_sxm": {
        "title": "NVIDIA H100 SXM5 80 GB", "architecture": "hopper", "capability": "9.0",
        "sm": "hopper", "tensor": "hopper",
        "datasheet": "NVIDIA H100 Tensor Core GPU datasheet and architecture whitepaper",
        "sm_count": sheet(132), "boost": sheet(1.98e9), "base": guess(1.59e9, 0.1, "board listing"),
        "l2": sheet(50 * 2**20), "memory": sheet(80e9), "bandwidth": sheet(3.35e12),
        "limit": sheet(700),
        "energy": 1.0, "hbm_energy": 1.0, "idle": 90,
        "l1_rate": paper(125.7, "independent H100 run of Luo et al.'s suite"),
        "l2_rate": guess(5700, 0.15, "H200's, the same die"),
        "l2_loads": paper(4207, "independent H100 run of Luo et al.'s suite", 0.1),
        "hit": paper(258, LUO + ", H800"), "far": paper(414.1, LUO + ", H800"),
        "latency": guess(740, 0.1, LUO + ", H800's 656 clk at 1755 MHz"),
        "partitions": paper(2, LUO, 0.0),
        "mma": paper(0.629, LUO + ", H800: mma.sync averages 62.9 %", 0.1),
    },
    "h800_pcie": {
        "title": "NVIDIA H800 PCIe 80 GB", "architecture": "hopper", "capability": "9.0",
        "sm": "hopper", "tensor": "hopper", "datasheet": LUO + ", device table",
        "sm_count": paper(114, LUO, 0.0), "boost": paper(1.755e9, LUO, 0.0),
        "base": guess(1.095e9, 0.15, "H100 PCIe board listing"),
        "l2": paper(50 * 2**20, LUO, 0.0), "memory": paper(80e9, LUO, 0.0),
        "bandwidth": paper(2.039e12, LUO, 0.0), "limit": paper(350, LUO, 0.0),
        "energy": 1.0, "hbm_energy": 1.1, "idle": 60,
        "l1_rate": paper(125.8, LUO), "l2_rate": guess(5000, 0.2, "H200's, scaled by SMs"),
        "l2_loads": paper(4472.3, LUO, 0.1), "hit": paper(258, LUO), "far": paper(414.1, LUO),
        "latency": paper(656, LUO), "partitions": paper(2, LUO, 0.0),
        "mma": paper(0.629, LUO + ": mma.sync averages 62.9 % of peak", 0.1),
        "read": paper(0.913, LUO + ": 1861.5 of 2039 GB/s", 0.02),
    },
    "a100_pcie": {
        "title": "NVIDIA A100 PCIe 40 GB", "architecture": "ampere", "capability": "8.0",
        "sm": "ampere", "tensor": "ampere",
        "datasheet": "NVIDIA A100 Tensor Core GPU datasheet and architecture whitepaper",
        "sm_count": sheet(108), "boost": sheet(1.41e9), "base": sheet(0.765e9),
        "l2": sheet(40 * 2**20),
        "memory": sheet(40e9), "bandwidth": sheet(1.555e12), "limit": sheet(250),
        "energy": 1.5, "hbm_energy": 1.1, "idle": 45,
        "l1_rate": paper(106.8, LUO), "l2_rate": sheet(5120), "l2_loads": paper(2007.9, LUO, 0.05),
        "hit": paper(208, LUO), "far": paper(356.6, LUO), "latency": paper(566, LUO_LOG),
        "partitions": paper(2, LUO, 0.0), "mma": paper(0.97, LUO + ": above 95 % of peak", 0.03),
        "read": paper(0.905, LUO + ": 1407.2 of 1555 GB/s", 0.02),
    },
    "a100_sxm": {
        "title": "NVIDIA A100 SXM4 80 GB", "architecture": "ampere", "capability": "8.0",
        "sm": "ampere", "tensor": "ampere",
        "datasheet": "NVIDIA A100 Tensor Core GPU datasheet and architecture whitepaper",
        "sm_count": sheet(108), "boost": sheet(1.41e9), "base": sheet(1.275e9),
        "l2": sheet(40 * 2**20),
        "memory": sheet(80e9), "bandwidth": sheet(2.039e12), "limit": sheet(400),
        "energy": 1.5, "hbm_energy": 1.1, "idle": 60,
        "l1_rate": paper(106.8, LUO + ", A100 PCIe"), "l2_rate": sheet(5120),
        "l2_loads": paper(2007.9, LUO + ", A100 PCIe", 0.1), "hit": paper(208, LUO),
        "far": paper(356.6, LUO),
        "latency": paper(566, LUO_LOG + ", A100 PCIe", 0.05), "partitions": paper(2, LUO, 0.0),
        "mma": paper(0.97, LUO + ": above 95 % of peak", 0.03),
    },
    "rtx_4090": {
        "title": "NVIDIA GeForce RTX 4090 24 GB", "architecture": "ada", "capability": "8.9",
        "sm": "ada", "tensor": "geforce_ada",
        "datasheet": "NVIDIA Ada GPU architecture whitepaper",
        "sm_count": sheet(128), "boost": sheet(2.52e9), "base": sheet(2.235e9),
        "l2": sheet(72 * 2**20),
        "memory": sheet(24e9), "bandwidth": sheet(1.008e12), "limit": sheet(450),
        "energy": 1.1, "hbm_energy": 2.0, "idle": 40,
        "l1_rate": paper(121.2, LUO), "l2_rate": guess(2400, 0.3, "above the measured 1708 B/clk"),
        "l2_loads": paper(1708, LUO, 0.05), "hit": paper(284.8, LUO_LOG),
        "far": paper(284.8, LUO_LOG),
        "latency": paper(571, LUO_LOG), "partitions": paper(1, LUO_LOG + ": one plateau", 0.0),
        "mma": paper(0.98, LUO + ": above the official peak at its clock", 0.03),
        "read": paper(0.922, LUO + ": 929.8 of 1008 GB/s", 0.02),
    },
    "rtx_3090": {
        "title": "NVIDIA GeForce RTX 3090 24 GB", "architecture": "ampere", "capability": "8.6",
        "sm": "ampere_consumer", "tensor": "geforce_ampere",
        "datasheet": "NVIDIA Ampere GA102 GPU architecture whitepaper",
        "sm_count": sheet(82), "boost": sheet(1.695e9), "base": sheet(1.395e9),
        "l2": sheet(6 * 2**20),
        "memory": sheet(24e9), "bandwidth": sheet(936.2e9), "limit": sheet(350),
        "energy": 1.9, "hbm_energy": 2.0, "idle": 40,
    },
    "rtx_a6000": {
        "title": "NVIDIA RTX A6000 48 GB", "architecture": "ampere", "capability": "8.6",
        "sm": "ampere_consumer", "tensor": "pro_ampere",
        "datasheet": "NVIDIA RTX A6000 datasheet and GA102 whitepaper",
        "sm_count": sheet(84), "boost": sheet(1.8e9), "base": sheet(1.41e9), "l2": sheet(6 * 2**20),
        "memory": sheet(48e9), "bandwidth": sheet(768e9), "limit": sheet(300),
        "energy": 1.9, "hbm_energy": 1.8, "idle": 35,
    },
    "v100_sxm": {
        "title": "NVIDIA V100 SXM2 32 GB", "architecture": "volta", "capability": "7.0",
        "sm": "volta", "tensor": "volta",
        "datasheet": "NVIDIA Tesla V100 GPU architecture whitepaper",
        "sm_count": sheet(80), "boost": sheet(1.53e9), "base": guess(1.29e9, 0.1, "board listing"),
        "l2": sheet(6 * 2**20), "memory": sheet(32e9), "bandwidth": sheet(900e9),
        "limit": sheet(300),
        "energy": 2.4, "hbm_energy": 1.3, "idle": 45, "l2_rate": sheet(2048),
    },
    "t4": {
        "title": "NVIDIA T4 16 GB", "architecture": "turing", "capability": "7.5",
        "sm": "turing", "tensor": "turing",
        "datasheet": "NVIDIA T4 datasheet and Turing architecture whitepaper",
        "sm_count": sheet(40), "boost": sheet(1.59e9), "base": sheet(0.585e9),
        "l2": sheet(4 * 2**20),
        "memory": sheet(16e9), "bandwidth": sheet(320e9), "limit": sheet(70),
        "energy": 2.2, "hbm_energy": 1.8, "idle": 12,
    },
    "l4": {
        "title": "NVIDIA L4 24 GB", "architecture": "ada", "capability": "8.9",
        "sm": "ada", "tensor": "pro_ada",
        "datasheet": "NVIDIA L4 datasheet and Ada architecture whitepaper",
        "sm_count": sheet(58), "boost": sheet(2.04e9), "base": guess(0.795e9, 0.1, "board listing"),
        "l2": sheet(48 * 2**20), "memory": sheet(24e9), "bandwidth": sheet(300e9),
        "limit": sheet(72),
        "energy": 1.0, "hbm_energy": 1.8, "idle": 12,
    },
    "jetson_agx_orin": {
        "title": "NVIDIA Jetson AGX Orin 64 GB", "architecture": "ampere", "capability": "8.7",
        "sm": "ampere_orin", "tensor": "ampere_orin",
        "datasheet": "NVIDIA Jetson AGX Orin series technical brief",
        "sm_count": sheet(16), "boost": sheet(1.3e9), "base": guess(0.93e9, 0.3, "30 W power mode"),
        "l2": sheet(4 * 2**20), "memory": sheet(64e9), "bandwidth": sheet(204.8e9),
        "limit": sheet(60),
        "energy": 1.6, "hbm_energy": 1.5, "idle": 8,
    },
}  # fmt: skip
