"""Operator parameters of the Edge-MoE accelerator, for ``functional`` and ``hdl`` alike."""

from __future__ import annotations

from archsim.config.edgemoe_params import EdgeMoeParams
from archsim.numeric.operators import ExpParams, GeluParams, ReciprocalParams, RsqrtParams

CURVE_INDEX_BITS = 10
CURVE_VALUE_BITS = 26

MEAN_BITS = 30
"""Fraction bits of the constant ``1 / dim`` of the layer norm."""

VARIANCE_BITS = 40
"""Width of the variance: activations of up to half their range have it."""


def exp_params(params: EdgeMoeParams) -> ExpParams:
    """``exp(-x)`` of the distance of two activations, at the activation's fraction bits."""
    form = params.formats.activation
    return ExpParams(
        in_bits=form.bits,
        in_fraction_bits=form.fraction_bits,
        out_fraction_bits=form.fraction_bits,
        index_bits=CURVE_INDEX_BITS,
        value_bits=CURVE_VALUE_BITS,
    )


def reciprocal_params(params: EdgeMoeParams) -> ReciprocalParams:
    """``1 / x`` of a softmax sum (at least 1), at the activation's fraction bits."""
    form = params.formats.activation
    return ReciprocalParams(
        in_bits=form.bits,
        in_fraction_bits=form.fraction_bits,
        out_bits=form.fraction_bits + 1,
        out_fraction_bits=form.fraction_bits,
        index_bits=CURVE_INDEX_BITS,
        value_bits=CURVE_VALUE_BITS,
    )


def rsqrt_params(params: EdgeMoeParams) -> RsqrtParams:
    """``1 / sqrt(x)`` of a variance, at the activation's fraction bits."""
    form = params.formats.activation
    return RsqrtParams(
        in_bits=VARIANCE_BITS,
        in_fraction_bits=form.fraction_bits,
        out_bits=form.bits,
        out_fraction_bits=form.fraction_bits,
        index_bits=CURVE_INDEX_BITS,
        value_bits=CURVE_VALUE_BITS,
    )


def gelu_params(params: EdgeMoeParams) -> GeluParams:
    """GELU of an activation, its table at the activation's fraction bits."""
    form = params.formats.activation
    return GeluParams(
        bits=form.bits, fraction_bits=form.fraction_bits, value_bits=form.fraction_bits
    )


def epsilon(params: EdgeMoeParams) -> int:
    """Return 1e-6 of the layer norm in the activation's format, truncated."""
    return int(1e-6 * (1 << params.formats.activation.fraction_bits))


def mean_factor(params: EdgeMoeParams) -> int:
    """Return ``1 / dim`` at ``MEAN_BITS`` fraction bits, rounded to the nearest."""
    return round((1 << MEAN_BITS) / params.dim)


ERF_LIMIT = 6
"""From this size on GELU by the error function is ReLU: the rest is below 6e-9."""

ERF_SCALE = 0.3275911 / 2**0.5
ERF_COEFFICIENTS = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)
"""``erfc(z) = (a1 t + ... + a5 t**5) exp(-z**2)``, ``t = 1 / (1 + 0.3275911 z)``, 1.5e-7 at most
(Abramowitz and Stegun 7.1.26)."""


def erf_constants(params: EdgeMoeParams) -> tuple[int, tuple[int, ...]]:
    """Return ``ERF_SCALE`` and ``ERF_COEFFICIENTS`` at the activation's fraction bits."""
    scale = 1 << params.formats.activation.fraction_bits
    return round(ERF_SCALE * scale), tuple(round(c * scale) for c in ERF_COEFFICIENTS)
