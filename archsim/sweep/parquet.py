"""Results as Parquet, in row groups of a fixed size and without anything that varies."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from archsim.sweep.columns import Table
from archsim.sweep.record import OK
from archsim.sweep.store import Row

ROW_GROUP = 2048
"""Rows held in memory until they are written together."""
TYPES = {
    "bool": pa.bool_(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "string": pa.string(),
}


class ParquetFile:
    """A Parquet file that takes points one by one; a context manager."""

    def __init__(self, path: Path, table: Table) -> None:
        self._table = table
        kinds = ["string", *table.kinds, "string", *["float64"] * len(table.metrics), "string"]
        fields = [(name, TYPES[kind]) for name, kind in zip(table.names, kinds, strict=True)]
        self._schema = pa.schema(fields)
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")
        self._columns: list[list[Any]] = [[] for _ in fields]

    def __enter__(self) -> ParquetFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._flush()
        self._writer.close()

    def add(self, row: Row, overrides: dict[str, Any], metrics: dict[str, float]) -> None:
        """Take one point."""
        reason = row.reason if row.status != OK else None
        values = [metrics.get(name) for name in self._table.metrics]
        cells = [row.key, *self._table.axis_values(overrides), row.status, *values, reason]
        for column, cell in zip(self._columns, cells, strict=True):
            column.append(cell)
        if len(self._columns[0]) >= ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        if not self._columns[0]:
            return
        arrays = [
            pa.array(column, type=field.type)
            for column, field in zip(self._columns, self._schema, strict=True)
        ]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        for column in self._columns:
            column.clear()
        pa.default_memory_pool().release_unused()  # Arrow would keep it, more with every group
