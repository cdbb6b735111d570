"""How a report of many designs opens: ``python benchmarks/bench_report.py [--write]``.

Pages of 10^3, 10^4 and 10^5 designs in headless Chromium: CPU seconds until the page says that it
is ready and two frames have been painted, of the page's main thread and of all the browser's
processes (``SystemInfo.getProcessInfo``), and of a page that has Plotly and no design, the floor.
``--write`` puts the table into ``docs/benchmarks/report.md``.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "report"))

from bench_sweep import machine
from chromium_pipe import chromium
from large_page import large

from archsim.report import ReportData, write_report

TARGET = Path(__file__).parents[1] / "docs" / "benchmarks" / "report.md"
HEAD = (
    "| designs | page, MB | main thread, CPU s | all processes, CPU s | wall, s | heap, MB "
    "| dots painted |\n|---|---|---|---|---|---|---|"
)


def line(program, folder, name, data, repeat):
    """Return the table's line for one page, the median of ``repeat`` openings."""
    page = write_report(folder / "page.html", data)
    found = []
    for number in range(repeat):
        with chromium(program, folder / f"{name}-{number}") as browser:
            browser.value("1")
            found.append((browser.open(page), browser.value("CLOUD.drawn")))
    cells = [
        statistics.median(getattr(opened, what) for opened, _ in found)
        for what in ("main_s", "all_s", "wall_s", "heap_mb")
    ]
    numbers = " | ".join(f"{cell:.3g}" for cell in cells)
    painted = f"{found[0][1]:,}" if found[0][1] else "–"
    return f"| {name} | {page.stat().st_size / 1e6:.1f} | {numbers} | {painted} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", default="chromium")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    lines = [machine(), "", HEAD]
    empty = ReportData(title="none", minimize=(), axes=(), points=())
    pages = [("none", empty), *((f"{count:,}", large(count)) for count in (1000, 10_000, 100_000))]
    with tempfile.TemporaryDirectory() as tmp:
        for name, data in pages:
            lines.append(line(options.program, Path(tmp), name, data, options.repeat))
            print(lines[-1], flush=True)
    if options.write:
        before, _, rest = TARGET.read_text().partition("<!-- table -->")
        _, _, after = rest.partition("<!-- end -->")
        TARGET.write_text("\n".join([f"{before}<!-- table -->", *lines, f"<!-- end -->{after}"]))


if __name__ == "__main__":
    main()
