"""Numba's ``njit`` with an on-disk cache that a changed model can never reuse.

Numba notices only changes in the file of the compiled function, not in functions and constants
it inlines from elsewhere. The cache folder therefore carries the digest of all model sources. It
lies in the user's cache folder, so that a read-only installation compiles only once too; where that
cannot be written, in a folder of the user's among the temporary ones, and else nowhere.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import platformdirs
from numba import config as numba_config

from archsim.version import model_digest

F = TypeVar("F", bound=Callable[..., Any])


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)


def _temporary_folder() -> Path | None:
    """A temporary folder that is this user's alone, as what lies in it is executed."""
    user = os.getuid() if hasattr(os, "getuid") else 0
    folder = Path(tempfile.gettempdir()) / f"archsim-{user}"
    own = _writable(folder) and folder.stat().st_uid == user and not folder.is_symlink()
    return folder if own else None


def _cache_folder() -> Path | None:
    """The first of these that can be written: the one that ``NUMBA_CACHE_DIR`` names, this
    version's in the user's cache, this version's among the temporary folders."""
    chosen, version = os.environ.get("NUMBA_CACHE_DIR"), f"numba-{model_digest()[:16]}"
    first = Path(chosen) if chosen else Path(platformdirs.user_cache_dir("archsim")) / version
    if _writable(first):
        return first
    temporary = _temporary_folder()
    return temporary / version if temporary and _writable(temporary / version) else None


_FOLDER = _cache_folder()
_CACHED = _FOLDER is not None  # else every process compiles
if _CACHED:
    setattr(numba_config, "CACHE_DIR", str(_FOLDER))  # noqa: B010  # not in numba's stubs


_MATHS: dict[str, Any] = {"fastmath": False, "error_model": "numpy"}
# Numba counts the references to each array that a function gets, with an atomic instruction for
# every field where arrays come in a tuple. With many arrays that costs more than the functions do;
# what makes no arrays and keeps none needs no counts. Numba's stubs do not know these options.
_UNCOUNTED: dict[str, Any] = {**_MATHS, "_nrt": False}
_INNER: dict[str, Any] = {**_UNCOUNTED, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def njit(function: F) -> F:
    """Compile ``function`` to machine code on first use and keep the code on disk."""
    compiled: Any = numba.njit(cache=_CACHED, **_MATHS)(function)
    return cast("F", compiled)


def lean(function: F) -> F:
    """Like `njit`, for functions of many arrays that make none themselves: they go uncounted.

    All that such a function calls must be `inner`, `inlined` or `fused`.
    """
    compiled: Any = numba.njit(cache=_CACHED, **_UNCOUNTED)(function)
    return cast("F", compiled)


def inner(function: F) -> F:
    """Compile ``function`` for `lean` callers only: no entry from Python, no cache of its own.

    The code lies in its callers; those that Python calls are cached whole.
    """
    compile_with: Any = numba.njit
    return cast("F", compile_with(**_INNER)(function))


def inlined(function: F) -> F:
    """Like `inner`, but part of each caller: for small functions and those with one caller.

    A function is compiled together with all that it calls, so nesting costs compile time.
    """
    compile_with: Any = numba.njit
    return cast("F", compile_with(inline="always", **_INNER)(function))


def fused(function: F) -> F:
    """Like `inner`, but LLVM puts the code into each caller: for functions of many arrays, whose
    passing would cost more than they do."""
    compile_with: Any = numba.njit
    return cast("F", compile_with(forceinline=True, **_INNER)(function))


def called(function: F) -> F:
    """Let compiled functions call ``function``, which stays as it is for Python."""
    from numba.extending import register_jitable

    register: Any = register_jitable(**_UNCOUNTED)
    return cast("F", register(function))
