"""Bank conflicts against a naive simulation, and the layout that keeps dense levels free."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim.config.ngpc_grid import GridParams
from archsim.config.ngpc_layout import level_layout
from archsim.models.ngpc.banks import count_cycles, interval, random_positions, words_of

HASH = GridParams(levels=8, log2_entries=12, base=8, growth=1.6)


def asked(row):
    """The words of a cell: a pair along x shares one where it can."""
    pairs = zip(row[0::2], row[1::2], strict=True)
    return [w for low, high in pairs for w in ((low,) if low == high else (low, high))]


def naive(words, banks, depth):
    """Cycles and reads with lists for queues."""
    queues = [[] for _ in range(banks)]
    rows = words.tolist()
    todo = [[] if n and row == rows[n - 1] else asked(row) for n, row in enumerate(rows)]
    missing = [len(row) for row in todo]
    started = emitted = cycles = read = 0
    while emitted < len(todo):
        if started < len(todo):
            wanted = {b: [w for w in todo[started] if w % banks == b] for b in range(banks)}
            if all(
                not queues[b] or len(queues[b]) + len(row) <= depth
                for b, row in wanted.items()
                if row
            ):
                for b, row in wanted.items():
                    queues[b] += [started] * len(row)
                    read += len(row)
                started += 1
        for queue in queues:
            if queue:
                missing[queue.pop(0)] -= 1
        if emitted < started and missing[emitted] == 0:
            emitted += 1
        cycles += 1
    return cycles, read


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([1, 2, 4, 8, 16]), st.integers(1, 12), st.sampled_from([4, 8]),
    st.integers(1, 64), st.integers(0, 2**32),
)  # fmt: skip
def test_cycles_equal_a_naive_simulation(banks, depth, corners, spread, seed):
    rng = np.random.default_rng(seed)
    words = rng.integers(0, spread, (60, corners)).repeat(rng.integers(1, 4, 60), axis=0)
    assert count_cycles(words, banks, depth) == naive(words, banks, depth)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("base", [2, 7, 16, 31, 59])
def test_a_dense_cell_lies_in_different_banks(dims, base):
    grid = GridParams(dims=dims, levels=1, base=base, growth=1.0, kind="dense")
    level = grid.tables[0]
    layout = level_layout(grid, level)
    rng = np.random.default_rng(base)
    cells = rng.integers(0, level.resolution, (500, dims)).astype(np.uint32)
    words = words_of(grid, level, cells)
    assert words.max() < layout.words
    for row in words:
        distinct = set(row.tolist())
        assert len({w % 8 for w in distinct}) == len(distinct)


def test_every_vertex_has_its_own_place():
    grid = GridParams(levels=1, base=6, growth=1.0, kind="dense")
    level = grid.tables[0]
    side = range(level.resolution + 1)
    cells = np.array(list(product(side, side, side)), np.uint32)
    places = words_of(grid, level, cells)[:, 0] * 2 + cells[:, 0] % 2
    assert len(set(places.tolist())) == len(cells)


@pytest.mark.parametrize("along_rays", [False, True])
def test_rates_with_eight_banks(along_rays):
    for level in HASH.tables:
        cycles, _ = interval(HASH, level.number, 8, 8, along_rays)
        assert 1 / cycles >= (0.95 if level.hashed else 0.99)


def test_shallow_queues_and_few_banks_cost_cycles():
    finest = HASH.levels - 1
    deep, shallow = (interval(HASH, finest, 8, d, False)[0] for d in (8, 2))
    assert deep * 1.2 < shallow
    by_banks = [interval(HASH, finest, b, 8, False)[0] for b in (1, 2, 4, 8, 16)]
    assert by_banks == sorted(by_banks, reverse=True)
    cycles, read = interval(HASH, finest, 1, 8, False)
    assert np.isclose(cycles, read, rtol=1e-3)  # one bank serves one word a cycle
    assert 5.5 < read < 6.5  # four words where x is even, eight where it is odd


def test_positions_cover_the_cube():
    positions = random_positions(3)
    assert positions.min() >= 0 and positions.max() < 1
    assert np.allclose(positions.mean(axis=0), 0.5, atol=0.02)
