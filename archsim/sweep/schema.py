"""The layout of the store's file, how it is created, and how foreign files are told apart."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from archsim.errors import ConfigError

APPLICATION_ID: Final = 0x41524353
"""``ARCS``, in the header of every store."""
VERSION: Final = 1
HEADER: Final = b"SQLite format 3\0"
HEADER_BYTES: Final = 100
FULL_CHECK_BYTES: Final = 64 << 20
"""Files up to this size are checked whole on opening; larger ones as they are read."""

CREATE: Final = f"""
PRAGMA journal_mode = WAL;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};
CREATE TABLE points (
    key TEXT PRIMARY KEY NOT NULL,
    overrides TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('ok', 'failed', 'lost')),
    metrics TEXT NOT NULL,
    error TEXT NOT NULL,
    reason TEXT NOT NULL,
    crc INTEGER NOT NULL,
    detail INTEGER
) WITHOUT ROWID;
CREATE TABLE details (id INTEGER PRIMARY KEY, detail BLOB NOT NULL);
"""
SETTINGS: Final = """
PRAGMA synchronous = NORMAL;
PRAGMA cache_size = -4000;
PRAGMA wal_autocheckpoint = 4000;
"""
CREATE_RUN: Final = """
CREATE TEMP TABLE run (key TEXT PRIMARY KEY NOT NULL, idx INTEGER NOT NULL) WITHOUT ROWID;
CREATE TEMP TABLE added (key TEXT NOT NULL, idx INTEGER NOT NULL);
CREATE TEMP TABLE todo (idx INTEGER PRIMARY KEY, key TEXT NOT NULL);
PRAGMA temp.cache_size = -2000;
"""


def create(path: Path) -> None:
    """Create an empty store at ``path`` in one step: it exists whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    for leftover in (draft, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))):
        leftover.unlink(missing_ok=True)
    with closing(sqlite3.connect(draft, isolation_level=None)) as db:
        db.executescript(CREATE)
    draft.replace(path)


def check_file(path: Path) -> None:
    """Raise ``ConfigError`` unless ``path`` is a file with SQLite's header,
    ``sqlite3.DatabaseError`` where that header is cut short."""
    if path.is_dir():
        raise ConfigError(f"{path}: the sweep store must be a file, not a folder")
    with path.open("rb") as file:
        head = file.read(HEADER_BYTES)
    if head.startswith(HEADER) and len(head) < HEADER_BYTES:
        raise sqlite3.DatabaseError("truncated")
    if not head.startswith(HEADER):
        what = "an empty file" if not head else "another kind of file"
        raise ConfigError(
            f"{path}: the sweep store must be an SQLite file that archsim wrote, not {what}; "
            "move it away or give another output folder"
        )


def check_schema(db: sqlite3.Connection, path: Path) -> None:
    """Raise ``ConfigError`` for another program's or version's file, ``sqlite3.DatabaseError``
    for a damaged one.
    """
    (application,) = db.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION_ID:
        raise ConfigError(
            f"{path}: the sweep store must be a file that archsim wrote, not another program's "
            "database; move it away or give another output folder"
        )
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version != VERSION:
        raise ConfigError(
            f"{path}: the sweep store must be of version {VERSION}, not {version}; move it away "
            "to sweep anew, or use the archsim that wrote it"
        )
    _check_extent(db, path)


def check_pages(db: sqlite3.Connection, path: Path) -> None:
    """Raise ``sqlite3.DatabaseError`` for damaged pages, unless the file is too large to look."""
    if path.stat().st_size <= FULL_CHECK_BYTES:
        (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)


def _check_extent(db: sqlite3.Connection, path: Path) -> None:
    """Find a truncated file: its pages must all be there, in the file or in its log."""
    log = path.with_name(path.name + "-wal")
    if not log.exists() or log.stat().st_size == 0:
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        (page_bytes,) = db.execute("PRAGMA page_size").fetchone()
        if pages * page_bytes != path.stat().st_size:
            raise sqlite3.DatabaseError("truncated")
