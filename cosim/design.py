"""The design under simulation: generated once per parameters and sources, always verified."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cosim.place import build_folder
from hdl.manifest import Manifest, sources_digest, verify
from hdl.rtl import RtlParams


@dataclass(frozen=True)
class Design:
    """A generated folder that was found to be its parameters' design."""

    folder: Path
    manifest: Manifest

    @property
    def verilog(self) -> str:
        """The text of ``top.v``."""
        return (self.folder / "top.v").read_text()


def open_design(params: RtlParams, folder: Path | None = None) -> Design:
    """Return the design of ``params``: that in ``folder``, else one kept in the build folder.

    Raises ``hdl.manifest.DigestError`` where the folder holds another design.
    """
    if folder is not None:
        return Design(folder, verify(folder, params))
    identity = hashlib.sha256((params.digest + sources_digest()).encode()).hexdigest()[:20]
    kept = build_folder() / "designs" / identity
    if not (kept / "manifest.json").exists():
        _generate(params, kept)
    return Design(kept, verify(kept, params))


def _generate(params: RtlParams, kept: Path) -> None:
    """Write the design beside its place, then move it there: a killed run leaves nothing half."""
    from hdl.generate import describe
    from hdl.rtl import rtl_of

    kept.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix="new-", dir=kept.parent))
    made = rtl_of(params)
    (new / "top.v").write_text(made.verilog)
    describe(params.MACHINE, made).write(new / "manifest.json")
    try:
        new.replace(kept)
    except OSError:  # another process was first
        shutil.rmtree(new, ignore_errors=True)
