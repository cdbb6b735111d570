"""Peers' virtual environments under ``build/peers``, made once from pinned packages."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "build" / "peers"


@dataclass(frozen=True)
class Peer:
    """A peer, what pip installs for it, and what is known about that."""

    name: str
    packages: tuple[str, ...]
    note: str


SCALESIM = Peer(
    "scalesim",
    ("scalesim==3.0.0", "numpy==2.3.5", "pandas==3.1.1"),
    "NumPy below 2.4 has to be chosen by hand",
)
ZIGZAG = Peer(
    "zigzag",
    ("zigzag-dse==3.9.1", "numpy==2.4.6", "six==1.17.0"),
    "imports six without declaring it",
)


class PeerError(Exception):
    """A peer could not be installed; one sentence."""


def python_of(peer: Peer) -> Path:
    """Return the Python that has ``peer``, made on first use; ``PeerError`` if it cannot be."""
    home = FOLDER / peer.name
    python = home / "bin" / "python"
    wanted = "\n".join(peer.packages)
    marker = home / "installed.txt"
    if marker.is_file() and marker.read_text() == wanted:
        return python
    uv = Path(sys.executable).with_name("uv")
    _run([str(uv), "venv", "-q", "--clear", "--python", sys.executable, str(home)])
    _run([str(uv), "pip", "install", "-q", "--python", str(python), *peer.packages])
    marker.write_text(wanted)
    return python


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise PeerError(f"{command[0]} cannot run: {error.strerror}") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise PeerError(lines[-1])
