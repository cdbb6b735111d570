"""Datasheet facts of the GPUs whose files ``derive_devices.py`` writes.

``D`` marks what a datasheet or whitepaper states, ``P`` a published measurement, ``E`` an estimate
with its relative uncertainty. Nothing here was measured by this project.
"""

from __future__ import annotations

from typing import Any

Fact = tuple[float, str, str, float]


def D(value: float, source: str = "") -> Fact:
    """From a datasheet or whitepaper (the device's own unless named)."""
    return (value, "datasheet", source, 0.0)


def P(value: float, source: str, uncertainty: float = 0.03) -> Fact:
    """A published measurement."""
    return (value, "published", source, uncertainty)


def E(value: float, uncertainty: float, source: str) -> Fact:
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
        "sm_count": D(132), "boost": D(1.98e9), "base": E(1.59e9, 0.1, "board listing"),
        "l2": D(50 * 2**20), "memory": D(80e9), "bandwidth": D(3.35e12), "limit": D(700),
        "energy": 1.0, "hbm_energy": 1.0, "idle": 90,
        "l1_rate": P(125.7, "independent H100 run of Luo et al.'s suite"),
        "l2_rate": E(5700, 0.15, "H200's, the same die"), "l2_loads": P(4207, "independent H100 run of Luo et al.'s suite", 0.1),
        "hit": P(258, LUO + ", H800"), "far": P(414.1, LUO + ", H800"),
        "latency": E(740, 0.1, LUO + ", H800's 656 clk at 1755 MHz"),
        "partitions": P(2, LUO, 0.0), "mma": P(0.629, LUO + ", H800: mma.sync averages 62.9 %", 0.1),
    },
    "h800_pcie": {
        "title": "NVIDIA H800 PCIe 80 GB", "architecture": "hopper", "capability": "9.0",
        "sm": "hopper", "tensor": "hopper", "datasheet": LUO + ", device table",
        "sm_count": P(114, LUO, 0.0), "boost": P(1.755e9, LUO, 0.0),
        "base": E(1.095e9, 0.15, "H100 PCIe board listing"),
        "l2": P(50 * 2**20, LUO, 0.0), "memory": P(80e9, LUO, 0.0),
        "bandwidth": P(2.039e12, LUO, 0.0), "limit": P(350, LUO, 0.0),
        "energy": 1.0, "hbm_energy": 1.1, "idle": 60,
        "l1_rate": P(125.8, LUO), "l2_rate": E(5000, 0.2, "H200's, scaled by SMs"),
        "l2_loads": P(4472.3, LUO, 0.1), "hit": P(258, LUO), "far": P(414.1, LUO),
        "latency": P(656, LUO), "partitions": P(2, LUO, 0.0),
        "mma": P(0.629, LUO + ": mma.sync averages 62.9 % of peak", 0.1),
        "read": P(0.913, LUO + ": 1861.5 of 2039 GB/s", 0.02),
    },
    "a100_pcie": {
        "title": "NVIDIA A100 PCIe 40 GB", "architecture": "ampere", "capability": "8.0",
        "sm": "ampere", "tensor": "ampere",
        "datasheet": "NVIDIA A100 Tensor Core GPU datasheet and architecture whitepaper",
        "sm_count": D(108), "boost": D(1.41e9), "base": D(0.765e9), "l2": D(40 * 2**20),
        "memory": D(40e9), "bandwidth": D(1.555e12), "limit": D(250),
        "energy": 1.5, "hbm_energy": 1.1, "idle": 45,
        "l1_rate": P(106.8, LUO), "l2_rate": D(5120), "l2_loads": P(2007.9, LUO, 0.05),
        "hit": P(208, LUO), "far": P(356.6, LUO), "latency": P(566, LUO_LOG),
        "partitions": P(2, LUO, 0.0), "mma": P(0.97, LUO + ": above 95 % of peak", 0.03),
        "read": P(0.905, LUO + ": 1407.2 of 1555 GB/s", 0.02),
    },
    "a100_sxm": {
        "title": "NVIDIA A100 SXM4 80 GB", "architecture": "ampere", "capability": "8.0",
        "sm": "ampere", "tensor": "ampere",
        "datasheet": "NVIDIA A100 Tensor Core GPU datasheet and architecture whitepaper",
        "sm_count": D(108), "boost": D(1.41e9), "base": D(1.275e9), "l2": D(40 * 2**20),
        "memory": D(80e9), "bandwidth": D(2.039e12), "limit": D(400),
        "energy": 1.5, "hbm_energy": 1.1, "idle": 60,
        "l1_rate": P(106.8, LUO + ", A100 PCIe"), "l2_rate": D(5120),
        "l2_loads": P(2007.9, LUO + ", A100 PCIe", 0.1), "hit": P(208, LUO), "far": P(356.6, LUO),
        "latency": P(566, LUO_LOG + ", A100 PCIe", 0.05), "partitions": P(2, LUO, 0.0),
        "mma": P(0.97, LUO + ": above 95 % of peak", 0.03),
    },
    "rtx_4090": {
        "title": "NVIDIA GeForce RTX 4090 24 GB", "architecture": "ada", "capability": "8.9",
        "sm": "ada", "tensor": "geforce_ada",
        "datasheet": "NVIDIA Ada GPU architecture whitepaper",
        "sm_count": D(128), "boost": D(2.52e9), "base": D(2.235e9), "l2": D(72 * 2**20),
        "memory": D(24e9), "bandwidth": D(1.008e12), "limit": D(450),
        "energy": 1.1, "hbm_energy": 2.0, "idle": 40,
        "l1_rate": P(121.2, LUO), "l2_rate": E(2400, 0.3, "above the measured 1708 B/clk"),
        "l2_loads": P(1708, LUO, 0.05), "hit": P(284.8, LUO_LOG), "far": P(284.8, LUO_LOG),
        "latency": P(571, LUO_LOG), "partitions": P(1, LUO_LOG + ": one plateau", 0.0),
        "mma": P(0.98, LUO + ": above the official peak at its clock", 0.03),
        "read": P(0.922, LUO + ": 929.8 of 1008 GB/s", 0.02),
    },
    "rtx_3090": {
        "title": "NVIDIA GeForce RTX 3090 24 GB", "architecture": "ampere", "capability": "8.6",
        "sm": "ampere_consumer", "tensor": "geforce_ampere",
        "datasheet": "NVIDIA Ampere GA102 GPU architecture whitepaper",
        "sm_count": D(82), "boost": D(1.695e9), "base": D(1.395e9), "l2": D(6 * 2**20),
        "memory": D(24e9), "bandwidth": D(936.2e9), "limit": D(350),
        "energy": 1.9, "hbm_energy": 2.0, "idle": 40,
    },
    "rtx_a6000": {
        "title": "NVIDIA RTX A6000 48 GB", "architecture": "ampere", "capability": "8.6",
        "sm": "ampere_consumer", "tensor": "pro_ampere",
        "datasheet": "NVIDIA RTX A6000 datasheet and GA102 whitepaper",
        "sm_count": D(84), "boost": D(1.8e9), "base": D(1.41e9), "l2": D(6 * 2**20),
        "memory": D(48e9), "bandwidth": D(768e9), "limit": D(300),
        "energy": 1.9, "hbm_energy": 1.8, "idle": 35,
    },
    "v100_sxm": {
        "title": "NVIDIA V100 SXM2 32 GB", "architecture": "volta", "capability": "7.0",
        "sm": "volta", "tensor": "volta",
        "datasheet": "NVIDIA Tesla V100 GPU architecture whitepaper",
        "sm_count": D(80), "boost": D(1.53e9), "base": E(1.29e9, 0.1, "board listing"),
        "l2": D(6 * 2**20), "memory": D(32e9), "bandwidth": D(900e9), "limit": D(300),
        "energy": 2.4, "hbm_energy": 1.3, "idle": 45, "l2_rate": D(2048),
    },
    "t4": {
        "title": "NVIDIA T4 16 GB", "architecture": "turing", "capability": "7.5",
        "sm": "turing", "tensor": "turing",
        "datasheet": "NVIDIA T4 datasheet and Turing architecture whitepaper",
        "sm_count": D(40), "boost": D(1.59e9), "base": D(0.585e9), "l2": D(4 * 2**20),
        "memory": D(16e9), "bandwidth": D(320e9), "limit": D(70),
        "energy": 2.2, "hbm_energy": 1.8, "idle": 12,
    },
    "l4": {
        "title": "NVIDIA L4 24 GB", "architecture": "ada", "capability": "8.9",
        "sm": "ada", "tensor": "pro_ada",
        "datasheet": "NVIDIA L4 datasheet and Ada architecture whitepaper",
        "sm_count": D(58), "boost": D(2.04e9), "base": E(0.795e9, 0.1, "board listing"),
        "l2": D(48 * 2**20), "memory": D(24e9), "bandwidth": D(300e9), "limit": D(72),
        "energy": 1.0, "hbm_energy": 1.8, "idle": 12,
    },
    "jetson_agx_orin": {
        "title": "NVIDIA Jetson AGX Orin 64 GB", "architecture": "ampere", "capability": "8.7",
        "sm": "ampere_orin", "tensor": "ampere_orin",
        "datasheet": "NVIDIA Jetson AGX Orin series technical brief",
        "sm_count": D(16), "boost": D(1.3e9), "base": E(0.93e9, 0.3, "30 W power mode"),
        "l2": D(4 * 2**20), "memory": D(64e9), "bandwidth": D(204.8e9), "limit": D(60),
        "energy": 1.6, "hbm_energy": 1.5, "idle": 8,
    },
}  # fmt: skip
