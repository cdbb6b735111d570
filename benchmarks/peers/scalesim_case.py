"""Prices products with SCALE-Sim: ``scalesim_case.py JOB.json``, in an environment that has it.

The job: ``rows``, ``columns``, ``buffer_kb`` (each of three), ``words_per_cycle``, ``gemms``, each
m, k, n.
Prints the cycles of each product (compute and stalls, without the first prefetch) as JSON on the
last line. No traces are written, which is its fastest mode.
"""

import csv
import json
import sys
import tempfile
from pathlib import Path

from scalesim.scale_sim import scalesim

CONFIG = """[general]
run_name = case
[architecture_presets]
ArrayHeight = {rows}
ArrayWidth = {columns}
IfmapSramSzkB = {buffer_kb}
FilterSramSzkB = {buffer_kb}
OfmapSramSzkB = {buffer_kb}
IfmapOffset = 0
FilterOffset = 10000000
OfmapOffset = 20000000
Bandwidth = {words_per_cycle}
Dataflow = os
ReadRequestBuffer = 64
WriteRequestBuffer = 64
[layout]
IfmapCustomLayout = False
IfmapSRAMBankBandwidth = 10
IfmapSRAMBankNum = 10
IfmapSRAMBankPort = 2
FilterCustomLayout = False
FilterSRAMBankBandwidth = 10
FilterSRAMBankNum = 10
FilterSRAMBankPort = 2
[sparsity]
SparsitySupport = false
[run_presets]
InterfaceBandwidth = USER
UseRamulatorTrace = False
"""


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "case.cfg").write_text(CONFIG.format(**job))
        lines = [f"g{i},{m},{n},{k}," for i, (m, k, n) in enumerate(job["gemms"])]
        (folder / "gemms.csv").write_text("\n".join(["Layer,M,N,K,", *lines, ""]))
        layout = [f"g{i}," + "1," * 20 for i in range(len(job["gemms"]))]
        (folder / "layout.csv").write_text("\n".join(["Layer,", *layout, ""]))
        run = scalesim(
            save_disk_space=True, verbose=False, input_type_gemm=True,
            config=str(folder / "case.cfg"), topology=str(folder / "gemms.csv"),
            layout=str(folder / "layout.csv"),
        )  # fmt: skip
        run.run_scale(top_path=str(folder / "out"))
        with (folder / "out" / "case" / "COMPUTE_REPORT.csv").open() as report:
            rows = [row for row in csv.reader(report) if row][1:]
    print(json.dumps([float(row[2]) for row in rows]))


if __name__ == "__main__":
    main()
