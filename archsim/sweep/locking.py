"""One driver per store: an advisory lock that the kernel releases when its process dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from archsim.errors import ConfigError


class FileLock:
    """The lock of ``path``, held in the file ``<path>.lock`` beside it until ``release``.

    Raises ``ConfigError`` where another process holds it. The lock file stays: deleting it would
    let two processes lock two different files of that name.
    """

    def __init__(self, path: Path) -> None:
        lock = path.with_name(path.name + ".lock")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            raise ConfigError(
                f"{path}: the sweep store must lie in a writable folder, not {error}"
            ) from None
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(self._fd, 20).decode(errors="replace").strip() or "unknown"
            os.close(self._fd)
            raise ConfigError(
                f"{path}: the sweep store must have one run at a time, and process {holder} "
                "is using it; wait for it or give another output folder"
            ) from None
        os.truncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let the next process in; a second call does nothing."""
        with contextlib.suppress(OSError):
            os.close(self._fd)
