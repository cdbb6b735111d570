"""Prices design points with archsim's array model: ``array_layer.py JOBS.json``.

A list of jobs as for the peers; prints cycles and bound of every job as JSON on the last line.
"""

import json
import sys
from pathlib import Path

from archsim.config import load_device
from archsim.models.array import ArrayModel


def main() -> None:
    found = []
    for job in json.loads(Path(sys.argv[1]).read_text()):
        size = 1024 * job["buffer_kb"]
        model = ArrayModel(
            load_device(
                "os_32x32_int8",
                {
                    "array.rows": job["rows"], "array.columns": job["columns"],
                    "memory.bytes_per_cycle": job["bits_per_cycle"] // 8,
                    **{f"buffers.{name}_bytes": size for name in ("a", "b", "out")},
                },
            )
        )  # fmt: skip
        priced = [model.cycles(m, n, k) for m, k, n in job["gemms"]]
        found.append([sum(c.cycles for c in priced), sum(c.bound for c in priced)])
    if "numba" in sys.modules:
        sys.exit("the array model must not import Numba")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
