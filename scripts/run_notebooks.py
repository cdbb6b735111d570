"""Execute the notebooks: ``python scripts/run_notebooks.py [--write] [NAME...]``.

Sources are Python files in ``notebooks``; ``--write`` keeps the executed notebook beside each.
"""

import argparse
import sys
import time
from pathlib import Path

import jupytext
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "notebooks"


def execute(source):
    """Return the executed notebook of ``source``; ``CellExecutionError`` where a cell fails."""
    notebook = jupytext.read(source)
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook.metadata = {"kernelspec": kernel}
    for place, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{place}"  # else random, so that each run would change the file
        cell["metadata"] = {}
    where = {"metadata": {"path": str(ROOT)}}
    manager = AsyncKernelManager(kernel_name="python3", transport="ipc")
    NotebookClient(
        notebook, km=manager, timeout=1800, resources=where, record_timing=False
    ).execute()
    return notebook


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("names", nargs="*", help="notebooks by name; all if left out")
    options = parser.parse_args()
    for source in sorted(FOLDER.glob("*.py")):
        if options.names and source.stem not in options.names:
            continue
        began = time.perf_counter()
        try:
            notebook = execute(source)
        except CellExecutionError as error:
            print(f"{source.name}: {error}")
            return 1
        if options.write:
            jupytext.write(notebook, source.with_suffix(".ipynb"))
        print(f"{source.name}: {len(notebook.cells)} cells in {time.perf_counter() - began:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
