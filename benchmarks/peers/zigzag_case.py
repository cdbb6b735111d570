"""Prices products with ZigZag: ``zigzag_case.py JOBS.json``, in an environment that has it.

A list of jobs, each ``rows``, ``columns``, ``buffer_kb`` (each of three), ``bits_per_cycle`` (of
the memory's read port and of its write port), ``gemms`` (m, k, n). Prints the cycles of every
job as JSON on the last line. Mapping: m and n unrolled over the array, loop order searched for
latency.
"""

import json
import logging
import sys
import tempfile
from pathlib import Path

import yaml
from zigzag.api import get_hardware_performance_zigzag


def memory(
    size: int, operands: list[str], ports: dict[str, tuple[str, int, list[str]]], served: list[str]
) -> dict:
    return {
        "size": size, "r_cost": 1.0, "w_cost": 1.0, "area": 0, "latency": 1,
        "operands": operands, "served_dimensions": served,
        "ports": [
            {"name": name, "type": kind, "bandwidth_min": min(bits, 8), "bandwidth_max": bits,
             "allocation": allocation}
            for name, (kind, bits, allocation) in ports.items()
        ],
    }  # fmt: skip


def buffer(kb: int, operand: str, bits: int) -> dict:
    ports = {"r_port_1": ("read", bits, [f"{operand}, tl"]),
             "w_port_1": ("write", bits, [f"{operand}, fh"])}  # fmt: skip
    if operand == "O":
        ports = {"r_port_1": ("read", bits, ["O, tl", "O, th"]),
                 "w_port_1": ("write", bits, ["O, fh", "O, fl"])}  # fmt: skip
    return memory(kb * 8192, [operand], ports, ["D1", "D2"])


def accelerator(rows: int, columns: int, kb: int, bits: int) -> dict:
    registers = {
        "r_port_1": ("read", 32, ["O, tl"]), "r_port_2": ("read", 32, ["O, th"]),
        "w_port_1": ("write", 32, ["O, fh"]), "w_port_2": ("write", 32, ["O, fl"]),
    }  # fmt: skip
    dram = {
        "r_port_1": ("read", bits, ["I1, tl", "I2, tl", "O, tl", "O, th"]),
        "w_port_1": ("write", bits, ["I1, fh", "I2, fh", "O, fh", "O, fl"]),
    }
    return {
        "name": "os",
        "memories": {
            "acc": memory(32, ["O"], registers, []),
            "a": buffer(kb, "I1", 8 * rows),
            "b": buffer(kb, "I2", 8 * columns),
            "c": buffer(kb, "O", 32 * columns),
            "dram": memory(10**10, ["I1", "I2", "O"], dram, ["D1", "D2"]),
        },
        "operational_array": {
            "input_precision": [8, 8], "unit_energy": 0.04, "unit_area": 1.0,
            "dimensions": ["D1", "D2"], "sizes": [rows, columns],
        },
    }  # fmt: skip


def workload(gemms: list[list[int]]) -> list[dict]:
    return [
        {
            "id": i, "name": f"g{i}", "operator_type": "Gemm",
            "equation": "O[b][k]+=I[b][c]*W[c][k]",
            "loop_dims": ["B", "K", "C"], "loop_sizes": [m, n, k],
            "operand_precision": {"W": 8, "I": 8, "O": 32, "O_final": 8},
            "operand_source": {"I": i, "W": i},
        }
        for i, (m, k, n) in enumerate(gemms)
    ]  # fmt: skip


def mapping(rows: int, columns: int) -> list[dict]:
    return [{
        "name": "default",
        "spatial_mapping": {"D1": [f"B, {rows}"], "D2": [f"K, {columns}"]},
        "memory_operand_links": {"O": "O", "W": "I2", "I": "I1"},
    }]  # fmt: skip


def price(job: dict, folder: Path) -> float:
    files = {
        "hardware": accelerator(
            job["rows"], job["columns"], job["buffer_kb"], job["bits_per_cycle"]
        ),
        "workload": workload(job["gemms"]),
        "mapping": mapping(job["rows"], job["columns"]),
    }
    for name, data in files.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(data))
    _, cycles, _ = get_hardware_performance_zigzag(
        str(folder / "workload.yaml"), str(folder / "hardware.yaml"), str(folder / "mapping.yaml"),
        opt="latency", dump_folder=str(folder / "out"), loma_show_progress_bar=False,
    )  # fmt: skip
    return float(cycles)


def main() -> None:
    logging.disable(logging.INFO)
    found = []
    for job in json.loads(Path(sys.argv[1]).read_text()):
        with tempfile.TemporaryDirectory() as name:
            found.append(price(job, Path(name)))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
