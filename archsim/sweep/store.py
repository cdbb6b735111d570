"""The crash-safe store of finished points: one SQLite file in WAL mode, one writer.

Points that arrive together are one transaction, so that a process killed at any moment leaves each
point either wholly in the store or not at all. A file that is damaged, foreign or in use is refused
with one sentence and never touched. Which points belong to the present run stands in temporary
tables, so memory and the cost per point stay flat.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from archsim.errors import ConfigError
from archsim.sweep.locking import FileLock
from archsim.sweep.record import LOST, OK, Record, checksum
from archsim.sweep.schema import CREATE_RUN, SETTINGS, check_file, check_pages, check_schema, create

INSERT = """INSERT INTO points VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET overrides = excluded.overrides, status = excluded.status,
    metrics = excluded.metrics, error = excluded.error, reason = excluded.reason,
    crc = excluded.crc, detail = excluded.detail WHERE status = 'lost'"""
DETAIL = "INSERT INTO details VALUES (?, ?)"
ADDED = "INSERT INTO added VALUES (?, ?)"
RUN = """INSERT INTO run SELECT key, min(idx) FROM added WHERE true GROUP BY key ORDER BY key
    ON CONFLICT (key) DO UPDATE SET idx = min(idx, excluded.idx)"""
TODO = """INSERT INTO todo SELECT idx, key FROM run LEFT JOIN points USING (key)
    WHERE points.key IS NULL OR points.status = 'lost' ORDER BY idx"""
ROWS = """SELECT run.idx, key, status, metrics, reason, crc FROM run CROSS JOIN points USING (key)
    ORDER BY run.key"""
PAGE = 4096


class Row(NamedTuple):
    """One point of this run: its index in the space, and the stored columns that are shown."""

    place: int
    key: str
    status: str
    metrics: str
    reason: str


class Counts(NamedTuple):
    """Distinct points of this run that are in the store, by outcome."""

    ok: int
    failed: int


class Store:
    """The open store of one driver; a context manager.

    Raises ``ConfigError`` where the file is in use, damaged, foreign, of another version or
    cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._unsorted = False
        self._lock = FileLock(path)
        try:
            with guard(path):
                if not path.exists():
                    create(path)
                check_file(path)
                self._db = sqlite3.connect(path, isolation_level=None)
        except BaseException:
            self._lock.release()
            raise
        try:
            with guard(path):
                self._db.executescript(SETTINGS)
                check_schema(self._db, path)
                check_pages(self._db, path)
                self._db.executescript(CREATE_RUN)
                self.fresh = self._db.execute("SELECT 1 FROM points LIMIT 1").fetchone() is None
                self._last_detail = self._count("SELECT coalesce(max(id), 0) FROM details")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Fold the log into the file and let the next driver in."""
        self._db.close()
        self._lock.release()

    def commit(self, records: Sequence[Record]) -> int:
        """Write finished points in one transaction; return how many of them are new."""
        first = self._last_detail + 1
        rows = [(*r[1:7], r.crc, i if r.detail else None) for i, r in enumerate(records, first)]
        details = [(i, r.detail) for i, r in enumerate(records, first) if r.detail]
        with guard(self.path), self._transaction():
            new = self._db.executemany(INSERT, rows).rowcount
            if new == len(records):
                self._db.executemany(DETAIL, details)
            else:  # which of them are new is not known: one by one
                self._db.execute("ROLLBACK")
                self._db.execute("BEGIN IMMEDIATE")
                new = sum(self._insert(row, r.detail) for row, r in zip(rows, records, strict=True))
        self._last_detail += len(records)
        return new

    def _insert(self, row: tuple[Any, ...], detail: bytes) -> bool:
        new = self._db.execute(INSERT, row).rowcount > 0
        if new and detail:
            self._db.execute(DETAIL, (row[-1], detail))
        return new

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def add_to_run(self, pairs: Iterable[tuple[str, int]]) -> None:
        """Count ``(key, index)`` pairs to this run; of equal keys the lowest index stays.

        Keys are digests: put in order one batch after another each would touch a page of its own.
        They are sorted together when somebody asks.
        """
        with guard(self.path):
            self._db.execute("BEGIN")
            self._db.executemany(ADDED, pairs)
            self._db.execute("COMMIT")
        self._unsorted = True

    def _sort(self) -> None:
        """Put what was added to this run in its place."""
        if self._unsorted:
            self._db.execute("BEGIN")
            self._db.execute(RUN)
            self._db.execute("DELETE FROM added")
            self._db.execute("COMMIT")
            self._unsorted = False

    def plan(self) -> int:
        """Find the points of this run that the store lacks; return how many."""
        with guard(self.path):
            self._sort()
            self._db.execute("DELETE FROM todo")
            self._db.execute(TODO)
        return self._count("SELECT count(*) FROM todo")

    def todo(self) -> Iterator[tuple[int, str]]:
        """Yield ``(index, key)`` of the planned points by rising index, page by page."""
        last = -1
        query = "SELECT idx, key FROM todo WHERE idx > ? ORDER BY idx LIMIT ?"
        while True:
            with guard(self.path):
                page: list[tuple[int, str]] = self._db.execute(query, (last, PAGE)).fetchall()
            if not page:
                return
            yield from page
            last = page[-1][0]

    def counts(self) -> Counts:
        """Return how many distinct points of this run the store holds, by outcome."""
        joined = "SELECT count(*) FROM run CROSS JOIN points USING (key) WHERE status"
        return Counts(self._count(f"{joined} = 'ok'"), self._count(f"{joined} <> 'ok'"))

    def failures(self, limit: int) -> list[tuple[str, str, int]]:
        """Return ``(error, reason, points)`` of this run's most frequent failures."""
        with guard(self.path):
            self._sort()
            return self._db.execute(
                """SELECT error, reason, count(*) FROM run CROSS JOIN points USING (key)
                WHERE status <> 'ok' GROUP BY error, reason ORDER BY 3 DESC, 1, 2 LIMIT ?""",
                (limit,),
            ).fetchall()

    def failed_by_class(self) -> list[tuple[str, str, int]]:
        """Return ``(error, one of its reasons, points)`` of this run by class of exception."""
        with guard(self.path):
            self._sort()
            return self._db.execute(
                """SELECT error, min(reason), count(*) FROM run CROSS JOIN points USING (key)
                WHERE status <> 'ok' GROUP BY error ORDER BY error"""
            ).fetchall()

    def metric_names(self) -> list[str]:
        """Return the sorted names of all metrics of this run."""
        with guard(self.path):
            self._sort()
            found = self._db.execute(
                """SELECT DISTINCT metric.key FROM run CROSS JOIN points USING (key),
                json_each(points.metrics) AS metric ORDER BY 1"""
            ).fetchall()
        return [name for (name,) in found]

    def rows(self) -> Iterator[Row]:
        """Yield the points of this run by rising key, each checked against its checksum."""
        with guard(self.path):
            self._sort()
            for index, key, status, metrics, reason, crc in self._db.execute(ROWS):
                if crc != checksum(key, status, metrics, reason):
                    raise sqlite3.DatabaseError("checksum")
                yield Row(index, key, OK if status == OK else "failed", metrics, reason)

    def select(self, keys: Sequence[str]) -> Iterator[Row]:
        """Yield the points of ``keys``, in that order."""
        query = "SELECT run.idx, status, metrics, reason FROM run JOIN points USING (key)"
        with guard(self.path):
            self._sort()
        for key in keys:
            with guard(self.path):
                row = self._db.execute(f"{query} WHERE run.key = ?", (key,)).fetchone()
            yield Row(row[0], key, OK if row[1] == OK else "failed", row[2], row[3])

    def found(self, keys: Iterable[str]) -> dict[str, Row]:
        """Return those of ``keys`` that the store holds and a worker's death did not lose."""
        query = "SELECT 0, key, status, metrics, reason FROM points WHERE key = ?"
        with guard(self.path):
            rows = (self._db.execute(query, (key,)).fetchone() for key in keys)
            return {row[1]: Row(*row) for row in rows if row is not None and row[2] != LOST}

    def detail(self, key: str) -> dict[str, Any] | None:
        """Return what ``evaluate`` answered beside the metrics, or None."""
        with guard(self.path):
            return _detail(self._db, key)

    def _count(self, query: str) -> int:
        with guard(self.path):
            self._sort()
            (count,) = self._db.execute(query).fetchone()
        return int(count)


def read_detail(path: Path, key: str) -> dict[str, Any] | None:
    """Return a stored point's detail without locking the store or writing beside it.

    None where the point is missing or has none. Raises ``ConfigError`` as ``Store`` does.
    """
    with guard(path):
        check_file(path)
        log = path.with_name(path.name + "-wal")
        flags = "mode=ro" if log.exists() else "mode=ro&immutable=1"
        uri = f"{path.absolute().as_uri()}?{flags}"
        with closing(sqlite3.connect(uri, uri=True)) as db:
            check_schema(db, path)
            return _detail(db, key)


def _detail(db: sqlite3.Connection, key: str) -> dict[str, Any] | None:
    query = "SELECT details.detail FROM points JOIN details ON id = points.detail WHERE key = ?"
    row = db.execute(query, (key,)).fetchone()
    if row is None:
        return None
    try:
        detail: dict[str, Any] = json.loads(zlib.decompress(row[0]))
    except (zlib.error, ValueError):
        raise sqlite3.DatabaseError("detail") from None
    return detail


@contextmanager
def guard(path: Path) -> Iterator[None]:
    """Turn SQLite's and the system's errors into one sentence that says what to do."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise ConfigError(
            f"{path}: the sweep store must be writable: {error}; free the disk or give another "
            "output folder"
        ) from None
    except sqlite3.DatabaseError:
        raise ConfigError(
            f"{path}: the sweep store must be an undamaged SQLite file; move it away or delete "
            "it to start the sweep again, or restore a copy"
        ) from None
    except OSError as error:
        raise ConfigError(f"{path}: the sweep store must be accessible, not {error}") from None


__all__ = ["Counts", "Row", "Store", "guard", "read_detail"]
