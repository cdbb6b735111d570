"""Operands and results as the matrix engine's data streams carry them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from archsim.config.matrix import MatrixParams
from archsim.functional.matrix import ColumnParams, Ints
from archsim.mapping.array import Job

Bytes = NDArray[np.uint8]


def pack(
    params: MatrixParams, job: Job, a: Ints, b: Ints, columns: ColumnParams | None = None
) -> Bytes:
    """Return the beats ``[beats, port_bytes]`` that the engine reads for ``job``, in order."""
    heads = _column_words(params, job, columns)
    head_beats = [] if heads is None else list(_beats(params, heads))
    operands = _block_beats if params.weights_stay else _tile_beats
    return np.concatenate(list(operands(params, job, a, b, head_beats)))


def _tile_beats(
    params: MatrixParams, job: Job, a: Ints, b: Ints, heads: list[Bytes]
) -> Iterator[Bytes]:
    """Output-stationary: A by row tiles and B by column tiles, a word for each k."""
    a_tiles = [_beats(params, t) for t in _tiles(a.T, params.rows, params.a_bits)]
    b_tiles = [_beats(params, t) for t in _tiles(b, params.columns, params.b_bits)]
    size = params.port_bytes
    base = 0
    for held in job.group_sizes():
        for n in range(job.n_tiles):
            yield from heads[n : n + 1]
            if n == 0 or job.stream_a:
                yield np.concatenate([a_tiles[base], b_tiles[n]], axis=1).reshape(-1, size)
            else:
                yield b_tiles[n].reshape(-1, size)
            if n == 0:
                yield from (a_tiles[base + i].reshape(-1, size) for i in range(1, held))
        base += held


def _block_beats(
    params: MatrixParams, job: Job, a: Ints, b: Ints, heads: list[Bytes]
) -> Iterator[Bytes]:
    """Weight-stationary: blocks of ``rows`` along k; B a word for each k, A for each row."""
    blocks = -(-job.k // params.rows)
    b_padded = np.zeros((blocks * params.rows, job.n), dtype=np.int64)
    b_padded[: job.k] = b
    a_blocks = [_beats(params, t) for t in _tiles(a, params.rows, params.a_bits)]  # [block][m]
    b_tiles = [_beats(params, t) for t in _tiles(b_padded, params.columns, params.b_bits)]
    size = params.port_bytes
    top = 0
    for rows in job.group_rows:
        for n in range(job.n_tiles):
            yield from heads[n : n + 1]
            for block in range(blocks):
                word = block * params.rows
                yield b_tiles[n][word : word + params.rows].reshape(-1, size)
                if n == 0 or job.stream_a:
                    yield a_blocks[block][top : top + rows].reshape(-1, size)
        top += rows


def unpack(params: MatrixParams, job: Job, beats: Bytes) -> Ints:
    """Return the result ``[m, n]`` as int64 from the engine's output beats, in order."""
    per_row = params.beats(params.out_word_bits)
    rows = beats.reshape(-1, per_row * params.port_bytes)[:, : params.out_word_bits // 8]
    size = params.out_bits // 8
    values = np.zeros((rows.shape[0], params.columns), dtype=np.int64)
    raw = np.ascontiguousarray(rows).reshape(rows.shape[0], params.columns, size)
    for byte in range(size):
        part = raw[:, :, byte].astype(np.int64)
        if byte == size - 1:
            part = (part ^ 0x80) - 0x80
        values |= part << (8 * byte)
    out = np.zeros((job.m, job.n_tiles * params.columns), dtype=np.int64)
    at = top = 0
    for count in job.group_rows:
        for n in range(job.n_tiles):
            left = n * params.columns
            out[top : top + count, left : left + params.columns] = values[at : at + count]
            at += count
        top += count
    return out[:, : job.n]


def output_rows(job: Job) -> int:
    """Return the rows (of one column tile each) that the engine puts out."""
    return job.m * job.n_tiles


def _tiles(array: Ints, lanes: int, bits: int) -> list[Bytes]:
    """Cut ``[k, x]`` into column blocks of ``lanes``, zero padded, as little-endian bytes."""
    k, width = array.shape
    count = -(-width // lanes)
    padded = np.zeros((k, count * lanes), dtype=np.int64)
    padded[:, :width] = array
    raw = padded.astype(f"<i{bits // 8}").view(np.uint8).reshape(k, count, -1)
    return [np.ascontiguousarray(raw[:, i, :]) for i in range(count)]


def _beats(params: MatrixParams, words: Bytes) -> Bytes:
    """Pad each word to whole beats: ``[words, beats, port_bytes]``."""
    count = params.beats(8 * words.shape[1])
    out = np.zeros((words.shape[0], count * params.port_bytes), dtype=np.uint8)
    out[:, : words.shape[1]] = words
    return out.reshape(words.shape[0], count, params.port_bytes)


def _column_words(params: MatrixParams, job: Job, columns: ColumnParams | None) -> Bytes | None:
    """Return each column tile's parameter word, or ``None`` where the engine has none."""
    if not params.has_params or columns is None:
        return None
    width = job.n_tiles * params.columns
    fields: list[Bytes] = []
    if params.bias:
        fields.append(_field(columns.bias, width, params.acc_bits // 8))
    if params.requantise:
        fields.append(_field(columns.multiplier, width, 2))
        fields.append(_field(columns.shift, width, 2))
    return np.concatenate(fields, axis=1).reshape(job.n_tiles, -1)


def _field(values: Ints, width: int, size: int) -> Bytes:
    padded = np.zeros(width, dtype=np.int64)
    padded[: values.size] = values
    return padded.astype("<i8").view(np.uint8).reshape(width, 8)[:, :size]
