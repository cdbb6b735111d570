"""Write the device files of every GPU but the H200 from datasheet facts and the H200's kernels.

    python scripts/derive_devices.py

Constants of the kernel libraries were fitted on the H200 only. Other devices take them over as
``estimated``, with their uncertainty: times scale with the clock, whole-GPU rates with the L2.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from device_facts import (
    DEVICES,
    GUIDE,
    NEAR,
    SM,
    SM_FIELDS,
    TENSOR,
    TENSOR_FIELDS,
    Fact,
    guess,
    sheet,
)
from set_constants import read, write

DEVICES_DIR = Path(__file__).resolve().parent.parent / "configs" / "devices"
ASSUMED = "calibrated on H200, assumed here"
LEAST_UNCERTAINTY = {"hopper": 0.15, "ampere": 0.3, "ada": 0.3, "turing": 0.4, "volta": 0.4}


def entry(fact: Fact, datasheet: str) -> dict[str, Any]:
    """Return the constant of a fact; a fact without a source of its own names the datasheet."""
    value, basis, source, uncertainty = fact
    return {
        "value": value, "basis": basis, "source": source or datasheet, "uncertainty": uncertainty,
    }  # fmt: skip


class Derivation:
    """One device from its facts and the H200."""

    def __init__(self, name: str, facts: dict[str, Any], base: dict[str, Any]) -> None:
        self.name, self.facts, self.base = name, facts, base
        self.sheet: str = facts["datasheet"]
        self.least = LEAST_UNCERTAINTY[facts["architecture"]]
        boost = facts["boost"][0]
        self.clock = base["clock"]["boost_hz"]["value"] / boost
        self.bandwidth = facts["bandwidth"][0] / base["memory"]["bandwidth_bytes_per_s"]["value"]
        self.loads = self.fact("l2_loads", self._guess_l2() * 0.66)[0]
        self.l2 = self.loads / base["memory_kernels"]["l2_bytes_per_clk"]["value"]

    def _guess_l2(self) -> float:
        rate = self.facts.get("l2_rate")
        return float(rate[0]) if rate else 22.0 * self.facts["sm_count"][0]

    def fact(self, key: str, otherwise: float, uncertainty: float = 0.3) -> Fact:
        """Return the fact called ``key``, or an estimate."""
        found: Fact = self.facts.get(key) or guess(otherwise, uncertainty, NEAR)
        return found

    def at(self, key: str, otherwise: float, uncertainty: float = 0.3) -> dict[str, Any]:
        """Return the constant of the fact ``key``, or of an estimate."""
        return entry(self.fact(key, otherwise, uncertainty), self.sheet)

    def take(self, constant: dict[str, Any], factor: float = 1.0) -> dict[str, Any]:
        """Return an H200 constant as an estimate for this device, scaled by ``factor``."""
        least = max(constant["uncertainty"], self.least)
        return {
            "value": float(f"{constant['value'] * factor:.4g}"), "basis": "estimated",
            "source": ASSUMED, "uncertainty": round(min(least, 0.5), 3),
        }  # fmt: skip

    def kernels(self, group: dict[str, Any], prefix: str = "") -> dict[str, Any]:
        """Return a group of kernel constants taken over, each scaled by what its unit measures."""
        result: dict[str, Any] = {}
        for name, value in group.items():
            if "basis" not in value:
                result[name] = self.kernels(value, f"{prefix}{name}.")
            elif name == "wgmma":
                has = 1.0 if self.facts["architecture"] == "hopper" else 0.0
                result[name] = entry(sheet(has, GUIDE), self.sheet)
            else:
                result[name] = self.take(value, self.factor(name, value))
        return result

    def factor(self, name: str, constant: dict[str, Any]) -> float:
        """Return how a kernel constant scales to this device."""
        if constant["unit"] == "us":
            return self.clock
        if constant["unit"] == "B/s":
            return self.bandwidth
        if name == "l2_bytes_per_clk":
            return self.l2
        return 1.0

    def chip(self) -> dict[str, Any]:
        """Return the chip part."""
        facts, source = self.facts, self.sheet
        kind = facts["sm"]
        sm = {
            name: entry(sheet(value, GUIDE if name.endswith("entries") else ""), source)
            for name, value in zip(SM_FIELDS, SM[kind], strict=True)
        }
        sm["l1_bytes"] = entry(guess(SM[kind][4], 0.2, "unified L1 less shared memory"), source)
        sm |= {
            "shared_bytes_per_clk": entry(sheet(128), source),
            "l1_bytes_per_clk": self.at("l1_rate", 106.8, 0.2),
            "l1_lines_per_clk": self.take(self.base["sm"]["l1_lines_per_clk"]),
            "l2_bytes_per_clk": entry(guess(64, 0.3, "one 64-byte port"), source),
            "issue_per_clk": entry(sheet(4), source),
        }
        if facts["architecture"] == "hopper":
            sm["l2_bytes_per_clk"] = self.take(self.base["sm"]["l2_bytes_per_clk"])
        tensor = {
            f"{name}_flop_per_clk": entry(sheet(value), source)
            for name, value in zip(TENSOR_FIELDS, TENSOR[facts["tensor"]], strict=True)
        }
        dense_only = facts["architecture"] in ("volta", "turing")
        tensor["sparse_factor"] = entry(sheet(1 if dense_only else 2), source)
        tensor["mma_fraction"] = self.at("mma", 0.95, 0.1)
        return {
            "sm_count": entry(facts["sm_count"], source),
            "clock": {
                "boost_hz": entry(facts["boost"], source), "base_hz": entry(facts["base"], source),
            },
            "sm": sm, "tensor": tensor,
        }  # fmt: skip

    def memory(self) -> dict[str, Any]:
        """Return L2, memory and launch."""
        facts, source, base = self.facts, self.sheet, self.base
        l2 = {name: self.take(value) for name, value in base["l2"].items()}
        for name in ("sectors_per_clk", "atomics_per_clk"):
            l2[name] = self.take(base["l2"][name], self.l2)
        l2 |= {
            "capacity_bytes": entry(facts["l2"], source),
            "bytes_per_clk": self.at("l2_rate", self._guess_l2()),
            "partitions": self.at("partitions", 1, 0.5), "hit_cycles": self.at("hit", 215),
            "far_hit_cycles": self.at("far", 215),
            "dirty_bytes": self.take(
                base["l2"]["dirty_bytes"], facts["l2"][0] / base["l2"]["capacity_bytes"]["value"]
            ),
        }  # fmt: skip
        memory = {name: self.take(value) for name, value in base["memory"].items()}
        memory |= {
            "capacity_bytes": entry(facts["memory"], source),
            "bandwidth_bytes_per_s": entry(facts["bandwidth"], source),
            "read_fraction": self.at("read", 0.92, 0.05),
            "write_fraction": entry(guess(self.fact("read", 0.92)[0] * 0.95, 0.06, NEAR), source),
            "sector_bytes": dict(base["memory"]["sector_bytes"]),
            "latency_cycles": self.at("latency", 550),
            "tail_us": self.take(base["memory"]["tail_us"]),
        }
        launch = {name: self.take(value) for name, value in base["launch"].items()}
        launch["kernel_us"] = self.take(base["launch"]["kernel_us"], self.clock)
        return {"l2": l2, "memory": memory, "launch": launch}

    def power(self) -> dict[str, Any]:
        """Return power: the limit is known, energies follow the process node."""
        facts, base = self.facts, self.base["power"]
        power = {}
        for name, value in base.items():
            factor = 1.0
            if name.endswith(("_pj_per_flop", "instruction_pj", "l2_pj_per_byte", "active_sm_w")):
                factor = facts["energy"]
            elif name == "hbm_pj_per_byte":
                factor = facts["hbm_energy"]
            power[name] = self.take(value, factor)
            power[name]["uncertainty"] = max(power[name]["uncertainty"], 0.3)
            power[name]["source"] += ", scaled by process node"
        power["limit_w"] = entry(facts["limit"], self.sheet)
        power["idle_w"] = entry(guess(facts["idle"], 0.3, "share of the power limit"), self.sheet)
        return power

    def data(self) -> dict[str, Any]:
        """Return the whole device."""
        facts = self.facts
        return {
            "machine": "gpu", "name": self.name, "title": facts["title"],
            "architecture": facts["architecture"], "compute_capability": facts["capability"],
            **self.chip(), **self.memory(), "power": self.power(),
            "tensor_kernels": self.kernels(self.base["tensor_kernels"]),
            "memory_kernels": {
                **self.kernels(self.base["memory_kernels"]),
                "l2_bytes_per_clk": self.at("l2_loads", self.loads),
            },
        }  # fmt: skip


def main() -> None:
    """Write every derived device file."""
    base = read(DEVICES_DIR / "h200.yaml")
    for name, facts in DEVICES.items():
        write(DEVICES_DIR / f"{name}.yaml", Derivation(name, facts, base).data())


if __name__ == "__main__":
    main()
