"""``python -m workloads.measure``: the suites without the archsim command."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from archsim.errors import ArchsimError
from workloads.measure import main, names


def run(arguments: list[str]) -> int:
    """Parse ``arguments``, measure, and return the exit code (2: cannot measure)."""
    parser = argparse.ArgumentParser(prog="python -m workloads.measure", description=__doc__)
    parser.add_argument("--suite", default="operators", help=f"comma list of {', '.join(names())}")
    parser.add_argument("--output", type=Path, required=True, help="file, or folder for several")
    parser.add_argument("--budget", type=float, default=600.0, help="seconds for everything")
    given = parser.parse_args(arguments)
    try:
        files = main(given.suite.split(","), given.output, given.budget)
    except ArchsimError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    for path in files:
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
