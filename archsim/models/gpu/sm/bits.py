"""Bit patterns of floating-point numbers, fused multiply-add and rounding modes for compiled code.

Rounding modes are those of the machine code: `RN` to nearest even, `RZ` toward zero, `RM` down,
`RP` up. Directed results come from the exact error of the nearest one (error-free transformations),
so that they are correctly rounded.
"""

from __future__ import annotations

import math
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from archsim.engine.jit import inlined, inner

RN, RZ, RM, RP = 0, 1, 2, 3
NAN32 = 0x7FFFFFFF
NAN64 = 0xFFF8000000000000


def _caster(source: Any, target: Any, kind: Any) -> Any:
    @intrinsic
    def cast_bits(typing_context: Any, value: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.bitcast(args[0], kind)

        return target(source), generate

    return cast_bits


f32 = _caster(types.uint32, types.float32, ir.FloatType())
u32 = _caster(types.float32, types.uint32, ir.IntType(32))
f64 = _caster(types.uint64, types.float64, ir.DoubleType())
u64 = _caster(types.float64, types.uint64, ir.IntType(64))


def _fused(number: Any, kind: Any) -> Any:
    @intrinsic
    def fused(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            shape = ir.FunctionType(kind, [kind] * 3)
            function = builder.module.declare_intrinsic("llvm.fma", [kind], shape)
            return builder.call(function, args)

        return number(number, number, number), generate

    return fused


fma32 = _fused(types.float32, ir.FloatType())
fma64 = _fused(types.float64, ir.DoubleType())


@inlined
def pair(low: Any, high: Any) -> Any:
    """64 bits of two 32-bit words."""
    return types.uint64(low) | (types.uint64(high) << types.uint64(32))


@inlined
def low(word: Any) -> Any:
    """Bits 0 to 31."""
    return types.uint32(word & types.uint64(0xFFFFFFFF))


@inlined
def high(word: Any) -> Any:
    """Bits 32 to 63."""
    return types.uint32(word >> types.uint64(32))


@inner
def next_away(x: Any, up: bool) -> float:
    """The neighbour of a finite double above (``up``) or below it."""
    bits = u64(x)
    if (bits << types.uint64(1)) == types.uint64(0):
        tiny = f64(types.uint64(1))
        return tiny if up else -tiny
    if (x > 0.0) == up:
        return float(f64(bits + types.uint64(1)))
    return float(f64(bits - types.uint64(1)))


@inner
def directed(x: Any, error: Any, mode: int) -> float:
    """The exact value ``x + error`` (|error| below half an ulp of x) rounded in ``mode``.

    Exact zeros keep the sign that the hardware gives them: the caller's nearest one.
    """
    if mode == RN or error == 0.0 or not math.isfinite(x):
        return float(x)
    if mode == RP:
        return next_away(x, True) if error > 0.0 else float(x)
    if mode == RM:
        return next_away(x, False) if error < 0.0 else float(x)
    if x > 0.0 and error < 0.0:
        return next_away(x, False)
    if x < 0.0 and error > 0.0:
        return next_away(x, True)
    return float(x)


@inner
def odd(x: Any, error: Any) -> float:
    """``x + error`` rounded to odd: a later rounding to fewer bits is then exact."""
    if error == 0.0 or not math.isfinite(x) or (u64(x) & types.uint64(1)):
        return float(x)
    return next_away(x, error > 0.0)


@inner
def sum_error(a: Any, b: Any, total: Any) -> float:
    """Exact error of ``total``, the nearest double to a + b (Knuth)."""
    part = total - a
    return float((a - (total - part)) + (b - part))


@inner
def fma_error(a: Any, b: Any, c: Any, result: Any) -> float:
    """A number with the sign of a * b + c - result (Boldo and Muller 2011, ErrFma)."""
    product = a * b
    product_error = fma64(a, b, -product)
    alpha = c + product_error
    alpha_error = sum_error(c, product_error, alpha)
    beta = product + alpha
    beta_error = sum_error(product, alpha, beta)
    gamma = (beta - result) + beta_error
    return float(gamma + alpha_error)


@inner
def add64(a: Any, b: Any, mode: int) -> float:
    """A + b in fp64."""
    total = a + b
    if mode == RN:
        return float(total)
    if total == 0.0 and mode == RM and not (a == 0.0 and b == 0.0):
        return -0.0
    return directed(total, sum_error(a, b, total), mode)


@inner
def fused64(a: Any, b: Any, c: Any, mode: int) -> float:
    """A * b + c in fp64, rounded once."""
    result = fma64(a, b, c)
    if mode == RN:
        return float(result)
    return directed(result, fma_error(a, b, c, result), mode)


@inner
def mul64(a: Any, b: Any, mode: int) -> float:
    """A * b in fp64."""
    product = a * b
    if mode == RN:
        return float(product)
    return directed(product, fma64(a, b, -product), mode)


@inner
def narrow32(x: Any, mode: int) -> Any:
    """The double ``x`` as fp32 bits, rounded in ``mode``."""
    if x != x:
        return types.uint32(NAN32)
    near = types.float32(x)
    bits = u32(near)
    wide = types.float64(near)
    if mode == RN or wide == x:
        return bits
    above = wide > x
    if math.isinf(x):
        return bits
    magnitude_down = (mode == RZ and (above == (x > 0.0))) or (mode == RM and above and x > 0.0)
    magnitude_down = magnitude_down or (mode == RP and not above and x < 0.0)
    if magnitude_down:
        return types.uint32(bits - types.uint32(1))
    if (mode == RP and not above and x > 0.0) or (mode == RM and above and x < 0.0):
        return types.uint32(bits + types.uint32(1))
    return bits


@inner
def fused32(a: Any, b: Any, c: Any, mode: int) -> Any:
    """A * b + c of fp32 values given as doubles: fp32 bits, rounded once in ``mode``."""
    product = a * b
    total = product + c
    return narrow32(odd(total, sum_error(product, c, total)), mode)


@inner
def half_to_float(bits: Any) -> float:
    """The value of fp16 bits (low 16 of ``bits``)."""
    sign = -1.0 if bits & types.uint32(0x8000) else 1.0
    exponent = int((bits >> types.uint32(10)) & types.uint32(31))
    fraction = float(bits & types.uint32(0x3FF))
    if exponent == 31:
        return math.nan if fraction else sign * math.inf
    if exponent == 0:
        return float(sign * fraction * 2.0**-24)
    return float(sign * (1024.0 + fraction) * power_of_two(exponent - 25))


@inner
def power_of_two(exponent: int) -> float:
    """2 ** exponent for exponents of normal doubles."""
    return float(f64(types.uint64(exponent + 1023) << types.uint64(52)))


@inner
def narrow(x: Any, fraction_bits: int, bias: int, largest: Any, mode: int) -> Any:
    """Magnitude of a finite double as a small binary format: exponent and fraction bits.

    Results above ``largest`` (an encoding) are returned as ``largest + 1``; the sign is left out.
    """
    magnitude = abs(x)
    if magnitude == 0.0:
        return types.uint32(0)
    exponent = int((u64(magnitude) >> types.uint64(52)) & types.uint64(2047)) - 1023
    exponent = max(exponent, 1 - bias)
    scaled = magnitude * power_of_two(min(fraction_bits - exponent, 1000))
    whole = math.floor(scaled)
    rest = scaled - whole
    up = rest > 0.5 or (rest == 0.5 and whole % 2.0 == 1.0)
    if mode == RZ:
        up = False
    elif mode == RP:
        up = rest > 0.0 and x > 0.0
    elif mode == RM:
        up = rest > 0.0 and x < 0.0
    code = int(whole) + (1 if up else 0) + ((exponent + bias - 1) << fraction_bits)
    return types.uint32(min(code, int(largest) + 1))


@inner
def float_to_half(x: Any, mode: int) -> Any:
    """Fp16 bits of a double, rounded in ``mode``; overflow gives infinity (RZ: the largest)."""
    if x != x:
        return types.uint32(0x7FFF)
    sign = types.uint32(0x8000) if math.copysign(1.0, x) < 0.0 else types.uint32(0)
    if math.isinf(x):
        return sign | types.uint32(0x7C00)
    code = narrow(x, 10, 15, types.uint32(0x7BFF), mode)
    keeps = mode == RZ or (mode == RM and x > 0.0) or (mode == RP and x < 0.0)
    if code > types.uint32(0x7BFF) and keeps:
        code = types.uint32(0x7BFF)
    return sign | code


@inner
def float_to_bfloat(x: Any, mode: int) -> Any:
    """Bf16 bits of a double, rounded in ``mode``."""
    if x != x:
        return types.uint32(0x7FFF)
    sign = types.uint32(0x8000) if math.copysign(1.0, x) < 0.0 else types.uint32(0)
    if math.isinf(x):
        return sign | types.uint32(0x7F80)
    code = narrow(x, 7, 127, types.uint32(0x7F7F), mode)
    keeps = mode == RZ or (mode == RM and x > 0.0) or (mode == RP and x < 0.0)
    if code > types.uint32(0x7F7F) and keeps:
        code = types.uint32(0x7F7F)
    return sign | code


@inner
def bfloat_to_float(bits: Any) -> float:
    """The value of bf16 bits (low 16 of ``bits``)."""
    return float(f32(types.uint32((bits & types.uint32(0xFFFF)) << types.uint32(16))))
