"""Where compiled code is kept on machines whose cache folder cannot be written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TELL = """
from archsim.engine import jit

@jit.njit
def double(x):
    return 2 * x

print(jit._FOLDER, double(21))
"""


def _told(tmp_path: Path, cache: Path, temporary: Path) -> list[str]:
    """The cache folder and the result of a compiled function in a process of its own."""
    file = tmp_path / "tell.py"
    file.write_text(TELL)
    changed = {"XDG_CACHE_HOME": str(cache), "HOME": str(cache), "TMPDIR": str(temporary)}
    kept = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"}
    done = subprocess.run(
        [sys.executable, str(file)], env={**kept, **changed}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    return done.stdout.split()


def test_the_users_cache_comes_first_then_an_own_temporary_folder(tmp_path: Path) -> None:
    cache, temporary = tmp_path / "cache", tmp_path / "temporary"
    temporary.mkdir()
    blocked = tmp_path / "file"
    blocked.write_text("in the way of a folder")
    folder, result = _told(tmp_path, cache, temporary)
    assert folder.startswith(str(cache)) and result == "42" and any(cache.rglob("*.nbi"))
    folder, result = _told(tmp_path, blocked, temporary)
    assert folder.startswith(str(temporary)) and result == "42" and any(temporary.rglob("*.nbi"))
    assert next(temporary.iterdir()).stat().st_mode & 0o077 == 0


def test_without_any_folder_functions_are_compiled_all_the_same(tmp_path: Path) -> None:
    from archsim.engine import jit

    blocked, shared = tmp_path / "file", tmp_path / "shared"
    blocked.write_text("in the way of a folder")
    assert not jit._writable(blocked / "sub")
    shared.mkdir()
    user = os.getuid() if hasattr(os, "getuid") else 0
    (shared / f"archsim-{user}").write_text("in the way of a folder")
    assert _told(tmp_path, blocked, shared) == ["None", "42"]
