"""The rules of the grid encoding and the perceptron again, one number at a time, no NumPy arrays.

Written from tiny-cuda-nn's rules without the code under test; integers are Python integers.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

PRIMES = (1, 2654435761, 805459861)
MASK = 0xFFFFFFFF


def f32(x):
    return float(np.float32(x))


def levels(dims, count, log2_entries, base, growth, kind):
    """Scale, resolution, entries, whether hashed, of each level."""
    found = []
    log2_growth = f32(math.log2(f32(growth)))
    for number in range(count):
        scale = f32(f32(2.0 ** f32(number * log2_growth)) * base - 1.0)
        resolution = math.ceil(scale) + 1
        dense = resolution**dims
        entries = (dense + 7) // 8 * 8
        if kind == "hash":
            entries = min(entries, 2**log2_entries)
        if kind == "tiled":
            entries = min(entries, base**dims)
        too_fine = resolution > {2: 0xFFFF, 3: 1625}[dims]
        hashed = kind == "hash" and (too_fine or entries < dense)
        found.append((scale, resolution, entries, hashed))
    return found


def index(vertex, resolution, entries, hashed):
    if hashed:
        value = 0
        for coordinate, prime in zip(vertex, PRIMES, strict=False):
            value ^= coordinate * prime & MASK
    else:
        value, stride = 0, 1
        for coordinate in vertex:
            value += coordinate * stride
            stride *= resolution
    return value % entries


def corners(dims):
    for number in range(2**dims):
        yield tuple(number // 2**axis % 2 for axis in range(dims))


def encode_float(spec, features, position, table, smooth):
    """Features of one position in exact single-precision positions and float64 sums."""
    out, offset = [], 0
    for scale, resolution, entries, hashed in spec:
        scaled = [f32(float(Fraction(scale) * Fraction(x) + Fraction(1, 2))) for x in position]
        cell = [math.floor(s) for s in scaled]
        within = [f32(s - c) for s, c in zip(scaled, cell, strict=True)]
        if smooth:
            within = [w * w * (3 - 2 * w) for w in within]
        total = [0.0] * features
        for corner in corners(len(position)):
            weight = 1.0
            for w, bit in zip(within, corner, strict=True):
                weight *= w if bit else 1 - w
            vertex = [c + bit for c, bit in zip(cell, corner, strict=True)]
            entry = offset + index(vertex, resolution, entries, hashed)
            for f in range(features):
                total[f] += weight * float(table[entry][f])
        out += total
        offset += entries
    return out


def half_up(x):
    return math.floor(x + Fraction(1, 2))


def encode_fixed(spec, features, formats, position, table, smooth):
    """Raw features of one raw position, in rational arithmetic."""
    one = 2**formats.fraction_bits
    out, offset = [], 0
    for scale, resolution, entries, hashed in spec:
        raw_scale = round(scale * 2**formats.scale_fraction_bits)
        factor = Fraction(raw_scale, 2**formats.scale_fraction_bits)
        cell, within = [], []
        for x in position:
            exact = factor * Fraction(x, 2**formats.position_bits) + Fraction(1, 2)
            rounded = half_up(exact * one)
            cell.append(rounded // one)
            fraction = Fraction(rounded % one, one)
            if smooth:
                fraction = Fraction(half_up((3 * fraction**2 - 2 * fraction**3) * one), one)
            within.append(fraction)
        for f in range(features):

            def value(
                axis,
                vertex,
                f=f,
                cell=cell,
                within=within,
                offset=offset,
                rest=(resolution, entries, hashed),
            ):
                """Interpolate along ``axis`` and those below it."""
                if axis < 0:
                    return int(table[offset + index(vertex, *rest)][f])
                low = value(axis - 1, vertex)
                moved = [c + (i == axis) for i, c in enumerate(vertex)]
                high = value(axis - 1, moved)
                return low + half_up((high - low) * within[axis])

            out.append(value(len(position) - 1, list(cell)))
        offset += entries
    return out


def perceptron(x, weights, shifts, relus, bits):
    """Raw outputs of one raw input vector."""
    for weight, shift, relu in zip(weights, shifts, relus, strict=True):
        x = list(x) + [0] * (len(weight) - len(x))
        out = []
        for column in range(len(weight[0])):
            total = sum(int(a) * int(row[column]) for a, row in zip(x, weight, strict=True))
            total = max(total, 0) if relu else total
            total = half_up(Fraction(total, 2**shift))
            out.append(min(max(total, -(2 ** (bits - 1))), 2 ** (bits - 1) - 1))
        x = out
    return x
